/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several families of rules need: walks over entries, access lists as packet sets. */
#include "lint/lint.h"

static void each(struct lint_ctx *x, enum diag_id id, const struct ptrlist *maps, lint_entry_fn *f)
{
    PTRLIST_FOR (struct crypto_map, m, maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            f(x, id, m, e);
        }
    }
}

void lint_static_entries(struct lint_ctx *x, enum diag_id id, lint_entry_fn *f)
{
    each(x, id, &x->c->crypto_maps, f);
}

void lint_dynamic_entries(struct lint_ctx *x, enum diag_id id, lint_entry_fn *f)
{
    each(x, id, &x->c->dynamic_maps, f);
}

void lint_crypto_lists(struct lint_ctx *x, enum diag_id id, lint_list_fn *f)
{
    struct symtab seen = {0};
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                const struct acl *a = e->acl.target;
                if (!a || symtab_get(&seen, a->name.s, (uint32_t)a->kind.v))
                    continue;
                symtab_put(x->arena, &seen, a->name.s, (uint32_t)a->kind.v, (void *)(uintptr_t)a);
                f(x, id, a, e);
            }
        }
}

static bool any_resolved(const struct ptrlist *refs)
{
    PTRLIST_FOR (struct ir_ref, r, refs) {
        if (r->target)
            return true;
    }
    return false;
}

static bool names_something(const struct sa_settings *sa)
{
    return any_resolved(&sa->transform_sets) || sa->isakmp_profile.target || sa->ikev2_profile.target;
}

bool lint_is_part(const struct ir_config *c)
{
    const struct ptrlist *const maps[] = {&c->crypto_maps, &c->dynamic_maps};
    if (lint_is_whole(c))
        return false;
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (m->applied.n || e->acl.target || e->dynamic.target || names_something(&e->sa))
                    return false;
            }
        }
    PTRLIST_FOR (struct ipsec_profile, p, &c->ipsec_profiles) {
        if (!p->is_default.v && names_something(&p->sa))
            return false;
    }
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        if (i->crypto_map.target || i->crypto_map6.target || i->protection.target)
            return false;
    }
    PTRLIST_FOR (struct ikev2_policy, p, &c->ikev2_policies) {
        if (!p->is_default.v && any_resolved(&p->proposals))
            return false;
    }
    return true;
}

struct lint_list *lint_list_of(struct lint_ctx *x, const struct acl *a)
{
    struct lint_list *l = symtab_get(x->lists, a->name.s, (uint32_t)a->kind.v);
    if (l)
        return l;
    l = ARENA_NEW(x->arena, struct lint_list);
    l->v = arena_array(x->arena, a->aces.n + 1, sizeof *l->v);
    symtab_put(x->arena, x->lists, a->name.s, (uint32_t)a->kind.v, l);
    PTRLIST_FOR (struct ace, e, &a->aces) {
        if (e->remark)
            continue;
        struct lint_line *n = &l->v[l->n++];
        n->ace = e;
        n->exact = ace_boxes(x->arena, e, (enum acl_kind)a->kind.v, &n->boxes, LINT_BOXES_MAX);
        l->unknown |= n->exact == LINE_UNKNOWN;
    }
    return l;
}

/* b minus the boxes of `cut`; what is too complicated is left as it is. */
static void minus(struct lint_ctx *x, const struct box *b, const struct ptrlist *cut, struct boxes *out)
{
    struct boxes now = {0};
    boxes_add(x->arena, &now, b);
    PTRLIST_FOR (struct box, d, cut) {
        struct boxes next = {0};
        for (uint32_t i = 0; i < now.n; i++)
            if (!box_subtract(x->arena, &now.v[i], d, &next, 4096)) {
                boxes_add(x->arena, out, b);
                return;
            }
        now = next;
    }
    for (uint32_t i = 0; i < now.n; i++)
        boxes_add(x->arena, out, &now.v[i]);
}

struct cut {
    struct arena *arena;
    struct ptrlist boxes;
};

static void collect(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct cut *c = ctx;
    (void)rank, (void)tag;
    ptrlist_add(c->arena, &c->boxes, (void *)(uintptr_t)b);
    if (c->boxes.n >= 64)
        *floor = UINT32_MAX;
}

const struct boxes *lint_permits(struct lint_ctx *x, struct lint_list *l)
{
    if (l->permits)
        return l->permits;
    struct boxes *out = l->permits = arena_array(x->arena, l->n + 1, sizeof *out);
    struct box_index *denies = NULL;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct lint_line *n = &l->v[i];
        for (uint32_t k = 0; k < n->boxes.n; k++) {
            const struct box *b = &n->boxes.v[k];
            if (!n->ace->permit) {
                if (!denies)
                    denies = box_index_new(x->arena);
                if (n->exact == LINE_EXACT)
                    box_index_add(denies, b, i + 1, n);
            } else if (!denies) {
                boxes_add(x->arena, &out[i], b);
            } else {
                struct cut c = {x->arena, {0}};
                uint32_t floor = 0;
                box_index_visit(denies, b, &floor, collect, &c);
                minus(x, b, &c.boxes, &out[i]);
            }
        }
    }
    return out;
}
