/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source lines as they may be shown: every word that can be a key or password is replaced by <key>. */
#ifndef IOSCC_BASE_REDACT_H
#define IOSCC_BASE_REDACT_H

#include "compiler/base/must.h"
#include "compiler/base/str.h"

/* Appends `line` to `out` with secrets masked and control bytes made harmless (tabs become blanks). If `caret` is not
 * NULL it holds a byte offset into `line` and is moved to the same place in what was appended, *caret_len likewise. */
void redact_line(struct str line, struct buf *out, uint32_t *caret, uint32_t *caret_len);

/* Would any part of line[off, off+len) be masked, or does it follow a masked word directly? Then do not quote it. */
bool redact_touches(struct str line, uint32_t off, uint32_t len) MUST_CHECK;

#endif
