/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments of IKEv1, forged beside the genuine ones (finding S7); a message of IKEv2 and one of aggressive mode with a
 * byte of another (S8, S9). */
#include <string.h>
#include <time.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/office.h"

#define ID_AT (IKE_HEADER_LEN + 4)
#define NUMBER_AT (IKE_HEADER_LEN + 6)
#define BYTES_AT (IKE_HEADER_LEN + 8)

static unsigned n_forged;
static unsigned flip_at; /* a byte of a piece: of its identifier, or what it holds */

static void flip_in_front(struct sim *s, const struct packet_in_flight *f, size_t at, uint8_t by)
{
    uint8_t b[2048];
    memcpy(b, f->p, f->n);
    b[at] ^= by;
    n_forged++;
    hit(s, is_from(s, f, 0), &f->from, f, b, f->n);
}

static bool forges_pieces(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[16] == PL1_FRAGMENT)
        flip_in_front(s, f, (size_t)(h - f->p) + flip_at, 0x55);
    return true;
}

static struct {
    uint8_t p[2048];
    size_t n;
    struct ike_end from, to;
} third;

/* A third message, in clear and changed, between two pieces of the fifth: another negotiation begins meanwhile. */
static bool forges_between(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (main_mode_kind(s, f) == 3 && h[16] != PL1_FRAGMENT) {
        memcpy(third.p, f->p, f->n);
        third.n = f->n;
        third.from = f->from;
        third.to = f->to;
        return true;
    }
    bool is_second = h[16] == PL1_FRAGMENT && !is_from(s, f, 0) && h[NUMBER_AT] == 2;
    if (!is_second || !third.n)
        return true;
    uint8_t b[2048];
    memcpy(b, third.p, third.n);
    n_forged++;
    b[payload_body(b, third.n, PL1_NONCE)] ^= (uint8_t)n_forged;
    inject(s, &third.from, &third.to, b, third.n);
    return true;
}

/* The first piece once more behind the real one, with the mark of the last. */
static bool marks_last(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    uint8_t b[2048];
    if (h[16] != PL1_FRAGMENT || h[NUMBER_AT] != 1)
        return true;
    memcpy(b, f->p, f->n);
    b[(size_t)(h - f->p) + NUMBER_AT + 1] = 1;
    n_forged++;
    hit(s, is_from(s, f, 0), &f->from, f, f->p, f->n);
    hit(s, is_from(s, f, 0), &f->from, f, b, f->n);
    return false;
}

/* Forty places with two pieces each and no last one: nothing can be made of them, however long one tries. */
static const char *many_rows(void)
{
    static struct office o;
    office_open(&o, 1, FAR, FAR);
    o.hub.p.v1_fragmentation = true;
    slow_begin(&o.s);
    o.s.nodes[1].ike->host.job = queue_job;
    queue.n = 0;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 500);
    const struct ike_sa *sa = first_sa(&o.s, 0);
    if (!sa)
        return office_over(&o, "not so far");
    const struct ike_end branch = {address(BRANCH), IKE_PORT}, hub = {address(HUB), IKE_PORT};
    const struct ike_header h = {sa->spi_i, sa->spi_r, PL1_FRAGMENT, 0x10, X1_MAIN, 0, 0, 0};
    for (unsigned i = 0; i < 80; i++) {
        uint8_t b[IKE_HEADER_LEN + 9];
        struct wr w = wr_to(b, sizeof b);
        ike_header_write(&w, &h);
        wr_u16(&w, 0);
        wr_u16(&w, 9);
        wr_u16(&w, 7);
        wr_u8(&w, 1 + i / 2);
        wr_u8(&w, 0);
        wr_u8(&w, i % 2);
        ike_header_finish(&w, 0);
        ike_input(o.s.nodes[0].ike, o.s.now, &hub, &branch, w.p, w.n);
    }
    while (queue.n) {
        struct ike_job *j = queue.v[--queue.n];
        ike_job_run(j);
        ike_job_done(o.s.nodes[1].ike, o.s.now, j);
    }
    return office_over(&o, NULL); /* it has ended */
}

static unsigned mtu = 400, most = UINT32_MAX;

static const char *in_pieces(bool (*meddle)(struct sim *s, struct packet_in_flight *f), unsigned at)
{
    static struct office o;
    office_open(&o, 1, FAR, FAR);
    o.hub.p.v1_fragmentation = o.branch.p.v1_fragmentation = true;
    o.hub.p.fragment_mtu = o.branch.p.fragment_mtu = (uint16_t)mtu;
    slow_begin(&o.s);
    n_forged = 0;
    third.n = 0;
    flip_at = at;
    o.s.delay_ms = 1;
    o.s.meddle = meddle;
    unsigned t = seconds_to_tunnel(&o.s, 100);
    o.s.meddle = NULL;
    const char *bad = t > 20 ? broken("no tunnel for %u s, %u forged", t, n_forged) : NULL;
    return office_over(&o, n_forged ? bad : "no attack");
}

static const char *other_message(void)
{
    return in_pieces(forges_pieces, ID_AT);
}

static const char *other_bytes(void)
{
    return in_pieces(forges_pieces, BYTES_AT + 4);
}

static const char *marked_last(void)
{
    return in_pieces(marks_last, 0);
}

static const char *between(void)
{
    return in_pieces(forges_between, 0);
}

/* V1: the second message once more behind itself, with another cookie: what comes in pieces later is for the real one.
 */
static bool another_cookie(struct sim *s, struct packet_in_flight *f)
{
    uint8_t b[2048];
    bool is_one = main_mode_kind(s, f) == 2 && packet_header(f)[16] != PL1_FRAGMENT && n_forged < most;
    if (!is_one)
        return true;
    memcpy(b, f->p, f->n);
    b[8] ^= 0x55;
    n_forged++;
    hit(s, 1, &f->from, f, f->p, f->n);
    hit(s, 1, &f->from, f, b, f->n);
    return false;
}
static const char *cookie_behind(void)
{
    most = 1;
    const char *bad = in_pieces(another_cookie, 0);
    most = UINT32_MAX;
    return bad ? bad : in_pieces(another_cookie, 0);
}

/* V2: the branch's last pieces once more from another port, in front. */
static bool last_from_elsewhere(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike_end from = f->from;
    if (f->to.port == 777)
        return false;
    if (h[16] != PL1_FRAGMENT || is_from(s, f, 0) || !h[NUMBER_AT + 1])
        return true;
    from.port = 777;
    n_forged++;
    hit(s, 0, &from, f, f->p, f->n);
    return true;
}
static const char *completed_elsewhere(void)
{
    return in_pieces(last_from_elsewhere, 0);
}

static void piece_with(struct sim *s, const struct packet_in_flight *f, unsigned id, unsigned number, size_t size,
                       bool is_last)
{
    static uint8_t b[65536];
    memcpy(b, packet_header(f), IKE_HEADER_LEN);
    struct wr w = wr_to(b, sizeof b);
    w.n = IKE_HEADER_LEN;
    wr_u16(&w, 0);
    wr_u16(&w, (unsigned)(size + 8));
    wr_u16(&w, id);
    wr_u8(&w, number);
    wr_u8(&w, is_last);
    wr_u32(&w, n_forged); /* none is known already */
    w.n += size - 4;
    ike_header_finish(&w, 0);
    n_forged++;
    hit(s, is_from(s, f, 0), &f->from, f, b, w.n);
}
static void piece_to(struct sim *s, const struct packet_in_flight *f, unsigned id, unsigned number, size_t size)
{
    piece_with(s, f, id, number, size, false);
}

/* V3: huge ones behind the first piece, of another message and of the same one. */
static bool fills_own;
static bool fills_room(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[16] != PL1_FRAGMENT || h[NUMBER_AT] != 1)
        return true;
    const unsigned own = (unsigned)h[ID_AT] << 8 | h[ID_AT + 1];
    const size_t size = f->n - (size_t)(h - f->p) - BYTES_AT;
    hit(s, is_from(s, f, 0), &f->from, f, f->p, f->n);
    for (unsigned k = 0; k < 4 && !fills_own; k++) /* what was room for all of them */
        piece_to(s, f, 0xbeef, 64 - k, 49152 - size * (k + 1));
    static const size_t own_sizes[] = {9000, 9000, 2000};
    for (unsigned k = 0; k < 3 && fills_own; k++)
        piece_to(s, f, own, 64 - k, own_sizes[k]);
    return false;
}
static const char *room_filled(void)
{
    fills_own = false;
    const char *bad = in_pieces(fills_room, 0);
    fills_own = true;
    return bad ? bad : in_pieces(fills_room, 0);
}

/* V4: one forged and then two in front of each piece, or behind it, of messages of many. */
static unsigned forged_each;
static bool is_behind;
static bool forges_each(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    const bool to_branch = is_from(s, f, 0);
    if (h[16] != PL1_FRAGMENT)
        return true;
    if (is_behind)
        hit(s, to_branch, &f->from, f, f->p, f->n);
    for (unsigned i = 1; i <= forged_each; i++)
        flip_in_front(s, f, (size_t)(h - f->p) + BYTES_AT + 4, (uint8_t)i);
    return !is_behind;
}
static const char *many_pieces(void)
{
    const char *bad = NULL;
    mtu = 201;
    for (unsigned i = 0; i < 4 && !bad; i++) {
        forged_each = 1 + i % 2;
        is_behind = i / 2;
        bad = in_pieces(forges_each, 0);
    }
    mtu = 400;
    return bad;
}

/* V6: eight small pieces of other messages behind each, and V7: two large ones of another and six small last ones of it
 * in front of each first piece. */
static bool other_messages(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[16] != PL1_FRAGMENT)
        return true;
    hit(s, is_from(s, f, 0), &f->from, f, f->p, f->n);
    for (unsigned i = 0; i < 8; i++)
        piece_to(s, f, 0x4000 + n_forged, 1, 8);
    return false;
}
static const char *pushed_out(void)
{
    return in_pieces(other_messages, 0);
}
static bool spends_budget(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[16] != PL1_FRAGMENT || h[NUMBER_AT] != 1)
        return true;
    for (unsigned i = 0; i < 16; i++) {
        piece_to(s, f, 0xbeef, 1, 8100);
        piece_to(s, f, 0xbeef, 2, 8100);
        piece_with(s, f, 0xbeef, 3, 8, true);
    }
    return true;
}
static const char *budget_spent(void)
{
    return in_pieces(spends_budget, 0);
}

/* Pieces of a message that somebody makes up for an SA: of `total` bytes, as its own head says. */
struct forger {
    struct ike_header outer, inner;
    struct ike_end from, to;
    unsigned id, total, serial;
};

static struct forger forger_of(uint64_t spi_i, uint64_t spi_r)
{
    return (struct forger){.outer = {spi_i, spi_r, PL1_FRAGMENT, 0x10, X1_MAIN, 0, 0, 0},
                           .inner = {spi_i, spi_r, PL1_ID, 0x10, X1_MAIN, IKE1_ENCRYPTED, 0, 0}};
}

/* `size` bytes of it; the first piece begins with the head of the message; none is known already. */
static void forged_piece(struct sim *s, struct forger *w, unsigned number, size_t size, bool is_last)
{
    static uint8_t b[16384];
    struct wr out = wr_to(b, sizeof b);
    ike_header_write(&out, &w->outer);
    wr_u16(&out, 0);
    wr_u16(&out, (unsigned)(size + 8));
    wr_u16(&out, w->id);
    wr_u8(&out, number);
    wr_u8(&out, is_last);
    const size_t begins = out.n;
    if (number == 1) {
        ike_header_write(&out, &w->inner);
        wr_patch16(&out, begins + 26, w->total);
    }
    wr_u32(&out, w->serial++);
    out.n = begins + size;
    ike_header_finish(&out, 0);
    ike_input(s->nodes[0].ike, s->now, &w->to, &w->from, out.p, out.n);
}

/* Places 2 to 6 twice, 7 to 40 once, and then the first. */
static unsigned piece_number(unsigned i)
{
    if (i < 10)
        return 2 + i / 2;
    return i < 44 ? i - 3 : 1;
}

/* V5: forty pieces of a message with the cookies of an SA that stands, five of them twice, and then a small last one
 * two hundred times: what is put together and decrypted for them in a second is bounded. */
static const char *decrypted_for_nothing(void)
{
    static struct office o;
    office_open(&o, 1, FAR, FAR);
    o.hub.p.v1_fragmentation = o.branch.p.v1_fragmentation = true;
    slow_begin(&o.s);
    if (seconds_to_tunnel(&o.s, 60) > 20)
        return office_over(&o, "there is no tunnel at first");
    const struct ike *hub = o.s.nodes[0].ike;
    const struct ike_sa *sa = standing_sa(&o.s, 0);
    struct forger w = forger_of(sa->spi_i, sa->spi_r);
    w.inner = (struct ike_header){sa->spi_i, sa->spi_r, PL1_HASH, 0x10, X1_QUICK, IKE1_ENCRYPTED, 77, 0};
    w.from = (struct ike_end){address(BRANCH), IKE_PORT};
    w.to = (struct ike_end){address(HUB), IKE_PORT};
    w.id = 7;
    w.total = 16000;
    const uint64_t before = hub->stats.auth_failed + hub->stats.malformed;
    for (unsigned i = 0; i < 45; i++)
        forged_piece(&o.s, &w, piece_number(i), 400, false);
    for (unsigned i = 0; i < 200; i++)
        forged_piece(&o.s, &w, 41, 8, true);
    const uint64_t tried = hub->stats.auth_failed + hub->stats.malformed - before;
    const char *bad = tried > 32 ? broken("%u messages of 16 kB are decrypted in a second", (unsigned)tried) : NULL;
    return office_over(&o, tried ? bad : "nothing was tried");
}

/* ---- what a stranger's pieces cost ---- */

#define NEGOTIATIONS 4u
#define CANDIDATES 8u
#define SMALL_TOTAL 4012u
#define LARGE_TOTAL 16212u

static struct forger stranger;

/* The branch's third message eight times, each time with another nonce: so many negotiations have begun under the
 * cookies, and nobody goes on with them. */
static bool begins_many(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    uint8_t b[2048];
    if (is_from(s, f, 0))
        return true;
    bool is_third = main_mode_kind(s, f) == 3 && h[16] != PL1_FRAGMENT;
    if (!is_third || stranger.outer.spi_r)
        return !(h[18] == X1_MAIN && h[19] & IKE1_ENCRYPTED);
    struct rd r = rd_of(h, 16);
    const uint64_t spi_i = rd_u64(&r);
    stranger = forger_of(spi_i, rd_u64(&r));
    stranger.from = f->from;
    stranger.to = f->to;
    memcpy(b, f->p, f->n);
    const size_t nonce_at = payload_body(b, f->n, PL1_NONCE);
    for (unsigned i = 1; i < CANDIDATES; i++) {
        b[nonce_at] = f->p[nonce_at] ^ (uint8_t)i;
        hit(s, 0, &f->from, f, b, f->n);
    }
    return true;
}

static void begin_negotiation(struct office *o)
{
    struct sim_node *branch = &o->s.nodes[1];
    stranger = (struct forger){0};
    o->s.meddle = begins_many;
    ike_acquire(branch->ike, o->s.now, CHILD(0), NULL, NULL, NULL);
    pass(&o->s, 300);
    o->s.meddle = NULL;
    int64_t (*wall_s)(void *) = branch->ike->host.wall_s;
    power_off(&o->s, 1);
    sim_node_start(&o->s, 1, &o->branch.p, BRANCH);
    branch->ike->host.wall_s = wall_s;
}

/* Each of them has as many candidates as it can have. */
static bool begin_negotiations(struct office *o, struct forger *w)
{
    for (unsigned i = 0; i < NEGOTIATIONS; i++) {
        begin_negotiation(o);
        w[i] = stranger;
    }
    unsigned n = 0;
    const struct ike *hub = o->s.nodes[0].ike;
    for (unsigned i = 0; i < NEGOTIATIONS; i++)
        for (const struct ike_sa *sa = NULL; (sa = ike_with_spi(hub, w[i].outer.spi_r, sa));)
            n++;
    return n >= NEGOTIATIONS * CANDIDATES;
}

static void small_message(struct forger *w)
{
    w->id = 0xbeef;
    w->total = SMALL_TOTAL;
}

static void large_message(struct forger *w)
{
    w->id = 0xbeee;
    w->total = LARGE_TOTAL;
}

/* All but the last pieces of a small message and of a large one, each of them three times. */
static void send_beginnings(struct sim *s, struct forger *w)
{
    small_message(w);
    for (unsigned i = 0; i < 12; i++)
        forged_piece(s, w, 1 + i / 3, 1000, false);
    large_message(w);
    for (unsigned i = 0; i < 6; i++)
        forged_piece(s, w, 1 + i / 3, 8100, false);
}

/* Twelve datagrams of 48 bytes. */
static void send_ends(struct sim *s, struct forger *w)
{
    small_message(w);
    for (unsigned i = 0; i < 9; i++)
        forged_piece(s, w, 5, 12, true);
    large_message(w);
    for (unsigned i = 0; i < 3; i++)
        forged_piece(s, w, 3, 12, true);
}

/* What this machine takes now to decrypt a megabyte, which is most of what whole messages cost. */
static clock_t clock_of_megabyte(struct ike *ike)
{
    static uint8_t b[1 << 20];
    static const uint8_t key[24] = {1}, iv[8];
    const clock_t began = clock();
    bool is_done = ike_cbc(ike->crypto, ALGO_ENCR_3DES, 0, key, iv, b, sizeof b, b, false);
    const clock_t took = clock() - began;
    return is_done ? took : 0;
}

#define SECONDS 4u
#define MEGABYTES_PER_SECOND 10u

/* V8: four negotiations of one stranger's, eight candidates each, and 48 small datagrams a second. What they cost is
 * told in megabytes of 3DES, so that it is the same on a slow or busy machine. */
static const char *costly_pieces(void)
{
    static struct office o;
    struct forger w[NEGOTIATIONS];
    office_open(&o, 1, FAR, FAR);
    o.hub.p.v1_fragmentation = true;
    o.hub.v1[0].encr = o.branch.v1[0].encr = (struct ike_choice){ALGO_ENCR_3DES, 0};
    o.s.delay_ms = 1;
    slow_begin(&o.s);
    bool is_ready = begin_negotiations(&o, w);
    struct ike *hub = o.s.nodes[0].ike;
    clock_t spent = 0, megabytes = 0;
    for (unsigned i = 0; i < NEGOTIATIONS && is_ready; i++)
        send_beginnings(&o.s, &w[i]);
    for (unsigned second = 0; second < SECONDS && is_ready; second++) {
        o.s.now = hub->now = (hub->now / 1000 + 1) * 1000;
        megabytes += clock_of_megabyte(hub);
        const clock_t began = clock();
        for (unsigned i = 0; i < NEGOTIATIONS; i++)
            send_ends(&o.s, &w[i]);
        spent += clock() - began;
    }
    const char *bad = NULL;
    if (spent > megabytes * MEGABYTES_PER_SECOND)
        bad = broken("48 datagrams cost as much as to decrypt %u MB", (unsigned)(spent / (megabytes + 1)));
    return office_over(&o, is_ready ? bad : "there is no negotiation");
}

/* V9: small messages, three pieces for each place but the last, in front of each first piece: nine last ones spend what
 * is put together in a second, and a smaller message what is left of it. */
static bool spends_on_small(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[16] != PL1_FRAGMENT || h[NUMBER_AT] != 1)
        return true;
    for (unsigned i = 0; i < 12; i++)
        piece_to(s, f, 0xbeef, 1 + i / 3, 1000);
    for (unsigned i = 0; i < 9; i++)
        piece_with(s, f, 0xbeef, 5, 12, true);
    for (unsigned i = 0; i < 9; i++)
        piece_to(s, f, 0xbee0, 1 + i / 3, 32);
    piece_with(s, f, 0xbee0, 4, 8, true);
    return true;
}
static const char *spent_on_small(void)
{
    return in_pieces(spends_on_small, 0);
}

/* V10: one in front of each piece and one behind it, none of them the same, of messages of five pieces. */
static bool forges_around(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    const size_t at = (size_t)(h - f->p) + BYTES_AT + 4;
    if (h[16] != PL1_FRAGMENT)
        return true;
    flip_in_front(s, f, at, (uint8_t)(1 + n_forged % 250));
    hit(s, is_from(s, f, 0), &f->from, f, f->p, f->n);
    flip_in_front(s, f, at, (uint8_t)(1 + n_forged % 250));
    return false;
}
static const char *forged_around(void)
{
    mtu = 201;
    const char *bad = in_pieces(forges_around, 0);
    mtu = 400;
    return bad;
}

/* ---- one byte changed ---- */

static unsigned changes_most;
static bool is_late;

/* Of the answer to IKE_SA_INIT, where no key is made of it: the last notify's kind, a byte of NAT detection. */
static bool changes_answer(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_one = h[18] == X2_SA_INIT && h[19] & IKE2_RESPONSE && is_from(s, f, 0);
    if (is_late && h[18] == X2_AUTH && is_from(s, f, 0)) /* so that several IKE_AUTH are on their way */
        return comes_late(s, f, 1500);
    if (!is_one || n_forged >= changes_most)
        return true;
    if (flip_at)
        flip_in_front(s, f, payload_body(f->p, f->n, PL2_NOTIFY) + 8, 1);
    else
        flip_in_front(s, f, f->n - 1, 0x80);
    return true;
}

static const char *same_keys(void)
{
    static struct pair x;
    for (unsigned i = 0; i < 8; i++) {
        pair_open(&x, 2, 1);
        pair_start(&x);
        tap_close(&x.tap);
        slow_begin(&x.s);
        n_forged = 0;
        is_late = i / 4;
        changes_most = i / 2 % 2 ? 1 : UINT32_MAX;
        flip_at = i % 2;
        x.s.meddle = changes_answer;
        unsigned t = seconds_to_tunnel(&x.s, 100);
        pass(&x.s, 20000);
        x.s.meddle = NULL;
        const char *bad = t > 20 ? broken("no tunnel for %u s, %u forged", t, n_forged) : sim_agree(&x.s, 0, 1);
        bad = over(&x.s, n_forged ? bad : "no attack");
        if (bad)
            return bad;
    }
    return NULL;
}

/* The forged answer says that there is no NAT, and there is: the tunnel has to stand on port 4500 all the same. */
static bool hides_nat(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    uint8_t b[2048];
    if (h[18] != X2_SA_INIT || !(h[19] & IKE2_RESPONSE) || !is_from(s, f, 0) || n_forged)
        return true;
    memcpy(b, f->p, f->n);
    for (size_t i = IKE_HEADER_LEN; i + 1 < f->n; i++) /* the kinds of both notifies become unknown ones */
        if (b[i] == 0x40 && (b[i + 1] == 0x04 || b[i + 1] == 0x05) && b[i - 1] == 0 && b[i - 2] == 0)
            b[i + 1] = 0xf0;
    n_forged++;
    hit(s, 1, &f->from, f, b, f->n);
    return true;
}

static const char *nat_hidden(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    behind_nat(&x);
    slow_begin(&x.s);
    n_forged = 0;
    x.s.meddle = hides_nat;
    unsigned t = seconds_to_tunnel(&x.s, 60);
    x.s.meddle = NULL;
    const struct ike_sa *b = standing_sa(&x.s, 1);
    bool is_encapsulated = b && b->nat_local && b->local.port == IKE_PORT_NATT;
    const char *bad = is_encapsulated ? NULL : "it stands as if there were no NAT";
    if (t > 20)
        bad = broken("no tunnel in %u s", t);
    return over(&x.s, n_forged ? bad : "no attack");
}

static bool changes_second(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    if (h[18] == X1_AGGRESSIVE && is_from(s, f, 0) && !(h[19] & IKE1_ENCRYPTED))
        flip_in_front(s, f, payload_body(f->p, f->n, PL1_NONCE), (uint8_t)(1 + n_forged % 255));
    return true;
}

/* Aggressive mode's second message, while the secret of the forged one in front is computed. */
static const char *aggressive(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    speaks_aggressively(&x);
    pair_start(&x);
    tap_close(&x.tap);
    slow_begin(&x.s);
    n_forged = 0;
    x.s.nodes[1].ike->host.job = slow_job;
    x.s.meddle = changes_second;
    unsigned t = seconds_to_tunnel(&x.s, 100);
    x.s.meddle = NULL;
    slow_end();
    const char *bad = t > 20 ? broken("no tunnel for %u s, %u forged", t, n_forged) : NULL;
    return over(&x.s, n_forged ? bad : "no attack");
}

const struct attack attacks_pieces[] = {
    {"S7 pieces of another message in front of each", other_message},
    {"S7 other bytes in front of each piece", other_bytes},
    {"S7 a third message between two pieces", between},
    {"T4 the first piece once more, marked as the last", marked_last},
    {"T5 pieces that make nothing", many_rows},
    {"V1 another cookie behind the second message, in pieces", cookie_behind},
    {"V2 the last piece once more from another port", completed_elsewhere},
    {"V3 the room for pieces is filled", room_filled},
    {"V4 one and two forged for each of many pieces", many_pieces},
    {"V5 pieces that are decrypted for nothing", decrypted_for_nothing},
    {"V6 pieces of other messages push out the real one", pushed_out},
    {"V7 large ones spend what is put together in a second", budget_spent},
    {"V8 what a stranger's pieces cost", costly_pieces},
    {"V9 small ones spend what is put together in a second", spent_on_small},
    {"V10 one forged on each side of each of five pieces", forged_around},
    {"S8 an answer of the same keys with one byte changed", same_keys},
    {"T6 a NAT that a forged answer hides", nat_hidden},
    {"S9 aggressive mode, another answer while it computes", aggressive},
    {NULL, NULL},
};
