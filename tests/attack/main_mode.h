/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of main mode as somebody on the way sees and alters them; node 0 is the hub, node 1 the branch. */
#ifndef IOSCC_TESTS_ATTACK_MAIN_MODE_H
#define IOSCC_TESTS_ATTACK_MAIN_MODE_H

#include "tests/attack/slow.h"

/* Which of main mode's clear messages it is: 2, 3 or 4; 0: none of them. */
unsigned main_mode_kind(const struct sim *s, const struct packet_in_flight *f);
/* Where the body of the payload of that type begins; 0: it has none. */
size_t payload_body(const uint8_t *b, size_t n, uint8_t type);
/* All that is behind its first payload is gone; returns how long it is. */
size_t cut_behind_first(uint8_t *b);
/* A datagram from `from` in the place of `f`, through the node's NAT if it has one. */
void hit(struct sim *s, unsigned node, const struct ike_end *from, const struct packet_in_flight *f, const uint8_t *p,
         size_t n);
struct ike_sa *standing_sa(struct sim *s, unsigned node);
/* How many seconds until both ends have a child, where traffic of the branch asks for one every five; at_most: none. */
unsigned seconds_to_tunnel(struct sim *s, unsigned at_most);

/* Before pair_start(): the branch speaks aggressive mode, by a name. */
void speaks_aggressively(struct pair *x);
/* In the place of pair_start(): the branch is behind a NAT. */
void behind_nat(struct pair *x);
/* Node `i` of hub (0), branch (1) and the branch's second peer (2), one line between them. */
#define SECOND "203.0.113.9"
void fails_over(struct router *r, unsigned version, unsigned i, const char *at, const char *secret);

#endif
