/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interfaces, PKI and recognised blocks as IOS text. */
#include "backends/ios/out.h"

static void addresses(struct ios_out *w, const struct interface *i)
{
    char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct if_address, a, &i->addresses) {
        struct ip_addr mask = addr_from_v4(mask4(a->address.plen));
        OUT(w, " ip address %s %s%s\n", addr_text(&a->address.a, x), addr_text(&mask, y),
            a->secondary.v ? " secondary" : "");
    }
    OUT_STR(w, i->dynamic_address, " ip address " STR_FMT);
    PTRLIST_FOR (struct if_address, a, &i->addresses6) {
        bool link_local = str_is(a->kind.s, "link-local") && a->address.plen == 128;
        OUT(w, link_local ? " ipv6 address %s" : " ipv6 address %s/%u", addr_text(&a->address.a, x), a->address.plen);
        if (IR_IS_SET(a->kind))
            OUT(w, " " STR_FMT, STR_ARG(a->kind.s));
        buf_putc(w->b, '\n');
    }
}

static void tunnel(struct ios_out *w, const struct interface *i)
{
    OUT_REF(w, i->tunnel_source_if, " tunnel source " STR_FMT);
    if (IR_IS_SET(i->tunnel_source)) {
        buf_puts(w->b, " tunnel source ");
        ios_host(w, &i->tunnel_source);
        buf_putc(w->b, '\n');
    }
    if (IR_IS_SET(i->tunnel_destination)) {
        buf_puts(w->b, " tunnel destination ");
        ios_host(w, &i->tunnel_destination);
        buf_putc(w->b, '\n');
    }
    OUT_STR(w, i->tunnel_mode, " tunnel mode " STR_FMT);
    OUT_NUM(w, i->tunnel_key, " tunnel key %llu");
    OUT_NUM(w, i->tunnel_ttl, " tunnel ttl %llu");
    OUT_NUM(w, i->tunnel_tos, " tunnel tos %llu");
    if (IR_IS_SET(i->tunnel_pmtud))
        OUT(w, " tunnel path-mtu-discovery%s" STR_FMT "\n", i->tunnel_pmtud.s.len ? " " : "",
            STR_ARG(i->tunnel_pmtud.s));
    OUT_STR(w, i->tunnel_vrf, " tunnel vrf " STR_FMT);
    ios_texts(w, " ", &i->tunnel_other);
    OUT_REF(w, i->protection_acl4, " tunnel protection ipsec policy ipv4 " STR_FMT);
    OUT_REF(w, i->protection_acl6, " tunnel protection ipsec policy ipv6 " STR_FMT);
    if (!IR_IS_SET(i->protection))
        return;
    OUT(w, " tunnel protection ipsec profile " STR_FMT, STR_ARG(i->protection.name));
    if (IR_IS_SET(i->protection_ikev2))
        OUT(w, " ikev2-profile " STR_FMT, STR_ARG(i->protection_ikev2.name));
    if (IR_IS_SET(i->protection_isakmp))
        OUT(w, " isakmp-profile " STR_FMT, STR_ARG(i->protection_isakmp.name));
    buf_puts(w->b, i->protection_shared.v ? " shared\n" : "\n");
}

static void crypto_map(struct ios_out *w, const struct interface *i)
{
    OUT_STR(w, i->df_bit, " crypto ipsec df-bit " STR_FMT);
    OUT_STR(w, i->fragmentation, " crypto ipsec fragmentation " STR_FMT);
    OUT_STR(w, i->ezvpn, " crypto ipsec client " STR_FMT);
    if (IR_IS_SET(i->crypto_map)) {
        OUT(w, " crypto map " STR_FMT, STR_ARG(i->crypto_map.name));
        if (i->map_redundancy.v)
            OUT(w, " redundancy%s" STR_FMT "%s", IR_IS_SET(i->map_redundancy_group) ? " " : "",
                STR_ARG(i->map_redundancy_group.s), i->map_redundancy_stateful.v ? " stateful" : "");
        buf_putc(w->b, '\n');
    }
    OUT_REF(w, i->crypto_map6, " ipv6 crypto map " STR_FMT);
}

void ios_print_interfaces(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        OUT(w, "interface " STR_FMT "\n", STR_ARG(i->name.s));
        OUT_STR(w, i->vrf, " vrf forwarding " STR_FMT);
        addresses(w, i);
        OUT_REF(w, i->unnumbered, " ip unnumbered " STR_FMT);
        PTRLIST_FOR (struct acl_binding, g, &i->access_groups) {
            OUT(w, " ip access-group " STR_FMT "%s" STR_FMT "\n", STR_ARG(g->acl.name),
                IR_WRITTEN(g->direction) ? " " : "", STR_ARG(IR_WRITTEN(g->direction) ? g->direction.s : STR_EMPTY));
        }
        PTRLIST_FOR (struct acl_binding, g, &i->traffic_filters) {
            OUT(w, " ipv6 traffic-filter " STR_FMT "%s" STR_FMT "\n", STR_ARG(g->acl.name),
                IR_WRITTEN(g->direction) ? " " : "", STR_ARG(IR_WRITTEN(g->direction) ? g->direction.s : STR_EMPTY));
        }
        OUT_NUM(w, i->mtu, " mtu %llu");
        OUT_NUM(w, i->ip_mtu, " ip mtu %llu");
        OUT_STR(w, i->nat, " ip nat " STR_FMT);
        ios_texts(w, " ", &i->nhrp);
        OUT_NUM(w, i->mss, " ip tcp adjust-mss %llu");
        ios_texts(w, " ", &i->standby);
        OUT_STR(w, i->encapsulation, " encapsulation " STR_FMT);
        OUT_FLAG(w, i->shutdown, " shutdown");
        tunnel(w, i);
        crypto_map(w, i);
    }
}

/* ---- PKI ---- */

static void trustpoint(struct ios_out *w, const struct trustpoint *t)
{
    OUT(w, "crypto pki trustpoint " STR_FMT "\n", STR_ARG(t->name.s));
    OUT_STR(w, t->description, " description " STR_FMT);
    if (IR_WRITTEN(t->enrollment)) { /* its URL may hold a password */
        buf_puts(w->b, " enrollment ");
        ios_text(w, t->enrollment.s);
        buf_putc(w->b, '\n');
    }
    if (IR_IS_SET(t->password)) {
        buf_puts(w->b, " password ");
        ios_secret(w, &t->password);
        buf_putc(w->b, '\n');
    }
    OUT_STR(w, t->fqdn, " fqdn " STR_FMT);
    OUT_STR(w, t->subject, " subject-name " STR_FMT);
    OUT_STR(w, t->revocation, " revocation-check " STR_FMT);
    if (IR_IS_SET(t->keypair)) {
        OUT(w, " rsakeypair " STR_FMT, STR_ARG(t->keypair.s));
        if (IR_IS_SET(t->keypair_bits))
            OUT(w, " %llu", (unsigned long long)t->keypair_bits.v);
        buf_putc(w->b, '\n');
    }
    OUT_STR(w, t->hash, " hash " STR_FMT);
    ios_texts(w, " ", &t->other);
}

static void chain(struct ios_out *w, const struct cert_chain *ch)
{
    OUT(w, "crypto pki certificate chain " STR_FMT "\n", STR_ARG(ch->name.s));
    PTRLIST_FOR (struct certificate, c, &ch->certificates) {
        buf_puts(w->b, " certificate ");
        if (IR_IS_SET(c->role))
            OUT(w, STR_FMT " ", STR_ARG(c->role.s));
        buf_str(w->b, c->serial.s);
        if (IR_IS_SET(c->file))
            OUT(w, " " STR_FMT, STR_ARG(c->file.s));
        buf_putc(w->b, '\n');
        struct str hex = c->hex.s;
        for (uint32_t i = 0; i < hex.len; i += 8) {
            if (i % 64 == 0)
                buf_puts(w->b, "  ");
            buf_add(w->b, hex.p + i, hex.len - i < 8 ? hex.len - i : 8);
            buf_putc(w->b, i % 64 == 56 || i + 8 >= hex.len ? '\n' : ' ');
        }
        if (hex.len)
            buf_puts(w->b, "  quit\n");
    }
}

void ios_print_pki(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct trustpoint, t, &c->trustpoints) {
        trustpoint(w, t);
    }
    PTRLIST_FOR (struct cert_map, m, &c->cert_maps) {
        OUT(w, "crypto pki certificate map " STR_FMT " %llu\n", STR_ARG(m->name.s), (unsigned long long)m->seq.v);
        PTRLIST_FOR (struct cert_map_rule, r, &m->rules) {
            OUT(w, " " STR_FMT "%s" STR_FMT " " STR_FMT "\n", STR_ARG(r->field.s), IR_IS_SET(r->op) ? " " : "",
                STR_ARG(r->op.s), STR_ARG(r->value.s));
        }
    }
    PTRLIST_FOR (struct cert_chain, ch, &c->cert_chains) {
        chain(w, ch);
    }
    PTRLIST_FOR (struct crypto_identity, i, &c->identities) {
        OUT(w, "crypto identity " STR_FMT "\n", STR_ARG(i->name.s));
        OUT_STR(w, i->description, " description " STR_FMT);
        OUT_STR(w, i->dn, " dn " STR_FMT);
        OUT_STR(w, i->fqdn, " fqdn " STR_FMT);
    }
    PTRLIST_FOR (struct other_block, o, &c->others) {
        ios_text(w, o->head.s);
        if (IR_IS_SET(o->key)) {
            buf_putc(w->b, ' ');
            ios_secret(w, &o->key);
        }
        buf_putc(w->b, '\n');
        ios_texts(w, " ", &o->lines);
    }
}
