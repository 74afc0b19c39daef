/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boxes: intersection, subset, subtraction, witnesses. */
#include <netinet/in.h>
#include <stdio.h>

#include "compiler/sets/sets.h"

static bool addr_contains(const struct addr_bits *a, const uint8_t x[16])
{
    for (int i = 0; i < 16; i++)
        if ((x[i] & a->care[i]) != a->value[i])
            return false;
    return true;
}

static bool addr_intersect(const struct addr_bits *a, const struct addr_bits *b, struct addr_bits *out)
{
    for (int i = 0; i < 16; i++) {
        if ((a->value[i] ^ b->value[i]) & a->care[i] & b->care[i])
            return false;
        out->care[i] = a->care[i] | b->care[i];
        out->value[i] = a->value[i] | b->value[i];
    }
    return true;
}

static bool addr_subset(const struct addr_bits *in, const struct addr_bits *out)
{
    for (int i = 0; i < 16; i++)
        if ((out->care[i] & ~in->care[i]) || ((in->value[i] ^ out->value[i]) & out->care[i]))
            return false;
    return true;
}

static bool range_contains(struct port_range r, uint16_t x)
{
    return x >= r.lo && x <= r.hi;
}

static bool range_intersect(struct port_range a, struct port_range b, struct port_range *out)
{
    out->lo = a.lo > b.lo ? a.lo : b.lo;
    out->hi = a.hi < b.hi ? a.hi : b.hi;
    return out->lo <= out->hi;
}

static bool range_subset(struct port_range in, struct port_range out)
{
    return in.lo >= out.lo && in.hi <= out.hi;
}

bool box_contains(const struct box *b, const struct packet *p)
{
    return b->family == p->family && (b->proto == PROTO_ANY || b->proto == p->proto) &&
           range_contains(b->sport, p->sport) && range_contains(b->dport, p->dport) && addr_contains(&b->src, p->src) &&
           addr_contains(&b->dst, p->dst);
}

bool box_intersect(const struct box *a, const struct box *b, struct box *out)
{
    if (a->family != b->family || (a->proto != PROTO_ANY && b->proto != PROTO_ANY && a->proto != b->proto))
        return false;
    out->family = a->family;
    out->proto = a->proto == PROTO_ANY ? b->proto : a->proto;
    return range_intersect(a->sport, b->sport, &out->sport) && range_intersect(a->dport, b->dport, &out->dport) &&
           addr_intersect(&a->src, &b->src, &out->src) && addr_intersect(&a->dst, &b->dst, &out->dst);
}

bool box_subset(const struct box *in, const struct box *out)
{
    return in->family == out->family && (out->proto == PROTO_ANY || in->proto == out->proto) &&
           range_subset(in->sport, out->sport) && range_subset(in->dport, out->dport) &&
           addr_subset(&in->src, &out->src) && addr_subset(&in->dst, &out->dst);
}

struct addr_bits addr_bits_of(uint8_t family, const uint8_t *address, unsigned plen)
{
    const unsigned bytes = family == FAMILY_V6 ? 16 : 4;
    struct addr_bits b = {{0}, {0}};
    for (unsigned i = 0; i < bytes && plen > i * 8; i++) {
        const unsigned bits = plen - i * 8;
        b.care[i] = (uint8_t)(bits >= 8 ? 0xff : 0xff00u >> bits);
        b.value[i] = address[i] & b.care[i];
    }
    return b;
}

bool box_equal(const struct box *a, const struct box *b)
{
    return box_subset(a, b) && box_subset(b, a);
}

struct packet box_witness(const struct box *b)
{
    struct packet p = {.family = b->family,
                       .proto = (uint8_t)(b->proto == PROTO_ANY ? 6 : b->proto),
                       .sport = b->sport.lo,
                       .dport = b->dport.lo};
    memcpy(p.src, b->src.value, 16);
    memcpy(p.dst, b->dst.value, 16);
    return p;
}

struct box box_mirror(const struct box *b)
{
    struct box m = *b;
    m.src = b->dst;
    m.dst = b->src;
    if (b->proto != 1 && b->proto != 58) { /* type and code of ICMP do not change places */
        m.sport = b->dport;
        m.dport = b->sport;
    }
    return m;
}

void boxes_add(struct arena *a, struct boxes *s, const struct box *b)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap > 4 ? s->cap * 2 : s->cap ? 8 : 1; /* most lines are one box */
        struct box *v = arena_array(a, cap, sizeof *v);
        if (s->n)
            memcpy(v, s->v, s->n * sizeof *v);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = *b;
}

/* rest = a minus b, one address field: for each bit b cares about and a leaves open, the half of a that differs there.
 */
static bool cut_addr(struct arena *ar, struct box *rest, struct addr_bits *field, const struct addr_bits *b,
                     struct boxes *out, uint32_t limit)
{
    for (int i = 0; i < 16; i++)
        for (uint8_t bit = 0x80; bit; bit >>= 1) {
            if (!(b->care[i] & bit) || (field->care[i] & bit))
                continue;
            if (out->n >= limit)
                return false;
            field->care[i] |= bit;
            field->value[i] = (uint8_t)((field->value[i] & ~bit) | (~b->value[i] & bit));
            boxes_add(ar, out, rest);
            field->value[i] = (uint8_t)(field->value[i] ^ bit); /* go on with the half that agrees */
        }
    return true;
}

static bool cut_range(struct arena *ar, struct box *rest, struct port_range *field, struct port_range b,
                      struct boxes *out, uint32_t limit)
{
    struct port_range old = *field;
    if (out->n + 2 > limit)
        return false;
    if (old.lo < b.lo) {
        *field = (struct port_range){old.lo, (uint16_t)(b.lo - 1)};
        boxes_add(ar, out, rest);
    }
    if (old.hi > b.hi) {
        *field = (struct port_range){(uint16_t)(b.hi + 1), old.hi};
        boxes_add(ar, out, rest);
    }
    field->lo = old.lo > b.lo ? old.lo : b.lo;
    field->hi = old.hi < b.hi ? old.hi : b.hi;
    return true;
}

bool box_subtract(struct arena *ar, const struct box *a, const struct box *b, struct boxes *out, uint32_t limit)
{
    struct box common;
    if (out->n >= limit)
        return false;
    if (!box_intersect(a, b, &common)) {
        boxes_add(ar, out, a);
        return true;
    }
    struct box rest = *a;
    if (!cut_addr(ar, &rest, &rest.src, &b->src, out, limit) || !cut_addr(ar, &rest, &rest.dst, &b->dst, out, limit))
        return false;
    if (a->proto == PROTO_ANY && b->proto != PROTO_ANY) {
        if (out->n + 255 > limit)
            return false;
        for (uint16_t p = 0; p < 256; p++)
            if (p != b->proto) {
                rest.proto = p;
                boxes_add(ar, out, &rest);
            }
        rest.proto = b->proto;
    }
    return cut_range(ar, &rest, &rest.sport, b->sport, out, limit) &&
           cut_range(ar, &rest, &rest.dport, b->dport, out, limit);
}

int boxes_cover(struct arena *ar, const struct boxes *s, const struct box *b, uint32_t limit, struct packet *witness)
{
    struct boxes left = {0};
    boxes_add(ar, &left, b);
    for (uint32_t i = 0; i < s->n && left.n; i++) {
        struct boxes next = {0};
        for (uint32_t k = 0; k < left.n; k++)
            if (!box_subtract(ar, &left.v[k], &s->v[i], &next, limit))
                return -1;
        left = next;
    }
    if (left.n && witness)
        *witness = box_witness(&left.v[0]);
    return left.n == 0;
}

const char *packet_text(struct arena *a, const struct packet *p)
{
    struct ip_addr s = {p->family, {0}}, d = {p->family, {0}};
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], what[64] = "", all[256];
    memcpy(s.b, p->src, 16);
    memcpy(d.b, p->dst, 16);
    bool ports = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP;
    if (ports && (p->sport || p->dport))
        snprintf(what, sizeof what, " %s/%u", p->proto == IPPROTO_TCP ? "tcp" : "udp", p->dport);
    else if (p->proto && !ports)
        snprintf(what, sizeof what, " protocol %u", p->proto);
    if (ports && p->sport)
        snprintf(what + strlen(what), sizeof what - strlen(what), " from port %u", p->sport);
    snprintf(all, sizeof all, "%s → %s%s", addr_text(&s, from), addr_text(&d, to), what);
    return arena_strndup(a, all, strlen(all));
}
