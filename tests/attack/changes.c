/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies, addresses and kernels that change under an SA (findings B7 to B11). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

/* ---- B7, B8: reloads ---- */

static const char *reload_while_rekeying(void)
{
    struct pair x;
    struct router later;
    pair_open(&x, 2, 3);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike;
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa)
        return pair_over(&x, "no SA");
    queue.n = 0;
    hub->host.job = queue_job;
    sa->rekey_at = x.s.now;
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 200);
    if (queue.n != 1)
        return pair_over(&x, "the hub computes nothing");
    /* other proposals, the peer's among them; everything else is the same */
    router_copy(&later, &x.hub);
    struct ike_choices *encr = &later.proposal[0].encr;
    encr->v[1] = encr->v[0];
    encr->v[0].bits = 256;
    encr->n = 2;
    const uint32_t same[] = {0};
    if (!router_reload(&x.s, 0, &x.hub, &later, same))
        return pair_over(&x, "out of memory");
    ike_job_run(queue.v[0]);
    ike_job_done(hub, x.s.now, queue.v[0]);
    hub->host.job = NULL;
    const char *bad = NULL;
    for (uint32_t i = 0; i < hub->hash_size; i++)
        for (const struct ike_sa *o = hub->by_spi[i]; o; o = o->hash_next)
            if (o->state == IKE_ESTABLISHED && (!o->suite.prf || !o->suite.encr || !o->spi_i))
                bad = "an IKE SA without keys is established";
    sim_run(&x.s, 200000);
    if (!bad && !children_of(&x.s, 0))
        bad = "the tunnel is gone";
    return pair_over(&x, bad);
}

static const struct ike_policy *unused_policy;
static bool unused_early;
static void policy_unused(void *ctx, const struct ike_policy *p)
{
    const struct sim_node *n = ctx;
    unused_policy = p;
    unused_early |= n->ike->n_children != 0;
}

/* A slow peer: the deletes of a dropped entry take their time, and the old policy must wait for them. */
static const char *reload_slow_peer(void)
{
    struct pair x;
    static struct router after;
    pair_open(&x, 2, 3);
    pair_start(&x);
    for (unsigned i = 0; i < 3; i++) {
        ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(i), NULL, NULL, NULL);
        sim_run(&x.s, 1000);
    }
    if (children_of(&x.s, 0) != 3)
        return pair_over(&x, "the tunnel does not come up");
    struct ike *hub = x.s.nodes[0].ike;
    hub->host.policy_unused = policy_unused;
    unused_policy = NULL;
    unused_early = false;
    after = x.hub;
    after.p.n_entries = 0;
    after.p.profiles = after.profiles;
    after.profiles[0].remote = after.matches[0];
    after.profiles[0].keys = after.profile_keys[0];
    const uint32_t gone[] = {UINT32_MAX}, same[] = {0}, keys[] = {0, 1};
    const struct ike_moves m = {.from = &x.hub.p,
                                .to = &after.p,
                                .entry = gone,
                                .profile = same,
                                .v1 = same,
                                .key = keys,
                                .same_credential = true};
    struct ike_reload r;
    x.s.nodes[1].deaf = true;
    if (!ike_reload(hub, x.s.now, &m, &r))
        return pair_over(&x, "out of memory");
    const char *bad = NULL;
    for (int i = 0; i < 40 && !bad; i++) {
        sim_run(&x.s, 5000);
        x.s.nodes[1].deaf = i % 8 != 7; /* each answer takes 40 s */
        if (!children_of(&x.s, 0))
            break;
    }
    if (unused_early)
        bad = "a policy is given up while SAs point into it";
    if (!bad && unused_policy != &x.hub.p)
        bad = "the old policy is never given up";
    return pair_over(&x, bad);
}

/* ---- B9: a branch with another address ---- */

static const char *branch_moves(unsigned version)
{
    struct sim s;
    struct router hub, one, two;
    sim_init(&s, 1, 3);
    router_init(&hub, version);
    struct ike_profile *p = router_profile(&hub, version, "P", NULL, "branch.example.com");
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&hub, version, HUB, NULL, p);
    struct router *r[] = {&one, &two};
    static const char *const addr[] = {"198.51.100.7", "198.51.100.99"};
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        router_init(r[i], version);
        struct ike_profile *q = router_profile(r[i], version, "Q", "branch.example.com", NULL);
        profile_match_address(r[i], q, HUB, 32);
        profile_key(r[i], q, router_key(r[i], HUB, 32, NULL, "secret"));
        entry_line(r[i], router_entry(r[i], version, addr[i], HUB, q), CHILD(0), 2, -1, 1, -1);
        sim_node_start(&s, 1 + i, &r[i]->p, addr[i]);
    }
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    unsigned first = children_of(&s, 0);
    s.nodes[1].deaf = true; /* power fails; it comes back elsewhere */
    ike_acquire(s.nodes[2].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    const char *bad = NULL;
    struct ip_addr there = address(addr[1]);
    if (first != 1)
        bad = "the first tunnel does not come up";
    else if (!children_of(&s, 2))
        bad = "a branch with a new address is locked out";
    else if (s.nodes[0].n_policies != 1 || !addr_eq(&s.nodes[0].policies[0].to, &there))
        bad = "the policies still lead to the old address";
    return over(&s, bad);
}
static const char *b9_v1(void)
{
    return branch_moves(1);
}
static const char *b9_v2(void)
{
    return branch_moves(2);
}

/* Somebody flushes the policies of a dynamic entry's peer; a reload of the same configuration brings them back, and
 * where the kernel does not take them the peer is told that the SA is gone. */
static bool never_takes(void *ctx, const struct ike_child *c, bool update)
{
    (void)ctx, (void)c, (void)update;
    return false;
}

static const char *flushed(bool takes)
{
    struct pair x;
    pair_open(&x, 2, 3);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = 0;
    x.hub.entries[0].n_lines = 0;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike;
    if (x.s.nodes[0].n_policies != 1)
        return pair_over(&x, "the tunnel does not come up");
    static struct router again;
    again = x.hub; /* what it points to is the same */
    const uint32_t same[] = {0}, keys[] = {0, 1};
    const struct ike_moves m = {&x.hub.p, &again.p, same, same, same, keys, true};
    struct ike_reload r;
    if (takes)
        x.s.nodes[0].n_policies = 0;
    else
        hub->host.policy_add = never_takes;
    again.p.entries = again.entries;
    if (!ike_reload(hub, x.s.now, &m, &r))
        return pair_over(&x, "out of memory");
    const char *bad = NULL;
    if (takes && (x.s.nodes[0].n_policies != 1 || r.children_kept != 1))
        bad = "the peer's policies do not come back";
    sim_run(&x.s, 10000);
    if (!takes && children_of(&x.s, 1))
        bad = "the peer never hears that its SA is gone";
    return pair_over(&x, bad);
}

static const char *flushed_and_set_again(void)
{
    return flushed(true);
}
static const char *flushed_and_refused(void)
{
    return flushed(false);
}

/* A kernel sends by the SA it was given last. */
static bool sends_what_is_received(const struct sim_node *from, const struct sim_node *to)
{
    const struct sim_sa *by = NULL;
    for (unsigned i = 0; i < from->n; i++)
        if (from->sas[i].sends && (!by || from->sas[i].sends > by->sends))
            by = &from->sas[i];
    for (unsigned i = 0; by && i < to->n; i++)
        if (to->sas[i].spi_in == by->spi_out)
            return true;
    return false;
}

/* A second IKE SA of the same peer with the same selectors, without INITIAL_CONTACT: make before break. */
static const char *make_before_break(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = 0;
    x.hub.entries[0].n_lines = 0;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa || !children_of(&x.s, 0))
        return pair_over(&x, "the tunnel does not come up");
    uint64_t old = sa->id;
    v2_reauthenticate(x.s.nodes[1].ike, sa);
    const char *bad = NULL;
    for (unsigned ms = 0; ms < 10000 && !bad; ms++) {
        sim_run(&x.s, 1);
        if (!sends_what_is_received(&x.s.nodes[0], &x.s.nodes[1]) ||
            !sends_what_is_received(&x.s.nodes[1], &x.s.nodes[0]))
            bad = broken("%u ms after it began a packet finds no SA at its other end", ms);
    }
    struct ike_sa *now = first_sa(&x.s, 1);
    if (!bad && x.s.nodes[1].refused)
        bad = broken("reauthentication is refused: %s", x.s.nodes[1].last);
    else if (!bad && (!now || now->id == old || children_of(&x.s, 0) != 1 || children_of(&x.s, 1) != 1))
        bad = "the new SA has not taken the old one's place";
    else if (!bad && x.s.nodes[0].n_policies != 1)
        bad = "policies are lost or doubled";
    return pair_over(&x, bad);
}

/* ---- B10: the NAT changes its mapping ---- */

static const char *nat_moves(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = 0;
    x.hub.entries[0].n_lines = 0;
    profile_match_address(&x.hub, x.hub.profiles, "10.0.0.0", 8);
    profile_key(&x.hub, x.hub.profiles, router_key(&x.hub, "0.0.0.0", 0, NULL, "secret"));
    x.branch.entries[0].local = address("10.9.9.9");
    x.hub.profiles[0].dpd_s = x.branch.profiles[0].dpd_s = 10;
    x.hub.profiles[0].dpd_periodic = x.branch.profiles[0].dpd_periodic = true;
    pair_start(&x);
    x.s.nodes[1].end.addr = address("10.9.9.9");
    sim_node_nat(&x.s, 1, BRANCH, 4000);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_child *c = first_child(&x.s, 0);
    if (!c)
        return pair_over(&x, broken("the tunnel does not come up: %s", x.s.nodes[1].last));
    sim_node_nat(&x.s, 1, "198.51.100.99", 7000);
    sim_run(&x.s, 60000);
    struct ip_addr there = address("198.51.100.99");
    const char *bad = NULL;
    if (children_of(&x.s, 0) != 1 || x.s.nodes[0].n != 1)
        bad = "SAs are lost or left over";
    else if (!addr_eq(&x.s.nodes[0].sas[0].to, &there))
        bad = "the SA still leads to the old address";
    else if (x.s.nodes[0].n_policies != 1 || !addr_eq(&x.s.nodes[0].policies[0].to, &there))
        bad = "the policies still lead to the old address";
    else if (x.s.nodes[0].stale)
        bad = "an SA is deleted by an address that it was not made with";
    return pair_over(&x, bad);
}

/* ---- B11: what the log says when the kernel refuses ---- */

static const char *refused_by_kernel(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    pair_start(&x);
    x.s.nodes[0].refuse_all = true;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    return pair_over(&x,
                     strstr(x.s.nodes[0].last, "kernel") ? NULL : broken("the log says: %.200s", x.s.nodes[0].last));
}

const struct attack attacks_changes[] = {
    {"B7 reload while a rekeying is computed", reload_while_rekeying},
    {"B8 reload with a slow peer", reload_slow_peer},
    {"B9 a branch with a new address, IKEv1", b9_v1},
    {"B9 a branch with a new address, IKEv2", b9_v2},
    {"peers' policies are flushed", flushed_and_set_again},
    {"peers' policies are flushed and refused", flushed_and_refused},
    {"B9 make before break", make_before_break},
    {"B10 the NAT changes its mapping", nat_moves},
    {"B11 the kernel refuses in IKE_AUTH", refused_by_kernel},
    {NULL, NULL},
};
