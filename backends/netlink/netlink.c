/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/netlink/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_SIZE (256 * 1024)

int netlink_open(struct netlink *n, int protocol)
{
    *n = (struct netlink){.seq = (uint32_t)time(NULL)};
    n->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    if (!n->socket)
        return -errno;
    if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int e = -errno;
        netlink_close(n);
        return e;
    }
    n->port = mnl_socket_get_portid(n->socket);
    int fd = mnl_socket_get_fd(n->socket), on = 1, size = 64 << 20;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    /* A batch and its answers must fit. Without CAP_NET_ADMIN the plain form gives what the limit allows. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return 0;
}

void netlink_close(struct netlink *n)
{
    if (n->socket)
        mnl_socket_close(n->socket);
    n->socket = NULL;
}

struct nlmsghdr *netlink_begin(struct netlink *n, struct netlink_batch *b, uint16_t type, uint16_t flags, size_t extra,
                               size_t max, void **body)
{
    if (b->n == 0)
        b->first_seq = n->seq + 1;
    if (b->bytes.cap - b->bytes.len < max) {
        size_t cap = b->bytes.cap ? b->bytes.cap * 2 : 64 * 1024;
        while (cap - b->bytes.len < max)
            cap *= 2;
        if (!buf_grow(&b->bytes, cap))
            return NULL;
    }
    struct nlmsghdr *h = mnl_nlmsg_put_header(b->bytes.p + b->bytes.len);
    h->nlmsg_type = type;
    h->nlmsg_flags = flags;
    h->nlmsg_seq = ++n->seq;
    b->n++;
    *body = mnl_nlmsg_put_extra_header(h, extra);
    return h;
}

void netlink_end(struct netlink_batch *b, struct nlmsghdr *h)
{
    b->bytes.len += netlink_size(h);
}

void netlink_batch_free(struct netlink_batch *b)
{
    buf_free(&b->bytes);
    *b = (struct netlink_batch){0};
}

void netlink_batch_clear(struct netlink_batch *b)
{
    struct buf bytes = b->bytes;
    bytes.len = 0;
    *b = (struct netlink_batch){.bytes = bytes};
}

/* The kernel's sentence in an error message (NETLINK_EXT_ACK). */
static void keep_extack(struct netlink *n, const struct nlmsghdr *h)
{
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
    size_t skip = sizeof *e;
    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    if (!(h->nlmsg_flags & NLM_F_CAPPED))
        skip += mnl_nlmsg_get_payload_len(&e->msg);
    NETLINK_FOR_ATTRS (a, h, skip) {
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0) {
            strncpy(n->extack, mnl_attr_get_str(a), sizeof n->extack - 1);
            n->extack[sizeof n->extack - 1] = '\0';
        }
    }
}

struct outcome {
    int error;
    uint32_t failed; /* number of the message */
    uint32_t first_seq;
    netlink_tolerate_fn *tolerate;
    const void *arg;
};

/* Reads what there is until `last` was answered. With an error of a whole batch (nftables) the ack of the last message
 * may never come: then the caller's socket runs dry, which counts as the end once an error was seen. */
static int collect(struct netlink *n, char *buffer, uint32_t first, uint32_t last, struct outcome *o)
{
    bool done = false;
    while (!done) {
        ssize_t k = recv(mnl_socket_get_fd(n->socket), buffer, RECEIVE_SIZE, o->error ? MSG_DONTWAIT : 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && o->error)
            return 0;
        if (k < 0)
            return -errno;
        int left = (int)k;
        for (const struct nlmsghdr *h = (void *)buffer; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(struct nlmsgerr))
                continue;
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
            if (h->nlmsg_seq - first > last - first)
                continue; /* an answer to something earlier */
            uint32_t i = h->nlmsg_seq - o->first_seq;
            if (e->error && !o->error && !(o->tolerate && o->tolerate(i, e->error, o->arg))) {
                o->error = e->error;
                o->failed = i;
                keep_extack(n, h);
            }
            done |= h->nlmsg_seq == last;
        }
    }
    return 0;
}

bool netlink_gone_already(uint32_t i, int error, const void *arg)
{
    (void)i;
    (void)arg;
    return error == -ESRCH || error == -ENOENT;
}

int netlink_send(struct netlink *n, struct netlink_batch *b, uint32_t chunk, netlink_tolerate_fn *tolerate,
                 const void *arg, uint32_t *failed)
{
    char *buffer = malloc(RECEIVE_SIZE);
    struct outcome o = {.first_seq = b->first_seq, .tolerate = tolerate, .arg = arg};
    int r = buffer && !b->bytes.failed ? 0 : -ENOMEM;
    size_t at = 0;
    uint32_t sent = 0;
    n->extack[0] = '\0';
    n->is_unheard = false;
    while (r == 0 && sent < b->n && !o.error) {
        size_t end = at;
        uint32_t k = 0, answered = b->n - b->unanswered;
        struct nlmsghdr *h = NULL, *last_answered = NULL;
        for (; sent + k < b->n && (!chunk || k < chunk); k++) {
            h = (struct nlmsghdr *)(b->bytes.p + end);
            end += netlink_size(h);
            if (sent + k < answered)
                last_answered = h;
        }
        last_answered->nlmsg_flags |= NLM_F_ACK; /* one answer tells that all before it were seen */
        uint32_t first = b->first_seq + sent, last = last_answered->nlmsg_seq;
        r = mnl_socket_sendto(n->socket, b->bytes.p + at, end - at) < 0 ? -errno : 0;
        if (r == 0) {
            r = collect(n, buffer, first, last, &o);
            n->is_unheard = r < 0 && !o.error;
            r = o.error ? 0 : r; /* a refusal that was heard is one, whatever is lost behind it */
        }
        if (r < 0)
            o.failed = sent;
        at = end;
        sent += k;
    }
    free(buffer);
    *failed = o.failed;
    return r ? r : o.error;
}

/* One pass of a dump: 0, -EINTR if it was interrupted, another error. */
static int dump_once(struct netlink *n, char *buffer, const struct nlmsghdr *request, netlink_row_fn *f, void *arg)
{
    bool interrupted = false;
    if (mnl_socket_sendto(n->socket, request, request->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t k = mnl_socket_recvfrom(n->socket, buffer, RECEIVE_SIZE);
        if (k < 0)
            return -errno;
        int left = (int)k;
        for (const struct nlmsghdr *h = (void *)buffer; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_seq != request->nlmsg_seq)
                continue;
            interrupted |= (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (h->nlmsg_type == NLMSG_DONE)
                return interrupted ? -EINTR : 0;
            if (h->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
                keep_extack(n, h);
                return mnl_nlmsg_get_payload_len(h) >= sizeof *e && e->error ? e->error : 0;
            }
            int r = f(h, arg);
            if (r < 0)
                return r;
        }
    }
}

int netlink_dump(struct netlink *n, uint16_t type, size_t body, const void *body_bytes, netlink_row_fn *f, void *arg,
                 void (*restart)(void *arg))
{
    char request[512] __attribute__((aligned(8))) = {0};
    char *buffer = body > sizeof request / 2 ? NULL : malloc(RECEIVE_SIZE);
    if (!buffer)
        return -ENOMEM;
    int r = -EINTR;
    for (int tries = 0; tries < 3 && r == -EINTR; tries++) {
        if (tries && restart)
            restart(arg);
        struct nlmsghdr *h = mnl_nlmsg_put_header(request);
        h->nlmsg_type = type;
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        h->nlmsg_seq = ++n->seq;
        if (body)
            memcpy(mnl_nlmsg_put_extra_header(h, body), body_bytes, body);
        r = dump_once(n, buffer, h, f, arg);
    }
    free(buffer);
    return r;
}

int netlink_get(struct netlink *n, uint16_t type, size_t body, const void *body_bytes, netlink_row_fn *f, void *arg)
{
    char request[512] __attribute__((aligned(8))) = {0};
    char answer[8192] __attribute__((aligned(8)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(request);
    if (body > sizeof request / 2)
        return -EINVAL;
    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST;
    h->nlmsg_seq = ++n->seq;
    memcpy(mnl_nlmsg_put_extra_header(h, body), body_bytes, body);
    if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t k = mnl_socket_recvfrom(n->socket, answer, sizeof answer);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -errno;
        int left = (int)k;
        for (const struct nlmsghdr *r = (void *)answer; mnl_nlmsg_ok(r, left); r = mnl_nlmsg_next(r, &left)) {
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(r);
            if (r->nlmsg_seq != h->nlmsg_seq)
                continue;
            if (r->nlmsg_type != NLMSG_ERROR)
                return f(r, arg);
            return mnl_nlmsg_get_payload_len(r) >= sizeof *e && e->error ? e->error : -ENODATA;
        }
    }
}

bool netlink_renumber(struct netlink *n, struct netlink_batch *b)
{
    size_t at = 0;
    b->first_seq = n->seq + 1;
    for (uint32_t i = 0; i < b->n; i++) {
        struct nlmsghdr *h = (struct nlmsghdr *)(b->bytes.p + at);
        if (b->bytes.len - at < sizeof *h || h->nlmsg_len < sizeof *h || netlink_size(h) > b->bytes.len - at)
            return false;
        h->nlmsg_seq = ++n->seq;
        at += netlink_size(h);
    }
    return at == b->bytes.len;
}
