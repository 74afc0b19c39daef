/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of packets that leave by a link: is there one that a line protects and that nothing on the link holds back? */
#ifndef IOSCC_BACKENDS_APPLY_OPEN_PART_H
#define IOSCC_BACKENDS_APPLY_OPEN_PART_H

#include "backends/apply/egress.h"

struct open_part {
    struct arena *arena;
    const struct target_line *line;
    struct egress_rules own; /* of the line's map, about the line's box: what comes before the line is not its */
    struct ptrlist others;   /* struct egress_rules: of other maps, about the same */
};

enum open_found {
    OPEN_NOT,    /* all of them are held back, or are not the line's */
    OPEN_THERE,  /* *p is such a packet, *lets the map on the link that lets it go (NULL: the link has none) */
    OPEN_UNTOLD, /* that takes too many boxes */
};
/* `region`: of one protocol, or of all but `named`, which may be NULL. */
enum open_found open_part_find(const struct open_part *x, const struct box *region, const struct boxes *named,
                               const struct egress *way, struct packet *p, const struct target_map **lets) MUST_CHECK;
/* The same of one packet. */
bool open_part_has(const struct open_part *x, const struct packet *p, const struct egress *way,
                   const struct target_map **lets) MUST_CHECK;

#endif
