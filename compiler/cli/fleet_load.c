/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/fleet_load.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "compiler/sem/sem.h"
#include "grammar/stmt.h"

struct load {
    const struct command *c;
    const struct walk *files;
    const struct fact_secrets *secrets;
    pthread_mutex_t lock;
    size_t next;
    struct ptrlist *found; /* one list of devices for each file */
    int code;
};

struct worker {
    struct load *l;
    struct arena *arena; /* devices live here */
};

static void fail(struct load *l, int code, const char *path, const char *why)
{
    pthread_mutex_lock(&l->lock);
    fprintf(stderr, "ioscc %s: cannot read %s: %s\n", l->c->name, path, why);
    l->code = code > l->code ? code : l->code;
    pthread_mutex_unlock(&l->lock);
}

static void one_file(struct worker *w, struct ios_parser *parser, size_t at)
{
    const struct walk_item *item = &w->l->files->v[at];
    struct source src;
    struct compiled c;
    int r = item->error ? item->error : source_read(&src, item->path);
    if (r == 0)
        r = sem_compile(&c, parser, &src);
    if (r < 0) {
        fail(w->l, EXIT_USAGE, item->path, strerror(-r));
        return;
    }
    PTRLIST_FOR (struct ir_config, u, &c.units) {
        if (u->interfaces.n)
            ptrlist_add(w->arena, &w->l->found[at], facts_of(w->arena, u, item->path, w->l->secrets));
    }
    sem_free(&c);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct ios_parser *parser = ios_parser_new();
    for (;;) {
        pthread_mutex_lock(&w->l->lock);
        size_t at = w->l->next++;
        pthread_mutex_unlock(&w->l->lock);
        if (at >= w->l->files->n || !parser)
            break;
        one_file(w, parser, at);
    }
    if (!parser)
        fail(w->l, EXIT_SYSTEM, "any file", "out of memory");
    ios_parser_free(parser);
    return NULL;
}

int fleet_load_configs(const struct command *c, struct fleet *f, const struct walk *files, long jobs,
                       const struct fact_secrets *secrets)
{
    struct load l = {.c = c, .files = files, .secrets = secrets};
    struct worker w[64];
    pthread_t threads[64];
    long started = 0;
    l.found = arena_array(f->arena, files->n + 1, sizeof *l.found);
    pthread_mutex_init(&l.lock, NULL);
    for (long t = 1; t < jobs && t < 64; t++) {
        /* arenas of threads live as long as the program: the devices are in them until it ends */
        struct arena *a = calloc(1, sizeof *a);
        if (!a || !arena_init(a, SIZE_MAX)) {
            free(a);
            break;
        }
        w[started] = (struct worker){&l, a};
        if (pthread_create(&threads[started], NULL, work, &w[started]) != 0)
            break;
        started++;
    }
    struct worker here = {&l, f->arena};
    work(&here);
    for (long t = 0; t < started; t++)
        pthread_join(threads[t], NULL);
    pthread_mutex_destroy(&l.lock);
    for (size_t i = 0; i < files->n; i++)
        PTRLIST_FOR (struct fact_device, d, &l.found[i]) {
            ptrlist_add(f->arena, &f->devices, d);
        }
    return l.code;
}

int fleet_load_facts(const struct command *c, struct fleet *f, const struct walk *files)
{
    int code = EXIT_CLEAN;
    for (size_t i = 0; i < files->n; i++) {
        struct source src;
        int r = files->v[i].error ? files->v[i].error : source_read(&src, files->v[i].path);
        if (r < 0) {
            fprintf(stderr, "ioscc %s: cannot read %s: %s\n", c->name, files->v[i].path, strerror(-r));
            code = EXIT_USAGE;
            continue;
        }
        uint32_t line = 1;
        for (uint32_t at = 0; at < src.len; line++) {
            const char *nl = memchr(src.text + at, '\n', src.len - at);
            uint32_t end = nl ? (uint32_t)(nl - src.text) : src.len;
            json_error_t e;
            const char *why = NULL;
            json_t *j = end > at ? json_loadb(src.text + at, end - at, 0, &e) : NULL;
            struct fact_device *d = j ? facts_read(f->arena, j, &why) : NULL;
            if (d)
                ptrlist_add(f->arena, &f->devices, d);
            else if (end > at) {
                fprintf(stderr, "ioscc %s: %s:%u: no facts: %s\n", c->name, files->v[i].path, line, why ? why : e.text);
                code = EXIT_USAGE;
            }
            json_decref(j);
            at = end + 1;
        }
        source_free(&src);
    }
    return code;
}

int cli_master_key(const struct command *c, const char *path, struct arena *a, struct str *out)
{
    struct source src;
    int r = source_read(&src, path);
    if (r < 0)
        return cli_usage_error(c, "cannot read the master key %s: %s", path, strerror(-r));
    uint32_t n = 0;
    while (n < src.len && src.text[n] != '\n' && src.text[n] != '\r')
        n++;
    *out = (struct str){arena_strndup(a, src.text, n), n};
    source_free(&src);
    return n ? EXIT_CLEAN : cli_usage_error(c, "the master key %s is empty", path);
}

int fleet_salt(const struct command *c, const char *path, struct arena *a, struct str *out)
{
    char random[32];
    if (!path) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return EXIT_SYSTEM;
        *out = (struct str){arena_strndup(a, random, sizeof random), sizeof random};
        return EXIT_CLEAN;
    }
    struct source src;
    int r = source_read(&src, path);
    if (r < 0)
        return cli_usage_error(c, "cannot read the salt %s: %s", path, strerror(-r));
    if (src.len < 16) {
        source_free(&src);
        return cli_usage_error(c, "the salt %s is shorter than 16 bytes: digests of keys could be guessed", path);
    }
    *out = (struct str){arena_strndup(a, src.text, src.len), src.len};
    source_free(&src);
    return EXIT_CLEAN;
}
