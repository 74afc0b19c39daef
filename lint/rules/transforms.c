/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which transforms may stand together (ios-crypto-commands §4.3, §4.4). */
#include "compiler/sem/transforms.h"
#include "lint/lint.h"

typedef void set_fn(struct lint_ctx *, enum diag_id, const struct transform_set *, const struct transform_parts *);
static void each_set(struct lint_ctx *x, enum diag_id id, set_fn *f)
{
    PTRLIST_FOR (struct transform_set, ts, &x->c->transform_sets) {
        if (ts->is_default.v || ts->transforms.n == 0)
            continue;
        struct transform_parts p = transform_parts_of(ts);
        f(x, id, ts, &p);
    }
}

static void combination(struct lint_ctx *x, enum diag_id id, const struct transform_set *ts,
                        const struct transform_parts *p)
{
    unsigned faults = transform_faults(p);
    if (faults & TRANSFORMS_TWICE)
        diag_add(x->diags, id, p->twice->m.span, "a second %s transform: a set holds one of each kind", p->twice_class);
    if (faults & TRANSFORMS_AUTH_ALONE) {
        struct diag *d = diag_add(x->diags, id, p->auth->m.span,
                                  "ESP authentication needs an ESP encryption transform in the same set");
        diag_hint(x->diags, d, "esp-null counts as one, if authentication alone is wanted");
    }
    if (faults & TRANSFORMS_AUTH_AND_AEAD) {
        struct diag *d = diag_add(x->diags, id, p->auth->m.span,
                                  "%s authenticates by itself: it excludes an ESP authentication transform",
                                  algo_get(p->cipher->alg)->name);
        diag_note(x->diags, d, p->cipher->m.span, "the combined mode cipher");
    }
    if (faults & TRANSFORMS_COMP_ALONE)
        diag_add(x->diags, id, p->comp->m.span,
                 "transform set '" STR_FMT "' only compresses: it needs an AH or ESP transform", STR_ARG(ts->name.s));
    if (faults & TRANSFORMS_NOTHING)
        diag_add(x->diags, id, p->cipher->m.span,
                 "transform set '" STR_FMT "' neither encrypts nor authenticates: esp-null needs an authentication",
                 STR_ARG(ts->name.s));
    bool by_ah = p->ah && p->ah->alg == ALGO_INTEG_RFC1828;
    if (faults & TRANSFORMS_OLD_PAIR)
        diag_add(x->diags, id, (by_ah ? p->ah : p->cipher)->m.span,
                 "ah-rfc1828 and esp-rfc1829 only go with one another");
}

static void no_auth(struct lint_ctx *x, enum diag_id id, const struct transform_set *ts,
                    const struct transform_parts *p)
{
    bool is_nothing = transform_faults(p) & TRANSFORMS_NOTHING; /* said by IC3401 */
    if (!p->cipher || p->auth || p->ah || p->twice || is_nothing || algo_get(p->cipher->alg)->is_aead)
        return;
    struct diag *d =
        diag_add(x->diags, id, p->cipher->m.span,
                 "transform set '" STR_FMT "' encrypts without authentication: packets can be changed on the way",
                 STR_ARG(ts->name.s));
    diag_hint(x->diags, d, "add an ESP authentication transform such as esp-sha256-hmac, or use esp-gcm");
}

static void no_secrecy(struct lint_ctx *x, enum diag_id id, const struct transform_set *ts,
                       const struct transform_parts *p)
{
    bool is_nothing = transform_faults(p) & TRANSFORMS_NOTHING;
    if (is_nothing || (p->cipher && !algo_get(p->cipher->alg)->no_secrecy))
        return;
    if (!p->cipher && !p->ah)
        return;
    const struct ir_transform *t = p->cipher ? p->cipher : p->ah;
    diag_add(x->diags, id, t->m.span, "transform set '" STR_FMT "' does not encrypt: the traffic can be read",
             STR_ARG(ts->name.s));
}

static void seal(struct lint_ctx *x, enum diag_id id, const struct transform_set *ts, const struct transform_parts *p)
{
    (void)ts;
    if (p->cipher && p->cipher->alg == ALGO_ENCR_SEAL)
        diag_add(x->diags, id, p->cipher->m.span,
                 "SEAL exists on Cisco equipment without IPsec hardware only: no other peer can speak it");
}

static void combination_rule(struct lint_ctx *x, enum diag_id id)
{
    each_set(x, id, combination);
}
static void no_auth_rule(struct lint_ctx *x, enum diag_id id)
{
    each_set(x, id, no_auth);
}
static void no_secrecy_rule(struct lint_ctx *x, enum diag_id id)
{
    each_set(x, id, no_secrecy);
}
static void seal_rule(struct lint_ctx *x, enum diag_id id)
{
    each_set(x, id, seal);
}

const struct lint_rule rules_transforms[] = {
    {D_TRANSFORM_RULES, "ios-crypto-commands R-TS-1 to R-TS-4", combination_rule, 0},
    {D_TRANSFORM_NO_AUTH, "RFC 8221 section 4; ios-crypto-commands R-TS-6", no_auth_rule, 0},
    {D_TRANSFORM_NO_SECRECY, "ios-crypto-commands R-TS-5", no_secrecy_rule, 0},
    {D_TRANSFORM_SEAL, "guide, Configuring Transform Sets, Restrictions", seal_rule, 0},
    {0, NULL, NULL, 0},
};
