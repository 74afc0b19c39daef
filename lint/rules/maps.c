/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of crypto maps, IKEv2 proposals, policies and profiles: completeness, order, address families. */
#include <stdio.h>

#include "compiler/sem/transforms.h"
#include "lint/lint.h"

/* What an undefined name already said is not said again here. */
static bool reported_elsewhere(const struct crypto_map_entry *e)
{
    bool acl = IR_IS_SET(e->acl) && !acl_has_lines(e->acl.target);
    bool dyn = e->type.v == ENTRY_DYNAMIC && !e->dynamic.target;
    bool keys = str_is(e->lacks.s, "session keys for both directions");
    return (acl && e->peers.n) || dyn || keys;
}

static void entry_incomplete(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                             const struct crypto_map_entry *e)
{
    if (e->complete.v || reported_elsewhere(e))
        return;
    struct diag *d =
        diag_add(x->diags, id, e->span, "crypto map entry " STR_FMT " %llu stays disabled: it has no " STR_FMT,
                 STR_ARG(m->name.s), (unsigned long long)e->seq.v, STR_ARG(e->lacks.s));
    if (e->peers.n == 0 && (e->type.v == ENTRY_ISAKMP || e->type.v == ENTRY_MANUAL))
        diag_hint(x->diags, d, "add: set peer ADDRESS");
}

/* The one statement that a dynamic entry must have (guide, Creating Dynamic Crypto Maps, step 4). */
static void dynamic_without_set(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                                const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct ir_ref, r, &e->sa.transform_sets) {
        if (IR_WRITTEN(*r))
            return;
    }
    struct diag *d = diag_add(x->diags, id, e->span,
                              "entry %llu of dynamic map '" STR_FMT "' has no transform set, which it must name",
                              (unsigned long long)e->seq.v, STR_ARG(m->name.s));
    diag_hint(x->diags, d, "add: set transform-set NAME");
}

static void incomplete(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_incomplete);
    lint_dynamic_entries(x, id, dynamic_without_set);
}

static void entry_untyped(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                          const struct crypto_map_entry *e)
{
    (void)m;
    if (e->type.v != ENTRY_UNTYPED)
        return;
    struct diag *d = diag_add(x->diags, id, e->span, "this entry never got a type: it is read as ipsec-isakmp");
    diag_hint(x->diags, d, "add ipsec-isakmp or ipsec-manual");
}

static void untyped(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_untyped);
}

static void entry_empty_acl(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                            const struct crypto_map_entry *e)
{
    (void)m;
    if (e->acl.target && !acl_has_lines(e->acl.target)) {
        struct diag *d =
            diag_add(x->diags, id, e->acl.m.span,
                     "access list '" STR_FMT "' has no lines: the router drops the traffic that reaches this entry",
                     STR_ARG(e->acl.name));
        diag_note(x->diags, d, ((struct acl *)e->acl.target)->span, "defined here");
    }
}

static void empty_acl(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_empty_acl);
    lint_dynamic_entries(x, id, entry_empty_acl);
}

static void dynamic_not_last(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        const struct crypto_map_entry *last_static = NULL;
        for (uint32_t i = m->entries.n; i-- > 0;) {
            const struct crypto_map_entry *e = m->entries.v[i];
            if (e->type.v != ENTRY_DYNAMIC) {
                last_static = last_static ? last_static : e;
                continue;
            }
            if (!last_static)
                continue;
            struct diag *d =
                diag_add(x->diags, id, e->span,
                         "the dynamic map is tried before entry %llu: it should be the last of its crypto map",
                         (unsigned long long)last_static->seq.v);
            diag_note(x->diags, d, last_static->span, "this entry comes after it");
            diag_hint(x->diags, d, "give it a higher sequence number than any static entry");
        }
    }
}

static void entry_ipv6(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                       const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family == FAMILY_V6)
            diag_add(x->diags, id, p->host.m.span,
                     "IPv6 peer in dynamic map '" STR_FMT "': dynamic crypto maps do not support IPv6",
                     STR_ARG(m->name.s));
    }
    const struct acl *a = e->acl.target;
    if (a && a->kind.v == ACL_IPV6)
        diag_add(x->diags, id, e->acl.m.span,
                 "IPv6 access list in dynamic map '" STR_FMT "': dynamic crypto maps do not support IPv6",
                 STR_ARG(m->name.s));
}

static void ipv6_names_dynamic(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                               const struct crypto_map_entry *e)
{
    if (m->ipv6.v && e->type.v == ENTRY_DYNAMIC && IR_IS_SET(e->dynamic))
        diag_add(x->diags, id, e->dynamic.m.span,
                 "IPv6 crypto map '" STR_FMT "' names a dynamic map: dynamic crypto maps do not support IPv6",
                 STR_ARG(m->name.s));
}

static void ipv6_in_dynamic(struct lint_ctx *x, enum diag_id id)
{
    lint_dynamic_entries(x, id, entry_ipv6);
    lint_static_entries(x, id, ipv6_names_dynamic);
}

static void entry_dynamic_acl(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                              const struct crypto_map_entry *e)
{
    if (IR_IS_SET(e->acl))
        return;
    struct diag *d = diag_add(x->diags, id, e->span,
                              "entry %llu of dynamic map '" STR_FMT
                              "' has no access list: it accepts whatever traffic a peer proposes",
                              (unsigned long long)e->seq.v, STR_ARG(m->name.s));
    diag_hint(x->diags, d, "add: match address LIST");
}

static void dynamic_acl(struct lint_ctx *x, enum diag_id id)
{
    lint_dynamic_entries(x, id, entry_dynamic_acl);
}

static void entry_discover(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                           const struct crypto_map_entry *e)
{
    (void)m;
    const struct crypto_map *dyn = e->dynamic.target;
    if (!e->discover.v || !dyn)
        return;
    PTRLIST_FOR (struct crypto_map_entry, de, &dyn->entries) {
        if (!IR_IS_SET(de->acl)) {
            struct diag *d = diag_add(x->diags, id, e->discover.m.span,
                                      "tunnel endpoint discovery needs a match address in dynamic map '" STR_FMT
                                      "': packets leave unencrypted",
                                      STR_ARG(dyn->name.s));
            diag_note(x->diags, d, de->span, "this entry has none");
        }
    }
}

static void discover(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_discover);
}

static void entry_family(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                         const struct crypto_map_entry *e)
{
    uint8_t want = m->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family != FAMILY_NONE && p->host.addr.family != want) {
            struct diag *d = diag_add(x->diags, id, p->host.m.span, "%s peer in an %s crypto map",
                                      want == FAMILY_V6 ? "IPv4" : "IPv6", want == FAMILY_V6 ? "IPv6" : "IPv4");
            if (want == FAMILY_V4)
                diag_hint(x->diags, d, "IPv6 entries need the ipv6 keyword: crypto map ipv6 " STR_FMT " %llu",
                          STR_ARG(m->name.s), (unsigned long long)e->seq.v);
        }
    }
    const struct acl *a = e->acl.target;
    if (!a || a->kind.v == ACL_STANDARD || (a->kind.v == ACL_IPV6) == (want == FAMILY_V6))
        return;
    struct diag *d = diag_add(x->diags, id, e->acl.m.span, "%s access list in an %s crypto map",
                              want == FAMILY_V6 ? "IPv4" : "IPv6", want == FAMILY_V6 ? "IPv6" : "IPv4");
    diag_note(x->diags, d, a->span, "defined here");
}

static void family(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_family);
}

static void entry_standard_acl(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                               const struct crypto_map_entry *e)
{
    (void)m;
    const struct acl *a = e->acl.target;
    if (!a || a->kind.v != ACL_STANDARD)
        return;
    struct diag *d =
        diag_add(x->diags, id, e->acl.m.span,
                 "'" STR_FMT "' is a standard access list: match address takes an extended one", STR_ARG(e->acl.name));
    diag_note(x->diags, d, a->span, "defined here");
}

static void standard_acl(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_standard_acl);
    lint_dynamic_entries(x, id, entry_standard_acl);
}

static void check_sa(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa)
{
    if (id == D_TOO_MANY_SETS && sa->transform_sets.n > TRANSFORM_SETS_MAX) {
        const struct ir_ref *r = sa->transform_sets.v[TRANSFORM_SETS_MAX];
        diag_add(x->diags, id, r->m.span, "this is the seventh of %u transform sets: six are allowed, and six are used",
                 sa->transform_sets.n);
    }
    if (id == D_BOTH_PROFILES && IR_IS_SET(sa->isakmp_profile) && IR_IS_SET(sa->ikev2_profile)) {
        struct diag *d = diag_add(x->diags, id, sa->ikev2_profile.m.span,
                                  "an IKEv2 profile and an isakmp profile exclude each other");
        diag_note(x->diags, d, sa->isakmp_profile.m.span, "the isakmp profile is set here");
    }
}

static void sa_rules(struct lint_ctx *x, enum diag_id id)
{
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                check_sa(x, id, &e->sa);
            }
        }
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        check_sa(x, id, &p->sa);
    }
}

/* ---- IKEv2 ---- */

#define LACKS_MAX 4
/* What something lacks, as the end of a sentence. */
struct lacks {
    const char *names[LACKS_MAX];
    unsigned n;
    char text[160];
};

static void note_lack(struct lacks *l, bool is_lacking, const char *name)
{
    if (is_lacking && l->n < LACKS_MAX)
        l->names[l->n++] = name;
}

static const char *lacks_text(struct lacks *l)
{
    size_t at = 0;
    l->text[0] = '\0';
    for (unsigned i = 0; i < l->n && at < sizeof l->text; i++) {
        const char *between = i + 1 == l->n ? " and no " : ", no ";
        at += (size_t)snprintf(l->text + at, sizeof l->text - at, "%s%s", i ? between : "no ", l->names[i]);
    }
    return l->text;
}

static void profile_incomplete(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        struct lacks l = {.n = 0};
        if (p->complete.v)
            continue;
        note_lack(&l, !p->auth_local.n, "local authentication method");
        note_lack(&l, !p->auth_remote.n, "remote authentication method");
        note_lack(&l, !p->match_identities.n && !p->cert_maps.n, "match identity or match certificate statement");
        diag_add(x->diags, id, p->span, "IKEv2 profile '" STR_FMT "' is not used: it has %s", STR_ARG(p->name.s),
                 lacks_text(&l));
    }
}

static void proposal_incomplete(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_proposal, p, &x->c->ikev2_proposals) {
        struct lacks l = {.n = 0};
        if (p->complete.v || p->is_default.v)
            continue;
        bool aead = false, cbc = false;
        PTRLIST_FOR (struct ir_alg, a, &p->encr) {
            aead |= algo_get(a->id)->is_aead;
            cbc |= !algo_get(a->id)->is_aead;
        }
        note_lack(&l, !p->encr.n, "encryption");
        note_lack(&l, (cbc || !p->encr.n) && !p->integ.n, "integrity");
        note_lack(&l, aead && !cbc && !p->prf.n, "prf");
        note_lack(&l, !p->group.n, "group");
        struct diag *d = diag_add(x->diags, id, p->span, "IKEv2 proposal '" STR_FMT "' is incomplete: it has %s",
                                  STR_ARG(p->name.s), lacks_text(&l));
        diag_hint(x->diags, d, "a proposal needs encryption, integrity and group, or aes-gcm, prf and group");
    }
}

static void proposal_unattached(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_proposal, p, &x->c->ikev2_proposals) {
        bool used = str_is(p->name.s, "default");
        PTRLIST_FOR (struct ikev2_policy, pol, &x->c->ikev2_policies) {
            PTRLIST_FOR (struct ir_ref, r, &pol->proposals) {
                used |= r->target == p;
            }
        }
        if (used || lint_is_part(x->c))
            continue;
        struct diag *d =
            diag_add(x->diags, id, p->span, "IKEv2 proposal '" STR_FMT "' is never used: no IKEv2 policy names it",
                     STR_ARG(p->name.s));
        diag_hint(x->diags, d,
                  "the default proposal is used instead; attach it: crypto ikev2 policy NAME, proposal " STR_FMT,
                  STR_ARG(p->name.s));
    }
}

static void policy_incomplete(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_policy, p, &x->c->ikev2_policies) {
        if (!p->is_default.v && p->proposals.n == 0)
            diag_add(x->diags, id, p->span, "IKEv2 policy '" STR_FMT "' has no proposal: it cannot be used",
                     STR_ARG(p->name.s));
    }
}

#define G "guide, Creating Crypto Map Sets"
const struct lint_rule rules_maps[] = {
    {D_ENTRY_INCOMPLETE, "ios-crypto-commands R-MAP-3; IOS's own note on entry", incomplete, 0},
    {D_ENTRY_UNTYPED, G, untyped, 0},
    {D_ACL_EMPTY, "guide, Creating Dynamic Crypto Maps, step 5", empty_acl, 0},
    {D_DYNAMIC_NOT_LAST, "guide, Creating Dynamic Crypto Maps, step 13", dynamic_not_last, 0},
    {D_IPV6_IN_DYNAMIC, "guide, Creating Dynamic Crypto Maps (Note)", ipv6_in_dynamic, 0},
    {D_DYNAMIC_NO_ACL, "guide, Creating Dynamic Crypto Maps, step 5", dynamic_acl, 0},
    {D_DISCOVER_NO_ACL, "guide, Creating Dynamic Crypto Maps, step 5", discover, 0},
    {D_FAMILY_MISMATCH, "guide, Creating Static Crypto Maps: the ipv6 keyword", family, 0},
    {D_NOT_EXTENDED_ACL, "ios-crypto-commands R-ACL-6", standard_acl, 0},
    {D_TOO_MANY_SETS, "guide, Creating Static Crypto Maps, step 7", sa_rules, 0},
    {D_BOTH_PROFILES, "ios-crypto-commands R-PF2-5", sa_rules, 0},
    {D_PROFILE_INCOMPLETE, "ios-crypto-commands R-PF2-1; IOS's own note on entry", profile_incomplete, 0},
    {D_PROPOSAL_INCOMPLETE, "guide, IKEv2 Transform Sets; ios-crypto-commands R-PRP-1", proposal_incomplete, 0},
    {D_PROPOSAL_UNATTACHED, "guide, IKEv2 Transform Sets (Note)", proposal_unattached, 0},
    {D_POLICY_INCOMPLETE, "ios-crypto-commands §5.2; IOS's own note on entry", policy_incomplete, 0},
    {0, NULL, NULL, 0},
};
