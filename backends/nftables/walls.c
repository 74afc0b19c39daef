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

/* Links of one zone; others, those too that the configuration does not have, are dropped by the chain's end. */
static struct nft_chain *zone_chain(struct nft_plan *p, const struct target *t, struct str zone, enum nft_kind way,
                                    const char *name)
{
    struct nft_chain *c = nft_chain_new(p, name);
    bool is_open = !target_zone_judges_itself(t, zone);
    PTRLIST_FOR (struct target_wall, w, &t->walls) {
        if (!is_open || w->kind != WALL_ZONE || !str_eq(target_zone_of(t, w->link), zone))
            continue;
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add_name(p, r, way, w->link);
        nft_add(p, r, RULE_RETURN);
    }
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_DROP);
    r->comment = "zone firewall that is not carried";
    return c;
}

static void jump(struct nft_plan *p, struct nft_chain *from, enum nft_kind way, const char *link, const char *to)
{
    struct nft_rule *r = nft_rule_new(p, from);
    nft_add_name(p, r, way, link);
    nft_add_name(p, r, RULE_JUMP, to);
}

/* Between two zones, and between one and an interface of none, a packet passes by a zone pair alone. */
static void between_zones(struct nft_plan *p, const struct target *t, struct nft_chain *forward)
{
    uint32_t number = 0;
    PTRLIST_FOR (struct target_wall, w, &t->walls) {
        if (w->kind != WALL_ZONE)
            continue;
        const struct str zone = target_zone_of(t, w->link);
        const struct nft_chain *to = zone_chain(p, t, zone, RULE_OUT_IF, nft_name(p, "zone_to%u", number));
        const struct nft_chain *from = zone_chain(p, t, zone, RULE_IN_IF, nft_name(p, "zone_from%u", number++));
        jump(p, forward, RULE_IN_IF, w->link, to->name);
        jump(p, forward, RULE_OUT_IF, w->link, from->name);
    }
}

void nft_walls(struct nft_plan *p, const struct target *t, struct nft_chain *forward)
{
    bool has_zones = false;
    PTRLIST_FOR (struct target_wall, w, &t->walls) {
        has_zones |= w->kind == WALL_ZONE;
        if (w->kind == WALL_POLICY_ROUTING)
            drop(p, forward, w->link, NULL, "policy routing that is not carried");
        if (w->kind == WALL_FILTER)
            drop(p, forward, w->link, NULL, "a filter that is not carried");
    }
    if (has_zones)
        between_zones(p, t, forward);
}
