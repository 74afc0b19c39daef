/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How findings are shown. A reporter writes one file's findings into a buffer, so files can be worked on in parallel
 * and still be printed in order. */
#ifndef IOSCC_LINT_REPORTERS_REPORTER_H
#define IOSCC_LINT_REPORTERS_REPORTER_H

#include "compiler/base/diag.h"
#include "compiler/base/source.h"

struct reporter {
    const char *name;
    void (*begin)(struct buf *out);
    /* `first`: nothing was printed by earlier files. Returns whether something was printed. */
    bool (*file)(struct buf *out, struct source *src, const struct diag_list *diags, bool colour, bool first);
    /* A file that could not be read. */
    bool (*unreadable)(struct buf *out, const char *path, const char *why, bool colour, bool first);
    void (*end)(struct buf *out, uint32_t files, const uint32_t by_severity[3], bool colour);
};

extern const struct reporter reporter_text, reporter_json;
/* NULL for an unknown name. */
const struct reporter *reporter_find(const char *name);

#endif
