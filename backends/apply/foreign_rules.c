/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/foreign_rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/apply/idle_host.h"
#include "backends/netlink/netlink.h"
#include "backends/nftables/plan.h"

/* A base chain, as the kernel tells of it. */
struct chain {
    const char *table, *name, *type; /* of the message */
    uint8_t family;
    bool is_base, drops;
    uint32_t hook, rules;
    int32_t priority;
};

struct finder {
    struct target *t;
    struct span at;        /* of the first crypto map */
    struct ptrlist chains; /* struct chain */
};

static void read_hook(const struct nlattr *nest, struct chain *c)
{
    c->is_base = true;
    NETLINK_FOR_NESTED(a, nest)
    {
        if (mnl_attr_get_payload_len(a) < 4)
            continue;
        if (mnl_attr_get_type(a) == NFTA_HOOK_HOOKNUM)
            c->hook = ntohl(mnl_attr_get_u32(a));
        if (mnl_attr_get_type(a) == NFTA_HOOK_PRIORITY)
            c->priority = (int32_t)ntohl(mnl_attr_get_u32(a));
    }
}

static struct chain read_chain(const struct nlmsghdr *h)
{
    const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
    struct chain c = {.table = "", .name = "", .type = "", .family = g->nfgen_family};
    NETLINK_FOR_ATTRS (a, h, sizeof *g) {
        switch (mnl_attr_get_type(a)) {
        case NFTA_CHAIN_TABLE:
            c.table = mnl_attr_get_str(a);
            break;
        case NFTA_CHAIN_NAME:
            c.name = mnl_attr_get_str(a);
            break;
        case NFTA_CHAIN_TYPE:
            c.type = mnl_attr_get_str(a);
            break;
        case NFTA_CHAIN_HOOK:
            read_hook(a, &c);
            break;
        case NFTA_CHAIN_POLICY:
            c.drops = ntohl(mnl_attr_get_u32(a)) == NF_DROP;
            break;
        case NFTA_CHAIN_USE: /* nobody jumps to a base chain: these are its rules */
            c.rules = ntohl(mnl_attr_get_u32(a));
            break;
        default:
            break;
        }
    }
    return c;
}

static const char *family_word(uint8_t family)
{
    if (family == NFPROTO_INET)
        return "inet";
    return family == NFPROTO_IPV4 ? "ip" : "ip6";
}

/* Are there maps of that family? */
static bool concerns(const struct target *t, uint8_t family)
{
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        bool is_v6 = m->map->ipv6.v != 0;
        if (family == NFPROTO_INET || is_v6 == (family == NFPROTO_IPV6))
            return true;
    }
    return false;
}

static void look_at_filter(struct finder *f, const struct chain *c)
{
    bool is_input = c->hook == NF_INET_LOCAL_IN;
    bool is_judge = strcmp(c->type, "filter") == 0 && (is_input || c->hook == NF_INET_FORWARD);
    if (!is_judge || !c->drops)
        return;
    if (c->rules == 0) {
        struct diag *d = diag_add(f->t->diags, D_LX_FOREIGN_RULES, f->at,
                                  "chain %s of table %s %s, another program's, drops all that is %s: %s", c->name,
                                  family_word(c->family), c->table, is_input ? "for this host" : "forwarded",
                                  is_input ? "no peer's IKE or ESP comes in" : "no tunnel carries anything");
        diag_hint(f->t->diags, d, "add rules there that accept it");
    } else if (!(f->t->ifs->host_has & HOST_HAS_FIREWALL)) {
        struct diag *d =
            diag_add(f->t->diags, D_LX_FOREIGN_FILTER, f->at,
                     "chain %s of table %s %s, another program's, drops what its rules do not accept: they have to "
                     "accept %s",
                     c->name, family_word(c->family), c->table,
                     is_input ? "UDP 500 and 4500 and ESP from the peers" : "what the tunnels carry, both ways");
        diag_hint(f->t->diags, d, "where they do, say so: --host-has firewall");
    }
}

/* Flows that the list protects are bound to their own address by a chain of ours (backends/nftables/nat.c): whoever
 * comes before it has translated them. */
static void look_at_nat(struct finder *f, const struct chain *c)
{
    bool is_source = strcmp(c->type, "nat") == 0 && c->hook == NF_INET_POST_ROUTING;
    if (!is_source || c->rules == 0 || c->priority > NFT_BINDS_FLOWS)
        return;
    struct diag *d = diag_add(f->t->diags, D_LX_FOREIGN_RULES, f->at,
                              "chain %s of table %s %s, another program's, translates before protected flows are bound "
                              "to their own addresses: what it translates is dropped, and no tunnel carries it",
                              c->name, family_word(c->family), c->table);
    diag_hint(f->t->diags, d, "give it a priority above %d (srcnat is 100)", NFT_BINDS_FLOWS);
}

static int keep_chain(const struct nlmsghdr *h, void *arg)
{
    struct finder *f = arg;
    const struct chain c = read_chain(h);
    bool is_ours = c.family == NFPROTO_INET && (strcmp(c.table, NFT_TABLE) == 0 || strcmp(c.table, EARLY_TABLE) == 0);
    bool is_ip = c.family == NFPROTO_INET || c.family == NFPROTO_IPV4 || c.family == NFPROTO_IPV6;
    if (!c.is_base || is_ours || !is_ip || !concerns(f->t, c.family))
        return 0;
    struct chain *kept = ARENA_NEW(f->t->arena, struct chain);
    *kept = c;
    kept->table = arena_strndup(f->t->arena, c.table, strlen(c.table));
    kept->name = arena_strndup(f->t->arena, c.name, strlen(c.name));
    kept->type = arena_strndup(f->t->arena, c.type, strlen(c.type));
    ptrlist_add(f->t->arena, &f->chains, kept);
    return 0;
}

/* The kernel's list has changed under the dump. */
static void begin_again(void *arg)
{
    ((struct finder *)arg)->chains.n = 0;
}

int foreign_rules_find(struct target *t)
{
    struct netlink n;
    const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN;
    const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC};
    if (t->maps.n == 0)
        return 0;
    struct finder f = {.t = t, .at = ((struct target_map *)t->maps.v[0])->map->span};
    int r = netlink_open(&n, NETLINK_NETFILTER);
    if (r == 0)
        r = netlink_dump(&n, type, sizeof all, &all, keep_chain, &f, begin_again);
    netlink_close(&n);
    PTRLIST_FOR (struct chain, c, &f.chains) {
        look_at_filter(&f, c);
        look_at_nat(&f, c);
    }
    return r == -EINVAL ? 0 : r; /* that is: this kernel has no nf_tables, hence no chain */
}
