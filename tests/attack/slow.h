/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Public key work that takes its time, and attacks that are tried by many seeds. */
#ifndef IOSCC_TESTS_ATTACK_SLOW_H
#define IOSCC_TESTS_ATTACK_SLOW_H

#include "tests/attack/lab.h"

/* Jobs of that simulator's nodes are begun anew: none is open. Give slow_job to a node's host. */
void slow_begin(struct sim *s);
void slow_job(void *ctx, struct ike_job *j);
/* Time passes, and jobs are done in it, by no order. */
void pass(struct sim *s, uint64_t ms);
/* What is still open is done, so that nothing is left. */
void slow_end(void);

/* NULL, or the first seeds that break. Seeds count from 0; IOSCC_SEED: the first one, IOSCC_RUNS: how many. */
const char *by_seeds(const char *(*f)(unsigned seed), unsigned runs);

#endif
