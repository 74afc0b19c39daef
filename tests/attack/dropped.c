/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reload while a request of ours is open: what it drops is not taken up by what happens meanwhile, and the peer hears
 * of what it ends. Work that is dropped while it is computed. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

/* ---- a reload that drops the second of two entries ---- */

static struct sim s;
static struct router *before, *after, *peer_router;
static unsigned reloads; /* the node that does it */
static bool is_deaf;     /* to the answers that its informational requests get */

static bool lose_answers(struct sim *x, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    bool from_peer = addr_eq(&f->from.addr, &x->nodes[1 - reloads].end.addr);
    return !(is_deaf && from_peer && h[18] == X2_INFORMATIONAL && (h[19] & IKE2_RESPONSE));
}

/* As the daemon does: the sanitizer then sees who still looks at it. */
static void unused(void *ctx, const struct ike_policy *p)
{
    (void)ctx;
    if (before && p == &before->p) {
        free(before);
        before = NULL;
    }
}

static struct router *router_with(const char *at, const char *peer, int a, int b, unsigned n)
{
    struct router *r = malloc(sizeof *r);
    if (!r)
        abort();
    router_init(r, 2);
    struct ike_profile *p = router_profile(r, 2, "P", NULL, NULL);
    profile_match_address(r, p, peer, 32);
    profile_key(r, p, router_key(r, peer, 32, NULL, "secret"));
    for (unsigned i = 0; i < n; i++)
        entry_line(r, router_entry(r, 2, at, peer, p), CHILD(i), a, (int)i, b, (int)i);
    return r;
}

/* Two children stand; a question of `who` is open; its reload drops the second entry. NULL: it is so. */
static const char *drop_second(unsigned who)
{
    const char *at[] = {HUB, BRANCH};
    reloads = who;
    before = router_with(at[who], at[1 - who], 1 + (int)who, 2 - (int)who, 2);
    after = router_with(at[who], at[1 - who], 1 + (int)who, 2 - (int)who, 1);
    struct router *r = router_with(at[1 - who], at[who], 2 - (int)who, 1 + (int)who, 2);
    peer_router = r;
    sim_init(&s, 1, 2);
    sim_node_start(&s, who, &before->p, at[who]);
    sim_node_start(&s, 1 - who, &r->p, at[1 - who]);
    s.meddle = lose_answers;
    struct ike *ike = s.nodes[who].ike;
    ike->host.policy_unused = unused;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 2000);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&s, 2000);
    if (children_of(&s, who) != 2)
        return "no two children";
    is_deaf = true;
    struct ike_sa *sa = first_sa(&s, who);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    ike->now = s.now;
    v2_next(ike, sa);
    sim_run(&s, 10);
    uint32_t entry[] = {0, UINT32_MAX}, same[] = {0}, key[] = {0, 1};
    struct ike_reload result;
    const struct ike_moves m = {&before->p, &after->p, entry, same, same, key, true};
    if (!ike_reload(ike, s.now, &m, &result) || result.children_ended != 1)
        return "the reload does not drop one child";
    if (!ike_policy_in_use(ike, &before->p))
        unused(NULL, &before->p);
    return NULL;
}

static const char *drop_over(const char *bad)
{
    is_deaf = false;
    sim_run(&s, 20000);
    bool is_after = true;
    for (uint32_t i = 0; i < s.nodes[reloads].ike->heap_n; i++)
        for (const struct ike_child *c = s.nodes[reloads].ike->heap[i]->children; c; c = c->next)
            is_after &= c->entry == &after->entries[0];
    if (!bad && !is_after)
        bad = "a child of an entry that is gone stands";
    if (!bad && children_of(&s, reloads) != 1)
        bad = broken("%u children, not the one that stays", children_of(&s, reloads));
    if (!bad && before)
        bad = "the policy before is held for ever";
    sim_run(&s, 4000000);
    bad = over(&s, bad);
    free(before);
    free(after);
    free(peer_router);
    before = after = peer_router = NULL;
    return bad;
}

/* The peer asks for a successor of the child that is dropped. */
static const char *dropped_and_rekeyed(void)
{
    const char *bad = drop_second(0);
    struct ike_sa *sa = first_sa(&s, 1);
    for (struct ike_child *c = sa ? sa->children : NULL; c; c = c->next)
        if (c->reqid == CHILD(1))
            c->rekey_at = s.now;
    ike_timer_update(s.nodes[1].ike, sa);
    sim_run(&s, 500);
    return drop_over(bad);
}

/* The time has come to authenticate the peer anew, with all children. */
static const char *dropped_and_reauthenticated(void)
{
    const char *bad = drop_second(1);
    struct ike_sa *sa = first_sa(&s, 1);
    if (sa)
        sa->reauth_at = s.now + 200;
    ike_timer_update(s.nodes[1].ike, sa);
    sim_run(&s, 3000);
    return drop_over(bad);
}

/* ---- a reload that ends the IKE SA ---- */

static uint8_t loses; /* the next answer of the branch's of that exchange */

static bool lose_one(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    bool is_it = addr_eq(&f->from.addr, &t->s->nodes[1].end.addr) && h[18] == loses && (h[19] & IKE2_RESPONSE);
    if (is_it)
        loses = 0;
    return !is_it;
}

/* The hub's key for the branch is another one now. */
static const char *reload_with_another_key(struct pair *x)
{
    static struct router next;
    router_init(&next, 2);
    struct ike_profile *p = router_profile(&next, 2, "P", NULL, NULL);
    profile_match_address(&next, p, BRANCH, 32);
    profile_key(&next, p, router_key(&next, BRANCH, 32, NULL, "another secret"));
    entry_line(&next, router_entry(&next, 2, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    uint32_t zero[] = {0}, none[] = {UINT32_MAX}, key[] = {0, 0};
    struct ike_reload r;
    const struct ike_moves m = {&x->hub.p, &next.p, zero, none, zero, key, true};
    bool done = ike_reload(x->s.nodes[0].ike, x->s.now, &m, &r);
    return done && r.sas_ended == 1 ? NULL : "the reload ends no IKE SA";
}

static const char *peer_hears(enum ike_task_kind open, uint8_t exchange, bool is_computed)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike;
    struct ike_sa *sa = first_sa(&x.s, 0);
    x.tap.also = lose_one;
    loses = exchange;
    queue.n = 0;
    hub->host.job = is_computed ? queue_job : NULL;
    uint32_t spi = open == TASK_REKEY_CHILD ? sa->children->spi_in : 0;
    ike_task_add(sa, (struct ike_task){.kind = (uint8_t)open, .spi = spi, .entry = sa->children->entry});
    hub->now = x.s.now;
    v2_next(hub, sa);
    sim_run(&x.s, 300);
    const char *bad = reload_with_another_key(&x);
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(hub, x.s.now, queue.v[i]);
    }
    hub->host.job = NULL;
    loses = 0;
    sim_run(&x.s, 30000);
    if (!bad && (x.s.nodes[1].ike->n_sa || children_of(&x.s, 1)))
        bad = "the peer never hears that the IKE SA has ended";
    else if (!bad && hub->n_sa)
        bad = "the IKE SA that has ended stays";
    return pair_over(&x, bad);
}

static const char *ended_while_asked(void)
{
    return peer_hears(TASK_DPD, X2_INFORMATIONAL, false);
}
static const char *ended_while_rekeyed(void)
{
    return peer_hears(TASK_REKEY_IKE, X2_CREATE_CHILD, false);
}
static const char *ended_while_its_child_is(void)
{
    return peer_hears(TASK_REKEY_CHILD, X2_CREATE_CHILD, false);
}
static const char *ended_while_computed(void)
{
    return peer_hears(TASK_REKEY_IKE, 0, true);
}

/* ---- a reload while both rekey the IKE SA ---- */

static bool withhold; /* the branch's answers to our rekeying */

static bool hold_back(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    bool is_it =
        addr_eq(&f->from.addr, &t->s->nodes[1].end.addr) && h[18] == X2_CREATE_CHILD && (h[19] & IKE2_RESPONSE);
    return !(withhold && is_it);
}

/* Our rekeying is on its way, the peer's is computed, and the key changes. The peer then refuses ours: nothing that was
 * made by the old key may stand. */
static const char *ended_while_both_rekey(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike, *branch = x.s.nodes[1].ike;
    struct ike_sa *sa = first_sa(&x.s, 0), *sb = first_sa(&x.s, 1);
    x.tap.also = hold_back;
    withhold = true;
    queue.n = 0;
    ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_IKE});
    ike_task_add(sb, (struct ike_task){.kind = TASK_REKEY_IKE});
    hub->now = branch->now = x.s.now;
    v2_next(branch, sb);
    x.branch.proposal[0].encr.v[0].bits = 256; /* so that it refuses ours */
    v2_next(hub, sa);
    hub->host.job = queue_job;
    sim_run(&x.s, 200);
    x.branch.proposal[0].encr.v[0].bits = 128;
    const char *bad = queue.n && sa->request ? NULL : "not both rekey";
    const char *reloaded = reload_with_another_key(&x);
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(hub, x.s.now, queue.v[i]);
    }
    hub->host.job = NULL;
    withhold = false;
    sim_run(&x.s, 400000);
    if (!bad)
        bad = reloaded;
    if (!bad && hub->n_established)
        bad = broken("%u IKE SAs of the key that was taken away stand", hub->n_established);
    return pair_over(&x, bad);
}

/* ---- what is computed when it ends ---- */

static const char *cleared_while_computed(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 1, 1);
    x.hub.entries[0].pfs = x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *b = x.s.nodes[1].ike;
    queue.n = 0;
    is_fault = false;
    b->host.job = queue_job;
    b->host.event = look_for_fault;
    const struct ike_child *c = first_child(&x.s, 1);
    if (c)
        ike_expire(b, x.s.now, &c->in.remote.addr, &c->in.local.addr, c->spi_in, false);
    if (queue.n != 1)
        bad = "no public value is computed";
    ike_clear(b, x.s.now, NULL, 0, 0);
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(b, x.s.now, queue.v[i]);
    }
    b->host.job = NULL;
    sim_run(&x.s, 1000);
    if (!bad && is_fault)
        bad = "a row leads elsewhere than it says";
    else if (!bad && sas_of(&x.s, 1, IKE_ESTABLISHED))
        bad = "what was cleared stands";
    return pair_over(&x, bad);
}

/* Phase 1 has been renewed; a quick mode under the old ISAKMP SA is computed when the old one's time is over. */
static const char *replaced_while_computed(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 1, 1);
    x.hub.entries[0].pfs = x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *b = x.s.nodes[1].ike, *hub = x.s.nodes[0].ike;
    struct ike_sa *sa = first_sa(&x.s, 1), *at_hub = first_sa(&x.s, 0);
    const uint64_t spi = at_hub->own_spi, id = at_hub->id;
    sa->rekey_at = x.s.now;
    ike_timer_update(b, sa);
    sim_run(&x.s, 4960);
    queue.n = 0;
    is_fault = false;
    b->host.job = queue_job;
    b->host.event = look_for_fault;
    at_hub = ike_still(hub, spi, id);
    if (at_hub) {
        ike_task_add(
            at_hub,
            (struct ike_task){.kind = TASK_CHILD, .entry = &x.hub.p.entries[0], .line = &x.hub.p.entries[0].lines[0]});
        hub->now = x.s.now;
        v1_next(hub, at_hub);
    }
    sim_run(&x.s, 330); /* its five seconds are over */
    if (!queue.n)
        bad = "nothing is computed under the old ISAKMP SA";
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(b, x.s.now, queue.v[i]);
    }
    b->host.job = NULL;
    sim_run(&x.s, 60000);
    if (!bad && is_fault)
        bad = "a row leads elsewhere than it says";
    else if (!bad)
        bad = sim_agree(&x.s, 0, 1);
    return pair_over(&x, bad);
}

/* ---- a peer that rekeys its IKE SA again and again and deletes none ---- */

static bool no_deletes(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    return !(addr_eq(&f->from.addr, &t->s->nodes[1].end.addr) && h[18] == X2_INFORMATIONAL);
}

static const char *rekeyed_again_and_again(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.tap.also = no_deletes;
    struct ike *b = x.s.nodes[1].ike;
    for (unsigned i = 0; i < 3 * IKE_SAS_PER_PEER; i++) {
        struct ike_sa *newest = NULL;
        for (uint32_t k = 0; k < b->heap_n; k++)
            if (ike_is(b->heap[k], IKE_STANDS) && (!newest || b->heap[k]->id > newest->id))
                newest = b->heap[k];
        if (!newest)
            break;
        ike_task_add(newest, (struct ike_task){.kind = TASK_REKEY_IKE});
        b->now = x.s.now;
        v2_next(b, newest);
        sim_run(&x.s, 200);
    }
    const struct ike *hub = x.s.nodes[0].ike;
    if (hub->n_sa > IKE_SAS_PER_PEER + 2)
        bad = broken("the hub keeps %u IKE SAs of one peer", hub->n_sa);
    else if (hub->n_established != 1 || children_of(&x.s, 0) != 1)
        bad = broken("%u IKE SAs stand, with %u children", hub->n_established, children_of(&x.s, 0));
    return pair_over(&x, bad);
}

const struct attack attacks_dropped[] = {
    {"G1 the peer rekeys what a reload has dropped", dropped_and_rekeyed},
    {"G2 reauthentication of what a reload has dropped", dropped_and_reauthenticated},
    {"G3 an IKE SA that is rekeyed again and again", rekeyed_again_and_again},
    {"G5 an IKE SA ends by a reload while a question is open", ended_while_asked},
    {"G5 an IKE SA ends by a reload while it is rekeyed", ended_while_rekeyed},
    {"G5 an IKE SA ends by a reload while its child is rekeyed", ended_while_its_child_is},
    {"G5 an IKE SA ends by a reload while a secret is computed", ended_while_computed},
    {"H3 an IKE SA ends by a reload while both ends rekey it", ended_while_both_rekey},
    {"G13 an ISAKMP SA is cleared while a public value is computed", cleared_while_computed},
    {"G15 a replaced ISAKMP SA ends while a secret is computed", replaced_while_computed},
    {NULL, NULL}};
