/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which key proves which identity: where a configuration leaves it open, one peer may call itself another; where no row
 * is for an identity, nobody can have it. As the daemon decides it (backends/ike/engine/proof.h).
 */
#include "lint/lint.h"

/* Of identities. A row that names its peer proves no other name; an address that it claims may still be its own. */
enum kind { KIND_FQDN, KIND_USER, KIND_KEY_ID, KIND_ADDRESS, KINDS };

/* One row of a keyring, in whichever version's words. */
struct key_row {
    struct str name; /* of the peer; empty: the row says an address alone */
    enum kind kind;  /* of `name` */
    bool is_domain;
    struct str host; /* a host name beside its address or identity: its own, while it may claim others */
    const struct ir_addr *mask;
    struct ip_addr address; /* FAMILY_NONE: none */
    unsigned plen;          /* of an IPv6 address; 128 where nothing is said */
};

/* A profile that takes its keys from it. */
struct key_user {
    const struct ptrlist *identities; /* struct identity_match */
    const struct identity_match *one; /* the one name or address that it is for; NULL: it is for many */
    bool is_dynamic;                  /* whoever calls may be its peer */
};

struct key_table {
    struct lint_ctx *x;
    struct span at;
    struct key_row *rows;
    struct key_user *users;
    uint32_t n_rows, n_users;
    struct symtab names;     /* (name in small letters, kind) → row */
    struct symtab addresses; /* (address, 0) → row for it alone */
    struct symtab claimed;   /* (address, 0), (name in small letters, kind + 1) → user that is for it alone */
    struct ptrlist wide;     /* struct key_row: domains, networks */
};

/* ---- identities ---- */

static enum kind kind_of(struct str word)
{
    static const struct {
        const char *word;
        enum kind kind;
    } kinds[] = {{"address", KIND_ADDRESS}, {"ipv6", KIND_ADDRESS},  {"email", KIND_USER},      {"user", KIND_USER},
                 {"user-fqdn", KIND_USER},  {"key-id", KIND_KEY_ID}, {"user-domain", KIND_USER}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_is(word, kinds[i].word))
            return kinds[i].kind;
    return KIND_FQDN;
}

static struct str small_letters(struct arena *a, struct str s)
{
    char *out = arena_strndup(a, s.p, s.len);
    for (uint32_t i = 0; i < s.len; i++)
        out[i] = str_lower(out[i]);
    return (struct str){out, s.len};
}

static struct str address_key(const struct ip_addr *a)
{
    return (struct str){(const char *)a->b, sizeof a->b};
}

static bool is_same_word(struct str a, struct str b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return a.len == b.len;
}

static bool ends_with(struct str name, struct str domain)
{
    if (name.len <= domain.len || !domain.len)
        return is_same_word(name, domain);
    struct str end = {name.p + (name.len - domain.len), domain.len};
    char before = name.p[name.len - domain.len - 1];
    bool is_whole_label = before == '.' || before == '@' || *domain.p == '.' || *domain.p == '@';
    return is_whole_label && is_same_word(end, domain);
}

static bool is_all_ones(const struct ir_addr *mask)
{
    for (int i = 0; i < 4; i++)
        if (mask->a.b[i] != 0xff)
            return false;
    return true;
}

static bool is_one_address(const struct identity_match *m)
{
    bool is_v4 = m->address.a.family == FAMILY_V4, is_v6 = m->address.a.family == FAMILY_V6;
    bool has_mask = IR_IS_SET(m->mask);
    if (is_v6)
        return m->address.plen == 128 || m->address.plen == 255;
    return is_v4 && (!has_mask || is_all_ones(&m->mask));
}

/* `fqdn`, `email`, `key-id`, `host`, `user-fqdn`: one name, not a domain or anybody. */
static bool is_one_name(const struct identity_match *m)
{
    bool is_many = str_is(m->kind.s, "any") || str_is(m->kind.s, "group") || str_is(m->kind.s, "host-domain") ||
                   str_is(m->kind.s, "user-domain") || m->domain.v;
    return !is_many && m->value.s.len;
}

static bool is_address(const struct identity_match *m)
{
    return str_is(m->kind.s, "address") || str_is(m->kind.s, "ipv6");
}

static bool is_single(const struct identity_match *m)
{
    return is_address(m) ? is_one_address(m) : is_one_name(m);
}

/* NULL: it is for many, or for several. */
static const struct identity_match *only_one(const struct ptrlist *identities)
{
    const struct identity_match *m = identities->n == 1 ? identities->v[0] : NULL;
    if (!m)
        return NULL;
    return is_single(m) ? m : NULL;
}

/* ---- rows ---- */

static bool is_in(const struct ip_addr *a, const struct key_row *r)
{
    unsigned n = r->address.family == FAMILY_V6 ? r->plen : 32;
    if (a->family != r->address.family || a->family == FAMILY_NONE)
        return false;
    for (unsigned i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        bool counts = !r->mask || r->mask->a.family != FAMILY_V4 || (r->mask->a.b[i / 8] & bit);
        if (counts && ((a->b[i / 8] ^ r->address.b[i / 8]) & bit))
            return false;
    }
    return true;
}

static bool is_of_one(const struct key_row *r)
{
    bool is_v6 = r->address.family == FAMILY_V6;
    bool has_mask = r->mask && r->mask->a.family == FAMILY_V4;
    if (is_v6)
        return r->plen == 128;
    return r->address.family == FAMILY_V4 && (!has_mask || is_all_ones(r->mask));
}

static bool is_for_anybody(const struct key_row *r)
{
    static const struct ip_addr none;
    return r->address.family != FAMILY_NONE && memcmp(r->address.b, none.b, sizeof none.b) == 0;
}

/* Its key says something about who is at its address, whatever that one is called. */
static bool is_by_place(const struct key_row *r)
{
    return r->address.family != FAMILY_NONE && !(r->name.len && r->kind == KIND_ADDRESS);
}

/* `identity address`, by itself or beside the address that it calls from. */
static void index_identity(struct key_table *t, struct key_row *r)
{
    struct ip_addr *address = ARENA_NEW(t->x->arena, struct ip_addr); /* the table keeps its bytes */
    bool is_address = r->kind == KIND_ADDRESS && addr_parse(r->name, address);
    if (is_address)
        symtab_put(t->x->arena, &t->addresses, address_key(address), 0, r);
    else if (r->name.len && !r->is_domain)
        symtab_put(t->x->arena, &t->names, small_letters(t->x->arena, r->name), r->kind, r);
    if (r->host.len)
        symtab_put(t->x->arena, &t->names, small_letters(t->x->arena, r->host), KIND_FQDN, r);
}

static void index_rows(struct key_table *t)
{
    struct arena *a = t->x->arena;
    symtab_reserve(a, &t->names, t->n_rows);
    symtab_reserve(a, &t->addresses, t->n_rows);
    for (uint32_t i = 0; i < t->n_rows; i++) {
        struct key_row *r = &t->rows[i];
        bool is_wide = r->is_domain || (is_by_place(r) && !is_of_one(r));
        if (is_wide)
            ptrlist_add(a, &t->wide, r);
        index_identity(t, r);
        if (is_by_place(r) && is_of_one(r))
            symtab_put(a, &t->addresses, address_key(&r->address), 0, r);
    }
}

static void index_users(struct key_table *t)
{
    for (uint32_t i = 0; i < t->n_users; i++) {
        PTRLIST_FOR (struct identity_match, m, t->users[i].identities) {
            if (is_address(m) && is_one_address(m))
                symtab_put(t->x->arena, &t->claimed, address_key(&m->address.a), 0, &t->users[i]);
            else if (!is_address(m) && is_one_name(m))
                symtab_put(t->x->arena, &t->claimed, small_letters(t->x->arena, m->value.s), kind_of(m->kind.s) + 1,
                           &t->users[i]);
        }
    }
}

/* Of domains and networks: is it for that very identity? */
static bool is_its(const struct key_row *r, const struct identity_match *m)
{
    if (is_address(m))
        return is_by_place(r) && !is_for_anybody(r) && is_in(&m->address.a, r);
    return r->is_domain && r->kind == kind_of(m->kind.s) && ends_with(m->value.s, r->name);
}

static bool has_row(const struct key_table *t, const struct identity_match *m)
{
    const void *found = is_address(m)
                            ? symtab_get(&t->addresses, address_key(&m->address.a), 0)
                            : symtab_get(&t->names, small_letters(t->x->arena, m->value.s), kind_of(m->kind.s));
    PTRLIST_FOR (struct key_row, r, &t->wide) {
        if (found || is_its(r, m))
            return true;
    }
    return found;
}

struct bare {
    uint32_t n;
    bool is_networks;   /* the only one is that of a network which another profile is for */
    uint32_t n_claimed; /* those that another profile's address takes from who calls; who is called may have them */
};

/* Is a profile for the row's peer alone? */
static bool is_claimed(const struct key_table *t, const struct key_row *r)
{
    if (is_of_one(r) && symtab_get(&t->claimed, address_key(&r->address), 0))
        return true;
    if (r->host.len && symtab_get(&t->claimed, small_letters(t->x->arena, r->host), KIND_FQDN + 1))
        return true;
    return r->name.len && !r->is_domain &&
           symtab_get(&t->claimed, small_letters(t->x->arena, r->name), r->kind + 1) != NULL;
}

static bool is_network_of(const struct identity_match *m, const struct key_row *r)
{
    bool is_v4 = m->address.a.family == FAMILY_V4 && r->address.family == FAMILY_V4;
    bool has_masks = IR_IS_SET(m->mask) && r->mask && r->mask->a.family == FAMILY_V4;
    return is_v4 && has_masks && addr_eq(&m->address.a, &r->address) && addr_eq(&m->mask.a, &r->mask->a);
}

static bool has_network_profile(const struct key_table *t, const struct key_row *r)
{
    for (uint32_t i = 0; i < t->n_users && !is_of_one(r) && !is_for_anybody(r); i++)
        PTRLIST_FOR (struct identity_match, m, t->users[i].identities) {
            if (is_address(m) && is_network_of(m, r))
                return true;
        }
    return false;
}

/* Rows by whose address any identity of that kind may be proved: they name nobody else, and no profile is for that
 * peer alone. `may_be_natted`: of a private address nobody can tell. */
static struct bare bare_rows(const struct key_table *t, enum kind kind, bool may_be_natted)
{
    struct bare b = {0};
    for (uint32_t i = 0; i < t->n_rows; i++) {
        const struct key_row *r = &t->rows[i];
        bool names_another = r->name.len && (kind != KIND_ADDRESS || r->kind == kind);
        if (r->address.family == FAMILY_NONE || names_another)
            continue;
        bool is_others = is_claimed(t, r);
        b.n_claimed += is_others;
        if (is_others && !may_be_natted)
            continue;
        b.n++;
        b.is_networks = b.n == 1 && has_network_profile(t, r);
    }
    return b;
}

/* ---- the two findings ---- */

static struct str text_of(const struct identity_match *m, char text[static ADDR_TEXT_MAX])
{
    return is_address(m) ? str_lit(addr_text(&m->address.a, text)) : m->value.s;
}

static void say_open(const struct key_table *t, const struct identity_match *m)
{
    char text[ADDR_TEXT_MAX];
    struct diag *d = diag_add(t->x->diags, D_IDENTITY_OPEN, m->span,
                              "any peer with a key of its keyring may say that it is '" STR_FMT
                              "': no row there is for that identity",
                              STR_ARG(text_of(m, text)));
    diag_note(t->x->diags, d, t->at, "rows by address alone");
    diag_hint(t->x->diags, d, "give the peer's row the identity too, or each profile a keyring of its own");
}

static void say_nobody(const struct key_table *t, const struct identity_match *m)
{
    char text[ADDR_TEXT_MAX];
    struct diag *d = diag_add(t->x->diags, D_IDENTITY_WITHOUT_KEY, m->span,
                              "no row of its keyring is for '" STR_FMT "': no peer can prove that it is that one",
                              STR_ARG(text_of(m, text)));
    diag_note(t->x->diags, d, t->at, "its rows are for others");
    diag_hint(t->x->diags, d, "give that peer a row, or correct the identity of the one that is meant");
}

/* Identities of one peer each, of all profiles, that no row is for. */
static uint32_t unnamed_of(const struct key_table *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_users; i++)
        PTRLIST_FOR (struct identity_match, m, t->users[i].identities) {
            bool is_unnamed = is_single(m) && !has_row(t, m);
            n += is_unnamed;
        }
    return n;
}

static void judge_user(const struct key_table *t, const struct key_user *u, const struct bare *b, uint32_t unnamed)
{
    if (!b->n && (u->is_dynamic || !b->n_claimed)) {
        say_nobody(t, u->one);
        return;
    }
    /* one row and one identity are each other's; a key for everybody is everybody's, which another rule says */
    bool is_open = b->n > 1 || (b->n && (unnamed > 1 || b->is_networks));
    if (is_open && u->is_dynamic)
        say_open(t, u->one);
}

static void judge(struct key_table *t)
{
    struct bare bare[KINDS], natted;
    if (!t->n_users || !t->n_rows)
        return;
    index_rows(t);
    index_users(t);
    for (int k = 0; k < KINDS; k++)
        bare[k] = bare_rows(t, (enum kind)k, false);
    natted = bare_rows(t, KIND_ADDRESS, true);
    const uint32_t unnamed = unnamed_of(t);
    for (uint32_t i = 0; i < t->n_users; i++) {
        const struct key_user *u = &t->users[i];
        if (!u->one || has_row(t, u->one))
            continue;
        bool may_be_natted = is_address(u->one) && addr_is_private(&u->one->address.a);
        judge_user(t, u, may_be_natted ? &natted : &bare[kind_of(u->one->kind.s)], unnamed);
    }
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

static void add_user(struct key_table *t, const struct ptrlist *identities, const void *profile)
{
    t->users[t->n_users++] = (struct key_user){identities, only_one(identities), is_named_by_dynamic(t->x->c, profile)};
}

/* ---- IKEv2 ---- */

static struct key_row row_of_peer(const struct ikev2_peer *p)
{
    struct key_row r = {.address = p->address.a, .plen = 128};
    if (IR_IS_SET(p->mask))
        r.mask = &p->mask;
    if (p->address.plen <= 128)
        r.plen = p->address.plen;
    if (IR_IS_SET(p->identity)) {
        r.name = p->identity.s;
        r.kind = kind_of(p->identity_kind.s);
        r.is_domain = p->identity_domain.v;
    }
    if (IR_IS_SET(p->identity) || IR_IS_SET(p->address))
        r.host = p->hostname.s;
    else
        r.name = p->hostname.s;
    return r;
}

static void judge_2(struct lint_ctx *x, const struct ikev2_keyring *k)
{
    struct key_table t = {.x = x, .at = k->span};
    t.rows = arena_array(x->arena, k->peers.n + 1, sizeof *t.rows);
    t.users = arena_array(x->arena, x->c->ikev2_profiles.n + 1, sizeof *t.users);
    PTRLIST_FOR (struct ikev2_peer, p, &k->peers) {
        bool has_identity = IR_IS_SET(p->identity) || IR_IS_SET(p->hostname) || IR_IS_SET(p->address);
        if (has_identity)
            t.rows[t.n_rows++] = row_of_peer(p);
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        if (p->keyring.target == k && !p->cert_maps.n)
            add_user(&t, &p->match_identities, p);
    }
    judge(&t);
}

/* ---- IKEv1 ---- */

static void add_keys(struct key_table *t, const struct ptrlist *keys)
{
    PTRLIST_FOR (struct psk, k, keys) {
        struct key_row r = {.plen = 128};
        if (k->kind.v == KEY_HOSTNAME) {
            r.name = k->peer.name;
            r.kind = memchr(r.name.p, '@', r.name.len) ? KIND_USER : KIND_FQDN;
        } else {
            r.address = k->peer.addr;
        }
        if (IR_IS_SET(k->mask))
            r.mask = &k->mask;
        if (IR_IS_SET(k->peer_plen))
            r.plen = (unsigned)k->peer_plen.v;
        t->rows[t->n_rows++] = r;
    }
}

static const struct ptrlist *keys_of(const struct ir_config *c, const struct ir_ref *r)
{
    const struct keyring *k = r->target;
    return k ? &k->keys : &c->isakmp_keys;
}

static bool has_same_keyrings(const struct isakmp_profile *a, const struct isakmp_profile *b)
{
    bool is_same = a->keyrings.n == b->keyrings.n; /* none: the keys without one */
    for (uint32_t i = 0; is_same && i < a->keyrings.n; i++) {
        const struct ir_ref *x = a->keyrings.v[i], *y = b->keyrings.v[i];
        is_same = str_eq(x->name, y->name);
    }
    return is_same;
}

static bool is_first_with_them(const struct ir_config *c, const struct isakmp_profile *p)
{
    PTRLIST_FOR (struct isakmp_profile, o, &c->isakmp_profiles) {
        if (has_same_keyrings(o, p))
            return o == p;
    }
    return false;
}

/* All profiles that have the keyrings of this one. */
static void judge_1(struct lint_ctx *x, const struct isakmp_profile *p)
{
    struct key_table t = {.x = x, .at = p->span};
    uint32_t n = x->c->isakmp_keys.n;
    PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
        const struct keyring *k = r->target;
        n += keys_of(x->c, r)->n;
        t.at = k ? k->span : t.at;
    }
    t.rows = arena_array(x->arena, n + 1, sizeof *t.rows);
    t.users = arena_array(x->arena, x->c->isakmp_profiles.n + 1, sizeof *t.users);
    if (!p->keyrings.n)
        add_keys(&t, &x->c->isakmp_keys);
    PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
        add_keys(&t, keys_of(x->c, r));
    }
    PTRLIST_FOR (struct isakmp_profile, o, &x->c->isakmp_profiles) {
        if (has_same_keyrings(p, o) && !o->cert_maps.n)
            add_user(&t, &o->identities, o);
    }
    judge(&t);
}

static bool by_key(const struct ir_config *c)
{
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        if ((enum algo_id)p->auth.v != ALGO_AUTH_PSK)
            return false;
    }
    return true;
}

static void identities(struct lint_ctx *x, enum diag_id id)
{
    (void)id;
    PTRLIST_FOR (struct ikev2_keyring, k, &x->c->ikev2_keyrings) {
        judge_2(x, k);
    }
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        if (by_key(x->c) && is_first_with_them(x->c, p))
            judge_1(x, p);
    }
}

#define AUTHORITY "RFC 4301 section 4.4.3; RFC 7296 section 2.15: the key is of the identity"
const struct lint_rule rules_identities[] = {
    {D_IDENTITY_OPEN, AUTHORITY, identities, RULE_TOGETHER},
    {D_IDENTITY_WITHOUT_KEY, AUTHORITY, identities, RULE_TOGETHER},
    {0, NULL, NULL, 0},
};
