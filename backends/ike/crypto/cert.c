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
#include "compiler/base/str.h"

struct ike_cert {
    X509 *x;
    EVP_PKEY *key; /* X509_get0_pubkey */
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

/* ---- fields ---- */

void ike_cert_normalize(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        const char *next = p;
        while (*next == ' ')
            next++;
        bool edge = to == text || to[-1] == '=' || to[-1] == ',' || *next == '=' || *next == ',' || *next == '\0';
        if (*p == ' ' && (edge || to[-1] == ' '))
            continue;
        *to++ = str_lower(*p);
    }
    *to = '\0';
}

static bool put_name(BIO *b, const X509_NAME *name, bool turned)
{
    unsigned long how = XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT | ASN1_STRFLGS_ESC_CTRL;
    return X509_NAME_print_ex(b, name, 0, how | (turned ? XN_FLAG_DN_REV : 0)) >= 0;
}

static void put_alternatives(BIO *b, X509 *x)
{
    GENERAL_NAMES *v = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(v); i++) {
        GENERAL_NAME *n = sk_GENERAL_NAME_value(v, i);
        if (i)
            BIO_puts(b, ",");
        if (n->type == GEN_DNS || n->type == GEN_EMAIL || n->type == GEN_URI)
            BIO_write(b, ASN1_STRING_get0_data(n->d.ia5), ASN1_STRING_length(n->d.ia5));
        else
            GENERAL_NAME_print(b, n);
    }
    GENERAL_NAMES_free(v);
}

static void put_unstructured(BIO *b, const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID(name, NID_pkcs9_unstructuredName, -1);
    const ASN1_STRING *s = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    if (s)
        BIO_write(b, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
}

bool ike_cert_field(struct ike_iov der, enum ike_cert_field f, bool turned, char *out, size_t room)
{
    X509 *x = decode(der);
    BIO *b = BIO_new(BIO_s_mem());
    bool ok = x && b;
    if (ok && (f == IKE_CERT_SUBJECT || f == IKE_CERT_NAME))
        ok = put_name(b, X509_get_subject_name(x), turned);
    if (ok && f == IKE_CERT_ISSUER)
        ok = put_name(b, X509_get_issuer_name(x), turned);
    if (ok && f == IKE_CERT_NAME)
        BIO_puts(b, ",");
    if (ok && (f == IKE_CERT_ALT_NAME || f == IKE_CERT_NAME))
        put_alternatives(b, x);
    if (ok && f == IKE_CERT_UNSTRUCTURED)
        put_unstructured(b, X509_get_subject_name(x));
    if (ok && f == IKE_CERT_SERIAL)
        i2a_ASN1_INTEGER(b, X509_get0_serialNumber(x));
    char *p = NULL;
    long n = ok ? BIO_get_mem_data(b, &p) : 0;
    ok = ok && n >= 0 && (size_t)n < room && (n == 0 || !memchr(p, '\0', (size_t)n));
    if (ok) {
        memcpy(out, p, (size_t)n);
        out[n] = '\0';
        ike_cert_normalize(out);
    }
    BIO_free(b);
    X509_free(x);
    ERR_clear_error();
    return ok;
}

/* ---- the peer's ---- */

void ike_cert_free(struct ike_cert *c)
{
    if (!c)
        return;
    X509_free(c->x);
    OPENSSL_free(c);
}

static bool verify_chain(X509_STORE *store, X509 *x, STACK_OF(X509) * rest, int64_t now_s, char why[static 160])
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = ctx && X509_STORE_CTX_init(ctx, store, x, rest) == 1;
    if (ok) {
        X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN | (now_s ? 0 : X509_V_FLAG_NO_CHECK_TIME));
        X509_VERIFY_PARAM_set_depth(p, 8);
        if (now_s)
            X509_VERIFY_PARAM_set_time(p, (time_t)now_s);
        ok = X509_verify_cert(ctx) == 1;
        if (!ok)
            snprintf(why, 160, "its certificate is refused: %s",
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    } else {
        snprintf(why, 160, "its certificate cannot be checked");
    }
    X509_STORE_CTX_free(ctx);
    return ok;
}

const char *ike_cert_check(void *store, const struct ike_iov *certs, unsigned n, int64_t now_s, struct ike_cert **out,
                           char why[static 160])
{
    X509 *x = n ? decode(certs[0]) : NULL;
    STACK_OF(X509) *rest = sk_X509_new_null();
    snprintf(why, 160, "%s", n ? "its certificate is malformed" : "it sends no certificate");
    *out = NULL;
    for (unsigned i = 1; i < n && rest; i++) {
        X509 *more = decode(certs[i]);
        if (more && !sk_X509_push(rest, more))
            X509_free(more);
    }
    if (x && rest && store && verify_chain(store, x, rest, now_s, why)) {
        struct ike_cert *c = OPENSSL_zalloc(sizeof *c);
        uint32_t usage = X509_get_key_usage(x); /* all ones where the extension is missing */
        if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
            snprintf(why, 160, "its certificate may not sign (key usage)");
        else if (c && ((c->key = X509_get0_pubkey(x))) && ike_key_kind(c->key) != IKE_KEY_OTHER)
            *out = c;
        else
            snprintf(why, 160, "its certificate has a key of a kind that is not spoken");
        if (*out) {
            c->x = x;
            x = NULL;
        } else {
            OPENSSL_free(c);
        }
    }
    X509_free(x);
    sk_X509_pop_free(rest, X509_free);
    ERR_clear_error();
    return *out ? NULL : why;
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

bool ike_cert_names(const struct ike_cert *c, uint8_t id_type, const uint8_t *p, size_t n)
{
    switch (id_type) {
    case IKE_ID_FQDN:
        return alternative(c->x, GEN_DNS, p, n) || subject_has(c->x, NID_commonName, p, n) ||
               subject_has(c->x, NID_pkcs9_unstructuredName, p, n);
    case IKE_ID_USER_FQDN:
        return alternative(c->x, GEN_EMAIL, p, n) || subject_has(c->x, NID_pkcs9_emailAddress, p, n);
    case IKE_ID_IPV4:
    case IKE_ID_IPV6:
        return alternative(c->x, GEN_IPADD, p, n);
    case IKE_ID_DN: {
        const unsigned char *q = p;
        X509_NAME *name = n < 65536 ? d2i_X509_NAME(NULL, &q, (long)n) : NULL;
        bool same = name && q == p + n && X509_NAME_cmp(name, X509_get_subject_name(c->x)) == 0;
        X509_NAME_free(name);
        return same;
    }
    default:
        return false;
    }
}

enum ike_key_kind ike_cert_key_kind(const struct ike_cert *c)
{
    return ike_key_kind(c->key);
}

const char *ike_cert_text(const struct ike_cert *c, char out[static 160])
{
    BIO *b = BIO_new(BIO_s_mem());
    out[0] = '\0';
    if (b && X509_NAME_print_ex(b, X509_get_subject_name(c->x), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(b, out, 159);
        out[n > 0 ? n : 0] = '\0';
    }
    BIO_free(b);
    return out;
}

/* ---- signatures ---- */

static const EVP_MD *md_of(enum ike_key_kind k)
{
    return k == IKE_KEY_ECDSA_384 ? EVP_sha384() : k == IKE_KEY_ECDSA_521 ? EVP_sha512() : EVP_sha256();
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

size_t ike2_sign(void *p, bool hashes, const struct ike_iov *v, unsigned n, uint8_t out[static IKE_SIGNATURE_MAX])
{
    EVP_PKEY *key = p;
    enum ike_key_kind k = ike_key_kind(key);
    uint8_t der[256];
    size_t head = 4, len;
    memset(out, 0, 4); /* method and three reserved bytes */
    if (k == IKE_KEY_OTHER)
        return 0;
    if (hashes) {
        const uint8_t *alg = k == IKE_KEY_RSA ? rsa_sha256 : ecdsa_sha2;
        size_t m = k == IKE_KEY_RSA ? sizeof rsa_sha256 : sizeof ecdsa_sha2;
        out[0] = AUTH2_DIGITAL_SIGNATURE;
        out[4] = (uint8_t)m;
        memcpy(out + 5, alg, m);
        if (k != IKE_KEY_RSA)
            out[5 + m - 1] = (uint8_t)(2 + (k - IKE_KEY_ECDSA_256));
        head = 5 + m;
        len = sign(key, md_of(k), v, n, out + head, IKE_SIGNATURE_MAX - head);
        return len ? head + len : 0;
    }
    if (k == IKE_KEY_RSA) { /* §2.15: SHA-1 where nothing else is agreed on */
        out[0] = AUTH2_RSA;
        len = sign(key, EVP_sha1(), v, n, out + head, IKE_SIGNATURE_MAX - head);
        return len ? head + len : 0;
    }
    out[0] = (uint8_t)(AUTH2_ECDSA_256 + (k - IKE_KEY_ECDSA_256));
    len = sign(key, md_of(k), v, n, der, sizeof der);
    len = len ? to_raw(k, der, len, out + head) : 0;
    return len ? head + len : 0;
}

static const EVP_MD *sha2_of(int nid)
{
    return nid == NID_sha256   ? EVP_sha256()
           : nid == NID_sha384 ? EVP_sha384()
           : nid == NID_sha512 ? EVP_sha512()
                               : NULL;
}

/* RSASSA-PSS: hash and salt length of its parameters; NULL for what is not SHA-2. */
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
    return *salt >= 0 && *salt <= 64 ? md : NULL;
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

bool ike2_verify(const struct ike_cert *c, uint8_t method, const uint8_t *sig, size_t len, const struct ike_iov *v,
                 unsigned n)
{
    enum ike_key_kind k = ike_key_kind(c->key);
    if (method == AUTH2_DIGITAL_SIGNATURE)
        return digital_signature(c, sig, len, v, n);
    if (method == AUTH2_RSA && k == IKE_KEY_RSA) /* the hash is said inside the signature only */
        return verify(c->key, EVP_sha1(), -1, v, n, sig, len) || verify(c->key, EVP_sha256(), -1, v, n, sig, len) ||
               verify(c->key, EVP_sha384(), -1, v, n, sig, len) || verify(c->key, EVP_sha512(), -1, v, n, sig, len);
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
