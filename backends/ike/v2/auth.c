/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE_AUTH, RFC 7296 §1.2, §2.15:
 *
 *   HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, SAi2, TSi, TSr}  -->
 *                                   <--  HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

/* A peer that wants to be called again every second is called this often. */
#define IKE_AUTH_LIFETIME_MIN_S 60

#define BY_CERTIFICATE (IKE_MAY_RSA | IKE_MAY_ECDSA)
#define CERT_X509 4 /* §3.6: X.509 certificate, signature */

/* With a certificate a router is by default who its subject says, else its address. */
static struct ike_id own_id(const struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    const struct ike_credential *c = ike_credential_for(ike, p);
    bool by_cert = !(p->auth_local & IKE_MAY_PSK) && c;
    if (p->id_type && p->id.n)
        return (struct ike_id){p->id_type, (uint16_t)p->id.n, p->id.p};
    if (by_cert && (p->id_type == IKE_ID_DN || !p->id_type))
        return (struct ike_id){IKE_ID_DN, (uint16_t)c->subject.n, c->subject.p};
    bool v6 = sa->local.addr.family == FAMILY_V6;
    return (struct ike_id){v6 ? IKE_ID_IPV6 : IKE_ID_IPV4, v6 ? 16 : 4, sa->local.addr.b};
}

/* The octets that AUTH is over (§2.15), as three pieces; `mac` is room for the third. */
static bool signed_octets(struct ike *ike, const struct ike_sa *sa, const struct v2_initial *x, bool initiators,
                          const struct ike_id *id, uint8_t mac[static IKE_HASH_MAX], struct ike_iov out[static 3])
{
    const uint8_t head[4] = {id->type, 0, 0, 0};
    out[0] = initiators ? (struct ike_iov){x->i_msg, x->i_len} : (struct ike_iov){x->r_msg, x->r_len};
    out[1] = initiators ? (struct ike_iov){x->nr, x->nr_len} : (struct ike_iov){x->ni, x->ni_len};
    out[2] = (struct ike_iov){mac, ike_hash_len(sa->suite.prf)};
    return ike_prf(ike->crypto, sa->suite.prf, initiators ? sa->keys->pi : sa->keys->pr, ike_hash_len(sa->suite.prf),
                   (struct ike_iov[]){{head, 4}, {id->p, id->n}}, 2, mac);
}

/* Whom the SA's key is for. Who calls knows whom: by the address, or the name that the configuration has for it. Only
 * who is called goes by the identity that the peer claims (IOS: "the identity is available for key lookup on the IKEv2
 * responder only"). */
static struct ike_key_owner key_owner(const struct ike_sa *sa, const struct ike_id *claimed)
{
    struct ike_key_owner o = {
        .version = 2, .peer = sa->began_with, .own = sa->local.addr, .profile = sa->profile->name};
    struct ike_id called;
    o.is_called = sa->initiator && ike_called_name(sa, &called);
    if (o.is_called)
        o.id = called;
    else if (!sa->initiator && claimed)
        o.id = *claimed;
    return o;
}

/* Which CAs we know, §3.7. */
static void write_cert_request(struct ike_chain *c, const struct ike_credential *cr)
{
    if (!cr->n_cas)
        return;
    size_t at = ike_pl_begin(c, PL2_CERTREQ);
    wr_u8(c->w, CERT_X509);
    wr_bytes(c->w, cr->ca_hashes, 20u * cr->n_cas);
    ike_pl_end(c, at);
}

static void write_cert_requests(const struct ike *ike, const struct ike_profile *p, struct ike_chain *c)
{
    const struct ike_credential *trusts[IKE_TRUSTS_MAX];
    unsigned n = ike_trusts_of(ike->policy, p, trusts);
    for (unsigned i = 0; i < n; i++)
        write_cert_request(c, trusts[i]);
}

void v2_cert_requests(const struct ike *ike, struct ike_chain *c)
{
    for (unsigned i = 0; i < ike->policy->n_credentials && i < 8; i++)
        write_cert_request(c, &ike->policy->credentials[i]);
}

/* CERT payloads and AUTH. */
static bool write_signature(struct ike *ike, struct ike_sa *sa, const struct v2_initial *x, struct ike_chain *c,
                            const struct ike_id *id, const char **why)
{
    const struct ike_credential *cr = ike_credential_for(ike, sa->profile);
    uint8_t mac[IKE_HASH_MAX];
    struct ike_key_work w = {
        .verb = KEYS_SIGN_2, .owner = key_owner(sa, NULL), .prf = sa->suite.prf, .peer_hashes = x->peer_hashes, .n = 3};
    struct ike_key_result r = {0};
    *why = "its trustpoint has no certificate with a private key (--pki-dir)";
    if (!cr || !cr->key || !cr->n_chain)
        return false;
    *why = "the key of its trustpoint is of another kind than the profile's authentication";
    if (!ike_key_allowed(sa->profile->auth_local, ike_key_kind(cr->key)))
        return false;
    for (unsigned i = 0; i < cr->n_chain; i++) {
        size_t at = ike_pl_begin(c, PL2_CERT);
        wr_u8(c->w, CERT_X509);
        wr_bytes(c->w, cr->chain[i].p, cr->chain[i].n);
        ike_pl_end(c, at);
    }
    *why = "it cannot be signed";
    bool ok = signed_octets(ike, sa, x, sa->initiator, id, mac, w.v) && ike_keys_ask(ike, NULL, &w, &r);
    ike_pl_bytes(c, PL2_AUTH, r.out, ok ? r.n : 0);
    return ok;
}

/* IDi or IDr and AUTH of ours. */
static bool write_auth(struct ike *ike, struct ike_sa *sa, struct v2_initial *x, struct ike_chain *c,
                       const struct ike_id *peer, const char **why)
{
    const struct ike_id id = own_id(ike, sa);
    uint8_t mac[IKE_HASH_MAX];
    *why = "there is no pre-shared key for the peer";
    ike2_id_write(c, sa->initiator ? PL2_IDI : PL2_IDR, &id);
    if (sa->initiator && sa->profile->auth_remote & BY_CERTIFICATE)
        write_cert_requests(ike, sa->profile, c);
    if (!(sa->profile->auth_local & IKE_MAY_PSK))
        return write_signature(ike, sa, x, c, &id, why);
    struct ike_key_work w = {.verb = KEYS_PSK_MAKE, .owner = key_owner(sa, peer), .prf = sa->suite.prf, .n = 3};
    struct ike_key_result r;
    const struct ike_psk *k = ike_psk_choose(ike->policy, &w.owner);
    if (!k || k->local.n == 0 || !signed_octets(ike, sa, x, sa->initiator, &id, mac, w.v) ||
        !ike_keys_ask(ike, k, &w, &r))
        return false;
    size_t at = ike_pl_begin(c, PL2_AUTH);
    wr_u32(c->w, (uint32_t)AUTH2_PSK << 24);
    wr_bytes(c->w, r.out, r.n);
    ike_pl_end(c, at);
    return true;
}

static const char *check_signature(struct ike *ike, struct ike_sa *sa, const struct v2_initial *x,
                                   const struct ike_message *m, const struct ike_id *id, uint8_t method,
                                   const struct rd *sig)
{
    struct ike_iov certs[8], v[3];
    uint8_t mac[IKE_HASH_MAX];
    unsigned n = 0;
    struct ike_cert *c;
    bool by_weak;
    if (!(sa->profile->auth_remote & BY_CERTIFICATE))
        return "it authenticates itself by certificate, which the profile does not allow";
    for (unsigned i = 0; i < m->n && n < 8; i++)
        if (m->v[i].type == PL2_CERT && m->v[i].n > 1 && m->v[i].p[0] == CERT_X509)
            certs[n++] = (struct ike_iov){m->v[i].p + 1, m->v[i].n - 1u};
    const char *bad = ike_certificate_check(ike, sa, certs, n, id, sa->profile->auth_remote, &c);
    if (!bad && !signed_octets(ike, sa, x, !sa->initiator, id, mac, v))
        bad = "its signature cannot be checked";
    if (!bad &&
        !ike2_verify(c, method, x->peer_hashes != 0, ike_weak_hash_of(sa->suite.prf), sig->p, sig->n, v, 3, &by_weak))
        bad = "its signature is wrong, or over a hash that the policy does not name";
    if (!bad && by_weak)
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer signs with SHA-1, as the policy says");
    if (!bad && !ike_proof_keep(ike, sa, c))
        bad = "out of memory";
    ike_cert_free(c);
    return bad;
}

/* NULL if the peer has proved that it is who it says. */
static const char *check_auth(struct ike *ike, struct ike_sa *sa, const struct v2_initial *x,
                              const struct ike_message *m, const struct ike_id *id)
{
    const struct ike_payload *pl = ike_find(m, PL2_AUTH, 0);
    if (!pl)
        return "it sends no AUTH payload (EAP is not spoken)";
    struct rd r = rd_of(pl->p, pl->n);
    uint8_t method = rd_u8(&r), mac[IKE_HASH_MAX];
    rd_bytes(&r, 3);
    if (r.bad)
        return "its AUTH payload is malformed";
    if (method != AUTH2_PSK)
        return check_signature(ike, sa, x, m, id, method, &r);
    if (!(sa->profile->auth_remote & IKE_MAY_PSK))
        return "it authenticates itself by pre-shared key, which the profile does not allow";
    struct ike_key_work w = {
        .verb = KEYS_PSK_CHECK, .owner = key_owner(sa, id), .prf = sa->suite.prf, .n = 3, .proof = {r.p, r.n}};
    struct ike_key_result result;
    const struct ike_psk *k = ike_psk_choose(ike->policy, &w.owner);
    if (!k || k->remote.n == 0)
        return "there is no pre-shared key for it in the profile's keyring";
    if (!signed_octets(ike, sa, x, !sa->initiator, id, mac, w.v))
        return "its AUTH cannot be checked";
    if (!ike_keys_ask(ike, k, &w, &result))
        return "its pre-shared key is another one than ours";
    if (ike_poses(ike->policy, sa->profile, &w.owner, id, ike_key_used(sa, k->id)))
        return "its key is not the one configured for the identity that it claims";
    return ike_proof_by_key(sa, k->id) ? NULL : "out of memory";
}

/* The proof is over the bytes that the peer has sent (§2.15). Answers to IKE_SA_INIT with the same SPI, value and nonce
 * make the same keys, whatever else somebody has changed in one of them: which was the peer's only its proof tells. */
static const char *check_by_each_answer(struct ike *ike, struct ike_sa *sa, struct v2_initial *x,
                                        const struct ike_message *m, const struct ike_id *id)
{
    const char *bad = check_auth(ike, sa, x, m, id);
    for (unsigned i = 0; bad && i < x->n_others; i++) {
        if (!v2_answer_exchange(x, i))
            continue;
        if (!check_auth(ike, sa, x, m, id)) {
            v2_init_look_again(ike, sa);
            return NULL;
        }
        (void)!v2_answer_exchange(x, i);
    }
    return bad;
}

static bool identity_fits(const struct ike_profile *p, const struct ike_sa *sa, const struct ike_id *id)
{
    for (unsigned i = 0; i < p->n_remote; i++)
        if (ike_match(&p->remote[i], &sa->began_with, id))
            return true;
    return false;
}

/* A certificate map says who the peer is only if the peer proves itself by that certificate: the first one it sends. */
static bool certificate_fits(const struct ike_profile *p, const struct ike_message *m)
{
    const struct ike_payload *auth = ike_find(m, PL2_AUTH, 0), *cert = ike_find(m, PL2_CERT, 0);
    return p->n_cert_maps && auth && auth->n && auth->p[0] != AUTH2_PSK && cert && cert->n > 1 &&
           cert->p[0] == CERT_X509 && ike_match_certificate(p, (struct ike_iov){cert->p + 1, cert->n - 1u});
}

static bool profile_fits(const struct ike_profile *p, const struct ike_sa *sa, const struct ike_id *id,
                         const struct ike_message *m)
{
    bool holds = p->version == 2 && ike_profile_holds_at(p, &sa->local.addr);
    return holds && (identity_fits(p, sa, id) || certificate_fits(p, m));
}

/* ---- established ---- */

static uint64_t life_ms(const struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    return 1000u * (uint64_t)(p && p->lifetime_s ? p->lifetime_s : 86400);
}

#define SUITE_LEFT_MS 60000
#define SUITE_REKEY_MS 8000 /* at most: there may be thousands */

/* What no proposal makes any more is rekeyed at once, by those that there are now; where that comes to nothing it ends.
 */
void v2_suite_leave(struct ike *ike, struct ike_sa *sa, const struct ike_policy *policy)
{
    if (!ike_is(sa, IKE_STANDS))
        return;
    if (v2_suite_holds(policy, &sa->local.addr, &sa->suite)) {
        if (sa->leaves_suite)
            sa->expire_at = sa->up_at + life_ms(sa);
        sa->leaves_suite = false;
        return;
    }
    sa->leaves_suite = true;
    ike_log(ike, EV_MESSAGE, IKE_NOTICE, sa, NULL,
            "its algorithms are in no IKEv2 proposal any more: it is rekeyed, or deleted in %u s",
            SUITE_LEFT_MS / 1000);
    sa->rekey_at = ike->now + ike_jitter(ike, SUITE_REKEY_MS, 9);
    if (!sa->expire_at || sa->expire_at > ike->now + SUITE_LEFT_MS)
        sa->expire_at = ike->now + SUITE_LEFT_MS;
    ike_timer_update(ike, sa);
}

void v2_established(struct ike *ike, struct ike_sa *sa)
{
    char suite[128], id[IKE_ID_TEXT_MAX] = "";
    const struct ike_profile *p = sa->profile;
    uint64_t life = life_ms(sa);
    ike_state_set(ike, sa, IKE_ESTABLISHED);
    sa->half_open_until = 0;
    sa->up_at = sa->last_in = ike->now;
    sa->rekey_at = ike->now + ike_jitter(ike, life / 10 * 9, 1);
    sa->expire_at = ike->now + life;
    sa->dpd_at = p && p->dpd_s ? ike->now + 1000u * (uint64_t)p->dpd_s : 0;
    sa->keepalive_at =
        sa->nat_local && ike->policy->nat_keepalive_s ? ike->now + 1000u * ike->policy->nat_keepalive_s : 0;
    ike->stats.established++;
    if (sa->peer_id)
        ike_id_text(&(struct ike_id){sa->peer_id[0], (uint16_t)(sa->peer_id_len - 1), sa->peer_id + 1}, id);
    ike_log(ike, EV_IKE_UP, IKE_INFO, sa, NULL, "IKEv2 SA established with %s: %s%s", id,
            ike_suite_text(&sa->suite, suite),
            sa->nat_local && sa->nat_remote ? ", NAT at both ends"
            : sa->nat_local                 ? ", behind NAT"
            : sa->nat_remote                ? ", peer behind NAT"
                                            : "");
    v2_suite_leave(ike, sa, ike->policy);
    ike_timer_update(ike, sa);
}

/* ---- initiator ---- */

/* What is asked for with IKE_AUTH; NULL: nothing is. */
static struct ike_task *take_first_child(const struct ike *ike, struct ike_sa *sa)
{
    struct ike_task **p = &sa->tasks, *t;
    while ((t = *p) && t->kind != TASK_DELETE_IKE && !(t->kind == TASK_CHILD && ike_entry_is_its(ike, sa, t->entry)))
        p = &t->next;
    if (!t || t->kind == TASK_DELETE_IKE) /* it ends: nothing is asked for any more */
        return NULL;
    *p = t->next;
    return t;
}

void v2_auth_start(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    struct v2_out o;
    const char *why;
    v2_begin(ike, &o);
    sa->profile = sa->entry ? sa->entry->profile : NULL;
    if (!sa->profile) {
        v2_fail(ike, sa, "the crypto map entry has no IKEv2 profile");
        return;
    }
    if (!write_auth(ike, sa, x, &o.c, NULL, &why)) { /* by this answer to IKE_SA_INIT: it may be forged */
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "IKE_AUTH cannot be sent: %s (profile %s, line %u)", why,
                sa->profile->name, sa->profile->line);
        v2_wait_for_another(ike, sa);
        return;
    }
    if (ike_is_first_contact(ike, sa))
        ike2_notify_write(&o.c, 0, NULL, 0, N2_INITIAL_CONTACT, NULL, 0);
    if (!sa->current)
        sa->current = take_first_child(ike, sa);
    if (sa->current) {
        if (!x->child_spi)
            x->child_spi = ike_spi_new(ike);
        sa->current->spi = x->child_spi;
        v2_child_offer(ike, sa, &o, sa->current, sa->current->spi, ALGO_NONE);
    }
    ike_state_set(ike, sa, IKE_AUTH_SENT);
    if (!v2_request(ike, sa, X2_AUTH, &o))
        v2_fail(ike, sa, "IKE_AUTH cannot be made");
    else
        sa->request_tries = x->tries_spent;
}

static void log_refusal(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_notify n;
        if (m->v[i].type == PL2_NOTIFY && ike2_notify_read(&m->v[i], &n) && n.type < 16384)
            ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer answers %s%s", ike2_notify_name(n.type),
                    n.type == N2_NO_PROPOSAL_CHOSEN ? ": none of the entry's transform sets suits it"
                    : n.type == N2_TS_UNACCEPTABLE
                        ? ": its access list has no such line, or its entry is for another profile (its log says which)"
                    : n.type == N2_AUTHENTICATION_FAILED ? ": key, identity or profile do not agree; see the peer's log"
                                                         : "");
    }
}

/* RFC 4478: so long the proof of the initiator holds, in seconds; it authenticates itself anew before. */
static void write_auth_lifetime(struct ike *ike, const struct ike_sa *sa, struct ike_chain *c)
{
    uint8_t data[4];
    struct wr w = wr_to(data, 4);
    if (!sa->proof_ends_at || sa->proof_ends_at <= ike->now)
        return;
    uint64_t left_s = (sa->proof_ends_at - ike->now) / 1000;
    wr_u32(&w, left_s > UINT32_MAX ? UINT32_MAX : (uint32_t)left_s);
    ike2_notify_write(c, 0, NULL, 0, N2_AUTH_LIFETIME, data, 4);
}

static void read_auth_lifetime(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_notify n;
    if (!ike2_notify_find(m, N2_AUTH_LIFETIME, &n))
        return;
    struct rd r = rd_of(n.data, n.n);
    uint32_t seconds = rd_u32(&r);
    if (r.bad || r.n)
        return;
    if (seconds < IKE_AUTH_LIFETIME_MIN_S)
        seconds = IKE_AUTH_LIFETIME_MIN_S;
    sa->reauth_at = ike->now + ike_jitter(ike, 1000u * (uint64_t)seconds / 10 * 9, 1);
}

/* A responder has an SA by now: it is told (§2.21.2). Ours ends whether it hears of it or not. */
static void say_refused(struct ike *ike, struct ike_sa *sa)
{
    struct v2_out o;
    v2_begin(ike, &o);
    ike2_notify_write(&o.c, 0, NULL, 0, N2_AUTHENTICATION_FAILED, NULL, 0);
    (void)!v2_request(ike, sa, X2_INFORMATIONAL, &o);
}

static void refuse_responder(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    const struct ike_payload *idr = ike_find(m, PL2_IDR, 0);
    const char *profile = sa->profile ? sa->profile->name : "none";
    struct ike_id id;
    char text[IKE_ID_TEXT_MAX] = "";
    if (idr && ike_id_read(idr, &id))
        ike_id_text(&id, text);
    ike->stats.auth_failed++;
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "peer identity %s is refused: %s (profile %s, line %u)", text, bad,
            profile, sa->profile ? sa->profile->line : 0);
    say_refused(ike, sa);
    v2_wait_for_another(ike, sa);
}

void v2_never_told(struct ike *ike, struct ike_sa *sa)
{
    say_refused(ike, sa);
    v2_fail(ike, sa, "whether the peer's certificate is revoked could not be learnt in time");
}

static void response_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    struct v2_initial *x = sa->exchange;
    if (bad) {
        refuse_responder(ike, sa, m, bad);
        return;
    }
    read_auth_lifetime(ike, sa, m);
    struct ike_task *t = sa->current;
    sa->current = NULL;
    struct v2_child_try try;
    char why[256];
    uint16_t error = t ? v2_child_answer(ike, sa, m, t, false, &try, why) : 0;
    uint8_t ni[NONCE_MAX], nr[NONCE_MAX];
    const struct ike_iov ni_v = {ni, x->ni_len}, nr_v = {nr, x->nr_len};
    memcpy(ni, x->ni, x->ni_len);
    memcpy(nr, x->nr, x->nr_len);
    ike_exchange_end(sa);
    v2_established(ike, sa);
    if (t && error) {
        sa->lacks_children = true;
        ike_next_peer(ike, t->entry, &sa->began_with);
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "map %s entry %u line %u: no child SA: %s", t->entry->map,
                t->entry->seq, t->line ? t->line->line : 0, why);
        v2_child_take_back(sa, m, t->spi);
    } else if (t) {
        struct ike_child *c = v2_child_install(ike, sa, &try, ni_v, nr_v, (struct ike_iov){NULL, 0});
        if (c)
            v2_child_up(ike, c, false);
        else /* the peer has SAs that we do not have */
            ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    }
    free(t);
    v2_next(ike, sa);
}

void v2_auth_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_initial *x = sa->exchange;
    struct ike_notify n;
    const struct ike_payload *idr = ike_find(m, PL2_IDR, 0);
    struct ike_id id;
    if (!x || x->is_refused)
        return;
    sa->next_out++;
    ike_request_end(sa);
    if (!idr || !ike_id_read(idr, &id) || ike2_notify_find(m, N2_AUTHENTICATION_FAILED, &n)) {
        log_refusal(ike, sa, m);
        v2_wait_for_another(ike, sa);
        return;
    }
    /* a profile that matches nothing takes nobody */
    bool expected = identity_fits(sa->profile, sa, &id) || certificate_fits(sa->profile, m);
    const char *bad = expected ? check_by_each_answer(ike, sa, x, m, &id) : "the profile expects another identity";
    if (bad)
        response_proved(ike, sa, m, bad);
    else
        ike_proved(ike, sa, m, &id, response_proved);
}

/* ---- responder ---- */

static void refuse(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    const struct ike_payload *idi = ike_find(m, PL2_IDI, 0);
    const char *profile = sa->profile ? sa->profile->name : "none";
    struct ike_id id;
    char text[IKE_ID_TEXT_MAX] = "?";
    if (idi && ike_id_read(idi, &id))
        ike_id_text(&id, text);
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "peer identity %s is refused: %s, profile %s", text, bad, profile);
    ike->stats.auth_failed++;
    v2_respond_notify(ike, sa, X2_AUTH, m->h.id, N2_AUTHENTICATION_FAILED, NULL, 0);
    ike_sa_free(ike, sa);
}

static void request_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    struct v2_initial *x = sa->exchange;
    const struct ike_payload *idi = ike_find(m, PL2_IDI, 0);
    struct ike_id id;
    struct ike_notify n;
    struct v2_out o;
    const char *refused = bad;
    v2_begin(ike, &o);
    if (bad || !idi || !ike_id_read(idi, &id) || !write_auth(ike, sa, x, &o.c, &id, &refused)) {
        refuse(ike, sa, m, refused);
        return;
    }
    if (!ike_peer_proved(ike, sa, ike2_notify_find(m, N2_INITIAL_CONTACT, &n))) {
        refuse(ike, sa, m, IKE_LIMIT_REACHED);
        return;
    }
    struct v2_child_try try;
    char why[256] = "";
    bool wants_child = ike_find(m, PL2_SA, 0) != NULL;
    uint16_t error = wants_child ? v2_child_accept(ike, sa, m, false, NULL, &try, why) : 0;
    struct ike_child *c = NULL;
    if (wants_child && !error) {
        c = v2_child_install(ike, sa, &try, (struct ike_iov){x->ni, x->ni_len}, (struct ike_iov){x->nr, x->nr_len},
                             (struct ike_iov){NULL, 0});
        if (!c) {
            error = N2_NO_PROPOSAL_CHOSEN;
            snprintf(why, sizeof why, "the kernel rejected the SAs or their policies");
        }
    }
    if (error)
        ike2_notify_write(&o.c, 0, NULL, 0, error, NULL, 0);
    else if (wants_child)
        v2_child_ts_write(&o, &try);
    write_auth_lifetime(ike, sa, &o.c);
    if (!v2_respond(ike, sa, X2_AUTH, m->h.id, &o)) {
        ike_sa_free(ike, sa);
        return;
    }
    ike_exchange_end(sa);
    v2_established(ike, sa);
    if (error)
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "no child SA (%s): %s", ike2_notify_name(error), why);
    if (c)
        v2_child_up(ike, c, false);
}

void v2_auth_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_initial *x = sa->exchange;
    const struct ike_payload *idi = ike_find(m, PL2_IDI, 0);
    struct ike_id id;
    if (!x)
        return;
    if (!idi || !ike_id_read(idi, &id)) {
        refuse(ike, sa, m, "it sends no identity");
        return;
    }
    for (unsigned i = 0; i < ike->policy->n_profiles && !sa->profile; i++)
        if (profile_fits(&ike->policy->profiles[i], sa, &id, m))
            sa->profile = &ike->policy->profiles[i];
    const char *bad = sa->profile ? check_auth(ike, sa, x, m, &id) : "no IKEv2 profile matches it";
    if (bad)
        refuse(ike, sa, m, bad);
    else
        ike_proved(ike, sa, m, &id, request_proved);
}
