/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One datagram ends nothing: forged answers, and answers of peers that go wrong (finding B1). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

static bool from(const struct packet_in_flight *f, const char *addr)
{
    struct ip_addr a = address(addr);
    return addr_eq(&f->from.addr, &a);
}

/* An answer of `n` bytes of a key exchange of group 19 to an IKE_SA_INIT request. */
static size_t init_answer(const struct packet_in_flight *request, uint64_t spi_r, size_t ke_len, uint8_t *out,
                          size_t room)
{
    static uint8_t junk[2048] = {4};
    struct rd r = rd_of(request->p, request->n);
    struct ike_header q;
    if (!ike_header_read(&r, &q))
        return 0;
    struct wr w = wr_to(out, room);
    struct ike_chain c = {&w, 16};
    const struct ike_header h = {q.spi_i, spi_r, 0, 0x20, X2_SA_INIT, IKE2_RESPONSE, 0, 0};
    const struct ike2_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_IKE,
        .n = 4,
        .v = {{TT_ENCR, 12, 128, false}, {TT_PRF, 5, 0, false}, {TT_INTEG, 12, 0, false}, {TT_DH, 19, 0, false}}};
    ike_header_write(&w, &h);
    size_t at = ike_pl_begin(&c, PL2_SA);
    ike2_proposal_write(&w, &p, true);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, 19, junk, ke_len);
    ike_pl_bytes(&c, PL2_NONCE, junk, 32);
    ike_header_finish(&w, 0);
    return w.bad ? 0 : w.n;
}

static struct {
    size_t ke_len;
    bool keep_real, once;
} forge;

/* In front of every real answer, or once, a forged one. */
static bool forged_first(struct tap *t, struct packet_in_flight *f)
{
    uint8_t b[4096];
    if (f->p[18] != X2_SA_INIT || !(f->p[19] & IKE2_RESPONSE) || !from(f, BRANCH))
        return true;
    for (unsigned i = 0; i < t->n && !forge.once; i++)
        if (t->v[i].p[18] == X2_SA_INIT && !(t->v[i].p[19] & IKE2_RESPONSE)) {
            size_t n = init_answer(&t->v[i], 0x6666, forge.ke_len, b, sizeof b);
            forge.once = true;
            inject(t->s, &f->from, &f->to, b, n);
            break;
        }
    return forge.keep_real;
}

static const char *forged_init(size_t ke_len)
{
    struct pair x;
    pair_open(&x, 2, 3);
    pair_start(&x);
    forge.ke_len = ke_len;
    forge.keep_real = true;
    forge.once = false;
    x.tap.also = forged_first;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 30000);
    return pair_over(&x, children_of(&x.s, 0) ? NULL : "one forged answer ends the tunnel");
}
static const char *b1_oversize(void)
{
    return forged_init(600);
}
static const char *b1_short(void)
{
    return forged_init(3);
}
/* A value of the right length that is no point of the curve. */
static const char *b1_bad_point(void)
{
    return forged_init(64);
}

/* The forged answer has a good value of its own: only IKE_AUTH tells. */
static bool forged_good(struct tap *t, struct packet_in_flight *f)
{
    static struct ike_dh *dh;
    uint8_t value[IKE_DH_MAX], b[4096];
    if (forge.once || f->p[18] != X2_SA_INIT || !(f->p[19] & IKE2_RESPONSE) || !from(f, BRANCH))
        return true;
    forge.once = true;
    dh = ike_dh_new(ALGO_DH_256_ECP);
    for (unsigned i = 0; i < t->n && dh && ike_dh_public(dh, value); i++) {
        if (t->v[i].p[18] != X2_SA_INIT || (t->v[i].p[19] & IKE2_RESPONSE))
            continue;
        size_t n = init_answer(&t->v[i], 0x6667, 64, b, sizeof b);
        for (size_t at = 0; at + 68 < n; at++) /* the zero-filled value of init_answer() begins with 4 */
            if (b[at] == 0 && b[at + 1] == 19 && b[at + 4] == 4) {
                memcpy(b + at + 4, value, 64);
                break;
            }
        inject(t->s, &f->from, &f->to, b, n);
        break;
    }
    ike_dh_free(dh);
    return true;
}

/* Does the tunnel come up, whatever is sent in between? */
static const char *in_spite_of(unsigned version, bool (*meddler)(struct tap *t, struct packet_in_flight *f),
                               const char *otherwise)
{
    struct pair x;
    pair_open(&x, version, 3);
    pair_start(&x);
    forge.once = false;
    x.tap.also = meddler;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 20000);
    return pair_over(&x, children_of(&x.s, 0) ? NULL : otherwise);
}

static const char *b1_good_value(void)
{
    return in_spite_of(2, forged_good, "a forged answer is followed for ever, the real one is lost");
}

/* Main mode: a second answer with another cookie, before the real one. */
static bool forged_main(struct tap *t, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (forge.once || f->p[18] != X1_MAIN || !from(f, BRANCH) || f->n > sizeof b)
        return true;
    forge.once = true;
    memcpy(b, f->p, f->n);
    b[8] ^= 0x55;
    inject(t->s, &f->from, &f->to, b, f->n);
    return true;
}

static const char *b1_main_mode(void)
{
    return in_spite_of(1, forged_main, "one forged answer to main mode ends the tunnel");
}

/* Main mode: the fourth message comes with a value that is no point. */
static bool forged_ke(struct tap *t, struct packet_in_flight *f)
{
    uint8_t b[2048];
    bool fourth = f->p[18] == X1_MAIN && f->p[16] == PL1_KE && from(f, BRANCH);
    if (forge.once || !fourth || f->n > sizeof b)
        return true;
    forge.once = true;
    memcpy(b, f->p, f->n);
    memset(b + 32, 0xee, 32);
    inject(t->s, &f->from, &f->to, b, f->n);
    return true;
}

static const char *b1_main_bad_value(void)
{
    return in_spite_of(1, forged_ke, "a forged Diffie-Hellman value ends main mode");
}

/* An authenticated peer answers a rekeying with a value of the wrong length; DPD and lifetimes must go on. */
static bool long_create_answer(struct tap *t, struct packet_in_flight *f)
{
    struct sim *s = t->s;
    struct ike_sa *sa = first_sa(s, 1), *hub = first_sa(s, 0);
    if (forge.once || f->p[18] != X2_CREATE_CHILD || (f->p[19] & IKE2_RESPONSE) || !sa || !hub)
        return true;
    static uint8_t junk[2048] = {4};
    struct v2_out o;
    forge.once = true;
    v2_begin(s->nodes[1].ike, &o);
    const struct ike2_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_ESP,
        .spi_len = 4,
        .spi = {1, 2, 3, 4},
        .n = 4,
        .v = {{TT_ENCR, 12, 128, false}, {TT_INTEG, 12, 0, false}, {TT_DH, 19, 0, false}, {TT_ESN, 0, 0, false}}};
    size_t at = ike_pl_begin(&o.c, PL2_SA);
    ike2_proposal_write(&o.w, &p, true);
    ike_pl_end(&o.c, at);
    ike_pl_bytes(&o.c, PL2_NONCE, junk, 32);
    ike2_ke_write(&o.c, 19, junk, 600);
    struct ike_ts src, dst;
    ike_line_ts(&((const struct router *)s->nodes[0].ike->policy)->lines[0][1], &src, &dst);
    ike2_ts_write(&o.c, PL2_TSI, &src, 1);
    ike2_ts_write(&o.c, PL2_TSR, &dst, 1);
    struct rd r = rd_of(f->p, f->n);
    struct ike_header h;
    if (ike_header_read(&r, &h) && v2_respond(s->nodes[1].ike, sa, X2_CREATE_CHILD, h.id, &o))
        s->nodes[1].deaf = true; /* and is never heard of again */
    return false;
}

static const char *b1_authenticated(void)
{
    struct pair x;
    pair_open(&x, 2, 3);
    x.hub.entries[0].pfs = ALGO_DH_256_ECP;
    x.branch.entries[0].pfs = ALGO_DH_256_ECP;
    x.hub.profiles[0].dpd_s = 30;
    x.hub.profiles[0].dpd_periodic = true;
    pair_start(&x);
    forge.once = false;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.tap.also = long_create_answer;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 400000);
    return pair_over(&x, !forge.once              ? "the attack did not happen"
                         : x.s.nodes[0].ike->n_sa ? "an SA hangs: no DPD, no lifetime"
                                                  : NULL);
}

const struct attack attacks_answers[] = {
    {"B1 forged answer with a long value", b1_oversize},
    {"B1 forged answer with a short value", b1_short},
    {"B1 forged answer with a bad point", b1_bad_point},
    {"B1 forged answer with a good value", b1_good_value},
    {"B1 forged answer to main mode", b1_main_mode},
    {"B1 forged value in main mode", b1_main_bad_value},
    {"B1 a peer's answer with a long value", b1_authenticated},
    {NULL, NULL},
};
