/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's SAs as flows: pairs of one traffic selector each, of lines and of dynamic entries' peers. */
#ifndef IOSCC_BACKENDS_SHOW_FLOWS_H
#define IOSCC_BACKENDS_SHOW_FLOWS_H

#include "backends/show/show.h"

/* One direction of a flow; the SAs are the kernel's newest of it. */
struct show_sas {
    const struct xfrm_sa *esp, *ah; /* NULL: none */
};
struct show_flow {
    struct xfrm_sel sel; /* as packets leave */
    struct ip_addr peer; /* where they go */
    struct show_sas out, in;
};

/* Flows of a line (`l`), as many as it has pairs of hosts with `level per-host`; or of all peers of the map's dynamic
 * entries (`l` NULL). struct show_flow, in `arena`, in the kernel's order. */
void show_flows(struct arena *arena, const struct show_live *live, const struct target_map *m,
                const struct target_line *l, struct ptrlist *out);
/* Is it an SA of a peer of the map's dynamic entries? Such an SA is of no line: it is known by its request number and by
 * the map's address at its end. */
bool show_is_dynamic(const struct target_map *m, const struct xfrm_sa *s) MUST_CHECK;

#endif
