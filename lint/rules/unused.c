/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects that nothing names. Only in configurations that show where such objects are used: a part that ends before the
 * interfaces says nothing about what is applied to them.
 */
#include "lint/lint.h"

/* What every kind of object begins with. Isakmp profiles are found by the peer's identity and IKEv1 keyrings are all
 * searched: they need not be named, so there is no rule for them. */
struct named {
    struct span span;
    struct ir_str name;
};

/* Objects that something points at, by address. Where a name of a kind is undefined, an unused object of that kind is
 * most likely what was meant, and that has been said: the kind is dangling. */
struct used {
    struct lint_ctx *x;
    struct symtab seen;
    bool dangling[DIAG_COUNT];
};

static struct str address_key(struct lint_ctx *x, const void *p)
{
    return (struct str){arena_strndup(x->arena, (const char *)&p, sizeof p), sizeof p};
}

static void use(struct used *u, enum diag_id kind, const struct ir_ref *r)
{
    const void *p = r->target;
    if (!p && IR_WRITTEN(*r) && r->name.len)
        u->dangling[kind] = true;
    const struct str probe = {(const char *)&p, sizeof p};
    if (p && !symtab_get(&u->seen, probe, 0))
        symtab_put(u->x->arena, &u->seen, address_key(u->x, p), 0, r->target);
}

static void use_list(struct used *u, enum diag_id kind, const struct ptrlist *l)
{
    PTRLIST_FOR (struct ir_ref, r, l) {
        use(u, kind, r);
    }
}

static void use_sa(struct used *u, const struct sa_settings *sa)
{
    use_list(u, D_UNUSED_TRANSFORM_SET, &sa->transform_sets);
    use(u, D_UNDEFINED_ISAKMP_PROFILE, &sa->isakmp_profile);
    use(u, D_UNUSED_IKEV2_PROFILE, &sa->ikev2_profile);
}

static void use_all(struct used *u)
{
    const struct ir_config *c = u->x->c;
    const struct ptrlist *const maps[] = {&c->crypto_maps, &c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                use_sa(u, &e->sa);
                use(u, D_UNUSED_DYNAMIC_MAP, &e->dynamic);
                use(u, D_UNUSED_IPSEC_PROFILE, &e->type_profile);
            }
        }
    PTRLIST_FOR (struct ipsec_profile, p, &c->ipsec_profiles) {
        use_sa(u, &p->sa);
    }
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        use(u, D_UNUSED_MAP, &i->crypto_map);
        use(u, D_UNUSED_MAP, &i->crypto_map6);
        use(u, D_UNUSED_IPSEC_PROFILE, &i->protection);
        use(u, D_UNUSED_IKEV2_PROFILE, &i->protection_ikev2);
        use(u, D_UNDEFINED_ISAKMP_PROFILE, &i->protection_isakmp);
    }
    PTRLIST_FOR (struct ikev2_profile, p, &c->ikev2_profiles) {
        use(u, D_UNUSED_KEYRING, &p->keyring);
    }
}

/* Something that uses names in lines that are kept as text (GETVPN, EzVPN, FlexVPN, isakmp-profile settings of a map):
 * the name occurs there. */
static bool in_text(struct lint_ctx *x, struct str name)
{
    PTRLIST_FOR (struct other_block, o, &x->c->others) {
        if (memmem(o->head.s.p, o->head.s.len, name.p, name.len))
            return true;
        PTRLIST_FOR (struct ir_text, t, &o->lines) {
            if (memmem(t->text.s.p, t->text.s.len, name.p, name.len))
                return true;
        }
    }
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct ir_text, t, &m->options) {
            if (memmem(t->text.s.p, t->text.s.len, name.p, name.len))
                return true;
        }
    }
    return false;
}

static bool builtin(enum diag_id id, const void *p)
{
    if (id == D_UNUSED_TRANSFORM_SET)
        return ((const struct transform_set *)p)->is_default.v;
    if (id == D_UNUSED_IPSEC_PROFILE)
        return ((const struct ipsec_profile *)p)->is_default.v;
    return false;
}

static void unused_list(struct lint_ctx *x, struct used *u, enum diag_id id, const struct ptrlist *l, const char *what,
                        const char *where)
{
    for (uint32_t i = 0; i < l->n && !u->dangling[id]; i++) {
        const struct named *o = l->v[i];
        const void *p = o;
        const struct str probe = {(const char *)&p, sizeof p};
        if (symtab_get(&u->seen, probe, 0) || builtin(id, o) || str_is(o->name.s, "default") || in_text(x, o->name.s))
            continue;
        diag_add(x->diags, id, o->span, "%s '" STR_FMT "' is %s", what, STR_ARG(o->name.s), where);
    }
}

static void unused(struct lint_ctx *x, enum diag_id first)
{
    static const char named[] = "named by nothing";
    const struct ir_config *c = x->c;
    struct used u = {.x = x};
    (void)first;
    if (c->interfaces.n == 0 || c->crypto_statements == 0 || lint_is_part(c))
        return;
    use_all(&u);
    unused_list(x, &u, D_UNUSED_MAP, &c->crypto_maps, "crypto map", "on no interface: it protects nothing");
    if (c->crypto_maps.n || c->dynamic_maps.n || c->ipsec_profiles.n)
        unused_list(x, &u, D_UNUSED_TRANSFORM_SET, &c->transform_sets, "transform set", named);
    unused_list(x, &u, D_UNUSED_DYNAMIC_MAP, &c->dynamic_maps, "dynamic map", named);
    unused_list(x, &u, D_UNUSED_IKEV2_PROFILE, &c->ikev2_profiles, "IKEv2 profile", named);
    unused_list(x, &u, D_UNUSED_IPSEC_PROFILE, &c->ipsec_profiles, "ipsec profile", "on no tunnel");
    unused_list(x, &u, D_UNUSED_KEYRING, &c->ikev2_keyrings, "IKEv2 keyring", "named by no IKEv2 profile");
}

#define TASKS "the guide's order of tasks; a name that nothing uses is often a misspelt one elsewhere"
const struct lint_rule rules_unused[] = {
    {D_UNUSED_MAP, "guide, Applying Crypto Map Sets to Interfaces", unused, RULE_TOGETHER},
    {D_UNUSED_TRANSFORM_SET, TASKS, unused, RULE_TOGETHER},
    {D_UNUSED_DYNAMIC_MAP, TASKS, unused, RULE_TOGETHER},
    {D_UNUSED_IKEV2_PROFILE, TASKS, unused, RULE_TOGETHER},
    {D_UNUSED_IPSEC_PROFILE, TASKS, unused, RULE_TOGETHER},
    {D_UNUSED_KEYRING, TASKS, unused, RULE_TOGETHER},
    {0, NULL, NULL, 0},
};
