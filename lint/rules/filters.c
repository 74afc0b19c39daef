/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands between a tunnel and the wire: address translation and the access lists of the interface. */
#include <netinet/in.h>

#include "lint/lint.h"

static void first_hit(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    (void)b;
    *(const void **)ctx = tag;
    *floor = rank;
}

/* An index whose highest rank is the first line. */
struct filter {
    struct box_index *index;
    bool unknown;
};
static struct filter filter_of(struct lint_ctx *x, const struct acl *a, bool permits_only)
{
    struct lint_list *l = lint_list_of(x, a);
    struct filter f = {box_index_new(x->arena), l->unknown};
    for (uint32_t i = 0; i < l->n; i++) {
        const struct lint_line *n = &l->v[i];
        for (uint32_t k = 0; k < n->boxes.n && (!permits_only || n->ace->permit); k++)
            box_index_add(f.index, &n->boxes.v[k], l->n - i + 1, n);
    }
    return f;
}

static const struct lint_line *first_line(const struct filter *f, const struct box *b)
{
    const void *hit = NULL;
    uint32_t floor = 0;
    box_index_visit(f->index, b, &floor, first_hit, &hit);
    return hit;
}

static struct addr_bits host(const struct ip_addr *a)
{
    struct addr_bits b = {{0}, {0}};
    size_t n = a->family == FAMILY_V4 ? 4 : 16;
    memcpy(b.value, a->b, n);
    memset(b.care, 0xff, n);
    return b;
}

/* ---- the interface's inbound list against IKE, ESP and AH ---- */

struct blocked {
    const struct crypto_map_entry *entry;
    const struct map_peer *peer;
    const struct acl_binding *binding;
};

static void test_packet(struct lint_ctx *x, enum diag_id id, const struct filter *f, const struct blocked *w,
                        const struct box *b, const char *what)
{
    const struct lint_line *l = first_line(f, b);
    if (l && (l->ace->permit || l->exact != LINE_EXACT))
        return;
    char t[ADDR_TEXT_MAX];
    struct diag *d = diag_add(x->diags, id, w->binding->span,
                              "this list drops %s from peer %s, so the tunnel of entry %llu cannot come up", what,
                              addr_text(&w->peer->host.addr, t), (unsigned long long)w->entry->seq.v);
    if (l)
        diag_note(x->diags, d, l->ace->span, "by this line");
    diag_note(x->diags, d, w->peer->host.m.span, "the peer is set here");
}

static bool uses_protocol(const struct crypto_map_entry *e, enum ipsec_proto p)
{
    PTRLIST_FOR (struct ir_ref, r, &e->sa.transform_sets) {
        const struct transform_set *t = r->target;
        for (uint32_t i = 0; t && i < t->transforms.n; i++)
            if (((const struct ir_transform *)t->transforms.v[i])->proto == p)
                return true;
    }
    return false;
}

static void peer_packets(struct lint_ctx *x, enum diag_id id, const struct filter *f, const struct blocked *w,
                         const struct ip_addr *local)
{
    const struct ip_addr *peer = &w->peer->host.addr;
    if (peer->family != local->family)
        return;
    struct box b = {
        .family = peer->family, .src = host(peer), .dst = host(local), .sport = {0, 65535}, .dport = {0, 65535}};
    if (w->entry->type.v == ENTRY_ISAKMP) {
        b.proto = IPPROTO_UDP;
        b.sport = b.dport = (struct port_range){500, 500};
        test_packet(x, id, f, w, &b, "IKE (udp/500)");
        b.sport = b.dport = (struct port_range){0, 65535};
    }
    if (uses_protocol(w->entry, PROTO_ESP)) {
        b.proto = IPPROTO_ESP;
        test_packet(x, id, f, w, &b, "ESP");
    }
    if (uses_protocol(w->entry, PROTO_AH)) {
        b.proto = IPPROTO_AH;
        test_packet(x, id, f, w, &b, "AH");
    }
}

static void interface_filter(struct lint_ctx *x, enum diag_id id, const struct interface *i, const struct crypto_map *m,
                             const struct acl_binding *g)
{
    const struct acl *a = g->acl.target;
    const struct map_binding *at = NULL;
    PTRLIST_FOR (struct map_binding, b, &m->bindings) {
        if (b->interface.target == i)
            at = b;
    }
    if (!str_is(g->direction.s, "in") || !at || !IR_IS_SET(at->local) || !acl_has_lines(a))
        return;
    struct filter f = filter_of(x, a, false);
    if (f.unknown)
        return;
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        if (!e->complete.v)
            continue;
        PTRLIST_FOR (struct map_peer, p, &e->peers) {
            const struct blocked w = {e, p, g};
            peer_packets(x, id, &f, &w, &at->local.a);
        }
    }
}

static void blocks_ike(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        const struct crypto_map *m4 = i->crypto_map.target, *m6 = i->crypto_map6.target;
        for (uint32_t k = 0; k < i->access_groups.n && m4; k++)
            interface_filter(x, id, i, m4, i->access_groups.v[k]);
        for (uint32_t k = 0; k < i->traffic_filters.n && m6; k++)
            interface_filter(x, id, i, m6, i->traffic_filters.v[k]);
    }
}

/* ---- set ip access-group against the entry's own lines ---- */

static void direction(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e, const struct ir_ref *r,
                      bool in)
{
    const struct acl *a = r->target, *own = e->acl.target;
    if (!own || !acl_has_lines(a))
        return;
    struct filter f = filter_of(x, a, true);
    struct lint_list *l = lint_list_of(x, own);
    const struct boxes *permits = lint_permits(x, l);
    for (uint32_t i = 0; i < l->n && !f.unknown; i++) {
        bool through = permits[i].n == 0;
        for (uint32_t k = 0; k < permits[i].n && !through; k++) {
            struct box b = in ? box_mirror(&permits[i].v[k]) : permits[i].v[k];
            through = first_line(&f, &b) != NULL;
        }
        if (through)
            continue;
        struct packet w = box_witness(&permits[i].v[0]);
        if (in) {
            struct box b = box_mirror(&permits[i].v[0]);
            w = box_witness(&b);
        }
        struct diag *d = diag_add(x->diags, id, r->m.span, "this list drops all that the line protects, such as %s",
                                  packet_text(x->arena, &w));
        diag_note(x->diags, d, l->v[i].ace->span, "the line");
    }
}

static void entry_blocks(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                         const struct crypto_map_entry *e)
{
    (void)m;
    direction(x, id, e, &e->access_in, true);
    direction(x, id, e, &e->access_out, false);
}

static void blocks_data(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_blocks);
}

/* ---- NAT ---- */

/* The packets a rule translates, with the line that says so. */
struct nat_claim {
    const struct nat_rule *rule;
    const struct ace *line;
};

static void nat_list(struct lint_ctx *x, struct box_index *into, const struct nat_rule *r, const struct acl *a)
{
    struct lint_list *l = lint_list_of(x, a);
    const struct boxes *permits = lint_permits(x, l);
    for (uint32_t i = 0; i < l->n; i++) {
        struct nat_claim *c = ARENA_NEW(x->arena, struct nat_claim);
        *c = (struct nat_claim){r, l->v[i].ace};
        for (uint32_t k = 0; k < permits[i].n && l->v[i].exact == LINE_EXACT; k++)
            box_index_add(into, &permits[i].v[k], 1, c);
    }
}

/* A route map of one permit clause with nothing but lists; what is more involved is not judged. */
static void nat_route_map(struct lint_ctx *x, struct box_index *into, const struct nat_rule *r)
{
    const struct route_map *only = NULL;
    uint32_t clauses = 0;
    PTRLIST_FOR (struct route_map, m, &x->c->route_maps) {
        if (str_eq(m->name.s, r->route_map.name)) {
            only = m;
            clauses++;
        }
    }
    if (clauses != 1 || !only->permit.v || only->other.n)
        return;
    PTRLIST_FOR (struct ir_ref, a, &only->acls) {
        if (a->target)
            nat_list(x, into, r, a->target);
    }
}

static struct box_index *nat_of(struct lint_ctx *x, const struct interface *out)
{
    struct box_index *index = NULL;
    PTRLIST_FOR (struct nat_rule, r, &x->c->nat_rules) {
        bool elsewhere = r->interface.target && r->interface.target != out && IR_IS_SET(r->interface);
        if (elsewhere)
            continue;
        index = index ? index : box_index_new(x->arena);
        if (r->acl.target)
            nat_list(x, index, r, r->acl.target);
        else if (r->route_map.target)
            nat_route_map(x, index, r);
    }
    return index;
}

static void nat_entry(struct lint_ctx *x, enum diag_id id, struct box_index *nat, struct symtab *seen,
                      const struct crypto_map_entry *e)
{
    const struct acl *a = e->acl.target;
    bool serves = e->complete.v || e->in_dynamic;
    if (!a || !serves || symtab_get(seen, a->name.s, 0))
        return;
    symtab_put(x->arena, seen, a->name.s, 0, (void *)(uintptr_t)a); /* entries may share it by the thousand */
    struct lint_list *l = lint_list_of(x, a);
    const struct boxes *permits = lint_permits(x, l);
    for (uint32_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < permits[i].n; k++) {
            const struct filter f = {nat, false};
            const void *hit = NULL;
            uint32_t floor = 0;
            struct box common;
            box_index_visit(f.index, &permits[i].v[k], &floor, first_hit, &hit);
            const struct nat_claim *c = hit;
            if (!c)
                continue;
            struct boxes theirs = {0};
            ace_boxes(x->arena, c->line, ACL_EXTENDED, &theirs, 64);
            struct packet w = box_witness(&permits[i].v[k]);
            for (uint32_t j = 0; j < theirs.n; j++)
                if (box_intersect(&permits[i].v[k], &theirs.v[j], &common)) {
                    w = box_witness(&common);
                    break;
                }
            struct diag *d =
                diag_add(x->diags, id, l->v[i].ace->span,
                         "%s is translated before the crypto map sees it, and then does not match this line",
                         packet_text(x->arena, &w));
            diag_note(x->diags, d, c->line->span, "translated because of this line");
            diag_note(x->diags, d, c->rule->span, "of this rule");
            diag_hint(x->diags, d, "deny the protected traffic first in the list of the NAT rule");
            return;
        }
}

static void nat_map(struct lint_ctx *x, enum diag_id id, struct box_index *nat, struct symtab *seen,
                    const struct crypto_map *m)
{
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        const struct crypto_map *dynamic = e->dynamic.target;
        if (e->type.v != ENTRY_DYNAMIC)
            nat_entry(x, id, nat, seen, e);
        for (uint32_t i = 0; dynamic && i < dynamic->entries.n; i++)
            nat_entry(x, id, nat, seen, dynamic->entries.v[i]);
    }
}

static void nat_first(struct lint_ctx *x, enum diag_id id)
{
    struct symtab done = {0};
    if (x->c->nat_rules.n == 0)
        return;
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        const struct crypto_map *m = i->crypto_map.target;
        if (!m || !str_is(i->nat.s, "outside") || symtab_get(&done, m->name.s, 0))
            continue;
        symtab_put(x->arena, &done, m->name.s, 0, (void *)(uintptr_t)m);
        struct box_index *nat = nat_of(x, i);
        struct symtab seen = {0};
        if (nat)
            nat_map(x, id, nat, &seen, m);
    }
}

const struct lint_rule rules_filters[] = {
    {D_FILTER_BLOCKS_IKE, "guide, Prerequisites: access lists must not block protocols 50, 51 and UDP port 500",
     blocks_ike, 0},
    {D_FILTER_BLOCKS_DATA, "ios-crypto-commands section 8: set ip access-group", blocks_data, 0},
    {D_NAT_FIRST, "Cisco, NAT Order of Operation: inside source translation comes before the crypto map", nat_first, 0},
    {0, NULL, NULL, 0},
};
