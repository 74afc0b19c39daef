/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody attacks. Whose IPsec SAs end when a peer says that it has restarted, or is dead: a branch may have two
 * identities, and two hubs may have one. And what is in doubt is rekeyed, or ends (findings X1 to X8 of a third
 * stranger). */
#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"

#define CUT_MOST_S 5 /* nothing has happened that would be a reason */

static bool is_arriving(const struct sim *s, unsigned node, unsigned peer, uint32_t reqid)
{
    const struct ike_child *newest = newest_tunnel(s, node, reqid);
    return newest && is_taken(s, peer, newest);
}

/* For how long what the branch sends by its first line goes into nothing, where both lines have traffic. */
static unsigned seconds_lost(struct sim *s)
{
    unsigned lost_s = 0;
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(s, i, 1, CHILD(0));
        traffic_pass(s, i, 1, CHILD(1));
        pass(s, 1000);
        lost_s += !is_arriving(s, 1, 0, CHILD(0));
    }
    return lost_s;
}

/* ---- a branch with two identities ---- */

/* One ISAKMP profile each at both ends: the first has lines 0 to `lines` - 1, the second the one behind them. */
static void two_profiles_open(struct pair *x, int lines, uint32_t dpd_s)
{
    static const char *const names[] = {"a.example.com", "b.example.com"};
    sim_init(&x->s, 1, 2);
    x->s.delay_ms = 5;
    router_init(&x->hub, 1);
    router_init(&x->branch, 1);
    const struct ike_psk *hub_key = router_key(&x->hub, BRANCH, 32, NULL, "secret");
    const struct ike_psk *branch_key = router_key(&x->branch, HUB, 32, NULL, "secret");
    for (int i = 0; i < 2; i++) {
        struct ike_profile *of_hub = router_profile(&x->hub, 1, "H", NULL, names[i]);
        struct ike_profile *of_branch = router_profile(&x->branch, 1, "B", names[i], NULL);
        profile_key(&x->hub, of_hub, hub_key);
        profile_key(&x->branch, of_branch, branch_key);
        profile_match_address(&x->branch, of_branch, HUB, 32);
        struct ike_entry *at_hub = router_entry(&x->hub, 1, HUB, BRANCH, of_hub);
        struct ike_entry *at_branch = router_entry(&x->branch, 1, BRANCH, HUB, of_branch);
        const int first = i ? lines : 0;
        const int behind = i ? lines + 1 : lines;
        for (int line = first; line < behind; line++) {
            entry_line(&x->hub, at_hub, CHILD(line), 1, line, 2, line);
            entry_line(&x->branch, at_branch, CHILD(line), 2, line, 1, line);
        }
    }
    x->hub.p.v1_keepalive_s = x->branch.p.v1_keepalive_s = dpd_s;
}

static void two_profiles_start(struct pair *x)
{
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, BRANCH);
    slow_begin(&x->s);
}

/* The second identity is up first. Then by the first one the branch does not say INITIAL-CONTACT: it has an ISAKMP SA
 * with the hub's address. */
static bool restarts_silently(struct pair *x, unsigned line_of_second)
{
    power_off(&x->s, 1);
    sim_node_start(&x->s, 1, &x->branch.p, BRANCH);
    return line_begins(&x->s, line_of_second);
}

/* X1: for the hub its first ISAKMP SA with the second identity is the first contact with it. */
static const char *second_identity(uint32_t dpd_s)
{
    static struct pair x;
    unsigned lost_s = 0;
    two_profiles_open(&x, 1, dpd_s);
    two_profiles_start(&x);
    if (!line_begins(&x.s, 0))
        return over(&x.s, "there is no tunnel at first");
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 0, CHILD(0));
        pass(&x.s, 1000);
        lost_s += !is_arriving(&x.s, 0, 1, CHILD(0));
    }
    const char *bad = NULL;
    if (lost_s > CUT_MOST_S)
        bad = broken("what the hub sends to the first identity goes into nothing for %u s of %u", lost_s, COUNTED_S);
    return over(&x.s, has_line(&x.s, 1, CHILD(1)) ? bad : "the second identity has no tunnel");
}
static const char *second_identity_without(void)
{
    return second_identity(0);
}
static const char *second_identity_dpd(void)
{
    return second_identity(10);
}

/* The branch asks for what it has not. */
static void lines_begin(struct sim *s)
{
    for (unsigned line = 0; line < 2; line++) {
        traffic_pass(s, 0, 1, CHILD(line));
        pass(s, 2000);
    }
}

/* X3: the branch finds the first ISAKMP SA dead, and the other one cannot rekey what it had. */
static const char *one_cleared(void)
{
    static struct pair x;
    unsigned lost_s = 0;
    two_profiles_open(&x, 1, 10);
    two_profiles_start(&x);
    lines_begin(&x.s);
    lines_begin(&x.s);
    pass(&x.s, 20000);
    if (!is_arriving(&x.s, 1, 0, CHILD(0)) || !is_arriving(&x.s, 1, 0, CHILD(1)))
        return over(&x.s, "there are no tunnels at first");
    stage = DELETES_LOST;
    x.s.meddle = loses_by_stage;
    begin_task(&x.s, 0, first_of(&x.s, 0, IKE_STANDS, &x.hub.profiles[0]), (struct ike_task){.kind = TASK_DELETE_IKE});
    pass(&x.s, 100);
    x.s.meddle = NULL;
    lost_s = seconds_lost(&x.s);
    const char *bad = NULL;
    if (lost_s > FOUND_DEAD_S)
        bad = broken("what the branch sends by the first identity goes into nothing for %u s of %u", lost_s, COUNTED_S);
    return over(&x.s, bad);
}

/* X5: the hub is to rekey what the restarted branch may not have, and the branch has that line no more. */
static const char *refused_in_doubt(void)
{
    static struct pair x;
    unsigned sends_s = 0;
    two_profiles_open(&x, 2, 10);
    two_profiles_start(&x);
    if (!line_begins(&x.s, 0) || !line_begins(&x.s, 1))
        return over(&x.s, "there are no tunnels at first");
    x.branch.entries[0].n_lines = 1;
    bool is_up = restarts_silently(&x, 2) && line_begins(&x.s, 0);
    if (!is_up || !has_line(&x.s, 0, CHILD(1)))
        return over(&x.s, is_up ? "the branch says INITIAL-CONTACT" : "there is no tunnel after the restart");
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
        sends_s += has_line(&x.s, 0, CHILD(1));
    }
    const char *bad = NULL;
    if (sends_s > FOUND_DEAD_S)
        bad = broken("the hub sends by an SA that the branch has not for %u s of %u", sends_s, COUNTED_S);
    return over(&x.s, bad);
}

#define LAST_QUESTION 5
#define UNCONFIRMED_MS 2600 /* the new one is begun a second after that, and not confirmed when the old one is dead */

/* Is there one by which the hub sends, and the branch has not the other half? */
static bool has_one_sided(const struct sim *s)
{
    const struct tunnels of_hub = tunnels_of(s, 0);
    for (unsigned i = 0; i < of_hub.n; i++)
        if (!is_taken(s, 1, of_hub.v[i]))
            return true;
    return false;
}

/* Until the hub has asked for the last time whether the branch has that ISAKMP SA. */
static bool last_question_passes(struct sim *s, const struct ike_sa *old)
{
    for (unsigned i = 0; i < 4000 && old->v1->dpd_missed < LAST_QUESTION; i++)
        pass(s, 10);
    return old->v1->dpd_missed == LAST_QUESTION;
}

/* X6: the hub finds the old ISAKMP SA dead while nothing shows that the branch has the new one, and it cannot call: its
 * entry is dynamic. */
static const char *orphan_in_doubt(void)
{
    static struct pair x;
    unsigned one_sided_s = 0;
    two_profiles_open(&x, 2, 10);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = 0;
    two_profiles_start(&x);
    for (unsigned line = 0; line < 2; line++) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(line), NULL, NULL, NULL);
        pass(&x.s, 5000);
    }
    if (children_of(&x.s, 0) != 2 || !restarts_silently(&x, 2))
        return over(&x.s, "there are no tunnels at first");
    bool is_asked = last_question_passes(&x.s, first_of(&x.s, 0, IKE_STANDS, &x.hub.profiles[0]));
    pass(&x.s, 1000);
    stage = BRANCH_MAIN_ONLY;
    x.s.meddle = loses_by_stage;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    pass(&x.s, UNCONFIRMED_MS);
    x.s.meddle = NULL;
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
        one_sided_s += has_one_sided(&x.s);
    }
    const char *bad = NULL;
    if (one_sided_s > FOUND_DEAD_S)
        bad = broken("the hub sends by an SA that the branch has not for %u s of %u", one_sided_s, COUNTED_S);
    return over(&x.s, is_asked ? bad : "the hub does not ask whether the branch lives");
}

/* ---- two hubs of one name ---- */

#define SECOND_HUB "203.0.113.2"

struct hubs {
    struct sim s; /* nodes 0 and 2: the hubs */
    struct router hubs[2], branch;
};

static void two_hubs_start(struct hubs *x, uint32_t dpd_s)
{
    static const char *const at[] = {HUB, SECOND_HUB};
    sim_init(&x->s, 1, 3);
    x->s.delay_ms = 5;
    router_init(&x->branch, 1);
    struct ike_profile *of_branch = router_profile(&x->branch, 1, "B", NULL, "hub.example.com");
    profile_key(&x->branch, of_branch, router_key(&x->branch, "203.0.113.0", 24, NULL, "secret"));
    for (int i = 0; i < 2; i++) {
        struct router *hub = &x->hubs[i];
        router_init(hub, 1);
        struct ike_profile *of_hub = router_profile(hub, 1, "H", "hub.example.com", NULL);
        profile_match_address(hub, of_hub, BRANCH, 32);
        profile_key(hub, of_hub, router_key(hub, BRANCH, 32, NULL, "secret"));
        entry_line(hub, router_entry(hub, 1, at[i], BRANCH, of_hub), CHILD(0), 1, i, 2, i);
        entry_line(&x->branch, router_entry(&x->branch, 1, BRANCH, at[i], of_branch), CHILD(i), 2, i, 1, i);
        hub->p.v1_keepalive_s = dpd_s;
        sim_node_start(&x->s, i ? 2 : 0, &hub->p, at[i]);
    }
    x->branch.p.v1_keepalive_s = dpd_s;
    sim_node_start(&x->s, 1, &x->branch.p, BRANCH);
    slow_begin(&x->s);
}

/* X2: the first contact of one is none of the other. */
static const char *second_hub(uint32_t dpd_s)
{
    static struct hubs x;
    unsigned first_s = 0, second_s = 0;
    two_hubs_start(&x, dpd_s);
    if (!line_begins(&x.s, 0))
        return over(&x.s, "there is no tunnel at first");
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    pass(&x.s, 2000);
    if (!is_arriving(&x.s, 2, 1, CHILD(0)))
        return over(&x.s, "there is no tunnel of the second hub at first");
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 0, CHILD(0));
        traffic_pass(&x.s, i, 2, CHILD(0));
        pass(&x.s, 1000);
        first_s += !is_arriving(&x.s, 0, 1, CHILD(0));
        second_s += !is_arriving(&x.s, 2, 1, CHILD(0));
    }
    const char *bad = NULL;
    if (first_s > CUT_MOST_S || second_s > CUT_MOST_S)
        bad = broken("what the first hub sends goes into nothing for %u s of %u, the second one's for %u s", first_s,
                     COUNTED_S, second_s);
    return over(&x.s, bad);
}
static const char *second_hub_without(void)
{
    return second_hub(0);
}
static const char *second_hub_dpd(void)
{
    return second_hub(10);
}

#define AWAY_S 60

/* X3b: the other one is another router, and cannot take in what the first one had. */
static const char *one_hub_away(void)
{
    static struct hubs x;
    unsigned lost_s = 0;
    two_hubs_start(&x, 10);
    lines_begin(&x.s);
    rekey_sa(&x.s, 0); /* no first contact for either end */
    pass(&x.s, 2000);
    lines_begin(&x.s);
    if (!is_arriving(&x.s, 1, 0, CHILD(0)) || !is_arriving(&x.s, 1, 2, CHILD(1)))
        return over(&x.s, "there are no tunnels at first");
    power_off(&x.s, 0);
    for (unsigned i = 0; i < AWAY_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
    }
    sim_node_start(&x.s, 0, &x.hubs[0].p, HUB);
    lost_s = seconds_lost(&x.s);
    const char *bad = NULL;
    if (lost_s > FOUND_DEAD_S)
        bad = broken("the hub is back, what the branch sends goes into nothing for %u s of %u", lost_s, COUNTED_S);
    return over(&x.s, bad);
}

/* ---- an orphan that a delete has made ---- */

/* The hub begins phase 1 anew. What the branch says by the new ISAKMP SA is lost, the old one is deleted, and the hub
 * dies. */
static bool orphan_begins(struct pair *x)
{
    mapped_open(x, 1);
    mapped_dpd(x, 10, 10);
    bool is_up = seconds_to_tunnel(&x->s, 60) <= 20;
    pass(&x->s, 3000);
    stage = BRANCH_INFO_LOST;
    x->s.meddle = loses_by_stage;
    rekey_sa(&x->s, 0);
    pass(&x->s, 6000);
    x->s.meddle = NULL;
    power_off(&x->s, 0);
    return is_up && first_of(&x->s, 1, IKE_ORPHAN, NULL);
}

/* X7: the orphan is to end with the new ISAKMP SA, for which it is kept. */
static const char *orphan_hub_dies(void)
{
    static struct pair x;
    unsigned sends_s = 0;
    bool is_orphan = orphan_begins(&x);
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
        sends_s += has_line(&x.s, 1, CHILD(0));
    }
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    const char *bad = NULL;
    if (sends_s > 2 * FOUND_DEAD_S)
        bad = broken("the hub is dead, the branch keeps its IPsec SA for %u s of %u", sends_s, COUNTED_S);
    return over(&x.s, is_orphan ? bad : "there is no orphan");
}

/* X7b: the hub is there again, and has nothing of what the orphan is kept for. */
static const char *orphan_hub_restarts(void)
{
    static struct pair x;
    unsigned lost_s = 0;
    bool is_orphan = orphan_begins(&x);
    pass(&x.s, AWAY_S * 1000);
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    for (unsigned i = 0; i < COUNTED_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
        lost_s += !is_arriving(&x.s, 1, 0, CHILD(0));
    }
    const char *bad = NULL;
    if (lost_s > 2 * FOUND_DEAD_S)
        bad = broken("the hub is back, what the branch sends goes into nothing for %u s of %u", lost_s, COUNTED_S);
    return over(&x.s, is_orphan ? bad : "there is no orphan");
}

/* ---- joined rekeyings ---- */

#define JOINED_S 1200

/* The hub's rekeying is not answered, and the branch rekeys in the meantime. Then the branch has moved and the hub is
 * to rekey what stands now, for which it goes on with the first one. */
static bool rekeying_joined(struct pair *x, unsigned seed, unsigned moves_ms, enum loss_stage meanwhile)
{
    mapped_open(x, 1);
    x->s.rng += seed * 77777u;
    mapped_dpd(x, 10, 10);
    bool is_up = seconds_to_tunnel(&x->s, 60) <= 20;
    pass(&x->s, 40000);
    stage = FIRST_OPENS;
    x->s.meddle = loses_by_stage;
    rekey_child(&x->s, 0);
    pass(&x->s, 50);
    bool is_open = stage == FIRST_WAITS;
    rekey_child(&x->s, 1);
    pass(&x->s, 500);
    stage = meanwhile;
    pass(&x->s, moves_ms);
    begin_mapping(&x->s, NEW_PORT);
    ask_peer(&x->s, 1);
    return is_up && is_open;
}

/* NULL, or for how long the hub does not send to where the branch is, now that nothing is lost any more. */
static const char *joined_end(struct pair *x, bool is_joined)
{
    struct watched w = {0};
    stage = PASSES;
    watch(&x->s, &w, JOINED_S);
    x->s.meddle = NULL;
    const char *bad = NULL;
    if (w.useless > 10 * FOUND_DEAD_S)
        bad = broken("the hub does not send to where the branch is for %u s of %u", w.useless / 10, JOINED_S);
    return over(&x->s, is_joined ? bad : "the hub does not rekey");
}

/* X4: which of the two gives way to the other depends on their SPIs. */
static const char *joined_crosses(unsigned seed)
{
    static struct pair x;
    bool is_joined = rekeying_joined(&x, seed, 3000, FIRST_WAITS);
    pass(&x.s, 10000);
    return joined_end(&x, is_joined);
}
static const char *joined_crosses_by_seeds(void)
{
    return by_seeds(joined_crosses, 8);
}

/* X8: then no quick mode of the hub's comes through until it has given up. */
static const char *joined_goes_on(void)
{
    static struct pair x;
    bool is_joined = rekeying_joined(&x, 0, 35000, QUICK_LOST);
    pass(&x.s, 100000);
    return joined_end(&x, is_joined);
}

const struct attack attacks_doubts[] = {
    {"X1 two profiles to one hub, no DPD", second_identity_without},
    {"X1b two profiles to one hub, DPD", second_identity_dpd},
    {"X2 two hubs of one name, no DPD", second_hub_without},
    {"X2b two hubs of one name, DPD", second_hub_dpd},
    {"X3 two profiles, one is cleared and the delete is lost", one_cleared},
    {"X3b two hubs of one name, one is away for a minute", one_hub_away},
    {"X4 joined rekeyings cross", joined_crosses_by_seeds},
    {"X5 a doubtful SA, its rekeying is refused", refused_in_doubt},
    {"X6 an orphan of a dynamic entry keeps its doubt", orphan_in_doubt},
    {"X7 an orphan by a delete, the hub dies", orphan_hub_dies},
    {"X7b an orphan by a delete, the hub restarts", orphan_hub_restarts},
    {"X8 a joined rekeying goes on for its child", joined_goes_on},
    {NULL, NULL},
};
