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
    bool is_base, drops; /* by its policy */
    bool may_drop;       /* by a rule */
    uint32_t hook, rules;
    int32_t priority;
};

struct finder {
    struct target *t;
    struct span at;        /* of the first crypto map */
    struct ptrlist chains; /* struct chain */
    struct symtab dormant; /* (name of a table that sleeps, family) → its name */
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

/* What a filter chain decides about, by its hook. `all`: what it drops, where it drops all; `needs`: what it has to let
 * pass. */
static const struct hook_row {
    uint32_t hook;
    const char *all, *so, *needs;
} hooks[] = {
    {NF_INET_LOCAL_IN, "that is for this host", "no peer's IKE or ESP comes in",
     "UDP 500 and 4500 and ESP from the peers"},
    {NF_INET_FORWARD, "that is forwarded", "no tunnel carries anything", "what the tunnels carry, both ways"},
    {NF_INET_LOCAL_OUT, "that this host sends", "no IKE or ESP leaves", "UDP 500 and 4500 and ESP to the peers"},
    {NF_INET_PRE_ROUTING, "that comes in", "no tunnel carries anything",
     "IKE and ESP from the peers, and what the tunnels carry"},
    {NF_INET_POST_ROUTING, "that leaves", "no tunnel carries anything",
     "IKE and ESP to the peers, and what the tunnels carry"},
};

static const struct hook_row *row_of(uint32_t hook)
{
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
        if (hooks[i].hook == hook)
            return &hooks[i];
    return NULL;
}

static void look_at_filter(struct finder *f, const struct chain *c)
{
    const struct hook_row *row = strcmp(c->type, "filter") == 0 ? row_of(c->hook) : NULL;
    if (!row)
        return;
    if (c->drops && c->rules == 0) {
        struct diag *d = diag_add(f->t->diags, D_LX_FOREIGN_RULES, f->at,
                                  "chain %s of table %s %s, another program's, drops all %s: %s", c->name,
                                  family_word(c->family), c->table, row->all, row->so);
        diag_hint(f->t->diags, d, "add rules there that accept it");
        return;
    }
    if (!(c->drops || c->may_drop) || f->t->ifs->host_has & HOST_HAS_FIREWALL)
        return;
    struct diag *d = diag_add(f->t->diags, D_LX_FOREIGN_FILTER, f->at,
                              "chain %s of table %s %s, another program's, drops %s: they have to accept %s", c->name,
                              family_word(c->family), c->table,
                              c->drops ? "what its rules do not accept" : "what its rules say", row->needs);
    diag_hint(f->t->diags, d, "where they do, say so: --host-has firewall");
}

/* Flows that the list protects are bound to their own address by a chain of ours (backends/nftables/guard.c): whoever
 * comes before it has translated them. */
static void look_at_nat(struct finder *f, const struct chain *c)
{
    bool is_source = strcmp(c->type, "nat") == 0 && c->hook == NF_INET_POST_ROUTING;
    bool is_before = is_source && c->rules && c->priority <= NFT_BINDS_FLOWS;
    if (!is_before || f->t->ifs->host_has & HOST_HAS_FIREWALL)
        return;
    struct diag *d = diag_add(f->t->diags, D_LX_FOREIGN_FILTER, f->at,
                              "chain %s of table %s %s, another program's, translates before protected flows are bound "
                              "to their own addresses: if it translates what the lists protect, that is dropped",
                              c->name, family_word(c->family), c->table);
    diag_hint(f->t->diags, d,
              "give it a priority above %d (srcnat is 100); where it leaves them alone, say so: --host-has firewall",
              NFT_BINDS_FLOWS);
}

/* ---- rules ---- */

static struct chain *chain_named(const struct finder *f, uint8_t family, const char *table, const char *name)
{
    PTRLIST_FOR (struct chain, c, &f->chains) {
        if (c->family == family && strcmp(c->table, table) == 0 && strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

/* A verdict as an expression has it: drop, or on to another chain, which may. */
static bool verdict_may_drop(const struct nlattr *data)
{
    NETLINK_FOR_NESTED(v, data)
    {
        if (mnl_attr_get_type(v) != NFTA_DATA_VERDICT)
            continue;
        NETLINK_FOR_NESTED(a, v)
        {
            const int code = mnl_attr_get_type(a) == NFTA_VERDICT_CODE && mnl_attr_get_payload_len(a) == 4
                                 ? (int)ntohl(mnl_attr_get_u32(a))
                                 : NF_ACCEPT;
            if (code == NF_DROP || code == NFT_JUMP || code == NFT_GOTO)
                return true;
        }
    }
    return false;
}

static bool expression_may_drop(const struct nlattr *expression)
{
    const char *name = "";
    const struct nlattr *data = NULL;
    NETLINK_FOR_NESTED(a, expression)
    {
        if (mnl_attr_get_type(a) == NFTA_EXPR_NAME)
            name = mnl_attr_get_str(a);
        if (mnl_attr_get_type(a) == NFTA_EXPR_DATA)
            data = a;
    }
    if (strcmp(name, "reject") == 0 || strcmp(name, "target") == 0) /* the latter: one of iptables, as REJECT */
        return true;
    bool is_immediate = strcmp(name, "immediate") == 0, is_lookup = strcmp(name, "lookup") == 0;
    if (!data || (!is_immediate && !is_lookup))
        return false;
    NETLINK_FOR_NESTED(d, data)
    {
        bool is_target = is_lookup && mnl_attr_get_type(d) == NFTA_LOOKUP_DREG && mnl_attr_get_payload_len(d) == 4;
        if (is_target && ntohl(mnl_attr_get_u32(d)) == NFT_REG_VERDICT) /* a map of verdicts */
            return true;
        if (is_immediate && mnl_attr_get_type(d) == NFTA_IMMEDIATE_DATA && verdict_may_drop(d))
            return true;
    }
    return false;
}

static int look_at_rule(const struct nlmsghdr *h, void *arg)
{
    struct finder *f = arg;
    const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
    const char *table = "", *name = "";
    const struct nlattr *expressions = NULL;
    NETLINK_FOR_ATTRS (a, h, sizeof *g) {
        if (mnl_attr_get_type(a) == NFTA_RULE_TABLE)
            table = mnl_attr_get_str(a);
        if (mnl_attr_get_type(a) == NFTA_RULE_CHAIN)
            name = mnl_attr_get_str(a);
        if (mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS)
            expressions = a;
    }
    struct chain *c = expressions ? chain_named(f, g->nfgen_family, table, name) : NULL;
    if (!c)
        return 0;
    NETLINK_FOR_NESTED(e, expressions)
    {
        c->may_drop |= expression_may_drop(e);
    }
    return 0;
}

/* ---- chains ---- */

static int keep_dormant(const struct nlmsghdr *h, void *arg)
{
    struct finder *f = arg;
    const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
    const char *name = "";
    uint32_t flags = 0;
    NETLINK_FOR_ATTRS (a, h, sizeof *g) {
        if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
            name = mnl_attr_get_str(a);
        if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS)
            flags = ntohl(mnl_attr_get_u32(a));
    }
    if (flags & NFT_TABLE_F_DORMANT) {
        const struct str kept = str_lit(arena_strndup(f->t->arena, name, strlen(name)));
        symtab_put(f->t->arena, &f->dormant, kept, g->nfgen_family, (void *)(uintptr_t)kept.p);
    }
    return 0;
}

static int keep_chain(const struct nlmsghdr *h, void *arg)
{
    struct finder *f = arg;
    const struct chain c = read_chain(h);
    bool is_ours = c.family == NFPROTO_INET && (strcmp(c.table, NFT_TABLE) == 0 || strcmp(c.table, EARLY_TABLE) == 0);
    bool is_ip = c.family == NFPROTO_INET || c.family == NFPROTO_IPV4 || c.family == NFPROTO_IPV6;
    bool sleeps = symtab_get(&f->dormant, str_lit(c.table), c.family) != NULL;
    if (!c.is_base || is_ours || !is_ip || sleeps || !concerns(f->t, c.family))
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

static int dump(struct netlink *n, uint16_t what, netlink_row_fn *f, struct finder *arg, void (*again)(void *))
{
    const struct nfgenmsg all = {.nfgen_family = AF_UNSPEC};
    return netlink_dump(n, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | what), sizeof all, &all, f, arg, again);
}

int foreign_rules_find(struct target *t)
{
    struct netlink n;
    if (t->maps.n == 0)
        return 0;
    struct finder f = {.t = t, .at = ((struct target_map *)t->maps.v[0])->map->span};
    int r = netlink_open(&n, NETLINK_NETFILTER);
    if (r == 0)
        r = dump(&n, NFT_MSG_GETTABLE, keep_dormant, &f, NULL);
    if (r == 0)
        r = dump(&n, NFT_MSG_GETCHAIN, keep_chain, &f, begin_again);
    if (r == 0 && f.chains.n)
        r = dump(&n, NFT_MSG_GETRULE, look_at_rule, &f, NULL);
    netlink_close(&n);
    PTRLIST_FOR (struct chain, c, &f.chains) {
        look_at_filter(&f, c);
        look_at_nat(&f, c);
    }
    return r == -EINVAL ? 0 : r; /* that is: this kernel has no nf_tables, hence no chain */
}
