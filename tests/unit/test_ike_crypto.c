/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Published vectors: RFC 2202, RFC 4231, RFC 3602, NIST's GCM test case 4; RFC 6989's refusals for every group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/ike/crypto/crypto.h"

static size_t unhex(const char *s, uint8_t *out)
{
    size_t n = 0;
    for (; s[0] && s[1]; s += 2) {
        unsigned v;
        assert_int_equal(sscanf(s, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}

static void prfs(void **state)
{
    static const struct {
        enum algo_id alg;
        const char *want;
    } rows[] = {
        {ALGO_INTEG_MD5, "750c783e6ab0b503eaa86e310a5db738"},
        {ALGO_INTEG_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {ALGO_INTEG_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {ALGO_INTEG_SHA384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c7"
                            "8b3239ecfab21649"},
        {ALGO_INTEG_SHA512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
                            "6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    };
    struct ike_crypto *c = ike_crypto_new();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t want[64], got[64];
        size_t n = unhex(rows[i].want, want);
        assert_int_equal(ike_hash_len(rows[i].alg), n);
        /* in pieces, as messages are */
        assert_true(ike_prf(c, rows[i].alg, "Jefe", 4, (struct ike_iov[]){{"what do ya ", 11}, {"want for nothing?", 17}},
                            2, got));
        assert_memory_equal(got, want, n);
    }
    /* RFC 7296 §2.13: T1 = prf(K, S | 1), T2 = prf(K, T1 | S | 2) */
    uint8_t out[80], t1[64], t2[64];
    const struct ike_iov seed = {"seed", 4};
    assert_true(ike_prf_plus(c, ALGO_INTEG_SHA256, "key", 3, &seed, 1, out, 50));
    assert_true(ike_prf(c, ALGO_INTEG_SHA256, "key", 3, (struct ike_iov[]){seed, {"\1", 1}}, 2, t1));
    assert_true(ike_prf(c, ALGO_INTEG_SHA256, "key", 3, (struct ike_iov[]){{t1, 32}, seed, {"\2", 1}}, 3, t2));
    assert_memory_equal(out, t1, 32);
    assert_memory_equal(out + 32, t2, 18);
    ike_crypto_free(c);
}

static void ciphers(void **state)
{
    struct ike_crypto *c = ike_crypto_new();
    uint8_t key[64], iv[16], text[64], want[64], got[64], aad[32], tag[16], icv[16];
    (void)state;
    unhex("06a9214036b8a15b512e03d534120006", key);
    unhex("3dafba429d9eb430b422da802c9fac41", iv);
    unhex("e353779c1079aeb82708942dbe77181a", want);
    assert_true(ike_cbc(c, ALGO_ENCR_AES_CBC, 128, key, iv, (const uint8_t *)"Single block msg", 16, got, true));
    assert_memory_equal(got, want, 16);
    assert_true(ike_cbc(c, ALGO_ENCR_AES_CBC, 128, key, iv, got, 16, got, false)); /* in place */
    assert_memory_equal(got, "Single block msg", 16);

    unhex("feffe9928665731c6d6a8f9467308308cafebabe", key); /* the salt is behind the key */
    unhex("facedbaddecaf888", iv);
    size_t na = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
    size_t n = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                     "b16aedf5aa0de657ba637b39",
                     text);
    unhex("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
          "3d58e091",
          want);
    unhex("5bc94fbc3221a5db94fae95ae7121a47", tag);
    assert_true(ike_gcm(c, 128, key, iv, aad, na, text, n, got, icv, true));
    assert_memory_equal(got, want, n);
    assert_memory_equal(icv, tag, 16);
    assert_true(ike_gcm(c, 128, key, iv, aad, na, want, n, got, tag, false));
    assert_memory_equal(got, text, n);
    tag[15] ^= 1;
    assert_false(ike_gcm(c, 128, key, iv, aad, na, want, n, got, tag, false));
    ike_crypto_free(c);
}

static void groups(void **state)
{
    (void)state;
    for (enum algo_id g = ALGO_NONE; g < ALGO_COUNT; g++) {
        if (algo_get(g)->kind != ALGO_DH || !ike_dh_len(g))
            continue;
        struct ike_dh *a = ike_dh_new(g), *b = ike_dh_new(g);
        uint8_t pa[IKE_DH_MAX], pb[IKE_DH_MAX], sa[IKE_DH_MAX], sb[IKE_DH_MAX], bad[IKE_DH_MAX];
        size_t n = ike_dh_len(g);
        assert_non_null(a);
        assert_true(ike_dh_public(a, pa) && ike_dh_public(b, pb));
        assert_true(ike_dh_shared(a, pb, n, sa) && ike_dh_shared(b, pa, n, sb));
        assert_memory_equal(sa, sb, ike_dh_shared_len(g));
        memset(bad, 0, n);
        assert_false(ike_dh_shared(a, bad, n, sb)); /* 0; the point (0, 0) */
        bad[n - 1] = 1;
        assert_false(ike_dh_shared(a, bad, n, sb)); /* 1; not on the curve */
        memset(bad, 0xff, n);
        assert_false(ike_dh_shared(a, bad, n, sb)); /* beyond the prime */
        memcpy(bad, pb, n);
        bad[n - 1] ^= 1;
        if (g == ALGO_DH_256_ECP || g == ALGO_DH_384_ECP || g == ALGO_DH_521_ECP)
            assert_false(ike_dh_shared(a, bad, n, sb)); /* beside the curve */
        assert_false(ike_dh_shared(a, pb, n - 1, sb));
        ike_dh_free(a);
        ike_dh_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prfs), cmocka_unit_test(ciphers), cmocka_unit_test(groups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
