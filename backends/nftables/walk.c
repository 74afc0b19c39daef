/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the table's NAT chains would do to the first packet of a flow: the rules as data, read one after the other as
 * the kernel does.
 */
#include "backends/nftables/plan.h"

#define JUMPS_MAX 8 /* deeper than our chains nest */

struct nft_walk {
    const struct nft_plan *plan;
    struct symtab indexes; /* (name of a set, 0) → struct box_index */
    /* of the packet that goes through the rules now */
    const struct nft_way *way;
    const struct nft_expr *by;
};

enum outcome { GOES_ON, RETURNS, ACCEPTED, TRANSLATED_BY_US, TRANSLATED_TO_ITSELF };

struct nft_walk *nft_walk_new(const struct nft_plan *p)
{
    struct nft_walk *w = ARENA_NEW(p->arena, struct nft_walk);
    w->plan = p;
    return w;
}

static bool is_icmp(const struct packet *p)
{
    return p->proto == (p->family == FAMILY_V6 ? 58 : 1);
}

/* Type and code stay what they are. */
static struct packet turned(const struct packet *p)
{
    struct packet t = *p;
    memcpy(t.src, p->dst, sizeof t.src);
    memcpy(t.dst, p->src, sizeof t.dst);
    if (is_icmp(p))
        return t;
    t.sport = p->dport;
    t.dport = p->sport;
    return t;
}

/* ---- sets ---- */

static struct box_index *index_of(struct nft_walk *w, const struct nft_set *s)
{
    const struct str name = str_lit(s->name);
    struct box_index *x = symtab_get(&w->indexes, name, 0);
    if (x)
        return x;
    x = box_index_new(w->plan->arena);
    uint32_t rank = 0;
    PTRLIST_FOR (struct nft_element, e, &s->elements) {
        box_index_add(x, e->box, ++rank, e);
    }
    symtab_put(w->plan->arena, &w->indexes, name, 0, x);
    return x;
}

static void note_hit(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    (void)b;
    (void)rank;
    *(const struct nft_element **)ctx = tag;
    *floor = UINT32_MAX;
}

static struct box exactly(const struct packet *p)
{
    struct box b = {
        .family = p->family, .proto = p->proto, .sport = {p->sport, p->sport}, .dport = {p->dport, p->dport}};
    size_t n = p->family == FAMILY_V6 ? 16 : 4;
    memcpy(b.src.value, p->src, n);
    memcpy(b.dst.value, p->dst, n);
    memset(b.src.care, 0xff, n);
    memset(b.dst.care, 0xff, n);
    return b;
}

static const struct nft_element *element_of(struct nft_walk *w, const struct nft_set *s, const struct packet *p)
{
    const struct nft_element *hit = NULL;
    const struct box q = exactly(p);
    uint32_t floor = 0;
    if (s->family == p->family)
        box_index_visit(index_of(w, s), &q, &floor, note_hit, &hit);
    return hit;
}

/* ---- rules ---- */

static bool address_fits(const struct nft_expr *e, const struct packet *p, const uint8_t *a)
{
    for (unsigned i = 0; i < 16; i++)
        if ((a[i] ^ e->bits.value[i]) & e->bits.care[i])
            return false;
    return e->family == p->family;
}

static bool port_fits(const struct nft_expr *e, uint16_t port)
{
    return port >= e->ports.lo && port <= e->ports.hi;
}

static bool is_link(const struct nft_expr *e, const char *link)
{
    return link && strcmp(e->name, link) == 0;
}

/* Of a match; statements always fit. What a flow's entry does not tell (flags, DSCP, fragments) does not. */
static bool fits(const struct nft_expr *e, const struct packet *p, const struct nft_way *way)
{
    switch ((enum nft_kind)e->kind) {
    case RULE_IN_IF:
        return is_link(e, way->in);
    case RULE_OUT_IF:
        return is_link(e, way->out);
    case RULE_FORWARDED:
        return way->in != NULL;
    case RULE_OWN:
    case RULE_FROM_LOCAL:
        return way->in == NULL;
    case RULE_FROM_OTHERS:
        return way->in != NULL;
    case RULE_FAMILY:
        return e->family == p->family;
    case RULE_PROTO:
        return e->number == p->proto;
    case RULE_SADDR:
        return address_fits(e, p, p->src);
    case RULE_DADDR:
        return address_fits(e, p, p->dst);
    case RULE_SPORT:
        return !is_icmp(p) && port_fits(e, p->sport);
    case RULE_DPORT:
        return !is_icmp(p) && port_fits(e, p->dport);
    case RULE_ICMP_TYPE:
        return e->number == p->sport;
    case RULE_ICMP_CODE:
        return e->number == p->dport;
    case RULE_COUNTER:
    case RULE_LOG:
    case RULE_MARK_NAT:
        return true;
    default:
        return false;
    }
}

static enum outcome walk_chain(struct nft_walk *w, const char *name, const struct packet *p, unsigned depth);

/* GOES_ON behind the last expression: the next rule. */
static enum outcome walk_rule(struct nft_walk *w, const struct nft_rule *r, const struct packet *p, unsigned depth)
{
    const struct packet back = turned(p);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct nft_expr *e = &r->v[i];
        bool is_turned = e->look == LOOK_PACKET_TURNED || e->look == LOOK_FLOW_TURNED;
        const struct packet *seen = is_turned ? &back : p;
        const struct nft_element *hit;
        switch ((enum nft_kind)e->kind) {
        case RULE_MASQUERADE:
        case RULE_SNAT:
        case RULE_DNAT:
            w->by = e;
            return TRANSLATED_BY_US;
        case RULE_SNAT_SELF:
            w->by = e;
            return TRANSLATED_TO_ITSELF;
        case RULE_ACCEPT:
        case RULE_DROP:
            return ACCEPTED;
        case RULE_RETURN:
            return RETURNS;
        case RULE_JUMP:
            return walk_chain(w, e->name, p, depth + 1);
        case RULE_ADDR_IN_SET:
            if (!element_of(w, e->set, seen))
                return GOES_ON;
            break;
        case RULE_VERDICT_MAP:
            hit = element_of(w, e->set, seen);
            if (!hit)
                return GOES_ON;
            return hit->drop ? ACCEPTED : RETURNS;
        default:
            if (!fits(e, seen, w->way))
                return GOES_ON;
        }
    }
    return GOES_ON;
}

static enum outcome walk_rules(struct nft_walk *w, const struct nft_chain *c, const struct packet *p, unsigned depth)
{
    PTRLIST_FOR (struct nft_rule, r, &c->rules) {
        enum outcome o = walk_rule(w, r, p, depth);
        if (o != GOES_ON)
            return o;
    }
    return GOES_ON;
}

/* A chain that returns is one behind which its caller goes on. */
static enum outcome walk_chain(struct nft_walk *w, const char *name, const struct packet *p, unsigned depth)
{
    const struct nft_chain *c = depth < JUMPS_MAX ? nft_chain_named(w->plan, name) : NULL;
    enum outcome o = c ? walk_rules(w, c, p, depth) : GOES_ON;
    return o == RETURNS ? GOES_ON : o;
}

/* By priority: the first chain that translates decides. */
static const struct nft_chain *next_nat_chain(const struct nft_plan *p, enum nft_hook hook,
                                              const struct nft_chain *after)
{
    const struct nft_chain *next = NULL;
    PTRLIST_FOR (struct nft_chain, c, &p->chains) {
        bool is_later = c->nat && c->hook == hook && (!after || c->priority > after->priority);
        if (is_later && (!next || c->priority < next->priority))
            next = c;
    }
    return next;
}

struct nft_walked nft_walk_hook(struct nft_walk *w, enum nft_hook hook, const struct packet *p,
                                const struct nft_way *way)
{
    w->way = way;
    w->by = NULL;
    for (const struct nft_chain *c = NULL; (c = next_nat_chain(w->plan, hook, c));) {
        enum outcome o = walk_rules(w, c, p, 0);
        if (o == TRANSLATED_BY_US)
            return (struct nft_walked){TRANSLATES_BY_US, w->by};
        if (o == TRANSLATED_TO_ITSELF)
            return (struct nft_walked){TRANSLATES_TO_ITSELF, w->by};
    }
    return (struct nft_walked){TRANSLATES_NOT, NULL};
}
