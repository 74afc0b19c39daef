/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/needs.h"

#include <stdio.h>
#include <string.h>

#include "compiler/sem/peer_keys.h"
#include "compiler/sem/revocation.h"
#include "compiler/sem/transforms.h"
#include "compiler/sets/sets.h"
#include "grammar/misprint.h"

struct asker {
    const struct ir_config *c;
    struct peer_keys *keys;
    struct symtab *sound; /* (an object of many entries) → itself: there is nothing to say of it */
    const struct crypto_map *map;
    const struct crypto_map_entry *e;
    unmet_fn *f;
    void *ctx;
    unsigned n;
};

static const struct {
    enum diag_id finding;
    const char *text;
} rows[NEED_COUNT] = {
#define NEED(name, finding, text) [NEED_##name] = {finding, text},
    NEEDS(NEED)
#undef NEED
};

const char *need_text(enum need n)
{
    return rows[n].text;
}

enum diag_id need_finding(enum need n)
{
    return rows[n].finding;
}

static void say(struct asker *x, const struct unmet *u)
{
    x->n++;
    if (x->f)
        x->f(x->ctx, u);
}

static void unmet(struct asker *x, enum need need, struct span at, struct str name)
{
    say(x, &(struct unmet){.need = need, .entry = x->e, .at = at, .name = name});
}

/* Every entry asks of what it shares with others: thousands of rows are looked at by the first. */
static bool is_sound(const struct asker *x, const void *object)
{
    return symtab_get(x->sound, (struct str){(const char *)&object, sizeof object}, 0) != NULL;
}

static void note_sound(struct asker *x, const void *object)
{
    const struct str key = {arena_strndup(x->keys->arena, (const char *)&object, sizeof object), sizeof object};
    symtab_put(x->keys->arena, x->sound, key, 0, (void *)(uintptr_t)object);
}

/* ---- lines that are not understood ---- */

/* The word with that number, from 0 on; empty: there is none. */
static struct str word_of(struct str line, unsigned number)
{
    const char *p = line.p, *end = line.p + line.len;
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        const char *from = p;
        while (p < end && *p != ' ' && *p != '\t')
            p++;
        if (from == end || number-- == 0)
            return (struct str){from, (uint32_t)(p - from)};
    }
}

/* As the router takes it: in any letters, and cut short where it is still clear. */
static bool means(struct str typed, const char *word)
{
    return typed.len >= 2 && typed.len <= strlen(word) && strncasecmp(typed.p, word, typed.len) == 0;
}

static const struct broken_line *broken_in(const struct ir_config *c, struct span block)
{
    return symtab_get(&c->broken_at, STR_EMPTY, block.off);
}

static void ask_understood(struct asker *x, struct span block, struct str name)
{
    const struct broken_line *l = broken_in(x->c, block);
    if (l)
        unmet(x, NEED_UNDERSTOOD, l->span, name);
}

/* ... or misprinted. */
static bool may_mean(struct str typed, const char *word)
{
    unsigned far = typed.len > 5 ? 2 : 1;
    return means(typed, word) || (typed.len > 2 && str_distance(typed, word, far) <= far);
}

static bool is_one_of(struct str typed, const char *const *v)
{
    for (; *v; v++)
        if (may_mean(typed, *v))
            return true;
    return false;
}

/* Lines of no block: whose, if they are about IKE or IPsec? In doubt everybody's: the misprint may stand anywhere. */
static bool is_about(struct str line, bool ikev2)
{
    static const char *const of_v1[] = {"isakmp", "keyring", NULL}, *const of_v2[] = {"ikev2", NULL};
    static const char *const of_others[] = {"engine", "key", "logging", "session", "mib",   "gdoi", "gkm",
                                            "vpn",    "ssl", "wui",     "ikev1",   "xauth", NULL};
    struct str what = word_of(line, 1);
    if (!may_mean(word_of(line, 0), "crypto"))
        return false;
    if (is_one_of(what, of_v1) || is_one_of(what, of_v2))
        return is_one_of(what, ikev2 ? of_v2 : of_v1);
    return !is_one_of(what, of_others);
}

/* Lines about IPsec are everybody's, those about IKE of who speaks that version of it. */
enum about { ABOUT_IPSEC, ABOUT_IKEV1, ABOUT_IKEV2 };

static bool is_of_ipsec(struct str line)
{
    return may_mean(word_of(line, 0), "crypto") && may_mean(word_of(line, 1), "ipsec");
}

static void ask_globals(struct asker *x, enum about about)
{
    PTRLIST_FOR (struct broken_line, l, &x->c->broken_globals) {
        struct str line = l->text;
        bool negated = means(word_of(line, 0), "no");
        struct str rest = negated ? word_of(line, 1) : line;
        if (negated)
            rest.len = (uint32_t)(line.p + line.len - rest.p);
        bool counts = about == ABOUT_IPSEC ? is_of_ipsec(rest) : is_about(rest, about == ABOUT_IKEV2);
        counts |= misprint_meant(rest) == MEANT_CRYPTO;
        if (counts)
            unmet(x, NEED_GLOBAL, l->span, STR_EMPTY);
    }
}

static const struct broken_line *broken_group(const struct ir_config *c, const struct object_group *g)
{
    const struct broken_line *l = g ? broken_in(c, g->span) : NULL;
    for (uint32_t i = 0; g && i < g->items.n && !l; i++) {
        const struct object_item *item = g->items.v[i];
        if (item->is_group && item->end.group != g)
            l = broken_group(c, item->end.group);
    }
    return l;
}

static bool is_number(struct str w)
{
    bool is = w.len != 0;
    for (uint32_t i = 0; i < w.len; i++)
        is &= w.p[i] >= '0' && w.p[i] <= '9';
    return is;
}

static bool is_name_or_near(struct str typed, struct str name)
{
    char text[64];
    snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
    return str_ieq(typed, text) || (name.len > 3 && str_distance(typed, text, 1) <= 1);
}

/* `access-list N …`: numbers are what they are; what is no number may be any numbered list's. */
static bool numbered_line_is_of(struct str number, struct str name)
{
    if (is_number(number))
        return str_eq(number, name);
    return !number.len || is_number(name) || is_name_or_near(number, name);
}

/* `access-list N …`, `ip access-list KIND NAME`, `ipv6 access-list NAME`, whatever of it is misprinted: may it be about
 * that list? Where nobody can tell, it is everybody's. */
static bool may_be_of(struct str line, struct str name)
{
    unsigned begins = means(word_of(line, 0), "no") ? 1 : 0, at = begins;
    if (misprint_meant(line) == MEANT_LIST) /* glued together, or with signs that only look like blanks */
        return true;
    while (at < begins + 2 && !may_mean(word_of(line, at), "access-list"))
        at++;
    if (at == begins + 2)
        return false;
    struct str next = word_of(line, at + 1), behind = word_of(line, at + 2);
    if (at == begins)
        return numbered_line_is_of(next, name);
    if (means(word_of(line, begins), "ipv6") && word_of(line, begins).len == 4)
        return !next.len || is_name_or_near(next, name);
    return !behind.len || is_name_or_near(behind, name) || is_name_or_near(next, name);
}

const struct broken_line *acl_broken(const struct ir_config *c, const struct acl *a)
{
    const struct broken_line *l = broken_in(c, a->span);
    PTRLIST_FOR (struct ace, e, &a->aces) {
        if (!l)
            l = broken_group(c, e->service);
        if (!l && e->src.form == ACE_GROUP)
            l = broken_group(c, e->src.group);
        if (!l && e->dst.form == ACE_GROUP)
            l = broken_group(c, e->dst.group);
    }
    PTRLIST_FOR (struct broken_line, g, &c->broken_globals) {
        if (!l && may_be_of(g->text, a->name.s))
            l = g;
    }
    return l;
}

static bool is_bound(const struct ir_config *c, struct str name)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        bool here = str_eq(i->crypto_map.name, name) || str_eq(i->crypto_map6.name, name);
        if (here && !i->shutdown.v)
            return true;
    }
    return false;
}

const struct broken_line *map_line_broken(const struct ir_config *c)
{
    PTRLIST_FOR (struct broken_line, l, &c->broken_globals) {
        struct str what = word_of(l->text, 1), name = word_of(l->text, 2);
        bool is_dynamic = may_mean(what, "dynamic-map"), is_merge = strchr("<>", l->text.p[0]) != NULL;
        is_merge |= memchr(l->text.p, '\r', l->text.len) != NULL; /* two lines, to an editor */
        if (misprint_meant(l->text) == MEANT_MAP || is_merge)
            return l;
        if (!may_mean(word_of(l->text, 0), "crypto") || (!is_dynamic && !may_mean(what, "map")))
            continue;
        bool is_for_interface = name.len && !word_of(l->text, 3).len; /* of one that is not known */
        if (is_dynamic || is_for_interface || is_bound(c, name))
            return l;
    }
    return NULL;
}

bool may_bind_map(const struct broken_line *l)
{
    return may_mean(word_of(l->text, 0), "crypto");
}

static bool is_map(const struct ir_config *c, struct str name)
{
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        if (str_eq(m->name.s, name))
            return true;
    }
    return false;
}

static bool is_about_crypto(struct str w)
{
    return may_mean(w, "crypto") || (w.len > 3 && may_mean(w, "ipsec"));
}

/* `map M2`, `ip crypto map M2`, `crypto M2`: some of the words, and the name of a map. Other commands have the word map
 * too (`dialer map`, `frame-relay map`). */
static bool names_map(const struct ir_config *c, struct str line)
{
    static const char *const others[] = {"cli", "action", "name", "service-policy", NULL};
    bool has_word = may_mean(word_of(line, 0), "map") && word_of(line, 1).len && !word_of(line, 2).len;
    for (unsigned k = 0; others[k]; k++)
        if (means(word_of(line, 0), others[k]) && word_of(line, 0).len > 2)
            return false;
    if (has_word)
        return is_map(c, word_of(line, 1));
    for (unsigned i = 0; word_of(line, i).len; i++) {
        if (has_word && is_map(c, word_of(line, i)))
            return true;
        has_word |= is_about_crypto(word_of(line, i));
    }
    return false;
}

bool line_may_bind_map(const struct ir_config *c, struct str line)
{
    if (means(word_of(line, 0), "description"))
        return false;
    return misprint_meant(line) == MEANT_MAP || names_map(c, line);
}

/* Without its list, or with half of it, nobody knows what to block. */
static void ask_list(struct asker *x)
{
    const struct acl *a = x->e->acl.target;
    const struct broken_line *l = a ? acl_broken(x->c, a) : NULL;
    if (!IR_IS_SET(x->e->acl) && !x->e->in_dynamic)
        l = broken_in(x->c, x->e->span);
    struct str name = a ? a->name.s : STR_EMPTY;
    if (l)
        unmet(x, NEED_LIST, l->span, name);
    else if (IR_IS_SET(x->e->acl) && !map_entry_list(x->e))
        unmet(x, a ? NEED_LIST_EMPTY : NEED_LIST_MISSING, x->e->acl.m.span, x->e->acl.name);
}

/* ---- who may come in ---- */

/* Kinds of `match identity` that the engine compares. */
static bool judged(const struct identity_match *i)
{
    static const char *const kinds[] = {"address", "ipv6",      "fqdn",  "host",   "host-domain", "email", "user",
                                        "any",     "user-fqdn", "group", "key-id", "user-domain", "dn"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (str_is(i->kind.s, kinds[k]))
            return !IR_IS_SET(i->vrf) &&
                   (i->address.a.family != FAMILY_NONE || i->value.s.len || str_is(i->kind.s, "any"));
    return false;
}

static bool map_has_rules(const struct ir_config *c, struct str name)
{
    PTRLIST_FOR (struct cert_map, m, &c->cert_maps) {
        if (str_eq(m->name.s, name) && m->rules.n)
            return true;
    }
    return false;
}

static void ask_match(struct asker *x, const struct ptrlist *identities, const struct ptrlist *cert_maps,
                      struct span profile, struct str name)
{
    struct span at = profile;
    bool any = false;
    PTRLIST_FOR (struct identity_match, i, identities) {
        any |= judged(i);
        at = i->span;
        if (IR_IS_SET(i->vrf))
            unmet(x, NEED_VRF, i->span, name);
    }
    PTRLIST_FOR (struct ir_ref, r, cert_maps) {
        any |= map_has_rules(x->c, r->name);
        at = r->m.span;
        PTRLIST_FOR (struct cert_map, m, &x->c->cert_maps) {
            if (str_eq(m->name.s, r->name))
                ask_understood(x, m->span, m->name.s);
        }
    }
    if (!any)
        unmet(x, NEED_MATCH, at, name);
}

/* ---- certificates ---- */

static void ask_trustpoint(struct asker *x, const struct trustpoint *t)
{
    struct revocation r;
    ask_understood(x, t->span, t->name.s);
    trustpoint_revocation(t, &r);
    if (!r.is_supported)
        say(x, &(struct unmet){NEED_REVOCATION, x->e, r.unsupported, t->name.s, r.word, r.why});
}

/* `verifies`: peers are held against them, so that their checks count. */
static void ask_trustpoints(struct asker *x, const struct ptrlist *refs, bool verifies)
{
    PTRLIST_FOR (struct ir_ref, r, refs) {
        if (!r->target)
            unmet(x, NEED_TRUSTPOINT, r->m.span, r->name);
        else if (verifies)
            ask_trustpoint(x, r->target);
    }
}

/* Where none is named whichever comes first. */
static void ask_any_trustpoint(struct asker *x)
{
    PTRLIST_FOR (struct trustpoint, t, &x->c->trustpoints) {
        ask_trustpoint(x, t);
        break;
    }
}

static void ask_v2_trustpoints(struct asker *x, const struct ikev2_profile *p, bool verifies)
{
    ask_trustpoints(x, &p->trustpoints, verifies);
    ask_trustpoints(x, &p->trustpoints_sign, false);
    ask_trustpoints(x, &p->trustpoints_verify, verifies);
    unsigned verifying = p->trustpoints.n + p->trustpoints_verify.n;
    if (verifies && !verifying && p->trustpoints_sign.n) {
        const struct ir_ref *r = p->trustpoints_sign.v[0];
        unmet(x, NEED_VERIFY, r->m.span, p->name.s);
    } else if (verifies && !verifying) {
        ask_any_trustpoint(x);
    }
}

/* ---- IKEv2 ---- */

enum method { METHOD_UNKNOWN, METHOD_PSK, METHOD_CERTIFICATE };

static enum method method_of(const struct ikev2_auth *a)
{
    if (str_is(a->method.s, "pre-share"))
        return METHOD_PSK;
    if (str_is(a->method.s, "rsa-sig") || str_is(a->method.s, "ecdsa-sig"))
        return METHOD_CERTIFICATE;
    return METHOD_UNKNOWN;
}

struct methods {
    bool psk, certificate, inline_key;
};

/* One that is not supported among others only lets fewer in; none that is lets nobody in, or is no method at all. */
static struct methods methods_of(struct asker *x, const struct ptrlist *l, struct span profile, struct str name)
{
    struct methods m = {false, false, false};
    struct span at = profile;
    PTRLIST_FOR (struct ikev2_auth, a, l) {
        enum method k = method_of(a);
        m.psk |= k == METHOD_PSK;
        m.certificate |= k == METHOD_CERTIFICATE;
        m.inline_key |= k == METHOD_PSK && a->key.s.form != SECRET_NONE;
        at = a->span;
    }
    if (!m.psk && !m.certificate)
        unmet(x, NEED_AUTHENTICATION, at, name);
    return m;
}

static void ask_keyring_rows(struct asker *x, const struct ikev2_keyring *k)
{
    const unsigned before = x->n;
    if (is_sound(x, k))
        return;
    ask_understood(x, k->span, k->name.s);
    PTRLIST_FOR (struct ikev2_peer, y, &k->peers) {
        ask_understood(x, y->span, k->name.s);
        if (IR_IS_SET(y->ppk))
            unmet(x, NEED_PPK, y->ppk.m.span, k->name.s);
    }
    if (x->n == before)
        note_sound(x, k);
}

static void ask_v2_keys(struct asker *x, const struct ikev2_profile *p)
{
    const struct ikev2_keyring *k = p->keyring.target;
    if (IR_IS_SET(p->keyring_aaa)) {
        unmet(x, NEED_KEYRING_KIND, p->keyring_aaa.m.span, p->name.s);
        return;
    }
    if (!IR_IS_SET(p->keyring)) {
        unmet(x, NEED_KEYRING_NAMED, p->span, p->name.s);
        return;
    }
    if (!k) {
        unmet(x, NEED_KEYRING, p->keyring.m.span, p->keyring.name);
        return;
    }
    ask_keyring_rows(x, k);
    PTRLIST_FOR (struct map_peer, y, &x->e->peers) {
        bool unknown = y->host.addr.family == FAMILY_NONE && !y->host.name.len;
        if (!unknown && !peer_has_v2_key(x->keys, p, y))
            unmet(x, NEED_KEY, y->span, k->name.s);
    }
}

/* Lines of a profile that say who may come in by what is not here. */
static void ask_authorization(struct asker *x, const struct ptrlist *lines, struct str name)
{
    PTRLIST_FOR (struct ir_text, t, lines) {
        struct str first = word_of(t->text.s, 0), second = word_of(t->text.s, 1);
        if (means(first, "client") && means(second, "authentication"))
            unmet(x, NEED_XAUTH, t->span, name);
        bool by_aaa =
            (means(first, "aaa") && means(second, "authorization")) || (means(first, "client") && means(second, "pki"));
        if (by_aaa)
            unmet(x, NEED_AAA, t->span, name);
    }
}

static bool is_other_vrf(const struct ir_str *vrf)
{
    return IR_IS_SET(*vrf) && vrf->s.len && !str_ieq(vrf->s, "any") && !str_ieq(vrf->s, "global");
}

static void ask_v2_profile(struct asker *x, const struct ikev2_profile *p)
{
    ask_understood(x, p->span, p->name.s);
    ask_authorization(x, &p->other, p->name.s);
    if (is_other_vrf(&p->match_fvrf))
        unmet(x, NEED_VRF, p->match_fvrf.m.span, p->name.s);
    if (is_other_vrf(&p->ivrf))
        unmet(x, NEED_VRF, p->ivrf.m.span, p->name.s);
    if (!p->complete.v || p->shutdown.v) {
        unmet(x, NEED_PROFILE_COMPLETE, p->span, p->name.s);
        return;
    }
    ask_match(x, &p->match_identities, &p->cert_maps, p->span, p->name.s);
    struct methods remote = methods_of(x, &p->auth_remote, p->span, p->name.s),
                   local = methods_of(x, &p->auth_local, p->span, p->name.s);
    if ((remote.psk && !remote.inline_key) || (local.psk && !local.inline_key))
        ask_v2_keys(x, p);
    if (remote.certificate || local.certificate)
        ask_v2_trustpoints(x, p, remote.certificate);
    if (IR_IS_SET(p->keyring_ppk))
        unmet(x, NEED_PPK, p->keyring_ppk.m.span, p->name.s);
}

/* Of all policies: which one holds depends on the address, and a missing proposal would leave the built-in one. */
static void ask_v2_proposals(struct asker *x)
{
    PTRLIST_FOR (struct ikev2_policy, p, &x->c->ikev2_policies) {
        ask_understood(x, p->span, p->name.s);
        if (is_other_vrf(&p->fvrf))
            unmet(x, NEED_VRF, p->fvrf.m.span, p->name.s);
        PTRLIST_FOR (struct ir_ref, r, &p->proposals) {
            const struct ikev2_proposal *q = r->target;
            bool built_in = p->is_default.v && r->m.span.len == 0;
            if (!built_in && !q)
                unmet(x, NEED_PROPOSAL, r->m.span, r->name);
            else if (!built_in && !q->complete.v)
                unmet(x, NEED_PROPOSAL_COMPLETE, q->span, r->name);
            if (q)
                ask_understood(x, q->span, q->name.s);
            if (q && IR_IS_SET(q->pqc))
                unmet(x, NEED_PQC, q->pqc.m.span, q->name.s);
        }
    }
}

/* ---- IKEv1 ---- */

static bool by_certificate(const struct ir_config *c)
{
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        if ((enum algo_id)p->auth.v != ALGO_AUTH_PSK && IR_IS_SET(p->number))
            return true;
    }
    return false;
}

/* `local-address ADDRESS VRF`: nothing here is in one, so that where all are it holds for nobody. NULL: not all are. */
static const struct local_address *local_of_vrf(const struct ptrlist *locals)
{
    PTRLIST_FOR (struct local_address, l, locals) {
        if (!is_other_vrf(&l->vrf))
            return NULL;
    }
    return locals->n ? locals->v[0] : NULL;
}

static void ask_keyring_vrf(struct asker *x, const struct keyring *k)
{
    const struct local_address *l = local_of_vrf(&k->local);
    if (is_other_vrf(&k->vrf))
        unmet(x, NEED_VRF, k->vrf.m.span, k->name.s);
    else if (l)
        unmet(x, NEED_VRF, l->span, k->name.s);
}

/* Do all isakmp policies want a pre-shared key? */
static bool by_key_alone(const struct ir_config *c)
{
    bool any = false;
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        any |= (enum algo_id)p->auth.v == ALGO_AUTH_PSK && IR_IS_SET(p->number);
    }
    return any && !by_certificate(c);
}

static void ask_v1_keys(struct asker *x, const struct isakmp_profile *p)
{
    if (!by_key_alone(x->c))
        return;
    PTRLIST_FOR (struct map_peer, y, &x->e->peers) {
        bool is_by_address = y->host.addr.family != FAMILY_NONE && !y->host.name.len; /* else DNS says where */
        if (is_by_address && !peer_has_v1_key(x->keys, x->map, p, y))
            unmet(x, NEED_KEY, y->span, p ? p->name.s : STR_EMPTY);
    }
}

static void ask_keyrings(struct asker *x, const struct ptrlist *keyrings)
{
    const unsigned before = x->n;
    if (is_sound(x, keyrings))
        return;
    PTRLIST_FOR (struct ir_ref, r, keyrings) {
        const struct keyring *k = r->target;
        if (!k && !str_is(r->name, "default"))
            unmet(x, NEED_KEYRING, r->m.span, r->name);
        if (!k)
            continue;
        ask_understood(x, k->span, k->name.s);
        ask_keyring_vrf(x, k);
    }
    if (x->n == before)
        note_sound(x, keyrings);
}

static void ask_isakmp_profile(struct asker *x, const struct isakmp_profile *p)
{
    const struct local_address *elsewhere = local_of_vrf(&p->local);
    ask_understood(x, p->span, p->name.s);
    ask_match(x, &p->identities, &p->cert_maps, p->span, p->name.s);
    ask_keyrings(x, &p->keyrings);
    if (elsewhere)
        unmet(x, NEED_VRF, elsewhere->span, p->name.s);
    ask_authorization(x, &p->other, p->name.s);
    if (is_other_vrf(&p->vrf))
        unmet(x, NEED_VRF, p->vrf.m.span, p->name.s);
    if (by_certificate(x->c) && p->trustpoints.n)
        ask_trustpoints(x, &p->trustpoints, true);
    else if (by_certificate(x->c))
        ask_any_trustpoint(x);
}

/* ---- entries ---- */

static void ask_sets(struct asker *x)
{
    PTRLIST_FOR (struct ir_ref, r, &x->e->sa.transform_sets) {
        const struct transform_set *s = r->target;
        if (!s) {
            unmet(x, NEED_TRANSFORM_SET, r->m.span, r->name);
            continue;
        }
        ask_understood(x, s->span, s->name.s);
        const struct transform_parts parts = transform_parts_of(s);
        if (transform_faults(&parts))
            unmet(x, NEED_TRANSFORMS, s->span, s->name.s);
    }
}

static void ask_isakmp(struct asker *x)
{
    const unsigned before = x->n;
    if (is_sound(x, &x->c->isakmp_peers))
        return;
    PTRLIST_FOR (struct isakmp_policy, p, &x->c->isakmp_policies) {
        ask_understood(x, p->span, STR_EMPTY);
    }
    PTRLIST_FOR (struct isakmp_peer, p, &x->c->isakmp_peers) {
        ask_understood(x, p->span, STR_EMPTY);
    }
    if (x->n == before)
        note_sound(x, &x->c->isakmp_peers);
}

static void ask_ike(struct asker *x)
{
    const struct sa_settings *s = &x->e->sa;
    const struct ir_num *on = &x->c->isakmp.enable;
    if (IR_IS_SET(*on) && !on->v)
        unmet(x, NEED_IKE_OFF, on->m.span, STR_EMPTY);
    ask_globals(x, IR_IS_SET(s->ikev2_profile) ? ABOUT_IKEV2 : ABOUT_IKEV1);
    if (!IR_IS_SET(s->ikev2_profile))
        ask_isakmp(x);
    if (IR_IS_SET(s->ikev2_profile)) {
        if (s->ikev2_profile.target)
            ask_v2_profile(x, s->ikev2_profile.target);
        else
            unmet(x, NEED_IKEV2_PROFILE, s->ikev2_profile.m.span, s->ikev2_profile.name);
        ask_v2_proposals(x);
    } else if (IR_IS_SET(s->isakmp_profile)) {
        if (s->isakmp_profile.target)
            ask_isakmp_profile(x, s->isakmp_profile.target);
        else
            unmet(x, NEED_ISAKMP_PROFILE, s->isakmp_profile.m.span, s->isakmp_profile.name);
        if (s->isakmp_profile.target)
            ask_v1_keys(x, s->isakmp_profile.target);
    } else if (by_certificate(x->c)) {
        ask_any_trustpoint(x);
    } else {
        ask_v1_keys(x, NULL);
    }
    if (IR_IS_SET(s->identity))
        unmet(x, NEED_CRYPTO_IDENTITY, s->identity.m.span, s->identity.name);
}

static void ask_options(struct asker *x)
{
    PTRLIST_FOR (struct ir_text, t, &x->map->options) { /* crypto map NAME client authentication … */
        struct str first = word_of(t->text.s, 3), second = word_of(t->text.s, 4);
        if (means(first, "client") && means(second, "authentication"))
            unmet(x, NEED_XAUTH, t->span, x->map->name.s);
        bool is_cut =
            first.len <= strlen("isakmp"); /* `isakmp authorization list …`: who may come in is AAA's to say */
        if (is_cut && means(first, "isakmp") && means(second, "authorization"))
            unmet(x, NEED_AAA, t->span, x->map->name.s);
        else if (!is_cut && means(first, "isakmp-profile"))
            unmet(x, NEED_MAP_PROFILE, t->span, second);
    }
}

static unsigned ask_entry(struct asker *x)
{
    enum entry_type type = (enum entry_type)x->e->type.v;
    if (type == ENTRY_DYNAMIC && !x->e->dynamic.target)
        unmet(x, NEED_DYNAMIC_MAP, x->e->dynamic.m.span, x->e->dynamic.name);
    if (type == ENTRY_DYNAMIC || type == ENTRY_GDOI)
        return x->n; /* asked by the entries it stands for; not supported at all */
    ask_understood(x, x->e->span, STR_EMPTY);
    ask_list(x);
    ask_sets(x);
    if (type == ENTRY_MANUAL) {
        ask_globals(x, ABOUT_IPSEC);
        return x->n;
    }
    ask_ike(x);
    ask_options(x);
    return x->n;
}

static bool in_force(const struct crypto_map *m)
{
    PTRLIST_FOR (struct map_binding, b, &m->bindings) {
        const struct interface *i = b->interface.target;
        if (i && !i->shutdown.v)
            return true;
    }
    return false;
}

unsigned needs_in_force(struct arena *ar, const struct ir_config *c, unmet_fn *f, void *ctx)
{
    struct peer_keys keys = {.arena = ar, .c = c};
    struct symtab sound = {0};
    unsigned n = 0;
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        if (!in_force(m))
            continue;
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            struct asker x = {.c = c, .keys = &keys, .sound = &sound, .map = m, .e = e, .f = f, .ctx = ctx};
            n += ask_entry(&x);
            const struct crypto_map *d = e->type.v == ENTRY_DYNAMIC ? e->dynamic.target : NULL;
            for (uint32_t i = 0; d && i < d->entries.n; i++) {
                struct asker y = {
                    .c = c, .keys = &keys, .sound = &sound, .map = m, .e = d->entries.v[i], .f = f, .ctx = ctx};
                n += ask_entry(&y);
            }
        }
    }
    return n;
}
