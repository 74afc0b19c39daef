/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/sim.h"

#include <stdlib.h>
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
    struct packet_in_flight f = {
        .at = s->now + 1 + sim_random(s, s->delay_ms), .from = *from, .to = *to, .p = malloc(n), .n = n};
    for (unsigned i = 0; i < s->n_nodes; i++)
        if (s->nodes[i].nat && addr_eq(&s->nodes[i].end.addr, &from->addr))
            f.from = (struct ike_end){s->nodes[i].outside, s->nodes[i].outside_port[from->port == IKE_PORT_NATT]};
    memcpy(f.p, p, n);
    s->air[s->n_air++] = f;
}

static void send_(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    struct sim_node *node = ctx;
    struct sim *s = node->sim;
    /* an unspecified source: the kernel takes its own */
    const struct ike_end own = {node->end.addr, local->port};
    if (local->addr.family == FAMILY_NONE)
        local = &own;
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

static int out_find(const struct sim_node *n, const struct ike_child *c)
{
    for (unsigned i = 0; i < n->n_outs; i++)
        if (n->outs[i].spi == c->spi_out && addr_eq(&n->outs[i].to, &c->out.remote.addr))
            return (int)i;
    return -1;
}

/* False: there is one, as the kernel says (EEXIST). */
static bool out_add(struct sim_node *n, const struct ike_child *c)
{
    if (out_find(n, c) >= 0)
        return false;
    if (n->n_outs == n->cap_outs) {
        n->cap_outs = n->cap_outs ? 2 * n->cap_outs : 16;
        n->outs = realloc(n->outs, n->cap_outs * sizeof *n->outs);
    }
    n->outs[n->n_outs++] = (struct sim_out){c->out.remote.addr, c->spi_out};
    return true;
}

static void out_delete(struct sim_node *n, const struct ike_child *c)
{
    int at = out_find(n, c);
    if (at >= 0)
        n->outs[at] = n->outs[--n->n_outs];
}

static bool sa_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    struct sim_node *n = ctx;
    struct sim_sa *have = NULL;
    for (unsigned i = 0; i < n->n; i++)
        if (n->sas[i].spi_in == c->spi_in)
            have = &n->sas[i];
    if (n->refuse_all || (n->refuse_out && which & IKE_SA_OUT))
        return false;
    if (which == IKE_SA_OUT) {
        if (!have || have->sends)
            n->sim->broken = "an SA sends that does not receive, or twice";
        else if (!out_add(n, c))
            return false;
        else
            have->sends = ++n->n_sends;
        return have != NULL;
    }
    struct sim_sa x = {.spi_in = c->spi_in,
                       .spi_out = c->spi_out,
                       .to = c->in.remote.addr,
                       .sends = which & IKE_SA_OUT ? ++n->n_sends : 0};
    digest(x.in, k->encr_in, sizeof k->encr_in, k->integ_in, sizeof k->integ_in, k->ah_in, sizeof k->ah_in);
    digest(x.out, k->encr_out, sizeof k->encr_out, k->integ_out, sizeof k->integ_out, k->ah_out, sizeof k->ah_out);
    if (!key_is_new(n->sim, x.out)) /* each key has one sender */
        n->sim->broken = "a key is used twice";
    if (memcmp(x.in, x.out, 32) == 0)
        n->sim->broken = "one key for both directions";
    if (have || (which & IKE_SA_OUT && !out_add(n, c)))
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
    if (c->sends) /* as the daemon does */
        out_delete(n, c);
    for (unsigned i = 0; i < n->n; i++)
        if (n->sas[i].spi_in == c->spi_in && n->sas[i].spi_out == c->spi_out) {
            n->stale += !addr_eq(&n->sas[i].to, &c->in.remote.addr);
            n->sas[i] = n->sas[--n->n];
            return;
        }
    n->sim->broken = "an SA is deleted that the kernel does not have";
}

/* As the kernel: one policy for a selector, whoever has it; and the same request number keeps its own. */
static bool policy_add(void *ctx, const struct ike_child *c, bool update)
{
    (void)update;
    struct sim_node *n = ctx;
    for (unsigned i = 0; i < n->n_policies; i++) {
        struct sim_peer_policy *p = &n->policies[i];
        if (!ike_ts_equal(&p->local, &c->ts_local) || !ike_ts_equal(&p->remote, &c->ts_remote))
            continue;
        if (p->reqid != c->reqid)
            return false;
        p->to = c->in.remote.addr;
        return true;
    }
    if (n->n_policies == n->cap_policies) {
        n->cap_policies = n->cap_policies ? 2 * n->cap_policies : 16;
        n->policies = realloc(n->policies, n->cap_policies * sizeof *n->policies);
    }
    n->policies[n->n_policies++] = (struct sim_peer_policy){c->reqid, c->ts_local, c->ts_remote, c->in.remote.addr};
    return true;
}

static void policy_delete(void *ctx, const struct ike_child *c)
{
    struct sim_node *n = ctx;
    for (unsigned i = 0; i < n->n_policies; i++)
        if (n->policies[i].reqid == c->reqid) {
            n->policies[i] = n->policies[--n->n_policies];
            return;
        }
    n->sim->broken = "a policy is deleted that the kernel does not have";
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

/* Rows of the tables of states that have happened in this program, in whichever simulation. */
static bool happened[3][64];

static void transition(void *ctx, const struct ike_transition *row)
{
    const struct ike_transitions *const all[] = {NULL, &ike1_transitions, &ike2_transitions};
    (void)ctx;
    for (unsigned v = 1; v < 3; v++)
        if (row >= all[v]->v && row < all[v]->v + all[v]->n)
            happened[v][row - all[v]->v] = true;
}

unsigned sim_rows_left(unsigned version, bool print)
{
    const struct ike_transitions *t = version == 1 ? &ike1_transitions : &ike2_transitions;
    unsigned left = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (happened[version][i])
            continue;
        left++;
        if (print)
            printf("IKEv%u, row %zu has never happened: %s\n", version, i, t->v[i].says);
    }
    return left;
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
    const struct ike_host host = {.ctx = n,
                                  .random = random_bytes,
                                  .send = send_,
                                  .sa_add = sa_add,
                                  .sa_delete = sa_delete,
                                  .event = event,
                                  .transition = transition,
                                  .policy_add = policy_add,
                                  .policy_delete = policy_delete};
    n->sim = s;
    n->end.port = IKE_PORT;
    if (!addr_parse((struct str){addr, (uint32_t)strlen(addr)}, &n->end.addr))
        abort();
    n->ike = ike_new(p, &host, s->now);
}

void sim_node_stop(struct sim *s, unsigned i)
{
    ike_free(s->nodes[i].ike);
    s->nodes[i].ike = NULL;
    if (s->nodes[i].n)
        s->broken = "SAs are left in the kernel";
    if (s->nodes[i].n_policies)
        s->broken = "policies are left in the kernel";
}

void sim_end(struct sim *s)
{
    struct sim_policy *old = s->reloaded;
    for (unsigned i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].ike)
            sim_node_stop(s, i);
        free(s->nodes[i].sas);
        free(s->nodes[i].outs);
        free(s->nodes[i].policies);
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
    for (unsigned i = 0; i < s->n_nodes; i++) {
        const struct sim_node *n = &s->nodes[i];
        struct ike_end to = f->to;
        bool here = !n->nat && addr_eq(&n->end.addr, &f->to.addr);
        for (unsigned k = 0; k < 2 && n->nat; k++)
            if (addr_eq(&n->outside, &f->to.addr) && n->outside_port[k] == f->to.port) {
                to = (struct ike_end){n->end.addr, k ? IKE_PORT_NATT : IKE_PORT};
                here = true;
            }
        if (here && n->ike && !n->deaf)
            ike_input(n->ike, s->now, &to, &f->from, f->p, f->n);
    }
}

void sim_node_nat(struct sim *s, unsigned i, const char *outside, uint16_t port)
{
    struct sim_node *n = &s->nodes[i];
    n->nat = true;
    if (!addr_parse((struct str){outside, (uint32_t)strlen(outside)}, &n->outside))
        abort();
    n->outside_port[0] = port;
    n->outside_port[1] = (uint16_t)(port + 1);
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

void sim_print(void *ctx, const struct ike_sa *sa)
{
    const struct sim_node *n = ctx;
    printf("node %u: SA %016llx %s%s\n", (unsigned)(n - n->sim->nodes), (unsigned long long)sa->own_spi,
           ike_state_name(sa->state), sa->initiator ? ", initiator" : "");
    for (const struct ike_child *c = sa->children; c; c = c->next)
        printf("    child 0x%08x in, 0x%08x out, state %u%s, rekeying at %llu, ends at %llu\n", c->spi_in, c->spi_out,
               c->state, c->held_policy ? ", dropped by a reload" : "", (unsigned long long)c->rekey_at / 1000,
               (unsigned long long)c->expire_at / 1000);
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

static const struct ike_child *other_end(const struct gather *y, const struct ike_child *c)
{
    for (unsigned k = 0; k < y->n; k++)
        for (const struct ike_child *d = y->v[k]->children; d; d = d->next)
            if (d->spi_in == c->spi_out && d->spi_out == c->spi_in)
                return d;
    return NULL;
}

/* One child against its other end, wherever that hangs: IKEv1's live on without their ISAKMP SA. */
static const char *child_agrees(const struct sim_node *na, const struct sim_node *nb, const struct ike_child *c,
                                const struct ike_child *d)
{
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
    return NULL;
}

static const char *sa_agrees(const struct ike_sa *p, const struct ike_sa *q)
{
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
    return NULL;
}

static unsigned count_live(const struct gather *g, unsigned *children)
{
    unsigned n = 0;
    *children = 0;
    for (unsigned i = 0; i < g->n; i++) {
        n += g->v[i]->state != IKE_ORPHANED;
        for (const struct ike_child *c = g->v[i]->children; c; c = c->next)
            ++*children;
    }
    return n;
}

const char *sim_agree(struct sim *s, unsigned a, unsigned b)
{
    struct gather x = {.n = 0}, y = {.n = 0};
    struct sim_node *na = &s->nodes[a], *nb = &s->nodes[b];
    unsigned mine, theirs;
    ike_each(na->ike, collect, &x);
    ike_each(nb->ike, collect, &y);
    if (s->broken)
        return s->broken;
    if (count_live(&x, &mine) != count_live(&y, &theirs))
        return "the ends have different numbers of IKE SAs";
    for (unsigned i = 0; i < x.n; i++) {
        const struct ike_sa *p = x.v[i], *q = NULL;
        for (unsigned k = 0; k < y.n; k++)
            if (y.v[k]->spi_i == p->spi_i && y.v[k]->spi_r == p->spi_r)
                q = y.v[k];
        const char *bad = p->state == IKE_ORPHANED ? NULL : sa_agrees(p, q);
        for (const struct ike_child *c = p->children; c && !bad; c = c->next)
            bad = child_agrees(na, nb, c, other_end(&y, c));
        if (bad)
            return bad;
    }
    if (mine != theirs)
        return "the ends have different numbers of child SAs";
    return mine == na->n && na->n == nb->n ? NULL : "the kernel has SAs that the engine has not";
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
    if (!addr_parse((struct str){own, (uint32_t)strlen(own)}, &x->entry.local))
        abort();
    if (!addr_parse((struct str){peer, (uint32_t)strlen(peer)}, &x->peer[0].addr))
        abort();
    x->match = (struct ike_match){.addr = x->peer[0].addr, .plen = x->peer[0].addr.family == FAMILY_V6 ? 128 : 32};
    x->psk[0].who = x->match;
    x->psk[0].id = x->p.n_key_ids = 1;
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
    uint32_t key[] = {0, 1};
    const struct ike_moves m = {&from->p, &to->p, entry, profile, v1, key, true};
    if (!ike_reload(n->ike, s->now, &m, &r))
        abort();
}
