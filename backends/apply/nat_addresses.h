/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses that NAT translates to: a router answers ARP for them by itself, a host for those that it has. */
#ifndef IOSCC_BACKENDS_APPLY_NAT_ADDRESSES_H
#define IOSCC_BACKENDS_APPLY_NAT_ADDRESSES_H

#include "backends/target/target.h"

/* A finding (IC4036) for each rule of `ip nat inside source` whose global address (of a pool: one of them) is in the
 * network of an outside link, and on no interface of this host. One that is routed to this host needs nobody's answer.
 * Of a pool NAT_POOL_LOOK addresses are looked at. Always 0. */
#define NAT_POOL_LOOK 256
int nat_addresses_find(struct target *t) MUST_CHECK;

#endif
