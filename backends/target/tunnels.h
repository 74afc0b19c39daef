/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tunnel interfaces whose packets IPsec protects on the router, and which are not made here. */
#ifndef IOSCC_BACKENDS_TARGET_TUNNELS_H
#define IOSCC_BACKENDS_TARGET_TUNNELS_H

#include "backends/target/target.h"

/*
 * A finding (IC4009) for each one that is not shut: with `tunnel protection`, with Easy VPN, and one whose outer packets
 * (GRE, IP in IP) a crypto map of t->maps protects, unless it is named as a link of the host (--interface-map). Static
 * routes into the last are named with it. What is routed into them would leave in the clear, by the host's own routes.
 */
void target_find_tunnels(struct target *t);

#endif
