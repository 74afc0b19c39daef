/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diffie-Hellman: MODP groups (RFC 2409, RFC 3526, RFC 5114) and curves (RFC 5903). */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/crypto/crypto.h"

struct group {
    enum algo_id id;
    const char *type, *name; /* libcrypto's; name NULL: from the prime */
    uint16_t len;            /* bytes of one coordinate, or of the prime */
    bool is_curve;
    BIGNUM *(*prime)(BIGNUM *);
    int private_bits; /* where libcrypto does not choose: twice the strength of RFC 3766 at least */
};
static const struct group groups[] = {
    {ALGO_DH_768_MODP, "DH", NULL, 96, false, BN_get_rfc2409_prime_768, 256},
    {ALGO_DH_1024_MODP, "DH", NULL, 128, false, BN_get_rfc2409_prime_1024, 256},
    {ALGO_DH_1536_MODP, "DH", "modp_1536", 192, false, NULL, 0},
    {ALGO_DH_2048_MODP, "DH", "modp_2048", 256, false, NULL, 0},
    {ALGO_DH_3072_MODP, "DH", "modp_3072", 384, false, NULL, 0},
    {ALGO_DH_4096_MODP, "DH", "modp_4096", 512, false, NULL, 0},
    {ALGO_DH_256_ECP, "EC", "P-256", 32, true, NULL, 0},
    {ALGO_DH_384_ECP, "EC", "P-384", 48, true, NULL, 0},
    {ALGO_DH_521_ECP, "EC", "P-521", 66, true, NULL, 0},
    {ALGO_DH_2048_256, "DHX", "dh_2048_256", 256, false, NULL, 0},
};

struct ike_dh {
    const struct group *g;
    EVP_PKEY *key;
    unsigned owners;
};

static const struct group *group_of(enum algo_id id)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (groups[i].id == id)
            return &groups[i];
    return NULL;
}

size_t ike_dh_len(enum algo_id group)
{
    const struct group *g = group_of(group);
    return !g ? 0 : g->is_curve ? 2u * g->len : g->len;
}

size_t ike_dh_shared_len(enum algo_id group)
{
    const struct group *g = group_of(group);
    return g ? g->len : 0;
}

/* Parameters without a key, for the groups that libcrypto has no name for. */
static EVP_PKEY *from_prime(const struct group *g)
{
    EVP_PKEY *out = NULL;
    BIGNUM *p = g->prime(NULL), *two = BN_new();
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    OSSL_PARAM *params = NULL;
    if (p && two && b && x && BN_set_word(two, 2) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_P, p) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_FFC_G, two) &&
        OSSL_PARAM_BLD_push_int(b, OSSL_PKEY_PARAM_DH_PRIV_LEN, g->private_bits) &&
        (params = OSSL_PARAM_BLD_to_param(b)) && EVP_PKEY_fromdata_init(x) > 0)
        EVP_PKEY_fromdata(x, &out, EVP_PKEY_KEY_PARAMETERS, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(x);
    BN_free(p);
    BN_free(two);
    return out;
}

static EVP_PKEY *generate(const struct group *g)
{
    EVP_PKEY *key = NULL, *params = g->name ? NULL : from_prime(g);
    EVP_PKEY_CTX *x = g->name  ? EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL)
                      : params ? EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL)
                               : NULL;
    OSSL_PARAM p[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)(g->name ? g->name : ""), 0),
        OSSL_PARAM_construct_end()};
    if (x && EVP_PKEY_keygen_init(x) > 0 && (!g->name || EVP_PKEY_CTX_set_params(x, p) > 0))
        EVP_PKEY_generate(x, &key);
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(params);
    return key;
}

struct ike_dh *ike_dh_new(enum algo_id group)
{
    const struct group *g = group_of(group);
    struct ike_dh *d = g ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return NULL;
    d->g = g;
    d->owners = 1;
    d->key = generate(g);
    if (d->key)
        return d;
    free(d);
    return NULL;
}

struct ike_dh *ike_dh_share(struct ike_dh *d)
{
    d->owners++;
    return d;
}

void ike_dh_free(struct ike_dh *d)
{
    if (!d || --d->owners)
        return;
    EVP_PKEY_free(d->key);
    free(d);
}

bool ike_dh_public(const struct ike_dh *d, uint8_t *out)
{
    uint8_t *p = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(d->key, &p), len = ike_dh_len(d->g->id);
    bool ok = n == len + d->g->is_curve; /* a curve point begins with 0x04: uncompressed */
    if (ok)
        memcpy(out, p + (n - len), len);
    OPENSSL_free(p);
    return ok;
}

/* RFC 6989 §2.1: 1 < y < p - 1. */
static bool in_range(const struct ike_dh *d, const uint8_t *peer, size_t n)
{
    BIGNUM *p = NULL, *y = BN_bin2bn(peer, (int)n, NULL);
    bool ok = y && EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_P, &p) && BN_sub_word(p, 1) &&
              BN_cmp(y, BN_value_one()) > 0 && BN_cmp(y, p) < 0;
    BN_free(p);
    BN_free(y);
    return ok;
}

bool ike_dh_shared(const struct ike_dh *d, const uint8_t *peer, size_t n, uint8_t *out)
{
    uint8_t point[1 + 2 * 66];
    size_t len = d->g->len;
    if (n != ike_dh_len(d->g->id) || (!d->g->is_curve && !in_range(d, peer, n)))
        return false;
    if (d->g->is_curve) {
        point[0] = 4;
        memcpy(point + 1, peer, n);
    }
    EVP_PKEY *other = EVP_PKEY_new();
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, d->key, NULL);
    /* Groups with a small subgroup (24) need libcrypto's full test (RFC 6989 §2.2); a point is tested as it is read. */
    int validate = d->g->id == ALGO_DH_2048_256;
    bool ok = other && x && EVP_PKEY_copy_parameters(other, d->key) > 0 &&
              EVP_PKEY_set1_encoded_public_key(other, d->g->is_curve ? point : peer, n + d->g->is_curve) > 0 &&
              EVP_PKEY_derive_init(x) > 0 && (d->g->is_curve || EVP_PKEY_CTX_set_dh_pad(x, 1) > 0) &&
              EVP_PKEY_derive_set_peer_ex(x, other, validate) > 0 && EVP_PKEY_derive(x, out, &len) > 0 &&
              len == d->g->len;
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(other);
    return ok;
}
