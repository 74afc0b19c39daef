/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The virtual address that two routers share (HSRP), as far as a crypto map needs it. */
#ifndef IOSCC_COMPILER_SEM_STANDBY_H
#define IOSCC_COMPILER_SEM_STANDBY_H

#include "compiler/ir/ir.h"

/*
 * The virtual address of the standby group that is called `name` on the interface: `standby GROUP ip ADDRESS` of the
 * group with `standby GROUP name NAME` (group 0 where none is written; the last line of each kind holds, a secondary
 * address is none). `crypto map MAP redundancy NAME` takes it in the place of the interface's own (Cisco, "Stateless
 * IPsec High Availability"). False: no group has that name, or it has no address in the text; `out` is unset.
 */
bool standby_address(const struct interface *i, struct str name, struct ir_addr *out) MUST_CHECK;

#endif
