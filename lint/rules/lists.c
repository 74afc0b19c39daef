/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of crypto access lists and peers, each looked at by itself. */
#include "lint/lint.h"

#define FROM_ANY(e) ((e)->form == ACE_ANY)

/* A rule about one permit line; the row's function hands its line function down through this list function. */
typedef void line_fn(struct lint_ctx *, enum diag_id, const struct crypto_map_entry *, const struct ace *);
static void permits(struct lint_ctx *x, enum diag_id id, const struct acl *a, const struct crypto_map_entry *e,
                    line_fn *f)
{
    PTRLIST_FOR (struct ace, l, &a->aces) {
        if (!l->remark && l->permit && e->type.v != ENTRY_GDOI)
            f(x, id, e, l);
    }
}

static void any_any(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e, const struct ace *l)
{
    (void)e;
    if (!FROM_ANY(&l->src) || !FROM_ANY(&l->dst) || l->proto != PROTO_ANY || l->service)
        return;
    struct diag *d =
        diag_add(x->diags, id, l->span,
                 "everything is protected: all that comes in clear is dropped, routing protocols and ping too");
    diag_hint(x->diags, d, "name the networks; where 'any' must be, deny what is not to be protected first");
}

static void one_any(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e, const struct ace *l)
{
    (void)e;
    bool all = FROM_ANY(&l->src) && FROM_ANY(&l->dst) && l->proto == PROTO_ANY && !l->service;
    if ((!FROM_ANY(&l->src) && !FROM_ANY(&l->dst)) || all)
        return;
    const struct ace_end *end = FROM_ANY(&l->src) ? &l->src : &l->dst;
    diag_add(x->diags, id, end->span.len ? end->span : l->span,
             "'any' in a crypto list is discouraged: multicast and traffic of the router itself can fall under it");
}

/* The one box of a line, if it has no more. */
static bool single_box(struct lint_ctx *x, const struct crypto_map_entry *e, const struct ace *l, struct box *out)
{
    struct boxes b = {0};
    const struct acl *a = e->acl.target;
    if (ace_boxes(x->arena, l, (enum acl_kind)a->kind.v, &b, 64) == LINE_UNKNOWN || b.n != 1)
        return false;
    *out = b.v[0];
    return true;
}

static bool is_any(const struct addr_bits *a)
{
    static const uint8_t none[16];
    return memcmp(a->care, none, 16) == 0;
}

static void same_network(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e, const struct ace *l)
{
    struct box b;
    if (!single_box(x, e, l, &b) || is_any(&b.src) || memcmp(&b.src, &b.dst, sizeof b.src) != 0)
        return;
    diag_add(x->diags, id, l->span,
             "source and destination are the same network: no router can tell the two sides apart");
}

static bool holds(const struct addr_bits *a, uint8_t family, const struct ip_addr *addr)
{
    if (addr->family != family)
        return false;
    for (int i = 0; i < 16; i++)
        if ((addr->b[i] & a->care[i]) != a->value[i])
            return false;
    return true;
}

static bool is_host(const struct addr_bits *a, uint8_t family)
{
    for (int i = 0; i < (family == FAMILY_V4 ? 4 : 16); i++)
        if (a->care[i] != 0xff)
            return false;
    return true;
}

/* A peer that the entry's own lines protect: then its IKE and ESP packets would have to be protected by themselves.
 * Lines between hosts are exempt: that is how GRE and the routers' own traffic are protected. */
static void peer_protected(struct lint_ctx *x, enum diag_id id, const struct crypto_map_entry *e, const struct ace *l)
{
    struct box b;
    if (!single_box(x, e, l, &b) || b.proto != PROTO_ANY || is_any(&b.dst) || is_host(&b.dst, b.family))
        return;
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (!holds(&b.dst, b.family, &p->host.addr))
            continue;
        char t[ADDR_TEXT_MAX];
        struct diag *d = diag_add(x->diags, id, l->span, "peer %s lies inside the network this line protects",
                                  addr_text(&p->host.addr, t));
        diag_note(x->diags, d, p->host.m.span, "the peer is set here");
        return;
    }
}

/* ---- transport mode ---- */

static bool is_local_address(const struct ir_config *c, const struct addr_bits *a, uint8_t family)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        const struct ptrlist *l = family == FAMILY_V4 ? &i->addresses : &i->addresses6;
        PTRLIST_FOR (struct if_address, w, l) {
            if (is_host(a, family) && holds(a, family, &w->address.a))
                return true;
        }
    }
    return false;
}

/* Is the line's traffic from one address to one address? Then the peers decide. */
static bool between_hosts(struct lint_ctx *x, const struct crypto_map_entry *e, const struct ace *l, struct box *b)
{
    return !single_box(x, e, l, b) || (is_host(&b->src, b->family) && is_host(&b->dst, b->family));
}

static bool serves(struct lint_ctx *x, const struct crypto_map_entry *e, const struct ace *l)
{
    struct box b = {0};
    if (!between_hosts(x, e, l, &b))
        return false;
    if (b.family == 0)
        return true; /* several boxes: not judged */
    bool to_peer = false;
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        to_peer |= p->host.addr.family == FAMILY_NONE || holds(&b.dst, b.family, &p->host.addr);
    }
    /* a part of a configuration need not show the interface that a single address belongs to */
    return to_peer && (!lint_is_whole(x->c) || is_local_address(x->c, &b.src, b.family));
}

/* The first line of an entry that transport mode cannot serve. Of a list that thousands of entries share, the first
 * lines are enough. */
static void entry_transport(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                            const struct crypto_map_entry *e)
{
    const struct acl *a = e->acl.target;
    const struct transform_set *t = NULL;
    (void)m;
    PTRLIST_FOR (struct ir_ref, r, &e->sa.transform_sets) {
        const struct transform_set *s = r->target;
        bool asks = s && !s->is_default.v && str_is(s->mode.s, "transport"); /* nobody has written the built-in one */
        if (asks && !t)
            t = s;
    }
    if (!a || !t || e->type.v == ENTRY_GDOI || e->peers.n == 0)
        return;
    for (uint32_t i = 0, seen = 0; i < a->aces.n && seen < 64; i++) {
        const struct ace *l = a->aces.v[i];
        if (l->remark || !l->permit || serves(x, e, l)) {
            seen += !l->remark;
            continue;
        }
        struct diag *d =
            diag_add(x->diags, id, l->span,
                     "transform set '" STR_FMT "' asks for transport mode, but this traffic is not between the "
                     "two peers: tunnel mode is used",
                     STR_ARG(t->name.s));
        diag_note(x->diags, d, IR_WRITTEN(t->mode) ? t->mode.m.span : t->span, "the mode is set here");
        return;
    }
}

/* ---- peers ---- */

static void entry_self_peer(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                            const struct crypto_map_entry *e)
{
    (void)m;
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
            const struct ptrlist *const lists[] = {&i->addresses, &i->addresses6};
            for (size_t k = 0; k < 2; k++)
                PTRLIST_FOR (struct if_address, w, lists[k]) {
                    if (p->host.addr.family != FAMILY_NONE && addr_eq(&p->host.addr, &w->address.a)) {
                        struct diag *d = diag_add(x->diags, id, p->host.m.span,
                                                  "the peer is this router itself (" STR_FMT ")", STR_ARG(i->name.s));
                        diag_note(x->diags, d, w->span, "the address is configured here");
                    }
                }
        }
    }
}

static void self_peer(struct lint_ctx *x, enum diag_id id)
{
    struct symtab own = {0}; /* asked once for each peer: thousands of entries against dozens of interfaces */
    bool any = false;
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        const struct ptrlist *const lists[] = {&i->addresses, &i->addresses6};
        for (size_t k = 0; k < 2; k++)
            PTRLIST_FOR (struct if_address, w, lists[k]) {
                symtab_put(x->arena, &own, (struct str){(const char *)&w->address.a, sizeof w->address.a}, 0, w);
            }
    }
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                any |= symtab_get(&own, (struct str){(const char *)&p->host.addr, sizeof p->host.addr}, 0) != NULL;
            }
        }
    }
    if (any)
        lint_static_entries(x, id, entry_self_peer);
}

static void aead_integrity(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_proposal, p, &x->c->ikev2_proposals) {
        bool aead = p->encr.n > 0;
        PTRLIST_FOR (struct ir_alg, a, &p->encr) {
            aead &= algo_get(a->id)->is_aead;
        }
        const struct ir_alg *i = p->integ.n ? p->integ.v[0] : NULL;
        if (!aead || !i || i->m.origin != ORIGIN_WRITTEN)
            continue;
        struct diag *d =
            diag_add(x->diags, id, i->m.span, "AES-GCM needs no integrity algorithm: a peer may refuse this proposal");
        diag_hint(x->diags, d, "write prf instead of integrity");
    }
}

static void any_any_list(struct lint_ctx *x, enum diag_id id, const struct acl *a, const struct crypto_map_entry *e)
{
    permits(x, id, a, e, any_any);
}
static void any_any_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_crypto_lists(x, id, any_any_list);
}
static void one_any_list(struct lint_ctx *x, enum diag_id id, const struct acl *a, const struct crypto_map_entry *e)
{
    permits(x, id, a, e, one_any);
}
static void any_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_crypto_lists(x, id, one_any_list);
}
static void same_network_list(struct lint_ctx *x, enum diag_id id, const struct acl *a,
                              const struct crypto_map_entry *e)
{
    permits(x, id, a, e, same_network);
}
static void same_network_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_crypto_lists(x, id, same_network_list);
}
static void peer_protected_list(struct lint_ctx *x, enum diag_id id, const struct acl *a,
                                const struct crypto_map_entry *e)
{
    permits(x, id, a, e, peer_protected);
}
static void peer_protected_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_crypto_lists(x, id, peer_protected_list);
}
static void transport_rule(struct lint_ctx *x, enum diag_id id)
{
    lint_static_entries(x, id, entry_transport);
}

#define ANY "guide, Creating Crypto Access Lists: 'any' is discouraged; ios-crypto-commands R-ACL-5"
const struct lint_rule rules_lists[] = {
    {D_ACL_ANY_ANY, ANY, any_any_rule, 0},
    {D_ACL_ANY, ANY, any_rule, 0},
    {D_TRANSPORT_MODE, "guide, Defining Transform Sets: mode; RFC 4301 section 4.1", transport_rule, 0},
    {D_SAME_NETWORK, "RFC 4301 section 4.4.1; guide, Creating Crypto Access Lists", same_network_rule, 0},
    {D_PEER_PROTECTED, "RFC 4301 section 4.4.1: IKE itself must be allowed to bypass", peer_protected_rule, 0},
    {D_SELF_PEER, "guide, Creating Static Crypto Maps, step 6", self_peer, 0},
    {D_AEAD_INTEGRITY, "RFC 7296 section 3.3; guide, IKEv2 Transform Sets", aead_integrity, 0},
    {0, NULL, NULL, 0},
};
