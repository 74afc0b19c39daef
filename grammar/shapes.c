/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grammar/shapes.h"

#include "build/gen/ios_parse.h"
#include "compiler/algo/algo.h"
#include "compiler/base/ipnames.h"

const int shape_order[] = {
    T_SECTYPE, T_GROUP1, T_IP4LEN,    T_IP4,    T_IP6LEN, T_IP6,    T_NUM,  T_PORT,
    T_ICMP,    T_ICMP6,  T_PROTO,     T_PROTO6, T_PREC,   T_TOS,    T_DSCP, T_ENCR1,
    T_HASH1,   T_AUTH1,  T_TRANSFORM, T_PFS,    T_ENCR2,  T_INTEG2, 0,
};

static struct str word_str(const struct line_words *w, uint32_t i)
{
    return (struct str){w->text + w->words[i].off, w->words[i].len};
}

static uint64_t number(struct str s)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < s.len; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v) ||
            v > IOS_NUM_HUGE)
            return IOS_NUM_HUGE;
    return v;
}

static bool with_length(struct str s, struct ios_val *v, bool v6)
{
    const char *slash = memchr(s.p, '/', s.len);
    if (!slash)
        return false;
    uint32_t head = (uint32_t)(slash - s.p);
    uint64_t len = number((struct str){slash + 1, s.len - head - 1});
    struct str a = {s.p, head};
    if (len > (v6 ? 128u : 32u) || !(v6 ? addr_parse6(a, &v->u.addr) : addr_parse4(a, &v->u.addr)))
        return false;
    v->kind = IOS_V_ADDR;
    v->plen = (uint8_t)len;
    return true;
}

static bool bare_address(struct str s, struct ios_val *v, bool v6)
{
    if (!(v6 ? addr_parse6(s, &v->u.addr) : addr_parse4(s, &v->u.addr)))
        return false;
    v->kind = IOS_V_ADDR;
    v->plen = 255;
    return true;
}

static bool named(struct ios_val *v, struct str s, enum ipname_kind kind)
{
    uint32_t n;
    if (!ipname_parse(kind, s, &n))
        return false;
    v->kind = IOS_V_NAMED;
    v->u.num = n;
    return true;
}

/* Exact spelling first, then a prefix that fits one spelling only. */
static bool algorithm(struct ios_val *v, struct str s, enum algo_kind kind, enum algo_context ctx)
{
    unsigned bits = 0;
    enum algo_id id = algo_find(kind, ctx, s, &bits);
    if (id != ALGO_NONE && bits && !algo_key_legal(id, bits))
        return false;
    /* an IKEv2 cipher that comes in several sizes must name one */
    if (id != ALGO_NONE && ctx == ALGO_CTX_IKEV2 && kind == ALGO_ENCR && !bits && algo_get(id)->keys[1])
        return false;
    for (enum algo_id i = ALGO_NONE + 1; id == ALGO_NONE && i < ALGO_COUNT && ctx != ALGO_CTX_IKEV2; i++) {
        const char *z = algo_get(i)->kind == kind ? algo_spelling(i, ctx) : NULL;
        if (!z || !str_prefix_of(s, z))
            continue;
        id = i;
        for (enum algo_id j = i + 1; j < ALGO_COUNT; j++) {
            z = algo_get(j)->kind == kind ? algo_spelling(j, ctx) : NULL;
            if (z && str_prefix_of(s, z))
                return false;
        }
    }
    if (id == ALGO_NONE)
        return false;
    v->kind = IOS_V_ALGO;
    v->u.num = id;
    v->bits = (uint16_t)bits;
    return true;
}

static bool transform(struct ios_val *v, struct str s)
{
    static const struct {
        const char *old;
        uint16_t bits;
    } old_forms[] = {{"esp-192-aes", 192}, {"esp-256-aes", 256}, {"esp-128-aes", 128}};
    for (size_t i = 0; i < 3; i++)
        if (str_ieq(s, old_forms[i].old)) {
            v->kind = IOS_V_ALGO;
            v->u.num = ALGO_ENCR_AES_CBC;
            v->bits = old_forms[i].bits;
            return true;
        }
    if (s.len < 4)
        return false;
    struct ios_val hits[4];
    unsigned n = 0;
    static const struct {
        enum algo_kind kind;
        enum algo_context ctx;
    } where[] = {
        {ALGO_ENCR, ALGO_CTX_ESP}, {ALGO_INTEG, ALGO_CTX_ESP}, {ALGO_INTEG, ALGO_CTX_AH}, {ALGO_COMP, ALGO_CTX_ESP}};
    for (size_t i = 0; i < 4; i++) {
        hits[n] = *v;
        if (algorithm(&hits[n], s, where[i].kind, where[i].ctx)) {
            hits[n].plen = where[i].ctx == ALGO_CTX_AH; /* says "AH" to the consumer */
            n++;
        }
    }
    if (n != 1)
        return false;
    *v = hits[0];
    return true;
}

static bool pfs_group(struct ios_val *v, struct str s)
{
    return s.len > 5 && str_prefix_of((struct str){s.p, 5}, "group") &&
           algorithm(v, (struct str){s.p + 5, s.len - 5}, ALGO_DH, ALGO_CTX_IKEV2);
}

static bool interface_like(struct str s)
{
    return s.len && ((s.p[0] | 32) >= 'a' && (s.p[0] | 32) <= 'z');
}

/* `Gi 0/0`, `Tunnel 1`: the type may stand apart from its number. */
static uint32_t interface_name(const struct line_words *w, uint32_t i, struct ios_val *v)
{
    struct str s = word_str(w, i);
    if (!interface_like(s) && !ios_is_placeholder(s))
        return 0;
    v->kind = IOS_V_WORD;
    bool digits = false;
    for (uint32_t k = 0; k < s.len; k++)
        digits |= s.p[k] >= '0' && s.p[k] <= '9';
    if (digits || i + 1 >= w->n || i + 1 >= LINE_WORDS_MAX)
        return 1;
    struct str next = word_str(w, i + 1);
    if (next.p[0] < '0' || next.p[0] > '9')
        return 1;
    v->span.len = (uint32_t)(next.p + next.len - s.p);
    return 2;
}

/* `0 WORD` or `6 WORD`, unless what follows shows that the digit is the key itself. */
static bool secret_type(const struct line_words *w, uint32_t i, struct ios_val *v)
{
    struct str s = word_str(w, i);
    if (s.len != 1 || !strchr("0567", s.p[0]) || i + 1 >= w->n || i + 1 >= LINE_WORDS_MAX)
        return false;
    struct str next = word_str(w, i + 1);
    bool last = i + 2 >= w->n;
    if (!last && (str_is(next, "address") || str_is(next, "hostname")))
        return false;
    v->kind = IOS_V_NUMBER;
    v->u.num = (uint64_t)(s.p[0] - '0');
    return true;
}

uint32_t shape_match(int tok, const struct line_words *w, uint32_t i, struct ios_val *v)
{
    struct str s = word_str(w, i);
    enum word_shape shape = w->words[i].shape;
    *v = (struct ios_val){.span = {w->off + w->words[i].off, s.len}, .tok = (uint32_t)tok};
    switch (tok) {
    case T_WORD:
        v->kind = IOS_V_WORD;
        return 1;
    case T_IFNAME:
        return interface_name(w, i, v);
    case T_SECTYPE:
        return secret_type(w, i, v);
    case T_NUM:
        if (shape != SHAPE_NUMBER)
            return 0;
        v->kind = IOS_V_NUMBER;
        v->u.num = number(s);
        return 1;
    case T_IP4:
        return shape == SHAPE_QUAD && bare_address(s, v, false);
    case T_IP4LEN:
        return shape == SHAPE_QUAD_LEN && with_length(s, v, false);
    case T_IP6:
        return shape == SHAPE_COLONS && bare_address(s, v, true);
    case T_IP6LEN:
        return shape == SHAPE_COLONS_LEN && with_length(s, v, true);
    case T_PORT:
        return named(v, s, IPN_TCP) || named(v, s, IPN_UDP);
    case T_ICMP:
        return named(v, s, IPN_ICMP);
    case T_ICMP6:
        return named(v, s, IPN_ICMP6);
    case T_PROTO:
        return named(v, s, IPN_PROTO);
    case T_PROTO6:
        return named(v, s, IPN_PROTO6);
    case T_PREC:
        return named(v, s, IPN_PRECEDENCE);
    case T_TOS:
        return named(v, s, IPN_TOS);
    case T_DSCP:
        return named(v, s, IPN_DSCP);
    case T_ENCR1:
        return algorithm(v, s, ALGO_ENCR, ALGO_CTX_ISAKMP);
    case T_HASH1:
        return algorithm(v, s, ALGO_INTEG, ALGO_CTX_ISAKMP);
    case T_AUTH1:
        return algorithm(v, s, ALGO_AUTH, ALGO_CTX_ISAKMP);
    case T_GROUP1:
        return shape == SHAPE_NUMBER && algorithm(v, s, ALGO_DH, ALGO_CTX_IKEV2);
    case T_TRANSFORM:
        return transform(v, s);
    case T_PFS:
        return pfs_group(v, s);
    case T_ENCR2:
        return algorithm(v, s, ALGO_ENCR, ALGO_CTX_IKEV2);
    case T_INTEG2:
        return algorithm(v, s, ALGO_INTEG, ALGO_CTX_IKEV2);
    default:
        return 0;
    }
}

static const char *nearest_algo(struct str s, enum algo_kind kind, enum algo_context ctx, const char *best,
                                unsigned *limit)
{
    for (enum algo_id i = ALGO_NONE + 1; i < ALGO_COUNT; i++) {
        const char *z = algo_get(i)->kind == kind ? algo_spelling(i, ctx) : NULL;
        if (!z || *limit == 0)
            continue;
        unsigned d = str_distance(s, z, *limit - 1);
        if (d < *limit) {
            *limit = d;
            best = z;
        }
    }
    return best;
}

static const char *nearest_ikev2_cipher(struct str s)
{
    static const char *const words[] = {"aes-cbc-128", "aes-cbc-192", "aes-cbc-256", "aes-gcm-128",
                                        "aes-gcm-256", "3des",        "des"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_distance(s, words[i], 2) <= 2)
            return words[i];
    if (str_prefix_of(s, "aes") || str_is(s, "aes-256") || str_is(s, "aes256"))
        return "aes-cbc-256";
    return str_is(s, "aes-128") || str_is(s, "aes128") ? "aes-cbc-128" : str_is(s, "aes-192") ? "aes-cbc-192" : NULL;
}

const char *shape_nearest(int tok, struct str s)
{
    unsigned limit = s.len > 4 ? 3 : 2;
    const char *best = NULL;
    switch (tok) {
    case T_PORT:
        best = ipname_nearest(IPN_TCP, s);
        return best ? best : ipname_nearest(IPN_UDP, s);
    case T_ICMP:
        return ipname_nearest(IPN_ICMP, s);
    case T_ICMP6:
        return ipname_nearest(IPN_ICMP6, s);
    case T_PROTO:
        return ipname_nearest(IPN_PROTO, s);
    case T_PROTO6:
        return ipname_nearest(IPN_PROTO6, s);
    case T_ENCR1:
        return nearest_algo(s, ALGO_ENCR, ALGO_CTX_ISAKMP, NULL, &limit);
    case T_HASH1:
        return nearest_algo(s, ALGO_INTEG, ALGO_CTX_ISAKMP, NULL, &limit);
    case T_AUTH1:
        return nearest_algo(s, ALGO_AUTH, ALGO_CTX_ISAKMP, NULL, &limit);
    case T_ENCR2:
        return nearest_ikev2_cipher(s);
    case T_INTEG2:
        return str_is(s, "sha") ? "sha1" : nearest_algo(s, ALGO_INTEG, ALGO_CTX_IKEV2, NULL, &limit);
    case T_TRANSFORM:
        if (str_ieq(s, "esp-aes-256") || str_ieq(s, "esp-aes256"))
            return "esp-aes 256";
        if (str_ieq(s, "esp-aes-192") || str_ieq(s, "esp-aes-128"))
            return s.p[9] == '2' ? "esp-aes" : "esp-aes 192";
        best = nearest_algo(s, ALGO_ENCR, ALGO_CTX_ESP, best, &limit);
        best = nearest_algo(s, ALGO_INTEG, ALGO_CTX_ESP, best, &limit);
        return nearest_algo(s, ALGO_INTEG, ALGO_CTX_AH, best, &limit);
    case T_PFS:
        return s.len && s.p[0] >= '0' && s.p[0] <= '9' ? "groupN" : NULL;
    default:
        return NULL;
    }
}
