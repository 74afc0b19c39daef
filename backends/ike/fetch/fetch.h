/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is fetched from the network for the sake of certificates: CRLs (RFC 5280 §6.3) and OCSP answers (RFC 6960) over
 * HTTP, and the addresses of names. Everything that comes is hostile until a CA's signature says otherwise. All of it
 * runs in a process of its own that ends with one answer (daemon/fetch.c); it may block.
 */
#ifndef IOSCC_IKE_FETCH_H
#define IOSCC_IKE_FETCH_H

#include <openssl/x509.h>

#include "backends/ike/crypto/cert.h"
#include "backends/ike/policy.h"
#include "compiler/base/must.h"
#include "compiler/base/str.h"

#define FETCH_WHY_MAX 200
#define FETCH_URL_MAX 1024
#define FETCH_CRL_MAX (8u << 20) /* bytes */
#define FETCH_OCSP_MAX (64u << 10)
#define FETCH_URLS_MAX 4 /* that one certificate may make us ask, for each method */
#define FETCH_URL_MS 3000
#define FETCH_METHOD_MS 4000  /* for one method and one certificate, whatever it names */
#define FETCH_OCSP_KEEP_S 300 /* an answer of OCSP holds so long at most */
#define FETCH_SKEW_S 300      /* that clocks may differ by */

/* Nothing at all tells nothing: what is left zero must never count as good. */
enum fetch_verdict { FETCH_CANNOT_TELL, FETCH_GOOD, FETCH_REVOKED };

/* ---- revocation.c ---- */

/* What the checks ask of their surroundings; tests have others. */
struct fetch_tools {
    void *ctx;
    int64_t now_s; /* since 1970 */
    enum ike_weak_hash weak;
    /* GET, or POST of `post` where it is not NULL. False: it did not come, or not whole; `why` says so. */
    bool (*http)(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
                 char why[static FETCH_WHY_MAX]);
    /* From now on FETCH_METHOD_MS are left. NULL: nobody counts. */
    void (*method)(void *ctx);
    /* A list that was kept under that address, and when it was fetched. False: none is. */
    bool (*kept)(void *ctx, const char *url, struct buf *body, int64_t *fetched_s);
    void (*keep)(void *ctx, const char *url, const struct buf *body, int64_t ends_s);
};

struct fetch_answer {
    enum fetch_verdict verdict;
    int64_t holds_until_s; /* since 1970; not after it, the answer must be asked for again */
    char why[FETCH_WHY_MAX];
};

/* Is any certificate of the chain below its trust anchor revoked? Each is asked about: one that is revoked decides,
 * then one that cannot be told. `chain`: as of ike_cert_chain(). Methods are asked in
 * their order up to IKE_REVOCATION_NONE, the next one only where one cannot tell; CAs before what they have signed. The
 * chain must be good in itself, so that nobody makes us ask but who has a certificate. */
void fetch_revocation(const struct ike_revocation *how, const uint8_t *chain, size_t n, const struct fetch_tools *t,
                      struct fetch_answer *out);
/* SHA-256 of the last certificate of the chain, its trust anchor. */
bool fetch_anchor(const uint8_t *chain, size_t n, uint8_t out[static IKE_ANCHOR_LEN]) MUST_CHECK;

/* ---- crl.c, ocsp.c: one method, one certificate ---- */

enum fetch_verdict fetch_crl(const struct ike_revocation *how, X509 *cert, X509 *issuer, const struct fetch_tools *t,
                             struct fetch_answer *out) MUST_CHECK;
/* `url` NULL or empty: those that the certificate names. */
enum fetch_verdict fetch_ocsp(const struct ike_revocation *how, const char *url, X509 *cert, X509 *issuer,
                              const struct fetch_tools *t, struct fetch_answer *out) MUST_CHECK;
/* The same on bytes, without the network: for tests and fuzzing. */
enum fetch_verdict fetch_crl_judge(const struct buf *der, X509 *cert, X509 *issuer, const DIST_POINT *dp,
                                   const struct fetch_tools *t, struct fetch_answer *out) MUST_CHECK;
/* Says why nothing can be told; for `return`. */
enum fetch_verdict fetch_cannot(struct fetch_answer *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Neither end may lie beyond the other's clock: begun and not over, by FETCH_SKEW_S. False also where it cannot be
 * read. */
bool fetch_begun(const ASN1_TIME *t, int64_t now_s) MUST_CHECK;
bool fetch_over(const ASN1_TIME *t, int64_t now_s) MUST_CHECK;
/* Seconds since 1970; 0: it cannot be read. */
int64_t fetch_seconds(const ASN1_TIME *t);

/* ---- http.c ---- */

/* Loads libcurl, before any sandbox; what is forked has it too. False: this host has none, and http_get() says so. */
bool http_load(void) MUST_CHECK;
/* Before the sandbox of the process: reads the resolver's configuration. False: nothing can be fetched. */
bool http_open(void) MUST_CHECK;
void http_method(void *ctx); /* fetch_tools.method */
void http_close(void);
/* As fetch_tools.http; only http: (RFC 5280 §8: what is fetched is signed), no redirect, no proxy, nothing of this host
 * itself, FETCH_URL_MS. What is asked for is not compressed; `max` counts what comes out. Names are looked up by
 * names.c, never by libcurl, which would read files and make threads. */
bool http_get(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
              char why[static FETCH_WHY_MAX]) MUST_CHECK;

/* ---- names.c ---- */

#define NAMES_MAX 8
struct names_answer {
    unsigned n;
    struct ip_addr addr[NAMES_MAX];
    uint32_t ttl_s; /* the shortest */
};
bool names_open(void) MUST_CHECK;
void names_close(void);
/* Asks the DNS, not /etc/hosts, for IPv6 only where there is no IPv4; addresses as text are themselves, for ever.
 * False: there is none; `why` says so. */
bool names_lookup(const char *name, struct names_answer *out, char why[static FETCH_WHY_MAX]) MUST_CHECK;

#endif
