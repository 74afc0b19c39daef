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

#include "backends/ike/v2/create.h"

#define RETRY_MS 3000 /* after TEMPORARY_FAILURE */
#define RETRIES 10
#define REKEY_AGAIN_MS                                                                                                 \
    60000                  /* a rekeying that came to nothing; what was to be rekeyed stands until its time is over    \
                            */
#define REPLACED_MS 120000 /* an old IKE SA whose deletion never comes */

static void create_free(void *p)
{
    struct create *x = p;
    ike_dh_free(x->dh);
    if (x->fresh)
        ike_sa_free(x->ike, x->fresh);
    if (x->offered)
        ike_policy_release(x->ike, x->offered);
    ike_child_copy_end(x->ike, &x->as);
    ike_wipe(x, sizeof *x);
    free(x);
}

bool v2_nonce_fits(const struct ike_payload *nonce)
{
    return nonce && nonce->n >= 16 && nonce->n <= NONCE_MAX;
}

uint8_t v2_set_protocol(const struct ike_transform_set *s)
{
    return s->ah.alg != ALGO_NONE ? IKE_PROTO_AH : IKE_PROTO_ESP;
}

/* A public value of that group and of its length. */
const uint8_t *v2_public_value_of(const struct ike_message *m, enum algo_id group)
{
    const struct ike_payload *ke = ike_find(m, PL2_KE, 0);
    const uint8_t *value;
    uint16_t number;
    size_t len;
    if (!ke || !ike2_ke_read(ke, &number, &value, &len))
        return NULL;
    return number == algo_get(group)->ikev2 && len == ike_dh_len(group) ? value : NULL;
}

/* ---- initiator ---- */

static struct ike_child *child_of_task(struct ike_sa *sa)
{
    const struct ike_task *t = sa->current;
    return t && t->kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
}

void v2_leave_to_peers(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa *other = sa->peers_sa;
    if (!other)
        return;
    bool ends = ike_has_task(sa, TASK_DELETE_IKE, 0) && !ike_has_task(other, TASK_DELETE_IKE, 0);
    v2_inherit(ike, sa, other);
    if (ends)
        ike_task_add(other, (struct ike_task){.kind = TASK_DELETE_IKE});
    other->resume_at = ike->now; /* by the next tick: the caller may be in the middle of a message */
    ike_timer_update(ike, other);
}

void v2_peers_is_used(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *old = sa->replaces;
    if (old && old->peers_sa == sa)
        v2_leave_to_peers(ike, old);
}

/* True: nothing came of our rekeying of the IKE SA, but the peer has rekeyed it too, and that one takes its place
 * (§2.8). */
static bool peers_takes_over(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->peers_sa || sa->current->kind != TASK_REKEY_IKE)
        return false;
    ike_exchange_end(sa);
    v2_leave_to_peers(ike, sa);
    return true;
}

/* What was asked for is not there, and is not asked for any more: what was to be replaced stays, and is tried again in
 * time. */
static void end_without(struct ike *ike, struct ike_sa *sa)
{
    const uint8_t kind = sa->current->kind;
    struct ike_child *old = child_of_task(sa);
    if (peers_takes_over(ike, sa))
        return;
    ike_exchange_end(sa);
    if (kind == TASK_REKEY_IKE) {
        sa->rekey_at = ike->now + ike_jitter(ike, REKEY_AGAIN_MS, 5);
        return;
    }
    sa->lacks_children = true;
    if (!old)
        return;
    old->rekey_at = ike->now + ike_jitter(ike, REKEY_AGAIN_MS, 5);
    if (ike_child_is(old, CHILD_REKEYING))
        ike_child_stands_again(ike, old);
}

/* It could not even be asked for. */
static void not_asked(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike_log(ike, EV_REFUSED, IKE_ERROR, sa, child_of_task(sa), "CREATE_CHILD_SA cannot be made: %s", why);
    end_without(ike, sa);
}

static void send_request(struct ike *ike, struct ike_sa *sa, const uint8_t *public_value)
{
    struct create *x = sa->exchange;
    const struct ike_task *t = sa->current;
    const struct algo *g = algo_get((enum algo_id)x->group);
    const struct ike_v2_policy *p = v2_policy_for(ike, &sa->local.addr);
    struct v2_out o;
    v2_begin(ike, &o);
    if (x->offered) /* what is offered now is of the policy in force */
        ike_policy_release(ike, x->offered);
    x->offered = NULL;
    if (t->kind == TASK_REKEY_IKE && !p) {
        not_asked(ike, sa, "no IKEv2 policy holds for this address");
        return;
    }
    if (t->kind == TASK_REKEY_IKE) {
        size_t at = ike_pl_begin(&o.c, PL2_SA);
        v2_ike_proposals(&o.w, p, x->fresh->own_spi, 8);
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
        v2_child_offer(ike, sa, &o, t, x->fresh_spi, x->group);
    }
    ike_pl_bytes(&o.c, PL2_NONCE, x->nonce, sizeof x->nonce);
    if (x->group != ALGO_NONE)
        ike2_ke_write(&o.c, g->ikev2, public_value, ike_dh_len((enum algo_id)x->group));
    if (!v2_request(ike, sa, X2_CREATE_CHILD, &o))
        not_asked(ike, sa, "it is too large, or there is no memory");
}

static void key_made(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct create *x = sa->exchange;
    if (x->is_dropped) {
        ike_exchange_end(sa);
        v2_next(ike, sa);
        return;
    }
    if (!j->ok) {
        not_asked(ike, sa, "no Diffie-Hellman value could be made");
        v2_next(ike, sa);
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
        not_asked(ike, sa, "out of memory");
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
            not_asked(ike, sa, "out of memory");
        }
        return;
    }
    x->fresh_spi = ike_spi_new(ike);
    struct ike_child *c = t->kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
    if (c) { /* what stands, is asked for again */
        t->entry = c->entry;
        t->narrow = true;
        t->dh = c->dh;
        t->flow_src = c->ts_local;
        t->flow_dst = c->ts_remote;
        ike_child_copy(&x->as, c);
    }
    begin(ike, sa, (enum algo_id)ike_pfs_group(t->entry, t->dh));
}

static void retry(struct ike *ike, struct ike_sa *sa)
{
    struct ike_task t = *sa->current;
    struct ike_child *c = child_of_task(sa);
    bool is_wanted = t.kind != TASK_REKEY_CHILD || c;
    if (peers_takes_over(ike, sa))
        return;
    t.not_before = ike->now + ike_jitter(ike, RETRY_MS, 5);
    if (is_wanted && ++t.tries > RETRIES) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, c, "the peer answers TEMPORARY_FAILURE again and again (%s)",
                ike_task_name((enum ike_task_kind)t.kind));
        end_without(ike, sa);
        return;
    }
    if (c && ike_child_is(c, CHILD_REKEYING))
        ike_child_stands_again(ike, c);
    ike_exchange_end(sa);
    if (is_wanted)
        ike_task_add(sa, t);
}

/* No child came of it: what was to be rekeyed stays until its time is over. */
static void child_refused(struct ike *ike, struct ike_sa *sa, const char *why)
{
    const struct ike_task *t = sa->current;
    struct ike_child *old = child_of_task(sa);
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, old, "map %s entry %u: no %schild SA: %s", t->entry->map, t->entry->seq,
            old ? "new " : "", why);
    if (!old)
        ike_next_peer(ike, t->entry, &sa->began_with);
    end_without(ike, sa);
}

/* Both have rekeyed the same child: the one of the lowest nonce goes, and who made it deletes it (§2.8.1). */
static void settle_collision(struct ike_sa *sa, struct ike_child *c, struct ike_child *old)
{
    struct ike_child *other = old->peers_child;
    bool lost = other && c->low_nonce && other->low_nonce && memcmp(c->low_nonce, other->low_nonce, NONCE_MAX) < 0;
    struct ike_child *out = lost ? c : old;
    old->rekey_at = 0;
    old->state = CHILD_REPLACED;
    out->state = CHILD_DELETING;
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = out->spi_in});
}

/* Is a child being made by us, whose answer is still on its way? */
struct create *v2_making_child(const struct ike_sa *sa)
{
    bool makes = sa->current && (sa->current->kind == TASK_CHILD || sa->current->kind == TASK_REKEY_CHILD);
    return makes && sa->exchange_free == create_free ? sa->exchange : NULL;
}

void v2_create_deleted(struct ike_sa *sa, uint32_t spi)
{
    struct create *x = v2_making_child(sa);
    if (x && x->n_gone < sizeof x->gone / sizeof *x->gone)
        x->gone[x->n_gone++] = spi;
}

void v2_create_overtaken(struct ike_sa *sa, const struct ike_child *c)
{
    struct create *x = v2_making_child(sa);
    if (x && sa->current->kind == TASK_REKEY_CHILD && sa->current->spi == c->spi_in && c->peers_child)
        x->lost = true;
}

static bool deleted_already(const struct create *x)
{
    for (unsigned i = 0; i < x->n_gone; i++)
        if (x->gone[i] == x->child.spi_out)
            return true;
    return false;
}

static void child_finished(struct ike *ike, struct ike_sa *sa, struct ike_iov shared)
{
    struct create *x = sa->exchange;
    const struct ike_task t = *sa->current;
    struct v2_child_try try = x->child;
    if (deleted_already(x)) {
        child_refused(ike, sa, "the peer has deleted it before its answer came");
        return;
    }
    struct ike_child *old = t.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t.spi, true) : NULL;
    try.old = old;
    if (!old && t.kind == TASK_REKEY_CHILD)
        try.old = &x->as;
    const struct ike_iov ni = {x->nonce, sizeof x->nonce}, nr = {x->nr, x->nr_len};
    struct ike_child *c = v2_child_install(ike, sa, &try, ni, nr, shared);
    if (c && !old)
        c->successor_of = NULL;
    bool lost = x->lost && !old;
    ike_exchange_end(sa);
    if (!c) { /* the peer has SAs that we do not have */
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
        return;
    }
    v2_child_up(ike, c, old != NULL);
    if (lost) {
        c->state = CHILD_DELETING;
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
    }
    if (old)
        settle_collision(sa, c, old);
}

static struct ike_sa *linked(struct ike *ike, const uint64_t link[2])
{
    return link[0] ? ike_still(ike, link[0], link[1]) : NULL;
}

static void link_both(struct ike_sa *old, struct ike_sa *fresh)
{
    old->reauthenticated_by[0] = fresh->own_spi;
    old->reauthenticated_by[1] = fresh->id;
    fresh->reauthenticates[0] = old->own_spi;
    fresh->reauthenticates[1] = old->id;
}

/* One that is rekeyed while the peer is authenticated anew: the successor has its part in that, old one or new one. */
static void keep_anew(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh)
{
    struct ike_sa *begun = linked(ike, old->reauthenticated_by), *before = linked(ike, old->reauthenticates);
    if (begun && begun->reauthenticates[0])
        link_both(fresh, begun);
    if (before) {
        link_both(before, fresh);
        fresh->lacks_children = old->lacks_children;
    }
    old->reauthenticates[0] = old->reauthenticated_by[0] = 0;
}

/* Everything that lives on goes over to the successor. */
void v2_inherit(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh)
{
    bool is_in_doubt = ike_place_inherit(ike, fresh, old);
    while (old->children)
        ike_child_move(ike, old->children, fresh);
    for (struct ike_task **p = &old->tasks, *t; (t = *p);) {
        if (t->kind == TASK_DELETE_IKE || t->kind == TASK_REKEY_IKE) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        ike_task_add(fresh, *t);
        free(t);
    }
    keep_anew(ike, old, fresh);
    if (is_in_doubt)
        v2_ask(ike, fresh);
    ike_state_set(ike, old, IKE_REPLACED);
    old->rekey_at = old->dpd_at = old->keepalive_at = 0;
    old->expire_at = ike->now + REPLACED_MS;
    ike_timer_update(ike, old);
    ike_timer_update(ike, fresh);
}

/* False: out of memory; the successor is then of nobody. */
bool v2_successor_of(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh)
{
    fresh->entry = old->entry;
    fresh->profile = old->profile;
    fresh->proposal = old->proposal;
    fresh->peer_at = old->peer_at;
    ike_began_with(ike, fresh, &old->began_with);
    fresh->nat_local = old->nat_local;
    fresh->nat_remote = old->nat_remote;
    fresh->floated = old->floated;
    fresh->fragments = old->fragments;
    const struct ike_id id = {old->peer_id[0], (uint16_t)(old->peer_id_len - 1), old->peer_id + 1};
    if (!ike_identity_set(ike, fresh, &id) || !ike_proof_inherit(fresh, old))
        return false;
    v2_established(ike, fresh);
    return true;
}

uint64_t v2_spi64(const struct ike2_proposal *p)
{
    struct rd r = rd_of(p->spi, 8);
    return rd_u64(&r);
}

static void ike_refused(struct ike *ike, struct ike_sa *sa, const char *why)
{
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the IKE SA cannot be rekeyed: %s", why);
    end_without(ike, sa);
}

/* Our successor, with its keys; it is no part of the exchange any more. NULL: it cannot be made. */
static struct ike_sa *own_successor(struct ike *ike, struct ike_sa *sa, const uint8_t *shared)
{
    struct create *x = sa->exchange;
    struct ike_sa *fresh = x->fresh;
    const struct ike_iov ni = {x->nonce, sizeof x->nonce}, nr = {x->nr, x->nr_len};
    fresh->keys = calloc(1, sizeof *fresh->keys);
    fresh->held_by = NULL;
    x->fresh = NULL;
    ike_peer_spi_known(ike, fresh, v2_spi64(&x->ike_choice.chosen));
    fresh->suite = x->ike_choice.suite;
    if (fresh->keys && ike2_keys(ike->crypto, &fresh->suite, shared, ike_dh_shared_len(fresh->suite.dh), ni, nr,
                                 fresh->spi_i, fresh->spi_r, sa->keys->d, sa->suite.prf, fresh->keys))
        return fresh;
    ike_sa_free(ike, fresh);
    return NULL;
}

/* True: the peer's successor of the same IKE SA holds, as ours has the lowest nonce (§2.8.2). */
static bool lost_to_peers(const struct ike_sa *sa, const struct create *x)
{
    const struct ike_sa *other = sa->peers_sa;
    uint8_t *low = v2_low_nonce((struct ike_iov){x->nonce, sizeof x->nonce}, (struct ike_iov){x->nr, x->nr_len});
    bool lost = other && low && other->low_nonce && memcmp(low, other->low_nonce, NONCE_MAX) < 0;
    free(low);
    return lost;
}

static void ike_finished(struct ike *ike, struct ike_sa *sa, const uint8_t *shared)
{
    bool lost = lost_to_peers(sa, sa->exchange), ends = ike_has_task(sa, TASK_DELETE_IKE, 0);
    struct ike_sa *other = sa->peers_sa, *fresh = own_successor(ike, sa, shared);
    if (fresh && !v2_successor_of(ike, sa, fresh)) {
        ike_sa_free(ike, fresh);
        fresh = NULL;
    }
    if (!fresh) {
        ike_refused(ike, sa, "out of memory");
        return;
    }
    ike_exchange_end(sa);
    v2_inherit(ike, sa, lost ? other : fresh);
    if (ends) /* a reload has ended it meanwhile: and with it what takes its place */
        ike_task_add(lost ? other : fresh, (struct ike_task){.kind = TASK_DELETE_IKE});
    if (lost) { /* the peer deletes the old one, we ours */
        ike_task_add(fresh, (struct ike_task){.kind = TASK_DELETE_IKE});
        v2_next(ike, fresh);
        v2_next(ike, other);
        return;
    }
    if (other) { /* the peer deletes what it made; if it never heard of it, it goes by itself */
        v2_inherit(ike, other, fresh);
    }
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    v2_next(ike, sa);
    v2_next(ike, fresh);
}

static void value_refused(struct ike *ike, struct ike_sa *sa, const char *why)
{
    const struct create *x = sa->exchange;
    const struct ike_transform_set *set = x->child.choice.set;
    const struct ike_task take_back = {.kind = TASK_DELETE_CHILD, .spi = x->fresh_spi, .unmade = v2_set_protocol(set)};
    child_refused(ike, sa, why);
    ike_task_add(sa, take_back);
}

/* The child that has been chosen is of an entry that is gone. */
static void dropped_has_secret(struct ike_sa *sa)
{
    const struct create *x = sa->exchange;
    const struct ike_task take_back = {.kind = TASK_DELETE_CHILD, .spi = x->fresh_spi, .unmade = x->protocol};
    ike_exchange_end(sa);
    ike_task_add(sa, take_back);
}

static void initiator_has_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    static const char bad_value[] = "the peer's Diffie-Hellman value is refused (RFC 6989)";
    const struct create *x = sa->exchange;
    bool is_ike = sa->current->kind == TASK_REKEY_IKE;
    if (x->is_dropped)
        dropped_has_secret(sa);
    else if (!j->ok && is_ike)
        ike_refused(ike, sa, bad_value);
    else if (!j->ok)
        value_refused(ike, sa, bad_value);
    else if (is_ike)
        ike_finished(ike, sa, j->shared);
    else
        child_finished(ike, sa, (struct ike_iov){j->shared, ike_dh_shared_len(j->group)});
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
            end_without(ike, sa);
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
        end_without(ike, sa);
        return true;
    }
    return false;
}

/* NULL if the answer is one to what was asked; it is kept then. */
static const char *ike_answer(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct create *x = sa->exchange;
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0);
    if (!sap)
        return "the answer has no proposal";
    const struct ike_policy *offered = x->offered ? x->offered : ike->policy;
    v2_choose_ike(v2_policy_of(offered, &sa->local.addr), sap, 8, &x->ike_choice);
    x->ike_choice.ours = NULL;
    if (!x->ike_choice.found)
        return x->ike_choice.why;
    if (x->ike_choice.suite.dh != (enum algo_id)x->group || !v2_spi64(&x->ike_choice.chosen))
        return "the peer chose another group than was offered, or no SPI";
    return NULL;
}

static const char *child_answer(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, char why[static 256])
{
    struct create *x = sa->exchange;
    struct ike_task with_spi = *sa->current;
    with_spi.spi = x->fresh_spi;
    if (v2_child_answer(ike, sa, m, &with_spi, true, &x->child, why))
        return why;
    return x->child.choice.dh == x->group ? NULL : "the peer chose another group than was offered";
}

static void dropped_is_answered(struct ike_sa *sa, const struct ike_message *m)
{
    const struct create *x = sa->exchange;
    const uint32_t spi = x->fresh_spi;
    ike_exchange_end(sa);
    v2_child_take_back(sa, m, spi);
}

void v2_create_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct create *x = sa->exchange;
    if (!x)
        return;
    sa->next_out++;
    ike_request_end(sa);
    if (x->is_dropped) {
        dropped_is_answered(sa, m);
        v2_next(ike, sa);
        return;
    }
    if (refused(ike, sa, m)) {
        v2_next(ike, sa);
        return;
    }
    bool is_ike = sa->current->kind == TASK_REKEY_IKE;
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0);
    const uint8_t *value = x->group == ALGO_NONE ? NULL : v2_public_value_of(m, (enum algo_id)x->group);
    char why[256];
    const char *bad = is_ike ? ike_answer(ike, sa, m) : child_answer(ike, sa, m, why);
    if (!bad && !v2_nonce_fits(nonce))
        bad = "the answer's nonce is missing or of the wrong length";
    if (!bad && x->group != ALGO_NONE && !value)
        bad = "the answer lacks the Diffie-Hellman value, or it has the wrong length";
    if (bad) {
        uint32_t spi = x->fresh_spi;
        if (is_ike) {
            ike_refused(ike, sa, bad);
        } else {
            child_refused(ike, sa, bad);
            v2_child_take_back(sa, m, spi);
        }
        v2_next(ike, sa);
        return;
    }
    memcpy(x->nr, nonce->p, nonce->n);
    x->nr_len = nonce->n;
    if (!value) {
        child_finished(ike, sa, (struct ike_iov){NULL, 0});
        v2_next(ike, sa);
        return;
    }
    struct ike_dh *dh = x->dh;
    x->dh = NULL;
    ike_job_start(ike, sa, (enum algo_id)x->group, dh, value, ike_dh_len((enum algo_id)x->group), initiator_has_secret);
}

/* What was decided about a child, in another policy. */
static bool try_move(const struct ike_moves *m, struct v2_child_try *t)
{
    const struct ike_entry *to = ike_move_entry(m, t->entry);
    if (!t->entry)
        return true;
    if (!to)
        return false;
    t->line = ike_move_line(t->entry, to, t->line);
    t->choice.set = ike_move_set(t->entry, to, t->choice.set);
    t->entry = to;
    return t->choice.set != NULL;
}

/* Nothing comes of it here; what the peer makes is taken back. */
static void drop_child(struct ike *ike, struct ike_sa *sa, struct create *x)
{
    const struct ike_transform_set *chosen = x->child.choice.set;
    x->is_dropped = true;
    x->protocol = chosen ? v2_set_protocol(chosen) : 0;
    x->child = (struct v2_child_try){0};
    ike_child_copy_end(ike, &x->as);
    x->as = (struct ike_child){0};
    sa->current->entry = NULL;
    sa->current->line = NULL;
}

void v2_create_drop(struct ike *ike, struct ike_sa *sa)
{
    struct create *x = v2_making_child(sa);
    if (x && !x->is_dropped)
        drop_child(ike, sa, x);
}

void v2_create_judge(struct ike *ike, struct ike_sa *sa)
{
    const struct create *x = v2_making_child(sa);
    const struct ike_entry *e = x ? x->as.entry : NULL;
    if (x && !e && sa->current)
        e = sa->current->entry;
    if (e && !ike_still_serves(ike, sa, e))
        v2_create_drop(ike, sa);
    e = sa->pending ? sa->pending->child.entry : NULL;
    if (e && !ike_still_serves(ike, sa, e))
        sa->pending->is_dropped = true;
}

bool v2_create_move(struct ike *ike, struct ike_sa *sa, const struct ike_moves *m)
{
    struct create *x = sa->exchange_free == create_free ? sa->exchange : NULL;
    v2_suite_leave(ike, sa, m->to);
    if (x && x->fresh) { /* the successor of an IKE SA; children move to it later */
        x->fresh->profile = ike_move_profile(m, x->fresh->profile);
        x->fresh->entry = ike_move_entry(m, x->fresh->entry);
        x->fresh->proposal = NULL;
        /* the peer may have gone over by what it was offered: that holds once more, out of memory it does not */
        if (!x->offered && ike_policy_hold(ike, m->from))
            x->offered = m->from;
    }
    if (sa->pending && !try_move(m, &sa->pending->child))
        sa->pending->is_dropped = true;
    if (sa->pending) /* nobody asks for the proposal once the choice is made */
        sa->pending->ike.ours = NULL;
    if (ike_is(sa, IKE_BEGINS))
        v2_initial_move(sa, m->from);
    if (!x)
        return !sa->current || ike_move_task(m, sa->current);
    x->ike_choice.ours = NULL;
    bool moves = ike_move_task(m, sa->current) && (!x->as.entry || ike_move_child(m, &x->as)) && try_move(m, &x->child);
    if (!moves) /* its entry is gone, or no more what it was; all else of the IKE SA lives on */
        v2_create_drop(ike, sa);
    return true;
}
