/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/xfrm/probe.h"

#include <errno.h>
#include <netinet/in.h>

#include "backends/xfrm/kernel.h"

#define PROBE_SPI 0x5c000001u /* in a namespace of its own */

/* No key of anybody's; no two parts of it are equal, which 3DES may be refused for. */
static void put_key(struct xfrm_alg_key *k, const struct algo *a, unsigned bits)
{
    k->name = a->xfrm;
    k->icv = a->icv;
    k->len = (uint16_t)((bits + a->salt) / 8);
    for (unsigned i = 0; i < k->len && i < sizeof k->key; i++)
        k->key[i] = (uint8_t)(17 * i + 3);
}

/* Of the parts of one protocol: false where the set has none of it, or one that no kernel has. */
static bool sa_of(const struct transform_set *set, enum ipsec_proto proto, uint8_t family, struct xfrm_sa *sa)
{
    static const struct ip_addr ends[2][2] = {
        {{FAMILY_V4, {192, 0, 2, 1}}, {FAMILY_V4, {192, 0, 2, 2}}},
        {{FAMILY_V6, {0x20, 0x01, 0x0d, 0xb8, 1}}, {FAMILY_V6, {0x20, 0x01, 0x0d, 0xb8, 2}}}};
    const struct ip_addr *end = ends[family == FAMILY_V6];
    bool has_any = false, has_cipher = false;
    *sa = (struct xfrm_sa){.src = end[0],
                           .dst = end[1],
                           .spi = PROBE_SPI,
                           .proto = proto == PROTO_AH ? IPPROTO_AH : IPPROTO_ESP,
                           .mode = XFRM_MODE_IS_TUNNEL,
                           .replay_window = 64,
                           .sel = {.family = family}};
    PTRLIST_FOR (struct ir_transform, x, &set->transforms) {
        const struct algo *a = algo_get(x->alg);
        const bool is_cipher = proto == PROTO_ESP && a->kind == ALGO_ENCR;
        if (x->proto != proto)
            continue;
        if (!a->xfrm)
            return false;
        has_any = true;
        has_cipher |= is_cipher;
        if (is_cipher && a->is_aead)
            put_key(&sa->aead, a, x->bits ? x->bits : a->keys[0]);
        else if (is_cipher)
            put_key(&sa->crypt, a, x->bits ? x->bits : a->keys[0]);
        else
            put_key(&sa->auth, a, a->keys[0]);
    }
    if (proto == PROTO_ESP && !has_cipher)
        sa->crypt.name = algo_get(ALGO_ENCR_NULL)->xfrm;
    return has_any;
}

static int try_sa(struct netlink *n, const struct xfrm_sa *sa)
{
    struct netlink_batch add = {0}, del = {0};
    uint32_t failed;
    int r = xfrm_put_sa(n, &add, sa) ? netlink_send(n, &add, 0, NULL, NULL, &failed) : -ENOMEM;
    if (r == 0 && xfrm_put_sa_delete(n, &del, sa))
        (void)!netlink_send(n, &del, 0, NULL, NULL, &failed);
    netlink_batch_free(&add);
    netlink_batch_free(&del);
    return r;
}

static int try_set(struct netlink *n, const struct transform_set *set, uint8_t family)
{
    static const enum ipsec_proto protocols[] = {PROTO_ESP, PROTO_AH};
    struct xfrm_sa sa;
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++)
        if (sa_of(set, protocols[i], family, &sa))
            r = try_sa(n, &sa);
    return r;
}

struct probe {
    struct netlink *n;
    struct arena *arena;
    struct symtab tried; /* (name of a set, family) → itself */
    xfrm_refused_fn *f;
    void *ctx;
};

static void try_sets_of(struct probe *p, const struct crypto_map_entry *e, uint8_t family)
{
    PTRLIST_FOR (struct ir_ref, r, &e->sa.transform_sets) {
        const struct transform_set *set = r->target;
        if (!set || symtab_get(&p->tried, set->name.s, family))
            continue;
        symtab_put(p->arena, &p->tried, set->name.s, family, (void *)(uintptr_t)set);
        int error = try_set(p->n, set, family);
        if (error < 0)
            p->f(p->ctx, set, error, p->n->extack);
    }
}

void xfrm_probe(struct netlink *n, const struct target *t, xfrm_refused_fn *f, void *ctx)
{
    struct probe p = {.n = n, .arena = t->arena, .f = f, .ctx = ctx};
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        const uint8_t family = m->map->ipv6.v ? FAMILY_V6 : FAMILY_V4;
        PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
            const struct crypto_map *dynamic = e->dynamic.target;
            try_sets_of(&p, e, family);
            for (uint32_t i = 0; dynamic && i < dynamic->entries.n; i++)
                try_sets_of(&p, dynamic->entries.v[i], family);
        }
    }
}
