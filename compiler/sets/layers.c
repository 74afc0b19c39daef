/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which boxes overlap which earlier ones. Boxes are sorted into classes by their masks. Two boxes of classes a and b
 * have addresses in common exactly if they agree on the bits that both classes care about; for each class, the boxes
 * are filed under those bits once per class that asks.
 */
#include "compiler/base/hash.h"
#include "compiler/sets/sets.h"

#define CLASSES_MAX 64

struct key {
    uint8_t src[16], dst[16];
};

struct member {
    uint32_t box;
    struct member *next;
};

struct bucket {
    struct key key;
    struct member *first;
    uint32_t highest; /* layer of its highest member */
};

/* The boxes of a class under the bits they share with another. */
struct file {
    struct key mask;
    struct symtab buckets;
};

struct class
{
    struct key care;
    uint8_t family;
    struct ptrlist files; /* struct file; index is that of the asking class, entries may be NULL */
    struct ptrlist boxes; /* uint32_t * */
};

struct layering {
    struct arena *ar;
    const struct box *const *v;
    uint32_t *layer;
    struct ptrlist classes;
    struct ptrlist rest; /* uint32_t *: boxes beyond the last class */
};

static struct key masked(const struct box *b, const struct key *mask)
{
    struct key k;
    for (int i = 0; i < 16; i++) {
        k.src[i] = b->src.value[i] & mask->src[i];
        k.dst[i] = b->dst.value[i] & mask->dst[i];
    }
    return k;
}

static void file_box(struct layering *x, struct file *f, uint32_t i)
{
    struct key k = masked(x->v[i], &f->mask);
    struct bucket *b = symtab_get(&f->buckets, (struct str){(const char *)&k, sizeof k}, 0);
    if (!b) {
        b = ARENA_NEW(x->ar, struct bucket);
        b->key = k;
        symtab_put(x->ar, &f->buckets, (struct str){(const char *)&b->key, sizeof b->key}, 0, b);
    }
    struct member *m = ARENA_NEW(x->ar, struct member);
    *m = (struct member){i, b->first};
    b->first = m;
    if (x->layer[i] > b->highest)
        b->highest = x->layer[i];
}

static struct file *file_for(struct layering *x, struct class *c, const struct class *asking, uint32_t at)
{
    while (c->files.n <= at)
        ptrlist_add(x->ar, &c->files, NULL);
    struct file *f = c->files.v[at];
    if (f)
        return f;
    f = ARENA_NEW(x->ar, struct file);
    for (int i = 0; i < 16; i++) {
        f->mask.src[i] = c->care.src[i] & asking->care.src[i];
        f->mask.dst[i] = c->care.dst[i] & asking->care.dst[i];
    }
    c->files.v[at] = f;
    for (uint32_t i = 0; i < c->boxes.n; i++)
        file_box(x, f, *(uint32_t *)c->boxes.v[i]);
    return f;
}

static void raise_to(struct layering *x, uint32_t i, uint32_t other, uint32_t *best)
{
    struct box common;
    if (x->layer[other] > *best && box_intersect(x->v[i], x->v[other], &common))
        *best = x->layer[other];
}

static struct class *class_of(struct layering *x, const struct box *b, uint32_t *at)
{
    for (uint32_t i = 0; i < x->classes.n; i++) {
        struct class *c = x->classes.v[i];
        if (c->family == b->family && memcmp(c->care.src, b->src.care, 16) == 0 &&
            memcmp(c->care.dst, b->dst.care, 16) == 0) {
            *at = i;
            return c;
        }
    }
    if (x->classes.n == CLASSES_MAX)
        return NULL;
    struct class *c = ARENA_NEW(x->ar, struct class);
    c->family = b->family;
    memcpy(c->care.src, b->src.care, 16);
    memcpy(c->care.dst, b->dst.care, 16);
    *at = x->classes.n;
    ptrlist_add(x->ar, &x->classes, c);
    return c;
}

static void one(struct layering *x, uint32_t i)
{
    uint32_t best = 0, at = 0, *kept = ARENA_NEW(x->ar, uint32_t);
    struct class *own = class_of(x, x->v[i], &at);
    *kept = i;
    for (uint32_t k = 0; k < x->classes.n && own; k++) {
        struct class *c = x->classes.v[k];
        if (c->family != own->family)
            continue;
        struct file *f = file_for(x, c, own, at);
        struct key key = masked(x->v[i], &f->mask);
        struct bucket *b = symtab_get(&f->buckets, (struct str){(const char *)&key, sizeof key}, 0);
        for (struct member *m = b && b->highest > best ? b->first : NULL; m; m = m->next)
            raise_to(x, i, m->box, &best);
    }
    for (uint32_t k = 0; k < (own ? 0 : i); k++)
        raise_to(x, i, k, &best);
    for (uint32_t k = 0; k < x->rest.n && own; k++)
        raise_to(x, i, *(uint32_t *)x->rest.v[k], &best);
    x->layer[i] = best + 1;
    if (!own) {
        ptrlist_add(x->ar, &x->rest, kept);
        return;
    }
    ptrlist_add(x->ar, &own->boxes, kept);
    for (uint32_t k = 0; k < own->files.n; k++)
        if (own->files.v[k])
            file_box(x, own->files.v[k], i);
}

void boxes_layers(struct arena *ar, const struct box *const *v, uint32_t n, uint32_t *layer)
{
    struct layering x = {.ar = ar, .v = v, .layer = layer};
    for (uint32_t i = 0; i < n; i++)
        one(&x, i);
}
