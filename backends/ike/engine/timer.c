/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A heap of SAs by their earliest deadline. */
#include <stdlib.h>

#include "backends/ike/engine/engine.h"

static void put(struct ike *ike, uint32_t at, struct ike_sa *sa)
{
    ike->heap[at] = sa;
    sa->heap_at = at + 1;
}

static void up(struct ike *ike, uint32_t at)
{
    struct ike_sa *sa = ike->heap[at];
    while (at && ike->heap[(at - 1) / 2]->deadline > sa->deadline) {
        put(ike, at, ike->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(ike, at, sa);
}

static void down(struct ike *ike, uint32_t at)
{
    struct ike_sa *sa = ike->heap[at];
    for (uint32_t kid; (kid = 2 * at + 1) < ike->heap_n; at = kid) {
        if (kid + 1 < ike->heap_n && ike->heap[kid + 1]->deadline < ike->heap[kid]->deadline)
            kid++;
        if (ike->heap[kid]->deadline >= sa->deadline)
            break;
        put(ike, at, ike->heap[kid]);
    }
    put(ike, at, sa);
}

static uint64_t earliest(const struct ike_sa *sa)
{
    uint64_t best = UINT64_MAX;
    const uint64_t own[] = {sa->retransmit_at,   sa->rekey_at,  sa->expire_at, sa->dpd_at,        sa->keepalive_at,
                            sa->half_open_until, sa->resume_at, sa->reauth_at, sa->proof_ends_at, ike_later_at(sa)};
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i] && own[i] < best)
            best = own[i];
    for (const struct ike_child *c = sa->children; c; c = c->next) {
        if (c->rekey_at && c->rekey_at < best)
            best = c->rekey_at;
        if (c->expire_at && c->expire_at < best)
            best = c->expire_at;
        if (c->send_at && c->send_at < best)
            best = c->send_at;
        if (c->idle_at && c->idle_at < best)
            best = c->idle_at;
        if (c->watch_at && c->watch_at < best)
            best = c->watch_at;
    }
    return best;
}

void ike_timer_update(struct ike *ike, struct ike_sa *sa)
{
    uint64_t old = sa->deadline;
    sa->deadline = earliest(sa);
    if (sa->heap_at) {
        if (sa->deadline < old)
            up(ike, sa->heap_at - 1);
        else if (sa->deadline > old)
            down(ike, sa->heap_at - 1);
        return;
    }
    if (ike->heap_n == ike->heap_cap) {
        uint32_t cap = ike->heap_cap ? 2 * ike->heap_cap : 64;
        struct ike_sa **v = realloc(ike->heap, cap * sizeof *v);
        if (!v)
            return;
        ike->heap = v;
        ike->heap_cap = cap;
    }
    ike->heap[ike->heap_n] = sa;
    up(ike, ike->heap_n++);
}

void ike_timer_remove(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->heap_at)
        return;
    uint32_t at = sa->heap_at - 1;
    sa->heap_at = 0;
    struct ike_sa *last = ike->heap[--ike->heap_n];
    if (last == sa)
        return;
    put(ike, at, last);
    up(ike, at);
    down(ike, last->heap_at - 1);
}

uint64_t ike_jitter(struct ike *ike, uint64_t a, unsigned tenths)
{
    uint32_t r;
    ike->host.random(ike->host.ctx, &r, sizeof r);
    uint64_t span = a / 10 * tenths;
    return a - (span ? r % span : 0);
}
