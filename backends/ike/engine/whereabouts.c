/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a peer is. One behind NAT is where its last authentic message came from (RFC 7296 §2.23, RFC 3947 §6); but a
 * copy of that message may come from elsewhere before it. So an answer goes to where it was asked for from, and the
 * very message that has moved a peer moves it back when it comes from where the peer was before.
 */
#include "backends/ike/engine/engine.h"

bool ike_is_at(const struct ike_end *a, const struct ike_end *b)
{
    return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

bool ike_may_move(const struct ike_sa *sa, const struct ike_end *local)
{
    bool is_known = !sa->initiator || !ike_is(sa, IKE_BEGINS); /* who answers us has proved nothing yet */
    return is_known && sa->nat_remote && !sa->nat_local && addr_eq(&sa->local.addr, &local->addr);
}

void ike_move(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    sa->local = *local;
    ike_remote_set(ike, sa, remote);
    sa->floated |= local->port == IKE_PORT_NATT;
    if (ike_is(sa, IKE_STANDS))
        ike_peer_moved(ike, sa);
}

#define ANSWERS_AGAIN_PER_SECOND 20

void ike_follow_to(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                   uint32_t request)
{
    sa->came_from = sa->remote;
    sa->moved_by = request;
    sa->moved_at = ike->now;
    ike_move(ike, sa, local, remote);
}

void ike_follow(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                uint32_t request)
{
    if (!ike_is_at(&sa->remote, remote) && ike_may_move(sa, local))
        ike_follow_to(ike, sa, local, remote, request);
}

bool ike_was_moved_by(const struct ike *ike, const struct ike_sa *sa, uint32_t request)
{
    return sa->moved_by == request && sa->came_from.port && ike->now < sa->moved_at + IKE_COPY_MS;
}

bool ike_follow_back(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     uint32_t request)
{
    bool is_back = ike_was_moved_by(ike, sa, request) && ike_is_at(&sa->came_from, remote) &&
                   local->port == sa->local.port; /* nobody goes back from port 4500 */
    if (!is_back || ike_is_at(&sa->remote, remote) || !ike_may_move(sa, local))
        return false;
    ike_move(ike, sa, local, remote);
    return true;
}

bool ike_may_answer_again(const struct ike *ike, struct ike_sa *sa)
{
    const uint32_t second = (uint32_t)(ike->now / 1000);
    if (sa->again_second != second)
        sa->n_again = 0;
    sa->again_second = second;
    return ++sa->n_again <= ANSWERS_AGAIN_PER_SECOND;
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
