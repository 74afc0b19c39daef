/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The links of a host as ways out: which crypto maps hold there, and what they let go. */
#ifndef IOSCC_BACKENDS_APPLY_EGRESS_H
#define IOSCC_BACKENDS_APPLY_EGRESS_H

#include "backends/target/target.h"

enum egress_side { SIDE_UNKNOWN, SIDE_INSIDE, SIDE_OUTSIDE };
struct egress {
    const struct host_link *link;
    struct ptrlist maps;   /* struct target_map: those that hold on it */
    enum egress_side side; /* egress_is_inside() */
};
struct egresses {
    const struct target *t;
    struct arena *arena;
    struct egress *v; /* as the links of the host, in their order */
    uint32_t n;
    struct symtab numbered; /* ("", index of a link) → struct egress */
    struct symtab indexes;  /* (its address) → struct box_index of a map's list */
};

void egresses_build(struct egresses *e, struct arena *arena, const struct target *t);
/* NULL: no link has that number, or that name. */
struct egress *egress_numbered(const struct egresses *e, uint32_t index);
struct egress *egress_named(const struct egresses *e, const char *name);
bool egress_has(const struct egress *x, const struct target_map *m) MUST_CHECK;
/* What comes from there is what lists protect: an address of the link is among the sources of a line, other than `any`.
 * What is routed there is behind the router. */
bool egress_is_inside(struct egresses *e, struct egress *x) MUST_CHECK;

/* The rules of a map's list that have a packet in common with a box, in their order. */
struct egress_rules {
    const struct target_map *map;
    struct ptrlist rules; /* struct flat_rule */
};
struct egress_rules egress_rules_about(struct egresses *e, const struct target_map *m, const struct box *b);
/* Is a packet of that box encrypted or dropped by them? */
bool egress_closes(const struct egress_rules *r, const struct packet *p) MUST_CHECK;

#endif
