/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The steps from one policy list to another, run on a model of the kernel: after every step each packet that is
 * protected (or blocked) both before and after is so in between, and at the end the model decides as the new list does.
 * Seeds are printed; IOSCC_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backends/xfrm/diff.h"

static unsigned long long seed, rng;

static uint32_t next(uint32_t n)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng >> 33) % n;
}

#define MAX 24

struct model {
    struct xfrm_pol v[4 * MAX];
    uint32_t n;
};

static void random_policy(struct xfrm_pol *p)
{
    *p = (struct xfrm_pol){.dir = XFRM_DIR_OUT};
    p->sel = (struct xfrm_sel){
        .family = FAMILY_V4, .src_plen = (uint8_t)(30 + next(3)), .dst_plen = (uint8_t)(30 + next(3))};
    p->sel.src[0] = p->sel.dst[0] = 10;
    p->sel.src[3] = (uint8_t)(next(4) & (0xffu << (32 - p->sel.src_plen)));
    p->sel.dst[3] = (uint8_t)(next(4) & (0xffu << (32 - p->sel.dst_plen)));
    switch (next(3)) {
    case 0:
        p->action = XFRM_DO_BLOCK;
        break;
    case 1:
        break; /* in the clear */
    default:
        p->ntmpl = 1;
        p->tmpl[0] = (struct xfrm_tmpl){.reqid = 1 + next(3), .proto = 50, .mode = XFRM_MODE_IS_TUNNEL};
    }
}

static bool same_selector(const struct xfrm_pol *a, const struct xfrm_pol *b)
{
    return memcmp(&a->sel, &b->sel, sizeof a->sel) == 0;
}

static bool matches(const struct xfrm_pol *p, uint8_t src, uint8_t dst)
{
    return ((src ^ p->sel.src[3]) >> (32 - p->sel.src_plen)) == 0 &&
           ((dst ^ p->sel.dst[3]) >> (32 - p->sel.dst_plen)) == 0;
}

/* 0: in the clear, 1: blocked, 2…: protected by that request number */
static uint32_t decide(const struct model *m, uint8_t src, uint8_t dst)
{
    const struct xfrm_pol *best = NULL;
    for (uint32_t i = 0; i < m->n; i++)
        if (matches(&m->v[i], src, dst) && (!best || m->v[i].priority < best->priority))
            best = &m->v[i];
    return !best ? 0 : best->action == XFRM_DO_BLOCK ? 1 : best->ntmpl ? 1 + best->tmpl[0].reqid : 0;
}

static bool run_step(struct model *m, const struct xfrm_op *o)
{
    const struct xfrm_pol *p = o->pol ? o->pol : o->old_pol;
    uint32_t at = 0;
    while (at < m->n && !same_selector(&m->v[at], p))
        at++;
    if (o->kind == OP_POLICY_DELETE || o->kind == OP_CLEAR_DELETE) {
        if (at == m->n)
            return false;
        m->v[at] = m->v[--m->n];
        return true;
    }
    bool adds = o->kind == OP_POLICY_ADD || o->kind == OP_CLEAR_ADD;
    if (adds != (at == m->n))
        return false; /* EEXIST, or an update of nothing */
    for (uint32_t i = 0; i < m->n; i++)
        if (i != at && m->v[i].index == p->index)
            return false;
    m->v[at] = *p;
    m->n += adds;
    return true;
}

static void fill(struct arena *ar, struct xfrm_plan *p, const struct xfrm_pol *v, uint32_t n)
{
    *p = (struct xfrm_plan){.arena = ar};
    for (uint32_t i = 0; i < n; i++) {
        struct xfrm_pol *x = ARENA_NEW(ar, struct xfrm_pol);
        *x = v[i];
        ptrlist_add(ar, &p->policies[XFRM_DIR_OUT], x);
    }
    xfrm_number(p, XFRM_DIR_OUT, NULL);
}

static uint32_t random_list(struct xfrm_pol *v, const struct xfrm_pol *like, uint32_t nlike)
{
    uint32_t n = 0, want = next(MAX);
    for (uint32_t tries = 0; n < want && tries < 200; tries++) {
        bool known = false;
        if (nlike && next(4)) { /* mostly what was there before, in nearly the same order */
            v[n] = like[(tries + next(3)) % nlike];
            if (!next(6))
                v[n].tmpl[0].reqid = 1 + next(3);
        } else {
            random_policy(&v[n]);
        }
        for (uint32_t i = 0; i < n; i++)
            known |= same_selector(&v[i], &v[n]);
        n += !known;
    }
    return n;
}

static unsigned long steps, moved;

static const char *one(void)
{
    struct arena ar;
    struct xfrm_pol a[MAX], b[MAX];
    struct xfrm_kernel k = {.arena = &ar};
    struct xfrm_plan p;
    struct xfrm_diff d;
    const struct ptrlist none = {0};
    struct model m = {.n = 0}, want = {.n = 0}, before;
    const char *bad = NULL;
    if (!arena_init(&ar, SIZE_MAX))
        abort();
    uint32_t na = random_list(a, NULL, 0), nb = random_list(b, a, na), step = next(3) ? 16 : 1;
    uint32_t first = xfrm_bands[next(2)].first;
    for (uint32_t i = 0; i < na; i++) { /* as an earlier apply left it; now and then without gaps */
        a[i].priority = first + i * step;
        a[i].index = XFRM_INDEX_OURS | i << 3 | XFRM_DIR_OUT;
        m.v[m.n++] = a[i];
        ptrlist_add(&ar, &k.policies, &a[i]);
    }
    xfrm_kernel_index(&k);
    before = m;
    fill(&ar, &p, b, nb);
    for (uint32_t i = 0; i < nb; i++)
        want.v[want.n++] = *(struct xfrm_pol *)p.policies[XFRM_DIR_OUT].v[i];
    xfrm_diff_build(&d, &p, &k, &none);
    for (uint32_t i = 0; i < d.ops.n && !bad; i++, steps++) {
        const struct xfrm_op *o = d.ops.v[i];
        moved += o->pol && o->old_pol && xfrm_band_of(o->old_pol->priority) != xfrm_band_of(o->pol->priority);
        if (!run_step(&m, o))
            bad = "the kernel would refuse a step";
        for (int s = 0; s < 16 && !bad; s++)
            if (decide(&before, s & 3, s >> 2 & 3) && decide(&want, s & 3, s >> 2 & 3) &&
                !decide(&m, s & 3, s >> 2 & 3))
                bad = "in the clear on the way";
    }
    for (int s = 0; s < 16 && !bad; s++)
        if (decide(&want, s & 3, s >> 2 & 3) != decide(&m, s & 3, s >> 2 & 3))
            bad = "another result";
    if (!bad) { /* and now there is nothing to do */
        k.policies.n = 0;
        k.by_selector = (struct symtab){0};
        for (uint32_t i = 0; i < m.n; i++) {
            m.v[i].claimed = false;
            ptrlist_add(&ar, &k.policies, &m.v[i]);
        }
        xfrm_kernel_index(&k);
        fill(&ar, &p, b, nb);
        xfrm_diff_build(&d, &p, &k, &none);
        bad = d.ops.n ? "a second time something changes" : NULL;
    }
    arena_free(&ar);
    return bad;
}

int main(void)
{
    const char *s = getenv("IOSCC_SEED");
    unsigned long long start = s ? strtoull(s, NULL, 0) : (unsigned long long)time(NULL) * 2654435761u + 1;
    printf("seed %llu\n", start);
    symtab_seed_init();
    for (seed = start; seed < start + (getenv("IOSCC_QUICK") ? 5000 : 20000); seed++) {
        rng = seed * 0x9e3779b97f4a7c15u;
        const char *bad = one();
        if (bad) {
            printf("%s: IOSCC_SEED=%llu\n", bad, seed);
            return 1;
        }
    }
    printf("%lu steps, %lu of them renumberings\n", steps, moved);
    return steps < 1000 || moved < 100;
}
