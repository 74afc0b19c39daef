/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What other routers need to know of one router to tell whether tunnels between them come up: addresses, policies,
 * tunnels. Plain data, made from the IR or read from one line of JSON, so that thousands of routers can be looked at in
 * thousands of processes and joined later. Keys are in it only as a keyed digest, and only if a salt is given.
 */
#ifndef IOSCC_FLEET_FACTS_H
#define IOSCC_FLEET_FACTS_H

#include <jansson.h>

#include "compiler/ir/ir.h"
#include "compiler/sets/sets.h"

#define FACTS_SCHEMA "ioscc-facts/1"
#define KEY_DIGEST 33 /* 32 hexadecimal digits */

struct fact_address {
    struct ip_addr address;
    const char *interface;
    bool alias; /* a static NAT rule leads from here to `inside` */
    struct ip_addr inside;
};

/* An IKEv1 policy or an IKEv2 proposal. IKEv1 has one algorithm in each list. */
struct fact_algorithm {
    enum algo_id id;
    uint16_t bits;
};
struct fact_proposal {
    const char *name;
    uint32_t line;
    struct ptrlist encr, integ, prf, group; /* struct fact_algorithm */
    enum algo_id auth;                      /* IKEv1 */
    uint64_t lifetime;                      /* IKEv1, seconds */
};

struct fact_set {
    const char *name;
    uint32_t line;
    bool transport;
    struct ptrlist transforms; /* struct fact_transform */
};
struct fact_transform {
    enum algo_id id;
    uint16_t bits;
    uint8_t proto; /* enum ipsec_proto */
};

struct fact_line {
    uint32_t line;
    struct ptrlist boxes; /* struct box: what the line protects once earlier denies are taken away */
};

struct fact_peer {
    struct ip_addr address;
    uint32_t line, key_line;
    bool has_key;
    char local_key[KEY_DIGEST], remote_key[KEY_DIGEST]; /* empty without a salt. IKEv1: both the same */
};

struct fact_identity {
    const char *kind, *value; /* address, fqdn, email, key-id, … */
    uint32_t line;
    struct ip_addr address, mask; /* of kind address, in a match */
    bool domain;
};

/* A session key of a manual entry. */
struct fact_session_key {
    bool outbound;
    uint8_t proto; /* enum ipsec_proto: AH or ESP */
    uint32_t spi, line;
    char cipher[KEY_DIGEST], authenticator[KEY_DIGEST]; /* empty: it has none, or without a salt */
};

enum fact_kind { FACT_STATIC, FACT_DYNAMIC, FACT_TUNNEL };
struct fact_tunnel {
    enum fact_kind kind;
    const char *name; /* "VPN 10", "Tunnel0" */
    uint32_t line;
    uint8_t ike;          /* 1 or 2; 0: manual keys */
    struct ptrlist keys;  /* struct fact_session_key, of manual entries */
    struct ptrlist local; /* struct ip_addr */
    struct ptrlist peers; /* struct fact_peer */
    struct ptrlist sets;  /* struct fact_set */
    struct ptrlist lines; /* struct fact_line; none: no list (tunnel interfaces, dynamic entries that take all) */
    bool any_traffic;     /* no list at all */
    enum algo_id pfs;     /* ALGO_NONE: not asked for */
    uint32_t pfs_line;
    uint64_t lifetime_s, lifetime_kb;
    /* IKEv2 */
    const char *auth_local, *auth_remote;
    uint32_t auth_line;
    struct fact_identity identity; /* kind NULL: the local address */
    struct ptrlist match;          /* struct fact_identity */
};

struct fact_device {
    const char *file, *name;
    struct ptrlist addresses; /* struct fact_address */
    struct ptrlist policies;  /* struct fact_proposal, IKEv1, by priority */
    struct ptrlist proposals; /* struct fact_proposal, IKEv2, as they are offered */
    struct ptrlist tunnels;   /* struct fact_tunnel */
};

/* What facts are made with: secret bytes for the digests of keys (none: keys are left out), and the routers' master
 * key, under which type 6 keys are (empty: type 6 keys are not compared). */
struct fact_secrets {
    struct str salt, master;
};
/* All in the arena. */
struct fact_device *facts_of(struct arena *a, const struct ir_config *c, const char *file,
                             const struct fact_secrets *secrets);
json_t *facts_json(const struct fact_device *d);
/* NULL and *why if it is not what facts_json() makes. Hostile input is fine. */
struct fact_device *facts_read(struct arena *a, const json_t *j, const char **why);

#endif
