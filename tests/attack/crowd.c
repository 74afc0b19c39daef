/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Three parties by seeds: a hub, and two branches behind one NAT address that is renumbered in the middle of exchanges,
 * with reloads of the hub at any moment, lost, doubled and very late datagrams. Then the network gets well: each branch
 * and the hub agree, nobody has the other's SA, no key was used twice. IOSCC_SEED: the first
 * seed, IOSCC_RUNS: how many. */
#include <string.h>

#include "backends/ike/handover.h"
#include "tests/attack/lab.h"

#define SEEDS 120
#define RELOADS_MAX 64

struct crowd {
    struct sim s;
    struct router hub, branch[2];
    const struct ike_policy *in_force;
    struct arena arena[RELOADS_MAX];
    unsigned n_reloads;
};

static const char *const identity[] = {"x.example.com", "y.example.com"};
static const char *const outside[] = {"198.51.100.99", "198.51.100.98"};

static void short_lives(struct router *r)
{
    for (unsigned i = 0; i < r->p.n_profiles; i++) {
        r->profiles[i].lifetime_s = 400;
        r->profiles[i].dpd_s = 20;
        r->profiles[i].dpd_retry_s = 5;
    }
    for (unsigned i = 0; i < r->p.n_entries; i++)
        r->entries[i].lifetime_s = 180;
    r->p.v1_keepalive_s = 20;
    r->p.v1_keepalive_retry_s = 5;
    r->p.nat_keepalive_s = 10;
    r->v1[0].lifetime_s = 400;
}

static void crowd_open(struct crowd *c, uint64_t seed, unsigned version)
{
    static const char *const addr[] = {"10.99.0.1", "10.99.0.2"};
    memset(c, 0, sizeof *c);
    sim_init(&c->s, seed, 3);
    router_init(&c->hub, version);
    struct ike_profile *p = router_profile(&c->hub, version, "P", NULL, NULL);
    profile_match(&c->hub, p, ".example.com", true);
    profile_key(&c->hub, p, router_key(&c->hub, "0.0.0.0", 0, NULL, "group"));
    router_entry(&c->hub, version, HUB, NULL, p);
    short_lives(&c->hub);
    c->in_force = &c->hub.p;
    sim_node_start(&c->s, 0, &c->hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &c->branch[i];
        router_init(r, version);
        struct ike_profile *own = router_profile(r, version, "OWN", identity[i], NULL);
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "group"));
        struct ike_entry *e = router_entry(r, version, addr[i], HUB, own);
        entry_line(r, e, CHILD(0), 1, (int)(1 + i), 100, -1);
        short_lives(r);
        sim_node_start(&c->s, 1 + i, &r->p, addr[i]);
        sim_node_nat(&c->s, 1 + i, outside[0], (uint16_t)(4000 + 1000 * i));
    }
}

static void crowd_close(struct crowd *c)
{
    sim_end(&c->s);
    for (unsigned i = 0; i < c->n_reloads; i++)
        arena_free(&c->arena[i]);
}

/* The same policy as other bytes, as `ioscc reload` hands it over. */
static const char *reload_hub(struct crowd *c)
{
    struct buf b = {0};
    struct ike_moves m;
    struct ike_reload r;
    if (c->n_reloads == RELOADS_MAX)
        return NULL;
    struct arena *a = &c->arena[c->n_reloads];
    if (!arena_init(a, SIZE_MAX))
        return "out of memory";
    c->n_reloads++;
    const struct ike_policy *to = NULL;
    if (ike_policy_write(&b, c->in_force))
        to = ike_policy_read(a, (const uint8_t *)b.p, b.len);
    buf_free(&b);
    if (!to)
        return "the policy is not handed over";
    ike_policy_compare(a, c->in_force, to, &m);
    unsigned before = c->s.nodes[0].ike->n_children;
    if (!ike_reload(c->s.nodes[0].ike, c->s.now, &m, &r))
        return "out of memory";
    c->in_force = to;
    if (r.children_ended || r.children_kept > before)
        return "a reload of the same policy ends SAs";
    return NULL;
}

static struct ike_sa *any_sa(struct sim *s, struct sim_node *n)
{
    struct ike *k = n->ike;
    return k->heap_n ? k->heap[sim_random(s, k->heap_n)] : NULL;
}

static const char *happens(struct crowd *c)
{
    struct sim *s = &c->s;
    unsigned who = 1 + sim_random(s, 2);
    struct sim_node *n = &s->nodes[sim_random(s, 3) ? who : 0];
    struct ike_sa *sa = any_sa(s, n);
    switch (sim_random(s, 8)) {
    case 0:
    case 1:
    case 2:
        ike_acquire(s->nodes[who].ike, s->now, CHILD(0), NULL, NULL, NULL);
        return NULL;
    case 3:
        if (sa && sa->state == IKE_ESTABLISHED) {
            sa->rekey_at = s->now;
            ike_timer_update(n->ike, sa);
        }
        return NULL;
    case 4:
        if (sa && sa->children)
            ike_expire(n->ike, s->now, &sa->children->in.remote.addr, &sa->children->in.local.addr,
                       sa->children->spi_in, false);
        return NULL;
    case 5: /* the NAT forgets, or has another address */
        sim_node_nat(s, who, outside[sim_random(s, 2)], (uint16_t)(10000 + 2 * sim_random(s, 20000)));
        return NULL;
    case 6:
        return reload_hub(c);
    default: /* a branch starts again */
        if (sim_random(s, 4) == 0)
            ike_clear(s->nodes[who].ike, s->now, NULL, 0, 0);
        return NULL;
    }
}

static bool is_of(const struct ike_sa *sa, const char *id)
{
    return sa->peer_id && sa->peer_id_len == strlen(id) + 1 && memcmp(sa->peer_id + 1, id, strlen(id)) == 0;
}

/* The hub's child with those numbers; *of: whose it is. */
static const struct ike_child *at_hub(struct crowd *c, uint32_t spi, const struct ike_sa **of)
{
    const struct ike *k = c->s.nodes[0].ike;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (const struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            for (const struct ike_child *x = sa->children; x; x = x->next)
                if (x->spi_out == spi) {
                    *of = sa;
                    return x;
                }
    return NULL;
}

static const char *agrees(struct crowd *c)
{
    unsigned total = 0;
    for (unsigned b = 0; b < 2; b++) {
        const struct ike *k = c->s.nodes[1 + b].ike;
        for (uint32_t i = 0; i < k->hash_size; i++)
            for (const struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
                for (const struct ike_child *x = sa->children; x; x = x->next) {
                    const struct ike_sa *of = NULL;
                    const struct ike_child *h = at_hub(c, x->spi_in, &of);
                    total++;
                    if (!h || h->spi_in != x->spi_out)
                        return "a branch has an SA that the hub has not";
                    if (!is_of(of, identity[b]))
                        return "a branch's SA is another one's at the hub";
                    if (!ike_ts_equal(&h->ts_remote, &x->ts_local))
                        return "the ends have other networks";
                }
    }
    if (c->s.nodes[0].ike->n_children != total)
        return "the hub has SAs that no branch has";
    return c->s.nodes[0].n == total ? NULL : "the kernel has SAs that the engine has not";
}

/* In ten minutes at most: a delete of IKEv1 may be lost with the ISAKMP SA that it would have gone over, then the
 * lifetime ends what it was about. */
static const char *agree_in_time(struct crowd *c)
{
    const char *apart = NULL;
    for (unsigned i = 0; i < 400 && (apart = agrees(c)) && !c->s.broken; i++)
        sim_run(&c->s, 3100);
    return apart;
}

static const char *works(struct crowd *c)
{
    for (unsigned b = 0; b < 2; b++)
        ike_acquire(c->s.nodes[1 + b].ike, c->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&c->s, 30000);
    for (unsigned b = 0; b < 2; b++)
        if (c->s.nodes[1 + b].ike->n_children == 0)
            return "no tunnel comes up afterwards";
    return agree_in_time(c);
}

static const char *one(uint64_t seed, unsigned version)
{
    static struct crowd c;
    crowd_open(&c, seed, version);
    struct sim *s = &c.s;
    const char *bad = NULL;
    s->loss = sim_random(s, 3) ? sim_random(s, 200) : 0;
    s->dup = sim_random(s, 200);
    s->delay_ms = 1 + sim_random(s, sim_random(s, 3) ? 200 : 9000); /* answers behind the next question */
    for (unsigned i = 0; i < 40 && !s->broken && !bad; i++) {
        bad = happens(&c);
        sim_run(s, sim_random(s, 3) ? sim_random(s, 400) : sim_random(s, 40000));
    }
    s->loss = s->dup = 0;
    s->delay_ms = 5;
    if (!bad)
        sim_run(s, 200000);
    if (!bad)
        bad = agree_in_time(&c);
    if (!bad)
        bad = works(&c);
    if (s->broken)
        bad = s->broken;
    crowd_close(&c);
    return bad;
}

static const char *crowd(unsigned version)
{
    const char *env = getenv("IOSCC_SEED");
    const char *more = getenv("IOSCC_RUNS");
    uint64_t first = env ? strtoull(env, NULL, 0) : 1;
    uint64_t runs = more ? strtoull(more, NULL, 0) : SEEDS;
    for (uint64_t seed = first; seed < first + runs; seed++) {
        const char *bad = one(seed, version);
        if (bad)
            return broken("seed %llu: %s", (unsigned long long)seed, bad);
    }
    return NULL;
}
static const char *crowd_v1(void)
{
    return crowd(1);
}
static const char *crowd_v2(void)
{
    return crowd(2);
}

const struct attack attacks_crowd[] = {
    {"crowd: two branches behind one NAT, IKEv1", crowd_v1},
    {"crowd: two branches behind one NAT, IKEv2", crowd_v2},
    {NULL, NULL},
};
