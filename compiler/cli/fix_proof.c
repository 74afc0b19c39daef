/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/fix_proof.h"

#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "compiler/sets/sets.h"

#define BOXES_MAX 65536u /* of one list; beyond it nothing is proved */

/* ---- what a list decides ---- */

/* The packets that lines have permitted, and denied, so far. */
struct decided {
    struct boxes of[2]; /* [permit] */
    struct box_index *index[2];
};

struct lines {
    struct arena *arena;
    const struct acl *acl;
    uint32_t at; /* the next line */
    struct decided so_far;
};

static struct lines lines_of(struct arena *arena, const struct acl *a)
{
    struct lines l = {.arena = arena, .acl = a};
    for (int k = 0; k < 2; k++)
        l.so_far.index[k] = box_index_new(arena);
    return l;
}

struct gathered {
    struct arena *arena;
    struct boxes boxes;
};

static void gather(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    struct gathered *g = ctx;
    (void)rank, (void)tag, (void)floor;
    boxes_add(g->arena, &g->boxes, b);
}

static struct boxes in_common(struct arena *arena, struct box_index *index, const struct box *b)
{
    struct gathered g = {.arena = arena};
    uint32_t floor = 0;
    box_index_visit(index, b, &floor, gather, &g);
    return g.boxes;
}

static void keep(struct lines *l, bool permit, const struct box *b)
{
    struct box *kept = ARENA_NEW(l->arena, struct box);
    *kept = *b;
    boxes_add(l->arena, &l->so_far.of[permit], b);
    box_index_add(l->so_far.index[permit], kept, 1, NULL);
}

/* What of a box the other verdict has not taken before. False: that takes too many boxes. */
static bool decide(struct lines *l, bool permit, const struct box *b)
{
    const struct boxes taken = in_common(l->arena, l->so_far.index[!permit], b);
    struct boxes rest = {0};
    boxes_add(l->arena, &rest, b);
    for (uint32_t i = 0; i < taken.n; i++) {
        struct boxes next = {0};
        for (uint32_t k = 0; k < rest.n; k++)
            if (!box_subtract(l->arena, &rest.v[k], &taken.v[i], &next, BOXES_MAX))
                return false;
        rest = next;
    }
    for (uint32_t k = 0; k < rest.n; k++)
        keep(l, permit, &rest.v[k]);
    return l->so_far.of[permit].n < BOXES_MAX;
}

enum step { STEP_END, STEP_OPAQUE, STEP_TOO_MANY };

/* Goes on to the next line whose packets no box says, which is `*opaque`, or to the end. */
static enum step decide_on(struct lines *l, const struct ace **opaque)
{
    for (; l->at < l->acl->aces.n; l->at++) {
        const struct ace *a = l->acl->aces.v[l->at];
        struct boxes b = {0};
        if (a->remark)
            continue;
        if (ace_boxes(l->arena, a, (enum acl_kind)l->acl->kind.v, &b, BOXES_MAX) != LINE_EXACT) {
            *opaque = a;
            l->at++;
            return STEP_OPAQUE;
        }
        for (uint32_t k = 0; k < b.n; k++)
            if (!decide(l, a->permit, &b.v[k]))
                return STEP_TOO_MANY;
    }
    return STEP_END;
}

static bool is_in(struct arena *arena, const struct boxes *some, struct box_index *all)
{
    for (uint32_t i = 0; i < some->n; i++) {
        const struct boxes near = in_common(arena, all, &some->v[i]);
        struct packet outside;
        if (boxes_cover(arena, &near, &some->v[i], BOXES_MAX, &outside) != 1)
            return false;
    }
    return true;
}

static bool is_same_set(struct arena *arena, const struct decided *a, const struct decided *b, bool permit)
{
    return is_in(arena, &a->of[permit], b->index[permit]) && is_in(arena, &b->of[permit], a->index[permit]);
}

static struct str text_of(const struct compiled *c, struct span s)
{
    return (struct str){c->source.text + s.off, s.len};
}

/* ---- two lists ---- */

struct pair {
    const struct compiled *before, *after;
    struct arena *arena;
    char *why;
};

static bool differs(const struct pair *p, const struct acl *a, const char *how)
{
    snprintf(p->why, FIX_WHY_MAX, "access list " STR_FMT " %s", STR_ARG(a->name.s), how);
    return false;
}

static bool is_unchanged(const struct pair *p, const struct acl *a, const struct acl *b)
{
    if (a->aces.n != b->aces.n)
        return false;
    for (uint32_t i = 0; i < a->aces.n; i++) {
        const struct ace *x = a->aces.v[i], *y = b->aces.v[i];
        if (!str_eq(text_of(p->before, x->span), text_of(p->after, y->span)))
            return false;
    }
    return true;
}

struct counted {
    uint32_t lines, logs, remarks;
};
static struct counted count(const struct acl *a)
{
    struct counted n = {0};
    PTRLIST_FOR (struct ace, x, &a->aces) {
        n.lines += !x->remark;
        n.logs += x->log || x->log_input;
        n.remarks += x->remark;
    }
    return n;
}

/* First match decides, and what nothing matches is denied: at each line whose packets nobody can tell, and at the end,
 * the two must have permitted the same; before such a line they must have denied the same, too. */
static bool decides_alike(const struct pair *p, const struct acl *a, const struct acl *b)
{
    struct lines x = lines_of(p->arena, a), y = lines_of(p->arena, b);
    for (;;) {
        const struct ace *u = NULL, *v = NULL;
        const enum step s = decide_on(&x, &u), t = decide_on(&y, &v);
        if (s == STEP_TOO_MANY || t == STEP_TOO_MANY)
            return differs(p, a, "is too long to be compared");
        if (s != t || (u && !str_eq(text_of(p->before, u->span), text_of(p->after, v->span))))
            return differs(p, a, "would lose a line whose packets cannot be told");
        if (!is_same_set(p->arena, &x.so_far, &y.so_far, true))
            return differs(p, a, "would permit other packets");
        if (s == STEP_END)
            return true;
        if (!is_same_set(p->arena, &x.so_far, &y.so_far, false))
            return differs(p, a, "would deny other packets before a line whose packets cannot be told");
    }
}

/* IPv6 lists end with permits for neighbour discovery (RFC 4861) before their last deny. */
static bool is_v6(const struct acl *a)
{
    return a->kind.v == ACL_IPV6;
}

static bool is_same_list(const struct pair *p, const struct acl *a, const struct acl *b)
{
    const struct counted n = count(a), m = count(b);
    if (is_unchanged(p, a, b))
        return true;
    if (is_v6(a))
        return differs(p, a, "is of IPv6: what its last lines leave to neighbour discovery is not compared");
    if (m.lines == 0)
        return differs(p, a, "would become empty, which permits everything as a filter");
    if (n.logs != m.logs)
        return differs(p, a, "would lose a line that logs");
    if (n.remarks != m.remarks)
        return differs(p, a, "would lose a remark");
    return decides_alike(p, a, b);
}

/* ---- all of it ---- */

static bool are_lists_same(const struct pair *p, const struct ir_config *c, const struct ir_config *d)
{
    if (c->acls.n != d->acls.n) {
        snprintf(p->why, FIX_WHY_MAX, "an access list would be lost");
        return false;
    }
    for (uint32_t i = 0; i < c->acls.n; i++) {
        const struct acl *a = c->acls.v[i], *b = d->acls.v[i];
        if (!str_eq(a->name.s, b->name.s) || a->kind.v != b->kind.v)
            return differs(p, a, "would be lost");
        if (!is_same_list(p, a, b))
            return false;
    }
    return true;
}

static bool opens_list(struct str line)
{
    static const char *const words[] = {"ip access-list", "ipv6 access-list"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (line.len > strlen(words[i]) && memcmp(line.p, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* The configuration as IOS would print it, without the lines of lists. */
static void print_rest(struct buf *out, const struct compiled *c)
{
    struct buf all = {0};
    struct backend_options o = {.show_secrets = true};
    bool is_in_list = false;
    backend_ios.print(&all, &c->units, &o);
    for (size_t i = 0; i < all.len;) {
        const char *end = memchr(all.p + i, '\n', all.len - i);
        const size_t n = end ? (size_t)(end - (all.p + i)) + 1 : all.len - i;
        const struct str line = {all.p + i, (uint32_t)n};
        if (line.p[0] != ' ')
            is_in_list = opens_list(line);
        if (!is_in_list || line.p[0] != ' ')
            buf_add(out, line.p, line.len);
        i += n;
    }
    out->failed |= all.failed;
    buf_free(&all); /* wipes it: there are keys */
}

static bool is_rest_same(const struct pair *p)
{
    struct buf x = {0}, y = {0};
    print_rest(&x, p->before);
    print_rest(&y, p->after);
    bool is_same = !x.failed && !y.failed && x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
    buf_free(&x);
    buf_free(&y);
    if (!is_same)
        snprintf(p->why, FIX_WHY_MAX, "more than access lists would be another");
    return is_same;
}

static bool is_same(const struct pair *p)
{
    const struct ptrlist *c = &p->before->units, *d = &p->after->units;
    if (c->n != d->n || !is_rest_same(p)) {
        if (!*p->why)
            snprintf(p->why, FIX_WHY_MAX, "it would be another number of routers");
        return false;
    }
    for (uint32_t i = 0; i < c->n; i++)
        if (!are_lists_same(p, c->v[i], d->v[i]))
            return false;
    return true;
}

bool fix_is_harmless(const struct compiled *before, struct ios_parser *parser, struct str mended,
                     char why[static FIX_WHY_MAX])
{
    struct source src;
    struct compiled after;
    *why = '\0';
    snprintf(why, FIX_WHY_MAX, "the mended text cannot be read");
    if (source_from_memory(&src, before->source.name, mended.p, mended.len) < 0 ||
        sem_compile(&after, parser, &src) < 0)
        return false;
    *why = '\0';
    const struct pair p = {before, &after, &after.arena, why};
    bool is_harmless = is_same(&p);
    sem_free(&after);
    return is_harmless;
}
