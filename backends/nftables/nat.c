/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `ip nat inside source …`: between interfaces marked inside and outside, for what the list or route map permits, its
 * denies (the exemption of VPN traffic) in order. Carried when the outside interface has a crypto map. Many boxes that
 * do the same become the elements of one set, so that a packet is looked up once for all of them.
 */
#include <netinet/in.h>

#include "backends/nftables/plan.h"

struct natter {
    struct nft_plan *p;
    struct target *t;
    struct nft_chain *post, *pre;
    struct ptrlist inside, outside; /* char *: host names */
    struct ptrlist ways;            /* struct nft_nat_way */
    uint32_t rules;
    bool is_refused; /* a rule is not carried: what it might be about does not leave untranslated */
};

static void refuse(struct natter *x, const struct nat_rule *r, const char *why)
{
    x->is_refused = true;
    diag_add(x->t->diags, D_LX_NAT, r->span, "this NAT rule is not carried: %s", why);
}

/* ---- what happens to a packet that is to be translated ---- */

struct action {
    enum nft_kind kind;
    struct ip_addr first, last;
    uint16_t port;
    const struct interface *to; /* whose address it becomes */
};

static void add_action(struct natter *x, struct nft_rule *r, const struct action *a)
{
    nft_add(x->p, r, RULE_COUNTER);
    if (a->kind != RULE_ACCEPT)
        nft_add(x->p, r, RULE_MARK_NAT); /* the guard then looks at what it has become */
    struct nft_expr *e = nft_add(x->p, r, a->kind);
    e->family = FAMILY_V4;
    e->address = a->first;
    e->address2 = a->last;
    e->number = a->port;
}

/* ---- a list as a chain: permit acts, deny goes back to the caller ---- */

struct nat_list {
    struct natter *x;
    struct nft_chain *chain;
    const struct acl *acl;
    const struct action *act;
    uint32_t n;
    const struct ace **line; /* of box i */
    const struct box **box;
    uint32_t *layer;
    struct symtab groups; /* ("", layer, fields and verdict) → struct nat_group */
};

/* Boxes of one layer that do the same and can be elements of one set. */
struct nat_group {
    uint32_t n;
    struct nft_set *set; /* NULL: not made yet */
};

/* So many are worth a set; with fewer the list stays readable in its own order. */
#define SET_FROM 8

/* False: a line is not addresses, protocol and ports. */
static bool collect_boxes(struct nat_list *l, const struct nat_rule *r)
{
    struct arena *arena = l->x->p->arena;
    struct boxes *of = arena_array(arena, l->acl->aces.n + 1, sizeof *of);
    uint32_t at = 0, k = 0;
    PTRLIST_FOR (struct ace, a, &l->acl->aces) {
        struct boxes *b = &of[at++];
        if (a->remark)
            continue;
        if (ace_boxes(arena, a, (enum acl_kind)l->acl->kind.v, b, TARGET_LINE_MAX) != LINE_EXACT) {
            struct diag *d = diag_add(l->x->t->diags, D_LX_NAT, a->span,
                                      "this line of a NAT list cannot be expressed as addresses, protocol and ports");
            diag_note(l->x->t->diags, d, r->span, "its list is used here");
            l->x->is_refused = true;
            return false;
        }
        l->n += b->n;
    }
    l->line = arena_array(arena, l->n + 1, sizeof *l->line);
    l->box = arena_array(arena, l->n + 1, sizeof *l->box);
    l->layer = arena_array(arena, l->n + 1, sizeof *l->layer);
    for (uint32_t i = 0; i < at; i++)
        for (uint32_t m = 0; m < of[i].n; m++) {
            l->line[k] = l->acl->aces.v[i];
            l->box[k++] = &of[i].v[m];
        }
    return true;
}

static void add_end(const struct nat_list *l, struct nft_rule *rule, bool permit)
{
    if (permit) {
        add_action(l->x, rule, l->act);
        return;
    }
    nft_add(l->x->p, rule, RULE_COUNTER);
    nft_add(l->x->p, rule, RULE_RETURN);
}

static const char *line_comment(const struct nat_list *l, const struct ace *a)
{
    return nft_name(l->x->p, "acl " STR_FMT " %u", STR_ARG(l->acl->name.s), a->seq);
}

static void add_rule(const struct nat_list *l, uint32_t i)
{
    struct nft_rule *rule = nft_rule_new(l->x->p, l->chain);
    nft_add_box(l->x->p, rule, l->box[i]);
    add_end(l, rule, l->line[i]->permit);
    rule->comment = line_comment(l, l->line[i]);
}

/* NULL: it cannot be an element. */
static struct nat_group *group_of(struct nat_list *l, uint32_t i)
{
    const uint8_t fields = nft_box_fields(l->box[i]);
    const uint32_t key = l->layer[i] << 6 | (uint32_t)fields << 1 | l->line[i]->permit;
    if (!fields)
        return NULL;
    struct nat_group *g = symtab_get(&l->groups, STR_EMPTY, key);
    if (!g) {
        g = ARENA_NEW(l->x->p->arena, struct nat_group);
        symtab_put(l->x->p->arena, &l->groups, STR_EMPTY, key, g);
    }
    return g;
}

static struct nft_set *set_of(const struct nat_list *l, uint32_t i)
{
    const uint8_t fields = nft_box_fields(l->box[i]);
    const char *proto = fields & SET_PROTO ? "_proto" : "", *form = fields & SET_PORTS ? "_ports" : proto;
    const char *name =
        nft_name(l->x->p, "%s_%s%u%s", l->chain->name, l->line[i]->permit ? "permit" : "deny", l->layer[i], form);
    struct nft_set *s = nft_set_new(l->x->p, name, l->box[i]->family, fields);
    s->interval = s->counters = true;
    struct nft_rule *rule = nft_rule_new(l->x->p, l->chain);
    nft_add(l->x->p, rule, RULE_FAMILY)->family = s->family;
    nft_add(l->x->p, rule, RULE_ADDR_IN_SET)->set = s;
    add_end(l, rule, l->line[i]->permit);
    return s;
}

static void add_piece(struct nat_list *l, uint32_t i)
{
    struct nat_group *g = group_of(l, i);
    if (!g || g->n < SET_FROM) {
        add_rule(l, i);
        return;
    }
    if (!g->set)
        g->set = set_of(l, i);
    struct nft_element *e = ARENA_NEW(l->x->p->arena, struct nft_element);
    *e = (struct nft_element){.box = l->box[i], .comment = line_comment(l, l->line[i])};
    ptrlist_add(l->x->p->arena, &g->set->elements, e);
}

/* Where many boxes do the same, layer by layer: those of one layer have no packet in common, so that their order does
 * not matter. Else as they are written. */
static void add_pieces(struct nat_list *l)
{
    uint32_t layers = 0;
    bool any_set = false;
    boxes_layers(l->x->p->arena, l->box, l->n, l->layer);
    for (uint32_t i = 0; i < l->n; i++) {
        struct nat_group *g = group_of(l, i);
        any_set |= g && ++g->n == SET_FROM;
        layers = l->layer[i] > layers ? l->layer[i] : layers;
    }
    uint32_t *first = arena_array(l->x->p->arena, layers + 2, sizeof *first),
             *order = arena_array(l->x->p->arena, l->n + 1, sizeof *order);
    for (uint32_t i = 0; any_set && i < l->n; i++)
        first[l->layer[i] + 1]++;
    for (uint32_t k = 0; any_set && k <= layers; k++)
        first[k + 1] += first[k];
    for (uint32_t i = 0; i < l->n; i++)
        order[any_set ? first[l->layer[i]]++ : i] = i;
    for (uint32_t i = 0; i < l->n; i++)
        add_piece(l, order[i]);
}

static bool list_rules(struct natter *x, const struct nat_rule *r, struct nft_chain *c, const struct acl *acl,
                       const struct action *act)
{
    struct nat_list l = {.x = x, .chain = c, .acl = acl, .act = act};
    if (!collect_boxes(&l, r))
        return false;
    add_pieces(&l);
    return true;
}

static struct nft_chain *list_chain(struct natter *x, const struct nat_rule *r, const struct acl *l,
                                    const struct action *act)
{
    struct nft_chain *c = nft_chain_new(x->p, nft_name(x->p, "nat%u", x->rules++));
    return list_rules(x, r, c, l, act) ? c : NULL;
}

struct words {
    struct str v[12];
    uint32_t n;
};

static struct words split(struct str s)
{
    struct words w = {.n = 0};
    for (uint32_t i = 0; i < s.len && w.n < 12;) {
        while (i < s.len && s.p[i] == ' ')
            i++;
        uint32_t from = i;
        while (i < s.len && s.p[i] != ' ')
            i++;
        if (i > from)
            w.v[w.n++] = (struct str){s.p + from, i - from};
    }
    return w;
}

/* What an entry of a route map asks beside its lists. */
struct conditions {
    struct ptrlist links; /* char *: `match interface`, by which the packet leaves; those of this host */
    bool asks_interface;
    bool asks_more; /* what is not carried */
};

/* "match interface GigabitEthernet0/0 …": in NAT that is the way out. */
static bool take_interfaces(struct natter *x, struct str text, struct conditions *out)
{
    const struct words w = split(text);
    if (w.n < 3 || !str_is(w.v[0], "match") || !str_is(w.v[1], "interface"))
        return false;
    out->asks_interface = true;
    out->asks_more |= w.n == sizeof w.v / sizeof *w.v; /* there may be more */
    for (uint32_t i = 2; i < w.n; i++) {
        const struct interface *f = if_map_interface(x->t->c, w.v[i]);
        const char *link = f ? if_map_find(x->t->ifs, f) : NULL;
        out->asks_more |= !f; /* nobody knows which one it is */
        if (link)             /* by another nothing leaves here */
            ptrlist_add(x->p->arena, &out->links, (char *)(uintptr_t)link);
    }
    return true;
}

static struct conditions conditions_of(struct natter *x, const struct route_map *e)
{
    struct conditions out = {.asks_interface = false};
    PTRLIST_FOR (struct ir_text, t, &e->other) {
        out.asks_more |= !take_interfaces(x, t->text.s, &out);
    }
    return out;
}

/* A rule of the entry, for each way out that it names; `list` NULL: of all packets. */
static void add_entry(struct natter *x, struct nft_chain *c, const struct conditions *ask, const char *list,
                      const struct action *act)
{
    uint32_t n = ask->asks_interface ? ask->links.n : 1;
    for (uint32_t i = 0; i < n; i++) {
        struct nft_rule *rule = nft_rule_new(x->p, c);
        if (ask->asks_interface)
            nft_add_name(x->p, rule, RULE_OUT_IF, ask->links.v[i]);
        if (list)
            nft_add_name(x->p, rule, RULE_JUMP, list);
        else
            add_action(x, rule, act);
    }
}

/* False: it is refused. */
static bool route_map_entry(struct natter *x, const struct nat_rule *r, const struct route_map *e, struct nft_chain *c,
                            const struct action *act)
{
    const struct conditions ask = conditions_of(x, e);
    if (ask.asks_more) {
        refuse(x, r, "its route map matches or sets more than access lists and interfaces");
        return false;
    }
    PTRLIST_FOR (struct ir_ref, ref, &e->acls) {
        if (!ref->target || !acl_has_lines(ref->target)) {
            refuse(x, r,
                   ref->target ? "its route map names an access list that has no lines"
                               : "its route map names an access list that does not exist");
            return false;
        }
        struct nft_chain *l = list_chain(x, r, ref->target, act);
        if (!l)
            return false;
        add_entry(x, c, &ask, l->name, act);
    }
    if (e->acls.n == 0)
        add_entry(x, c, &ask, NULL, act);
    return true;
}

/* Entries in order: a permit entry acts on what its lists permit, a deny entry ends the search for it. The route map's
 * chain goes on to the next entry by returning from a list's chain. */
static struct nft_chain *route_map_chain(struct natter *x, const struct nat_rule *r, const struct action *act)
{
    struct nft_chain *c = nft_chain_new(x->p, nft_name(x->p, "nat%u", x->rules++));
    static const struct action leave = {.kind = RULE_ACCEPT};
    bool is_defined = false;
    PTRLIST_FOR (struct route_map, e, &x->t->c->route_maps) {
        if (!str_eq(e->name.s, r->route_map.name))
            continue;
        is_defined = true;
        if (!route_map_entry(x, r, e, c, e->permit.v ? act : &leave))
            return NULL;
    }
    if (!is_defined) {
        refuse(x, r, "its route map does not exist");
        return NULL;
    }
    return c;
}

/* ---- dynamic rules ---- */

static bool is_outside(const struct natter *x, const char *link)
{
    PTRLIST_FOR (char, l, &x->outside) {
        if (strcmp(l, link) == 0)
            return true;
    }
    return false;
}

static const struct if_address *first_address(const struct interface *i)
{
    return i->addresses.n ? i->addresses.v[0] : NULL;
}

/* To which address, and by which outside interface: "" = any of them, NULL = a finding was made. */
static const char *dynamic_action(struct natter *x, const struct nat_rule *r, struct action *a)
{
    if (IR_IS_SET(r->interface)) {
        const struct interface *i = r->interface.target;
        const char *link = i ? if_map_find(x->t->ifs, i) : NULL;
        if (i && link && is_outside(x, link)) {
            *a = (struct action){.kind = RULE_MASQUERADE, .to = i};
            return link;
        }
        if (i && first_address(i)) {
            *a = (struct action){.kind = RULE_SNAT, .first = first_address(i)->address.a};
            return "";
        }
        refuse(x, r, "the address of its interface is not known");
        return NULL;
    }
    const struct nat_pool *pool = ir_find(x->t->c, TAB_NAT_POOL, r->pool.s);
    if (!pool) {
        refuse(x, r, "its pool does not exist");
        return NULL;
    }
    if (!r->overload.v) {
        refuse(x, r, "a pool without overload gives each host an address of its own");
        return NULL;
    }
    *a = (struct action){.kind = RULE_SNAT, .first = pool->first.a, .last = pool->last.a};
    return "";
}

/* The addresses that sources become. */
static void add_range(struct nft_nat_way *w, const struct ip_addr *first, const struct ip_addr *last)
{
    if (w->n < sizeof w->to / sizeof *w->to)
        w->to[w->n++] = (struct nft_nat_range){*first, *last};
    else /* more than are kept: all */
        w->to[0] = (struct nft_nat_range){{.family = FAMILY_V4}, {FAMILY_V4, {255, 255, 255, 255}}};
}

static void note_way(struct natter *x, const char *in, const char *out, const char *chain, const struct action *a)
{
    struct nft_nat_way *w = ARENA_NEW(x->p->arena, struct nft_nat_way);
    const struct host_link *l = if_map_link(x->t->ifs, out);
    *w = (struct nft_nat_way){.in = in, .out = out, .chain = chain};
    if (a->kind == RULE_SNAT)
        add_range(w, &a->first, a->last.family == FAMILY_NONE ? &a->first : &a->last);
    if (a->to)
        PTRLIST_FOR (struct if_address, own, &a->to->addresses) {
            add_range(w, &own->address.a, &own->address.a);
        }
    w->n_own = w->n;
    if (a->to && l)
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (h->addr.family == FAMILY_V4)
                add_range(w, &h->addr, &h->addr);
        }
    ptrlist_add(x->p->arena, &x->ways, w);
}

static void between(struct natter *x, const char *out, const char *chain, const struct action *a)
{
    PTRLIST_FOR (char, in, &x->inside) {
        PTRLIST_FOR (char, o, &x->outside) {
            if (*out && strcmp(out, o) != 0)
                continue;
            struct nft_rule *rule = nft_rule_new(x->p, x->post);
            nft_add_name(x->p, rule, RULE_IN_IF, in);
            nft_add_name(x->p, rule, RULE_OUT_IF, o);
            nft_add_name(x->p, rule, RULE_JUMP, chain);
            note_way(x, in, o, chain, a);
        }
    }
}

static void dynamic_rule(struct natter *x, const struct nat_rule *r)
{
    struct action act = {0};
    const char *out = dynamic_action(x, r, &act);
    if (!out)
        return;
    struct nft_chain *c = NULL;
    if (IR_IS_SET(r->route_map))
        c = route_map_chain(x, r, &act);
    else if (r->acl.target && !acl_has_lines(r->acl.target))
        refuse(x, r, "its access list has no lines");
    else if (r->acl.target)
        c = list_chain(x, r, r->acl.target, &act);
    else
        refuse(x, r, "its access list does not exist");
    if (c)
        between(x, out, c->name, &act);
}

/* ---- static rules ---- */

struct static_nat {
    uint16_t proto, local_port, global_port; /* proto 0: all */
    struct ip_addr local, global;
    struct str route_map;
};

static bool port_of(const struct words *w, uint32_t *i, uint16_t *out)
{
    uint32_t v = 0;
    if (*i >= w->n)
        return false;
    struct str s = w->v[(*i)++];
    for (uint32_t k = 0; k < s.len; k++) {
        if (s.p[k] < '0' || s.p[k] > '9' || v > 65535)
            return false;
        v = v * 10 + (uint32_t)(s.p[k] - '0');
    }
    *out = (uint16_t)v;
    return v > 0 && v < 65536;
}

/* [tcp|udp] LOCAL [PORT] GLOBAL|interface IF [PORT] [extendable|no-alias|route-map NAME]… */
static const char *parse_static(struct natter *x, struct str text, struct static_nat *s)
{
    struct words w = split(text);
    uint32_t i = 0;
    if (w.n && (str_is(w.v[0], "tcp") || str_is(w.v[0], "udp")))
        s->proto = str_is(w.v[i++], "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
    if (i >= w.n || !addr_parse4(w.v[i++], &s->local))
        return "only translations of one host are carried";
    if (s->proto && !port_of(&w, &i, &s->local_port))
        return "its port is not a number";
    if (i + 1 < w.n && str_is(w.v[i], "interface")) {
        const struct interface *f = ir_find(x->t->c, TAB_INTERFACE, w.v[i + 1]);
        if (!f || !first_address(f))
            return "the address of its interface is not known";
        s->global = first_address(f)->address.a;
        i += 2;
    } else if (i >= w.n || !addr_parse4(w.v[i++], &s->global)) {
        return "its global address is not an address";
    }
    if (s->proto && !port_of(&w, &i, &s->global_port))
        return "its port is not a number";
    for (; i < w.n; i++) {
        if (str_is(w.v[i], "extendable") || str_is(w.v[i], "no-alias"))
            continue;
        if (!str_is(w.v[i], "route-map") || ++i >= w.n)
            return "it has an option that is not carried";
        s->route_map = w.v[i];
    }
    return NULL;
}

static void static_inbound(struct natter *x, const struct static_nat *s)
{
    PTRLIST_FOR (char, o, &x->outside) {
        struct box b = {.family = FAMILY_V4,
                        .dst = nft_host_bits(&s->global),
                        .proto = s->proto ? s->proto : PROTO_ANY,
                        .sport = {0, 65535},
                        .dport = {0, 65535}};
        if (s->proto)
            b.dport = (struct port_range){s->global_port, s->global_port};
        struct nft_rule *r = nft_rule_new(x->p, x->pre);
        nft_add_name(x->p, r, RULE_IN_IF, o);
        nft_add_box(x->p, r, &b);
        const struct action act = {.kind = RULE_DNAT, .first = s->local, .port = s->local_port};
        add_action(x, r, &act);
        r->comment = "ip nat inside source static";
    }
}

static void static_rule(struct natter *x, const struct nat_rule *r)
{
    struct static_nat s = {0};
    const char *bad = parse_static(x, r->text.s, &s);
    if (bad) {
        refuse(x, r, bad);
        return;
    }
    static_inbound(x, &s);
    const struct action act = {.kind = RULE_SNAT, .first = s.global, .port = s.global_port};
    struct nft_chain *c = nft_chain_new(x->p, nft_name(x->p, "nat%u", x->rules++));
    struct box b = {.family = FAMILY_V4,
                    .src = nft_host_bits(&s.local),
                    .proto = s.proto ? s.proto : PROTO_ANY,
                    .sport = {0, 65535},
                    .dport = {0, 65535}};
    if (s.proto)
        b.sport = (struct port_range){s.local_port, s.local_port};
    struct nft_rule *rule = nft_rule_new(x->p, c);
    nft_add_box(x->p, rule, &b);
    rule->comment = "ip nat inside source static";
    if (s.route_map.len) {
        struct nat_rule by_map = *r;
        by_map.route_map = (struct ir_ref){s.route_map, r->kind.m, NULL};
        struct nft_chain *m = route_map_chain(x, &by_map, &act);
        if (!m)
            return;
        nft_add_name(x->p, rule, RULE_JUMP, m->name);
    } else {
        add_action(x, rule, &act);
    }
    between(x, "", c->name, &act);
}

/* ---- interfaces ---- */

static bool has_crypto(const struct interface *i)
{
    return i->crypto_map.target || i->crypto_map6.target;
}

static bool wanted(const struct ir_config *c)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        if (str_is(i->nat.s, "outside") && has_crypto(i))
            return c->nat_rules.n > 0;
    }
    return false;
}

static void collect(struct natter *x)
{
    PTRLIST_FOR (struct interface, i, &x->t->c->interfaces) {
        if (!IR_IS_SET(i->nat) || i->shutdown.v)
            continue;
        bool outside = str_is(i->nat.s, "outside");
        if (outside && !has_crypto(i) && !if_map_find(x->t->ifs, i))
            continue; /* another way out, which is not ours to look after */
        const char *link = target_link(x->t, i, i->nat.m.span, "takes part in NAT");
        if (link)
            ptrlist_add(x->p->arena, outside ? &x->outside : &x->inside, (char *)link);
    }
}

static struct nft_chain *nat_chain(struct natter *x, const char *name, enum nft_hook hook, int priority)
{
    struct nft_chain *c = nft_chain_new(x->p, name);
    c->nat = true;
    c->hook = hook;
    c->priority = priority;
    return c;
}

/* Behind all translations: what comes from inside and leaves by an outside interface as it came, in the clear. Which
 * of it the refused rule is about nobody knows. */
static void block_untranslated(struct natter *x)
{
    struct nft_plan *p = x->p;
    struct nft_chain *post = nft_chain_named(p, "postrouting"), *c = nft_chain_new(p, "nat_refused");
    struct nft_rule *r = nft_rule_new(p, c);
    nft_add(p, r, RULE_TRANSLATED);
    nft_add(p, r, RULE_RETURN);
    r = nft_rule_new(p, c);
    nft_add(p, r, RULE_COUNTER);
    nft_add(p, r, RULE_DROP);
    r->comment = "a rule of ip nat is not carried";
    PTRLIST_FOR (char, in, &x->inside) {
        PTRLIST_FOR (char, out, &x->outside) {
            r = nft_rule_new(p, post);
            nft_add_name(p, r, RULE_IN_IF, in);
            nft_add_name(p, r, RULE_OUT_IF, out);
            nft_add(p, r, RULE_FAMILY)->family = FAMILY_V4;
            nft_add(p, r, RULE_GOES_CLEAR);
            nft_add_name(p, r, RULE_JUMP, c->name);
        }
    }
}

void nft_nat(struct nft_plan *p, struct target *t)
{
    if (!wanted(t->c))
        return;
    struct natter x = {.p = p, .t = t};
    collect(&x);
    x.post = nat_chain(&x, "nat_postrouting", HOOK_POSTROUTING, 90);
    x.pre = nat_chain(&x, "nat_prerouting", HOOK_PREROUTING, -100);
    for (int fixed = 1; fixed >= 0; fixed--) /* static translations come first */
        PTRLIST_FOR (struct nat_rule, r, &t->c->nat_rules) {
            if (str_is(r->kind.s, "static") != (fixed == 1))
                continue;
            if (IR_IS_SET(r->vrf))
                refuse(&x, r, "it is in a VRF");
            else if (fixed)
                static_rule(&x, r);
            else
                dynamic_rule(&x, r);
        }
    if (x.is_refused)
        block_untranslated(&x);
    nft_untranslated(p, t, &x.ways);
}
