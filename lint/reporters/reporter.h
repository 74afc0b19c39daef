/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How findings are shown. A reporter writes one file's findings into a buffer, so files can be worked on in parallel
 * and still be printed in order. */
#ifndef IOSCC_LINT_REPORTERS_REPORTER_H
#define IOSCC_LINT_REPORTERS_REPORTER_H

#include <jansson.h>

#include "compiler/base/diag.h"
#include "compiler/base/source.h"

/* What a reporter is told about one file. */
struct report {
    struct source *src; /* name as the user gave it; no text if the file could not be read */
    const struct diag_list *diags;
    const char *const *fingerprints; /* one for each item of diags; only if the reporter asked for them */
    bool colour;
};

struct reporter {
    const char *name;
    const char *between; /* printed between the outputs of two files */
    bool fingerprints;
    void (*begin)(struct buf *out);                      /* may be NULL */
    void (*file)(struct buf *out, const struct report *r); /* nothing written: the file has nothing to say */
    void (*end)(struct buf *out, uint32_t files, const uint32_t by_severity[3], bool colour); /* may be NULL */
};

extern const struct reporter reporter_text, reporter_json, reporter_sarif, reporter_junit, reporter_checkstyle,
    reporter_github, reporter_gitlab, reporter_rdjsonl, reporter_gcc;
/* NULL for an unknown name. */
const struct reporter *reporter_find(const char *name);
#define REPORTER_NAMES "text|json|sarif|junit|checkstyle|github|gitlab|rdjsonl|gcc"

/* ---- for reporters ---- */

/* Lines and columns of a span, from 1, end exclusive and on the first line. */
struct place {
    uint32_t line, column, end_column;
};
struct place report_place(struct source *src, struct span at);

/* Bytes that are not UTF-8 (Latin-1 files) become U+FFFD, so that a document is valid whatever the input was. */
json_t *report_json_text(const char *z);
/* Prints and releases. */
void report_json(struct buf *out, json_t *o);
/* The same for XML, quotes and control characters too. */
void report_xml_text(struct buf *out, const char *z);
/* A path as a relative URI. */
void report_uri(struct buf *out, const char *path);

/* The line that says how many findings of an id were left out. Calls f with id and number. */
void report_left_out(const struct diag_list *l, void (*f)(void *ctx, const struct diag_info *i, uint32_t n), void *ctx);

#endif
