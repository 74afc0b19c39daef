/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configured peer that says anything: to its own harm alone. */
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/slow.h"

/* An authenticated peer that says anything, to a hub that does anything; the other branch's tunnel stands. */
static void say(struct sim *s, struct ike_sa *to, uint8_t exchange, bool response, uint32_t id, const struct v2_out *o)
{
    static uint8_t b[65536];
    struct ike *evil = s->nodes[1].ike;
    struct ike_sa fake = {
        .keys = to->keys, .suite = to->suite, .spi_i = to->spi_i, .spi_r = to->spi_r, .initiator = !to->initiator};
    struct ike_header h = {to->spi_i, to->spi_r,
                           0,         0x20,
                           exchange,  (uint8_t)((fake.initiator ? IKE2_INITIATOR : 0) | (response ? IKE2_RESPONSE : 0)),
                           id,        0};
    struct wr w = wr_to(b, sizeof b);
    if (!to->keys || o->w.bad || !v2_seal(evil, &fake, &w, &h, evil->inner[0], evil->inner + 1, o->w.n - 1, 0, 0))
        return;
    const struct ike_end from = to->remote, at = to->local;
    inject(s, &from, &at, w.p, w.n);
}

static struct ike_sa *evils_sa(struct sim *s)
{
    struct ike *hub = s->nodes[0].ike;
    const struct ip_addr a = address(BRANCH);
    struct ike_sa *v[64];
    unsigned n = 0;
    for (struct ike_sa *sa = NULL; n < 64 && (sa = ike_with_addr(hub, &a, sa));)
        if (!sa->held_by && sa->keys)
            v[n++] = sa;
    return n ? v[sim_random(s, n)] : NULL;
}

static uint32_t some_spi(struct sim *s, struct ike_sa *sa)
{
    unsigned n = sa->n_children ? sim_random(s, sa->n_children) : 0;
    struct ike_child *c = sa->children;
    while (c && n--)
        c = c->next;
    return c && sim_random(s, 8) ? c->spi_out : 0x1000 + sim_random(s, 6);
}

static void put_ike(struct sim *s, struct v2_out *o)
{
    struct ike2_proposal p = {
        .number = 1,
        .protocol = IKE_PROTO_IKE,
        .spi_len = 8,
        .n = 4,
        .v = {{TT_ENCR, 12, 128, false}, {TT_PRF, 5, 0, false}, {TT_INTEG, 12, 0, false}, {TT_DH, 19, 0, false}}};
    for (unsigned i = 0; i < 8; i++)
        p.spi[i] = (uint8_t)sim_random(s, sim_random(s, 3) ? 256 : 2);
    size_t at = ike_pl_begin(&o->c, PL2_SA);
    ike2_proposal_write(&o->w, &p, true);
    ike_pl_end(&o->c, at);
}

static void put_child_sa(struct sim *s, struct v2_out *o, struct ike_sa *sa, bool pfs)
{
    struct ike2_proposal p = {.number = 1,
                              .protocol = IKE_PROTO_ESP,
                              .spi_len = 4,
                              .n = 3,
                              .v = {{TT_ENCR, 12, 128, false}, {TT_INTEG, 12, 0, false}, {TT_ESN, 0, 0, false}}};
    struct wr w = wr_to(p.spi, 4);
    if (pfs)
        p.v[p.n++] = (__typeof__(p.v[0])){TT_DH, 19, 0, false};
    wr_u32(&w, sim_random(s, 6) ? 0x10000 + sim_random(s, 1u << 30) : some_spi(s, sa));
    size_t at = ike_pl_begin(&o->c, PL2_SA);
    ike2_proposal_write(&o->w, &p, true);
    ike_pl_end(&o->c, at);
}

static void put_nonce_ke(struct sim *s, struct v2_out *o, bool ke)
{
    static uint8_t value[64];
    static bool known;
    uint8_t nonce[32];
    if (!known) {
        struct ike_dh *dh = ike_dh_new(ALGO_DH_256_ECP);
        known = dh && ike_dh_public(dh, value);
        ike_dh_free(dh);
    }
    memset(nonce, sim_random(s, 2) ? 0 : 255, sizeof nonce);
    nonce[31] = (uint8_t)sim_random(s, 256);
    ike_pl_bytes(&o->c, PL2_NONCE, nonce, sizeof nonce);
    if (ke)
        ike2_ke_write(&o->c, 19, value, sizeof value);
}

static void put_ts(struct sim *s, struct v2_out *o, bool response)
{
    const struct router *hub = (const struct router *)s->nodes[0].ike->policy;
    struct ike_ts src, dst;
    ike_line_ts(&hub->p.entries[0].lines[sim_random(s, 2)], &src, &dst);
    ike2_ts_write(&o->c, PL2_TSI, response ? &src : &dst, 1);
    ike2_ts_write(&o->c, PL2_TSR, response ? &dst : &src, 1);
}

static bool pfs_there;

static void evil_request(struct sim *s)
{
    struct ike_sa *sa = evils_sa(s);
    struct ike *evil = s->nodes[1].ike;
    struct v2_out o;
    uint8_t spi4[4];
    struct wr w = wr_to(spi4, 4);
    if (!sa)
        return;
    evil->now = s->now;
    v2_begin(evil, &o);
    const uint32_t id = sa->next_in;
    switch (sim_random(s, 9)) {
    case 0:
    case 1:
        put_ike(s, &o);
        put_nonce_ke(s, &o, true);
        say(s, sa, X2_CREATE_CHILD, false, id, &o);
        break;
    case 2:
    case 3:
        wr_u32(&w, some_spi(s, sa));
        ike2_notify_write(&o.c, IKE_PROTO_ESP, spi4, 4, N2_REKEY_SA, NULL, 0);
        put_child_sa(s, &o, sa, pfs_there);
        put_nonce_ke(s, &o, pfs_there);
        put_ts(s, &o, false);
        say(s, sa, X2_CREATE_CHILD, false, id, &o);
        break;
    case 4:
        put_child_sa(s, &o, sa, pfs_there);
        put_nonce_ke(s, &o, pfs_there);
        put_ts(s, &o, false);
        say(s, sa, X2_CREATE_CHILD, false, id, &o);
        break;
    case 5:
    case 6: {
        uint32_t v[3] = {some_spi(s, sa), some_spi(s, sa), some_spi(s, sa)};
        ike2_delete_write(&o.c, IKE_PROTO_ESP, v, 1 + sim_random(s, 3));
        say(s, sa, X2_INFORMATIONAL, false, id, &o);
        break;
    }
    case 7:
        if (sim_random(s, 6) == 0)
            ike2_delete_write(&o.c, IKE_PROTO_IKE, NULL, 0);
        say(s, sa, X2_INFORMATIONAL, false, id, &o);
        break;
    default:
        wr_u32(&w, some_spi(s, sa));
        ike2_notify_write(&o.c, 0, NULL, 0, N2_INVALID_SPI, spi4, 4);
        say(s, sa, X2_INFORMATIONAL, false, id, &o);
    }
}

static void evil_response(struct sim *s)
{
    static const uint16_t errors[] = {N2_TEMPORARY_FAILURE,  N2_CHILD_SA_NOT_FOUND, N2_NO_ADDITIONAL_SAS,
                                      N2_NO_PROPOSAL_CHOSEN, N2_TS_UNACCEPTABLE,    N2_AUTHENTICATION_FAILED};
    struct ike_sa *sa = evils_sa(s);
    struct ike *evil = s->nodes[1].ike;
    struct v2_out o;
    if (!sa || !sa->request || !sa->current)
        return;
    evil->now = s->now;
    v2_begin(evil, &o);
    bool creates =
        sa->current->kind == TASK_CHILD || sa->current->kind == TASK_REKEY_CHILD || sa->current->kind == TASK_REKEY_IKE;
    if (creates && sim_random(s, 4) == 0) {
        ike2_notify_write(&o.c, 0, NULL, 0, errors[sim_random(s, 6)], NULL, 0);
    } else if (creates && sa->current->kind == TASK_REKEY_IKE) {
        put_ike(s, &o);
        put_nonce_ke(s, &o, true);
    } else if (creates) {
        put_child_sa(s, &o, sa, pfs_there);
        put_nonce_ke(s, &o, pfs_there);
        put_ts(s, &o, true);
    }
    uint8_t x = creates ? X2_CREATE_CHILD : X2_INFORMATIONAL;
    if (sim_random(s, 30) == 0)
        x = x == X2_CREATE_CHILD ? X2_INFORMATIONAL : X2_CREATE_CHILD;
    say(s, sa, x, true, sa->next_out, &o);
}

static const char *evil_peer(unsigned seed)
{
    static const uint32_t same[] = {0, 1}, first_gone[] = {UINT32_MAX, 1};
    static struct sim s;
    static struct router r[3], later[40];
    static const char *const at[] = {HUB, BRANCH, "198.51.100.8"};
    const struct router *now = &r[0];
    unsigned n_later = 0;
    sim_init(&s, 1, 3);
    s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    s.delay_ms = 2;
    bool is_dynamic = sim_random(&s, 3) == 0;
    pfs_there = sim_random(&s, 2);
    router_init(&r[0], 2);
    for (unsigned i = 0; i < 2; i++) {
        struct ike_profile *p = router_profile(&r[0], 2, i ? "PB" : "PA", NULL, NULL);
        profile_match_address(&r[0], p, at[1 + i], 32);
        profile_key(&r[0], p, router_key(&r[0], at[1 + i], 32, NULL, "secret"));
        p->dpd_s = 30;
        p->dpd_periodic = true;
        struct ike_entry *e = router_entry(&r[0], 2, HUB, !i && is_dynamic ? NULL : at[1 + i], p);
        e->pfs = pfs_there && !i ? ALGO_DH_256_ECP : 0;
        entry_line(&r[0], e, CHILD(10 * i), 100, (int)i, 20, (int)i);
        entry_line(&r[0], e, CHILD(10 * i + 1), 101, (int)i, 20, (int)i);
    }
    sim_node_start(&s, 0, &r[0].p, HUB);
    for (unsigned i = 1; i < 3; i++) {
        router_init(&r[i], 2);
        struct ike_profile *p = router_profile(&r[i], 2, "P", NULL, NULL);
        profile_match_address(&r[i], p, HUB, 32);
        profile_key(&r[i], p, router_key(&r[i], HUB, 32, NULL, "secret"));
        entry_line(&r[i], router_entry(&r[i], 2, at[i], HUB, p), CHILD(0), 20, (int)i - 1, 100, (int)i - 1);
        sim_node_start(&s, i, &r[i].p, at[i]);
        ike_acquire(s.nodes[i].ike, s.now, CHILD(0), NULL, NULL, NULL);
    }
    sim_run(&s, 3000);
    if (children_of(&s, 0) != 2)
        return over(&s, "no tunnels");
    s.nodes[1].deaf = true;
    slow_begin(&s);
    if (sim_random(&s, 3))
        s.nodes[0].ike->host.job = slow_job;
    struct ike *hub = s.nodes[0].ike;
    unsigned n = 20 + sim_random(&s, 150);
    for (unsigned k = 0; k < n; k++) {
        struct ike_sa *sa = evils_sa(&s);
        switch (sim_random(&s, 14)) {
        case 0:
            if (n_later < 40 && sim_random(&s, 3) == 0) {
                bool gone = sim_random(&s, 6) == 0;
                router_copy(&later[n_later], now);
                (void)!router_reload(&s, 0, now, &later[n_later], gone ? first_gone : same);
                now = &later[n_later++];
            }
            break;
        case 1:
            if (sa && ike_is(sa, IKE_STANDS))
                begin_task(&s, 0, sa, (struct ike_task){.kind = TASK_REKEY_IKE});
            break;
        case 2:
        case 3:
            if (sa && ike_is(sa, IKE_STANDS) && sa->children && ike_child_stands(sa->children))
                begin_task(&s, 0, sa,
                           (struct ike_task){
                               .kind = TASK_REKEY_CHILD, .spi = sa->children->spi_in, .entry = sa->children->entry});
            break;
        case 4:
            if (sa && sa->children) {
                const struct ike_path p = sa->children->in;
                ike_sa_lost(hub, s.now, &p.remote.addr, &p.local.addr, sa->children->spi_in);
            }
            break;
        case 5:
            ike_acquire(hub, s.now, CHILD(sim_random(&s, 2)), NULL, NULL, NULL);
            break;
        case 6:
            if (sa && sa->children && sim_random(&s, 3) == 0)
                ike_clear_children(hub, s.now, NULL, NULL, sa->children->spi_in);
            break;
        case 7:
        case 8:
        case 9:
            evil_response(&s);
            break;
        default:
            evil_request(&s);
        }
        if (sim_random(&s, 2))
            pass(&s, sim_random(&s, 5) ? sim_random(&s, 20) : sim_random(&s, 3000));
        unsigned good = 0;
        const struct ip_addr two = address(at[2]);
        for (struct ike_sa *o = NULL; (o = ike_with_addr(hub, &two, o));)
            good += o->n_children;
        if (!good)
            return over(&s, broken("seed %u: the other branch has no tunnel any more", seed));
    }
    pass(&s, 200000);
    const struct ip_addr one = address(BRANCH);
    const char *bad = NULL;
    for (unsigned i = 0; i < 10; i++)
        pass(&s, 60000);
    for (struct ike_sa *o = NULL; !bad && (o = ike_with_addr(hub, &one, o));)
        bad =
            broken("seed %u: 800 s later an SA of the silent peer: %s, %u children, request %d, current %d, deadline "
                   "%llu, now %llu",
                   seed, ike_state_name(o->state), o->n_children, o->request != NULL,
                   o->current ? (int)o->current->kind : -1, (unsigned long long)o->deadline, (unsigned long long)s.now);
    if (!bad && s.nodes[0].n != hub->n_children)
        bad = broken("seed %u: the kernel has %u SA pairs, the engine %u", seed, s.nodes[0].n, hub->n_children);
    slow_end();
    return over(&s, bad);
}

/* IKEv1: two branches with one private address behind two NATs, one key; the first says anything. */
static struct ike_sa *standing(struct sim *s, unsigned node)
{
    struct ike *k = s->nodes[node].ike;
    struct ike_sa *v[64];
    unsigned n = 0;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa && n < 64; sa = sa->hash_next)
            if (ike_is(sa, IKE_STANDS))
                v[n++] = sa;
    return n ? v[sim_random(s, n)] : NULL;
}

static const char *evil_v1(unsigned seed)
{
    static struct sim s;
    static struct router hub, branch[2];
    static const char *const nat[] = {"198.51.100.50", "198.51.100.60"};
    sim_init(&s, 1, 3);
    s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    s.delay_ms = 3;
    router_init(&hub, 1);
    router_key(&hub, "0.0.0.0", 0, NULL, "group");
    router_entry(&hub, 1, HUB, NULL, NULL);
    sim_node_start(&s, 0, &hub.p, HUB);
    bool one_address = sim_random(&s, 2);
    for (unsigned i = 0; i < 2; i++) {
        const char *own = one_address || i ? "10.99.0.1" : "10.99.0.2";
        router_init(&branch[i], 1);
        router_key(&branch[i], HUB, 32, NULL, "group");
        struct ike_entry *e = router_entry(&branch[i], 1, own, HUB, NULL);
        entry_line(&branch[i], e, CHILD(0), 20, (int)i, 100, -1);
        if (!i)
            entry_line(&branch[i], e, CHILD(1), 20, 7, 100, -1);
        sim_node_start(&s, 1 + i, &branch[i].p, own);
        sim_node_nat(&s, 1 + i, nat[i], 4499);
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 3000);
    }
    if (children_of(&s, 0) != 2)
        return over(&s, "no tunnels");
    struct ike *evil = s.nodes[1].ike, *h = s.nodes[0].ike;
    slow_begin(&s);
    if (sim_random(&s, 2))
        h->host.job = slow_job;
    const uint32_t victims[2] = {first_child(&s, 2)->spi_in, first_child(&s, 2)->spi_out};
    unsigned n = 20 + sim_random(&s, 100);
    for (unsigned k = 0; k < n; k++) {
        struct ike_sa *sa = standing(&s, 1), *hs = standing(&s, 0);
        uint8_t v[12];
        struct wr w = wr_to(v, 12);
        struct ike_child *own = first_child(&s, 1);
        evil->now = s.now;
        for (unsigned i = 0; i < 3; i++)
            wr_u32(&w, sim_random(&s, 3)          ? victims[sim_random(&s, 2)]
                       : own && sim_random(&s, 2) ? own->spi_in
                                                  : sim_random(&s, 1u << 30));
        switch (sim_random(&s, 12)) {
        case 0:
        case 1:
            if (sa)
                v1_delete(evil, sa, sim_random(&s, 4) ? IKE_PROTO_ESP : IKE_PROTO_AH, v, 4, 1 + sim_random(&s, 3));
            break;
        case 2:
            if (sa)
                v1_notify(evil, sa, IKE_PROTO_ESP, victims[sim_random(&s, 2)], N1_INVALID_SPI, v, 4);
            break;
        case 3:
            if (sa)
                v1_notify(evil, sa, IKE1_PROTO_ISAKMP, 0, 24578, NULL, 0);
            break;
        case 4:
            ike_acquire(evil, s.now, CHILD(sim_random(&s, 2)), NULL, NULL, NULL);
            break;
        case 5:
            if (sa && sa->children && ike_child_stands(sa->children))
                begin_task(&s, 1, sa,
                           (struct ike_task){
                               .kind = TASK_REKEY_CHILD, .spi = sa->children->spi_in, .entry = sa->children->entry});
            break;
        case 6:
            if (sa) {
                sa->rekey_at = s.now;
                ike_timer_update(evil, sa);
            }
            break;
        case 7:
            if (sim_random(&s, 4) == 0)
                ike_clear(evil, s.now, NULL, 0, 0);
            break;
        case 8:
            if (sim_random(&s, 3) == 0)
                sim_node_nat(&s, 1, nat[0], (uint16_t)(3000 + 2 * sim_random(&s, 500)));
            break;
        case 9:
            if (hs && hs->children && ike_child_stands(hs->children))
                begin_task(&s, 0, hs,
                           (struct ike_task){
                               .kind = TASK_REKEY_CHILD, .spi = hs->children->spi_in, .entry = hs->children->entry});
            break;
        case 10:
            if (hs) {
                hs->rekey_at = s.now;
                ike_timer_update(h, hs);
            }
            break;
        default:
            if (sa)
                v1_delete_all(evil, sa);
        }
        pass(&s, sim_random(&s, 4) ? sim_random(&s, 30) : sim_random(&s, 4000));
        bool there = false;
        const struct ip_addr two = address(nat[1]);
        for (struct ike_sa *o = NULL; (o = ike_with_addr(h, &two, o));)
            for (struct ike_child *c = o->children; c; c = c->next)
                there |= c->installed;
        if (!there)
            return over(&s, broken("seed %u: the other branch has no IPsec SA any more", seed));
    }
    pass(&s, 5000);
    const char *bad = s.nodes[0].n != h->n_children ? broken("seed %u: the kernel has %u SA pairs, the engine %u", seed,
                                                             s.nodes[0].n, h->n_children)
                                                    : NULL;
    slow_end();
    return over(&s, bad);
}

static const char *evil_by_seeds(void)
{
    return by_seeds(evil_peer, 60);
}

static const char *evil_v1_by_seeds(void)
{
    return by_seeds(evil_v1, 60);
}

const struct attack attacks_evil[] = {
    {"N16 an evil peer, IKEv2", evil_by_seeds},
    {"N17 an evil peer behind a NAT, IKEv1", evil_v1_by_seeds},
    {NULL, NULL},
};
