/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/algo/algo.h"

static const struct algo table[ALGO_COUNT] = {
#define ALGO(ID, ...) [ALGO_##ID] = {__VA_ARGS__},
#include "compiler/algo/algo.def"
#undef ALGO
};

const struct algo *algo_get(enum algo_id id)
{
    return &table[id];
}

const char *algo_spelling(enum algo_id id, enum algo_context ctx)
{
    const struct algo *a = &table[id];
    switch (ctx) {
    case ALGO_CTX_ISAKMP:
        return a->ios_isakmp;
    case ALGO_CTX_ESP:
        return a->ios_esp;
    case ALGO_CTX_AH:
        return a->ios_ah;
    case ALGO_CTX_IKEV2:
        return a->ios_ikev2;
    }
    return NULL;
}

/* Splits `-256` off the end of an IKEv2 word. */
static struct str split_bits(struct str w, unsigned *bits)
{
    *bits = 0;
    uint32_t i = w.len;
    while (i > 0 && w.p[i - 1] >= '0' && w.p[i - 1] <= '9')
        i--;
    if (i == w.len || i == 0 || w.p[i - 1] != '-' || w.len - i > 4)
        return w;
    for (uint32_t k = i; k < w.len; k++)
        *bits = *bits * 10 + (unsigned)(w.p[k] - '0');
    return (struct str){w.p, i - 1};
}

enum algo_id algo_find(enum algo_kind kind, enum algo_context ctx, struct str word, unsigned *bits)
{
    if (ctx == ALGO_CTX_IKEV2 && kind == ALGO_ENCR)
        word = split_bits(word, bits);
    for (enum algo_id i = ALGO_NONE + 1; i < ALGO_COUNT; i++) {
        const char *z = table[i].kind == kind ? algo_spelling(i, ctx) : NULL;
        if (z && str_ieq(word, z))
            return i;
    }
    return ALGO_NONE;
}

bool algo_key_legal(enum algo_id id, unsigned bits)
{
    for (int i = 0; i < 3 && (i == 0 || table[id].keys[i]); i++)
        if (table[id].keys[i] == bits)
            return true;
    return false;
}

static const char *check_pair(const struct algo *a, const struct algo *b)
{
    if (a->kind != b->kind)
        return NULL;
    const char *const x[] = {a->name, a->ios_isakmp, a->ios_esp, a->ios_ah, a->ios_ikev2};
    const char *const y[] = {b->name, b->ios_isakmp, b->ios_esp, b->ios_ah, b->ios_ikev2};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        if (x[i] && y[i] && strcmp(x[i], y[i]) == 0)
            return x[i];
    if ((a->ike_v1 && a->ike_v1 == b->ike_v1) || (a->ikev2 && a->ikev2 == b->ikev2))
        return a->name;
    if ((a->esp_v1 && a->esp_v1 == b->esp_v1) || (a->ah_v1 && a->ah_v1 == b->ah_v1))
        return a->name;
    return NULL;
}

const char *algo_self_check(void)
{
    for (enum algo_id i = ALGO_NONE + 1; i < ALGO_COUNT; i++) {
        const struct algo *a = &table[i];
        if (a->kind == ALGO_NO_KIND || !a->name)
            return "row without kind or name";
        if (a->is_aead && (!a->icv || !a->salt))
            return a->name;
        if (a->kind == ALGO_INTEG && !a->icv)
            return a->name;
        for (enum algo_id j = i + 1; j < ALGO_COUNT; j++) {
            const char *bad = check_pair(a, &table[j]);
            if (bad)
                return bad;
        }
    }
    return NULL;
}
