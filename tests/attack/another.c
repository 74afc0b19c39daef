/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another configured peer answers in a negotiation of main mode that is not its own, by its own certificate (finding
 * R9). */
#include <string.h>

#include "tests/attack/main_mode.h"
#include "tests/attack/office.h"

static uint8_t branchs_cookie[8];
static bool takes_cookie;
static unsigned n_evil; /* datagrams of its own */
static void (*own_random)(void *ctx, void *p, size_t n);
static void (*own_send)(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                        size_t n);
static struct sim *lab;

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

/* Its third message comes behind the branch's, its fifth before. */
static void evil_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    if (is_first_message(p)) /* the branch has said that */
        return;
    n_evil++;
    own_send(ctx, local, remote, p, n);
    lab->air[lab->n_air - 1].at = lab->now + 3;
}

static void branch_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                        size_t n)
{
    struct ike *evil = lab->nodes[2].ike;
    own_send(ctx, local, remote, p, n);
    lab->air[lab->n_air - 1].at = lab->now + (p[19] & IKE1_ENCRYPTED ? 10 : 1);
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
    entry_line(r, router_entry(r, 1, own, peer, p), CHILD(i == 2), net, -1, 3 - net, -1);
}

static const char *anothers_proof(void)
{
    static const char *const sans[3][3] = {{"subjectAltName", "DNS:hub.example.com", NULL},
                                           {"subjectAltName", "DNS:branch.example.com", NULL},
                                           {"subjectAltName", "DNS:evil.example.com", NULL}};
    static const char *const subjects[] = {"CN=hub", "CN=branch", "CN=evil"};
    static struct sim s;
    static struct router r[3];
    static struct ike_credential cr[3];
    struct maker root = issue(NULL, "EC", 0, "CN=root", ca_ext, NULL, FAR), m[3];
    sim_init(&s, 1, 3);
    s.delay_ms = 1;
    lab = &s;
    slow_begin(&s);
    n_evil = 0;
    for (unsigned i = 0; i < 3; i++) {
        m[i] = issue(&root, "EC", 0, subjects[i], sans[i], NULL, FAR);
        credential(&cr[i], &m[i], &root);
        certified(&r[i], &cr[i], i);
        sim_node_start(&s, i, &r[i].p, i ? BRANCH : HUB);
    }
    own_random = s.nodes[2].ike->host.random;
    own_send = s.nodes[2].ike->host.send;
    s.nodes[2].ike->host.random = evil_random;
    s.nodes[2].ike->host.send = evil_send;
    s.nodes[1].ike->host.send = branch_send;
    unsigned t = 0;
    for (; t < 60 && !children_of(&s, 1); t++) {
        if (t % 5 == 0)
            ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        pass(&s, 1000);
    }
    const char *bad = over(&s, t > 20 ? broken("no tunnel of the branch for %u s", t) : NULL);
    for (unsigned i = 0; i < 3; i++) {
        credential_free(&cr[i]);
        maker_free(&m[i]);
    }
    maker_free(&root);
    return n_evil ? bad : "no attack";
}

const struct attack attacks_another[] = {
    {"R9 another peer in a negotiation not its own", anothers_proof},
    {NULL, NULL},
};
