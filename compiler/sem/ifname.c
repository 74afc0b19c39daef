/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interface names in full. */
#include "compiler/sem/builder.h"

/* `Gi0/0`, `gi 0/0` and `GigabitEthernet0/0` are one interface. In order of preference for short prefixes. */
static const char *const if_types[] = {
    "GigabitEthernet",
    "FastEthernet",
    "Ethernet",
    "TenGigabitEthernet",
    "Serial",
    "Loopback",
    "Tunnel",
    "Port-channel",
    "Vlan",
    "Dialer",
    "Virtual-Template",
    "Virtual-Access",
    "BDI",
    "BVI",
    "Cellular",
    "ATM",
    "Async",
    "Null",
    "Multilink",
    "MFR",
    "POS",
    "TwentyFiveGigE",
    "FortyGigabitEthernet",
    "HundredGigE",
    "TwoGigabitEthernet",
    "FiveGigabitEthernet",
    "AppGigabitEthernet",
    "LISP",
    "NVI",
    "nve",
    "VirtualPortGroup",
    "Wlan-GigabitEthernet",
    "Embedded-Service-Engine",
    "Group-Async",
    "BRI",
    "Bundle-Ether",
    "Service-Engine",
    "Integrated-Service-Engine",
    "Management",
    "Hssi",
    "TokenRing",
    "FDDI",
    "CEM",
    "EOBC",
    "vmi",
    "pseudowire",
    "SM",
    "ucse",
    "Port-group",
    "Lex",
    "CTunnel",
    "Vif",
    "Dot11Radio",
    "wlan-ap",
    "InternalInterface",
    "AccessGigabitEthernet",
    "overlay",
};

struct str interface_canonical(struct builder *b, struct str name)
{
    uint32_t letters = 0;
    while (letters < name.len &&
           (((name.p[letters] | 32) >= 'a' && (name.p[letters] | 32) <= 'z') || name.p[letters] == '-'))
        letters++;
    uint32_t num = letters;
    while (num < name.len && (name.p[num] == ' ' || name.p[num] == '\t'))
        num++;
    struct str type = {name.p, letters};
    const char *full = NULL;
    for (size_t i = 0; i < sizeof if_types / sizeof *if_types && letters; i++) {
        if (str_ieq(type, if_types[i])) {
            full = if_types[i];
            break;
        }
        if (!full && str_prefix_of(type, if_types[i]))
            full = if_types[i];
    }
    if (!full || num == name.len)
        return name;
    uint32_t flen = (uint32_t)strlen(full), rest = name.len - num;
    if (flen == letters && num == letters && memcmp(full, name.p, letters) == 0)
        return name;
    char *p = arena_alloc(b->a, flen + rest + 1);
    memcpy(p, full, flen);
    memcpy(p + flen, name.p + num, rest);
    return (struct str){p, flen + rest};
}
