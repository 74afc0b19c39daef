/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interfaces, tunnels, NAT rules, VRFs, host name (§7). */
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

static void interface(struct builder *b, const struct ios_stmt *s)
{
    struct ir_str name = val_name(b, ARG(0));
    name.s = interface_canonical(b, name.s);
    if (s->negated) {
        object_remove(b, s, TAB_INTERFACE, &b->c->interfaces, name.s, "interface");
        return;
    }
    if (s->to_default) {
        struct interface *old = ir_find(b->c, TAB_INTERFACE, name.s);
        if (old)
            *old = (struct interface){.span = old->span, .name = old->name};
        return;
    }
    b->cur[MODE_INTERFACE] =
        object_get(b, TAB_INTERFACE, &b->c->interfaces, sizeof(struct interface), name, s->span, NULL);
}

static void add_address(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    if (undo(s) && !has(ARG(0))) {
        i->addresses.n = 0;
        i->dynamic_address = (struct ir_str){0};
        return;
    }
    unsigned plen = ARG(0)->plen;
    if (ARG(1)->kind == IOS_V_ADDR) {
        int n = mask4_len(addr_v4(&ARG(1)->u.addr));
        if (n < 0) {
            diag_add(b->diags, D_BAD_MASK, ARG(1)->span, "'" STR_FMT "' is not a subnet mask",
                     STR_ARG(val_str(b, ARG(1))));
            return;
        }
        plen = (unsigned)n;
    }
    bool secondary = has(ARG(2));
    for (uint32_t k = i->addresses.n; k-- > 0;) {
        struct if_address *o = i->addresses.v[k];
        bool same = addr_eq(&o->address.a, &ARG(0)->u.addr);
        if (same || (!secondary && !o->secondary.v && !undo(s)))
            ptrlist_remove(&i->addresses, k); /* a new primary address replaces the old one */
    }
    if (undo(s))
        return;
    struct if_address *a = ARENA_NEW(b->a, struct if_address);
    a->span = s->span;
    a->address = (struct ir_addr){ARG(0)->u.addr, (uint8_t)plen, written(ARG(0)->span)};
    if (secondary)
        a->secondary = num_of(1, ARG(2)->span);
    i->dynamic_address = (struct ir_str){0};
    if (secondary)
        ptrlist_add(b->a, &i->addresses, a);
    else
        ptrlist_insert(b->a, &i->addresses, 0, a);
}

static void add_address6(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    if (undo(s) && !has(ARG(0))) {
        i->addresses6.n = 0;
        return;
    }
    for (uint32_t k = i->addresses6.n; k-- > 0;) {
        struct if_address *o = i->addresses6.v[k];
        if (addr_eq(&o->address.a, &ARG(0)->u.addr))
            ptrlist_remove(&i->addresses6, k);
    }
    if (undo(s))
        return;
    struct if_address *a = ARENA_NEW(b->a, struct if_address);
    a->span = s->span;
    a->address = (struct ir_addr){ARG(0)->u.addr, ARG(0)->plen == 255 ? 128 : ARG(0)->plen, written(ARG(0)->span)};
    if (has(ARG(1)))
        a->kind = val_name(b, ARG(1));
    ptrlist_add(b->a, &i->addresses6, a);
}

static void bind_acl(struct builder *b, const struct ios_stmt *s, struct ptrlist *l)
{
    for (uint32_t i = l->n; i-- > 0;) {
        struct acl_binding *o = l->v[i];
        if (!has(ARG(1)) || str_eq(o->direction.s, val_str(b, ARG(1))))
            ptrlist_remove(l, i); /* one list per direction */
    }
    if (undo(s))
        return;
    struct acl_binding *a = ARENA_NEW(b->a, struct acl_binding);
    a->span = s->span;
    a->acl = (struct ir_ref){val_str(b, ARG(0)), written(ARG(0)->span), NULL};
    a->direction = has(ARG(1)) ? val_name(b, ARG(1)) : (struct ir_str){str_lit("out"), {{0, 0}, ORIGIN_DEFAULT}};
    ptrlist_add(b->a, l, a);
}

static void tunnel_source(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    i->tunnel_source = (struct ir_host){0};
    i->tunnel_source_if = (struct ir_ref){0};
    if (undo(s))
        return;
    if (ARG(0)->kind == IOS_V_ADDR || val_is(ARG(0), "dynamic"))
        set_host(b, s, &i->tunnel_source, ARG(0));
    else
        i->tunnel_source_if = (struct ir_ref){interface_canonical(b, val_str(b, ARG(0))), written(ARG(0)->span), NULL};
}

static void tunnel_protection(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    i->protection = i->protection_ikev2 = i->protection_isakmp = (struct ir_ref){0};
    i->protection_shared = (struct ir_num){0};
    if (undo(s))
        return;
    set_ref(b, s, &i->protection, ARG(0));
    if (val_is(ARG(1), "ikev2-profile"))
        set_ref(b, s, &i->protection_ikev2, ARG(2));
    else if (val_is(ARG(1), "isakmp-profile"))
        set_ref(b, s, &i->protection_isakmp, ARG(2));
    if (has(ARG(3)))
        i->protection_shared = num_of(1, ARG(3)->span);
}

static void tunnel_mode(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    if (undo(s)) {
        i->tunnel_mode = (struct ir_str){0};
        return;
    }
    i->tunnel_mode = (struct ir_str){val_str(b, ARG(0)), written(s->span)};
}

static void tunnel_line(struct builder *b, const struct ios_stmt *s)
{
    struct interface *i = b->cur[MODE_INTERFACE];
    switch (s->kind) {
    case S_TUN_SOURCE:
        tunnel_source(b, s, i);
        break;
    case S_TUN_DESTINATION:
        set_host(b, s, &i->tunnel_destination, ARG(0));
        break;
    case S_TUN_MODE:
        tunnel_mode(b, s, i);
        break;
    case S_TUN_PROTECTION:
        tunnel_protection(b, s, i);
        break;
    case S_TUN_PROTECTION_POLICY:
        set_ref(b, s, val_is(ARG(0), "ipv6") ? &i->protection_acl6 : &i->protection_acl4, ARG(1));
        break;
    case S_TUN_VRF:
        set_str(b, s, &i->tunnel_vrf, ARG(0));
        break;
    case S_TUN_KEY:
        set_range(b, s, &i->tunnel_key, ARG(0), 0, 4294967295u, "tunnel key", "");
        break;
    case S_TUN_TTL:
        set_range(b, s, &i->tunnel_ttl, ARG(0), 1, 255, "tunnel ttl", "");
        break;
    case S_TUN_TOS:
        set_range(b, s, &i->tunnel_tos, ARG(0), 0, 255, "tunnel tos", "");
        break;
    case S_TUN_PMTUD:
        i->tunnel_pmtud = undo(s) ? (struct ir_str){0} : (struct ir_str){val_str(b, ARG(0)), written(s->span)};
        break;
    default:
        text_list_edit(b, s, &i->tunnel_other);
        break;
    }
}

static void if_crypto_map(struct builder *b, const struct ios_stmt *s, struct interface *i)
{
    i->map_redundancy = i->map_redundancy_stateful = (struct ir_num){0};
    i->map_redundancy_group = (struct ir_str){0};
    set_ref(b, s, &i->crypto_map, ARG(0));
    if (undo(s))
        return;
    if (has(ARG(1)))
        i->map_redundancy = num_of(1, ARG(1)->span);
    if (has(ARG(2)))
        i->map_redundancy_group = val_name(b, ARG(2));
    if (has(ARG(3)))
        i->map_redundancy_stateful = num_of(1, ARG(3)->span);
}

static void if_line(struct builder *b, const struct ios_stmt *s)
{
    struct interface *i = b->cur[MODE_INTERFACE];
    switch (s->kind) {
    case S_IF_ADDRESS:
        add_address(b, s, i);
        break;
    case S_IF_ADDRESS_DYNAMIC:
        i->addresses.n = 0;
        set_str(b, s, &i->dynamic_address, ARG(0));
        break;
    case S_IF_ADDRESS6:
        add_address6(b, s, i);
        break;
    case S_IF_UNNUMBERED:
        set_ref(b, s, &i->unnumbered, ARG(0));
        i->unnumbered.name = interface_canonical(b, i->unnumbered.name);
        break;
    case S_IF_VRF:
        set_str(b, s, &i->vrf, ARG(0));
        break;
    case S_IF_CRYPTO_MAP:
        if_crypto_map(b, s, i);
        break;
    case S_IF_CRYPTO_MAP6:
        set_ref(b, s, &i->crypto_map6, ARG(0));
        break;
    case S_IF_ACCESS_GROUP:
        bind_acl(b, s, &i->access_groups);
        break;
    case S_IF_TRAFFIC_FILTER:
        bind_acl(b, s, &i->traffic_filters);
        break;
    case S_IF_NAT:
        set_str(b, s, &i->nat, ARG(0));
        break;
    case S_IF_MTU:
        set_range(b, s, &i->mtu, ARG(0), 64, 18000, "mtu", "bytes");
        break;
    case S_IF_IP_MTU:
        set_range(b, s, &i->ip_mtu, ARG(0), 68, 18000, "ip mtu", "bytes");
        break;
    case S_IF_MSS:
        set_range(b, s, &i->mss, ARG(0), 500, 1460, "adjust-mss", "bytes");
        break;
    case S_IF_SHUTDOWN:
        set_flag(b, s, &i->shutdown);
        break;
    case S_IF_DF_BIT:
        set_str(b, s, &i->df_bit, ARG(0));
        break;
    case S_IF_FRAGMENTATION:
        set_str(b, s, &i->fragmentation, ARG(0));
        break;
    case S_IF_EZVPN:
        set_text(b, s, &i->ezvpn, ARG(0));
        break;
    case S_IF_NHRP:
        text_list_edit(b, s, &i->nhrp);
        break;
    case S_IF_STANDBY:
        text_list_edit(b, s, &i->standby);
        break;
    default:
        set_text(b, s, &i->encapsulation, ARG(0));
        break;
    }
}

static void nat_rule(struct builder *b, const struct ios_stmt *s)
{
    struct nat_rule *r = ARENA_NEW(b->a, struct nat_rule);
    r->span = s->span;
    const char *kind = s->kind == S_NAT_LIST ? "list" : s->kind == S_NAT_ROUTE_MAP ? "route-map" : "static";
    r->kind = (struct ir_str){str_lit(kind), written(s->span)};
    if (s->kind == S_NAT_STATIC) {
        r->text = val_name(b, ARG(0));
    } else {
        struct ir_ref *ref = s->kind == S_NAT_LIST ? &r->acl : &r->route_map;
        *ref = (struct ir_ref){val_str(b, ARG(0)), written(ARG(0)->span), NULL};
        if (has(ARG(1)))
            r->interface = (struct ir_ref){interface_canonical(b, val_str(b, ARG(1))), written(ARG(1)->span), NULL};
        if (has(ARG(2)))
            r->pool = val_name(b, ARG(2));
        if (has(ARG(3)))
            r->overload = num_of(1, ARG(3)->span);
        if (has(ARG(4)))
            r->vrf = val_name(b, ARG(4));
    }
    for (uint32_t i = 0; i < b->c->nat_rules.n && (undo(s) || b->c->nat_rules.n < 64); i++) {
        struct nat_rule *o = b->c->nat_rules.v[i];
        if (!str_eq(o->kind.s, r->kind.s) || !str_eq(o->acl.name, r->acl.name) ||
            !str_eq(o->route_map.name, r->route_map.name) || !str_eq(o->text.s, r->text.s))
            continue;
        if (undo(s))
            ptrlist_remove(&b->c->nat_rules, i);
        else
            b->c->nat_rules.v[i] = r;
        return;
    }
    if (!undo(s))
        ptrlist_add(b->a, &b->c->nat_rules, r);
}

static void nat_pool(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_NAT_POOL, &b->c->nat_pools, val_str(b, ARG(0)), "NAT pool");
        return;
    }
    struct nat_pool *p = object_get(b, TAB_NAT_POOL, &b->c->nat_pools, sizeof *p, val_name(b, ARG(0)), s->span, NULL);
    set_addr(b, s, &p->first, ARG(1));
    set_addr(b, s, &p->last, ARG(2));
    int n = ARG(3)->kind == IOS_V_ADDR ? mask4_len(addr_v4(&ARG(3)->u.addr))
            : ARG(4)->u.num <= 32      ? (int)ARG(4)->u.num
                                       : -1;
    if (n < 0)
        diag_add(b->diags, D_BAD_MASK, s->span, "the mask of this pool is not a subnet mask");
    else
        p->plen = num_of((uint64_t)n, has(ARG(3)) ? ARG(3)->span : ARG(4)->span);
}

static void vrf(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s))
        object_remove(b, s, TAB_VRF, &b->c->vrfs, val_str(b, ARG(0)), "VRF");
    else
        object_get(b, TAB_VRF, &b->c->vrfs, sizeof(struct ir_vrf), val_name(b, ARG(0)), s->span, NULL);
}

static void version(struct builder *b, const struct ios_stmt *s)
{
    b->c->version = val_name(b, ARG(0));
}

static void domain_name(struct builder *b, const struct ios_stmt *s)
{
    b->c->domain_name = undo(s) ? (struct ir_str){0} : val_name(b, ARG(0));
}

const struct handler_row iface_handlers[] = {
    {S_INTERFACE, interface},
    {S_IF_ADDRESS, if_line},
    {S_IF_ADDRESS_DYNAMIC, if_line},
    {S_IF_ADDRESS6, if_line},
    {S_IF_UNNUMBERED, if_line},
    {S_IF_VRF, if_line},
    {S_IF_CRYPTO_MAP, if_line},
    {S_IF_CRYPTO_MAP6, if_line},
    {S_IF_ACCESS_GROUP, if_line},
    {S_IF_TRAFFIC_FILTER, if_line},
    {S_IF_NAT, if_line},
    {S_IF_MTU, if_line},
    {S_IF_IP_MTU, if_line},
    {S_IF_MSS, if_line},
    {S_IF_SHUTDOWN, if_line},
    {S_IF_DF_BIT, if_line},
    {S_IF_FRAGMENTATION, if_line},
    {S_IF_EZVPN, if_line},
    {S_IF_NHRP, if_line},
    {S_IF_STANDBY, if_line},
    {S_IF_ENCAPSULATION, if_line},
    {S_TUN_SOURCE, tunnel_line},
    {S_TUN_DESTINATION, tunnel_line},
    {S_TUN_MODE, tunnel_line},
    {S_TUN_PROTECTION, tunnel_line},
    {S_TUN_PROTECTION_POLICY, tunnel_line},
    {S_TUN_PROTECTION_OTHER, tunnel_line},
    {S_TUN_VRF, tunnel_line},
    {S_TUN_KEY, tunnel_line},
    {S_TUN_TTL, tunnel_line},
    {S_TUN_TOS, tunnel_line},
    {S_TUN_PMTUD, tunnel_line},
    {S_TUN_OTHER, tunnel_line},
    {S_NAT_LIST, nat_rule},
    {S_NAT_ROUTE_MAP, nat_rule},
    {S_NAT_STATIC, nat_rule},
    {S_NAT_POOL, nat_pool},
    {S_VRF, vrf},
    {S_VERSION, version},
    {S_DOMAIN_NAME, domain_name},
    {S_COUNT, NULL},
};
