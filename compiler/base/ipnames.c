/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names sorted by spelling inside each kind. Port names: Cisco-IOS-XE-acl model; ICMP numbers: RFC 792, 1122, 1812,
 * 4443, 2710, 4861, 3775, 2894; IPv4 options: IANA registry. `alias` rows are read but not printed: names that belong
 * to the other transport, and names that people write although IOS has none (http, https, ssh, dns).
 */
#include "compiler/base/ipnames.h"

#include <stdlib.h>

/* clang-format off */
static const struct ipname names_proto[] = {
    {"ahp", 51, false}, {"eigrp", 88, false}, {"esp", 50, false}, {"gre", 47, false}, {"icmp", 1, false},
    {"igmp", 2, false}, {"igrp", 9, false}, {"ip", 256, false}, {"ipinip", 4, false}, {"nos", 94, false},
    {"ospf", 89, false}, {"pcp", 108, false}, {"pim", 103, false}, {"sctp", 132, false}, {"tcp", 6, false},
    {"udp", 17, false},
};
static const struct ipname names_proto6[] = {
    {"ahp", 51, false}, {"esp", 50, false}, {"icmp", 58, false}, {"ipv6", 256, false}, {"pcp", 108, false},
    {"sctp", 132, false}, {"tcp", 6, false}, {"udp", 17, false},
};
static const struct ipname names_tcp[] = {
    {"bgp", 179, false}, {"biff", 512, true}, {"bootpc", 68, true}, {"bootps", 67, true},
    {"chargen", 19, false}, {"cmd", 514, false}, {"connectedapps-plain", 15001, true},
    {"connectedapps-tls", 15002, true}, {"daytime", 13, false}, {"discard", 9, false}, {"dns", 53, true},
    {"dnsix", 195, true}, {"domain", 53, false}, {"drip", 3949, false}, {"echo", 7, false},
    {"exec", 512, false}, {"finger", 79, false}, {"ftp", 21, false}, {"ftp-data", 20, false},
    {"gopher", 70, false}, {"hostname", 101, false}, {"http", 80, true}, {"https", 443, true},
    {"ident", 113, false}, {"irc", 194, false}, {"isakmp", 500, true}, {"klogin", 543, false},
    {"kshell", 544, false}, {"login", 513, false}, {"lpd", 515, false}, {"mobile-ip", 434, true},
    {"msrpc", 135, false}, {"nameserver", 42, true}, {"netbios-dgm", 138, true}, {"netbios-ns", 137, true},
    {"netbios-ss", 139, true}, {"nntp", 119, false}, {"non500-isakmp", 4500, true}, {"ntp", 123, true},
    {"onep-plain", 15001, false}, {"onep-tls", 15002, false}, {"pim-auto-rp", 496, false},
    {"pop2", 109, false}, {"pop3", 110, false}, {"rip", 520, true}, {"ripv6", 521, true},
    {"smtp", 25, false}, {"snmp", 161, true}, {"snmptrap", 162, true}, {"ssh", 22, true},
    {"sunrpc", 111, false}, {"syslog", 514, true}, {"tacacs", 49, false}, {"talk", 517, false},
    {"telnet", 23, false}, {"tftp", 69, true}, {"time", 37, false}, {"uucp", 540, false},
    {"who", 513, true}, {"whois", 43, false}, {"www", 80, false}, {"xdmcp", 177, true},
};
static const struct ipname names_udp[] = {
    {"bgp", 179, false}, {"biff", 512, false}, {"bootpc", 68, false}, {"bootps", 67, false},
    {"chargen", 19, false}, {"connectedapps-plain", 15001, true}, {"connectedapps-tls", 15002, true},
    {"daytime", 13, false}, {"discard", 9, false}, {"dns", 53, true}, {"dnsix", 195, false},
    {"domain", 53, false}, {"drip", 3949, true}, {"echo", 7, false}, {"finger", 79, true},
    {"ftp", 21, true}, {"ftp-data", 20, true}, {"gopher", 70, true}, {"hostname", 101, true},
    {"http", 80, true}, {"https", 443, true}, {"ident", 113, true}, {"irc", 194, true},
    {"isakmp", 500, false}, {"klogin", 543, true}, {"kshell", 544, true}, {"lpd", 515, true},
    {"mobile-ip", 434, false}, {"msrpc", 135, true}, {"nameserver", 42, false}, {"netbios-dgm", 138, false},
    {"netbios-ns", 137, false}, {"netbios-ss", 139, false}, {"nntp", 119, true},
    {"non500-isakmp", 4500, false}, {"ntp", 123, false}, {"onep-plain", 15001, true},
    {"onep-tls", 15002, true}, {"pim-auto-rp", 496, false}, {"pop2", 109, true}, {"pop3", 110, true},
    {"rip", 520, false}, {"ripv6", 521, false}, {"smtp", 25, true}, {"snmp", 161, false},
    {"snmptrap", 162, false}, {"ssh", 22, true}, {"sunrpc", 111, false}, {"syslog", 514, false},
    {"tacacs", 49, false}, {"talk", 517, false}, {"telnet", 23, true}, {"tftp", 69, false},
    {"time", 37, false}, {"uucp", 540, true}, {"who", 513, false}, {"whois", 43, true}, {"www", 80, true},
    {"xdmcp", 177, false},
};
static const struct ipname names_icmp[] = {
    {"administratively-prohibited", 0x30d, false}, {"alternate-address", 0x10600, false},
    {"conversion-error", 0x11f00, false}, {"dod-host-prohibited", 0x30a, false},
    {"dod-net-prohibited", 0x309, false}, {"echo", 0x10800, false}, {"echo-reply", 0x10000, false},
    {"general-parameter-problem", 0xc00, false}, {"host-isolated", 0x308, false},
    {"host-precedence-unreachable", 0x30e, false}, {"host-redirect", 0x501, false},
    {"host-tos-redirect", 0x503, false}, {"host-tos-unreachable", 0x30c, false},
    {"host-unknown", 0x307, false}, {"host-unreachable", 0x301, false},
    {"information-reply", 0x11000, false}, {"information-request", 0x10f00, false},
    {"mask-reply", 0x11200, false}, {"mask-request", 0x11100, false}, {"mobile-redirect", 0x12000, false},
    {"net-redirect", 0x500, false}, {"net-tos-redirect", 0x502, false},
    {"net-tos-unreachable", 0x30b, false}, {"net-unreachable", 0x300, false},
    {"network-unknown", 0x306, false}, {"no-room-for-option", 0xc02, false},
    {"option-missing", 0xc01, false}, {"packet-too-big", 0x304, false},
    {"parameter-problem", 0x10c00, false}, {"port-unreachable", 0x303, false},
    {"precedence-unreachable", 0x30f, false}, {"protocol-unreachable", 0x302, false},
    {"reassembly-timeout", 0xb01, false}, {"redirect", 0x10500, false},
    {"router-advertisement", 0x10900, false}, {"router-solicitation", 0x10a00, false},
    {"source-quench", 0x10400, false}, {"source-route-failed", 0x305, false},
    {"time-exceeded", 0x10b00, false}, {"timestamp-reply", 0x10e00, false},
    {"timestamp-request", 0x10d00, false}, {"traceroute", 0x11e00, false}, {"ttl-exceeded", 0xb00, false},
    {"unreachable", 0x10300, false},
};
static const struct ipname names_icmp6[] = {
    {"beyond-scope", 0x102, false}, {"destination-unreachable", 0x103, false},
    {"dhaad-reply", 0x19100, false}, {"dhaad-request", 0x19000, false}, {"echo-reply", 0x18100, false},
    {"echo-request", 0x18000, false}, {"header", 0x400, false}, {"hop-limit", 0x300, false},
    {"mld-query", 0x18200, false}, {"mld-reduction", 0x18400, false}, {"mld-report", 0x18300, false},
    {"mpd-advertisement", 0x19300, false}, {"mpd-solicitation", 0x19200, false}, {"nd-na", 0x18800, false},
    {"nd-ns", 0x18700, false}, {"next-header", 0x401, false}, {"no-admin", 0x101, false},
    {"no-route", 0x100, false}, {"packet-too-big", 0x10200, false}, {"parameter-option", 0x402, false},
    {"parameter-problem", 0x10400, false}, {"port-unreachable", 0x104, false},
    {"reassembly-timeout", 0x301, false}, {"redirect", 0x18900, false}, {"reject-route", 0x106, false},
    {"renum-command", 0x8a00, false}, {"renum-result", 0x8a01, false}, {"renum-seq-number", 0x8aff, false},
    {"router-advertisement", 0x18600, false}, {"router-renumbering", 0x18a00, false},
    {"router-solicitation", 0x18500, false}, {"source-policy", 0x105, false},
    {"time-exceeded", 0x10300, false}, {"unreachable", 0x10100, false},
};
static const struct ipname names_precedence[] = {
    {"critical", 5, false}, {"flash", 3, false}, {"flash-override", 4, false}, {"immediate", 2, false},
    {"internet", 6, false}, {"network", 7, false}, {"priority", 1, false}, {"routine", 0, false},
};
static const struct ipname names_tos[] = {
    {"max-reliability", 2, false}, {"max-throughput", 4, false}, {"min-delay", 8, false},
    {"min-monetary-cost", 1, false}, {"normal", 0, false},
};
static const struct ipname names_dscp[] = {
    {"af11", 10, false}, {"af12", 12, false}, {"af13", 14, false}, {"af21", 18, false}, {"af22", 20, false},
    {"af23", 22, false}, {"af31", 26, false}, {"af32", 28, false}, {"af33", 30, false}, {"af41", 34, false},
    {"af42", 36, false}, {"af43", 38, false}, {"cs1", 8, false}, {"cs2", 16, false}, {"cs3", 24, false},
    {"cs4", 32, false}, {"cs5", 40, false}, {"cs6", 48, false}, {"cs7", 56, false}, {"default", 0, false},
    {"ef", 46, false},
};
static const struct ipname names_option[] = {
    {"add-ext", 147, false}, {"any-options", 256, false}, {"com-security", 134, false}, {"dps", 151, false},
    {"encode", 15, false}, {"eool", 0, false}, {"ext-ip", 145, false}, {"ext-security", 133, false},
    {"finn", 205, false}, {"imitd", 144, false}, {"lsr", 131, false}, {"mtup", 11, false},
    {"mtur", 12, false}, {"no-op", 1, false}, {"nsapa", 150, false}, {"record-route", 7, false},
    {"router-alert", 148, false}, {"sdb", 149, false}, {"security", 130, false}, {"ssr", 137, false},
    {"stream-id", 136, false}, {"timestamp", 68, false}, {"traceroute", 82, false}, {"ump", 152, false},
    {"visa", 142, false}, {"zsu", 10, false},
};

static const struct { const struct ipname *rows; size_t n; } tables[IPN_KINDS] = {
    [IPN_PROTO] = {names_proto, sizeof names_proto / sizeof *names_proto},
    [IPN_PROTO6] = {names_proto6, sizeof names_proto6 / sizeof *names_proto6},
    [IPN_TCP] = {names_tcp, sizeof names_tcp / sizeof *names_tcp},
    [IPN_UDP] = {names_udp, sizeof names_udp / sizeof *names_udp},
    [IPN_ICMP] = {names_icmp, sizeof names_icmp / sizeof *names_icmp},
    [IPN_ICMP6] = {names_icmp6, sizeof names_icmp6 / sizeof *names_icmp6},
    [IPN_PRECEDENCE] = {names_precedence, sizeof names_precedence / sizeof *names_precedence},
    [IPN_TOS] = {names_tos, sizeof names_tos / sizeof *names_tos},
    [IPN_DSCP] = {names_dscp, sizeof names_dscp / sizeof *names_dscp},
    [IPN_OPTION] = {names_option, sizeof names_option / sizeof *names_option},
};
/* clang-format on */

static const char *const foreign_names[] = {"dns", "http", "https", "ssh"};

bool ipname_parse(enum ipname_kind kind, struct str s, uint32_t *value)
{
    const struct ipname *hit = NULL;
    bool several = false;
    for (size_t i = 0; i < tables[kind].n; i++) {
        const struct ipname *r = &tables[kind].rows[i];
        if (!str_prefix_of(s, r->name))
            continue;
        if (strlen(r->name) == s.len) {
            *value = r->value;
            return true;
        }
        if (r->alias)
            continue; /* only whole words count for names IOS would not complete */
        several = hit != NULL;
        hit = r;
    }
    if (!hit || several)
        return false;
    *value = hit->value;
    return true;
}

const char *ipname_of(enum ipname_kind kind, uint32_t value)
{
    for (size_t i = 0; i < tables[kind].n; i++)
        if (tables[kind].rows[i].value == value && !tables[kind].rows[i].alias)
            return tables[kind].rows[i].name;
    return NULL;
}

const char *ipname_nearest(enum ipname_kind kind, struct str s)
{
    const char *best = NULL;
    unsigned limit = s.len > 4 ? 2 : 1;
    for (size_t i = 0; i < tables[kind].n; i++) {
        unsigned d = str_distance(s, tables[kind].rows[i].name, limit);
        if (d <= limit) {
            best = tables[kind].rows[i].name;
            if (d == 0)
                break;
            limit = d - 1;
        }
    }
    return best;
}

bool ipname_is_foreign(enum ipname_kind kind, struct str s)
{
    if (kind != IPN_TCP && kind != IPN_UDP)
        return false;
    for (size_t i = 0; i < sizeof foreign_names / sizeof *foreign_names; i++)
        if (str_ieq(s, foreign_names[i]))
            return true;
    return false;
}
