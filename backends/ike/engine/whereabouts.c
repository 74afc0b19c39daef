/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a peer is. One behind NAT is where its last authentic message came from (RFC 7296 §2.23, RFC 3947 §6); but
 * anybody on the way can send a copy of it from elsewhere. So an answer goes to where it was asked for from, and a peer
 * that stands is moved by its answers only. It is asked where it is; what it does not answer there for a second is
 * asked where the message came from, too, and where it was before. As long as it answers where it is nobody moves it.
 *
 * While it begins, or where it cannot be asked (IKEv1 without dead peer detection), it is followed at once, and the
 * very message that has moved it moves it back when it comes from where the peer was before.
 */
#include <string.h>

#include "backends/ike/engine/engine.h"

bool ike_is_at(const struct ike_end *a, const struct ike_end *b)
{
    return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

bool ike_may_move(const struct ike_sa *sa, const struct ike_end *local)
{
    bool is_known = !sa->initiator || !ike_is(sa, IKE_BEGINS); /* who answers us has proved nothing yet */
    return is_known && sa->nat_remote && addr_eq(&sa->local.addr, &local->addr);
}

/* RFC 7296 §2.23: who is behind NAT itself does not move the peer by whatever comes; by answers it may. */
static bool may_follow(const struct ike_sa *sa, const struct ike_end *local)
{
    return !sa->nat_local && ike_may_move(sa, local);
}

void ike_move(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    sa->came_from = (struct ike_ends){sa->local, sa->remote};
    sa->moved_at = ike->now;
    sa->moved_by = IKE_MOVED_BY_NONE;
    sa->local = *local;
    ike_remote_set(ike, sa, remote);
    sa->floated |= local->port == IKE_PORT_NATT;
    if (ike_is(sa, IKE_STANDS))
        ike_peer_moved(ike, sa);
}

/* ---- one that stands ---- */

#define DOUBT_MS 1000 /* at most one question so often, however many copies come */

/* The first stays: that one it may well be. Which of the others gives way is left to chance: who sends copies from ever
 * other places, in front of the peer's message and behind it, cannot count on it. */
static void name_place(struct ike *ike, struct ike_sa *sa, const struct ike_ends *place)
{
    unsigned at = 0;
    uint32_t any;
    while (at < IKE_PLACES && sa->other[at].remote.port && !ike_is_at(&sa->other[at].remote, &place->remote))
        at++;
    ike->host.random(ike->host.ctx, &any, sizeof any);
    if (at == IKE_PLACES)
        at = 1 + any % (IKE_PLACES - 1);
    sa->other[at] = *place;
}

bool ike_is_elsewhere(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    bool is_here = ike_is_at(&sa->remote, remote) || local->port != sa->local.port;
    if (is_here || !ike_may_move(sa, local))
        return false;
    name_place(ike, sa, &(struct ike_ends){*local, *remote});
    return true;
}

bool ike_may_be_elsewhere(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    if (!ike_is_elsewhere(ike, sa, local, remote) || (sa->doubted_at && ike->now < sa->doubted_at + DOUBT_MS))
        return false;
    sa->doubted_at = ike->now;
    return true;
}

static bool is_place(const struct ike_sa *sa, const struct ike_ends *place)
{
    bool is_one = place->remote.port && place->local.port == sa->local.port;
    return is_one && !ike_is_at(&place->remote, &sa->remote) && ike_may_move(sa, &place->local);
}

unsigned ike_other_places(const struct ike_sa *sa, struct ike_ends out[static IKE_PLACES + 1])
{
    unsigned n = 0;
    for (unsigned i = 0; i < IKE_PLACES; i++)
        if (is_place(sa, &sa->other[i]))
            out[n++] = sa->other[i];
    bool is_named = false;
    for (unsigned i = 0; i < n; i++)
        is_named |= ike_is_at(&out[i].remote, &sa->came_from.remote);
    if (!is_named && is_place(sa, &sa->came_from))
        out[n++] = sa->came_from;
    return n;
}

#define DOUBTS_MAX 2

bool ike_asks_elsewhere(const struct ike_sa *sa, unsigned repeated)
{
    return repeated > sa->doubts;
}

/* It is where it is. */
static void settle(struct ike_sa *sa)
{
    memset(sa->other, 0, sizeof sa->other);
    sa->came_from = (struct ike_ends){0};
    sa->doubts = 0;
}

bool ike_place_answered(struct ike *ike, struct ike_sa *sa, const struct ike_end *remote)
{
    struct ike_ends v[IKE_PLACES + 1];
    bool was_everywhere = sa->is_asked_elsewhere;
    bool is_here = ike_is_at(&sa->remote, remote) || !ike_may_move(sa, &sa->local);
    unsigned n = was_everywhere ? ike_other_places(sa, v) : 0;
    sa->is_asked_elsewhere = false;
    if (!was_everywhere && is_here) {
        settle(sa);
        return false;
    }
    /* what still lets our question in may send the answer out by another port already */
    const struct ike_end local = sa->local;
    if (!was_everywhere)
        return ike_may_be_elsewhere(ike, sa, &local, remote);
    if (sa->doubts < DOUBTS_MAX)
        sa->doubts++; /* the way there and back may take as long as that */
    for (unsigned i = 0; i < n; i++)
        if (ike_is_at(&v[i].remote, remote)) {
            ike_move(ike, sa, &v[i].local, &v[i].remote);
            break;
        }
    return true;
}

bool ike_place_inherit(struct ike *ike, struct ike_sa *to, const struct ike_sa *from)
{
    struct ike_ends v[IKE_PLACES + 1];
    to->local = from->local;
    if (!ike_is_at(&to->remote, &from->remote))
        ike_remote_set(ike, to, &from->remote);
    memcpy(to->other, from->other, sizeof to->other);
    to->doubts = from->doubts;
    to->came_from = from->came_from;
    return ike_other_places(to, v) != 0;
}

/* ---- one that begins, or cannot be asked ---- */

void ike_follow_to(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                   uint32_t request)
{
    ike_move(ike, sa, local, remote);
    sa->moved_by = request;
}

void ike_follow(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                uint32_t request)
{
    if (!ike_is_at(&sa->remote, remote) && may_follow(sa, local))
        ike_follow_to(ike, sa, local, remote, request);
}

bool ike_follow_back(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     uint32_t request)
{
    bool was_moved = sa->moved_by == request && sa->came_from.remote.port && ike->now < sa->moved_at + IKE_COPY_MS;
    bool is_back = was_moved && ike_is_at(&sa->came_from.remote, remote) &&
                   local->port == sa->local.port; /* nobody goes back from port 4500 */
    if (!is_back || ike_is_at(&sa->remote, remote) || !may_follow(sa, local))
        return false;
    ike_move(ike, sa, local, remote); /* once: what comes behind may be copies from either place */
    return true;
}

/* ---- answers ---- */

#define ANSWERS_AGAIN_PER_SECOND 20

/* Copies from elsewhere do not use up what the peer itself may ask for. */
bool ike_may_answer_again(const struct ike *ike, struct ike_sa *sa, const struct ike_end *remote)
{
    const uint32_t second = (uint32_t)(ike->now / 1000);
    bool is_elsewhere = !ike_is_at(&sa->remote, remote);
    if (sa->again_second != second)
        sa->n_again[0] = sa->n_again[1] = 0;
    sa->again_second = second;
    return ++sa->n_again[is_elsewhere] <= ANSWERS_AGAIN_PER_SECOND;
}

struct ike_ends ike_ends_swap(struct ike_sa *sa, struct ike_ends with)
{
    const struct ike_ends were = {sa->local, sa->remote};
    sa->local = with.local;
    sa->remote = with.remote;
    return were;
}

bool ike_heard_digest(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, struct ike_iov whole,
                      uint8_t out[static 32])
{
    const uint16_t ports[2] = {local->port, remote->port};
    const struct ike_iov v[] = {whole, {(const uint8_t *)ports, sizeof ports}, {local->addr.b, sizeof local->addr.b}};
    return ike_hash(ike->crypto, ALGO_INTEG_SHA256, v, 3, out);
}
