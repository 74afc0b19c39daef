/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What proves a peer by certificate, in both versions: the chain, the name, the kind of key; and how long it holds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/engine/proof.h"

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

/* Of two trustpoints that a chain ends in, the one that asks for more about its revocation decides: `none` of one does
 * not take back `crl` of the other. */
static unsigned strictness(const struct ike_revocation *r)
{
    if (r->n && r->methods[0] == IKE_REVOCATION_NONE)
        return 0;
    return r->n && r->methods[r->n - 1] == IKE_REVOCATION_NONE ? 1 : 2;
}

const char *ike_certificate_check(struct ike *ike, struct ike_sa *sa, const struct ike_iov *certs, unsigned n,
                                  const struct ike_id *id, unsigned allowed, struct ike_cert **out)
{
    const struct ike_credential *trusts[IKE_TRUSTS_MAX];
    unsigned n_trusts = ike_trusts_of(ike->policy, sa->profile, trusts);
    enum ike_weak_hash weak = ike_weak_hash_of(sa->suite.prf);
    const char *bad = "no trustpoint has a CA certificate to check its own with";
    *out = NULL;
    sa->trust = NULL;
    for (unsigned i = 0; i < n_trusts; i++) {
        struct ike_cert *leaf = NULL;
        const char *why = bad;
        if (trusts[i]->store)
            why = ike_cert_check(trusts[i]->store, certs, n, wall_s(ike), weak, &leaf, sa->why);
        bool decides =
            leaf && !why && (!sa->trust || strictness(&trusts[i]->revocation) > strictness(&sa->trust->revocation));
        if (!decides) {
            ike_cert_free(leaf);
            bad = sa->trust ? bad : why;
            continue;
        }
        ike_cert_free(*out);
        *out = leaf;
        sa->trust = trusts[i];
    }
    if (!sa->trust)
        return bad;
    if (!ike_cert_names(*out, id->type, id->p, id->n))
        return "its certificate does not name this identity";
    if (!ike_key_allowed(allowed, ike_cert_key_kind(*out)))
        return "its certificate has a key of another kind than the profile allows";
    return NULL;
}

/* The name as the CA has written it. A peer may write its own in other letters each time (RFC 5280 §7.1). */
static bool keep_subject(struct ike_sa *sa, const struct ike_cert *c)
{
    const struct ike_iov s = ike_cert_own_name(c);
    free(sa->subject);
    sa->subject = s.p && s.n && s.n < UINT16_MAX ? malloc(s.n) : NULL;
    if (!sa->subject)
        return false;
    memcpy(sa->subject, s.p, s.n);
    sa->subject_len = (uint16_t)s.n;
    return true;
}

bool ike_proof_keep(struct ike *ike, struct ike_sa *sa, const struct ike_cert *c)
{
    uint8_t *anchor = malloc(IKE_ANCHOR_LEN);
    int64_t now_s = wall_s(ike), ends_s = ike_cert_ends_s(c);
    if (!anchor || !ike_cert_anchor(c, anchor) || !keep_subject(sa, c)) {
        free(anchor);
        return false;
    }
    const struct ike_credential *cr = sa->trust;
    bool is_asked = !cr || !cr->revocation.n || cr->revocation.methods[0] != IKE_REVOCATION_NONE;
    ike_unproved_free(sa);
    if (is_asked) {
        sa->chain = ike_cert_chain(c, &sa->chain_len);
        if (!sa->chain) {
            free(anchor);
            return false;
        }
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

struct ike_used_key ike_key_used(const struct ike_sa *sa, uint32_t key_id)
{
    struct ike_id called;
    struct ike_used_key key = {.id = key_id, .call = IKE_HAS_CALLED};
    if (sa->initiator)
        key.call = ike_called_name(sa, &called) ? IKE_CALLED_BY_NAME : IKE_CALLED_BY_ADDRESS;
    return key;
}

bool ike_proof_by_key(struct ike_sa *sa, uint32_t key_id)
{
    struct ike_id called;
    bool has_name = sa->initiator && ike_called_name(sa, &called);
    if (has_name && !sa->called)
        sa->called = strndup((const char *)called.p, called.n);
    sa->psk_auth = true;
    sa->key_id = key_id;
    sa->was_called = sa->initiator;
    return !has_name || sa->called;
}

/* Of what is not proved yet: the one that will be asked for. Who calls us has proved itself when it asks for anything,
 * and by a certificate where that was by no key. */
static uint32_t key_in_use(const struct ike *ike, const struct ike_sa *sa)
{
    struct ike_key_owner o = {
        .version = sa->version, .peer = sa->began_with, .own = sa->local.addr, .password = sa->is_by_password};
    struct ike_id name;
    if (sa->key_id || !ike_is(sa, IKE_BEGINS) || !sa->initiator)
        return sa->key_id;
    if (sa->profile)
        o.profile = sa->profile->name;
    o.is_called = ike_called_name(sa, &name);
    if (o.is_called)
        o.id = name;
    const struct ike_psk *k = ike_psk_choose(ike->policy, &o);
    return k ? k->id : 0;
}

/* NULL: no row is for that name. */
static const struct ike_psk *row_of_host(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e,
                                         const char *host)
{
    const struct ike_id name = {IKE_ID_FQDN, (uint16_t)strlen(host), (const uint8_t *)host};
    return ike_psk_of_called(ike->policy, e->profile, &sa->local.addr, &sa->began_with, &name);
}

bool ike_proof_serves(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e)
{
    const uint32_t used = key_in_use(ike, sa);
    bool is_refused = false;
    if (!used) /* by certificate the profile decides */
        return true;
    for (unsigned i = 0; i < e->n_peers; i++) {
        const char *host = e->peers[i].host;
        if (!addr_eq(&e->peers[i].addr, &sa->began_with))
            continue;
        const struct ike_psk *its = host && *host ? row_of_host(ike, sa, e, host) : NULL;
        if (!its || ike_same_secret(ike->policy, its->id, used)) /* where it is, or the profile, says who it is */
            return true;
        is_refused = true;
    }
    return !is_refused;
}

bool ike_entry_is_its(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e)
{
    bool is_of_profile = sa->version == 1 ? !e->profile || e->profile == sa->profile : e->profile == sa->profile;
    return is_of_profile && ike_proof_serves(ike, sa, e);
}

bool ike_still_serves(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e)
{
    return sa->version == 1 ? ike_proof_serves(ike, sa, e) : ike_entry_is_its(ike, sa, e);
}

void ike_say_of_another(const struct ike_sa *sa, const struct ike_entry *e, char why[static 256])
{
    const char *kind = sa->version == 1 ? "isakmp" : "IKEv2", *has = sa->profile ? sa->profile->name : "none";
    if (e->profile && e->profile != sa->profile)
        snprintf(why, 256, "map %.40s entry %u is for %s profile %.40s (line %u), and the peer has matched %.40s",
                 e->map, e->seq, kind, e->profile->name, e->profile->line, has);
    else
        snprintf(why, 256, "map %.40s entry %u is for a peer by host name, whose key is another one than this peer's",
                 e->map, e->seq);
}

bool ike_proof_inherit(struct ike_sa *to, const struct ike_sa *from)
{
    to->psk_auth = from->psk_auth;
    to->key_id = from->key_id;
    to->was_called = from->was_called;
    free(to->called);
    to->called = from->called ? strdup(from->called) : NULL;
    if (from->called && !to->called)
        return false;
    to->proof_ends_at = from->proof_ends_at;
    to->reauth_at = from->reauth_at;
    if (!from->anchor)
        return true;
    to->anchor = malloc(IKE_ANCHOR_LEN);
    if (to->anchor)
        memcpy(to->anchor, from->anchor, IKE_ANCHOR_LEN);
    return to->anchor != NULL;
}

/* Is it still the key that this peer has to have? Another row may be nearer to it now. */
static bool is_its_key(const struct ike_moves *m, const struct ike_sa *sa, const struct ike_profile *profile_there,
                       uint32_t key_id)
{
    struct ike_key_owner o = {.version = sa->version, .peer = sa->began_with, .own = sa->local.addr};
    for (unsigned i = 0; i < m->to->n_aggressive; i++)
        if (m->to->aggressive[i].key.id == key_id)
            return true;
    if (profile_there)
        o.profile = profile_there->name;
    o.is_called = sa->called != NULL;
    if (o.is_called)
        o.id = (struct ike_id){IKE_ID_FQDN, (uint16_t)strlen(sa->called), (const uint8_t *)sa->called};
    else if (!sa->was_called && sa->peer_id)
        o.id = (struct ike_id){sa->peer_id[0], (uint16_t)(sa->peer_id_len - 1), sa->peer_id + 1};
    const struct ike_psk *k = ike_psk_choose(m->to, &o);
    bool is_its = k && (k->id == key_id || ike_same_secret(m->to, k->id, key_id));
    const struct ike_used_key key = {.id = key_id, .call = IKE_HAS_CALLED};
    bool has_claimed = o.id.p && !sa->called; /* as when it called */
    return is_its && !(has_claimed && ike_poses(m->to, profile_there, &o, &o.id, key));
}

bool ike_proof_holds(const struct ike_moves *m, struct ike_sa *sa, const struct ike_profile *profile_there)
{
    if (sa->key_id) {
        sa->key_id = m->key ? m->key[sa->key_id] : sa->key_id;
        return sa->key_id != 0 && (!m->key || is_its_key(m, sa, profile_there, sa->key_id));
    }
    if (!sa->anchor) /* nobody has proved anything yet */
        return sa->psk_auth || ike_is(sa, IKE_BEGINS);
    const struct ike_credential *trusts[IKE_TRUSTS_MAX];
    unsigned n = ike_trusts_of(m->to, profile_there, trusts);
    bool own_same = (profile_there && profile_there->names_trustpoints) || m->same_credential;
    bool trusted = false;
    for (unsigned i = 0; i < n && !trusted; i++)
        trusted = ike_store_has(trusts[i]->store, sa->anchor);
    return own_same && trusted;
}

/* ---- revocation ---- */

/* What goes on when it is known. */
struct ike_unproved {
    struct ike_message *m;
    ike_proved_fn *next;
    const struct ike_transition *row; /* that waits; others may happen meanwhile */
    uint8_t id_type;
    uint16_t id_len;
    uint8_t id[];
};

void ike_unproved_free(struct ike_sa *sa)
{
    if (sa->unproved)
        free(sa->unproved->m);
    free(sa->unproved);
    free(sa->chain);
    sa->unproved = NULL;
    sa->chain = NULL;
    sa->chain_len = 0;
}

static bool none_follows(const struct ike_revocation *r)
{
    return r->n && r->methods[r->n - 1] == IKE_REVOCATION_NONE;
}

/* NULL, or why the peer is refused; in `text` perhaps. */
static const char *judge(struct ike *ike, struct ike_sa *sa, enum ike_verdict v, const char *why,
                         char text[static IKE_WHY_MAX + 80])
{
    const struct ike_credential *cr = sa->trust;
    if (v == IKE_NOT_REVOKED) {
        ike_log(ike, EV_MESSAGE, IKE_DEBUG, sa, NULL, "its certificate is not revoked: %s", why);
        return NULL;
    }
    if (v != IKE_REVOKED && cr && none_follows(&cr->revocation)) {
        ike_log(ike, EV_MESSAGE, IKE_NOTICE, sa, NULL, "taken unchecked, as revocation-check says (trustpoint %s): %s",
                cr->trustpoint, why);
        return NULL;
    }
    const char *what =
        v == IKE_REVOKED ? "its certificate is revoked" : "whether its certificate is revoked cannot be checked";
    snprintf(text, IKE_WHY_MAX + 80, "%s: %s", what, why);
    return text;
}

static void go_on(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_id *id,
                  ike_proved_fn *next, const char *bad)
{
    const struct ike_id subject = {IKE_ID_DN, sa->subject_len, sa->subject};
    const struct ike_id *proved = id->type == IKE_ID_DN && sa->subject ? &subject : id;
    if (!bad && !ike_identity_set(ike, sa, proved))
        bad = "out of memory";
    free(sa->subject);
    sa->subject = NULL;
    next(ike, sa, m, bad);
}

static bool keep_unproved(struct ike_sa *sa, const struct ike_message *m, const struct ike_id *id, ike_proved_fn *next)
{
    struct ike_unproved *u = malloc(sizeof *u + id->n);
    if (!u)
        return false;
    *u = (struct ike_unproved){.m = ike_message_keep(m), .next = next, .id_type = id->type, .id_len = id->n};
    memcpy(u->id, id->p, id->n);
    u->row = sa->row;
    sa->unproved = u;
    return u->m != NULL;
}

void ike_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_id *id,
                ike_proved_fn *next)
{
    char why[IKE_WHY_MAX] = "nothing here asks CRLs or OCSP", text[IKE_WHY_MAX + 80];
    const struct ike_credential *cr = sa->trust;
    enum ike_verdict v = IKE_CANNOT_TELL;
    if (!sa->chain) {
        go_on(ike, sa, m, id, next, NULL);
        return;
    }
    const struct ike_question q = {.sa_spi = sa->own_spi,
                                   .sa_id = sa->id,
                                   .how = cr ? &cr->revocation : NULL,
                                   .chain = sa->chain,
                                   .chain_len = sa->chain_len,
                                   .weak = ike_weak_hash_of(sa->suite.prf)};
    if (cr && ike->host.revocation && keep_unproved(sa, m, id, next))
        v = ike->host.revocation(ike->host.ctx, &q, why);
    if (v == IKE_TELLS_LATER) {
        sa->busy = true;
        if (!sa->half_open_until) /* whoever has begun: it waits so long, and the certificate may end meanwhile */
            sa->half_open_until = ike->now + IKE_HALF_OPEN_MS;
        ike_timer_update(ike, sa);
        return;
    }
    ike_unproved_free(sa);
    go_on(ike, sa, m, id, next, judge(ike, sa, v, why, text));
}

void ike_revocation_done(struct ike *ike, uint64_t now, uint64_t sa_spi, uint64_t sa_id, enum ike_verdict v,
                         const char *why)
{
    char text[IKE_WHY_MAX + 80];
    struct ike_sa *sa = ike_still(ike, sa_spi, sa_id);
    if (now > ike->now)
        ike->now = now;
    if (!sa || !sa->unproved)
        return;
    struct ike_unproved *u = sa->unproved;
    const struct ike_id id = {u->id_type, u->id_len, u->id};
    sa->row = u->row;
    sa->unproved = NULL;
    ike_unproved_free(sa);
    sa->busy = false;
    go_on(ike, sa, u->m, &id, u->next, judge(ike, sa, v, why, text));
    const struct ike_transition *row = u->row;
    free(u->m);
    free(u);
    ike_transition_went_on(ike, sa_spi, sa_id, row);
}
