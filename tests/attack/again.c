/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made anew or taken back while something else is under way (findings K1 to K7). */
#include <stdlib.h>
#include <string.h>
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

/* K1: a certificate ends within the extension of the ISAKMP SA */
static bool no_mm(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    return packet_header(f)[18] != X1_MAIN;
}
static const char *extended_past_certificate(void)
{
    struct office o;
    office_open(&o, 1, FAR, NOW_S + 2030);
    o.hub.v1[0].lifetime_s = 2000;
    o.hub.entries[0].lifetime_s = o.branch.entries[0].lifetime_s = 86400;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    if (!children_of(&o.s, 0))
        return office_over(&o, "no tunnel");
    o.s.meddle = no_mm;
    struct ike_sa *sb = first_sa(&o.s, 1);
    sb->rekey_at = sb->expire_at = 0; /* its owner does not renew */
    ike_timer_update(o.s.nodes[1].ike, sb);
    unsigned t = 0;
    for (; t < 100000 && children_of(&o.s, 0); t += 30)
        sim_run(&o.s, 30000);
    return office_over(&o, t > 2200 ? broken("certificate ended at 2030 s, the hub's IPsec SA at %u s", t) : NULL);
}

/* K2: IKEv1: the peer deletes the ISAKMP SA while we compute the value of a quick mode that we begin */
static const char *fault_while_busy(void)
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
    ike_acquire(hub, x.s.now, CHILD(1), NULL, NULL, NULL);
    b->now = x.s.now;
    v1_delete_self(b, first_sa(&x.s, 1));
    v1_orphan(b, first_sa(&x.s, 1));
    sim_run(&x.s, 100);
    hub->host.event = look_for_fault;
    is_fault = false;
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(hub, x.s.now, queue.v[i]); /* aborts with sanitizers */
    }
    hub->host.job = NULL;
    return pair_over(&x, is_fault ? "fault of the program" : NULL);
}

/* K3: a reload while the public value of a rekeying of the IKE SA is computed */
static const char *judged_by_what_was_not_offered(void)
{
    static struct pair x;
    static struct router later;
    pair_open(&x, 2, 2);
    x.hub.profiles[0].dpd_s = x.branch.profiles[0].dpd_s = 10;
    x.hub.profiles[0].dpd_retry_s = x.branch.profiles[0].dpd_retry_s = 2;
    x.hub.profiles[0].dpd_periodic = x.branch.profiles[0].dpd_periodic = true;
    x.hub.proposal[0].encr.v[1] = (struct ike_choice){ALGO_ENCR_AES_CBC, 256}; /* the hub takes both */
    x.hub.proposal[0].encr.n = 2;
    pair_start(&x);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    queue.n = 0;
    b->host.job = queue_job;
    sa->rekey_at = x.s.now;
    ike_timer_update(b, sa);
    sim_run(&x.s, 20);
    if (queue.n != 1)
        return pair_over(&x, "nothing computed");
    router_copy(&later, &x.branch);
    later.proposal[0].encr.v[0].bits = 256;
    const uint32_t same[] = {0};
    if (!router_reload(&x.s, 1, &x.branch, &later, same))
        return pair_over(&x, "memory");
    b->host.job = NULL;
    ike_job_run(queue.v[0]);
    ike_job_done(b, x.s.now, queue.v[0]);
    sim_run(&x.s, 1000);
    char said[512];
    snprintf(said, sizeof said, "%s", x.s.nodes[1].last);
    unsigned lowest = 99, downs0 = x.s.nodes[0].downs, downs1 = x.s.nodes[1].downs;
    for (unsigned t = 0; t < 300; t++) {
        sim_run(&x.s, 1000);
        unsigned n = children_of(&x.s, 0) < children_of(&x.s, 1) ? children_of(&x.s, 0) : children_of(&x.s, 1);
        lowest = n < lowest ? n : lowest;
    }
    return pair_over(&x, lowest == 0
                             ? broken("'%s'; then the tunnel went down: hub lost %u IKE SAs, branch %u; hub's "
                                      "last: %s",
                                      said, x.s.nodes[0].downs - downs0, x.s.nodes[1].downs - downs1, x.s.nodes[0].last)
                             : NULL);
}

/* K4: a responder that says AUTH_LIFETIME and rekeys what is being authenticated anew */
static struct ike_sa *twin(struct ike *k, const struct ike_sa *of)
{
    for (uint32_t i = 0; i < k->heap_n; i++)
        if (k->heap[i]->spi_i == of->spi_i && k->heap[i]->spi_r == of->spi_r)
            return k->heap[i];
    return NULL;
}
static bool evil4;
static bool evil_hub(struct sim *s, struct packet_in_flight *f)
{
    struct ike *hub = s->nodes[0].ike;
    if (!evil4)
        return true;
    for (uint32_t i = 0; i < hub->heap_n; i++) {
        struct ike_sa *sa = hub->heap[i];
        sa->proof_ends_at = sa->state == IKE_INIT_DONE ? s->now + 61000 : 0;
        if (ike_is(sa, IKE_STANDS))
            sa->key_id = 0; /* the evil one has no limit of its own */
    }
    const uint8_t *h = packet_header(f);
    if (!is_from(s, f, 0) || h[18] != X2_AUTH)
        return true;
    return comes_late(s, f, 3500); /* its answer takes a while */
}
static const char *rekeyed_while_anew(void)
{
    static struct pair x;
    char text[600] = "";
    pair_open(&x, 2, 1);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400;
    pair_start(&x);
    tap_close(&x.tap);
    struct ike *b = x.s.nodes[1].ike, *hub = x.s.nodes[0].ike;
    evil4 = true;
    x.s.meddle = evil_hub;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    unsigned t = 0;
    for (; t < 60 * 15 && b->n_sa < 300; t++) {
        sim_run(&x.s, 1000);
        for (uint32_t i = 0; i < hub->heap_n; i++) {
            struct ike_sa *sa = hub->heap[i], *o = ike_is(sa, IKE_STANDS) ? twin(b, sa) : NULL;
            struct ike_sa *begun =
                o && o->reauthenticated_by[0] ? ike_still(b, o->reauthenticated_by[0], o->reauthenticated_by[1]) : NULL;
            if (begun && begun->reauthenticates[0] && ike_is(o, IKE_STANDS) && !sa->current) {
                sa->rekey_at = x.s.now;
                ike_timer_update(hub, sa);
                i = 0; /* the heap has changed */
                if (ike_has_task(sa, TASK_REKEY_IKE, 0))
                    continue;
                ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_IKE});
                sa->rekey_at = 0;
                sa->resume_at = x.s.now;
                ike_timer_update(hub, sa);
                hub->version[2]->next(hub, sa);
            }
        }
        if (t % 60 == 59)
            snprintf(text + strlen(text), sizeof text - strlen(text), " %u/%u", b->n_sa, b->n_children);
    }
    evil4 = false;
    unsigned n = b->n_sa;
    x.s.meddle = NULL;
    return over(&x.s,
                n > 40 ? broken("the initiator's IKE SAs/children each minute:%s; %u after %u s", text, n, t) : NULL);
}

/* K5: at the limit, another peer's renewals keep out who restarts */
static const char *kept_out_by_renewals(void)
{
    static struct sim s;
    static struct router hub, br[2];
    static const char *const at[] = {"198.51.100.1", "198.51.100.2"};
    static const char *const id[] = {"a.example.com", "b.example.com"};
    sim_init(&s, 7, 3);
    s.delay_ms = 10;
    router_init(&hub, 2);
    hub.p.max_sa = 2;
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&hub, 2, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        router_init(&br[i], 2);
        struct ike_profile *own = router_profile(&br[i], 2, "OWN", id[i], NULL);
        profile_match_address(&br[i], own, HUB, 32);
        profile_key(&br[i], own, router_key(&br[i], HUB, 32, NULL, "secret"));
        entry_line(&br[i], router_entry(&br[i], 2, at[i], HUB, own), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &br[i].p, at[i]);
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 2000);
    }
    if (s.nodes[0].ike->n_established != 2)
        return over(&s, "not two");
    for (unsigned i = 0; i < 3; i++) { /* b begins another */
        struct ike *b = s.nodes[2].ike;
        for (uint32_t k = 0; k < b->heap_n; k++)
            b->heap[k]->is_silent = true;
        ike_acquire(b, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 2000);
    }
    unsigned stand = s.nodes[0].ike->n_established;
    power_off(&s, 1);
    sim_node_start(&s, 1, &br[0].p, at[0]);
    unsigned t = 0;
    for (; t < 3600 && !children_of(&s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 1000);
    }
    return over(&s, t < 300 ? NULL
                            : broken("max-sa 2, %u stand (b has %u): a restarts, loses its own by INITIAL_CONTACT "
                                     "and is refused: no tunnel for %u s; hub says: %s",
                                     stand, stand - 1, t, s.nodes[0].last));
}

/* K6: the value of a question cannot be made (as if there were no memory): what waits behind it */
static const char *stuck_behind(void)
{
    static struct pair x;
    pair_open(&x, 2, 3);
    x.hub.entries[0].pfs = x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400;
    pair_start(&x);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    queue.n = 0;
    b->host.job = queue_job;
    ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
    ike_acquire(b, x.s.now, CHILD(2), NULL, NULL, NULL);
    b->host.job = NULL;
    if (queue.n != 1)
        return pair_over(&x, "no job");
    queue.v[0]->ok = false; /* not run: it could not be done */
    ike_job_done(b, x.s.now, queue.v[0]);
    unsigned t = 0;
    for (; t < 30000 && children_of(&x.s, 1) < 2; t += 5) {
        ike_acquire(b, x.s.now, CHILD(2), NULL, NULL, NULL); /* traffic asks on */
        sim_run(&x.s, 5000);
    }
    return pair_over(&x, t > 100 ? broken("the next line's child SA stands %u s later, although traffic asks for it", t)
                                 : NULL);
}

/* K7: a rekeying whose answer is refused and taken back: may the child ever be rekeyed again? */
static const char *taken_back(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    x.hub.entries[0].pfs = x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    pair_start(&x);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_child *c = first_child(&x.s, 1);
    c->rekey_at = x.s.now;
    ike_timer_update(b, c->sa);
    sim_run(&x.s, 1); /* asks: the value is made at once */
    queue.n = 0;
    b->host.job = queue_job;
    sim_run(&x.s, 100);
    b->host.job = NULL;
    if (queue.n != 1)
        return pair_over(&x, broken("jobs %u", queue.n));
    queue.v[0]->ok = false;
    ike_job_done(b, x.s.now, queue.v[0]);
    sim_run(&x.s, 2000);
    unsigned h = children_of(&x.s, 0), n = children_of(&x.s, 1), st = first_child(&x.s, 0)->state,
             refused = x.s.nodes[1].refused;
    unsigned rekeys = x.s.nodes[1].rekeys, gap = 0, t = 0;
    for (; t < 3700; t++) {
        sim_run(&x.s, 1000);
        if (!children_of(&x.s, 0) || !children_of(&x.s, 1))
            gap++;
    }
    return pair_over(&x, x.s.nodes[1].rekeys == rekeys
                             ? broken("children %u/%u, the hub's is in state %u (2: replaced, by nothing); "
                                      "in 3700 s it was rekeyed %u times, lines in the log %u, seconds without a child "
                                      "at one end %u; last '%s'",
                                      h, n, st, x.s.nodes[1].rekeys - rekeys, x.s.nodes[1].refused - refused, gap,
                                      x.s.nodes[1].last)
                             : NULL);
}

/* K4b: the peer rekeys the new IKE SA before all is asked for again */
static const char *fresh_rekeyed(void)
{
    static struct pair x;
    char text[600] = "";
    pair_open(&x, 2, 2);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400;
    pair_start(&x);
    tap_close(&x.tap);
    struct ike *b = x.s.nodes[1].ike, *hub = x.s.nodes[0].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 1000);
    ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 1000);
    struct ike_sa *first = first_sa(&x.s, 1);
    x.s.delay_ms = 200;
    first->reauth_at = x.s.now; /* the peer has said AUTH_LIFETIME once */
    ike_timer_update(b, first);
    unsigned most = 0;
    for (unsigned t = 0; t < 100 * 60 * 20; t++) {
        sim_run(&x.s, 10);
        for (uint32_t i = 0; i < b->heap_n; i++) {
            struct ike_sa *o = b->heap[i], *h = o->reauthenticates[0] && ike_is(o, IKE_STANDS) ? twin(hub, o) : NULL;
            if (!h || !ike_is(h, IKE_STANDS))
                continue;
            h->key_id = 0; /* no limit of its own */
            if (o->current && o->current->kind == TASK_CHILD) {
                if (!ike_has_task(h, TASK_DELETE_IKE, 0)) /* TEMPORARY_FAILURE */
                    ike_task_add(h, (struct ike_task){.kind = TASK_DELETE_IKE, .not_before = UINT64_MAX / 2});
            } else if (!o->current && o->tasks && h->tasks && h->tasks->kind == TASK_DELETE_IKE) {
                h->tasks->kind = TASK_REKEY_IKE;
                h->tasks->not_before = 0;
                hub->version[2]->next(hub, h);
                break;
            }
        }
        most = b->n_sa > most ? b->n_sa : most;
        if (t % 12000 == 11999)
            snprintf(text + strlen(text), sizeof text - strlen(text), " %u/%u", b->n_sa, b->n_children);
    }
    return over(&x.s, most > 10 ? broken("the initiator's IKE SAs/children every two minutes:%s", text) : NULL);
}

/* `lifetime kilobytes disable` at the hub, 4608000 at the branch, which begins or answers: no limit here, and there its
 * own. */
static const char *volume_limits(bool is_hub_first)
{
    struct office o;
    office_open(&o, 1, FAR, FAR);
    o.hub.entries[0].lifetime_kb = 0;
    o.branch.entries[0].lifetime_kb = 4608000;
    ike_acquire(o.s.nodes[is_hub_first ? 0 : 1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    const struct ike_child *hubs = first_child(&o.s, 0), *branchs = first_child(&o.s, 1);
    if (!hubs || !branchs)
        return office_over(&o, "no tunnel");
    const uint32_t here = hubs->lifetime_kb, there = branchs->lifetime_kb;
    bool is_right = here == 0 && there == 4608000;
    return office_over(&o, is_right ? NULL : broken("limits: %u kilobytes here, %u there", here, there));
}
static const char *volume_disabled_initiator(void)
{
    return volume_limits(true);
}
static const char *volume_disabled_responder(void)
{
    return volume_limits(false);
}

const struct attack attacks_again[] = {
    {"F5 kilobytes disable, IKEv1, the initiator", volume_disabled_initiator},
    {"F5 kilobytes disable, IKEv1, the responder", volume_disabled_responder},
    {"K4b fresh rekeyed", fresh_rekeyed},
    {"K6 stuck behind", stuck_behind},
    {"K7 taken back", taken_back},
    {"K1 extended past the certificate", extended_past_certificate},
    {"K2 orphan while a quick mode is begun", fault_while_busy},
    {"K3 judged by what was not offered", judged_by_what_was_not_offered},
    {"K4 rekeyed while authenticated anew", rekeyed_while_anew},
    {"K5 kept out by another's renewals", kept_out_by_renewals},
    {NULL, NULL},
};
