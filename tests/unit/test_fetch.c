/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists and answers about revocation, each wrong in one way: what is told, and that nothing wrong is believed (RFC 5280
 * §6.3, RFC 6960 §3.2). Certificates, lists and answers are made here; the web is a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "backends/ike/fetch/fetch.h"
#include "compiler/base/bytes.h"

#define CRL_URL "http://pki.example/sub.crl"
#define OCSP_URL "http://ocsp.example/"

/* ---- certificates ---- */

struct maker {
    EVP_PKEY *key;
    X509 *x;
};
static struct maker root, sub, twin, good, bad, responder, stranger, helper, weakly, watched;
static time_t now;

static void add_ext(X509 *x, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf(NULL, &ctx, name, value);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static struct maker issue(const struct maker *by, const char *cn, const char *const *ext)
{
    static long serial = 100;
    struct maker m = {EVP_EC_gen("P-256"), X509_new()};
    const EVP_MD *md = strcmp(cn, "weakly") == 0 ? EVP_sha1() : EVP_sha256();
    X509_NAME *n = X509_NAME_new();
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_version(m.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m.x), serial++);
    ASN1_TIME_set(X509_getm_notBefore(m.x), now - 86400);
    ASN1_TIME_set(X509_getm_notAfter(m.x), now + 86400 * 30);
    X509_set_subject_name(m.x, n);
    X509_set_issuer_name(m.x, by ? X509_get_subject_name(by->x) : n);
    X509_NAME_free(n);
    X509_set_pubkey(m.x, m.key);
    for (; ext[0]; ext += 2)
        add_ext(m.x, by ? by->x : m.x, ext[0], ext[1]);
    assert_true(X509_sign(m.x, by ? by->key : m.key, md) > 0);
    return m;
}

static int make_all(void **state)
{
    static const char *const ca[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "keyCertSign,cRLSign", NULL};
    static const char *const sub_ext[] = {"basicConstraints",
                                          "critical,CA:TRUE",
                                          "keyUsage",
                                          "keyCertSign,cRLSign",
                                          "subjectKeyIdentifier",
                                          "hash",
                                          "crlDistributionPoints",
                                          "URI:http://pki.example/root.crl",
                                          NULL};
    static const char *const leaf[] = {"crlDistributionPoints",
                                       "URI:ldap://pki.example/x,URI:" CRL_URL,
                                       "authorityInfoAccess",
                                       "OCSP;URI:" OCSP_URL,
                                       "keyUsage",
                                       "digitalSignature",
                                       NULL};
    static const char *const ocsp[] = {"extendedKeyUsage", "OCSPSigning", "keyUsage", "digitalSignature", NULL};
    static const char *const none[] = {NULL};
    static const char *const listed[] = {"extendedKeyUsage",      "OCSPSigning",  "keyUsage", "digitalSignature",
                                         "crlDistributionPoints", "URI:" CRL_URL, NULL};
    (void)state;
    now = time(NULL);
    root = issue(NULL, "root", ca);
    sub = issue(&root, "sub", sub_ext);
    twin = issue(&root, "sub", ca); /* the same name, another key */
    good = issue(&sub, "good", leaf);
    bad = issue(&sub, "bad", leaf);
    responder = issue(&sub, "responder", ocsp);
    stranger = issue(&root, "stranger", ocsp); /* may sign for the root, not for the sub CA */
    helper = issue(&sub, "helper", none);      /* may not sign answers */
    weakly = issue(&sub, "weakly", ocsp);      /* its certificate is signed over SHA-1 */
    watched = issue(&sub, "watched", listed);  /* its CA says where to look whether it is revoked */
    return 0;
}

static int free_all(void **state)
{
    struct maker *v[] = {&root, &sub, &twin, &good, &bad, &responder, &stranger, &helper, &weakly, &watched};
    (void)state;
    for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
        X509_free(v[i]->x);
        EVP_PKEY_free(v[i]->key);
    }
    return 0;
}

static size_t chain_of(uint8_t *out, size_t room, const struct maker *const *v, unsigned n)
{
    struct wr w = wr_to(out, room);
    for (unsigned i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(v[i]->x, &der);
        wr_u32(&w, (uint32_t)len);
        wr_bytes(&w, der, (size_t)len);
        OPENSSL_free(der);
    }
    assert_false(w.bad);
    return w.n;
}

/* ---- the web ---- */

struct page {
    const char *url;
    struct buf body;
};
static struct page pages[8];
static unsigned n_pages, asked, n_kept;
static struct page kept_page;

static void page_put(const char *url, unsigned char *der, int len)
{
    struct page *p = &pages[n_pages++];
    assert_true(len > 0);
    *p = (struct page){.url = url};
    buf_add(&p->body, (const char *)der, (size_t)len);
    OPENSSL_free(der);
}

static void pages_clear(void)
{
    while (n_pages)
        buf_free(&pages[--n_pages].body);
    buf_free(&kept_page.body);
    kept_page = (struct page){0};
    asked = n_kept = 0;
}

/* What answers an OCSP request; NULL: pages do. */
static bool (*respond)(const struct ike_iov *post, struct buf *body);

static bool web(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
                char why[static FETCH_WHY_MAX])
{
    (void)ctx, (void)max;
    asked++;
    if (post && respond && strcmp(url, OCSP_URL) == 0)
        return respond(post, body);
    for (unsigned i = 0; i < n_pages; i++)
        if (strcmp(pages[i].url, url) == 0) {
            buf_add(body, pages[i].body.p, pages[i].body.len);
            return true;
        }
    snprintf(why, FETCH_WHY_MAX, "the server answers 404");
    return false;
}

static int64_t kept_since;

static bool kept(void *ctx, const char *url, struct buf *body, int64_t *fetched_s)
{
    (void)ctx;
    if (!kept_page.url || strcmp(kept_page.url, url) != 0)
        return false;
    *fetched_s = kept_since;
    buf_add(body, kept_page.body.p, kept_page.body.len);
    return true;
}

static void keep(void *ctx, const char *url, const struct buf *body, int64_t until_s)
{
    (void)ctx, (void)until_s;
    n_kept++;
    buf_free(&kept_page.body);
    kept_since = now;
    kept_page = (struct page){.url = strcmp(url, CRL_URL) == 0 ? CRL_URL : "other"};
    buf_add(&kept_page.body, body->p, body->len);
}

static struct fetch_answer check(const struct ike_revocation *how, const struct maker *leaf)
{
    static uint8_t bytes[16384];
    const struct maker *v[] = {leaf, &sub};
    const struct fetch_tools t = {.now_s = now, .http = web, .kept = kept, .keep = keep};
    struct fetch_answer a;
    fetch_revocation(how, bytes, chain_of(bytes, sizeof bytes, v, 2), &t, &a);
    return a;
}

/* ---- lists ---- */

enum wrong {
    RIGHT,
    WRONG_KEY,
    WRONG_NAME,
    ENDED,
    FUTURE,
    NO_END,
    DELTA,
    INDIRECT,
    SOME_REASONS,
    OTHER_POINT,
    ONLY_CA,
    CRITICAL,
    CRITICAL_ENTRY,
    REMOVED,
    WEAK_HASH,
    GARBAGE,
    TRAILING
};

static void crl_ext(X509_CRL *c, const char *name, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, sub.x, NULL, NULL, c, 0);
    X509_EXTENSION *e = X509V3_EXT_conf(NULL, &ctx, name, value);
    assert_non_null(e);
    X509_CRL_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
}

/* Its sections cannot be said in one line. */
static void idp(X509_CRL *c, enum wrong w)
{
    ISSUING_DIST_POINT *p = ISSUING_DIST_POINT_new();
    p->indirectCRL = w == INDIRECT ? 0xff : 0;
    p->onlyCA = w == ONLY_CA ? 0xff : 0;
    if (w == SOME_REASONS) {
        p->onlysomereasons = ASN1_BIT_STRING_new();
        ASN1_BIT_STRING_set_bit(p->onlysomereasons, 1, 1);
    }
    if (w == OTHER_POINT) {
        GENERAL_NAME *g = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_URI, "http://pki.example/other.crl", 0);
        p->distpoint = DIST_POINT_NAME_new();
        p->distpoint->type = 0;
        p->distpoint->name.fullname = sk_GENERAL_NAME_new_null();
        sk_GENERAL_NAME_push(p->distpoint->name.fullname, g);
    }
    X509_CRL_add1_ext_i2d(c, NID_issuing_distribution_point, p, 1, 0);
    ISSUING_DIST_POINT_free(p);
}

static void add_entry(X509_CRL *c, X509 *x, enum wrong w)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, now - 3600);
    X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(x));
    X509_REVOKED_set_revocationDate(r, t);
    ASN1_TIME_free(t);
    ASN1_ENUMERATED *e = ASN1_ENUMERATED_new();
    ASN1_ENUMERATED_set(e, w == REMOVED ? 8 : 1);
    X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, e, 0, 0);
    ASN1_ENUMERATED_free(e);
    if (w == CRITICAL_ENTRY) {
        ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
        ASN1_OBJECT *o = OBJ_txt2obj("1.2.3.4.5", 1);
        ASN1_OCTET_STRING_set(s, (const unsigned char *)"\x05\x00", 2);
        X509_EXTENSION *x1 = X509_EXTENSION_create_by_OBJ(NULL, o, 1, s);
        X509_REVOKED_add_ext(r, x1, -1);
        X509_EXTENSION_free(x1);
        ASN1_OBJECT_free(o);
        ASN1_OCTET_STRING_free(s);
    }
    X509_CRL_add0_revoked(c, r);
}

/* A list of the sub CA with the bad one (and, for entries that are wrong, the good one too). */
static void list_put(const char *url, enum wrong w, const struct maker *by)
{
    X509_CRL *c = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, w == FUTURE ? now + 86400 : now - 7200);
    ASN1_TIME *to = ASN1_TIME_set(NULL, w == ENDED ? now - 3600 : now + 2 * 86400);
    unsigned char *der = NULL;
    X509_CRL_set_version(c, 1);
    X509_CRL_set_issuer_name(c, X509_get_subject_name(w == WRONG_NAME ? root.x : by->x));
    X509_CRL_set1_lastUpdate(c, from);
    if (w != NO_END)
        X509_CRL_set1_nextUpdate(c, to);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    if (by == &sub)
        add_entry(c, bad.x, RIGHT);
    if (w == REMOVED || w == CRITICAL_ENTRY)
        add_entry(c, w == REMOVED ? good.x : helper.x, w);
    if (w == DELTA)
        crl_ext(c, "2.5.29.27", "critical,DER:020101");
    if (w == CRITICAL)
        crl_ext(c, "1.2.3.4", "critical,DER:0500");
    if (w == INDIRECT || w == SOME_REASONS || w == OTHER_POINT || w == ONLY_CA)
        idp(c, w);
    X509_CRL_sort(c);
    EVP_PKEY *signer = w == WRONG_KEY ? twin.key : by->key;
    X509_CRL_sign(c, signer, w == WEAK_HASH ? EVP_sha1() : EVP_sha256());
    int n = i2d_X509_CRL(c, &der);
    X509_CRL_free(c);
    if (w == GARBAGE)
        n = 10;
    if (w == TRAILING) {
        der = OPENSSL_realloc(der, (size_t)n + 1);
        der[n++] = 0;
    }
    page_put(url, der, n);
}

static const struct ike_revocation by_crl = {
    .methods = {IKE_REVOCATION_CRL}, .n = 1, .ocsp_url = "", .crl_keep_s = UINT32_MAX};

static void lists(void **state)
{
    static const struct {
        enum wrong wrong;
        const char *why;
    } rows[] = {{WRONG_KEY, "signature"},
                {WRONG_NAME, "another issuer"},
                {ENDED, "ended"},
                {FUTURE, "future"},
                {NO_END, "ended"},
                {DELTA, "delta"},
                {INDIRECT, "indirect"},
                {SOME_REASONS, "some reasons"},
                {OTHER_POINT, "another distribution point"},
                {ONLY_CA, "CAs only"},
                {CRITICAL, "critical"},
                {CRITICAL_ENTRY, "critical"},
                {REMOVED, "malformed"},
                {WEAK_HASH, "hash"},
                {GARBAGE, "no list"},
                {TRAILING, "no list"}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        list_put(CRL_URL, rows[i].wrong, &sub);
        struct fetch_answer a = check(&by_crl, &good);
        if (a.verdict != FETCH_CANNOT_TELL || !strstr(a.why, rows[i].why))
            fail_msg("row %u: verdict %d, %s", i, a.verdict, a.why);
        assert_int_equal(n_kept, 0);
        pages_clear();
    }
    list_put(CRL_URL, RIGHT, &sub);
    struct fetch_answer g = check(&by_crl, &good);
    assert_int_equal(g.verdict, FETCH_GOOD);
    assert_int_equal(g.holds_until_s, now + 2 * 86400);
    assert_int_equal(asked, 1); /* ldap: is not asked */
    struct fetch_answer r = check(&by_crl, &bad);
    assert_int_equal(r.verdict, FETCH_REVOKED);
    assert_non_null(strstr(r.why, "listed (keyCompromise)"));
    assert_int_equal(asked, 1); /* the list was kept */
    pages_clear();
    struct fetch_answer none = check(&by_crl, &good);
    assert_int_equal(none.verdict, FETCH_CANNOT_TELL);
    assert_non_null(strstr(none.why, "404"));
    pages_clear();
}

/* What is kept is looked at again, and asked for anew where it tells nothing. */
static void kept_lists(void **state)
{
    struct ike_revocation how = by_crl;
    (void)state;
    list_put(CRL_URL, WRONG_KEY, &sub);
    kept_page = pages[0];
    kept_page.url = CRL_URL;
    n_pages = 0;
    list_put(CRL_URL, RIGHT, &sub);
    assert_int_equal(check(&how, &bad).verdict, FETCH_REVOKED);
    assert_int_equal(asked, 1);
    how.crl_keep_s = 0; /* crl cache none */
    assert_int_equal(check(&how, &bad).verdict, FETCH_REVOKED);
    assert_int_equal(asked, 2);
    assert_int_equal(n_kept, 1);
    how.crl_keep_s = 600; /* crl cache delete-after 10: from when it was fetched */
    kept_since = now - 500;
    assert_int_equal(check(&how, &bad).holds_until_s, now + 100);
    assert_int_equal(asked, 2);
    kept_since = now - 601;
    assert_int_equal(check(&how, &bad).holds_until_s, now + 600);
    assert_int_equal(asked, 3);
    pages_clear();
}

/* ---- OCSP ---- */

enum ocsp_wrong {
    O_GOOD,
    O_REVOKED,
    O_UNKNOWN,
    O_ISSUER, /* signed by the issuer itself: right */
    O_STRANGER,
    O_HELPER,
    O_TWIN,
    O_NO_NONCE,
    O_OTHER_NONCE,
    O_OTHER_CERT,
    O_OLD,
    O_FUTURE,
    O_CRITICAL,
    O_BOTH, /* two answers about it: good, then revoked */
    O_TRY_LATER,
    O_SHA1,
    O_WEAKLY,
    O_WATCHED,
    O_GARBAGE
};
static enum ocsp_wrong how_wrong;

static bool answer(const struct ike_iov *post, struct buf *body)
{
    const unsigned char *at = post->p;
    OCSP_REQUEST *q = d2i_OCSP_REQUEST(NULL, &at, (long)post->n);
    OCSP_BASICRESP *b = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(q, 0)),
                *other = OCSP_cert_to_id(EVP_sha1(), bad.x, sub.x);
    enum ocsp_wrong w = how_wrong;
    static const struct maker *const signers[O_GARBAGE + 1] = {
        [O_ISSUER] = &sub, [O_STRANGER] = &stranger, [O_HELPER] = &helper,
        [O_TWIN] = &twin,  [O_WEAKLY] = &weakly,     [O_WATCHED] = &watched};
    static const int states[O_GARBAGE + 1] = {
        [O_REVOKED] = V_OCSP_CERTSTATUS_REVOKED, [O_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN}; /* else 0, good */
    const struct maker *by = signers[w] ? signers[w] : &responder;
    time_t begins = w == O_OLD ? now - 86400 : now - 10;
    ASN1_TIME *from = ASN1_TIME_set(NULL, w == O_FUTURE ? now + 86400 : begins);
    ASN1_TIME *to = ASN1_TIME_set(NULL, w == O_OLD ? now - 3600 : now + 86400), *when = ASN1_TIME_set(NULL, now - 3600);
    OCSP_SINGLERESP *s = OCSP_basic_add1_status(b, w == O_OTHER_CERT ? other : id, states[w],
                                                OCSP_REVOKED_STATUS_KEYCOMPROMISE, when, from, to);
    if (w == O_BOTH)
        OCSP_basic_add1_status(b, id, V_OCSP_CERTSTATUS_REVOKED, 1, when, from, to);
    if (w == O_CRITICAL) {
        X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, "1.2.3.4", "critical,DER:0500");
        OCSP_SINGLERESP_add_ext(s, e, -1);
        X509_EXTENSION_free(e);
    }
    if (w == O_OTHER_NONCE)
        OCSP_basic_add1_nonce(b, NULL, 32);
    else if (w != O_NO_NONCE)
        OCSP_copy_nonce(b, q);
    assert_int_equal(OCSP_basic_sign(b, by->x, by->key, w == O_SHA1 ? EVP_sha1() : EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *r =
        OCSP_response_create(w == O_TRY_LATER ? OCSP_RESPONSE_STATUS_TRYLATER : 0, w == O_TRY_LATER ? NULL : b);
    unsigned char *der = NULL;
    int n = i2d_OCSP_RESPONSE(r, &der);
    buf_add(body, (const char *)der, w == O_GARBAGE ? 7 : (size_t)n);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(b);
    OCSP_CERTID_free(other);
    OCSP_REQUEST_free(q);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    ASN1_TIME_free(when);
    return true;
}

static const struct ike_revocation by_ocsp = {.methods = {IKE_REVOCATION_OCSP}, .n = 1, .ocsp_url = ""};

static void answers(void **state)
{
    static const struct {
        enum ocsp_wrong how;
        enum fetch_verdict verdict;
        const char *why;
    } rows[] = {{O_GOOD, FETCH_GOOD, "good"},
                {O_ISSUER, FETCH_GOOD, "good"},
                {O_REVOKED, FETCH_REVOKED, "keyCompromise"},
                {O_BOTH, FETCH_REVOKED, "revoked"},
                {O_UNKNOWN, FETCH_CANNOT_TELL, "does not know"},
                {O_STRANGER, FETCH_CANNOT_TELL, "not signed by"},
                {O_HELPER, FETCH_CANNOT_TELL, "not signed by"},
                {O_TWIN, FETCH_CANNOT_TELL, "not signed by"},
                {O_NO_NONCE, FETCH_CANNOT_TELL, "nonce"},
                {O_OTHER_NONCE, FETCH_CANNOT_TELL, "nonce"},
                {O_OTHER_CERT, FETCH_CANNOT_TELL, "another certificate"},
                {O_OLD, FETCH_CANNOT_TELL, "not of now"},
                {O_FUTURE, FETCH_CANNOT_TELL, "not of now"},
                {O_CRITICAL, FETCH_CANNOT_TELL, "critical"},
                {O_TRY_LATER, FETCH_CANNOT_TELL, "trylater"},
                {O_SHA1, FETCH_CANNOT_TELL, "hash"},
                {O_WEAKLY, FETCH_CANNOT_TELL, "not signed by"},
                {O_WATCHED, FETCH_CANNOT_TELL, "not signed by"}, /* its list is not there */
                {O_GARBAGE, FETCH_CANNOT_TELL, "cannot be read"}};
    (void)state;
    respond = answer;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        how_wrong = rows[i].how;
        struct fetch_answer a = check(&by_ocsp, &good);
        if (a.verdict != rows[i].verdict || !strstr(a.why, rows[i].why))
            fail_msg("row %u: verdict %d, %s", i, a.verdict, a.why);
        if (a.verdict != FETCH_CANNOT_TELL)
            assert_int_equal(a.holds_until_s, now + FETCH_OCSP_KEEP_S);
    }
    how_wrong = O_WATCHED; /* now it is */
    list_put(CRL_URL, RIGHT, &sub);
    assert_int_equal(check(&by_ocsp, &good).verdict, FETCH_GOOD);
    pages_clear();
    how_wrong = O_NO_NONCE; /* ocsp disable-nonce */
    struct ike_revocation without = by_ocsp;
    without.no_nonce = true;
    assert_int_equal(check(&without, &good).verdict, FETCH_GOOD);
    respond = NULL;
    pages_clear();
}

/* PSS says its hash in parameters, not in its name. */
static bool pss_allowed(EVP_PKEY *key, const EVP_MD *md)
{
    X509_CRL *c = X509_CRL_new();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    const X509_ALGOR *algorithm = NULL;
    assert_int_equal(EVP_DigestSignInit(ctx, &how, md, NULL, key), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(X509_CRL_sign_ctx(c, ctx) > 0);
    X509_CRL_get0_signature(c, NULL, &algorithm);
    bool ok = ike_algorithm_allowed(algorithm, IKE_WEAK_NONE);
    EVP_MD_CTX_free(ctx);
    X509_CRL_free(c);
    return ok;
}

static void pss(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    (void)state;
    assert_true(pss_allowed(key, EVP_sha256()));
    assert_false(pss_allowed(key, EVP_sha1()));
    EVP_PKEY_free(key);
}

/* ---- methods in their order; chains ---- */

static void methods(void **state)
{
    struct ike_revocation how = {
        .methods = {IKE_REVOCATION_OCSP, IKE_REVOCATION_CRL}, .n = 2, .ocsp_url = "", .crl_keep_s = UINT32_MAX};
    (void)state;
    respond = answer;
    how_wrong = O_TRY_LATER;
    list_put(CRL_URL, RIGHT, &sub);
    assert_int_equal(check(&how, &good).verdict, FETCH_GOOD);
    assert_int_equal(check(&how, &bad).verdict, FETCH_REVOKED);
    how_wrong = O_REVOKED; /* the next method is not asked whether it is of another opinion */
    assert_int_equal(check(&how, &good).verdict, FETCH_REVOKED);
    how.methods[1] = IKE_REVOCATION_NONE; /* judged by who asks */
    how_wrong = O_TRY_LATER;
    struct fetch_answer a = check(&how, &good);
    assert_int_equal(a.verdict, FETCH_CANNOT_TELL);
    how.ocsp_url = "http://elsewhere.example/";
    assert_non_null(strstr(check(&how, &good).why, "elsewhere"));
    how.n = 0;
    assert_int_equal(check(&how, &good).verdict, FETCH_CANNOT_TELL);
    respond = NULL;
    pages_clear();
}

/* What one method has used up of its time the next one does not lack. */
static unsigned left_ms;

static void another_method(void *ctx)
{
    (void)ctx;
    left_ms = FETCH_METHOD_MS;
}

static bool silent_lists(void *ctx, const char *url, const struct ike_iov *post, size_t max, struct buf *body,
                         char why[static FETCH_WHY_MAX])
{
    if (post)
        return left_ms && web(ctx, url, post, max, body, why);
    left_ms = 0;
    snprintf(why, FETCH_WHY_MAX, "it is silent");
    return false;
}

static void time_of_methods(void **state)
{
    static uint8_t bytes[16384];
    const struct ike_revocation how = {
        .methods = {IKE_REVOCATION_CRL, IKE_REVOCATION_OCSP}, .n = 2, .ocsp_url = "", .crl_keep_s = UINT32_MAX};
    const struct fetch_tools t = {.now_s = now, .http = silent_lists, .method = another_method};
    const struct maker *v[] = {&good, &sub};
    struct fetch_answer a;
    (void)state;
    respond = answer;
    how_wrong = O_GOOD;
    size_t n = chain_of(bytes, sizeof bytes, v, 2);
    fetch_revocation(&how, bytes, n, &t, &a);
    assert_int_equal(a.verdict, FETCH_GOOD);
    respond = NULL;
    pages_clear();
}

/* A leaf on the list under a CA that names no list: what is revoked is not taken for what cannot be told. */
static void above(void **state)
{
    static uint8_t bytes[16384];
    static const char *const ca[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "keyCertSign,cRLSign", NULL};
    static const char *const leaf[] = {"crlDistributionPoints", "URI:" CRL_URL, "keyUsage", "digitalSignature", NULL};
    const struct ike_revocation how = {
        .methods = {IKE_REVOCATION_CRL, IKE_REVOCATION_NONE}, .n = 2, .ocsp_url = "", .crl_keep_s = UINT32_MAX};
    const struct fetch_tools t = {.now_s = now, .http = web};
    struct maker middle = issue(&root, "sub", ca), peer = issue(&middle, "peer", leaf);
    const struct maker *v[] = {&peer, &middle, &root};
    struct fetch_answer a;
    (void)state;
    struct maker kept_sub = sub, kept_bad = bad;
    sub = middle; /* list_put() is about these */
    bad = peer;
    list_put(CRL_URL, RIGHT, &sub);
    size_t n = chain_of(bytes, sizeof bytes, v, 3);
    fetch_revocation(&how, bytes, n, &t, &a);
    assert_int_equal(a.verdict, FETCH_REVOKED);
    sub = kept_sub;
    bad = kept_bad;
    X509_free(middle.x);
    EVP_PKEY_free(middle.key);
    X509_free(peer.x);
    EVP_PKEY_free(peer.key);
    pages_clear();
}

/* Libcurl is loaded, not linked: before that, and where there is none, nothing is fetched and the reason is said. */
static void no_libcurl(void **state)
{
    (void)state;
    struct buf body = {0};
    char why[FETCH_WHY_MAX] = "";
    assert_true(http_open());
    assert_false(http_get(NULL, CRL_URL, NULL, 1000, &body, why));
    assert_string_equal(why, "this host has no libcurl.so.4");
    http_close();
    assert_true(http_load());
    assert_true(http_open());
    assert_false(http_get(NULL, "http://127.0.0.1/", NULL, 1000, &body, why));
    assert_string_equal(why, "its address is of this host or of no host");
    http_close();
    buf_free(&body);
}

static void chains(void **state)
{
    static uint8_t bytes[16384];
    const struct maker *whole[] = {&good, &sub, &root}, *wrong[] = {&good, &twin, &root}, *one[] = {&good};
    const struct fetch_tools t = {.now_s = now, .http = web};
    struct fetch_answer a;
    (void)state;
    list_put(CRL_URL, RIGHT, &sub);
    size_t n = chain_of(bytes, sizeof bytes, whole, 3);
    fetch_revocation(&by_crl, bytes, n, &t, &a); /* the sub CA must be known not to be revoked too */
    assert_int_equal(a.verdict, FETCH_CANNOT_TELL);
    assert_non_null(strstr(a.why, "root.crl"));
    list_put("http://pki.example/root.crl", RIGHT, &root);
    fetch_revocation(&by_crl, bytes, n, &t, &a);
    assert_int_equal(a.verdict, FETCH_GOOD);
    for (size_t cut = 0; cut < n; cut += 7) { /* truncated: nothing is told, nothing is fetched */
        asked = 0;
        fetch_revocation(&by_crl, bytes, cut, &t, &a);
        if (a.verdict == FETCH_GOOD && asked == 0)
            fail_msg("cut at %zu", cut);
    }
    asked = 0;
    n = chain_of(bytes, sizeof bytes, wrong, 3);
    fetch_revocation(&by_crl, bytes, n, &t, &a);
    assert_int_equal(a.verdict, FETCH_CANNOT_TELL);
    assert_int_equal(asked, 0);
    n = chain_of(bytes, sizeof bytes, one, 1);
    fetch_revocation(&by_crl, bytes, n, &t, &a); /* what is trusted itself needs nobody's word */
    assert_int_equal(a.verdict, FETCH_GOOD);
    pages_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_libcurl),      cmocka_unit_test(lists), cmocka_unit_test(kept_lists),
        cmocka_unit_test(answers),         cmocka_unit_test(pss),   cmocka_unit_test(methods),
        cmocka_unit_test(time_of_methods), cmocka_unit_test(above), cmocka_unit_test(chains)};
    return cmocka_run_group_tests_name("fetch", tests, make_all, free_all);
}
