/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A router restarts, dies or loses one of its ways, or a message is lost: no end is to send for long by an IPsec SA
 * that the other has not (findings Z1 to Z10 of a second stranger). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"

/* ---- what both ends have ---- */

static bool has_common(const struct sim *s)
{
    const struct tunnels hub = tunnels_of(s, 0), branch = tunnels_of(s, 1);
    for (unsigned i = 0; i < hub.n; i++)
        for (unsigned k = 0; k < branch.n; k++)
            if (hub.v[i]->spi_in == branch.v[k]->spi_out && hub.v[i]->spi_out == branch.v[k]->spi_in)
                return true;
    return false;
}

/* By the newest the node sends: does the other one take it? */
static bool is_newest_taken(const struct sim *s, unsigned node)
{
    const struct ike_child *newest = newest_tunnel(s, node, 0);
    return !newest || is_taken(s, !node, newest);
}

#define LOST_MOST_S 20

/* NULL, or for how long one end's packets go into nothing; only `sender` has traffic. */
static const char *into_nothing(struct sim *s, unsigned sender)
{
    unsigned without = 0, lost = 0;
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(s, i, sender, CHILD(0));
        pass(s, 1000);
        without += !has_common(s);
        lost += !is_newest_taken(s, 0) || !is_newest_taken(s, 1);
    }
    if (without <= LOST_MOST_S && lost <= LOST_MOST_S)
        return NULL;
    return broken("no tunnel of both for %u s of %u, packets of one end go into nothing for %u s", without, COUNTED_S,
                  lost);
}

/* ---- a branch with two ways out ---- */

#define SECOND_WAY "198.51.100.8"

static bool is_first_dead;

static bool by_two_ways(struct sim *s, struct packet_in_flight *f)
{
    const struct ip_addr first = address(BRANCH), second = address(SECOND_WAY);
    bool is_by_first = addr_eq(&f->to.addr, &first) || addr_eq(&f->from.addr, &first);
    if (is_first_dead && is_by_first)
        return false;
    if (!addr_eq(&f->to.addr, &second))
        return true;
    ike_input(s->nodes[1].ike, s->now, &f->to, &f->from, f->p, f->n); /* the network knows one address of a node */
    return false;
}

/* `lines` by the first way, one more by the second; that of the first line is up. */
static bool two_ways_tunnel(struct pair *x, int lines)
{
    pair_open(x, 1, lines);
    mapped_dpd(x, 10, 10);
    router_key(&x->hub, SECOND_WAY, 32, NULL, "secret");
    struct ike_entry *of_hub = router_entry(&x->hub, 1, HUB, SECOND_WAY, NULL);
    struct ike_entry *of_branch = router_entry(&x->branch, 1, SECOND_WAY, HUB, NULL);
    entry_line(&x->hub, of_hub, CHILD(lines), 1, lines, 2, lines);
    entry_line(&x->branch, of_branch, CHILD(lines), 2, lines, 1, lines);
    is_first_dead = false;
    bool is_up = plain_begin(x);
    x->s.meddle = by_two_ways;
    return is_up;
}

/* Z1: the ISAKMP SA of the second way stands, and is none that could take in what the first one had. */
static const char *way_dies(void)
{
    static struct pair x;
    unsigned sends_s = 0;
    bool is_up = two_ways_tunnel(&x, 1) && line_begins(&x.s, 1);
    if (!is_up)
        return over(&x.s, "there are no tunnels at first");
    is_first_dead = true;
    for (unsigned i = 0; i < COUNTED_S; i++) {
        pass(&x.s, 1000);
        sends_s += has_line(&x.s, 1, CHILD(0));
    }
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (sends_s > FOUND_DEAD_S)
        bad = broken("the branch sends into the dead way for %u s of %u", sends_s, COUNTED_S);
    return over(&x.s, bad);
}

/* Z4: when the branch has restarted its second way is up first, so that by its first one it does not say
 * INITIAL-CONTACT. The hub has two lines by that way, and the branch has traffic of one. */
static const char *nothing_said(void)
{
    static struct pair x;
    unsigned one_sided_s = 0;
    bool is_up = two_ways_tunnel(&x, 2) && line_begins(&x.s, 1);
    if (!is_up)
        return over(&x.s, "there are no tunnels at first");
    power_off(&x.s, 1);
    sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
    is_up = line_begins(&x.s, 2) && line_begins(&x.s, 0);
    if (!is_up || !has_line(&x.s, 0, CHILD(1)))
        return over(&x.s, is_up ? "the branch says INITIAL-CONTACT" : "there is no tunnel after the restart");
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        traffic_pass(&x.s, i, 0, CHILD(1));
        pass(&x.s, 1000);
        one_sided_s += has_line(&x.s, 0, CHILD(1)) && !has_line(&x.s, 1, CHILD(1));
    }
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (one_sided_s > FOUND_DEAD_S)
        bad = broken("the hub sends by an SA that the branch has not for %u s of %u", one_sided_s, COUNTED_S);
    return over(&x.s, bad);
}

/* ---- phase 1 anew ---- */

static bool is_dead;

/* The branch's identity and proof are the last that the hub could have got: it answers no more. */
static bool dies_in_phase_1(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    is_dead |= is_from(s, f, 1) && h[18] == X1_MAIN && h[19] & IKE1_ENCRYPTED;
    return !is_dead;
}

/* Z2: the new ISAKMP SA, for which what stands is kept, is dead as well. */
static const char *dies_twice(void)
{
    static struct pair x;
    unsigned stands_s = 0;
    if (!plain_tunnel(&x))
        return over(&x.s, "there is no tunnel at first");
    is_dead = false;
    x.s.meddle = dies_in_phase_1;
    rekey_sa(&x.s, 0);
    for (unsigned i = 0; i < COUNTED_S; i++) {
        pass(&x.s, 1000);
        stands_s += children_of(&x.s, 1) != 0;
    }
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (stands_s > FOUND_DEAD_S)
        bad = broken("the hub is dead, the branch keeps its IPsec SA for %u s of %u", stands_s, COUNTED_S);
    return over(&x.s, is_dead ? bad : "the hub did not die");
}

/* Z7: what the branch had goes over to the new ISAKMP SA before the restarted hub can say INITIAL-CONTACT, which in
 * aggressive mode is an Informational of its own. */
static const char *restarts_aggressive(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    mapped_dpd(&x, 10, 10);
    speaks_aggressively(&x);
    if (!plain_begin(&x))
        return over(&x.s, "there is no tunnel at first");
    restart_hub(&x);
    rekey_sa(&x.s, 1);
    return over(&x.s, hub_left_without(&x.s, FOUND_DEAD_S));
}

/* ---- a lost second message ---- */

static bool is_on;
static unsigned n_lost;

static bool loses_second(struct sim *s, struct packet_in_flight *f)
{
    bool is_second = is_from(s, f, 0) && packet_header(f)[18] == X1_QUICK;
    if (!is_on || n_lost || !is_second)
        return true;
    n_lost++;
    return false;
}

#define SETTLED_MS 37000 /* after 3 s: the first quick mode is forgotten */

static bool tunnel_settled(struct pair *x)
{
    is_on = false;
    n_lost = 0;
    bool is_up = plain_tunnel(x);
    pass(&x->s, SETTLED_MS);
    return is_up;
}

/* Z3: the branch rekeys twice, as when its mapping changes; then comes its delete of the first SA, which does not show
 * that it has the third. */
static const char *rekeys_twice(void)
{
    static struct pair x;
    if (!tunnel_settled(&x))
        return over(&x.s, "there is no tunnel at first");
    x.s.meddle = loses_second;
    rekey_child(&x.s, 1);
    pass(&x.s, 2500);
    is_on = true;
    rekey_child(&x.s, 1);
    const char *bad = into_nothing(&x.s, 0);
    x.s.meddle = NULL;
    return over(&x.s, n_lost ? bad : "nothing was lost");
}

/* Z3b: somebody at the branch clears the SA that is being rekeyed. */
static const char *cleared_in_rekeying(void)
{
    static struct pair x;
    if (!tunnel_settled(&x))
        return over(&x.s, "there is no tunnel at first");
    x.s.meddle = loses_second;
    is_on = true;
    struct ike_sa *sa = standing_sa(&x.s, 1);
    const struct ike_child *old = sa->children;
    rekey_child(&x.s, 1);
    pass(&x.s, 500);
    begin_task(&x.s, 1, sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = old->spi_in, .entry = old->entry});
    const char *bad = into_nothing(&x.s, 0);
    x.s.meddle = NULL;
    return over(&x.s, n_lost ? bad : "nothing was lost");
}

/* ---- old messages of a peer that is dead ---- */

#define RING 64u /* so many message ids of Informationals are remembered */
#define KEPT_MOST 140u

static unsigned kept_of, n_kept;
static struct {
    uint8_t p[600];
    struct packet_in_flight f;
} kept[KEPT_MOST];

static bool keeps_informationals(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_of_peer = is_of_branch(s, f) == (kept_of == 1);
    bool is_one = is_of_peer && f->n > IKE_HEADER_LEN && h[18] == X1_INFO && h[19] & IKE1_ENCRYPTED;
    if (is_one && n_kept < KEPT_MOST && f->n <= sizeof kept->p) {
        kept[n_kept].f = *f;
        kept[n_kept].f.p = kept[n_kept].p;
        memcpy(kept[n_kept].p, f->p, f->n);
        n_kept++;
    }
    return !is_to_copier(f);
}

static void keep_begin(struct sim *s, unsigned of)
{
    kept_of = of;
    n_kept = 0;
    s->meddle = keeps_informationals;
}

static void keep_until(struct sim *s, unsigned wanted)
{
    for (unsigned i = 0; i < COUNTED_S && n_kept < wanted; i++)
        pass(s, 1000);
}

#define DEAD_S 1200

/* The dead hub's Informationals from that one on, every eight seconds. The first is its INITIAL-CONTACT. */
static const char *contact_again(bool is_attacked, unsigned first)
{
    static struct pair x;
    unsigned stands_s = 0;
    pair_open(&x, 1, 1);
    mapped_dpd(&x, 10, 10);
    speaks_aggressively(&x);
    pair_start(&x);
    tap_close(&x.tap);
    slow_begin(&x.s);
    keep_begin(&x.s, 0);
    bool is_up = seconds_to_tunnel(&x.s, 60) <= 20;
    keep_until(&x.s, RING + 6);
    power_off(&x.s, 0);
    x.s.meddle = NULL;
    for (unsigned i = 0; i < DEAD_S; i++) {
        for (unsigned k = first; is_attacked && i % 8 == 0 && k < n_kept; k++)
            inject(&x.s, &kept[k].f.from, &kept[k].f.to, kept[k].p, kept[k].f.n);
        pass(&x.s, 1000);
        stands_s += children_of(&x.s, 1) != 0;
    }
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    const char *bad = NULL;
    if (stands_s > FOUND_DEAD_S)
        bad = broken("the hub is dead, the branch does not see it for %u s of %u, by %u messages", stands_s, DEAD_S,
                     n_kept - first);
    return over(&x.s, is_up && n_kept > RING ? bad : "too little was kept");
}

/* Z5, and without the attack, and without the INITIAL-CONTACT. */
static const char *initial_contact_again(void)
{
    const char *bad = contact_again(false, 0);
    if (!bad)
        bad = contact_again(true, 1);
    return bad ? bad : contact_again(true, 0);
}

/* The dead branch's last question, and before it as many others as make the hub forget it. */
static const char *questions_again(bool is_attacked)
{
    static struct pair x;
    unsigned stands_s = 0;
    mapped_open(&x, 1);
    mapped_dpd(&x, 10, 10);
    x.hub.p.v1_keepalive_periodic = x.branch.p.v1_keepalive_periodic = true;
    keep_begin(&x.s, 1);
    bool is_up = seconds_to_tunnel(&x.s, 60) <= 20;
    keep_until(&x.s, KEPT_MOST - 1);
    ask_peer(&x.s, 1);
    pass(&x.s, 15);
    power_off(&x.s, 1);
    for (unsigned i = 0; i < DEAD_S / 2; i++) {
        for (unsigned k = 0; is_attacked && i % 5 == 0 && k < n_kept; k++)
            copied(&x.s, &kept[k].f, COPIER_PORT);
        pass(&x.s, 1000);
        stands_s += children_of(&x.s, 0) != 0;
    }
    x.s.meddle = NULL;
    sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
    const char *bad = NULL;
    if (stands_s > FOUND_DEAD_S)
        bad = broken("the branch is dead, the hub does not see it for %u s of %u, by %u messages", stands_s, DEAD_S / 2,
                     n_kept);
    return over(&x.s, is_up && n_kept > 2 * RING ? bad : "too little was kept");
}

/* Z9, and without the attack. */
static const char *old_questions_again(void)
{
    const char *bad = questions_again(false);
    return bad ? bad : questions_again(true);
}

/* ---- a refused rekeying ---- */

/* The branch's transform set has been changed, so the hub refuses; then the NAT begins anew. */
static const char *refused_elsewhere(unsigned version)
{
    static struct pair x;
    mapped_open(&x, version);
    mapped_dpd(&x, 10, 10);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    x.branch.set[0].encr.bits = 256;
    begin_mapping(&x.s, NEW_PORT);
    pass(&x.s, 20000);
    unsigned before = x.s.nodes[0].refused;
    pass(&x.s, 600000);
    unsigned n = x.s.nodes[0].refused - before;
    return over(&x.s, n > 65 ? broken("%u rekeyings are refused in 600 s", n) : NULL);
}
static const char *refused_v2(void)
{
    return refused_elsewhere(2);
}
static const char *refused_v1(void)
{
    return refused_elsewhere(1);
}

/* ---- two branches behind one NAT ---- */

static void two_behind_nat(struct sim *s, struct router *hub, struct router *branches)
{
    static const char *const inside[] = {"10.99.0.1", "10.99.0.2"};
    sim_init(s, 1, 3);
    s->delay_ms = 2;
    router_init(hub, 1);
    router_key(hub, BRANCH, 32, NULL, "secret");
    (void)router_entry(hub, 1, HUB, NULL, NULL);
    hub->p.v1_keepalive_s = 10;
    sim_node_start(s, 0, &hub->p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *branch = &branches[i];
        router_init(branch, 1);
        branch->p.v1_keepalive_s = 10;
        router_key(branch, HUB, 32, NULL, "secret");
        entry_line(branch, router_entry(branch, 1, inside[i], HUB, NULL), CHILD(0), 20 + (int)i, 0, 100, -1);
        sim_node_start(s, 1 + i, &branch->p, inside[i]);
        sim_node_nat(s, 1 + i, BRANCH, (uint16_t)(4529 + 100 * i));
    }
    slow_begin(s);
    for (unsigned i = 1; i <= 2; i++)
        ike_acquire(s->nodes[i].ike, s->now, CHILD(0), NULL, NULL, NULL);
    pass(s, 10000);
}

/* Z8: the hub restarts, and each begins phase 1 anew: the second one is to hear of it too. */
static const char *restarts_for_two(void)
{
    static struct sim s;
    static struct router hub, branches[2];
    unsigned one_sided_s = 0;
    two_behind_nat(&s, &hub, branches);
    if (children_of(&s, 0) != 2)
        return over(&s, "there are no tunnels at first");
    power_off(&s, 0);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 1; i <= 2; i++) {
        rekey_sa(&s, i);
        pass(&s, 2000);
    }
    for (unsigned i = 0; i < 1200; i++) {
        traffic_pass(&s, i, 1, CHILD(0));
        traffic_pass(&s, i, 2, CHILD(0));
        pass(&s, 1000);
        one_sided_s += children_of(&s, 0) < 2 && children_of(&s, 1) && children_of(&s, 2);
    }
    const char *bad = NULL;
    if (one_sided_s > FOUND_DEAD_S)
        bad = broken("each branch has a tunnel and the hub has %u of them for %u s of 1200", children_of(&s, 0),
                     one_sided_s);
    return over(&s, bad);
}

/* ---- the rekeying of a predecessor ---- */

/* The hub's rekeying gets no answer; the branch rekeys, and the hub what came of it; then the first one is answered. */
static const char *predecessor_open(bool is_losing)
{
    static struct pair x;
    if (!tunnel_settled(&x))
        return over(&x.s, "there is no tunnel at first");
    stage = FIRST_OPENS;
    x.s.meddle = loses_by_stage;
    rekey_child(&x.s, 0);
    pass(&x.s, 100);
    bool is_open = stage == FIRST_WAITS;
    rekey_child(&x.s, 1);
    pass(&x.s, 1000);
    rekey_child(&x.s, 0);
    pass(&x.s, 1000);
    const unsigned before = x.s.nodes[0].rekeys;
    stage = PASSES;
    for (unsigned i = 0; i < 4000 && x.s.nodes[0].rekeys == before; i++)
        pass(&x.s, 10);
    stage = is_losing ? DELETES_LOST : PASSES;
    pass(&x.s, 6000);
    stage = PASSES;
    const char *bad = into_nothing(&x.s, 1);
    x.s.meddle = NULL;
    return over(&x.s, is_open ? bad : "the hub does not rekey");
}

/* Z10, and without a loss. */
static const char *predecessor_rekeyed(void)
{
    const char *bad = predecessor_open(false);
    return bad ? bad : predecessor_open(true);
}

const struct attack attacks_restarts[] = {
    {"Z1 a branch with two ways out, one dies", way_dies},
    {"Z2 phase 1 anew, and the peer dies in it", dies_twice},
    {"Z3 one lost second message, and the old SA is deleted", rekeys_twice},
    {"Z3b one lost second message, and the SA is cleared", cleared_in_rekeying},
    {"Z4 the peer restarts and says no INITIAL-CONTACT", nothing_said},
    {"Z5 an INITIAL-CONTACT of an Informational is repeated", initial_contact_again},
    {"Z6 a moved child's rekeying is refused, IKEv2", refused_v2},
    {"Z6b a moved child's rekeying is refused, IKEv1", refused_v1},
    {"Z7 aggressive mode: the hub restarts, then phase 1 anew", restarts_aggressive},
    {"Z8 two branches behind one NAT, the hub restarts", restarts_for_two},
    {"Z9 old questions again keep a dead peer alive", old_questions_again},
    {"Z10 a rekeying is open when the peer rekeys, deletes are lost", predecessor_rekeyed},
    {NULL, NULL},
};
