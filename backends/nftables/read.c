/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel holds of our table. */
#include "backends/nftables/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

static uint16_t message(uint16_t m)
{
    return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | m);
}

/* Body of a dump request: the family, and the names it is restricted to. */
struct request {
    char bytes[256] __attribute__((aligned(8)));
    size_t len;
};

static struct request request_for(uint16_t table_attr, uint16_t name_attr, const char *name)
{
    struct request r = {{0}, 0};
    char room[512] __attribute__((aligned(8)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(room);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);
    g->nfgen_family = NFPROTO_INET;
    if (table_attr)
        mnl_attr_put_strz(h, table_attr, NFT_TABLE);
    if (name && strlen(name) < 128)
        mnl_attr_put_strz(h, name_attr, name);
    r.len = mnl_nlmsg_get_payload_len(h);
    memcpy(r.bytes, mnl_nlmsg_get_payload(h), r.len);
    return r;
}

static bool is_our_table(const char *table, uint32_t family)
{
    return table && family == NFPROTO_INET && strcmp(table, NFT_TABLE) == 0;
}

static const char *own(struct arena *ar, const char *s)
{
    return arena_strndup(ar, s, strlen(s));
}

/* ---- user data: our comments ---- */

struct comment {
    uint8_t type;
    const char *text;
};

static int one_udata(const struct nftnl_udata *u, void *arg)
{
    struct comment *c = arg;
    const char *s = nftnl_udata_get(u);
    size_t n = nftnl_udata_len(u);
    if (nftnl_udata_type(u) == c->type && n && s[n - 1] == '\0')
        c->text = s;
    return 0;
}

static const char *comment_of(struct arena *ar, uint8_t type, const void *data, uint32_t len)
{
    struct comment c = {type, NULL};
    if (data && len)
        nftnl_udata_parse(data, len, one_udata, &c);
    return c.text ? own(ar, c.text) : NULL;
}

/* ---- chains and rules ---- */

static struct nft_held_chain *chain_named(const struct nft_held *h, const char *name)
{
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

static int chain_row(const struct nlmsghdr *m, void *arg)
{
    struct nft_held *h = arg;
    struct nftnl_chain *c = nftnl_chain_alloc();
    if (!c)
        return -ENOMEM;
    if (nftnl_chain_nlmsg_parse(m, c) == 0 &&
        is_our_table(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY))) {
        struct nft_held_chain *x = ARENA_NEW(h->arena, struct nft_held_chain);
        x->name = own(h->arena, nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
        x->form = nft_chain_form(h->arena, c);
        ptrlist_add(h->arena, &h->chains, x);
    }
    nftnl_chain_free(c);
    return 0;
}

static int counter_of(struct nftnl_expr *e, void *arg)
{
    struct nft_held_rule *r = arg;
    const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
    if (name && strcmp(name, "counter") == 0) {
        r->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
        r->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
    }
    return 0;
}

static int rule_row(const struct nlmsghdr *m, void *arg)
{
    struct nft_held *h = arg;
    struct nftnl_rule *r = nftnl_rule_alloc();
    if (!r)
        return -ENOMEM;
    struct nft_held_chain *c = NULL;
    if (nftnl_rule_nlmsg_parse(m, r) == 0 &&
        is_our_table(nftnl_rule_get_str(r, NFTNL_RULE_TABLE), nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY)))
        c = chain_named(h, nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
    if (c) {
        struct nft_held_rule *x = ARENA_NEW(h->arena, struct nft_held_rule);
        uint32_t len = 0;
        x->handle = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
        x->form = nft_rule_form(h->arena, r);
        nftnl_expr_foreach(r, counter_of, x);
        if (nftnl_rule_is_set(r, NFTNL_RULE_USERDATA)) {
            const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
            x->comment = comment_of(h->arena, NFTNL_UDATA_RULE_COMMENT, data, len);
        }
        ptrlist_add(h->arena, &c->rules, x);
    }
    nftnl_rule_free(r);
    return 0;
}

static void rules_again(void *arg)
{
    struct nft_held *h = arg;
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        c->rules.n = 0;
    }
}

static void chains_again(void *arg)
{
    ((struct nft_held *)arg)->chains.n = 0;
}

/* ---- sets ---- */

static int set_row(const struct nlmsghdr *m, void *arg)
{
    struct nft_held *h = arg;
    struct nftnl_set *s = nftnl_set_alloc();
    if (!s)
        return -ENOMEM;
    bool is_ours = nftnl_set_nlmsg_parse(m, s) == 0 &&
                   is_our_table(nftnl_set_get_str(s, NFTNL_SET_TABLE), nftnl_set_get_u32(s, NFTNL_SET_FAMILY));
    bool is_of_a_rule = is_ours && (nftnl_set_get_u32(s, NFTNL_SET_FLAGS) & NFT_SET_ANONYMOUS); /* and goes with it */
    if (is_ours && !is_of_a_rule) {
        struct nft_held_set *x = ARENA_NEW(h->arena, struct nft_held_set);
        x->name = own(h->arena, nftnl_set_get_str(s, NFTNL_SET_NAME));
        x->form = nft_set_form(h->arena, s);
        ptrlist_add(h->arena, &h->sets, x);
    }
    nftnl_set_free(s);
    return 0;
}

static void sets_again(void *arg)
{
    ((struct nft_held *)arg)->sets.n = 0;
}

struct elements {
    struct arena *arena;
    struct nft_held_set *set;
};

static int one_element(struct nftnl_set_elem *e, void *arg)
{
    struct elements *x = arg;
    struct nft_held_element *k = ARENA_NEW(x->arena, struct nft_held_element);
    uint32_t len = 0;
    k->key = nft_element_key(x->arena, e);
    if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_VERDICT))
        k->drop = nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_VERDICT) == NF_DROP;
    if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_EXPR)) {
        const struct nftnl_expr *c = nftnl_set_elem_get(e, NFTNL_SET_ELEM_EXPR, &len);
        const char *name = c ? nftnl_expr_get_str(c, NFTNL_EXPR_NAME) : NULL;
        if (name && strcmp(name, "counter") == 0) {
            k->packets = nftnl_expr_get_u64(c, NFTNL_EXPR_CTR_PACKETS);
            k->bytes = nftnl_expr_get_u64(c, NFTNL_EXPR_CTR_BYTES);
        }
    }
    if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_USERDATA)) {
        const void *data = nftnl_set_elem_get(e, NFTNL_SET_ELEM_USERDATA, &len);
        k->comment = comment_of(x->arena, NFTNL_UDATA_SET_ELEM_COMMENT, data, len);
    }
    ptrlist_add(x->arena, &x->set->elements, k);
    symtab_put(x->arena, &x->set->by_key, k->key, 0, k);
    return 0;
}

static int element_row(const struct nlmsghdr *m, void *arg)
{
    struct nftnl_set *s = nftnl_set_alloc();
    if (!s)
        return -ENOMEM;
    if (nftnl_set_elems_nlmsg_parse(m, s) == 0)
        nftnl_set_elem_foreach(s, one_element, arg);
    nftnl_set_free(s);
    return 0;
}

static void elements_again(void *arg)
{
    struct elements *x = arg;
    x->set->elements.n = 0;
    x->set->by_key = (struct symtab){0};
}

static int table_row(const struct nlmsghdr *m, void *arg)
{
    struct nft_held *h = arg;
    bool is_ours = false, is_marked = false;
    uint32_t flags = 0;
    NETLINK_FOR_ATTRS (a, m, sizeof(struct nfgenmsg)) {
        if (mnl_attr_get_type(a) == NFTA_TABLE_NAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
            is_ours = strcmp(mnl_attr_get_str(a), NFT_TABLE) == 0;
        if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
            flags = ntohl(mnl_attr_get_u32(a));
        if (mnl_attr_get_type(a) == NFTA_TABLE_USERDATA) {
            const void *data = mnl_attr_get_payload(a);
            const char *comment = comment_of(h->arena, NFTNL_UDATA_TABLE_COMMENT, data, mnl_attr_get_payload_len(a));
            is_marked = comment && strcmp(comment, NFT_TABLE_MARK) == 0;
        }
    }
    h->exists |= is_ours;
    h->is_marked |= is_ours && is_marked;
    h->is_dormant |= is_ours && (flags & NFT_TABLE_F_DORMANT);
    return 0;
}

static int read_once(struct netlink *n, struct arena *ar, struct nft_held *h)
{
    *h = (struct nft_held){.arena = ar};
    struct request q = request_for(0, 0, NULL);
    int r = netlink_dump(n, message(NFT_MSG_GETTABLE), q.len, q.bytes, table_row, h, NULL);
    if (r < 0 || !h->exists)
        return r;
    r = netlink_dump(n, message(NFT_MSG_GETCHAIN), q.len, q.bytes, chain_row, h, chains_again);
    q = request_for(NFTA_RULE_TABLE, 0, NULL);
    if (r == 0)
        r = netlink_dump(n, message(NFT_MSG_GETRULE), q.len, q.bytes, rule_row, h, rules_again);
    q = request_for(NFTA_SET_TABLE, 0, NULL);
    if (r == 0)
        r = netlink_dump(n, message(NFT_MSG_GETSET), q.len, q.bytes, set_row, h, sets_again);
    PTRLIST_FOR (struct nft_held_set, s, &h->sets) {
        struct elements x = {ar, s};
        q = request_for(NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, s->name);
        if (r == 0)
            r = netlink_dump(n, message(NFT_MSG_GETSETELEM), q.len, q.bytes, element_row, &x, elements_again);
    }
    return r;
}

#define READS 10

/* What is listed by one dump may be gone at the next: somebody turns to another generation meanwhile (generation.c). */
int nft_held_read(struct netlink *n, struct arena *ar, struct nft_held *h)
{
    int r = -ENOENT;
    for (int i = 0; i < READS && r == -ENOENT; i++)
        r = read_once(n, ar, h);
    return r;
}

static int owner_row(const struct nlmsghdr *m, void *arg)
{
    uint64_t *id = arg;
    uint32_t len = 0;
    struct arena scratch;
    struct nftnl_rule *r = nftnl_rule_alloc();
    bool has_room = arena_init(&scratch, SIZE_MAX);
    bool is_read = has_room && r && nftnl_rule_nlmsg_parse(m, r) == 0;
    bool is_ours = is_read &&
                   is_our_table(nftnl_rule_get_str(r, NFTNL_RULE_TABLE), nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY)) &&
                   strcmp(nftnl_rule_get_str(r, NFTNL_RULE_CHAIN), NFT_OWNER_CHAIN) == 0;
    if (is_ours && nftnl_rule_is_set(r, NFTNL_RULE_USERDATA)) {
        const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
        const char *words = comment_of(&scratch, NFTNL_UDATA_RULE_COMMENT, data, len);
        if (words && sscanf(words, NFT_OWNER_WORDS "%16" SCNx64, id) != 1)
            *id = 0;
    }
    if (r)
        nftnl_rule_free(r);
    if (has_room)
        arena_free(&scratch);
    return is_read ? 0 : -ENOMEM;
}

static void owner_again(void *arg)
{
    *(uint64_t *)arg = 0;
}

bool nft_has_no_tables(int error)
{
    return error == -EPERM || error == -EINVAL || error == -EOPNOTSUPP || error == -EPROTONOSUPPORT;
}

int nft_owner_read(struct netlink *n, uint64_t *id)
{
    *id = 0;
    const struct request q = request_for(NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFT_OWNER_CHAIN);
    int r = netlink_dump(n, message(NFT_MSG_GETRULE), q.len, q.bytes, owner_row, id, owner_again);
    return r == -ENOENT ? 0 : r;
}
