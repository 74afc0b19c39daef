/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What strangers may cost: half-open SAs, computations, fragments, answers (findings B2 to B6). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

/* ---- B2 to B4: half-open SAs ---- */

static size_t main_1(uint64_t cookie, uint8_t *out, size_t room, uint8_t exchange, const struct pair *x)
{
    struct wr w = wr_to(out, room);
    struct ike_chain c = {&w, 16};
    const struct ike_header h = {cookie, 0, 0, 0x10, exchange, 0, 0, 0};
    const struct ike1_proposal p = {
        .number = 1,
        .protocol = IKE1_PROTO_ISAKMP,
        .n = 1,
        .v = {{.number = 1, .id = 1, .encr = 7, .bits = 128, .hash = 4, .auth = 1, .group = 19, .life_s = 86400}}};
    static const uint8_t id[4] = {198, 51, 100, 200};
    uint8_t value[IKE_DH_MAX];
    ike_header_write(&w, &h);
    size_t at = ike_pl_begin(&c, PL1_SA);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &p, true, false);
    ike_pl_end(&c, at);
    if (exchange == X1_AGGRESSIVE) {
        if (!x->point_known || !memcpy(value, x->point, 64))
            memset(value, 7, 64);
        ike_pl_bytes(&c, PL1_KE, value, 64);
        ike_pl_bytes(&c, PL1_NONCE, value, 20);
        const struct ike_id who = {IKE_ID_IPV4, 4, id};
        ike1_id_write(&c, &who);
    }
    ike_header_finish(&w, 0);
    return w.bad ? 0 : w.n;
}

static struct ike_end stranger(unsigned i)
{
    return (struct ike_end){{FAMILY_V4, {100, (uint8_t)(i >> 16 & 127), (uint8_t)(i >> 8), (uint8_t)i}}, IKE_PORT};
}

/* Spoofed main mode must not keep an IKEv2 peer out. */
static const char *spoofed_v1_flood(void)
{
    struct pair x;
    uint8_t b[512];
    pair_open(&x, 2, 3);
    x.hub.p.n_v1 = 1;
    x.hub.p.n_v2 = 1;
    x.hub.entries[1] = x.hub.entries[0];
    pair_start(&x);
    for (unsigned i = 0; i < 3000; i++) {
        struct ike_end e = stranger(i);
        size_t n = main_1(0x1000 + i, b, sizeof b, X1_MAIN, &x);
        inject(&x.s, &e, &x.s.nodes[0].end, b, n);
    }
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 8000);
    return pair_over(&x, children_of(&x.s, 0) ? NULL : "spoofed main mode messages keep an IKEv2 peer out");
}

/* And not a known peer of IKEv1, nor one that is not known (the flood goes on). */
static const char *spoofed_v1_flood_v1(void)
{
    struct pair x;
    uint8_t b[512];
    pair_open(&x, 1, 3);
    pair_start(&x);
    for (unsigned k = 0; k < 40; k++) {
        if (k == 20)
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        for (unsigned i = 0; i < 200; i++) {
            struct ike_end e = stranger(1000 * k + i);
            size_t n = main_1(0x1000 + 1000 * k + i, b, sizeof b, X1_MAIN, &x);
            inject(&x.s, &e, &x.s.nodes[0].end, b, n);
        }
        sim_run(&x.s, 100);
    }
    sim_run(&x.s, 4000);
    return pair_over(&x, children_of(&x.s, 0) ? NULL : "spoofed main mode messages keep a known peer out");
}

static struct {
    uint64_t sent, cookies;
} bots;

/* A source that answers cookies and never goes on. */
static void bot(struct pair *x, unsigned i, const uint8_t *cookie, size_t cookie_len)
{
    uint8_t b[1024], junk[64] = {9};
    struct ike_end e = stranger(i);
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    static struct ike_dh *dh;
    static uint8_t value[IKE_DH_MAX];
    const struct ike_header h = {
        0x7000000000u + i * 1000u + bots.sent++ % 1000, 0, 0, 0x20, X2_SA_INIT, IKE2_INITIATOR, 0, 0};
    if (!dh) {
        dh = ike_dh_new(ALGO_DH_256_ECP);
        if (!dh || !ike_dh_public(dh, value))
            return;
        ike_dh_free(dh);
    }
    const struct ike2_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_IKE,
        .n = 4,
        .v = {{TT_ENCR, 12, 128, false}, {TT_PRF, 5, 0, false}, {TT_INTEG, 12, 0, false}, {TT_DH, 19, 0, false}}};
    ike_header_write(&w, &h);
    if (cookie_len)
        ike2_notify_write(&c, 0, NULL, 0, N2_COOKIE, cookie, cookie_len);
    size_t at = ike_pl_begin(&c, PL2_SA);
    ike2_proposal_write(&w, &p, true);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, 19, value, 64);
    ike_pl_bytes(&c, PL2_NONCE, junk, 32);
    ike_header_finish(&w, 0);
    /* the cookie is the engine's own: what the bot would have got */
    if (!cookie_len) {
        uint8_t good[64];
        size_t n = ike_cookie_make(x->s.nodes[0].ike, h.spi_i, &e.addr, (struct ike_iov){junk, 32}, good);
        bots.sent--;
        bot(x, i, good, n);
        return;
    }
    inject(&x->s, &e, &x->s.nodes[0].end, b, w.n);
}

/* A thousand sources that answer cookies, ten datagrams a second each; an honest dynamic peer stands within 20 s. */
static const char *bots_with_cookies(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    /* the branch is a stranger too: of a dynamic entry */
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = 0;
    pair_start(&x);
    bots.sent = 0;
    bool asked = false;
    for (unsigned ms = 0; ms < 20000 && !children_of(&x.s, 0); ms += 10) {
        for (unsigned k = 0; k < 100; k++)
            bot(&x, (ms / 10 * 100 + k) % 1000, NULL, 0);
        if (ms >= 1000 && !asked)
            asked = ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 10);
    }
    const char *bad = children_of(&x.s, 0) ? NULL : "sources that answer cookies keep an honest peer out";
    if (!bad && ike_half_open_count(x.s.nodes[0].ike, 2) > 2 * IKE_HALF_OPEN_MAX)
        bad = "half-open SAs without bound";
    return pair_over(&x, bad);
}

/* One real address that answers cookies may not hold all places. */
static const char *one_source_with_cookies(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    pair_start(&x);
    bots.sent = 0;
    for (unsigned i = 0; i < 3000; i++)
        bot(&x, 1, NULL, 0);
    unsigned held = ike_half_open_count(x.s.nodes[0].ike, 2);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    const unsigned most = IKE_HALF_OPEN_MAX / IKE_HALF_OPEN_SHARE;
    const char *bad = held > most ? broken("one source holds %u half-open SAs", held) : NULL;
    if (!bad && !children_of(&x.s, 0))
        bad = "the honest peer is kept out";
    return pair_over(&x, bad);
}

/* Spoofed requests from the honest peer's own address: cookies tell them apart. */
static const char *spoofed_own_address(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    pair_start(&x);
    uint8_t b[1024];
    x.s.delay_ms = 200;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    bots.sent = 0;
    while (!x.tap.n)
        sim_run(&x.s, 1);
    for (unsigned k = 0; k < 1300 && x.tap.n; k++) { /* the branch's own request with other SPIs */
        if (x.tap.v[0].n > sizeof b)
            break;
        for (unsigned i = 0; i < 20; i++) {
            memcpy(b, x.tap.v[0].p, x.tap.v[0].n);
            b[0] = (uint8_t)k;
            b[1] = (uint8_t)i;
            b[2] = (uint8_t)(k >> 8);
            inject(&x.s, &x.tap.v[0].from, &x.tap.v[0].to, b, x.tap.v[0].n);
        }
        sim_run(&x.s, 10);
    }
    return pair_over(&x, children_of(&x.s, 0) ? NULL : "spoofed requests in its name keep a peer out");
}

/* Jobs are handed out and never come back: the queue must have an end, and jobs whose SA is gone are not done. */
static const char *aggressive_flood(void)
{
    struct pair x;
    uint8_t b[1024];
    pair_open(&x, 1, 3);
    pair_start(&x);
    struct ike *hub = x.s.nodes[0].ike;
    queue.n = 0;
    hub->host.job = queue_job;
    struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
    x.point_known = dh && ike_dh_public(dh, x.point);
    ike_dh_free(dh);
    for (unsigned i = 0; i < 10000; i++) {
        struct ike_end e = stranger(i);
        size_t n = main_1(0x1000 + i, b, sizeof b, X1_AGGRESSIVE, &x);
        inject(&x.s, &e, &x.s.nodes[0].end, b, n);
    }
    const char *bad = NULL;
    if (queue.n > IKE_KNOWN_JOBS)
        bad = broken("%u computations are queued for strangers", queue.n);
    if (hub->n_sa > 2 * IKE_HALF_OPEN_MAX)
        bad = broken("%u SAs for strangers", hub->n_sa);
    if (!bad && ike_half_open_count(hub, 1) != hub->n_sa)
        bad = "not all of them count as half open";
    sim_run(&x.s, 40000);
    if (!bad && hub->n_sa)
        bad = "they are not forgotten";
    unsigned done = 0;
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        done += queue.v[i]->ok;
        ike_job_done(hub, x.s.now, queue.v[i]);
    }
    if (!bad && done)
        bad = broken("%u computations are done for SAs that are gone", done);
    return pair_over(&x, bad);
}

/* Message 3 with responder cookie 0, from an address that never got our cookie. */
static const char *cookie_zero(void)
{
    struct pair x;
    uint8_t b[1024], value[64];
    pair_open(&x, 1, 3);
    pair_start(&x);
    struct ike_end e = {address(BRANCH), IKE_PORT}; /* spoofed */
    size_t n = main_1(0x4242, b, sizeof b, X1_MAIN, &x);
    x.s.nodes[1].deaf = true;
    inject(&x.s, &e, &x.s.nodes[0].end, b, n);
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    const struct ike_header h = {0x4242, 0, 0, 0x10, X1_MAIN, 0, 0, 0};
    struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
    uint64_t before = x.s.nodes[0].ike->stats.dh;
    if (!dh || !ike_dh_public(dh, value))
        return pair_over(&x, "no key");
    ike_dh_free(dh);
    ike_header_write(&w, &h);
    ike_pl_bytes(&c, PL1_KE, value, 64);
    ike_pl_bytes(&c, PL1_NONCE, value, 20);
    ike_header_finish(&w, 0);
    inject(&x.s, &e, &x.s.nodes[0].end, b, w.n);
    return pair_over(&x, x.s.nodes[0].ike->stats.dh == before ? NULL
                                                              : "Diffie-Hellman is done for who never saw our cookie");
}

/* `crypto call admission limit ike sa`: both versions count. */
static const char *max_sa(void)
{
    struct sim s;
    struct router hub, r[3];
    sim_init(&s, 1, 4);
    router_init(&hub, 3);
    hub.p.max_sa = 2;
    struct ike_profile *p = router_profile(&hub, 2, "P", NULL, NULL);
    profile_match_address(&hub, p, "0.0.0.0", 0);
    struct ike_psk *k = router_key(&hub, "0.0.0.0", 0, NULL, "secret");
    profile_key(&hub, p, k);
    router_entry(&hub, 2, HUB, NULL, p);
    router_entry(&hub, 1, HUB, NULL, NULL);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 3; i++) {
        char own[32];
        snprintf(own, sizeof own, "198.51.100.%u", 10 + i);
        router_init(&r[i], 1 + i % 2);
        struct ike_profile *q = router_profile(&r[i], 2, "Q", NULL, NULL);
        profile_match_address(&r[i], q, HUB, 32);
        profile_key(&r[i], q, router_key(&r[i], HUB, 32, NULL, "secret"));
        struct ike_entry *e = router_entry(&r[i], 1 + i % 2, own, HUB, i % 2 ? q : NULL);
        entry_line(&r[i], e, CHILD(0), 2, (int)i, 1, -1);
        sim_node_start(&s, 1 + i, &r[i].p, own);
    }
    for (unsigned i = 0; i < 3; i++) {
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 3000);
    }
    unsigned n = s.nodes[0].ike->n_established;
    return over(&s, n == 2 ? NULL : broken("%u IKE SAs where 2 are the limit", n));
}

/* ---- B5: fragments ---- */

static const char *fragments_without_bound(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    x.hub.p.v2_fragmentation = x.branch.p.v2_fragmentation = true;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa || !sa->keys)
        return pair_over(&x, "no SA");
    /* pieces of 60 KB each, of one message that never becomes whole: made by the peer's own sealing */
    struct ike *evil = x.s.nodes[1].ike;
    uint64_t sent = 0;
    static uint8_t text[60000];
    for (unsigned i = 1; i <= 60; i++) {
        struct wr w = wr_to(evil->out, sizeof evil->out);
        struct ike_header h = {sa->spi_i, sa->spi_r, 0, 0x20, X2_INFORMATIONAL, IKE2_INITIATOR, sa->next_out, 0};
        if (!v2_seal(evil, sa, &w, &h, PL2_VENDOR, text, sizeof text, i, 63))
            break;
        inject(&x.s, &x.s.nodes[1].end, &x.s.nodes[0].end, w.p, w.n);
        sent++;
    }
    size_t held = v2_parts_bytes(first_sa(&x.s, 0));
    const char *bad = sent < 10 ? "the fragments could not be made" : NULL;
    if (!bad && held > 65536)
        bad = broken("%zu bytes of fragments are kept", held);
    if (!bad && !held)
        bad = "no fragment was taken";
    return pair_over(&x, bad);
}

/* ---- B6: reflection ---- */

static const char *reflector(void)
{
    struct pair x;
    uint8_t b[1024];
    pair_open(&x, 1, 3);
    pair_start(&x);
    struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
    x.point_known = dh && ike_dh_public(dh, x.point);
    ike_dh_free(dh);
    size_t n = main_1(0x777, b, sizeof b, X1_AGGRESSIVE, &x);
    x.s.nodes[1].deaf = true;
    struct ike_end e = {address(BRANCH), IKE_PORT};
    uint64_t before = x.s.nodes[0].ike->stats.datagrams_out;
    inject(&x.s, &e, &x.s.nodes[0].end, b, n);
    sim_run(&x.s, 60000);
    uint64_t out = x.s.nodes[0].ike->stats.datagrams_out - before;
    return pair_over(&x, out == 1 ? NULL : broken("one datagram is answered by %u", (unsigned)out));
}

/* ---- what the log says of it ---- */

static unsigned said_unproved, said_limit;
static void hear_said(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                      const char *text)
{
    (void)ctx, (void)e, (void)sa, (void)c;
    said_unproved += l <= IKE_WARNING && strstr(text, "started aggressive mode and did not authenticate");
    said_limit += l <= IKE_WARNING && strstr(text, "half-open IKE SA limit reached");
}

/* Our second message has a hash by the key: who asks for it again and again and goes is heard of, and not without end.
 */
static const char *hashes_collected(void)
{
    struct pair x;
    uint8_t b[1024];
    pair_open(&x, 1, 3);
    pair_start(&x);
    struct ike *hub = x.s.nodes[0].ike;
    struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
    x.point_known = dh && ike_dh_public(dh, x.point);
    ike_dh_free(dh);
    x.s.nodes[1].deaf = true;
    said_unproved = 0;
    hub->host.event = hear_said;
    struct ike_end e = {address(BRANCH), IKE_PORT};
    for (unsigned i = 0; i < 60; i++) {
        size_t n = main_1(0x777 + i, b, sizeof b, X1_AGGRESSIVE, &x);
        inject(&x.s, &e, &x.s.nodes[0].end, b, n);
        sim_run(&x.s, 1000);
    }
    sim_run(&x.s, 120000);
    uint64_t counted = hub->stats.unproved;
    const char *bad = NULL;
    if (counted != 60)
        bad = broken("60 are begun and not finished, %u are counted", (unsigned)counted);
    else if (!said_unproved || said_unproved > 20)
        bad = broken("60 are begun in a minute and not finished, %u lines say so", said_unproved);
    return pair_over(&x, bad);
}

static const char *flood_is_said(void)
{
    struct pair x;
    uint8_t b[1024];
    pair_open(&x, 1, 3);
    pair_start(&x);
    said_limit = 0;
    x.s.nodes[0].ike->host.event = hear_said;
    for (unsigned i = 0; i < 5000; i++) {
        struct ike_end e = stranger(i);
        size_t n = main_1(0x1000 + i, b, sizeof b, X1_MAIN, &x);
        inject(&x.s, &e, &x.s.nodes[0].end, b, n);
        if (i % 100 == 0)
            sim_run(&x.s, 1000);
    }
    sim_run(&x.s, 5000);
    const char *bad = NULL;
    if (!x.s.nodes[0].ike->stats.evicted)
        bad = "no flood: nothing has made room";
    else if (!said_limit || said_limit > 2)
        bad = broken("in one minute of a flood %u lines say so", said_limit);
    return pair_over(&x, bad);
}

const struct attack attacks_floods[] = {
    {"B2 spoofed main mode against IKEv2", spoofed_v1_flood},
    {"B2 spoofed main mode against IKEv1", spoofed_v1_flood_v1},
    {"B2 a thousand sources that answer cookies", bots_with_cookies},
    {"B2 one source that answers cookies", one_source_with_cookies},
    {"B2 spoofed requests in the peer's name", spoofed_own_address},
    {"B2 the limit of IKE SAs in both versions", max_sa},
    {"B3 ten thousand aggressive first messages", aggressive_flood},
    {"B4 main mode without our cookie", cookie_zero},
    {"B5 fragments without bound", fragments_without_bound},
    {"B6 aggressive mode as a reflector", reflector},
    {"B6b hashes of aggressive mode are collected", hashes_collected},
    {"B2b a flood is said, once a minute", flood_is_said},
    {NULL, NULL},
};
