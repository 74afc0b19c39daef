/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/flows.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>

#include "backends/apply/routes.h"

/* An entry that was seen while its first packet was still on its way is seen by the next look. */
#define LOOKS_MAX 3

struct flow {
    struct packet first;  /* as it came */
    struct packet leaves; /* the same before its source is translated: destinations are by then */
    struct packet reply;  /* its answers: they go to what the source was translated to */
    uint32_t status;      /* IPS_* */
    bool is_ours;         /* a rule of ours translates it */
    const struct nlattr *tuple, *zone, *id;
};

struct look {
    struct netlink *n;
    struct arena *arena;
    const struct ptrlist *links;
    struct nft_walk *walk;
    struct routes routes;
    struct netlink_batch deletes;
};

/* ---- entries ---- */

static bool read_address(const struct nlattr *a, uint8_t out[static 16], struct packet *p)
{
    size_t n = mnl_attr_get_payload_len(a);
    if (n != 4 && n != 16)
        return false;
    p->family = n == 16 ? FAMILY_V6 : FAMILY_V4;
    memcpy(out, mnl_attr_get_payload(a), n);
    return true;
}

static bool read_addresses(const struct nlattr *nest, struct packet *p)
{
    bool has_src = false, has_dst = false;
    NETLINK_FOR_NESTED(a, nest)
    {
        switch (mnl_attr_get_type(a)) {
        case CTA_IP_V4_SRC:
        case CTA_IP_V6_SRC:
            has_src = read_address(a, p->src, p);
            break;
        case CTA_IP_V4_DST:
        case CTA_IP_V6_DST:
            has_dst = read_address(a, p->dst, p);
            break;
        default:
            break;
        }
    }
    return has_src && has_dst;
}

static uint16_t port_of(const struct nlattr *a)
{
    return mnl_attr_get_payload_len(a) == 2 ? ntohs(mnl_attr_get_u16(a)) : 0;
}

static uint16_t byte_of(const struct nlattr *a)
{
    return mnl_attr_get_payload_len(a) == 1 ? mnl_attr_get_u8(a) : 0;
}

static void read_proto(const struct nlattr *nest, struct packet *p)
{
    NETLINK_FOR_NESTED(a, nest)
    {
        switch (mnl_attr_get_type(a)) {
        case CTA_PROTO_NUM:
            p->proto = (uint8_t)byte_of(a);
            break;
        case CTA_PROTO_SRC_PORT:
            p->sport = port_of(a);
            break;
        case CTA_PROTO_DST_PORT:
            p->dport = port_of(a);
            break;
        case CTA_PROTO_ICMP_TYPE:
        case CTA_PROTO_ICMPV6_TYPE:
            p->sport = byte_of(a);
            break;
        case CTA_PROTO_ICMP_CODE:
        case CTA_PROTO_ICMPV6_CODE:
            p->dport = byte_of(a);
            break;
        default:
            break;
        }
    }
}

static bool read_tuple(const struct nlattr *nest, struct packet *p)
{
    bool whole = false;
    NETLINK_FOR_NESTED(a, nest)
    {
        if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
            whole = read_addresses(a, p);
        else if (mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
            read_proto(a, p);
    }
    return whole;
}

/* The label's bit, as the kernel numbers them in its longs. */
static bool has_label(const struct nlattr *a)
{
    unsigned long words[16 / sizeof(unsigned long)];
    const size_t bits = 8 * sizeof *words;
    if (mnl_attr_get_payload_len(a) != sizeof words)
        return false;
    memcpy(words, mnl_attr_get_payload(a), sizeof words);
    return words[NFT_NAT_LABEL / bits] >> NFT_NAT_LABEL % bits & 1;
}

static bool read_flow(const struct nlmsghdr *h, struct flow *f)
{
    bool has_first = false, has_reply = false;
    *f = (struct flow){0};
    NETLINK_FOR_ATTRS (a, h, sizeof(struct nfgenmsg)) {
        switch (mnl_attr_get_type(a)) {
        case CTA_TUPLE_ORIG:
            f->tuple = a;
            has_first = read_tuple(a, &f->first);
            break;
        case CTA_TUPLE_REPLY:
            has_reply = read_tuple(a, &f->reply);
            break;
        case CTA_STATUS:
            f->status = mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
            break;
        case CTA_LABELS:
            f->is_ours = has_label(a);
            break;
        case CTA_ZONE:
            f->zone = a;
            break;
        case CTA_ID:
            f->id = a;
            break;
        default:
            break;
        }
    }
    f->leaves = f->first;
    memcpy(f->leaves.dst, f->reply.src, sizeof f->reply.src);
    bool has_ports = f->first.proto == IPPROTO_TCP || f->first.proto == IPPROTO_UDP || f->first.proto == IPPROTO_SCTP;
    if (has_ports)
        f->leaves.dport = f->reply.sport;
    return has_first && has_reply && f->reply.family == f->first.family;
}

/* ---- what stays ---- */

/* Is what a rule of ours has made of it what the rule that stands would make? */
static bool is_as_ruled(const struct look *k, const struct flow *f, const struct nft_expr *by)
{
    const struct packet *r = &f->reply;
    const struct ip_addr *last = by->address2.family == FAMILY_NONE ? &by->address : &by->address2;
    switch ((enum nft_kind)by->kind) {
    case RULE_MASQUERADE:
        return host_links_have(k->links, r->family, r->dst);
    case RULE_SNAT:
        return memcmp(r->dst, by->address.b, 4) >= 0 && memcmp(r->dst, last->b, 4) <= 0 &&
               (!by->number || r->dport == by->number);
    case RULE_DNAT:
        return memcmp(r->src, by->address.b, 4) == 0 && (!by->number || r->sport == by->number);
    default:
        return true;
    }
}

/* Has the flow another translation than the rules would give it now? */
static bool is_outdated(struct look *k, const struct flow *f)
{
    const uint8_t family = f->first.family;
    const struct nft_way way = {routes_link(&k->routes, family, f->first.src),
                                routes_link(&k->routes, family, f->leaves.dst)};
    struct nft_walked comes = nft_walk_hook(k->walk, HOOK_PREROUTING, &f->first, &way);
    struct nft_walked leaves = {TRANSLATES_NOT, NULL}; /* what is for this host does not */
    if (way.out)
        leaves = nft_walk_hook(k->walk, HOOK_POSTROUTING, &f->leaves, &way);
    bool should_be_ours = comes.what == TRANSLATES_BY_US || leaves.what == TRANSLATES_BY_US;
    if (leaves.what == TRANSLATES_TO_ITSELF && !should_be_ours)
        return f->status & IPS_SRC_NAT;
    if (should_be_ours != f->is_ours)
        return true;
    return (comes.by && !is_as_ruled(k, f, comes.by)) || (leaves.by && !is_as_ruled(k, f, leaves.by));
}

static void add_copy(struct nlmsghdr *h, const struct nlattr *a)
{
    if (a)
        mnl_attr_put(h, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
}

/* By its identity: a flow that has begun anew meanwhile has another. */
static int add_delete(struct look *k, const struct flow *f)
{
    struct nfgenmsg *g;
    void *body;
    size_t max = f->tuple->nla_len + 256u;
    struct nlmsghdr *h = netlink_begin(k->n, &k->deletes, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                                       NLM_F_REQUEST, sizeof *g, max, &body);
    if (!h)
        return -ENOMEM;
    g = body;
    g->nfgen_family = f->first.family == FAMILY_V6 ? AF_INET6 : AF_INET;
    add_copy(h, f->tuple);
    add_copy(h, f->zone);
    add_copy(h, f->id);
    netlink_end(&k->deletes, h);
    return 0;
}

static int look_at(const struct nlmsghdr *h, void *arg)
{
    struct look *k = arg;
    struct flow f;
    if (!read_flow(h, &f))
        return 0;
    bool is_old = is_outdated(k, &f);
    if (k->routes.error)
        return k->routes.error;
    return is_old ? add_delete(k, &f) : 0;
}

static void look_again(void *arg)
{
    struct look *k = arg;
    netlink_batch_free(&k->deletes);
    k->deletes = (struct netlink_batch){0};
}

/* One look at all entries; *found: so many were outdated. */
static int one_look(struct look *k, uint32_t *found)
{
    const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC};
    uint32_t failed = 0;
    look_again(k);
    int r =
        netlink_dump(k->n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, sizeof all, &all, look_at, k, look_again);
    *found = k->deletes.n;
    if (r == 0 && *found)
        r = netlink_send(k->n, &k->deletes, 64, netlink_gone_already, NULL, &failed);
    return r;
}

/* Connections that this network namespace has; false: it does not say. */
static bool count_flows(unsigned long *n)
{
    FILE *f = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
    bool known = f && fscanf(f, "%lu", n) == 1;
    if (f)
        fclose(f);
    return known;
}

int flows_begin_anew(struct netlink *n, const struct nft_plan *p, const struct ptrlist *links, uint32_t *count)
{
    struct look k = {.n = n, .arena = p->arena, .links = links, .walk = nft_walk_new(p)};
    uint32_t found = 1;
    unsigned long there = 0;
    *count = 0;
    if (count_flows(&there) && there == 0)
        return 0; /* none to look at */
    int r = routes_open(&k.routes, p->arena, links);
    for (int i = 0; r == 0 && found && i < LOOKS_MAX; i++) {
        r = one_look(&k, &found);
        *count += found;
    }
    netlink_batch_free(&k.deletes);
    routes_close(&k.routes);
    return r;
}
