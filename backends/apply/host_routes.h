/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether this host's routes and settings let the tunnels work: what would not leak, and carries nothing. */
#ifndef IOSCC_BACKENDS_APPLY_HOST_ROUTES_H
#define IOSCC_BACKENDS_APPLY_HOST_ROUTES_H

#include "backends/target/target.h"

/*
 * Findings, at the line that names the peer or network:
 *   IC4033  no route leads to a peer, or to the first address of what a line protects
 *   IC4034  rp_filter drops what a peer sends by a link of its map, as the route to it leads by another (kernel,
 *           fib_validate_source()); a link that sends ICMP redirects while networks that are protected are behind it:
 *           hosts there are told to send past the tunnel
 * The kernel is asked HOST_ROUTES_MOST questions; how many addresses that leaves out is a finding too. 0 or a negative
 * errno: it cannot be told.
 */
#define HOST_ROUTES_MOST 5000
int host_routes_find(struct target *t) MUST_CHECK;

#endif
