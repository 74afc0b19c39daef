/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses of peers that are known by name: from /etc/hosts, else from the DNS (c-ares). What the DNS answers is
 * hostile: a process of its own asks, forked before anything secret is read, which is nobody and can open no file; what
 * it says is checked.
 *
 *   int asker = lookup_open();             before the configuration is read
 *   lookup_ask(asker, names, n);           once
 *   lookup_close(asker);
 */
#ifndef IOSCC_IKE_LOOKUP_H
#define IOSCC_IKE_LOOKUP_H

#include <stddef.h>

#include "compiler/base/addr.h"
#include "compiler/base/must.h"

#define LOOKUP_ADDRESSES 8
#define LOOKUP_MS 15000       /* for all names together; those without an answer then have none */
#define LOOKUP_TTL_MIN_S 5    /* whatever the DNS says */
#define LOOKUP_TTL_MAX_S 3600 /* /etc/hosts and names without a TTL too */

struct lookup {
    const char *name;
    unsigned n; /* 0: there is no address, or nobody answers */
    struct ip_addr addr[LOOKUP_ADDRESSES];
    uint32_t ttl_s; /* when it is to be asked again */
};

/* Forks the process that asks. A descriptor for lookup_close(), or a negative errno. */
int lookup_open(void) MUST_CHECK;
/* Asks for all of them at once: IPv4, and IPv6 for those that have none. Only addresses that a peer can have: unicast,
 * not this host's own loopback. The asker has ended then. 0, or a negative errno: it did not answer, nobody has an
 * address. */
int lookup_ask(int asker, struct lookup *v, size_t n) MUST_CHECK;
void lookup_close(int asker);
/* Which of the answers to take: `kept` as long as it is one of them (the order of answers is chance), else the first.
 * Of `family`, that of the crypto map which the peer is in. Family FAMILY_NONE if there is none. */
struct ip_addr lookup_choose(const struct lookup *l, uint8_t family, const struct ip_addr *kept);

#endif
