/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy as bytes, and back: the command that reloads makes it from the files, which the daemon may not read any
 * more, and hands it over. Both ends are the same program on the same host: the form has no version and no byte order
 * of its own. It holds every key in clear.
 */
#ifndef IOSCC_IKE_HANDOVER_H
#define IOSCC_IKE_HANDOVER_H

#include "backends/ike/engine/engine.h"
#include "compiler/base/arena.h"

/* False: out of memory. */
bool ike_policy_write(struct buf *b, const struct ike_policy *p);
/* Everything in the arena but the keys and stores of trustpoints (ike_pki_free()). NULL if the bytes are not whole. */
const struct ike_policy *ike_policy_read(struct arena *a, const uint8_t *p, size_t n);
/* Which parts of `from` are the same in `to`, but for the lines they stand in. Arrays are in the arena. */
void ike_policy_compare(struct arena *a, const struct ike_policy *from, const struct ike_policy *to,
                        struct ike_moves *out);

#endif
