/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc check: parse, resolve, judge, report. Files are shared out to threads; output keeps the order of the files. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/cli.h"
#include "compiler/cli/walk.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "lint/lint.h"
#include "lint/reporters/reporter.h"

enum { OPT_FORMAT, OPT_FAIL_ON, OPT_JOBS, OPT_COLOR, OPT_QUIET };
static const struct cli_option options[] = {
    [OPT_FORMAT] = {"format", 'f', "text|json", "how to print findings (text)"},
    [OPT_FAIL_ON] = {"fail-on", 0, "LEVEL", "exit 1 for findings of error, warning or note and above (error)"},
    [OPT_JOBS] = {"jobs", 'j', "N", "use N threads over the files (1; 0: one per processor)"},
    [OPT_COLOR] = {"color", 0, "auto|always|never",
                   "colour the text output (auto: on a terminal, unless NO_COLOR is set)"},
    [OPT_QUIET] = {"quiet", 'q', NULL, "no summary line"},
    {NULL, 0, NULL, NULL},
};

/* Files that may be finished ahead of the one that is to be printed next: bounds the memory of waiting output. */
#define AHEAD 256
/* Files a thread takes at a time: a lock for each small file would cost more in wake-ups than the file. */
#define BATCH 8

struct result {
    struct buf out;
    bool done;
};

struct job {
    const struct walk *files;
    const struct reporter *reporter;
    bool colour, oom;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;    /* to be taken */
    size_t printed; /* all before are printed */
    bool printed_any;
    uint32_t by_severity[3];
    bool unreadable, write_failed;
    struct result ring[AHEAD];
};

static bool check_one(struct job *j, struct ios_parser *parser, const struct walk_item *item, struct buf *out,
                      uint32_t counts[3], bool *unreadable)
{
    struct source src;
    int r = item->error ? item->error : source_read(&src, item->path);
    if (r < 0) {
        const char *why = r == -ELOOP    ? "directory loop"
                          : r == -EFBIG  ? "larger than 2 GiB"
                          : r == -EINVAL ? "not a regular file"
                                         : strerror(-r);
        *unreadable = true;
        return j->reporter->unreadable(out, item->path, why, j->colour, true);
    }
    struct compiled c;
    r = sem_compile(&c, parser, &src);
    if (r < 0) {
        *unreadable = true;
        return j->reporter->unreadable(out, item->path, strerror(-r), j->colour, true);
    }
    PTRLIST_FOR (struct ir_config, u, &c.units) {
        lint_run(u, &c.diags);
    }
    diag_sort(&c.diags);
    if (c.diags.per_id[D_NOT_TEXT])
        *unreadable = true;
    PTRLIST_FOR (struct diag, d, &c.diags.items) {
        counts[d->severity]++;
    }
    c.source.name = strcmp(item->path, "-") == 0 ? "<stdin>" : item->path;
    bool any = j->reporter->file(out, &c.source, &c.diags, j->colour, true);
    sem_free(&c);
    return any;
}

/* Prints what is ready, in order. The lock is held. */
static void drain(struct job *j)
{
    while (j->printed < j->files->n && j->ring[j->printed % AHEAD].done) {
        struct result *r = &j->ring[j->printed % AHEAD];
        if (r->out.len) {
            /* a JSON file's findings were written as if they came first */
            struct buf b = r->out;
            if (j->printed_any && j->reporter == &reporter_json)
                putchar(',');
            if (!cli_write(stdout, &b))
                j->write_failed = true;
            j->printed_any = true;
        } else if (r->out.failed) {
            j->write_failed = true;
        }
        buf_free(&r->out);
        r->done = false;
        j->printed++;
    }
    pthread_cond_broadcast(&j->changed);
}

/* One thread's turn: files [from, from + n), without the lock. */
static void check_batch(struct job *j, struct ios_parser *parser, size_t from, size_t n, struct result *results,
                        uint32_t counts[3], bool *unreadable)
{
    for (size_t i = 0; i < n; i++) {
        results[i] = (struct result){.done = true};
        check_one(j, parser, &j->files->v[from + i], &results[i].out, counts, unreadable);
    }
}

static void *worker(void *arg)
{
    struct job *j = arg;
    struct ios_parser *parser = ios_parser_new();
    pthread_mutex_lock(&j->lock);
    j->oom |= parser == NULL;
    while (parser && j->next < j->files->n) {
        if (j->next + BATCH > j->printed + AHEAD) {
            pthread_cond_wait(&j->changed, &j->lock);
            continue;
        }
        size_t from = j->next, left = j->files->n - from, n = left < BATCH ? left : BATCH;
        j->next += n;
        pthread_mutex_unlock(&j->lock);
        struct result results[BATCH];
        uint32_t counts[3] = {0};
        bool unreadable = false;
        check_batch(j, parser, from, n, results, counts, &unreadable);
        pthread_mutex_lock(&j->lock);
        for (int k = 0; k < 3; k++)
            j->by_severity[k] += counts[k];
        j->unreadable |= unreadable;
        for (size_t i = 0; i < n; i++)
            j->ring[(from + i) % AHEAD] = results[i];
        drain(j);
    }
    pthread_mutex_unlock(&j->lock);
    ios_parser_free(parser);
    return NULL;
}

static bool parse_level(const char *z, enum severity *out)
{
    for (enum severity s = SEV_NOTE; s <= SEV_ERROR; s++)
        if (strcmp(z, severity_name(s)) == 0) {
            *out = s;
            return true;
        }
    return false;
}

static void run_threads(struct job *j, long jobs)
{
    pthread_t threads[64];
    long started = 0;
    for (long t = 1; t < jobs && t < 64; t++)
        if (pthread_create(&threads[started], NULL, worker, j) == 0)
            started++;
    worker(j); /* this thread works too: no thread at all still makes progress */
    for (long t = 0; t < started; t++)
        pthread_join(threads[t], NULL);
}

static int run(const struct command *c, int argc, char **argv)
{
    const struct reporter *reporter = &reporter_text;
    enum severity fail_on = SEV_ERROR;
    const char *color = "auto", *value;
    long jobs = 1;
    bool quiet = false;
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        char *end;
        if (k == OPT_FORMAT && !(reporter = reporter_find(value)))
            return cli_usage_error(c, "unknown format '%s'", value);
        if (k == OPT_FAIL_ON && !parse_level(value, &fail_on))
            return cli_usage_error(c, "--fail-on takes error, warning or note, not '%s'", value);
        if (k == OPT_JOBS && ((jobs = strtol(value, &end, 10)) < 0 || *end || jobs > 64 || end == value))
            return cli_usage_error(c, "--jobs takes a number from 0 to 64, not '%s'", value);
        if (k == OPT_COLOR)
            color = value;
        quiet |= k == OPT_QUIET;
    }
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    if (i == argc)
        return cli_usage_error(c, "no file or directory given");
    if (jobs == 0)
        jobs = sysconf(_SC_NPROCESSORS_ONLN);
    if (strcmp(color, "auto") != 0 && strcmp(color, "always") != 0 && strcmp(color, "never") != 0)
        return cli_usage_error(c, "--color takes auto, always or never, not '%s'", color);
    const char *no_color = getenv("NO_COLOR");
    bool colour = strcmp(color, "always") == 0 ||
                  (strcmp(color, "auto") == 0 && isatty(STDOUT_FILENO) && !(no_color && *no_color));

    struct walk files = {0};
    for (; i < argc; i++)
        if (walk_add(&files, argv[i]) < 0) {
            fprintf(stderr, "ioscc check: out of memory\n");
            walk_free(&files);
            return EXIT_SYSTEM;
        }
    struct job *j = calloc(1, sizeof *j);
    if (!j) {
        walk_free(&files);
        return EXIT_SYSTEM;
    }
    j->files = &files;
    j->reporter = reporter;
    j->colour = colour;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->changed, NULL);
    struct buf edge = {0};
    reporter->begin(&edge);
    cli_write(stdout, &edge);
    edge.len = 0;
    run_threads(j, jobs);
    if (!quiet || reporter != &reporter_text)
        reporter->end(&edge, (uint32_t)files.n, j->by_severity, colour);
    bool ok = cli_write(stdout, &edge) && !j->write_failed && !j->oom;
    buf_free(&edge);
    uint32_t hits = 0;
    for (enum severity s = fail_on; s <= SEV_ERROR; s++)
        hits += j->by_severity[s];
    int code = !ok ? EXIT_SYSTEM : j->unreadable ? EXIT_USAGE : hits ? EXIT_FINDINGS : EXIT_CLEAN;
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->changed);
    free(j);
    walk_free(&files);
    return code;
}

const struct command cmd_check = {
    "check",
    "[OPTION…] PATH…",
    "Parses, resolves and judges configurations: files, '-' for standard input, or directories of them.",
    options,
    run,
};
