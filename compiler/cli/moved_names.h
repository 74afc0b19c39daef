/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of peers that lead elsewhere now: is there anything to negotiate with at the new address? Internal. */
#ifndef IOSCC_CLI_MOVED_NAMES_H
#define IOSCC_CLI_MOVED_NAMES_H

#include "compiler/cli/session.h"

/* Into `s`, which holds the lock, go the names of `asked` that have moved, but not one whose new address this host
 * could not negotiate with: it has no key for it, or no profile takes it. That name stays where it was, with its
 * tunnel, and `refused` says so; it stays empty where all are taken. A name that leads nowhere is none that has moved.
 * Returns how many were taken. */
unsigned moved_names_take(struct session *s, const struct session *asked, struct buf *refused) MUST_CHECK;

#endif
