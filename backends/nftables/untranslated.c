/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a crypto list is on translated addresses (NAT before crypto), a packet that our own NAT should have translated
 * and has not is no packet of the list any more, and would leave in the clear: conntrack calls it invalid, somebody
 * does not track it or has translated it before us. Behind everything the NAT lists are read once more, as filters:
 * what they would have translated, and has a destination that is protected behind that translation, is dropped.
 */
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

/* A chain that drops what goes to a destination that is protected; NULL: none is. */
static struct nft_chain *protected_destinations(struct nft_plan *p, const struct target_map *m,
                                                const struct nft_nat_way *w, uint32_t number)
{
    struct nft_chain *c = NULL;
    for (uint32_t i = 0; i < m->flat.n; i++) {
        if (!is_protected_behind(&m->flat.v[i], w))
            continue;
        struct box b = m->flat.v[i].box;
        memset(&b.src, 0, sizeof b.src); /* those are what it was not translated to */
        b.sport = (struct port_range){0, 65535};
        if (!c)
            c = nft_chain_new(p, nft_name(p, "late%u", number));
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add_box(p, r, &b);
        nft_add(p, r, RULE_COUNTER);
        nft_add(p, r, RULE_DROP);
        r->comment = "NAT before crypto has not translated it";
    }
    return c;
}

static bool is_translation(enum nft_kind k)
{
    return k == RULE_MASQUERADE || k == RULE_SNAT;
}

/* The chain as a filter: what it translates is looked at, what it lets go leaves. Chains that it jumps to likewise. */
static struct nft_chain *copy_as_filter(struct nft_plan *p, const struct nft_chain *from, const struct nft_chain *drops,
                                        uint32_t number)
{
    const char *name = nft_name(p, "late%u_%s", number, from->name);
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
            if (is_translation(kind))
                nft_add_name(p, r, RULE_JUMP, drops->name);
            else if (kind == RULE_JUMP)
                nft_add_name(p, r, RULE_JUMP, copy_as_filter(p, nft_chain_named(p, e->name), drops, number)->name);
            else
                *nft_add(p, r, kind) = *e;
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

void nft_untranslated(struct nft_plan *p, const struct target *t, const struct ptrlist *ways)
{
    struct nft_chain *base = NULL;
    uint32_t number = 0;
    PTRLIST_FOR (struct nft_nat_way, w, ways) {
        const struct target_map *m = map_on(t, w->out);
        struct nft_chain *drops = m ? protected_destinations(p, m, w, number) : NULL;
        if (!drops)
            continue;
        if (!base) {
            base = nft_chain_new(p, "guard_nat");
            base->hook = HOOK_POSTROUTING;
            base->priority = AFTER_GUARD;
            nft_add(p, nft_rule_new(p, base), RULE_NAT_OURS);
            nft_add(p, base->rules.v[0], RULE_RETURN);
        }
        const struct nft_chain *looks = copy_as_filter(p, nft_chain_named(p, w->chain), drops, number++);
        struct nft_rule *r = nft_rule_new(p, base);
        nft_add_name(p, r, RULE_IN_IF, w->in);
        nft_add_name(p, r, RULE_OUT_IF, w->out);
        nft_add(p, r, RULE_GOES_CLEAR);
        nft_add_name(p, r, RULE_JUMP, looks->name);
    }
}
