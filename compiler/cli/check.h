/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of `ioscc check`: what was asked, and what one file yields. Internal to compiler/cli. */
#ifndef IOSCC_CLI_CHECK_H
#define IOSCC_CLI_CHECK_H

#include "compiler/base/must.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/walk.h"
#include "lint/baseline.h"
#include "lint/judge.h"
#include "lint/reporters/reporter.h"

struct ios_parser;

struct check_run {
    const struct reporter *reporter;
    bool colour;
    enum severity least; /* findings below are not shown */
    struct settings settings;
    struct baseline *baseline;  /* known findings, NULL */
    struct baseline *collected; /* to be written, NULL */
    pthread_mutex_t collecting;
    const char *diff_base; /* commit, NULL */
    bool fix, dry_run;
};

/* What the files of one thread added up to. */
struct check_counts {
    uint32_t by_severity[3], known, fixed;
    uint32_t per_rule[DIAG_COUNT], files_of_rule[DIAG_COUNT];
    bool unreadable, system_error;
};

/* Checks one file and writes what there is to say. */
void check_file(struct check_run *run, struct ios_parser *parser, const struct walk_item *item, struct buf *out,
                struct check_counts *n);

/* Shows findings of one file: without those that are known or below the level that is shown. `prints`: fingerprints. */
void check_tell(struct check_run *run, struct source *src, struct diag_list *l, const char **prints, struct buf *out,
                struct check_counts *n);

/* After all files: what they say of one another. Calls `emit` for each file with findings. Exit code. */
int check_fleet(const struct command *c, struct check_run *run, const struct walk *files, long jobs,
                struct check_counts *n, void (*emit)(void *ctx, struct buf *out), void *ctx) MUST_CHECK;

/* A table of rules and how often they were raised. */
void check_summary(struct buf *out, const struct check_counts *n);

#endif
