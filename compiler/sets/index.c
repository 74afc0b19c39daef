/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which boxes overlap which earlier ones. Boxes are sorted into classes by their masks. Two boxes of classes a and b
 * have addresses in common exactly if they agree on the bits that both classes care about; for each class, the boxes
 * are filed under those bits once per class that asks.
 */
#include "compiler/base/hash.h"
#include "compiler/sets/sets.h"

#define CLASSES_MAX 64
/* Fewer boxes are looked at one by one: most lists are short, and tables of their own would cost more than they save.
 */
#define SMALL 16

struct key {
    uint8_t src[16], dst[16];
};

struct entry;
struct member {
    const struct entry *entry;
    struct member *next, *next_alike; /* of the bucket; of those under one port, or under none */
};

/* Members of one bucket differ in protocol and ports only. When they are many, those that name one port are found by
 * it. */
#define BY_PORT_FROM 32
struct bucket {
    struct key key;
    struct member *first;
    uint32_t highest; /* rank of its highest member */
    uint32_t n, n_by_port[2];
    struct member *by_none;
    struct symtab by_port; /* (protocol, source or destination, port) → the first of them */
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
    struct ptrlist boxes; /* struct entry */
};

struct entry {
    const struct box *box;
    uint32_t rank;
    const void *tag;
};

struct box_index {
    struct arena *ar;
    struct ptrlist classes;
    struct ptrlist rest; /* struct entry: boxes beyond the last class */
    struct ptrlist all;  /* struct entry */
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

static bool one_port(struct port_range r)
{
    return r.lo == r.hi;
}

static uint32_t port_key(const struct box *b, bool dst)
{
    return (uint32_t)b->proto << 17 | (uint32_t)dst << 16 | (dst ? b->dport.lo : b->sport.lo);
}

static void file_by_port(struct box_index *x, struct bucket *b, struct member *m)
{
    const struct box *q = m->entry->box;
    bool dst = one_port(q->dport);
    if (q->proto == PROTO_ANY || (!dst && !one_port(q->sport))) {
        m->next_alike = b->by_none;
        b->by_none = m;
        return;
    }
    b->n_by_port[dst]++;
    m->next_alike = symtab_get(&b->by_port, STR_EMPTY, port_key(q, dst));
    symtab_put(x->ar, &b->by_port, STR_EMPTY, port_key(q, dst), m);
}

static void add_member(struct box_index *x, struct bucket *b, const struct entry *e)
{
    struct member *m = ARENA_NEW(x->ar, struct member);
    *m = (struct member){e, b->first, NULL};
    b->first = m;
    b->n++;
    if (b->n > BY_PORT_FROM)
        file_by_port(x, b, m);
    else if (b->n == BY_PORT_FROM)
        for (struct member *o = m; o; o = o->next)
            file_by_port(x, b, o);
    if (e->rank > b->highest)
        b->highest = e->rank;
}

static void file_box(struct box_index *x, struct file *f, const struct entry *e)
{
    struct key k = masked(e->box, &f->mask);
    struct bucket *b = symtab_get(&f->buckets, (struct str){(const char *)&k, sizeof k}, 0);
    if (!b) {
        b = ARENA_NEW(x->ar, struct bucket);
        b->key = k;
        symtab_put(x->ar, &f->buckets, (struct str){(const char *)&b->key, sizeof b->key}, 0, b);
    }
    add_member(x, b, e);
}

static struct file *file_for(struct box_index *x, struct class *c, const struct class *asking, uint32_t at)
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
    PTRLIST_FOR (struct entry, e, &c->boxes) {
        file_box(x, f, e);
    }
    return f;
}

/* NULL when there are as many classes as can be had. */
static struct class *class_of(struct box_index *x, const struct box *b, uint32_t *at)
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

struct box_index *box_index_new(struct arena *ar)
{
    struct box_index *x = ARENA_NEW(ar, struct box_index);
    x->ar = ar;
    return x;
}

static void classify(struct box_index *x, struct entry *e)
{
    uint32_t at = 0;
    struct class *own = class_of(x, e->box, &at);
    if (!own) {
        ptrlist_add(x->ar, &x->rest, e);
        return;
    }
    ptrlist_add(x->ar, &own->boxes, e);
    for (uint32_t k = 0; k < own->files.n; k++)
        if (own->files.v[k])
            file_box(x, own->files.v[k], e);
}

void box_index_add(struct box_index *x, const struct box *b, uint32_t rank, const void *tag)
{
    struct entry *e = ARENA_NEW(x->ar, struct entry);
    *e = (struct entry){b, rank, tag};
    ptrlist_add(x->ar, &x->all, e);
    if (x->all.n > SMALL) {
        classify(x, e);
    } else if (x->all.n == SMALL) {
        PTRLIST_FOR (struct entry, o, &x->all) {
            classify(x, o);
        }
    }
}

static void visit_list(const struct ptrlist *l, const struct box *q, uint32_t *floor, box_visitor *f, void *ctx)
{
    struct box common;
    PTRLIST_FOR (struct entry, e, l) {
        if (e->rank > *floor && box_intersect(q, e->box, &common))
            f(ctx, e->box, e->rank, e->tag, floor);
    }
}

struct visit {
    const struct box *q;
    uint32_t *floor;
    box_visitor *f;
    void *ctx;
};

static void visit_one(const struct visit *v, const struct entry *e)
{
    struct box common;
    if (e->rank > *v->floor && box_intersect(v->q, e->box, &common))
        v->f(v->ctx, e->box, e->rank, e->tag, v->floor);
}

static void visit_alike(const struct visit *v, const struct bucket *b, const struct member *m)
{
    for (; m && b->highest > *v->floor; m = m->next_alike)
        visit_one(v, m->entry);
}

static void visit_bucket(const struct visit *v, const struct bucket *b)
{
    const struct box *q = v->q;
    bool known[2] = {one_port(q->sport) || !b->n_by_port[0], one_port(q->dport) || !b->n_by_port[1]};
    if (b->n < BY_PORT_FROM || q->proto == PROTO_ANY || !known[0] || !known[1]) {
        for (const struct member *m = b->first; m && b->highest > *v->floor; m = m->next)
            visit_one(v, m->entry);
        return;
    }
    visit_alike(v, b, b->by_none);
    for (int dst = 0; dst < 2; dst++)
        if (b->n_by_port[dst])
            visit_alike(v, b, symtab_get(&b->by_port, STR_EMPTY, port_key(q, dst)));
}

void box_index_visit(struct box_index *x, const struct box *q, uint32_t *floor, box_visitor *f, void *ctx)
{
    uint32_t at = 0;
    const struct visit v = {q, floor, f, ctx};
    const struct class *own = x->all.n < SMALL ? NULL : class_of(x, q, &at);
    if (!own) {
        visit_list(&x->all, q, floor, f, ctx);
        return;
    }
    for (uint32_t k = 0; k < x->classes.n; k++) {
        struct class *c = x->classes.v[k];
        if (c->family != own->family || c->boxes.n == 0)
            continue;
        struct file *file = file_for(x, c, own, at);
        struct key key = masked(q, &file->mask);
        struct bucket *b = symtab_get(&file->buckets, (struct str){(const char *)&key, sizeof key}, 0);
        if (b)
            visit_bucket(&v, b);
    }
    visit_list(&x->rest, q, floor, f, ctx);
}

static void raise_to(void *ctx, const struct box *b, uint32_t rank, const void *tag, uint32_t *floor)
{
    (void)ctx, (void)b, (void)tag;
    *floor = rank;
}

void boxes_layers(struct arena *ar, const struct box *const *v, uint32_t n, uint32_t *layer)
{
    struct box_index *x = box_index_new(ar);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t best = 0;
        box_index_visit(x, v[i], &best, raise_to, NULL);
        layer[i] = best + 1;
        box_index_add(x, v[i], layer[i], NULL);
    }
}
