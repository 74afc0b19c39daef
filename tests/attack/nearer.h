/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams of somebody who is nearer to the branch than the hub is, and knows no key. */
#ifndef IOSCC_TESTS_ATTACK_NEARER_H
#define IOSCC_TESTS_ATTACK_NEARER_H

#include "tests/attack/lab.h"

extern uint64_t spi_i;    /* of the branch's IKE_SA_INIT: forged answers are to that one */
extern unsigned n_forged; /* how many there were */

bool is_response(const uint8_t *header);
void answer_header(struct wr *w, uint64_t spi_r);
/* An answer to the branch's IKE_SA_INIT of that group; hash 0: none is said. */
void forge_answer(struct sim *s, enum algo_id group, uint16_t hash);
/* An INVALID_KE_PAYLOAD for that group. */
void forge_group(struct sim *s, uint8_t number);
void two_groups(struct router *hub, struct router *branch);
/* Hub, branch, and node 2, which is at the hub's address too and does not know the key. */
void three(struct sim *s, struct router *r);

#endif
