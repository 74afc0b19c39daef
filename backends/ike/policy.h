/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the IKE engine is configured with, as plain data: the door between the configuration and the engine. Built by
 * from_ir.c, owned by its arena; the engine only reads it. `line` is the line of the configuration, for messages.
 */
#ifndef IOSCC_IKE_POLICY_H
#define IOSCC_IKE_POLICY_H

#include "compiler/algo/algo.h"
#include "compiler/base/addr.h"

struct ike_choice {
    uint16_t alg;  /* enum algo_id */
    uint16_t bits; /* key size of a cipher, else 0 */
};
#define IKE_CHOICES_MAX 12
struct ike_choices {
    struct ike_choice v[IKE_CHOICES_MAX];
    uint8_t n;
};

/* `crypto ikev2 proposal`. */
struct ike_proposal {
    const char *name;
    uint32_t line;
    struct ike_choices encr, prf, integ, dh; /* in the order of preference */
};
/* `crypto ikev2 policy`: which proposals hold for a local address. */
struct ike_v2_policy {
    const char *name;
    const struct ip_addr *locals;
    unsigned n_locals; /* 0: any */
    const struct ike_proposal *const *proposals;
    unsigned n;
};

/* `crypto isakmp policy`. */
struct ike_v1_policy {
    unsigned number;
    uint32_t line;
    struct ike_choice encr;
    uint16_t hash, dh, auth; /* enum algo_id */
    uint32_t lifetime_s;
};

/* `crypto ipsec transform-set`. */
struct ike_transform_set {
    const char *name;
    uint32_t line;
    struct ike_choice ah, encr, integ; /* alg ALGO_NONE: not in the set */
    bool transport, require, esn;
};

struct ike_bytes {
    const uint8_t *p;
    uint32_t n;
};

/* Who is meant: an address or network, or an identity. */
struct ike_match {
    bool any;
    struct ip_addr addr; /* family FAMILY_NONE: by identity */
    uint8_t plen;
    uint8_t id_type; /* enum ike_id_type; 0: an identity of any textual type */
    bool domain;     /* `value` is the end of a name */
    struct ike_bytes value;
};

/* `crypto pki certificate map NAME SEQUENCE`: all rules must hold. Several with one name: any of them. */
enum ike_cert_op { IKE_CERT_NEVER, IKE_CERT_CO, IKE_CERT_NC, IKE_CERT_EQ, IKE_CERT_NE };
struct ike_cert_rule {
    uint8_t field; /* enum ike_cert_field */
    uint8_t op;    /* enum ike_cert_op */
    const char *value;
};
struct ike_cert_map {
    const struct ike_cert_rule *rules;
    unsigned n;
};

/* A pre-shared key. `local` is what we prove ourselves with, `remote` what the peer must know. */
struct ike_psk {
    struct ike_match who;
    struct ike_match named; /* the peer's identity, where `who` is its address and the keyring has both; else empty */
    struct ike_bytes host;  /* its host name beside `who`: a name of its own, while it may claim others; n 0: none */
    uint32_t id;            /* from 1 on; one line of the configuration has the same in every list that it is in */
    uint32_t line;
    const struct ip_addr *at; /* addresses of ours that it is for (`local-address`); none: all */
    unsigned n_at;
    struct ike_bytes local, remote;
    bool lacks_local,
        lacks_remote; /* the configuration has none: it proves nobody, and no wider row does in its place */
};

struct ike_aggressive_peer {
    struct ip_addr peer;
    uint8_t id_type; /* with `id`: client-endpoint; id.n 0: as for anybody */
    struct ike_bytes id;
    struct ike_psk key; /* password; local.n 0: that of the keyrings */
};

/* How the certificates of peers are looked at beyond their signatures: `revocation-check` and what belongs to it. */
enum ike_revocation_method { IKE_REVOCATION_NONE = 1, IKE_REVOCATION_CRL, IKE_REVOCATION_OCSP };
#define IKE_REVOCATION_METHODS_MAX 3
struct ike_revocation {
    uint8_t methods[IKE_REVOCATION_METHODS_MAX]; /* one after the other until one can tell */
    uint8_t n;                                   /* 0: nothing can tell, so that nobody is taken */
    bool no_nonce;                               /* OCSP requests have none (RFC 9654) */
    const char *ocsp_url;                        /* instead of the certificate's own; empty: none */
    uint32_t crl_keep_s;                         /* seconds; UINT32_MAX: until it ends, 0: it is not kept */
};

/* A trustpoint: our certificate with its key, and whom we trust. Files are read by pki.c, not by the engine. */
#define IKE_CAS_MAX 16
struct ike_credential {
    const char *trustpoint;
    uint32_t line;
    struct ike_bytes chain[8]; /* DER, our own first; none: peers can be checked, but we have no proof of our own */
    unsigned n_chain;
    struct ike_bytes subject; /* of our own, DER */
    void *key;                /* EVP_PKEY, NULL: none */
    void *store;              /* X509_STORE of the CAs, NULL: none */
    struct ike_bytes ca_names[IKE_CAS_MAX];
    uint8_t ca_hashes[IKE_CAS_MAX][20];
    unsigned n_cas;
    struct ike_revocation revocation;
};

#define IKE_TRUSTS_MAX 8
enum ike_auth_bits { IKE_MAY_PSK = 1, IKE_MAY_RSA = 2, IKE_MAY_ECDSA = 4 };

/* `crypto ikev2 profile` (version 2) or `crypto isakmp profile` (version 1). */
struct ike_profile {
    const char *name;
    uint32_t line;
    uint8_t version;
    const struct ike_match *remote; /* match identity remote */
    unsigned n_remote;
    const struct ike_cert_map *cert_maps; /* match certificate: who proves himself by a certificate of that kind */
    unsigned n_cert_maps;
    const struct ip_addr *locals;
    unsigned n_locals;
    uint8_t id_type; /* own identity; 0: the local address */
    struct ike_bytes id;
    uint8_t auth_local, auth_remote; /* enum ike_auth_bits; one bit resp. any of them */
    const struct ike_psk *keys;
    unsigned n_keys;
    bool names_trustpoints;                              /* then no other stands in for those that are not there */
    const struct ike_credential *credential;             /* to sign with */
    const struct ike_credential *trusts[IKE_TRUSTS_MAX]; /* to verify peers with, one after the other */
    unsigned n_trusts;
    uint32_t lifetime_s;
    uint32_t dpd_s, dpd_retry_s; /* 0: none */
    bool dpd_periodic;           /* else on demand */
    bool aggressive;             /* version 1: `initiate mode aggressive` */
};

/* What one pair of SAs is for: a line of the access list (one box of it). Inclusive ranges, host order ports. */
struct ike_selector {
    uint8_t family, proto; /* 0: any */
    uint16_t sport_lo, sport_hi, dport_lo, dport_hi;
    struct ip_addr src_lo, src_hi, dst_lo, dst_hi;
};
struct ike_line {
    uint32_t reqid, line;
    bool one_of_many; /* the line has other boxes too: an SA must say which one it is for */
    struct ike_selector sel;
};

struct ike_peer {
    struct ip_addr addr; /* FAMILY_NONE: `host` is not resolved yet */
    const char *host;
    bool is_default;
};

/* A crypto map entry on an interface. */
struct ike_entry {
    const char *map;
    uint32_t seq, line;
    bool dynamic;         /* of a dynamic map: whoever proves who they are */
    uint8_t version;      /* of what we initiate: 2 if it has an IKEv2 profile, else 1 */
    struct ip_addr local; /* FAMILY_NONE: whichever the kernel takes */
    struct ike_peer *peers;
    unsigned n_peers;
    const struct ike_transform_set *const *sets;
    unsigned n_sets;
    const struct ike_line *lines; /* none in a dynamic entry without a list: what the peer proposes */
    unsigned n_lines;
    uint16_t pfs;                     /* enum algo_id, ALGO_NONE: no PFS */
    uint32_t lifetime_s, lifetime_kb; /* kilobytes; 0: not limited */
    uint32_t replay_window;           /* packets; 0: replays are not looked for */
    bool per_host, responder_only;
    bool clears_df, drops_ecn; /* of its SAs: DF of the outer header is clear; the outer header's ECN is not copied */
    uint32_t idle_s;           /* 0: SAs stay without traffic */
    bool idle_default;         /* after idle time the default peer is the next */
    struct ike_route {
        bool on, is_static;
        struct ip_addr via; /* FAMILY_NONE: as the way to the peer goes */
        uint32_t distance;
    } route;
    const struct ike_profile *profile; /* NULL: IKEv1 without a profile */
    /* Of a dynamic entry: where its peers' policies stand (lower wins; index is enum xfrm_dir). */
    uint32_t priority[3];
    /* Where the map is: there policies of dynamic entries' peers hold outbound, and routes to peers go out. */
    uint32_t ifindex[8];
    unsigned n_ifindex;
};

struct ike_policy {
    const struct ike_v2_policy *v2;
    unsigned n_v2;
    const struct ike_v1_policy *v1; /* by rising number */
    unsigned n_v1;
    const struct ike_profile *profiles; /* both versions, in the order of the text */
    unsigned n_profiles;
    const struct ike_psk *keys; /* `crypto isakmp key` and keyrings without a profile */
    unsigned n_keys;
    uint32_t n_key_ids;        /* the highest `id` of a key */
    struct ike_entry *entries; /* static ones before dynamic ones, by sequence */
    unsigned n_entries;
    const struct ike_credential *credentials; /* trustpoints; the first holds where a profile names none */
    unsigned n_credentials;
    bool aggressive_disabled, v1_fragmentation, v2_fragmentation;
    /* `crypto isakmp peer` with `set aggressive-mode`: who is called in aggressive mode, with which identity and key */
    const struct ike_aggressive_peer *aggressive;
    unsigned n_aggressive;
    bool v1_id_hostname, v1_id_dn; /* crypto isakmp identity */
    const char *hostname;
    uint32_t fragment_mtu; /* bytes of the IP packet */
    uint32_t v1_keepalive_s, v1_keepalive_retry_s;
    bool v1_keepalive_periodic;
    uint32_t nat_keepalive_s;            /* 0: none */
    uint32_t cookie_threshold;           /* half-open SAs from which on cookies are asked for; 0: a built-in number */
    uint32_t max_in_negotiation, max_sa; /* 0: no limit */
};

#endif
