/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch (node 1) whose NAT gives it other ports, and somebody elsewhere who has copies of what it sends: what both
 * can do, and how long the hub (node 0) is not where the branch is. */
#ifndef IOSCC_TESTS_ATTACK_MAPPINGS_H
#define IOSCC_TESTS_ATTACK_MAPPINGS_H

#include "tests/attack/main_mode.h"

/* A message of the branch, not a keepalive. */
bool is_of_branch(const struct sim *s, const struct packet_in_flight *f);
/* The hub gets that datagram now, from that port of the address it comes from. */
void copied(struct sim *s, const struct packet_in_flight *f, unsigned port);

/* The ports of who has copies: nobody is there. */
#define COPIER_PORT 777u
#define COPIER_PORTS 10u
bool is_to_copier(const struct packet_in_flight *f);

/* Hub and branch with one line between them, the branch behind NAT, and nothing sent yet. */
void mapped_open(struct pair *x, unsigned version);
/* Dead peer detection of both ends, by whichever version they speak; 0: none. */
void mapped_dpd(struct pair *x, uint32_t hub_s, uint32_t branch_s);
/* IKEv1 without NAT: a tunnel between ends that both ask; and the same for a pair that the caller has opened. */
bool plain_tunnel(struct pair *x) MUST_CHECK;
bool plain_begin(struct pair *x) MUST_CHECK;
/* From now on the NAT has NEW_PORT for the branch's port 500 and the next one for 4500. */
#define NEW_PORT 6000u
void begin_mapping(struct sim *s, unsigned port);
/* What the branch does of itself when it is time: another IKE SA for its standing one, another child, a question. */
void rekey_sa(struct sim *s, unsigned node);
void rekey_child(struct sim *s, unsigned node);
void ask_peer(struct sim *s, unsigned node);

/* In tenths of a second. */
struct watched {
    unsigned hub_without, branch_without;        /* no child at all */
    unsigned elsewhere, elsewhere_most;          /* the hub's SA is not where the branch is: in all, the longest time */
    unsigned useless, useless_now, useless_most; /* no child of both ends that sends to where the branch is */
    unsigned elsewhere_now;
};
/* Time passes; traffic of the branch asks for a child every five seconds if it has none. */
void watch(struct sim *s, struct watched *w, unsigned seconds);

#endif
