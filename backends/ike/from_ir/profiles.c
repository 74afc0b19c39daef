/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who peers are and how they prove it: identities, keys, profiles of both versions. */
#include <stdlib.h>

#include "backends/ike/engine/proof.h"
#include "backends/ike/from_ir/maker.h"
#include "compiler/sem/peer_keys.h"

struct ike_bytes maker_key(struct maker *m, const struct ir_secret *s)
{
    char clear[SECRET_CLEAR_MAX];
    size_t n = 0;
    struct ike_bytes out = {NULL, 0};
    if (s->s.form == SECRET_NONE)
        return out;
    if (s->s.form == SECRET_HEX) {
        struct str h = secret_reveal(&s->s);
        bool is_marked = h.len > 2 && h.p[0] == '0' && (h.p[1] == 'x' || h.p[1] == 'X');
        h = is_marked ? (struct str){h.p + 2, h.len - 2} : h;
        uint8_t *b = arena_array(m->a, h.len / 2 + 1, 1);
        for (uint32_t i = 0; i + 1 < h.len; i += 2) {
            char pair[3] = {h.p[i], h.p[i + 1], '\0'};
            b[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
        }
        return (struct ike_bytes){b, h.len / 2};
    }
    if (secret_clear(&s->s, m->master, clear, &n))
        out = (struct ike_bytes){(const uint8_t *)arena_strndup(m->a, clear, n), (uint32_t)n};
    explicit_bzero(clear, sizeof clear);
    return out;
}

uint8_t maker_id_type(struct str kind)
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
        out->plen = identity_plen(i);
        return true;
    }
    out->id_type = maker_id_type(i->kind.s);
    out->domain = i->domain.v || str_is(i->kind.s, "host-domain") || str_is(i->kind.s, "user-domain");
    out->value = maker_bytes(m, i->value.s);
    return out->id_type != 0;
}

static void matches(struct maker *m, const struct ptrlist *from, struct ike_profile *x)
{
    struct ike_match *v = arena_array(m->a, from->n + 1, sizeof *v);
    PTRLIST_FOR (struct identity_match, i, from) {
        if (match_of(m, i, &v[x->n_remote]))
            x->n_remote++;
        else
            omit(m, "line %u: match identity %.*s is not judged", maker_line(m, i->span), (int)i->kind.s.len,
                 i->kind.s.p);
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

/* Rows whose key the master key does not open stay, without one: they are who they are, and prove nobody. A wider row
 * must not stand in for them. */

/* A key of IKEv1: by address, or by name. */
static bool v1_key(struct maker *m, const struct psk *k, uint32_t id, struct ike_psk *out)
{
    *out = (struct ike_psk){.id = id, .line = maker_line(m, k->span), .local = maker_key(m, &k->key)};
    out->remote = out->local;
    if (k->kind.v == KEY_HOSTNAME) {
        bool is_user = memchr(k->peer.name.p, '@', k->peer.name.len) != NULL;
        out->who.id_type = is_user ? IKE_ID_USER_FQDN : IKE_ID_FQDN;
        out->who.value = maker_bytes(m, k->peer.name);
    } else {
        out->who.addr = k->peer.addr;
        out->who.plen = psk_plen(k);
    }
    return k->key.s.form != SECRET_NONE;
}

/* Nothing here is in a VRF: a keyring that is for one is nobody's. */
static bool is_of_vrf(struct maker *m, const struct keyring *k)
{
    bool is_other = k && IR_IS_SET(k->vrf);
    if (is_other)
        omit(m, "line %u: keyring " STR_FMT " is for VRF " STR_FMT ": its keys are not used", maker_line(m, k->span),
             STR_ARG(k->name.s), STR_ARG(k->vrf.s));
    return is_other;
}

/* As unknown_peer(): a key whose address is none could be for anybody. */
static bool is_known_peer(struct maker *m, const struct psk *k)
{
    bool is_known = k->kind.v == KEY_HOSTNAME || k->peer.addr.family != FAMILY_NONE;
    if (!is_known)
        omit(m, "line %u: the address of this key is none: as another key might be taken for it, none is",
             maker_line(m, k->span));
    m->out->lacks += !is_known;
    return is_known;
}

void maker_v1_keys(struct maker *m, const struct maker_key_list *lists, unsigned n_lists, const struct ike_psk **out,
                   unsigned *n)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < n_lists; i++)
        total += lists[i].keys->n;
    struct ike_psk *v = arena_array(m->a, total + 1, sizeof *v);
    bool is_whole = true;
    for (unsigned i = 0; i < n_lists; i++) {
        const struct ip_addr *at = NULL;
        unsigned n_at = 0;
        if (is_of_vrf(m, lists[i].keyring))
            continue;
        if (lists[i].keyring)
            maker_locals(m, &lists[i].keyring->local, &at, &n_at);
        for (uint32_t k = 0, before = numbered(m, lists[i].keys); k < lists[i].keys->n; k++) {
            bool is_kept = v1_key(m, lists[i].keys->v[k], before + k + 1, &v[*n]);
            v[*n].at = at;
            v[*n].n_at = n_at;
            *n += is_kept;
            is_whole &= is_known_peer(m, lists[i].keys->v[k]);
        }
    }
    if (!is_whole)
        *n = 0;
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
    struct ike_psk e = {.who = {.any = true}, .id = ++m->n_key_ids, .line = maker_line(m, p->span)};
    if (local)
        e.local = maker_key(m, local);
    if (remote)
        e.remote = maker_key(m, remote);
    if (local || remote)
        v[x->n_keys++] = e;
}

/* `identity KIND VALUE`: an address is meant as one, not as its text. */
static void identity_of(struct maker *m, struct str kind, struct str value, uint8_t *type, struct ike_bytes *id)
{
    struct ip_addr a;
    *type = maker_id_type(kind);
    *id = maker_bytes(m, value);
    if (!str_is(kind, "address") || !addr_parse(value, &a))
        return;
    size_t n = a.family == FAMILY_V6 ? 16 : 4;
    *type = a.family == FAMILY_V6 ? IKE_ID_IPV6 : IKE_ID_IPV4;
    *id = (struct ike_bytes){(const uint8_t *)arena_strndup(m->a, (const char *)a.b, n), (uint32_t)n};
}

/* Then no key of the keyring is taken for anybody. */
static void unknown_peer(struct maker *m, const struct ike_profile *x, const struct ikev2_keyring *k,
                         const struct ikev2_peer *p)
{
    struct ike_omissions said = {0};
    ike_omit(m->a, &said,
             "line %u: IKEv2 profile %s: the address of peer " STR_FMT " in keyring " STR_FMT
             " (line %u) is none: as another key might be taken for it, none is",
             x->line, x->name, STR_ARG(p->name.s), STR_ARG(k->name.s), maker_line(m, p->span));
    ptrlist_add(m->a, &m->profile_lacks[m->p->n_profiles].lines, said.lines.v[0]);
}

static void v2_keys(struct maker *m, const struct ikev2_keyring *k, const struct ikev2_profile *from,
                    struct ike_profile *x)
{
    struct ike_psk *v = arena_array(m->a, (k ? k->peers.n : 0) + 2, sizeof *v);
    uint32_t before = k ? numbered(m, &k->peers) : 0;
    bool is_whole = true;
    for (uint32_t i = 0; k && i < k->peers.n; i++) {
        const struct ikev2_peer *p = k->peers.v[i];
        struct ike_psk *e = &v[x->n_keys];
        *e = (struct ike_psk){.id = before + i + 1,
                              .line = maker_line(m, p->span),
                              .local = maker_key(m, &p->local_key),
                              .remote = maker_key(m, &p->remote_key),
                              .lacks_local = p->local_key.s.form == SECRET_NONE,
                              .lacks_remote = p->remote_key.s.form == SECRET_NONE};
        bool has_address = p->address.a.family != FAMILY_NONE;
        if (IR_IS_SET(p->identity_kind)) {
            struct ike_match *who = has_address ? &e->named : &e->who;
            identity_of(m, p->identity_kind.s, p->identity.s, &who->id_type, &who->value);
            who->domain = p->identity_domain.v != 0;
        }
        bool is_by_hostname = !has_address && !IR_IS_SET(p->identity_kind);
        if (IR_IS_SET(p->hostname) && !is_by_hostname)
            e->host = maker_bytes(m, p->hostname.s);
        if (has_address) {
            e->who.addr = p->address.a;
            e->who.plen = ikev2_peer_plen(p);
        } else if (IR_IS_SET(p->identity_kind)) {
            /* by that alone */
        } else if (IR_IS_SET(p->hostname)) {
            e->who.id_type = IKE_ID_FQDN;
            e->who.value = maker_bytes(m, p->hostname.s);
        } else { /* whom it is for is not known: with it left out a wider row might stand in */
            if (p->address_host.name.len)
                unknown_peer(m, x, k, p);
            is_whole &= p->address_host.name.len == 0;
            continue;
        }
        x->n_keys++; /* one without a key proves nobody, and no wider one does in its place */
    }
    if (!is_whole)
        x->n_keys = 0;
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

/* Which trustpoint's files the user is to put there: the first named one, else the first of all; NULL: there is none.
 */
static const char *trustpoint_to_fill(struct maker *m, const struct ptrlist *named, const struct ptrlist *also)
{
    const struct ptrlist *refs = named->n ? named : also;
    PTRLIST_FOR (struct ir_ref, r, refs)
        return maker_keep(m, r->name);
    PTRLIST_FOR (struct trustpoint, t, &m->c->trustpoints)
        return maker_keep(m, t->name.s);
    return NULL;
}

/* A sentence for the log, should an entry in force use the profile. */
static void lacks(struct maker *m, const struct ike_profile *x, const char *what, const char *t, const char *files)
{
    struct ike_omissions said = {0};
    if (!t)
        ike_omit(m->a, &said, "line %u: %s profile %s needs %s, and no trustpoint is configured", x->line,
                 x->version == 2 ? "IKEv2" : "isakmp", x->name, what);
    else
        ike_omit(m->a, &said, "line %u: %s profile %s: none of its trustpoints has %s: put %s.%s into %s", x->line,
                 x->version == 2 ? "IKEv2" : "isakmp", x->name, what, t, files, m->pki_dir);
    ptrlist_add(m->a, &m->profile_lacks[m->p->n_profiles].lines, said.lines.v[0]);
}

/* Peers hold our identity against our certificate; nothing stops here, those of IKEv1 often do not. */
static void own_name(struct maker *m, const struct ike_profile *x)
{
    const struct ike_credential *c = x->id_type && x->id.n ? ike_credential_of(m->p, x) : NULL;
    bool is_named = !c || x->id_type == IKE_ID_KEY_ID || ike_certifies(c, x->id_type, &x->id);
    if (!is_named)
        omit(
            m,
            "line %u: %s profile %s: its own identity is not in the certificate of trustpoint %s: peers will refuse it",
            x->line, x->version == 2 ? "IKEv2" : "isakmp", x->name, c->trustpoint);
}

static void certificate_maps(struct maker *m, const struct ptrlist *refs, struct ike_profile *x)
{
    struct ike_omissions said = {0};
    x->cert_maps = ike_cert_maps(m->a, m->c, refs, &x->n_cert_maps, &said);
    for (uint32_t i = 0; i < said.lines.n; i++)
        ptrlist_add(m->a, &m->profile_lacks[m->p->n_profiles].lines, said.lines.v[i]);
}

void maker_locals(struct maker *m, const struct ptrlist *from, const struct ip_addr **v, unsigned *n)
{
    struct ip_addr *a = arena_array(m->a, from->n + 1, sizeof *a);
    PTRLIST_FOR (struct local_address, l, from) {
        const struct interface *i = l->interface.target;
        if (IR_IS_SET(l->vrf)) /* nothing here is in one */
            a[(*n)++] = (struct ip_addr){.family = FAMILY_NONE};
        else if (l->address.addr.family != FAMILY_NONE)
            a[(*n)++] = l->address.addr;
        else if (i && i->addresses.n)
            a[(*n)++] = ((const struct if_address *)i->addresses.v[0])->address.a;
        else
            a[(*n)++] = (struct ip_addr){.family = FAMILY_NONE};
    }
    *v = a;
}

/* Policies with proposals; the built-in ones when none is written (R-PRP-5). */
static struct ike_profile v2_profile(struct maker *m, const struct ikev2_profile *p)
{
    struct ike_profile x = {.name = maker_keep(m, p->name.s), .line = maker_line(m, p->span), .version = 2};
    matches(m, &p->match_identities, &x);
    maker_locals(m, &p->local, &x.locals, &x.n_locals);
    if (IR_IS_SET(p->identity_kind))
        identity_of(m, p->identity_kind.s, p->identity.s, &x.id_type, &x.id); /* sent as written, our own or not */
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
    if (x.auth_local & by_cert)
        own_name(m, &x);
    if ((x.auth_remote & by_cert) && !ike_verifies(m->p, &x))
        lacks(m, &x, "a CA's certificate", trustpoint_to_fill(m, &p->trustpoints_verify, &p->trustpoints), "ca");
    certificate_maps(m, &p->cert_maps, &x);
    return x;
}

static struct ike_profile v1_profile(struct maker *m, const struct isakmp_profile *p)
{
    struct ike_profile x = {.name = maker_keep(m, p->name.s), .line = maker_line(m, p->span), .version = 1};
    struct maker_key_list *lists = arena_array(m->a, p->keyrings.n + 1, sizeof *lists);
    unsigned n = 0;
    matches(m, &p->identities, &x);
    maker_locals(m, &p->local, &x.locals, &x.n_locals);
    PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
        const struct keyring *k = r->target;
        lists[n++] = (struct maker_key_list){k ? &k->keys : &m->c->isakmp_keys, k}; /* `default`: the global keys */
    }
    if (n == 0)
        lists[n++].keys = &m->c->isakmp_keys;
    maker_v1_keys(m, lists, n, &x.keys, &x.n_keys);
    if (IR_IS_SET(p->self_identity_kind)) {
        x.id_type = maker_id_type(p->self_identity_kind.s);
        x.id = maker_bytes(m, p->self_identity.s.len ? p->self_identity.s : maker_full_name(m));
    }
    x.auth_local = x.auth_remote = IKE_MAY_PSK | IKE_MAY_RSA | IKE_MAY_ECDSA;
    ike_sign_with(m->p, &x, &p->trustpoints);
    ike_verify_with(m->p, &x, &p->trustpoints);
    if (x.names_trustpoints && !ike_verifies(m->p, &x))
        lacks(m, &x, "a CA's certificate", trustpoint_to_fill(m, &p->trustpoints, &p->trustpoints), "ca");
    if (x.names_trustpoints)
        own_name(m, &x);
    certificate_maps(m, &p->cert_maps, &x);
    x.aggressive = str_is(p->initiate_mode.s, "aggressive");
    x.dpd_s = (uint32_t)(IR_IS_SET(p->keepalive_s) ? p->keepalive_s.v : m->c->isakmp.keepalive_s.v);
    x.dpd_retry_s = (uint32_t)(IR_IS_SET(p->keepalive_s) ? p->keepalive_retry.v : m->c->isakmp.keepalive_retry.v);
    x.dpd_periodic = str_is(m->c->isakmp.keepalive_mode.s, "periodic");
    return x;
}

void maker_profiles(struct maker *m, struct ike_policy *p)
{
    struct ike_profile *v = arena_array(m->a, m->c->ikev2_profiles.n + m->c->isakmp_profiles.n + 1, sizeof *v);
    p->profiles = v;
    m->profile_lacks =
        arena_array(m->a, m->c->ikev2_profiles.n + m->c->isakmp_profiles.n + 1, sizeof *m->profile_lacks);
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
