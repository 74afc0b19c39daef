/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/str.h"

#include <stdio.h>
#include <stdlib.h>

bool str_prefix_of(struct str a, const char *z)
{
    if (a.len == 0)
        return false;
    for (uint32_t i = 0; i < a.len; i++)
        if (z[i] == '\0' || str_lower(a.p[i]) != str_lower(z[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_take_word(struct str *rest)
{
    while (rest->len && is_blank(rest->p[0]))
        *rest = (struct str){rest->p + 1, rest->len - 1};
    struct str w = {rest->p, 0};
    while (w.len < rest->len && !is_blank(rest->p[w.len]))
        w.len++;
    *rest = (struct str){rest->len ? rest->p + w.len : rest->p, rest->len - w.len};
    return w;
}

int str_cmp(struct str a, struct str b)
{
    uint32_t n = a.len < b.len ? a.len : b.len;
    int r = n ? memcmp(a.p, b.p, n) : 0;
    return r ? r : (a.len > b.len) - (a.len < b.len);
}

unsigned str_distance(struct str a, const char *z, unsigned limit)
{
    enum { MAX = 48 };
    size_t zl = strlen(z);
    if (a.len > MAX || zl > MAX)
        return limit + 1;
    unsigned rows[3][MAX + 1];
    for (size_t j = 0; j <= zl; j++)
        rows[0][j] = (unsigned)j;
    for (uint32_t i = 1; i <= a.len; i++) {
        unsigned *cur = rows[i % 3], *prev = rows[(i - 1) % 3], *prev2 = rows[(i + 1) % 3];
        unsigned best = cur[0] = i;
        for (size_t j = 1; j <= zl; j++) {
            bool same = str_lower(a.p[i - 1]) == str_lower(z[j - 1]);
            unsigned d = prev[j - 1] + !same;
            if (prev[j] + 1 < d)
                d = prev[j] + 1;
            if (cur[j - 1] + 1 < d)
                d = cur[j - 1] + 1;
            if (i > 1 && j > 1 && str_lower(a.p[i - 1]) == str_lower(z[j - 2]) &&
                str_lower(a.p[i - 2]) == str_lower(z[j - 1]) && prev2[j - 2] + 1 < d)
                d = prev2[j - 2] + 1;
            cur[j] = d;
            if (d < best)
                best = d;
        }
        if (best > limit)
            return limit + 1;
    }
    unsigned d = rows[a.len % 3][zl];
    return d > limit ? limit + 1 : d;
}

bool buf_grow(struct buf *b, size_t cap)
{
    char *p = malloc(cap);
    if (!p)
        return !(b->failed = true);
    if (b->p) {
        memcpy(p, b->p, b->cap < cap ? b->cap : cap);
        explicit_bzero(b->p, b->cap);
    }
    free(b->p);
    b->p = p;
    b->cap = cap;
    return true;
}

static bool reserve(struct buf *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 2 - b->len)
        return !(b->failed = true);
    if (b->len + more + 1 <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap * 2 : 256;
    while (cap < b->len + more + 1)
        cap *= 2;
    return buf_grow(b, cap);
}

void buf_add(struct buf *b, const char *p, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->p + b->len, p, len);
    b->len += len;
    b->p[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_putc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.len);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0 || !reserve(b, (size_t)n))
        return;
    vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_free(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    free(b->p);
    memset(b, 0, sizeof *b);
}
