/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access lists, object groups, route maps, NAT as IOS text. */
#include "backends/ios/acl.h"

#include "backends/ios/out.h"
#include "compiler/base/ipnames.h"

void ios_ace_end(struct buf *b, const struct ace_end *e, bool bare_host)
{
    char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
    switch ((enum ace_addr_form)e->form) {
    case ACE_ANY:
        buf_puts(b, "any");
        break;
    case ACE_HOST:
        buf_printf(b, bare_host ? "%s" : "host %s", addr_text(&e->addr, x));
        break;
    case ACE_HOSTNAME:
        buf_printf(b, "host " STR_FMT, STR_ARG(e->name));
        break;
    case ACE_WILDCARD:
        buf_printf(b, bare_host ? "%s, wildcard bits %s" : "%s %s", addr_text(&e->addr, x), addr_text(&e->wild, y));
        break;
    case ACE_PREFIX:
        if (e->addr.family == FAMILY_V4) {
            struct ip_addr wild = addr_from_v4(~mask4(e->plen));
            buf_printf(b, "%s %s", addr_text(&e->addr, x), addr_text(&wild, y));
        } else {
            buf_printf(b, "%s/%u", addr_text(&e->addr, x), e->plen);
        }
        break;
    case ACE_GROUP:
        buf_printf(b, "object-group " STR_FMT, STR_ARG(e->name));
        break;
    case ACE_RANGE:
        buf_printf(b, "range %s %s", addr_text(&e->addr, x), addr_text(&e->wild, y));
        break;
    }
}

void ios_ports(struct buf *b, const struct ace_ports *p, unsigned proto)
{
    static const char *const ops[] = {[ACE_NO_PORT] = "", [ACE_EQ] = "eq", [ACE_NEQ] = "neq",
                                      [ACE_LT] = "lt",    [ACE_GT] = "gt", [ACE_PORT_RANGE] = "range"};
    if (p->op == ACE_NO_PORT)
        return;
    buf_printf(b, " %s", ops[p->op]);
    for (uint8_t i = 0; i < p->n; i++) {
        const char *name = ipname_of(proto == 17 ? IPN_UDP : IPN_TCP, p->port[i]);
        if (name && proto != 132)
            buf_printf(b, " %s", name);
        else
            buf_printf(b, " %u", p->port[i]);
    }
}

static void icmp(struct buf *b, const struct ace *a, bool v6)
{
    if (!a->icmp_type_set)
        return;
    uint32_t key =
        a->icmp_code_set ? (uint32_t)a->icmp_type << 8 | a->icmp_code : (uint32_t)a->icmp_type << 8 | ICMP_ANY_CODE;
    const char *name = ipname_of(v6 ? IPN_ICMP6 : IPN_ICMP, key);
    if (name)
        buf_printf(b, " %s", name);
    else if (a->icmp_code_set)
        buf_printf(b, " %u %u", a->icmp_type, a->icmp_code);
    else
        buf_printf(b, " %u", a->icmp_type);
}

static void proto_word(struct buf *b, unsigned proto, bool v6)
{
    const char *name = ipname_of(v6 ? IPN_PROTO6 : IPN_PROTO, proto);
    if (name)
        buf_puts(b, name);
    else
        buf_printf(b, "%u", proto);
}

void ios_ace(struct buf *b, const struct ace *a, enum acl_kind kind)
{
    bool v6 = kind == ACL_IPV6;
    if (kind == ACL_STANDARD) {
        ios_ace_end(b, &a->src, false);
    } else {
        if (a->service_group.len)
            buf_printf(b, "object-group " STR_FMT, STR_ARG(a->service_group));
        else
            proto_word(b, a->proto, v6);
        buf_putc(b, ' ');
        ios_ace_end(b, &a->src, false);
        ios_ports(b, &a->src.ports, a->proto);
        buf_putc(b, ' ');
        ios_ace_end(b, &a->dst, false);
        ios_ports(b, &a->dst.ports, a->proto);
        icmp(b, a, v6);
    }
    if (a->opts.len)
        buf_printf(b, " " STR_FMT, STR_ARG(a->opts));
    else if (a->log)
        buf_puts(b, " log");
}

static void one_acl(struct ios_out *w, const struct acl *l)
{
    enum acl_kind kind = (enum acl_kind)l->kind.v;
    static const char *const heads[] = {[ACL_EXTENDED] = "ip access-list extended ",
                                        [ACL_STANDARD] = "ip access-list standard ",
                                        [ACL_IPV6] = "ipv6 access-list "};
    OUT(w, "%s" STR_FMT "\n", heads[kind], STR_ARG(l->name.s));
    uint32_t next = 10;
    PTRLIST_FOR (struct ace, a, &l->aces) {
        if (a->remark) {
            OUT(w, " remark " STR_FMT "\n", STR_ARG(a->text));
            continue;
        }
        buf_putc(w->b, ' ');
        if (kind != ACL_IPV6 && a->seq != next)
            OUT(w, "%u ", a->seq);
        else if (a->seq != next)
            OUT(w, "sequence %u ", a->seq);
        next = a->seq + 10;
        buf_puts(w->b, a->permit ? "permit " : "deny ");
        ios_ace(w->b, a, kind);
        buf_putc(w->b, '\n');
    }
}

static void item(struct ios_out *w, const struct object_item *it, bool service)
{
    char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
    if (it->is_group) {
        OUT(w, " group-object " STR_FMT "\n", STR_ARG(it->group_name));
        return;
    }
    buf_putc(w->b, ' ');
    if (service) {
        if (it->proto == PROTO_TCP_UDP)
            buf_puts(w->b, "tcp-udp");
        else
            proto_word(w->b, it->proto, false);
        if (it->src_ports.op != ACE_NO_PORT) {
            buf_puts(w->b, " source");
            ios_ports(w->b, &it->src_ports, it->proto);
        }
        ios_ports(w->b, &it->end.ports, it->proto);
        struct ace tmp = {.icmp_type_set = it->icmp_set,
                          .icmp_type = it->icmp_type,
                          .icmp_code = it->icmp_code,
                          .icmp_code_set = it->icmp_code_set};
        icmp(w->b, &tmp, false);
    } else if (it->end.form == ACE_PREFIX && it->end.addr.family == FAMILY_V4) {
        struct ip_addr mask = addr_from_v4(mask4(it->end.plen));
        OUT(w, "%s %s", addr_text(&it->end.addr, x), addr_text(&mask, y));
    } else {
        ios_ace_end(w->b, &it->end, false);
    }
    buf_putc(w->b, '\n');
}

void ios_print_acls(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct object_group, g, &c->object_groups) {
        OUT(w, "object-group %s " STR_FMT "\n", g->is_service.v ? "service" : "network", STR_ARG(g->name.s));
        OUT_STR(w, g->description, " description " STR_FMT);
        PTRLIST_FOR (struct object_item, it, &g->items) {
            item(w, it, g->is_service.v);
        }
    }
    PTRLIST_FOR (struct acl, l, &c->acls) {
        one_acl(w, l);
    }
    PTRLIST_FOR (struct route_map, r, &c->route_maps) {
        OUT(w, "route-map " STR_FMT " %s %llu\n", STR_ARG(r->name.s), r->permit.v ? "permit" : "deny",
            (unsigned long long)r->seq.v);
        if (r->acls.n) {
            buf_puts(w->b, " match ip address");
            PTRLIST_FOR (struct ir_ref, a, &r->acls) {
                OUT(w, " " STR_FMT, STR_ARG(a->name));
            }
            buf_putc(w->b, '\n');
        }
        ios_texts(w, " ", &r->other);
    }
}

void ios_print_nat(struct ios_out *w, const struct ir_config *c)
{
    char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct nat_pool, p, &c->nat_pools) {
        OUT(w, "ip nat pool " STR_FMT " %s %s prefix-length %llu\n", STR_ARG(p->name.s), addr_text(&p->first.a, x),
            addr_text(&p->last.a, y), (unsigned long long)p->plen.v);
    }
    PTRLIST_FOR (struct nat_rule, r, &c->nat_rules) {
        OUT(w, "ip nat inside source " STR_FMT, STR_ARG(r->kind.s));
        if (IR_IS_SET(r->text))
            OUT(w, " " STR_FMT, STR_ARG(r->text.s));
        if (IR_IS_SET(r->acl) || IR_IS_SET(r->route_map))
            OUT(w, " " STR_FMT, STR_ARG(IR_IS_SET(r->acl) ? r->acl.name : r->route_map.name));
        if (IR_IS_SET(r->interface))
            OUT(w, " interface " STR_FMT, STR_ARG(r->interface.name));
        if (IR_IS_SET(r->pool))
            OUT(w, " pool " STR_FMT, STR_ARG(r->pool.s));
        if (IR_IS_SET(r->vrf))
            OUT(w, " vrf " STR_FMT, STR_ARG(r->vrf.s));
        buf_puts(w->b, r->overload.v ? " overload\n" : "\n");
    }
}
