/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Security associations of manual entries: no negotiation, both directions installed at once (ios-crypto-commands
 * §6.4). The router cuts a longer key to the algorithm's size; a shorter one it refuses, and so is everything here that
 * would leave traffic less protected than the text says.
 */
#include "backends/xfrm/plan.h"

#include <netinet/in.h>

struct manual {
    struct xfrm_plan *p;
    struct target *t;
    const struct target_map *m;
    const struct target_line *l;
    const struct transform_set *set;
    const struct ir_transform *cipher, *auth, *ah;
};

static bool refuse(struct manual *x, struct span at, const char *why)
{
    struct diag *d = diag_add(x->t->diags, D_LX_MANUAL, at, "manual entry %llu cannot be installed: %s",
                              (unsigned long long)x->l->entry->seq.v, why);
    diag_hint(x->t->diags, d, "its traffic is blocked until this is put right");
    return false;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* The first `need` bytes of a key. Exactly as in the text otherwise: no padding, no parity. */
static const char *key_bytes(const struct ir_secret *k, uint32_t need, struct xfrm_alg_key *out)
{
    struct str hex = secret_reveal(&k->s);
    if (!IR_IS_SET(*k))
        return "a key is missing";
    if (hex.len % 2)
        return "a key has an odd number of hexadecimal digits";
    if (hex.len / 2 < need)
        return "a key is shorter than its algorithm needs";
    for (uint32_t i = 0; i < need; i++) {
        int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return "a key is not hexadecimal";
        out->key[i] = (uint8_t)(hi << 4 | lo);
    }
    out->len = (uint16_t)need;
    return NULL;
}

/* The sixteen weak and semi-weak keys of DES, parity left out (FIPS 74; RFC 2451 §2.3): the kernel takes them. */
static bool des_weak(const uint8_t k[static 8])
{
    static const uint8_t weak[16][8] = {
        {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}, {0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe},
        {0x1e, 0x1e, 0x1e, 0x1e, 0x0e, 0x0e, 0x0e, 0x0e}, {0xe0, 0xe0, 0xe0, 0xe0, 0xf0, 0xf0, 0xf0, 0xf0},
        {0x00, 0xfe, 0x00, 0xfe, 0x00, 0xfe, 0x00, 0xfe}, {0xfe, 0x00, 0xfe, 0x00, 0xfe, 0x00, 0xfe, 0x00},
        {0x1e, 0xe0, 0x1e, 0xe0, 0x0e, 0xf0, 0x0e, 0xf0}, {0xe0, 0x1e, 0xe0, 0x1e, 0xf0, 0x0e, 0xf0, 0x0e},
        {0x00, 0xe0, 0x00, 0xe0, 0x00, 0xf0, 0x00, 0xf0}, {0xe0, 0x00, 0xe0, 0x00, 0xf0, 0x00, 0xf0, 0x00},
        {0x1e, 0xfe, 0x1e, 0xfe, 0x0e, 0xfe, 0x0e, 0xfe}, {0xfe, 0x1e, 0xfe, 0x1e, 0xfe, 0x0e, 0xfe, 0x0e},
        {0x00, 0x1e, 0x00, 0x1e, 0x00, 0x0e, 0x00, 0x0e}, {0x1e, 0x00, 0x1e, 0x00, 0x0e, 0x00, 0x0e, 0x00},
        {0xe0, 0xfe, 0xe0, 0xfe, 0xf0, 0xfe, 0xf0, 0xfe}, {0xfe, 0xe0, 0xfe, 0xe0, 0xfe, 0xf0, 0xfe, 0xf0},
    };
    for (int i = 0; i < 16; i++) {
        uint8_t d = 0;
        for (int j = 0; j < 8; j++)
            d |= (uint8_t)((k[j] & 0xfe) ^ weak[i][j]);
        if (!d)
            return true;
    }
    return false;
}

static const char *weak_key(const struct ir_transform *cipher, const struct xfrm_alg_key *k)
{
    if (cipher->alg == ALGO_ENCR_DES && des_weak(k->key))
        return "this is one of the sixteen weak DES keys";
    if (cipher->alg != ALGO_ENCR_3DES)
        return NULL;
    for (int i = 0; i < 3; i++)
        if (des_weak(k->key + 8 * i))
            return "a part of the 3DES key is a weak DES key";
    return memcmp(k->key, k->key + 8, 8) == 0 || memcmp(k->key + 8, k->key + 16, 8) == 0
               ? "two parts of the 3DES key are equal: it is single DES"
               : NULL;
}

static const struct manual_key *key_of(const struct crypto_map_entry *e, enum ipsec_proto proto, bool outbound)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        if (k->proto.v == proto && k->outbound.v == outbound)
            return k;
    }
    return NULL;
}

static bool esp_keys(struct manual *x, const struct manual_key *k, struct xfrm_sa *sa)
{
    const struct algo *a = algo_get(x->cipher ? x->cipher->alg : ALGO_ENCR_NULL);
    const char *bad = NULL;
    sa->crypt.name = a->xfrm;
    if (x->cipher && x->cipher->bits)
        bad = key_bytes(&k->cipher, x->cipher->bits / 8u, &sa->crypt);
    if (bad)
        return refuse(x, IR_IS_SET(k->cipher) ? k->cipher.m.span : k->span, bad);
    if (x->cipher && (bad = weak_key(x->cipher, &sa->crypt)))
        return refuse(x, k->cipher.m.span, bad);
    if (!x->auth)
        return true;
    a = algo_get(x->auth->alg);
    sa->auth.name = a->xfrm;
    sa->auth.icv = a->icv;
    if ((bad = key_bytes(&k->authenticator, a->keys[0] / 8u, &sa->auth)))
        return refuse(x, IR_IS_SET(k->authenticator) ? k->authenticator.m.span : k->span, bad);
    return true;
}

static bool ah_keys(struct manual *x, const struct manual_key *k, struct xfrm_sa *sa)
{
    const struct algo *a = algo_get(x->ah->alg);
    sa->auth.name = a->xfrm;
    sa->auth.icv = a->icv;
    const char *bad = key_bytes(&k->cipher, a->keys[0] / 8u, &sa->auth);
    return bad ? refuse(x, IR_IS_SET(k->cipher) ? k->cipher.m.span : k->span, bad) : true;
}

static bool taken(const struct xfrm_plan *p, const struct xfrm_sa *sa)
{
    PTRLIST_FOR (struct xfrm_sa, o, &p->sas) {
        if (o->spi == sa->spi && o->proto == sa->proto && addr_eq(&o->dst, &sa->dst))
            return true;
    }
    return false;
}

/* The SA carries its line's selector when one is enough: what a peer sends inside it is then held to the line. */
static void hold_to_line(struct manual *x, struct xfrm_sa *sa)
{
    struct ptrlist sels = {0};
    struct box b = sa->outbound ? x->l->boxes.v[0] : box_mirror(&x->l->boxes.v[0]);
    if (x->l->boxes.n == 1 && xfrm_select(x->p->arena, &b, 1, &sels))
        sa->sel = *(struct xfrm_sel *)sels.v[0];
    else
        sa->sel.family = b.family;
}

static void settings(struct manual *x, struct xfrm_sa *sa)
{
    const struct sa_settings *s = &x->l->entry->sa;
    const struct ipsec_globals *g = &x->t->c->ipsec;
    sa->replay_window = 0; /* a peer that starts again counts from 1 (RFC 4302 §5: SHOULD NOT with manual keys) */
    struct str ecn = IR_IS_SET(s->ecn) ? s->ecn.s : g->ecn.s;
    sa->no_pmtu = str_is(target_df_bit(x->t, x->m, s).s, "clear");
    sa->no_ecn = str_is(ecn, "discard");
}

static bool one_sa(struct manual *x, enum ipsec_proto proto, bool out, enum xfrm_mode mode)
{
    const struct manual_key *k = key_of(x->l->entry, proto, out);
    if (!k)
        return refuse(x, x->l->entry->span, "a session key is missing");
    if (k->spi.v < 256 || k->spi.v > UINT32_MAX)
        return refuse(x, k->spi.m.span, "SPIs below 256 are reserved (RFC 4303 §2.1)");
    struct xfrm_sa *sa = ARENA_NEW(x->p->arena, struct xfrm_sa);
    const struct ip_addr peer = ((struct map_peer *)x->l->entry->peers.v[0])->host.addr;
    sa->src = out ? x->m->local : peer;
    sa->dst = out ? peer : x->m->local;
    sa->spi = (uint32_t)k->spi.v;
    sa->proto = proto == PROTO_AH ? IPPROTO_AH : IPPROTO_ESP;
    sa->mode = (uint8_t)mode;
    sa->reqid = x->l->reqid;
    sa->outbound = out;
    sa->map = x->m->map;
    sa->entry = x->l->entry;
    hold_to_line(x, sa);
    settings(x, sa);
    if (!(proto == PROTO_AH ? ah_keys(x, k, sa) : esp_keys(x, k, sa)))
        return false;
    if (taken(x->p, sa))
        return refuse(x, k->spi.m.span, "another entry has this SPI at the same address");
    ptrlist_add(x->p->arena, &x->p->sas, sa);
    return true;
}

static bool possible(struct manual *x)
{
    const struct crypto_map_entry *e = x->l->entry;
    const struct map_peer *peer = e->peers.v[0];
    if (e->peers.n > 1)
        return refuse(x, ((struct map_peer *)e->peers.v[1])->span, "it may have one peer");
    if (peer->host.addr.family == FAMILY_NONE)
        return refuse(x, peer->span, "its peer is a name: give the address");
    if (x->m->local.family == FAMILY_NONE)
        return refuse(x, e->span, "the local address is not known");
    if (e->sa.transform_sets.n > 1)
        return refuse(x, ((struct ir_ref *)e->sa.transform_sets.v[1])->m.span, "it may have one transform set");
    if (x->cipher && algo_get(x->cipher->alg)->is_aead)
        return refuse(x, x->cipher->m.span, "this cipher must not have manual keys (RFC 4106 §2, RFC 8221 §3)");
    for (uint32_t i = 0; i < x->m->lines.n; i++) {
        const struct target_line *o = x->m->lines.v[i];
        if (o == x->l)
            break;
        if (o->entry == e)
            return refuse(x, x->l->line->span, "its list may have one permit line, and this is another");
    }
    return true;
}

bool xfrm_manual_sas(struct xfrm_plan *p, struct target *t, const struct target_map *m, const struct target_line *l,
                     bool tunnel)
{
    struct manual x = {.p = p, .t = t, .m = m, .l = l};
    x.set = ((struct ir_ref *)l->entry->sa.transform_sets.v[0])->target;
    PTRLIST_FOR (struct ir_transform, tr, &x.set->transforms) {
        if (tr->proto == PROTO_AH)
            x.ah = tr;
        else if (tr->proto == PROTO_ESP && algo_get(tr->alg)->kind == ALGO_ENCR)
            x.cipher = tr;
        else if (tr->proto == PROTO_ESP)
            x.auth = tr;
    }
    bool esp = x.cipher || x.auth;
    uint32_t before = p->sas.n;
    bool ok = possible(&x);
    for (int out = 0; out < 2 && ok; out++) {
        enum xfrm_mode mode = tunnel ? XFRM_MODE_IS_TUNNEL : XFRM_MODE_IS_TRANSPORT;
        if (esp)
            ok = one_sa(&x, PROTO_ESP, out, mode);
        if (ok && x.ah)
            ok = one_sa(&x, PROTO_AH, out, esp ? XFRM_MODE_IS_TRANSPORT : mode);
    }
    if (!ok)
        p->sas.n = before;
    return ok;
}
