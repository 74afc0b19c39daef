/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random crypto maps and packets: the reference interpreter and the flattened list say the same; boxes behave as the
 * sets they stand for. Configurations are random IOS text, so parser and resolver are on the way. The seed is printed
 * on failure together with the configuration and the packet; IOSCC_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "compiler/sets/sets.h"
#include "grammar/stmt.h"

static uint64_t rng, seed;
static uint32_t next(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 11) % n;
}

static void address(struct buf *b)
{
    static const char *const wild[] = {"0.0.0.1", "0.0.0.3", "0.0.0.7", "0.0.0.5", "0.0.0.2", "0.0.0.255"};
    switch (next(5)) {
    case 0:
        buf_puts(b, " any");
        break;
    case 1:
        buf_printf(b, " host 10.0.0.%u", next(8));
        break;
    case 2:
        buf_puts(b, next(2) ? " object-group NETS" : " object-group MORE");
        break;
    default:
        buf_printf(b, " 10.0.0.%u %s", next(8), wild[next(6)]);
    }
}

static void ports(struct buf *b)
{
    switch (next(9)) {
    case 0:
        buf_printf(b, " eq %u", next(6));
        break;
    case 1:
        buf_printf(b, " neq %u %u", next(6), next(6));
        break;
    case 2:
        buf_printf(b, " lt %u", next(6) + 1);
        break;
    case 3:
        buf_printf(b, " gt %u", next(6));
        break;
    case 4:
        buf_printf(b, " range %u %u", next(4), next(6));
        break;
    default:
        break;
    }
}

static void line(struct buf *b)
{
    buf_puts(b, next(3) ? " permit" : " deny");
    uint32_t kind = next(6);
    if (kind == 5) {
        buf_puts(b, " object-group SVC");
        address(b);
        address(b);
    } else if (kind < 2) {
        buf_puts(b, " ip");
        address(b);
        address(b);
    } else if (kind == 2) {
        buf_puts(b, " icmp");
        address(b);
        address(b);
        if (next(2))
            buf_printf(b, next(2) ? " %u" : " %u 0", next(4));
    } else {
        buf_puts(b, kind == 3 ? " tcp" : " udp");
        address(b);
        ports(b);
        address(b);
        ports(b);
    }
    buf_putc(b, '\n');
}

static void configuration(struct buf *b)
{
    buf_puts(b, "object-group network NETS\n host 10.0.0.1\n 10.0.0.4 255.255.255.254\n range 10.0.0.2 "
                "10.0.0.6\nobject-group network MORE\n group-object NETS\n host 10.0.0.0\n"
                "object-group service SVC\n tcp eq 1\n udp source range 1 3 gt 2\n icmp echo\n");
    uint32_t entries = 1 + next(5);
    for (uint32_t e = 1; e <= entries; e++) {
        uint32_t odd = next(12);
        if (odd == 4)
            buf_printf(b, "crypto map M %u ipsec-isakmp dynamic D%u\ncrypto dynamic-map D%u 1\n", e * 10, e, e);
        else
            buf_printf(b, "crypto map M %u ipsec-isakmp\n", e * 10);
        if (odd != 0)
            buf_puts(b, " set peer 192.0.2.1\n");
        if (odd != 1)
            buf_printf(b, " match address A%u\n", odd == 2 ? 99 : e);
        buf_printf(b, "ip access-list extended A%u\n", e);
        for (uint32_t l = odd == 3 ? 0 : 1 + next(6); l; l--)
            line(b);
    }
}

static struct packet packet(void)
{
    static const uint8_t protos[] = {1, 6, 17, 50};
    struct packet p = {
        .family = FAMILY_V4, .proto = protos[next(4)], .sport = (uint16_t)next(8), .dport = (uint16_t)next(8)};
    static const uint8_t base[3] = {10, 0, 0};
    memcpy(p.src, base, 3);
    memcpy(p.dst, base, 3);
    p.src[3] = (uint8_t)next(10);
    p.dst[3] = (uint8_t)next(10);
    if (next(10) == 0)
        p.src[2] = 9;
    return p;
}

static int failures;

static void complain(const char *what, const struct buf *text, const struct packet *p)
{
    printf("%s\nseed %llu\npacket %u.%u.%u.%u:%u -> %u.%u.%u.%u:%u proto %u\n%s\n", what, (unsigned long long)seed,
           p->src[0], p->src[1], p->src[2], p->src[3], p->sport, p->dst[0], p->dst[1], p->dst[2], p->dst[3], p->dport,
           p->proto, text ? text->p : "");
    failures++;
}

static unsigned long compared, protected_, dropped, flattened;

static void one_map(struct ios_parser *parser)
{
    struct buf text = {0};
    configuration(&text);
    struct source src;
    struct compiled c;
    if (source_from_memory(&src, "random", text.p, text.len) || sem_compile(&c, parser, &src))
        exit(3);
    const struct ir_config *u = c.units.v[0];
    const struct crypto_map *m = u->crypto_maps.n ? u->crypto_maps.v[0] : NULL;
    struct packet none = {0};
    if (!m || c.diags.per_id[D_UNKNOWN_COMMAND] || c.diags.per_id[D_BAD_VALUE]) {
        complain("the random configuration was not understood", &text, &none);
        return;
    }
    for (enum deny_means deny = DENY_JUMP; deny <= DENY_DROP; deny++) {
        struct flat f = {0};
        struct ptrlist problems = {0};
        bool is_exact = true;
        (void)!map_flatten(&c.arena, m, deny, 200000, &f, &problems);
        for (uint32_t i = 0; i < problems.n; i++) /* what peers bring is no matter of the list */
            is_exact = is_exact && ((struct flat_problem *)problems.v[i])->fault == FLAT_DYNAMIC;
        if (!is_exact) {
            complain(((struct flat_problem *)problems.v[0])->why, &text, &none);
            continue;
        }
        flattened++;
        for (int i = 0; i < 60; i++) {
            struct packet p = i < 8 && f.n ? box_witness(&f.v[next(f.n)].box) : packet();
            struct decision a = map_decide(m, &p, deny), b = flat_decide(&f, &p);
            compared++;
            protected_ += a.verdict == VERDICT_PROTECT;
            dropped += a.verdict == VERDICT_DROP;
            if (a.verdict != b.verdict || a.entry != b.entry || (a.verdict == VERDICT_PROTECT && a.line != b.line))
                complain("interpreter and flattened list differ", &text, &p);
        }
    }
    sem_free(&c);
    buf_free(&text);
}

static struct box random_box(void)
{
    static const uint8_t care[] = {0xff, 0xfe, 0xfc, 0xf8, 0xfa, 0xfd};
    struct box b = {.family = FAMILY_V4,
                    .proto = next(2)   ? PROTO_ANY
                             : next(2) ? 6
                                       : 17,
                    .sport = {0, 65535},
                    .dport = {0, 65535}};
    struct addr_bits *const ends[] = {&b.src, &b.dst};
    for (int i = 0; i < 2; i++) {
        static const uint8_t base[3] = {10, 0, 0};
        memcpy(ends[i]->value, base, 3);
        memset(ends[i]->care, 0xff, 3);
        ends[i]->care[3] = care[next(6)];
        ends[i]->value[3] = (uint8_t)next(8) & ends[i]->care[3];
    }
    if (b.proto != PROTO_ANY && next(2)) {
        b.sport.lo = (uint16_t)next(5);
        b.sport.hi = (uint16_t)(b.sport.lo + next(4));
    }
    if (b.proto != PROTO_ANY && next(2)) {
        b.dport.lo = (uint16_t)next(5);
        b.dport.hi = (uint16_t)(b.dport.lo + next(4));
    }
    return b;
}

static void algebra(void)
{
    struct arena ar;
    if (!arena_init(&ar, SIZE_MAX))
        abort();
    struct box a = random_box(), b = random_box(), both;
    bool common = box_intersect(&a, &b, &both);
    struct boxes rest = {0}, cover = {0};
    if (!box_subtract(&ar, &a, &b, &rest, 100000))
        exit(3);
    boxes_add(&ar, &cover, &b);
    for (uint32_t i = 0; i < rest.n; i++)
        boxes_add(&ar, &cover, &rest.v[i]);
    struct packet w;
    if (boxes_cover(&ar, &cover, &a, 100000, &w) != 1)
        complain("a is not covered by b and a minus b", NULL, &w);
    struct boxes only_b = {0};
    boxes_add(&ar, &only_b, &b);
    int covered = boxes_cover(&ar, &only_b, &a, 100000, &w);
    if (covered != box_subset(&a, &b))
        complain("cover and subset differ", NULL, &w);
    if (covered == 0 && (!box_contains(&a, &w) || box_contains(&b, &w)))
        complain("the witness is not in a minus b", NULL, &w);
    for (int i = 0; i < 40; i++) {
        struct packet p = packet();
        bool in_a = box_contains(&a, &p), in_b = box_contains(&b, &p);
        if ((common && box_contains(&both, &p)) != (in_a && in_b))
            complain("intersection", NULL, &p);
        unsigned hits = 0;
        for (uint32_t k = 0; k < rest.n; k++)
            hits += box_contains(&rest.v[k], &p);
        if (hits != (in_a && !in_b)) /* also: the boxes of a difference are disjoint */
            complain("subtraction", NULL, &p);
    }
    arena_free(&ar);
}

/* Boxes of one layer are disjoint, and what overlaps keeps its order. */
static void layering(void)
{
    enum { N = 100 };
    struct arena ar;
    struct box b[N], common;
    const struct box *v[N];
    uint32_t layer[N];
    struct packet none = {0};
    bool alike = next(2);
    if (!arena_init(&ar, SIZE_MAX))
        abort();
    for (int i = 0; i < N; i++) {
        b[i] = random_box();
        if (alike && i) { /* alike but for protocol and ports */
            b[i].src = b[0].src;
            b[i].dst = b[0].dst;
        }
        v[i] = &b[i];
    }
    boxes_layers(&ar, v, N, layer);
    for (int i = 0; i < N; i++) {
        uint32_t best = 0;
        for (int k = 0; k < i; k++)
            if (box_intersect(&b[i], &b[k], &common) && layer[k] > best)
                best = layer[k];
        if (layer[i] != best + 1)
            complain("layers", NULL, &none);
    }
    arena_free(&ar);
}

int main(void)
{
    const char *s = getenv("IOSCC_SEED");
    seed = s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    rng = seed;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    symtab_seed_init();
    struct ios_parser *parser = ios_parser_new();
    int part = getenv("IOSCC_QUICK") ? 20 : 1; /* make check tries a twentieth of what make test tries */
    for (int i = 0; i < 3000 / part && failures < 3; i++)
        one_map(parser);
    for (int i = 0; i < 20000 / part && failures < 3; i++)
        algebra();
    for (int i = 0; i < 160 / part && failures < 3; i++)
        layering();
    ios_parser_free(parser);
    printf("%lu packets over %lu flattened maps: %lu protected, %lu dropped\n", compared, flattened, protected_,
           dropped);
    return failures || protected_ < 1000 || dropped < 1000;
}
