/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back while a daemon runs: it gets what was applied before. Internal. */
#ifndef IOSCC_CLI_RELOAD_H
#define IOSCC_CLI_RELOAD_H

#include "compiler/cli/session.h"

/* Applies the previous configuration of `s`, which holds the lock, as it was asked for then, and hands it to the daemon
 * that runs; its tunnels that are the same in both stay up. `has_map`: its interface map is not the one of then.
 * Returns an exit code after a message. */
int reload_previous(struct session *s, bool has_map) MUST_CHECK;

#endif
