/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct way_found {
    uint32_t ifindex;
    bool is_local, is_encapsulated;
    struct route_taken taken;
};

static int keep_route(const struct nlmsghdr *h, void *arg)
{
    struct way_found *w = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    w->is_local = m->rtm_type != RTN_UNICAST;
    w->taken.plen = m->rtm_dst_len;
    w->taken.table = m->rtm_table;
    w->taken.tos = m->rtm_tos;
    w->taken.is_connected = m->rtm_protocol == RTPROT_KERNEL;
    NETLINK_FOR_ATTRS (a, h, sizeof *m) {
        if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == 4)
            w->ifindex = mnl_attr_get_u32(a);
        if (mnl_attr_get_type(a) == RTA_TABLE && mnl_attr_get_payload_len(a) == 4)
            w->taken.table = mnl_attr_get_u32(a);
        if (mnl_attr_get_type(a) == RTA_PRIORITY && mnl_attr_get_payload_len(a) == 4)
            w->taken.priority = mnl_attr_get_u32(a);
        w->is_encapsulated |= mnl_attr_get_type(a) == RTA_ENCAP_TYPE;
    }
    return 0;
}

/* The kernel's words for "no way": its answer, not a failure to answer (fib_props of net/ipv4/fib_semantics.c). */
static bool leads_nowhere(int error)
{
    return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES || error == -EINVAL ||
           error == -EAGAIN || error == -EXDEV /* the source is not believed (rp_filter), before Linux 6.13 */ ||
           error == -ENODEV;
}

static size_t put_attribute(uint8_t *at, unsigned short type, const void *value, size_t n)
{
    const struct rtattr head = {.rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = type};
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, value, n);
    return RTA_SPACE(n);
}

/* Of other protocols the kernel answers no question (rtm_getroute_parse_ip_proto()), and without one it answers as for
 * UDP. */
static uint8_t protocol_to_ask(const struct routes *k, const struct routes_packet *q)
{
    const uint8_t icmp = q->family == FAMILY_V6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    bool can_be_asked = q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP || q->proto == icmp;
    if (can_be_asked)
        return q->proto;
    return k->stand_in == IPPROTO_ICMP ? icmp : k->stand_in;
}

/* The kernel has answers of its own for these (ip_route_output_key_hash_rcu()): to a group or to all, a packet may
 * leave by the link of its source. */
static bool needs_no_route(uint8_t family, const uint8_t *to)
{
    return family == FAMILY_V4 && (to[0] == 0 || to[0] >= 224);
}

/* Is there a route, of whatever table, to a network that the address is in? */
static bool has_route_to(const struct routes *r, uint8_t family, const uint8_t *to)
{
    const uint8_t bits = family == FAMILY_V6 ? 128 : 32;
    for (unsigned plen = 0; plen <= bits; plen++) {
        if (!r->has_length[family == FAMILY_V6][plen])
            continue;
        const struct addr_bits network = addr_bits_of(family, to, (uint8_t)plen);
        if (routes_to(r, family, network.value, (uint8_t)plen) < r->n)
            return true;
    }
    return false;
}

bool routes_lack(const struct routes *r, uint8_t family, const uint8_t *to)
{
    return r->is_read && !needs_no_route(family, to) && !has_route_to(r, family, to);
}

/* `flags`: RTM_F_FIB_MATCH for the route itself, 0 for the way that it leads. */
static int ask(struct routes *k, const struct routes_packet *q, uint32_t flags, struct way_found *w)
{
    uint8_t body[sizeof(struct rtmsg) + 128] __attribute__((aligned(4))) = {0};
    const size_t n = q->family == FAMILY_V6 ? 16 : 4;
    const uint8_t bits = (uint8_t)(n * 8);
    const uint16_t sport = htons(q->sport), dport = htons(q->dport);
    const struct rtmsg m = {.rtm_family = q->family == FAMILY_V6 ? AF_INET6 : AF_INET,
                            .rtm_dst_len = bits,
                            .rtm_src_len = q->has_src ? bits : 0,
                            .rtm_tos = q->tos,
                            .rtm_flags = flags};
    memcpy(body, &m, sizeof m);
    size_t len = sizeof m;
    len += put_attribute(body + len, RTA_DST, q->to, n);
    if (q->has_src)
        len += put_attribute(body + len, RTA_SRC, q->src, n);
    const bool has_ports = q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP;
    const uint8_t proto = protocol_to_ask(k, q);
    if (routes_lack(k, q->family, q->to)) /* rules of routing choose among tables: none has one */
        return -ENETUNREACH;
    k->asked++;
    if (proto)
        len += put_attribute(body + len, RTA_IP_PROTO, &proto, sizeof proto);
    if (has_ports && q->sport)
        len += put_attribute(body + len, RTA_SPORT, &sport, sizeof sport);
    if (has_ports && q->dport)
        len += put_attribute(body + len, RTA_DPORT, &dport, sizeof dport);
    if (q->ifindex)
        len += put_attribute(body + len, RTA_IIF, &q->ifindex, sizeof q->ifindex);
    int r = netlink_get(&k->netlink, RTM_GETROUTE, len, body, keep_route, w);
    if (r < 0 && !leads_nowhere(r))
        k->error = r;
    return r;
}

static const struct routes_way nowhere = {NULL, false};

static struct routes_way way_by(const struct routes *k, const struct way_found *w)
{
    PTRLIST_FOR (struct host_link, l, k->links) {
        if (l->index == w->ifindex)
            return (struct routes_way){l->name, w->is_encapsulated};
    }
    return nowhere;
}

static struct routes_way ask_way(struct routes *k, const struct routes_packet *q)
{
    struct way_found w = {0};
    int r = ask(k, q, 0, &w);
    if (r < 0 || w.is_local)
        return nowhere;
    return way_by(k, &w);
}

struct routes_way routes_way_of(struct routes *k, const struct routes_packet *q)
{
    struct routes_packet bytes; /* holes too */
    memset(&bytes, 0, sizeof bytes);
    const size_t n = q->family == FAMILY_V6 ? 16 : 4;
    bytes.family = q->family;
    memcpy(bytes.to, q->to, n);
    bytes.has_src = q->has_src;
    if (q->has_src)
        memcpy(bytes.src, q->src, n);
    bytes.ifindex = q->ifindex;
    bytes.proto = q->proto;
    bytes.sport = q->sport;
    bytes.dport = q->dport;
    bytes.tos = q->tos;
    const struct str key = {(const char *)&bytes, sizeof bytes};
    struct routes_way *way = symtab_get(&k->known, key, 0);
    if (!way) {
        const struct str kept = {arena_strndup(k->arena, key.p, key.len), key.len};
        way = ARENA_NEW(k->arena, struct routes_way);
        *way = ask_way(k, q);
        symtab_put(k->arena, &k->known, kept, 0, way);
    }
    return *way;
}

static struct routes_packet packet_to(uint8_t family, const uint8_t *to)
{
    struct routes_packet p = {.family = family};
    memcpy(p.to, to, family == FAMILY_V6 ? 16 : 4);
    return p;
}

uint32_t routes_number(const struct routes *k, const char *link)
{
    PTRLIST_FOR (struct host_link, l, k->links) {
        if (link && strcmp(l->name, link) == 0)
            return l->index;
    }
    return 0;
}

static bool is_in_network(const struct host_address *a, uint8_t family, const uint8_t *address)
{
    const size_t n = family == FAMILY_V6 ? 16 : 4;
    if (a->addr.family != family || a->plen == 0)
        return false;
    for (unsigned bit = 0; bit < a->plen && bit < n * 8; bit++)
        if ((a->addr.b[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

/* The link with the longest network around it; but the kernel's answer where that is by a longer route, or there is
 * none.
 */
static const char *find_source_link(struct routes *k, uint8_t family, const uint8_t *src)
{
    const struct routes_packet p = packet_to(family, src);
    struct route_taken taken;
    const char *link = NULL;
    unsigned longest = 0;
    PTRLIST_FOR (struct host_link, l, k->links) {
        PTRLIST_FOR (struct host_address, a, &l->addresses) {
            if (!is_in_network(a, family, src) || a->plen <= longest)
                continue;
            longest = a->plen;
            link = l->name;
        }
    }
    bool is_longer = routes_taken(k, &p, &taken) && (!link || taken.plen > longest);
    const char *answer = is_longer ? routes_link(k, family, src) : NULL;
    return answer ? answer : link;
}

const char *routes_source_link(struct routes *k, uint8_t family, const uint8_t *src)
{
    const size_t n = family == FAMILY_V6 ? 16 : 4;
    const char *link = symtab_get(&k->source_links, (struct str){(const char *)src, (uint32_t)n}, family);
    if (!link) {
        const struct str kept = {arena_strndup(k->arena, (const char *)src, n), (uint32_t)n};
        link = find_source_link(k, family, src);
        symtab_put(k->arena, &k->source_links, kept, family, (void *)(uintptr_t)(link ? link : ""));
    }
    return link && *link ? link : NULL;
}

/* ---- all of them ---- */

static void keep(struct routes *k, const struct route *r)
{
    if (k->n == k->room) {
        uint32_t room = k->room ? 2 * k->room : 64;
        struct route *all = arena_array(k->arena, room, sizeof *all);
        if (k->n)
            memcpy(all, k->all, k->n * sizeof *all);
        k->all = all;
        k->room = room;
    }
    k->all[k->n++] = *r;
    k->has_length[r->family == FAMILY_V6][r->plen] = true;
}

/* Among the attributes of one next hop. */
static bool has_encapsulation(const uint8_t *at, const uint8_t *end)
{
    struct rtattr a;
    while (at + sizeof a <= end) {
        memcpy(&a, at, sizeof a);
        if (a.rta_len < sizeof a)
            return false;
        if (a.rta_type == RTA_ENCAP_TYPE)
            return true;
        at += RTA_ALIGN(a.rta_len);
    }
    return false;
}

static void keep_each_way(struct routes *k, struct route r, const struct nlattr *ways)
{
    const uint8_t *at = mnl_attr_get_payload(ways), *end = at + mnl_attr_get_payload_len(ways);
    struct rtnexthop hop;
    r.is_one_of_many = true;
    k->has_many = true;
    while (at + sizeof hop <= end) {
        memcpy(&hop, at, sizeof hop);
        if (hop.rtnh_len < sizeof hop)
            return;
        r.ifindex = (uint32_t)hop.rtnh_ifindex;
        r.is_encapsulated = at + hop.rtnh_len <= end && has_encapsulation(at + sizeof hop, at + hop.rtnh_len);
        keep(k, &r);
        at += RTNH_ALIGN(hop.rtnh_len);
    }
}

static int route_row(const struct nlmsghdr *h, void *arg)
{
    struct routes *k = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    struct route r = {.family = m->rtm_family == AF_INET6 ? FAMILY_V6 : FAMILY_V4,
                      .plen = m->rtm_dst_len,
                      .tos = m->rtm_tos,
                      .table = m->rtm_table};
    const size_t n = r.family == FAMILY_V6 ? 16 : 4;
    const struct nlattr *ways = NULL;
    const bool is_family = m->rtm_family == AF_INET || m->rtm_family == AF_INET6;
    r.leads = m->rtm_type == RTN_UNICAST;
    r.is_address = (m->rtm_type == RTN_LOCAL || m->rtm_type == RTN_BROADCAST || m->rtm_type == RTN_ANYCAST) &&
                   m->rtm_dst_len == n * 8;
    r.is_connected = m->rtm_protocol == RTPROT_KERNEL;
    if (!is_family || m->rtm_dst_len > n * 8 || (m->rtm_flags & RTM_F_CLONED))
        return 0;
    NETLINK_FOR_ATTRS (a, h, sizeof *m) {
        const uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);
        if (type == RTA_OIF && len == 4)
            r.ifindex = mnl_attr_get_u32(a);
        if (type == RTA_TABLE && len == 4)
            r.table = mnl_attr_get_u32(a);
        if (type == RTA_PRIORITY && len == 4)
            r.priority = mnl_attr_get_u32(a);
        if (type == RTA_DST && len == n)
            memcpy(r.to, mnl_attr_get_payload(a), n);
        r.is_encapsulated |= type == RTA_ENCAP_TYPE;
        if (type == RTA_MULTIPATH)
            ways = a;
    }
    if (ways)
        keep_each_way(k, r, ways);
    else
        keep(k, &r);
    return 0;
}

static void routes_again(void *arg)
{
    ((struct routes *)arg)->n = 0;
}

static int order(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    int by_address = memcmp(x->to, y->to, sizeof x->to);
    return by_address ? by_address : (int)x->plen - (int)y->plen;
}

/* ---- rules ---- */

static struct port_range port_range(const struct nlattr *a)
{
    struct fib_rule_port_range r = {0, 65535};
    if (mnl_attr_get_payload_len(a) == sizeof r)
        memcpy(&r, mnl_attr_get_payload(a), sizeof r);
    return (struct port_range){r.start, r.end};
}

/* What a rule says, attribute by attribute. */
struct rule_words {
    const uint8_t *src, *dst;
    uint32_t table;
    bool has_others; /* than addresses */
};

static void read_word(const struct routes *k, const struct nlattr *a, size_t n, struct rule_words *w,
                      struct route_rule *r)
{
    const uint16_t len = mnl_attr_get_payload_len(a);
    switch (mnl_attr_get_type(a)) {
    case FRA_SRC:
        w->src = len == n ? mnl_attr_get_payload(a) : NULL;
        return;
    case FRA_DST:
        w->dst = len == n ? mnl_attr_get_payload(a) : NULL;
        return;
    case FRA_TABLE:
        w->table = len == 4 ? mnl_attr_get_u32(a) : RT_TABLE_UNSPEC;
        return;
    case FRA_IP_PROTO:
        r->box.proto = len == 1 ? mnl_attr_get_u8(a) : PROTO_ANY;
        break;
    case FRA_SPORT_RANGE:
        r->box.sport = port_range(a);
        break;
    case FRA_DPORT_RANGE:
        r->box.dport = port_range(a);
        break;
    case FRA_IIFNAME:
        if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
            r->comes_by = routes_number(k, mnl_attr_get_str(a));
        break;
    case FRA_OIFNAME:
    case FRA_FWMARK:
    case FRA_UID_RANGE:
        break;
    default:
        return;
    }
    w->has_others = true;
}

/* As rules are from the start: of all packets, to the tables local, main and default. */
static bool is_usual(const struct fib_rule_hdr *m, const struct rule_words *w)
{
    bool is_of_all = !m->src_len && !m->dst_len && !m->tos && !w->has_others;
    return is_of_all && m->action == FR_ACT_TO_TBL &&
           (w->table == RT_TABLE_LOCAL || w->table == RT_TABLE_MAIN || w->table == RT_TABLE_DEFAULT);
}

static int rule_row(const struct nlmsghdr *h, void *arg)
{
    struct routes *k = arg;
    const struct fib_rule_hdr *m = mnl_nlmsg_get_payload(h);
    const size_t n = m->family == AF_INET6 ? 16 : 4;
    struct rule_words w = {.table = m->table};
    struct route_rule r = {.box = {.family = m->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4,
                                   .proto = PROTO_ANY,
                                   .sport = {0, 65535},
                                   .dport = {0, 65535}},
                           .tos = m->tos};
    NETLINK_FOR_ATTRS (a, h, sizeof *m) {
        read_word(k, a, n, &w, &r);
    }
    if (is_usual(m, &w)) /* one by a mark cuts as well: without the mark, or with `not`, it may be about them */
        return 0;
    if (w.src)
        r.box.src = addr_bits_of(r.box.family, w.src, m->src_len);
    if (w.dst)
        r.box.dst = addr_bits_of(r.box.family, w.dst, m->dst_len);
    struct route_rule *kept = ARENA_NEW(k->arena, struct route_rule);
    *kept = r;
    ptrlist_add(k->arena, &k->rules, kept);
    return 0;
}

static void rules_again(void *arg)
{
    ((struct routes *)arg)->rules.n = 0;
}

static int read_rules(struct routes *r)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    int error = 0;
    for (size_t i = 0; i < 2 && error == 0; i++) {
        const struct fib_rule_hdr m = {.family = families[i]};
        struct routes one = {.arena = r->arena, .links = r->links};
        error = netlink_dump(&r->netlink, RTM_GETRULE, sizeof m, &m, rule_row, &one, rules_again);
        for (uint32_t k = 0; error == 0 && k < one.rules.n; k++)
            ptrlist_add(r->arena, &r->rules, one.rules.v[k]);
        if (error == -EOPNOTSUPP || error == -EAFNOSUPPORT) /* a kernel without rules, or without the family */
            error = 0;
    }
    return error;
}

static bool is_named(const struct routes *r, uint8_t proto)
{
    PTRLIST_FOR (struct route_rule, rule, &r->rules) {
        if (rule->box.proto == proto)
            return true;
    }
    return false;
}

static void choose_stand_in(struct routes *r)
{
    static const uint8_t asked_for[] = {IPPROTO_ICMP, IPPROTO_UDP, IPPROTO_TCP}; /* of IPv6 UDP, or TCP */
    for (size_t i = 0; i < sizeof asked_for && !r->stand_in; i++)
        if (!is_named(r, asked_for[i]))
            r->stand_in = asked_for[i];
}

int routes_read(struct routes *r)
{
    const struct rtmsg all = {.rtm_family = AF_UNSPEC};
    int error = netlink_dump(&r->netlink, RTM_GETROUTE, sizeof all, &all, route_row, r, routes_again);
    if (error == 0)
        error = read_rules(r);
    if (error == 0)
        choose_stand_in(r);
    if (error == 0 && r->n)
        qsort(r->all, r->n, sizeof *r->all, order);
    r->is_read = error == 0;
    return error;
}

/* `like`: family and prefix length. */
static uint32_t first_not_before(const struct routes *r, const struct route *like, const uint8_t *to)
{
    struct route wanted = *like;
    uint32_t low = 0, high = r->n;
    memcpy(wanted.to, to, wanted.family == FAMILY_V6 ? 16 : 4);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (order(&r->all[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t routes_from(const struct routes *r, uint8_t family, const uint8_t *to)
{
    const struct route like = {.family = family};
    return first_not_before(r, &like, to);
}

const char *routes_link(struct routes *k, uint8_t family, const uint8_t *to)
{
    const struct routes_packet p = packet_to(family, to);
    return routes_way_of(k, &p).link;
}

bool routes_taken(struct routes *k, const struct routes_packet *q, struct route_taken *taken)
{
    struct way_found w = {0};
    int r = ask(k, q, RTM_F_FIB_MATCH, &w);
    *taken = w.taken;
    return r == 0;
}

bool routes_is_to(const struct route *r, uint8_t family, const uint8_t *network, uint8_t plen)
{
    return r->family == family && r->plen == plen && memcmp(r->to, network, family == FAMILY_V6 ? 16 : 4) == 0;
}

uint32_t routes_to(const struct routes *r, uint8_t family, const uint8_t *network, uint8_t plen)
{
    const struct route wanted = {.family = family, .plen = plen};
    uint32_t at = first_not_before(r, &wanted, network);
    return at < r->n && routes_is_to(&r->all[at], family, network, plen) ? at : r->n;
}

int routes_open(struct routes *r, struct arena *arena, const struct ptrlist *links)
{
    *r = (struct routes){.arena = arena, .links = links};
    return netlink_open(&r->netlink, NETLINK_ROUTE);
}

void routes_close(struct routes *r)
{
    netlink_close(&r->netlink);
}
