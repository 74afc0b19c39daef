/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CREATE_CHILD_SA, RFC 7296 §1.3: a new child, a child's successor, the IKE SA's successor; collisions after §2.8 and
 * §2.25.
 *
 *   HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] [TSi, TSr]}  -->
 *                                  <--  HDR, SK {SA, Nr, [KEr,] [TSi, TSr]}
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

#define RETRY_MS 3000      /* after TEMPORARY_FAILURE */
#define REPLACED_MS 120000 /* an old IKE SA whose deletion never comes */

struct create {
    uint8_t nonce[NONCE_LEN];
    struct ike_dh *dh;
    uint16_t group; /* ALGO_NONE: without KE */
    unsigned tries;
    struct ike_sa *fresh; /* the IKE SA's successor */
    uint32_t fresh_spi;   /* of the new child */
    struct ike_child as;  /* what it takes the place of, as it was: the peer may have deleted it meanwhile */
    uint8_t *copy;        /* the answer, while the shared secret is made */
    size_t copy_len;
    struct ike *ike;
};

static void create_free(void *p)
{
    struct create *x = p;
    ike_dh_free(x->dh);
    if (x->fresh)
        ike_sa_free(x->ike, x->fresh);
    free(x->copy);
    ike_wipe(x, sizeof *x);
    free(x);
}

/* A message kept as header and chain in one block. */
static bool keep(uint8_t **to, size_t *len, const struct ike_message *m)
{
    size_t n = 0;
    for (unsigned i = 0; i < m->n; i++)
        n += m->v[i].n + 4u;
    uint8_t *b = malloc(n + IKE_HEADER_LEN);
    free(*to);
    *to = b;
    *len = n + IKE_HEADER_LEN;
    if (!b)
        return false;
    struct wr w = wr_to(b, *len);
    struct ike_header h = m->h;
    h.next = PL_NONE;
    ike_header_write(&w, &h);
    struct ike_chain c = {&w, 16};
    for (unsigned i = 0; i < m->n; i++)
        ike_pl_bytes(&c, m->v[i].type, m->v[i].p, m->v[i].n);
    ike_header_finish(&w, 0);
    return !w.bad;
}

static bool again(const uint8_t *p, size_t n, struct ike_message *m)
{
    struct rd r = rd_of(p, n);
    uint8_t inner;
    *m = (struct ike_message){.n = 0};
    return ike_header_read(&r, &m->h) && ike_chain_read(&r, m->h.next, m, &inner);
}

/* ---- initiator ---- */

static void send_request(struct ike *ike, struct ike_sa *sa, const uint8_t *public_value)
{
    struct create *x = sa->exchange;
    const struct ike_task *t = sa->current;
    const struct algo *g = algo_get((enum algo_id)x->group);
    struct v2_out o;
    v2_begin(ike, &o);
    if (t->kind == TASK_REKEY_IKE) {
        size_t at = ike_pl_begin(&o.c, PL2_SA);
        v2_ike_proposals(&o.w, v2_policy_for(ike, &sa->local.addr), x->fresh->own_spi, 8);
        ike_pl_end(&o.c, at);
    } else {
        struct ike_child *c = t->kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
        if (c) {
            uint8_t spi[4];
            struct wr w = wr_to(spi, 4);
            wr_u32(&w, c->spi_in);
            ike2_notify_write(&o.c, c->set->ah.alg ? IKE_PROTO_AH : IKE_PROTO_ESP, spi, 4, N2_REKEY_SA, NULL, 0);
            c->state = CHILD_REKEYING;
        }
        v2_child_offer(ike, sa, &o, t, x->fresh_spi, x->group != ALGO_NONE);
    }
    ike_pl_bytes(&o.c, PL2_NONCE, x->nonce, sizeof x->nonce);
    if (x->group != ALGO_NONE)
        ike2_ke_write(&o.c, g->ikev2, public_value, ike_dh_len((enum algo_id)x->group));
    if (!v2_request(ike, sa, X2_CREATE_CHILD, &o)) {
        ike_log(ike, EV_REFUSED, IKE_ERROR, sa, NULL, "CREATE_CHILD_SA cannot be made");
        ike_exchange_end(sa);
    }
}

static void key_made(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct create *x = sa->exchange;
    if (!j->ok) {
        ike_exchange_end(sa);
        return;
    }
    x->dh = j->dh;
    j->dh = NULL;
    send_request(ike, sa, j->public_value);
}

static void begin(struct ike *ike, struct ike_sa *sa, enum algo_id group)
{
    struct create *x = sa->exchange;
    x->group = (uint16_t)group;
    if (group == ALGO_NONE)
        send_request(ike, sa, NULL);
    else
        ike_job_start(ike, sa, group, NULL, NULL, 0, key_made);
}

void v2_create_start(struct ike *ike, struct ike_sa *sa)
{
    struct ike_task *t = sa->current;
    struct create *x = calloc(1, sizeof *x);
    sa->exchange = x;
    sa->exchange_free = create_free;
    if (!x) {
        ike_exchange_end(sa);
        return;
    }
    x->ike = ike;
    ike->host.random(ike->host.ctx, x->nonce, sizeof x->nonce);
    if (t->kind == TASK_REKEY_IKE) {
        x->fresh = ike_sa_new(ike, 2, true, &sa->local, &sa->remote);
        if (x->fresh) {
            x->fresh->held_by = &x->fresh;
            begin(ike, sa, sa->suite.dh);
        } else {
            ike_exchange_end(sa);
        }
        return;
    }
    x->fresh_spi = ike_spi_new(ike);
    struct ike_child *c = t->kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
    if (c) { /* what stands, is asked for again */
        t->entry = c->entry;
        t->narrow = true;
        t->flow_src = c->ts_local;
        t->flow_dst = c->ts_remote;
        x->as = *c;
    }
    begin(ike, sa, (enum algo_id)t->entry->pfs);
}

static void retry(struct ike *ike, struct ike_sa *sa)
{
    struct ike_task t = *sa->current;
    struct ike_child *c = t.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t.spi, true) : NULL;
    if (c && c->state == CHILD_REKEYING)
        c->state = CHILD_UP;
    ike_exchange_end(sa);
    t.not_before = ike->now + ike_jitter(ike, RETRY_MS, 5);
    if (++t.tries <= 10 && (t.kind != TASK_REKEY_CHILD || c))
        ike_task_add(sa, t);
}

static void child_finished(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, struct ike_iov shared)
{
    struct create *x = sa->exchange;
    const struct ike_task t = *sa->current;
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0);
    struct ike_task with_spi = t;
    struct v2_child_try try;
    char why[256];
    with_spi.spi = x->fresh_spi;
    uint16_t error = v2_child_answer(ike, sa, m, &with_spi, true, &try, why);
    struct ike_child *old = t.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t.spi, true) : NULL;
    if (!error && (!nonce || nonce->n < 16 || nonce->n > NONCE_MAX || try.choice.dh != x->group)) {
        error = N2_NO_PROPOSAL_CHOSEN;
        snprintf(why, sizeof why, "the peer chose another group than was offered");
    }
    if (error) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, old, "map %s entry %u: no %schild SA: %s", t.entry->map, t.entry->seq,
                old ? "new " : "", why);
        if (old && old->state == CHILD_REKEYING)
            old->state = CHILD_UP; /* until its time is over */
        ike_exchange_end(sa);
        return;
    }
    try.old = old ? old : t.kind == TASK_REKEY_CHILD ? &x->as : NULL;
    struct ike_child *c = v2_child_install(ike, sa, &try, (struct ike_iov){x->nonce, sizeof x->nonce},
                                           (struct ike_iov){nonce->p, nonce->n}, shared);
    if (c && !old)
        c->successor_of = NULL;
    ike_exchange_end(sa);
    if (!c) { /* the peer has SAs that we do not have */
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
        return;
    }
    v2_child_up(ike, c, old != NULL);
    if (!old)
        return;
    struct ike_child *other = old->peers_child;
    if (other && c->low_nonce && other->low_nonce && memcmp(c->low_nonce, other->low_nonce, NONCE_MAX) < 0) {
        /* both rekeyed: the one with the lowest nonce goes, and who made it deletes it (§2.8.1) */
        c->state = CHILD_DELETING;
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
        old->state = CHILD_REPLACED;
        old->rekey_at = 0;
        return;
    }
    old->state = CHILD_DELETING;
    old->rekey_at = 0;
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = old->spi_in});
}

/* Everything that lives on goes over to the successor. */
static void inherit(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh)
{
    while (old->children)
        ike_child_move(old->children, fresh);
    for (struct ike_task **p = &old->tasks, *t; (t = *p);) {
        if (t->kind == TASK_DELETE_IKE || t->kind == TASK_REKEY_IKE) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        ike_task_add(fresh, *t);
        free(t);
    }
    ike_state_set(ike, old, IKE_REPLACED);
    old->rekey_at = old->dpd_at = old->keepalive_at = 0;
    old->expire_at = ike->now + REPLACED_MS;
    ike_timer_update(ike, old);
    ike_timer_update(ike, fresh);
}

static void successor_of(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh)
{
    fresh->entry = old->entry;
    fresh->profile = old->profile;
    fresh->proposal = old->proposal;
    fresh->peer_at = old->peer_at;
    fresh->nat_local = old->nat_local;
    fresh->nat_remote = old->nat_remote;
    fresh->floated = old->floated;
    fresh->peer_fragments = old->peer_fragments;
    fresh->psk_auth = old->psk_auth;
    if (old->peer_id && (fresh->peer_id = malloc(old->peer_id_len))) {
        memcpy(fresh->peer_id, old->peer_id, old->peer_id_len);
        fresh->peer_id_len = old->peer_id_len;
    }
    v2_established(ike, fresh);
}

static uint64_t spi64(const struct ike2_proposal *p)
{
    struct rd r = rd_of(p->spi, 8);
    return rd_u64(&r);
}

static void ike_finished(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const uint8_t *shared)
{
    struct create *x = sa->exchange;
    struct ike_sa *fresh = x->fresh;
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *nonce = ike_find(m, PL2_NONCE, 0);
    struct v2_choice choice;
    const struct ike_iov ni = {x->nonce, sizeof x->nonce};
    v2_choose_ike(v2_policy_for(ike, &sa->local.addr), sap, 8, &choice);
    if (!choice.found || choice.suite.dh != (enum algo_id)x->group || !spi64(&choice.chosen) || nonce->n < 16 ||
        nonce->n > NONCE_MAX || !(fresh->keys = calloc(1, sizeof *fresh->keys))) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the IKE SA cannot be rekeyed: %s", choice.why);
        ike_exchange_end(sa);
        return;
    }
    const struct ike_iov nr = {nonce->p, nonce->n};
    fresh->held_by = NULL;
    x->fresh = NULL;
    ike_peer_spi_known(ike, fresh, spi64(&choice.chosen));
    fresh->suite = choice.suite;
    bool ok = ike2_keys(ike->crypto, &fresh->suite, shared, ike_dh_shared_len(fresh->suite.dh), ni, nr, fresh->spi_i,
                        fresh->spi_r, sa->keys->d, sa->suite.prf, fresh->keys);
    uint8_t *low = v2_low_nonce(ni, nr);
    struct ike_sa *other = sa->peers_sa;
    bool lost = other && low && other->low_nonce && memcmp(low, other->low_nonce, NONCE_MAX) < 0;
    free(low);
    ike_exchange_end(sa);
    if (!ok) {
        ike_sa_free(ike, fresh);
        return;
    }
    successor_of(ike, sa, fresh);
    inherit(ike, sa, lost ? other : fresh);
    if (lost) { /* the peer deletes the old one, we ours (§2.8.2) */
        ike_task_add(fresh, (struct ike_task){.kind = TASK_DELETE_IKE});
        v2_next(ike, fresh);
        v2_next(ike, other);
        return;
    }
    if (other) { /* the peer deletes what it made; if it never heard of it, it goes by itself */
        ike_state_set(ike, other, IKE_REPLACED);
        other->rekey_at = other->dpd_at = other->keepalive_at = 0;
        other->expire_at = ike->now + REPLACED_MS;
        ike_timer_update(ike, other);
    }
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    v2_next(ike, sa);
    v2_next(ike, fresh);
}

static void initiator_has_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct create *x = sa->exchange;
    struct ike_message m;
    if (!x || !x->copy || !again(x->copy, x->copy_len, &m))
        return;
    if (!j->ok) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer's Diffie-Hellman value is refused (RFC 6989)");
        ike_exchange_end(sa);
        return;
    }
    uint8_t *copy = x->copy; /* the message lies in it until we are done */
    x->copy = NULL;
    if (sa->current->kind == TASK_REKEY_IKE)
        ike_finished(ike, sa, &m, j->shared);
    else
        child_finished(ike, sa, &m, (struct ike_iov){j->shared, ike_dh_shared_len(j->group)});
    free(copy);
    v2_next(ike, sa);
}

/* Errors that mean: differently, later, or not with this one. True if it was one. */
static bool refused(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct create *x = sa->exchange;
    const struct ike_task t = *sa->current;
    struct ike_notify n;
    if (ike2_notify_find(m, N2_INVALID_KE_PAYLOAD, &n)) {
        enum algo_id g = n.n == 2 ? v2_group((uint16_t)(n.data[0] << 8 | n.data[1])) : ALGO_NONE;
        /* a child has one group only; an IKE SA any of the policy's */
        if (t.kind != TASK_REKEY_IKE || g == ALGO_NONE || ++x->tries > 2) {
            ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer wants %s for PFS, the entry says %s",
                    g ? algo_get(g)->name : "another group", algo_get((enum algo_id)x->group)->name);
            struct ike_child *c = t.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t.spi, true) : NULL;
            if (c)
                c->state = CHILD_UP;
            ike_exchange_end(sa);
            return true;
        }
        ike_dh_free(x->dh);
        x->dh = NULL;
        begin(ike, sa, g);
        return true;
    }
    if (ike2_notify_find(m, N2_TEMPORARY_FAILURE, &n)) {
        retry(ike, sa);
        return true;
    }
    if (ike2_notify_find(m, N2_CHILD_SA_NOT_FOUND, &n) && t.kind == TASK_REKEY_CHILD) {
        struct ike_child *c = ike_child_by_spi(sa, t.spi, true);
        ike_exchange_end(sa);
        if (c && !c->peers_child) {
            ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "the peer no longer has the child SA");
            ike_child_free(ike, c, true);
        }
        return true;
    }
    if (ike2_notify_find(m, N2_NO_ADDITIONAL_SAS, &n)) { /* then with a new IKE SA */
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer takes no further SAs on this IKE SA");
        ike_exchange_end(sa);
        return true;
    }
    return false;
}

void v2_create_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct create *x = sa->exchange;
    if (!x || !sa->current || sa->current->kind > TASK_REKEY_IKE || sa->current->kind == TASK_DELETE_CHILD)
        return;
    sa->next_out++;
    ike_request_end(sa);
    if (refused(ike, sa, m)) {
        v2_next(ike, sa);
        return;
    }
    bool is_ike = sa->current->kind == TASK_REKEY_IKE;
    const struct ike_payload *ke = ike_find(m, PL2_KE, 0);
    uint16_t group;
    const uint8_t *value;
    size_t len;
    if (x->group == ALGO_NONE || (!is_ike && !ike_find(m, PL2_SA, 0))) {
        child_finished(ike, sa, m, (struct ike_iov){NULL, 0});
        v2_next(ike, sa);
        return;
    }
    if (!ke || !ike2_ke_read(ke, &group, &value, &len) || group != algo_get((enum algo_id)x->group)->ikev2 ||
        !ike_find(m, PL2_SA, 0) || !ike_find(m, PL2_NONCE, 0) || !keep(&x->copy, &x->copy_len, m)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer's answer lacks the Diffie-Hellman value");
        struct ike_child *c = is_ike ? NULL : ike_child_by_spi(sa, sa->current->spi, true);
        if (c && c->state == CHILD_REKEYING)
            c->state = CHILD_UP;
        ike_exchange_end(sa);
        v2_next(ike, sa);
        return;
    }
    struct ike_dh *dh = x->dh;
    x->dh = NULL;
    ike_job_start(ike, sa, (enum algo_id)x->group, dh, value, len, initiator_has_secret);
}

/* ---- responder ---- */

static void say(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, uint16_t type)
{
    v2_respond_notify(ike, sa, X2_CREATE_CHILD, m->h.id, type, NULL, 0);
}

/* The second half of a request that needs a shared secret; `j` NULL: it needs none. */
static void child_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, struct ike_child *old,
                          const struct ike_job *j, ike_job_fn *when_done)
{
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0), *ke = ike_find(m, PL2_KE, 0);
    struct v2_child_try try;
    char why[256];
    uint16_t error = v2_child_accept(ike, sa, m, true, old, &try, why), group = 0;
    const uint8_t *value = NULL;
    size_t len = 0;
    if (error) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "child SA refused (%s): %s", ike2_notify_name(error), why);
        say(ike, sa, m, error);
        return;
    }
    if (try.choice.dh != ALGO_NONE && !j) {
        const uint8_t want[2] = {0, (uint8_t)algo_get((enum algo_id)try.choice.dh)->ikev2};
        if (!ke || !ike2_ke_read(ke, &group, &value, &len) || group != want[1]) {
            v2_respond_notify(ike, sa, X2_CREATE_CHILD, m->h.id, N2_INVALID_KE_PAYLOAD, want, 2);
            return;
        }
        if (keep(&sa->incoming, &sa->incoming_len, m))
            ike_job_start(ike, sa, (enum algo_id)try.choice.dh, NULL, value, len, when_done);
        return;
    }
    uint8_t nr[NONCE_LEN];
    ike->host.random(ike->host.ctx, nr, sizeof nr);
    const struct ike_iov shared = {j ? j->shared : NULL, j ? ike_dh_shared_len(j->group) : 0};
    try.old = old;
    struct ike_child *c =
        v2_child_install(ike, sa, &try, (struct ike_iov){nonce->p, nonce->n}, (struct ike_iov){nr, sizeof nr}, shared);
    if (!c) {
        say(ike, sa, m, N2_NO_PROPOSAL_CHOSEN);
        return;
    }
    if (old) {
        if (old->state == CHILD_REKEYING) {
            old->peers_child = c; /* our own request is on its way: decided when it is answered */
        } else {
            old->state = CHILD_REPLACED;
            old->rekey_at = 0;
        }
    }
    struct v2_out o;
    v2_begin(ike, &o);
    v2_child_ts_write(&o, &try);
    ike_pl_bytes(&o.c, PL2_NONCE, nr, sizeof nr);
    if (j)
        ike2_ke_write(&o.c, algo_get(j->group)->ikev2, j->public_value, ike_dh_len(j->group));
    v2_respond(ike, sa, X2_CREATE_CHILD, m->h.id, &o);
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

static void responder_child_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike_message m;
    struct ike_child *old;
    uint32_t spi;
    if (!sa->incoming || !again(sa->incoming, sa->incoming_len, &m))
        return;
    if (!j->ok) {
        say(ike, sa, &m, N2_INVALID_SYNTAX);
    } else {
        bool rekey = rekeyed_child(sa, &m, &old, &spi);
        if (rekey && !old)
            say(ike, sa, &m, N2_CHILD_SA_NOT_FOUND);
        else
            child_request(ike, sa, &m, old, j, NULL);
    }
    free(sa->incoming);
    sa->incoming = NULL;
    v2_next(ike, sa);
}

static void responder_ike_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct ike_message m;
    struct v2_choice choice;
    uint8_t nr[NONCE_LEN];
    if (!sa->incoming || !again(sa->incoming, sa->incoming_len, &m))
        return;
    const struct ike_payload *nonce = ike_find(&m, PL2_NONCE, 0);
    v2_choose_ike(v2_policy_for(ike, &sa->local.addr), ike_find(&m, PL2_SA, 0), 8, &choice);
    struct ike_sa *fresh = j->ok ? ike_sa_new(ike, 2, false, &sa->local, &sa->remote) : NULL;
    if (fresh)
        fresh->keys = calloc(1, sizeof *fresh->keys);
    if (!fresh || !fresh->keys) {
        if (fresh)
            ike_sa_free(ike, fresh);
        say(ike, sa, &m, j->ok ? N2_TEMPORARY_FAILURE : N2_INVALID_SYNTAX);
        return;
    }
    const struct ike_iov ni = {nonce->p, nonce->n}, nr_v = {nr, sizeof nr};
    ike->host.random(ike->host.ctx, nr, sizeof nr);
    ike_peer_spi_known(ike, fresh, spi64(&choice.chosen));
    fresh->suite = choice.suite;
    ike2_keys(ike->crypto, &fresh->suite, j->shared, ike_dh_shared_len(j->group), ni, nr_v, fresh->spi_i, fresh->spi_r,
              sa->keys->d, sa->suite.prf, fresh->keys);
    fresh->low_nonce = v2_low_nonce(ni, nr_v);
    struct v2_out o;
    v2_begin(ike, &o);
    struct wr s = wr_to(choice.chosen.spi, 8);
    wr_u64(&s, fresh->own_spi);
    size_t at = ike_pl_begin(&o.c, PL2_SA);
    ike2_proposal_write(&o.w, &choice.chosen, true);
    ike_pl_end(&o.c, at);
    ike_pl_bytes(&o.c, PL2_NONCE, nr, sizeof nr);
    ike2_ke_write(&o.c, algo_get(j->group)->ikev2, j->public_value, ike_dh_len(j->group));
    v2_respond(ike, sa, X2_CREATE_CHILD, m.h.id, &o);
    free(sa->incoming);
    sa->incoming = NULL;
    successor_of(ike, sa, fresh);
    if (sa->current && sa->current->kind == TASK_REKEY_IKE) {
        sa->peers_sa = fresh; /* ours is on its way too */
        fresh->replaces = sa;
        return;
    }
    inherit(ike, sa, fresh);
    v2_next(ike, fresh);
}

static void ike_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *ke = ike_find(m, PL2_KE, 0), *nonce = ike_find(m, PL2_NONCE, 0);
    struct v2_choice choice;
    uint16_t group;
    const uint8_t *value;
    size_t len;
    bool making_child = sa->current && (sa->current->kind == TASK_CHILD || sa->current->kind == TASK_REKEY_CHILD ||
                                        sa->current->kind == TASK_DELETE_CHILD);
    if (making_child || sa->peers_sa) {
        say(ike, sa, m, N2_TEMPORARY_FAILURE);
        return;
    }
    v2_choose_ike(v2_policy_for(ike, &sa->local.addr), ike_find(m, PL2_SA, 0), 8, &choice);
    if (!choice.found || !spi64(&choice.chosen) || nonce->n < 16 || nonce->n > NONCE_MAX) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer's rekeying of the IKE SA is refused: %s", choice.why);
        say(ike, sa, m, N2_NO_PROPOSAL_CHOSEN);
        return;
    }
    const uint8_t want[2] = {0, (uint8_t)algo_get(choice.suite.dh)->ikev2};
    if (!ke || !ike2_ke_read(ke, &group, &value, &len) || group != want[1]) {
        v2_respond_notify(ike, sa, X2_CREATE_CHILD, m->h.id, N2_INVALID_KE_PAYLOAD, want, 2);
        return;
    }
    if (keep(&sa->incoming, &sa->incoming_len, m))
        ike_job_start(ike, sa, choice.suite.dh, NULL, value, len, responder_ike_secret);
}

void v2_create_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *nonce = ike_find(m, PL2_NONCE, 0);
    struct rd r = rd_of(sap->p, sap->n);
    struct ike2_proposal p;
    struct ike_child *old;
    uint32_t spi = 0;
    if (!ike2_proposal_read(&r, &p) || nonce->n < 16 || nonce->n > NONCE_MAX) {
        say(ike, sa, m, N2_INVALID_SYNTAX);
        return;
    }
    if (sa->state != IKE_ESTABLISHED || ike_has_task(sa, TASK_DELETE_IKE, 0)) { /* §2.25.2 */
        say(ike, sa, m, N2_TEMPORARY_FAILURE);
        return;
    }
    if (p.protocol == IKE_PROTO_IKE) {
        ike_request(ike, sa, m);
        return;
    }
    if ((sa->current && sa->current->kind == TASK_REKEY_IKE) || sa->peers_sa) {
        say(ike, sa, m, N2_TEMPORARY_FAILURE);
        return;
    }
    if (rekeyed_child(sa, m, &old, &spi)) {
        uint8_t b[4];
        struct wr w = wr_to(b, 4);
        wr_u32(&w, spi);
        if (!old) {
            struct v2_out o;
            v2_begin(ike, &o);
            ike2_notify_write(&o.c, p.protocol, b, 4, N2_CHILD_SA_NOT_FOUND, NULL, 0);
            v2_respond(ike, sa, X2_CREATE_CHILD, m->h.id, &o);
            return;
        }
        if (old->state == CHILD_DELETING || old->state == CHILD_REPLACED || old->peers_child) { /* §2.25.1 */
            say(ike, sa, m, N2_TEMPORARY_FAILURE);
            return;
        }
    }
    child_request(ike, sa, m, old, NULL, responder_child_secret);
}

bool v2_create_move(struct ike *ike, struct ike_sa *sa, const struct ike_moves *m)
{
    struct create *x = sa->exchange_free == create_free ? sa->exchange : NULL;
    (void)ike;
    if (x && x->fresh) { /* the successor of an IKE SA; children move to it later */
        x->fresh->profile = ike_move_profile(m, x->fresh->profile);
        x->fresh->entry = ike_move_entry(m, x->fresh->entry);
        x->fresh->proposal = NULL;
    }
    return !x || !x->as.entry || ike_move_child(m, &x->as);
}
