/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which transforms may stand together in a set (guide, Configuring Transform Sets: one of AH, one of ESP encryption,
 * one of ESP authentication, one of compression). The router refuses the line of any other, and has no such set then.
 */
#ifndef IOSCC_SEM_TRANSFORMS_H
#define IOSCC_SEM_TRANSFORMS_H

#include "compiler/ir/ir.h"

/* Of an entry or a profile (guide, Creating Static Crypto Maps, step 7). */
#define TRANSFORM_SETS_MAX 6

struct transform_parts {
    const struct ir_transform *ah, *cipher, *auth, *comp; /* the first of each class; NULL: none */
    const struct ir_transform *twice;                     /* second of a class */
    const char *twice_class;
};
struct transform_parts transform_parts_of(const struct transform_set *ts);

/* Why it is no set; several may hold. */
enum transform_fault {
    TRANSFORMS_NONE = 1,          /* it holds nothing */
    TRANSFORMS_TWICE = 2,         /* two of a class */
    TRANSFORMS_AUTH_ALONE = 4,    /* ESP authentication without ESP encryption */
    TRANSFORMS_AUTH_AND_AEAD = 8, /* ... beside a combined mode cipher */
    TRANSFORMS_COMP_ALONE = 16,
    TRANSFORMS_NOTHING = 64,  /* esp-null, and nothing that authenticates (RFC 4303 §1: not both may be none) */
    TRANSFORMS_OLD_PAIR = 32, /* ah-rfc1828 and esp-rfc1829 go with one another only */
};
unsigned transform_faults(const struct transform_parts *p);

#endif
