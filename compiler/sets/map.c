/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A crypto map set as a function from packets to verdicts: the interpreter, which follows the router word by word, and
 * the flattening, which says the same as one first-match list. Property tests hold the two against one another.
 *
 * Flattening. Walk the entries from the last to the first; behind is the finished list of all later entries. For the
 * lines of one entry in order: a permit becomes a rule; a deny box D means "ask the later entries", so the rules
 * behind, cut with D, go there, and after them, if a line further down in the same entry could still catch D, a clear
 * rule for D. After the last line comes all that is behind (what no line matched asks the later entries too).
 */
#include "compiler/sets/sets.h"

static bool line_matches(const struct ace *a, enum acl_kind kind, const struct packet *p, struct arena *scratch)
{
    struct boxes b = {0};
    if (ace_boxes(scratch, a, kind, &b, 1u << 20) == LINE_UNKNOWN)
        return false;
    for (uint32_t i = 0; i < b.n; i++)
        if (box_contains(&b.v[i], p))
            return true;
    return false;
}

const struct acl *map_entry_list(const struct crypto_map_entry *e)
{
    const struct acl *a = e->acl.target;
    if (!a)
        return NULL;
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (!x->remark)
            return a;
    }
    return NULL;
}

/* The entries that look at outbound traffic, a dynamic map in place of the entry that names it. Where that is not
 * defined nobody knows what it would be about: the entry has no list, and drops all that reaches it. */
static struct ptrlist entries_of(struct arena *ar, const struct crypto_map *m)
{
    struct ptrlist l = {0};
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        const struct crypto_map *d = e->dynamic.target;
        if (e->type.v == ENTRY_DYNAMIC && d) {
            PTRLIST_FOR (struct crypto_map_entry, x, &d->entries) {
                if (IR_IS_SET(x->acl))
                    ptrlist_add(ar, &l, x);
            }
        } else if (e->type.v == ENTRY_DYNAMIC || (e->type.v != ENTRY_GDOI && IR_IS_SET(e->acl))) {
            ptrlist_add(ar, &l, e);
        }
    }
    return l;
}

/* What a permit line means: an entry of a dynamic map has no type, waits for peers, and lets nothing out by itself. */
static enum verdict permitted(const struct crypto_map_entry *e)
{
    return e->peers.n && !e->in_dynamic ? VERDICT_PROTECT : VERDICT_DROP;
}

static struct decision decide_entry(struct arena *ar, const struct crypto_map_entry *e, const struct packet *p,
                                    enum deny_means deny, bool *done)
{
    const struct acl *l = map_entry_list(e);
    *done = true;
    if (!l) /* R-ACL-7: named, but missing or empty */
        return (struct decision){VERDICT_DROP, e, NULL};
    for (uint32_t i = 0; i < l->aces.n; i++) {
        const struct ace *a = l->aces.v[i];
        if (a->remark || !line_matches(a, (enum acl_kind)l->kind.v, p, ar))
            continue;
        if (a->permit)
            return (struct decision){permitted(e), e, a};
        *done = deny != DENY_JUMP;
        return deny == DENY_DROP ? (struct decision){VERDICT_DROP, e, a} : (struct decision){VERDICT_CLEAR, NULL, NULL};
    }
    *done = false;
    return (struct decision){VERDICT_CLEAR, NULL, NULL};
}

struct decision map_decide(const struct crypto_map *m, const struct packet *p, enum deny_means deny)
{
    struct arena scratch;
    struct decision r = {VERDICT_CLEAR, NULL, NULL};
    bool done = false;
    if (!arena_init(&scratch, SIZE_MAX))
        return (struct decision){VERDICT_DROP, NULL, NULL};
    struct ptrlist l = entries_of(&scratch, m);
    for (uint32_t i = 0; i < l.n && !done; i++)
        r = decide_entry(&scratch, l.v[i], p, deny, &done);
    arena_free(&scratch);
    return r;
}

static bool flat_add(struct arena *ar, struct flat *f, const struct flat_rule *r, uint32_t limit)
{
    if (f->n >= limit)
        return false;
    if (f->n == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 16;
        struct flat_rule *v = arena_array(ar, cap, sizeof *v);
        if (f->n)
            memcpy(v, f->v, f->n * sizeof *v);
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n++] = *r;
    return true;
}

/* Rules are kept last first while entries are walked from the last to the first: what stands behind an entry is then a
 * prefix of the list and nothing is ever copied. */
struct flattening {
    struct arena *ar;
    uint32_t limit;
    enum deny_means deny;
    struct ptrlist *problems;
    const struct crypto_map *map;
    struct flat behind; /* finished rules of later entries, last first */
    struct flat here;   /* rules of the entry at hand, first first */
};

/* Could a line after `from` of the same entry catch a packet of D? */
static bool caught_later(struct flattening *x, const struct acl *l, uint32_t from, const struct box *d)
{
    struct box common;
    for (uint32_t i = from; i < l->aces.n; i++) {
        const struct ace *a = l->aces.v[i];
        struct boxes b = {0};
        if (a->remark)
            continue;
        ace_boxes(x->ar, a, (enum acl_kind)l->kind.v, &b, x->limit);
        for (uint32_t k = 0; k < b.n; k++)
            if (a->permit && box_intersect(&b.v[k], d, &common))
                return true;
    }
    return false;
}

/* Does an entry behind this one stand for peers that bring their own networks? */
static bool open_behind(const struct flattening *x, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct crypto_map_entry, later, &x->map->entries) {
        const struct crypto_map *d = later->type.v == ENTRY_DYNAMIC ? later->dynamic.target : NULL;
        bool is_behind = d && later->seq.v > e->seq.v;
        for (uint32_t i = 0; is_behind && i < d->entries.n; i++)
            if (!IR_IS_SET(((const struct crypto_map_entry *)d->entries.v[i])->acl))
                return true;
    }
    return false;
}

static void complain(struct flattening *x, const struct crypto_map_entry *e, const struct ace *a, const char *why,
                     enum flat_fault fault)
{
    struct flat_problem *p = ARENA_NEW(x->ar, struct flat_problem);
    *p = (struct flat_problem){e, a, why, fault};
    ptrlist_add(x->ar, x->problems, p);
}

/* What the deny lets go here would be for a dynamic entry's peers first. */
static void look_for_peers(struct flattening *x, const struct crypto_map_entry *e, const struct ace *a,
                           const struct box *d)
{
    struct box common;
    bool meets = open_behind(x, e);
    for (uint32_t i = 0; i < x->behind.n && !meets; i++) {
        const struct flat_rule *r = &x->behind.v[i];
        meets = r->entry && r->entry->in_dynamic && r->entry != e && box_intersect(&r->box, d, &common);
    }
    if (meets)
        complain(x, e, a, "leads on to a dynamic entry, whose peers cannot be put before the packets that it lets go",
                 FLAT_DYNAMIC);
}

static bool emit_deny(struct flattening *x, const struct acl *l, uint32_t at, const struct box *d,
                      const struct crypto_map_entry *e)
{
    struct flat *out = &x->here;
    const struct ace *a = l->aces.v[at];
    if (x->deny != DENY_JUMP) {
        const struct flat_rule r = {*d, x->deny == DENY_CLEAR ? VERDICT_CLEAR : VERDICT_DROP,
                                    x->deny == DENY_CLEAR ? NULL : e, a, true};
        return flat_add(x->ar, out, &r, x->limit);
    }
    if (!caught_later(x, l, at + 1, d))
        return true; /* nothing here would catch it: the later rules behind this entry decide */
    look_for_peers(x, e, a, d);
    for (uint32_t i = x->behind.n; i-- > 0;) {
        struct flat_rule r = x->behind.v[i];
        if (!box_intersect(&x->behind.v[i].box, d, &r.box))
            continue;
        r.whole = r.whole && box_equal(&r.box, &x->behind.v[i].box);
        if (!flat_add(x->ar, out, &r, x->limit))
            return false;
    }
    const struct flat_rule clear = {*d, VERDICT_CLEAR, NULL, NULL, true};
    return flat_add(x->ar, out, &clear, x->limit);
}

/* The rules of one line. False when the limit is passed. */
static bool flatten_line(struct flattening *x, const struct crypto_map_entry *e, const struct acl *l, uint32_t at)
{
    const struct ace *a = l->aces.v[at];
    struct boxes b = {0};
    enum verdict v = permitted(e);
    switch (ace_boxes(x->ar, a, (enum acl_kind)l->kind.v, &b, x->limit)) {
    case LINE_EXACT:
        break;
    case LINE_UNKNOWN:
        complain(x, e, a, "has no known set of packets, or one that needs too many selectors", FLAT_UNKNOWN);
        return true;
    case LINE_WIDER:
        complain(x, e, a, "holds conditions that no IPsec selector can express", FLAT_WIDER);
        if (!a->permit)
            return true;
        v = VERDICT_DROP;
        break;
    }
    for (uint32_t k = 0; k < b.n; k++) {
        const struct flat_rule permit = {b.v[k], v, e, a, true};
        if (!(a->permit ? flat_add(x->ar, &x->here, &permit, x->limit) : emit_deny(x, l, at, &b.v[k], e)))
            return false;
    }
    return true;
}

static struct box everything(uint8_t family)
{
    return (struct box){.family = family, .proto = PROTO_ANY, .sport = {0, 65535}, .dport = {0, 65535}};
}

static void reverse(struct flat *f)
{
    for (uint32_t i = 0, k = f->n; i + 1 < k; i++) {
        struct flat_rule t = f->v[i];
        f->v[i] = f->v[--k];
        f->v[k] = t;
    }
}

/* All rules of one entry, then behind it what the later entries say. False when the limit is passed. */
static bool flatten_entry(struct flattening *x, const struct crypto_map_entry *e, uint8_t family)
{
    const struct acl *l = map_entry_list(e);
    x->here.n = 0;
    if (!l) { /* drops all that reaches it; what is behind tells still what comes in by later entries */
        const struct flat_rule drop = {everything(family), VERDICT_DROP, e, NULL, true};
        return flat_add(x->ar, &x->behind, &drop, x->limit);
    }
    for (uint32_t i = 0; i < l->aces.n; i++) {
        const struct ace *a = l->aces.v[i];
        if (!a->remark && !flatten_line(x, e, l, i)) {
            complain(x, e, a, "needs more selectors than the limit allows", FLAT_TOO_MANY);
            return false;
        }
    }
    for (uint32_t k = x->here.n; k-- > 0;)
        if (!flat_add(x->ar, &x->behind, &x->here.v[k], x->limit)) {
            complain(x, e, x->here.v[k].line, "needs more selectors than the limit allows", FLAT_TOO_MANY);
            return false;
        }
    return true;
}

bool map_flatten(struct arena *ar, const struct crypto_map *m, enum deny_means deny, uint32_t limit, struct flat *out,
                 struct ptrlist *problems)
{
    struct flattening x = {.ar = ar, .limit = limit, .deny = deny, .problems = problems, .map = m};
    struct ptrlist l = entries_of(ar, m);
    uint32_t before = problems->n;
    for (uint32_t i = l.n; i-- > 0;)
        if (!flatten_entry(&x, l.v[i], m->ipv6.v ? FAMILY_V6 : FAMILY_V4))
            return false;
    reverse(&x.behind);
    *out = x.behind;
    return problems->n == before;
}

struct decision flat_decide(const struct flat *f, const struct packet *p)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (box_contains(&f->v[i].box, p))
            return (struct decision){f->v[i].verdict, f->v[i].entry, f->v[i].line};
    return (struct decision){VERDICT_CLEAR, NULL, NULL};
}
