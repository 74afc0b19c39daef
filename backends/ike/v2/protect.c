/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encrypted payloads (RFC 7296 §3.14, RFC 5282) and fragments (RFC 7383). */
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

void v2_begin(struct ike *ike, struct v2_out *o)
{
    o->w = wr_to(ike->inner, sizeof ike->inner);
    o->c = (struct ike_chain){&o->w, 0};
    wr_u8(&o->w, PL_NONE);
}

/* Fragments being put together, hung on the SA: so many, and so many bytes of them, before anybody is authenticated. */
#define FRAGMENTS_MAX 64
#define WHOLE_MAX 65536

struct keys {
    const uint8_t *e, *a;
};
static struct keys keys_of(const struct ike_sa *sa, bool sending)
{
    bool i = sa->initiator == sending; /* the initiator sends with SK_ei, SK_ai */
    return i ? (struct keys){sa->keys->ei, sa->keys->ai} : (struct keys){sa->keys->er, sa->keys->ar};
}

bool v2_seal(struct ike *ike, const struct ike_sa *sa, struct wr *w, struct ike_header *h, uint8_t next,
             const uint8_t *in, size_t n, unsigned frag, unsigned total)
{
    const struct algo *a = algo_get(sa->suite.encr);
    size_t block = a->is_aead ? 4 : a->block / 8u, iv_len = ike_iv_len(sa->suite.encr);
    size_t icv = ike_icv_len(sa->suite.encr, sa->suite.integ), at = w->n, pad = block - 1 - n % block;
    struct keys k = keys_of(sa, true);
    h->next = frag ? PL2_SKF : PL2_SK;
    ike_header_write(w, h);
    size_t sk = w->n;
    wr_u8(w, next);
    wr_u8(w, 0);
    wr_u16(w, 0);
    if (frag) {
        wr_u16(w, frag);
        wr_u16(w, total);
    }
    size_t aad = w->n - at, iv_at = w->n;
    wr_zero(w, iv_len);
    size_t text = w->n;
    wr_bytes(w, in, n);
    wr_zero(w, pad);
    wr_u8(w, (unsigned)pad);
    size_t len = w->n - text;
    wr_zero(w, icv);
    wr_patch16(w, sk + 2, w->n - sk);
    ike_header_finish(w, at);
    if (w->bad)
        return false;
    ike->host.random(ike->host.ctx, w->p + iv_at, iv_len);
    if (a->is_aead) /* §2.1 of RFC 5282: header and everything up to the IV is authenticated */
        return ike_gcm(ike->crypto, sa->suite.encr_bits, k.e, w->p + iv_at, w->p + at, aad, w->p + text, len,
                       w->p + text, w->p + text + len, true);
    uint8_t mac[IKE_HASH_MAX];
    if (!ike_cbc(ike->crypto, sa->suite.encr, sa->suite.encr_bits, k.e, w->p + iv_at, w->p + text, len, w->p + text,
                 true) ||
        !ike_prf(ike->crypto, sa->suite.integ, k.a, ike_hash_len(sa->suite.integ),
                 &(struct ike_iov){w->p + at, text + len - at}, 1, mac))
        return false;
    memcpy(w->p + text + len, mac, icv);
    return true;
}

/* Kept messages: each with its length before it, so that fragments are sent again one by one. */
bool v2_keep(uint8_t **kept, uint32_t *kept_len, const uint8_t *p, size_t n)
{
    uint8_t *b = malloc(n + 2);
    free(*kept);
    *kept = b;
    *kept_len = 0;
    if (!b || n > 0xffff)
        return false;
    b[0] = (uint8_t)(n >> 8);
    b[1] = (uint8_t)n;
    memcpy(b + 2, p, n);
    *kept_len = (uint32_t)n + 2;
    return true;
}

void v2_resend(struct ike *ike, struct ike_sa *sa, const uint8_t *kept, uint32_t n)
{
    struct rd r = rd_of(kept, n);
    while (r.n) {
        uint16_t len = rd_u16(&r);
        const uint8_t *p = rd_bytes(&r, len);
        if (!p)
            return;
        ike_send_raw(ike, sa, p, len);
    }
}

static void resend_to(struct ike *ike, struct ike_sa *sa, const struct ike_ends *to, const uint8_t *kept, uint32_t n)
{
    const struct ike_ends were = ike_ends_swap(sa, *to);
    v2_resend(ike, sa, kept, n);
    sa->local = were.local;
    sa->remote = were.remote;
}

void v2_resend_elsewhere(struct ike *ike, struct ike_sa *sa, const uint8_t *kept, uint32_t n)
{
    struct ike_ends v[IKE_PLACES + 1];
    bool is_asked = !ike_is(sa, IKE_BEGINS) && ike_asks_elsewhere(sa, sa->request_tries);
    unsigned places = is_asked ? ike_other_places(sa, v) : 0;
    for (unsigned i = 0; i < places; i++)
        resend_to(ike, sa, &v[i], kept, n);
    sa->is_asked_elsewhere |= places != 0;
}

static size_t chunk_of(const struct ike *ike, const struct ike_sa *sa)
{
    size_t mtu = ike->policy->fragment_mtu             ? ike->policy->fragment_mtu
                 : sa->remote.addr.family == FAMILY_V6 ? 1280
                                                       : 576;
    /* IP, UDP, marker, header, SKF header, IV, padding, ICV */
    size_t overhead = (sa->remote.addr.family == FAMILY_V6 ? 40u : 20u) + 8 + 4 + IKE_HEADER_LEN + 8 +
                      ike_iv_len(sa->suite.encr) + 16 + ike_icv_len(sa->suite.encr, sa->suite.integ);
    return mtu > overhead + 64 ? mtu - overhead : 64;
}

static bool send(struct ike *ike, struct ike_sa *sa, struct ike_header h, struct v2_out *o, uint8_t **kept,
                 uint32_t *kept_len)
{
    if (o->w.bad || o->w.n < 1)
        return false;
#ifdef IOSCC_FUZZ
    ike_fuzz_plain(ike->inner, &o->w.n, sizeof ike->inner);
    o->w.n += o->w.n == 0;
#endif
    const uint8_t *in = ike->inner + 1;
    size_t n = o->w.n - 1, chunk = chunk_of(ike, sa);
    unsigned total = 1;
    struct wr w = wr_to(ike->out, sizeof ike->out);
    if (sa->fragments && n > chunk + 128)
        total = (unsigned)((n + chunk - 1) / chunk);
    for (unsigned i = 0; i < total; i++) {
        size_t from = i * chunk, len = total == 1 ? n : n - from < chunk ? n - from : chunk, at = w.n;
        wr_u16(&w, 0);
        /* only the first fragment names the first payload (RFC 7383 §2.5) */
        if (!v2_seal(ike, sa, &w, &h, i ? PL_NONE : ike->inner[0], in + from, len, total > 1 ? i + 1 : 0, total))
            return false;
        wr_patch16(&w, at, w.n - at - 2);
    }
    uint8_t *b = w.bad ? NULL : malloc(w.n);
    if (!b)
        return false;
    memcpy(b, w.p, w.n);
    free(*kept);
    *kept = b;
    *kept_len = (uint32_t)w.n;
    bool is_answer = h.flags & IKE2_RESPONSE;
    if (is_answer && sa->asked_from.remote.port)
        resend_to(ike, sa, &sa->asked_from, b, *kept_len);
    else
        v2_resend(ike, sa, b, *kept_len);
    if (!is_answer)
        sa->is_asked_elsewhere = false;
    return true;
}

static struct ike_header header_of(const struct ike_sa *sa, uint8_t exchange, uint32_t id, bool response)
{
    uint8_t flags = (uint8_t)((sa->initiator ? IKE2_INITIATOR : 0) | (response ? IKE2_RESPONSE : 0));
    return (struct ike_header){sa->spi_i, sa->spi_r, 0, 0x20, exchange, flags, id, 0};
}

bool v2_request(struct ike *ike, struct ike_sa *sa, uint8_t exchange, struct v2_out *o)
{
    if (!send(ike, sa, header_of(sa, exchange, sa->next_out, false), o, &sa->request, &sa->request_len))
        return false;
    sa->request_tries = 0;
    sa->retransmit_at = ike->now + ike_jitter(ike, IKE_RETRANSMIT_MS, 2);
    ike_timer_update(ike, sa);
    return true;
}

bool v2_respond(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint32_t id, struct v2_out *o)
{
    sa->response_id = id;
    sa->next_in = id + 1;
    return send(ike, sa, header_of(sa, exchange, id, true), o, &sa->response, &sa->response_len);
}

void v2_respond_notify(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint32_t id, uint16_t type,
                       const void *data, size_t n)
{
    struct v2_out o;
    v2_begin(ike, &o);
    ike2_notify_write(&o.c, 0, NULL, 0, type, data, n);
    (void)!v2_respond(ike, sa, exchange, id, &o); /* unheard, the peer asks again */
}

/* ---- opening ---- */

/* In place of what the SA has for it: the parts of one fragmented message. */
struct parts {
    uint32_t id;
    unsigned total, have;
    size_t bytes;
    uint8_t first;
    struct {
        uint8_t *p;
        size_t n;
    } v[FRAGMENTS_MAX];
};

void v2_parts_drop(void **at)
{
    struct parts *x = *at;
    for (unsigned i = 0; x && i < FRAGMENTS_MAX; i++)
        free(x->v[i].p);
    free(x);
    *at = NULL;
}

/* Takes one decrypted fragment in ike->plain, *n bytes of it. When it was the last one missing the whole is there. */
static enum v2_opened assemble(struct ike *ike, void **parts, uint32_t id, unsigned number, unsigned total,
                               uint8_t next, size_t *n, uint8_t *first)
{
    struct parts *x = *parts;
    if (number == 0 || number > total || total > FRAGMENTS_MAX)
        return V2_INCOMPLETE;
    if (x && (x->id != id || total > x->total)) { /* another message, or the same in smaller pieces (RFC 7383 §2.6) */
        v2_parts_drop(parts);
        x = NULL;
    }
    if (!x) {
        x = *parts = calloc(1, sizeof *x);
        if (!x)
            return V2_INCOMPLETE;
        x->id = id;
        x->total = total;
    }
    if (total != x->total || x->v[number - 1].p || x->bytes + *n > WHOLE_MAX)
        return V2_INCOMPLETE;
    uint8_t *copy = malloc(*n ? *n : 1);
    if (!copy)
        return V2_INCOMPLETE;
    memcpy(copy, ike->plain, *n);
    x->v[number - 1].p = copy;
    x->v[number - 1].n = *n;
    x->bytes += *n;
    if (number == 1)
        x->first = next;
    if (++x->have < total)
        return V2_INCOMPLETE;
    struct wr w = wr_to(ike->plain, sizeof ike->plain);
    for (unsigned i = 0; i < total; i++)
        wr_bytes(&w, x->v[i].p, x->v[i].n);
    *first = x->first;
    *n = w.n;
    v2_parts_drop(parts);
    return w.bad ? V2_MALFORMED : V2_WHOLE;
}

size_t v2_parts_bytes(const struct ike_sa *sa)
{
    const struct parts *q = sa->parts[0], *a = sa->parts[1];
    size_t asked = q ? q->bytes : 0;
    size_t answered = a ? a->bytes : 0;
    return asked + answered;
}

void v2_parts_free(struct ike_sa *sa)
{
    v2_parts_drop(&sa->parts[0]);
    v2_parts_drop(&sa->parts[1]);
}

/* The encrypted payload of a datagram, taken apart. */
struct sealed {
    const struct ike_payload *payload;
    unsigned number, total; /* 0: not fragmented */
    const uint8_t *iv, *text;
    size_t text_len; /* without the ICV */
    uint8_t inner;
};

static bool sealed_read(const struct ike_sa *sa, const uint8_t *p, size_t n, struct ike_message *m, struct sealed *out)
{
    struct rd r = rd_of(p, n);
    if (!ike_header_read(&r, &m->h) || !ike_chain_read(&r, m->h.next, m, &out->inner) || m->n == 0)
        return false;
    out->payload = &m->v[m->n - 1];
    bool fragment = out->payload->type == PL2_SKF;
    if (out->payload->type != PL2_SK && !fragment)
        return false;
    const struct algo *a = algo_get(sa->suite.encr);
    size_t iv_len = ike_iv_len(sa->suite.encr), icv = ike_icv_len(sa->suite.encr, sa->suite.integ);
    struct rd b = rd_of(out->payload->p, out->payload->n);
    out->number = fragment ? rd_u16(&b) : 0;
    out->total = fragment ? rd_u16(&b) : 0;
    out->iv = rd_bytes(&b, iv_len);
    if (b.bad || b.n < icv + 1 || (!a->is_aead && (b.n - icv) % (a->block / 8u)))
        return false;
    out->text = b.p;
    out->text_len = b.n - icv;
    return true;
}

/* Checks first, then decrypts into ike->plain. */
static bool authentic(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, const struct sealed *x)
{
    struct keys k = keys_of(sa, false);
    size_t icv = ike_icv_len(sa->suite.encr, sa->suite.integ);
    uint8_t mac[IKE_HASH_MAX];
    memcpy(mac, x->text + x->text_len, icv);
    if (algo_get(sa->suite.encr)->is_aead)
        return ike_gcm(ike->crypto, sa->suite.encr_bits, k.e, x->iv, p, (size_t)(x->iv - p), x->text, x->text_len,
                       ike->plain, mac, false);
    const struct ike_iov signed_part = {p, (size_t)(x->text + x->text_len - p)};
    return ike_prf(ike->crypto, sa->suite.integ, k.a, ike_hash_len(sa->suite.integ), &signed_part, 1, mac) &&
           ike_equal(mac, x->text + x->text_len, icv) &&
           ike_cbc(ike->crypto, sa->suite.encr, sa->suite.encr_bits, k.e, x->iv, x->text, x->text_len, ike->plain,
                   false);
}

enum v2_opened v2_open(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, bool again, uint8_t *first,
                       size_t *len)
{
    struct ike_message m = {0};
    struct sealed x = {0};
    *first = PL_NONE;
    *len = 0;
    if (!sealed_read(sa, p, n, &m, &x) || !authentic(ike, sa, p, &x))
        return V2_NOT_AUTHENTIC;
    size_t pad = ike->plain[x.text_len - 1];
    if (pad + 1 > x.text_len)
        return V2_MALFORMED;
    *len = x.text_len - pad - 1;
    bool response = m.h.flags & IKE2_RESPONSE;
    if (x.total && again) /* nothing is put together of what was answered already */
        return V2_INCOMPLETE;
    if (x.total)
        return assemble(ike, &sa->parts[response], m.h.id, x.number, x.total, x.inner, len, first);
    *first = x.inner;
    return V2_WHOLE;
}
