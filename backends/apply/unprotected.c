/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a packet leaves is decided by ranges of addresses and ports: those of routes and of rules of routing. They cut
 * what a line protects into pieces (kinds.h), and the kernel is asked for one packet of each piece that might leave in
 * the clear: what it answers it would do with each packet of the piece. Whether lists hold all of the piece back is
 * asked of them as sets (open_part.h).
 */
#include "backends/apply/unprotected.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/apply/egress.h"
#include "backends/apply/kinds.h"
#include "backends/apply/open_part.h"
#include "backends/apply/routes.h"

#define WHOLE_MS 1500 /* how long it may take in all */
#define SOON_MS 150   /* ... for who has to be there for other things */
#define TOS_MAX 16
#define TRIES_MAX 64 /* for an address that looks like a host's */
#define ARRIVALS_MAX 16

struct search {
    struct target *t;
    struct routes *r;
    struct egresses *ways;
    const struct target_map *map;
    const struct target_line *line;
    const struct box *box;
    bool has_other_ways;      /* than by the map's own links */
    bool is_exchanged;        /* the line's source and destination, it seems: what is routed inside is looked at too */
    struct boxes tells_apart; /* what rules of routing say of the box's packets */
    bool is_by_source;        /* ... or lists of other maps, and they look at who sends: it is said */
    bool is_by_port;          /* ... at protocols and ports */
    struct open_part lists;
    uint32_t arrivals[ARRIVALS_MAX]; /* links that rules ask for, for lines from `any` */
    unsigned arrivals_n;
    bool by_own_way; /* some of `any` leaves by the map's own links */
    uint8_t tos[TOS_MAX];
    unsigned tos_n;
    struct symtab own;      /* (address) → host_address: this host's */
    struct cuts *to, *from; /* room that is used again */
    uint32_t questions;     /* to the kernel, at most */
    uint64_t until_ms;      /* of the monotonic clock */
    bool is_cut;            /* not all was looked at */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct ip_addr ip_of(uint8_t family, const uint8_t *b)
{
    struct ip_addr a = {.family = family};
    memcpy(a.b, b, family == FAMILY_V6 ? 16 : 4);
    return a;
}

static unsigned prefix_of(const struct addr_bits *bits)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof bits->care; i++)
        n += (unsigned)__builtin_popcount(bits->care[i]);
    return n;
}

static bool cares(const struct addr_bits *bits, unsigned bit)
{
    return bits->care[bit / 8] & 0x80 >> bit % 8;
}

/* Has it no holes? */
static bool is_network(const struct addr_bits *bits, uint8_t family)
{
    const struct addr_bits same = addr_bits_of(family, bits->value, prefix_of(bits));
    return memcmp(&same, bits, sizeof same) == 0;
}

static bool is_any(const struct addr_bits *bits)
{
    return prefix_of(bits) == 0;
}

/* ---- what is said ---- */

static void say_encapsulated(const struct search *s, const struct ip_addr *to)
{
    char text[ADDR_TEXT_MAX];
    diag_add(s->t->diags, D_LX_ROUTED, s->line->line->span,
             "this host sends to %s by a route with an encapsulation, which goes past policies and filters: it is not "
             "encrypted, and nothing stops it",
             addr_text(to, text));
}

/* "udp/9", "icmp", "protocol 47". */
static void put_kind(char *out, size_t room, const struct packet *p)
{
    const bool is_tcp = p->proto == IPPROTO_TCP, is_icmp = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
    const char *name = is_tcp ? "tcp" : "udp";
    if (is_icmp)
        snprintf(out, room, "icmp");
    else if (!is_tcp && p->proto != IPPROTO_UDP)
        snprintf(out, room, "protocol %u", p->proto);
    else if (p->dport)
        snprintf(out, room, "%s/%u", name, p->dport);
    else if (p->sport)
        snprintf(out, room, "%s from port %u", name, p->sport);
    else
        snprintf(out, room, "%s", name);
}

static void say_routed(const struct search *s, const struct packet *p, const struct egress *way,
                       const struct target_map *other)
{
    const struct ip_addr from = ip_of(p->family, p->src), to = ip_of(p->family, p->dst);
    char text[ADDR_TEXT_MAX], who[ADDR_TEXT_MAX + 32] = "", why[160] = "which has no crypto map";
    char kind[40], what[48] = "";
    put_kind(kind, sizeof kind, p);
    if (s->is_by_port)
        snprintf(what, sizeof what, " (%s)", kind);
    if (other)
        snprintf(why, sizeof why, "whose crypto map " STR_FMT " does not protect it", STR_ARG(other->map->name.s));
    if (s->is_by_source)
        snprintf(who, sizeof who, " what comes from %s", addr_text(&from, text));
    struct diag *d =
        diag_add(s->t->diags, D_LX_ROUTED, s->line->line->span,
                 "this host sends%s to %s%s by %s, %s: it is not encrypted there, as it would not be on the router",
                 who, addr_text(&to, text), what, way->link->name, why);
    if (s->is_exchanged)
        diag_hint(s->t->diags, d,
                  "its sources are routed by the map's own interface: are source and destination exchanged?");
}

static void say_too_many(struct search *s)
{
    const bool is_said = s->is_cut;
    s->is_cut = true;
    if (is_said || s->questions == UNPROTECTED_SOON)
        return;
    diag_add(s->t->diags, D_LX_ROUTED, s->line->line->span,
             "by which interface this host sends what this line, and those after it, protect was not looked at: its "
             "routes and rules are too many");
}

/* The lists before this line are too many to be taken apart; those after it are looked at. */
static void say_not_told(struct search *s)
{
    s->is_cut = s->is_cut || s->questions == UNPROTECTED_SOON;
    if (s->questions != UNPROTECTED_SOON)
        diag_add(s->t->diags, D_LX_ROUTED, s->line->line->span,
                 "by which interface this host sends what this line protects is not known whole: the lines that come "
                 "before it, and those of its other crypto maps, are too many pieces");
}

/* ---- routes by which it might leave in the clear ---- */

/* Networks of the host's own addresses are, where they are parts of a line's. */
static bool is_no_news(const struct search *s, uint8_t plen)
{
    return plen > prefix_of(&s->box->dst) && !s->is_exchanged;
}

static bool might_be_open(const struct search *s, const struct route *route)
{
    struct egress *way = egress_numbered(s->ways, route->ifindex);
    if (!route->leads || (route->is_connected && is_no_news(s, route->plen)))
        return false;
    if (route->is_encapsulated || !way)
        return true;
    return !egress_has(way, s->map) && (s->is_exchanged || !egress_is_inside(s->ways, way));
}

static struct addr_bits bits_of(const struct route *route)
{
    return addr_bits_of(route->family, route->to, route->plen);
}

/* First mark: packets might leave in the clear; second: it is no news (a part of `any`, as a host has its management).
 */
static bool cut_by_route(const struct search *s, struct cuts *c, const struct route *route)
{
    if (route->is_address)
        return false; /* host_in() */
    const struct addr_bits bits = bits_of(route);
    bool is_open = might_be_open(s, route);
    bool is_part_of_any = is_any(&s->box->dst) && route->plen > 0 && route->leads;
    unsigned marks = CUT_PLAIN;
    if (is_open)
        marks |= CUT_FIRST;
    if (is_part_of_any)
        marks |= CUT_SECOND;
    cuts_add_bits(c, route->family, &bits, marks);
    return is_open;
}

/* Routes to networks around the box, from the default route on. */
static bool cut_by_wider_routes(const struct search *s, struct cuts *c)
{
    const struct routes *r = s->r;
    const struct addr_bits *dst = &s->box->dst;
    const unsigned width = s->box->family == FAMILY_V6 ? 128 : 32;
    uint8_t network[16] = {0};
    bool is_open = false;
    for (unsigned plen = 0; plen <= width; plen++) {
        if (plen > 0 && !cares(dst, plen - 1))
            break;
        if (plen > 0)
            network[(plen - 1) / 8] |= (uint8_t)(dst->value[(plen - 1) / 8] & 0x80 >> (plen - 1) % 8);
        uint32_t i = routes_to(r, s->box->family, network, (uint8_t)plen);
        for (; i < r->n && routes_is_to(&r->all[i], s->box->family, network, (uint8_t)plen); i++)
            is_open |= cut_by_route(s, c, &r->all[i]);
    }
    return is_open;
}

/* ... and to networks inside of it. */
static bool cut_by_narrower_routes(const struct search *s, struct cuts *c)
{
    const struct routes *r = s->r;
    const unsigned bytes = s->box->family == FAMILY_V6 ? 16 : 4;
    struct address first, last;
    unsigned around = 0;
    bool is_open = false;
    kinds_ends(&s->box->dst, s->box->family, &first, &last);
    while (around < bytes * 8 && cares(&s->box->dst, around))
        around++;
    const struct addr_bits network = addr_bits_of(s->box->family, first.b, around);
    for (uint32_t i = routes_from(r, s->box->family, network.value); i < r->n; i++) {
        const struct route *route = &r->all[i];
        if (route->family != s->box->family || memcmp(route->to, last.b, bytes) > 0)
            break;
        if (route->plen > around)
            is_open |= cut_by_route(s, c, route);
    }
    return is_open;
}

/* What no host has: the network's own address, and of `any` what no default route is for. */
static void cut_off_ends(const struct search *s, struct cuts *c)
{
    const bool is_v6 = s->box->family == FAMILY_V6;
    struct address first, last;
    kinds_ends(&s->box->dst, s->box->family, &first, &last);
    if (!is_any(&s->box->dst)) {
        if (is_network(&s->box->dst, s->box->family) && prefix_of(&s->box->dst) < (is_v6 ? 127 : 31))
            cuts_add(c, s->box->family, &first, &first, CUT_SECOND);
        return;
    }
    struct address before = {{0}}; /* 0.255.255.255, 1.0.0.0, and 1fff:… */
    if (is_v6)
        memset(before.b + 1, 0xff, 15);
    before.b[0] = is_v6 ? 0x1f : 1;
    cuts_add(c, s->box->family, &first, &before, CUT_SECOND);
    struct address behind = {.b = {is_v6 ? 0xff : 224}}; /* multicast */
    cuts_add(c, s->box->family, &behind, &last, CUT_SECOND);
}

static struct pieces destinations(const struct search *s)
{
    struct cuts *c = s->to;
    c->n = 0;
    bool is_open = cut_by_wider_routes(s, c);
    is_open |= cut_by_narrower_routes(s, c);
    if (!is_open)
        return (struct pieces){0};
    cut_off_ends(s, c);
    for (uint32_t i = 0; i < s->tells_apart.n; i++)
        cuts_add_bits(c, s->box->family, &s->tells_apart.v[i].dst, CUT_PLAIN);
    return cuts_pieces(c, &s->box->dst, s->box->family);
}

/* ---- sources ---- */

static struct str own_key(const uint8_t *address, uint8_t family)
{
    return (struct str){(const char *)address, family == FAMILY_V6 ? 16 : 4};
}

static bool is_own(const struct search *s, const uint8_t *address)
{
    return symtab_get(&s->own, own_key(address, s->box->family), s->box->family);
}

static void gather_own(struct search *s)
{
    PTRLIST_FOR (struct host_link, l, &s->t->ifs->links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            symtab_put(s->t->arena, &s->own, own_key(h->addr.b, h->addr.family), h->addr.family, h);
        }
    }
}

/* Rules look at them, and at the interface that they come by: so networks and routes cut as well, where there are some.
 */
static struct pieces sources(const struct search *s)
{
    const struct routes *r = s->r;
    struct cuts *c = s->from;
    struct address first, last;
    c->n = 0;
    kinds_ends(&s->box->src, s->box->family, &first, &last);
    for (uint32_t i = 0; i < s->tells_apart.n; i++)
        cuts_add_bits(c, s->box->family, &s->tells_apart.v[i].src, CUT_PLAIN);
    if (r->rules.n == 0)
        return cuts_pieces(c, &s->box->src, s->box->family);
    PTRLIST_FOR (struct host_link, l, &s->t->ifs->links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            const struct addr_bits network = addr_bits_of(h->addr.family, h->addr.b, h->plen);
            if (h->addr.family == s->box->family)
                cuts_add_bits(c, s->box->family, &network, CUT_PLAIN);
        }
    }
    for (uint32_t i = is_any(&s->box->src) ? r->n : routes_from(r, s->box->family, first.b); i < r->n; i++) {
        const struct route *route = &r->all[i];
        const struct addr_bits bits = bits_of(route);
        if (route->family != s->box->family || memcmp(route->to, last.b, sizeof last.b) > 0)
            break;
        if (route->leads)
            cuts_add_bits(c, s->box->family, &bits, CUT_PLAIN);
    }
    return cuts_pieces(c, &s->box->src, s->box->family);
}

/* ---- one piece ---- */

/* Packets of one kind: what stands for them, and all of them. */
struct kind {
    struct packet packet;
    struct box region;
    const struct boxes *named; /* protocols that are none of the region's; NULL: none */
    uint8_t tos;
};

static struct routes_packet question(const struct kind *k, uint32_t comes_by)
{
    const struct packet *p = &k->packet;
    struct routes_packet q = {.family = p->family,
                              .has_src = comes_by != 0,
                              .ifindex = comes_by,
                              .proto = p->proto,
                              .sport = p->sport,
                              .dport = p->dport,
                              .tos = k->tos};
    memcpy(q.src, p->src, sizeof q.src);
    memcpy(q.to, p->dst, sizeof q.to);
    return q;
}

/* So much has been looked at that the rest is not. */
static bool is_spent(const struct search *s)
{
    return s->r->asked > s->questions || now_ms() > s->until_ms;
}

/* With room of its own: what sets are cut into is much, and of no use afterwards. */
static enum open_found ask_lists(const struct search *s, const struct kind *k, const struct egress *way,
                                 struct packet *p, const struct target_map **lets)
{
    struct open_part lists = s->lists;
    struct arena scratch;
    if (!arena_init(&scratch, SIZE_MAX))
        return OPEN_UNTOLD;
    lists.arena = &scratch;
    const enum open_found found = open_part_find(&lists, &k->region, k->named, way, p, lets);
    arena_free(&scratch);
    return found;
}

/* Does some of it leave by that link in the clear? Then it is said. */
static bool look_at_way(struct search *s, const struct kind *k, struct egress *way, const char *came_by)
{
    bool is_behind = egress_is_inside(s->ways, way) || (came_by && strcmp(came_by, way->link->name) == 0);
    const struct target_map *lets = NULL;
    struct packet p = k->packet;
    if (egress_has(way, s->map) || (is_behind && !s->is_exchanged))
        return false;
    enum open_found found = open_part_has(&s->lists, &p, way, &lets) ? OPEN_THERE : OPEN_NOT;
    if (found == OPEN_NOT && is_spent(s))
        found = OPEN_UNTOLD;
    if (found == OPEN_NOT)
        found = ask_lists(s, k, way, &p, &lets);
    if (found == OPEN_THERE)
        say_routed(s, &p, way, lets);
    else if (found == OPEN_UNTOLD && is_spent(s))
        say_too_many(s);
    else if (found == OPEN_UNTOLD)
        say_not_told(s);
    return found != OPEN_NOT;
}

/* Where the route has several ways the kernel takes one or the other: each is looked at. */
static bool look_at_hops(struct search *s, const struct kind *k, const struct route_taken *taken, const char *came_by)
{
    const uint8_t family = k->packet.family;
    const struct addr_bits to = addr_bits_of(family, k->packet.dst, taken->plen);
    uint32_t i = routes_to(s->r, family, to.value, taken->plen);
    for (; i < s->r->n && routes_is_to(&s->r->all[i], family, to.value, taken->plen); i++) {
        const struct route *hop = &s->r->all[i];
        bool is_of_it = hop->is_one_of_many && hop->table == taken->table && hop->priority == taken->priority &&
                        hop->tos == taken->tos;
        struct egress *way = is_of_it && might_be_open(s, hop) ? egress_numbered(s->ways, hop->ifindex) : NULL;
        if (way && look_at_way(s, k, way, came_by))
            return true;
    }
    return false;
}

/* True: it was said. */
static bool look_at(struct search *s, const struct kind *k, const struct routes_packet *q, const char *came_by)
{
    const struct ip_addr to = ip_of(k->packet.family, k->packet.dst);
    const struct routes_way way = routes_way_of(s->r, q);
    struct egress *by = way.link ? egress_named(s->ways, way.link) : NULL;
    struct route_taken taken;
    if (!by || !routes_taken(s->r, q, &taken))
        return false;
    s->by_own_way |= egress_has(by, s->map);
    if (taken.is_connected && is_no_news(s, taken.plen))
        return false;
    if (way.is_encapsulated) {
        say_encapsulated(s, &to);
        return true;
    }
    return look_at_way(s, k, by, came_by) || (s->r->has_many && look_at_hops(s, k, &taken, came_by));
}

static bool meets(const struct addr_bits *a, const struct addr_bits *b)
{
    for (size_t i = 0; i < sizeof a->care; i++)
        if ((a->value[i] ^ b->value[i]) & a->care[i] & b->care[i])
            return false;
    return true;
}

/* Does a network among the sources lie behind that link, or may it? */
static bool may_come_by(const struct search *s, const struct egress *in)
{
    if (egress_has(in, s->map))
        return false;
    if (is_any(&s->box->src))
        return true;
    for (uint32_t i = 0; i < s->r->n; i++) {
        const struct route *route = &s->r->all[i];
        const struct addr_bits bits = bits_of(route);
        bool is_there = route->leads && route->plen > 0 && route->ifindex == in->link->index;
        if (is_there && route->family == s->box->family && meets(&bits, &s->box->src))
            return true;
    }
    return false;
}

/* As it comes by the interface that leads to its source, where the host has rules; else, and where the kernel would not
 * believe such a source (or does not forward), as of the host itself. */
static bool look_at_forwarded(struct search *s, const struct kind *k)
{
    const char *link = routes_source_link(s->r, k->packet.family, k->packet.src);
    const uint32_t comes_by = s->r->rules.n && !is_own(s, k->packet.src) ? routes_number(s->r, link) : 0;
    const struct routes_packet forwarded = question(k, comes_by), plain = question(k, 0);
    bool is_answered = comes_by && routes_way_of(s->r, &forwarded).link;
    if (look_at(s, k, is_answered ? &forwarded : &plain, link))
        return true;
    for (unsigned i = 0; i < s->arrivals_n; i++) { /* it may come by another link too */
        const struct routes_packet by_rule = question(k, s->arrivals[i]);
        const struct egress *in = egress_numbered(s->ways, s->arrivals[i]);
        if (in && may_come_by(s, in) && look_at(s, k, &by_rule, in->link->name))
            return true;
    }
    return false;
}

/* What this host sends itself, from each of its addresses. */
static bool look_at_own(struct search *s, const struct kind *k)
{
    PTRLIST_FOR (struct host_link, l, &s->t->ifs->links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            struct kind own = *k;
            memcpy(own.packet.src, h->addr.b, sizeof own.packet.src);
            if (h->addr.family != k->packet.family || !box_contains(s->box, &own.packet))
                continue;
            if (is_spent(s)) {
                say_too_many(s);
                return false;
            }
            own.region.src = addr_bits_of(h->addr.family, h->addr.b, 128);
            struct routes_packet q = question(&own, 0);
            q.has_src = true;
            if (look_at(s, &own, &q, NULL))
                return true;
        }
    }
    return false;
}

/* ---- all of them ---- */

/* An address of the piece that a host may have, and not this one: the next one where the first looks like a network's
 * own, as far as there are some. */
static struct address host_in(const struct search *s, const struct addr_bits *bits, const struct piece *piece)
{
    const unsigned bytes = s->box->family == FAMILY_V6 ? 16 : 4;
    struct address a = piece->first, next;
    for (unsigned tries = 0; tries < TRIES_MAX && (a.b[bytes - 1] == 0 || is_own(s, a.b)); tries++) {
        next = a;
        if (!kinds_step(&next, s->box->family) || !kinds_first_from(bits, s->box->family, &next, &next) ||
            memcmp(&next, &piece->last, sizeof next) > 0)
            return a;
        a = next;
    }
    return a;
}

/* What is between the ends of a piece, as networks of the box. */
static unsigned networks_of(const struct search *s, const struct piece *piece, struct addr_bits *out)
{
    return kinds_networks(s->box->family, &piece->first, &piece->last, out);
}

struct pieces_of_box {
    struct pieces to, from;
    struct address *sources; /* a host in each of `from` */
    struct port_kinds ports;
};

/* One network of destinations, from all sources and of all kinds that rules tell apart. True: it was said, or there are
 * too many. */
static bool look_at_network(struct search *s, const struct pieces_of_box *b, struct kind *k)
{
    struct addr_bits from[KINDS_NETWORKS];
    for (uint32_t i = 0; i < b->ports.n * s->tos_n; i++) {
        const struct port_kind *kind = &b->ports.v[i / s->tos_n];
        const struct box of_kind = kinds_box(kind, s->box->family);
        k->tos = s->tos[i % s->tos_n];
        k->packet.proto = kind->proto;
        k->packet.sport = kind->sport.lo;
        k->packet.dport = kind->dport.lo;
        k->region.proto = of_kind.proto;
        k->region.sport = of_kind.sport;
        k->region.dport = of_kind.dport;
        k->named = kind->is_rest ? &s->tells_apart : NULL;
        for (uint32_t f = 0; f < b->from.n; f++) {
            const unsigned n = b->from.n == 1 ? 1 : networks_of(s, &b->from.v[f], from);
            memcpy(k->packet.src, b->sources[f].b, sizeof k->packet.src);
            for (unsigned j = 0; j < n; j++) {
                k->region.src = b->from.n == 1 ? s->box->src : from[j];
                if (is_spent(s)) {
                    say_too_many(s);
                    return true;
                }
                if (look_at_forwarded(s, k))
                    return true;
            }
        }
        k->region.src = s->box->src;
        if (s->r->rules.n && look_at_own(s, k))
            return true;
    }
    return false;
}

static bool look_at_piece(struct search *s, const struct pieces_of_box *b, const struct piece *to)
{
    struct addr_bits networks[KINDS_NETWORKS];
    const unsigned n = networks_of(s, to, networks);
    const struct address a = host_in(s, &s->box->dst, to);
    struct kind k = {.packet = {.family = s->box->family}, .region = *s->box};
    memcpy(k.packet.dst, a.b, sizeof k.packet.dst);
    for (unsigned i = 0; i < n; i++) {
        k.region.dst = networks[i];
        if (look_at_network(s, b, &k))
            return true;
    }
    return false;
}

static void gather_rules(struct search *s)
{
    PTRLIST_FOR (struct route_rule, rule, &s->r->rules) {
        struct box common;
        if (rule->box.family == s->box->family && box_intersect(s->box, &rule->box, &common))
            boxes_add(s->t->arena, &s->tells_apart, &rule->box);
    }
}

static void note_what_is_told(struct search *s, const struct box *said)
{
    struct box of_all_sources = *s->box, of_all_kinds = *s->box;
    of_all_sources.src = said->src;
    of_all_kinds.proto = said->proto;
    of_all_kinds.sport = said->sport;
    of_all_kinds.dport = said->dport;
    s->is_by_source |= !box_subset(s->box, &of_all_sources);
    s->is_by_port |= !box_subset(s->box, &of_all_kinds);
}

static void gather_lists(struct search *s)
{
    s->lists = (struct open_part){.arena = s->t->arena, .line = s->line};
    s->lists.own = egress_rules_about(s->ways, s->map, s->box);
    for (uint32_t i = 0; i < s->tells_apart.n; i++)
        note_what_is_told(s, &s->tells_apart.v[i]);
    PTRLIST_FOR (struct target_map, m, &s->t->maps) {
        bool is_of_family = m->map->ipv6.v == s->map->map->ipv6.v;
        if (m == s->map || !is_of_family)
            continue;
        struct egress_rules *other = ARENA_NEW(s->t->arena, struct egress_rules);
        *other = egress_rules_about(s->ways, m, s->box);
        ptrlist_add(s->t->arena, &s->lists.others, other);
        PTRLIST_FOR (struct flat_rule, r, &other->rules) {
            note_what_is_told(s, &r->box);
        }
    }
}

static bool has_tos(const struct search *s, uint8_t tos)
{
    for (unsigned i = 0; i < s->tos_n; i++)
        if (s->tos[i] == tos)
            return true;
    return false;
}

static void gather_tos(struct search *s)
{
    s->tos[s->tos_n++] = 0;
    PTRLIST_FOR (struct route_rule, rule, &s->r->rules) {
        if (s->tos_n < TOS_MAX && !has_tos(s, rule->tos))
            s->tos[s->tos_n++] = rule->tos;
    }
    for (uint32_t i = 0; i < s->r->n && s->tos_n < TOS_MAX; i++)
        if (!has_tos(s, s->r->all[i].tos))
            s->tos[s->tos_n++] = s->r->all[i].tos;
}

static void gather_arrivals(struct search *s)
{
    PTRLIST_FOR (struct route_rule, rule, &s->r->rules) {
        bool is_known = !rule->comes_by;
        for (unsigned i = 0; i < s->arrivals_n && !is_known; i++)
            is_known = s->arrivals[i] == rule->comes_by;
        if (!is_known && s->arrivals_n < ARRIVALS_MAX)
            s->arrivals[s->arrivals_n++] = rule->comes_by;
    }
}

static struct address *hosts_of(const struct search *s, const struct pieces *from)
{
    struct address *v = arena_array(s->t->arena, from->n + 1, sizeof *v);
    for (uint32_t i = 0; i < from->n; i++)
        v[i] = host_in(s, &s->box->src, &from->v[i]);
    return v;
}

/* True: it was said. */
static bool look_at_box(struct search *s)
{
    gather_rules(s);
    struct pieces_of_box b = {.to = destinations(s)};
    if (b.to.n == 0)
        return false; /* no route may lead it elsewhere */
    gather_lists(s);
    b.from = sources(s);
    b.sources = hosts_of(s, &b.from);
    b.ports = kinds_of_ports(s->t->arena, s->box, &s->tells_apart);
    s->by_own_way = false;
    for (uint32_t i = 0; i < b.to.n; i++) {
        const struct piece *to = &b.to.v[i];
        bool is_default = !is_any(&s->box->dst) || to->marks[1] == 0;
        bool is_end = !is_any(&s->box->dst) && to->marks[1] > 0;
        bool is_wanted = is_default && !is_end && (to->marks[0] > 0 || is_any(&s->box->dst));
        if (is_wanted && look_at_piece(s, &b, to))
            return true;
    }
    for (uint32_t i = 0; is_any(&s->box->dst) && !s->by_own_way && i < b.to.n; i++) /* its parts are all there is */
        if (b.to.v[i].marks[0] > 0 && look_at_piece(s, &b, &b.to.v[i]))
            return true;
    return false;
}

/* Does a network among the sources come by another link than the map's? */
static bool has_inside_sources(const struct search *s)
{
    const struct routes *r = s->r;
    struct address first, last;
    kinds_ends(&s->box->src, s->box->family, &first, &last);
    for (uint32_t i = routes_from(r, s->box->family, first.b); i < r->n; i++) {
        const struct route *route = &r->all[i];
        const struct egress *way = egress_numbered(s->ways, route->ifindex);
        if (route->family != s->box->family || memcmp(route->to, last.b, sizeof last.b) > 0)
            return false;
        if (route->leads && way && !egress_has(way, s->map))
            return true;
    }
    return false;
}

/* Do its sources come by the map's own interface, while no line is about the other direction? Then it names them the
 * wrong way round, or what it is about is hairpinned: its destinations tell. */
static bool is_exchanged(const struct search *s)
{
    const struct packet p = box_witness(s->box);
    const struct box other_way = box_mirror(s->box);
    const struct packet back = box_witness(&other_way);
    if (is_any(&s->box->src))
        return false;
    const char *link = routes_source_link(s->r, s->box->family, p.src);
    const struct egress *way = link ? egress_named(s->ways, link) : NULL;
    if (!way || s->map->map->ipv6.v || !egress_has(way, s->map) || has_inside_sources(s))
        return false;
    const struct egress_rules both_ways = egress_rules_about(s->ways, s->map, &other_way);
    return !egress_closes(&both_ways, &back);
}

/* A host whose routes all lead by the map's links, or inside, is looked at no further. */
static bool has_other_ways(const struct search *s)
{
    for (uint32_t i = 0; i < s->r->n; i++) {
        const struct route *route = &s->r->all[i];
        struct egress *way = egress_numbered(s->ways, route->ifindex);
        bool is_harmless =
            way && !route->is_encapsulated && (egress_has(way, s->map) || egress_is_inside(s->ways, way));
        if (route->leads && !is_harmless)
            return true;
    }
    return false;
}

static void look_at_line(struct search *s)
{
    for (uint32_t i = 0; i < s->line->boxes.n; i++) {
        s->box = &s->line->boxes.v[i];
        s->tells_apart.n = 0;
        s->is_by_source = s->is_by_port = false;
        s->is_exchanged = is_exchanged(s);
        if ((s->has_other_ways || s->is_exchanged) && look_at_box(s))
            return;
    }
}

/* Lines of one map. 0 or a negative errno. */
static int look_at_map(struct search *s, const struct target_map *m)
{
    int error = 0;
    s->map = m;
    s->has_other_ways = has_other_ways(s);
    for (uint32_t k = 0; error == 0 && k < m->lines.n; k++) {
        s->line = m->lines.v[k];
        if (is_spent(s)) {
            say_too_many(s);
            return 0;
        }
        look_at_line(s);
        error = s->r->error;
    }
    return error;
}

int unprotected_find(struct target *t, uint32_t questions, bool *is_whole)
{
    struct routes r;
    struct egresses ways;
    struct cuts to = {.arena = t->arena}, from = {.arena = t->arena};
    int error = routes_open(&r, t->arena, &t->ifs->links);
    if (error == 0)
        error = routes_read(&r);
    egresses_build(&ways, t->arena, t);
    struct search s = {.t = t, .r = &r, .ways = &ways, .to = &to, .from = &from, .questions = questions};
    s.until_ms = now_ms() + (questions == UNPROTECTED_SOON ? SOON_MS : WHOLE_MS);
    gather_own(&s);
    if (error == 0)
        gather_tos(&s);
    if (error == 0)
        gather_arrivals(&s);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        if (error == 0)
            error = look_at_map(&s, m);
    }
    *is_whole = error == 0 && !s.is_cut;
    routes_close(&r);
    return error;
}
