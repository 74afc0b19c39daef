/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments of IKEv1, as the router has them (`crypto isakmp fragmentation`; no RFC, [MS-IKEE] 2.2.13 writes it down):
 * a payload of type 132 with an identifier, a number from 1 on and a mark on the last, alone behind a header of its
 * own. They are not authentic by themselves; the message they make is checked as any other.
 */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define FRAGMENTS_MAX 64
#define FRAGMENT_HEAD 8 /* generic header, identifier, number, flags */
#define WHOLE_MAX 16384 /* bytes: certificates of a long chain fit in */
#define LAST 1
#define IP_UDP 48 /* of IPv6; IPv4 has less */

struct v1_fragments {
    uint16_t id;
    uint8_t n, last; /* seen; number of the last, 0: not known yet */
    size_t length;
    struct {
        uint8_t *p;
        uint16_t n;
    } v[FRAGMENTS_MAX];
};

static void forget(struct v1_fragments *f)
{
    for (unsigned i = 0; i < FRAGMENTS_MAX; i++) {
        free(f->v[i].p);
        f->v[i].p = NULL;
    }
    f->n = f->last = 0;
    f->length = 0;
}

void v1_fragments_free(struct v1_fragments *f)
{
    if (f)
        forget(f);
    free(f);
}

/* One message at a time: pieces of another one take the place of what is there. */
static struct v1_fragments *place(struct ike_sa *sa, uint16_t id)
{
    struct ike1 *v = sa->v1;
    if (!v->fragments && !(v->fragments = calloc(1, sizeof *v->fragments)))
        return NULL;
    if (v->fragments->id != id)
        forget(v->fragments);
    v->fragments->id = id;
    return v->fragments;
}

bool v1_fragment(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, uint8_t **whole, size_t *whole_len)
{
    struct rd r = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    rd_u8(&r); /* next payload: none */
    rd_u8(&r);
    unsigned length = rd_u16(&r);
    uint16_t id = (uint16_t)rd_u16(&r);
    uint8_t number = rd_u8(&r), flags = rd_u8(&r);
    size_t size = n - IKE_HEADER_LEN - FRAGMENT_HEAD;
    struct v1_fragments *f;
    if (!ike->policy->v1_fragmentation || r.bad || length != size + FRAGMENT_HEAD || size == 0 || number == 0 ||
        number > FRAGMENTS_MAX || !(f = place(sa, id))) {
        ike->stats.dropped++;
        return false;
    }
    if (f->v[number - 1].p || f->length + size > WHOLE_MAX || (f->last && number > f->last))
        return false;
    if (!(f->v[number - 1].p = malloc(size)))
        return false;
    memcpy(f->v[number - 1].p, r.p, size);
    f->v[number - 1].n = (uint16_t)size;
    f->length += size;
    f->n++;
    if (flags & LAST)
        f->last = number;
    if (!f->last || f->n != f->last)
        return false;
    size_t at = 0;
    uint8_t *b = malloc(f->length);
    for (unsigned i = 0; i < f->last; i++) {
        if (!f->v[i].p || !b) { /* one beyond the last came before it */
            forget(f);
            free(b);
            return false;
        }
        memcpy(b + at, f->v[i].p, f->v[i].n);
        at += f->v[i].n;
    }
    forget(f);
    *whole = b;
    *whole_len = at;
    return true;
}

void v1_send(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n)
{
    const struct ike_policy *pol = ike->policy;
    size_t mtu = pol->fragment_mtu > 200 ? pol->fragment_mtu : 576,
           room = mtu - IP_UDP - IKE_HEADER_LEN - FRAGMENT_HEAD - (sa->local.port == IKE_PORT_NATT ? 4 : 0);
    if (!sa->fragments || n <= mtu - IP_UDP || n > room * FRAGMENTS_MAX) {
        ike_send_raw(ike, sa, p, n);
        return;
    }
    struct rd r = rd_of(p, n);
    struct ike_header h;
    if (!ike_header_read(&r, &h))
        return;
    uint8_t id = ++sa->v1->fragment_id, out[1600];
    unsigned number = 1;
    for (size_t at = 0; at < n; at += room, number++) {
        size_t size = n - at < room ? n - at : room;
        struct wr w = wr_to(out, sizeof out);
        /* identifier and flags of the message stay inside; peers take phase 1's exchange for all of them */
        const struct ike_header own = {
            h.spi_i, h.spi_r, PL1_FRAGMENT, 0x10, h.exchange == X1_AGGRESSIVE ? X1_AGGRESSIVE : X1_MAIN, 0, 0, 0};
        ike_header_write(&w, &own);
        wr_u8(&w, 0);
        wr_u8(&w, 0);
        wr_u16(&w, (unsigned)(size + FRAGMENT_HEAD));
        wr_u16(&w, id);
        wr_u8(&w, number);
        wr_u8(&w, at + size == n ? LAST : 0);
        wr_bytes(&w, p + at, size);
        ike_header_finish(&w, 0);
        if (!w.bad)
            ike_send_raw(ike, sa, w.p, w.n);
    }
}
