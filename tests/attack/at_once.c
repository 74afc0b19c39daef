/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything at once, by seeds: answers forged by somebody on the way, jobs that take their time, reloads, rekeyings;
 * when it is over, there is a tunnel within three minutes. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/nearer.h"
#include "tests/attack/slow.h"

static bool hostile;
static struct packet_in_flight old_ones[200];
static unsigned n_old;
static uint64_t spi_rs[64];
static unsigned n_spi_rs;

static void forge_something(struct sim *s)
{
    const struct ike_end hub = {address(HUB), IKE_PORT}, branch = {address(BRANCH), IKE_PORT};
    uint8_t b[256];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    enum algo_id group;
    uint16_t hash;
    if (!spi_i)
        return;
    switch (sim_random(s, 7)) {
    case 0:
        forge_group(s, sim_random(s, 2) ? 19 : 20);
        break;
    case 1:
        answer_header(&w, 0);
        ike2_notify_write(&c, 0, NULL, 0, N2_COOKIE, b, 16);
        ike_header_finish(&w, 0);
        inject(s, &hub, &branch, w.p, w.n);
        break;
    case 2:
    case 3:
        spi_rs[n_spi_rs++ % 64] = 0x6666 + n_forged;
        hash = sim_random(s, 2) ? 5 : 0;
        group = sim_random(s, 2) ? ALGO_DH_256_ECP : ALGO_DH_384_ECP;
        forge_answer(s, group, hash);
        break;
    case 4:
    case 5:
        if (n_spi_rs) {
            const struct ike_header j = {spi_i,
                                         spi_rs[sim_random(s, n_spi_rs < 64 ? n_spi_rs : 64)],
                                         PL2_SK,
                                         0x20,
                                         (uint8_t)(34 + sim_random(s, 4)),
                                         IKE2_RESPONSE,
                                         sim_random(s, 3),
                                         0};
            ike_header_write(&w, &j);
            wr_zero(&w, 4);
            ike_header_finish(&w, 0);
            inject(s, &hub, &branch, w.p, w.n);
        }
        break;
    default:
        if (n_old) {
            struct packet_in_flight *o = &old_ones[sim_random(s, n_old)];
            inject(s, &o->from, &o->to, o->p, o->n);
        }
    }
}

static bool chaos(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[2].ike;
    struct rd r = rd_of(h, 16);
    uint64_t i = rd_u64(&r), rr = rd_u64(&r);
    struct ike_sa *its = ike_by_spi(forger, rr);
    bool from_branch = is_from(s, f, 1);
    if (!hostile)
        return true;
    if (from_branch && h[18] == X2_SA_INIT && !is_response(h))
        spi_i = i;
    if (h[18] == X2_SA_INIT && is_response(h) && rr)
        spi_rs[n_spi_rs++ % 64] = rr;
    if (n_old < 200 && sim_random(s, 4) == 0) {
        old_ones[n_old] = *f;
        old_ones[n_old].p = malloc(f->n);
        memcpy(old_ones[n_old++].p, f->p, f->n);
    }
    static int depth;
    if (!depth && sim_random(s, 3) == 0) {
        depth++;
        for (unsigned k = sim_random(s, 4); k; k--)
            forge_something(s);
        depth--;
    }
    its = ike_by_spi(forger, rr);
    if (from_branch && h[18] == X2_AUTH && its && its->keys && its->version == 2) {
        forger->now = s->now;
        struct v2_out o;
        switch (sim_random(s, 5)) {
        case 0:
            v2_respond_notify(forger, its, X2_AUTH, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
            break;
        case 1:
            v2_begin(forger, &o);
            ike_pl_bytes(&o.c, PL2_DELETE, (const uint8_t[8]){0}, 8);
            (void)!v2_respond(forger, its, X2_AUTH, 1, &o);
            break;
        case 2:
            v2_respond_notify(forger, its, X2_INFORMATIONAL, 1, N2_AUTHENTICATION_FAILED, NULL, 0);
            break;
        case 3:
            v2_begin(forger, &o);
            ike_pl_bytes(&o.c, PL2_IDR, (const uint8_t[8]){1, 0, 0, 0, 203, 0, 113, 1}, 8);
            ike_pl_bytes(&o.c, PL2_AUTH, (const uint8_t[36]){2}, 36);
            (void)!v2_respond(forger, its, X2_AUTH, 1, &o);
            break;
        default:;
        }
    }
    if (h[18] == X2_SA_INIT && sim_random(s, 3) == 0)
        return comes_late(s, f, sim_random(s, 50));
    if (sim_random(s, 12) == 0)
        return comes_late(s, f, sim_random(s, 4000));
    return true;
}

static const char *all_at_once(unsigned seed)
{
    static const uint32_t same[] = {0};
    static struct sim s;
    static struct router r[3], later[40];
    const struct router *now = &r[1];
    unsigned n_later = 0;
    three(&s, r);
    two_groups(&r[0], &r[1]);
    two_groups(&r[2], &r[2]);
    r[1].p.entries[0].pfs = r[0].p.entries[0].pfs = 0;
    r[1].entries[0].lifetime_s = r[0].entries[0].lifetime_s = 600;
    s.rng ^= (seed + 1) * 0x9e3779b97f4a7c15u;
    s.meddle = chaos;
    hostile = true;
    slow_begin(&s);
    n_old = n_spi_rs = 0;
    spi_i = 0;
    s.nodes[0].ike->host.job = s.nodes[1].ike->host.job = slow_job;
    s.loss = sim_random(&s, 2) ? sim_random(&s, 200) : 0;
    s.delay_ms = 1 + sim_random(&s, 30);
    unsigned n = 10 + sim_random(&s, 40);
    for (unsigned k = 0; k < n; k++) {
        unsigned who = sim_random(&s, 2);
        struct ike *ike = s.nodes[who].ike;
        struct ike_sa *sa = ike->heap_n ? ike->heap[sim_random(&s, ike->heap_n)] : NULL;
        switch (sim_random(&s, 12)) {
        case 0:
            if (n_later < 40) {
                router_copy(&later[n_later], now);
                if (sim_random(&s, 3) == 0)
                    later[n_later].proposal[0].encr = (struct ike_choices){
                        {{ALGO_ENCR_AES_CBC, sim_random(&s, 2) ? 256 : 128}, {ALGO_ENCR_AES_CBC, 128}},
                        (uint8_t)(1 + sim_random(&s, 2))};
                (void)!router_reload(&s, 1, now, &later[n_later], same);
                now = &later[n_later++];
            }
            break;
        case 1:
            if (sa && ike_is(sa, IKE_STANDS))
                begin_task(&s, who, sa, (struct ike_task){.kind = TASK_REKEY_IKE});
            break;
        case 2:
            if (sa && ike_is(sa, IKE_STANDS) && sa->children && ike_child_stands(sa->children))
                begin_task(&s, who, sa,
                           (struct ike_task){
                               .kind = TASK_REKEY_CHILD, .spi = sa->children->spi_in, .entry = sa->children->entry});
            break;
        case 3:
            if (sa && ike_is(sa, IKE_STANDS)) {
                sa->reauth_at = s.now;
                ike_timer_update(ike, sa);
            }
            break;
        case 4:
            if (sa && sa->children) {
                const struct ike_path p = sa->children->in;
                ike_sa_lost(ike, s.now, &p.remote.addr, &p.local.addr, sa->children->spi_in);
            }
            break;
        case 5:
            if (sa && sa->children)
                ike_clear_children(ike, s.now, NULL, NULL, sa->children->spi_in);
            break;
        case 6:
            if (sim_random(&s, 3) == 0)
                ike_clear(ike, s.now, NULL, 0, 0);
            break;
        case 7:
            for (unsigned i = 0; i < 3; i++)
                forge_something(&s);
            break;
        default:
            ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        }
        pass(&s, sim_random(&s, 3) ? sim_random(&s, 100) : sim_random(&s, 10000));
    }
    hostile = false;
    s.loss = 0;
    s.delay_ms = 5;
    s.nodes[2].deaf = true;
    { /* a last reload: what both have is what both had */
        router_copy(&later[39], now);
        later[39].proposal[0].encr = r[0].proposal[0].encr;
        if (n_later < 39)
            (void)!router_reload(&s, 1, now, &later[39], same);
    }
    unsigned t = 0;
    for (; t < 36; t++) {
        pass(&s, 5000);
        if (!children_of(&s, 1))
            ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    }
    pass(&s, 10000);
    const char *bad = NULL;
    if (!children_of(&s, 1)) {
        struct ike_sa *sa = first_sa(&s, 1);
        bad = broken("seed %u: no tunnel: %u SAs, first %s, request %d; %s", seed, s.nodes[1].ike->n_sa,
                     sa ? ike_state_name(sa->state) : "-", sa && sa->request, s.nodes[1].last);
    }
    for (unsigned i = 0; !bad && i < 300 && sim_agree(&s, 0, 1); i++)
        pass(&s, 3000);
    const char *differ = bad ? NULL : sim_agree(&s, 0, 1);
    if (differ)
        bad = broken("seed %u: %s", seed, differ);
    for (unsigned i = 0; i < n_old; i++)
        free(old_ones[i].p);
    slow_end();
    s.meddle = NULL;
    return over(&s, bad);
}

static const char *all_by_seeds(void)
{
    return by_seeds(all_at_once, 60);
}

const struct attack attacks_at_once[] = {
    {"N15 everything at once", all_by_seeds},
    {NULL, NULL},
};
