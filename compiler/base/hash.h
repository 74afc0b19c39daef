/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Symbol table: (name, number) → pointer. Open addressing, storage in an arena, seeded so that a hostile
 * configuration cannot choose names that collide. Names are case sensitive, as object names on IOS are.
 */
#ifndef IOSCC_BASE_HASH_H
#define IOSCC_BASE_HASH_H

#include "compiler/base/arena.h"
#include "compiler/base/str.h"

struct symtab_slot {
    struct str name;
    uint32_t num;
    uint32_t hash;
    void *value; /* NULL: free */
};

struct symtab {
    struct symtab_slot *slots;
    uint32_t n, cap;
};

/* Process-wide seed; read once from the kernel, or IOSCC_HASH_SEED for reproducible runs. Call before threads. */
void symtab_seed_init(void);

void *symtab_get(const struct symtab *t, struct str name, uint32_t num);
/* Adds or replaces. The name is not copied: it must live as long as the arena. */
void symtab_put(struct arena *a, struct symtab *t, struct str name, uint32_t num, void *value);
/* Makes room for n names, so that filling it does not grow it step by step. */
void symtab_reserve(struct arena *a, struct symtab *t, uint32_t n);
void symtab_del(struct symtab *t, struct str name, uint32_t num);

#endif
