/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates and signatures of both versions: RFC 7296 §2.15 and §3.6, RFC 7427, RFC 4754, RFC 2409 §5.1. All of it
 * libcrypto's; keys, stores and certificates are passed as its objects behind `void *`, so that nobody else needs its
 * headers. Not bound to a thread.
 */
#ifndef IOSCC_IKE_CERT_H
#define IOSCC_IKE_CERT_H

#include "backends/ike/crypto/crypto.h"
#include "compiler/base/must.h"

#define IKE_SIGNATURE_MAX 1100 /* RSA of 8192 bits, with the algorithm before it */

enum ike_key_kind { IKE_KEY_OTHER, IKE_KEY_RSA, IKE_KEY_ECDSA_256, IKE_KEY_ECDSA_384, IKE_KEY_ECDSA_521 };
enum ike_key_kind ike_key_kind(const void *key);

/* What a certificate request names: SHA-1 of the CA's public key info (v2, RFC 7296 §3.7), its name as DER (v1). */
bool ike_ca_hash(struct ike_iov der, uint8_t out[static 20]) MUST_CHECK;
bool ike_cert_subject(struct ike_iov der, uint8_t *out, size_t room, size_t *n) MUST_CHECK;

/* ---- cert_map.c: certificate maps ---- */

/* What a rule looks at. */
enum ike_cert_field {
    IKE_CERT_SUBJECT,
    IKE_CERT_ISSUER,
    IKE_CERT_ALT_NAME,
    IKE_CERT_UNSTRUCTURED,
    IKE_CERT_SERIAL,
    IKE_CERT_NAME /* subject or alternative name */
};
enum ike_cert_test { IKE_CERT_CONTAINS, IKE_CERT_EQUALS };
/* Does a certificate's field pass? Names are compared attribute by attribute ("cn=r1,o=example", from either end), so
 * that one attribute whose value looks like two is one. `value` is normalized. *malformed: it cannot be told. */
bool ike_cert_field_is(struct ike_iov der, enum ike_cert_field f, enum ike_cert_test test, const char *value,
                       bool *malformed) MUST_CHECK;
/* The same on the field as text, where such a value counts as two: for rules that must not hold (`nc`, `ne`). */
bool ike_cert_text_is(struct ike_iov der, enum ike_cert_field f, enum ike_cert_test test, const char *value,
                      bool *malformed) MUST_CHECK;
/* In place: small letters, no blanks around `=` and `,`. */
void ike_cert_normalize(char *text);

/* A peer's certificate that was checked up to a CA. */
struct ike_cert;
void ike_cert_free(struct ike_cert *c);
/* Hashes that only count in signatures where the policy in force names them: then routers of that age are meant. */
enum ike_weak_hash { IKE_WEAK_NONE, IKE_WEAK_SHA1, IKE_WEAK_MD5 /* and SHA-1 */ };
/* Does a signature by that algorithm (X509_ALGOR, its hash with it) count? One whose hash cannot be told does not. */
bool ike_algorithm_allowed(const void *algorithm, enum ike_weak_hash weak) MUST_CHECK;
/* NULL if key and signature of one certificate (X509) are strong enough. A trust anchor's own signature proves nothing
 * and is not looked at. */
const char *ike_cert_weakness(void *x509, bool is_anchor, enum ike_weak_hash weak) MUST_CHECK;
/* `certs`: as they came, the peer's own first. `now_s`: seconds since 1970, 0: validity times are not looked at. NULL
 * if it is good (then *out is the caller's), else the reason in words, perhaps in `why`. Keys of the chain have 2048
 * bits (RSA) or 224 (curves) at least, key usage and extended key usage allow IKE (RFC 4945 §5.1.3). */
const char *ike_cert_check(void *store, const struct ike_iov *certs, unsigned n, int64_t now_s, enum ike_weak_hash weak,
                           struct ike_cert **out, char why[static 160]) MUST_CHECK;
/* SHA-256 of the trust anchor that the chain ended in. */
#define IKE_ANCHOR_LEN 32
bool ike_cert_anchor(const struct ike_cert *c, uint8_t out[static IKE_ANCHOR_LEN]) MUST_CHECK;
/* The same of every certificate in a store, `max` at most; returns how many. */
size_t ike_store_anchors(void *store, uint8_t *out, size_t max);
bool ike_store_has(void *store, const uint8_t anchor[static IKE_ANCHOR_LEN]) MUST_CHECK;
/* The chain from the certificate to its trust anchor, each DER behind its length (32 bits, network byte order), as one
 * piece of *n bytes that the caller frees; NULL: out of memory, or longer than IKE_CHAIN_BYTES_MAX. */
#define IKE_CHAIN_BYTES_MAX 60000
uint8_t *ike_cert_chain(const struct ike_cert *c, size_t *n) MUST_CHECK;
/* When the first of its chain ends, in seconds since 1970; 0: it cannot be read. */
int64_t ike_cert_ends_s(const struct ike_cert *c);
/* Does it name this identity (RFC 4945 §3.1): alternative names first, the subject only where there are none? */
bool ike_cert_names(const struct ike_cert *c, uint8_t id_type, const uint8_t *p, size_t n) MUST_CHECK;
enum ike_key_kind ike_cert_key_kind(const struct ike_cert *c);
/* Its subject, DER, as long as `c`; p NULL: it cannot be had. */
struct ike_iov ike_cert_own_name(const struct ike_cert *c);

/* The body of an AUTH payload from its method byte on, over the octets of §2.15. `peer_hashes`: bit n is hash n of the
 * peer's SIGNATURE_HASH_ALGORITHMS, 0: it does not take digital signatures (RFC 7427); then RSA signs with
 * `policy_hash`. Returns its length, 0 on failure. */
size_t ike2_sign(void *key, uint16_t peer_hashes, enum algo_id policy_hash, const struct ike_iov *v, unsigned n,
                 uint8_t out[static IKE_SIGNATURE_MAX]) MUST_CHECK;
/* `announced`: the peer may use digital signatures; they are never over SHA-1 (RFC 8247 §3.2). *by_weak: it is good,
 * but over a hash of `weak`, which is to be logged. */
bool ike2_verify(const struct ike_cert *c, uint8_t method, bool announced, enum ike_weak_hash weak, const uint8_t *sig,
                 size_t len, const struct ike_iov *v, unsigned n, bool *by_weak) MUST_CHECK;
/* SIG payloads of IKEv1 over HASH_I or HASH_R. */
size_t ike1_sign(void *key, const uint8_t *hash, size_t n, uint8_t out[static IKE_SIGNATURE_MAX]) MUST_CHECK;
bool ike1_verify(const struct ike_cert *c, const uint8_t *hash, size_t n, const uint8_t *sig, size_t len) MUST_CHECK;

#endif
