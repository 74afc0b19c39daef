/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names IOS uses in access lists for protocols, ports, ICMP messages and header values, with their numbers.
 * One table; the parser reads it by name, the printers by number.
 */
#ifndef IOSCC_BASE_IPNAMES_H
#define IOSCC_BASE_IPNAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/must.h"
#include "compiler/base/str.h"

enum ipname_kind {
    IPN_PROTO,  /* IP protocol in an IPv4 list; `ip` is PROTO_ANY */
    IPN_PROTO6, /* next header in an IPv6 list; `ipv6` is PROTO_ANY */
    IPN_TCP,    /* TCP port */
    IPN_UDP,    /* UDP port */
    IPN_ICMP,   /* ICMP type << 8 | code, or type << 8 | ICMP_NO_CODE in bit 16 */
    IPN_ICMP6,
    IPN_PRECEDENCE,
    IPN_TOS,
    IPN_DSCP,
    IPN_OPTION,
    IPN_KINDS
};

/* Options of an access list line that no IPsec selector can express, as bits. */
enum ace_option {
    ACE_OPT_FLAGS = 1,
    ACE_OPT_DSCP = 2,
    ACE_OPT_PRECEDENCE = 4,
    ACE_OPT_TOS = 8,
    ACE_OPT_TTL = 16,
    ACE_OPT_FRAGMENTS = 32,
    ACE_OPT_OPTION = 64,
    ACE_OPT_TIME_RANGE = 128,
    ACE_OPT_ESTABLISHED = 256,
    ACE_OPT_REFLECT = 512,
    ACE_OPT_OTHER = 1024,
};

#define PROTO_ANY 256u
#define ICMP_ANY_CODE 0x10000u /* flag: the name stands for a type with every code */

struct ipname {
    const char *name;
    uint32_t value;
    bool alias; /* read, but never printed */
};

/* Exact name first, else a unique prefix. Returns false if unknown or ambiguous. */
bool ipname_parse(enum ipname_kind kind, struct str s, uint32_t *value) MUST_CHECK;
/* The name IOS prints for a number, or NULL. */
const char *ipname_of(enum ipname_kind kind, uint32_t value);
/* Nearest name for "did you mean", or NULL. */
const char *ipname_nearest(enum ipname_kind kind, struct str s);
/* Is it in the table only because people write it: IOS itself would refuse it (http, ssh, …)? */
bool ipname_is_foreign(enum ipname_kind kind, struct str s) MUST_CHECK;

#endif
