/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an entry in force needs of this host, beside what stands in the configuration (compiler/sem/needs.h): keys that
 * the master key opens, certificates and private keys of its trustpoints. */
#include "backends/ike/crypto/cert.h"
#include "backends/ike/from_ir/maker.h"
#include "backends/ike/v1/v1.h"

static const char *why_no_policy(const struct ike_policy *p)
{
    bool psk = false, cert = false;
    for (unsigned i = 0; i < p->n_v1; i++) {
        bool by_key = p->v1[i].auth == ALGO_AUTH_PSK;
        psk |= by_key;
        cert |= !by_key;
    }
    if (psk && cert)
        return "neither a pre-shared key of theirs nor a trustpoint with certificates and private key is there";
    if (psk)
        return "no pre-shared key of theirs is known";
    return cert ? "no trustpoint has the certificates and the private key that takes" : "there is none";
}

static bool is_peer(const struct ike_entry *x, const struct ip_addr *net, uint8_t plen)
{
    for (unsigned i = 0; i < x->n_peers; i++)
        if (ike_addr_in(&x->peers[i].addr, net, plen))
            return true;
    return false;
}

/* Has it a pre-shared key for one of its peers? Of a dynamic entry anybody's will do, and so does one by name. */
static bool has_key(const struct ike_policy *p, const struct ike_entry *x)
{
    const struct ike_psk *v = x->profile ? x->profile->keys : p->keys;
    unsigned n = x->profile ? x->profile->n_keys : p->n_keys;
    for (unsigned i = 0; i < n; i++)
        if (x->dynamic || v[i].who.addr.family == FAMILY_NONE || is_peer(x, &v[i].who.addr, v[i].who.plen))
            return true;
    for (unsigned i = 0; i < p->n_aggressive; i++) /* `set aggressive-mode password` */
        if (p->aggressive[i].key.local.n &&
            is_peer(x, &p->aggressive[i].peer, p->aggressive[i].peer.family == FAMILY_V6 ? 128 : 32))
            return true;
    return false;
}

/* IKEv1: is one of the isakmp policies of use to it? */
static bool v1_can(struct maker *m, const struct ike_policy *p, const struct ike_entry *x)
{
    const struct ike_credential *c = ike_credential_of(p, x->profile);
    enum ike_key_kind own = c && ike_credential_signs(c) ? ike_key_kind(c->key) : IKE_KEY_OTHER;
    bool key = has_key(p, x), verifies = ike_verifies(p, x->profile);
    for (unsigned i = 0; i < p->n_v1; i++) {
        bool proves = p->v1[i].auth == ALGO_AUTH_PSK ? key : verifies;
        if (proves && v1_policy_speakable(&p->v1[i], own))
            return true;
    }
    m->out->lacks++;
    omit(m,
         "map %s entry %u (line %u) is blocked: no isakmp policy can be used with its peers: %s (files are looked for "
         "in %s)",
         x->map, x->seq, x->line, why_no_policy(p), m->pki_dir);
    return false;
}

/* IKEv2: can we prove ourselves, and can anybody prove himself to us? */
static bool v2_can(const struct ike_policy *p, const struct ike_entry *x)
{
    const unsigned by_cert = IKE_MAY_RSA | IKE_MAY_ECDSA;
    const struct ike_profile *f = x->profile;
    bool key = has_key(p, x);
    bool we = f->auth_local & by_cert ? ike_credential_of(p, f) != NULL : key;
    bool they = ((f->auth_remote & IKE_MAY_PSK) && key) || ((f->auth_remote & by_cert) && ike_verifies(p, f));
    return we && they;
}

bool maker_host_has(struct maker *m, const struct ike_policy *p, const struct ike_entry *x)
{
    struct profile_lack *l = x->profile ? &m->profile_lacks[x->profile - p->profiles] : NULL;
    if (l && !l->said) {
        m->out->lacks += l->lines.n;
        for (uint32_t i = 0; i < l->lines.n; i++)
            ptrlist_add(m->a, &m->out->lines, l->lines.v[i]);
        l->said = true;
    }
    if (x->version == 1)
        return v1_can(m, p, x);
    if (x->profile && v2_can(p, x))
        return true;
    m->out->lacks++;
    omit(m,
         "map %s entry %u (line %u) is blocked: nobody can prove himself by IKEv2 profile %s with what this host has",
         x->map, x->seq, x->line, x->profile ? x->profile->name : "");
    return false;
}
