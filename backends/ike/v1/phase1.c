/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Phase 1, RFC 2409 §5: what both modes share, and main mode, here with pre-shared keys:
 *
 *   HDR, SA               -->
 *                         <--  HDR, SA
 *   HDR, KE, Ni, NAT-D    -->
 *                         <--  HDR, KE, Nr, NAT-D
 *   HDR*, IDii, HASH_I    -->
 *                         <--  HDR*, IDir, HASH_R
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define TAKE_OVER_MS 5000

/* RFC 3947 §3.1 (MD5 of "RFC 3947"), RFC 3706 §5.1 */
static const uint8_t vid_natt[16] = {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45,
                                     0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f};
/* MD5 of "FRAGMENTATION", and which modes (fragment.c) */
static const uint8_t vid_fragmentation[20] = {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7,
                                              0xde, 0x7f, 0x00, 0xd6, 0xc2, 0xd3, 0x80, 0x00, 0x00, 0x00};
static const uint8_t vid_dpd[16] = {0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9,
                                    0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00};

bool v1_keep(uint8_t **to, size_t *len, const uint8_t *p, size_t n)
{
    free(*to);
    *to = malloc(n ? n : 1);
    if (!*to)
        return false;
    memcpy(*to, p, n);
    if (len)
        *len = n;
    return true;
}

void v1_phase1_free(struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    free(v->sa_i);
    free(v->ke_i);
    free(v->ke_r);
    free(v->id_i);
    free(v->answer);
    ike_dh_free(v->dh);
    v->sa_i = v->ke_i = v->ke_r = v->id_i = v->answer = NULL;
    v->dh = NULL;
}

/* ---- sending ---- */

void v1_begin(struct ike *ike, const struct ike_sa *sa, struct wr *w, struct ike_chain *c, uint8_t exchange)
{
    const struct ike_header h = {sa->spi_i, sa->spi_r, 0, 0x10, exchange, 0, 0, 0};
    *w = wr_to(ike->out, sizeof ike->out);
    *c = (struct ike_chain){w, 16};
    ike_header_write(w, &h);
}

bool v1_finish(struct ike *ike, struct ike_sa *sa, struct wr *w, bool encrypted)
{
    struct ike1 *v = sa->v1;
    if (encrypted && !v1_encrypt(ike, sa, w, v->iv))
        return false;
    ike_header_finish(w, 0);
    size_t n = 0;
    if (w->bad || !v1_keep(&v->out, &n, w->p, w->n))
        return false;
    v->out_len = (uint32_t)n;
    sa->request_tries = 0;
    /* of main mode the initiator sees to it that all arrives; of aggressive mode each end for its own message */
    bool again = sa->initiator || sa->state == IKE_AGGRESSIVE_1;
    sa->retransmit_at = again ? ike->now + ike_jitter(ike, IKE_RETRANSMIT_MS, 2) : 0;
    ike_timer_update(ike, sa);
    v1_send(ike, sa, v->out, v->out_len);
    return true;
}

void v1_vendor_ids(const struct ike *ike, struct ike_chain *c)
{
    if (ike->policy->v1_fragmentation)
        ike_pl_bytes(c, PL1_VENDOR, vid_fragmentation, sizeof vid_fragmentation);
    ike_pl_bytes(c, PL1_VENDOR, vid_natt, sizeof vid_natt);
    ike_pl_bytes(c, PL1_VENDOR, vid_dpd, sizeof vid_dpd);
}

void v1_vendors_read(struct ike_sa *sa, const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->v[i].type != PL1_VENDOR || m->v[i].n < 16)
            continue;
        sa->peer_fragments |= memcmp(m->v[i].p, vid_fragmentation, 16) == 0; /* with or without the modes */
        if (m->v[i].n != 16)
            continue;
        sa->v1->peer_natt |= memcmp(m->v[i].p, vid_natt, 16) == 0;
        sa->v1->peer_dpd |= memcmp(m->v[i].p, vid_dpd, 14) == 0;
    }
}

/* RFC 3947 §3.2: first the other end's address, then our own. */
void v1_nat_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c)
{
    uint8_t h[IKE_HASH_MAX];
    size_t len = ike_hash_len(sa->suite.prf);
    if (!sa->v1->peer_natt)
        return;
    for (int own = 0; own < 2; own++)
        if (ike_nat_hash(ike, sa->suite.prf, sa->spi_i, sa->spi_r, own ? &sa->local : &sa->remote, h))
            ike_pl_bytes(c, PL1_NAT_D, h, len);
}

void v1_nat_read(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    uint8_t own[IKE_HASH_MAX], peer[IKE_HASH_MAX];
    size_t len = ike_hash_len(sa->suite.prf);
    unsigned n = 0;
    bool peer_fits = false;
    if (!ike_nat_hash(ike, sa->suite.prf, sa->spi_i, sa->spi_r, &sa->local, own) ||
        !ike_nat_hash(ike, sa->suite.prf, sa->spi_i, sa->spi_r, &sa->remote, peer))
        return;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->v[i].type != PL1_NAT_D || m->v[i].n != len)
            continue;
        bool fits = ike_equal(m->v[i].p, n ? peer : own, len);
        if (n++ == 0)
            sa->nat_local = !fits;
        else
            peer_fits |= fits;
    }
    sa->nat_remote = n > 1 && !peer_fits;
}

bool v1_by_signature(const struct ike_sa *sa)
{
    return sa->policy->auth != ALGO_AUTH_PSK;
}

#define CERT_X509 4 /* RFC 2408 §3.9 */

void v1_certreq_write(struct ike *ike, const struct ike_sa *sa, struct ike_chain *c)
{
    const struct ike_credential *cr = v1_by_signature(sa) ? ike_credential_for(ike, sa->profile) : NULL;
    for (unsigned i = 0; cr && i < cr->n_cas; i++) {
        size_t at = ike_pl_begin(c, PL1_CERTREQ);
        wr_u8(c->w, CERT_X509);
        wr_bytes(c->w, cr->ca_names[i].p, cr->ca_names[i].n);
        ike_pl_end(c, at);
    }
}

static struct ike_id own_id(const struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    const struct ike_aggressive_peer *a = sa->v1 ? sa->v1->aggressive_peer : NULL;
    if (a && a->id.n)
        return (struct ike_id){a->id_type, (uint16_t)a->id.n, a->id.p};
    if (p && p->version == 1 && p->id_type && p->id.n)
        return (struct ike_id){p->id_type, (uint16_t)p->id.n, p->id.p};
    if (ike->policy->v1_id_hostname && ike->policy->hostname[0])
        return (struct ike_id){IKE_ID_FQDN, (uint16_t)strlen(ike->policy->hostname),
                               (const uint8_t *)ike->policy->hostname};
    const struct ike_credential *c = v1_by_signature(sa) ? ike_credential_for(ike, sa->profile) : NULL;
    if (c && c->subject.n && ((p && p->id_type == IKE_ID_DN) || ike->policy->v1_id_dn))
        return (struct ike_id){IKE_ID_DN, (uint16_t)c->subject.n, c->subject.p};
    bool v6 = sa->local.addr.family == FAMILY_V6;
    return (struct ike_id){v6 ? IKE_ID_IPV6 : IKE_ID_IPV4, v6 ? 16 : 4, sa->local.addr.b};
}

/* §5.1: a signature that is tied to a hash is over HASH_I made with that one (RFC 4754 §4: 9 to 11 are ECDSA with
 * SHA-256, 384, 512); all else goes on with what was negotiated. */
static enum algo_id proof_hash(const struct ike_sa *sa)
{
    uint16_t auth = sa->v1->chosen.auth;
    return auth == 9    ? ALGO_INTEG_SHA256
           : auth == 10 ? ALGO_INTEG_SHA384
           : auth == 11 ? ALGO_INTEG_SHA512
                        : sa->suite.prf;
}

/* HASH_I, HASH_R (§5): `body` is that of the ID payload. */
static bool phase1_hash(struct ike *ike, const struct ike_sa *sa, bool initiators, struct ike_iov body, uint8_t *out)
{
    const struct ike1 *v = sa->v1;
    size_t ke = ike_dh_len(sa->suite.dh);
    uint8_t i[8], r[8];
    struct wr wi = wr_to(i, 8), wrr = wr_to(r, 8);
    wr_u64(&wi, sa->spi_i);
    wr_u64(&wrr, sa->spi_r);
    const struct ike_iov gi = {v->ke_i, ke}, gr = {v->ke_r, ke}, ci = {i, 8}, cr = {r, 8}, s = {v->sa_i, v->sa_i_len};
    return ike_prf(ike->crypto, proof_hash(sa), v->skeyid, ike_hash_len(sa->suite.prf),
                   (struct ike_iov[]){initiators ? gi : gr, initiators ? gr : gi, initiators ? ci : cr,
                                      initiators ? cr : ci, s, body},
                   6, out);
}

size_t v1_id_write(const struct ike *ike, const struct ike_sa *sa, struct ike_chain *c)
{
    const struct ike_id id = own_id(ike, sa);
    size_t at = c->w->n;
    ike1_id_write(c, &id);
    return at + 4;
}

void v1_proof_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c, struct ike_iov id)
{
    uint8_t h[IKE_HASH_MAX], sig[IKE_SIGNATURE_MAX];
    if (c->w->bad || !phase1_hash(ike, sa, sa->initiator, id, h)) {
        c->w->bad = true;
        return;
    }
    if (!v1_by_signature(sa)) {
        ike_pl_bytes(c, PL1_HASH, h, ike_hash_len(sa->suite.prf));
        return;
    }
    const struct ike_credential *cr = ike_credential_for(ike, sa->profile);
    for (unsigned i = 0; i < cr->n_chain; i++) {
        size_t cert = ike_pl_begin(c, PL1_CERT);
        wr_u8(c->w, CERT_X509);
        wr_bytes(c->w, cr->chain[i].p, cr->chain[i].n);
        ike_pl_end(c, cert);
    }
    ike_pl_bytes(c, PL1_SIG, sig, ike1_sign(cr->key, h, ike_hash_len(proof_hash(sa)), sig));
}

void v1_id_proof_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c)
{
    size_t at = v1_id_write(ike, sa, c);
    v1_proof_write(ike, sa, c, (struct ike_iov){c->w->p + at, c->w->n - at});
}

/* ---- ends ---- */

const struct ike_psk *v1_key_for(const struct ike *ike, const struct ike_sa *sa, const struct ike_id *id)
{
    const struct ike_profile *p = sa->profile && sa->profile->version == 1 ? sa->profile : NULL;
    const struct ike_aggressive_peer *a = sa->v1->aggressive_peer;
    if (a && a->key.local.n)
        return &a->key;
    const struct ike_psk *k = p ? ike_psk_find(p->keys, p->n_keys, &sa->remote.addr, id) : NULL;
    return k ? k : ike_psk_find(ike->policy->keys, ike->policy->n_keys, &sa->remote.addr, id);
}

void v1_give_up(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_entry *e = sa->entry;
    bool ours = sa->initiator && e && sa->state < IKE_ESTABLISHED;
    struct ike_task task = sa->tasks ? *sa->tasks : (struct ike_task){.kind = TASK_NONE};
    unsigned at = sa->peer_at;
    ike_sa_free(ike, sa);
    if (!ours || e->n_peers < 2 || ike->ending)
        return;
    ike->peer_of_entry[e - ike->policy->entries] = (uint8_t)((at + 1) % e->n_peers);
    if (++task.tries < e->n_peers && task.kind == TASK_CHILD) {
        ike_log(ike, EV_MESSAGE, IKE_NOTICE, NULL, NULL, "map %s entry %u: the next peer is tried", e->map, e->seq);
        ike_start(ike, e, task);
    }
}

void v1_refuse(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike->stats.auth_failed++;
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "%s", why);
    v1_give_up(ike, sa);
}

/* Said a few times only. Nothing ends by it: the real message may still come, else the SA's time runs out. */
bool v1_not_proved(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike->stats.auth_failed++;
    if (sa->v1->infos++ < 3)
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "%s", why);
    return false;
}

static void keep_id(struct ike_sa *sa, const struct ike_id *id)
{
    free(sa->peer_id);
    sa->peer_id = malloc(id->n + 1u);
    if (!sa->peer_id)
        return;
    sa->peer_id[0] = id->type;
    memcpy(sa->peer_id + 1, id->p, id->n);
    sa->peer_id_len = (uint16_t)(id->n + 1);
}

static bool same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
    return a->peer_id && b->peer_id && a->peer_id_len == b->peer_id_len &&
           memcmp(a->peer_id, b->peer_id, a->peer_id_len) == 0;
}

/* What the peer restarted with forgets all that was before (RFC 2407 §4.6.3.3): SAs of the same identity, as others may
 * be behind the same NAT. Not what was made while this negotiation went on: of two that cross, each end would drop the
 * other's. */
void v1_drop_others(struct ike *ike, const struct ike_sa *sa)
{
    uint64_t begun = sa->half_open_until - IKE_HALF_OPEN_MS;
    for (struct ike_sa *o = ike_with_addr(ike, &sa->remote.addr, NULL), *next; o; o = next) {
        next = ike_with_addr(ike, &sa->remote.addr, o);
        if (o == sa || o->version != 1 || o->state < IKE_ESTABLISHED || o->up_at >= begun || !same_peer(o, sa))
            continue;
        ike_log(ike, EV_IKE_DOWN, IKE_INFO, o, NULL, "the peer has begun anew (INITIAL-CONTACT)");
        ike_sa_free(ike, o);
        next = ike_with_addr(ike, &sa->remote.addr, NULL); /* others may have gone with it */
    }
}

void v1_established(struct ike *ike, struct ike_sa *sa)
{
    char suite[128], id[IKE_ID_TEXT_MAX] = "";
    uint32_t life = sa->v1->chosen.life_s && sa->v1->chosen.life_s < sa->policy->lifetime_s ? sa->v1->chosen.life_s
                                                                                            : sa->policy->lifetime_s;
    uint64_t ms = 1000u * (uint64_t)(life ? life : 86400);
    uint32_t dpd = sa->profile && sa->profile->dpd_s ? sa->profile->dpd_s : ike->policy->v1_keepalive_s;
    ike_state_set(ike, sa, IKE_ESTABLISHED);
    sa->half_open_until = sa->retransmit_at = 0;
    sa->psk_auth = !v1_by_signature(sa);
    sa->up_at = sa->last_in = ike->now;
    /* the responder only if the initiator has not done it */
    sa->rekey_at = ike->now + (sa->initiator ? ike_jitter(ike, ms / 10 * 9, 1) : ms / 100 * 95);
    sa->expire_at = ike->now + ms;
    sa->dpd_at = dpd && sa->v1->peer_dpd ? ike->now + 1000u * (uint64_t)dpd : 0;
    sa->keepalive_at =
        sa->nat_local && ike->policy->nat_keepalive_s ? ike->now + 1000u * ike->policy->nat_keepalive_s : 0;
    ike->host.random(ike->host.ctx, &sa->v1->dpd_seq, sizeof sa->v1->dpd_seq);
    sa->v1->dpd_seq &= 0x7fffffff;
    v1_phase1_free(sa);
    ike->stats.established++;
    if (sa->peer_id)
        ike_id_text(&(struct ike_id){sa->peer_id[0], (uint16_t)(sa->peer_id_len - 1), sa->peer_id + 1}, id);
    sa->suite.integ = ALGO_NONE;
    ike_log(ike, EV_IKE_UP, IKE_INFO, sa, NULL, "ISAKMP SA established with %s: %s%s", id,
            ike_suite_text(&sa->suite, suite),
            sa->nat_local && sa->nat_remote ? ", NAT at both ends"
            : sa->nat_local                 ? ", behind NAT"
            : sa->nat_remote                ? ", peer behind NAT"
                                            : "");
    struct ike_sa *old = sa->replaces; /* what it was made to take the place of */
    if (old) {
        v1_hand_over(ike, old, sa);
        sa->replaces = NULL;
        old->replaced_by = NULL;
        ike_state_set(ike, old, IKE_REPLACED);
        old->rekey_at = old->dpd_at = 0;
        /* not at once: some peers take the children over a moment later, and would lose them with the old SA */
        old->expire_at = ike->now + TAKE_OVER_MS;
        ike_timer_update(ike, old);
    }
    ike_timer_update(ike, sa);
}

/* The peer's certificate, and its signature of the hash. */
static const char *check_signature(struct ike *ike, struct ike_sa *sa, const struct ike_message *m,
                                   const struct ike_id *id, const uint8_t *hash)
{
    const struct ike_credential *cr = ike_credential_for(ike, sa->profile);
    const struct ike_payload *sig = ike_find(m, PL1_SIG, 0);
    struct ike_iov certs[8];
    struct ike_cert *c;
    unsigned n = 0;
    if (!sig)
        return "its signature is missing";
    for (unsigned i = 0; i < m->n && n < 8; i++)
        if (m->v[i].type == PL1_CERT && m->v[i].n > 1 && m->v[i].p[0] == CERT_X509)
            certs[n++] = (struct ike_iov){m->v[i].p + 1, m->v[i].n - 1u};
    const char *bad = ike_cert_check(cr ? cr->store : NULL, certs, n,
                                     ike->host.wall_s ? ike->host.wall_s(ike->host.ctx) : 0, &c, sa->why);
    if (bad)
        return bad;
    if (!ike_cert_names(c, id->type, id->p, id->n))
        bad = "its certificate does not name its identity";
    else if (!ike1_verify(c, hash, ike_hash_len(proof_hash(sa)), sig->p, sig->n))
        bad = "its signature is wrong";
    ike_cert_free(c);
    return bad;
}

/* Certificate maps look at the certificate that the peer has proved itself by. */
static bool profile_fits(const struct ike_profile *p, const struct ike_sa *sa, const struct ike_id *id,
                         const struct ike_message *m)
{
    const struct ike_payload *cert = v1_by_signature(sa) ? ike_find(m, PL1_CERT, 0) : NULL;
    for (unsigned k = 0; k < p->n_remote && p->version == 1; k++)
        if (ike_match(&p->remote[k], &sa->remote.addr, id))
            return true;
    return p->version == 1 && cert && cert->n > 1 && cert->p[0] == CERT_X509 &&
           ike_match_certificate(p, (struct ike_iov){cert->p + 1, cert->n - 1u});
}

/* Identity and proof of the peer. NULL if they are good. */
const char *v1_check_peer(struct ike *ike, struct ike_sa *sa, const struct ike_payload *idp,
                          const struct ike_message *m)
{
    struct ike_id id;
    uint8_t h[IKE_HASH_MAX];
    char text[IKE_ID_TEXT_MAX];
    const struct ike_payload *hash = ike_find(m, PL1_HASH, 0);
    size_t len = ike_hash_len(sa->suite.prf);
    if (!idp || !ike_id_read(idp, &id) || !phase1_hash(ike, sa, !sa->initiator, (struct ike_iov){idp->p, idp->n}, h))
        return "the peer's identity is missing";
    if (v1_by_signature(sa)) {
        const char *bad = check_signature(ike, sa, m, &id, h);
        if (bad)
            return bad;
    } else if (!hash || hash->n != len || !ike_equal(h, hash->p, len)) {
        return hash ? "its pre-shared key is another one than ours" : "the peer's hash is missing";
    }
    const struct ike_profile *found = NULL;
    for (unsigned i = 0; i < ike->policy->n_profiles && !found; i++)
        if (profile_fits(&ike->policy->profiles[i], sa, &id, m))
            found = &ike->policy->profiles[i];
    if (sa->initiator && sa->profile && (sa->profile->n_remote || sa->profile->n_cert_maps) &&
        !profile_fits(sa->profile, sa, &id, m)) {
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "identity %s is not that of isakmp profile %s (line %u)",
                ike_id_text(&id, text), sa->profile->name, sa->profile->line);
        return "the profile expects another identity";
    }
    if (!sa->initiator)
        sa->profile = found;
    keep_id(sa, &id);
    return NULL;
}

/* ---- main mode, initiator ---- */

void v1_start(struct ike *ike, struct ike_sa *sa)
{
    struct wr w;
    struct ike_chain c;
    sa->v1 = calloc(1, sizeof *sa->v1);
    if (!sa->v1 || ike->policy->n_v1 == 0) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "there is no isakmp policy");
        ike_sa_free(ike, sa);
        return;
    }
    ike->stats.negotiations++;
    if (v1_aggressive_wanted(ike, sa)) {
        v1_aggressive_start(ike, sa);
        return;
    }
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    size_t at = ike_pl_begin(&c, PL1_SA);
    v1_offer(&w, ike, sa);
    ike_pl_end(&c, at);
    v1_keep(&sa->v1->sa_i, &sa->v1->sa_i_len, w.p + at + 4, w.n - at - 4);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_MAIN_1);
    if (!v1_finish(ike, sa, &w, false))
        v1_give_up(ike, sa);
}

static void send_ke(struct ike *ike, struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    struct wr w;
    struct ike_chain c;
    size_t ke = ike_dh_len(sa->suite.dh);
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    ike_pl_bytes(&c, PL1_KE, sa->initiator ? v->ke_i : v->ke_r, ke);
    if (sa->initiator)
        ike_pl_bytes(&c, PL1_NONCE, v->ni, v->ni_len);
    else
        ike_pl_bytes(&c, PL1_NONCE, v->nr, v->nr_len);
    v1_certreq_write(ike, sa, &c);
    v1_nat_write(ike, sa, &c);
    ike_state_set(ike, sa, IKE_MAIN_2);
    v1_finish(ike, sa, &w, false);
}

bool v1_own_half(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    if (!j->ok || !v1_keep(&v->ke_i, NULL, j->public_value, ike_dh_len(j->group)))
        return false;
    v->dh = j->dh;
    j->dh = NULL;
    v->ni_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, v->ni, v->ni_len);
    return true;
}

static void initiator_key(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    if (v1_own_half(ike, sa, j))
        send_ke(ike, sa);
    else
        v1_give_up(ike, sa);
}

static void main_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    char why[256];
    if (!pl || !m->h.spi_r)
        return;
    if (!v1_choose(ike, pl, sa, &sa->v1->chosen, &sa->v1->proposal_number, why)) {
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer chose what was not offered: %s", why);
        return;
    }
    ike_peer_spi_known(ike, sa, m->h.spi_r);
    v1_vendors_read(sa, m);
    sa->retransmit_at = 0;
    ike_job_start(ike, sa, sa->suite.dh, NULL, NULL, 0, initiator_key);
}

void v1_initial_contact_write(struct ike *ike, const struct ike_sa *sa, struct ike_chain *c)
{
    uint8_t spi[16];
    struct wr s = wr_to(spi, 16);
    if (v1_other(ike, sa))
        return;
    wr_u64(&s, sa->spi_i);
    wr_u64(&s, sa->spi_r);
    ike1_notify_write(c, IKE1_PROTO_ISAKMP, spi, 16, N1_INITIAL_CONTACT, NULL, 0);
}

static void initiator_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    bool psk = !v1_by_signature(sa);
    const struct ike_psk *k = psk ? v1_key_for(ike, sa, NULL) : NULL;
    struct wr w;
    struct ike_chain c;
    if (!j->ok || (psk && !k) || !v1_keys(ike, sa, j->shared, k ? &k->local : NULL)) {
        v1_refuse(ike, sa,
                  !j->ok      ? "the peer's Diffie-Hellman value is refused (RFC 6989)"
                  : psk && !k ? "there is no pre-shared key for the peer"
                              : "keys cannot be made");
        return;
    }
    if (sa->nat_local || sa->nat_remote) {
        sa->floated = true;
        sa->local.port = sa->remote.port = IKE_PORT_NATT;
    }
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    v1_id_proof_write(ike, sa, &c);
    v1_initial_contact_write(ike, sa, &c);
    ike_state_set(ike, sa, IKE_MAIN_3);
    if (!v1_finish(ike, sa, &w, true))
        v1_give_up(ike, sa);
}

bool v1_take_ke(struct ike_sa *sa, const struct ike_message *m, bool initiators)
{
    struct ike1 *v = sa->v1;
    const struct ike_payload *ke = ike_find(m, PL1_KE, 0), *n = ike_find(m, PL1_NONCE, 0);
    if (!ke || !n || ke->n != ike_dh_len(sa->suite.dh) || n->n < 8 || n->n > NONCE1_MAX ||
        !v1_keep(initiators ? &v->ke_i : &v->ke_r, NULL, ke->p, ke->n))
        return false;
    memcpy(initiators ? v->ni : v->nr, n->p, n->n);
    *(initiators ? &v->ni_len : &v->nr_len) = n->n;
    return true;
}

static void main_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    if (!v->dh || !v1_take_ke(sa, m, false))
        return;
    v1_nat_read(ike, sa, m);
    sa->retransmit_at = 0;
    struct ike_dh *dh = v->dh;
    v->dh = NULL;
    ike_job_start(ike, sa, sa->suite.dh, dh, v->ke_r, ike_dh_len(sa->suite.dh), initiator_secret);
}

static bool main_6(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), m);
    if (bad)
        return v1_not_proved(ike, sa, bad);
    sa->retransmit_at = 0;
    v1_established(ike, sa);
    v1_next(ike, sa);
    return true;
}

/* ---- main mode, responder ---- */

static void main_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    struct wr w;
    struct ike_chain c;
    char why[256], t[ADDR_TEXT_MAX];
    if (!pl || !v1_choose(ike, pl, sa, &sa->v1->chosen, &sa->v1->proposal_number, why)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL, "peer %s: main mode refused: %s",
                addr_text(&sa->remote.addr, t), pl ? why : "no proposals");
        v1_notify(ike, sa, IKE1_PROTO_ISAKMP, N1_NO_PROPOSAL_CHOSEN, NULL, 0);
        ike_sa_free(ike, sa);
        return;
    }
    v1_keep(&sa->v1->sa_i, &sa->v1->sa_i_len, pl->p, pl->n);
    v1_vendors_read(sa, m);
    const struct ike1_proposal p = {
        .number = sa->v1->proposal_number, .protocol = IKE1_PROTO_ISAKMP, .n = 1, .v = {sa->v1->chosen}};
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    size_t at = ike_pl_begin(&c, PL1_SA);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &p, true, false);
    ike_pl_end(&c, at);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_MAIN_1);
    v1_finish(ike, sa, &w, false);
}

static void responder_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    bool psk = !v1_by_signature(sa);
    const struct ike_psk *k = psk ? v1_key_for(ike, sa, NULL) : NULL;
    if (!j->ok || (psk && !k) || !v1_keep(&v->ke_r, NULL, j->public_value, ike_dh_len(sa->suite.dh)) ||
        !v1_keys(ike, sa, j->shared, k ? &k->local : NULL)) {
        v1_refuse(ike, sa,
                  !j->ok      ? "the peer's Diffie-Hellman value is refused (RFC 6989)"
                  : psk && !k ? "there is no pre-shared key for the peer's address"
                              : "keys cannot be made");
        return;
    }
    send_ke(ike, sa);
}

static void main_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    if (!v1_take_ke(sa, m, true))
        return;
    v1_vendors_read(sa, m);
    v1_nat_read(ike, sa, m);
    v->nr_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, v->nr, v->nr_len);
    ike_job_start(ike, sa, sa->suite.dh, NULL, v->ke_i, ike_dh_len(sa->suite.dh), responder_secret);
}

bool v1_initial_contact(const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_notify n;
        if (m->v[i].type == PL1_NOTIFY && ike1_notify_read(&m->v[i], &n) && n.type == N1_INITIAL_CONTACT)
            return true;
    }
    return false;
}

static bool main_5(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct wr w;
    struct ike_chain c;
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), m);
    if (bad)
        return v1_not_proved(ike, sa, bad);
    if (v1_initial_contact(m))
        v1_drop_others(ike, sa);
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    v1_id_proof_write(ike, sa, &c);
    if (v1_finish(ike, sa, &w, true))
        v1_established(ike, sa);
    return true;
}

/* ---- which message this is ---- */

/* `prove`: the message that proves who the peer is; false if it does not, then it might as well be forged. */
static const struct {
    uint8_t exchange, state;
    bool initiator, encrypted;
    void (*run)(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
    bool (*prove)(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
} rows[] = {
    {X1_MAIN, IKE_NEW, false, false, main_1, NULL},
    {X1_MAIN, IKE_MAIN_1, true, false, main_2, NULL},
    {X1_MAIN, IKE_MAIN_1, false, false, main_3, NULL},
    {X1_MAIN, IKE_MAIN_2, true, false, main_4, NULL},
    {X1_MAIN, IKE_MAIN_2, false, true, NULL, main_5},
    {X1_MAIN, IKE_MAIN_3, true, true, NULL, main_6},
    {X1_AGGRESSIVE, IKE_NEW, false, false, v1_aggressive_1, NULL},
    {X1_AGGRESSIVE, IKE_AGGRESSIVE_1, true, false, v1_aggressive_2, NULL},
    {X1_AGGRESSIVE, IKE_AGGRESSIVE_1, false, true, NULL, v1_aggressive_3},
};

void v1_main(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
             const uint8_t *p, size_t n, struct ike_header h)
{
    struct ike1 *v = sa->v1;
    uint8_t digest[32], iv[16], inner;
    struct ike_message m = {.h = h, .whole = p, .whole_len = n};
    struct rd r = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    if (sa->busy || h.id != 0 || !v1_digest(ike, p, n, digest))
        return;
    if (ike_equal(digest, v->last_in, 32)) {
        /* sent again: so does the responder; did the initiator too, both would go on for ever. Of aggressive mode the
         * last message is the initiator's, which nothing answers. */
        if (v->out && (!sa->initiator || h.exchange == X1_AGGRESSIVE) && sa->state != IKE_REPLACED)
            v1_send(ike, sa, v->out, v->out_len);
        return;
    }
    size_t row = 0;
    while (row < sizeof rows / sizeof *rows &&
           (rows[row].exchange != h.exchange || rows[row].state != sa->state || rows[row].initiator != sa->initiator))
        row++;
    if (row == sizeof rows / sizeof *rows) {
        ike->stats.dropped++;
        return;
    }
    bool encrypted = h.flags & IKE1_ENCRYPTED;
    if (rows[row].encrypted != encrypted && !(h.exchange == X1_AGGRESSIVE && !encrypted)) {
        ike->stats.dropped++;
        return;
    }
    memcpy(iv, v->iv, 16);
    if (encrypted) {
        size_t len = v1_decrypt(ike, sa, p, n, iv);
        r = rd_of(ike->plain, len);
        if (len == 0)
            return;
    }
    if (!ike_chain_read(&r, h.next, &m, &inner)) {
        ike->stats.malformed++;
        if (encrypted) /* the one reason in practice */
            v1_not_proved(ike, sa,
                          v1_by_signature(sa)
                              ? "the message that should prove it cannot be read"
                              : "the message that should prove it cannot be read: its pre-shared key is "
                                "another one than ours");
        return;
    }
    const struct ike_end was_local = sa->local, was_remote = sa->remote;
    uint64_t id = sa->id, spi = sa->own_spi;
    uint8_t was_iv[16];
    memcpy(was_iv, v->iv, 16);
    if (encrypted)
        memcpy(v->iv, iv, 16);
    sa->local = *local;
    sa->remote.port = remote->port;
    if (rows[row].prove) {
        if (!rows[row].prove(ike, sa, &m)) { /* as if it had not come */
            memcpy(v->iv, was_iv, 16);
            sa->local = was_local;
            sa->remote = was_remote;
            return;
        }
        if (ike_still(ike, spi, id)) {
            memcpy(v->last_in, digest, 32);
            sa->floated |= local->port == IKE_PORT_NATT;
        }
        return;
    }
    memcpy(v->last_in, digest, 32);
    sa->last_in = ike->now;
    sa->floated |= local->port == IKE_PORT_NATT;
    rows[row].run(ike, sa, &m);
}
