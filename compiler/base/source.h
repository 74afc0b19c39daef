/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One input file in memory. The bytes are kept exactly as they were read, so an offset is a place in the user's
 * file; line and column are worked out only when something is printed.
 */
#ifndef IOSCC_BASE_SOURCE_H
#define IOSCC_BASE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/must.h"
#include "compiler/base/str.h"

/* Largest file that is read: offsets are 32 bits. */
#define SOURCE_MAX ((size_t)1 << 31)

struct span {
    uint32_t off, len;
};

struct source {
    const char *name; /* as the user named it; not owned */
    char *text;       /* owned; text[len] and text[len + 1] are NUL */
    uint32_t len;
    uint32_t *line_starts; /* built at the first source_locate() */
    uint32_t nlines;
};

struct location {
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in characters: a UTF-8 sequence counts once, a tab once */
    struct str text; /* the whole line without its line end */
};

/* Reads a whole file; `path` "-" is standard input. Returns 0 or a negative errno; -EFBIG beyond SOURCE_MAX,
 * -EISDIR for a directory. Devices and sockets are refused with -EINVAL, FIFOs are read. */
int source_read(struct source *s, const char *path) MUST_CHECK;

/* Takes a copy of text that is already in memory. Returns 0 or -ENOMEM. */
int source_from_memory(struct source *s, const char *name, const char *text, size_t len) MUST_CHECK;

struct location source_locate(struct source *s, uint32_t off);

/* Does this look like text at all? False for NUL bytes in the first 64 KiB or a high share of control bytes in the
 * first 8. */
bool source_is_text(const struct source *s) MUST_CHECK;

/* Wipes (keys stand in configurations) and frees. */
void source_free(struct source *s);

static inline struct str source_slice(const struct source *s, struct span sp)
{
    return (struct str){s->text + sp.off, sp.len};
}

#endif
