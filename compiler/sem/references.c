/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names become pointers; then it is worked out which crypto map entries are complete. Nothing is reported here: a name
 * without an object keeps a NULL target, and the rules in lint/ say what that means.
 */
#include "compiler/sem/builder.h"
#include "compiler/sem/standby.h"

static void resolve(struct builder *b, struct ir_ref *r, enum ir_table t)
{
    if (IR_IS_SET(*r))
        r->target = ir_find(b->c, t, r->name);
}

static void resolve_list(struct builder *b, struct ptrlist *l, enum ir_table t)
{
    PTRLIST_FOR (struct ir_ref, r, l) {
        resolve(b, r, t);
    }
}

static void resolve_local(struct builder *b, struct ptrlist *l)
{
    PTRLIST_FOR (struct local_address, a, l) {
        resolve(b, &a->interface, TAB_INTERFACE);
    }
}

static void resolve_sa(struct builder *b, struct sa_settings *sa)
{
    resolve_list(b, &sa->transform_sets, TAB_TRANSFORM_SET);
    resolve(b, &sa->isakmp_profile, TAB_ISAKMP_PROFILE);
    resolve(b, &sa->ikev2_profile, TAB_V2_PROFILE);
    resolve(b, &sa->identity, TAB_IDENTITY);
}

static void resolve_ace_end(struct builder *b, struct ace_end *e)
{
    if (e->form == ACE_GROUP)
        e->group = ir_find(b->c, TAB_OBJECT_GROUP, e->name);
}

static void resolve_acls(struct builder *b)
{
    PTRLIST_FOR (struct acl, a, &b->c->acls) {
        PTRLIST_FOR (struct ace, x, &a->aces) {
            resolve_ace_end(b, &x->src);
            resolve_ace_end(b, &x->dst);
            if (x->service_group.len)
                x->service = ir_find(b->c, TAB_OBJECT_GROUP, x->service_group);
        }
    }
    PTRLIST_FOR (struct object_group, g, &b->c->object_groups) {
        PTRLIST_FOR (struct object_item, it, &g->items) {
            if (it->is_group)
                it->group = ir_find(b->c, TAB_OBJECT_GROUP, it->group_name);
        }
    }
}

static void resolve_interfaces(struct builder *b)
{
    PTRLIST_FOR (struct interface, i, &b->c->interfaces) {
        resolve(b, &i->crypto_map, TAB_CRYPTO_MAP);
        resolve(b, &i->crypto_map6, TAB_CRYPTO_MAP6);
        resolve(b, &i->unnumbered, TAB_INTERFACE);
        resolve(b, &i->tunnel_source_if, TAB_INTERFACE);
        resolve(b, &i->protection, TAB_IPSEC_PROFILE);
        resolve(b, &i->protection_ikev2, TAB_V2_PROFILE);
        resolve(b, &i->protection_isakmp, TAB_ISAKMP_PROFILE);
        resolve(b, &i->protection_acl4, TAB_ACL);
        resolve(b, &i->protection_acl6, TAB_ACL);
        PTRLIST_FOR (struct acl_binding, g, &i->access_groups) {
            resolve(b, &g->acl, TAB_ACL);
        }
        PTRLIST_FOR (struct acl_binding, g, &i->traffic_filters) {
            resolve(b, &g->acl, TAB_ACL);
        }
        if (i->crypto_map.target)
            ptrlist_add(b->a, &((struct crypto_map *)i->crypto_map.target)->applied, i);
        if (i->crypto_map6.target)
            ptrlist_add(b->a, &((struct crypto_map *)i->crypto_map6.target)->applied, i);
    }
}

static void resolve_ike(struct builder *b)
{
    struct ir_config *c = b->c;
    PTRLIST_FOR (struct isakmp_profile, p, &c->isakmp_profiles) {
        resolve_list(b, &p->keyrings, TAB_KEYRING);
        resolve_list(b, &p->cert_maps, TAB_CERT_MAP);
        resolve_list(b, &p->trustpoints, TAB_TRUSTPOINT);
        resolve_local(b, &p->local);
    }
    PTRLIST_FOR (struct keyring, k, &c->keyrings) {
        resolve_local(b, &k->local);
    }
    PTRLIST_FOR (struct ikev2_policy, p, &c->ikev2_policies) {
        resolve_list(b, &p->proposals, TAB_V2_PROPOSAL);
        resolve_local(b, &p->local);
    }
    PTRLIST_FOR (struct ikev2_profile, p, &c->ikev2_profiles) {
        resolve_list(b, &p->cert_maps, TAB_CERT_MAP);
        resolve_list(b, &p->trustpoints, TAB_TRUSTPOINT);
        resolve_list(b, &p->trustpoints_sign, TAB_TRUSTPOINT);
        resolve_list(b, &p->trustpoints_verify, TAB_TRUSTPOINT);
        resolve_local(b, &p->local);
        resolve(b, &p->keyring, TAB_V2_KEYRING);
    }
}

/* What a static entry lacks, in the words of `show crypto map`; NULL if nothing. */
static const char *static_lacks(const struct crypto_map_entry *e)
{
    bool acl = acl_has_lines(e->acl.target);
    if (e->peers.n == 0 && !IR_IS_SET(e->acl))
        return "peer and access list";
    if (e->peers.n == 0)
        return "peer";
    if (!IR_IS_SET(e->acl))
        return "access list";
    return !e->acl.target ? "definition of its access list" : !acl ? "lines in its access list" : NULL;
}

static bool keyed(const struct crypto_map_entry *e, enum ipsec_proto proto, bool outbound)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        if (k->proto.v == proto && k->outbound.v == outbound)
            return true;
    }
    return false;
}

static const char *manual_lacks(const struct crypto_map_entry *e)
{
    const char *base = static_lacks(e);
    if (base)
        return base;
    const struct ir_ref *r = e->sa.transform_sets.n ? e->sa.transform_sets.v[0] : NULL;
    if (!r || !r->target)
        return "transform set";
    PTRLIST_FOR (struct ir_transform, t, &((struct transform_set *)r->target)->transforms) {
        if (t->proto != PROTO_COMP && (!keyed(e, t->proto, false) || !keyed(e, t->proto, true)))
            return "session keys for both directions";
    }
    return NULL;
}

static const char *entry_lacks(const struct crypto_map *m, const struct crypto_map_entry *e)
{
    if (m->is_dynamic.v)
        return e->sa.transform_sets.n ? NULL : "transform set";
    switch ((enum entry_type)e->type.v) {
    case ENTRY_DYNAMIC:
        return e->dynamic.target ? NULL : "dynamic map";
    case ENTRY_MANUAL:
        return manual_lacks(e);
    case ENTRY_GDOI:
        return IR_IS_SET(e->gdoi_group) ? NULL : "group";
    case ENTRY_ISAKMP:
    case ENTRY_UNTYPED:
        break;
    }
    const char *lacks = static_lacks(e);
    return lacks ? lacks : e->sa.transform_sets.n ? NULL : "transform set";
}

static void resolve_maps(struct builder *b, struct ptrlist *maps)
{
    PTRLIST_FOR (struct crypto_map, m, maps) {
        resolve(b, &m->local_address, TAB_INTERFACE);
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            resolve(b, &e->dynamic, TAB_DYNAMIC_MAP);
            resolve(b, &e->acl, TAB_ACL);
            resolve(b, &e->access_in, TAB_ACL);
            resolve(b, &e->access_out, TAB_ACL);
            resolve(b, &e->type_profile, TAB_IPSEC_PROFILE);
            resolve_sa(b, &e->sa);
            const char *lacks = entry_lacks(m, e);
            e->complete = num_default(lacks == NULL);
            e->lacks = lacks ? (struct ir_str){str_lit(lacks), {{0, 0}, ORIGIN_DEFAULT}} : (struct ir_str){0};
        }
    }
}

/* The address IKE and IPsec packets of a map on this interface come from (guide, Applying Crypto Map Sets, step 6). */
static struct ir_addr local_of(const struct interface *i, bool v6, unsigned depth)
{
    const struct ptrlist *l = v6 ? &i->addresses6 : &i->addresses;
    PTRLIST_FOR (struct if_address, a, l) {
        bool link_local = v6 && a->address.a.b[0] == 0xfe && (a->address.a.b[1] & 0xc0) == 0x80;
        if (!a->secondary.v && !link_local)
            return (struct ir_addr){a->address.a, 255, a->address.m};
    }
    if (!v6 && i->unnumbered.target && depth < 4)
        return local_of(i->unnumbered.target, v6, depth + 1);
    return (struct ir_addr){0};
}

static void bind_maps(struct builder *b)
{
    PTRLIST_FOR (struct crypto_map, m, &b->c->crypto_maps) {
        PTRLIST_FOR (struct interface, i, &m->applied) {
            struct map_binding *x = ARENA_NEW(b->a, struct map_binding);
            const struct ir_ref *r = m->ipv6.v ? &i->crypto_map6 : &i->crypto_map;
            x->span = r->m.span;
            x->interface = (struct ir_ref){i->name.s, r->m, i};
            const struct interface *from = m->local_address.target ? m->local_address.target : i;
            bool is_standby = i->map_redundancy.v && !m->ipv6.v;
            if (is_standby)
                x->is_unknown_standby = !standby_address(i, i->map_redundancy_group.s, &x->local);
            else if (m->local_address.target || !IR_IS_SET(m->local_address))
                x->local = local_of(from, m->ipv6.v != 0, 0);
            ptrlist_add(b->a, &m->bindings, x);
        }
    }
}

void references_resolve(struct builder *b)
{
    hosts_find_peers(b);
    resolve_acls(b);
    resolve_interfaces(b);
    resolve_ike(b);
    resolve_maps(b, &b->c->dynamic_maps);
    resolve_maps(b, &b->c->crypto_maps);
    bind_maps(b);
    PTRLIST_FOR (struct ipsec_profile, p, &b->c->ipsec_profiles) {
        resolve_sa(b, &p->sa);
    }
    PTRLIST_FOR (struct nat_rule, r, &b->c->nat_rules) {
        resolve(b, &r->acl, TAB_ACL);
        resolve(b, &r->route_map, TAB_ROUTE_MAP);
        resolve(b, &r->interface, TAB_INTERFACE);
    }
    PTRLIST_FOR (struct route_map, r, &b->c->route_maps) {
        resolve_list(b, &r->acls, TAB_ACL);
    }
}
