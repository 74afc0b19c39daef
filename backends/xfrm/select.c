/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Boxes as XFRM selectors. A selector has one prefix at each end and one masked port value at each side, so a wildcard
 * with holes becomes several prefixes and a port range several blocks (1024-65535 is six).
 */
#include "backends/xfrm/plan.h"

struct prefix {
    uint8_t b[16], plen;
};

/* The bits an address leaves open above its last fixed bit are enumerated: 2^n prefixes. The usual one is put where
 * *out points to already. */
static uint32_t prefixes(struct arena *ar, const struct addr_bits *a, uint8_t family, uint32_t limit,
                         struct prefix **out)
{
    unsigned bits = family == FAMILY_V4 ? 32 : 128, plen = 0, holes = 0;
    uint8_t hole[128];
    for (unsigned i = 0; i < bits; i++)
        if (a->care[i / 8] >> (7 - i % 8) & 1)
            plen = i + 1;
    for (unsigned i = 0; i < plen; i++)
        if (!(a->care[i / 8] >> (7 - i % 8) & 1))
            hole[holes++] = (uint8_t)i;
    if (holes > 16 || 1u << holes > limit)
        return 0;
    uint32_t n = 1u << holes;
    if (n > 1)
        *out = arena_array(ar, n, sizeof **out);
    for (uint32_t k = 0; k < n; k++) {
        struct prefix *p = &(*out)[k];
        memcpy(p->b, a->value, 16);
        p->plen = (uint8_t)plen;
        for (unsigned h = 0; h < holes; h++)
            if (k >> h & 1)
                p->b[hole[h] / 8] |= (uint8_t)(0x80 >> hole[h] % 8);
    }
    return n;
}

struct block {
    uint16_t value, mask;
};

/* At most 30 aligned blocks make any range. */
static uint32_t blocks(struct port_range r, struct block out[static 32])
{
    uint32_t n = 0;
    for (uint32_t lo = r.lo; lo <= r.hi;) {
        uint32_t size = lo ? lo & (~lo + 1) : 65536;
        while (lo + size - 1 > r.hi)
            size >>= 1;
        out[n++] = (struct block){(uint16_t)lo, (uint16_t)(65536 - size)};
        lo += size;
    }
    return n;
}

bool xfrm_select(struct arena *ar, const struct box *b, uint32_t limit, struct ptrlist *out)
{
    struct prefix one_src, one_dst, *src = &one_src, *dst = &one_dst;
    struct block sports[32], dports[32];
    uint32_t ns = prefixes(ar, &b->src, b->family, limit, &src);
    uint32_t nd = prefixes(ar, &b->dst, b->family, limit, &dst);
    uint32_t nsp = blocks(b->sport, sports), ndp = blocks(b->dport, dports);
    if (!ns || !nd || (uint64_t)ns * nd * nsp * ndp > limit)
        return false;
    struct xfrm_sel *all = arena_array(ar, ns * nd * nsp * ndp, sizeof *all);
    for (uint32_t i = 0; i < ns * nd * nsp * ndp; i++) {
        uint32_t k = i;
        struct xfrm_sel *s = &all[i];
        const struct block *dp = &dports[k % ndp], *sp = &sports[k / ndp % nsp];
        k /= ndp * nsp;
        const struct prefix *d = &dst[k % nd], *f = &src[k / nd];
        s->family = b->family;
        s->proto = b->proto == PROTO_ANY ? 0 : (uint8_t)b->proto;
        s->src_plen = f->plen;
        s->dst_plen = d->plen;
        memcpy(s->src, f->b, 16);
        memcpy(s->dst, d->b, 16);
        s->sport = sp->value;
        s->sport_mask = sp->mask;
        s->dport = dp->value;
        s->dport_mask = dp->mask;
        ptrlist_add(ar, out, s);
    }
    return true;
}
