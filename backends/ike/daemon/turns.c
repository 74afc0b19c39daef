/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of an entry's several peers a line's outbound policies name (follow.h): the one whose SA came last; where
 * that has gone, the last of those that are left.
 */
#include "backends/ike/daemon/daemon.h"

static bool may_turn(const struct ike_child *c)
{
    return c->sends && !c->entry->dynamic && c->entry->n_peers > 1;
}

/* The newer of the two; either may be NULL. */
static const struct ike_child *newer(const struct ike_child *a, const struct ike_child *b)
{
    if (!a || !b)
        return a ? a : b;
    return b->number > a->number ? b : a;
}

/* The SA of the same line with that peer that came last, `but` aside; NULL: there is none. */
static const struct ike_child *last_with(const struct daemon *d, const struct ike_child *line,
                                         const struct ip_addr *peer, const struct ike_child *but)
{
    const struct ike_child *last = NULL;
    for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(d->ike, peer, sa));)
        for (const struct ike_child *c = sa->children; c; c = c->next)
            if (c != but && c->sends && c->reqid == line->reqid && addr_eq(&c->out.remote.addr, peer))
                last = newer(last, c);
    return last;
}

static const struct ike_child *last_of_line(const struct daemon *d, const struct ike_child *line,
                                            const struct ike_child *but)
{
    const struct ike_child *last = NULL;
    for (unsigned i = 0; i < line->entry->n_peers; i++)
        last = newer(last, last_with(d, line, &line->entry->peers[i].addr, but));
    return last;
}

void turn_back(void *ctx, const struct ike_child *gone)
{
    struct daemon *d = ctx;
    if (d->ending || !may_turn(gone) || last_with(d, gone, &gone->out.remote.addr, gone))
        return;
    const struct ike_child *last = last_of_line(d, gone, gone);
    if (last)
        kernel_follow(d, last);
}

static void turn_to(void *ctx, const struct ike_sa *sa)
{
    for (const struct ike_child *c = sa->children; c; c = c->next)
        if (may_turn(c) && ike_child_serves(c) && last_of_line(ctx, c, NULL) == c)
            kernel_follow(ctx, c);
}

void turn_all(struct daemon *d)
{
    ike_each(d->ike, turn_to, d);
}
