/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands, and has to be renewed: in doubt, from a peer that is silent, after a reload, without memory (findings of
 * a fourth stranger). */
#include <string.h>

#include "backends/ike/handover.h"
#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"

#define OTHER "198.51.100.9"
#define BACKUP_NAME "backup.example.com"

/* ---- AB1: a doubt, and PFS at one end ---- */

/* The hub sends all the time. */
struct doubt {
    bool delete_is_lost, hub_is_dynamic, branch_sends;
};

#define DOUBT_LOST_MOST_S 60
#define DOUBT_COUNTED_S 2000
#define DELETE_FROM 48 /* in tenths of a second after the branch has renewed: it deletes the old one then */
#define DELETE_TO 52

static bool doubt_begins(struct pair *x, const struct doubt *d)
{
    pair_open(x, 1, 1);
    x->s.delay_ms = 1;
    mapped_dpd(x, 10, 10);
    x->branch.entries[0].pfs = ALGO_DH_256_ECP;
    x->hub.entries[0].dynamic = d->hub_is_dynamic;
    x->hub.entries[0].n_peers = !d->hub_is_dynamic;
    x->hub.entries[0].lifetime_s = x->branch.entries[0].lifetime_s = 3600;
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(&x->s);
    counts_begin(&x->s);
    stage = PASSES;
    x->s.meddle = loses_by_stage;
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    pass(&x->s, 5000);
    return children_of(&x->s, 0) == 1;
}

/* In how many of so many seconds what the hub sends goes nowhere. */
static unsigned streams(struct pair *x, const struct doubt *d, unsigned seconds)
{
    struct sim *s = &x->s;
    unsigned lost_s = 0;
    for (unsigned i = 0; i < seconds; i++) {
        packet_sent(s, 0, 0);
        if (d->branch_sends) {
            packet_sent(s, 1, 0);
            traffic_pass(s, i, 1, CHILD(0));
        }
        if (!has_line(s, 0, 0))
            traffic_pass(s, i, 0, CHILD(0));
        pass(s, 1000);
        lost_s += !gets_there(s, 0, 0);
    }
    return lost_s;
}

/* The branch renews the ISAKMP SA, and its delete of the old one is lost: the hub finds that one dead, takes the IPsec
 * SA over, rekeys it in doubt, and offers what the branch does not want. The branch has it all the time. */
static const char *doubt_and_pfs(struct doubt d)
{
    static struct pair x;
    bool is_up = doubt_begins(&x, &d) && streams(&x, &d, 100) == 0;
    if (is_up)
        rekey_sa(&x.s, 1);
    for (unsigned i = 0; i < 80; i++) {
        bool is_its_time = i >= DELETE_FROM && i < DELETE_TO;
        stage = is_its_time && d.delete_is_lost ? BRANCH_INFO_LOST : PASSES;
        pass(&x.s, 100);
    }
    stage = PASSES;
    unsigned lost_s = streams(&x, &d, DOUBT_COUNTED_S);
    const char *bad = is_up ? NULL : "there is no tunnel at first";
    if (is_up && lost_s > DOUBT_LOST_MOST_S)
        bad = broken("one delete is lost, and the hub's stream goes nowhere for %u s of %u: %s", lost_s,
                     DOUBT_COUNTED_S, x.s.nodes[0].last);
    else if (is_up && x.s.nodes[0].child_downs)
        bad = broken("what both have is ended, %u times: %s", x.s.nodes[0].child_downs, x.s.nodes[0].last);
    return over(&x.s, bad);
}
static const char *doubt_of_dynamic(void)
{
    return doubt_and_pfs((struct doubt){.delete_is_lost = true, .hub_is_dynamic = true});
}
static const char *doubt_of_static(void)
{
    return doubt_and_pfs((struct doubt){.delete_is_lost = true});
}
static const char *no_doubt(void)
{
    return doubt_and_pfs((struct doubt){.hub_is_dynamic = true});
}
static const char *doubt_both_ways(void)
{
    return doubt_and_pfs((struct doubt){.delete_is_lost = true, .hub_is_dynamic = true, .branch_sends = true});
}

/* ---- AB2: a silent ISAKMP SA ---- */

#define SILENT_COUNTED_S 4500
#define SILENT_LOST_MOST_S 200

/* Nobody has configured that what does not answer ends. The static entry's child, and a dynamic one's beside it by the
 * same ISAKMP SA. */
static bool silent_begins(struct pair *x, bool with_dynamic)
{
    pair_open(x, 1, 1);
    x->s.delay_ms = 1;
    mapped_dpd(x, 0, 0);
    if (with_dynamic) {
        entry_line(&x->hub, router_entry(&x->hub, 1, HUB, NULL, NULL), CHILD(1), 1, 1, 2, 1);
        entry_line(&x->branch, &x->branch.entries[0], CHILD(1), 2, 1, 1, 1);
    }
    x->hub.entries[0].lifetime_s = x->branch.entries[0].lifetime_s = 3600;
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(&x->s);
    counts_begin(&x->s);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    pass(&x->s, 5000);
    if (with_dynamic)
        ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(1), NULL, NULL, NULL);
    pass(&x->s, 5000);
    return children_of(&x->s, 0) == 1u + with_dynamic && sas_of(&x->s, 0, IKE_ESTABLISHED) == 1;
}

/* The branch loses power and starts again; the hub sends by the static entry, by which it may call. */
static const char *silent(bool with_dynamic, bool has_dpd)
{
    static struct pair x;
    struct sim *s = &x.s;
    bool is_up = silent_begins(&x, with_dynamic);
    if (is_up && !has_dpd) /* as if it had not said the vendor id of RFC 3706 */
        first_sa(s, 0)->v1->peer_dpd = false;
    power_off(s, 1);
    sim_node_start(s, 1, &x.branch.p, BRANCH);
    counts_again(s, 1);
    unsigned lost_s = 0;
    for (unsigned i = 0; i < SILENT_COUNTED_S; i++) {
        packet_sent(s, 0, CHILD(0));
        traffic_pass(s, i, 0, CHILD(0));
        pass(s, 1000);
        lost_s += !gets_there(s, 0, CHILD(0));
    }
    const char *bad = is_up ? NULL : "there are no tunnels at first";
    if (is_up && lost_s > SILENT_LOST_MOST_S)
        bad = broken("the peer has restarted and may be called, and the stream goes nowhere for %u s of %u: %s", lost_s,
                     SILENT_COUNTED_S, s->nodes[0].last);
    return over(s, bad);
}
static const char *silent_one_of_two(void)
{
    return silent(true, true);
}
static const char *silent_alone(void)
{
    return silent(false, true);
}
static const char *silent_without_dpd(void)
{
    return silent(false, false);
}

/* ---- AB3: the entry that called has changed ---- */

/* The branch's second entry is as it was, the first one has another lifetime. */
static const char *first_entry_changes(struct pair *x)
{
    static struct router later;
    router_copy(&later, &x->branch);
    later.entries[0].lifetime_s = 1800;
    const char *bad = pair_reloads(x, 1, &x->branch, &later);
    sim_run(&x->s, 5000);
    return bad;
}

static bool has_another(const struct sim *s, unsigned node, uint64_t id)
{
    const struct ike *ike = s->nodes[node].ike;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->id != id && sa->state == IKE_ESTABLISHED)
                return true;
    return false;
}

/* The key is by the hub's name. By its address only the key for anybody is found, which the hub does not take. */
static const char *renewed_by_name(bool reload)
{
    static struct pair x;
    two_entries(&x, 1);
    router_key(&x.branch, "0.0.0.0", 0, NULL, "key for anybody");
    const char *bad = both_come_up(&x);
    if (!bad && reload)
        bad = first_entry_changes(&x);
    const struct ike_sa *sa = bad ? NULL : first_sa(&x.s, 1);
    const uint64_t id = sa ? sa->id : 0;
    if (sa) {
        rekey_sa(&x.s, 1);
        sim_run(&x.s, 60000);
    }
    if (!bad && !has_another(&x.s, 1, id))
        bad = broken("the ISAKMP SA is not renewed: %s; the hub: %s", x.s.nodes[1].last, x.s.nodes[0].last);
    return pair_over(&x, bad);
}
static const char *renewed_after_reload(void)
{
    return renewed_by_name(true);
}
static const char *renewed_without_reload(void)
{
    return renewed_by_name(false);
}

#define RENEWED_S 7000
#define RENEWED_MOST_S 60

/* ISAKMP SAs of ten minutes: without one nobody finds out that the peer is dead. */
static const char *renewed_for_long(bool reload)
{
    static struct pair x;
    struct sim *s = &x.s;
    two_entries(&x, 1);
    router_key(&x.branch, "0.0.0.0", 0, NULL, "key for anybody");
    x.hub.v1[0].lifetime_s = x.branch.v1[0].lifetime_s = 600;
    mapped_dpd(&x, 0, 10);
    const char *bad = both_come_up(&x);
    tap_close(&x.tap);
    slow_begin(s);
    counts_begin(s);
    if (!bad && reload)
        bad = first_entry_changes(&x);
    unsigned lost_s = 0, without_s = 0;
    for (unsigned i = 0; i < RENEWED_S && !bad; i++) {
        packet_sent(s, 0, CHILD(1));
        packet_sent(s, 1, CHILD(1));
        traffic_pass(s, i, 1, CHILD(1));
        pass(s, 1000);
        lost_s += !gets_there(s, 1, CHILD(1)) || !gets_there(s, 0, CHILD(1));
        without_s += !sas_of(s, 1, IKE_ESTABLISHED);
    }
    if (!bad && (lost_s > RENEWED_MOST_S || without_s > RENEWED_MOST_S))
        bad = broken("of %u s the branch is without an ISAKMP SA for %u s, and %u s are lost", RENEWED_S, without_s,
                     lost_s);
    return over(s, bad);
}
static const char *long_after_reload(void)
{
    return renewed_for_long(true);
}
static const char *long_without_reload(void)
{
    return renewed_for_long(false);
}

/* The entry that is left has the hub as its second peer, the first one has a key of its own. */
static const char *authenticated_anew(bool reload)
{
    static struct pair x;
    static struct ike_peer two[2];
    two_entries(&x, 2);
    profile_key(&x.branch, &x.branch.profiles[0], router_key(&x.branch, NULL, 0, BACKUP_NAME, "key of the backup"));
    two[0] = (struct ike_peer){.addr = address("203.0.113.99"), .host = BACKUP_NAME};
    two[1] = (struct ike_peer){.addr = address(HUB), .host = HUB_NAME, .is_default = true};
    x.branch.entries[1].peers = two;
    x.branch.entries[1].n_peers = 2;
    const char *bad = both_come_up(&x);
    if (!bad && reload)
        bad = first_entry_changes(&x);
    struct ike_sa *sa = bad ? NULL : first_sa(&x.s, 1);
    const uint64_t id = sa ? sa->id : 0;
    if (sa) {
        sa->reauth_at = x.s.now;
        ike_timer_update(x.s.nodes[1].ike, sa);
        sim_run(&x.s, 10000);
    }
    if (!bad && !has_another(&x.s, 1, id))
        bad = broken("it is not authenticated anew: %s; the hub: %s", x.s.nodes[1].last, x.s.nodes[0].last);
    return pair_over(&x, bad);
}
static const char *anew_after_reload(void)
{
    return authenticated_anew(true);
}
static const char *anew_without_reload(void)
{
    return authenticated_anew(false);
}

/* ---- AB4: no memory in a reload ---- */

/* Does anything point into that policy which is about to be freed? */
static bool is_left_behind(const struct ike *ike, const struct router *of)
{
    if (ike->policy == &of->p || ike_policy_in_use(ike, &of->p))
        return false;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next) {
            if (sa->profile == &of->profiles[0] || sa->entry == &of->entries[0])
                return true;
            for (const struct ike_child *c = sa->children; c; c = c->next)
                if (c->entry == &of->entries[0])
                    return true;
        }
    return false;
}

#define CALLS_MOST 40

/* The reload's call number `at` of calloc() finds no memory; *is_all: it makes fewer. */
static const char *memory_ends_at(unsigned version, unsigned at, bool *is_all)
{
    static struct pair x;
    static struct router later;
    struct arena a;
    struct ike_moves m;
    struct ike_reload r;
    pair_open(&x, version, 1);
    const char *bad = comes_up(&x, 1);
    struct ike *hub = x.s.nodes[0].ike;
    router_copy(&later, &x.hub);
    bool is_compared = arena_init(&a, SIZE_MAX);
    if (is_compared)
        ike_policy_compare(&a, &x.hub.p, &later.p, &m);
    calloc_fails_at = at;
    bool is_done = is_compared && ike_reload(hub, x.s.now, &m, &r);
    *is_all = calloc_fails_at != 0;
    calloc_fails_at = 0;
    if (!bad && is_done && is_left_behind(hub, &x.hub))
        bad = broken("calloc() %u of the reload fails, it says done (%u kept), and an SA points into what is freed", at,
                     r.sas_kept);
    else if (!bad && !is_done && hub->policy != &x.hub.p)
        bad = broken("calloc() %u of the reload fails, it says so, and the other policy holds", at);
    else if (!bad && !is_done && children_of(&x.s, 0) != 1)
        bad = broken("calloc() %u of the reload fails, it says so, and the tunnel is gone", at);
    arena_free(&a);
    return pair_over(&x, bad);
}

static const char *no_memory(unsigned version)
{
    const char *bad = NULL;
    bool is_all = false;
    for (unsigned at = 1; at < CALLS_MOST && !bad && !is_all; at++)
        bad = memory_ends_at(version, at, &is_all);
    return bad || is_all ? bad : "no attack: the reload does not come to its end";
}
static const char *no_memory_1(void)
{
    return no_memory(1);
}
static const char *no_memory_2(void)
{
    return no_memory(2);
}

/* ---- AB5: idle time and a failed question ---- */

static bool is_unknown;

static bool nothing_flows(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out)
{
    (void)ctx, (void)c;
    *in = *out = 0;
    return !is_unknown;
}

/* The kernel does not answer for a minute, in the middle of the idle time. */
static const char *idle(unsigned version, bool fails)
{
    static struct pair x;
    pair_open(&x, version, 1);
    x.hub.entries[0].idle_s = 600;
    pair_start(&x);
    tap_close(&x.tap);
    is_unknown = false;
    x.s.nodes[0].ike->host.traffic = nothing_flows; /* before there is a child: who cannot count begins no idle time */
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    const char *bad = children_of(&x.s, 0) == 1 ? NULL : "there is no tunnel at first";
    is_unknown = fails;
    sim_run(&x.s, 80000);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = "it is ended before its time";
    is_unknown = false;
    sim_run(&x.s, 1200000);
    if (!bad && children_of(&x.s, 0))
        bad = "idle for 20 minutes with an idle time of 10, and it stands";
    return over(&x.s, bad);
}
static const char *idle_unknown_1(void)
{
    return idle(1, true);
}
static const char *idle_unknown_2(void)
{
    return idle(2, true);
}
static const char *idle_known_1(void)
{
    return idle(1, false);
}
static const char *idle_known_2(void)
{
    return idle(2, false);
}

/* ---- AB6: who collects hashes ---- */

static char warned[512];

static void warns(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                  const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    if (strstr(text, "collects hashes"))
        snprintf(warned, sizeof warned, "%s", text);
}

/* The branch calls in aggressive mode; the hub's key is of that address. */
static void calls_aggressively(struct pair *x, const char *key_at)
{
    routers_open(x, 1);
    router_key(&x->hub, key_at, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x->hub, 1, "SECOND", NULL, NULL), *q = branch_profile(x, 1, "secret");
    profile_match_address(&x->hub, p, BRANCH, 32);
    add_keyring(&x->hub, p);
    q->aggressive = true;
    x->s.delay_ms = 400;
    line_between(x, 1, p, q);
    pair_start(x);
    warned[0] = 0;
    x->s.nodes[0].ike->host.event = warns;
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
}

static const char *said_nothing(struct pair *x, const char *bad)
{
    return pair_over(x, !bad && warned[0] ? broken("of who has done nothing it says: %s", warned) : bad);
}

/* An honest one is on its way, and the hub reloads. */
static const char *hashes_and_reload(void)
{
    static struct pair x;
    static struct router later;
    calls_aggressively(&x, BRANCH);
    for (unsigned i = 0; i < 4000 && !sas_of(&x.s, 0, IKE_AGGRESSIVE_1); i++)
        sim_run(&x.s, 1);
    const char *bad = sas_of(&x.s, 0, IKE_AGGRESSIVE_1) ? NULL : "no attack: nobody is on its way";
    router_copy(&later, &x.hub);
    if (!bad)
        bad = pair_reloads(&x, 0, &x.hub, &later);
    if (!bad && sas_of(&x.s, 0, IKE_AGGRESSIVE_1))
        bad = "no attack: the reload has ended nothing";
    return said_nothing(&x, bad);
}

/* There is no key for it, so it has been sent none. */
static const char *hashes_without_key(void)
{
    static struct pair x;
    calls_aggressively(&x, OTHER);
    sim_run(&x.s, 40000);
    return said_nothing(&x, sas_of(&x.s, 0, IKE_ESTABLISHED) ? "it comes in" : NULL);
}

/* It has one, and goes: that is said. */
static const char *hashes_collected(void)
{
    static struct pair x;
    calls_aggressively(&x, BRANCH);
    for (unsigned i = 0; i < 4000 && !sas_of(&x.s, 0, IKE_AGGRESSIVE_1); i++)
        sim_run(&x.s, 1);
    power_off(&x.s, 1);
    sim_run(&x.s, 200000);
    return pair_over(&x, warned[0] ? NULL : "who has a hash and shows nothing is not named");
}

const struct attack attacks_renewed[] = {
    {"AB1 a doubt and PFS at one end, a dynamic entry", doubt_of_dynamic},
    {"AB1 a doubt and PFS at one end, a static entry", doubt_of_static},
    {"AB1b PFS at one end, nothing is lost", no_doubt},
    {"AB1b a doubt and PFS at one end, traffic both ways", doubt_both_ways},
    {"AB2 a silent ISAKMP SA, one child of two can be called for", silent_one_of_two},
    {"AB2 a silent ISAKMP SA, a peer without DPD", silent_without_dpd},
    {"AB2b a silent ISAKMP SA, its one child can be called for", silent_alone},
    {"AB3 the entry that called has changed, renewed", renewed_after_reload},
    {"AB3 the entry that called has changed, renewed for long", long_after_reload},
    {"AB3 the entry that called has changed, authenticated anew", anew_after_reload},
    {"AB3b renewed by name without a reload", renewed_without_reload},
    {"AB3b renewed by name for long without a reload", long_without_reload},
    {"AB3b authenticated anew without a reload", anew_without_reload},
    {"AB4 no memory in a reload, IKEv1", no_memory_1},
    {"AB4 no memory in a reload, IKEv2", no_memory_2},
    {"AB5 idle time and a failed question, IKEv1", idle_unknown_1},
    {"AB5 idle time and a failed question, IKEv2", idle_unknown_2},
    {"AB5b idle time, no question fails, IKEv1", idle_known_1},
    {"AB5b idle time, no question fails, IKEv2", idle_known_2},
    {"AB6 hashes, an honest one and a reload", hashes_and_reload},
    {"AB6 hashes, who was sent none", hashes_without_key},
    {"AB6b hashes, who was sent one and goes", hashes_collected},
    {NULL, NULL},
};
