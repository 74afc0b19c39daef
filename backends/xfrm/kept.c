/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of what stands stays protected: by addresses and ports, not by the number of policies. */
#include <math.h>
#include <string.h>

#include "backends/xfrm/diff.h"

static bool protects(const struct xfrm_pol *p)
{
    return p->ntmpl > 0 || p->action == XFRM_DO_BLOCK;
}

static void add_prefix(struct addr_bits *out, const uint8_t address[16], uint8_t plen)
{
    for (unsigned i = 0; i < plen; i++)
        out->care[i / 8] |= (uint8_t)(0x80 >> i % 8);
    for (unsigned i = 0; i < sizeof out->care; i++)
        out->value[i] = address[i] & out->care[i];
}

/* Blocks of ports are aligned (select.c): from their first to the last that the mask leaves open. */
static struct port_range ports_of(uint16_t port, uint16_t mask)
{
    return (struct port_range){port, (uint16_t)(port | (uint16_t)~mask)};
}

static struct box *box_of(struct arena *ar, const struct xfrm_sel *s)
{
    struct box *b = ARENA_NEW(ar, struct box);
    b->family = s->family;
    b->proto = PROTO_ANY;
    if (s->proto)
        b->proto = s->proto;
    b->sport = ports_of(s->sport, s->sport_mask);
    b->dport = ports_of(s->dport, s->dport_mask);
    add_prefix(&b->src, s->src, s->src_plen);
    add_prefix(&b->dst, s->dst, s->dst_plen);
    return b;
}

static double ports_log2(struct port_range r)
{
    return log2(1.0 + r.hi - r.lo);
}

static double open_bits(const struct addr_bits *a)
{
    double n = 8.0 * sizeof a->care;
    for (size_t i = 0; i < sizeof a->care; i++)
        n -= __builtin_popcount(a->care[i]);
    return n;
}

/* The binary logarithm of how many packets a box has. One protocol of all counts as half: there are two that matter. */
static double size_log2(const struct box *b)
{
    double protocols = 0;
    if (b->proto == PROTO_ANY)
        protocols = 1;
    return open_bits(&b->src) + open_bits(&b->dst) + ports_log2(b->sport) + ports_log2(b->dport) + protocols;
}

/* The outbound policies of one side. */
struct cover {
    struct arena *arena;
    struct box_index *protecting, *clear;
};

/* Higher for what the kernel asks first. */
static uint32_t rank_of(const struct xfrm_pol *p)
{
    return UINT32_MAX - 1 - p->priority;
}

static void cover_add(struct cover *c, const struct xfrm_pol *p)
{
    box_index_add(protects(p) ? c->protecting : c->clear, box_of(c->arena, &p->sel), rank_of(p), p);
}

struct share {
    const struct box *whole, *part; /* what it is a share of; what is looked at */
    struct cover *cover;
    double of_whole;
};

static double share_of(const struct box *common, const struct box *whole)
{
    return exp2(size_log2(common) - size_log2(whole));
}

/* What goes in the clear before the protecting policy is asked. */
static void take_clear(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct share *s = ctx;
    struct box common;
    (void)rank;
    (void)tag;
    (void)floor;
    if (box_intersect(s->part, b, &common))
        s->of_whole -= share_of(&common, s->whole);
}

static void add_protected(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct share *s = ctx;
    struct box common;
    (void)tag;
    (void)floor;
    if (!box_intersect(s->whole, b, &common))
        return;
    uint32_t before_this = rank;
    s->of_whole += share_of(&common, s->whole);
    s->part = &common;
    box_index_visit(s->cover->clear, &common, &before_this, take_clear, s);
    s->part = NULL;
}

/* Is at least half of what the policy takes protected there? */
static bool is_mostly_in(struct cover *c, const struct xfrm_pol *p)
{
    struct share s = {.whole = box_of(c->arena, &p->sel), .cover = c};
    uint32_t floor = 0;
    box_index_visit(c->protecting, s.whole, &floor, add_protected, &s);
    return s.of_whole >= 0.5;
}

static bool is_ours_outbound(const struct xfrm_pol *p)
{
    bool is_ours = (p->index & XFRM_INDEX_MASK) == XFRM_INDEX_OURS && !p->is_altered && !p->is_sub;
    return is_ours && p->dir == XFRM_DIR_OUT;
}

/* Of an entry that cannot be carried: it keeps nothing working, and what stands until somebody corrects it is no
 * protection that could be lost. */
static bool closes_whole(const struct xfrm_pol *p)
{
    return p->action == XFRM_DO_BLOCK && !p->ntmpl && !p->sel.src_plen && !p->sel.dst_plen && !p->sel.proto;
}

static struct cover cover_new(struct arena *ar)
{
    return (struct cover){ar, box_index_new(ar), box_index_new(ar)};
}

struct xfrm_kept xfrm_kept(struct arena *ar, const struct xfrm_plan *p, const struct xfrm_kernel *k)
{
    struct cover then = cover_new(ar), now = cover_new(ar);
    struct xfrm_kept out = {0};
    PTRLIST_FOR (struct xfrm_pol, w, &p->policies[XFRM_DIR_OUT]) {
        if (!closes_whole(w))
            cover_add(&then, w);
    }
    PTRLIST_FOR (struct xfrm_pol, o, &k->policies) {
        if (!is_ours_outbound(o))
            continue;
        if (closes_whole(o))
            continue;
        cover_add(&now, o);
        if (!protects(o))
            continue;
        bool is_lost = !is_mostly_in(&then, o);
        out.standing++;
        out.lost += is_lost;
    }
    PTRLIST_FOR (struct xfrm_pol, w, &p->policies[XFRM_DIR_OUT]) {
        bool is_fresh = out.lost && protects(w) && !closes_whole(w) && !is_mostly_in(&now, w);
        out.fresh += is_fresh;
    }
    return out;
}
