/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the process with CAP_NET_ADMIN does for the one that reads the network: what the policy in force calls for, and
 * nothing else. Pure: it looks at messages and at the policy, never at the kernel.
 */
#ifndef IOSCC_IKE_PERMIT_H
#define IOSCC_IKE_PERMIT_H

#include <linux/xfrm.h>

#include "backends/ike/daemon/privileged.h"
#include "backends/ike/policy.h"
#include "compiler/base/must.h"

struct permit {
    const struct ike_policy *policy; /* in force; without secrets */
    uint32_t *reqids;                /* of lines that are or were negotiated, sorted: their SAs may be deleted */
    size_t n_reqids;
    bool had_dynamic; /* there is or was a dynamic entry */
};

/* From now on `policy` is in force. False: out of memory, nothing has changed. */
bool permit_set(struct permit *p, const struct ike_policy *policy) MUST_CHECK;
void permit_free(struct permit *p);

enum permit_verdict {
    PERMIT_NO,
    PERMIT_YES,
    PERMIT_IF_OURS /* DELSA: if the SA that it names exactly has a request number that permit_is_ours() knows */
};
enum permit_verdict permit_message(const struct permit *p, const struct nlmsghdr *h) MUST_CHECK;
bool permit_is_ours(const struct permit *p, uint32_t reqid) MUST_CHECK;
/* Routes of entries with `reverse-route`, never a default route. Taking one away touches only what carries
 * PRIVILEGED_RTPROT, so that it is always allowed. */
bool permit_route(const struct permit *p, const struct privileged_route *r) MUST_CHECK;
/* The way that the kernel knows to the route's gateway or peer leaves by interface `oif`: is that one of the entry's,
 * so that what takes the route meets the entry's policies? */
bool permit_route_by(const struct permit *p, const struct privileged_route *r, uint32_t oif) MUST_CHECK;

#endif
