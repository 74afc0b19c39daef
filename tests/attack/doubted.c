/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one end concludes from what the other says, or from its silence: who it is, by whose key, and whether what it
 * has still stands (findings F1 to F10 of a third stranger). */
#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"

#define OTHER "198.51.100.9"
#define STRANGER "198.51.100.50"
#define NAME "pair.example.com"

static const struct ike_bytes other_address = {(const uint8_t[]){198, 51, 100, 9}, 4};

/* ---- an address of a wrong length ---- */

/* Two branches with a network and a key each, and a key for anybody. */
static void hub_of_two(struct pair *x, unsigned version)
{
    struct router *hub = &x->hub;
    routers_open(x, version);
    router_key(hub, BRANCH, 32, NULL, "key of the first");
    router_key(hub, OTHER, 32, NULL, "key of the second");
    router_key(hub, "0.0.0.0", 0, NULL, "key for anybody");
    profiles_of_two(hub, version, OTHER, NULL);
}

/* It says that the four octets are an IPv6 address: a row of addresses must not match what no key is found for. */
static const char *wrong_length(unsigned version, bool has_own_key, bool aggressive)
{
    static struct pair x;
    hub_of_two(&x, version);
    struct ike_profile *q = branch_profile(&x, version, has_own_key ? "key of the first" : "key for anybody");
    q->aggressive = aggressive;
    q->id_type = IKE_ID_IPV6;
    q->id = other_address;
    branch_calls(&x, version, has_own_key ? BRANCH : STRANGER, q);
    return gets_nothing(&x);
}
static const char *wrong_length_own_key(void)
{
    return wrong_length(2, true, false);
}
static const char *wrong_length_any_key(void)
{
    return wrong_length(2, false, false);
}
static const char *wrong_length_own_key_main(void)
{
    return wrong_length(1, true, false);
}
static const char *wrong_length_any_key_main(void)
{
    return wrong_length(1, false, false);
}
static const char *wrong_length_aggressive(void)
{
    return wrong_length(1, true, true);
}

/* ---- two rows of one identity ---- */

/* The peer's row is the second one: a pair of routers of one name, or two that have one private address. */
static const char *rows_of_one(uint8_t type, unsigned by)
{
    static struct pair x;
    const bool has_name = type == IKE_ID_FQDN;
    const struct ike_bytes id = has_name ? bytes_of(NAME) : (struct ike_bytes){(const uint8_t[]){10, 1, 1, 1}, 4};
    routers_open(&x, 2);
    struct ike_profile *q = branch_profile(&x, 2, "key of the second"),
                       *p = router_profile(&x.hub, 2, "P", NULL, has_name ? NAME : NULL);
    struct ike_psk *rows[2] = {router_key(&x.hub, OTHER, 32, NULL, "key of the first"),
                               router_key(&x.hub, BRANCH, 32, NULL, "key of the second")};
    for (unsigned i = 0; i < 2; i++)
        rows[i]->named = (struct ike_match){.id_type = type, .value = id};
    if (!has_name)
        profile_match_address(&x.hub, p, "10.1.1.1", 32);
    add_keyring(&x.hub, p);
    q->id_type = type;
    q->id = id;
    line_between(&x, 2, p, q);
    return pair_over(&x, comes_up(&x, by));
}
static const char *rows_of_one_name_called(void)
{
    return rows_of_one(IKE_ID_FQDN, 0);
}
static const char *rows_of_one_address_called(void)
{
    return rows_of_one(IKE_ID_IPV4, 0);
}
static const char *rows_of_one_name_calls(void)
{
    return rows_of_one(IKE_ID_FQDN, 1);
}

/* ---- called by a host name ---- */

/* The hub says who it is by its address, which is in a network that has another key. */
static const char *name_beside_network(unsigned version)
{
    static struct pair x;
    routers_open(&x, version);
    struct ike_profile *q = router_profile(&x.branch, version, "Q", NULL, NULL),
                       *p = router_profile(&x.hub, version, "P", NULL, NULL);
    profile_match_address(&x.branch, q, HUB, 32);
    router_key(&x.branch, NULL, 0, HUB_NAME, "secret");
    router_key(&x.branch, "203.0.113.0", 24, NULL, "key of the others");
    add_keyring(&x.branch, q);
    profile_match_address(&x.hub, p, BRANCH, 32);
    profile_key(&x.hub, p, router_key(&x.hub, BRANCH, 32, NULL, "secret"));
    line_between(&x, version, p, q);
    x.branch.peers[0].host = HUB_NAME;
    return pair_over(&x, comes_up(&x, 1));
}
static const char *name_beside_network_1(void)
{
    return name_beside_network(1);
}
static const char *name_beside_network_2(void)
{
    return name_beside_network(2);
}

/* ---- a private network's row ---- */

/* Nobody is behind a NAT: whoever calls from a private address means the private addresses that the hub knows. */
static const char *private_network(unsigned version)
{
    static struct pair x;
    routers_open(&x, version);
    router_key(&x.hub, "0.0.0.0", 0, NULL, "key for anybody");
    router_key(&x.hub, "10.50.0.0", 24, NULL, "key of the second");
    struct ike_profile *p = router_profile(&x.hub, version, "SECOND", NULL, NULL),
                       *q = branch_profile(&x, version, "key for anybody");
    profile_match_address(&x.hub, p, "10.50.0.0", 24);
    add_keyring(&x.hub, p);
    entry_line(&x.hub, router_entry(&x.hub, version, HUB, NULL, p), CHILD(1), 1, -1, 3, -1);
    q->id_type = IKE_ID_IPV4;
    q->id = (struct ike_bytes){(const uint8_t[]){10, 50, 0, 9}, 4};
    branch_calls(&x, version, "10.77.0.5", q);
    return gets_nothing(&x);
}
static const char *private_network_1(void)
{
    return private_network(1);
}
static const char *private_network_2(void)
{
    return private_network(2);
}

/* ---- the hub speaks, the branch listens ---- */

#define LOST_MOST_S (2 * FOUND_DEAD_S)

static bool is_out;

static bool is_in_order(struct sim *s, struct packet_in_flight *f)
{
    (void)s, (void)f;
    return !is_out;
}

/* What the caller has opened starts, and the branch asks for the tunnel. */
static bool stream_begins(struct pair *x)
{
    x->hub.entries[0].lifetime_s = x->branch.entries[0].lifetime_s = 3600;
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(&x->s);
    counts_begin(&x->s);
    is_out = false;
    x->s.meddle = is_in_order;
    return seconds_to_tunnel(&x->s, 60) <= 20;
}

/* Why the hub cannot call. */
enum callee { UNKNOWN, DYNAMIC, RESPONDER_ONLY }; /* DYNAMIC: with the one peer that may call */

/* The branch alone can call, and nobody has configured that what does not answer ends. */
static bool stream_to_caller(struct pair *x, enum callee why)
{
    pair_open(x, 1, 1);
    x->s.delay_ms = 1;
    mapped_dpd(x, 0, 0);
    x->hub.entries[0].dynamic = why != RESPONDER_ONLY;
    x->hub.entries[0].responder_only = why == RESPONDER_ONLY;
    x->hub.entries[0].n_peers = why != UNKNOWN;
    return stream_begins(x);
}

#define ANY_LINE 0 /* a dynamic entry's tunnel has a number of its own */

/* In how many of so many seconds what the hub sends goes nowhere; it asks for a tunnel where it has none. */
static unsigned stream_lost(struct pair *x, unsigned seconds)
{
    struct sim *s = &x->s;
    unsigned lost_s = 0;
    for (unsigned i = 0; i < seconds; i++) {
        packet_sent(s, 0, ANY_LINE);
        if (!has_line(s, 0, ANY_LINE))
            traffic_pass(s, i, 0, CHILD(0));
        pass(s, 1000);
        lost_s += !gets_there(s, 0, ANY_LINE);
    }
    return lost_s;
}

static const char *outage(enum callee why, unsigned at_s, unsigned outage_s, unsigned counted_s)
{
    static struct pair x;
    bool is_up = stream_to_caller(&x, why) && !stream_lost(&x, at_s);
    is_out = true;
    (void)stream_lost(&x, outage_s);
    is_out = false;
    unsigned lost_s = stream_lost(&x, counted_s);
    const char *bad = is_up ? NULL : "there is no tunnel at first";
    if (is_up && lost_s > LOST_MOST_S)
        bad = broken("after an outage of %u s, %u s behind the start, the hub's stream goes nowhere for %u s of %u",
                     outage_s, at_s, lost_s, counted_s);
    return over(&x.s, bad);
}

static const char *long_outage(void)
{
    return outage(UNKNOWN, 10, 90, COUNTED_S);
}
static const char *long_outage_dynamic(void)
{
    return outage(DYNAMIC, 10, 90, COUNTED_S);
}
static const char *long_outage_responder(void)
{
    return outage(RESPONDER_ONLY, 10, 90, COUNTED_S);
}

#define LOOKS_FROM_S 20 /* the hub looks once in this time, whenever the tunnel has come up */
#define LOOKS_TO_S 44

/* As long as the questions are that the hub asks. */
static const char *short_outages(void)
{
    const char *bad = NULL;
    for (unsigned at_s = LOOKS_FROM_S; !bad && at_s <= LOOKS_TO_S; at_s++) {
        bad = outage(UNKNOWN, at_s, 10, 2 * LOST_MOST_S);
        if (!bad)
            bad = outage(UNKNOWN, at_s, 14, 2 * LOST_MOST_S);
    }
    return bad;
}

/* Nothing is lost. The ISAKMP SA ends alone, as IOS ends it when its time is over, and the IPsec SA hangs on none at
 * either end. */
static const char *stream_of_orphans(void)
{
    static struct pair x;
    bool is_up = stream_to_caller(&x, UNKNOWN) && !stream_lost(&x, 10);
    struct ike *branch = x.s.nodes[1].ike;
    branch->now = x.s.now;
    if (is_up)
        v1_delete_self(branch, standing_sa(&x.s, 1));
    pass(&x.s, 1000);
    struct ike_sa *sa = standing_sa(&x.s, 1);
    if (sa)
        v1_orphan(branch, sa);
    bool is_so = is_up && first_of(&x.s, 0, IKE_ORPHAN, NULL) && first_of(&x.s, 1, IKE_ORPHAN, NULL);
    unsigned lost_s = stream_lost(&x, COUNTED_S);
    const char *bad = is_so ? NULL : "what is attacked has not begun";
    if (is_so && lost_s > LOST_MOST_S)
        bad = broken("nothing is lost, and the hub's stream goes nowhere for %u s of %u", lost_s, COUNTED_S);
    return over(&x.s, bad);
}

#define REFUSALS_MOST 3

/* The branch has called, and wants PFS from then on, as its operator has said; the hub rekeys without, and is refused.
 */
static const char *rekeying_refused(bool dynamic)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    mapped_dpd(&x, 10, 10);
    if (dynamic) {
        x.hub.entries[0].dynamic = true;
        x.hub.entries[0].n_peers = 0;
    }
    bool is_up = stream_begins(&x);
    x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    unsigned lost_s = stream_lost(&x, COUNTED_S);
    const char *bad = NULL;
    if (!is_up)
        bad = "there is no tunnel at first";
    else if (lost_s > FOUND_DEAD_S)
        bad = broken("nothing is lost, and the hub's stream goes nowhere for %u s of %u: %s", lost_s, COUNTED_S,
                     x.s.nodes[0].last);
    else if (x.s.nodes[1].refused > REFUSALS_MOST)
        bad = broken("the branch has to refuse %u times in %u s", x.s.nodes[1].refused, COUNTED_S);
    else if (!x.s.nodes[1].refused)
        bad = "no attack: the branch has refused nothing";
    return over(&x.s, bad);
}
static const char *rekeying_refused_of_known(void)
{
    return rekeying_refused(false);
}
static const char *rekeying_refused_of_dynamic(void)
{
    return rekeying_refused(true);
}

/* ---- reloads ---- */

/* The first reload changes the entry by which the IKE SA was begun, the second one nothing. */
static const char *reloaded_twice(unsigned version)
{
    static struct pair x;
    static struct router later, again;
    two_entries(&x, version);
    const char *bad = both_come_up(&x);
    router_copy(&later, &x.branch);
    later.entries[0].lifetime_s = 1800;
    if (!bad)
        bad = pair_reloads(&x, 1, &x.branch, &later);
    sim_run(&x.s, 5000);
    if (!bad && children_of(&x.s, 1) != 1)
        bad = broken("%u tunnels after the first reload", children_of(&x.s, 1));
    router_copy(&again, &later);
    if (!bad)
        bad = pair_reloads(&x, 1, &later, &again);
    sim_run(&x.s, 5000);
    if (!bad && children_of(&x.s, 1) != 1)
        bad = "a second reload, which changes nothing, ends the tunnel of the other entry";
    return pair_over(&x, bad);
}
static const char *reloaded_twice_1(void)
{
    return reloaded_twice(1);
}
static const char *reloaded_twice_2(void)
{
    return reloaded_twice(2);
}

/* The branch has renewed its ISAKMP SA, and what the hub says by the new one is lost: the hub's IPsec SA hangs on none
 * when the branch deletes the old one. */
static bool hub_has_orphan(struct pair *x)
{
    bool is_orphan = false;
    pair_open(x, 1, 1);
    mapped_dpd(x, 10, 10);
    x->s.delay_ms = 1;
    behind_nat(x);
    slow_begin(&x->s);
    counts_begin(&x->s);
    bool is_up = seconds_to_tunnel(&x->s, 60) <= 20;
    pass(&x->s, 40000);
    rekey_sa(&x->s, 1);
    stage = DELETES_LOST;
    x->s.meddle = loses_by_stage;
    for (unsigned i = 0; i < 8000 && !is_orphan; i += 10) {
        pass(&x->s, 10);
        is_orphan = first_of(&x->s, 0, IKE_ORPHAN, NULL);
    }
    stage = PASSES;
    return is_up && is_orphan;
}

/* Nothing is sent that could tell; the new ISAKMP SA can, though the reload ends it too. */
static const char *orphan_of_policy(void)
{
    static struct pair x;
    static struct router later;
    bool is_so = hub_has_orphan(&x);
    router_copy(&later, &x.hub);
    later.v1[0].lifetime_s = 7200;
    const char *bad = pair_reloads(&x, 0, &x.hub, &later);
    bool is_gone = !has_line(&x.s, 0, CHILD(0));
    const char *alone = stays_alone(&x, false, FOUND_DEAD_S, is_so && is_gone);
    return bad ? bad : alone;
}

/* ---- other proposals while the IKE SA is rekeyed ---- */

enum reloaders { HUB_ALONE, BOTH_ENDS, AND_BACK, RELOADERS };

/* Before all else the seed moves the random numbers on. False: the tunnel is still to come up when the hub reloads. */
static bool suites_begin(struct pair *x, unsigned seed)
{
    struct sim *s = &x->s;
    pair_open(x, 2, 2);
    s->rng += (seed + 3) * 7777777u + 13;
    for (unsigned i = 0; i < 5; i++) /* seeds that are near one another differ from here on */
        (void)sim_random(s, 2);
    s->delay_ms = 20;
    struct ike_choices *encr = &x->branch.proposal[0].encr;
    encr->v[encr->n++] = (struct ike_choice){ALGO_ENCR_AES_CBC, 256};
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(s);
    if (sim_random(s, 2))
        s->nodes[0].ike->host.job = s->nodes[1].ike->host.job = slow_job;
    bool is_early = sim_random(s, 3) == 0;
    ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
    if (!is_early)
        pass(s, 3000);
    return !is_early;
}

/* Each end may rekey, or want another child. */
static void something_begins(struct sim *s)
{
    for (unsigned node = 0; node < 2; node++) {
        struct ike_sa *sa = standing_sa(s, node);
        if (!sa)
            continue;
        const struct ike_child *c = sa->children;
        const unsigned n = sim_random(s, 4);
        if (n == 0)
            begin_task(s, node, sa, (struct ike_task){.kind = TASK_REKEY_IKE});
        else if (n == 1 && c)
            begin_task(s, node, sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
        else if (n == 2)
            ike_acquire(s->nodes[node].ike, s->now, CHILD(1), NULL, NULL, NULL);
    }
}

/* Nobody takes what the IKE SA was made with any more; or the hub does again. */
static const char *proposals_change(struct pair *x, enum reloaders *who)
{
    static struct router later[2], back;
    struct sim *s = &x->s;
    router_copy(&later[0], &x->hub);
    later[0].proposal[0].encr.v[0].bits = 256;
    const char *bad = pair_reloads(x, 0, &x->hub, &later[0]);
    *who = sim_random(s, RELOADERS);
    if (*who == BOTH_ENDS) {
        router_copy(&later[1], &x->branch);
        later[1].proposal[0].encr = (struct ike_choices){{{ALGO_ENCR_AES_CBC, 256}}, 1};
        pass(s, sim_random(s, 100));
        if (!bad)
            bad = pair_reloads(x, 1, &x->branch, &later[1]);
    } else if (*who == AND_BACK) {
        router_copy(&back, &x->hub);
        pass(s, sim_random(s, 3) ? sim_random(s, 200) : 20000 + sim_random(s, 30000));
        if (!bad)
            bad = pair_reloads(x, 0, &later[0], &back);
    }
    return bad;
}

#define SUITES_S 200
#define LOSSES_S 10 /* of them: then all that is sent arrives */
#define SUITES_LOST_MOST_S 70

/* In tenths of a second. */
static unsigned branch_without(struct sim *s)
{
    unsigned without = 0;
    for (unsigned i = 0; i < 10 * SUITES_S; i++) {
        if (i % 50 == 0 && !has_line(s, 1, CHILD(0)))
            ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        if (i == 10 * LOSSES_S)
            s->loss = s->dup = 0;
        pass(s, 100);
        without += !gets_there(s, 1, CHILD(0));
    }
    return without;
}

static const char *proposals_at(unsigned seed)
{
    static struct pair x;
    enum reloaders who;
    if (suites_begin(&x, seed))
        something_begins(&x.s);
    x.s.loss = sim_random(&x.s, 300);
    x.s.dup = sim_random(&x.s, 300);
    pass(&x.s, sim_random(&x.s, 160));
    const char *bad = proposals_change(&x, &who);
    const unsigned without = branch_without(&x.s);
    slow_end();
    const unsigned n[2] = {sas_of(&x.s, 0, IKE_ESTABLISHED), sas_of(&x.s, 1, IKE_ESTABLISHED)};
    if (!bad && without > 10 * SUITES_LOST_MOST_S)
        bad = broken("seed %u: what the branch sends goes into nothing for %u s of %u", seed, without / 10, SUITES_S);
    else if (!bad && (n[0] != 1 || n[1] != 1))
        bad = broken("seed %u: the hub has %u IKE SAs, the branch %u", seed, n[0], n[1]);
    else if (!bad && who != AND_BACK && (!has_suite(&x.s, 0, 256) || has_suite(&x.s, 0, 128)))
        bad = broken("seed %u: the IKE SA stands with what no proposal allows", seed);
    return over(&x.s, bad);
}

/* At first those that left one end with a tunnel that the other had not. */
static const char *proposals_by_seeds(void)
{
    static const unsigned found[] = {1156, 1374, 3052, 6261, 7924};
    const char *bad = NULL;
    for (unsigned i = 0; i < sizeof found / sizeof *found && !bad; i++)
        bad = proposals_at(found[i]);
    return bad ? bad : by_seeds(proposals_at, 40);
}

const struct attack attacks_doubted[] = {
    {"I1 an address of a wrong length, its own key, IKEv2", wrong_length_own_key},
    {"I1 an address of a wrong length, the key for anybody, IKEv2", wrong_length_any_key},
    {"I1 an address of a wrong length, its own key, main mode", wrong_length_own_key_main},
    {"I1 an address of a wrong length, the key for anybody, main mode", wrong_length_any_key_main},
    {"I1 an address of a wrong length, its own key, aggressive mode", wrong_length_aggressive},
    {"I2 two rows of one name, the second is called", rows_of_one_name_called},
    {"I2 two rows of one private address, the second is called", rows_of_one_address_called},
    {"I2 two rows of one name, the second calls", rows_of_one_name_calls},
    {"I3 called by host name, its address in another row's network, IKEv1", name_beside_network_1},
    {"I3 called by host name, its address in another row's network, IKEv2", name_beside_network_2},
    {"I4 the key for anybody, and an address of a private network, IKEv1", private_network_1},
    {"I4 the key for anybody, and an address of a private network, IKEv2", private_network_2},
    {"I5 a stream to who alone can call, a long outage", long_outage},
    {"I5 a stream to who alone can call, short outages", short_outages},
    {"I5c a stream to a dynamic entry's peer, a long outage", long_outage_dynamic},
    {"I5c a stream by an entry that only answers, a long outage", long_outage_responder},
    {"I5b a stream to who alone can call, orphans at both ends", stream_of_orphans},
    {"I6 a second reload after the entry that called has changed, IKEv1", reloaded_twice_1},
    {"I6 a second reload after the entry that called has changed, IKEv2", reloaded_twice_2},
    {"I7 other proposals while the IKE SA is rekeyed, with losses", proposals_by_seeds},
    {"I8 a reload of the ISAKMP policy ends an orphan", orphan_of_policy},
    {"I9 the peer refuses to rekey what is unheard, it is known", rekeying_refused_of_known},
    {"I9 the peer refuses to rekey what is unheard, a dynamic entry", rekeying_refused_of_dynamic},
    {NULL, NULL},
};
