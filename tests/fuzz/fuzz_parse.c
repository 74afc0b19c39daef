/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: scanner, parser, resolver and rules. */
#include <stddef.h>
#include <stdint.h>

#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "lint/lint.h"
#include "lint/reporters/reporter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ios_parser *parser;
    struct source src;
    struct compiled c;
    if (!parser)
        parser = ios_parser_new();
    if (source_from_memory(&src, "fuzz", (const char *)data, size) || sem_compile(&c, parser, &src))
        return 0;
    PTRLIST_FOR (struct ir_config, u, &c.units) {
        lint_run(u, &c.diags);
    }
    diag_sort(&c.diags);
    struct buf b = {0};
    reporter_text.file(&b, &c.source, &c.diags, true, true);
    buf_free(&b);
    sem_free(&c);
    return 0;
}
