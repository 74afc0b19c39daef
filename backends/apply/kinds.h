/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kinds of packets: what routes, rules of routing and crypto lists say of packets they say of ranges (of sources, of
 * destinations, of ports). Where all ranges are cut at each other's ends, one packet stands for all of its kind: what
 * holds for it holds for each.
 */
#ifndef IOSCC_BACKENDS_APPLY_KINDS_H
#define IOSCC_BACKENDS_APPLY_KINDS_H

#include "compiler/base/arena.h"
#include "compiler/sets/sets.h"

/* Addresses, network byte order; 4 bytes of IPv4, the rest zero. */
struct address {
    uint8_t b[16];
};

/* Where ranges of addresses begin, and where they have ended. */
struct cut {
    struct address at;
    int32_t marks[2]; /* how many more (or fewer) marked ranges there are from here on, of each mark */
};
struct cuts {
    struct arena *arena;
    struct cut *v;
    uint32_t n, room;
};
enum cut_mark { CUT_PLAIN = 0, CUT_FIRST = 1, CUT_SECOND = 2 }; /* bits: a range may have both marks */

/* The first and the last address that fits; where its wildcard has holes, they are between. */
void kinds_ends(const struct addr_bits *bits, uint8_t family, struct address *lo, struct address *hi);
/* The first address not before `from` that fits. False: there is none. */
bool kinds_first_from(const struct addr_bits *bits, uint8_t family, const struct address *from,
                      struct address *out) MUST_CHECK;
/* One address further. False: it was the last one. */
bool kinds_step(struct address *a, uint8_t family) MUST_CHECK;

void cuts_add(struct cuts *c, uint8_t family, const struct address *lo, const struct address *hi, unsigned marks);
void cuts_add_bits(struct cuts *c, uint8_t family, const struct addr_bits *bits, unsigned marks);

/* An address for each piece of `within` that the cuts leave whole, and how many marked ranges it is in. Sorts the
 * cuts; the result is in their arena. */
struct piece {
    struct address first, last;
    int32_t marks[2];
};
struct pieces {
    struct piece *v;
    uint32_t n;
};
struct pieces cuts_pieces(struct cuts *c, const struct addr_bits *within, uint8_t family);

/* Protocols and ports: what stands for a kind, and all that is of it. */
struct port_kind {
    uint8_t proto;
    struct port_range sport, dport; /* the first of each stands for the rest; ICMP: type and code */
    bool is_rest;                   /* of all protocols that no box names: `proto` is one of them */
};
struct port_kinds {
    struct port_kind *v;
    uint32_t n, room;
};
/* A kind for each that the boxes tell apart inside of `within`: of each of their protocols, and of the rest. */
struct port_kinds kinds_of_ports(struct arena *arena, const struct box *within, const struct boxes *boxes);
/* The packets of a kind, in some box: as box without addresses. Those of the rest have any protocol. */
struct box kinds_box(const struct port_kind *k, uint8_t family);

/* The networks that are together the addresses from `first` to `last`, in `out` with room for KINDS_NETWORKS; how many.
 */
#define KINDS_NETWORKS 256
unsigned kinds_networks(uint8_t family, const struct address *first, const struct address *last,
                        struct addr_bits *out) MUST_CHECK;

#endif
