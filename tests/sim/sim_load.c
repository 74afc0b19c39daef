/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many tunnels at once, both ends in this process, time is a number:
 *
 *   sim_load           the test: thousands of tunnels set up, rekeyed all at once and torn down while a tenth of all
 *                      datagrams is lost, nothing left behind; a flood of forged requests does not keep an honest peer
 *                      out; a scan does not make an SA for each address
 *   sim_load N [LOSS]  the same with N tunnels (LOSS: per mille)
 *   sim_load bench     figures against the bare Diffie-Hellman work of the same run, memory, idle cost
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/ike/ike.h"

struct flight {
    struct ike_end from, to;
    uint8_t *p;
    size_t n;
};

struct world;
struct end {
    struct world *w;
    struct ike *ike;
    struct ike_policy policy;
    struct ike_entry *entries;
    struct ike_peer *peers;
    struct ike_line *lines;
    uint32_t sas;
    unsigned ups, refused;
};

struct world {
    uint64_t now, rng;
    unsigned loss;
    struct flight *air; /* a ring */
    size_t first, n, cap;
    struct end ends[2];
    struct ike_v2_policy v2;
    struct ike_proposal proposal;
    const struct ike_proposal *proposals[1];
    struct ike_transform_set set;
    const struct ike_transform_set *sets[1];
    struct ike_profile profile;
    struct ike_match any;
    struct ike_psk key;
};

static uint64_t next(struct world *w)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng;
}

static void random_bytes(void *ctx, void *p, size_t n)
{
    struct end *e = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(next(e->w) >> 24);
}

static void send_(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    struct world *w = ((struct end *)ctx)->w;
    if (next(w) >> 20 & 1023 ? (next(w) >> 20) % 1000 < w->loss : false)
        return;
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 1024;
        struct flight *v = malloc(cap * sizeof *v);
        for (size_t i = 0; i < w->n; i++)
            v[i] = w->air[(w->first + i) % w->cap];
        free(w->air);
        w->air = v;
        w->first = 0;
        w->cap = cap;
    }
    struct flight f = {*local, *remote, malloc(n), n};
    memcpy(f.p, p, n);
    w->air[(w->first + w->n++) % w->cap] = f;
}

static bool sa_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    (void)c, (void)k;
    ((struct end *)ctx)->sas += which & IKE_SA_IN;
    return true;
}

static void sa_delete(void *ctx, const struct ike_child *c)
{
    (void)c;
    ((struct end *)ctx)->sas--;
}

static void event(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                  const char *text)
{
    struct end *x = ctx;
    (void)l, (void)sa, (void)c;
    x->ups += e == EV_IKE_UP;
    x->refused += e == EV_REFUSED;
    if (getenv("VERBOSE"))
        printf("%llu %s\n", (unsigned long long)x->w->now, text);
}

static struct ip_addr address(unsigned side, uint32_t i)
{
    return addr_from_v4((side ? 11u : 10u) << 24 | (i + 1));
}

static void make(struct world *w, unsigned n, enum algo_id group, unsigned dpd_s)
{
    static const uint8_t key[] = "a key for all of them";
    *w = (struct world){.now = 1000, .rng = 88172645463325252u};
    w->proposal = (struct ike_proposal){.name = "P",
                                        .line = 1,
                                        .encr = {{{ALGO_ENCR_AES_CBC, 256}}, 1},
                                        .prf = {{{ALGO_INTEG_SHA256, 0}}, 1},
                                        .integ = {{{ALGO_INTEG_SHA256, 0}}, 1},
                                        .dh = {{{(uint16_t)group, 0}}, 1}};
    w->proposals[0] = &w->proposal;
    w->v2 = (struct ike_v2_policy){.name = "POL", .proposals = w->proposals, .n = 1};
    w->set = (struct ike_transform_set){
        .name = "T", .line = 2, .encr = {ALGO_ENCR_AES_CBC, 256}, .integ = {ALGO_INTEG_SHA256, 0}};
    w->sets[0] = &w->set;
    w->any = (struct ike_match){.any = true};
    w->key = (struct ike_psk){.who = w->any, .id = 1, .local = {key, sizeof key - 1}, .remote = {key, sizeof key - 1}};
    w->profile = (struct ike_profile){.name = "F",
                                      .version = 2,
                                      .remote = &w->any,
                                      .n_remote = 1,
                                      .auth_local = IKE_MAY_PSK,
                                      .auth_remote = IKE_MAY_PSK,
                                      .keys = &w->key,
                                      .n_keys = 1,
                                      .lifetime_s = 86400,
                                      .dpd_s = dpd_s};
    for (unsigned side = 0; side < 2; side++) {
        struct end *e = &w->ends[side];
        e->w = w;
        e->entries = calloc(n, sizeof *e->entries);
        e->peers = calloc(n, sizeof *e->peers);
        e->lines = calloc(n, sizeof *e->lines);
        for (uint32_t i = 0; i < n; i++) {
            e->peers[i].addr = address(!side, i);
            e->lines[i] = (struct ike_line){.reqid = 0x5c000000u | i,
                                            .line = 3,
                                            .sel = {.family = FAMILY_V4,
                                                    .sport_hi = 65535,
                                                    .dport_hi = 65535,
                                                    .src_lo = address(side, i),
                                                    .src_hi = address(side, i),
                                                    .dst_lo = address(!side, i),
                                                    .dst_hi = address(!side, i)}};
            e->entries[i] = (struct ike_entry){.map = "M",
                                               .seq = i + 1,
                                               .version = 2,
                                               .local = address(side, i),
                                               .peers = &e->peers[i],
                                               .n_peers = 1,
                                               .sets = w->sets,
                                               .n_sets = 1,
                                               .lines = &e->lines[i],
                                               .n_lines = 1,
                                               .lifetime_s = 86400,
                                               .profile = &w->profile};
        }
        e->policy = (struct ike_policy){.v2 = &w->v2,
                                        .n_v2 = 1,
                                        .profiles = &w->profile,
                                        .n_profiles = 1,
                                        .entries = e->entries,
                                        .n_entries = n,
                                        .cookie_threshold = 1000000,
                                        .max_in_negotiation = 1000000};
        const struct ike_host host = {
            .ctx = e, .random = random_bytes, .send = send_, .sa_add = sa_add, .sa_delete = sa_delete, .event = event};
        e->ike = ike_new(&e->policy, &host, w->now);
    }
}

static void end_all(struct world *w)
{
    for (unsigned side = 0; side < 2; side++) {
        ike_free(w->ends[side].ike);
        free(w->ends[side].entries);
        free(w->ends[side].peers);
        free(w->ends[side].lines);
    }
    for (; w->n; w->n--, w->first++)
        free(w->air[w->first % w->cap].p);
    free(w->air);
}

static void run(struct world *w, uint64_t until)
{
    for (;;) {
        if (w->n) {
            struct flight f = w->air[w->first];
            w->first = (w->first + 1) % w->cap;
            w->n--;
            ike_input(w->ends[f.to.addr.b[0] == 11].ike, w->now, &f.to, &f.from, f.p, f.n);
            free(f.p);
            continue;
        }
        uint64_t a = ike_deadline(w->ends[0].ike), b = ike_deadline(w->ends[1].ike), at = a < b ? a : b;
        if (at > until)
            break;
        w->now = at > w->now ? at : w->now;
        ike_tick(w->ends[0].ike, w->now);
        ike_tick(w->ends[1].ike, w->now);
    }
    w->now = until;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void all_up(struct world *w, unsigned n)
{
    for (uint32_t i = 0; i < n; i++) {
        ike_acquire(w->ends[0].ike, w->now, 0x5c000000u | i, NULL, NULL, NULL);
        run(w, w->now);
    }
}

static void rekey_all(void *ctx, const struct ike_sa *constant)
{
    struct world *w = ctx;
    struct ike_sa *sa = (struct ike_sa *)(uintptr_t)constant;
    sa->rekey_at = w->now;
    for (struct ike_child *c = sa->children; c; c = c->next)
        c->rekey_at = w->now;
    ike_timer_update(w->ends[0].ike, sa);
}

static uint32_t half_open(const struct end *e)
{
    return ike_half_open_count(e->ike, 1) + ike_half_open_count(e->ike, 2);
}

#define NEED(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            printf("sim_load: %s fails: %u and %u IKE SAs, %u and %u kernel SAs, %u half open\n", #what,               \
                   w.ends[0].ike->n_sa, w.ends[1].ike->n_sa, w.ends[0].sas, w.ends[1].sas, half_open(&w.ends[1]));     \
            failed++;                                                                                                  \
        }                                                                                                              \
    } while (0)

static int load(unsigned n, unsigned loss)
{
    static struct world w;
    int failed = 0;
    double t = cpu();
    make(&w, n, ALGO_DH_256_ECP, 0);
    w.loss = loss;
    all_up(&w, n);
    for (int i = 0; i < 20 && (w.ends[0].sas < n || w.ends[1].ike->n_sa != n); i++) { /* traffic asks again */
        run(&w, w.now + 100000);
        for (uint32_t k = 0; k < n; k++)
            if (!ike_with_addr(w.ends[0].ike, &w.ends[0].peers[k].addr, NULL))
                ike_acquire(w.ends[0].ike, w.now, 0x5c000000u | k, NULL, NULL, NULL);
    }
    NEED(w.ends[0].ike->n_sa == n && w.ends[1].ike->n_sa == n && w.ends[0].sas == n && w.ends[1].sas == n);
    ike_each(w.ends[0].ike, rekey_all, &w);
    w.loss = loss / 4; /* six losses in a row end an SA, and of that many some would */
    run(&w, w.now + 200000);
    w.loss = 0;
    run(&w, w.now + 200000);
    NEED(half_open(&w.ends[0]) == 0 && half_open(&w.ends[1]) == 0);
    NEED(w.ends[0].ike->n_sa == w.ends[0].sas && w.ends[1].ike->n_sa <= n && w.ends[0].ike->n_sa >= n - n / 50);
    ike_clear(w.ends[0].ike, w.now, NULL, 0, 0);
    run(&w, w.now + 200000);
    ike_clear(w.ends[1].ike, w.now, NULL, 0, 0); /* what only that end still had */
    run(&w, w.now + 200000);
    NEED(w.ends[0].ike->n_sa == 0 && w.ends[1].ike->n_sa == 0 && w.ends[0].sas == 0 && w.ends[1].sas == 0);
    end_all(&w);
    printf("%u tunnels, %u per mille lost: set up, rekeyed all at once, torn down: %.1f s of CPU\n", n, loss,
           cpu() - t);
    return failed;
}

/* Requests from nowhere, each with another source and SPI, and now and then an honest one. */
static int flood(unsigned n)
{
    static struct world w;
    static uint8_t request[2048];
    size_t len = 0;
    int failed = 0;
    make(&w, 10, ALGO_DH_256_ECP, 0);
    w.ends[1].policy.cookie_threshold = 100;
    w.ends[1].policy.max_in_negotiation = 1000;
    ike_acquire(w.ends[0].ike, w.now, 0x5c000009, NULL, NULL, NULL);
    if (w.n && (len = w.air[w.first].n) <= sizeof request)
        memcpy(request, w.air[w.first].p, len);
    run(&w, w.now + 10);
    unsigned before = w.ends[1].ups, honest = 0;
    for (unsigned i = 0; i < n && len; i++) {
        uint64_t spi = next(&w);
        const struct ike_end from = {addr_from_v4(0x0a800000u | (uint32_t)(next(&w) & 0x7fffff)), IKE_PORT},
                             to = {address(1, i % 10), IKE_PORT};
        memcpy(request, &spi, 8);
        ike_input(w.ends[1].ike, w.now, &to, &from, request, len);
        w.loss = 0;
        while (w.n) { /* answers to nowhere */
            struct flight *f = &w.air[w.first];
            bool real = f->to.addr.b[0] == 11 || f->to.addr.b[1] < 0x80;
            if (real)
                break;
            free(f->p);
            w.first = (w.first + 1) % w.cap;
            w.n--;
        }
        if (i % (n / 8) == n / 16) {
            ike_acquire(w.ends[0].ike, w.now, 0x5c000000u | honest++, NULL, NULL, NULL);
            run(&w, w.now + 1);
        }
        if (i % 100 == 0)
            run(&w, w.now + 1);
    }
    run(&w, w.now + 3000);
    NEED(honest == 8 && w.ends[1].ups == before + honest);
    NEED(half_open(&w.ends[1]) <= 2000 && w.ends[1].ike->stats.cookies_sent > n / 2);
    run(&w, w.now + 100000);
    NEED(half_open(&w.ends[1]) == 0);
    printf("%u forged requests: %u of %u honest peers came in, %llu cookies asked for\n", n, w.ends[1].ups - before,
           honest, (unsigned long long)w.ends[1].ike->stats.cookies_sent);
    end_all(&w);
    return failed;
}

static double bare_dh(enum algo_id group, unsigned n)
{
    static uint8_t a[IKE_DH_MAX], b[IKE_DH_MAX], s[IKE_DH_MAX];
    double t = cpu();
    for (unsigned i = 0; i < n; i++) {
        struct ike_dh *x = ike_dh_new(group), *y = ike_dh_new(group);
        bool ok = ike_dh_public(x, a) && ike_dh_public(y, b) && ike_dh_shared(x, b, ike_dh_len(group), s) &&
                  ike_dh_shared(y, a, ike_dh_len(group), s);
        if (!ok)
            abort();
        ike_dh_free(x);
        ike_dh_free(y);
    }
    return (cpu() - t) / n;
}

static void bench(void)
{
    static const struct {
        enum algo_id id;
        const char *name;
        unsigned n;
    } groups[] = {{ALGO_DH_2048_MODP, "MODP-2048", 300}, {ALGO_DH_256_ECP, "ECP-256", 2000}};
    static struct world w;
    for (size_t g = 0; g < 2; g++) {
        unsigned n = groups[g].n;
        bare_dh(groups[g].id, n / 10);
        double dh = bare_dh(groups[g].id, n);
        make(&w, n, groups[g].id, 0);
        double t = cpu();
        all_up(&w, n);
        t = (cpu() - t) / n;
        printf("%s: tunnel, both ends %.3f ms, bare Diffie-Hellman (four operations) %.3f ms, ratio %.2f%s\n",
               groups[g].name, t * 1e3, dh * 1e3, t / dh, g ? "" : " (wanted: at most 1.60)");
        if (w.ends[0].sas != n)
            printf("only %u tunnels came up\n", w.ends[0].sas);
        end_all(&w);
    }
    unsigned n = 10000;
    make(&w, n, ALGO_DH_256_ECP, 30);
    size_t before = mallinfo2().uordblks;
    all_up(&w, n);
    printf("memory of an IKE SA with a child SA at %u: %.2f kB (wanted: under 4)\n", n,
           (double)(mallinfo2().uordblks - before) / 1024 / n / 2);
    double t = cpu();
    run(&w, w.now + 300000);
    printf("%u SAs idle with DPD every 30 s: %.2f%% of a core an end (wanted: under 2)\n", n,
           (cpu() - t) / 300 * 100 / 2);
    end_all(&w);
}

/* `level per-host` under a scan of a network: the first IKE_PER_HOST_MAX pairs get their SAs, the others are held back.
 */
static bool scan(void)
{
    struct world w;
    make(&w, 1, ALGO_DH_256_ECP, 0);
    const struct ip_addr lo = {FAMILY_V4, {10, 99, 0, 0}}, hi = {FAMILY_V4, {10, 99, 255, 255}};
    for (unsigned side = 0; side < 2; side++) {
        w.ends[side].entries[0].per_host = true;
        *(side ? &w.ends[side].lines[0].sel.src_lo : &w.ends[side].lines[0].sel.dst_lo) = lo;
        *(side ? &w.ends[side].lines[0].sel.src_hi : &w.ends[side].lines[0].sel.dst_hi) = hi;
    }
    unsigned asked = 0, n = IKE_PER_HOST_MAX + IKE_PER_HOST_MAX / 2;
    for (unsigned i = 0; i < n; i++) {
        struct ike_ts src, dst;
        ike_line_ts(&w.ends[0].lines[0], &src, &dst);
        dst.lo.b[2] = dst.hi.b[2] = (uint8_t)(i >> 8);
        dst.lo.b[3] = dst.hi.b[3] = (uint8_t)i;
        asked += ike_acquire(w.ends[0].ike, w.now, 0x5c000000u, NULL, &src, &dst);
        run(&w, w.now + 20);
    }
    run(&w, w.now + 60000);
    printf("%u pairs of hosts wanted SAs, %u were asked for, %u stand\n", n, asked, w.ends[0].sas);
    bool ok = asked == IKE_PER_HOST_MAX && w.ends[0].sas == IKE_PER_HOST_MAX && w.ends[1].sas == IKE_PER_HOST_MAX;
    end_all(&w);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        bench();
        return 0;
    }
    bool quick = getenv("IOSCC_QUICK") != NULL;
    unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : quick ? 300 : 5000;
    unsigned loss = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100;
    return load(n, loss) + flood(quick ? 8000 : 100000) + !scan() ? 1 : 0;
}
