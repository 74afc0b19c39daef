/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/privileged.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/ike/daemon/follow.h"
#include "backends/ike/daemon/permit.h"

enum verb { VERB_SEND = 1, VERB_PACKETS, VERB_ROUTE, VERB_FOLLOW };

#define BYTES_MAX 65536
struct request {
    uint32_t verb, n; /* messages */
    uint32_t spi;
    struct ip_addr dst;
    struct privileged_route route;
    uint8_t proto, gone_ok;
    uint32_t length; /* of what follows */
};
struct answer {
    int32_t error;
    uint32_t failed;
    uint64_t packets;
    char extack[256];
};

/* ---- the privileged side ---- */

struct privileged_side {
    struct netlink xfrm, route;
    struct permit permit;
    struct follow follow;
};

static uint16_t af_of(const struct ip_addr *a)
{
    return a->family == FAMILY_V6 ? AF_INET6 : AF_INET;
}

static int keep_state(const struct nlmsghdr *h, void *arg)
{
    struct xfrm_usersa_info *out = arg;
    if (h->nlmsg_type != XFRM_MSG_NEWSA || mnl_nlmsg_get_payload_len(h) < sizeof *out)
        return -EBADMSG;
    memcpy(out, mnl_nlmsg_get_payload(h), sizeof *out);
    return 0;
}

static int state_of(struct privileged_side *s, const struct xfrm_usersa_id *id, struct xfrm_usersa_info *out)
{
    return netlink_get(&s->xfrm, XFRM_MSG_GETSA, sizeof *id, id, keep_state, out);
}

static int keep_policy(const struct nlmsghdr *h, void *arg)
{
    struct xfrm_userpolicy_info *out = arg;
    if (h->nlmsg_type != XFRM_MSG_NEWPOLICY || mnl_nlmsg_get_payload_len(h) < sizeof *out)
        return -EBADMSG;
    memcpy(out, mnl_nlmsg_get_payload(h), sizeof *out);
    return 0;
}

/* The kernel gives a policy whose number is another selector's a number of its own, by which nobody would find it. */
static bool number_is_free(struct privileged_side *s, const struct nlmsghdr *h)
{
    char body[sizeof(struct xfrm_userpolicy_id) + 16] __attribute__((aligned(8))) = {0};
    struct xfrm_userpolicy_info wanted, held;
    memcpy(&wanted, mnl_nlmsg_get_payload(h), sizeof wanted);
    const struct xfrm_userpolicy_id id = {.index = wanted.index, .dir = wanted.dir};
    const struct xfrm_mark mark = {0, PEERS_MARK_MASK};
    const struct nlattr at = {sizeof at + sizeof mark, XFRMA_MARK};
    memcpy(body, &id, sizeof id);
    memcpy(body + sizeof id, &at, sizeof at);
    memcpy(body + sizeof id + sizeof at, &mark, sizeof mark);
    int r = netlink_get(&s->xfrm, XFRM_MSG_GETPOLICY, sizeof id + sizeof at + sizeof mark, body, keep_policy, &held);
    return r == -ENOENT || (r == 0 && memcmp(&held.sel, &wanted.sel, sizeof held.sel) == 0);
}

/* Two policies with one number in one batch: the second would get another. */
static bool numbers_differ(const char *bytes, uint32_t n)
{
    uint32_t seen[64];
    unsigned n_seen = 0;
    for (size_t at = 0; n; n--) {
        const struct nlmsghdr *h = (const struct nlmsghdr *)(bytes + at);
        struct xfrm_userpolicy_info i;
        at += netlink_size(h);
        if (h->nlmsg_type != XFRM_MSG_NEWPOLICY && h->nlmsg_type != XFRM_MSG_UPDPOLICY)
            continue;
        if (n_seen == sizeof seen / sizeof *seen || mnl_nlmsg_get_payload_len(h) < sizeof i)
            return false;
        memcpy(&i, mnl_nlmsg_get_payload(h), sizeof i);
        for (unsigned k = 0; k < n_seen; k++)
            if (seen[k] == i.index)
                return false;
        seen[n_seen++] = i.index;
    }
    return true;
}

/* What permit.c leaves open: is the SA that is named exactly there, and ours? One that is not there can go. */
static bool may(struct privileged_side *s, const struct nlmsghdr *h)
{
    struct xfrm_usersa_info sa;
    struct xfrm_usersa_id id;
    enum permit_verdict v = permit_message(&s->permit, h);
    bool sets_policy = h->nlmsg_type == XFRM_MSG_NEWPOLICY || h->nlmsg_type == XFRM_MSG_UPDPOLICY;
    if (v == PERMIT_YES && sets_policy)
        return number_is_free(s, h);
    if (v != PERMIT_IF_OURS)
        return v == PERMIT_YES;
    memcpy(&id, mnl_nlmsg_get_payload(h), sizeof id);
    int r = state_of(s, &id, &sa);
    return r == -ESRCH || (r == 0 && permit_is_ours(&s->permit, sa.reqid));
}

/* SAs that have been made: what goes out follows to their peers. */
static int follow(struct privileged_side *s, const char *bytes, uint32_t n)
{
    int r = 0;
    for (size_t at = 0; n && r == 0; n--) {
        const struct nlmsghdr *h = (const struct nlmsghdr *)(bytes + at);
        struct xfrm_usersa_info sa;
        at += netlink_size(h);
        bool makes = h->nlmsg_type == XFRM_MSG_NEWSA || h->nlmsg_type == XFRM_MSG_UPDSA;
        if (!makes || mnl_nlmsg_get_payload_len(h) < sizeof sa)
            continue;
        memcpy(&sa, mnl_nlmsg_get_payload(h), sizeof sa);
        r = follow_sa(&s->follow, &s->xfrm, s->permit.policy, &sa);
    }
    return r;
}

static void send_on(struct privileged_side *s, const struct request *q, char *bytes, struct answer *a)
{
    struct netlink_batch b = {.bytes = {bytes, q->length, q->length, false}, .n = q->n};
    if (!q->n || !netlink_renumber(&s->xfrm, &b)) {
        a->error = -EBADMSG;
        return;
    }
    size_t at = 0;
    if (!numbers_differ(bytes, b.n)) {
        a->error = -EPERM;
        return;
    }
    for (uint32_t i = 0; i < b.n; i++) {
        const struct nlmsghdr *h = (const struct nlmsghdr *)(bytes + at);
        if (!may(s, h)) {
            a->error = -EPERM;
            a->failed = i;
            return;
        }
        at += netlink_size(h);
    }
    /* asking for states has used numbers up */
    if (!netlink_renumber(&s->xfrm, &b)) {
        a->error = -EBADMSG;
        return;
    }
    a->error = netlink_send(&s->xfrm, &b, 0, q->gone_ok ? netlink_gone_already : NULL, NULL, &a->failed);
    memcpy(a->extack, s->xfrm.extack, sizeof a->extack);
    if (a->error == 0)
        a->error = follow(s, bytes, b.n);
}

/* The kernel knows whose the SA is: what the asker says of it does not count. */
static int follow_what_is_left(struct privileged_side *s, const struct request *q)
{
    struct xfrm_usersa_id id = {.spi = htonl(q->spi), .family = af_of(&q->dst), .proto = q->proto};
    struct xfrm_usersa_info sa;
    memcpy(&id.daddr, q->dst.b, q->dst.family == FAMILY_V6 ? 16 : 4);
    int r = state_of(s, &id, &sa);
    if (r == 0 && !permit_is_ours(&s->permit, sa.reqid))
        r = -EPERM;
    return r < 0 ? r : follow_sa(&s->follow, &s->xfrm, s->permit.policy, &sa);
}

static void count(struct privileged_side *s, const struct request *q, struct answer *a)
{
    struct xfrm_usersa_id id = {.spi = htonl(q->spi), .family = af_of(&q->dst), .proto = q->proto};
    struct xfrm_usersa_info sa;
    memcpy(&id.daddr, q->dst.b, q->dst.family == FAMILY_V6 ? 16 : 4);
    a->error = state_of(s, &id, &sa);
    if (a->error == 0 && !permit_is_ours(&s->permit, sa.reqid))
        a->error = -EPERM;
    if (a->error == 0)
        a->packets = sa.curlft.packets;
}

/* ---- routes ---- */

struct way {
    uint8_t type; /* RTN_… */
    uint32_t oif;
    struct ip_addr via;
};

static int keep_way(const struct nlmsghdr *h, void *arg)
{
    struct way *w = arg;
    struct rtmsg m;
    if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof m)
        return -EBADMSG;
    memcpy(&m, mnl_nlmsg_get_payload(h), sizeof m);
    size_t n = m.rtm_family == AF_INET6 ? 16 : 4;
    w->type = m.rtm_type;
    NETLINK_FOR_ATTRS (x, h, sizeof m) {
        if (mnl_attr_get_type(x) == RTA_OIF && mnl_attr_get_payload_len(x) == 4)
            w->oif = mnl_attr_get_u32(x);
        if (mnl_attr_get_type(x) == RTA_GATEWAY && mnl_attr_get_payload_len(x) == n) {
            w->via.family = m.rtm_family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
            memcpy(w->via.b, mnl_attr_get_payload(x), n);
        }
    }
    return 0;
}

static int way_to(struct privileged_side *s, const struct ip_addr *a, struct way *w)
{
    char body[sizeof(struct rtmsg) + 32] __attribute__((aligned(8))) = {0};
    size_t n = a->family == FAMILY_V6 ? 16 : 4;
    const struct rtmsg m = {.rtm_family = (unsigned char)af_of(a), .rtm_dst_len = (unsigned char)(n * 8)};
    const struct nlattr at = {(uint16_t)(sizeof at + n), RTA_DST};
    memcpy(body, &m, sizeof m);
    memcpy(body + sizeof m, &at, sizeof at);
    memcpy(body + sizeof m + sizeof at, a->b, n);
    return netlink_get(&s->route, RTM_GETROUTE, sizeof m + sizeof at + n, body, keep_way, w);
}

/* One message: the route as `r` says, set if nothing is there, resp. taken away if it carries our number. */
static int send_route(struct privileged_side *s, const struct privileged_route *r, const struct way *w, bool add,
                      struct answer *a)
{
    struct netlink_batch b = {0};
    void *body;
    size_t n = r->net.family == FAMILY_V6 ? 16 : 4;
    struct rtmsg m = {.rtm_family = (unsigned char)af_of(&r->net),
                      .rtm_dst_len = r->plen,
                      .rtm_table = RT_TABLE_MAIN,
                      .rtm_protocol = PRIVILEGED_RTPROT,
                      .rtm_scope = RT_SCOPE_NOWHERE,
                      .rtm_type = RTN_UNICAST};
    if (add)
        m.rtm_scope = w->via.family || n == 16 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    const uint16_t flags = add ? NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL : NLM_F_REQUEST;
    struct nlmsghdr *h = netlink_begin(&s->route, &b, add ? RTM_NEWROUTE : RTM_DELROUTE, flags, sizeof m, 512, &body);
    if (!h)
        return -ENOMEM;
    memcpy(body, &m, sizeof m);
    mnl_attr_put(h, RTA_DST, n, r->net.b);
    mnl_attr_put_u32(h, RTA_PRIORITY, r->metric ? r->metric : 1);
    if (add)
        mnl_attr_put_u32(h, RTA_OIF, w->oif);
    if (add && w->via.family)
        mnl_attr_put(h, RTA_GATEWAY, n, w->via.b);
    netlink_end(&b, h);
    int error = netlink_send(&s->route, &b, 0, add ? NULL : netlink_gone_already, NULL, &a->failed);
    memcpy(a->extack, s->route.extack, sizeof a->extack);
    netlink_batch_free(&b);
    return error;
}

/* Somebody else's route of the same network and metric stays what it is: then ours is refused. */
static int set_route(struct privileged_side *s, const struct privileged_route *r, struct answer *a)
{
    struct way w = {0};
    int error = way_to(s, r->via.family ? &r->via : &r->peer, &w);
    if (error < 0)
        return error;
    if (w.type != RTN_UNICAST || !permit_route_by(&s->permit, r, w.oif))
        return -EPERM;
    if (r->via.family)
        w.via = r->via;
    error = send_route(s, r, &w, true, a);
    if (error != -EEXIST)
        return error;
    error = send_route(s, r, &w, false, a); /* an older one of ours, by protocol number */
    return error < 0 ? error : send_route(s, r, &w, true, a);
}

static int route(struct privileged_side *s, const struct privileged_route *r, struct answer *a)
{
    if (!permit_route(&s->permit, r))
        return -EPERM;
    return r->add ? set_route(s, r, a) : send_route(s, r, &(struct way){0}, false, a);
}

/* Routes that an earlier run left behind. */
static int our_route(const struct nlmsghdr *h, void *arg)
{
    struct netlink_batch *b = arg;
    struct rtmsg m;
    if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof m)
        return 0;
    memcpy(&m, mnl_nlmsg_get_payload(h), sizeof m);
    if (m.rtm_protocol != PRIVILEGED_RTPROT)
        return 0;
    buf_add(&b->bytes, (const char *)h, netlink_size(h));
    if (b->bytes.failed)
        return -ENOMEM;
    struct nlmsghdr *copy = (struct nlmsghdr *)(b->bytes.p + b->bytes.len - netlink_size(h));
    copy->nlmsg_type = RTM_DELROUTE;
    copy->nlmsg_flags = NLM_F_REQUEST;
    b->n++;
    return 0;
}

static int sweep_routes(struct privileged_side *s)
{
    struct netlink_batch b = {0};
    const struct rtmsg none = {.rtm_family = AF_UNSPEC};
    uint32_t failed;
    int r = netlink_dump(&s->route, RTM_GETROUTE, sizeof none, &none, our_route, &b, NULL);
    if (r == 0 && b.n && !netlink_renumber(&s->route, &b))
        r = -EBADMSG;
    if (r == 0 && b.n)
        r = netlink_send(&s->route, &b, 0, netlink_gone_already, NULL, &failed);
    netlink_batch_free(&b);
    return r;
}

/* ---- requests ---- */

struct privileged_side *privileged_side_new(int *error)
{
    struct privileged_side *s = calloc(1, sizeof *s);
    *error = s ? netlink_open(&s->xfrm, NETLINK_XFRM) : -ENOMEM;
    if (*error == 0)
        *error = netlink_open(&s->route, NETLINK_ROUTE);
    if (*error == 0)
        *error = sweep_routes(s);
    if (*error == 0)
        return s;
    privileged_side_free(s);
    return NULL;
}

void privileged_side_free(struct privileged_side *s)
{
    if (!s)
        return;
    netlink_close(&s->xfrm);
    netlink_close(&s->route);
    permit_free(&s->permit);
    follow_forget(&s->follow);
    free(s);
}

bool privileged_allow(struct privileged_side *s, const struct ike_policy *policy)
{
    follow_forget(&s->follow);
    return permit_set(&s->permit, policy);
}

bool privileged_serve(struct privileged_side *s, int fd)
{
    static char buffer[sizeof(struct request) + BYTES_MAX] __attribute__((aligned(8)));
    struct request q;
    struct answer a = {0};
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    memcpy(&q, buffer, (size_t)n < sizeof q ? (size_t)n : sizeof q);
    q.route.add = ((const uint8_t *)buffer)[offsetof(struct request, route.add)] != 0; /* any byte may stand there */
    if ((size_t)n < sizeof q || q.length != (size_t)n - sizeof q)
        a.error = -EBADMSG;
    else if (q.verb == VERB_SEND)
        send_on(s, &q, buffer + sizeof q, &a);
    else if (q.verb == VERB_PACKETS)
        count(s, &q, &a);
    else if (q.verb == VERB_ROUTE)
        a.error = route(s, &q.route, &a);
    else if (q.verb == VERB_FOLLOW)
        a.error = follow_what_is_left(s, &q);
    else
        a.error = -EOPNOTSUPP;
    explicit_bzero(buffer, (size_t)n); /* keys */
    /* who does not read answers is as good as gone: nobody waits for it */
    return send(fd, &a, sizeof a, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof a;
}

/* ---- the other side ---- */

void privileged_open(struct privileged *p, int fd)
{
    int size = 1 << 20;
    *p = (struct privileged){.fd = fd};
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

void privileged_stop(struct privileged *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static int ask(struct privileged *p, const struct request *q, const void *bytes, struct answer *a)
{
    struct iovec v[2] = {{(void *)(uintptr_t)q, sizeof *q}, {(void *)(uintptr_t)bytes, q->length}};
    const struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
    ssize_t n = -1;
    p->extack[0] = '\0';
    if (q->length > BYTES_MAX)
        return -EMSGSIZE;
    if (p->fd < 0 || sendmsg(p->fd, &m, MSG_NOSIGNAL) < 0)
        return -EPIPE;
    do
        n = recv(p->fd, a, sizeof *a, 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof *a)
        return -EPIPE;
    memcpy(p->extack, a->extack, sizeof p->extack);
    p->extack[sizeof p->extack - 1] = '\0';
    return a->error;
}

int privileged_send(struct privileged *p, const struct netlink_batch *b, bool gone_ok, uint32_t *failed)
{
    struct request q = {.verb = VERB_SEND, .n = b->n, .gone_ok = gone_ok, .length = (uint32_t)b->bytes.len};
    struct answer a = {0};
    int r = b->bytes.failed ? -ENOMEM : ask(p, &q, b->bytes.p, &a);
    *failed = a.failed;
    return r;
}

int privileged_follow(struct privileged *p, const struct ip_addr *dst, uint8_t proto, uint32_t spi)
{
    const struct request q = {.verb = VERB_FOLLOW, .spi = spi, .dst = *dst, .proto = proto};
    struct answer a = {0};
    return ask(p, &q, NULL, &a);
}

int privileged_packets(struct privileged *p, const struct ip_addr *dst, uint8_t proto, uint32_t spi, uint64_t *packets)
{
    struct request q = {.verb = VERB_PACKETS, .spi = spi, .dst = *dst, .proto = proto};
    struct answer a = {0};
    int r = ask(p, &q, NULL, &a);
    *packets = a.packets;
    return r;
}

int privileged_route(struct privileged *p, const struct privileged_route *r)
{
    struct request q = {.verb = VERB_ROUTE, .route = *r};
    struct answer a = {0};
    return ask(p, &q, NULL, &a);
}
