/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is judged when it is begun and what later: children that wait for an IKE SA, and what stands when a reload gives
 * its peer, or another one, a row (findings of a sixth stranger). */
#include "tests/attack/mappings.h"

#define A_NAME "a.example.com"
#define B_NAME "b.example.com"

/* `later` is the hub with one more row, of that name or of that domain; the first profile has it too. */
static void later_row(struct router *later, const struct pair *x, const char *name, bool is_domain, const char *secret)
{
    router_copy(later, &x->hub);
    struct ike_psk *k = router_key(later, NULL, 0, name, secret);
    k->who.domain = is_domain;
    if (later->p.n_profiles)
        profile_key(later, &later->profiles[0], k);
}

static const char *reloads(struct pair *x, const struct router *later)
{
    const char *bad = pair_reloads(x, 0, &x->hub, later);
    sim_run(&x->s, 3000);
    return bad;
}

/* ---- AE10: a reload gives b a key, after a has b's network ---- */

static const char *row_comes_later(unsigned version)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, version);
    router_key(&x.hub, BRANCH, 32, NULL, "key of a");
    struct ike_profile *p = router_profile(&x.hub, version, "P", NULL, NULL);
    profile_match(&x.hub, p, "example.com", true);
    add_keyring(&x.hub, p);
    struct ike_profile *q = branch_profile(&x, version, "key of a");
    says_name(q, A_NAME);
    two_between(&x, version, p, q, B_NAME);
    pair_start(&x);
    asks(&x, 1, 0, 3000);
    asks(&x, 1, 1, 3000);
    bool is_so = has_line(&x.s, 0, CHILD(0)) && has_line(&x.s, 0, CHILD(1));
    later_row(&later, &x, B_NAME, false, "key of b");
    const char *bad = reloads(&x, &later);
    if (!is_so)
        bad = broken("no attack: %s", x.s.nodes[0].last);
    else if (!bad && has_line(&x.s, 0, CHILD(1)))
        bad = "a keeps b's network after a reload has given b a key of its own";
    else if (!bad && !has_line(&x.s, 0, CHILD(0)))
        bad = "a reload that gives b a key takes from a what is its own";
    return pair_over(&x, bad);
}
static const char *row_comes_later_1(void)
{
    return row_comes_later(1);
}
static const char *row_comes_later_2(void)
{
    return row_comes_later(2);
}

/* ---- AE9c: the row of a domain comes by a reload that is about others ---- */

/* Who is called goes by its address, in the profile too. */
static const char *domain_comes_later(void)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, 2);
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x.hub, 2, "P", NULL, NULL);
    profile_match_address(&x.hub, p, BRANCH, 32);
    add_keyring(&x.hub, p);
    line_between(&x, 2, p, branch_profile(&x, 2, "secret"));
    x.hub.peers[0].host = A_NAME;
    const char *bad = comes_up(&x, 0);
    if (bad)
        return pair_over(&x, broken("no attack: %s", bad));
    later_row(&later, &x, "example.com", true, "key of the others");
    bad = reloads(&x, &later);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = "a reload that gives the others of its domain a key ends who was called";
    asks(&x, 0, 0, 5000);
    if (bad && children_of(&x.s, 0) != 1)
        bad = broken("%s, and it is not had again: %s", bad, x.s.nodes[0].last);
    return pair_over(&x, bad);
}

/* ---- AE16, AE17: a password, and a name that has a row, at one address ---- */

static void open_password(struct pair *x, bool has_row)
{
    routers_open(x, 1);
    router_key(&x->branch, HUB, 32, NULL, "password");
    hub_password(x, "password");
    if (has_row)
        router_key(&x->hub, NULL, 0, B_NAME, "key of b");
    two_between(x, 1, NULL, NULL, B_NAME);
    pair_start(x);
}

static const char *password_row_later(void)
{
    static struct pair x;
    static struct router later;
    open_password(&x, false);
    asks(&x, 0, 1, 5000);
    bool is_so = has_line(&x.s, 0, CHILD(1));
    later_row(&later, &x, B_NAME, false, "key of b");
    const char *bad = reloads(&x, &later);
    if (!is_so)
        bad = broken("no attack: %s; it: %s", x.s.nodes[0].last, x.s.nodes[1].last);
    else if (!bad && has_line(&x.s, 0, CHILD(1)))
        bad = "who was called by b's name and a password keeps b's network after a reload that gives b a key";
    return pair_over(&x, bad);
}

/* What is a's own is asked for first; b's is given to the IKE SA that begins, or that stands. */
static const char *password_and_then_b(uint64_t between_ms)
{
    static struct pair x;
    open_password(&x, true);
    asks(&x, 0, 0, between_ms);
    asks(&x, 0, 1, 8000);
    const char *bad = NULL;
    if (has_line(&x.s, 0, CHILD(1)))
        bad = "a, who has a password, has b's network, whose row has another key";
    else if (!has_line(&x.s, 0, CHILD(0)))
        bad = broken("no attack: %s; it: %s", x.s.nodes[0].last, x.s.nodes[1].last);
    return pair_over(&x, bad);
}
static const char *password_at_once(void)
{
    return password_and_then_b(0);
}
static const char *password_one_by_one(void)
{
    return password_and_then_b(5000);
}

/* ---- AE18: the reload comes while the IKE SA begins, b's child waits for it ---- */

static const char *reload_in_the_middle(void)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, 2);
    router_key(&x.hub, BRANCH, 32, NULL, "key of a");
    struct ike_profile *p = router_profile(&x.hub, 2, "P", NULL, NULL);
    profile_match_address(&x.hub, p, BRANCH, 32);
    add_keyring(&x.hub, p);
    two_between(&x, 2, p, branch_profile(&x, 2, "key of a"), B_NAME);
    pair_start(&x);
    asks(&x, 0, 0, 0);
    asks(&x, 0, 1, 0);
    later_row(&later, &x, B_NAME, false, "key of b");
    const char *bad = reloads(&x, &later);
    sim_run(&x.s, 5000);
    if (!bad && has_line(&x.s, 0, CHILD(1)))
        bad = "b's child is made by a's key, though b has a row when it is made";
    else if (!bad && !has_line(&x.s, 0, CHILD(0)))
        bad = broken("no attack: %s", x.s.nodes[0].last);
    return pair_over(&x, bad);
}

/* ---- AE20: a reload names, by a row of its own, whom the same secret proves already ---- */

static const char *same_secret(unsigned version)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, version);
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x.hub, version, "P", NULL, A_NAME);
    add_keyring(&x.hub, p);
    struct ike_profile *q = branch_profile(&x, version, "secret");
    says_name(q, A_NAME);
    line_between(&x, version, p, q);
    x.hub.peers[0].host = A_NAME;
    const char *bad = comes_up(&x, 1);
    later_row(&later, &x, A_NAME, false, "secret");
    if (!bad)
        bad = reloads(&x, &later);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = broken("a reload that names the honest one, with its secret, ends it: %s", x.s.nodes[0].last);
    return pair_over(&x, bad);
}
static const char *same_secret_1(void)
{
    return same_secret(1);
}
static const char *same_secret_2(void)
{
    return same_secret(2);
}

/* ---- AE21: it is called behind NAT, its identity and its profile are by the address inside ---- */

static void open_natted(struct pair *x, unsigned version)
{
    static const uint8_t inside[4] = {10, 99, 0, 2};
    routers_open(x, version);
    router_key(&x->hub, "10.0.0.0", 8, NULL, "key of the direct ones");
    router_key(&x->hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x->hub, version, "P", NULL, NULL);
    struct ike_profile *by_outside = router_profile(&x->hub, version, "BY OUTSIDE", NULL, NULL);
    profile_match_address(&x->hub, p, "10.99.0.2", 32);
    profile_match_address(&x->hub, by_outside, BRANCH, 32);
    add_keyring(&x->hub, p);
    add_keyring(&x->hub, by_outside);
    struct ike_profile *q = branch_profile(x, version, "secret");
    q->id_type = IKE_ID_IPV4;
    q->id = (struct ike_bytes){inside, sizeof inside};
    line_between(x, version, p, q);
}

/* Neither a reload that changes nothing nor the branch's renewal is in its way. */
static const char *natted_is_called(unsigned version)
{
    static struct pair x;
    static struct router later;
    open_natted(&x, version);
    const char *bad = comes_up(&x, 0);
    router_copy(&later, &x.hub);
    if (!bad)
        bad = reloads(&x, &later);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = "a reload that changes nothing ends it";
    if (!bad)
        rekey_sa(&x.s, 1);
    sim_run(&x.s, 100000);
    if (!bad && (children_of(&x.s, 0) != 1 || x.s.nodes[0].refused))
        bad = broken("the branch's renewal is refused: %s", x.s.nodes[0].last);
    return pair_over(&x, bad);
}
static const char *natted_is_called_1(void)
{
    return natted_is_called(1);
}
static const char *natted_is_called_2(void)
{
    return natted_is_called(2);
}

const struct attack attacks_queued[] = {
    {"AE9c the domain's row comes by a reload", domain_comes_later},
    {"AE10 the row comes later, IKEv1", row_comes_later_1},
    {"AE10 the row comes later, IKEv2", row_comes_later_2},
    {"AE16 a password, and the name's row comes later", password_row_later},
    {"AE17 a password and a name's row at once", password_at_once},
    {"AE17b a password and a name's row one by one", password_one_by_one},
    {"AE18 a reload in the middle, b's child waits", reload_in_the_middle},
    {"AE20 a reload names it by the same secret, IKEv1", same_secret_1},
    {"AE20 a reload names it by the same secret, IKEv2", same_secret_2},
    {"AE21 behind NAT, called, IKEv1", natted_is_called_1},
    {"AE21 behind NAT, called, IKEv2", natted_is_called_2},
    {NULL, NULL},
};
