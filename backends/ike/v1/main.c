/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Main mode, RFC 2409 §5, here with pre-shared keys:
 *
 *   HDR, SA               -->
 *                         <--  HDR, SA
 *   HDR, KE, Ni, NAT-D    -->
 *                         <--  HDR, KE, Nr, NAT-D
 *   HDR*, IDii, HASH_I    -->
 *                         <--  HDR*, IDir, HASH_R
 */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

/* ---- main mode, initiator ---- */

void v1_start(struct ike *ike, struct ike_sa *sa)
{
    sa->v1 = calloc(1, sizeof *sa->v1);
    if (!sa->v1 || ike->policy->n_v1 == 0) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "there is no isakmp policy");
        ike_sa_free(ike, sa);
        return;
    }
    ike->stats.negotiations++;
    sa->expire_at = ike->now + IKE_NEGOTIATION_MS;
    ike_timer_update(ike, sa);
    struct ike_occasion o = {.exchange = X1_MAIN, .on = IKE_ON_TASK, .initiator = true};
    if (v1_aggressive_wanted(ike, sa))
        o.exchange = X1_AGGRESSIVE;
    const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
    if (row)
        ike_transition_begin(ike, sa, row);
}

void v1_main_start(struct ike *ike, struct ike_sa *sa)
{
    struct wr w;
    struct ike_chain c;
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    size_t at = ike_pl_begin(&c, PL1_SA);
    v1_offer(&w, ike, sa);
    ike_pl_end(&c, at);
    bool kept = v1_keep(&sa->v1->sa_i, &sa->v1->sa_i_len, w.p + at + 4, w.n - at - 4);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_MAIN_1);
    if (!kept || !v1_finish(ike, sa, &w, false))
        v1_give_up(ike, sa);
}

void v1_say_again(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    v1_send(ike, sa, sa->v1->out, sa->v1->out_len);
}

/* False: it could not be sent. */
MUST_CHECK static bool send_ke(struct ike *ike, struct ike_sa *sa)
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
    if (sa->initiator)
        v1_said_keep(v, 0);
    return v1_finish(ike, sa, &w, false);
}

static void initiator_key(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    if (!v1_own_half(ike, sa, j) || !send_ke(ike, sa))
        v1_give_up(ike, sa);
}

void v1_main_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    struct ike1 *v = sa->v1;
    char why[256];
    if (!pl || !m->h.spi_r)
        return;
    if (!v1_choose(ike, pl, sa, &v->chosen, &v->proposal_number, why)) {
        if (!v->is_fresh && v->complaints++ < 3)
            ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer chose what was not offered: %s", why);
        return;
    }
    ike_peer_spi_known(ike, sa, m->h.spi_r);
    v1_vendors_read(ike, sa, m);
    sa->retransmit_at = 0;
    if (!v->dh || v->own_group != sa->suite.dh) {
        ike_job_start(ike, sa, sa->suite.dh, NULL, NULL, 0, initiator_key);
        return;
    }
    if (!send_ke(ike, sa)) /* the half of the one beside it */
        v1_give_up(ike, sa);
}

/* Nobody has proved that the peer sent it: as if it had not come. One that was begun for it ends. */
static void value_refused(struct ike *ike, struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    if (v->is_fresh) {
        ike->stats.auth_failed++;
        ike_sa_free(ike, sa);
        return;
    }
    memset(v->last_in, 0, sizeof v->last_in);
    memset(v->followed[1], 0, sizeof v->followed[1]);
    (void)!v1_not_proved(ike, sa, "a Diffie-Hellman value is refused (RFC 6989): the message is ignored");
    if (sa->initiator)
        sa->retransmit_at = ike->now + ike_jitter(ike, (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries, 2);
    else
        ike_half_open_set(ike, sa, IKE_HALF_EARLY);
    ike_timer_update(ike, sa);
}

static void third_message(struct ike *ike, struct ike_sa *sa, const struct ike_job *j)
{
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || v1_key_owner(ike, sa, NULL, &owner);
    struct wr w;
    struct ike_chain c;
    if (!has_key || !v1_keys(ike, sa, j->shared, psk ? &owner : NULL)) {
        v1_refuse(ike, sa, !has_key ? "there is no pre-shared key for the peer" : "keys cannot be made");
        return;
    }
    if (sa->nat_local || sa->nat_remote)
        ike_float(sa);
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    v1_id_proof_write(ike, sa, &c);
    if (ike_is_first_contact(ike, sa))
        v1_initial_contact_write(sa, &c);
    ike_state_set(ike, sa, IKE_MAIN_3);
    v1_said_keep(sa->v1, 1);
    if (!v1_finish(ike, sa, &w, true))
        v1_give_up(ike, sa);
}

static void initiator_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    if (j->ok)
        third_message(ike, sa, j);
    else
        value_refused(ike, sa);
}

void v1_main_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    bool lacks_nat_d =
        v->peer_natt && !ike_find(m, PL1_NAT_D, 0); /* who speaks NAT traversal sends it (RFC 3947 §3.2) */
    if (!v->dh || lacks_nat_d || !v1_take_ke(sa, m, false))
        return;
    v1_nat_read(ike, sa, m);
    sa->retransmit_at = 0;
    ike_job_start(ike, sa, sa->suite.dh, ike_dh_share(v->dh), v->ke_r, ike_dh_len(sa->suite.dh), initiator_secret);
}

static void responder_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    if (bad) {
        v1_refuse(ike, sa, bad);
        return;
    }
    if (v1_initial_contact(m))
        ike_peer_restarted(ike, sa);
    v1_established(ike, sa);
    v1_next(ike, sa);
}

bool v1_main_6(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_id id = {0};
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), &id, m);
    if (bad)
        return v1_identity_refused(ike, sa, &id, bad);
    sa->retransmit_at = 0;
    ike_timer_update(ike, sa);
    ike_proved(ike, sa, m, &id, responder_proved);
    return true;
}

/* ---- main mode, responder ---- */

void v1_main_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    struct wr w;
    struct ike_chain c;
    char why[256], t[ADDR_TEXT_MAX];
    if (!pl || !v1_choose(ike, pl, sa, &sa->v1->chosen, &sa->v1->proposal_number, why)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL, "peer %s: main mode refused: %s",
                addr_text(&sa->remote.addr, t), pl ? why : "no proposals");
        v1_notify(ike, sa, IKE1_PROTO_ISAKMP, 0, N1_NO_PROPOSAL_CHOSEN, NULL, 0);
        ike_sa_free(ike, sa);
        return;
    }
    if (!v1_keep(&sa->v1->sa_i, &sa->v1->sa_i_len, pl->p, pl->n)) {
        ike_sa_free(ike, sa);
        return;
    }
    v1_vendors_read(ike, sa, m);
    const struct ike1_proposal p = {
        .number = sa->v1->proposal_number, .protocol = IKE1_PROTO_ISAKMP, .n = 1, .v = {sa->v1->chosen}};
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    size_t at = ike_pl_begin(&c, PL1_SA);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &p, true, false);
    ike_pl_end(&c, at);
    v1_vendor_ids(ike, &c);
    ike_state_set(ike, sa, IKE_MAIN_1);
    if (!v1_finish(ike, sa, &w, false))
        ike_sa_free(ike, sa);
}

/* The first of those that begin from one first message makes our half, and keeps it for the others. */
MUST_CHECK static bool keep_half(struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    if (v->dh)
        return true;
    v->dh = j->dh;
    j->dh = NULL;
    return v1_keep(&v->ke_r, NULL, j->public_value, ike_dh_len(sa->suite.dh));
}

static void second_message(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || v1_key_owner(ike, sa, NULL, &owner);
    if (!has_key || !keep_half(sa, j) || !v1_keys(ike, sa, j->shared, psk ? &owner : NULL)) {
        v1_refuse(ike, sa, !has_key ? "there is no pre-shared key for the peer's address" : "keys cannot be made");
        return;
    }
    v1_spare(ike, sa);
    if (!send_ke(ike, sa))
        v1_give_up(ike, sa);
}

static void responder_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    if (j->ok)
        second_message(ike, sa, j);
    else
        value_refused(ike, sa);
}

void v1_main_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    /* our cookie has come back: the peer is where it says */
    if (!ike_half_open_admit(ike, 1, IKE_HALF_PROVED, &sa->local.addr, &sa->remote.addr)) {
        memset(v->last_in, 0, sizeof v->last_in); /* when it comes again there may be room */
        memset(v->followed[1], 0, sizeof v->followed[1]);
        ike->stats.dropped++;
        return;
    }
    if (!v1_take_ke(sa, m, true))
        return;
    ike_half_open_set(ike, sa, IKE_HALF_PROVED);
    v1_vendors_read(ike, sa, m);
    v1_nat_read(ike, sa, m);
    if (!v->nr_len) {
        v->nr_len = NONCE1_LEN;
        ike->host.random(ike->host.ctx, v->nr, v->nr_len);
    }
    struct ike_dh *own = v->dh ? ike_dh_share(v->dh) : NULL;
    ike_job_start(ike, sa, sa->suite.dh, own, v->ke_i, ike_dh_len(sa->suite.dh), responder_secret);
}

static void initiator_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    struct wr w;
    struct ike_chain c;
    if (bad) {
        v1_refuse(ike, sa, bad);
        return;
    }
    if (!ike_peer_proved(ike, sa, v1_initial_contact(m))) {
        v1_refuse(ike, sa, IKE_LIMIT_REACHED);
        return;
    }
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    v1_id_proof_write(ike, sa, &c);
    if (!ike_of_same_peer(ike, sa, NULL)) /* it may have called because its old SAs are not answered any more */
        v1_initial_contact_write(sa, &c);
    if (v1_finish(ike, sa, &w, true))
        v1_established(ike, sa);
}

bool v1_main_5(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_id id = {0};
    if (v1_stands_already(ike, sa))
        return false;
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), &id, m);
    if (bad)
        return v1_identity_refused(ike, sa, &id, bad);
    ike_proved(ike, sa, m, &id, initiator_proved);
    return true;
}

/* ---- which message this is ---- */

MUST_CHECK static bool is_heard(const struct ike1 *v, const uint8_t digest[static 32])
{
    return ike_equal(digest, v->last_in, 32) || ike_equal(digest, v->followed[0], 32) ||
           ike_equal(digest, v->followed[1], 32);
}

/* Sent again: so does the responder, to where it came from; did the initiator too, both would go on for ever. Of
 * aggressive mode the last message is the initiator's, which nothing answers. */
static void answer_again(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                         uint8_t exchange)
{
    const struct ike1 *v = sa->v1;
    const struct ike_end was_local = sa->local, was_remote = sa->remote;
    bool answers = !sa->initiator || exchange == X1_AGGRESSIVE;
    if (!v->out || !answers || sa->busy || ike_is(sa, IKE_OUTDATED))
        return;
    if (!sa->initiator) {
        sa->local = *local;
        sa->remote.port = remote->port;
    }
    v1_send(ike, sa, v->out, v->out_len);
    sa->local = was_local;
    sa->remote = was_remote;
    v1_heard_again_from(ike, sa, &(struct ike_ends){*local, *remote}, 0);
}

/* To another address of ours comes nothing that is its own; nor, where there is no NAT, what proves the peer between
 * other ports than those of the first messages or NAT traversal's. In aggressive mode that message alone says whether
 * there is a NAT. */
static bool is_from_elsewhere(struct ike *ike, const struct ike_sa *sa, const struct ike_ends *at,
                              const struct ike_message *m)
{
    bool is_ours = sa->local.addr.family == FAMILY_NONE || addr_eq(&sa->local.addr, &at->local.addr);
    bool is_same = at->remote.port == sa->remote.port && at->local.port == sa->local.port;
    bool is_natt = at->remote.port == IKE_PORT_NATT && at->local.port == IKE_PORT_NATT;
    bool proves = m->h.flags & IKE1_ENCRYPTED && !sa->initiator;
    if (!is_ours || !proves || is_same || is_natt)
        return !is_ours;
    if (at->local.port != IKE_PORT_NATT) /* who changes ports comes to that one (RFC 3947 §4) */
        return true;
    if (m->h.exchange == X1_AGGRESSIVE)
        return v1_nat_says(ike, sa, m, &sa->remote);
    return !sa->nat_remote;
}

/* Who is called answers from where he was called; only who answers learns from a message where the other one is. */
static void take_ends(struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    sa->local.addr = local->addr;
    if (sa->initiator)
        return;
    sa->local.port = local->port;
    sa->remote.port = remote->port;
    sa->floated |= local->port == IKE_PORT_NATT;
}

static const struct ike_transition *row_for(const struct ike_sa *sa, const struct ike_header *h)
{
    struct ike_occasion o = {.exchange = h->exchange, .on = IKE_ON_REQUEST, .initiator = sa->initiator};
    if (sa->initiator)
        o.on = IKE_ON_RESPONSE;
    else if (ike_is(sa, IKE_EMPTY))
        o.on = IKE_ON_FIRST;
    const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
    bool encrypted = h->flags & IKE1_ENCRYPTED;
    bool belongs = row && (encrypted ? row->proves != NULL : row->in_clear);
    return belongs ? row : NULL;
}

/* A message that cannot be read: in practice for one reason. */
MUST_CHECK static bool unreadable(struct ike *ike, struct ike_sa *sa)
{
    ike->stats.malformed++;
    return v1_not_proved(ike, sa,
                         v1_by_signature(sa) ? "the message that should prove it cannot be read"
                                             : "the message that should prove it cannot be read: its pre-shared key is "
                                               "another one than ours");
}

/* What is encrypted proves the peer, or is taken as if it had not come. */
MUST_CHECK static bool hear_proof(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row,
                                  const struct ike_message *m, const uint8_t iv[static 16],
                                  const uint8_t digest[static 32])
{
    const uint64_t id = sa->id, spi = sa->own_spi;
    uint8_t was_iv[16];
    memcpy(was_iv, sa->v1->iv, 16);
    memcpy(sa->v1->iv, iv, 16);
    if (!ike_transition_proves(ike, sa, row, m)) {
        memcpy(sa->v1->iv, was_iv, 16);
        return false;
    }
    if (ike_still(ike, spi, id))
        memcpy(sa->v1->last_in, digest, 32);
    return true;
}

bool v1_main(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
             const uint8_t *p, size_t n, struct ike_header h)
{
    struct ike1 *v = sa->v1;
    uint8_t digest[32], iv[16], inner;
    struct ike_message m = {.h = h, .whole = p, .whole_len = n};
    struct rd r = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    bool encrypted = h.flags & IKE1_ENCRYPTED;
    bool by_place = !sa->initiator && !encrypted; /* what is authentic may be asked for from anywhere */
    if (h.id != 0 || !v1_heard_digest(ike, by_place, local, remote, (struct ike_iov){p, n}, digest))
        return true;
    if (is_heard(v, digest)) {
        if (ike_equal(digest, v->last_in, 32))
            answer_again(ike, sa, local, remote, h.exchange);
        return true;
    }
    const struct ike_transition *row = sa->busy ? NULL : row_for(sa, &h);
    /* of two with the same keys the proof is for the one that has asked from there */
    bool is_anothers = encrypted && sa->initiator && local->port != sa->local.port && v1_has_rival(ike, sa);
    if (!row || is_anothers)
        return false;
    memcpy(iv, v->iv, 16);
    if (encrypted && !v1_may_be_ours(ike, sa, p, n, iv))
        return unreadable(ike, sa);
    if (encrypted)
        r = rd_of(ike->plain, v1_decrypt(ike, sa, p, n, iv));
    if (encrypted && !r.n)
        return false;
    if (!ike_chain_read(&r, h.next, &m, &inner) || !ike_transition_fits(row, &m)) {
        if (encrypted)
            return unreadable(ike, sa);
        return false;
    }
    if (is_from_elsewhere(ike, sa, &(struct ike_ends){*local, *remote}, &m))
        return false;
    const struct ike_end was_local = sa->local, was_remote = sa->remote;
    const uint64_t id = sa->id, spi = sa->own_spi;
    const bool was_floated = sa->floated;
    take_ends(sa, local, remote);
    if (row->proves) {
        bool proved = hear_proof(ike, sa, row, &m, iv, digest);
        sa = ike_still(ike, spi, id);
        if (sa && !proved) {
            sa->local = was_local;
            sa->remote = was_remote;
            sa->floated = was_floated;
        }
        return proved;
    }
    memcpy(v->last_in, digest, 32);
    memcpy(v->followed[(row->needs & IKE_PAYLOAD(PL1_KE)) != 0], digest, 32);
    sa->last_in = ike->now;
    ike_transition_heard(ike, sa, row, &m);
    return true;
}
