/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is agreed and what is not: refusals, promises, numbers (findings C1 to C7, RFC 7296 §3.3.6). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

static void ask(struct pair *x, unsigned node, unsigned line, uint64_t ms)
{
    ike_acquire(x->s.nodes[node].ike, x->s.now, CHILD(line), NULL, NULL, NULL);
    sim_run(&x->s, ms);
}

/* ---- C1: one refusal is one ---- */

static const char *one_refusal(void)
{
    struct pair x;
    pair_open(&x, 1, 3);
    x.hub.lines[0][1].sel.src_lo.b[2] = x.hub.lines[0][1].sel.src_hi.b[2] = 77; /* not mirrored */
    pair_start(&x);
    for (unsigned i = 0; i < 3; i++)
        ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&x.s, 20000);
    unsigned n = children_of(&x.s, 0), m = children_of(&x.s, 1);
    if (x.s.nodes[0].ike->stats.retransmits)
        return pair_over(&x, "a quick mode that is refused is asked for again: the refusal does not name it");
    return pair_over(&x, n == 2 && m == 2 ? NULL : broken("%u and %u children where 2 are right", n, m));
}

/* ---- C2: phase 2 outlives phase 1 ---- */

static const char *phase_2_outlives(void)
{
    struct pair x;
    pair_open(&x, 1, 2);
    pair_start(&x);
    ask(&x, 0, 0, 5000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa || children_of(&x.s, 0) != 1)
        return pair_over(&x, "the tunnel does not come up");
    v1_delete_self(x.s.nodes[1].ike, sa); /* `clear crypto isakmp` on IOS: just that */
    v1_orphan(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 5000);
    if (x.s.nodes[0].n != 1)
        return pair_over(&x, "the IPsec SA went with its ISAKMP SA, and the peer was not told");
    ask(&x, 1, 1, 5000); /* a new phase 1 takes them in */
    const char *bad = NULL;
    if (children_of(&x.s, 0) != 2 || sas_of(&x.s, 0, IKE_ORPHANED) || sas_of(&x.s, 1, IKE_ORPHANED))
        bad = "a new phase 1 does not take the IPsec SAs in";
    if (!bad)
        bad = sim_agree(&x.s, 0, 1);
    return pair_over(&x, bad);
}

/* ... and is rekeyed in time, though there is no phase 1 when its time comes. */
static const char *orphan_is_rekeyed(void)
{
    struct pair x;
    pair_open(&x, 1, 1);
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 300;
    pair_start(&x);
    ask(&x, 0, 0, 5000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa)
        return pair_over(&x, "the tunnel does not come up");
    v1_delete_self(x.s.nodes[1].ike, sa);
    v1_orphan(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 600000);
    const char *bad = x.s.nodes[0].n ? NULL : "the tunnel ends with the IPsec SA's lifetime";
    return pair_over(&x, bad ? bad : sim_agree(&x.s, 0, 1));
}

/* ---- C3: the kernel refuses the outbound half ---- */

static const char *half_refused(unsigned version)
{
    struct pair x;
    pair_open(&x, version, 1);
    pair_start(&x);
    ask(&x, 0, 0, 5000);
    struct ike_child *c = first_child(&x.s, 0);
    if (!c)
        return pair_over(&x, "the tunnel does not come up");
    x.s.nodes[1].refuse_out = true; /* the branch answers a rekeying */
    ike_expire(x.s.nodes[0].ike, x.s.now, &c->in.remote.addr, &c->in.local.addr, c->spi_in, false);
    sim_run(&x.s, 70000);
    const char *bad = NULL;
    for (unsigned i = 0; i < x.s.nodes[1].n; i++)
        if (!x.s.nodes[1].sas[i].sends)
            bad = "an SA that cannot send stays up: a black hole";
    x.s.nodes[1].refuse_out = false;
    return pair_over(&x, bad);
}
static const char *c3_v1(void)
{
    return half_refused(1);
}
static const char *c3_v2(void)
{
    return half_refused(2);
}

/* ---- C4: fragments only if both announced them ---- */

static unsigned skf_seen;
static bool count_skf(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    skf_seen += f->n > 28 && f->p[17] == 0x20 && f->p[16] == PL2_SKF;
    return true;
}

static const char *fragments_not_agreed(void)
{
    struct pair x;
    pair_open(&x, 2, 1);
    x.branch.p.v2_fragmentation = true; /* only the peer */
    x.hub.p.fragment_mtu = x.branch.p.fragment_mtu = 300;
    static uint8_t long_name[300];
    memset(long_name, 'x', sizeof long_name);
    x.hub.profiles[0].id_type = IKE_ID_FQDN;
    x.hub.profiles[0].id = (struct ike_bytes){long_name, sizeof long_name};
    x.branch.matches[0][0].any = true;
    pair_start(&x);
    skf_seen = 0;
    x.s.meddle = count_skf;
    ask(&x, 0, 0, 5000);
    x.s.meddle = NULL;
    const char *bad = children_of(&x.s, 0) ? NULL : "the tunnel does not come up";
    return pair_over(&x, skf_seen ? "fragments are sent that were not agreed on" : bad);
}

/* ---- C5, §3.3.6: what is offered is taken as a whole or not at all ---- */

struct offered {
    uint8_t protocol;
    unsigned n;
    struct ike2_transform v[8];
    bool taken;
};

static bool child_takes(const struct offered *o, enum algo_id pfs, bool in_create)
{
    uint8_t b[512];
    struct wr w = wr_to(b, sizeof b);
    struct ike2_proposal p = {.number = 1, .protocol = o->protocol, .spi_len = 4, .spi = {1, 2, 3, 4}, .n = o->n};
    memcpy(p.v, o->v, sizeof o->v);
    ike2_proposal_write(&w, &p, true);
    const struct ike_payload pl = {PL2_SA, false, b, (uint16_t)w.n};
    const struct ike_transform_set set = {
        .name = "T", .encr = {ALGO_ENCR_AES_CBC, 128}, .integ = {ALGO_INTEG_SHA256, 0}};
    const struct ike_transform_set *sets[] = {&set};
    const struct ike_entry e = {.map = "M", .sets = sets, .n_sets = 1, .pfs = (uint16_t)pfs};
    struct v2_choice c;
    v2_choose_child(&e, &pl, in_create, &c);
    return c.found;
}

#define AES                                                                                                            \
    {                                                                                                                  \
        TT_ENCR, 12, 128, false                                                                                        \
    }
#define SHA                                                                                                            \
    {                                                                                                                  \
        TT_INTEG, 12, 0, false                                                                                         \
    }
#define NO_ESN                                                                                                         \
    {                                                                                                                  \
        TT_ESN, 0, 0, false                                                                                            \
    }

static const char *child_offers(void)
{
    static const struct offered rows[] = {
        {IKE_PROTO_ESP, 3, {AES, SHA, NO_ESN}, true},
        {IKE_PROTO_ESP, 4, {AES, SHA, NO_ESN, {TT_DH, 19, 0, false}}, true},
        {IKE_PROTO_ESP, 4, {AES, SHA, NO_ESN, {TT_DH, 31, 0, false}}, false}, /* PFS that we cannot do */
        {IKE_PROTO_ESP, 5, {AES, SHA, NO_ESN, {TT_DH, 31, 0, false}, {TT_DH, 0, 0, false}}, true},
        {IKE_PROTO_ESP, 4, {AES, SHA, NO_ESN, {6, 36, 0, false}}, false}, /* an additional key exchange */
        {IKE_PROTO_ESP, 5, {AES, SHA, NO_ESN, {6, 36, 0, false}, {6, 0, 0, false}}, true},
        {IKE_PROTO_ESP, 4, {AES, SHA, NO_ESN, {77, 1, 0, false}}, false},
        {IKE_PROTO_ESP, 5, {AES, SHA, NO_ESN, {77, 1, 0, false}, {77, 0, 0, false}}, false},
        {IKE_PROTO_ESP, 4, {AES, SHA, NO_ESN, {TT_PRF, 5, 0, false}}, false},
        {IKE_PROTO_ESP, 2, {AES, NO_ESN}, false}, /* without integrity */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (child_takes(&rows[i], ALGO_NONE, true) != rows[i].taken)
            return broken("child offer %zu is %s", i, rows[i].taken ? "refused" : "taken");
    return NULL;
}

static const char *ike_offers(void)
{
    static const struct offered rows[] = {
        {IKE_PROTO_IKE, 4, {AES, SHA, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}}, true},
        {IKE_PROTO_IKE, 5, {AES, SHA, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}, {6, 36, 0, false}}, false},
        {IKE_PROTO_IKE,
         6,
         {AES, SHA, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}, {6, 36, 0, false}, {6, 0, 0, false}},
         true},
        {IKE_PROTO_IKE, 5, {AES, SHA, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}, {13, 1, 0, false}}, false},
        {IKE_PROTO_IKE, 5, {AES, SHA, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}, NO_ESN}, false},
        {IKE_PROTO_IKE, 4, {AES, {TT_INTEG, 12, 0, true}, {TT_PRF, 5, 0, false}, {TT_DH, 19, 0, false}}, true},
    };
    struct router r;
    router_init(&r, 2);
    for (size_t i = 0; i < 5; i++) {
        uint8_t b[512];
        struct wr w = wr_to(b, sizeof b);
        struct ike2_proposal p = {.number = 1, .protocol = IKE_PROTO_IKE, .n = rows[i].n};
        memcpy(p.v, rows[i].v, sizeof rows[i].v);
        ike2_proposal_write(&w, &p, true);
        const struct ike_payload pl = {PL2_SA, false, b, (uint16_t)w.n};
        struct v2_choice c;
        v2_choose_ike(r.v2, &pl, 0, &c);
        if (c.found != rows[i].taken)
            return broken("IKE offer %zu is %s", i, rows[i].taken ? "refused" : "taken");
    }
    return NULL;
}

/* Quick mode with a group that we do not have. */
static const char *quick_unknown_group(void)
{
    struct router r;
    uint8_t b[512];
    char why[256];
    struct ike_sa sa = {.version = 1};
    struct v1_quick q = {.spi_in = 1000};
    struct wr w = wr_to(b, sizeof b);
    router_init(&r, 1);
    struct ike_entry *e = router_entry(&r, 1, HUB, BRANCH, NULL);
    q.entry = e;
    const struct ike1_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_ESP,
        .spi_len = 4,
        .spi = {9, 9, 9, 9},
        .n = 1,
        .v = {{.number = 1, .id = 12, .bits = 128, .auth_alg = 5, .encap = 1, .group = 31, .life_s = 3600}}};
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &p, true, true);
    const struct ike_payload pl = {PL1_SA, false, b, (uint16_t)w.n};
    if (v1_quick_choose(&sa, &pl, &q, false, why))
        return "a group that we do not have is echoed, without PFS";
    b[0] = 0; /* and the control: the same offer of a group that we have */
    struct ike1_proposal good = p;
    good.v[0].group = 19;
    w = wr_to(b, sizeof b);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &good, true, true);
    const struct ike_payload pl2 = {PL1_SA, false, b, (uint16_t)w.n};
    if (!v1_quick_choose(&sa, &pl2, &q, false, why) || q.group != ALGO_DH_256_ECP)
        return broken("the control is refused: %s", why);
    /* SPIs of 0 to 255, and UDP encapsulation without NAT */
    good.spi[0] = good.spi[1] = good.spi[2] = 0;
    w = wr_to(b, sizeof b);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &good, true, true);
    const struct ike_payload pl3 = {PL1_SA, false, b, (uint16_t)w.n};
    if (v1_quick_choose(&sa, &pl3, &q, false, why))
        return "a reserved SPI is taken";
    good.spi[0] = 9;
    good.v[0].encap = 3;
    w = wr_to(b, sizeof b);
    ike1_sa_head(&w);
    ike1_proposal_write(&w, &good, true, true);
    const struct ike_payload pl4 = {PL1_SA, false, b, (uint16_t)w.n};
    return v1_quick_choose(&sa, &pl4, &q, false, why) ? "UDP encapsulation is taken without NAT" : NULL;
}

/* ---- C6: our own address becomes known with the answer ---- */

static const char *own_address_unknown(void)
{
    struct pair x;
    pair_open(&x, 2, 1);
    x.hub.entries[0].local = (struct ip_addr){.family = FAMILY_NONE};
    pair_start(&x);
    ask(&x, 0, 0, 10000);
    struct ip_addr own = address(HUB);
    const struct ike_sa *sa = first_sa(&x.s, 0);
    const struct ike_child *c = first_child(&x.s, 0);
    const char *bad = NULL;
    if (!sa || !c)
        bad = broken("no tunnel comes up without a configured address: %s", x.s.nodes[0].last);
    else if (!addr_eq(&sa->local.addr, &own) || !addr_eq(&c->in.local.addr, &own))
        bad = "the SA has no address of its own";
    return pair_over(&x, bad);
}

/* ---- C7 ---- */

/* A rekeying that asks for another line's selectors. */
static const char *rekey_to_other_line(void)
{
    struct pair x;
    pair_open(&x, 2, 2);
    pair_start(&x);
    ask(&x, 0, 0, 3000);
    struct ike_child *c = first_child(&x.s, 1);
    if (!c)
        return pair_over(&x, "the tunnel does not come up");
    uint32_t spi = c->spi_in;
    ike_line_ts(&x.branch.lines[0][1], &c->ts_local, &c->ts_remote); /* the branch lies to itself */
    ike_expire(x.s.nodes[1].ike, x.s.now, &c->in.remote.addr, &c->in.local.addr, spi, false);
    sim_run(&x.s, 5000);
    const char *bad = NULL;
    struct ike_ts src, dst;
    ike_line_ts(&x.hub.lines[0][1], &src, &dst);
    for (const struct ike_child *o = first_child(&x.s, 0); o; o = o->next)
        if (o->reqid == CHILD(0) && ike_ts_equal(&o->ts_local, &src))
            bad = "a line's request number goes with another line's selectors";
    return pair_over(&x, bad);
}

static const char *reserved_spi(void)
{
    struct pair x;
    pair_open(&x, 2, 2);
    pair_start(&x);
    ask(&x, 1, 0, 3000);
    struct ike_sa *hub = first_sa(&x.s, 0), *sa = first_sa(&x.s, 1);
    if (!hub || !sa)
        return pair_over(&x, "the tunnel does not come up");
    struct ike *evil = x.s.nodes[1].ike;
    static const uint32_t spis[] = {0, 1, 255};
    for (unsigned i = 0; i < 3; i++) {
        struct v2_out o;
        uint8_t junk[32] = {(uint8_t)i};
        const struct ike_task t = {.kind = TASK_CHILD, .entry = x.branch.entries, .line = &x.branch.lines[0][1]};
        v2_begin(evil, &o);
        v2_child_offer(evil, sa, &o, &t, spis[i], t.entry->pfs);
        ike_pl_bytes(&o.c, PL2_NONCE, junk, 32);
        if (!v2_request(evil, sa, X2_CREATE_CHILD, &o))
            return pair_over(&x, "the request could not be made");
        sim_run(&x.s, 500);
        ike_request_end(sa);
        sa->next_out++;
    }
    unsigned n = children_of(&x.s, 0);
    return pair_over(&x, n == 1 ? NULL : "an SPI of 0 to 255 is taken");
}

/* Authentic, but the padding is longer than the message. */
static const char *bad_padding(void)
{
    struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ask(&x, 1, 0, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1), *hub = first_sa(&x.s, 0);
    if (!sa || !hub)
        return pair_over(&x, "the tunnel does not come up");
    /* seal a block by hand whose last byte says 255 */
    struct ike *evil = x.s.nodes[1].ike;
    uint8_t block[16], mac[IKE_HASH_MAX];
    memset(block, 0xff, sizeof block);
    struct wr w = wr_to(evil->out, sizeof evil->out);
    const struct ike_header h = {sa->spi_i, sa->spi_r, PL2_SK, 0x20, X2_INFORMATIONAL, IKE2_INITIATOR, sa->next_out, 0};
    ike_header_write(&w, &h);
    wr_u8(&w, PL2_NOTIFY);
    wr_u8(&w, 0);
    wr_u16(&w, 4 + 16 + 16 + 16);
    wr_zero(&w, 16);
    size_t text = w.n;
    wr_bytes(&w, block, 16);
    if (!ike_cbc(evil->crypto, sa->suite.encr, sa->suite.encr_bits, sa->keys->ei, w.p + text - 16, w.p + text, 16,
                 w.p + text, true))
        return pair_over(&x, "cannot encrypt");
    wr_zero(&w, 16);
    ike_header_finish(&w, 0);
    if (!ike_prf(evil->crypto, sa->suite.integ, sa->keys->ai, 32, &(struct ike_iov){w.p, text + 16}, 1, mac))
        return pair_over(&x, "cannot sign");
    memcpy(w.p + text + 16, mac, 16);
    uint64_t malformed = x.s.nodes[0].ike->stats.malformed;
    inject(&x.s, &x.s.nodes[1].end, &x.s.nodes[0].end, w.p, w.n);
    const char *bad = NULL;
    if (x.s.nodes[0].ike->stats.malformed != malformed + 1)
        bad = "authentic bytes that are not IKE are taken for a message";
    return pair_over(&x, bad);
}

/* Selectors of two families in a dynamic entry without a list. */
static const char *two_families(void)
{
    struct pair x;
    struct v2_out o;
    uint8_t junk[32] = {1};
    pair_open(&x, 2, 1);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = x.hub.entries[0].n_lines = 0;
    pair_start(&x);
    ask(&x, 1, 0, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa)
        return pair_over(&x, "the tunnel does not come up");
    struct ike *evil = x.s.nodes[1].ike;
    struct ike_ts v4, other, v6 = {.family = FAMILY_V6, .port_hi = 65535};
    ike_line_ts(x.branch.lines[0], &v4, &other);
    v6.lo.family = v6.hi.family = FAMILY_V6;
    memset(v6.hi.b, 0xff, 16);
    v2_begin(evil, &o);
    size_t at = ike_pl_begin(&o.c, PL2_SA);
    v2_child_proposals(&o.w, x.branch.entries, 0x1234567, x.branch.entries[0].pfs);
    ike_pl_end(&o.c, at);
    ike_pl_bytes(&o.c, PL2_NONCE, junk, 32);
    ike2_ts_write(&o.c, PL2_TSI, &v4, 1);
    ike2_ts_write(&o.c, PL2_TSR, &v6, 1);
    if (!v2_request(evil, sa, X2_CREATE_CHILD, &o))
        return pair_over(&x, "the request could not be made");
    sim_run(&x.s, 500);
    const char *bad = NULL;
    for (const struct ike_child *c = first_child(&x.s, 0); c; c = c->next)
        if (c->ts_local.family != c->ts_remote.family)
            bad = "selectors of two families make one SA";
    return pair_over(&x, bad);
}

/* A peer that asks for child after child. */
static const char *children_without_end(void)
{
    struct pair x;
    pair_open(&x, 2, 1);
    x.hub.entries[0].dynamic = true;
    x.hub.entries[0].n_peers = x.hub.entries[0].n_lines = 0;
    pair_start(&x);
    ask(&x, 1, 0, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (!sa)
        return pair_over(&x, "the tunnel does not come up");
    for (unsigned i = 0; i < 600; i++) {
        struct ike_task t = {.kind = TASK_CHILD, .entry = x.branch.entries, .line = x.branch.lines[0], .narrow = true};
        ike_line_ts(x.branch.lines[0], &t.flow_src, &t.flow_dst);
        t.flow_src.lo.b[2] = t.flow_src.hi.b[2] = (uint8_t)(i >> 8);
        t.flow_src.lo.b[3] = t.flow_src.hi.b[3] = (uint8_t)i;
        ike_task_add(sa, t);
    }
    ike_v2.next(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 60000);
    unsigned n = children_of(&x.s, 0);
    return pair_over(&x, n > 300 ? broken("%u children of one peer", n) : NULL);
}

/* An old request again, in pieces, while another one is put together: the pieces stay. */
static const char *old_fragment(void)
{
    struct pair x;
    struct ike_header h;
    static uint8_t text[3000];
    pair_open(&x, 2, 1);
    x.hub.p.v2_fragmentation = x.branch.p.v2_fragmentation = true;
    pair_start(&x);
    ask(&x, 1, 0, 3000);
    struct ike_sa *sa = first_sa(&x.s, 1), *hub = first_sa(&x.s, 0);
    if (!sa || !hub)
        return pair_over(&x, "the tunnel does not come up");
    struct ike *evil = x.s.nodes[1].ike;
    for (unsigned i = 0; i < 2; i++) { /* a piece of the next request, then a shorter one of the last */
        struct wr w = wr_to(evil->out, sizeof evil->out);
        h = (struct ike_header){sa->spi_i, sa->spi_r, 0, 0x20, X2_INFORMATIONAL, IKE2_INITIATOR, sa->next_out - i, 0};
        if (!v2_seal(evil, sa, &w, &h, PL2_VENDOR, text, sizeof text - i * 500, 1 + i, 3))
            return pair_over(&x, "the fragment could not be made");
        inject(&x.s, &x.s.nodes[1].end, &x.s.nodes[0].end, w.p, w.n);
    }
    return pair_over(&x, v2_parts_bytes(hub) == sizeof text ? NULL
                                                            : "an old fragment throws away what is being put together");
}

const struct attack attacks_state[] = {
    {"C1 one refused quick mode", one_refusal},
    {"C2 IPsec SAs outlive the ISAKMP SA", phase_2_outlives},
    {"C2 an orphan is rekeyed", orphan_is_rekeyed},
    {"C3 the outbound half is refused, IKEv1", c3_v1},
    {"C3 the outbound half is refused, IKEv2", c3_v2},
    {"C4 fragments that were not agreed on", fragments_not_agreed},
    {"C5 offers of a child as a whole", child_offers},
    {"C5 offers of an IKE SA as a whole", ike_offers},
    {"C5 quick mode: groups, SPIs, encapsulation", quick_unknown_group},
    {"C6 own address unknown", own_address_unknown},
    {"C7 rekeying with another line's selectors", rekey_to_other_line},
    {"C7 reserved SPIs", reserved_spi},
    {"C7 padding longer than the message", bad_padding},
    {"C7 selectors of two families", two_families},
    {"C7 children without end", children_without_end},
    {"B5 an old fragment among new ones", old_fragment},
    {NULL, NULL},
};
