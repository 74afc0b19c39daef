/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ends do something at once, or one end's second message overtakes its first: in the end both have the same
 * (findings M4, M5, M6, M9, M10, M11, M15). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

static const struct ike_task rekey_ike = {.kind = TASK_REKEY_IKE};
static uint64_t hub_late_ms, branch_late_ms, auth_late_ms;

/* Answers to CREATE_CHILD_SA, of each end, and to IKE_AUTH. */
static bool answers_late(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    uint64_t ms = 0;
    if (h[19] & IKE2_RESPONSE && h[18] == X2_CREATE_CHILD)
        ms = is_from(s, f, 0) ? hub_late_ms : branch_late_ms;
    if (h[19] & IKE2_RESPONSE && h[18] == X2_AUTH)
        ms = auth_late_ms;
    return !ms || comes_late(s, f, ms);
}

/* A tunnel of the first of `lines`; NULL, or what is wrong. */
static const char *open_late(struct pair *x, int lines, unsigned seed, uint64_t hub_ms, uint64_t branch_ms,
                             uint64_t auth_ms)
{
    pair_open(x, 2, lines);
    pair_start(x);
    tap_close(&x->tap);
    x->s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    hub_late_ms = hub_ms;
    branch_late_ms = branch_ms;
    auth_late_ms = auth_ms;
    x->s.meddle = answers_late;
    return first_sa(&x->s, 0) && first_sa(&x->s, 1) && children_of(&x->s, 1) ? NULL : "no tunnel";
}

static const char *same_at_both(struct pair *x, unsigned seed, unsigned sas, unsigned children)
{
    unsigned n[] = {sas_of(&x->s, 0, IKE_ESTABLISHED), children_of(&x->s, 0), sas_of(&x->s, 1, IKE_ESTABLISHED),
                    children_of(&x->s, 1)};
    bool good = n[0] == sas && n[2] == sas && n[1] == children && n[3] == children;
    x->s.meddle = NULL;
    return over(&x->s, good ? NULL
                            : broken("seed %u: the hub has %u IKE SAs with %u children, the branch %u with %u", seed,
                                     n[0], n[1], n[2], n[3]));
}

/* M4: authenticated anew before both rekey the IKE SA, and done while that is not decided. */
static const char *anew_before(unsigned by)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        const char *bad = open_late(&x, 1, seed, 900, 900, 400);
        if (bad)
            return pair_over(&x, bad);
        struct ike_sa *end[] = {first_sa(&x.s, 0), first_sa(&x.s, 1)};
        end[by]->reauth_at = x.s.now;
        ike_timer_update(x.s.nodes[by].ike, end[by]);
        sim_run(&x.s, 100);
        begin_task(&x.s, 1, end[1], rekey_ike);
        begin_task(&x.s, 0, end[0], rekey_ike);
        sim_run(&x.s, 200000);
        bad = same_at_both(&x, seed, 1, 1);
        if (bad)
            return bad;
    }
    return NULL;
}
static const char *anew_by_branch(void)
{
    return anew_before(1);
}
static const char *anew_by_hub(void)
{
    return anew_before(0);
}

/* M5: what is asked for behind a rekeying, where the peer's own is done first and the old IKE SA is deleted. */
static const char *asked_behind(void)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        const char *bad = open_late(&x, 2, seed, 3000, 0, 0);
        if (bad)
            return pair_over(&x, bad);
        struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
        x.s.delay_ms = 20;
        begin_task(&x.s, 1, branch, rekey_ike);
        begin_task(&x.s, 0, hub, rekey_ike);
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
        sim_run(&x.s, 20000);
        bad = same_at_both(&x, seed, 1, 2);
        if (bad)
            return bad;
    }
    return NULL;
}

static uint64_t old_spi;

/* The branch's answers, and its delete of the old IKE SA behind what it does by the new one. */
static bool delete_is_late(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h, 8);
    bool is_response = h[19] & IKE2_RESPONSE, is_old = rd_u64(&r) == old_spi;
    if (is_from(s, f, 1) && h[18] == X2_CREATE_CHILD && is_response)
        return comes_late(s, f, 1500);
    if (is_from(s, f, 1) && h[18] == X2_INFORMATIONAL && !is_response && is_old)
        return comes_late(s, f, 100);
    return true;
}

/* M9: the peer deletes or rekeys a child by its successor of the IKE SA before its delete of the old one is heard. */
static const char *used_before(bool is_rekeyed)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        const char *bad = open_late(&x, 1, seed, 0, 0, 0);
        if (bad)
            return pair_over(&x, bad);
        struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
        const uint32_t spi = branch->children->spi_in;
        const struct ike_task rekey = {.kind = TASK_REKEY_CHILD, .spi = spi, .entry = branch->children->entry};
        old_spi = branch->own_spi;
        x.s.meddle = delete_is_late;
        begin_task(&x.s, 1, branch, rekey_ike);
        begin_task(&x.s, 0, hub, rekey_ike);
        if (is_rekeyed)
            ike_task_add(branch, rekey);
        else
            ike_clear_children(x.s.nodes[1].ike, x.s.now, NULL, NULL, spi);
        sim_run(&x.s, 200000);
        unsigned n[] = {children_of(&x.s, 0), children_of(&x.s, 1)};
        x.s.meddle = NULL;
        bad = over(&x.s, n[0] == n[1] ? NULL : broken("seed %u: the hub has %u, the branch %u", seed, n[0], n[1]));
        if (bad)
            return bad;
    }
    return NULL;
}
static const char *deleted_by_successor(void)
{
    return used_before(false);
}
static const char *rekeyed_by_successor(void)
{
    return used_before(true);
}

/* M10: who has answered a rekeying clears the new child before the answer is heard: the old one is no ruin. */
static const char *cleared_at_once(void)
{
    static struct pair x;
    const char *bad = open_late(&x, 1, 0, 300, 300, 0);
    if (bad)
        return pair_over(&x, bad);
    struct ike_sa *hub = first_sa(&x.s, 0), *branch = first_sa(&x.s, 1);
    const struct ike_task rekey = {
        .kind = TASK_REKEY_CHILD, .spi = branch->children->spi_in, .entry = branch->children->entry};
    begin_task(&x.s, 1, branch, rekey);
    sim_run(&x.s, 100);
    if (hub->n_children != 2)
        return over(&x.s, "no successor");
    ike_clear_children(x.s.nodes[0].ike, x.s.now, NULL, NULL, hub->children->spi_in);
    sim_run(&x.s, 400000);
    x.s.meddle = NULL;
    const char *differ = sim_agree(&x.s, 0, 1);
    return over(&x.s, differ ? broken("%s", differ) : NULL);
}

/* M11: the same configuration is reloaded while IKE_AUTH is on its way. */
static const char *reload_in_auth(void)
{
    static const uint32_t same[] = {0};
    static struct pair x;
    static struct router later;
    pair_open(&x, 2, 1);
    pair_start(&x);
    tap_close(&x.tap);
    hub_late_ms = branch_late_ms = 0;
    auth_late_ms = 300;
    x.s.meddle = answers_late;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 150);
    router_copy(&later, &x.branch);
    bool is_on_its_way = children_of(&x.s, 0) == 1 && !children_of(&x.s, 1);
    if (!is_on_its_way || !router_reload(&x.s, 1, &x.branch, &later, same))
        return over(&x.s, "not on its way");
    sim_run(&x.s, 60000);
    return same_at_both(&x, 0, 1, 1);
}

/* ---- IKEv1 ---- */

#define PRIVATE "10.99.0.1"

/* M6: two branches with one private address behind two NATs, one key: the second deletes the first one's SPI. */
static const char *deletes_anothers(void)
{
    static struct sim s;
    static struct router hub, branch[2];
    static const char *const nat[] = {"198.51.100.50", "198.51.100.60"};
    sim_init(&s, 1, 3);
    s.delay_ms = 5;
    router_init(&hub, 1);
    router_key(&hub, "0.0.0.0", 0, NULL, "group");
    router_entry(&hub, 1, HUB, NULL, NULL);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        router_init(&branch[i], 1);
        router_key(&branch[i], HUB, 32, NULL, "group");
        struct ike_entry *e = router_entry(&branch[i], 1, PRIVATE, HUB, NULL);
        entry_line(&branch[i], e, CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &branch[i].p, PRIVATE);
        sim_node_nat(&s, 1 + i, nat[i], 4499);
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    struct ike_sa *second = first_sa(&s, 2);
    if (children_of(&s, 0) != 2 || !second || !first_child(&s, 1))
        return over(&s, "no tunnels");
    uint8_t v[4];
    struct wr w = wr_to(v, 4);
    wr_u32(&w, first_child(&s, 1)->spi_in); /* seen on the wire */
    s.nodes[2].ike->now = s.now;
    v1_delete(s.nodes[2].ike, second, IKE_PROTO_ESP, v, 4, 1);
    sim_run(&s, 1000);
    unsigned n = children_of(&s, 0);
    return over(&s, n == 2 ? NULL : broken("%u of two are left", n));
}

static bool second_message_late(struct sim *s, struct packet_in_flight *f)
{
    bool is_it = is_from(s, f, 0) && packet_header(f)[18] == X1_QUICK;
    return !is_it || comes_late(s, f, 300);
}

/* M15: the responder of a quick mode clears what is half made, and its delete is there before its second message. */
static const char *half_cleared(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    pair_start(&x);
    tap_close(&x.tap);
    x.s.meddle = second_message_late;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    for (unsigned ms = 0; ms < 1000 && !first_child(&x.s, 0); ms++)
        sim_run(&x.s, 1);
    unsigned cleared = ike_clear_children(x.s.nodes[0].ike, x.s.now, NULL, NULL, 0);
    sim_run(&x.s, 200000);
    x.s.meddle = NULL;
    unsigned n[] = {children_of(&x.s, 0), children_of(&x.s, 1)};
    const char *bad = n[0] == n[1] ? NULL : broken("the hub has %u, the branch %u", n[0], n[1]);
    return over(&x.s, cleared ? bad : "nothing was cleared");
}

/* The kernel drops what it is about to send by an SA that goes: the old one stays a moment when the new one has just
 * begun to send. */
static struct {
    const struct sim *s;
    struct ike_host host;
    uint64_t sends_since; /* 0: nothing has taken over */
    bool is_too_soon;
} hub_kernel;
static bool hub_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    if (which == IKE_SA_OUT)
        hub_kernel.sends_since = hub_kernel.s->now;
    return hub_kernel.host.sa_add(ctx, c, k, which);
}
static void hub_delete(void *ctx, const struct ike_child *c)
{
    if (c->sends && hub_kernel.sends_since)
        hub_kernel.is_too_soon |= hub_kernel.s->now < hub_kernel.sends_since + IKE_OVERLAP_MS;
    hub_kernel.host.sa_delete(ctx, c);
}

static const char *under_way(unsigned version)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 5; seed++) {
        pair_open(&x, version, 1);
        pair_start(&x);
        tap_close(&x.tap);
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 1000);
        struct ike_host *host = &x.s.nodes[0].ike->host;
        memset(&hub_kernel, 0, sizeof hub_kernel);
        hub_kernel.s = &x.s;
        hub_kernel.host = *host;
        host->sa_add = hub_add;
        host->sa_delete = hub_delete;
        const struct ike_child *c = first_child(&x.s, 1);
        if (!c)
            return over(&x.s, "there is no tunnel");
        const struct ike_task rekey = {
            .kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry, .line = &c->entry->lines[0]};
        const uint32_t old = c->spi_in;
        begin_task(&x.s, 1, first_sa(&x.s, 1), rekey);
        for (unsigned ms = 0; ms < 1000 && children_of(&x.s, 1) < 2; ms++)
            sim_run(&x.s, 1);
        if (version == 1) /* IKEv2's does it of itself */
            begin_task(&x.s, 1, first_sa(&x.s, 1), (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = old});
        sim_run(&x.s, 60000);
        const char *bad = same_at_both(&x, seed, 1, 1);
        if (bad)
            return bad;
        if (!hub_kernel.sends_since || hub_kernel.is_too_soon)
            return hub_kernel.is_too_soon ? "the old SA goes while packets are under way" : "nothing was rekeyed";
    }
    return NULL;
}
static const char *under_way_v1(void)
{
    return under_way(1);
}
static const char *under_way_v2(void)
{
    return under_way(2);
}

/* ... and the delete that waits comes seven times in the same moment, as anybody on the way can send it again. */
static bool delete_seven_times(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_delete = (h[18] == X2_INFORMATIONAL && !(h[19] & IKE2_RESPONSE)) || h[18] == X1_INFO;
    for (unsigned i = 0; is_from(s, f, 1) && is_delete && i < 6; i++)
        ike_input(s->nodes[0].ike, s->now, &f->to, &f->from, f->p, f->n);
    return true;
}

/* The branch has rekeyed its child; the old one, which its hub deletes at once for IKEv1. NULL: nothing was rekeyed. */
static struct ike_child *branch_rekeys(struct pair *x, unsigned version)
{
    x->s.delay_ms = 1;
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    const struct ike_child *c = first_child(&x->s, 1);
    if (!c)
        return NULL;
    const uint32_t old = c->spi_in;
    struct ike_sa *branch = first_sa(&x->s, 1);
    begin_task(&x->s, 1, branch, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = old, .entry = c->entry});
    for (unsigned ms = 0; version == 1 && ms < 1000 && children_of(&x->s, 1) < 2; ms++)
        sim_run(&x->s, 1);
    sim_run(&x->s, version == 1 ? 5 : 0); /* its last message has come */
    return ike_child_by_spi(branch, old, true);
}

static const char *deleted_seven_times(unsigned version)
{
    static struct pair x;
    pair_open(&x, version, 1);
    pair_start(&x);
    tap_close(&x.tap);
    x.s.meddle = delete_seven_times;
    struct ike_child *old = branch_rekeys(&x, version);
    if (!old)
        return over(&x.s, "nothing was rekeyed");
    const uint64_t id = first_sa(&x.s, 0)->id, spi = first_sa(&x.s, 0)->own_spi;
    if (version == 1)
        begin_task(&x.s, 1, first_sa(&x.s, 1), (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = old->spi_in});
    sim_run(&x.s, 20000);
    if (!ike_still(x.s.nodes[0].ike, spi, id))
        return over(&x.s, "the IKE SA is gone");
    return same_at_both(&x, 0, 1, 1);
}
static const char *deleted_seven_times_v1(void)
{
    return deleted_seven_times(1);
}
static const char *deleted_seven_times_v2(void)
{
    return deleted_seven_times(2);
}

/* ... and behind it comes the delete of the ISAKMP SA: it is not heard before it. */
static const char *deleted_in_order(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    pair_start(&x);
    tap_close(&x.tap);
    struct ike_child *old = branch_rekeys(&x, 1);
    if (!old)
        return over(&x.s, "nothing was rekeyed");
    struct ike *branch = x.s.nodes[1].ike;
    struct ike_sa *sa = first_sa(&x.s, 1);
    v1_delete_child(branch, sa, old);
    v1_delete_self(branch, sa);
    ike_child_free(branch, old, true);
    v1_orphan(branch, sa);
    sim_run(&x.s, 20000);
    return same_at_both(&x, 0, 0, 1);
}

const struct attack attacks_crossing[] = {
    {"M4 anew, and both rekey: by the branch", anew_by_branch},
    {"M4b anew, and both rekey: by the hub", anew_by_hub},
    {"M5 asked for behind a rekeying", asked_behind},
    {"M6 another branch's SPI", deletes_anothers},
    {"M9 deleted by the peer's successor", deleted_by_successor},
    {"M9b rekeyed by the peer's successor", rekeyed_by_successor},
    {"M10 cleared before its answer is heard", cleared_at_once},
    {"M11 a reload while IKE_AUTH is on its way", reload_in_auth},
    {"M15 half of it is cleared", half_cleared},
    {"M16 packets under way at a rekeying, IKEv1", under_way_v1},
    {"M16b packets under way at a rekeying, IKEv2", under_way_v2},
    {"M17 the delete that waits comes seven times, IKEv1", deleted_seven_times_v1},
    {"M17b the delete that waits comes seven times, IKEv2", deleted_seven_times_v2},
    {"M18 the delete that waits, and the ISAKMP SA's", deleted_in_order},
    {NULL, NULL},
};
