/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ruleset as .nft text, for review and for `nft -f`: it replaces the table as a whole. */
#include <netinet/in.h>
#include <netinet/ip.h>

#include "backends/nftables/plan.h"

static const char *ip_word(uint8_t family)
{
    return family == FAMILY_V6 ? "ip6" : "ip";
}

static void plain_addr(struct buf *b, const uint8_t bytes[16], uint8_t family)
{
    char t[ADDR_TEXT_MAX];
    struct ip_addr a = {.family = family};
    memcpy(a.b, bytes, 16);
    buf_puts(b, addr_text(&a, t));
}

static void prefix(struct buf *b, const struct addr_bits *a, uint8_t family)
{
    int n = nft_prefix_length(a);
    plain_addr(b, a->value, family);
    if (n != (family == FAMILY_V6 ? 128 : 32))
        buf_printf(b, "/%d", n);
}

static bool is_turned(const struct nft_expr *e)
{
    return e->look == LOOK_PACKET_TURNED || e->look == LOOK_FLOW_TURNED;
}

/* Where an address is found. */
static void addr_field(struct buf *b, const struct nft_expr *e, uint8_t family, bool dst)
{
    const char *flow = e->look >= LOOK_FLOW ? "ct original " : "";
    buf_printf(b, "%s%s %s", flow, ip_word(family), dst != is_turned(e) ? "daddr" : "saddr");
}

static void port_field(struct buf *b, const struct nft_expr *e, bool dst)
{
    buf_puts(b, dst != is_turned(e) ? "th dport" : "th sport");
}

static void addr_match(struct buf *b, const struct nft_expr *e)
{
    addr_field(b, e, e->family, e->kind == RULE_DADDR);
    buf_putc(b, ' ');
    if (nft_prefix_length(&e->bits) >= 0) {
        prefix(b, &e->bits, e->family);
        return;
    }
    buf_puts(b, "& ");
    plain_addr(b, e->bits.care, e->family);
    buf_puts(b, " == ");
    plain_addr(b, e->bits.value, e->family);
}

static void range(struct buf *b, struct port_range r)
{
    if (r.lo == r.hi)
        buf_printf(b, "%u", r.lo);
    else
        buf_printf(b, "%u-%u", r.lo, r.hi);
}

static void flags(struct buf *b, uint32_t f)
{
    static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg"};
    const char *sep = "";
    for (int i = 0; i < 6; i++)
        if (f >> i & 1) {
            buf_printf(b, "%s%s", sep, names[i]);
            sep = " | ";
        }
    if (!f)
        buf_puts(b, "0x0");
}

static void set_match(struct buf *b, const struct nft_expr *e)
{
    const struct nft_set *s = e->set;
    addr_field(b, e, s->family, false);
    if (s->fields & SET_DADDR) {
        buf_puts(b, " . ");
        addr_field(b, e, s->family, true);
    }
    if (s->fields & SET_PROTO)
        buf_puts(b, " . meta l4proto");
    if (s->fields & SET_PORTS) {
        buf_puts(b, " . ");
        port_field(b, e, false);
        buf_puts(b, " . ");
        port_field(b, e, true);
    }
    buf_printf(b, " @%s", s->name);
}

/* Between the fields of a key. */
static void dot(struct buf *b, const char **sep)
{
    buf_puts(b, *sep);
    *sep = " . ";
}

static void map_match(struct buf *b, const struct nft_expr *e)
{
    const struct nft_set *s = e->set;
    const char *sep = "";
    for (int dst = 0; dst < 2; dst++) {
        struct addr_bits care = {.care = {0}};
        memcpy(care.care, dst ? s->dst_care : s->src_care, 16);
        if (!(s->fields & (dst ? SET_DADDR : SET_SADDR)))
            continue;
        dot(b, &sep);
        addr_field(b, e, s->family, dst);
        if (nft_prefix_length(&care) == (s->family == FAMILY_V6 ? 128 : 32))
            continue;
        buf_puts(b, " & ");
        plain_addr(b, care.care, s->family);
    }
    if (s->fields & SET_PROTO) {
        dot(b, &sep);
        buf_puts(b, "meta l4proto");
    }
    for (int dst = 0; dst < 2; dst++)
        if (s->fields & (dst ? SET_DPORT : SET_SPORT)) {
            dot(b, &sep);
            port_field(b, e, dst);
        }
    buf_printf(b, " vmap @%s", s->name);
}

static void translate(struct buf *b, const struct nft_expr *e, const char *word)
{
    buf_printf(b, "%s ip to ", word);
    plain_addr(b, e->address.b, e->family);
    if (e->address2.family && !addr_eq(&e->address, &e->address2)) {
        buf_putc(b, '-');
        plain_addr(b, e->address2.b, e->family);
    }
    if (e->number)
        buf_printf(b, ":%u", e->number);
}

static const char *source_route_word(uint32_t option)
{
    if (!option)
        return "exthdr rt exists";
    return option == IPOPT_LSRR ? "ip option lsrr exists" : "ip option ssrr exists";
}

static void expr(struct buf *b, const struct nft_expr *e)
{
    switch ((enum nft_kind)e->kind) {
    case RULE_IN_IF:
        buf_printf(b, "iifname \"%s\"", e->name);
        break;
    case RULE_OUT_IF:
        buf_printf(b, "oifname \"%s\"", e->name);
        break;
    case RULE_IN_NOT_IF:
        buf_printf(b, "iifname != \"%s\"", e->name);
        break;
    case RULE_OUT_NOT_IF:
        buf_printf(b, "oifname != \"%s\"", e->name);
        break;
    case RULE_IN_NUMBER:
        buf_printf(b, "iif %u", e->number);
        break;
    case RULE_OUT_NUMBER:
        buf_printf(b, "oif %u", e->number);
        break;
    case RULE_IN_LATER:
        buf_printf(b, "iif > %u", e->number);
        break;
    case RULE_OUT_LATER:
        buf_printf(b, "oif > %u", e->number);
        break;
    case RULE_FORWARDED:
        buf_puts(b, "meta iif != 0");
        break;
    case RULE_OWN:
        buf_puts(b, "meta iif 0");
        break;
    case RULE_FROM_LOCAL:
        buf_puts(b, "fib saddr type local");
        break;
    case RULE_FROM_OTHERS:
        buf_puts(b, "fib saddr type != local");
        break;
    case RULE_TO_NO_HOST:
        buf_puts(b, "fib daddr type != unicast");
        break;
    case RULE_SOURCE_ROUTED:
        buf_puts(b, source_route_word(e->number));
        break;
    case RULE_FRAGMENT_OF:
        buf_printf(b, "frag nexthdr %u", e->number);
        break;
    case RULE_TRANSLATED:
        buf_puts(b, "ct status snat,dnat");
        break;
    case RULE_DEST_TRANSLATED:
        buf_puts(b, "ct status dnat");
        break;
    case RULE_NAT_OURS:
        buf_printf(b, "ct label %u", NFT_NAT_LABEL);
        break;
    case RULE_MARK_NAT:
        buf_printf(b, "ct label set %u", NFT_NAT_LABEL);
        break;
    case RULE_FLOW_DIR:
        buf_printf(b, "ct direction %s", e->number ? "reply" : "original");
        break;
    case RULE_REQID_FOREIGN:
        buf_printf(b, "ipsec out reqid & %u != %u", XFRM_OURS_MASK, XFRM_OURS);
        break;
    case RULE_SNAT_SELF:
        buf_printf(b, "snat %s to %s saddr", ip_word(e->family), ip_word(e->family));
        break;
    case RULE_CAME_CLEAR:
        buf_puts(b, "meta ipsec missing");
        break;
    case RULE_CAME_SECURED:
        buf_puts(b, "meta ipsec exists");
        break;
    case RULE_GOES_CLEAR:
        buf_puts(b, "rt ipsec missing");
        break;
    case RULE_GOES_SECURED:
        buf_puts(b, "rt ipsec exists");
        break;
    case RULE_REQID_IN:
        buf_printf(b, "ipsec in reqid %u", e->number);
        break;
    case RULE_REQID_OUT:
        buf_printf(b, "ipsec out reqid %u", e->number);
        break;
    case RULE_FAMILY:
        buf_printf(b, "meta nfproto %s", e->family == FAMILY_V6 ? "ipv6" : "ipv4");
        break;
    case RULE_PROTO:
        buf_printf(b, "meta l4proto %u", e->number);
        break;
    case RULE_SADDR:
    case RULE_DADDR:
        addr_match(b, e);
        break;
    case RULE_SPORT:
    case RULE_DPORT:
        port_field(b, e, e->kind == RULE_DPORT);
        buf_putc(b, ' ');
        range(b, e->ports);
        break;
    case RULE_ICMP_TYPE:
        buf_printf(b, "@th,0,8 %u", e->number);
        break;
    case RULE_ICMP_CODE:
        buf_printf(b, "@th,8,8 %u", e->number);
        break;
    case RULE_HOP_LIMIT:
        buf_printf(b, "@nh,56,8 %u", e->number);
        break;
    case RULE_TCP_FLAGS:
        buf_puts(b, "tcp flags & (");
        flags(b, e->number2);
        buf_puts(b, ") == ");
        flags(b, e->number);
        break;
    case RULE_TCP_ANY_FLAG:
        buf_puts(b, "tcp flags & (");
        flags(b, e->number);
        buf_puts(b, ") != 0x0");
        break;
    case RULE_FRAGMENT:
        buf_puts(b, e->family == FAMILY_V6 ? "frag frag-off != 0" : "ip frag-off & 0x1fff != 0");
        break;
    case RULE_DSCP:
        buf_printf(b, "@nh,%s & 0x%x == 0x%x", e->family == FAMILY_V6 ? "0,16" : "8,8",
                   e->number2 << (e->family == FAMILY_V6 ? 6 : 2), e->number << (e->family == FAMILY_V6 ? 6 : 2));
        break;
    case RULE_ADDR_IN_SET:
        set_match(b, e);
        break;
    case RULE_VERDICT_MAP:
        map_match(b, e);
        break;
    case RULE_COUNTER:
        buf_puts(b, "counter");
        break;
    case RULE_LOG:
        buf_printf(b, "log prefix \"%s\"", e->name);
        break;
    case RULE_ACCEPT:
        buf_puts(b, "accept");
        break;
    case RULE_DROP:
        buf_puts(b, "drop");
        break;
    case RULE_RETURN:
        buf_puts(b, "return");
        break;
    case RULE_JUMP:
        buf_printf(b, "jump %s", e->name);
        break;
    case RULE_MASQUERADE:
        buf_puts(b, "masquerade");
        break;
    case RULE_SNAT:
        translate(b, e, "snat");
        break;
    case RULE_DNAT:
        translate(b, e, "dnat");
        break;
    case RULE_SET_MSS:
        buf_printf(b, "tcp option maxseg size set %u", e->number);
        break;
    case RULE_KINDS:
        break;
    }
}

static void element(struct buf *b, const struct nft_set *s, const struct nft_element *e)
{
    const char *sep = "";
    for (int dst = 0; dst < 2; dst++) {
        const struct addr_bits *a = dst ? &e->box->dst : &e->box->src;
        if (!(s->fields & (dst ? SET_DADDR : SET_SADDR)))
            continue;
        dot(b, &sep);
        if (s->verdicts)
            plain_addr(b, a->value, s->family);
        else
            prefix(b, a, s->family);
    }
    if (s->fields & SET_PROTO) {
        dot(b, &sep);
        buf_printf(b, "%u", e->box->proto);
    }
    for (int dst = 0; dst < 2; dst++)
        if (s->fields & (dst ? SET_DPORT : SET_SPORT)) {
            dot(b, &sep);
            range(b, dst ? e->box->dport : e->box->sport);
        }
    if (e->comment)
        buf_printf(b, " comment \"%s\"", e->comment);
    if (s->verdicts)
        buf_puts(b, e->drop ? " : drop" : " : return");
}

static void set(struct buf *b, const struct nft_set *s)
{
    const char *addr = s->family == FAMILY_V6 ? "ipv6_addr" : "ipv4_addr", *sep = "";
    const struct {
        uint8_t field;
        const char *type;
    } fields[] = {{SET_SADDR, addr},
                  {SET_DADDR, addr},
                  {SET_PROTO, "inet_proto"},
                  {SET_SPORT, "inet_service"},
                  {SET_DPORT, "inet_service"}};
    buf_printf(b, "\t%s %s {\n\t\ttype ", s->verdicts ? "map" : "set", s->name);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (s->fields & fields[i].field) {
            dot(b, &sep);
            buf_puts(b, fields[i].type);
        }
    buf_puts(b, s->verdicts ? " : verdict\n" : "\n");
    if (s->interval)
        buf_puts(b, "\t\tflags interval\n");
    if (s->size)
        buf_printf(b, "\t\tsize %u\n", s->size);
    if (s->counters)
        buf_puts(b, "\t\tcounter\n");
    if (s->elements.n)
        buf_puts(b, "\t\telements = {\n");
    for (uint32_t i = 0; i < s->elements.n; i++) {
        buf_puts(b, "\t\t\t");
        element(b, s, s->elements.v[i]);
        buf_puts(b, i + 1 < s->elements.n ? ",\n" : "\n");
    }
    buf_puts(b, s->elements.n ? "\t\t}\n\t}\n" : "\t}\n");
}

static void chain_head(struct buf *b, const struct nft_chain *c)
{
    static const char *const hooks[] = {"", "prerouting", "input", "forward", "postrouting"};
    buf_printf(b, "\tchain %s {\n", c->name);
    if (c->hook)
        buf_printf(b, "\t\ttype %s hook %s priority %d; policy accept;\n", c->nat ? "nat" : "filter", hooks[c->hook],
                   c->priority);
}

void nft_plan_text(struct buf *b, const struct nft_plan *p)
{
    buf_puts(b, "table inet " NFT_TABLE "\ndelete table inet " NFT_TABLE "\n");
    if (p->chains.n == 0)
        return;
    buf_puts(b, "table inet " NFT_TABLE " {\n\tcomment \"" NFT_TABLE_MARK "\"\n");
    PTRLIST_FOR (struct nft_set, s, &p->sets) {
        set(b, s);
    }
    /* chains that are jumped to must be known first */
    for (int base = 0; base < 2; base++)
        PTRLIST_FOR (struct nft_chain, c, &p->chains) {
            if ((c->hook != HOOK_NONE) != (base == 1))
                continue;
            chain_head(b, c);
            PTRLIST_FOR (struct nft_rule, r, &c->rules) {
                buf_puts(b, "\t\t");
                for (uint32_t i = 0; i < r->n; i++) {
                    if (i)
                        buf_putc(b, ' ');
                    expr(b, &r->v[i]);
                }
                if (r->comment)
                    buf_printf(b, " comment \"%s\"", r->comment);
                buf_putc(b, '\n');
            }
            buf_puts(b, "\t}\n");
        }
    buf_puts(b, "}\n");
}
