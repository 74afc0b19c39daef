/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the host makes protection void on an interface with a crypto map, whatever stands there. */
#ifndef IOSCC_BACKENDS_APPLY_OBSTACLES_H
#define IOSCC_BACKENDS_APPLY_OBSTACLES_H

#include "backends/netlink/netlink.h"
#include "backends/target/target.h"

/* 0, and `why` holds the sentence about the first, or nothing. A negative errno: it cannot be told, which is not the
 * same as none. */
int obstacles_find(const struct target *t, char why[static 256]) MUST_CHECK;

#endif
