/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made anew takes the place of the old one, once, and of nobody else's (findings J1 to J7, J9, J10, J12, J14,
 * J23). */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/mappings.h"
#include "tests/attack/office.h"

/* ---- J1: reauthentications that overtake themselves ---- */

static unsigned standing(struct ike *k)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < k->heap_n; i++)
        n += ike_is(k->heap[i], IKE_STANDS);
    return n;
}

/* An honest pair over a slow link: RTT 1.5 s on average, 100 children. The peer is authenticated anew, once for each
 * IKE SA that stands, `times` times an hour apart. */
static const char *slow_anew(void)
{
    enum { N = 100 };
    static struct pair x;
    static struct ike_line l[N], m[N];
    char text[300] = "";
    pair_open(&x, 2, 1);
    many_lines(&x.hub, l, N, 1, 2);
    many_lines(&x.branch, m, N, 2, 1);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 86400;
    x.s.delay_ms = 20;
    pair_start(&x);
    tap_close(&x.tap);
    struct ike *b = x.s.nodes[1].ike;
    for (unsigned i = 0; i < N; i++)
        ike_acquire(b, x.s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&x.s, 60000);
    x.s.delay_ms = 1500;
    unsigned were = standing(b), c0 = b->n_children, last = 0;
    for (unsigned t = 0; t < 4; t++) {
        struct ike_sa *v[512];
        unsigned n = 0;
        for (uint32_t k = 0; k < b->heap_n && n < 512; k++)
            if (ike_is(b->heap[k], IKE_STANDS))
                v[n++] = b->heap[k];
        for (unsigned k = 0; k < n; k++) {
            v[k]->reauth_at = x.s.now + 1;
            ike_timer_update(b, v[k]);
        }
        sim_run(&x.s, 3600000);
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 " after reauth %u: %u IKE SAs, %u children (hub %u SAs %u children);", t + 1, standing(b),
                 b->n_children, standing(x.s.nodes[0].ike), x.s.nodes[0].ike->n_children);
        last = standing(b);
    }
    const char *bad = NULL;
    if (last > 2)
        bad = broken("before: %u IKE SA, %u children;%s", were, c0, text);
    return over(&x.s, bad);
}

/* A responder that says AUTH_LIFETIME 60 and answers each CREATE_CHILD_SA after 50 s. */
static bool evil_on;
static bool evil_responder(struct sim *s, struct packet_in_flight *f)
{
    struct ike *hub = s->nodes[0].ike;
    if (!evil_on)
        return true;
    for (uint32_t i = 0; i < hub->heap_n; i++) { /* so that it says AUTH_LIFETIME */
        struct ike_sa *sa = hub->heap[i];
        sa->proof_ends_at = sa->state == IKE_INIT_DONE ? s->now + 61000 : 0;
        if (ike_is(sa, IKE_STANDS))
            sa->key_id = 0; /* the evil one has no limit of its own */
    }
    const uint8_t *h = packet_header(f);
    if (!is_from(s, f, 0) || h[18] != X2_CREATE_CHILD || !(h[19] & IKE2_RESPONSE))
        return true;
    return comes_late(s, f, 50000);
}

static const char *evil_anew(void)
{
    enum { N = 30 };
    static struct pair x;
    static struct ike_line l[N], m[N];
    char text[2000] = "";
    pair_open(&x, 2, 1);
    many_lines(&x.hub, l, N, 1, 2);
    many_lines(&x.branch, m, N, 2, 1);
    x.s.delay_ms = 5;
    pair_start(&x);
    tap_close(&x.tap);
    struct ike *b = x.s.nodes[1].ike;
    for (unsigned i = 0; i < N; i++)
        ike_acquire(b, x.s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&x.s, 30000);
    x.s.meddle = evil_responder;
    evil_on = true;
    struct ike_sa *sa = first_sa(&x.s, 1);
    sa->reauth_at = x.s.now;
    ike_timer_update(b, sa);
    for (unsigned t = 0; t < 40 && b->n_sa < 3000; t++) {
        sim_run(&x.s, 60000);
        snprintf(text + strlen(text), sizeof text - strlen(text), " %u/%u", b->n_sa, b->n_children);
    }
    evil_on = false;
    unsigned n = b->n_sa;
    const char *bad = n > 64 ? broken("IKE SAs/children of the initiator after each minute:%s (hub %u/%u)", text,
                                      x.s.nodes[0].ike->n_sa, x.s.nodes[0].ike->n_children)
                             : NULL;
    x.s.meddle = NULL;
    return over(&x.s, bad);
}

/* ---- J3: an answer that we refuse ---- */

static const char *refused_answer(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    x.branch.set[0].transport = x.branch.set[0].require = true;
    pair_start(&x);
    for (unsigned i = 0; i < 10; i++) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 5000);
    }
    const char *bad = NULL;
    if (children_of(&x.s, 0) != children_of(&x.s, 1))
        bad = broken("the branch refuses (%s): hub has %u child SAs, branch %u", x.s.nodes[1].last,
                     children_of(&x.s, 0), children_of(&x.s, 1));
    return pair_over(&x, bad);
}

/* ---- J4: TEMPORARY_FAILURE eleven times while the peer is authenticated anew ---- */
static bool temporary;
static bool busy_hub(struct tap *t, struct packet_in_flight *f)
{
    struct ike *hub = t->s->nodes[0].ike;
    (void)f;
    struct ike_sa *best = NULL;
    for (uint32_t i = 0; temporary && i < hub->heap_n; i++)
        if (ike_is(hub->heap[i], IKE_STANDS) && (!best || hub->heap[i]->id > best->id))
            best = hub->heap[i];
    if (best && best->id > 1 && !ike_has_task(best, TASK_DELETE_IKE, 0)) /* it answers TEMPORARY_FAILURE */
        ike_task_add(best, (struct ike_task){.kind = TASK_DELETE_IKE, .not_before = UINT64_MAX / 2});
    return true;
}
static const char *temporary_anew(void)
{
    static struct pair x;
    pair_open(&x, 2, 2);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    unsigned were = children_of(&x.s, 1);
    x.tap.also = busy_hub;
    temporary = true;
    struct ike_sa *sa = first_sa(&x.s, 1);
    sa->reauth_at = x.s.now;
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 58000);
    temporary = false;
    unsigned are = children_of(&x.s, 1);
    return pair_over(
        &x, are < were ? broken("%u children, %u after the peer answered TEMPORARY_FAILURE for 30 s; last log: '%s'",
                                were, are, x.s.nodes[1].last)
                       : NULL);
}

/* ---- J5: silent ISAKMP SAs pile up at the peer ---- */
static bool no_quick;
static bool drop_quick(struct tap *t, struct packet_in_flight *f)
{
    (void)t;
    return !(no_quick && packet_header(f)[18] == X1_QUICK);
}
static const char *silent_piles(void)
{
    static struct pair x;
    pair_open(&x, 1, 2);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 28800;
    pair_start(&x);
    x.tap.also = drop_quick;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    no_quick = true;
    unsigned t = 0, most = 0;
    for (; t < 7200 && children_of(&x.s, 0); t += 10) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
        sim_run(&x.s, 10000);
        if (x.s.nodes[0].ike->n_sa > most)
            most = x.s.nodes[0].ike->n_sa;
    }
    no_quick = false;
    const char *bad = NULL;
    if (!children_of(&x.s, 0) || most > 4)
        bad = broken(
            "after %u s: hub has %u IPsec SAs, branch %u; the hub had up to %u ISAKMP SAs of this peer, branch has %u",
            t, children_of(&x.s, 0), children_of(&x.s, 1), most, x.s.nodes[1].ike->n_sa);
    return pair_over(&x, bad);
}

/* ---- J10: reload with other proposals while the IKE SA is rekeyed ---- */
static bool hold10;
static struct packet_in_flight held10;
static bool hold_rekey(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (!hold10 || !is_from(t->s, f, 1) || h[18] != X2_CREATE_CHILD || !(h[19] & IKE2_RESPONSE))
        return true;
    if (!held10.p) {
        held10 = *f;
        held10.p = malloc(f->n);
        memcpy(held10.p, f->p, f->n);
    }
    return false;
}
static const char *proposals_reloaded(void)
{
    static struct pair x;
    static struct router next;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike *hub = x.s.nodes[0].ike;
    struct ike_sa *sa = first_sa(&x.s, 0);
    x.tap.also = hold_rekey;
    hold10 = true;
    held10.p = NULL;
    hub->now = x.s.now;
    ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_IKE});
    v2_next(hub, sa);
    sim_run(&x.s, 500);
    router_init(&next, 2);
    next.proposal[0].encr.v[0].bits = 256;
    struct ike_profile *p = router_profile(&next, 2, "P", NULL, NULL);
    profile_match_address(&next, p, BRANCH, 32);
    profile_key(&next, p, router_key(&next, BRANCH, 32, NULL, "secret"));
    entry_line(&next, router_entry(&next, 2, HUB, BRANCH, p), CHILD(0), 1, 0, 2, 0);
    uint32_t zero[] = {0}, key[] = {0, 1};
    struct ike_reload r;
    const struct ike_moves m = {&x.hub.p, &next.p, zero, zero, zero, key, true};
    const char *bad = NULL;
    if (!ike_reload(hub, x.s.now, &m, &r) || r.sas_kept != 1)
        bad = "not kept";
    hold10 = false;
    if (held10.p)
        inject(&x.s, &held10.from, &held10.to, held10.p, held10.n);
    else
        bad = "nothing held";
    free(held10.p);
    sim_run(&x.s, 400000);
    unsigned c0 = children_of(&x.s, 0), c1 = children_of(&x.s, 1);
    if (!bad) {
        /* traffic of the hub's, an IKE exchange */
        struct ike_child *c = first_child(&x.s, 0);
        if (c) {
            c->rekey_at = x.s.now;
            ike_timer_update(hub, c->sa);
        }
        sim_run(&x.s, 400000);
        if (sim_agree(&x.s, 0, 1))
            bad = broken("%s; children %u/%u before and %u/%u after a rekeying; IKE SAs %u/%u; last log '%s'",
                         sim_agree(&x.s, 0, 1), c0, c1, children_of(&x.s, 0), children_of(&x.s, 1), hub->n_sa,
                         x.s.nodes[1].ike->n_sa, x.s.nodes[0].last);
    }
    return pair_over(&x, bad);
}

/* ---- J23: at the limit of children a rekeying is refused ---- */
static unsigned downs23;
static void hear23(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                   const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    downs23 += strstr(text, "has reached its lifetime") != NULL;
}
static const char *limit_rekey(unsigned n)
{
    static struct sim s;
    static struct router hub, branch;
    static struct ike_line lines[256];
    sim_init(&s, 1, 2);
    router_init(&hub, 2);
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&hub, 2, HUB, NULL, p);
    router_init(&branch, 2);
    struct ike_profile *own = router_profile(&branch, 2, "OWN", "x.example.com", NULL);
    profile_match_address(&branch, own, HUB, 32);
    profile_key(&branch, own, router_key(&branch, HUB, 32, NULL, "secret"));
    router_entry(&branch, 2, BRANCH, HUB, own);
    many_lines(&branch, lines, n, 2, 1);
    branch.entries[0].lifetime_s = 600;
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &branch.p, BRANCH);
    for (unsigned i = 0; i < n; i++)
        ike_acquire(s.nodes[1].ike, s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&s, 60000);
    unsigned were = s.nodes[1].ike->n_children;
    downs23 = 0;
    s.nodes[1].ike->host.event = hear23;
    sim_run(&s, 1200000);
    return over(&s, downs23 ? broken("%u children, %u of them not rekeyed but ended by their lifetime; %u are left",
                                     were, downs23, s.nodes[1].ike->n_children)
                            : NULL);
}
static const char *limit_256(void)
{
    return limit_rekey(256);
}
static const char *limit_200(void)
{
    return limit_rekey(200);
}

/* ---- J9: a liar waits for an outage ---- */
static void liar_start(struct sim *s, struct router *r, unsigned i, unsigned version, const char *at, const char *key,
                       const char *claims)
{
    router_init(r, version);
    struct ike_profile *own = router_profile(r, version, "OWN", NULL, NULL);
    profile_match_address(r, own, HUB, 32);
    profile_key(r, own, router_key(r, HUB, 32, NULL, key));
    own->id_type = IKE_ID_FQDN;
    own->id = (struct ike_bytes){(const uint8_t *)claims, (uint32_t)strlen(claims)};
    entry_line(r, router_entry(r, version, at, HUB, own), CHILD(0), 2, -1, 1, -1);
    sim_node_start(s, 1 + i, &r->p, at);
}
static const char *outage(bool with_liar)
{
    static const char name[] = "branch.example.com"; /* that no row of the keys is about */
    static struct sim s;
    static struct router hub, peer[2];
    sim_init(&s, 1, 3);
    router_init(&hub, 2);
    struct ike_psk *first = router_key(&hub, "198.51.100.7", 32, NULL, "key of the honest one");
    struct ike_psk *second = router_key(&hub, "198.51.100.9", 32, NULL, "key of the liar");
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, name, false);
    profile_key(&hub, p, first);
    profile_key(&hub, p, second);
    router_entry(&hub, 2, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    liar_start(&s, &peer[0], 0, 2, "198.51.100.7", "key of the honest one", name);
    liar_start(&s, &peer[1], 1, 2, "198.51.100.9", "key of the liar", name);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    s.nodes[1].deaf = true; /* an outage of 80 s; nobody has DPD */
    for (unsigned t = 0; t < 80; t += 5) {
        if (with_liar)
            ike_acquire(s.nodes[2].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    s.nodes[1].deaf = false;
    for (unsigned t = 0; t < 300; t += 5) {
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    const struct ip_addr honest = address("198.51.100.7");
    bool kept = s.nodes[0].n_policies == 1 && addr_eq(&s.nodes[0].policies[0].to, &honest);
    return over(&s, kept ? NULL
                         : "five minutes after an outage of 80 s the honest peer's network still goes to who claims "
                           "its name under another key");
}
static const char *outage_no(void)
{
    return outage(false);
}
static const char *outage_yes(void)
{
    return outage(true);
}

/* ---- J12: the question to a rival is written over the answer to IKE_AUTH ---- */
static char heard12[300];
static void hear12(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                   const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    if (strstr(text, "not understood"))
        snprintf(heard12, sizeof heard12, "%s", text);
}
static const char *answer_overwritten(void)
{
    static const char name[] = "branch.example.com";
    static struct sim s;
    static struct router hub, peer[2];
    sim_init(&s, 1, 3);
    router_init(&hub, 2);
    struct ike_psk *first = router_key(&hub, "198.51.100.7", 32, NULL, "old key");
    struct ike_psk *second = router_key(&hub, "198.51.100.9", 32, NULL, "new key");
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, name, false);
    profile_key(&hub, p, first);
    profile_key(&hub, p, second);
    router_entry(&hub, 2, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    liar_start(&s, &peer[0], 0, 2, "198.51.100.7", "old key", name);
    liar_start(&s, &peer[1], 1, 2, "198.51.100.9", "new key", name);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    heard12[0] = 0;
    s.nodes[2].ike->host.event = hear12;
    ike_acquire(s.nodes[2].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 3000);
    unsigned at_hub = s.nodes[0].ike->n_established, at_it = s.nodes[2].ike->n_sa;
    return over(&s, heard12[0]
                        ? broken("the peer says '%s'; the hub has %u IKE SAs, the peer %u", heard12, at_hub, at_it)
                        : NULL);
}

/* ---- J2: INITIAL_CONTACT in the clear ---- */

static unsigned mode_ic; /* 1: the honest one sends message 3 in the clear; 2: and somebody adds INITIAL_CONTACT */
static bool third_in_clear(struct tap *t, struct packet_in_flight *f)
{
    uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    if (!mode_ic || !is_from(t->s, f, 1) || h[18] != X1_AGGRESSIVE || !(h[19] & IKE1_ENCRYPTED))
        return true;
    struct ike *hub = t->s->nodes[0].ike;
    uint64_t spi_r = 0;
    for (unsigned i = 0; i < 8; i++)
        spi_r = spi_r << 8 | h[8 + i];
    struct ike_sa *sa = ike_by_spi(hub, spi_r);
    uint8_t iv[16];
    if (!sa || sa->state != IKE_AGGRESSIVE_1)
        return true;
    memcpy(iv, sa->v1->iv, 16);
    size_t len = v1_decrypt(hub, sa, h, f->n - (size_t)(h - f->p), iv);
    /* chain length without padding; where the last payload's next is */
    uint8_t msg[1500];
    memcpy(msg, h, 28);
    memcpy(msg + 28, hub->plain, len);
    size_t at = 28, next_at = 16;
    uint8_t next = msg[16];
    while (next) {
        size_t n = (size_t)msg[at + 2] << 8 | msg[at + 3];
        next_at = at;
        next = msg[at];
        at += n;
    }
    if (mode_ic == 2) {
        static const uint8_t head[12] = {0, 0, 0, 28, 0, 0, 0, 1, 1, 16, 0x60, 0x02};
        msg[next_at] = 11;
        memcpy(msg + at, head, 12);
        memcpy(msg + at + 12, h, 16);
        at += 28;
    }
    msg[19] &= (uint8_t)~IKE1_ENCRYPTED;
    msg[24] = msg[25] = 0;
    msg[26] = (uint8_t)(at >> 8);
    msg[27] = (uint8_t)at;
    mode_ic = 0;
    inject(t->s, &f->from, &f->to, msg, at);
    return false;
}

static const char *ic_in_clear(unsigned mode)
{
    static struct pair x;
    struct ike_aggressive_peer to_hub = {.peer = address(HUB)};
    pair_open(&x, 1, 1);
    x.branch.p.aggressive = &to_hub;
    x.branch.p.n_aggressive = 1;
    pair_start(&x);
    x.tap.also = third_in_clear;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    if (children_of(&x.s, 0) != 1)
        return pair_over(&x, "no tunnel");
    mode_ic = mode; /* phase 1 is renewed */
    struct ike_sa *sa = first_sa(&x.s, 1);
    sa->rekey_at = x.s.now;
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 5000);
    const char *bad = NULL;
    if (mode_ic)
        bad = "nothing forged";
    else if (children_of(&x.s, 0) != 1)
        bad = broken("the hub has %u IPsec SAs, the branch %u: an INITIAL_CONTACT that nothing authenticates ended it",
                     children_of(&x.s, 0), children_of(&x.s, 1));
    /* the two have other keys now, as nothing authenticates that message; the IPsec SA is what it was */
    x.tap.also = NULL;
    struct watched w = {0};
    watch(&x.s, &w, 120);
    if (!bad && (w.hub_without || w.branch_without))
        bad = broken("there is no tunnel for %u s of 120 at the hub, for %u s at the branch", w.hub_without / 10,
                     w.branch_without / 10);
    return pair_over(&x, bad);
}
static const char *ic_1(void)
{
    return ic_in_clear(1);
}
static const char *ic_2(void)
{
    return ic_in_clear(2);
}

/* ---- J6: a peer with one key and many names ---- */
static const char *renamed(void)
{
    static struct pair x;
    char name[40];
    pair_open(&x, 1, 1);
    x.branch.p.v1_id_hostname = true;
    x.branch.p.hostname = name;
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "n%u.example.com", i);
        sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 300);
        power_off(&x.s, 1);
    }
    struct ike *hub = x.s.nodes[0].ike;
    const char *bad =
        hub->n_established > 2 * IKE_SAS_PER_PEER
            ? broken("one peer with one key of its own address holds %u ISAKMP SAs and %u IPsec SAs for one line",
                     hub->n_established, hub->n_children)
            : NULL;
    return over(&x.s, bad);
}

/* ---- J14: renamed, IKEv2 ---- */
static const char *renamed_2(void)
{
    static struct sim s;
    static struct router hub, branch;
    char name[40];
    sim_init(&s, 1, 2);
    s.delay_ms = 5;
    router_init(&hub, 2);
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, BRANCH, 32, NULL, "its own"));
    entry_line(&hub, router_entry(&hub, 2, HUB, BRANCH, p), CHILD(0), 1, 0, 2, 0);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "n%u.example.com", i);
        router_init(&branch, 2);
        struct ike_profile *own = router_profile(&branch, 2, "OWN", name, NULL);
        profile_match_address(&branch, own, HUB, 32);
        profile_key(&branch, own, router_key(&branch, HUB, 32, NULL, "its own"));
        entry_line(&branch, router_entry(&branch, 2, BRANCH, HUB, own), CHILD(0), 2, 0, 1, 0);
        sim_node_start(&s, 1, &branch.p, BRANCH);
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 300);
        power_off(&s, 1);
    }
    struct ike *k = s.nodes[0].ike;
    const char *bad = k->n_established > 64 ? broken("one key of one address: %u IKE SAs, %u child SAs of one line",
                                                     k->n_established, k->n_children)
                                            : NULL;
    return over(&s, bad);
}

/* ---- J7: two branches with one private address: IPsec SAs go over to the other one's ISAKMP SA ---- */
static const char *shared_name_heir(void)
{
    static struct sim s;
    static struct router hub, branch[2];
    static const uint8_t private_address[4] = {192, 168, 1, 2};
    static const char *const outside[] = {"198.51.100.101", "198.51.100.102"}, *const inside[] = {"10.99.0.1",
                                                                                                  "10.99.0.2"};
    const char *bad = NULL;
    sim_init(&s, 1, 3);
    router_init(&hub, 1);
    struct ike_profile *p = router_profile(&hub, 1, "P", NULL, NULL);
    profile_match_address(&hub, p, "192.168.0.0", 16);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    profile_match_address(&hub, p, "198.51.100.0", 24);
    p->dpd_s = 10;
    p->dpd_retry_s = 2;
    p->dpd_periodic = true;
    router_entry(&hub, 1, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &branch[i];
        router_init(r, 1);
        struct ike_profile *own = router_profile(r, 1, "OWN", NULL, NULL);
        own->id_type = IKE_ID_IPV4;
        own->id = (struct ike_bytes){private_address, 4};
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "secret"));
        entry_line(r, router_entry(r, 1, inside[i], HUB, own), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &r->p, inside[i]);
        sim_node_nat(&s, 1 + i, outside[i], (uint16_t)(2000 + 10 * i));
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    if (children_of(&s, 0) != 2)
        return over(&s, "not two");
    /* the first ends its ISAKMP SA alone, as `clear crypto isakmp` of IOS; its IPsec SA stands */
    struct ike *a = s.nodes[1].ike;
    struct ike_sa *sa = first_sa(&s, 1);
    a->now = s.now;
    v1_delete_self(a, sa);
    v1_orphan(a, sa);
    sim_run(&s, 1000);
    const struct ip_addr other = address(outside[1]), own = address(outside[0]);
    bool crossed = false;
    for (struct ike_sa *o = NULL; (o = ike_with_addr(s.nodes[0].ike, &other, o));)
        for (struct ike_child *c = o->children; c; c = c->next)
            crossed |= addr_eq(&c->out.remote.addr, &own);
    s.nodes[2].deaf = true; /* the second loses its link */
    sim_run(&s, 60000);
    if (crossed || children_of(&s, 0) == 0)
        bad = broken("%s; after the second branch died the hub has %u IPsec SAs, the first branch, which lives, %u",
                     crossed ? "the first one's IPsec SA hangs on the second one's ISAKMP SA" : "", children_of(&s, 0),
                     children_of(&s, 1));
    return over(&s, bad);
}

/* ---- E34: peers of an entry, one after the other, and the first one again ---- */

static bool said_waiting;
static void hear_waiting(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa,
                         const struct ike_child *c, const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    said_waiting |= strstr(text, "no answer from the peer yet") != NULL;
}

static const char *first_peer_again(unsigned version)
{
    static struct sim s;
    static struct router good, branch, refuses;
    static const char second[] = "203.0.113.9";
    struct router *hubs[] = {&good, &refuses};
    const char *const at[] = {HUB, second};
    sim_init(&s, 1, 3);
    for (unsigned i = 0; i < 2; i++) {
        router_init(hubs[i], version);
        struct ike_profile *p = router_profile(hubs[i], version, "P", NULL, NULL);
        profile_match_address(hubs[i], p, BRANCH, 32);
        profile_key(hubs[i], p, router_key(hubs[i], BRANCH, 32, NULL, "secret"));
        struct ike_entry *e = router_entry(hubs[i], version, at[i], BRANCH, p);
        const int network = i ? 30 : 1; /* the second knows no such line */
        entry_line(hubs[i], e, CHILD(0), network, -1, network + 1, -1);
        sim_node_start(&s, 2 * i, &hubs[i]->p, at[i]);
    }
    router_init(&branch, version);
    struct ike_profile *own = router_profile(&branch, version, "OWN", NULL, NULL);
    profile_match_address(&branch, own, "203.0.113.0", 24);
    profile_key(&branch, own, router_key(&branch, "203.0.113.0", 24, NULL, "secret"));
    struct ike_entry *e = router_entry(&branch, version, BRANCH, HUB, own);
    e->peers[1] = (struct ike_peer){.addr = address(second)};
    e->n_peers = 2;
    entry_line(&branch, e, CHILD(0), 2, -1, 1, -1);
    sim_node_start(&s, 1, &branch.p, BRANCH);
    said_waiting = false;
    s.nodes[1].ike->host.event = hear_waiting;
    s.nodes[0].deaf = true;
    const char *bad = NULL;
    for (unsigned t = 0; t < 120; t += 5) {
        if (t == 20 && !said_waiting)
            bad = "nothing is said of a peer that is silent";
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    s.nodes[0].deaf = false;
    for (unsigned t = 0; t < 150 && !children_of(&s, 0); t += 5) {
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    if (!bad && !children_of(&s, 0))
        bad = "the first peer is back, and never called again";
    return over(&s, bad);
}
static const char *first_peer_again_1(void)
{
    return first_peer_again(1);
}
static const char *first_peer_again_2(void)
{
    return first_peer_again(2);
}

const struct attack attacks_renewals[] = {
    {"E34 the second peer refuses, the first is back, IKEv1", first_peer_again_1},
    {"E34 the second peer refuses, the first is back, IKEv2", first_peer_again_2},
    {"J23 control 200", limit_200},
    {"J23 limit 256", limit_256},
    {"J12 answer to IKE_AUTH overwritten", answer_overwritten},
    {"J14 renamed peer v2", renamed_2},
    {"J1 slow honest link, authentication anew", slow_anew},
    {"J1e evil responder, authentication anew", evil_anew},
    {"J2 control: third message of aggressive mode in the clear", ic_1},
    {"J2 INITIAL_CONTACT added in the clear", ic_2},
    {"J3 answer refused by the initiator", refused_answer},
    {"J4 TEMPORARY_FAILURE during authentication anew", temporary_anew},
    {"J5 silent ISAKMP SAs pile up", silent_piles},
    {"J6 renamed peer", renamed},
    {"J7 heir of another branch", shared_name_heir},
    {"J9 control", outage_no},
    {"J9 rival waits for an outage", outage_yes},
    {"J10 proposals reloaded while rekeyed", proposals_reloaded},
    {NULL, NULL},
};
