/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walls stand by the names of interfaces. A link with a crypto map may be renamed, become a port of a bridge or bond,
 * or have its address moved to another one; packets then leave, and come, by a name that no wall knows. So they stand a
 * second time by number: of the link itself, of what carries it, of the one that has its address now, of every link
 * that is younger than what is applied, and of every bridge that is empty: nobody has said yet what that one is. The
 * watch takes those in as they come.
 */
#include "backends/nftables/plan.h"

/* The kernel's own number for `lo` (LOOPBACK_IFINDEX): all others are higher. */
#define LOOPBACK 1
#define PLACES_MAX 256

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

static struct nft_rule *jump_numbered(struct way *w, uint32_t number)
{
    struct nft_rule *r = nft_rule_new(w->p, w->from);
    nft_add_number(w->p, r, w->out ? RULE_OUT_NUMBER : RULE_IN_NUMBER, number);
    return r;
}

/* Once for all maps. */
static bool is_new(struct way *w, struct str name, uint32_t number)
{
    static const char seen;
    if (symtab_get(&w->seen, name, number))
        return false;
    symtab_put(w->p->arena, &w->seen, name, number, (void *)&seen);
    return true;
}

void nft_say_link_number(struct nft_plan *p, struct nft_rule *numbered)
{
    numbered->comment = nft_name(p, "%s" NFT_IS_NUMBER "%u", numbered->v[1].name, numbered->v[0].number);
}

/* What is not there may be under another name: it has the number that it had. */
static void jump_own(struct way *w, const struct host_link *own, const char *name)
{
    if (!is_new(w, str_lit(name), 0))
        return;
    struct nft_rule *r = jump_numbered(w, own ? own->index : NFT_NUMBER_UNKNOWN);
    nft_add_name(w->p, r, w->out ? RULE_OUT_NOT_IF : RULE_IN_NOT_IF, name);
    jump_to(w, r);
    nft_say_link_number(w->p, r);
}

static void jump_places(struct way *w, const struct target *t, const struct interface *i, const char *name)
{
    const struct host_link *places[PLACES_MAX];
    unsigned n = if_map_places(t->ifs, t->c, i, places, PLACES_MAX);
    jump_own(w, if_map_link(t->ifs, name), name);
    for (unsigned k = 0; k < n; k++)
        if (is_new(w, STR_EMPTY, places[k]->index))
            jump_to(w, jump_numbered(w, places[k]->index));
}

/* Where a link with a crypto map is not there, any that nobody has known before may be it. */
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

/* Where a link with a crypto map has lost its address, that may be on any which the configuration does not name; where
 * one has the address of another, no name says any more which link is meant. */
static bool is_one_elsewhere(const struct target *t)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t k = 0; k < m->links.n; k++) {
            const struct host_link *l = if_map_link(t->ifs, m->links.v[k]);
            if (l && if_map_lost_address(m->ifs.v[k], l))
                return true;
        }
    }
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        if (if_map_elsewhere(t->ifs, i))
            return true;
    }
    return false;
}

/* What the configuration names, and has its address, is what it says it is, however young; one of its name that is made
 * after that may be another. */
static void pass_named(const struct way *w, const struct target *t, struct nft_chain *c)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *link = if_map_find(t->ifs, i);
        const struct host_link *l = link ? if_map_link(t->ifs, link) : NULL;
        if (!l || !if_map_is_itself(i, l))
            continue;
        struct nft_rule *r = nft_rule_new(w->p, c);
        nft_add_number(w->p, r, w->out ? RULE_OUT_NUMBER : RULE_IN_NUMBER, l->index);
        nft_add_name(w->p, r, w->out ? RULE_OUT_IF : RULE_IN_IF, link);
        nft_add(w->p, r, RULE_RETURN);
    }
}

void nft_say_known_links(struct nft_plan *p, struct nft_rule *later)
{
    later->comment = nft_name(p, NFT_KNOWN_LINKS, later->v[0].number);
}

void nft_add_idle(struct nft_plan *p, struct nft_chain *idle, uint32_t number, const char *comment)
{
    uint32_t at = 0;
    while (at < idle->rules.n && ((const struct nft_rule *)idle->rules.v[at])->v[0].number < number)
        at++;
    struct nft_rule *r = nft_rule_new(p, idle);
    ptrlist_remove(&idle->rules, idle->rules.n - 1);
    ptrlist_insert(p->arena, &idle->rules, at, r);
    nft_add_number(p, r, idle->idle.kind, number);
    nft_add_name(p, r, RULE_JUMP, idle->idle.to);
    r->comment = comment;
}

/* A bridge without ports is younger than it looks: what it is for is known when it has one. */
static void jump_idle(const struct way *w, const struct target *t, const struct nft_chain *young)
{
    struct nft_chain *idle = nft_chain_new(w->p, nft_name(w->p, "idle_%s", w->from->name));
    idle->follows_links = true;
    idle->idle = (struct nft_idle){young->name, w->out ? RULE_OUT_NUMBER : RULE_IN_NUMBER};
    const uint32_t known = if_map_newest(t->ifs);
    PTRLIST_FOR (struct host_link, l, &t->ifs->links) {
        if (l->index <= known && if_map_is_idle(t->ifs, l))
            nft_add_idle(w->p, idle, l->index, nft_name(w->p, "%s" NFT_IS_NUMBER "%u" NFT_IS_IDLE, l->name, l->index));
    }
    nft_add_name(w->p, nft_rule_new(w->p, w->from), RULE_JUMP, idle->name);
}

static void jump_later(const struct way *w, const struct target *t)
{
    struct nft_chain *later = nft_chain_new(w->p, nft_name(w->p, "later_%s", w->from->name));
    struct nft_chain *young = nft_chain_new(w->p, nft_name(w->p, "young_%s", w->from->name));
    later->follows_links = young->follows_links = true;
    pass_named(w, t, young);
    jump_to(w, nft_rule_new(w->p, young));
    jump_idle(w, t, young);
    struct nft_rule *r = nft_rule_new(w->p, later);
    bool is_elsewhere = is_one_elsewhere(t);
    uint32_t known = is_elsewhere || is_one_missing(t) ? LOOPBACK : if_map_newest(t->ifs);
    later->keeps_known = !is_elsewhere; /* else none is known, whatever was before */
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
