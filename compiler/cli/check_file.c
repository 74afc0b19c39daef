/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/cli/check.h"
#include "compiler/cli/git.h"
#include "compiler/cli/fix_proof.h"
#include "lint/fix.h"

static void unreadable(const struct check_run *run, struct buf *out, const char *path, const char *why,
                       struct check_counts *n)
{
    struct arena a;
    struct source nothing = {.name = path, .text = (char[2]){0}};
    n->unreadable = true;
    n->by_severity[SEV_ERROR]++;
    if (!arena_init(&a, SIZE_MAX))
        return;
    struct diag_list l = {.arena = &a};
    diag_add(&l, D_UNREADABLE, (struct span){0, 0}, "cannot be read: %s", why);
    const char *print = "00000000000000000000000000000000";
    const struct report r = {&nothing, &l, &print, run->colour};
    run->reporter->file(out, &r);
    free(nothing.line_starts);
    arena_free(&a);
}

/* Fingerprints of what the file said at the commit the user compares with. */
static int base_fingerprints(struct check_run *run, struct ios_parser *parser, const char *path,
                             const struct lint_settings *settings, struct baseline *out)
{
    struct source src;
    struct compiled c;
    int r = git_read(&src, run->diff_base, path);
    if (r == 0)
        r = sem_compile(&c, parser, &src);
    if (r < 0)
        return r;
    lint_judge(&c, settings);
    const char **prints = arena_array(&c.arena, c.diags.items.n + 1, sizeof *prints);
    lint_fingerprints(&c.source, &c.diags, prints);
    for (uint32_t i = 0; i < c.diags.items.n; i++) {
        struct buf k = {0};
        buf_printf(&k, "%s\n%s", path[0] == '.' && path[1] == '/' ? path + 2 : path, prints[i]);
        symtab_put(&out->arena, &out->known,
                   (struct str){arena_strndup(&out->arena, k.p ? k.p : "", k.len), (uint32_t)k.len}, 0, out);
        buf_free(&k);
    }
    sem_free(&c);
    return 0;
}

/* Drops what a baseline knows, with the fingerprints beside it. */
static void drop_known(struct diag_list *l, const char **prints, const struct baseline *b, const char *path,
                       struct check_counts *n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->items.n; i++) {
        if (baseline_knows(b, path, prints[i])) {
            n->known++;
            continue;
        }
        prints[kept] = prints[i];
        l->items.v[kept++] = l->items.v[i];
    }
    l->items.n = kept;
}

static void drop_below(struct diag_list *l, const char **prints, enum severity least)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->items.n; i++) {
        const struct diag *d = l->items.v[i];
        if (d->severity < least)
            continue;
        if (prints)
            prints[kept] = prints[i];
        l->items.v[kept++] = l->items.v[i];
    }
    l->items.n = kept;
}

/* The new text takes the old one's place at once, with its mode. */
static int replace_file(const char *path, const struct buf *text)
{
    struct stat st;
    char *tmp = NULL;
    int fd = -1, r = 0;
    if (stat(path, &st) < 0)
        return -errno;
    if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    fd = mkstemp(tmp);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f || fchmod(fd, st.st_mode & 07777) < 0 || (text->len && fwrite(text->p, 1, text->len, f) != text->len) ||
        fflush(f) != 0 || fsync(fd) < 0)
        r = errno ? -errno : -EIO;
    if (f && fclose(f) != 0 && !r)
        r = -errno;
    if (!r && rename(tmp, path) < 0)
        r = -errno;
    if (r && fd >= 0)
        unlink(tmp);
    free(tmp);
    return r;
}

/* Applies fixes; what was mended is no finding any more. With --dry-run the difference is all that is printed. */
static void mend(struct check_run *run, struct ios_parser *parser, struct compiled *c, const char *path,
                 struct buf *out, struct check_counts *n)
{
    struct buf text = {0};
    char why[FIX_WHY_MAX];
    bool *done = calloc(c->diags.items.n + 1, sizeof *done);
    uint32_t fixed = done ? fix_apply(&c->source, &c->diags, &text, done) : 0, kept = 0;
    const struct str mended = {text.p ? text.p : "", (uint32_t)text.len};
    if (fixed && !text.failed && !fix_is_harmless(c, parser, mended, why)) {
        fprintf(stderr, "ioscc check: %s: nothing is fixed: %s\n", path, why);
        fixed = 0;
    }
    if (fixed && run->dry_run)
        fix_diff(out, path, (struct str){c->source.text, c->source.len}, mended);
    int r = fixed && !run->dry_run ? replace_file(path, &text) : 0;
    if (text.failed || r < 0) {
        fprintf(stderr, "ioscc check: cannot write %s: %s\n", path, text.failed ? "out of memory" : strerror(-r));
        n->system_error = true;
        fixed = 0;
    }
    n->fixed += fixed;
    for (uint32_t i = 0; i < c->diags.items.n && fixed && !run->dry_run; i++)
        if (!done[i])
            c->diags.items.v[kept++] = c->diags.items.v[i];
    if (fixed && !run->dry_run)
        c->diags.items.n = kept;
    buf_free(&text);
    free(done);
}

static void count(const struct diag_list *l, struct check_counts *n)
{
    uint8_t seen[DIAG_COUNT] = {0};
    PTRLIST_FOR (struct diag, d, &l->items) {
        n->by_severity[d->severity]++;
        n->per_rule[d->id]++;
        n->files_of_rule[d->id] += !seen[d->id];
        seen[d->id] = 1;
    }
}

void check_tell(struct check_run *run, struct source *src, struct diag_list *l, const char **prints, struct buf *out,
                struct check_counts *n)
{
    if (run->collected) {
        pthread_mutex_lock(&run->collecting);
        for (uint32_t i = 0; i < l->items.n; i++)
            baseline_add(run->collected, src->name, prints[i], l->items.v[i]);
        pthread_mutex_unlock(&run->collecting);
    }
    if (run->baseline)
        drop_known(l, prints, run->baseline, src->name, n);
    drop_below(l, prints, run->least);
    count(l, n);
    const struct report r = {src, l, prints, run->colour};
    if (!run->dry_run)
        run->reporter->file(out, &r);
}

static void judge_and_report(struct check_run *run, struct ios_parser *parser, struct compiled *c, const char *path,
                             const struct lint_settings *settings, struct buf *out, struct check_counts *n)
{
    const char **prints = NULL;
    lint_judge(c, settings);
    if (c->diags.per_id[D_NOT_TEXT])
        n->unreadable = true;
    if (run->reporter->fingerprints || run->baseline || run->collected || run->diff_base) {
        prints = arena_array(&c->arena, c->diags.items.n + 1, sizeof *prints);
        lint_fingerprints(&c->source, &c->diags, prints);
    }
    struct baseline base;
    if (run->diff_base && c->diags.items.n && baseline_init(&base)) {
        int r = base_fingerprints(run, parser, path, settings, &base);
        if (r == 0)
            drop_known(&c->diags, prints, &base, path, n);
        else if (r != -ENOENT) {
            fprintf(stderr, "ioscc check: %s at '%s': %s\n", path, run->diff_base,
                    r == -EINVAL ? "no such commit, or not in a git repository" : strerror(-r));
            n->unreadable = true;
        }
        baseline_free(&base);
    }
    if (run->fix && strcmp(path, "-") != 0)
        mend(run, parser, c, path, out, n);
    check_tell(run, &c->source, &c->diags, prints, out, n);
}

void check_file(struct check_run *run, struct ios_parser *parser, const struct walk_item *item, struct buf *out,
                struct check_counts *n)
{
    struct source src;
    struct compiled c;
    const struct lint_settings *settings = settings_for(&run->settings, item->path);
    if (!settings) { /* said once, at the end */
        n->unreadable = true;
        return;
    }
    int r = item->error ? item->error : source_read(&src, item->path);
    if (r == 0)
        r = sem_compile(&c, parser, &src);
    if (r < 0) {
        const char *why = r == -ELOOP    ? "directory loop"
                          : r == -EFBIG  ? "larger than 2 GiB"
                          : r == -EINVAL ? "not a regular file"
                                         : strerror(-r);
        unreadable(run, out, item->path, why, n);
        return;
    }
    c.source.name = strcmp(item->path, "-") == 0 ? "<stdin>" : item->path;
    judge_and_report(run, parser, &c, item->path, settings, out, n);
    sem_free(&c);
}

static const struct check_counts *sorting;
static int by_count(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    uint32_t m = sorting->per_rule[x], k = sorting->per_rule[y];
    return m != k ? (m < k ? 1 : -1) : x - y;
}

void check_summary(struct buf *out, const struct check_counts *n)
{
    int order[DIAG_COUNT];
    for (int i = 0; i < DIAG_COUNT; i++)
        order[i] = i;
    sorting = n;
    qsort(order, DIAG_COUNT, sizeof *order, by_count);
    if (!n->per_rule[order[0]])
        return;
    buf_printf(out, "\n%-8s %-28s %-8s %9s %7s\n", "rule", "", "severity", "findings", "files");
    for (int k = 0; k < DIAG_COUNT && n->per_rule[order[k]]; k++) {
        const struct diag_info *i = &diag_infos[order[k]];
        buf_printf(out, "%-8s %-28s %-8s %9u %7u\n", i->id, i->slug, severity_name(i->severity), n->per_rule[order[k]],
                   n->files_of_rule[order[k]]);
    }
    buf_putc(out, '\n');
}
