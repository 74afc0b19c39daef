/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which words fit a token that is not a keyword: numbers, addresses, names of algorithms, ports, … Internal. */
#ifndef IOSCC_GRAMMAR_SHAPES_H
#define IOSCC_GRAMMAR_SHAPES_H

#include "grammar/resolve.h"

/* Tries word `i` against shape token `tok`; fills *v and returns the number of words taken (0: does not fit). */
uint32_t shape_match(int tok, const struct line_words *w, uint32_t i, struct ios_val *v);
/* Nearest spelling among the words a shape names, or NULL. */
const char *shape_nearest(int tok, struct str word);

extern const int shape_order[]; /* token numbers, most specific first, 0-terminated */

#endif
