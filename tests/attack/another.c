/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another configured peer answers in a negotiation of main mode that is not its own, by its own certificate (findings
 * R9, S10, S11, S12). */
#include <string.h>

#include "tests/attack/main_mode.h"
#include "tests/attack/office.h"

static unsigned n_sent_on;

static uint8_t branchs_cookie[8];
static bool takes_cookie;
static unsigned n_evil; /* datagrams of its own */
static void (*own_random)(void *ctx, void *p, size_t n);
static void (*own_send)(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                        size_t n);
static struct sim *lab;
static unsigned evil_ms;  /* its messages' way to the hub */
static unsigned third_ms; /* of the branch's third message */
static unsigned fifth_ms;

static void evil_random(void *ctx, void *p, size_t n)
{
    own_random(ctx, p, n);
    if (!takes_cookie || n != 8)
        return;
    for (unsigned i = 0; i < 8; i++) /* a cookie goes out with its highest byte first */
        ((uint8_t *)p)[i] = branchs_cookie[7 - i];
    takes_cookie = false;
}

static bool is_first_message(const uint8_t *p)
{
    static const uint8_t none[8];
    return memcmp(p + 8, none, 8) == 0;
}

static void evil_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    if (is_first_message(p)) /* the branch has said that */
        return;
    n_evil++;
    own_send(ctx, local, remote, p, n);
    lab->air[lab->n_air - 1].at = lab->now + evil_ms;
}

static void branch_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                        size_t n)
{
    struct ike *evil = lab->nodes[2].ike;
    own_send(ctx, local, remote, p, n);
    unsigned ms = p[19] & IKE1_ENCRYPTED ? fifth_ms : third_ms;
    if (is_first_message(p))
        ms = 1;
    lab->air[lab->n_air - 1].at = lab->now + ms;
    if (!is_first_message(p))
        return;
    memcpy(branchs_cookie, p, 8);
    ike_clear(evil, lab->now, NULL, 0, 0);
    takes_cookie = true;
    ike_acquire(evil, lab->now, CHILD(1), NULL, NULL, NULL);
}

static void certified(struct router *r, struct ike_credential *cr, unsigned i)
{
    static const char *const names[] = {"hub.example.com", "branch.example.com", "evil.example.com"};
    router_init(r, 1);
    struct ike_profile *p = router_profile(r, 1, "P", names[i], i ? names[0] : names[1]);
    p->auth_local = p->auth_remote = IKE_MAY_ECDSA;
    struct ike_profile *q = i ? NULL : router_profile(r, 1, "Q", names[0], names[2]);
    if (q)
        q->auth_local = q->auth_remote = IKE_MAY_ECDSA;
    r->v1[0].auth = ALGO_AUTH_ECDSA_SIG;
    r->p.credentials = cr;
    r->p.n_credentials = 1;
    const char *own = i ? BRANCH : HUB;
    const char *peer = i ? HUB : BRANCH;
    const int net = i ? 2 : 1;
    r->p.v1_keepalive_s = 10; /* so that an SA looks at what it has to do */
    r->p.v1_keepalive_periodic = true;
    struct ike_entry *e = router_entry(r, 1, own, peer, p);
    e->pfs = ALGO_DH_256_ECP;
    entry_line(r, e, CHILD(0), net, 0, 3 - net, 0);
    entry_line(r, e, CHILD(1), net, 1, 3 - net, 1);
}

/* The other peer's certificate is revoked. */
static enum ike_verdict tells(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX])
{
    static const char name[] = "evil.example.com";
    (void)ctx;
    snprintf(why, IKE_WHY_MAX, "as the CA says");
    return memmem(q->chain, q->chain_len, name, sizeof name - 1) ? IKE_REVOKED : IKE_NOT_REVOKED;
}

struct three_peers {
    struct sim s;
    struct router r[3];
    struct ike_credential cr[3];
    struct maker root, m[3];
};

static void three_open(struct three_peers *x)
{
    static const char *const sans[3][3] = {{"subjectAltName", "DNS:hub.example.com", NULL},
                                           {"subjectAltName", "DNS:branch.example.com", NULL},
                                           {"subjectAltName", "DNS:evil.example.com", NULL}};
    static const char *const subjects[] = {"CN=hub", "CN=branch", "CN=evil"};
    struct sim *s = &x->s;
    x->root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR);
    sim_init(s, 1, 3);
    s->delay_ms = 1;
    lab = s;
    slow_begin(s);
    n_evil = 0;
    for (unsigned i = 0; i < 3; i++) {
        x->m[i] = issue(&x->root, "EC", 0, subjects[i], sans[i], NULL, FAR);
        credential(&x->cr[i], &x->m[i], &x->root);
        certified(&x->r[i], &x->cr[i], i);
        sim_node_start(s, i, &x->r[i].p, i ? BRANCH : HUB);
    }
    own_random = s->nodes[2].ike->host.random;
    own_send = s->nodes[2].ike->host.send;
    s->nodes[2].ike->host.random = evil_random;
    s->nodes[2].ike->host.send = evil_send;
    s->nodes[1].ike->host.send = branch_send;
}

static const char *three_over(struct three_peers *x, const char *bad)
{
    bad = over(&x->s, bad);
    for (unsigned i = 0; i < 3; i++) {
        credential_free(&x->cr[i]);
        maker_free(&x->m[i]);
    }
    maker_free(&x->root);
    return n_evil ? bad : "no attack";
}

static const char *comes_up(struct three_peers *x)
{
    struct sim *s = &x->s;
    unsigned t = 0;
    for (; t < 100 && !children_of(s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        pass(s, 1000);
    }
    return t > 20 ? broken("no tunnel of the branch for %u s, %u datagrams of the other peer", t, n_evil) : NULL;
}

static void takes_ms(unsigned evil, unsigned branchs_third, unsigned branchs_fifth)
{
    evil_ms = evil;
    third_ms = branchs_third;
    fifth_ms = branchs_fifth;
}

/* Its third message comes behind the branch's, its fifth before. */
static const char *anothers_proof(void)
{
    static struct three_peers x;
    takes_ms(3, 1, 10);
    three_open(&x);
    return three_over(&x, comes_up(&x));
}

/* It is through before the branch's third message is there. */
static const char *through_before(void)
{
    static struct three_peers x;
    takes_ms(1, 60, 60);
    three_open(&x);
    return three_over(&x, comes_up(&x));
}

static const char *refused_before(void)
{
    static struct three_peers x;
    takes_ms(3, 1, 10);
    three_open(&x);
    takes_ms(1, 60, 60);
    x.s.nodes[0].ike->host.revocation = tells;
    x.cr[0].revocation = (struct ike_revocation){.methods = {IKE_REVOCATION_CRL}, .n = 1, .ocsp_url = ""};
    return three_over(&x, comes_up(&x));
}

static struct ike_sa *of_profile(struct ike *ike, const char *name)
{
    for (uint32_t k = 0; k < ike->hash_size; k++)
        for (struct ike_sa *sa = ike->by_spi[k]; sa; sa = sa->hash_next)
            if (ike_is(sa, IKE_STANDS) && strcmp(sa->profile->name, name) == 0)
                return sa;
    return NULL;
}

/* Both stand under one cookie; the branch's ends while it computes and has more to do. */
static const char *tasks_left(void)
{
    static struct three_peers x;
    takes_ms(3, 1, 10);
    three_open(&x);
    struct sim *s = &x.s;
    struct ike *hub = s->nodes[0].ike;
    ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
    pass(s, 1000);
    const struct ike_sa *ours = of_profile(hub, "P"), *others = of_profile(hub, "Q");
    if (!ours || !others)
        return three_over(&x, "not so far");
    const uint64_t id = others->id, spi = others->own_spi;
    queue.n = 0;
    hub->host.job = queue_job;
    ike_acquire(hub, s->now, CHILD(0), NULL, NULL, NULL);
    ike_acquire(hub, s->now, CHILD(1), NULL, NULL, NULL);
    ike_clear(hub, s->now, NULL, 0, ours->id);
    hub->host.job = NULL;
    while (queue.n) {
        struct ike_job *j = queue.v[--queue.n];
        ike_job_run(j);
        ike_job_done(hub, s->now, j);
    }
    s->nodes[1].deaf = true;
    pass(s, 30000);
    const struct ike_sa *left = ike_still(hub, spi, id);
    bool has_any = left && left->children;
    return three_over(&x, has_any ? "a line of profile P's entry is with the peer of profile Q" : NULL);
}

/* The first message of main mode once more from another port, the answers to it sent on to the branch: the hub has two
 * ISAKMP SAs of it, the branch one. What the hub begins goes to the one that the branch has. */
static bool sends_on(struct sim *s, struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    static const uint8_t none[8];
    if (f->to.port == 777) {
        const struct ike_end to = {f->to.addr, IKE_PORT};
        ike_input(s->nodes[1].ike, s->now, &to, &f->from, f->p, f->n);
        return false;
    }
    bool is_first = !is_from(s, f, 0) && h[18] == X1_MAIN && memcmp(h + 8, none, sizeof none) == 0;
    if (is_first && !n_sent_on) {
        struct ike_end from = f->from;
        from.port = 777;
        n_sent_on++;
        ike_input(s->nodes[0].ike, s->now, &f->to, &from, f->p, f->n);
    }
    return true;
}

static const char *hollow(void)
{
    static struct pair x;
    pair_open(&x, 1, 2);
    pair_start(&x);
    tap_close(&x.tap);
    x.s.delay_ms = 1;
    slow_begin(&x.s);
    n_sent_on = 0;
    x.s.meddle = sends_on;
    if (seconds_to_tunnel(&x.s, 60) > 20)
        return over(&x.s, "there is no tunnel at first");
    pass(&x.s, 3000);
    unsigned two = sas_of(&x.s, 0, IKE_ESTABLISHED), t = 0;
    for (; t < 60 && children_of(&x.s, 1) < 2; t++) {
        if (t % 5 == 0)
            ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
        pass(&x.s, 1000);
    }
    pass(&x.s, 20000);
    x.s.meddle = NULL;
    unsigned left = sas_of(&x.s, 0, IKE_ESTABLISHED);
    const char *bad = t > 5 ? broken("the hub's next tunnel comes after %u s", t) : NULL;
    if (!bad && left != 1)
        bad = broken("%u ISAKMP SAs still stand at the hub", left);
    return over(&x.s, two == 2 ? bad : "no attack");
}

const struct attack attacks_another[] = {
    {"R9 another peer in a negotiation not its own", anothers_proof},
    {"S10 another peer is through before the third message", through_before},
    {"S11 a revoked peer is refused before the third message", refused_before},
    {"S12 tasks of the peer that goes are left to another", tasks_left},
    {"W1 a first message from two ports, the answers sent on", hollow},
    {NULL, NULL},
};
