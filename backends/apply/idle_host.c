/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/idle_host.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/apply/host_settings.h"
#include "backends/netlink/netlink.h"

/* ---- settings ---- */

static const struct forwarding {
    uint8_t family;
    const char *what, *setting, *path;
} forwardings[] = {
    {FAMILY_V4, "IPv4", "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"},
    {FAMILY_V6, "IPv6", "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"},
};

static bool is_of_host(const struct target *t, const struct addr_bits *src, uint8_t family)
{
    const size_t bytes = family == FAMILY_V6 ? 16 : 4;
    for (size_t i = 0; i < bytes; i++)
        if (src->care[i] != 0xff)
            return false;
    PTRLIST_FOR (struct host_link, l, &t->ifs->links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (h->addr.family == family && memcmp(h->addr.b, src->value, bytes) == 0)
                return true;
        }
    }
    return false;
}

/* The first line that protects others than this host itself. */
static const struct target_line *line_of_others(const struct target *t, uint8_t family)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (struct target_line, l, &m->lines) {
            for (uint32_t i = 0; i < l->boxes.n; i++) {
                const struct box *b = &l->boxes.v[i];
                if (b->family == family && !is_of_host(t, &b->src, family))
                    return l;
            }
        }
    }
    return NULL;
}

static int look_at_forwarding(struct target *t, const struct forwarding *f)
{
    int value = 0;
    const struct target_line *l = line_of_others(t, f->family);
    int r = l ? host_setting_read(f->path, &value) : 0;
    if (r == 0 && l && !value && !host_setting_want(t, f->path, 1)) {
        struct diag *d = diag_add(
            t->diags, D_LX_IDLE_HOST, l->line->span,
            "this host forwards no %s packets: what comes from the networks behind it reaches no tunnel", f->what);
        diag_hint(t->diags, d, "sysctl -w %s=1, and in /etc/sysctl.d for the next boot", f->setting);
    }
    return r;
}

/* ---- the table of early boot ---- */

static int is_early(const struct nlmsghdr *h, void *arg)
{
    const size_t n = sizeof EARLY_TABLE;
    NETLINK_FOR_ATTRS (a, h, sizeof(struct nfgenmsg)) {
        bool is_name = mnl_attr_get_type(a) == NFTA_TABLE_NAME && mnl_attr_get_payload_len(a) == n;
        if (is_name && memcmp(mnl_attr_get_payload(a), EARLY_TABLE, n) == 0)
            *(bool *)arg = true;
    }
    return 0;
}

static void forget_table(void *arg)
{
    *(bool *)arg = false;
}

int idle_host_is_early(bool *is_there)
{
    struct netlink n;
    *is_there = false;
    const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
    const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC};
    int r = netlink_open(&n, NETLINK_NETFILTER);
    if (r == 0)
        r = netlink_dump(&n, type, sizeof all, &all, is_early, is_there, forget_table);
    netlink_close(&n);
    return r == -EINVAL ? 0 : r; /* that is: this kernel has no nf_tables, hence no table */
}

static int look_at_early_table(struct target *t)
{
    bool is_there;
    int r = idle_host_is_early(&is_there);
    if (is_there) {
        struct diag *d = diag_add(t->diags, D_LX_IDLE_HOST, t->c->unit,
                                  "table inet " EARLY_TABLE " of early boot still drops all that is forwarded");
        diag_hint(t->diags, d,
                  "the units take it away when they have applied; by hand: nft delete table inet " EARLY_TABLE);
    }
    return r;
}

int idle_host_find(struct target *t)
{
    int r = 0;
    for (size_t i = 0; i < sizeof forwardings / sizeof *forwardings && r == 0; i++)
        r = look_at_forwarding(t, &forwardings[i]);
    if (r == 0 && t->maps.n)
        r = look_at_early_table(t);
    return r;
}
