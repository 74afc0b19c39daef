/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody attacks: a NAT gives the branch other ports, a message is lost, a router restarts, and the tunnel is to go on
 * (findings Y1 to Y12). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/mappings.h"
#include "tests/attack/nearer.h"

/* ---- phase 1 anew ---- */

static unsigned n_lost;
static struct cookies {
    uint64_t i, r;
} old_cookies;

/* What the branch sends under an ISAKMP SA that it has no more is the delete of it. */
static bool loses_delete(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h, 16);
    bool is_old = rd_u64(&r) == old_cookies.i && rd_u64(&r) == old_cookies.r;
    bool is_gone = !ike_by_spi(s->nodes[1].ike, old_cookies.i);
    if (!is_of_branch(s, f) || !is_old || !is_gone)
        return true;
    n_lost++;
    return false;
}

/* Y1: and the branch does not say it again. */
static const char *delete_lost(void)
{
    static struct pair x;
    if (!plain_tunnel(&x))
        return over(&x.s, "there is no tunnel at first");
    const struct ike_sa *old = standing_sa(&x.s, 1);
    n_lost = 0;
    old_cookies = (struct cookies){old->spi_i, old->spi_r};
    x.s.meddle = loses_delete;
    rekey_sa(&x.s, 1);
    const char *bad = hub_left_without(&x.s, 30);
    x.s.meddle = NULL;
    return over(&x.s, n_lost == 1 ? bad : "the delete was not lost");
}

/* Y2: it is the first exchange from the new place. */
static const char *phase_1_from_there(void)
{
    static struct pair x;
    struct watched w = {0};
    mapped_open(&x, 1);
    mapped_dpd(&x, 10, 10);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    begin_mapping(&x.s, NEW_PORT);
    rekey_sa(&x.s, 1);
    watch(&x.s, &w, 1800);
    const char *bad = NULL;
    if (w.useless > 300)
        bad = broken("the IPsec SA does not send to where the branch is for %u s of 1800", w.useless / 10);
    return over(&x.s, bad);
}

/* Y3: it is the first exchange with a hub that has restarted. */
static const char *hub_restarts(void)
{
    static struct pair x;
    if (!plain_tunnel(&x))
        return over(&x.s, "there is no tunnel at first");
    restart_hub(&x);
    rekey_sa(&x.s, 1);
    return over(&x.s, hub_left_without(&x.s, 60));
}

/* ---- a rekeying that nobody answers ---- */

#define UNANSWERED_S 90 /* longer than it is repeated */
#define AGAIN_S 30

static uint64_t unanswered_until;

static bool loses_quick_mode(struct sim *s, struct packet_in_flight *f)
{
    return s->now > unanswered_until || packet_header(f)[18] != X1_QUICK;
}

/* Y13: the peer has moved, lives, and hears no quick mode for a while: what is sent goes nowhere until it does. */
static const char *rekeying_unanswered(void)
{
    static struct pair x;
    struct watched w = {0};
    mapped_open(&x, 1);
    mapped_dpd(&x, 10, 10);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    begin_mapping(&x.s, NEW_PORT);
    unanswered_until = x.s.now + UNANSWERED_S * 1000;
    x.s.meddle = loses_quick_mode;
    watch(&x.s, &w, 300);
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (w.useless > 10 * (UNANSWERED_S + AGAIN_S))
        bad = broken("the IPsec SA does not send to where the branch is for %u s of 300", w.useless / 10);
    return over(&x.s, bad);
}

/* ---- the old mapping lives on ---- */

#define LIVES_ON_S 35
#define FOUND_S 20

static unsigned old_port;
static uint64_t lives_until;

/* What is sent to the old mapping still comes in; what the branch sends goes out by the new one. */
static bool lives_on(struct sim *s, struct packet_in_flight *f)
{
    if (is_from(s, f, 0) && f->to.port == old_port && s->now < lives_until)
        f->to.port = s->nodes[1].outside_port[1];
    return true;
}

/* The branch asks once from there; then the hub alone asks, all the time. */
static const char *old_lives_on(unsigned version)
{
    static struct pair x;
    struct watched w = {0};
    mapped_open(&x, version);
    mapped_dpd(&x, 10, 0);
    x.hub.p.v1_keepalive_periodic = x.hub.profiles[0].dpd_periodic = true;
    x.hub.profiles[0].dpd_retry_s = 2;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    old_port = standing_sa(&x.s, 0)->remote.port;
    lives_until = x.s.now + LIVES_ON_S * 1000;
    x.s.meddle = lives_on;
    begin_mapping(&x.s, NEW_PORT);
    pass(&x.s, 1000);
    ask_peer(&x.s, 1);
    watch(&x.s, &w, LIVES_ON_S + 200);
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (w.hub_without || w.branch_without || w.elsewhere_most > 10 * (LIVES_ON_S + FOUND_S))
        bad = broken("at the old place for %u s; no tunnel at the hub for %u s, at the branch for %u s",
                     w.elsewhere_most / 10, w.hub_without / 10, w.branch_without / 10);
    return over(&x.s, bad);
}
static const char *old_lives_on_v2(void)
{
    return old_lives_on(2);
}
static const char *old_lives_on_v1(void)
{
    return old_lives_on(1);
}

/* ---- both behind NAT ---- */

#define HUB_INSIDE "10.88.0.1"
#define BRANCH_INSIDE "10.99.0.1"

/* The hub's NAT gives 500 and 4500 on to it. An address of the inside is who each says that it is. */
static void both_behind_nat(struct pair *x)
{
    struct router *r[] = {&x->hub, &x->branch};
    static const char *const inside[] = {HUB_INSIDE, BRANCH_INSIDE}, *const peers[] = {"10.99.0.0", "10.88.0.0"};
    for (unsigned i = 0; i < 2; i++) {
        r[i]->entries[0].local = address(inside[i]);
        if (r[i]->profiles[0].version == 2) {
            r[i]->p.n_keys = 0;
            memset(r[i]->keys, 0, sizeof r[i]->keys);
            profile_match_address(r[i], &r[i]->profiles[0], peers[i], 24);
        }
        sim_node_start(&x->s, i, &r[i]->p, inside[i]);
    }
    sim_node_nat(&x->s, 0, HUB, IKE_PORT);
    x->s.nodes[0].outside_port[1] = IKE_PORT_NATT;
    sim_node_nat(&x->s, 1, BRANCH, 4529);
}

/* The branch alone asks whether its peer lives. */
static const char *behind_both(unsigned version)
{
    static struct pair x;
    struct watched w = {0};
    pair_open(&x, version, 1);
    mapped_dpd(&x, 0, 10);
    both_behind_nat(&x);
    x.s.delay_ms = 1;
    slow_begin(&x.s);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    begin_mapping(&x.s, NEW_PORT);
    watch(&x.s, &w, 1200);
    return over(&x.s, w.useless > 600 ? broken("nothing gets to the branch for %u s of 1200", w.useless / 10) : NULL);
}
static const char *behind_both_v2(void)
{
    return behind_both(2);
}
static const char *behind_both_v1(void)
{
    return behind_both(1);
}

/* ---- a slow way ---- */

#define ONE_WAY_MS 700
#define COUNTED_MS 600000

static unsigned n_of_hub; /* what it asks or says of itself, wherever it sends it */

static bool slow_way(struct sim *s, struct packet_in_flight *f)
{
    if (!f->is_late)
        return comes_late(s, f, ONE_WAY_MS);
    bool is_keepalive = f->n <= IKE_HEADER_LEN;
    n_of_hub += is_from(s, f, 0) && !is_keepalive && !is_response(packet_header(f));
    return true;
}

/* 1.4 s there and back, a satellite or a line that is full: the mapping changes once, and all is quiet again. */
static const char *slow_link(unsigned version)
{
    static struct pair x;
    mapped_open(&x, version);
    mapped_dpd(&x, 30, 30);
    x.s.meddle = slow_way;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 10000);
    n_of_hub = 0;
    pass(&x.s, COUNTED_MS);
    const unsigned before = n_of_hub;
    begin_mapping(&x.s, NEW_PORT);
    pass(&x.s, 100000);
    n_of_hub = 0;
    pass(&x.s, COUNTED_MS);
    x.s.meddle = NULL;
    const char *bad = NULL;
    if (n_of_hub > 2 * before)
        bad = broken("%u datagrams of the hub's in ten minutes, %u before", n_of_hub, before);
    return over(&x.s, before ? bad : "the hub asks nothing");
}
static const char *slow_link_v2(void)
{
    return slow_link(2);
}
static const char *slow_link_v1(void)
{
    return slow_link(1);
}

/* ---- at any moment ---- */

#define WITHOUT_S 45

static struct {
    unsigned port; /* of port 500; the next one is that of 4500 */
    uint64_t until;
} mappings[8];
static unsigned n_mappings;
static bool is_lingering;

/* What goes to a mapping that has not ended is as if it went to the one of now. */
static bool old_mappings(struct sim *s, struct packet_in_flight *f)
{
    const uint16_t *now_at = s->nodes[1].outside_port;
    const unsigned to = f->to.port;
    if (!is_from(s, f, 0) || to == now_at[0] || to == now_at[1])
        return true;
    for (unsigned i = 0; i < n_mappings; i++) {
        bool is_one = (to == mappings[i].port || to == mappings[i].port + 1) && s->now < mappings[i].until;
        if (is_one) {
            f->to.port = now_at[to - mappings[i].port];
            return true;
        }
    }
    return true;
}

/* What a router does of itself at any time. */
static void do_anything(struct sim *s, unsigned node)
{
    struct ike_sa *sa = standing_sa(s, node);
    if (!sa || !sa->children)
        return;
    switch (sim_random(s, 6)) {
    case 0:
        if (ike_child_stands(sa->children))
            rekey_child(s, node);
        break;
    case 1:
        rekey_sa(s, node);
        break;
    case 2:
        ask_peer(s, node);
        break;
    case 3:
        if (sa->version == 2)
            sa->reauth_at = s->now;
        ike_timer_update(s->nodes[node].ike, sa);
        break;
    default:
        break;
    }
}

/* Another mapping, or the one of before the last once more. */
static void change_mapping(struct sim *s, unsigned port)
{
    bool is_back = n_mappings > 0 && sim_random(s, 4) == 0;
    uint32_t lingers_ms = is_lingering ? sim_random(s, 30000) : 0;
    mappings[n_mappings].port = s->nodes[1].outside_port[0];
    mappings[n_mappings].until = s->now + lingers_ms;
    n_mappings++;
    begin_mapping(s, is_back ? mappings[n_mappings - 2].port : port);
}

static void changes_anyhow(struct sim *s)
{
    static const unsigned gaps_ms[] = {50, 500, 3000, 15000, 40000};
    const unsigned changes = 1 + sim_random(s, 5);
    for (unsigned i = 0; i < changes; i++) {
        pass(s, 1 + sim_random(s, gaps_ms[sim_random(s, 5)]));
        do_anything(s, 0);
        do_anything(s, 1);
        if (sim_random(s, 2))
            pass(s, sim_random(s, 100));
        change_mapping(s, NEW_PORT + 2 * i);
    }
}

static const char *at_any_moment(unsigned version, unsigned seed)
{
    static struct pair x;
    struct watched w = {0};
    pair_open(&x, version, 1);
    behind_nat(&x);
    mapped_dpd(&x, 10, 10);
    x.s.rng += seed * 77777u + 1;
    for (unsigned i = 0; i < 5; i++) /* seeds that are near one another differ from here on */
        (void)sim_random(&x.s, 2);
    if (sim_random(&x.s, 2))
        x.hub.profiles[0].dpd_retry_s = x.branch.profiles[0].dpd_retry_s = 2;
    x.s.delay_ms = 1 + sim_random(&x.s, 2) * 60;
    slow_begin(&x.s);
    n_mappings = 0;
    x.s.meddle = old_mappings;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, broken("seed %u: there is no tunnel at first", seed));
    x.s.nodes[0].ike->host.job = x.s.nodes[1].ike->host.job = slow_job;
    x.s.loss = sim_random(&x.s, 3) == 0 ? 100 : 0;
    x.s.dup = sim_random(&x.s, 3) == 0 ? 200 : 0;
    changes_anyhow(&x.s);
    watch(&x.s, &w, 240);
    x.s.meddle = NULL;
    slow_end();
    const char *bad = NULL;
    if (w.useless_most > 10 * WITHOUT_S)
        bad = broken("seed %u: no tunnel that works for %u s in a row", seed, w.useless_most / 10);
    const char *all = over(&x.s, bad);
    return !bad && all ? broken("seed %u: %s", seed, all) : bad;
}

static const char *changing_v1(unsigned seed)
{
    is_lingering = false;
    return at_any_moment(1, seed);
}
static const char *changing_v1_by_seeds(void)
{
    return by_seeds(changing_v1, 200);
}
static const char *lingering_v2(unsigned seed)
{
    is_lingering = true;
    return at_any_moment(2, seed);
}
static const char *lingering_v2_by_seeds(void)
{
    return by_seeds(lingering_v2, 60);
}

const struct attack attacks_moved[] = {
    {"Y1 phase 1 anew, the delete of the old one is lost", delete_lost},
    {"Y2 the NAT begins anew, then phase 1", phase_1_from_there},
    {"Y3 the hub restarts, then phase 1 anew", hub_restarts},
    {"Y5 the old mapping lives on, answers come from the new one, IKEv2", old_lives_on_v2},
    {"Y6 the old mapping lives on, answers come from the new one, IKEv1", old_lives_on_v1},
    {"Y7 both behind NAT, the branch's begins anew, IKEv2", behind_both_v2},
    {"Y8 both behind NAT, the branch's begins anew, IKEv1", behind_both_v1},
    {"Y9 a slow way, the NAT begins anew once, IKEv2", slow_link_v2},
    {"Y10 a slow way, the NAT begins anew once, IKEv1", slow_link_v1},
    {"Y11 mappings change at any moment, IKEv1", changing_v1_by_seeds},
    {"Y13 a rekeying that nobody answers is begun again", rekeying_unanswered},
    {"Y12 mappings change at any moment and linger, IKEv2", lingering_v2_by_seeds},
    {NULL, NULL},
};
