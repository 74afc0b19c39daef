/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody attacks. A message is lost or late at a bad moment, and one end has an IPsec SA alone; dead peer detection
 * asks for the peer, not for the SA. Traffic of both ends flows, and their kernels count what comes (findings NM1 to
 * NM8 of a fourth stranger). */
#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"

#define LOST_MOST_S (2 * FOUND_DEAD_S)

/* ---- what is lost ---- */

enum { ANY, BOTH = 2 };

/* Messages of that node and of that exchange; late_ms: they come so much later. */
static struct rule {
    bool is_on;
    unsigned of;
    uint8_t exchange;
    uint64_t late_ms;
} rule;
static unsigned n_lost, n_sent;

static bool loses(struct sim *s, struct packet_in_flight *f)
{
    bool is_message = f->n > IKE_HEADER_LEN;
    bool is_of_it = rule.of == BOTH || is_from(s, f, 0) == (rule.of == 0);
    n_sent++;
    if (!rule.is_on || !is_message || !is_of_it)
        return true;
    if (rule.exchange != ANY && rule.exchange != packet_header(f)[18])
        return true;
    n_lost++;
    return rule.late_ms ? comes_late(s, f, rule.late_ms) : false;
}

static void lose(unsigned of, uint8_t exchange)
{
    rule = (struct rule){.is_on = true, .of = of, .exchange = exchange};
}

static void lose_no_more(void)
{
    rule.is_on = false;
}

/* ---- traffic ---- */

/* Each end sends by what it has, and asks where there is nothing; a quiet hub only answers. */
static void flow(struct sim *s, unsigned second, bool hub_calls, uint64_t ms)
{
    for (unsigned node = 0; node < 2; node++) {
        packet_sent(s, node, CHILD(0));
        if (node == 1 || hub_calls)
            traffic_pass(s, second, node, CHILD(0));
    }
    pass(s, ms);
}

/* For how long what each end sends goes into nothing. */
static void count_lost(struct sim *s, bool hub_calls, unsigned seconds, unsigned lost_s[static 2])
{
    lost_s[0] = lost_s[1] = 0;
    lose_no_more();
    for (unsigned i = 0; i < seconds; i++) {
        flow(s, i, hub_calls, 1000);
        for (unsigned node = 0; node < 2; node++)
            lost_s[node] += !gets_there(s, node, CHILD(0));
    }
    s->meddle = NULL;
}

/* The end of an attack. `is_so`: what was to go before has. */
static const char *goes_into_nothing(struct pair *x, bool hub_calls, bool is_so)
{
    unsigned lost_s[2];
    const char *bad = NULL;
    count_lost(&x->s, hub_calls, COUNTED_S, lost_s);
    if (lost_s[1] > LOST_MOST_S || (hub_calls && lost_s[0] > LOST_MOST_S))
        bad = broken("what the branch sends goes into nothing for %u s of %u, the hub's for %u s; %u were lost",
                     lost_s[1], COUNTED_S, lost_s[0], n_lost);
    return over(&x->s, is_so ? bad : "what is attacked has not begun");
}

/* ---- how it begins ---- */

#define SETTLED_S 40 /* the first quick mode is forgotten, both are heard */

enum how { PLAIN, BEHIND_NAT, AGGRESSIVE }; /* the last: behind NAT as well */

/* What the caller has opened starts; the branch asks for the tunnel. */
static bool is_started(struct pair *x, enum how how)
{
    if (how != PLAIN) {
        behind_nat(x);
    } else {
        pair_start(x);
        tap_close(&x->tap);
    }
    slow_begin(&x->s);
    counts_begin(&x->s);
    rule = (struct rule){0};
    n_lost = 0;
    x->s.meddle = loses;
    return seconds_to_tunnel(&x->s, 60) <= 20;
}

/* And both have traffic. */
static bool is_settled(struct pair *x, enum how how)
{
    bool is_up = is_started(x, how);
    for (unsigned i = 0; i < SETTLED_S; i++)
        flow(&x->s, i, true, 1000);
    return is_up && gets_there(&x->s, 0, CHILD(0)) && gets_there(&x->s, 1, CHILD(0));
}

static bool begins(struct pair *x, enum how how, uint32_t dpd_s)
{
    pair_open(x, 1, 1);
    x->s.delay_ms = how == PLAIN ? 5 : 1;
    if (how == AGGRESSIVE)
        speaks_aggressively(x);
    mapped_dpd(x, dpd_s, dpd_s);
    return is_settled(x, how);
}

static uint32_t spi_of_branch(const struct sim *s)
{
    const struct ike_child *newest = newest_tunnel(s, 1, CHILD(0));
    return newest ? newest->spi_in : 0;
}

/* Until the branch sends by another SA: its third message goes out now. */
static bool third_goes_out(struct sim *s)
{
    const uint32_t before = spi_of_branch(s);
    for (unsigned i = 0; i < 2000 && spi_of_branch(s) == before; i++)
        pass(s, 1);
    return spi_of_branch(s) != before;
}

static void rekey_child_of(struct sim *s, unsigned node, const struct ike_sa *sa)
{
    struct ike_child *c = sa->children;
    while (c && !ike_child_stands(c))
        c = c->next;
    if (!c)
        return;
    c->rekey_at = s->now;
    ike_timer_update(s->nodes[node].ike, c->sa);
}

/* By the ISAKMP SA that the newest one hangs on, whatever has begun beside it. */
static void rekey_by_its_own(struct sim *s, unsigned node)
{
    const struct ike_child *newest = newest_tunnel(s, node, CHILD(0));
    if (newest)
        rekey_child_of(s, node, newest->sa);
}

/* ---- half an SA ---- */

#define ALL_OF_THIRD_MS 5600 /* as often as it is sent before the old ISAKMP SA ends */

/* The branch rekeys its IPsec SA as it renews the ISAKMP SA, and its third message is lost three times. */
static const char *half_and_renewal(enum how how, bool hub_calls)
{
    static struct pair x;
    bool is_up = begins(&x, how, 10);
    rekey_child(&x.s, 1);
    rekey_sa(&x.s, 1);
    bool is_half = third_goes_out(&x.s);
    lose(1, X1_QUICK);
    pass(&x.s, ALL_OF_THIRD_MS);
    return goes_into_nothing(&x, hub_calls, is_up && is_half && n_lost);
}
static const char *half_and_renewal_both_call(void)
{
    return half_and_renewal(PLAIN, true);
}
static const char *half_and_renewal_quiet_hub(void)
{
    return half_and_renewal(BEHIND_NAT, false);
}

#define BEFORE_IT_ENDS_MS 4900 /* behind the renewal: the branch deletes the old ISAKMP SA at 5 s */
#define OVERTAKEN_MS 60

/* Nothing is lost: the hub's messages are late, and the branch does not wait for the third one. */
static const char *third_overtaken(void)
{
    static struct pair x;
    bool is_up = begins(&x, BEHIND_NAT, 10);
    rekey_sa(&x.s, 1);
    pass(&x.s, BEFORE_IT_ENDS_MS);
    rekey_by_its_own(&x.s, 0);
    lose(0, X1_QUICK);
    rule.late_ms = OVERTAKEN_MS;
    pass(&x.s, 3000);
    return goes_into_nothing(&x, true, is_up && n_lost);
}

/* For so long nothing of that comes through, from the third message on: the hub gives its half up, and both live. */
static const char *half_given_up(uint32_t dpd_s, unsigned of, uint8_t exchange, uint64_t ms)
{
    static struct pair x;
    bool is_up = begins(&x, PLAIN, dpd_s);
    rekey_child(&x.s, 1);
    bool is_half = third_goes_out(&x.s);
    lose(of, exchange);
    pass(&x.s, ms);
    return goes_into_nothing(&x, true, is_up && is_half && n_lost);
}
static const char *half_given_up_slow_dpd(void)
{
    return half_given_up(30, BOTH, ANY, 33000);
}
static const char *half_given_up_thirds(void)
{
    return half_given_up(10, 1, X1_QUICK, 70000);
}
static const char *half_given_up_without(void)
{
    return half_given_up(0, BOTH, ANY, 33000);
}

/* The hub renews the ISAKMP SA, and so long behind that the branch begins a quick mode by the old one. */
static const char *half_at_the_end(unsigned ms)
{
    static struct pair x;
    bool is_up = begins(&x, BEHIND_NAT, 10);
    x.s.delay_ms = 100;
    rekey_sa(&x.s, 0);
    pass(&x.s, ms);
    rekey_by_its_own(&x.s, 1);
    return goes_into_nothing(&x, false, is_up);
}

/* Nothing is lost or late. */
static const char *half_at_any_end(void)
{
    const char *bad = NULL;
    for (unsigned ms = 4700; !bad && ms < 6000; ms += 10)
        bad = half_at_the_end(ms);
    return bad;
}

/* ---- orphans ---- */

/* What the hub says by the new ISAKMP SA is lost: what it has hangs on none when the branch deletes the old one. */
static bool hub_has_orphan(struct pair *x)
{
    bool is_up = begins(x, BEHIND_NAT, 10), is_orphan = false;
    rekey_sa(&x->s, 1);
    lose(0, X1_INFO);
    for (unsigned i = 0; i < 8000 && !is_orphan; i += 10) {
        pass(&x->s, 10);
        is_orphan = first_of(&x->s, 0, IKE_ORPHAN, NULL);
    }
    lose_no_more();
    return is_up && is_orphan;
}

/* `clear crypto` at the hub, which has an orphan. */
static const char *orphan_cleared(void)
{
    static struct pair x;
    bool is_so = hub_has_orphan(&x);
    (void)ike_clear(x.s.nodes[0].ike, x.s.now, NULL, 1, 0);
    return goes_into_nothing(&x, true, is_so);
}

/* Somebody deletes it in the hub's kernel, and nothing is sent that could tell: there is an ISAKMP SA by which it can
 * be said. */
static const char *orphan_ends_unseen(void)
{
    static struct pair x;
    bool is_so = hub_has_orphan(&x);
    const struct ike_child *c = newest_tunnel(&x.s, 0, CHILD(0));
    if (c)
        ike_sa_lost(x.s.nodes[0].ike, x.s.now, &c->out.remote.addr, &c->out.local.addr, c->spi_in);
    return stays_alone(&x, false, FOUND_DEAD_S, is_so && c && !first_of(&x.s, 0, IKE_ORPHAN, NULL));
}

/* `clear crypto`, and `clear crypto sa`, where nothing is sent that could tell either. */
static const char *orphan_cleared_unseen(bool children_only)
{
    static struct pair x;
    bool is_so = hub_has_orphan(&x);
    unsigned n = children_only ? ike_clear_children(x.s.nodes[0].ike, x.s.now, NULL, NULL, 0)
                               : ike_clear(x.s.nodes[0].ike, x.s.now, NULL, 1, 0);
    bool is_gone = n && !has_line(&x.s, 0, CHILD(0));
    if (!is_gone) {
        x.s.meddle = NULL;
        return over(&x.s, broken("%u SAs are said to be cleared, and the orphan's is there", n));
    }
    return stays_alone(&x, false, FOUND_DEAD_S, is_so);
}
static const char *orphan_cleared_whole(void)
{
    return orphan_cleared_unseen(false);
}
static const char *orphan_cleared_children(void)
{
    return orphan_cleared_unseen(true);
}

/* The hub deletes the ISAKMP SA alone (as IOS does when its lifetime is over): nobody asks whether the peer of an
 * orphan lives. */
static bool branch_has_orphan(struct pair *x)
{
    bool is_up = begins(x, BEHIND_NAT, 10);
    x->s.nodes[0].ike->now = x->s.now;
    v1_delete_self(x->s.nodes[0].ike, standing_sa(&x->s, 0));
    pass(&x->s, 1000);
    return is_up && first_of(&x->s, 1, IKE_ORPHAN, NULL);
}
static const char *orphan_hub_restarts(void)
{
    static struct pair x;
    bool is_so = branch_has_orphan(&x);
    restart_hub(&x);
    counts_again(&x.s, 0);
    return goes_into_nothing(&x, true, is_so);
}

#define ORPHAN_MOST_S 200 /* it is to be rekeyed first, and then not answered */

static const char *orphan_hub_dies(void)
{
    static struct pair x;
    bool is_so = branch_has_orphan(&x);
    power_off(&x.s, 0);
    return stays_alone(&x, true, ORPHAN_MOST_S, is_so);
}

/* ---- the hub restarts ---- */

/* Phase 1 that the branch has begun anew is not answered, and it rekeys by the old ISAKMP SA; then the hub restarts,
 * and answers what was begun before. */
static const char *restarts_meanwhile(void)
{
    static struct pair x;
    bool is_up = begins(&x, AGGRESSIVE, 10);
    lose(BOTH, X1_AGGRESSIVE);
    rekey_sa(&x.s, 1);
    pass(&x.s, 1000);
    rekey_by_its_own(&x.s, 1);
    pass(&x.s, 1000);
    restart_hub(&x);
    counts_again(&x.s, 0);
    return goes_into_nothing(&x, false, is_up && n_lost);
}

/* Before the branch finds it dead it renews phase 1, and the Informational that says INITIAL-CONTACT is lost. */
static const char *restart_unsaid(void)
{
    static struct pair x;
    bool is_up = begins(&x, AGGRESSIVE, 10);
    restart_hub(&x);
    counts_again(&x.s, 0);
    lose(0, X1_INFO);
    rekey_sa(&x.s, 1);
    for (unsigned i = 0; i < 1000 && !n_lost; i++)
        pass(&x.s, 1);
    return goes_into_nothing(&x, false, is_up && n_lost == 1);
}

/* ---- not oftener than it helps ---- */

#define HOUR_S 3600

/* Only that node sends (BOTH: none does); how often it has another SA. */
static const char *hour_of(unsigned sender, unsigned rekeyings_most)
{
    static struct pair x;
    unsigned rekeyings = 0, gone_s = 0;
    pair_open(&x, 1, 1);
    mapped_dpd(&x, 10, 10);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400; /* nothing else rekeys */
    bool is_up = is_started(&x, PLAIN);
    uint32_t spi = spi_of_branch(&x.s);
    for (unsigned i = 0; i < HOUR_S; i++) {
        if (sender != BOTH)
            packet_sent(&x.s, sender, CHILD(0));
        pass(&x.s, 1000);
        gone_s += !gets_there(&x.s, 0, CHILD(0)) || !gets_there(&x.s, 1, CHILD(0));
        rekeyings += spi_of_branch(&x.s) != spi;
        spi = spi_of_branch(&x.s);
    }
    const char *bad = NULL;
    if (rekeyings > rekeyings_most || gone_s)
        bad = broken("%u rekeyings in an hour, and no tunnel for %u s", rekeyings, gone_s);
    x.s.meddle = NULL;
    return over(&x.s, is_up ? bad : "there is no tunnel at first");
}
static const char *one_speaks(void)
{
    const char *bad = hour_of(1, 6);
    return bad ? bad : hour_of(0, 6);
}
static const char *nobody_speaks(void)
{
    return hour_of(BOTH, 0);
}

static bool branch_waits(struct sim *s)
{
    const struct ike_sa *sa = standing_sa(s, 1);
    for (const struct v1_quick *q = sa ? sa->v1->quicks : NULL; q; q = q->next)
        if (v1_quick_waits(q))
            return true;
    return false;
}

/* The hub's delete is lost; so are quick modes, until the branch has given its rekeying up. */
static const char *rekeying_unanswered(void)
{
    static struct pair x;
    unsigned lost_s[2], waits = 0;
    bool is_up = begins(&x, PLAIN, 10);
    lose(0, X1_INFO);
    x.s.nodes[0].ike->now = x.s.now;
    (void)ike_clear_children(x.s.nodes[0].ike, x.s.now, NULL, NULL, 0);
    pass(&x.s, 100);
    lose(BOTH, X1_QUICK);
    for (unsigned i = 0; i < 300 && (!waits || branch_waits(&x.s)); i++) {
        flow(&x.s, i, false, 1000);
        waits += branch_waits(&x.s);
    }
    count_lost(&x.s, false, 300, lost_s);
    const char *bad = NULL;
    if (lost_s[1] > 20)
        bad = broken("the hub answers again, what the branch sends goes into nothing for %u s of 300", lost_s[1]);
    return over(&x.s, is_up && waits ? bad : "the branch does not rekey");
}

/* ---- at any moment ---- */

#define CALM_S 900
#define CALM_LOST_MOST_S 150
#define CALM_SENT_MOST 3000u

struct walk {
    bool has_nat, has_restarts, has_clears, hub_calls;
    unsigned port;
};

static struct ike_sa *any_sa(struct sim *s, unsigned node)
{
    const struct ike *ike = s->nodes[node].ike;
    struct ike_sa *found = NULL;
    unsigned n = 0;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            if (ike_is(sa, IKE_STANDS) && sim_random(s, ++n) == 0)
                found = sa;
    return found;
}

/* The NAT keeps its mapping. */
static void restart(struct pair *x, unsigned node)
{
    struct sim *s = &x->s;
    const struct sim_node was = s->nodes[node];
    slow_end();
    power_off(s, node);
    const char *branch_at = was.nat ? "10.99.0.1" : BRANCH;
    if (node)
        sim_node_start(s, 1, &x->branch.p, branch_at);
    else
        sim_node_start(s, 0, &x->hub.p, HUB);
    struct sim_node *is = &s->nodes[node];
    is->nat = was.nat;
    is->outside = was.outside;
    for (unsigned i = 0; i < 2; i++)
        is->outside_port[i] = was.outside_port[i];
    is->ike->host.job = slow_job;
    counts_again(s, node);
}

/* What may happen to a network. */
static void way_changes(struct sim *s, unsigned node)
{
    static const uint8_t exchanges[] = {ANY, X1_QUICK, X1_INFO, X1_MAIN};
    const unsigned n = sim_random(s, 5);
    if (n < 2)
        lose(node, exchanges[sim_random(s, 4)]);
    else if (n == 2)
        lose(BOTH, ANY);
    else
        lose_no_more();
}

/* What an end does of itself. */
static void renews(struct sim *s, unsigned node, struct ike_sa *sa)
{
    const unsigned n = sim_random(s, 6);
    if (n == 0) {
        ask_peer(s, node);
    } else if (n < 3) {
        sa->rekey_at = s->now;
        ike_timer_update(s->nodes[node].ike, sa);
    } else if (!sa->busy) {
        rekey_child_of(s, node, sa);
    }
}

/* And what is done to it, or to its network. */
static void anything_happens(struct pair *x, struct walk *w)
{
    struct sim *s = &x->s;
    const unsigned node = sim_random(s, 2), n = sim_random(s, 14);
    struct ike_sa *sa = any_sa(s, node);
    if (n < 6 && sa)
        renews(s, node, sa);
    else if (n == 6 && w->has_nat)
        begin_mapping(s, w->port += 2);
    else if (n == 7 && w->has_restarts)
        restart(x, node);
    else if (n == 8 && w->has_clears)
        (void)ike_clear(s->nodes[node].ike, s->now, NULL, 1, 0);
    else if (n == 9 && w->has_clears)
        (void)ike_clear_children(s->nodes[node].ike, s->now, NULL, NULL, 0);
    else if (n > 9)
        way_changes(s, node);
}

static void walk_begins(struct pair *x, struct walk *w, unsigned seed)
{
    static const uint32_t dpds_s[] = {10, 10, 20, 30, 60};
    static const unsigned delays_ms[] = {5, 300, 1500};
    struct sim *s = &x->s;
    pair_open(x, 1, 1);
    s->rng += (seed + 5) * 7777777u + 13; /* the one before seed 0 loses 161 s: it tries a dead ISAKMP SA first */
    for (unsigned i = 0; i < 5; i++)      /* seeds that are near one another differ from here on */
        (void)sim_random(s, 2);
    *w = (struct walk){.port = NEW_PORT, .has_nat = sim_random(s, 2)};
    w->has_restarts = sim_random(s, 2);
    w->has_clears = sim_random(s, 3) == 0;
    w->hub_calls = sim_random(s, 2);
    const uint32_t hub_dpd_s = dpds_s[sim_random(s, 5)];
    mapped_dpd(x, hub_dpd_s, dpds_s[sim_random(s, 5)]);
    if (sim_random(s, 4) == 0)
        speaks_aggressively(x);
    if (sim_random(s, 3) == 0)
        x->hub.entries[0].lifetime_s = x->branch.entries[0].lifetime_s = 120 + sim_random(s, 200);
    (void)is_settled(x, w->has_nat ? BEHIND_NAT : PLAIN);
    s->nodes[0].ike->host.job = s->nodes[1].ike->host.job = slow_job;
    s->delay_ms = delays_ms[sim_random(s, 3)];
    s->loss = sim_random(s, 2) ? sim_random(s, 300) : 0;
    s->dup = sim_random(s, 2) ? sim_random(s, 300) : 0;
}

static void walk_goes_on(struct pair *x, struct walk *w)
{
    static const unsigned gaps_ms[] = {300, 5000, 60000};
    const unsigned events = 1 + sim_random(&x->s, 10);
    for (unsigned i = 0; i < events; i++) {
        anything_happens(x, w);
        const unsigned ms = 1 + sim_random(&x->s, gaps_ms[sim_random(&x->s, 3)]);
        for (unsigned k = 0; k * 1000 < ms; k++)
            flow(&x->s, k, w->hub_calls, ms - k * 1000 < 1000 ? ms - k * 1000 : 1000);
    }
    x->s.loss = x->s.dup = 0;
}

static const char *walks(unsigned seed)
{
    static struct pair x;
    struct walk w;
    unsigned lost_s[2];
    walk_begins(&x, &w, seed);
    walk_goes_on(&x, &w);
    n_sent = 0;
    count_lost(&x.s, w.hub_calls, CALM_S, lost_s);
    slow_end();
    const char *bad = NULL;
    if (lost_s[0] > CALM_LOST_MOST_S || lost_s[1] > CALM_LOST_MOST_S || n_sent > CALM_SENT_MOST)
        bad = broken("seed %u: in %u s of calm the hub's go into nothing for %u s, the branch's for %u s; %u datagrams",
                     seed, CALM_S, lost_s[0], lost_s[1], n_sent);
    const char *all = over(&x.s, bad);
    return !bad && all ? broken("seed %u: %s", seed, all) : bad;
}
static const char *walks_by_seeds(void)
{
    return by_seeds(walks, 60);
}

const struct attack attacks_unheard[] = {
    {"O1 half an SA as the ISAKMP SA is renewed", half_and_renewal_both_call},
    {"O2 half an SA as the ISAKMP SA is renewed, a quiet hub", half_and_renewal_quiet_hub},
    {"O3 a delete overtakes the third message", third_overtaken},
    {"O4 half an SA is given up, slow DPD", half_given_up_slow_dpd},
    {"O5 half an SA is given up, the third message never comes", half_given_up_thirds},
    {"O6 half an SA is given up, no DPD", half_given_up_without},
    {"O7 an orphan is cleared", orphan_cleared},
    {"O7b an orphan ends, and nothing is sent", orphan_ends_unseen},
    {"O7c an orphan is cleared, and nothing is sent", orphan_cleared_whole},
    {"O7d the IPsec SA of an orphan is cleared", orphan_cleared_children},
    {"O8 the hub of an orphan restarts", orphan_hub_restarts},
    {"O8b the hub of an orphan dies", orphan_hub_dies},
    {"O9 the hub restarts while phase 1 is begun anew", restarts_meanwhile},
    {"O10 the hub restarts, its INITIAL-CONTACT is lost", restart_unsaid},
    {"O11 quick mode as the old ISAKMP SA ends, nothing lost", half_at_any_end},
    {"O12 one end alone speaks for an hour", one_speaks},
    {"O12b a rekeying because nothing comes is not answered", rekeying_unanswered},
    {"O13 nobody speaks for an hour", nobody_speaks},
    {"O14 anything at any moment, then calm", walks_by_seeds},
    {NULL, NULL},
};
