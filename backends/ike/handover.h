/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy as bytes, and back: the command that reloads makes it from the files, which the daemon may not read any
 * more, and hands it over. Both ends are on the same host. A head says what it is, in which form, and with which fields
 * of which sizes: a program that was built from other structures refuses it.
 */
#ifndef IOSCC_IKE_HANDOVER_H
#define IOSCC_IKE_HANDOVER_H

#include "backends/ike/engine/engine.h"
#include "compiler/base/arena.h"

/* With every key in clear. False: out of memory. */
bool ike_policy_write(struct buf *b, const struct ike_policy *p) MUST_CHECK;
/* Without any secret: pre-shared keys are their HMAC-SHA-256 by `key`, so that their presence and sameness can still be
 * told (with the same `key`), private keys are public ones. False: out of memory. */
#define IKE_CONCEAL_LEN 32
#define IKE_CONCEALED_MAX 64
bool ike_policy_write_concealed(struct buf *b, const struct ike_policy *p,
                                const uint8_t key[static IKE_CONCEAL_LEN]) MUST_CHECK;
/* What stands there in place of a secret; nothing (*n 0) in place of none. */
bool ike_conceal(const uint8_t key[static IKE_CONCEAL_LEN], struct ike_bytes secret,
                 uint8_t out[static IKE_CONCEALED_MAX], unsigned *n) MUST_CHECK;
/* Everything in the arena but the keys and stores of trustpoints (ike_pki_free()). NULL if the bytes are not whole. */
const struct ike_policy *ike_policy_read(struct arena *a, const uint8_t *p, size_t n);
/* Which parts of `from` are the same in `to`, but for the lines they stand in. Arrays are in the arena. */
void ike_policy_compare(struct arena *a, const struct ike_policy *from, const struct ike_policy *to,
                        struct ike_moves *out);

#endif
