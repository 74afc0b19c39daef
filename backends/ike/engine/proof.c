/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What proves a peer by certificate, in both versions: the chain, the name, the kind of key; and how long it holds. */
#include <stdlib.h>

#include "backends/ike/engine/engine.h"

enum ike_weak_hash ike_weak_hash_of(enum algo_id policy_hash)
{
    if (policy_hash == ALGO_INTEG_MD5)
        return IKE_WEAK_MD5;
    return policy_hash == ALGO_INTEG_SHA1 ? IKE_WEAK_SHA1 : IKE_WEAK_NONE;
}

static int64_t wall_s(const struct ike *ike)
{
    return ike->host.wall_s ? ike->host.wall_s(ike->host.ctx) : 0;
}

const char *ike_certificate_check(struct ike *ike, struct ike_sa *sa, const struct ike_iov *certs, unsigned n,
                                  const struct ike_id *id, unsigned allowed, struct ike_cert **out)
{
    const struct ike_credential *cr = ike_credential_for(ike, sa->profile);
    enum ike_weak_hash weak = ike_weak_hash_of(sa->suite.prf);
    *out = NULL;
    if (!cr || !cr->store)
        return "no trustpoint has a CA certificate to check its own with";
    const char *bad = ike_cert_check(cr->store, certs, n, wall_s(ike), weak, out, sa->why);
    if (bad)
        return bad;
    if (!ike_cert_names(*out, id->type, id->p, id->n))
        return "its certificate does not name this identity";
    if (!ike_key_allowed(allowed, ike_cert_key_kind(*out)))
        return "its certificate has a key of another kind than the profile allows";
    return NULL;
}

bool ike_proof_keep(struct ike *ike, struct ike_sa *sa, const struct ike_cert *c)
{
    uint8_t *anchor = malloc(IKE_ANCHOR_LEN);
    int64_t now_s = wall_s(ike), ends_s = ike_cert_ends_s(c);
    if (!anchor || !ike_cert_anchor(c, anchor)) {
        free(anchor);
        return false;
    }
    free(sa->anchor);
    sa->anchor = anchor;
    sa->psk_auth = false;
    sa->key_id = 0;
    /* what ends in more than a century ends never */
    bool in_sight = now_s && ends_s > now_s && ends_s - now_s < 100 * 366 * (int64_t)86400;
    sa->proof_ends_at = in_sight ? ike->now + 1000u * (uint64_t)(ends_s - now_s) : 0;
    return true;
}

bool ike_proof_inherit(struct ike_sa *to, const struct ike_sa *from)
{
    to->psk_auth = from->psk_auth;
    to->key_id = from->key_id;
    to->proof_ends_at = from->proof_ends_at;
    to->reauth_at = from->reauth_at;
    if (!from->anchor)
        return true;
    to->anchor = malloc(IKE_ANCHOR_LEN);
    if (to->anchor)
        memcpy(to->anchor, from->anchor, IKE_ANCHOR_LEN);
    return to->anchor != NULL;
}

bool ike_proof_holds(const struct ike_moves *m, struct ike_sa *sa, const struct ike_profile *profile_there)
{
    if (sa->key_id) {
        sa->key_id = m->key ? m->key[sa->key_id] : sa->key_id;
        return sa->key_id != 0;
    }
    if (!sa->anchor) /* nobody has proved anything yet */
        return sa->psk_auth || sa->state < IKE_ESTABLISHED;
    const struct ike_credential *c = profile_there ? profile_there->credential : NULL;
    if (!c && m->to->n_credentials)
        c = &m->to->credentials[0];
    bool own_same = (profile_there && profile_there->credential) || m->same_credential;
    return own_same && c && ike_store_has(c->store, sa->anchor);
}
