/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys, hashes and encryption of IKEv1, RFC 2409 §5 and appendix B. */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

size_t v1_block(const struct ike_sa *sa)
{
    return algo_get(sa->suite.encr)->block / 8u;
}

bool v1_hash(struct ike *ike, const struct ike_sa *sa, const struct ike_iov *v, unsigned n, uint8_t *out)
{
    return ike_prf(ike->crypto, sa->suite.prf, sa->v1->a, ike_hash_len(sa->suite.prf), v, n, out);
}

bool v1_digest(struct ike *ike, const uint8_t *p, size_t n, uint8_t out[static 32])
{
    return ike_hash(ike->crypto, ALGO_INTEG_SHA256, &(struct ike_iov){p, n}, 1, out);
}

bool v1_heard_digest(struct ike *ike, bool by_place, const struct ike_end *local, const struct ike_end *remote,
                     struct ike_iov whole, uint8_t out[static 32])
{
    if (by_place)
        return ike_heard_digest(ike, local, remote, whole, out);
    return v1_digest(ike, whole.p, whole.n, out);
}

bool v1_encrypt(struct ike *ike, const struct ike_sa *sa, struct wr *w, uint8_t iv[static 16])
{
    size_t block = v1_block(sa), n = w->n - IKE_HEADER_LEN;
#ifdef IOSCC_FUZZ
    ike_fuzz_plain(w->p + IKE_HEADER_LEN, &n, n);
    w->n = n + IKE_HEADER_LEN;
#endif
    if (n % block)
        wr_zero(w, block - n % block);
    if (w->bad)
        return false;
    n = w->n - IKE_HEADER_LEN;
    w->p[19] |= IKE1_ENCRYPTED;
    ike_header_finish(w, 0);
    uint8_t *p = w->p + IKE_HEADER_LEN;
    if (!ike_cbc(ike->crypto, sa->suite.encr, sa->suite.encr_bits, sa->v1->key, iv, p, n, p, true))
        return false;
    memcpy(iv, p + n - block, block);
    return true;
}

size_t v1_decrypt(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n, uint8_t iv[static 16])
{
    size_t block = v1_block(sa), len = n - IKE_HEADER_LEN;
    const uint8_t *text = p + IKE_HEADER_LEN;
    if (len == 0 || len % block || len > sizeof ike->plain ||
        !ike_cbc(ike->crypto, sa->suite.encr, sa->suite.encr_bits, sa->v1->key, iv, text, len, ike->plain, false))
        return 0;
    memcpy(iv, text + len - block, block);
    return len;
}

/* RFC 2408 §3.2: next payload, reserved (0), length. */
bool v1_may_be_ours(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n, const uint8_t iv[static 16])
{
    uint8_t first[16];
    size_t block = v1_block(sa), len = n - IKE_HEADER_LEN;
    if (len < block || len % block ||
        !ike_cbc(ike->crypto, sa->suite.encr, sa->suite.encr_bits, sa->v1->key, iv, p + IKE_HEADER_LEN, block, first,
                 false))
        return false;
    size_t payload = (size_t)first[2] << 8 | first[3];
    return first[1] == 0 && payload >= 4 && payload <= len;
}

bool v1_iv(struct ike *ike, const struct ike_sa *sa, uint32_t mid, uint8_t iv[static 16])
{
    uint8_t h[IKE_HASH_MAX] = {0}, m[4];
    struct wr w = wr_to(m, 4);
    wr_u32(&w, mid);
    bool ok = ike_hash(ike->crypto, sa->suite.prf, (struct ike_iov[]){{sa->v1->iv, v1_block(sa)}, {m, 4}}, 2, h);
    memcpy(iv, h, 16);
    return ok;
}

/* ---- message ids ---- */

static uint32_t *mid_slot(const struct v1_mids *m, uint32_t mid)
{
    uint32_t at = mid & (m->cap - 1); /* who sends them chooses them at random, or harms itself */
    while (m->v[at] && m->v[at] != mid)
        at = (at + 1) & (m->cap - 1);
    return &m->v[at];
}

static bool mids_grow(struct v1_mids *m)
{
    struct v1_mids more = {.cap = m->cap ? 2 * m->cap : 16};
    more.v = calloc(more.cap, sizeof *more.v);
    if (!more.v)
        return false;
    for (uint32_t i = 0; i < m->cap; i++)
        if (m->v[i])
            *mid_slot(&more, m->v[i]) = m->v[i];
    more.n = m->n;
    free(m->v);
    *m = more;
    return true;
}

/* A peer that wants more ids than any use has in an SA's life gets a new ISAKMP SA. */
#define MIDS_MAX (1u << 20)

bool v1_mid_take(struct ike_sa *sa, uint32_t mid)
{
    struct v1_mids *m = &sa->v1->mids;
    if (m->n * 2 >= m->cap && (m->n >= MIDS_MAX || !mids_grow(m)))
        return false;
    uint32_t *slot = mid_slot(m, mid);
    if (*slot)
        return false;
    *slot = mid;
    m->n++;
    return true;
}

bool v1_info_mid_take(struct ike_sa *sa, uint32_t mid)
{
    struct ike1 *v = sa->v1;
    for (unsigned i = 0; i < V1_INFO_MIDS; i++)
        if (v->info_mids[i] == mid)
            return false;
    v->info_mids[v->info_at++ % V1_INFO_MIDS] = mid;
    return true;
}

/* Appendix B: SKEYID_e, or if it is too short, prf(SKEYID_e, 0) | prf(SKEYID_e, K1) | … */
static bool cipher_key(struct ike *ike, struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    size_t need = ike_cipher_key_len(sa->suite.encr, sa->suite.encr_bits), have = ike_hash_len(sa->suite.prf);
    uint8_t k[IKE_HASH_MAX] = {0};
    if (need <= have) {
        memcpy(v->key, v->e, need);
        return true;
    }
    for (size_t done = 0; done < need; done += have) {
        size_t take = need - done < have ? need - done : have;
        if (!ike_prf(ike->crypto, sa->suite.prf, v->e, have, &(struct ike_iov){k, done ? have : 1}, 1, k))
            return false;
        memcpy(v->key + done, k, take);
    }
    ike_wipe(k, sizeof k);
    return true;
}

/* SKEYID of a pre-shared key. */
static bool skeyid_of(struct ike *ike, struct ike_sa *sa, const struct ike_key_owner *owner)
{
    struct ike1 *v = sa->v1;
    const struct ike_psk *k = ike_psk_choose(ike->policy, owner);
    const struct ike_key_work w = {.verb = KEYS_SKEYID,
                                   .owner = *owner,
                                   .prf = sa->suite.prf,
                                   .v = {{v->ni, v->ni_len}, {v->nr, v->nr_len}},
                                   .n = 2};
    struct ike_key_result r;
    bool ok = k && ike_keys_ask(ike, k, &w, &r) && r.n == ike_hash_len(sa->suite.prf);
    if (ok) {
        memcpy(v->skeyid, r.out, r.n);
        v->key_id = k->id;
    }
    ike_wipe(r.out, sizeof r.out);
    return ok;
}

bool v1_keys(struct ike *ike, struct ike_sa *sa, const uint8_t *shared, const struct ike_key_owner *psk)
{
    struct ike1 *v = sa->v1;
    enum algo_id prf = sa->suite.prf;
    size_t len = ike_hash_len(prf), ke = ike_dh_len(sa->suite.dh);
    uint8_t cookies[16], h[IKE_HASH_MAX];
    static const uint8_t numbers[3] = {0, 1, 2};
    struct wr w = wr_to(cookies, 16);
    wr_u64(&w, sa->spi_i);
    wr_u64(&w, sa->spi_r);
    const struct ike_iov g = {shared, ike_dh_shared_len(sa->suite.dh)}, c = {cookies, 16};
    uint8_t nonces[2 * NONCE1_MAX];
    memcpy(nonces, v->ni, v->ni_len);
    memcpy(nonces + v->ni_len, v->nr, v->nr_len);
    size_t both = (size_t)v->ni_len + v->nr_len;
    v->key_id = 0;
    bool ok =
        (psk ? skeyid_of(ike, sa, psk) : ike_prf(ike->crypto, prf, nonces, both, &g, 1, v->skeyid)) &&
        ike_prf(ike->crypto, prf, v->skeyid, len, (struct ike_iov[]){g, c, {&numbers[0], 1}}, 3, v->d) &&
        ike_prf(ike->crypto, prf, v->skeyid, len, (struct ike_iov[]){{v->d, len}, g, c, {&numbers[1], 1}}, 4, v->a) &&
        ike_prf(ike->crypto, prf, v->skeyid, len, (struct ike_iov[]){{v->a, len}, g, c, {&numbers[2], 1}}, 4, v->e) &&
        cipher_key(ike, sa) && ike_hash(ike->crypto, prf, (struct ike_iov[]){{v->ke_i, ke}, {v->ke_r, ke}}, 2, h);
    if (ok)
        memcpy(v->iv, h, 16);
    return ok;
}
