/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the grammar's actions and the line reader: the statement under construction. Internal to grammar/. */
#ifndef IOSCC_GRAMMAR_PARSE_H
#define IOSCC_GRAMMAR_PARSE_H

#include "grammar/stmt.h"

/* Words that one line may have before it is refused; the list of a statement can be no longer. */
#define LINE_WORDS_MAX 1024

struct ios_line {
    struct ios_stmt *st;
    bool failed;
    /* values that belong to optional parts, set by whichever rule meets them */
    struct ios_val sec_type, bits, acl, cipher, authenticator, mode, eap_secret;
    struct {
        struct ios_val ifname, pool, overload, vrf;
    } nat;
    struct ios_ace_end *end;
    struct ios_val list[LINE_WORDS_MAX];
};

/* Ready for the next line. */
void line_reset(struct ios_line *p, struct ios_stmt *st);

void line_statement(struct ios_line *p, enum ios_stmt_kind kind, const struct ios_val *args, size_t n);
void line_list(struct ios_line *p, struct ios_val v);
void line_host(struct ios_line *p, struct ios_val v);
void line_port(struct ios_line *p, struct ios_val v);
void line_opt(struct ios_line *p, struct ios_val v);
void line_misprint(struct ios_line *p, struct ios_val v);
void line_mode(struct ios_line *p, const char *canonical);

/* ---- the generated parser behind plain functions (end of rules_pki.y) ---- */

/* Push `token` with its value; 0 or YYPUSH_MORE (4) when it was taken. */
int grammar_push(void *state, int token, const struct ios_val *v, struct ios_line *p);
/* The tokens that may follow what was pushed so far. Costs about a microsecond: ask once, remember. */
int grammar_expected(void *state, int *out, int max);
/* Keyword spelling, or for shapes the words of an error message. */
const char *grammar_symbol_name(int sym);
void *grammar_new(void);
void grammar_free(void *state);

#endif
