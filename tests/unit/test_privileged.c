/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process with CAP_NET_ADMIN: what does not carry our numbers it does not pass on, whoever asks. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/ike/daemon/privileged.h"
#include "backends/xfrm/kernel.h"

static int start(void **state)
{
    static struct privileged p;
    *state = &p;
    if (geteuid() != 0 || privileged_start(&p, NULL) < 0)
        *state = NULL;
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
    assert_int_equal(privileged_route(p, &r), -EINVAL);
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
        cmocka_unit_test(foreign_sa),     cmocka_unit_test(foreign_policy), cmocka_unit_test(one_among_many),
        cmocka_unit_test(other_messages), cmocka_unit_test(not_whole),      cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(gone),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
