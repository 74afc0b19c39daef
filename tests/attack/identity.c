/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is who: peers that pose as others, behind one address and elsewhere (findings A1 to A4, A7, A9, A10). */
#include <string.h>

#include "backends/ike/v1/v1.h"
#include "tests/attack/lab.h"

/* ---- A1: the profile's identity check ---- */

/* The entry wants hq.example.com; who sits at its address calls as somebody else, then the hub has traffic. */
static const char *profile_bypass(unsigned version)
{
    struct sim s;
    struct router hub, evil;
    sim_init(&s, 1, 2);
    router_init(&hub, version);
    struct ike_profile *hq = router_profile(&hub, version, "HQ", NULL, "hq.example.com");
    profile_key(&hub, hq, router_key(&hub, BRANCH, 32, NULL, "secret"));
    entry_line(&hub, router_entry(&hub, version, HUB, BRANCH, hq), CHILD(0), 1, -1, 2, -1);
    router_init(&evil, version);
    struct ike_profile *any = router_profile(&evil, version, "ANY", "evil.example.com", NULL);
    profile_match_address(&evil, any, HUB, 32);
    profile_key(&evil, any, router_key(&evil, HUB, 32, NULL, "secret"));
    entry_line(&evil, router_entry(&evil, version, BRANCH, HUB, any), CHILD(0), 2, -1, 1, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &evil.p, BRANCH);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 20000);
    return over(&s, children_of(&s, 0) ? "a peer of another identity serves the entry" : NULL);
}
/* The profile is for who comes to another address of ours (`local-address`, `match address local`). */
static const char *profile_of_another_address(unsigned version)
{
    static struct pair x;
    const struct ip_addr elsewhere = address("203.0.113.99");
    pair_open(&x, version, 1);
    struct ike_profile *p = router_profile(&x.hub, version, "ELSEWHERE", NULL, NULL);
    profile_match_address(&x.hub, p, BRANCH, 32);
    profile_key(&x.hub, p, &x.hub.keys[0]);
    p->locals = &elsewhere;
    p->n_locals = 1;
    x.hub.entries[0].profile = p;
    if (version == 2)
        x.hub.profiles[0].n_remote = 0; /* the one that the pair has made */
    pair_start(&x);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 10000);
    const char *bad = children_of(&x.s, 0) ? "a profile for another address of ours lets a peer in" : NULL;
    return pair_over(&x, bad);
}
static const char *g18_v1(void)
{
    return profile_of_another_address(1);
}
static const char *g18_v2(void)
{
    return profile_of_another_address(2);
}

static const char *a1_v1(void)
{
    return profile_bypass(1);
}
static const char *a1_v2(void)
{
    return profile_bypass(2);
}

/* The other way round: the honest peer of one profile may not carry the traffic of another profile's entry. */
static const char *a1_two_profiles(void)
{
    struct sim s;
    struct router hub, peer;
    sim_init(&s, 1, 2);
    router_init(&hub, 1);
    struct ike_psk *k = router_key(&hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *one = router_profile(&hub, 1, "ONE", NULL, "one.example.com");
    struct ike_profile *two = router_profile(&hub, 1, "TWO", NULL, "two.example.com");
    profile_key(&hub, one, k);
    profile_key(&hub, two, k);
    entry_line(&hub, router_entry(&hub, 1, HUB, BRANCH, one), CHILD(0), 1, 1, 2, 1);
    entry_line(&hub, router_entry(&hub, 1, HUB, BRANCH, two), CHILD(1), 1, 2, 2, 2);
    router_init(&peer, 1);
    struct ike_profile *own = router_profile(&peer, 1, "OWN", "one.example.com", NULL);
    profile_match_address(&peer, own, HUB, 32);
    profile_key(&peer, own, router_key(&peer, HUB, 32, NULL, "secret"));
    struct ike_entry *e = router_entry(&peer, 1, BRANCH, HUB, own);
    entry_line(&peer, e, CHILD(0), 2, 1, 1, 1);
    entry_line(&peer, e, CHILD(1), 2, 2, 1, 2);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &peer.p, BRANCH);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    unsigned right = children_of(&s, 0);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(1), NULL, NULL, NULL);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&s, 20000);
    return over(&s, right != 1               ? "the honest tunnel does not come up"
                    : children_of(&s, 0) > 1 ? "the peer of one profile serves the entry of another"
                                             : NULL);
}

/* ---- A2: the key must be of the profile's keyring ---- */

static const char *key_of_other_keyring(void)
{
    struct sim s;
    struct router hub, evil;
    sim_init(&s, 1, 2);
    router_init(&hub, 1);
    struct ike_psk *ra = router_key(&hub, "0.0.0.0", 0, NULL, "weak");
    struct ike_psk *strong = router_key(&hub, "192.0.2.77", 32, NULL, "strong");
    struct ike_profile *hq = router_profile(&hub, 1, "HQ", NULL, "hq.example.com");
    struct ike_profile *users = router_profile(&hub, 1, "RA", NULL, "users.example.com");
    profile_key(&hub, hq, strong);
    profile_key(&hub, users, ra);
    router_entry(&hub, 1, HUB, NULL, hq);
    router_init(&evil, 1);
    struct ike_profile *own = router_profile(&evil, 1, "OWN", "hq.example.com", NULL);
    profile_match_address(&evil, own, HUB, 32);
    profile_key(&evil, own, router_key(&evil, HUB, 32, NULL, "weak"));
    entry_line(&evil, router_entry(&evil, 1, BRANCH, HUB, own), CHILD(0), 2, -1, 1, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &evil.p, BRANCH);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 20000);
    return over(&s, children_of(&s, 0)               ? "the key of one keyring opens the profile of another"
                    : sas_of(&s, 0, IKE_ESTABLISHED) ? "the key of one keyring proves a peer of another's profile"
                                                     : NULL);
}

/* A2b: A calls B; C, who has a key of its own in the keyring, sits at B's address and answers as itself. */
static const char *answerer_chooses_key(unsigned version)
{
    struct sim s;
    struct router a, c;
    static const uint8_t name_a[] = "a.example.com", name_c[] = "c.example.com";
    sim_init(&s, 1, 2);
    router_init(&a, version);
    struct ike_profile *p = router_profile(&a, version, "P", "a.example.com", NULL);
    profile_match(&a, p, ".example.com", true);
    struct ike_psk *kb = router_key(&a, BRANCH, 32, NULL, "key of b"),
                   *kc = router_key(&a, NULL, 0, "c.example.com", "key of c");
    profile_key(&a, p, kb);
    profile_key(&a, p, kc);
    entry_line(&a, router_entry(&a, version, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    router_init(&c, version);
    struct ike_profile *q = router_profile(&c, version, "Q", "c.example.com", NULL);
    profile_match(&c, q, "a.example.com", false);
    /* C proves itself by its own key, and does not care how A proves itself */
    struct ike_psk *own = router_key(&c, NULL, 0, "a.example.com", "key of c");
    if (version == 2)
        own->remote = (struct ike_bytes){(const uint8_t *)"key of b", 8};
    profile_key(&c, q, own);
    entry_line(&c, router_entry(&c, version, BRANCH, HUB, q), CHILD(0), 2, -1, 1, -1);
    struct ike_aggressive_peer to_b = {.peer = address(BRANCH), .id_type = IKE_ID_FQDN, .id = {name_a, 13}};
    struct ike_aggressive_peer to_a = {.peer = address(HUB), .id_type = IKE_ID_FQDN, .id = {name_c, 13}};
    if (version == 1) {
        a.p.aggressive = &to_b, c.p.aggressive = &to_a;
        a.p.n_aggressive = c.p.n_aggressive = 1;
        c.p.hostname = "c.example.com";
        c.p.v1_id_hostname = true;
    }
    sim_node_start(&s, 0, &a.p, HUB);
    sim_node_start(&s, 1, &c.p, BRANCH);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 20000);
    return over(&s, children_of(&s, 0) ? "whoever has any key of the keyring may answer for the peer" : NULL);
}
static const char *a2b_v1(void)
{
    return answerer_chooses_key(1);
}
static const char *a2b_v2(void)
{
    return answerer_chooses_key(2);
}

/* ---- A3: two peers behind one NAT address ---- */

struct office {
    struct sim s;
    struct router hub, x, y;
};

/* Hub 0 with a dynamic entry; X (1) and Y (2) behind 198.51.100.99, each with its own identity and key. */
static void office_open(struct office *o, unsigned version)
{
    static const char *const addr[] = {"10.99.0.1", "10.99.0.2"}, *const id[] = {"x.example.com", "y.example.com"};
    struct router *r[] = {&o->x, &o->y};
    sim_init(&o->s, 1, 3);
    router_init(&o->hub, version);
    struct ike_profile *p = router_profile(&o->hub, version, "P", NULL, NULL);
    profile_match(&o->hub, p, ".example.com", true);
    profile_key(&o->hub, p, router_key(&o->hub, "0.0.0.0", 0, NULL, "group"));
    router_entry(&o->hub, version, HUB, NULL, p);
    sim_node_start(&o->s, 0, &o->hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        router_init(r[i], version);
        struct ike_profile *own = router_profile(r[i], version, "OWN", id[i], NULL);
        profile_match_address(r[i], own, HUB, 32);
        profile_key(r[i], own, router_key(r[i], HUB, 32, NULL, "group"));
        struct ike_entry *e = router_entry(r[i], version, addr[i], HUB, own);
        entry_line(r[i], e, CHILD(0), 1, (int)(1 + i), 100, -1);
        entry_line(r[i], e, CHILD(1), 1, 2, 100, -1); /* X may ask for Y's network */
        sim_node_start(&o->s, 1 + i, &r[i]->p, addr[i]);
        sim_node_nat(&o->s, 1 + i, "198.51.100.99", (uint16_t)(4000 + 1000 * i));
    }
}

static struct ike_sa *sa_of_peer(struct sim *s, const char *id)
{
    struct ike *k = s->nodes[0].ike;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->peer_id && sa->peer_id_len == strlen(id) + 1 && memcmp(sa->peer_id + 1, id, strlen(id)) == 0 &&
                sa->state == IKE_ESTABLISHED)
                return sa;
    return NULL;
}

static unsigned count_children(const struct ike_sa *sa)
{
    unsigned n = 0;
    for (const struct ike_child *c = sa ? sa->children : NULL; c; c = c->next)
        n++;
    return n;
}

static const char *take_over(unsigned version)
{
    struct office o;
    office_open(&o, version);
    ike_acquire(o.s.nodes[2].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    struct ike_sa *y = sa_of_peer(&o.s, "y.example.com");
    uint32_t reqid = y && y->children ? y->children->reqid : 0;
    if (!reqid || count_children(sa_of_peer(&o.s, "x.example.com")) != 1)
        return over(&o.s, "the two tunnels do not come up");
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(1), NULL, NULL, NULL); /* Y's network */
    sim_run(&o.s, 70000);
    struct ike_sa *x = sa_of_peer(&o.s, "x.example.com");
    const char *bad = NULL;
    for (struct ike_child *c = x ? x->children : NULL; c; c = c->next)
        if (c->reqid == reqid)
            bad = "another peer behind the same address has taken the SA's place";
    y = sa_of_peer(&o.s, "y.example.com");
    if (!bad && (count_children(y) != 1 || y->children->state != CHILD_UP))
        bad = "the peer's own SA is gone";
    return over(&o.s, bad);
}
static const char *a3_take_over_v1(void)
{
    return take_over(1);
}
static const char *a3_take_over_v2(void)
{
    return take_over(2);
}

static const char *foreign_delete(void)
{
    struct office o;
    uint8_t spi[4];
    office_open(&o, 1);
    ike_acquire(o.s.nodes[2].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 8000);
    struct ike_sa *y = sa_of_peer(&o.s, "y.example.com");
    struct ike_sa *x = first_sa(&o.s, 1);
    if (!y || !y->children || !x)
        return over(&o.s, "the two tunnels do not come up");
    struct wr w = wr_to(spi, 4);
    wr_u32(&w, y->children->spi_out); /* seen on the wire */
    v1_delete(o.s.nodes[1].ike, x, IKE_PROTO_ESP, spi, 4, 1);
    sim_run(&o.s, 3000);
    return over(&o.s, count_children(sa_of_peer(&o.s, "y.example.com")) ? NULL : "X has deleted the SA of Y");
}

static const char *foreign_heir(void)
{
    struct office o;
    office_open(&o, 1);
    ike_acquire(o.s.nodes[2].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 8000);
    struct ike_sa *y = first_sa(&o.s, 2);
    if (!y || children_of(&o.s, 0) != 2)
        return over(&o.s, "the two tunnels do not come up");
    uint8_t spis[16];
    struct wr w = wr_to(spis, 16);
    wr_u64(&w, y->spi_i);
    wr_u64(&w, y->spi_r);
    v1_delete(o.s.nodes[2].ike, y, IKE1_PROTO_ISAKMP, spis, 16, 1); /* only phase 1 */
    sim_run(&o.s, 3000);
    return over(&o.s, count_children(sa_of_peer(&o.s, "x.example.com")) > 1 ? "X has inherited the SA of Y" : NULL);
}

/* INITIAL-CONTACT of one ends nothing of the other. */
static const char *initial_contact_of_neighbour(unsigned version)
{
    struct office o;
    office_open(&o, version);
    ike_acquire(o.s.nodes[2].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 5000);
    return over(&o.s, count_children(sa_of_peer(&o.s, "y.example.com")) == 1 &&
                              count_children(sa_of_peer(&o.s, "x.example.com")) == 1
                          ? NULL
                          : "the second peer's INITIAL-CONTACT ends the first one's SAs");
}
static const char *a3_contact_v1(void)
{
    return initial_contact_of_neighbour(1);
}
static const char *a3_contact_v2(void)
{
    return initial_contact_of_neighbour(2);
}

/* ---- A4: no match is nobody ---- */

static const char *no_match(unsigned version)
{
    struct sim s;
    struct router hub, peer;
    sim_init(&s, 1, 2);
    router_init(&hub, version);
    struct ike_profile *p = router_profile(&hub, version, "P", NULL, NULL); /* `match certificate NOSUCHMAP` only */
    profile_key(&hub, p, router_key(&hub, BRANCH, 32, NULL, "secret"));
    entry_line(&hub, router_entry(&hub, version, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    router_init(&peer, version);
    struct ike_profile *q = router_profile(&peer, version, "Q", NULL, NULL);
    profile_match_address(&peer, q, HUB, 32);
    profile_key(&peer, q, router_key(&peer, HUB, 32, NULL, "secret"));
    entry_line(&peer, router_entry(&peer, version, BRANCH, HUB, q), CHILD(0), 2, -1, 1, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &peer.p, BRANCH);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 20000);
    return over(&s, children_of(&s, 0) ? "a profile without a usable match takes anybody" : NULL);
}
static const char *a4_v1(void)
{
    return no_match(1);
}
static const char *a4_v2(void)
{
    return no_match(2);
}

/* ---- A7: domains end at a label ---- */

static const char *domains(void)
{
    static const struct {
        uint8_t type;
        const char *domain, *name;
        bool fits;
    } rows[] = {
        {IKE_ID_FQDN, "example.com", "r1.example.com", true},
        {IKE_ID_FQDN, "example.com", "example.com", true},
        {IKE_ID_FQDN, "example.com", "evilexample.com", false},
        {IKE_ID_FQDN, ".example.com", "r1.example.com", true},
        {IKE_ID_FQDN, ".example.com", "evil.example.com.evil", false},
        {IKE_ID_FQDN, "EXAMPLE.com", "r1.example.COM", true},
        {IKE_ID_USER_FQDN, "example.com", "x@example.com", true},
        {IKE_ID_USER_FQDN, "example.com", "x@r1.example.com", true},
        {IKE_ID_USER_FQDN, "example.com", "x@evilexample.com", false},
        {IKE_ID_USER_FQDN, "@example.com", "x@example.com", true},
        {IKE_ID_USER_FQDN, "example.com", "example.com", false},
        {IKE_ID_FQDN, "example.com", "", false},
        {IKE_ID_FQDN, "example.com", ".example.com", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct ike_match m = {.id_type = rows[i].type,
                                    .domain = true,
                                    .value = {(const uint8_t *)rows[i].domain, (uint32_t)strlen(rows[i].domain)}};
        const struct ike_id id = {rows[i].type, (uint16_t)strlen(rows[i].name), (const uint8_t *)rows[i].name};
        if (ike_match(&m, NULL, &id) != rows[i].fits)
            return broken("domain %s %s %s", rows[i].domain, rows[i].fits ? "does not take" : "takes", rows[i].name);
    }
    return NULL;
}

/* ---- A9: what proved the peer is gone ---- */

static const char *reload_key_changed(void)
{
    struct sim s;
    struct router hub, peer, later;
    sim_init(&s, 1, 2);
    router_init(&hub, 1);
    router_key(&hub, BRANCH, 32, NULL, "secret");
    entry_line(&hub, router_entry(&hub, 1, HUB, BRANCH, NULL), CHILD(0), 1, -1, 2, -1);
    router_init(&peer, 1);
    router_key(&peer, HUB, 32, NULL, "secret");
    entry_line(&peer, router_entry(&peer, 1, BRANCH, HUB, NULL), CHILD(0), 2, -1, 1, -1);
    sim_node_start(&s, 0, &hub.p, HUB);
    sim_node_start(&s, 1, &peer.p, BRANCH);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    if (!children_of(&s, 0))
        return over(&s, "the tunnel does not come up");
    router_init(&later, 1);
    router_key(&later, BRANCH, 32, NULL, "another");
    entry_line(&later, router_entry(&later, 1, HUB, BRANCH, NULL), CHILD(0), 1, -1, 2, -1);
    const uint32_t same[] = {0}, gone[] = {0, 0}; /* keys are named by their numbers, from 1 on */
    struct ike_reload r;
    const struct ike_moves m = {.from = &hub.p,
                                .to = &later.p,
                                .entry = same,
                                .profile = same,
                                .v1 = same,
                                .key = gone,
                                .same_credential = true};
    if (!ike_reload(s.nodes[0].ike, s.now, &m, &r))
        return over(&s, "out of memory");
    sim_run(&s, 5000);
    return over(&s, children_of(&s, 0) ? "an SA outlives the key that proved its peer" : NULL);
}

/* ---- A10: IKEv1 replays ---- */

static void pair_v1(struct sim *s, struct router *hub, struct router *peer, uint32_t dpd_s)
{
    sim_init(s, 1, 2);
    router_init(hub, 1);
    router_key(hub, BRANCH, 32, NULL, "secret");
    struct ike_entry *e = router_entry(hub, 1, HUB, BRANCH, NULL);
    entry_line(hub, e, CHILD(0), 1, 1, 2, -1);
    entry_line(hub, e, CHILD(1), 1, 2, 2, -1);
    entry_line(hub, e, CHILD(2), 1, 3, 2, -1);
    router_init(peer, 1);
    router_key(peer, HUB, 32, NULL, "secret");
    e = router_entry(peer, 1, BRANCH, HUB, NULL);
    entry_line(peer, e, CHILD(0), 2, -1, 1, 1);
    entry_line(peer, e, CHILD(1), 2, -1, 1, 2);
    entry_line(peer, e, CHILD(2), 2, -1, 1, 3);
    hub->p.v1_keepalive_s = peer->p.v1_keepalive_s = dpd_s;
    hub->p.v1_keepalive_retry_s = peer->p.v1_keepalive_retry_s = 2;
    hub->p.v1_keepalive_periodic = peer->p.v1_keepalive_periodic = true;
    sim_node_start(s, 0, &hub->p, HUB);
    sim_node_start(s, 1, &peer->p, BRANCH);
}

static bool is_exchange(const struct packet_in_flight *f, uint8_t exchange, const char *from)
{
    struct ip_addr a = address(from);
    return f->p[17] == 0x10 && f->p[18] == exchange && addr_eq(&f->from.addr, &a);
}

static void ask_whether_alive(struct sim *s, uint32_t n)
{
    uint8_t number[4] = {0, 0, (uint8_t)(1 + (n >> 8)), (uint8_t)n};
    struct ike_sa *sa = first_sa(s, 1);
    if (sa)
        v1_notify(s->nodes[1].ike, sa, IKE1_PROTO_ISAKMP, 0, N1_R_U_THERE, number, 4);
}

static const char *replayed_dpd(void)
{
    struct sim s;
    struct router hub, peer;
    struct tap t;
    pair_v1(&s, &hub, &peer, 10);
    peer.p.v1_keepalive_s = 0;
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    tap_open(&t, &s);
    ask_whether_alive(&s, 0);
    sim_run(&s, 1000);
    unsigned at = 0;
    while (at < t.n && !is_exchange(&t.v[at], X1_INFO, BRANCH))
        at++;
    if (at == t.n) {
        tap_close(&t);
        return over(&s, "no R-U-THERE was seen");
    }
    s.nodes[1].deaf = true; /* the peer dies */
    unsigned sent = 0;
    for (int i = 0; i < 100 && children_of(&s, 0); i++) {
        uint64_t before = s.nodes[0].ike->stats.datagrams_out;
        tap_replay(&t, at);
        sent += s.nodes[0].ike->stats.datagrams_out != before;
        sim_run(&s, 5000);
    }
    tap_close(&t);
    const char *bad = children_of(&s, 0) ? "a replayed message keeps a dead peer alive" : NULL;
    if (!bad && sent)
        bad = "replays are answered";
    return over(&s, bad);
}

static const char *replayed_quick(void)
{
    struct sim s;
    struct router hub, peer;
    struct tap t;
    pair_v1(&s, &hub, &peer, 0);
    tap_open(&t, &s);
    ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 200000); /* done and forgotten */
    unsigned sas = s.nodes[0].n, at = 0;
    while (at < t.n && !is_exchange(&t.v[at], X1_QUICK, BRANCH))
        at++;
    uint64_t out = s.nodes[0].ike->stats.datagrams_out;
    if (at < t.n)
        tap_replay(&t, at);
    sim_run(&s, 2000);
    const char *bad = at == t.n ? "no quick mode was seen" : NULL;
    if (!bad && s.nodes[0].n != sas)
        bad = "a replayed quick mode makes SAs";
    if (!bad && s.nodes[0].ike->stats.datagrams_out != out)
        bad = "a replayed quick mode is answered";
    tap_close(&t);
    return over(&s, bad);
}

/* More messages than the ring of ids remembers, then the first once more: R-U-THERE is known by its number. */
static const char *replayed_after_ring(void)
{
    struct sim s;
    struct router hub, peer;
    struct tap t;
    pair_v1(&s, &hub, &peer, 0);
    ike_acquire(s.nodes[0].ike, s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&s, 5000);
    tap_open(&t, &s);
    struct ike_sa *sa;
    for (uint32_t i = 0; i < 100; i++) {
        ask_whether_alive(&s, i);
        sim_run(&s, 200);
    }
    unsigned at = 0;
    while (at < t.n && !is_exchange(&t.v[at], X1_INFO, BRANCH))
        at++;
    sa = first_sa(&s, 0);
    const char *bad = at == t.n || !sa ? "no R-U-THERE was seen" : NULL;
    sim_run(&s, 10000);
    uint64_t last = sa ? sa->last_in : 0, out = s.nodes[0].ike->stats.datagrams_out;
    if (!bad)
        tap_replay(&t, at);
    if (!bad && (first_sa(&s, 0)->last_in != last || s.nodes[0].ike->stats.datagrams_out != out))
        bad = "an old R-U-THERE counts as a sign of life";
    tap_close(&t);
    return over(&s, bad);
}

const struct attack attacks_identity[] = {
    {"A1 profile bypassed by calling first, IKEv1", a1_v1},
    {"A1 profile bypassed by calling first, IKEv2", a1_v2},
    {"G18 a profile for another address of ours, IKEv1", g18_v1},
    {"G18 a profile for another address of ours, IKEv2", g18_v2},
    {"A1 a peer of one profile for another's entry", a1_two_profiles},
    {"A2 key of another keyring", key_of_other_keyring},
    {"A2b the answerer chooses the key, aggressive mode", a2b_v1},
    {"A2b the answerer chooses the key, IKEv2", a2b_v2},
    {"A3 take-over behind one address, IKEv1", a3_take_over_v1},
    {"A3 take-over behind one address, IKEv2", a3_take_over_v2},
    {"A3 delete of a neighbour's SA", foreign_delete},
    {"A3 inheriting a neighbour's SA", foreign_heir},
    {"A3 INITIAL-CONTACT of a neighbour, IKEv1", a3_contact_v1},
    {"A3 INITIAL-CONTACT of a neighbour, IKEv2", a3_contact_v2},
    {"A4 a profile without a usable match, IKEv1", a4_v1},
    {"A4 a profile without a usable match, IKEv2", a4_v2},
    {"A7 domains end at a label", domains},
    {"A9 reload with another key", reload_key_changed},
    {"A10 replayed R-U-THERE", replayed_dpd},
    {"A10 replayed quick mode", replayed_quick},
    {"A10 replayed R-U-THERE after many", replayed_after_ring},
    {NULL, NULL},
};
