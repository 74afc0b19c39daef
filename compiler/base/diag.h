/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics are values: collected while a configuration is read, resolved and judged, then sorted, de-duplicated
 * and handed to a reporter. Nobody below compiler/cli writes to a terminal.
 *
 * Wording: one line, lower case, no full stop; what is there and what was expected, in the router's words. Keys and
 * passwords never appear; say <key>.
 */
#ifndef IOSCC_BASE_DIAG_H
#define IOSCC_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/arena.h"
#include "compiler/base/source.h"

enum severity { SEV_NOTE, SEV_WARNING, SEV_ERROR };

enum diag_id {
#define DIAG(name, id, sev, slug, title) D_##name,
#include "compiler/base/diag.def"
#undef DIAG
    DIAG_COUNT
};

struct diag_info {
    const char *id;   /* "IC1001" */
    const char *slug; /* "unknown-command" */
    const char *title;
    enum severity severity;
};
extern const struct diag_info diag_infos[DIAG_COUNT];

#define DIAG_NOTES_MAX 3

enum fix_kind { FIX_NONE, FIX_REPLACE, FIX_DELETE_LINE };

struct diag {
    enum diag_id id;
    enum severity severity;
    struct span span;
    const char *message; /* in the list's arena, as all text below */
    const char *hint;    /* what to do, or NULL */
    struct {
        struct span span;
        const char *message;
    } notes[DIAG_NOTES_MAX]; /* second places: "first defined here" */
    uint8_t nnotes;
    struct { /* how to mend it without guessing, so that the meaning stays or becomes what was surely meant */
        uint8_t kind; /* enum fix_kind */
        struct span span;
        const char *text; /* FIX_REPLACE */
    } fix;
};

/* At most this many of one id are kept for one input; the rest are counted. */
#define DIAG_CAP 500

struct diag_list {
    struct arena *arena; /* not owned */
    struct ptrlist items;
    uint32_t per_id[DIAG_COUNT]; /* all that were raised, kept or not */
    uint32_t errors; /* errors that were added, those beyond the cap too */
};

/* Adds a finding and returns it so that notes and a hint can be attached. Beyond DIAG_CAP it is only counted and the
 * result is a scratch record: never NULL. */
struct diag *diag_add(struct diag_list *l, enum diag_id id, struct span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));
void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_note(struct diag_list *l, struct diag *d, struct span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* `text` must live as long as the list. */
void diag_fix(struct diag *d, struct span at, enum fix_kind kind, const char *text);

/* By position, then id; equal ones (same id, place and text) are dropped. */
void diag_sort(struct diag_list *l);
const char *severity_name(enum severity s);

#endif
