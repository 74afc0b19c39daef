/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy as bytes: what is read is what was written, every truncation is refused, no damage does harm, and what is
 * the same in another policy is found whatever place and line it has there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/ike/from_ir.h"
#include "backends/ike/handover.h"

static const uint8_t key[] = "a secret", name[] = "r2.example";
static const struct ip_addr here = {FAMILY_V4, {192, 0, 2, 1}}, there = {FAMILY_V4, {192, 0, 2, 2}};

static const struct ike_proposal proposal = {
    .name = "P", .line = 3, .encr = {{{ALGO_ENCR_AES_CBC, 256}}, 1}, .dh = {{{ALGO_DH_256_ECP, 0}}, 1}};
static const struct ike_proposal *const proposals[] = {&proposal};
static const struct ike_v2_policy v2[] = {{"POL", &here, 1, proposals, 1}};
static const struct ike_v1_policy v1[] = {
    {10, 4, {ALGO_ENCR_AES_CBC, 128}, ALGO_INTEG_SHA256, ALGO_DH_2048_MODP, ALGO_AUTH_PSK, 86400}};
static const struct ike_match match[] = {{.id_type = IKE_ID_FQDN, .value = {name, 10}}, {.addr = there, .plen = 24}};
static const struct ike_cert_rule rules[] = {{IKE_CERT_SUBJECT, IKE_CERT_CO, "cn=r2"}};
static const struct ike_cert_map maps[] = {{rules, 1}};
static const struct ike_psk keys[] = {{.who = {.any = true}, .line = 9, .local = {key, 8}, .remote = {key, 8}}};
static const struct ike_profile profiles[] = {
    {.name = "A", .line = 5, .version = 2, .remote = match, .n_remote = 2, .auth_local = IKE_MAY_PSK},
    {.name = "B",
     .line = 7,
     .version = 2,
     .cert_maps = maps,
     .n_cert_maps = 1,
     .keys = keys,
     .n_keys = 1,
     .dpd_s = 10}};
static const struct ike_transform_set set = {.name = "T", .line = 12, .encr = {ALGO_ENCR_AES_GCM, 256}, .esn = true};
static const struct ike_transform_set *const sets[] = {&set, &set};
static const struct ike_line lines[] = {
    {.reqid = 0x5c000001, .line = 20, .sel = {.family = FAMILY_V4, .sport_hi = 65535}},
    {.reqid = 0x5c000002, .line = 21, .one_of_many = true}};
static struct ike_peer peers[] = {{here, NULL, false}, {there, "r2.example", true}};
static struct ike_entry entries[] = {{.map = "M",
                                      .seq = 10,
                                      .line = 30,
                                      .version = 2,
                                      .peers = peers,
                                      .n_peers = 2,
                                      .sets = sets,
                                      .n_sets = 2,
                                      .lines = lines,
                                      .n_lines = 2,
                                      .profile = &profiles[1],
                                      .lifetime_s = 3600},
                                     {.map = "M",
                                      .seq = 20,
                                      .line = 40,
                                      .version = 1,
                                      .peers = peers,
                                      .n_peers = 1,
                                      .sets = sets,
                                      .n_sets = 1,
                                      .lines = lines,
                                      .n_lines = 1,
                                      .route = {.on = true, .distance = 5}}};
static const struct ike_aggressive_peer aggressive[] = {{.peer = there, .id_type = IKE_ID_FQDN, .id = {name, 10}}};
static const struct ike_policy policy = {.v2 = v2,
                                         .n_v2 = 1,
                                         .v1 = v1,
                                         .n_v1 = 1,
                                         .profiles = profiles,
                                         .n_profiles = 2,
                                         .keys = keys,
                                         .n_keys = 1,
                                         .entries = entries,
                                         .n_entries = 2,
                                         .aggressive = aggressive,
                                         .n_aggressive = 1,
                                         .hostname = "r1",
                                         .fragment_mtu = 576,
                                         .v1_fragmentation = true};

static void there_and_back(void **state)
{
    struct buf a = {0}, b = {0};
    struct arena ar;
    (void)state;
    assert_true(arena_init(&ar, SIZE_MAX));
    assert_true(ike_policy_write(&a, &policy));
    const struct ike_policy *p = ike_policy_read(&ar, (const uint8_t *)a.p, a.len);
    assert_non_null(p);
    assert_ptr_equal(p->entries[0].profile, &p->profiles[1]);
    assert_null(p->entries[1].profile);
    assert_string_equal(p->entries[0].peers[1].host, "r2.example");
    assert_memory_equal(p->profiles[1].keys[0].local.p, key, 8);
    assert_int_equal(p->entries[0].sets[1]->encr.bits, 256);
    assert_true(ike_policy_write(&b, p));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.p, b.p, a.len);
    buf_free(&a);
    buf_free(&b);
    arena_free(&ar);
}

static void damage(void **state)
{
    struct buf a = {0};
    (void)state;
    assert_true(ike_policy_write(&a, &policy));
    for (size_t n = 0; n < a.len; n++) {
        struct arena ar;
        assert_true(arena_init(&ar, SIZE_MAX));
        assert_null(ike_policy_read(&ar, (const uint8_t *)a.p, n));
        arena_free(&ar);
    }
    srand(1);
    for (size_t i = 0; i < 3 * a.len; i++) {
        struct arena ar;
        char was = a.p[i % a.len];
        a.p[i % a.len] = (char)rand();
        assert_true(arena_init(&ar, SIZE_MAX));
        const struct ike_policy *p = ike_policy_read(&ar, (const uint8_t *)a.p, a.len);
        if (p) /* another number or another letter */
            ike_pki_free(p);
        arena_free(&ar);
        a.p[i % a.len] = was;
    }
    buf_free(&a);
}

static void same(void **state)
{
    struct arena ar;
    struct ike_moves m;
    struct ike_profile turned[2] = {profiles[1], profiles[0]};
    struct ike_entry moved[3] = {entries[1], entries[0], entries[0]};
    struct ike_v1_policy other = v1[0];
    struct ike_line renumbered[2] = {lines[0], lines[1]};
    struct ike_policy to = policy;
    (void)state;
    assert_true(arena_init(&ar, SIZE_MAX));
    turned[0].line = 70;
    renumbered[0].line = 200; /* the list stands elsewhere */
    moved[1].lines = renumbered;
    moved[1].line = 300;
    moved[1].profile = &turned[0];
    moved[2].profile = &turned[1]; /* looks the same, but is proved otherwise */
    moved[0].lifetime_s = 1;
    other.lifetime_s = 60;
    to.profiles = turned;
    to.entries = moved;
    to.n_entries = 3;
    to.v1 = &other;
    ike_policy_compare(&ar, &policy, &to, &m);
    assert_int_equal(m.profile[0], 1);
    assert_int_equal(m.profile[1], 0);
    assert_int_equal(m.entry[0], 1);
    assert_int_equal(m.entry[1], UINT32_MAX);
    assert_int_equal(m.v1[0], UINT32_MAX);
    arena_free(&ar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(damage),
                                       cmocka_unit_test(same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
