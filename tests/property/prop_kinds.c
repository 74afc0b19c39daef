/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pieces of random networks, cut by random ranges (backends/apply/kinds.h): each address that fits is in exactly one
 * piece, a piece's first address fits, and all addresses of a piece are in the same ranges. The same of ports. The seed
 * is printed; IOSCC_SEED repeats a run.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/apply/kinds.h"

#define RANGES 6
#define PROBES 64

static uint64_t rng;
static uint32_t next(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 11) % n;
}

static int failures;
static void fail(const char *what)
{
    printf("%s\n", what);
    failures++;
}

static uint8_t family;
static unsigned width(void)
{
    return family == FAMILY_V6 ? 16 : 4;
}

/* Few bits differ, so that ranges meet. */
static struct address some_address(void)
{
    struct address a = {.b = {10}};
    a.b[width() - 2] = (uint8_t)next(3);
    a.b[width() - 1] = (uint8_t)next(256);
    return a;
}

/* A prefix, or a wildcard with holes. */
static struct addr_bits some_bits(void)
{
    struct addr_bits b = {{0}, {0}};
    const struct address a = some_address();
    unsigned plen = width() * 8 - next(14);
    for (unsigned bit = 0; bit < plen; bit++)
        b.care[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    if (next(3) == 0)
        b.care[width() - 1] = (uint8_t)next(256);
    for (unsigned i = 0; i < width(); i++)
        b.value[i] = a.b[i] & b.care[i];
    return b;
}

static bool fits(const struct addr_bits *b, const struct address *a)
{
    for (unsigned i = 0; i < width(); i++)
        if ((a->b[i] & b->care[i]) != b->value[i])
            return false;
    return true;
}

static bool is_between(const struct address *lo, const struct address *a, const struct address *hi)
{
    return memcmp(lo, a, sizeof *a) <= 0 && memcmp(a, hi, sizeof *a) <= 0;
}

struct range {
    struct address lo, hi;
    unsigned marks;
};

static int marked(const struct range *r, const struct address *a, unsigned mark)
{
    int n = 0;
    for (unsigned i = 0; i < RANGES; i++)
        n += (r[i].marks & mark) && is_between(&r[i].lo, a, &r[i].hi);
    return n;
}

static unsigned ranges_of(const struct range *r, const struct address *a)
{
    unsigned in = 0;
    for (unsigned i = 0; i < RANGES; i++)
        if (is_between(&r[i].lo, a, &r[i].hi))
            in |= 1u << i;
    return in;
}

static void check_address(const struct pieces *p, const struct range *r, const struct address *a)
{
    const struct piece *in = NULL;
    for (uint32_t i = 0; i < p->n; i++) {
        if (!is_between(&p->v[i].first, a, &p->v[i].last))
            continue;
        if (in)
            fail("an address is in two pieces");
        in = &p->v[i];
    }
    if (!in)
        fail("an address is in no piece");
    else if (ranges_of(r, a) != ranges_of(r, &in->first))
        fail("a piece is in a range with one address and not with another");
    else if (in->marks[0] != marked(r, a, CUT_FIRST) || in->marks[1] != marked(r, a, CUT_SECOND))
        fail("marks are counted wrong");
}

static void addresses(struct arena *ar)
{
    struct range r[RANGES];
    struct cuts c = {.arena = ar};
    const struct addr_bits within = some_bits();
    for (unsigned i = 0; i < RANGES; i++) {
        const struct addr_bits b = some_bits();
        kinds_ends(&b, family, &r[i].lo, &r[i].hi);
        r[i].marks = next(4);
        cuts_add(&c, family, &r[i].lo, &r[i].hi, r[i].marks);
    }
    const struct pieces p = cuts_pieces(&c, &within, family);
    for (uint32_t i = 0; i < p.n; i++)
        if (!fits(&within, &p.v[i].first))
            fail("the first address of a piece does not fit");
    for (unsigned k = 0; k < PROBES; k++) {
        struct address a = some_address(), up;
        if (kinds_first_from(&within, family, &a, &up)) {
            if (!fits(&within, &up) || memcmp(&up, &a, sizeof a) < 0)
                fail("the next address that fits does not, or is before");
            check_address(&p, r, &up);
        }
        if (fits(&within, &a) && memcmp(&a, &up, sizeof a) != 0)
            fail("an address that fits is not its own next one");
    }
}

/* A range is the networks that it is made of, and each address is in one of them. */
static void networks(void)
{
    static struct addr_bits v[KINDS_NETWORKS];
    struct address lo = some_address(), hi = some_address();
    if (memcmp(&lo, &hi, sizeof lo) > 0) {
        const struct address x = lo;
        lo = hi;
        hi = x;
    }
    const unsigned n = kinds_networks(family, &lo, &hi, v);
    for (unsigned k = 0; k < PROBES; k++) {
        const struct address a = some_address();
        int in = 0;
        for (unsigned i = 0; i < n; i++)
            in += fits(&v[i], &a);
        if (in != is_between(&lo, &a, &hi))
            fail("a range and its networks are not the same");
    }
}

static struct port_range some_ports(void)
{
    uint16_t lo = (uint16_t)next(8), hi = (uint16_t)(lo + next(4));
    return next(3) ? (struct port_range){lo, hi} : (struct port_range){0, 65535};
}

static struct box some_box(void)
{
    static const uint16_t protocols[] = {PROTO_ANY, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_GRE};
    struct box b = {.family = FAMILY_V4, .proto = protocols[next(4)], .sport = {0, 65535}, .dport = {0, 65535}};
    if (b.proto == IPPROTO_TCP || b.proto == IPPROTO_UDP) {
        b.sport = some_ports();
        b.dport = some_ports();
    }
    return b;
}

static uint64_t boxes_of(const struct boxes *v, const struct packet *p)
{
    uint64_t in = 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (box_contains(&v->v[i], p))
            in |= UINT64_C(1) << i;
    return in;
}

/* Each packet of the box has one of its kind among those that are named. */
static void ports(struct arena *ar)
{
    struct boxes said = {0};
    const struct box within = some_box();
    for (unsigned i = 0; i < RANGES; i++) {
        const struct box b = some_box();
        boxes_add(ar, &said, &b);
    }
    const struct port_kinds k = kinds_of_ports(ar, &within, &said);
    for (unsigned n = 0; n < PROBES; n++) {
        struct packet p = {
            .family = FAMILY_V4, .proto = (uint8_t)next(50), .sport = (uint16_t)next(16), .dport = (uint16_t)next(16)};
        bool is_found = !box_contains(&within, &p);
        const uint64_t in = boxes_of(&said, &p);
        for (uint32_t i = 0; i < k.n && !is_found; i++) {
            const struct packet like = {
                .family = FAMILY_V4, .proto = k.v[i].proto, .sport = k.v[i].sport.lo, .dport = k.v[i].dport.lo};
            const struct box all = kinds_box(&k.v[i], FAMILY_V4);
            is_found = box_contains(&within, &like) && boxes_of(&said, &like) == in && box_contains(&all, &p);
        }
        if (!is_found)
            fail("a packet has none of its kind");
    }
}

int main(void)
{
    const char *given = getenv("IOSCC_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %" PRIu64 "\n", seed);
    rng = seed | 1;
    for (int round = 0, rounds = getenv("IOSCC_QUICK") ? 2000 : 20000; round < rounds && !failures; round++) {
        struct arena ar;
        if (!arena_init(&ar, SIZE_MAX))
            return 3;
        family = next(2) ? FAMILY_V6 : FAMILY_V4;
        addresses(&ar);
        ports(&ar);
        networks();
        arena_free(&ar);
    }
    return failures != 0;
}
