/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is applied, held against this host once more. Internal. */
#ifndef IOSCC_CLI_REPAIR_H
#define IOSCC_CLI_REPAIR_H

#include "compiler/cli/session.h"

struct repair {
    const struct command *command;
    const char *state_dir;
};

/* As watch_repair_fn, `arg` is a struct repair: plans the configuration of the state directory for this host as it is
 * now and puts right what differs, with one line in the log. Peers known by name keep the address that they were
 * applied with; nothing is looked up. */
int repair_host(void *arg, const char *after, uint64_t since_ms) MUST_CHECK;

#endif
