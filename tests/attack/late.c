/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rekeyings by both ends at any time, while datagrams come late and overtake each other: in the end one child stands,
 * and it is the same at both ends. Nothing is lost here: a lost delete of IKEv1 is not repeated. */
#include <string.h>

#include "tests/attack/lab.h"

#define SEEDS 400
#define LATE_MAX 64
#define LATE_MS 2500

static struct {
    struct packet_in_flight v[LATE_MAX];
    uint64_t at[LATE_MAX]; /* when it comes */
    unsigned n, percent;
    uint64_t rng;
} late;

static uint32_t below(uint32_t n)
{
    late.rng ^= late.rng << 13;
    late.rng ^= late.rng >> 7;
    late.rng ^= late.rng << 17;
    return (uint32_t)((late.rng >> 20) % n);
}

static bool hold(struct sim *s, struct packet_in_flight *f)
{
    if (late.n == LATE_MAX || below(100) >= late.percent)
        return true;
    late.v[late.n] = *f;
    late.v[late.n].p = malloc(f->n);
    memcpy(late.v[late.n].p, f->p, f->n);
    late.at[late.n++] = s->now + below(LATE_MS);
    return false;
}

static void go_on(struct pair *x, uint64_t ms)
{
    for (uint64_t end = x->s.now + ms; x->s.now < end;) {
        sim_run(&x->s, 10);
        for (unsigned i = 0; i < late.n;) {
            if (late.at[i] > x->s.now) {
                i++;
                continue;
            }
            struct packet_in_flight f = late.v[i];
            late.v[i] = late.v[--late.n];
            late.at[i] = late.at[late.n];
            inject(&x->s, &f.from, &f.to, f.p, f.n);
            free(f.p);
        }
    }
}

static void rekey_soon(struct pair *x, unsigned node)
{
    struct ike_child *c = first_child(&x->s, node);
    if (!c || !ike_child_stands(c))
        return;
    c->rekey_at = x->s.now + below(1500);
    ike_timer_update(x->s.nodes[node].ike, c->sa);
}

static const char *one(unsigned version, uint64_t seed)
{
    static struct pair x;
    const char *bad = NULL;
    late.rng = seed * 0x9e3779b97f4a7c15u + 3;
    late.n = late.percent = 0;
    pair_open(&x, version, 1);
    pair_start(&x);
    x.s.meddle = hold;
    x.s.delay_ms = 1 + below(200);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    go_on(&x, 40000);
    late.percent = below(40);
    for (unsigned k = 1 + below(4); k; k--) {
        for (unsigned node = 0; node < 2; node++)
            if (below(3))
                rekey_soon(&x, node);
        go_on(&x, 10 + below(20000));
    }
    late.percent = 0;
    go_on(&x, 200000);
    const char *differ = sim_agree(&x.s, 0, 1);
    if (differ || children_of(&x.s, 0) != 1 || children_of(&x.s, 1) != 1)
        bad = broken("seed %llu: %u and %u children, %s", (unsigned long long)seed, children_of(&x.s, 0),
                     children_of(&x.s, 1), differ ? differ : "the same ones");
    while (late.n)
        free(late.v[--late.n].p);
    x.s.meddle = NULL;
    return pair_over(&x, bad);
}

static const char *all(unsigned version)
{
    const char *bad = NULL;
    for (uint64_t seed = 1; seed <= SEEDS && !bad; seed++)
        bad = one(version, seed);
    return bad;
}
static const char *late_1(void)
{
    return all(1);
}
static const char *late_2(void)
{
    return all(2);
}

const struct attack attacks_late[] = {{"F12 rekeyings of both ends while datagrams come late, IKEv1", late_1},
                                      {"F12 rekeyings of both ends while datagrams come late, IKEv2", late_2},
                                      {NULL, NULL}};
