/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Later fragments have no ports, and where nobody tracks connections nobody puts them together before the walls are
 * asked. As on the router a permit with ports holds for them by its addresses and protocol, and a deny with ports does
 * not hold for them.
 */
#include "backends/nftables/plan.h"

static const struct port_range any_port = {0, 65535};

static bool has_ports(const struct box *b)
{
    return b->sport.lo != 0 || b->sport.hi != 65535 || b->dport.lo != 0 || b->dport.hi != 65535;
}

static bool any_has_ports(const struct flat *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (f->v[i].verdict != VERDICT_CLEAR && has_ports(&f->v[i].box))
            return true;
    return false;
}

/* Every byte of it stated, those between the fields too. */
static struct str key_of(struct arena *ar, const struct box *b)
{
    struct box *key = ARENA_NEW(ar, struct box);
    memset(key, 0, sizeof *key);
    key->family = b->family;
    key->src = b->src;
    key->dst = b->dst;
    key->proto = b->proto;
    return (struct str){(const char *)key, sizeof *key};
}

bool nft_fragments(struct arena *ar, const struct flat *list, struct flat *out)
{
    *out = (struct flat){0};
    if (!any_has_ports(list))
        return false;
    struct symtab seen = {0}; /* (box) → its rule: of the same fragments the first decides */
    out->v = arena_array(ar, list->n, sizeof *out->v);
    for (uint32_t i = 0; i < list->n; i++) {
        struct flat_rule r = list->v[i];
        if (r.verdict == VERDICT_CLEAR && has_ports(&r.box))
            continue;
        r.box.sport = r.box.dport = any_port;
        const struct str key = key_of(ar, &r.box);
        if (symtab_get(&seen, key, 0))
            continue;
        out->v[out->n] = r;
        symtab_put(ar, &seen, key, 0, &out->v[out->n++]);
    }
    return true;
}
