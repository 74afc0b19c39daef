/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transform sets, profiles and crypto maps as IOS text. */
#include "backends/ios/out.h"

static void transform_sets(struct ios_out *w, const struct ir_config *c)
{
    if (c->ipsec.no_default_transform_set.v)
        buf_puts(w->b, "no crypto ipsec transform-set default\n");
    PTRLIST_FOR (struct transform_set, t, &c->transform_sets) {
        if (t->is_default.v)
            continue;
        OUT(w, "crypto ipsec transform-set " STR_FMT, STR_ARG(t->name.s));
        PTRLIST_FOR (struct ir_transform, x, &t->transforms) {
            OUT(w, " %s", algo_spelling(x->alg, x->proto == PROTO_AH ? ALGO_CTX_AH : ALGO_CTX_ESP));
            if (algo_get(x->alg)->keys[1] && x->bits != algo_get(x->alg)->keys[0])
                OUT(w, " %u", x->bits);
        }
        buf_putc(w->b, '\n');
        if (IR_WRITTEN(t->mode))
            OUT(w, " mode " STR_FMT "%s\n", STR_ARG(t->mode.s), t->require.v ? " require" : "");
        OUT_FLAG(w, t->esn, " esn");
        OUT_NUM(w, t->iv_size, " initialization-vector size %llu");
    }
}

static void ref_line(struct ios_out *w, const char *word, const struct ptrlist *l)
{
    if (l->n == 0 || ((struct ir_ref *)l->v[0])->m.origin != ORIGIN_WRITTEN)
        return;
    OUT(w, " %s", word);
    PTRLIST_FOR (struct ir_ref, r, l) {
        OUT(w, " " STR_FMT, STR_ARG(r->name));
    }
    buf_putc(w->b, '\n');
}

static void reverse_route(struct ios_out *w, const struct sa_settings *sa)
{
    OUT_NUM(w, sa->rr_distance, " set reverse-route distance %llu");
    OUT_NUM(w, sa->rr_tag, " set reverse-route tag %llu");
    if (IR_IS_SET(sa->rr_gateway)) {
        buf_puts(w->b, " set reverse-route gateway ");
        ios_addr(w, &sa->rr_gateway);
        buf_putc(w->b, '\n');
    }
    if (!sa->reverse_route.v)
        return;
    buf_puts(w->b, " reverse-route");
    if (IR_IS_SET(sa->rr_remote_peer)) {
        buf_puts(w->b, " remote-peer ");
        ios_addr(w, &sa->rr_remote_peer);
    }
    if (sa->rr_remote_gateway.v)
        buf_puts(w->b, " gateway");
    buf_puts(w->b, sa->rr_static.v ? " static\n" : "\n");
}

static void sa_before(struct ios_out *w, const struct sa_settings *sa)
{
    OUT_NUM(w, sa->lifetime_s, " set security-association lifetime seconds %llu");
    OUT_NUM(w, sa->lifetime_kb, " set security-association lifetime kilobytes %llu");
    OUT_FLAG(w, sa->lifetime_kb_disabled, " set security-association lifetime kilobytes disable");
    if (IR_WRITTEN(sa->idle_s))
        OUT(w, " set security-association idle-time %llu%s\n", (unsigned long long)sa->idle_s.v,
            sa->idle_default.v ? " default" : "");
    OUT_FLAG(w, sa->replay_disabled, " set security-association replay disable");
    OUT_NUM(w, sa->replay_window, " set security-association replay window-size %llu");
    OUT_NUM(w, sa->dummy_pps, " set security-association dummy pps %llu");
    OUT_NUM(w, sa->dummy_s, " set security-association dummy seconds %llu");
    OUT_STR(w, sa->ecn, " set security-association ecn " STR_FMT);
    OUT_STR(w, sa->dfbit, " set security-association dfbit " STR_FMT);
    OUT_STR(w, sa->dscp, " set security-association dscp " STR_FMT);
    OUT_FLAG(w, sa->per_host, " set security-association level per-host");
    ref_line(w, "set transform-set", &sa->transform_sets);
    if (sa->pfs_bare.v)
        buf_puts(w->b, " set pfs\n");
    else if (IR_WRITTEN(sa->pfs_group))
        OUT(w, " set pfs group%s\n", algo_spelling((enum algo_id)sa->pfs_group.v, ALGO_CTX_IKEV2));
    OUT_REF(w, sa->identity, " set identity " STR_FMT);
    OUT_REF(w, sa->isakmp_profile, " set isakmp-profile " STR_FMT);
    OUT_REF(w, sa->ikev2_profile, " set ikev2-profile " STR_FMT);
    OUT_FLAG(w, sa->mixed_mode, " set mixed-mode");
    OUT_NUM(w, sa->policy_limit, " set security-policy limit %llu");
}

static void sa_after(struct ios_out *w, const struct sa_settings *sa)
{
    reverse_route(w, sa);
    OUT_FLAG(w, sa->responder_only, " responder-only");
    OUT_STR(w, sa->redundancy, " redundancy " STR_FMT);
    ios_texts(w, " ", &sa->flags);
}

static void profiles(struct ios_out *w, const struct ir_config *c)
{
    PTRLIST_FOR (struct ipsec_profile, p, &c->ipsec_profiles) {
        if (p->is_default.v)
            continue;
        OUT(w, "crypto ipsec profile " STR_FMT "\n", STR_ARG(p->name.s));
        OUT_STR(w, p->description, " description " STR_FMT);
        sa_before(w, &p->sa);
        sa_after(w, &p->sa);
    }
}

void ios_print_ipsec(struct ios_out *w, const struct ir_config *c)
{
    const struct ipsec_globals *g = &c->ipsec;
    OUT_NUM(w, g->lifetime_s, "crypto ipsec security-association lifetime seconds %llu");
    OUT_NUM(w, g->lifetime_kb, "crypto ipsec security-association lifetime kilobytes %llu");
    OUT_FLAG(w, g->lifetime_kb_disabled, "crypto ipsec security-association lifetime kilobytes disable");
    OUT_FLAG(w, g->replay_disabled, "crypto ipsec security-association replay disable");
    OUT_NUM(w, g->replay_window, "crypto ipsec security-association replay window-size %llu");
    OUT_NUM(w, g->idle_s, "crypto ipsec security-association idle-time %llu");
    OUT_NUM(w, g->dummy_pps, "crypto ipsec security-association dummy pps %llu");
    OUT_NUM(w, g->dummy_s, "crypto ipsec security-association dummy seconds %llu");
    OUT_FLAG(w, g->multi_sn, "crypto ipsec security-association multi-sn");
    OUT_STR(w, g->ecn, "crypto ipsec security-association ecn " STR_FMT);
    OUT_STR(w, g->pmtu_aging, "crypto ipsec security-association pmtu-aging " STR_FMT);
    OUT_STR(w, g->df_bit, "crypto ipsec df-bit " STR_FMT);
    OUT_STR(w, g->fragmentation, "crypto ipsec fragmentation " STR_FMT);
    OUT_STR(w, g->ipv4_deny, "crypto ipsec ipv4-deny " STR_FMT);
    if (IR_WRITTEN(g->nat_udp_encapsulation))
        OUT(w, "%scrypto ipsec nat-transparency udp-encapsulation\n", g->nat_udp_encapsulation.v ? "" : "no ");
    OUT_FLAG(w, g->nat_spi_matching, "crypto ipsec nat-transparency spi-matching");
    if (IR_WRITTEN(g->optional_retry_s))
        OUT_NUM(w, g->optional_retry_s, "crypto ipsec optional retry %llu");
    else
        OUT_FLAG(w, g->optional, "crypto ipsec optional");
    OUT_FLAG(w, g->sa_strength, "crypto ipsec ike sa-strength-enforcement");
    ios_texts(w, "", &g->exclude);
    transform_sets(w, c);
    profiles(w, c);
}

/* ---- crypto maps ---- */

static void entry_head(struct ios_out *w, const struct crypto_map *m, const struct crypto_map_entry *e)
{
    OUT(w, "crypto %s%s" STR_FMT " %llu", m->is_dynamic.v ? "dynamic-map " : "map ", m->ipv6.v ? "ipv6 " : "",
        STR_ARG(m->name.s), (unsigned long long)e->seq.v);
    if (!m->is_dynamic.v && e->type.v != ENTRY_UNTYPED)
        OUT(w, " %s", entry_type_word((enum entry_type)e->type.v));
    if (e->type.v == ENTRY_DYNAMIC)
        OUT(w, " " STR_FMT "%s", STR_ARG(e->dynamic.name), e->discover.v ? " discover" : "");
    if (IR_IS_SET(e->type_profile))
        OUT(w, " profile " STR_FMT, STR_ARG(e->type_profile.name));
    buf_putc(w->b, '\n');
}

/* Session keys are hexadecimal by nature: no type word. */
static void hex_key(struct ios_out *w, const char *word, const struct ir_secret *k)
{
    if (!IR_IS_SET(*k))
        return;
    buf_puts(w->b, word);
    if (w->o->show_secrets)
        buf_str(w->b, secret_reveal(&k->s));
    else
        buf_puts(w->b, "<key>");
}

static void session_keys(struct ios_out *w, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct manual_key, k, &e->keys) {
        OUT(w, " set session-key %s %s %llu", k->outbound.v ? "outbound" : "inbound",
            k->proto.v == PROTO_AH ? "ah" : "esp", (unsigned long long)k->spi.v);
        hex_key(w, k->proto.v == PROTO_AH ? " " : " cipher ", &k->cipher);
        hex_key(w, " authenticator ", &k->authenticator);
        buf_putc(w->b, '\n');
    }
}

static void entry(struct ios_out *w, const struct crypto_map *m, const struct crypto_map_entry *e)
{
    entry_head(w, m, e);
    OUT_STR(w, e->description, " description " STR_FMT);
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        buf_puts(w->b, " set peer ");
        ios_host(w, &p->host);
        OUT(w, "%s%s\n", p->dynamic.v ? " dynamic" : "", p->is_default.v ? " default" : "");
    }
    sa_before(w, &e->sa);
    session_keys(w, e);
    OUT_REF(w, e->gdoi_group, " set group " STR_FMT);
    OUT_REF(w, e->access_in, " set ip access-group " STR_FMT " in");
    OUT_REF(w, e->access_out, " set ip access-group " STR_FMT " out");
    OUT_FLAG(w, e->nat_demux, " set nat demux");
    OUT_REF(w, e->acl, " match address " STR_FMT);
    sa_after(w, &e->sa);
    OUT_FLAG(w, e->disabled, " disable");
}

static void maps(struct ios_out *w, const struct ptrlist *l)
{
    PTRLIST_FOR (struct crypto_map, m, l) {
        if (IR_IS_SET(m->local_address))
            OUT(w, "crypto map %s" STR_FMT " local-address " STR_FMT "\n", m->ipv6.v ? "ipv6 " : "", STR_ARG(m->name.s),
                STR_ARG(m->local_address.name));
        ios_texts(w, "", &m->options);
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            entry(w, m, e);
        }
    }
}

void ios_print_maps(struct ios_out *w, const struct ir_config *c)
{
    maps(w, &c->dynamic_maps);
    maps(w, &c->crypto_maps);
}
