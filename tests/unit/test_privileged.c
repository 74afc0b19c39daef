/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process with CAP_NET_ADMIN: what does not carry our numbers it does not pass on, whoever asks. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/ike/daemon/permit.h"
#include "backends/ike/daemon/privileged.h"
#include "backends/ike/engine/engine.h"
#include "backends/xfrm/kernel.h"

/* 10.1.0.0/24 to 10.2.0.0/16 by 203.0.113.1: a static entry with a line and a static route, a dynamic one with a list,
 * and reverse-route. */
#define V4(one, two, three, four)                                                                                      \
    {                                                                                                                  \
        .family = FAMILY_V4, .b = { one, two, three, four }                                                            \
    }
static const struct ike_line static_line = {.reqid = XFRM_INDEX_OURS | 1,
                                            .sel = {.family = FAMILY_V4,
                                                    .sport_hi = 65535,
                                                    .dport_hi = 65535,
                                                    .src_lo = V4(10, 1, 0, 0),
                                                    .src_hi = V4(10, 1, 0, 255),
                                                    .dst_lo = V4(10, 2, 0, 0),
                                                    .dst_hi = V4(10, 2, 255, 255)}};
static const struct ike_line dynamic_line = {.reqid = XFRM_INDEX_OURS | 2,
                                             .sel = {.family = FAMILY_V4,
                                                     .sport_hi = 65535,
                                                     .dport_hi = 65535,
                                                     .src_lo = V4(10, 1, 0, 0),
                                                     .src_hi = V4(10, 1, 0, 255),
                                                     .dst_lo = V4(10, 3, 0, 0),
                                                     .dst_hi = V4(10, 3, 255, 255)}};
static struct ike_entry entries[] = {
    {.map = "M", .seq = 10, .local = V4(203, 0, 113, 1), .lines = &static_line, .n_lines = 1},
    {.map = "D",
     .seq = 20,
     .dynamic = true,
     .local = V4(203, 0, 113, 1),
     .lines = &dynamic_line,
     .n_lines = 1,
     .route = {.on = true, .distance = 5},
     .priority = {100, 101, 102},
     .ifindex = {7},
     .n_ifindex = 1},
};
static const struct ike_policy policy = {.entries = entries, .n_entries = 2},
                               static_only = {.entries = entries, .n_entries = 1};

static pid_t server;

static struct privileged *serve_with(const struct ike_policy *p)
{
    static struct privileged asking;
    int v[2], error;
    if (geteuid() != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, v) < 0)
        return NULL;
    server = fork();
    if (server == 0) {
        close(v[0]);
        struct privileged_side *s = privileged_side_new(&error);
        if (!s || !privileged_allow(s, p) || write(v[1], "+", 1) != 1)
            _exit(1);
        while (privileged_serve(s, v[1]))
            continue;
        privileged_side_free(s);
        _exit(0);
    }
    char ready;
    close(v[1]);
    privileged_open(&asking, v[0]);
    if (read(v[0], &ready, 1) == 1)
        return &asking;
    privileged_stop(&asking);
    return NULL;
}

/* In a network of our own: what is taken by mistake does no harm. */
static int start(void **state)
{
    *state = geteuid() == 0 && unshare(CLONE_NEWNET) == 0 ? serve_with(&policy) : NULL;
    return 0;
}

static int stop(void **state)
{
    if (*state)
        privileged_stop(*state);
    return 0;
}

static int sent(struct privileged *p, struct netlink_batch *b)
{
    uint32_t failed;
    int r = privileged_send(p, b, true, &failed);
    netlink_batch_free(b);
    return r;
}

static struct xfrm_sa sa_with(uint32_t reqid)
{
    struct xfrm_sa s = {.spi = 0x1001, .proto = 50, .mode = XFRM_MODE_IS_TUNNEL, .reqid = reqid};
    s.src = s.dst = (struct ip_addr){.family = FAMILY_V4, .b = {203, 0, 113, 1}};
    s.sel.family = FAMILY_V4;
    return s;
}

static void foreign_sa(void **state)
{
    struct privileged *p = *state;
    const uint32_t foreign[] = {0, 1, 0x5bffffff, 0x5e000000, UINT32_MAX};
    for (size_t i = 0; p && i < sizeof foreign / sizeof *foreign; i++) {
        struct netlink_batch b = {0};
        struct xfrm_sa s = sa_with(foreign[i]);
        assert_true(xfrm_put_sa(&p->n, &b, &s));
        assert_int_equal(sent(p, &b), -EPERM);
    }
}

static void foreign_policy(void **state)
{
    struct privileged *p = *state;
    /* also those that apply owns: this process has nothing to do with them */
    const uint32_t foreign[] = {0, 8, XFRM_INDEX_OURS | 8, 0x5e000000};
    for (size_t i = 0; p && i < sizeof foreign / sizeof *foreign; i++) {
        struct xfrm_pol pol = {.dir = XFRM_DIR_OUT, .action = XFRM_DO_ALLOW, .index = foreign[i]};
        struct netlink_batch put = {0}, gone = {0};
        pol.sel.family = FAMILY_V4;
        assert_true(xfrm_put_policy(&p->n, &put, &pol, false));
        assert_int_equal(sent(p, &put), -EPERM);
        assert_true(xfrm_put_policy_delete(&p->n, &gone, &pol));
        assert_int_equal(sent(p, &gone), -EPERM);
    }
}

static void one_among_many(void **state)
{
    struct privileged *p = *state;
    struct netlink_batch b = {0};
    struct xfrm_sa ours = sa_with(XFRM_INDEX_OURS | 1), theirs = sa_with(7);
    if (!p)
        skip();
    assert_true(xfrm_put_sa_delete(&p->n, &b, &ours) && xfrm_put_sa(&p->n, &b, &theirs));
    assert_int_equal(sent(p, &b), -EPERM);
}

static void other_messages(void **state)
{
    struct privileged *p = *state;
    const uint16_t types[] = {XFRM_MSG_FLUSHSA, XFRM_MSG_FLUSHPOLICY, XFRM_MSG_NEWSPDINFO, XFRM_MSG_UPDPOLICY,
                              XFRM_MSG_UPDSA,   XFRM_MSG_MIGRATE,     RTM_NEWLINK,         NLMSG_NOOP};
    for (size_t i = 0; p && i < sizeof types / sizeof *types; i++) {
        struct netlink_batch b = {0};
        void *body;
        struct nlmsghdr *h = netlink_begin(&p->n, &b, types[i], NLM_F_REQUEST, 512, 2048, &body);
        assert_non_null(h);
        netlink_end(&b, h);
        assert_int_equal(sent(p, &b), -EPERM);
    }
}

static void not_whole(void **state)
{
    struct privileged *p = *state;
    struct xfrm_sa s = sa_with(XFRM_INDEX_OURS | 1);
    for (int how = 0; p && how < 5; how++) {
        struct netlink_batch b = {0};
        assert_true(xfrm_put_sa_delete(&p->n, &b, &s));
        struct nlmsghdr *h = (struct nlmsghdr *)b.bytes.p;
        if (how == 0)
            h->nlmsg_len = 8; /* shorter than a header */
        else if (how == 1)
            h->nlmsg_len = 1 << 20;
        else if (how == 2)
            b.n = 2; /* more messages than there are */
        else if (how == 3)
            b.bytes.len -= 4;
        else
            b.n = 0;
        assert_int_equal(sent(p, &b), -EBADMSG);
    }
    /* one without the fixed part of its kind */
    struct netlink_batch b = {0};
    void *body;
    if (!p)
        skip();
    struct nlmsghdr *h = netlink_begin(&p->n, &b, XFRM_MSG_NEWSA, NLM_F_REQUEST, 4, 2048, &body);
    netlink_end(&b, h);
    assert_int_equal(sent(p, &b), -EPERM);
}

/* ---- permit.c ---- */

static enum permit_verdict verdict(const struct ike_policy *in_force, struct netlink_batch *b)
{
    struct permit p = {0};
    assert_true(permit_set(&p, in_force));
    enum permit_verdict v = permit_message(&p, (const struct nlmsghdr *)b->bytes.p);
    permit_free(&p);
    netlink_batch_free(b);
    return v;
}

static struct xfrm_pol good_policy(enum xfrm_dir dir)
{
    bool out = dir == XFRM_DIR_OUT;
    struct xfrm_pol p = {.dir = (uint8_t)dir,
                         .action = XFRM_DO_ALLOW,
                         .priority = entries[1].priority[dir],
                         .index = XFRM_INDEX_PEERS | 1 << 6 | (uint32_t)dir,
                         .mark_mask = PEERS_MARK_MASK,
                         .ntmpl = 1};
    const uint8_t here[4] = {10, 1, 0, 0}, there[4] = {10, 3, 4, 0};
    const struct ip_addr own = V4(203, 0, 113, 1), peer = V4(198, 51, 100, 9);
    p.sel.family = FAMILY_V4;
    memcpy(p.sel.src, out ? here : there, 4);
    memcpy(p.sel.dst, out ? there : here, 4);
    p.sel.src_plen = p.sel.dst_plen = 24;
    p.sel.ifindex = out ? 7 : 0;
    p.tmpl[0] = (struct xfrm_tmpl){.proto = 50,
                                   .mode = XFRM_MODE_IS_TUNNEL,
                                   .reqid = IKE_REQID_DYNAMIC | 1,
                                   .src = out ? own : peer,
                                   .dst = out ? peer : own};
    return p;
}

static enum permit_verdict of_policy(const struct xfrm_pol *p, const struct ike_policy *in_force)
{
    struct netlink n = {0};
    struct netlink_batch put = {0}, update = {0};
    assert_true(xfrm_put_policy(&n, &put, p, false) && xfrm_put_policy(&n, &update, p, true));
    enum permit_verdict v = verdict(in_force, &put);
    assert_int_equal(v, verdict(in_force, &update));
    return v;
}

/* Each of them alone opens the host, or another's tunnel. */
static void policies_of_peers(void **state)
{
    (void)state;
    for (int dir = 0; dir < XFRM_DIRS; dir++) {
        const struct xfrm_pol good = good_policy((enum xfrm_dir)dir);
        assert_int_equal(of_policy(&good, &policy), PERMIT_YES);
        assert_int_equal(of_policy(&good, &static_only), PERMIT_NO);
        struct xfrm_pol v[16];
        unsigned n = 0;
        for (unsigned i = 0; i < sizeof v / sizeof *v; i++)
            v[i] = good;
        v[n++].ntmpl = 0;                           /* in the clear */
        v[n++].tmpl[0].optional = true;             /* in the clear, if need be */
        v[n++].tmpl[0].reqid = XFRM_INDEX_OURS | 1; /* by a static entry's SA */
        v[n++].tmpl[0].reqid = 7;
        v[n++].tmpl[0].proto = 108; /* IPComp alone protects nothing */
        v[n++].action = XFRM_DO_BLOCK;
        v[n++].priority = 1;
        v[n++].mark_mask = 0;
        v[n++].mark = PEERS_MARK_MASK;
        v[n++].index = XFRM_INDEX_OURS | 1 << 6 | (uint32_t)dir;
        v[n++].index ^= 1; /* of another direction */
        v[n++].sel.ifindex = 8;
        v[n].sel.src_plen = v[n].sel.dst_plen = 0; /* everything */
        n++;
        v[n++].sel.src_plen = 8;
        v[n++].sel.dst_plen = 8;
        struct ip_addr *own = dir == XFRM_DIR_OUT ? &v[n].tmpl[0].src : &v[n].tmpl[0].dst;
        own->b[3] = 2;
        n++;
        assert_int_equal(n, sizeof v / sizeof *v);
        for (unsigned i = 0; i < n; i++)
            if (of_policy(&v[i], &policy) != PERMIT_NO)
                fail_msg("direction %d, row %u is taken", dir, i);
    }
}

static void with_attribute(struct netlink_batch *b, uint16_t type, const void *p, size_t n)
{
    char room[2048] __attribute__((aligned(8))) = {0};
    memcpy(room, b->bytes.p, b->bytes.len);
    struct nlmsghdr *h = (struct nlmsghdr *)room;
    mnl_attr_put(h, type, n, p);
    b->bytes.len = 0;
    buf_add(&b->bytes, room, netlink_size(h));
}

/* A mark or an interface number makes it another SA than the one that was looked at. */
static void other_attributes(void **state)
{
    const uint16_t types[] = {XFRMA_MARK,        XFRMA_IF_ID,    XFRMA_SRCADDR,
                              XFRMA_OFFLOAD_DEV, XFRMA_SET_MARK, XFRMA_SET_MARK_MASK,
                              XFRMA_SEC_CTX,     XFRMA_COADDR,   60};
    const uint8_t zeros[32] = {0};
    struct netlink n = {0};
    (void)state;
    struct xfrm_sa s = sa_with(XFRM_INDEX_OURS | 1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct netlink_batch add = {0}, gone = {0};
        assert_true(xfrm_put_sa(&n, &add, &s) && xfrm_put_sa_delete(&n, &gone, &s));
        with_attribute(&add, types[i], zeros, sizeof zeros);
        with_attribute(&gone, types[i], zeros, sizeof zeros);
        assert_int_equal(verdict(&policy, &add), PERMIT_NO);
        assert_int_equal(verdict(&policy, &gone), PERMIT_NO);
    }
    struct netlink_batch add = {0}, gone = {0};
    assert_true(xfrm_put_sa(&n, &add, &s) && xfrm_put_sa_delete(&n, &gone, &s));
    assert_int_equal(verdict(&policy, &add), PERMIT_YES);
    assert_int_equal(verdict(&policy, &gone), PERMIT_IF_OURS);
}

/* Linux 6.10 and later: "Replay window should be 0 for output SA", and without a direction as before. */
static void directions(void **state)
{
    struct netlink n = {0};
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        bool out = k & 1, esn = k & 2, directed = k & 4;
        struct netlink_batch b = {0};
        struct xfrm_sa s = sa_with(XFRM_INDEX_OURS | 1);
        struct xfrm_usersa_info i;
        uint32_t window, direction = 0;
        s.outbound = out;
        s.esn = esn;
        s.directed = directed;
        s.replay_window = 32;
        assert_true(xfrm_put_sa(&n, &b, &s));
        const struct nlmsghdr *h = (const struct nlmsghdr *)b.bytes.p;
        memcpy(&i, mnl_nlmsg_get_payload(h), sizeof i);
        window = i.replay_window;
        NETLINK_FOR_ATTRS (a, h, sizeof i) {
            struct xfrm_replay_state_esn r;
            if (mnl_attr_get_type(a) == XFRMA_REPLAY_ESN_VAL) {
                memcpy(&r, mnl_attr_get_payload(a), sizeof r);
                window = r.replay_window;
                assert_int_equal(r.bmp_len, (window + 31) / 32);
            }
            if (mnl_attr_get_type(a) == 33)
                direction = mnl_attr_get_u8(a);
        }
        assert_int_equal(window, directed && out ? 0 : 32);
        assert_int_equal(direction, directed ? 1 + out : 0);
        assert_int_equal(verdict(&policy, &b), PERMIT_YES);
    }
}

static void sas_of_entries(void **state)
{
    struct netlink n = {0};
    (void)state;
    const struct {
        uint32_t reqid;
        uint8_t proto, last, expected;
    } rows[] = {{XFRM_INDEX_OURS | 1, 50, 1, PERMIT_YES}, {XFRM_INDEX_OURS | 1, 51, 1, PERMIT_YES},
                {XFRM_INDEX_OURS | 1, 108, 1, PERMIT_NO}, {XFRM_INDEX_OURS | 1, 50, 2, PERMIT_NO},
                {XFRM_INDEX_OURS | 3, 50, 1, PERMIT_NO},  {IKE_REQID_DYNAMIC | 9, 50, 1, PERMIT_YES},
                {IKE_REQID_DYNAMIC | 9, 50, 2, PERMIT_NO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct netlink_batch b = {0};
        struct xfrm_sa s = sa_with(rows[i].reqid);
        s.proto = rows[i].proto;
        s.src.b[3] = s.dst.b[3] = rows[i].last;
        assert_true(xfrm_put_sa(&n, &b, &s));
        assert_int_equal(verdict(&policy, &b), rows[i].expected);
    }
}

static void routes_of_entries(void **state)
{
    struct permit p = {0}, s = {0};
    (void)state;
    assert_true(permit_set(&p, &policy) && permit_set(&s, &static_only));
    const struct privileged_route good = {
        .net = V4(10, 3, 4, 0), .plen = 24, .peer = V4(198, 51, 100, 9), .metric = 5, .add = true};
    struct privileged_route v[8];
    for (unsigned i = 0; i < 8; i++)
        v[i] = good;
    v[0].plen = 0; /* a default route */
    v[1].plen = 8;
    v[2].net.b[1] = 2; /* the static entry's network: that has no reverse-route */
    v[3].metric = 0;
    v[4].via = (struct ip_addr)V4(192, 0, 2, 66);
    v[5].plen = 33;
    v[6].peer.family = FAMILY_V6;
    v[7].peer.family = FAMILY_NONE;
    assert_true(permit_route(&p, &good) && permit_route_by(&p, &good, 7));
    assert_false(permit_route(&s, &good));
    assert_false(permit_route_by(&p, &good, 8)); /* by an interface without the map: no policy there */
    for (unsigned i = 0; i < 8; i++)
        assert_false(permit_route(&p, &v[i]));
    permit_free(&p);
    permit_free(&s);
}

/* Their SAs go when the entry has gone. */
static void former_entries(void **state)
{
    static const struct ike_policy empty;
    struct permit p = {0};
    (void)state;
    assert_false(permit_is_ours(&p, XFRM_INDEX_OURS | 1));
    assert_true(permit_set(&p, &policy) && permit_set(&p, &empty));
    assert_true(permit_is_ours(&p, XFRM_INDEX_OURS | 1) && permit_is_ours(&p, IKE_REQID_DYNAMIC | 4));
    assert_false(permit_is_ours(&p, XFRM_INDEX_OURS | 2) || permit_is_ours(&p, 7));
    permit_free(&p);
}

static void what_is_not_there(void **state)
{
    struct privileged *p = *state;
    struct netlink_batch b = {0};
    struct xfrm_sa s = sa_with(XFRM_INDEX_OURS | 1);
    uint64_t packets;
    if (!p)
        skip();
    assert_true(xfrm_put_sa_delete(&p->n, &b, &s));
    assert_int_equal(sent(p, &b), 0);
    assert_int_equal(privileged_packets(p, &s.dst, 50, 0x1001, &packets), -ESRCH);
    const struct privileged_route r = {.net = s.dst, .plen = 33, .peer = s.dst};
    assert_int_equal(privileged_route(p, &r), -EPERM);
}

static void gone(void **state)
{
    struct privileged p = {.fd = -1};
    uint64_t packets;
    const struct ip_addr a = {.family = FAMILY_V4};
    (void)state;
    assert_int_equal(privileged_packets(&p, &a, 50, 1, &packets), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_sa),     cmocka_unit_test(foreign_policy),    cmocka_unit_test(one_among_many),
        cmocka_unit_test(other_messages), cmocka_unit_test(not_whole),         cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(gone),           cmocka_unit_test(policies_of_peers), cmocka_unit_test(other_attributes),
        cmocka_unit_test(directions),     cmocka_unit_test(sas_of_entries),    cmocka_unit_test(routes_of_entries),
        cmocka_unit_test(former_entries),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
