/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is asked of the process that keeps CAP_NET_ADMIN. The process that reads the network has no privileges at all
 * and asks it, over a SOCK_SEQPACKET pair, for five things: to change SAs and peers' policies, to count an SA's
 * packets, to turn a line's policies to the peer of an SA, to set a route to a peer's network or take it away. Each request is held against the policy in force
 * (permit.h): what that does not call for is refused with EPERM.
 */
#ifndef IOSCC_IKE_PRIVILEGED_H
#define IOSCC_IKE_PRIVILEGED_H

#include "backends/netlink/netlink.h"
#include "compiler/base/addr.h"
#include "compiler/base/must.h"

/* The highest bit of a packet's mark, which the policies of dynamic entries' peers ask to be clear (kernel.c). */
#define PEERS_MARK_MASK 0x80000000u
/* rtm_protocol of our routes, so that they are known as ours. */
#define PRIVILEGED_RTPROT 93

struct privileged {
    int fd;           /* -1: it is not there */
    struct netlink n; /* numbers messages, has no socket */
    char extack[256]; /* the kernel's words about the last refusal */
};

struct privileged_route {
    struct ip_addr net; /* with `plen` the peer's network */
    struct ip_addr via; /* FAMILY_NONE: as the way to `peer` goes */
    struct ip_addr peer;
    uint32_t metric; /* the router's distance; 0: 1 */
    uint8_t plen;
    bool add;
};

struct ike_policy;
struct privileged_side;
/* The side with the capability: opens netlink, takes away routes that an earlier run left. NULL with *error, a negative
 * errno. */
struct privileged_side *privileged_side_new(int *error) MUST_CHECK;
void privileged_side_free(struct privileged_side *s);
/* Nothing is allowed before. `policy` stays the caller's and must live until the next one. False: out of memory, the
 * one before still holds. */
bool privileged_allow(struct privileged_side *s, const struct ike_policy *policy) MUST_CHECK;
/* Answers one request from the socket. False: the other side is gone. */
bool privileged_serve(struct privileged_side *s, int fd) MUST_CHECK;

/* The other side. `fd` becomes its own. */
void privileged_open(struct privileged *p, int fd);
void privileged_stop(struct privileged *p);
/* As netlink_send(); `gone_ok`: what is not there any more counts as deleted. Frees nothing. */
int privileged_send(struct privileged *p, const struct netlink_batch *b, bool gone_ok, uint32_t *failed) MUST_CHECK;
/* Packets that went through an SA; -ESRCH when there is none. */
int privileged_packets(struct privileged *p, const struct ip_addr *dst, uint8_t proto, uint32_t spi,
                       uint64_t *packets) MUST_CHECK;
/* The policies of that outbound SA's line name its peer again, as others of the entry's peers have none any more
 * (follow.h). */
int privileged_follow(struct privileged *p, const struct ip_addr *dst, uint8_t proto, uint32_t spi) MUST_CHECK;
int privileged_route(struct privileged *p, const struct privileged_route *r) MUST_CHECK;

#endif
