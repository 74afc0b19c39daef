/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles that are for the same peers: who calls is matched to the first of them. */
#include "lint/lint.h"

/* Of either version: what decides whom a profile is for. */
struct ike_profile_lines {
    struct span span;
    struct str name;
    const struct ptrlist *identities; /* struct identity_match */
    struct str fvrf;
    bool is_narrowed; /* by certificate maps, or for some of our addresses */
};

static bool is_same_text(struct str a, struct str b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return a.len == b.len;
}

/* As they stand in the line: `fqdn` in one and `host` in the other are two ways to say one thing, and rare. */
static struct str key_of(struct lint_ctx *x, const struct identity_match *m, struct str fvrf)
{
    struct buf b = {0};
    char address[ADDR_TEXT_MAX] = "", mask[ADDR_TEXT_MAX] = "";
    if (m->address.a.family != FAMILY_NONE)
        addr_text(&m->address.a, address);
    if (IR_IS_SET(m->mask))
        addr_text(&m->mask.a, mask);
    buf_printf(&b, STR_FMT "|" STR_FMT "|%s|%s|%u|%d|" STR_FMT "|" STR_FMT, STR_ARG(m->kind.s), STR_ARG(m->value.s),
               address, mask, m->address.plen, (int)m->domain.v, STR_ARG(m->vrf.s), STR_ARG(fvrf));
    for (size_t i = 0; i < b.len; i++)
        b.p[i] = str_lower(b.p[i]);
    char *kept = arena_strndup(x->arena, b.p, b.len);
    struct str key = {kept, (uint32_t)b.len};
    buf_free(&b);
    return key;
}

static void judge(struct lint_ctx *x, enum diag_id id, struct symtab *seen, const struct ike_profile_lines *p)
{
    if (p->is_narrowed)
        return;
    PTRLIST_FOR (struct identity_match, m, p->identities) {
        struct str key = key_of(x, m, p->fvrf);
        const struct ike_profile_lines *first = symtab_get(seen, key, 0);
        if (!first)
            symtab_put(x->arena, seen, key, 0, (void *)(uintptr_t)p);
        if (!first || is_same_text(first->name, p->name))
            continue;
        struct diag *d = diag_add(x->diags, id, m->span,
                                  "who calls and is matched by this line is taken for a peer of profile '" STR_FMT
                                  "', which has it too and stands first",
                                  STR_ARG(first->name));
        diag_note(x->diags, d, first->span, "the first one");
        diag_hint(x->diags, d, "make one profile of the two, or match what tells their peers apart");
    }
}

static const struct ike_profile_lines *keep(struct lint_ctx *x, struct ike_profile_lines p)
{
    struct ike_profile_lines *kept = ARENA_NEW(x->arena, struct ike_profile_lines);
    *kept = p;
    return kept;
}

/* Profiles that nothing is for have a finding of their own. */
static bool is_used(const struct lint_ctx *x, const void *profile)
{
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (e->sa.isakmp_profile.target == profile || e->sa.ikev2_profile.target == profile)
                    return true;
            }
        }
    return false;
}

static void shadowed(struct lint_ctx *x, enum diag_id id)
{
    struct symtab v1 = {0}, v2 = {0};
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        bool is_narrowed = p->cert_maps.n || p->local.n;
        if (is_used(x, p))
            judge(x, id, &v1,
                  keep(x, (struct ike_profile_lines){p->span, p->name.s, &p->identities, STR_EMPTY, is_narrowed}));
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        bool is_narrowed = p->cert_maps.n || p->local.n || p->shutdown.v;
        if (is_used(x, p))
            judge(x, id, &v2,
                  keep(x, (struct ike_profile_lines){p->span, p->name.s, &p->match_identities, p->match_fvrf.s,
                                                     is_narrowed}));
    }
}

const struct lint_rule rules_profiles[] = {
    {D_PROFILE_SHADOWED, "Cisco, IKE profile selection on routers with multiple certificates and keyrings", shadowed,
     0},
    {0, NULL, NULL, 0},
};
