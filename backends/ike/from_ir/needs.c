/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an entry in force needs of this host, beside what stands in the configuration (compiler/sem/needs.h): keys that
 * the master key opens, certificates and private keys of its trustpoints. */
#include <string.h>

#include "backends/ike/crypto/cert.h"
#include "backends/ike/from_ir/maker.h"
#include "backends/ike/v1/v1.h"

static const char *why_no_policy(const struct ike_policy *p)
{
    bool psk = false, cert = false, encrypted = false;
    for (unsigned i = 0; i < p->n_v1; i++) {
        psk |= p->v1[i].auth == ALGO_AUTH_PSK;
        encrypted |= p->v1[i].auth == ALGO_AUTH_RSA_ENCR;
        cert |= p->v1[i].auth == ALGO_AUTH_RSA_SIG || p->v1[i].auth == ALGO_AUTH_ECDSA_SIG;
    }
    if (encrypted && !psk && !cert)
        return "authentication rsa-encr (RSA encrypted nonces) is not supported";
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

void maker_key_is_closed(struct maker *m, uint32_t line)
{
    if (symtab_get(&m->closed_keys, STR_EMPTY, line))
        return;
    symtab_put(m->a, &m->closed_keys, STR_EMPTY, line, m);
    m->out->lacks++;
    omit(m, "line %u: the key cannot be decrypted: name the master key with --master-key-file", line);
}

/* Pre-shared keys of an entry's profile, of all keyrings where it has none. Which of the two an exchange of IKEv2
 * needs. */
struct keys {
    const struct ike_psk *v;
    unsigned n;
    bool local, remote;
};

static bool is_open(const struct keys *k, const struct ike_psk *row)
{
    return (!k->local || row->local.n) && (!k->remote || row->remote.n);
}

/* The configuration has the key, and the master key does not open it. */
static bool is_closed(const struct keys *k, const struct ike_psk *row)
{
    bool local = k->local && !row->local.n && !row->lacks_local;
    bool remote = k->remote && !row->remote.n && !row->lacks_remote;
    return local || remote;
}

/* A row that would be chosen: is its key there? */
static bool is_usable(struct maker *m, const struct keys *k, const struct ike_psk *row)
{
    if (row && is_closed(k, row))
        maker_key_is_closed(m, row->line);
    return row && is_open(k, row);
}

/* The row that a negotiation with that peer takes. */
static const struct ike_psk *row_to_call(const struct ike_policy *p, const struct ike_entry *x, unsigned peer)
{
    const char *host = x->peers[peer].host;
    struct ike_id name = {IKE_ID_FQDN, 0, (const uint8_t *)host};
    if (!host || !*host)
        return ike_psk_to_call(p, x->profile, &x->local, &x->peers[peer].addr, NULL);
    name.n = (uint16_t)strlen(host);
    return ike_psk_to_call(p, x->profile, &x->local, &x->peers[peer].addr, &name);
}

/* Has it one for one of its peers? The row that their address chooses counts, as in a negotiation; of a dynamic entry,
 * and by names, any may be chosen. */
static bool has_key(struct maker *m, const struct ike_policy *p, const struct ike_entry *x, const struct keys *k)
{
    bool any = false;
    for (unsigned i = 0; i < k->n; i++)
        if (x->dynamic || k->v[i].who.addr.family == FAMILY_NONE)
            any |= is_usable(m, k, &k->v[i]);
    for (unsigned i = 0; i < x->n_peers; i++)
        any |= is_usable(m, k, row_to_call(p, x, i));
    for (unsigned i = 0; i < p->n_aggressive; i++) { /* `set aggressive-mode password` */
        const struct ip_addr *peer = &p->aggressive[i].peer;
        any |= p->aggressive[i].key.local.n && is_peer(x, peer, peer->family == FAMILY_V6 ? 128 : 32);
    }
    return any;
}

/* Of an entry whose peers prove themselves by keys and nothing else. */
static void note_keyless(struct maker *m, const struct ike_policy *p, const struct ike_entry *x, const struct keys *k)
{
    for (unsigned i = 0; i < x->n_peers; i++) {
        const struct ike_psk *row = row_to_call(p, x, i);
        if (x->peers[i].host && !(row && is_open(k, row)))
            ptrlist_add(m->a, &m->out->keyless, (void *)(uintptr_t)x->peers[i].host);
    }
}

static struct keys keys_of(const struct ike_policy *p, const struct ike_entry *x)
{
    if (x->profile)
        return (struct keys){x->profile->keys, x->profile->n_keys, true, false};
    return (struct keys){p->keys, p->n_keys, true, false};
}

/* IKEv1: is one of the isakmp policies of use to it? */
static bool v1_can(struct maker *m, const struct ike_policy *p, const struct ike_entry *x)
{
    const struct ike_credential *c = ike_credential_of(p, x->profile);
    enum ike_key_kind own = c && ike_credential_signs(c) ? ike_key_kind(c->key) : IKE_KEY_OTHER;
    const struct keys keys = keys_of(p, x);
    bool key = has_key(m, p, x, &keys), verifies = ike_verifies(p, x->profile), by_key = false, by_cert = false;
    for (unsigned i = 0; i < p->n_v1; i++) {
        bool is_spoken = v1_policy_speakable(&p->v1[i], own);
        by_key |= is_spoken && p->v1[i].auth == ALGO_AUTH_PSK && key;
        by_cert |= is_spoken && p->v1[i].auth != ALGO_AUTH_PSK && verifies;
    }
    if (!by_cert)
        note_keyless(m, p, x, &keys);
    if (by_key || by_cert)
        return true;
    m->out->lacks++;
    omit(m,
         "map %s entry %u (line %u) is blocked: no isakmp policy can be used with its peers: %s (files are looked for "
         "in %s)",
         x->map, x->seq, x->line, why_no_policy(p), m->pki_dir);
    return false;
}

/* IKEv2: can we prove ourselves, and can anybody prove himself to us? */
static bool v2_can(struct maker *m, const struct ike_policy *p, const struct ike_entry *x)
{
    const unsigned by_cert = IKE_MAY_RSA | IKE_MAY_ECDSA;
    const struct ike_profile *f = x->profile;
    const struct ike_credential *c = ike_credential_of(p, f);
    struct keys keys = keys_of(p, x);
    keys.local = f->auth_local & IKE_MAY_PSK;
    keys.remote = f->auth_remote & IKE_MAY_PSK;
    bool key = (keys.local || keys.remote) && has_key(m, p, x, &keys);
    bool signs = (f->auth_local & by_cert) && c && ike_credential_signs(c) &&
                 ike_key_allowed(f->auth_local, ike_key_kind(c->key));
    bool by_certificate = (f->auth_remote & by_cert) && ike_verifies(p, f);
    bool they = (keys.remote && key) || by_certificate;
    if (keys.remote && !by_certificate)
        note_keyless(m, p, x, &keys);
    return (signs || (keys.local && key)) && they;
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
    if (x->profile && v2_can(m, p, x))
        return true;
    m->out->lacks++;
    omit(m,
         "map %s entry %u (line %u) is blocked: nobody can prove himself by IKEv2 profile %s with what this host has",
         x->map, x->seq, x->line, x->profile ? x->profile->name : "");
    return false;
}
