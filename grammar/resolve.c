/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See resolve.h. */
#include "grammar/resolve.h"

#include <stdlib.h>

#include "build/gen/ios_parse.h"
#include "grammar/shapes.h"

#define NODES_MAX 40000u /* beyond this the tree is dropped and grown anew: hostile input must not fill memory */
#define FIRST_KEYWORD (M_PUBKEY + 1)
#define SYMBOLS 700

struct node {
    uint16_t *kw;          /* token numbers, sorted by spelling */
    const char **spelling; /* ... of each */
    uint32_t *kw_next;
    uint16_t nkw;
    bool ready, end;
    uint32_t shapes; /* bit (tok - T_NUM) */
    uint32_t shape_next[M_GLOBAL - T_NUM];
    uint32_t parent;
    int tok; /* that led here */
};

struct resolver {
    struct node *nodes;
    uint32_t n, cap;
    void *live; /* parser state that runs actions */
    struct ios_line scratch_line;
    struct ios_stmt scratch_stmt;
};

_Static_assert(M_GLOBAL - T_NUM <= 32, "shape set is a 32-bit mask");

static uint32_t node_new(struct resolver *r, uint32_t parent, int tok)
{
    if (r->n == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 256;
        struct node *p = realloc(r->nodes, cap * sizeof *p);
        if (!p)
            abort(); /* the tree is bounded to a few megabytes */
        r->nodes = p;
        r->cap = cap;
    }
    r->nodes[r->n] = (struct node){.parent = parent, .tok = tok};
    return r->n++;
}

static void nodes_clear(struct resolver *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        free(r->nodes[i].kw);
        free(r->nodes[i].spelling);
        free(r->nodes[i].kw_next);
    }
    r->n = 0;
    for (int m = 0; m < MODE_COUNT; m++)
        node_new(r, UINT32_MAX, M_GLOBAL + m);
}

struct resolver *resolver_new(void)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->live = grammar_new();
    if (!r->live) {
        free(r);
        return NULL;
    }
    nodes_clear(r);
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    nodes_clear(r);
    free(r->nodes);
    grammar_free(r->live);
    free(r);
}

static int by_spelling(const void *a, const void *b)
{
    return strcmp(grammar_symbol_name(*(const uint16_t *)a), grammar_symbol_name(*(const uint16_t *)b));
}

/* Asks the grammar what may follow the path to a node. */
static void node_learn(struct resolver *r, uint32_t at)
{
    int path[LINE_WORDS_MAX + 8];
    uint32_t depth = 0;
    for (uint32_t i = at; i != UINT32_MAX && depth < LINE_WORDS_MAX + 8; i = r->nodes[i].parent)
        path[depth++] = r->nodes[i].tok;
    line_reset(&r->scratch_line, &r->scratch_stmt);
    void *state = grammar_new();
    if (!state)
        abort();
    const struct ios_val nothing = {.kind = IOS_V_NONE};
    while (depth)
        grammar_push(state, path[--depth], &nothing, &r->scratch_line);
    int syms[SYMBOLS];
    int n = grammar_expected(state, syms, SYMBOLS);
    grammar_free(state);
    struct node *nd = &r->nodes[at];
    nd->ready = true;
    nd->kw = calloc((size_t)n + 1, sizeof *nd->kw);
    nd->kw_next = calloc((size_t)n + 1, sizeof *nd->kw_next);
    nd->spelling = calloc((size_t)n + 1, sizeof *nd->spelling);
    if (!nd->kw || !nd->kw_next || !nd->spelling)
        abort();
    for (int i = 0; i < n; i++) {
        if (syms[i] == 0)
            nd->end = true;
        else if (syms[i] >= FIRST_KEYWORD)
            nd->kw[nd->nkw++] = (uint16_t)syms[i];
        else if (syms[i] >= T_NUM && syms[i] < M_GLOBAL)
            nd->shapes |= 1u << (syms[i] - T_NUM);
    }
    qsort(nd->kw, nd->nkw, sizeof *nd->kw, by_spelling);
    for (uint32_t i = 0; i < nd->nkw; i++)
        nd->spelling[i] = grammar_symbol_name(nd->kw[i]);
}

static struct node *node_at(struct resolver *r, uint32_t at)
{
    if (!r->nodes[at].ready)
        node_learn(r, at);
    return &r->nodes[at];
}

static bool takes(const struct node *n, int shape)
{
    return n->shapes >> (shape - T_NUM) & 1;
}

enum kw_match { KW_NONE, KW_EXACT, KW_PREFIX, KW_SEVERAL };

/* Case-blind comparison of the first a.len bytes of a spelling with the word. */
static int word_cmp(struct str a, const char *z)
{
    for (uint32_t i = 0; i < a.len; i++) {
        unsigned char x = (unsigned char)str_lower(a.p[i]), y = (unsigned char)z[i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static enum kw_match keyword(const struct node *n, struct str w, uint32_t *index)
{
    uint32_t lo = 0, hi = n->nkw;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (word_cmp(w, n->spelling[mid]) > 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == n->nkw || word_cmp(w, n->spelling[lo]) != 0)
        return KW_NONE;
    *index = lo;
    if (n->spelling[lo][w.len] == '\0') /* the shortest of a run sorts first */
        return KW_EXACT;
    return lo + 1 < n->nkw && word_cmp(w, n->spelling[lo + 1]) == 0 ? KW_SEVERAL : KW_PREFIX;
}

static uint32_t child(struct resolver *r, uint32_t at, int tok, uint32_t *slot)
{
    if (*slot)
        return *slot;
    size_t kw_offset =
        r->nodes[at].kw_next && slot >= r->nodes[at].kw_next && slot < r->nodes[at].kw_next + r->nodes[at].nkw
            ? (size_t)(slot - r->nodes[at].kw_next)
            : SIZE_MAX;
    uint32_t c = node_new(r, at, tok); /* may move the nodes */
    struct node *n = &r->nodes[at];
    if (kw_offset != SIZE_MAX)
        n->kw_next[kw_offset] = c;
    else
        n->shape_next[tok - T_NUM] = c;
    return c;
}

static void take(struct resolver *r, struct resolution *o, int tok, const struct ios_val *v, uint32_t *slot)
{
    o->tok[o->ntok] = tok;
    o->val[o->ntok++] = *v;
    o->node = child(r, o->node, tok, slot);
}

static void take_shape(struct resolver *r, struct resolution *o, int tok, const struct ios_val *v)
{
    take(r, o, tok, v, &r->nodes[o->node].shape_next[tok - T_NUM]);
}

static void take_keyword(struct resolver *r, struct resolution *o, uint32_t index, struct ios_val v)
{
    struct node *n = &r->nodes[o->node];
    int tok = n->kw[index];
    v.kind = IOS_V_KEYWORD;
    v.tok = (uint32_t)tok;
    v.u.word = n->spelling[index];
    o->nkeywords++;
    take(r, o, tok, &v, &n->kw_next[index]);
}

static struct ios_val rest_of_line(const struct line_words *w, uint32_t i)
{
    return (struct ios_val){.kind = IOS_V_TEXT, .span = {w->off + w->words[i].off, w->len - w->words[i].off}};
}

/* Resolves word i; returns how many words were taken, 0 if none fits. */
static uint32_t one_word(struct resolver *r, const struct line_words *w, uint32_t i, struct resolution *o)
{
    struct node *n = node_at(r, o->node);
    struct str s = {w->text + w->words[i].off, w->words[i].len};
    struct ios_val v = {.span = {w->off + w->words[i].off, s.len}};
    uint32_t index = 0;
    enum kw_match km = n->nkw ? keyword(n, s, &index) : KW_NONE;
    if (km == KW_EXACT) {
        take_keyword(r, o, index, v);
        return 1;
    }
    for (const int *t = shape_order; n->shapes && *t; t++)
        if (takes(n, *t)) {
            uint32_t used = shape_match(*t, w, i, &v);
            if (used) {
                take_shape(r, o, *t, &v);
                return used;
            }
        }
    if (takes(n, T_WORD) && shape_match(T_WORD, w, i, &v)) {
        take_shape(r, o, T_WORD, &v);
        return 1;
    }
    if (km == KW_PREFIX) {
        take_keyword(r, o, index, v);
        return 1;
    }
    uint32_t used = takes(n, T_IFNAME) ? shape_match(T_IFNAME, w, i, &v) : 0;
    if (used) {
        take_shape(r, o, T_IFNAME, &v);
        return used;
    }
    int rest = takes(n, T_REST) ? T_REST : takes(n, T_OTHER) ? T_OTHER : 0;
    if (rest) {
        v = rest_of_line(w, i);
        v.tok = (uint32_t)rest;
        o->catch_all = rest == T_OTHER;
        take_shape(r, o, rest, &v);
        return UINT32_MAX;
    }
    o->status = km == KW_SEVERAL ? RES_AMBIGUOUS : RES_UNKNOWN;
    return 0;
}

void resolver_try(struct resolver *r, enum ios_mode mode, const struct line_words *w, struct resolution *o)
{
    if (r->n > NODES_MAX)
        nodes_clear(r);
    o->node = (uint32_t)mode;
    o->ntok = o->nkeywords = 0;
    o->catch_all = false;
    o->tok[o->ntok++] = M_GLOBAL + (int)mode;
    o->val[0] = (struct ios_val){.kind = IOS_V_NONE};
    uint32_t n = w->n > LINE_WORDS_MAX ? LINE_WORDS_MAX : w->n, i = w->first;
    while (i < n) {
        /* `crypto map X 10 ipsec-isakmp !note`: a comment where the line could end */
        if (w->text[w->words[i].off] == '!' && i > w->first && node_at(r, o->node)->end)
            break;
        uint32_t used = one_word(r, w, i, o);
        if (used == UINT32_MAX) {
            i = w->n;
            break;
        }
        if (used == 0) {
            o->at = i;
            return;
        }
        i += used;
    }
    if (i < w->n && w->n > LINE_WORDS_MAX) {
        o->status = RES_TOO_LONG;
        o->at = i;
        return;
    }
    struct node *nd = node_at(r, o->node);
    if (!nd->end && w->negated && takes(nd, T_CUT)) {
        struct ios_val cut = {.kind = IOS_V_CUT, .span = {w->off + w->len, 0}};
        take_shape(r, o, T_CUT, &cut);
        nd = node_at(r, o->node);
    }
    o->at = i;
    o->status = nd->end ? RES_OK : RES_INCOMPLETE;
}

bool resolver_starts(struct resolver *r, enum ios_mode mode, struct str word)
{
    uint32_t index;
    struct node *n = node_at(r, (uint32_t)mode);
    if (n->shapes & ~(1u << (T_CUT - T_NUM)))
        return true;
    enum kw_match m = keyword(n, word, &index);
    return m != KW_NONE;
}

void resolver_run(struct resolver *r, const struct resolution *res, struct ios_line *p)
{
    for (uint32_t i = 0; i < res->ntok; i++)
        grammar_push(r->live, res->tok[i], &res->val[i], p);
    const struct ios_val end = {.kind = IOS_V_NONE};
    if (grammar_push(r->live, 0, &end, p) != 0)
        p->failed = true;
}

void resolver_expected(struct resolver *r, uint32_t node, struct expectation *out)
{
    struct node *n = node_at(r, node);
    memset(out, 0, sizeof *out);
    out->end = n->end;
    for (uint32_t i = 0; i < n->nkw && out->nkw < 512; i++)
        out->kw[out->nkw++] = n->spelling[i];
    for (int t = T_NUM; t < M_GLOBAL && out->nshape < 16; t++)
        if (takes(n, t) && t != T_CUT && t != T_OTHER) {
            out->shape_tok[out->nshape] = t;
            out->shape[out->nshape++] = grammar_symbol_name(t);
        }
}

const char *resolver_nearest(struct resolver *r, uint32_t node, struct str word)
{
    struct node *n = node_at(r, node);
    unsigned limit = word.len > 5 ? 3 : word.len > 3 ? 2 : 1; /* distances below this count */
    if (word.len <= 3)
        limit = 2;
    const char *best = NULL;
    for (uint32_t i = 0; i < n->nkw && limit > 0; i++) {
        unsigned d = str_distance(word, n->spelling[i], limit - 1);
        if (d < limit) {
            limit = d;
            best = n->spelling[i];
        }
    }
    for (int t = T_NUM; !best && t < M_GLOBAL; t++)
        if (takes(n, t))
            best = shape_nearest(t, word);
    return best;
}
