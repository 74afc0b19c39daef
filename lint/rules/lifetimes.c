/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lifetimes, volumes, the replay check, and how many security associations an entry asks for. */
#include "lint/lint.h"

typedef void sa_fn(struct lint_ctx *, enum diag_id, const struct sa_settings *, const struct crypto_map_entry *,
                   struct span block);

static void each_sa(struct lint_ctx *x, enum diag_id id, sa_fn *f)
{
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (e->type.v != ENTRY_MANUAL && !(e->type.v == ENTRY_DYNAMIC && !e->in_dynamic))
                    f(x, id, &e->sa, e, e->span);
            }
        }
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        if (!p->is_default.v)
            f(x, id, &p->sa, NULL, p->span);
    }
}

/* The longest lifetime IKE may agree on; *where says which line. */
static uint64_t ike_lifetime(struct lint_ctx *x, const struct sa_settings *sa, struct span *where)
{
    uint64_t best = 0;
    const struct ikev2_profile *p2 = sa->ikev2_profile.target;
    if (IR_IS_SET(sa->ikev2_profile)) {
        *where = p2 ? p2->lifetime_s.m.origin == ORIGIN_WRITTEN ? p2->lifetime_s.m.span : p2->span : *where;
        return p2 ? p2->lifetime_s.v : 0;
    }
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        if (!p->is_default.v && p->lifetime_s.v > best) {
            best = p->lifetime_s.v;
            *where = IR_WRITTEN(p->lifetime_s) ? p->lifetime_s.m.span : p->span;
        }
    }
    return best;
}

static void order(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa, const struct crypto_map_entry *e,
                  struct span block)
{
    struct span where = {0, 0};
    uint64_t ike = ike_lifetime(x, sa, &where);
    (void)e;
    if (ike == 0 || sa->lifetime_s.v < ike)
        return;
    bool here = IR_WRITTEN(sa->lifetime_s) || sa->lifetime_s.m.origin == ORIGIN_INHERITED;
    if (!here && IR_IS_SET(sa->lifetime_s) && where.len == 0)
        return;
    struct diag *d = diag_add(x->diags, id,
                              here        ? sa->lifetime_s.m.span
                              : where.len ? where
                                          : block,
                              "IPsec lives %llu seconds, IKE %llu: the IPsec lifetime is to be the shorter one",
                              (unsigned long long)sa->lifetime_s.v, (unsigned long long)ike);
    if (here)
        diag_note(x->diags, d, where, "the IKE lifetime comes from here");
}

static void volume_off(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa,
                       const struct crypto_map_entry *e, struct span block)
{
    (void)e, (void)block;
    if (sa->lifetime_kb_disabled.v)
        diag_add(x->diags, id, sa->lifetime_kb_disabled.m.span,
                 "no volume limit: however much is sent, the key only changes with time");
}

/* 20 MB: on a 100 Mbit/s line a new key every two seconds. */
#define SMALL_VOLUME_KB 20480u
static void volume_small(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa,
                         const struct crypto_map_entry *e, struct span block)
{
    (void)e, (void)block;
    if (IR_IS_SET(sa->lifetime_kb) && sa->lifetime_kb.v < SMALL_VOLUME_KB)
        diag_hint(x->diags,
                  diag_add(x->diags, id, sa->lifetime_kb.m.span,
                           "%llu kilobytes pass in %llu seconds at 100 Mbit/s: the peers will rekey all the time",
                           (unsigned long long)sa->lifetime_kb.v,
                           (unsigned long long)(sa->lifetime_kb.v * 8192 / 100000000 + 1)),
                  "the default is 4608000 kilobytes");
}

static void per_host(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa,
                     const struct crypto_map_entry *e, struct span block)
{
    (void)e, (void)block;
    if (sa->per_host.v)
        diag_add(x->diags, id, sa->per_host.m.span,
                 "every pair of hosts gets security associations of its own: many hosts can exhaust the router");
}

static void replay_off(struct lint_ctx *x, enum diag_id id, const struct sa_settings *sa,
                       const struct crypto_map_entry *e, struct span block)
{
    (void)e, (void)block;
    if (sa->replay_disabled.v)
        diag_hint(x->diags,
                  diag_add(x->diags, id, sa->replay_disabled.m.span,
                           "the replay check is off: recorded packets can be sent again"),
                  "where packets are reordered, make the window larger: replay window-size 1024");
}

static bool is_fast(struct str name)
{
    static const char *const fast[] = {"TenGigabitEthernet", "TwentyFiveGigE", "FortyGigabitEthernet", "HundredGigE"};
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        if (name.len > strlen(fast[i]) && memcmp(name.p, fast[i], strlen(fast[i])) == 0)
            return true;
    return false;
}

static void entry_replay_small(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                               const struct crypto_map_entry *e)
{
    if (e->type.v != ENTRY_ISAKMP || e->sa.replay_disabled.v || e->sa.replay_window.v > 64)
        return;
    PTRLIST_FOR (struct interface, i, &m->applied) {
        if (!is_fast(i->name.s))
            continue;
        struct diag *d =
            diag_add(x->diags, id, IR_WRITTEN(e->sa.replay_window) ? e->sa.replay_window.m.span : e->span,
                     "a replay window of %llu packets is small for " STR_FMT ": packets that QoS reorders are dropped",
                     (unsigned long long)e->sa.replay_window.v, STR_ARG(i->name.s));
        diag_hint(x->diags, d, "set security-association replay window-size 1024");
        return;
    }
}

static void lifetime_order(struct lint_ctx *x, enum diag_id id)
{
    each_sa(x, id, order);
}
static void volume_disabled_rule(struct lint_ctx *x, enum diag_id id)
{
    each_sa(x, id, volume_off);
}
static void volume_small_rule(struct lint_ctx *x, enum diag_id id)
{
    each_sa(x, id, volume_small);
}
static void per_host_rule(struct lint_ctx *x, enum diag_id id)
{
    each_sa(x, id, per_host);
}
static void replay_off_rule(struct lint_ctx *x, enum diag_id id)
{
    each_sa(x, id, replay_off);
}
static void replay_small_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_replay_small);
}

const struct lint_rule rules_lifetimes[] = {
    {D_LIFETIME_ORDER, "NIST SP 800-77r1; ios-crypto-commands section 9", lifetime_order, 0},
    {D_VOLUME_DISABLED, "guide, Creating Static Crypto Maps, step 8", volume_disabled_rule, 0},
    {D_VOLUME_SMALL, "guide, Creating Static Crypto Maps, step 8", volume_small_rule, 0},
    {D_PER_HOST, "guide, Creating Static Crypto Maps, step 9: use with care", per_host_rule, 0},
    {D_REPLAY_OFF, "RFC 4303 section 3.4.3", replay_off_rule, 0},
    {D_REPLAY_SMALL, "RFC 4303 section 3.4.3: a larger window is for fast links", replay_small_rule, 0},
    {0, NULL, NULL, 0},
};
