/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IR: what one configuration means. Built by compiler/sem, read by lint/ and backends/, immutable after resolution
 * and owned by one arena. Every value knows the words that set it, or that it is a default and whose.
 *
 * Lists keep the order of the text unless said otherwise. Lifetimes are in seconds and kilobytes (1024 bytes).
 */
#ifndef IOSCC_IR_IR_H
#define IOSCC_IR_IR_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/algo/algo.h"
#include "compiler/base/addr.h"
#include "compiler/base/arena.h"
#include "compiler/base/hash.h"
#include "compiler/base/secret.h"
#include "compiler/base/source.h"
#include "compiler/base/str.h"

enum ir_origin {
    ORIGIN_UNSET,     /* neither written nor is there a default */
    ORIGIN_WRITTEN,   /* span says where */
    ORIGIN_DEFAULT,   /* the router's own default */
    ORIGIN_INHERITED, /* from the global command; span says where that stands, if anywhere */
};

struct ir_mark {
    struct span span;
    uint8_t origin; /* enum ir_origin */
};

/* Number, flag (0/1), enumeration or enum algo_id, as the field's descriptor says. */
struct ir_num {
    uint64_t v;
    struct ir_mark m;
};
struct ir_str {
    struct str s;
    struct ir_mark m;
};
struct ir_addr {
    struct ip_addr a;
    uint8_t plen; /* 255: a bare address */
    struct ir_mark m;
};
struct ir_secret {
    struct secret s;
    struct ir_mark m;
};
/* A name that stands for another object. `target` is NULL if there is none of that name. */
struct ir_ref {
    struct str name;
    struct ir_mark m;
    void *target;
};

#define IR_IS_SET(x) ((x).m.origin != ORIGIN_UNSET)
#define IR_WRITTEN(x) ((x).m.origin == ORIGIN_WRITTEN)

/* An address or a host name. */
struct ir_host {
    struct ip_addr addr; /* family FAMILY_NONE: only a name */
    struct str name;     /* as written; with an address where one was found for it */
    struct ir_mark m;
};

/* ---- IKEv1 ---- */

struct isakmp_policy {
    struct span span;
    struct ir_num number;
    struct ir_num encr, encr_bits; /* ALGO_ENCR_*; key size in bits */
    struct ir_num hash, auth, group;
    struct ir_num lifetime_s;
    struct ir_num is_default; /* 1: one of the built-in default policies (65507 …) */
};

enum key_peer_kind { KEY_ADDRESS, KEY_IPV6, KEY_HOSTNAME };
struct psk {
    struct span span;
    struct ir_num kind; /* enum key_peer_kind */
    struct ir_host peer;
    struct ir_addr mask; /* IPv4 mask; prefix length of IPv6 in peer_plen */
    struct ir_num peer_plen;
    struct ir_secret key;
    struct ir_num no_xauth;
};

struct rsa_pubkey {
    struct span span;
    struct ir_str kind; /* address | name | named-key | addressed-key */
    struct ir_str name, usage;
    struct ir_addr address;
    struct ir_str key; /* hexadecimal text as written */
};

struct keyring {
    struct span span;
    struct ir_str name, vrf, description;
    struct ptrlist keys;    /* struct psk */
    struct ptrlist pubkeys; /* struct rsa_pubkey */
    struct ptrlist local;   /* struct local_address */
};

struct local_address {
    struct span span;
    struct ir_host address; /* address, or .name is an interface */
    struct ir_ref interface;
    struct ir_str vrf;
};

struct identity_match {
    struct span span;
    struct ir_str
        kind; /* address, ipv6, host, host-domain, user, user-domain, user-fqdn, group, fqdn, email, key-id, any */
    struct ir_str value;
    struct ir_addr address, mask;
    struct ir_num domain; /* 1: the value is a domain */
    struct ir_str vrf;
};

struct isakmp_profile {
    struct span span;
    struct ir_str name, description, vrf;
    struct ptrlist keyrings;   /* struct ir_ref → struct keyring; `default` has no target */
    struct ptrlist identities; /* struct identity_match */
    struct ptrlist cert_maps;  /* struct ir_ref → struct cert_map */
    struct ir_str self_identity_kind, self_identity;
    struct ptrlist local; /* struct local_address */
    struct ir_num keepalive_s, keepalive_retry;
    struct ptrlist trustpoints; /* struct ir_ref → struct trustpoint */
    struct ir_str initiate_mode;
    struct ptrlist other; /* struct ir_text: lines without a counterpart here */
};

struct isakmp_peer {
    struct span span;
    struct ir_host peer;
    struct ir_str vrf, endpoint_kind, endpoint, description;
    struct ir_secret password;
};

/* ---- IKEv2 ---- */

struct ikev2_proposal {
    struct span span;
    struct ir_str name, description;
    struct ptrlist encr;  /* struct ir_alg: ENCR */
    struct ptrlist integ; /* struct ir_alg: INTEG */
    struct ptrlist prf;   /* struct ir_alg: INTEG, as PRF; equals integ if there is no prf line */
    struct ptrlist group; /* struct ir_alg: DH */
    struct ir_str pqc;
    struct ir_num is_default; /* 1: the built-in one */
    struct ir_num complete;   /* 1: may be used (R-PRP-1) */
};
struct ir_alg {
    enum algo_id id;
    uint16_t bits; /* key size, 0 if the algorithm has one only */
    struct ir_mark m;
};

struct ikev2_policy {
    struct span span;
    struct ir_str name, description;
    struct ptrlist proposals; /* struct ir_ref → struct ikev2_proposal */
    struct ir_str fvrf;       /* default: the global table, printed as nothing */
    struct ptrlist local;     /* struct local_address */
    struct ir_num inbound_only, is_default;
};

struct ikev2_peer {
    struct span span;
    struct ir_str name, description, hostname;
    struct ir_addr address, mask;
    struct ir_host address_host; /* when the address is not one (a template or a name) */
    struct ir_str identity_kind, identity;
    struct ir_num identity_domain;
    struct ir_secret local_key, remote_key; /* a key for both directions is in both */
    struct ir_str ppk;
};
struct ikev2_keyring {
    struct span span;
    struct ir_str name, description;
    struct ptrlist peers; /* struct ikev2_peer */
};

struct ikev2_auth {
    struct span span;
    struct ir_str method; /* pre-share, rsa-sig, ecdsa-sig, eap, anyconnect-eap, dynamic */
    struct ir_str text;   /* the rest of an eap line, without its key */
    struct ir_secret key;
};
struct ikev2_profile {
    struct span span;
    struct ir_str name, description;
    struct ir_str match_fvrf;
    struct ptrlist match_identities; /* struct identity_match */
    struct ptrlist cert_maps;        /* struct ir_ref */
    struct ptrlist local;            /* struct local_address */
    struct ir_num inbound_only;
    struct ir_str identity_kind, identity;
    struct ptrlist auth_remote, auth_local; /* struct ikev2_auth */
    struct ir_ref keyring;
    struct ir_str keyring_aaa, keyring_ppk;
    /* struct ir_ref; `sign` only, `verify` only, both */
    struct ptrlist trustpoints_sign, trustpoints_verify, trustpoints;
    struct ir_num lifetime_s, lifetime_certificate;
    struct ir_num dpd_s, dpd_retry;
    struct ir_str dpd_mode;
    struct ir_num nat_keepalive_s;
    struct ir_str ivrf;
    struct ir_num virtual_template, shutdown;
    struct ptrlist other;   /* struct ir_text */
    struct ir_num complete; /* 1: usable (R-PF2-1) */
};

/* ---- IPsec ---- */

enum ipsec_proto { PROTO_AH, PROTO_ESP, PROTO_COMP };
struct ir_transform {
    enum ipsec_proto proto;
    enum algo_id alg;
    uint16_t bits; /* key size */
    bool bits_written;
    struct ir_mark m;
};
struct transform_set {
    struct span span;
    struct ir_str name;
    struct ptrlist transforms; /* struct ir_transform */
    struct ir_str mode;        /* tunnel | transport */
    struct ir_num require, esn, iv_size, is_default;
};

struct manual_key {
    struct span span;
    struct ir_num outbound; /* 0: inbound */
    struct ir_num proto;    /* enum ipsec_proto */
    struct ir_num spi;
    struct ir_secret cipher; /* for AH: its authenticator */
    struct ir_secret authenticator;
};

struct map_peer {
    struct span span;
    struct ir_host host;
    struct ir_num is_default, dynamic;
};

enum entry_type { ENTRY_UNTYPED, ENTRY_ISAKMP, ENTRY_MANUAL, ENTRY_DYNAMIC, ENTRY_GDOI };

/* What `set …` can say in a static entry, a dynamic entry or an ipsec profile. */
struct sa_settings {
    struct ptrlist transform_sets; /* struct ir_ref → struct transform_set */
    struct ir_num pfs_group;       /* ALGO_DH_*; unset: PFS is not asked for */
    struct ir_num pfs_bare;        /* 1: `set pfs` without a group */
    struct ir_num lifetime_s, lifetime_kb, lifetime_kb_disabled;
    struct ir_num idle_s, idle_default;
    struct ir_num replay_window, replay_disabled;
    struct ir_num dummy_pps, dummy_s;
    struct ir_str ecn, dfbit, dscp;
    struct ir_num per_host;
    struct ir_ref isakmp_profile, ikev2_profile, identity;
    struct ir_num mixed_mode, policy_limit;
    struct ir_num reverse_route, rr_static, rr_distance, rr_tag;
    struct ir_addr rr_remote_peer, rr_gateway;
    struct ir_num rr_remote_gateway;
    struct ir_num responder_only;
    struct ir_str redundancy;
    struct ptrlist flags; /* struct ir_text: qos pre-classify, dialer pre-classify, rri-dvti-disable */
};

struct crypto_map_entry {
    struct span span;
    bool in_dynamic; /* an entry of a dynamic map */
    struct ir_num seq;
    struct ir_num type;    /* enum entry_type */
    struct ir_ref dynamic; /* → struct crypto_map that is_dynamic */
    struct ir_num discover;
    struct ir_ref type_profile; /* `ipsec-isakmp profile P` */
    struct ir_str description;
    struct ir_ref acl;    /* → struct acl */
    struct ptrlist peers; /* struct map_peer */
    struct ptrlist keys;  /* struct manual_key */
    struct sa_settings sa;
    struct ir_ref gdoi_group;
    struct ir_ref access_in, access_out;
    struct ir_num nat_demux, disabled;
    struct ir_num complete; /* 1: it takes part; 0: it is disabled, see `lacks` */
    struct ir_str lacks;    /* what is missing, in words */
};

struct crypto_map {
    struct span span;
    struct ir_str name;
    struct ir_num ipv6, is_dynamic;
    struct ptrlist entries;      /* struct crypto_map_entry, by rising sequence */
    struct ir_ref local_address; /* → struct interface */
    struct ptrlist options;      /* struct ir_text */
    struct ptrlist applied;      /* struct interface */
    struct ptrlist bindings;     /* struct map_binding: one for each interface, same order */
};

/* A crypto map on an interface. The local address is that of the map's local-address interface, else the interface's
 * own (through ip unnumbered), with `redundancy` the virtual one of the standby group; unset if it is not known from
 * the text (DHCP, no address). */
struct map_binding {
    struct span span;
    struct ir_ref interface;
    struct ir_addr local;
    bool is_unknown_standby; /* `redundancy GROUP`, and no group of that name has an address */
};

struct ipsec_profile {
    struct span span;
    struct ir_str name, description;
    struct sa_settings sa;
    struct ir_num is_default;
};

/* ---- access lists ---- */

enum acl_kind { ACL_EXTENDED, ACL_STANDARD, ACL_IPV6 };
enum ace_addr_form { ACE_ANY, ACE_HOST, ACE_HOSTNAME, ACE_WILDCARD, ACE_PREFIX, ACE_GROUP, ACE_RANGE };
enum ace_port_op { ACE_NO_PORT, ACE_EQ, ACE_NEQ, ACE_LT, ACE_GT, ACE_PORT_RANGE };

#define ACE_PORTS_MAX 10
struct ace_ports {
    uint8_t op; /* enum ace_port_op */
    uint8_t n;
    uint16_t port[ACE_PORTS_MAX];
};
struct ace_end {
    uint8_t form;              /* enum ace_addr_form */
    uint8_t plen;              /* ACE_PREFIX */
    struct ip_addr addr, wild; /* ACE_WILDCARD: don't-care bits set; addr has them zeroed. ACE_RANGE: first, last */
    struct str name;           /* ACE_HOSTNAME, ACE_GROUP */
    void *group;               /* ACE_GROUP → struct object_group, NULL if undefined */
    struct ace_ports ports;
    struct span span;
};
struct ace {
    struct span span;
    uint32_t seq;
    bool permit, remark, seq_written, log, log_input, icmp_code_set, icmp_type_set;
    uint16_t proto; /* IP protocol, PROTO_ANY */
    uint8_t icmp_type, icmp_code;
    uint16_t unselectable; /* ACE options that no IPsec selector can express; enum ace_option */
    struct str opts;       /* their text */
    struct str text;       /* of a remark */
    struct str service_group;
    void *service; /* → struct object_group */
    struct span service_span;
    struct ace_end src, dst;
};
struct acl {
    struct span span;
    struct ir_str name;
    struct ir_num kind; /* enum acl_kind */
    struct ir_num numbered;
    struct ptrlist aces; /* struct ace, by rising sequence; remarks included */
    uint32_t last_seq;
    bool unsorted;
};

struct object_item {
    struct span span;
    struct ace_end end; /* network item, or destination port of a service item */
    struct ace_ports src_ports;
    uint16_t proto; /* service item; PROTO_TCP_UDP for tcp-udp */
    bool is_group, icmp_set;
    uint8_t icmp_type, icmp_code;
    bool icmp_code_set;
    struct str group_name;
    void *group;
};
#define PROTO_TCP_UDP 257u
struct object_group {
    struct span span;
    struct ir_str name, description;
    struct ir_num is_service;
    struct ptrlist items; /* struct object_item */
};

/* ---- interfaces, NAT, the rest ---- */

struct if_address {
    struct span span;
    struct ir_addr address; /* with plen */
    struct ir_num secondary;
    struct ir_str kind; /* link-local, eui-64, anycast */
};
struct acl_binding {
    struct span span;
    struct ir_ref acl;
    struct ir_str direction; /* in | out */
};
struct interface {
    struct span span;
    struct ir_str name; /* canonical: full type name, no blank */
    struct ir_num ipv4_none;
    struct ptrlist addresses;      /* struct if_address, IPv4 */
    struct ptrlist addresses6;     /* struct if_address */
    struct ir_str dynamic_address; /* dhcp, negotiated, pool */
    struct ir_ref unnumbered;
    struct ir_str vrf;
    struct ir_ref crypto_map, crypto_map6;
    struct ir_num map_redundancy;
    struct ir_str map_redundancy_group;
    struct ir_num map_redundancy_stateful;
    struct ptrlist access_groups, traffic_filters; /* struct acl_binding */
    struct ir_str nat;
    struct ir_num mtu, ip_mtu, mss, shutdown;
    struct ir_str df_bit, fragmentation, ezvpn;
    struct ptrlist nhrp, standby; /* struct ir_text */
    struct ir_str encapsulation;
    struct ir_host tunnel_source, tunnel_destination; /* name `dynamic` possible */
    struct ir_ref tunnel_source_if;
    struct ir_str tunnel_mode;
    struct ir_ref protection;
    struct ir_num protection_shared;
    struct ir_ref protection_ikev2, protection_isakmp;
    struct ir_ref protection_acl4, protection_acl6;
    struct ir_str tunnel_vrf, tunnel_pmtud;
    struct ir_num tunnel_key, tunnel_ttl, tunnel_tos;
    struct ptrlist tunnel_other; /* struct ir_text */
};

struct nat_rule {
    struct span span;
    struct ir_str kind; /* list, route-map, static */
    struct ir_ref acl, route_map, interface;
    struct ir_str pool, vrf, text;
    struct ir_num overload;
};
/* `ip host`: what a name stands for, asked before the DNS. */
struct host_entry {
    struct span span;
    struct ir_str name;
    struct ptrlist addresses; /* struct host_entry_address */
};
struct host_entry_address {
    struct span span;
    struct ir_addr address;
};
struct nat_pool {
    struct span span;
    struct ir_str name;
    struct ir_addr first, last;
    struct ir_num plen;
};
struct route_map {
    struct span span;
    struct ir_str name;
    struct ir_num permit, seq;
    struct ptrlist acls;  /* struct ir_ref */
    struct ptrlist other; /* struct ir_text */
};

struct trustpoint {
    struct span span;
    struct ir_str name, description, enrollment, subject, revocation, keypair, fqdn, hash;
    struct ir_num keypair_bits;
    struct ir_secret password;
    struct ptrlist other; /* struct ir_text */
};
struct certificate {
    struct span span;
    struct ir_str role, serial, file;
    struct ir_str hex; /* DER as hexadecimal digits, blanks removed */
    struct ir_str subject, issuer, not_before, not_after, signature, key_type; /* decoded; times ISO 8601 UTC */
    struct ir_num key_bits;
    int64_t expires; /* seconds since 1970, 0 if unknown */
};
struct cert_chain {
    struct span span;
    struct ir_str name;
    struct ptrlist certificates; /* struct certificate */
};
struct cert_map_rule {
    struct span span;
    struct ir_str field, op, value;
};
struct cert_map {
    struct span span;
    struct ir_str name;
    struct ir_num seq;
    struct ptrlist rules;
};
struct crypto_identity {
    struct span span;
    struct ir_str name, dn, fqdn, description;
};
/* A line kept as text because nothing here stands for it. Keys in it are not part of the text. */
struct ir_text {
    struct span span;
    struct ir_str text;
    struct ir_secret key; /* printed after the text */
};
struct other_block {
    struct span span;
    struct ir_str head; /* the whole command */
    struct ir_secret key;
    struct ptrlist lines; /* struct ir_text */
};
/* A line that was not understood. */
struct broken_line {
    struct span span;
    struct str text;
};
/* What became of one line of the text, in its order. Where a line is neither read nor broken, nobody here knows more of
 * it than its words. */
enum ir_line_state { IR_LINE_READ, IR_LINE_BROKEN, IR_LINE_LEFT };
/* Where it stands. BELOW_LEFT: in a block whose first line is left itself. */
enum ir_line_place {
    IR_IN_GLOBAL,
    IR_IN_INTERFACE,
    IR_IN_LIST,
    IR_IN_ROUTE_MAP,
    IR_IN_BLOCK, /* of another kind */
    IR_BELOW_LEFT
};
/* What a line that was read is about, where that is not told by the object that it belongs to. */
enum ir_line_kind {
    IR_LINE_OF_OBJECT,
    IR_LINE_TEXT, /* a description, a remark, the version */
    IR_LINE_LOG,
    IR_LINE_INTERFACE, /* opens one */
    IR_LINE_ADDRESS,
    IR_LINE_ADDRESS6,
    IR_LINE_MTU,
    IR_LINE_IP_MTU,
    IR_LINE_VRF,
    IR_LINE_STANDBY,
    IR_LINE_NHRP,
    IR_LINE_ENCAPSULATION,
    IR_LINE_EZVPN,
    IR_LINE_TUNNEL,
    IR_LINE_VTEMPLATE,
    IR_LINE_ENROLMENT, /* how a certificate is asked for, and what it is to say */
    IR_LINE_SHUTDOWN,
    IR_LINE_ROUTE_MAP, /* what one sets or asks beside access lists */
    IR_LINE_OTHER,     /* a crypto command that is kept as text */
};
struct ir_line {
    uint32_t off;   /* of its first word */
    uint32_t owner; /* place of the object that it belongs to (its span.off), IR_LINE_NO_OWNER: of none */
    uint8_t kind;   /* read: enum ir_line_kind */
    uint8_t place;  /* enum ir_line_place */
    uint8_t state;  /* enum ir_line_state */
};
#define IR_LINE_NO_OWNER UINT32_MAX
struct ir_vrf {
    struct span span;
    struct ir_str name;
};

struct isakmp_globals {
    struct ir_num enable, default_policy;
    struct ir_str identity;
    struct ir_num keepalive_s, keepalive_retry;
    struct ir_str keepalive_mode;
    struct ir_num nat_keepalive_s, aggressive_disable, invalid_spi_recovery, fragmentation, performance,
        disconnect_revoked;
    struct ir_num diagnose_error, xauth_timeout_s;
    struct ir_num call_ike_sa, call_ike_negotiating, call_all_negotiating,
        call_ipsec_sa; /* crypto call admission limit */
};
struct ipsec_globals {
    struct ir_num lifetime_s, lifetime_kb, lifetime_kb_disabled;
    struct ir_num replay_window, replay_disabled, idle_s, dummy_pps, dummy_s, multi_sn;
    struct ir_str ecn, pmtu_aging, df_bit, fragmentation, ipv4_deny;
    struct ir_num nat_udp_encapsulation, nat_spi_matching;
    struct ir_num optional, optional_retry_s, sa_strength;
    struct ptrlist exclude; /* struct ir_text */
    struct ir_num no_default_transform_set;
};
struct ikev2_globals {
    struct ir_num dpd_s, dpd_retry;
    struct ir_str dpd_mode;
    struct ir_num nat_keepalive_s, window, fragmentation, fragmentation_mtu, cookie_challenge;
    struct ir_num max_in_negotiation, max_sa, queue_sa_init, certificate_cache, http_url_cert, http_url_bundle,
        diagnose_error;
    struct ir_str max_in_negotiation_direction;
    struct ir_num disconnect_revoked, cts_sgt;
    struct ir_num no_default_proposal, no_default_policy;
};

struct ir_config {
    struct arena *arena;
    struct source *source;
    struct span unit;                             /* where this configuration starts in a capture */
    struct ir_str hostname, domain_name, version; /* domain_name: ip domain name */
    struct isakmp_globals isakmp;
    struct ipsec_globals ipsec;
    struct ikev2_globals ikev2;
    struct ptrlist vrfs, isakmp_policies /* by number */, isakmp_keys, keyrings, isakmp_profiles, isakmp_peers;
    struct ptrlist ikev2_proposals, ikev2_policies, ikev2_keyrings, ikev2_profiles;
    struct ptrlist transform_sets, ipsec_profiles, crypto_maps, dynamic_maps;
    struct ptrlist acls, object_groups, interfaces, nat_rules, nat_pools, route_maps, hosts;
    struct ptrlist trustpoints, cert_chains, cert_maps, identities, pubkeys, others;
    struct symtab names;           /* (name, enum ir_table) → object */
    struct symtab broken;          /* ("", span.off) of blocks that hold a line which was not understood → its span */
    struct symtab broken_at;       /* the same → struct broken_line: the first of them */
    struct ptrlist broken_globals; /* struct broken_line: of no block; what stands below is not read */
    struct ir_line *lines;         /* lines_n: what became of each line */
    uint32_t lines_n, lines_cap;
    uint32_t crypto_statements; /* how much of the text was about IPsec */
};

/* Name spaces of ir_config.names. */
enum ir_table {
    TAB_ACL = 1,
    TAB_OBJECT_GROUP,
    TAB_INTERFACE,
    TAB_TRANSFORM_SET,
    TAB_IPSEC_PROFILE,
    TAB_CRYPTO_MAP,
    TAB_CRYPTO_MAP6,
    TAB_DYNAMIC_MAP,
    TAB_KEYRING,
    TAB_ISAKMP_PROFILE,
    TAB_V2_PROPOSAL,
    TAB_V2_POLICY,
    TAB_V2_KEYRING,
    TAB_V2_PROFILE,
    TAB_TRUSTPOINT,
    TAB_CERT_CHAIN,
    TAB_CERT_MAP,
    TAB_IDENTITY,
    TAB_ROUTE_MAP,
    TAB_VRF,
    TAB_ISAKMP_POLICY,
    TAB_NAT_POOL,
    TAB_ROUTE_MAP_ENTRY,
    TAB_HOST, /* names in lower case */
    TAB_MAP_ENTRY_BASE = 1 << 20,
};

/* Any object by name, NULL if there is none. */
static inline void *ir_find(const struct ir_config *c, enum ir_table t, struct str name)
{
    return symtab_get(&c->names, name, (uint32_t)t);
}

/* A line of the list that is no remark: a list without one is as good as not there, wherever it is named. `a` NULL:
 * false. */
static inline bool acl_has_lines(const struct acl *a)
{
    for (uint32_t i = 0; a && i < a->aces.n; i++)
        if (!((const struct ace *)a->aces.v[i])->remark)
            return true;
    return false;
}

const char *entry_type_word(enum entry_type t); /* "ipsec-isakmp" … */

#endif
