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

#define LINES_LOOKED_AT 1000

/* ---- settings ---- */

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

/* Links of this host that the configuration names, each once. */
static void named_links(const struct target *t, struct ptrlist *out)
{
    struct symtab seen = {0};
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *name = i->shutdown.v ? NULL : if_map_find(t->ifs, i);
        bool is_there = name && if_map_link(t->ifs, name);
        if (!is_there || symtab_get(&seen, str_lit(name), 0))
            continue;
        symtab_put(t->arena, &seen, str_lit(name), 0, (void *)(uintptr_t)name);
        ptrlist_add(t->arena, out, (char *)(uintptr_t)name);
    }
}

/* Does the link have an address of what a line protects? */
static bool has_protected_sources(const struct target *t, const char *name)
{
    const struct host_link *l = if_map_link(t->ifs, name);
    PTRLIST_FOR (struct host_address, h, &l->addresses) {
        struct box from = {.family = h->addr.family, .proto = PROTO_ANY, .sport = {0, 65535}, .dport = {0, 65535}};
        struct box common;
        from.src = addr_bits_of(h->addr.family, h->addr.b, 128);
        PTRLIST_FOR (struct target_map, m, &t->maps) {
            for (uint32_t k = 0; k < m->lines.n && k < LINES_LOOKED_AT; k++) {
                const struct target_line *line = m->lines.v[k];
                for (uint32_t i = 0; i < line->boxes.n; i++)
                    if (line->boxes.v[i].family == from.family && box_intersect(&line->boxes.v[i], &from, &common))
                        return true;
            }
        }
    }
    return false;
}

static bool has_map(const struct target *t, const char *name)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (char, link, &m->links) {
            if (strcmp(link, name) == 0)
                return true;
        }
    }
    return false;
}

/* Links that the tunnels' packets come in by, each once: those of maps, and those with protected networks. Where none
 * of the latter is known, all that the configuration names. */
static void forwarding_links(const struct target *t, struct ptrlist *out)
{
    struct ptrlist named = {0};
    bool has_sources = false;
    named_links(t, &named);
    PTRLIST_FOR (char, name, &named) {
        has_sources |= !has_map(t, name) && has_protected_sources(t, name);
    }
    PTRLIST_FOR (char, name, &named) {
        if (!has_sources || has_map(t, name) || has_protected_sources(t, name))
            ptrlist_add(t->arena, out, name);
    }
}

/* Noted as it is: who sets it later, sets it for all links, and then they are left so. */
static void note_ip_forward(struct target *t)
{
    int value;
    if (host_setting_read(HOST_SETTING_IP_FORWARD, &value) == 0)
        host_setting_along(t, HOST_SETTING_IP_FORWARD, value);
}

/* IPv4 is forwarded by the setting of the link that a packet comes in by (kernel, IN_DEV_FORWARD());
 * net.ipv4.ip_forward is a way to set all of them. So each is set by itself, and put back so. */
static int look_at_forwarding4(struct target *t, const struct target_line *l)
{
    struct ptrlist links = {0}, idle = {0};
    forwarding_links(t, &links);
    PTRLIST_FOR (char, link, &links) {
        const char *path = host_setting_path(t->arena, link, "forwarding");
        int value;
        int r = host_setting_read(path, &value);
        if (r < 0)
            return r;
        if (value)
            continue;
        ptrlist_add(t->arena, &idle, link);
        (void)!host_setting_want(t, path, 1);
    }
    if (idle.n && t->ifs->sets_up_host)
        note_ip_forward(t);
    if (idle.n == 0 || t->ifs->sets_up_host)
        return 0;
    if (idle.n == links.n) {
        struct diag *d = diag_add(t->diags, D_LX_IDLE_HOST, l->line->span,
                                  "this host forwards no IPv4 packets: what comes from the networks behind it reaches "
                                  "no tunnel");
        diag_hint(t->diags, d, "sysctl -w net.ipv4.ip_forward=1, and in /etc/sysctl.d for the next boot");
        return 0;
    }
    PTRLIST_FOR (char, link, &idle) {
        struct diag *d = diag_add(t->diags, D_LX_IDLE_HOST, l->line->span,
                                  "what comes in by %s is not forwarded: neither into a tunnel nor out of one", link);
        diag_hint(t->diags, d, "sysctl -w net.ipv4.conf.%s.forwarding=1, and in /etc/sysctl.d for the next boot", link);
    }
    return 0;
}

/* A host that forwards forgets the routes of router advertisements, but where accept_ra is 2 (kernel, Documentation,
 * ip-sysctl). */
static void keep_advertised_routes(struct target *t)
{
    char path[160];
    int value;
    PTRLIST_FOR (struct host_link, link, &t->ifs->links) {
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", link->name);
        if (host_setting_read(path, &value) == 0 && value == 1)
            (void)!host_setting_want(t, path, 2);
    }
}

/* IPv6 is forwarded by one setting (kernel, ip6_forward()); to write it sets those of all links too, so they are noted
 * for whoever puts it back. */
static int look_at_forwarding6(struct target *t, const struct target_line *l)
{
    static const char all[] = "/proc/sys/net/ipv6/conf/all/forwarding";
    char path[160];
    int value;
    int r = host_setting_read(all, &value);
    if (r < 0 || value)
        return r;
    if (t->ifs->sets_up_host)
        keep_advertised_routes(t);
    if (!host_setting_want(t, all, 1)) {
        struct diag *d = diag_add(t->diags, D_LX_IDLE_HOST, l->line->span,
                                  "this host forwards no IPv6 packets: what comes from the networks behind it reaches "
                                  "no tunnel");
        diag_hint(t->diags, d,
                  "sysctl -w net.ipv6.conf.all.forwarding=1, and in /etc/sysctl.d for the next boot; before it "
                  "net.ipv6.conf.LINK.accept_ra=2 where routes come from router advertisements");
        return 0;
    }
    PTRLIST_FOR (struct host_link, link, &t->ifs->links) {
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/forwarding", link->name);
        host_setting_along(t, path, 1);
    }
    return 0;
}

static int look_at_forwarding(struct target *t)
{
    const struct target_line *l4 = line_of_others(t, FAMILY_V4), *l6 = line_of_others(t, FAMILY_V6);
    int r = l4 ? look_at_forwarding4(t, l4) : 0;
    return r == 0 && l6 ? look_at_forwarding6(t, l6) : r;
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
    int r = look_at_forwarding(t);
    if (r == 0 && t->maps.n)
        r = look_at_early_table(t);
    return r;
}
