/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of every line: carried to this host, refused, left behind. A configuration that is applied in part
 * without a word is a hole that nobody looks for; so every line of the text is in the account, also those that are not
 * about IPsec (account.def says what they mean for packets), and what nobody here knows is said to be unknown.
 */
#ifndef IOSCC_BACKENDS_ACCOUNT_ACCOUNT_H
#define IOSCC_BACKENDS_ACCOUNT_ACCOUNT_H

#include "backends/target/target.h"

enum line_fate {
    FATE_CARRIED, /* it does on the host what it does on the router */
    FATE_DIFFERS, /* carried; a warning or note says what is otherwise */
    FATE_REFUSED, /* a finding of the plan: apply stops, or blocks what the line is about */
    FATE_BROKEN,  /* not understood */
    FATE_UNUSED,  /* nothing that is applied here refers to it */
    FATE_LEFT,    /* it has a meaning for packets that go through the router, and is not carried */
    FATE_HOST,    /* a service or setting of the router itself, which the host has in its own way */
    FATE_NOTHING, /* no packet is treated otherwise for it */
    FATE_UNKNOWN, /* not known here: it may mean anything */
    FATE_COUNT
};

struct line_account {
    uint32_t off, number; /* place in the text, line number from 1 */
    struct str text;      /* as it stands, keys too: to be shown by redact_line() */
    enum line_fate fate;
    const char *why;     /* NULL: nothing more to say */
    const char *finding; /* "IC4016", or NULL */
    bool is_inside;      /* it stands below another line that is not ours and shares its fate */
};
struct account {
    struct line_account *v;
    uint32_t n, count[FATE_COUNT];
};

/* All lines of the configuration that `t` was built for, in the order of the text, in `ar`; blank lines, comments,
 * banners and words that leave a mode are none. The findings of the plan are those in t->diags. */
void account_build(struct account *a, struct arena *ar, const struct target *t);
const char *account_fate_name(enum line_fate fate); /* "left behind" */

/* One sentence: how many lines have which fate. */
void account_print_sum(struct buf *b, const struct account *a);
/* What is left behind and what is unknown, a line each, blocks by their first line; at most `max` of them. */
void account_print_left(struct buf *b, const struct account *a, uint32_t max);
/* Every line. */
void account_print_all(struct buf *b, const struct account *a);

#endif
