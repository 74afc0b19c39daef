/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the guide no longer recommends: DES, 3DES, MD5, Diffie-Hellman groups 1, 2 and 5 — written out, or taken because
 * nothing is written. A finding about an absent line points at the block that lacks it.
 */
#include "lint/lint.h"

static enum algo_weakness weakness_of(enum diag_id id)
{
    return id == D_WEAK_ENCRYPTION ? WEAK_CIPHER : id == D_WEAK_HASH ? WEAK_HASH : WEAK_GROUP;
}

static const char *instead(enum algo_weakness w)
{
    return w == WEAK_CIPHER ? "use AES"
           : w == WEAK_HASH ? "use SHA-2 (sha256 or longer)"
                            : "use group 14 or higher, or an elliptic curve group (19, 20, 21)";
}

struct use {
    enum algo_id alg;
    struct ir_mark mark;
    struct span block;   /* where to point when nothing is written */
    const char *what;    /* "encryption of isakmp policy 10" */
    const char *command; /* the line that is missing */
};

static void report(struct lint_ctx *x, enum diag_id id, const struct use *u)
{
    const struct algo *a = algo_get(u->alg);
    enum algo_weakness w = weakness_of(id);
    if (!a->weak || a->weak_as != w)
        return;
    struct diag *d;
    if (u->mark.origin == ORIGIN_WRITTEN)
        d = diag_add(x->diags, id, u->mark.span, "%s is no longer recommended (%s)", a->weak, u->what);
    else
        d = diag_add(x->diags, id, u->block, "%s is used because there is no '%s' line (%s)", a->weak, u->command,
                     u->what);
    diag_hint(x->diags, d, "%s", instead(w));
}

static void isakmp_policies(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        if (p->is_default.v)
            continue;
        const struct {
            const struct ir_num *f;
            const char *what, *command;
        } fields[] = {{&p->encr, "encryption of an isakmp policy", "encryption"},
                      {&p->hash, "hash of an isakmp policy", "hash"},
                      {&p->group, "Diffie-Hellman group of an isakmp policy", "group"}};
        for (size_t i = 0; i < 3; i++) {
            const struct use u = {(enum algo_id)fields[i].f->v, fields[i].f->m, p->span, fields[i].what,
                                  fields[i].command};
            report(x, id, &u);
        }
    }
}

static void transform_sets(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct transform_set, t, &x->c->transform_sets) {
        if (t->is_default.v)
            continue;
        PTRLIST_FOR (struct ir_transform, w, &t->transforms) {
            const struct use u = {w->alg, w->m, t->span, "transform set", ""};
            report(x, id, &u);
        }
    }
}

static void alg_list(struct lint_ctx *x, enum diag_id id, const struct ptrlist *l, struct span block, const char *what,
                     const char *command)
{
    PTRLIST_FOR (struct ir_alg, a, l) {
        const struct use u = {a->id, a->m, block, what, command};
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
    const struct use u = {(enum algo_id)sa->pfs_group.v, sa->pfs_group.m, block, "perfect forward secrecy", "set pfs"};
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
        f(x, id, &p->sa, p->span);
    }
}

/* Is there anything on this router that would start IKE of this version? */
static bool uses_ike(const struct ir_config *c, bool v2, struct span *where)
{
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            bool ike = e->type.v == ENTRY_ISAKMP || e->type.v == ENTRY_DYNAMIC;
            if (ike && IR_IS_SET(e->sa.ikev2_profile) == v2 && m->applied.n) {
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

/* No isakmp policy is written, and IKEv1 is in use: the built-in ones negotiate. */
static void builtin_isakmp(struct lint_ctx *x, enum diag_id id)
{
    struct span at;
    const struct isakmp_policy *first = x->c->isakmp_policies.n ? x->c->isakmp_policies.v[0] : NULL;
    if (!first || !first->is_default.v || !uses_ike(x->c, false, &at))
        return;
    static const char *const words[] = {
        [WEAK_CIPHER] = "3DES", [WEAK_HASH] = "MD5", [WEAK_GROUP] = "DH groups 5 and 2"};
    enum algo_weakness w = weakness_of(id);
    struct diag *d = diag_add(
        x->diags, id, at,
        "%s can be negotiated: no isakmp policy is configured, so the built-in ones (65507 to 65514) apply", words[w]);
    diag_hint(x->diags, d, "write an isakmp policy: %s", instead(w));
}

/* IKEv2 is in use and the default proposal of the guide (aes-cbc-128 3des, sha1 md5, group 5 2) is what it offers. */
static void default_proposal(struct lint_ctx *x, enum diag_id id)
{
    struct span at;
    const struct ikev2_proposal *p = ir_find(x->c, TAB_V2_PROPOSAL, str_lit("default"));
    if (!p || !p->is_default.v || !uses_ike(x->c, true, &at))
        return;
    PTRLIST_FOR (struct ikev2_policy, pol, &x->c->ikev2_policies) {
        if (!pol->is_default.v && pol->proposals.n)
            return;
    }
    static const char *const words[] = {
        [WEAK_CIPHER] = "3DES", [WEAK_HASH] = "MD5", [WEAK_GROUP] = "DH groups 5 and 2"};
    enum algo_weakness w = weakness_of(id);
    struct diag *d = diag_add(
        x->diags, id, at,
        "%s can be negotiated: no IKEv2 proposal is attached to a policy, so the default proposal applies", words[w]);
    diag_hint(x->diags, d, "write an IKEv2 proposal and attach it to a policy: %s", instead(w));
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

#define NGE "guide, Supported Standards (Note): DES, 3DES, MD5 and DH groups 1, 2, 5 are no longer recommended"
const struct lint_rule rules_algorithms[] = {
    {D_WEAK_ENCRYPTION, NGE, weak},
    {D_WEAK_HASH, NGE, weak},
    {D_WEAK_DH, NGE, weak},
    {D_PFS_DEFAULT_GROUP, "guide, Creating Static Crypto Maps, step 10", pfs_default},
    {0, NULL, NULL},
};
