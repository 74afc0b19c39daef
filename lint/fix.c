/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/fix.h"

#include <stdlib.h>

#include "compiler/base/redact.h"

struct edit {
    uint32_t from, to;
    const char *text;
    uint32_t item;
};

static int by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from ? 1 : x->to < y->to ? -1 : x->to > y->to;
}

static struct edit edit_of(const struct source *src, const struct diag *d, uint32_t item)
{
    struct edit e = {d->fix.span.off, d->fix.span.off + d->fix.span.len, d->fix.text, item};
    if (d->fix.kind == FIX_DELETE_LINE) {
        while (e.from > 0 && src->text[e.from - 1] != '\n')
            e.from--;
        while (e.to < src->len && src->text[e.to] != '\n')
            e.to++;
        if (e.to < src->len)
            e.to++;
        e.text = "";
    }
    return e;
}

uint32_t fix_apply(const struct source *src, const struct diag_list *l, struct buf *out, bool *done)
{
    struct edit *v = calloc(l->items.n + 1, sizeof *v);
    uint32_t n = 0, at = 0, count = 0;
    if (!v) {
        out->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < l->items.n; i++) {
        const struct diag *d = l->items.v[i];
        if (d->fix.kind)
            v[n++] = edit_of(src, d, i);
    }
    qsort(v, n, sizeof *v, by_place);
    for (uint32_t i = 0; i < n; i++) {
        bool same = i > 0 && v[i].from == v[i - 1].from && v[i].to == v[i - 1].to;
        if (v[i].from >= at && !same) {
            buf_add(out, src->text + at, v[i].from - at);
            buf_puts(out, v[i].text);
            at = v[i].to;
            count++;
        }
        if (done && (v[i].to <= at))
            done[v[i].item] = true;
    }
    buf_add(out, src->text + at, src->len - at);
    free(v);
    return count;
}

/* ---- unified diff: edits are few and far between, so a plain longest-run search on lines is enough ---- */

struct lines {
    struct str *v;
    uint32_t n;
};

static struct lines split(struct str s)
{
    struct lines l = {NULL, 0};
    uint32_t cap = 1;
    for (uint32_t i = 0; i < s.len; i++)
        cap += s.p[i] == '\n';
    l.v = calloc(cap, sizeof *l.v);
    for (uint32_t i = 0; l.v && i < s.len;) {
        const char *nl = memchr(s.p + i, '\n', s.len - i);
        uint32_t end = nl ? (uint32_t)(nl - s.p) : s.len;
        l.v[l.n++] = (struct str){s.p + i, end - i};
        i = end + 1;
    }
    return l;
}

/* The nearest place where both sides agree again for two lines (or end). */
static void resync(const struct lines *a, const struct lines *b, uint32_t i, uint32_t j, uint32_t *ni, uint32_t *nj)
{
    for (uint32_t d = 1; d < a->n - i + b->n - j + 1; d++)
        for (uint32_t x = 0; x <= d; x++) {
            uint32_t p = i + d - x, q = j + x;
            bool first = p < a->n && q < b->n && str_eq(a->v[p], b->v[q]);
            bool second =
                (p + 1 >= a->n && q + 1 >= b->n) || (p + 1 < a->n && q + 1 < b->n && str_eq(a->v[p + 1], b->v[q + 1]));
            if ((first && second) || (p == a->n && q == b->n)) {
                *ni = p;
                *nj = q;
                return;
            }
        }
    *ni = a->n;
    *nj = b->n;
}

static void line(struct buf *out, char mark, struct str s)
{
    buf_putc(out, mark);
    if (s.len && s.p[s.len - 1] == '\r')
        s.len--;
    redact_line(s, out, NULL, NULL);
    buf_putc(out, '\n');
}

struct change {
    uint32_t a, an, b, bn;
};

static void hunk(struct buf *out, const struct lines *a, const struct lines *b, const struct change *c, uint32_t n)
{
    uint32_t last = n - 1, a0 = c[0].a > 3 ? c[0].a - 3 : 0, b0 = c[0].b - (c[0].a - a0);
    uint32_t a1 = c[last].a + c[last].an + 3, b1;
    if (a1 > a->n)
        a1 = a->n;
    b1 = c[last].b + c[last].bn + (a1 - c[last].a - c[last].an);
    buf_printf(out, "@@ -%u,%u +%u,%u @@\n", a0 + (a1 > a0), a1 - a0, b0 + (b1 > b0), b1 - b0);
    uint32_t at = a0;
    for (uint32_t i = 0; i < n; i++) {
        for (; at < c[i].a; at++)
            line(out, ' ', a->v[at]);
        for (uint32_t k = 0; k < c[i].an; k++)
            line(out, '-', a->v[c[i].a + k]);
        for (uint32_t k = 0; k < c[i].bn; k++)
            line(out, '+', b->v[c[i].b + k]);
        at = c[i].a + c[i].an;
    }
    for (; at < a1; at++)
        line(out, ' ', a->v[at]);
}

void fix_diff(struct buf *out, const char *name, struct str before, struct str after)
{
    struct lines a = split(before), b = split(after);
    struct change *c = calloc(a.n + b.n + 1, sizeof *c);
    uint32_t n = 0, i = 0, j = 0;
    while (c && a.v && b.v && (i < a.n || j < b.n)) {
        if (i < a.n && j < b.n && str_eq(a.v[i], b.v[j])) {
            i++, j++;
            continue;
        }
        uint32_t ni, nj;
        resync(&a, &b, i, j, &ni, &nj);
        c[n++] = (struct change){i, ni - i, j, nj - j};
        i = ni;
        j = nj;
    }
    if (n)
        buf_printf(out, "--- a/%s\n+++ b/%s\n", name, name);
    for (uint32_t k = 0, from = 0; k < n; k++)
        if (k + 1 == n || c[k + 1].a - c[k].a - c[k].an > 6) {
            hunk(out, &a, &b, c + from, k + 1 - from);
            from = k + 1;
        }
    free(c);
    free(a.v);
    free(b.v);
}
