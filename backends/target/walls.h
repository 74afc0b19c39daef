/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an interface does to packets by lines that are not about IPsec and that no backend carries: zone firewall,
 * inspection, policy routing, filters by other things than addresses and ports. A host without it lets pass, or leads elsewhere, what the router did not: so such a line
 * stops an apply, unless the host is said to have rules of its own for it.
 */
#ifndef IOSCC_BACKENDS_TARGET_WALLS_H
#define IOSCC_BACKENDS_TARGET_WALLS_H

#include "backends/target/target.h"

enum wall_kind { WALL_ZONE, WALL_INSPECT, WALL_POLICY_ROUTING, WALL_FILTER };
struct target_wall {
    enum wall_kind kind;
    const char *link; /* of the host */
    const struct interface *interface;
    struct str zone; /* WALL_ZONE */
};

/* Does a line begin with these words? Words of the line may be cut down to three letters. How many words there are; 0:
 * it does not. */
unsigned line_begins_with(struct str line, const char *words) MUST_CHECK;

/* Is it a line of an interface that is a wall, in whatever spelling? */
bool target_is_wall(struct str line) MUST_CHECK;
/* Does it begin with these words, cut down to two letters, joined, or with a letter or two otherwise? */
bool line_seems_to_begin_with(struct str line, const char *words) MUST_CHECK;

/* The line of the text that begins there, without what is blank at its end. */
struct str line_text_at(const struct source *s, uint32_t off);

/* Finds them on interfaces of the host that are not shut: a finding for each line, and t->walls, but for those that
 * t->ifs->host_has says. */
void target_find_walls(struct target *t);
/* The zone that a link is in; {NULL, 0}: none. */
struct str target_zone_of(const struct target *t, const char *link);
/* Does a zone pair judge what goes from that zone to itself? Else it passes. */
bool target_zone_judges_itself(const struct target *t, struct str zone) MUST_CHECK;

#endif
