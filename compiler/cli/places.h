/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the tunnels of a running daemon begin and end: its own addresses at the interfaces of its crypto maps, and the
 * addresses that its peers' names had. Kept in the state directory (places.json) when a policy is handed over, so that
 * who watches the host can say whether that policy is still the one of today. Internal. */
#ifndef IOSCC_CLI_PLACES_H
#define IOSCC_CLI_PLACES_H

#include "compiler/cli/session.h"

/* Keeps those of what is planned. A negative errno if that fails. Call it under the state's lock. */
int places_save(struct session *s) MUST_CHECK;
/* Does what is planned have others than those that were kept? An address that is not known now is none: a tunnel is not
 * ended because its interface has lost its address for a moment. `what` gets them in words, for the log. False also
 * where none were kept. */
bool places_moved(struct session *s, struct buf *what) MUST_CHECK;
/* Were they kept of another configuration than the one that stands? Then that one has not come to the daemon (yet). */
bool places_of_another(struct session *s) MUST_CHECK;

#endif
