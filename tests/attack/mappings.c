/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/attack/mappings.h"

#include <string.h>

#include "backends/ike/v1/v1.h"

bool is_of_branch(const struct sim *s, const struct packet_in_flight *f)
{
    return !is_from(s, f, 0) && f->n > IKE_HEADER_LEN;
}

void copied(struct sim *s, const struct packet_in_flight *f, unsigned port)
{
    struct ike_end from = f->from;
    from.port = (uint16_t)port;
    ike_input(s->nodes[0].ike, s->now, &f->to, &from, f->p, f->n);
}

bool is_to_copier(const struct packet_in_flight *f)
{
    return f->to.port >= COPIER_PORT && f->to.port < COPIER_PORT + COPIER_PORTS;
}

/* ---- what happens ---- */

bool plain_begin(struct pair *x)
{
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(&x->s);
    bool is_up = seconds_to_tunnel(&x->s, 60) <= 20;
    pass(&x->s, 3000);
    return is_up;
}

bool plain_tunnel(struct pair *x)
{
    pair_open(x, 1, 1);
    mapped_dpd(x, 10, 10);
    return plain_begin(x);
}

void mapped_open(struct pair *x, unsigned version)
{
    pair_open(x, version, 1);
    behind_nat(x);
    x->s.delay_ms = 1;
    slow_begin(&x->s);
}

void mapped_dpd(struct pair *x, uint32_t hub_s, uint32_t branch_s)
{
    x->hub.p.v1_keepalive_s = x->hub.profiles[0].dpd_s = hub_s;
    x->branch.p.v1_keepalive_s = x->branch.profiles[0].dpd_s = branch_s;
}

void begin_mapping(struct sim *s, unsigned port)
{
    s->nodes[1].outside_port[0] = (uint16_t)port;
    s->nodes[1].outside_port[1] = (uint16_t)(port + 1);
}

void rekey_sa(struct sim *s, unsigned node)
{
    struct ike_sa *sa = standing_sa(s, node);
    sa->rekey_at = s->now;
    ike_timer_update(s->nodes[node].ike, sa);
}

void rekey_child(struct sim *s, unsigned node)
{
    struct ike_sa *sa = standing_sa(s, node);
    const struct ike_child *c = sa->children;
    while (c && !ike_child_stands(c)) /* what it has replaced is kept for a while */
        c = c->next;
    if (!c)
        return;
    begin_task(s, node, sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
}

void ask_peer(struct sim *s, unsigned node)
{
    struct ike *ike = s->nodes[node].ike;
    struct ike_sa *sa = standing_sa(s, node);
    ike->now = s->now;
    ike->version[sa->version]->ask(ike, sa);
}

/* ---- watching ---- */

static bool has_mirror(const struct ike *ike, const struct ike_child *of)
{
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            for (const struct ike_child *c = sa->children; c; c = c->next)
                if (c->sends && c->spi_in == of->spi_out && c->spi_out == of->spi_in)
                    return true;
    return false;
}

static bool has_way(const struct sim *s)
{
    const struct ike *hub = s->nodes[0].ike, *branch = s->nodes[1].ike;
    const uint16_t port = s->nodes[1].outside_port[1];
    for (uint32_t i = 0; i < hub->hash_size; i++)
        for (const struct ike_sa *sa = hub->by_spi[i]; sa; sa = sa->hash_next)
            for (const struct ike_child *c = sa->children; c; c = c->next)
                if (c->sends && c->out.remote.port == port && has_mirror(branch, c))
                    return true;
    return false;
}

static void count_longest(bool is_so, unsigned *now, unsigned *most)
{
    *now = is_so ? *now + 1 : 0;
    if (*now > *most)
        *most = *now;
}

void watch(struct sim *s, struct watched *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 10; i++) {
        if (i % 50 == 0 && !children_of(s, 1))
            ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        pass(s, 100);
        const struct ike_sa *hub = standing_sa(s, 0);
        bool is_elsewhere = hub && hub->remote.port != s->nodes[1].outside_port[1];
        bool is_useless = !has_way(s);
        w->hub_without += !children_of(s, 0);
        w->branch_without += !children_of(s, 1);
        w->elsewhere += is_elsewhere;
        w->useless += is_useless;
        count_longest(is_elsewhere, &w->elsewhere_now, &w->elsewhere_most);
        count_longest(is_useless, &w->useless_now, &w->useless_most);
    }
}

/* ---- what ends send by ---- */

struct tunnels tunnels_of(const struct sim *s, unsigned node)
{
    const struct ike *ike = s->nodes[node].ike;
    struct tunnels found = {.n = 0};
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            for (const struct ike_child *c = sa->children; c && found.n < 16; c = c->next)
                if (c->sends)
                    found.v[found.n++] = c;
    return found;
}

struct ike_sa *first_of(const struct sim *s, unsigned node, enum ike_trait trait, const struct ike_profile *profile)
{
    const struct ike *ike = s->nodes[node].ike;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            if (ike_is(sa, trait) && (!profile || sa->profile == profile))
                return sa;
    return NULL;
}

bool has_line(const struct sim *s, unsigned node, uint32_t reqid)
{
    return newest_tunnel(s, node, reqid) != NULL;
}

const struct ike_child *newest_tunnel(const struct sim *s, unsigned node, uint32_t reqid)
{
    const struct tunnels own = tunnels_of(s, node);
    const struct ike_child *newest = NULL;
    for (unsigned i = 0; i < own.n; i++) {
        bool is_one = !reqid || own.v[i]->reqid == reqid;
        if (is_one && (!newest || own.v[i]->up_at > newest->up_at))
            newest = own.v[i];
    }
    return newest;
}

bool is_taken(const struct sim *s, unsigned node, const struct ike_child *of_peer)
{
    const struct ike *ike = s->nodes[node].ike;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            for (const struct ike_child *c = sa->children; c; c = c->next)
                if (c->spi_in == of_peer->spi_out)
                    return true;
    return false;
}

void traffic_pass(struct sim *s, unsigned second, unsigned node, uint32_t reqid)
{
    if (second % 5 == 0 && !has_line(s, node, reqid))
        ike_acquire(s->nodes[node].ike, s->now, reqid, NULL, NULL, NULL);
}

/* ---- counters ---- */

#define COUNTERS 512
static struct counter {
    const struct sim_node *node;
    uint32_t spi; /* inbound */
    uint64_t in, out;
} counters[COUNTERS];
static unsigned n_counters;

static struct counter *counter_of(const struct sim_node *node, uint32_t spi)
{
    for (unsigned i = 0; i < n_counters && i < COUNTERS; i++)
        if (counters[i].node == node && counters[i].spi == spi)
            return &counters[i];
    struct counter *c = &counters[n_counters++ % COUNTERS];
    *c = (struct counter){node, spi, 0, 0};
    return c;
}

static bool counted(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out)
{
    const struct counter *k = counter_of(ctx, c->spi_in);
    *in = k->in;
    *out = k->out;
    return true;
}

void counts_again(struct sim *s, unsigned node)
{
    s->nodes[node].ike->host.traffic = counted;
}

void counts_begin(struct sim *s)
{
    n_counters = 0;
    for (unsigned node = 0; node < 2; node++)
        counts_again(s, node);
}

bool gets_there(const struct sim *s, unsigned node, uint32_t reqid)
{
    const struct sim_node *peer = &s->nodes[!node];
    const struct ike_child *c = newest_tunnel(s, node, reqid);
    if (!c || !peer->ike || !is_taken(s, !node, c))
        return false;
    return !peer->nat || c->out.remote.port == peer->outside_port[1];
}

void packet_sent(struct sim *s, unsigned node, uint32_t reqid)
{
    const struct ike_child *c = newest_tunnel(s, node, reqid);
    if (!c)
        return;
    counter_of(&s->nodes[node], c->spi_in)->out++;
    if (gets_there(s, node, reqid))
        counter_of(&s->nodes[!node], c->spi_out)->in++;
}

bool line_begins(struct sim *s, unsigned line)
{
    ike_acquire(s->nodes[1].ike, s->now, CHILD(line), NULL, NULL, NULL);
    pass(s, 5000);
    return has_line(s, 0, CHILD(line)) && has_line(s, 1, CHILD(line));
}

const char *stays_alone(struct pair *x, bool is_sending, unsigned most_s, bool is_so)
{
    unsigned alone_s = 0;
    for (unsigned i = 0; i < COUNTED_S; i++) {
        if (is_sending)
            packet_sent(&x->s, 1, CHILD(0));
        pass(&x->s, 1000);
        alone_s += has_line(&x->s, 1, CHILD(0)) && !gets_there(&x->s, 1, CHILD(0));
    }
    x->s.meddle = NULL;
    const char *bad = NULL;
    if (alone_s > most_s)
        bad = broken("the branch has an IPsec SA that the hub has not for %u s of %u", alone_s, COUNTED_S);
    return over(&x->s, is_so ? bad : "what is attacked has not begun");
}

/* ---- what is lost of IKEv1 ---- */

enum loss_stage stage;
static uint8_t first_id[4];

bool loses_by_stage(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    const bool is_of_hub = is_from(s, f, 0), is_quick = is_of_hub && h[18] == X1_QUICK;
    if (stage == FIRST_OPENS && is_quick) {
        memcpy(first_id, h + 20, sizeof first_id);
        stage = FIRST_WAITS;
    }
    switch (stage) {
    case FIRST_WAITS:
        return !is_quick || memcmp(first_id, h + 20, sizeof first_id) != 0;
    case DELETES_LOST:
        return !is_of_hub || h[18] != X1_INFO;
    case QUICK_LOST:
        return !is_quick;
    case BRANCH_INFO_LOST:
        return !is_of_branch(s, f) || h[18] != X1_INFO;
    case BRANCH_MAIN_ONLY:
        return !is_of_branch(s, f) || h[18] == X1_MAIN;
    default:
        return true;
    }
}

void restart_hub(struct pair *x)
{
    power_off(&x->s, 0);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
}

const char *hub_left_without(struct sim *s, unsigned at_most_s)
{
    struct watched w = {0};
    watch(s, &w, 1200);
    if (w.hub_without <= 10 * at_most_s)
        return NULL;
    return broken("the hub has no tunnel for %u s of 1200, the branch for %u s", w.hub_without / 10,
                  w.branch_without / 10);
}

/* ---- two routers that the attack configures ---- */

void routers_open(struct pair *x, unsigned version)
{
    sim_init(&x->s, 1, 2);
    router_init(&x->hub, version);
    router_init(&x->branch, version);
}

struct ike_profile *branch_profile(struct pair *x, unsigned version, const char *secret)
{
    struct ike_profile *q = router_profile(&x->branch, version, "Q", NULL, NULL);
    profile_match_address(&x->branch, q, HUB, 32);
    profile_key(&x->branch, q, router_key(&x->branch, HUB, 32, NULL, secret));
    return q;
}

void line_between(struct pair *x, unsigned version, const struct ike_profile *p, const struct ike_profile *q)
{
    entry_line(&x->hub, router_entry(&x->hub, version, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    entry_line(&x->branch, router_entry(&x->branch, version, BRANCH, HUB, q), CHILD(0), 2, -1, 1, -1);
}

void says_name(struct ike_profile *q, const char *name)
{
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of(name);
}

void two_between(struct pair *x, unsigned version, const struct ike_profile *p, const struct ike_profile *q,
                 const char *second)
{
    for (int i = 0; i < 2; i++) {
        entry_line(&x->hub, router_entry(&x->hub, version, HUB, BRANCH, p), CHILD(i), 1, -1, 2 + i, -1);
        entry_line(&x->branch, router_entry(&x->branch, version, BRANCH, HUB, q), CHILD(i), 2 + i, -1, 1, -1);
    }
    x->hub.peers[1].host = second;
}

void hub_password(struct pair *x, const char *password)
{
    struct router *hub = &x->hub;
    hub->aggressive[0] =
        (struct ike_aggressive_peer){.peer = address(BRANCH), .key = *router_key(hub, BRANCH, 32, NULL, password)};
    hub->p.n_keys--;
    hub->p.aggressive = hub->aggressive;
    hub->p.n_aggressive = 1;
}

void asks(struct pair *x, unsigned node, unsigned line, uint64_t ms)
{
    ike_acquire(x->s.nodes[node].ike, x->s.now, CHILD(line), NULL, NULL, NULL);
    sim_run(&x->s, ms);
}

void branch_calls(struct pair *x, unsigned version, const char *at, const struct ike_profile *q)
{
    entry_line(&x->branch, router_entry(&x->branch, version, at, HUB, q), CHILD(0), 3, -1, 1, -1);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, at);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
}

const char *gets_nothing(struct pair *x)
{
    const char *bad = NULL;
    if (children_of(&x->s, 0) || x->s.nodes[0].n_policies)
        bad = broken("it gets the network of the one whose identity it claims, by profile %s",
                     first_sa(&x->s, 0)->profile->name);
    else if (sas_of(&x->s, 0, IKE_ESTABLISHED))
        bad = "it is taken for the one whose identity it claims";
    else if (!x->s.nodes[0].refused && !x->s.nodes[1].refused)
        bad = "no attack: nobody has been refused";
    return over(&x->s, bad);
}

const char *comes_up(struct pair *x, unsigned by)
{
    pair_start(x);
    ike_acquire(x->s.nodes[by].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
    if (children_of(&x->s, 0) == 1 && children_of(&x->s, 1) == 1)
        return NULL;
    return broken("the honest one is refused; the hub: %s; the branch: %s", x->s.nodes[0].last, x->s.nodes[1].last);
}

const char *stays_away(struct pair *x, const char *what)
{
    if (!comes_up(x, 0))
        return what;
    bool is_refused = x->s.nodes[0].refused || x->s.nodes[1].refused;
    return is_refused ? NULL : "no attack: nobody has been refused";
}

void two_entries(struct pair *x, unsigned version)
{
    struct ike_profile *q = NULL, *p = NULL;
    routers_open(x, version);
    router_key(&x->branch, NULL, 0, HUB_NAME, "secret");
    router_key(&x->hub, BRANCH, 32, NULL, "secret");
    if (version == 2) {
        q = router_profile(&x->branch, version, "Q", NULL, NULL);
        p = router_profile(&x->hub, version, "P", NULL, NULL);
        profile_match_address(&x->branch, q, HUB, 32);
        profile_match_address(&x->hub, p, BRANCH, 32);
        add_keyring(&x->branch, q);
        add_keyring(&x->hub, p);
    }
    for (int i = 0; i < 2; i++) {
        entry_line(&x->hub, router_entry(&x->hub, version, HUB, BRANCH, p), CHILD(i), 1, i, 2, i);
        entry_line(&x->branch, router_entry(&x->branch, version, BRANCH, HUB, q), CHILD(i), 2, i, 1, i);
        x->branch.peers[i].host = HUB_NAME;
    }
}

const char *both_come_up(struct pair *x)
{
    const char *bad = comes_up(x, 1);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    if (!bad && (children_of(&x->s, 1) != 2 || sas_of(&x->s, 1, IKE_ESTABLISHED) != 1))
        bad = "there are not two tunnels by one IKE SA";
    return bad;
}
