/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/peer_keys.h"

#include <string.h>

/* ---- addresses ---- */

static bool is_zero(const struct ip_addr *a)
{
    static const uint8_t none[16];
    return memcmp(a->b, none, sizeof none) == 0;
}

/* 0.0.0.0 is anybody whatever its mask; of a mask with holes the address alone counts. */
static uint8_t plen4(const struct ip_addr *a, const struct ir_addr *mask)
{
    const int n = IR_IS_SET(*mask) ? mask4_len(addr_v4(&mask->a)) : 32;
    if (is_zero(a))
        return 0;
    return n < 0 ? 32 : (uint8_t)n;
}

/* `written`: the length beside the address; 255: none is. A bare address is one address. */
static uint8_t plen6(uint8_t written, const struct ir_addr *mask)
{
    if (written <= 128)
        return written;
    return IR_IS_SET(*mask) && mask->plen <= 128 ? mask->plen : 128;
}

uint8_t psk_plen(const struct psk *k)
{
    if (k->kind.v == KEY_IPV6)
        return IR_IS_SET(k->peer_plen) ? (uint8_t)k->peer_plen.v : 128;
    if (k->peer.addr.family == FAMILY_V6)
        return is_zero(&k->peer.addr) ? 0 : plen6(255, &k->mask);
    return plen4(&k->peer.addr, &k->mask);
}

uint8_t ikev2_peer_plen(const struct ikev2_peer *p)
{
    if (p->address.a.family == FAMILY_V6)
        return is_zero(&p->address.a) ? 0 : plen6(p->address.plen, &(const struct ir_addr){0});
    return plen4(&p->address.a, &p->mask);
}

uint8_t identity_plen(const struct identity_match *m)
{
    bool is_anybody = is_zero(&m->address.a) && m->address.plen > 128;
    if (m->address.a.family == FAMILY_V6)
        return is_anybody ? 0 : plen6(m->address.plen, &m->mask);
    return plen4(&m->address.a, &m->mask);
}

/* A network, with nothing behind its length: the same for all addresses in it. */
struct network {
    uint8_t family, plen, b[16];
};

static struct network network_of(const struct ip_addr *a, uint8_t plen)
{
    struct network n;
    memset(&n, 0, sizeof n);
    n.family = a->family;
    n.plen = plen;
    for (unsigned i = 0; i < 16 && 8 * i < plen; i++) {
        const unsigned rest = plen - 8 * i;
        const unsigned mask = rest < 8 ? 0xff00u >> rest & 0xffu : 0xffu;
        n.b[i] = (uint8_t)(a->b[i] & mask);
    }
    return n;
}

static bool is_in(const struct ip_addr *address, uint8_t plen, const struct ip_addr *a)
{
    const struct network x = network_of(address, plen), y = network_of(a, plen);
    return address->family != FAMILY_NONE && memcmp(&x, &y, sizeof x) == 0;
}

static bool is_word(struct str a, struct str b)
{
    bool same = a.len == b.len;
    for (uint32_t i = 0; same && i < a.len; i++)
        same = str_lower(a.p[i]) == str_lower(b.p[i]);
    return same;
}

static bool is_in_domain(struct str name, struct str domain)
{
    if (name.len < domain.len)
        return false;
    struct str end = {name.p + (name.len - domain.len), domain.len};
    return is_word(end, domain);
}

/* ---- what a profile matches ---- */

/* May a peer that the profile matches claim that name, or one in that domain? In doubt it may. */
static bool may_claim(const struct ptrlist *matches, struct str name, bool is_domain)
{
    PTRLIST_FOR (struct identity_match, m, matches) {
        bool is_wide = str_is(m->kind.s, "any") || m->domain.v || str_is(m->kind.s, "host-domain") ||
                       str_is(m->kind.s, "user-domain");
        bool is_name = m->value.s.len != 0;
        if (str_is(m->kind.s, "any") || str_is(m->kind.s, "dn"))
            return true;
        if (is_name && (is_word(m->value.s, name) || (is_wide && is_in_domain(name, m->value.s))))
            return true;
        if (is_name && is_domain && is_in_domain(m->value.s, name))
            return true;
    }
    return false;
}

static bool may_claim_address(const struct ptrlist *matches, const struct ip_addr *a)
{
    PTRLIST_FOR (struct identity_match, m, matches) {
        if (str_is(m->kind.s, "any") || is_in(&m->address.a, identity_plen(m), a))
            return true;
    }
    return false;
}

/* ---- rows by what they say of the peer ---- */

/* Of all lists that may serve the same peers: twenty thousand peers ask twenty thousand rows, or as many keyrings. */
struct key_rows {
    bool has_plen[129];     /* is there a row for a network of that length? */
    struct symtab networks; /* struct network → the first row (struct psk, struct ikev2_peer) for it */
    struct symtab names;    /* (small letters) → struct ptrlist of rows */
    struct ptrlist callers; /* rows that whoever calls is found by: names alone say whose they are */
};

static struct str bytes_of(const struct network *n)
{
    return (struct str){(const char *)n, sizeof *n};
}

static void add_network(struct peer_keys *k, struct key_rows *r, const struct ip_addr *a, uint8_t plen, const void *row)
{
    const struct network n = network_of(a, plen);
    if (a->family == FAMILY_NONE || plen > 128 || symtab_get(&r->networks, bytes_of(&n), 0))
        return;
    struct network *kept = ARENA_NEW(k->arena, struct network);
    *kept = n;
    r->has_plen[plen] = true;
    symtab_put(k->arena, &r->networks, bytes_of(kept), 0, (void *)(uintptr_t)row);
}

#define NAME_MAX_BYTES 256

static void write_small_letters(char *out, struct str name)
{
    for (uint32_t i = 0; i < name.len; i++)
        out[i] = str_lower(name.p[i]);
}

static void add_name(struct peer_keys *k, struct key_rows *r, struct str name, const void *row)
{
    if (!name.len || name.len > NAME_MAX_BYTES)
        return;
    char *small = arena_alloc(k->arena, name.len);
    write_small_letters(small, name);
    const struct str key = {small, name.len};
    struct ptrlist *rows = symtab_get(&r->names, key, 0);
    if (!rows) {
        rows = ARENA_NEW(k->arena, struct ptrlist);
        symtab_put(k->arena, &r->names, key, 0, rows);
    }
    ptrlist_add(k->arena, rows, (void *)(uintptr_t)row);
}

/* Longer names than a line of a router has are nobody's. */
static const struct ptrlist *rows_of_name(const struct key_rows *r, struct str name)
{
    static const struct ptrlist none;
    char small[NAME_MAX_BYTES];
    if (!name.len || name.len > sizeof small)
        return &none;
    write_small_letters(small, name);
    const struct ptrlist *rows = symtab_get(&r->names, (struct str){small, name.len}, 0);
    return rows ? rows : &none;
}

/* The row for the smallest network around the address, of several the first; NULL: none is for it. */
static const void *nearest_row(const struct key_rows *r, const struct ip_addr *a)
{
    for (unsigned plen = 129; a->family != FAMILY_NONE && plen-- > 0;) {
        const struct network n = network_of(a, (uint8_t)plen);
        const void *row = r->has_plen[plen] ? symtab_get(&r->networks, bytes_of(&n), 0) : NULL;
        if (row)
            return row;
    }
    return NULL;
}

/* Two objects, of which either may be NULL. */
struct both {
    const void *a, *b;
};

static void *kept_of(const struct symtab *t, struct both o)
{
    return symtab_get(t, (struct str){(const char *)&o, sizeof o}, 0);
}

static void keep_of(struct peer_keys *k, struct symtab *t, struct both o, void *value)
{
    const struct str key = {arena_strndup(k->arena, (const char *)&o, sizeof o), sizeof o};
    symtab_put(k->arena, t, key, 0, value);
}

/* The table that is kept under these. `is_new`: it is empty, and to be filled. */
static struct key_rows *rows_kept(struct peer_keys *k, const void *a, const void *b, bool *is_new)
{
    const struct both key = {a, b};
    struct key_rows *r = kept_of(&k->rows, key);
    *is_new = r == NULL;
    if (r)
        return r;
    r = ARENA_NEW(k->arena, struct key_rows);
    keep_of(k, &k->rows, key, r);
    return r;
}

static char yes, no; /* values of peer_keys.claimed */

/* ---- IKEv2 ---- */

struct wanted {
    bool local,
        remote; /* which of the two keys; false, false: none, it is by certificate, or by a key of the profile */
};

static bool is_by_key(const struct ptrlist *methods)
{
    PTRLIST_FOR (struct ikev2_auth, a, methods) {
        if (str_is(a->method.s, "pre-share") && a->key.s.form == SECRET_NONE)
            return true;
    }
    return false;
}

static bool is_keyed(const struct ikev2_peer *row, struct wanted w)
{
    bool has_local = row->local_key.s.form != SECRET_NONE, has_remote = row->remote_key.s.form != SECRET_NONE;
    return (!w.local || has_local) && (!w.remote || has_remote);
}

/* The row says nothing about where the peer is. */
static bool is_by_identity(const struct ikev2_peer *row)
{
    return row->address.a.family == FAMILY_NONE && !row->address_host.name.len;
}

static bool may_be_its(const struct ikev2_profile *p, const struct ikev2_peer *row)
{
    struct ip_addr a = {0};
    if (str_is(row->identity_kind.s, "address") && addr_parse(row->identity.s, &a))
        return may_claim_address(&p->match_identities, &a);
    struct str name = IR_IS_SET(row->identity) ? row->identity.s : row->hostname.s;
    return name.len && may_claim(&p->match_identities, name, row->identity_domain.v);
}

static const struct key_rows *rows_of_v2(struct peer_keys *k, const struct ikev2_keyring *ring)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, ring, NULL, &is_new);
    if (!is_new)
        return r;
    PTRLIST_FOR (struct ikev2_peer, row, &ring->peers) {
        add_network(k, r, &row->address.a, ikev2_peer_plen(row), row);
        add_name(k, r, row->hostname.s, row);
        add_name(k, r, row->identity.s, row);
        if (is_by_identity(row))
            ptrlist_add(k->arena, &r->callers, row);
    }
    return r;
}

/* Is there a row that whoever the profile matches may claim? */
static bool has_claimed_row(struct peer_keys *k, const struct key_rows *r, const struct ikev2_profile *p,
                            struct wanted w)
{
    const struct both key = {r, p};
    const char *known = kept_of(&k->claimed, key);
    if (known)
        return known == &yes;
    bool has = false;
    for (uint32_t i = 0; i < r->callers.n && !has; i++)
        has = is_keyed(r->callers.v[i], w) && may_be_its(p, r->callers.v[i]);
    keep_of(k, &k->claimed, key, has ? &yes : &no);
    return has;
}

bool peer_has_v2_key(struct peer_keys *k, const struct ikev2_profile *profile, const struct map_peer *peer)
{
    const struct wanted w = {is_by_key(&profile->auth_local), is_by_key(&profile->auth_remote)};
    if (!w.local && !w.remote)
        return true;
    const struct key_rows *r = rows_of_v2(k, profile->keyring.target);
    const struct ptrlist *named = rows_of_name(r, peer->host.name);
    for (uint32_t i = 0; i < named->n; i++)
        if (is_keyed(named->v[i], w))
            return true;
    if (has_claimed_row(k, r, profile, w))
        return true;
    const struct ikev2_peer *nearest = nearest_row(r, &peer->host.addr);
    return nearest && is_keyed(nearest, w);
}

const struct ikev2_peer *peer_v2_row(struct peer_keys *k, const struct ikev2_profile *profile,
                                     const struct map_peer *peer)
{
    return nearest_row(rows_of_v2(k, profile->keyring.target), &peer->host.addr);
}

/* ---- IKEv1 ---- */

static bool is_address_of(const struct interface *i, const struct map_binding *b, const struct local_address *l)
{
    bool is_address = l->address.addr.family != FAMILY_NONE && addr_eq(&l->address.addr, &b->local.a);
    return l->interface.target == i || is_address;
}

/* In doubt it is. */
static bool is_for_map(const struct ptrlist *locals, const struct crypto_map *map)
{
    bool is_known = map && map->bindings.n;
    if (!locals->n || !is_known)
        return true;
    PTRLIST_FOR (struct local_address, l, locals) {
        PTRLIST_FOR (struct map_binding, b, &map->bindings) {
            bool is_unknown = !IR_IS_SET(b->local) || (l->address.addr.family == FAMILY_NONE && !l->interface.target);
            bool is_source = map->local_address.target && l->interface.target == map->local_address.target;
            if (is_unknown || is_source || is_address_of(b->interface.target, b, l))
                return true;
        }
    }
    return false;
}

struct v1_asker {
    struct peer_keys *k;
    const struct crypto_map *map;
    const struct isakmp_profile *profile;
    const struct map_peer *peer;
};

static void add_v1_keys(struct peer_keys *k, struct key_rows *r, const struct ptrlist *keys)
{
    PTRLIST_FOR (struct psk, x, keys) {
        if (x->kind.v != KEY_HOSTNAME) {
            add_network(k, r, &x->peer.addr, psk_plen(x), x);
            continue;
        }
        add_name(k, r, x->peer.name, x);
        struct ip_addr address; /* `hostname 192.0.2.1` is nobody's name */
        if (x->peer.name.len && !addr_parse(x->peer.name, &address))
            ptrlist_add(k->arena, &r->callers, x);
    }
}

/* `crypto isakmp key` */
static const struct key_rows *global_keys(struct peer_keys *k)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, &k->c->isakmp_keys, NULL, &is_new);
    if (!is_new)
        return r;
    add_v1_keys(k, r, &k->c->isakmp_keys);
    return r;
}

/* Of all keyrings: those without `local-address` (`map` NULL), or of the others those for that map. */
static const struct key_rows *keys_of_keyrings(struct peer_keys *k, const struct crypto_map *map)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, &k->c->keyrings, map, &is_new);
    if (!is_new)
        return r;
    PTRLIST_FOR (struct keyring, ring, &k->c->keyrings) {
        bool is_for_us = !IR_IS_SET(ring->vrf); /* nothing here is in a VRF */
        bool counts = map ? ring->local.n && is_for_map(&ring->local, map) : ring->local.n == 0;
        if (is_for_us && counts)
            add_v1_keys(k, r, &ring->keys);
    }
    return r;
}

static const struct key_rows *keys_of_keyring(struct peer_keys *k, const struct keyring *ring)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, ring, NULL, &is_new);
    if (!is_new)
        return r;
    add_v1_keys(k, r, &ring->keys);
    return r;
}

static bool is_of_use(const struct v1_asker *x, const struct keyring *ring)
{
    return !IR_IS_SET(ring->vrf) && is_for_map(&ring->local, x->map);
}

/* Many keyrings of a profile as one table. `default` and one that is not there: the global keys. */
static const struct key_rows *keys_of_profile(const struct v1_asker *x)
{
    bool is_new;
    struct key_rows *r = rows_kept(x->k, x->profile, x->map, &is_new);
    if (!is_new)
        return r;
    PTRLIST_FOR (struct ir_ref, ref, &x->profile->keyrings) {
        const struct keyring *ring = ref->target;
        if (!ring)
            add_v1_keys(x->k, r, &x->k->c->isakmp_keys);
        else if (is_of_use(x, ring))
            add_v1_keys(x->k, r, &ring->keys);
    }
    return r;
}

/* In aggressive mode who calls says his name: is there a key for one that the profile (NULL: none) lets in? */
static bool has_claimed_key(const struct v1_asker *x, const struct key_rows *r)
{
    const struct both key = {r, x->profile};
    const char *known = kept_of(&x->k->claimed, key);
    if (known)
        return known == &yes;
    bool has = !x->profile && r->callers.n;
    for (uint32_t i = 0; i < r->callers.n && !has; i++) {
        const struct psk *p = r->callers.v[i];
        has = may_claim(&x->profile->identities, p->peer.name, false);
    }
    keep_of(x->k, &x->k->claimed, key, has ? &yes : &no);
    return has;
}

static bool one_fits(const struct v1_asker *x, const struct key_rows *r)
{
    bool may_call = !x->k->c->isakmp.aggressive_disable.v;
    if (nearest_row(r, &x->peer->host.addr) || rows_of_name(r, x->peer->host.name)->n)
        return true;
    return may_call && has_claimed_key(x, r);
}

/* A few keyrings are asked one by one, and several profiles share their tables. */
#define FEW_KEYRINGS 4

static bool one_of_profile_fits(const struct v1_asker *x)
{
    const struct ptrlist *keyrings = &x->profile->keyrings;
    if (keyrings->n > FEW_KEYRINGS)
        return one_fits(x, keys_of_profile(x));
    PTRLIST_FOR (struct ir_ref, ref, keyrings) {
        const struct keyring *ring = ref->target;
        if (ring && !is_of_use(x, ring))
            continue;
        if (one_fits(x, ring ? keys_of_keyring(x->k, ring) : global_keys(x->k)))
            return true;
    }
    return false;
}

static const struct key_rows *rows_of_passwords(struct peer_keys *k)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, &k->c->isakmp_peers, NULL, &is_new);
    if (!is_new)
        return r;
    PTRLIST_FOR (struct isakmp_peer, p, &k->c->isakmp_peers) {
        const uint8_t whole = p->peer.addr.family == FAMILY_V6 ? 128 : 32;
        if (p->password.s.form == SECRET_NONE || IR_IS_SET(p->vrf)) /* nothing here is in a VRF */
            continue;
        add_network(k, r, &p->peer.addr, whole, p);
        add_name(k, r, p->peer.name, p);
    }
    return r;
}

static bool has_password(const struct v1_asker *x)
{
    const struct key_rows *r = rows_of_passwords(x->k);
    const struct isakmp_peer *at = nearest_row(r, &x->peer->host.addr);
    return at || rows_of_name(r, x->peer->host.name)->n;
}

bool peer_has_v1_key(struct peer_keys *k, const struct crypto_map *map, const struct isakmp_profile *profile,
                     const struct map_peer *peer)
{
    const struct v1_asker x = {k, map, profile, peer};
    if (has_password(&x))
        return true;
    if (profile && profile->keyrings.n)
        return one_of_profile_fits(&x);
    if (!profile && (one_fits(&x, keys_of_keyrings(k, NULL)) || one_fits(&x, keys_of_keyrings(k, map))))
        return true;
    return one_fits(&x, global_keys(k));
}

const struct psk *peer_v1_key_elsewhere(struct peer_keys *k, const struct map_peer *peer)
{
    bool is_new;
    struct key_rows *r = rows_kept(k, &k->c->keyrings, &k->c->keyrings, &is_new);
    for (uint32_t i = 0; is_new && i < k->c->keyrings.n; i++)
        add_v1_keys(k, r, &((const struct keyring *)k->c->keyrings.v[i])->keys);
    return nearest_row(r, &peer->host.addr);
}
