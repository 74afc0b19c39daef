/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines of access lists as proxy identities: what one pair of IPsec SAs is for. */
#include "backends/ike/engine/engine.h"
#include "backends/ike/from_ir/maker.h"

static struct ip_addr edge(const struct addr_bits *a, uint8_t family, bool hi)
{
    struct ip_addr x = {.family = family};
    for (unsigned i = 0; i < (family == FAMILY_V6 ? 16u : 4u); i++)
        x.b[i] = (uint8_t)(a->value[i] | (hi ? (uint8_t)~a->care[i] : 0));
    return x;
}

static bool is_icmp(unsigned proto)
{
    return proto == 1 || proto == 58;
}

/* The first bit that does not count although a later one does, -1 if the mask is a prefix. */
static int first_hole(const struct addr_bits *a, int bits)
{
    int hole = -1;
    for (int i = 0; i < bits; i++) {
        bool care = a->care[i / 8] >> (7 - i % 8) & 1;
        if (!care && hole < 0)
            hole = i;
        if (care && hole >= 0)
            return hole;
    }
    return -1;
}

#define PIECES_MAX 256
/* A selector is a range: a mask with holes becomes several. */
static bool pieces(struct maker *m, struct box b, struct ptrlist *out)
{
    int bits = b.family == FAMILY_V6 ? 128 : 32;
    struct addr_bits *a = &b.src;
    int hole = first_hole(a, bits);
    if (hole < 0) {
        a = &b.dst;
        hole = first_hole(a, bits);
    }
    if (hole >= 0) {
        uint8_t bit = (uint8_t)(0x80 >> hole % 8);
        a->care[hole / 8] |= bit;
        for (int k = 0; k < 2; k++) {
            a->value[hole / 8] = (uint8_t)((a->value[hole / 8] & ~bit) | (k ? bit : 0));
            if (!pieces(m, b, out))
                return false;
        }
        return true;
    }
    struct ike_selector *s = ARENA_NEW(m->a, struct ike_selector);
    *s = (struct ike_selector){.family = b.family,
                               .proto = (uint8_t)(b.proto == PROTO_ANY ? 0 : b.proto),
                               .sport_lo = b.sport.lo,
                               .sport_hi = b.sport.hi,
                               .dport_lo = b.dport.lo,
                               .dport_hi = b.dport.hi};
    if (is_icmp(b.proto)) { /* type and code are one number (RFC 7296 §3.13.1) */
        bool any = b.sport.lo == 0 && b.sport.hi == 65535, any_code = b.dport.hi > 255;
        uint16_t type = (uint16_t)(b.sport.lo << 8), lo = 0, hi = 65535;
        if (!any) {
            lo = (uint16_t)(type | (any_code ? 0 : b.dport.lo));
            hi = (uint16_t)(type | (any_code ? 255 : b.dport.lo));
        }
        s->sport_lo = s->dport_lo = lo;
        s->sport_hi = s->dport_hi = hi;
    }
    s->src_lo = edge(&b.src, b.family, false);
    s->src_hi = edge(&b.src, b.family, true);
    s->dst_lo = edge(&b.dst, b.family, false);
    s->dst_hi = edge(&b.dst, b.family, true);
    ptrlist_add(m->a, out, s);
    return out->n < PIECES_MAX;
}

static void box_selectors(struct maker *m, struct box b, struct span at, struct ptrlist *out)
{
    if (!pieces(m, b, out))
        omit(m, "line %u: more than %u proxy identities: the rest is not negotiated", maker_line(m, at), PIECES_MAX);
}

/* A line for each selector; `one_of_many`: together they are one line of the access list. */
static void selector_lines(struct maker *m, const struct ptrlist *sel, uint32_t reqid, struct span at, bool one_of_many,
                           struct ptrlist *out)
{
    PTRLIST_FOR (struct ike_selector, s, sel) {
        struct ike_line *n = ARENA_NEW(m->a, struct ike_line);
        *n = (struct ike_line){reqid, maker_line(m, at), one_of_many, *s};
        ptrlist_add(m->a, out, n);
    }
}

static void keep_lines(struct maker *m, const struct ptrlist *all, struct ike_entry *x)
{
    struct ike_line *v = arena_array(m->a, all->n + 1, sizeof *v);
    for (uint32_t i = 0; i < all->n; i++)
        v[i] = *(struct ike_line *)all->v[i];
    x->lines = v;
    x->n_lines = all->n;
}

void maker_lines(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e, struct ike_entry *x)
{
    struct ptrlist all = {0};
    PTRLIST_FOR (struct target_line, l, &tm->lines) {
        struct ptrlist sel = {0};
        if (l->entry != e)
            continue;
        for (uint32_t i = 0; i < l->boxes.n; i++)
            box_selectors(m, l->boxes.v[i], l->line->span, &sel);
        selector_lines(m, &sel, l->reqid, l->line->span, sel.n > 1, &all);
    }
    keep_lines(m, &all, x);
}

/* What a dynamic entry's list leaves to its peers: its permits less what denies and earlier entries take, as flattened.
 * Their request numbers are made when a peer comes. */
void maker_dynamic_lines(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e,
                         struct ike_entry *x)
{
    struct ptrlist all = {0};
    for (uint32_t i = 0; i < tm->flat.n; i++) {
        const struct flat_rule *r = &tm->flat.v[i];
        struct ptrlist sel = {0};
        if (r->entry != e || !r->line || r->verdict != VERDICT_DROP)
            continue;
        box_selectors(m, r->box, r->line->span, &sel);
        selector_lines(m, &sel, 0, r->line->span, false, &all);
    }
    keep_lines(m, &all, x);
}
