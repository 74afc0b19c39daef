/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which key proves which identity: where a configuration leaves it open, one peer may call itself another. */
#include "lint/lint.h"

/* `fqdn`, `email`, `key-id`, `host`, `user-fqdn`: one name, not a domain, an address or anybody. */
static bool is_one_name(const struct identity_match *m)
{
    bool is_address = str_is(m->kind.s, "address") || str_is(m->kind.s, "ipv6");
    bool is_many = str_is(m->kind.s, "any") || str_is(m->kind.s, "group") || str_is(m->kind.s, "host-domain") ||
                   str_is(m->kind.s, "user-domain") || m->domain.v;
    return !is_address && !is_many && m->value.s.len;
}

static const struct identity_match *name_of(const struct ptrlist *identities)
{
    PTRLIST_FOR (struct identity_match, m, identities) {
        if (is_one_name(m))
            return m;
    }
    return NULL;
}

static bool is_same_word(struct str a, struct str b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return a.len == b.len;
}

/* ---- who may call without an address that the entry names ---- */

static bool is_named_by_dynamic(const struct ir_config *c, const void *profile)
{
    PTRLIST_FOR (struct crypto_map, m, &c->dynamic_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            bool is_it = e->sa.ikev2_profile.target == profile || e->sa.isakmp_profile.target == profile;
            if (is_it && !e->peers.n)
                return true;
        }
    }
    return false;
}

/* ---- IKEv2 ---- */

static bool names_it(const struct ikev2_keyring *k, struct str name)
{
    PTRLIST_FOR (struct ikev2_peer, p, &k->peers) {
        if (is_same_word(p->identity.s, name) || is_same_word(p->hostname.s, name))
            return true;
    }
    return false;
}

static unsigned rows_by_address(const struct ikev2_keyring *k)
{
    unsigned n = 0;
    PTRLIST_FOR (struct ikev2_peer, p, &k->peers) {
        n += !IR_IS_SET(p->identity) && !IR_IS_SET(p->hostname) && IR_IS_SET(p->address);
    }
    return n;
}

/* Profiles that go by one name each and take their keys from that keyring. */
static unsigned profiles_by_name(const struct ir_config *c, const struct ikev2_keyring *k)
{
    unsigned n = 0;
    PTRLIST_FOR (struct ikev2_profile, p, &c->ikev2_profiles) {
        n += p->keyring.target == k && name_of(&p->match_identities);
    }
    return n;
}

static void say(struct lint_ctx *x, enum diag_id id, const struct identity_match *m, const char *what, struct span keys)
{
    struct diag *d =
        diag_add(x->diags, id, m->span,
                 "any peer with a key of %s may say that it is '" STR_FMT "': no row there is for that identity", what,
                 STR_ARG(m->value.s));
    diag_note(x->diags, d, keys, "rows by address alone");
    diag_hint(x->diags, d, "give the peer's row the identity too, or each profile a keyring of its own");
}

static void open_identities_2(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        const struct ikev2_keyring *k = p->keyring.target;
        const struct identity_match *m = name_of(&p->match_identities);
        bool is_open =
            k && m && is_named_by_dynamic(x->c, p) && rows_by_address(k) > 1 && profiles_by_name(x->c, k) > 1;
        if (is_open && !names_it(k, m->value.s))
            say(x, id, m, "its keyring", k->span);
    }
}

/* ---- IKEv1 ---- */

static bool has_key_by_name(const struct ptrlist *keys, struct str name, unsigned *by_address)
{
    bool found = false;
    PTRLIST_FOR (struct psk, k, keys) {
        found |= k->kind.v == KEY_HOSTNAME && is_same_word(k->peer.name, name);
        *by_address += k->kind.v != KEY_HOSTNAME;
    }
    return found;
}

static bool shares_keyring(const struct isakmp_profile *a, const struct isakmp_profile *b)
{
    PTRLIST_FOR (struct ir_ref, r, &a->keyrings) {
        PTRLIST_FOR (struct ir_ref, o, &b->keyrings) {
            if (str_eq(r->name, o->name))
                return true;
        }
    }
    return !a->keyrings.n && !b->keyrings.n; /* the keys without one */
}

static bool has_namesake(const struct ir_config *c, const struct isakmp_profile *p)
{
    PTRLIST_FOR (struct isakmp_profile, o, &c->isakmp_profiles) {
        if (o != p && name_of(&o->identities) && shares_keyring(p, o))
            return true;
    }
    return false;
}

static void open_identities_1(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        const struct identity_match *m = name_of(&p->identities);
        unsigned by_address = 0;
        struct span keys = p->span;
        if (!m || !is_named_by_dynamic(x->c, p) || !has_namesake(x->c, p))
            continue;
        bool is_named = !p->keyrings.n && has_key_by_name(&x->c->isakmp_keys, m->value.s, &by_address);
        PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
            const struct keyring *k = r->target;
            is_named |= has_key_by_name(k ? &k->keys : &x->c->isakmp_keys, m->value.s, &by_address);
            keys = k ? k->span : keys;
        }
        if (!is_named && by_address > 1)
            say(x, id, m, "its keyrings", keys);
    }
}

static void open_identities(struct lint_ctx *x, enum diag_id id)
{
    open_identities_1(x, id);
    open_identities_2(x, id);
}

const struct lint_rule rules_identities[] = {
    {D_IDENTITY_OPEN, "RFC 4301 section 4.4.3; RFC 7296 section 2.15: the key is of the identity", open_identities, 0},
    {0, NULL, NULL, 0},
};
