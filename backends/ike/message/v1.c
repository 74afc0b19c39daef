/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads of ISAKMP and IKEv1. */
#include "backends/ike/message/message.h"

enum { DOI_IPSEC = 1, SIT_IDENTITY_ONLY = 1 };

/* ---- attributes, RFC 2408 §3.3: type and value, or type, length and value ---- */

static uint32_t attribute(struct rd *r, uint16_t *type)
{
    *type = rd_u16(r);
    uint16_t value = rd_u16(r);
    if (*type & 0x8000) {
        *type &= 0x7fff;
        return value;
    }
    const uint8_t *p = rd_bytes(r, value);
    uint32_t v = 0;
    for (uint16_t i = 0; p && i < value; i++) {
        if (v >> 24)
            return UINT32_MAX;
        v = v << 8 | p[i];
    }
    return v;
}

static void phase1_attributes(struct rd *b, struct ike1_transform *t)
{
    uint32_t life_type = 1;
    while (!b->bad && b->n) {
        uint16_t type;
        uint32_t v = attribute(b, &type);
        uint16_t *to = type == 1    ? &t->encr
                       : type == 2  ? &t->hash
                       : type == 3  ? &t->auth
                       : type == 4  ? &t->group
                       : type == 14 ? &t->bits
                                    : NULL;
        if (to && v <= 0xffff)
            *to = (uint16_t)v;
        else if (type == 11)
            life_type = v;
        else if (type == 12)
            *(life_type == 2 ? &t->life_kb : &t->life_s) = v;
        else
            t->unknown = true;
    }
}

static void phase2_attributes(struct rd *b, struct ike1_transform *t)
{
    uint32_t life_type = 1;
    while (!b->bad && b->n) {
        uint16_t type;
        uint32_t v = attribute(b, &type);
        uint16_t *to = type == 3   ? &t->group
                       : type == 4 ? &t->encap
                       : type == 5 ? &t->auth_alg
                       : type == 6 ? &t->bits
                                   : NULL;
        if (to && v <= 0xffff)
            *to = (uint16_t)v;
        else if (type == 1)
            life_type = v;
        else if (type == 2)
            *(life_type == 2 ? &t->life_kb : &t->life_s) = v;
        else
            t->unknown = true;
    }
}

static void put(struct wr *w, uint16_t type, uint32_t v)
{
    if (v <= 0xffff) {
        wr_u16(w, 0x8000u | type);
        wr_u16(w, v);
        return;
    }
    wr_u16(w, type);
    wr_u16(w, 4);
    wr_u32(w, v);
}

/* ---- security association ---- */

bool ike1_sa_begin(struct rd *r)
{
    return rd_u32(r) == DOI_IPSEC && rd_u32(r) == SIT_IDENTITY_ONLY && !r->bad;
}

void ike1_sa_head(struct wr *w)
{
    wr_u32(w, DOI_IPSEC);
    wr_u32(w, SIT_IDENTITY_ONLY);
}

static bool transform_read(struct rd *r, struct ike1_transform *t, bool phase2, bool *last)
{
    uint8_t next = rd_u8(r);
    rd_u8(r);
    uint16_t len = rd_u16(r);
    if (len < 8 || (next != PL_NONE && next != PL1_TRANSFORM))
        r->bad = true;
    struct rd b = r->bad ? (struct rd){.bad = true} : rd_sub(r, len - 4u);
    *t = (struct ike1_transform){.number = rd_u8(&b)};
    t->id = rd_u8(&b);
    rd_u16(&b);
    if (phase2)
        phase2_attributes(&b, t);
    else
        phase1_attributes(&b, t);
    r->bad |= b.bad;
    *last = next == PL_NONE;
    return !r->bad;
}

bool ike1_proposal_read(struct rd *r, struct ike1_proposal *p, bool phase2)
{
    if (r->bad || r->n == 0)
        return false;
    uint8_t next = rd_u8(r);
    rd_u8(r);
    uint16_t len = rd_u16(r);
    if (len < 8 || (next != PL_NONE && next != PL1_PROPOSAL))
        r->bad = true;
    struct rd b = r->bad ? (struct rd){.bad = true} : rd_sub(r, len - 4u);
    *p = (struct ike1_proposal){.number = rd_u8(&b)};
    p->protocol = rd_u8(&b);
    p->spi_len = rd_u8(&b);
    unsigned n = rd_u8(&b);
    const uint8_t *spi = rd_bytes(&b, p->spi_len);
    if (p->spi_len > sizeof p->spi || n == 0)
        b.bad = true;
    if (!b.bad && p->spi_len)
        memcpy(p->spi, spi, p->spi_len);
    for (unsigned i = 0; i < n && !b.bad; i++) {
        struct ike1_transform t;
        bool last;
        if (!transform_read(&b, &t, phase2, &last) || last != (i + 1 == n))
            b.bad = true;
        else if (p->n < IKE1_TRANSFORMS_MAX) /* what comes behind so many is not chosen */
            p->v[p->n++] = t;
    }
    r->bad |= b.bad || b.n != 0 || (next == PL_NONE && r->n != 0) || (next != PL_NONE && r->n == 0);
    return !r->bad;
}

static void transform_write(struct wr *w, const struct ike1_transform *t, bool last, bool phase2)
{
    size_t at = w->n;
    wr_u8(w, last ? PL_NONE : PL1_TRANSFORM);
    wr_zero(w, 3);
    wr_u8(w, t->number);
    wr_u8(w, t->id);
    wr_u16(w, 0);
    const struct {
        uint16_t type, value;
    } one[] = {{1, t->encr}, {14, t->encr ? t->bits : 0}, {2, t->hash}, {3, t->auth}, {4, t->group}},
      two[] = {{4, t->encap}, {5, t->auth_alg}, {6, t->bits}, {3, t->group}};
    for (unsigned i = 0; !phase2 && i < 5; i++)
        if (one[i].value)
            put(w, one[i].type, one[i].value);
    for (unsigned i = 0; phase2 && i < 4; i++)
        if (two[i].value)
            put(w, two[i].type, two[i].value);
    for (unsigned k = 0; k < 2; k++) {
        uint32_t v = k ? t->life_kb : t->life_s;
        if (v) {
            put(w, phase2 ? 1 : 11, k + 1);
            put(w, phase2 ? 2 : 12, v);
        }
    }
    wr_patch16(w, at + 2, w->n - at);
}

void ike1_proposal_write(struct wr *w, const struct ike1_proposal *p, bool last, bool phase2)
{
    size_t at = w->n;
    wr_u8(w, last ? PL_NONE : PL1_PROPOSAL);
    wr_zero(w, 3);
    wr_u8(w, p->number);
    wr_u8(w, p->protocol);
    wr_u8(w, p->spi_len);
    wr_u8(w, p->n);
    wr_bytes(w, p->spi, p->spi_len);
    for (unsigned i = 0; i < p->n; i++)
        transform_write(w, &p->v[i], i + 1 == p->n, phase2);
    wr_patch16(w, at + 2, w->n - at);
}

/* ---- identification, RFC 2407 §4.6.2 ---- */

bool ike1_id_ts(const struct ike_payload *pl, struct ike_ts *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    uint8_t type = rd_u8(&r);
    *out = (struct ike_ts){.proto = rd_u8(&r)};
    uint16_t port = rd_u16(&r);
    bool v6 = type == IKE_ID_IPV6 || type == IKE_ID_IPV6_SUBNET || type == IKE_ID_IPV6_RANGE;
    size_t size = v6 ? 16 : 4;
    bool one = type == IKE_ID_IPV4 || type == IKE_ID_IPV6;
    bool subnet = type == IKE_ID_IPV4_SUBNET || type == IKE_ID_IPV6_SUBNET;
    bool range = type == IKE_ID_IPV4_RANGE || type == IKE_ID_IPV6_RANGE;
    const uint8_t *a = rd_bytes(&r, size), *b = one ? a : rd_bytes(&r, size);
    if (r.bad || r.n || !(one || subnet || range))
        return false;
    out->family = out->lo.family = out->hi.family = v6 ? FAMILY_V6 : FAMILY_V4;
    out->port_lo = port;
    out->port_hi = port ? port : 65535;
    for (size_t i = 0; i < size; i++) {
        out->lo.b[i] = subnet ? a[i] & b[i] : a[i];
        out->hi.b[i] = subnet ? (uint8_t)(a[i] | ~b[i]) : b[i];
    }
    return memcmp(out->lo.b, out->hi.b, 16) <= 0;
}

void ike1_id_ts_write(struct ike_chain *c, const struct ike_ts *t)
{
    size_t at = ike_pl_begin(c, PL1_ID), size = t->family == FAMILY_V6 ? 16 : 4;
    int plen = ike_ts_prefix(t);
    bool v6 = size == 16, one = plen == (int)size * 8;
    wr_u8(c->w, one         ? (v6 ? IKE_ID_IPV6 : IKE_ID_IPV4)
                : plen >= 0 ? (v6 ? IKE_ID_IPV6_SUBNET : IKE_ID_IPV4_SUBNET)
                            : (v6 ? IKE_ID_IPV6_RANGE : IKE_ID_IPV4_RANGE));
    wr_u8(c->w, t->proto);
    wr_u16(c->w, t->port_lo == t->port_hi ? t->port_lo : 0);
    wr_bytes(c->w, t->lo.b, size);
    for (size_t i = 0; !one && i < size; i++)
        wr_u8(c->w, plen >= 0 ? (uint8_t) ~(t->lo.b[i] ^ t->hi.b[i]) : t->hi.b[i]);
    ike_pl_end(c, at);
}

void ike1_id_write(struct ike_chain *c, const struct ike_id *id)
{
    size_t at = ike_pl_begin(c, PL1_ID);
    wr_u8(c->w, id->type);
    wr_zero(c->w, 3);
    wr_bytes(c->w, id->p, id->n);
    ike_pl_end(c, at);
}

/* ---- notification and delete, RFC 2408 §3.14 and §3.15 ---- */

bool ike1_notify_read(const struct ike_payload *pl, struct ike_notify *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    uint32_t doi = rd_u32(&r);
    *out = (struct ike_notify){.protocol = rd_u8(&r)};
    out->spi_len = rd_u8(&r);
    out->type = rd_u16(&r);
    out->spi = rd_bytes(&r, out->spi_len);
    out->data = r.p;
    out->n = r.n;
    return !r.bad && doi <= DOI_IPSEC;
}

void ike1_notify_write(struct ike_chain *c, uint8_t protocol, const void *spi, size_t spi_len, uint16_t type,
                       const void *data, size_t n)
{
    size_t at = ike_pl_begin(c, PL1_NOTIFY);
    wr_u32(c->w, DOI_IPSEC);
    wr_u8(c->w, protocol);
    wr_u8(c->w, (unsigned)spi_len);
    wr_u16(c->w, type);
    wr_bytes(c->w, spi, spi_len);
    wr_bytes(c->w, data, n);
    ike_pl_end(c, at);
}

bool ike1_delete_read(const struct ike_payload *pl, struct ike_delete *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    uint32_t doi = rd_u32(&r);
    *out = (struct ike_delete){.protocol = rd_u8(&r)};
    out->spi_len = rd_u8(&r);
    out->n = rd_u16(&r);
    out->spis = rd_bytes(&r, (size_t)out->spi_len * out->n);
    return !r.bad && r.n == 0 && doi <= DOI_IPSEC &&
           (out->protocol == IKE1_PROTO_ISAKMP ? out->spi_len == 16 : out->spi_len == 4);
}

const char *ike1_notify_name(uint16_t type)
{
    switch (type) {
    case N1_INVALID_PAYLOAD_TYPE:
        return "INVALID-PAYLOAD-TYPE";
    case N1_INVALID_COOKIE:
        return "INVALID-COOKIE";
    case N1_INVALID_SPI:
        return "INVALID-SPI";
    case N1_NO_PROPOSAL_CHOSEN:
        return "NO-PROPOSAL-CHOSEN";
    case N1_PAYLOAD_MALFORMED:
        return "PAYLOAD-MALFORMED";
    case N1_INVALID_KEY_INFORMATION:
        return "INVALID-KEY-INFORMATION";
    case N1_INVALID_ID_INFORMATION:
        return "INVALID-ID-INFORMATION";
    case N1_INVALID_HASH_INFORMATION:
        return "INVALID-HASH-INFORMATION";
    case N1_AUTHENTICATION_FAILED:
        return "AUTHENTICATION-FAILED";
    default:
        return "a notification";
    }
}
