/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/routes.h"

#include <errno.h>
#include <linux/rtnetlink.h>
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

/* `flags`: RTM_F_FIB_MATCH for the route itself, 0 for the way that it leads. */
static int ask(struct routes *k, uint8_t family, const uint8_t *to, uint32_t flags, struct way_found *w)
{
    struct {
        struct rtmsg m;
        struct rtattr at;
        uint8_t addr[16];
    } ask = {.m = {.rtm_family = family == FAMILY_V6 ? AF_INET6 : AF_INET, .rtm_flags = flags}};
    size_t n = family == FAMILY_V6 ? 16 : 4;
    ask.m.rtm_dst_len = (uint8_t)(n * 8);
    ask.at = (struct rtattr){.rta_len = (unsigned short)(sizeof ask.at + n), .rta_type = RTA_DST};
    memcpy(ask.addr, to, n);
    int r = netlink_get(&k->netlink, RTM_GETROUTE, sizeof ask.m + sizeof ask.at + n, &ask, keep_route, w);
    if (r < 0 && !leads_nowhere(r))
        k->error = r;
    return r;
}

static struct routes_way ask_way(struct routes *k, uint8_t family, const uint8_t *to)
{
    struct way_found w = {0};
    int r = ask(k, family, to, 0, &w);
    if (r < 0 || w.is_local)
        return (struct routes_way){NULL, false};
    PTRLIST_FOR (struct host_link, l, k->links) {
        if (l->index == w.ifindex)
            return (struct routes_way){l->name, w.is_encapsulated};
    }
    return (struct routes_way){NULL, false};
}

struct routes_way routes_way(struct routes *k, uint8_t family, const uint8_t *to)
{
    const struct str key = {(const char *)to, family == FAMILY_V6 ? 16 : 4};
    struct routes_way *way = symtab_get(&k->known, key, family);
    if (!way) {
        const struct str kept = {arena_strndup(k->arena, key.p, key.len), key.len};
        way = ARENA_NEW(k->arena, struct routes_way);
        *way = ask_way(k, family, to);
        symtab_put(k->arena, &k->known, kept, family, way);
    }
    return *way;
}

const char *routes_link(struct routes *k, uint8_t family, const uint8_t *to)
{
    return routes_way(k, family, to).link;
}

bool routes_prefix(struct routes *k, uint8_t family, const uint8_t *to, uint8_t *plen)
{
    struct way_found w = {0};
    int r = ask(k, family, to, RTM_F_FIB_MATCH, &w);
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
