/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers with keys of their own that claim another one's name, and a peer that deletes a child whose successor it has
 * just granted. */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

#define HONEST "198.51.100.7"
#define LIAR "198.51.100.9"

/* ---- another one's name ---- */

/* A hub with a key for each of two peers, found by address. */
struct office {
    struct sim s;
    struct router hub, peer[2];
};

static void peer_start(struct office *x, unsigned i, unsigned version, const char *at, const char *key,
                       const char *claims)
{
    struct router *r = &x->peer[i];
    router_init(r, version);
    struct ike_profile *own = router_profile(r, version, "OWN", NULL, NULL);
    profile_match_address(r, own, HUB, 32);
    profile_key(r, own, router_key(r, HUB, 32, NULL, key));
    own->id_type = IKE_ID_FQDN;
    own->id = (struct ike_bytes){(const uint8_t *)claims, (uint32_t)strlen(claims)};
    entry_line(r, router_entry(r, version, at, HUB, own), CHILD(0), 2, -1, 1, -1);
    sim_node_start(&x->s, 1 + i, &r->p, at);
}

/* The honest one has its tunnel; the other one claims its name under its own key. No row of the keys is about the name:
 * the key is found by address. */
static void office_open(struct office *x, unsigned version, bool dynamic)
{
    static const char name[] = "branch.example.com";
    sim_init(&x->s, 1, 3);
    router_init(&x->hub, version);
    struct ike_psk *first = router_key(&x->hub, HONEST, 32, NULL, "key of the honest one");
    struct ike_psk *second = router_key(&x->hub, LIAR, 32, NULL, "key of the liar");
    struct ike_profile *p = router_profile(&x->hub, version, "P", NULL, NULL);
    profile_match(&x->hub, p, name, false);
    profile_key(&x->hub, p, first);
    profile_key(&x->hub, p, second);
    if (dynamic) {
        router_entry(&x->hub, version, HUB, NULL, p);
    } else {
        entry_line(&x->hub, router_entry(&x->hub, version, HUB, HONEST, p), CHILD(0), 1, -1, 2, -1);
        entry_line(&x->hub, router_entry(&x->hub, version, HUB, LIAR, p), CHILD(1), 1, -1, 2, -1);
    }
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    peer_start(x, 0, version, HONEST, "key of the honest one", name);
    peer_start(x, 1, version, LIAR, "key of the liar", name);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
    ike_acquire(x->s.nodes[2].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
}

static bool stands_with(struct sim *s, const char *at)
{
    const struct ip_addr a = address(at);
    for (struct ike_sa *sa = NULL; (sa = ike_with_addr(s->nodes[0].ike, &a, sa));)
        if (sa->children)
            return true;
    return false;
}

static const char *name_of_another(unsigned version)
{
    static struct office x;
    const char *bad = NULL;
    office_open(&x, version, false);
    if (!stands_with(&x.s, HONEST))
        bad = "INITIAL_CONTACT of who claims its name under another key has ended the honest peer's SA";
    return over(&x.s, bad);
}

static const char *network_of_another(unsigned version)
{
    static struct office x;
    const char *bad = NULL;
    office_open(&x, version, true);
    const struct ip_addr honest = address(HONEST);
    bool is_kept = x.s.nodes[0].n_policies == 1 && addr_eq(&x.s.nodes[0].policies[0].to, &honest);
    if (!is_kept)
        bad = "the tunnel of the honest peer's network goes to who claims its name under another key";
    return over(&x.s, bad);
}

static const char *name_of_another_1(void)
{
    return name_of_another(1);
}
static const char *name_of_another_2(void)
{
    return name_of_another(2);
}
static const char *network_of_another_1(void)
{
    return network_of_another(1);
}
static const char *network_of_another_2(void)
{
    return network_of_another(2);
}

/* ---- another one's entry, by its source address ---- */

static unsigned forges; /* the next request of that kind by the one behind NAT bears the honest one's address */

static bool forge_source(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    bool is_request = addr_eq(&f->from.addr, &s->nodes[2].outside) && h[18] == forges && !(h[19] & IKE2_RESPONSE);
    if (!forges || !is_request)
        return true;
    f->from = (struct ike_end){address(HONEST), 7777};
    forges = 0;
    return true;
}

/* Keys by address and one profile for both. The liar, behind NAT, has proved itself where it is; a tunnel of its own
 * stands. */
static const char *behind_nat(struct office *x)
{
    static const char *const at[] = {HONEST, "10.99.0.2"}, *const key[] = {"key of the honest one", "key of the liar"},
                             *const id[] = {"a.example.com", "b.example.com"};
    sim_init(&x->s, 1, 3);
    router_init(&x->hub, 2);
    struct ike_psk *first = router_key(&x->hub, HONEST, 32, NULL, key[0]);
    struct ike_psk *second = router_key(&x->hub, LIAR, 32, NULL, key[1]);
    struct ike_profile *p = router_profile(&x->hub, 2, "P", NULL, NULL);
    profile_match(&x->hub, p, ".example.com", true);
    profile_key(&x->hub, p, first);
    profile_key(&x->hub, p, second);
    entry_line(&x->hub, router_entry(&x->hub, 2, HUB, HONEST, p), CHILD(0), 1, -1, 2, -1);
    entry_line(&x->hub, router_entry(&x->hub, 2, HUB, LIAR, p), CHILD(1), 1, -1, 3, -1);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &x->peer[i];
        router_init(r, 2);
        struct ike_profile *own = router_profile(r, 2, "OWN", id[i], NULL);
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, key[i]));
        struct ike_entry *e = router_entry(r, 2, at[i], HUB, own);
        entry_line(r, e, CHILD(0), 2 + (int)i, -1, 1, -1);
        if (i)
            entry_line(r, e, CHILD(1), 2, -1, 1, -1);
        sim_node_start(&x->s, 1 + i, &r->p, at[i]);
    }
    sim_node_nat(&x->s, 2, LIAR, 5000);
    x->s.meddle = forge_source;
    ike_acquire(x->s.nodes[2].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 4000);
    return children_of(&x->s, 0) == 1 ? NULL : "the one behind NAT does not get its own";
}

/* No message with a forged source moves it; should one have done so all the same, its IKE SA is there. */
static void is_there(struct office *x)
{
    struct ike *hub = x->s.nodes[0].ike;
    const struct ip_addr liar = address(LIAR);
    struct ike_sa *sa = ike_with_addr(hub, &liar, NULL);
    if (!sa)
        return;
    const struct ike_end to = {address(HONEST), sa->remote.port}, here = sa->local;
    ike_move(hub, sa, &here, &to);
}

/* It asks for the honest one's network in a message that comes from there. */
static const char *entry_of_another(void)
{
    static struct office x;
    const char *bad = behind_nat(&x);
    is_there(&x);
    forges = X2_CREATE_CHILD;
    ike_acquire(x.s.nodes[2].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    if (!bad && forges)
        bad = "nothing was forged";
    for (struct ike_child *c = first_sa(&x.s, 0) ? first_sa(&x.s, 0)->children : NULL; c && !bad; c = c->next)
        if (c->entry == &x.hub.p.entries[0])
            bad = "it gets the entry of the peer whose source address its message bears";
    forges = 0;
    return over(&x.s, bad);
}

/* It only says that it is there; then we have traffic for the honest one. */
static const char *asked_in_its_place(void)
{
    static struct office x;
    const char *bad = behind_nat(&x);
    struct ike_sa *sa = first_sa(&x.s, 2);
    forges = X2_INFORMATIONAL;
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    x.s.nodes[2].ike->now = x.s.now;
    v2_next(x.s.nodes[2].ike, sa);
    sim_run(&x.s, 100);
    is_there(&x);
    const struct ip_addr honest = address(HONEST);
    struct ike_sa *moved = ike_with_addr(x.s.nodes[0].ike, &honest, NULL);
    x.s.nodes[1].deaf = true;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    if (!bad && !moved)
        bad = "nothing was forged";
    else if (!bad && (ike_has_task(moved, TASK_CHILD, 0) || (moved->current && moved->current->kind == TASK_CHILD)))
        bad = "the tunnel to the honest one is asked for over the liar's IKE SA";
    forges = 0;
    return over(&x.s, bad);
}

/* ---- what the kernel says of another one's SA ---- */

static uint32_t chosen; /* the SPI that the liar takes next */
static void (*honest_random)(void *ctx, void *p, size_t n);

static void chosen_random(void *ctx, void *p, size_t n)
{
    honest_random(ctx, p, n);
    if (n == 4 && chosen)
        memcpy(p, &chosen, 4);
}

/* It takes the SPI of the honest one, which stands in every packet, and sends from its address: what the kernel says of
 * the SA to the honest one is about that (RFC 4301 §4.4.2.1: destination and SPI). */
static const char *limit_of_another(void)
{
    static struct office x;
    const char *bad = behind_nat(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    const struct ike_child *honest = first_child(&x.s, 1);
    struct ike_child *liars = first_child(&x.s, 2);
    if (bad || !honest || !liars)
        return over(&x.s, bad ? bad : "no tunnels");
    struct ike *k = x.s.nodes[2].ike, *hub = x.s.nodes[0].ike;
    honest_random = k->host.random;
    k->host.random = chosen_random;
    chosen = honest->spi_in;
    liars->rekey_at = x.s.now;
    ike_timer_update(k, liars->sa);
    sim_run(&x.s, 2000);
    chosen = 0;
    forges = X2_INFORMATIONAL;
    struct ike_sa *sa = first_sa(&x.s, 2);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DPD});
    k->now = x.s.now;
    v2_next(k, sa);
    while (forges || !x.s.n_air) /* until it has gone, and what it moves is on its way back */
        sim_run(&x.s, 1);
    sim_run(&x.s, 1);
    is_there(&x);
    const struct ip_addr at = address(HONEST), here = address(HUB);
    unsigned there = 0;
    for (struct ike_sa *o = NULL; (o = ike_with_addr(hub, &at, o));)
        there++;
    if (there != 2)
        bad = "nothing was forged";
    ike_expire(hub, x.s.now, &here, &at, honest->spi_in, true);
    unsigned hit = 0;
    for (struct ike_sa *o = NULL; (o = ike_with_addr(hub, &at, o));)
        for (const struct ike_child *c = o->children; c; c = c->next)
            hit += c->entry == &x.hub.p.entries[0] && ike_child_leaves(c);
    if (hit != 1)
        bad = "the limit of the honest peer's SA is booked on another child";
    forges = 0;
    return over(&x.s, bad);
}

/* ---- deleted while its successor is on its way ---- */

static struct packet_in_flight granted; /* the answer to the hub's rekeying, held back */
static bool holds;

static bool hold_answer(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    bool is_answer = addr_eq(&f->from.addr, &s->nodes[1].end.addr) && h[18] == X2_CREATE_CHILD && (h[19] & 0x20);
    if (!holds || granted.p || !is_answer)
        return true;
    granted = *f;
    granted.p = malloc(f->n);
    memcpy(granted.p, f->p, f->n);
    return false;
}

static void branch_deletes(struct sim *s, uint32_t spi)
{
    struct ike_sa *sa = first_sa(s, 1);
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = spi});
    s->nodes[1].ike->now = s->now;
    v2_next(s->nodes[1].ike, sa);
}

static const char *deleted_before_the_answer(void)
{
    static struct sim s;
    static struct router hub, branch;
    const char *bad = NULL;
    sim_init(&s, 1, 2);
    router_init(&hub, 2);
    router_init(&branch, 2);
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "group"));
    router_entry(&hub, 2, HUB, NULL, p);
    struct ike_profile *own = router_profile(&branch, 2, "OWN", "x.example.com", NULL);
    profile_match_address(&branch, own, HUB, 32);
    profile_key(&branch, own, router_key(&branch, HUB, 32, NULL, "group"));
    entry_line(&branch, router_entry(&branch, 2, BRANCH, HUB, own), CHILD(0), 1, 1, 100, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &branch.p, BRANCH);
    s.meddle = hold_answer;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 3000);
    struct ike_child *c = first_child(&s, 0);
    const uint32_t peers_spi = c ? c->spi_out : 0;
    holds = true;
    if (c) {
        c->rekey_at = s.now;
        ike_timer_update(s.nodes[0].ike, c->sa);
    }
    sim_run(&s, 300);
    branch_deletes(&s, peers_spi);
    sim_run(&s, 300);
    if (!granted.p)
        bad = "the hub has not rekeyed";
    else
        inject(&s, &granted.from, &granted.to, granted.p, granted.n);
    sim_run(&s, 5000);
    if (!bad && (children_of(&s, 0) != 1 || s.nodes[0].n_policies != 1))
        bad = broken("the hub has %u children and %u policies", children_of(&s, 0), s.nodes[0].n_policies);
    holds = false;
    free(granted.p);
    granted = (struct packet_in_flight){0};
    return over(&s, bad);
}

/* ---- too many ---- */

/* The i-th way to write it in capital and small letters. */
static void write_otherwise(char *name, unsigned i)
{
    for (char *c = name; *c; c++) {
        bool is_letter = (*c | 0x20) >= 'a' && (*c | 0x20) <= 'z';
        if (!is_letter)
            continue;
        *c = (char)((*c | 0x20) ^ (i & 1 ? 0x20 : 0));
        i >>= 1;
    }
}

/* A peer of a dynamic entry begins IKE SA after IKE SA, each with children; `spellings`: each in another spelling of
 * its name, which is one name (RFC 4343). */
static const char *many_sas(bool spellings)
{
    static char name[] = "x.example.com";
    static struct sim s;
    static struct router hub, branch;
    const char *bad = NULL;
    sim_init(&s, 1, 2);
    s.delay_ms = 1;
    router_init(&hub, 2);
    router_init(&branch, 2);
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "group"));
    router_entry(&hub, 2, HUB, NULL, p);
    struct ike_profile *own = router_profile(&branch, 2, "OWN", "x.example.com", NULL);
    profile_match_address(&branch, own, HUB, 32);
    profile_key(&branch, own, router_key(&branch, HUB, 32, NULL, "group"));
    struct ike_entry *e = router_entry(&branch, 2, BRANCH, HUB, own);
    entry_line(&branch, e, CHILD(0), 1, -1, 100, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &branch.p, BRANCH);
    struct ike *k = s.nodes[1].ike;
    const struct ike_end from = {address(BRANCH), IKE_PORT}, to = {address(HUB), IKE_PORT};
    own->id = (struct ike_bytes){(const uint8_t *)name, sizeof name - 1};
    for (unsigned i = 0, net = 0; i < IKE_SAS_PER_PEER + 8; i++) {
        k->now = s.now;
        write_otherwise(name, spellings ? i : 0);
        struct ike_sa *sa = ike_sa_new(k, 2, true, &from, &to);
        sa->entry = e;
        sa->profile = own;
        for (unsigned c = 0; c < 20; c++, net++) {
            struct ike_task t = {.kind = TASK_CHILD, .entry = e, .line = &e->lines[0], .narrow = true};
            ike_line_ts(t.line, &t.flow_src, &t.flow_dst);
            t.flow_src.lo.b[2] = t.flow_src.hi.b[2] = (uint8_t)(net >> 8);
            t.flow_src.lo.b[3] = t.flow_src.hi.b[3] = (uint8_t)net;
            ike_task_add(sa, t);
        }
        ike_timer_update(k, sa);
        v2_start(k, sa);
        sim_run(&s, 500);
    }
    if (s.nodes[0].ike->n_sa > IKE_SAS_PER_PEER + 2)
        bad = broken("the hub keeps %u IKE SAs of one peer", s.nodes[0].ike->n_sa);
    else if (children_of(&s, 0) > 2 * IKE_CHILDREN_MAX + 8)
        bad = broken("the hub keeps %u children of one peer", children_of(&s, 0));
    else if (children_of(&s, 0) < 100)
        bad = broken("%u children only", children_of(&s, 0));
    return over(&s, bad);
}

static const char *sas_of_one_peer(void)
{
    return many_sas(false);
}
static const char *sas_of_one_name(void)
{
    return many_sas(true);
}

/* The peer ends its ISAKMP SA, whose IPsec SAs live on; a reload ends those. */
static const char *orphan_without_children(void)
{
    static struct pair x;
    static struct router other;
    const char *bad = NULL;
    pair_open(&x, 1, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    x.s.nodes[1].ike->now = x.s.now;
    v1_delete_self(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 1000);
    if (sas_of(&x.s, 0, IKE_ORPHANED) != 1)
        bad = "the hub has no orphan";
    router_init(&other, 1);
    router_key(&other, BRANCH, 32, NULL, "secret");
    uint32_t gone[1] = {UINT32_MAX}, same[1] = {0}, key[] = {0, 1};
    struct ike_reload r;
    const struct ike_moves m = {&x.hub.p, &other.p, gone, same, same, key, true};
    if (!ike_reload(x.s.nodes[0].ike, x.s.now, &m, &r))
        bad = "reload";
    sim_node_stop(&x.s, 1);
    sim_run(&x.s, 60000);
    if (!bad && x.s.nodes[0].ike->n_sa)
        bad = "an ISAKMP SA that is gone, with IPsec SAs that are gone, stays";
    return pair_over(&x, bad);
}

/* ---- what is not there, and what happens meanwhile ---- */

/* A DELETE of SPI 0 is for nobody's child: it is no SPI, only what stands where a bundle's AH would. */
static const char *delete_of_zero(unsigned version)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, version, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 0);
    if (children_of(&x.s, 0) != 1)
        bad = "no tunnel";
    else if (ike_child_by_spi(sa, 0, true) || ike_child_by_spi(sa, 0, false))
        bad = "SPI 0 finds a child";
    return pair_over(&x, bad);
}
static const char *delete_of_zero_1(void)
{
    return delete_of_zero(1);
}
static const char *delete_of_zero_2(void)
{
    return delete_of_zero(2);
}

/* While a public value is computed for a rekeying, the time comes to ask whether the peer lives. */
static const char *timer_while_a_job_waits(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike;
    struct ike_sa *sa = first_sa(&x.s, 0);
    queue.n = 0;
    hub->host.job = queue_job;
    hub->host.event = look_for_fault;
    ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_IKE});
    hub->now = x.s.now;
    v2_next(hub, sa);
    for (unsigned at = 0; at < queue.n || at == 0; at++) {
        if (!queue.n) {
            bad = "no job waits";
            break;
        }
        sa = first_sa(&x.s, 0);
        sa->dpd_at = x.s.now;
        ike_timer_update(hub, sa);
        ike_tick(hub, x.s.now);
        ike_job_run(queue.v[at]);
        ike_job_done(hub, x.s.now, queue.v[at]);
        sim_run(&x.s, 1000);
    }
    hub->host.job = NULL;
    if (!bad && is_fault)
        bad = "the row of a timer is held against what the job led to";
    is_fault = false;
    return pair_over(&x, bad);
}

const struct attack attacks_claims[] = {
    {"F1 a child is deleted while its successor is on its way, dynamic entry", deleted_before_the_answer},
    {"F2 another one's name under a key of one's own, IKEv1", name_of_another_1},
    {"F2 another one's name under a key of one's own, IKEv2", name_of_another_2},
    {"F2 another one's network under a key of one's own, IKEv1", network_of_another_1},
    {"F2 another one's network under a key of one's own, IKEv2", network_of_another_2},
    {"F8 another one's entry by its source address, IKEv2", entry_of_another},
    {"F8 another one's tunnel is asked for over the liar's IKE SA, IKEv2", asked_in_its_place},
    {"F10 many IKE SAs of one peer", sas_of_one_peer},
    {"G16 many spellings of one name", sas_of_one_name},
    {"G14 the limit of another one's SA", limit_of_another},
    {"F11 an orphan whose children a reload ends", orphan_without_children},
    {"F7 a timer while a job waits", timer_while_a_job_waits},
    {"F9 a DELETE of SPI 0, IKEv1", delete_of_zero_1},
    {"F9 a DELETE of SPI 0, IKEv2", delete_of_zero_2},
    {NULL, NULL}};
