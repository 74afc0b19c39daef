/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: what the JSON writers print is JSON, and canonical text is a fixed point, whatever went in. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backends/backend.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "lint/judge.h"
#include "lint/reporters/reporter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_json(const struct buf *b)
{
    json_error_t e;
    json_t *j = json_loadb(b->p ? b->p : "", b->len, JSON_ALLOW_NUL, &e);
    if (!j) {
        fprintf(stderr, "not JSON: %s at %d: %s\n", e.text, e.position, b->p);
        abort();
    }
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ios_parser *parser;
    struct source src;
    struct compiled c;
    if (!parser)
        parser = ios_parser_new();
    if (source_from_memory(&src, "fuzz", (const char *)data, size) || sem_compile(&c, parser, &src))
        return 0;
    struct buf b = {0};
    const struct backend_options shown = {.show_secrets = true}, hidden = {.no_places = true};
    backend_json.print(&b, &c.units, &shown);
    must_be_json(&b);
    b.len = 0;
    backend_json.print(&b, &c.units, &hidden);
    must_be_json(&b);
    b.len = 0;
    reporter_json.begin(&b);
    const char **prints = arena_array(&c.arena, c.diags.items.n + 1, sizeof *prints);
    lint_fingerprints(&c.source, &c.diags, prints);
    struct buf items = {0}; /* a file is printed into a buffer of its own */
    reporter_json.file(&items, &(struct report){&c.source, &c.diags, prints, false});
    buf_add(&b, items.p ? items.p : "", items.len);
    buf_free(&items);
    const uint32_t none[3] = {0};
    reporter_json.end(&b, 1, none, false);
    must_be_json(&b);
    b.len = 0;
    backend_ios.print(&b, &c.units, &shown);
    buf_free(&b);
    sem_free(&c);
    return 0;
}
