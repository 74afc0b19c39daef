/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/kinds.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static unsigned bytes_of(uint8_t family)
{
    return family == FAMILY_V6 ? 16 : 4;
}

/* ---- addresses ---- */

void kinds_ends(const struct addr_bits *bits, uint8_t family, struct address *lo, struct address *hi)
{
    const unsigned n = bytes_of(family);
    *lo = *hi = (struct address){{0}};
    for (unsigned i = 0; i < n; i++) {
        lo->b[i] = bits->value[i];
        hi->b[i] = (uint8_t)(bits->value[i] | ~bits->care[i]);
    }
}

bool kinds_step(struct address *a, uint8_t family)
{
    for (unsigned i = bytes_of(family); i-- > 0;)
        if (++a->b[i])
            return true;
    return false;
}

static bool bit_of(const uint8_t *b, unsigned bit)
{
    return b[bit / 8] & 0x80 >> bit % 8;
}

static void set_bit(uint8_t *b, unsigned bit, bool on)
{
    const uint8_t mask = (uint8_t)(0x80 >> bit % 8);
    b[bit / 8] = (uint8_t)(on ? b[bit / 8] | mask : b[bit / 8] & ~mask);
}

/* The first bit that must be otherwise than it is; `width`: none. */
static unsigned first_misfit(const struct addr_bits *bits, const struct address *a, unsigned width)
{
    unsigned bit = 0;
    while (bit < width && (!bit_of(bits->care, bit) || bit_of(bits->value, bit) == bit_of(a->b, bit)))
        bit++;
    return bit;
}

bool kinds_first_from(const struct addr_bits *bits, uint8_t family, const struct address *from, struct address *out)
{
    const unsigned width = bytes_of(family) * 8;
    unsigned bit = first_misfit(bits, from, width);
    *out = *from;
    if (bit == width)
        return true;
    if (!bit_of(bits->value, bit)) { /* it is 1 and must be 0: a free bit before it has to become 1 */
        while (bit > 0 && (bit_of(bits->care, bit - 1) || bit_of(from->b, bit - 1)))
            bit--;
        if (bit == 0)
            return false;
        bit--;
    }
    set_bit(out->b, bit, true);
    for (unsigned i = bit + 1; i < width; i++)
        set_bit(out->b, i, bit_of(bits->care, i) && bit_of(bits->value, i));
    return true;
}

/* ---- cuts ---- */

static void add_cut(struct cuts *c, const struct address *at, unsigned marks, int32_t by)
{
    if (c->n == c->room) {
        uint32_t room = c->room ? 2 * c->room : 16;
        struct cut *v = arena_array(c->arena, room, sizeof *v);
        if (c->n)
            memcpy(v, c->v, c->n * sizeof *v);
        c->v = v;
        c->room = room;
    }
    struct cut *cut = &c->v[c->n++];
    cut->at = *at;
    cut->marks[0] = marks & CUT_FIRST ? by : 0;
    cut->marks[1] = marks & CUT_SECOND ? by : 0;
}

void cuts_add(struct cuts *c, uint8_t family, const struct address *lo, const struct address *hi, unsigned marks)
{
    struct address behind = *hi;
    add_cut(c, lo, marks, 1);
    if (kinds_step(&behind, family))
        add_cut(c, &behind, marks, -1);
}

void cuts_add_bits(struct cuts *c, uint8_t family, const struct addr_bits *bits, unsigned marks)
{
    struct address lo, hi;
    kinds_ends(bits, family, &lo, &hi);
    cuts_add(c, family, &lo, &hi, marks);
}

static int by_address(const void *a, const void *b)
{
    return memcmp(&((const struct cut *)a)->at, &((const struct cut *)b)->at, sizeof(struct address));
}

static bool is_before(const struct address *a, const struct address *b)
{
    return memcmp(a, b, sizeof *a) < 0;
}

/* From `at` to before the next cut, or the end of it all. */
static void add_piece(struct pieces *p, const struct addr_bits *within, uint8_t family, const struct address *at,
                      const struct address *last, const int32_t marks[2])
{
    struct piece piece = {.last = *last, .marks = {marks[0], marks[1]}};
    if (!kinds_first_from(within, family, at, &piece.first) || is_before(last, &piece.first))
        return; /* it is in a hole of the wildcard */
    p->v[p->n++] = piece;
}

static struct address before(const struct address *a, uint8_t family)
{
    struct address x = *a;
    for (unsigned i = bytes_of(family); i-- > 0;)
        if (x.b[i]--)
            break;
    return x;
}

struct pieces cuts_pieces(struct cuts *c, const struct addr_bits *within, uint8_t family)
{
    struct address at, end;
    int32_t marks[2] = {0, 0};
    struct pieces p = {.v = arena_array(c->arena, c->n + 1, sizeof *p.v)};
    kinds_ends(within, family, &at, &end);
    if (c->n)
        qsort(c->v, c->n, sizeof *c->v, by_address);
    for (uint32_t i = 0; i < c->n && !is_before(&end, &c->v[i].at); i++) {
        const struct cut *cut = &c->v[i];
        if (is_before(&at, &cut->at)) {
            const struct address last = before(&cut->at, family);
            add_piece(&p, within, family, &at, &last, marks);
            at = cut->at;
        }
        marks[0] += cut->marks[0];
        marks[1] += cut->marks[1];
    }
    add_piece(&p, within, family, &at, &end, marks);
    return p;
}

/* ---- ports ---- */

#define PORTS_MAX 65536u

static void add_kind(struct arena *arena, struct port_kinds *k, struct port_kind kind)
{
    if (k->n == k->room) {
        uint32_t room = k->room ? 2 * k->room : 8;
        struct port_kind *v = arena_array(arena, room, sizeof *v);
        if (k->n)
            memcpy(v, k->v, k->n * sizeof *v);
        k->v = v;
        k->room = room;
    }
    k->v[k->n++] = kind;
}

static bool is_of(const struct box *b, uint8_t proto)
{
    return b->proto == PROTO_ANY || b->proto == proto;
}

/* The next port at which a range begins or has ended, of those that are about the protocol; PORTS_MAX: none. */
static uint32_t next_cut(const struct boxes *boxes, uint8_t proto, bool is_destination, uint32_t from)
{
    uint32_t next = PORTS_MAX;
    for (uint32_t i = 0; i < boxes->n; i++) {
        const struct box *b = &boxes->v[i];
        const struct port_range r = is_destination ? b->dport : b->sport;
        const uint32_t ends[] = {r.lo, r.hi + 1u};
        for (unsigned k = 0; is_of(b, proto) && k < 2; k++)
            if (ends[k] > from && ends[k] < next)
                next = ends[k];
    }
    return next;
}

static void add_ports(struct arena *arena, struct port_kinds *k, const struct box *within, const struct boxes *boxes,
                      const struct port_kind *like)
{
    for (uint32_t s = within->sport.lo, after; s <= within->sport.hi; s = after) {
        after = next_cut(boxes, like->proto, false, s);
        for (uint32_t d = within->dport.lo, next; d <= within->dport.hi; d = next) {
            struct port_kind kind = *like;
            next = next_cut(boxes, like->proto, true, d);
            kind.sport = (struct port_range){(uint16_t)s,
                                             (uint16_t)(after - 1 < within->sport.hi ? after - 1 : within->sport.hi)};
            kind.dport =
                (struct port_range){(uint16_t)d, (uint16_t)(next - 1 < within->dport.hi ? next - 1 : within->dport.hi)};
            add_kind(arena, k, kind);
        }
    }
}

static bool is_named(const struct boxes *boxes, uint8_t proto)
{
    for (uint32_t i = 0; i < boxes->n; i++)
        if (boxes->v[i].proto == proto)
            return true;
    return false;
}

/* One that the kernel can be asked for comes before the others. */
static uint8_t not_named(const struct boxes *boxes, uint8_t family)
{
    const uint8_t first[] = {IPPROTO_TCP, IPPROTO_UDP, family == FAMILY_V6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP};
    unsigned proto = 0;
    for (size_t i = 0; i < sizeof first; i++)
        if (!is_named(boxes, first[i]))
            return first[i];
    while (proto < 255 && is_named(boxes, (uint8_t)proto))
        proto++;
    return (uint8_t)proto;
}

struct port_kinds kinds_of_ports(struct arena *arena, const struct box *within, const struct boxes *boxes)
{
    struct port_kinds k = {0};
    struct port_kind one = {.proto = (uint8_t)within->proto};
    if (within->proto != PROTO_ANY) {
        add_ports(arena, &k, within, boxes, &one);
        return k;
    }
    for (unsigned proto = 0; proto < 256; proto++) {
        one.proto = (uint8_t)proto;
        if (is_named(boxes, one.proto))
            add_ports(arena, &k, within, boxes, &one);
    }
    one = (struct port_kind){.proto = not_named(boxes, within->family), .is_rest = true};
    add_ports(arena, &k, within, boxes, &one);
    return k;
}

struct box kinds_box(const struct port_kind *k, uint8_t family)
{
    return (struct box){
        .family = family, .proto = k->is_rest ? PROTO_ANY : k->proto, .sport = k->sport, .dport = k->dport};
}

/* ---- ranges as networks ---- */

/* The longest host part that a network which begins there may have, and does not go beyond `last`. */
static unsigned free_bits(uint8_t family, const struct address *at, const struct address *last)
{
    const unsigned width = bytes_of(family) * 8;
    struct address end = *at;
    unsigned n = 0;
    while (n < width && !bit_of(at->b, width - 1 - n)) {
        set_bit(end.b, width - 1 - n, true);
        if (is_before(last, &end))
            return n;
        n++;
    }
    return n;
}

unsigned kinds_networks(uint8_t family, const struct address *first, const struct address *last, struct addr_bits *out)
{
    const unsigned width = bytes_of(family) * 8;
    struct address at = *first;
    unsigned n = 0;
    while (n < KINDS_NETWORKS && !is_before(last, &at)) {
        const unsigned free = free_bits(family, &at, last);
        out[n++] = addr_bits_of(family, at.b, width - free);
        for (unsigned bit = width - free; bit < width; bit++)
            set_bit(at.b, bit, true);
        if (!kinds_step(&at, family))
            break;
    }
    return n;
}
