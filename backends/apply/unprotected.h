/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protected networks that this host routes by an interface without a crypto map. A crypto map protects what leaves by
 * its own interfaces (guide, "Applying Crypto Map Sets to Interfaces"): what a route leads elsewhere leaves in the
 * clear, on the router as here. That is right, and seldom what was meant.
 */
#ifndef IOSCC_BACKENDS_APPLY_UNPROTECTED_H
#define IOSCC_BACKENDS_APPLY_UNPROTECTED_H

#include "backends/target/target.h"

/* A finding (IC4026) for each line of a crypto list whose packets are so routed. It asks the kernel `questions` at
 * most; where that does not do, *is_whole is false and a finding says so, but not for UNPROTECTED_SOON. Returns 0 or a
 * negative errno: it cannot be told. */
#define UNPROTECTED_WHOLE 200000u /* a second */
#define UNPROTECTED_SOON 20000u   /* for who has to be there for other things */
int unprotected_find(struct target *t, uint32_t questions, bool *is_whole) MUST_CHECK;

#endif
