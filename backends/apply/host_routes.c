/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/host_routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/apply/host_settings.h"
#include "backends/apply/routes.h"

struct finder {
    struct target *t;
    struct routes *r;
    const struct target_map *map;
    struct symtab peers;               /* (address) → itself: of the map, those that were looked at */
    struct symtab unreached, networks; /* ... of all maps: peers that were said, networks that were looked at */
    struct symtab sources;             /* ... of the map, behind which link they are was looked at */
    bool redirects_said;
    uint32_t n_left_out; /* addresses that there were too many questions for */
};

static unsigned bytes_of(uint8_t family)
{
    return family == FAMILY_V6 ? 16 : 4;
}

static bool is_own(const struct target *t, const struct ip_addr *a)
{
    return host_links_have(&t->ifs->links, a->family, a->b);
}

/* False: it was looked at before. */
static bool is_new(struct finder *f, struct symtab *seen, const struct ip_addr *a)
{
    const struct str key = {(const char *)a->b, bytes_of(a->family)};
    if (symtab_get(seen, key, a->family))
        return false;
    const struct str kept = {arena_strndup(f->t->arena, key.p, key.len), key.len};
    symtab_put(f->t->arena, seen, kept, a->family, (void *)(uintptr_t)kept.p);
    return true;
}

/* Of an address that no route at all leads to the kernel is not asked. */
static bool may_ask(const struct finder *f, const struct ip_addr *a)
{
    return f->r->asked < HOST_ROUTES_MOST || routes_lack(f->r, a->family, a->b);
}

/* The same for a peer or a network: what is left out is counted. */
static bool is_looked_at(struct finder *f, struct symtab *seen, const struct ip_addr *a)
{
    if (!is_new(f, seen, a))
        return false;
    bool may = may_ask(f, a);
    f->n_left_out += !may;
    return may;
}

/* ---- peers ---- */

#define LOOSE 2 /* of rp_filter: a source needs a route, by whichever link */

static void look_at_reverse_path(struct finder *f, const struct map_peer *p, const char *by)
{
    char text[ADDR_TEXT_MAX];
    PTRLIST_FOR (char, link, &f->map->links) {
        bool is_same = strcmp(link, by) == 0;
        if (is_same || p->host.addr.family != FAMILY_V4 || host_setting_of_link(link, "rp_filter") != 1)
            continue;
        const char *path = host_setting_path(f->t->arena, link, "rp_filter");
        char name[HOST_SETTING_NAME_MAX];
        if (host_setting_want(f->t, path, LOOSE))
            continue;
        struct diag *d =
            diag_add(f->t->diags, D_LX_HOST_SETTING, p->span,
                     "what this peer sends by %s is dropped there (rp_filter), as the route to %s leads by %s", link,
                     addr_text(&p->host.addr, text), by);
        diag_hint(f->t->diags, d, "sysctl -w %s=2 (the higher one of `all` and the link holds)",
                  host_setting_name(path, name));
    }
}

static void look_at_peer(struct finder *f, const struct map_peer *p)
{
    const struct ip_addr *a = &p->host.addr;
    char text[ADDR_TEXT_MAX];
    if (a->family == FAMILY_NONE || is_own(f->t, a) || !is_looked_at(f, &f->peers, a))
        return;
    const char *by = routes_link(f->r, a->family, a->b);
    if (by)
        look_at_reverse_path(f, p, by);
    else if (!f->r->error && is_new(f, &f->unreached, a))
        diag_add(f->t->diags, D_LX_NO_ROUTE, p->span,
                 "no route of this host leads to %s: nothing is negotiated with it", addr_text(a, text));
}

/* ---- protected networks ---- */

/* Bits that the box's destination begins with. */
static uint8_t prefix_of(const struct addr_bits *bits, uint8_t family)
{
    uint8_t n = 0;
    const uint8_t most = family == FAMILY_V6 ? 128 : 32;
    while (n < most && bits->care[n / 8] & 0x80 >> n % 8)
        n++;
    return n;
}

/* Does a route lead to some part of it? Those to parts of a network follow each other. */
static bool has_route_within(const struct finder *f, const struct box *b)
{
    const uint8_t plen = prefix_of(&b->dst, b->family);
    const struct addr_bits net = addr_bits_of(b->family, b->dst.value, plen);
    for (uint32_t i = routes_from(f->r, b->family, net.value); i < f->r->n; i++) {
        const struct route *route = &f->r->all[i];
        bool is_in = route->family == b->family;
        for (unsigned k = 0; k < bytes_of(b->family) && is_in; k++)
            is_in = (route->to[k] & net.care[k]) == net.value[k];
        if (!is_in)
            return false;
        if (route->leads && route->plen >= plen)
            return true;
    }
    return false;
}

/* Where the host has rules of routing, which route a packet takes is decided by more than its destination. Routes of
 * `reverse-route` come with the tunnel. */
static void look_at_network(struct finder *f, const struct target_line *l)
{
    char text[ADDR_TEXT_MAX];
    if (f->r->rules.n || l->entry->sa.reverse_route.v)
        return;
    for (uint32_t i = 0; i < l->boxes.n; i++) {
        const struct box *b = &l->boxes.v[i];
        const struct packet p = box_witness(b);
        struct ip_addr to = {.family = b->family};
        memcpy(to.b, p.dst, bytes_of(b->family));
        bool is_asked = !is_own(f->t, &to) && is_looked_at(f, &f->networks, &to);
        if (!is_asked || has_route_within(f, b) || routes_link(f->r, b->family, to.b) || f->r->error)
            continue;
        diag_add(
            f->t->diags, D_LX_NO_ROUTE, l->line->span,
            "no route of this host leads to %s, the first address of what this line protects: it has nowhere to go",
            addr_text(&to, text));
        return;
    }
}

/* A network that no route is for, as its interface has lost its address, is behind nothing. */
static bool is_by_default(struct finder *f, uint8_t family, const uint8_t *address)
{
    struct routes_packet q = {.family = family};
    struct route_taken taken;
    memcpy(q.to, address, bytes_of(family));
    return !routes_taken(f->r, &q, &taken) || taken.plen == 0;
}

/* Behind the link that the tunnels leave by are also hosts whose packets are protected. */
static void look_at_redirects(struct finder *f, const struct target_line *l)
{
    char text[ADDR_TEXT_MAX];
    for (uint32_t i = 0; i < l->boxes.n && !f->redirects_said; i++) {
        const struct box *b = &l->boxes.v[i];
        const struct packet p = box_witness(b);
        struct ip_addr from = {.family = b->family};
        memcpy(from.b, p.src, bytes_of(b->family));
        bool is_of_everybody = b->src.care[0] == 0, is_one = b->src.care[3] == 0xff;
        if (b->family != FAMILY_V4 || is_of_everybody || is_one || is_own(f->t, &from))
            continue; /* one address is the router's own, of NAT or of two routers */
        if (!is_new(f, &f->sources, &from) || !may_ask(f, &from))
            continue;
        const char *behind = is_by_default(f, b->family, p.src) ? NULL : routes_source_link(f->r, b->family, p.src);
        PTRLIST_FOR (char, link, &f->map->links) {
            if (!behind || strcmp(link, behind) != 0 || host_setting_of_link(link, "send_redirects") == 0)
                continue;
            f->redirects_said = true;
            const char *path = host_setting_path(f->t->arena, link, "send_redirects");
            char name[HOST_SETTING_NAME_MAX];
            bool is_set = host_setting_want(f->t, host_setting_path(f->t->arena, "all", "send_redirects"), 0);
            if (host_setting_want(f->t, path, 0) && is_set)
                continue;
            struct diag *d =
                diag_add(f->t->diags, D_LX_HOST_SETTING, l->line->span,
                         "%s is behind %s, by which the tunnels leave too: hosts there are told to send past "
                         "this one (ICMP redirects), and what they send then is not encrypted",
                         addr_text(&from, text), link);
            diag_hint(f->t->diags, d, "sysctl -w net.ipv4.conf.all.send_redirects=0 %s=0",
                      host_setting_name(path, name));
        }
    }
}

static void look_at_map(struct finder *f, const struct target_map *m)
{
    f->map = m;
    f->peers = f->sources = (struct symtab){0};
    f->n_left_out = 0;
    PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
        PTRLIST_FOR (struct map_peer, p, &e->peers) {
            look_at_peer(f, p);
        }
    }
    for (uint32_t i = 0; i < m->lines.n; i++) {
        look_at_network(f, m->lines.v[i]);
        look_at_redirects(f, m->lines.v[i]);
    }
    if (f->n_left_out)
        diag_add(f->t->diags, D_LX_NO_ROUTE, m->map->span,
                 "crypto map " STR_FMT ": routes to %u further addresses of its peers and networks were not looked for",
                 STR_ARG(m->map->name.s), f->n_left_out);
}

int host_routes_find(struct target *t)
{
    struct routes r;
    struct finder f = {.t = t, .r = &r};
    int error = routes_open(&r, t->arena, &t->ifs->links);
    if (error == 0)
        error = routes_read(&r);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        if (error == 0)
            look_at_map(&f, m);
        error = error ? error : r.error;
    }
    routes_close(&r);
    return error;
}
