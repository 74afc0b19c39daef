/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another one by the same name: the SPI or cookie of a peer's first message, the place where a peer answers. */
#include <string.h>

#include "backends/ike/message/wire.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

static uint64_t spi_i;
static unsigned n_forged;

static bool is_response(const uint8_t *h)
{
    return h[19] & IKE2_RESPONSE;
}

/* E: a branch that is authenticated, behind the same NAT as another: it sees the other one's first IKE_SA_INIT, and
 * rekeys its own IKE SA by that SPI, before the other asks again by another group. */
static uint64_t chosen_spi;
static void (*random_before)(void *ctx, void *p, size_t n);
static void chosen_random(void *ctx, void *p, size_t n)
{
    random_before(ctx, p, n);
    if (n == 8 && chosen_spi)
        memcpy(p, &chosen_spi, 8);
}

static bool takes_spis;
static bool take_spi(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h, 8);
    struct ike_sa *own = first_sa(s, 1);
    if (!takes_spis || is_response(h) || h[18] != X2_SA_INIT ||
        !ike_by_spi(s->nodes[2].ike, rd_u64(&(struct rd){h, 8, false})))
        return true;
    uint64_t spi = rd_u64(&r);
    if (spi == spi_i || !own)
        return true;
    spi_i = chosen_spi = spi;
    struct ike *ike = s->nodes[1].ike;
    random_before = ike->host.random;
    ike->host.random = chosen_random;
    for (struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, &own->remote.addr, sa));)
        if (ike_is(sa, IKE_STANDS))
            own = sa;
    begin_task(s, 1, own, (struct ike_task){.kind = TASK_REKEY_IKE});
    ike->host.random = random_before;
    chosen_spi = 0;
    n_forged++;
    return true;
}

static const char *same_spi_behind_nat(void)
{
    static struct sim s;
    static struct router hub, b[2];
    static const char *const id[] = {"a.example.com", "b.example.com"}, *const at[] = {"10.99.0.1", "10.99.0.2"};
    sim_init(&s, 1, 3);
    s.delay_ms = 20;
    router_init(&hub, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct ike_profile *p = router_profile(&hub, 2, i ? "PB" : "PA", NULL, id[i]);
        profile_key(&hub, p, router_key(&hub, NULL, 0, id[i], i ? "secret b" : "secret a"));
        entry_line(&hub, router_entry(&hub, 2, HUB, NULL, p), CHILD(i), 100, -1, 20, (int)i);
    }
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        router_init(&b[i], 2);
        struct ike_profile *p = router_profile(&b[i], 2, "P", id[i], NULL);
        profile_match_address(&b[i], p, HUB, 32);
        profile_key(&b[i], p, router_key(&b[i], HUB, 32, NULL, i ? "secret b" : "secret a"));
        entry_line(&b[i], router_entry(&b[i], 2, at[i], HUB, p), CHILD(0), 20, (int)i, 100, -1);
        if (i) { /* its first group is not the hub's */
            b[i].proposal[0].dh.v[0] = (struct ike_choice){ALGO_DH_384_ECP, 0};
            b[i].proposal[0].dh.v[1] = (struct ike_choice){ALGO_DH_256_ECP, 0};
            b[i].proposal[0].dh.n = 2;
        }
        sim_node_start(&s, 1 + i, &b[i].p, at[i]);
        sim_node_nat(&s, 1 + i, "198.51.100.50", (uint16_t)(4000 + 1000 * i));
    }
    spi_i = 0;
    n_forged = 0;
    s.meddle = take_spi;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    if (!children_of(&s, 1))
        return over(&s, broken("the first has no tunnel: %s %s", s.nodes[0].last, s.nodes[1].last));
    takes_spis = true;
    unsigned t = 0;
    for (; t < 600 && !children_of(&s, 2); t++) {
        ike_acquire(s.nodes[2].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 1000);
    }
    takes_spis = false;
    s.meddle = NULL;
    return over(&s, !n_forged ? "no attack"
                    : t > 10
                        ? broken("the other one's tunnel needs %u s, %u rekeyings: %s", t, n_forged, s.nodes[2].last)
                        : NULL);
}

/* G: IKEv2: another identity answers when the peer is authenticated anew (L5 in IKEv1): the first one's SAs end. */
static const char *anew_by_another(void)
{
    static const char *const san[] = {"subjectAltName", "DNS:other.example.com", NULL};
    static const struct ike_match whole_domain = {
        .id_type = IKE_ID_FQDN, .domain = true, .value = {(const uint8_t *)".example.com", 12}};
    struct office o;
    struct ike_credential credential_of_other;
    office_open(&o, 2, FAR, FAR);
    struct maker other = issue(&o.root, "EC", 0, "CN=other", san, NULL, FAR);
    credential(&credential_of_other, &other, &o.root);
    o.hub.matches[0][0] = whole_domain;
    ike_acquire(o.s.nodes[0].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    struct ike_sa *hub = first_sa(&o.s, 0);
    const char *bad = hub && hub->n_children ? NULL : "no tunnel";
    const uint64_t spi = hub ? hub->own_spi : 0;
    o.branch.p.credentials = &credential_of_other;
    o.branch.profiles[0].id = (struct ike_bytes){(const uint8_t *)"other.example.com", 17};
    if (!bad) {
        hub->reauth_at = o.s.now;
        ike_timer_update(o.s.nodes[0].ike, hub);
        sim_run(&o.s, 10000);
        if (!ike_by_spi(o.s.nodes[0].ike, spi))
            bad = "another identity has answered, and the first one's IKE SA was ended for it";
    }
    bad = office_over(&o, bad);
    credential_free(&credential_of_other);
    maker_free(&other);
    return bad;
}

/* P: M14 in IKEv1: the branch's first message with another lifetime, a moment before its own: one clear datagram. */
static bool main_before(struct sim *s, struct packet_in_flight *f)
{
    static const uint8_t day[4] = {0, 1, 0x51, 0x80};
    const uint8_t *h = packet_header(f);
    struct rd r = rd_of(h, 16);
    uint8_t b[2048];
    uint64_t spi = rd_u64(&r);
    if (!is_from(s, f, 1) || h[18] != X1_MAIN || rd_u64(&r) || spi == spi_i || f->n > sizeof b)
        return true;
    memcpy(b, f->p, f->n);
    for (size_t at = 28; at + 4 < f->n; at++)
        if (memcmp(b + at, day, 4) == 0) {
            spi_i = spi;
            b[at + 3] ^= 1;
            n_forged++;
            inject(s, &f->from, &f->to, b, f->n);
            break;
        }
    return true;
}

static const char *same_cookie(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    pair_start(&x);
    tap_close(&x.tap);
    x.s.meddle = main_before;
    spi_i = 0;
    n_forged = 0;
    unsigned t = 0;
    for (; t < 600 && !children_of(&x.s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&x.s, 1000);
    }
    x.s.meddle = NULL;
    return over(&x.s, !n_forged ? "no attack"
                      : t > 40  ? broken("no tunnel in %u s: %u forged; %s", t, n_forged, x.s.nodes[0].last)
                                : NULL);
}

const struct attack attacks_namesakes[] = {
    {"N12 another branch's SPI, behind one NAT", same_spi_behind_nat},
    {"N13 another identity answers anew, IKEv2", anew_by_another},
    {"N14 the same cookie a moment before, IKEv1", same_cookie},
    {NULL, NULL},
};
