/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is who: identities, keys, entries. */
#include "backends/ike/engine/proof.h"

#include <stdlib.h>
#include <string.h>

static const struct ike_psk *in_list(const struct ike_psk *v, unsigned n, uint32_t id)
{
    for (unsigned i = 0; i < n; i++)
        if (v[i].id == id)
            return &v[i];
    return NULL;
}

static const struct ike_psk *key_numbered(const struct ike_policy *p, uint32_t id)
{
    const struct ike_psk *k = in_list(p->keys, p->n_keys, id);
    for (unsigned i = 0; i < p->n_profiles && !k; i++)
        k = in_list(p->profiles[i].keys, p->profiles[i].n_keys, id);
    for (unsigned i = 0; i < p->n_aggressive && !k; i++)
        k = in_list(&p->aggressive[i].key, 1, id);
    return k;
}

bool ike_same_secret(const struct ike_policy *p, uint32_t a, uint32_t b)
{
    if (a == b)
        return a != 0;
    const struct ike_psk *x = key_numbered(p, a), *y = key_numbered(p, b);
    return x && y && x->remote.n && x->remote.n == y->remote.n && ike_equal(x->remote.p, y->remote.p, x->remote.n);
}

bool ike_key_is_of_one(const struct ike_policy *p, uint32_t id)
{
    const struct ike_psk *k = key_numbered(p, id);
    return k && k->who.addr.family != FAMILY_NONE && k->who.plen == (k->who.addr.family == FAMILY_V6 ? 128 : 32);
}

bool ike_profile_holds_at(const struct ike_profile *p, const struct ip_addr *local)
{
    bool here = p->n_locals == 0;
    for (unsigned i = 0; i < p->n_locals; i++)
        here |= addr_eq(&p->locals[i], local);
    return here;
}

bool ike_addr_in(const struct ip_addr *a, const struct ip_addr *net, unsigned plen)
{
    if (a->family != net->family)
        return false;
    const unsigned whole = plen / 8, rest = plen % 8;
    const unsigned mask = 0xff00u >> rest & 0xffu;
    for (unsigned i = 0; i < whole; i++)
        if (a->b[i] != net->b[i])
            return false;
    return rest == 0 || ((a->b[whole] ^ net->b[whole]) & mask) == 0;
}

uint8_t ike_letter(uint8_t id_type, uint8_t c)
{
    bool is_name = id_type == IKE_ID_FQDN || id_type == IKE_ID_USER_FQDN;
    return is_name ? (uint8_t)str_lower((char)c) : c;
}

static bool same_text(const struct ike_bytes *want, uint8_t type, const uint8_t *p, size_t n)
{
    if (n != want->n)
        return false;
    for (uint32_t i = 0; i < want->n; i++)
        if (ike_letter(type, want->p[i]) != ike_letter(type, p[i]))
            return false;
    return true;
}

static bool separates(uint8_t type, uint8_t c)
{
    return c == '.' || (c == '@' && type != IKE_ID_FQDN);
}

/* Is a name in a domain? What is compared are whole labels: `example.com` has r1.example.com and itself, not
 * evilexample.com; of a mail address the domain begins behind `@` or a dot. A domain may be written with the separator
 * before it. */
static bool in_domain(const struct ike_bytes *domain, uint8_t type, const uint8_t *p, size_t n)
{
    struct ike_bytes d = *domain;
    if (d.n && separates(type, d.p[0])) {
        bool dot = d.p[0] == '.';
        d.p++;
        d.n--;
        if (n == d.n && dot)
            return false; /* `.example.com` has only what stands before the dot */
    }
    if (d.n == 0 || n < d.n || !same_text(&d, type, p + (n - d.n), d.n))
        return false;
    size_t before = n - d.n;
    if (before == 0)
        return type == IKE_ID_FQDN || type == IKE_ID_KEY_ID;
    if (before < 2 || !separates(type, p[before - 1]))
        return false;
    /* `@example.com` means that very domain */
    return domain->p[0] != '@' || p[before - 1] == '@';
}

/* The address that the identity is; FAMILY_NONE: it is none. */
static struct ip_addr address_of(const struct ike_id *id)
{
    struct ip_addr a = {0};
    bool is_v4 = id->type == IKE_ID_IPV4 && id->n == 4, is_v6 = id->type == IKE_ID_IPV6 && id->n == 16;
    if (!is_v4 && !is_v6)
        return a;
    a.family = is_v4 ? FAMILY_V4 : FAMILY_V6;
    memcpy(a.b, id->p, id->n);
    return a;
}

bool ike_match(const struct ike_match *m, const struct ip_addr *addr, const struct ike_id *id)
{
    if (m->any)
        return true;
    if (m->addr.family != FAMILY_NONE) {
        const struct ip_addr claimed = id ? address_of(id) : (struct ip_addr){0};
        if (id && (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6))
            return claimed.family != FAMILY_NONE && ike_addr_in(&claimed, &m->addr, m->plen);
        return !id && addr && ike_addr_in(addr, &m->addr, m->plen);
    }
    if (!id || (m->id_type && m->id_type != id->type))
        return false;
    if (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6) /* `identity address`: no text is one */
        return m->id_type && m->value.n == id->n && memcmp(m->value.p, id->p, id->n) == 0;
    if (m->domain)
        return in_domain(&m->value, id->type, id->p, id->n);
    return same_text(&m->value, id->type, id->p, id->n);
}

/* What must be there has to be there as attributes; what must not, not even as text. */
static bool rule_holds(const struct ike_cert_rule *r, struct ike_iov der)
{
    enum ike_cert_field field = (enum ike_cert_field)r->field;
    bool contains = r->op == IKE_CERT_CO || r->op == IKE_CERT_NC;
    enum ike_cert_test test = contains ? IKE_CERT_CONTAINS : IKE_CERT_EQUALS;
    bool malformed = true, found, in_text = false;
    if (r->op == IKE_CERT_NEVER)
        return false;
    found = ike_cert_field_is(der, field, test, r->value, &malformed);
    if (malformed)
        return false;
    if (r->op == IKE_CERT_CO || r->op == IKE_CERT_EQ)
        return found;
    in_text = ike_cert_text_is(der, field, test, r->value, &malformed);
    return !malformed && !found && !in_text;
}

bool ike_match_certificate(const struct ike_profile *p, struct ike_iov der)
{
    for (unsigned i = 0; i < p->n_cert_maps; i++) {
        const struct ike_cert_map *m = &p->cert_maps[i];
        unsigned held = 0;
        while (held < m->n && rule_holds(&m->rules[held], der))
            held++;
        if (m->n && held == m->n)
            return true;
    }
    return false;
}

static bool is_for(const struct ike_psk *k, const struct ip_addr *own)
{
    bool here = k->n_at == 0;
    for (unsigned i = 0; i < k->n_at; i++)
        here |= own->family != FAMILY_NONE && addr_eq(&k->at[i], own);
    return here;
}

/* The identity that the row names; NULL: it names none. */
static const struct ike_match *identity_of(const struct ike_psk *k)
{
    if (k->named.value.n)
        return &k->named;
    bool is_address = k->who.addr.family != FAMILY_NONE || k->who.any;
    return is_address ? NULL : &k->who;
}

/* Does the row name it: by the identity that is the peer's, or by its host name? */
static bool row_names(const struct ike_psk *k, const struct ip_addr *addr, const struct ike_id *id)
{
    const struct ike_match *m = identity_of(k);
    bool is_host = k->host.n && id->type == IKE_ID_FQDN && same_text(&k->host, id->type, id->p, id->n);
    return is_host || (m && ike_match(m, addr, id));
}

/* ... by a domain alone? */
static bool is_by_domain(const struct ike_psk *k, const struct ike_id *id)
{
    const struct ike_match *m = identity_of(k);
    bool is_host = k->host.n && id->type == IKE_ID_FQDN && same_text(&k->host, id->type, id->p, id->n);
    return m && m->domain && !is_host;
}

static bool is_one_address(const struct ike_match *m)
{
    return m->addr.family != FAMILY_NONE && m->plen == (m->addr.family == FAMILY_V6 ? 128 : 32);
}

bool ike_psk_is_anothers(const struct ike_psk *k, const struct ip_addr *addr, const struct ike_id *id)
{
    const struct ike_match *m = identity_of(k);
    bool is_name = id && id->type != IKE_ID_IPV4 && id->type != IKE_ID_IPV6;
    bool is_of_kind = m && id && (is_name || !m->id_type || m->id_type == id->type);
    return is_of_kind && !row_names(k, addr, id);
}

static bool is_there(const struct ike_psk *k, const struct ip_addr *addr)
{
    return k->who.addr.family != FAMILY_NONE && addr && ike_addr_in(addr, &k->who.addr, k->who.plen);
}

bool ike_psk_is_here(const struct ike_psk *k, const struct ip_addr *own, const struct ip_addr *addr)
{
    return is_for(k, own) && (k->who.any || is_there(k, addr));
}

/* An address of its own, or the name; false: it has none that is one peer's. */
static bool is_named_by(const struct ike_match *m, const struct ike_psk *k)
{
    const struct ike_match *name = identity_of(k);
    struct ike_id id = {IKE_ID_FQDN, (uint16_t)k->host.n, k->host.p};
    if (k->host.n && ike_match(m, NULL, &id))
        return true;
    if (m->id_type)
        id.type = m->id_type;
    if (name && name->id_type)
        id.type = name->id_type;
    if (name && !name->domain) {
        id.n = (uint16_t)name->value.n;
        id.p = name->value.p;
        if (ike_match(m, NULL, &id))
            return true;
    }
    if (!is_one_address(&k->who))
        return false;
    bool is_v6 = k->who.addr.family == FAMILY_V6;
    id = (struct ike_id){IKE_ID_IPV4, 4, k->who.addr.b};
    if (is_v6)
        id = (struct ike_id){IKE_ID_IPV6, 16, k->who.addr.b};
    return ike_match(m, NULL, &id);
}

static bool is_for_one(const struct ike_match *m)
{
    bool is_address = m->addr.family != FAMILY_NONE;
    bool is_network = is_address && !is_one_address(m);
    return !m->any && !m->domain && !is_network;
}

/* ... `exactly`: what is for many does not count. */
static bool profile_names(const struct ike_profile *p, const struct ike_psk *k, bool exactly)
{
    for (unsigned i = 0; i < p->n_remote; i++)
        if ((!exactly || is_for_one(&p->remote[i])) && is_named_by(&p->remote[i], k))
            return true;
    return false;
}

/* Is the profile that of a static entry for who is there? Then who is there is its peer. Where a host name leads says
 * nothing. */
static bool is_bound_to(const struct ike_policy *p, const struct ike_profile *its, const struct ip_addr *peer)
{
    for (uint32_t i = 0; i < p->n_entries; i++)
        for (unsigned k = 0; p->entries[i].profile == its && k < p->entries[i].n_peers; k++) {
            const char *host = p->entries[i].peers[k].host;
            bool is_by_name = host && *host;
            if (!is_by_name && addr_eq(&p->entries[i].peers[k].addr, peer))
                return true;
        }
    return false;
}

bool ike_psk_is_of_another_profile(const struct ike_policy *p, const struct ike_profile *its, const struct ike_psk *k,
                                   const struct ip_addr *own, const struct ip_addr *peer)
{
    if (!its || profile_names(its, k, false))
        return false;
    for (unsigned i = 0; i < p->n_profiles; i++) {
        const struct ike_profile *q = &p->profiles[i];
        bool may_be_matched = q != its && q->version == its->version && profile_names(q, k, true);
        if (may_be_matched && ike_profile_holds_at(q, own) && in_list(q->keys, q->n_keys, k->id))
            return !is_bound_to(p, its, peer);
    }
    return false;
}

bool ike_may_be_natted(const struct ike_id *id, const struct ip_addr *from)
{
    const struct ip_addr claimed = address_of(id);
    return claimed.family != FAMILY_NONE && addr_is_private(&claimed) && !(from && addr_is_private(from));
}

/* The nearest row for the claimed address; a row for everybody is for nobody's. */
static const struct ike_psk *row_of_address(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                            const struct ip_addr *from, const struct ike_id *id)
{
    const struct ip_addr address = address_of(id), *claimed = &address;
    if (claimed->family == FAMILY_NONE)
        return NULL;
    bool may_be_natted = ike_may_be_natted(id, from);
    const struct ike_psk *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        const struct ike_match *m = &v[i].who;
        bool says_who = is_one_address(m) || (m->plen && !may_be_natted);
        bool is_in = m->addr.family == claimed->family && ike_addr_in(claimed, &m->addr, m->plen);
        bool is_its = is_in && !ike_psk_is_anothers(&v[i], from, id);
        if (says_who && is_its && is_for(&v[i], own) && (!best || m->plen > best->who.plen))
            best = &v[i];
    }
    return best;
}

/* How near a row that names an identity is to it. A name says more than its domain, a domain more than the one that it
 * is in; then the row says more that is for where the peer calls from, and one for no place more than one for another.
 */
struct nearness {
    uint32_t name; /* labels' bytes that agree */
    unsigned place;
};
enum { PLACE_IS_ANOTHER, PLACE_IS_ANY, PLACE_IS_HERE /* and the prefix's length */ };

static struct nearness nearness_of(const struct ike_psk *k, const struct ip_addr *addr, const struct ike_id *id)
{
    struct nearness is = {.name = UINT32_MAX, .place = PLACE_IS_ANY};
    if (is_by_domain(k, id))
        is.name = identity_of(k)->value.n;
    if (k->who.addr.family == FAMILY_NONE)
        return is;
    bool is_here = addr && ike_addr_in(addr, &k->who.addr, k->who.plen);
    is.place = is_here ? PLACE_IS_HERE + k->who.plen : PLACE_IS_ANOTHER;
    return is;
}

static bool is_nearer(struct nearness a, struct nearness b)
{
    return a.name > b.name || (a.name == b.name && a.place > b.place);
}

/* Of rows that are as near as each other the first is. */
static const struct ike_psk *row_of_name(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                         const struct ip_addr *addr, const struct ike_id *id, enum ike_names names)
{
    const struct ike_psk *best = NULL;
    struct nearness nearest = {0};
    for (unsigned i = 0; i < n; i++) {
        bool counts = names == IKE_NAMES_AND_DOMAINS || !is_by_domain(&v[i], id);
        if (!counts || !is_for(&v[i], own) || !row_names(&v[i], addr, id))
            continue;
        struct nearness is = nearness_of(&v[i], addr, id);
        if (best && !is_nearer(is, nearest))
            continue;
        best = &v[i];
        nearest = is;
    }
    return best;
}

const struct ike_psk *ike_psk_of_identity(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                          const struct ip_addr *addr, const struct ike_id *id)
{
    const struct ike_psk *its = row_of_name(v, n, own, addr, id, IKE_NAMES_AND_DOMAINS);
    return its ? its : row_of_address(v, n, own, addr, id);
}

/* A profile that takes the name, if only by `any`, takes it by the key of its domain's row. */
static enum ike_names names_of(const struct ike_profile *profile, const struct ike_id *called)
{
    bool takes_name = !profile;
    for (unsigned i = 0; profile && i < profile->n_remote; i++)
        takes_name |= ike_match(&profile->remote[i], NULL, called);
    return takes_name ? IKE_NAMES_AND_DOMAINS : IKE_NAMES_ALONE;
}

const struct ike_psk *ike_psk_of_called(const struct ike_policy *p, const struct ike_profile *profile,
                                        const struct ip_addr *own, const struct ip_addr *addr,
                                        const struct ike_id *called)
{
    const struct ike_psk *v = profile ? profile->keys : p->keys;
    unsigned n = profile ? profile->n_keys : p->n_keys;
    return row_of_name(v, n, own, addr, called, names_of(profile, called));
}

static const struct ike_psk *row_of_place(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                          const struct ip_addr *addr, const struct ike_id *id)
{
    const struct ike_psk *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        const struct ike_match *m = &v[i].who;
        if (!is_there(&v[i], addr)) /* of ten thousand rows nearly all */
            continue;
        bool is_anothers = ike_psk_is_anothers(&v[i], addr, id);
        bool may_be = !is_anothers || is_one_address(m);
        if (!may_be || !is_for(&v[i], own))
            continue;
        bool is_nearer = !best || m->plen > best->who.plen;
        bool is_freer = best && m->plen == best->who.plen && !is_anothers && ike_psk_is_anothers(best, addr, id);
        if (is_nearer || is_freer)
            best = &v[i];
    }
    for (unsigned i = 0; i < n && !best; i++)
        if (v[i].who.any && is_for(&v[i], own))
            best = &v[i];
    return best;
}

const struct ike_psk *ike_psk_find(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                   const struct ip_addr *addr, const struct ike_id *id)
{
    const struct ike_psk *its = id ? ike_psk_of_identity(v, n, own, addr, id) : NULL;
    return its ? its : row_of_place(v, n, own, addr, id); /* an identity says more than an address */
}

const struct ike_psk *ike_psk_to_call(const struct ike_policy *p, const struct ike_profile *profile,
                                      const struct ip_addr *own, const struct ip_addr *addr,
                                      const struct ike_id *called)
{
    const struct ike_psk *v = profile ? profile->keys : p->keys;
    unsigned n = profile ? profile->n_keys : p->n_keys;
    const struct ike_psk *its = called ? ike_psk_of_called(p, profile, own, addr, called) : NULL;
    return its ? its : row_of_place(v, n, own, addr, called);
}

static struct ike_id id_of_name(const char *host)
{
    return (struct ike_id){IKE_ID_FQDN, (uint16_t)strlen(host), (const uint8_t *)host};
}

bool ike_called_name(const struct ike_sa *sa, struct ike_id *out)
{
    const struct ike_entry *e = sa->entry;
    const char *host = sa->called;
    if (!host && e && sa->peer_at < e->n_peers)
        host = e->peers[sa->peer_at].host;
    if (!host || !*host)
        return false;
    *out = id_of_name(host);
    return true;
}

/* ---- entries by peer ---- */

static int by_addr(const void *a, const void *b)
{
    const struct ike_entry_peer *x = a, *y = b;
    int d = (int)x->addr.family - (int)y->addr.family;
    d = d ? d : memcmp(x->addr.b, y->addr.b, sizeof x->addr.b);
    return d ? d : x->entry < y->entry ? -1 : x->entry > y->entry;
}

bool ike_entries_index(struct ike *ike)
{
    const struct ike_policy *p = ike->policy;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_entries; i++)
        n += p->entries[i].n_peers + 1;
    struct ike_entry_peer *peers = calloc(n + 1, sizeof *peers);
    if (!peers)
        return false; /* the index of before still holds */
    free(ike->entry_peers);
    ike->entry_peers = peers;
    ike->n_entry_peers = ike->n_for_anybody = 0;
    for (uint32_t i = 0; i < p->n_entries; i++) {
        const struct ike_entry *e = &p->entries[i];
        for (unsigned k = 0; k < e->n_peers; k++)
            if (e->peers[k].addr.family != FAMILY_NONE)
                ike->entry_peers[ike->n_entry_peers++] = (struct ike_entry_peer){e->peers[k].addr, i};
        if (e->dynamic && e->n_peers == 0) {
            ike->entry_peers[ike->n_entry_peers++] = (struct ike_entry_peer){.entry = i};
            ike->n_for_anybody++;
        }
    }
    qsort(ike->entry_peers, ike->n_entry_peers, sizeof *ike->entry_peers, by_addr);
    return true;
}

/* The first place from `at` on that is not before the key. */
static uint32_t lower_bound(const struct ike *ike, uint32_t at, const struct ike_entry_peer *key)
{
    uint32_t end = ike->n_entry_peers;
    while (at < end) {
        uint32_t mid = at + (end - at) / 2;
        if (by_addr(&ike->entry_peers[mid], key) < 0)
            at = mid + 1;
        else
            end = mid;
    }
    return at;
}

const struct ike_entry *ike_entry_for(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote,
                                      const struct ike_entry *from)
{
    const struct ike_entry *v = ike->policy->entries;
    const struct ike_entry_peer *all = ike->entry_peers;
    struct ike_entry_peer key = {*remote, from ? (uint32_t)(from - v) + 1 : 0}, none = {.entry = key.entry};
    uint32_t a = lower_bound(ike, ike->n_for_anybody, &key), b = lower_bound(ike, 0, &none);
    for (;;) {
        bool of_peer = a < ike->n_entry_peers && addr_eq(&all[a].addr, remote), of_all = b < ike->n_for_anybody;
        if (!of_peer && !of_all)
            return NULL;
        bool first = of_peer && (!of_all || all[a].entry <= all[b].entry);
        const struct ike_entry *e = &v[first ? all[a++].entry : all[b++].entry];
        if (e->local.family == FAMILY_NONE || addr_eq(&e->local, local))
            return e;
    }
}

bool ike_credential_signs(const struct ike_credential *c)
{
    return c->key && c->n_chain;
}

const struct ike_credential *ike_credential_of(const struct ike_policy *policy, const struct ike_profile *p)
{
    if (p && (p->credential || p->names_trustpoints))
        return p->credential;
    for (uint32_t i = 0; i < policy->n_credentials; i++)
        if (ike_credential_signs(&policy->credentials[i]))
            return &policy->credentials[i];
    return NULL;
}

const struct ike_credential *ike_credential_for(const struct ike *ike, const struct ike_profile *p)
{
    return ike_credential_of(ike->policy, p);
}

unsigned ike_trusts_of(const struct ike_policy *policy, const struct ike_profile *p,
                       const struct ike_credential *out[static IKE_TRUSTS_MAX])
{
    if (p && p->names_trustpoints) {
        memcpy(out, p->trusts, sizeof p->trusts);
        return p->n_trusts;
    }
    unsigned n = 0;
    for (uint32_t i = 0; i < policy->n_credentials && n < IKE_TRUSTS_MAX; i++)
        if (policy->credentials[i].store)
            out[n++] = &policy->credentials[i];
    return n;
}

bool ike_key_allowed(unsigned auth_bits, enum ike_key_kind k)
{
    return k != IKE_KEY_OTHER && (auth_bits & (k == IKE_KEY_RSA ? IKE_MAY_RSA : IKE_MAY_ECDSA));
}

void ike_line_ts(const struct ike_line *l, struct ike_ts *src, struct ike_ts *dst)
{
    const struct ike_selector *s = &l->sel;
    *src = (struct ike_ts){s->family, s->proto, s->sport_lo, s->sport_hi, s->src_lo, s->src_hi};
    *dst = (struct ike_ts){s->family, s->proto, s->dport_lo, s->dport_hi, s->dst_lo, s->dst_hi};
}
