/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Aggressive mode, RFC 2409 §5.4 (and §5.1 with signatures, where SIG and CERT stand for HASH):
 *
 *   HDR, SA, KE, Ni, IDii        -->
 *                                <--  HDR, SA, KE, Nr, IDir, NAT-D, HASH_R
 *   HDR*, NAT-D, HASH_I          -->
 *
 * Identities go in the clear, and HASH_R lets a listener try keys: it is begun only where the configuration asks for
 * it, and never when it is disabled.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

/* ---- initiator ---- */

/* It is called by a host name that has a key of its own, and not that one. */
static bool has_another_key(const struct ike *ike, const struct ike_sa *sa, const struct ike_psk *password)
{
    struct ike_id called;
    if (!ike_called_name(sa, &called))
        return false;
    const struct ike_psk *its = ike_psk_of_called(ike->policy, sa->profile, &sa->local.addr, &sa->began_with, &called);
    return its && !ike_same_secret(ike->policy, its->id, password->id);
}

/* `crypto isakmp peer address`: who is there may be another one than the name that is called. */
bool v1_aggressive_wanted(const struct ike *ike, struct ike_sa *sa)
{
    const struct ike_policy *p = ike->policy;
    const struct ike_aggressive_peer *peer = ike_aggressive_at(p, &sa->began_with);
    bool has_password = peer && peer->key.local.n;
    bool is_another = has_password && has_another_key(ike, sa, &peer->key);
    if (peer && !is_another) {
        sa->v1->aggressive_peer = peer;
        sa->is_by_password = has_password;
    }
    bool by_profile = sa->profile && sa->profile->version == 1 && sa->profile->aggressive;
    return !p->aggressive_disabled && (sa->v1->aggressive_peer || by_profile);
}

static void send_first(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    struct wr w;
    struct ike_chain c;
    if (!v1_own_half(ike, sa, j)) {
        v1_give_up(ike, sa);
        return;
    }
    v1_begin(ike, sa, &w, &c, X1_AGGRESSIVE);
    size_t at = ike_pl_begin(&c, PL1_SA);
    v1_offer(&w, ike, sa);
    ike_pl_end(&c, at);
    bool kept = v1_keep(&v->sa_i, &v->sa_i_len, w.p + at + 4, w.n - at - 4);
    ike_pl_bytes(&c, PL1_KE, v->ke_i, ike_dh_len(j->group));
    ike_pl_bytes(&c, PL1_NONCE, v->ni, v->ni_len);
    at = v1_id_write(ike, sa, &c);
    kept = kept && v1_keep(&v->id_i, &v->id_i_len, w.p + at, w.n - at);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_AGGRESSIVE_1);
    if (!kept || !v1_finish(ike, sa, &w, false))
        v1_give_up(ike, sa);
}

/* The Diffie-Hellman value goes with the offer, so that all of it is of the first usable policy's group and method. */
void v1_aggressive_start(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_v1_policy *first = v1_first_policy(ike, sa);
    if (!first) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "there is no isakmp policy for aggressive mode");
        v1_give_up(ike, sa);
        return;
    }
    sa->v1->only_like = sa->policy = first;
    ike_job_start(ike, sa, (enum algo_id)first->dh, NULL, NULL, 0, send_first);
}

/* As if the answer had not come: it may have been forged. */
static void back(struct ike *ike, struct ike_sa *sa, struct ike_job *j, const char *why)
{
    sa->v1->dh = j->dh;
    j->dh = NULL;
    ike_peer_spi_known(ike, sa, 0);
    memset(sa->v1->last_in, 0, sizeof sa->v1->last_in);
    (void)!v1_not_proved(ike, sa, why);
    if (sa->request_tries < IKE_RETRANSMIT_TRIES)
        sa->retransmit_at = ike->now + ike_jitter(ike, (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries, 2);
    ike_timer_update(ike, sa);
}

static void send_last(struct ike *ike, struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    struct wr w;
    struct ike_chain c;
    if (sa->nat_local || sa->nat_remote)
        ike_float(sa);
    v1_begin(ike, sa, &w, &c, X1_AGGRESSIVE);
    v1_proof_write(ike, sa, &c, (struct ike_iov){v->id_i, v->id_i_len});
    v1_nat_write(ike, sa, &c);
    if (ike_is_first_contact(ike, sa))
        v1_initial_contact_write(sa, &c);
    if (!v1_finish(ike, sa, &w, true)) {
        v1_give_up(ike, sa);
        return;
    }
    sa->retransmit_at = 0; /* sent again when the peer's is */
    v1_established(ike, sa);
    v1_next(ike, sa);
}

static void responder_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    if (bad) {
        v1_refuse(ike, sa, bad);
        return;
    }
    v1_nat_read(ike, sa, m);
    send_last(ike, sa);
}

static void answered(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    struct ike_id id;
    struct ike_header h;
    struct ike_message m = {0};
    uint8_t inner;
    struct rd r = rd_of(v->answer, v->answer_len);
    bool whole = ike_header_read(&r, &h);
    m.h = h;
    whole = whole && ike_chain_read(&r, h.next, &m, &inner);
    const struct ike_payload *idr = whole ? ike_find(&m, PL1_ID, 0) : NULL;
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || v1_key_owner(ike, sa, NULL, &owner); /* who calls knows whom */
    const char *bad = !j->ok     ? "the peer's Diffie-Hellman value is refused (RFC 6989)"
                      : !has_key ? "there is no pre-shared key for the peer"
                                 : NULL;
    if (!bad && !v1_keys(ike, sa, j->shared, psk ? &owner : NULL))
        bad = "keys cannot be made";
    if (!bad)
        bad = v1_check_peer(ike, sa, idr, &id, &m);
    if (bad) {
        back(ike, sa, j, bad);
        return;
    }
    ike_proved(ike, sa, &m, &id, responder_proved);
}

void v1_aggressive_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    char why[256];
    if (!pl || !m->h.spi_r || !v->dh)
        return;
    if (!v1_choose(ike, pl, sa, &v->chosen, &v->proposal_number, why)) {
        (void)!v1_not_proved(ike, sa, "the peer chose what was not offered");
        return;
    }
    /* what it is about is read again when the secret is there */
    if (!v1_take_ke(sa, m, false) || !v1_keep(&v->answer, &v->answer_len, m->whole, m->whole_len))
        return;
    ike_peer_spi_known(ike, sa, m->h.spi_r);
    v1_vendors_read(ike, sa, m);
    sa->retransmit_at = 0;
    struct ike_dh *dh = v->dh;
    v->dh = NULL;
    ike_job_start(ike, sa, sa->suite.dh, dh, v->ke_r, ike_dh_len(sa->suite.dh), answered);
}

/* ---- responder ---- */

static void aggressive_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    struct ike_id id;
    const struct ike_payload idp = {PL1_ID, false, v->id_i, (uint16_t)v->id_i_len};
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || (ike_id_read(&idp, &id) && v1_key_owner(ike, sa, &id, &owner));
    struct wr w;
    struct ike_chain c;
    if (!j->ok || !has_key || !v1_keep(&v->ke_r, NULL, j->public_value, ike_dh_len(sa->suite.dh)) ||
        !v1_keys(ike, sa, j->shared, psk ? &owner : NULL)) {
        v1_refuse(ike, sa,
                  !j->ok     ? "the peer's Diffie-Hellman value is refused (RFC 6989)"
                  : !has_key ? "there is no pre-shared key for the peer's identity"
                             : "keys cannot be made");
        return;
    }
    const struct ike1_proposal p = {
        .number = v->proposal_number, .protocol = IKE1_PROTO_ISAKMP, .n = 1, .v = {v->chosen}};
    v1_begin(ike, sa, &w, &c, X1_AGGRESSIVE);
    size_t at = ike_pl_begin(&c, PL1_SA);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &p, true, false);
    ike_pl_end(&c, at);
    ike_pl_bytes(&c, PL1_KE, v->ke_r, ike_dh_len(sa->suite.dh));
    ike_pl_bytes(&c, PL1_NONCE, v->nr, v->nr_len);
    v1_id_proof_write(ike, sa, &c);
    v1_certreq_write(ike, sa, &c);
    v1_nat_write(ike, sa, &c);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_AGGRESSIVE_1);
    v->gave_hash = psk;
    if (!v1_finish(ike, sa, &w, false))
        v1_give_up(ike, sa);
}

void v1_aggressive_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0), *id = ike_find(m, PL1_ID, 0);
    char why[256] = "a payload is missing", t[ADDR_TEXT_MAX];
    bool found = pl && id && v1_choose(ike, pl, sa, &v->chosen, &v->proposal_number, why);
    if (!found || !v1_take_ke(sa, m, true)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL, "peer %s: aggressive mode refused: %s",
                addr_text(&sa->remote.addr, t), why);
        v1_notify(ike, sa, IKE1_PROTO_ISAKMP, 0, N1_NO_PROPOSAL_CHOSEN, NULL, 0);
        ike_sa_free(ike, sa);
        return;
    }
    if (!v1_keep(&v->sa_i, &v->sa_i_len, pl->p, pl->n) || !v1_keep(&v->id_i, &v->id_i_len, id->p, id->n)) {
        ike_sa_free(ike, sa);
        return;
    }
    v1_vendors_read(ike, sa, m);
    v->nr_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, v->nr, v->nr_len);
    ike_job_start(ike, sa, sa->suite.dh, NULL, v->ke_i, ike_dh_len(sa->suite.dh), aggressive_secret);
}

static void initiator_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    struct ike1 *v = sa->v1;
    if (bad) {
        v1_refuse(ike, sa, bad);
        return;
    }
    v1_nat_read(ike, sa, m);
    /* HASH_I does not cover it: only what is encrypted says so (RFC 2407 §4.6.3.3) */
    bool is_protected = m->h.flags & IKE1_ENCRYPTED;
    if (!ike_peer_proved(ike, sa, is_protected && v1_initial_contact(m))) {
        v1_refuse(ike, sa, IKE_LIMIT_REACHED);
        return;
    }
    free(v->out); /* nothing answers the third message */
    v->out = NULL;
    v->out_len = 0;
    bool is_first = !ike_of_same_peer(ike, sa, NULL);
    v1_established(ike, sa);
    if (is_first) /* no message of aggressive mode can say so protected */
        v1_notify(ike, sa, IKE1_PROTO_ISAKMP, 0, N1_INITIAL_CONTACT, NULL, 0);
}

bool v1_aggressive_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload idp = {PL1_ID, false, sa->v1->id_i, (uint16_t)sa->v1->id_i_len};
    struct ike_id id = {0};
    const char *bad = v1_check_peer(ike, sa, &idp, &id, m);
    if (bad)
        return v1_identity_refused(ike, sa, &id, bad);
    ike_proved(ike, sa, m, &id, initiator_proved);
    return true;
}
