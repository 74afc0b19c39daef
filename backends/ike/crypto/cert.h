/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates and signatures of both versions: RFC 7296 §2.15 and §3.6, RFC 7427, RFC 4754, RFC 2409 §5.1. All of it
 * libcrypto's; keys, stores and certificates are passed as its objects behind `void *`, so that nobody else needs its
 * headers. Not bound to a thread.
 */
#ifndef IOSCC_IKE_CERT_H
#define IOSCC_IKE_CERT_H

#include "backends/ike/crypto/crypto.h"

#define IKE_SIGNATURE_MAX 1100 /* RSA of 8192 bits, with the algorithm before it */

enum ike_key_kind { IKE_KEY_OTHER, IKE_KEY_RSA, IKE_KEY_ECDSA_256, IKE_KEY_ECDSA_384, IKE_KEY_ECDSA_521 };
enum ike_key_kind ike_key_kind(const void *key);

/* What a certificate request names: SHA-1 of the CA's public key info (v2, RFC 7296 §3.7), its name as DER (v1). */
bool ike_ca_hash(struct ike_iov der, uint8_t out[static 20]);
bool ike_cert_subject(struct ike_iov der, uint8_t *out, size_t room, size_t *n);

/* What a certificate map looks at. Text without blanks around `=` and `,`, names as "cn=r1,o=example" in small letters.
 */
enum ike_cert_field {
    IKE_CERT_SUBJECT,
    IKE_CERT_ISSUER,
    IKE_CERT_ALT_NAME,
    IKE_CERT_UNSTRUCTURED,
    IKE_CERT_SERIAL,
    IKE_CERT_NAME /* subject or alternative name */
};
/* The field of a certificate, checked or not; `turned`: a name from its other end. Empty if it has none, false if it is
 * malformed or longer than `room`. */
bool ike_cert_field(struct ike_iov der, enum ike_cert_field f, bool turned, char *out, size_t room);
/* The same for what was written in the configuration. */
void ike_cert_normalize(char *text);

/* A peer's certificate that was checked up to a CA. */
struct ike_cert;
void ike_cert_free(struct ike_cert *c);
/* `certs`: as they came, the peer's own first. `now_s`: seconds since 1970, 0: validity times are not looked at. NULL
 * if it is good (then *out is the caller's), else the reason in words; it points into `why`. */
const char *ike_cert_check(void *store, const struct ike_iov *certs, unsigned n, int64_t now_s, struct ike_cert **out,
                           char why[static 160]);
/* Does it name this identity: subject, alternative names, or as FQDN its common name? */
bool ike_cert_names(const struct ike_cert *c, uint8_t id_type, const uint8_t *p, size_t n);
enum ike_key_kind ike_cert_key_kind(const struct ike_cert *c);
/* "CN=r1,O=Example" */
const char *ike_cert_text(const struct ike_cert *c, char out[static 160]);

/* The body of an AUTH payload from its method byte on, over the octets of §2.15. `hashes`: the peer takes digital
 * signatures of RFC 7427. Returns its length, 0 on failure. */
size_t ike2_sign(void *key, bool hashes, const struct ike_iov *v, unsigned n, uint8_t out[static IKE_SIGNATURE_MAX]);
/* False also for SHA-1 in digital signatures (RFC 8247 §3.2). */
bool ike2_verify(const struct ike_cert *c, uint8_t method, const uint8_t *sig, size_t len, const struct ike_iov *v,
                 unsigned n);
/* SIG payloads of IKEv1 over HASH_I or HASH_R. */
size_t ike1_sign(void *key, const uint8_t *hash, size_t n, uint8_t out[static IKE_SIGNATURE_MAX]);
bool ike1_verify(const struct ike_cert *c, const uint8_t *hash, size_t n, const uint8_t *sig, size_t len);

#endif
