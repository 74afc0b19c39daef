/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A netlink socket for bulk work (on libmnl): many messages in one send, errors by message, dumps that start again when
 * the kernel says they were interrupted. Used for NETLINK_XFRM and NETLINK_NETFILTER. Errors are negative errno.
 */
#ifndef IOSCC_BACKENDS_NETLINK_NETLINK_H
#define IOSCC_BACKENDS_NETLINK_NETLINK_H

#include <libmnl/libmnl.h>

#include "compiler/base/must.h"
#include "compiler/base/str.h"

/* Attributes of a message behind a fixed part of `off` bytes; libmnl's own macro does not compile without warnings. */
#define NETLINK_FOR_ATTRS(a, h, off)                                                                                   \
    for (const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, off);                                                \
         mnl_attr_ok(a, (int)((const char *)mnl_nlmsg_get_payload_tail(h) - (const char *)a)); a = mnl_attr_next(a))

#define NETLINK_FOR_NESTED(a, nest)                                                                                    \
    for (const struct nlattr *a = mnl_attr_get_payload(nest); mnl_attr_ok(                                             \
             a, (int)((const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest) - (const char *)a));   \
         a = mnl_attr_next(a))

/* Length of a message with its padding. */
static inline size_t netlink_size(const struct nlmsghdr *h)
{
    return (h->nlmsg_len + (size_t)3) & ~(size_t)3;
}

struct netlink {
    struct mnl_socket *socket;
    uint32_t port, seq;
    char extack[256]; /* the kernel's own words about the last error, if it had any */
    bool is_unheard;  /* netlink_send(): its last messages were sent, and the answers to them are lost */
};

int netlink_open(struct netlink *n, int protocol) MUST_CHECK;
void netlink_close(struct netlink *n);

/* Messages waiting to be sent. */
struct netlink_batch {
    struct buf bytes;
    uint32_t n;          /* messages */
    uint32_t first_seq;  /* message i has first_seq + i */
    uint32_t unanswered; /* so many at the end are never answered (the end mark of a nfnetlink batch) */
};
/* Room for one message of at most `max` bytes at the end of the batch, NULL when memory is out: a header with type and
 * flags and `extra` zeroed bytes behind it. netlink_end() closes it with the length it has grown to. */
struct nlmsghdr *netlink_begin(struct netlink *n, struct netlink_batch *b, uint16_t type, uint16_t flags, size_t extra,
                               size_t max, void **body);
void netlink_end(struct netlink_batch *b, struct nlmsghdr *h);
void netlink_batch_free(struct netlink_batch *b);
/* An empty one again, which has its memory still. */
void netlink_batch_clear(struct netlink_batch *b);

/* May message i fail with this error? */
typedef bool netlink_tolerate_fn(uint32_t i, int error, const void *arg);

/* For deletes: what is not there any more is no error. */
bool netlink_gone_already(uint32_t i, int error, const void *arg) MUST_CHECK;

/*
 * Sends all of it and waits for the kernel's verdict on each message. Returns 0, or the error of the first message that
 * failed; *failed is then its number. Messages are handed over in sends of `chunk` messages (0: one send for all).
 * Messages of one send behind one that failed may have been worked off: the caller undoes. Where the answer itself is
 * lost (n->is_unheard), all of that send may have been, and *failed is the number of its first. `tolerate` may be NULL.
 */
int netlink_send(struct netlink *n, struct netlink_batch *b, uint32_t chunk, netlink_tolerate_fn *tolerate,
                 const void *arg, uint32_t *failed) MUST_CHECK;

/* Runs one dump request; `f` returns 0 or a negative errno that ends it. -EINTR when the kernel changed under it three
 * times running. */
typedef int netlink_row_fn(const struct nlmsghdr *h, void *arg);
int netlink_dump(struct netlink *n, uint16_t type, size_t body, const void *body_bytes, netlink_row_fn *f, void *arg,
                 void (*restart)(void *arg)) MUST_CHECK;

/* Asks for one object (no dump): `f` sees the answer. 0, what `f` returned, or the kernel's error (-ESRCH, -ENOENT). */
int netlink_get(struct netlink *n, uint16_t type, size_t body, const void *body_bytes, netlink_row_fn *f,
                void *arg) MUST_CHECK;
/* Messages of a batch that was made elsewhere: numbers them anew. False if they are not whole or not `n` of them. */
bool netlink_renumber(struct netlink *n, struct netlink_batch *b) MUST_CHECK;

#endif
