/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/engine/keys.h"

#include <string.h>

#include "backends/ike/engine/proof.h"

static const char key_pad[] = "Key Pad for IKEv2"; /* RFC 7296 §2.15 */
#define KEY_PAD_LEN (sizeof key_pad - 1)
#define NONCE_MIN 16 /* §2.10 */
#define NONCE_MAX 256
#define HEADER_LEN 28
#define X2_IKE_SA_INIT 34

/* ---- which key ---- */

const struct ike_profile *ike_profile_named(const struct ike_policy *p, uint8_t version, const char *name)
{
    for (unsigned i = 0; name && i < p->n_profiles; i++)
        if (p->profiles[i].version == version && strcmp(p->profiles[i].name, name) == 0)
            return &p->profiles[i];
    return NULL;
}

const struct ike_aggressive_peer *ike_aggressive_at(const struct ike_policy *p, const struct ip_addr *peer)
{
    const struct ike_aggressive_peer *found = NULL;
    for (unsigned i = 0; i < p->n_aggressive; i++)
        if (addr_eq(&p->aggressive[i].peer, peer))
            found = &p->aggressive[i];
    return found;
}

static const struct ike_psk *password_of(const struct ike_policy *p, const struct ip_addr *peer)
{
    const struct ike_aggressive_peer *found = ike_aggressive_at(p, peer);
    return found && found->key.local.n ? &found->key : NULL;
}

const struct ike_psk *ike_psk_choose(const struct ike_policy *p, const struct ike_key_owner *o)
{
    const struct ike_profile *profile = ike_profile_named(p, o->version, o->profile);
    const struct ike_psk *password = o->version == 1 && o->password ? password_of(p, &o->peer) : NULL;
    const struct ike_id *id = o->id.p ? &o->id : NULL;
    if (password)
        return password;
    if (o->version != 1 && !profile)
        return NULL;
    if (o->profile && !profile) /* the keyring of the profile, and no other */
        return NULL;
    if (o->is_called || !id)
        return ike_psk_to_call(p, profile, &o->own, &o->peer, id);
    if (profile)
        return ike_psk_find(profile->keys, profile->n_keys, &o->own, &o->peer, id);
    return ike_psk_find(p->keys, p->n_keys, &o->own, &o->peer, id);
}

static bool is_key(const struct ike_policy *p, const struct ike_psk *k, uint32_t key_id)
{
    return k->id == key_id || ike_same_secret(p, k->id, key_id);
}

/* No row is the identity's: may one for where it is prove it? Who is called is of the entry's profile. */
static bool may_prove(const struct ike_policy *p, const struct ike_profile *profile, const struct ike_key_owner *o,
                      const struct ike_id *id, struct ike_used_key key)
{
    bool decides = key.call == IKE_HAS_CALLED && !ike_may_be_natted(id, &o->peer);
    const struct ike_psk *v = profile ? profile->keys : p->keys;
    unsigned n = profile ? profile->n_keys : p->n_keys;
    bool is_here = false;
    for (unsigned i = 0; i < n; i++) {
        if (!ike_psk_is_here(&v[i], &o->own, &o->peer) || !is_key(p, &v[i], key.id))
            continue; /* there may be thousands */
        is_here = true;
        bool is_others = ike_psk_is_anothers(&v[i], &o->peer, id) ||
                         (decides && ike_psk_is_of_another_profile(p, profile, &v[i], &o->own, &o->peer));
        if (!is_others)
            return true;
    }
    return !is_here && key.call == IKE_CALLED_BY_NAME; /* by the row of its name */
}

bool ike_poses(const struct ike_policy *p, const struct ike_profile *profile, const struct ike_key_owner *o,
               const struct ike_id *id, struct ike_used_key key)
{
    const struct ike_psk *v = profile ? profile->keys : p->keys;
    unsigned n = profile ? profile->n_keys : p->n_keys;
    const struct ike_psk *its = ike_psk_of_identity(v, n, &o->own, &o->peer, id);
    const struct ike_match there = {.addr = o->peer, .plen = o->peer.family == FAMILY_V6 ? 128 : 32};
    bool is_of_network = its && its->who.addr.family != FAMILY_NONE && its->who.plen < there.plen;
    bool is_itself = ike_match(&there, NULL, id), is_by_password = key.call == IKE_CALLED_BY_PASSWORD;
    if (is_itself && is_by_password) /* the password is that address's, and comes before its row */
        return false;
    if (is_itself && is_of_network && key.call == IKE_CALLED_BY_NAME) /* the name led there: that says more */
        return false;
    if (its)
        return !is_key(p, its, key.id);
    return !is_by_password && !may_prove(p, profile, o, id, key);
}

static void *private_key(const struct ike_policy *p, const struct ike_key_owner *o)
{
    const struct ike_profile *profile = ike_profile_named(p, o->version, o->profile);
    if (o->profile && !profile)
        return NULL;
    const struct ike_credential *c = ike_credential_of(p, profile);
    return c ? c->key : NULL;
}

/* ---- what is done with it ---- */

static bool skeyid(struct ike_crypto *c, const struct ike_key_work *w, const struct ike_psk *k,
                   struct ike_key_result *r)
{
    uint8_t both[KEY_PAD_LEN];
    size_t total = 0;
    if (w->owner.version != 1 || w->n != 2 || !k->local.n)
        return false;
    for (unsigned i = 0; i < w->n; i++) {
        if (total + w->v[i].n <= sizeof both)
            memcpy(both + total, w->v[i].p, w->v[i].n);
        total += w->v[i].n;
    }
    if (total == KEY_PAD_LEN && memcmp(both, key_pad, KEY_PAD_LEN) == 0)
        return false;
    r->n = ike_hash_len(w->prf);
    return ike_prf(c, w->prf, k->local.p, k->local.n, w->v, w->n, r->out);
}

/* The octets of §2.15: an IKE_SA_INIT message, the other end's nonce, a MACed identity. */
static bool are_signed_octets(const struct ike_key_work *w)
{
    const uint8_t *m = w->n == 3 ? w->v[0].p : NULL;
    if (!m || w->owner.version != 2 || w->v[0].n < HEADER_LEN)
        return false;
    size_t length = (size_t)m[24] << 24 | (size_t)m[25] << 16 | (size_t)m[26] << 8 | m[27];
    return m[17] >> 4 == 2 && m[18] == X2_IKE_SA_INIT && length == w->v[0].n && w->v[1].n >= NONCE_MIN &&
           w->v[1].n <= NONCE_MAX && w->v[2].n == ike_hash_len(w->prf);
}

static bool psk_auth(struct ike_crypto *c, const struct ike_key_work *w, struct ike_bytes key,
                     uint8_t out[static IKE_HASH_MAX])
{
    uint8_t padded[IKE_HASH_MAX];
    bool ok = key.n && are_signed_octets(w) &&
              ike_prf(c, w->prf, key.p, key.n, &(struct ike_iov){key_pad, KEY_PAD_LEN}, 1, padded) &&
              ike_prf(c, w->prf, padded, ike_hash_len(w->prf), w->v, w->n, out);
    ike_wipe(padded, sizeof padded);
    return ok;
}

static bool psk_check(struct ike_crypto *c, const struct ike_key_work *w, const struct ike_psk *k)
{
    uint8_t mac[IKE_HASH_MAX];
    size_t len = ike_hash_len(w->prf);
    bool ok = psk_auth(c, w, k->remote, mac) && w->proof.n == len && ike_equal(mac, w->proof.p, len);
    ike_wipe(mac, sizeof mac);
    return ok;
}

/* SKEYID, two public values of one length, two cookies, SAi_b, IDi*_b (RFC 2409 §5). */
static bool are_hashed_octets(const struct ike_key_work *w)
{
    static const size_t skeyids[] = {16, 20, 32, 48, 64};
    bool is_skeyid = false;
    for (size_t i = 0; i < sizeof skeyids / sizeof *skeyids; i++)
        is_skeyid |= w->v[0].n == skeyids[i];
    return w->owner.version == 1 && w->n == 7 && is_skeyid && w->v[1].n >= 64 && w->v[1].n == w->v[2].n &&
           w->v[3].n == 8 && w->v[4].n == 8 && w->v[5].n && w->v[6].n;
}

static bool sign_1(struct ike_crypto *c, const struct ike_key_work *w, void *key, struct ike_key_result *r)
{
    uint8_t h[IKE_HASH_MAX];
    size_t len = ike_hash_len(w->prf);
    if (!are_hashed_octets(w) || !ike_prf(c, w->prf, w->v[0].p, w->v[0].n, w->v + 1, w->n - 1, h))
        return false;
    r->n = ike1_sign(key, h, len, r->out);
    return r->n != 0;
}

static bool with_psk(struct ike_crypto *c, const struct ike_policy *p, const struct ike_key_work *w,
                     struct ike_key_result *r)
{
    const struct ike_psk *k = ike_psk_choose(p, &w->owner);
    if (!k)
        return false;
    r->key = k->local;
    switch (w->verb) {
    case KEYS_SKEYID:
        return skeyid(c, w, k, r);
    case KEYS_PSK_MAKE:
        r->n = ike_hash_len(w->prf);
        return psk_auth(c, w, k->local, r->out);
    case KEYS_PSK_CHECK:
        return psk_check(c, w, k);
    default:
        return false;
    }
}

bool ike_keys_do(struct ike_crypto *c, const struct ike_policy *p, const struct ike_key_work *w,
                 struct ike_key_result *r)
{
    r->n = 0;
    r->key = (struct ike_bytes){0};
    if (algo_get(w->prf)->kind != ALGO_INTEG || ike_hash_len(w->prf) == 0 || ike_hash_len(w->prf) > IKE_HASH_MAX)
        return false;
    if (w->verb != KEYS_SIGN_1 && w->verb != KEYS_SIGN_2)
        return with_psk(c, p, w, r);
    void *key = private_key(p, &w->owner);
    if (!key)
        return false;
    if (w->verb == KEYS_SIGN_1)
        return sign_1(c, w, key, r);
    r->n = are_signed_octets(w) ? ike2_sign(key, w->peer_hashes, w->prf, w->v, w->n, r->out) : 0;
    return r->n != 0;
}

bool ike_keys_ask(struct ike *ike, const struct ike_psk *expected, const struct ike_key_work *w,
                  struct ike_key_result *r)
{
    if (!ike->host.keys)
        return ike_keys_do(ike->crypto, ike->policy, w, r);
    if (!ike->host.keys(ike->host.ctx, w, r))
        return false;
    /* between the two a reload may have come */
    return !expected || (r->key.n == expected->local.n && ike_equal(r->key.p, expected->local.p, r->key.n));
}
