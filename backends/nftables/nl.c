/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains, sets and elements as libnftnl objects, and the forms by which plan and kernel are compared. */
#include "backends/nftables/kernel.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

/* nft's own numbers for the types of keys (its datatype.h), so that `nft list` prints them as such; six bits a field in
 * a concatenation. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_INET_PROTOCOL = 12, TYPE_INET_SERVICE = 13, TYPE_BITS = 6 };

struct field {
    uint8_t type, size; /* bytes of its own; in a key it is padded to four */
};

static uint32_t fields_of(const struct nft_set *s, struct field out[static 5])
{
    uint8_t addr = s->family == FAMILY_V6 ? 16 : 4, type = s->family == FAMILY_V6 ? TYPE_IP6ADDR : TYPE_IPADDR;
    uint32_t n = 0;
    if (s->fields & SET_SADDR)
        out[n++] = (struct field){type, addr};
    if (s->fields & SET_DADDR)
        out[n++] = (struct field){type, addr};
    if (s->fields & SET_PROTO)
        out[n++] = (struct field){TYPE_INET_PROTOCOL, 1};
    if (s->fields & SET_SPORT)
        out[n++] = (struct field){TYPE_INET_SERVICE, 2};
    if (s->fields & SET_DPORT)
        out[n++] = (struct field){TYPE_INET_SERVICE, 2};
    return n;
}

struct nftnl_chain *nft_build_chain(const struct nft_chain *c)
{
    static const uint32_t hooks[] = {0, NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_POST_ROUTING};
    struct nftnl_chain *x = nftnl_chain_alloc();
    if (!x)
        return NULL;
    nftnl_chain_set_u32(x, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
    nftnl_chain_set_str(x, NFTNL_CHAIN_TABLE, NFT_TABLE);
    nftnl_chain_set_str(x, NFTNL_CHAIN_NAME, c->name);
    if (c->hook == HOOK_NONE)
        return x;
    nftnl_chain_set_str(x, NFTNL_CHAIN_TYPE, c->nat ? "nat" : "filter");
    nftnl_chain_set_u32(x, NFTNL_CHAIN_HOOKNUM, hooks[c->hook]);
    nftnl_chain_set_s32(x, NFTNL_CHAIN_PRIO, c->priority);
    nftnl_chain_set_u32(x, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    return x;
}

struct nftnl_set *nft_build_set(const struct nft_set *s)
{
    struct nftnl_set *x = nftnl_set_alloc();
    struct field f[5];
    uint32_t n = fields_of(s, f), type = 0, len = 0, flags = s->interval ? NFT_SET_INTERVAL : 0;
    uint8_t sizes[5];
    if (!x)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        type = type << TYPE_BITS | f[i].type;
        len += (f[i].size + 3u) & ~3u;
        sizes[i] = f[i].size;
    }
    if (n > 1) {
        flags |= NFT_SET_CONCAT;
        nftnl_set_set_data(x, NFTNL_SET_DESC_CONCAT, sizes, n);
    }
    if (s->verdicts) {
        flags |= NFT_SET_MAP;
        nftnl_set_set_u32(x, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
    }
    nftnl_set_set_u32(x, NFTNL_SET_FAMILY, NFPROTO_INET);
    nftnl_set_set_str(x, NFTNL_SET_TABLE, NFT_TABLE);
    nftnl_set_set_str(x, NFTNL_SET_NAME, s->name);
    nftnl_set_set_u32(x, NFTNL_SET_ID, s->id);
    nftnl_set_set_u32(x, NFTNL_SET_FLAGS, flags);
    nftnl_set_set_u32(x, NFTNL_SET_KEY_TYPE, type);
    nftnl_set_set_u32(x, NFTNL_SET_KEY_LEN, len);
    if (s->size)
        nftnl_set_set_u32(x, NFTNL_SET_DESC_SIZE, s->size);
    if (s->counters) {
        struct nftnl_expr *e = nftnl_expr_alloc("counter");
        if (e)
            nftnl_set_set_data(x, NFTNL_SET_EXPR, e, 0);
    }
    return x;
}

static uint32_t put_addr(uint8_t *out, const struct addr_bits *a, uint32_t size, bool end)
{
    for (uint32_t i = 0; i < size; i++)
        out[i] = end ? (uint8_t)(a->value[i] | ~a->care[i]) : a->value[i];
    return size;
}

static uint32_t put_port(uint8_t *out, uint16_t port)
{
    out[0] = (uint8_t)(port >> 8);
    out[1] = (uint8_t)port;
    return 4;
}

/* First or last key of an element. */
static uint32_t element_key(const struct nft_set *s, const struct box *b, bool end, uint8_t out[static 64])
{
    uint32_t size = s->family == FAMILY_V6 ? 16 : 4, n = 0;
    memset(out, 0, 64);
    if (s->fields & SET_SADDR)
        n += put_addr(out + n, &b->src, size, end);
    if (s->fields & SET_DADDR)
        n += put_addr(out + n, &b->dst, size, end);
    if (s->fields & SET_PROTO) {
        out[n] = (uint8_t)b->proto;
        n += 4;
    }
    if (s->fields & SET_SPORT)
        n += put_port(out + n, end ? b->sport.hi : b->sport.lo);
    if (s->fields & SET_DPORT)
        n += put_port(out + n, end ? b->dport.hi : b->dport.lo);
    return n;
}

static void begin_counter(struct nftnl_set_elem *x, const struct nft_element *e)
{
    struct nftnl_expr *c = nftnl_expr_alloc("counter");
    if (!c)
        return;
    nftnl_expr_set_u64(c, NFTNL_EXPR_CTR_PACKETS, e->packets);
    nftnl_expr_set_u64(c, NFTNL_EXPR_CTR_BYTES, e->bytes);
    nftnl_set_elem_set(x, NFTNL_SET_ELEM_EXPR, c, 0);
}

struct nftnl_set_elem *nft_build_element(const struct nft_set *s, const struct nft_element *e)
{
    struct nftnl_set_elem *x = nftnl_set_elem_alloc();
    uint8_t key[64];
    if (!x)
        return NULL;
    uint32_t len = element_key(s, e->box, false, key);
    nftnl_set_elem_set(x, NFTNL_SET_ELEM_KEY, key, len);
    if (s->interval) {
        len = element_key(s, e->box, true, key);
        nftnl_set_elem_set(x, NFTNL_SET_ELEM_KEY_END, key, len);
    }
    if (s->verdicts)
        nftnl_set_elem_set_u32(x, NFTNL_SET_ELEM_VERDICT, e->drop ? NF_DROP : (uint32_t)NFT_RETURN);
    if (e->packets)
        begin_counter(x, e);
    if (e->comment) {
        struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        if (u && nftnl_udata_put_strz(u, NFTNL_UDATA_SET_ELEM_COMMENT, e->comment))
            nftnl_set_elem_set(x, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
        nftnl_udata_buf_free(u);
    }
    return x;
}

/* ---- forms ---- */

struct form {
    struct buf b;
};

static int one_expr(struct nftnl_expr *e, void *arg)
{
    struct form *f = arg;
    char text[1024];
    const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
    buf_printf(&f->b, "[%s", name ? name : "?");
    if (name && strcmp(name, "counter") != 0 && nftnl_expr_snprintf(text, sizeof text, e, NFTNL_OUTPUT_DEFAULT, 0) >= 0)
        buf_printf(&f->b, " %s", text);
    buf_putc(&f->b, ']');
    return 0;
}

static struct str kept(struct arena *ar, struct buf *b)
{
    struct str s = {arena_strndup(ar, b->p ? b->p : "", b->len), (uint32_t)b->len};
    buf_free(b);
    return s;
}

struct str nft_rule_form(struct arena *ar, const struct nftnl_rule *r)
{
    struct form f = {0};
    nftnl_expr_foreach((struct nftnl_rule *)r, one_expr, &f);
    return kept(ar, &f.b);
}

struct str nft_chain_form(struct arena *ar, const struct nftnl_chain *c)
{
    struct buf b = {0};
    if (nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM))
        buf_printf(&b, "%s %u %d %u", nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE),
                   nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM), nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO),
                   nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY));
    return kept(ar, &b);
}

struct str nft_set_form(struct arena *ar, const struct nftnl_set *s)
{
    struct buf b = {0};
    buf_printf(&b, "%u %u %u", nftnl_set_get_u32(s, NFTNL_SET_KEY_TYPE), nftnl_set_get_u32(s, NFTNL_SET_KEY_LEN),
               nftnl_set_get_u32(s, NFTNL_SET_FLAGS));
    return kept(ar, &b);
}

struct str nft_element_key(struct arena *ar, const struct nftnl_set_elem *e)
{
    struct buf b = {0};
    uint32_t len;
    const void *k = nftnl_set_elem_get((struct nftnl_set_elem *)e, NFTNL_SET_ELEM_KEY, &len);
    if (k)
        buf_add(&b, k, len);
    k = nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_KEY_END)
            ? nftnl_set_elem_get((struct nftnl_set_elem *)e, NFTNL_SET_ELEM_KEY_END, &len)
            : NULL;
    if (k)
        buf_add(&b, k, len);
    return kept(ar, &b);
}
