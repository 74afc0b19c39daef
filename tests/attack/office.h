/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates made for attacks, and two routers that prove themselves by them. */
#ifndef IOSCC_TESTS_ATTACK_OFFICE_H
#define IOSCC_TESTS_ATTACK_OFFICE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/attack/lab.h"

#define NOW_S 1800000000 /* 2027-01-15 */
#define FAR (NOW_S + 10LL * 365 * 86400)

struct maker {
    EVP_PKEY *key;
    X509 *x;
};
EVP_PKEY *new_key(const char *kind, unsigned bits);
extern const char *const ca_ext[]; /* extensions of a CA's certificate */
/* `by` NULL: it signs itself. `kind` "RSA" with `bits`, or "EC" (P-256). `subject`: "CN=a|OU=b"; `ext`: pairs of name
 * and value, ended by NULL; `md` NULL: SHA-256. Free it with maker_free(). */
struct maker issue(const struct maker *by, const char *kind, unsigned bits, const char *subject, const char *const *ext,
                   const EVP_MD *md, int64_t ends_s);
void maker_free(struct maker *m);
struct ike_bytes der_of(X509 *x); /* OPENSSL_free() what it points to */

/* A trustpoint of that certificate and that root; nobody asks whether something is revoked. */
void credential(struct ike_credential *c, const struct maker *own, const struct maker *root);
void credential_free(struct ike_credential *c);

/* Hub and branch with certificates of one root, and one line between them; the branch is 1. */
struct office {
    struct sim s;
    struct router hub, branch;
    struct maker root, h, b;
    struct ike_credential hub_cr, branch_cr;
};
void office_open(struct office *o, unsigned version, int64_t hub_ends_s, int64_t branch_ends_s);
const char *office_over(struct office *o, const char *bad);

#endif
