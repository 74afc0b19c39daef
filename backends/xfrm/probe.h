/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does this kernel have what SAs of a configuration need: ESP or AH, and the algorithms? Policies do not tell: it takes
 * them without. */
#ifndef IOSCC_BACKENDS_XFRM_PROBE_H
#define IOSCC_BACKENDS_XFRM_PROBE_H

#include "backends/netlink/netlink.h"
#include "backends/target/target.h"
#include "compiler/base/must.h"

/* Adds an SA of each transform set that a carried crypto map names, and takes it away again: call it in a network
 * namespace of its own. `f` is told each set that the kernel refuses, with the error (a negative errno) and the
 * kernel's words. */
typedef void xfrm_refused_fn(void *ctx, const struct transform_set *set, int error, const char *words);
void xfrm_probe(struct netlink *n, const struct target *t, xfrm_refused_fn *f, void *ctx);

#endif
