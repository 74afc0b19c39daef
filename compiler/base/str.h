/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `str`: a slice that is not owned. `buf`: growable text that is. */
#ifndef IOSCC_BASE_STR_H
#define IOSCC_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler/base/must.h"

struct str {
    const char *p;
    uint32_t len;
};

#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : ""

#define STR_EMPTY ((struct str){0})

static inline struct str str_lit(const char *z)
{
    return (struct str){z, (uint32_t)strlen(z)};
}
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
static inline bool str_is(struct str a, const char *z)
{
    return a.len == strlen(z) && memcmp(a.p, z, a.len) == 0;
}
/* ASCII only, independent of the locale. */
static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* Is `a` a case-blind prefix of (or equal to) `z`? An empty `a` is not. */
bool str_prefix_of(struct str a, const char *z) MUST_CHECK;
static inline bool str_ieq(struct str a, const char *z)
{
    return a.len == strlen(z) && (a.len == 0 || str_prefix_of(a, z));
}
/* The next word of `rest`, up to a blank or tab; `rest` becomes what follows it. Empty at the end. */
struct str str_take_word(struct str *rest);
/* Byte order as strcmp(). */
int str_cmp(struct str a, struct str b) MUST_CHECK;

/* Damerau-Levenshtein distance, case blind, cut off at `limit` + 1. For "did you mean". */
unsigned str_distance(struct str a, const char *z, unsigned limit);

struct buf {
    char *p;
    size_t len, cap;
    bool failed; /* malloc() refused: the text is incomplete */
};
/* Room for `cap` bytes, all that is there included. Not realloc(), which leaves a copy behind: keys may be in it. */
bool buf_grow(struct buf *b, size_t cap) MUST_CHECK;
void buf_add(struct buf *b, const char *p, size_t len);
void buf_puts(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_str(struct buf *b, struct str s);
/* Wipes and frees. */
void buf_free(struct buf *b);

#endif
