/* SPDX-License-Identifier: GPL-3.0-or-later */
/* INFORMATIONAL, RFC 7296 §1.4: deletes, liveness; and what happens when time passes. */
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

static uint8_t protocol_of(const struct ike_child *c)
{
    return c->set->ah.alg != ALGO_NONE ? IKE_PROTO_AH : IKE_PROTO_ESP;
}

/* ---- requests of ours ---- */

void v2_info_start(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_task *t = sa->current;
    struct v2_out o;
    v2_begin(ike, &o);
    if (t->kind == TASK_DELETE_IKE) {
        ike2_delete_write(&o.c, IKE_PROTO_IKE, NULL, 0);
        if (!ike_is(sa, IKE_OUTDATED))
            ike_state_set(ike, sa, IKE_DELETING);
    } else if (t->kind == TASK_DELETE_CHILD && t->unmade) {
        ike2_delete_write(&o.c, t->unmade, &t->spi, 1);
    } else if (t->kind == TASK_DELETE_CHILD) {
        struct ike_child *c = ike_child_by_spi(sa, t->spi, true);
        ike2_delete_write(&o.c, protocol_of(c), &c->spi_in, 1);
        c->state = CHILD_DELETING;
    }
    if (!v2_request(ike, sa, X2_INFORMATIONAL, &o))
        ike_exchange_end(sa);
}

#define REKEY_AGAIN_MS 60000

/* What was made in the place of another is deleted again: that one has no successor any more, and stands again. */
static void stands_again(struct ike *ike, const struct ike_sa *sa, const struct ike_child *gone)
{
    struct ike_child *old = gone->successor_of;
    if (!old || !ike_child_is(old, CHILD_REPLACED))
        return;
    for (const struct ike_child *c = sa->children; c; c = c->next)
        if (c != gone && c->successor_of == old && !ike_child_leaves(c))
            return;
    old->rekey_at = ike->now + ike_jitter(ike, REKEY_AGAIN_MS, 5);
    ike_child_stands_again(ike, old);
}

void v2_info_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    const struct ike_task *t = sa->current;
    (void)m;
    sa->next_out++;
    if (t->kind == TASK_DELETE_IKE) {
        if (!ike_is(sa, IKE_OUTDATED))
            ike_log(ike, EV_IKE_DOWN, IKE_INFO, sa, NULL, "IKE SA deleted");
        ike_sa_free(ike, sa);
        return;
    }
    struct ike_child *c = t->kind == TASK_DELETE_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
    ike_exchange_end(sa);
    if (c) {
        stands_again(ike, sa, c);
        ike_child_free(ike, c, true);
    }
    v2_next(ike, sa);
}

/* RFC 7296 §2.2: the number of a request that has been sent names that one and no other; the next has the next. */
void v2_late_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    sa->next_out++;
    ike_request_end(sa);
    v2_next(ike, sa);
}

/* ---- requests of the peer's ---- */

/* Our ends of what the peer deletes, for the answer. */
static unsigned delete_children(struct ike *ike, struct ike_sa *sa, const struct ike_delete *d, uint32_t *ours,
                                unsigned max)
{
    struct rd r = rd_of(d->spis, 4u * d->n);
    unsigned n = 0;
    for (unsigned i = 0; i < d->n; i++) {
        uint32_t spi = rd_u32(&r);
        struct ike_child *c = ike_child_by_spi(sa, spi, false);
        if (!c) {
            v2_create_deleted(sa, spi);
            continue;
        }
        bool by_us = ike_child_is(c, CHILD_DELETING) && sa->current && sa->current->kind == TASK_DELETE_CHILD &&
                     sa->current->spi == c->spi_in;
        if (!by_us && n < max) /* deletes that cross are not answered in kind (§1.4.1) */
            ours[n++] = c->spi_in;
        v2_create_overtaken(sa, c);
        if (!ike_child_leaves(c)) {
            stands_again(ike, sa, c);
            ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "map %s entry %u line %u: the peer deletes the child SA",
                    c->entry->map, c->entry->seq, c->line);
        }
        ike_child_free(ike, c, true);
    }
    return n;
}

/* §1.5, within the IKE SA: the peer has lost an SA that we still send by. It is deleted in form; traffic makes another.
 */
static void lost(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_notify n;
    if (!ike2_notify_find(m, N2_INVALID_SPI, &n))
        return;
    struct rd r = rd_of(n.data, n.n);
    uint32_t spi = rd_u32(&r);
    const struct ike_child *c = r.bad ? NULL : ike_child_by_spi(sa, spi, false);
    if (!c || !ike_child_stands(c) || ike_has_task(sa, TASK_DELETE_CHILD, c->spi_in))
        return;
    ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "map %s entry %u line %u: the peer does not know SPI 0x%08x any more",
            c->entry->map, c->entry->seq, c->line, spi);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
}

static bool deletes_ike_sa(const struct ike_message *m)
{
    struct ike_delete d;
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].type == PL2_DELETE && ike2_delete_read(&m->v[i], &d) && d.protocol == IKE_PROTO_IKE)
            return true;
    return false;
}

bool v2_deletes_too_soon(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    bool any = false;
    for (unsigned i = 0; m->h.exchange == X2_INFORMATIONAL && i < m->n; i++) {
        struct ike_delete d;
        if (m->v[i].type != PL2_DELETE || !ike2_delete_read(&m->v[i], &d) || d.protocol == IKE_PROTO_IKE)
            continue;
        struct rd r = rd_of(d.spis, 4u * d.n);
        for (unsigned k = 0; k < d.n; k++) {
            const struct ike_child *c = ike_child_by_spi(sa, rd_u32(&r), false);
            any |= c && ike_is_just_replaced(ike, c);
        }
    }
    return any;
}

void v2_info_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_out o;
    struct ike_notify no;
    bool gone = ike2_notify_find(m, N2_AUTHENTICATION_FAILED, &no);
    if (gone)
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer refuses our identity or key");
    if (!deletes_ike_sa(m))
        v2_peers_is_used(ike, sa);
    lost(ike, sa, m);
    v2_begin(ike, &o);
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_delete d;
        uint32_t ours[64];
        if (m->v[i].type != PL2_DELETE || !ike2_delete_read(&m->v[i], &d))
            continue;
        if (d.protocol == IKE_PROTO_IKE) {
            gone = true;
            continue;
        }
        unsigned n = delete_children(ike, sa, &d, ours, 64);
        if (n)
            ike2_delete_write(&o.c, d.protocol, ours, n);
    }
    (void)!v2_respond(ike, sa, X2_INFORMATIONAL, m->h.id, &o); /* unheard, the peer asks again */
    if (!gone) {
        ike_timer_update(ike, sa);
        v2_next(ike, sa);
        return;
    }
    if (!ike_is(sa, IKE_OUTDATED))
        ike_log(ike, EV_IKE_DOWN, IKE_INFO, sa, NULL, "the peer deletes the IKE SA");
    v2_leave_to_peers(ike, sa);
    ike_sa_free(ike, sa);
}

/* ---- what is next ---- */

static void reauthenticated(struct ike *ike, struct ike_sa *sa);

/* Of a child that is still there, and as it was. */
static bool still_needed(struct ike_sa *sa, const struct ike_task *t)
{
    const struct ike_child *c = t->spi ? ike_child_by_spi(sa, t->spi, true) : NULL;
    if (t->kind == TASK_REKEY_CHILD)
        return c && ike_child_stands(c);
    return t->kind != TASK_DELETE_CHILD || c || t->unmade;
}

void v2_next(struct ike *ike, struct ike_sa *sa)
{
    sa->resume_at = 0;
    while (!sa->busy && !sa->request && !sa->current && !sa->exchange && ike_is(sa, IKE_SPEAKS)) {
        struct ike_task **p = &sa->tasks;
        uint64_t soonest = 0;
        while (*p && (*p)->not_before > ike->now) {
            if (!soonest || (*p)->not_before < soonest)
                soonest = (*p)->not_before;
            p = &(*p)->next;
        }
        struct ike_task *t = *p;
        if (!t) {
            sa->resume_at = soonest;
            break;
        }
        *p = t->next;
        const struct ike_occasion o = {.on = IKE_ON_TASK, .initiator = true, .task = t->kind};
        const struct ike_transition *row = ike_transition_for(&ike2_transitions, sa, &o);
        if (!row || !still_needed(sa, t) || !ike_task_is_its(ike, sa, t)) {
            free(t);
            continue;
        }
        sa->current = t;
        ike_transition_begin(ike, sa, row);
    }
    ike_timer_update(ike, sa);
    bool idle = !sa->busy && !sa->current && !sa->tasks;
    if (sa->reauthenticates[0] && ike_is(sa, IKE_STANDS) && idle)
        reauthenticated(ike, sa);
}

void v2_give_up(struct ike *ike, struct ike_sa *sa, const char *why)
{
    const struct ike_entry *e = sa->entry;
    bool ours = sa->initiator && e && ike_is(sa, IKE_BEGINS) && !sa->reauthenticates[0];
    struct ike_task *t = sa->current ? sa->current : sa->tasks;
    struct ike_task task = t ? *t : (struct ike_task){.kind = TASK_NONE};
    unsigned at = sa->peer_at;
    (void)why;
    ike_sa_free(ike, sa);
    if (!ours || e->n_peers < 2)
        return;
    unsigned next = (at + 1) % e->n_peers;
    ike->peer_of_entry[e - ike->policy->entries] = (uint8_t)next;
    task.spi = 0;
    if (++task.tries < e->n_peers && task.kind == TASK_CHILD && !ike->ending) {
        ike_log(ike, EV_MESSAGE, IKE_NOTICE, NULL, NULL, "map %s entry %u: the next peer is tried", e->map, e->seq);
        (void)!ike_start(ike, e, task); /* if it cannot be begun, traffic will ask again */
    }
}

/* A request that nobody answers. Of an IKE SA that was ending anyway the peer may have forgotten all: it lives (§2.4).
 */
static void dead_peer(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_entry *e = sa->entry;
    bool is_dead = ike_is(sa, IKE_STANDS) && !sa->peers_sa;
    if (is_dead)
        ike_log(ike, EV_IKE_DOWN, IKE_WARNING, sa, NULL, "the peer is dead: it does not answer");
    v2_leave_to_peers(ike, sa);
    if (is_dead && e && e->n_peers > 1)
        ike->peer_of_entry[e - ike->policy->entries] = (uint8_t)((sa->peer_at + 1) % e->n_peers);
    ike_sa_free(ike, sa);
}

/* False: often enough. */
MUST_CHECK static bool once_more(struct ike *ike, struct ike_sa *sa)
{
    if (++sa->request_tries >= IKE_RETRANSMIT_TRIES)
        return false;
    ike_say_waiting(ike, sa);
    ike->stats.retransmits++;
    return true;
}

static void send_again(struct ike *ike, struct ike_sa *sa)
{
    uint64_t wait = (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries;
    sa->retransmit_at = ike->now + ike_jitter(ike, wait, 2);
    v2_resend(ike, sa, sa->request, sa->request_len);
    v2_resend_elsewhere(ike, sa, sa->request, sa->request_len);
}

static void not_answered(struct ike *ike, struct ike_sa *sa, const char *exchange)
{
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer does not answer (%s)", exchange);
    v2_give_up(ike, sa, "no answer");
}

void v2_retransmit_init(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->request)
        return;
    if (!once_more(ike, sa)) {
        not_answered(ike, sa, "IKE_SA_INIT");
        return;
    }
    ((struct v2_initial *)sa->exchange)->tries = 0; /* forged ones may have spent them */
    send_again(ike, sa);
}

void v2_retransmit_auth(struct ike *ike, struct ike_sa *sa)
{
    const struct v2_initial *x = sa->exchange;
    if (x->is_refused || !sa->request) {
        if (!v2_other_answer(ike, sa))
            v2_give_up(ike, sa, "IKE_AUTH is refused");
        return;
    }
    if (!once_more(ike, sa)) {
        not_answered(ike, sa, "IKE_AUTH");
        return;
    }
    if (sa->request_tries < 2 && !v2_has_untried(x)) {
        send_again(ike, sa);
        return;
    }
    v2_init_ask_again(ike, sa);
    if (!v2_other_answer(ike, sa))
        send_again(ike, sa);
}

void v2_retransmit(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->request)
        return;
    if (!once_more(ike, sa)) {
        dead_peer(ike, sa);
        return;
    }
    /* a question whether the peer lives is repeated as the configuration says: dpd SECONDS RETRY */
    bool dpd = sa->current && sa->current->kind == TASK_DPD && sa->profile && sa->profile->dpd_retry_s;
    send_again(ike, sa);
    if (dpd)
        sa->retransmit_at = ike->now + 1000u * (uint64_t)sa->profile->dpd_retry_s;
}

/* RFC 7296 §2.8: it sends when the peer has shown that it can receive by it, or should have long since. */
static void waits(struct ike *ike, struct ike_child *c)
{
    if (!c->send_at || c->send_at > ike->now)
        return;
    bool late = ike->now >= c->up_at + IKE_SEND_LATEST_MS;
    if (!c->waiting || late || ike_peer_sends(ike, c))
        ike_child_send_or_end(ike, c);
    else
        c->send_at = ike->now + IKE_SEND_LOOK_MS;
}

static void children_tick(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_child *c = sa->children, *next; c; c = next) {
        next = c->next;
        waits(ike, c);
        bool idle = ike_idle(ike, c);
        if (idle || (c->expire_at && c->expire_at <= ike->now)) {
            c->expire_at = ike->now + 60000; /* if the peer cannot even be told */
            c->idle_at = 0;
            if (ike_child_is(c, CHILD_REPLACED)) {
                ike_child_free(ike, c, true);
                continue;
            }
            ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "map %s entry %u line %u: the child SA %s", c->entry->map,
                    c->entry->seq, c->line, ike_child_end(c, idle));
            c->rekey_at = 0;
            c->state = CHILD_DELETING;
            if (!ike_has_task(sa, TASK_DELETE_CHILD, c->spi_in))
                ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
        } else if (c->rekey_at && c->rekey_at <= ike->now) {
            c->rekey_at = 0;
            bool ours = !c->entry->responder_only || c->moved;
            if (ike_child_stands(c) && ours && !ike_has_task(sa, TASK_REKEY_CHILD, c->spi_in))
                ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
        }
    }
}

void v2_liveness(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    if (!p || !p->dpd_s)
        return;
    uint64_t quiet = ike->now - sa->last_in, period = 1000u * (uint64_t)p->dpd_s;
    if (!sa->request && !ike_has_task(sa, TASK_DPD, 0) && ike_must_ask(ike, sa, quiet, period, p->dpd_periodic))
        ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    sa->dpd_at = ike->now + (quiet >= period ? period : period - quiet);
}

void v2_ask(struct ike *ike, struct ike_sa *sa)
{
    if (sa->request || ike_has_task(sa, TASK_DPD, 0)) /* something is asked already */
        return;
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    sa->resume_at = ike->now; /* by the next tick: whoever asks may be in the middle of a message of its own */
    ike_timer_update(ike, sa);
}

/* Something new has come from the peer, from where it is not asked: what is open is repeated at once, there too. */
#define ANEW_MS 500

void v2_ask_anew(struct ike *ike, struct ike_sa *sa)
{
    v2_ask(ike, sa);
    if (!sa->request)
        return;
    sa->request_tries = 0; /* it lives (RFC 7296 §2.4) */
    if (sa->retransmit_at > ike->now + ANEW_MS)
        sa->retransmit_at = ike->now + ANEW_MS;
    ike_timer_update(ike, sa);
}

void v2_ask_behind(struct ike *ike, struct ike_sa *sa)
{
    for (const struct ike_task *t = sa->tasks; t; t = t->next)
        if (t->kind == TASK_DPD)
            return;
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    sa->resume_at = ike->now;
    ike_timer_update(ike, sa);
}

static void end_for(struct ike *ike, struct ike_sa *sa, const char *why)
{
    if (ike_has_task(sa, TASK_DELETE_IKE, 0))
        return;
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, NULL, "%s", why);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
}

/* ---- make before break: RFC 4478, RFC 7296 §2.8.3 ---- */

#define REAUTH_AGAIN_MS 60000

static struct ike_sa *predecessor(struct ike *ike, const struct ike_sa *sa)
{
    return sa->reauthenticates[0] ? ike_still(ike, sa->reauthenticates[0], sa->reauthenticates[1]) : NULL;
}

/* One at a time: not while the last one still goes on, nor by one that is itself not done. */
static bool is_anew_already(struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_sa *begun = NULL;
    if (sa->reauthenticated_by[0])
        begun = ike_still(ike, sa->reauthenticated_by[0], sa->reauthenticated_by[1]);
    return (begun && begun->reauthenticates[0]) || predecessor(ike, sa);
}

/* The entry that it was made for may be gone by a reload; that of what it carries is there. */
static const struct ike_entry *entry_of(const struct ike_sa *sa)
{
    const struct ike_entry *e = sa->entry;
    for (const struct ike_child *c = sa->children; c && !e; c = c->next)
        if (ike_child_serves(c) && c->entry->profile && !c->entry->dynamic)
            e = c->entry;
    return e;
}

/* Another IKE SA with all of the children, from the beginning; the old one goes when they stand. */
void v2_reauthenticate(struct ike *ike, struct ike_sa *sa)
{
    struct ike_end local = sa->local, remote = sa->remote;
    sa->reauth_at = ike->now + REAUTH_AGAIN_MS; /* if nothing comes of it */
    if (is_anew_already(ike, sa))
        return;
    sa->entry = entry_of(sa);
    if (!sa->nat_local && !sa->nat_remote)
        local.port = remote.port = IKE_PORT;
    struct ike_sa *fresh = sa->entry ? ike_sa_new(ike, 2, true, &local, &remote) : NULL;
    if (fresh) {
        fresh->entry = sa->entry;
        fresh->profile = sa->entry->profile;
    }
    if (!fresh || !ike_call_again(fresh, sa)) {
        if (fresh)
            ike_sa_free(ike, fresh);
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer cannot be authenticated anew: %s",
                sa->entry ? "out of memory" : "no crypto map entry is left for it");
        return;
    }
    sa->reauthenticated_by[0] = fresh->own_spi;
    sa->reauthenticated_by[1] = fresh->id;
    ike_began_with(ike, fresh, &sa->began_with); /* its key is still that of where it was */
    fresh->reauthenticates[0] = sa->own_spi;
    fresh->reauthenticates[1] = sa->id;
    for (const struct ike_child *c = sa->children; c; c = c->next) {
        if (!ike_child_serves(c))
            continue;
        struct ike_task t = {.kind = TASK_CHILD, .entry = c->entry, .narrow = true};
        t.flow_src = c->ts_local;
        t.flow_dst = c->ts_remote;
        for (unsigned i = 0; i < c->entry->n_lines; i++)
            if (c->entry->lines[i].reqid == c->reqid)
                t.line = &c->entry->lines[i];
        ike_task_add(fresh, t);
    }
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, NULL, "authenticating the peer anew");
    ike_timer_update(ike, fresh);
    v2_start(ike, fresh);
}

#define REAUTH_LATER_MS 3600000 /* what the peer has refused once is asked for again so much later */

/* Of the children that stand anew the old ones go. What is left stays with the old IKE SA, as long as the peer lets it;
 * without any it has nothing to stay for. */
static void end_what_stands_anew(struct ike *ike, const struct ike_sa *sa, struct ike_sa *old)
{
    unsigned left = old->n_children;
    for (const struct ike_child *c = sa->children; c; c = c->next) {
        const struct ike_child *before = ike_child_of(old, c->entry, &c->ts_local, &c->ts_remote);
        if (!before || ike_has_task(old, TASK_DELETE_CHILD, before->spi_in))
            continue;
        ike_task_add(old, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = before->spi_in});
        left--;
    }
    if (left == 0)
        ike_task_add(old, (struct ike_task){.kind = TASK_DELETE_IKE});
    old->reauth_at = ike->now + REAUTH_LATER_MS;
    v2_next(ike, old);
}

/* The peer has refused some of the children, or all. */
static void reauthenticated_in_part(struct ike *ike, struct ike_sa *sa, struct ike_sa *old)
{
    ike_log(ike, EV_MESSAGE, IKE_WARNING, old, NULL,
            "the peer has refused child SAs to the new IKE SA: they stay with the old one until it ends");
    sa->lacks_children = false;
    if (sa->children) {
        end_what_stands_anew(ike, sa, old);
        return;
    }
    old->reauth_at = ike->now + REAUTH_LATER_MS;
    ike_timer_update(ike, old);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    v2_next(ike, sa);
}

/* Everything has been asked for again: the old one goes. */
static void reauthenticated(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa *old = predecessor(ike, sa);
    sa->reauthenticates[0] = 0;
    if (!old || ike_has_task(old, TASK_DELETE_IKE, 0))
        return;
    if (!ike_is_same_peer(ike, old, sa)) { /* who answers at a NAT's port is another one: the first one's stays */
        ike_log(ike, EV_MESSAGE, IKE_WARNING, old, NULL,
                "another identity answers: the peer is not authenticated anew");
        ike_timer_update(ike, old);
        return;
    }
    old->reauth_at = 0;
    if (sa->lacks_children) {
        reauthenticated_in_part(ike, sa, old);
        return;
    }
    ike_task_add(old, (struct ike_task){.kind = TASK_DELETE_IKE});
    v2_next(ike, old);
}

/* ---- time: rows of states.c ---- */

#define AGAIN_MS 120000 /* if the peer cannot even be told */

void v2_overdue(struct ike *ike, struct ike_sa *sa)
{
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "nobody has proved to be the peer in %u s, whoever answers",
            IKE_NEGOTIATION_MS / 1000);
    v2_give_up(ike, sa, "no proof");
}

void v2_half_open_over(struct ike *ike, struct ike_sa *sa)
{
    ike_log(ike, EV_MESSAGE, IKE_DEBUG, sa, NULL, "a half-open IKE SA is forgotten");
    ike_sa_free(ike, sa);
}

void v2_lifetime_over(struct ike *ike, struct ike_sa *sa)
{
    sa->expire_at = ike->now + AGAIN_MS;
    end_for(ike, sa, "the IKE SA's lifetime is over");
}

void v2_outdated(struct ike *ike, struct ike_sa *sa)
{
    sa->expire_at = ike->now + AGAIN_MS;
    if (!sa->request)
        ike_sa_free(ike, sa);
}

/* Its children at once: nobody knows when the delete is answered. */
void v2_proof_over(struct ike *ike, struct ike_sa *sa)
{
    end_for(ike, sa, "the certificate that proved the peer has expired");
    v2_create_drop(ike, sa);
    while (sa->children)
        ike_child_free(ike, sa->children, true);
}

void v2_proof_over_early(struct ike *ike, struct ike_sa *sa)
{
    v2_fail(ike, sa, "the peer's certificate has expired while it was looked at");
}

#define UNSETTLED_MS 1000

void v2_rekey(struct ike *ike, struct ike_sa *sa)
{
    if (sa->replaces) { /* it is not settled yet which of two stays (RFC 7296 §2.8.2) */
        sa->rekey_at = ike->now + UNSETTLED_MS;
        ike_timer_update(ike, sa);
        return;
    }
    if (!ike_has_task(sa, TASK_REKEY_IKE, 0))
        ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_IKE});
}

void v2_keepalive(struct ike *ike, struct ike_sa *sa)
{
    static const uint8_t alive = 0xff;
    ike_send_raw(ike, sa, &alive, 1);
    sa->keepalive_at = ike->now + 1000u * (uint64_t)ike->policy->nat_keepalive_s;
}

void v2_tick(struct ike *ike, struct ike_sa *sa)
{
    if (!ike_times(ike, sa, &ike2_transitions))
        return;
    children_tick(ike, sa);
    v2_next(ike, sa);
}
