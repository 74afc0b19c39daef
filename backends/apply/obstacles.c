/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/obstacles.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/apply/host_settings.h"

/* Settings (sysctl) that take an interface out of IPsec; `all` is so for each of them. No policy is asked for what
 * leaves by it, or none for what comes in. */
static const struct setting {
    const char *family, *name, *effect;
} settings[] = {{"ipv4", "disable_xfrm", "nothing that leaves by %s is encrypted"},
                {"ipv4", "disable_policy", "what comes in by %s in the clear passes every policy"},
                {"ipv6", "disable_policy", "what comes in by %s in the clear passes every policy"}};

/* An interface that is not there has no setting, nor has a kernel without that family. */
static int ask_setting(const struct setting *s, const char *link, bool *is_set)
{
    char path[160];
    int value = 0;
    *is_set = false;
    snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", s->family, link, s->name);
    int r = host_setting_read(path, &value);
    *is_set = value != 0;
    return r;
}

/* A link's own settings, or `all`. */
static int look_at_settings(const char *link, const char *whose, char why[static 256])
{
    int r = 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && r == 0 && !why[0]; i++) {
        const struct setting *s = &settings[i];
        char effect[128];
        bool is_set;
        r = ask_setting(s, link, &is_set);
        if (r < 0 || !is_set)
            continue;
        snprintf(effect, sizeof effect, s->effect, whose);
        snprintf(why, 256, "net.%s.conf.%s.%s is set: %s", s->family, link, s->name, effect);
    }
    return r;
}

/* ---- flowtables: what is in one goes from interface to interface, past every policy and every rule ---- */

struct flowtable {
    char table[NFT_NAME_MAXLEN], name[NFT_NAME_MAXLEN], device[IFNAMSIZ]; /* the first that has a device */
};

static void keep_name(const struct nlattr *a, char *to, size_t room)
{
    snprintf(to, room, "%.*s", (int)mnl_attr_get_payload_len(a), (const char *)mnl_attr_get_payload(a));
}

static void first_device(const struct nlattr *hook, struct flowtable *f)
{
    NETLINK_FOR_NESTED(devices, hook)
    {
        if (mnl_attr_get_type(devices) != NFTA_FLOWTABLE_HOOK_DEVS)
            continue;
        NETLINK_FOR_NESTED(device, devices)
        {
            if (mnl_attr_get_type(device) == NFTA_DEVICE_NAME && !f->device[0])
                keep_name(device, f->device, sizeof f->device);
        }
    }
}

static int keep_flowtable(const struct nlmsghdr *h, void *arg)
{
    struct flowtable *found = arg, f = {{0}, {0}, {0}};
    NETLINK_FOR_ATTRS (a, h, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(a) == NFTA_FLOWTABLE_TABLE)
            keep_name(a, f.table, sizeof f.table);
        if (mnl_attr_get_type(a) == NFTA_FLOWTABLE_NAME)
            keep_name(a, f.name, sizeof f.name);
        if (mnl_attr_get_type(a) == NFTA_FLOWTABLE_HOOK)
            first_device(a, &f);
    }
    if (f.device[0] && !found->device[0])
        *found = f;
    return 0;
}

static void forget_flowtable(void *arg)
{
    *(struct flowtable *)arg = (struct flowtable){{0}, {0}, {0}};
}

/* Of whatever interfaces: by which one a connection comes in that leaves by a crypto map is not known. */
static int ask_flowtables(struct flowtable *found)
{
    struct netlink n;
    const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETFLOWTABLE;
    const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC};
    int r = netlink_open(&n, NETLINK_NETFILTER);
    if (r == 0)
        r = netlink_dump(&n, type, sizeof all, &all, keep_flowtable, found, forget_flowtable);
    netlink_close(&n);
    return r == -EINVAL ? 0 : r; /* that is: this kernel has no nf_tables, hence no flowtable */
}

static int look_at_flowtables(char why[static 256])
{
    struct flowtable f = {{0}, {0}, {0}};
    int r = ask_flowtables(&f);
    if (f.device[0])
        snprintf(why, 256, "flowtable %.64s of table %.64s takes the connections of %s past all policies and rules",
                 f.name, f.table, f.device);
    return r;
}

static int look_at_link(const struct target *t, const char *name, char why[static 256])
{
    const struct host_link *l = if_map_link(t->ifs, name);
    if (l && l->carrier) {
        const struct host_link *carrier = if_map_numbered(t->ifs, l->carrier);
        snprintf(why, 256, "%s is a port of %s: packets leave by that one, and nothing on %s protects them", name,
                 carrier ? carrier->name : "a bridge", name);
    }
    int r = why[0] ? 0 : look_at_settings("all", "any interface", why);
    if (r == 0 && !why[0])
        r = look_at_settings(name, name, why);
    return r;
}

int obstacles_find(const struct target *t, char why[static 256])
{
    int r = 0;
    why[0] = '\0';
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (char, name, &m->links) {
            if (r == 0 && !why[0])
                r = look_at_link(t, name, why);
        }
    }
    if (r == 0 && !why[0] && t->maps.n)
        r = look_at_flowtables(why);
    return r;
}
