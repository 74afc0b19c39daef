/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every prefix of every configuration in testdata and of every input the fuzzers found worth keeping, and seeded
 * mutations of each, goes through parser, resolver and rules without a crash (sanitizers are on). The seed is printed
 * on start; IOSCC_SEED repeats a run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backends/backend.h"
#include "compiler/base/hash.h"
#include "compiler/sem/sem.h"
#include "grammar/stmt.h"
#include "lint/judge.h"

static uint64_t rng;
static uint32_t next(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 11) % n;
}

static struct ios_parser *parser;
static struct settings settings;
static unsigned long runs;

static void feed(const char *text, size_t len)
{
    struct source src;
    struct compiled c;
    if (source_from_memory(&src, "prefix", text, len) || sem_compile(&c, parser, &src))
        exit(3);
    lint_judge(&c, &settings.base);
    if (runs++ % 16 == 0) { /* printing costs more than reading */
        struct buf b = {0};
        struct backend_options o = {.show_secrets = true};
        backend_json.print(&b, &c.units, &o);
        b.len = 0;
        backend_ios.print(&b, &c.units, &o);
        buf_free(&b);
    }
    sem_free(&c);
}

static void mutate(const char *text, size_t len)
{
    char *copy = malloc(len + 64);
    for (int round = 0, rounds = getenv("IOSCC_QUICK") ? 8 : 40; round < rounds; round++) {
        size_t n = len;
        memcpy(copy, text, len);
        for (uint32_t k = next(6) + 1; k-- && n > 4;) {
            size_t at = next((uint32_t)n);
            switch (next(5)) {
            case 0: /* another byte */
                copy[at] = (char)next(256);
                break;
            case 1: /* a byte less */
                memmove(copy + at, copy + at + 1, n - at - 1);
                n--;
                break;
            case 2: /* a blank or a line end more */
                if (n < len + 32) {
                    memmove(copy + at + 1, copy + at, n - at);
                    copy[at] = " \n\t!^#\"<"[next(8)];
                    n++;
                }
                break;
            case 3: /* a digit in place of a letter */
                copy[at] = (char)('0' + next(10));
                break;
            default: { /* swap two stretches */
                size_t b = next((uint32_t)n), l = next(12);
                for (size_t i = 0; i < l && at + i < n && b + i < n; i++) {
                    char t = copy[at + i];
                    copy[at + i] = copy[b + i];
                    copy[b + i] = t;
                }
            }
            }
        }
        feed(copy, n);
    }
    free(copy);
}

static void file(const char *path)
{
    struct source s;
    if (source_read(&s, path))
        return;
    uint32_t part = getenv("IOSCC_QUICK") ? 8 : 1; /* make check: other prefixes each time */
    uint32_t step = s.len > 6000 ? s.len / 3000 : 1;
    for (uint32_t n = next(part); n <= s.len; n += step * part)
        feed(s.text, n);
    mutate(s.text, s.len);
    source_free(&s);
}

static void walk(const char *dir, bool every)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        struct stat st;
        if (stat(path, &st))
            continue;
        if (S_ISDIR(st.st_mode))
            walk(path, every && strcmp(e->d_name, "rules") != 0);
        else if ((strstr(e->d_name, ".cfg") || strstr(dir, "fuzz/corpus")) && (every || next(8) == 0))
            file(path);
    }
    if (d)
        closedir(d);
}

int main(void)
{
    const char *seed = getenv("IOSCC_SEED");
    rng = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
    printf("seed %llu\n", (unsigned long long)rng);
    fflush(stdout);
    symtab_seed_init();
    parser = ios_parser_new();
    settings_init(&settings);
    settings_profile(&settings, "all"); /* every rule */
    walk("testdata", true);
    walk("tests/fuzz/corpus", true);
    ios_parser_free(parser);
    printf("%lu configurations read\n", runs);
    return runs > 1000 ? 0 : 1;
}
