
/* ---- IKEv1 ---- */

isakmp:
  "enable"                          { ST(ISAKMP_ENABLE); }
| "enable" T_WORD                   { ST(ASA, $2); }
| "nat-traversal" opt_num           { ST(ASA, $1); }
| "policy" num                      { ST(ISAKMP_POLICY, $2); OPENS(ISAKMP_POLICY); }
| "default" "policy"                { ST(ISAKMP_DEFAULT_POLICY); }
| "key" secret "address" T_IP4 opt_mask opt_no_xauth { ST(ISAKMP_KEY, p->sec_type, $2, $3, $4, $5, $6); }
| "key" secret "address" T_WORD opt_mask opt_no_xauth { ST(ISAKMP_KEY, p->sec_type, $2, $3, $4, $5, $6); }
| "key" secret "address" "ipv6" prefix6 opt_no_xauth { ST(ISAKMP_KEY, p->sec_type, $2, $4, $5, none, $6); }
| "key" secret "hostname" name opt_no_xauth { ST(ISAKMP_KEY, p->sec_type, $2, $3, $4, none, $5); }
| "identity" "address"              { ST(ISAKMP_IDENTITY, $2); }
| "identity" "dn"                   { ST(ISAKMP_IDENTITY, $2); }
| "identity" "hostname"             { ST(ISAKMP_IDENTITY, $2); }
| "identity" T_CUT                  { ST(ISAKMP_IDENTITY, $2); }
| "keepalive" num opt_num opt_dpd_mode { ST(ISAKMP_KEEPALIVE, $2, $3, $4); }
| "nat" "keepalive" num             { ST(ISAKMP_NAT_KEEPALIVE, $3); }
| "aggressive-mode" "disable"       { ST(ISAKMP_AGGRESSIVE_DISABLE); }
| "invalid-spi-recovery"            { ST(ISAKMP_INVALID_SPI); }
| "fragmentation"                   { ST(ISAKMP_FLAG, $1); }
| "performance"                     { ST(ISAKMP_FLAG, $1); }
| "disconnect-revoked-peers"        { ST(ISAKMP_FLAG, $1); }
| "diagnose" "error" num            { ST(ISAKMP_DIAGNOSE, $3); }
| "xauth" "timeout" num             { ST(ISAKMP_XAUTH_TIMEOUT, $3); }
| "peer" "address" addr opt_vrf     { ST(ISAKMP_PEER, $2, $3, $4); OPENS(ISAKMP_PEER); }
| "peer" "address" "ipv6" T_IP6 opt_vrf { ST(ISAKMP_PEER, $2, $4, $5); OPENS(ISAKMP_PEER); }
| "peer" "hostname" name opt_vrf    { ST(ISAKMP_PEER, $2, $3, $4); OPENS(ISAKMP_PEER); }
| "profile" name_cut                { ST(ISAKMP_PROFILE, $2); OPENS(ISAKMP_PROFILE); }
| "client" T_OTHER                  { ST(OTHER, $2); OPENS(OTHER); }
;
opt_vrf: %empty { $$ = none; } | "vrf" name { $$ = $2; };
opt_no_xauth: %empty { $$ = none; } | "no-xauth";
opt_dpd_mode: %empty { $$ = none; } | "on-demand" | "periodic";
prefix6: T_IP6LEN | T_IP6;

isakmp_policy_cmd:
  "encryption" encr1                { ST(ISAKMP_ENCR, $2, p->bits); }
| "encr" encr1                      { ST(ISAKMP_ENCR, $2, p->bits); }
| "hash" hash1                      { ST(ISAKMP_HASH, $2); }
| "authentication" auth1            { ST(ISAKMP_AUTH, $2); }
| "group" group1                    { ST(ISAKMP_GROUP, $2); }
| "lifetime" num                    { ST(ISAKMP_LIFETIME, $2); }
;
encr1: T_ENCR1 | T_ENCR1 T_NUM { $$ = $1; p->bits = $2; } | T_CUT;
hash1: T_HASH1 | T_CUT;
auth1: T_AUTH1 | T_CUT;
group1: T_GROUP1 | T_CUT;

isakmp_peer_cmd:
  "set" "aggressive-mode" "client-endpoint" "fqdn" name_cut { ST(IKP_ENDPOINT, $4, $5); }
| "set" "aggressive-mode" "client-endpoint" "user-fqdn" name_cut { ST(IKP_ENDPOINT, $4, $5); }
| "set" "aggressive-mode" "client-endpoint" "ipv4-address" host { ST(IKP_ENDPOINT, $4, $5); }
| "set" "aggressive-mode" "client-endpoint" "ipv6-address" host { ST(IKP_ENDPOINT, $4, $5); }
| "set" "aggressive-mode" "client-endpoint" T_CUT { ST(IKP_ENDPOINT, $4, none); }
| "set" "aggressive-mode" "password" secret { ST(IKP_PASSWORD, p->sec_type, $4); }
| "description" text                { ST(DESCRIPTION, $2); }
;

keyring_cmd:
  "pre-shared-key" "address" T_IP4 opt_mask kr_key { ST(KR_KEY, $2, $3, $4, p->sec_type, $5); }
| "pre-shared-key" "address" T_WORD opt_mask kr_key { ST(KR_KEY, $2, $3, $4, p->sec_type, $5); }
| "pre-shared-key" "address" "ipv6" prefix6 kr_key { ST(KR_KEY, $3, $4, none, p->sec_type, $5); }
| "pre-shared-key" "hostname" name kr_key { ST(KR_KEY, $2, $3, none, p->sec_type, $4); }
| "local-address" addr opt_vrf_name { ST(KR_LOCAL, $2, $3); }
| "local-address" ifname_cut        { ST(KR_LOCAL, $2, none); }
| "rsa-pubkey" "address" host opt_usage { ST(KR_RSA, $2, $3, $4); OPENS(PUBKEY); }
| "rsa-pubkey" "name" name opt_usage { ST(KR_RSA, $2, $3, $4); OPENS(PUBKEY); }
| "description" text                { ST(DESCRIPTION, $2); }
;
kr_key: "key" secret { $$ = $2; } | T_CUT { p->sec_type = none; $$ = $1; };
opt_usage: %empty { $$ = none; } | "encryption" | "signature";

isakmp_profile_cmd:
  "keyring" names_cut               { ST(IP_KEYRING); }
| "match" "identity" "address" T_IP4 opt_mask opt_vrf_word { ST(IP_MATCH_IDENTITY, $3, $4, $5, $6); }
| "match" "identity" "address" T_WORD opt_mask opt_vrf_word { ST(IP_MATCH_IDENTITY, $3, $4, $5, $6); }
| "match" "identity" "address" "ipv6" prefix6 opt_vrf_word { ST(IP_MATCH_IDENTITY, $4, $5, none, $6); }
| "match" "identity" "host" name_cut { ST(IP_MATCH_IDENTITY, $3, $4); }
| "match" "identity" "host" "domain" name { ST(IP_MATCH_IDENTITY, $3, $5, $4); p->st->args[0].u.word = "host-domain"; }
| "match" "identity" "user" name    { ST(IP_MATCH_IDENTITY, $3, $4); }
| "match" "identity" "user" "domain" name { ST(IP_MATCH_IDENTITY, $3, $5, $4); p->st->args[0].u.word = "user-domain"; }
| "match" "identity" "user-fqdn" name { ST(IP_MATCH_IDENTITY, $3, $4); }
| "match" "identity" "group" name   { ST(IP_MATCH_IDENTITY, $3, $4); }
| "match" "identity" T_CUT          { ST(IP_MATCH_IDENTITY, $3); }
| "match" "certificate" name_cut    { ST(IP_MATCH_CERTIFICATE, $3); }
| "self-identity" "address" opt_ipv6 { ST(IP_SELF_IDENTITY, $2, $3); }
| "self-identity" "fqdn" opt_vrf_name { ST(IP_SELF_IDENTITY, $2, $3); }
| "self-identity" "user-fqdn" name  { ST(IP_SELF_IDENTITY, $2, $3); }
| "self-identity" addr              { ST(IP_SELF_IDENTITY, $1, $2); p->st->args[0].u.word = "address"; }
| "self-identity" T_CUT             { ST(IP_SELF_IDENTITY, $2); }
| "local-address" addr opt_vrf_name { ST(IP_LOCAL, $2, $3); }
| "local-address" ifname_cut        { ST(IP_LOCAL, $2, none); }
| "keepalive" T_NUM "retry" T_NUM   { ST(IP_KEEPALIVE, $2, $4); }
| "keepalive" T_CUT                 { ST(IP_KEEPALIVE, $2, none); }
| "vrf" name_cut                    { ST(IP_VRF, $2); }
| "ca" "trust-point" name_cut       { ST(IP_TRUSTPOINT, $3); }
| "initiate" "mode" "aggressive"    { ST(IP_INITIATE, $3); }
| "initiate" "mode" "main"          { ST(IP_INITIATE, $3); }
| "initiate" "mode" T_CUT           { ST(IP_INITIATE, $3); }
| "client" T_OTHER                  { ST(IP_OTHER, $2); }
| "isakmp" "authorization" T_OTHER  { ST(IP_OTHER, $3); }
| "accounting" name_cut             { ST(IP_OTHER, $2); }
| "virtual-template" num            { ST(IP_OTHER, $2); }
| "qos-group" num                   { ST(IP_OTHER, $2); }
| "rekey"                           { ST(IP_OTHER, $1); }
| "reverse-route"                   { ST(IP_OTHER, $1); }
| "description" text                { ST(DESCRIPTION, $2); }
;
opt_vrf_word: %empty { $$ = none; } | T_WORD;
opt_ipv6: %empty { $$ = none; } | "ipv6";

/* ---- IKEv2 ---- */

ikev2:
  "proposal" name_cut               { ST(V2_PROPOSAL, $2); OPENS(V2_PROPOSAL); }
| "policy" name_cut                 { ST(V2_POLICY, $2); OPENS(V2_POLICY); }
| "keyring" name_cut                { ST(V2_KEYRING, $2); OPENS(V2_KEYRING); }
| "profile" name_cut                { ST(V2_PROFILE, $2); OPENS(V2_PROFILE); }
| "dpd" num opt_num opt_dpd_mode    { ST(V2_GLOBAL, $1, $2, $3, $4); }
| "nat" "keepalive" num             { ST(V2_GLOBAL, $1, $3); }
| "window" num                      { ST(V2_GLOBAL, $1, $2); }
| "fragmentation"                   { ST(V2_GLOBAL, $1, none); }
| "fragmentation" "mtu" num         { ST(V2_GLOBAL, $1, $3); }
| "cookie-challenge" num            { ST(V2_GLOBAL, $1, $2); }
| "limit" "max-in-negotation-sa" num opt_limit_dir { ST(V2_GLOBAL, $2, $3, $4); }
| "limit" "max-sa" num              { ST(V2_GLOBAL, $2, $3); }
| "limit" "queue" "sa-init" num     { ST(V2_GLOBAL, $3, $4); }
| "certificate-cache" num           { ST(V2_GLOBAL, $1, $2); }
| "http-url" "cert"                 { ST(V2_GLOBAL, $1, $2); }
| "http-url" "bundle"               { ST(V2_GLOBAL, $1, $2); }
| "diagnose" "error" num            { ST(V2_GLOBAL, $1, $3); }
| "disconnect-revoked-peers"        { ST(V2_GLOBAL, $1, none); }
| "cts" "sgt"                       { ST(V2_GLOBAL, $1, none); }
| "name-mangler" name               { ST(OTHER, $2); OPENS(OTHER); }
| "authorization" "policy" name     { ST(OTHER, $3); OPENS(OTHER); }
| "redirect" T_OTHER                { ST(OTHER, $2); }
| "cluster" opt_rest                { ST(OTHER, $2); OPENS(OTHER); }
| "reconnect" "key" T_NUM opt_active secret { ST(BLOCK_SECRET, $2, p->sec_type, $5); }
| "client" "flexvpn" name           { ST(OTHER, $3); OPENS(OTHER); }
| "enable" T_OTHER                  { ST(ASA, $2); }
| "remote-access" T_OTHER           { ST(ASA, $2); }
;
opt_limit_dir: %empty { $$ = none; } | "incoming" | "outgoing";
opt_active: %empty | "active";

v2_proposal_cmd:
  "encryption" encr2_list           { ST(V2_ENCRYPTION); }
| "integrity" integ2_list           { ST(V2_INTEGRITY); }
| "prf" integ2_list                 { ST(V2_PRF); }
| "group" group2_list               { ST(V2_GROUP); }
| "pqc" T_OTHER                     { ST(V2_PQC, $2); }
| "additional-key-exchange" T_OTHER { ST(V2_PQC, $2); }
| "description" text                { ST(DESCRIPTION, $2); }
;
encr2_list: T_ENCR2 { line_list(p, $1); } | encr2_list T_ENCR2 { line_list(p, $2); } | T_CUT { line_list(p, $1); };
integ2_list: T_INTEG2 { line_list(p, $1); } | integ2_list T_INTEG2 { line_list(p, $2); } | T_CUT { line_list(p, $1); };
group2_list: T_GROUP1 { line_list(p, $1); } | group2_list T_GROUP1 { line_list(p, $2); } | T_CUT { line_list(p, $1); };

v2_policy_cmd:
  "proposal" names_cut              { ST(V2_POLICY_PROPOSAL); }
| "match" "fvrf" v2_fvrf            { ST(V2_MATCH_FVRF, $3); }
| "match" "address" "local" host_cut { ST(V2_MATCH_LOCAL, $4); }
| "match" "inbound-only"            { ST(V2_MATCH_INBOUND); }
| "description" text                { ST(DESCRIPTION, $2); }
| "encryption" T_OTHER              { ST(ASA, $1); }
| "integrity" T_OTHER               { ST(ASA, $1); }
| "group" T_OTHER                   { ST(ASA, $1); }
| "prf" T_OTHER                     { ST(ASA, $1); }
| "lifetime" T_OTHER                { ST(ASA, $1); }
;
v2_fvrf: "any" | name_cut;

v2_keyring_cmd:
  "peer" name_cut                   { ST(V2_PEER, $2); OPENS(V2_PEER); }
| "description" text                { ST(DESCRIPTION, $2); }
;

v2_peer_cmd:
  "address" T_IP4 opt_mask          { ST(V2_PEER_ADDRESS, $2, $3); }
| "address" prefix6                 { ST(V2_PEER_ADDRESS, $2, none); }
| "address" T_WORD opt_mask         { ST(V2_PEER_ADDRESS, $2, $3); }
| "address" T_CUT                   { ST(V2_PEER_ADDRESS, $2, none); }
| "hostname" name_cut               { ST(V2_PEER_HOSTNAME, $2); }
| "identity" "address" addr         { ST(V2_PEER_IDENTITY, $2, $3); }
| "identity" "email" name           { ST(V2_PEER_IDENTITY, $2, $3); }
| "identity" "email" "domain" name  { ST(V2_PEER_IDENTITY, $2, $4, $3); }
| "identity" "fqdn" name            { ST(V2_PEER_IDENTITY, $2, $3); }
| "identity" "fqdn" "domain" name   { ST(V2_PEER_IDENTITY, $2, $4, $3); }
| "identity" "key-id" name          { ST(V2_PEER_IDENTITY, $2, $3); }
| "identity" T_CUT                  { ST(V2_PEER_IDENTITY, $2); }
| "pre-shared-key" secret           { ST(V2_PEER_PSK, none, p->sec_type, $2); }
| "pre-shared-key" "local" secret   { ST(V2_PEER_PSK, $2, p->sec_type, $3); }
| "pre-shared-key" "remote" secret  { ST(V2_PEER_PSK, $2, p->sec_type, $3); }
| "pre-shared-key" "hex" name       { ST(V2_PEER_PSK, none, $2, $3); }
| "pre-shared-key" "local" "hex" name { ST(V2_PEER_PSK, $2, $3, $4); }
| "pre-shared-key" "remote" "hex" name { ST(V2_PEER_PSK, $2, $3, $4); }
| "ppk" ppk_tail                    { ST(V2_PEER_PPK, $1); }
| "description" text                { ST(DESCRIPTION, $2); }
;
/* RFC 8784 post-quantum keys: `ppk manual id ID key …`, `ppk dynamic CLIENT` */
ppk_tail: "manual" "id" name "key" secret | "manual" "id" name "key" "hex" name | "dynamic" name | T_CUT;

v2_profile_cmd:
  "match" "identity" "remote" "address" T_IP4 opt_mask { ST(V2_MATCH_IDENTITY, $4, $5, $6); }
| "match" "identity" "remote" "address" T_WORD opt_mask { ST(V2_MATCH_IDENTITY, $4, $5, $6); }
| "match" "identity" "remote" "address" prefix6 { ST(V2_MATCH_IDENTITY, $4, $5, none); }
| "match" "identity" "remote" "fqdn" name { ST(V2_MATCH_IDENTITY, $4, $5); }
| "match" "identity" "remote" "fqdn" "domain" name { ST(V2_MATCH_IDENTITY, $4, $6, none, $5); }
| "match" "identity" "remote" "email" name { ST(V2_MATCH_IDENTITY, $4, $5); }
| "match" "identity" "remote" "email" "domain" name { ST(V2_MATCH_IDENTITY, $4, $6, none, $5); }
| "match" "identity" "remote" "key-id" name { ST(V2_MATCH_IDENTITY, $4, $5); }
| "match" "identity" "remote" "any" { ST(V2_MATCH_IDENTITY, $4); }
| "match" "identity" "remote" T_CUT { ST(V2_MATCH_IDENTITY, $4); }
| "match" "certificate" name_cut    { ST(V2_MATCH_CERTIFICATE, $3); }
| "match" "address" "local" host_cut { ST(V2_MATCH_LOCAL, $4); }
| "match" "address" "local" "interface" ifname_cut { ST(V2_MATCH_LOCAL, $5); }
| "match" "fvrf" v2_fvrf            { ST(V2_MATCH_FVRF, $3); }
| "match" "inbound-only"            { ST(V2_MATCH_INBOUND); }
| "match" "any"                     { ST(V2_MATCH_IDENTITY, $2); }
| "identity" "local" "address" addr { ST(V2_IDENTITY_LOCAL, $3, $4); }
| "identity" "local" "address" T_WORD { ST(V2_IDENTITY_LOCAL, $3, $4); }
| "identity" "local" "dn"           { ST(V2_IDENTITY_LOCAL, $3); }
| "identity" "local" "email" name   { ST(V2_IDENTITY_LOCAL, $3, $4); }
| "identity" "local" "fqdn" name    { ST(V2_IDENTITY_LOCAL, $3, $4); }
| "identity" "local" "key-id" name  { ST(V2_IDENTITY_LOCAL, $3, $4); }
| "identity" "local" T_CUT          { ST(V2_IDENTITY_LOCAL, $3); }
| "authentication" side "pre-share" { ST(V2_AUTH, $2, $3); }
| "authentication" side "pre-share" "key" secret { ST(V2_AUTH, $2, $3, p->sec_type, $5); }
| "authentication" side "rsa-sig"   { ST(V2_AUTH, $2, $3); }
| "authentication" side "ecdsa-sig" { ST(V2_AUTH, $2, $3); }
| "authentication" side "dynamic"   { ST(V2_AUTH, $2, $3); }
| "authentication" side "eap" eap_tail { ST(V2_AUTH, $2, $3, p->sec_type, p->eap_secret); }
| "authentication" "remote" "anyconnect-eap" T_OTHER { ST(V2_AUTH, $2, $3); }
| "authentication" side T_CUT       { ST(V2_AUTH, $2, $3); }
| "keyring" "local" name_cut        { ST(V2_KEYRING_REF, $2, $3); }
| "keyring" "aaa" T_OTHER           { ST(V2_KEYRING_REF, $2, $3); }
| "keyring" "ppk" name_cut          { ST(V2_KEYRING_REF, $2, $3); }
| "keyring" name_cut                { ST(V2_KEYRING_REF, none, $2); }
| "pki" "trustpoint" name_cut opt_tp_usage { ST(V2_TRUSTPOINT, $3, $4); }
| "lifetime" num                    { ST(V2_LIFETIME, $2); }
| "lifetime" "certificate"          { ST(V2_LIFETIME_CERT); }
| "dpd" T_NUM T_NUM opt_dpd_mode    { ST(V2_DPD, $2, $3, $4); }
| "dpd" T_CUT                       { ST(V2_DPD, $2); }
| "nat" "keepalive" num             { ST(V2_NAT_KEEPALIVE, $3); }
| "nat" "force-encap"               { ST(V2_PROFILE_OTHER, $2); }
| "initial-contact" "force"         { ST(V2_PROFILE_OTHER, $2); }
| "ivrf" name_cut                   { ST(V2_IVRF, $2); }
| "virtual-template" num opt_rest   { ST(V2_VTEMPLATE, $2); }
| "aaa" T_OTHER                     { ST(V2_PROFILE_OTHER, $2); }
| "config-exchange" T_OTHER         { ST(V2_PROFILE_OTHER, $2); }
| "redirect" T_OTHER                { ST(V2_PROFILE_OTHER, $2); }
| "reconnect" opt_rest              { ST(V2_PROFILE_OTHER, $2); }
| "anyconnect" T_OTHER              { ST(V2_PROFILE_OTHER, $2); }
| "dynamic"                         { ST(V2_PROFILE_OTHER, $1); }
| "shutdown"                        { ST(V2_SHUTDOWN); }
| "description" text                { ST(DESCRIPTION, $2); }
;
side: "local" | "remote";
opt_tp_usage: %empty { $$ = none; } | "sign" | "verify";
eap_tail: %empty | eap_tail eap_word;
eap_word: "query-identity" | "timeout" T_NUM | "gtc" | "md5" | "mschapv2" | "username" name | "password" secret { p->eap_secret = $2; };
