/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/egress.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 16

struct egress *egress_numbered(const struct egresses *e, uint32_t index)
{
    return symtab_get(&e->numbered, STR_EMPTY, index);
}

struct egress *egress_named(const struct egresses *e, const char *name)
{
    const struct host_link *l = if_map_link(e->t->ifs, name);
    return l ? egress_numbered(e, l->index) : NULL;
}

bool egress_has(const struct egress *x, const struct target_map *m)
{
    PTRLIST_FOR (struct target_map, o, &x->maps) {
        if (o == m)
            return true;
    }
    return false;
}

static void put_map(struct egresses *e, struct egress *x, const struct target_map *m)
{
    if (x && !egress_has(x, m))
        ptrlist_add(e->arena, &x->maps, (struct target_map *)(uintptr_t)m);
}

/* Policies of IPv6 maps hold on every interface. */
static void put_on_links(struct egresses *e, const struct target_map *m)
{
    for (uint32_t i = 0; m->map->ipv6.v && i < e->n; i++)
        put_map(e, &e->v[i], m);
    for (uint32_t k = 0; k < m->links.n; k++) {
        const struct host_link *places[PLACES_MAX];
        unsigned n = if_map_places(e->t->ifs, e->t->c, m->ifs.v[k], places, PLACES_MAX);
        put_map(e, egress_named(e, m->links.v[k]), m);
        for (unsigned i = 0; i < n && i < PLACES_MAX; i++)
            put_map(e, egress_numbered(e, places[i]->index), m);
    }
}

void egresses_build(struct egresses *e, struct arena *arena, const struct target *t)
{
    const struct ptrlist *links = &t->ifs->links;
    *e = (struct egresses){.t = t, .arena = arena, .v = arena_array(arena, links->n + 1, sizeof *e->v)};
    PTRLIST_FOR (struct host_link, l, links) {
        struct egress *x = &e->v[e->n++];
        *x = (struct egress){.link = l};
        symtab_put(arena, &e->numbered, STR_EMPTY, l->index, x);
    }
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        put_on_links(e, m);
    }
}

static struct box_index *index_of(struct egresses *e, const struct target_map *m)
{
    const struct str key = {(const char *)&m, sizeof m};
    struct box_index *x = symtab_get(&e->indexes, key, 0);
    if (x)
        return x;
    const struct target_map **kept = ARENA_NEW(e->arena, const struct target_map *);
    *kept = m;
    x = box_index_new(e->arena);
    for (uint32_t i = 0; i < m->flat.n; i++)
        box_index_add(x, &m->flat.v[i].box, i + 1, &m->flat.v[i]);
    symtab_put(e->arena, &e->indexes, (struct str){(const char *)kept, sizeof *kept}, 0, x);
    return x;
}

/* Of a line that protects a network other than `any`: what this host sends itself has no inside. */
static void is_source_of_line(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    const struct flat_rule *r = tag;
    bool *is_inside = ctx;
    (void)b, (void)rank;
    bool is_host = r->box.src.care[r->box.family == FAMILY_V6 ? 15 : 3] == 0xff;
    *is_inside |= r->line && r->verdict != VERDICT_CLEAR && r->box.src.care[0] && !is_host;
    if (*is_inside)
        *floor = UINT32_MAX;
}

static bool look_inside(struct egresses *e, const struct host_link *l)
{
    bool is_inside = false;
    PTRLIST_FOR (struct target_map, m, &e->t->maps) {
        PTRLIST_FOR (struct host_address, a, &l->addresses) {
            const struct box from = {.family = a->addr.family,
                                     .src = addr_bits_of(a->addr.family, a->addr.b, 128),
                                     .proto = PROTO_ANY,
                                     .sport = {0, 65535},
                                     .dport = {0, 65535}};
            uint32_t floor = 0;
            if (!is_inside)
                box_index_visit(index_of(e, m), &from, &floor, is_source_of_line, &is_inside);
        }
    }
    return is_inside;
}

bool egress_is_inside(struct egresses *e, struct egress *x)
{
    if (x->side == SIDE_UNKNOWN)
        x->side = look_inside(e, x->link) ? SIDE_INSIDE : SIDE_OUTSIDE;
    return x->side == SIDE_INSIDE;
}

struct gathering {
    struct arena *arena;
    struct ptrlist *rules;
};

static void gather(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    const struct gathering *g = ctx;
    (void)b, (void)rank, (void)floor;
    ptrlist_add(g->arena, g->rules, (void *)(uintptr_t)tag);
}

/* They are of one list, in its order. */
static int by_place(const void *a, const void *b)
{
    const struct flat_rule *x = *(struct flat_rule *const *)a, *y = *(struct flat_rule *const *)b;
    return (x > y) - (x < y);
}

struct egress_rules egress_rules_about(struct egresses *e, const struct target_map *m, const struct box *b)
{
    struct egress_rules r = {.map = m};
    struct gathering g = {e->arena, &r.rules};
    uint32_t floor = 0;
    box_index_visit(index_of(e, m), b, &floor, gather, &g);
    if (r.rules.n)
        qsort(r.rules.v, r.rules.n, sizeof *r.rules.v, by_place);
    return r;
}

bool egress_closes(const struct egress_rules *r, const struct packet *p)
{
    PTRLIST_FOR (struct flat_rule, x, &r->rules) {
        if (box_contains(&x->box, p))
            return x->verdict != VERDICT_CLEAR;
    }
    return false;
}
