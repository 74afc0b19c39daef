/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/target/tunnels.h"

#include "backends/target/walls.h"

/* ---- static routes ---- */

struct static_route {
    struct span span;
    const struct interface *by; /* NULL: by a next hop alone */
    struct ip_addr next_hop;    /* FAMILY_NONE: none is written */
};

/* "ip route [vrf NAME] NETWORK MASK (INTERFACE [NEXT-HOP] | NEXT-HOP) …" */
static bool read_route(const struct target *t, struct str line, struct static_route *r)
{
    struct str rest = line;
    if (!line_begins_with(line, "ip route"))
        return false;
    str_take_word(&rest);
    str_take_word(&rest);
    struct str word = str_take_word(&rest);
    if (str_is(word, "vrf")) {
        str_take_word(&rest);
        word = str_take_word(&rest);
    }
    str_take_word(&rest); /* the mask */
    word = str_take_word(&rest);
    if (addr_parse4(word, &r->next_hop))
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
    const struct addr_bits bits = addr_bits_of(FAMILY_V4, net->address.a.b, net->address.plen);
    for (int i = 0; i < 4; i++)
        if ((a->b[i] & bits.care[i]) != bits.value[i])
            return false;
    return a->family == FAMILY_V4;
}

static bool leads_into(const struct static_route *r, const struct interface *tunnel)
{
    if (r->by)
        return r->by == tunnel;
    PTRLIST_FOR (struct if_address, a, &tunnel->addresses) {
        if (is_in_network(&r->next_hop, a))
            return true;
    }
    return false;
}

/* ---- the tunnel's own packets ---- */

/* The IP protocol that carries a tunnel of that mode (IANA protocol numbers); GRE where none is written. */
static uint16_t protocol_of(struct str mode)
{
    static const struct {
        const char *mode;
        uint16_t protocol;
    } modes[] = {{"gre", 47}, {"ipip", 4}, {"ipv6ip", 41}};
    struct str first = str_take_word(&mode);
    if (first.len == 0)
        return 47;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (str_is(first, modes[i].mode))
            return modes[i].protocol;
    return PROTO_ANY;
}

/* Where an end is not known any address may be it. */
static struct addr_bits end_of(const struct ip_addr *a)
{
    bool is_known = a->family == FAMILY_V4;
    return addr_bits_of(FAMILY_V4, a->b, is_known ? 32 : 0);
}

static struct ip_addr source_of(const struct interface *i)
{
    const struct interface *from = i->tunnel_source_if.target;
    const struct if_address *a = from && from->addresses.n ? from->addresses.v[0] : NULL;
    return a ? a->address.a : i->tunnel_source.addr;
}

static struct box outer_of(const struct interface *i)
{
    const struct ip_addr source = source_of(i);
    return (struct box){.family = FAMILY_V4,
                        .proto = protocol_of(i->tunnel_mode.s),
                        .src = end_of(&source),
                        .dst = end_of(&i->tunnel_destination.addr),
                        .sport = {0, 65535},
                        .dport = {0, 65535}};
}

static void note_hit(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    (void)b;
    (void)rank;
    *(const struct target_line **)ctx = tag;
    *floor = UINT32_MAX;
}

static struct box_index *index_lines(const struct target *t)
{
    struct box_index *x = box_index_new(t->arena);
    uint32_t rank = 0;
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (struct target_line, l, &m->lines) {
            for (uint32_t i = 0; i < l->boxes.n; i++)
                box_index_add(x, &l->boxes.v[i], ++rank, l);
        }
    }
    return x;
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
    struct box_index *protected = NULL;
    struct ptrlist routes = {0};
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
        if (!protected) {
            protected = index_lines(t);
            read_routes(t, &routes);
        }
        const struct box outer = outer_of(i);
        const struct target_line *hit = NULL;
        uint32_t floor = 0;
        box_index_visit(protected, &outer, &floor, note_hit, (void *)&hit);
        if (hit)
            say_is_not_made(t, i, hit, &routes);
    }
}
