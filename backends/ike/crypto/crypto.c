/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashes, PRFs and ciphers on libcrypto's EVP. Methods are fetched once. */
#include "backends/ike/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

struct ike_crypto {
    EVP_MAC *hmac;
    EVP_MAC_CTX *mac[ALGO_COUNT]; /* with the digest set; keyed anew for each use */
    EVP_MD *md[ALGO_COUNT];
    EVP_MD_CTX *hash;
    EVP_CIPHER_CTX *cipher;
    EVP_CIPHER *cbc[ALGO_COUNT][3], *gcm[3];
    OSSL_PROVIDER *legacy, *standard; /* single DES */
};

static const char *digest_name(enum algo_id h)
{
    switch (h) {
    case ALGO_INTEG_MD5:
        return "MD5";
    case ALGO_INTEG_SHA1:
        return "SHA1";
    case ALGO_INTEG_SHA256:
        return "SHA256";
    case ALGO_INTEG_SHA384:
        return "SHA384";
    case ALGO_INTEG_SHA512:
        return "SHA512";
    default:
        return NULL;
    }
}

struct ike_crypto *ike_crypto_new(void)
{
    struct ike_crypto *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    c->hash = EVP_MD_CTX_new();
    c->cipher = EVP_CIPHER_CTX_new();
    if (c->hmac && c->hash && c->cipher)
        return c;
    ike_crypto_free(c);
    return NULL;
}

void ike_crypto_free(struct ike_crypto *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < ALGO_COUNT; i++) {
        EVP_MAC_CTX_free(c->mac[i]);
        EVP_MD_free(c->md[i]);
        for (unsigned k = 0; k < 3; k++)
            EVP_CIPHER_free(c->cbc[i][k]);
    }
    for (unsigned k = 0; k < 3; k++)
        EVP_CIPHER_free(c->gcm[k]);
    EVP_MAC_free(c->hmac);
    EVP_MD_CTX_free(c->hash);
    EVP_CIPHER_CTX_free(c->cipher);
    if (c->legacy)
        OSSL_PROVIDER_unload(c->legacy);
    if (c->standard)
        OSSL_PROVIDER_unload(c->standard);
    free(c);
}

size_t ike_cipher_key_len(enum algo_id encr, unsigned bits)
{
    const struct algo *a = algo_get(encr);
    return ((bits ? bits : a->keys[0]) + a->salt) / 8u;
}

size_t ike_hash_len(enum algo_id hash)
{
    return algo_get(hash)->keys[0] / 8u;
}

size_t ike_icv_len(enum algo_id encr, enum algo_id integ)
{
    return (algo_get(encr)->is_aead ? algo_get(encr)->icv : algo_get(integ)->icv) / 8u;
}

size_t ike_iv_len(enum algo_id encr)
{
    return algo_get(encr)->iv / 8u;
}

bool ike_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void ike_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

static EVP_MAC_CTX *mac_of(struct ike_crypto *c, enum algo_id hash)
{
    const char *name = digest_name(hash);
    if (c->mac[hash] || !name)
        return c->mac[hash];
    OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)name, 0),
                      OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *x = EVP_MAC_CTX_new(c->hmac);
    if (x && EVP_MAC_CTX_set_params(x, p))
        return c->mac[hash] = x;
    EVP_MAC_CTX_free(x);
    return NULL;
}

bool ike_prf(struct ike_crypto *c, enum algo_id hash, const void *key, size_t key_len, const struct ike_iov *v,
             unsigned n, uint8_t *out)
{
    EVP_MAC_CTX *x = mac_of(c, hash);
    size_t len = 0;
    if (!x || !EVP_MAC_init(x, key_len ? key : (const void *)"", key_len, NULL))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (v[i].n && !EVP_MAC_update(x, v[i].p, v[i].n))
            return false;
    return EVP_MAC_final(x, out, &len, IKE_HASH_MAX) && len == ike_hash_len(hash);
}

bool ike_hash(struct ike_crypto *c, enum algo_id hash, const struct ike_iov *v, unsigned n, uint8_t *out)
{
    const char *name = digest_name(hash);
    if (!name)
        return false;
    if (!c->md[hash])
        c->md[hash] = EVP_MD_fetch(NULL, name, NULL);
    if (!c->md[hash] || !EVP_DigestInit_ex2(c->hash, c->md[hash], NULL))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (v[i].n && !EVP_DigestUpdate(c->hash, v[i].p, v[i].n))
            return false;
    return EVP_DigestFinal_ex(c->hash, out, NULL);
}

bool ike_prf_plus(struct ike_crypto *c, enum algo_id hash, const void *key, size_t key_len, const struct ike_iov *seed,
                  unsigned n, uint8_t *out, size_t out_len)
{
    uint8_t t[IKE_HASH_MAX];
    struct ike_iov v[8];
    size_t len = ike_hash_len(hash), done = 0;
    bool ok = n <= 6 && len > 0;
    for (unsigned i = 1; ok && done < out_len; i++) {
        const uint8_t counter = (uint8_t)i;
        unsigned k = 0;
        if (i > 1)
            v[k++] = (struct ike_iov){t, len};
        for (unsigned s = 0; s < n; s++)
            v[k++] = seed[s];
        v[k++] = (struct ike_iov){&counter, 1};
        ok = i < 256 && ike_prf(c, hash, key, key_len, v, k, t);
        size_t take = out_len - done < len ? out_len - done : len;
        memcpy(out + done, t, take);
        done += take;
    }
    ike_wipe(t, sizeof t);
    return ok;
}

/* ---- ciphers ---- */

static EVP_CIPHER *fetch(struct ike_crypto *c, enum algo_id encr, unsigned bits, bool gcm)
{
    static const char *const cbc[] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    static const char *const aead[] = {"AES-128-GCM", "AES-192-GCM", "AES-256-GCM"};
    unsigned at = bits == 256 ? 2 : bits == 192 ? 1 : 0;
    EVP_CIPHER **x = gcm ? &c->gcm[at] : &c->cbc[encr][at];
    if (*x)
        return *x;
    const char *name = gcm ? aead[at] : cbc[at];
    if (encr == ALGO_ENCR_3DES)
        name = "DES-EDE3-CBC";
    if (encr == ALGO_ENCR_DES) { /* libcrypto keeps it in another provider; the first one must then be named too */
        name = "DES-CBC";
        if (!c->legacy) {
            c->standard = OSSL_PROVIDER_load(NULL, "default");
            c->legacy = OSSL_PROVIDER_load(NULL, "legacy");
        }
    }
    return *x = EVP_CIPHER_fetch(NULL, name, NULL);
}

bool ike_crypto_cipher(struct ike_crypto *c, enum algo_id encr, unsigned bits)
{
    return fetch(c, encr, bits, algo_get(encr)->is_aead) != NULL;
}

bool ike_cbc(struct ike_crypto *c, enum algo_id encr, unsigned bits, const uint8_t *key, const uint8_t *iv,
             const uint8_t *in, size_t n, uint8_t *out, bool encrypt)
{
    EVP_CIPHER *x = fetch(c, encr, bits, false);
    int len = 0;
    if (!x || n > INT32_MAX || !EVP_CipherInit_ex2(c->cipher, x, key, iv, encrypt, NULL))
        return false;
    EVP_CIPHER_CTX_set_padding(c->cipher, 0);
    return EVP_CipherUpdate(c->cipher, out, &len, in, (int)n) && (size_t)len == n;
}

bool ike_gcm(struct ike_crypto *c, unsigned bits, const uint8_t *key, const uint8_t *iv, const uint8_t *aad,
             size_t aad_len, const uint8_t *in, size_t n, uint8_t *out, uint8_t *icv, bool encrypt)
{
    EVP_CIPHER *x = fetch(c, ALGO_ENCR_AES_GCM, bits, true);
    EVP_CIPHER_CTX *ctx = c->cipher;
    uint8_t nonce[12];
    int len;
    memcpy(nonce, key + bits / 8, 4);
    memcpy(nonce + 4, iv, 8);
    if (!x || n > INT32_MAX || aad_len > INT32_MAX || !EVP_CipherInit_ex2(ctx, x, key, nonce, encrypt, NULL) ||
        !EVP_CipherUpdate(ctx, NULL, &len, aad, (int)aad_len) || !EVP_CipherUpdate(ctx, out, &len, in, (int)n))
        return false;
    if (!encrypt && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, icv) <= 0)
        return false;
    uint8_t rest[16];
    if (EVP_CipherFinal_ex(ctx, rest, &len) <= 0)
        return false;
    return !encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, icv) > 0;
}

/* ---- keys of an IKE SA ---- */

bool ike2_keys(struct ike_crypto *c, const struct ike_suite *s, const uint8_t *shared, size_t shared_len,
               struct ike_iov ni, struct ike_iov nr, uint64_t spi_i, uint64_t spi_r, const uint8_t *old_d,
               enum algo_id old_prf, struct ike_keys *out)
{
    uint8_t seed_key[IKE_HASH_MAX], nonces[512], spis[16], all[sizeof *out];
    size_t p = ike_hash_len(s->prf), e = ike_cipher_key_len(s->encr, s->encr_bits);
    size_t a = algo_get(s->encr)->is_aead ? 0 : ike_hash_len(s->integ);
    bool ok = ni.n + nr.n <= sizeof nonces;
    if (!ok)
        return false;
    memcpy(nonces, ni.p, ni.n);
    memcpy(nonces + ni.n, nr.p, nr.n);
    const struct ike_iov g = {shared, shared_len}, both = {nonces, ni.n + nr.n};
    if (old_d)
        ok = ike_prf(c, old_prf, old_d, ike_hash_len(old_prf), (struct ike_iov[]){g, both}, 2, seed_key);
    else
        ok = ike_prf(c, s->prf, nonces, both.n, &g, 1, seed_key);
    for (unsigned i = 0; i < 8; i++) {
        spis[i] = (uint8_t)(spi_i >> (56 - 8 * i));
        spis[8 + i] = (uint8_t)(spi_r >> (56 - 8 * i));
    }
    /* SKEYSEED has the length of the PRF that made it: the old SA's in a rekey */
    ok = ok && ike_prf_plus(c, s->prf, seed_key, ike_hash_len(old_d ? old_prf : s->prf),
                            (struct ike_iov[]){both, {spis, 16}}, 2, all, 3 * p + 2 * a + 2 * e);
    const uint8_t *at = all;
    const struct {
        uint8_t *to;
        size_t n;
    } parts[] = {{out->d, p}, {out->ai, a}, {out->ar, a}, {out->ei, e}, {out->er, e}, {out->pi, p}, {out->pr, p}};
    for (unsigned i = 0; i < 7; i++) {
        memcpy(parts[i].to, at, parts[i].n);
        at += parts[i].n;
    }
    ike_wipe(all, sizeof all);
    ike_wipe(seed_key, sizeof seed_key);
    return ok;
}
