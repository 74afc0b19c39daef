/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a line that nobody understands may have been meant as. Most commands of IOS are none of ours and are passed
 * over; a misprint of one that is must not be taken for one of those. Internal to grammar/. */
#ifndef IOSCC_GRAMMAR_MISPRINT_H
#define IOSCC_GRAMMAR_MISPRINT_H

#include "compiler/base/must.h"
#include "compiler/base/str.h"

/* Is a word some letters away from that one? */
bool misprint_near(struct str word, const char *command) MUST_CHECK;
/* A first word of a line that nobody knows: does the line begin as one that opens a block of ours, misprinted, glued
 * together or with other signs between its words (`crypto-map M`, `ipaccess-list extended L`)? */
bool misprint_opens_ours(struct str line) MUST_CHECK;
/* The same for lines of an interface: `access-group F in`, `cryptomap M`. */
bool misprint_of_interface(struct str line) MUST_CHECK;
/* What a line of no block that was not understood is about, where its words are glued together or hold characters that
 * only look like blanks and hyphens; its words tell otherwise (MEANT_WORDS). */
enum misprint_meant { MEANT_WORDS, MEANT_LIST, MEANT_MAP, MEANT_CRYPTO };
enum misprint_meant misprint_meant(struct str line);
/* The misprinted word of a command that begins with a word of many: `ip acess-list extended L`, ` ip acces-group F in`,
 * `ip nt inside source …`. Empty: there is none. */
struct str misprint_of_ours(struct str line, bool in_interface);
/* A character that looks like a blank or a hyphen and is none (no-break space, U+2011), as word processors and wikis
 * put them in: no router takes it. Empty: there is none. */
struct str misprint_lookalike(struct str line);
/* Does a line with such characters begin as one that opens a block of ours, read as they look? */
bool misprint_looks_like_ours(struct str line) MUST_CHECK;

#endif
