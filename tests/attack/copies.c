/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Genuine datagrams, bit for bit once more, in front of the real ones: from another port, or to another address of the
 * receiver's. Who sees them can send them; he needs no key, and takes nothing away (findings S1 to S6). */
#include <stdio.h>
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/office.h"

#define OTHER_PORT 777
#define OTHER_ADDRESS "192.0.2.200" /* of the receiver */

/* From another port, to another address, to our other port; behind the real one from where the first message came from.
 */
enum how { FROM_PORT, TO_ADDRESS, TO_OUR_PORT, FIRST_PORTS };
static struct ike_end first_place;

/* Which datagrams are copied, to whom, and how. */
static struct copying {
    bool (*is_one)(const struct sim *s, const struct packet_in_flight *f);
    enum how how;
    unsigned at_most;
    unsigned n;
} copying;

static bool is_from_elsewhere(const struct packet_in_flight *f)
{
    return f->to.port == OTHER_PORT; /* an answer to a copy: nobody hears it */
}

/* Where the copy comes from and goes to. */
static struct ike_ends ends_of(const struct packet_in_flight *f)
{
    struct ike_ends e = {.local = f->to, .remote = f->from};
    switch (copying.how) {
    case FROM_PORT:
        e.remote.port = OTHER_PORT;
        break;
    case TO_ADDRESS:
        e.local.addr = address(OTHER_ADDRESS);
        break;
    case TO_OUR_PORT:
        e.local.port = f->to.port == IKE_PORT ? IKE_PORT_NATT : IKE_PORT;
        break;
    case FIRST_PORTS:
        e.remote = first_place;
        e.local.port = IKE_PORT;
    }
    return e;
}

static bool copies(struct sim *s, struct packet_in_flight *f)
{
    const bool is_behind = copying.how == FIRST_PORTS;
    if (is_from_elsewhere(f))
        return false;
    if (!is_from(s, f, 0) && f->to.port == IKE_PORT)
        first_place = f->from;
    if (!copying.is_one(s, f) || copying.n >= copying.at_most)
        return true;
    const struct ike_ends e = ends_of(f);
    struct ike *receiver = s->nodes[is_from(s, f, 0)].ike;
    copying.n++;
    if (is_behind)
        ike_input(receiver, s->now, &f->to, &f->from, f->p, f->n);
    ike_input(receiver, s->now, &e.local, &e.remote, f->p, f->n);
    return !is_behind;
}

static bool is_v2(const struct sim *s, const struct packet_in_flight *f, uint8_t exchange, bool by_branch)
{
    const uint8_t *h = packet_header(f);
    return h[18] == exchange && !is_from(s, f, 0) == by_branch && !(h[19] & IKE2_RESPONSE) == by_branch;
}

static bool is_init(const struct sim *s, const struct packet_in_flight *f)
{
    return is_v2(s, f, X2_SA_INIT, true);
}

static bool is_auth(const struct sim *s, const struct packet_in_flight *f)
{
    return is_v2(s, f, X2_AUTH, true);
}

static bool is_answer(const struct sim *s, const struct packet_in_flight *f)
{
    return is_v2(s, f, X2_SA_INIT, false);
}

static bool is_any_request(const struct sim *s, const struct packet_in_flight *f)
{
    return !is_from(s, f, 0) && f->n > IKE_HEADER_LEN && !(packet_header(f)[19] & IKE2_RESPONSE);
}

static bool is_2(const struct sim *s, const struct packet_in_flight *f)
{
    return main_mode_kind(s, f) == 2;
}

static bool is_4(const struct sim *s, const struct packet_in_flight *f)
{
    return main_mode_kind(s, f) == 4;
}

static bool is_proof(const struct sim *s, const struct packet_in_flight *f, uint8_t exchange, bool by_branch)
{
    const uint8_t *h = packet_header(f);
    return h[18] == exchange && h[19] & IKE1_ENCRYPTED && !is_from(s, f, 0) == by_branch;
}

static bool is_5(const struct sim *s, const struct packet_in_flight *f)
{
    return is_proof(s, f, X1_MAIN, true);
}

static bool is_6(const struct sim *s, const struct packet_in_flight *f)
{
    return is_proof(s, f, X1_MAIN, false);
}

static bool is_aggressive_3(const struct sim *s, const struct packet_in_flight *f)
{
    return is_proof(s, f, X1_AGGRESSIVE, true);
}

/* Each is copied, or the first one alone. */
static const struct row {
    const char *name;
    unsigned version;
    bool (*is_one)(const struct sim *s, const struct packet_in_flight *f);
    enum how how;
    bool aggressive, own_unknown, nat;
} rows[] = {
    {"IKE_SA_INIT from another port", 2, is_init, FROM_PORT, false, false, false},
    {"IKE_SA_INIT to another address", 2, is_init, TO_ADDRESS, false, false, false},
    {"IKE_AUTH from another port", 2, is_auth, FROM_PORT, false, false, false},
    {"IKE_AUTH to another address", 2, is_auth, TO_ADDRESS, false, false, false},
    {"the answer to another address", 2, is_answer, TO_ADDRESS, false, false, false},
    {"the answer to another address, our own unknown", 2, is_answer, TO_ADDRESS, false, true, false},
    {"message 2 to another address", 1, is_2, TO_ADDRESS, false, false, false},
    {"message 4 to another address", 1, is_4, TO_ADDRESS, false, false, false},
    {"message 5 to another address", 1, is_5, TO_ADDRESS, false, false, false},
    {"message 6 to another address", 1, is_6, TO_ADDRESS, false, false, false},
    {"message 5 from another port", 1, is_5, FROM_PORT, false, false, false},
    {"aggressive mode's message 3 from another port", 1, is_aggressive_3, FROM_PORT, true, false, false},
    {"IKE_AUTH behind it from the first place, behind a NAT", 2, is_auth, FIRST_PORTS, false, false, true},
    {"IKE_AUTH from another port, behind a NAT", 2, is_auth, FROM_PORT, false, false, true},
    {"IKE_AUTH to our other port", 2, is_auth, TO_OUR_PORT, false, false, false},
    {"message 5 to our other port", 1, is_5, TO_OUR_PORT, false, false, false},
    {"message 5 to our other port, behind a NAT", 1, is_5, TO_OUR_PORT, false, false, true},
    {"aggressive mode's message 3 to our other port", 1, is_aggressive_3, TO_OUR_PORT, true, false, false},
    {"aggressive mode's message 3 to our other port, behind a NAT", 1, is_aggressive_3, TO_OUR_PORT, true, false, true},
};

static const char *moved(const struct row *r, struct sim *s)
{
    const struct ip_addr other = address(OTHER_ADDRESS);
    for (unsigned i = 0; i < 2; i++) {
        const struct ike_sa *sa = standing_sa(s, i);
        bool is_there = sa && sa->remote.port == OTHER_PORT && !r->nat; /* until the peer says more */
        bool is_back = sa && r->how == FIRST_PORTS && sa->local.port == IKE_PORT;
        if (is_there || is_back || (sa && addr_eq(&sa->local.addr, &other)))
            return broken("%s: node %u stands elsewhere", r->name, i);
    }
    return NULL;
}

static const char *copied(const struct row *r, unsigned at_most)
{
    static struct pair x;
    pair_open(&x, r->version, 1);
    if (r->aggressive)
        speaks_aggressively(&x);
    if (r->own_unknown)
        x.branch.entries[0].local.family = FAMILY_NONE;
    if (r->nat) {
        behind_nat(&x);
    } else {
        pair_start(&x);
        tap_close(&x.tap);
    }
    slow_begin(&x.s);
    copying = (struct copying){r->is_one, r->how, at_most, 0};
    x.s.meddle = copies;
    unsigned t = seconds_to_tunnel(&x.s, 100);
    const char *bad = t > 20 ? broken("%s: %u copies, no tunnel in %u s", r->name, copying.n, t) : moved(r, &x.s);
    x.s.meddle = NULL;
    return over(&x.s, copying.n ? bad : "no attack");
}

static const char *each_row(unsigned at_most)
{
    const char *bad = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !bad; i++)
        bad = copied(&rows[i], at_most);
    return bad;
}

static const char *each_time(void)
{
    return each_row(UINT32_MAX);
}

static const char *once(void)
{
    return each_row(1);
}

/* ---- a tunnel that stands, behind a NAT ---- */

/* One copy of one request, here of the peer's question whether we live. */
static const char *standing(unsigned version, enum how how, bool nat, unsigned at_most)
{
    static struct pair x;
    pair_open(&x, version, 1);
    x.hub.p.v1_keepalive_s = x.branch.p.v1_keepalive_s = 10;
    x.branch.p.v1_keepalive_periodic = true;
    if (nat) {
        behind_nat(&x);
    } else {
        pair_start(&x);
        tap_close(&x.tap);
    }
    slow_begin(&x.s);
    unsigned t = seconds_to_tunnel(&x.s, 60);
    struct ike_sa *b = standing_sa(&x.s, 1), *a = standing_sa(&x.s, 0);
    if (t > 20 || !a || !b)
        return over(&x.s, "no tunnel at first");
    const uint64_t ids[2] = {a->id, b->id};
    const uint16_t port = a->remote.port;
    copying = (struct copying){is_any_request, how, at_most, 0};
    x.s.meddle = copies;
    const char *bad = NULL;
    for (unsigned i = 0; i < 200 && !bad; i++) {
        b = standing_sa(&x.s, 1);
        if (b && version == 2 && i % 10 == 0)
            begin_task(&x.s, 1, b, (struct ike_task){.kind = TASK_DPD});
        pass(&x.s, 1000);
        a = standing_sa(&x.s, 0), b = standing_sa(&x.s, 1);
        if (!a || !b || a->id != ids[0] || b->id != ids[1])
            bad = broken("%u copies, and the IKE SA is gone after %u s", copying.n, i + 1);
        else if (a->remote.port != port)
            bad = broken("%u copies, and the hub sends to port %u", copying.n, a->remote.port);
    }
    x.s.meddle = NULL;
    return over(&x.s, copying.n ? bad : "no attack");
}

static const char *standing_each(unsigned at_most)
{
    const char *bad = NULL;
    for (unsigned version = 1; version <= 2 && !bad; version++) {
        bad = standing(version, FROM_PORT, true, at_most);
        for (unsigned nat = 0; nat < 2 && !bad; nat++)
            bad = standing(version, TO_OUR_PORT, nat, at_most);
    }
    return bad;
}

static const char *standing_once(void)
{
    return standing_each(1);
}

static const char *standing_each_time(void)
{
    return standing_each(UINT32_MAX);
}

/* ---- what a peer behind a NAT answers, and where it is once it has proved itself ---- */

static bool is_any_answer(const struct sim *s, const struct packet_in_flight *f)
{
    return !is_from(s, f, 0) && f->n > IKE_HEADER_LEN && packet_header(f)[19] & IKE2_RESPONSE;
}

/* The hub asks, and the branch is silent otherwise. */
static const char *silent(bool (*is_one)(const struct sim *s, const struct packet_in_flight *f))
{
    static struct pair x;
    pair_open(&x, 2, 1);
    behind_nat(&x);
    slow_begin(&x.s);
    copying = (struct copying){is_one, FROM_PORT, 1, 0};
    x.s.meddle = copies;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "no tunnel at first");
    const char *bad = NULL;
    for (unsigned i = 0; i < 100 && !bad; i++) {
        struct ike_sa *a = standing_sa(&x.s, 0);
        if (a && i % 10 == 5 && is_one == is_any_answer)
            begin_task(&x.s, 0, a, (struct ike_task){.kind = TASK_DPD});
        pass(&x.s, 1000);
        if (!standing_sa(&x.s, 0) || !standing_sa(&x.s, 1))
            bad = broken("%u copy, and the IKE SA is gone after %u s", copying.n, i + 1);
    }
    const struct ike_sa *a = standing_sa(&x.s, 0);
    if (!bad && a->remote.port == OTHER_PORT)
        bad = broken("%u copy, and the hub sends to port %u", copying.n, a->remote.port);
    x.s.meddle = NULL;
    return over(&x.s, copying.n ? bad : "no attack");
}

static const char *answer_copied(void)
{
    return silent(is_any_answer);
}

static const char *proof_copied(void)
{
    return silent(is_auth);
}

/* Nothing is copied: aggressive mode behind a NAT says in its last message alone that there is one. */
static const char *aggressive_behind_nat(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    speaks_aggressively(&x);
    behind_nat(&x);
    slow_begin(&x.s);
    unsigned t = seconds_to_tunnel(&x.s, 60);
    return over(&x.s, t > 20 ? broken("no tunnel in %u s", t) : NULL);
}

/* ---- what follows from it ---- */

/* Two peers, both alive: one datagram does not send the tunnel to the second. */
static const char *second_peer(void)
{
    static struct sim s;
    static struct router r[3];
    static struct ip_addr own[1];
    static struct ike_peer peers[2];
    static const char *const at[] = {HUB, BRANCH, SECOND};
    own[0] = address(BRANCH);
    peers[0].addr = address(HUB);
    peers[1].addr = address(SECOND);
    sim_init(&s, 1, 3);
    s.delay_ms = 2;
    for (unsigned i = 0; i < 3; i++) {
        const bool is_branch = i == 1;
        router_init(&r[i], 1);
        struct ike_psk *k = router_key(&r[i], is_branch ? "203.0.113.0" : BRANCH, is_branch ? 24 : 32, NULL, "secret");
        struct ike_entry *e = router_entry(&r[i], 1, at[i], is_branch ? HUB : BRANCH, NULL);
        const int net = is_branch ? 2 : 1;
        entry_line(&r[i], e, CHILD(0), net, -1, 3 - net, -1);
        if (is_branch) { /* a keyring with local-address */
            k->at = own;
            k->n_at = 1;
            e->peers = peers;
            e->n_peers = 2;
        }
        sim_node_start(&s, i, &r[i].p, at[i]);
    }
    slow_begin(&s);
    copying = (struct copying){is_4, TO_ADDRESS, 1, 0};
    s.meddle = copies;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 3000);
    s.meddle = NULL;
    const struct ike_sa *b = standing_sa(&s, 1);
    const struct ip_addr first = address(HUB);
    const char *bad = b && addr_eq(&b->remote.addr, &first) ? NULL : "the tunnel is not with the first peer";
    return over(&s, copying.n ? bad : "no attack");
}

/* Whenever the ISAKMP SA is renewed each message 5 is copied: nothing is left with one end alone. */
static const char *renewed(void)
{
    static struct pair x;
    pair_open(&x, 1, 1);
    x.hub.p.v1_keepalive_s = x.branch.p.v1_keepalive_s = 10;
    x.hub.v1[0].lifetime_s = x.branch.v1[0].lifetime_s = 300;
    pair_start(&x);
    tap_close(&x.tap);
    slow_begin(&x.s);
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "no tunnel at first");
    copying = (struct copying){is_5, FROM_PORT, UINT32_MAX, 0};
    x.s.meddle = copies;
    unsigned alone = 0, worst = 0;
    for (unsigned i = 0; i < 2000; i++) {
        if (!children_of(&x.s, 1))
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        pass(&x.s, 1000);
        bool is_alone = children_of(&x.s, 1) && !children_of(&x.s, 0);
        alone = is_alone ? alone + 1 : 0;
        worst = alone > worst ? alone : worst;
    }
    x.s.meddle = NULL;
    const char *bad = worst > 20 ? broken("for %u s the branch sends by an SA that the hub has not", worst) : NULL;
    return over(&x.s, copying.n ? bad : "no attack");
}

/* The initiator does not take the last message (here: the hub's certificate is revoked by now), and the responder does
 * not know: it must not leave its IPsec SAs to what only it has. */
static enum ike_verdict revoked(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX])
{
    (void)ctx, (void)q;
    copying.n++;
    snprintf(why, IKE_WHY_MAX, "as the CA says");
    return IKE_REVOKED;
}

static const char *not_taken(void)
{
    static struct office o;
    office_open(&o, 1, FAR, FAR);
    o.hub.p.v1_keepalive_s = o.branch.p.v1_keepalive_s = 10;
    o.hub.p.v1_keepalive_periodic = o.branch.p.v1_keepalive_periodic = true;
    o.hub.v1[0].lifetime_s = o.branch.v1[0].lifetime_s = 60;
    slow_begin(&o.s);
    copying.n = 0;
    if (seconds_to_tunnel(&o.s, 60) > 20)
        return office_over(&o, "no tunnel at first");
    o.s.nodes[1].ike->host.revocation = revoked;
    o.branch_cr.revocation = (struct ike_revocation){.methods = {IKE_REVOCATION_CRL}, .n = 1, .ocsp_url = ""};
    unsigned alone = 0, worst = 0;
    for (unsigned i = 0; i < 300; i++) {
        pass(&o.s, 1000);
        bool is_alone = children_of(&o.s, 1) && !children_of(&o.s, 0);
        alone = is_alone ? alone + 1 : 0;
        worst = alone > worst ? alone : worst;
    }
    const char *bad = worst > 20 ? broken("for %u s the branch sends by an SA that the hub has not", worst) : NULL;
    return office_over(&o, copying.n ? bad : "no attack");
}

const struct attack attacks_copies[] = {
    {"S1 a copy from or to elsewhere, once", once},
    {"S2 copies from or to elsewhere, each time", each_time},
    {"S3 a copy of a request behind a NAT, once", standing_once},
    {"S4 copies of requests behind a NAT, each time", standing_each_time},
    {"S5 a copy that sends the tunnel to the second peer", second_peer},
    {"S6 copies whenever the ISAKMP SA is renewed", renewed},
    {"T1 an answer of a silent peer behind a NAT, copied once", answer_copied},
    {"T2 IKE_AUTH of a silent peer behind a NAT, copied once", proof_copied},
    {"T3 aggressive mode behind a NAT comes up", aggressive_behind_nat},
    {"S14 the last message is not taken", not_taken},
    {NULL, NULL},
};
