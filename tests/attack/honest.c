/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Honest peers in situations that defences must not shut out: they restart, come back from elsewhere, share an address
 * or a private one, are slow, have many children. Each has its tunnel again in seconds, not after a lifetime. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/handover.h"
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/office.h"

#define ELSEWHERE "192.0.2.33"

/* Traffic every five seconds until the node has a child: seconds it took, `most` if it has none then. */
static unsigned seconds_until_up(struct sim *s, unsigned node, unsigned most)
{
    unsigned t = 0;
    for (; t < most && !children_of(s, node); t++) {
        if (t % 5 == 0)
            ike_acquire(s->nodes[node].ike, s->now, CHILD(0), NULL, NULL, NULL);
        sim_run(s, 1000);
    }
    return t;
}

/* ---- lines of keyrings that hold one secret ---- */

struct site {
    struct sim s;
    struct router hub, branch, moved;
};

static void branch_of(struct router *r, unsigned version, const char *at)
{
    router_init(r, version);
    struct ike_profile *own = router_profile(r, version, "OWN", "x.example.com", NULL);
    profile_match_address(r, own, HUB, 32);
    profile_key(r, own, router_key(r, HUB, 32, NULL, "secret"));
    entry_line(r, router_entry(r, version, at, HUB, own), CHILD(0), 2, 0, 1, 0);
}

static struct ike_profile *hub_of(struct router *r, unsigned version)
{
    router_init(r, version);
    struct ike_profile *p = router_profile(r, version, "P", NULL, NULL);
    profile_match(r, p, ".example.com", true);
    profile_key(r, p, router_key(r, "0.0.0.0", 0, NULL, "secret"));
    return p;
}

static void site_start(struct site *x, unsigned version)
{
    branch_of(&x->branch, version, BRANCH);
    branch_of(&x->moved, version, ELSEWHERE);
    sim_init(&x->s, 1, 2);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, BRANCH);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
}

static const char *site_again(struct site *x, const struct router *branch, const char *at)
{
    power_off(&x->s, 1);
    sim_node_start(&x->s, 1, &branch->p, at);
    unsigned t = seconds_until_up(&x->s, 1, 60);
    return t < 10 ? NULL : broken("its tunnel stands after %u s", t);
}

/* The branch comes back from an address for which another line of the keyring holds the same secret. */
static const char *another_line_one_secret(unsigned version)
{
    static struct site x;
    struct ike_profile *p = hub_of(&x.hub, version);
    profile_key(&x.hub, p, router_key(&x.hub, "198.51.100.0", 24, NULL, "secret"));
    router_entry(&x.hub, version, HUB, NULL, p);
    site_start(&x, version);
    return over(&x.s, site_again(&x, &x.moved, ELSEWHERE));
}

/* Two keyrings have the same line; the very same files are loaded anew; the branch restarts. */
static const char *two_keyrings_one_line(unsigned version)
{
    static struct site x;
    struct arena a;
    struct buf bytes = {0};
    struct ike_moves m;
    struct ike_reload r;
    const char *bad = NULL;
    if (!arena_init(&a, SIZE_MAX))
        return "out of memory";
    struct ike_profile *p = hub_of(&x.hub, version), *q = router_profile(&x.hub, version, "Q", NULL, NULL);
    profile_match(&x.hub, q, ".example.org", true);
    profile_key(&x.hub, q, router_key(&x.hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&x.hub, version, HUB, NULL, p);
    site_start(&x, version);
    bool written = ike_policy_write(&bytes, &x.hub.p);
    const struct ike_policy *again = ike_policy_read(&a, (const uint8_t *)bytes.p, bytes.len);
    buf_free(&bytes);
    ike_policy_compare(&a, &x.hub.p, again, &m);
    if (!written || !ike_reload(x.s.nodes[0].ike, x.s.now, &m, &r) || r.sas_kept != 1)
        bad = "the reload of the same does not keep the IKE SA";
    if (!bad)
        bad = site_again(&x, &x.branch, BRANCH);
    bad = over(&x.s, bad);
    arena_free(&a);
    return bad;
}

/* ---- a profile that the entry does not name ---- */

/* IKEv1: the hub has called, the branch renews phase 1, a child is rekeyed: it is one peer all the time. */
static const char *profile_not_named(void)
{
    static struct sim s;
    static struct router hub, branch;
    const char *bad = NULL;
    sim_init(&s, 1, 2);
    router_init(&hub, 1);
    router_init(&branch, 1);
    struct ike_profile *p = router_profile(&hub, 1, "P", NULL, NULL);
    profile_match_address(&hub, p, BRANCH, 32);
    profile_key(&hub, p, router_key(&hub, BRANCH, 32, NULL, "secret"));
    router_key(&branch, HUB, 32, NULL, "secret");
    struct ike_entry *e = router_entry(&hub, 1, HUB, BRANCH, NULL), *f = router_entry(&branch, 1, BRANCH, HUB, NULL);
    entry_line(&hub, e, CHILD(0), 1, 0, 2, 0);
    entry_line(&branch, f, CHILD(0), 2, 0, 1, 0);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &branch.p, BRANCH);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 3000);
    const struct ike_sa *called = first_sa(&s, 0);
    struct ike_sa *at_branch = first_sa(&s, 1);
    if (!called || !at_branch)
        return over(&s, "no ISAKMP SA");
    const uint64_t first_id = called->id;
    at_branch->rekey_at = s.now;
    ike_timer_update(s.nodes[1].ike, at_branch);
    sim_run(&s, 120000);
    const struct ike_child *c = first_child(&s, 0);
    if (!c || c->sa->id == first_id || ike_is(c->sa, IKE_ORPHAN))
        bad = "its IPsec SA has not gone over to the ISAKMP SA that the peer renewed";
    return over(&s, bad);
}

/* ---- one private address behind two NATs ---- */

/* IOS sends its own address as identity: home routers often give the same one. */
static const char *one_private_address(unsigned version)
{
    static struct sim s;
    static struct router hub, branch[2];
    static const uint8_t private_address[4] = {192, 168, 1, 2};
    static const char *const outside[] = {"198.51.100.101", "198.51.100.102"}, *const inside[] = {"10.99.0.1",
                                                                                                  "10.99.0.2"};
    const char *bad = NULL;
    sim_init(&s, 1, 3);
    router_init(&hub, version);
    struct ike_profile *p = router_profile(&hub, version, "P", NULL, NULL);
    profile_match_address(&hub, p, "192.168.0.0", 16);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    if (version == 1) /* profiles of IKEv1 are matched by the address that it comes from */
        profile_match_address(&hub, p, "198.51.100.0", 24);
    router_entry(&hub, version, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &branch[i];
        router_init(r, version);
        struct ike_profile *own = router_profile(r, version, "OWN", NULL, NULL);
        own->id_type = IKE_ID_IPV4;
        own->id = (struct ike_bytes){private_address, 4};
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "secret"));
        entry_line(r, router_entry(r, version, inside[i], HUB, own), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &r->p, inside[i]);
        sim_node_nat(&s, 1 + i, outside[i], (uint16_t)(2000 + 10 * i));
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 5000);
    }
    if (children_of(&s, 0) != 2)
        bad = broken("the hub has %u children of two branches", children_of(&s, 0));
    return over(&s, bad);
}

/* ---- many ---- */

/* Forty branches behind one address, all at once. */
static const char *forty_at_once(unsigned version)
{
    enum { N = 40 };
    static struct sim s;
    static struct router hub, branch[N];
    static char id[N][40], inside[N][24];
    sim_init(&s, 7, N + 1);
    s.delay_ms = 100;
    router_init(&hub, version);
    struct ike_profile *p = router_profile(&hub, version, "P", NULL, NULL);
    profile_match(&hub, p, ".example.com", true);
    profile_key(&hub, p, router_key(&hub, "0.0.0.0", 0, NULL, "secret"));
    router_entry(&hub, version, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    for (unsigned i = 0; i < N; i++) {
        struct router *r = &branch[i];
        router_init(r, version);
        snprintf(id[i], sizeof id[i], "b%u.example.com", i);
        snprintf(inside[i], sizeof inside[i], "10.99.0.%u", i + 1);
        struct ike_profile *own = router_profile(r, version, "OWN", id[i], NULL);
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "secret"));
        entry_line(r, router_entry(r, version, inside[i], HUB, own), CHILD(0), 20, (int)i, 100, -1);
        sim_node_start(&s, 1 + i, &r->p, inside[i]);
        sim_node_nat(&s, 1 + i, "198.51.100.99", (uint16_t)(2000 + 10 * i));
        ike_acquire(s.nodes[1 + i].ike, s.now, CHILD(0), NULL, NULL, NULL);
    }
    sim_run(&s, 20000);
    unsigned up = children_of(&s, 0);
    return over(&s, up == N ? NULL : broken("%u of %u branches behind one NAT have a tunnel after 20 s", up, N));
}

/* First messages of main mode in the branch's name, three hundred a second: it stands all the same. */
static const char *forged_in_its_name(void)
{
    static struct pair x;
    static uint8_t first[2000];
    const char *bad = NULL;
    pair_open(&x, 1, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    const size_t n = x.tap.n && x.tap.v[0].n <= sizeof first ? x.tap.v[0].n : 0;
    if (!n)
        return pair_over(&x, "no first message");
    memcpy(first, x.tap.v[0].p, n);
    const struct ike_end from = x.tap.v[0].from, to = x.tap.v[0].to;
    ike_clear(x.s.nodes[1].ike, x.s.now, NULL, 0, 0);
    sim_run(&x.s, 5000);
    tap_close(&x.tap);
    x.s.delay_ms = 80;
    bool is_up = false;
    for (unsigned ms = 0; ms < 20000 && !is_up; ms += 10) {
        if (ms % 1000 == 0)
            ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
        for (unsigned k = 0; k < 3; k++) {
            for (unsigned i = 0; i < 8; i++)
                first[i] = (uint8_t)(1 + sim_random(&x.s, 255));
            inject(&x.s, &from, &to, first, n);
        }
        sim_run(&x.s, 10);
        is_up = children_of(&x.s, 0) && children_of(&x.s, 1);
    }
    if (!is_up)
        bad = "300 forged messages a second keep a known peer out";
    return over(&x.s, bad);
}

/* Two hundred children, and the peer is authenticated anew: they stay. */
static const char *many_children_anew(void)
{
    enum { N = 200 };
    static struct site x;
    static struct ike_line lines[N];
    const char *bad = NULL;
    struct ike_profile *p = hub_of(&x.hub, 2);
    router_entry(&x.hub, 2, HUB, NULL, p);
    branch_of(&x.branch, 2, BRANCH);
    for (unsigned i = 0; i < N; i++) {
        lines[i] = (struct ike_line){.reqid = CHILD(i), .line = 400 + i};
        struct ike_selector *sel = &lines[i].sel;
        *sel = (struct ike_selector){.family = FAMILY_V4, .sport_hi = 65535, .dport_hi = 65535};
        sel->src_lo = sel->src_hi = (struct ip_addr){FAMILY_V4, {10, 2, 0, (uint8_t)i}};
        sel->dst_lo = sel->dst_hi = (struct ip_addr){FAMILY_V4, {10, 1, 0, 1}};
    }
    x.branch.entries[0].lines = lines;
    x.branch.entries[0].n_lines = N;
    sim_init(&x.s, 1, 2);
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    sim_node_start(&x.s, 1, &x.branch.p, BRANCH);
    for (unsigned i = 0; i < N; i++)
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(i), NULL, NULL, NULL);
    sim_run(&x.s, 60000);
    unsigned were = x.s.nodes[1].ike->n_children;
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (sa)
        sa->reauth_at = x.s.now;
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 60000);
    unsigned are = x.s.nodes[1].ike->n_children;
    if (were != N || are != N)
        bad = broken("%u children, %u after the peer was authenticated anew", were, are);
    else if (x.s.nodes[1].ike->n_sa != 1)
        bad = "the IKE SA before must stay, as the hub has refused children to the new one";
    return over(&x.s, bad);
}

/* ---- another certificate of one name ---- */

static int64_t wall(void *ctx)
{
    const struct sim_node *n = ctx;
    return NOW_S + (int64_t)(n->sim->now / 1000);
}

static void certified(struct router *r, unsigned version, struct ike_profile *p, const struct ike_credential *c,
                      unsigned n)
{
    p->auth_local = p->auth_remote = IKE_MAY_ECDSA;
    r->v1[0].auth = ALGO_AUTH_ECDSA_SIG;
    r->p.credentials = c;
    r->p.n_credentials = n;
    (void)version;
}

/* The branch's certificate is renewed under the company's new CA, which the hub trusts too; it restarts. Its own dead
 * SA is in the way until it is asked whether it lives. */
static bool garbled; /* what the branch hears */
static void hear_garbled(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa,
                         const struct ike_child *c, const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    garbled |= strstr(text, "not understood") != NULL;
}

static const char *renewed_under_another_ca(unsigned version)
{
    static struct sim s;
    static struct router hub, branch[2];
    static struct ike_credential of_hub[2], of_branch[2];
    static const char *const hub_ext[] = {"subjectAltName", "DNS:hub.example.com", NULL};
    static const char *const branch_ext[] = {"subjectAltName", "DNS:branch.example.com", NULL};
    struct maker root[2], h = {NULL, NULL}, b[2];
    sim_init(&s, 1, 2);
    router_init(&hub, version);
    for (unsigned i = 0; i < 2; i++) {
        root[i] = issue(NULL, "EC", 0, i ? "CN=new root" : "CN=root", ca_ext, NULL, FAR);
        b[i] = issue(&root[i], "EC", 0, "CN=branch", branch_ext, NULL, FAR);
    }
    h = issue(&root[0], "EC", 0, "CN=hub", hub_ext, NULL, FAR);
    for (unsigned i = 0; i < 2; i++) {
        credential(&of_hub[i], &h, &root[i]);
        credential(&of_branch[i], &b[i], &root[0]);
        struct router *r = &branch[i];
        router_init(r, version);
        struct ike_profile *own = router_profile(r, version, "OWN", "branch.example.com", "hub.example.com");
        certified(r, version, own, &of_branch[i], 1);
        entry_line(r, router_entry(r, version, BRANCH, HUB, own), CHILD(0), 2, 0, 1, 0);
    }
    struct ike_profile *p = router_profile(&hub, version, "P", "hub.example.com", "branch.example.com");
    of_hub[1].trustpoint = "NEW";
    certified(&hub, version, p, of_hub, 2);
    router_entry(&hub, version, HUB, NULL, p);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &branch[0].p, BRANCH);
    s.nodes[0].ike->host.wall_s = s.nodes[1].ike->host.wall_s = wall;
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    const char *bad = children_of(&s, 0) == 1 ? NULL : "no tunnel";
    power_off(&s, 1);
    sim_node_start(&s, 1, &branch[1].p, BRANCH);
    s.nodes[1].ike->host.wall_s = wall;
    garbled = false; /* J12: the hub asks whether the old one lives while it makes its answer */
    s.nodes[1].ike->host.event = hear_garbled;
    unsigned t = seconds_until_up(&s, 1, 300);
    if (!bad && garbled)
        bad = "the hub's answer is garbled";
    if (!bad && t >= 100)
        bad = broken("its tunnel stands after %u s", t);
    bad = over(&s, bad);
    for (unsigned i = 0; i < 2; i++) {
        credential_free(&of_hub[i]);
        credential_free(&of_branch[i]);
        maker_free(&b[i]);
        maker_free(&root[i]);
    }
    maker_free(&h);
    return bad;
}

/* ---- what is refused, or not heard for a while ---- */

/* The first child of an authentication anew is refused: what stands, stays. */
static const char *first_child_anew_refused(void)
{
    static struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    unsigned were = children_of(&x.s, 1);
    x.s.nodes[0].refuse_all = true;
    struct ike_sa *sa = first_sa(&x.s, 1);
    if (sa)
        sa->reauth_at = x.s.now;
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 10000);
    unsigned are = children_of(&x.s, 1);
    const char *bad = NULL;
    if (were != 1 || are != 1)
        bad = broken("%u children, %u after its successor was refused", were, are);
    return pair_over(&x, bad);
}

static unsigned refused_net; /* the hub's kernel refuses children of 10.1.N.0/24, 0: none */
static bool (*honest_add)(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which);

static bool refuse_net(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    if (refused_net && c->ts_local.lo.b[2] == refused_net)
        return false;
    return honest_add(ctx, c, k, which);
}

/* Twelve times anew, and one of two children refused each time: IKE SAs do not pile up, and nothing is lost. */
static const char *anew_again_and_again(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 2, 2);
    pair_start(&x);
    struct ike *hub = x.s.nodes[0].ike, *branch = x.s.nodes[1].ike;
    ike_acquire(branch, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    ike_acquire(branch, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    honest_add = hub->host.sa_add;
    hub->host.sa_add = refuse_net;
    refused_net = 1;
    for (unsigned i = 0; i < 12; i++) {
        for (uint32_t k = 0; k < branch->heap_n; k++) {
            struct ike_sa *sa = branch->heap[k];
            if (!ike_is(sa, IKE_STANDS) || !sa->children)
                continue;
            sa->reauth_at = x.s.now;
            ike_timer_update(branch, sa);
            break;
        }
        sim_run(&x.s, 20000);
    }
    refused_net = 0;
    if (branch->n_sa > 3 || hub->n_sa > 3)
        bad = broken("%u and %u IKE SAs", hub->n_sa, branch->n_sa);
    else if (children_of(&x.s, 0) < 2 || children_of(&x.s, 1) < 2)
        bad = broken("%u and %u children are left", children_of(&x.s, 0), children_of(&x.s, 1));
    return pair_over(&x, bad);
}

/* The hub's ISAKMP SA that was made last. */
static struct ike_sa *latest(struct ike *hub)
{
    struct ike_sa *best = NULL;
    for (uint32_t k = 0; k < hub->heap_n; k++)
        if (ike_is(hub->heap[k], IKE_STANDS) && (!best || hub->heap[k]->id > best->id))
            best = hub->heap[k];
    return best;
}

/* In the hub's place: each quick mode is refused by a notify that names no SPI, as some do. */
static bool refuse_quick(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    if (!addr_eq(&f->from.addr, &t->s->nodes[1].end.addr) || h[18] != X1_QUICK)
        return true;
    struct ike *hub = t->s->nodes[0].ike;
    struct ike_sa *sa = latest(hub);
    hub->now = t->s->now;
    if (sa)
        v1_notify(hub, sa, IKE_PROTO_ESP, 0, N1_INVALID_ID_INFORMATION, NULL, 0);
    return false;
}

static const char *refused_without_spi(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 1, 2);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.tap.also = refuse_quick;
    for (unsigned i = 0; i < 60; i++) {
        ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
        sim_run(&x.s, 10000);
    }
    if (x.s.nodes[1].ups != 1)
        bad = broken("%u ISAKMP SAs in 600 s, although the peer answers each time", x.s.nodes[1].ups);
    return pair_over(&x, bad);
}

static uint64_t hole_until;

static bool quick_modes_lost(struct tap *t, struct packet_in_flight *f)
{
    const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
    return t->s->now >= hole_until || h[18] != X1_QUICK;
}

/* Quick modes are lost for eighty seconds; the other end asks whether the peer lives. What stands goes on to stand, at
 * both ends. */
static const char *quick_modes_in_a_hole(void)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, 1, 2);
    x.branch.p.v1_keepalive_s = 30;
    x.branch.p.v1_keepalive_retry_s = 5;
    x.branch.p.v1_keepalive_periodic = true;
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    x.tap.also = quick_modes_lost;
    hole_until = x.s.now + 80000;
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    unsigned apart = 0;
    for (unsigned t = 0; t < 3000; t++) {
        sim_run(&x.s, 1000);
        apart += (children_of(&x.s, 0) > 0) != (children_of(&x.s, 1) > 0);
    }
    if (apart > 60)
        bad = broken("for %u s one end alone has the IPsec SA", apart);
    return pair_over(&x, bad);
}

/* ---- what does not pass ---- */

/* An ISAKMP SA without IPsec SAs, whose other end has restarted. */
static const char *hollow(unsigned version)
{
    static struct pair x;
    pair_open(&x, version, 1);
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    ike_clear_children(x.s.nodes[1].ike, x.s.now, NULL, NULL, 0);
    sim_run(&x.s, 30000);
    sim_node_stop(&x.s, 0);
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    sim_run(&x.s, 1000);
    unsigned t = seconds_until_up(&x.s, 1, 300);
    return pair_over(&x, t < 100 ? NULL : broken("the tunnel stands after %u s of traffic", t));
}

static struct sim *flows_in;

static bool always_flows(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out)
{
    (void)ctx, (void)c;
    *in = *out = flows_in->now;
    return true;
}

/* An idle time, traffic all the time: a rekeying, however slow, ends nothing. */
static const char *idle_time(unsigned version)
{
    static struct pair x;
    const char *bad = NULL;
    pair_open(&x, version, 2);
    x.hub.entries[0].idle_s = x.branch.entries[0].idle_s = 8;
    x.hub.entries[0].lifetime_s = x.branch.entries[0].lifetime_s = 300;
    pair_start(&x);
    flows_in = &x.s;
    x.s.delay_ms = 500;
    for (unsigned i = 0; i < 2; i++)
        x.s.nodes[i].ike->host.traffic = always_flows;
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    for (unsigned t = 0; t < 7200 && !bad; t++) {
        sim_run(&x.s, 1000);
        if (children_of(&x.s, 0) < 2 || children_of(&x.s, 1) < 2)
            bad = broken("a child has gone after %u s", t);
    }
    return pair_over(&x, bad);
}

#define BOTH(f)                                                                                                        \
    static const char *f##_1(void)                                                                                     \
    {                                                                                                                  \
        return f(1);                                                                                                   \
    }                                                                                                                  \
    static const char *f##_2(void)                                                                                     \
    {                                                                                                                  \
        return f(2);                                                                                                   \
    }
BOTH(another_line_one_secret)
BOTH(two_keyrings_one_line)
BOTH(one_private_address)
BOTH(forty_at_once)
BOTH(hollow)
BOTH(renewed_under_another_ca)
BOTH(idle_time)

const struct attack attacks_honest[] = {
    {"G4 a profile that the entry does not name", profile_not_named},
    {"G6 one private address behind two NATs, IKEv1", one_private_address_1},
    {"G6 one private address behind two NATs, IKEv2", one_private_address_2},
    {"G7 first messages of main mode forged in a known peer's name", forged_in_its_name},
    {"G7 forty branches behind one NAT at once, IKEv1", forty_at_once_1},
    {"G7 forty branches behind one NAT at once, IKEv2", forty_at_once_2},
    {"G8 two keyrings with one line, a reload, a restart, IKEv1", two_keyrings_one_line_1},
    {"G8 two keyrings with one line, a reload, a restart, IKEv2", two_keyrings_one_line_2},
    {"G9 another line of the keyring with the same secret, IKEv1", another_line_one_secret_1},
    {"G9 another line of the keyring with the same secret, IKEv2", another_line_one_secret_2},
    {"G10 many children, the peer is authenticated anew", many_children_anew},
    {"G11 an ISAKMP SA without children whose peer restarted, IKEv1", hollow_1},
    {"G11 an IKE SA without children whose peer restarted, IKEv2", hollow_2},
    {"G12 an idle time and slow rekeyings, IKEv1", idle_time_1},
    {"G12 an idle time and slow rekeyings, IKEv2", idle_time_2},
    {"G17 a certificate that is renewed under another CA, IKEv1", renewed_under_another_ca_1},
    {"G17 a certificate that is renewed under another CA, IKEv2", renewed_under_another_ca_2},
    {"H1 the first child of an authentication anew is refused", first_child_anew_refused},
    {"H5 authentications anew with a child refused each time", anew_again_and_again},
    {"H2 quick modes that are refused without an SPI", refused_without_spi},
    {"H4 quick modes that are lost for a while, and dead peer detection", quick_modes_in_a_hole},
    {NULL, NULL}};
