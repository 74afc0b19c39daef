/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From text to IR: the front door of the compiler. Reads a source, builds one configuration per router found in it
 * (a capture may hold several), fills in defaults and resolves references.
 */
#ifndef IOSCC_SEM_SEM_H
#define IOSCC_SEM_SEM_H

#include "compiler/base/diag.h"
#include "compiler/base/must.h"
#include "compiler/ir/ir.h"

struct ios_parser;

/* What one input file became. */
struct compiled {
    struct source source;
    struct arena arena;
    struct diag_list diags;
    struct ptrlist units; /* struct ir_config; at least one */
};

/* Memory one file may take: grows with its size up to a bound, so that a hostile file cannot take it all. */
#define SEM_MEMORY_MAX ((size_t)2 << 30)
size_t sem_memory_limit(size_t source_len);

/* Takes over `src` (freed by sem_free). Returns 0, or -ENOMEM before anything was read. A file that is not text gets
 * one finding and an empty unit. */
int sem_compile(struct compiled *c, struct ios_parser *parser, struct source *src) MUST_CHECK;
void sem_free(struct compiled *c);

#endif
