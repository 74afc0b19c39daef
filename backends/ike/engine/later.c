/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams that are heard a moment later (engine.h). */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/engine/engine.h"

#define LATER_MAX 16 /* of one SA; what comes behind them is heard at once */

struct ike_later {
    struct ike_later *next;
    struct ike_ends ends;
    struct ike_header h;
    uint64_t at;
    size_t n;
    uint8_t p[];
};

bool ike_hear_later(struct ike *ike, struct ike_sa *sa, const struct ike_ends *ends, struct ike_iov whole,
                    struct ike_header h)
{
    struct ike_later **end = &sa->later;
    unsigned n = 0;
    for (; *end; end = &(*end)->next)
        n++;
    struct ike_later *l = n < LATER_MAX ? malloc(sizeof *l + whole.n) : NULL;
    if (!l)
        return false;
    *l = (struct ike_later){.ends = *ends, .h = h, .at = ike->now + IKE_OVERLAP_MS, .n = whole.n};
    memcpy(l->p, whole.p, whole.n);
    *end = l;
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
    if (!l || l->at > ike->now)
        return false;
    const uint64_t spi = sa->own_spi, id = sa->id;
    sa->later = l->next;
    ike->here = l->ends.local;
    ike->version[sa->version]->input(ike, &l->ends.local, &l->ends.remote, l->p, l->n, l->h);
    free(l);
    sa = ike_still(ike, spi, id);
    if (sa)
        ike_timer_update(ike, sa);
    return true;
}

void ike_later_drop(struct ike_sa *sa)
{
    for (struct ike_later *l = sa->later, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    sa->later = NULL;
}
