/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is taken, though rows, profiles and names of others are about where it is; and whom another one's row does not
 * let in all the same.
 */
#include "backends/ike/v1/v1.h"
#include "tests/attack/mappings.h"
#include "tests/attack/office.h"

#define OTHER "198.51.100.9"
#define SECOND_HUB "203.0.113.2"
#define INSIDE "10.99.0.2"
#define NAME "a.example.com"
#define OTHER_NAME "b.example.com"

/* ---- AD1: certificates beside keys ---- */

/* The keyring has a row for the name that the entry calls, and one for anybody: neither was used. */
static const char *certificate_calls(bool may_use_keys)
{
    static struct office o;
    office_open(&o, 2, FAR, FAR);
    int64_t (*const wall_s)(void *) = o.s.nodes[0].ike->host.wall_s;
    power_off(&o.s, 0);
    power_off(&o.s, 1);
    router_key(&o.hub, NULL, 0, NAME, "key of the name");
    router_key(&o.hub, "0.0.0.0", 0, NULL, "key for anybody");
    add_keyring(&o.hub, &o.hub.profiles[0]);
    if (may_use_keys)
        o.hub.profiles[0].auth_remote |= IKE_MAY_PSK;
    o.hub.peers[0].host = NAME;
    sim_node_start(&o.s, 0, &o.hub.p, HUB);
    sim_node_start(&o.s, 1, &o.branch.p, BRANCH);
    for (unsigned i = 0; i < 2; i++)
        o.s.nodes[i].ike->host.wall_s = wall_s;
    ike_acquire(o.s.nodes[1].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, 10000);
    bool is_up = has_line(&o.s, 0, CHILD(0)) && has_line(&o.s, 1, CHILD(0));
    return office_over(&o, is_up ? NULL : broken("it is refused: %s", o.s.nodes[0].last));
}
static const char *certificate_or_key(void)
{
    return certificate_calls(true);
}
static const char *certificate_alone(void)
{
    return certificate_calls(false);
}

/* ---- AD2: a profile that holds at another address of ours ---- */

static const char *two_uplinks(unsigned version)
{
    static struct pair x;
    static struct ip_addr here, there;
    here = address(HUB);
    there = address(SECOND_HUB);
    routers_open(&x, version);
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *by_name = router_profile(&x.hub, version, "INTERNET", NULL, NAME);
    struct ike_profile *by_address = router_profile(&x.hub, version, "MPLS", NULL, NULL);
    profile_match_address(&x.hub, by_address, BRANCH, 32);
    by_name->locals = &here;
    by_address->locals = &there;
    by_name->n_locals = by_address->n_locals = 1;
    add_keyring(&x.hub, by_name);
    add_keyring(&x.hub, by_address);
    struct ike_profile *q = branch_profile(&x, version, "secret");
    says_name(q, NAME);
    line_between(&x, version, by_name, q);
    return pair_over(&x, comes_up(&x, 1));
}
static const char *two_uplinks_1(void)
{
    return two_uplinks(1);
}
static const char *two_uplinks_2(void)
{
    return two_uplinks(2);
}

/* ---- AD3: behind a NAT that is a peer itself ---- */

/* One row: main mode finds the key by where the message comes from, so that there cannot be two. */
static const char *behind_peer(unsigned version)
{
    static struct pair x;
    routers_open(&x, version);
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *inside = router_profile(&x.hub, version, "INSIDE", NULL, NULL);
    struct ike_profile *nat = router_profile(&x.hub, version, "NAT", NULL, NULL);
    profile_match_address(&x.hub, inside, INSIDE, 32);
    profile_match_address(&x.hub, nat, BRANCH, 32);
    add_keyring(&x.hub, inside);
    add_keyring(&x.hub, nat);
    entry_line(&x.hub, router_entry(&x.hub, version, HUB, NULL, inside), CHILD(1), 1, -1, 3, -1);
    struct ike_profile *q = branch_profile(&x, version, "secret");
    entry_line(&x.branch, router_entry(&x.branch, version, INSIDE, HUB, q), CHILD(0), 3, -1, 1, -1);
    sim_node_start(&x.s, 0, &x.hub.p, HUB);
    sim_node_start(&x.s, 1, &x.branch.p, INSIDE);
    sim_node_nat(&x.s, 1, BRANCH, 5000);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    return over(&x.s, children_of(&x.s, 0) == 1 ? NULL : broken("it is refused: %s", x.s.nodes[0].last));
}
static const char *behind_peer_1(void)
{
    return behind_peer(1);
}
static const char *behind_peer_2(void)
{
    return behind_peer(2);
}

/* ---- AD4: the domain of the name that is called has a row for others ---- */

static const char *domain_of_others(void)
{
    static struct pair x;
    routers_open(&x, 2);
    router_key(&x.hub, NULL, 0, "example.com", "key of the others")->who.domain = true;
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x.hub, 2, "P", NULL, NULL);
    profile_match_address(&x.hub, p, BRANCH, 32);
    add_keyring(&x.hub, p);
    line_between(&x, 2, p, branch_profile(&x, 2, "secret"));
    x.hub.peers[0].host = NAME;
    return pair_over(&x, comes_up(&x, 1));
}

/* ---- AD5: a password of aggressive mode, and a name that leads to its peer ---- */

static const char *password_and_name(void)
{
    static struct pair x;
    routers_open(&x, 1);
    router_key(&x.hub, NULL, 0, OTHER_NAME, "key of the other");
    router_key(&x.branch, HUB, 32, NULL, "password");
    hub_password(&x, "password");
    line_between(&x, 1, NULL, NULL);
    x.hub.peers[0].host = OTHER_NAME;
    bool is_refused = comes_up(&x, 0);
    return pair_over(&x,
                     is_refused ? NULL : "it has the network of the other, whose name leads to it, by its password");
}

/* ---- AD6: who is called answers as another, and its row names it ---- */

static const char *answers_as(struct pair *x, const char *name)
{
    routers_open(x, 2);
    struct ike_psk *k = router_key(&x->hub, BRANCH, 32, NULL, "secret");
    k->named = (struct ike_match){.id_type = IKE_ID_FQDN, .value = bytes_of(OTHER_NAME)};
    struct ike_profile *p = router_profile(&x->hub, 2, "P", NULL, NULL);
    profile_match(&x->hub, p, "example.com", true);
    add_keyring(&x->hub, p);
    struct ike_profile *q = branch_profile(x, 2, "secret");
    says_name(q, name);
    line_between(x, 2, p, q);
    return comes_up(x, 0);
}

static const char *answers_as_another(void)
{
    static struct pair x;
    bool is_refused = answers_as(&x, NAME);
    return pair_over(&x, is_refused ? NULL : "it is taken for another");
}

/* As the row says. */
static const char *answers_as_itself(void)
{
    static struct pair x;
    return pair_over(&x, answers_as(&x, OTHER_NAME));
}

const struct attack attacks_taken[] = {
    {"AD1 a certificate beside keys calls", certificate_or_key},
    {"AD1 a certificate beside keys that are not allowed calls", certificate_alone},
    {"AD2 a profile at another address of ours, IKEv1", two_uplinks_1},
    {"AD2 a profile at another address of ours, IKEv2", two_uplinks_2},
    {"AD3 behind a NAT that is a peer itself, IKEv1", behind_peer_1},
    {"AD3 behind a NAT that is a peer itself, IKEv2", behind_peer_2},
    {"AD4 the domain of its name has a row for others", domain_of_others},
    {"AD5 a password, and a name that leads to its peer", password_and_name},
    {"AD6 who is called answers as another than its row names", answers_as_another},
    {"AD6b who is called answers as its row names it", answers_as_itself},
    {NULL, NULL},
};
