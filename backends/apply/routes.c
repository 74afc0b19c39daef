/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/routes.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct way_found {
    uint32_t ifindex;
    bool is_local, is_encapsulated;
    uint8_t plen;
};

static int keep_route(const struct nlmsghdr *h, void *arg)
{
    struct way_found *w = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    w->is_local = m->rtm_type != RTN_UNICAST;
    w->plen = m->rtm_dst_len;
    NETLINK_FOR_ATTRS (a, h, sizeof *m) {
        if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == 4)
            w->ifindex = mnl_attr_get_u32(a);
        w->is_encapsulated |= mnl_attr_get_type(a) == RTA_ENCAP_TYPE;
    }
    return 0;
}

/* The kernel's words for "no way": its answer, not a failure to answer (fib_props of net/ipv4/fib_semantics.c). */
static bool leads_nowhere(int error)
{
    return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES || error == -EINVAL || error == -EAGAIN;
}

/* What is asked: `src` NULL and `ifindex` 0 for what this host sends itself. */
struct question {
    uint8_t family;
    const uint8_t *to, *src;
    uint32_t ifindex; /* by which it comes */
    uint32_t flags;   /* RTM_F_FIB_MATCH for the route itself, 0 for the way that it leads */
};

static size_t put_attribute(uint8_t *at, unsigned short type, const void *value, size_t n)
{
    const struct rtattr head = {.rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = type};
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, value, n);
    return RTA_SPACE(n);
}

static int ask(struct routes *k, const struct question *q, struct way_found *w)
{
    uint8_t body[sizeof(struct rtmsg) + 64] __attribute__((aligned(4))) = {0};
    const size_t n = q->family == FAMILY_V6 ? 16 : 4;
    const uint8_t bits = (uint8_t)(n * 8);
    const struct rtmsg m = {.rtm_family = q->family == FAMILY_V6 ? AF_INET6 : AF_INET,
                            .rtm_dst_len = bits,
                            .rtm_src_len = q->src ? bits : 0,
                            .rtm_flags = q->flags};
    memcpy(body, &m, sizeof m);
    size_t len = sizeof m;
    len += put_attribute(body + len, RTA_DST, q->to, n);
    if (q->src)
        len += put_attribute(body + len, RTA_SRC, q->src, n);
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

static struct routes_way ask_way(struct routes *k, const struct question *q)
{
    struct way_found w = {0};
    int r = ask(k, q, &w);
    if (r < 0 || w.is_local)
        return nowhere;
    return way_by(k, &w);
}

static struct routes_way known_way(struct routes *k, const struct question *q)
{
    char bytes[32];
    const uint32_t n = q->family == FAMILY_V6 ? 16 : 4, len = q->src ? 2 * n : n;
    memcpy(bytes, q->to, n);
    if (q->src)
        memcpy(bytes + n, q->src, n);
    const struct str key = {bytes, len};
    struct routes_way *way = symtab_get(&k->known, key, q->family);
    if (!way) {
        const struct str kept = {arena_strndup(k->arena, key.p, key.len), key.len};
        way = ARENA_NEW(k->arena, struct routes_way);
        *way = ask_way(k, q);
        symtab_put(k->arena, &k->known, kept, q->family, way);
    }
    return *way;
}

struct routes_way routes_way(struct routes *k, uint8_t family, const uint8_t *to)
{
    return known_way(k, &(struct question){.family = family, .to = to});
}

static uint32_t number_of(const struct routes *k, const char *link)
{
    PTRLIST_FOR (struct host_link, l, k->links) {
        if (link && strcmp(l->name, link) == 0)
            return l->index;
    }
    return 0;
}

struct routes_way routes_way_from(struct routes *k, uint8_t family, const uint8_t *src, const uint8_t *to)
{
    const uint32_t from = k->has_rules ? number_of(k, routes_link(k, family, src)) : 0;
    const struct question q = {.family = family, .to = to, .src = src, .ifindex = from};
    const struct routes_way way = from ? known_way(k, &q) : nowhere;
    return way.link ? way
                    : routes_way(k, family, to); /* a host that does not forward, or does not believe the source */
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
}

static void keep_each_way(struct routes *k, struct route r, const struct nlattr *ways)
{
    const uint8_t *at = mnl_attr_get_payload(ways), *end = at + mnl_attr_get_payload_len(ways);
    struct rtnexthop hop;
    r.is_one_of_many = true;
    while (at + sizeof hop <= end) {
        memcpy(&hop, at, sizeof hop);
        if (hop.rtnh_len < sizeof hop)
            return;
        r.ifindex = (uint32_t)hop.rtnh_ifindex;
        keep(k, &r);
        at += RTNH_ALIGN(hop.rtnh_len);
    }
}

static int route_row(const struct nlmsghdr *h, void *arg)
{
    struct routes *k = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    struct route r = {.family = m->rtm_family == AF_INET6 ? FAMILY_V6 : FAMILY_V4, .plen = m->rtm_dst_len};
    const size_t n = r.family == FAMILY_V6 ? 16 : 4;
    const struct nlattr *ways = NULL;
    const bool is_family = m->rtm_family == AF_INET || m->rtm_family == AF_INET6;
    const bool is_connected = m->rtm_protocol == RTPROT_KERNEL; /* to the network of an address */
    if (!is_family || m->rtm_type != RTN_UNICAST || is_connected || (m->rtm_flags & RTM_F_CLONED))
        return 0;
    NETLINK_FOR_ATTRS (a, h, sizeof *m) {
        const uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);
        if (type == RTA_OIF && len == 4)
            r.ifindex = mnl_attr_get_u32(a);
        if (type == RTA_DST && len == n)
            memcpy(r.to, mnl_attr_get_payload(a), n);
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

struct rules_seen {
    uint32_t n;
};

static int rule_row(const struct nlmsghdr *h, void *arg)
{
    (void)h;
    ((struct rules_seen *)arg)->n++;
    return 0;
}

static void rules_again(void *arg)
{
    ((struct rules_seen *)arg)->n = 0;
}

/* IPv4 has three rules from the start (local, main, default), IPv6 two. */
static int read_rules(struct routes *r)
{
    static const struct {
        uint8_t family;
        uint32_t usual;
    } families[] = {{AF_INET, 3}, {AF_INET6, 2}};
    int error = 0;
    for (size_t i = 0; i < 2 && error == 0; i++) {
        const struct rtmsg m = {.rtm_family = families[i].family};
        struct rules_seen seen = {0};
        error = netlink_dump(&r->netlink, RTM_GETRULE, sizeof m, &m, rule_row, &seen, rules_again);
        r->has_rules |= seen.n > families[i].usual;
        if (error == -EOPNOTSUPP || error == -EAFNOSUPPORT) /* a kernel without rules, or without the family */
            error = 0;
    }
    return error;
}

int routes_read(struct routes *r)
{
    const struct rtmsg all = {.rtm_family = AF_UNSPEC};
    int error = netlink_dump(&r->netlink, RTM_GETROUTE, sizeof all, &all, route_row, r, routes_again);
    if (error == 0)
        error = read_rules(r);
    if (error == 0 && r->n)
        qsort(r->all, r->n, sizeof *r->all, order);
    return error;
}

uint32_t routes_from(const struct routes *r, uint8_t family, const uint8_t *to)
{
    struct route wanted = {.family = family};
    uint32_t low = 0, high = r->n;
    memcpy(wanted.to, to, family == FAMILY_V6 ? 16 : 4);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (order(&r->all[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *routes_link(struct routes *k, uint8_t family, const uint8_t *to)
{
    return routes_way(k, family, to).link;
}

bool routes_prefix(struct routes *k, uint8_t family, const uint8_t *to, uint8_t *plen)
{
    struct way_found w = {0};
    int r = ask(k, &(struct question){.family = family, .to = to, .flags = RTM_F_FIB_MATCH}, &w);
    *plen = w.plen;
    return r == 0;
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
