/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words of one line, with the shape of each. Implemented by ios.l. */
#ifndef IOSCC_GRAMMAR_LEXER_H
#define IOSCC_GRAMMAR_LEXER_H

#include <stdint.h>

enum word_shape {
    SHAPE_END,  /* no more words */
    SHAPE_WORD, /* anything else */
    SHAPE_NUMBER,
    SHAPE_QUAD,     /* looks like a.b.c.d */
    SHAPE_QUAD_LEN, /* a.b.c.d/n */
    SHAPE_COLONS,   /* looks like IPv6 text */
    SHAPE_COLONS_LEN,
};

struct word {
    enum word_shape shape;
    uint32_t off, len; /* from the start of the line */
};

/* Splits line[0..len) into at most `max` words and returns how many there are; max + 1 means there were more. The
 * buffer must have two writable bytes after `len`; it comes back unchanged. */
uint32_t lexer_split(void *scanner, char *line, uint32_t len, struct word *out, uint32_t max);

void *lexer_new(void);
void lexer_free(void *scanner);

#endif
