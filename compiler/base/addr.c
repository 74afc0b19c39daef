/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

bool addr_parse4(struct str s, struct ip_addr *out)
{
    uint32_t v = 0, octet = 0;
    unsigned digits = 0, dots = 0;
    for (uint32_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (c == '.' && digits) {
            v = v << 8 | octet;
            octet = 0;
            digits = 0;
            if (++dots > 3)
                return false;
        } else if (c >= '0' && c <= '9' && digits < 3) {
            octet = octet * 10 + (uint32_t)(c - '0');
            digits++;
            if (octet > 255)
                return false;
        } else {
            return false;
        }
    }
    if (dots != 3 || !digits)
        return false;
    *out = addr_from_v4(v << 8 | octet);
    return true;
}

bool addr_parse6(struct str s, struct ip_addr *out)
{
    char z[ADDR_TEXT_MAX];
    struct in6_addr a;
    if (s.len >= sizeof z || s.len < 2)
        return false;
    memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    if (inet_pton(AF_INET6, z, &a) != 1)
        return false;
    out->family = FAMILY_V6;
    memcpy(out->b, &a, 16);
    return true;
}

bool addr_parse(struct str s, struct ip_addr *out)
{
    return addr_parse4(s, out) || addr_parse6(s, out);
}

const char *addr_text(const struct ip_addr *a, char out[static ADDR_TEXT_MAX])
{
    if (a->family == FAMILY_V4)
        snprintf(out, ADDR_TEXT_MAX, "%u.%u.%u.%u", a->b[0], a->b[1], a->b[2], a->b[3]);
    else if (a->family != FAMILY_V6 || !inet_ntop(AF_INET6, a->b, out, ADDR_TEXT_MAX))
        out[0] = '\0';
    return out;
}

bool addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
    return addr_cmp(a, b) == 0;
}

bool addr_is_link_local(const struct ip_addr *a)
{
    return a->family == FAMILY_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

int addr_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, a->family == FAMILY_V4 ? 4 : 16);
}

int mask4_len(uint32_t mask)
{
    uint32_t inv = ~mask;
    return (inv & (inv + 1)) ? -1 : mask ? 32 - __builtin_popcount(inv) : 0;
}

static const struct private_network {
    uint8_t value[2], care[2];
} private_networks[] = {
    {{10, 0}, {0xff, 0}},       /* RFC 1918 */
    {{172, 16}, {0xff, 0xf0}},  /* ... */
    {{192, 168}, {0xff, 0xff}}, /* ... */
    {{100, 64}, {0xff, 0xc0}},  /* RFC 6598: behind a carrier's NAT */
    {{169, 254}, {0xff, 0xff}}, /* RFC 3927 */
};

bool addr_is_private(const struct ip_addr *a)
{
    if (a->family == FAMILY_V6)
        return (a->b[0] & 0xfe) == 0xfc || addr_is_link_local(a); /* RFC 4193 */
    for (size_t i = 0; i < sizeof private_networks / sizeof *private_networks; i++) {
        const struct private_network *n = &private_networks[i];
        if ((a->b[0] & n->care[0]) == n->value[0] && (a->b[1] & n->care[1]) == n->value[1])
            return true;
    }
    return false;
}
