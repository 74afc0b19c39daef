/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small part of the daemon that keeps CAP_NET_ADMIN. The part that reads the network has no privileges at all and
 * asks it, over a SOCK_SEQPACKET pair, for four things: to change SAs and peers' policies, to count an SA's packets, to
 * set a route to a peer's network or take it away. Each request is checked: only what carries our numbers is touched.
 */
#ifndef IOSCC_IKE_PRIVILEGED_H
#define IOSCC_IKE_PRIVILEGED_H

#include "backends/netlink/netlink.h"
#include "compiler/base/addr.h"

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

/* Forks it. It ends when the other side is closed and removes `socket_path` then. Call before there are threads.
 * Returns 0 or a negative errno. */
int privileged_start(struct privileged *p, const char *socket_path);
void privileged_stop(struct privileged *p);
/* As netlink_send(); `gone_ok`: what is not there any more counts as deleted. Frees nothing. */
int privileged_send(struct privileged *p, const struct netlink_batch *b, bool gone_ok, uint32_t *failed);
/* Packets that went through an SA; -ESRCH when there is none. */
int privileged_packets(struct privileged *p, const struct ip_addr *dst, uint8_t proto, uint32_t spi, uint64_t *packets);
int privileged_route(struct privileged *p, const struct privileged_route *r);

#endif
