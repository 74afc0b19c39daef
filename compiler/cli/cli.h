/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subcommands: a table that is dispatch and help at once. Internal to compiler/cli. */
#ifndef IOSCC_CLI_CLI_H
#define IOSCC_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "compiler/base/must.h"
#include "compiler/base/str.h"

enum exit_code { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_SYSTEM = 3 };

struct cli_option {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    const char *arg;  /* NULL: a flag */
    const char *help;
};

struct command {
    const char *name;
    const char *synopsis; /* after the name */
    const char *summary;
    const struct cli_option *options; /* ends with name NULL */
    int (*run)(const struct command *c, int argc, char **argv);
};

extern const struct command cmd_check, cmd_compile, cmd_show, cmd_plan, cmd_apply, cmd_status, cmd_remove, cmd_confirm,
    cmd_rollback, cmd_clear, cmd_rules, cmd_explain, cmd_fleet, cmd_facts, cmd_run, cmd_reload, cmd_initiate,
    cmd_metrics;

/*
 * Reads the next option. Returns its index in c->options, CLI_END when the words begin (then *i is the first), CLI_HELP
 * after --help was printed, CLI_BAD after a message was printed. `--option value`, `--option=value`, `-x value`.
 */
enum { CLI_END = -1, CLI_HELP = -2, CLI_BAD = -3 };
int cli_next(const struct command *c, int argc, char **argv, int *i, const char **value) MUST_CHECK;

/* Of what is kept in the state directory: JSON holds UTF-8 and nothing else, and a value that is lost would mean
 * another at the next command. False after a message. NULL is kept. */
bool cli_can_be_kept(const struct command *c, const char *option, const char *value) MUST_CHECK;

void cli_help(const struct command *c, FILE *to);
int cli_usage_error(const struct command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes a buffer to a file descriptor stream; false after a message on standard error. */
bool cli_write(FILE *to, const struct buf *b) MUST_CHECK;
/* What to say behind strerror(-error) of something that only root may do: "" for root, and for other errors. */
const char *cli_as_root(int error);

#endif
