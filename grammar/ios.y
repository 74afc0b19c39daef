/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spelling of IOS crypto configuration, one line at a time. Each line is parsed on its own; its first token says
 * in which mode it is tried, so one grammar holds every sub-mode. Actions fill in the statement and do nothing else:
 * no look-ups, no options, no output.
 *
 * Which word is which token is decided beside the parser (resolve.c): from the tokens that are legal after the ones
 * already read, asked from this grammar once per path and remembered. So abbreviations, names that look like keywords,
 * "expected …" and "did you mean" all follow from the rules below and need nothing written twice.
 *
 * The rules continue in the files rules_*.y; the build joins them. Keywords are declared from keywords.def.
 */
%define api.pure full
%define api.push-pull push
%define api.prefix {iosp_}
%define api.value.type {struct ios_val}
%define parse.error custom
%define parse.lac full
%define api.token.raw
%expect 0
%parse-param {struct ios_line *p}

%code requires {
#include "grammar/parse.h"
}

%code {
/* Statement of kind S_k with the given values. */
#define ST(k, ...)                                                                                            \
    line_statement(p, S_##k, (const struct ios_val[]){__VA_ARGS__},                                           \
                   sizeof((const struct ios_val[]){__VA_ARGS__}) / sizeof(struct ios_val))
#define OPENS(m) (p->st->opens = MODE_##m)
static const struct ios_val none = {.kind = IOS_V_NONE};
static void iosp_error(struct ios_line *p, const char *msg)
{
    (void)msg;
    p->failed = true;
}
}

/* Shapes of words, in the words of an error message. */
%token T_NUM "a number"
%token T_IP4 "an IPv4 address"
%token T_IP4LEN "an IPv4 prefix"
%token T_IP6 "an IPv6 address"
%token T_IP6LEN "an IPv6 prefix"
%token T_WORD "a name"
%token T_IFNAME "an interface name"
%token T_REST "text"
%token T_OTHER "other words"
%token T_CUT "end of a no command"
%token T_SECTYPE "0 or 6"
%token T_PORT "a port name"
%token T_ICMP "an ICMP message name"
%token T_ICMP6 "an ICMPv6 message name"
%token T_PROTO "a protocol"
%token T_PROTO6 "an IPv6 protocol"
%token T_PREC "a precedence"
%token T_TOS "a type of service"
%token T_DSCP "a DSCP"
%token T_ENCR1 "an encryption algorithm (des, 3des, aes)"
%token T_HASH1 "a hash (md5, sha, sha256, sha384, sha512)"
%token T_AUTH1 "an authentication method (pre-share, rsa-sig, rsa-encr, ecdsa-sig)"
%token T_GROUP1 "a Diffie-Hellman group (1, 2, 5, 14, 15, 16, 19, 20, 21, 24)"
%token T_TRANSFORM "a transform (esp-aes, esp-gcm, esp-sha256-hmac, …)"
%token T_PFS "a group (group14, group19, group20, …)"
%token T_ENCR2 "an encryption algorithm (aes-cbc-256, aes-gcm-256, …)"
%token T_INTEG2 "an integrity algorithm (sha256, sha384, sha512, sha1, md5)"

/* Modes: pushed before the words of a line. */
%token M_GLOBAL M_IGNORED M_OTHER M_INTERFACE M_ACL_EXT M_ACL_STD M_ACL6 M_OG_NET M_OG_SVC M_ROUTE_MAP
%token M_ISAKMP_POLICY M_ISAKMP_PEER M_KEYRING M_ISAKMP_PROFILE M_TRANSFORM M_IPSEC_PROFILE M_CMAP
%token M_V2_PROPOSAL M_V2_POLICY M_V2_KEYRING M_V2_PEER M_V2_PROFILE M_TRUSTPOINT M_CERT_CHAIN M_CERT_MAP
%token M_IDENTITY M_PUBKEY_CHAIN M_PUBKEY
/* KEYWORDS: the build puts the declarations made from keywords.def here */

%%

line:
  M_GLOBAL global
| M_INTERFACE interface_cmd
| M_OTHER block_cmd
| M_ACL_EXT ace_ext_line
| M_ACL_STD ace_std_line
| M_ACL6 ace6_line
| M_OG_NET og_net_cmd
| M_OG_SVC og_svc_cmd
| M_ROUTE_MAP route_map_cmd
| M_ISAKMP_POLICY isakmp_policy_cmd
| M_ISAKMP_PEER isakmp_peer_cmd
| M_KEYRING keyring_cmd
| M_ISAKMP_PROFILE isakmp_profile_cmd
| M_TRANSFORM transform_cmd
| M_IPSEC_PROFILE ipsec_profile_cmd
| M_CMAP cmap_cmd
| M_V2_PROPOSAL v2_proposal_cmd
| M_V2_POLICY v2_policy_cmd
| M_V2_KEYRING v2_keyring_cmd
| M_V2_PEER v2_peer_cmd
| M_V2_PROFILE v2_profile_cmd
| M_TRUSTPOINT trustpoint_cmd
| M_CERT_CHAIN cert_chain_cmd
| M_CERT_MAP cert_map_cmd
| M_IDENTITY identity_cmd
| M_PUBKEY_CHAIN pubkey_chain_cmd
| M_PUBKEY pubkey_cmd
;

/* ---- words that many commands share ---- */

name: T_WORD | T_NUM | T_IP4 | T_IP6 | T_IP4LEN | T_IP6LEN;
name_cut: name | T_CUT;
num: T_NUM | T_CUT;
names: name { line_list(p, $1); } | names name { line_list(p, $2); };
names_cut: names | T_CUT { line_list(p, $1); };
addr: T_IP4 | T_IP6;
host: T_IP4 | T_IP6 | T_WORD;
host_cut: host | T_CUT;
text: T_REST | T_CUT;
ifname: T_IFNAME;
ifname_cut: T_IFNAME | T_CUT;
opt_mask: %empty { $$ = none; } | T_IP4;
opt_vrf_name: %empty { $$ = none; } | name;
opt_num: %empty { $$ = none; } | T_NUM;

/* A key: `[0|6] WORD`. Two values on the stack are wanted; the type goes to the line, the word is the value. */
secret: T_WORD { p->sec_type = none; $$ = $1; } | T_NUM { p->sec_type = none; $$ = $1; }
| T_IP4 { p->sec_type = none; $$ = $1; } | T_IP6 { p->sec_type = none; $$ = $1; }
| T_IP4LEN { p->sec_type = none; $$ = $1; } | T_IP6LEN { p->sec_type = none; $$ = $1; }
| T_SECTYPE name { p->sec_type = $1; $$ = $2; }
| T_CUT { p->sec_type = none; $$ = $1; }
;

/* ---- global configuration ---- */

global:
  "hostname" name_cut               { ST(HOSTNAME, $2); }
| "version" T_REST                  { ST(VERSION, $2); }
| "vrf" "definition" name           { ST(VRF, $3); OPENS(IGNORED); }
| "vrf" T_OTHER                     { ST(IGNORED, none); OPENS(IGNORED); }
| "ip" global_ip
| "ipv6" "access-list" name_cut     { ST(ACL, $3, $2); p->st->args[1].u.word = "ipv6"; OPENS(ACL6); }
| "ipv6" "access-list" "standard" T_OTHER { ST(ASA, $2); OPENS(IGNORED); }
| "ipv6" "access-list" "extended" T_OTHER { ST(ASA, $2); OPENS(IGNORED); }
| "ipv6" "access-list" "log-update" T_OTHER { ST(IGNORED, none); }
| "ipv6" "host" T_REST              { ST(IP_HOST, $3); }
| "ipv6" T_OTHER                    { ST(IGNORED, none); OPENS(IGNORED); }
| "access-list" numbered_acl
| "object-group" "network" name_cut { ST(OBJECT_GROUP, $3, $2); OPENS(OG_NET); }
| "object-group" "service" name_cut { ST(OBJECT_GROUP, $3, $2); OPENS(OG_SVC); }
| "object-group" T_OTHER            { ST(IGNORED, none); OPENS(IGNORED); }
| "route-map" name opt_rm_action opt_num { ST(ROUTE_MAP, $2, $3, $4); OPENS(ROUTE_MAP); }
| "interface" ifname opt_rest       { ST(INTERFACE, $2, $3); OPENS(INTERFACE); }
| "interface" "range" T_OTHER       { ST(IGNORED, none); OPENS(IGNORED); }
| "crypto" crypto
;

opt_rest: %empty { $$ = none; } | T_OTHER;
opt_rm_action: %empty { $$ = none; } | "permit" | "deny";

global_ip:
  "access-list" "extended" name_cut { ST(ACL, $3, $2); OPENS(ACL_EXT); }
| "access-list" "standard" name_cut { ST(ACL, $3, $2); OPENS(ACL_STD); }
| "access-list" "resequence" name T_NUM T_NUM { ST(ACL_RESEQUENCE, $3, $4, $5); }
| "access-list" "role-based" T_OTHER { ST(IGNORED, none); OPENS(IGNORED); }
| "access-list" "logging" T_OTHER   { ST(IGNORED, none); }
| "access-list" "log-update" T_OTHER { ST(IGNORED, none); }
| "access-list" "persistent" opt_rest { ST(IGNORED, none); }
| "access-list" "helper" T_OTHER    { ST(IGNORED, none); }
| "access-list" "match-local-traffic" { ST(IGNORED, none); }
| "vrf" name opt_rest               { ST(VRF, $2); OPENS(IGNORED); }
| "nat" global_nat
| "host" T_REST                     { ST(IP_HOST, $2); }
| "domain" "name" name_cut          { ST(DOMAIN_NAME, $3); }
| "domain" "name" "vrf" name T_REST { ST(IGNORED, none); }
| "domain" T_OTHER                  { ST(IGNORED, none); }
| "domain-name" name_cut            { ST(DOMAIN_NAME, $2); }
| "domain-name" "vrf" name T_REST   { ST(IGNORED, none); }
| T_OTHER                           { ST(IGNORED, none); OPENS(IGNORED); }
;

global_nat:
  "inside" "source" "list" name nat_target { ST(NAT_LIST, $4, p->nat.ifname, p->nat.pool, p->nat.overload, p->nat.vrf); }
| "inside" "source" "route-map" name nat_target { ST(NAT_ROUTE_MAP, $4, p->nat.ifname, p->nat.pool, p->nat.overload, p->nat.vrf); }
| "inside" "source" "static" T_REST { ST(NAT_STATIC, $4); }
| "pool" name T_IP4 T_IP4 "netmask" T_IP4 opt_rest { ST(NAT_POOL, $2, $3, $4, $6, none); }
| "pool" name T_IP4 T_IP4 "prefix-length" T_NUM opt_rest { ST(NAT_POOL, $2, $3, $4, none, $6); }
| T_OTHER                           { ST(IGNORED, none); }
;
nat_target: "interface" ifname nat_flags { p->nat.ifname = $2; } | "pool" name nat_flags { p->nat.pool = $2; } | T_CUT;
nat_flags: %empty | nat_flags nat_flag;
nat_flag: "overload" { p->nat.overload = $1; } | "vrf" name { p->nat.vrf = $2; } | "extendable" | "reversible"
| "forced" | "match-in-vrf" | "oer" | "no-alias" | "redundancy" T_OTHER;

/* A block that is only recognised. Its lines are kept as text; a key in it must be known as a key. */
block_cmd:
  "key" secret                      { ST(BLOCK_SECRET, $1, p->sec_type, $2); }
| "password" secret                 { ST(BLOCK_SECRET, $1, p->sec_type, $2); }
| "group" name "key" secret         { ST(BLOCK_SECRET, $3, p->sec_type, $4); }
| T_REST                            { ST(OTHER, $1); }
;
