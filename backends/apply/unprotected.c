/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/unprotected.h"

#include <stdio.h>
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

static bool is_on(const struct target *t, const struct target_map *m, const char *link)
{
    for (uint32_t k = 0; k < m->links.n; k++)
        if (strcmp(m->links.v[k], link) == 0 || is_carried_by(t, m->ifs.v[k], link))
            return true;
    return false;
}

/* What a link does with a packet that the list of a map is about. */
struct judged {
    bool is_closed;               /* encrypted or dropped */
    const struct target_map *map; /* another one's, which lets it go; NULL: the link has none */
};

static struct judged judge(const struct target *t, const struct target_map *own, const char *link,
                           const struct packet *p)
{
    struct judged j = {is_on(t, own, link), NULL};
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        if (j.is_closed || m == own || !is_on(t, m, link))
            continue;
        j.map = m;
        j.is_closed = flat_decide(&m->flat, p).verdict != VERDICT_CLEAR;
    }
    return j;
}

/* An interface of the configuration without a crypto map: what is routed there is behind the router, whatever wide
 * network a list names. */
static bool is_inside(const struct target *t, const char *link)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *host = if_map_find(t->ifs, i);
        if (host && strcmp(host, link) == 0)
            return !i->crypto_map.target && !i->crypto_map6.target;
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

static void say_routed(struct target *t, const struct target_line *l, const struct ip_addr *to, const char *link,
                       const struct target_map *other)
{
    char text[ADDR_TEXT_MAX], why[160] = "which has no crypto map";
    if (other)
        snprintf(why, sizeof why, "whose crypto map " STR_FMT " does not protect it", STR_ARG(other->map->name.s));
    diag_add(t->diags, D_LX_ROUTED, l->line->span,
             "this host sends to %s by %s, %s: it is not encrypted there, as it would not be on the router",
             addr_text(to, text), link, why);
}

#define PARTS_MAX 4096 /* routes of a part of one network that are looked at */

static const char *link_numbered(const struct routes *r, uint32_t ifindex)
{
    PTRLIST_FOR (struct host_link, l, r->links) {
        if (l->index == ifindex)
            return l->name;
    }
    return NULL;
}

/* A route inside of the network that a line names leads elsewhere. Of `any` it is no news: a host has its management.
 * True: it was said. */
static bool look_at_parts(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l,
                          const struct box *b)
{
    struct packet p = box_witness(b); /* from the first address of the line's own network */
    const bool is_any = !b->dst.care[0];
    const uint32_t first = is_any ? r->n : routes_from(r, b->family, b->dst.value);
    for (uint32_t i = first; i < r->n && i - first < PARTS_MAX; i++) {
        const struct route *part = &r->all[i];
        struct box of_part = *b;
        memcpy(of_part.dst.value, part->to, sizeof part->to);
        memset(of_part.dst.care, 0, sizeof of_part.dst.care);
        for (unsigned bit = 0; bit < part->plen; bit++)
            of_part.dst.care[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        const struct ip_addr to = host_of(&of_part);
        memcpy(p.dst, to.b, sizeof p.dst);
        if (part->family != b->family || !box_contains(b, &p))
            return false;
        const char *link = link_numbered(r, part->ifindex);
        const bool is_behind = link && (is_inside(t, link) || routes_link(r, b->family, p.src) == link);
        if (!link || is_behind)
            continue;
        const struct judged j = judge(t, m, link, &p);
        const bool is_taken =
            j.is_closed || part->is_one_of_many || routes_way_from(r, to.family, p.src, to.b).link == link;
        if (j.is_closed || !is_taken)
            continue;
        say_routed(t, l, &to, link, j.map);
        return true;
    }
    return false;
}

static void look_at_line(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l)
{
    for (uint32_t i = 0; i < l->boxes.n; i++) {
        const struct box *b = &l->boxes.v[i];
        const struct ip_addr to = host_of(b);
        struct packet p = box_witness(b);
        memcpy(p.dst, to.b, sizeof p.dst);
        const struct routes_way way = routes_way_from(r, to.family, p.src, to.b);
        const struct judged j = way.link ? judge(t, m, way.link, &p) : (struct judged){true, NULL};
        const bool is_open = way.link && (way.is_encapsulated || !j.is_closed) && is_of_all(r, &to, b);
        if (is_open && way.is_encapsulated)
            say_encapsulated(t, l, &to);
        else if (is_open)
            say_routed(t, l, &to, way.link, j.map);
        if (is_open || look_at_parts(t, r, m, l, b))
            return;
    }
}

int unprotected_find(struct target *t)
{
    struct routes r;
    int error = routes_open(&r, t->arena, &t->ifs->links);
    if (error == 0)
        error = routes_read(&r);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t k = 0; error == 0 && k < m->lines.n; k++) {
            look_at_line(t, &r, m, m->lines.v[k]);
            error = r.error;
        }
    }
    routes_close(&r);
    return error;
}
