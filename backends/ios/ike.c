/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isakmp and ikev2 as IOS text. */
#include "backends/ios/out.h"

static const char *ios_word(const struct ir_num *f)
{
    return algo_spelling((enum algo_id)f->v, ALGO_CTX_ISAKMP);
}

static void policies(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct isakmp_policy, p, &c->isakmp_policies) {
        if (p->is_default.v)
            continue;
        OUT(w, "crypto isakmp policy %llu\n", (unsigned long long)p->number.v);
        if (IR_WRITTEN(p->encr)) {
            OUT(w, " encr %s", ios_word(&p->encr));
            if (IR_WRITTEN(p->encr_bits))
                OUT(w, " %llu", (unsigned long long)p->encr_bits.v);
            buf_putc(w->b, '\n');
        }
        if (IR_WRITTEN(p->hash))
            OUT(w, " hash %s\n", ios_word(&p->hash));
        if (IR_WRITTEN(p->auth))
            OUT(w, " authentication %s\n", ios_word(&p->auth));
        if (IR_WRITTEN(p->group))
            OUT(w, " group %s\n", ios_word(&p->group));
        OUT_NUM(w, p->lifetime_s, " lifetime %llu");
    }
}

static void key_peer(struct ios_out *w, const struct psk *k)
{
    if (k->kind.v == KEY_HOSTNAME)
        buf_puts(w->b, "hostname ");
    else
        buf_puts(w->b, k->kind.v == KEY_IPV6 ? "address ipv6 " : "address ");
    ios_host(w, &k->peer);
    if (IR_IS_SET(k->peer_plen))
        OUT(w, "/%llu", (unsigned long long)k->peer_plen.v);
    if (IR_IS_SET(k->mask)) {
        buf_putc(w->b, ' ');
        ios_addr(w, &k->mask);
    }
}

static void keys(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct psk, k, &c->isakmp_keys) {
        buf_puts(w->b, "crypto isakmp key ");
        ios_secret(w, &k->key);
        buf_putc(w->b, ' ');
        key_peer(w, k);
        buf_puts(w->b, k->no_xauth.v ? " no-xauth\n" : "\n");
    }
}

static void hex_block(struct ios_out *w, const char *indent, struct str hex)
{
    for (uint32_t i = 0; i < hex.len; i += 8) {
        if (i % 64 == 0)
            buf_puts(w->b, indent);
        buf_add(w->b, hex.p + i, hex.len - i < 8 ? hex.len - i : 8);
        buf_putc(w->b, i % 64 == 56 || i + 8 >= hex.len ? '\n' : ' ');
    }
    OUT(w, "%squit\n", indent);
}

static void pubkey_lines(struct ios_out *w, const char *indent, const struct rsa_pubkey *k)
{
    if (IR_IS_SET(k->address)) {
        OUT(w, "%saddress ", indent);
        ios_addr(w, &k->address);
        buf_putc(w->b, '\n');
    }
    if (IR_IS_SET(k->key)) {
        OUT(w, "%skey-string\n", indent);
        hex_block(w, indent, k->key.s);
    }
}

static void keyrings(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct keyring, k, &c->keyrings) {
        OUT(w, "crypto keyring " STR_FMT, STR_ARG(k->name.s));
        if (IR_IS_SET(k->vrf))
            OUT(w, " vrf " STR_FMT, STR_ARG(k->vrf.s));
        buf_putc(w->b, '\n');
        OUT_STR(w, k->description, "  description " STR_FMT);
        ios_local(w, "  local-address ", &k->local);
        PTRLIST_FOR (struct psk, p, &k->keys) {
            buf_puts(w->b, "  pre-shared-key ");
            key_peer(w, p);
            buf_puts(w->b, " key ");
            ios_secret(w, &p->key);
            buf_putc(w->b, '\n');
        }
        PTRLIST_FOR (struct rsa_pubkey, p, &k->pubkeys) {
            OUT(w, "  rsa-pubkey " STR_FMT " " STR_FMT, STR_ARG(p->kind.s), STR_ARG(p->name.s));
            if (IR_IS_SET(p->usage))
                OUT(w, " " STR_FMT, STR_ARG(p->usage.s));
            buf_putc(w->b, '\n');
            pubkey_lines(w, "   ", p);
        }
    }
}

static void pubkey_chain(struct ios_out *w, const struct ir_config *c)
{
    if (c->pubkeys.n)
        buf_puts(w->b, "crypto key pubkey-chain rsa\n");
    PTRLIST_FOR (struct rsa_pubkey, p, &c->pubkeys) {
        OUT(w, " " STR_FMT " " STR_FMT, STR_ARG(p->kind.s), STR_ARG(p->name.s));
        if (IR_IS_SET(p->usage))
            OUT(w, " " STR_FMT, STR_ARG(p->usage.s));
        buf_putc(w->b, '\n');
        pubkey_lines(w, "  ", p);
    }
}

static void v1_identity(struct ios_out *w, const struct identity_match *m)
{
    const char *kind = m->kind.s.p;
    if (str_is(m->kind.s, "host-domain"))
        kind = "host domain";
    else if (str_is(m->kind.s, "user-domain"))
        kind = "user domain";
    else if (str_is(m->kind.s, "ipv6"))
        kind = "address ipv6";
    OUT(w, "   match identity %s ", kind);
    if (IR_IS_SET(m->address))
        ios_addr(w, &m->address);
    else
        buf_str(w->b, m->value.s);
    if (IR_IS_SET(m->mask)) {
        buf_putc(w->b, ' ');
        ios_addr(w, &m->mask);
    }
    if (IR_IS_SET(m->vrf))
        OUT(w, " " STR_FMT, STR_ARG(m->vrf.s));
    buf_putc(w->b, '\n');
}

static void profiles(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct isakmp_profile, p, &c->isakmp_profiles) {
        OUT(w, "crypto isakmp profile " STR_FMT "\n", STR_ARG(p->name.s));
        OUT_STR(w, p->description, "   description " STR_FMT);
        OUT_STR(w, p->vrf, "   vrf " STR_FMT);
        PTRLIST_FOR (struct ir_ref, r, &p->keyrings) {
            OUT(w, "   keyring " STR_FMT "\n", STR_ARG(r->name));
        }
        PTRLIST_FOR (struct ir_ref, r, &p->trustpoints) {
            OUT(w, "   ca trust-point " STR_FMT "\n", STR_ARG(r->name));
        }
        if (IR_IS_SET(p->self_identity_kind)) {
            struct str k = p->self_identity_kind.s;
            bool bare = str_is(k, "address") && IR_IS_SET(p->self_identity) && !str_is(p->self_identity.s, "ipv6");
            OUT(w, "   self-identity " STR_FMT "%s" STR_FMT "\n", STR_ARG(bare ? STR_EMPTY : k),
                IR_IS_SET(p->self_identity) && !bare ? " " : "", STR_ARG(p->self_identity.s));
        }
        PTRLIST_FOR (struct identity_match, m, &p->identities) {
            v1_identity(w, m);
        }
        PTRLIST_FOR (struct ir_ref, r, &p->cert_maps) {
            OUT(w, "   match certificate " STR_FMT "\n", STR_ARG(r->name));
        }
        if (IR_IS_SET(p->keepalive_s))
            OUT(w, "   keepalive %llu retry %llu\n", (unsigned long long)p->keepalive_s.v,
                (unsigned long long)p->keepalive_retry.v);
        OUT_STR(w, p->initiate_mode, "   initiate mode " STR_FMT);
        ios_local(w, "   local-address ", &p->local);
        ios_texts(w, "   ", &p->other);
    }
}

static void peers(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct isakmp_peer, p, &c->isakmp_peers) {
        buf_puts(w->b,
                 p->peer.addr.family == FAMILY_NONE ? "crypto isakmp peer hostname " : "crypto isakmp peer address ");
        if (p->peer.addr.family == FAMILY_V6)
            buf_puts(w->b, "ipv6 ");
        ios_host(w, &p->peer);
        if (IR_IS_SET(p->vrf))
            OUT(w, " vrf " STR_FMT, STR_ARG(p->vrf.s));
        buf_putc(w->b, '\n');
        OUT_STR(w, p->description, " description " STR_FMT);
        if (IR_IS_SET(p->password)) {
            buf_puts(w->b, " set aggressive-mode password ");
            ios_secret(w, &p->password);
            buf_putc(w->b, '\n');
        }
        if (IR_IS_SET(p->endpoint_kind))
            OUT(w, " set aggressive-mode client-endpoint " STR_FMT " " STR_FMT "\n", STR_ARG(p->endpoint_kind.s),
                STR_ARG(p->endpoint.s));
    }
}

static void isakmp_globals(struct ios_out *w, const struct isakmp_globals *g)
{
    if (IR_WRITTEN(g->enable) && !g->enable.v)
        buf_puts(w->b, "no crypto isakmp enable\n");
    else if (IR_WRITTEN(g->enable))
        buf_puts(w->b, "crypto isakmp enable\n");
    if (IR_WRITTEN(g->default_policy))
        OUT(w, "%scrypto isakmp default policy\n", g->default_policy.v ? "" : "no ");
    OUT_STR(w, g->identity, "crypto isakmp identity " STR_FMT);
    if (IR_WRITTEN(g->keepalive_s)) {
        OUT(w, "crypto isakmp keepalive %llu", (unsigned long long)g->keepalive_s.v);
        if (IR_WRITTEN(g->keepalive_retry))
            OUT(w, " %llu", (unsigned long long)g->keepalive_retry.v);
        if (IR_WRITTEN(g->keepalive_mode))
            OUT(w, " " STR_FMT, STR_ARG(g->keepalive_mode.s));
        buf_putc(w->b, '\n');
    }
    OUT_NUM(w, g->nat_keepalive_s, "crypto isakmp nat keepalive %llu");
    OUT_FLAG(w, g->aggressive_disable, "crypto isakmp aggressive-mode disable");
    OUT_FLAG(w, g->invalid_spi_recovery, "crypto isakmp invalid-spi-recovery");
    OUT_FLAG(w, g->fragmentation, "crypto isakmp fragmentation");
    OUT_FLAG(w, g->performance, "crypto isakmp performance");
    OUT_FLAG(w, g->disconnect_revoked, "crypto isakmp disconnect-revoked-peers");
    OUT_NUM(w, g->diagnose_error, "crypto isakmp diagnose error %llu");
    OUT_NUM(w, g->xauth_timeout_s, "crypto isakmp xauth timeout %llu");
    OUT_NUM(w, g->call_ike_sa, "crypto call admission limit ike sa %llu");
    OUT_NUM(w, g->call_ike_negotiating, "crypto call admission limit ike in-negotiation-sa %llu");
    OUT_NUM(w, g->call_all_negotiating, "crypto call admission limit all in-negotiation-sa %llu");
    OUT_NUM(w, g->call_ipsec_sa, "crypto call admission limit ipsec sa %llu");
}

void ios_print_isakmp(struct ios_out *w, const struct ir_config *c)
{
    pubkey_chain(w, c);
    keyrings(w, c);
    isakmp_globals(w, &c->isakmp);
    policies(w, c);
    keys(w, c);
    peers(w, c);
    profiles(w, c);
}

/* ---- IKEv2 ---- */

static void alg_line(struct ios_out *w, const char *word, const struct ptrlist *l)
{
    if (l->n == 0 || ((struct ir_alg *)l->v[0])->m.origin != ORIGIN_WRITTEN)
        return;
    OUT(w, " %s", word);
    PTRLIST_FOR (struct ir_alg, a, l) {
        OUT(w, a->bits ? " %s-%u" : " %s", algo_spelling(a->id, ALGO_CTX_IKEV2), a->bits);
    }
    buf_putc(w->b, '\n');
}

static void proposals(struct ios_out *w, const struct ir_config *c)
{
    if (c->ikev2.no_default_proposal.v)
        buf_puts(w->b, "no crypto ikev2 proposal default\n");
    PTRLIST_FOR (struct ikev2_proposal, p, &c->ikev2_proposals) {
        if (p->is_default.v)
            continue;
        OUT(w, "crypto ikev2 proposal " STR_FMT "\n", STR_ARG(p->name.s));
        OUT_STR(w, p->description, " description " STR_FMT);
        alg_line(w, "encryption", &p->encr);
        alg_line(w, "integrity", &p->integ);
        alg_line(w, "prf", &p->prf);
        alg_line(w, "group", &p->group);
        OUT_STR(w, p->pqc, " pqc " STR_FMT);
    }
}

static void v2_policies(struct ios_out *w, const struct ir_config *c)
{
    if (c->ikev2.no_default_policy.v)
        buf_puts(w->b, "no crypto ikev2 policy default\n");
    PTRLIST_FOR (struct ikev2_policy, p, &c->ikev2_policies) {
        if (p->is_default.v)
            continue;
        OUT(w, "crypto ikev2 policy " STR_FMT "\n", STR_ARG(p->name.s));
        OUT_STR(w, p->description, " description " STR_FMT);
        OUT_STR(w, p->fvrf, " match fvrf " STR_FMT);
        ios_local(w, " match address local ", &p->local);
        OUT_FLAG(w, p->inbound_only, " match inbound-only");
        PTRLIST_FOR (struct ir_ref, r, &p->proposals) {
            OUT(w, " proposal " STR_FMT "\n", STR_ARG(r->name));
        }
    }
}

static void peer_address(struct ios_out *w, const struct ikev2_peer *p)
{
    if (!IR_IS_SET(p->address) && !IR_IS_SET(p->address_host))
        return;
    buf_puts(w->b, "  address ");
    if (IR_IS_SET(p->address))
        ios_addr(w, &p->address);
    else
        ios_host(w, &p->address_host);
    if (IR_IS_SET(p->mask)) {
        buf_putc(w->b, ' ');
        ios_addr(w, &p->mask);
    }
    buf_putc(w->b, '\n');
}

static void peer_psk(struct ios_out *w, const char *direction, const struct ir_secret *k)
{
    if (!IR_IS_SET(*k))
        return;
    OUT(w, "  pre-shared-key %s", direction);
    ios_secret(w, k);
    buf_putc(w->b, '\n');
}

static void v2_keyrings(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct ikev2_keyring, k, &c->ikev2_keyrings) {
        OUT(w, "crypto ikev2 keyring " STR_FMT "\n", STR_ARG(k->name.s));
        OUT_STR(w, k->description, " description " STR_FMT);
        PTRLIST_FOR (struct ikev2_peer, p, &k->peers) {
            OUT(w, " peer " STR_FMT "\n", STR_ARG(p->name.s));
            OUT_STR(w, p->description, "  description " STR_FMT);
            OUT_STR(w, p->hostname, "  hostname " STR_FMT);
            peer_address(w, p);
            if (IR_IS_SET(p->identity_kind))
                OUT(w, "  identity " STR_FMT "%s " STR_FMT "\n", STR_ARG(p->identity_kind.s),
                    p->identity_domain.v ? " domain" : "", STR_ARG(p->identity.s));
            if (IR_IS_SET(p->local_key) && IR_IS_SET(p->remote_key) &&
                secret_equal(&p->local_key.s, &p->remote_key.s)) {
                peer_psk(w, "", &p->local_key);
            } else {
                peer_psk(w, "local ", &p->local_key);
                peer_psk(w, "remote ", &p->remote_key);
            }
            if (IR_IS_SET(p->ppk)) /* that there is one: the IR does not keep it */
                buf_puts(w->b, "  ppk manual id <key> key <key>\n");
        }
    }
}

static void v2_identity(struct ios_out *w, const struct identity_match *m)
{
    OUT(w, " match identity remote " STR_FMT "%s", STR_ARG(m->kind.s), m->domain.v ? " domain" : "");
    if (IR_IS_SET(m->address)) {
        buf_putc(w->b, ' ');
        ios_addr(w, &m->address);
    } else if (IR_IS_SET(m->value)) {
        OUT(w, " " STR_FMT, STR_ARG(m->value.s));
    }
    if (IR_IS_SET(m->mask)) {
        buf_putc(w->b, ' ');
        ios_addr(w, &m->mask);
    }
    buf_putc(w->b, '\n');
}

static void v2_local(struct ios_out *w, const struct ptrlist *l)
{
    PTRLIST_FOR (struct local_address, a, l) {
        if (IR_IS_SET(a->interface)) {
            OUT(w, " match address local interface " STR_FMT "\n", STR_ARG(a->interface.name));
        } else {
            buf_puts(w->b, " match address local ");
            ios_host(w, &a->address);
            buf_putc(w->b, '\n');
        }
    }
}

static void v2_auth(struct ios_out *w, const char *side, const struct ptrlist *l)
{
    PTRLIST_FOR (struct ikev2_auth, a, l) {
        OUT(w, " authentication %s " STR_FMT, side, STR_ARG(a->method.s));
        if (IR_IS_SET(a->text))
            OUT(w, " " STR_FMT, STR_ARG(a->text.s));
        if (IR_IS_SET(a->key)) {
            buf_puts(w->b, IR_IS_SET(a->text) ? " " : " key ");
            ios_secret(w, &a->key);
        }
        buf_putc(w->b, '\n');
    }
}

static void v2_profile(struct ios_out *w, const struct ikev2_profile *p)
{
    OUT(w, "crypto ikev2 profile " STR_FMT "\n", STR_ARG(p->name.s));
    OUT_STR(w, p->description, " description " STR_FMT);
    OUT_STR(w, p->match_fvrf, " match fvrf " STR_FMT);
    v2_local(w, &p->local);
    PTRLIST_FOR (struct identity_match, m, &p->match_identities) {
        v2_identity(w, m);
    }
    PTRLIST_FOR (struct ir_ref, r, &p->cert_maps) {
        OUT(w, " match certificate " STR_FMT "\n", STR_ARG(r->name));
    }
    OUT_FLAG(w, p->inbound_only, " match inbound-only");
    if (IR_IS_SET(p->identity_kind))
        OUT(w, " identity local " STR_FMT "%s" STR_FMT "\n", STR_ARG(p->identity_kind.s),
            IR_IS_SET(p->identity) ? " " : "", STR_ARG(p->identity.s));
    v2_auth(w, "remote", &p->auth_remote);
    v2_auth(w, "local", &p->auth_local);
    OUT_REF(w, p->keyring, " keyring local " STR_FMT);
    OUT_STR(w, p->keyring_aaa, " keyring aaa " STR_FMT);
    OUT_STR(w, p->keyring_ppk, " keyring ppk " STR_FMT);
    PTRLIST_FOR (struct ir_ref, r, &p->trustpoints) {
        OUT(w, " pki trustpoint " STR_FMT "\n", STR_ARG(r->name));
    }
    PTRLIST_FOR (struct ir_ref, r, &p->trustpoints_sign) {
        OUT(w, " pki trustpoint " STR_FMT " sign\n", STR_ARG(r->name));
    }
    PTRLIST_FOR (struct ir_ref, r, &p->trustpoints_verify) {
        OUT(w, " pki trustpoint " STR_FMT " verify\n", STR_ARG(r->name));
    }
    OUT_NUM(w, p->lifetime_s, " lifetime %llu");
    OUT_FLAG(w, p->lifetime_certificate, " lifetime certificate");
    if (IR_IS_SET(p->dpd_s))
        OUT(w, " dpd %llu %llu%s" STR_FMT "\n", (unsigned long long)p->dpd_s.v, (unsigned long long)p->dpd_retry.v,
            IR_WRITTEN(p->dpd_mode) ? " " : "", STR_ARG(IR_WRITTEN(p->dpd_mode) ? p->dpd_mode.s : STR_EMPTY));
    OUT_NUM(w, p->nat_keepalive_s, " nat keepalive %llu");
    OUT_STR(w, p->ivrf, " ivrf " STR_FMT);
    OUT_NUM(w, p->virtual_template, " virtual-template %llu");
    OUT_FLAG(w, p->shutdown, " shutdown");
    ios_texts(w, " ", &p->other);
}

static void v2_globals(struct ios_out *w, const struct ikev2_globals *g)
{
    if (IR_IS_SET(g->dpd_s)) {
        OUT(w, "crypto ikev2 dpd %llu", (unsigned long long)g->dpd_s.v);
        if (IR_WRITTEN(g->dpd_retry))
            OUT(w, " %llu", (unsigned long long)g->dpd_retry.v);
        if (IR_WRITTEN(g->dpd_mode))
            OUT(w, " " STR_FMT, STR_ARG(g->dpd_mode.s));
        buf_putc(w->b, '\n');
    }
    OUT_NUM(w, g->nat_keepalive_s, "crypto ikev2 nat keepalive %llu");
    OUT_NUM(w, g->window, "crypto ikev2 window %llu");
    if (IR_WRITTEN(g->fragmentation_mtu))
        OUT_NUM(w, g->fragmentation_mtu, "crypto ikev2 fragmentation mtu %llu");
    else
        OUT_FLAG(w, g->fragmentation, "crypto ikev2 fragmentation");
    OUT_NUM(w, g->cookie_challenge, "crypto ikev2 cookie-challenge %llu");
    if (IR_IS_SET(g->max_in_negotiation))
        OUT(w, "crypto ikev2 limit max-in-negotation-sa %llu%s" STR_FMT "\n",
            (unsigned long long)g->max_in_negotiation.v, IR_IS_SET(g->max_in_negotiation_direction) ? " " : "",
            STR_ARG(g->max_in_negotiation_direction.s));
    OUT_NUM(w, g->max_sa, "crypto ikev2 limit max-sa %llu");
    OUT_NUM(w, g->queue_sa_init, "crypto ikev2 limit queue sa-init %llu");
    OUT_NUM(w, g->certificate_cache, "crypto ikev2 certificate-cache %llu");
    if (IR_WRITTEN(g->http_url_cert))
        OUT(w, "%scrypto ikev2 http-url cert\n", g->http_url_cert.v ? "" : "no ");
    OUT_FLAG(w, g->http_url_bundle, "crypto ikev2 http-url bundle");
    OUT_NUM(w, g->diagnose_error, "crypto ikev2 diagnose error %llu");
    OUT_FLAG(w, g->disconnect_revoked, "crypto ikev2 disconnect-revoked-peers");
    OUT_FLAG(w, g->cts_sgt, "crypto ikev2 cts sgt");
}

void ios_print_ikev2(struct ios_out *w, const struct ir_config *c)
{
    proposals(w, c);
    v2_policies(w, c);
    v2_keyrings(w, c);
    PTRLIST_FOR (struct ikev2_profile, p, &c->ikev2_profiles) {
        v2_profile(w, p);
    }
    v2_globals(w, &c->ikev2);
}
