/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: a chain of certificates, a CRL and an OCSP answer, all as they come from a stranger. Nothing that
 * is fuzzed can be signed by the CA: a verdict other than "cannot tell" would be a forgery. */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "backends/ike/fetch/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_S 1800000000

static struct ike_iov page;

static bool web(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
                char why[static FETCH_WHY_MAX])
{
    (void)ctx, (void)url, (void)post, (void)why;
    buf_add(body, (const char *)page.p, page.n < max ? page.n : max);
    return true;
}

/* A CA and a certificate of it with both kinds of addresses. */
static uint8_t chain[8192];
static size_t chain_len;

static void add(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static void put(X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    const uint8_t head[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};
    memcpy(chain + chain_len, head, 4);
    memcpy(chain + chain_len + 4, der, (size_t)n);
    chain_len += 4 + (size_t)n;
    OPENSSL_free(der);
}

/* A list of the CA's, about nobody. */
static uint8_t list[2048];
static size_t list_len;

static void make_list(X509 *ca, EVP_PKEY *key)
{
    X509_CRL *c = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, NOW_S - 100), *to = ASN1_TIME_set(NULL, NOW_S + 86400);
    unsigned char *at = list;
    X509_CRL_set_version(c, 1);
    X509_CRL_set_issuer_name(c, X509_get_subject_name(ca));
    X509_CRL_set1_lastUpdate(c, from);
    X509_CRL_set1_nextUpdate(c, to);
    X509_REVOKED *r = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(ca));
    X509_REVOKED_set_revocationDate(r, from);
    X509_CRL_add0_revoked(c, r);
    ISSUING_DIST_POINT *p = ISSUING_DIST_POINT_new();
    p->onlyuser = 0xff;
    X509_CRL_add1_ext_i2d(c, NID_issuing_distribution_point, p, 1, 0);
    ISSUING_DIST_POINT_free(p);
    X509_CRL_sign(c, key, EVP_sha256());
    list_len = (size_t)i2d_X509_CRL(c, &at);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(c);
}

static void make_chain(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *v[2] = {X509_new(), X509_new()};
    X509_NAME *n = X509_NAME_new();
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)"ca", -1, -1, 0);
    for (int i = 0; i < 2; i++) {
        X509_set_version(v[i], 2);
        ASN1_INTEGER_set(X509_get_serialNumber(v[i]), 1 + i);
        ASN1_TIME_set(X509_getm_notBefore(v[i]), NOW_S - 86400);
        ASN1_TIME_set(X509_getm_notAfter(v[i]), NOW_S + 86400);
        X509_set_issuer_name(v[i], n);
        if (i == 1)
            X509_set_subject_name(v[i], n);
        X509_set_pubkey(v[i], key);
    }
    X509_NAME_add_entry_by_txt(X509_get_subject_name(v[0]), "CN", MBSTRING_ASC, (const unsigned char *)"leaf", -1, -1,
                               0);
    add(v[1], v[1], NID_basic_constraints, "critical,CA:TRUE");
    add(v[0], v[1], NID_crl_distribution_points, "URI:http://a/");
    add(v[0], v[1], NID_info_access, "OCSP;URI:http://a/");
    for (int i = 0; i < 2; i++)
        X509_sign(v[i], key, EVP_sha256());
    put(v[0]);
    put(v[1]);
    make_list(v[1], key);
    X509_free(v[0]);
    X509_free(v[1]);
    X509_NAME_free(n);
    EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ike_revocation how = {
        .methods = {IKE_REVOCATION_CRL, IKE_REVOCATION_OCSP}, .n = 2, .ocsp_url = "", .crl_keep_s = UINT32_MAX};
    const struct fetch_tools t = {.now_s = NOW_S, .http = web};
    struct fetch_answer a;
    uint8_t anchor[IKE_ANCHOR_LEN];
    if (!chain_len)
        make_chain();
    if (!size)
        return 0;
    uint8_t changed[sizeof list];
    page = (struct ike_iov){data + 1, size - 1};
    if (data[0] & 2) { /* changes: place, value */
        memcpy(changed, list, list_len);
        for (size_t i = 1; i + 2 < size; i += 3)
            changed[(data[i] << 8 | data[i + 1]) % list_len] = data[i + 2];
        page = (struct ike_iov){changed, list_len};
    }
    if (data[0] & 1)
        fetch_revocation(&how, chain, chain_len, &t, &a);
    else
        fetch_revocation(&how, data + 1, size - 1, &t, &a);
    if ((data[0] & 3) == 1 && a.verdict != FETCH_CANNOT_TELL)
        abort();
    (void)!fetch_anchor(data + 1, size - 1, anchor);
    return 0;
}
