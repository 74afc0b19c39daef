/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Main mode of IKEv1 while somebody nearer sends altered second, third and fourth messages in front of the real ones
 * (findings P1 to P10).
 */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/office.h"
#include "tests/attack/slow.h"

/* What is altered of a message: 2 is the responder's choice, 3 and 4 carry public value and nonce. */
enum alteration { OTHER_COOKIE, NO_VENDORS, OTHER_NONCE, OTHER_VALUE, NO_VALUE, ALTERATIONS };
static struct {
    bool of_kind[5];    /* 2, 3, 4 */
    unsigned copies;    /* of each message; each altered another way */
    bool every_time;    /* not only when it is seen for the first time */
    enum alteration by; /* ALTERATIONS: whichever */
    unsigned forged, seen_n;
    unsigned most; /* IKE SAs at one end, whenever a datagram comes */
    uint64_t seen[4096];
} forger;

static bool is_new(const struct packet_in_flight *f)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < f->n; i++)
        sum = (sum ^ f->p[i]) * 1099511628211u;
    for (unsigned i = 0; i < forger.seen_n; i++)
        if (forger.seen[i] == sum)
            return false;
    if (forger.seen_n < sizeof forger.seen / sizeof *forger.seen)
        forger.seen[forger.seen_n++] = sum;
    return true;
}

static void alter(struct sim *s, struct packet_in_flight *f, unsigned kind, unsigned copy)
{
    uint8_t b[2048], value[IKE_DH_MAX];
    size_t n = f->n;
    enum alteration a = forger.by == ALTERATIONS ? (enum alteration)sim_random(s, ALTERATIONS) : forger.by;
    memcpy(b, f->p, n);
    if (kind == 2 && a == NO_VENDORS)
        n = cut_behind_first(b);
    else if (kind == 2)
        b[8] ^= (uint8_t)(0x55 + copy);
    size_t ke = payload_body(b, n, PL1_KE), nonce = payload_body(b, n, PL1_NONCE);
    struct ike_dh *dh = kind > 2 && a == OTHER_VALUE ? ike_dh_new(ALGO_DH_256_ECP) : NULL;
    if (kind > 2 && dh && ike_dh_public(dh, value))
        memcpy(b + ke, value, ike_dh_len(ALGO_DH_256_ECP));
    else if (kind > 2 && a == NO_VALUE)
        b[ke + copy % 32] ^= 1;
    else if (kind > 2)
        b[nonce + copy % 16] ^= (uint8_t)(1 + copy / 16);
    ike_dh_free(dh);
    forger.forged++;
    inject(s, &f->from, &f->to, b, n);
}

static bool in_front(struct sim *s, struct packet_in_flight *f)
{
    unsigned kind = main_mode_kind(s, f);
    for (unsigned i = 0; i < 2; i++)
        forger.most = s->nodes[i].ike->n_sa > forger.most ? s->nodes[i].ike->n_sa : forger.most;
    if (!kind || !forger.of_kind[kind] || f->n > 2048 || (!is_new(f) && !forger.every_time))
        return true;
    for (unsigned i = 0; i < forger.copies; i++)
        alter(s, f, kind, i);
    return true;
}

static void forger_is(bool second, bool third, bool fourth, unsigned copies, enum alteration by)
{
    memset(&forger, 0, sizeof forger);
    forger.of_kind[2] = second;
    forger.of_kind[3] = third;
    forger.of_kind[4] = fourth;
    forger.copies = copies;
    forger.by = by;
}

/* Is there a tunnel in so many seconds, where traffic asks for one every five? When it stands, nothing else is left at
 * either end. */
static const char *tunnel_within(unsigned seconds, struct sim *s, unsigned seed)
{
    unsigned t = 0;
    s->meddle = in_front;
    for (; t < seconds && !children_of(s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        pass(s, 1000);
    }
    s->meddle = NULL;
    unsigned children = children_of(s, 1);
    pass(s, 500);
    if (!forger.forged)
        return "no attack";
    if (!children)
        return broken("seed %u: no tunnel in %u s, %u forged; the hub says: %s", seed, seconds, forger.forged,
                      s->nodes[0].last);
    if (s->nodes[1].ike->n_sa != 1)
        return broken("seed %u: the branch is left with %u SAs", seed, s->nodes[1].ike->n_sa);
    pass(s, 35000); /* those of other keys have their time, as they may be another peer's */
    for (unsigned i = 0; i < 2; i++)
        if (s->nodes[i].ike->n_sa != 1 || ike_half_open_count(s->nodes[i].ike, 1))
            return broken("seed %u: node %u is left with %u SAs, %u half open", seed, i, s->nodes[i].ike->n_sa,
                          ike_half_open_count(s->nodes[i].ike, 1));
    const char *differ = sim_agree(s, 0, 1);
    return differ ? broken("seed %u: %s", seed, differ) : NULL;
}

static const char *within(unsigned seconds, struct sim *s, unsigned seed)
{
    const char *bad = tunnel_within(seconds, s, seed);
    slow_end();
    return bad;
}

static void begin(struct pair *x, unsigned seed, bool is_slow)
{
    pair_open(x, 1, 1);
    x->s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    pair_start(x);
    tap_close(&x->tap);
    slow_begin(&x->s);
    for (unsigned i = 0; i < 2 && is_slow; i++)
        x->s.nodes[i].ike->host.job = slow_job;
}

static const char *one_kind(bool second, bool third, bool fourth, enum alteration by)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        begin(&x, seed, seed % 2);
        forger_is(second, third, fourth, 1 + seed % 4, by);
        const unsigned copies = forger.of_kind[4] ? forger.copies : 0; /* they are answered a second apart */
        const char *bad = over(&x.s, within(2 + copies, &x.s, seed));
        if (bad)
            return bad;
    }
    return NULL;
}

static const char *second_message(void)
{
    return one_kind(true, false, false, OTHER_COOKIE);
}
static const char *third_message(void)
{
    return one_kind(false, true, false, OTHER_NONCE);
}
static const char *fourth_message(void)
{
    return one_kind(false, false, true, OTHER_NONCE);
}
static const char *other_values(void)
{
    return one_kind(false, true, true, OTHER_VALUE);
}
static const char *no_values(void)
{
    return one_kind(false, true, true, NO_VALUE);
}

/* Whatever, at any of them, on a network that loses and doubles. */
static const char *whatever(unsigned seed)
{
    static struct pair x;
    begin(&x, seed, seed % 3);
    x.s.dup = 100;
    forger_is(sim_random(&x.s, 2), true, sim_random(&x.s, 2), 1 + sim_random(&x.s, 3), ALTERATIONS);
    return over(&x.s, within(40, &x.s, seed));
}
static const char *all_of_them(void)
{
    return by_seeds(whatever, 60);
}

/* The same where both prove themselves by certificates. */
static const char *signed_anyhow(unsigned seed)
{
    static struct office o;
    office_open(&o, 1, FAR, FAR);
    o.s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    slow_begin(&o.s);
    for (unsigned i = 0; i < 2; i++)
        o.s.nodes[i].ike->host.job = slow_job;
    forger_is(sim_random(&o.s, 2), true, sim_random(&o.s, 2), 1 + sim_random(&o.s, 3), ALTERATIONS);
    return office_over(&o, within(40, &o.s, seed));
}
static const char *with_certificates(void)
{
    return by_seeds(signed_anyhow, 5);
}

/* Node 2 is at the hub's address too, and nearer; it has another key, and speaks main mode as well as the hub. */
static bool hub_is_later(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h + 8, 8);
    uint64_t spi_r = rd_u64(&r);
    bool is_forgers = spi_r && ike_by_spi(s->nodes[2].ike, spi_r);
    forger.forged += is_forgers;
    return !is_from(s, f, 0) || is_forgers || comes_late(s, f, 3);
}

static const char *nearer_hub(void)
{
    static struct sim s;
    static struct router r[3];
    for (unsigned seed = 0; seed < 10; seed++) {
        sim_init(&s, seed + 1, 3);
        s.delay_ms = 1;
        slow_begin(&s);
        memset(&forger, 0, sizeof forger);
        for (unsigned i = 0; i < 3; i++) {
            const bool is_branch = i == 1;
            const char *own = is_branch ? BRANCH : HUB;
            const char *peer = is_branch ? HUB : BRANCH;
            const int net = is_branch ? 2 : 1;
            router_init(&r[i], 1);
            router_key(&r[i], peer, 32, NULL, i == 2 ? "a guess" : "secret");
            entry_line(&r[i], router_entry(&r[i], 1, own, peer, NULL), CHILD(0), net, 0, 3 - net, 0);
            sim_node_start(&s, i, &r[i].p, own);
        }
        s.meddle = hub_is_later;
        for (unsigned t = 0; t < 40 && !children_of(&s, 1); t++) {
            if (t % 5 == 0)
                ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
            pass(&s, 1000);
        }
        unsigned n = children_of(&s, 1);
        s.meddle = NULL;
        const char *bad = n ? NULL : broken("seed %u: no tunnel in 40 s", seed);
        bad = over(&s, forger.forged ? bad : "no attack");
        if (bad)
            return bad;
    }
    return NULL;
}

/* A forger that never rests costs no memory, and when it rests there is a tunnel. */
static const char *never_rests(void)
{
    static struct pair x;
    begin(&x, 0, true);
    forger_is(true, true, true, 60, OTHER_NONCE);
    forger.every_time = true;
    x.s.meddle = in_front;
    for (unsigned t = 0; t < 600; t++) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        pass(&x.s, 1000);
    }
    unsigned most = forger.most;
    forger.every_time = false;
    forger.copies = 1;
    const char *bad = within(40, &x.s, 0);
    if (!bad && most > 9)
        bad = broken("%u SAs for one tunnel, %u forged", most, forger.forged);
    return over(&x.s, bad);
}

/* What is asked for goes on by whichever of them is left: the one that had the task gives way. */
static const char *task_is_kept(void)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 20; seed++) {
        begin(&x, seed, false);
        forger_is(true, false, true, 9, OTHER_COOKIE);
        x.s.meddle = in_front;
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        pass(&x.s, 60000);
        x.s.meddle = NULL;
        unsigned n = children_of(&x.s, 1);
        const char *bad = over(&x.s, n == 1 ? NULL : broken("seed %u: asked once, %u tunnels", seed, n));
        if (bad)
            return bad;
    }
    return NULL;
}

const struct attack attacks_rivals[] = {
    {"P1 another second message in front, IKEv1", second_message},
    {"P2 another nonce in the third message", third_message},
    {"P3 another nonce in the fourth message", fourth_message},
    {"P4 other public values", other_values},
    {"P5 public values that are none", no_values},
    {"P6 the task of one that gives way", task_is_kept},
    {"P7 a forger that never rests", never_rests},
    {"P8 any of them, altered anyhow", all_of_them},
    {"P9 the same with certificates", with_certificates},
    {"P10 who is nearer speaks main mode as well", nearer_hub},
    {NULL, NULL},
};
