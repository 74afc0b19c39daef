/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In the place of a zone firewall and of policy routing, which are not carried: nothing that they would judge passes.
 */
#include "backends/nftables/plan.h"
#include "backends/target/walls.h"

static void drop(struct nft_plan *p, struct nft_chain *c, const char *in, const char *out, const char *why)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add_name(p, r, RULE_IN_IF, in);
    if (out)
        nft_add_name(p, r, RULE_OUT_IF, out);
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_DROP);
    r->comment = why;
}

/* Between two zones, and between one and an interface of none, a packet passes by a zone pair alone. */
static void between_zones(struct nft_plan *p, const struct target *t, struct nft_chain *forward)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *in = i->shutdown.v ? NULL : if_map_find(t->ifs, i);
        for (uint32_t k = 0; in && k < t->c->interfaces.n; k++) {
            const struct interface *o = t->c->interfaces.v[k];
            const char *out = o->shutdown.v ? NULL : if_map_find(t->ifs, o);
            if (out && out != in && !str_eq(target_zone_of(t, in), target_zone_of(t, out)))
                drop(p, forward, in, out, "zone firewall that is not carried");
        }
    }
}

void nft_walls(struct nft_plan *p, const struct target *t, struct nft_chain *forward)
{
    bool has_zones = false;
    PTRLIST_FOR (struct target_wall, w, &t->walls) {
        has_zones |= w->kind == WALL_ZONE;
        if (w->kind == WALL_POLICY_ROUTING)
            drop(p, forward, w->link, NULL, "policy routing that is not carried");
    }
    if (has_zones)
        between_zones(p, t, forward);
}
