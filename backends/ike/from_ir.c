/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/from_ir.h"

#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/engine/engine.h"
#include "backends/ike/message/wire.h"

struct maker {
    struct target *t;
    struct arena *a;
    const struct ir_config *c;
    struct str master;
    const char *pki_dir;
    struct ike_omissions *out;
    const struct ike_policy *p;
    const struct xfrm_plan *plan;
    struct symtab sets, profiles; /* by place: built once */
    struct symtab key_lists;      /* lists of keys by place: the number before their first key's */
    uint32_t n_key_ids;
};

static uint32_t line_of(struct maker *m, struct span at)
{
    return at.len ? source_locate(m->c->source, at.off).line : 0;
}

static const char *keep(struct maker *m, struct str s)
{
    return arena_strndup(m->a, s.p ? s.p : "", s.len);
}

void ike_omit(struct arena *a, struct ike_omissions *out, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    ptrlist_add(a, &out->lines, arena_strndup(a, b.p ? b.p : "", b.len));
    buf_free(&b);
}

#define omit(m, ...) ike_omit((m)->a, (m)->out, __VA_ARGS__)

/* ---- algorithms ---- */

static void choices(struct ike_choices *out, const struct ptrlist *from)
{
    PTRLIST_FOR (struct ir_alg, x, from) {
        if (out->n < IKE_CHOICES_MAX)
            out->v[out->n++] = (struct ike_choice){(uint16_t)x->id, x->bits};
    }
}

static const struct ike_proposal *proposal(struct maker *m, const struct ikev2_proposal *p)
{
    struct ike_proposal *x = ARENA_NEW(m->a, struct ike_proposal);
    x->name = keep(m, p->name.s);
    x->line = line_of(m, p->span);
    choices(&x->encr, &p->encr);
    choices(&x->integ, &p->integ);
    choices(&x->prf, &p->prf);
    choices(&x->dh, &p->group);
    return x;
}

static void add_local(struct maker *m, const struct ptrlist *from, const struct ip_addr **v, unsigned *n)
{
    struct ip_addr *a = arena_array(m->a, from->n + 1, sizeof *a);
    PTRLIST_FOR (struct local_address, l, from) {
        const struct interface *i = l->interface.target;
        if (l->address.addr.family != FAMILY_NONE)
            a[(*n)++] = l->address.addr;
        else if (i && i->addresses.n)
            a[(*n)++] = ((const struct if_address *)i->addresses.v[0])->address.a;
    }
    *v = a;
}

/* Policies with proposals; the built-in ones when none is written (R-PRP-5). */
static void v2_policies(struct maker *m, struct ike_policy *p)
{
    struct ike_v2_policy *v = arena_array(m->a, m->c->ikev2_policies.n + 1, sizeof *v);
    p->v2 = v;
    for (int built_in = 0; built_in < 2 && p->n_v2 == 0; built_in++)
        PTRLIST_FOR (struct ikev2_policy, pol, &m->c->ikev2_policies) {
            struct ike_v2_policy x = {.name = keep(m, pol->name.s)};
            const struct ike_proposal **list = arena_array(m->a, pol->proposals.n + 1, sizeof *list);
            if ((pol->is_default.v != 0) != (built_in != 0))
                continue;
            PTRLIST_FOR (struct ir_ref, r, &pol->proposals) {
                const struct ikev2_proposal *from = r->target;
                if (from && from->complete.v)
                    list[x.n++] = proposal(m, from);
            }
            x.proposals = list;
            add_local(m, &pol->local, &x.locals, &x.n_locals);
            if (x.n)
                v[p->n_v2++] = x;
        }
    const struct ikev2_proposal *d = ir_find(m->c, TAB_V2_PROPOSAL, str_lit("default"));
    if (p->n_v2 == 0 && d && !m->c->ikev2.no_default_proposal.v) {
        const struct ike_proposal **list = arena_array(m->a, 1, sizeof *list);
        list[0] = proposal(m, d);
        v[p->n_v2++] = (struct ike_v2_policy){.name = "default", .proposals = list, .n = 1};
    }
}

static void v1_policies(struct maker *m, struct ike_policy *p)
{
    struct ike_v1_policy *v = arena_array(m->a, m->c->isakmp_policies.n + 1, sizeof *v);
    p->v1 = v;
    PTRLIST_FOR (struct isakmp_policy, x, &m->c->isakmp_policies) {
        v[p->n_v1++] = (struct ike_v1_policy){
            (unsigned)x->number.v,    line_of(m, x->span),  {(uint16_t)x->encr.v, (uint16_t)x->encr_bits.v},
            (uint16_t)x->hash.v,      (uint16_t)x->group.v, (uint16_t)x->auth.v,
            (uint32_t)x->lifetime_s.v};
    }
}

/* ---- identities and keys ---- */

static struct ike_bytes bytes_of(struct maker *m, struct str s)
{
    return (struct ike_bytes){(const uint8_t *)keep(m, s), s.len};
}

static struct ike_bytes key_of(struct maker *m, const struct ir_secret *s, struct span at)
{
    char clear[SECRET_CLEAR_MAX];
    size_t n = 0;
    struct ike_bytes out = {NULL, 0};
    if (s->s.form == SECRET_NONE)
        return out;
    if (s->s.form == SECRET_HEX) {
        struct str h = secret_reveal(&s->s);
        uint8_t *b = arena_array(m->a, h.len / 2 + 1, 1);
        for (uint32_t i = 0; i + 1 < h.len; i += 2) {
            char pair[3] = {h.p[i], h.p[i + 1], '\0'};
            b[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
        }
        return (struct ike_bytes){b, h.len / 2};
    }
    if (secret_clear(&s->s, m->master, clear, &n))
        out = (struct ike_bytes){(const uint8_t *)arena_strndup(m->a, clear, n), (uint32_t)n};
    else
        omit(m, "line %u: the key cannot be decrypted: name the master key with --master-key-file", line_of(m, at));
    explicit_bzero(clear, sizeof clear);
    return out;
}

static uint8_t plen_of(const struct ip_addr *a, const struct ir_addr *mask)
{
    static const uint8_t none[16];
    if (memcmp(a->b, none, 16) == 0)
        return 0;
    if (a->family == FAMILY_V6)
        return IR_IS_SET(*mask) && mask->plen != 255 ? mask->plen : 128;
    int n = IR_IS_SET(*mask) ? mask4_len(addr_v4(&mask->a)) : 32;
    return n < 0 ? 32 : (uint8_t)n;
}

static uint8_t id_type_of(struct str kind)
{
    static const struct {
        const char *word;
        uint8_t type;
    } types[] = {{"fqdn", IKE_ID_FQDN},
                 {"host", IKE_ID_FQDN},
                 {"host-domain", IKE_ID_FQDN},
                 {"email", IKE_ID_USER_FQDN},
                 {"user", IKE_ID_USER_FQDN},
                 {"user-fqdn", IKE_ID_USER_FQDN},
                 {"user-domain", IKE_ID_USER_FQDN},
                 {"key-id", IKE_ID_KEY_ID},
                 {"group", IKE_ID_KEY_ID},
                 {"dn", IKE_ID_DN}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_is(kind, types[i].word))
            return types[i].type;
    return 0;
}

static bool match_of(struct maker *m, const struct identity_match *i, struct ike_match *out)
{
    *out = (struct ike_match){.any = str_is(i->kind.s, "any")};
    if (out->any)
        return true;
    if (i->address.a.family != FAMILY_NONE) {
        out->addr = i->address.a;
        out->plen = i->address.plen != 255 && i->address.a.family == FAMILY_V6 ? i->address.plen
                                                                               : plen_of(&i->address.a, &i->mask);
        return true;
    }
    out->id_type = id_type_of(i->kind.s);
    out->domain = i->domain.v || str_is(i->kind.s, "host-domain") || str_is(i->kind.s, "user-domain");
    out->value = bytes_of(m, i->value.s);
    return out->id_type != 0;
}

static void matches(struct maker *m, const struct ptrlist *from, struct ike_profile *x)
{
    struct ike_match *v = arena_array(m->a, from->n + 1, sizeof *v);
    PTRLIST_FOR (struct identity_match, i, from) {
        if (match_of(m, i, &v[x->n_remote]))
            x->n_remote++;
        else
            omit(m, "line %u: match identity %.*s is not judged", line_of(m, i->span), (int)i->kind.s.len, i->kind.s.p);
    }
    x->remote = v;
}

/* Keys of a list are numbered once, whoever refers to the list. Returns the number before the first. */
static uint32_t numbered(struct maker *m, const struct ptrlist *list)
{
    const struct ptrlist **place = arena_alloc(m->a, sizeof *place);
    *place = list;
    const struct str name = {(const char *)place, sizeof *place};
    const uint32_t *before = symtab_get(&m->key_lists, name, 0);
    if (before)
        return *before;
    uint32_t *own = arena_alloc(m->a, sizeof *own);
    *own = m->n_key_ids;
    m->n_key_ids += list->n;
    symtab_put(m->a, &m->key_lists, name, 0, own);
    return *own;
}

/* A key of IKEv1: by address, or by name. */
static bool v1_key(struct maker *m, const struct psk *k, uint32_t id, struct ike_psk *out)
{
    *out = (struct ike_psk){.id = id, .line = line_of(m, k->span), .local = key_of(m, &k->key, k->span)};
    out->remote = out->local;
    if (k->kind.v == KEY_HOSTNAME) {
        out->who.id_type = IKE_ID_FQDN;
        out->who.value = bytes_of(m, k->peer.name);
    } else {
        out->who.addr = k->peer.addr;
        out->who.plen = k->kind.v == KEY_IPV6 ? (uint8_t)(IR_IS_SET(k->peer_plen) ? k->peer_plen.v : 128)
                                              : plen_of(&k->peer.addr, &k->mask);
    }
    return out->local.n > 0;
}

static void v1_keys(struct maker *m, const struct ptrlist *const *lists, unsigned n_lists, const struct ike_psk **out,
                    unsigned *n)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < n_lists; i++)
        total += lists[i]->n;
    struct ike_psk *v = arena_array(m->a, total + 1, sizeof *v);
    for (unsigned i = 0; i < n_lists; i++)
        for (uint32_t k = 0, before = numbered(m, lists[i]); k < lists[i]->n; k++)
            *n += v1_key(m, lists[i]->v[k], before + k + 1, &v[*n]);
    *out = v;
}

/* The key in the authentication line itself, for every peer of the profile. */
static const struct ir_secret *inline_key(const struct ptrlist *l)
{
    PTRLIST_FOR (struct ikev2_auth, a, l) {
        if (str_is(a->method.s, "pre-share") && a->key.s.form != SECRET_NONE)
            return &a->key;
    }
    return NULL;
}

static void inline_keys(struct maker *m, const struct ikev2_profile *p, struct ike_psk *v, struct ike_profile *x)
{
    const struct ir_secret *local = inline_key(&p->auth_local), *remote = inline_key(&p->auth_remote);
    struct ike_psk e = {.who = {.any = true}, .id = ++m->n_key_ids, .line = line_of(m, p->span)};
    if (local)
        e.local = key_of(m, local, p->span);
    if (remote)
        e.remote = key_of(m, remote, p->span);
    if (e.local.n || e.remote.n)
        v[x->n_keys++] = e;
}

static void v2_keys(struct maker *m, const struct ikev2_keyring *k, const struct ikev2_profile *from,
                    struct ike_profile *x)
{
    struct ike_psk *v = arena_array(m->a, (k ? k->peers.n : 0) + 2, sizeof *v);
    uint32_t before = k ? numbered(m, &k->peers) : 0;
    for (uint32_t i = 0; k && i < k->peers.n; i++) {
        const struct ikev2_peer *p = k->peers.v[i];
        struct ike_psk *e = &v[x->n_keys];
        *e = (struct ike_psk){.id = before + i + 1,
                              .line = line_of(m, p->span),
                              .local = key_of(m, &p->local_key, p->span),
                              .remote = key_of(m, &p->remote_key, p->span)};
        if (p->address.a.family != FAMILY_NONE) {
            e->who.addr = p->address.a;
            e->who.plen = plen_of(&p->address.a, &p->mask);
        } else if (IR_IS_SET(p->identity_kind)) {
            e->who.id_type = id_type_of(p->identity_kind.s);
            e->who.domain = p->identity_domain.v != 0;
            e->who.value = bytes_of(m, p->identity.s);
        } else if (IR_IS_SET(p->hostname)) {
            e->who.id_type = IKE_ID_FQDN;
            e->who.value = bytes_of(m, p->hostname.s);
        } else {
            continue;
        }
        x->n_keys += e->local.n || e->remote.n;
    }
    inline_keys(m, from, v, x);
    x->keys = v;
}

static uint8_t auth_bits(const struct ptrlist *l)
{
    uint8_t bits = 0;
    PTRLIST_FOR (struct ikev2_auth, a, l) {
        bits |= (uint8_t)(str_is(a->method.s, "pre-share")   ? IKE_MAY_PSK
                          : str_is(a->method.s, "rsa-sig")   ? IKE_MAY_RSA
                          : str_is(a->method.s, "ecdsa-sig") ? IKE_MAY_ECDSA
                                                             : 0);
    }
    return bits;
}

/* `identity local KIND VALUE`: an address is sent as it is written, the interface's own or not. */
static void own_identity(struct maker *m, struct str kind, struct str value, struct ike_profile *x)
{
    struct ip_addr a;
    x->id_type = id_type_of(kind);
    x->id = bytes_of(m, value);
    if (!str_is(kind, "address") || !addr_parse(value, &a))
        return;
    size_t n = a.family == FAMILY_V6 ? 16 : 4;
    x->id_type = a.family == FAMILY_V6 ? IKE_ID_IPV6 : IKE_ID_IPV4;
    x->id = (struct ike_bytes){(const uint8_t *)arena_strndup(m->a, (const char *)a.b, n), (uint32_t)n};
}

/* Which trustpoint's files the user is to put there: the first named one, else the first of all. */
static const char *trustpoint_to_fill(struct maker *m, const struct ptrlist *named, const struct ptrlist *also)
{
    const struct ptrlist *refs = named->n ? named : also;
    PTRLIST_FOR (struct ir_ref, r, refs)
        return keep(m, r->name);
    PTRLIST_FOR (struct trustpoint, t, &m->c->trustpoints)
        return keep(m, t->name.s);
    return "TRUSTPOINT";
}

static void lacks(struct maker *m, const struct ike_profile *x, const char *what, const char *t, const char *files)
{
    omit(m, "line %u: %s profile %s: none of its trustpoints has %s: put %s.%s into %s", x->line,
         x->version == 2 ? "IKEv2" : "isakmp", x->name, what, t, files, m->pki_dir);
}

static struct ike_profile v2_profile(struct maker *m, const struct ikev2_profile *p)
{
    struct ike_profile x = {.name = keep(m, p->name.s), .line = line_of(m, p->span), .version = 2};
    matches(m, &p->match_identities, &x);
    add_local(m, &p->local, &x.locals, &x.n_locals);
    if (IR_IS_SET(p->identity_kind))
        own_identity(m, p->identity_kind.s, p->identity.s, &x);
    x.auth_local = auth_bits(&p->auth_local);
    x.auth_remote = auth_bits(&p->auth_remote);
    v2_keys(m, p->keyring.target, p, &x);
    x.lifetime_s = (uint32_t)p->lifetime_s.v;
    bool own_dpd = IR_IS_SET(p->dpd_s);
    x.dpd_s = (uint32_t)(own_dpd ? p->dpd_s.v : m->c->ikev2.dpd_s.v);
    x.dpd_retry_s = (uint32_t)(own_dpd ? p->dpd_retry.v : m->c->ikev2.dpd_retry.v);
    x.dpd_periodic = str_is(own_dpd ? p->dpd_mode.s : m->c->ikev2.dpd_mode.s, "periodic");
    ike_sign_with(m->p, &x, &p->trustpoints_sign);
    ike_sign_with(m->p, &x, &p->trustpoints);
    ike_verify_with(m->p, &x, &p->trustpoints_verify);
    ike_verify_with(m->p, &x, &p->trustpoints);
    unsigned by_cert = IKE_MAY_RSA | IKE_MAY_ECDSA;
    const struct ike_credential *c = ike_credential_of(m->p, &x);
    if ((x.auth_local & by_cert) && !c)
        lacks(m, &x, "a certificate with its private key", trustpoint_to_fill(m, &p->trustpoints_sign, &p->trustpoints),
              "key and .crt");
    if ((x.auth_remote & by_cert) && !ike_verifies(m->p, &x))
        lacks(m, &x, "a CA's certificate", trustpoint_to_fill(m, &p->trustpoints_verify, &p->trustpoints), "ca");
    x.cert_maps = ike_cert_maps(m->a, m->c, &p->cert_maps, &x.n_cert_maps, m->out);
    return x;
}

static struct ike_profile v1_profile(struct maker *m, const struct isakmp_profile *p)
{
    struct ike_profile x = {.name = keep(m, p->name.s), .line = line_of(m, p->span), .version = 1};
    const struct ptrlist **lists = arena_array(m->a, p->keyrings.n + 1, sizeof *lists);
    unsigned n = 0;
    matches(m, &p->identities, &x);
    PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
        const struct keyring *k = r->target;
        lists[n++] = k ? &k->keys : &m->c->isakmp_keys; /* `default`: the global keys */
    }
    if (n == 0)
        lists[n++] = &m->c->isakmp_keys;
    v1_keys(m, lists, n, &x.keys, &x.n_keys);
    if (IR_IS_SET(p->self_identity_kind)) {
        x.id_type = id_type_of(p->self_identity_kind.s);
        x.id = bytes_of(m, p->self_identity.s.len ? p->self_identity.s : m->c->hostname.s);
    }
    x.auth_local = x.auth_remote = IKE_MAY_PSK | IKE_MAY_RSA | IKE_MAY_ECDSA;
    ike_sign_with(m->p, &x, &p->trustpoints);
    ike_verify_with(m->p, &x, &p->trustpoints);
    if (x.names_trustpoints && !ike_verifies(m->p, &x))
        lacks(m, &x, "a CA's certificate", trustpoint_to_fill(m, &p->trustpoints, &p->trustpoints), "ca");
    x.cert_maps = ike_cert_maps(m->a, m->c, &p->cert_maps, &x.n_cert_maps, m->out);
    x.aggressive = str_is(p->initiate_mode.s, "aggressive");
    x.dpd_s = (uint32_t)(IR_IS_SET(p->keepalive_s) ? p->keepalive_s.v : m->c->isakmp.keepalive_s.v);
    x.dpd_retry_s = (uint32_t)(IR_IS_SET(p->keepalive_s) ? p->keepalive_retry.v : m->c->isakmp.keepalive_retry.v);
    x.dpd_periodic = str_is(m->c->isakmp.keepalive_mode.s, "periodic");
    return x;
}

static void profiles(struct maker *m, struct ike_policy *p)
{
    struct ike_profile *v = arena_array(m->a, m->c->ikev2_profiles.n + m->c->isakmp_profiles.n + 1, sizeof *v);
    p->profiles = v;
    PTRLIST_FOR (struct ikev2_profile, x, &m->c->ikev2_profiles) {
        if (!x->complete.v || x->shutdown.v)
            continue;
        v[p->n_profiles] = v2_profile(m, x);
        symtab_put(m->a, &m->profiles, x->name.s, 2, &v[p->n_profiles++]);
    }
    PTRLIST_FOR (struct isakmp_profile, x, &m->c->isakmp_profiles) {
        v[p->n_profiles] = v1_profile(m, x);
        symtab_put(m->a, &m->profiles, x->name.s, 1, &v[p->n_profiles++]);
    }
}

/* ---- entries ---- */

static const struct ike_transform_set *set_of(struct maker *m, const struct transform_set *s)
{
    struct ike_transform_set *x = symtab_get(&m->sets, s->name.s, 0);
    if (x)
        return x;
    x = ARENA_NEW(m->a, struct ike_transform_set);
    x->name = keep(m, s->name.s);
    x->line = line_of(m, s->span);
    x->transport = str_is(s->mode.s, "transport");
    x->require = s->require.v != 0;
    x->esn = s->esn.v != 0;
    PTRLIST_FOR (struct ir_transform, t, &s->transforms) {
        const struct ike_choice c = {(uint16_t)t->alg, t->bits};
        if (t->proto == PROTO_AH)
            x->ah = c;
        else if (algo_get(t->alg)->kind == ALGO_ENCR)
            x->encr = c;
        else if (algo_get(t->alg)->kind == ALGO_INTEG)
            x->integ = c;
    }
    symtab_put(m->a, &m->sets, s->name.s, 0, x);
    return x;
}

static struct ip_addr edge(const struct addr_bits *a, uint8_t family, bool hi)
{
    struct ip_addr x = {.family = family};
    for (unsigned i = 0; i < (family == FAMILY_V6 ? 16u : 4u); i++)
        x.b[i] = (uint8_t)(a->value[i] | (hi ? (uint8_t)~a->care[i] : 0));
    return x;
}

static bool is_icmp(unsigned proto)
{
    return proto == 1 || proto == 58;
}

/* The first bit that does not count although a later one does, -1 if the mask is a prefix. */
static int first_hole(const struct addr_bits *a, int bits)
{
    int hole = -1;
    for (int i = 0; i < bits; i++) {
        bool care = a->care[i / 8] >> (7 - i % 8) & 1;
        if (!care && hole < 0)
            hole = i;
        if (care && hole >= 0)
            return hole;
    }
    return -1;
}

#define PIECES_MAX 256
/* A selector is a range: a mask with holes becomes several. */
static bool pieces(struct maker *m, struct box b, struct ptrlist *out)
{
    int bits = b.family == FAMILY_V6 ? 128 : 32;
    struct addr_bits *a = &b.src;
    int hole = first_hole(a, bits);
    if (hole < 0) {
        a = &b.dst;
        hole = first_hole(a, bits);
    }
    if (hole >= 0) {
        uint8_t bit = (uint8_t)(0x80 >> hole % 8);
        a->care[hole / 8] |= bit;
        for (int k = 0; k < 2; k++) {
            a->value[hole / 8] = (uint8_t)((a->value[hole / 8] & ~bit) | (k ? bit : 0));
            if (!pieces(m, b, out))
                return false;
        }
        return true;
    }
    struct ike_selector *s = ARENA_NEW(m->a, struct ike_selector);
    *s = (struct ike_selector){.family = b.family,
                               .proto = (uint8_t)(b.proto == PROTO_ANY ? 0 : b.proto),
                               .sport_lo = b.sport.lo,
                               .sport_hi = b.sport.hi,
                               .dport_lo = b.dport.lo,
                               .dport_hi = b.dport.hi};
    if (is_icmp(b.proto)) { /* type and code are one number (RFC 7296 §3.13.1) */
        bool any = b.sport.lo == 0 && b.sport.hi == 65535, any_code = b.dport.hi > 255;
        uint16_t type = (uint16_t)(b.sport.lo << 8), lo = 0, hi = 65535;
        if (!any) {
            lo = (uint16_t)(type | (any_code ? 0 : b.dport.lo));
            hi = (uint16_t)(type | (any_code ? 255 : b.dport.lo));
        }
        s->sport_lo = s->dport_lo = lo;
        s->sport_hi = s->dport_hi = hi;
    }
    s->src_lo = edge(&b.src, b.family, false);
    s->src_hi = edge(&b.src, b.family, true);
    s->dst_lo = edge(&b.dst, b.family, false);
    s->dst_hi = edge(&b.dst, b.family, true);
    ptrlist_add(m->a, out, s);
    return out->n < PIECES_MAX;
}

static void box_selectors(struct maker *m, struct box b, struct span at, struct ptrlist *out)
{
    if (!pieces(m, b, out))
        omit(m, "line %u: more than %u proxy identities: the rest is not negotiated", line_of(m, at), PIECES_MAX);
}

/* A line for each selector; `one_of_many`: together they are one line of the access list. */
static void selector_lines(struct maker *m, const struct ptrlist *sel, uint32_t reqid, struct span at, bool one_of_many,
                           struct ptrlist *out)
{
    PTRLIST_FOR (struct ike_selector, s, sel) {
        struct ike_line *n = ARENA_NEW(m->a, struct ike_line);
        *n = (struct ike_line){reqid, line_of(m, at), one_of_many, *s};
        ptrlist_add(m->a, out, n);
    }
}

static void keep_lines(struct maker *m, const struct ptrlist *all, struct ike_entry *x)
{
    struct ike_line *v = arena_array(m->a, all->n + 1, sizeof *v);
    for (uint32_t i = 0; i < all->n; i++)
        v[i] = *(struct ike_line *)all->v[i];
    x->lines = v;
    x->n_lines = all->n;
}

static void lines_of(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e,
                     struct ike_entry *x)
{
    struct ptrlist all = {0};
    PTRLIST_FOR (struct target_line, l, &tm->lines) {
        struct ptrlist sel = {0};
        if (l->entry != e)
            continue;
        for (uint32_t i = 0; i < l->boxes.n; i++)
            box_selectors(m, l->boxes.v[i], l->line->span, &sel);
        selector_lines(m, &sel, l->reqid, l->line->span, sel.n > 1, &all);
    }
    keep_lines(m, &all, x);
}

/* What a dynamic entry's list leaves to its peers: its permits less what denies and earlier entries take, as flattened.
 * Their request numbers are made when a peer comes. */
static void dynamic_lines(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e,
                          struct ike_entry *x)
{
    struct ptrlist all = {0};
    for (uint32_t i = 0; i < tm->flat.n; i++) {
        const struct flat_rule *r = &tm->flat.v[i];
        struct ptrlist sel = {0};
        if (r->entry != e || !r->line || r->verdict != VERDICT_DROP)
            continue;
        box_selectors(m, r->box, r->line->span, &sel);
        selector_lines(m, &sel, 0, r->line->span, false, &all);
    }
    keep_lines(m, &all, x);
}

static void settings(struct maker *m, const struct sa_settings *sa, struct ike_entry *x)
{
    const struct ike_transform_set **sets = arena_array(m->a, sa->transform_sets.n + 1, sizeof *sets);
    PTRLIST_FOR (struct ir_ref, r, &sa->transform_sets) {
        const struct transform_set *s = r->target;
        if (s)
            sets[x->n_sets++] = set_of(m, s);
    }
    x->sets = sets;
    x->version = IR_IS_SET(sa->ikev2_profile) ? 2 : 1;
    const struct ir_ref *p = x->version == 2 ? &sa->ikev2_profile : &sa->isakmp_profile;
    if (IR_IS_SET(*p))
        x->profile = symtab_get(&m->profiles, p->name, x->version);
    x->pfs = (uint16_t)(IR_IS_SET(sa->pfs_group) ? sa->pfs_group.v : sa->pfs_bare.v ? ALGO_DH_768_MODP : ALGO_NONE);
    x->lifetime_s = (uint32_t)sa->lifetime_s.v;
    x->lifetime_kb = sa->lifetime_kb_disabled.v ? 0 : (uint32_t)sa->lifetime_kb.v;
    x->idle_s = (uint32_t)sa->idle_s.v;
    x->idle_default = sa->idle_default.v != 0;
    x->route = (struct ike_route){
        .on = sa->reverse_route.v != 0,
        .is_static = sa->rr_static.v != 0,
        .via = IR_IS_SET(sa->rr_gateway) ? sa->rr_gateway.a : sa->rr_remote_peer.a,
        .distance = (uint32_t)sa->rr_distance.v,
    };
    if (IR_IS_SET(sa->rr_tag))
        omit(m, "map %s entry %u (line %u): the tag of its reverse routes is not carried: Linux routes have none",
             x->map, x->seq, x->line);
    x->replay_window = sa->replay_disabled.v ? 0 : (uint32_t)sa->replay_window.v;
    x->per_host = sa->per_host.v != 0;
    x->responder_only = sa->responder_only.v != 0;
}

static void entry(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e, struct ike_policy *p,
                  struct ike_entry *out)
{
    struct ike_entry x = {.map = keep(m, tm->map->name.s),
                          .seq = (uint32_t)e->seq.v,
                          .line = line_of(m, e->span),
                          .dynamic = e->in_dynamic,
                          .local = tm->local};
    const struct unmet *blocked = target_blocked(m->t, e);
    if (blocked) {
        omit(m, "map %s entry %u (line %u) is blocked: %s (line %u)", x.map, x.seq, x.line, need_text(blocked->need),
             line_of(m, blocked->at));
        return;
    }
    if (!e->complete.v || (e->type.v != ENTRY_ISAKMP && !e->in_dynamic))
        return;
    settings(m, &e->sa, &x);
    ike_entry_interfaces(&x, m->t, tm);
    if (x.dynamic) {
        dynamic_lines(m, tm, e, &x);
        ike_entry_place(&x, m->plan, e);
        if (IR_IS_SET(e->acl) && !x.n_lines) { /* an empty list permits nobody */
            omit(m, "map %s entry %u (line %u): its access list leaves nothing to peers", x.map, x.seq, x.line);
            return;
        }
    } else {
        lines_of(m, tm, e, &x);
    }
    x.peers = arena_array(m->a, e->peers.n + 1, sizeof *x.peers);
    PTRLIST_FOR (struct map_peer, q, &e->peers) {
        if (q->host.addr.family == FAMILY_NONE) {
            omit(m,
                 "map %s entry %u (line %u): peer %.*s is known by name only and the name was not found: nothing is "
                 "negotiated with it",
                 x.map, x.seq, x.line, (int)q->host.name.len, q->host.name.p);
            continue;
        }
        if (q->dynamic.v)
            omit(m,
                 "map %s entry %u (line %u): peer %.*s was looked up now and is not looked up again before a restart",
                 x.map, x.seq, x.line, (int)q->host.name.len, q->host.name.p);
        struct ike_peer *y = &x.peers[x.n_peers++];
        *y = (struct ike_peer){q->host.addr, q->host.name.len ? keep(m, q->host.name) : NULL, q->is_default.v != 0};
    }
    if (e->peers.n && !x.n_peers)
        return;
    if (x.version == 2 && !x.profile) {
        omit(m, "map %s entry %u (line %u): its IKEv2 profile is not usable: nothing is negotiated", x.map, x.seq,
             x.line);
        return;
    }
    out[p->n_entries++] = x;
}

static void entries(struct maker *m, struct ike_policy *p)
{
    uint32_t n = 0;
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        n += tm->map->entries.n;
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            n += IR_IS_SET(e->dynamic) && e->dynamic.target ? ((struct crypto_map *)e->dynamic.target)->entries.n : 0;
        }
    }
    p->entries = arena_array(m->a, n + 1, sizeof *p->entries);
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            if (!IR_IS_SET(e->dynamic))
                entry(m, tm, e, p, p->entries);
        }
    }
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            const struct crypto_map *d = IR_IS_SET(e->dynamic) ? e->dynamic.target : NULL;
            for (uint32_t i = 0; d && i < d->entries.n; i++)
                entry(m, tm, d->entries.v[i], p, p->entries);
        }
    }
}

/* Who is called in aggressive mode, and as whom. */
static void aggressive_peers(struct maker *m, struct ike_policy *p)
{
    struct ike_aggressive_peer *v = arena_array(m->a, m->c->isakmp_peers.n + 1, sizeof *v);
    p->aggressive = v;
    PTRLIST_FOR (struct isakmp_peer, x, &m->c->isakmp_peers) {
        struct ike_aggressive_peer *y = &v[p->n_aggressive];
        if (!IR_IS_SET(x->endpoint_kind) && x->password.s.form == SECRET_NONE)
            continue;
        if (x->peer.addr.family == FAMILY_NONE) {
            omit(m, "line %u: a peer of aggressive mode is known by name only: it is called in main mode",
                 line_of(m, x->span));
            continue;
        }
        *y = (struct ike_aggressive_peer){.peer = x->peer.addr};
        struct ip_addr a;
        if (str_is(x->endpoint_kind.s, "fqdn") || str_is(x->endpoint_kind.s, "user-fqdn")) {
            y->id_type = id_type_of(x->endpoint_kind.s);
            y->id = bytes_of(m, x->endpoint.s);
        } else if (IR_IS_SET(x->endpoint) && addr_parse(x->endpoint.s, &a)) {
            y->id_type = a.family == FAMILY_V6 ? IKE_ID_IPV6 : IKE_ID_IPV4;
            y->id = (struct ike_bytes){
                (const uint8_t *)arena_strndup(m->a, (const char *)a.b, a.family == FAMILY_V6 ? 16 : 4),
                a.family == FAMILY_V6 ? 16 : 4};
        }
        y->key.id = ++m->n_key_ids;
        y->key.line = line_of(m, x->span);
        y->key.local = y->key.remote = key_of(m, &x->password, x->span);
        p->n_aggressive++;
    }
    if (p->n_aggressive && p->aggressive_disabled)
        omit(m, "line %u: aggressive mode is disabled: its peers are called in main mode", v[0].key.line);
}

static void globals(struct maker *m, struct ike_policy *p)
{
    const struct isakmp_globals *g = &m->c->isakmp;
    const struct ikev2_globals *h = &m->c->ikev2;
    p->aggressive_disabled = g->aggressive_disable.v != 0;
    aggressive_peers(m, p);
    p->v1_fragmentation = g->fragmentation.v != 0;
    if (g->invalid_spi_recovery.v)
        omit(m, "line %u: invalid-spi-recovery is not carried: a peer that lost its SAs is found by DPD",
             line_of(m, g->invalid_spi_recovery.m.span));
    p->v1_id_hostname = str_is(g->identity.s, "hostname");
    p->v1_id_dn = str_is(g->identity.s, "dn");
    p->hostname = keep(m, m->c->hostname.s);
    p->v1_keepalive_s = (uint32_t)g->keepalive_s.v;
    p->v1_keepalive_retry_s = (uint32_t)g->keepalive_retry.v;
    p->v1_keepalive_periodic = str_is(g->keepalive_mode.s, "periodic");
    p->nat_keepalive_s = (uint32_t)(g->nat_keepalive_s.v ? g->nat_keepalive_s.v : h->nat_keepalive_s.v);
    p->v2_fragmentation = h->fragmentation.v != 0;
    p->fragment_mtu = (uint32_t)h->fragmentation_mtu.v;
    p->cookie_threshold = (uint32_t)h->cookie_challenge.v;
    p->max_in_negotiation = (uint32_t)h->max_in_negotiation.v;
    p->max_sa = (uint32_t)h->max_sa.v;
}

/* A version that no entry negotiates with is not spoken at all: the built-in policies (3DES, group 2) would answer
 * strangers to no end. The router answers; nothing could come of it there either. */
static void only_used_versions(struct ike_policy *p)
{
    bool used[3] = {false};
    for (unsigned i = 0; i < p->n_entries; i++)
        used[p->entries[i].version] = true;
    p->n_v1 = used[1] ? p->n_v1 : 0;
    p->n_v2 = used[2] ? p->n_v2 : 0;
}

const struct ike_policy *ike_policy_build(struct target *t, const struct xfrm_plan *plan, struct str master,
                                          const char *pki_dir, struct ike_omissions *out)
{
    struct maker m = {.plan = plan, .t = t, .a = t->arena, .c = t->c, .master = master, .pki_dir = pki_dir, .out = out};
    struct ike_policy *p = ARENA_NEW(t->arena, struct ike_policy);
    const struct ptrlist **lists = arena_array(t->arena, t->c->keyrings.n + 1, sizeof *lists);
    unsigned n = 0;
    m.p = p;
    globals(&m, p);
    ike_pki_load(p, t->arena, t->c, pki_dir, out);
    v1_policies(&m, p);
    v2_policies(&m, p);
    lists[n++] = &t->c->isakmp_keys;
    PTRLIST_FOR (struct keyring, k, &t->c->keyrings) {
        lists[n++] = &k->keys;
    }
    v1_keys(&m, lists, n, &p->keys, &p->n_keys);
    profiles(&m, p);
    entries(&m, p);
    only_used_versions(p);
    p->n_key_ids = m.n_key_ids;
    return p;
}
