/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/judge.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "compiler/base/redact.h"

void lint_judge(struct compiled *c, const struct lint_settings *s)
{
    PTRLIST_FOR (struct ir_config, u, &c->units) {
        lint_run(u, s, &c->diags);
    }
    lint_suppress(&c->source, s, &c->diags);
    settings_filter(s, &c->diags);
    diag_sort(&c->diags);
}

/* ---- fingerprints ---- */

static void add_line(struct buf *b, struct str line)
{
    while (line.len && (line.p[0] == ' ' || line.p[0] == '\t'))
        line = (struct str){line.p + 1, line.len - 1};
    while (line.len && (line.p[line.len - 1] == ' ' || line.p[line.len - 1] == '\r'))
        line.len--;
    if (line.len > 400)
        line.len = 400;
    redact_line(line, b, NULL, NULL);
    buf_putc(b, '\n');
}

/* The nearest line above that is not indented. */
static struct str block_head(const struct source *src, const struct location *at)
{
    uint32_t start = (uint32_t)(at->text.p - src->text);
    for (unsigned tries = 0; tries < 200 && start > 0 && (src->text[start] == ' ' || src->text[start] == '\t');
         tries++) {
        uint32_t end = start - 1;
        start = end;
        while (start > 0 && src->text[start - 1] != '\n')
            start--;
    }
    uint32_t end = start;
    while (end < src->len && src->text[end] != '\n')
        end++;
    return (struct str){src->text + start, end - start};
}

void lint_fingerprints(struct source *src, const struct diag_list *l, const char **out)
{
    struct symtab counts = {0};
    for (uint32_t i = 0; i < l->items.n; i++) {
        const struct diag *d = l->items.v[i];
        struct location at = source_locate(src, d->span.off);
        struct buf b = {0};
        unsigned char md[EVP_MAX_MD_SIZE];
        char hex[33];
        buf_printf(&b, "%s\n", diag_infos[d->id].id);
        if (at.text.p && src->len) {
            add_line(&b, at.text);
            add_line(&b, block_head(src, &at));
        }
        struct str key = {b.p ? b.p : "", (uint32_t)b.len};
        uint32_t *n = symtab_get(&counts, key, 0);
        if (!n) {
            n = ARENA_NEW(l->arena, uint32_t);
            symtab_put(l->arena, &counts, (struct str){arena_strndup(l->arena, key.p, key.len), key.len}, 0, n);
        }
        buf_printf(&b, "%u", (*n)++);
        if (b.failed || !EVP_Digest(b.p, b.len, md, NULL, EVP_sha256(), NULL))
            memset(md, 0, sizeof md);
        for (int k = 0; k < 16; k++)
            snprintf(hex + 2 * k, 3, "%02x", md[k]);
        out[i] = arena_strndup(l->arena, hex, 32);
        buf_free(&b);
    }
}
