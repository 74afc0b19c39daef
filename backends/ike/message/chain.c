/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Header and chain of payloads, RFC 7296 §3.1 and §3.2, RFC 2408 §3.1 and §3.2. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/message/message.h"

/*
 *                      1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |                       IKE SA Initiator's SPI                  |
 * |                       IKE SA Responder's SPI                  |
 * |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
 * |                          Message ID                           |
 * |                            Length                             |
 */
bool ike_header_read(struct rd *r, struct ike_header *h)
{
    size_t total = r->n;
    h->spi_i = rd_u64(r);
    h->spi_r = rd_u64(r);
    h->next = rd_u8(r);
    h->version = rd_u8(r);
    h->exchange = rd_u8(r);
    h->flags = rd_u8(r);
    h->id = rd_u32(r);
    h->length = rd_u32(r);
    if (h->length != total)
        r->bad = true;
    return !r->bad;
}

void ike_header_write(struct wr *w, const struct ike_header *h)
{
    wr_u64(w, h->spi_i);
    wr_u64(w, h->spi_r);
    wr_u8(w, h->next);
    wr_u8(w, h->version);
    wr_u8(w, h->exchange);
    wr_u8(w, h->flags);
    wr_u32(w, h->id);
    wr_u32(w, 0);
}

void ike_header_finish(struct wr *w, size_t at)
{
    wr_patch32(w, at + 24, (uint32_t)(w->n - at));
}

/* | Next Payload  |C|  RESERVED   |         Payload Length        | */
bool ike_chain_read(struct rd *r, uint8_t first, struct ike_message *m, uint8_t *inner)
{
    uint8_t type = first;
    *inner = PL_NONE;
    while (type != PL_NONE) {
        uint8_t next = rd_u8(r), flags = rd_u8(r);
        uint16_t len = rd_u16(r);
        if (len < 4 || m->n == IKE_PAYLOADS_MAX)
            r->bad = true;
        const uint8_t *body = r->bad ? NULL : rd_bytes(r, len - 4u);
        if (r->bad)
            return false;
        m->v[m->n++] = (struct ike_payload){type, (flags & 0x80) != 0, body, (uint16_t)(len - 4u)};
        if (type == PL2_SK || type == PL2_SKF) {
            *inner = next; /* it is the last one, its `next` is that of what is inside */
            return r->n == 0;
        }
        type = next;
    }
    return true;
}

const struct ike_payload *ike_find(const struct ike_message *m, uint8_t type, unsigned from)
{
    for (unsigned i = from; i < m->n; i++)
        if (m->v[i].type == type)
            return &m->v[i];
    return NULL;
}

struct ike_message *ike_message_keep(const struct ike_message *m)
{
    size_t total = m->whole ? m->whole_len : 0;
    for (unsigned i = 0; i < m->n; i++)
        total += m->v[i].n;
    struct ike_message *k = malloc(sizeof *k + total);
    if (!k)
        return NULL;
    uint8_t *at = (uint8_t *)(k + 1);
    *k = *m;
    for (unsigned i = 0; i < k->n; i++) {
        if (k->v[i].n)
            memcpy(at, k->v[i].p, k->v[i].n);
        k->v[i].p = at;
        at += k->v[i].n;
    }
    if (k->whole) {
        memcpy(at, k->whole, k->whole_len);
        k->whole = at;
    }
    return k;
}

unsigned ike_count(const struct ike_message *m, uint8_t type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->n; i++)
        n += m->v[i].type == type;
    return n;
}

size_t ike_pl_begin(struct ike_chain *c, uint8_t type)
{
    wr_patch8(c->w, c->next_at, type);
    c->next_at = c->w->n;
    wr_zero(c->w, 4);
    return c->next_at;
}

void ike_pl_end(struct ike_chain *c, size_t at)
{
    wr_patch16(c->w, at + 2, c->w->n - at);
}

void ike_pl_bytes(struct ike_chain *c, uint8_t type, const void *p, size_t n)
{
    size_t at = ike_pl_begin(c, type);
    wr_bytes(c->w, p, n);
    ike_pl_end(c, at);
}
