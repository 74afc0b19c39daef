/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which objects of a configuration take part on this host: what is applied to an interface, what IKE looks through, and
 * all that these refer to. Found by the description of the IR (compiler/ir/desc.h), so that a new reference counts by
 * itself.
 */
#ifndef IOSCC_BACKENDS_ACCOUNT_REACH_H
#define IOSCC_BACKENDS_ACCOUNT_REACH_H

#include "backends/target/target.h"
#include "compiler/ir/desc.h"

struct reach {
    struct arena *arena;
    const struct ir_config *c;
    struct symtab kinds; /* (address of an object) → struct ir_desc */
    struct symtab seen;  /* ("", place of an object), (address of an object) */
    struct ptrlist todo; /* marked, and what they refer to is not yet */
};

void reach_build(struct reach *r, struct arena *ar, const struct target *t);
/* `off`: span.off of the object. */
bool reach_has(const struct reach *r, uint32_t off) MUST_CHECK;

#endif
