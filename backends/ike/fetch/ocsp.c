/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The online certificate status protocol, RFC 6960: signed by the certificate's issuer, or by whom that has named for
 * it. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "backends/ike/fetch/fetch.h"

#define NONCE_LEN 32 /* RFC 9654 §2.1 */

struct asked {
    OCSP_REQUEST *request;
    OCSP_CERTID *id;
    bool with_nonce;
};

static void asked_free(struct asked *a)
{
    OCSP_REQUEST_free(a->request);
    OCSP_CERTID_free(a->id);
}

static bool asked_make(struct asked *a, X509 *cert, X509 *issuer, bool with_nonce)
{
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer); /* all responders know that one */
    *a = (struct asked){.request = OCSP_REQUEST_new(), .id = OCSP_CERTID_dup(id), .with_nonce = with_nonce};
    bool ok = a->request && a->id && OCSP_request_add0_id(a->request, id);
    if (!ok)
        OCSP_CERTID_free(id);
    return ok && (!with_nonce || OCSP_request_add1_nonce(a->request, NULL, NONCE_LEN) == 1);
}

/* Is a responder's own certificate revoked (§4.2.2.2.1)? By a CRL, never by OCSP. A CA that says nocheck, or names no
 * list, wants it believed as long as it lasts. */
static bool responder_stands(X509 *signer, X509 *issuer, const struct ike_revocation *how, const struct fetch_tools *t)
{
    struct fetch_answer a = {0};
    bool has_list = X509_get_ext_by_NID(signer, NID_crl_distribution_points, -1) >= 0;
    if (X509_get_ext_by_NID(signer, NID_id_pkix_OCSP_noCheck, -1) >= 0 || !has_list)
        return true;
    return fetch_crl(how, signer, issuer, t, &a) == FETCH_GOOD;
}

/* The issuer itself, or whom it has given a certificate for OCSP (§4.2.2.2) that is as strong as a peer's must be. */
static bool signer_may(OCSP_BASICRESP *b, STACK_OF(X509) * known, X509 *issuer, const struct ike_revocation *how,
                       const struct fetch_tools *t)
{
    X509 *signer = NULL;
    if (OCSP_resp_get0_signer(b, &signer, known) != 1)
        return false;
    if (X509_cmp(signer, issuer) == 0)
        return true;
    return (X509_get_key_usage(signer) & KU_DIGITAL_SIGNATURE) && !ike_cert_weakness(signer, false, t->weak) &&
           responder_stands(signer, issuer, how, t);
}

/* Trusts the issuer and nobody else: certificates that come in the answer must be of its making. */
static bool signature_good(OCSP_BASICRESP *b, X509 *issuer, const struct ike_revocation *how,
                           const struct fetch_tools *t)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool ok = store && known && X509_STORE_add_cert(store, issuer) == 1 && sk_X509_push(known, issuer) > 0;
    if (ok)
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)t->now_s);
    ok = ok && OCSP_basic_verify(b, known, store, OCSP_PARTIAL_CHAIN | OCSP_NOEXPLICIT) == 1 &&
         signer_may(b, known, issuer, how, t);
    sk_X509_free(known);
    X509_STORE_free(store);
    return ok;
}

static bool all_understood(OCSP_BASICRESP *b)
{
    for (int i = -1; (i = OCSP_BASICRESP_get_ext_by_critical(b, 1, i)) >= 0;)
        if (OBJ_obj2nid(X509_EXTENSION_get_object(OCSP_BASICRESP_get_ext(b, i))) != NID_id_pkix_OCSP_Nonce)
            return false;
    return true;
}

/* With a nonce only the answer to this very question counts; without one (`ocsp disable-nonce`) its times decide. */
static bool nonce_fits(const struct asked *a, OCSP_BASICRESP *b)
{
    enum { NONCE_EQUAL = 1, NONCE_NONE = 2, NONCE_IN_ANSWER_ONLY = 3 };
    int r = OCSP_check_nonce(a->request, b);
    return a->with_nonce ? r == NONCE_EQUAL : r == NONCE_NONE || r == NONCE_IN_ANSWER_ONLY;
}

static enum fetch_verdict judge_single(OCSP_SINGLERESP *s, bool fresh, const struct fetch_tools *t,
                                       struct fetch_answer *out)
{
    int reason = -1;
    ASN1_GENERALIZEDTIME *revoked_at = NULL, *begins = NULL, *ends = NULL;
    int status = OCSP_single_get0_status(s, &reason, &revoked_at, &begins, &ends);
    int64_t holds_s = ends ? fetch_seconds(ends) : t->now_s;
    if (OCSP_SINGLERESP_get_ext_by_critical(s, 1, -1) >= 0)
        return fetch_cannot(out, "the answer holds a critical extension that is not understood");
    if (!fetch_begun(begins, t->now_s) || (ends && fetch_over(ends, t->now_s)) || (!ends && !fresh))
        return fetch_cannot(out, "the answer is not of now");
    out->holds_until_s = holds_s < t->now_s + FETCH_OCSP_KEEP_S ? holds_s : t->now_s + FETCH_OCSP_KEEP_S;
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        snprintf(out->why, sizeof out->why, "revoked (%s)",
                 reason < 0 ? "no reason given" : OCSP_crl_reason_str(reason));
        return FETCH_REVOKED;
    }
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return fetch_cannot(out, "the responder does not know it");
    snprintf(out->why, sizeof out->why, "good");
    return FETCH_GOOD;
}

/* Every answer about our certificate: one that is revoked is enough, one that cannot tell is too many. */
static enum fetch_verdict judge_all(const struct asked *a, OCSP_BASICRESP *b, const struct fetch_tools *t,
                                    struct fetch_answer *out)
{
    struct fetch_answer one = {0};
    enum fetch_verdict v = FETCH_GOOD;
    unsigned n = 0;
    for (int i = -1; (i = OCSP_resp_find(b, a->id, i)) >= 0 && v != FETCH_REVOKED; n++) {
        enum fetch_verdict this = judge_single(OCSP_resp_get0(b, i), a->with_nonce, t, &one);
        if (v == FETCH_CANNOT_TELL && this == FETCH_GOOD)
            continue;
        v = this;
        *out = one;
    }
    return n ? v : fetch_cannot(out, "the answer is about another certificate");
}

static enum fetch_verdict judge(const struct asked *a, const struct buf *body, X509 *issuer,
                                const struct ike_revocation *how, const struct fetch_tools *t, struct fetch_answer *out)
{
    const unsigned char *at = (const unsigned char *)body->p, *end = at + body->len;
    OCSP_RESPONSE *r = body->len ? d2i_OCSP_RESPONSE(NULL, &at, (long)body->len) : NULL;
    OCSP_BASICRESP *b = NULL;
    enum fetch_verdict v = FETCH_CANNOT_TELL;
    int status = r && at == end ? OCSP_response_status(r) : -1;
    if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        b = OCSP_response_get1_basic(r);
    if (status > OCSP_RESPONSE_STATUS_SUCCESSFUL)
        v = fetch_cannot(out, "the responder answers %s", OCSP_response_status_str(status));
    else if (!b)
        v = fetch_cannot(out, "the answer cannot be read");
    else if (!signature_good(b, issuer, how, t))
        v = fetch_cannot(out, "the answer is not signed by the certificate's issuer, or by whom that has named");
    else if (!ike_algorithm_allowed(OCSP_resp_get0_tbs_sigalg(b), t->weak))
        v = fetch_cannot(out, "the answer is signed with a hash that the policy does not name");
    else if (!nonce_fits(a, b))
        v = fetch_cannot(out, "the answer lacks our nonce (a responder without nonces: ocsp disable-nonce)");
    else if (!all_understood(b))
        v = fetch_cannot(out, "the answer holds a critical extension that is not understood");
    else
        v = judge_all(a, b, t, out);
    OCSP_BASICRESP_free(b);
    OCSP_RESPONSE_free(r);
    ERR_clear_error();
    return v;
}

static enum fetch_verdict ask(const struct ike_revocation *how, const char *url, X509 *cert, X509 *issuer,
                              const struct fetch_tools *t, struct fetch_answer *out)
{
    struct asked a;
    struct buf body = {0};
    unsigned char *der = NULL;
    char why[FETCH_WHY_MAX] = "";
    enum fetch_verdict v = FETCH_CANNOT_TELL;
    int n = asked_make(&a, cert, issuer, !how->no_nonce) ? i2d_OCSP_REQUEST(a.request, &der) : 0;
    const struct ike_iov post = {der, n > 0 ? (size_t)n : 0};
    if (n <= 0)
        v = fetch_cannot(out, "out of memory");
    else if (t->http(t->ctx, url, &post, FETCH_OCSP_MAX, &body, why))
        v = judge(&a, &body, issuer, how, t, out);
    else
        snprintf(out->why, sizeof out->why, "%s", why);
    buf_free(&body);
    OPENSSL_free(der);
    asked_free(&a);
    snprintf(why, sizeof why, "%.100s", out->why);
    snprintf(out->why, sizeof out->why, "OCSP %.80s: %.100s", url, why);
    return v;
}

enum fetch_verdict fetch_ocsp(const struct ike_revocation *how, const char *url, X509 *cert, X509 *issuer,
                              const struct fetch_tools *t, struct fetch_answer *out)
{
    if (url && *url)
        return ask(how, url, cert, issuer, t, out);
    STACK_OF(OPENSSL_STRING) *named = X509_get1_ocsp(cert);
    enum fetch_verdict v = fetch_cannot(out, "the certificate names no OCSP responder, and no `ocsp url` does");
    for (int i = 0; i < sk_OPENSSL_STRING_num(named) && i < FETCH_URLS_MAX && v == FETCH_CANNOT_TELL; i++) {
        const char *one = sk_OPENSSL_STRING_value(named, i);
        if (strlen(one) < FETCH_URL_MAX && strncasecmp(one, "http://", 7) == 0)
            v = ask(how, one, cert, issuer, t, out);
    }
    X509_email_free(named);
    return v;
}
