/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From lines of access lists to boxes. */
#include "compiler/base/ipnames.h"
#include "compiler/sets/sets.h"

/* One end of a line: address fields and port ranges; the line is the product of both ends and the protocols. */
struct addr_set {
    struct addr_bits *v, first; /* the usual one needs no memory */
    uint32_t n, cap;
};
struct range_set {
    struct port_range v[2 * ACE_PORTS_MAX + 1];
    uint32_t n;
};
#define GROUP_DEPTH 8

static void addr_add(struct arena *ar, struct addr_set *s, const struct addr_bits *a)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 4 : 1;
        struct addr_bits *v = s->cap ? arena_array(ar, cap, sizeof *v) : &s->first;
        if (s->n)
            memcpy(v, s->v, s->n * sizeof *v);
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = *a;
}

static struct addr_bits from_prefix(const struct ip_addr *a, unsigned plen)
{
    struct addr_bits r = {{0}, {0}};
    for (unsigned i = 0; i < plen; i++)
        r.care[i / 8] = (uint8_t)(r.care[i / 8] | 0x80 >> i % 8);
    for (int i = 0; i < 16; i++)
        r.value[i] = a->b[i] & r.care[i];
    return r;
}

/* A range of addresses as prefixes, IPv4. */
static void add_range(struct arena *ar, struct addr_set *s, uint32_t lo, uint32_t hi)
{
    uint64_t at = lo;
    while (at <= hi) {
        unsigned plen = 32;
        while (plen > 0 && (at & ((1ull << (33 - plen)) - 1)) == 0 && at + (1ull << (33 - plen)) - 1 <= hi)
            plen--;
        struct ip_addr a = addr_from_v4((uint32_t)at);
        struct addr_bits b = from_prefix(&a, plen);
        addr_add(ar, s, &b);
        at += 1ull << (32 - plen);
    }
}

static bool end_addresses(struct arena *ar, const struct ace_end *e, bool v6, struct addr_set *out, uint32_t limit,
                          unsigned depth)
{
    struct addr_bits b = {{0}, {0}};
    switch ((enum ace_addr_form)e->form) {
    case ACE_ANY:
        addr_add(ar, out, &b);
        return true;
    case ACE_HOST:
        b = from_prefix(&e->addr, e->addr.family == FAMILY_V4 ? 32 : 128);
        break;
    case ACE_PREFIX:
        b = from_prefix(&e->addr, e->plen);
        break;
    case ACE_WILDCARD:
        for (int i = 0; i < 4; i++) {
            b.care[i] = (uint8_t)~e->wild.b[i];
            b.value[i] = e->addr.b[i] & b.care[i];
        }
        break;
    case ACE_RANGE:
        if (e->addr.family != FAMILY_V4 || v6 || out->n + 62 > limit)
            return false;
        add_range(ar, out, addr_v4(&e->addr), addr_v4(&e->wild));
        return true;
    case ACE_HOSTNAME:
        return false;
    case ACE_GROUP: {
        const struct object_group *g = e->group;
        if (!g || g->is_service.v || depth >= GROUP_DEPTH)
            return false;
        PTRLIST_FOR (struct object_item, it, &g->items) {
            struct ace_end inner = it->end;
            if (it->is_group) {
                inner.form = ACE_GROUP;
                inner.group = it->group;
            }
            if (out->n >= limit || !end_addresses(ar, &inner, v6, out, limit, depth + 1))
                return false;
        }
        return true;
    }
    }
    if ((e->addr.family == FAMILY_V6) != v6)
        return false;
    addr_add(ar, out, &b);
    return true;
}

static void range_add(struct range_set *s, unsigned lo, unsigned hi)
{
    if (lo <= hi && s->n < sizeof s->v / sizeof *s->v)
        s->v[s->n++] = (struct port_range){(uint16_t)lo, (uint16_t)hi};
}

static void sort_ports(uint16_t *p, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        for (unsigned k = i; k > 0 && p[k] < p[k - 1]; k--) {
            uint16_t t = p[k];
            p[k] = p[k - 1];
            p[k - 1] = t;
        }
}

static struct range_set port_ranges(const struct ace_ports *p)
{
    struct range_set s = {.n = 0};
    uint16_t sorted[ACE_PORTS_MAX];
    memcpy(sorted, p->port, sizeof sorted);
    sort_ports(sorted, p->n);
    unsigned from = 0;
    switch ((enum ace_port_op)p->op) {
    case ACE_NO_PORT:
        range_add(&s, 0, 65535);
        break;
    case ACE_EQ:
        for (uint8_t i = 0; i < p->n; i++)
            if (i == 0 || sorted[i] != sorted[i - 1])
                range_add(&s, sorted[i], sorted[i]);
        break;
    case ACE_NEQ:
        for (uint8_t i = 0; i < p->n; i++) {
            if (sorted[i] > 0 && from <= sorted[i] - 1u)
                range_add(&s, from, sorted[i] - 1u);
            from = sorted[i] + 1u;
        }
        range_add(&s, from, 65535);
        break;
    case ACE_LT:
        if (p->port[0] > 0)
            range_add(&s, 0, p->port[0] - 1u);
        break;
    case ACE_GT:
        range_add(&s, p->port[0] + 1u, 65535);
        break;
    case ACE_PORT_RANGE:
        range_add(&s, p->port[0], p->port[1]);
        break;
    }
    return s;
}

struct product {
    struct arena *ar;
    struct addr_set src, dst;
    struct boxes *out;
    uint32_t limit;
    uint8_t family;
};

static bool multiply(struct product *x, unsigned proto, const struct range_set *sp, const struct range_set *dp)
{
    uint64_t total = (uint64_t)x->src.n * x->dst.n * sp->n * dp->n;
    if (x->out->n + total > x->limit)
        return false;
    struct box b = {.family = x->family, .proto = (uint16_t)proto};
    for (uint32_t i = 0; i < x->src.n; i++)
        for (uint32_t j = 0; j < x->dst.n; j++)
            for (uint32_t k = 0; k < sp->n; k++)
                for (uint32_t l = 0; l < dp->n; l++) {
                    b.src = x->src.v[i];
                    b.dst = x->dst.v[j];
                    b.sport = sp->v[k];
                    b.dport = dp->v[l];
                    boxes_add(x->ar, x->out, &b);
                }
    return true;
}

static struct range_set one(unsigned lo, unsigned hi)
{
    struct range_set s = {.n = 0};
    range_add(&s, lo, hi);
    return s;
}

/* A service group: one product for each of its lines. */
static bool service(struct product *x, const struct object_group *g, unsigned depth)
{
    if (!g || !g->is_service.v || depth >= GROUP_DEPTH)
        return false;
    PTRLIST_FOR (struct object_item, it, &g->items) {
        if (it->is_group) {
            if (!service(x, it->group, depth + 1))
                return false;
            continue;
        }
        struct range_set sp = port_ranges(&it->src_ports), dp = port_ranges(&it->end.ports);
        if (it->icmp_set) {
            sp = one(it->icmp_type, it->icmp_type);
            dp = it->icmp_code_set ? one(it->icmp_code, it->icmp_code) : one(0, 65535);
        }
        bool both = it->proto == PROTO_TCP_UDP;
        if (!multiply(x, both ? 6 : it->proto, &sp, &dp) || (both && !multiply(x, 17, &sp, &dp)))
            return false;
    }
    return true;
}

enum line_sets ace_boxes(struct arena *ar, const struct ace *a, enum acl_kind kind, struct boxes *out, uint32_t limit)
{
    bool v6 = kind == ACL_IPV6;
    struct product x = {.ar = ar, .out = out, .limit = limit, .family = v6 ? FAMILY_V6 : FAMILY_V4};
    struct ace_end any = {.form = ACE_ANY};
    if (!end_addresses(ar, &a->src, v6, &x.src, limit, 0) ||
        !end_addresses(ar, kind == ACL_STANDARD ? &any : &a->dst, v6, &x.dst, limit, 0))
        return LINE_UNKNOWN;
    bool ok;
    if (a->service_group.len) {
        ok = service(&x, a->service, 0);
    } else {
        struct range_set sp = port_ranges(&a->src.ports), dp = port_ranges(&a->dst.ports);
        if (a->icmp_type_set) {
            sp = one(a->icmp_type, a->icmp_type);
            dp = a->icmp_code_set ? one(a->icmp_code, a->icmp_code) : one(0, 65535);
        }
        ok = multiply(&x, a->proto, &sp, &dp);
    }
    return !ok ? LINE_UNKNOWN : a->unselectable ? LINE_WIDER : LINE_EXACT;
}
