/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv1: policies, keys, keyrings, profiles, peers (guide; ios-crypto-commands §3). */
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

#define POLICY_KEY(n) (struct str){"", 0}, (1u << 24) + (uint32_t)(n)

static void policy_remove(struct builder *b, const struct ios_stmt *s)
{
    struct ptrlist *l = &b->c->isakmp_policies;
    bool all = !has(ARG(0)), found = all;
    for (uint32_t i = l->n; i-- > 0;) {
        struct isakmp_policy *p = l->v[i];
        if (!all && p->number.v != ARG(0)->u.num)
            continue;
        symtab_del(&b->c->names, POLICY_KEY(p->number.v));
        ptrlist_remove(l, i);
        found = true;
    }
    if (!found)
        diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "there is no isakmp policy " STR_FMT " to remove",
                 STR_ARG(val_str(b, ARG(0))));
}

static void policy(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        policy_remove(b, s);
        return;
    }
    if (!check_range(b, ARG(0), 1, 10000, "isakmp policy number", "")) {
        b->cur[MODE_ISAKMP_POLICY] = ARENA_NEW(b->a, struct isakmp_policy); /* its lines are still checked */
        return;
    }
    struct isakmp_policy *p = symtab_get(&b->c->names, POLICY_KEY(ARG(0)->u.num));
    if (!p) {
        p = ARENA_NEW(b->a, struct isakmp_policy);
        p->span = s->span;
        p->number = num_of(ARG(0)->u.num, ARG(0)->span);
        symtab_put(b->a, &b->c->names, POLICY_KEY(ARG(0)->u.num), p);
        ptrlist_add(b->a, &b->c->isakmp_policies, p);
    }
    b->cur[MODE_ISAKMP_POLICY] = p;
}

static void policy_line(struct builder *b, const struct ios_stmt *s)
{
    struct isakmp_policy *p = b->cur[MODE_ISAKMP_POLICY];
    switch (s->kind) {
    case S_ISAKMP_ENCR:
        set_alg(b, s, &p->encr, ARG(0));
        p->encr_bits = (struct ir_num){0};
        if (!undo(s) && has(ARG(1))) {
            if (algo_key_legal((enum algo_id)ARG(0)->u.num, (unsigned)ARG(1)->u.num) &&
                algo_get((enum algo_id)ARG(0)->u.num)->keys[1])
                p->encr_bits = num_of(ARG(1)->u.num, ARG(1)->span);
            else
                diag_add(b->diags, D_BAD_VALUE, ARG(1)->span, "expected 128, 192 or 256 after aes, found '" STR_FMT "'",
                         STR_ARG(val_str(b, ARG(1))));
        }
        break;
    case S_ISAKMP_HASH:
        set_alg(b, s, &p->hash, ARG(0));
        break;
    case S_ISAKMP_AUTH:
        set_alg(b, s, &p->auth, ARG(0));
        break;
    case S_ISAKMP_GROUP:
        set_alg(b, s, &p->group, ARG(0));
        break;
    default:
        set_range(b, s, &p->lifetime_s, ARG(0), 60, 86400, "lifetime", "seconds");
        break;
    }
}

static void key_peer(struct builder *b, struct psk *k, const struct ios_val *kind, const struct ios_val *value,
                     const struct ios_val *mask)
{
    k->kind = num_of(val_is(kind, "hostname") ? KEY_HOSTNAME
                     : val_is(kind, "ipv6")   ? KEY_IPV6
                                              : KEY_ADDRESS,
                     kind->span);
    k->peer = (struct ir_host){.m = written(value->span)};
    check_host(b, value);
    if (value->kind == IOS_V_ADDR && !val_is(kind, "hostname")) {
        k->peer.addr = value->u.addr;
        if (value->plen != 255)
            k->peer_plen = num_of(value->plen, value->span);
    } else {
        k->peer.name = val_str(b, value);
    }
    if (mask->kind == IOS_V_ADDR)
        k->mask = (struct ir_addr){mask->u.addr, 255, written(mask->span)};
}

/* Whom a row of a list is for; two rows for the same peer are one. The bytes live as long as the arena. */
static struct str whom(struct builder *b, const struct ptrlist *l, const struct ir_host *peer, const struct psk *k,
                       struct str vrf)
{
    struct {
        const struct ptrlist *list;
        uint64_t kind, plen;
        struct ip_addr address, mask;
    } w;
    memset(&w, 0, sizeof w);
    w.list = l;
    w.address.family = peer->addr.family;
    memcpy(w.address.b, peer->addr.b, sizeof w.address.b);
    bool is_anybody = peer->addr.family == FAMILY_V4 && addr_v4(&peer->addr) == 0; /* with or without its mask */
    if (k) {
        w.kind = k->kind.v;
        w.plen = k->peer_plen.v;
    }
    if (k && !is_anybody) {
        w.mask.family = k->mask.a.family;
        memcpy(w.mask.b, k->mask.a.b, sizeof w.mask.b);
    }
    const struct str name = peer->name;
    char *bytes = arena_alloc(b->a, sizeof w + name.len + 1 + vrf.len);
    memcpy(bytes, &w, sizeof w);
    if (name.len)
        memcpy(bytes + sizeof w, name.p, name.len);
    if (vrf.len) /* behind a zero byte, which no word has */
        memcpy(bytes + sizeof w + name.len + 1, vrf.p, vrf.len);
    return (struct str){bytes, (uint32_t)sizeof w + name.len + 1 + vrf.len};
}

static void row_remove(struct builder *b, struct ptrlist *l, struct str key, const void *row)
{
    symtab_del(&b->peers, key, 0);
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i] == row) {
            ptrlist_remove(l, i);
            return;
        }
}

/* Adds, replaces or removes the key of one peer. */
static void key_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l, struct psk *k)
{
    const struct str key = whom(b, l, &k->peer, k, STR_EMPTY);
    struct psk *old = symtab_get(&b->peers, key, 0);
    if (undo(s)) {
        if (old)
            row_remove(b, l, key, old);
        else
            diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "there is no key for this peer to remove");
        return;
    }
    if (!old) {
        symtab_put(b->a, &b->peers, key, 0, k);
        ptrlist_add(b->a, l, k);
        return;
    }
    if (!secret_equal(&old->key.s, &k->key.s)) {
        struct diag *d = diag_add(b->diags, D_REDEFINED, s->span, "this replaces the key of the same peer");
        diag_note(b->diags, d, old->span, "first set here");
    }
    *old = *k;
}

static void isakmp_key(struct builder *b, const struct ios_stmt *s)
{
    struct psk *k = ARENA_NEW(b->a, struct psk);
    k->span = s->span;
    set_secret(b, &k->key, ARG(0), ARG(1));
    key_peer(b, k, ARG(2), ARG(3), ARG(4));
    if (has(ARG(5)))
        k->no_xauth = num_of(1, ARG(5)->span);
    key_edit(b, s, &b->c->isakmp_keys, k);
}

static void keyring(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_KEYRING, &b->c->keyrings, val_str(b, ARG(0)), "keyring");
        return;
    }
    struct keyring *k = object_get(b, TAB_KEYRING, &b->c->keyrings, sizeof *k, val_name(b, ARG(0)), s->span, NULL);
    if (has(ARG(1)))
        k->vrf = val_name(b, ARG(1));
    b->cur[MODE_KEYRING] = k;
}

static void keyring_line(struct builder *b, const struct ios_stmt *s)
{
    struct keyring *kr = b->cur[MODE_KEYRING];
    if (s->kind == S_KR_LOCAL) {
        local_address_edit(b, s, &kr->local, ARG(0), ARG(1));
        return;
    }
    if (s->kind == S_KR_RSA) {
        struct rsa_pubkey *k = ARENA_NEW(b->a, struct rsa_pubkey);
        k->span = s->span;
        k->kind = val_name(b, ARG(0));
        k->name = val_name(b, ARG(1));
        if (has(ARG(2)))
            k->usage = val_name(b, ARG(2));
        b->cur[MODE_PUBKEY] = k;
        if (!undo(s))
            ptrlist_add(b->a, &kr->pubkeys, k);
        return;
    }
    struct psk *k = ARENA_NEW(b->a, struct psk);
    k->span = s->span;
    key_peer(b, k, ARG(0), ARG(1), ARG(2));
    set_secret(b, &k->key, ARG(3), ARG(4));
    key_edit(b, s, &kr->keys, k);
}

static void profile(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_ISAKMP_PROFILE, &b->c->isakmp_profiles, val_str(b, ARG(0)), "isakmp profile");
        return;
    }
    b->cur[MODE_ISAKMP_PROFILE] = object_get(b, TAB_ISAKMP_PROFILE, &b->c->isakmp_profiles,
                                             sizeof(struct isakmp_profile), val_name(b, ARG(0)), s->span, NULL);
}

static void profile_identity(struct builder *b, const struct ios_stmt *s, struct isakmp_profile *p)
{
    if (undo(s) && !has(ARG(0))) {
        p->identities.n = 0;
        return;
    }
    struct identity_match *m = ARENA_NEW(b->a, struct identity_match);
    m->span = s->span;
    m->kind = val_name(b, ARG(0));
    if (ARG(1)->kind == IOS_V_ADDR && (val_is(ARG(0), "address") || val_is(ARG(0), "ipv6")))
        m->address = (struct ir_addr){ARG(1)->u.addr, ARG(1)->plen, written(ARG(1)->span)};
    else
        m->value = val_name(b, ARG(1));
    if (val_is(ARG(0), "address"))
        check_host(b, ARG(1));
    if (ARG(2)->kind == IOS_V_ADDR)
        m->mask = (struct ir_addr){ARG(2)->u.addr, 255, written(ARG(2)->span)};
    if (has(ARG(3)))
        m->vrf = val_name(b, ARG(3));
    for (uint32_t i = 0; i < p->identities.n; i++) {
        struct identity_match *o = p->identities.v[i];
        if (!str_eq(o->kind.s, m->kind.s) || !str_eq(o->value.s, m->value.s) ||
            !addr_eq(&o->address.a, &m->address.a) || !addr_eq(&o->mask.a, &m->mask.a))
            continue;
        if (undo(s))
            ptrlist_remove(&p->identities, i);
        return;
    }
    if (!undo(s))
        ptrlist_add(b->a, &p->identities, m);
}

static void profile_line(struct builder *b, const struct ios_stmt *s)
{
    struct isakmp_profile *p = b->cur[MODE_ISAKMP_PROFILE];
    switch (s->kind) {
    case S_IP_KEYRING:
        for (uint32_t i = 0; i < s->nlist; i++)
            ref_list_edit(b, s, &p->keyrings, &s->list[i]);
        break;
    case S_IP_MATCH_IDENTITY:
        profile_identity(b, s, p);
        break;
    case S_IP_MATCH_CERTIFICATE:
        ref_list_edit(b, s, &p->cert_maps, ARG(0));
        break;
    case S_IP_SELF_IDENTITY:
        set_str(b, s, &p->self_identity_kind, ARG(0));
        p->self_identity = (struct ir_str){0};
        if (!undo(s) && has(ARG(1)))
            p->self_identity = val_name(b, ARG(1));
        break;
    case S_IP_LOCAL:
        local_address_edit(b, s, &p->local, ARG(0), ARG(1));
        break;
    case S_IP_KEEPALIVE:
        set_range(b, s, &p->keepalive_s, ARG(0), 10, 3600, "keepalive", "seconds");
        set_range(b, s, &p->keepalive_retry, ARG(1), 2, 60, "keepalive retry", "seconds");
        break;
    case S_IP_VRF:
        set_str(b, s, &p->vrf, ARG(0));
        break;
    case S_IP_TRUSTPOINT:
        ref_list_edit(b, s, &p->trustpoints, ARG(0));
        break;
    case S_IP_INITIATE:
        set_str(b, s, &p->initiate_mode, ARG(0));
        break;
    default:
        text_list_edit(b, s, &p->other);
        break;
    }
}

static void peer(struct builder *b, const struct ios_stmt *s)
{
    struct isakmp_peer *p = ARENA_NEW(b->a, struct isakmp_peer);
    p->span = s->span;
    p->peer = val_host(b, ARG(1));
    if (has(ARG(2)))
        p->vrf = val_name(b, ARG(2));
    const struct str key = whom(b, &b->c->isakmp_peers, &p->peer, NULL, p->vrf.s);
    struct isakmp_peer *old = symtab_get(&b->peers, key, 0);
    b->cur[MODE_ISAKMP_PEER] = old ? old : p;
    if (old && undo(s)) {
        row_remove(b, &b->c->isakmp_peers, key, old);
    } else if (!old && !undo(s)) {
        symtab_put(b->a, &b->peers, key, 0, p);
        ptrlist_add(b->a, &b->c->isakmp_peers, p);
    }
}

static void peer_line(struct builder *b, const struct ios_stmt *s)
{
    struct isakmp_peer *p = b->cur[MODE_ISAKMP_PEER];
    if (s->kind == S_IKP_PASSWORD) {
        set_secret(b, &p->password, ARG(0), ARG(1));
        if (undo(s))
            p->password = (struct ir_secret){0};
        return;
    }
    set_str(b, s, &p->endpoint_kind, ARG(0));
    set_str(b, s, &p->endpoint, ARG(1));
}

static void global_line(struct builder *b, const struct ios_stmt *s)
{
    struct isakmp_globals *g = &b->c->isakmp;
    switch (s->kind) {
    case S_ISAKMP_ENABLE:
        g->enable = num_of(!s->negated, s->span);
        break;
    case S_ISAKMP_DEFAULT_POLICY:
        g->default_policy = num_of(!s->negated, s->span);
        break;
    case S_ISAKMP_IDENTITY:
        set_str(b, s, &g->identity, ARG(0));
        break;
    case S_ISAKMP_KEEPALIVE:
        if (set_range(b, s, &g->keepalive_s, ARG(0), 10, 3600, "keepalive", "seconds")) {
            g->keepalive_retry = (struct ir_num){0};
            g->keepalive_mode = (struct ir_str){0};
            if (has(ARG(1)))
                set_range(b, s, &g->keepalive_retry, ARG(1), 2, 60, "keepalive retry", "seconds");
            if (has(ARG(2)))
                set_str(b, s, &g->keepalive_mode, ARG(2));
        }
        break;
    case S_ISAKMP_NAT_KEEPALIVE:
        set_range(b, s, &g->nat_keepalive_s, ARG(0), 5, 3600, "NAT keepalive", "seconds");
        break;
    case S_ISAKMP_AGGRESSIVE_DISABLE:
        set_flag(b, s, &g->aggressive_disable);
        break;
    case S_ISAKMP_INVALID_SPI:
        set_flag(b, s, &g->invalid_spi_recovery);
        break;
    case S_ISAKMP_FLAG:
        set_flag(b, s,
                 val_is(ARG(0), "fragmentation") ? &g->fragmentation
                 : val_is(ARG(0), "performance") ? &g->performance
                                                 : &g->disconnect_revoked);
        break;
    case S_CALL_ADMISSION:
        if (val_is(ARG(1), "in-negotiation-sa"))
            set_range(b, s, val_is(ARG(0), "all") ? &g->call_all_negotiating : &g->call_ike_negotiating, ARG(2), 10,
                      99999, "call admission limit", "");
        else
            set_range(b, s, val_is(ARG(0), "ike") ? &g->call_ike_sa : &g->call_ipsec_sa, ARG(2), 0, 99999,
                      "call admission limit", "");
        break;
    case S_ISAKMP_DIAGNOSE:
        set_range(b, s, &g->diagnose_error, ARG(0), 0, 1000, "error count", "");
        break;
    default:
        set_range(b, s, &g->xauth_timeout_s, ARG(0), 5, 90, "xauth timeout", "seconds");
        break;
    }
}

const struct handler_row isakmp_handlers[] = {
    {S_ISAKMP_POLICY, policy},
    {S_ISAKMP_ENCR, policy_line},
    {S_ISAKMP_HASH, policy_line},
    {S_ISAKMP_AUTH, policy_line},
    {S_ISAKMP_GROUP, policy_line},
    {S_ISAKMP_LIFETIME, policy_line},
    {S_ISAKMP_KEY, isakmp_key},
    {S_KEYRING, keyring},
    {S_KR_KEY, keyring_line},
    {S_KR_LOCAL, keyring_line},
    {S_KR_RSA, keyring_line},
    {S_ISAKMP_PROFILE, profile},
    {S_IP_KEYRING, profile_line},
    {S_IP_MATCH_IDENTITY, profile_line},
    {S_IP_MATCH_CERTIFICATE, profile_line},
    {S_IP_SELF_IDENTITY, profile_line},
    {S_IP_LOCAL, profile_line},
    {S_IP_KEEPALIVE, profile_line},
    {S_IP_VRF, profile_line},
    {S_IP_TRUSTPOINT, profile_line},
    {S_IP_INITIATE, profile_line},
    {S_IP_OTHER, profile_line},
    {S_ISAKMP_PEER, peer},
    {S_IKP_ENDPOINT, peer_line},
    {S_IKP_PASSWORD, peer_line},
    {S_ISAKMP_ENABLE, global_line},
    {S_ISAKMP_DEFAULT_POLICY, global_line},
    {S_ISAKMP_IDENTITY, global_line},
    {S_ISAKMP_KEEPALIVE, global_line},
    {S_ISAKMP_NAT_KEEPALIVE, global_line},
    {S_ISAKMP_AGGRESSIVE_DISABLE, global_line},
    {S_ISAKMP_INVALID_SPI, global_line},
    {S_ISAKMP_FLAG, global_line},
    {S_ISAKMP_DIAGNOSE, global_line},
    {S_ISAKMP_XAUTH_TIMEOUT, global_line},
    {S_CALL_ADMISSION, global_line},
    {S_COUNT, NULL},
};
