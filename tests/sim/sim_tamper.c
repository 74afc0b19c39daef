/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every truncation and every change of a single byte of every datagram of an exchange of each kind: setting up, new
 * child, rekeying of both kinds, liveness, deletes; both versions.
 *
 *   protected datagrams   the damaged copy comes first, then the real one: nothing of any SA may change by the former,
 *                         and it is not answered
 *   unprotected ones      one run for each damage: whatever becomes of the negotiation, both ends agree in the end
 */
#include <string.h>

#include "tests/sim/sim.h"

struct tamper {
    bool protected_;            /* damage those */
    unsigned at, offset, count; /* else: which clear datagram, at which byte, how many there were */
    bool cut;
    uint8_t change;
    unsigned copies;
    char bad[128];
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * 1099511628211u ^ h >> 29;
}

static void add_sa(void *ctx, const struct ike_sa *sa)
{
    uint64_t *sum = ctx, h = 14695981039346656037u;
    const uint64_t fields[] = {sa->own_spi,     sa->spi_i,      sa->spi_r,       sa->state,
                               sa->next_in,     sa->next_out,   sa->response_id, sa->last_in,
                               sa->remote.port, sa->local.port, sa->request_len, sa->floated,
                               sa->busy,        sa->nat_local,  sa->nat_remote,  sa->request_tries};
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++)
        h = mix(h, fields[i]);
    for (unsigned i = 0; i < 4; i++)
        h = mix(h, sa->remote.addr.b[i]);
    for (const struct ike_child *c = sa->children; c; c = c->next)
        h = mix(mix(mix(h, c->spi_in), c->spi_out), c->state);
    *sum += h;
}

static uint64_t state_of(const struct sim_node *n)
{
    uint64_t sum = n->ike->n_sa + 1000003u * n->n;
    ike_each(n->ike, add_sa, &sum);
    return sum;
}

static bool is_protected(const struct packet_in_flight *f)
{
    if (f->n < IKE_HEADER_LEN)
        return false;
    return f->p[17] == 0x10 ? f->p[19] & IKE1_ENCRYPTED : f->p[18] != X2_SA_INIT;
}

static void damaged(struct sim *s, struct sim_node *n, const struct packet_in_flight *f, struct tamper *t)
{
    uint8_t copy[4096];
    if (f->n > sizeof copy)
        return;
    /* The last message of aggressive mode was lost: whatever comes with our cookie gets our message once more, which
     * asks for it. Nothing tells yet what is authentic. */
    bool went_on = f->p[17] == 0x10 && (f->p[18] == X1_QUICK || f->p[18] == X1_INFO);
    if (went_on && sim_count(n, IKE_AGGRESSIVE_1))
        return;
    for (unsigned k = 0; k < 2 * f->n; k++) {
        bool cut = k >= f->n;
        size_t at = k % f->n, len = cut ? at : f->n;
        uint64_t before = state_of(n);
        unsigned air = s->n_air;
        memcpy(copy, f->p, f->n);
        if (!cut)
            copy[at] ^= (uint8_t)(1 + sim_random(s, 255));
        ike_input(n->ike, s->now, &f->to, &f->from, copy, len);
        t->copies++;
        /* IKEv1 authenticates neither the header nor the padding, in phase 1 not even the payloads behind the hash
         * (RFC 2409 §5): a copy that differs there is as good as the real one. */
        bool phase1 = f->p[18] == X1_MAIN || f->p[18] == X1_AGGRESSIVE;
        bool unproved = f->p[17] == 0x10 && !cut && (at < IKE_HEADER_LEN || at + 32 >= f->n || phase1);
        if (unproved && state_of(n) != before)
            return;
        if (unproved)
            continue;
        if ((state_of(n) != before || s->n_air != air) && !t->bad[0])
            snprintf(t->bad, sizeof t->bad, "exchange %u of %zu bytes, byte %zu %s: %s", f->p[18], f->n, at,
                     cut ? "cut" : "changed", s->n_air != air ? "it is answered" : "something changes");
    }
}

static bool meddle(struct sim *s, struct packet_in_flight *f)
{
    struct tamper *t = s->meddler;
    struct sim_node *n = NULL;
    for (unsigned i = 0; i < s->n_nodes; i++)
        if (addr_eq(&s->nodes[i].end.addr, &f->to.addr))
            n = &s->nodes[i];
    if (t->protected_) {
        if (n && is_protected(f))
            damaged(s, n, f, t);
        return true;
    }
    if (is_protected(f) || t->count++ != t->at)
        return true;
    if (t->offset >= f->n)
        return true;
    if (t->cut)
        f->n = t->offset;
    else
        f->p[t->offset] ^= t->change;
    t->copies++;
    return true;
}

static struct ike_sa *established(struct sim_node *n)
{
    for (uint32_t i = 0; i < n->ike->heap_n; i++)
        if (n->ike->heap[i]->state == IKE_ESTABLISHED)
            return n->ike->heap[i];
    return NULL;
}

static void all_kinds(struct sim *s, const struct sim_policy *a)
{
    struct sim_node *n = &s->nodes[0];
    struct ike_sa *sa;
    ike_acquire(n->ike, s->now, 0x5c000001, NULL, NULL, NULL);
    sim_run(s, 4000);
    if (a->entry.n_lines > 1)
        ike_acquire(n->ike, s->now, 0x5c000002, NULL, NULL, NULL);
    sim_run(s, 3000);
    for (int what = 0; what < 3 && (sa = established(&s->nodes[what & 1])); what++) {
        if (what == 0 && sa->children)
            ike_expire(s->nodes[0].ike, s->now, &sa->remote.addr, &sa->local.addr, sa->children->spi_in, false);
        else if (what == 1)
            sa->rekey_at = s->now;
        else if (sa->dpd_at)
            sa->dpd_at = s->now;
        ike_timer_update(s->nodes[what & 1].ike, sa);
        sim_run(s, 3000);
    }
    ike_clear_children(n->ike, s->now, NULL, NULL, 0);
    sim_run(s, 3000);
    ike_clear(n->ike, s->now, NULL, 0, 0);
    sim_run(s, 3000);
}

static void meddled_pair(struct sim *s, struct sim_policy *a, struct sim_policy *b, uint64_t seed, unsigned version,
                         struct tamper *t)
{
    sim_init(s, seed, 2);
    sim_pair(s, a, b, version);
    sim_node_start(s, 0, &a->p, "192.0.2.1");
    sim_node_start(s, 1, &b->p, "192.0.2.2");
    s->meddle = meddle;
    s->meddler = t;
}

static const char *protected_run(uint64_t seed, unsigned version, struct tamper *t)
{
    struct sim s;
    struct sim_policy a, b;
    *t = (struct tamper){.protected_ = true};
    meddled_pair(&s, &a, &b, seed, version, t);
    all_kinds(&s, &a);
    const char *bad = s.broken ? s.broken : t->bad[0] ? t->bad : NULL;
    sim_end(&s);
    return bad;
}

/* Returns how many clear datagrams there were. */
static unsigned clear_run(uint64_t seed, unsigned version, struct tamper *t, const char **bad)
{
    struct sim s;
    struct sim_policy a, b;
    meddled_pair(&s, &a, &b, seed, version, t);
    ike_acquire(s.nodes[0].ike, s.now, 0x5c000001, NULL, NULL, NULL);
    sim_run(&s, 200000);
    *bad = sim_agree(&s, 0, 1);
    sim_end(&s);
    return t->count;
}

int main(void)
{
    unsigned rounds = getenv("IOSCC_QUICK") ? 2 : 12, step = getenv("IOSCC_QUICK") ? 23 : 1, failed = 0;
    const char *env = getenv("IOSCC_SEED");
    uint64_t first = env ? strtoull(env, NULL, 0) : 1;
    for (unsigned version = 1; version <= 2; version++) {
        unsigned long copies = 0, runs = 0;
        struct tamper t;
        for (uint64_t seed = first; seed < first + rounds && failed < 5; seed++) {
            const char *bad = protected_run(seed, version, &t);
            copies += t.copies;
            if (bad) {
                printf("sim_tamper: IKEv%u seed %llu: %s\n", version, (unsigned long long)seed, bad);
                failed++;
            }
        }
        unsigned datagrams = 1;
        for (unsigned at = 0; at < datagrams && failed < 5; at++)
            for (unsigned k = 0; k < 2000 && failed < 5; k += step) {
                const char *bad;
                t = (struct tamper){.at = at, .offset = k / 2, .cut = k & 1, .change = (uint8_t)(1 + k * 37 % 255)};
                unsigned n = clear_run(first, version, &t, &bad);
                if (at == 0 && k == 0)
                    datagrams = n < 4 ? n : 4;
                if (!t.copies && step == 1)
                    break; /* behind the datagram's end */
                runs++;
                if (bad) {
                    printf("sim_tamper: IKEv%u clear datagram %u, byte %u %s: %s\n", version, at, k / 2,
                           k & 1 ? "cut" : "changed", bad);
                    failed++;
                }
            }
        printf("IKEv%u: %lu damaged protected datagrams, %lu negotiations with a damaged clear one\n", version, copies,
               runs);
        failed += copies < 1000 || runs < 50;
    }
    return failed != 0;
}
