/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments of IKEv1, as the router has them (`crypto isakmp fragmentation`; no RFC, [MS-IKEE] 2.2.13 writes it down):
 * a payload of type 132 with an identifier, a number from 1 on and a mark on the last, alone behind a header of its
 * own. They are not authentic by themselves; the message they make is checked as any other. So pieces of several
 * messages are kept, each with room of its own, and for one place several pieces: a forger's do not take the place of
 * the peer's. What can be put together of them is tried, so many times at most: the first, the middle, the last of each
 * place, then any. They stay while the peer is not
 * authenticated: what is whole may have been heard as somebody's copy.
 */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define FRAGMENTS_MAX 64
#define FRAGMENT_HEAD 8 /* generic header, identifier, number, flags */
#define WHOLE_MAX 16384 /* bytes: certificates of a long chain fit in */
#define PIECE_MAX 9216  /* bytes: a jumbo frame's; nobody needs fragments that are larger than his link takes */
#define KEPT_MAX 20480  /* bytes of all pieces of one message */
#define KEPT_MS 60000   /* ... so long behind the last one that is new */
#define MESSAGES_MAX 4  /* by identifier */
#define VARIANTS_MAX 3  /* of one place */
#define TRIES_MAX 32    /* for one piece that has come */
#define TRIES_AT_RANDOM 16
#define STEPS_MAX 1024 /* ... and pieces that are looked at for it */
/* Bytes that are put together for one SA in a second, and decrypted. Most messages are small; large ones, of which a
 * forger makes more with less, take nothing away from those. */
#define SMALL_MAX 4096
#define SMALL_PER_SECOND (256 * SMALL_MAX)
#define LARGE_PER_SECOND (16 * WHOLE_MAX)
#define LAST 1
#define IP_UDP 48 /* of IPv6; IPv4 has less */

struct piece {
    uint8_t *p;
    uint64_t came; /* the how manieth of the SA's pieces, the last time */
    uint16_t n;
    bool is_last;
};
struct place {
    struct piece v[VARIANTS_MAX];
    uint8_t n;
};
struct in_pieces {
    uint16_t id;
    bool is_used, is_disputed; /* a place has several pieces */
    uint64_t at;               /* ms: its last new piece */
    size_t kept;               /* bytes */
    struct place places[FRAGMENTS_MAX];
};
struct v1_fragments {
    struct in_pieces messages[MESSAGES_MAX];
    uint64_t came;       /* pieces, ever */
    uint64_t second;     /* that these are of */
    size_t small, large; /* bytes that were put together in it */
};

static void forget(struct in_pieces *m)
{
    for (unsigned i = 0; i < FRAGMENTS_MAX; i++)
        for (unsigned k = 0; k < m->places[i].n; k++)
            free(m->places[i].v[k].p);
    *m = (struct in_pieces){0};
}

void v1_fragments_free(struct v1_fragments *f)
{
    for (unsigned i = 0; f && i < MESSAGES_MAX; i++)
        forget(&f->messages[i]);
    free(f);
}

static unsigned any_of(struct ike *ike, unsigned n)
{
    uint32_t number;
    ike->host.random(ike->host.ctx, &number, sizeof number);
    return number % n;
}

static unsigned places_of(const struct in_pieces *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < FRAGMENTS_MAX; i++)
        n += m->places[i].n != 0;
    return n;
}

static bool has_less(const struct in_pieces *a, const struct in_pieces *b)
{
    unsigned places_a = places_of(a), places_b = places_of(b);
    return places_a < places_b || (places_a == places_b && a->kept < b->kept);
}

/* One that is not there takes the place of the one that has the least: a forger's single pieces push out each other. */
static struct in_pieces *message_of(struct ike *ike, struct v1_fragments *f, uint16_t id)
{
    struct in_pieces *unused = NULL;
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        struct in_pieces *m = &f->messages[i];
        if (m->is_used && ike->now >= m->at + KEPT_MS)
            forget(m);
        if (m->is_used && m->id == id)
            return m;
        if (!m->is_used)
            unused = m;
    }
    struct in_pieces *least = &f->messages[any_of(ike, MESSAGES_MAX)];
    for (unsigned i = 0; i < MESSAGES_MAX && !unused; i++)
        if (has_less(&f->messages[i], least))
            least = &f->messages[i];
    if (!unused) {
        unused = least;
        forget(unused);
    }
    unused->is_used = true;
    unused->id = id;
    unused->at = ike->now;
    return unused;
}

static struct piece *known(struct place *at, struct ike_iov bytes, bool is_last)
{
    for (unsigned i = 0; i < at->n; i++)
        if (at->v[i].is_last == is_last && at->v[i].n == bytes.n && memcmp(at->v[i].p, bytes.p, bytes.n) == 0)
            return &at->v[i];
    return NULL;
}

static void drop(struct in_pieces *m, struct place *at, unsigned i)
{
    m->kept -= at->v[i].n;
    free(at->v[i].p);
    at->v[i] = at->v[--at->n];
}

/* Some piece of the message, whichever: who fills its room does not know which one stays. */
static void drop_any(struct ike *ike, struct in_pieces *m)
{
    unsigned from = any_of(ike, FRAGMENTS_MAX);
    for (unsigned i = 0; i < FRAGMENTS_MAX; i++) {
        struct place *at = &m->places[(from + i) % FRAGMENTS_MAX];
        if (at->n) {
            drop(m, at, any_of(ike, at->n));
            return;
        }
    }
}

/* NULL: there is no memory for it. */
static struct piece *keep(struct ike *ike, struct in_pieces *m, struct place *at, struct ike_iov bytes, bool is_last)
{
    uint8_t *copy = malloc(bytes.n);
    if (!copy)
        return NULL;
    memcpy(copy, bytes.p, bytes.n);
    if (at->n == VARIANTS_MAX)
        drop(m, at, any_of(ike, VARIANTS_MAX));
    while (m->kept && m->kept + bytes.n > KEPT_MAX)
        drop_any(ike, m);
    m->kept += bytes.n;
    m->at = ike->now;
    m->is_disputed |= at->n > 0;
    at->v[at->n] = (struct piece){.p = copy, .n = (uint16_t)bytes.n, .is_last = is_last};
    return &at->v[at->n++];
}

/* ---- what can be put together ---- */

struct puzzle {
    const struct in_pieces *m;
    const struct piece *with; /* that has come: what is without it was tried before */
    unsigned with_at;         /* its place */
    const struct piece *row[FRAGMENTS_MAX];
    struct v1_fragments *f;
    struct v1_wholes *out;
    unsigned tries, steps, turn; /* turn: which piece of a place is looked at first */
    bool is_free;                /* the few that are tried whatever others have spent */
};

static void put_together(struct puzzle *z, unsigned n)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += z->row[i]->n;
    z->tries++;
    bool is_small = len <= SMALL_MAX;
    size_t *spent = is_small ? &z->f->small : &z->f->large;
    bool is_left = *spent + len <= (is_small ? SMALL_PER_SECOND : LARGE_PER_SECOND);
    bool may_be = is_left || (is_small && z->is_free);
    uint8_t *b = may_be && len <= WHOLE_MAX ? malloc(len) : NULL;
    if (!b)
        return;
    if (is_left)
        *spent += len;
    z->out->v[z->out->n++] = (struct ike_iov){b, len};
    for (unsigned i = 0; i < n; b += z->row[i]->n, i++)
        memcpy(b, z->row[i]->p, z->row[i]->n);
}

/* A message without the new piece is none: it ends behind its place. */
static void try_places(struct puzzle *z, unsigned at)
{
    const struct place *here = &z->m->places[at];
    for (unsigned i = 0; i < here->n; i++) {
        const struct piece *p = &here->v[(i + z->turn + at * (z->turn >> 8)) % here->n];
        bool is_chosen = at != z->with_at || p == z->with;
        bool is_too_short = p->is_last && at < z->with_at;
        if (!is_chosen || is_too_short)
            continue;
        if (z->tries >= TRIES_MAX || ++z->steps > STEPS_MAX)
            return;
        z->row[at] = p;
        if (p->is_last)
            put_together(z, at + 1);
        else if (at + 1 < FRAGMENTS_MAX)
            try_places(z, at + 1);
    }
}

/* Which piece of a place: of those in the order in which they came the `rank`th, or any. */
#define RANK_ANY VARIANTS_MAX

static const struct piece *piece_of(struct ike *ike, const struct place *here, unsigned rank)
{
    const struct piece *sorted[VARIANTS_MAX];
    if (rank == RANK_ANY)
        return &here->v[any_of(ike, here->n)];
    for (unsigned i = 0; i < here->n; i++) {
        unsigned at = i;
        for (; at && sorted[at - 1]->came > here->v[i].came; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &here->v[i];
    }
    return sorted[rank < here->n ? rank : here->n - 1u];
}

static void try_row(struct ike *ike, struct puzzle *z, unsigned rank)
{
    for (unsigned at = 0; at < FRAGMENTS_MAX; at++) {
        const struct place *here = &z->m->places[at];
        if (!here->n)
            return;
        z->row[at] = at == z->with_at ? z->with : piece_of(ike, here, rank);
        if (z->row[at]->is_last && at < z->with_at)
            return;
        if (z->row[at]->is_last) {
            put_together(z, at + 1);
            return;
        }
    }
}

/* A forger's pieces are all in front, or all behind, or one on each side: the peer's are then the first, the last, or
 * the middle ones. Where they are as it comes, any. */
static void try_rows(struct ike *ike, struct puzzle *z)
{
    z->is_free = true;
    for (unsigned rank = 0; rank < VARIANTS_MAX; rank++)
        try_row(ike, z, rank);
    z->is_free = false;
    for (unsigned i = 0; i < TRIES_AT_RANDOM; i++)
        try_row(ike, z, RANK_ANY);
}

void v1_wholes_free(struct v1_wholes *w)
{
    for (unsigned i = 0; i < w->n; i++)
        free((void *)(uintptr_t)w->v[i].p);
    w->n = 0;
}

void v1_fragment(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, struct v1_wholes *out)
{
    struct rd r = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    rd_u8(&r); /* next payload: none */
    rd_u8(&r);
    unsigned length = rd_u16(&r);
    uint16_t id = (uint16_t)rd_u16(&r);
    uint8_t number = rd_u8(&r), flags = rd_u8(&r);
    size_t size = n - IKE_HEADER_LEN - FRAGMENT_HEAD;
    bool is_one = !r.bad && length == size + FRAGMENT_HEAD && size != 0 && number != 0 && number <= FRAGMENTS_MAX &&
                  size <= PIECE_MAX;
    struct v1_fragments **f = &sa->v1->fragments;
    out->n = 0;
    if (ike->policy->v1_fragmentation && is_one && !*f)
        *f = calloc(1, sizeof **f);
    if (!ike->policy->v1_fragmentation || !is_one || !*f) {
        ike->stats.dropped++;
        return;
    }
    struct in_pieces *m = message_of(ike, *f, id);
    struct place *at = &m->places[number - 1];
    const struct ike_iov bytes = {r.p, size};
    const bool is_last = flags & LAST;
    struct piece *piece = known(at, bytes, is_last);
    bool is_again = piece != NULL;
    if (!piece)
        piece = keep(ike, m, at, bytes, is_last);
    if (!piece)
        return;
    piece->came = ++(*f)->came;
    if (is_again && !is_last) /* a message that is sent again is tried again once */
        return;
    if ((*f)->second != ike->now / 1000) {
        (*f)->small = 0;
        (*f)->large = 0;
    }
    (*f)->second = ike->now / 1000;
    struct puzzle z = {.m = m, .with = piece, .with_at = number - 1u, .f = *f, .out = out, .turn = any_of(ike, 65536)};
    z.is_free = !m->is_disputed; /* there is one way */
    if (m->is_disputed)
        try_rows(ike, &z);
    try_places(&z, 0);
    if (out->n && !m->is_disputed && !ike_is(sa, IKE_BEGINS))
        forget(m);
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
