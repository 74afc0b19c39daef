/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's end of an XFRM plan: netlink messages from plain data and back (nl_encode.c, nl_decode.c: the one place
 * where they are made and read), and what the kernel holds now.
 */
#ifndef IOSCC_BACKENDS_XFRM_KERNEL_H
#define IOSCC_BACKENDS_XFRM_KERNEL_H

#include "backends/netlink/netlink.h"
#include "backends/xfrm/plan.h"
#include "compiler/base/must.h"

struct xfrm_kernel {
    struct arena *arena;
    struct ptrlist policies;      /* struct xfrm_pol: all of them, also others' */
    struct symtab by_selector;    /* (xfrm_sel_key, direction) → struct xfrm_pol; see xfrm_kernel_index */
    struct ptrlist sas;           /* struct xfrm_sa */
    uint8_t hash_threshold[2][2]; /* IPv4, IPv6: local and remote prefix length; 0: not reported */
};

/* Reads policies, SAs and hash thresholds. Returns 0 or a negative errno. Objects of kinds that we do not make (marks,
 * if_ids, sub policies) are read as far as they are compared: they are never ours. */
int xfrm_kernel_read(struct netlink *n, struct arena *ar, struct xfrm_kernel *k) MUST_CHECK;
/* Fills by_selector from policies: those without a mark. */
void xfrm_kernel_index(struct xfrm_kernel *k);
/* Only the SAs, for counters. */
int xfrm_kernel_read_sas(struct netlink *n, struct arena *ar, struct xfrm_kernel *k) MUST_CHECK;

/* Messages, appended to a batch. Lengths are bounded by XFRM_MESSAGE_MAX. */
#define XFRM_MESSAGE_MAX 2048
bool xfrm_put_policy(struct netlink *n, struct netlink_batch *b, const struct xfrm_pol *p, bool update) MUST_CHECK;
bool xfrm_put_policy_delete(struct netlink *n, struct netlink_batch *b, const struct xfrm_pol *p) MUST_CHECK;
bool xfrm_put_sa(struct netlink *n, struct netlink_batch *b, const struct xfrm_sa *s) MUST_CHECK;
bool xfrm_put_sa_delete(struct netlink *n, struct netlink_batch *b, const struct xfrm_sa *s) MUST_CHECK;
/* Local and remote prefix length from which on policies go into the kernel's hash. */
bool xfrm_put_thresholds(struct netlink *n, struct netlink_batch *b, const uint8_t v4[2],
                         const uint8_t v6[2]) MUST_CHECK;

/* From messages; false if it is not one we can make sense of. */
bool xfrm_get_policy(const struct nlmsghdr *h, struct xfrm_pol *out) MUST_CHECK;
/* Kernel crypto names are kept in the arena. */
bool xfrm_get_sa(const struct nlmsghdr *h, struct arena *ar, struct xfrm_sa *out) MUST_CHECK;

#endif
