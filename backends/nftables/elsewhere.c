/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walls stand by the names of interfaces. A link with a crypto map may be renamed, become a port of a bridge or bond,
 * or have its address moved to another one; packets then leave, and come, by a name that no wall knows. So they stand a
 * second time by number: of the link itself, of what carries it, of the one that has its address now, and of every link
 * that is younger than what is applied: nobody has said yet what that one is. The watch takes those in as they come.
 */
#include "backends/nftables/plan.h"

/* The kernel's own number for `lo` (LOOPBACK_IFINDEX): all others are higher. */
#define LOOPBACK 1
#define PLACES_MAX 8

struct way {
    struct nft_plan *p;
    struct nft_chain *from;
    const struct nft_chain *to;
    bool out;
    struct symtab seen; /* ("", number) */
};

static void jump_to(const struct way *w, struct nft_rule *r)
{
    nft_add_name(w->p, r, RULE_JUMP, w->to->name);
}

/* `name`: what the walls by name know it by, NULL: none. */
static void jump_numbered(struct way *w, const struct host_link *l, const char *name)
{
    if (symtab_get(&w->seen, STR_EMPTY, l->index))
        return;
    symtab_put(w->p->arena, &w->seen, STR_EMPTY, l->index, (void *)l);
    struct nft_rule *r = nft_rule_new(w->p, w->from);
    nft_add_number(w->p, r, w->out ? RULE_OUT_NUMBER : RULE_IN_NUMBER, l->index);
    if (name)
        nft_add_name(w->p, r, w->out ? RULE_OUT_NOT_IF : RULE_IN_NOT_IF, name);
    jump_to(w, r);
}

static void jump_places(struct way *w, const struct target *t, const struct interface *i, const char *name)
{
    const struct host_link *own = if_map_link(t->ifs, name), *places[PLACES_MAX];
    unsigned n = if_map_places(t->ifs, i, places, PLACES_MAX);
    if (own)
        jump_numbered(w, own, name);
    for (unsigned k = 0; k < n; k++)
        jump_numbered(w, places[k], NULL);
}

/* Where a link with a crypto map is not there, any that the configuration does not name may be it. */
static bool is_one_missing(const struct target *t)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (char, link, &m->links) {
            if (!if_map_link(t->ifs, link))
                return true;
        }
    }
    return false;
}

/* What the configuration names is what it says it is, however young. */
static void pass_named(const struct way *w, const struct target *t, struct nft_chain *c)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *link = if_map_find(t->ifs, i);
        if (!link)
            continue;
        struct nft_rule *r = nft_rule_new(w->p, c);
        nft_add_name(w->p, r, w->out ? RULE_OUT_IF : RULE_IN_IF, link);
        nft_add(w->p, r, RULE_RETURN);
    }
}

void nft_say_known_links(struct nft_plan *p, struct nft_rule *later)
{
    later->comment = nft_name(p, NFT_KNOWN_LINKS, later->v[0].number);
}

static void jump_later(const struct way *w, const struct target *t)
{
    struct nft_chain *later = nft_chain_new(w->p, nft_name(w->p, "later_%s", w->from->name));
    struct nft_chain *young = nft_chain_new(w->p, nft_name(w->p, "young_%s", w->from->name));
    later->follows_links = !is_one_missing(t);
    pass_named(w, t, young);
    jump_to(w, nft_rule_new(w->p, young));
    struct nft_rule *r = nft_rule_new(w->p, later);
    uint32_t known = later->follows_links ? if_map_newest(t->ifs) : LOOPBACK;
    nft_add_number(w->p, r, w->out ? RULE_OUT_LATER : RULE_IN_LATER, known);
    nft_add_name(w->p, r, RULE_JUMP, young->name);
    nft_say_known_links(w->p, r);
    nft_add_name(w->p, nft_rule_new(w->p, w->from), RULE_JUMP, later->name);
}

void nft_elsewhere(struct nft_plan *p, const struct target *t, struct nft_chain *base, const struct nft_chain *to)
{
    struct way w = {.p = p, .from = base, .to = to, .out = base->hook == HOOK_POSTROUTING};
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t k = 0; k < m->links.n; k++)
            jump_places(&w, t, m->ifs.v[k], m->links.v[k]);
    }
    jump_later(&w, t);
}
