/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flows from before. A flow keeps the translation that it began with as long as it goes on, whatever the rules have
 * become: one that is translated although its network is protected now would be black-holed by the guard, one that is
 * not translated although the crypto list is on translated addresses would leave in the clear. Their entries in
 * conntrack are deleted once the rules stand; their next packet begins them anew.
 */
#ifndef IOSCC_BACKENDS_APPLY_FLOWS_H
#define IOSCC_BACKENDS_APPLY_FLOWS_H

#include "backends/netlink/netlink.h"
#include "backends/nftables/plan.h"

/* `links`: the host's interfaces (struct host_link). The plan is that of the rules that stand. Deletes the entries and
 * counts them. Returns 0 or a negative errno; -EINVAL: this kernel does not list connections (nf_conntrack_netlink). */
int flows_begin_anew(struct netlink *n, const struct nft_plan *p, const struct ptrlist *links,
                     uint32_t *count) MUST_CHECK;

#endif
