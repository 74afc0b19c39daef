/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's front door.
 *
 *   struct ike *ike = ike_new(&policy, &host, now);
 *   ike_input(ike, now, &local, &remote, datagram, length);    what a socket received
 *   ike_acquire(ike, now, reqid, &local, &src, &dst);          what the kernel asks for
 *   ike_tick(ike, now);                                        not later than ike_deadline(ike)
 *
 * Datagrams are as on port 500: the non-ESP marker of port 4500 (RFC 3948 §2.2) is taken off and put on outside.
 */
#ifndef IOSCC_IKE_IKE_H
#define IOSCC_IKE_IKE_H

#include "backends/ike/engine/proof.h"
#include "compiler/base/must.h"

/* `policy` must live as long as the engine. NULL: out of memory. */
struct ike *ike_new(const struct ike_policy *policy, const struct ike_host *host, uint64_t now_ms);
/* Forgets everything; says nothing to peers. SAs in the kernel are deleted through the host. */
void ike_free(struct ike *ike);

void ike_input(struct ike *ike, uint64_t now, const struct ike_end *local, const struct ike_end *remote,
               const uint8_t *p, size_t n);
/* When ike_tick() wants to be called, UINT64_MAX: never. */
uint64_t ike_deadline(const struct ike *ike);
void ike_tick(struct ike *ike, uint64_t now);

/* Traffic waits for an SA: the line's request number, the address of ours that the SA is to begin at (NULL or
 * FAMILY_NONE: any; a map on two interfaces has entries at both) and the packet (NULL: nothing is known of it). False
 * if no entry there has that number, or it may not initiate. */
bool ike_acquire(struct ike *ike, uint64_t now, uint32_t reqid, const struct ip_addr *local, const struct ike_ts *src,
                 const struct ike_ts *dst);
/* A lifetime of the kernel's ran out: soft (rekey it) or hard (it is gone). The SA is named as the kernel does it. */
void ike_expire(struct ike *ike, uint64_t now, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi,
                bool hard);
/* Is it an SA of a child that stands? Named as the kernel does it. */
bool ike_has_sa(const struct ike *ike, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi) MUST_CHECK;
/* The kernel has it no more, and nobody here has deleted it: the peer is told, and traffic makes another. */
void ike_sa_lost(struct ike *ike, uint64_t now, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi);
/* Ends SAs with deletes to the peers: all of them, or those with one peer, of one version, or the one with that id
 * (NULL or 0: any). Returns how many. */
unsigned ike_clear(struct ike *ike, uint64_t now, const struct ip_addr *peer, uint8_t version, uint64_t id);
/* Ends one child, or all of a peer or an entry (zero or NULL: any). Returns how many. */
unsigned ike_clear_children(struct ike *ike, uint64_t now, const struct ip_addr *peer, const struct ike_entry *entry,
                            uint32_t spi);
/* Another policy holds from now on. SAs of entries that are the same live on; the old policy must stay as long as
 * ike_policy_in_use() says so: those that end have to tell their peers. False: out of memory, nothing is changed. */
bool ike_reload(struct ike *ike, uint64_t now, const struct ike_moves *m, struct ike_reload *out) MUST_CHECK;
/* Does anything still point into a policy that ike_reload() replaced? It is told by host.policy_unused when not. */
bool ike_policy_in_use(const struct ike *ike, const struct ike_policy *p) MUST_CHECK;
/* Calls f for every IKE SA. */
void ike_each(struct ike *ike, void (*f)(void *ctx, const struct ike_sa *sa), void *ctx);

#endif
