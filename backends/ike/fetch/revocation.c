/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/fetch/fetch.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compiler/base/bytes.h"

#define CHAIN_MAX 10

struct chain {
    unsigned n;
    X509 *v[CHAIN_MAX]; /* the peer's own first */
};

enum fetch_verdict fetch_cannot(struct fetch_answer *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->why, sizeof out->why, fmt, ap);
    va_end(ap);
    out->verdict = FETCH_CANNOT_TELL;
    out->holds_until_s = 0;
    ERR_clear_error();
    return FETCH_CANNOT_TELL;
}

bool fetch_begun(const ASN1_TIME *t, int64_t now_s)
{
    int order = t ? ASN1_TIME_cmp_time_t(t, (time_t)(now_s + FETCH_SKEW_S)) : -2;
    return order == -1 || order == 0;
}

bool fetch_over(const ASN1_TIME *t, int64_t now_s)
{
    int order = t ? ASN1_TIME_cmp_time_t(t, (time_t)(now_s - FETCH_SKEW_S)) : -2;
    return order != 1;
}

int64_t fetch_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void chain_free(struct chain *c)
{
    for (unsigned i = 0; i < c->n; i++)
        X509_free(c->v[i]);
    c->n = 0;
}

static bool chain_read(const uint8_t *p, size_t n, struct chain *out)
{
    struct rd r = rd_of(p, n);
    *out = (struct chain){0};
    while (r.n && !r.bad && out->n < CHAIN_MAX) {
        uint32_t len = rd_u32(&r);
        const uint8_t *der = rd_bytes(&r, len), *at = der;
        X509 *x = der && len && len < IKE_CHAIN_BYTES_MAX ? d2i_X509(NULL, &at, (long)len) : NULL;
        if (x)
            out->v[out->n++] = x;
        r.bad |= !x || at != der + len;
    }
    ERR_clear_error();
    if (!r.bad && r.n == 0 && out->n)
        return true;
    chain_free(out);
    return false;
}

bool fetch_anchor(const uint8_t *p, size_t n, uint8_t out[static IKE_ANCHOR_LEN])
{
    struct chain c;
    unsigned len = IKE_ANCHOR_LEN;
    if (!chain_read(p, n, &c))
        return false;
    bool ok = X509_digest(c.v[c.n - 1], EVP_sha256(), out, &len) == 1 && len == IKE_ANCHOR_LEN;
    chain_free(&c);
    return ok;
}

/* Up to its own last certificate, which the caller trusts. */
static bool chain_is_good(const struct chain *c, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = store && rest && ctx && X509_STORE_add_cert(store, c->v[c->n - 1]) == 1;
    for (unsigned i = 1; ok && i < c->n; i++)
        ok = sk_X509_push(rest, c->v[i]) > 0;
    ok = ok && X509_STORE_CTX_init(ctx, store, c->v[0], rest) == 1;
    if (ok) {
        X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_time(p, (time_t)now_s);
        ok = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(rest);
    X509_STORE_free(store);
    ERR_clear_error();
    return ok;
}

/* By one method after the other; *out has what the last one that was asked says. */
static enum fetch_verdict check_certificate(const struct ike_revocation *how, const struct chain *c, unsigned i,
                                            const struct fetch_tools *t, struct fetch_answer *out)
{
    enum fetch_verdict v = fetch_cannot(out, "no method is configured that could tell");
    const char *url = i == 0 ? how->ocsp_url : NULL; /* the responder that is configured answers for peers */
    char before[FETCH_WHY_MAX] = "";
    for (unsigned k = 0; k < how->n && v == FETCH_CANNOT_TELL; k++) {
        if (how->methods[k] == IKE_REVOCATION_NONE)
            break;
        if (t->method)
            t->method(t->ctx);
        if (k)
            snprintf(before, sizeof before, "%.90s; ", out->why);
        if (how->methods[k] == IKE_REVOCATION_CRL)
            v = fetch_crl(how, c->v[i], c->v[i + 1], t, out);
        else if (how->methods[k] == IKE_REVOCATION_OCSP)
            v = fetch_ocsp(how, url, c->v[i], c->v[i + 1], t, out);
    }
    if (v != FETCH_CANNOT_TELL || !before[0])
        return v;
    char both[FETCH_WHY_MAX];
    snprintf(both, sizeof both, "%.95s%.100s", before, out->why);
    memcpy(out->why, both, sizeof both);
    return v;
}

void fetch_revocation(const struct ike_revocation *how, const uint8_t *p, size_t n, const struct fetch_tools *t,
                      struct fetch_answer *out)
{
    struct chain c;
    int64_t holds_until_s = INT64_MAX;
    *out = (struct fetch_answer){.verdict = FETCH_CANNOT_TELL};
    if (!chain_read(p, n, &c)) {
        fetch_cannot(out, "the certificates cannot be read");
        return;
    }
    if (!chain_is_good(&c, t->now_s)) {
        fetch_cannot(out, "the certificates do not hold");
        chain_free(&c);
        return;
    }
    out->verdict = FETCH_GOOD;
    snprintf(out->why, sizeof out->why, "it is trusted itself");
    for (unsigned i = c.n - 1; i-- > 0 && out->verdict != FETCH_REVOKED;) {
        struct fetch_answer one = {.holds_until_s = INT64_MAX};
        one.verdict = check_certificate(how, &c, i, t, &one);
        holds_until_s = one.holds_until_s < holds_until_s ? one.holds_until_s : holds_until_s;
        if (one.verdict == FETCH_REVOKED || out->verdict == FETCH_GOOD)
            *out = one;
    }
    if (out->verdict == FETCH_CANNOT_TELL)
        out->holds_until_s = 0;
    else if (out->verdict == FETCH_GOOD)
        out->holds_until_s = holds_until_s;
    chain_free(&c);
}
