/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists as packet filters: a chain each, one rule for each line (several for port lists and object groups, under
 * one comment), permit = return to the caller, deny = drop, and the drop at the end that every list has.
 */
#include <netinet/in.h>

#include "backends/nftables/plan.h"

/* Lines whose boxes alone do not say it all: what else a rule must look at, from the words behind the ports. */
#define NOT_CARRIED (ACE_OPT_TOS | ACE_OPT_TTL | ACE_OPT_OPTION | ACE_OPT_TIME_RANGE | ACE_OPT_REFLECT | ACE_OPT_OTHER)

static struct str next_word(struct str *s)
{
    while (s->len && s->p[0] == ' ')
        *s = (struct str){s->p + 1, s->len - 1};
    uint32_t n = 0;
    while (n < s->len && s->p[n] != ' ')
        n++;
    struct str w = {s->p, n};
    *s = (struct str){s->p + n, s->len - n};
    return w;
}

static uint32_t tcp_flag(struct str w)
{
    static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg"};
    for (uint32_t i = 0; i < 6; i++)
        if (str_prefix_of(w, names[i]))
            return 1u << i;
    return 0;
}

struct conditions {
    uint32_t any_flag;          /* one of these TCP flags */
    uint32_t flags, flags_mask; /* all of these as given */
    uint32_t dscp, dscp_mask;
    bool fragments, bad;
};

static bool header_value(enum ipname_kind kind, struct str w, uint32_t *out)
{
    uint32_t v = 0;
    if (ipname_parse(kind, w, out))
        return true;
    for (uint32_t i = 0; i < w.len; i++) {
        if (w.p[i] < '0' || w.p[i] > '9' || v > 255)
            return false;
        v = v * 10 + (uint32_t)(w.p[i] - '0');
    }
    *out = v;
    return w.len > 0;
}

static void flag_word(struct conditions *c, struct str w, bool all)
{
    bool minus = w.len && w.p[0] == '-', sign = minus || (w.len && w.p[0] == '+');
    uint32_t f = tcp_flag(sign ? (struct str){w.p + 1, w.len - 1} : w);
    if (!f || (minus && !all))
        c->bad = true; /* "one of these is missing" has no rule */
    else if (!all)
        c->any_flag |= f;
    else
        c->flags_mask |= f, c->flags |= minus ? 0 : f;
}

static struct conditions conditions_of(const struct ace *a)
{
    struct conditions c = {.bad = (a->unselectable & NOT_CARRIED) != 0};
    struct str rest = a->opts, w;
    bool all = false;
    while (a->unselectable && (w = next_word(&rest)).len) {
        if (str_prefix_of(w, "established") && w.len > 1) {
            c.any_flag |= 0x14; /* ACK, RST */
        } else if (str_prefix_of(w, "fragments") && w.len > 1 && (a->unselectable & ACE_OPT_FRAGMENTS)) {
            c.fragments = true;
        } else if (str_prefix_of(w, "dscp") && (a->unselectable & ACE_OPT_DSCP)) {
            c.bad |= !header_value(IPN_DSCP, next_word(&rest), &c.dscp) || c.dscp > 63;
            c.dscp_mask = 0x3f;
        } else if (str_prefix_of(w, "precedence") && (a->unselectable & ACE_OPT_PRECEDENCE)) {
            c.bad |= !header_value(IPN_PRECEDENCE, next_word(&rest), &c.dscp) || c.dscp > 7;
            c.dscp <<= 3;
            c.dscp_mask = 0x38;
        } else if (str_ieq(w, "match-all") || str_ieq(w, "match-any")) {
            all = str_ieq(w, "match-all");
        } else if (a->unselectable & ACE_OPT_FLAGS && !str_prefix_of(w, "log") && !str_prefix_of(w, "log-input")) {
            flag_word(&c, w, all);
        }
    }
    return c;
}

static void add_conditions(struct nft_plan *p, struct nft_rule *r, const struct conditions *c, uint8_t family)
{
    if (c->any_flag)
        nft_add_number(p, r, RULE_TCP_ANY_FLAG, c->any_flag);
    if (c->flags_mask) {
        struct nft_expr *e = nft_add(p, r, RULE_TCP_FLAGS);
        e->number = c->flags;
        e->number2 = c->flags_mask;
    }
    if (c->fragments)
        nft_add(p, r, RULE_FRAGMENT);
    if (c->dscp_mask) {
        struct nft_expr *e = nft_add(p, r, RULE_DSCP);
        e->number = c->dscp;
        e->number2 = c->dscp_mask;
        e->family = family;
    }
}

static void not_carried(struct target *t, const struct ace *a, const char *why)
{
    struct diag *d = diag_add(t->diags, D_LX_ACL_LINE, a->span, "this line of a filter %s", why);
    if (a->permit)
        diag_hint(t->diags, d, "left out with --allow-partial: what it permits is then dropped");
    else
        diag_hint(t->diags, d, "with --allow-partial all that it might deny is dropped");
}

static void log_rule(struct nft_plan *p, struct nft_rule *r, const struct acl *l, const struct ace *a)
{
    if (a->log || a->log_input)
        nft_add_name(p, r, RULE_LOG,
                     nft_name(p, "ioscc list %.40s %s: ", nft_name(p, STR_FMT, STR_ARG(l->name.s)),
                              a->permit ? "permitted" : "denied"));
}

static void one_line(struct nft_plan *p, struct target *t, struct nft_chain *chain, const struct acl *l,
                     const struct ace *a)
{
    struct boxes b = {0};
    if (ace_boxes(p->arena, a, (enum acl_kind)l->kind.v, &b, TARGET_LINE_MAX) == LINE_UNKNOWN) {
        not_carried(t, a, "has no known set of packets");
        return;
    }
    struct conditions c = conditions_of(a);
    if (c.bad || (c.fragments && l->kind.v == ACL_IPV6)) {
        not_carried(t, a, "has conditions that are not carried");
        if (a->permit)
            return;
        c = (struct conditions){0};
    }
    for (uint32_t i = 0; i < b.n; i++) {
        struct nft_rule *r = nft_rule_new(p, chain);
        nft_add_box(p, r, &b.v[i]);
        add_conditions(p, r, &c, b.v[i].family);
        nft_add(p, r, RULE_COUNTER);
        log_rule(p, r, l, a);
        nft_add(p, r, a->permit ? RULE_RETURN : RULE_DROP);
        r->comment = nft_name(p, "acl " STR_FMT " %u", STR_ARG(l->name.s), a->seq);
    }
}

static bool identifier(struct str s)
{
    for (uint32_t i = 0; i < s.len; i++) {
        char c = str_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return s.len > 0 && s.len <= 60;
}

const char *nft_acl_chain(struct nft_plan *p, struct target *t, const struct acl *a)
{
    uint32_t at = 0, lines = 0;
    PTRLIST_FOR (struct ace, x, &a->aces) {
        lines += !x->remark;
    }
    if (!lines)
        return NULL;
    for (uint32_t i = 0; i < t->c->acls.n; i++)
        if (t->c->acls.v[i] == a)
            at = i;
    bool v6 = a->kind.v == ACL_IPV6;
    const char *name = identifier(a->name.s) ? nft_name(p, "acl%s_" STR_FMT, v6 ? "6" : "", STR_ARG(a->name.s))
                                             : nft_name(p, "acl%u", at);
    if (nft_chain_named(p, name))
        return name;
    struct nft_chain *chain = nft_chain_new(p, name);
    /* the list says nothing about the other family */
    struct nft_rule *other = nft_rule_new(p, chain);
    nft_add(p, other, RULE_FAMILY)->family = v6 ? FAMILY_V4 : FAMILY_V6;
    nft_add(p, other, RULE_RETURN);
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (!x->remark)
            one_line(p, t, chain, a, x);
    }
    for (int k = v6 ? 0 : 2; k < 2; k++) { /* every IPv6 list ends with neighbour discovery permitted */
        struct nft_rule *r = nft_rule_new(p, chain);
        nft_add(p, r, RULE_FAMILY)->family = FAMILY_V6;
        nft_add_number(p, r, RULE_PROTO, IPPROTO_ICMPV6);
        nft_add_number(p, r, RULE_ICMP_TYPE, k ? 136 : 135);
        nft_add(p, r, RULE_RETURN);
    }
    struct nft_rule *end = nft_rule_new(p, chain);
    nft_add(p, end, RULE_COUNTER);
    nft_add(p, end, RULE_DROP);
    end->comment = nft_name(p, "acl " STR_FMT " end", STR_ARG(a->name.s));
    return name;
}
