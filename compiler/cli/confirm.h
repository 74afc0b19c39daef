/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes back by itself unless 'ioscc confirm' comes: apply --confirm, reload --confirm. Internal. */
#ifndef IOSCC_CLI_CONFIRM_H
#define IOSCC_CLI_CONFIRM_H

#include "compiler/cli/session.h"

/* The value of --confirm. EXIT_CLEAN, or EXIT_USAGE after a message. */
int confirm_option(const struct command *c, const char *value, unsigned *seconds) MUST_CHECK;
/* When it goes back; 0 where `seconds` is. */
time_t confirm_deadline(unsigned seconds) MUST_CHECK;
/* Keeps room in the state directory for going back, before anything is changed. EXIT_CLEAN, also where `deadline` is 0;
 * EXIT_SYSTEM, or EXIT_FINDINGS where nothing is known that could be gone back to, after a message. */
int confirm_reserve(struct session *s, time_t deadline) MUST_CHECK;
/* Starts the process that goes back at `deadline` if the state says then that this is waited for; it outlives this one
 * and its terminal. To be called before anything is changed, whatever becomes of this process then. EXIT_CLEAN, also
 * where `deadline` is 0; EXIT_SYSTEM after a message. */
int confirm_start(struct session *s, time_t deadline) MUST_CHECK;
/* Says what will happen, once it is applied. */
void confirm_say(const struct session *s, time_t deadline, unsigned seconds);

#endif
