/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/sim.h"

#include <openssl/sha.h>

static uint64_t next(struct sim *s)
{
    s->rng ^= s->rng << 13;
    s->rng ^= s->rng >> 7;
    s->rng ^= s->rng << 17;
    return s->rng;
}

uint32_t sim_random(struct sim *s, uint32_t below)
{
    return below ? (uint32_t)((next(s) >> 20) % below) : 0;
}

static void random_bytes(void *ctx, void *p, size_t n)
{
    struct sim_node *node = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(next(node->sim) >> 24);
}

static void fly(struct sim *s, const struct ike_end *from, const struct ike_end *to, const uint8_t *p, size_t n)
{
    if (s->n_air == s->cap_air) {
        s->cap_air = s->cap_air ? 2 * s->cap_air : 64;
        s->air = realloc(s->air, s->cap_air * sizeof *s->air);
    }
    struct packet_in_flight f = {s->now + 1 + sim_random(s, s->delay_ms), *from, *to, malloc(n), n};
    memcpy(f.p, p, n);
    s->air[s->n_air++] = f;
}

static void send_(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    struct sim_node *node = ctx;
    struct sim *s = node->sim;
    unsigned copies = sim_random(s, 1000) < s->dup ? 2 : 1;
    for (unsigned i = 0; i < copies; i++)
        if (sim_random(s, 1000) >= s->loss)
            fly(s, local, remote, p, n);
}

static void digest(uint8_t out[32], const void *a, size_t na, const void *b, size_t nb, const void *c, size_t nc)
{
    uint8_t all[512];
    memcpy(all, a, na);
    memcpy(all + na, b, nb);
    memcpy(all + na + nb, c, nc);
    SHA256(all, na + nb + nc, out);
}

static bool key_is_new(struct sim *s, const uint8_t d[32])
{
    for (unsigned i = 0; i < s->n_seen; i++)
        if (memcmp(s->seen + 32 * i, d, 32) == 0)
            return false;
    if (s->n_seen == s->cap_seen) {
        s->cap_seen = s->cap_seen ? 2 * s->cap_seen : 64;
        s->seen = realloc(s->seen, 32u * s->cap_seen);
    }
    memcpy(s->seen + 32 * s->n_seen++, d, 32);
    return true;
}

static bool sa_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    struct sim_node *n = ctx;
    struct sim_sa *have = NULL;
    for (unsigned i = 0; i < n->n; i++)
        if (n->sas[i].spi_in == c->spi_in)
            have = &n->sas[i];
    if (which == IKE_SA_OUT) {
        if (!have || have->sends)
            n->sim->broken = "an SA sends that does not receive, or twice";
        else
            have->sends = true;
        return have != NULL;
    }
    struct sim_sa x = {.spi_in = c->spi_in, .spi_out = c->spi_out, .sends = which & IKE_SA_OUT};
    digest(x.in, k->encr_in, sizeof k->encr_in, k->integ_in, sizeof k->integ_in, k->ah_in, sizeof k->ah_in);
    digest(x.out, k->encr_out, sizeof k->encr_out, k->integ_out, sizeof k->integ_out, k->ah_out, sizeof k->ah_out);
    if (!key_is_new(n->sim, x.out)) /* each key has one sender */
        n->sim->broken = "a key is used twice";
    if (memcmp(x.in, x.out, 32) == 0)
        n->sim->broken = "one key for both directions";
    if (have)
        return false;
    if (n->n == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 16;
        n->sas = realloc(n->sas, n->cap * sizeof *n->sas);
    }
    n->sas[n->n++] = x;
    return true;
}

static void sa_delete(void *ctx, const struct ike_child *c)
{
    struct sim_node *n = ctx;
    for (unsigned i = 0; i < n->n; i++)
        if (n->sas[i].spi_in == c->spi_in && n->sas[i].spi_out == c->spi_out) {
            n->sas[i] = n->sas[--n->n];
            return;
        }
    n->sim->broken = "an SA is deleted that the kernel does not have";
}

static void event(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                  const char *text)
{
    struct sim_node *n = ctx;
    (void)l;
    (void)c;
    n->ups += e == EV_IKE_UP;
    n->downs += e == EV_IKE_DOWN;
    n->child_ups += e == EV_CHILD_UP;
    n->child_downs += e == EV_CHILD_DOWN;
    n->rekeys += e == EV_CHILD_REKEYED;
    if (e == EV_REFUSED) {
        n->refused++;
        snprintf(n->last, sizeof n->last, "%s", text);
    }
    if (n->sim->verbose)
        printf("%8llu.%03u node %u sa %llx: %s\n", (unsigned long long)(n->sim->now / 1000),
               (unsigned)(n->sim->now % 1000), (unsigned)(n - n->sim->nodes), sa ? (unsigned long long)sa->own_spi : 0,
               text);
}

void sim_init(struct sim *s, uint64_t seed, unsigned nodes)
{
    *s = (struct sim){.rng = seed * 0x9e3779b97f4a7c15u + 88172645463325252u, .now = 1000, .delay_ms = 20};
    s->nodes = calloc(nodes, sizeof *s->nodes);
    s->n_nodes = nodes;
    for (int i = 0; i < 8; i++)
        next(s);
}

void sim_node_start(struct sim *s, unsigned i, const struct ike_policy *p, const char *addr)
{
    struct sim_node *n = &s->nodes[i];
    const struct ike_host host = {
        .ctx = n, .random = random_bytes, .send = send_, .sa_add = sa_add, .sa_delete = sa_delete, .event = event};
    n->sim = s;
    n->end.port = IKE_PORT;
    addr_parse((struct str){addr, (uint32_t)strlen(addr)}, &n->end.addr);
    n->ike = ike_new(p, &host, s->now);
}

void sim_node_stop(struct sim *s, unsigned i)
{
    ike_free(s->nodes[i].ike);
    s->nodes[i].ike = NULL;
    if (s->nodes[i].n)
        s->broken = "SAs are left in the kernel";
}

void sim_end(struct sim *s)
{
    struct sim_policy *old = s->reloaded;
    for (unsigned i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].ike)
            sim_node_stop(s, i);
        free(s->nodes[i].sas);
    }
    for (unsigned i = 0; i < s->n_air; i++)
        free(s->air[i].p);
    free(s->air);
    free(s->seen);
    free(s->nodes);
    for (struct sim_policy *next; old; old = next) {
        next = old->next;
        free(old);
    }
}

static void deliver(struct sim *s, struct packet_in_flight *f)
{
    if (s->meddle && !s->meddle(s, f))
        return;
    for (unsigned i = 0; i < s->n_nodes; i++)
        if (s->nodes[i].ike && !s->nodes[i].deaf && addr_eq(&s->nodes[i].end.addr, &f->to.addr))
            ike_input(s->nodes[i].ike, s->now, &f->to, &f->from, f->p, f->n);
}

void sim_run(struct sim *s, uint64_t ms)
{
    uint64_t end = s->now + ms;
    for (;;) {
        uint64_t t = end;
        unsigned at = UINT32_MAX;
        for (unsigned i = 0; i < s->n_nodes; i++)
            if (s->nodes[i].ike && ike_deadline(s->nodes[i].ike) < t)
                t = ike_deadline(s->nodes[i].ike);
        for (unsigned i = 0; i < s->n_air; i++)
            if (s->air[i].at < t || (s->air[i].at == t && at == UINT32_MAX && t < end)) {
                t = s->air[i].at;
                at = i;
            }
        if (t >= end)
            break;
        if (t > s->now)
            s->now = t;
        if (at != UINT32_MAX) {
            struct packet_in_flight f = s->air[at];
            s->air[at] = s->air[--s->n_air];
            deliver(s, &f);
            free(f.p);
            continue;
        }
        for (unsigned i = 0; i < s->n_nodes; i++)
            if (s->nodes[i].ike && ike_deadline(s->nodes[i].ike) <= s->now)
                ike_tick(s->nodes[i].ike, s->now);
    }
    s->now = end;
}

/* ---- agreement ---- */

struct gather {
    const struct ike_sa *v[256];
    unsigned n;
};
static void collect(void *ctx, const struct ike_sa *sa)
{
    struct gather *g = ctx;
    if (g->n < 256)
        g->v[g->n++] = sa;
}

unsigned sim_count(const struct sim_node *n, enum ike_state st)
{
    struct gather g = {.n = 0};
    unsigned k = 0;
    ike_each(n->ike, collect, &g);
    for (unsigned i = 0; i < g.n; i++)
        k += g.v[i]->state == st;
    return k;
}

static const struct sim_sa *find(const struct sim_node *n, uint32_t in, uint32_t out)
{
    for (unsigned i = 0; i < n->n; i++)
        if (n->sas[i].spi_in == in && n->sas[i].spi_out == out)
            return &n->sas[i];
    return NULL;
}

const char *sim_agree(struct sim *s, unsigned a, unsigned b)
{
    struct gather x = {.n = 0}, y = {.n = 0};
    struct sim_node *na = &s->nodes[a], *nb = &s->nodes[b];
    ike_each(na->ike, collect, &x);
    ike_each(nb->ike, collect, &y);
    if (s->broken)
        return s->broken;
    if (x.n != y.n)
        return "the ends have different numbers of IKE SAs";
    for (unsigned i = 0; i < x.n; i++) {
        const struct ike_sa *p = x.v[i], *q = NULL;
        for (unsigned k = 0; k < y.n; k++)
            if (y.v[k]->spi_i == p->spi_i && y.v[k]->spi_r == p->spi_r)
                q = y.v[k];
        if (!q)
            return "an IKE SA is known to one end only";
        if (p->state != IKE_ESTABLISHED || q->state != IKE_ESTABLISHED)
            return "an IKE SA is stuck";
        if (p->initiator == q->initiator)
            return "the ends do not agree on who the initiator was";
        if (p->keys && memcmp(p->keys->d, q->keys->d, ike_hash_len(p->suite.prf)) != 0)
            return "the ends have different keys";
        if (p->current || q->current || p->request || q->request)
            return "an exchange is stuck";
        unsigned n = 0, m = 0;
        for (const struct ike_child *c = p->children; c; c = c->next, n++) {
            const struct ike_child *d = q->children;
            while (d && (d->spi_in != c->spi_out || d->spi_out != c->spi_in))
                d = d->next;
            if (!d)
                return "a child SA is known to one end only";
            if (c->state != CHILD_UP || d->state != CHILD_UP)
                return "a child SA is stuck";
            const struct sim_sa *k = find(na, c->spi_in, c->spi_out), *l = find(nb, d->spi_in, d->spi_out);
            if (!k || !l)
                return "a child SA is not in the kernel";
            if (!k->sends || !l->sends)
                return "a child SA does not send";
            if (memcmp(k->in, l->out, 32) != 0 || memcmp(k->out, l->in, 32) != 0)
                return "the ends of a child SA have different keys";
            if (!ike_ts_equal(&c->ts_local, &d->ts_remote) || !ike_ts_equal(&c->ts_remote, &d->ts_local))
                return "the ends of a child SA have different selectors";
            if (c->transport != d->transport || c->esn != d->esn)
                return "the ends of a child SA have different modes";
        }
        for (const struct ike_child *d = q->children; d; d = d->next)
            m++;
        if (n != m)
            return "the ends have different numbers of child SAs";
    }
    unsigned in_engine = 0;
    for (unsigned i = 0; i < x.n; i++)
        for (const struct ike_child *c = x.v[i]->children; c; c = c->next)
            in_engine++;
    return in_engine == na->n && na->n == nb->n ? NULL : "the kernel has SAs that the engine has not";
}

/* ---- policies ---- */

static struct ike_choice pick(struct sim *s, const struct ike_choice *v, unsigned n)
{
    return v[sim_random(s, n)];
}

static void sim_half(struct sim_policy *x, const char *own, const char *peer)
{
    x->p.v2 = x->v2;
    x->p.n_v2 = 1;
    x->v2[0].proposals = x->proposal_list;
    for (int i = 0; i < 3; i++) {
        x->proposal_list[i] = &x->proposals[i];
        x->set_list[i] = &x->sets[i];
    }
    x->p.profiles = &x->profile;
    x->p.n_profiles = 1;
    x->profile.remote = &x->match;
    x->profile.n_remote = 1;
    x->profile.keys = x->psk;
    x->profile.n_keys = 1;
    x->p.keys = x->psk;
    x->p.n_keys = 1;
    x->p.v1 = x->v1;
    x->p.entries = &x->entry;
    x->p.n_entries = 1;
    x->entry.profile = x->entry.version == 2 ? &x->profile : NULL;
    x->entry.sets = x->set_list;
    x->entry.peers = x->peer;
    x->entry.n_peers = 1;
    x->entry.lines = x->lines;
    addr_parse((struct str){own, (uint32_t)strlen(own)}, &x->entry.local);
    addr_parse((struct str){peer, (uint32_t)strlen(peer)}, &x->peer[0].addr);
    x->match = (struct ike_match){.addr = x->peer[0].addr, .plen = x->peer[0].addr.family == FAMILY_V6 ? 128 : 32};
    x->psk[0].who = x->match;
}

static void net(struct ip_addr *lo, struct ip_addr *hi, unsigned a, unsigned b)
{
    *lo = addr_from_v4(10u << 24 | a << 16 | b << 8);
    *hi = addr_from_v4(10u << 24 | a << 16 | b << 8 | 255);
}

void sim_pair(struct sim *s, struct sim_policy *a, struct sim_policy *b, unsigned version)
{
    static const struct ike_choice encr[] = {{ALGO_ENCR_AES_CBC, 128}, {ALGO_ENCR_AES_CBC, 256},
                                             {ALGO_ENCR_3DES, 0},      {ALGO_ENCR_AES_GCM, 128},
                                             {ALGO_ENCR_AES_GCM, 256}, {ALGO_ENCR_AES_CBC, 192}};
    static const struct ike_choice hash[] = {{ALGO_INTEG_SHA1, 0},
                                             {ALGO_INTEG_SHA256, 0},
                                             {ALGO_INTEG_SHA384, 0},
                                             {ALGO_INTEG_SHA512, 0},
                                             {ALGO_INTEG_MD5, 0}};
    static const struct ike_choice dh[] = {{ALGO_DH_256_ECP, 0}, {ALGO_DH_256_ECP, 0}, {ALGO_DH_1024_MODP, 0}};
    static const uint8_t key[] = "a shared secret";
    *a = (struct sim_policy){.p = {.v2_fragmentation = sim_random(s, 2) != 0}};
    unsigned n = 1 + sim_random(s, 3);
    for (unsigned i = 0; i < n; i++) {
        struct ike_proposal *p = &a->proposals[i];
        *p = (struct ike_proposal){.name = "P", .line = i + 1};
        p->encr = (struct ike_choices){.v = {pick(s, encr, 6), pick(s, encr, 6)}, .n = 2};
        p->integ = p->prf = (struct ike_choices){.v = {pick(s, hash, 5)}, .n = 1};
        p->dh = (struct ike_choices){.v = {pick(s, dh, 3), pick(s, dh, 3)}, .n = 2};
        a->v1[i] = (struct ike_v1_policy){
            i + 1, i + 1, pick(s, encr, 3), pick(s, hash, 5).alg, pick(s, dh, 3).alg, ALGO_AUTH_PSK, 600};
    }
    a->v2[0].n = n;
    a->p.n_v1 = n;
    unsigned sets = 1 + sim_random(s, 2);
    for (unsigned i = 0; i < sets; i++) {
        struct ike_transform_set *t = &a->sets[i];
        *t = (struct ike_transform_set){.name = "T", .line = 20 + i, .esn = version == 2 && sim_random(s, 3) == 0};
        switch (sim_random(s, 4)) {
        case 0:
            t->ah = pick(s, hash, 5);
            break;
        case 1:
            t->encr = (struct ike_choice){ALGO_ENCR_AES_GCM, 256};
            break;
        default:
            t->encr = pick(s, encr, 2);
            t->integ = pick(s, hash, 5);
        }
    }
    a->entry = (struct ike_entry){.map = "M",
                                  .seq = 10,
                                  .line = 30,
                                  .version = (uint8_t)version,
                                  .n_sets = sets,
                                  .lifetime_s = 120 + sim_random(s, 60),
                                  .n_lines = 1 + sim_random(s, 3)};
    a->entry.pfs = sim_random(s, 2) ? ALGO_DH_256_ECP : ALGO_NONE;
    a->profile = (struct ike_profile){.name = "PROF",
                                      .line = 5,
                                      .version = 2,
                                      .auth_local = IKE_MAY_PSK,
                                      .auth_remote = IKE_MAY_PSK,
                                      .lifetime_s = 300 + sim_random(s, 300),
                                      .dpd_s = sim_random(s, 2) ? 30 : 0};
    a->psk[0] = (struct ike_psk){.line = 3, .local = {key, sizeof key - 1}, .remote = {key, sizeof key - 1}};
    *b = *a;
    for (unsigned i = 0; i < 3; i++) {
        struct ike_line *l = &a->lines[i], *m = &b->lines[i];
        *l = (struct ike_line){.reqid = 0x5c000001 + i,
                               .line = 40 + i,
                               .sel = {.family = FAMILY_V4, .sport_hi = 65535, .dport_hi = 65535}};
        net(&l->sel.src_lo, &l->sel.src_hi, 1, i);
        net(&l->sel.dst_lo, &l->sel.dst_hi, 2, i);
        *m = *l;
        m->sel.src_lo = l->sel.dst_lo, m->sel.src_hi = l->sel.dst_hi;
        m->sel.dst_lo = l->sel.src_lo, m->sel.dst_hi = l->sel.src_hi;
    }
    sim_half(a, "192.0.2.1", "192.0.2.2");
    sim_half(b, "192.0.2.2", "192.0.2.1");
    if (version == 1)
        a->p.v1_fragmentation = b->p.v1_fragmentation = sim_random(s, 2) != 0;
    if (sim_random(s, 2)) /* messages as short as can be */
        a->p.fragment_mtu = b->p.fragment_mtu = 201 + sim_random(s, 300);
    if (version == 1 && sim_random(s, 3) == 0) { /* each calls in aggressive mode, with a name of its own */
        static const uint8_t name[] = "r.example";
        a->aggressive[0] =
            (struct ike_aggressive_peer){.peer = a->peer[0].addr, .id_type = IKE_ID_FQDN, .id = {name, 9}};
        b->aggressive[0] =
            (struct ike_aggressive_peer){.peer = b->peer[0].addr, .id_type = IKE_ID_FQDN, .id = {name, 9}};
        a->p.aggressive = a->aggressive, b->p.aggressive = b->aggressive;
        a->p.n_aggressive = b->p.n_aggressive = 1;
    }
}

void sim_reload(struct sim *s, struct sim_node *n, bool same)
{
    /* `p` is the first member of the whole */
    const struct sim_policy *from = (const struct sim_policy *)n->ike->policy;
    struct sim_policy *to = malloc(sizeof *to);
    char own[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];
    uint32_t entry[1] = {same ? 0 : UINT32_MAX}, profile[1] = {0}, v1[3] = {0, 1, 2};
    struct ike_reload r;
    if (!to)
        abort();
    *to = *from;
    to->next = s->reloaded;
    s->reloaded = to;
    sim_half(to, addr_text(&from->entry.local, own), addr_text(&from->peer[0].addr, peer));
    if (from->p.aggressive)
        to->p.aggressive = to->aggressive;
    if (!same)
        to->entry.lifetime_s++;
    const struct ike_moves m = {&from->p, &to->p, entry, profile, v1};
    if (!ike_reload(n->ike, s->now, &m, &r))
        abort();
}
