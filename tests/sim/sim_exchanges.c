/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every kind of exchange and collision over a bad network; then the network gets well and both ends must agree. */
#include "tests/sim/sim.h"

static struct ike_sa *pick_sa(struct sim *s, struct sim_node *n)
{
    struct ike *k = n->ike;
    return k->heap_n ? k->heap[sim_random(s, k->heap_n)] : NULL;
}

/* Something happens at one end. */
static void poke(struct sim *s, struct sim_node *n, const struct sim_policy *p, uint32_t what)
{
    struct ike_sa *sa = pick_sa(s, n);
    uint32_t reqid = 0x5c000001 + what / 12 % p->entry.n_lines;
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
        ike_acquire(n->ike, s->now, reqid, NULL, NULL, NULL);
        break;
    case 3:
    case 4:
    case 5: /* a lifetime in kilobytes is over */
        if (sa && sa->children)
            ike_expire(n->ike, s->now, &sa->remote.addr, &sa->local.addr, sa->children->spi_in, false);
        break;
    case 6:
    case 7:
    case 8:
        if (sa && sa->state == IKE_ESTABLISHED) {
            sa->rekey_at = s->now;
            ike_timer_update(n->ike, sa);
            ike_tick(n->ike, s->now);
        }
        break;
    case 9:
        if (sa && sa->children)
            ike_clear_children(n->ike, s->now, NULL, NULL, sa->children->spi_in);
        break;
    case 10:
        if (sim_random(s, 4) == 0)
            ike_clear(n->ike, s->now, NULL, 0, 0);
        break;
    default: /* another configuration, mostly without a difference for this entry */
        if (sim_random(s, 2))
            sim_reload(s, n, sim_random(s, 4) != 0);
        break;
    }
}

static const char *one(uint64_t seed, unsigned version, bool verbose, unsigned counts[static 4])
{
    struct sim s;
    struct sim_policy a, b;
    const char *bad = NULL;
    sim_init(&s, seed, 2);
    s.verbose = verbose;
    sim_pair(&s, &a, &b, version);
    sim_node_start(&s, 0, &a.p, "192.0.2.1");
    sim_node_start(&s, 1, &b.p, "192.0.2.2");
    s.loss = sim_random(&s, 3) ? sim_random(&s, 250) : 0;
    s.dup = sim_random(&s, 200);
    s.delay_ms = 1 + sim_random(&s, sim_random(&s, 4) ? 100 : 3000);
    for (int i = 0; i < 40 && !s.broken; i++) {
        bool both = sim_random(&s, 3) == 0; /* at the same moment: collisions */
        uint32_t what = sim_random(&s, 1u << 20);
        poke(&s, &s.nodes[0], &a, what);
        if (both || sim_random(&s, 2))
            poke(&s, &s.nodes[1], &b, both ? what : sim_random(&s, 1u << 20));
        sim_run(&s, sim_random(&s, 3) ? sim_random(&s, 400) : sim_random(&s, 60000));
    }
    /* The network gets well. What one end only knows (the other gave up on a lost answer) goes when it is rekeyed, ten
     * minutes later at most. */
    s.loss = s.dup = 0;
    s.delay_ms = 5;
    sim_run(&s, 200000);
    for (int i = 0; i < 400 && (bad = sim_agree(&s, 0, 1)) && !s.broken; i++)
        sim_run(&s, 3100);
    for (unsigned n = 0; verbose && bad && n < 2; n++)
        ike_each(s.nodes[n].ike, sim_print, &s.nodes[n]);
    counts[0] += s.nodes[0].ups + s.nodes[1].ups;
    counts[1] += s.nodes[0].child_ups + s.nodes[1].child_ups;
    counts[2] += s.nodes[0].rekeys + s.nodes[1].rekeys;
    counts[3] += s.nodes[0].refused + s.nodes[1].refused;
    if (!bad) { /* and it must still work */
        bool asked = ike_acquire(s.nodes[0].ike, s.now, 0x5c000001, NULL, NULL, NULL);
        if (verbose)
            printf("asked %d, %u and %u IKE SAs\n", asked, s.nodes[0].ike->n_sa, s.nodes[1].ike->n_sa);
        sim_run(&s, 20000);
        if (s.nodes[0].n == 0 || s.nodes[1].n == 0)
            bad = "no tunnel comes up afterwards";
    }
    sim_end(&s);
    return bad ? bad : s.broken;
}

/* [VERSION SEED]: one run, told in full. */
int main(int argc, char **argv)
{
    const char *env = getenv("IOSCC_SEED");
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : env ? strtoull(env, NULL, 0) : 1;
    const unsigned many = getenv("IOSCC_QUICK") ? 100 : 5000;
    unsigned runs = argc > 2 ? 1 : many, failed = 0;
    bool too_few = false;
    for (unsigned version = 1; version <= 2; version++) {
        unsigned counts[4] = {0};
        if (argc > 1 && strtoul(argv[1], NULL, 0) != version)
            continue;
        for (uint64_t seed = first; seed < first + runs && failed < 5; seed++) {
            const char *bad = one(seed, version, argc > 2, counts);
            if (bad) {
                printf("sim_exchanges %u %llu: %s\n", version, (unsigned long long)seed, bad);
                failed++;
            }
        }
        printf("IKEv%u: %u runs from seed %llu: %u IKE SAs, %u child SAs, %u rekeyings, %u refusals\n", version, runs,
               (unsigned long long)first, counts[0], counts[1], counts[2], counts[3]);
        too_few |= counts[2] < runs;
    }
    return failed || (too_few && argc < 3);
}
