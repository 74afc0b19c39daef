/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What strangers may cost (RFC 7296 §2.6, RFC 8019 §4). Each version has a budget of IKE SAs whose initiator has not
 * shown that it receives where it says it is, and one of those that have; a source has a few places in each. A full
 * budget makes room by its oldest stranger, so that nobody can hold all places; known peers (configured ones, and those
 * that have an SA) give way to nobody but their like.
 */
#include "backends/ike/engine/engine.h"

static void list_remove(struct ike_half_list *l, struct ike_sa *sa)
{
    struct ike_sa *before = sa->half_prev, *behind = sa->half_next;
    if (before)
        before->half_next = behind;
    else
        l->first = behind;
    if (behind)
        behind->half_prev = before;
    else
        l->last = before;
    sa->half_prev = sa->half_next = NULL;
    l->n--;
}

static void list_append(struct ike_half_list *l, struct ike_sa *sa)
{
    sa->half_prev = l->last;
    sa->half_next = NULL;
    if (l->last)
        l->last->half_next = sa;
    else
        l->first = sa;
    l->last = sa;
    l->n++;
}

void ike_half_open_set(struct ike *ike, struct ike_sa *sa, enum ike_half_open kind)
{
    if (sa->half_open == kind)
        return;
    if (sa->half_open != IKE_HALF_NONE)
        list_remove(&ike->half_open[sa->version][sa->half_open], sa);
    sa->half_open = (uint8_t)kind;
    if (kind != IKE_HALF_NONE)
        list_append(&ike->half_open[sa->version][kind], sa);
}

uint32_t ike_half_open_count(const struct ike *ike, uint8_t version)
{
    return ike->half_open[version][IKE_HALF_EARLY].n + ike->half_open[version][IKE_HALF_PROVED].n;
}

bool ike_address_known(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote)
{
    for (const struct ike_entry *e = NULL; (e = ike_entry_for(ike, local, remote, e));)
        if (e->n_peers)
            return true;
    for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, remote, sa));)
        if (!ike_is(sa, IKE_BEGINS))
            return true;
    return false;
}

static struct ike_sa *oldest(const struct ike_half_list *l, bool known)
{
    struct ike_sa *sa = l->first;
    while (sa && sa->known != known)
        sa = sa->half_next;
    return sa;
}

static void evict(struct ike *ike, struct ike_sa *sa)
{
    ike_log(ike, EV_MESSAGE, IKE_DEBUG, sa, NULL, "a half-open IKE SA makes room for another");
    ike->stats.evicted++;
    ike_sa_free(ike, sa);
}

/* How many a source has of a kind, and its oldest. */
static unsigned of_source(const struct ike *ike, uint8_t version, enum ike_half_open kind, const struct ip_addr *remote,
                          struct ike_sa **first)
{
    unsigned n = 0;
    *first = NULL;
    for (struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, remote, sa));) {
        if (sa->version != version || sa->half_open != (uint8_t)kind)
            continue;
        n++;
        if (!*first || sa->id < (*first)->id)
            *first = sa;
    }
    return n;
}

bool ike_source_crowded(const struct ike *ike, uint8_t version, const struct ip_addr *remote)
{
    struct ike_sa *first;
    return of_source(ike, version, IKE_HALF_EARLY, remote, &first) >= IKE_HALF_OPEN_PER_SOURCE;
}

bool ike_half_open_admit(struct ike *ike, uint8_t version, enum ike_half_open kind, const struct ip_addr *local,
                         const struct ip_addr *remote)
{
    struct ike_half_list *l = &ike->half_open[version][kind];
    uint32_t limit = ike->policy->max_in_negotiation ? ike->policy->max_in_negotiation : IKE_HALF_OPEN_MAX;
    bool known = ike_address_known(ike, local, remote);
    if (ike->policy->max_sa && ike->n_established >= ike->policy->max_sa)
        return false;
    if (ike->n_jobs >= (known ? IKE_KNOWN_JOBS : IKE_STRANGERS_JOBS))
        return false;
    struct ike_sa *out;
    if (of_source(ike, version, kind, remote, &out) >= IKE_HALF_OPEN_PER_SOURCE) {
        evict(ike, out);
        return true;
    }
    if (l->n < limit)
        return true;
    out = oldest(l, false);
    if (!out && known)
        out = oldest(l, true);
    if (!out)
        return false;
    evict(ike, out);
    return true;
}
