/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NAT detection and stateless cookies. */
#include "backends/ike/engine/engine.h"

static size_t addr_len(const struct ip_addr *a)
{
    return a->family == FAMILY_V6 ? 16 : 4;
}

bool ike_nat_hash(struct ike *ike, enum algo_id hash, uint64_t spi_i, uint64_t spi_r, const struct ike_end *e,
                  uint8_t *out)
{
    uint8_t b[16 + 16 + 2];
    struct wr w = wr_to(b, sizeof b);
    wr_u64(&w, spi_i);
    wr_u64(&w, spi_r);
    wr_bytes(&w, e->addr.b, addr_len(&e->addr));
    wr_u16(&w, e->port);
    return ike_hash(ike->crypto, hash, &(struct ike_iov){b, w.n}, 1, out);
}

void ike_float(struct ike_sa *sa)
{
    sa->floated = true;
    if (sa->local.port != IKE_PORT_NATT)
        sa->local.port = sa->remote.port = IKE_PORT_NATT;
}

/* The secret changes every minute; the one before is good for another. */
#define SECRET_MS 60000

static void turn(struct ike *ike)
{
    if (ike->cookie_turned_at && ike->now - ike->cookie_turned_at < SECRET_MS)
        return;
    memcpy(ike->cookie_secret[1], ike->cookie_secret[0], sizeof ike->cookie_secret[0]);
    ike->host.random(ike->host.ctx, ike->cookie_secret[0], sizeof ike->cookie_secret[0]);
    ike->cookie_turned_at = ike->now;
}

static bool cookie_of(struct ike *ike, unsigned which, uint64_t spi_i, const struct ip_addr *from, struct ike_iov nonce,
                      uint8_t out[static 64])
{
    uint8_t b[8 + 16];
    struct wr w = wr_to(b, sizeof b);
    wr_u64(&w, spi_i);
    wr_bytes(&w, from->b, addr_len(from));
    return ike_prf(ike->crypto, ALGO_INTEG_SHA256, ike->cookie_secret[which], 32, (struct ike_iov[]){nonce, {b, w.n}},
                   2, out);
}

size_t ike_cookie_make(struct ike *ike, uint64_t spi_i, const struct ip_addr *from, struct ike_iov nonce,
                       uint8_t out[static 64])
{
    turn(ike);
    return cookie_of(ike, 0, spi_i, from, nonce, out) ? 32 : 0;
}

bool ike_cookie_good(struct ike *ike, uint64_t spi_i, const struct ip_addr *from, struct ike_iov nonce,
                     const uint8_t *p, size_t n)
{
    uint8_t want[64];
    turn(ike);
    for (unsigned i = 0; n == 32 && i < 2; i++)
        if (cookie_of(ike, i, spi_i, from, nonce, want) && ike_equal(want, p, 32))
            return true;
    return false;
}
