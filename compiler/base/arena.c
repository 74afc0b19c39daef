/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See arena.h. Chunks grow geometrically up to 16 MiB so that small files cost one small malloc; large ones come from
 * the kernel and go back to it, so that they are zero already and need not be wiped, and ask for huge pages. A third of
 * the time on a large configuration went into page faults and zeroing before. */
#include "compiler/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CHUNK ((size_t)16 << 10)
#define LARGEST_CHUNK ((size_t)16 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
#define MAPPED_FROM ((size_t)512 << 10)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    bool mapped; /* not from malloc */
    alignas(max_align_t) unsigned char bytes[];
};

/* Zeroed memory from the kernel; what is large begins with a huge page, or its ends would be thousands of small ones.
 * `size`: of a large one a multiple of it. NULL: there is none. */
static void *map(size_t size)
{
    const size_t more = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    uint8_t *p = mmap(NULL, size + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (!more)
        return p;
    const size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before)
        munmap(p, before);
    munmap(p + before + size, more - before);
    madvise(p + before, size, MADV_HUGEPAGE); /* advice only: without effect where it is not wanted */
    return p + before;
}

/* Of `total` bytes with its header. */
static struct arena_chunk *chunk_new(size_t total)
{
    const bool mapped = total >= MAPPED_FROM;
    if (total >= HUGE_PAGE)
        total = (total + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    struct arena_chunk *c = mapped ? map(total) : malloc(total);
    if (!c)
        return NULL;
    c->mapped = mapped;
    c->next = NULL;
    c->size = total - sizeof *c;
    c->used = 0;
    return c;
}

bool arena_init(struct arena *a, size_t limit)
{
    memset(a, 0, sizeof *a);
    a->limit = limit;
    a->head = chunk_new(FIRST_CHUNK);
    return a->head != NULL;
}

static struct arena_chunk *grow(struct arena *a, size_t need)
{
    const size_t least = sizeof(struct arena_chunk) + need;
    size_t total = a->head ? (sizeof *a->head + a->head->size) * 2 : FIRST_CHUNK;
    if (total > LARGEST_CHUNK)
        total = LARGEST_CHUNK;
    if (total < least)
        total = least;
    struct arena_chunk *c = chunk_new(total);
    if (!c) {
        a->failed = true;
        c = chunk_new(least);
        if (!c)
            abort(); /* not even one line's worth of memory: nothing sensible can be reported */
    }
    c->next = a->head;
    a->head = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t al = alignof(max_align_t);
    size = (size + al - 1) & ~(al - 1);
    if (size == 0)
        size = al;
    struct arena_chunk *c = a->head;
    if (!c || c->size - c->used < size)
        c = grow(a, size);
    void *p = c->bytes + c->used;
    c->used += size;
    a->used += size;
    if (a->used > a->limit)
        a->failed = true;
    if (!c->mapped)
        memset(p, 0, size);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total) || total > SIZE_MAX / 2)
        abort(); /* our own mistake: callers bound n by the input length */
    return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *p, size_t len)
{
    char *s = arena_alloc(a, len + 1);
    if (len)
        memcpy(s, p, len);
    return s;
}

bool arena_exhausted(const struct arena *a)
{
    return a->failed;
}

void arena_free(struct arena *a)
{
    for (struct arena_chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        if (c->mapped) { /* nobody sees it again */
            munmap(c, sizeof *c + c->size);
            continue;
        }
        explicit_bzero(c->bytes, c->used);
        free(c);
    }
    memset(a, 0, sizeof *a);
}

static void list_reserve(struct arena *a, struct ptrlist *l)
{
    if (l->n < l->cap)
        return;
    uint32_t cap = l->cap ? l->cap * 2 : 4;
    void **v = arena_array(a, cap, sizeof *v);
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    l->v = v;
    l->cap = cap;
}

void ptrlist_add(struct arena *a, struct ptrlist *l, void *item)
{
    list_reserve(a, l);
    l->v[l->n++] = item;
}

void ptrlist_insert(struct arena *a, struct ptrlist *l, uint32_t at, void *item)
{
    list_reserve(a, l);
    memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof *l->v);
    l->v[at] = item;
    l->n++;
}

void ptrlist_remove(struct ptrlist *l, uint32_t at)
{
    memmove(l->v + at, l->v + at + 1, (l->n - at - 1) * sizeof *l->v);
    l->n--;
}
