/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto map, show crypto dynamic-map, show crypto ipsec transform-set. */
#include "backends/ios/acl.h"
#include "backends/show/show.h"

struct layout {
    const char *tab;
    bool xe; /* current IOS XE */
};

/* `version 16.x` and later is IOS XE with its newer lines. */
static struct layout layout_of(const struct ir_config *c)
{
    unsigned major = 0;
    for (uint32_t i = 0; i < c->version.s.len && c->version.s.p[i] >= '0' && c->version.s.p[i] <= '9'; i++)
        major = major * 10 + (unsigned)(c->version.s.p[i] - '0');
    return major >= 16 ? (struct layout){"\t", true} : (struct layout){"        ", false};
}

static void transform_words(struct buf *b, const struct transform_set *t)
{
    PTRLIST_FOR (struct ir_transform, x, &t->transforms) {
        const char *word = algo_spelling(x->alg, x->proto == PROTO_AH ? ALGO_CTX_AH : ALGO_CTX_ESP);
        if (x->alg == ALGO_ENCR_AES_CBC && x->bits != 128)
            buf_printf(b, "esp-%u-aes ", x->bits);
        else if (algo_get(x->alg)->keys[1] && x->bits != 128)
            buf_printf(b, "%s %u ", word, x->bits);
        else
            buf_printf(b, "%s ", word);
    }
}

static void transform_sets(struct buf *b, const struct layout *l, const struct ptrlist *refs)
{
    buf_printf(b, "%sTransform sets={\n", l->tab);
    PTRLIST_FOR (struct ir_ref, r, refs) {
        buf_printf(b, "%s%s" STR_FMT ":  { ", l->tab, l->tab, STR_ARG(r->name));
        if (r->target)
            transform_words(b, r->target);
        buf_puts(b, " } ,\n");
    }
    buf_printf(b, "%s}\n", l->tab);
}

static void access_list(struct buf *b, const struct layout *l, const struct crypto_map_entry *e)
{
    if (!IR_IS_SET(e->acl)) {
        buf_printf(b, "%sNo matching address list set.\n", l->tab);
        return;
    }
    const struct acl *a = e->acl.target;
    buf_printf(b, "%s%s access list " STR_FMT "\n", l->tab, a && a->kind.v == ACL_IPV6 ? "IPv6" : "Extended IP",
               STR_ARG(e->acl.name));
    if (!a)
        return;
    PTRLIST_FOR (struct ace, x, &a->aces) {
        if (x->remark)
            continue;
        buf_printf(b, "%s    access-list " STR_FMT " %s ", l->tab, STR_ARG(a->name.s), x->permit ? "permit" : "deny");
        ios_ace(b, x, (enum acl_kind)a->kind.v);
        buf_putc(b, '\n');
    }
}

static void lifetime(struct buf *b, const struct layout *l, const struct sa_settings *sa)
{
    if (sa->lifetime_kb_disabled.v)
        buf_printf(b, "%sSecurity association lifetime: %llu seconds, kilobytes disabled\n", l->tab,
                   (unsigned long long)sa->lifetime_s.v);
    else
        buf_printf(b, "%sSecurity association lifetime: %llu kilobytes/%llu seconds\n", l->tab,
                   (unsigned long long)sa->lifetime_kb.v, (unsigned long long)sa->lifetime_s.v);
    if (IR_IS_SET(sa->idle_s))
        buf_printf(b, "%sSecurity association idletime: %llu seconds\n", l->tab, (unsigned long long)sa->idle_s.v);
}

static void negotiated(struct buf *b, const struct layout *l, const struct sa_settings *sa)
{
    lifetime(b, l, sa);
    if (l->xe)
        buf_printf(b, "%sDualstack (Y/N): N\n\n", l->tab);
    buf_printf(b, "%sResponder-Only (Y/N): %c\n", l->tab, sa->responder_only.v ? 'Y' : 'N');
    if (IR_IS_SET(sa->pfs_group))
        buf_printf(b, "%sPFS (Y/N): Y\n%sDH group:  group%s\n", l->tab, l->tab,
                   algo_spelling((enum algo_id)sa->pfs_group.v, ALGO_CTX_IKEV2));
    else
        buf_printf(b, "%sPFS (Y/N): N\n", l->tab);
    buf_printf(b, "%sMixed-mode : %s\n", l->tab, sa->mixed_mode.v ? "Enabled" : "Disabled");
}

static void peers_and_profiles(struct buf *b, const struct layout *l, const struct crypto_map_entry *e)
{
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family != FAMILY_NONE)
            buf_printf(b, "%sPeer = %s", l->tab, addr_text(&p->host.addr, t));
        else
            buf_printf(b, "%sPeer = " STR_FMT, l->tab, STR_ARG(p->host.name));
        buf_puts(b, p->is_default.v ? " Default Peer\n" : "\n");
    }
    if (IR_IS_SET(e->sa.isakmp_profile))
        buf_printf(b, "%sISAKMP Profile: " STR_FMT "\n", l->tab, STR_ARG(e->sa.isakmp_profile.name));
    if (IR_IS_SET(e->sa.ikev2_profile))
        buf_printf(b, "%sIKEv2 Profile: " STR_FMT "\n", l->tab, STR_ARG(e->sa.ikev2_profile.name));
}

/* Session keys without the keys: who holds the output must not hold them. */
static void session_keys(struct buf *b, const struct layout *l, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        buf_printf(b, "%s%s %s spi: %llu,  cipher key: %s,  auth_key: %s,\n", l->tab,
                   k->outbound.v ? "Outbound" : "Inbound", k->proto.v == PROTO_AH ? "ah" : "esp",
                   (unsigned long long)k->spi.v, k->proto.v == PROTO_ESP && IR_IS_SET(k->cipher) ? "<key>" : "",
                   IR_IS_SET(k->authenticator) || k->proto.v == PROTO_AH ? "<key>" : "");
    }
}

static void entry_body(struct buf *b, const struct layout *l, const struct crypto_map_entry *e)
{
    if (IR_IS_SET(e->description))
        buf_printf(b, "%sDescription: " STR_FMT "\n", l->tab, STR_ARG(e->description.s));
    if (!e->complete.v && e->type.v != ENTRY_DYNAMIC)
        buf_printf(
            b, "%sWARNING: This crypto map is in an incomplete state!\n%s%s(missing peer or access-list definitions)\n",
            l->tab, l->tab, l->tab);
    if (e->type.v == ENTRY_DYNAMIC) {
        buf_printf(b, "%sDynamic map template tag: " STR_FMT "%s\n", l->tab, STR_ARG(e->dynamic.name),
                   e->discover.v ? " Discover enabled" : "");
        return;
    }
    if (e->type.v == ENTRY_GDOI)
        buf_printf(b, "%sGroup: " STR_FMT "\n", l->tab, STR_ARG(e->gdoi_group.name));
    peers_and_profiles(b, l, e);
    if (l->xe)
        buf_printf(b, "%sAccess-List SS dynamic: False\n", l->tab);
    access_list(b, l, e);
    const struct ir_ref *const checks[] = {&e->access_in, &e->access_out};
    for (size_t i = 0; i < 2; i++)
        if (IR_IS_SET(*checks[i]))
            buf_printf(b, "%sExtended IP access check %s list " STR_FMT "\n", l->tab, i ? "OUT" : "IN",
                       STR_ARG(checks[i]->name));
    if (e->type.v == ENTRY_MANUAL)
        session_keys(b, l, e);
    else
        negotiated(b, l, &e->sa);
    if (e->type.v == ENTRY_MANUAL &&
        e->sa.transform_sets.n == 0) { /* the default set is shown, although nothing would use it */
        buf_printf(b, "%sTransform sets={\n%s%sdefault:  { esp-aes esp-sha-hmac  } ,\n%s}\n", l->tab, l->tab, l->tab,
                   l->tab);
    } else {
        transform_sets(b, l, &e->sa.transform_sets);
    }
}

static bool applied_to(const struct crypto_map *m, struct str interface)
{
    PTRLIST_FOR (struct interface, i, &m->applied) {
        if (str_eq(i->name.s, interface))
            return true;
    }
    return false;
}

void show_crypto_map(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    struct layout l = layout_of(c);
    PTRLIST_FOR (struct crypto_map, m, &c->crypto_maps) {
        if ((f->name.len && !str_eq(m->name.s, f->name)) || (f->interface.len && !applied_to(m, f->interface)))
            continue;
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            const char *type = e->type.v == ENTRY_MANUAL ? "ipsec-manual"
                               : e->type.v == ENTRY_GDOI ? "gdoi"
                                                         : "ipsec-isakmp";
            buf_printf(b, "Crypto Map %s \"" STR_FMT "\" %llu %s\n", m->ipv6.v ? "IPv6" : "IPv4", STR_ARG(m->name.s),
                       (unsigned long long)e->seq.v, type);
            entry_body(b, &l, e);
        }
        buf_printf(b, "%sInterfaces using crypto map " STR_FMT ":\n", l.tab, STR_ARG(m->name.s));
        PTRLIST_FOR (struct interface, i, &m->applied) {
            buf_printf(b, "%s%s" STR_FMT "\n", l.tab, l.tab, STR_ARG(i->name.s));
        }
    }
    /* a set of the image's own that 15.x lists although nobody configured it */
    if (!l.xe && !f->name.len && !f->interface.len && c->crypto_maps.n)
        buf_printf(b, "%sInterfaces using crypto map NiStTeSt1:\n", l.tab);
}

void show_dynamic_map(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    struct layout l = layout_of(c);
    PTRLIST_FOR (struct crypto_map, m, &c->dynamic_maps) {
        if (f->name.len && !str_eq(m->name.s, f->name))
            continue;
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            buf_printf(b, "Crypto Map Template\"" STR_FMT "\" %llu\n", STR_ARG(m->name.s),
                       (unsigned long long)e->seq.v);
            entry_body(b, &l, e);
        }
    }
}

static void one_set(struct buf *b, const struct transform_set *t)
{
    buf_printf(b, "Transform set " STR_FMT ": { ", STR_ARG(t->name.s));
    transform_words(b, t);
    buf_printf(b, " }\n   will negotiate = { %s%s,  },\n\n", str_is(t->mode.s, "transport") ? "Transport" : "Tunnel",
               t->require.v ? " Require" : "");
}

void show_transform_sets(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    for (int pass = 0; pass < 2; pass++) /* the set named default comes first */
        PTRLIST_FOR (struct transform_set, t, &c->transform_sets) {
            if (str_is(t->name.s, "default") == (pass == 0) && (!f->name.len || str_eq(t->name.s, f->name)))
                one_set(b, t);
        }
}
