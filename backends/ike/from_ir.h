/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a configuration on its way to a host to what the IKE engine is configured with. */
#ifndef IOSCC_IKE_FROM_IR_H
#define IOSCC_IKE_FROM_IR_H

#include "backends/ike/policy.h"
#include "backends/target/target.h"

/* What cannot be negotiated, as sentences for the log; struct str in the arena. */
struct ike_omissions {
    struct ptrlist lines; /* char * */
};

/* Everything is in the target's arena, decrypted keys too (arenas are wiped when freed). `master`: key of type 6
 * passwords, empty if it is not known. */
const struct ike_policy *ike_policy_build(struct target *t, struct str master, struct ike_omissions *out);

#endif
