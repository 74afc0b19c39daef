/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Entries and lines that earlier ones take the traffic from, found on packet sets and shown with a packet.
 *
 * Cost: each box is looked up in an index of the boxes before it, one look-up for each pair of masks in use; what
 * overlaps is compared one by one, 64 at most. So near-linear in the lines of a map or list.
 */
#include "lint/lint.h"

/* Earlier boxes that overlap one. */
struct hits {
    struct arena *arena;
    struct boxes boxes;
    struct ptrlist tags;
    uint32_t max;
};

static void hit(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct hits *h = ctx;
    (void)rank;
    boxes_add(h->arena, &h->boxes, b);
    ptrlist_add(h->arena, &h->tags, (void *)(uintptr_t)tag);
    if (h->boxes.n >= h->max)
        *floor = UINT32_MAX;
}

static struct hits overlaps(struct lint_ctx *x, struct box_index *index, const struct box *q, uint32_t max)
{
    struct hits h = {x->arena, {0}, {0}, max};
    uint32_t floor = 0;
    box_index_visit(index, q, &floor, hit, &h);
    return h;
}

/* ---- lines of one list ---- */

/* May it be deleted without a question? Not where it logs, nor as the last permit's company in a list that would then
 * be empty (which permits everything as a filter); IPv6 lists end with permits of their own before their last deny.
 * What packets meet is compared again with the mended text (compiler/cli/fix_proof.h). */
static bool may_be_deleted(const struct lint_list *l, const struct acl *a, const struct lint_line *n)
{
    bool permits = false;
    for (uint32_t i = 0; i < l->n; i++)
        permits |= l->v[i].ace->permit;
    return permits && n->exact == LINE_EXACT && !n->ace->log && !n->ace->log_input && a->kind.v != ACL_IPV6;
}

/* Is all that the line selects selected before it? The line that does it alone, or any of those that do it together. */
static bool covered(struct lint_ctx *x, struct box_index *before, const struct lint_line *l,
                    const struct lint_line **single, const struct lint_line **some)
{
    *single = NULL;
    for (uint32_t k = 0; k < l->boxes.n; k++) {
        struct hits h = overlaps(x, before, &l->boxes.v[k], 64);
        struct packet witness;
        bool alone = false;
        if (h.boxes.n == 0)
            return false;
        for (uint32_t i = 0; i < h.boxes.n && !alone; i++)
            if (box_subset(&l->boxes.v[k], &h.boxes.v[i])) {
                alone = true;
                *single = h.tags.v[i];
            }
        *some = h.tags.v[0];
        if (!alone && (h.boxes.n >= 64 || boxes_cover(x->arena, &h.boxes, &l->boxes.v[k], 4096, &witness) != 1))
            return false;
        if (!alone)
            *single = NULL;
    }
    return l->boxes.n > 0;
}

static void unreachable_list(struct lint_ctx *x, enum diag_id id, const struct acl *a, const struct crypto_map_entry *e)
{
    (void)e;
    struct lint_list *l = lint_list_of(x, a);
    struct box_index *before = box_index_new(x->arena);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct lint_line *n = &l->v[i], *single, *some;
        if (n->exact != LINE_UNKNOWN && covered(x, before, n, &single, &some)) {
            const struct ace *by = single ? single->ace : some->ace;
            bool same = by->permit == n->ace->permit;
            struct diag *d = diag_add(x->diags, id, n->ace->span, "no packet reaches this line: %s",
                                      !single ? "the lines before it take them all"
                                      : same  ? "the line below says the same of all of them"
                                              : "the line below decides the other way");
            diag_note(x->diags, d, by->span, single ? "this earlier line" : "one of the earlier lines");
            if (single && same && may_be_deleted(l, a, n))
                diag_fix(d, n->ace->span, FIX_DELETE_LINE, NULL);
        }
        for (uint32_t k = 0; k < n->boxes.n && n->exact == LINE_EXACT; k++)
            box_index_add(before, &n->boxes.v[k], i + 1, n);
    }
}

static void unreachable(struct lint_ctx *x, enum diag_id id)
{
    lint_crypto_lists(x, id, unreachable_list);
}

static bool denies_all(const struct ace *a)
{
    return a->src.form == ACE_ANY && a->dst.form == ACE_ANY && a->proto == PROTO_ANY;
}

/* A deny matters only if a later permit of the same list could still take its packets: what a list does not match at
 * all goes on to the next entry just the same. */
static void deny_list(struct lint_ctx *x, enum diag_id id, const struct acl *a, const struct crypto_map_entry *e)
{
    (void)e;
    struct lint_list *l = lint_list_of(x, a);
    struct box_index *after = box_index_new(x->arena);
    if (l->unknown)
        return;
    for (uint32_t i = l->n; i-- > 0;) {
        const struct lint_line *n = &l->v[i];
        bool matters = denies_all(n->ace);
        for (uint32_t k = 0; k < n->boxes.n && !matters; k++)
            matters = n->ace->permit || overlaps(x, after, &n->boxes.v[k], 1).boxes.n > 0;
        if (!matters) {
            struct diag *d = diag_add(x->diags, id, n->ace->span,
                                      "this deny changes nothing: no later line of the list permits any of it");
            if (may_be_deleted(l, a, n))
                diag_fix(d, n->ace->span, FIX_DELETE_LINE, NULL);
        }
        for (uint32_t k = 0; k < n->boxes.n && n->ace->permit; k++)
            box_index_add(after, &n->boxes.v[k], i + 1, n);
    }
}

static void deny_no_effect(struct lint_ctx *x, enum diag_id id)
{
    if (!IR_WRITTEN(x->c->ipsec.ipv4_deny))
        lint_crypto_lists(x, id, deny_list);
}

/* ---- entries of one map ---- */

/* One permit line of one entry, as the index of the entries before knows it. */
struct claim {
    const struct crypto_map_entry *entry;
    const struct ace *line;
};

static bool same_peers(const struct crypto_map_entry *a, const struct crypto_map_entry *b)
{
    if (a->peers.n != b->peers.n)
        return false;
    for (uint32_t i = 0; i < a->peers.n; i++) {
        const struct map_peer *p = a->peers.v[i], *q = b->peers.v[i];
        if (p->host.addr.family != q->host.addr.family || !str_eq(p->host.name, q->host.name) ||
            (p->host.addr.family && !addr_eq(&p->host.addr, &q->host.addr)))
            return false;
    }
    return true;
}

struct overlap {
    const struct claim *by;
    const struct ace *line;
    struct packet witness;
};

/* Looks at all boxes of one entry. Returns whether every one of them is taken by earlier entries; *o is the first
 * overlap with an entry of other peers, else the first at all. */
static bool entry_taken(struct lint_ctx *x, struct box_index *before, const struct crypto_map_entry *e,
                        const struct lint_list *l, const struct boxes *permits, struct overlap *o)
{
    bool all = true, any = false;
    for (uint32_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < permits[i].n; k++) {
            const struct box *b = &permits[i].v[k];
            struct hits h = overlaps(x, before, b, 64);
            struct packet w;
            any = true;
            for (uint32_t j = 0; j < h.boxes.n; j++) {
                const struct claim *c = h.tags.v[j];
                struct box common;
                bool better = !o->by || (same_peers(o->by->entry, e) && !same_peers(c->entry, e));
                if (better && box_intersect(b, &h.boxes.v[j], &common))
                    *o = (struct overlap){c, l->v[i].ace, box_witness(&common)};
            }
            all &= h.boxes.n > 0 && h.boxes.n < 64 && boxes_cover(x->arena, &h.boxes, b, 4096, &w) == 1;
        }
    return any && all;
}

static void report_entry(struct lint_ctx *x, const struct crypto_map_entry *e, bool all, const struct overlap *o)
{
    enum diag_id kind = all ? D_ENTRY_SHADOWED : same_peers(o->by->entry, e) ? D_ENTRY_OVERLAP : D_TWO_PEERS;
    unsigned long long first = o->by->entry->seq.v;
    const char *packet = packet_text(x->arena, &o->witness);
    struct diag *d;
    if (all)
        d = diag_add(x->diags, kind, e->span,
                     "no packet reaches entry %llu: %s is claimed by entry %llu already, and so is "
                     "all the rest",
                     (unsigned long long)e->seq.v, packet, first);
    else if (kind == D_TWO_PEERS)
        d = diag_add(x->diags, kind, o->line->span, "%s goes to the peer of entry %llu, not to that of entry %llu",
                     packet, first, (unsigned long long)e->seq.v);
    else
        d = diag_add(x->diags, kind, o->line->span, "%s is claimed by entry %llu already", packet, first);
    diag_note(x->diags, d, o->by->line->span, "by this line of entry %llu", first);
}

static void shadow_map(struct lint_ctx *x, const struct crypto_map *m)
{
    struct box_index *before = box_index_new(x->arena);
    struct symtab lists = {0};
    uint32_t rank = 0;
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        const struct acl *a = e->acl.target;
        if (!a || !e->complete.v || e->type.v == ENTRY_DYNAMIC || e->type.v == ENTRY_GDOI)
            continue;
        struct lint_list *l = lint_list_of(x, a);
        const struct boxes *permits = lint_permits(x, l);
        struct overlap o = {0};
        const struct claim *twin = symtab_get(&lists, a->name.s, 0);
        if (twin) { /* the list of an earlier entry: all of it is taken, and the index knows it already */
            for (uint32_t i = 0; i < l->n && !o.by; i++)
                if (permits[i].n)
                    o = (struct overlap){twin, l->v[i].ace, box_witness(&permits[i].v[0])};
            if (o.by)
                report_entry(x, e, true, &o);
            continue;
        }
        rank++;
        bool all = entry_taken(x, before, e, l, permits, &o) && !l->unknown;
        if (o.by)
            report_entry(x, e, all, &o);
        for (uint32_t i = 0; i < l->n; i++) {
            struct claim *c = ARENA_NEW(x->arena, struct claim);
            *c = (struct claim){e, l->v[i].ace};
            if (permits[i].n && !symtab_get(&lists, a->name.s, 0))
                symtab_put(x->arena, &lists, a->name.s, 0, c);
            for (uint32_t k = 0; k < permits[i].n && l->v[i].exact == LINE_EXACT; k++)
                box_index_add(before, &permits[i].v[k], rank, c);
        }
    }
}

static void shadowed(struct lint_ctx *x, enum diag_id first)
{
    (void)first;
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        if (m->entries.n > 1)
            shadow_map(x, m);
    }
}

#define FIRST "ios-crypto-commands R-MAP-1: entries are tried in rising order, the first that permits takes the packet"
const struct lint_rule rules_shadow[] = {
    {D_ENTRY_SHADOWED, FIRST, shadowed, RULE_TOGETHER},
    {D_ENTRY_OVERLAP, FIRST, shadowed, RULE_TOGETHER},
    {D_TWO_PEERS, FIRST, shadowed, RULE_TOGETHER},
    {D_LINE_UNREACHABLE, "ios-crypto-commands R-ACL-1: the first line that matches decides", unreachable, 0},
    {D_DENY_NO_EFFECT, "ios-crypto-commands R-ACL-1, R-MAP-1: deny goes on with the next entry", deny_no_effect, 0},
    {0, NULL, NULL, 0},
};
