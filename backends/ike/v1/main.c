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

#define BEGUN_AGAIN_MAX 4

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

void v1_begin_again(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    unsigned again = sa->v1->again + 1;
    const struct ike_profile *profile = sa->entry ? sa->entry->profile : sa->profile;
    (void)m;
    if (sa->busy || again > BEGUN_AGAIN_MAX)
        return;
    ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL,
            "two different answers to main mode: one of them is forged, beginning anew");
    struct ike_end local = sa->local, remote = sa->remote;
    local.port = remote.port = IKE_PORT;
    struct ike_sa *fresh = ike_sa_new(ike, 1, true, &local, &remote);
    if (!fresh)
        return;
    fresh->entry = sa->entry;
    fresh->profile = profile;
    fresh->peer_at = sa->peer_at;
    fresh->tasks = sa->tasks;
    sa->tasks = NULL;
    fresh->replaces = sa->replaces;
    if (fresh->replaces)
        fresh->replaces->replaced_by = fresh;
    sa->replaces = NULL;
    ike_sa_free(ike, sa);
    ike_timer_update(ike, fresh);
    uint64_t id = fresh->id, spi = fresh->own_spi;
    v1_start(ike, fresh);
    fresh = ike_still(ike, spi, id);
    if (fresh && fresh->v1)
        fresh->v1->again = again;
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
    char why[256];
    if (!pl || !m->h.spi_r)
        return;
    if (!v1_choose(ike, pl, sa, &sa->v1->chosen, &sa->v1->proposal_number, why)) {
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer chose what was not offered: %s", why);
        return;
    }
    ike_peer_spi_known(ike, sa, m->h.spi_r);
    v1_vendors_read(ike, sa, m);
    sa->retransmit_at = 0;
    ike_job_start(ike, sa, sa->suite.dh, NULL, NULL, 0, initiator_key);
}

static void initiator_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || v1_key_owner(ike, sa, NULL, &owner);
    struct wr w;
    struct ike_chain c;
    if (!j->ok) { /* nobody has proved that the peer sent it: as if it had not come */
        sa->v1->dh = j->dh;
        j->dh = NULL;
        memset(sa->v1->last_in, 0, sizeof sa->v1->last_in);
        (void)!v1_not_proved(ike, sa, "a Diffie-Hellman value is refused (RFC 6989): the message is ignored");
        sa->retransmit_at = ike->now + ike_jitter(ike, (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries, 2);
        ike_timer_update(ike, sa);
        return;
    }
    if (!has_key || !v1_keys(ike, sa, j->shared, psk ? &owner : NULL)) {
        v1_refuse(ike, sa, !has_key ? "there is no pre-shared key for the peer" : "keys cannot be made");
        return;
    }
    if (sa->nat_local || sa->nat_remote)
        ike_float(sa);
    v1_begin(ike, sa, &w, &c, X1_MAIN);
    v1_id_proof_write(ike, sa, &c);
    v1_initial_contact_write(ike, sa, &c);
    ike_state_set(ike, sa, IKE_MAIN_3);
    if (!v1_finish(ike, sa, &w, true))
        v1_give_up(ike, sa);
}

void v1_main_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
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

static void responder_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad)
{
    (void)m;
    if (bad) {
        v1_refuse(ike, sa, bad);
        return;
    }
    v1_established(ike, sa);
    v1_next(ike, sa);
}

bool v1_main_6(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_id id;
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), &id, m);
    if (bad)
        return v1_not_proved(ike, sa, bad);
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

static void responder_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike1 *v = sa->v1;
    bool psk = !v1_by_signature(sa);
    struct ike_key_owner owner;
    bool has_key = !psk || v1_key_owner(ike, sa, NULL, &owner);
    if (!j->ok) { /* as if the message had not come: it may have been forged */
        ike_half_open_set(ike, sa, IKE_HALF_EARLY);
        memset(v->last_in, 0, sizeof v->last_in);
        (void)!v1_not_proved(ike, sa, "a Diffie-Hellman value is refused (RFC 6989): the message is ignored");
        return;
    }
    if (!has_key || !v1_keep(&v->ke_r, NULL, j->public_value, ike_dh_len(sa->suite.dh)) ||
        !v1_keys(ike, sa, j->shared, psk ? &owner : NULL)) {
        v1_refuse(ike, sa, !has_key ? "there is no pre-shared key for the peer's address" : "keys cannot be made");
        return;
    }
    if (!send_ke(ike, sa))
        v1_give_up(ike, sa);
}

void v1_main_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike1 *v = sa->v1;
    /* our cookie has come back: the peer is where it says */
    if (!ike_half_open_admit(ike, 1, IKE_HALF_PROVED, &sa->local.addr, &sa->remote.addr)) {
        memset(v->last_in, 0, sizeof v->last_in); /* when it comes again there may be room */
        ike->stats.dropped++;
        return;
    }
    if (!v1_take_ke(sa, m, true))
        return;
    ike_half_open_set(ike, sa, IKE_HALF_PROVED);
    v1_vendors_read(ike, sa, m);
    v1_nat_read(ike, sa, m);
    v->nr_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, v->nr, v->nr_len);
    ike_job_start(ike, sa, sa->suite.dh, NULL, v->ke_i, ike_dh_len(sa->suite.dh), responder_secret);
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
    if (v1_finish(ike, sa, &w, true))
        v1_established(ike, sa);
}

bool v1_main_5(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_id id;
    const char *bad = v1_check_peer(ike, sa, ike_find(m, PL1_ID, 0), &id, m);
    if (bad)
        return v1_not_proved(ike, sa, bad);
    ike_proved(ike, sa, m, &id, initiator_proved);
    return true;
}

/* ---- which message this is ---- */

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
        if (v->out && (!sa->initiator || h.exchange == X1_AGGRESSIVE) && !ike_is(sa, IKE_OUTDATED))
            v1_send(ike, sa, v->out, v->out_len);
        return;
    }
    struct ike_occasion o = {.exchange = h.exchange, .on = IKE_ON_REQUEST, .initiator = sa->initiator};
    if (sa->initiator)
        o.on = IKE_ON_RESPONSE;
    else if (ike_is(sa, IKE_EMPTY))
        o.on = IKE_ON_FIRST;
    const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
    bool encrypted = h.flags & IKE1_ENCRYPTED;
    bool belongs = row && (encrypted ? row->proves != NULL : row->in_clear);
    if (!belongs) {
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
    if (!ike_chain_read(&r, h.next, &m, &inner) || !ike_transition_fits(row, &m)) {
        ike->stats.malformed++;
        if (encrypted) /* the one reason in practice */
            (void)!v1_not_proved(ike, sa,
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
    if (row->proves) {
        if (!ike_transition_proves(ike, sa, row, &m)) { /* as if it had not come */
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
    ike_transition_heard(ike, sa, row, &m);
}
