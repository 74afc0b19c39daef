/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard: outbound, behind the XFRM policies. Policies belong to interfaces by number and go when somebody flushes
 * them or a link is made anew; rules of others translate what policies then no longer know. This wall stands by
 * interface name and looks at what leaves after everybody's NAT: what the flattened list protects, and is not about to
 * be encrypted by an SA of ours, is dropped. Three looks: the packet's own addresses; for flows that somebody has
 * translated the addresses they began with, and those turned round for the answers. What has to leave in the clear:
 * IKE, ESP and AH of this host, DHCP, neighbour discovery.
 *
 * So that a foreign masquerade does not stop the tunnel either, protected flows are bound to their own source address
 * (a translation to itself) before the NAT chains of others are asked. Our own rules come before: NAT before crypto.
 */
#include <netinet/in.h>

#include "backends/nftables/plan.h"

/* After every NAT chain; conntrack's own last hooks are far behind. */
#define AFTER_ALL 1000

static struct nft_chain *base(struct nft_plan *p, const char *name, bool nat, int priority)
{
    struct nft_chain *c = nft_chain_new(p, name);
    c->hook = HOOK_POSTROUTING;
    c->nat = nat;
    c->priority = priority;
    return c;
}

struct nft_guard nft_guard_begin(struct nft_plan *p)
{
    return (struct nft_guard){.filter = base(p, "guard", false, AFTER_ALL),
                              .bind = base(p, "nat_bind", true, NFT_BINDS_FLOWS)};
}

/* ---- what leaves in the clear ---- */

static struct nft_rule *pass_proto(struct nft_plan *p, struct nft_chain *c, uint8_t family, uint8_t proto)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add(p, r, RULE_FAMILY)->family = family;
    nft_add_number(p, r, RULE_PROTO, proto);
    return r;
}

static void pass_local(struct nft_plan *p, struct nft_rule *r, const char *comment)
{
    nft_add(p, r, RULE_FROM_LOCAL);
    nft_add(p, r, RULE_RETURN);
    r->comment = comment;
}

/* No interface has it from: so it is with what a multicast router forwards, too, whose source is another's. */
static void pass_own(struct nft_plan *p, struct nft_rule *r, const char *comment)
{
    nft_add(p, r, RULE_OWN);
    pass_local(p, r, comment);
}

/* While the host has no address yet (RFC 2131 §4.1, RFC 4862 §5.4). */
static void pass_nameless(struct nft_plan *p, struct nft_rule *r, uint8_t family, const char *comment)
{
    const struct ip_addr none = {.family = family};
    struct nft_expr *e = nft_add(p, r, RULE_SADDR);
    e->bits = nft_host_bits(&none);
    e->family = family;
    nft_add(p, r, RULE_OWN);
    nft_add(p, r, RULE_RETURN);
    r->comment = comment;
}

static void add_port(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, uint16_t lo, uint16_t hi)
{
    nft_add(p, r, kind)->ports = (struct port_range){lo, hi};
}

/* From here to a peer of the map: a source of this host alone says little, IPv6 forwards what others send with it.
 * Peers of dynamic entries may be anywhere. */
static struct nft_rule *to_peer(struct nft_plan *p, struct nft_rule *r, const struct target_map *m,
                                const struct nft_set *peers)
{
    if (m->has_dynamic)
        return r;
    struct nft_expr *e = nft_add(p, r, RULE_ADDR_IN_SET);
    e->set = peers;
    e->look = LOOK_PACKET_TURNED;
    return r;
}

static void pass_ipsec(struct nft_plan *p, struct nft_chain *c, const struct target_map *m, const struct nft_set *peers)
{
    const uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    pass_local(p, to_peer(p, pass_proto(p, c, family, IPPROTO_ESP), m, peers), "IPsec of this host");
    pass_local(p, to_peer(p, pass_proto(p, c, family, IPPROTO_AH), m, peers), "IPsec of this host");
    struct nft_rule *r = to_peer(p, pass_proto(p, c, family, IPPROTO_UDP), m, peers);
    add_port(p, r, RULE_SPORT, 500, 500);
    pass_own(p, r, "IKE of this host");
    /* IKE, and ESP whose packet may have come in by an interface */
    r = to_peer(p, pass_proto(p, c, family, IPPROTO_UDP), m, peers);
    add_port(p, r, RULE_SPORT, 4500, 4500);
    pass_local(p, r, "IKE and IPsec of this host");
}

/* RFC 8200 §4.1: hop-by-hop options, routing, fragment, destination options. */
static const uint8_t veils[] = {0, 43, 44, 60};

void nft_drop_veiled(struct nft_plan *p, struct nft_chain *c, enum nft_kind kind, const char *link)
{
    for (size_t i = 0; i < sizeof veils; i++) {
        struct nft_rule *r = nft_rule_new(p, c);
        if (link)
            nft_add_name(p, r, kind, link);
        nft_add(p, r, RULE_FAMILY)->family = FAMILY_V6;
        nft_add_number(p, r, RULE_FRAGMENT_OF, veils[i]);
        nft_add(p, r, RULE_COUNTER);
        nft_add(p, r, RULE_DROP);
        r->comment = "a fragment of nobody knows what";
    }
}

/* RFC 4861 §4; and multicast listeners (RFC 3810 §5), without which a switch keeps solicitations away. Neither has come
 * through a router: the hop limit says so. */
static const uint8_t discovery[] = {130, 131, 132, 133, 134, 135, 136, 137, 143};

static uint32_t hop_limit_of(uint8_t type)
{
    bool is_neighbour = type >= 133 && type <= 137;
    return is_neighbour ? 255 : 1;
}

void nft_pass_discovery(struct nft_plan *p, struct nft_chain *c, const char *link)
{
    for (size_t i = 0; i < sizeof discovery; i++) {
        struct nft_rule *r = nft_rule_new(p, c);
        if (link)
            nft_add_name(p, r, RULE_IN_IF, link);
        nft_add(p, r, RULE_FAMILY)->family = FAMILY_V6;
        nft_add_number(p, r, RULE_PROTO, IPPROTO_ICMPV6);
        nft_add_number(p, r, RULE_ICMP_TYPE, discovery[i]);
        nft_add_number(p, r, RULE_HOP_LIMIT, hop_limit_of(discovery[i]));
        nft_add(p, r, RULE_TO_NO_HOST); /* a router would forward it */
        nft_add(p, r, RULE_RETURN);
        r->comment = "neighbour discovery";
    }
}

static struct nft_rule *dhcp(struct nft_plan *p, struct nft_chain *c, uint8_t family)
{
    struct nft_rule *r = pass_proto(p, c, family, IPPROTO_UDP);
    const uint16_t first = family == FAMILY_V6 ? 546 : 67; /* and the next one: client and server */
    add_port(p, r, RULE_SPORT, first, first + 1);
    add_port(p, r, RULE_DPORT, first, first + 1);
    return r;
}

static struct nft_rule *neighbours(struct nft_plan *p, struct nft_chain *c, uint8_t type)
{
    struct nft_rule *r = pass_proto(p, c, FAMILY_V6, IPPROTO_ICMPV6);
    nft_add_number(p, r, RULE_ICMP_TYPE, type);
    return r;
}

/* Without these the host has no address, or finds no neighbour to send anything to. */
static void pass_link(struct nft_plan *p, struct nft_chain *c, uint8_t family)
{
    bool v6 = family == FAMILY_V6;
    pass_own(p, dhcp(p, c, family), "DHCP of this host");
    if (!v6)
        pass_nameless(p, dhcp(p, c, family), family, "DHCP of this host");
    for (size_t i = 0; v6 && i < sizeof discovery; i++) {
        pass_own(p, neighbours(p, c, discovery[i]), "neighbour discovery");
        pass_nameless(p, neighbours(p, c, discovery[i]), family, "neighbour discovery");
    }
}

/* ---- the list, the other way round ---- */

/* The inbound check's rules hold the mirror of the list: read with source and destination exchanged they are the list
 * itself. `protect`: what takes the place of its drop. */
static void copy_turned(struct nft_plan *p, struct nft_chain *to, const struct nft_chain *inbound, enum nft_look look,
                        enum nft_kind protect, uint8_t family)
{
    PTRLIST_FOR (struct nft_rule, from, &inbound->rules) {
        struct nft_rule *r = nft_rule_new(p, to);
        r->comment = from->comment;
        for (uint32_t i = 0; i < from->n; i++) {
            const struct nft_expr *e = &from->v[i];
            bool ends = e->kind == RULE_DROP;
            if (e->kind == RULE_COUNTER && protect != RULE_DROP)
                continue;
            struct nft_expr *copy = nft_add(p, r, ends ? protect : (enum nft_kind)e->kind);
            *copy = *e;
            copy->look = (uint8_t)look;
            if (ends)
                *copy = (struct nft_expr){.kind = (uint8_t)protect, .family = family};
        }
    }
}

void nft_closed_lists(struct nft_plan *p, struct nft_chain *c, const struct target_map *m)
{
    for (uint32_t i = 0; i < m->flat.n; i++) {
        if (m->flat.v[i].line || m->flat.v[i].verdict != VERDICT_DROP)
            continue;
        struct nft_rule *r = nft_rule_new(p, c);
        nft_add_box(p, r, &m->flat.v[i].box);
        nft_add(p, r, RULE_COUNTER);
        nft_add(p, r, RULE_DROP);
        r->comment = "an access list without lines";
    }
}

const struct nft_chain *nft_came_chain(struct nft_plan *p, const struct target_map *m, const struct nft_chain *inbound,
                                       uint32_t number)
{
    struct nft_chain *c = nft_chain_new(p, nft_name(p, "came%u", number));
    copy_turned(p, c, inbound, LOOK_FLOW, RULE_DROP, m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4);
    return c;
}

static void jump_to(struct nft_plan *p, struct nft_rule *r, const struct nft_chain *to)
{
    nft_add_name(p, r, RULE_JUMP, to->name);
}

static void flow_jump(struct nft_plan *p, struct nft_chain *c, uint32_t dir, const struct nft_chain *to)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add_number(p, r, RULE_FLOW_DIR, dir);
    jump_to(p, r, to);
}

static void translated_jump(struct nft_plan *p, struct nft_chain *c, const struct nft_chain *to)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add(p, r, RULE_TRANSLATED);
    jump_to(p, r, to);
}

static bool has_source_ports(const struct target_map *m)
{
    for (uint32_t i = 0; i < m->flat.n; i++) {
        const struct port_range *r = &m->flat.v[i].box.sport;
        bool is_icmp = m->flat.v[i].box.proto == IPPROTO_ICMP || m->flat.v[i].box.proto == IPPROTO_ICMPV6;
        if (!is_icmp && (r->lo != 0 || r->hi != 65535))
            return true;
    }
    return false;
}

/* By addresses and protocol alone, as later fragments are judged: whoever translates may have changed the port, and
 * which one the flow began with cannot be looked up in a set. */
static const struct nft_chain *began_chain(struct nft_plan *p, const struct nft_chain *without_ports, uint32_t number,
                                           uint8_t family)
{
    struct nft_chain *c = nft_chain_new(p, nft_name(p, "wherever%u", number));
    copy_turned(p, c, without_ports, LOOK_FLOW_TURNED, RULE_DROP, family);
    return c;
}

/* Flows that somebody else has translated, or that we had before the list became what it is. `without_ports`: the
 * inbound check of later fragments, NULL: no line has ports. */
static void flows(struct nft_plan *p, struct nft_chain *c, const struct target_map *m, const struct nft_chain *inbound,
                  const struct nft_chain *without_ports, uint32_t number)
{
    const uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    struct nft_chain *began = nft_chain_new(p, nft_name(p, "began%u", number));
    struct nft_chain *answer = nft_chain_new(p, nft_name(p, "answer%u", number));
    copy_turned(p, began, inbound, LOOK_FLOW_TURNED, RULE_DROP, family);
    copy_turned(p, answer, inbound, LOOK_FLOW, RULE_DROP, family);
    const struct nft_chain *wherever = began;
    if (without_ports)
        wherever = began_chain(p, without_ports, number, family);
    struct nft_chain *look = nft_chain_new(p, nft_name(p, "flow%u", number));
    /* what somebody else has sent elsewhere: a static translation of ours turns destinations on the way in alone */
    struct nft_rule *elsewhere = nft_rule_new(p, look);
    nft_add(p, elsewhere, RULE_DEST_TRANSLATED);
    nft_add_number(p, elsewhere, RULE_FLOW_DIR, 0);
    jump_to(p, elsewhere, wherever);
    struct nft_rule *ours = nft_rule_new(p, look);
    nft_add(p, ours, RULE_NAT_OURS);
    nft_add(p, ours, RULE_RETURN);
    ours->comment = "NAT before crypto: judged by what it has become";
    flow_jump(p, look, 0, has_source_ports(m) ? wherever : began);
    flow_jump(p, look, 1, answer);
    translated_jump(p, c, look);
}

/* How it would leave without an SA of ours. */
static const enum nft_kind leaves[] = {RULE_GOES_CLEAR, RULE_REQID_FOREIGN};
#define LEAVES (sizeof leaves / sizeof *leaves)

/* Those that nobody has put together. */
static void guard_fragments(struct nft_plan *p, struct nft_chain *all, const struct nft_chain *inbound, uint32_t number,
                            uint8_t family)
{
    struct nft_chain *c = nft_chain_new(p, nft_name(p, "fragment%u", number));
    copy_turned(p, c, inbound, LOOK_PACKET_TURNED, RULE_DROP, family);
    struct nft_rule *r = nft_rule_new(p, all);
    nft_add(p, r, RULE_FAMILY)->family = family;
    nft_add(p, r, RULE_FRAGMENT)->family = family;
    jump_to(p, r, c);
}

void nft_guard_map(struct nft_plan *p, const struct nft_guard *g, const struct target_map *m,
                   const struct nft_chain *inbound, const struct nft_chain *fragments, const struct nft_set *peers,
                   uint32_t number)
{
    uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    struct nft_chain *packet = nft_chain_new(p, nft_name(p, "packet%u", number));
    copy_turned(p, packet, inbound, LOOK_PACKET_TURNED, RULE_DROP, family);
    nft_closed_lists(p, packet, m);
    struct nft_chain *bind = nft_chain_new(p, nft_name(p, "bind%u", number));
    copy_turned(p, bind, inbound, LOOK_PACKET_TURNED, RULE_SNAT_SELF, family);
    struct nft_chain *all = nft_chain_new(p, nft_name(p, "guard%u", number));
    if (m->map->ipv6.v)
        nft_drop_veiled(p, all, RULE_OUT_IF, NULL);
    /* what has been translated first: an address of this host is then no proof that it is the host's own packet */
    translated_jump(p, all, packet);
    flows(p, all, m, inbound, fragments, number);
    pass_ipsec(p, all, m, peers);
    pass_link(p, all, family);
    jump_to(p, nft_rule_new(p, all), packet);
    if (fragments)
        guard_fragments(p, all, fragments, number, family);
    PTRLIST_FOR (char, link, &m->links) {
        for (size_t i = 0; i < LEAVES; i++) {
            struct nft_rule *r = nft_rule_new(p, g->filter);
            nft_add_name(p, r, RULE_OUT_IF, link);
            nft_add(p, r, leaves[i]);
            jump_to(p, r, all);
        }
        struct nft_rule *r = nft_rule_new(p, g->bind);
        nft_add_name(p, r, RULE_OUT_IF, link);
        jump_to(p, r, bind);
    }
}

void nft_guard_elsewhere(struct nft_plan *p, const struct nft_guard *g, const struct target *t)
{
    struct nft_chain *elsewhere = nft_chain_new(p, "elsewhere_out");
    for (uint32_t number = 0; number < t->maps.n; number++)
        for (size_t i = 0; i < LEAVES; i++) {
            struct nft_rule *r = nft_rule_new(p, elsewhere);
            nft_add(p, r, leaves[i]);
            nft_add_name(p, r, RULE_JUMP, nft_name(p, "guard%u", number));
        }
    nft_elsewhere(p, t, g->filter, elsewhere);
}
