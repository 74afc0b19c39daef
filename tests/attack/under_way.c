/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is under way when a reload comes, and what a reload that changes nothing must leave alone; rows that prove one
 * peer by the key of another (findings of a stranger).
 */
#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"
#include "tests/attack/mappings.h"

#define OTHER "198.51.100.9"
#define A_NAME "a.example.com"
#define B_NAME "b.example.com"

static void sim_asks(struct sim *s, unsigned node, unsigned line, uint64_t ms)
{
    ike_acquire(s->nodes[node].ike, s->now, CHILD(line), NULL, NULL, NULL);
    sim_run(s, ms);
}

static void says(struct ike_profile *q, const char *name)
{
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of(name);
}

static bool both_have(const struct sim *s, unsigned line)
{
    return has_line(s, 0, CHILD(line)) && has_line(s, 1, CHILD(line));
}

static const char *not_there(const struct sim *s)
{
    return broken("no attack: it does not come up; the hub: %s; the branch: %s", s->nodes[0].last, s->nodes[1].last);
}

/* The node reads the same once more. */
static const char *nothing_comes(struct pair *x, unsigned node)
{
    static struct router later[2];
    const struct router *now = node ? &x->branch : &x->hub;
    router_copy(&later[node], now);
    return pair_reloads(x, node, now, &later[node]);
}

/* What stands by the first lines stands after such a reload too. */
static const char *stay(struct pair *x, unsigned n_lines)
{
    const char *bad = NULL;
    for (unsigned i = 0; i < n_lines && !bad; i++)
        bad = both_have(&x->s, i) ? NULL : not_there(&x->s);
    if (!bad)
        bad = nothing_comes(x, 0);
    sim_run(&x->s, 10000);
    for (unsigned i = 0; i < n_lines && !bad; i++)
        bad = both_have(&x->s, i) ? NULL : broken("a reload that changes nothing ends line %u", i);
    return bad;
}

/* ---- AF1: two 'crypto isakmp peer' of one address ---- */

#define SENT_MOST 200 /* in a minute */
static unsigned n_sent;

static bool counts_sent(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    (void)f;
    n_sent++;
    return true;
}

/* DNS leads b's name to the branch, which has the last one's password; b has a key of its own. `first` NULL: none. */
static const char *calls_b_there(const char *first)
{
    static struct pair x;
    static struct ike_aggressive_peer rows[2];
    const char *const passwords[] = {first, "password"};
    routers_open(&x, 1);
    router_key(&x.hub, NULL, 0, B_NAME, "key of b");
    router_key(&x.branch, HUB, 32, NULL, "password");
    for (unsigned i = 0; i < 2; i++) {
        rows[i] = (struct ike_aggressive_peer){.peer = address(BRANCH)};
        rows[i].key.id = ++x.hub.n_keys_made;
        if (passwords[i])
            rows[i].key.local = rows[i].key.remote = bytes_of(passwords[i]);
    }
    x.hub.p.n_key_ids = x.hub.n_keys_made;
    x.hub.p.aggressive = rows;
    x.hub.p.n_aggressive = 2;
    line_between(&x, 1, NULL, NULL);
    x.hub.peers[0].host = B_NAME;
    pair_start(&x);
    tap_close(&x.tap);
    n_sent = 0;
    x.s.meddle = counts_sent;
    sim_asks(&x.s, 0, 0, 60000);
    const char *bad = NULL;
    if (has_line(&x.s, 0, CHILD(0)))
        bad = "the branch has b's network by its password";
    else if (n_sent > SENT_MOST)
        bad = broken("%u datagrams in a minute, and %u IKE SAs", n_sent, x.s.nodes[0].ups);
    else if (!x.s.nodes[0].refused)
        bad = "no attack: nobody has been refused";
    return over(&x.s, bad);
}
static const char *two_rows(void)
{
    const char *bad = calls_b_there(NULL);
    return bad ? bad : calls_b_there("key of b");
}

/* ---- a hub with an entry for each of two names that lead to one address: a is there ---- */

/* What a reload brings. */
static void row_of_b(struct router *hub, unsigned version)
{
    const struct ike_psk *k = router_key(hub, NULL, 0, B_NAME, "key of b");
    if (version == 2)
        profile_key(hub, &hub->profiles[0], k);
}

/* Until then b goes by the key of where it is, which is a's. */
static void two_names(struct pair *x, unsigned version)
{
    struct ike_profile *p = NULL, *q = NULL;
    routers_open(x, version);
    router_key(&x->hub, NULL, 0, A_NAME, "key of a");
    router_key(&x->hub, BRANCH, 32, NULL, "key of a");
    router_key(&x->branch, HUB, 32, NULL, "key of a");
    if (version == 2) {
        p = router_profile(&x->hub, version, "P", NULL, NULL);
        q = router_profile(&x->branch, version, "Q", A_NAME, NULL);
        profile_match(&x->hub, p, "example.com", true);
        profile_match_address(&x->branch, q, HUB, 32);
        add_keyring(&x->hub, p);
        add_keyring(&x->branch, q);
    }
    for (int i = 0; i < 2; i++) {
        entry_line(&x->hub, router_entry(&x->hub, version, HUB, BRANCH, p), CHILD(i), 1, -1, 2 + i, -1);
        entry_line(&x->branch, router_entry(&x->branch, version, BRANCH, HUB, q), CHILD(i), 2 + i, -1, 1, -1);
    }
    x->hub.peers[0].host = A_NAME;
    x->hub.peers[1].host = B_NAME;
}

static const char *row_comes(struct pair *x, unsigned version)
{
    static struct router later;
    router_copy(&later, &x->hub);
    row_of_b(&later, version);
    return pair_reloads(x, 0, &x->hub, &later);
}

/* The end of what the row of b has come to. */
static const char *has_a_alone(struct pair *x, unsigned version, const char *bad)
{
    if (!bad && has_line(&x->s, 0, CHILD(1)))
        bad = broken("IKEv%u: a has b's network by a's key, after a reload has brought b's row", version);
    else if (!bad && !both_have(&x->s, 0))
        bad = broken("IKEv%u: what is a's own is ended: %s", version, x->s.nodes[0].last);
    return pair_over(x, bad);
}

/* ---- AF2: b's child is under way, or rekeyed, when its row comes ---- */

enum when { BEFORE, STANDS, UNDER_WAY, REKEYED, REKEYED_BY_A, A_ASKS };

static bool two_begin(struct pair *x, unsigned version, enum when w)
{
    bool has_b = w == STANDS || w == REKEYED || w == REKEYED_BY_A;
    two_names(x, version);
    if (w == A_ASKS)
        for (unsigned i = 0; i < 2; i++)
            x->hub.entries[i].pfs = x->branch.entries[i].pfs = ALGO_DH_256_ECP;
    pair_start(x);
    x->s.delay_ms = 20;
    sim_asks(&x->s, 0, 0, 3000);
    if (has_b)
        sim_asks(&x->s, 0, 1, 3000);
    return both_have(&x->s, 0) && both_have(&x->s, 1) == has_b;
}

static void rekeys_b(struct sim *s, unsigned node)
{
    struct ike_sa *sa = standing_sa(s, node);
    const struct ike_child *c = sa->children;
    while (c && c->reqid != CHILD(1))
        c = c->next;
    if (c)
        begin_task(s, node, sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
}

/* a has asked for b's network, and the hub's Diffie-Hellman waits to be computed. */
static void a_asks(struct sim *s)
{
    queue.n = 0;
    s->nodes[0].ike->host.job = queue_job;
    sim_asks(s, 1, 1, 0);
    for (unsigned ms = 0; ms < 100 && !queue.n; ms++)
        sim_run(s, 1);
}

static void is_computed(struct sim *s)
{
    s->nodes[0].ike->host.job = NULL;
    for (unsigned i = 0; i < queue.n; i++) {
        ike_job_run(queue.v[i]);
        ike_job_done(s->nodes[0].ike, s->now, queue.v[i]);
    }
}

static const char *row_of_b_comes(unsigned version, enum when w)
{
    static struct pair x;
    if (!two_begin(&x, version, w))
        return pair_over(&x, not_there(&x.s));
    if (w == UNDER_WAY)
        sim_asks(&x.s, 0, 1, 0);
    else if (w == A_ASKS)
        a_asks(&x.s);
    else if (w == REKEYED || w == REKEYED_BY_A)
        rekeys_b(&x.s, w == REKEYED_BY_A);
    const char *bad = row_comes(&x, version);
    if (w == A_ASKS && !queue.n)
        bad = "no attack: nothing is computed";
    if (w == A_ASKS)
        is_computed(&x.s);
    sim_run(&x.s, 10000);
    if (w == BEFORE)
        sim_asks(&x.s, 0, 1, 10000);
    return has_a_alone(&x, version, bad);
}
static const char *in_each_version(enum when w)
{
    const char *bad = row_of_b_comes(1, w);
    return bad ? bad : row_of_b_comes(2, w);
}
static const char *is_under_way(void)
{
    return in_each_version(UNDER_WAY);
}
static const char *is_rekeyed(void)
{
    return in_each_version(REKEYED);
}
static const char *is_asked_for(void)
{
    return in_each_version(A_ASKS);
}
/* It stands, or a rekeys it, or it is asked for when the row is there. */
static const char *is_settled(void)
{
    const char *bad = in_each_version(STANDS);
    if (!bad)
        bad = in_each_version(REKEYED_BY_A);
    return bad ? bad : in_each_version(BEFORE);
}

/* ---- AF3: an IPsec SA of IKEv1 is handed over between profiles, and a reload changes nothing ---- */

enum meanwhile { NOTHING, IS_DELETED, IS_RENEWED };

/* Each profile has an entry and its own ISAKMP SA; who calls gets the first profile that takes it, the second is the
 * first line's. The peers of the first profile are at `first_at`. */
static void two_profiles(struct pair *x, const char *first_at, uint8_t first_plen)
{
    routers_open(x, 1);
    router_key(&x->hub, BRANCH, 32, NULL, "secret");
    router_key(&x->branch, HUB, 32, NULL, "secret");
    struct ike_profile *first = router_profile(&x->hub, 1, "FIRST", NULL, NULL);
    struct ike_profile *second = router_profile(&x->hub, 1, "SECOND", NULL, NULL);
    profile_match_address(&x->hub, first, first_at, first_plen);
    profile_match_address(&x->hub, second, BRANCH, 32);
    add_keyring(&x->hub, first);
    add_keyring(&x->hub, second);
    for (int i = 0; i < 2; i++) {
        entry_line(&x->hub, router_entry(&x->hub, 1, HUB, BRANCH, i ? first : second), CHILD(i), 1, i, 2, i);
        entry_line(&x->branch, router_entry(&x->branch, 1, BRANCH, HUB, NULL), CHILD(i), 2, i, 1, i);
    }
    pair_start(x);
}

/* The branch ends that ISAKMP SA, or renews all of its own: IPsec SAs outlive it. */
static void branch_does(struct sim *s, const struct ike_sa *of_hub, enum meanwhile what)
{
    struct ike *ike = s->nodes[1].ike;
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next) {
            if (what == IS_RENEWED)
                sa->rekey_at = s->now;
            if (what == IS_DELETED && sa->spi_i == of_hub->spi_i) {
                sa->expire_at = s->now;
                sa->v1->is_extended = true;
            }
            ike_timer_update(ike, sa);
        }
    sim_run(s, 120000);
}

static const char *handed_over(struct pair *x, unsigned n_lines, enum meanwhile what)
{
    for (unsigned i = 0; i < n_lines; i++)
        sim_asks(&x->s, 0, i, 3000);
    const struct ike_sa *of_second = first_of(&x->s, 0, IKE_STANDS, &x->hub.profiles[1]);
    if (!of_second)
        return pair_over(x, not_there(&x->s));
    branch_does(&x->s, of_second, what);
    return pair_over(x, stay(x, n_lines));
}

static const char *of_two_profiles(enum meanwhile what)
{
    static struct pair x;
    two_profiles(&x, BRANCH, 32);
    return handed_over(&x, 2, what);
}
static const char *two_profiles_deleted(void)
{
    return of_two_profiles(IS_DELETED);
}
static const char *two_profiles_renewed(void)
{
    return of_two_profiles(IS_RENEWED);
}
static const char *two_profiles_stand(void)
{
    return of_two_profiles(NOTHING);
}

/* The first one is for everybody; what is handed over is all there is. */
static const char *behind_catch_all(void)
{
    static struct pair x;
    two_profiles(&x, "0.0.0.0", 0);
    return handed_over(&x, 1, IS_RENEWED);
}

/* ---- AF4: a row of address and host name, whose profile is for that name, and a name that no row is for ---- */

/* Who has the row calls, and asks for the network of the first profile. */
static void calls_by_row_of_b(struct pair *x, const char *claims, const char *another)
{
    routers_open(x, 2);
    router_key(&x->hub, OTHER, 32, NULL, "key of b")->host = bytes_of(B_NAME);
    struct ike_profile *first = router_profile(&x->hub, 2, "FIRST", NULL, claims);
    struct ike_profile *second = router_profile(&x->hub, 2, "SECOND", NULL, another);
    add_keyring(&x->hub, first);
    add_keyring(&x->hub, second);
    entry_line(&x->hub, router_entry(&x->hub, 2, HUB, NULL, first), CHILD(1), 1, -1, 3, -1);
    entry_line(&x->hub, router_entry(&x->hub, 2, HUB, NULL, second), CHILD(2), 1, -1, 4, -1);
    struct ike_profile *q = branch_profile(x, 2, "key of b");
    says(q, claims);
    branch_calls(x, 2, OTHER, q);
}

static const char *host_claims_unnamed(void)
{
    static struct pair x;
    calls_by_row_of_b(&x, "c.example.com", B_NAME);
    return gets_nothing(&x);
}
static const char *host_as_itself(void)
{
    static struct pair x;
    calls_by_row_of_b(&x, B_NAME, "c.example.com");
    return over(&x.s, children_of(&x.s, 0) == 1 ? NULL : not_there(&x.s));
}

/* ---- AF5: a profile for any, and a name in a domain that has a row ---- */

/* DNS leads the name to the branch. */
static void any_and_domain(struct pair *x, const char *secret)
{
    routers_open(x, 2);
    router_key(&x->hub, NULL, 0, "example.com", "key of the domain")->who.domain = true;
    router_key(&x->hub, BRANCH, 32, NULL, "key of the address");
    struct ike_profile *p = router_profile(&x->hub, 2, "P", NULL, NULL);
    x->hub.matches[0][p->n_remote++].any = true;
    add_keyring(&x->hub, p);
    line_between(x, 2, p, branch_profile(x, 2, secret));
    x->hub.peers[0].host = A_NAME;
}

static const char *any_by_key_of_address(unsigned by)
{
    static struct pair x;
    any_and_domain(&x, "key of the address");
    bool is_refused = comes_up(&x, by);
    return pair_over(&x, is_refused ? NULL : "it has the network of a name in the domain by the key of its address");
}
static const char *any_whoever_calls(void)
{
    const char *bad = any_by_key_of_address(0);
    return bad ? bad : any_by_key_of_address(1);
}
static const char *any_by_key_of_domain(void)
{
    static struct pair x;
    any_and_domain(&x, "key of the domain");
    says(&x.branch.profiles[0], A_NAME);
    return pair_over(&x, comes_up(&x, 0));
}

/* ---- AF6: IKE_AUTH with a child of its own behind one that is another's now ---- */

/* a stands with b's network too, and is authenticated anew: b's child is asked for before a's. */
static bool begins_anew(struct pair *x)
{
    if (!two_begin(x, 2, STANDS))
        return false;
    x->s.delay_ms = 40;
    struct ike *ike = x->s.nodes[0].ike;
    struct ike_sa *sa = standing_sa(&x->s, 0);
    sa->reauth_at = x->s.now;
    ike_timer_update(ike, sa);
    ike_tick(ike, x->s.now);
    return true;
}

#define ASKED_BYTES 60    /* SA, TSi and TSr have more, what differs by padding has less */
static size_t auth_bytes; /* of the hub's first IKE_AUTH; 0: there was none */

static bool measures_auth(struct sim *s, struct packet_in_flight *f)
{
    if (!auth_bytes && is_from(s, f, 0) && packet_header(f)[18] == X2_AUTH)
        auth_bytes = f->n;
    return true;
}

static const char *asks_with_auth(bool comes)
{
    static struct pair x;
    if (!begins_anew(&x))
        return pair_over(&x, not_there(&x.s));
    tap_close(&x.tap);
    auth_bytes = 0;
    x.s.meddle = measures_auth;
    const char *bad = comes ? row_comes(&x, 2) : NULL;
    sim_run(&x.s, 20000);
    return over(&x.s, bad);
}

static const char *auth_has_child(void)
{
    const char *bad = asks_with_auth(false);
    const size_t before = auth_bytes;
    if (!bad)
        bad = asks_with_auth(true);
    if (!bad && !before)
        bad = "no attack: it is not authenticated anew";
    if (!bad && auth_bytes + ASKED_BYTES < before)
        bad = broken("IKE_AUTH has %zu bytes in place of %zu, though a's own child waits", auth_bytes, before);
    return bad;
}

/* ---- AF7: the row comes at each moment ---- */

/* While a is authenticated anew. */
static const char *row_comes_anew_after(unsigned ms)
{
    static struct pair x;
    if (!begins_anew(&x))
        return pair_over(&x, not_there(&x.s));
    sim_run(&x.s, ms);
    const char *bad = row_comes(&x, 2);
    sim_run(&x.s, 130000);
    if (!bad && x.s.nodes[0].ups < 2)
        bad = "no attack: it is not authenticated anew";
    return has_a_alone(&x, 2, bad);
}
static const char *row_comes_anew(void)
{
    const char *bad = NULL;
    for (unsigned ms = 0; ms < 300 && !bad; ms += 5)
        bad = row_comes_anew_after(ms);
    return bad;
}

/* While the networks of both are asked for. */
static const char *row_comes_at_once_after(unsigned ms)
{
    static struct pair x;
    two_names(&x, 2);
    pair_start(&x);
    x.s.delay_ms = 40;
    sim_asks(&x.s, 0, 0, 0);
    sim_asks(&x.s, 0, 1, ms);
    const char *bad = row_comes(&x, 2);
    sim_run(&x.s, 90000);
    return has_a_alone(&x, 2, bad);
}
static const char *row_comes_at_once(void)
{
    const char *bad = NULL;
    for (unsigned ms = 0; ms < 240 && !bad; ms += 3)
        bad = row_comes_at_once_after(ms);
    return bad;
}

/* ---- AF8: a reload that changes nothing ---- */

typedef void rekey_fn(struct sim *s, unsigned node);

/* Both ends renew the same at once; every other time the branch reads its configuration too. */
static const char *collides(unsigned version, rekey_fn *rekey, unsigned ms)
{
    static struct pair x;
    if (!two_begin(&x, version, BEFORE))
        return pair_over(&x, not_there(&x.s));
    x.s.delay_ms = 60;
    rekey(&x.s, 0);
    rekey(&x.s, 1);
    sim_run(&x.s, ms);
    const char *bad = nothing_comes(&x, 0);
    if (!bad && ms % 2)
        bad = nothing_comes(&x, 1);
    sim_run(&x.s, 150000);
    if (!bad && !both_have(&x.s, 0))
        bad = broken("IKEv%u: a reload after %u ms of a collision ends the tunnel", version, ms);
    return pair_over(&x, bad);
}
static const char *in_collision(rekey_fn *rekey)
{
    const char *bad = NULL;
    for (unsigned ms = 0; ms < 400; ms += 7)
        for (unsigned version = 1; version <= 2 && !bad; version++)
            bad = collides(version, rekey, ms);
    return bad;
}
static const char *sas_collide(void)
{
    return in_collision(rekey_sa);
}
static const char *children_collide(void)
{
    return in_collision(rekey_child);
}

static const char *nat_has_moved_in(unsigned version)
{
    static struct pair x;
    mapped_open(&x, version);
    sim_asks(&x.s, 1, 0, 5000);
    begin_mapping(&x.s, NEW_PORT);
    ask_peer(&x.s, 1);
    sim_run(&x.s, 10000);
    return over(&x.s, stay(&x, 1));
}
static const char *nat_has_moved(void)
{
    const char *bad = nat_has_moved_in(1);
    return bad ? bad : nat_has_moved_in(2);
}

/* The branch calls; before and behind its bare address the entry has b's name, which leads elsewhere and there. */
static const char *several_peers_in(unsigned version)
{
    static struct pair x;
    static struct ike_peer peers[3];
    two_names(&x, version);
    row_of_b(&x.hub, version);
    peers[0] = (struct ike_peer){.addr = address(OTHER), .host = B_NAME};
    peers[1] = (struct ike_peer){.addr = address(BRANCH)};
    peers[2] = (struct ike_peer){.addr = address(BRANCH), .host = B_NAME};
    x.hub.entries[0].peers = peers;
    x.hub.entries[0].n_peers = 3;
    pair_start(&x);
    sim_asks(&x.s, 1, 0, 5000);
    return pair_over(&x, stay(&x, 1));
}
static const char *several_peers(void)
{
    const char *bad = several_peers_in(1);
    return bad ? bad : several_peers_in(2);
}

const struct attack attacks_under_way[] = {
    {"AF1 two rows of a password, the first without one or the name's key", two_rows},
    {"AF2 b's child is under way when its row comes", is_under_way},
    {"AF2 b's child is rekeyed when its row comes", is_rekeyed},
    {"AF2 b's child is asked for by a, and the hub computes", is_asked_for},
    {"AF2b b's child stands, is rekeyed by a, or asked for later", is_settled},
    {"AF3 two profiles, one ISAKMP SA is deleted", two_profiles_deleted},
    {"AF3 two profiles, the branch renews", two_profiles_renewed},
    {"AF3 behind a profile for everybody, the branch renews", behind_catch_all},
    {"AF3b two profiles, nothing is handed over", two_profiles_stand},
    {"AF4 a host name's row and a name that no row is for", host_claims_unnamed},
    {"AF4b a host name's row and its name", host_as_itself},
    {"AF5 any and a domain, by the key of the address", any_whoever_calls},
    {"AF5b any and a domain, by the domain's key", any_by_key_of_domain},
    {"AF6 IKE_AUTH asks for what is its own", auth_has_child},
    {"AF7 a row comes while a is authenticated anew", row_comes_anew},
    {"AF7 a row comes while both are asked for at once", row_comes_at_once},
    {"AF8a a reload in a collision of IKE SAs", sas_collide},
    {"AF8a a reload in a collision of children", children_collide},
    {"AF8b a reload after the NAT's port has moved", nat_has_moved},
    {"AF8c a reload beside several peers", several_peers},
    {NULL, NULL},
};
