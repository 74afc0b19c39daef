/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A datagram that is heard a moment later (engine.h). */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/engine/engine.h"

struct ike_later {
    struct ike_ends ends;
    struct ike_header h;
    uint64_t at;
    size_t n;
    uint8_t p[];
};

bool ike_hear_later(struct ike *ike, struct ike_sa *sa, const struct ike_ends *ends, struct ike_iov whole,
                    struct ike_header h)
{
    bool may_wait = !sa->later && !ike->hears_late;
    struct ike_later *l = may_wait ? malloc(sizeof *l + whole.n) : NULL;
    if (!l)
        return false;
    *l = (struct ike_later){.ends = *ends, .h = h, .at = ike->now + IKE_OVERLAP_MS, .n = whole.n};
    memcpy(l->p, whole.p, whole.n);
    sa->later = l;
    ike_timer_update(ike, sa);
    return true;
}

uint64_t ike_later_at(const struct ike_sa *sa)
{
    return sa->later ? sa->later->at : 0;
}

bool ike_hear_now(struct ike *ike, struct ike_sa *sa)
{
    struct ike_later *l = sa->later;
    if (!l)
        return false;
    const uint64_t spi = sa->own_spi, id = sa->id;
    const struct ike_end here = ike->here;
    sa->later = NULL;
    ike->here = l->ends.local;
    ike->hears_late = true; /* it waits once */
    ike->version[sa->version]->input(ike, &l->ends.local, &l->ends.remote, l->p, l->n, l->h);
    ike->hears_late = false;
    ike->here = here;
    free(l);
    sa = ike_still(ike, spi, id);
    if (sa)
        ike_timer_update(ike, sa);
    return true;
}

struct ike_sa *ike_in_order(struct ike *ike, struct ike_sa *sa, const struct ike_ends *ends, struct ike_iov whole)
{
    const struct ike_later *l = sa->later;
    if (!l)
        return sa;
    bool is_same = l->n == whole.n && memcmp(l->p, whole.p, whole.n) == 0;
    if (is_same && ike_is_at(&l->ends.remote, &ends->remote) && ike_is_at(&l->ends.local, &ends->local)) {
        ike->stats.replays++;
        return NULL;
    }
    const uint64_t spi = sa->own_spi, id = sa->id;
    (void)!ike_hear_now(ike, sa);
    return ike_still(ike, spi, id);
}

void ike_later_drop(struct ike_sa *sa)
{
    free(sa->later);
    sa->later = NULL;
}
