/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/target/tunnels.h"

#include "backends/target/walls.h"

/* ---- static routes ---- */

struct static_route {
    struct span span;
    const struct interface *by; /* NULL: by a next hop alone */
    struct ip_addr next_hop;    /* FAMILY_NONE: none is written */
};

/* "ip route [vrf NAME] NETWORK MASK (INTERFACE [NEXT-HOP] | NEXT-HOP) …", "ipv6 route NETWORK/LENGTH …" */
static bool read_route(const struct target *t, struct str line, struct static_route *r)
{
    struct str rest = line;
    bool is_v6 = line_begins_with(line, "ipv6 route") != 0;
    if (!is_v6 && !line_begins_with(line, "ip route"))
        return false;
    str_take_word(&rest);
    str_take_word(&rest);
    struct str word = str_take_word(&rest);
    if (str_is(word, "vrf")) {
        str_take_word(&rest);
        word = str_take_word(&rest);
    }
    if (!is_v6)
        str_take_word(&rest); /* the mask */
    word = str_take_word(&rest);
    if (addr_parse(word, &r->next_hop))
        return true;
    r->by = if_map_interface(t->c, word);
    return r->by != NULL;
}

static void read_routes(const struct target *t, struct ptrlist *routes)
{
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct ir_line *l = &t->c->lines[k];
        bool is_of_no_block = l->place == IR_IN_GLOBAL || l->place == IR_BELOW_LEFT;
        bool may_be_route = is_of_no_block && l->state == IR_LINE_LEFT;
        const struct str line = may_be_route ? line_text_at(t->c->source, l->off) : STR_EMPTY;
        struct static_route r = {.span = {l->off, line.len}};
        if (!may_be_route || !read_route(t, line, &r))
            continue;
        struct static_route *kept = ARENA_NEW(t->arena, struct static_route);
        *kept = r;
        ptrlist_add(t->arena, routes, kept);
    }
}

static bool is_in_network(const struct ip_addr *a, const struct if_address *net)
{
    const uint8_t family = net->address.a.family;
    const struct addr_bits bits = addr_bits_of(family, net->address.a.b, net->address.plen);
    for (int i = 0; i < 16; i++)
        if ((a->b[i] & bits.care[i]) != bits.value[i])
            return false;
    return a->family == family;
}

static bool leads_into(const struct static_route *r, const struct interface *tunnel)
{
    if (r->by)
        return r->by == tunnel;
    const struct ptrlist *const lists[] = {&tunnel->addresses, &tunnel->addresses6};
    for (unsigned k = 0; k < 2; k++)
        PTRLIST_FOR (struct if_address, a, lists[k]) {
            if (is_in_network(&r->next_hop, a))
                return true;
        }
    return false;
}

/* ---- the tunnel's own packets ---- */

/* What carries a tunnel of that mode (IANA protocol numbers), and in which family. GRE over IPv4 where none is written.
 */
static const struct mode_row {
    const char *words;
    uint16_t protocol;
    uint8_t family;
} modes[] = {
    {"gre ipv6", 47, FAMILY_V6}, {"gre", 47, FAMILY_V4},    {"ipip", 4, FAMILY_V4},
    {"ipv6", 41, FAMILY_V6},     {"ipv6ip", 41, FAMILY_V4}, /* behind `ipv6`, which is a cut of it */
};
static const struct mode_row unknown_mode = {"", PROTO_ANY, FAMILY_NONE};

static const struct mode_row *mode_of(struct str mode)
{
    if (mode.len == 0)
        return &modes[1];
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (line_begins_with(mode, modes[i].words))
            return &modes[i];
    return &unknown_mode;
}

/* The tunnel's source: written, or what the interface that it is of has, in the text or on this host. */
static struct ip_addr source_of(const struct target *t, const struct interface *i, uint8_t family)
{
    const struct interface *from = i->tunnel_source_if.target;
    const struct ptrlist *l = from ? (family == FAMILY_V6 ? &from->addresses6 : &from->addresses) : NULL;
    if (l && l->n)
        return ((const struct if_address *)l->v[0])->address.a;
    const char *name = from ? if_map_find(t->ifs, from) : NULL;
    const struct host_link *link = name ? if_map_link(t->ifs, name) : NULL;
    if (!link)
        return i->tunnel_source.addr;
    PTRLIST_FOR (struct host_address, h, &link->addresses) {
        if (h->addr.family == family && !addr_is_link_local(&h->addr))
            return h->addr;
    }
    return (struct ip_addr){0};
}

struct outer {
    struct box box;
    bool is_known; /* both ends: it is one flow, which the first rule decides */
    uint16_t protocol;
};

static struct addr_bits end_of(const struct ip_addr *a, uint8_t family)
{
    bool is_known = a->family == family;
    return addr_bits_of(family, a->b, is_known ? (family == FAMILY_V6 ? 128 : 32) : 0);
}

static struct outer outer_of(const struct target *t, const struct interface *i, uint8_t family,
                             const struct mode_row *mode)
{
    const struct ip_addr source = source_of(t, i, family), to = i->tunnel_destination.addr;
    return (struct outer){.box = {.family = family,
                                  .proto = mode->protocol,
                                  .src = end_of(&source, family),
                                  .dst = end_of(&to, family),
                                  .sport = {0, 65535},
                                  .dport = {0, 65535}},
                          .is_known = source.family == family && to.family == family,
                          .protocol = mode->protocol};
}

/* Of a tunnel whose ends are not known a rule has to name its protocol: one about all packets of a network says nothing
 * of it. */
static const struct target_line *protected_by(const struct target_map *m, const struct outer *o)
{
    for (uint32_t k = 0; k < m->flat.n; k++) {
        const struct flat_rule *r = &m->flat.v[k];
        struct box common;
        bool is_about = o->is_known || (r->box.proto == o->protocol && o->protocol != PROTO_ANY);
        if (!is_about || !box_intersect(&r->box, &o->box, &common))
            continue;
        if (r->verdict == VERDICT_PROTECT)
            return target_line_of(m, r);
        if (o->is_known && r->verdict == VERDICT_CLEAR && o->protocol != PROTO_ANY)
            return NULL; /* it is let go */
    }
    return NULL;
}

static const struct target_line *protecting_line(const struct target *t, const struct interface *i)
{
    const struct mode_row *mode = mode_of(i->tunnel_mode.s);
    static const uint8_t families[] = {FAMILY_V4, FAMILY_V6};
    for (unsigned k = 0; k < 2; k++) {
        const uint8_t to = i->tunnel_destination.addr.family;
        bool is_other = (mode->family && mode->family != families[k]) || (to && to != families[k]);
        const struct outer o = outer_of(t, i, families[k], mode);
        PTRLIST_FOR (struct target_map, m, &t->maps) {
            bool is_of_family = (m->map->ipv6.v != 0) == (families[k] == FAMILY_V6);
            const struct target_line *l = is_of_family && !is_other ? protected_by(m, &o) : NULL;
            if (l)
                return l;
        }
    }
    return NULL;
}

/* ---- findings ---- */

#define ROUTES_NAMED 8

/* " (line 7, line 9 and more lead into it)" */
static void name_routes(struct target *t, const struct interface *i, const struct ptrlist *routes, struct buf *b)
{
    unsigned named = 0;
    PTRLIST_FOR (struct static_route, r, routes) {
        if (named > ROUTES_NAMED || !leads_into(r, i))
            continue;
        const struct location at = source_locate(t->c->source, r->span.off);
        if (named++ == ROUTES_NAMED)
            buf_puts(b, " and more");
        else
            buf_printf(b, "%sline %u", named == 1 ? " (" : ", ", at.line);
    }
    if (named)
        buf_puts(b, named == 1 ? " leads into it)" : " lead into it)");
}

static void say_is_not_made(struct target *t, const struct interface *i, const struct target_line *protects,
                            const struct ptrlist *routes)
{
    struct buf into = {0};
    name_routes(t, i, routes, &into);
    struct diag *d = diag_add(t->diags, D_LX_TUNNEL, i->span,
                              STR_FMT " is not made here, and a crypto map protects its packets: what is routed into "
                                      "it%.*s leaves by this host's own routes, in the clear",
                              STR_ARG(i->name.s), (int)into.len, into.p ? into.p : "");
    buf_free(&into);
    diag_note(t->diags, d, protects->line->span, "this protects them");
    diag_hint(t->diags, d,
              "make it on the host (ip tunnel add), with its routes, and name it: --interface-map " STR_FMT "=DEVICE",
              STR_ARG(i->name.s));
}

static bool is_tunnel(const struct interface *i)
{
    return IR_IS_SET(i->tunnel_source) || i->tunnel_source_if.name.len || IR_IS_SET(i->tunnel_destination);
}

void target_find_tunnels(struct target *t)
{
    struct ptrlist routes = {0};
    bool has_routes = false;
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        if (IR_IS_SET(i->protection) && !i->shutdown.v)
            diag_add(t->diags, D_LX_TUNNEL, i->protection.m.span,
                     STR_FMT " is protected by an ipsec profile: crypto maps alone are carried to the kernel",
                     STR_ARG(i->name.s));
        if (IR_IS_SET(i->ezvpn))
            diag_add(t->diags, D_LX_TUNNEL, i->ezvpn.m.span, STR_FMT " uses Easy VPN, which is not carried",
                     STR_ARG(i->name.s));
        bool is_host_s = if_map_find(t->ifs, i) != NULL;
        if (i->shutdown.v || IR_IS_SET(i->protection) || !is_tunnel(i) || is_host_s)
            continue;
        const struct target_line *hit = protecting_line(t, i);
        if (hit && !has_routes)
            read_routes(t, &routes);
        has_routes |= hit != NULL;
        if (hit)
            say_is_not_made(t, i, hit, &routes);
    }
}
