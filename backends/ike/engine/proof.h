/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is who, and what proves it: identities and the rows of keyrings that are theirs (match.c), pre-shared keys as
 * they are used (keys.c), certificates, and how long a proof holds (proof.c). RFC 4301 §4.4.3, RFC 7296 §2.15, RFC
 * 4945.
 */
#ifndef IOSCC_IKE_PROOF_H
#define IOSCC_IKE_PROOF_H

#include "backends/ike/engine/engine.h"

/* ---- match.c ---- */

bool ike_match(const struct ike_match *m, const struct ip_addr *addr, const struct ike_id *id) MUST_CHECK;
/* Is the profile for who comes to that address of ours (`match address local`, `local-address`)? */
bool ike_profile_holds_at(const struct ike_profile *p, const struct ip_addr *local) MUST_CHECK;
/* Do two keys of the policy, by number, hold one secret? Lines may repeat it: who knows it proves the same by each. 0
 * is no key. */
bool ike_same_secret(const struct ike_policy *p, uint32_t a, uint32_t b) MUST_CHECK;
/* Is the key for one address? */
bool ike_key_is_of_one(const struct ike_policy *p, uint32_t id) MUST_CHECK;
/* Does a certificate map of the profile take this certificate? The caller sees to it that it proves the peer. */
bool ike_match_certificate(const struct ike_profile *p, struct ike_iov der) MUST_CHECK;
/* As it is compared in an identity of that type: of names letters are the same in either case (RFC 4343), key-ids,
 * addresses and DNs are octets (RFC 7296 §3.5). */
uint8_t ike_letter(uint8_t id_type, uint8_t c);
/* The row names an identity of that kind, and it is another one: its key says nothing about this one. */
bool ike_psk_is_anothers(const struct ike_psk *k, const struct ip_addr *addr, const struct ike_id *id) MUST_CHECK;
/* Is the row for who comes from there to that address of ours: by address, network or for anybody? */
bool ike_psk_is_here(const struct ike_psk *k, const struct ip_addr *own, const struct ip_addr *addr) MUST_CHECK;
/* Does it claim a private address, and come from another? Behind a NAT others have the same. */
bool ike_may_be_natted(const struct ike_id *id, const struct ip_addr *from) MUST_CHECK;
/* The profile is not for whom the row names, and another one that holds at our address `own` is, for nobody else:
 * whoever has the row's key is that one's peer. Not where a static entry of the profile is for who is at `peer`. */
bool ike_psk_is_of_another_profile(const struct ike_policy *p, const struct ike_profile *its, const struct ike_psk *k,
                                   const struct ip_addr *own, const struct ip_addr *peer) MUST_CHECK;
/* The row that is about that very identity: it names it, or is for the address that the identity is, or the nearest one
 * for its network (a private address may be another's behind a NAT, only a row for itself counts). Who claims it has to
 * have that row's key, wherever it calls from (RFC 7296 §2.15, RFC 4301 §4.4.3). NULL: none is. */
const struct ike_psk *ike_psk_of_identity(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                          const struct ip_addr *addr, const struct ike_id *id);
/* The key for who calls us: by the identity that it claims, by address; of those for that address of ours (`own`). The
 * longest prefix wins. Whom we call: ike_psk_to_call(), never by the identity that it claims, else whoever has any key
 * of the keyring could answer in its place. NULL: there is none. */
const struct ike_psk *ike_psk_find(const struct ike_psk *v, unsigned n, const struct ip_addr *own,
                                   const struct ip_addr *addr, const struct ike_id *id);
/* Rows that name a peer by its whole name; or those for a domain too. */
enum ike_names { IKE_NAMES_ALONE, IKE_NAMES_AND_DOMAINS };
/* Who calls knows whom, by the name that the configuration has for it: the row that names it. A domain's row is for who
 * is matched by its name, not for who is by its address (IOS looks only at host names and addresses when it calls).
 * NULL: none is. */
const struct ike_psk *ike_psk_of_called(const struct ike_policy *p, const struct ike_profile *profile,
                                        const struct ip_addr *own, const struct ip_addr *addr,
                                        const struct ike_id *called);
/* The key to call it with: that row, or else by address. `called` NULL: it has no name. */
const struct ike_psk *ike_psk_to_call(const struct ike_policy *p, const struct ike_profile *profile,
                                      const struct ip_addr *own, const struct ip_addr *addr,
                                      const struct ike_id *called);
/* Static entries with that peer first, then dynamic ones; `from` goes on behind one. NULL at the end. */
const struct ike_entry *ike_entry_for(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote,
                                      const struct ike_entry *from);
/* Makes the index that ike_entry_for() looks into; again when a peer's address has changed. */
bool ike_entries_index(struct ike *ike) MUST_CHECK;
/* Does it have a certificate of our own and its key? */
bool ike_credential_signs(const struct ike_credential *c) MUST_CHECK;
/* What we sign with under a profile (NULL: none): the first of its trustpoints that can, or, where it names none, of
 * all trustpoints. NULL: none of them can. */
const struct ike_credential *ike_credential_of(const struct ike_policy *policy, const struct ike_profile *p);
/* What peers are verified with: how many. Where the profile names none: every trustpoint that has a CA. */
unsigned ike_trusts_of(const struct ike_policy *policy, const struct ike_profile *p,
                       const struct ike_credential *out[static IKE_TRUSTS_MAX]);
const struct ike_credential *ike_credential_for(const struct ike *ike, const struct ike_profile *p);
/* May a key of that kind prove somebody? */
bool ike_key_allowed(unsigned auth_bits, enum ike_key_kind k) MUST_CHECK;
void ike_line_ts(const struct ike_line *l, struct ike_ts *src, struct ike_ts *dst);
bool ike_addr_in(const struct ip_addr *a, const struct ip_addr *net, unsigned plen) MUST_CHECK;

/* ---- keys.c ---- */

/* By the policy's own keys or by host.keys. `expected`: the key that was found here, which must be the one that is used
 * there; NULL for signatures. */
bool ike_keys_ask(struct ike *ike, const struct ike_psk *expected, const struct ike_key_work *w,
                  struct ike_key_result *r) MUST_CHECK;

/* ---- proof.c ---- */

/* The name that the configuration has for the peer that an initiator calls; false: it has only an address. */
bool ike_called_name(const struct ike_sa *sa, struct ike_id *out) MUST_CHECK;
/* May the SA carry what the entry is for? Where a row of a keyring is for the host name that the entry has for its
 * peer, the peer has to have that key, wherever the name leads: who answers at an address says nothing about names. Of
 * certificates, and of names that no row is for, the profile decides. */
bool ike_proof_serves(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e) MUST_CHECK;
/* ... and is it for the profile that the peer has matched? */
bool ike_entry_is_its(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e) MUST_CHECK;
/* ... and may it go on carrying it? An IPsec SA of IKEv1 may have been handed over from an ISAKMP SA that its peer
 * began by another profile: what has proved it decides. */
bool ike_still_serves(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e) MUST_CHECK;
/* Why it is not. */
void ike_say_of_another(const struct ike_sa *sa, const struct ike_entry *e, char why[static 256]);
/* The same peer is called once more, by `fresh`: by the name of before, whatever has become of the entry. False: out of
 * memory. */
bool ike_call_again(struct ike_sa *fresh, const struct ike_sa *before) MUST_CHECK;
/* With which key it is proved, and how it came to be. */
struct ike_used_key ike_key_used(const struct ike_sa *sa, uint32_t key_id);
/* A weak hash that the policy in force names counts in signatures too: such routers have nothing else. */
enum ike_weak_hash ike_weak_hash_of(enum algo_id policy_hash);
/* The peer's chain (its own first) against the trustpoint of the SA's profile, its name, its kind of key (`allowed`:
 * enum ike_auth_bits). NULL if it is good; *out is the caller's in any case. Its signature is not looked at. */
const char *ike_certificate_check(struct ike *ike, struct ike_sa *sa, const struct ike_iov *certs, unsigned n,
                                  const struct ike_id *id, unsigned allowed, struct ike_cert **out) MUST_CHECK;
/* The SA remembers its trust anchor and when the chain ends; and the chain, if it is to be looked at whether it is
 * revoked. False: out of memory. */
bool ike_proof_keep(struct ike *ike, struct ike_sa *sa, const struct ike_cert *c) MUST_CHECK;
/* The peer has proved itself. When its certificates are known not to be revoked, now or later, its identity is set and
 * `next` goes on with the message, of which a copy is kept; the SA is busy meanwhile. `bad` NULL, or why it is refused
 * all the same. */
typedef void ike_proved_fn(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const char *bad);
void ike_proved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_id *id,
                ike_proved_fn *next);
void ike_unproved_free(struct ike_sa *sa);
/* What host.revocation did not know at once. `why`: in words. */
void ike_revocation_done(struct ike *ike, uint64_t now, uint64_t sa_spi, uint64_t sa_id, enum ike_verdict v,
                         const char *why);
/* By a pre-shared key, now. False: out of memory. */
bool ike_proof_by_key(struct ike_sa *sa, uint32_t key_id) MUST_CHECK;
/* An IKE SA's successor is proved as it was. False: out of memory. */
bool ike_proof_inherit(struct ike_sa *to, const struct ike_sa *from) MUST_CHECK;
/* Is what proved the peer still so in another policy: the same key, or the same trust anchor and trustpoint of ours? */
bool ike_proof_holds(const struct ike_moves *m, struct ike_sa *sa, const struct ike_profile *profile_there) MUST_CHECK;

#endif
