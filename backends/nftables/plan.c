/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table: base chains, the crypto check in both directions, IKE and IPsec from peers, MSS. */
#include "backends/nftables/plan.h"

#include <inttypes.h>

#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdarg.h>

/* Priorities of netfilter (linux/netfilter_ipv4.h): before destination NAT, and after source NAT. */
#define BEFORE_DNAT (-150)
#define FILTER 0
#define AFTER_SNAT 150

#define IKE_PORT 500
#define NAT_T_PORT 4500

const char *nft_name(struct nft_plan *p, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const char *s = arena_strndup(p->arena, b.p ? b.p : "", b.len);
    buf_free(&b);
    return s;
}

struct nft_chain *nft_chain_new(struct nft_plan *p, const char *name)
{
    struct nft_chain *c = ARENA_NEW(p->arena, struct nft_chain);
    c->name = name;
    ptrlist_add(p->arena, &p->chains, c);
    return c;
}

struct nft_chain *nft_chain_named(const struct nft_plan *p, const char *name)
{
    PTRLIST_FOR (struct nft_chain, c, &p->chains) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

struct nft_set *nft_set_new(struct nft_plan *p, const char *name, uint8_t family, uint8_t fields)
{
    struct nft_set *s = ARENA_NEW(p->arena, struct nft_set);
    s->name = name;
    s->family = family;
    s->fields = fields;
    ptrlist_add(p->arena, &p->sets, s);
    s->id = p->sets.n;
    return s;
}

struct nft_rule *nft_rule_new(struct nft_plan *p, struct nft_chain *c)
{
    struct nft_rule *r = ARENA_NEW(p->arena, struct nft_rule);
    ptrlist_add(p->arena, &c->rules, r);
    return r;
}

struct nft_expr *nft_add(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind)
{
    if (r->n == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 8;
        struct nft_expr *v = arena_array(p->arena, cap, sizeof *v);
        if (r->n)
            memcpy(v, r->v, r->n * sizeof *v);
        r->v = v;
        r->cap = cap;
    }
    struct nft_expr *e = &r->v[r->n++];
    e->kind = (uint8_t)kind;
    return e;
}

void nft_add_name(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, const char *name)
{
    nft_add(p, r, kind)->name = name;
}

void nft_add_number(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, uint32_t n)
{
    nft_add(p, r, kind)->number = n;
}

static void add_addr(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, const struct addr_bits *a,
                     uint8_t family)
{
    if (!nft_has_addr(a))
        return;
    struct nft_expr *e = nft_add(p, r, kind);
    e->bits = *a;
    e->family = family;
}

static bool is_icmp(unsigned proto)
{
    return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static void add_ports(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, struct port_range range)
{
    if (range.lo != 0 || range.hi != 65535)
        nft_add(p, r, kind)->ports = range;
}

void nft_add_box(struct nft_plan *p, struct nft_rule *r, const struct box *b)
{
    nft_add(p, r, RULE_FAMILY)->family = b->family;
    add_addr(p, r, RULE_SADDR, &b->src, b->family);
    add_addr(p, r, RULE_DADDR, &b->dst, b->family);
    if (b->proto == PROTO_ANY)
        return;
    nft_add_number(p, r, RULE_PROTO, b->proto);
    if (!is_icmp(b->proto)) {
        add_ports(p, r, RULE_SPORT, b->sport);
        add_ports(p, r, RULE_DPORT, b->dport);
        return;
    }
    if (b->sport.lo == b->sport.hi)
        nft_add_number(p, r, RULE_ICMP_TYPE, b->sport.lo);
    if (b->dport.lo == b->dport.hi)
        nft_add_number(p, r, RULE_ICMP_CODE, b->dport.lo);
}

int nft_prefix_length(const struct addr_bits *a)
{
    int n = 0;
    while (n < 128 && (a->care[n / 8] >> (7 - n % 8) & 1))
        n++;
    for (int i = n; i < 128; i++)
        if (a->care[i / 8] >> (7 - i % 8) & 1)
            return -1;
    return n;
}

uint8_t nft_box_fields(const struct box *b)
{
    bool ports = b->sport.lo != 0 || b->sport.hi != 65535 || b->dport.lo != 0 || b->dport.hi != 65535;
    if (nft_prefix_length(&b->src) < 0 || nft_prefix_length(&b->dst) < 0 || (ports && is_icmp(b->proto)))
        return 0;
    if (b->proto == PROTO_ANY)
        return SET_SADDR | SET_DADDR;
    return ports ? SET_SADDR | SET_DADDR | SET_PROTO | SET_PORTS : SET_SADDR | SET_DADDR | SET_PROTO;
}

/* ---- a map's list as sets, layer by layer ---- */

struct sorted {
    const struct box **box;
    const struct flat_rule **rule;
    uint32_t *layer;
    uint32_t n, layers;
};

static struct sorted sort_into_layers(struct nft_plan *p, const struct flat *f, bool mirrored)
{
    struct sorted s = {0};
    s.box = arena_array(p->arena, f->n + 1, sizeof *s.box);
    s.rule = arena_array(p->arena, f->n + 1, sizeof *s.rule);
    s.layer = arena_array(p->arena, f->n + 1, sizeof *s.layer);
    for (uint32_t i = 0; i < f->n; i++) {
        if (!f->v[i].line && f->v[i].verdict == VERDICT_DROP)
            continue; /* a list without lines: closed_lists() */
        struct box *b = ARENA_NEW(p->arena, struct box);
        *b = mirrored ? box_mirror(&f->v[i].box) : f->v[i].box;
        s.box[s.n] = b;
        s.rule[s.n++] = &f->v[i];
    }
    boxes_layers(p->arena, s.box, s.n, s.layer);
    for (uint32_t i = 0; i < s.n; i++)
        s.layers = s.layer[i] > s.layers ? s.layer[i] : s.layers;
    return s;
}

/* What its counters count: `show access-lists` takes those that are the line's name alone, which is what was encrypted;
 * inbound ones count each look at a packet in the clear, the guard's too. */
static const char *line_name(struct nft_plan *p, const struct flat_rule *r, bool inbound)
{
    const struct acl *a = r->entry ? r->entry->acl.target : NULL;
    const char *what = inbound ? " in the clear" : "";
    return a && r->line ? nft_name(p, "acl " STR_FMT " %u%s", STR_ARG(a->name.s), r->line->seq, what) : NULL;
}

/* The end of a rule: in the inbound chain cleartext is dropped or let go, in the outbound one it is only counted. */
static void verdict_of(struct nft_plan *p, struct nft_rule *r, bool clear, bool inbound)
{
    if (!clear && inbound)
        nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, clear || !inbound ? RULE_RETURN : RULE_DROP);
}

struct layer_sets {
    struct nft_plan *p;
    struct nft_chain *chain;
    const char *prefix;
    bool inbound;
    struct symtab sets; /* (prefix, layer, fields, verdict) → struct nft_set */
};

static void place(struct layer_sets *x, const struct box *b, const struct flat_rule *r, uint32_t layer)
{
    bool clear = r->verdict == VERDICT_CLEAR;
    uint8_t fields = nft_box_fields(b);
    const char *comment = line_name(x->p, r, x->inbound);
    if (!fields) {
        struct nft_rule *rule = nft_rule_new(x->p, x->chain);
        nft_add_box(x->p, rule, b);
        if (!clear && !x->inbound)
            nft_add(x->p, rule, RULE_COUNTER);
        verdict_of(x->p, rule, clear, x->inbound);
        rule->comment = comment;
        return;
    }
    uint32_t key = layer << 6 | (uint32_t)fields << 1 | clear;
    struct nft_set *s = symtab_get(&x->sets, STR_EMPTY, key);
    if (!s) {
        const char *form = fields & SET_PORTS ? "_ports" : fields & SET_PROTO ? "_proto" : "";
        s = nft_set_new(x->p, nft_name(x->p, "%s%s%u%s", x->prefix, clear ? "_clear" : "_protect", layer, form),
                        b->family, fields);
        s->interval = true;
        s->counters = !clear;
        symtab_put(x->p->arena, &x->sets, STR_EMPTY, key, s);
        struct nft_rule *rule = nft_rule_new(x->p, x->chain);
        nft_add(x->p, rule, RULE_FAMILY)->family = b->family;
        nft_add(x->p, rule, RULE_ADDR_IN_SET)->set = s;
        verdict_of(x->p, rule, clear, x->inbound);
        rule->comment = clear ? "not for crypto" : x->inbound ? "cleartext that must be protected" : NULL;
    }
    struct nft_element *e = ARENA_NEW(x->p->arena, struct nft_element);
    e->box = b;
    e->comment = clear ? NULL : comment;
    ptrlist_add(x->p->arena, &s->elements, e);
}

/* Layers are disjoint inside, so they are worked off one after the other; O(rules) in all. */
static void layered_chain(struct nft_plan *p, const struct flat *f, struct nft_chain *chain, const char *prefix,
                          bool inbound)
{
    struct sorted s = sort_into_layers(p, f, inbound);
    struct layer_sets x = {.p = p, .chain = chain, .prefix = prefix, .inbound = inbound};
    struct ptrlist *by_layer = arena_array(p->arena, s.layers + 1, sizeof *by_layer);
    for (uint32_t i = 0; i < s.n; i++) {
        uint32_t *at = ARENA_NEW(p->arena, uint32_t);
        *at = i;
        ptrlist_add(p->arena, &by_layer[s.layer[i]], at);
    }
    for (uint32_t l = 1; l <= s.layers; l++)
        PTRLIST_FOR (uint32_t, at, &by_layer[l]) {
            place(&x, s.box[*at], s.rule[*at], l);
        }
}

/* ---- base chains ---- */

struct base {
    struct nft_chain *prerouting, *input, *forward, *postrouting;
};

static struct nft_chain *base_chain(struct nft_plan *p, const char *name, enum nft_hook hook, int priority)
{
    struct nft_chain *c = nft_chain_new(p, name);
    c->hook = hook;
    c->priority = priority;
    return c;
}

struct addr_bits nft_host_bits(const struct ip_addr *a)
{
    struct addr_bits b = {0};
    size_t n = a->family == FAMILY_V6 ? 16 : 4;
    memcpy(b.value, a->b, n);
    memset(b.care, 0xff, n);
    return b;
}

/* One rule for each of: ESP, AH, IKE and NAT-T, by one interface or (`link` NULL) any. `tail` adds what all share. */
typedef void tail_fn(struct nft_plan *p, struct nft_rule *r, const struct target_map *m, const void *arg);
static void ipsec_rules(struct nft_plan *p, struct nft_chain *c, const struct target_map *m, const char *link,
                        tail_fn *tail, const void *arg)
{
    static const struct {
        uint8_t proto;
        uint16_t port;
    } kinds[] = {{IPPROTO_ESP, 0}, {IPPROTO_AH, 0}, {IPPROTO_UDP, IKE_PORT}, {IPPROTO_UDP, NAT_T_PORT}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct nft_rule *r = nft_rule_new(p, c);
        if (link)
            nft_add_name(p, r, RULE_IN_IF, link);
        nft_add(p, r, RULE_FAMILY)->family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
        nft_add_number(p, r, RULE_PROTO, kinds[i].proto);
        if (kinds[i].port)
            nft_add(p, r, RULE_DPORT)->ports = (struct port_range){kinds[i].port, kinds[i].port};
        tail(p, r, m, arg);
    }
}

static void add_host(struct nft_plan *p, struct nft_rule *r, enum nft_kind kind, const struct ip_addr *a)
{
    if (a->family == FAMILY_NONE)
        return;
    struct nft_expr *e = nft_add(p, r, kind);
    e->bits = nft_host_bits(a);
    e->family = a->family;
}

/* Packets of IPsec itself, to this host, are not cleartext: whatever the crypto list says, they go on to the input
 * chain.
 */
static void pass_tail(struct nft_plan *p, struct nft_rule *r, const struct target_map *m, const void *arg)
{
    (void)arg;
    add_host(p, r, RULE_DADDR, &m->local);
    nft_add(p, r, RULE_TO_NO_HOST); /* the address may not be known yet */
    nft_add(p, r, RULE_CAME_CLEAR);
    nft_add(p, r, RULE_RETURN);
}

static void from_peers_tail(struct nft_plan *p, struct nft_rule *r, const struct target_map *m, const void *arg)
{
    (void)m;
    nft_add(p, r, RULE_ADDR_IN_SET)->set = arg;
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_ACCEPT);
    r->comment = "from peers";
}

static void from_any_tail(struct nft_plan *p, struct nft_rule *r, const struct target_map *m, const void *arg)
{
    (void)arg;
    add_host(p, r, RULE_DADDR, &m->local);
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_ACCEPT);
    r->comment = "dynamic map: from any";
}

static void strangers_tail(struct nft_plan *p, struct nft_rule *r, const struct target_map *m, const void *arg)
{
    (void)m, (void)arg;
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_DROP);
    r->comment = "from strangers";
}

static void add_peer(struct nft_plan *p, struct nft_set *s, struct symtab *seen, const struct target_map *m,
                     const struct ip_addr *peer)
{
    uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    if (peer->family != family || symtab_get(seen, (struct str){(const char *)peer->b, 16}, 0))
        return;
    struct box *b = ARENA_NEW(p->arena, struct box);
    *b = (struct box){
        .family = family, .src = nft_host_bits(peer), .proto = PROTO_ANY, .sport = {0, 65535}, .dport = {0, 65535}};
    if (m->local.family)
        b->dst = nft_host_bits(&m->local);
    struct nft_element *e = ARENA_NEW(p->arena, struct nft_element);
    e->box = b;
    ptrlist_add(p->arena, &s->elements, e);
    symtab_put(p->arena, seen, (struct str){(const char *)peer->b, 16}, 0, e);
}

static struct nft_set *peers_set(struct nft_plan *p, const struct target_map *m, uint32_t number)
{
    struct nft_set *s = nft_set_new(p, nft_name(p, "peers%u", number), m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4,
                                    m->local.family ? SET_SADDR | SET_DADDR : SET_SADDR);
    struct symtab seen = {0};
    PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
        const struct crypto_map *dyn = e->dynamic.target;
        PTRLIST_FOR (struct map_peer, x, &e->peers) {
            add_peer(p, s, &seen, m, &x->host.addr);
        }
        for (uint32_t i = 0; dyn && i < dyn->entries.n; i++)
            PTRLIST_FOR (struct map_peer, x, &((struct crypto_map_entry *)dyn->entries.v[i])->peers) {
                add_peer(p, s, &seen, m, &x->host.addr);
            }
    }
    return s;
}

/* ---- what is bound to an interface ---- */

static void jump(struct nft_plan *p, struct nft_chain *c, enum nft_kind where, const char *link, enum nft_kind how,
                 const char *to)
{
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add_name(p, r, where, link);
    nft_add(p, r, how);
    nft_add_name(p, r, RULE_JUMP, to);
}

/* The router's own packets are not filtered on their way out. What it forwards has come by an interface, but multicast,
 * and that is others' (a translated source may be its own). */
static void filter_out(struct nft_plan *p, const struct base *b, const char *link, enum nft_kind forwarded,
                       const char *chain)
{
    struct nft_rule *r = nft_rule_new(p, b->postrouting);
    nft_add_name(p, r, RULE_OUT_IF, link);
    if (forwarded == RULE_FROM_OTHERS)
        nft_add(p, r, RULE_OWN); /* else it was judged by the first rule */
    nft_add(p, r, forwarded);
    nft_add(p, r, RULE_GOES_CLEAR);
    nft_add_name(p, r, RULE_JUMP, chain);
}

#define BEFORE_DEFRAG (-450)

/* Connection tracking puts packets together before any other chain: whoever denies fragments wants none of that. */
static void filter_parts(struct nft_plan *p, const char *link, const char *parts)
{
    struct nft_chain *early = nft_chain_named(p, "early");
    if (!early)
        early = base_chain(p, "early", HOOK_PREROUTING, BEFORE_DEFRAG);
    struct nft_rule *r = nft_rule_new(p, early);
    nft_add_name(p, r, RULE_IN_IF, link);
    nft_add(p, r, RULE_CAME_CLEAR);
    nft_add(p, r, RULE_FAMILY)->family = FAMILY_V4;
    nft_add(p, r, RULE_FRAGMENT)->family = FAMILY_V4;
    nft_add_name(p, r, RULE_JUMP, parts);
}

static void access_groups(struct nft_plan *p, struct target *t, const struct base *b, const struct ptrlist *groups,
                          const char *link)
{
    PTRLIST_FOR (struct acl_binding, g, groups) {
        const char *chain = g->acl.target ? nft_acl_chain(p, t, g->acl.target) : NULL;
        if (!chain)
            continue; /* a list that does not exist or is empty lets everything pass */
        if (str_is(g->direction.s, "in")) {
            const char *parts = nft_acl_parts(p, t, g->acl.target);
            jump(p, b->prerouting, RULE_IN_IF, link, RULE_CAME_CLEAR, chain);
            if (parts)
                filter_parts(p, link, parts);
            continue;
        }
        const char *whole = nft_acl_whole(p, t, g->acl.target);
        if (whole) {
            filter_out(p, b, link, RULE_FORWARDED, whole);
            filter_out(p, b, link, RULE_FROM_OTHERS, whole);
        }
        filter_out(p, b, link, RULE_FORWARDED, chain);
        filter_out(p, b, link, RULE_FROM_OTHERS, chain);
    }
}

static void entry_filter(struct nft_plan *p, const struct base *b, const struct target_line *l, bool out,
                         const char *chain)
{
    struct nft_rule *r = nft_rule_new(p, out ? b->postrouting : b->prerouting);
    if (!out)
        nft_add(p, r, RULE_CAME_SECURED);
    nft_add_number(p, r, out ? RULE_REQID_OUT : RULE_REQID_IN, l->reqid);
    nft_add_name(p, r, RULE_JUMP, chain);
}

/* `set ip access-group`: on what an entry's SAs carry. */
static void entry_filters(struct nft_plan *p, struct target *t, const struct base *b, const struct target_map *m)
{
    PTRLIST_FOR (struct target_line, l, &m->lines) {
        const struct ir_ref *const refs[] = {&l->entry->access_in, &l->entry->access_out};
        for (int out = 0; out < 2; out++) {
            const char *chain = refs[out]->target ? nft_acl_chain(p, t, refs[out]->target) : NULL;
            if (!chain)
                continue;
            const char *whole = nft_acl_whole(p, t, refs[out]->target);
            if (whole)
                entry_filter(p, b, l, out, whole);
            entry_filter(p, b, l, out, chain);
        }
    }
}

static void mss(struct nft_plan *p, const struct base *b, const struct interface *i, const char *link)
{
    static const enum nft_kind ways[] = {RULE_IN_IF, RULE_OUT_IF};
    for (int k = 0; i->mss.v && k < 2; k++) {
        struct nft_rule *r = nft_rule_new(p, b->forward);
        nft_add_name(p, r, ways[k], link);
        nft_add_number(p, r, RULE_PROTO, IPPROTO_TCP);
        struct nft_expr *e = nft_add(p, r, RULE_TCP_FLAGS);
        e->number = 0x02;  /* SYN */
        e->number2 = 0x06; /* of SYN and RST */
        nft_add_number(p, r, RULE_SET_MSS, (uint32_t)i->mss.v);
        nft_add(p, r, RULE_COUNTER);
        r->comment = "ip tcp adjust-mss";
    }
}

/* Of every interface, whether it has a crypto map or not. */
static void interface_filters(struct nft_plan *p, struct target *t, const struct base *b)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const char *link = if_map_find(t->ifs, i);
        if (!link)
            continue;
        access_groups(p, t, b, &i->access_groups, link);
        access_groups(p, t, b, &i->traffic_filters, link);
        mss(p, b, i, link);
    }
}

/* The inbound check of later fragments; NULL: `clear` judges them as well. */
static struct nft_chain *fragments_chain(struct nft_plan *p, const struct target_map *m, uint32_t number)
{
    struct flat list;
    if (!nft_fragments(p->arena, &m->flat, &list))
        return NULL;
    struct nft_chain *c = nft_chain_new(p, nft_name(p, "parts%u", number));
    layered_chain(p, &list, c, nft_name(p, "part%u", number), true);
    return c;
}

static void check_fragments(struct nft_plan *p, struct nft_chain *c, const char *link, const struct target_map *m,
                            const struct nft_chain *parts)
{
    uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add_name(p, r, RULE_IN_IF, link);
    nft_add(p, r, RULE_CAME_CLEAR);
    nft_add(p, r, RULE_FAMILY)->family = family;
    nft_add(p, r, RULE_FRAGMENT)->family = family;
    nft_add_name(p, r, RULE_JUMP, parts->name);
}

/* IKE and IPsec are let go before the inbound check, for they end at this host. What a translation leads on to another
 * does not: flows that are translated are judged first, and those that are about to be once it is known. */
static void judge_translated(struct nft_plan *p, const struct base *b, const struct target_map *m, const char *link,
                             const char *arrived, const char *came)
{
    uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
    struct nft_rule *r = nft_rule_new(p, b->prerouting);
    nft_add_name(p, r, RULE_IN_IF, link);
    nft_add(p, r, RULE_CAME_CLEAR);
    nft_add(p, r, RULE_FAMILY)->family = family;
    nft_add(p, r, RULE_TRANSLATED);
    nft_add_name(p, r, RULE_JUMP, arrived);
    r = nft_rule_new(p, b->forward);
    nft_add_name(p, r, RULE_IN_IF, link);
    nft_add(p, r, RULE_CAME_CLEAR);
    nft_add(p, r, RULE_FAMILY)->family = family;
    nft_add(p, r, RULE_DEST_TRANSLATED);
    nft_add_number(p, r, RULE_FLOW_DIR, 0);
    nft_add_name(p, r, RULE_JUMP, came);
}

/* The destination of such a packet is none: the kernel puts another one in its place, behind all walls, where a sysctl
 * lets it (accept_source_route, seg6_enabled). `link` NULL: by any. */
static void drop_source_routed(struct nft_plan *p, struct nft_chain *c, const char *link, uint8_t family)
{
    static const uint8_t options[] = {IPOPT_LSRR, IPOPT_SSRR};
    size_t n = family == FAMILY_V6 ? 1 : sizeof options;
    for (size_t i = 0; i < n; i++) {
        struct nft_rule *r = nft_rule_new(p, c);
        if (link)
            nft_add_name(p, r, RULE_IN_IF, link);
        nft_add(p, r, RULE_CAME_CLEAR);
        nft_add(p, r, RULE_FAMILY)->family = family;
        nft_add_number(p, r, RULE_SOURCE_ROUTED, family == FAMILY_V6 ? 0 : options[i]);
        nft_add(p, r, RULE_COUNTER);
        nft_add(p, r, RULE_DROP);
        r->comment = "source routed";
    }
}

static void one_map(struct nft_plan *p, struct target *t, const struct base *b, const struct nft_guard *g,
                    const struct target_map *m, uint32_t number)
{
    struct nft_chain *in = nft_chain_new(p, nft_name(p, "clear%u", number));
    struct nft_chain *out = nft_chain_new(p, nft_name(p, "count%u", number));
    layered_chain(p, &m->flat, in, nft_name(p, "in%u", number), true);
    layered_chain(p, &m->flat, out, nft_name(p, "out%u", number), false);
    const struct nft_chain *parts = fragments_chain(p, m, number);
    struct nft_set *peers = peers_set(p, m, number);
    const struct nft_chain *came = nft_came_chain(p, m, in, number);
    for (uint32_t k = 0; k < m->links.n; k++) {
        const char *link = m->links.v[k];
        drop_source_routed(p, b->prerouting, link, m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4);
        if (m->map->ipv6.v)
            nft_drop_veiled(p, b->prerouting, RULE_IN_IF, link);
        judge_translated(p, b, m, link, in->name, came->name);
        ipsec_rules(p, b->prerouting, m, link, pass_tail, NULL);
        if (m->map->ipv6.v)
            nft_pass_discovery(p, b->prerouting, link);
        jump(p, b->prerouting, RULE_IN_IF, link, RULE_CAME_CLEAR, in->name);
        if (parts)
            check_fragments(p, b->prerouting, link, m, parts);
        ipsec_rules(p, b->input, m, link, from_peers_tail, peers);
        if (m->has_dynamic)
            ipsec_rules(p, b->input, m, link, from_any_tail, NULL);
        ipsec_rules(p, b->input, m, link, strangers_tail, NULL);
        jump(p, b->postrouting, RULE_OUT_IF, link, RULE_GOES_SECURED, out->name);
    }
    entry_filters(p, t, b, m);
    nft_guard_map(p, g, m, in, parts, peers, number);
    nft_closed_lists(p, in, m); /* behind what the guard takes of the chain: it has this already */
}

/* The crypto check of what comes by a link that no interface of the configuration has the name of. IPsec itself and
 * neighbour discovery are let go first, whichever map they are of. */
static void check_elsewhere(struct nft_plan *p, const struct target *t, const struct base *b)
{
    struct nft_chain *elsewhere = nft_chain_new(p, "elsewhere_in");
    drop_source_routed(p, elsewhere, NULL, FAMILY_V4);
    drop_source_routed(p, elsewhere, NULL, FAMILY_V6);
    nft_drop_veiled(p, elsewhere, RULE_IN_IF, NULL);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        ipsec_rules(p, elsewhere, m, NULL, pass_tail, NULL);
        if (m->map->ipv6.v)
            nft_pass_discovery(p, elsewhere, NULL);
    }
    for (uint32_t number = 0; number < t->maps.n; number++) {
        struct nft_rule *r = nft_rule_new(p, elsewhere);
        nft_add(p, r, RULE_CAME_CLEAR);
        nft_add_name(p, r, RULE_JUMP, nft_name(p, "clear%u", number));
    }
    nft_elsewhere(p, t, b->prerouting, elsewhere);
}

void nft_plan_build(struct nft_plan *p, struct target *t)
{
    *p = (struct nft_plan){.arena = t->arena, .ifs = t->ifs};
    if (t->maps.n == 0)
        return;
    struct base b = {
        .prerouting = base_chain(p, "prerouting", HOOK_PREROUTING, BEFORE_DNAT),
        .input = base_chain(p, "input", HOOK_INPUT, FILTER),
        .forward = base_chain(p, "forward", HOOK_FORWARD, FILTER),
        .postrouting = base_chain(p, "postrouting", HOOK_POSTROUTING, AFTER_SNAT),
    };
    const struct nft_guard g = nft_guard_begin(p);
    uint32_t number = 0;
    interface_filters(p, t, &b);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        one_map(p, t, &b, &g, m, number++);
    }
    if (if_map_newest(t->ifs)) {
        check_elsewhere(p, t, &b);
        nft_guard_elsewhere(p, &g, t);
    }
    nft_nat(p, t);
    nft_walls(p, t, b.forward);
}

void nft_plan_own(struct nft_plan *p, uint64_t id)
{
    if (!id || p->chains.n == 0)
        return;
    struct nft_rule *r = nft_rule_new(p, nft_chain_new(p, NFT_OWNER_CHAIN));
    nft_add(p, r, RULE_RETURN);
    r->comment = nft_name(p, NFT_OWNER_WORDS "%016" PRIx64, id);
}
