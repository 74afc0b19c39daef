/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line's outbound policies follow the peer that has its SA (guide, `set peer`: several). In tunnel mode the kernel looks an SA
 * up by the end that the policy's template names, so that a line that fails over sends nothing until its policies
 * name the other peer. The other lines of the entry stay with the peers that have theirs. For the process with CAP_NET_ADMIN: only between the peers that the policy in force has for that
 * entry.
 */
#ifndef IOSCC_IKE_FOLLOW_H
#define IOSCC_IKE_FOLLOW_H

#include <linux/xfrm.h>

#include "backends/ike/policy.h"
#include "backends/netlink/netlink.h"
#include "compiler/base/must.h"

/* Which policies of ours are of which line. */
struct follow {
    struct follow_place {
        uint32_t reqid, index; /* of the line; of its policy in the kernel */
    } * v;                     /* sorted by reqid */
    size_t n;
    bool is_read;
};

/* Another policy is in force, or other policies are in the kernel: what is known is forgotten. */
void follow_forget(struct follow *f);
/* An SA of that policy's has been installed, or is what is left: if it goes out to one of an entry's several peers, the
 * policies of its line are turned to that one. 0, or a negative errno: they are as they were, as far as is known. */
int follow_sa(struct follow *f, struct netlink *xfrm, const struct ike_policy *policy,
              const struct xfrm_usersa_info *sa) MUST_CHECK;

#endif
