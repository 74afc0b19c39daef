/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/apply/apply.h"
#include "backends/netlink/netlink.h"

static unsigned mtu_of(const char name[static IF_NAME_MAX + 1])
{
    struct ifreq r = {0};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return 0;
    memcpy(r.ifr_name, name, sizeof r.ifr_name);
    unsigned mtu = ioctl(s, SIOCGIFMTU, &r) == 0 ? (unsigned)r.ifr_mtu : 0;
    close(s);
    return mtu;
}

static struct host_link *link_named(struct arena *ar, struct ptrlist *links, const char *name)
{
    PTRLIST_FOR (struct host_link, l, links) {
        if (strcmp(l->name, name) == 0)
            return l;
    }
    struct host_link *l = ARENA_NEW(ar, struct host_link);
    strncpy(l->name, name, IF_NAME_MAX);
    l->index = if_nametoindex(name);
    l->mtu = mtu_of(l->name);
    ptrlist_add(ar, links, l);
    return l;
}

static uint8_t mask_length(const uint8_t *m, size_t n)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits = (uint8_t)(bits + __builtin_popcount(m[i]));
    return bits;
}

static void add_address(struct arena *ar, struct host_link *l, const struct ifaddrs *i)
{
    struct host_address *h = ARENA_NEW(ar, struct host_address);
    if (i->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const void *)i->ifa_addr, *m = (const void *)i->ifa_netmask;
        h->addr.family = FAMILY_V4;
        memcpy(h->addr.b, &a->sin_addr, 4);
        h->plen = m ? mask_length((const uint8_t *)&m->sin_addr, 4) : 32;
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const void *)i->ifa_addr, *m = (const void *)i->ifa_netmask;
        h->addr.family = FAMILY_V6;
        memcpy(h->addr.b, &a->sin6_addr, 16);
        h->plen = m ? mask_length((const uint8_t *)&m->sin6_addr, 16) : 128;
    } else {
        return;
    }
    ptrlist_add(ar, &l->addresses, h);
}

/* ---- whose ports they are, and on whose wire ---- */

/* Packets leave by these and not by their ports; those of a VRF leave by themselves. */
static bool carries(const struct nlattr *kind)
{
    static const char *const kinds[] = {"bridge", "bond", "team"};
    size_t n = mnl_attr_get_payload_len(kind);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= strlen(kinds[i]) && strncmp(mnl_attr_get_payload(kind), kinds[i], n) == 0)
            return true;
    return false;
}

/* Its packets are on the wire of the link below it, with nothing around them. */
static bool shares_wire(const struct nlattr *kind)
{
    static const char *const kinds[] = {"macvlan", "ipvlan"};
    size_t n = mnl_attr_get_payload_len(kind);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= strlen(kinds[i]) && strncmp(mnl_attr_get_payload(kind), kinds[i], n) == 0)
            return true;
    return false;
}

struct link_relations {
    uint32_t master, link;
    bool is_port, is_carrier, shares_wire;
};

static void read_kinds(const struct nlattr *link_info, struct link_relations *r)
{
    NETLINK_FOR_NESTED(x, link_info)
    {
        r->is_port |= mnl_attr_get_type(x) == IFLA_INFO_SLAVE_KIND && carries(x);
        r->is_carrier |= mnl_attr_get_type(x) == IFLA_INFO_KIND && carries(x);
        r->shares_wire |= mnl_attr_get_type(x) == IFLA_INFO_KIND && shares_wire(x);
    }
}

static int keep_relations(const struct nlmsghdr *h, void *arg)
{
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
    struct link_relations r = {0};
    NETLINK_FOR_ATTRS (a, h, sizeof *link) {
        bool is_number = mnl_attr_get_payload_len(a) == 4;
        if (mnl_attr_get_type(a) == IFLA_MASTER && is_number)
            r.master = mnl_attr_get_u32(a);
        if (mnl_attr_get_type(a) == IFLA_LINK && is_number)
            r.link = mnl_attr_get_u32(a);
        if (mnl_attr_get_type(a) == IFLA_LINKINFO)
            read_kinds(a, &r);
    }
    PTRLIST_FOR (struct host_link, l, (const struct ptrlist *)arg) {
        if (l->index != (uint32_t)link->ifi_index)
            continue;
        l->carrier = r.is_port ? r.master : 0;
        l->is_carrier = r.is_carrier;
        l->below = r.shares_wire ? r.link : 0;
    }
    return 0;
}

static void begin_again(void *arg)
{
    PTRLIST_FOR (struct host_link, l, (const struct ptrlist *)arg) {
        l->carrier = l->below = 0;
    }
}

static int read_relations(struct ptrlist *links)
{
    struct netlink route;
    const struct ifinfomsg all = {.ifi_family = AF_UNSPEC};
    int r = netlink_open(&route, NETLINK_ROUTE);
    if (r == 0)
        r = netlink_dump(&route, RTM_GETLINK, sizeof all, &all, keep_relations, links, begin_again);
    netlink_close(&route);
    return r;
}

int host_links_read(struct arena *ar, struct ptrlist *links)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) < 0)
        return -errno;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct host_link *l = link_named(ar, links, i->ifa_name);
        l->is_up = (i->ifa_flags & IFF_UP) != 0;
        if (i->ifa_addr)
            add_address(ar, l, i);
    }
    freeifaddrs(all);
    return read_relations(links);
}
