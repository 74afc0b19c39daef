/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others' bug trackers tell: both ends rekey one child at once (strongSwan 2945), one of the two is refused with
 * TS_UNACCEPTABLE (2477), messages of it are lost (1896), selectors that were narrowed are asked for again. In the end
 * each end has one child, the same one, and the kernel has nothing else (RFC 7296 §2.8.1, §2.9.2). */
#include <stdlib.h>
#include <string.h>

#include "tests/attack/lab.h"

#define SETTLED_MS 120000 /* longer than any retransmission */

static void rekey_now(struct pair *x, unsigned node)
{
    struct ike_child *c = first_child(&x->s, node);
    if (!c)
        return;
    c->rekey_at = x->s.now;
    ike_timer_update(x->s.nodes[node].ike, c->sa);
}

static bool up(struct pair *x, unsigned caller)
{
    ike_acquire(x->s.nodes[caller].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
    return children_of(&x->s, 0) == 1 && children_of(&x->s, 1) == 1;
}

/* One child at each end, the same one. */
static const char *settled(struct pair *x)
{
    for (unsigned i = 0; i < 2; i++)
        if (children_of(&x->s, i) != 1 || x->s.nodes[i].n != 1)
            return broken("node %u has %u children, and %u pairs in its kernel", i, children_of(&x->s, i),
                          x->s.nodes[i].n);
    return sim_agree(&x->s, 0, 1);
}

struct collision {
    uint32_t loss, dup; /* per thousand */
    bool hub_refuses;   /* TS_UNACCEPTABLE to the branch's rekeying; its own goes through */
};

static const char *collide(uint64_t seed, unsigned version, const struct collision *how)
{
    struct pair x;
    pair_open(&x, version, 1);
    pair_start(&x);
    x.s.verbose = getenv("IOSCC_VERBOSE") && strtoull(getenv("IOSCC_VERBOSE"), NULL, 0) == seed;
    x.s.rng ^= seed * 0x9e3779b97f4a7c15u;
    x.s.delay_ms = 1 + sim_random(&x.s, 400);
    if (!up(&x, sim_random(&x.s, 2)))
        return pair_over(&x, "the control: the tunnel does not come up");
    sim_run(&x.s, 60000);
    uint32_t spis[2] = {first_child(&x.s, 0)->spi_in, first_child(&x.s, 1)->spi_in};
    if (how->hub_refuses) /* as if its list had been changed while the tunnel stood */
        x.hub.lines[0][0].sel.dst_lo.b[2] = x.hub.lines[0][0].sel.dst_hi.b[2] = 77;
    x.s.loss = how->loss;
    x.s.dup = how->dup;
    unsigned first = sim_random(&x.s, 2);
    rekey_now(&x, first);
    sim_run(&x.s, sim_random(&x.s, 2 * x.s.delay_ms + 1)); /* before the other end has heard of it, or just then */
    rekey_now(&x, !first);
    sim_run(&x.s, 8000);
    x.s.loss = x.s.dup = 0; /* before six tries are over: who is given up is another matter */
    sim_run(&x.s, SETTLED_MS);
    const char *bad = settled(&x);
    bool renewed = !bad && first_child(&x.s, 0)->spi_in != spis[0] && first_child(&x.s, 1)->spi_in != spis[1];
    if (!bad && !renewed)
        bad = "neither rekeying took place";
    char why[200];
    snprintf(why, sizeof why, "%s", bad ? bad : "");
    return pair_over(&x, bad ? broken("IKEv%u, seed %llu: %s", version, (unsigned long long)seed, why) : NULL);
}

static const char *many(const struct collision *how)
{
    const char *bad = NULL;
    for (uint64_t seed = 1; seed <= 150 && !bad; seed++)
        bad = collide(seed, 2, how);
    return bad;
}

static const char *two_rekeyings(void)
{
    const char *bad = many(&(struct collision){0});
    for (uint64_t seed = 1; seed <= 300 && !bad; seed++)
        bad = collide(seed, 1, &(struct collision){0});
    return bad;
}

static bool another_stands(struct pair *x, unsigned node, uint32_t than)
{
    const struct ike_child *c = first_child(&x->s, node);
    return c->spi_in != than && ike_child_stands(c);
}

/* One end rekeys, and when it is done the other end: these do not cross, and the later one holds. */
static const char *one_after_the_other(uint64_t seed, unsigned version)
{
    struct pair x;
    pair_open(&x, version, 1);
    pair_start(&x);
    x.s.rng ^= seed * 0x9e3779b97f4a7c15u;
    x.s.delay_ms = 1 + sim_random(&x.s, 400);
    unsigned first = sim_random(&x.s, 2);
    if (!up(&x, !first))
        return pair_over(&x, "the control: the tunnel does not come up");
    sim_run(&x.s, 60000);
    uint32_t before = first_child(&x.s, !first)->spi_in;
    rekey_now(&x, first);
    for (unsigned ms = 0; ms < 5000 && !another_stands(&x, !first, before); ms++)
        sim_run(&x.s, 1);
    sim_run(&x.s, 1 + sim_random(&x.s, 4000));
    uint32_t between = first_child(&x.s, !first)->spi_in;
    rekey_now(&x, !first);
    sim_run(&x.s, SETTLED_MS);
    const char *bad = settled(&x);
    if (!bad && (before == between || first_child(&x.s, !first)->spi_in == between))
        bad = "one of the rekeyings did not take place";
    char why[200];
    snprintf(why, sizeof why, "%s", bad ? bad : "");
    return pair_over(&x, bad ? broken("IKEv%u, seed %llu: %s", version, (unsigned long long)seed, why) : NULL);
}

static const char *no_collision(void)
{
    const char *bad = NULL;
    for (uint64_t seed = 1; seed <= 100 && !bad; seed++)
        bad = one_after_the_other(seed, 1);
    for (uint64_t seed = 1; seed <= 100 && !bad; seed++)
        bad = one_after_the_other(seed, 2);
    return bad;
}

static const char *refused_inside(void)
{
    return many(&(struct collision){.hub_refuses = true});
}

static const char *lost_inside(void)
{
    const char *bad = many(&(struct collision){.loss = 250, .dup = 100});
    return bad ? bad : many(&(struct collision){.loss = 250, .dup = 100, .hub_refuses = true});
}

static bool same_selectors(const struct ike_child *c, const struct ike_ts *local, const struct ike_ts *remote)
{
    return memcmp(&c->ts_local, local, sizeof *local) == 0 && memcmp(&c->ts_remote, remote, sizeof *remote) == 0;
}

/* The branch's line is part of the hub's: whoever calls, the child is narrow, and stays so when it is rekeyed. */
static const char *narrowed(unsigned caller)
{
    struct pair x;
    pair_open(&x, 2, 1);
    struct ike_selector *s = &x.branch.lines[0][0].sel;
    s->src_lo.b[3] = 128; /* the upper half of its network */
    pair_start(&x);
    if (!up(&x, caller))
        return pair_over(&x, broken("%u calls: no child of what both lines have in common", caller));
    const struct ike_ts local[2] = {first_child(&x.s, 0)->ts_local, first_child(&x.s, 1)->ts_local};
    const struct ike_ts remote[2] = {first_child(&x.s, 0)->ts_remote, first_child(&x.s, 1)->ts_remote};
    const char *bad = remote[0].lo.b[3] == 128 ? NULL : "it is not narrow";
    for (unsigned turn = 0; turn < 4 && !bad; turn++) {
        rekey_now(&x, turn & 1);
        sim_run(&x.s, SETTLED_MS);
        bad = settled(&x);
        for (unsigned i = 0; i < 2 && !bad; i++)
            if (!same_selectors(first_child(&x.s, i), &local[i], &remote[i]))
                bad = broken("%u calls, turn %u: the selectors have changed", caller, turn);
    }
    return pair_over(&x, bad);
}

static const char *narrowed_again(void)
{
    const char *bad = narrowed(0);
    return bad ? bad : narrowed(1);
}

const struct attack attacks_collisions[] = {{"strongSwan 2945: two rekeyings of one child", two_rekeyings},
                                            {"two rekeyings, one after the other", no_collision},
                                            {"strongSwan 2477: TS_UNACCEPTABLE inside a collision", refused_inside},
                                            {"strongSwan 1896: loss inside a collision", lost_inside},
                                            {"narrowed selectors asked for again", narrowed_again},
                                            {NULL, NULL}};
