/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quick modes that nobody answers, and what is sent again. */
#include "backends/ike/v1/v1.h"

/* The earliest of all retransmissions. */
void v1_quick_arm(struct ike *ike, struct ike_sa *sa)
{
    sa->resume_at = 0;
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next) {
        if (!q->again_at && !q->computing)
            q->again_at = ike->now + 40000; /* kept while the peer may still ask for it again */
        if (q->again_at && (!sa->resume_at || q->again_at < sa->resume_at))
            sa->resume_at = q->again_at;
    }
    ike_timer_update(ike, sa);
}

/* Nothing has come by it since a quick mode began that nobody has answered: the other end has no such SA, as the last
 * message of phase 1 was lost, or it has restarted (IOS: death by retransmission P2). What is wanted next begins
 * another one. With IPsec SAs it stays and still answers; it serves again when something comes. False: it has gone. */
MUST_CHECK static bool silent(struct ike *ike, struct ike_sa *sa)
{
    bool has_more = sa->children != NULL;
    ike_log(ike, has_more ? EV_MESSAGE : EV_IKE_DOWN, IKE_INFO, sa, NULL,
            has_more ? "the peer does not answer by this ISAKMP SA: what is wanted next begins another"
                     : "the ISAKMP SA is dropped: the peer does not answer by it");
    sa->is_silent = true;
    if (has_more) {
        v1_wonder(ike, sa);
        return true;
    }
    v1_delete_self(ike, sa); /* only quick modes may be lost: then the peer has it */
    ike_sa_free(ike, sa);
    return false;
}

#define REKEY_AGAIN_MS 60000
#define MOVED_AGAIN_MS 10000 /* what we send goes nowhere until then, perhaps */

/* What stands is rekeyed another time. */
static void again_later(struct ike *ike, struct ike_sa *sa, const struct v1_quick *q)
{
    struct ike_child *c = q->task.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, q->task.spi, true) : NULL;
    if (!c || !ike_child_stands(c))
        return;
    uint64_t wait = c->moved || c->is_doubtful || c->is_unheard ? MOVED_AGAIN_MS : REKEY_AGAIN_MS;
    if (!c->rekey_at && ike->now + wait < c->expire_at)
        c->rekey_at = ike->now + ike_jitter(ike, wait, 5);
}

void v1_quick_urge(struct ike *ike, struct ike_sa *sa, struct v1_quick *q)
{
    q->again_at = ike->now;
    q->tries = 0;
    v1_quick_arm(ike, sa);
    ike_timer_update(ike, sa);
}

/* False: the ISAKMP SA has gone with it. */
MUST_CHECK static bool unanswered(struct ike *ike, struct ike_sa *sa, struct v1_quick *q)
{
    struct ike_child *half = v1_child_half(sa, q);
    uint64_t heard_at = sa->last_in > sa->v1->heard_at ? sa->last_in : sa->v1->heard_at;
    bool is_silent = q->initiator && heard_at <= q->began_at;
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "map %s entry %u: quick mode is not answered", q->entry->map,
            q->entry->seq);
    if (q->initiator)
        ike_next_peer(ike, q->entry, &sa->began_with);
    again_later(ike, sa, q);
    if (half)
        ike_child_free(ike, half, true);
    v1_quick_free(sa, q);
    return !is_silent || silent(ike, sa);
}

/* An initiator's is kept for a while after the third message, which may be lost; everything else is sent again. */
void v1_quick_tick(struct ike *ike, struct ike_sa *sa)
{
    for (struct v1_quick *q = sa->v1->quicks, *next; q; q = next) {
        next = q->next;
        if (q->computing || !q->again_at || q->again_at > ike->now)
            continue;
        if (v1_quick_is_kept(q)) {
            v1_quick_free(sa, q);
            continue;
        }
        if (++q->tries >= IKE_RETRANSMIT_TRIES) {
            if (!unanswered(ike, sa, q))
                return;
            continue;
        }
        ike->stats.retransmits++;
        q->again_at = ike->now + ike_jitter(ike, (uint64_t)IKE_RETRANSMIT_MS << q->tries, 2);
        v1_send(ike, sa, q->out, q->out_len);
    }
    v1_quick_arm(ike, sa);
}
