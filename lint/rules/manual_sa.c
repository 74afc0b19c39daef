/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manual entries (guide, Creating Crypto Map Entries to Establish Manual SAs; ios-crypto-commands §6.4). */
#include "lint/lint.h"

typedef void manual_fn(struct lint_ctx *, enum diag_id, const struct crypto_map_entry *);
static void each_manual(struct lint_ctx *x, enum diag_id id, manual_fn *f)
{
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            if (e->type.v == ENTRY_MANUAL)
                f(x, id, e);
        }
    }
}

static const struct transform_set *set_of(const struct crypto_map_entry *e)
{
    const struct ir_ref *r = e->sa.transform_sets.n ? e->sa.transform_sets.v[0] : NULL;
    return r ? r->target : NULL;
}

static void permits(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct acl *a = e->acl.target;
    const struct ace *first = NULL, *second = NULL;
    if (!a)
        return;
    for (uint32_t i = 0; i < a->aces.n && !second; i++) {
        const struct ace *l = a->aces.v[i];
        if (l->remark || !l->permit)
            continue;
        if (!first)
            first = l;
        else if (!second)
            second = l;
    }
    if (!second)
        return;
    struct diag *d =
        diag_add(x->diags, id, e->acl.m.span,
                 "the list of a manual entry may have one permit line: '" STR_FMT "' has more", STR_ARG(a->name.s));
    diag_note(x->diags, d, second->span, "the second permit line");
}

static void peers(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    if (e->peers.n > 1)
        diag_add(x->diags, id, ((struct map_peer *)e->peers.v[1])->span,
                 "a manual entry may have one peer: this is another");
}

static void sets(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    if (e->sa.transform_sets.n > 1)
        diag_add(x->diags, id, ((struct ir_ref *)e->sa.transform_sets.v[1])->m.span,
                 "a manual entry may have one transform set: this is another");
}

static const struct manual_key *key_of(const struct crypto_map_entry *e, enum ipsec_proto proto, bool outbound)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        if (k->proto.v == proto && k->outbound.v == outbound)
            return k;
    }
    return NULL;
}

/* Which protocols and which ESP parts the set calls for. */
struct wants {
    const struct ir_transform *ah, *cipher, *auth;
};
static struct wants wants_of(const struct transform_set *ts)
{
    struct wants w = {0};
    PTRLIST_FOR (struct ir_transform, t, &ts->transforms) {
        if (t->proto == PROTO_AH)
            w.ah = t;
        else if (t->proto == PROTO_ESP && algo_get(t->alg)->kind == ALGO_ENCR)
            w.cipher = t;
        else if (t->proto == PROTO_ESP)
            w.auth = t;
    }
    return w;
}

static void keys_missing(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct transform_set *ts = set_of(e);
    if (!ts)
        return;
    struct wants w = wants_of(ts);
    for (int out = 0; out < 2; out++) {
        const char *dir = out ? "outbound" : "inbound";
        if (w.ah && !key_of(e, PROTO_AH, out))
            diag_add(x->diags, id, e->span, "no %s AH session key: transform set '" STR_FMT "' needs one", dir,
                     STR_ARG(ts->name.s));
        const struct manual_key *k = key_of(e, PROTO_ESP, out);
        if ((w.cipher || w.auth) && !k)
            diag_add(x->diags, id, e->span, "no %s ESP session key: transform set '" STR_FMT "' needs one", dir,
                     STR_ARG(ts->name.s));
        if (k && w.cipher && w.cipher->bits && !IR_IS_SET(k->cipher))
            diag_add(x->diags, id, k->span, "the %s ESP key has no cipher key: transform set '" STR_FMT "' encrypts",
                     dir, STR_ARG(ts->name.s));
        if (k && w.auth && !IR_IS_SET(k->authenticator))
            diag_add(x->diags, id, k->span,
                     "the %s ESP key has no authenticator: transform set '" STR_FMT "' authenticates", dir,
                     STR_ARG(ts->name.s));
    }
}

static void one_key(struct lint_ctx *x, enum diag_id id, const struct ir_secret *k, const struct ir_transform *t,
                    const char *part)
{
    if (!IR_IS_SET(*k) || !t)
        return;
    struct str hex = secret_reveal(&k->s);
    for (uint32_t i = 0; i < hex.len; i++)
        if (!strchr("0123456789abcdefABCDEF", hex.p[i])) {
            diag_add(x->diags, id, k->m.span, "the %s is not hexadecimal", part);
            return;
        }
    uint32_t need = t->bits / 8u, have = hex.len / 2;
    if (hex.len % 2)
        diag_add(x->diags, id, k->m.span, "the %s has an odd number of hexadecimal digits", part);
    else if (have < need)
        diag_add(x->diags, id, k->m.span, "the %s has %u bytes: %s needs %u", part, have, algo_get(t->alg)->name, need);
    else if (have > need && need) {
        struct diag *d =
            diag_add(x->diags, id, k->m.span, "the %s has %u bytes: %s takes %u, the router cuts off the rest", part,
                     have, algo_get(t->alg)->name, need);
        d->severity = SEV_WARNING;
    }
}

static void key_length(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct transform_set *ts = set_of(e);
    if (!ts)
        return;
    struct wants w = wants_of(ts);
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        if (k->proto.v == PROTO_AH) {
            one_key(x, id, &k->cipher, w.ah, "AH key");
        } else {
            one_key(x, id, &k->cipher, w.cipher && w.cipher->bits ? w.cipher : NULL, "cipher key");
            one_key(x, id, &k->authenticator, w.auth, "authenticator");
        }
    }
}

static void spi(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        if (k->spi.v < 256 || k->spi.v > 4294967295u)
            diag_add(x->diags, id, k->spi.m.span, "SPI %llu is outside 256 to 4294967295",
                     (unsigned long long)k->spi.v);
    }
}

/* An inbound SPI belongs to our own address: two entries with the same one and protocol collide. */
static void spi_twice(struct lint_ctx *x, enum diag_id id)
{
    struct symtab seen = {0};
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            if (e->type.v != ENTRY_MANUAL)
                continue;
            PTRLIST_FOR (struct manual_key, k, &e->keys) {
                if (k->outbound.v || k->spi.v > UINT32_MAX)
                    continue;
                struct str proto = str_lit(k->proto.v == PROTO_AH ? "ah" : "esp");
                struct manual_key *old = symtab_get(&seen, proto, (uint32_t)k->spi.v);
                if (old) {
                    struct diag *d = diag_add(x->diags, id, k->spi.m.span, "inbound SPI %llu is used by another entry",
                                              (unsigned long long)k->spi.v);
                    diag_note(x->diags, d, old->spi.m.span, "first used here");
                } else {
                    symtab_put(x->diags->arena, &seen, proto, (uint32_t)k->spi.v, k);
                }
            }
        }
    }
}

static void spi_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, spi);
    spi_twice(x, id);
}

static void aead(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct transform_set *ts = set_of(e);
    struct wants w = ts ? wants_of(ts) : (struct wants){0};
    if (!w.cipher || !algo_get(w.cipher->alg)->is_aead)
        return;
    struct diag *d =
        diag_add(x->diags, id, ((struct ir_ref *)e->sa.transform_sets.v[0])->m.span,
                 "%s must not have manual keys: a repeated counter gives the key away", algo_get(w.cipher->alg)->name);
    diag_note(x->diags, d, ts->span, "transform set defined here");
}

static void unused(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct transform_set *ts = set_of(e);
    if (!ts)
        return;
    struct wants w = wants_of(ts);
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        bool ah = k->proto.v == PROTO_AH;
        if (ah ? !w.ah : !w.cipher && !w.auth)
            diag_add(x->diags, id, k->span, "this key is for %s: transform set '" STR_FMT "' has no %s transform",
                     ah ? "AH" : "ESP", STR_ARG(ts->name.s), ah ? "AH" : "ESP");
        else if (!ah && IR_IS_SET(k->authenticator) && !w.auth)
            diag_add(x->diags, id, k->authenticator.m.span,
                     "this authenticator is not used: transform set '" STR_FMT "' has no ESP authentication",
                     STR_ARG(ts->name.s));
    }
}

static void ignored(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e)
{
    const struct {
        bool set;
        struct span at;
        const char *what;
    } rows[] = {
        {IR_WRITTEN(e->sa.pfs_group), e->sa.pfs_group.m.span, "set pfs"},
        {e->sa.pfs_bare.v != 0, e->sa.pfs_bare.m.span, "set pfs"},
        {IR_WRITTEN(e->sa.lifetime_s), e->sa.lifetime_s.m.span, "a lifetime"},
        {IR_WRITTEN(e->sa.lifetime_kb), e->sa.lifetime_kb.m.span, "a lifetime"},
        {IR_WRITTEN(e->sa.per_host), e->sa.per_host.m.span, "level per-host"},
        {IR_WRITTEN(e->sa.isakmp_profile), e->sa.isakmp_profile.m.span, "an isakmp profile"},
        {IR_WRITTEN(e->sa.ikev2_profile), e->sa.ikev2_profile.m.span, "an IKEv2 profile"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].set)
            diag_add(x->diags, id, rows[i].at, "%s has no meaning in a manual entry: nothing is negotiated",
                     rows[i].what);
}

static void permits_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, permits);
}
static void peers_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, peers);
}
static void sets_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, sets);
}
static void missing_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, keys_missing);
}
static void length_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, key_length);
}
static void aead_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, aead);
}
static void unused_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, unused);
}
static void ignored_rule(struct lint_ctx *x, enum diag_id id)
{
    each_manual(x, id, ignored);
}

/* Session keys outside manual entries. */
static void not_manual(struct lint_ctx *x, enum diag_id id)
{
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t i = 0; i < 2; i++)
        PTRLIST_FOR (struct crypto_map, m, maps[i]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (e->type.v != ENTRY_MANUAL && e->keys.n)
                    diag_add(x->diags, id, ((struct manual_key *)e->keys.v[0])->span,
                             "session keys need an ipsec-manual entry: this one is %s",
                             m->is_dynamic.v ? "dynamic" : entry_type_word((enum entry_type)e->type.v));
            }
        }
}

#define G "guide, Creating Crypto Map Entries to Establish Manual SAs"
static void entry_manual(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                         const struct crypto_map_entry *e)
{
    if (e->type.v == ENTRY_MANUAL)
        diag_hint(
            x->diags,
            diag_add(x->diags, id, e->span,
                     "entry %llu of crypto map '" STR_FMT
                     "' has manual keys: they never change, and nothing stops recorded packets from being sent again",
                     (unsigned long long)e->seq.v, STR_ARG(m->name.s)),
            "use IKE: ipsec-isakmp");
}

static void manual_keys(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_manual);
}

const struct lint_rule rules_manual_sa[] = {
    {D_MANUAL_PERMITS, G ", step 4", permits_rule, 0},
    {D_MANUAL_PEERS, G ", step 5", peers_rule, 0},
    {D_MANUAL_SETS, G ", step 6", sets_rule, 0},
    {D_MANUAL_KEYS_MISSING, G ", steps 7 and 8", missing_rule, 0},
    {D_MANUAL_KEY_LENGTH, "ios-crypto-commands R-MAN-4", length_rule, 0},
    {D_MANUAL_SPI, "ios-crypto-commands R-MAN-2; RFC 4303 section 2.1", spi_rule, 0},
    {D_MANUAL_AEAD, "RFC 4106 section 2; RFC 8221 section 3", aead_rule, 0},
    {D_MANUAL_KEY_UNUSED, "ios-crypto-commands R-MAN-3", unused_rule, 0},
    {D_MANUAL_IGNORED, "ios-crypto-commands R-MAN-9", ignored_rule, 0},
    {D_NEEDS_MANUAL, G, not_manual, 0},
    {D_MANUAL_KEYS, "RFC 4303 section 3.3.3: no replay protection with manual keys; RFC 4107 section 2", manual_keys,
     0},
    {0, NULL, NULL, 0},
};
