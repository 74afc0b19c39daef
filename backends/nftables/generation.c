/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two generations of the sets and chains that base chains lead to.
 *
 * A batch of nf_tables is one transaction, and yet not one moment: all chains' rules change at once, and what is in a
 * set changes after them, a set at a time (nft_set_commit_update(): pipapo exchanges a whole copy). What moves from one
 * set to another, or into a new one, is in neither meanwhile, and a packet that a list protects passes. So such a
 * change is made beside what stands, under other names, where nobody looks; then the base chains turn to it, which is
 * one moment; and when nobody looks at what stood before, that is taken away.
 */
#include "backends/nftables/generation.h"

#include <stdio.h>

static bool is_second_name(const char *name)
{
    return strncmp(name, NFT_SECOND, strlen(NFT_SECOND)) == 0;
}

/* In the form of a rule: what it jumps to, or looks into. Texts of the configuration (a log's prefix) are in inner
 * chains alone. */
static bool leads_to_second(const struct nft_held_rule *r)
{
    return strstr(r->form.p, " -> " NFT_SECOND) || strstr(r->form.p, " set " NFT_SECOND);
}

/* One of ours that leads to inner chains whatever the configuration is; somebody may have put others into our table. */
static bool is_own_base(const struct nft_held_chain *c)
{
    return c->form.len && (strcmp(c->name, "prerouting") == 0 || strcmp(c->name, "postrouting") == 0);
}

/* Base chains lead to that which holds. */
bool nft_generation_held(const struct nft_held *h)
{
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        const bool is_base = is_own_base(c);
        for (uint32_t i = 0; is_base && i < c->rules.n; i++)
            if (leads_to_second(c->rules.v[i]))
                return true;
    }
    return false;
}

bool nft_has_generations(const struct nft_chain *c)
{
    return c->hook == HOOK_NONE && strcmp(c->name, NFT_OWNER_CHAIN) != 0;
}

static const char *renamed(struct nft_plan *p, const char *name, bool is_second)
{
    return is_second ? nft_name(p, NFT_SECOND "%s", name) : name + strlen(NFT_SECOND);
}

void nft_generation_name(struct nft_plan *p, bool is_second)
{
    if (p->is_second == is_second)
        return;
    p->is_second = is_second;
    PTRLIST_FOR (struct nft_set, s, &p->sets) {
        s->name = renamed(p, s->name, is_second);
    }
    PTRLIST_FOR (struct nft_chain, c, &p->chains) {
        if (nft_has_generations(c))
            c->name = renamed(p, c->name, is_second);
        if (c->idle.to)
            c->idle.to = renamed(p, c->idle.to, is_second);
        PTRLIST_FOR (struct nft_rule, r, &c->rules) {
            for (uint32_t i = 0; i < r->n; i++)
                if (r->v[i].kind == RULE_JUMP)
                    r->v[i].name = renamed(p, r->v[i].name, is_second);
        }
    }
}

static bool is_of(const char *name, bool is_second)
{
    return is_second_name(name) == is_second;
}

struct nft_held nft_generation_only(struct arena *ar, const struct nft_held *h, bool is_second)
{
    struct nft_held out = *h;
    out.chains = out.sets = (struct ptrlist){0};
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        bool is_base = c->form.len || strcmp(c->name, NFT_OWNER_CHAIN) == 0;
        if (is_base || is_of(c->name, is_second))
            ptrlist_add(ar, &out.chains, c);
    }
    PTRLIST_FOR (struct nft_held_set, s, &h->sets) {
        if (is_of(s->name, is_second))
            ptrlist_add(ar, &out.sets, s);
    }
    return out;
}

/* ---- counters ---- */

struct count {
    uint64_t packets, bytes;
};

/* What lines have counted, by where they stand and what their comment says of them: whichever layer of a list a line is
 * in. */
struct counts {
    struct arena *ar;
    struct symtab at; /* (place, comment) -> struct count */
};

/* "in_protect_ports" of "b_in0_protect12_ports": numbers are those of maps, of layers, and sizes. */
static void put_place(struct buf *b, const char *name)
{
    const char *own = is_second_name(name) ? name + strlen(NFT_SECOND) : name;
    for (; *own; own++)
        if (*own < '0' || *own > '9')
            buf_putc(b, *own);
}

static struct str key_of(struct counts *k, const char *name, const char *comment)
{
    struct buf b = {0};
    put_place(&b, name);
    buf_printf(&b, "\n%s", comment);
    struct str key = {b.failed ? NULL : arena_strndup(k->ar, b.p, b.len), (uint32_t)b.len};
    buf_free(&b);
    return key.p ? key : (struct str){"", 0};
}

static void note(struct counts *k, const char *name, const char *comment, struct count n)
{
    if (!comment || !n.packets)
        return;
    const struct str key = key_of(k, name, comment);
    struct count *c = symtab_get(&k->at, key, 0);
    if (!c) {
        c = ARENA_NEW(k->ar, struct count);
        symtab_put(k->ar, &k->at, key, 0, c);
    }
    c->packets += n.packets;
    c->bytes += n.bytes;
}

static struct count take(struct counts *k, const char *name, const char *comment)
{
    struct count *c = comment ? symtab_get(&k->at, key_of(k, name, comment), 0) : NULL;
    const struct count n = c ? *c : (struct count){0, 0};
    if (c)
        *c = (struct count){0, 0};
    return n;
}

static bool has_counter(const struct nft_rule *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].kind == RULE_COUNTER)
            return true;
    return false;
}

void nft_generation_count(struct nft_plan *p, const struct nft_held *both)
{
    struct counts k = {.ar = p->arena};
    const struct nft_held live = nft_generation_only(p->arena, both, nft_generation_held(both)), *h = &live;
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        PTRLIST_FOR (struct nft_held_rule, r, &c->rules) {
            note(&k, c->name, r->comment, (struct count){r->packets, r->bytes});
        }
    }
    PTRLIST_FOR (struct nft_held_set, s, &h->sets) {
        PTRLIST_FOR (struct nft_held_element, e, &s->elements) {
            note(&k, s->name, e->comment, (struct count){e->packets, e->bytes});
        }
    }
    if (k.at.n == 0)
        return;
    PTRLIST_FOR (struct nft_chain, c, &p->chains) {
        PTRLIST_FOR (struct nft_rule, r, &c->rules) {
            const struct count n = has_counter(r) ? take(&k, c->name, r->comment) : (struct count){0, 0};
            r->packets = n.packets;
            r->bytes = n.bytes;
        }
    }
    PTRLIST_FOR (struct nft_set, s, &p->sets) {
        PTRLIST_FOR (struct nft_element, e, &s->elements) {
            const struct count n = s->counters ? take(&k, s->name, e->comment) : (struct count){0, 0};
            e->packets = n.packets;
            e->bytes = n.bytes;
        }
    }
}
