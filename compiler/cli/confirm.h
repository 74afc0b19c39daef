/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes back by itself unless 'ioscc confirm' comes: apply --confirm, reload --confirm. Internal. */
#ifndef IOSCC_CLI_CONFIRM_H
#define IOSCC_CLI_CONFIRM_H

#include "compiler/cli/session.h"

/* The value of --confirm. EXIT_CLEAN, or EXIT_USAGE after a message. */
int confirm_option(const struct command *c, const char *value, unsigned *seconds) MUST_CHECK;
/* When it goes back; 0 where `seconds` is. */
time_t confirm_deadline(unsigned seconds) MUST_CHECK;
/* Notes it in the state, by both clocks; 0: nothing waits any more. */
void confirm_note(struct state *st, time_t deadline);
/* Is it over? By the clock that nobody sets, where it is known. */
bool confirm_is_late(const struct state *st) MUST_CHECK;
/* Waits for it, however the time of day is set meanwhile. `deadline_boot`: by CLOCK_BOOTTIME, in seconds; 0: not known.
 */
void confirm_wait(time_t deadline, time_t deadline_boot);
/* Prints why it has not gone back, from the log of who tries; nothing where there is none. */
void confirm_say_why(struct state *st);
/* The log of who tries again begins anew. */
void confirm_log_anew(void);
/* Keeps room in the state directory for going back, before anything is changed. EXIT_CLEAN, also where `deadline` is 0;
 * EXIT_SYSTEM, or EXIT_FINDINGS where nothing is known that could be gone back to, after a message. */
int confirm_reserve(struct session *s, time_t deadline) MUST_CHECK;
/* Starts the process that goes back at `deadline` if the state says then that this is waited for; it outlives this one
 * and its terminal. To be called before anything is changed, whatever becomes of this process then. EXIT_CLEAN, also
 * where `deadline` is 0; EXIT_SYSTEM after a message. */
int confirm_start(struct session *s, time_t deadline) MUST_CHECK;
/* Says what will happen, once it is applied. */
void confirm_say(struct buf *b, const struct session *s, time_t deadline, unsigned seconds);

#endif
