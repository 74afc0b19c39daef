/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of an entry's several peers a line's outbound policies name (follow.h): the one whose SA came last, as the
 * privileged process sees it; where that has gone, one that still has an SA, which this process knows.
 */
#include "backends/ike/daemon/daemon.h"

static bool may_turn(const struct ike_child *c)
{
    return c->sends && !c->entry->dynamic && c->entry->n_peers > 1;
}

/* Another SA of the same line that goes out to that address; NULL. */
static const struct ike_child *left_with(const struct daemon *d, const struct ike_child *gone,
                                         const struct ip_addr *peer)
{
    for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(d->ike, peer, sa));)
        for (const struct ike_child *c = sa->children; c; c = c->next)
            if (c != gone && c->sends && c->reqid == gone->reqid && addr_eq(&c->out.remote.addr, peer))
                return c;
    return NULL;
}

void turn_back(void *ctx, const struct ike_child *gone)
{
    struct daemon *d = ctx;
    const struct ike_entry *e = gone->entry;
    if (d->ending || !may_turn(gone) || left_with(d, gone, &gone->out.remote.addr))
        return;
    for (unsigned i = 0; i < e->n_peers; i++) {
        const struct ike_child *c = left_with(d, gone, &e->peers[i].addr);
        if (c) {
            kernel_follow(d, c);
            return;
        }
    }
}

static void turn_to(void *ctx, const struct ike_sa *sa)
{
    for (const struct ike_child *c = sa->children; c; c = c->next)
        if (may_turn(c) && ike_child_serves(c))
            kernel_follow(ctx, c);
}

void turn_all(struct daemon *d)
{
    ike_each(d->ike, turn_to, d);
}
