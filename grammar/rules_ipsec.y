
/* ---- crypto: the global commands ---- */

crypto:
  "isakmp" isakmp
| "ikev2" ikev2
| "ipsec" ipsec
| "map" crypto_map
| "dynamic-map" dynamic_map
| "keyring" name_cut opt_vrf        { ST(KEYRING, $2, $3); OPENS(KEYRING); }
| "identity" name_cut               { ST(IDENTITY, $2); OPENS(IDENTITY); }
| "pki" pki
| "ca" pki
| "key" crypto_key
| "ikev1" T_OTHER                   { ST(ASA, $1); OPENS(IGNORED); }
| "call" "admission" "limit" "ike" "sa" num { ST(CALL_ADMISSION, $4, $5, $6); }
| "call" "admission" "limit" "ike" "in-negotiation-sa" num { ST(CALL_ADMISSION, $4, $5, $6); }
| "call" "admission" "limit" "all" "in-negotiation-sa" num { ST(CALL_ADMISSION, $4, $5, $6); }
| "call" "admission" "limit" "ipsec" "sa" num { ST(CALL_ADMISSION, $4, $5, $6); }
| "call" T_OTHER                    { ST(OTHER, $1); }
| "logging" T_OTHER                 { ST(OTHER, $1); }
| "session" T_OTHER                 { ST(OTHER, $1); }
| "mib" T_OTHER                     { ST(OTHER, $1); }
| "engine" T_OTHER                  { ST(OTHER, $1); }
| "gdoi" T_OTHER                    { ST(OTHER, $1); OPENS(OTHER); }
| "gkm" T_OTHER                     { ST(OTHER, $1); OPENS(OTHER); }
| "vpn" T_OTHER                     { ST(OTHER, $1); OPENS(OTHER); }
| "ssl" T_OTHER                     { ST(OTHER, $1); OPENS(OTHER); }
| "tls-tunnel" T_OTHER              { ST(OTHER, $1); OPENS(OTHER); }
| "provisioning" T_OTHER            { ST(OTHER, $1); OPENS(OTHER); }
| "skip-client"                     { ST(OTHER, $1); }
| "wui" opt_rest                    { ST(OTHER, $1); OPENS(OTHER); }
| "xauth" opt_rest                  { ST(OTHER, $1); }
| "ctcp" opt_rest                   { ST(OTHER, $1); }
| "csr-params" name                 { ST(OTHER, $1); OPENS(OTHER); }
| "mka" T_OTHER                     { ST(OTHER, $1); OPENS(OTHER); }
| "eli" opt_rest                    { ST(OTHER, $1); }
| "rsa-key-pair" T_OTHER            { ST(OTHER, $1); OPENS(IGNORED); }
| "fail-close" opt_rest             { ST(OTHER, $1); }
;

crypto_key:
  "pubkey-chain" "rsa"              { ST(PUBKEY_CHAIN); OPENS(PUBKEY_CHAIN); }
| "generate" T_OTHER                { ST(OTHER, $1); }
| "import" T_OTHER                  { ST(OTHER, $1); }
| "export" T_OTHER                  { ST(OTHER, $1); }
| "zeroize" T_OTHER                 { ST(OTHER, $1); }
| "move" T_OTHER                    { ST(OTHER, $1); }
| "encrypt" T_OTHER                 { ST(OTHER, $1); }
| "decrypt" T_OTHER                 { ST(OTHER, $1); }
| "lock" T_OTHER                    { ST(OTHER, $1); }
| "unlock" T_OTHER                  { ST(OTHER, $1); }
| "storage" T_OTHER                 { ST(OTHER, $1); }
| "param" T_OTHER                   { ST(OTHER, $1); }
;

/* ---- crypto ipsec ---- */

ipsec:
  "transform-set" name_cut transforms { ST(TRANSFORM_SET, $2); OPENS(TRANSFORM); }
| "transform-set" name T_CUT        { ST(TRANSFORM_SET, $2); }
| "default" "transform-set"         { ST(TRANSFORM_SET, none); }
| "profile" name_cut                { ST(IPSEC_PROFILE, $2); OPENS(IPSEC_PROFILE); }
| sa_word sa_setting
| sa_word "pmtu-aging" name         { ST(IPSEC_PMTU_AGING, $3); }
| "df-bit" df_bit                   { ST(IPSEC_DF_BIT, $2); }
| "fragmentation" frag              { ST(IPSEC_FRAGMENTATION, $2); }
| "nat-transparency" "udp-encapsulation" { ST(IPSEC_NAT_T, $2); }
| "nat-transparency" "udp-encaps"   { ST(IPSEC_NAT_T, $2); }
| "nat-transparency" "spi-matching" { ST(IPSEC_NAT_T, $2); }
| "optional"                        { ST(IPSEC_OPTIONAL, none); }
| "optional" "retry" num            { ST(IPSEC_OPTIONAL, $3); }
| "ike" "sa-strength-enforcement"   { ST(IPSEC_SA_STRENGTH); }
| "ipv4-deny" "jump"                { ST(IPSEC_IPV4_DENY, $2); }
| "ipv4-deny" "clear"               { ST(IPSEC_IPV4_DENY, $2); }
| "ipv4-deny" "drop"                { ST(IPSEC_IPV4_DENY, $2); }
| "ipv4-deny" T_CUT                 { ST(IPSEC_IPV4_DENY, $2); }
| "exclude" "peer-list" addr        { ST(IPSEC_EXCLUDE, $3); }
| "client" T_OTHER                  { ST(OTHER, $2); OPENS(OTHER); }
| "server" T_OTHER                  { ST(OTHER, $2); OPENS(OTHER); }
| "ikev1" T_OTHER                   { ST(ASA, $1); }
| "ikev2" T_OTHER                   { ST(ASA, $1); OPENS(IGNORED); }
;
sa_word: "security-association" | "session-key";
df_bit: "clear" | "set" | "copy" | T_CUT;
frag: "before-encryption" | "after-encryption" | T_CUT;

transforms: transform | transforms transform;
transform: T_TRANSFORM { line_list(p, $1); } | T_NUM { line_list(p, $1); };

/* `security-association …`, the same words globally, in crypto maps and in profiles */
sa_setting:
  "lifetime" "seconds" num          { ST(IPSEC_SA_LIFETIME_S, $3); }
| "lifetime" "days" num             { ST(IPSEC_SA_LIFETIME_DAYS, $3); }
| "lifetime" "kilobytes" num        { ST(IPSEC_SA_LIFETIME_KB, $3); }
| "lifetime" "kilobytes" "disable"  { ST(IPSEC_SA_LIFETIME_KB, $3); }
| "lifetime" T_CUT                  { ST(IPSEC_SA_LIFETIME_S, $2); }
| "replay" "window-size" num        { ST(IPSEC_SA_REPLAY, $3); }
| "replay" "disable"                { ST(IPSEC_SA_REPLAY, $2); }
| "replay" T_CUT                    { ST(IPSEC_SA_REPLAY, $2); }
| "idle-time" num opt_default       { ST(IPSEC_SA_IDLE, $2, $3); }
| "dummy" "pps" num                 { ST(IPSEC_SA_DUMMY, $2, $3); }
| "dummy" "seconds" num             { ST(IPSEC_SA_DUMMY, $2, $3); }
| "dummy" T_CUT                     { ST(IPSEC_SA_DUMMY, $2); }
| "ecn" "discard"                   { ST(IPSEC_SA_ECN, $2); }
| "ecn" "propagate"                 { ST(IPSEC_SA_ECN, $2); }
| "ecn" T_CUT                       { ST(IPSEC_SA_ECN, $2); }
| "multi-sn"                        { ST(IPSEC_SA_MULTI_SN); }
| "dfbit" df_bit                    { ST(IPSEC_SA_DFBIT, $2); }
| "df-bit" df_bit                   { ST(IPSEC_SA_DFBIT, $2); }
| "dscp" T_OTHER                    { ST(IPSEC_SA_DSCP, $2); }
| "level" "per-host"                { ST(IPSEC_SA_PER_HOST); }
;
opt_default: %empty { $$ = none; } | "default";

transform_cmd:
  "mode" "tunnel"                   { ST(TS_MODE, $2, none); }
| "mode" "transport" opt_require    { ST(TS_MODE, $2, $3); }
| "mode" T_CUT                      { ST(TS_MODE, $2, none); }
| "mode"                            { ST(TS_MODE, none, none); }
| "esn"                             { ST(TS_ESN); }
| "initialization-vector" "size" num { ST(TS_IV_SIZE, $3); }
;
opt_require: %empty { $$ = none; } | "require";

/* ---- crypto maps ---- */

crypto_map:
  map_name map_seq map_type         { OPENS(CMAP); }
| map_name map_seq { p->st->one_line = true; } cmap_cmd { OPENS(CMAP); }
| map_name map_option
| map_name T_CUT                    { ST(CM_REMOVE); }
| map_name "interface" T_OTHER      { ST(ASA, $1); }
;
map_name: name { p->st->map_name = $1; } | "ipv6" name { p->st->is_v6 = true; p->st->map_name = $2; };
map_seq: T_NUM { p->st->map_seq = $1; };
map_type:
  %empty                            { ST(CRYPTO_MAP); }
| "ipsec-isakmp"                    { ST(CRYPTO_MAP, $1); }
| "ipsec-isakmp" "dynamic" name opt_discover { ST(CRYPTO_MAP, $1, $3, $4); }
| "ipsec-isakmp" "profile" name     { ST(CRYPTO_MAP, $1, none, none, $3); }
| "ipsec-manual"                    { ST(CRYPTO_MAP, $1); }
| "gdoi"                            { ST(CRYPTO_MAP, $1); }
;
opt_discover: %empty { $$ = none; } | "discover";
map_option:
  "local-address" ifname_cut        { ST(CM_LOCAL_ADDRESS, $2); }
| "isakmp-profile" name_cut         { ST(CM_SET_OPTION, $1, $2); }
| "client" T_OTHER                  { ST(CM_SET_OPTION, $1, $2); }
| "isakmp" "authorization" T_OTHER  { ST(CM_SET_OPTION, $1, $3); }
| "redundancy" T_OTHER              { ST(CM_SET_OPTION, $1, $2); }
| "gdoi" "fail-close"               { ST(CM_GDOI_FAIL_CLOSE); OPENS(OTHER); }
;

dynamic_map:
  name T_NUM                        { p->st->is_dynamic_map = true; p->st->map_name = $1; p->st->map_seq = $2; ST(DYNAMIC_MAP); OPENS(CMAP); }
| name T_NUM { p->st->is_dynamic_map = true; p->st->map_name = $1; p->st->map_seq = $2; p->st->one_line = true; } cmap_cmd { OPENS(CMAP); }
| name T_CUT                        { p->st->is_dynamic_map = true; p->st->map_name = $1; ST(CM_REMOVE); }
;

/* One set of words for static, manual and dynamic entries: which of them an entry may have is judged later, where the
 * message can say why. */
cmap_cmd:
  "match" "address" name_cut        { ST(MATCH_ADDRESS, $3); }
| "match" "address" "ipv4" name_cut { ST(MATCH_ADDRESS, $4); }
| "match" "address" "ipv6" name_cut { ST(MATCH_ADDRESS, $4); }
| "set" "peer" host_cut             { ST(SET_PEER, $3, none, none, none); }
| "set" "peer" host "default"       { ST(SET_PEER, $3, $4, none, none); }
| "set" "peer" host "dynamic"       { ST(SET_PEER, $3, none, $4, none); }
| "set" "peer" host "dynamic" "default" { ST(SET_PEER, $3, $5, $4, none); }
| "set" "peer" host "default" "dynamic" { ST(SET_PEER, $3, $4, $5, none); }
| "set-peer" host_cut               { ST(SET_PEER, $2, none, none, $1); }
| "set" entry_set
| "set" "session-key" direction "ah" T_NUM name_cut { ST(SET_SESSION_KEY, $3, $4, $5, $6, none, none); }
| "set" "session-key" direction "esp" T_NUM esp_keys { ST(SET_SESSION_KEY, $3, $4, $5, p->cipher, p->authenticator, none); }
| "set" "session-key" direction "ah" "esp" T_NUM esp_keys { ST(SET_SESSION_KEY, $3, $5, $6, p->cipher, p->authenticator, $4); }
| "set" "session-key" direction T_CUT { ST(SET_SESSION_KEY, $3, $4); }
| "set" "session-key" direction "ah" T_CUT { ST(SET_SESSION_KEY, $3, $4, $5); }
| "set" "session-key" direction "esp" T_CUT { ST(SET_SESSION_KEY, $3, $4, $5); }
| "set" "group" name_cut            { ST(SET_GROUP, $3); }
| "set" "nat" "demux"               { ST(SET_NAT_DEMUX); }
| "set" "ip" "access-group" name "in" { ST(SET_ACCESS_GROUP, $4, $5); }
| "set" "ip" "access-group" name "out" { ST(SET_ACCESS_GROUP, $4, $5); }
| "set" "ip" "access-group" T_CUT   { ST(SET_ACCESS_GROUP, $4); }
| "set" "ikev1" T_OTHER             { ST(ASA, $2); }
| "set" "trustpoint" T_OTHER        { ST(ASA, $2); }
| "crypto" "ipsec" sa_word "dummy" "pps" num { line_misprint(p, $1); ST(IPSEC_SA_DUMMY, $5, $6); }
| "crypto" "ipsec" sa_word "dummy" "seconds" num { line_misprint(p, $1); ST(IPSEC_SA_DUMMY, $5, $6); }
| reverse_route
| "qos" "pre-classify"              { ST(ENTRY_FLAG, $1); }
| "dialer" "pre-classify"           { ST(ENTRY_FLAG, $1); }
| "description" text                { ST(DESCRIPTION, $2); }
| "disable"                         { ST(ENTRY_DISABLE); }
| "responder-only"                  { ST(RESPONDER_ONLY); }
;
direction: "inbound" | "outbound";
esp_keys: "cipher" name { p->cipher = $2; p->authenticator = none; }
| "cipher" name "authenticator" name { p->cipher = $2; p->authenticator = $4; }
| "authenticator" name { p->cipher = none; p->authenticator = $2; };

/* what maps and ipsec profiles share */
entry_set:
  "transform-set" names_cut         { ST(SET_TRANSFORM_SET); }
| "pfs"                             { ST(SET_PFS, none); }
| "pfs" T_PFS                       { ST(SET_PFS, $2); }
| "isakmp-profile" name_cut         { ST(SET_ISAKMP_PROFILE, $2); }
| "ikev2-profile" name_cut          { ST(SET_IKEV2_PROFILE, $2); }
| "identity" name_cut               { ST(SET_IDENTITY, $2); }
| "security-association" sa_setting
| "reverse-route" "distance" num    { ST(SET_REVERSE_ROUTE, $2, $3); }
| "reverse-route" "tag" num         { ST(SET_REVERSE_ROUTE, $2, $3); }
| "reverse-route" "gateway" addr    { ST(SET_REVERSE_ROUTE, $2, $3); }
| "reverse-route" T_CUT             { ST(SET_REVERSE_ROUTE, $2); }
| "mixed-mode"                      { ST(SET_MIXED_MODE); }
| "security-policy" "limit" num     { ST(SET_SECURITY_POLICY_LIMIT, $3); }
;

reverse_route:
  "reverse-route" rr_static         { ST(REVERSE_ROUTE, $2); }
| "reverse-route" "remote-peer" addr rr_gateway rr_static { ST(REVERSE_ROUTE, $5, $3, $4); }
| "reverse-route" "remote-peer" rr_static { ST(REVERSE_ROUTE, $3, $2); }
| "reverse-route" "tag" T_NUM rr_static { ST(REVERSE_ROUTE, $4, none, none, $3); }
;
rr_static: %empty { $$ = none; } | "static";
rr_gateway: %empty { $$ = none; } | "gateway";

ipsec_profile_cmd:
  "set" entry_set
| reverse_route
| "redundancy" T_OTHER              { ST(REDUNDANCY, $2); }
| "responder-only"                  { ST(RESPONDER_ONLY); }
| "rri-dvti-disable"                { ST(ENTRY_FLAG, $1); }
| "dialer" "pre-classify"           { ST(ENTRY_FLAG, $1); }
| "qos" "pre-classify"              { ST(ENTRY_FLAG, $1); }
| "description" text                { ST(DESCRIPTION, $2); }
;

/* ---- interfaces ---- */

interface_cmd:
  "ip" if_ip
| "ipv6" if_ipv6
| "crypto" "map" name_cut opt_redundancy { ST(IF_CRYPTO_MAP, $3, p->nat.overload, p->nat.pool, p->nat.vrf); }
| "crypto" "ipsec" "df-bit" df_bit  { ST(IF_DF_BIT, $4); }
| "crypto" "ipsec" "fragmentation" frag { ST(IF_FRAGMENTATION, $4); }
| "crypto" "ipsec" "client" T_OTHER { ST(IF_EZVPN, $4); }
| "crypto" "engine" T_OTHER         { ST(IGNORED, none); }
| "tunnel" tunnel
| "vrf" "forwarding" name_cut       { ST(IF_VRF, $3); }
| "vrf" T_OTHER                     { ST(IGNORED, none); }
| "mtu" num                         { ST(IF_MTU, $2); }
| "shutdown"                        { ST(IF_SHUTDOWN); }
| "standby" T_OTHER                 { ST(IF_STANDBY, $2); }
| "encapsulation" T_OTHER           { ST(IF_ENCAPSULATION, $2); }
;
opt_redundancy: %empty | "redundancy" { p->nat.overload = $1; }
| "redundancy" name { p->nat.overload = $1; p->nat.pool = $2; }
| "redundancy" name "stateful" { p->nat.overload = $1; p->nat.pool = $2; p->nat.vrf = $3; };

if_ip:
  "address" T_IP4 T_IP4             { ST(IF_ADDRESS, $2, $3, none); }
| "address" T_IP4LEN                { ST(IF_ADDRESS, $2, none, none); }
| "address" T_IP4 T_IP4 "secondary" opt_rest { ST(IF_ADDRESS, $2, $3, $4); }
| "address" "dhcp" opt_rest         { ST(IF_ADDRESS_DYNAMIC, $2); }
| "address" "negotiated" opt_rest   { ST(IF_ADDRESS_DYNAMIC, $2); }
| "address" "pool" T_OTHER          { ST(IF_ADDRESS_DYNAMIC, $2); }
| "address" T_CUT                   { ST(IF_ADDRESS, $2); }
| "unnumbered" ifname_cut opt_rest  { ST(IF_UNNUMBERED, $2); }
| "vrf" "forwarding" name_cut       { ST(IF_VRF, $3); }
| "access-group" name_cut           { ST(IF_ACCESS_GROUP, $2, none); }
| "access-group" name "in" opt_rest { ST(IF_ACCESS_GROUP, $2, $3); }
| "access-group" name "out" opt_rest { ST(IF_ACCESS_GROUP, $2, $3); }
| "nat" "inside"                    { ST(IF_NAT, $2); }
| "nat" "outside"                   { ST(IF_NAT, $2); }
| "nat" "enable"                    { ST(IF_NAT, $2); }
| "mtu" num                         { ST(IF_IP_MTU, $2); }
| "tcp" "adjust-mss" num            { ST(IF_MSS, $3); }
| "nhrp" T_OTHER                    { ST(IF_NHRP, $2); }
| T_OTHER                           { ST(IGNORED, none); }
;
if_ipv6:
  "address" T_IP6LEN opt_kind6      { ST(IF_ADDRESS6, $2, $3); }
| "address" T_IP6 "link-local"      { ST(IF_ADDRESS6, $2, $3); }
| "address" T_CUT                   { ST(IF_ADDRESS6, $2); }
| "address" T_OTHER                 { ST(IGNORED, none); }
| "crypto" "map" name_cut           { ST(IF_CRYPTO_MAP6, $3); }
| "traffic-filter" name_cut         { ST(IF_TRAFFIC_FILTER, $2, none); }
| "traffic-filter" name "in"        { ST(IF_TRAFFIC_FILTER, $2, $3); }
| "traffic-filter" name "out"       { ST(IF_TRAFFIC_FILTER, $2, $3); }
| "nhrp" T_OTHER                    { ST(IF_NHRP, $2); }
| T_OTHER                           { ST(IGNORED, none); }
;
opt_kind6: %empty { $$ = none; } | "eui-64" | "anycast" | "link-local";

tunnel:
  "source" addr                     { ST(TUN_SOURCE, $2); }
| "source" ifname_cut               { ST(TUN_SOURCE, $2); }
| "source" "dynamic"                { ST(TUN_SOURCE, $2); }
| "destination" host_cut            { ST(TUN_DESTINATION, $2); }
| "destination" "dynamic"           { ST(TUN_DESTINATION, $2); }
| "destination" "list" T_OTHER      { ST(TUN_OTHER, $1); }
| "destination" "access-list" T_NUM { ST(TUN_OTHER, $1); }
| "mode" tunnel_mode                { ST(TUN_MODE, p->mode); }
| "protection" "ipsec" "profile" name_cut prot_flags { ST(TUN_PROTECTION, $4, p->nat.pool, p->nat.vrf, p->nat.overload); }
| "protection" "ipsec" "policy" "ipv4" name { ST(TUN_PROTECTION_POLICY, $4, $5); }
| "protection" "ipsec" "policy" "ipv6" name { ST(TUN_PROTECTION_POLICY, $4, $5); }
| "protection" "ipsec" "initiate"   { ST(TUN_PROTECTION_OTHER, $3); }
| "protection" "ipsec" "local-address" ifname { ST(TUN_PROTECTION_OTHER, $3); }
| "protection" "ipsec" "isolate"    { ST(TUN_PROTECTION_OTHER, $3); }
| "protection" "psk" T_OTHER        { ST(TUN_PROTECTION_OTHER, $2); }
| "protection" T_CUT                { ST(TUN_PROTECTION, $2); }
| "protection" "ipsec" T_CUT        { ST(TUN_PROTECTION, $3); }
| "vrf" name_cut opt_rest           { ST(TUN_VRF, $2); }
| "key" num                         { ST(TUN_KEY, $2); }
| "ttl" num                         { ST(TUN_TTL, $2); }
| "tos" num                         { ST(TUN_TOS, $2); }
| "path-mtu-discovery" opt_rest     { ST(TUN_PMTUD, $2); }
| "checksum"                        { ST(TUN_OTHER, $1); }
| "bandwidth" T_OTHER               { ST(TUN_OTHER, $1); }
| "route-via" T_OTHER               { ST(TUN_OTHER, $1); }
| "mpls" T_OTHER                    { ST(TUN_OTHER, $1); }
| "sequence-datagrams"              { ST(TUN_OTHER, $1); }
| "udlr" T_OTHER                    { ST(TUN_OTHER, $1); }
| "entropy"                         { ST(TUN_OTHER, $1); }
| "endpoint" T_OTHER                { ST(TUN_OTHER, $1); }
| "flow" T_OTHER                    { ST(TUN_OTHER, $1); }
| "rbscp" T_OTHER                   { ST(TUN_OTHER, $1); }
| "raw-udp" opt_rest                { ST(TUN_OTHER, $1); }
| "snooping" opt_rest               { ST(TUN_OTHER, $1); }
| "tsp-hop" T_OTHER                 { ST(TUN_OTHER, $1); }
| "vlan" T_OTHER                    { ST(TUN_OTHER, $1); }
| "dst-port" T_OTHER                { ST(TUN_OTHER, $1); }
| "src-port" T_OTHER                { ST(TUN_OTHER, $1); }
| "6rd" T_OTHER                     { ST(TUN_OTHER, $1); }
;
prot_flags: %empty | prot_flags prot_flag;
prot_flag: "shared" { p->nat.overload = $1; } | "isolate"
| "ikev2-profile" name { p->nat.pool = $1; p->nat.vrf = $2; } | "isakmp-profile" name { p->nat.pool = $1; p->nat.vrf = $2; };

tunnel_mode:
  "gre" "ip"                        { line_mode(p, "gre ip"); }
| "gre" "ipv6"                      { line_mode(p, "gre ipv6"); }
| "gre" "multipoint"                { line_mode(p, "gre multipoint"); }
| "gre" "multipoint" "ipv6"         { line_mode(p, "gre multipoint ipv6"); }
| "ipip" opt_rest                   { line_mode(p, "ipip"); }
| "ipsec" "ipv4" opt_overlay        { line_mode(p, $3.kind ? "ipsec ipv4 v6-overlay" : "ipsec ipv4"); }
| "ipsec" "ipv6" opt_overlay        { line_mode(p, $3.kind ? "ipsec ipv6 v4-overlay" : "ipsec ipv6"); }
| "ipsec" "dual-overlay"            { line_mode(p, "ipsec dual-overlay"); }
| "ipv6"                            { line_mode(p, "ipv6"); }
| "ipv6ip" opt_rest                 { line_mode(p, "ipv6ip"); }
| other_mode opt_rest               { p->mode = $1; }
| T_CUT                             { p->mode = $1; }
;
opt_overlay: %empty { $$ = none; } | "v6-overlay" | "v4-overlay";
other_mode: "aurp" | "cayman" | "dvmrp" | "eon" | "ethernet" | "iptalk" | "mpls" | "nos" | "rbscp" | "sdwan"
| "tag-switching" | "udp" | "vxlan" | "vxlan-gpe" | "geneve";
