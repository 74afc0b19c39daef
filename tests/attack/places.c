/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a peer is and what it is called: no limit, no renewal and no other peer depends on what somebody writes there
 * (findings L3, L4, L6, L7, L8, L9, L12). */
#include <stdio.h>
#include <string.h>

#include "backends/ike/message/wire.h"
#include "tests/attack/office.h"

static const struct ike_task rekey_ike = {.kind = TASK_REKEY_IKE}, ask_life = {.kind = TASK_DPD};

/* A router with one entry and one key, at `own` (as it is seen: `peer` is what it is configured with). */
static struct ike_entry *one_entry(struct router *r, unsigned version, const char *own, const char *peer,
                                   const char *secret)
{
    router_init(r, version);
    struct ike_psk *k = router_key(r, peer, 32, NULL, secret);
    struct ike_profile *p = NULL;
    if (version == 2) {
        p = router_profile(r, 2, "P", NULL, NULL);
        profile_match_address(r, p, peer, 32);
        profile_key(r, p, k);
    }
    return router_entry(r, version, own, peer, p);
}

/* ---- limits ---- */

/* L3: one key of one address, another name each time, and each IKE SA is led elsewhere by one genuine datagram: with a
 * forged source, so that nobody need be there. */
static const char *renamed_and_moved(void)
{
    static struct sim s;
    static struct router hub, branch;
    sim_init(&s, 1, 2);
    s.delay_ms = 5;
    entry_line(&hub, one_entry(&hub, 2, HUB, BRANCH, "its own"), CHILD(0), 1, 0, 2, 0);
    profile_match(&hub, &hub.profiles[0], ".example.com", true);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 300; i++) {
        char name[40], elsewhere[40];
        snprintf(name, sizeof name, "n%u.example.com", i);
        snprintf(elsewhere, sizeof elsewhere, "192.0.2.%u", 1 + i % 250);
        /* lists that do not fit: it has no children, which nothing would ask after */
        entry_line(&branch, one_entry(&branch, 2, "10.99.0.1", HUB, "its own"), CHILD(0), 77, 0, 1, 0);
        branch.profiles[0].id_type = IKE_ID_FQDN;
        branch.profiles[0].id = (struct ike_bytes){(const uint8_t *)name, (uint32_t)strlen(name)};
        sim_node_start(&s, 1, &branch.p, "10.99.0.1");
        sim_node_nat(&s, 1, BRANCH, 1024);
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 300);
        struct ike_sa *sa = first_sa(&s, 1);
        if (!sa || sa->state != IKE_ESTABLISHED)
            return over(&s, broken("number %u does not stand: %s", i, s.nodes[0].last));
        sim_node_nat(&s, 1, elsewhere, (uint16_t)(2000 + i));
        begin_task(&s, 1, sa, ask_life);
        sim_run(&s, 2500); /* it is asked, and followed */
        power_off(&s, 1);
    }
    unsigned n = s.nodes[0].ike->n_established;
    return over(&s, n > 2 * IKE_SAS_PER_PEER ? broken("one key of one address: %u IKE SAs", n) : NULL);
}

/* The same DN in other letters: RFC 5280 §7.1 calls them equal. NULL: out of memory. */
static uint8_t *spelling(unsigned i, int *len)
{
    char cn[] = "branchofficenumberone";
    uint8_t *der = NULL;
    for (unsigned k = 0; k < 9; k++)
        if (i >> k & 1)
            cn[k] = (char)(cn[k] - 32);
    X509_NAME *n = X509_NAME_new();
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (unsigned char *)cn, -1, -1, 0);
    *len = i2d_X509_NAME(n, &der);
    X509_NAME_free(n);
    return der;
}

/* L8: one certificate, its name written in other letters each time, is one peer. */
static const char *spelled(unsigned version)
{
    static const char *const no_ext[] = {NULL};
    struct office o;
    office_open(&o, version, FAR, FAR);
    struct maker own = issue(&o.root, "EC", 0, "CN=branchofficenumberone", no_ext, NULL, FAR);
    struct ike_credential of_branch;
    credential(&of_branch, &own, &o.root);
    o.hub.matches[0][0] = (struct ike_match){.any = true};
    o.branch.p.credentials = &of_branch;
    power_off(&o.s, 1);
    unsigned stood = 0;
    for (unsigned i = 0; i < 100; i++) {
        int len;
        uint8_t *der = spelling(i, &len);
        o.branch.profiles[0].id_type = IKE_ID_DN;
        o.branch.profiles[0].id = (struct ike_bytes){der, (uint32_t)len};
        sim_node_start(&o.s, 1, &o.branch.p, BRANCH);
        o.s.nodes[1].ike->host.wall_s = o.s.nodes[0].ike->host.wall_s;
        ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&o.s, 200);
        stood += sas_of(&o.s, 1, IKE_ESTABLISHED) != 0;
        power_off(&o.s, 1);
        OPENSSL_free(der);
    }
    unsigned sas = o.s.nodes[0].ike->n_established, children = children_of(&o.s, 0);
    const char *bad = stood == 100 ? NULL : broken("%u of 100 stood: %s", stood, o.s.nodes[0].last);
    if (sas > IKE_SAS_PER_PEER)
        bad = broken("one certificate: %u IKE SAs, %u children of one line", sas, children);
    bad = office_over(&o, bad);
    credential_free(&of_branch);
    maker_free(&own);
    return bad;
}
static const char *spelled_1(void)
{
    return spelled(1);
}
static const char *spelled_2(void)
{
    return spelled(2);
}

/* ---- one entry, several peers ---- */

#define SECOND "203.0.113.9"

/* Two hubs and a branch whose entry names them: `third` the first one's address again, as a name may lead there. */
struct choice_of_hubs {
    struct sim s;
    struct router hub[2], branch;
};

static void hubs_open(struct choice_of_hubs *x, bool third)
{
    static const char *const at[] = {HUB, SECOND};
    sim_init(&x->s, 1, 3);
    x->s.delay_ms = 5;
    for (unsigned i = 0; i < 2; i++) {
        struct ike_entry *e = one_entry(&x->hub[i], 2, at[i], BRANCH, "secret");
        entry_line(&x->hub[i], e, CHILD(0), 1, 0, 2, 0);
        entry_line(&x->hub[i], e, CHILD(1), 1, 1, 2, 1);
        sim_node_start(&x->s, i ? 2 : 0, &x->hub[i].p, at[i]);
    }
    struct router *b = &x->branch;
    router_init(b, 2);
    struct ike_profile *p = router_profile(b, 2, "P", NULL, NULL);
    profile_match_address(b, p, "203.0.113.0", 24);
    profile_key(b, p, router_key(b, "203.0.113.0", 24, NULL, "secret"));
    struct ike_entry *e = router_entry(b, 2, BRANCH, HUB, p);
    b->peers[1].addr = address(SECOND);
    b->peers[2].addr = address(HUB);
    b->peers[2].host = "third.example.net";
    e->n_peers = third ? 3 : 2;
    entry_line(b, e, CHILD(0), 2, 0, 1, 0);
    entry_line(b, e, CHILD(1), 2, 1, 1, 1);
    sim_node_start(&x->s, 1, &b->p, BRANCH);
}

static unsigned answers_lost;

static bool loses_answer(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_answer = is_from(s, f, 0) && h[18] == X2_INFORMATIONAL && (h[19] & IKE2_RESPONSE);
    return !is_answer || answers_lost++ > 0;
}

/* L4: the answer to the delete of an IKE SA that has been replaced is lost: the peer lives, and stays the entry's. */
static const char *leaves_who_lives(void)
{
    static struct choice_of_hubs x;
    hubs_open(&x, false);
    struct ike *b = x.s.nodes[1].ike;
    ike_acquire(b, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    if (!children_of(&x.s, 0))
        return over(&x.s, "no tunnel");
    answers_lost = 0;
    x.s.meddle = loses_answer;
    begin_task(&x.s, 1, first_sa(&x.s, 1), rekey_ike);
    sim_run(&x.s, 100000);
    ike_acquire(b, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    unsigned first = children_of(&x.s, 0), second = children_of(&x.s, 2);
    const char *bad = second ? broken("%u tunnels at the first peer, %u at the second", first, second) : NULL;
    return over(&x.s, answers_lost ? bad : "nothing was lost");
}

/* L12: the first refuses; the second is asked, whatever address the third has. */
static const char *named_alike(void)
{
    for (unsigned third = 0; third < 2; third++) {
        static struct choice_of_hubs x;
        hubs_open(&x, third);
        x.hub[0].lines[0][0].sel.src_lo.b[1] = x.hub[0].lines[0][0].sel.src_hi.b[1] = 99;
        unsigned t = 0;
        for (; t < 300 && !children_of(&x.s, 1); t += 5) {
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
            sim_run(&x.s, 5000);
        }
        const char *bad = over(&x.s, t < 300 ? NULL : broken("%u names: the second peer is never asked", 2 + third));
        if (bad)
            return bad;
    }
    return NULL;
}

/* ---- what is on the way ---- */

static uint64_t spi_at(const uint8_t *p)
{
    struct rd r = rd_of(p, 8);
    return rd_u64(&r);
}

static uint64_t real_late_ms;

/* Node 2 is at the hub's address too, and nearer: the hub's answer to IKE_SA_INIT comes second. */
static bool real_is_second(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    struct ike *forger = s->nodes[2].ike;
    if (!is_from(s, f, 0) || h[18] != X2_SA_INIT)
        return true;
    for (uint32_t i = 0; i < forger->hash_size; i++)
        for (const struct ike_sa *sa = forger->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->spi_r == spi_at(h + 8))
                return true;
    return comes_late(s, f, real_late_ms);
}

/* L6: who answers IKE_SA_INIT first, with a key that is a guess, then refuses IKE_AUTH. The real answer
 * comes so much later. */
static const char *refused_by_forger(void)
{
    static const uint64_t late_ms[] = {3, 300};
    for (unsigned k = 0; k < 2; k++) {
        static struct sim s;
        static struct router r[3];
        sim_init(&s, 1, 3);
        s.delay_ms = 1;
        for (unsigned i = 0; i < 3; i++) {
            const char *own = i == 1 ? BRANCH : HUB, *peer = i == 1 ? HUB : BRANCH;
            struct ike_entry *e = one_entry(&r[i], 2, own, peer, i == 2 ? "a guess" : "secret");
            entry_line(&r[i], e, CHILD(0), i == 1 ? 2 : 1, 0, i == 1 ? 1 : 2, 0);
            sim_node_start(&s, i, &r[i].p, own);
        }
        real_late_ms = late_ms[k];
        s.meddle = real_is_second;
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        unsigned t = 0;
        for (; t < 300 && !children_of(&s, 1); t++)
            sim_run(&s, 1000);
        const char *bad = over(&s, t < 20 ? NULL : broken("no tunnel in %u s: %s", t, s.nodes[1].last));
        if (bad)
            return bad;
    }
    return NULL;
}

/* L7: a branch behind a NAT that changes ports: the hub, whose lifetime is the shorter one, renews by the port where
 * the branch is. */
static const char *renewed_behind_nat(void)
{
    static const uint16_t ports[] = {4499, 2000}; /* the first keeps 4500 */
    for (unsigned i = 0; i < 2; i++) {
        static struct sim s;
        static struct router hub, branch;
        sim_init(&s, 1, 2);
        s.delay_ms = 5;
        router_init(&hub, 1);
        hub.v1[0].lifetime_s = 600;
        router_key(&hub, "0.0.0.0", 0, NULL, "secret");
        router_entry(&hub, 1, HUB, NULL, NULL);
        sim_node_start(&s, 0, &hub.p, HUB);
        entry_line(&branch, one_entry(&branch, 1, "10.99.0.1", HUB, "secret"), CHILD(0), 20, 0, 100, -1);
        sim_node_start(&s, 1, &branch.p, "10.99.0.1");
        sim_node_nat(&s, 1, "198.51.100.50", ports[i]);
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 700000);
        unsigned n = sas_of(&s, 0, IKE_ESTABLISHED);
        const char *bad = over(&s, n ? NULL : broken("not renewed through a NAT that gives port %u on", ports[i]));
        if (bad)
            return bad;
    }
    return NULL;
}

static unsigned infos_seen, info_lost;

static bool loses_one_info(struct sim *s, struct packet_in_flight *f)
{
    bool is_info = is_from(s, f, 0) && packet_header(f)[18] == X1_INFO;
    return !is_info || infos_seen++ != info_lost;
}

/* L9: IKEv1: an ISAKMP SA is cleared with two IPsec SAs, and one datagram is lost, whichever. */
static const char *half_deleted(void)
{
    for (info_lost = 0; info_lost < 2; info_lost++) {
        static struct pair x;
        pair_open(&x, 1, 2);
        pair_start(&x);
        tap_close(&x.tap);
        for (unsigned i = 0; i < 2; i++) {
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(i), NULL, NULL, NULL);
            sim_run(&x.s, 2000);
        }
        infos_seen = 0;
        x.s.meddle = loses_one_info;
        ike_clear(x.s.nodes[0].ike, x.s.now, NULL, 0, 0);
        sim_run(&x.s, 10000);
        unsigned n = children_of(&x.s, 1);
        const char *bad = infos_seen > 2 ? NULL : broken("%u messages", infos_seen);
        bad = over(&x.s, n ? broken("message %u is lost: %u IPsec SAs lead to nobody", info_lost, n) : bad);
        if (bad)
            return bad;
    }
    return NULL;
}

const struct attack attacks_places[] = {
    {"L3 one key, other names, other places", renamed_and_moved},
    {"L4 a peer that lives is left", leaves_who_lives},
    {"L6 refused by who answered first", refused_by_forger},
    {"L7 renewed behind a NAT", renewed_behind_nat},
    {"L8 one DN in many letters, IKEv1", spelled_1},
    {"L8 one DN in many letters, IKEv2", spelled_2},
    {"L9 half deleted", half_deleted},
    {"L12 a name that leads to another peer of the entry", named_alike},
    {NULL, NULL},
};
