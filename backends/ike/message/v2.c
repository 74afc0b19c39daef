/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Payloads of IKEv2, RFC 7296 §3.3 to §3.13. */
#include "backends/ike/message/message.h"

/* ---- security association, §3.3 ---- */

#define ATTR_KEY_LENGTH 14

static bool transform_read(struct rd *r, struct ike2_transform *t, bool *last)
{
    uint8_t more = rd_u8(r);
    rd_u8(r);
    uint16_t len = rd_u16(r);
    if (len < 8 || (more != 0 && more != 3))
        r->bad = true;
    struct rd b = r->bad ? (struct rd){.bad = true} : rd_sub(r, len - 4u);
    *t = (struct ike2_transform){.type = rd_u8(&b)};
    rd_u8(&b);
    t->id = rd_u16(&b);
    while (!b.bad && b.n) {
        uint16_t type = rd_u16(&b), value = rd_u16(&b);
        if (type == (0x8000 | ATTR_KEY_LENGTH)) {
            t->bits = value;
            continue;
        }
        t->unknown = true;
        if (!(type & 0x8000))
            rd_bytes(&b, value);
    }
    r->bad |= b.bad;
    *last = more == 0;
    return !r->bad;
}

bool ike2_proposal_read(struct rd *r, struct ike2_proposal *p)
{
    if (r->bad || r->n == 0)
        return false;
    uint8_t more = rd_u8(r);
    rd_u8(r);
    uint16_t len = rd_u16(r);
    if (len < 8 || (more != 0 && more != 2))
        r->bad = true;
    struct rd b = r->bad ? (struct rd){.bad = true} : rd_sub(r, len - 4u);
    *p = (struct ike2_proposal){.number = rd_u8(&b)};
    p->protocol = rd_u8(&b);
    p->spi_len = rd_u8(&b);
    unsigned n = rd_u8(&b);
    const uint8_t *spi = rd_bytes(&b, p->spi_len);
    if (p->spi_len > sizeof p->spi || n > IKE2_TRANSFORMS_MAX)
        b.bad = true;
    if (!b.bad && p->spi_len)
        memcpy(p->spi, spi, p->spi_len);
    for (unsigned i = 0; i < n && !b.bad; i++) {
        bool last;
        if (!transform_read(&b, &p->v[p->n++], &last) || last != (i + 1 == n))
            b.bad = true;
    }
    r->bad |= b.bad || b.n != 0 || (more == 0 && r->n != 0) || (more == 2 && r->n == 0);
    return !r->bad;
}

void ike2_proposal_write(struct wr *w, const struct ike2_proposal *p, bool last)
{
    size_t at = w->n;
    wr_u8(w, last ? 0 : 2);
    wr_u8(w, 0);
    wr_u16(w, 0);
    wr_u8(w, p->number);
    wr_u8(w, p->protocol);
    wr_u8(w, p->spi_len);
    wr_u8(w, p->n);
    wr_bytes(w, p->spi, p->spi_len);
    for (unsigned i = 0; i < p->n; i++) {
        const struct ike2_transform *t = &p->v[i];
        wr_u8(w, i + 1 < p->n ? 3 : 0);
        wr_u8(w, 0);
        wr_u16(w, t->bits ? 12 : 8);
        wr_u8(w, t->type);
        wr_u8(w, 0);
        wr_u16(w, t->id);
        if (t->bits) {
            wr_u16(w, 0x8000 | ATTR_KEY_LENGTH);
            wr_u16(w, t->bits);
        }
    }
    wr_patch16(w, at + 2, w->n - at);
}

/* ---- notify, §3.10; delete, §3.11 ---- */

bool ike2_notify_read(const struct ike_payload *pl, struct ike_notify *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    *out = (struct ike_notify){.protocol = rd_u8(&r)};
    out->spi_len = rd_u8(&r);
    out->type = rd_u16(&r);
    out->spi = rd_bytes(&r, out->spi_len);
    out->data = r.p;
    out->n = r.n;
    return !r.bad;
}

void ike2_notify_write(struct ike_chain *c, uint8_t protocol, const void *spi, size_t spi_len, uint16_t type,
                       const void *data, size_t n)
{
    size_t at = ike_pl_begin(c, PL2_NOTIFY);
    wr_u8(c->w, protocol);
    wr_u8(c->w, (unsigned)spi_len);
    wr_u16(c->w, type);
    wr_bytes(c->w, spi, spi_len);
    wr_bytes(c->w, data, n);
    ike_pl_end(c, at);
}

bool ike2_notify_find(const struct ike_message *m, uint16_t type, struct ike_notify *out)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].type == PL2_NOTIFY && ike2_notify_read(&m->v[i], out) && out->type == type)
            return true;
    return false;
}

bool ike2_delete_read(const struct ike_payload *pl, struct ike_delete *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    *out = (struct ike_delete){.protocol = rd_u8(&r)};
    out->spi_len = rd_u8(&r);
    out->n = rd_u16(&r);
    out->spis = rd_bytes(&r, (size_t)out->spi_len * out->n);
    return !r.bad && r.n == 0 && (out->protocol == IKE_PROTO_IKE ? out->spi_len == 0 : out->spi_len == 4);
}

void ike2_delete_write(struct ike_chain *c, uint8_t protocol, const uint32_t *spis, unsigned n)
{
    size_t at = ike_pl_begin(c, PL2_DELETE);
    wr_u8(c->w, protocol);
    wr_u8(c->w, protocol == IKE_PROTO_IKE ? 0 : 4);
    wr_u16(c->w, n);
    for (unsigned i = 0; i < n; i++)
        wr_u32(c->w, spis[i]);
    ike_pl_end(c, at);
}

/* ---- key exchange, §3.4; identification, §3.5 ---- */

bool ike2_ke_read(const struct ike_payload *pl, uint16_t *group, const uint8_t **p, size_t *n)
{
    struct rd r = rd_of(pl->p, pl->n);
    *group = rd_u16(&r);
    rd_u16(&r);
    *p = r.p;
    *n = r.n;
    return !r.bad && r.n > 0;
}

void ike2_ke_write(struct ike_chain *c, uint16_t group, const void *p, size_t n)
{
    size_t at = ike_pl_begin(c, PL2_KE);
    wr_u16(c->w, group);
    wr_u16(c->w, 0);
    wr_bytes(c->w, p, n);
    ike_pl_end(c, at);
}

bool ike_id_read(const struct ike_payload *pl, struct ike_id *out)
{
    struct rd r = rd_of(pl->p, pl->n);
    out->type = rd_u8(&r);
    rd_bytes(&r, 3);
    out->p = r.p;
    out->n = (uint16_t)r.n;
    bool is_address = (out->type != IKE_ID_IPV4 || r.n == 4) && (out->type != IKE_ID_IPV6 || r.n == 16);
    return !r.bad && is_address; /* RFC 7296 §3.5, RFC 2407 §4.6.2: of that length and no other */
}

void ike2_id_write(struct ike_chain *c, uint8_t payload, const struct ike_id *id)
{
    size_t at = ike_pl_begin(c, payload);
    wr_u32(c->w, (uint32_t)id->type << 24);
    wr_bytes(c->w, id->p, id->n);
    ike_pl_end(c, at);
}

/* ---- traffic selectors, §3.13 ---- */

enum { TS_IPV4_ADDR_RANGE = 7, TS_IPV6_ADDR_RANGE = 8 };

static bool one_ts(struct rd *r, struct ike_ts *out, bool *known)
{
    uint8_t type = rd_u8(r);
    *out = (struct ike_ts){.proto = rd_u8(r)};
    uint16_t len = rd_u16(r);
    if (len < 4)
        r->bad = true;
    struct rd b = r->bad ? (struct rd){.bad = true} : rd_sub(r, len - 4u);
    *known = type == TS_IPV4_ADDR_RANGE || type == TS_IPV6_ADDR_RANGE;
    if (!*known)
        return !b.bad;
    size_t size = type == TS_IPV4_ADDR_RANGE ? 4 : 16;
    out->family = out->lo.family = out->hi.family = size == 4 ? FAMILY_V4 : FAMILY_V6;
    out->port_lo = rd_u16(&b);
    out->port_hi = rd_u16(&b);
    const uint8_t *lo = rd_bytes(&b, size), *hi = rd_bytes(&b, size);
    if (!b.bad && b.n == 0) {
        memcpy(out->lo.b, lo, size);
        memcpy(out->hi.b, hi, size);
    }
    r->bad |= b.bad || b.n != 0;
    return !r->bad;
}

bool ike2_ts_read(const struct ike_payload *pl, struct ike_ts *out, unsigned *n)
{
    struct rd r = rd_of(pl->p, pl->n);
    unsigned count = rd_u8(&r);
    rd_bytes(&r, 3);
    *n = 0;
    for (unsigned i = 0; i < count && !r.bad; i++) {
        struct ike_ts t;
        bool known;
        if (!one_ts(&r, &t, &known))
            return false;
        /* opaque ports (65535 to 0) are legal, an empty address range is not */
        if (known && memcmp(t.lo.b, t.hi.b, 16) <= 0 && *n < IKE_TS_MAX)
            out[(*n)++] = t;
    }
    return !r.bad && r.n == 0 && count > 0;
}

void ike2_ts_write(struct ike_chain *c, uint8_t type, const struct ike_ts *v, unsigned n)
{
    size_t at = ike_pl_begin(c, type);
    wr_u8(c->w, n);
    wr_zero(c->w, 3);
    for (unsigned i = 0; i < n; i++) {
        size_t size = v[i].family == FAMILY_V6 ? 16 : 4;
        wr_u8(c->w, size == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
        wr_u8(c->w, v[i].proto);
        wr_u16(c->w, (unsigned)(8 + 2 * size));
        wr_u16(c->w, v[i].port_lo);
        wr_u16(c->w, v[i].port_hi);
        wr_bytes(c->w, v[i].lo.b, size);
        wr_bytes(c->w, v[i].hi.b, size);
    }
    ike_pl_end(c, at);
}

/* ---- what may stand where: RFC 7296 appendix C ---- */

static const struct {
    uint8_t exchange;
    bool response;
    uint8_t payload, min, max;
} law[] = {
    {X2_SA_INIT, false, PL2_SA, 1, 1},
    {X2_SA_INIT, false, PL2_KE, 1, 1},
    {X2_SA_INIT, false, PL2_NONCE, 1, 1},
    {X2_SA_INIT, true, PL2_SA, 1, 1},
    {X2_SA_INIT, true, PL2_KE, 1, 1},
    {X2_SA_INIT, true, PL2_NONCE, 1, 1},
    {X2_SA_INIT, true, PL2_CERTREQ, 0, 8},
    {X2_AUTH, false, PL2_IDI, 1, 1},
    {X2_AUTH, false, PL2_IDR, 0, 1},
    {X2_AUTH, false, PL2_AUTH, 1, 1},
    {X2_AUTH, false, PL2_CERT, 0, 8},
    {X2_AUTH, false, PL2_CERTREQ, 0, 8},
    {X2_AUTH, false, PL2_CP, 0, 1},
    {X2_AUTH, false, PL2_SA, 0, 1},
    {X2_AUTH, false, PL2_TSI, 0, 1},
    {X2_AUTH, false, PL2_TSR, 0, 1},
    {X2_AUTH, true, PL2_IDR, 1, 1},
    {X2_AUTH, true, PL2_AUTH, 1, 1},
    {X2_AUTH, true, PL2_CERT, 0, 8},
    {X2_AUTH, true, PL2_CP, 0, 1},
    {X2_AUTH, true, PL2_SA, 0, 1},
    {X2_AUTH, true, PL2_TSI, 0, 1},
    {X2_AUTH, true, PL2_TSR, 0, 1},
    {X2_CREATE_CHILD, false, PL2_SA, 1, 1},
    {X2_CREATE_CHILD, false, PL2_NONCE, 1, 1},
    {X2_CREATE_CHILD, false, PL2_KE, 0, 1},
    {X2_CREATE_CHILD, false, PL2_TSI, 0, 1},
    {X2_CREATE_CHILD, false, PL2_TSR, 0, 1},
    {X2_CREATE_CHILD, true, PL2_SA, 1, 1},
    {X2_CREATE_CHILD, true, PL2_NONCE, 1, 1},
    {X2_CREATE_CHILD, true, PL2_KE, 0, 1},
    {X2_CREATE_CHILD, true, PL2_TSI, 0, 1},
    {X2_CREATE_CHILD, true, PL2_TSR, 0, 1},
    {X2_INFORMATIONAL, false, PL2_DELETE, 0, 8},
    {X2_INFORMATIONAL, false, PL2_CP, 0, 1},
    {X2_INFORMATIONAL, true, PL2_DELETE, 0, 8},
    {X2_INFORMATIONAL, true, PL2_CP, 0, 1},
};

void ike2_payloads(uint8_t exchange, bool response, uint64_t *needs, uint64_t *may)
{
    *needs = *may = 0;
    for (size_t k = 0; k < sizeof law / sizeof *law; k++)
        if (law[k].exchange == exchange && law[k].response == response)
            *(law[k].min ? needs : may) |= (uint64_t)1 << law[k].payload;
}

static bool carries_error(const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_notify n;
        if (m->v[i].type == PL2_NOTIFY && ike2_notify_read(&m->v[i], &n) && n.type < 16384)
            return true;
    }
    return false;
}

const char *ike2_check(const struct ike_message *m)
{
    bool response = m->h.flags & IKE2_RESPONSE;
    /* a cookie request stands alone as well (§2.6) */
    struct ike_notify n;
    bool may_lack = (response && carries_error(m)) ||
                    (response && m->h.exchange == X2_SA_INIT && ike2_notify_find(m, N2_COOKIE, &n));
    for (unsigned i = 0; i < m->n; i++) {
        uint8_t t = m->v[i].type;
        bool legal = t == PL2_NOTIFY || t == PL2_VENDOR || t > PL2_SKF || t < PL2_SA;
        for (size_t k = 0; k < sizeof law / sizeof *law && !legal; k++)
            legal = law[k].exchange == m->h.exchange && law[k].response == response && law[k].payload == t;
        if (!legal)
            return "a payload that does not belong there";
    }
    for (size_t k = 0; k < sizeof law / sizeof *law; k++) {
        if (law[k].exchange != m->h.exchange || law[k].response != response)
            continue;
        unsigned have = ike_count(m, law[k].payload);
        if (have > law[k].max)
            return "a payload that stands there too often";
        if (have < law[k].min && !may_lack)
            return "a payload is missing";
    }
    return NULL;
}
