/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is applied, held against this host once more. Internal. */
#ifndef IOSCC_CLI_REPAIR_H
#define IOSCC_CLI_REPAIR_H

#include "backends/ike/daemon/watch.h"
#include "compiler/cli/session.h"

struct repair {
    const struct command *command;
    const char *state_dir;
    int (*reload)(void *arg); /* as `ioscc reload` of the same file; an exit code after a message */
    void *arg;
};

struct repair_count {
    unsigned long long done, failed;
};
/* How often the watch of the daemon that runs, or has run last, has put something right, and could not. */
struct repair_count repair_counted(struct state *s);
/* As watch_repair_fn, `arg` is a struct repair: plans the configuration of the state directory for this host as it is
 * now and puts right what differs, with one line in the log. Where its own addresses or those of peers known by name
 * are others than those that the daemon has, the daemon gets its policy anew. */
int repair_host(void *arg, const struct watch_look *l) MUST_CHECK;

#endif
