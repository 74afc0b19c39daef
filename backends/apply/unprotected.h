/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protected networks that this host routes by an interface without a crypto map. A crypto map protects what leaves by
 * its own interfaces (guide, "Applying Crypto Map Sets to Interfaces"): what a route leads elsewhere leaves in the
 * clear, on the router as here. That is right, and seldom what was meant.
 */
#ifndef IOSCC_BACKENDS_APPLY_UNPROTECTED_H
#define IOSCC_BACKENDS_APPLY_UNPROTECTED_H

#include "backends/target/target.h"

/* A finding (IC4026) for each line of a crypto list whose networks are so routed. One address of a network stands for
 * all of it. Returns 0 or a negative errno: it cannot be told. */
int unprotected_find(struct target *t) MUST_CHECK;

#endif
