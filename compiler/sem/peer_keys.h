/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which row of a keyring may prove a peer of a static entry, as the daemon finds it (backends/ike/engine/match.c): the
 * nearest row for its address, its host name, the password of `crypto isakmp peer`; or, where it calls us, a row by the
 * identity that its profile matches (IOS: "the identity is available for key lookup on the IKEv2 responder only").
 */
#ifndef IOSCC_SEM_PEER_KEYS_H
#define IOSCC_SEM_PEER_KEYS_H

#include "compiler/base/arena.h"
#include "compiler/base/hash.h"
#include "compiler/base/must.h"
#include "compiler/ir/ir.h"

/* How many bits of its address a row says, as check and the daemon take them. A wildcard of an IPv6 key has the length
 * that is written; of a mask with holes the address alone counts. */
uint8_t psk_plen(const struct psk *k) MUST_CHECK;
uint8_t ikev2_peer_plen(const struct ikev2_peer *p) MUST_CHECK;
uint8_t identity_plen(const struct identity_match *m) MUST_CHECK;

/* What was found out of the keys of a configuration. It begins with the first two, the others zero. */
struct peer_keys {
    struct arena *arena;
    const struct ir_config *c;
    struct symtab rows; /* (two of: a keyring, a list of keys, a profile, a map) → rows by what they say of the peer */
    struct symtab claimed; /* (rows, a profile) → whether who calls may claim one of them */
};

/* Is there one in the profile's keyring? Not if the row that is nearest to its address has no key that it can be proved
 * by: a wider one does not stand in for it. `profile` has a keyring. */
bool peer_has_v2_key(struct peer_keys *k, const struct ikev2_profile *profile, const struct map_peer *peer) MUST_CHECK;
/* Of an entry of `map` with that isakmp profile, NULL: without one. Keyrings for other addresses of
 * ours (`local-address`) than the map's do not count. */
bool peer_has_v1_key(struct peer_keys *k, const struct crypto_map *map, const struct isakmp_profile *profile,
                     const struct map_peer *peer) MUST_CHECK;

/* Where there is none: a key of IKEv1 for its address in a keyring that does not serve the entry (another local
 * address, another profile's, a VRF's); the nearest row of the profile's keyring for it, which lacks a key that it
 * would be proved by. NULL: there is none. */
const struct psk *peer_v1_key_elsewhere(struct peer_keys *k, const struct map_peer *peer);
const struct ikev2_peer *peer_v2_row(struct peer_keys *k, const struct ikev2_profile *profile,
                                     const struct map_peer *peer);

#endif
