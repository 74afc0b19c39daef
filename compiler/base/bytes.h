/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one reader and the one writer of wire formats. Numbers on the wire are big-endian. Errors stick: read or write a
 * whole structure, then look at `bad` once; after an error reads give zero and nothing moves.
 */
#ifndef IOSCC_BASE_BYTES_H
#define IOSCC_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
    const uint8_t *p;
    size_t n; /* bytes left */
    bool bad;
};

static inline struct rd rd_of(const void *p, size_t n)
{
    return (struct rd){p, n, false};
}

/* `len` bytes in place, NULL if there are fewer. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t len)
{
    if (r->bad || len > r->n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += len;
    r->n -= len;
    return p;
}
static inline uint8_t rd_u8(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 1);
    return p ? *p : 0;
}
static inline uint16_t rd_u16(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 2);
    unsigned v = p ? (unsigned)p[0] << 8 | p[1] : 0;
    return (uint16_t)v;
}
static inline uint32_t rd_u32(struct rd *r)
{
    const uint8_t *p = rd_bytes(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}
static inline uint64_t rd_u64(struct rd *r)
{
    uint64_t hi = rd_u32(r);
    return hi << 32 | rd_u32(r);
}
/* A child of `len` bytes that cannot leave its parent. */
static inline struct rd rd_sub(struct rd *r, size_t len)
{
    const uint8_t *p = rd_bytes(r, len);
    return p ? (struct rd){p, len, false} : (struct rd){NULL, 0, true};
}

struct wr {
    uint8_t *p;
    size_t n, cap;
    bool bad; /* it did not fit */
};

static inline struct wr wr_to(void *p, size_t cap)
{
    return (struct wr){p, 0, cap, false};
}
static inline void wr_bytes(struct wr *w, const void *p, size_t len)
{
    if (w->bad || len > w->cap - w->n) {
        w->bad = true;
        return;
    }
    if (len)
        memcpy(w->p + w->n, p, len);
    w->n += len;
}
static inline void wr_zero(struct wr *w, size_t len)
{
    if (w->bad || len > w->cap - w->n) {
        w->bad = true;
        return;
    }
    memset(w->p + w->n, 0, len);
    w->n += len;
}
static inline void wr_u8(struct wr *w, unsigned v)
{
    const uint8_t b = (uint8_t)v;
    wr_bytes(w, &b, 1);
}
static inline void wr_u16(struct wr *w, unsigned v)
{
    const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    wr_bytes(w, b, 2);
}
static inline void wr_u32(struct wr *w, uint32_t v)
{
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    wr_bytes(w, b, 4);
}
static inline void wr_u64(struct wr *w, uint64_t v)
{
    wr_u32(w, (uint32_t)(v >> 32));
    wr_u32(w, (uint32_t)v);
}
/* Two bytes at `at`, which were written before: a length, or the first byte of one. */
static inline void wr_patch16(struct wr *w, size_t at, size_t v)
{
    if (w->bad || at + 2 > w->n || v > 0xffff) {
        w->bad = true;
        return;
    }
    w->p[at] = (uint8_t)(v >> 8);
    w->p[at + 1] = (uint8_t)v;
}
static inline void wr_patch8(struct wr *w, size_t at, unsigned v)
{
    if (w->bad || at >= w->n) {
        w->bad = true;
        return;
    }
    w->p[at] = (uint8_t)v;
}
static inline void wr_patch32(struct wr *w, size_t at, uint32_t v)
{
    wr_patch16(w, at, v >> 16);
    wr_patch16(w, at + 2, v & 0xffff);
}

#endif
