/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who takes over what an SA leaves: the peer's successor where ours comes to nothing, nobody else's where somebody else
 * answers, and nobody's behind its certificate's end (findings L1, L2, L5, L10, L13). */
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

static const struct ike_task rekey_ike = {.kind = TASK_REKEY_IKE};

static void ask_often(struct pair *x)
{
    struct ike_profile *p[] = {&x->hub.profiles[0], &x->branch.profiles[0]};
    for (unsigned i = 0; i < 2; i++) {
        p[i]->dpd_s = 10;
        p[i]->dpd_retry_s = 2;
        p[i]->dpd_periodic = true;
    }
}

/* ---- IKEv2: both rekey the IKE SA ---- */

/* Of the hub: an answer to CREATE_CHILD_SA, then a request to delete. */
static unsigned answers_lost, deletes_lost;

static bool loses_two(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_response = h[19] & IKE2_RESPONSE;
    if (!is_from(s, f, 0))
        return true;
    if (h[18] == X2_CREATE_CHILD && is_response && answers_lost < 1) {
        answers_lost++;
        return false;
    }
    if (h[18] == X2_INFORMATIONAL && !is_response && deletes_lost < 1) {
        deletes_lost++;
        return false;
    }
    return true;
}

/* L1: ours is answered TEMPORARY_FAILURE, as the peer had a child exchange open; the peer's own succeeds. */
static const char *crossing_refused(void)
{
    static struct pair x;
    pair_open(&x, 2, 2);
    ask_often(&x);
    pair_start(&x);
    tap_close(&x.tap);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
    if (!hub || !branch)
        return pair_over(&x, "no tunnel");
    answers_lost = deletes_lost = 0;
    x.s.meddle = loses_two;
    begin_task(&x.s, 1, branch, rekey_ike);
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 100);
    begin_task(&x.s, 0, hub, rekey_ike);
    sim_run(&x.s, 30000);
    x.s.meddle = NULL;
    unsigned n[] = {children_of(&x.s, 0), children_of(&x.s, 1)};
    if (!answers_lost)
        return pair_over(&x, "nothing was lost");
    return over(&x.s, n[0] == 2 && n[1] == 2 ? NULL : broken("the hub has %u children, the branch %u", n[0], n[1]));
}

static bool is_out;

static bool outage(struct sim *s, struct packet_in_flight *f)
{
    (void)s, (void)f;
    return !is_out;
}

/* L1b: ours is never answered, as the way is bad for two minutes. */
static const char *crossing_outage(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    tap_close(&x.tap);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.s.delay_ms = 1;
    struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
    if (!hub || !branch)
        return pair_over(&x, "no tunnel");
    x.s.meddle = outage;
    is_out = true; /* the branch's first question is lost */
    begin_task(&x.s, 1, branch, rekey_ike);
    sim_run(&x.s, 100);
    is_out = false;
    begin_task(&x.s, 0, hub, rekey_ike);
    for (unsigned ms = 0; ms < 100 && sas_of(&x.s, 0, IKE_REPLACED) == 0; ms++)
        sim_run(&x.s, 1);
    is_out = true;
    sim_run(&x.s, 140000);
    is_out = false;
    sim_run(&x.s, 60000);
    x.s.meddle = NULL;
    unsigned n[] = {children_of(&x.s, 0), children_of(&x.s, 1)};
    return over(&x.s,
                n[0] == n[1] ? NULL : broken("after the outage the hub has %u children, the branch %u", n[0], n[1]));
}

static bool auth_is_slow(struct sim *s, struct packet_in_flight *f)
{
    bool is_slow = is_from(s, f, 0) && packet_header(f)[18] == X2_AUTH;
    return !is_slow || comes_late(s, f, 1500);
}

/* L2: the same while the peer is authenticated anew: the old one goes, whoever wins. */
static const char *crossing_anew(void)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        pair_open(&x, 2, 1);
        pair_start(&x);
        tap_close(&x.tap);
        x.s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 3000);
        struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
        if (!hub || !branch)
            return pair_over(&x, "no tunnel");
        x.s.meddle = auth_is_slow;
        branch->reauth_at = x.s.now;
        ike_timer_update(x.s.nodes[1].ike, branch);
        sim_run(&x.s, 200);
        begin_task(&x.s, 1, branch, rekey_ike);
        begin_task(&x.s, 0, hub, rekey_ike);
        sim_run(&x.s, 40000);
        unsigned sas = sas_of(&x.s, 1, IKE_ESTABLISHED), children = children_of(&x.s, 1);
        x.s.meddle = NULL;
        bool good = sas == 1 && children == 1;
        const char *bad = over(&x.s, good ? NULL : broken("seed %u: %u IKE SAs, %u children", seed, sas, children));
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- IKEv1: somebody else answers where the peer was ---- */

#define NAT_AT "198.51.100.50"
#define INSIDE(i) ((i) == 0 ? "10.99.0.1" : "10.99.0.2")

/* A hub with one key for all, two branches behind one NAT; the first one's tunnel stands. The hub's lifetime is the
 * shorter one: it renews. */
struct street {
    struct sim s;
    struct router hub, branch[2];
};

static const char *street_open(struct street *x)
{
    sim_init(&x->s, 1, 3);
    x->s.delay_ms = 5;
    router_init(&x->hub, 1);
    x->hub.v1[0].lifetime_s = 600;
    router_key(&x->hub, "0.0.0.0", 0, NULL, "group");
    router_entry(&x->hub, 1, HUB, NULL, NULL);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &x->branch[i];
        router_init(r, 1);
        router_key(r, HUB, 32, NULL, "group");
        entry_line(r, router_entry(r, 1, INSIDE(i), HUB, NULL), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&x->s, 1 + i, &r->p, INSIDE(i));
        sim_node_nat(&x->s, 1 + i, NAT_AT, (uint16_t)(4499 + 10 * i));
    }
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
    return children_of(&x->s, 0) == 1 ? NULL : "no tunnel";
}

/* The NAT has been restarted: the second has the port that the first one had, when the hub renews. */
static void ports_change(struct street *x)
{
    sim_node_nat(&x->s, 2, NAT_AT, 4499);
    sim_node_nat(&x->s, 1, NAT_AT, 2100);
    sim_run(&x->s, 595000);
}

/* L5: the second one's ISAKMP SA gets the first one's IPsec SAs, and the second deletes them. */
static const char *heir_by_port(void)
{
    static struct street x;
    const char *bad = street_open(&x);
    if (bad)
        return over(&x.s, bad);
    uint32_t spi = first_child(&x.s, 1)->spi_in;
    ports_change(&x);
    struct ike_sa *second = first_sa(&x.s, 2);
    if (second) { /* the SPI it has seen on the wire */
        uint8_t v[4];
        struct wr w = wr_to(v, 4);
        wr_u32(&w, spi);
        x.s.nodes[2].ike->now = x.s.now;
        v1_delete(x.s.nodes[2].ike, second, IKE_PROTO_ESP, v, 4, 1);
    }
    sim_run(&x.s, 1000);
    bool stands = false;
    for (struct ike_child *c = children_of(&x.s, 0) ? first_child(&x.s, 0) : NULL; c; c = c->next)
        stands |= c->spi_out == spi;
    return over(&x.s, stands ? NULL : "the first branch's IPsec SA went to the second, which deleted it");
}

/* L5c: or the first restarts, and its packets are somebody else's. */
static const char *kept_out_by_heir(void)
{
    static struct street x;
    const char *bad = street_open(&x);
    if (bad)
        return over(&x.s, bad);
    ports_change(&x);
    power_off(&x.s, 1);
    sim_node_start(&x.s, 1, &x.branch[0].p, INSIDE(0));
    unsigned t = 0;
    for (; t < 1000 && !children_of(&x.s, 1); t += 5) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 5000);
    }
    return over(&x.s, t < 200 ? NULL : broken("no tunnel for %u s: %s", t, x.s.nodes[0].last));
}

/* L5b: another identity answers shortly before the first one's certificate ends: its IPsec SAs end with that. */
static const char *beyond_by_another(void)
{
    static const char *const san[] = {"subjectAltName", "DNS:other.example.com", NULL};
    static const struct ike_match whole_domain = {
        .id_type = IKE_ID_FQDN, .domain = true, .value = {(const uint8_t *)".example.com", 12}};
    struct office o;
    struct ike_credential credential_of_other;
    office_open(&o, 1, FAR, NOW_S + 1000);
    struct maker other = issue(&o.root, "EC", 0, "CN=other", san, NULL, FAR);
    credential(&credential_of_other, &other, &o.root);
    o.hub.matches[0][0] = whole_domain;
    o.hub.entries[0].lifetime_s = o.branch.entries[0].lifetime_s = 86400;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    uint32_t spi = children_of(&o.s, 0) ? first_child(&o.s, 0)->spi_in : 0;
    o.branch.p.credentials = &credential_of_other;
    o.branch.profiles[0].id = (struct ike_bytes){(const uint8_t *)"other.example.com", 17};
    unsigned t = 5;
    for (; t < 5000 && children_of(&o.s, 0) && first_child(&o.s, 0)->spi_in == spi; t += 10)
        sim_run(&o.s, 10000);
    const char *bad = spi ? NULL : "no tunnel";
    if (t > 1100)
        bad = broken("the certificate ended at 1000 s, what it had proved at %u s", t);
    bad = office_over(&o, bad);
    credential_free(&credential_of_other);
    maker_free(&other);
    return bad;
}

/* ---- a reload, a certificate's end: in the middle of an exchange ---- */

static bool answers_are_slow(struct sim *s, struct packet_in_flight *f)
{
    return !is_from(s, f, 0) || comes_late(s, f, 200);
}

/* L10: a reload takes one entry away while its child is rekeyed: the other entry's tunnel lives on, and of the rekeying
 * nothing is left at the peer. `is_computed`: the answer has come, its secret is computed. */
static const char *reload_in_rekeying(bool is_computed)
{
    static struct sim s;
    static struct router hub, branch, later;
    struct router *r[] = {&hub, &branch};
    static const char *const at[] = {HUB, BRANCH};
    static const uint32_t without_second[] = {0, UINT32_MAX};
    sim_init(&s, 1, 2);
    s.delay_ms = 5;
    for (unsigned i = 0; i < 2; i++) {
        router_init(r[i], 2);
        struct ike_profile *p = router_profile(r[i], 2, "P", NULL, NULL);
        profile_match_address(r[i], p, at[!i], 32);
        profile_key(r[i], p, router_key(r[i], at[!i], 32, NULL, "secret"));
        for (unsigned k = 0; k < 2; k++) {
            struct ike_entry *e = router_entry(r[i], 2, at[i], at[!i], p);
            e->pfs = ALGO_DH_256_ECP;
            entry_line(r[i], e, CHILD(k), (int)(1 + i), (int)k, (int)(2 - i), (int)k);
        }
        sim_node_start(&s, i, &r[i]->p, at[i]);
    }
    struct ike *b = s.nodes[1].ike;
    for (unsigned k = 0; k < 2; k++) {
        ike_acquire(b, s.now, CHILD(k), NULL, NULL, NULL);
        sim_run(&s, 2000);
    }
    struct ike_child *c = first_child(&s, 1);
    while (c && c->entry != &branch.entries[1])
        c = c->next;
    if (!c || children_of(&s, 1) != 2)
        return over(&s, "no tunnels");
    s.meddle = answers_are_slow;
    c->rekey_at = s.now;
    ike_timer_update(b, c->sa);
    if (is_computed) {
        sim_run(&s, 50); /* the question is made and sent */
        queue.n = 0;
        b->host.job = queue_job;
        sim_run(&s, 400);
    } else {
        sim_run(&s, 50);
    }
    router_copy(&later, &branch);
    later.p.n_entries = 1;
    if (!router_reload(&s, 1, &branch, &later, without_second))
        return over(&s, "out of memory");
    b->host.job = NULL;
    for (unsigned i = 0; is_computed && i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(b, s.now, queue.v[i]);
    }
    s.meddle = NULL;
    sim_run(&s, 5000);
    unsigned n[] = {children_of(&s, 0), children_of(&s, 1)};
    bool good = n[0] == 1 && n[1] == 1 && first_child(&s, 1)->entry == &later.entries[0];
    return over(&s, good ? NULL : broken("the hub has %u children, the branch %u of the entry that stays", n[0], n[1]));
}
static const char *reload_asked(void)
{
    return reload_in_rekeying(false);
}
static const char *reload_computed(void)
{
    return reload_in_rekeying(true);
}

static bool is_mute;

static bool branch_is_mute(struct sim *s, struct packet_in_flight *f)
{
    return !is_mute || !is_from(s, f, 1);
}

/* L13: a certificate ends while a request of ours is open, and its owner answers nothing any more. */
static const char *beyond_its_end(void)
{
    static const enum ike_task_kind open[] = {TASK_NONE, TASK_REKEY_IKE, TASK_DPD, TASK_REKEY_CHILD};
    for (unsigned i = 0; i < sizeof open / sizeof *open; i++) {
        struct office o;
        office_open(&o, 2, FAR, NOW_S + 1000);
        o.hub.entries[0].lifetime_s = o.branch.entries[0].lifetime_s = 86400;
        ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&o.s, 3000);
        struct ike_sa *b = first_sa(&o.s, 1), *h = first_sa(&o.s, 0);
        if (!b || !h || !h->children)
            return office_over(&o, "no tunnel");
        b->reauth_at = 0; /* its owner has no other */
        ike_timer_update(o.s.nodes[1].ike, b);
        sim_run(&o.s, 991000);
        is_mute = true;
        o.s.meddle = branch_is_mute;
        struct ike_task t = {.kind = open[i]};
        if (t.kind == TASK_REKEY_CHILD) {
            t.spi = h->children->spi_in;
            t.entry = h->children->entry;
        }
        if (t.kind != TASK_NONE)
            begin_task(&o.s, 0, h, t);
        unsigned at_s = 994;
        for (; at_s < 2000 && o.s.nodes[0].ike->n_children; at_s++)
            sim_run(&o.s, 1000);
        is_mute = false;
        const char *bad = office_over(&o, at_s <= 1010 ? NULL : broken("open task %u: until %u s", i, at_s));
        if (bad)
            return bad;
    }
    return NULL;
}

const struct attack attacks_heirs[] = {
    {"L1 crossing rekeyings, ours is refused", crossing_refused},
    {"L1b crossing rekeyings and an outage", crossing_outage},
    {"L2 crossing rekeyings while authenticated anew", crossing_anew},
    {"L5 somebody else at the peer's port", heir_by_port},
    {"L5b another identity before the certificate ends", beyond_by_another},
    {"L5c kept out by who answered at its port", kept_out_by_heir},
    {"L10 an entry goes while its child is rekeyed", reload_asked},
    {"L10b an entry goes while its child is computed", reload_computed},
    {"L13 a certificate ends, its owner is silent", beyond_its_end},
    {NULL, NULL},
};
