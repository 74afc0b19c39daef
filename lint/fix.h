/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mending what can be mended without guessing: findings that carry a fix, applied to the text. */
#ifndef IOSCC_LINT_FIX_H
#define IOSCC_LINT_FIX_H

#include "compiler/base/diag.h"

/* Writes the text with all fixes that do not touch one another into `out`. Returns how many were done; `done` (if not
 * NULL, one for each item) says which. */
uint32_t fix_apply(const struct source *src, const struct diag_list *l, struct buf *out, bool *done);

/* Appends the difference as a unified diff with three lines of context, keys masked. Nothing if they are equal. */
void fix_diff(struct buf *out, const char *name, struct str before, struct str after);

#endif
