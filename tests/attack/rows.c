/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of a keyring, and whom the key of each proves: by names, places, domains and profiles, in whatever order they
 * stand (findings of a fourth stranger and of a signer). */
#include "tests/attack/mappings.h"

#define OTHER "198.51.100.9"
#define STRANGER "198.51.100.50"
#define A_NAME "a.example.com"
#define B_NAME "b.example.com"

/* ---- a caller and the rows that the hub has ---- */

struct name {
    uint8_t type; /* 0: of everybody; IKE_ID_IPV4: an address */
    const char *text;
    bool is_domain;
};

struct row {
    const char *at; /* NULL: wherever who has that name is */
    uint8_t plen;
    struct name name; /* NULL in it: it has none */
    const char *secret;
};

/* Each profile has the whole keyring and a network of its own; the caller asks for that of the first. */
struct scene {
    unsigned version;
    struct row rows[4];
    struct name profiles[3];
    const char *at, *secret; /* of the caller */
    struct name claims;
};

static struct ip_addr addresses[16];
static unsigned n_addresses;

static struct ike_bytes value_of(const struct name *n)
{
    if (n->type != IKE_ID_IPV4)
        return bytes_of(n->text);
    struct ip_addr *a = &addresses[n_addresses++ % 16];
    *a = address(n->text);
    return (struct ike_bytes){a->b, 4};
}

static void add_row(struct router *hub, const struct row *w)
{
    struct ike_psk *k = router_key(hub, w->at, w->plen, w->at ? NULL : w->name.text, w->secret);
    struct ike_match *m = w->at ? &k->named : &k->who;
    if (w->name.text)
        *m = (struct ike_match){.id_type = w->name.type, .domain = w->name.is_domain, .value = value_of(&w->name)};
}

static void add_profile(struct router *hub, unsigned version, unsigned i, const struct name *n)
{
    static const char *const names[] = {"FIRST", "SECOND", "THIRD"};
    struct ike_profile *p = router_profile(hub, version, names[i], NULL, NULL);
    if (n->type == IKE_ID_IPV4) {
        profile_match_address(hub, p, n->text, 32);
    } else {
        profile_match(hub, p, n->text, n->is_domain);
        hub->matches[i][0].id_type = n->type;
        hub->matches[i][0].any = !n->type;
    }
    add_keyring(hub, p);
    entry_line(hub, router_entry(hub, version, HUB, NULL, p), CHILD(1 + i), 1, -1, (int)(3 + i), -1);
}

static void call(struct pair *x, const struct scene *c)
{
    routers_open(x, c->version);
    n_addresses = 0;
    for (unsigned i = 0; i < 4 && c->rows[i].secret; i++)
        add_row(&x->hub, &c->rows[i]);
    for (unsigned i = 0; i < 3 && c->profiles[i].text; i++)
        add_profile(&x->hub, c->version, i, &c->profiles[i]);
    struct ike_profile *q = branch_profile(x, c->version, c->secret);
    q->id_type = c->claims.type;
    q->id = value_of(&c->claims);
    branch_calls(x, c->version, c->at, q);
}

static const char *is_refused(const struct scene *c)
{
    static struct pair x;
    call(&x, c);
    return gets_nothing(&x);
}

/* And a reload that changes nothing does not end it. */
static const char *comes_in(const struct scene *c)
{
    static struct pair x;
    static struct router later;
    call(&x, c);
    const char *bad = NULL;
    if (children_of(&x.s, 0) != 1 || children_of(&x.s, 1) != 1)
        bad = broken("the honest one is refused; the hub: %s; it: %s", x.s.nodes[0].last, x.s.nodes[1].last);
    router_copy(&later, &x.hub);
    if (!bad)
        bad = pair_reloads(&x, 0, &x.hub, &later);
    sim_run(&x.s, 3000);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = broken("a reload that changes nothing ends the honest one: %s", x.s.nodes[0].last);
    return over(&x.s, bad);
}

#define FQDN(text)                                                                                                     \
    {                                                                                                                  \
        IKE_ID_FQDN, text, false                                                                                       \
    }
#define DOMAIN(text)                                                                                                   \
    {                                                                                                                  \
        IKE_ID_FQDN, text, true                                                                                        \
    }
#define KEY_ID(text)                                                                                                   \
    {                                                                                                                  \
        IKE_ID_KEY_ID, text, false                                                                                     \
    }
#define ADDRESS(text)                                                                                                  \
    {                                                                                                                  \
        IKE_ID_IPV4, text, false                                                                                       \
    }
#define NO_NAME                                                                                                        \
    {                                                                                                                  \
        0, NULL, false                                                                                                 \
    }
#define EVERYBODY                                                                                                      \
    {                                                                                                                  \
        0, "", false                                                                                                   \
    }

/* ---- AA2: a domain in a domain ---- */

static struct scene domains(bool wide_first, const char *secret)
{
    struct row wide = {NULL, 0, DOMAIN("example.com"), "wide"}, near = {NULL, 0, DOMAIN("sales.example.com"), "near"};
    const struct row first = wide_first ? wide : near;
    const struct row second = wide_first ? near : wide;
    return (struct scene){.version = 2,
                          .rows = {first, second},
                          .profiles = {DOMAIN("sales.example.com")},
                          .at = STRANGER,
                          .secret = secret,
                          .claims = FQDN("r1.sales.example.com")};
}
static const char *wide_claims_near(void)
{
    const struct scene c = domains(true, "wide");
    return is_refused(&c);
}
static const char *near_behind_wide(void)
{
    const struct scene c = domains(true, "near");
    return comes_in(&c);
}
static const char *wide_behind_near(void)
{
    const struct scene c = domains(false, "wide");
    return is_refused(&c);
}
static const char *near_before_wide(void)
{
    const struct scene c = domains(false, "near");
    return comes_in(&c);
}

/* ---- AA3: rows of one name, or of one domain, of which the second is for where the peer is ---- */

static struct scene rows_of_one(struct name name, const char *secret)
{
    return (struct scene){.version = 2,
                          .rows = {{"0.0.0.0", 0, name, "wide"}, {OTHER, 32, name, "near"}},
                          .profiles = {FQDN(B_NAME)},
                          .at = OTHER,
                          .secret = secret,
                          .claims = FQDN(B_NAME)};
}
static const char *nearer_of_one_name(void)
{
    const struct scene c = rows_of_one((struct name)FQDN(B_NAME), "near");
    return comes_in(&c);
}
static const char *nearer_of_one_domain(void)
{
    const struct scene c = rows_of_one((struct name)DOMAIN("example.com"), "near");
    return comes_in(&c);
}
static const char *farther_of_one_domain(void)
{
    const struct scene c = rows_of_one((struct name)DOMAIN("example.com"), "wide");
    return is_refused(&c);
}

/* Who calls takes the key of the nearest address: what answers is to be judged by the same row. */
static const char *nearer_is_called(void)
{
    static struct pair x;
    routers_open(&x, 2);
    const struct row rows[] = {{"0.0.0.0", 0, FQDN(B_NAME), "wide"}, {BRANCH, 32, FQDN(B_NAME), "near"}};
    add_row(&x.hub, &rows[0]);
    add_row(&x.hub, &rows[1]);
    struct ike_profile *p = router_profile(&x.hub, 2, "SECOND", NULL, B_NAME), *q = branch_profile(&x, 2, "near");
    add_keyring(&x.hub, p);
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of(B_NAME);
    line_between(&x, 2, p, q);
    return pair_over(&x, comes_up(&x, 0));
}

/* ---- AA4: a row of the name elsewhere stands first ---- */

static struct scene row_elsewhere(const char *secret)
{
    return (struct scene){.version = 2,
                          .rows = {{OTHER, 32, FQDN(B_NAME), "elsewhere"}, {NULL, 0, FQDN(B_NAME), "anywhere"}},
                          .profiles = {FQDN(B_NAME)},
                          .at = BRANCH,
                          .secret = secret,
                          .claims = FQDN(B_NAME)};
}
static const char *from_anywhere(void)
{
    const struct scene c = row_elsewhere("anywhere");
    return comes_in(&c);
}
static const char *from_elsewhere(void)
{
    const struct scene c = row_elsewhere("elsewhere");
    return is_refused(&c);
}

/* ---- AA5: the row of a network that names one ---- */

static struct scene named_network(struct name name, const char *at, const char *secret)
{
    return (struct scene){
        .version = 2,
        .rows = {{"198.51.100.0", 24, name, "key of one"}, {"0.0.0.0", 0, NO_NAME, "key for anybody"}},
        .profiles = {ADDRESS(OTHER)},
        .at = at,
        .secret = secret,
        .claims = ADDRESS(OTHER)};
}
static const char *one_of_network(void)
{
    const struct scene c = named_network((struct name)ADDRESS("198.51.100.200"), STRANGER, "key of one");
    return is_refused(&c);
}
static const char *beside_one_of_network(void)
{
    const struct scene c = named_network((struct name)ADDRESS("198.51.100.200"), OTHER, "key for anybody");
    return comes_in(&c);
}

/* ---- AA6: two behind one NAT, one of whose rows names its peer ---- */

static struct scene one_nat(bool named_first, const char *secret)
{
    struct row b = {STRANGER, 32, FQDN(B_NAME), "key of b"}, c = {STRANGER, 32, NO_NAME, "key of the other"};
    const struct row first = named_first ? b : c;
    const struct row second = named_first ? c : b;
    return (struct scene){.version = 2,
                          .rows = {first, second},
                          .profiles = {FQDN("c.example.com")},
                          .at = STRANGER,
                          .secret = secret,
                          .claims = FQDN("c.example.com")};
}
static const char *neighbour_poses(void)
{
    const struct scene c = one_nat(true, "key of b");
    return is_refused(&c);
}
static const char *neighbour_stands_first(void)
{
    const struct scene c = one_nat(true, "key of the other");
    return comes_in(&c);
}
static const char *neighbour_behind_poses(void)
{
    const struct scene c = one_nat(false, "key of b");
    return is_refused(&c);
}

/* ---- AA7: the row of one address says nothing of those that no row names ---- */

/* The first branch, at BRANCH with its own key; what the hub has of the second one is not enough. */
enum lack { ROW_HAS_NO_NAME, ROW_IS_MISSPELT, ROW_IS_DELETED };

static struct scene lacking(enum lack why)
{
    struct scene c = {
        .version = 2,
        .rows = {{BRANCH, 32, FQDN(A_NAME), "key of the first"}, {OTHER, 32, NO_NAME, "key of the second"}},
        .profiles = {FQDN(B_NAME), FQDN(A_NAME)},
        .at = BRANCH,
        .secret = "key of the first",
        .claims = FQDN(B_NAME)};
    if (why == ROW_IS_MISSPELT)
        c.rows[1].name = (struct name)FQDN("b.exmaple.com");
    if (why == ROW_IS_DELETED)
        c.rows[1].secret = NULL;
    return c;
}
static const char *claims_unnamed(void)
{
    const struct scene c = lacking(ROW_HAS_NO_NAME);
    return is_refused(&c);
}
static const char *claims_misspelt(void)
{
    const struct scene c = lacking(ROW_IS_MISSPELT);
    return is_refused(&c);
}
static const char *claims_deleted(void)
{
    const struct scene c = lacking(ROW_IS_DELETED);
    return is_refused(&c);
}

/* No profile is for the first one: its row alone says that it is somebody else. */
static const char *claims_without_profile(void)
{
    struct scene c = lacking(ROW_IS_DELETED);
    c.profiles[1].text = NULL;
    return is_refused(&c);
}

/* The first one as itself: its profile is asked for then. */
static const char *first_as_itself(enum lack why)
{
    struct scene c = lacking(why);
    c.claims = (struct name)FQDN(A_NAME);
    c.profiles[0] = c.claims;
    c.profiles[1] = (struct name)FQDN(B_NAME);
    return comes_in(&c);
}
static const char *itself_beside_unnamed(void)
{
    return first_as_itself(ROW_HAS_NO_NAME);
}
static const char *itself_beside_misspelt(void)
{
    return first_as_itself(ROW_IS_MISSPELT);
}
static const char *itself_beside_deleted(void)
{
    return first_as_itself(ROW_IS_DELETED);
}

/* Its row has the address alone, its profile goes by name: so most keyrings are. */
static const char *bare_row(unsigned version)
{
    struct scene c = lacking(ROW_HAS_NO_NAME);
    c.version = version;
    if (version == 1)
        c.rows[0].name = (struct name)NO_NAME;
    c.at = OTHER;
    c.secret = "key of the second";
    return comes_in(&c);
}
static const char *bare_row_1(void)
{
    return bare_row(1);
}
static const char *bare_row_2(void)
{
    return bare_row(2);
}

/* Nobody is behind a NAT, and it says an address that it has not. */
static struct scene another_address(unsigned version)
{
    struct scene c = {.version = version,
                      .rows = {{BRANCH, 32, NO_NAME, "key of the first"}},
                      .profiles = {ADDRESS(OTHER), ADDRESS(BRANCH)},
                      .at = BRANCH,
                      .secret = "key of the first",
                      .claims = ADDRESS(OTHER)};
    if (version == 2) {
        c.rows[0].name = (struct name)FQDN(A_NAME);
        c.profiles[1] = (struct name)FQDN(A_NAME);
    }
    return c;
}
static const char *claims_address_1(void)
{
    const struct scene c = another_address(1);
    return is_refused(&c);
}
static const char *claims_address_2(void)
{
    const struct scene c = another_address(2);
    return is_refused(&c);
}
static const char *own_address(unsigned version)
{
    struct scene c = another_address(version);
    c.claims = c.profiles[1];
    c.profiles[1] = c.profiles[0];
    c.profiles[0] = c.claims;
    return comes_in(&c);
}
static const char *own_address_1(void)
{
    return own_address(1);
}
static const char *own_address_2(void)
{
    return own_address(2);
}

/* ---- AC2: who must not be refused for another profile's sake ---- */

/* The row is for an address alone, and so the peer's; its profile goes by name and by that address, another profile by
 * another name. Keyrings are shared by all profiles throughout. */
static const char *several_matches(unsigned version)
{
    static struct pair x;
    routers_open(&x, version);
    router_key(&x.hub, OTHER, 32, NULL, "key of another");
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    const struct name own = FQDN(A_NAME), another = FQDN(B_NAME);
    add_profile(&x.hub, version, 0, &own);
    add_profile(&x.hub, version, 1, &another);
    profile_match(&x.hub, &x.hub.profiles[0], "second." A_NAME, false);
    profile_match_address(&x.hub, &x.hub.profiles[0], BRANCH, 32);
    profile_match_address(&x.hub, &x.hub.profiles[1], BRANCH, 32); /* it may come as that one too */
    struct ike_profile *q = branch_profile(&x, version, "secret");
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of("second." A_NAME);
    branch_calls(&x, version, BRANCH, q);
    bool is_in = children_of(&x.s, 0) == 1;
    return over(&x.s, is_in ? NULL : broken("the honest one is refused: %s", x.s.nodes[0].last));
}
static const char *several_matches_1(void)
{
    return several_matches(1);
}
static const char *several_matches_2(void)
{
    return several_matches(2);
}

/* A profile by address stands before one for everybody; the peer says a name, and the second one is its own. */
static const char *catch_all(unsigned version, struct name by)
{
    const struct scene c = {.version = version,
                            .rows = {{BRANCH, 32, NO_NAME, "secret"}},
                            .profiles = {EVERYBODY, by},
                            .at = BRANCH,
                            .secret = "secret",
                            .claims = FQDN(A_NAME)};
    return comes_in(&c);
}
static const char *catch_all_1(void)
{
    return catch_all(1, (struct name)ADDRESS(BRANCH));
}
static const char *catch_all_2(void)
{
    return catch_all(2, (struct name)ADDRESS(BRANCH));
}

/* A domain has its profile, the row has the address alone: no profile is for that address. */
static const char *by_domain(unsigned version)
{
    const struct scene c = {.version = version,
                            .rows = {{BRANCH, 32, NO_NAME, "secret"}, {OTHER, 32, NO_NAME, "key of another"}},
                            .profiles = {DOMAIN("example.com"), ADDRESS(OTHER), EVERYBODY},
                            .at = BRANCH,
                            .secret = "secret",
                            .claims = FQDN(A_NAME)};
    return comes_in(&c);
}
static const char *by_domain_1(void)
{
    return by_domain(1);
}
static const char *by_domain_2(void)
{
    return by_domain(2);
}

/* Its entry calls it, and it answers by its name; the profile of who calls from that address is another one. */
static const char *called_by_us(unsigned version)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, version);
    struct ike_profile *p = router_profile(&x.hub, version, "OWN", NULL, A_NAME),
                       *another = router_profile(&x.hub, version, "BY ADDRESS", NULL, NULL),
                       *q = branch_profile(&x, version, "secret");
    profile_match_address(&x.hub, another, BRANCH, 32);
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    add_keyring(&x.hub, p);
    add_keyring(&x.hub, another);
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of(A_NAME);
    line_between(&x, version, p, q);
    const char *bad = comes_up(&x, 0);
    router_copy(&later, &x.hub);
    if (!bad)
        bad = pair_reloads(&x, 0, &x.hub, &later);
    sim_run(&x.s, 3000);
    if (!bad && children_of(&x.s, 0) != 1)
        bad = "a reload that changes nothing ends who was called";
    if (!bad)
        rekey_sa(&x.s, 0);
    sim_run(&x.s, 200000);
    if (!bad && (children_of(&x.s, 0) != 1 || sas_of(&x.s, 0, IKE_ESTABLISHED) != 1))
        bad = broken("who was called is lost when the IKE SA is renewed: %s", x.s.nodes[0].last);
    return pair_over(&x, bad);
}
static const char *called_by_us_1(void)
{
    return called_by_us(1);
}
static const char *called_by_us_2(void)
{
    return called_by_us(2);
}

/* ---- AA8: key-ids are octets ---- */

static struct scene key_ids(const char *secret)
{
    return (struct scene){.version = 2,
                          .rows = {{NULL, 0, KEY_ID("AbCd"), "key of AbCd"}, {NULL, 0, KEY_ID("aBcD"), "key of aBcD"}},
                          .profiles = {KEY_ID("aBcD")},
                          .at = STRANGER,
                          .secret = secret,
                          .claims = KEY_ID("aBcD")};
}
static const char *other_letters(void)
{
    const struct scene c = key_ids("key of AbCd");
    return is_refused(&c);
}
static const char *same_letters(void)
{
    const struct scene c = key_ids("key of aBcD");
    return comes_in(&c);
}

/* ---- AA9: a carrier's NAT (RFC 6598) ---- */

static struct scene carrier(const char *at)
{
    return (struct scene){
        .version = 2,
        .rows = {{"0.0.0.0", 0, NO_NAME, "key for anybody"}, {"100.64.0.0", 10, NO_NAME, "key of the direct ones"}},
        .profiles = {EVERYBODY},
        .at = at,
        .secret = "key for anybody",
        .claims = ADDRESS("100.64.1.2")};
}
static const char *behind_carrier(void)
{
    const struct scene c = carrier(STRANGER);
    return comes_in(&c);
}
/* No NAT is between: who comes from such an address means those that the hub knows. */
static const char *beside_carrier(void)
{
    const struct scene c = carrier("100.65.0.1");
    return is_refused(&c);
}

/* ---- AC3: a reload judges whom it keeps as who calls is judged ---- */

enum later { ROW_NAMES_ANOTHER, ROW_IS_ANOTHER_PROFILES };

static const char *judged_later(unsigned version, enum later what)
{
    static struct pair x;
    static struct router later;
    routers_open(&x, version);
    struct ike_profile *p = router_profile(&x.hub, version, "P", NULL, "b.example.com");
    struct ike_profile *q = branch_profile(&x, version, "secret");
    router_key(&x.hub, BRANCH, 32, NULL, "secret");
    add_keyring(&x.hub, p);
    q->id_type = IKE_ID_FQDN;
    q->id = bytes_of("b.example.com");
    entry_line(&x.hub, router_entry(&x.hub, version, HUB, NULL, p), CHILD(1), 1, -1, 3, -1);
    branch_calls(&x, version, BRANCH, q);
    const char *bad = children_of(&x.s, 0) == 1 ? NULL : "it does not come up at first";
    router_copy(&later, &x.hub);
    if (what == ROW_NAMES_ANOTHER) {
        const struct ike_match a = {.id_type = IKE_ID_FQDN, .value = bytes_of("a.example.com")};
        later.keys[0].named = later.profile_keys[0][0].named = a;
    } else {
        struct ike_profile *first = router_profile(&later, version, "FIRST", NULL, NULL);
        profile_match_address(&later, first, BRANCH, 32);
        add_keyring(&later, first);
    }
    if (!bad)
        bad = pair_reloads(&x, 0, &x.hub, &later);
    sim_run(&x.s, 5000);
    if (!bad && children_of(&x.s, 0))
        bad = "its row is another peer's now, and it stands";
    return over(&x.s, bad);
}
static const char *named_later_1(void)
{
    return judged_later(1, ROW_NAMES_ANOTHER);
}
static const char *named_later_2(void)
{
    return judged_later(2, ROW_NAMES_ANOTHER);
}
static const char *profile_later_1(void)
{
    return judged_later(1, ROW_IS_ANOTHER_PROFILES);
}
static const char *profile_later_2(void)
{
    return judged_later(2, ROW_IS_ANOTHER_PROFILES);
}

const struct attack attacks_rows[] = {
    {"AA2 a domain in a domain, the wide one's key", wide_claims_near},
    {"AA2 a domain in a domain, the near one behind", near_behind_wide},
    {"AA2b a domain in a domain, the wide one's key behind", wide_behind_near},
    {"AA2b a domain in a domain, the near one first", near_before_wide},
    {"AA3 rows of one name, the nearer second", nearer_of_one_name},
    {"AA3 rows of one domain, the nearer second", nearer_of_one_domain},
    {"AA3 rows of one domain, the wider one's key", farther_of_one_domain},
    {"AA3 rows of one name, the nearer second is called", nearer_is_called},
    {"AA4 a row of the name elsewhere stands first", from_anywhere},
    {"AA4b the key of the name elsewhere", from_elsewhere},
    {"AA5 a network's row that names one, another of its addresses", one_of_network},
    {"AA5 a network's row that names one, and the key for anybody", beside_one_of_network},
    {"AA6 two behind one NAT, one claims the other's name", neighbour_poses},
    {"AA6 two behind one NAT, the named one's row first", neighbour_stands_first},
    {"AA6b two behind one NAT, the named one's row second", neighbour_behind_poses},
    {"AA7 one address's row and a name whose row has none", claims_unnamed},
    {"AA7 one address's row and a name that is misspelt", claims_misspelt},
    {"AA7 one address's row and a name whose row is deleted", claims_deleted},
    {"AA7 one address's row that names one, without a profile", claims_without_profile},
    {"AA7 one address's row and another address, IKEv1", claims_address_1},
    {"AA7 one address's row and another address, IKEv2", claims_address_2},
    {"AA7b itself beside a row without a name", itself_beside_unnamed},
    {"AA7b itself beside a row that is misspelt", itself_beside_misspelt},
    {"AA7b itself beside a row that is deleted", itself_beside_deleted},
    {"AA7b itself beside another address, IKEv1", own_address_1},
    {"AA7b itself beside another address, IKEv2", own_address_2},
    {"AA7c a row of the address alone, a profile by name, IKEv1", bare_row_1},
    {"AA7c a row of the address alone, a profile by name, IKEv2", bare_row_2},
    {"AA8 a key-id in other letters", other_letters},
    {"AA8 a key-id beside the same in other letters", same_letters},
    {"AA9 behind a carrier's NAT", behind_carrier},
    {"AA9b a carrier's address without a NAT", beside_carrier},
    {"AC2 a profile of several matches, IKEv1", several_matches_1},
    {"AC2 a profile of several matches, IKEv2", several_matches_2},
    {"AC2 a profile for everybody behind, IKEv1", catch_all_1},
    {"AC2 a profile for everybody behind, IKEv2", catch_all_2},
    {"AC2 a profile of a domain, a row of an address, IKEv1", by_domain_1},
    {"AC2 a profile of a domain, a row of an address, IKEv2", by_domain_2},
    {"AC2 called by us, IKEv1", called_by_us_1},
    {"AC2 called by us, IKEv2", called_by_us_2},
    {"AC3 a reload gives the row to another name, IKEv1", named_later_1},
    {"AC3 a reload gives the row to another name, IKEv2", named_later_2},
    {"AC3 a reload gives the row to another profile, IKEv1", profile_later_1},
    {"AC3 a reload gives the row to another profile, IKEv2", profile_later_2},
    {NULL, NULL},
};
