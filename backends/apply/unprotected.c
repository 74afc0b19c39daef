/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/unprotected.h"

#include <string.h>

#include "backends/apply/routes.h"

#define PLACES_MAX 16

/* The first address of a network that a host may have; of `any`, one that the default route leads to. */
static struct ip_addr host_of(const struct box *b)
{
    struct packet p = box_witness(b);
    struct ip_addr a = {.family = b->family};
    size_t n = b->family == FAMILY_V6 ? 16 : 4;
    memcpy(a.b, p.dst, n);
    bool is_free = !(b->dst.care[n - 1] & 1), is_any = !b->dst.care[0];
    if (is_free)
        a.b[n - 1] |= 1;
    if (is_any)
        a.b[0] = b->family == FAMILY_V6 ? 0x20 : 1;
    return a;
}

static bool is_carried_by(const struct target *t, const struct interface *i, const char *link)
{
    const struct host_link *places[PLACES_MAX];
    unsigned n = if_map_places(t->ifs, t->c, i, places, PLACES_MAX);
    for (unsigned k = 0; k < n && k < PLACES_MAX; k++)
        if (strcmp(places[k]->name, link) == 0)
            return true;
    return false;
}

static bool has_crypto_map(const struct target *t, const char *link)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t k = 0; k < m->links.n; k++)
            if (strcmp(m->links.v[k], link) == 0 || is_carried_by(t, m->ifs.v[k], link))
                return true;
    }
    return false;
}

/* A route of a part (an inside network, where a list protects all of 10.0.0.0/8) says nothing of the whole. */
static bool is_of_all(struct routes *r, const struct ip_addr *to, const struct box *b)
{
    uint8_t plen, cared = 0;
    for (size_t i = 0; i < sizeof b->dst.care; i++)
        cared = (uint8_t)(cared + __builtin_popcount(b->dst.care[i]));
    return routes_prefix(r, to->family, to->b, &plen) && plen <= cared;
}

/* The kernel sends it on before policies and filters are asked. */
static void say_encapsulated(struct target *t, const struct target_line *l, const struct ip_addr *to)
{
    char text[ADDR_TEXT_MAX];
    diag_add(t->diags, D_LX_ROUTED, l->line->span,
             "this host sends to %s by a route with an encapsulation, which goes past policies and filters: it is not "
             "encrypted, and nothing stops it",
             addr_text(to, text));
}

static void look_at_line(struct target *t, struct routes *r, const struct target_line *l)
{
    char text[ADDR_TEXT_MAX];
    for (uint32_t i = 0; i < l->boxes.n; i++) {
        const struct ip_addr to = host_of(&l->boxes.v[i]);
        const struct routes_way way = routes_way(r, to.family, to.b);
        const char *link = way.link;
        if (!link || (has_crypto_map(t, link) && !way.is_encapsulated) || !is_of_all(r, &to, &l->boxes.v[i]))
            continue;
        if (way.is_encapsulated) {
            say_encapsulated(t, l, &to);
            return;
        }
        diag_add(t->diags, D_LX_ROUTED, l->line->span,
                 "this host sends to %s by %s, which has no crypto map: it is not encrypted there, as it would not be "
                 "on the router",
                 addr_text(&to, text), link);
        return;
    }
}

int unprotected_find(struct target *t)
{
    struct routes r;
    int error = routes_open(&r, t->arena, &t->ifs->links);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t k = 0; error == 0 && k < m->lines.n; k++) {
            look_at_line(t, &r, m->lines.v[k]);
            error = r.error;
        }
    }
    routes_close(&r);
    return error;
}
