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

static const struct acl *list_of(const struct crypto_map_entry *e)
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

/* Entries that never match outbound traffic by themselves. */
static bool is_passive(const struct crypto_map_entry *e)
{
    return e->type.v == ENTRY_DYNAMIC || e->type.v == ENTRY_GDOI || !IR_IS_SET(e->acl);
}

struct decision map_decide(const struct crypto_map *m, const struct packet *p, enum deny_means deny)
{
    struct arena scratch;
    struct decision r = {VERDICT_CLEAR, NULL, NULL};
    if (!arena_init(&scratch, SIZE_MAX))
        return (struct decision){VERDICT_DROP, NULL, NULL};
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        if (is_passive(e) || r.verdict != VERDICT_CLEAR)
            continue;
        const struct acl *l = list_of(e);
        if (!l) { /* R-ACL-7: named, but missing or empty */
            r = (struct decision){VERDICT_DROP, e, NULL};
            goto out;
        }
        for (uint32_t i = 0; i < l->aces.n; i++) {
            const struct ace *a = l->aces.v[i];
            if (a->remark || !line_matches(a, (enum acl_kind)l->kind.v, p, &scratch))
                continue;
            if (a->permit)
                r = (struct decision){e->peers.n ? VERDICT_PROTECT : VERDICT_DROP, e, a};
            else if (deny == DENY_DROP)
                r = (struct decision){VERDICT_DROP, e, a};
            if (a->permit || deny != DENY_JUMP)
                goto out;
            break;
        }
    }
out:
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
    const char *why;
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

/* The rules of one entry. Returns the offending line, NULL if all went well. */
static const struct ace *flatten_entry(struct flattening *x, const struct crypto_map_entry *e, const struct acl *l)
{
    enum acl_kind kind = (enum acl_kind)l->kind.v;
    for (uint32_t i = 0; i < l->aces.n; i++) {
        const struct ace *a = l->aces.v[i];
        if (a->remark)
            continue;
        struct boxes b = {0};
        enum line_sets s = ace_boxes(x->ar, a, kind, &b, x->limit);
        if (s != LINE_EXACT) {
            x->why = s == LINE_WIDER ? "holds conditions that no IPsec selector can express"
                                     : "has no known set of packets, or one that needs too many selectors";
            return a;
        }
        for (uint32_t k = 0; k < b.n; k++) {
            const struct flat_rule permit = {b.v[k], e->peers.n ? VERDICT_PROTECT : VERDICT_DROP, e, a, true};
            bool ok = a->permit ? flat_add(x->ar, &x->here, &permit, x->limit) : emit_deny(x, l, i, &b.v[k], e);
            if (!ok) {
                x->why = "needs more selectors than the limit allows";
                return a;
            }
        }
    }
    return NULL;
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

const struct ace *map_flatten(struct arena *ar, const struct crypto_map *m, enum deny_means deny, uint32_t limit,
                              struct flat *out, const char **why)
{
    struct flattening x = {.ar = ar, .limit = limit, .deny = deny};
    for (uint32_t i = m->entries.n; i-- > 0;) {
        const struct crypto_map_entry *e = m->entries.v[i];
        if (is_passive(e))
            continue;
        x.here.n = 0;
        const struct acl *l = list_of(e);
        const struct ace *bad = l ? flatten_entry(&x, e, l) : NULL;
        if (!l) { /* drops all that reaches it: nothing behind can matter */
            const struct flat_rule drop = {everything(m->ipv6.v ? FAMILY_V6 : FAMILY_V4), VERDICT_DROP, e, NULL, true};
            flat_add(ar, &x.here, &drop, limit);
            x.behind.n = 0;
        }
        for (uint32_t k = x.here.n; !bad && k-- > 0;)
            if (!flat_add(ar, &x.behind, &x.here.v[k], limit)) {
                x.why = "needs more selectors than the limit allows";
                bad = x.here.v[k].line;
            }
        if (bad) {
            *why = x.why;
            return bad;
        }
    }
    reverse(&x.behind);
    *out = x.behind;
    return NULL;
}

struct decision flat_decide(const struct flat *f, const struct packet *p)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (box_contains(&f->v[i].box, p))
            return (struct decision){f->v[i].verdict, f->v[i].entry, f->v[i].line};
    return (struct decision){VERDICT_CLEAR, NULL, NULL};
}
