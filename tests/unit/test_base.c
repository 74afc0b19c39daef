/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compiler/algo/algo.h"
#include "compiler/base/addr.h"
#include "compiler/base/arena.h"
#include "compiler/base/hash.h"
#include "compiler/base/ipnames.h"
#include "compiler/base/redact.h"
#include "compiler/base/secret.h"
#include "compiler/base/source.h"

static void addresses(void **state)
{
    (void)state;
    struct ip_addr a;
    static const char *const bad4[] = {"1.2.3",   "1.2.3.4.5", "256.1.1.1", "1..2.3",    "1.2.3.",
                                       "a.b.c.d", "",          "1.2.3.4 ",  "1.2.3.0004"};
    for (size_t i = 0; i < sizeof bad4 / sizeof *bad4; i++)
        assert_false(addr_parse4(str_lit(bad4[i]), &a));
    assert_true(addr_parse4(str_lit("10.0.255.1"), &a));
    assert_int_equal(addr_v4(&a), 0x0a00ff01);
    assert_true(addr_parse6(str_lit("2001:db8::1"), &a));
    char t[ADDR_TEXT_MAX];
    assert_string_equal(addr_text(&a, t), "2001:db8::1");
    assert_false(addr_parse6(str_lit("2001:db8:::1"), &a));
    assert_int_equal(mask4_len(0xffffff00u), 24);
    assert_int_equal(mask4_len(0xff00ff00u), -1);
    assert_int_equal(mask4_len(0), 0);
    assert_int_equal(mask4_len(0xffffffffu), 32);
}

static void strings(void **state)
{
    (void)state;
    assert_int_equal(str_distance(str_lit("polcy"), "policy", 2), 1);
    assert_int_equal(str_distance(str_lit("cyrpto"), "crypto", 2), 1); /* a swap counts once */
    assert_int_equal(str_distance(str_lit("abc"), "xyz", 2), 3);
    assert_true(str_prefix_of(str_lit("CRY"), "crypto"));
    assert_false(str_prefix_of(str_lit(""), "crypto"));
    assert_false(str_prefix_of(str_lit("cryptos"), "crypto"));
}

static void tables(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, 1 << 24));
    struct symtab t = {0};
    for (uint32_t i = 1; i <= 5000; i++) {
        char z[16];
        int n = snprintf(z, sizeof z, "name%u", i);
        symtab_put(&a, &t, (struct str){arena_strndup(&a, z, (size_t)n), (uint32_t)n}, i % 3, (void *)(uintptr_t)i);
    }
    assert_ptr_equal(symtab_get(&t, str_lit("name4999"), 4999 % 3), (void *)4999);
    assert_null(symtab_get(&t, str_lit("name4999"), (4999 % 3 + 1) % 3));
    symtab_del(&t, str_lit("name4999"), 4999 % 3);
    assert_null(symtab_get(&t, str_lit("name4999"), 4999 % 3));
    assert_ptr_equal(symtab_get(&t, str_lit("name5000"), 5000 % 3), (void *)5000);
    arena_free(&a);
}

static void arenas(void **state)
{
    (void)state;
    struct arena a;
    assert_true(arena_init(&a, 1000));
    assert_false(arena_exhausted(&a));
    char *p = arena_alloc(&a, 5000);
    assert_int_equal(p[4999], 0);
    assert_true(arena_exhausted(&a)); /* still usable, but the caller is to stop */
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void algorithms(void **state)
{
    (void)state;
    const char *bad = algo_self_check();
    if (bad)
        fail_msg("algorithm table: %s", bad);
    unsigned bits;
    assert_int_equal(algo_find(ALGO_ENCR, ALGO_CTX_IKEV2, str_lit("aes-cbc-256"), &bits), ALGO_ENCR_AES_CBC);
    assert_int_equal(bits, 256);
    assert_int_equal(algo_find(ALGO_INTEG, ALGO_CTX_AH, str_lit("ah-sha256-hmac"), &bits), ALGO_INTEG_SHA256);
    assert_int_equal(algo_find(ALGO_INTEG, ALGO_CTX_AH, str_lit("esp-sha256-hmac"), &bits), ALGO_NONE);
}

static void names(void **state)
{
    (void)state;
    uint32_t v;
    assert_true(ipname_parse(IPN_UDP, str_lit("isakmp"), &v));
    assert_int_equal(v, 500);
    assert_true(ipname_parse(IPN_UDP, str_lit("syslog"), &v));
    assert_int_equal(v, 514);
    assert_true(ipname_parse(IPN_TCP, str_lit("cmd"), &v));
    assert_int_equal(v, 514);
    assert_string_equal(ipname_of(IPN_UDP, 512), "biff");
    assert_string_equal(ipname_of(IPN_TCP, 512), "exec");
    assert_null(ipname_of(IPN_TCP, 443)); /* IOS has no https */
    assert_true(ipname_is_foreign(IPN_TCP, str_lit("https")));
    assert_true(ipname_parse(IPN_ICMP, str_lit("host-unreachable"), &v));
    assert_int_equal(v, 3 << 8 | 1);
    assert_false(ipname_parse(IPN_TCP, str_lit("nosuch"), &v));
}

static void masked(const char *in, const char *want)
{
    struct buf b = {0};
    redact_line(str_lit(in), &b, NULL, NULL);
    assert_string_equal(b.p, want);
    buf_free(&b);
}

static void redaction(void **state)
{
    (void)state;
    masked(" ip nhrp authentication s3cret wo rds", " ip nhrp authentication <key> <key> <key>");
    masked(" ip nhrp authetication s3cret", " ip nhrp authetication <key>");
    masked(" standby 1 authenticaxion s3cret", " standby 1 authenticaxion <key>");
    masked(" ky s3cret", " ky <key>");
    masked(" key-0 s3cret", " <key> <key>");
    masked("crypto keyring K ky s3cret", "crypto keyring K ky <key>");
    masked("crypto isakmp key-\"s3 cret\" address 192.0.2.1", "crypto isakmp <key> <key> address 192.0.2.1");
    masked("  pre-shared-key-local s3cret", "  <key> <key>");
    masked(" set aggressive-mode s3cret", " set aggressive-mode <key>");
    masked(" set aggressive-mode password s3cret", " set aggressive-mode password <key>");
    masked(" set aggressive-mode client-endpoint fqdn a.example",
           " set aggressive-mode client-endpoint fqdn a.example");
    masked("crypto pki impoort TP pkcs12 http://u:s3cret@h/x s3cret",
           "crypto pki impoort TP pkcs12 http://<key>@h/x <key>");
    masked("snmp-server cmmunity s3cret ro", "snmp-server cmmunity <key> <key>");
    masked(" ip ospf message-digest-key 1 md5 s3cret", " ip ospf message-digest-key 1 md5 <key>");
    masked("key config-key pasword-encrypt s3cret", "key config-key pasword-encrypt <key>");
    masked(" ip nhpr authentication s3cret", " ip nhpr authentication <key>");
    masked("aaa authentication login default group tacacs+ local",
           "aaa authentication login default group tacacs+ local");
    masked(" ppp authentication chap", " ppp authentication chap");
    masked("crypto map M client authentication list L", "crypto map M client authentication list L");
    masked(" client authentication list L", " client authentication list L");
    masked(" ip-nhrp authentication s3cret", " ip-nhrp authentication <key>");
    masked(" ip nhrp-authentication s3cret", " ip nhrp-authentication <key>");
    masked(" keyring local K", " keyring local K");
    masked("crypto isakmp keepalive 10", "crypto isakmp keepalive 10");
    masked(" enrollment url http://user:s3cret@ca.example/x", " enrollment url http://<key>@ca.example/x");
    masked(" ocsp ulr https://s3cret@ca/", " ocsp ulr https://<key>@ca/");
    masked(" enrollment url http://ca/a@b", " enrollment url http://ca/a@b");
    masked("crypto pki export T pem terminal 3des s3cret", "crypto pki export T pem terminal 3des <key>");
    masked(" set sesion-key inbound ah 300 s3cret", " set sesion-key inbound ah 300 <key>");
    masked(" session-key inbound ah 300 s3cret", " session-key inbound ah 300 <key>");
    masked("crypto isakmp s3cret address 1.2.3.4", "crypto isakmp <key> address 1.2.3.4");
    masked("crypto isakmp key:s3cret address 1.2.3.4", "crypto isakmp <key> address 1.2.3.4");
    masked("crypto isakmp-key s3cret address 1.2.3.4", "crypto isakmp-key <key> address 1.2.3.4");
    masked("crypto isakmp key s3cret address 1.2.3.4", "crypto isakmp key <key> address 1.2.3.4");
    masked("crypto isakmp key 6 s3cret address 1.2.3.4", "crypto isakmp key 6 <key> address 1.2.3.4");
    masked(" pre-shared-key local s3cret", " pre-shared-key local <key>");
    /* the address is none of the key (fidelity: keyring lines mask the key) */
    masked("  pre-shared-key address 1.1.1.1 key s3cret", "  pre-shared-key address 1.1.1.1 key <key>");
    masked("  pre-shared-key address 1.1.1.1 255.255.255.0 key s3cret x",
           "  pre-shared-key address 1.1.1.1 255.255.255.0 key <key> <key>");
    masked("  pre-shared-key address s3cret key 1.1.1.1", "  pre-shared-key address <key> key <key>");
    masked(" set session-key inbound esp 256 cipher 0123456789abcdef authenticator 00112233",
           " set session-key inbound esp 256 cipher <key> authenticator <key>");
    masked(" set session-key inbound ah 256 98765432109876549876543210987654", " set session-key inbound ah 256 <key>");
    masked("crypto key generate rsa modulus 2048", "crypto key generate rsa modulus 2048");
    masked("crypto key export rsa N pem terminal 3des pass", "crypto key export rsa N pem terminal 3des <key>");
    masked(" password 7 0822455D0A16", " password 7 <key>");
    masked("username u secret 5 $1$abc", "username u secret 5 <key>");
    masked("no keys\there", "no keys here");
    masked(" pre-shred-key s3cret", " pre-shred-key <key>");
    masked("crypto isakmp kye s3cret address 1.2.3.4", "crypto isakmp kye <key> address 1.2.3.4");
    masked(" pasword 7 0822455D0A16", " pasword 7 <key>");
    /* keys with blanks, words before the key that are misprinted */
    masked("crypto isakmp key My s3cret Pass address 1.2.3.4 255.255.255.0 no-xauth",
           "crypto isakmp key <key> <key> <key> address 1.2.3.4 255.255.255.0 no-xauth");
    masked("crypto isakmp key s3cret hostname hq.example.com", "crypto isakmp key <key> hostname hq.example.com");
    masked("crypto isakmp key s3cret hostnam hq.example.com", "crypto isakmp key <key> hostnam hq.example.com");
    masked("  pre-shared-key locl s3cret", "  pre-shared-key <key> <key>");
    masked(" authentication local pre-share kye s3cret", " authentication local pre-share <key> <key>");
    masked(" authentication remote pre-share key 6 s3cret x", " authentication remote pre-share key 6 <key> <key>");
    masked("  pre-shared-key address 1.1.1.1 key My s3cret", "  pre-shared-key address 1.1.1.1 key <key> <key>");
    masked("  pre-shared-key address 192.0.2.2 255.255.255.255 s3cret",
           "  pre-shared-key address 192.0.2.2 255.255.255.255 <key>");
    masked("crypto isakmp key my address s3cret address 192.0.2.2",
           "crypto isakmp key <key> address <key> address 192.0.2.2");
    masked("crypto isakmp keys s3cret address 1.2.3.4", "crypto isakmp keys <key> address 1.2.3.4");
    masked("crypto isakmp psk s3cret address 1.2.3.4", "crypto isakmp psk <key> address 1.2.3.4");
    masked("crypto isakmp key zeroize s3cret address 1.2.3.4", "crypto isakmp key <key> <key> address 1.2.3.4");
    masked("key config-key password-encrypt s3cret", "key config-key password-encrypt <key>");
    masked("  shared-secret s3cret", "  shared-secret <key>");
    masked("  pre-shared-key:s3cret", "  <key>");
    masked(" authentication remote psk s3cret", " authentication remote psk <key>");
    masked(" set sesion-key inbound esp 256 cphier 0123456789abcdef01", " set sesion-key inbound esp 256 cphier <key>");
    masked("crypto isakmp policy 10", "crypto isakmp policy 10");
    masked(" integrity md5 sha256 sha384", " integrity md5 <key> sha384");
    uint32_t caret = 37, len = 7;
    struct buf b = {0};
    redact_line(str_lit("crypto isakmp key averylongsecretkey addresss 1.2.3.4"), &b, &caret, &len);
    assert_memory_equal(b.p + caret, "addresss", 7);
    buf_free(&b);
}

static void places(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfone\r\ntwo \xc3\xa9 x\n";
    struct source s;
    assert_int_equal(source_from_memory(&s, "t", text, sizeof text - 1), 0);
    struct location l = source_locate(&s, 3);
    assert_int_equal(l.line, 1);
    assert_int_equal(l.column, 1);
    l = source_locate(&s, (uint32_t)(strchr(text, 'x') - text));
    assert_int_equal(l.line, 2);
    assert_int_equal(l.column, 7); /* é is one character */
    assert_int_equal(l.text.len, 8);
    source_free(&s);
}

/* The type 6 text is one that a router made with the master key Cisco123 (CiscoDevNet, Type-6-Password-Encode). */
static void clear_secrets(void **state)
{
    (void)state;
    static const struct {
        enum secret_form form;
        const char *text, *master, *clear; /* NULL: none can be had */
    } rows[] = {
        {SECRET_PLAIN, "a key", "", "a key"},
        {SECRET_TYPE6, "fe_a`iJYE\\DZYJhDhTP[`MYaTgRH_MAAB", "Cisco123", "Cisco123"},
        {SECRET_TYPE6, "fe_a`iJYE\\DZYJhDhTP[`MYaTgRH_MAAB", "Cisco124", NULL},
        {SECRET_TYPE6, "fe_a`iJYE\\DZYJhEhTP[`MYaTgRH_MAAB", "Cisco123", NULL},
        {SECRET_TYPE6, "fe_a`iJYE\\DZYJhDhTP[`MYaTgRH_MAA", "Cisco123", NULL},
        {SECRET_TYPE6, "fe_a`iJYE\\DZYJhDhTP[`MYaTgRH_MAAB", "", NULL},
        {SECRET_TYPE6, "iii", "x", NULL},
        {SECRET_TYPE6, "", "x", NULL},
        {SECRET_TYPE7, "0822455D0A16", "", "cisco"},
        {SECRET_TYPE7, "08224", "", NULL},
        {SECRET_TYPE7, "0822zz", "", NULL},
        {SECRET_HEX, "00ff", "", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[SECRET_CLEAR_MAX];
        size_t n = 0;
        struct secret s = {{str_lit(rows[i].text)}, rows[i].form};
        bool ok = secret_clear(&s, str_lit(rows[i].master), out, &n);
        assert_int_equal(ok, rows[i].clear != NULL);
        if (ok)
            assert_true(str_is((struct str){out, (uint32_t)n}, rows[i].clear));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(strings),    cmocka_unit_test(tables),
        cmocka_unit_test(arenas),    cmocka_unit_test(algorithms), cmocka_unit_test(names),
        cmocka_unit_test(redaction), cmocka_unit_test(places),     cmocka_unit_test(clear_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
