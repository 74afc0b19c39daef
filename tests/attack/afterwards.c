/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Main mode that is followed on several ways at once: what comes behind the real messages, from another port, in
 * pieces, or as another peer (findings R1 to R8, R10, R16, R17, R19).
 */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "tests/attack/main_mode.h"

/* The stranger: what he alters, where he comes with it, and how often. */
enum change { SECOND_BARE, SHORT_LIFE, WITHOUT_NAT_D, OTHER_NAT_D, OTHER_PORT, OTHER_VALUE };
static struct {
    unsigned kind, n;
    enum change by;
    bool is_behind, is_once;
} stranger;

static void stranger_is(unsigned kind, enum change by, bool is_behind, bool is_once)
{
    memset(&stranger, 0, sizeof stranger);
    stranger.kind = kind;
    stranger.by = by;
    stranger.is_behind = is_behind;
    stranger.is_once = is_once;
}

/* Everything from its first NAT-D on is gone. */
static size_t without_nat_d(uint8_t *b, size_t n)
{
    uint8_t next = b[16], *before = &b[16];
    for (size_t at = IKE_HEADER_LEN; next && at + 4 <= n; at += (size_t)b[at + 2] << 8 | b[at + 3]) {
        if (next == PL1_NAT_D) {
            *before = 0;
            b[26] = (uint8_t)(at >> 8);
            b[27] = (uint8_t)at;
            return at;
        }
        before = &b[at];
        next = b[at];
    }
    return n;
}

static void life_of_a_second(uint8_t *b, size_t n)
{
    static const uint8_t day[] = {0, 1, 0x51, 0x80};
    for (size_t i = IKE_HEADER_LEN; i + 4 <= n; i++)
        if (memcmp(b + i, day, 4) == 0) {
            memcpy(b + i, "\0\0\0\1", 4);
            return;
        }
}

static size_t change(uint8_t *b, size_t n, struct ike_end *from)
{
    struct ike_dh *dh = stranger.by == OTHER_VALUE ? ike_dh_new(ALGO_DH_256_ECP) : NULL;
    if (dh && !ike_dh_public(dh, b + payload_body(b, n, PL1_KE)))
        abort();
    ike_dh_free(dh);
    if (stranger.by == OTHER_PORT)
        from->port = 777;
    if (stranger.by == OTHER_NAT_D)
        b[payload_body(b, n, PL1_NAT_D)] ^= 1;
    if (stranger.by == SHORT_LIFE)
        life_of_a_second(b, n);
    if (stranger.by == WITHOUT_NAT_D)
        return without_nat_d(b, n);
    return stranger.by == SECOND_BARE ? cut_behind_first(b) : n;
}

static bool strangers_word(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    bool nobody_listens = f->to.port == 777;
    if (nobody_listens)
        return false;
    if (main_mode_kind(s, f) != stranger.kind || (stranger.is_once && stranger.n))
        return true;
    unsigned node = stranger.kind == 3 ? 0 : 1;
    struct ike_end from = f->from;
    memcpy(b, f->p, f->n);
    size_t n = change(b, f->n, &from);
    stranger.n++;
    if (stranger.is_behind)
        hit(s, node, &f->from, f, f->p, f->n);
    hit(s, node, &from, f, b, n);
    return true;
}

static void open_pair(struct pair *x, unsigned seed, bool is_behind_nat)
{
    pair_open(x, 1, 1);
    x->s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    x->hub.p.v1_keepalive_s = x->branch.p.v1_keepalive_s = 10;
    if (is_behind_nat) {
        router_key(&x->hub, "0.0.0.0", 0, NULL, "secret");
        x->branch.entries[0].local = address("10.99.0.1");
    }
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, is_behind_nat ? "10.99.0.1" : BRANCH);
    if (is_behind_nat)
        sim_node_nat(&x->s, 1, BRANCH, 4529);
    slow_begin(&x->s);
}

/* ---- R1: fragments whose SA gives way while the message is at work; a stranger at his own address ---- */

static void in_two(struct sim *s, const struct packet_in_flight *f, const uint8_t *p, uint16_t id)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t b[2048];
        const size_t half = f->n / 2;
        const size_t at = i ? half : 0;
        const size_t len = i ? f->n - half : half;
        struct wr w = wr_to(b, sizeof b);
        struct rd r = rd_of(p, 16);
        const uint64_t spi_i = rd_u64(&r), spi_r = rd_u64(&r);
        const struct ike_header h = {spi_i, spi_r, PL1_FRAGMENT, 0x10, X1_MAIN, 0, 0, 0};
        ike_header_write(&w, &h);
        wr_u16(&w, 0);
        wr_u16(&w, (unsigned)len + 8);
        wr_u16(&w, id);
        wr_u8(&w, (uint8_t)(i + 1));
        wr_u8(&w, (uint8_t)i);
        wr_bytes(&w, p + at, len);
        ike_header_finish(&w, 0);
        inject(s, &f->from, &f->to, w.p, w.n);
    }
}

static bool third_in_pieces(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (main_mode_kind(s, f) != 3)
        return true;
    for (unsigned i = 0; i < 40; i++) {
        memcpy(b, f->p, f->n);
        b[payload_body(b, f->n, PL1_NONCE) + i % 16] ^= (uint8_t)(1 + i / 16);
        stranger.n++;
        in_two(s, f, b, (uint16_t)(1 + i));
    }
    return true;
}

static const char *in_pieces(void)
{
    static struct sim s;
    static struct router r[2];
    for (unsigned seed = 0; seed < 40; seed++) {
        sim_init(&s, seed + 1, 2);
        stranger_is(3, OTHER_PORT, false, false);
        for (unsigned i = 0; i < 2; i++) {
            const char *own = i ? "192.0.2.66" : HUB;
            router_init(&r[i], 1);
            r[i].p.v1_fragmentation = true;
            r[i].p.max_in_negotiation = i || seed % 2 ? 0 : 10;
            router_key(&r[i], i ? HUB : "0.0.0.0", i ? 32 : 0, NULL, i ? "a guess" : "secret");
            struct ike_entry *e = router_entry(&r[i], 1, own, i ? HUB : BRANCH, NULL);
            entry_line(&r[i], e, CHILD(0), (int)i + 1, 0, 2 - (int)i, 0);
            sim_node_start(&s, i, &r[i].p, own);
        }
        s.meddle = third_in_pieces;
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 3000);
        s.meddle = NULL;
        const char *bad = over(&s, stranger.n ? NULL : "no attack");
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- R2: one word more, behind what is real or before it ---- */

static const struct {
    unsigned kind;
    enum change by;
    bool is_behind, is_behind_nat;
} words[] = {{3, OTHER_NAT_D, true, false},   {4, OTHER_NAT_D, true, false},   {3, OTHER_NAT_D, false, false},
             {4, OTHER_NAT_D, false, false},  {2, SECOND_BARE, true, true},    {2, SECOND_BARE, false, true},
             {3, WITHOUT_NAT_D, true, true},  {3, WITHOUT_NAT_D, false, true}, {4, WITHOUT_NAT_D, true, true},
             {4, WITHOUT_NAT_D, false, true}, {2, OTHER_PORT, false, false},   {3, OTHER_PORT, false, false},
             {4, OTHER_PORT, false, false}};

static const char *one_word(unsigned at, unsigned seed, bool is_once)
{
    static struct pair x;
    open_pair(&x, seed, words[at].is_behind_nat);
    stranger_is(words[at].kind, words[at].by, words[at].is_behind, is_once);
    x.s.meddle = strangers_word;
    unsigned t = seconds_to_tunnel(&x.s, 60);
    x.s.meddle = NULL;
    const struct ike_sa *hub = standing_sa(&x.s, 0), *branch = standing_sa(&x.s, 1);
    bool sees_nat = hub && branch && hub->nat_remote && branch->nat_local && hub->floated;
    const char *bad = NULL;
    if (!stranger.n)
        bad = "no attack";
    else if (t > 20)
        bad = broken("word %u, seed %u: no tunnel for %u s: %s", at, seed, t, x.s.nodes[0].last);
    else if (words[at].is_behind_nat && !sees_nat)
        bad = broken("word %u, seed %u: the tunnel does not know of the NAT", at, seed);
    return over(&x.s, bad);
}

static const char *each_word(void)
{
    for (unsigned at = 0; at < sizeof words / sizeof *words; at++)
        for (unsigned seed = 0; seed < 5; seed++) {
            const char *bad = one_word(at, seed, seed % 2);
            if (bad)
                return bad;
        }
    return NULL;
}

/* R3: a second message behind the real one, without vendor ids, or with a life of a second. */
static const char *downgraded(void)
{
    static struct pair x;
    for (unsigned i = 0; i < 2; i++) {
        open_pair(&x, 0, false);
        stranger_is(2, i ? SHORT_LIFE : SECOND_BARE, true, true);
        x.s.meddle = strangers_word;
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 500);
        x.s.meddle = NULL;
        const struct ike_sa *sa = standing_sa(&x.s, 1);
        const char *bad = sa ? NULL : "no tunnel";
        if (sa && !sa->v1->peer_dpd)
            bad = "the tunnel is without dead peer detection";
        if (sa && sa->expire_at < sa->up_at + 3600000)
            bad = "the ISAKMP SA has a life of a second";
        bad = over(&x.s, stranger.n ? bad : "no attack");
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- R4: the true message waits for a secret that comes to nothing ---- */

static bool no_value_in_front(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (main_mode_kind(s, f) != stranger.kind || f->is_late)
        return true;
    unsigned node = stranger.kind == 3 ? 0 : 1;
    size_t ke = payload_body(f->p, f->n, PL1_KE), nonce = payload_body(f->p, f->n, PL1_NONCE);
    memcpy(b, f->p, f->n);
    if (!stranger.n++) { /* the first time: one that is followed, and the true one is lost */
        b[nonce] ^= 0x55;
        hit(s, node, &f->from, f, b, f->n);
        return comes_late(s, f, 500);
    }
    b[nonce + 4] ^= (uint8_t)sim_random(s, 256);
    b[nonce + 5] ^= (uint8_t)stranger.n;
    b[ke + 3] ^= 1;
    hit(s, node, &f->from, f, b, f->n);
    return true;
}

static const char *waits_in_vain(void)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 20; seed++) {
        open_pair(&x, seed, false);
        for (unsigned i = 0; i < 2; i++)
            x.s.nodes[i].ike->host.job = slow_job;
        stranger_is(3 + seed % 2, OTHER_PORT, false, false);
        x.s.meddle = no_value_in_front;
        unsigned t = seconds_to_tunnel(&x.s, 60);
        x.s.meddle = NULL;
        slow_end();
        const char *bad = over(&x.s, t > 40 ? broken("seed %u: no tunnel for %u s", seed, t) : NULL);
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- R5: a peer's password of its own (crypto isakmp peer), by main mode, and another cookie in front ---- */

static bool cookie_in_front(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (main_mode_kind(s, f) != 2)
        return true;
    memcpy(b, f->p, f->n);
    b[8] ^= 0x55;
    stranger.n++;
    hit(s, 1, &f->from, f, b, f->n);
    return true;
}

static const char *own_password(void)
{
    static const uint8_t name[] = "branch.example.com";
    static struct ike_aggressive_peer to_hub;
    static struct pair x;
    pair_open(&x, 1, 1);
    to_hub = (struct ike_aggressive_peer){.peer = address(HUB), .id_type = IKE_ID_FQDN, .id = {name, 18}};
    to_hub.key = x.branch.keys[0];
    to_hub.key.id = x.branch.p.n_key_ids = 2;
    x.branch.p.n_keys = 0;
    x.branch.p.aggressive = &to_hub;
    x.branch.p.n_aggressive = 1;
    x.branch.p.aggressive_disabled = true;
    pair_start(&x);
    tap_close(&x.tap);
    slow_begin(&x.s);
    stranger_is(2, OTHER_PORT, false, false);
    x.s.meddle = cookie_in_front;
    unsigned t = seconds_to_tunnel(&x.s, 60);
    x.s.meddle = NULL;
    return over(&x.s, t > 10 ? broken("no tunnel for %u s: %s", t, x.s.nodes[1].last) : NULL);
}

/* ---- R6: a thousand forged messages, and what the log says of them ---- */

static unsigned lines;
static void count_lines(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa,
                        const struct ike_child *c, const char *text)
{
    (void)ctx, (void)e, (void)sa, (void)c, (void)text;
    lines += l <= IKE_NOTICE;
}

/* A second message with a cipher that was not offered; a third or fourth with a value that is none. */
static void spoil(uint8_t *b, size_t n, unsigned kind, unsigned i)
{
    if (kind == 2) {
        b[9] ^= (uint8_t)(i + 1);
        b[10] ^= (uint8_t)(i >> 8);
        for (size_t k = IKE_HEADER_LEN; k + 4 <= n; k++)
            if (b[k] == 0x80 && b[k + 1] == 1) {
                b[k + 3] ^= 2;
                return;
            }
        return;
    }
    size_t nonce = payload_body(b, n, PL1_NONCE);
    b[nonce] ^= (uint8_t)i;
    b[nonce + 1] ^= (uint8_t)(1 + (i >> 8));
    b[payload_body(b, n, PL1_KE) + 2] ^= 1;
}

static bool a_thousand(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (main_mode_kind(s, f) != stranger.kind || stranger.n)
        return true;
    unsigned node = stranger.kind == 3 ? 0 : 1;
    hit(s, node, &f->from, f, f->p, f->n);
    for (; stranger.n < 1000; stranger.n++) {
        memcpy(b, f->p, f->n);
        spoil(b, f->n, stranger.kind, stranger.n);
        hit(s, node, &f->from, f, b, f->n);
    }
    return true;
}

static const char *floods_log(void)
{
    static struct pair x;
    for (unsigned kind = 2; kind <= 4; kind++) {
        open_pair(&x, 0, false);
        stranger_is(kind, OTHER_PORT, false, false);
        lines = 0;
        x.s.nodes[kind == 3 ? 0 : 1].ike->host.event = count_lines;
        x.s.meddle = a_thousand;
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 500);
        x.s.meddle = NULL;
        const char *bad = lines > 20 ? broken("message %u: 1000 forged, %u lines in the log", kind, lines) : NULL;
        bad = over(&x.s, bad);
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- R7: a public value of the stranger's behind the real one: he hears neither identity nor proof ---- */

static unsigned proofs;
static bool value_behind(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    proofs += is_from(s, f, 1) && h[18] == X1_MAIN && h[19] & IKE1_ENCRYPTED;
    return strangers_word(s, f);
}

static const char *proves_to_stranger(void)
{
    static struct pair x;
    open_pair(&x, 0, false);
    stranger_is(4, OTHER_VALUE, true, true);
    proofs = 0;
    x.s.meddle = value_behind;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    x.s.meddle = NULL;
    const char *bad = standing_sa(&x.s, 1) ? NULL : "no tunnel";
    if (!bad && proofs > 1)
        bad = "the tunnel stands, and the branch has proved itself to a stranger as well";
    return over(&x.s, stranger.n ? bad : "no attack");
}

/* ---- R8: who clears a negotiation by its number ends all that claims to be it ---- */

static bool six_cookies(struct sim *s, struct packet_in_flight *f)
{
    const unsigned kind = main_mode_kind(s, f);
    for (unsigned i = 0; kind == 2 && i < 6; i++) {
        uint8_t b[2048];
        memcpy(b, f->p, f->n);
        b[8] ^= (uint8_t)(1 + i);
        hit(s, 1, &f->from, f, b, f->n);
    }
    return !kind || kind == 2;
}

static const char *cleared_by_number(void)
{
    static struct pair x;
    open_pair(&x, 0, false);
    x.s.meddle = six_cookies;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 900);
    struct ike *branch = x.s.nodes[1].ike;
    unsigned n = branch->n_sa;
    ike_clear(branch, x.s.now, NULL, 0, first_sa(&x.s, 1)->id);
    unsigned left = branch->n_sa;
    x.s.meddle = NULL;
    const char *bad = left ? broken("of %u SAs of one negotiation %u go on", n, left) : NULL;
    return over(&x.s, n > 1 ? bad : "no attack");
}

/* ---- R16: choices that were not offered, and then silence ---- */

static bool choices_and_silence(struct sim *s, struct packet_in_flight *f)
{
    const unsigned kind = main_mode_kind(s, f);
    for (unsigned i = 0; kind == 2 && i < 3; i++) {
        uint8_t b[2048];
        memcpy(b, f->p, f->n);
        if (i)
            spoil(b, f->n, 2, i);
        stranger.n++;
        hit(s, 1, &f->from, f, b, f->n);
    }
    return !stranger.n;
}

static const char *idle_ones_end(void)
{
    static struct pair x;
    open_pair(&x, 0, false);
    stranger_is(2, OTHER_PORT, false, false);
    x.s.meddle = choices_and_silence;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 200000);
    x.s.meddle = NULL;
    unsigned n = x.s.nodes[1].ike->n_sa;
    const char *bad = n ? broken("%u negotiations have no end", n) : NULL;
    return over(&x.s, stranger.n ? bad : "no attack");
}

/* ---- R17: third messages when the tunnel stands ---- */

static struct {
    uint8_t p[2048];
    size_t n;
    struct ike_end from, to;
} third;

static bool one_third(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    if (main_mode_kind(s, f) != 3 || third.n)
        return true;
    memcpy(third.p, f->p, f->n);
    third.n = f->n;
    third.from = f->from;
    third.to = f->to;
    memcpy(b, f->p, f->n);
    b[payload_body(b, f->n, PL1_NONCE)] ^= 0x55;
    hit(s, 0, &f->from, f, b, f->n);
    return true;
}

static const char *standing_makes_room(void)
{
    static struct pair x;
    for (unsigned seed = 0; seed < 10; seed++) {
        open_pair(&x, seed, false);
        third.n = 0;
        x.s.meddle = one_third;
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 3000);
        x.s.meddle = NULL;
        const char *bad = children_of(&x.s, 0) ? NULL : "no tunnel";
        for (unsigned i = 0; i < 60 && !bad; i++) {
            uint8_t b[2048];
            memcpy(b, third.p, third.n);
            b[payload_body(b, third.n, PL1_NONCE) + 1] ^= (uint8_t)(i + 1);
            inject(&x.s, &third.from, &third.to, b, third.n);
            sim_run(&x.s, 100);
            if (!children_of(&x.s, 0))
                bad = broken("seed %u: %u forged, and the hub's tunnel has gone", seed, i + 1);
        }
        bad = over(&x.s, bad);
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- R19: two words of a stranger ---- */

static const struct {
    unsigned kind[2];
    enum change by[2];
    bool is_behind[2], is_behind_nat;
} pairs_of_words[] = {{{2, 4}, {SECOND_BARE, OTHER_NAT_D}, {true, false}, false},
                      {{2, 4}, {SECOND_BARE, WITHOUT_NAT_D}, {true, false}, true},
                      {{2, 3}, {SECOND_BARE, OTHER_NAT_D}, {true, true}, true},
                      {{3, 4}, {OTHER_NAT_D, OTHER_NAT_D}, {false, false}, false}};
static size_t pair_at;
static unsigned said[2];

static bool both_words(struct sim *s, struct packet_in_flight *f)
{
    bool passes = true;
    for (unsigned i = 0; i < 2; i++) {
        const unsigned kind = pairs_of_words[pair_at].kind[i];
        if (main_mode_kind(s, f) != kind)
            continue;
        stranger_is(kind, pairs_of_words[pair_at].by[i], pairs_of_words[pair_at].is_behind[i], true);
        stranger.n = said[i];
        passes &= strangers_word(s, f);
        said[i] = stranger.n;
    }
    return passes;
}

static const char *two_words(void)
{
    static struct pair x;
    for (pair_at = 0; pair_at < sizeof pairs_of_words / sizeof *pairs_of_words; pair_at++)
        for (unsigned seed = 0; seed < 5; seed++) {
            open_pair(&x, seed, pairs_of_words[pair_at].is_behind_nat);
            said[0] = said[1] = 0;
            x.s.meddle = both_words;
            unsigned t = seconds_to_tunnel(&x.s, 100);
            x.s.meddle = NULL;
            const char *bad =
                t > 30 ? broken("words %zu, seed %u: no tunnel for %u s: %s", pair_at, seed, t, x.s.nodes[0].last)
                       : NULL;
            bad = over(&x.s, said[0] && said[1] ? bad : "no attack");
            if (bad)
                return bad;
        }
    return NULL;
}

/* ---- R10: all of it, by seeds: memory, and that nothing begins and never ends ---- */

static void alter_anyhow(struct sim *s, uint8_t *b, size_t *n, struct ike_end *from)
{
    const size_t ke = payload_body(b, *n, PL1_KE), nonce = payload_body(b, *n, PL1_NONCE);
    const uint8_t bit = (uint8_t)(1 + sim_random(s, 255));
    switch (sim_random(s, 9)) {
    case 0:
        b[8] ^= bit;
        break;
    case 1:
        *n = b[16] == PL1_SA ? cut_behind_first(b) : *n;
        break;
    case 2:
        b[nonce + sim_random(s, 16)] ^= bit;
        break;
    case 3:
        b[ke + sim_random(s, 32)] ^= bit;
        break;
    case 4:
        b[IKE_HEADER_LEN + sim_random(s, (uint32_t)(*n - IKE_HEADER_LEN))] ^= bit;
        break;
    case 5:
        b[18] = X1_INFO;
        break;
    case 6:
        b[19] ^= IKE1_ENCRYPTED;
        break;
    case 7:
        b[18] = sim_random(s, 2) ? X1_QUICK : X1_AGGRESSIVE;
        break;
    default:
        from->port = (uint16_t)sim_random(s, 65536);
    }
}

static bool anything(struct sim *s, struct packet_in_flight *f)
{
    bool is_marked = memcmp(f->p, "\0\0\0\0", 4) == 0; /* as on port 4500 */
    if (f->n > 2000 || is_marked || sim_random(s, 2))
        return true;
    unsigned n = 1 + sim_random(s, sim_random(s, 4) ? 3 : 14);
    for (unsigned i = 0; i < n; i++) {
        uint8_t b[2048];
        struct ike_end from = f->from;
        size_t len = f->n;
        memcpy(b, f->p, len);
        alter_anyhow(s, b, &len, &from);
        if (sim_random(s, 10) == 0 && len == f->n)
            in_two(s, f, b, (uint16_t)sim_random(s, 3));
        else
            inject(s, &from, &f->to, b, len);
    }
    return true;
}

static const char *never_ends(const struct sim *s, unsigned seed)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct ike *k = s->nodes[i].ike;
        for (uint32_t h = 0; h < k->hash_size; h++)
            for (const struct ike_sa *sa = k->by_spi[h]; sa; sa = sa->hash_next)
                if (ike_is(sa, IKE_BEGINS) && s->now - sa->begun_at > 150000)
                    return broken("seed %u: at node %u one is in %s for %u s", seed, i, ike_state_name(sa->state),
                                  (unsigned)((s->now - sa->begun_at) / 1000));
    }
    return NULL;
}

/* One of them is cleared, or reads its configuration again, with its entry or without. */
static bool something_happens(struct sim *s, unsigned node, const struct router **was, struct router *later)
{
    static const uint32_t same[] = {0}, gone[] = {UINT32_MAX};
    const struct ike_sa *sa = first_sa(s, node);
    switch (sim_random(s, 12)) {
    case 0:
        ike_clear(s->nodes[node].ike, s->now, NULL, 0, 0);
        return false;
    case 1:
        ike_clear(s->nodes[node].ike, s->now, NULL, 0, sa ? sa->id : 0);
        return false;
    case 2:
        router_copy(later, was[node]);
        if (!router_reload(s, node, was[node], later, sim_random(s, 2) ? same : gone))
            abort();
        was[node] = later;
        return true;
    default:
        return false;
    }
}

static const char *anyhow(unsigned seed)
{
    static struct pair x;
    static struct router later[100];
    pair_open(&x, 1, 1);
    x.s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    x.hub.p.v1_fragmentation = x.branch.p.v1_fragmentation = sim_random(&x.s, 2);
    x.hub.p.max_in_negotiation = sim_random(&x.s, 3) ? 0 : 1 + sim_random(&x.s, 8);
    x.hub.p.max_sa = sim_random(&x.s, 3) ? 0 : 1 + sim_random(&x.s, 2);
    x.hub.v1[0].lifetime_s = x.branch.v1[0].lifetime_s = sim_random(&x.s, 2) ? 60 : 86400;
    pair_start(&x);
    tap_close(&x.tap);
    slow_begin(&x.s);
    for (unsigned i = 0; i < 2; i++)
        if (sim_random(&x.s, 3))
            x.s.nodes[i].ike->host.job = slow_job;
    x.s.dup = sim_random(&x.s, 200);
    x.s.loss = sim_random(&x.s, 2) ? 150 : 0;
    x.s.delay_ms = 1 + sim_random(&x.s, 60);
    x.s.meddle = anything;
    const struct router *was[2] = {&x.hub, &x.branch};
    unsigned n_later = 0, most = 0;
    for (unsigned steps = 30 + sim_random(&x.s, 60); steps; steps--) {
        for (unsigned i = 0; i < 2; i++) {
            if (sim_random(&x.s, 3) == 0)
                ike_acquire(x.s.nodes[i].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
            most = x.s.nodes[i].ike->n_sa > most ? x.s.nodes[i].ike->n_sa : most;
        }
        n_later += something_happens(&x.s, sim_random(&x.s, 2), was, &later[n_later]);
        pass(&x.s, 20 + sim_random(&x.s, sim_random(&x.s, 2) ? 200 : 3000));
    }
    x.s.meddle = NULL;
    x.s.loss = x.s.dup = 0;
    pass(&x.s, 200000);
    const char *bad = most > 60 ? broken("seed %u: %u SAs", seed, most) : never_ends(&x.s, seed);
    slow_end();
    return over(&x.s, bad);
}
static const char *all_of_it(void)
{
    return by_seeds(anyhow, 60);
}

const struct attack attacks_afterwards[] = {
    {"R1 a third message in pieces, forty times", in_pieces},
    {"R2 one word more, behind the real one or before it", each_word},
    {"R3 a second message behind takes something away", downgraded},
    {"R4 the real message waits for a secret that is none", waits_in_vain},
    {"R5 another cookie, and a password of the peer's own", own_password},
    {"R6 a thousand forged, and the log", floods_log},
    {"R7 a stranger's public value behind the real one", proves_to_stranger},
    {"R8 a negotiation is cleared by its number", cleared_by_number},
    {"R16 choices that were not offered, and silence", idle_ones_end},
    {"R17 third messages when the tunnel stands", standing_makes_room},
    {"R19 two words of a stranger", two_words},
    {"R10 all of it, by seeds, IKEv1", all_of_it},
    {NULL, NULL},
};
