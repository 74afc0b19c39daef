/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wrong file must not open a host: an empty one, one of another system, one that was cut off. Internal. */
#ifndef IOSCC_CLI_CONSENT_H
#define IOSCC_CLI_CONSENT_H

#include "compiler/cli/session.h"

/* May the planned configuration take the place of what stands? Not if it applies no crypto map to an interface, if it
 * protects less than half of what stands (xfrm_kept()), has fewer policies and no `end` as its last line, or lacks the
 * translation that a list which stands is behind. `allow_less`: the user wants that. EXIT_FINDINGS after a message that
 * says how much would go. */
/* Findings that stop it: without those of tunnels that nobody makes, where --allow-less has said that they may go. */
uint32_t consent_errors(const struct session *s, bool allow_less) MUST_CHECK;
int consent_ask(const struct session *s, const char *file, bool allow_less) MUST_CHECK;
/* Does a daemon with another state directory run in this network namespace, whose policies stand? EXIT_FINDINGS after a
 * message. */
int consent_alone(const struct session *s) MUST_CHECK;
/* The same before anything is read. */
int consent_no_other(const struct command *c, const char *own_dir) MUST_CHECK;

#endif
