/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State of the line reader, shared by lines.c, capture.c and syntax.c. Internal to grammar/. */
#ifndef IOSCC_GRAMMAR_READER_H
#define IOSCC_GRAMMAR_READER_H

#include "grammar/foreign.h"
#include "grammar/resolve.h"

#define DEPTH_MAX 8
/* A router takes 254 characters; longer lines are read up to this and refused beyond. */
#define LINE_BYTES_MAX 65536u

enum capture_state {
    CAP_CONFIG, /* lines are configuration */
    CAP_OUTPUT, /* output of some other command: skipped up to the next prompt */
    CAP_PROSE,  /* between the fences of a Markdown page */
};

struct mode_level {
    enum ios_mode mode;
    uint32_t indent;  /* of the line that opened it */
    bool flat;        /* its lines stand as far left as the line that opened it */
    const char *word; /* what opened it, for messages */
};

enum line_fate {
    LINE_LEFT,   /* nothing of ours, as far as the words go */
    LINE_READ,   /* a statement was handed on */
    LINE_BROKEN, /* ours, and not understood: that was said */
    LINE_TEXT,   /* a banner, or a word that leaves a mode */
};

struct ios_parser {
    struct resolver *resolver;
    void *lexer;
    char *linebuf; /* LINE_BYTES_MAX + 2 */
    struct line_words words;
    struct resolution best, trial;
    struct ios_line line;
    struct ios_stmt stmt;

    /* per source */
    struct source *src;
    struct diag_list *diags;
    const struct ios_sink *sink;
    struct mode_level stack[DEPTH_MAX];
    uint32_t depth; /* stack[depth - 1] is the current mode; stack[0] is global */
    enum capture_state capture;
    bool markdown; /* the source has ``` fences */
    bool in_fence;
    struct str host; /* of the last prompt */
    bool saw_full_config;
    uint32_t pos; /* start of the next line */
    uint32_t foreign[OS_COUNT], ios_marks, foreign_first[OS_COUNT];
    bool told_placeholder;
    bool flat_file;      /* the whole source is written without indentation */
    enum line_fate fate; /* of the line that is being read */
    bool has_opened;     /* it began a block */
    bool is_prompted;    /* a prompt stood before the line: it tells the mode, and not the indentation */
    bool after_message;  /* the line before began with `% `: indented lines go on with it */
};

/* capture.c: what stands around the configuration. Returns the line that is left to be read as configuration; its
 * length is 0 if nothing is left. May change the capture state, leave sub-modes and announce a new unit. */
struct str capture_strip(struct ios_parser *p, struct str line);
/* Looks over a whole source once for Markdown fences. */
bool capture_has_fences(const struct source *src);

/* syntax.c: one diagnostic for a line that no mode takes; `p->best` is the attempt that came furthest. */
void syntax_report(struct ios_parser *p, enum ios_mode mode);
void syntax_unknown_word(struct ios_parser *p, enum ios_mode mode, struct span at, struct str word);
const char *mode_name(enum ios_mode mode);

/* lines.c: no line is read until one at that indentation or left of it. */
void read_nothing_below(struct ios_parser *p, uint32_t indent);
/* lines.c: the line is ours, of that mode, and was not understood. */
void tell_broken(struct ios_parser *p, enum ios_mode mode, struct span line);

static inline struct span span_of(const struct ios_parser *p, struct str s)
{
    return (struct span){(uint32_t)(s.p - p->src->text), s.len};
}

#endif
