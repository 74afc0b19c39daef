/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who proves itself by a certificate that was revoked, or whose revocation nobody can tell: at once, late, never, in
 * both versions, both roles, aggressive mode, and with a reload in between (issue's A9 and its default `crl`). */
#include <string.h>

#include "tests/attack/office.h"

#define ASKED_MAX 16

/* What CRLs or OCSP say here. */
static struct oracle {
    enum ike_verdict now, later;
    unsigned n;
    struct {
        const struct sim_node *node;
        uint64_t spi, id;
    } asked[ASKED_MAX];
} oracle;

static enum ike_verdict ask(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX])
{
    if (oracle.n < ASKED_MAX) {
        oracle.asked[oracle.n].node = ctx;
        oracle.asked[oracle.n].spi = q->sa_spi;
        oracle.asked[oracle.n].id = q->sa_id;
    }
    oracle.n++;
    snprintf(why, IKE_WHY_MAX, "the oracle says so");
    return oracle.now;
}

static void answer_all(struct office *o)
{
    for (unsigned i = 0; i < oracle.n && i < ASKED_MAX; i++)
        ike_revocation_done(oracle.asked[i].node->ike, o->s.now, oracle.asked[i].spi, oracle.asked[i].id, oracle.later,
                            "the oracle says so now");
}

enum asks { HUB_ASKS = 1, BRANCH_ASKS = 2 };

static void open_asking(struct office *o, unsigned version, bool aggressive, unsigned who, bool none_follows)
{
    static struct ike_aggressive_peer to_hub;
    struct ike_credential *cr[] = {&o->hub_cr, &o->branch_cr};
    office_open(o, version, FAR, FAR);
    for (unsigned i = 0; i < 2; i++) {
        if (!(who >> i & 1))
            continue;
        o->s.nodes[i].ike->host.revocation = ask;
        cr[i]->revocation = (struct ike_revocation){
            .methods = {IKE_REVOCATION_CRL, IKE_REVOCATION_NONE}, .n = none_follows ? 2 : 1, .ocsp_url = ""};
    }
    if (aggressive) {
        to_hub = (struct ike_aggressive_peer){.peer = address(HUB)};
        o->branch.p.aggressive = &to_hub;
        o->branch.p.n_aggressive = 1;
        o->hub.p.hostname = "hub.example.com"; /* it says who it is before it knows whom it answers */
        o->hub.p.v1_id_hostname = true;
    }
    oracle.n = 0;
}

static bool stands(struct office *o)
{
    return children_of(&o->s, 0) && children_of(&o->s, 1);
}

static bool any_child(struct office *o)
{
    return children_of(&o->s, 0) || children_of(&o->s, 1);
}

struct way {
    const char *name;
    unsigned version;
    bool aggressive;
};
static const struct way ways[] = {{"IKEv2", 2, false}, {"main mode", 1, false}, {"aggressive mode", 1, true}};
#define WAYS (sizeof ways / sizeof *ways)

/* What `now` (and then `later`) must lead to. NULL if it does. */
static const char *one_verdict(const struct way *w, unsigned who, bool none_follows, enum ike_verdict now,
                               enum ike_verdict later, bool comes_up)
{
    struct office o;
    oracle = (struct oracle){.now = now, .later = later};
    open_asking(&o, w->version, w->aggressive, who, none_follows);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    const char *bad = NULL;
    if (!oracle.n)
        bad = broken("%s, %u: nobody asks whether it is revoked: %s %s", w->name, who, o.s.nodes[0].last,
                     o.s.nodes[1].last);
    if (!bad && now == IKE_TELLS_LATER && stands(&o))
        bad = broken("%s: the tunnel stands before the answer", w->name);
    if (!bad && now == IKE_TELLS_LATER) {
        answer_all(&o);
        sim_run(&o.s, 3000);
        answer_all(&o); /* twice changes nothing */
        sim_run(&o.s, 3000);
    }
    if (!bad && comes_up && !stands(&o))
        bad = broken("%s, %u asks: the tunnel does not come up: %s %s", w->name, who, o.s.nodes[0].last,
                     o.s.nodes[1].last);
    if (!bad && !comes_up && any_child(&o))
        bad = broken("%s, %u asks: a tunnel stands with a peer that is refused", w->name, who);
    return office_over(&o, bad);
}

static const char *verdicts(enum ike_verdict now, enum ike_verdict later, bool none_follows, bool comes_up)
{
    const char *bad = NULL;
    for (unsigned i = 0; i < WAYS && !bad; i++)
        for (unsigned who = HUB_ASKS; who <= BRANCH_ASKS && !bad; who++)
            bad = one_verdict(&ways[i], who, none_follows, now, later, comes_up);
    return bad;
}

static const char *revoked(void)
{
    const char *bad = verdicts(IKE_REVOKED, IKE_REVOKED, false, false);
    return bad ? bad : verdicts(IKE_TELLS_LATER, IKE_REVOKED, false, false);
}

/* `none` is for what cannot be checked, not for what is revoked. */
static const char *revoked_with_none(void)
{
    const char *bad = verdicts(IKE_REVOKED, IKE_REVOKED, true, false);
    return bad ? bad : verdicts(IKE_TELLS_LATER, IKE_REVOKED, true, false);
}

static const char *cannot_tell(void)
{
    const char *bad = verdicts(IKE_CANNOT_TELL, IKE_CANNOT_TELL, false, false);
    return bad ? bad : verdicts(IKE_TELLS_LATER, IKE_CANNOT_TELL, false, false);
}

static const char *cannot_tell_with_none(void)
{
    const char *bad = verdicts(IKE_CANNOT_TELL, IKE_CANNOT_TELL, true, true);
    return bad ? bad : verdicts(IKE_TELLS_LATER, IKE_CANNOT_TELL, true, true);
}

static const char *not_revoked(void)
{
    const char *bad = verdicts(IKE_NOT_REVOKED, IKE_NOT_REVOKED, false, true);
    return bad ? bad : verdicts(IKE_TELLS_LATER, IKE_NOT_REVOKED, false, true);
}

/* A host that asks nobody refuses; `none` first is the only word that needs no asking. */
static const char *nobody_asks(void)
{
    struct office o;
    oracle = (struct oracle){0};
    open_asking(&o, 2, false, HUB_ASKS, false);
    o.s.nodes[0].ike->host.revocation = NULL;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    return office_over(&o, any_child(&o) ? "a tunnel stands although nothing can be checked" : NULL);
}

/* The answer never comes: nothing stands, nothing stays; and what comes when all is over does no harm. */
static const char *never_told(void)
{
    for (unsigned i = 0; i < 2 * WAYS; i++) {
        const struct way *w = &ways[i / 2];
        unsigned who = i % 2 ? BRANCH_ASKS : HUB_ASKS, asking = i % 2;
        struct office o;
        oracle = (struct oracle){.now = IKE_TELLS_LATER, .later = IKE_NOT_REVOKED};
        open_asking(&o, w->version, w->aggressive, who, false);
        ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&o.s, 200000);
        const char *bad = any_child(&o) ? broken("%s: a tunnel stands", w->name) : NULL;
        if (!bad && o.s.nodes[asking].ike->n_sa)
            bad = broken("%s, %u asks: what waits for an answer stays for ever", w->name, who);
        answer_all(&o);
        sim_run(&o.s, 1000);
        if (!bad && children_of(&o.s, asking))
            bad = broken("%s: an answer for an SA that is gone makes a child", w->name);
        bad = office_over(&o, bad);
        if (bad)
            return bad;
    }
    return NULL;
}

/* While the hub asks, its policy is replaced by one without the peer's profile. */
static const char *reload_meanwhile(void)
{
    struct office o;
    struct router later;
    oracle = (struct oracle){.now = IKE_TELLS_LATER, .later = IKE_NOT_REVOKED};
    open_asking(&o, 2, false, HUB_ASKS, false);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    router_init(&later, 2);
    struct ike_profile *p = router_profile(&later, 2, "OTHER", "hub.example.com", "other.example.com");
    p->auth_local = p->auth_remote = IKE_MAY_ECDSA;
    later.p.credentials = &o.hub_cr;
    later.p.n_credentials = 1;
    entry_line(&later, router_entry(&later, 2, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    const uint32_t gone[] = {UINT32_MAX}, keys[] = {0};
    const struct ike_moves m = {.from = &o.hub.p,
                                .to = &later.p,
                                .entry = gone,
                                .profile = gone,
                                .v1 = gone,
                                .key = keys,
                                .same_credential = true};
    struct ike_reload r;
    const char *bad = oracle.n ? NULL : "nobody asks";
    if (!bad && !ike_reload(o.s.nodes[0].ike, o.s.now, &m, &r))
        bad = "out of memory";
    answer_all(&o);
    sim_run(&o.s, 3000);
    if (!bad && children_of(&o.s, 0))
        bad = "a peer is taken that no profile takes any more";
    return office_over(&o, bad);
}

/* A stranger cannot make the hub ask: what does not prove itself is refused before. */
static const char *asked_for_nobody(void)
{
    struct office o;
    oracle = (struct oracle){.now = IKE_TELLS_LATER, .later = IKE_NOT_REVOKED};
    open_asking(&o, 2, false, HUB_ASKS, false);
    struct maker other_root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR);
    static const char *const san[] = {"subjectAltName", "DNS:branch.example.com", NULL};
    struct maker forged = issue(&other_root, "EC", 0, "CN=branch", san, NULL, FAR);
    struct ike_credential kept = o.branch_cr;
    o.branch_cr.chain[0] = der_of(forged.x);
    o.branch_cr.key = forged.key;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 3000);
    const char *bad =
        oracle.n ? "the network is asked for the sake of a certificate that no CA of ours has made" : NULL;
    OPENSSL_free((void *)(uintptr_t)o.branch_cr.chain[0].p);
    o.branch_cr = kept;
    bad = office_over(&o, bad);
    maker_free(&forged);
    maker_free(&other_root);
    return bad;
}

const struct attack attacks_revocation[] = {
    {"A9 a revoked certificate", revoked},
    {"A9 a revoked certificate where none follows", revoked_with_none},
    {"A9 revocation that cannot be checked", cannot_tell},
    {"A9 revocation that cannot be checked, none follows", cannot_tell_with_none},
    {"A9 a certificate that is not revoked", not_revoked},
    {"A9 a host that asks nobody", nobody_asks},
    {"A9 revocation that is never told", never_told},
    {"A9 a reload while revocation is asked", reload_meanwhile},
    {"A9 revocation asked for a stranger", asked_for_nobody},
    {NULL, NULL}};
