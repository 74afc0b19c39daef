/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other programs' nftables do to packets that the tunnels carry, before or beside our own table. */
#ifndef IOSCC_BACKENDS_APPLY_FOREIGN_RULES_H
#define IOSCC_BACKENDS_APPLY_FOREIGN_RULES_H

#include "backends/target/target.h"

/*
 * Findings about base chains of other tables, iptables-nft's among them, but not of tables that sleep (dormant):
 *   IC4031  a filter chain that drops, and has no rule that could accept: no tunnel carries anything, or comes up
 *   IC4032  one whose policy or whose rules may drop: they have to let pass what the tunnels carry; a chain of NAT that
 *           translates before ours binds protected flows to their own addresses. Not where the host is said to have a
 *           firewall of its own (--host-has firewall)
 * A rule may drop when it has such a verdict, or sends packets to another chain. Which packets it is about is not
 * looked at. Chains in the kernel's old tables (iptables-legacy) cannot be seen. 0 or a negative errno: it cannot be
 * told.
 */
int foreign_rules_find(struct target *t) MUST_CHECK;

#endif
