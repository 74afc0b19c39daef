/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc check: parse, resolve, judge, report. Files are shared out to threads; output keeps the order of the files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/cli/check.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/fleet_load.h"
#include "grammar/stmt.h"

enum {
    OPT_FORMAT,
    OPT_FAIL_ON,
    OPT_PROFILE,
    OPT_RULE,
    OPT_MIN,
    OPT_BASELINE,
    OPT_WRITE_BASELINE,
    OPT_DIFF_BASE,
    OPT_FIX,
    OPT_DRY_RUN,
    OPT_FLEET,
    OPT_MASTER,
    OPT_SUMMARY,
    OPT_NO_SETTINGS,
    OPT_JOBS,
    OPT_COLOR,
    OPT_QUIET
};
static const struct cli_option options[] = {
    [OPT_FORMAT] = {"format", 'f', REPORTER_NAMES, "how to print findings (text)"},
    [OPT_FAIL_ON] = {"fail-on", 0, "LEVEL", "exit 1 for findings of error, warning or note and above (error)"},
    [OPT_PROFILE] = {"profile", 'p', "NAME|FILE|all",
                     "judge algorithms by this profile (cisco-nge); may be given several times"},
    [OPT_RULE] = {"rule", 'r', "ID=LEVEL", "make a rule off, note, warning or error; may be given several times"},
    [OPT_MIN] = {"min-severity", 0, "LEVEL", "do not show findings below this level (note)"},
    [OPT_BASELINE] = {"baseline", 0, "FILE", "do not show findings that FILE knows"},
    [OPT_WRITE_BASELINE] = {"write-baseline", 0, "FILE", "write all findings there are to FILE and exit 0"},
    [OPT_DIFF_BASE] = {"diff-base", 0, "COMMIT", "show only findings that the files did not have at this git commit"},
    [OPT_FIX] = {"fix", 0, NULL, "mend what can be mended without guessing"},
    [OPT_DRY_RUN] = {"dry-run", 'n', NULL, "with --fix: print the difference and change nothing"},
    [OPT_FLEET] = {"fleet", 0, NULL, "judge the routers together too: peers, negotiations, mirrored lists, keys"},
    [OPT_MASTER] = {"master-key-file", 0, "FILE", "the routers' master key: type 6 keys are judged too"},
    [OPT_SUMMARY] = {"summary", 0, NULL, "print a table of rules and how often they were raised"},
    [OPT_NO_SETTINGS] = {"no-settings", 0, NULL, "do not look for .ioscc.yaml"},
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
    struct check_run run;
    bool oom, progress;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;    /* to be taken */
    size_t printed; /* all before are printed */
    bool printed_any, write_failed;
    struct check_counts counts;
    struct result ring[AHEAD];
};

static void show_progress(const struct job *j)
{
    static const char full[] = "########################################",
                      empty[] = "                                        ";
    int n = (int)(j->printed * 40 / j->files->n);
    /* past what makes output harmless (harmless.h): it goes back to the beginning of its line */
    dprintf(STDERR_FILENO, "\r[%.*s%.*s] %zu/%zu files%s", n, full, 40 - n, empty, j->printed, j->files->n,
            j->printed == j->files->n ? "\r\033[K" : "");
}

/* Prints what is ready, in order. The lock is held. */
static void drain(struct job *j)
{
    size_t before = j->printed;
    while (j->printed < j->files->n && j->ring[j->printed % AHEAD].done) {
        struct result *r = &j->ring[j->printed % AHEAD];
        if (r->out.len) {
            if (j->printed_any && *j->run.reporter->between)
                fputs(j->run.reporter->between, stdout);
            j->printed_any = true;
        }
        if (!cli_write(stdout, &r->out))
            j->write_failed = true;
        buf_free(&r->out);
        r->done = false;
        j->printed++;
    }
    if (j->progress && j->printed / 64 != before / 64)
        show_progress(j);
    pthread_cond_broadcast(&j->changed);
}

static void add_counts(struct check_counts *to, const struct check_counts *from)
{
    for (int k = 0; k < 3; k++)
        to->by_severity[k] += from->by_severity[k];
    for (int k = 0; k < DIAG_COUNT; k++) {
        to->per_rule[k] += from->per_rule[k];
        to->files_of_rule[k] += from->files_of_rule[k];
    }
    to->known += from->known;
    to->fixed += from->fixed;
    to->unreadable |= from->unreadable;
    to->system_error |= from->system_error;
}

static void *worker(void *arg)
{
    struct job *j = arg;
    struct ios_parser *parser = ios_parser_new();
    struct check_counts counts = {0};
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
        for (size_t i = 0; i < n; i++) {
            results[i] = (struct result){.done = true};
            check_file(&j->run, parser, &j->files->v[from + i], &results[i].out, &counts);
        }
        pthread_mutex_lock(&j->lock);
        for (size_t i = 0; i < n; i++)
            j->ring[(from + i) % AHEAD] = results[i];
        drain(j);
    }
    add_counts(&j->counts, &counts);
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

static void emit(void *ctx, struct buf *out)
{
    struct job *j = ctx;
    if (out->len && j->printed_any)
        fputs(j->run.reporter->between, stdout);
    j->printed_any |= out->len > 0;
    j->write_failed |= !cli_write(stdout, out);
}

/* ---- options ---- */

struct wishes {
    enum severity fail_on;
    const char *color, *baseline, *write_baseline;
    long jobs;
    bool quiet, summary, fleet;
};

static bool rule_option(struct settings *s, const char *value)
{
    char word[64];
    const char *eq = strchr(value, '=');
    if (!eq || (size_t)(eq - value) >= sizeof word)
        return false;
    memcpy(word, value, (size_t)(eq - value));
    word[eq - value] = '\0';
    int id = settings_rule(word);
    return id >= 0 && settings_level(eq + 1, &s->option_level[id]);
}

static int one_option(const struct command *c, struct job *j, struct wishes *w, int k, const char *value)
{
    char *end;
    switch (k) {
    case OPT_FORMAT:
        if (!(j->run.reporter = reporter_find(value)))
            return cli_usage_error(c, "unknown format '%s': " REPORTER_NAMES " are known", value);
        break;
    case OPT_FAIL_ON:
    case OPT_MIN:
        if (!parse_level(value, k == OPT_FAIL_ON ? &w->fail_on : &j->run.least))
            return cli_usage_error(c, "--%s takes error, warning or note, not '%s'", options[k].name, value);
        break;
    case OPT_PROFILE:
        if (!settings_profile(&j->run.settings, value))
            return cli_usage_error(c, "%s", j->run.settings.why);
        break;
    case OPT_RULE:
        if (!rule_option(&j->run.settings, value))
            return cli_usage_error(c, "--rule takes ID=off|note|warning|error, not '%s'", value);
        break;
    case OPT_BASELINE:
        w->baseline = value;
        break;
    case OPT_WRITE_BASELINE:
        w->write_baseline = value;
        break;
    case OPT_DIFF_BASE:
        j->run.diff_base = value;
        break;
    case OPT_MASTER:
        return cli_master_key(c, value, &j->run.settings.arena, &j->run.settings.base.master);
    case OPT_JOBS:
        if ((w->jobs = strtol(value, &end, 10)) < 0 || *end || w->jobs > 64 || end == value)
            return cli_usage_error(c, "--jobs takes a number from 0 to 64, not '%s'", value);
        break;
    case OPT_COLOR:
        w->color = value;
        break;
    default:
        j->run.fix |= k == OPT_FIX;
        j->run.dry_run |= k == OPT_DRY_RUN;
        j->run.settings.no_files |= k == OPT_NO_SETTINGS;
        w->quiet |= k == OPT_QUIET;
        w->summary |= k == OPT_SUMMARY;
        w->fleet |= k == OPT_FLEET;
        break;
    }
    return EXIT_CLEAN;
}

static int open_baselines(const struct command *c, struct job *j, const struct wishes *w)
{
    static struct baseline known, collected;
    const char *why = NULL;
    if (w->baseline) {
        int r = baseline_init(&known) ? baseline_read(&known, w->baseline, &why) : -ENOMEM;
        if (r < 0)
            return cli_usage_error(c, "%s%s%s", why ? "" : w->baseline, why ? "" : ": ", why ? why : strerror(-r));
        j->run.baseline = &known;
    }
    if (w->write_baseline && baseline_init(&collected))
        j->run.collected = &collected;
    return EXIT_CLEAN;
}

static int close_baselines(struct job *j, const struct wishes *w)
{
    int r = 0;
    if (j->run.collected) {
        r = baseline_write(j->run.collected, w->write_baseline);
        if (r < 0)
            fprintf(stderr, "ioscc check: cannot write %s: %s\n", w->write_baseline, strerror(-r));
        baseline_free(j->run.collected);
    }
    if (j->run.baseline)
        baseline_free(j->run.baseline);
    return r;
}

/* ---- the run ---- */

static int finish(struct job *j, const struct wishes *w)
{
    struct buf edge = {0};
    const struct check_counts *n = &j->counts;
    bool text = j->run.reporter == &reporter_text;
    if (w->summary && text)
        check_summary(&edge, n);
    if (!w->quiet && n->known && text)
        buf_printf(&edge, "%u known finding%s not shown\n", n->known, n->known == 1 ? "" : "s");
    if (!w->quiet && j->run.fix && text)
        buf_printf(&edge, "%u finding%s %s\n", n->fixed, n->fixed == 1 ? "" : "s",
                   j->run.dry_run ? "can be fixed" : "fixed");
    if (j->run.reporter->end && (!w->quiet || !text))
        j->run.reporter->end(&edge, (uint32_t)j->files->n, n->by_severity, j->run.colour);
    bool ok = cli_write(stdout, &edge) && !j->write_failed && !j->oom && !n->system_error;
    buf_free(&edge);
    if (j->run.settings.why)
        fprintf(stderr, "ioscc check: %s\n", j->run.settings.why);
    uint32_t hits = 0;
    for (enum severity s = w->fail_on; s <= SEV_ERROR; s++)
        hits += n->by_severity[s];
    if (close_baselines(j, w) < 0 || !ok)
        return EXIT_SYSTEM;
    return n->unreadable ? EXIT_USAGE : hits && !w->write_baseline ? EXIT_FINDINGS : EXIT_CLEAN;
}

static int check(const struct command *c, struct job *j, struct wishes *w, int argc, char **argv, int i)
{
    struct walk files = {0};
    if (w->jobs == 0)
        w->jobs = sysconf(_SC_NPROCESSORS_ONLN);
    int code = open_baselines(c, j, w);
    for (; i < argc && code == EXIT_CLEAN; i++)
        if (walk_add(&files, argv[i]) < 0) {
            fprintf(stderr, "ioscc check: out of memory\n");
            code = EXIT_SYSTEM;
        }
    if (code == EXIT_CLEAN) {
        struct buf edge = {0};
        j->files = &files;
        j->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) && files.n > 200 && !w->quiet;
        if (j->run.reporter->begin)
            j->run.reporter->begin(&edge);
        j->counts.system_error |= !cli_write(stdout, &edge);
        buf_free(&edge);
        run_threads(j, w->jobs);
        if (w->fleet && check_fleet(c, &j->run, &files, w->jobs, &j->counts, emit, j) != EXIT_CLEAN)
            j->counts.system_error = true;
        code = finish(j, w);
    }
    walk_free(&files);
    return code;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct wishes w = {SEV_ERROR, "auto", NULL, NULL, 1, false, false, false};
    struct job *j = calloc(1, sizeof *j);
    const char *value;
    int i = 1, k, code = EXIT_CLEAN;
    if (!j || !settings_init(&j->run.settings)) {
        free(j);
        return EXIT_SYSTEM;
    }
    j->run.reporter = &reporter_text;
    pthread_mutex_init(&j->lock, NULL);
    pthread_mutex_init(&j->run.collecting, NULL);
    pthread_cond_init(&j->changed, NULL);
    while (code == EXIT_CLEAN && (k = cli_next(c, argc, argv, &i, &value)) >= 0)
        code = one_option(c, j, &w, k, value);
    const char *no_color = getenv("NO_COLOR");
    if (code != EXIT_CLEAN)
        ;
    else if (k != CLI_END)
        code = k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    else if (i == argc)
        code = cli_usage_error(c, "no file or directory given");
    else if (strcmp(w.color, "auto") != 0 && strcmp(w.color, "always") != 0 && strcmp(w.color, "never") != 0)
        code = cli_usage_error(c, "--color takes auto, always or never, not '%s'", w.color);
    else if (j->run.dry_run && !j->run.fix)
        code = cli_usage_error(c, "--dry-run goes with --fix");
    else {
        j->run.colour = strcmp(w.color, "always") == 0 ||
                        (strcmp(w.color, "auto") == 0 && isatty(STDOUT_FILENO) && !(no_color && *no_color));
        code = check(c, j, &w, argc, argv, i);
    }
    settings_free(&j->run.settings);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->run.collecting);
    pthread_cond_destroy(&j->changed);
    free(j);
    return code;
}

const struct command cmd_check = {
    "check",
    "[OPTION…] PATH…",
    "Parses, resolves and judges configurations: files, '-' for standard input, or directories of them.",
    options,
    run,
};
