/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One rule's expressions as libnftnl objects, in the forms that `nft` itself makes, so that `nft list ruleset` shows
 * them as a person would have written them.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <net/if.h>
#include <netinet/in.h>

#include "backends/nftables/kernel.h"

struct emitter {
    struct nftnl_rule *r;
    const struct nft_rule *of;
    bool failed;
};

static struct nftnl_expr *begin(struct emitter *x, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);
    if (e)
        nftnl_rule_add_expr(x->r, e);
    else
        x->failed = true;
    return e;
}

static void counter(struct emitter *x)
{
    struct nftnl_expr *e = begin(x, "counter");
    if (!e || !x->of->packets)
        return;
    nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_PACKETS, x->of->packets);
    nftnl_expr_set_u64(e, NFTNL_EXPR_CTR_BYTES, x->of->bytes);
}

static void cmp(struct emitter *x, uint32_t op, const void *data, uint32_t len)
{
    struct nftnl_expr *e = begin(x, "cmp");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void meta(struct emitter *x, uint32_t key, uint32_t reg)
{
    struct nftnl_expr *e = begin(x, "meta");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void payload(struct emitter *x, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
    struct nftnl_expr *e = begin(x, "payload");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void mask(struct emitter *x, const void *bits, uint32_t len, uint32_t reg)
{
    static const uint8_t zero[16];
    struct nftnl_expr *e = begin(x, "bitwise");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, reg);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, len);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

static void load(struct emitter *x, uint32_t reg, const void *data, uint32_t len)
{
    struct nftnl_expr *e = begin(x, "immediate");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
    nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, data, len);
}

static void verdict(struct emitter *x, int code, const char *chain)
{
    struct nftnl_expr *e = begin(x, "immediate");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
    if (chain)
        nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

static void meta_u8(struct emitter *x, uint32_t key, uint8_t v)
{
    meta(x, key, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &v, 1);
}

static void if_name(struct emitter *x, uint32_t key, uint32_t op, const char *name)
{
    char padded[IFNAMSIZ] = {0};
    strncpy(padded, name, sizeof padded - 1);
    meta(x, key, NFT_REG_1);
    cmp(x, op, padded, sizeof padded);
}

static void if_number(struct emitter *x, uint32_t key, uint32_t number)
{
    meta(x, key, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &number, sizeof number);
}

/* The kernel compares bytes: which number is higher is seen in network order only. */
static void if_later(struct emitter *x, uint32_t key, uint32_t number)
{
    const uint32_t ordered = htonl(number);
    meta(x, key, NFT_REG_1);
    struct nftnl_expr *e = begin(x, "byteorder");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_LEN, sizeof number);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BYTEORDER_SIZE, sizeof number);
    cmp(x, NFT_CMP_GT, &ordered, sizeof ordered);
}

/* ---- addresses and ports ---- */

static bool is_turned(const struct nft_expr *e)
{
    return e->look == LOOK_PACKET_TURNED || e->look == LOOK_FLOW_TURNED;
}

static void ct(struct emitter *x, uint32_t key, uint32_t reg)
{
    struct nftnl_expr *e = begin(x, "ct");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
}

/* An address that the flow began with. */
static void flow_addr(struct emitter *x, uint8_t family, bool dst, uint32_t reg)
{
    uint32_t key = dst ? NFT_CT_DST_IP : NFT_CT_SRC_IP;
    if (family == FAMILY_V6)
        key = dst ? NFT_CT_DST_IP6 : NFT_CT_SRC_IP6;
    struct nftnl_expr *e = begin(x, "ct");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
    nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
}

static uint32_t addr_offset(uint8_t family, bool dst)
{
    return family == FAMILY_V6 ? (dst ? 24u : 8u) : (dst ? 16u : 12u);
}

/* Whole bytes are compared by loading fewer of them, anything else through a mask: as nft does. */
static void address(struct emitter *x, const struct nft_expr *e)
{
    uint32_t size = e->family == FAMILY_V6 ? 16 : 4, whole = 0;
    while (whole < size && e->bits.care[whole] == 0xff)
        whole++;
    bool aligned = true;
    for (uint32_t i = whole; i < size; i++)
        aligned &= e->bits.care[i] == 0;
    bool dst = (e->kind == RULE_DADDR) != is_turned(e), flow = e->look >= LOOK_FLOW;
    uint32_t len = aligned && whole && !flow ? whole : size;
    if (flow)
        flow_addr(x, e->family, dst, NFT_REG_1);
    else
        payload(x, NFT_PAYLOAD_NETWORK_HEADER, addr_offset(e->family, dst), len, NFT_REG_1);
    if (!aligned || (flow && whole < size))
        mask(x, e->bits.care, size, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, e->bits.value, len);
}

static void ports(struct emitter *x, const struct nft_expr *e)
{
    const uint16_t lo = htons(e->ports.lo), hi = htons(e->ports.hi);
    bool dst = (e->kind == RULE_DPORT) != is_turned(e);
    payload(x, NFT_PAYLOAD_TRANSPORT_HEADER, dst ? 2 : 0, 2, NFT_REG_1);
    if (e->ports.lo == e->ports.hi) {
        cmp(x, NFT_CMP_EQ, &lo, 2);
        return;
    }
    cmp(x, NFT_CMP_GTE, &lo, 2);
    cmp(x, NFT_CMP_LTE, &hi, 2);
}

/* The register at a word of the register file, by the name the kernel itself gives it in dumps. */
static uint32_t reg_at(uint32_t word)
{
    return word % 4 == 0 ? (uint32_t)NFT_REG_1 + word / 4 : (uint32_t)NFT_REG32_00 + word;
}

static void key_addr(struct emitter *x, const struct nft_expr *e, bool dst, uint32_t *word)
{
    const struct nft_set *s = e->set;
    uint32_t size = s->family == FAMILY_V6 ? 16 : 4;
    const uint8_t *care = dst ? s->dst_care : s->src_care;
    bool whole = true;
    for (uint32_t i = 0; i < size; i++)
        whole &= care[i] == 0xff;
    bool at_dst = dst != is_turned(e);
    if (e->look >= LOOK_FLOW)
        flow_addr(x, s->family, at_dst, reg_at(*word));
    else
        payload(x, NFT_PAYLOAD_NETWORK_HEADER, addr_offset(s->family, at_dst), size, reg_at(*word));
    if (s->verdicts && !whole)
        mask(x, care, size, reg_at(*word));
    *word += size / 4;
}

static void set_lookup(struct emitter *x, const struct nft_expr *e)
{
    const struct nft_set *s = e->set;
    uint32_t word = 0;
    if (s->fields & SET_SADDR)
        key_addr(x, e, false, &word);
    if (s->fields & SET_DADDR)
        key_addr(x, e, true, &word);
    if (s->fields & SET_PROTO)
        meta(x, NFT_META_L4PROTO, reg_at(word++));
    if (s->fields & SET_SPORT)
        payload(x, NFT_PAYLOAD_TRANSPORT_HEADER, is_turned(e) ? 2 : 0, 2, reg_at(word++));
    if (s->fields & SET_DPORT)
        payload(x, NFT_PAYLOAD_TRANSPORT_HEADER, is_turned(e) ? 0 : 2, 2, reg_at(word++));
    struct nftnl_expr *l = begin(x, "lookup");
    if (!l)
        return;
    nftnl_expr_set_u32(l, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(l, NFTNL_EXPR_LOOKUP_SET, s->name);
    nftnl_expr_set_u32(l, NFTNL_EXPR_LOOKUP_SET_ID, s->id);
    nftnl_expr_set_u32(l, NFTNL_EXPR_LOOKUP_FLAGS, 0);
    if (s->verdicts)
        nftnl_expr_set_u32(l, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

/* ---- statements ---- */

static void mss(struct emitter *x, uint32_t value)
{
    const uint16_t v = htons((uint16_t)value);
    load(x, NFT_REG_1, &v, 2);
    struct nftnl_expr *e = begin(x, "exthdr");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_SREG, NFT_REG_1);
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, 2); /* TCP option MSS */
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 2);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 2);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
}

static void translate(struct emitter *x, const struct nft_expr *from)
{
    uint32_t size = from->family == FAMILY_V6 ? 16 : 4, flags = 0;
    bool is_range = from->address2.family && !addr_eq(&from->address, &from->address2);
    load(x, NFT_REG_1, from->address.b, size);
    if (is_range)
        load(x, NFT_REG_2, from->address2.b, size);
    flags |= NF_NAT_RANGE_MAP_IPS;
    if (from->number) {
        const uint16_t port = htons((uint16_t)from->number);
        load(x, NFT_REG_3, &port, 2);
        flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
    }
    struct nftnl_expr *e = begin(x, "nat");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, from->kind == RULE_SNAT ? NFT_NAT_SNAT : NFT_NAT_DNAT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, from->family == FAMILY_V6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    /* with both ends even where they are one: so the kernel reports them */
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MAX, is_range ? NFT_REG_2 : NFT_REG_1);
    if (from->number) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_3);
        nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFT_REG_3);
    }
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, flags);
}

/* `snat ip to ip saddr`: into the register that the translation reads goes what the packet has. */
static void keep_source(struct emitter *x, const struct nft_expr *from)
{
    bool v6 = from->family == FAMILY_V6;
    payload(x, NFT_PAYLOAD_NETWORK_HEADER, addr_offset(from->family, false), v6 ? 16 : 4, NFT_REG_1);
    struct nftnl_expr *e = begin(x, "nat");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS);
}

static const uint32_t nat_label[4] = {[NFT_NAT_LABEL / 32] = 1u << NFT_NAT_LABEL % 32};

static void has_label(struct emitter *x)
{
    static const uint32_t none[4];
    ct(x, NFT_CT_LABELS, NFT_REG_1);
    mask(x, nat_label, sizeof nat_label, NFT_REG_1);
    cmp(x, NFT_CMP_NEQ, none, sizeof none);
}

static void set_label(struct emitter *x)
{
    load(x, NFT_REG_1, nat_label, sizeof nat_label);
    struct nftnl_expr *e = begin(x, "ct");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_LABELS);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

static void is_translated(struct emitter *x, uint32_t bits)
{
    const uint32_t none = 0;
    ct(x, NFT_CT_STATUS, NFT_REG_1);
    mask(x, &bits, sizeof bits, NFT_REG_1);
    cmp(x, NFT_CMP_NEQ, &none, sizeof none);
}

static void flow_direction(struct emitter *x, uint8_t dir)
{
    ct(x, NFT_CT_DIRECTION, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &dir, 1);
}

static void address_type(struct emitter *x, uint32_t flags, uint32_t op, uint32_t type)
{
    struct nftnl_expr *e = begin(x, "fib");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, flags);
    cmp(x, op, &type, sizeof type);
}

static void source_routed(struct emitter *x, uint8_t option)
{
    const uint8_t there = 1;
    struct nftnl_expr *e = begin(x, "exthdr");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, option ? NFT_EXTHDR_OP_IPV4 : NFT_EXTHDR_OP_IPV6);
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, option ? option : IPPROTO_ROUTING);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 0);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, 1);
    cmp(x, NFT_CMP_EQ, &there, 1);
}

static void reqid(struct emitter *x, const struct nft_expr *from)
{
    const uint32_t bits = XFRM_OURS_MASK, ours = XFRM_OURS;
    struct nftnl_expr *e = begin(x, "xfrm");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_XFRM_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_XFRM_KEY, NFT_XFRM_KEY_REQID);
    nftnl_expr_set_u8(e, NFTNL_EXPR_XFRM_DIR, from->kind == RULE_REQID_IN ? XFRM_POLICY_IN : XFRM_POLICY_OUT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_XFRM_SPNUM, 0);
    if (from->kind != RULE_REQID_FOREIGN) {
        cmp(x, NFT_CMP_EQ, &from->number, 4);
        return;
    }
    mask(x, &bits, sizeof bits, NFT_REG_1);
    cmp(x, NFT_CMP_NEQ, &ours, sizeof ours);
}

static void route_secured(struct emitter *x, uint8_t yes)
{
    struct nftnl_expr *e = begin(x, "rt");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_RT_KEY, NFT_RT_XFRM);
    nftnl_expr_set_u32(e, NFTNL_EXPR_RT_DREG, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &yes, 1);
}

static void tcp_flags(struct emitter *x, uint8_t bits, uint8_t value, uint32_t op)
{
    payload(x, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, NFT_REG_1);
    mask(x, &bits, 1, NFT_REG_1);
    cmp(x, op, &value, 1);
}

/* RFC 8200 §4.5: what follows is said by the first byte, the offset by the upper 13 bits of the second two. */
static void fragment_field(struct emitter *x, uint32_t offset, uint32_t len)
{
    struct nftnl_expr *e = begin(x, "exthdr");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, len);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
}

static void fragment_header(struct emitter *x)
{
    const uint16_t bits = htons(0xfff8), zero = 0;
    fragment_field(x, 2, 2);
    mask(x, &bits, sizeof bits, NFT_REG_1);
    cmp(x, NFT_CMP_NEQ, &zero, sizeof zero);
}

static void fragment_of(struct emitter *x, uint8_t next_header)
{
    fragment_field(x, 0, 1);
    cmp(x, NFT_CMP_EQ, &next_header, 1);
}

static void fragment(struct emitter *x, uint8_t family)
{
    if (family == FAMILY_V6) {
        fragment_header(x);
        return;
    }
    const uint16_t bits = htons(0x1fff), zero = 0;
    payload(x, NFT_PAYLOAD_NETWORK_HEADER, 6, 2, NFT_REG_1);
    mask(x, &bits, 2, NFT_REG_1);
    cmp(x, NFT_CMP_NEQ, &zero, 2);
}

static void dscp(struct emitter *x, const struct nft_expr *e)
{
    if (e->family == FAMILY_V6) {
        const uint16_t bits = htons((uint16_t)(e->number2 << 6)), value = htons((uint16_t)(e->number << 6));
        payload(x, NFT_PAYLOAD_NETWORK_HEADER, 0, 2, NFT_REG_1);
        mask(x, &bits, 2, NFT_REG_1);
        cmp(x, NFT_CMP_EQ, &value, 2);
        return;
    }
    const uint8_t bits = (uint8_t)(e->number2 << 2), value = (uint8_t)(e->number << 2);
    payload(x, NFT_PAYLOAD_NETWORK_HEADER, 1, 1, NFT_REG_1);
    mask(x, &bits, 1, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &value, 1);
}

static void icmp(struct emitter *x, const struct nft_expr *e)
{
    const uint8_t v = (uint8_t)e->number;
    payload(x, NFT_PAYLOAD_TRANSPORT_HEADER, e->kind == RULE_ICMP_CODE, 1, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &v, 1);
}

/* RFC 8200 §3: the eighth byte. */
static void hop_limit(struct emitter *x, uint8_t v)
{
    payload(x, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG_1);
    cmp(x, NFT_CMP_EQ, &v, 1);
}

static void log_to(struct emitter *x, const char *prefix)
{
    struct nftnl_expr *e = begin(x, "log");
    if (!e)
        return;
    nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, prefix);
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_LEVEL, 4); /* warning, which is the default */
}

static void emit(struct emitter *x, const struct nft_expr *e)
{
    const uint32_t none = 0;
    switch ((enum nft_kind)e->kind) {
    case RULE_IN_IF:
        if_name(x, NFT_META_IIFNAME, NFT_CMP_EQ, e->name);
        break;
    case RULE_OUT_IF:
        if_name(x, NFT_META_OIFNAME, NFT_CMP_EQ, e->name);
        break;
    case RULE_IN_NOT_IF:
        if_name(x, NFT_META_IIFNAME, NFT_CMP_NEQ, e->name);
        break;
    case RULE_OUT_NOT_IF:
        if_name(x, NFT_META_OIFNAME, NFT_CMP_NEQ, e->name);
        break;
    case RULE_IN_NUMBER:
        if_number(x, NFT_META_IIF, e->number);
        break;
    case RULE_OUT_NUMBER:
        if_number(x, NFT_META_OIF, e->number);
        break;
    case RULE_IN_LATER:
        if_later(x, NFT_META_IIF, e->number);
        break;
    case RULE_OUT_LATER:
        if_later(x, NFT_META_OIF, e->number);
        break;
    case RULE_FORWARDED:
        meta(x, NFT_META_IIF, NFT_REG_1);
        cmp(x, NFT_CMP_NEQ, &none, 4);
        break;
    case RULE_OWN:
        meta(x, NFT_META_IIF, NFT_REG_1);
        cmp(x, NFT_CMP_EQ, &none, 4);
        break;
    case RULE_FROM_LOCAL:
        address_type(x, NFTA_FIB_F_SADDR, NFT_CMP_EQ, RTN_LOCAL);
        break;
    case RULE_FROM_OTHERS:
        address_type(x, NFTA_FIB_F_SADDR, NFT_CMP_NEQ, RTN_LOCAL);
        break;
    case RULE_TO_NO_HOST:
        address_type(x, NFTA_FIB_F_DADDR, NFT_CMP_NEQ, RTN_UNICAST);
        break;
    case RULE_SOURCE_ROUTED:
        source_routed(x, (uint8_t)e->number);
        break;
    case RULE_FRAGMENT_OF:
        fragment_of(x, (uint8_t)e->number);
        break;
    case RULE_TRANSLATED:
        is_translated(x, IPS_SRC_NAT | IPS_DST_NAT);
        break;
    case RULE_DEST_TRANSLATED:
        is_translated(x, IPS_DST_NAT);
        break;
    case RULE_NAT_OURS:
        has_label(x);
        break;
    case RULE_MARK_NAT:
        set_label(x);
        break;
    case RULE_FLOW_DIR:
        flow_direction(x, (uint8_t)e->number);
        break;
    case RULE_SNAT_SELF:
        keep_source(x, e);
        break;
    case RULE_CAME_CLEAR:
        meta_u8(x, NFT_META_SECPATH, 0);
        break;
    case RULE_CAME_SECURED:
        meta_u8(x, NFT_META_SECPATH, 1);
        break;
    case RULE_GOES_CLEAR:
        route_secured(x, 0);
        break;
    case RULE_GOES_SECURED:
        route_secured(x, 1);
        break;
    case RULE_REQID_IN:
    case RULE_REQID_OUT:
    case RULE_REQID_FOREIGN:
        reqid(x, e);
        break;
    case RULE_FAMILY:
        meta_u8(x, NFT_META_NFPROTO, e->family == FAMILY_V6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
        break;
    case RULE_PROTO:
        meta_u8(x, NFT_META_L4PROTO, (uint8_t)e->number);
        break;
    case RULE_SADDR:
    case RULE_DADDR:
        address(x, e);
        break;
    case RULE_SPORT:
    case RULE_DPORT:
        ports(x, e);
        break;
    case RULE_ICMP_TYPE:
    case RULE_ICMP_CODE:
        icmp(x, e);
        break;
    case RULE_HOP_LIMIT:
        hop_limit(x, (uint8_t)e->number);
        break;
    case RULE_TCP_FLAGS:
        tcp_flags(x, (uint8_t)e->number2, (uint8_t)e->number, NFT_CMP_EQ);
        break;
    case RULE_TCP_ANY_FLAG:
        tcp_flags(x, (uint8_t)e->number, 0, NFT_CMP_NEQ);
        break;
    case RULE_FRAGMENT:
        fragment(x, e->family);
        break;
    case RULE_DSCP:
        dscp(x, e);
        break;
    case RULE_ADDR_IN_SET:
    case RULE_VERDICT_MAP:
        set_lookup(x, e);
        break;
    case RULE_COUNTER:
        counter(x);
        break;
    case RULE_LOG:
        log_to(x, e->name);
        break;
    case RULE_ACCEPT:
        verdict(x, NF_ACCEPT, NULL);
        break;
    case RULE_DROP:
        verdict(x, NF_DROP, NULL);
        break;
    case RULE_RETURN:
        verdict(x, NFT_RETURN, NULL);
        break;
    case RULE_JUMP:
        verdict(x, NFT_JUMP, e->name);
        break;
    case RULE_MASQUERADE:
        begin(x, "masq");
        break;
    case RULE_SNAT:
    case RULE_DNAT:
        translate(x, e);
        break;
    case RULE_SET_MSS:
        mss(x, e->number);
        break;
    case RULE_KINDS:
        break;
    }
}

struct nftnl_rule *nft_build_rule(const struct nft_chain *c, const struct nft_rule *r)
{
    struct emitter x = {.r = nftnl_rule_alloc(), .of = r};
    if (!x.r)
        return NULL;
    nftnl_rule_set_u32(x.r, NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(x.r, NFTNL_RULE_TABLE, NFT_TABLE);
    nftnl_rule_set_str(x.r, NFTNL_RULE_CHAIN, c->name);
    for (uint32_t i = 0; i < r->n; i++)
        emit(&x, &r->v[i]);
    if (r->comment) {
        struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        if (u && nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, r->comment))
            nftnl_rule_set_data(x.r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
        nftnl_udata_buf_free(u);
    }
    if (!x.failed)
        return x.r;
    nftnl_rule_free(x.r);
    return NULL;
}
