/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/* The one process-wide value of this library: written before any thread starts, read-only afterwards. */
static uint64_t seed = 0x9e3779b97f4a7c15u;
static char tombstone;

void symtab_seed_init(void)
{
    const char *fixed = getenv("IOSCC_HASH_SEED");
    if (fixed)
        seed = strtoull(fixed, NULL, 0);
    else if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed ^= 0xa0761d6478bd642fu;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 u128;
    u128 r = (u128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

static uint32_t hash_of(struct str s, uint32_t num)
{
    uint64_t h = seed ^ mix(s.len ^ 0xe7037ed1a0b428dbu, num ^ 0x8ebc6af09c88c6e3u);
    const char *p = s.p;
    uint32_t n = s.len;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = mix(h ^ w, 0x589965cc75374cc3u);
    }
    uint64_t tail = 0;
    if (n)
        memcpy(&tail, p, n);
    h = mix(h ^ tail, 0x1d8e4e27c47d124fu ^ seed);
    return (uint32_t)(h ^ (h >> 32));
}

static struct symtab_slot *find(const struct symtab *t, struct str name, uint32_t num, uint32_t h)
{
    for (uint32_t i = h & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct symtab_slot *s = &t->slots[i];
        if (!s->value)
            return s;
        if (s->hash == h && s->num == num && s->value != &tombstone && str_eq(s->name, name))
            return s;
    }
}

void *symtab_get(const struct symtab *t, struct str name, uint32_t num)
{
    if (t->n == 0)
        return NULL;
    return find(t, name, num, hash_of(name, num))->value;
}

static void grow(struct arena *a, struct symtab *t, uint32_t cap)
{
    struct symtab bigger = {.cap = cap};
    bigger.slots = arena_array(a, bigger.cap, sizeof *bigger.slots);
    for (uint32_t i = 0; i < t->cap; i++) {
        struct symtab_slot *s = &t->slots[i];
        if (s->value && s->value != &tombstone) {
            *find(&bigger, s->name, s->num, s->hash) = *s;
            bigger.n++;
        }
    }
    *t = bigger;
}

void symtab_reserve(struct arena *a, struct symtab *t, uint32_t n)
{
    uint32_t cap = 16;
    while (cap < 1u << 30 && (uint64_t)n * 3 + 3 >= (uint64_t)cap * 2)
        cap *= 2;
    if (cap > t->cap)
        grow(a, t, cap);
}

void symtab_put(struct arena *a, struct symtab *t, struct str name, uint32_t num, void *value)
{
    if ((t->n + 1) * 3 >= t->cap * 2)
        grow(a, t, t->cap ? t->cap * 2 : 16);
    uint32_t h = hash_of(name, num);
    struct symtab_slot *s = find(t, name, num, h);
    if (!s->value)
        t->n++;
    *s = (struct symtab_slot){name, num, h, value};
}

void symtab_del(struct symtab *t, struct str name, uint32_t num)
{
    if (t->n == 0)
        return;
    struct symtab_slot *s = find(t, name, num, hash_of(name, num));
    if (s->value)
        s->value = &tombstone; /* keeps probe chains whole; dropped at the next growth */
}
