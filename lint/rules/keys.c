/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pre-shared keys and how peers are known. A finding never shows a key, nor how long it is. */
#include "compiler/sem/peer_keys.h"
#include "lint/lint.h"

/* A key and whom it is for. */
struct held {
    const struct ir_secret *key;
    struct ip_addr peer; /* family none: a name, or everybody */
    struct str name;     /* of a row that has no address */
    bool everybody;
    struct span where;
};

static bool is_zero_mask(const struct ir_addr *m)
{
    return IR_IS_SET(*m) && m->a.family == FAMILY_V4 && addr_v4(&m->a) == 0;
}

static bool is_zero(const struct ip_addr *a)
{
    static const uint8_t none[16];
    return a->family != FAMILY_NONE && memcmp(a->b, none, 16) == 0;
}

/* Whom a row is for. */
struct whom {
    struct ip_addr peer;
    struct str name;
    bool everybody;
};

static void add_held(struct lint_ctx *x, struct ptrlist *out, const struct ir_secret *key, const struct whom *w,
                     struct span where)
{
    if (key->s.form == SECRET_NONE)
        return;
    struct held *h = ARENA_NEW(x->arena, struct held);
    *h = (struct held){key, w->peer, w->peer.family == FAMILY_NONE ? w->name : STR_EMPTY, w->everybody, where};
    ptrlist_add(x->arena, out, h);
}

static void from_psks(struct lint_ctx *x, struct ptrlist *out, const struct ptrlist *keys)
{
    PTRLIST_FOR (struct psk, k, keys) {
        bool all = is_zero(&k->peer.addr) && (is_zero_mask(&k->mask) || !IR_IS_SET(k->mask));
        const struct whom w = {k->peer.addr, k->peer.name, all};
        add_held(x, out, &k->key, &w, k->span);
    }
}

static struct ptrlist all_keys(struct lint_ctx *x)
{
    struct ptrlist out = {0};
    from_psks(x, &out, &x->c->isakmp_keys);
    PTRLIST_FOR (struct keyring, k, &x->c->keyrings) {
        from_psks(x, &out, &k->keys);
    }
    PTRLIST_FOR (struct ikev2_keyring, k, &x->c->ikev2_keyrings) {
        PTRLIST_FOR (struct ikev2_peer, p, &k->peers) {
            struct str name = IR_IS_SET(p->identity) ? p->identity.s : p->hostname.s;
            const struct whom w = {p->address.a, name, is_zero(&p->address.a)};
            add_held(x, &out, &p->local_key, &w, IR_IS_SET(p->local_key) ? p->local_key.m.span : p->span);
            if (p->remote_key.m.span.off != p->local_key.m.span.off)
                add_held(x, &out, &p->remote_key, &w, p->remote_key.m.span);
        }
    }
    return out;
}

static struct span key_span(const struct held *h)
{
    return h->key->m.span.len ? h->key->m.span : h->where;
}

/* Not a key or name but what somebody put in its place: <key>, XXXXX, 40.76.X.X */
static bool placeholder(struct str s)
{
    uint32_t x = 0;
    for (uint32_t i = 0; i < s.len; i++)
        x += s.p[i] == 'X' || s.p[i] == 'x' || s.p[i] == '*';
    bool octet = s.len > 2 && s.p[s.len - 1] == 'X' && s.p[s.len - 2] == '.';
    return s.len == 0 || x == s.len || octet || s.p[0] == '<' || s.p[0] == '{' || s.p[0] == '$' || s.p[0] == '*' ||
           s.p[0] == '[';
}

static void in_clear(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    PTRLIST_FOR (struct held, h, &keys) {
        if (h->key->s.form == SECRET_PLAIN && !placeholder(secret_reveal(&h->key->s)))
            diag_hint(
                x->diags,
                diag_add(x->diags, id, key_span(h), "this key stands in clear text: whoever reads the file has it"),
                "password encryption aes, with a master key, turns it into type 6");
    }
}

static void type7(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    PTRLIST_FOR (struct held, h, &keys) {
        if (h->key->s.form == SECRET_TYPE7)
            diag_add(x->diags, id, key_span(h),
                     "type 7 can be turned back by anybody: the key is as good as in clear text");
    }
}

static void wildcard(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    PTRLIST_FOR (struct held, h, &keys) {
        if (h->everybody)
            diag_hint(x->diags,
                      diag_add(x->diags, id, h->where, "any address that knows this key can pose as any other peer"),
                      "give each peer a key of its own, or use certificates");
    }
}

static bool weak_key(struct str k, uint32_t least)
{
    static const char *const words[] = {"cisco",     "secret",   "password", "test",    "key",    "vpn",
                                        "ipsec",     "admin",    "letmein",  "qwerty",  "router", "preshared",
                                        "sharedkey", "changeme", "default",  "private", "public", "welcome"};
    uint32_t n = k.len;
    if (k.len < least)
        return true;
    while (n && ((k.p[n - 1] >= '0' && k.p[n - 1] <= '9') || k.p[n - 1] == '!')) /* cisco123 */
        n--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq((struct str){k.p, n}, words[i]))
            return true;
    for (uint32_t i = 1; i < k.len; i++) /* one character again and again */
        if (k.p[i] != k.p[0])
            return false;
    return true;
}

/* The key itself, in the arena, which is wiped; empty if it cannot be had. */
static struct str clear_key(struct lint_ctx *x, const struct held *h)
{
    char clear[SECRET_CLEAR_MAX];
    size_t n = 0;
    if (!secret_clear(&h->key->s, x->settings->master, clear, &n))
        return STR_EMPTY;
    struct str k = {arena_strndup(x->arena, clear, n), (uint32_t)n};
    explicit_bzero(clear, sizeof clear);
    return k;
}

static void master_key(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    PTRLIST_FOR (struct held, h, &keys) {
        if (h->key->s.form == SECRET_TYPE6 && x->settings->master.len && clear_key(x, h).len == 0)
            diag_add(x->diags, id, key_span(h), "the master key that was given does not open this type 6 key");
    }
}

static void weak(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    PTRLIST_FOR (struct held, h, &keys) {
        struct str k = clear_key(x, h);
        if (k.len && !placeholder(k) && weak_key(k, x->settings->psk_length))
            diag_hint(x->diags,
                      diag_add(x->diags, id, key_span(h),
                               "this key can be guessed: it is shorter than %u characters, or a word from every list",
                               x->settings->psk_length),
                      "use a long random key, or certificates");
    }
}

static void shared(struct lint_ctx *x, enum diag_id id)
{
    struct ptrlist keys = all_keys(x);
    struct symtab seen = {0};
    PTRLIST_FOR (struct held, h, &keys) {
        struct str k = clear_key(x, h);
        bool is_for_one = h->peer.family != FAMILY_NONE || h->name.len;
        if (!is_for_one || k.len == 0 || placeholder(k))
            continue;
        uint32_t kind = h->peer.family; /* one peer may have an address of each family, and a name */
        const struct held *first = symtab_get(&seen, k, kind);
        if (!first) {
            symtab_put(x->arena, &seen, k, kind, h);
        } else if (!addr_eq(&first->peer, &h->peer) || !str_eq(first->name, h->name)) {
            struct diag *d = diag_add(x->diags, id, key_span(h), "the same key is used for another peer");
            diag_note(x->diags, d, first->where, "the other peer");
            diag_hint(x->diags, d, "whoever has one of the routers can pose as the others: a key for each pair");
        }
    }
}

/* ---- peers and keys ---- */

/* Do all IKEv1 policies want a pre-shared key? */
static bool only_psk(const struct ir_config *c)
{
    bool any = false;
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        if (p->auth.v != ALGO_AUTH_PSK)
            return false;
        any = true;
    }
    return any;
}

static bool has_keys(const struct ir_config *c)
{
    return c->isakmp_keys.n || c->keyrings.n || c->isakmp_peers.n;
}

/* The first keyring of the entry's isakmp profile: the profile's peers have their keys there, and nowhere else. NULL:
 * the global keys count. */
static const struct keyring *own_keyring(const struct crypto_map_entry *e)
{
    const struct isakmp_profile *p = e->sa.isakmp_profile.target;
    for (uint32_t i = 0; p && i < p->keyrings.n; i++) {
        const struct ir_ref *r = p->keyrings.v[i];
        if (r->target)
            return r->target;
    }
    return NULL;
}

static void say_where_key_goes(struct lint_ctx *x, struct diag *d, const struct crypto_map_entry *e, const char *peer)
{
    const struct keyring *own = own_keyring(e);
    if (e->sa.ikev2_profile.target)
        diag_hint(x->diags, d, "add the peer to the keyring");
    else if (own)
        diag_hint(x->diags, d, "add in keyring " STR_FMT ": pre-shared-key address %s key KEY", STR_ARG(own->name.s),
                  peer);
    else
        diag_hint(x->diags, d, "add: crypto isakmp key KEY address %s", peer);
}

/* Is one of its keyrings not defined? That is said where it is named. */
static bool has_unknown_keyring(const struct isakmp_profile *p)
{
    for (uint32_t i = 0; p && i < p->keyrings.n; i++) {
        const struct ir_ref *r = p->keyrings.v[i];
        if (!r->target && !str_is(r->name, "default"))
            return true;
    }
    return false;
}

/* What the entries ask with. */
struct key_asker {
    struct peer_keys keys;
    bool only_psk_for_v1;
    const struct isakmp_profile *sound; /* the last one that was looked at, and all of whose keyrings are known */
};

/* May a pre-shared key be what proves the peers of this entry, and is it known where it would be? */
static bool wants_key(struct key_asker *a, const struct crypto_map_entry *e)
{
    const struct isakmp_profile *p1 = e->sa.isakmp_profile.target;
    const struct ikev2_profile *p2 = e->sa.ikev2_profile.target;
    if (e->type.v != ENTRY_ISAKMP)
        return false;
    if (IR_IS_SET(e->sa.ikev2_profile))
        return p2 && p2->keyring.target;
    if (!a->only_psk_for_v1 || (p1 != a->sound && has_unknown_keyring(p1)))
        return false;
    a->sound = p1;
    return true;
}

static void entry_no_key(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                         const struct crypto_map_entry *e, struct peer_keys *keys)
{
    const struct ikev2_profile *p2 = e->sa.ikev2_profile.target;
    const struct ikev2_keyring *k = p2 ? p2->keyring.target : NULL;
    const struct keyring *of_profile = own_keyring(e);
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family == FAMILY_NONE)
            continue;
        bool has_key = p2 ? peer_has_v2_key(keys, p2, p) : peer_has_v1_key(keys, m, e->sa.isakmp_profile.target, p);
        if (has_key)
            continue;
        char t[ADDR_TEXT_MAX];
        struct diag *d =
            diag_add(x->diags, id, p->host.m.span, "no pre-shared key fits peer %s: IKE cannot authenticate it",
                     addr_text(&p->host.addr, t));
        const struct psk *elsewhere = p2 ? NULL : peer_v1_key_elsewhere(keys, p);
        const struct ikev2_peer *row = p2 ? peer_v2_row(keys, p2, p) : NULL;
        if (elsewhere)
            diag_note(x->diags, d, elsewhere->span,
                      "this key is for it, and its keyring does not serve the entry: it is for another local address, "
                      "another profile or a VRF");
        else if (row)
            diag_note(x->diags, d, row->span, "this row is for it, and has no key for one of the directions");
        else if (k || of_profile)
            diag_note(x->diags, d, k ? k->span : of_profile->span, "in this keyring");
        if (!elsewhere && !row)
            say_where_key_goes(x, d, e, t);
    }
}

static void no_key(struct lint_ctx *x, enum diag_id id)
{
    struct key_asker a = {.keys = {.arena = x->arena, .c = x->c},
                          .only_psk_for_v1 = only_psk(x->c) && (has_keys(x->c) || lint_is_whole(x->c))};
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            if (wants_key(&a, e))
                entry_no_key(x, id, m, e, &a.keys);
        }
    }
}

/* ---- keys of nobody ---- */

static void note_peer(struct lint_ctx *x, struct symtab *t, const struct ip_addr *a)
{
    if (a->family != FAMILY_NONE)
        symtab_put(x->arena, t, (struct str){(const char *)a->b, sizeof a->b}, a->family, (void *)(uintptr_t)a);
}

/* Where somebody may call whom the configuration does not name, every key may be meant. */
static bool strangers_may_call(const struct ir_config *c)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        if (IR_IS_SET(i->protection) && i->tunnel_destination.addr.family == FAMILY_NONE)
            return true; /* DMVPN, or a tunnel to a name */
    }
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            bool named = false;
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                named |= p->host.addr.family == FAMILY_NONE;
            }
            if (e->type.v == ENTRY_DYNAMIC || e->type.v == ENTRY_GDOI || named)
                return true;
        }
    }
    return c->dynamic_maps.n || c->others.n || !c->crypto_maps.n;
}

static void for_nobody(struct lint_ctx *x, enum diag_id id)
{
    struct symtab peers = {0};
    if (strangers_may_call(x->c))
        return;
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                note_peer(x, &peers, &p->host.addr);
            }
        }
    }
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        note_peer(x, &peers, &i->tunnel_destination.addr);
    }
    PTRLIST_FOR (struct psk, k, &x->c->isakmp_keys) {
        const struct ip_addr *a = &k->peer.addr;
        bool one = a->family != FAMILY_NONE && !is_zero(a) &&
                   (!IR_IS_SET(k->mask) || addr_v4(&k->mask.a) == 0xffffffffu) && !IR_IS_SET(k->peer_plen);
        if (one && !symtab_get(&peers, (struct str){(const char *)a->b, sizeof a->b}, a->family)) {
            char t[ADDR_TEXT_MAX];
            diag_add(x->diags, id, k->span, "no crypto map entry and no tunnel has the peer %s: the key is for nobody",
                     addr_text(a, t));
        }
    }
}

/* ---- names, trustpoints ---- */

static void entry_by_name(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                          const struct crypto_map_entry *e)
{
    (void)m;
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family == FAMILY_NONE && p->host.name.len && !placeholder(p->host.name))
            diag_add(x->diags, id, p->host.m.span,
                     "the peer is known by name: the tunnel depends on DNS, at boot before anything else works");
    }
}

static void peer_by_name(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_by_name);
}

static void no_trustpoint(struct lint_ctx *x, enum diag_id id)
{
    if (x->c->trustpoints.n || x->c->cert_chains.n || !lint_is_whole(x->c))
        return;
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        bool sig = p->auth.v == ALGO_AUTH_RSA_SIG || p->auth.v == ALGO_AUTH_ECDSA_SIG;
        if (sig && !p->is_default.v)
            diag_add(x->diags, id, IR_WRITTEN(p->auth) ? p->auth.m.span : p->span,
                     "this policy wants certificates, and there is no trustpoint to have them from");
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        PTRLIST_FOR (struct ikev2_auth, a, &p->auth_local) {
            if (str_is(a->method.s, "rsa-sig") || str_is(a->method.s, "ecdsa-sig"))
                diag_add(x->diags, id, a->span,
                         "this profile wants certificates, and there is no trustpoint to have them from");
        }
    }
}

const struct lint_rule rules_keys[] = {
    {D_PSK_CLEAR, "ios-crypto-commands section 3: forms of keys; NIST SP 800-77r1", in_clear, RULE_OPT_IN},
    {D_PSK_WILDCARD, "RFC 7296 section 2.15; ios-crypto-commands section 3", wildcard, 0},
    {D_PSK_SHARED, "RFC 7296 section 2.15: a key is to be known to two parties only", shared, 0},
    {D_PSK_WEAK, "RFC 7296 section 2.15: a pre-shared key needs as much randomness as the strongest key it protects",
     weak, 0},
    {D_PEER_NO_KEY, "guide, Prerequisites: IKE must be configured for the peer", no_key, 0},
    {D_KEY_FOR_NOBODY, "guide, Prerequisites: IKE must be configured for the peer", for_nobody, 0},
    {D_PEER_BY_NAME, "guide, Creating Static Crypto Maps, step 6", peer_by_name, 0},
    {D_PSK_TYPE7, "ios-crypto-commands section 3: type 7 is reversible", type7, 0},
    {D_MASTER_KEY, "CiscoDevNet, Type-6-Password-Encode: the text carries its own check", master_key, 0},
    {D_NO_TRUSTPOINT, "ios-crypto-commands section 3.1: rsa-sig is the default", no_trustpoint, 0},
    {0, NULL, NULL, 0},
};
