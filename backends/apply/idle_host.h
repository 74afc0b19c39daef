/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps a host from carrying what is applied, though nothing of it would be weaker: it forwards nothing. */
#ifndef IOSCC_BACKENDS_APPLY_IDLE_HOST_H
#define IOSCC_BACKENDS_APPLY_IDLE_HOST_H

#include "backends/target/target.h"

#define EARLY_TABLE "ioscc_early" /* family inet; of the units (packaging/systemd/early.nft) */

/* A finding (IC4027) for each family of which networks behind this host are protected while it does not forward, and
 * for the table of early boot (packaging/systemd/early.nft) that still drops all. 0 or a negative errno: it cannot be
 * told. */
int idle_host_find(struct target *t) MUST_CHECK;
/* Does the table of early boot stand? 0 or a negative errno. */
int idle_host_is_early(bool *is_early) MUST_CHECK;

#endif
