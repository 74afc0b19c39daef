/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is nearer than the peer: answers of his come first, be it to IKE_SA_INIT or between two fragments; and what a
 * reload makes of a negotiation that is on its way. */
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/nearer.h"
#include "tests/attack/office.h"

uint64_t spi_i;
unsigned n_forged;

bool is_response(const uint8_t *h)
{
    return h[19] & IKE2_RESPONSE;
}

void answer_header(struct wr *w, uint64_t spi_r)
{
    const struct ike_header h = {spi_i, spi_r, 0, 0x20, X2_SA_INIT, IKE2_RESPONSE, 0, 0};
    ike_header_write(w, &h);
}

void forge_answer(struct sim *s, enum algo_id group, uint16_t hash)
{
    static const uint8_t nonce[32] = {1};
    const uint8_t only[2] = {0, (uint8_t)hash};
    const uint16_t number = algo_get(group)->ikev2;
    const struct ike2_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_IKE,
        .n = 4,
        .v = {{TT_ENCR, 12, 128, false}, {TT_PRF, 5, 0, false}, {TT_INTEG, 12, 0, false}, {TT_DH, number, 0, false}}};
    uint8_t b[2048], value[IKE_DH_MAX];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    struct ike_dh *dh = ike_dh_new(group);
    if (!dh || !ike_dh_public(dh, value))
        return;
    ike_dh_free(dh);
    answer_header(&w, 0x6666 + n_forged++);
    size_t at = ike_pl_begin(&c, PL2_SA);
    ike2_proposal_write(&w, &p, true);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, number, value, ike_dh_len(group));
    ike_pl_bytes(&c, PL2_NONCE, nonce, sizeof nonce);
    if (hash)
        ike2_notify_write(&c, 0, NULL, 0, N2_SIGNATURE_HASH_ALGORITHMS, only, 2);
    ike_header_finish(&w, 0);
    const struct ike_end hub = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    inject(s, &hub, &branch, w.p, w.n);
}

void forge_group(struct sim *s, uint8_t number)
{
    const uint8_t group[2] = {0, number};
    uint8_t b[256];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    answer_header(&w, 0);
    ike2_notify_write(&c, 0, NULL, 0, N2_INVALID_KE_PAYLOAD, group, 2);
    ike_header_finish(&w, 0);
    const struct ike_end hub = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    inject(s, &hub, &branch, w.p, w.n);
}

void two_groups(struct router *hub, struct router *branch)
{
    struct router *r[] = {hub, branch};
    for (unsigned i = 0; i < 2; i++) {
        r[i]->proposal[0].dh.v[1] = (struct ike_choice){ALGO_DH_384_ECP, 0};
        r[i]->proposal[0].dh.n = 2;
    }
}

static void work(struct sim *s, unsigned node)
{
    while (queue.n) {
        struct ike_job *j = queue.v[--queue.n];
        ike_job_run(j);
        ike_job_done(s->nodes[node].ike, s->now, j);
    }
}

/* Is there a tunnel within an hour, where traffic asks for one every ten seconds? */
static const char *within_an_hour(struct sim *s)
{
    for (unsigned t = 0; t < 360 && !children_of(s, 1); t++) {
        sim_run(s, 10000);
        ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
    }
    sim_run(s, 10000);
    if (children_of(s, 1))
        return NULL;
    struct ike_sa *sa = first_sa(s, 1);
    unsigned tasks = 0;
    for (struct ike_task *t = sa ? sa->tasks : NULL; t; t = t->next)
        tasks++;
    return broken(
        "an hour later no tunnel: the branch has %u IKE SAs, the first in %s, request %s, deadline %s, %u tasks",
        s->nodes[1].ike->n_sa, sa ? ike_state_name(sa->state) : "-", sa && sa->request ? "yes" : "none",
        sa && sa->deadline != UINT64_MAX ? "yes" : "none", tasks);
}

/* Under attack, where traffic asks for a tunnel every second. */
static const char *within_40_s(struct sim *s)
{
    unsigned t = 0;
    ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
    for (; t < 600 && !children_of(s, 1); t++) {
        sim_run(s, 1000);
        ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
    }
    s->meddle = NULL;
    return t > 40 ? broken("the tunnel needs %u s, %u datagrams were forged", t, n_forged) : NULL;
}

/* A: an answer of a group that is not asked for any more is among those that wait; the next one that is refused hangs
 * the negotiation for ever. Five clear datagrams. */
static const char *hangs_by_group(void)
{
    struct office o;
    n_forged = 0;
    office_open(&o, 2, FAR, FAR);
    two_groups(&o.hub, &o.branch);
    struct ike *branch = o.s.nodes[1].ike;
    branch->host.job = queue_job;
    queue.n = 0;
    ike_acquire(branch, o.s.now, CHILD(0), NULL, NULL, NULL);
    work(&o.s, 1);
    spi_i = first_sa(&o.s, 1)->own_spi;
    forge_group(&o.s, 20);
    forge_answer(&o.s, ALGO_DH_384_ECP, 5); /* while the key of that group is made */
    work(&o.s, 1);
    forge_group(&o.s, 19);
    work(&o.s, 1);
    forge_answer(&o.s, ALGO_DH_256_ECP, 5); /* nothing can be signed by it */
    work(&o.s, 1);
    branch->host.job = NULL;
    return office_over(&o, within_an_hour(&o.s));
}

/* Node 2 is at the hub's address too, and nearer; it refuses IKE_AUTH. */
static bool refuses_now;
static bool nearer_hub(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[2].ike;
    struct rd r = rd_of(h + 8, 8);
    struct ike_sa *its = ike_by_spi(forger, rd_u64(&r));
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT)
        return its || comes_late(s, f, 3);
    if (!is_from(s, f, 1) || h[18] != X2_AUTH || !its)
        return true;
    n_forged++;
    if (!refuses_now)
        return false;
    forger->now = s->now;
    v2_respond_notify(forger, its, X2_AUTH, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
    return false;
}

void three(struct sim *s, struct router *r)
{
    sim_init(s, 1, 3);
    s->delay_ms = 1;
    for (unsigned i = 0; i < 3; i++) {
        const char *own = i == 1 ? BRANCH : HUB;
        const char *peer = i == 1 ? HUB : BRANCH;
        router_init(&r[i], 2);
        struct ike_profile *p = router_profile(&r[i], 2, "P", NULL, NULL);
        profile_match_address(&r[i], p, peer, 32);
        profile_key(&r[i], p, router_key(&r[i], peer, 32, NULL, i == 2 ? "a guess" : "secret"));
        entry_line(&r[i], router_entry(&r[i], 2, own, peer, p), CHILD(0), i == 1 ? 2 : 1, 0, i == 1 ? 1 : 2, 0);
        sim_node_start(s, i, &r[i].p, own);
    }
    n_forged = 0;
    refuses_now = false;
    s->meddle = nearer_hub;
}

/* A2: the same by a reload: the answer that waits does not suit the proposals that are in force now. */
static const char *hangs_by_reload(void)
{
    static const uint32_t same[] = {0};
    static struct sim s;
    static struct router r[3], later;
    three(&s, r);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 500);
    router_copy(&later, &r[1]);
    later.proposal[0].encr = (struct ike_choices){{{ALGO_ENCR_AES_CBC, 256}, {ALGO_ENCR_AES_CBC, 192}}, 2};
    r[0].proposal[0].encr = later.proposal[0].encr; /* the hub has them too */
    if (!n_forged || !router_reload(&s, 1, &r[1], &later, same))
        return over(&s, "not so far");
    refuses_now = true;
    sim_run(&s, 5000);
    s.meddle = NULL;
    return over(&s, within_an_hour(&s));
}

/* B: the proposals are changed by a reload while IKE_SA_INIT is on its way: no attacker. */
static const char *reload_in_init(void)
{
    static const uint32_t same[] = {0};
    static struct pair x;
    static struct router later;
    pair_open(&x, 2, 1);
    x.hub.proposal[0].encr = (struct ike_choices){{{ALGO_ENCR_AES_CBC, 256}, {ALGO_ENCR_AES_CBC, 128}}, 2};
    pair_start(&x);
    tap_close(&x.tap);
    x.s.delay_ms = 20;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 2);
    router_copy(&later, &x.branch);
    later.proposal[0].encr.v[0].bits = 256;
    if (sas_of(&x.s, 1, IKE_INIT_SENT) != 1 || !router_reload(&x.s, 1, &x.branch, &later, same))
        return over(&x.s, "not so far");
    unsigned t = 0;
    for (; t < 300 && !children_of(&x.s, 1); t++) {
        sim_run(&x.s, 1000);
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    }
    return over(&x.s, t > 10 ? broken("the tunnel needs %u s", t) : NULL);
}

/* C: four answers of the right form in front of the real one: five datagrams in a minute. */
static unsigned n_in_front;
static bool four_first(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h)) {
        struct rd r = rd_of(h, 8);
        uint64_t spi = rd_u64(&r);
        if (spi != spi_i) {
            spi_i = spi;
            for (unsigned i = 0; i < n_in_front; i++)
                forge_answer(s, ALGO_DH_256_ECP, 0);
        }
    }
    return true;
}

static const char *no_room(unsigned seed)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    x.s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    pair_start(&x);
    tap_close(&x.tap);
    n_forged = 0;
    n_in_front = 9;
    spi_i = 0;
    x.s.meddle = four_first;
    unsigned t = seconds_to_tunnel(&x.s, 100);
    const char *bad =
        t > 20 ? broken("seed %u: the tunnel needs %u s, %u datagrams were forged", seed, t, n_forged) : NULL;
    return over(&x.s, bad);
}

static const char *no_room_9(void)
{
    return by_seeds(no_room, 40);
}

/* D: between two fragments of the real IKE_AUTH one clear datagram by the SPI of a forged answer. */
static unsigned junk_sent, fragments_seen;
static bool between(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h, 8);
    uint64_t spi = rd_u64(&r);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h) && spi != spi_i) {
        spi_i = spi;
        n_forged = 0; /* its SPI is 0x6666 */
        forge_answer(s, ALGO_DH_256_ECP, 0);
    }
    if (is_from(s, f, 0) && h[18] == X2_AUTH && is_response(h) && h[16] == PL2_SKF) {
        uint8_t junk[IKE_HEADER_LEN + 4] = {0};
        struct wr w = wr_to(junk, sizeof junk);
        const struct ike_header j = {spi_i, 0x6666, PL2_SK, 0x20, X2_AUTH, IKE2_RESPONSE, 1, 0};
        ike_header_write(&w, &j);
        wr_zero(&w, 4);
        ike_header_finish(&w, 0);
        fragments_seen++;
        junk_sent++;
        inject(s, &f->from, &f->to, w.p, w.n);
    }
    return true;
}

static const char *parts_lost(void)
{
    struct office o;
    junk_sent = fragments_seen = 0;
    spi_i = 0;
    office_open(&o, 2, FAR, FAR);
    o.hub.p.v2_fragmentation = o.branch.p.v2_fragmentation = true;
    o.hub.p.fragment_mtu = o.branch.p.fragment_mtu = 400;
    o.s.delay_ms = 1;
    o.s.meddle = between;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    unsigned t = 0;
    for (; t < 600 && !children_of(&o.s, 1); t++) {
        sim_run(&o.s, 1000);
        ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    }
    o.s.meddle = NULL;
    const char *bad =
        !fragments_seen ? "no fragments"
        : t > 40 ? broken("the tunnel needs %u s: %u fragments, %u clear datagrams", t, fragments_seen, junk_sent)
                 : NULL;
    return office_over(&o, bad);
}

/* C3: four forged answers that want another group, and a cookie: then the peer's own is not heard any more. */
static bool groups_first(struct sim *s, struct packet_in_flight *f)
{
    static const uint8_t cookie[16] = {7};
    const uint8_t *h = packet_header(f);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h)) {
        struct rd r = rd_of(h, 8);
        uint64_t spi = rd_u64(&r);
        if (spi != spi_i) {
            uint8_t b[256];
            struct wr w = wr_to(b, sizeof b);
            struct ike_chain c = {&w, 16};
            spi_i = spi;
            forge_group(s, 20);
            forge_group(s, 19);
            forge_group(s, 20);
            answer_header(&w, 0);
            ike2_notify_write(&c, 0, NULL, 0, N2_COOKIE, cookie, sizeof cookie);
            ike_header_finish(&w, 0);
            inject(s, &f->from, &f->to, w.p, w.n);
            n_forged += 4;
        }
    }
    return true;
}

static const char *tries_spent(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    x.branch.proposal[0].dh.v[1] = (struct ike_choice){ALGO_DH_384_ECP, 0};
    x.branch.proposal[0].dh.n = 2;
    pair_start(&x);
    tap_close(&x.tap);
    n_forged = 0;
    spi_i = 0;
    x.s.meddle = groups_first;
    return over(&x.s, within_40_s(&x.s));
}

/* K: who answers first says that it is behind a NAT, and refuses IKE_AUTH from another address: the real answer, which
 * is followed then, is followed there. */
#define ELSEWHERE "192.0.2.66"
static bool relays;
static unsigned sent_elsewhere;
static bool from_elsewhere(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[2].ike;
    struct rd r = rd_of(h + 8, 8);
    struct ike_sa *its = ike_by_spi(forger, rd_u64(&r));
    const struct ip_addr elsewhere = address(ELSEWHERE);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h)) {
        struct ike_message m = {0};
        struct rd q = rd_of(f->p, f->n);
        uint8_t inner;
        if (!its)
            return comes_late(s, f, 3);
        if (!ike_header_read(&q, &m.h) || !ike_chain_read(&q, m.h.next, &m, &inner))
            return true;
        for (unsigned i = 0; i < m.n; i++) {
            struct ike_notify n;
            if (m.v[i].type == PL2_NOTIFY && ike2_notify_read(&m.v[i], &n) && n.type == N2_NAT_DETECTION_SOURCE_IP)
                f->p[n.data - f->p] ^= 1;
        }
        return true;
    }
    if (is_from(s, f, 0) && h[18] == X2_AUTH && is_response(h) && its) {
        f->from.addr = elsewhere;
        return comes_late(s, f, 20); /* the real answer is here by then */
    }
    if (is_from(s, f, 1) && h[18] == X2_AUTH && its) {
        forger->now = s->now;
        n_forged++;
        const struct ike_end branch = its->remote, at = its->local;
        its->remote.port = f->from.port;
        its->local.port = f->to.port;
        v2_respond_notify(forger, its, X2_AUTH, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
        its->remote = branch;
        its->local = at;
        return false;
    }
    if (is_from(s, f, 1) && addr_eq(&f->to.addr, &elsewhere)) {
        sent_elsewhere++;
        if (!relays)
            return false;
        f->to.addr = s->nodes[0].end.addr;
    }
    return true;
}

static const char *moved_by_forged(bool relay)
{
    static struct sim s;
    static struct router r[3];
    three(&s, r);
    relays = relay;
    sent_elsewhere = 0;
    s.meddle = from_elsewhere;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    unsigned t = 0;
    for (; t < 300 && !children_of(&s, 1); t++) {
        sim_run(&s, 1000);
        if (!children_of(&s, 1))
            ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    }
    const char *bad = NULL;
    const struct ip_addr hub = address(HUB);
    const struct ike_child *c = first_child(&s, 1);
    if (!n_forged)
        bad = "no attack";
    else if (!c)
        bad = broken("no tunnel in %u s; %u forged, %u datagrams were sent to who has no key", t, n_forged,
                     sent_elsewhere);
    else if (!addr_eq(&c->out.remote.addr, &hub))
        bad = broken("the tunnel stands, and ends at " ELSEWHERE ", where the peer is not (%u s)", t);
    s.meddle = NULL;
    return over(&s, bad);
}
static const char *moved_and_dropped(void)
{
    return moved_by_forged(false);
}
/* L: a reload after which no IKEv2 policy is for this address: what stands is rekeyed, what is begun hears of groups.
 */
static const char *no_policy(bool stands)
{
    static const uint32_t same[] = {0};
    static const struct ip_addr elsewhere = {FAMILY_V4, {192, 0, 2, 200}};
    static struct pair x;
    static struct router later;
    pair_open(&x, 2, 1);
    two_groups(&x.hub, &x.branch);
    pair_start(&x);
    tap_close(&x.tap);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    spi_i = first_sa(&x.s, 1)->own_spi;
    if (stands)
        sim_run(&x.s, 3000);
    router_copy(&later, &x.branch);
    later.v2[0].locals = &elsewhere;
    later.v2[0].n_locals = 1;
    if (!router_reload(&x.s, 1, &x.branch, &later, same))
        return over(&x.s, "out of memory");
    if (stands)
        begin_task(&x.s, 1, first_sa(&x.s, 1), (struct ike_task){.kind = TASK_REKEY_IKE});
    else
        forge_group(&x.s, 20);
    sim_run(&x.s, 3000);
    return over(&x.s, NULL);
}
static const char *no_policy_stands(void)
{
    return no_policy(true);
}
static const char *no_policy_begins(void)
{
    return no_policy(false);
}

/* M: who answers first refuses at once, and the peer needs three seconds for its answer to IKE_SA_INIT. */
static bool slow_hub(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[2].ike;
    struct rd r = rd_of(h + 8, 8);
    struct ike_sa *its = ike_by_spi(forger, rd_u64(&r));
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h))
        return its || comes_late(s, f, 3000);
    if (!is_from(s, f, 1) || h[18] != X2_AUTH || !its)
        return true;
    n_forged++;
    forger->now = s->now;
    v2_respond_notify(forger, its, X2_AUTH, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
    return false;
}

static const char *refused_before(void)
{
    static struct sim s;
    static struct router r[3];
    three(&s, r);
    s.meddle = slow_hub;
    unsigned t = 0;
    for (; t < 300 && !children_of(&s, 1); t++) {
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 1000);
    }
    s.meddle = NULL;
    return over(&s, t > 40 ? broken("no tunnel in %u s: %u refusals", t, n_forged) : NULL);
}

/* N: the same while the peer is authenticated anew: what is begun hangs, and nothing is begun any more (A2's way). */
static const char *anew_hangs(void)
{
    static const uint32_t same[] = {0};
    static struct sim s;
    static struct router r[3], later;
    three(&s, r);
    s.nodes[2].deaf = true;
    s.meddle = NULL;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 3000);
    struct ike_sa *sa = first_sa(&s, 1);
    if (!children_of(&s, 1))
        return over(&s, "no tunnel");
    s.nodes[2].deaf = false;
    s.meddle = nearer_hub;
    const uint64_t spi = sa->own_spi;
    sa->reauth_at = s.now;
    ike_timer_update(s.nodes[1].ike, sa);
    sim_run(&s, 500);
    router_copy(&later, &r[1]);
    later.proposal[0].encr = (struct ike_choices){{{ALGO_ENCR_AES_CBC, 256}, {ALGO_ENCR_AES_CBC, 192}}, 2};
    r[0].proposal[0].encr =
        (struct ike_choices){{{ALGO_ENCR_AES_CBC, 256}, {ALGO_ENCR_AES_CBC, 192}, {ALGO_ENCR_AES_CBC, 128}}, 3};
    if (!n_forged || !router_reload(&s, 1, &r[1], &later, same))
        return over(&s, "not so far");
    refuses_now = true;
    sim_run(&s, 5000);
    s.meddle = NULL;
    s.nodes[2].deaf = true;
    sim_run(&s, 3600000);
    bool is_old = ike_by_spi(s.nodes[1].ike, spi) != NULL;
    unsigned waiting = sas_of(&s, 1, IKE_AUTH_SENT);
    return over(&s, is_old && waiting
                        ? broken("an hour later it is not authenticated anew, %u negotiation hangs", waiting)
                        : NULL);
}

const struct attack attacks_nearer[] = {
    {"N1 an answer of another group waits", hangs_by_group},
    {"N2 a reload, and an answer that waits", hangs_by_reload},
    {"N3 what authenticates anew hangs", anew_hangs},
    {"N4 a reload leaves no policy, it begins", no_policy_begins},
    {"N5 a reload leaves no policy, it stands", no_policy_stands},
    {"N6 the real answer is followed elsewhere", moved_and_dropped},
    {"N7 nine answers in front of the real one", no_room_9},
    {"N8 groups and a cookie in front of the real answer", tries_spent},
    {"N9 refused before the slow peer answers", refused_before},
    {"N10 a datagram between two fragments", parts_lost},
    {"N11 other proposals while IKE_SA_INIT is on its way", reload_in_init},
    {NULL, NULL},
};
