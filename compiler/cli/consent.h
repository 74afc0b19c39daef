/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wrong file must not open a host: an empty one, one of another system, one that was cut off. Internal. */
#ifndef IOSCC_CLI_CONSENT_H
#define IOSCC_CLI_CONSENT_H

#include "compiler/cli/session.h"

/* May the planned configuration take the place of what stands? Not if it applies no crypto map to an interface, if it
 * has less than half of the policies that stand, or fewer and no `end` as its last line. `allow_less`: the user wants
 * that. EXIT_FINDINGS after a message that says how much would go. */
int consent_ask(const struct session *s, const char *file, bool allow_less) MUST_CHECK;
/* Policies of ours stand that this state directory knows nothing of, and somebody speaks IKE here: a daemon with another
 * directory, whose they are. EXIT_FINDINGS after a message. Once the kernel has been read. */
int consent_alone(const struct session *s) MUST_CHECK;

#endif
