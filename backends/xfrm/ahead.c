/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies of others that the kernel finds before ours: their packets never come to what the configuration says. */
#include <string.h>

#include "backends/xfrm/diff.h"

/* Do the first bits of both, as many as the shorter prefix has, agree? */
static bool prefixes_meet(const uint8_t a[16], uint8_t a_plen, const uint8_t b[16], uint8_t b_plen)
{
    unsigned bits = a_plen < b_plen ? a_plen : b_plen;
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> bits % 8);
    return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

static bool ports_meet(uint16_t a, uint16_t a_mask, uint16_t b, uint16_t b_mask)
{
    return ((a ^ b) & a_mask & b_mask) == 0;
}

/* Is there a packet that both take? */
static bool selectors_meet(const struct xfrm_sel *a, const struct xfrm_sel *b)
{
    bool same_proto = !a->proto || !b->proto || a->proto == b->proto;
    bool same_link = !a->ifindex || !b->ifindex || a->ifindex == b->ifindex;
    return a->family == b->family && same_proto && same_link &&
           prefixes_meet(a->src, a->src_plen, b->src, b->src_plen) &&
           prefixes_meet(a->dst, a->dst_plen, b->dst, b->dst_plen) &&
           ports_meet(a->sport, a->sport_mask, b->sport, b->sport_mask) &&
           ports_meet(a->dport, a->dport_mask, b->dport, b->dport_mask);
}

/* `ours` in the order of their priorities. Those of the second type are asked before all others, whatever theirs is. */
static bool comes_before(const struct xfrm_pol *theirs, const struct ptrlist *ours)
{
    const struct xfrm_pol *last = ours->n ? ours->v[ours->n - 1] : NULL;
    if (!last || (theirs->priority > last->priority && !theirs->is_sub))
        return false;
    PTRLIST_FOR (const struct xfrm_pol, w, ours) {
        bool is_first = theirs->is_sub || theirs->priority <= w->priority; /* of two alike the older one is */
        if (is_first && selectors_meet(&theirs->sel, &w->sel))
            return true;
    }
    return false;
}

/* Of the second type what neither drops nor asks for an SA changes nothing: the first type is asked as well. */
static bool is_harmless(const struct xfrm_pol *theirs)
{
    bool says_nothing = theirs->is_sub && theirs->action == XFRM_DO_ALLOW && !theirs->ntmpl;
    return says_nothing || theirs->is_bound; /* what is bound is for the packets of a tunnel interface */
}

void xfrm_find_ahead(struct xfrm_diff *d, const struct xfrm_plan *p, const struct xfrm_kernel *k)
{
    PTRLIST_FOR (struct xfrm_pol, theirs, &k->policies) {
        uint32_t whose = theirs->index & XFRM_INDEX_MASK;
        bool is_theirs = whose != XFRM_INDEX_OURS && whose != XFRM_INDEX_PEERS;
        if (is_theirs && !is_harmless(theirs) && comes_before(theirs, &p->policies[theirs->dir]))
            ptrlist_add(p->arena, &d->ahead, theirs);
    }
}
