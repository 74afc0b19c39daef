/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An entry with two peers, the first one dead, and somebody on the way to it who answers in its place: the second one's
 * turn comes all the same (findings R11 to R15).
 */
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/nearer.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/slow.h"

#define AT_MOST_S 140

/* Node 0: the hub, dead; 1: the branch; 2: its second peer; 3: an engine of the forger's at the hub's address. */
static void fail_over(struct sim *s, struct router r[static 4], unsigned version)
{
    static const char *const at[] = {HUB, BRANCH, SECOND, HUB};
    static const char *const secret[] = {"secret", "secret", "secret", "a guess"};
    sim_init(s, 1, 4);
    s->delay_ms = 2;
    for (unsigned i = 0; i < 4; i++) {
        fails_over(&r[i], version, i, at[i], secret[i]);
        sim_node_start(s, i, &r[i].p, at[i]);
    }
    s->nodes[0].deaf = true;
    n_forged = 0;
    spi_i = 0;
}

static bool is_to_hub(const struct sim *s, const struct packet_in_flight *f)
{
    const struct ip_addr hub = address(HUB);
    return is_from(s, f, 1) && addr_eq(&f->to.addr, &hub);
}

/* `before`: what the forger does each second. */
static const char *goes_over(struct sim *s, void (*before)(struct sim *s, unsigned t))
{
    unsigned t = 0;
    for (; t < 1000 && !children_of(s, 1); t++) {
        ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        sim_run(s, 1000);
        if (before)
            before(s, t);
    }
    s->meddle = NULL;
    if (!n_forged)
        return over(s, "no attack");
    return over(s, t > AT_MOST_S ? broken("the second peer is reached after %u s, %u forged", t, n_forged) : NULL);
}

/* ---- by what is asked again ---- */

static uint64_t last_forged_at, every_ms;
static bool by_groups;

static void forge_cookie(struct sim *s)
{
    static const uint8_t cookie[16] = {7};
    uint8_t b[256];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    answer_header(&w, 0);
    ike2_notify_write(&c, 0, NULL, 0, N2_COOKIE, cookie, sizeof cookie);
    ike_header_finish(&w, 0);
    const struct ike_end hub = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    inject(s, &hub, &branch, w.p, w.n);
}

static bool asks_again(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (!is_to_hub(s, f) || h[18] != X2_SA_INIT || is_response(h) || s->now < last_forged_at + every_ms)
        return true;
    struct rd r = rd_of(h, 8);
    spi_i = rd_u64(&r);
    last_forged_at = s->now;
    if (by_groups)
        forge_group(s, n_forged % 2 ? 19 : 20);
    else
        forge_cookie(s);
    n_forged++;
    return true;
}

static const char *asked_again(uint64_t ms, bool groups)
{
    static struct sim s;
    static struct router r[4];
    fail_over(&s, r, 2);
    s.nodes[3].deaf = true;
    two_groups(&r[1], &r[2]);
    last_forged_at = 0;
    every_ms = ms;
    by_groups = groups;
    s.meddle = asks_again;
    return goes_over(&s, NULL);
}
static const char *cookies_each_second(void)
{
    return asked_again(800, false);
}
static const char *cookies_now_and_then(void)
{
    return asked_again(12000, false);
}
static const char *groups_each_second(void)
{
    return asked_again(800, true);
}

/* ---- by an engine that refuses ---- */

static uint8_t request[2048];
static size_t request_len;

static bool refuses_auth(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[3].ike;
    struct rd r = rd_of(h + 8, 8);
    const uint64_t spi_r = rd_u64(&r);
    if (!is_to_hub(s, f))
        return true;
    bool is_first = !is_response(h) && h[18] == X2_SA_INIT && f->n <= sizeof request;
    if (is_first) {
        memcpy(request, f->p, f->n);
        request_len = f->n;
    }
    struct ike_sa *its = h[18] == X2_AUTH ? ike_by_spi(forger, spi_r) : NULL;
    if (!its || !its->keys)
        return true;
    forger->now = s->now;
    n_forged++;
    v2_respond_notify(forger, its, X2_AUTH, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
    ike_sa_free(forger, its);
    return false;
}

/* What the reader has seen goes to his engine once more, which answers anew. */
static void another_answer(struct sim *s, unsigned t)
{
    const struct ike_end at = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    if (request_len && t % 3 == 0)
        ike_input(s->nodes[3].ike, s->now, &at, &branch, request, request_len);
}

/* `before`: what the forger does each second; without an engine of his own node 3 hears nothing. */
static const char *pinned_by(unsigned version, bool has_engine, bool (*meddle)(struct sim *, struct packet_in_flight *),
                             void (*before)(struct sim *s, unsigned t))
{
    static struct sim s;
    static struct router r[4];
    fail_over(&s, r, version);
    s.nodes[3].deaf = !has_engine;
    request_len = 0;
    s.meddle = meddle;
    return goes_over(&s, before);
}

static const char *refused_for_ever(void)
{
    return pinned_by(2, true, refuses_auth, another_answer);
}

static unsigned jobs;
static void count_job(void *ctx, struct ike_job *j)
{
    const struct sim_node *n = ctx;
    jobs++;
    ike_job_run(j);
    ike_job_done(n->ike, n->sim->now, j);
}

static const char *work_without_end(void)
{
    static struct sim s;
    static struct router r[4];
    fail_over(&s, r, 2);
    request_len = 0;
    jobs = 0;
    s.delay_ms = 1;
    s.meddle = refuses_auth;
    s.nodes[1].ike->host.job = count_job;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    for (unsigned ms = 0, before = 0; ms < 60000; ms += 2) {
        sim_run(&s, 2);
        if (n_forged != before || ms == 100)
            another_answer(&s, 0);
        before = n_forged;
    }
    s.meddle = NULL;
    const char *bad = jobs > 100 ? broken("%u secrets for one negotiation, %u refusals", jobs, n_forged) : NULL;
    return over(&s, n_forged ? bad : "no attack");
}

/* ---- IKEv1 ---- */

static bool keep_first_message(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h + 8, 8);
    bool is_first = is_to_hub(s, f) && h[18] == X1_MAIN && rd_u64(&r) == 0 && f->n <= sizeof request;
    if (is_first) {
        memcpy(request, h, f->n);
        request_len = f->n;
    }
    return true;
}

static void another_choice(struct sim *s, unsigned t)
{
    if (!request_len || t % 3)
        return;
    n_forged++;
    ike_clear(s->nodes[3].ike, s->now, NULL, 0, 0);
    another_answer(s, 0);
}

static const char *chosen_for_ever(void)
{
    return pinned_by(1, true, keep_first_message, another_choice);
}

/* One choice of the forger's, the offer said back, and a public value that is none each 20 seconds. */
static void value_that_is_none(struct sim *s, unsigned t)
{
    static const uint8_t zero[64], nat_d[32] = {1};
    const struct ike_end hub = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    uint8_t b[2048], nonce[20] = {(uint8_t)t};
    if (!request_len || t % 20)
        return;
    if (!n_forged++) {
        memcpy(b, request, request_len);
        b[8] = 9;
        inject(s, &hub, &branch, b, request_len);
        return;
    }
    struct rd r = rd_of(request, 8);
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    const struct ike_header h = {rd_u64(&r), (uint64_t)9 << 56, 0, 0x10, X1_MAIN, 0, 0, 0};
    ike_header_write(&w, &h);
    ike_pl_bytes(&c, PL1_KE, zero, sizeof zero);
    ike_pl_bytes(&c, PL1_NONCE, nonce, sizeof nonce);
    ike_pl_bytes(&c, PL1_NAT_D, nat_d, sizeof nat_d);
    ike_header_finish(&w, 0);
    inject(s, &hub, &branch, w.p, w.n);
}

static bool keep_very_first(struct sim *s, struct packet_in_flight *f)
{
    return request_len ? true : keep_first_message(s, f);
}

static const char *valued_for_ever(void)
{
    return pinned_by(1, false, keep_very_first, value_that_is_none);
}

const struct attack attacks_pinned[] = {
    {"R11 a dead first peer, and a cookie each second", cookies_each_second},
    {"R11b a dead first peer, and a cookie now and then", cookies_now_and_then},
    {"R12 a dead first peer, and other groups", groups_each_second},
    {"R13 a dead first peer, and IKE_AUTH is refused", refused_for_ever},
    {"R14 work for who refuses", work_without_end},
    {"R18 a dead first peer, and values that are none, IKEv1", valued_for_ever},
    {"R15 a dead first peer, and choices, IKEv1", chosen_for_ever},
    {NULL, NULL},
};
