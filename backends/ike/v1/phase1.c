/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Phase 1, RFC 2409 §5: what main and aggressive mode share. Identities, proofs, who the peer is, and what follows when
 * it has proved itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define TAKE_OVER_MS 5000
#define LIFE_MIN_S 60 /* as IOS; what is not authentic may say less */

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
    free(v->said[0].p);
    free(v->said[1].p);
    memset(v->said, 0, sizeof v->said);
    v1_waiting_free(v);
    ike_dh_free(v->dh);
    v->sa_i = v->ke_i = v->ke_r = v->id_i = v->answer = NULL;
    v->dh = NULL;
}

/* ---- sending ---- */

void v1_said_keep(struct ike1 *v, unsigned which)
{
    if (!v->out) /* what is said was another's beside it */
        return;
    free(v->said[which].p);
    v->said[which] = (struct v1_said){v->out, v->out_len};
    v->out = NULL;
    v->out_len = 0;
}

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
    v->is_fresh = false;
    sa->request_tries = 0;
    /* the initiator sees to it that all arrives; who answers says it again only when asked again, or it would send a
     * stranger's victim more than the stranger sent */
    sa->retransmit_at = sa->initiator ? ike->now + ike_jitter(ike, IKE_RETRANSMIT_MS, 2) : 0;
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

void v1_vendors_read(const struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        if (m->v[i].type != PL1_VENDOR || m->v[i].n < 16)
            continue;
        if (memcmp(m->v[i].p, vid_fragmentation, 16) == 0) /* with or without the modes */
            sa->fragments = ike->policy->v1_fragmentation;
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

bool v1_nat_says(struct ike *ike, const struct ike_sa *sa, const struct ike_message *m, const struct ike_end *peer)
{
    uint8_t want[IKE_HASH_MAX];
    size_t len = ike_hash_len(sa->suite.prf);
    if (!ike_nat_hash(ike, sa->suite.prf, sa->spi_i, sa->spi_r, peer, want))
        return false;
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].type == PL1_NAT_D && m->v[i].n == len && ike_equal(m->v[i].p, want, len))
            return true;
    return false;
}

bool v1_by_signature(const struct ike_sa *sa)
{
    return sa->policy->auth != ALGO_AUTH_PSK;
}

#define CERT_X509 4 /* RFC 2408 §3.9 */

void v1_certreq_write(struct ike *ike, const struct ike_sa *sa, struct ike_chain *c)
{
    const struct ike_credential *trusts[IKE_TRUSTS_MAX];
    unsigned n = v1_by_signature(sa) ? ike_trusts_of(ike->policy, sa->profile, trusts) : 0;
    for (unsigned k = 0; k < n; k++)
        for (unsigned i = 0; i < trusts[k]->n_cas; i++) {
            size_t at = ike_pl_begin(c, PL1_CERTREQ);
            wr_u8(c->w, CERT_X509);
            wr_bytes(c->w, trusts[k]->ca_names[i].p, trusts[k]->ca_names[i].n);
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

/* What HASH_I resp. HASH_R (§5) is over, SKEYID before it: `body` is that of the ID payload. `cookies`: room for the
 * initiator's and the responder's. */
static void hashed_octets(const struct ike_sa *sa, bool initiators, struct ike_iov body, uint8_t cookies[static 16],
                          struct ike_iov out[static 7])
{
    const struct ike1 *v = sa->v1;
    size_t ke = ike_dh_len(sa->suite.dh);
    struct wr w = wr_to(cookies, 16);
    wr_u64(&w, sa->spi_i);
    wr_u64(&w, sa->spi_r);
    const struct ike_iov gi = {v->ke_i, ke}, gr = {v->ke_r, ke}, ci = {cookies, 8}, cr = {cookies + 8, 8};
    out[0] = (struct ike_iov){v->skeyid, ike_hash_len(sa->suite.prf)};
    out[1] = initiators ? gi : gr;
    out[2] = initiators ? gr : gi;
    out[3] = initiators ? ci : cr;
    out[4] = initiators ? cr : ci;
    out[5] = (struct ike_iov){v->sa_i, v->sa_i_len};
    out[6] = body;
}

static bool phase1_hash(struct ike *ike, const struct ike_sa *sa, bool initiators, struct ike_iov body, uint8_t *out)
{
    uint8_t cookies[16];
    struct ike_iov v[7];
    hashed_octets(sa, initiators, body, cookies, v);
    return ike_prf(ike->crypto, proof_hash(sa), v[0].p, v[0].n, v + 1, 6, out);
}

static bool sign_hash(struct ike *ike, const struct ike_sa *sa, struct ike_iov body, struct ike_key_result *r)
{
    uint8_t cookies[16];
    struct ike_key_work w = {.verb = KEYS_SIGN_1,
                             .owner = {.version = 1, .peer = sa->began_with, .own = sa->local.addr},
                             .prf = proof_hash(sa),
                             .n = 7};
    if (sa->profile && sa->profile->version == 1)
        w.owner.profile = sa->profile->name;
    hashed_octets(sa, sa->initiator, body, cookies, w.v);
    r->n = 0;
    return ike_keys_ask(ike, NULL, &w, r) && r->n;
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
    uint8_t h[IKE_HASH_MAX];
    if (c->w->bad || (!v1_by_signature(sa) && !phase1_hash(ike, sa, sa->initiator, id, h))) {
        c->w->bad = true;
        return;
    }
    if (!v1_by_signature(sa)) {
        ike_pl_bytes(c, PL1_HASH, h, ike_hash_len(sa->suite.prf));
        return;
    }
    const struct ike_credential *cr = ike_credential_for(ike, sa->profile);
    if (!cr) { /* a reload has taken it away */
        c->w->bad = true;
        return;
    }
    for (unsigned i = 0; i < cr->n_chain; i++) {
        size_t cert = ike_pl_begin(c, PL1_CERT);
        wr_u8(c->w, CERT_X509);
        wr_bytes(c->w, cr->chain[i].p, cr->chain[i].n);
        ike_pl_end(c, cert);
    }
    struct ike_key_result r;
    c->w->bad |= !sign_hash(ike, sa, id, &r);
    ike_pl_bytes(c, PL1_SIG, r.out, r.n);
}

void v1_id_proof_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c)
{
    size_t at = v1_id_write(ike, sa, c);
    v1_proof_write(ike, sa, c, (struct ike_iov){c->w->p + at, c->w->n - at});
}

/* ---- ends ---- */

/* Who calls knows whom, by address or by the name that the configuration has; only who is called in aggressive mode
 * goes by the identity that the peer claims. */
bool v1_key_owner(const struct ike *ike, const struct ike_sa *sa, const struct ike_id *id, struct ike_key_owner *out)
{
    const struct ike_profile *p = sa->profile && sa->profile->version == 1 ? sa->profile : NULL;
    struct ike_id called;
    *out = (struct ike_key_owner){
        .version = 1, .peer = sa->began_with, .own = sa->local.addr, .password = sa->v1->aggressive_peer != NULL};
    if (p)
        out->profile = p->name;
    out->is_called = sa->initiator && ike_called_name(sa, &called);
    if (out->is_called)
        out->id = called;
    else if (!sa->initiator && id)
        out->id = *id;
    return ike_psk_choose(ike->policy, out) != NULL;
}

void v1_give_up(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_entry *e = sa->entry;
    bool ours = sa->initiator && e && ike_is(sa, IKE_BEGINS);
    struct ike_task task = sa->tasks ? *sa->tasks : (struct ike_task){.kind = TASK_NONE};
    unsigned at = sa->peer_at;
    bool has_rival = v1_has_rival(ike, sa);
    ike_sa_free(ike, sa);
    if (has_rival || !ours || e->n_peers < 2 || ike->ending)
        return;
    ike->peer_of_entry[e - ike->policy->entries] = (uint8_t)((at + 1) % e->n_peers);
    if (++task.tries < e->n_peers && task.kind == TASK_CHILD) {
        ike_log(ike, EV_MESSAGE, IKE_NOTICE, NULL, NULL, "map %s entry %u: the next peer is tried", e->map, e->seq);
        (void)!ike_start(ike, e, task); /* if it cannot be begun, traffic will ask again */
    }
}

void v1_refuse(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike->stats.auth_failed++;
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "%s", why);
    v1_give_up(ike, sa);
}

#define COMPLAINTS_MAX 2 /* of one negotiation: each message is sent again several times */

/* Said a few times only. Nothing ends by it: the real message may still come, else the SA's time runs out. Where
 * several claim to be the peer, all but one of them do not prove it. */
bool v1_not_proved(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike->stats.auth_failed++;
    if (!v1_has_rival(ike, sa) && sa->v1->complaints++ < COMPLAINTS_MAX)
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "%s", why);
    return false;
}

bool v1_identity_refused(struct ike *ike, struct ike_sa *sa, const struct ike_id *id, const char *why)
{
    char text[IKE_ID_TEXT_MAX], said[IKE_ID_TEXT_MAX + IKE_WHY_MAX + 64];
    if (!id->p)
        return v1_not_proved(ike, sa, why);
    snprintf(said, sizeof said, "%s %s is refused: %s", ike_id_kind(id->type), ike_id_text(id, text), why);
    return v1_not_proved(ike, sa, said);
}

/* IPsec SAs of the same peer whose ISAKMP SA has ended before this one came. */
static void take_in_orphans(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_sa *o = ike_of_same_peer(ike, sa, NULL), *next; o; o = next) {
        next = ike_of_same_peer(ike, sa, o);
        if (!ike_is(o, IKE_ORPHAN) || !addr_eq(&o->local.addr, &sa->local.addr) || ike_may_be_another(sa, o))
            continue;
        if (o->v1->was_dead)
            v1_rekey_all(ike, o);
        v1_hand_over(ike, o, sa);
        ike_sa_free(ike, o);
        next = ike_of_same_peer(ike, sa, NULL);
    }
}

/* Others of the same peer of which nothing has shown that it has them: a copy of its first message from elsewhere, and
 * our answers sent on to it, make one that it has let go. Nothing is begun by them until something comes. */
static void doubt_others(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));) {
        bool is_doubtful = o->version == 1 && ike_is(o, IKE_STANDS) && !o->v1->is_confirmed;
        if (!is_doubtful || ike_may_be_another(sa, o))
            continue;
        o->is_silent = true;
        v1_ask(ike, o);
    }
}

void v1_confirmed(struct ike *ike, struct ike_sa *sa)
{
    if (sa->v1->is_confirmed)
        return;
    sa->v1->is_confirmed = true;
    take_in_orphans(ike, sa);
    doubt_others(ike, sa);
}

/* Who answers does not know whether its last message was taken. Where there is something to be handed over, it asks. */
static void want_confirmation(struct ike *ike, struct ike_sa *sa)
{
    bool has_old = false;
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));)
        has_old |= o->children && !ike_may_be_another(sa, o);
    if (sa->initiator || !sa->v1->peer_dpd)
        v1_confirmed(ike, sa);
    else if (has_old)
        v1_ask(ike, sa);
}

void v1_established(struct ike *ike, struct ike_sa *sa)
{
    char suite[128], id[IKE_ID_TEXT_MAX] = "";
    uint32_t theirs = sa->v1->chosen.life_s, life = sa->policy->lifetime_s;
    if (theirs && theirs < LIFE_MIN_S)
        theirs = LIFE_MIN_S;
    if (theirs && theirs < life)
        life = theirs;
    uint64_t ms = 1000u * (uint64_t)(life ? life : 86400);
    uint32_t dpd = sa->profile && sa->profile->dpd_s ? sa->profile->dpd_s : ike->policy->v1_keepalive_s;
    v1_rivals_over(ike, sa);
    ike_state_set(ike, sa, IKE_ESTABLISHED);
    sa->half_open_until = sa->retransmit_at = 0;
    sa->up_at = sa->last_in = ike->now;
    /* the responder only if the initiator has not done it */
    sa->rekey_at = ike->now + (sa->initiator ? ike_jitter(ike, ms / 10 * 9, 1) : ms / 100 * 95);
    sa->expire_at = ike->now + ms;
    if (sa->proof_ends_at && sa->proof_ends_at < sa->expire_at) { /* the certificate ends first */
        sa->expire_at = sa->proof_ends_at;
        sa->rekey_at = ike->now + (sa->proof_ends_at - ike->now) / 10 * 9;
    }
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
    want_confirmation(ike, sa);
    struct ike_sa *old = sa->replaces; /* what it was made to take the place of */
    sa->replaces = NULL;
    if (old)
        old->replaced_by = NULL;
    /* who answers at its port is perhaps somebody else: what it has stays its own */
    if (old && ike_is(old, IKE_STANDS) && ike_is_same_peer(ike, old, sa)) {
        v1_hand_over(ike, old, sa);
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
    const struct ike_payload *sig = ike_find(m, PL1_SIG, 0);
    unsigned allowed = sa->policy->auth == ALGO_AUTH_ECDSA_SIG ? IKE_MAY_ECDSA : IKE_MAY_RSA;
    struct ike_iov certs[8];
    struct ike_cert *c;
    unsigned n = 0;
    if (!sig)
        return "its signature is missing";
    for (unsigned i = 0; i < m->n && n < 8; i++)
        if (m->v[i].type == PL1_CERT && m->v[i].n > 1 && m->v[i].p[0] == CERT_X509)
            certs[n++] = (struct ike_iov){m->v[i].p + 1, m->v[i].n - 1u};
    const char *bad = ike_certificate_check(ike, sa, certs, n, id, allowed, &c);
    if (!bad && !ike1_verify(c, hash, ike_hash_len(proof_hash(sa)), sig->p, sig->n))
        bad = "its signature is wrong";
    if (!bad && !ike_proof_keep(ike, sa, c))
        bad = "out of memory";
    if (!bad && ike_weak_hash_of(proof_hash(sa)) != IKE_WEAK_NONE)
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer signs over %s, as isakmp policy %u (line %u) says",
                algo_get(proof_hash(sa))->name, sa->policy->number, sa->policy->line);
    ike_cert_free(c);
    return bad;
}

/* Certificate maps look at the certificate that the peer has proved itself by. */
static bool profile_fits(const struct ike_profile *p, const struct ike_sa *sa, const struct ike_id *id,
                         const struct ike_message *m)
{
    const struct ike_payload *cert = v1_by_signature(sa) ? ike_find(m, PL1_CERT, 0) : NULL;
    if (p->version != 1 || !ike_profile_holds_at(p, &sa->local.addr))
        return false;
    for (unsigned k = 0; k < p->n_remote; k++)
        if (ike_match(&p->remote[k], &sa->began_with, id))
            return true;
    return cert && cert->n > 1 && cert->p[0] == CERT_X509 &&
           ike_match_certificate(p, (struct ike_iov){cert->p + 1, cert->n - 1u});
}

static const struct ike_profile *profile_of_peer(const struct ike *ike, const struct ike_sa *sa,
                                                 const struct ike_id *id, const struct ike_message *m)
{
    for (unsigned i = 0; i < ike->policy->n_profiles; i++)
        if (profile_fits(&ike->policy->profiles[i], sa, id, m))
            return &ike->policy->profiles[i];
    return NULL;
}

/* IOS: "Key not found in keyrings of profile, aborting exchange". */
static bool key_of_profile(const struct ike_profile *p, uint32_t key_id)
{
    for (unsigned i = 0; i < p->n_keys; i++)
        if (p->keys[i].id == key_id)
            return true;
    return false;
}

/* The proof itself: a hash by the key, or a signature by a certificate that the SA's profile trusts. */
static const char *check_proof(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_id *id,
                               const uint8_t *want)
{
    const struct ike_payload *hash = ike_find(m, PL1_HASH, 0);
    size_t len = ike_hash_len(sa->suite.prf);
    if (v1_by_signature(sa))
        return check_signature(ike, sa, m, id, want);
    if (!hash || hash->n != len || !ike_equal(want, hash->p, len))
        return hash ? "its pre-shared key is another one than ours" : "the peer's hash is missing";
    bool aggressive_password = sa->v1->aggressive_peer && sa->v1->aggressive_peer->key.id == sa->v1->key_id;
    if (sa->profile && !aggressive_password && !key_of_profile(sa->profile, sa->v1->key_id))
        return "its key is of another keyring than those of the profile that its identity selects";
    const struct ike_key_owner owner = {.version = 1, .peer = sa->began_with, .own = sa->local.addr};
    struct ike_used_key key = ike_key_used(sa, sa->v1->key_id);
    if (aggressive_password)
        key.call = IKE_CALLED_BY_PASSWORD;
    if (ike_poses(ike->policy, sa->profile, &owner, id, key))
        return "its key is not the one configured for the identity that it claims";
    return ike_proof_by_key(sa, sa->v1->key_id) ? NULL : "out of memory";
}

/* Identity and proof of the peer. NULL if they are good. */
const char *v1_check_peer(struct ike *ike, struct ike_sa *sa, const struct ike_payload *idp, struct ike_id *id,
                          const struct ike_message *m)
{
    const struct ike_profile *before = sa->profile;
    uint8_t h[IKE_HASH_MAX];
    char text[IKE_ID_TEXT_MAX];
    if (!idp || !ike_id_read(idp, id) || !phase1_hash(ike, sa, !sa->initiator, (struct ike_iov){idp->p, idp->n}, h))
        return "the peer's identity is missing";
    if (sa->initiator && sa->profile && !profile_fits(sa->profile, sa, id, m)) {
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "identity %s is not that of isakmp profile %s (line %u)",
                ike_id_text(id, text), sa->profile->name, sa->profile->line);
        return "the profile expects another identity";
    }
    if (!sa->initiator) /* what proves the peer must be of the profile that its identity selects */
        sa->profile = profile_of_peer(ike, sa, id, m);
    const char *bad = check_proof(ike, sa, m, id, h);
    if (bad)
        sa->profile = before;
    return bad;
}

/* ---- what both modes do with messages ---- */

bool v1_own_half(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    if (!j->ok || !v1_keep(&v->ke_i, NULL, j->public_value, ike_dh_len(j->group)))
        return false;
    ike_dh_free(v->dh);
    v->dh = j->dh;
    v->own_group = j->group;
    j->dh = NULL;
    v->ni_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, v->ni, v->ni_len);
    return true;
}

/* RFC 2408 §3.14: an ISAKMP SA is named by both cookies. */
void v1_initial_contact_write(const struct ike_sa *sa, struct ike_chain *c)
{
    uint8_t spi[16];
    struct wr s = wr_to(spi, 16);
    wr_u64(&s, sa->spi_i);
    wr_u64(&s, sa->spi_r);
    ike1_notify_write(c, IKE1_PROTO_ISAKMP, spi, 16, N1_INITIAL_CONTACT, NULL, 0);
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

bool v1_initial_contact(const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_notify n;
        if (m->v[i].type == PL1_NOTIFY && ike1_notify_read(&m->v[i], &n) && n.type == N1_INITIAL_CONTACT)
            return true;
    }
    return false;
}
