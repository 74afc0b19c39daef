/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the tables of states (engine/states.h) that nothing else here leads to. With these every row happens in a run
 * of all attacks: main.c looks. */
#include "backends/ike/v1/v1.h"
#include "tests/attack/office.h"

static const char *brought_up(struct pair *x, unsigned version)
{
    pair_open(x, version, 1);
    pair_start(x);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    return children_of(&x->s, 0) && children_of(&x->s, 1) ? NULL : "the control: the tunnel does not come up";
}

/* One child is cleared: the peer hears of it, the IKE SA stays. */
static const char *child_cleared(unsigned version)
{
    struct pair x;
    const char *bad = brought_up(&x, version);
    if (!bad && !ike_clear_children(x.s.nodes[1].ike, x.s.now, NULL, NULL, 0))
        bad = "nothing is cleared";
    sim_run(&x.s, 3000);
    if (!bad && (children_of(&x.s, 0) || children_of(&x.s, 1)))
        bad = "the child is left at one end";
    if (!bad && !first_sa(&x.s, 0))
        bad = "the IKE SA goes with it";
    return pair_over(&x, bad);
}

static const char *child_cleared_v1(void)
{
    return child_cleared(1);
}

static const char *child_cleared_v2(void)
{
    return child_cleared(2);
}

/* Nothing rekeys it: at the end of its lifetime it goes at both ends. */
static const char *lifetime_over(unsigned version)
{
    struct pair x;
    const char *bad = brought_up(&x, version);
    if (!bad && !ike_clear_children(x.s.nodes[1].ike, x.s.now, NULL, NULL, 0))
        bad = "nothing is cleared";
    sim_run(&x.s, 3000);
    for (unsigned i = 0; i < 2 && !bad; i++)
        first_sa(&x.s, i)->rekey_at = 0;
    sim_run(&x.s, 86400000 + 300000);
    if (!bad && (x.s.nodes[0].ike->n_sa || x.s.nodes[1].ike->n_sa))
        bad = "an IKE SA outlives its lifetime";
    return pair_over(&x, bad);
}

static const char *lifetime_over_v1(void)
{
    return lifetime_over(1);
}

static const char *lifetime_over_v2(void)
{
    return lifetime_over(2);
}

/* NO-PROPOSAL-CHOSEN that nobody has signed, while main mode waits. */
static const char *unproved_notify(void)
{
    struct pair x;
    uint8_t b[64];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    pair_open(&x, 1, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    const struct ike_sa *sa = first_sa(&x.s, 1);
    const struct ike_header h = {sa ? sa->spi_i : 0, 0, 0, 0x10, X1_INFO, 0, 7, 0};
    ike_header_write(&w, &h);
    ike1_notify_write(&c, 1, NULL, 0, N1_NO_PROPOSAL_CHOSEN, NULL, 0);
    ike_header_finish(&w, 0);
    inject(&x.s, &x.s.nodes[0].end, &x.s.nodes[1].end, b, w.n);
    sim_run(&x.s, 3000);
    return pair_over(&x, children_of(&x.s, 0) ? NULL : "what proves nothing stops main mode");
}

static bool lose_last(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    return !(f->p[18] == X1_AGGRESSIVE && (f->p[19] & IKE1_ENCRYPTED)); /* the initiator's third message */
}

/* The last message of aggressive mode is lost, and the initiator deletes what it made: the responder's message again
 * brings the third once more, or the half SA runs out; nothing stays. */
static const char *early_delete(void)
{
    struct pair x;
    pair_open(&x, 1, 1);
    struct ike_aggressive_peer to_hub = {.peer = address(HUB)};
    x.branch.p.aggressive = &to_hub;
    x.branch.p.n_aggressive = 1;
    pair_start(&x);
    tap_close(&x.tap);
    x.s.meddle = lose_last;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 500);
    ike_clear(x.s.nodes[1].ike, x.s.now, NULL, 0, 0);
    sim_run(&x.s, 60000);
    const char *bad = x.s.nodes[0].ike->n_sa || x.s.nodes[1].ike->n_sa ? "something stays" : NULL;
    return pair_over(&x, bad);
}

static enum ike_verdict never(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX])
{
    (void)ctx, (void)q, (void)why;
    return IKE_TELLS_LATER;
}

/* How many wait for something else than a third message of whoever may send one (v1_spare()). */
static unsigned busy_with(const struct ike *ike)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            n += !(sa->version == 1 && sa->v1->is_spare);
    return n;
}

/* The peer's certificate ends while its revocation is asked for. */
static const char *ends_while_asked(unsigned version)
{
    struct office o;
    office_open(&o, version, FAR, NOW_S + 10);
    o.s.nodes[0].ike->host.revocation = never;
    o.hub_cr.revocation = (struct ike_revocation){.methods = {IKE_REVOCATION_CRL}, .n = 1, .ocsp_url = ""};
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 12000);
    return office_over(&o, busy_with(o.s.nodes[0].ike) ? "it waits on although the certificate has ended" : NULL);
}

static const char *ends_while_asked_v1(void)
{
    return ends_while_asked(1);
}

static const char *ends_while_asked_v2(void)
{
    return ends_while_asked(2);
}

const struct attack attacks_states[] = {{"states: one child is cleared, IKEv1", child_cleared_v1},
                                        {"states: one child is cleared, IKEv2", child_cleared_v2},
                                        {"states: a lifetime is over, IKEv1", lifetime_over_v1},
                                        {"states: a lifetime is over, IKEv2", lifetime_over_v2},
                                        {"states: a notify that proves nothing", unproved_notify},
                                        {"states: deleted before the other end knows it", early_delete},
                                        {"A9 a certificate ends while it is looked at, IKEv1", ends_while_asked_v1},
                                        {"A9 a certificate ends while it is looked at, IKEv2", ends_while_asked_v2},
                                        {NULL, NULL}};
