/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines that are no commands by what is around them: below a block that is not read (`interface range`, a template, an
 * interface that is misspelt), in what a command printed, behind a mark of a table, a message or a diff. Where they
 * would be a part of what is applied it is said, and they count as not understood: nothing goes on as if they were not
 * there.
 */
#ifndef IOSCC_GRAMMAR_UNREAD_H
#define IOSCC_GRAMMAR_UNREAD_H

#include "grammar/reader.h"

/* Is it `crypto map NAME`, `ipv6 crypto map NAME` or `tunnel protection ipsec profile NAME`, and nothing that prose goes
 * on with? True: it was said. */
bool unread_protection(struct ios_parser *p, struct str line);
/* A line that capture_strip() has left nothing of. */
void unread_dropped(struct ios_parser *p, struct str line);
/* Before a line is understood: a mark of a merge that git has not ended, or a command of the open block behind a mark.
 * True: it was said, and the line is done with. */
bool unread_refuse(struct ios_parser *p, struct str line) MUST_CHECK;

#endif
