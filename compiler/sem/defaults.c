/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Everything IOS would use although nobody wrote it: default values, the built-in IKE policies, the default IKEv2
 * proposal and policy (exactly the guide's), the default transform set and profile, inheritance of global lifetimes.
 */
#include <stdlib.h>

#include "compiler/sem/builder.h"

static void dflt(struct ir_num *f, uint64_t v)
{
    if (!IR_IS_SET(*f))
        *f = num_default(v);
}

static void dflt_str(struct ir_str *f, const char *z)
{
    if (!IR_IS_SET(*f))
        *f = (struct ir_str){str_lit(z), {{0, 0}, ORIGIN_DEFAULT}};
}

static void inherit(struct ir_num *f, const struct ir_num *from)
{
    if (!IR_IS_SET(*f))
        *f = (struct ir_num){from->v, {from->m.span, IR_WRITTEN(*from) ? ORIGIN_INHERITED : ORIGIN_DEFAULT}};
}

static int by_number(const void *x, const void *y)
{
    const struct isakmp_policy *a = *(struct isakmp_policy *const *)x, *b = *(struct isakmp_policy *const *)y;
    return a->number.v < b->number.v ? -1 : a->number.v > b->number.v;
}

/* 12.4(20)T and later, as `show crypto isakmp default policy` lists them. */
static void builtin_policies(struct builder *b)
{
    static const struct {
        enum algo_id encr, hash, auth, group;
    } rows[] = {
        {ALGO_ENCR_AES_CBC, ALGO_INTEG_SHA1, ALGO_AUTH_RSA_SIG, ALGO_DH_1536_MODP},
        {ALGO_ENCR_AES_CBC, ALGO_INTEG_SHA1, ALGO_AUTH_PSK, ALGO_DH_1536_MODP},
        {ALGO_ENCR_AES_CBC, ALGO_INTEG_MD5, ALGO_AUTH_RSA_SIG, ALGO_DH_1536_MODP},
        {ALGO_ENCR_AES_CBC, ALGO_INTEG_MD5, ALGO_AUTH_PSK, ALGO_DH_1536_MODP},
        {ALGO_ENCR_3DES, ALGO_INTEG_SHA1, ALGO_AUTH_RSA_SIG, ALGO_DH_1024_MODP},
        {ALGO_ENCR_3DES, ALGO_INTEG_SHA1, ALGO_AUTH_PSK, ALGO_DH_1024_MODP},
        {ALGO_ENCR_3DES, ALGO_INTEG_MD5, ALGO_AUTH_RSA_SIG, ALGO_DH_1024_MODP},
        {ALGO_ENCR_3DES, ALGO_INTEG_MD5, ALGO_AUTH_PSK, ALGO_DH_1024_MODP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct isakmp_policy *p = ARENA_NEW(b->a, struct isakmp_policy);
        p->number = num_default(65507 + i);
        p->encr = num_default(rows[i].encr);
        p->hash = num_default(rows[i].hash);
        p->auth = num_default(rows[i].auth);
        p->group = num_default(rows[i].group);
        p->is_default = num_default(1);
        ptrlist_add(b->a, &b->c->isakmp_policies, p);
    }
}

static void isakmp_defaults(struct builder *b)
{
    struct ir_config *c = b->c;
    struct isakmp_globals *g = &c->isakmp;
    dflt(&g->enable, 1);
    dflt(&g->default_policy, 1);
    dflt_str(&g->identity, "address");
    if (IR_IS_SET(g->keepalive_s)) {
        dflt(&g->keepalive_retry, 2);
        dflt_str(&g->keepalive_mode, "on-demand");
    }
    if (c->isakmp_policies.n == 0 && g->default_policy.v && b->uses_ipsec)
        builtin_policies(b);
    if (c->isakmp_policies.n > 1)
        qsort(c->isakmp_policies.v, c->isakmp_policies.n, sizeof(void *), by_number);
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        dflt(&p->encr, ALGO_ENCR_DES);
        dflt(&p->encr_bits, algo_get((enum algo_id)p->encr.v)->keys[0]);
        dflt(&p->hash, ALGO_INTEG_SHA1);
        dflt(&p->auth, ALGO_AUTH_RSA_SIG);
        dflt(&p->group, ALGO_DH_768_MODP);
        dflt(&p->lifetime_s, 86400);
    }
}

static void add_alg(struct builder *b, struct ptrlist *l, enum algo_id id, uint16_t bits)
{
    struct ir_alg *a = ARENA_NEW(b->a, struct ir_alg);
    *a = (struct ir_alg){id, bits, {{0, 0}, ORIGIN_DEFAULT}};
    ptrlist_add(b->a, l, a);
}

static bool all_aead(const struct ikev2_proposal *p)
{
    PTRLIST_FOR (struct ir_alg, a, &p->encr) {
        if (!algo_get(a->id)->is_aead)
            return false;
    }
    return p->encr.n > 0;
}

static bool any_aead(const struct ikev2_proposal *p)
{
    PTRLIST_FOR (struct ir_alg, a, &p->encr) {
        if (algo_get(a->id)->is_aead)
            return true;
    }
    return false;
}

static bool has_cbc(const struct ikev2_proposal *p)
{
    return p->encr.n > 0 && !all_aead(p);
}

/* R-PRP-1: (cipher that is not AEAD + integrity + group) or (AEAD + prf + group). */
static bool proposal_complete(const struct ikev2_proposal *p)
{
    return p->group.n > 0 && ((has_cbc(p) && p->integ.n > 0) || (any_aead(p) && p->prf.n > 0));
}

static struct ir_str builtin_name(const char *z)
{
    return (struct ir_str){str_lit(z), {{0, 0}, ORIGIN_DEFAULT}};
}

static void default_proposal(struct builder *b)
{
    struct ir_config *c = b->c;
    struct ikev2_proposal *p = ir_find(c, TAB_V2_PROPOSAL, str_lit("default"));
    if (!p && (c->ikev2.no_default_proposal.v || !b->uses_ipsec))
        return;
    if (!p) {
        p = object_get(b, TAB_V2_PROPOSAL, &c->ikev2_proposals, sizeof *p, builtin_name("default"), (struct span){0, 0},
                       NULL);
        p->is_default = num_default(1);
    }
    /* the guide: encryption aes-cbc-128 3des, integrity sha1 md5, group 5 2; lines that are written replace theirs */
    if (!p->encr.n) {
        add_alg(b, &p->encr, ALGO_ENCR_AES_CBC, 128);
        add_alg(b, &p->encr, ALGO_ENCR_3DES, 0);
    }
    if (!p->integ.n && !all_aead(p)) {
        add_alg(b, &p->integ, ALGO_INTEG_SHA1, 0);
        add_alg(b, &p->integ, ALGO_INTEG_MD5, 0);
    }
    if (!p->group.n) {
        add_alg(b, &p->group, ALGO_DH_1536_MODP, 0);
        add_alg(b, &p->group, ALGO_DH_1024_MODP, 0);
    }
}

static void ikev2_defaults(struct builder *b)
{
    struct ir_config *c = b->c;
    default_proposal(b);
    PTRLIST_FOR (struct ikev2_proposal, p, &c->ikev2_proposals) {
        if (p->prf.n == 0)
            PTRLIST_FOR (struct ir_alg, a, &p->integ) {
                add_alg(b, &p->prf, a->id, 0);
            }
        p->complete = num_default(proposal_complete(p));
    }
    if (!ir_find(c, TAB_V2_POLICY, str_lit("default")) && !c->ikev2.no_default_policy.v && b->uses_ipsec) {
        struct ikev2_policy *p = object_get(b, TAB_V2_POLICY, &c->ikev2_policies, sizeof *p, builtin_name("default"),
                                            (struct span){0, 0}, NULL);
        p->is_default = num_default(1);
        p->fvrf = builtin_name("any");
        struct ir_ref *r = ARENA_NEW(b->a, struct ir_ref);
        *r = (struct ir_ref){str_lit("default"), {{0, 0}, ORIGIN_DEFAULT}, NULL};
        ptrlist_add(b->a, &p->proposals, r);
    }
    PTRLIST_FOR (struct ikev2_profile, p, &c->ikev2_profiles) {
        dflt(&p->lifetime_s, 86400);
        p->complete = num_default(p->auth_local.n && p->auth_remote.n && (p->match_identities.n || p->cert_maps.n));
    }
    dflt(&c->ikev2.window, 5);
    if (c->ikev2.fragmentation.v)
        dflt(&c->ikev2.fragmentation_mtu, 576);
}

static void add_ref(struct builder *b, struct ptrlist *l, const char *name)
{
    struct ir_ref *r = ARENA_NEW(b->a, struct ir_ref);
    *r = (struct ir_ref){str_lit(name), {{0, 0}, ORIGIN_DEFAULT}, NULL};
    ptrlist_add(b->a, l, r);
}

static void default_set(struct builder *b)
{
    struct ir_config *c = b->c;
    if (!b->uses_ipsec || c->ipsec.no_default_transform_set.v || ir_find(c, TAB_TRANSFORM_SET, str_lit("default")))
        return;
    struct transform_set *t = object_get(b, TAB_TRANSFORM_SET, &c->transform_sets, sizeof *t, builtin_name("default"),
                                         (struct span){0, 0}, NULL);
    t->is_default = num_default(1);
    t->mode = builtin_name("transport");
    static const struct {
        enum algo_id alg;
        uint16_t bits;
    } parts[] = {{ALGO_ENCR_AES_CBC, 128}, {ALGO_INTEG_SHA1, 160}};
    for (size_t i = 0; i < 2; i++) {
        struct ir_transform *x = ARENA_NEW(b->a, struct ir_transform);
        *x = (struct ir_transform){
            .proto = PROTO_ESP, .alg = parts[i].alg, .bits = parts[i].bits, .m = {{0, 0}, ORIGIN_DEFAULT}};
        ptrlist_add(b->a, &t->transforms, x);
    }
}

static void sa_defaults(struct builder *b, struct sa_settings *sa, bool takes_default_set)
{
    const struct ipsec_globals *g = &b->c->ipsec;
    inherit(&sa->lifetime_s, &g->lifetime_s);
    if (!IR_IS_SET(sa->lifetime_kb) && !IR_IS_SET(sa->lifetime_kb_disabled) && g->lifetime_kb_disabled.v)
        inherit(&sa->lifetime_kb_disabled, &g->lifetime_kb_disabled);
    if (!sa->lifetime_kb_disabled.v)
        inherit(&sa->lifetime_kb, &g->lifetime_kb);
    if (IR_IS_SET(g->idle_s))
        inherit(&sa->idle_s, &g->idle_s);
    if (!IR_IS_SET(sa->replay_window) && !IR_IS_SET(sa->replay_disabled) && g->replay_disabled.v)
        inherit(&sa->replay_disabled, &g->replay_disabled);
    if (!sa->replay_disabled.v)
        inherit(&sa->replay_window, &g->replay_window);
    if (!IR_IS_SET(sa->dummy_pps) && !IR_IS_SET(sa->dummy_s)) {
        if (IR_IS_SET(g->dummy_pps))
            inherit(&sa->dummy_pps, &g->dummy_pps);
        if (IR_IS_SET(g->dummy_s))
            inherit(&sa->dummy_s, &g->dummy_s);
    }
    if (sa->pfs_bare.v) /* the guide: group 1 is the default of a bare `set pfs` */
        sa->pfs_group = (struct ir_num){ALGO_DH_768_MODP, {sa->pfs_bare.m.span, ORIGIN_DEFAULT}};
    if (takes_default_set && sa->transform_sets.n == 0 && !b->c->ipsec.no_default_transform_set.v)
        add_ref(b, &sa->transform_sets, "default");
}

static void ipsec_defaults(struct builder *b)
{
    struct ir_config *c = b->c;
    struct ipsec_globals *g = &c->ipsec;
    dflt(&g->lifetime_s, 3600);
    if (!g->lifetime_kb_disabled.v)
        dflt(&g->lifetime_kb, 4608000);
    if (!g->replay_disabled.v)
        dflt(&g->replay_window, 64);
    dflt(&g->nat_udp_encapsulation, 1);
    if (g->optional.v)
        dflt(&g->optional_retry_s, 300);
    default_set(b);
    PTRLIST_FOR (struct transform_set, t, &c->transform_sets) {
        dflt_str(&t->mode, "tunnel");
    }
    if (b->uses_ipsec && !ir_find(c, TAB_IPSEC_PROFILE, str_lit("default"))) {
        struct ipsec_profile *p = object_get(b, TAB_IPSEC_PROFILE, &c->ipsec_profiles, sizeof *p,
                                             builtin_name("default"), (struct span){0, 0}, NULL);
        p->is_default = num_default(1);
    }
    PTRLIST_FOR (struct ipsec_profile, p, &c->ipsec_profiles) {
        sa_defaults(b, &p->sa, true);
    }
}

static void map_defaults(struct builder *b, struct ptrlist *maps)
{
    PTRLIST_FOR (struct crypto_map, m, maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            bool ike = e->type.v == ENTRY_ISAKMP || e->type.v == ENTRY_UNTYPED;
            if (ike || e->type.v == ENTRY_MANUAL)
                sa_defaults(b, &e->sa, ike);
        }
    }
}

/* Does this configuration hold anything about IPsec? If not, built-in objects would only be noise. */
static bool uses_ipsec(const struct ir_config *c)
{
    const struct ptrlist *const lists[] = {
        &c->isakmp_policies, &c->isakmp_keys,    &c->keyrings,       &c->isakmp_profiles, &c->isakmp_peers,
        &c->ikev2_proposals, &c->ikev2_policies, &c->ikev2_keyrings, &c->ikev2_profiles,  &c->transform_sets,
        &c->ipsec_profiles,  &c->crypto_maps,    &c->dynamic_maps};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i]->n)
            return true;
    PTRLIST_FOR (struct interface, f, &c->interfaces) {
        if (IR_IS_SET(f->crypto_map) || IR_IS_SET(f->crypto_map6) || IR_IS_SET(f->protection))
            return true;
    }
    return false;
}

void defaults_apply(struct builder *b)
{
    b->uses_ipsec = uses_ipsec(b->c);
    isakmp_defaults(b);
    ikev2_defaults(b);
    ipsec_defaults(b);
    map_defaults(b, &b->c->crypto_maps);
    map_defaults(b, &b->c->dynamic_maps);
    PTRLIST_FOR (struct interface, i, &b->c->interfaces) {
        if (i->name.s.len > 6 && memcmp(i->name.s.p, "Tunnel", 6) == 0)
            dflt_str(&i->tunnel_mode, "gre ip");
    }
    PTRLIST_FOR (struct acl, a, &b->c->acls) {
        acl_finish(b, a);
    }
}
