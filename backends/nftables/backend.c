/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/backend.h"
#include "backends/nftables/plan.h"

static void print(struct buf *out, const struct ptrlist *units, struct backend_options *o)
{
    (void)units;
    struct if_map *m = ARENA_NEW(o->arena, struct if_map);
    struct target t;
    struct nft_plan p;
    o->error = if_map_parse(o->arena, m, o->router, str_lit(o->interface_map));
    if (!o->error && o->host_has && !host_has_parse(str_lit(o->host_has), &m->host_has))
        o->error = "what the host has is not known";
    if (o->error)
        return;
    target_build(&t, o->arena, o->router, m, o->diags);
    nft_plan_build(&p, &t);
    nft_plan_text(out, &p);
}

const struct backend backend_nftables = {
    "nftables", "packet filter and NAT of its crypto interfaces, for nft -f", print, false, true, "ioscc.nft"};
