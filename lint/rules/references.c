/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that nothing answers to. One table says where such names can stand; one function reports them. */
#include "lint/lint.h"

struct named {
    struct span span;
    struct ir_str name;
};

/* Nearest existing name for "did you mean". */
static const char *nearest(struct lint_ctx *x, const struct ptrlist *l, struct str name)
{
    struct str best = {NULL, 0};
    unsigned limit = name.len > 5 ? 3 : name.len > 2 ? 2 : 1;
    if (l->n > 2000)
        return NULL; /* generated fleets: the list of names is no help there, and this is a pass over all of them */
    PTRLIST_FOR (struct named, o, l) {
        char z[64];
        if (o->name.s.len >= sizeof z || limit == 0)
            continue;
        memcpy(z, o->name.s.p, o->name.s.len);
        z[o->name.s.len] = '\0';
        unsigned d = str_distance(name, z, limit - 1);
        if (d < limit) {
            limit = d;
            best = o->name.s;
        }
    }
    return best.p ? arena_strndup(x->diags->arena, best.p, best.len) : NULL;
}

bool lint_is_placeholder(struct str n)
{
    return n.len > 2 && (n.p[0] == '<' || memchr(n.p, '{', n.len) || (n.p[0] == '[' && n.p[n.len - 1] == ']'));
}

static void undefined(struct lint_ctx *x, enum diag_id id, const struct ir_ref *r, const char *what,
                      const struct ptrlist *l, const char *effect)
{
    if (!IR_WRITTEN(*r) || r->target || r->name.len == 0 || lint_is_placeholder(r->name))
        return;
    struct diag *d = diag_add(x->diags, id, r->m.span, "%s '" STR_FMT "' is not defined%s%s", what, STR_ARG(r->name),
                              *effect ? ": " : "", effect);
    const char *near = nearest(x, l, r->name);
    if (l->n == 0 && lint_is_part(x->c))
        d->severity = SEV_WARNING; /* it may stand in the part that is not here */
    if (near)
        diag_hint(x->diags, d, "did you mean '%s'?", near);
}

static void undefined_list(struct lint_ctx *x, enum diag_id id, const struct ptrlist *refs, const char *what,
                           const struct ptrlist *l, const char *effect)
{
    PTRLIST_FOR (struct ir_ref, r, refs) {
        if (!str_is(r->name, "default"))
            undefined(x, id, r, what, l, effect);
    }
}

static void each_entry(struct lint_ctx *x, enum diag_id id, lint_entry_fn *f)
{
    lint_static_entries(x, id, f);
    lint_dynamic_entries(x, id, f);
}

static void entry_acl(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m, const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->acl, "access list", &x->c->acls,
              "the router drops the traffic of this interface that reaches the entry");
    undefined(x, id, &e->access_in, "access list", &x->c->acls, "");
    undefined(x, id, &e->access_out, "access list", &x->c->acls, "");
}

static void acl(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_acl);
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        undefined(x, id, &i->protection_acl4, "access list", &x->c->acls, "");
        undefined(x, id, &i->protection_acl6, "access list", &x->c->acls, "");
    }
}

static void entry_sets(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                       const struct crypto_map_entry *e)
{
    (void)m;
    undefined_list(x, id, &e->sa.transform_sets, "transform set", &x->c->transform_sets, "");
}

static void transform_set(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_sets);
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        undefined_list(x, id, &p->sa.transform_sets, "transform set", &x->c->transform_sets, "");
    }
}

static void entry_dynamic(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                          const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->dynamic, "dynamic map", &x->c->dynamic_maps, "");
}

static void dynamic_map(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_dynamic);
}

static void crypto_map(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        undefined(x, id, &i->crypto_map, "crypto map", &x->c->crypto_maps, "nothing is protected on this interface");
        undefined(x, id, &i->crypto_map6, "IPv6 crypto map", &x->c->crypto_maps,
                  "nothing is protected on this interface");
    }
}

static void entry_isakmp_profile(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                                 const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->sa.isakmp_profile, "isakmp profile", &x->c->isakmp_profiles, "");
}

static void isakmp_profile(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_isakmp_profile);
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        undefined(x, id, &p->sa.isakmp_profile, "isakmp profile", &x->c->isakmp_profiles, "");
    }
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        undefined(x, id, &i->protection_isakmp, "isakmp profile", &x->c->isakmp_profiles, "");
    }
}

static void entry_ikev2_profile(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                                const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->sa.ikev2_profile, "IKEv2 profile", &x->c->ikev2_profiles, "");
}

static void ikev2_profile(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_ikev2_profile);
    PTRLIST_FOR (struct ipsec_profile, p, &x->c->ipsec_profiles) {
        undefined(x, id, &p->sa.ikev2_profile, "IKEv2 profile", &x->c->ikev2_profiles, "");
    }
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        undefined(x, id, &i->protection_ikev2, "IKEv2 profile", &x->c->ikev2_profiles, "");
    }
}

static void entry_ipsec_profile(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                                const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->type_profile, "ipsec profile", &x->c->ipsec_profiles, "");
}

static void ipsec_profile(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_ipsec_profile);
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        undefined(x, id, &i->protection, "ipsec profile", &x->c->ipsec_profiles, "the tunnel is not protected");
    }
}

static void keyring(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        undefined_list(x, id, &p->keyrings, "keyring", &x->c->keyrings, "");
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        undefined(x, id, &p->keyring, "IKEv2 keyring", &x->c->ikev2_keyrings, "");
    }
}

static void proposal(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct ikev2_policy, p, &x->c->ikev2_policies) {
        undefined_list(x, id, &p->proposals, "IKEv2 proposal", &x->c->ikev2_proposals, "");
    }
}

static void trustpoint(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        undefined_list(x, id, &p->trustpoints, "trustpoint", &x->c->trustpoints, "");
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        undefined_list(x, id, &p->trustpoints, "trustpoint", &x->c->trustpoints, "");
        undefined_list(x, id, &p->trustpoints_sign, "trustpoint", &x->c->trustpoints, "");
        undefined_list(x, id, &p->trustpoints_verify, "trustpoint", &x->c->trustpoints, "");
    }
}

/* A physical interface exists whether or not a fragment shows it; a logical one exists only once it is configured. */
static bool is_logical(struct str name)
{
    static const char *const types[] = {"Loopback",     "Tunnel",           "Vlan",     "Dialer", "BDI", "BVI",
                                        "Port-channel", "Virtual-Template", "Multilink"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (name.len > strlen(types[i]) && memcmp(name.p, types[i], strlen(types[i])) == 0)
            return true;
    return memchr(name.p, '.', name.len) != NULL;
}

static void undefined_interface(struct lint_ctx *x, enum diag_id id, const struct ir_ref *r, const char *effect)
{
    if (IR_WRITTEN(*r) && (IR_IS_SET(x->c->version) || is_logical(r->name)))
        undefined(x, id, r, "interface", &x->c->interfaces, effect);
}

static void local_interfaces(struct lint_ctx *x, enum diag_id id, const struct ptrlist *l)
{
    PTRLIST_FOR (struct local_address, a, l) {
        undefined_interface(x, id, &a->interface, "");
    }
}

/* Only where the file shows interfaces at all: a fragment without any says nothing about them. */
static void interface(struct lint_ctx *x, enum diag_id id)
{
    if (x->c->interfaces.n == 0)
        return;
    PTRLIST_FOR (struct crypto_map, m, &x->c->crypto_maps) {
        undefined_interface(x, id, &m->local_address, "the crypto map has no local address");
    }
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        if (IR_IS_SET(i->protection))
            undefined_interface(x, id, &i->tunnel_source_if, "the tunnel has no source address");
    }
    PTRLIST_FOR (struct keyring, k, &x->c->keyrings) {
        local_interfaces(x, id, &k->local);
    }
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        local_interfaces(x, id, &p->local);
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        local_interfaces(x, id, &p->local);
    }
}

/* Groups used by one access list. */
static void acl_groups(struct lint_ctx *x, enum diag_id id, const struct acl *l)
{
    PTRLIST_FOR (struct ace, a, &l->aces) {
        const struct ace_end *const ends[] = {&a->src, &a->dst};
        for (size_t i = 0; i < 2; i++)
            if (ends[i]->form == ACE_GROUP && !ends[i]->group) {
                const struct ir_ref r = {ends[i]->name, {ends[i]->span, ORIGIN_WRITTEN}, NULL};
                undefined(x, id, &r, "object group", &x->c->object_groups, "the line matches nothing");
            }
        if (a->service_group.len && !a->service) {
            const struct ir_ref r = {a->service_group, {a->service_span, ORIGIN_WRITTEN}, NULL};
            undefined(x, id, &r, "object group", &x->c->object_groups, "the line matches nothing");
        }
    }
}

/* Each list once, however many entries share it. */
static void object_group(struct lint_ctx *x, enum diag_id id)
{
    struct symtab used = {0};
    const struct ptrlist *const maps[] = {&x->c->crypto_maps, &x->c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, maps[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                if (e->acl.target && !symtab_get(&used, e->acl.name, 0))
                    symtab_put(x->diags->arena, &used, e->acl.name, 0, e->acl.target);
            }
        }
    PTRLIST_FOR (struct acl, l, &x->c->acls) {
        if (symtab_get(&used, l->name.s, 0) == l)
            acl_groups(x, id, l);
    }
}

static void cert_map(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct isakmp_profile, p, &x->c->isakmp_profiles) {
        undefined_list(x, id, &p->cert_maps, "certificate map", &x->c->cert_maps, "");
    }
    PTRLIST_FOR (struct ikev2_profile, p, &x->c->ikev2_profiles) {
        undefined_list(x, id, &p->cert_maps, "certificate map", &x->c->cert_maps, "");
    }
}

static void entry_identity(struct lint_ctx *x, enum diag_id id, const struct crypto_map *m,
                           const struct crypto_map_entry *e)
{
    (void)m;
    undefined(x, id, &e->sa.identity, "crypto identity", &x->c->identities, "");
}

static void identity(struct lint_ctx *x, enum diag_id id)
{
    each_entry(x, id, entry_identity);
}

/* Only where IPsec depends on what NAT leaves alone. */
static void route_map(struct lint_ctx *x, enum diag_id id)
{
    if (x->c->crypto_statements == 0)
        return;
    PTRLIST_FOR (struct nat_rule, r, &x->c->nat_rules) {
        undefined(x, id, &r->route_map, "route map", &x->c->route_maps, "");
    }
}

/* An access group of an interface: the router filters nothing by a list that is not there, or has no lines. */
static void filter(struct lint_ctx *x, enum diag_id id, const struct acl_binding *g)
{
    const struct acl *a = g->acl.target;
    if (a && !acl_has_lines(a))
        diag_add(x->diags, id, g->acl.m.span, "access list '" STR_FMT "' has no lines: every packet passes",
                 STR_ARG(g->acl.name));
    undefined(x, id, &g->acl, "access list", &x->c->acls, "every packet passes");
}

/* Only where there is IPsec, and the whole of a configuration: a part may leave its lists out. */
static void interface_filters(struct lint_ctx *x, enum diag_id id)
{
    if (x->c->crypto_statements == 0 || lint_is_part(x->c))
        return;
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        if (i->shutdown.v)
            continue;
        PTRLIST_FOR (struct acl_binding, g, &i->access_groups) {
            filter(x, id, g);
        }
        PTRLIST_FOR (struct acl_binding, g, &i->traffic_filters) {
            filter(x, id, g);
        }
    }
}

#define REF "ios-crypto-commands R-CLI-7, R-TS-11; the guide's order of tasks"
const struct lint_rule rules_references[] = {
    {D_UNDEFINED_ACL, "guide, Creating Dynamic Crypto Maps, step 5", acl, 0},
    {D_UNDEFINED_TRANSFORM_SET, REF, transform_set, 0},
    {D_UNDEFINED_DYNAMIC_MAP, REF, dynamic_map, 0},
    {D_UNDEFINED_CRYPTO_MAP, REF, crypto_map, 0},
    {D_UNDEFINED_ISAKMP_PROFILE, REF, isakmp_profile, 0},
    {D_UNDEFINED_IKEV2_PROFILE, REF, ikev2_profile, 0},
    {D_UNDEFINED_IPSEC_PROFILE, REF, ipsec_profile, 0},
    {D_UNDEFINED_KEYRING, REF, keyring, 0},
    {D_UNDEFINED_PROPOSAL, REF, proposal, 0},
    {D_UNDEFINED_TRUSTPOINT, REF, trustpoint, 0},
    {D_UNDEFINED_INTERFACE, REF, interface, 0},
    {D_UNDEFINED_OBJECT_GROUP, REF, object_group, 0},
    {D_UNDEFINED_CERT_MAP, REF, cert_map, 0},
    {D_UNDEFINED_IDENTITY, REF, identity, 0},
    {D_UNDEFINED_ROUTE_MAP, REF, route_map, 0},
    {D_PROFILE_NOBODY, "ios-crypto-commands section 3.3: crypto isakmp profile, incomplete without match identity",
     lint_by_needs, 0},
    {D_UNDEFINED_FILTER, "Cisco IOS Security Command Reference: ip access-group", interface_filters, 0},
    {0, NULL, NULL, 0},
};
