/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Algorithms that the chosen profile has something against (lint/profiles), written out or taken because nothing is
 * written: a finding about an absent line points at the block that lacks it. And what else weakens the exchange of
 * keys: IKEv1 itself, aggressive mode, perfect forward secrecy.
 */
#include "lint/lint.h"

/* Which of the three rules speaks of an algorithm. */
static enum diag_id rule_for(enum algo_kind k)
{
    return k == ALGO_ENCR ? D_WEAK_ENCRYPTION : k == ALGO_INTEG ? D_WEAK_HASH : D_WEAK_DH;
}

static const char *instead(enum diag_id id, enum verdict_level level)
{
    if (level == VERDICT_NOTE)
        return "plan its replacement";
    return id == D_WEAK_ENCRYPTION ? "use AES"
           : id == D_WEAK_HASH     ? "use SHA-2 (sha256 or longer)"
                                   : "use group 14 or higher, or an elliptic curve group (19, 20, 21)";
}

struct opinion {
    uint8_t level;   /* worst of all profiles */
    const char *why; /* who says so, and where */
};

static struct opinion opinion(struct lint_ctx *x, enum profile_use use, enum algo_id id, unsigned bits)
{
    struct opinion o = {0};
    for (unsigned i = 0; i < x->settings->nprofiles; i++) {
        const struct profile *p = x->settings->profiles[i];
        struct profile_verdict v = use == USE_PROTOCOL ? p->protocol : profile_judge(p, use, id, bits);
        if (v.level <= o.level)
            continue;
        struct buf b = {0};
        buf_printf(&b, "%s%s%s", p->name, v.authority ? ": " : "", v.authority ? v.authority : "");
        o = (struct opinion){v.level, arena_strndup(x->arena, b.p ? b.p : "", b.len)};
        buf_free(&b);
    }
    return o;
}

static const char *verdict_words(uint8_t level)
{
    return level == VERDICT_FORBIDDEN ? "must not be used"
           : level == VERDICT_AVOID   ? "is no longer recommended"
                                      : "is on its way out";
}

static const char *algorithm_name(struct lint_ctx *x, enum algo_id id, unsigned bits)
{
    const struct algo *a = algo_get(id);
    struct buf b = {0};
    buf_puts(&b, a->kind == ALGO_DH ? "DH " : "");
    buf_puts(&b, a->name);
    if (a->kind == ALGO_ENCR && a->keys[1])
        buf_printf(&b, "-%u", bits ? bits : a->keys[0]);
    if (a->kind == ALGO_DH)
        buf_printf(&b, " (%u bit)", a->keys[0]);
    const char *z = arena_strndup(x->arena, b.p ? b.p : "", b.len);
    buf_free(&b);
    return z;
}

struct use {
    enum profile_use as;
    enum algo_id alg;
    unsigned bits;
    struct ir_mark mark;
    struct span block;   /* where to point when nothing is written */
    const char *what;    /* "encryption of isakmp policy 10" */
    const char *command; /* the line that is missing */
};

static void finding(struct lint_ctx *x, struct diag *d, enum diag_id id, const struct opinion *o)
{
    d->severity = (enum severity)(o->level - VERDICT_NOTE);
    diag_hint(x->diags, d, "%s (%s)", instead(id, (enum verdict_level)o->level), o->why);
}

static void report(struct lint_ctx *x, enum diag_id id, const struct use *u)
{
    if (rule_for(algo_get(u->alg)->kind) != id)
        return;
    struct opinion o = opinion(x, u->as, u->alg, u->bits);
    if (o.level == VERDICT_OK)
        return;
    const char *name = algorithm_name(x, u->alg, u->bits);
    struct diag *d;
    if (u->mark.origin == ORIGIN_WRITTEN)
        d = diag_add(x->diags, id, u->mark.span, "%s %s (%s)", name, verdict_words(o.level), u->what);
    else
        d = diag_add(x->diags, id, u->block, "%s is used because there is no '%s' line, and it %s (%s)", name,
                     u->command, verdict_words(o.level), u->what);
    finding(x, d, id, &o);
}

static void isakmp_policies(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        if (p->is_default.v)
            continue;
        const struct use uses[] = {
            {USE_IKE_ENCR, (enum algo_id)p->encr.v, (unsigned)p->encr_bits.v, p->encr.m, p->span,
             "encryption of an isakmp policy", "encryption"},
            {USE_IKE_HASH, (enum algo_id)p->hash.v, 0, p->hash.m, p->span, "hash of an isakmp policy", "hash"},
            {USE_DH, (enum algo_id)p->group.v, 0, p->group.m, p->span, "Diffie-Hellman group of an isakmp policy",
             "group"},
        };
        for (size_t i = 0; i < 3; i++)
            report(x, id, &uses[i]);
    }
}

static void transform_sets(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct transform_set, t, &x->c->transform_sets) {
        if (t->is_default.v)
            continue;
        PTRLIST_FOR (struct ir_transform, w, &t->transforms) {
            const struct use u = {algo_get(w->alg)->kind == ALGO_ENCR ? USE_ESP_ENCR : USE_ESP_HASH,
                                  w->alg,
                                  w->bits,
                                  w->m,
                                  t->span,
                                  "transform set",
                                  ""};
            report(x, id, &u);
        }
    }
}

static void alg_list(struct lint_ctx *x, enum diag_id id, const struct ptrlist *l, struct span block, const char *what,
                     const char *command)
{
    PTRLIST_FOR (struct ir_alg, a, l) {
        enum algo_kind k = algo_get(a->id)->kind;
        const struct use u = {k == ALGO_ENCR ? USE_IKE_ENCR : k == ALGO_DH ? USE_DH : USE_IKE_HASH,
                              a->id,
                              a->bits,
                              a->m,
                              block,
                              what,
                              command};
        report(x, id, &u);
    }
}

static void ikev2_proposals(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_proposal, p, &x->c->ikev2_proposals) {
        if (p->is_default.v)
            continue;
        alg_list(x, id, &p->encr, p->span, "IKEv2 proposal", "encryption");
        alg_list(x, id, &p->integ, p->span, "integrity of an IKEv2 proposal", "integrity");
        if (p->prf.n && ((struct ir_alg *)p->prf.v[0])->m.origin == ORIGIN_WRITTEN)
            alg_list(x, id, &p->prf, p->span, "PRF of an IKEv2 proposal", "prf");
        alg_list(x, id, &p->group, p->span, "Diffie-Hellman group of an IKEv2 proposal", "group");
    }
}

static void pfs(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa, struct span block)
{
    if (!IR_WRITTEN(sa->pfs_group))
        return; /* none, or bare: that has a rule of its own */
    const struct use u = {USE_DH, (enum algo_id)sa->pfs_group.v, 0,        sa->pfs_group.m,
                          block,  "perfect forward secrecy",     "set pfs"};
    report(x, id, &u);
}

static void each_pfs(struct lint_ctx *x, enum diag_id id,
                     void (*f)(struct lint_ctx *, enum diag_id, const struct sa_settings *, struct span))
{
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (e->type.v != ENTRY_MANUAL)
                    f(x, id, &e->sa, e->span);
            }
        }
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        if (!p->is_default.v)
            f(x, id, &p->sa, p->span);
    }
}

/* A reference to a dynamic map says nothing itself: the entries there do. */
static bool entry_uses_ike(const struct crypto_map_entry *e, bool v2)
{
    const struct crypto_map *dynamic = e->type.v == ENTRY_DYNAMIC ? e->dynamic.target : NULL;
    if (e->type.v == ENTRY_ISAKMP)
        return IR_IS_SET(e->sa.ikev2_profile) == v2;
    for (uint32_t i = 0; dynamic && i < dynamic->entries.n; i++) {
        const struct crypto_map_entry *d = dynamic->entries.v[i];
        if (IR_IS_SET(d->sa.ikev2_profile) == v2)
            return true;
    }
    return false;
}

/* Is there anything on this router that would start IKE of this version? */
static bool uses_ike(const struct ir_config *c, bool v2, struct span *where)
{
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            if (entry_uses_ike(e, v2) && m->applied.n) {
                *where = e->span;
                return true;
            }
        }
    }
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        const struct ipsec_profile *p = i->protection.target;
        if (p && !i->shutdown.v && (IR_IS_SET(p->sa.ikev2_profile) || IR_IS_SET(i->protection_ikev2)) == v2) {
            *where = i->protection.m.span;
            return true;
        }
    }
    return false;
}

/* The worst of some built-in algorithms. */
struct worst {
    struct opinion o;
    const char *name;
};
static void consider(struct lint_ctx *x, struct worst *w, enum diag_id id, enum profile_use as, enum algo_id alg,
                     unsigned bits)
{
    struct opinion o = {0};
    if (rule_for(algo_get(alg)->kind) == id)
        o = opinion(x, as, alg, bits);
    if (o.level > w->o.level)
        *w = (struct worst){o, algorithm_name(x, alg, bits)};
}

static void report_builtin(struct lint_ctx *x, enum diag_id id, const struct worst *w, struct span at, const char *why)
{
    if (w->o.level == VERDICT_OK)
        return;
    finding(x, diag_add(x->diags, id, at, "%s can be negotiated: %s", w->name, why), id, &w->o);
}

/* No isakmp policy is written, and IKEv1 is in use: the built-in ones negotiate. */
static void builtin_isakmp(struct lint_ctx *x, enum diag_id id)
{
    struct span at;
    struct worst w = {0};
    const struct isakmp_policy *first = x->c->isakmp_policies.n ? x->c->isakmp_policies.v[0] : NULL;
    if (!first || !first->is_default.v || lint_is_part(x->c) || !uses_ike(x->c, false, &at))
        return;
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        consider(x, &w, id, USE_IKE_ENCR, (enum algo_id)p->encr.v, (unsigned)p->encr_bits.v);
        consider(x, &w, id, USE_IKE_HASH, (enum algo_id)p->hash.v, 0);
        consider(x, &w, id, USE_DH, (enum algo_id)p->group.v, 0);
    }
    report_builtin(x, id, &w, at, "no isakmp policy is configured, so the built-in ones (65507 to 65514) apply");
}

static void consider_list(struct lint_ctx *x, struct worst *w, enum diag_id id, enum profile_use as,
                          const struct ptrlist *l)
{
    PTRLIST_FOR (struct ir_alg, a, l) {
        consider(x, w, id, as, a->id, a->bits);
    }
}

/* IKEv2 is in use and the default proposal of the guide (aes-cbc-128 3des, sha1 md5, group 5 2) is what it offers. */
static void default_proposal(struct lint_ctx *x, enum diag_id id)
{
    struct span at;
    struct worst w = {0};
    const struct ikev2_proposal *p = ir_find(x->c, TAB_V2_PROPOSAL, str_lit("default"));
    if (!p || !p->is_default.v || lint_is_part(x->c) || !uses_ike(x->c, true, &at))
        return;
    PTRLIST_FOR (struct ikev2_policy, pol, &x->c->ikev2_policies) {
        if (!pol->is_default.v && pol->proposals.n)
            return;
    }
    consider_list(x, &w, id, USE_IKE_ENCR, &p->encr);
    consider_list(x, &w, id, USE_IKE_HASH, &p->integ);
    consider_list(x, &w, id, USE_DH, &p->group);
    report_builtin(x, id, &w, at, "no IKEv2 proposal is attached to a policy, so the default proposal applies");
}

static void weak(struct lint_ctx *x, enum diag_id id)
{
    isakmp_policies(x, id);
    transform_sets(x, id);
    ikev2_proposals(x, id);
    if (id == D_WEAK_DH)
        each_pfs(x, id, pfs);
    builtin_isakmp(x, id);
    default_proposal(x, id);
}

static void bare(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa, struct span block)
{
    (void)block;
    if (!sa->pfs_bare.v)
        return;
    struct diag *d = diag_add(
        x->diags, id, sa->pfs_bare.m.span,
        "'set pfs' without a group means DH group 1 (768 bit) by the guide; some releases read it as group 14");
    diag_hint(x->diags, d, "name the group: set pfs group14 or higher");
}

static void pfs_default(struct lint_ctx *x, enum diag_id id)
{
    each_pfs(x, id, bare);
}

static void ikev1(struct lint_ctx *x, enum diag_id id)
{
    struct span at;
    struct opinion o = opinion(x, USE_PROTOCOL, ALGO_NONE, 0);
    if (o.level == VERDICT_OK || !uses_ike(x->c, false, &at))
        return;
    struct diag *d = diag_add(x->diags, id, at, "IKEv1 negotiates this, and it %s", verdict_words(o.level));
    d->severity = (enum severity)(o.level - VERDICT_NOTE);
    diag_hint(x->diags, d, "move to IKEv2: set ikev2-profile (%s)", o.why);
}

static void aggressive(struct lint_ctx *x, enum diag_id id)
{
    static const char hint[] = "use main mode, or IKEv2";
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        if (str_is(p->initiate_mode.s, "aggressive"))
            diag_hint(x->diags,
                      diag_add(x->diags, id, p->initiate_mode.m.span,
                               "aggressive mode shows anybody who listens a hash of the pre-shared key"),
                      hint);
    }
    PTRLIST_FOR (struct isakmp_peer, p, &x->c->isakmp_peers) {
        if (p->password.s.form != SECRET_NONE)
            diag_hint(x->diags,
                      diag_add(x->diags, id, p->span,
                               "this peer is called in aggressive mode, which shows a hash of its pre-shared key"),
                      hint);
    }
}

static void no_pfs_entry(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa, struct span block)
{
    if (IR_IS_SET(sa->pfs_group) || sa->pfs_bare.v)
        return;
    struct diag *d =
        diag_add(x->diags, id, block, "no perfect forward secrecy: whoever gets the IKE keys later reads it all");
    diag_hint(x->diags, d, "add: set pfs group14 or higher, on both sides");
}

static void no_pfs(struct lint_ctx *x, enum diag_id id)
{
    each_pfs(x, id, no_pfs_entry);
}

/* Strength of a group in bits of a symmetric key, NIST SP 800-57 part 1 table 2. */
static unsigned group_strength(enum algo_id g)
{
    static const struct {
        enum algo_id id;
        unsigned bits;
    } rows[] = {{ALGO_DH_768_MODP, 60},  {ALGO_DH_1024_MODP, 80},  {ALGO_DH_1536_MODP, 90}, {ALGO_DH_2048_MODP, 112},
                {ALGO_DH_2048_256, 112}, {ALGO_DH_3072_MODP, 128}, {ALGO_DH_256_ECP, 128},  {ALGO_DH_4096_MODP, 150},
                {ALGO_DH_384_ECP, 192},  {ALGO_DH_521_ECP, 256}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].id == g)
            return rows[i].bits;
    return 0;
}

/* The weakest group that IKE may agree on for this entry; DH group names for the message. */
static enum algo_id weakest_ike_group(struct lint_ctx *x, const struct sa_settings *sa)
{
    enum algo_id worst = ALGO_NONE;
    if (!IR_IS_SET(sa->ikev2_profile)) {
        PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
            enum algo_id g = (enum algo_id)p->group.v;
            if (!p->is_default.v && (!worst || group_strength(g) < group_strength(worst)))
                worst = g;
        }
        return worst;
    }
    PTRLIST_FOR (struct ikev2_policy, pol, &x->c->ikev2_policies) {
        for (uint32_t k = 0; k < pol->proposals.n && !pol->is_default.v; k++) {
            const struct ikev2_proposal *p = ((const struct ir_ref *)pol->proposals.v[k])->target;
            for (uint32_t i = 0; p && i < p->group.n; i++) {
                const struct ir_alg *g = p->group.v[i];
                if (!worst || group_strength(g->id) < group_strength(worst))
                    worst = g->id;
            }
        }
    }
    return worst;
}

static void pfs_weaker_entry(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa, struct span block)
{
    (void)block;
    enum algo_id pfs_group = (enum algo_id)sa->pfs_group.v, ike = weakest_ike_group(x, sa);
    if (!IR_WRITTEN(sa->pfs_group) || !ike || group_strength(pfs_group) >= group_strength(ike))
        return;
    struct diag *d = diag_add(x->diags, id, sa->pfs_group.m.span,
                              "perfect forward secrecy by DH %s is weaker than the DH %s that IKE itself uses",
                              algo_get(pfs_group)->name, algo_get(ike)->name);
    diag_hint(x->diags, d, "use the same group or a stronger one");
}

static void pfs_weaker(struct lint_ctx *x, enum diag_id id)
{
    each_pfs(x, id, pfs_weaker_entry);
}

#define NGE "guide, Supported Standards (Note): DES, 3DES, MD5 and DH groups 1, 2, 5 are no longer recommended"
const struct lint_rule rules_algorithms[] = {
    {D_WEAK_ENCRYPTION, NGE "; the profile's own authority", weak, 0},
    {D_WEAK_HASH, NGE "; the profile's own authority", weak, 0},
    {D_WEAK_DH, NGE "; the profile's own authority", weak, 0},
    {D_PFS_DEFAULT_GROUP, "guide, Creating Static Crypto Maps, step 10", pfs_default, 0},
    {D_IKEV1, "RFC 9395 section 3; the profile's own authority", ikev1, 0},
    {D_AGGRESSIVE, "RFC 2409 section 5.4; CVE-2002-1623", aggressive, 0},
    {D_NO_PFS, "guide, Creating Static Crypto Maps, step 10; RFC 7296 section 2.12", no_pfs, RULE_OPT_IN},
    {D_PFS_WEAKER, "RFC 7296 section 2.12; NIST SP 800-57 part 1 table 2", pfs_weaker, 0},
    {0, NULL, NULL, 0},
};
