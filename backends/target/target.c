/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the IR to what both kernel backends start from; and what of a crypto map Linux cannot do. */
#include <stdio.h>

#include "backends/target/target.h"

#include "backends/target/tunnels.h"
#include "backends/target/walls.h"

const char *target_link(struct target *t, const struct interface *i, struct span at, const char *why)
{
    const char *host = if_map_find(t->ifs, i);
    if (host)
        return host;
    struct diag *d = diag_add(t->diags, D_LX_INTERFACE, at, "no host interface is known for " STR_FMT ", which %s",
                              STR_ARG(i->name.s), why);
    diag_hint(t->diags, d, "name it: --interface-map " STR_FMT "=DEVICE", STR_ARG(i->name.s));
    return NULL;
}

/* ---- lines and their numbers ---- */

static uint32_t fnv(uint32_t h, const void *p, size_t n)
{
    for (const uint8_t *b = p; n; n--, b++)
        h = (h ^ *b) * 16777619u;
    return h;
}

/* What a line is: its map, entry and packets. Its place in the text does not count, so that edits elsewhere leave it.
 */
static uint32_t line_hash(const struct crypto_map *m, const struct target_line *l)
{
    uint32_t h = fnv(2166136261u, m->name.s.p, m->name.s.len);
    const uint64_t seq = l->entry->seq.v | (uint64_t)(m->ipv6.v != 0) << 32 | (uint64_t)l->entry->in_dynamic << 33;
    h = fnv(h, &seq, sizeof seq);
    for (uint32_t i = 0; i < l->boxes.n && i < 4; i++) {
        const struct box *b = &l->boxes.v[i];
        const uint16_t rest[] = {b->family, b->proto, b->sport.lo, b->sport.hi, b->dport.lo, b->dport.hi};
        h = fnv(h, &b->src, sizeof b->src);
        h = fnv(h, &b->dst, sizeof b->dst);
        h = fnv(h, rest, sizeof rest);
    }
    return h;
}

static void number(struct target *t, const struct crypto_map *m, struct target_line *l)
{
    uint32_t h = line_hash(m, l);
    h ^= h >> 24;
    for (;; h++) {
        l->reqid = 0x5c000000u | (h & 0xffffffu);
        if (!symtab_get(&t->reqids, STR_EMPTY, l->reqid))
            break;
    }
    symtab_put(t->arena, &t->reqids, STR_EMPTY, l->reqid, l);
}

struct line_key {
    const struct crypto_map_entry *entry;
    const struct ace *line;
};

const struct target_line *target_line_of(const struct target_map *m, const struct flat_rule *r)
{
    const struct line_key k = {r->entry, r->line};
    return symtab_get(&m->line_of, (struct str){(const char *)&k, sizeof k}, 0);
}

static void collect_lines(struct target *t, struct target_map *m)
{
    symtab_reserve(t->arena, &m->line_of, m->flat.n);
    symtab_reserve(t->arena, &t->reqids, t->reqids.n + m->flat.n);
    for (uint32_t i = 0; i < m->flat.n; i++) {
        const struct flat_rule *r = &m->flat.v[i];
        if (r->verdict != VERDICT_PROTECT || target_line_of(m, r))
            continue;
        struct target_line *l = ARENA_NEW(t->arena, struct target_line);
        struct line_key *k = ARENA_NEW(t->arena, struct line_key);
        *k = (struct line_key){r->entry, r->line};
        l->entry = r->entry;
        l->line = r->line;
        enum acl_kind kind = (enum acl_kind)((const struct acl *)r->entry->acl.target)->kind.v;
        ace_boxes(t->arena, r->line, kind, &l->boxes, TARGET_RULES_MAX);
        number(t, m->map, l);
        symtab_put(t->arena, &m->line_of, (struct str){(const char *)k, sizeof *k}, 0, l);
        ptrlist_add(t->arena, &m->lines, l);
    }
}

/* ---- what cannot be carried ---- */

static void flatten_problems(struct target *t, const struct ptrlist *problems)
{
    static const enum diag_id ids[] = {[FLAT_WIDER] = D_LX_NOT_SELECTABLE,
                                       [FLAT_UNKNOWN] = D_LX_LIST,
                                       [FLAT_DYNAMIC] = D_LX_DYNAMIC,
                                       [FLAT_TOO_MANY] = D_LX_TOO_MANY};
    PTRLIST_FOR (struct flat_problem, p, problems) {
        struct diag *d = diag_add(t->diags, ids[p->fault], p->line ? p->line->span : p->entry->span,
                                  "crypto map entry %llu: this line %s", (unsigned long long)p->entry->seq.v, p->why);
        if (IR_IS_SET(p->entry->acl))
            diag_note(t->diags, d, p->entry->acl.m.span, "its list is used here");
        if (p->fault != FLAT_TOO_MANY)
            diag_hint(t->diags, d, "write it with addresses, protocol and ports only");
    }
}

static void check_entry(struct target *t, const struct crypto_map *m, const struct crypto_map_entry *e)
{
    unsigned long long seq = (unsigned long long)e->seq.v;
    struct diag *d;
    switch ((enum entry_type)e->type.v) {
    case ENTRY_GDOI:
        d = diag_add(t->diags, D_LX_GDOI, e->span, "entry %llu of crypto map " STR_FMT " is GETVPN: Linux has no GDOI",
                     seq, STR_ARG(m->name.s));
        diag_hint(t->diags, d, "protect its traffic by entries with peers");
        return;
    case ENTRY_DYNAMIC:
        if (e->discover.v)
            diag_add(t->diags, D_LX_DISCOVER, e->discover.m.span,
                     "entry %llu asks for tunnel endpoint discovery: no peer on Linux answers or sends its probes",
                     seq);
        return;
    default:
        break;
    }
    if (e->complete.v || !IR_IS_SET(e->acl)) {
        if (!e->complete.v && !e->in_dynamic)
            diag_add(t->diags, D_LX_DROPS, e->span, "entry %llu lacks its " STR_FMT ": it does nothing", seq,
                     STR_ARG(e->lacks.s));
        return;
    }
    if (!map_entry_list(e))
        return; /* a need of it */
    d = diag_add(t->diags, D_LX_DROPS, e->span,
                 "entry %llu lacks its " STR_FMT ": what its list permits is dropped, as on the router", seq,
                 STR_ARG(e->lacks.s));
    diag_hint(t->diags, d, "complete the entry or take it out before you apply");
}

static void check_map(struct target *t, const struct crypto_map *m)
{
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        check_entry(t, m, e);
        const struct crypto_map *dyn = e->dynamic.target;
        if (!dyn)
            continue;
        PTRLIST_FOR (struct crypto_map_entry, x, &dyn->entries) {
            check_entry(t, dyn, x);
        }
    }
}

/* ---- needs ---- */

const struct unmet *target_blocked(const struct target *t, const struct crypto_map_entry *e)
{
    return symtab_get(&t->blocked, (struct str){(const char *)&e, sizeof e}, 0);
}

static void block(void *ctx, const struct unmet *u)
{
    struct target *t = ctx;
    const struct crypto_map_entry **place = ARENA_NEW(t->arena, const struct crypto_map_entry *);
    struct unmet *kept = ARENA_NEW(t->arena, struct unmet);
    char text[600] = "";
    if (u->why)
        snprintf(text, sizeof text, " (" STR_FMT ": '" STR_FMT "' %s)", STR_ARG(u->name), STR_ARG(u->word), u->why);
    else if (u->name.len)
        snprintf(text, sizeof text, " (" STR_FMT ")", STR_ARG(u->name));
    enum diag_id id = u->need == NEED_LIST ? D_LX_LIST : D_LX_NEED;
    struct diag *d = diag_add(t->diags, id, u->at, "entry %llu is blocked: %s%s", (unsigned long long)u->entry->seq.v,
                              need_text(u->need), text);
    if (u->at.off != u->entry->span.off)
        diag_note(t->diags, d, u->entry->span, "the entry is here");
    if (target_blocked(t, u->entry))
        return;
    *place = u->entry;
    *kept = *u;
    symtab_put(t->arena, &t->blocked, (struct str){(const char *)place, sizeof *place}, 0, kept);
}

/* ---- maps on interfaces ---- */

static struct ip_addr local_of(struct target *t, const struct map_binding *b, const char *link, uint8_t family)
{
    if (IR_IS_SET(b->local))
        return b->local.a;
    const struct host_link *l = link ? if_map_link(t->ifs, link) : NULL;
    if (l) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (h->addr.family == family && !addr_is_link_local(&h->addr))
                return h->addr;
        }
    }
    diag_add(t->diags, D_LX_LOCAL, b->span,
             "the local address of " STR_FMT " is not in the configuration: the kernel will choose it",
             STR_ARG(b->interface.name));
    return (struct ip_addr){0};
}

/* It may come later, or be a NAT device's: then it is for the operator to know. */
static void look_for_address(struct target *t, const struct map_binding *b, const struct ip_addr *local)
{
    char text[ADDR_TEXT_MAX];
    bool is_there = t->ifs->links.n == 0 || local->family == FAMILY_NONE;
    PTRLIST_FOR (struct host_link, l, &t->ifs->links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            is_there |= addr_eq(&h->addr, local);
        }
    }
    if (!is_there)
        diag_add(t->diags, D_LX_ADDRESS, b->span,
                 "no interface of this host has %s: nothing is negotiated from it, nor encrypted, until one has",
                 addr_text(local, text));
}

static struct target_map *map_with_local(struct target *t, const struct crypto_map *m, const struct ip_addr *local)
{
    PTRLIST_FOR (struct target_map, x, &t->maps) {
        if (x->map == m && addr_eq(&x->local, local))
            return x;
    }
    return NULL;
}

static enum deny_means deny_of(const struct ir_config *c)
{
    struct str s = c->ipsec.ipv4_deny.s;
    return str_is(s, "clear") ? DENY_CLEAR : str_is(s, "drop") ? DENY_DROP : DENY_JUMP;
}

/* Nothing passes a shut interface: it needs no device. Where one is named all the same the map holds there, as the
 * device may be up. */
static bool is_inert(const struct target *t, const struct interface *i)
{
    return i->shutdown.v && !if_map_find(t->ifs, i);
}

static bool is_carried(const struct target *t, const struct crypto_map *m)
{
    PTRLIST_FOR (struct map_binding, b, &m->bindings) {
        if (!is_inert(t, b->interface.target))
            return true;
    }
    return false;
}

/* What the list protects is dropped both ways: of a VRF nobody carries it (the finding says so). */
static struct flat closed_list(struct target *t, const struct flat *list)
{
    struct flat closed = {.v = arena_array(t->arena, list->n + 1, sizeof *closed.v), .n = list->n, .cap = list->n + 1};
    for (uint32_t i = 0; i < list->n; i++) {
        closed.v[i] = list->v[i];
        if (list->v[i].verdict == VERDICT_PROTECT)
            closed.v[i].verdict = VERDICT_DROP;
    }
    return closed;
}

static void close_on(struct target *t, const struct crypto_map *m, const struct map_binding *b, const char *link,
                     const struct flat *list)
{
    struct target_map *x = ARENA_NEW(t->arena, struct target_map);
    *x = (struct target_map){.map = m, .flat = closed_list(t, list)};
    if (!b->is_unknown_standby)
        x->local = local_of(t, b, link, m->ipv6.v ? FAMILY_V6 : FAMILY_V4);
    ptrlist_add(t->arena, &x->links, (char *)link);
    ptrlist_add(t->arena, &x->ifs, b->interface.target);
    ptrlist_add(t->arena, &t->maps, x);
}

/* The map cannot be carried there: in a VRF, or it has no address to negotiate from. */
static bool is_refused(const struct map_binding *b)
{
    const struct interface *i = b->interface.target;
    return IR_IS_SET(i->vrf) || b->is_unknown_standby;
}

static void say_why_refused(struct target *t, const struct map_binding *b)
{
    const struct interface *i = b->interface.target;
    if (IR_IS_SET(i->vrf))
        diag_add(t->diags, D_LX_VRF, i->vrf.m.span,
                 STR_FMT " is in VRF " STR_FMT
                         ": policies of a VRF are not carried, what the map protects there is blocked",
                 STR_ARG(i->name.s), STR_ARG(i->vrf.s));
    if (!b->is_unknown_standby)
        return;
    const struct str group = i->map_redundancy_group.s;
    struct diag *d = diag_add(t->diags, D_LX_STANDBY, b->span,
                              "no standby group " STR_FMT " of " STR_FMT
                              " has a virtual address here: what the map protects there is blocked",
                              STR_ARG(group), STR_ARG(i->name.s));
    diag_hint(t->diags, d, "it takes 'standby N ip ADDRESS' and 'standby N name " STR_FMT "' of this interface",
              STR_ARG(group));
}

/* Behind those that are carried. */
static void close_the_refused(struct target *t, const struct crypto_map *m, const struct flat *list)
{
    PTRLIST_FOR (struct map_binding, b, &m->bindings) {
        const struct interface *i = b->interface.target;
        const char *link = is_refused(b) && !is_inert(t, i) ? if_map_find(t->ifs, i) : NULL;
        if (link)
            close_on(t, m, b, link, list);
    }
}

static void one_map(struct target *t, const struct crypto_map *m)
{
    uint32_t first = t->maps.n;
    struct ptrlist problems = {0};
    struct flat flat = {0};
    check_map(t, m);
    bool whole = map_flatten(t->arena, m, m->ipv6.v ? DENY_JUMP : deny_of(t->c), TARGET_RULES_MAX, &flat, &problems);
    flatten_problems(t, &problems);
    PTRLIST_FOR (struct map_binding, b, &m->bindings) {
        const struct interface *i = b->interface.target;
        if (is_inert(t, i))
            continue;
        const char *link = target_link(t, i, b->span, "has the crypto map");
        say_why_refused(t, b);
        if (!link || is_refused(b))
            continue;
        if (i->map_redundancy_stateful.v && !m->ipv6.v)
            diag_add(
                t->diags, D_LX_SETTING, i->map_redundancy_stateful.m.span,
                "stateful: SAs are not handed to the other router, its own are negotiated anew when it takes over");
        struct ip_addr local = local_of(t, b, link, m->ipv6.v ? FAMILY_V6 : FAMILY_V4);
        look_for_address(t, b, &local);
        struct target_map *x = map_with_local(t, m, &local);
        if (!x) {
            x = ARENA_NEW(t->arena, struct target_map);
            *x = (struct target_map){.map = m, .local = local, .flat = flat, .broken = !whole};
            ptrlist_add(t->arena, &t->maps, x);
        }
        ptrlist_add(t->arena, &x->links, (char *)link);
        ptrlist_add(t->arena, &x->ifs, (struct interface *)i);
    }
    for (uint32_t k = first; k < t->maps.n; k++) {
        struct target_map *x = t->maps.v[k];
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            x->has_dynamic |= e->type.v == ENTRY_DYNAMIC && e->dynamic.target;
        }
        if (k == first) {
            collect_lines(t, x);
        } else {
            x->lines = ((struct target_map *)t->maps.v[first])->lines;
            x->line_of = ((struct target_map *)t->maps.v[first])->line_of;
        }
    }
    close_the_refused(t, m, &flat);
}

/* ---- lines that are not understood ---- */

static void not_understood(struct target *t, const struct broken_line *l, const char *what, struct str name)
{
    if (l)
        diag_add(t->diags, D_LX_LIST, l->span,
                 "a line of %s" STR_FMT " is not understood: what it asks for is not known", what, STR_ARG(name));
}

static void check_filters(struct target *t, const struct ptrlist *groups)
{
    PTRLIST_FOR (struct acl_binding, g, groups) {
        const struct acl *a = g->acl.target;
        if (a)
            not_understood(t, acl_broken(t->c, a), "access list ", a->name.s);
        if (!acl_has_lines(a))
            diag_add(t->diags, D_UNDEFINED_FILTER, g->acl.m.span,
                     "access list " STR_FMT " %s: it filters nothing, every packet passes, as on the router",
                     STR_ARG(g->acl.name), a ? "has no lines" : "is not defined");
    }
}

/* Lists, NAT sides and maps of a link hold for all of its packets, whichever of the router's interfaces they were for.
 */
static bool says_of_packets(const struct interface *i)
{
    return i->crypto_map.target || i->crypto_map6.target || i->access_groups.n || i->traffic_filters.n || i->nat.s.len;
}

static void check_shared_link(struct target *t, const struct interface *i)
{
    const struct interface *o = if_map_sharer(t->ifs, i);
    if (o && (says_of_packets(i) || says_of_packets(o)))
        diag_add(t->diags, D_LX_SHARED_LINK, i->span,
                 STR_FMT " and " STR_FMT
                         " have their addresses on one interface of this host, %s: lists and NAT of both hold for all "
                         "of its packets",
                 STR_ARG(o->name.s), STR_ARG(i->name.s), if_map_find(t->ifs, i));
}

/* A rule of which a word is not known is no rule: what it translates would leave untranslated. */
static void nat_understood(struct target *t)
{
    PTRLIST_FOR (struct broken_line, l, &t->c->broken_globals) {
        const struct str line = {t->c->source->text + l->span.off, l->span.len};
        if (line_begins_with(line, "ip nat inside source"))
            not_understood(t, l, "ip nat inside source", STR_EMPTY);
    }
    PTRLIST_FOR (struct nat_rule, r, &t->c->nat_rules) {
        PTRLIST_FOR (struct route_map, e, &t->c->route_maps) {
            if (IR_IS_SET(r->route_map) && str_eq(e->name.s, r->route_map.name))
                not_understood(t, symtab_get(&t->c->broken_at, STR_EMPTY, e->span.off), "route map ", e->name.s);
        }
    }
}

static bool is_read(const struct ir_line *l)
{
    return l->state == IR_LINE_READ;
}

/* Lines of interfaces that may apply a crypto map, and were not understood or belong to something else. */
static void maps_of_interfaces(struct target *t)
{
    struct symtab at = {0}; /* ("", its place) → struct interface */
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        symtab_put(t->arena, &at, STR_EMPTY, i->span.off, i);
    }
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct ir_line *l = &t->c->lines[k];
        const struct interface *i =
            l->place == IR_IN_INTERFACE && !is_read(l) ? symtab_get(&at, STR_EMPTY, l->owner) : NULL;
        const struct broken_line *first = i ? symtab_get(&t->c->broken_at, STR_EMPTY, i->span.off) : NULL;
        bool is_said = first && first->span.off == l->off && (i->crypto_map.target || may_bind_map(first));
        if (!i || i->shutdown.v || is_said)
            continue;
        const struct str line = line_text_at(t->c->source, l->off);
        if (line_may_bind_map(t->c, line))
            diag_add(t->diags, D_LX_LIST, (struct span){l->off, line.len},
                     "this line of interface " STR_FMT " may apply a crypto map, and is not understood",
                     STR_ARG(i->name.s));
    }
}

/* What interfaces alone have. `ip nat inside` and `ip nat outside` have no more words there. */
static bool is_of_interfaces(const struct target *t, struct str line)
{
    static const char *const words[] = {"crypto map",          "ipv6 crypto map",    "tunnel protection",
                                        "tunnel source",       "tunnel destination", "ip access-group",
                                        "ipv6 traffic-filter", "ip nat inside",      "ip nat outside"};
    if (target_is_wall(line) || line_may_bind_map(t->c, line))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (line_seems_to_begin_with(line, words[i]))
            return true;
    return false;
}

/* ... and has no meaning where it stands alone, as below `interface range` in a file without indentation. */
static bool is_of_no_block(const struct ir_line *l, struct str line)
{
    static const char *const words[] = {"ip access-group", "ipv6 traffic-filter", "tunnel source", "tunnel destination",
                                        "tunnel protection"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (l->place == IR_IN_GLOBAL && line_begins_with(line, words[i]))
            return true;
    return false;
}

/* What a block that is not read (`interface range`, `template`) says of interfaces, nobody knows of which. */
static void blocks_not_read(struct target *t)
{
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct ir_line *l = &t->c->lines[k];
        bool may_be = l->state == IR_LINE_LEFT && (l->place == IR_BELOW_LEFT || l->place == IR_IN_GLOBAL);
        const struct str line = may_be ? line_text_at(t->c->source, l->off) : STR_EMPTY;
        if (may_be && (is_of_no_block(l, line) || (l->place == IR_BELOW_LEFT && is_of_interfaces(t, line))))
            diag_add(t->diags, D_LX_LIST, (struct span){l->off, line.len},
                     "the block of this line is not read: for which interfaces it is meant is not known");
    }
}

/* Of what is applied beside the crypto maps: filters and NAT that would be other than they are written. */
static void check_understood(struct target *t)
{
    not_understood(t, map_line_broken(t->c), "a crypto map", STR_EMPTY);
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        bool has_map = i->crypto_map.target || i->crypto_map6.target;
        const struct broken_line *l = symtab_get(&t->c->broken_at, STR_EMPTY, i->span.off);
        if (!i->shutdown.v && l && (has_map || may_bind_map(l)))
            not_understood(t, l, "interface ", i->name.s);
        if (!if_map_find(t->ifs, i))
            continue;
        check_shared_link(t, i);
        check_filters(t, &i->access_groups);
        check_filters(t, &i->traffic_filters);
    }
    PTRLIST_FOR (struct crypto_map, m, &t->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            const struct acl *const lists[] = {e->access_in.target, e->access_out.target};
            for (int k = 0; k < 2 && m->bindings.n; k++)
                if (lists[k])
                    not_understood(t, acl_broken(t->c, lists[k]), "access list ", lists[k]->name.s);
        }
    }
    nat_understood(t);
    blocks_not_read(t);
    maps_of_interfaces(t);
    PTRLIST_FOR (struct nat_rule, r, &t->c->nat_rules) {
        const struct acl *a = r->acl.target;
        if (a)
            not_understood(t, acl_broken(t->c, a), "access list ", a->name.s);
    }
}

/* All packets of the family are dropped on the interface, as behind a list that does not exist. */
static void close_whole(struct target *t, struct interface *i, const struct ir_ref *name, uint8_t family)
{
    const char *link = if_map_find(t->ifs, i);
    struct crypto_map *m = ARENA_NEW(t->arena, struct crypto_map);
    struct map_binding *b = ARENA_NEW(t->arena, struct map_binding);
    struct flat list = {.v = ARENA_NEW(t->arena, struct flat_rule), .n = 1, .cap = 1};
    if (!link)
        return;
    m->span = b->span = name->m.span;
    m->name = (struct ir_str){name->name, name->m};
    m->ipv6.v = family == FAMILY_V6;
    b->interface = (struct ir_ref){i->name.s, i->name.m, i};
    list.v[0].verdict = VERDICT_DROP;
    list.v[0].whole = true;
    list.v[0].box = (struct box){.family = family, .proto = PROTO_ANY, .sport = {0, 65535}, .dport = {0, 65535}};
    close_on(t, m, b, link, &list);
}

/* An interface whose map is not there: nobody knows what should be protected on it. */
static void undefined_maps(struct target *t)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const struct ir_ref *const maps[] = {&i->crypto_map, &i->crypto_map6};
        for (int k = 0; k < 2; k++) {
            if (!IR_IS_SET(*maps[k]) || maps[k]->target || i->shutdown.v)
                continue;
            diag_add(t->diags, D_LX_NEED, maps[k]->m.span,
                     "crypto map " STR_FMT " of " STR_FMT " is not defined: what it would protect is not known, all %s "
                     "packets of the interface are dropped",
                     STR_ARG(maps[k]->name), STR_ARG(i->name.s), k ? "IPv6" : "IPv4");
            close_whole(t, i, maps[k], k ? FAMILY_V6 : FAMILY_V4);
        }
    }
}

void target_build(struct target *t, struct arena *ar, const struct ir_config *c, const struct if_map *ifs,
                  struct diag_list *diags)
{
    *t = (struct target){.arena = ar, .c = c, .ifs = ifs, .diags = diags};
    needs_in_force(ar, c, block, t);
    check_understood(t);
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        if (is_carried(t, m))
            one_map(t, m);
    }
    undefined_maps(t);
    target_find_tunnels(t);
    target_find_walls(t);
    if (t->maps.n == 0)
        diag_add(diags, D_LX_NOTHING, c->unit,
                 "no crypto map is applied to an interface that is not shut: there is nothing to carry");
}

struct ir_str target_df_bit(const struct target *t, const struct target_map *m, const struct sa_settings *sa)
{
    if (IR_IS_SET(sa->dfbit))
        return sa->dfbit;
    PTRLIST_FOR (struct interface, i, &m->ifs) {
        if (IR_IS_SET(i->df_bit))
            return i->df_bit;
    }
    return t->c->ipsec.df_bit;
}

/* ---- inside ---- */

static void add_network(const struct target *t, struct boxes *out, const struct ip_addr *a, uint8_t plen)
{
    struct box b = {.family = a->family, .proto = PROTO_ANY, .sport = {0, 65535}, .dport = {0, 65535}};
    if (plen == 0 || plen > (a->family == FAMILY_V6 ? 128 : 32))
        return;
    b.src = addr_bits_of(a->family, a->b, plen);
    boxes_add(t->arena, out, &b);
}

static bool is_on(const struct target_map *m, const char *link)
{
    PTRLIST_FOR (char, l, &m->links) {
        if (strcmp(l, link) == 0)
            return true;
    }
    return false;
}

static bool is_of(const struct target_map *m, const struct interface *i)
{
    PTRLIST_FOR (struct interface, o, &m->ifs) {
        if (o == i)
            return true;
    }
    return false;
}

void target_inside(const struct target *t, const struct target_map *m, struct boxes *out)
{
    if (m->map->ipv6.v) { /* what never leaves a link is of each link alone (RFC 4291 §2.5.6, §2.7) */
        add_network(t, out, &(struct ip_addr){FAMILY_V6, {0xfe, 0x80}}, 10);
        add_network(t, out, &(struct ip_addr){FAMILY_V6, {0xff, 0x02}}, 16);
    }
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        const struct ptrlist *lists[] = {&i->addresses, &i->addresses6};
        for (unsigned k = 0; k < 2 && !is_of(m, i) && !i->shutdown.v; k++)
            PTRLIST_FOR (struct if_address, a, lists[k]) {
                add_network(t, out, &a->address.a, a->address.plen);
            }
    }
    PTRLIST_FOR (struct host_link, l, &t->ifs->links) {
        if (is_on(m, l->name))
            continue;
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            add_network(t, out, &h->addr, h->plen);
        }
    }
}
