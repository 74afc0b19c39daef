/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/obstacles.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Without IPsec on the interface (sysctl, IPv4): no policy is asked for what leaves by it. An interface that is not
 * there has no setting. */
static int ask_no_xfrm(const char *link, bool *is_off)
{
    char path[128];
    int value = 0;
    *is_off = false;
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/disable_xfrm", link);
    errno = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : -errno;
    bool was_read = fscanf(f, "%d", &value) == 1;
    int r = errno ? -errno : -EIO;
    fclose(f);
    *is_off = value != 0;
    return was_read ? 0 : r;
}

struct master {
    uint32_t index;
    bool is_bridge;
};

static int keep_master(const struct nlmsghdr *h, void *arg)
{
    struct master *m = arg;
    NETLINK_FOR_ATTRS (a, h, sizeof(struct ifinfomsg)) {
        if (mnl_attr_get_type(a) == IFLA_MASTER && mnl_attr_get_payload_len(a) == 4)
            m->index = mnl_attr_get_u32(a);
        if (mnl_attr_get_type(a) != IFLA_LINKINFO)
            continue;
        NETLINK_FOR_NESTED(x, a)
        {
            size_t n = mnl_attr_get_payload_len(x);
            if (mnl_attr_get_type(x) == IFLA_INFO_SLAVE_KIND)
                m->is_bridge = n >= 6 && memcmp(mnl_attr_get_payload(x), "bridge", 6) == 0;
        }
    }
    return 0;
}

/* The bridge that it is a port of: packets leave by that. *bridge NULL: none. */
static int ask_bridge(struct netlink *route, const struct ptrlist *links, const struct host_link *l,
                      const char **bridge)
{
    *bridge = NULL;
    const struct ifinfomsg ask = {.ifi_family = AF_UNSPEC, .ifi_index = (int)l->index};
    struct master master = {0};
    int r = netlink_get(route, RTM_GETLINK, sizeof ask, &ask, keep_master, &master);
    if (r == -ENODEV)
        return 0; /* it has gone meanwhile */
    if (r < 0 || !master.is_bridge)
        return r;
    *bridge = "a bridge";
    PTRLIST_FOR (struct host_link, o, links) {
        if (o->index == master.index)
            *bridge = o->name;
    }
    return 0;
}

static int look_at_link(struct netlink *route, const struct target *t, const char *name, char why[static 256])
{
    const struct host_link *l = if_map_link(t->ifs, name);
    const char *bridge = NULL;
    bool is_off = false;
    int r = 0;
    if (l && l->index)
        r = ask_bridge(route, &t->ifs->links, l, &bridge);
    if (r == 0)
        r = ask_no_xfrm(name, &is_off);
    if (bridge)
        snprintf(why, 256, "%s is a port of %s: packets leave by that one, and nothing on %s protects them", name,
                 bridge, name);
    else if (is_off)
        snprintf(why, 256, "net.ipv4.conf.%s.disable_xfrm is set: nothing that leaves by %s is encrypted", name, name);
    return r;
}

int obstacles_find(const struct target *t, char why[static 256])
{
    struct netlink route;
    int r = netlink_open(&route, NETLINK_ROUTE);
    why[0] = '\0';
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (char, name, &m->links) {
            if (r == 0 && !why[0])
                r = look_at_link(&route, t, name, why);
        }
    }
    netlink_close(&route);
    return r;
}
