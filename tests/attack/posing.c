/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers with a key that holds, which is not the one of the identity they claim; and what a reload of keys and of
 * proposals does to those that stand. */
#include "tests/attack/lab.h"

#define OTHER "198.51.100.9"
#define STRANGER "198.51.100.50"
#define NAME "b.example.com"

/* ---- another one's identity ---- */

struct office {
    struct sim s;
    struct router hub, peer;
};

/* Who calls, by which key, and as whom. */
struct claim {
    unsigned version;
    bool aggressive;
    const char *at;
    const char *outside; /* behind NAT there; NULL: it is not */
    const char *secret;
    bool by_name; /* it claims NAME, else the address OTHER */
};

/* A key for each of two branches, one for all others; a name that has the second one's key. */
static void add_keys(struct router *hub)
{
    router_key(hub, BRANCH, 32, NULL, "key of the first");
    router_key(hub, OTHER, 32, NULL, "key of the second");
    router_key(hub, NULL, 0, NAME, "key of the second");
    router_key(hub, "0.0.0.0", 0, NULL, "key for anybody");
}

/* One keyring; the identity alone says which profile it is, and so which network. */
static void hub_open(struct office *x, unsigned version)
{
    struct router *hub = &x->hub;
    sim_init(&x->s, 1, 2);
    router_init(hub, version);
    add_keys(hub);
    profiles_of_two(hub, version, OTHER, NAME);
    sim_node_start(&x->s, 0, &hub->p, HUB);
}

static void claims(struct ike_profile *own, bool by_name)
{
    static const uint8_t other[4] = {198, 51, 100, 9};
    own->id_type = by_name ? IKE_ID_FQDN : IKE_ID_IPV4;
    own->id = by_name ? bytes_of(NAME) : (struct ike_bytes){other, sizeof other};
}

/* It asks for the second one's network. */
static void call(struct office *x, const struct claim *c)
{
    struct router *r = &x->peer;
    router_init(r, c->version);
    struct ike_profile *own = router_profile(r, c->version, "OWN", NULL, NULL);
    profile_match_address(r, own, HUB, 32);
    profile_key(r, own, router_key(r, HUB, 32, NULL, c->secret));
    own->aggressive = c->aggressive;
    claims(own, c->by_name);
    entry_line(r, router_entry(r, c->version, c->at, HUB, own), CHILD(0), 3, -1, 1, -1);
    sim_node_start(&x->s, 1, &r->p, c->at);
    if (c->outside)
        sim_node_nat(&x->s, 1, c->outside, 5000);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 5000);
}

/* In aggressive mode the hub proves itself first, by a key that the caller does not have: then the caller refuses. */
static const char *is_refused(const struct claim *c)
{
    static struct office x;
    const char *bad = NULL;
    hub_open(&x, c->version);
    call(&x, c);
    if (children_of(&x.s, 0) || x.s.nodes[0].n_policies)
        bad = "it gets the network of the one whose identity it claims";
    else if (sas_of(&x.s, 0, IKE_ESTABLISHED))
        bad = "it is taken for the one whose identity it claims";
    else if (!x.s.nodes[0].refused && !x.s.nodes[1].refused)
        bad = "no attack: nobody has been refused";
    return over(&x.s, bad);
}

static const char *is_taken(const struct claim *c)
{
    static struct office x;
    hub_open(&x, c->version);
    call(&x, c);
    const char *bad = children_of(&x.s, 0) == 1 && children_of(&x.s, 1) == 1
                          ? NULL
                          : broken("the honest one is refused: %s", x.s.nodes[0].last);
    return over(&x.s, bad);
}

/* Rows that are not for one: a network's key, and a domain's that stands before the name's. */
static const char *rows_for_many(bool by_name)
{
    static struct office x;
    struct router *hub = &x.hub;
    sim_init(&x.s, 1, 2);
    router_init(hub, 2);
    if (by_name)
        router_key(hub, NULL, 0, "example.com", "key for anybody")->who.domain = true;
    else
        router_key(hub, "0.0.0.0", 0, NULL, "key for anybody");
    router_key(hub, by_name ? NULL : "198.51.100.8", by_name ? 0 : 29, by_name ? NAME : NULL, "key of the second");
    struct ike_profile *second = router_profile(hub, 2, "SECOND", NULL, NAME);
    profile_match_address(hub, second, OTHER, 32);
    add_keyring(hub, second);
    entry_line(hub, router_entry(hub, 2, HUB, NULL, second), CHILD(1), 1, -1, 3, -1);
    sim_node_start(&x.s, 0, &hub->p, HUB);
    call(&x, &(struct claim){.version = 2, .at = STRANGER, .secret = "key for anybody", .by_name = by_name});
    return over(&x.s, children_of(&x.s, 0) ? "it gets the network of the one whose identity it claims" : NULL);
}
static const char *row_of_network(void)
{
    return rows_for_many(false);
}
static const char *row_of_domain(void)
{
    return rows_for_many(true);
}

static const char *another_address(void)
{
    return is_refused(&(struct claim){.version = 2, .at = BRANCH, .secret = "key of the first"});
}
/* Its key is found by who it says it is, wherever it calls from. */
static const char *own_address_elsewhere(void)
{
    return is_taken(
        &(struct claim){.version = 2, .at = "10.99.0.2", .outside = STRANGER, .secret = "key of the second"});
}
static const char *address_by_any_key(void)
{
    return is_refused(&(struct claim){.version = 2, .at = STRANGER, .secret = "key for anybody"});
}
/* Main mode takes a key by address before it knows the name: what the name says comes after. */
static const char *name_by_any_key(void)
{
    return is_refused(&(struct claim){.version = 1, .at = STRANGER, .secret = "key for anybody", .by_name = true});
}
static const char *name_by_same_secret(void)
{
    return is_taken(&(struct claim){.version = 1, .at = OTHER, .secret = "key of the second", .by_name = true});
}
static const char *another_address_main(void)
{
    return is_refused(&(struct claim){.version = 1, .at = BRANCH, .secret = "key of the first"});
}
static const char *another_address_aggressive(void)
{
    return is_refused(&(struct claim){.version = 1, .aggressive = true, .at = BRANCH, .secret = "key of the first"});
}
/* Without it a refusal in aggressive mode would say nothing. */
static const char *own_address_aggressive(void)
{
    return is_taken(&(struct claim){.version = 1, .aggressive = true, .at = OTHER, .secret = "key of the second"});
}

/* ---- keys and proposals that change ---- */

/* The branch's row of the keys is `addr`/`plen`; the key of another branch stands beside it. One keyring in both
 * versions. */
static void keyring_open(struct pair *x, unsigned version, const char *addr, unsigned plen)
{
    sim_init(&x->s, 1, 2);
    router_init(&x->hub, version);
    router_init(&x->branch, version);
    router_key(&x->hub, addr, plen, NULL, "secret");
    router_key(&x->hub, OTHER, 32, NULL, "secret of another");
    struct ike_profile *p = router_profile(&x->hub, version, "P", NULL, NULL),
                       *q = router_profile(&x->branch, version, "Q", NULL, NULL);
    profile_match_address(&x->hub, p, "198.51.100.0", 24);
    profile_match_address(&x->branch, q, HUB, 32);
    add_keyring(&x->hub, p);
    profile_key(&x->branch, q, router_key(&x->branch, HUB, 32, NULL, "secret"));
    entry_line(&x->hub, router_entry(&x->hub, version, HUB, BRANCH, p), CHILD(0), 1, -1, 2, -1);
    entry_line(&x->branch, router_entry(&x->branch, version, BRANCH, HUB, q), CHILD(0), 2, -1, 1, -1);
}

/* The branch calls. NULL: its tunnel stands. */
static const char *comes_up(struct pair *x)
{
    pair_start(x);
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    return children_of(&x->s, 0) == 1 && children_of(&x->s, 1) == 1 ? NULL : "the tunnel does not come up";
}

static const char *hub_reloads(struct pair *x, const struct router *to)
{
    return pair_reloads(x, 0, &x->hub, to);
}

/* Another branch gets a key, a third one another key: daily work that is nothing to those that stand. */
static const char *keys_of_others(unsigned version)
{
    struct pair x;
    static struct router later;
    keyring_open(&x, version, BRANCH, 32);
    const char *bad = comes_up(&x);
    const struct ike_sa *sa = first_sa(&x.s, 0);
    const struct ike_child *c = first_child(&x.s, 0);
    const uint64_t spi = sa ? sa->own_spi : 0;
    const uint32_t child_spi = c ? c->spi_in : 0;
    router_copy(&later, &x.hub);
    later.keys[1].local = later.keys[1].remote = bytes_of("another secret");
    later.profile_keys[0][1] = later.keys[1];
    profile_key(&later, &later.profiles[0], router_key(&later, "198.51.100.20", 32, NULL, "secret of a third"));
    if (!bad)
        bad = hub_reloads(&x, &later);
    sim_run(&x.s, 5000);
    sa = ike_by_spi(x.s.nodes[0].ike, spi);
    c = first_child(&x.s, 0);
    if (!bad && (!sa || sa->state != IKE_ESTABLISHED))
        bad = "the IKE SA ends when others' keys change";
    else if (!bad && (!c || c->spi_in != child_spi || children_of(&x.s, 1) != 1))
        bad = "the child SA ends when others' keys change";
    return pair_over(&x, bad);
}
static const char *keys_of_others_1(void)
{
    return keys_of_others(1);
}
static const char *keys_of_others_2(void)
{
    return keys_of_others(2);
}

/* The row for all has leaked, and the branch has one of its own now: who stands by the leaked one has to go. In IKEv1
 * by the keys that are in no keyring, of which no profile knows. */
static const char *key_of_its_own(unsigned version)
{
    struct pair x;
    static struct router later;
    keyring_open(&x, version, "0.0.0.0", 0);
    if (version == 1) {
        x.hub.p.n_profiles = 0;
        x.hub.entries[0].profile = NULL;
    }
    const char *bad = comes_up(&x);
    router_copy(&later, &x.hub);
    profile_key(&later, &later.profiles[0], router_key(&later, BRANCH, 32, NULL, "its own secret"));
    if (!bad)
        bad = hub_reloads(&x, &later);
    sim_run(&x.s, 5000);
    if (!bad && (children_of(&x.s, 0) || sas_of(&x.s, 0, IKE_ESTABLISHED)))
        bad = "it stands by the key for all, though it has one of its own";
    return pair_over(&x, bad);
}
static const char *key_of_its_own_1(void)
{
    return key_of_its_own(1);
}
static const char *key_of_its_own_2(void)
{
    return key_of_its_own(2);
}

/* The hub wants longer keys now; `can`: the branch has offered them from the beginning. */
static const char *longer_keys(struct pair *x, bool can)
{
    static struct router later;
    keyring_open(x, 2, BRANCH, 32);
    struct ike_choices *encr = &x->branch.proposal[0].encr;
    if (can)
        encr->v[encr->n++] = (struct ike_choice){ALGO_ENCR_AES_CBC, 256};
    const char *bad = comes_up(x);
    router_copy(&later, &x->hub);
    later.proposal[0].encr.v[0].bits = 256;
    return bad ? bad : hub_reloads(x, &later);
}

static const char *rekeyed_with_the_new(void)
{
    struct pair x;
    const char *bad = longer_keys(&x, true);
    for (unsigned ms = 0; ms < 10000 && !bad; ms += 10) {
        sim_run(&x.s, 10);
        if (!children_of(&x.s, 0) || !children_of(&x.s, 1))
            bad = broken("the tunnel is gone after %u ms", ms + 10);
    }
    if (!bad && (x.s.nodes[0].child_downs || x.s.nodes[1].child_downs))
        bad = "the child SA has been made anew";
    else if (!bad && (!has_suite(&x.s, 0, 256) || has_suite(&x.s, 0, 128)))
        bad = "the IKE SA stands with what no proposal allows";
    return pair_over(&x, bad);
}

static const char *ends_with_the_old(void)
{
    struct pair x;
    const char *bad = longer_keys(&x, false);
    sim_run(&x.s, 70000);
    if (!bad && (sas_of(&x.s, 0, IKE_ESTABLISHED) || sas_of(&x.s, 1, IKE_ESTABLISHED)))
        bad = "the IKE SA stands after 70 s with what no proposal allows";
    return pair_over(&x, bad);
}

/* ---- who is called ---- */

/* The hub calls the first branch, which answers as the second one; the profile is for both. */
static const char *answers_as_another(unsigned version)
{
    struct pair x;
    keyring_open(&x, version, BRANCH, 32);
    claims(&x.branch.profiles[0], false);
    pair_start(&x);
    ike_acquire(x.s.nodes[0].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 5000);
    const char *bad = NULL;
    if (children_of(&x.s, 0) || sas_of(&x.s, 0, IKE_ESTABLISHED))
        bad = "who is called is taken for the one whose identity it claims";
    else if (!x.s.nodes[0].refused)
        bad = "no attack: the hub has refused nobody";
    return pair_over(&x, bad);
}
static const char *answers_as_another_1(void)
{
    return answers_as_another(1);
}
static const char *answers_as_another_2(void)
{
    return answers_as_another(2);
}

/* ---- who has called, when the IKE SA is rekeyed ---- */

/* The hub rekeys the IKE SA that the branch has begun: who calls whom is the other way round in the new one (RFC 7296
 * §2.8). Then `node`, whose configuration is `r`, reads it once more. */
static const char *rekeyed_and_reloaded(struct pair *x, unsigned node, const struct router *r)
{
    static struct router again;
    const char *bad = comes_up(x);
    if (!bad) {
        struct ike_sa *sa = first_sa(&x->s, 0);
        sa->rekey_at = x->s.now;
        ike_timer_update(x->s.nodes[0].ike, sa);
        sim_run(&x->s, 200000); /* the one before is gone */
    }
    router_copy(&again, r);
    if (!bad)
        bad = pair_reloads(x, node, r, &again);
    sim_run(&x->s, 5000);
    if (!bad && (!sas_of(&x->s, node, IKE_ESTABLISHED) || children_of(&x->s, node) != 1))
        bad = "a reload that changes nothing ends what the hub has rekeyed";
    return pair_over(x, bad);
}

/* The branch's key is by the name that it claims, and by no address. */
static const char *key_by_claimed_name(void)
{
    struct pair x;
    keyring_open(&x, 2, STRANGER, 32);
    profile_match(&x.hub, &x.hub.profiles[0], NAME, false);
    profile_key(&x.hub, &x.hub.profiles[0], router_key(&x.hub, NULL, 0, NAME, "secret"));
    x.branch.profiles[0].id_type = IKE_ID_FQDN;
    x.branch.profiles[0].id = bytes_of(NAME);
    return rekeyed_and_reloaded(&x, 0, &x.hub);
}

/* The branch knows the hub by a host name, and has its key by that. */
static const char *key_by_called_name(void)
{
    struct pair x;
    keyring_open(&x, 2, BRANCH, 32);
    x.branch.profiles[0].n_keys = x.branch.p.n_keys = 0;
    profile_key(&x.branch, &x.branch.profiles[0], router_key(&x.branch, NULL, 0, "hub.example.com", "secret"));
    x.branch.peers[0].host = "hub.example.com";
    return rekeyed_and_reloaded(&x, 1, &x.branch);
}

const struct attack attacks_posing[] = {
    {"Q1 a branch claims another one's address, IKEv2", another_address},
    {"Q1b its own address, from behind a NAT", own_address_elsewhere},
    {"Q2 the key for anybody, and an address with its own, IKEv2", address_by_any_key},
    {"Q3 the key for anybody, and a name with its own, main mode", name_by_any_key},
    {"Q3b a name with the same secret by address, main mode", name_by_same_secret},
    {"Q4 a branch claims another one's address, main mode", another_address_main},
    {"Q5 a branch claims another one's address, aggressive mode", another_address_aggressive},
    {"Q5b its own address, aggressive mode", own_address_aggressive},
    {"Q6 a reload of others' keys, IKEv1", keys_of_others_1},
    {"Q6 a reload of others' keys, IKEv2", keys_of_others_2},
    {"Q7 a reload with a key of its own, IKEv1", key_of_its_own_1},
    {"Q7 a reload with a key of its own, IKEv2", key_of_its_own_2},
    {"Q8 a reload with other proposals, which the peer can do", rekeyed_with_the_new},
    {"Q8b a reload with other proposals, which the peer cannot do", ends_with_the_old},
    {"Q9 who is called answers as another, IKEv1", answers_as_another_1},
    {"Q9 who is called answers as another, IKEv2", answers_as_another_2},
    {"Q10 rekeyed by who was called, the key by the claimed name", key_by_claimed_name},
    {"Q10 rekeyed by who was called, the key by the called name", key_by_called_name},
    {"Q11 the key for anybody, and an address of a network with its own", row_of_network},
    {"Q12 the key of the domain, and a name in it with its own", row_of_domain},
    {NULL, NULL},
};
