/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CREATE_CHILD_SA as it is answered (RFC 7296 §1.3): decided once, computed, made; TEMPORARY_FAILURE where something is
 * in the way (§2.25). */
#include <stdlib.h>

#include "backends/ike/v2/create.h"

static void pending_end(struct ike_sa *sa)
{
    if (sa->pending)
        ike_wipe(sa->pending, sizeof *sa->pending);
    free(sa->pending);
    sa->pending = NULL;
}

/* Answers with the error that ends a request. */
static void answer_error(struct ike *ike, struct ike_sa *sa, uint32_t id, uint16_t type)
{
    v2_respond_notify(ike, sa, X2_CREATE_CHILD, id, type, NULL, 0);
}

static void answer_not_found(struct ike *ike, struct ike_sa *sa, uint32_t id, uint8_t protocol, uint32_t spi)
{
    uint8_t b[4];
    struct wr w = wr_to(b, 4);
    struct v2_out o;
    wr_u32(&w, spi);
    v2_begin(ike, &o);
    ike2_notify_write(&o.c, protocol, b, 4, N2_CHILD_SA_NOT_FOUND, NULL, 0);
    (void)!v2_respond(ike, sa, X2_CREATE_CHILD, id, &o); /* the peer asks again */
}

/* The child as decided, and the answer. `j` NULL: there is no shared secret. */
static void child_make(struct ike *ike, struct ike_sa *sa, const struct v2_pending *p, const struct ike_job *j)
{
    struct v2_child_try try = p->child;
    struct ike_child *old = p->old_spi ? ike_child_by_spi(sa, p->old_spi, false) : NULL;
    if (p->old_spi && !old) {
        answer_not_found(ike, sa, p->id, v2_set_protocol(try.choice.set), p->old_spi);
        return;
    }
    uint8_t nr[NONCE_LEN];
    ike->host.random(ike->host.ctx, nr, sizeof nr);
    struct ike_iov shared = {NULL, 0};
    if (j)
        shared = (struct ike_iov){j->shared, ike_dh_shared_len(j->group)};
    try.old = old;
    const struct ike_iov ni = {p->ni, p->ni_len}, nr_v = {nr, sizeof nr};
    struct ike_child *c = v2_child_install(ike, sa, &try, ni, nr_v, shared);
    if (!c) {
        answer_error(ike, sa, p->id, N2_NO_PROPOSAL_CHOSEN);
        return;
    }
    if (old && ike_child_is(old, CHILD_REKEYING)) {
        old->peers_child = c; /* our own request is on its way: decided when it is answered */
    } else if (old) {
        old->state = CHILD_REPLACED;
        old->rekey_at = 0;
    }
    struct v2_out o;
    v2_begin(ike, &o);
    v2_child_ts_write(&o, &try);
    ike_pl_bytes(&o.c, PL2_NONCE, nr, sizeof nr);
    if (j)
        ike2_ke_write(&o.c, algo_get(j->group)->ikev2, j->public_value, ike_dh_len(j->group));
    if (!v2_respond(ike, sa, X2_CREATE_CHILD, p->id, &o)) {
        ike_child_free(ike, c, true);
        return;
    }
    v2_child_up(ike, c, old != NULL);
}

/* The child that a request wants to rekey: by the SPI that the peer receives with. */
static bool rekeyed_child(struct ike_sa *sa, const struct ike_message *m, struct ike_child **out, uint32_t *spi)
{
    struct ike_notify n;
    *out = NULL;
    if (!ike2_notify_find(m, N2_REKEY_SA, &n) || n.spi_len != 4)
        return false;
    struct rd r = rd_of(n.spi, 4);
    *spi = rd_u32(&r);
    *out = ike_child_by_spi(sa, *spi, false);
    return true;
}

/* The secret that a request has waited for is there. */
static void answer_pending(struct ike *ike, struct ike_sa *sa, const struct ike_job *j,
                           void (*make)(struct ike *ike, struct ike_sa *sa, const struct v2_pending *p,
                                        const struct ike_job *j))
{
    const struct v2_pending *p = sa->pending;
    if (!j->ok)
        answer_error(ike, sa, p->id, N2_INVALID_SYNTAX);
    else if (p->is_dropped || ike_has_task(sa, TASK_DELETE_IKE, 0)) /* §2.25.2: nothing new of what ends */
        answer_error(ike, sa, p->id, N2_TEMPORARY_FAILURE);
    else
        make(ike, sa, p, j);
    pending_end(sa);
    v2_next(ike, sa);
}

static void responder_child_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    answer_pending(ike, sa, j, child_make);
}

/* Decides, once; computes the secret where one is asked for. */
static void child_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_child *old)
{
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0);
    struct v2_pending *p = calloc(1, sizeof *p);
    char why[256];
    if (!p) {
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    sa->pending = p;
    p->id = m->h.id;
    p->old_spi = old ? old->spi_out : 0;
    p->ni_len = nonce->n;
    memcpy(p->ni, nonce->p, nonce->n);
    uint16_t error = v2_child_accept(ike, sa, m, true, old, &p->child, why);
    enum algo_id group = (enum algo_id)p->child.choice.dh;
    if (error) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "child SA refused (%s): %s", ike2_notify_name(error), why);
        answer_error(ike, sa, p->id, error);
    } else if (group == ALGO_NONE) {
        child_make(ike, sa, p, NULL);
    } else {
        const uint8_t *value = v2_public_value_of(m, group), want[2] = {0, (uint8_t)algo_get(group)->ikev2};
        if (value) {
            ike_job_start(ike, sa, group, NULL, value, ike_dh_len(group), responder_child_secret);
            return;
        }
        v2_respond_notify(ike, sa, X2_CREATE_CHILD, p->id, N2_INVALID_KE_PAYLOAD, want, 2);
    }
    pending_end(sa);
}

/* The peer's successor of the IKE SA, with its keys; NULL: out of memory. */
static struct ike_sa *peers_successor(struct ike *ike, struct ike_sa *sa, const struct v2_pending *p,
                                      const struct ike_job *j, struct ike_iov nr)
{
    struct ike_sa *fresh = ike_sa_new(ike, 2, false, &sa->local, &sa->remote);
    const struct ike_iov ni = {p->ni, p->ni_len};
    if (!fresh)
        return NULL;
    fresh->keys = calloc(1, sizeof *fresh->keys);
    ike_peer_spi_known(ike, fresh, v2_spi64(&p->ike.chosen));
    fresh->suite = p->ike.suite;
    fresh->low_nonce = v2_low_nonce(ni, nr);
    if (fresh->keys && ike2_keys(ike->crypto, &fresh->suite, j->shared, ike_dh_shared_len(j->group), ni, nr,
                                 fresh->spi_i, fresh->spi_r, sa->keys->d, sa->suite.prf, fresh->keys))
        return fresh;
    ike_sa_free(ike, fresh);
    return NULL;
}

static void ike_make(struct ike *ike, struct ike_sa *sa, const struct v2_pending *p, const struct ike_job *j)
{
    uint8_t nr[NONCE_LEN];
    ike->host.random(ike->host.ctx, nr, sizeof nr);
    struct ike_sa *fresh = peers_successor(ike, sa, p, j, (struct ike_iov){nr, sizeof nr});
    if (!fresh) {
        answer_error(ike, sa, p->id, N2_TEMPORARY_FAILURE);
        return;
    }
    struct ike2_proposal chosen = p->ike.chosen;
    struct v2_out o;
    v2_begin(ike, &o);
    struct wr s = wr_to(chosen.spi, 8);
    wr_u64(&s, fresh->own_spi);
    size_t at = ike_pl_begin(&o.c, PL2_SA);
    ike2_proposal_write(&o.w, &chosen, true);
    ike_pl_end(&o.c, at);
    ike_pl_bytes(&o.c, PL2_NONCE, nr, sizeof nr);
    ike2_ke_write(&o.c, algo_get(j->group)->ikev2, j->public_value, ike_dh_len(j->group));
    if (!v2_successor_of(ike, sa, fresh)) {
        ike_sa_free(ike, fresh);
        answer_error(ike, sa, p->id, N2_TEMPORARY_FAILURE);
        return;
    }
    if (!v2_respond(ike, sa, X2_CREATE_CHILD, p->id, &o)) {
        ike_sa_free(ike, fresh);
        return;
    }
    if (sa->current && sa->current->kind == TASK_REKEY_IKE) {
        sa->peers_sa = fresh; /* ours is on its way too */
        fresh->replaces = sa;
        return;
    }
    v2_inherit(ike, sa, fresh);
    ike_replaced_make_room(ike, sa);
    v2_next(ike, fresh);
}

static void responder_ike_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    answer_pending(ike, sa, j, ike_make);
}

static void ike_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0);
    bool about_child = sa->current && (sa->current->kind == TASK_CHILD || sa->current->kind == TASK_REKEY_CHILD ||
                                       sa->current->kind == TASK_DELETE_CHILD);
    struct v2_pending *p = about_child || sa->peers_sa ? NULL : calloc(1, sizeof *p);
    if (!p) {
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    sa->pending = p;
    p->id = m->h.id;
    p->is_ike = true;
    p->ni_len = nonce->n;
    memcpy(p->ni, nonce->p, nonce->n);
    v2_choose_ike(v2_policy_for(ike, &sa->local.addr), ike_find(m, PL2_SA, 0), 8, &p->ike);
    enum algo_id group = p->ike.suite.dh;
    if (!p->ike.found || !v2_spi64(&p->ike.chosen)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer's rekeying of the IKE SA is refused: %s", p->ike.why);
        answer_error(ike, sa, p->id, N2_NO_PROPOSAL_CHOSEN);
    } else {
        const uint8_t *value = v2_public_value_of(m, group), want[2] = {0, (uint8_t)algo_get(group)->ikev2};
        if (value) {
            ike_job_start(ike, sa, group, NULL, value, ike_dh_len(group), responder_ike_secret);
            return;
        }
        v2_respond_notify(ike, sa, X2_CREATE_CHILD, p->id, N2_INVALID_KE_PAYLOAD, want, 2);
    }
    pending_end(sa);
}

void v2_create_too_late(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
}

void v2_create_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0);
    struct rd r = rd_of(sap->p, sap->n);
    struct ike2_proposal p;
    struct ike_child *old;
    uint32_t spi = 0;
    v2_peers_is_used(ike, sa);
    if (!ike2_proposal_read(&r, &p) || !v2_nonce_fits(ike_find(m, PL2_NONCE, 0))) {
        answer_error(ike, sa, m->h.id, N2_INVALID_SYNTAX);
        return;
    }
    if (ike_has_task(sa, TASK_DELETE_IKE, 0)) { /* §2.25.2 */
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    if (p.protocol == IKE_PROTO_IKE) {
        ike_request(ike, sa, m);
        return;
    }
    if ((sa->current && sa->current->kind == TASK_REKEY_IKE) || sa->peers_sa) {
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    bool rekey = rekeyed_child(sa, m, &old, &spi);
    if (rekey && !old && v2_making_child(sa)) { /* it may be the one whose answer is on its way to us */
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    if (rekey && !old) {
        answer_not_found(ike, sa, m->h.id, p.protocol, spi);
        return;
    }
    bool busy = old && (ike_child_leaves(old) || old->peers_child);
    if (busy) { /* §2.25.1 */
        answer_error(ike, sa, m->h.id, N2_TEMPORARY_FAILURE);
        return;
    }
    child_request(ike, sa, m, old);
}
