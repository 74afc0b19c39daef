/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a crypto list is on translated addresses (NAT before crypto), a packet that our own NAT should have translated
 * and has not is no packet of the list any more, and would leave in the clear: conntrack calls it invalid, somebody
 * does not track it or has translated it before us, or its inside interface has another name than it had. Behind
 * everything the NAT lists are read once more, as filters: what they would have translated, and has a destination that
 * is protected behind that translation, is dropped.
 */
#include <netinet/in.h>

#include "backends/nftables/plan.h"

#define AFTER_GUARD 1001

/* Does a range of addresses have one in common with a source that is protected? */
static bool meets(const struct addr_bits *a, const struct ip_addr *first, const struct ip_addr *last)
{
    uint8_t low[4], high[4];
    for (unsigned i = 0; i < 4; i++) {
        low[i] = a->value[i] & a->care[i];
        high[i] = (uint8_t)(low[i] | (uint8_t)~a->care[i]);
    }
    return memcmp(high, first->b, 4) >= 0 && memcmp(low, last->b, 4) <= 0;
}

static bool is_protected_behind(const struct flat_rule *r, const struct nft_nat_way *w)
{
    if (r->box.family != FAMILY_V4 || r->verdict == VERDICT_CLEAR)
        return false;
    for (unsigned i = 0; i < w->n; i++)
        if (meets(&r->box.src, &w->to[i].first, &w->to[i].last))
            return true;
    return false;
}

static void drop_box(struct nft_plan *p, struct nft_chain *c, const struct box *b, enum nft_look look, bool fragments)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add_box(p, r, b);
    for (uint32_t k = 0; k < r->n; k++)
        r->v[k].look = (uint8_t)look;
    if (fragments)
        nft_add(p, r, RULE_FRAGMENT)->family = FAMILY_V4;
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_DROP);
    r->comment = "NAT before crypto has not translated it";
}

/* A chain that drops what goes to a destination that is protected, or has begun to it; NULL: none is. */
static struct nft_chain *protected_destinations(struct nft_plan *p, const struct target_map *m,
                                                const struct nft_nat_way *w, const char *name, enum nft_look look)
{
    struct nft_chain *c = NULL;
    for (uint32_t i = 0; i < m->flat.n; i++) {
        if (!is_protected_behind(&m->flat.v[i], w))
            continue;
        struct box b = m->flat.v[i].box;
        memset(&b.src, 0, sizeof b.src); /* those are what it was not translated to */
        b.sport = (struct port_range){0, 65535};
        if (!c)
            c = nft_chain_new(p, name);
        bool has_ports = b.dport.lo != 0 || b.dport.hi != 65535;
        if (look == LOOK_FLOW) /* whoever has sent it elsewhere may have changed the port */
            b.dport = (struct port_range){0, 65535};
        drop_box(p, c, &b, look, false);
        b.dport = (struct port_range){0, 65535};
        if (has_ports)
            drop_box(p, c, &b, look, true);
    }
    return c;
}

static bool is_translation(enum nft_kind k)
{
    return k == RULE_MASQUERADE || k == RULE_SNAT;
}

/* One NAT list, read as a filter: what it would have translated goes on to `drops`. */
struct late {
    struct nft_plan *p;
    const struct nft_chain *drops;
    const char *prefix; /* of its chains' names */
    enum nft_look look; /* at the packet as it leaves, or at what its flow began with */
};

/* What the chain translates is looked at, what it lets go leaves. Chains that it jumps to likewise. */
static struct nft_chain *copy_as_filter(const struct late *l, const struct nft_chain *from)
{
    struct nft_plan *p = l->p;
    const char *name = nft_name(p, "%s_%s", l->prefix, from->name);
    struct nft_chain *c = nft_chain_named(p, name);
    if (c)
        return c;
    c = nft_chain_new(p, name);
    PTRLIST_FOR (struct nft_rule, rule, &from->rules) {
        struct nft_rule *r = nft_rule_new(p, c);
        for (uint32_t i = 0; i < rule->n; i++) {
            const struct nft_expr *e = &rule->v[i];
            const enum nft_kind kind = (enum nft_kind)e->kind;
            if (kind == RULE_COUNTER || kind == RULE_MARK_NAT)
                continue;
            if (is_translation(kind)) {
                nft_add_name(p, r, RULE_JUMP, l->drops->name);
            } else if (kind == RULE_JUMP) {
                nft_add_name(p, r, RULE_JUMP, copy_as_filter(l, nft_chain_named(p, e->name))->name);
            } else {
                struct nft_expr *copy = nft_add(p, r, kind);
                *copy = *e;
                copy->look = (uint8_t)l->look;
            }
        }
    }
    return c;
}

static const struct target_map *map_on(const struct target *t, const char *link)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (char, l, &m->links) {
            if (strcmp(l, link) == 0 && !m->map->ipv6.v)
                return m;
        }
    }
    return NULL;
}

/* Inside, or the outside interface itself: copies that somebody has made (`dup`) come as if by that. */
static bool takes_part(const struct ptrlist *ways, const char *link)
{
    PTRLIST_FOR (struct nft_nat_way, w, ways) {
        if (strcmp(w->in, link) == 0 || strcmp(w->out, link) == 0)
            return true;
    }
    return false;
}

/* What comes in by an interface of the configuration that takes no part is not translated, and leaves as it is. Any
 * other may be an inside one under another name, or the bridge that it has become a port of. */
static void pass_outsiders(struct nft_plan *p, const struct target *t, const struct ptrlist *ways, struct nft_chain *c)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *link = if_map_find(t->ifs, i);
        if (!link || takes_part(ways, link))
            continue;
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add_name(p, r, RULE_IN_IF, link);
        nft_add(p, r, RULE_RETURN);
        r->comment = "takes no part in NAT";
    }
}

/* A packet that came in by an inside interface and has been encrypted still says so: the guard has judged where it
 * goes. */
static void pass_ipsec(struct nft_plan *p, struct nft_chain *c)
{
    static const struct {
        uint8_t proto;
        uint16_t port;
    } kinds[] = {{IPPROTO_ESP, 0}, {IPPROTO_AH, 0}, {IPPROTO_UDP, 4500}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add(p, r, RULE_FAMILY)->family = FAMILY_V4;
        nft_add_number(p, r, RULE_PROTO, kinds[i].proto);
        if (kinds[i].port)
            nft_add(p, r, RULE_SPORT)->ports = (struct port_range){kinds[i].port, kinds[i].port};
        nft_add(p, r, RULE_FROM_LOCAL);
        nft_add(p, r, RULE_RETURN);
        r->comment = "IPsec of this host";
    }
}

/* Behind the rule of what was translated otherwise: what our NAT has translated as it should is no concern here. */
static void end_of_ours(struct nft_plan *p, const struct target *t, const struct ptrlist *ways, struct nft_chain *c)
{
    struct nft_rule *ours = nft_rule_new(p, c);
    nft_add(p, ours, RULE_NAT_OURS);
    nft_add(p, ours, RULE_RETURN);
    pass_ipsec(p, c);
    struct nft_rule *own = nft_rule_new(p, c); /* what the host sends itself no NAT list is about */
    nft_add(p, own, RULE_OWN);
    nft_add(p, own, RULE_FROM_LOCAL);
    nft_add(p, own, RULE_RETURN);
    pass_outsiders(p, t, ways, c);
}

/* By a link, or (NULL) by any. */
static struct nft_rule *leaves_by(struct nft_plan *p, struct nft_chain *c, const char *link)
{
    struct nft_rule *r = nft_rule_new(p, c);
    if (link)
        nft_add_name(p, r, RULE_OUT_IF, link);
    nft_add(p, r, RULE_GOES_CLEAR);
    return r;
}

/* Our masquerade takes whatever address the interface has now; another one than the list is on is none of the list's.
 */
static void otherwise_translated(const struct late *began, struct nft_chain *base, const struct nft_nat_way *w,
                                 const struct nft_chain *list, uint32_t number)
{
    struct nft_plan *p = began->p;
    struct nft_chain *c = nft_chain_new(p, nft_name(p, "late_other%u", number));
    for (unsigned i = 0; i < w->n_own; i++) {
        if (!addr_eq(&w->to[i].first, &w->to[i].last))
            return; /* of a pool only what is in it is taken */
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add(p, r, RULE_FAMILY)->family = FAMILY_V4;
        struct nft_expr *e = nft_add(p, r, RULE_SADDR);
        e->family = FAMILY_V4;
        e->bits = nft_host_bits(&w->to[i].first);
        nft_add(p, r, RULE_RETURN);
        r->comment = "as it should be";
    }
    nft_add_name(p, nft_rule_new(p, c), RULE_JUMP, copy_as_filter(began, list)->name);
    struct nft_rule *r = leaves_by(p, base, w->out);
    nft_add(p, r, RULE_NAT_OURS);
    nft_add_number(p, r, RULE_FLOW_DIR, 0);
    nft_add_name(p, r, RULE_JUMP, c->name);
}

/* Somebody has turned a protected destination into another one. */
static void sent_elsewhere(struct nft_plan *p, struct nft_chain *base, const struct target_map *m,
                           const struct nft_nat_way *w, uint32_t number)
{
    const struct late elsewhere = {p, protected_destinations(p, m, w, nft_name(p, "late_to%u", number), LOOK_FLOW),
                                   nft_name(p, "late_began%u", number), LOOK_FLOW};
    struct nft_rule *r = leaves_by(p, base, w->out);
    nft_add(p, r, RULE_DEST_TRANSLATED);
    nft_add_number(p, r, RULE_FLOW_DIR, 0);
    nft_add_name(p, r, RULE_JUMP, copy_as_filter(&elsewhere, nft_chain_named(p, w->chain))->name);
}

/* The same list between the same outside interface and another inside one: the rule stands for all. */
static bool is_first(const struct ptrlist *ways, const struct nft_nat_way *way)
{
    PTRLIST_FOR (struct nft_nat_way, w, ways) {
        if (w == way)
            return true;
        if (strcmp(w->out, way->out) == 0 && strcmp(w->chain, way->chain) == 0)
            return false;
    }
    return true;
}

/* By whatever link it leaves in the clear: `by` NULL. */
static void judge(struct nft_plan *p, struct nft_chain *c, const char *by, const struct nft_chain *as_it_is,
                  const struct nft_chain *began)
{
    nft_add_name(p, leaves_by(p, c, by), RULE_JUMP, as_it_is->name);
    struct nft_rule *r = leaves_by(p, c, by); /* somebody has translated it before us */
    nft_add(p, r, RULE_TRANSLATED);
    nft_add_number(p, r, RULE_FLOW_DIR, 0);
    nft_add_name(p, r, RULE_JUMP, began->name);
}

void nft_untranslated(struct nft_plan *p, const struct target *t, const struct ptrlist *ways)
{
    struct nft_chain *base = NULL, *late = NULL, *elsewhere = NULL;
    uint32_t number = 0;
    PTRLIST_FOR (struct nft_nat_way, w, ways) {
        const struct target_map *m = is_first(ways, w) ? map_on(t, w->out) : NULL;
        const struct nft_chain *drops =
            m ? protected_destinations(p, m, w, nft_name(p, "late%u", number), LOOK_PACKET) : NULL;
        if (!drops)
            continue;
        if (!base) {
            base = nft_chain_new(p, NFT_UNTRANSLATED);
            base->hook = HOOK_POSTROUTING;
            base->priority = AFTER_GUARD;
            late = nft_chain_new(p, "late");
            end_of_ours(p, t, ways, late);
            elsewhere = if_map_newest(t->ifs) ? nft_chain_new(p, "late_elsewhere") : NULL;
            if (elsewhere)
                end_of_ours(p, t, ways, elsewhere);
        }
        const struct nft_chain *list = nft_chain_named(p, w->chain);
        const struct late as_it_is = {p, drops, nft_name(p, "late%u", number), LOOK_PACKET},
                          began = {p, drops, nft_name(p, "late_flow%u", number), LOOK_FLOW};
        otherwise_translated(&began, base, w, list, number);
        sent_elsewhere(p, base, m, w, number);
        number++;
        const struct nft_chain *now = copy_as_filter(&as_it_is, list), *then = copy_as_filter(&began, list);
        judge(p, late, w->out, now, then);
        if (elsewhere)
            judge(p, elsewhere, NULL, now, then);
    }
    if (base)
        nft_add_name(p, nft_rule_new(p, base), RULE_JUMP, late->name);
    if (elsewhere)
        nft_elsewhere(p, t, base, elsewhere);
}
