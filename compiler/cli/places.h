/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a running daemon was given: where its tunnels begin and end (its own addresses at the interfaces of its crypto
 * maps, the addresses that its peers' names had), and which entries it does not run for want of a key or a file. Kept
 * in the state directory (places.json) when a policy is handed over, so that who watches the host can say whether that
 * policy is still the one of today. Internal. */
#ifndef IOSCC_CLI_PLACES_H
#define IOSCC_CLI_PLACES_H

#include <jansson.h>

#include "compiler/cli/session.h"

/* Keeps those of what is planned. A negative errno if that fails. Call it under the state's lock. */
int places_save(struct session *s) MUST_CHECK;
/* Does what is planned have others than those that were kept? An address that is not known now is none: a tunnel is not
 * ended because its interface has lost its address for a moment. `what` gets them in words, for the log. False also
 * where none were kept. */
bool places_moved(struct session *s, struct buf *what) MUST_CHECK;
/* What was kept, of the configuration that stands; NULL: nothing. For the two below; the caller's, json_decref(). */
json_t *places_read(struct session *s) MUST_CHECK;
/* Is that entry (of the configuration that stands) one that the daemon does not run? */
bool places_is_blocked(const json_t *kept, const struct crypto_map_entry *e) MUST_CHECK;
/* A line for each such entry: which it is and what it lacks. */
void places_say_blocked(struct buf *b, const json_t *kept);
/* Nothing is run any more. */
void places_forget(struct session *s);
/* Were they kept of another configuration than the one that stands? Then that one has not come to the daemon (yet). */
bool places_of_another(struct session *s) MUST_CHECK;

#endif
