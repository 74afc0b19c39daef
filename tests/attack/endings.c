/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has to end does, and at its time: lifetimes, certificates, deletes, limits (findings J8, J11, J13, J15 to J22,
 * J28). */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

/* ---- J17: IKEv1: a certificate ends; `silent`: its owner does not answer main mode any more ---- */
static bool no_main_mode(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    return packet_header(f)[18] != X1_MAIN;
}
static const char *certificate_ends_of(bool silent)
{
    struct office o;
    office_open(&o, 1, FAR, NOW_S + 600);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    if (!children_of(&o.s, 0))
        return office_over(&o, broken("the tunnel does not come up: %s", o.s.nodes[0].last));
    uint64_t ends = first_sa(&o.s, 0)->proof_ends_at;
    if (silent) {
        o.s.meddle = no_main_mode;
        struct ike_sa *sb = first_sa(&o.s, 1);
        sb->rekey_at = sb->expire_at = 0;
        ike_timer_update(o.s.nodes[1].ike, sb);
    }
    unsigned t = 0;
    for (; t < 24 * 3600 && (children_of(&o.s, 0) || !t); t += 60)
        sim_run(&o.s, 60000);
    const char *bad = NULL;
    if (t > 700)
        bad = broken("the certificate ended at %u s (proof_ends_at %u), the hub's IPsec SA at %u s; IKE SAs that "
                     "stand: %u; last: %s",
                     600, (unsigned)(ends / 1000), t, o.s.nodes[0].ike->n_established, o.s.nodes[0].last);
    return office_over(&o, bad);
}

static const char *certificate_ends_1(void)
{
    return certificate_ends_of(false);
}
static const char *certificate_ends_silent(void)
{
    return certificate_ends_of(true);
}

/* ---- J18: IKEv1: the lifetime of an ISAKMP SA whose peer does not let it be renewed ---- */
static bool no_main;
static bool drop_main(struct tap *t, struct packet_in_flight *f)
{
    (void)t;
    return !(no_main && packet_header(f)[18] == X1_MAIN);
}
static const char *lifetime_never(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    x.hub.v1[0].lifetime_s = 600;
    x.branch.v1[0].lifetime_s = 86400;
    pair_start(&x);
    x.tap.also = drop_main;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 0);
    uint64_t id = sa->id, spi = sa->own_spi;
    struct ike_sa *sb = first_sa(&x.s, 1);
    sb->rekey_at = sb->expire_at = 0; /* the other one does not care */
    ike_timer_update(x.s.nodes[1].ike, sb);
    no_main = true;
    sim_run(&x.s, 20 * 3600000ull);
    no_main = false;
    sa = ike_still(x.s.nodes[0].ike, spi, id);
    const char *bad =
        sa && ike_is(sa, IKE_STANDS)
            ? broken("lifetime 600 s: the ISAKMP SA stands after 20 h, with %u IPsec SAs, rekeyed %u times by it",
                     sa->n_children, x.s.nodes[0].rekeys)
            : NULL;
    return pair_over(&x, bad);
}

/* ---- J19: IKEv1: a certificate ends after its owner has deleted the ISAKMP SA alone ---- */
static const char *certificate_orphan(void)
{
    struct office o;
    office_open(&o, 1, FAR, NOW_S + 600);
    o.hub.entries[0].lifetime_s = o.branch.entries[0].lifetime_s = 86400;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 300000);
    struct ike *b = o.s.nodes[1].ike;
    b->now = o.s.now;
    v1_delete_self(b, first_sa(&o.s, 1));
    v1_orphan(b, first_sa(&o.s, 1));
    o.s.meddle = no_main_mode;
    unsigned t = 300;
    for (; t < 90000 && children_of(&o.s, 0); t += 60)
        sim_run(&o.s, 60000);
    return office_over(&o, t > 700 ? broken("the certificate ended at 600 s, the hub's IPsec SA at %u s", t) : NULL);
}

/* ---- J20: IKEv2: the delete waits behind what is queued ---- */
static bool slow_branch(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (!is_from(s, f, 1) || h[18] != X2_CREATE_CHILD || !(h[19] & IKE2_RESPONSE))
        return true;
    return comes_late(s, f, 50000);
}

/* By the certificate's end, or by who clears it: behind sixty rekeyings that the branch answers after 50 s each. */
static const char *delete_behind_rekeyings(bool is_cleared)
{
    enum { N = 60 };
    static struct pair x;
    static struct ike_line l[N], m[N];
    pair_open(&x, 2, 1);
    many_lines(&x.hub, l, N, 1, 2);
    many_lines(&x.branch, m, N, 2, 1);
    pair_start(&x);
    tap_close(&x.tap);
    struct ike *b = x.s.nodes[1].ike, *hub = x.s.nodes[0].ike;
    for (unsigned i = 0; i < N; i++)
        ike_acquire(b, x.s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&x.s, 30000);
    unsigned were = children_of(&x.s, 0);
    struct ike_sa *sa = first_sa(&x.s, 0);
    for (struct ike_child *c = sa->children; c; c = c->next)
        c->rekey_at = x.s.now + 100; /* made at one time, they are rekeyed at one time */
    if (!is_cleared)
        sa->proof_ends_at = x.s.now + 1000; /* as if by a certificate that ends a second later */
    ike_timer_update(hub, sa);
    x.s.meddle = slow_branch;
    sim_run(&x.s, 1000);
    uint64_t end = x.s.now;
    if (is_cleared)
        ike_clear(hub, x.s.now, NULL, 0, 0);
    while (hub->n_children && x.s.now < end + 86400000)
        sim_run(&x.s, 10000);
    unsigned t = (unsigned)((x.s.now - end) / 1000);
    x.s.meddle = NULL;
    return over(&x.s, t > 200 ? broken("%u children; they stand %u s after the end", were, t) : NULL);
}

static const char *delete_waits(void)
{
    const char *bad = delete_behind_rekeyings(false);
    return bad ? bad : delete_behind_rekeyings(true);
}

/* ---- J22: IKEv1: a DELETE that comes while something is computed ---- */
static const char *deleted_while_busy(void)
{
    static struct pair x;
    pair_open(&x, 1, 2);
    x.hub.entries[0].pfs = x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    pair_start(&x);
    struct ike *hub = x.s.nodes[0].ike, *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    queue.n = 0;
    hub->host.job = queue_job;
    struct ike_child *c = first_child(&x.s, 1);
    uint32_t spi = c->spi_in;
    ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 100);
    ike_clear_children(b, x.s.now, NULL, NULL, spi);
    sim_run(&x.s, 50);
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(hub, x.s.now, queue.v[i]);
    }
    hub->host.job = NULL;
    sim_run(&x.s, 300000);
    return pair_over(&x, children_of(&x.s, 0) != children_of(&x.s, 1)
                             ? broken("hub %u IPsec SAs, branch %u after 300 s: the DELETE was dropped",
                                      children_of(&x.s, 0), children_of(&x.s, 1))
                             : NULL);
}

/* ---- J28: IKEv1: dead peer detection and replays ---- */
static struct packet_in_flight rec28[4000];
static unsigned n28;
static bool record28(struct sim *s, struct packet_in_flight *f)
{
    if (is_from(s, f, 1) && packet_header(f)[18] == X1_INFO && n28 < 4000) {
        rec28[n28] = *f;
        rec28[n28].p = malloc(f->n);
        memcpy(rec28[n28++].p, f->p, f->n);
    }
    return true;
}
static const char *dpd_replayed(bool replay)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    x.hub.p.v1_keepalive_s = x.branch.p.v1_keepalive_s = 10;
    x.hub.p.v1_keepalive_retry_s = x.branch.p.v1_keepalive_retry_s = 2;
    x.hub.p.v1_keepalive_periodic = x.branch.p.v1_keepalive_periodic = true;
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400;
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
    n28 = 0;
    x.s.meddle = record28;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 4000000);
    unsigned n = n28;
    power_off(&x.s, 1);
    unsigned t = 0;
    for (; t < 36000 && children_of(&x.s, 0); t += 5) {
        sim_run(&x.s, 5000);
        for (unsigned i = n > 140 ? n - 140 : 0; replay && i < n && x.s.nodes[0].ike; i++)
            inject(&x.s, &rec28[i].from, &rec28[i].to, rec28[i].p, rec28[i].n);
    }
    for (unsigned i = 0; i < n28; i++)
        free(rec28[i].p);
    return over(
        &x.s,
        t > 300
            ? broken(
                  "the branch is dead for %u s (%u messages recorded): dead peer detection every 10 s does not see it",
                  t, n)
            : NULL);
}
static const char *dpd_replayed_no(void)
{
    return dpd_replayed(false);
}
static const char *dpd_replayed_yes(void)
{
    return dpd_replayed(true);
}

/* ---- J8: an old informational message again and again ---- */
static const char *replayed_info(bool replay)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    x.hub.p.v1_keepalive_s = 10;
    x.hub.p.v1_keepalive_retry_s = 2;
    x.hub.p.v1_keepalive_periodic = true;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    ike_clear_children(x.s.nodes[1].ike, x.s.now, NULL, NULL, 0);
    sim_run(&x.s, 1000000);
    unsigned at = x.tap.n;
    for (unsigned i = 0; i < x.tap.n && at == x.tap.n; i++)
        if (packet_header(&x.tap.v[i])[18] == X1_INFO && is_from(&x.s, &x.tap.v[i], 0))
            at = i;
    if (at == x.tap.n)
        return pair_over(&x, "no info");
    unsigned next = at, recorded = x.tap.n;
    next--;
    sim_node_stop(&x.s, 0);
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    unsigned t = 0;
    for (; t < 7200 && !children_of(&x.s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        if (replay && t % 5 == 2) { /* the oldest that the ring of 64 does not know any more; round and round */
            unsigned tries = 0;
            do
                next = (next + 1) % recorded;
            while (tries++ < 256 &&
                   !(packet_header(&x.tap.v[next])[18] == X1_INFO && is_from(&x.s, &x.tap.v[next], 0)));
            tap_replay(&x.tap, next);
        }
        sim_run(&x.s, 1000);
    }
    return pair_over(&x, t < 200 ? NULL : broken("the tunnel stands after %u s of traffic", t));
}
static const char *replayed_info_no(void)
{
    return replayed_info(false);
}
static const char *replayed_info_yes(void)
{
    return replayed_info(true);
}

/* ---- J13: a restart at the limit ---- */
static const char *restart_at_limit(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    x.hub.p.max_sa = 1;
    pair_start(&x);
    tap_close(&x.tap);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    power_off(&x.s, 1);
    sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
    unsigned t = 0;
    for (; t < 20000 && !children_of(&x.s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 1000);
    }
    return over(&x.s, t < 300
                          ? NULL
                          : broken("a peer that restarts has its tunnel after %u s: its own dead SA is the limit", t));
}

/* ---- J11: crypto call admission limit ike sa ---- */
static const char *admission(unsigned version)
{
    enum { N = 40 };
    static struct sim s;
    static struct router hub, branch[N];
    static char id[N][40], inside[N][24];
    sim_init(&s, 7, N + 1);
    s.delay_ms = 100;
    router_init(&hub, version);
    hub.p.max_sa = 10;
    struct ike_profile *p = router_profile(&hub, version, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&hub, version, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < N; i++) {
        struct router *r = &branch[i];
        router_init(r, version);
        snprintf(id[i], sizeof id[i], "b%u.example.com", i);
        snprintf(inside[i], sizeof inside[i], "198.51.100.%u", i + 1);
        struct ike_profile *own = router_profile(r, version, "OWN", id[i], NULL);
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "secret"));
        entry_line(r, router_entry(r, version, inside[i], HUB, own), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &r->p, inside[i]);
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
    }
    sim_run(&s, 20000);
    unsigned up = s.nodes[0].ike->n_established;
    return over(&s, up <= 10 ? NULL : broken("limit of 10 IKE SAs, %u stand", up));
}
static const char *admission_1(void)
{
    return admission(1);
}
static const char *admission_2(void)
{
    return admission(2);
}

/* ---- J15: an acquire is given to an IKE SA that is about to be deleted ---- */
static const char *task_lost(void)
{
    static struct pair x;
    pair_open(&x, 2, 2);
    pair_start(&x);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.s.nodes[0].deaf = true; /* the peer restarts: it is deaf, then there again without the SA */
    struct ike_sa *sa = first_sa(&x.s, 1);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    b->now = x.s.now;
    v2_next(b, sa);
    sim_run(&x.s, 10);
    ike_clear(b, x.s.now, NULL, 0, 0);
    tap_close(&x.tap);
    power_off(&x.s, 0);
    x.s.nodes[0].deaf = false;
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    unsigned t = 0;
    for (; t < 300 && !x.s.nodes[0].ike->n_children; t++) {
        if (t % 5 == 0)
            ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
        sim_run(&x.s, 1000);
    }
    return over(&x.s, t < 20 ? NULL
                             : broken("after `clear` the tunnel stands after %u s: what traffic asks for waits on the "
                                      "IKE SA that is being deleted",
                                      t));
}

/* ---- J16: the entry that the IKE SA was made for is gone by a reload: never authenticated anew ---- */
static const char *entry_gone(void)
{
    static struct pair x;
    static struct router next;
    pair_open(&x, 2, 1);
    struct ike_entry *h2 = router_entry(&x.hub, 2, HUB, BRANCH, &x.hub.profiles[0]);
    struct ike_entry *b2 = router_entry(&x.branch, 2, BRANCH, HUB, &x.branch.profiles[0]);
    entry_line(&x.hub, h2, CHILD(1), 1, 7, 2, 7);
    entry_line(&x.branch, b2, CHILD(1), 2, 7, 1, 7);
    pair_start(&x);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    router_init(&next, 2);
    struct ike_profile *p = router_profile(&next, 2, "Q", NULL, NULL);
    profile_match_address(&next, p, HUB, 32);
    profile_key(&next, p, router_key(&next, HUB, 32, NULL, "secret"));
    entry_line(&next, router_entry(&next, 2, BRANCH, HUB, p), CHILD(1), 2, 7, 1, 7);
    uint32_t entry[] = {UINT32_MAX, 0}, zero[] = {0}, key[] = {0, 1};
    struct ike_reload r;
    const struct ike_moves m = {&x.branch.p, &next.p, entry, zero, zero, key, true};
    const char *bad = NULL;
    if (!ike_reload(b, x.s.now, &m, &r) || r.sas_kept != 1 || r.children_kept != 1)
        bad = "not kept";
    sim_run(&x.s, 5000);
    unsigned ups = x.s.nodes[1].ups;
    struct ike_sa *sa = first_sa(&x.s, 1);
    sa->reauth_at = x.s.now;
    ike_timer_update(b, sa);
    sim_run(&x.s, 600000);
    if (!bad && x.s.nodes[1].ups == ups)
        bad = broken("the peer is never authenticated anew (AUTH_LIFETIME), and nothing is said; sa->entry is %s",
                     sa->entry ? "there" : "NULL");
    bad = pair_over(&x, bad);
    return bad;
}

const struct attack attacks_endings[] = {
    {"J28 control", dpd_replayed_no},
    {"J28 dead peer detection and replays", dpd_replayed_yes},
    {"J22 deleted while busy", deleted_while_busy},
    {"J19 a certificate ends, the ISAKMP SA has been deleted", certificate_orphan},
    {"J20 a delete that waits", delete_waits},
    {"J17 a certificate ends, IKEv1", certificate_ends_1},
    {"J17s a certificate ends, IKEv1, main mode is not answered", certificate_ends_silent},
    {"J18 ISAKMP lifetime that never ends", lifetime_never},
    {"J13 restart at the limit", restart_at_limit},
    {"J15 acquire to a dying SA", task_lost},
    {"J16 entry gone by reload", entry_gone},
    {"J8 control", replayed_info_no},
    {"J8 replayed informational", replayed_info_yes},
    {"J11 call admission v1", admission_1},
    {"J11 call admission v2", admission_2},
    {NULL, NULL},
};
