/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A baseline: the findings a team knows and lives with, by file and fingerprint. JSON:
 * {"schema": "ioscc-baseline/1", "files": {"sites/a.cfg": {"<fingerprint>": "IC3001 what was said"}}}
 */
#ifndef IOSCC_LINT_BASELINE_H
#define IOSCC_LINT_BASELINE_H

#include "compiler/base/diag.h"
#include "compiler/base/hash.h"

struct baseline {
    struct arena arena;
    struct symtab known;  /* "path\nfingerprint" */
    struct ptrlist added; /* struct baseline_item, when one is written */
};

bool baseline_init(struct baseline *b);
void baseline_free(struct baseline *b);
/* 0, a negative errno, or -EPROTO with *why in the arena. */
int baseline_read(struct baseline *b, const char *path, const char **why);
bool baseline_knows(const struct baseline *b, const char *file, const char *fingerprint);
void baseline_add(struct baseline *b, const char *file, const char *fingerprint, const struct diag *d);
/* Writes what was added, sorted, so that it diffs well. 0 or a negative errno. */
int baseline_write(const struct baseline *b, const char *path);

#endif
