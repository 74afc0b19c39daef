/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/fleet/facts.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

struct maker {
    struct arena *a;
    const struct ir_config *c;
    struct fact_device *d;
    const struct fact_secrets *secrets;
    struct symtab single; /* address → the first global key for exactly it: hubs have thousands */
    struct ptrlist wide;  /* struct psk: the other global keys */
};

static const char *keep(struct maker *m, struct str s)
{
    return s.p ? arena_strndup(m->a, s.p, s.len) : "";
}

static uint32_t line_of(struct maker *m, struct span at)
{
    return at.len ? source_locate(m->c->source, at.off).line : 0;
}

static struct ip_addr *keep_address(struct maker *m, const struct ip_addr *a)
{
    struct ip_addr *p = ARENA_NEW(m->a, struct ip_addr);
    *p = *a;
    return p;
}

static void digest_text(const struct maker *m, struct str text, char out[static KEY_DIGEST])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool ok = HMAC(EVP_sha256(), m->secrets->salt.p, (int)m->secrets->salt.len, (const unsigned char *)text.p, text.len,
                   md, &n) != NULL;
    for (int i = 0; ok && i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

static void digest(struct maker *m, const struct ir_secret *s, char out[static KEY_DIGEST])
{
    char key[SECRET_CLEAR_MAX];
    size_t len = 0;
    out[0] = '\0';
    if (!m->secrets->salt.p || s->s.form == SECRET_NONE)
        return;
    struct str text = secret_reveal(&s->s);
    if (secret_clear(&s->s, m->secrets->master, key, &len))
        text = (struct str){key, (uint32_t)len};
    else if (s->s.form == SECRET_TYPE6)
        return; /* each has its own salt: as written it can be compared with nothing */
    digest_text(m, text, out);
    explicit_bzero(key, sizeof key);
}

/* Hexadecimal digits are the same key in any letters. */
static void digest_hex(struct maker *m, const struct ir_secret *s, char out[static KEY_DIGEST])
{
    char small[SECRET_CLEAR_MAX];
    const struct str text = secret_reveal(&s->s);
    out[0] = '\0';
    if (!m->secrets->salt.p || s->s.form == SECRET_NONE || text.len > sizeof small)
        return;
    for (uint32_t i = 0; i < text.len; i++)
        small[i] = str_lower(text.p[i]);
    digest_text(m, (struct str){small, text.len}, out);
    explicit_bzero(small, sizeof small);
}

/* ---- addresses ---- */

static void add_address(struct maker *m, const struct ip_addr *a, const char *interface)
{
    if (a->family == FAMILY_NONE)
        return;
    struct fact_address *f = ARENA_NEW(m->a, struct fact_address);
    f->address = *a;
    f->interface = interface;
    ptrlist_add(m->a, &m->d->addresses, f);
}

/* `source static INSIDE OUTSIDE`: whoever calls OUTSIDE reaches INSIDE. */
static void nat_alias(struct maker *m, const struct nat_rule *r)
{
    struct str t = r->text.s, w[4] = {{0}};
    unsigned n = 0;
    if (!str_is(r->kind.s, "static"))
        return;
    for (uint32_t i = 0; i < t.len && n < 4;) {
        uint32_t from = i;
        while (i < t.len && t.p[i] != ' ')
            i++;
        struct ip_addr probe;
        struct str word = {t.p + from, i - from};
        if (addr_parse(word, &probe))
            w[n++] = word;
        while (i < t.len && t.p[i] == ' ')
            i++;
    }
    struct fact_address *f = ARENA_NEW(m->a, struct fact_address);
    f->alias = true;
    f->interface = "NAT";
    if (n == 2 && addr_parse(w[0], &f->inside) && addr_parse(w[1], &f->address))
        ptrlist_add(m->a, &m->d->addresses, f);
}

static void addresses(struct maker *m)
{
    PTRLIST_FOR (struct interface, i, &m->c->interfaces) {
        const char *name = keep(m, i->name.s);
        const struct ptrlist *const lists[] = {&i->addresses, &i->addresses6};
        for (size_t k = 0; k < 2 && !i->shutdown.v; k++)
            PTRLIST_FOR (struct if_address, w, lists[k]) {
                bool link_local = w->address.a.family == FAMILY_V6 && w->address.a.b[0] == 0xfe;
                if (!link_local)
                    add_address(m, &w->address.a, name);
            }
    }
    PTRLIST_FOR (struct nat_rule, r, &m->c->nat_rules) {
        nat_alias(m, r);
    }
}

/* ---- policies and proposals ---- */

static void add_algorithm(struct maker *m, struct ptrlist *l, enum algo_id id, unsigned bits)
{
    struct fact_algorithm *f = ARENA_NEW(m->a, struct fact_algorithm);
    *f = (struct fact_algorithm){id, (uint16_t)bits};
    ptrlist_add(m->a, l, f);
}

static void add_algorithms(struct maker *m, struct ptrlist *l, const struct ptrlist *from)
{
    PTRLIST_FOR (struct ir_alg, a, from) {
        add_algorithm(m, l, a->id, a->bits);
    }
}

static void policies(struct maker *m)
{
    PTRLIST_FOR (struct isakmp_policy, p, &m->c->isakmp_policies) {
        struct fact_proposal *f = ARENA_NEW(m->a, struct fact_proposal);
        char name[32];
        snprintf(name, sizeof name, "%llu", (unsigned long long)p->number.v);
        f->name = arena_strndup(m->a, name, strlen(name));
        f->line = line_of(m, p->span);
        add_algorithm(m, &f->encr, (enum algo_id)p->encr.v, (unsigned)p->encr_bits.v);
        add_algorithm(m, &f->integ, (enum algo_id)p->hash.v, 0);
        add_algorithm(m, &f->group, (enum algo_id)p->group.v, 0);
        f->auth = (enum algo_id)p->auth.v;
        f->lifetime = p->lifetime_s.v;
        ptrlist_add(m->a, &m->d->policies, f);
    }
}

static void add_proposal(struct maker *m, const struct ikev2_proposal *p)
{
    struct fact_proposal *f = ARENA_NEW(m->a, struct fact_proposal);
    f->name = keep(m, p->name.s);
    f->line = line_of(m, p->span);
    add_algorithms(m, &f->encr, &p->encr);
    add_algorithms(m, &f->integ, &p->integ);
    add_algorithms(m, &f->prf, &p->prf);
    add_algorithms(m, &f->group, &p->group);
    ptrlist_add(m->a, &m->d->proposals, f);
}

/* What is offered: the proposals of the first policy that is used; else the default one (R-PRP-5). */
static void proposals(struct maker *m)
{
    PTRLIST_FOR (struct ikev2_policy, pol, &m->c->ikev2_policies) {
        if (pol->is_default.v)
            continue;
        PTRLIST_FOR (struct ir_ref, r, &pol->proposals) {
            const struct ikev2_proposal *p = r->target;
            if (p && p->complete.v)
                add_proposal(m, p);
        }
        if (m->d->proposals.n)
            return;
    }
    const struct ikev2_proposal *d = ir_find(m->c, TAB_V2_PROPOSAL, str_lit("default"));
    if (d && !m->c->ikev2.no_default_proposal.v)
        add_proposal(m, d);
}

/* ---- keys ---- */

static bool covers(const struct ip_addr *net, const struct ir_addr *mask, const struct ip_addr *a)
{
    static const uint8_t none[16];
    if (net->family != a->family)
        return false;
    if (memcmp(net->b, none, 16) == 0)
        return true;
    if (a->family == FAMILY_V4 && IR_IS_SET(*mask))
        return ((addr_v4(net) ^ addr_v4(a)) & addr_v4(&mask->a)) == 0;
    return addr_eq(net, a);
}

static void take_key(struct maker *m, struct fact_peer *p, const struct ir_secret *local,
                     const struct ir_secret *remote, struct span at)
{
    p->has_key = true;
    p->key_line = line_of(m, at);
    digest(m, local, p->local_key);
    digest(m, remote, p->remote_key);
}

static bool key_from(struct maker *m, struct fact_peer *p, const struct ptrlist *keys)
{
    PTRLIST_FOR (struct psk, k, keys) {
        if (k->key.s.form != SECRET_NONE && covers(&k->peer.addr, &k->mask, &p->address)) {
            take_key(m, p, &k->key, &k->key, k->span);
            return true;
        }
    }
    return false;
}

static void index_keys(struct maker *m)
{
    static const uint8_t none[16];
    PTRLIST_FOR (struct psk, k, &m->c->isakmp_keys) {
        const struct ip_addr *a = &k->peer.addr;
        struct str key = {(const char *)a->b, sizeof a->b};
        bool all = memcmp(a->b, none, 16) == 0 || (IR_IS_SET(k->mask) && addr_v4(&k->mask.a) != 0xffffffffu);
        if (all || a->family == FAMILY_NONE || k->key.s.form == SECRET_NONE)
            ptrlist_add(m->a, &m->wide, k);
        else if (!symtab_get(&m->single, key, a->family))
            symtab_put(m->a, &m->single, key, a->family, k);
    }
}

static void key_v1(struct maker *m, struct fact_peer *p, const struct isakmp_profile *prof)
{
    for (uint32_t i = 0; prof && i < prof->keyrings.n; i++) {
        const struct keyring *k = ((const struct ir_ref *)prof->keyrings.v[i])->target;
        if (k && key_from(m, p, &k->keys))
            return;
    }
    const struct psk *k1 =
        symtab_get(&m->single, (struct str){(const char *)p->address.b, sizeof p->address.b}, p->address.family);
    if (k1) { /* the longer match wins */
        take_key(m, p, &k1->key, &k1->key, k1->span);
        return;
    }
    if (key_from(m, p, &m->wide))
        return;
    PTRLIST_FOR (struct keyring, k, &m->c->keyrings) {
        if (key_from(m, p, &k->keys))
            return;
    }
}

static void key_v2(struct maker *m, struct fact_peer *p, const struct ikev2_profile *prof)
{
    const struct ikev2_keyring *k = prof->keyring.target;
    for (uint32_t i = 0; k && i < k->peers.n; i++) {
        const struct ikev2_peer *e = k->peers.v[i];
        if (covers(&e->address.a, &e->mask, &p->address) && e->local_key.s.form != SECRET_NONE) {
            take_key(m, p, &e->local_key, &e->remote_key, e->local_key.m.span.len ? e->local_key.m.span : e->span);
            return;
        }
    }
}

/* ---- tunnels ---- */

static void identity_of(struct maker *m, const struct ikev2_profile *p, struct fact_tunnel *t)
{
    if (IR_IS_SET(p->identity_kind) && !str_is(p->identity_kind.s, "address"))
        t->identity = (struct fact_identity){.kind = keep(m, p->identity_kind.s),
                                             .value = keep(m, p->identity.s),
                                             .line = line_of(m, p->identity.m.span)};
    PTRLIST_FOR (struct identity_match, i, &p->match_identities) {
        struct fact_identity *f = ARENA_NEW(m->a, struct fact_identity);
        *f = (struct fact_identity){keep(m, i->kind.s), keep(m, i->value.s), line_of(m, i->span),
                                    i->address.a,       i->mask.a,           i->domain.v != 0};
        ptrlist_add(m->a, &t->match, f);
    }
    const struct ikev2_auth *l = p->auth_local.n ? p->auth_local.v[0] : NULL;
    const struct ikev2_auth *r = p->auth_remote.n ? p->auth_remote.v[0] : NULL;
    t->auth_local = l ? keep(m, l->method.s) : "";
    t->auth_remote = r ? keep(m, r->method.s) : "";
    t->auth_line = line_of(m, l ? l->span : p->span);
}

static void settings(struct maker *m, struct fact_tunnel *t, const struct sa_settings *sa)
{
    const struct ikev2_profile *p2 = sa->ikev2_profile.target;
    t->ike = IR_IS_SET(sa->ikev2_profile) ? 2 : 1;
    t->auth_local = t->auth_remote = "";
    if (p2)
        identity_of(m, p2, t);
    PTRLIST_FOR (struct fact_peer, p, &t->peers) {
        if (p2)
            key_v2(m, p, p2);
        else
            key_v1(m, p, sa->isakmp_profile.target);
    }
    PTRLIST_FOR (struct ir_ref, r, &sa->transform_sets) {
        const struct transform_set *s = r->target;
        if (!s)
            continue;
        struct fact_set *f = ARENA_NEW(m->a, struct fact_set);
        *f = (struct fact_set){keep(m, s->name.s), line_of(m, s->span), str_is(s->mode.s, "transport"), {0}};
        PTRLIST_FOR (struct ir_transform, w, &s->transforms) {
            struct fact_transform *x = ARENA_NEW(m->a, struct fact_transform);
            *x = (struct fact_transform){w->alg, w->bits, (uint8_t)w->proto};
            ptrlist_add(m->a, &f->transforms, x);
        }
        ptrlist_add(m->a, &t->sets, f);
    }
    t->pfs = IR_IS_SET(sa->pfs_group) ? (enum algo_id)sa->pfs_group.v : sa->pfs_bare.v ? ALGO_DH_768_MODP : ALGO_NONE;
    t->pfs_line = line_of(m, sa->pfs_bare.v ? sa->pfs_bare.m.span : sa->pfs_group.m.span);
    t->lifetime_s = sa->lifetime_s.v;
    t->lifetime_kb = sa->lifetime_kb_disabled.v ? 0 : sa->lifetime_kb.v;
}

/* A permit box without the denies before it. */
static void cut_denies(struct maker *m, const struct boxes *denies, const struct box *b, struct ptrlist *out)
{
    struct boxes now = {0};
    boxes_add(m->a, &now, b);
    for (uint32_t d = 0; d < denies->n; d++) {
        struct boxes next = {0};
        for (uint32_t i = 0; i < now.n; i++)
            if (!box_subtract(m->a, &now.v[i], &denies->v[d], &next, 4096))
                return;
        now = next;
    }
    for (uint32_t i = 0; i < now.n; i++)
        ptrlist_add(m->a, out, &now.v[i]);
}

static void list(struct maker *m, struct fact_tunnel *t, const struct acl *l)
{
    struct boxes denies = {0};
    t->any_traffic = l == NULL;
    for (uint32_t i = 0; l && i < l->aces.n; i++) {
        const struct ace *e = l->aces.v[i];
        struct boxes b = {0};
        if (e->remark || ace_boxes(m->a, e, (enum acl_kind)l->kind.v, &b, 4096) == LINE_UNKNOWN)
            continue;
        if (!e->permit) {
            for (uint32_t k = 0; k < b.n && denies.n < 256; k++)
                boxes_add(m->a, &denies, &b.v[k]);
            continue;
        }
        struct fact_line *f = ARENA_NEW(m->a, struct fact_line);
        f->line = line_of(m, e->span);
        for (uint32_t k = 0; k < b.n; k++)
            cut_denies(m, &denies, &b.v[k], &f->boxes);
        ptrlist_add(m->a, &t->lines, f);
    }
}

static void add_peer(struct maker *m, struct fact_tunnel *t, const struct ip_addr *a, struct span at)
{
    struct fact_peer *p = ARENA_NEW(m->a, struct fact_peer);
    p->address = *a;
    p->line = line_of(m, at);
    ptrlist_add(m->a, &t->peers, p);
}

/* Nothing is negotiated: the transform set and the keys are all there is. */
static void manual_keys(struct maker *m, struct fact_tunnel *t, const struct crypto_map_entry *e)
{
    t->ike = 0;
    t->pfs = ALGO_NONE;
    t->lifetime_s = t->lifetime_kb = 0;
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        struct fact_session_key *f = ARENA_NEW(m->a, struct fact_session_key);
        *f = (struct fact_session_key){.outbound = k->outbound.v != 0,
                                       .proto = (uint8_t)k->proto.v,
                                       .spi = (uint32_t)k->spi.v,
                                       .line = line_of(m, k->span)};
        digest_hex(m, &k->cipher, f->cipher);
        digest_hex(m, &k->authenticator, f->authenticator);
        ptrlist_add(m->a, &t->keys, f);
    }
}

static void entry(struct maker *m, const struct crypto_map *map, const struct crypto_map_entry *e, enum fact_kind kind)
{
    struct fact_tunnel *t = ARENA_NEW(m->a, struct fact_tunnel);
    char name[160];
    snprintf(name, sizeof name, "%.*s %llu", map->name.s.len > 120 ? 120 : (int)map->name.s.len, map->name.s.p,
             (unsigned long long)e->seq.v);
    t->kind = kind;
    t->name = arena_strndup(m->a, name, strlen(name));
    t->line = line_of(m, e->span);
    PTRLIST_FOR (struct map_binding, b, &map->bindings) {
        if (IR_IS_SET(b->local))
            ptrlist_add(m->a, &t->local, keep_address(m, &b->local.a));
    }
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family != FAMILY_NONE)
            add_peer(m, t, &p->host.addr, p->host.m.span);
    }
    settings(m, t, &e->sa);
    if (e->type.v == ENTRY_MANUAL)
        manual_keys(m, t, e);
    list(m, t, IR_IS_SET(e->acl) ? e->acl.target : NULL);
    if (t->local.n)
        ptrlist_add(m->a, &m->d->tunnels, t);
}

/* An entry of a dynamic map counts where a static map that is applied names it. */
static void dynamic(struct maker *m, const struct crypto_map *map, const struct crypto_map *dyn)
{
    PTRLIST_FOR (struct crypto_map_entry, e, &dyn->entries) {
        struct crypto_map as = *map;
        as.name = dyn->name;
        entry(m, &as, e, FACT_DYNAMIC);
    }
}

static void tunnel_interface(struct maker *m, const struct interface *i)
{
    const struct ipsec_profile *p = i->protection.target;
    if (!p || i->shutdown.v || i->tunnel_destination.addr.family == FAMILY_NONE)
        return;
    struct fact_tunnel *t = ARENA_NEW(m->a, struct fact_tunnel);
    const struct interface *src = i->tunnel_source_if.target;
    t->kind = FACT_TUNNEL;
    t->name = keep(m, i->name.s);
    t->line = line_of(m, i->span);
    if (i->tunnel_source.addr.family != FAMILY_NONE)
        ptrlist_add(m->a, &t->local, keep_address(m, &i->tunnel_source.addr));
    else if (src && src->addresses.n)
        ptrlist_add(m->a, &t->local, keep_address(m, &((const struct if_address *)src->addresses.v[0])->address.a));
    add_peer(m, t, &i->tunnel_destination.addr, i->tunnel_destination.m.span);
    struct sa_settings sa = p->sa;
    if (IR_IS_SET(i->protection_ikev2))
        sa.ikev2_profile = i->protection_ikev2;
    settings(m, t, &sa);
    list(m, t, NULL);
    if (t->local.n)
        ptrlist_add(m->a, &m->d->tunnels, t);
}

struct fact_device *facts_of(struct arena *a, const struct ir_config *c, const char *file,
                             const struct fact_secrets *secrets)
{
    struct maker m = {.a = a, .c = c, .d = ARENA_NEW(a, struct fact_device), .secrets = secrets};
    const char *slash = strrchr(file, '/');
    m.d->file = arena_strndup(a, file, strlen(file));
    m.d->name = IR_IS_SET(c->hostname) ? keep(&m, c->hostname.s)
                                       : arena_strndup(a, slash ? slash + 1 : file, strlen(slash ? slash + 1 : file));
    addresses(&m);
    index_keys(&m);
    policies(&m);
    proposals(&m);
    PTRLIST_FOR (struct crypto_map, map, &c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &map->entries) {
            if (e->type.v == ENTRY_DYNAMIC && e->dynamic.target)
                dynamic(&m, map, e->dynamic.target);
            else if ((e->type.v == ENTRY_ISAKMP || e->type.v == ENTRY_MANUAL) && e->complete.v)
                entry(&m, map, e, FACT_STATIC);
        }
    }
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        tunnel_interface(&m, i);
    }
    return m.d;
}
