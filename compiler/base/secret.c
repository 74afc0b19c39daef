/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static int digit(char c)
{
    c = str_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool type7(struct str k, char *out, size_t *len)
{
    static const char xlat[] = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";
    size_t n = 0;
    if (k.len < 4 || k.len % 2 || digit(k.p[0]) < 0 || digit(k.p[0]) > 9 || digit(k.p[1]) < 0 || digit(k.p[1]) > 9)
        return false;
    unsigned at = (unsigned)(digit(k.p[0]) * 10 + digit(k.p[1]));
    for (uint32_t i = 2; i + 1 < k.len && n < SECRET_CLEAR_MAX; i += 2) {
        int hi = digit(k.p[i]), lo = digit(k.p[i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[n] = (char)((unsigned)(hi * 16 + lo) ^ (unsigned char)xlat[(at + n) % (sizeof xlat - 1)]);
        n++;
    }
    *len = n;
    return true;
}

/* Three letters from 'A' on are two bytes; the last group says how many bytes it really holds. */
static bool base41(struct str k, unsigned char *out, size_t max, size_t *len)
{
    size_t n = 0;
    if (k.len == 0 || k.len % 3 || k.len / 3 * 2 > max)
        return false;
    for (uint32_t i = 0; i < k.len; i += 3) {
        unsigned v = 0;
        for (uint32_t j = i; j < i + 3; j++) {
            if (k.p[j] < 'A' || k.p[j] > 'i')
                return false;
            v = v * 41 + (unsigned)(k.p[j] - 'A');
        }
        if (v > 0xffff)
            return false;
        out[n++] = (unsigned char)(v >> 8);
        out[n++] = (unsigned char)(v & 0xff);
    }
    *len = n - (out[n - 1] ? 2 : 1);
    return true;
}

/* One block of AES-128. */
static bool block(const unsigned char key[16], const unsigned char in[16], unsigned char out[16])
{
    int n = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL) && EVP_CIPHER_CTX_set_padding(c, 0) &&
              EVP_EncryptUpdate(c, out, &n, in, 16) && n == 16;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

struct type6_keys {
    unsigned char master[EVP_MAX_MD_SIZE], mac[16], text[16];
};

static bool derive(struct type6_keys *k, struct str master, const unsigned char salt[8])
{
    unsigned char in[16] = {0};
    if (!EVP_Digest(master.p, master.len, k->master, NULL, EVP_md5(), NULL))
        return false;
    memcpy(in, salt, 8);
    if (!block(k->master, in, k->mac))
        return false;
    in[15] = 1;
    return block(k->master, in, k->text);
}

static bool type6(struct str k, struct str master, char *out, size_t *len)
{
    unsigned char raw[SECRET_CLEAR_MAX + 16], md[EVP_MAX_MD_SIZE], stream[16];
    struct type6_keys keys;
    size_t n = 0;
    unsigned md_len = 0;
    if (master.len == 0 || !base41(k, raw, sizeof raw, &n) || n <= 12)
        return false;
    const unsigned char *text = raw + 8;
    n -= 12;
    bool ok = derive(&keys, master, raw) && HMAC(EVP_sha1(), keys.mac, 16, text, n, md, &md_len) &&
              memcmp(md, text + n, 4) == 0;
    for (size_t i = 0; i < n && ok; i++) {
        unsigned char counter[16] = {0};
        counter[3] = (unsigned char)(i / 16);
        if (i % 16 == 0)
            ok = block(keys.text, counter, stream);
        out[i] = (char)(text[i] ^ stream[i % 16]);
    }
    *len = n;
    explicit_bzero(&keys, sizeof keys);
    explicit_bzero(stream, sizeof stream);
    return ok;
}

bool secret_clear(const struct secret *s, struct str master, char out[static SECRET_CLEAR_MAX], size_t *len)
{
    struct str k = secret_reveal(s);
    *len = 0;
    if (s->form == SECRET_TYPE7)
        return type7(k, out, len);
    if (s->form == SECRET_TYPE6)
        return type6(k, master, out, len);
    if (s->form != SECRET_PLAIN || k.len > SECRET_CLEAR_MAX)
        return false;
    memcpy(out, k.p, k.len);
    *len = k.len;
    return true;
}
