/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses of both families, their masks, and their text forms. All bytes are in network order. */
#ifndef IOSCC_BASE_ADDR_H
#define IOSCC_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/must.h"
#include "compiler/base/str.h"

enum { FAMILY_NONE = 0, FAMILY_V4 = 4, FAMILY_V6 = 6 };

struct ip_addr {
    uint8_t family; /* FAMILY_* */
    uint8_t b[16];  /* IPv4 uses the first four */
};

#define ADDR_TEXT_MAX 48

/* Strict dotted quad (no leading-zero octal reading, no short forms), resp. RFC 4291 §2.2 text. */
bool addr_parse4(struct str s, struct ip_addr *out) MUST_CHECK;
bool addr_parse6(struct str s, struct ip_addr *out) MUST_CHECK;
bool addr_parse(struct str s, struct ip_addr *out) MUST_CHECK;
/* Canonical text (RFC 5952 for IPv6). Returns `out`. */
const char *addr_text(const struct ip_addr *a, char out[static ADDR_TEXT_MAX]);
bool addr_eq(const struct ip_addr *a, const struct ip_addr *b) MUST_CHECK;
/* fe80::/10 (RFC 4291 §2.5.6), which every link that is up has; no IPv4 address is. */
bool addr_is_link_local(const struct ip_addr *a) MUST_CHECK;
/* Not one peer's in the world (RFC 1918, 3927, 4193, 6598): who claims one, and comes from another, may be behind a
 * NAT, where others have the same. */
bool addr_is_private(const struct ip_addr *a) MUST_CHECK;
int addr_cmp(const struct ip_addr *a, const struct ip_addr *b) MUST_CHECK;

static inline uint32_t addr_v4(const struct ip_addr *a)
{
    return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}
static inline struct ip_addr addr_from_v4(uint32_t v)
{
    return (struct ip_addr){FAMILY_V4, {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}
/* The 32-bit mask of a prefix length 0–32. */
static inline uint32_t mask4(unsigned plen)
{
    return plen == 0 ? 0 : 0xffffffffu << (32 - plen);
}
/* Prefix length of a contiguous netmask, -1 if it has holes. */
int mask4_len(uint32_t mask) MUST_CHECK;

#endif
