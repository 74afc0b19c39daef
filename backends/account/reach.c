/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/account/reach.h"

static struct str key_of(const void *const *object)
{
    return (struct str){(const char *)object, sizeof *object};
}

static const struct ir_desc *kind_of(const struct reach *r, const void *object)
{
    return symtab_get(&r->kinds, key_of(&object), 0);
}

static const void *field_of(const void *object, const struct ir_field *f)
{
    return (const char *)object + f->off;
}

/* Which kind of object stands at which address. */
static void index_objects(struct reach *r, const void *object, const struct ir_desc *d)
{
    for (const struct ir_field *f = d->fields; f->name; f++) {
        if (f->type == IR_OBJECT)
            index_objects(r, field_of(object, f), f->sub);
        if (f->type != IR_LIST)
            continue;
        const struct ptrlist *list = field_of(object, f);
        PTRLIST_FOR (void, item, list) {
            const void *p = item;
            struct str key = {arena_strndup(r->arena, (const char *)&p, sizeof p), sizeof p};
            symtab_put(r->arena, &r->kinds, key, 0, (void *)(uintptr_t)f->sub);
            index_objects(r, item, f->sub);
        }
    }
}

/* ---- what an object refers to ---- */

static void mark(struct reach *r, const void *object);

static void mark_group(struct reach *r, const void *group)
{
    if (group)
        mark(r, group);
}

/* Lists of an object: its own lines, and those of access lists and object groups with the groups that they name. */
static void mark_aces(struct reach *r, const struct ptrlist *aces)
{
    PTRLIST_FOR (struct ace, x, aces) {
        mark_group(r, x->src.group);
        mark_group(r, x->dst.group);
        mark_group(r, x->service);
    }
}

static void mark_items(struct reach *r, const struct ptrlist *items)
{
    PTRLIST_FOR (struct object_item, x, items) {
        mark_group(r, x->group);
        mark_group(r, x->end.group);
    }
}

static void mark_reference(struct reach *r, const struct ir_ref *ref)
{
    if (ref->target)
        mark(r, ref->target);
}

static void mark_fields(struct reach *r, const void *object, const struct ir_desc *d)
{
    for (const struct ir_field *f = d->fields; f->name; f++) {
        const void *at = field_of(object, f);
        switch (f->type) {
        case IR_REF:
            mark_reference(r, at);
            break;
        case IR_REFS:
            PTRLIST_FOR (struct ir_ref, ref, (const struct ptrlist *)at) {
                mark_reference(r, ref);
            }
            break;
        case IR_LIST:
            PTRLIST_FOR (void, item, (const struct ptrlist *)at) {
                mark(r, item);
            }
            break;
        case IR_OBJECT:
            mark_fields(r, at, f->sub);
            break;
        case IR_ACES:
            mark_aces(r, at);
            break;
        case IR_ITEMS:
            mark_items(r, at);
            break;
        default:
            break;
        }
    }
}

/* Route maps are several objects of one name, pools and certificate chains are found by name. */
static void mark_named(struct reach *r, const struct ptrlist *list, struct str name, size_t name_off)
{
    PTRLIST_FOR (void, item, list) {
        const struct ir_str *own = (const void *)((const char *)item + name_off);
        if (name.len && str_eq(own->s, name))
            mark(r, item);
    }
}

static void mark_by_name(struct reach *r, const void *object)
{
    PTRLIST_FOR (struct nat_rule, n, &r->c->nat_rules) {
        if (n != object)
            continue;
        mark_named(r, &r->c->nat_pools, n->pool.s, offsetof(struct nat_pool, name));
        mark_named(r, &r->c->route_maps, n->route_map.name, offsetof(struct route_map, name));
    }
    PTRLIST_FOR (struct trustpoint, tp, &r->c->trustpoints) {
        if (tp == object)
            mark_named(r, &r->c->cert_chains, tp->name.s, offsetof(struct cert_chain, name));
    }
}

static void mark(struct reach *r, const void *object)
{
    const struct ir_desc *d = kind_of(r, object);
    static const char seen;
    if (!d || !d->has_span)
        return;
    const struct span *at = object;
    if (symtab_get(&r->seen, key_of(&object), 0))
        return;
    struct str key = {arena_strndup(r->arena, (const char *)&object, sizeof object), sizeof object};
    symtab_put(r->arena, &r->seen, key, 0, (void *)(uintptr_t)&seen);
    symtab_put(r->arena, &r->seen, STR_EMPTY, at->off, (void *)(uintptr_t)&seen);
    ptrlist_add(r->arena, &r->todo, (void *)(uintptr_t)object);
}

/* Not by recursion: a file may hold a chain of any length. */
static void follow(struct reach *r)
{
    for (uint32_t i = 0; i < r->todo.n; i++) {
        const void *object = r->todo.v[i];
        mark_fields(r, object, kind_of(r, object));
        mark_by_name(r, object);
    }
}

static void mark_list(struct reach *r, const struct ptrlist *list)
{
    PTRLIST_FOR (void, item, list) {
        mark(r, item);
    }
}

/* ---- what takes part by itself ---- */

struct uses {
    bool ikev1, ikev2, manual;
};

static void look_at_entries(struct uses *u, const struct crypto_map *m)
{
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        bool is_v2 = e->sa.ikev2_profile.target != NULL;
        u->manual |= e->type.v == ENTRY_MANUAL;
        u->ikev2 |= is_v2;
        u->ikev1 |= !is_v2 && e->type.v != ENTRY_MANUAL;
        if (e->dynamic.target)
            look_at_entries(u, e->dynamic.target);
    }
}

/* IKE looks through all policies, keys and profiles for one that fits. */
static void mark_ike(struct reach *r, const struct uses *u)
{
    const struct ir_config *c = r->c;
    const struct ptrlist *const v1[] = {&c->isakmp_policies, &c->isakmp_keys, &c->keyrings, &c->isakmp_profiles,
                                        &c->isakmp_peers,    &c->trustpoints, &c->pubkeys};
    const struct ptrlist *const v2[] = {&c->ikev2_policies, &c->ikev2_profiles, &c->trustpoints};
    for (size_t i = 0; u->ikev1 && i < sizeof v1 / sizeof *v1; i++)
        mark_list(r, v1[i]);
    for (size_t i = 0; u->ikev2 && i < sizeof v2 / sizeof *v2; i++)
        mark_list(r, v2[i]);
    bool has_none = c->ikev2_policies.n == 0; /* then proposals are found by themselves */
    if (u->ikev2 && has_none)
        mark_list(r, &c->ikev2_proposals);
    mark_list(r, &c->hosts);
}

void reach_build(struct reach *r, struct arena *ar, const struct target *t)
{
    struct uses u = {0};
    *r = (struct reach){.arena = ar, .c = t->c};
    index_objects(r, t->c, &ir_desc_config);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        mark(r, m->map);
        look_at_entries(&u, m->map);
    }
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        if (if_map_find(t->ifs, i))
            mark(r, i);
    }
    mark_list(r, &t->c->nat_rules);
    mark_ike(r, &u);
    follow(r);
}

bool reach_has(const struct reach *r, uint32_t off)
{
    return symtab_get(&r->seen, STR_EMPTY, off) != NULL;
}
