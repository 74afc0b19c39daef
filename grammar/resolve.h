/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From words to tokens. The tokens legal after those already read are asked from the grammar once per path and kept in
 * a tree, which is thus the command tree of IOS as far as files have needed it. One word then costs a search in a
 * small sorted array. Internal to grammar/.
 */
#ifndef IOSCC_GRAMMAR_RESOLVE_H
#define IOSCC_GRAMMAR_RESOLVE_H

#include "grammar/lexer.h"
#include "grammar/parse.h"

struct resolver;

struct resolver *resolver_new(void);
void resolver_free(struct resolver *r);

enum resolve_status {
    RES_OK,
    RES_UNKNOWN,    /* word `at` is not legal there */
    RES_AMBIGUOUS,  /* word `at` abbreviates several keywords */
    RES_INCOMPLETE, /* the line ends although more is needed */
    RES_TOO_LONG,
};

/* One line as words; offsets in `words` are from `text`, which lies at `off` in the source. */
struct line_words {
    const char *text;
    uint32_t len;
    uint32_t off;
    struct word words[LINE_WORDS_MAX];
    uint32_t n;     /* LINE_WORDS_MAX + 1: there were more */
    uint32_t first; /* words before this one (`no`, `default`) are not part of the command */
    bool negated;
};

struct resolution {
    enum resolve_status status;
    uint32_t at;        /* index of the word that did not fit */
    uint32_t node;      /* place in the tree, for resolver_expected() */
    uint32_t nkeywords; /* how specific the match is */
    bool catch_all;     /* it ended in "other words" that were not looked at */
    uint32_t ntok;
    int tok[LINE_WORDS_MAX + 4];
    struct ios_val val[LINE_WORDS_MAX + 4];
};

/* Tries the words in one mode. Nothing is executed. */
void resolver_try(struct resolver *r, enum ios_mode mode, const struct line_words *w, struct resolution *out);

/* Is `word` (or, as an abbreviation, a prefix) a command of this mode at all? */
bool resolver_starts(struct resolver *r, enum ios_mode mode, struct str word);

/* Runs the actions of a resolution that is RES_OK. */
void resolver_run(struct resolver *r, const struct resolution *res, struct ios_line *p);

/* What may stand at a node, for messages: keywords into `kw` (spellings), shapes into `shape` (descriptions). */
struct expectation {
    const char *kw[512];
    uint32_t nkw;
    const char *shape[16];
    uint32_t nshape;
    int shape_tok[16];
    bool end; /* the line may end here */
};
void resolver_expected(struct resolver *r, uint32_t node, struct expectation *out);

/* Nearest legal word (keyword, algorithm or name) at a node, NULL if none is near. */
const char *resolver_nearest(struct resolver *r, uint32_t node, struct str word);

#endif
