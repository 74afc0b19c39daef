/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: scanner, parser, resolver and rules. */
#include <stddef.h>
#include <stdint.h>

#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "lint/judge.h"
#include "lint/reporters/reporter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ios_parser *parser;
    static struct settings settings;
    struct source src;
    struct compiled c;
    if (!parser) {
        parser = ios_parser_new();
        settings_init(&settings);
    }
    if (source_from_memory(&src, "fuzz", (const char *)data, size) || sem_compile(&c, parser, &src))
        return 0;
    lint_judge(&c, &settings.base);
    struct buf b = {0};
    reporter_text.file(&b, &(struct report){&c.source, &c.diags, NULL, true});
    b.len = 0;
    reporter_github.file(&b, &(struct report){&c.source, &c.diags, NULL, true});
    reporter_junit.file(&b, &(struct report){&c.source, &c.diags, NULL, true});
    buf_free(&b);
    sem_free(&c);
    return 0;
}
