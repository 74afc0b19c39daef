/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an entry is on this host: its interfaces, and the place of its peers' policies among those that stand. */
#include "backends/ike/from_ir.h"

#define NO_POLICY UINT32_MAX
#define PEERS_PRIORITY 163000 /* behind all that apply gives out, where nothing of the entry's stands */

static uint32_t place_of(const struct ptrlist *policies, const struct crypto_map_entry *e)
{
    uint32_t own = NO_POLICY, last = 0;
    PTRLIST_FOR (struct xfrm_pol, p, policies) {
        last = p->priority > last ? p->priority : last;
        if (p->entry == e && p->priority < own)
            own = p->priority;
    }
    if (own != NO_POLICY)
        return own - 1;
    return last >= PEERS_PRIORITY ? last + 1 : PEERS_PRIORITY;
}

void ike_entry_place(struct ike_entry *x, const struct xfrm_plan *plan, const struct crypto_map_entry *e)
{
    for (int d = 0; plan && d < XFRM_DIRS; d++)
        x->priority[d] = place_of(&plan->policies[d], e);
}

void ike_entry_interfaces(struct ike_entry *x, const struct target *t, const struct target_map *m)
{
    for (uint32_t i = 0; i < m->links.n && x->n_ifindex < 8; i++) {
        const struct host_link *l = if_map_link(t->ifs, m->links.v[i]);
        if (l)
            x->ifindex[x->n_ifindex++] = l->index;
    }
}
