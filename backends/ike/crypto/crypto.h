/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cryptography of IKE, all of it libcrypto's. Algorithms are named by their row in algo.def; lengths are in bytes
 * unless a name says bits. A `struct ike_crypto` belongs to one thread; Diffie-Hellman keys and signatures need none,
 * so they can be worked on elsewhere.
 */
#ifndef IOSCC_IKE_CRYPTO_H
#define IOSCC_IKE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler/algo/algo.h"
#include "compiler/base/must.h"

#define IKE_HASH_MAX 64
#define IKE_DH_MAX 512
#define IKE_KEY_MAX 64

struct ike_crypto;
struct ike_crypto *ike_crypto_new(void); /* NULL: out of memory, or libcrypto lacks its default provider */
void ike_crypto_free(struct ike_crypto *c);
/* Fetches a cipher before it is used: some live in modules, which a sandboxed process cannot load any more. False: it
 * cannot be had. */
bool ike_crypto_cipher(struct ike_crypto *c, enum algo_id encr, unsigned bits) MUST_CHECK;

struct ike_iov {
    const void *p;
    size_t n;
};

/* ---- lengths, from the table ---- */

size_t ike_cipher_key_len(enum algo_id encr, unsigned bits); /* with the salt of an AEAD */
size_t ike_hash_len(enum algo_id hash);                      /* output and key of a PRF or an integrity algorithm */
size_t ike_icv_len(enum algo_id encr, enum algo_id integ);
size_t ike_iv_len(enum algo_id encr);

/* ---- hashes and PRFs ---- */

/* HMAC over the pieces; writes ike_hash_len(hash) bytes. */
bool ike_prf(struct ike_crypto *c, enum algo_id hash, const void *key, size_t key_len, const struct ike_iov *v,
             unsigned n, uint8_t *out) MUST_CHECK;
bool ike_hash(struct ike_crypto *c, enum algo_id hash, const struct ike_iov *v, unsigned n, uint8_t *out) MUST_CHECK;
/* prf+, RFC 7296 §2.13. */
bool ike_prf_plus(struct ike_crypto *c, enum algo_id hash, const void *key, size_t key_len, const struct ike_iov *seed,
                  unsigned n, uint8_t *out, size_t out_len) MUST_CHECK;

/* ---- ciphers ---- */

/* CBC without padding, n a multiple of the block; in place is fine. `iv` is one block and is not changed. */
bool ike_cbc(struct ike_crypto *c, enum algo_id encr, unsigned bits, const uint8_t *key, const uint8_t *iv,
             const uint8_t *in, size_t n, uint8_t *out, bool encrypt) MUST_CHECK;
/* AES-GCM with a salt of 4 bytes behind the key and an explicit IV of 8 (RFC 5282); the ICV has 16 bytes. Opening
 * fails if it does not match. */
bool ike_gcm(struct ike_crypto *c, unsigned bits, const uint8_t *key, const uint8_t *iv, const uint8_t *aad,
             size_t aad_len, const uint8_t *in, size_t n, uint8_t *out, uint8_t *icv, bool encrypt) MUST_CHECK;

/* Constant in time. */
bool ike_equal(const void *a, const void *b, size_t n) MUST_CHECK;
void ike_wipe(void *p, size_t n);

/* ---- Diffie-Hellman ---- */

struct ike_dh;
size_t ike_dh_len(enum algo_id group);        /* public value on the wire */
size_t ike_dh_shared_len(enum algo_id group); /* g^ir; for curves the x coordinate (RFC 5903 §7) */
struct ike_dh *ike_dh_new(enum algo_id group);
/* One more owner of the same key; each frees it. */
struct ike_dh *ike_dh_share(struct ike_dh *d);
void ike_dh_free(struct ike_dh *d);
bool ike_dh_public(const struct ike_dh *d, uint8_t *out) MUST_CHECK;
/* False for public values that RFC 6989 §2 refuses. */
bool ike_dh_shared(const struct ike_dh *d, const uint8_t *peer, size_t n, uint8_t *out) MUST_CHECK;

/* ---- keys of an IKE SA (RFC 7296 §2.14, §2.18) ---- */

struct ike_suite { /* what was chosen */
    enum algo_id encr, integ, prf, dh;
    uint16_t encr_bits;
};
struct ike_keys {
    uint8_t d[IKE_HASH_MAX], ai[IKE_HASH_MAX], ar[IKE_HASH_MAX], ei[IKE_KEY_MAX], er[IKE_KEY_MAX], pi[IKE_HASH_MAX],
        pr[IKE_HASH_MAX];
};
/* `old_d`: SK_d of the SA that is rekeyed, NULL for a first one; `old_prf` goes with it. */
bool ike2_keys(struct ike_crypto *c, const struct ike_suite *s, const uint8_t *shared, size_t shared_len,
               struct ike_iov ni, struct ike_iov nr, uint64_t spi_i, uint64_t spi_r, const uint8_t *old_d,
               enum algo_id old_prf, struct ike_keys *out) MUST_CHECK;

#endif
