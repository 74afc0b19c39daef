/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/peer_keys.h"

#include <string.h>

/* ---- addresses ---- */

#define NOT_IN (-1)

static bool is_same_byte(uint8_t a, uint8_t b, uint8_t mask)
{
    return ((a ^ b) & mask) == 0;
}

/* Byte `i` of the mask of a prefix. */
static uint8_t prefix_byte(unsigned plen, unsigned i)
{
    if (plen >= 8 * (i + 1))
        return 0xff;
    unsigned rest = plen > 8 * i ? plen - 8 * i : 0;
    return (uint8_t)(0xff00u >> rest & 0xffu);
}

struct network {
    struct ip_addr address;
    const struct ir_addr *mask; /* IPv4 */
    unsigned plen;              /* IPv6 */
};

static uint8_t mask_byte(const struct network *net, unsigned i)
{
    if (net->address.family == FAMILY_V6)
        return prefix_byte(net->plen, i);
    return IR_IS_SET(*net->mask) ? net->mask->a.b[i] : 0xff;
}

/* How many bits of it the network says, NOT_IN: it is not in there. 0.0.0.0 and :: are for anybody. */
static int bits_in(const struct network *net, const struct ip_addr *a)
{
    static const uint8_t zero[16];
    unsigned bytes = a->family == FAMILY_V6 ? 16 : 4;
    int bits = 0;
    if (net->address.family == FAMILY_NONE || net->address.family != a->family)
        return NOT_IN;
    if (memcmp(net->address.b, zero, bytes) == 0)
        return 0;
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t mask = mask_byte(net, i);
        if (!is_same_byte(net->address.b[i], a->b[i], mask))
            return NOT_IN;
        bits += __builtin_popcount(mask);
    }
    return bits;
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
        const struct network net = {m->address.a, &m->mask, m->address.plen};
        if (str_is(m->kind.s, "any") || bits_in(&net, a) != NOT_IN)
            return true;
    }
    return false;
}

/* ---- IKEv2 ---- */

struct wanted {
    bool local, remote; /* which of the two keys; false, false: either */
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

static bool is_called(const struct ikev2_peer *row, struct str host)
{
    return host.len && (is_word(row->hostname.s, host) || is_word(row->identity.s, host));
}

bool peer_has_v2_key(const struct ikev2_profile *profile, const struct map_peer *peer)
{
    const struct ikev2_keyring *k = profile->keyring.target;
    const struct wanted w = {is_by_key(&profile->auth_local), is_by_key(&profile->auth_remote)};
    const struct ikev2_peer *nearest = NULL;
    int bits = NOT_IN;
    PTRLIST_FOR (struct ikev2_peer, row, &k->peers) {
        const struct network net = {row->address.a, &row->mask, row->address.plen};
        int in = bits_in(&net, &peer->host.addr);
        bool is_its = is_called(row, peer->host.name) || (is_by_identity(row) && may_be_its(profile, row));
        if (is_its && is_keyed(row, w))
            return true;
        if (in > bits)
            nearest = row;
        bits = in > bits ? in : bits;
    }
    return nearest && is_keyed(nearest, w);
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
    const struct ir_config *c;
    const struct isakmp_profile *profile;
    const struct map_peer *peer;
};

static bool fits(const struct v1_asker *x, const struct psk *k)
{
    unsigned plen = IR_IS_SET(k->peer_plen) ? (unsigned)k->peer_plen.v : 128;
    const struct network net = {k->peer.addr, &k->mask, plen};
    if (k->kind.v != KEY_HOSTNAME)
        return bits_in(&net, &x->peer->host.addr) != NOT_IN;
    bool may_call = !x->c->isakmp.aggressive_disable.v; /* by its name: in aggressive mode */
    bool may_be_its = !x->profile || may_claim(&x->profile->identities, k->peer.name, false);
    return is_word(k->peer.name, x->peer->host.name) || (may_call && may_be_its);
}

static bool one_fits(const struct v1_asker *x, const struct ptrlist *keys)
{
    PTRLIST_FOR (struct psk, k, keys) {
        if (fits(x, k))
            return true;
    }
    return false;
}

static bool keyring_fits(const struct v1_asker *x, const struct keyring *k, const struct crypto_map *map)
{
    return is_for_map(&k->local, map) && one_fits(x, &k->keys);
}

static bool has_password(const struct v1_asker *x)
{
    PTRLIST_FOR (struct isakmp_peer, p, &x->c->isakmp_peers) {
        const struct ip_addr *at = &x->peer->host.addr;
        bool is_at = at->family != FAMILY_NONE && addr_eq(&p->peer.addr, at);
        bool is_named = p->peer.name.len && is_word(p->peer.name, x->peer->host.name);
        if ((is_at || is_named) && p->password.s.form != SECRET_NONE)
            return true;
    }
    return false;
}

bool peer_has_v1_key(const struct ir_config *c, const struct crypto_map *map, const struct isakmp_profile *profile,
                     const struct map_peer *peer)
{
    const struct v1_asker x = {c, profile, peer};
    if (has_password(&x))
        return true;
    for (uint32_t i = 0; profile && i < profile->keyrings.n; i++) {
        const struct ir_ref *r = profile->keyrings.v[i];
        bool has = r->target ? keyring_fits(&x, r->target, map) : one_fits(&x, &c->isakmp_keys);
        if (has)
            return true;
    }
    if (profile && profile->keyrings.n)
        return false;
    PTRLIST_FOR (struct keyring, k, &c->keyrings) {
        if (!profile && keyring_fits(&x, k, map))
            return true;
    }
    return one_fits(&x, &c->isakmp_keys);
}
