/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries that name their peers by host, two of which lead to one address: whose key an IKE SA has to be proved by that
 * carries what they are for (findings of a fourth stranger). */
#include "tests/attack/mappings.h"
#include "tests/attack/office.h"

#define OTHER "198.51.100.9"
#define A_NAME "a.example.com"
#define B_NAME "b.example.com"

/* ---- AA1: two host names lead to one address ---- */

/* A hub whose keys are by name, so that nobody's DNS has to be trusted; the branch is a. */
struct names {
    unsigned version;
    bool has_profile; /* one, for both */
    const char *key_of_b;
    const char *b_at;
};

static void open_names(struct pair *x, const struct names *n)
{
    struct ike_profile *p = NULL, *q = NULL;
    routers_open(x, n->version);
    router_key(&x->hub, NULL, 0, A_NAME, "key of a");
    router_key(&x->hub, NULL, 0, B_NAME, n->key_of_b);
    router_key(&x->branch, HUB, 32, NULL, "key of a");
    if (n->has_profile) {
        p = router_profile(&x->hub, n->version, "P", NULL, NULL);
        profile_match(&x->hub, p, "example.com", true);
        add_keyring(&x->hub, p);
        q = router_profile(&x->branch, n->version, "Q", A_NAME, NULL);
        profile_match_address(&x->branch, q, HUB, 32);
        add_keyring(&x->branch, q);
        q->aggressive = n->version == 1; /* main mode finds no key by a name that has not been said yet */
    }
    for (int i = 0; i < 2; i++) {
        const char *at = i ? n->b_at : BRANCH;
        entry_line(&x->hub, router_entry(&x->hub, n->version, HUB, at, p), CHILD(i), 1, -1, 2 + i, -1);
        entry_line(&x->branch, router_entry(&x->branch, n->version, BRANCH, HUB, q), CHILD(i), 2 + i, -1, 1, -1);
        x->hub.peers[i].host = i ? B_NAME : A_NAME;
    }
    pair_start(x);
}

static const char *has_not_b(struct pair *x)
{
    const char *bad = NULL;
    if (has_line(&x->s, 0, CHILD(1)))
        bad = "a has b's network without b's key";
    else if (!x->s.nodes[0].refused && !x->s.nodes[1].refused)
        bad = "no attack: nobody has been refused";
    return pair_over(x, bad);
}

/* Traffic for b, whose name leads to where a is, and a has an IKE SA already. */
static const char *hub_calls(unsigned version, bool has_profile)
{
    static struct pair x;
    open_names(&x, &(struct names){version, has_profile, "key of b", BRANCH});
    asks(&x, 0, 0, 3000);
    bool is_so = has_line(&x.s, 0, CHILD(0));
    asks(&x, 0, 1, 3000);
    return is_so ? has_not_b(&x) : pair_over(&x, "no attack: a is not there");
}
static const char *hub_calls_1(void)
{
    return hub_calls(1, false);
}
static const char *hub_calls_2(void)
{
    return hub_calls(2, true);
}

static const char *hub_calls_b_first(unsigned version, bool has_profile)
{
    static struct pair x;
    open_names(&x, &(struct names){version, has_profile, "key of b", BRANCH});
    asks(&x, 0, 1, 3000);
    return has_not_b(&x);
}
static const char *hub_calls_b_first_1(void)
{
    return hub_calls_b_first(1, false);
}
static const char *hub_calls_b_first_2(void)
{
    return hub_calls_b_first(2, true);
}

/* a calls by its own key, and asks for b's network. */
static const char *a_calls(unsigned version, const char *b_at)
{
    static struct pair x;
    open_names(&x, &(struct names){version, true, "key of b", b_at});
    asks(&x, 1, 1, 3000);
    bool is_so = sas_of(&x.s, 0, IKE_ESTABLISHED) != 0;
    return is_so ? has_not_b(&x) : pair_over(&x, broken("no attack: a is not there: %s", x.s.nodes[0].last));
}
static const char *a_calls_1(void)
{
    return a_calls(1, BRANCH);
}
static const char *a_calls_2(void)
{
    return a_calls(2, BRANCH);
}
static const char *a_calls_b_elsewhere(void)
{
    return a_calls(2, OTHER);
}

/* ---- AC1: whatever state the IKE SA is in ---- */

/* Both names are asked for at once: a's IKE SA is still to be proved when b's child is given to one. */
static const char *both_at_once(unsigned version, bool has_profile)
{
    static struct pair x;
    open_names(&x, &(struct names){version, has_profile, "key of b", BRANCH});
    asks(&x, 0, 0, 0);
    asks(&x, 0, 1, 5000);
    bool is_so = has_line(&x.s, 0, CHILD(0));
    return is_so ? has_not_b(&x) : pair_over(&x, broken("what is a's own is refused: %s", x.s.nodes[0].last));
}
static const char *both_at_once_1(void)
{
    return both_at_once(1, false);
}
static const char *both_at_once_2(void)
{
    return both_at_once(2, true);
}

/* The IKE SA has a successor, of which a is the one that began it: its proof is the old one's. */
static const char *after_renewal(unsigned version, bool has_profile)
{
    static struct pair x;
    open_names(&x, &(struct names){version, has_profile, "key of b", BRANCH});
    asks(&x, 0, 0, 3000);
    const struct ike_sa *before = first_sa(&x.s, 0);
    const uint64_t id = before ? before->id : 0;
    rekey_sa(&x.s, version == 2);
    sim_run(&x.s, 200000);
    const struct ike_sa *sa = first_sa(&x.s, 0);
    bool is_so = sa && sa->id != id && has_line(&x.s, 0, CHILD(0));
    asks(&x, 0, 1, 3000);
    return is_so ? has_not_b(&x) : pair_over(&x, broken("no attack: not renewed: %s", x.s.nodes[0].last));
}
static const char *after_renewal_1(void)
{
    return after_renewal(1, false);
}
static const char *after_renewal_2(void)
{
    return after_renewal(2, true);
}

/* One router of two names, with one secret by each: nothing is to be told apart. */
static const char *one_of_two_names(unsigned version, bool has_profile, bool at_once)
{
    static struct pair x;
    open_names(&x, &(struct names){version, has_profile, "key of a", BRANCH});
    asks(&x, 0, 0, at_once ? 0 : 3000);
    asks(&x, 0, 1, 5000);
    const char *bad = NULL;
    if (!has_line(&x.s, 0, CHILD(0)) || !has_line(&x.s, 0, CHILD(1)))
        bad = broken("the honest one is refused: %s", x.s.nodes[0].last);
    else if (sas_of(&x.s, 0, IKE_ESTABLISHED) != 1)
        bad = broken("one peer by one secret has %u IKE SAs", sas_of(&x.s, 0, IKE_ESTABLISHED));
    return pair_over(&x, bad);
}
static const char *one_of_two_names_1(void)
{
    return one_of_two_names(1, false, false);
}
static const char *one_of_two_names_2(void)
{
    return one_of_two_names(2, true, false);
}
static const char *one_of_two_names_at_once_1(void)
{
    return one_of_two_names(1, false, true);
}
static const char *one_of_two_names_at_once_2(void)
{
    return one_of_two_names(2, true, true);
}

/* Certificates beside keys: the profile takes certificates, the keyring has a row for each name all the same. Both
 * names are the branch's; what is asked for is had, at once or one after the other. */
static void open_office(struct office *o, unsigned version)
{
    office_open(o, version, FAR, FAR);
    struct router *hub = &o->hub, *branch = &o->branch;
    int64_t (*const wall_s)(void *) = o->s.nodes[0].ike->host.wall_s;
    power_off(&o->s, 0);
    power_off(&o->s, 1);
    router_key(hub, NULL, 0, A_NAME, "key of a");
    router_key(hub, NULL, 0, B_NAME, "key of b");
    add_keyring(hub, &hub->profiles[0]);
    entry_line(hub, router_entry(hub, version, HUB, BRANCH, &hub->profiles[0]), CHILD(1), 1, -1, 3, -1);
    entry_line(branch, router_entry(branch, version, BRANCH, HUB, &branch->profiles[0]), CHILD(1), 3, -1, 1, -1);
    hub->peers[0].host = A_NAME;
    hub->peers[1].host = B_NAME;
    sim_node_start(&o->s, 0, &hub->p, HUB);
    sim_node_start(&o->s, 1, &branch->p, BRANCH);
    for (unsigned i = 0; i < 2; i++)
        o->s.nodes[i].ike->host.wall_s = wall_s;
}

static const char *by_certificate(unsigned version, bool at_once)
{
    static struct office o;
    open_office(&o, version);
    ike_acquire(o.s.nodes[0].ike, o.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&o.s, at_once ? 0 : 5000);
    ike_acquire(o.s.nodes[0].ike, o.s.now, CHILD(1), NULL, NULL, NULL);
    sim_run(&o.s, 10000);
    const char *bad = NULL;
    for (unsigned i = 0; i < 2 && !bad; i++)
        if (!has_line(&o.s, 0, CHILD(i)) || !has_line(&o.s, 1, CHILD(i)))
            bad = broken("name %u of who has proved itself by certificate is refused: %s; it: %s", i, o.s.nodes[0].last,
                         o.s.nodes[1].last);
    if (!bad && !at_once && sas_of(&o.s, 0, IKE_ESTABLISHED) != 1)
        bad = broken("who has proved itself by certificate has to do it %u times", sas_of(&o.s, 0, IKE_ESTABLISHED));
    return office_over(&o, bad);
}
static const char *by_certificate_1(void)
{
    return by_certificate(1, false);
}
static const char *by_certificate_2(void)
{
    return by_certificate(2, false);
}
static const char *by_certificate_at_once_1(void)
{
    return by_certificate(1, true);
}
static const char *by_certificate_at_once_2(void)
{
    return by_certificate(2, true);
}

/* The entry goes by a name that only leads to the peer, as a dynamic DNS has it; key and profile go by the identity. */
static const char *by_another_name(unsigned version, bool has_key_for_anybody)
{
    static struct pair x;
    routers_open(&x, version);
    struct ike_profile *p = router_profile(&x.hub, version, "P", NULL, "branch.example.com");
    struct ike_profile *q = branch_profile(&x, version, "secret");
    router_key(&x.hub, NULL, 0, "branch.example.com", "secret");
    if (has_key_for_anybody)
        router_key(&x.hub, "0.0.0.0", 0, NULL, "key for anybody");
    add_keyring(&x.hub, p);
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of("branch.example.com");
    q->aggressive = version == 1;
    line_between(&x, version, p, q);
    x.hub.peers[0].host = "dyn.example.net";
    return pair_over(&x, comes_up(&x, 1));
}
static const char *by_another_name_1(void)
{
    return by_another_name(1, false);
}
static const char *by_another_name_2(void)
{
    return by_another_name(2, false);
}
static const char *by_another_name_beside_anybody(void)
{
    return by_another_name(2, true);
}

const struct attack attacks_called[] = {
    {"AA1 two host names lead to one address, the hub calls, IKEv1", hub_calls_1},
    {"AA1 two host names lead to one address, the hub calls, IKEv2", hub_calls_2},
    {"AA1 two host names lead to one address, the first calls, IKEv1", a_calls_1},
    {"AA1 two host names lead to one address, the first calls, IKEv2", a_calls_2},
    {"AA1b the second is called first, IKEv1", hub_calls_b_first_1},
    {"AA1b the second is called first, IKEv2", hub_calls_b_first_2},
    {"AA1b the second's name leads elsewhere", a_calls_b_elsewhere},
    {"AC1 two names of one address at once, IKEv1", both_at_once_1},
    {"AC1 two names of one address at once, IKEv2", both_at_once_2},
    {"AC1 two names of one address, the IKE SA renewed, IKEv1", after_renewal_1},
    {"AC1 two names of one address, the IKE SA renewed, IKEv2", after_renewal_2},
    {"AC1b one peer of two names, IKEv1", one_of_two_names_1},
    {"AC1b one peer of two names, IKEv2", one_of_two_names_2},
    {"AC1b one peer of two names at once, IKEv1", one_of_two_names_at_once_1},
    {"AC1b one peer of two names at once, IKEv2", one_of_two_names_at_once_2},
    {"AC1c certificates beside keys, IKEv1", by_certificate_1},
    {"AC1c certificates beside keys, IKEv2", by_certificate_2},
    {"AC1c certificates beside keys, at once, IKEv1", by_certificate_at_once_1},
    {"AC1c certificates beside keys, at once, IKEv2", by_certificate_at_once_2},
    {"AC1d the entry's name is not the identity, IKEv1", by_another_name_1},
    {"AC1d the entry's name is not the identity, IKEv2", by_another_name_2},
    {"AC1d the entry's name is not the identity, beside a key for anybody", by_another_name_beside_anybody},
    {NULL, NULL},
};
