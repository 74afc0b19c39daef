/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv2: proposals, policies, keyrings, profiles, global settings (guide; ios-crypto-commands §5). */
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

static void proposal(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    if (undo(s)) {
        if (str_is(name, "default"))
            b->c->ikev2.no_default_proposal = s->negated ? num_of(1, s->span) : (struct ir_num){0};
        object_remove(b, s, TAB_V2_PROPOSAL, &b->c->ikev2_proposals, name, "IKEv2 proposal");
        return;
    }
    b->cur[MODE_V2_PROPOSAL] = object_get(b, TAB_V2_PROPOSAL, &b->c->ikev2_proposals, sizeof(struct ikev2_proposal),
                                          val_name(b, ARG(0)), s->span, NULL);
}

static void proposal_line(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_proposal *p = b->cur[MODE_V2_PROPOSAL];
    if (s->kind == S_V2_PQC) {
        set_text(b, s, &p->pqc, ARG(0));
        return;
    }
    struct ptrlist *l = s->kind == S_V2_ENCRYPTION  ? &p->encr
                        : s->kind == S_V2_INTEGRITY ? &p->integ
                        : s->kind == S_V2_PRF       ? &p->prf
                                                    : &p->group;
    l->n = 0; /* a second line of one type replaces the first */
    if (undo(s))
        return;
    for (uint32_t i = 0; i < s->nlist; i++) {
        struct ir_alg *a = ARENA_NEW(b->a, struct ir_alg);
        *a = (struct ir_alg){(enum algo_id)s->list[i].u.num, s->list[i].bits, written(s->list[i].span)};
        ptrlist_add(b->a, l, a);
    }
}

static void policy(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    if (undo(s)) {
        if (str_is(name, "default"))
            b->c->ikev2.no_default_policy = s->negated ? num_of(1, s->span) : (struct ir_num){0};
        object_remove(b, s, TAB_V2_POLICY, &b->c->ikev2_policies, name, "IKEv2 policy");
        return;
    }
    b->cur[MODE_V2_POLICY] = object_get(b, TAB_V2_POLICY, &b->c->ikev2_policies, sizeof(struct ikev2_policy),
                                        val_name(b, ARG(0)), s->span, NULL);
}

static void policy_proposal(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_policy *p = b->cur[MODE_V2_POLICY];
    for (uint32_t i = 0; i < s->nlist; i++)
        ref_list_edit(b, s, &p->proposals, &s->list[i]);
}

static void match_line(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_policy *po = s->mode == MODE_V2_POLICY ? b->cur[MODE_V2_POLICY] : NULL;
    struct ikev2_profile *pr = po ? NULL : b->cur[MODE_V2_PROFILE];
    switch (s->kind) {
    case S_V2_MATCH_FVRF:
        set_str(b, s, po ? &po->fvrf : &pr->match_fvrf, ARG(0));
        break;
    case S_V2_MATCH_LOCAL:
        local_address_edit(b, s, po ? &po->local : &pr->local, ARG(0), NULL);
        break;
    default:
        set_flag(b, s, po ? &po->inbound_only : &pr->inbound_only);
        break;
    }
}

static void keyring(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_V2_KEYRING, &b->c->ikev2_keyrings, val_str(b, ARG(0)), "IKEv2 keyring");
        return;
    }
    b->cur[MODE_V2_KEYRING] = object_get(b, TAB_V2_KEYRING, &b->c->ikev2_keyrings, sizeof(struct ikev2_keyring),
                                         val_name(b, ARG(0)), s->span, NULL);
}

/* Peers are looked up by (name, place of the keyring): unique without a table of their own. */
static void peer(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_keyring *k = b->cur[MODE_V2_KEYRING];
    struct str name = val_str(b, ARG(0));
    uint32_t space = (1u << 25) + k->span.off;
    struct ikev2_peer *p = symtab_get(&b->c->names, name, space);
    if (undo(s)) {
        for (uint32_t i = 0; p && i < k->peers.n; i++)
            if (k->peers.v[i] == p) {
                ptrlist_remove(&k->peers, i);
                break;
            }
        symtab_del(&b->c->names, name, space);
        return;
    }
    if (!p) {
        p = ARENA_NEW(b->a, struct ikev2_peer);
        p->span = s->span;
        p->name = val_name(b, ARG(0));
        ptrlist_add(b->a, &k->peers, p);
        symtab_put(b->a, &b->c->names, name, space, p);
    }
    b->cur[MODE_V2_PEER] = p;
}

/* What `hex` announces; a key of other letters would be another one than the router has. */
static bool is_hex_key(const struct str w)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    uint32_t from = w.len > 2 && w.p[0] == '0' && (w.p[1] == 'x' || w.p[1] == 'X') ? 2 : 0;
    for (uint32_t i = from; i < w.len; i++)
        if (!memchr(digits, w.p[i], sizeof digits - 1))
            return false;
    return w.len > from && (w.len - from) % 2 == 0;
}

/* Not set if it cannot be read: who needs it is blocked. */
static void set_key(struct builder *b, struct ir_secret *k, const struct ios_val *type, const struct ios_val *v)
{
    if (val_is(type, "hex") && has(v) && !is_hex_key(val_str(b, v))) {
        diag_add(b->diags, D_BAD_VALUE, v->span,
                 "a hexadecimal key is an even number of digits, 0 to 9 and a to f, with or without 0x in front");
        return;
    }
    set_secret(b, k, type, v);
}

static void peer_line(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_peer *p = b->cur[MODE_V2_PEER];
    switch (s->kind) {
    case S_V2_PEER_ADDRESS:
        p->address = p->mask = (struct ir_addr){0};
        p->address_host = (struct ir_host){0};
        if (undo(s))
            break;
        if (ARG(0)->kind == IOS_V_ADDR)
            set_addr(b, s, &p->address, ARG(0));
        else
            set_host(b, s, &p->address_host, ARG(0));
        if (ARG(1)->kind == IOS_V_ADDR)
            set_addr(b, s, &p->mask, ARG(1));
        break;
    case S_V2_PEER_HOSTNAME:
        set_str(b, s, &p->hostname, ARG(0));
        break;
    case S_V2_PEER_IDENTITY:
        set_str(b, s, &p->identity_kind, ARG(0));
        set_str(b, s, &p->identity, ARG(1));
        p->identity_domain = !undo(s) && has(ARG(2)) ? num_of(1, ARG(2)->span) : (struct ir_num){0};
        break;
    case S_V2_PEER_PSK: {
        struct ir_secret k = {0};
        if (!undo(s))
            set_key(b, &k, ARG(1), ARG(2));
        if (!val_is(ARG(0), "remote"))
            p->local_key = k;
        if (!val_is(ARG(0), "local"))
            p->remote_key = k;
        break;
    }
    default: /* ppk: only that there is one; its key is not kept */
        p->ppk = undo(s) ? (struct ir_str){0} : (struct ir_str){str_lit("configured"), written(s->span)};
        diag_add(b->diags, D_RECOGNISED_ONLY, s->span,
                 "post-quantum preshared keys (RFC 8784) are recognised, not carried over");
        break;
    }
}

static void profile(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_V2_PROFILE, &b->c->ikev2_profiles, val_str(b, ARG(0)), "IKEv2 profile");
        return;
    }
    b->cur[MODE_V2_PROFILE] = object_get(b, TAB_V2_PROFILE, &b->c->ikev2_profiles, sizeof(struct ikev2_profile),
                                         val_name(b, ARG(0)), s->span, NULL);
}

static void profile_identity(struct builder *b, const struct ios_stmt *s, struct ikev2_profile *p)
{
    if (undo(s) && !has(ARG(0))) {
        p->match_identities.n = 0;
        return;
    }
    struct identity_match *m = ARENA_NEW(b->a, struct identity_match);
    m->span = s->span;
    m->kind = val_name(b, ARG(0));
    if (val_is(ARG(0), "address") && ARG(1)->kind == IOS_V_ADDR)
        m->address = (struct ir_addr){ARG(1)->u.addr, ARG(1)->plen, written(ARG(1)->span)};
    else if (has(ARG(1)))
        m->value = val_name(b, ARG(1));
    if (val_is(ARG(0), "address") && has(ARG(1)))
        check_host(b, ARG(1));
    if (ARG(2)->kind == IOS_V_ADDR)
        m->mask = (struct ir_addr){ARG(2)->u.addr, 255, written(ARG(2)->span)};
    if (has(ARG(3)))
        m->domain = num_of(1, ARG(3)->span);
    for (uint32_t i = 0; i < p->match_identities.n; i++) {
        struct identity_match *o = p->match_identities.v[i];
        if (!str_eq(o->kind.s, m->kind.s) || !str_eq(o->value.s, m->value.s) || !addr_eq(&o->address.a, &m->address.a))
            continue;
        if (undo(s))
            ptrlist_remove(&p->match_identities, i);
        else
            p->match_identities.v[i] = m;
        return;
    }
    if (!undo(s))
        ptrlist_add(b->a, &p->match_identities, m);
}

static void profile_auth(struct builder *b, const struct ios_stmt *s, struct ikev2_profile *p)
{
    struct ptrlist *l = val_is(ARG(0), "local") ? &p->auth_local : &p->auth_remote;
    struct str method = val_str(b, ARG(1));
    for (uint32_t i = l->n; i-- > 0;) {
        struct ikev2_auth *o = l->v[i];
        if (str_eq(o->method.s, method) || !has(ARG(1)) || (l == &p->auth_local && !undo(s)))
            ptrlist_remove(l, i); /* one local method; a remote one is only there once */
    }
    if (undo(s))
        return;
    struct ikev2_auth *a = ARENA_NEW(b->a, struct ikev2_auth);
    a->span = s->span;
    a->method = val_name(b, ARG(1));
    if (has(ARG(3)))
        set_key(b, &a->key, ARG(2), ARG(3));
    if (str_prefix_of(str_lit("eap"), a->method.s.p) || str_is(a->method.s, "anyconnect-eap")) {
        uint32_t from = ARG(1)->span.off + ARG(1)->span.len, to = s->span.off + s->span.len;
        if (has(ARG(3)))
            to = has(ARG(2)) ? ARG(2)->span.off : ARG(3)->span.off;
        struct str t = {b->src->text + from, to - from};
        while (t.len && (t.p[0] == ' ' || t.p[0] == '\t'))
            t.p++, t.len--;
        while (t.len && t.p[t.len - 1] == ' ')
            t.len--;
        if (t.len)
            a->text = (struct ir_str){t, written((struct span){from, to - from})};
    }
    ptrlist_add(b->a, l, a);
}

static void profile_keyring(struct builder *b, const struct ios_stmt *s, struct ikev2_profile *p)
{
    if (val_is(ARG(0), "aaa"))
        set_text(b, s, &p->keyring_aaa, ARG(1));
    else if (val_is(ARG(0), "ppk"))
        set_str(b, s, &p->keyring_ppk, ARG(1));
    else
        set_ref(b, s, &p->keyring, ARG(1));
}

/* `pki trustpoint NAME [sign | verify]` */
static struct ptrlist *trustpoints_of(struct builder *b, struct ikev2_profile *p, const struct ios_val *usage)
{
    if (has(usage) && str_is(val_str(b, usage), "sign"))
        return &p->trustpoints_sign;
    if (has(usage) && str_is(val_str(b, usage), "verify"))
        return &p->trustpoints_verify;
    return &p->trustpoints;
}

static void profile_line(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_profile *p = b->cur[MODE_V2_PROFILE];
    switch (s->kind) {
    case S_V2_MATCH_IDENTITY:
        profile_identity(b, s, p);
        break;
    case S_V2_MATCH_CERTIFICATE:
        ref_list_edit(b, s, &p->cert_maps, ARG(0));
        break;
    case S_V2_IDENTITY_LOCAL:
        set_str(b, s, &p->identity_kind, ARG(0));
        p->identity = (struct ir_str){0};
        if (!undo(s) && has(ARG(1)))
            p->identity = val_name(b, ARG(1));
        break;
    case S_V2_AUTH:
        profile_auth(b, s, p);
        break;
    case S_V2_KEYRING_REF:
        profile_keyring(b, s, p);
        break;
    case S_V2_TRUSTPOINT:
        ref_list_edit(b, s, trustpoints_of(b, p, ARG(1)), ARG(0));
        break;
    case S_V2_LIFETIME:
        set_range(b, s, &p->lifetime_s, ARG(0), 120, 86400, "lifetime", "seconds");
        break;
    case S_V2_LIFETIME_CERT:
        set_flag(b, s, &p->lifetime_certificate);
        break;
    case S_V2_DPD:
        set_range(b, s, &p->dpd_s, ARG(0), 10, 3600, "DPD interval", "seconds");
        set_range(b, s, &p->dpd_retry, ARG(1), 2, 60, "DPD retry", "seconds");
        set_str(b, s, &p->dpd_mode, ARG(2));
        if (!undo(s) && !has(ARG(2)))
            p->dpd_mode = (struct ir_str){str_lit("on-demand"), {{0, 0}, ORIGIN_DEFAULT}};
        break;
    case S_V2_NAT_KEEPALIVE:
        set_range(b, s, &p->nat_keepalive_s, ARG(0), 5, 3600, "NAT keepalive", "seconds");
        break;
    case S_V2_IVRF:
        set_str(b, s, &p->ivrf, ARG(0));
        break;
    case S_V2_VTEMPLATE:
        set_range(b, s, &p->virtual_template, ARG(0), 1, 4095, "virtual-template", "");
        break;
    case S_V2_SHUTDOWN:
        set_flag(b, s, &p->shutdown);
        break;
    default:
        text_list_edit(b, s, &p->other);
        break;
    }
}

static void global_line(struct builder *b, const struct ios_stmt *s)
{
    struct ikev2_globals *g = &b->c->ikev2;
    static const struct {
        const char *word;
        size_t off;
        uint64_t min, max;
        const char *what, *unit;
    } rows[] = {
        {"window", offsetof(struct ikev2_globals, window), 1, 200, "window", "messages"},
        {"cookie-challenge", offsetof(struct ikev2_globals, cookie_challenge), 0, 1000, "cookie-challenge", ""},
        {"max-in-negotation-sa", offsetof(struct ikev2_globals, max_in_negotiation), 1, 9999, "max-in-negotation-sa",
         ""},
        {"max-sa", offsetof(struct ikev2_globals, max_sa), 1, 9999, "max-sa", ""},
        {"sa-init", offsetof(struct ikev2_globals, queue_sa_init), 100, 100000, "queue sa-init", ""},
        {"certificate-cache", offsetof(struct ikev2_globals, certificate_cache), 1, 2000, "certificate-cache", ""},
        {"diagnose", offsetof(struct ikev2_globals, diagnose_error), 1, 1000, "diagnose error", ""},
        {"nat", offsetof(struct ikev2_globals, nat_keepalive_s), 5, 3600, "NAT keepalive", "seconds"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (val_is(ARG(0), rows[i].word)) {
            struct ir_num *f = (struct ir_num *)(void *)((char *)g + rows[i].off);
            set_range(b, s, f, ARG(1), rows[i].min, rows[i].max, rows[i].what, rows[i].unit);
            if (has(ARG(2)) && f == &g->max_in_negotiation)
                set_str(b, s, &g->max_in_negotiation_direction, ARG(2));
            return;
        }
    if (val_is(ARG(0), "dpd")) {
        set_range(b, s, &g->dpd_s, ARG(1), 10, 3600, "DPD interval", "seconds");
        if (has(ARG(2)) || undo(s))
            set_range(b, s, &g->dpd_retry, ARG(2), 2, 60, "DPD retry", "seconds");
        if (has(ARG(3)) || undo(s))
            set_str(b, s, &g->dpd_mode, ARG(3));
    } else if (val_is(ARG(0), "fragmentation")) {
        set_flag(b, s, &g->fragmentation);
        g->fragmentation_mtu = (struct ir_num){0};
        if (has(ARG(1)))
            set_range(b, s, &g->fragmentation_mtu, ARG(1), 68, 1500, "fragmentation mtu", "bytes");
    } else if (val_is(ARG(0), "http-url")) {
        set_flag(b, s, val_is(ARG(1), "cert") ? &g->http_url_cert : &g->http_url_bundle);
        if (s->negated && val_is(ARG(1), "cert"))
            g->http_url_cert = num_of(0, s->span);
    } else if (val_is(ARG(0), "cts")) {
        set_flag(b, s, &g->cts_sgt);
    } else {
        set_flag(b, s, &g->disconnect_revoked);
    }
}

const struct handler_row ikev2_handlers[] = {
    {S_V2_PROPOSAL, proposal},
    {S_V2_ENCRYPTION, proposal_line},
    {S_V2_INTEGRITY, proposal_line},
    {S_V2_PRF, proposal_line},
    {S_V2_GROUP, proposal_line},
    {S_V2_PQC, proposal_line},
    {S_V2_POLICY, policy},
    {S_V2_POLICY_PROPOSAL, policy_proposal},
    {S_V2_MATCH_FVRF, match_line},
    {S_V2_MATCH_LOCAL, match_line},
    {S_V2_MATCH_INBOUND, match_line},
    {S_V2_KEYRING, keyring},
    {S_V2_PEER, peer},
    {S_V2_PEER_ADDRESS, peer_line},
    {S_V2_PEER_HOSTNAME, peer_line},
    {S_V2_PEER_IDENTITY, peer_line},
    {S_V2_PEER_PSK, peer_line},
    {S_V2_PEER_PPK, peer_line},
    {S_V2_PROFILE, profile},
    {S_V2_MATCH_IDENTITY, profile_line},
    {S_V2_MATCH_CERTIFICATE, profile_line},
    {S_V2_IDENTITY_LOCAL, profile_line},
    {S_V2_AUTH, profile_line},
    {S_V2_KEYRING_REF, profile_line},
    {S_V2_TRUSTPOINT, profile_line},
    {S_V2_LIFETIME, profile_line},
    {S_V2_LIFETIME_CERT, profile_line},
    {S_V2_DPD, profile_line},
    {S_V2_NAT_KEEPALIVE, profile_line},
    {S_V2_IVRF, profile_line},
    {S_V2_VTEMPLATE, profile_line},
    {S_V2_SHUTDOWN, profile_line},
    {S_V2_PROFILE_OTHER, profile_line},
    {S_V2_GLOBAL, global_line},
    {S_COUNT, NULL},
};
