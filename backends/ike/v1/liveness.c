/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does the peer live (RFC 3706), and where is it? */
#include "backends/ike/v1/v1.h"

#define HANDED_OVER_MS 4000 /* at most: there may be thousands */

/* Of dead peer detection as it is configured; 0: it is not. */
static uint64_t period_ms(const struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    uint32_t seconds = p && p->dpd_s ? p->dpd_s : ike->policy->v1_keepalive_s;
    return 1000u * (uint64_t)seconds;
}

/* Of the same peer, by the same address of ours. */
static bool is_its(const struct ike_sa *sa, const struct ike_sa *o)
{
    return !ike_may_be_another(sa, o) && addr_eq(&o->local.addr, &sa->local.addr);
}

/* Leads the other one to where this one did, and can it rekey what this one has? Two routers may have one name, and a
 * peer two profiles. */
static bool can_take_over(const struct ike_sa *sa, const struct ike_sa *other)
{
    bool is_there = addr_eq(&other->began_with, &sa->began_with) || addr_eq(&other->remote.addr, &sa->remote.addr);
    for (const struct ike_child *c = sa->children; c; c = c->next)
        is_there &= !c->entry->profile || c->entry->profile == other->profile;
    return is_there;
}

/* Another one with the same peer, of which nothing shows as yet that the peer has it. */
bool v1_has_unconfirmed(struct ike *ike, const struct ike_sa *sa)
{
    for (const struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));)
        if (o->version == 1 && ike_is(o, IKE_STANDS) && !o->v1->is_confirmed && is_its(sa, o) && can_take_over(sa, o))
            return true;
    return false;
}

/* Those that waited for this one: nothing will take them in. */
static void orphans_end(struct ike *ike, const struct ike_sa *sa)
{
    for (struct ike_sa *o = ike_of_same_peer(ike, sa, NULL), *next; o; o = next) {
        next = ike_of_same_peer(ike, sa, o);
        if (!ike_is(o, IKE_ORPHAN) || !o->v1->was_dead || !is_its(sa, o))
            continue;
        ike_sa_free(ike, o);
        next = ike_of_same_peer(ike, sa, NULL); /* others may have gone with it */
    }
}

/* Whether the peer has them is not known: it may have restarted, and not said so. */
void v1_rekey_all(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_child *c = sa->children; c; c = c->next) {
        bool is_asked = ike_child_stands(c) && (!c->rekey_at || c->rekey_at > ike->now + HANDED_OVER_MS);
        if (is_asked)
            c->rekey_at = ike->now + ike_jitter(ike, HANDED_OVER_MS, 9);
        c->is_doubtful |= ike_child_stands(c);
    }
}

/* That it does not answer under this one may be a lost delete of it: where there is another one what stands goes over
 * to that, at once or when something has come by it. */
static void dead(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_entry *e = sa->entry;
    struct ike_sa *other = v1_other(ike, sa);
    if (other && !can_take_over(sa, other))
        other = NULL;
    ike_log(ike, EV_IKE_DOWN, IKE_WARNING, sa, NULL, "the peer is dead: it does not answer");
    v1_rekey_all(ike, sa);
    v1_hand_over(ike, sa, other);
    if (!other && v1_has_unconfirmed(ike, sa)) {
        sa->v1->was_dead = true;
        v1_orphan(ike, sa);
        return;
    }
    if (!other && period_ms(ike, sa)) /* else nobody has asked for what does not answer to be ended */
        orphans_end(ike, sa);
    if (e && e->n_peers > 1)
        ike->peer_of_entry[e - ike->policy->entries] = (uint8_t)((sa->peer_at + 1) % e->n_peers);
    ike_sa_free(ike, sa);
}

#define DPD_MISSES 5 /* IOS gives up after five */

/* Whoever has a copy of what the peer once asked can have it asked where it is. That ends nothing: as if it had not
 * been asked, and what is configured decides. */
static void doubt_over(struct ike *ike, struct ike_sa *sa, uint64_t period)
{
    sa->v1->asks_in_doubt = false;
    sa->v1->dpd_missed = 0;
    if (!period)
        memset(sa->other, 0, sizeof sa->other);
    sa->dpd_at = period ? ike->now + 1 : 0;
}

void v1_liveness(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_profile *p = sa->profile;
    uint64_t period = period_ms(ike, sa);
    uint64_t retry = 1000u * (uint64_t)(p && p->dpd_retry_s ? p->dpd_retry_s : ike->policy->v1_keepalive_retry_s);
    uint64_t quiet = ike->now - sa->last_in;
    bool periodic = p ? p->dpd_periodic : ike->policy->v1_keepalive_periodic;
    bool at_once = sa->v1->dpd_at_once;
    sa->v1->dpd_at_once = false;
    bool in_doubt = sa->other[0].remote.port; /* it lives, but where? */
    if (quiet < period && !in_doubt)
        sa->v1->dpd_missed = 0;
    bool goes_on = at_once || sa->v1->dpd_missed;
    if (!goes_on && !period) /* it was asked once, and lives */
        return;
    if (!goes_on && !ike_must_ask(ike, sa, quiet, period, periodic)) {
        sa->dpd_at = ike->now + (quiet < period ? period - quiet : period);
        return;
    }
    if (++sa->v1->dpd_missed > DPD_MISSES) {
        if (sa->v1->asks_in_doubt)
            doubt_over(ike, sa, period);
        else
            dead(ike, sa);
        return;
    }
    sa->v1->asks_in_doubt &= at_once || sa->v1->dpd_missed > 1;
    uint8_t data[4];
    struct wr w = wr_to(data, 4);
    if (sa->v1->dpd_missed == 1)
        sa->v1->dpd_seq++;
    wr_u32(&w, sa->v1->dpd_seq);
    v1_notify(ike, sa, IKE1_PROTO_ISAKMP, 0, N1_R_U_THERE, data, 4);
    struct ike_ends elsewhere[IKE_PLACES + 1];
    bool is_asked = ike_asks_elsewhere(sa, sa->v1->dpd_missed - 1);
    unsigned places = is_asked ? ike_other_places(sa, elsewhere) : 0;
    for (unsigned i = 0; i < places; i++)
        v1_notify_to(ike, sa, &elsewhere[i], N1_R_U_THERE, data);
    sa->is_asked_elsewhere = places != 0;
    bool is_doubt = sa->v1->dpd_missed == 1 && sa->other[0].remote.port;
    uint64_t wait = retry ? retry : 2000;
    sa->dpd_at = ike->now + (is_doubt ? 1000 : wait);
}

/* It lives, but where? */
static void ask_in_doubt(struct ike *ike, struct ike_sa *sa)
{
    bool is_new = !sa->v1->dpd_missed;
    v1_ask(ike, sa);
    sa->v1->asks_in_doubt |= is_new;
}

bool v1_may_call(const struct ike_entry *e)
{
    if (e->dynamic || e->responder_only) /* as ike_acquire() has it */
        return false;
    for (unsigned i = 0; i < e->n_peers; i++)
        if (e->peers[i].addr.family != FAMILY_NONE)
            return true;
    return false;
}

/* Where its end would be for good until the peer calls, only configured dead peer detection ends it. */
static bool can_be_made_again(const struct ike_sa *sa)
{
    bool can = true;
    for (const struct ike_child *c = sa->children; c; c = c->next)
        can &= v1_may_call(c->entry);
    return can;
}

void v1_wonder(struct ike *ike, struct ike_sa *sa)
{
    if (period_ms(ike, sa) || can_be_made_again(sa))
        v1_ask(ike, sa);
    else
        ask_in_doubt(ike, sa);
}

void v1_heard_from(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, uint32_t mid)
{
    if (!sa->v1->peer_dpd) {
        ike_follow(ike, sa, &from->local, &from->remote, mid);
        return;
    }
    if (!ike_is_elsewhere(ike, sa, &from->local, &from->remote))
        return;
    if (!sa->v1->dpd_missed) {
        ask_in_doubt(ike, sa);
        return;
    }
    sa->v1->dpd_missed = 1; /* it lives: the question is repeated soon, there too, and its tries begin anew */
    if (sa->dpd_at > ike->now + 1000)
        sa->dpd_at = ike->now + 1000;
    ike_timer_update(ike, sa);
}

void v1_heard_again_from(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, uint32_t mid)
{
    if (!sa->v1->peer_dpd)
        (void)!ike_follow_back(ike, sa, &from->local, &from->remote, mid); /* else it stays */
    else if (ike_is(sa, IKE_STANDS) && ike_may_be_elsewhere(ike, sa, &from->local, &from->remote))
        ask_in_doubt(ike, sa);
}

void v1_ask(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->v1->peer_dpd || sa->v1->dpd_missed)
        return;
    sa->v1->dpd_at_once = true;
    sa->dpd_at = ike->now;
    ike_timer_update(ike, sa);
}
