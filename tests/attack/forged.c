/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to IKE_SA_INIT from somebody on the way, who sees it and has no key: whatever is in them, and however slow
 * the real peer is, there is one tunnel in the end, the same at both ends (findings M1, M2, M7, M8, M12, M13, M14). */
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

/* What is forged, and when. */
static struct forgery {
    unsigned bits;         /* of AES: 128 was offered */
    uint16_t only_hash;    /* of SIGNATURE_HASH_ALGORITHMS; 0: none is said */
    bool with_auth;        /* when IKE_AUTH is sent; else in front of the real answer */
    uint64_t auth_late_ms; /* the real peer's answer to IKE_AUTH */
} what;
static unsigned n_forged;
static uint64_t forged_spi_i;

static void header(struct wr *w, uint64_t spi_r)
{
    const struct ike_header h = {forged_spi_i, spi_r, 0, 0x20, X2_SA_INIT, IKE2_RESPONSE, 0, 0};
    ike_header_write(w, &h);
}

static void send_forged(struct sim *s, const struct ike_end *hub, const struct ike_end *branch, struct wr *w)
{
    ike_header_finish(w, 0);
    n_forged++;
    inject(s, hub, branch, w->p, w->n);
}

/* An answer of the right form, with a point of the group: whose private key it is does not matter. */
static void forge_answer(struct sim *s, const struct ike_end *hub, const struct ike_end *branch)
{
    static const uint8_t nonce[32] = {1};
    const uint8_t hash[2] = {0, (uint8_t)what.only_hash};
    const struct ike2_proposal p = {.number = 1,
                                    .protocol = IKE_PROTO_IKE,
                                    .n = 4,
                                    .v = {{TT_ENCR, 12, (uint16_t)what.bits, false},
                                          {TT_PRF, 5, 0, false},
                                          {TT_INTEG, 12, 0, false},
                                          {TT_DH, 19, 0, false}}};
    uint8_t b[2048], value[64];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
    if (!dh || !ike_dh_public(dh, value))
        return;
    ike_dh_free(dh);
    header(&w, 0x6666 + n_forged);
    size_t at = ike_pl_begin(&c, PL2_SA);
    ike2_proposal_write(&w, &p, true);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, 19, value, sizeof value);
    ike_pl_bytes(&c, PL2_NONCE, nonce, sizeof nonce);
    if (what.only_hash)
        ike2_notify_write(&c, 0, NULL, 0, N2_SIGNATURE_HASH_ALGORITHMS, hash, 2);
    send_forged(s, hub, branch, &w);
}

static void forge_notify(struct sim *s, const struct ike_end *hub, const struct ike_end *branch, uint16_t type,
                         const uint8_t *data, size_t n)
{
    uint8_t b[256];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    header(&w, 0);
    ike2_notify_write(&c, 0, NULL, 0, type, data, n);
    send_forged(s, hub, branch, &w);
}

static bool is_response(const uint8_t *h)
{
    return h[19] & IKE2_RESPONSE;
}

static void see(const struct sim *s, const struct packet_in_flight *f)
{
    struct rd r = rd_of(packet_header(f), 8);
    if (is_from(s, f, 1) && packet_header(f)[18] == X2_SA_INIT)
        forged_spi_i = rd_u64(&r);
}

static bool one_answer(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    see(s, f);
    if (!what.with_auth && is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h) && !n_forged)
        forge_answer(s, &f->from, &f->to);
    if (what.with_auth && is_from(s, f, 1) && h[18] == X2_AUTH && !n_forged)
        forge_answer(s, &f->to, &f->from);
    if (what.auth_late_ms && is_from(s, f, 0) && h[18] == X2_AUTH && is_response(h))
        return comes_late(s, f, what.auth_late_ms);
    return true;
}

/* One tunnel within 60 s, and both ends mean the same SPIs. */
static const char *same_tunnel(struct sim *s)
{
    unsigned t = 0;
    for (; t < 60 && !children_of(s, 1); t++)
        sim_run(s, 1000);
    s->meddle = NULL;
    sim_run(s, 30000);
    const struct ike_child *h = first_child(s, 0), *b = first_child(s, 1);
    if (!n_forged)
        return "nothing was forged";
    if (!h || !b)
        return broken("hub %u children, branch %u: %s", children_of(s, 0), children_of(s, 1), s->nodes[1].last);
    return h->spi_out == b->spi_in && h->spi_in == b->spi_out ? NULL : "up, with other SPIs at each end";
}

static const char *with_key(bool (*meddle)(struct sim *s, struct packet_in_flight *f))
{
    static struct pair x;
    pair_open(&x, 2, 1);
    struct router *r[] = {&x.hub, &x.branch};
    for (unsigned i = 0; i < 2; i++) { /* two groups: another one may be asked for */
        r[i]->proposal[0].dh.v[1] = (struct ike_choice){ALGO_DH_384_ECP, 0};
        r[i]->proposal[0].dh.n = 2;
    }
    pair_start(&x);
    tap_close(&x.tap);
    n_forged = 0;
    x.s.meddle = meddle;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    return over(&x.s, same_tunnel(&x.s));
}

/* M1: an answer that could not be followed, while IKE_AUTH is open; the real answer to that takes a while. */
static const char *of_no_use(void)
{
    what = (struct forgery){.bits = 256, .with_auth = true, .auth_late_ms = 5000};
    return with_key(one_answer);
}

static bool auth_unanswered(struct sim *s, struct packet_in_flight *f)
{
    bool is_auth = is_from(s, f, 0) && packet_header(f)[18] == X2_AUTH;
    return one_answer(s, f) && !is_auth;
}

/* M1c: or it never comes: nothing but the tunnel is lost (this one ended the process). */
static const char *of_no_use_unanswered(void)
{
    static struct pair x;
    what = (struct forgery){.bits = 256, .with_auth = true};
    pair_open(&x, 2, 1);
    pair_start(&x);
    tap_close(&x.tap);
    n_forged = 0;
    x.s.meddle = auth_unanswered;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 100000);
    return over(&x.s, n_forged ? NULL : "nothing was forged");
}

/* M8: an answer of the right form while IKE_AUTH is open, and the real peer is slow: its IKE_AUTH is repeated as it
 * was. */
static const char *asked_twice(void)
{
    what = (struct forgery){.bits = 128, .with_auth = true, .auth_late_ms = 5000};
    return with_key(one_answer);
}

/* M7: an answer by which nothing can be signed comes first. */
static const char *unknown_hash(void)
{
    struct office o;
    what = (struct forgery){.bits = 128, .only_hash = 5};
    office_open(&o, 2, FAR, FAR);
    n_forged = 0;
    o.s.meddle = one_answer;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    return office_over(&o, same_tunnel(&o.s));
}

static bool cookie_first(struct sim *s, struct packet_in_flight *f)
{
    static const uint8_t cookie[16] = {7};
    const uint8_t *h = packet_header(f);
    see(s, f);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h) && !n_forged)
        forge_notify(s, &f->from, &f->to, N2_COOKIE, cookie, sizeof cookie);
    return true;
}

static bool group_first(struct sim *s, struct packet_in_flight *f)
{
    static const uint8_t group[2] = {0, 20};
    const uint8_t *h = packet_header(f);
    see(s, f);
    if (is_from(s, f, 0) && h[18] == X2_SA_INIT && is_response(h) && !n_forged)
        forge_notify(s, &f->from, &f->to, N2_INVALID_KE_PAYLOAD, group, 2);
    return true;
}

/* The branch's request with another nonce, once, a moment before its own. */
static bool same_spi_first(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2000];
    struct ike_message m = {0};
    struct rd r = rd_of(b, f->n);
    uint8_t inner;
    bool is_it = is_from(s, f, 1) && packet_header(f)[18] == X2_SA_INIT && !n_forged && f->n <= sizeof b;
    if (!is_it)
        return true;
    memcpy(b, f->p, f->n);
    const struct ike_payload *nonce = NULL;
    if (ike_header_read(&r, &m.h) && ike_chain_read(&r, m.h.next, &m, &inner))
        nonce = ike_find(&m, PL2_NONCE, 0);
    if (!nonce)
        return true;
    b[nonce->p - b] ^= 1;
    n_forged++;
    inject(s, &f->from, &f->to, b, f->n);
    return true;
}

static const char *forged_cookie(void)
{
    return with_key(cookie_first);
}
static const char *forged_group(void)
{
    return with_key(group_first);
}
static const char *same_spi(void)
{
    return with_key(same_spi_first);
}

/* Node 2 is at the hub's address too, and nearer. It answers IKE_AUTH by something that is not understood. */
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
    struct v2_out o;
    forger->now = s->now;
    v2_begin(forger, &o);
    ike_pl_bytes(&o.c, PL2_DELETE, (const uint8_t[8]){0}, 8);
    (void)!v2_respond(forger, its, X2_AUTH, 1, &o);
    n_forged++;
    return false;
}

/* M2: the same as L6, with a payload that does not belong there. */
static const char *not_understood(void)
{
    static struct sim s;
    static struct router r[3];
    sim_init(&s, 1, 3);
    s.delay_ms = 1;
    for (unsigned i = 0; i < 3; i++) {
        const char *own = i == 1 ? BRANCH : HUB, *peer = i == 1 ? HUB : BRANCH;
        router_init(&r[i], 2);
        struct ike_profile *p = router_profile(&r[i], 2, "P", NULL, NULL);
        profile_match_address(&r[i], p, peer, 32);
        profile_key(&r[i], p, router_key(&r[i], peer, 32, NULL, i == 2 ? "a guess" : "secret"));
        entry_line(&r[i], router_entry(&r[i], 2, own, peer, p), CHILD(0), i == 1 ? 2 : 1, 0, i == 1 ? 1 : 2, 0);
        sim_node_start(&s, i, &r[i].p, own);
    }
    n_forged = 0;
    s.meddle = nearer_hub;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    return over(&s, same_tunnel(&s));
}

const struct attack attacks_forged[] = {
    {"M1 an answer of no use, the real peer is slow", of_no_use},
    {"M1c an answer of no use, the real peer is gone", of_no_use_unanswered},
    {"M2 IKE_AUTH that is not understood", not_understood},
    {"M7 an answer by which nothing can be signed", unknown_hash},
    {"M8 another answer, the real peer is slow", asked_twice},
    {"M12 a forged cookie", forged_cookie},
    {"M13 a forged group", forged_group},
    {"M14 the same SPI a moment before", same_spi},
    {NULL, NULL},
};
