/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linear memory pool. Everything that one configuration needs (statements, names, IR, findings) lives in one
 * arena and is freed at once; nothing in it is freed singly.
 */
#ifndef IOSCC_BASE_ARENA_H
#define IOSCC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/base/must.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* newest chunk; holds the emergency reserve when there is none other */
    size_t used;              /* bytes handed out so far */
    size_t limit;             /* soft limit in bytes; see arena_exhausted() */
    bool failed;              /* malloc() refused, or the limit was passed */
};

/* Prepares an empty arena. `limit` is soft: an allocation never fails because of it, but arena_exhausted()
 * turns true and the caller is expected to stop taking input at the next line. Returns false if not even the
 * reserve can be had. */
bool arena_init(struct arena *a, size_t limit) MUST_CHECK;

/* Zeroed memory, aligned for any type. Never NULL: when malloc() fails the bytes come from a reserve that is
 * large enough for the work of one input line, and arena_exhausted() turns true. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));

/* n * size bytes with the multiplication checked. */
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));

/* A NUL-terminated copy of p[0..len). */
char *arena_strndup(struct arena *a, const char *p, size_t len) __attribute__((returns_nonnull));

bool arena_exhausted(const struct arena *a) MUST_CHECK;

/* Frees all chunks. Chunks are wiped first: keys may have been copied here. */
void arena_free(struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* A growing list of pointers whose storage is in an arena. */
struct ptrlist {
    void **v;
    uint32_t n, cap;
};
void ptrlist_add(struct arena *a, struct ptrlist *l, void *item);
void ptrlist_insert(struct arena *a, struct ptrlist *l, uint32_t at, void *item);
void ptrlist_remove(struct ptrlist *l, uint32_t at);

#define PTRLIST_FOR(type, var, list)                                                                                   \
    for (uint32_t var##_i = 0; var##_i < (list)->n; var##_i++)                                                         \
        for (type *var = (list)->v[var##_i], *var##_once = var; var##_once; var##_once = NULL)

#endif
