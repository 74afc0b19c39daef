/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of `ioscc check`: what was asked, and what one file yields. Internal to compiler/cli. */
#ifndef IOSCC_CLI_CHECK_H
#define IOSCC_CLI_CHECK_H

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

/* A table of rules and how often they were raised. */
void check_summary(struct buf *out, const struct check_counts *n);

#endif
