/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/crypto/cert.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "backends/ike/message/wire.h"
#include "compiler/base/bytes.h"

struct ike_cert {
    X509 *x;
    EVP_PKEY *key;          /* X509_get0_pubkey */
    STACK_OF(X509) * chain; /* from it to the trust anchor */
};

enum ike_key_kind ike_key_kind(const void *p)
{
    const EVP_PKEY *key = p;
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return IKE_KEY_RSA;
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
        return IKE_KEY_OTHER;
    switch (EVP_PKEY_get_bits(key)) {
    case 256:
        return IKE_KEY_ECDSA_256;
    case 384:
        return IKE_KEY_ECDSA_384;
    case 521:
        return IKE_KEY_ECDSA_521;
    default:
        return IKE_KEY_OTHER;
    }
}

static X509 *decode(struct ike_iov der)
{
    const unsigned char *p = der.p, *end = p + der.n;
    X509 *x = der.n && der.n < 65536 ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    if (x && p != end) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

bool ike_ca_hash(struct ike_iov der, uint8_t out[static 20])
{
    X509 *x = decode(der);
    unsigned char *info = NULL;
    int n = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &info) : 0;
    unsigned len = 20;
    bool ok = n > 0 && EVP_Digest(info, (size_t)n, out, &len, EVP_sha1(), NULL) == 1 && len == 20;
    OPENSSL_free(info);
    X509_free(x);
    return ok;
}

bool ike_cert_subject(struct ike_iov der, uint8_t *out, size_t room, size_t *n)
{
    X509 *x = decode(der);
    unsigned char *name = NULL;
    int len = x ? i2d_X509_NAME(X509_get_subject_name(x), &name) : 0;
    bool ok = len > 0 && (size_t)len <= room;
    if (ok) {
        memcpy(out, name, (size_t)len);
        *n = (size_t)len;
    }
    OPENSSL_free(name);
    X509_free(x);
    return ok;
}

/* ---- the peer's ---- */

void ike_cert_free(struct ike_cert *c)
{
    if (!c)
        return;
    X509_free(c->x);
    sk_X509_pop_free(c->chain, X509_free);
    OPENSSL_free(c);
}

/* The chain up to a trust anchor, NULL if there is none. */
static STACK_OF(X509) *
    verify_chain(X509_STORE *store, X509 *x, STACK_OF(X509) * rest, int64_t now_s, char why[static 160])
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;
    if (ctx && X509_STORE_CTX_init(ctx, store, x, rest) == 1) {
        X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN | (now_s ? 0 : X509_V_FLAG_NO_CHECK_TIME));
        X509_VERIFY_PARAM_set_depth(p, 8);
        if (now_s)
            X509_VERIFY_PARAM_set_time(p, (time_t)now_s);
        if (X509_verify_cert(ctx) == 1)
            chain = X509_STORE_CTX_get1_chain(ctx);
        else
            snprintf(why, 160, "its certificate is refused: %s",
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    } else {
        snprintf(why, 160, "its certificate cannot be checked");
    }
    X509_STORE_CTX_free(ctx);
    return chain;
}

/* ---- what is too weak to prove anybody ---- */

static bool digest_allowed(int nid, enum ike_weak_hash weak)
{
    if (nid == NID_md5)
        return weak == IKE_WEAK_MD5;
    if (nid == NID_sha1)
        return weak != IKE_WEAK_NONE;
    return true;
}

const char *ike_cert_weakness(void *x509, bool is_anchor, enum ike_weak_hash weak)
{
    X509 *x = x509;
    const EVP_PKEY *key = X509_get0_pubkey(x);
    int digest = NID_undef, bits = key ? EVP_PKEY_get_bits(key) : 0;
    bool rsa = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    int least = rsa ? 2048 : 224;
    if (rsa && weak != IKE_WEAK_NONE) /* who asks for SHA-1 has routers of that age */
        least = 1024;
    if (bits < least)
        return "has a key that is too short";
    if (is_anchor)
        return NULL;
    if (X509_get_signature_info(x, &digest, NULL, NULL, NULL) != 1 || !digest_allowed(digest, weak))
        return "is signed with a hash that the policy does not name";
    return NULL;
}

/* RFC 4945 §5.1.3.12: without the extension it is for everything; else one of these must be there. */
static bool usage_fits(X509 *x)
{
    static const char *const good[] = {"2.5.29.37.0",        /* anyExtendedKeyUsage */
                                       "1.3.6.1.5.5.7.3.17", /* id-kp-ipsecIKE */
                                       "1.3.6.1.5.5.8.2.2",  /* iKEIntermediate */
                                       "1.3.6.1.5.5.7.3.5",  /* ipsecEndSystem, ipsecTunnel, ipsecUser: obsolete */
                                       "1.3.6.1.5.5.7.3.6",  "1.3.6.1.5.5.7.3.7"};
    int where = -1;
    EXTENDED_KEY_USAGE *u = X509_get_ext_d2i(x, NID_ext_key_usage, &where, NULL);
    if (!u)
        return where == -1; /* -2: it stands there twice; another number: it cannot be read */
    bool fits = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(u) && !fits; i++) {
        char oid[64];
        OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(u, i), 1);
        for (size_t k = 0; k < sizeof good / sizeof *good; k++)
            fits |= strcmp(oid, good[k]) == 0;
    }
    EXTENDED_KEY_USAGE_free(u);
    return fits;
}

/* NULL if the checked chain may prove a peer, else the reason, which may be written into `why`. */
static const char *chain_fits(X509 *x, STACK_OF(X509) * chain, enum ike_weak_hash weak, char why[static 160])
{
    uint32_t usage = X509_get_key_usage(x); /* all ones where the extension is missing */
    int n = sk_X509_num(chain);
    if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        return "its certificate may not sign (key usage)";
    if (!usage_fits(x))
        return "its certificate is not for IKE (extended key usage)";
    if (ike_key_kind(X509_get0_pubkey(x)) == IKE_KEY_OTHER)
        return "its certificate has a key of a kind that is not supported";
    for (int i = 0; i < n; i++) {
        const char *bad = ike_cert_weakness(sk_X509_value(chain, i), i > 0 && i + 1 == n, weak);
        if (!bad)
            continue;
        snprintf(why, 160, "its certificate is refused: %s %s", i ? "a CA certificate" : "it", bad);
        return why;
    }
    return NULL;
}

const char *ike_cert_check(void *store, const struct ike_iov *certs, unsigned n, int64_t now_s, enum ike_weak_hash weak,
                           struct ike_cert **out, char why[static 160])
{
    X509 *x = n ? decode(certs[0]) : NULL;
    STACK_OF(X509) *rest = sk_X509_new_null(), *chain = NULL;
    const char *bad = why;
    snprintf(why, 160, "%s", n ? "its certificate is malformed" : "it sends no certificate");
    *out = NULL;
    for (unsigned i = 1; i < n && rest; i++) {
        X509 *more = decode(certs[i]);
        if (more && !sk_X509_push(rest, more))
            X509_free(more);
    }
    if (x && rest && store)
        chain = verify_chain(store, x, rest, now_s, why);
    if (chain)
        bad = chain_fits(x, chain, weak, why);
    struct ike_cert *c = bad ? NULL : OPENSSL_zalloc(sizeof *c);
    if (c) {
        *c = (struct ike_cert){x, X509_get0_pubkey(x), chain};
        *out = c;
        x = NULL;
        chain = NULL;
    } else if (!bad) {
        bad = "out of memory";
    }
    X509_free(x);
    sk_X509_pop_free(chain, X509_free);
    sk_X509_pop_free(rest, X509_free);
    ERR_clear_error();
    return bad;
}

bool ike_cert_anchor(const struct ike_cert *c, uint8_t out[static IKE_ANCHOR_LEN])
{
    unsigned n = IKE_ANCHOR_LEN;
    X509 *anchor = sk_X509_value(c->chain, sk_X509_num(c->chain) - 1);
    return anchor && X509_digest(anchor, EVP_sha256(), out, &n) == 1 && n == IKE_ANCHOR_LEN;
}

uint8_t *ike_cert_chain(const struct ike_cert *c, size_t *n)
{
    uint8_t *out = malloc(IKE_CHAIN_BYTES_MAX);
    struct wr w = wr_to(out, out ? IKE_CHAIN_BYTES_MAX : 0);
    for (int i = 0; i < sk_X509_num(c->chain); i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(c->chain, i), &der);
        wr_u32(&w, len > 0 ? (uint32_t)len : 0);
        wr_bytes(&w, der, len > 0 ? (size_t)len : 0);
        w.bad |= len <= 0;
        OPENSSL_free(der);
    }
    *n = w.n;
    if (out && !w.bad)
        return out;
    free(out);
    return NULL;
}

size_t ike_store_anchors(void *store, uint8_t *out, size_t max)
{
    STACK_OF(X509) *all = store ? X509_STORE_get1_all_certs(store) : NULL;
    size_t n = 0;
    for (int i = 0; i < sk_X509_num(all) && n < max; i++) {
        unsigned len = IKE_ANCHOR_LEN;
        n += X509_digest(sk_X509_value(all, i), EVP_sha256(), out + n * IKE_ANCHOR_LEN, &len) == 1;
    }
    sk_X509_pop_free(all, X509_free);
    return n;
}

bool ike_store_has(void *store, const uint8_t anchor[static IKE_ANCHOR_LEN])
{
    STACK_OF(X509) *all = store ? X509_STORE_get1_all_certs(store) : NULL;
    bool found = false;
    for (int i = 0; i < sk_X509_num(all) && !found; i++) {
        uint8_t d[IKE_ANCHOR_LEN];
        unsigned n = sizeof d;
        found = X509_digest(sk_X509_value(all, i), EVP_sha256(), d, &n) == 1 && memcmp(d, anchor, sizeof d) == 0;
    }
    sk_X509_pop_free(all, X509_free);
    return found;
}

int64_t ike_cert_ends_s(const struct ike_cert *c)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < sk_X509_num(c->chain); i++) {
        struct tm t;
        if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(c->chain, i)), &t) != 1)
            return 0;
        int64_t end = (int64_t)timegm(&t);
        first = end < first ? end : first;
    }
    return first;
}

static bool same_name(const ASN1_STRING *s, const uint8_t *p, size_t n)
{
    const unsigned char *q = ASN1_STRING_get0_data(s);
    if (ASN1_STRING_length(s) < 0 || (size_t)ASN1_STRING_length(s) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t a = p[i], b = q[i];
        a = (uint8_t)(a >= 'A' && a <= 'Z' ? a + 32 : a);
        b = (uint8_t)(b >= 'A' && b <= 'Z' ? b + 32 : b);
        if (a != b)
            return false;
    }
    return true;
}

/* Of the subject: the common name, or what routers write their own name into. */
static bool subject_has(X509 *x, int nid, const uint8_t *p, size_t n)
{
    X509_NAME *s = X509_get_subject_name(x);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(s, nid, at)) >= 0;)
        if (same_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(s, at)), p, n))
            return true;
    return false;
}

static bool alternative(X509 *x, int type, const uint8_t *p, size_t n)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type != type)
            continue;
        if (type == GEN_IPADD)
            found = (size_t)ASN1_STRING_length(g->d.iPAddress) == n &&
                    memcmp(ASN1_STRING_get0_data(g->d.iPAddress), p, n) == 0;
        else
            found = same_name(g->d.ia5, p, n);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool has_alternatives(X509 *x)
{
    return X509_get_ext_by_NID(x, NID_subject_alt_name, -1) >= 0;
}

/* A certificate of nothing but that name, so that libcrypto can hold it against name constraints. */
static X509 *bare_name(const uint8_t *p, size_t n)
{
    X509 *x = X509_new();
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();
    bool ok = x && names && g && s && n < 1024 && ASN1_STRING_set(s, p, (int)n) == 1;
    if (ok) {
        GENERAL_NAME_set0_value(g, GEN_DNS, s);
        s = NULL;
        ok = sk_GENERAL_NAME_push(names, g) > 0;
        g = ok ? NULL : g;
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1;
    /* constraints look at what this has cached; that it is no whole certificate does not matter for it */
    if (ok)
        X509_check_purpose(x, -1, 0);
    ASN1_IA5STRING_free(s);
    GENERAL_NAME_free(g);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    if (ok)
        return x;
    X509_free(x);
    return NULL;
}

/* Names that stand in the subject are not all looked at by libcrypto: each CA's constraints hold for them too
 * (RFC 5280 §4.2.1.10). */
static bool constraints_allow(const struct ike_cert *c, const uint8_t *p, size_t n)
{
    X509 *x = bare_name(p, n);
    bool ok = x != NULL;
    for (int i = 1; ok && i < sk_X509_num(c->chain); i++) {
        int where = -1;
        NAME_CONSTRAINTS *nc = X509_get_ext_d2i(sk_X509_value(c->chain, i), NID_name_constraints, &where, NULL);
        ok = nc ? NAME_CONSTRAINTS_check(x, nc) == X509_V_OK : where == -1;
        NAME_CONSTRAINTS_free(nc);
    }
    X509_free(x);
    return ok;
}

/* RFC 4945 §3.1.2 and §5.1.2: alternative names come first; the subject is asked only where there are none at all. What
 * older routers write their name into is the common name or unstructuredName. */
bool ike_cert_names(const struct ike_cert *c, uint8_t id_type, const uint8_t *p, size_t n)
{
    switch (id_type) {
    case IKE_ID_FQDN:
        if (has_alternatives(c->x))
            return alternative(c->x, GEN_DNS, p, n);
        return (subject_has(c->x, NID_commonName, p, n) || subject_has(c->x, NID_pkcs9_unstructuredName, p, n)) &&
               constraints_allow(c, p, n);
    case IKE_ID_USER_FQDN: /* libcrypto holds emailAddress of the subject against constraints itself */
        if (has_alternatives(c->x))
            return alternative(c->x, GEN_EMAIL, p, n);
        return subject_has(c->x, NID_pkcs9_emailAddress, p, n);
    case IKE_ID_IPV4:
    case IKE_ID_IPV6:
        return alternative(c->x, GEN_IPADD, p, n);
    case IKE_ID_DN: {
        const unsigned char *q = p;
        X509_NAME *name = n && n < 65536 ? d2i_X509_NAME(NULL, &q, (long)n) : NULL;
        bool same = name && q == p + n && X509_NAME_cmp(name, X509_get_subject_name(c->x)) == 0;
        X509_NAME_free(name);
        return same;
    }
    default:
        return false;
    }
}

struct ike_iov ike_cert_own_name(const struct ike_cert *c)
{
    const unsigned char *der = NULL;
    size_t n = 0;
    if (X509_NAME_get0_der(X509_get_subject_name(c->x), &der, &n) != 1)
        return (struct ike_iov){NULL, 0};
    return (struct ike_iov){der, n};
}

enum ike_key_kind ike_cert_key_kind(const struct ike_cert *c)
{
    return ike_key_kind(c->key);
}

/* ---- signatures ---- */

static const EVP_MD *md_of(enum ike_key_kind k)
{
    if (k == IKE_KEY_ECDSA_384)
        return EVP_sha384();
    return k == IKE_KEY_ECDSA_521 ? EVP_sha512() : EVP_sha256();
}

/* Hashes of SIGNATURE_HASH_ALGORITHMS (IANA), with what RFC 7427 appendix A calls their signatures; strongest last. */
static const struct signature_hash {
    unsigned number;
    const EVP_MD *(*md)(void);
    int nid;
    uint8_t rsa_oid, ecdsa_oid; /* last byte of the object identifier */
} signature_hashes[] = {{2, EVP_sha256, NID_sha256, 0x0b, 0x02},
                        {3, EVP_sha384, NID_sha384, 0x0c, 0x03},
                        {4, EVP_sha512, NID_sha512, 0x0d, 0x04}};

/* RFC 7427 §4: the signer "MUST" use a hash that the other end has announced. The curve's own where it may be, else
 * any; RSA takes the first. NULL: none is common. */
static const struct signature_hash *hash_for(enum ike_key_kind k, uint16_t peer_hashes)
{
    const struct signature_hash *found = NULL;
    for (size_t i = 0; i < sizeof signature_hashes / sizeof *signature_hashes; i++) {
        const struct signature_hash *h = &signature_hashes[i];
        if (!(peer_hashes >> h->number & 1))
            continue;
        if (h->md() == md_of(k))
            return h;
        found = found ? found : h;
    }
    return found;
}

static bool feed(EVP_MD_CTX *ctx, bool sign, const struct ike_iov *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if ((sign ? EVP_DigestSignUpdate(ctx, v[i].p, v[i].n) : EVP_DigestVerifyUpdate(ctx, v[i].p, v[i].n)) != 1)
            return false;
    return true;
}

static size_t sign(EVP_PKEY *key, const EVP_MD *md, const struct ike_iov *v, unsigned n, uint8_t *out, size_t room)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 && feed(ctx, true, v, n) &&
              EVP_DigestSignFinal(ctx, out, &room) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? room : 0;
}

/* `salt` -1: PKCS #1 v1.5, else PSS with so many bytes. */
static bool verify(EVP_PKEY *key, const EVP_MD *md, int salt, const struct ike_iov *v, unsigned n, const uint8_t *sig,
                   size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &p, md, NULL, key) == 1 &&
              (salt < 0 || (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
                            EVP_PKEY_CTX_set_rsa_pss_saltlen(p, salt) == 1)) &&
              feed(ctx, false, v, n) && EVP_DigestVerifyFinal(ctx, sig, len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* RFC 4754 §7: r and s one behind the other, each as long as the order; libcrypto has them in DER. */
static size_t half_of(enum ike_key_kind k)
{
    return k == IKE_KEY_ECDSA_256 ? 32 : k == IKE_KEY_ECDSA_384 ? 48 : 66;
}

static size_t to_raw(enum ike_key_kind k, const uint8_t *der, size_t len, uint8_t *out)
{
    const unsigned char *p = der;
    int half = (int)half_of(k);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)len);
    bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), out, half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(s), out + half, half) == half;
    ECDSA_SIG_free(s);
    return ok ? 2 * (size_t)half : 0;
}

static int to_der(enum ike_key_kind k, const uint8_t *raw, size_t len, unsigned char **out)
{
    int half = (int)half_of(k), n = 0;
    ECDSA_SIG *s = len == 2 * (size_t)half ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = s ? BN_bin2bn(raw, half, NULL) : NULL, *t = s ? BN_bin2bn(raw + half, half, NULL) : NULL;
    if (r && t && ECDSA_SIG_set0(s, r, t) == 1) {
        r = t = NULL;
        n = i2d_ECDSA_SIG(s, out);
    }
    BN_free(r);
    BN_free(t);
    ECDSA_SIG_free(s);
    return n;
}

static bool verify_raw(EVP_PKEY *key, enum ike_key_kind k, const struct ike_iov *v, unsigned n, const uint8_t *sig,
                       size_t len)
{
    unsigned char *der = NULL;
    int m = to_der(k, sig, len, &der);
    bool ok = m > 0 && verify(key, md_of(k), -1, v, n, der, (size_t)m);
    OPENSSL_free(der);
    return ok;
}

/* AlgorithmIdentifiers of RFC 7427 appendix A. */
static const uint8_t rsa_sha256[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                     0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
static const uint8_t ecdsa_sha2[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

static size_t sign_digital(EVP_PKEY *key, uint16_t peer_hashes, const struct ike_iov *v, unsigned n, uint8_t *out)
{
    enum ike_key_kind k = ike_key_kind(key);
    const struct signature_hash *h = hash_for(k, peer_hashes);
    bool rsa = k == IKE_KEY_RSA;
    const uint8_t *alg = rsa ? rsa_sha256 : ecdsa_sha2;
    size_t m = rsa ? sizeof rsa_sha256 : sizeof ecdsa_sha2;
    if (!h)
        return 0;
    out[0] = AUTH2_DIGITAL_SIGNATURE;
    out[4] = (uint8_t)m;
    memcpy(out + 5, alg, m);
    if (rsa)
        out[5 + m - 3] = h->rsa_oid; /* before the NULL parameters */
    else
        out[5 + m - 1] = h->ecdsa_oid;
    size_t head = 5 + m;
    size_t len = sign(key, h->md(), v, n, out + head, IKE_SIGNATURE_MAX - head);
    return len ? head + len : 0;
}

static const EVP_MD *md_of_policy(enum algo_id hash)
{
    switch (hash) {
    case ALGO_INTEG_MD5: /* RFC 7296 knows no MD5 there; SHA-1 is what its time had */
    case ALGO_INTEG_SHA1:
        return EVP_sha1();
    case ALGO_INTEG_SHA384:
        return EVP_sha384();
    case ALGO_INTEG_SHA512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

size_t ike2_sign(void *p, uint16_t peer_hashes, enum algo_id policy_hash, const struct ike_iov *v, unsigned n,
                 uint8_t out[static IKE_SIGNATURE_MAX])
{
    EVP_PKEY *key = p;
    enum ike_key_kind k = ike_key_kind(key);
    uint8_t der[256];
    size_t len;
    memset(out, 0, 4); /* method and three reserved bytes */
    if (k == IKE_KEY_OTHER)
        return 0;
    if (peer_hashes)
        return sign_digital(key, peer_hashes, v, n, out);
    if (k == IKE_KEY_RSA) { /* §2.15: the hash is named inside the signature; SHA-1 only where the policy has it */
        out[0] = AUTH2_RSA;
        len = sign(key, md_of_policy(policy_hash), v, n, out + 4, IKE_SIGNATURE_MAX - 4);
        return len ? 4 + len : 0;
    }
    out[0] = (uint8_t)(AUTH2_ECDSA_256 + (k - IKE_KEY_ECDSA_256));
    len = sign(key, md_of(k), v, n, der, sizeof der);
    len = len ? to_raw(k, der, len, out + 4) : 0;
    return len ? 4 + len : 0;
}

static const EVP_MD *sha2_of(int nid)
{
    for (size_t i = 0; i < sizeof signature_hashes / sizeof *signature_hashes; i++)
        if (signature_hashes[i].nid == nid)
            return signature_hashes[i].md();
    return NULL;
}

/* RSASSA-PSS: hash and salt length of its parameters; NULL for what is not SHA-2. */
#define PSS_SALT_MAX 64 /* of an AUTH payload: as long as the longest hash */
static const EVP_MD *pss_of(const X509_ALGOR *a, int *salt)
{
    const void *param;
    int type;
    X509_ALGOR_get0(NULL, &type, &param, a);
    RSA_PSS_PARAMS *p = type == V_ASN1_SEQUENCE ? ASN1_item_unpack(param, ASN1_ITEM_rptr(RSA_PSS_PARAMS)) : NULL;
    const ASN1_OBJECT *o = NULL;
    const EVP_MD *md = NULL;
    if (p && p->hashAlgorithm) {
        X509_ALGOR_get0(&o, NULL, NULL, p->hashAlgorithm);
        md = sha2_of(OBJ_obj2nid(o));
        *salt = p->saltLength ? (int)ASN1_INTEGER_get(p->saltLength) : 20;
    }
    RSA_PSS_PARAMS_free(p);
    return md;
}

bool ike_algorithm_allowed(const void *algorithm, enum ike_weak_hash weak)
{
    const ASN1_OBJECT *o = NULL;
    int digest = NID_undef, key = NID_undef, salt = 0;
    X509_ALGOR_get0(&o, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(o);
    if (nid == NID_rsassaPss) /* SHA-2 or nothing */
        return pss_of(algorithm, &salt) != NULL;
    if (nid == NID_ED25519 || nid == NID_ED448)
        return true;
    return OBJ_find_sigid_algs(nid, &digest, &key) == 1 && digest != NID_undef && digest_allowed(digest, weak);
}

static bool digital_signature(const struct ike_cert *c, const uint8_t *sig, size_t len, const struct ike_iov *v,
                              unsigned n)
{
    size_t m = len ? sig[0] : 0;
    const unsigned char *p = sig + 1;
    if (m == 0 || m + 1 >= len)
        return false;
    X509_ALGOR *a = d2i_X509_ALGOR(NULL, &p, (long)m);
    const ASN1_OBJECT *o = NULL;
    int md_nid = NID_undef, key_nid = NID_undef, salt = -1;
    const EVP_MD *md = NULL;
    if (a && p == sig + 1 + m) {
        X509_ALGOR_get0(&o, NULL, NULL, a);
        if (OBJ_obj2nid(o) == NID_rsassaPss) {
            key_nid = EVP_PKEY_RSA;
            salt = 0;
            md = pss_of(a, &salt);
            if (salt < 0 || salt > PSS_SALT_MAX)
                md = NULL;
        } else if (OBJ_find_sigid_algs(OBJ_obj2nid(o), &md_nid, &key_nid) == 1) {
            md = sha2_of(md_nid);
        }
    }
    bool fits = md && (key_nid == EVP_PKEY_RSA || key_nid == NID_rsaEncryption
                           ? ike_key_kind(c->key) == IKE_KEY_RSA
                           : key_nid == NID_X9_62_id_ecPublicKey && ike_key_kind(c->key) >= IKE_KEY_ECDSA_256);
    X509_ALGOR_free(a);
    return fits && verify(c->key, md, salt, v, n, sig + 1 + m, len - 1 - m);
}

bool ike2_verify(const struct ike_cert *c, uint8_t method, bool announced, enum ike_weak_hash weak, const uint8_t *sig,
                 size_t len, const struct ike_iov *v, unsigned n, bool *by_weak)
{
    enum ike_key_kind k = ike_key_kind(c->key);
    *by_weak = false;
    if (method == AUTH2_DIGITAL_SIGNATURE)
        return announced && digital_signature(c, sig, len, v, n);
    if (method == AUTH2_RSA && k == IKE_KEY_RSA) { /* the hash is said inside the signature only */
        for (size_t i = 0; i < sizeof signature_hashes / sizeof *signature_hashes; i++)
            if (verify(c->key, signature_hashes[i].md(), -1, v, n, sig, len))
                return true;
        *by_weak = weak != IKE_WEAK_NONE && verify(c->key, EVP_sha1(), -1, v, n, sig, len);
        return *by_weak;
    }
    if (k >= IKE_KEY_ECDSA_256 && method == AUTH2_ECDSA_256 + (k - IKE_KEY_ECDSA_256))
        return verify_raw(c->key, k, v, n, sig, len);
    return false;
}

/* RFC 2409 §5.1: over the hash itself; RSA with PKCS #1 padding without the hash's name. */
static EVP_PKEY_CTX *bare(EVP_PKEY *key, bool signing)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx && (signing ? EVP_PKEY_sign_init(ctx) : EVP_PKEY_verify_init(ctx)) == 1 &&
              (ike_key_kind(key) != IKE_KEY_RSA || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
    if (ok)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

size_t ike1_sign(void *p, const uint8_t *hash, size_t n, uint8_t out[static IKE_SIGNATURE_MAX])
{
    EVP_PKEY *key = p;
    enum ike_key_kind k = ike_key_kind(key);
    uint8_t der[256];
    size_t len = k == IKE_KEY_RSA ? IKE_SIGNATURE_MAX : sizeof der;
    EVP_PKEY_CTX *ctx = k == IKE_KEY_OTHER ? NULL : bare(key, true);
    bool ok = ctx && EVP_PKEY_sign(ctx, k == IKE_KEY_RSA ? out : der, &len, hash, n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return !ok ? 0 : k == IKE_KEY_RSA ? len : to_raw(k, der, len, out);
}

bool ike1_verify(const struct ike_cert *c, const uint8_t *hash, size_t n, const uint8_t *sig, size_t len)
{
    enum ike_key_kind k = ike_key_kind(c->key);
    unsigned char *der = NULL;
    EVP_PKEY_CTX *ctx = bare(c->key, false);
    int m = k == IKE_KEY_RSA ? (int)len : to_der(k, sig, len, &der);
    bool ok = ctx && m > 0 && EVP_PKEY_verify(ctx, der ? der : sig, (size_t)m, hash, n) == 1;
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}
