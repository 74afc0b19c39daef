/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What strangers may cost (RFC 7296 §2.6, RFC 8019 §4). Each version has a budget of IKE SAs whose initiator has not
 * shown that it receives where it says it is, and one of those that have; a source has its share of what is free in
 * each, and a few places in any case. Where it has all of them, one at random gives way: whose own it is cannot be told
 * from what is sent in its name (IKEv1 has no cookies), and so its own lasts long enough most of the time. A full
 * budget makes room by its oldest stranger, so that nobody can hold all places; known peers (configured ones, and those
 * that have an SA) give way to nobody but their like.
 */
#include "backends/ike/engine/proof.h"

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

bool ike_sas_full(const struct ike *ike)
{
    return ike->policy->max_sa && ike->n_established >= ike->policy->max_sa;
}

static bool has_sa(const struct ike *ike, const struct ip_addr *remote)
{
    for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, remote, sa));)
        if (!ike_is(sa, IKE_BEGINS))
            return true;
    return false;
}

bool ike_address_known(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote)
{
    for (const struct ike_entry *e = NULL; (e = ike_entry_for(ike, local, remote, e));)
        if (e->n_peers)
            return true;
    return has_sa(ike, remote);
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
    uint32_t unsaid;
    if (ike_may_say(ike, &ike->says_evicted, 1, &unsaid))
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL,
                "half-open IKE SA limit reached, %u dropped for newer ones: possible flood of negotiations",
                unsaid + 1);
    ike->stats.evicted++;
    ike_sa_free(ike, sa);
}

/* The next of a source's of a kind; NULL first. */
static struct ike_sa *of_source(const struct ike *ike, uint8_t version, enum ike_half_open kind,
                                const struct ip_addr *remote, struct ike_sa *after)
{
    struct ike_sa *sa = ike_with_addr(ike, remote, after);
    while (sa && (sa->version != version || sa->half_open != (uint8_t)kind))
        sa = ike_with_addr(ike, remote, sa);
    return sa;
}

static unsigned count_of_source(const struct ike *ike, uint8_t version, enum ike_half_open kind,
                                const struct ip_addr *remote)
{
    unsigned n = 0;
    for (struct ike_sa *sa = NULL; (sa = of_source(ike, version, kind, remote, sa));)
        n++;
    return n;
}

static struct ike_sa *one_of_source(const struct ike *ike, uint8_t version, enum ike_half_open kind,
                                    const struct ip_addr *remote, unsigned n)
{
    uint32_t r;
    ike->host.random(ike->host.ctx, &r, sizeof r);
    struct ike_sa *sa = of_source(ike, version, kind, remote, NULL);
    for (unsigned at = r % n; at && sa; at--)
        sa = of_source(ike, version, kind, remote, sa);
    return sa;
}

bool ike_source_crowded(const struct ike *ike, uint8_t version, const struct ip_addr *remote)
{
    return count_of_source(ike, version, IKE_HALF_EARLY, remote) >= IKE_HALF_OPEN_PER_SOURCE;
}

/* Places of one source while `n` of `limit` are taken. */
static unsigned share(uint32_t limit, uint32_t n)
{
    uint32_t of_free = n < limit ? (limit - n) / IKE_HALF_OPEN_SHARE : 0;
    return of_free > IKE_HALF_OPEN_PER_SOURCE ? of_free : IKE_HALF_OPEN_PER_SOURCE;
}

bool ike_half_open_admit(struct ike *ike, uint8_t version, enum ike_half_open kind, const struct ip_addr *local,
                         const struct ip_addr *remote)
{
    struct ike_half_list *l = &ike->half_open[version][kind];
    uint32_t limit = ike->policy->max_in_negotiation ? ike->policy->max_in_negotiation : IKE_HALF_OPEN_MAX;
    bool known = ike_address_known(ike, local, remote);
    if (ike_sas_full(ike) && !has_sa(ike, remote)) /* who has one may have come back after a restart */
        return false;
    if (ike->n_jobs >= (known ? IKE_KNOWN_JOBS : IKE_STRANGERS_JOBS))
        return false;
    unsigned of_its = count_of_source(ike, version, kind, remote);
    if (of_its >= share(limit, l->n)) {
        evict(ike, one_of_source(ike, version, kind, remote, of_its));
        return true;
    }
    if (l->n < limit)
        return true;
    struct ike_sa *out = oldest(l, false);
    if (!out && known)
        out = oldest(l, true);
    if (!out)
        return false;
    evict(ike, out);
    return true;
}
