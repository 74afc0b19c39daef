/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: what a configuration becomes on a host. All backends, the plan of an apply and the IKE policy; the
 * first byte says which interfaces the host has. */
#include <stddef.h>
#include <stdint.h>

#include "backends/backend.h"
#include "backends/ike/from_ir.h"
#include "backends/ike/handover.h"
#include "backends/nftables/plan.h"
#include "backends/xfrm/plan.h"
#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"

static const char *const maps[] = {"", "Gi0/0=eth0\nGi0/1=eth1\n",
                                   "GigabitEthernet0/0=lo\nFastEthernet0/0=lo\nEthernet0/0=lo\nSerial0/0=lo\n",
                                   "Gi0/0=eth0\nDialer1=ppp0\nTu0=tun0\nVlan1=eth0.1\n"};

static void backends_print(struct compiled *c, const struct ir_config *router, const char *map)
{
    static const struct backend *const all[] = {&backend_json, &backend_ios, &backend_xfrm, &backend_nftables};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int secrets = 0; secrets < 2; secrets++) {
            struct buf b = {0};
            struct backend_options o = {.interface_map = map,
                                        .arena = &c->arena,
                                        .diags = &c->diags,
                                        .router = router,
                                        .show_secrets = secrets,
                                        .no_places = secrets};
            all[i]->print(&b, &c->units, &o);
            buf_free(&b);
        }
}

static void policy_build(struct compiled *c, const struct ir_config *router, const char *map)
{
    struct if_map *m = ARENA_NEW(&c->arena, struct if_map);
    struct ike_omissions left_out = {0};
    struct target t;
    struct xfrm_plan plan;
    if (if_map_parse(&c->arena, m, router, str_lit(map)))
        return;
    target_build(&t, &c->arena, router, m, &c->diags);
    xfrm_plan_build(&plan, &t);
    const struct ike_policy *p = ike_policy_build(&t, &plan, str_lit("master"), NULL, &left_out);
    struct buf b = {0};
    if (p && !ike_policy_write(&b, p))
        __builtin_trap(); /* out of memory */
    buf_free(&b);
    if (p)
        ike_pki_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ios_parser *parser;
    struct source src;
    struct compiled c;
    if (!parser)
        parser = ios_parser_new();
    if (!size || source_from_memory(&src, "fuzz", (const char *)data + 1, size - 1) || sem_compile(&c, parser, &src))
        return 0;
    const char *map = maps[data[0] % (sizeof maps / sizeof *maps)];
    if (c.units.n) {
        policy_build(&c, c.units.v[0], map);
        backends_print(&c, c.units.v[0], map);
    }
    sem_free(&c);
    return 0;
}
