/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows that name their peers, by host name, identity or domain, beside rows and profiles that go by addresses: whom the
 * key of each proves, of who calls and of who is called (findings of a sixth stranger). */
#include <string.h>

#include "backends/ike/from_ir.h"
#include "backends/xfrm/plan.h"
#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "tests/attack/mappings.h"

#define OTHER "198.51.100.9"
#define A_NAME "a.example.com"
#define B_NAME "b.example.com"

/* ---- a hub from the text of its configuration ---- */

struct text_hub {
    struct source src;
    struct compiled c;
    struct ios_parser *parser;
    struct ike_omissions left_out;
    const struct ike_policy *p;
};

/* NULL: it is read. */
static const char *text_open(struct text_hub *h, const char *text)
{
    struct target t;
    memset(h, 0, sizeof *h);
    symtab_seed_init();
    h->parser = ios_parser_new();
    if (source_from_memory(&h->src, "hub", text, strlen(text)) || sem_compile(&h->c, h->parser, &h->src))
        return "no attack: it does not compile";
    struct if_map *m = ARENA_NEW(&h->c.arena, struct if_map);
    struct xfrm_plan plan = {.arena = &h->c.arena};
    if (if_map_parse(&h->c.arena, m, h->c.units.v[0], str_lit("GigabitEthernet0/0=lo\n")))
        return "no attack: its interface has no place";
    target_build(&t, &h->c.arena, h->c.units.v[0], m, &h->c.diags);
    xfrm_plan_build(&plan, &t);
    h->p = ike_policy_build(&t, &plan, str_lit(""), "/nonexistent", &h->left_out);
    return NULL;
}

static const char *text_over(struct text_hub *h, const char *bad)
{
    if (h->p)
        ike_pki_free(h->p);
    sem_free(&h->c);
    ios_parser_free(h->parser);
    return bad;
}

/* The hub is node 0 and the branch node 1, at that address. */
static void text_start(struct pair *x, const struct text_hub *h, const char *at)
{
    sim_node_start(&x->s, 0, h->p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, at);
}

/* Why it has no entry. */
static const char *why_blocked(const struct text_hub *h)
{
    return h->left_out.lines.n ? (const char *)h->left_out.lines.v[0] : "nothing says why";
}

/* Its name leads to OTHER. */
#define NAMED_A "ip host a.example.com 198.51.100.9\n"
#define PROPOSAL                                                                                                       \
    "crypto ikev2 proposal P\n encryption aes-cbc-128\n integrity sha256\n group 19\n"                                 \
    "crypto ikev2 policy POL\n proposal P\ncrypto ikev2 keyring KR\n"
#define PROFILE(name, match)                                                                                           \
    "crypto ikev2 profile " name "\n match identity remote fqdn " match "\n authentication remote pre-share\n"         \
    " authentication local pre-share\n keyring local KR\n"
#define TRANSFORM "crypto ipsec transform-set T esp-aes 128 esp-sha256-hmac\n"
#define LIST_A "ip access-list extended LA\n permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n"
#define LIST_B "ip access-list extended LB\n permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n"
#define MAP_TO_A "crypto map M 10 ipsec-isakmp\n set peer a.example.com dynamic\n set transform-set T\n"
#define INTERFACE "interface GigabitEthernet0/0\n ip address 203.0.113.1 255.255.255.0\n crypto map M\nend\n"

/* ---- AE1: rows with an address and a host name ---- */

/* What `hostname` says beside `address` is not to be forgotten: a has its own key and claims b. */
static const char two_rows[] =
    "hostname hub\n" PROPOSAL " peer A\n  address 198.51.100.7\n  hostname a.example.com\n  pre-shared-key key-of-a\n"
    " peer B\n  address 198.51.100.9\n  hostname b.example.com\n  pre-shared-key key-of-b\n" PROFILE("PB", B_NAME)
        PROFILE("PA", A_NAME) TRANSFORM LIST_B LIST_A
    "crypto dynamic-map D 10\n set transform-set T\n set ikev2-profile PB\n match address LB\n"
    "crypto dynamic-map D 20\n set transform-set T\n set ikev2-profile PA\n match address LA\n"
    "crypto map M 10 ipsec-isakmp dynamic D\n" INTERFACE;

static const char *host_beside_address(void)
{
    static struct pair x;
    static struct text_hub h;
    const char *bad = text_open(&h, two_rows);
    if (bad)
        return text_over(&h, bad);
    routers_open(&x, 2);
    struct ike_profile *q = branch_profile(&x, 2, "key-of-a");
    says_name(q, B_NAME);
    entry_line(&x.branch, router_entry(&x.branch, 2, BRANCH, HUB, q), CHILD(0), 3, -1, 1, -1);
    text_start(&x, &h, BRANCH);
    asks(&x, 1, 0, 5000);
    return text_over(&h, gets_nothing(&x));
}

/* ---- AE14: its row has an address too, and its name leads elsewhere now ---- */

static const char moved_row[] =
    "hostname hub\n" NAMED_A PROPOSAL
    " peer A\n  address 198.51.100.7\n  hostname a.example.com\n  pre-shared-key key-of-a\n" PROFILE("PA", A_NAME)
        TRANSFORM LIST_A MAP_TO_A " set ikev2-profile PA\n match address LA\n" INTERFACE;

/* The branch at the other address, as its name says; the hub asks for it. */
static bool named_is_had(struct pair *x, const struct text_hub *h, unsigned version)
{
    struct ike_profile *q = NULL;
    routers_open(x, version);
    if (version == 2) {
        q = branch_profile(x, 2, "key-of-a");
        says_name(q, A_NAME);
    } else {
        router_key(&x->branch, HUB, 32, NULL, "key-of-a");
    }
    entry_line(&x->branch, router_entry(&x->branch, version, OTHER, HUB, q), CHILD(0), 2, -1, 1, -1);
    text_start(x, h, OTHER);
    ike_acquire(x->s.nodes[0].ike, x->s.now, h->p->entries[0].lines[0].reqid, NULL, NULL, NULL);
    sim_run(&x->s, 8000);
    return children_of(&x->s, 0) != 0;
}

static const char *host_has_moved(void)
{
    static struct pair x;
    static struct text_hub h;
    const char *bad = text_open(&h, moved_row);
    if (!bad && !h.p->n_entries)
        bad = broken("the entry of the honest one is blocked: %s", why_blocked(&h));
    if (bad)
        return text_over(&h, bad);
    if (!named_is_had(&x, &h, 2))
        bad = broken("the honest one is not had: %s", x.s.nodes[0].last);
    return text_over(&h, over(&x.s, bad));
}

/* ---- AE15: who is known by name alone, key too, moves ---- */

static const char key_by_name_1[] =
    "hostname hub\n" NAMED_A "crypto isakmp policy 10\n encr aes 128\n hash sha256\n authentication pre-share\n"
    " group 19\ncrypto isakmp key key-of-a hostname a.example.com\n" TRANSFORM LIST_A MAP_TO_A
    " match address LA\n" INTERFACE;
static const char key_by_name_2[] =
    "hostname hub\n" NAMED_A PROPOSAL
    " peer A\n  hostname a.example.com\n  pre-shared-key key-of-a\n" PROFILE("PA", A_NAME) TRANSFORM LIST_A MAP_TO_A
    " set ikev2-profile PA\n match address LA\n" INTERFACE;

/* A tunnel comes up there by the key of its name. Who repairs names' addresses is not to be told that it has none: it
 * would refuse that the name moves there. */
static const char *key_by_name(const char *text, unsigned version)
{
    static struct pair x;
    static struct text_hub h;
    const char *bad = text_open(&h, text);
    if (!bad && !h.p->n_entries)
        bad = broken("no attack: %s", why_blocked(&h));
    if (bad)
        return text_over(&h, bad);
    if (!named_is_had(&x, &h, version))
        bad = broken("no attack: %s; it: %s", x.s.nodes[0].last, x.s.nodes[1].last);
    else if (h.left_out.keyless.n)
        bad = broken("a tunnel comes up by the key of its name, and it is said that there is none: %s",
                     (const char *)h.left_out.keyless.v[0]);
    return text_over(&h, over(&x.s, bad));
}
static const char *key_by_name_v1(void)
{
    return key_by_name(key_by_name_1, 1);
}
static const char *key_by_name_v2(void)
{
    return key_by_name(key_by_name_2, 2);
}

/* ---- AE2: a row that names its peer by another kind of identity than is claimed ---- */

/* The row of the branch's address says that its peer is a, as a host name. */
static void open_row_of_a(struct pair *x, const char *secret)
{
    routers_open(x, 2);
    struct ike_psk *k = router_key(&x->hub, BRANCH, 32, NULL, secret);
    k->named = (struct ike_match){.id_type = IKE_ID_FQDN, .value = bytes_of(A_NAME)};
}

static const char *other_kind(void)
{
    static struct pair x;
    open_row_of_a(&x, "key of a");
    struct ike_profile *b = router_profile(&x.hub, 2, "B", NULL, "b@example.com");
    x.hub.matches[0][0].id_type = IKE_ID_USER_FQDN;
    struct ike_profile *a = router_profile(&x.hub, 2, "A", NULL, NULL);
    profile_match(&x.hub, a, "example.com", true);
    add_keyring(&x.hub, b);
    add_keyring(&x.hub, a);
    entry_line(&x.hub, router_entry(&x.hub, 2, HUB, NULL, b), CHILD(1), 1, -1, 3, -1);
    struct ike_profile *q = branch_profile(&x, 2, "key of a");
    says_name(q, "b@example.com");
    q->id_type = IKE_ID_USER_FQDN;
    branch_calls(&x, 2, BRANCH, q);
    return gets_nothing(&x);
}

/* ---- AE3: the name that is called has no row, and leads to where a row names another one ---- */

static const char *row_names_another(void)
{
    static struct pair x;
    open_row_of_a(&x, "key of a");
    struct ike_profile *p = router_profile(&x.hub, 2, "P", NULL, B_NAME);
    add_keyring(&x.hub, p);
    struct ike_profile *q = branch_profile(&x, 2, "key of a");
    says_name(q, B_NAME);
    line_between(&x, 2, p, q);
    x.hub.peers[0].host = B_NAME;
    return pair_over(&x, stays_away(&x, "a answers as b, though the row of its key names it"));
}

/* ---- AE5: a password whose text is the name's key too ---- */

/* The branch knows the hub by name alone, so that only aggressive mode can do it. */
static const char *password_of_name(bool has_row)
{
    static struct pair x;
    routers_open(&x, 1);
    if (has_row)
        router_key(&x.hub, NULL, 0, B_NAME, "password");
    router_key(&x.branch, NULL, 0, HUB_NAME, "password");
    hub_password(&x, "password");
    x.hub.aggressive[0].id_type = IKE_ID_FQDN;
    x.hub.aggressive[0].id = bytes_of(HUB_NAME);
    line_between(&x, 1, NULL, NULL);
    x.hub.peers[0].host = B_NAME;
    return pair_over(&x, comes_up(&x, 0));
}
static const char *password_and_row(void)
{
    return password_of_name(true);
}
static const char *password_and_no_row(void)
{
    return password_of_name(false);
}

/* ---- AE6: who has a password answers as one that has a row of its own ---- */

static const char *password_answers_as(void)
{
    static struct pair x;
    routers_open(&x, 1);
    router_key(&x.hub, NULL, 0, B_NAME, "key of b");
    struct ike_profile *p = router_profile(&x.hub, 1, "P", NULL, NULL);
    profile_match(&x.hub, p, "example.com", true);
    add_keyring(&x.hub, p);
    struct ike_profile *q = branch_profile(&x, 1, "password");
    says_name(q, B_NAME);
    x.branch.p.v1_id_hostname = true;
    x.branch.p.hostname = B_NAME;
    hub_password(&x, "password");
    line_between(&x, 1, p, q);
    return pair_over(&x, stays_away(&x, "who has a password is taken for b, whose row has another key"));
}

/* ---- AE7: a static entry's profile goes by its peer's name, another profile by its address ---- */

static void open_static(struct pair *x, unsigned version)
{
    routers_open(x, version);
    router_key(&x->hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x->hub, version, "OWN", NULL, A_NAME);
    struct ike_profile *another = router_profile(&x->hub, version, "OLD", NULL, NULL);
    profile_match_address(&x->hub, another, BRANCH, 32);
    add_keyring(&x->hub, p);
    add_keyring(&x->hub, another);
    struct ike_profile *q = branch_profile(x, version, "secret");
    says_name(q, A_NAME);
    line_between(x, version, p, q);
}
static const char *static_calls(unsigned version)
{
    static struct pair x;
    open_static(&x, version);
    return pair_over(&x, comes_up(&x, 1));
}
static const char *static_calls_1(void)
{
    return static_calls(1);
}
static const char *static_calls_2(void)
{
    return static_calls(2);
}

/* The hub has called; the branch renews. */
static const char *static_renews(unsigned version)
{
    static struct pair x;
    struct sim *s = &x.s;
    open_static(&x, version);
    const char *bad = comes_up(&x, 0);
    tap_close(&x.tap);
    slow_begin(s);
    const unsigned refused = s->nodes[0].refused;
    if (!bad)
        rekey_sa(s, 1);
    for (unsigned i = 0; i < 90; i++)
        pass(s, 1000);
    bool is_had = children_of(s, 0) == 1 && children_of(s, 1) == 1;
    if (!bad && (s->nodes[0].refused > refused || !is_had))
        bad =
            broken("the branch's renewal is refused; the hub: %s; the branch: %s", s->nodes[0].last, s->nodes[1].last);
    return over(s, bad);
}
static const char *static_renews_1(void)
{
    return static_renews(1);
}
static const char *static_renews_2(void)
{
    return static_renews(2);
}

/* The branch has the shorter lifetime, so that it renews each time. */
#define LIFETIMES_S 12000
#define WITHOUT_MOST_S 20

static const char *static_for_long(void)
{
    static struct pair x;
    open_static(&x, 1);
    x.branch.v1[0].lifetime_s = 1800;
    x.hub.v1[0].lifetime_s = 86400;
    const char *bad = comes_up(&x, 0);
    tap_close(&x.tap);
    slow_begin(&x.s);
    unsigned without_s = 0;
    for (unsigned i = 0; i < LIFETIMES_S; i++) {
        traffic_pass(&x.s, i, 1, CHILD(0));
        pass(&x.s, 1000);
        without_s += !gets_there(&x.s, 1, CHILD(0));
    }
    if (!bad && without_s > WITHOUT_MOST_S)
        bad = broken("the branch has no way to the hub for %u s of %u: %s", without_s, LIFETIMES_S, x.s.nodes[0].last);
    return over(&x.s, bad);
}

/* ---- AE8: a domain's row, and a profile that is for the domain and for the address of a ---- */

/* a has a key by its address; the second entry is for b of the domain, whose name leads to a. */
static void open_domain(struct pair *x)
{
    routers_open(x, 2);
    router_key(&x->hub, NULL, 0, "example.com", "key of the domain")->who.domain = true;
    router_key(&x->hub, BRANCH, 32, NULL, "key of a");
    struct ike_profile *p = router_profile(&x->hub, 2, "P", NULL, NULL);
    profile_match_address(&x->hub, p, BRANCH, 32);
    profile_match(&x->hub, p, "example.com", true);
    add_keyring(&x->hub, p);
    two_between(x, 2, p, branch_profile(x, 2, "key of a"), B_NAME);
    pair_start(x);
}

static const char *domain_is_asked(uint64_t after_ms)
{
    static struct pair x;
    open_domain(&x);
    sim_run(&x.s, after_ms);
    asks(&x, 1, 1, 5000);
    bool is_taken_for_b = has_line(&x.s, 0, CHILD(1));
    return pair_over(&x, is_taken_for_b ? "a has b's network, whose key is the domain's, by its own" : NULL);
}
static const char *domain_a_calls(void)
{
    return domain_is_asked(0);
}

/* b is behind the same address, its name leads there rightly: nobody lies, and a is not b all the same. */
static const char *domain_behind_nat(void)
{
    return domain_is_asked(10);
}

static const char *domain_hub_sends(void)
{
    static struct pair x;
    open_domain(&x);
    asks(&x, 0, 0, 5000);
    bool is_so = has_line(&x.s, 0, CHILD(0));
    asks(&x, 0, 1, 5000);
    const char *bad = has_line(&x.s, 0, CHILD(1)) ? "what the hub has for b goes to a" : NULL;
    return pair_over(&x, is_so ? bad : broken("no attack: %s", x.s.nodes[0].last));
}

/* ---- AE9: a domain's row for others, and a profile by address alone ---- */

/* As AD4; the profile is for the address or for its network, and either end calls. */
static const char *domain_of_others(unsigned by, unsigned plen)
{
    static struct pair x;
    routers_open(&x, 2);
    router_key(&x.hub, NULL, 0, "example.com", "key of the others")->who.domain = true;
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    struct ike_profile *p = router_profile(&x.hub, 2, "P", NULL, NULL);
    profile_match_address(&x.hub, p, plen == 32 ? BRANCH : "198.51.100.0", plen);
    add_keyring(&x.hub, p);
    line_between(&x, 2, p, branch_profile(&x, 2, "secret"));
    x.hub.peers[0].host = A_NAME;
    return pair_over(&x, comes_up(&x, by));
}
static const char *domain_is_called(void)
{
    return domain_of_others(0, 32);
}
static const char *domain_by_network(void)
{
    return domain_of_others(1, 24);
}

const struct attack attacks_named[] = {
    {"AE1 rows with address and hostname", host_beside_address},
    {"AE2 another kind, IKEv2", other_kind},
    {"AE3 a named row and a name that leads there", row_names_another},
    {"AE5 the password is the name's key", password_and_row},
    {"AE5b the same without the name's row", password_and_no_row},
    {"AE6 a password answers as another", password_answers_as},
    {"AE7 its static entry, another profile by address, calls, IKEv1", static_calls_1},
    {"AE7 its static entry, another profile by address, calls, IKEv2", static_calls_2},
    {"AE7b the branch renews, IKEv1", static_renews_1},
    {"AE7b the branch renews, IKEv2", static_renews_2},
    {"AE7c the branch has the shorter lifetime, IKEv1", static_for_long},
    {"AE8 a domain's row and an address in one profile, a calls", domain_a_calls},
    {"AE8b a domain's row and an address in one profile, hub sends", domain_hub_sends},
    {"AE8c both behind one NAT", domain_behind_nat},
    {"AE9 AD4 the hub calls", domain_is_called},
    {"AE9b AD4 the profile by network", domain_by_network},
    {"AE14 address and hostname, the address has changed", host_has_moved},
    {"AE15 a key by name alone, and the name moves, IKEv1", key_by_name_v1},
    {"AE15 a key by name alone, and the name moves, IKEv2", key_by_name_v2},
    {NULL, NULL},
};
