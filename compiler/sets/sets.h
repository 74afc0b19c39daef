/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet sets. A box is what one IPsec selector can say: addresses as value/mask (so that non-contiguous wildcards of
 * access lists fit without expansion), one protocol or all, port ranges, or an ICMP type and code. Boxes are closed
 * under intersection. Sets are lists of boxes.
 *
 * On top of it: the reference interpreter of a crypto map set (what happens to a packet) and the flattening into one
 * first-match list, which Linux needs because its policies have no "try the next entry".
 */
#ifndef IOSCC_SETS_SETS_H
#define IOSCC_SETS_SETS_H

#include "compiler/base/ipnames.h"
#include "compiler/base/must.h"
#include "compiler/ir/ir.h"

/* An address field: bits of `care` must equal those of `value`; value & ~care is 0. Network byte order, IPv4 in the
 * first four bytes with the rest zero. */
struct addr_bits {
    uint8_t value[16], care[16];
};
/* A network: its address (4 or 16 bytes, what is behind the prefix does not count) and prefix length in bits. */
struct addr_bits addr_bits_of(uint8_t family, const uint8_t *address, unsigned plen);
struct port_range {
    uint16_t lo, hi;
};
struct box {
    uint8_t family; /* FAMILY_V4 | FAMILY_V6 */
    struct addr_bits src, dst;
    uint16_t proto;                 /* PROTO_ANY or 0–255 */
    struct port_range sport, dport; /* 0–65535 where the protocol has no ports. For ICMP: type and code */
};
struct packet {
    uint8_t family;
    uint8_t src[16], dst[16];
    uint8_t proto;
    uint16_t sport, dport; /* ICMP: type, code */
};

bool box_contains(const struct box *b, const struct packet *p) MUST_CHECK;
/* False if the two have no packet in common. */
bool box_intersect(const struct box *a, const struct box *b, struct box *out) MUST_CHECK;
/* Is every packet of `inner` in `outer`? */
bool box_subset(const struct box *inner, const struct box *outer) MUST_CHECK;
bool box_equal(const struct box *a, const struct box *b) MUST_CHECK;
/* Some packet of a box (they are never empty). */
struct packet box_witness(const struct box *b);
/* "10.1.2.3 → 10.9.0.1 tcp/22", in the arena. Ports and protocol are named where a box says something of them: a
 * witness of all protocols has TCP without ports. */
const char *packet_text(struct arena *a, const struct packet *p);
/* The packets as the peer would send them: source and destination changed round. */
struct box box_mirror(const struct box *b);

struct boxes {
    struct box *v;
    uint32_t n, cap;
};
void boxes_add(struct arena *a, struct boxes *s, const struct box *b);

/* a minus b as disjoint boxes, appended to out. Returns false when more than `limit` boxes would be needed. */
bool box_subtract(struct arena *ar, const struct box *a, const struct box *b, struct boxes *out,
                  uint32_t limit) MUST_CHECK;
/* Is `b` covered by the union of `s`? If not, *witness is a packet of b outside. Returns -1 beyond `limit` boxes of
 * work, else 0 or 1. */
int boxes_cover(struct arena *ar, const struct boxes *s, const struct box *b, uint32_t limit,
                struct packet *witness) MUST_CHECK;

/* An index of boxes for the question "which of them have a packet in common with this one?". Near-linear while the
 * boxes use few different pairs of masks (64); beyond that the rest is compared one by one. Ranks are from 1. */
struct box_index;
struct box_index *box_index_new(struct arena *ar);
/* Keeps the pointer to the box. */
void box_index_add(struct box_index *x, const struct box *b, uint32_t rank, const void *tag);
/* Visits boxes with rank above *floor that share a packet with q, in no order. The visitor may raise *floor: to the
 * rank seen, to find the highest; to UINT32_MAX, to end. */
typedef void box_visitor(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor);
void box_index_visit(struct box_index *x, const struct box *q, uint32_t *floor, box_visitor *f, void *ctx);

/* Layers: layer[i] is 1 + the highest layer of an earlier box that has a packet in common with box i. Boxes of one
 * layer are disjoint, so first-match order among them does not matter: they may go into one set. */
void boxes_layers(struct arena *ar, const struct box *const *v, uint32_t n, uint32_t *layer);

/* What one line of an access list selects, appended to out: several boxes for port lists, neq, and object groups.
 *   LINE_EXACT      the boxes say what the line says
 *   LINE_WIDER      the line has conditions no selector can express (flags, dscp, fragments …): the boxes are wider
 *   LINE_UNKNOWN    nothing can be said: a host name, an undefined object group, more than `limit` boxes */
enum line_sets { LINE_EXACT, LINE_WIDER, LINE_UNKNOWN };
enum line_sets ace_boxes(struct arena *ar, const struct ace *a, enum acl_kind kind, struct boxes *out, uint32_t limit);

/* ---- the reference interpreter ---- */

/* The entry's access list; NULL: it names none, or one that does not exist or has no lines. */
const struct acl *map_entry_list(const struct crypto_map_entry *e);

enum verdict { VERDICT_CLEAR, VERDICT_PROTECT, VERDICT_DROP };
struct decision {
    enum verdict verdict;
    const struct crypto_map_entry *entry; /* that protects or drops; NULL for clear */
    const struct ace *line;               /* permit line; NULL for an entry that drops everything */
};
/* What the router does with an outbound packet on an interface with this map (R-ACL-1, R-MAP-1, R-MAP-4): entries in
 * rising order, first matching line inside each list, deny goes on with the next entry. An entry whose list is missing
 * or empty drops what reaches it; an entry without a list and a GDOI entry match nothing. A dynamic map stands in place
 * of the entry that names it; it never initiates, so what its lists permit is dropped as long as no peer has an SA for
 * it (R-MAP-12). `deny` says what crypto ipsec ipv4-deny is set to. */
enum deny_means { DENY_JUMP, DENY_CLEAR, DENY_DROP };
struct decision map_decide(const struct crypto_map *m, const struct packet *p, enum deny_means deny);

/* ---- flattening ---- */

struct flat_rule {
    struct box box;
    enum verdict verdict;
    const struct crypto_map_entry *entry;
    const struct ace *line; /* whose identity is offered to the peer; of a cut copy too */
    bool whole;             /* the box is the line's own, not cut by a deny of an earlier entry */
};
struct flat {
    struct flat_rule *v;
    uint32_t n, cap;
};
/* A line that keeps a set from being flattened exactly. */
enum flat_fault {
    FLAT_WIDER,   /* all that it might mean is dropped */
    FLAT_UNKNOWN, /* nobody can say which packets it is about, nor what to block */
    FLAT_DYNAMIC, /* a deny that leads on to peers of a dynamic entry: their policies do not come where it stands */
    FLAT_TOO_MANY /* the limit was passed: there is no list at all */
};
struct flat_problem {
    const struct crypto_map_entry *entry;
    const struct ace *line;
    const char *why;
    enum flat_fault fault;
};
/* O(lines + denies that overlap a later permit of their entry × rules of the entries behind). One first-match list with
 * the same verdict for every packet. What no rule matches is clear. Returns false if a line is in `problems` (struct
 * flat_problem). The list then errs to the stronger side where it can: a permit with conditions that no selector can
 * express drops all it might mean, such a deny is left out; lines whose packets are unknown are missing. */
bool map_flatten(struct arena *ar, const struct crypto_map *m, enum deny_means deny, uint32_t limit, struct flat *out,
                 struct ptrlist *problems) MUST_CHECK;
struct decision flat_decide(const struct flat *f, const struct packet *p);

#endif
