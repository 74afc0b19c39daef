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

/* Policies of IPv6 maps hold on every interface. */
static bool is_on(const struct target *t, const struct target_map *m, const char *link)
{
    if (m->map->ipv6.v)
        return true;
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

/* What comes from there is what lists protect: an address of the link is among the sources of a line, other than `any`.
 * What is routed there is behind the router. */
static bool is_inside(const struct target *t, const char *link)
{
    const struct host_link *l = if_map_link(t->ifs, link);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        for (uint32_t i = 0; l && i < m->flat.n; i++) {
            const struct box *b = &m->flat.v[i].box;
            PTRLIST_FOR (struct host_address, a, &l->addresses) {
                struct packet p = box_witness(b);
                memcpy(p.src, a->addr.b, sizeof p.src);
                p.family = a->addr.family;
                if (m->flat.v[i].line && b->src.care[0] && box_contains(b, &p))
                    return true;
            }
        }
    }
    return false;
}

static unsigned prefix_of(const struct box *b)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof b->dst.care; i++)
        n += (unsigned)__builtin_popcount(b->dst.care[i]);
    return n;
}

/* The address behind the network of a route. False: there is none. */
static bool step_over(const struct route *r, struct ip_addr *a)
{
    const unsigned bytes = r->family == FAMILY_V6 ? 16 : 4;
    memcpy(a->b, r->to, bytes);
    for (unsigned bit = r->plen; bit < bytes * 8; bit++)
        a->b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    for (unsigned i = bytes; i-- > 0;)
        if (++a->b[i])
            return true;
    return false;
}

static bool route_covers(const struct route *r, const struct ip_addr *a)
{
    for (unsigned bit = 0; bit < r->plen; bit++)
        if ((r->to[bit / 8] ^ a->b[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

/* An address of the network that no route of a part covers (an inside network, where a list protects all of 10.0.0.0/8;
 * the one address that a probe asks); where parts cover all of it, the first one. */
static struct ip_addr outside_of_parts(const struct routes *r, const struct box *b)
{
    const struct ip_addr first = host_of(b);
    const unsigned whole = prefix_of(b), bytes = first.family == FAMILY_V6 ? 16 : 4;
    struct ip_addr a = first;
    struct packet p = box_witness(b);
    for (uint32_t i = routes_from(r, b->family, b->dst.value); i < r->n; i++) {
        const struct route *part = &r->all[i];
        if (part->family != b->family || memcmp(part->to, a.b, bytes) > 0)
            break; /* routes are sorted: there is a gap before this one */
        if (part->plen > whole && route_covers(part, &a) && !step_over(part, &a))
            return first;
    }
    memcpy(p.dst, a.b, sizeof p.dst);
    return box_contains(b, &p) ? a : first;
}

/* An address that stands for the network as a whole, asked for once for each network. */
static struct ip_addr whole_witness(struct routes *r, const struct box *b, struct packet *p)
{
    const struct str key = {(const char *)&b->dst, sizeof b->dst};
    struct ip_addr *a = symtab_get(&r->wholes, key, b->family);
    if (!a) {
        const struct str kept = {arena_strndup(r->arena, key.p, key.len), key.len};
        a = ARENA_NEW(r->arena, struct ip_addr);
        *a = outside_of_parts(r, b);
        symtab_put(r->arena, &r->wholes, kept, b->family, a);
    }
    *p = box_witness(b);
    memcpy(p->dst, a->b, sizeof p->dst);
    return *a;
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

static const char *link_numbered(const struct routes *r, uint32_t ifindex)
{
    PTRLIST_FOR (struct host_link, l, r->links) {
        if (l->index == ifindex)
            return l->name;
    }
    return NULL;
}

/* Behind the router as seen from the map's interface: what goes there does not leave. */
static bool is_behind(const struct target *t, struct routes *r, const struct box *b, const char *link)
{
    const struct packet p = box_witness(b);
    return is_inside(t, link) || routes_source_link(r, b->family, p.src) == link;
}

/* Several next hops of the route of the whole: the kernel takes one or the other, and all are looked at. True: it was
 * said. */
static bool look_at_hops(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l,
                         const struct box *b)
{
    struct packet p;
    uint8_t plen, network[16] = {0};
    const struct ip_addr to = whole_witness(r, b, &p);
    if (!r->has_many || !routes_prefix(r, b->family, p.dst, &plen))
        return false;
    for (unsigned bit = 0; bit < plen; bit++)
        network[bit / 8] |= (uint8_t)(to.b[bit / 8] & 0x80 >> bit % 8);
    for (uint32_t i = routes_from(r, b->family, network); i < r->n; i++) {
        const struct route *hop = &r->all[i];
        if (hop->family != b->family || memcmp(hop->to, network, sizeof network) != 0)
            return false;
        const char *link = hop->plen == plen && hop->is_one_of_many ? link_numbered(r, hop->ifindex) : NULL;
        const struct judged j = link ? judge(t, m, link, &p) : (struct judged){true, NULL};
        if (j.is_closed)
            continue;
        say_routed(t, l, &to, link, j.map);
        return true;
    }
    return false;
}

/* A source of this host among those of a box. */
static bool own_source(const struct target *t, const struct box *b, struct packet *p)
{
    PTRLIST_FOR (struct host_link, h, &t->ifs->links) {
        PTRLIST_FOR (struct host_address, a, &h->addresses) {
            struct packet own = *p;
            memcpy(own.src, a->addr.b, sizeof own.src);
            if (a->addr.family != b->family || !box_contains(b, &own))
                continue;
            *p = own;
            return true;
        }
    }
    return false;
}

/* A rule about a part of what the line names (one host, one port) leads it elsewhere. True: it was said. */
static bool look_at_rule(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l,
                         const struct box *b, const struct route_rule *rule)
{
    struct box common;
    if (rule->box.family != b->family || !box_intersect(b, &rule->box, &common))
        return false;
    struct packet p = box_witness(&common);
    const struct ip_addr to = host_of(&common);
    memcpy(p.dst, to.b, sizeof p.dst);
    if (rule->is_of_own && !own_source(t, &common, &p))
        return false;
    const uint32_t comes_by = routes_number(r, routes_source_link(r, b->family, p.src));
    if (rule->ifindex && rule->ifindex != comes_by)
        return false;
    struct routes_packet q = {.family = b->family, .has_src = true, .ifindex = rule->is_of_own ? 0 : comes_by};
    memcpy(q.src, p.src, sizeof q.src);
    memcpy(q.to, to.b, sizeof q.to);
    if (rule->box.proto != PROTO_ANY) {
        q.proto = (uint8_t)rule->box.proto;
        q.sport = p.sport;
        q.dport = p.dport;
    }
    const struct routes_way way = routes_way_of(r, &q);
    const bool leaves = way.link && !is_behind(t, r, &common, way.link);
    const struct judged j = leaves ? judge(t, m, way.link, &p) : (struct judged){true, NULL};
    if (!j.is_closed)
        say_routed(t, l, &to, way.link, j.map);
    return !j.is_closed;
}

static bool look_at_rules(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l,
                          const struct box *b)
{
    PTRLIST_FOR (struct route_rule, rule, &r->rules) {
        if (look_at_rule(t, r, m, l, b, rule))
            return true;
    }
    return false;
}

/* Does it begin behind the last address of the box? So do all that come after it. */
static bool is_behind_box(const struct route *r, const struct box *b)
{
    uint8_t last[16];
    const size_t n = b->family == FAMILY_V6 ? 16 : 4;
    for (size_t i = 0; i < n; i++)
        last[i] = (uint8_t)(b->dst.value[i] | ~b->dst.care[i]);
    return memcmp(r->to, last, n) > 0;
}

/* A route inside of the network that a line names leads elsewhere. Of `any` it is no news: a host has its management.
 * True: it was said. */
static bool look_at_parts(struct target *t, struct routes *r, const struct target_map *m, const struct target_line *l,
                          const struct box *b)
{
    struct packet p = box_witness(b); /* from the first address of the line's own network */
    const bool is_any = !b->dst.care[0];
    uint32_t closed = 0; /* the link that was judged last, and encrypts or drops */
    for (uint32_t i = is_any ? r->n : routes_from(r, b->family, b->dst.value); i < r->n; i++) {
        const struct route *part = &r->all[i];
        struct box of_part = *b;
        if (part->family != b->family || is_behind_box(part, b))
            return false;
        if (!part->leads)
            continue;
        memcpy(of_part.dst.value, part->to, sizeof part->to);
        memset(of_part.dst.care, 0, sizeof of_part.dst.care);
        for (unsigned bit = 0; bit < part->plen; bit++)
            of_part.dst.care[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        const struct ip_addr to = host_of(&of_part);
        memcpy(p.dst, to.b, sizeof p.dst);
        if (!box_contains(b, &p)) /* in a hole of the wildcard */
            continue;
        const bool is_known = part->ifindex == closed && !part->is_encapsulated;
        const char *link = is_known ? NULL : link_numbered(r, part->ifindex);
        if (!link || is_behind(t, r, b, link))
            continue;
        const struct routes_way way = routes_way_from(r, to.family, p.src, to.b);
        if (part->is_encapsulated && way.link == link && way.is_encapsulated) {
            say_encapsulated(t, l, &to);
            return true;
        }
        const struct judged j = judge(t, m, link, &p);
        if (is_on(t, m, link))
            closed = part->ifindex;
        uint8_t plen;
        bool is_one_way = part->is_one_of_many && routes_prefix(r, to.family, to.b, &plen) && plen == part->plen;
        const bool is_taken = j.is_closed || is_one_way || way.link == link;
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
        struct packet p;
        const struct ip_addr to = whole_witness(r, b, &p);
        const struct routes_way way = routes_way_from(r, to.family, p.src, to.b);
        const struct judged j = way.link ? judge(t, m, way.link, &p) : (struct judged){true, NULL};
        const bool leaves = way.link && (way.is_encapsulated || !j.is_closed);
        const bool is_open = leaves && !is_inside(t, way.link);
        if (is_open && way.is_encapsulated)
            say_encapsulated(t, l, &to);
        else if (is_open)
            say_routed(t, l, &to, way.link, j.map);
        if (is_open || look_at_hops(t, r, m, l, b) || look_at_parts(t, r, m, l, b) || look_at_rules(t, r, m, l, b))
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
