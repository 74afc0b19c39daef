/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy as a whole: algorithms, global settings, entries. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/ike/engine/engine.h"
#include "backends/ike/from_ir/maker.h"
#include "backends/ike/message/wire.h"
#include "compiler/sem/transforms.h"

uint32_t maker_line(const struct maker *m, struct span at)
{
    return at.len ? source_locate(m->c->source, at.off).line : 0;
}

const char *maker_keep(const struct maker *m, struct str s)
{
    return arena_strndup(m->a, s.p ? s.p : "", s.len);
}

struct str maker_full_name(const struct maker *m)
{
    const struct str host = m->c->hostname.s, domain = m->c->domain_name.s;
    if (!host.len || !domain.len)
        return host;
    struct buf b = {0};
    buf_printf(&b, STR_FMT "." STR_FMT, STR_ARG(host), STR_ARG(domain));
    const char *kept = arena_strndup(m->a, b.p ? b.p : "", b.len);
    const struct str name = {kept, (uint32_t)b.len};
    buf_free(&b);
    return name;
}

struct ike_bytes maker_bytes(const struct maker *m, struct str s)
{
    return (struct ike_bytes){(const uint8_t *)maker_keep(m, s), s.len};
}

void ike_omit(struct arena *a, struct ike_omissions *out, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    ptrlist_add(a, &out->lines, arena_strndup(a, b.p ? b.p : "", b.len));
    buf_free(&b);
}

/* ---- algorithms ---- */

static void choices(struct ike_choices *out, const struct ptrlist *from)
{
    PTRLIST_FOR (struct ir_alg, x, from) {
        if (out->n < IKE_CHOICES_MAX)
            out->v[out->n++] = (struct ike_choice){(uint16_t)x->id, x->bits};
    }
}

static const struct ike_proposal *proposal(struct maker *m, const struct ikev2_proposal *p)
{
    struct ike_proposal *x = ARENA_NEW(m->a, struct ike_proposal);
    x->name = maker_keep(m, p->name.s);
    x->line = maker_line(m, p->span);
    choices(&x->encr, &p->encr);
    choices(&x->integ, &p->integ);
    choices(&x->prf, &p->prf);
    choices(&x->dh, &p->group);
    return x;
}

static void v2_policies(struct maker *m, struct ike_policy *p)
{
    struct ike_v2_policy *v = arena_array(m->a, m->c->ikev2_policies.n + 1, sizeof *v);
    p->v2 = v;
    for (int built_in = 0; built_in < 2 && p->n_v2 == 0; built_in++)
        PTRLIST_FOR (struct ikev2_policy, pol, &m->c->ikev2_policies) {
            struct ike_v2_policy x = {.name = maker_keep(m, pol->name.s)};
            const struct ike_proposal **list = arena_array(m->a, pol->proposals.n + 1, sizeof *list);
            if ((pol->is_default.v != 0) != (built_in != 0))
                continue;
            PTRLIST_FOR (struct ir_ref, r, &pol->proposals) {
                const struct ikev2_proposal *from = r->target;
                if (from && from->complete.v)
                    list[x.n++] = proposal(m, from);
            }
            x.proposals = list;
            maker_locals(m, &pol->local, &x.locals, &x.n_locals);
            if (x.n)
                v[p->n_v2++] = x;
        }
    const struct ikev2_proposal *d = ir_find(m->c, TAB_V2_PROPOSAL, str_lit("default"));
    if (p->n_v2 == 0 && d && !m->c->ikev2.no_default_proposal.v) {
        const struct ike_proposal **list = arena_array(m->a, 1, sizeof *list);
        list[0] = proposal(m, d);
        v[p->n_v2++] = (struct ike_v2_policy){.name = "default", .proposals = list, .n = 1};
    }
}

static void v1_policies(struct maker *m, struct ike_policy *p)
{
    struct ike_v1_policy *v = arena_array(m->a, m->c->isakmp_policies.n + 1, sizeof *v);
    p->v1 = v;
    PTRLIST_FOR (struct isakmp_policy, x, &m->c->isakmp_policies) {
        v[p->n_v1++] = (struct ike_v1_policy){
            (unsigned)x->number.v,    maker_line(m, x->span), {(uint16_t)x->encr.v, (uint16_t)x->encr_bits.v},
            (uint16_t)x->hash.v,      (uint16_t)x->group.v,   (uint16_t)x->auth.v,
            (uint32_t)x->lifetime_s.v};
    }
}

/* ---- entries ---- */

static const struct ike_transform_set *set_of(struct maker *m, const struct transform_set *s)
{
    struct ike_transform_set *x = symtab_get(&m->sets, s->name.s, 0);
    if (x)
        return x;
    x = ARENA_NEW(m->a, struct ike_transform_set);
    x->name = maker_keep(m, s->name.s);
    x->line = maker_line(m, s->span);
    x->transport = str_is(s->mode.s, "transport");
    x->require = s->require.v != 0;
    x->esn = s->esn.v != 0;
    PTRLIST_FOR (struct ir_transform, t, &s->transforms) {
        const struct ike_choice c = {(uint16_t)t->alg, t->bits};
        if (t->proto == PROTO_AH)
            x->ah = c;
        else if (algo_get(t->alg)->kind == ALGO_ENCR)
            x->encr = c;
        else if (algo_get(t->alg)->kind == ALGO_INTEG)
            x->integ = c;
    }
    symtab_put(m->a, &m->sets, s->name.s, 0, x);
    return x;
}

static void settings(struct maker *m, const struct sa_settings *sa, struct ike_entry *x)
{
    const struct ike_transform_set **sets = arena_array(m->a, sa->transform_sets.n + 1, sizeof *sets);
    PTRLIST_FOR (struct ir_ref, r, &sa->transform_sets) {
        const struct transform_set *s = r->target;
        if (s && x->n_sets < TRANSFORM_SETS_MAX) /* of more the others are none to a router: IC3212 */
            sets[x->n_sets++] = set_of(m, s);
    }
    x->sets = sets;
    x->version = IR_IS_SET(sa->ikev2_profile) ? 2 : 1;
    const struct ir_ref *p = x->version == 2 ? &sa->ikev2_profile : &sa->isakmp_profile;
    if (IR_IS_SET(*p))
        x->profile = symtab_get(&m->profiles, p->name, x->version);
    const uint16_t bare = sa->pfs_bare.v ? ALGO_DH_768_MODP : ALGO_NONE; /* `set pfs` alone: group 1 */
    x->pfs = IR_IS_SET(sa->pfs_group) ? (uint16_t)sa->pfs_group.v : bare;
    x->lifetime_s = (uint32_t)sa->lifetime_s.v;
    x->lifetime_kb = sa->lifetime_kb_disabled.v ? 0 : (uint32_t)sa->lifetime_kb.v;
    x->idle_s = (uint32_t)sa->idle_s.v;
    x->idle_default = sa->idle_default.v != 0;
    x->route = (struct ike_route){
        .on = sa->reverse_route.v != 0,
        .is_static = sa->rr_static.v != 0,
        .via = IR_IS_SET(sa->rr_gateway) ? sa->rr_gateway.a : sa->rr_remote_peer.a,
        .distance = (uint32_t)sa->rr_distance.v,
    };
    if (IR_IS_SET(sa->rr_tag))
        omit(m, "map %s entry %u (line %u): the tag of its reverse routes is not carried: Linux routes have none",
             x->map, x->seq, x->line);
    x->replay_window = sa->replay_disabled.v ? 0 : (uint32_t)sa->replay_window.v;
    x->per_host = sa->per_host.v != 0;
    x->responder_only = sa->responder_only.v != 0;
}

static void entry(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e, struct ike_policy *p,
                  struct ike_entry *out)
{
    struct ike_entry x = {.map = maker_keep(m, tm->map->name.s),
                          .seq = (uint32_t)e->seq.v,
                          .line = maker_line(m, e->span),
                          .dynamic = e->in_dynamic,
                          .local = tm->local};
    const struct unmet *blocked = target_blocked(m->t, e);
    if (blocked) {
        omit(m, "map %s entry %u (line %u) is blocked: %s (line %u)", x.map, x.seq, x.line, need_text(blocked->need),
             maker_line(m, blocked->at));
        return;
    }
    if (!e->complete.v || (e->type.v != ENTRY_ISAKMP && !e->in_dynamic))
        return;
    settings(m, &e->sa, &x);
    const struct ir_str ecn = IR_IS_SET(e->sa.ecn) ? e->sa.ecn : m->c->ipsec.ecn;
    x.clears_df = str_is(target_df_bit(m->t, tm, &e->sa).s, "clear");
    x.drops_ecn = str_is(ecn.s, "discard");
    ike_entry_interfaces(&x, m->t, tm);
    if (x.dynamic) {
        maker_dynamic_lines(m, tm, e, &x);
        ike_entry_place(&x, m->plan, e);
        if (IR_IS_SET(e->acl) && !x.n_lines) { /* an empty list permits nobody */
            omit(m, "map %s entry %u (line %u): its access list leaves nothing to peers", x.map, x.seq, x.line);
            return;
        }
    } else {
        maker_lines(m, tm, e, &x);
    }
    x.peers = arena_array(m->a, e->peers.n + 1, sizeof *x.peers);
    PTRLIST_FOR (struct map_peer, q, &e->peers) {
        if (q->host.addr.family == FAMILY_NONE) {
            omit(m,
                 "map %s entry %u (line %u): peer %.*s is known by name only and the name was not found: nothing is "
                 "negotiated with it until it is",
                 x.map, x.seq, x.line, (int)q->host.name.len, q->host.name.p);
            continue;
        }
        struct ike_peer *y = &x.peers[x.n_peers++];
        *y = (struct ike_peer){q->host.addr, q->host.name.len ? maker_keep(m, q->host.name) : NULL,
                               q->is_default.v != 0};
    }
    if (e->peers.n && !x.n_peers)
        return;
    if (maker_host_has(m, p, &x))
        out[p->n_entries++] = x;
    else
        ptrlist_add(m->a, &m->out->blocked, (void *)(uintptr_t)e);
}

static void entries(struct maker *m, struct ike_policy *p)
{
    uint32_t n = 0;
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        n += tm->map->entries.n;
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            n += IR_IS_SET(e->dynamic) && e->dynamic.target ? ((struct crypto_map *)e->dynamic.target)->entries.n : 0;
        }
    }
    p->entries = arena_array(m->a, n + 1, sizeof *p->entries);
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            if (!IR_IS_SET(e->dynamic))
                entry(m, tm, e, p, p->entries);
        }
    }
    PTRLIST_FOR (struct target_map, tm, &m->t->maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &tm->map->entries) {
            const struct crypto_map *d = IR_IS_SET(e->dynamic) ? e->dynamic.target : NULL;
            for (uint32_t i = 0; d && i < d->entries.n; i++)
                entry(m, tm, d->entries.v[i], p, p->entries);
        }
    }
}

/* Without it the peer would be held to a key of the keyrings, which is another one: a key that nobody has instead. */
static void closed_password(struct maker *m, struct ike_aggressive_peer *y)
{
    uint8_t *nobodys = arena_array(m->a, 32, 1);
    if (getentropy(nobodys, 32) < 0)
        abort();
    y->key.local = y->key.remote = (struct ike_bytes){nobodys, 32};
    maker_key_is_closed(m, y->key.line);
}

/* Who is called in aggressive mode, and as whom. */
static void aggressive_peers(struct maker *m, struct ike_policy *p)
{
    struct ike_aggressive_peer *v = arena_array(m->a, m->c->isakmp_peers.n + 1, sizeof *v);
    p->aggressive = v;
    PTRLIST_FOR (struct isakmp_peer, x, &m->c->isakmp_peers) {
        struct ike_aggressive_peer *y = &v[p->n_aggressive];
        bool says_nothing = !IR_IS_SET(x->endpoint_kind) && x->password.s.form == SECRET_NONE;
        if (says_nothing || IR_IS_SET(x->vrf)) /* nothing here is in a VRF */
            continue;
        if (x->peer.addr.family == FAMILY_NONE) {
            omit(m, "line %u: a peer of aggressive mode is known by name only: it is called in main mode",
                 maker_line(m, x->span));
            continue;
        }
        *y = (struct ike_aggressive_peer){.peer = x->peer.addr};
        struct ip_addr a;
        if (str_is(x->endpoint_kind.s, "fqdn") || str_is(x->endpoint_kind.s, "user-fqdn")) {
            y->id_type = maker_id_type(x->endpoint_kind.s);
            y->id = maker_bytes(m, x->endpoint.s);
        } else if (IR_IS_SET(x->endpoint) && addr_parse(x->endpoint.s, &a)) {
            y->id_type = a.family == FAMILY_V6 ? IKE_ID_IPV6 : IKE_ID_IPV4;
            y->id = (struct ike_bytes){
                (const uint8_t *)arena_strndup(m->a, (const char *)a.b, a.family == FAMILY_V6 ? 16 : 4),
                a.family == FAMILY_V6 ? 16 : 4};
        }
        y->key.id = ++m->n_key_ids;
        y->key.line = maker_line(m, x->span);
        y->key.local = y->key.remote = maker_key(m, &x->password);
        if (x->password.s.form != SECRET_NONE && !y->key.local.n)
            closed_password(m, y);
        p->n_aggressive++;
    }
    if (p->n_aggressive && p->aggressive_disabled)
        omit(m, "line %u: aggressive mode is disabled: its peers are called in main mode", v[0].key.line);
}

/* 0: no limit. */
static uint32_t lower(uint32_t a, uint32_t b)
{
    if (!a || !b)
        return a | b;
    return a < b ? a : b;
}

/* The engine counts both versions together. */
static uint32_t lower_limit(const struct ir_num *a, const struct ir_num *b)
{
    return lower((uint32_t)a->v, (uint32_t)b->v);
}

static void globals(struct maker *m, struct ike_policy *p)
{
    const struct isakmp_globals *g = &m->c->isakmp;
    const struct ikev2_globals *h = &m->c->ikev2;
    p->aggressive_disabled = g->aggressive_disable.v != 0;
    aggressive_peers(m, p);
    p->v1_fragmentation = g->fragmentation.v != 0;
    if (g->invalid_spi_recovery.v)
        omit(m, "line %u: invalid-spi-recovery is not carried: a peer that lost its SAs is found by DPD",
             maker_line(m, g->invalid_spi_recovery.m.span));
    p->v1_id_hostname = str_is(g->identity.s, "hostname");
    p->v1_id_dn = str_is(g->identity.s, "dn");
    p->hostname = maker_keep(m, maker_full_name(m));
    p->v1_keepalive_s = (uint32_t)g->keepalive_s.v;
    p->v1_keepalive_retry_s = (uint32_t)g->keepalive_retry.v;
    p->v1_keepalive_periodic = str_is(g->keepalive_mode.s, "periodic");
    p->nat_keepalive_s = (uint32_t)(g->nat_keepalive_s.v ? g->nat_keepalive_s.v : h->nat_keepalive_s.v);
    p->v2_fragmentation = h->fragmentation.v != 0;
    p->fragment_mtu = (uint32_t)h->fragmentation_mtu.v;
    p->cookie_threshold = (uint32_t)h->cookie_challenge.v;
    p->max_in_negotiation = lower_limit(&h->max_in_negotiation, &g->call_ike_negotiating);
    p->max_sa = lower_limit(&h->max_sa, &g->call_ike_sa);
    if (IR_IS_SET(g->call_ipsec_sa) && g->call_ipsec_sa.v)
        omit(m, "line %u: no limit of IPsec SAs: each peer has its own (256, and twice the lines of its entry)",
             maker_line(m, g->call_ipsec_sa.m.span));
    if (IR_IS_SET(g->call_all_negotiating))
        p->max_in_negotiation = lower(p->max_in_negotiation, (uint32_t)g->call_all_negotiating.v);
}

/* A version that no entry negotiates with is not spoken at all: the built-in policies (3DES, group 2) would answer
 * strangers to no end. The router answers; nothing could come of it there either. */
static void only_used_versions(struct ike_policy *p)
{
    bool used[3] = {false};
    for (unsigned i = 0; i < p->n_entries; i++)
        used[p->entries[i].version] = true;
    p->n_v1 = used[1] ? p->n_v1 : 0;
    p->n_v2 = used[2] ? p->n_v2 : 0;
}

const struct ike_policy *ike_policy_build(struct target *t, const struct xfrm_plan *plan, struct str master,
                                          const char *pki_dir, struct ike_omissions *out)
{
    struct maker m = {.plan = plan, .t = t, .a = t->arena, .c = t->c, .master = master, .pki_dir = pki_dir, .out = out};
    struct ike_policy *p = ARENA_NEW(t->arena, struct ike_policy);
    struct maker_key_list *lists = arena_array(t->arena, t->c->keyrings.n + 1, sizeof *lists);
    unsigned n = 0;
    m.p = p;
    globals(&m, p);
    ike_pki_load(p, t->arena, t->c, pki_dir, out);
    v1_policies(&m, p);
    v2_policies(&m, p);
    lists[n++].keys = &t->c->isakmp_keys;
    PTRLIST_FOR (struct keyring, k, &t->c->keyrings) {
        lists[n++] = (struct maker_key_list){&k->keys, k};
    }
    maker_v1_keys(&m, lists, n, &p->keys, &p->n_keys);
    maker_profiles(&m, p);
    entries(&m, p);
    only_used_versions(p);
    p->n_key_ids = m.n_key_ids;
    return p;
}
