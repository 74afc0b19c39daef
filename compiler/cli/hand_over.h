/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy for the daemon that runs: by the reload socket, which is root's. Internal. */
#ifndef IOSCC_CLI_HAND_OVER_H
#define IOSCC_CLI_HAND_OVER_H

#include "backends/ike/policy.h"
#include "compiler/base/str.h"
#include "compiler/cli/cli.h"

/* What became of its SAs. */
struct hand_over_told {
    long long sas_kept, sas_ended, children_kept, children_ended;
};
/* `policy` as ike_policy_write() makes it, with its secrets. EXIT_CLEAN, or EXIT_SYSTEM after a message. */
int hand_over(const struct command *c, const char *state_dir, const struct buf *policy,
              struct hand_over_told *out) MUST_CHECK;

#endif
