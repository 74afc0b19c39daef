/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trustpoints, certificates, certificate maps, identities, public keys, and blocks that are only recognised (§11). */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "compiler/sem/builder.h"
#include "compiler/sem/revocation.h"

#define ARG(n) (&s->args[n])

static void trustpoint(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s))
        object_remove(b, s, TAB_TRUSTPOINT, &b->c->trustpoints, val_str(b, ARG(0)), "trustpoint");
    else
        b->cur[MODE_TRUSTPOINT] = object_get(b, TAB_TRUSTPOINT, &b->c->trustpoints, sizeof(struct trustpoint),
                                             val_name(b, ARG(0)), s->span, NULL);
}

static void trustpoint_line(struct builder *b, const struct ios_stmt *s)
{
    struct trustpoint *t = b->cur[MODE_TRUSTPOINT];
    switch (s->kind) {
    case S_TP_ENROLLMENT: /* `enrollment url` and `enrollment mode` are two settings: keep all lines */
        if (IR_WRITTEN(t->enrollment) && !undo(s))
            text_list_edit(b, s, &t->other);
        else
            set_text(b, s, &t->enrollment, ARG(0));
        break;
    case S_TP_SUBJECT:
        set_text(b, s, &t->subject, ARG(0));
        break;
    case S_TP_REVOCATION:
        set_text(b, s, &t->revocation, ARG(0));
        break;
    case S_TP_KEYPAIR:
        set_str(b, s, &t->keypair, ARG(0));
        t->keypair_bits = (struct ir_num){0};
        if (has(ARG(1)))
            set_range(b, s, &t->keypair_bits, ARG(1), 256, 8192, "key size", "bits");
        break;
    case S_TP_HASH:
        t->hash =
            undo(s) ? (struct ir_str){0} : (struct ir_str){source_slice(b->src, ARG(0)->span), written(ARG(0)->span)};
        break;
    case S_TP_FQDN:
        set_str(b, s, &t->fqdn, ARG(0));
        break;
    case S_TP_PASSWORD:
        set_secret(b, &t->password, ARG(0), ARG(1));
        if (undo(s))
            t->password = (struct ir_secret){0};
        break;
    default:
        text_list_edit(b, s, &t->other);
        break;
    }
}

static void chain(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s))
        object_remove(b, s, TAB_CERT_CHAIN, &b->c->cert_chains, val_str(b, ARG(0)), "certificate chain");
    else
        b->cur[MODE_CERT_CHAIN] = object_get(b, TAB_CERT_CHAIN, &b->c->cert_chains, sizeof(struct cert_chain),
                                             val_name(b, ARG(0)), s->span, NULL);
}

static unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

/* Hexadecimal digits without blanks. */
static struct str hex_of(struct builder *b, struct span blob)
{
    struct str t = source_slice(b->src, blob);
    char *out = arena_alloc(b->a, t.len + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t.len; i++)
        if (strchr("0123456789abcdefABCDEF", t.p[i]) && t.p[i])
            out[n++] = t.p[i];
    return (struct str){out, n};
}

static struct ir_str from_bio(struct builder *b, BIO *bio, struct span span)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    struct ir_str r = {{arena_strndup(b->a, p ? p : "", n > 0 ? (size_t)n : 0), n > 0 ? (uint32_t)n : 0},
                       written(span)};
    (void)BIO_reset(bio);
    return r;
}

static struct ir_str time_text(struct builder *b, const ASN1_TIME *t, struct span span, int64_t *seconds)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(t, &tm))
        return (struct ir_str){0};
    if (seconds)
        *seconds = (int64_t)timegm(&tm);
    char z[32];
    size_t n = strftime(z, sizeof z, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return (struct ir_str){{arena_strndup(b->a, z, n), (uint32_t)n}, written(span)};
}

static void decode(struct builder *b, struct certificate *c, X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio)
        return;
    X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    c->subject = from_bio(b, bio, c->span);
    X509_NAME_print_ex(bio, X509_get_issuer_name(x), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    c->issuer = from_bio(b, bio, c->span);
    BIO_free(bio);
    c->not_before = time_text(b, X509_get0_notBefore(x), c->span, NULL);
    c->not_after = time_text(b, X509_get0_notAfter(x), c->span, &c->expires);
    const char *sig = OBJ_nid2sn(X509_get_signature_nid(x));
    c->signature = (struct ir_str){str_lit(arena_strndup(b->a, sig, strlen(sig))), written(c->span)};
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key) {
        c->key_bits = num_of((uint64_t)EVP_PKEY_get_bits(key), c->span);
        const char *type = EVP_PKEY_is_a(key, "RSA") ? "RSA" : EVP_PKEY_is_a(key, "EC") ? "EC" : "other";
        c->key_type = (struct ir_str){str_lit(type), written(c->span)};
    }
}

static void certificate_decode(struct builder *b, struct certificate *c)
{
    size_t n = c->hex.s.len / 2;
    if (n == 0)
        return;
    uint8_t *der = arena_alloc(b->a, n);
    for (size_t i = 0; i < n; i++)
        der[i] = (uint8_t)(nibble(c->hex.s.p[2 * i]) << 4 | nibble(c->hex.s.p[2 * i + 1]));
    const unsigned char *p = der;
    X509 *x = d2i_X509(NULL, &p, (long)n);
    if (x)
        decode(b, c, x);
    else
        diag_add(b->diags, D_BAD_CERTIFICATE, c->span, "these %zu bytes are not an X.509 certificate", n);
    X509_free(x);
    ERR_clear_error();
}

static void certificate(struct builder *b, const struct ios_stmt *s)
{
    struct cert_chain *ch = b->cur[MODE_CERT_CHAIN];
    if (undo(s)) {
        for (uint32_t i = ch->certificates.n; i-- > 0;) {
            struct certificate *o = ch->certificates.v[i];
            if (str_eq(o->serial.s, val_str(b, ARG(1))))
                ptrlist_remove(&ch->certificates, i);
        }
        return;
    }
    struct certificate *c = ARENA_NEW(b->a, struct certificate);
    c->span = s->span;
    if (has(ARG(0)))
        c->role = val_name(b, ARG(0));
    c->serial = val_name(b, ARG(1));
    if (has(ARG(2)))
        c->file = val_name(b, ARG(2));
    if (s->blob.len) {
        c->hex = (struct ir_str){hex_of(b, s->blob), written(s->blob)};
        certificate_decode(b, c);
    }
    ptrlist_add(b->a, &ch->certificates, c);
}

static void cert_map(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    uint64_t seq = has(ARG(1)) ? ARG(1)->u.num : 0;
    uint32_t space = (1u << 28) + (uint32_t)(seq & 0xffff);
    struct cert_map *m = symtab_get(&b->c->names, name, space);
    if (undo(s)) {
        for (uint32_t i = b->c->cert_maps.n; i-- > 0;) {
            struct cert_map *o = b->c->cert_maps.v[i];
            if (str_eq(o->name.s, name) && (!has(ARG(1)) || o->seq.v == seq))
                ptrlist_remove(&b->c->cert_maps, i);
        }
        symtab_del(&b->c->names, name, space);
        return;
    }
    if (!m) {
        m = ARENA_NEW(b->a, struct cert_map);
        m->span = s->span;
        m->name = val_name(b, ARG(0));
        m->seq = num_of(seq, ARG(1)->span);
        if (check_range(b, ARG(1), 1, 65535, "sequence number", ""))
            ptrlist_add(b->a, &b->c->cert_maps, m);
        symtab_put(b->a, &b->c->names, name, space, m);
        if (!ir_find(b->c, TAB_CERT_MAP, name))
            symtab_put(b->a, &b->c->names, name, TAB_CERT_MAP, m);
    }
    b->cur[MODE_CERT_MAP] = m;
}

static void cert_map_rule(struct builder *b, const struct ios_stmt *s)
{
    struct cert_map *m = b->cur[MODE_CERT_MAP];
    if (undo(s)) {
        for (uint32_t i = m->rules.n; i-- > 0;) {
            struct cert_map_rule *o = m->rules.v[i];
            if (str_eq(o->field.s, val_str(b, ARG(0))))
                ptrlist_remove(&m->rules, i);
        }
        return;
    }
    if (val_is(ARG(0), "valid-start") || val_is(ARG(0), "expires-on"))
        diag_add(b->diags, D_RECOGNISED_ONLY, s->span,
                 "dates in a certificate map are recognised, not judged: sequence number %u takes nobody",
                 (unsigned)m->seq.v);
    struct cert_map_rule *r = ARENA_NEW(b->a, struct cert_map_rule);
    r->span = s->span;
    r->field = val_name(b, ARG(0));
    if (has(ARG(1)))
        r->op = val_name(b, ARG(1));
    r->value = val_name(b, ARG(2));
    ptrlist_add(b->a, &m->rules, r);
}

static void identity(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s))
        object_remove(b, s, TAB_IDENTITY, &b->c->identities, val_str(b, ARG(0)), "crypto identity");
    else
        b->cur[MODE_IDENTITY] = object_get(b, TAB_IDENTITY, &b->c->identities, sizeof(struct crypto_identity),
                                           val_name(b, ARG(0)), s->span, NULL);
}

static void identity_line(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_identity *i = b->cur[MODE_IDENTITY];
    set_text(b, s, s->kind == S_ID_DN ? &i->dn : &i->fqdn, ARG(0));
}

static void pubkey(struct builder *b, const struct ios_stmt *s)
{
    struct rsa_pubkey *k = ARENA_NEW(b->a, struct rsa_pubkey);
    k->span = s->span;
    k->kind = val_name(b, ARG(0));
    k->name = val_name(b, ARG(1));
    if (has(ARG(2)))
        k->usage = val_name(b, ARG(2));
    for (uint32_t i = b->c->pubkeys.n; i-- > 0;) {
        struct rsa_pubkey *o = b->c->pubkeys.v[i];
        if (str_eq(o->kind.s, k->kind.s) && str_eq(o->name.s, k->name.s) && str_eq(o->usage.s, k->usage.s))
            ptrlist_remove(&b->c->pubkeys, i);
    }
    if (!undo(s))
        ptrlist_add(b->a, &b->c->pubkeys, k);
    b->cur[MODE_PUBKEY] = k;
}

static void pubkey_line(struct builder *b, const struct ios_stmt *s)
{
    struct rsa_pubkey *k = b->cur[MODE_PUBKEY];
    if (s->kind == S_PUBKEY_ADDRESS)
        set_addr(b, s, &k->address, ARG(0));
    else
        k->key = (struct ir_str){hex_of(b, s->blob), written(s->blob)};
}

/* ---- recognised only ---- */

/* Features that people count on and that stop at this program: say so once, where they begin. */
static void say_recognised(struct builder *b, const struct ios_stmt *s)
{
    static const struct {
        const char *start, *what;
    } features[] = {
        {"crypto gdoi", "GETVPN (GDOI)"},
        {"crypto gkm", "GETVPN (GKM)"},
        {"crypto ipsec client ezvpn", "Easy VPN client"},
        {"crypto isakmp client configuration group", "Easy VPN server group"},
        {"crypto ctcp", "IPsec over TCP"},
        {"crypto ikev2 client flexvpn", "FlexVPN client"},
        {"crypto ikev2 authorization policy", "FlexVPN authorization policy"},
        {"crypto ikev2 cluster", "IKEv2 load balancer"},
        {"crypto vpn anyconnect", "AnyConnect"},
        {"crypto ssl", "SSL VPN"},
    };
    struct str t = source_slice(b->src, s->span);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        size_t n = strlen(features[i].start);
        if (t.len >= n && str_prefix_of((struct str){t.p, (uint32_t)n}, features[i].start)) {
            diag_add(b->diags, D_RECOGNISED_ONLY, s->span, "%s is recognised; nothing here corresponds to it",
                     features[i].what);
            return;
        }
    }
}

static void other(struct builder *b, const struct ios_stmt *s)
{
    if (s->mode == MODE_OTHER) {
        if (b->cur_other)
            text_list_edit(b, s, &b->cur_other->lines);
        return;
    }
    struct str text = text_line(b, s)->text.s;
    struct other_block *o = NULL;
    for (uint32_t i = 0; i < b->c->others.n && b->c->others.n < 256; i++) {
        struct other_block *x = b->c->others.v[i];
        if (str_eq(x->head.s, text)) {
            o = x;
            if (undo(s)) {
                ptrlist_remove(&b->c->others, i);
                return;
            }
        }
    }
    if (undo(s) && s->to_default)
        return;
    if (!o) {
        struct ir_text *t = text_line(b, s);
        o = ARENA_NEW(b->a, struct other_block);
        o->span = s->span;
        o->head = t->text;
        if (s->negated)
            o->head.s = source_slice(b->src, s->span); /* `no crypto engine …` is a setting of its own */
        o->key = t->key;
        ptrlist_add(b->a, &b->c->others, o);
        if (!s->negated)
            say_recognised(b, s);
    }
    b->cur_other = o;
}

static void asa(struct builder *b, const struct ios_stmt *s)
{
    diag_add(b->diags, D_ASA_COMMAND, s->span,
             "this is a command of the ASA or PIX: IOS does not have it, the line is left out");
}

static void description(struct builder *b, const struct ios_stmt *s)
{
    struct ir_str *f = NULL;
    switch (s->mode) {
    case MODE_KEYRING:
        f = &((struct keyring *)b->cur[MODE_KEYRING])->description;
        break;
    case MODE_ISAKMP_PROFILE:
        f = &((struct isakmp_profile *)b->cur[MODE_ISAKMP_PROFILE])->description;
        break;
    case MODE_ISAKMP_PEER:
        f = &((struct isakmp_peer *)b->cur[MODE_ISAKMP_PEER])->description;
        break;
    case MODE_V2_PROPOSAL:
        f = &((struct ikev2_proposal *)b->cur[MODE_V2_PROPOSAL])->description;
        break;
    case MODE_V2_POLICY:
        f = &((struct ikev2_policy *)b->cur[MODE_V2_POLICY])->description;
        break;
    case MODE_V2_KEYRING:
        f = &((struct ikev2_keyring *)b->cur[MODE_V2_KEYRING])->description;
        break;
    case MODE_V2_PEER:
        f = &((struct ikev2_peer *)b->cur[MODE_V2_PEER])->description;
        break;
    case MODE_V2_PROFILE:
        f = &((struct ikev2_profile *)b->cur[MODE_V2_PROFILE])->description;
        break;
    case MODE_IPSEC_PROFILE:
        f = &((struct ipsec_profile *)b->cur[MODE_IPSEC_PROFILE])->description;
        break;
    case MODE_TRUSTPOINT:
        f = &((struct trustpoint *)b->cur[MODE_TRUSTPOINT])->description;
        break;
    case MODE_IDENTITY:
        f = &((struct crypto_identity *)b->cur[MODE_IDENTITY])->description;
        break;
    default: /* in a map entry, or a one-line form */
        if (b->cur_entry)
            f = &b->cur_entry->description;
        break;
    }
    if (f)
        set_text(b, s, f, ARG(0));
}

void trustpoints_check(struct builder *b)
{
    PTRLIST_FOR (struct trustpoint, t, &b->c->trustpoints) {
        struct revocation r;
        trustpoint_revocation(t, &r);
        if (r.is_unknown)
            diag_add(b->diags, D_BAD_VALUE, r.unsupported, "'" STR_FMT "' %s", STR_ARG(r.word), r.why);
    }
}

const struct handler_row pki_handlers[] = {
    {S_TRUSTPOINT, trustpoint},
    {S_TP_ENROLLMENT, trustpoint_line},
    {S_TP_SUBJECT, trustpoint_line},
    {S_TP_REVOCATION, trustpoint_line},
    {S_TP_KEYPAIR, trustpoint_line},
    {S_TP_HASH, trustpoint_line},
    {S_TP_FQDN, trustpoint_line},
    {S_TP_PASSWORD, trustpoint_line},
    {S_TP_OTHER, trustpoint_line},
    {S_CERT_CHAIN, chain},
    {S_CERTIFICATE, certificate},
    {S_CERT_MAP, cert_map},
    {S_CERT_MAP_RULE, cert_map_rule},
    {S_IDENTITY, identity},
    {S_ID_DN, identity_line},
    {S_ID_FQDN, identity_line},
    {S_PUBKEY, pubkey},
    {S_PUBKEY_ADDRESS, pubkey_line},
    {S_KEY_STRING, pubkey_line},
    {S_OTHER, other},
    {S_BLOCK_SECRET, other},
    {S_ASA, asa},
    {S_DESCRIPTION, description},
    {S_COUNT, NULL},
};
