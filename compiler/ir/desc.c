/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/ir/desc.h"

static const char *const key_kinds[] = {"address", "ipv6", "hostname", NULL};
static const char *const proto_names[] = {"ah", "esp", "comp", NULL};
static const char *const entry_types[] = {"untyped", "ipsec-isakmp", "ipsec-manual", "dynamic", "gdoi", NULL};
static const char *const acl_kinds[] = {"extended", "standard", "ipv6", NULL};

/* clang-format off */
#define F(s, n, t, m)       {n, IR_##t, offsetof(struct s, m), NULL, NULL}
#define FS(s, n, t, m, sub) {n, IR_##t, offsetof(struct s, m), &sub, NULL}
#define FE(s, n, m, w)      {n, IR_ENUM, offsetof(struct s, m), NULL, w}
#define END                 {NULL, IR_NUM, 0, NULL, NULL}

static const struct ir_field psk_fields[] = {
    FE(psk, "kind", kind, key_kinds),
    F(psk, "peer", HOST, peer),
    F(psk, "mask", ADDR, mask),
    F(psk, "prefix_length", NUM, peer_plen),
    F(psk, "key", SECRET, key),
    F(psk, "no_xauth", FLAG, no_xauth),
    END,
};
static const struct ir_desc desc_psk = {"psk", true, psk_fields};

static const struct ir_field rsa_pubkey_fields[] = {
    F(rsa_pubkey, "kind", STR, kind),
    F(rsa_pubkey, "name", STR, name),
    F(rsa_pubkey, "usage", STR, usage),
    F(rsa_pubkey, "address", ADDR, address),
    F(rsa_pubkey, "key", STR, key),
    END,
};
static const struct ir_desc desc_rsa_pubkey = {"rsa_pubkey", true, rsa_pubkey_fields};

static const struct ir_field local_address_fields[] = {
    F(local_address, "address", HOST, address),
    F(local_address, "interface", REF, interface),
    F(local_address, "vrf", STR, vrf),
    END,
};
static const struct ir_desc desc_local_address = {"local_address", true, local_address_fields};

static const struct ir_field keyring_fields[] = {
    F(keyring, "name", STR, name),
    F(keyring, "vrf", STR, vrf),
    F(keyring, "description", STR, description),
    FS(keyring, "keys", LIST, keys, desc_psk),
    FS(keyring, "public_keys", LIST, pubkeys, desc_rsa_pubkey),
    FS(keyring, "local", LIST, local, desc_local_address),
    END,
};
static const struct ir_desc desc_keyring = {"keyring", true, keyring_fields};

static const struct ir_field isakmp_policy_fields[] = {
    F(isakmp_policy, "number", NUM, number),
    F(isakmp_policy, "encryption", ALGO, encr),
    F(isakmp_policy, "key_bits", NUM, encr_bits),
    F(isakmp_policy, "hash", ALGO, hash),
    F(isakmp_policy, "authentication", ALGO, auth),
    F(isakmp_policy, "group", ALGO, group),
    F(isakmp_policy, "lifetime_s", NUM, lifetime_s),
    F(isakmp_policy, "built_in", FLAG, is_default),
    END,
};
static const struct ir_desc desc_isakmp_policy = {"isakmp_policy", true, isakmp_policy_fields};

static const struct ir_field identity_match_fields[] = {
    F(identity_match, "kind", STR, kind),
    F(identity_match, "value", STR, value),
    F(identity_match, "address", ADDR, address),
    F(identity_match, "mask", ADDR, mask),
    F(identity_match, "domain", FLAG, domain),
    F(identity_match, "vrf", STR, vrf),
    END,
};
static const struct ir_desc desc_identity_match = {"identity_match", true, identity_match_fields};

static const struct ir_field ir_text_fields[] = {
    F(ir_text, "text", STR, text),
    F(ir_text, "key", SECRET, key),
    END,
};
static const struct ir_desc desc_ir_text = {"text", true, ir_text_fields};

static const struct ir_field isakmp_profile_fields[] = {
    F(isakmp_profile, "name", STR, name),
    F(isakmp_profile, "description", STR, description),
    F(isakmp_profile, "vrf", STR, vrf),
    F(isakmp_profile, "keyrings", REFS, keyrings),
    FS(isakmp_profile, "identities", LIST, identities, desc_identity_match),
    F(isakmp_profile, "certificate_maps", REFS, cert_maps),
    F(isakmp_profile, "self_identity_kind", STR, self_identity_kind),
    F(isakmp_profile, "self_identity", STR, self_identity),
    FS(isakmp_profile, "local", LIST, local, desc_local_address),
    F(isakmp_profile, "keepalive_s", NUM, keepalive_s),
    F(isakmp_profile, "keepalive_retry_s", NUM, keepalive_retry),
    F(isakmp_profile, "trustpoints", REFS, trustpoints),
    F(isakmp_profile, "initiate_mode", STR, initiate_mode),
    FS(isakmp_profile, "other", LIST, other, desc_ir_text),
    END,
};
static const struct ir_desc desc_isakmp_profile = {"isakmp_profile", true, isakmp_profile_fields};

static const struct ir_field isakmp_peer_fields[] = {
    F(isakmp_peer, "peer", HOST, peer),
    F(isakmp_peer, "vrf", STR, vrf),
    F(isakmp_peer, "endpoint_kind", STR, endpoint_kind),
    F(isakmp_peer, "endpoint", STR, endpoint),
    F(isakmp_peer, "description", STR, description),
    F(isakmp_peer, "password", SECRET, password),
    END,
};
static const struct ir_desc desc_isakmp_peer = {"isakmp_peer", true, isakmp_peer_fields};

static const struct ir_field ikev2_proposal_fields[] = {
    F(ikev2_proposal, "name", STR, name),
    F(ikev2_proposal, "description", STR, description),
    F(ikev2_proposal, "encryption", ALGS, encr),
    F(ikev2_proposal, "integrity", ALGS, integ),
    F(ikev2_proposal, "prf", ALGS, prf),
    F(ikev2_proposal, "group", ALGS, group),
    F(ikev2_proposal, "post_quantum", STR, pqc),
    F(ikev2_proposal, "built_in", FLAG, is_default),
    F(ikev2_proposal, "complete", FLAG, complete),
    END,
};
static const struct ir_desc desc_ikev2_proposal = {"ikev2_proposal", true, ikev2_proposal_fields};

static const struct ir_field ikev2_policy_fields[] = {
    F(ikev2_policy, "name", STR, name),
    F(ikev2_policy, "description", STR, description),
    F(ikev2_policy, "proposals", REFS, proposals),
    F(ikev2_policy, "fvrf", STR, fvrf),
    FS(ikev2_policy, "local", LIST, local, desc_local_address),
    F(ikev2_policy, "inbound_only", FLAG, inbound_only),
    F(ikev2_policy, "built_in", FLAG, is_default),
    END,
};
static const struct ir_desc desc_ikev2_policy = {"ikev2_policy", true, ikev2_policy_fields};

static const struct ir_field ikev2_peer_fields[] = {
    F(ikev2_peer, "name", STR, name),
    F(ikev2_peer, "description", STR, description),
    F(ikev2_peer, "hostname", STR, hostname),
    F(ikev2_peer, "address", ADDR, address),
    F(ikev2_peer, "mask", ADDR, mask),
    F(ikev2_peer, "address_name", HOST, address_host),
    F(ikev2_peer, "identity_kind", STR, identity_kind),
    F(ikev2_peer, "identity", STR, identity),
    F(ikev2_peer, "identity_domain", FLAG, identity_domain),
    F(ikev2_peer, "local_key", SECRET, local_key),
    F(ikev2_peer, "remote_key", SECRET, remote_key),
    F(ikev2_peer, "post_quantum_key", STR, ppk),
    END,
};
static const struct ir_desc desc_ikev2_peer = {"ikev2_peer", true, ikev2_peer_fields};

static const struct ir_field ikev2_keyring_fields[] = {
    F(ikev2_keyring, "name", STR, name),
    F(ikev2_keyring, "description", STR, description),
    FS(ikev2_keyring, "peers", LIST, peers, desc_ikev2_peer),
    END,
};
static const struct ir_desc desc_ikev2_keyring = {"ikev2_keyring", true, ikev2_keyring_fields};

static const struct ir_field ikev2_auth_fields[] = {
    F(ikev2_auth, "method", STR, method),
    F(ikev2_auth, "text", STR, text),
    F(ikev2_auth, "key", SECRET, key),
    END,
};
static const struct ir_desc desc_ikev2_auth = {"ikev2_auth", true, ikev2_auth_fields};

static const struct ir_field ikev2_profile_fields[] = {
    F(ikev2_profile, "name", STR, name),
    F(ikev2_profile, "description", STR, description),
    F(ikev2_profile, "match_fvrf", STR, match_fvrf),
    FS(ikev2_profile, "match_identities", LIST, match_identities, desc_identity_match),
    F(ikev2_profile, "certificate_maps", REFS, cert_maps),
    FS(ikev2_profile, "local", LIST, local, desc_local_address),
    F(ikev2_profile, "inbound_only", FLAG, inbound_only),
    F(ikev2_profile, "identity_kind", STR, identity_kind),
    F(ikev2_profile, "identity", STR, identity),
    FS(ikev2_profile, "authentication_remote", LIST, auth_remote, desc_ikev2_auth),
    FS(ikev2_profile, "authentication_local", LIST, auth_local, desc_ikev2_auth),
    F(ikev2_profile, "keyring", REF, keyring),
    F(ikev2_profile, "keyring_aaa", STR, keyring_aaa),
    F(ikev2_profile, "keyring_ppk", STR, keyring_ppk),
    F(ikev2_profile, "trustpoints", REFS, trustpoints),
    F(ikev2_profile, "trustpoints_sign", REFS, trustpoints_sign),
    F(ikev2_profile, "trustpoints_verify", REFS, trustpoints_verify),
    F(ikev2_profile, "lifetime_s", NUM, lifetime_s),
    F(ikev2_profile, "lifetime_certificate", FLAG, lifetime_certificate),
    F(ikev2_profile, "dpd_s", NUM, dpd_s),
    F(ikev2_profile, "dpd_retry_s", NUM, dpd_retry),
    F(ikev2_profile, "dpd_mode", STR, dpd_mode),
    F(ikev2_profile, "nat_keepalive_s", NUM, nat_keepalive_s),
    F(ikev2_profile, "ivrf", STR, ivrf),
    F(ikev2_profile, "virtual_template", NUM, virtual_template),
    F(ikev2_profile, "shutdown", FLAG, shutdown),
    FS(ikev2_profile, "other", LIST, other, desc_ir_text),
    F(ikev2_profile, "complete", FLAG, complete),
    END,
};
static const struct ir_desc desc_ikev2_profile = {"ikev2_profile", true, ikev2_profile_fields};

static const struct ir_field transform_set_fields[] = {
    F(transform_set, "name", STR, name),
    F(transform_set, "transforms", XFORMS, transforms),
    F(transform_set, "mode", STR, mode),
    F(transform_set, "require", FLAG, require),
    F(transform_set, "esn", FLAG, esn),
    F(transform_set, "iv_bytes", NUM, iv_size),
    F(transform_set, "built_in", FLAG, is_default),
    END,
};
static const struct ir_desc desc_transform_set = {"transform_set", true, transform_set_fields};

static const struct ir_field manual_key_fields[] = {
    F(manual_key, "outbound", FLAG, outbound),
    FE(manual_key, "protocol", proto, proto_names),
    F(manual_key, "spi", NUM, spi),
    F(manual_key, "key", SECRET, cipher),
    F(manual_key, "authenticator", SECRET, authenticator),
    END,
};
static const struct ir_desc desc_manual_key = {"manual_key", true, manual_key_fields};

static const struct ir_field map_peer_fields[] = {
    F(map_peer, "host", HOST, host),
    F(map_peer, "default", FLAG, is_default),
    F(map_peer, "dynamic", FLAG, dynamic),
    END,
};
static const struct ir_desc desc_map_peer = {"map_peer", true, map_peer_fields};

static const struct ir_field sa_settings_fields[] = {
    F(sa_settings, "transform_sets", REFS, transform_sets),
    F(sa_settings, "pfs_group", ALGO, pfs_group),
    F(sa_settings, "pfs_without_group", FLAG, pfs_bare),
    F(sa_settings, "lifetime_s", NUM, lifetime_s),
    F(sa_settings, "lifetime_kb", NUM, lifetime_kb),
    F(sa_settings, "lifetime_kb_disabled", FLAG, lifetime_kb_disabled),
    F(sa_settings, "idle_s", NUM, idle_s),
    F(sa_settings, "idle_to_default_peer", FLAG, idle_default),
    F(sa_settings, "replay_window", NUM, replay_window),
    F(sa_settings, "replay_disabled", FLAG, replay_disabled),
    F(sa_settings, "dummy_pps", NUM, dummy_pps),
    F(sa_settings, "dummy_s", NUM, dummy_s),
    F(sa_settings, "ecn", STR, ecn),
    F(sa_settings, "df_bit", STR, dfbit),
    F(sa_settings, "dscp", STR, dscp),
    F(sa_settings, "per_host", FLAG, per_host),
    F(sa_settings, "isakmp_profile", REF, isakmp_profile),
    F(sa_settings, "ikev2_profile", REF, ikev2_profile),
    F(sa_settings, "identity", REF, identity),
    F(sa_settings, "mixed_mode", FLAG, mixed_mode),
    F(sa_settings, "policy_limit", NUM, policy_limit),
    F(sa_settings, "reverse_route", FLAG, reverse_route),
    F(sa_settings, "reverse_route_static", FLAG, rr_static),
    F(sa_settings, "reverse_route_distance", NUM, rr_distance),
    F(sa_settings, "reverse_route_tag", NUM, rr_tag),
    F(sa_settings, "reverse_route_remote_peer", ADDR, rr_remote_peer),
    F(sa_settings, "reverse_route_gateway", ADDR, rr_gateway),
    F(sa_settings, "reverse_route_remote_gateway", FLAG, rr_remote_gateway),
    F(sa_settings, "responder_only", FLAG, responder_only),
    F(sa_settings, "redundancy", STR, redundancy),
    FS(sa_settings, "flags", LIST, flags, desc_ir_text),
    END,
};
static const struct ir_desc desc_sa_settings = {"sa_settings", false, sa_settings_fields};

static const struct ir_field crypto_map_entry_fields[] = {
    F(crypto_map_entry, "sequence", NUM, seq),
    FE(crypto_map_entry, "type", type, entry_types),
    F(crypto_map_entry, "dynamic_map", REF, dynamic),
    F(crypto_map_entry, "discover", FLAG, discover),
    F(crypto_map_entry, "profile", REF, type_profile),
    F(crypto_map_entry, "description", STR, description),
    F(crypto_map_entry, "access_list", REF, acl),
    FS(crypto_map_entry, "peers", LIST, peers, desc_map_peer),
    FS(crypto_map_entry, "session_keys", LIST, keys, desc_manual_key),
    FS(crypto_map_entry, "sa", OBJECT, sa, desc_sa_settings),
    F(crypto_map_entry, "gdoi_group", REF, gdoi_group),
    F(crypto_map_entry, "access_group_in", REF, access_in),
    F(crypto_map_entry, "access_group_out", REF, access_out),
    F(crypto_map_entry, "nat_demux", FLAG, nat_demux),
    F(crypto_map_entry, "disabled", FLAG, disabled),
    F(crypto_map_entry, "complete", FLAG, complete),
    F(crypto_map_entry, "lacks", STR, lacks),
    END,
};
static const struct ir_desc desc_crypto_map_entry = {"crypto_map_entry", true, crypto_map_entry_fields};

static const struct ir_field map_binding_fields[] = {
    F(map_binding, "interface", REF, interface),
    F(map_binding, "local_address", ADDR, local),
    END,
};
static const struct ir_desc desc_map_binding = {"map_binding", true, map_binding_fields};

static const struct ir_field crypto_map_fields[] = {
    F(crypto_map, "name", STR, name),
    F(crypto_map, "ipv6", FLAG, ipv6),
    F(crypto_map, "dynamic", FLAG, is_dynamic),
    FS(crypto_map, "entries", LIST, entries, desc_crypto_map_entry),
    F(crypto_map, "local_address", REF, local_address),
    FS(crypto_map, "options", LIST, options, desc_ir_text),
    F(crypto_map, "interfaces", NAMES, applied),
    FS(crypto_map, "bindings", LIST, bindings, desc_map_binding),
    END,
};
static const struct ir_desc desc_crypto_map = {"crypto_map", true, crypto_map_fields};

static const struct ir_field ipsec_profile_fields[] = {
    F(ipsec_profile, "name", STR, name),
    F(ipsec_profile, "description", STR, description),
    FS(ipsec_profile, "sa", OBJECT, sa, desc_sa_settings),
    F(ipsec_profile, "built_in", FLAG, is_default),
    END,
};
static const struct ir_desc desc_ipsec_profile = {"ipsec_profile", true, ipsec_profile_fields};

static const struct ir_field acl_fields[] = {
    F(acl, "name", STR, name),
    FE(acl, "kind", kind, acl_kinds),
    F(acl, "numbered", FLAG, numbered),
    F(acl, "lines", ACES, aces),
    END,
};
static const struct ir_desc desc_acl = {"acl", true, acl_fields};

static const struct ir_field object_group_fields[] = {
    F(object_group, "name", STR, name),
    F(object_group, "description", STR, description),
    F(object_group, "service", FLAG, is_service),
    F(object_group, "items", ITEMS, items),
    END,
};
static const struct ir_desc desc_object_group = {"object_group", true, object_group_fields};

static const struct ir_field if_address_fields[] = {
    F(if_address, "address", ADDR, address),
    F(if_address, "secondary", FLAG, secondary),
    F(if_address, "kind", STR, kind),
    END,
};
static const struct ir_desc desc_if_address = {"if_address", true, if_address_fields};

static const struct ir_field acl_binding_fields[] = {
    F(acl_binding, "access_list", REF, acl),
    F(acl_binding, "direction", STR, direction),
    END,
};
static const struct ir_desc desc_acl_binding = {"acl_binding", true, acl_binding_fields};

static const struct ir_field interface_fields[] = {
    F(interface, "name", STR, name),
    FS(interface, "addresses", LIST, addresses, desc_if_address),
    FS(interface, "ipv6_addresses", LIST, addresses6, desc_if_address),
    F(interface, "dynamic_address", STR, dynamic_address),
    F(interface, "unnumbered", REF, unnumbered),
    F(interface, "vrf", STR, vrf),
    F(interface, "crypto_map", REF, crypto_map),
    F(interface, "ipv6_crypto_map", REF, crypto_map6),
    F(interface, "redundancy", FLAG, map_redundancy),
    F(interface, "redundancy_group", STR, map_redundancy_group),
    F(interface, "redundancy_stateful", FLAG, map_redundancy_stateful),
    FS(interface, "access_groups", LIST, access_groups, desc_acl_binding),
    FS(interface, "traffic_filters", LIST, traffic_filters, desc_acl_binding),
    F(interface, "nat", STR, nat),
    F(interface, "mtu", NUM, mtu),
    F(interface, "ip_mtu", NUM, ip_mtu),
    F(interface, "adjust_mss", NUM, mss),
    F(interface, "shutdown", FLAG, shutdown),
    F(interface, "df_bit", STR, df_bit),
    F(interface, "fragmentation", STR, fragmentation),
    F(interface, "ezvpn", STR, ezvpn),
    FS(interface, "nhrp", LIST, nhrp, desc_ir_text),
    FS(interface, "standby", LIST, standby, desc_ir_text),
    F(interface, "encapsulation", STR, encapsulation),
    F(interface, "tunnel_source", HOST, tunnel_source),
    F(interface, "tunnel_source_interface", REF, tunnel_source_if),
    F(interface, "tunnel_destination", HOST, tunnel_destination),
    F(interface, "tunnel_mode", STR, tunnel_mode),
    F(interface, "protection", REF, protection),
    F(interface, "protection_shared", FLAG, protection_shared),
    F(interface, "protection_ikev2_profile", REF, protection_ikev2),
    F(interface, "protection_isakmp_profile", REF, protection_isakmp),
    F(interface, "protection_ipv4_acl", REF, protection_acl4),
    F(interface, "protection_ipv6_acl", REF, protection_acl6),
    F(interface, "tunnel_vrf", STR, tunnel_vrf),
    F(interface, "tunnel_path_mtu_discovery", STR, tunnel_pmtud),
    F(interface, "tunnel_key", NUM, tunnel_key),
    F(interface, "tunnel_ttl", NUM, tunnel_ttl),
    F(interface, "tunnel_tos", NUM, tunnel_tos),
    FS(interface, "tunnel_other", LIST, tunnel_other, desc_ir_text),
    END,
};
static const struct ir_desc desc_interface = {"interface", true, interface_fields};

static const struct ir_field nat_rule_fields[] = {
    F(nat_rule, "kind", STR, kind),
    F(nat_rule, "access_list", REF, acl),
    F(nat_rule, "route_map", REF, route_map),
    F(nat_rule, "interface", REF, interface),
    F(nat_rule, "pool", STR, pool),
    F(nat_rule, "vrf", STR, vrf),
    F(nat_rule, "text", STR, text),
    F(nat_rule, "overload", FLAG, overload),
    END,
};
static const struct ir_desc desc_nat_rule = {"nat_rule", true, nat_rule_fields};

static const struct ir_field host_entry_address_fields[] = {
    F(host_entry_address, "address", ADDR, address),
    END,
};
static const struct ir_desc desc_host_entry_address = {"host_entry_address", true, host_entry_address_fields};

static const struct ir_field host_entry_fields[] = {
    F(host_entry, "name", STR, name),
    FS(host_entry, "addresses", LIST, addresses, desc_host_entry_address),
    END,
};
static const struct ir_desc desc_host_entry = {"host", true, host_entry_fields};

static const struct ir_field nat_pool_fields[] = {
    F(nat_pool, "name", STR, name),
    F(nat_pool, "first", ADDR, first),
    F(nat_pool, "last", ADDR, last),
    F(nat_pool, "prefix_length", NUM, plen),
    END,
};
static const struct ir_desc desc_nat_pool = {"nat_pool", true, nat_pool_fields};

static const struct ir_field route_map_fields[] = {
    F(route_map, "name", STR, name),
    F(route_map, "permit", FLAG, permit),
    F(route_map, "sequence", NUM, seq),
    F(route_map, "access_lists", REFS, acls),
    FS(route_map, "other", LIST, other, desc_ir_text),
    END,
};
static const struct ir_desc desc_route_map = {"route_map", true, route_map_fields};

static const struct ir_field trustpoint_fields[] = {
    F(trustpoint, "name", STR, name),
    F(trustpoint, "description", STR, description),
    F(trustpoint, "enrollment", STR, enrollment),
    F(trustpoint, "subject_name", STR, subject),
    F(trustpoint, "revocation_check", STR, revocation),
    F(trustpoint, "key_pair", STR, keypair),
    F(trustpoint, "fqdn", STR, fqdn),
    F(trustpoint, "hash", STR, hash),
    F(trustpoint, "key_bits", NUM, keypair_bits),
    F(trustpoint, "password", SECRET, password),
    FS(trustpoint, "other", LIST, other, desc_ir_text),
    END,
};
static const struct ir_desc desc_trustpoint = {"trustpoint", true, trustpoint_fields};

static const struct ir_field certificate_fields[] = {
    F(certificate, "role", STR, role),
    F(certificate, "serial", STR, serial),
    F(certificate, "file", STR, file),
    F(certificate, "der", STR, hex),
    F(certificate, "subject", STR, subject),
    F(certificate, "issuer", STR, issuer),
    F(certificate, "not_before", STR, not_before),
    F(certificate, "not_after", STR, not_after),
    F(certificate, "signature", STR, signature),
    F(certificate, "key_type", STR, key_type),
    F(certificate, "key_bits", NUM, key_bits),
    END,
};
static const struct ir_desc desc_certificate = {"certificate", true, certificate_fields};

static const struct ir_field cert_chain_fields[] = {
    F(cert_chain, "name", STR, name),
    FS(cert_chain, "certificates", LIST, certificates, desc_certificate),
    END,
};
static const struct ir_desc desc_cert_chain = {"cert_chain", true, cert_chain_fields};

static const struct ir_field cert_map_rule_fields[] = {
    F(cert_map_rule, "field", STR, field),
    F(cert_map_rule, "operator", STR, op),
    F(cert_map_rule, "value", STR, value),
    END,
};
static const struct ir_desc desc_cert_map_rule = {"cert_map_rule", true, cert_map_rule_fields};

static const struct ir_field cert_map_fields[] = {
    F(cert_map, "name", STR, name),
    F(cert_map, "sequence", NUM, seq),
    FS(cert_map, "rules", LIST, rules, desc_cert_map_rule),
    END,
};
static const struct ir_desc desc_cert_map = {"cert_map", true, cert_map_fields};

static const struct ir_field crypto_identity_fields[] = {
    F(crypto_identity, "name", STR, name),
    F(crypto_identity, "dn", STR, dn),
    F(crypto_identity, "fqdn", STR, fqdn),
    F(crypto_identity, "description", STR, description),
    END,
};
static const struct ir_desc desc_crypto_identity = {"crypto_identity", true, crypto_identity_fields};

static const struct ir_field other_block_fields[] = {
    F(other_block, "command", STR, head),
    F(other_block, "key", SECRET, key),
    FS(other_block, "lines", LIST, lines, desc_ir_text),
    END,
};
static const struct ir_desc desc_other_block = {"other_block", true, other_block_fields};

static const struct ir_field ir_vrf_fields[] = {
    F(ir_vrf, "name", STR, name),
    END,
};
static const struct ir_desc desc_ir_vrf = {"vrf", true, ir_vrf_fields};

static const struct ir_field isakmp_globals_fields[] = {
    F(isakmp_globals, "enable", FLAG, enable),
    F(isakmp_globals, "default_policy", FLAG, default_policy),
    F(isakmp_globals, "identity", STR, identity),
    F(isakmp_globals, "keepalive_s", NUM, keepalive_s),
    F(isakmp_globals, "keepalive_retry_s", NUM, keepalive_retry),
    F(isakmp_globals, "keepalive_mode", STR, keepalive_mode),
    F(isakmp_globals, "nat_keepalive_s", NUM, nat_keepalive_s),
    F(isakmp_globals, "aggressive_mode_disable", FLAG, aggressive_disable),
    F(isakmp_globals, "invalid_spi_recovery", FLAG, invalid_spi_recovery),
    F(isakmp_globals, "fragmentation", FLAG, fragmentation),
    F(isakmp_globals, "performance", FLAG, performance),
    F(isakmp_globals, "disconnect_revoked", FLAG, disconnect_revoked),
    F(isakmp_globals, "diagnose_error", NUM, diagnose_error),
    F(isakmp_globals, "xauth_timeout_s", NUM, xauth_timeout_s),
    F(isakmp_globals, "call_admission_ike_sa", NUM, call_ike_sa),
    F(isakmp_globals, "call_admission_ike_in_negotiation", NUM, call_ike_negotiating),
    F(isakmp_globals, "call_admission_all_in_negotiation", NUM, call_all_negotiating),
    F(isakmp_globals, "call_admission_ipsec_sa", NUM, call_ipsec_sa),
    END,
};
static const struct ir_desc desc_isakmp_globals = {"isakmp_globals", false, isakmp_globals_fields};

static const struct ir_field ipsec_globals_fields[] = {
    F(ipsec_globals, "lifetime_s", NUM, lifetime_s),
    F(ipsec_globals, "lifetime_kb", NUM, lifetime_kb),
    F(ipsec_globals, "lifetime_kb_disabled", FLAG, lifetime_kb_disabled),
    F(ipsec_globals, "replay_window", NUM, replay_window),
    F(ipsec_globals, "replay_disabled", FLAG, replay_disabled),
    F(ipsec_globals, "idle_s", NUM, idle_s),
    F(ipsec_globals, "dummy_pps", NUM, dummy_pps),
    F(ipsec_globals, "dummy_s", NUM, dummy_s),
    F(ipsec_globals, "multi_sn", FLAG, multi_sn),
    F(ipsec_globals, "ecn", STR, ecn),
    F(ipsec_globals, "pmtu_aging", STR, pmtu_aging),
    F(ipsec_globals, "df_bit", STR, df_bit),
    F(ipsec_globals, "fragmentation", STR, fragmentation),
    F(ipsec_globals, "ipv4_deny", STR, ipv4_deny),
    F(ipsec_globals, "nat_udp_encapsulation", FLAG, nat_udp_encapsulation),
    F(ipsec_globals, "nat_spi_matching", FLAG, nat_spi_matching),
    F(ipsec_globals, "optional", FLAG, optional),
    F(ipsec_globals, "optional_retry_s", NUM, optional_retry_s),
    F(ipsec_globals, "sa_strength_enforcement", FLAG, sa_strength),
    FS(ipsec_globals, "exclude", LIST, exclude, desc_ir_text),
    F(ipsec_globals, "no_default_transform_set", FLAG, no_default_transform_set),
    END,
};
static const struct ir_desc desc_ipsec_globals = {"ipsec_globals", false, ipsec_globals_fields};

static const struct ir_field ikev2_globals_fields[] = {
    F(ikev2_globals, "dpd_s", NUM, dpd_s),
    F(ikev2_globals, "dpd_retry_s", NUM, dpd_retry),
    F(ikev2_globals, "dpd_mode", STR, dpd_mode),
    F(ikev2_globals, "nat_keepalive_s", NUM, nat_keepalive_s),
    F(ikev2_globals, "window", NUM, window),
    F(ikev2_globals, "fragmentation", FLAG, fragmentation),
    F(ikev2_globals, "fragmentation_mtu", NUM, fragmentation_mtu),
    F(ikev2_globals, "cookie_challenge", NUM, cookie_challenge),
    F(ikev2_globals, "max_in_negotiation", NUM, max_in_negotiation),
    F(ikev2_globals, "max_in_negotiation_direction", STR, max_in_negotiation_direction),
    F(ikev2_globals, "max_sa", NUM, max_sa),
    F(ikev2_globals, "queue_sa_init", NUM, queue_sa_init),
    F(ikev2_globals, "certificate_cache", NUM, certificate_cache),
    F(ikev2_globals, "http_url_cert", FLAG, http_url_cert),
    F(ikev2_globals, "http_url_bundle", FLAG, http_url_bundle),
    F(ikev2_globals, "diagnose_error", NUM, diagnose_error),
    F(ikev2_globals, "disconnect_revoked", FLAG, disconnect_revoked),
    F(ikev2_globals, "cts_sgt", FLAG, cts_sgt),
    F(ikev2_globals, "no_default_proposal", FLAG, no_default_proposal),
    F(ikev2_globals, "no_default_policy", FLAG, no_default_policy),
    END,
};
static const struct ir_desc desc_ikev2_globals = {"ikev2_globals", false, ikev2_globals_fields};

static const struct ir_field ir_config_fields[] = {
    F(ir_config, "hostname", STR, hostname),
    F(ir_config, "domain_name", STR, domain_name),
    F(ir_config, "version", STR, version),
    FS(ir_config, "isakmp", OBJECT, isakmp, desc_isakmp_globals),
    FS(ir_config, "ipsec", OBJECT, ipsec, desc_ipsec_globals),
    FS(ir_config, "ikev2", OBJECT, ikev2, desc_ikev2_globals),
    FS(ir_config, "vrfs", LIST, vrfs, desc_ir_vrf),
    FS(ir_config, "isakmp_policies", LIST, isakmp_policies, desc_isakmp_policy),
    FS(ir_config, "isakmp_keys", LIST, isakmp_keys, desc_psk),
    FS(ir_config, "keyrings", LIST, keyrings, desc_keyring),
    FS(ir_config, "isakmp_profiles", LIST, isakmp_profiles, desc_isakmp_profile),
    FS(ir_config, "isakmp_peers", LIST, isakmp_peers, desc_isakmp_peer),
    FS(ir_config, "ikev2_proposals", LIST, ikev2_proposals, desc_ikev2_proposal),
    FS(ir_config, "ikev2_policies", LIST, ikev2_policies, desc_ikev2_policy),
    FS(ir_config, "ikev2_keyrings", LIST, ikev2_keyrings, desc_ikev2_keyring),
    FS(ir_config, "ikev2_profiles", LIST, ikev2_profiles, desc_ikev2_profile),
    FS(ir_config, "transform_sets", LIST, transform_sets, desc_transform_set),
    FS(ir_config, "ipsec_profiles", LIST, ipsec_profiles, desc_ipsec_profile),
    FS(ir_config, "crypto_maps", LIST, crypto_maps, desc_crypto_map),
    FS(ir_config, "dynamic_maps", LIST, dynamic_maps, desc_crypto_map),
    FS(ir_config, "access_lists", LIST, acls, desc_acl),
    FS(ir_config, "object_groups", LIST, object_groups, desc_object_group),
    FS(ir_config, "interfaces", LIST, interfaces, desc_interface),
    FS(ir_config, "nat_rules", LIST, nat_rules, desc_nat_rule),
    FS(ir_config, "nat_pools", LIST, nat_pools, desc_nat_pool),
    FS(ir_config, "hosts", LIST, hosts, desc_host_entry),
    FS(ir_config, "route_maps", LIST, route_maps, desc_route_map),
    FS(ir_config, "trustpoints", LIST, trustpoints, desc_trustpoint),
    FS(ir_config, "certificate_chains", LIST, cert_chains, desc_cert_chain),
    FS(ir_config, "certificate_maps", LIST, cert_maps, desc_cert_map),
    FS(ir_config, "identities", LIST, identities, desc_crypto_identity),
    FS(ir_config, "public_keys", LIST, pubkeys, desc_rsa_pubkey),
    FS(ir_config, "other", LIST, others, desc_other_block),
    END,
};
const struct ir_desc ir_desc_config = {"configuration", false, ir_config_fields};
/* clang-format on */
