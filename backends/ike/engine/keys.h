/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done with a pre-shared or a private key, as whole operations, so that the process that reads the network need
 * not have them: it asks (host.keys), another process does it by its own policy (daemon/keys.c). Who asks says whom it
 * talks to, never which key is to be taken.
 */
#ifndef IOSCC_IKE_KEYS_H
#define IOSCC_IKE_KEYS_H

#include "backends/ike/crypto/cert.h"
#include "backends/ike/message/message.h"
#include "backends/ike/policy.h"

/* Whom a key is for, in the words of the configuration. */
struct ike_key_owner {
    uint8_t version;
    bool password;            /* v1: of `crypto isakmp peer`, if the peer has one there */
    const char *profile;      /* of that version; NULL: none */
    struct ip_addr peer, own; /* own: ours that it talks to */
    struct ike_id id;         /* the name that is called, or the identity that is claimed; p NULL: neither */
    bool is_called;           /* ... the name that is called */
};

enum ike_key_verb {
    KEYS_SKEYID = 1, /* v1: prf(key, pieces), pieces being Ni_b | Nr_b (RFC 2409 §5) */
    KEYS_PSK_MAKE,   /* v2: AUTH of ours from message, nonce and MACed identity (RFC 7296 §2.15) */
    KEYS_PSK_CHECK,  /* v2: is `proof` the peer's AUTH? */
    KEYS_SIGN_2,     /* v2: the body of a signed AUTH, over the same three */
    KEYS_SIGN_1      /* v1: SIG over prf(first piece, the others), which is HASH_I or HASH_R */
};

#define IKE_KEY_PIECES_MAX 8
struct ike_key_work {
    enum ike_key_verb verb;
    struct ike_key_owner owner;
    enum algo_id prf;
    uint16_t peer_hashes; /* as ike2_sign() has it */
    struct ike_iov v[IKE_KEY_PIECES_MAX];
    unsigned n;
    struct ike_iov proof;
};

struct ike_key_result {
    size_t n;                       /* bytes of `out` */
    uint8_t out[IKE_SIGNATURE_MAX]; /* wipe it when it is a SKEYID */
    struct ike_bytes key;           /* the `local` of the key that was taken; empty where none was */
};

/* `crypto isakmp peer address`, the last of that address; NULL: there is none. */
const struct ike_aggressive_peer *ike_aggressive_at(const struct ike_policy *p, const struct ip_addr *peer);
/* The key for a peer; NULL: there is none. */
const struct ike_psk *ike_psk_choose(const struct ike_policy *p, const struct ike_key_owner *o);
/* The key that has proved a peer, and why it was that one. By password: `crypto isakmp peer address`, IKEv1. */
enum ike_call { IKE_HAS_CALLED, IKE_CALLED_BY_ADDRESS, IKE_CALLED_BY_NAME, IKE_CALLED_BY_PASSWORD };
struct ike_used_key {
    uint32_t id; /* of the row */
    enum ike_call call;
};
/* The identity is that of another row than the one that has proved the peer, with another key; or it is no row's, and
 * that row, by which a caller was found, names somebody else or is another profile's: it poses as somebody else.
 * `profile`: whose keyring holds, NULL (IKEv1): the keys without one. */
bool ike_poses(const struct ike_policy *p, const struct ike_profile *profile, const struct ike_key_owner *o,
               const struct ike_id *id, struct ike_used_key key) MUST_CHECK;
const struct ike_profile *ike_profile_named(const struct ike_policy *p, uint8_t version, const char *name);

/* Does it with the policy's own keys. False: there is no such key, or what is asked is none of the five. Refuses what
 * would give away a key's use elsewhere: two IKEv1 nonces that spell the key pad of IKEv2 (their SKEYID is the inner
 * key there), a signature over what is no IKE_SA_INIT. */
bool ike_keys_do(struct ike_crypto *c, const struct ike_policy *p, const struct ike_key_work *w,
                 struct ike_key_result *r) MUST_CHECK;

#endif
