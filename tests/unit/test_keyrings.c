/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which key a peer is held to, from the text of a configuration: a row that is not judged, is for somebody else or has
 * no key must not let a wider one stand in for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backends/ike/engine/proof.h"
#include "backends/ike/from_ir.h"
#include "backends/xfrm/plan.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"

#define PEER "198.51.100.7"
#define OWN "198.51.100.1"
#define BLOCKED "blocked"

#define TWO_NAMED                                                                                                      \
    " peer A\n  address 0.0.0.0 0.0.0.0\n  identity key-id br1\n  pre-shared-key OF-BR1\n"                             \
    " peer B\n  address 0.0.0.0 0.0.0.0\n  identity key-id br2\n  pre-shared-key OF-BR2\n"

/* `keys`: lines of a keyring's peers (IKEv2), or of the global configuration (IKEv1). `want`: the key's text; "": none;
 * BLOCKED: the entry is not in force. */
static const struct row {
    const char *name;
    unsigned version;
    const char *keys, *want;
} rows[] = {
    {"an address", 2,
     " peer A\n  address " PEER
     "\n  pre-shared-key ITS-OWN\n peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n",
     "ITS-OWN"},
    {"a wide one", 2, " peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n", "WIDE"},
    {"an identity that is an address", 2,
     " peer A\n  identity address " PEER
     "\n  pre-shared-key ITS-OWN\n peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n",
     "ITS-OWN"},
    {"an identity that is another address", 2,
     " peer A\n  identity address 198.51.100.8\n  pre-shared-key NOT-ITS-OWN\n peer W\n  address 0.0.0.0 0.0.0.0\n  "
     "pre-shared-key WIDE\n",
     "WIDE"},
    {"an address that is a name", 2,
     " peer A\n  address hq.example.com\n  pre-shared-key ITS-OWN\n peer W\n  address 0.0.0.0 0.0.0.0\n  "
     "pre-shared-key WIDE\n",
     BLOCKED},
    {"a peer without a key", 2,
     " peer A\n  address " PEER "\n peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n", BLOCKED},
    {"a hexadecimal key", 2, " peer A\n  address " PEER "\n  pre-shared-key hex 4142434a\n", "ABCJ"},
    {"a hexadecimal key with 0x", 2, " peer A\n  address " PEER "\n  pre-shared-key hex 0x4142434A\n", "ABCJ"},
    {"a key that is not hexadecimal", 2,
     " peer A\n  address " PEER
     "\n  pre-shared-key hex 0x41zz\n peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n",
     BLOCKED},
    {"half a digit too many", 2, " peer A\n  address " PEER "\n  pre-shared-key hex 414\n", BLOCKED},
    {"a peer without anything", 2, " peer A\n peer W\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key WIDE\n", "WIDE"},
    {"global keys", 1, "crypto isakmp key ITS-OWN address " PEER "\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "ITS-OWN"},
    {"a global key whose address is a name", 1,
     "crypto isakmp key ITS-OWN address hq.example.com\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n", BLOCKED},
    {"a keyring's key whose address is a name", 1,
     "crypto keyring K\n pre-shared-key address hq.example.com key ITS-OWN\ncrypto isakmp key WIDE address 0.0.0.0 "
     "0.0.0.0\n",
     BLOCKED},
    {"a keyring", 1,
     "crypto keyring K\n pre-shared-key address " PEER " key ITS-OWN\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "ITS-OWN"},
    {"a keyring of a VRF", 1,
     "crypto keyring K vrf RED\n pre-shared-key address " PEER
     " key OF-RED\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "WIDE"},
    {"a keyring of a VRF alone", 1, "crypto keyring K vrf RED\n pre-shared-key address " PEER " key OF-RED\n", BLOCKED},
    {"a keyring of an address in a VRF", 1,
     "crypto keyring K\n local-address " OWN " RED\n pre-shared-key address " PEER
     " key OF-RED\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "WIDE"},
    {"a keyring of an address of ours", 1,
     "crypto keyring K\n local-address " OWN "\n pre-shared-key address " PEER
     " key ITS-OWN\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "ITS-OWN"},
    {"a keyring of another address", 1,
     "crypto keyring K\n local-address 203.0.113.9\n pre-shared-key address " PEER
     " key NOT-HERE\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "WIDE"},
    {"a keyring of our interface", 1,
     "crypto keyring K\n local-address GigabitEthernet0/0\n pre-shared-key address " PEER
     " key ITS-OWN\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "ITS-OWN"},
    {"a keyring of an interface that is not there", 1,
     "crypto keyring K\n local-address Loopback7\n pre-shared-key address " PEER
     " key NOT-HERE\ncrypto isakmp key WIDE address 0.0.0.0 0.0.0.0\n",
     "WIDE"},
};

/* Where the keyring has an address and an identity for one peer. `says`: the peer's key-id; NULL: its address. */
static const struct {
    struct row row;
    const char *says;
} named[] = {
    {{"an address and an identity, the first of two", 2, TWO_NAMED, "OF-BR1"}, "br1"},
    {{"an address and an identity, the second of two", 2, TWO_NAMED, "OF-BR2"}, "br2"},
    {{"an address and an identity, of neither", 2, TWO_NAMED, ""}, "br3"},
    {{"an address and an identity of another kind", 2, TWO_NAMED, "OF-BR1"}, NULL},
    {{"an identity beside a nearer address", 2,
      " peer A\n  address " PEER "\n  pre-shared-key OF-THE-ADDRESS\n peer B\n  address 0.0.0.0 0.0.0.0\n  identity "
      "key-id br2\n  pre-shared-key OF-BR2\n",
      "OF-BR2"},
     "br2"},
};

static const char before_2[] =
    "hostname r1\ncrypto ikev2 proposal P\n encryption aes-cbc-256\n integrity sha256\n group 19\n"
    "crypto ikev2 policy POL\n proposal P\ncrypto ikev2 keyring KR\n";
static const char after_2[] = "crypto ikev2 profile PROF\n match identity remote address 0.0.0.0\n"
                              " authentication remote pre-share\n authentication local pre-share\n keyring local KR\n";
static const char before_1[] = "hostname r1\ncrypto isakmp policy 10\n encr aes 256\n hash sha256\n"
                               " authentication pre-share\n group 19\n";
static const char rest[] =
    "crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\n"
    "ip access-list extended L\n permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n"
    "crypto map M 10 ipsec-isakmp\n set peer " PEER "\n set transform-set T\n%s match address L\n"
    "interface GigabitEthernet0/0\n ip address " OWN " 255.255.255.0\n crypto map M\nend\n";

static void chosen(const struct ike_policy *p, const struct row *r, const char *says, char out[static 64])
{
    struct ip_addr peer, own;
    assert_true(addr_parse(str_lit(PEER), &peer) && addr_parse(str_lit(OWN), &own));
    struct ike_id claimed = {IKE_ID_IPV4, 4, peer.b};
    if (says)
        claimed = (struct ike_id){IKE_ID_KEY_ID, (uint16_t)strlen(says), (const uint8_t *)says};
    const struct ike_key_owner who = {.version = (uint8_t)r->version,
                                      .profile = r->version == 2 ? "PROF" : NULL,
                                      .peer = peer,
                                      .own = own,
                                      .id = claimed};
    const struct ike_psk *k = p->n_entries ? ike_psk_choose(p, &who) : NULL;
    snprintf(out, 64, "%.*s", k ? (int)k->local.n : 0, k && k->local.n ? (const char *)k->local.p : "");
    if (!p->n_entries)
        snprintf(out, 64, BLOCKED);
}

/* A policy from the text of a configuration; `look` sees it. */
struct looker {
    const struct row *row;
    const char *says;
    void (*look)(const struct ike_policy *p, const struct looker *l);
    const char *entry; /* further lines of the entry */
};

static void with_policy(struct ios_parser *parser, const struct looker *l)
{
    const struct row *r = l->row;
    char text[4096];
    struct source src;
    struct compiled c;
    int n = snprintf(text, sizeof text, "%s%s%s", r->version == 2 ? before_2 : before_1, r->keys,
                     r->version == 2 ? after_2 : "");
    const char *entry = r->version == 2 ? " set ikev2-profile PROF\n" : "";
    n += snprintf(text + n, sizeof text - (size_t)n, rest, l->entry ? l->entry : entry);
    assert_int_equal(source_from_memory(&src, r->name, text, (size_t)n), 0);
    assert_int_equal(sem_compile(&c, parser, &src), 0);
    struct if_map *m = ARENA_NEW(&c.arena, struct if_map);
    struct ike_omissions left_out = {0};
    struct target t;
    struct xfrm_plan plan = {.arena = &c.arena};
    assert_null(if_map_parse(&c.arena, m, c.units.v[0], str_lit("GigabitEthernet0/0=lo\n")));
    target_build(&t, &c.arena, c.units.v[0], m, &c.diags);
    xfrm_plan_build(&plan, &t);
    const struct ike_policy *p = ike_policy_build(&t, &plan, str_lit(""), "/nonexistent", &left_out);
    l->look(p, l);
    ike_pki_free(p);
    sem_free(&c);
}

static void look_at_key(const struct ike_policy *p, const struct looker *l)
{
    const struct row *r = l->row;
    char got[64];
    chosen(p, r, l->says, got);
    if (strcmp(got, r->want) != 0)
        fail_msg("%s: '%s', not '%s'", r->name, got, r->want);
}

/* A row's network: its length stands behind the address. */
static void look_at_network(const struct ike_policy *p, const struct looker *l)
{
    struct ip_addr own, inside, outside;
    (void)l;
    assert_true(addr_parse(str_lit("2001:db8::1"), &own) && addr_parse(str_lit("2001:db8:1:2::7"), &inside) &&
                addr_parse(str_lit("2001:db8:2::7"), &outside));
    assert_int_equal(p->n_profiles, 1);
    const struct ike_profile *f = &p->profiles[0];
    const struct ike_psk *k = ike_psk_find(f->keys, f->n_keys, &own, &inside, NULL);
    assert_non_null(k);
    assert_memory_equal(k->local.p, "SIX", 3);
    assert_null(ike_psk_find(f->keys, f->n_keys, &own, &outside, NULL));
}

static void networks_of_ipv6(void **state)
{
    static const struct row row = {"an IPv6 network", 2,
                                   " peer A\n  address " PEER "\n  pre-shared-key ITS-OWN\n peer S\n  address "
                                   "2001:DB8:1::/48\n  pre-shared-key SIX\n",
                                   NULL};
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    with_policy(parser, &(struct looker){&row, NULL, look_at_network, NULL});
    ios_parser_free(parser);
}

static void keyrings(void **state)
{
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        with_policy(parser, &(struct looker){&rows[i], NULL, look_at_key, NULL});
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        with_policy(parser, &(struct looker){&named[i].row, named[i].says, look_at_key, NULL});
    ios_parser_free(parser);
}

/* Call admission; `want`: how many may stand, how many may be negotiated. */
static const struct row limits[] = {
    {"none", 1, "", "0 0"},
    {"IKE SAs", 1, "crypto call admission limit ike sa 7\n", "7 0"},
    {"IKE SAs in negotiation", 1, "crypto call admission limit ike in-negotiation-sa 40\n", "0 40"},
    {"all in negotiation", 1,
     "crypto call admission limit ike in-negotiation-sa 40\ncrypto call admission limit all in-negotiation-sa 30\n",
     "0 30"},
    {"IKEv2's are lower", 1, "crypto call admission limit ike sa 7\ncrypto ikev2 limit max-sa 5\n", "5 0"},
    {"IKEv2's are higher", 1, "crypto call admission limit ike sa 7\ncrypto ikev2 limit max-sa 9\n", "7 0"},
    {"taken back", 1, "crypto call admission limit ike sa 7\nno crypto call admission limit ike sa\n", "0 0"},
};

static void look_at_limits(const struct ike_policy *p, const struct looker *l)
{
    const struct row *r = l->row;
    char got[64];
    snprintf(got, sizeof got, "%u %u", p->max_sa, p->max_in_negotiation);
    if (strcmp(got, r->want) != 0)
        fail_msg("%s: '%s', not '%s'", r->name, got, r->want);
}

static void call_admission(void **state)
{
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        with_policy(parser, &(struct looker){&limits[i], NULL, look_at_limits, NULL});
    ios_parser_free(parser);
}

/* By which name the router says who it is; `want`: of the whole router, of the first ISAKMP profile. */
static const struct row own_names[] = {
    {"a host name", 1, "hostname r1\ncrypto isakmp identity hostname\n", "r1 -"},
    {"a host and a domain", 1, "hostname r1\nip domain name example.com\ncrypto isakmp identity hostname\n",
     "r1.example.com -"},
    {"a domain as old releases write it", 1, "ip domain-name example.com\nhostname r1\n", "r1.example.com -"},
    {"a domain that was taken back", 1, "hostname r1\nip domain name example.com\nno ip domain name example.com\n",
     "r1 -"},
    {"a VRF's domain", 1, "hostname r1\nip domain name vrf RED example.com\nno ip domain lookup\n", "r1 -"},
    {"a profile's", 1,
     "hostname r1\nip domain name example.com\ncrypto isakmp profile P\n self-identity fqdn\n match identity address "
     "0.0.0.0\n",
     "r1.example.com r1.example.com"},
    {"a profile's own", 1,
     "hostname r1\nip domain name example.com\ncrypto isakmp profile P\n self-identity user-fqdn gw@example.net\n "
     "match "
     "identity address 0.0.0.0\n",
     "r1.example.com gw@example.net"},
};

static void look_at_names(const struct ike_policy *p, const struct looker *l)
{
    const struct row *r = l->row;
    char got[128];
    const struct ike_profile *first = NULL;
    for (unsigned i = 0; i < p->n_profiles && !first; i++)
        if (p->profiles[i].version == 1)
            first = &p->profiles[i];
    int n = first ? (int)first->id.n : 1;
    snprintf(got, sizeof got, "%s %.*s", p->hostname, n, first ? (const char *)first->id.p : "-");
    if (strcmp(got, r->want) != 0)
        fail_msg("%s: '%s', not '%s'", r->name, got, r->want);
}

static void names(void **state)
{
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        with_policy(parser, &(struct looker){&own_names[i], NULL, look_at_names, NULL});
    ios_parser_free(parser);
}

/* How many bits of an address a profile asks for: a bare one is one address, of IPv6 too. */
static const struct {
    struct row row;
    unsigned plen;
} identities[] = {
    {{"a bare address", 1, "crypto isakmp profile P\n match identity address 192.0.2.1\n", NULL}, 32},
    {{"a network", 1, "crypto isakmp profile P\n match identity address 192.0.2.0 255.255.255.0\n", NULL}, 24},
    {{"anybody", 1, "crypto isakmp profile P\n match identity address 0.0.0.0\n", NULL}, 0},
    {{"a bare IPv6 address", 1, "crypto isakmp profile P\n match identity address ipv6 2001:DB8::1\n", NULL}, 128},
    {{"an IPv6 network", 1, "crypto isakmp profile P\n match identity address ipv6 2001:DB8::/48\n", NULL}, 48},
    {{"a network of zeros", 1, "crypto isakmp profile P\n match identity address ipv6 ::/64\n", NULL}, 64},
    {{"anybody of IPv6", 1, "crypto isakmp profile P\n match identity address ipv6 ::/0\n", NULL}, 0},
};

static unsigned plen_found;

static void look_at_identity(const struct ike_policy *p, const struct looker *l)
{
    (void)l;
    assert_int_equal(p->n_profiles, 1);
    assert_int_equal(p->profiles[0].n_remote, 1);
    plen_found = p->profiles[0].remote[0].plen;
}

static void bits_of_identities(void **state)
{
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    for (size_t i = 0; i < sizeof identities / sizeof *identities; i++) {
        with_policy(parser, &(struct looker){&identities[i].row, NULL, look_at_identity, NULL});
        if (plen_found != identities[i].plen)
            fail_msg("%s: %u bits, not %u", identities[i].row.name, plen_found, identities[i].plen);
    }
    ios_parser_free(parser);
}

/* Of seven transform sets a router takes six (guide, Creating Static Crypto Maps, step 7). */
static void look_at_sets(const struct ike_policy *p, const struct looker *l)
{
    (void)l;
    assert_int_equal(p->n_entries, 1);
    assert_int_equal(p->entries[0].n_sets, 6);
    assert_string_equal(p->entries[0].sets[5]->name, "S6");
}

static void seven_sets(void **state)
{
    static const struct row row = {"seven sets", 1,
                                   "crypto isakmp key K address " PEER "\n"
                                   "crypto ipsec transform-set S1 esp-aes 256 esp-sha256-hmac\n"
                                   "crypto ipsec transform-set S2 esp-aes 192 esp-sha256-hmac\n"
                                   "crypto ipsec transform-set S3 esp-aes 128 esp-sha256-hmac\n"
                                   "crypto ipsec transform-set S4 esp-aes 256 esp-sha512-hmac\n"
                                   "crypto ipsec transform-set S5 esp-aes 192 esp-sha512-hmac\n"
                                   "crypto ipsec transform-set S6 esp-aes 128 esp-sha512-hmac\n"
                                   "crypto ipsec transform-set S7 esp-3des esp-md5-hmac\n",
                                   NULL};
    struct ios_parser *parser = ios_parser_new();
    (void)state;
    with_policy(parser, &(struct looker){&row, NULL, look_at_sets, " set transform-set S1 S2 S3 S4 S5 S6 S7\n"});
    ios_parser_free(parser);
}

int main(void)
{
    symtab_seed_init();
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks_of_ipv6), cmocka_unit_test(keyrings),
                                       cmocka_unit_test(call_admission),   cmocka_unit_test(names),
                                       cmocka_unit_test(seven_sets),       cmocka_unit_test(bits_of_identities)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
