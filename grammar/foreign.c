/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grammar/foreign.h"

#include <stdlib.h>

/* Sorted. From the global command lists of IOS 15 and IOS XE 17, and the exec commands people paste. */
static const char *const globals[] = {
    "aaa",
    "access-session",
    "alias",
    "aqm-register-fnf",
    "archive",
    "arp",
    "async-bootp",
    "auto",
    "banner",
    "bba-group",
    "beep",
    "bfd",
    "bfd-template",
    "boot",
    "boot-end-marker",
    "boot-start-marker",
    "bridge",
    "bridge-domain",
    "buffers",
    "busy-message",
    "call",
    "call-home",
    "call-policy-map",
    "card",
    "ccm-manager",
    "cdp",
    "cef",
    "chat-script",
    "class-map",
    "clear",
    "clns",
    "clock",
    "cns",
    "config-register",
    "configuration",
    "configure",
    "connect",
    "control-plane",
    "controller",
    "copy",
    "cpd",
    "cts",
    "cwmp",
    "debug",
    "default-value",
    "define",
    "device-sensor",
    "device-tracking",
    "diagnostic",
    "dial-peer",
    "dialer",
    "dialer-list",
    "disable",
    "dlsw",
    "dmvpn",
    "dnsix-dmdp",
    "dot1x",
    "downward-compatible-config",
    "dspfarm",
    "dss",
    "eap",
    "enable",
    "end",
    "energywise",
    "epm",
    "errdisable",
    "ethernet",
    "event",
    "exception",
    "exit",
    "facility-alarm",
    "fallback",
    "file",
    "flow",
    "format",
    "frame-relay",
    "gatekeeper",
    "gateway",
    "global-address-family",
    "global-vrf",
    "hw-module",
    "identity",
    "ixi",
    "kron",
    "l2",
    "l2tp",
    "l2tp-class",
    "lacp",
    "lane",
    "ldap",
    "license",
    "line",
    "lldp",
    "locale",
    "location",
    "logging",
    "login",
    "mac",
    "mac-address-table",
    "macro",
    "map-class",
    "map-list",
    "mediatrace",
    "memory",
    "memory-size",
    "menu",
    "metadata",
    "mgcp",
    "mls",
    "mmi",
    "mmode",
    "modemcap",
    "monitor",
    "mpls",
    "multilink",
    "mvr",
    "mvrp",
    "nat64",
    "nat66",
    "ncia",
    "netbios",
    "netconf",
    "netconf-yang",
    "network-policy",
    "nsap",
    "ntp",
    "nwpi",
    "object",
    "onep",
    "optical",
    "parameter-map",
    "parser",
    "partition",
    "ping",
    "platform",
    "pnp",
    "policy-manager",
    "policy-map",
    "port-channel",
    "power",
    "ppp",
    "pppoe",
    "printer",
    "priority-list",
    "privilege",
    "process",
    "process-max-time",
    "prompt",
    "ptp",
    "qos",
    "queue-list",
    "radius",
    "radius-server",
    "random-detect-group",
    "redundancy",
    "regexp",
    "reload",
    "restconf",
    "resume-string",
    "rif",
    "rlogin",
    "rmon",
    "route-tag",
    "router",
    "routing",
    "rsrb",
    "rtr",
    "sampler",
    "sap",
    "scheduler",
    "scripting",
    "sdwan",
    "sensor",
    "service",
    "service-chain",
    "service-insertion",
    "service-list",
    "service-template",
    "sgbp",
    "shell",
    "show",
    "sip-ua",
    "snmp",
    "snmp-server",
    "software",
    "source-interface",
    "spanning-tree",
    "spd",
    "stackwise-virtual",
    "standby-acl",
    "subscriber",
    "subscriber-policy",
    "subscriber-profile",
    "switch",
    "system",
    "table-map",
    "tacacs",
    "tacacs-server",
    "tclsh",
    "telemetry",
    "template",
    "terminal",
    "terminal-queue",
    "tftp-server",
    "threat-visibility",
    "time-period",
    "time-range",
    "track",
    "transceiver",
    "translation-rule",
    "trunk",
    "tunnel-group",
    "udld",
    "unified-ids",
    "user-name",
    "username",
    "utd",
    "vc-class",
    "virtual-profile",
    "virtual-service",
    "virtual-template",
    "vlan",
    "vlan-group",
    "vmi",
    "voice",
    "voice-card",
    "vpdn",
    "vpdn-group",
    "vpn",
    "vstack",
    "vtp",
    "vty-async",
    "vxml",
    "wccp",
    "webvpn",
    "write",
    "x25",
    "x29",
    "xsm",
    "yang-interfaces",
    "zone",
    "zone-pair",
};

static int prefix_cmp(const void *key, const void *item)
{
    const struct str *w = key;
    const char *z = *(const char *const *)item;
    for (uint32_t i = 0; i < w->len; i++) {
        unsigned char a = (unsigned char)str_lower(w->p[i]), b = (unsigned char)z[i];
        if (a != b)
            return a < b ? -1 : 1;
    }
    return 0;
}

bool foreign_is_global(struct str line)
{
    static const char *const pairs[] = {"key chain ", "key config-key ", "password encryption "};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && line.len && strchr("kKpP", line.p[0]); i++)
        if (line.len > strlen(pairs[i]) && str_prefix_of((struct str){line.p, (uint32_t)strlen(pairs[i])}, pairs[i]))
            return true;
    struct str w = {line.p, 0};
    while (w.len < line.len && line.p[w.len] != ' ' && line.p[w.len] != '\t')
        w.len++;
    if (w.len == 0)
        return false;
    const char *const *hit = bsearch(&w, globals, sizeof globals / sizeof *globals, sizeof *globals, prefix_cmp);
    if (!hit)
        return false;
    if (w.len >= 4)
        return true;
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) /* short words count whole: aaa, ntp, cdp */
        if (str_ieq(w, globals[i]))
            return true;
    return false;
}

bool foreign_is_list(struct str line)
{
    static const char list[] = "access-list ";
    static const char *const words[] = {"compiled", "dynamic-extended", "rate-limit"};
    const uint32_t n = sizeof list - 1;
    if (line.len <= n || !str_ieq((struct str){line.p, n}, list))
        return false;
    struct str w = {line.p + n, 0};
    unsigned long number = 0;
    bool is_number = true;
    for (; w.len < line.len - n && w.p[w.len] != ' ' && w.p[w.len] != '\t'; w.len++) {
        is_number &= w.p[w.len] >= '0' && w.p[w.len] <= '9' && w.len < 5;
        number = is_number ? number * 10 + (unsigned long)(w.p[w.len] - '0') : 0;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return is_number && number >= 200 && number <= 1299;
}

bool foreign_is_interface_too(struct str word)
{
    static const char *const words[] = {"access-session",
                                        "arp",
                                        "bfd",
                                        "bridge",
                                        "cdp",
                                        "clns",
                                        "cts",
                                        "dialer",
                                        "dot1x",
                                        "flow",
                                        "frame-relay",
                                        "l2",
                                        "lacp",
                                        "lldp",
                                        "location",
                                        "logging",
                                        "mac",
                                        "macro",
                                        "mls",
                                        "monitor",
                                        "mpls",
                                        "mvrp",
                                        "ntp",
                                        "platform",
                                        "power",
                                        "ppp",
                                        "pppoe",
                                        "qos",
                                        "random-detect-group",
                                        "redundancy",
                                        "snmp",
                                        "spanning-tree",
                                        "switch",
                                        "trunk",
                                        "udld",
                                        "vlan",
                                        "vrrp",
                                        "wccp",
                                        "x25",
                                        "zone"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(word, words[i]))
            return true;
    return false;
}

static const struct {
    const char *start;
    enum foreign_os os;
} marks[] = {
    {"ASA Version", OS_ASA},
    {"PIX Version", OS_ASA},
    {"FWSM Version", OS_ASA},
    {": Saved", OS_ASA},
    {"nameif ", OS_ASA},
    {"security-level ", OS_ASA},
    {"tunnel-group ", OS_ASA},
    {"same-security-traffic ", OS_ASA},
    {"object network ", OS_ASA},
    {"nat (", OS_ASA},
    {"global (", OS_ASA},
    {"static (", OS_ASA},
    {"crypto ikev1 ", OS_ASA},
    {"crypto isakmp enable ", OS_ASA},
    {"group-policy ", OS_ASA},
    {"access-group ", OS_ASA},
    {"route outside ", OS_ASA},
    {"sysopt ", OS_ASA},
    {"crypto isakmp am-disable", OS_ASA},
    {"ikev1 pre-shared-key ", OS_ASA},
    {"ikev2 remote-authentication ", OS_ASA},
    {"feature ", OS_NXOS},
    {"feature-set ", OS_NXOS},
    {"vdc ", OS_NXOS},
    {"!Command: show", OS_NXOS},
    {"vrf context ", OS_NXOS},
    {"install feature-set ", OS_NXOS},
    {"system default switchport", OS_NXOS},
    {"nv overlay evpn", OS_NXOS},
    {"copp profile ", OS_NXOS},
    {"boot nxos ", OS_NXOS},
    {"hardware profile ", OS_NXOS},
    {"!! IOS XR", OS_XR},
    {"RP/0/", OS_XR},
    {"interface preconfigure ", OS_XR},
    {"end-policy", OS_XR},
    {"end-set", OS_XR},
    {"route-policy ", OS_XR},
    {"interface MgmtEth0/", OS_XR},
    {"ssh server v2", OS_XR},
    {"ipv4 access-list ", OS_XR},
    {"set security ", OS_COUNT},
};

static bool is_asa_line(struct str l)
{
    /* `access-list NAME extended …`, `crypto map M interface outside`, masks in `crypto map … set ikev1` */
    static const char *const inside[] = {" extended permit ", " extended deny ",    " set ikev1 ",
                                         " type ipsec-l2l",   " interface outside", " ikev1 transform-set ",
                                         " standard permit "};
    if (l.len < 8 || !strchr("act", l.p[0]))
        return false;
    bool acl = l.len > 12 && memcmp(l.p, "access-list ", 12) == 0, map = l.len > 7 && memcmp(l.p, "crypto ", 7) == 0;
    if (!acl && !map && !(l.len > 13 && memcmp(l.p, "tunnel-group ", 13) == 0))
        return false;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (memmem(l.p, l.len, inside[i], strlen(inside[i])))
            return true;
    return false;
}

enum foreign_os foreign_os_of(struct str l)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (l.p[0] != marks[i].start[0]) /* every line that does not concern us comes through here */
            continue;
        size_t n = strlen(marks[i].start);
        if (l.len >= n && memcmp(l.p, marks[i].start, n) == 0 && marks[i].os != OS_COUNT)
            return marks[i].os;
    }
    return is_asa_line(l) ? OS_ASA : OS_IOS;
}

const char *foreign_os_name(enum foreign_os os)
{
    static const char *const names[OS_COUNT] = {
        [OS_IOS] = "IOS", [OS_ASA] = "ASA or PIX", [OS_NXOS] = "NX-OS", [OS_XR] = "IOS XR"};
    return names[os];
}
