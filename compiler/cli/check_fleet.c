/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check --fleet: what routers say of one another, as findings in their files. */
#include <stdlib.h>

#include "compiler/cli/check.h"
#include "compiler/cli/fleet_load.h"

static int by_file(const void *a, const void *b)
{
    const struct fleet_finding *x = *(struct fleet_finding *const *)a, *y = *(struct fleet_finding *const *)b;
    int r = strcmp(x->device->file, y->device->file);
    return r ? r : x->line != y->line ? (x->line < y->line ? -1 : 1) : strcmp(x->message, y->message);
}

/* The words of a line, without its indentation. */
static struct span line_span(const struct source *s, uint32_t line)
{
    uint32_t at = 0, end;
    for (uint32_t n = 1; n < line && at < s->len; at++)
        n += s->text[at] == '\n';
    while (at < s->len && (s->text[at] == ' ' || s->text[at] == '\t'))
        at++;
    for (end = at; end < s->len && s->text[end] != '\n' && s->text[end] != '\r'; end++)
        ;
    return (struct span){at, end - at};
}

static bool is_fleet_rule(enum diag_id id)
{
    return diag_infos[id].id[2] == '5';
}

static void one_file(struct check_run *run, struct fleet_finding *const *v, uint32_t n, struct buf *out,
                     struct check_counts *c)
{
    const char *path = v[0]->device->file;
    const struct lint_settings *settings = settings_for(&run->settings, path);
    struct source src;
    struct arena a;
    if (!settings || source_read(&src, path) < 0 || !arena_init(&a, SIZE_MAX))
        return; /* said when it was checked */
    src.name = path;
    struct diag_list l = {.arena = &a};
    for (uint32_t i = 0; i < n; i++) {
        struct diag *d = diag_add(&l, v[i]->id, line_span(&src, v[i]->line), "%s", v[i]->message);
        d->severity = v[i]->severity;
    }
    lint_suppress(&src, settings, &l);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l.items.n; i++) /* what is to be said of the comments was said with the file */
        if (is_fleet_rule(((const struct diag *)l.items.v[i])->id))
            l.items.v[kept++] = l.items.v[i];
    l.items.n = kept;
    settings_filter(settings, &l);
    diag_sort(&l);
    const char **prints = arena_array(&a, l.items.n + 1, sizeof *prints);
    lint_fingerprints(&src, &l, prints);
    check_tell(run, &src, &l, prints, out, c);
    source_free(&src);
    arena_free(&a);
}

int check_fleet(const struct command *c, struct check_run *run, const struct walk *files, long jobs,
                struct check_counts *n, void (*emit)(void *ctx, struct buf *out), void *ctx)
{
    struct arena a;
    struct fact_secrets secrets = {{0}, run->settings.base.master};
    if (!arena_init(&a, SIZE_MAX))
        return EXIT_SYSTEM;
    struct fleet f = {.arena = &a};
    int code = fleet_salt(c, NULL, &a, &secrets.salt);
    if (code == EXIT_CLEAN && fleet_load_configs(c, &f, files, jobs, &secrets) == EXIT_SYSTEM)
        code = EXIT_SYSTEM; /* files that cannot be read are counted with the files themselves */
    fleet_join(&f);
    struct fleet_finding **v = (struct fleet_finding **)f.findings.v;
    if (f.findings.n)
        qsort(v, f.findings.n, sizeof *v, by_file);
    for (uint32_t i = 0, from = 0; i < f.findings.n; i++)
        if (i + 1 == f.findings.n || strcmp(v[i + 1]->device->file, v[from]->device->file) != 0) {
            struct buf out = {0};
            one_file(run, v + from, i + 1 - from, &out, n);
            emit(ctx, &out);
            buf_free(&out);
            from = i + 1;
        }
    arena_free(&a);
    return code;
}
