/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access lists as packet filters: a chain each, one rule for each line (several for port lists and object groups, under
 * one comment), permit = return to the caller, deny = drop, and the drop at the end that every list has. Many lines of
 * one shape become the elements of a verdict map, so that a packet is looked up once for all of them; every element
 * counts for its line, as a rule does.
 */
#include <netinet/in.h>
#include <string.h>

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
        nft_add(p, r, RULE_FRAGMENT)->family = family;
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

/* ---- lines as rules, or as elements of verdict maps ---- */

/* A box of a line: what becomes a rule, or an element. */
struct piece {
    const struct ace *line;
    struct conditions more;
    struct box box;
};

/* So many lines of one shape are worth a map; with fewer the list stays readable in its own order. */
#define MAP_FROM 8

static void pieces_of(struct nft_plan *p, struct target *t, const struct acl *l, const struct ace *a,
                      struct ptrlist *out)
{
    struct boxes b = {0};
    struct box all = {.family = l->kind.v == ACL_IPV6 ? FAMILY_V6 : FAMILY_V4,
                      .proto = PROTO_ANY,
                      .sport = {0, 65535},
                      .dport = {0, 65535}};
    if (ace_boxes(p->arena, a, (enum acl_kind)l->kind.v, &b, TARGET_LINE_MAX) == LINE_UNKNOWN) {
        not_carried(t, a, "has no known set of packets");
        b = (struct boxes){&all, 1, 1};
        if (a->permit)
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
        struct piece *x = ARENA_NEW(p->arena, struct piece);
        *x = (struct piece){a, c, b.v[i]};
        ptrlist_add(p->arena, out, x);
    }
}

static const char *line_comment(struct nft_plan *p, const struct acl *l, const struct ace *a)
{
    return nft_name(p, "acl " STR_FMT " %u", STR_ARG(l->name.s), a->seq);
}

static void rule_of(struct nft_plan *p, struct nft_chain *chain, const struct acl *l, const struct piece *x)
{
    struct nft_rule *r = nft_rule_new(p, chain);
    nft_add_box(p, r, &x->box);
    add_conditions(p, r, &x->more, x->box.family);
    nft_add(p, r, RULE_COUNTER);
    log_rule(p, r, l, x->line);
    nft_add(p, r, x->line->permit ? RULE_RETURN : RULE_DROP);
    r->comment = line_comment(p, l, x->line);
}

/* What the keys of a map have in common. Two boxes of one shape are equal or have no packet in common. */
struct shape {
    uint32_t layer;
    uint8_t family, fields;
    uint8_t src_care[16], dst_care[16];
};

static bool port_field(struct port_range r, uint8_t field, uint8_t *fields)
{
    if (r.lo == r.hi)
        *fields |= field;
    return r.lo == r.hi || (r.lo == 0 && r.hi == 65535);
}

/* False if it cannot be a key: ranges, ICMP types, conditions beside the box, a line that is logged. */
static bool shape_of(const struct piece *x, uint32_t layer, struct shape *s)
{
    static const struct conditions none;
    const struct box *b = &x->box;
    memset(s, 0, sizeof *s); /* it is hashed as bytes */
    s->layer = layer;
    s->family = b->family;
    memcpy(s->src_care, b->src.care, 16);
    memcpy(s->dst_care, b->dst.care, 16);
    s->fields = (uint8_t)((nft_has_addr(&b->src) ? SET_SADDR : 0) | (nft_has_addr(&b->dst) ? SET_DADDR : 0) |
                          (b->proto != PROTO_ANY ? SET_PROTO : 0));
    bool ports = port_field(b->sport, SET_SPORT, &s->fields) && port_field(b->dport, SET_DPORT, &s->fields);
    bool icmp = b->proto == IPPROTO_ICMP || b->proto == IPPROTO_ICMPV6;
    const struct conditions *c = &x->more;
    return ports && s->fields && !(icmp && s->fields & SET_PORTS) && !x->line->log && !x->line->log_input &&
           c->any_flag == none.any_flag && c->flags_mask == none.flags_mask && !c->fragments && !c->dscp_mask;
}

static struct str shape_key(const struct shape *s)
{
    return (struct str){(const char *)s, sizeof *s};
}

struct group {
    struct shape shape;
    uint32_t n;
    struct nft_set *map;
};

static void mask_name(struct nft_plan *p, const char **name, char letter, const uint8_t care[16], bool v6)
{
    struct addr_bits a = {.care = {0}};
    memcpy(a.care, care, 16);
    int n = nft_prefix_length(&a);
    if (n >= 0) {
        *name = nft_name(p, "%s_%c%d", *name, letter, n);
        return;
    }
    *name = nft_name(p, "%s_%cx", *name, letter);
    for (int i = 0; i < (v6 ? 16 : 4); i++)
        *name = nft_name(p, "%s%02x", *name, care[i]);
}

/* acl_IN_1_s24_d32_proto_dport_64: layer 1, masks of 24 and 32 bits. What cannot be changed in a map that stands is in
 * its name: a list that outgrows it gets another one, in the same transaction. */
static const char *map_name(struct nft_plan *p, const struct nft_chain *c, const struct shape *s, uint32_t size)
{
    const char *name = nft_name(p, "%s_%u", c->name, s->layer);
    bool v6 = s->family == FAMILY_V6;
    if (s->fields & SET_SADDR)
        mask_name(p, &name, 's', s->src_care, v6);
    if (s->fields & SET_DADDR)
        mask_name(p, &name, 'd', s->dst_care, v6);
    return nft_name(p, "%s%s%s%s_%u", name, s->fields & SET_PROTO ? "_proto" : "",
                    s->fields & SET_SPORT ? "_sport" : "", s->fields & SET_DPORT ? "_dport" : "", size);
}

static struct nft_set *map_of(struct nft_plan *p, struct nft_chain *c, const struct group *g)
{
    const struct shape *s = &g->shape;
    uint32_t size = 64;
    while (size < g->n + g->n / 4)
        size *= 2;
    struct nft_set *m = nft_set_new(p, map_name(p, c, s, size), s->family, s->fields);
    m->size = size;
    m->verdicts = m->counters = true;
    memcpy(m->src_care, s->src_care, 16);
    memcpy(m->dst_care, s->dst_care, 16);
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add(p, r, RULE_FAMILY)->family = s->family;
    nft_add(p, r, RULE_VERDICT_MAP)->set = m;
    return m;
}

struct layered {
    const struct ptrlist *pieces;
    uint32_t *layer;
    struct group **group; /* NULL: a rule of its own */
    uint32_t layers;
    bool any_map;
};

static struct layered sort_pieces(struct nft_plan *p, const struct ptrlist *pieces)
{
    struct layered x = {.pieces = pieces};
    const struct box **box = arena_array(p->arena, pieces->n + 1, sizeof *box);
    struct symtab groups = {0};
    struct shape s;
    x.layer = arena_array(p->arena, pieces->n + 1, sizeof *x.layer);
    x.group = arena_array(p->arena, pieces->n + 1, sizeof *x.group);
    for (uint32_t i = 0; i < pieces->n; i++)
        box[i] = &((struct piece *)pieces->v[i])->box;
    boxes_layers(p->arena, box, pieces->n, x.layer);
    for (uint32_t i = 0; i < pieces->n; i++) {
        x.layers = x.layer[i] > x.layers ? x.layer[i] : x.layers;
        if (!shape_of(pieces->v[i], x.layer[i], &s))
            continue;
        struct group *g = symtab_get(&groups, shape_key(&s), 0);
        if (!g) {
            g = ARENA_NEW(p->arena, struct group);
            g->shape = s;
            symtab_put(p->arena, &groups, shape_key(&g->shape), 0, g);
        }
        x.any_map |= ++g->n == MAP_FROM;
        x.group[i] = g;
    }
    return x;
}

/* Boxes of one layer have no packet in common, so their order does not matter: those of one shape become the elements
 * of one map, however many they are. */
static void layer_rules(struct nft_plan *p, struct nft_chain *chain, const struct acl *l, const struct layered *x,
                        uint32_t from, const uint32_t *order)
{
    for (uint32_t k = from; k < x->pieces->n && x->layer[order[k]] == x->layer[order[from]]; k++) {
        const struct piece *y = x->pieces->v[order[k]];
        struct group *g = x->group[order[k]];
        if (!g || g->n < MAP_FROM) {
            rule_of(p, chain, l, y);
            continue;
        }
        if (!g->map)
            g->map = map_of(p, chain, g);
        struct nft_element *e = ARENA_NEW(p->arena, struct nft_element);
        *e = (struct nft_element){.box = &y->box, .comment = line_comment(p, l, y->line), .drop = !y->line->permit};
        ptrlist_add(p->arena, &g->map->elements, e);
    }
}

static void all_lines(struct nft_plan *p, struct nft_chain *chain, const struct acl *l, const struct ptrlist *pieces)
{
    struct layered x = sort_pieces(p, pieces);
    if (!x.any_map) {
        PTRLIST_FOR (struct piece, y, pieces) {
            rule_of(p, chain, l, y);
        }
        return;
    }
    /* by layer, and inside one as they are written */
    uint32_t *order = arena_array(p->arena, pieces->n + 1, sizeof *order),
             *first = arena_array(p->arena, x.layers + 2, sizeof *first);
    for (uint32_t i = 0; i < pieces->n; i++)
        first[x.layer[i]]++;
    for (uint32_t k = 1, sum = 0; k <= x.layers; k++) {
        uint32_t n = first[k];
        first[k] = sum;
        sum += n;
    }
    for (uint32_t i = 0; i < pieces->n; i++)
        order[first[x.layer[i]]++] = i;
    for (uint32_t k = 0; k < pieces->n; k++)
        if (k == 0 || x.layer[order[k]] != x.layer[order[k - 1]])
            layer_rules(p, chain, l, &x, k, order);
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
    struct ptrlist pieces = {0};
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (!x->remark)
            pieces_of(p, t, a, x, &pieces);
    }
    all_lines(p, chain, a, &pieces);
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

/* ---- later fragments ---- */

/* Has it ports, ICMP types or TCP flags? Of a later fragment they are not known. */
static bool has_layer4(const struct box *b, const struct conditions *c)
{
    bool any_sport = b->sport.lo == 0 && b->sport.hi == 65535, any_dport = b->dport.lo == 0 && b->dport.hi == 65535;
    return !any_sport || !any_dport || c->any_flag || c->flags_mask;
}

/* `deny … fragments` that is carried. */
static bool denies_parts(const struct acl *a, const struct ace *line)
{
    bool is_denial = !line->remark && !line->permit && a->kind.v != ACL_IPV6;
    const struct conditions c = is_denial ? conditions_of(line) : (struct conditions){0};
    return c.fragments && !c.bad;
}

static bool any_denies_parts(const struct acl *a)
{
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (denies_parts(a, x))
            return true;
    }
    return false;
}

static void parts_of_line(struct nft_plan *p, struct nft_chain *chain, const struct acl *l, const struct ace *a)
{
    struct conditions c = conditions_of(a);
    struct boxes b = {0};
    if (c.bad || ace_boxes(p->arena, a, (enum acl_kind)l->kind.v, &b, TARGET_LINE_MAX) == LINE_UNKNOWN)
        return; /* stops the apply, or all that it might be about is judged when it is whole */
    for (uint32_t i = 0; i < b.n; i++) {
        struct piece x = {.line = a, .more = {.dscp = c.dscp, .dscp_mask = c.dscp_mask}, .box = b.v[i]};
        if (!a->permit && has_layer4(&x.box, &c))
            continue;
        x.box.sport = x.box.dport = (struct port_range){0, 65535};
        rule_of(p, chain, l, &x);
    }
}

const char *nft_acl_parts(struct nft_plan *p, struct target *t, const struct acl *a)
{
    const char *whole = any_denies_parts(a) ? nft_acl_chain(p, t, a) : NULL;
    const char *name = whole ? nft_name(p, "parts_%s", whole) : NULL; /* no list's own chain is called so */
    if (!name || nft_chain_named(p, name))
        return name;
    struct nft_chain *chain = nft_chain_new(p, name);
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (!x->remark)
            parts_of_line(p, chain, a, x);
    }
    return name;
}

const char *nft_acl_whole(struct nft_plan *p, struct target *t, const struct acl *a)
{
    const char *list = any_denies_parts(a) ? nft_acl_chain(p, t, a) : NULL;
    const char *name = list ? nft_name(p, "whole_%s", list) : NULL;
    if (!name || nft_chain_named(p, name))
        return name;
    struct nft_chain *chain = nft_chain_new(p, name);
    PTRLIST_FOR (struct ace, x, &a->aces) {
        struct boxes b = {0};
        if (!denies_parts(a, x))
            continue;
        not_carried(t, x,
                    "denies fragments where this host has put them together: it holds for what comes in by an "
                    "interface alone");
        if (ace_boxes(p->arena, x, (enum acl_kind)a->kind.v, &b, TARGET_LINE_MAX) == LINE_UNKNOWN)
            continue; /* the list itself drops all of it */
        for (uint32_t i = 0; i < b.n; i++)
            rule_of(p, chain, a, &(const struct piece){.line = x, .box = b.v[i]});
    }
    return name;
}
