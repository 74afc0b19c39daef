/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc compile: one configuration in, the IR in another form out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/backend.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/load.h"

enum { OPT_TO, OPT_OUTPUT, OPT_SECRETS, OPT_NO_PLACES, OPT_SCHEMA };
static const struct cli_option options[] = {
    [OPT_TO] = {"to", 't', "json|ios", "what to make (json)"},
    [OPT_OUTPUT] = {"output", 'o', "FILE", "write to FILE; mode 0600 when it holds keys"},
    [OPT_SECRETS] = {"show-secrets", 0, NULL, "print keys and passwords instead of <key>"},
    [OPT_NO_PLACES] = {"no-places", 0, NULL, "JSON without lines and columns: the meaning alone, for comparison"},
    [OPT_SCHEMA] = {"schema", 0, NULL, "print the schema of the JSON form and exit"},
    {NULL, 0, NULL, NULL},
};

/* Through a temporary name beside the target, so that a reader never sees half a file. */
static int write_file(const char *path, const struct buf *b, bool holds_keys)
{
    size_t n = strlen(path);
    char *tmp = malloc(n + 16);
    if (!tmp)
        return -ENOMEM;
    memcpy(tmp, path, n);
    strcpy(tmp + n, ".XXXXXX");
    int fd = mkostemp(tmp, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        int e = -errno;
        free(tmp);
        return e;
    }
    int r = 0;
    for (size_t done = 0; !r && done < b->len;) {
        ssize_t k = write(fd, b->p + done, b->len - done);
        if (k < 0 && errno != EINTR)
            r = -errno;
        done += k > 0 ? (size_t)k : 0;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (!r && !holds_keys && fchmod(fd, 0666 & ~mask) < 0)
        r = -errno;
    if (close(fd) < 0 && !r)
        r = -errno;
    if (!r && rename(tmp, path) < 0)
        r = -errno;
    if (r)
        unlink(tmp);
    free(tmp);
    return r;
}

static int finish(const char *output, struct buf *b, bool holds_keys)
{
    int code = EXIT_CLEAN;
    if (b->failed || !output) {
        code = cli_write(stdout, b) ? EXIT_CLEAN : EXIT_SYSTEM;
    } else {
        int r = write_file(output, b, holds_keys);
        if (r < 0) {
            fprintf(stderr, "ioscc compile: cannot write %s: %s\n", output, strerror(-r));
            code = EXIT_SYSTEM;
        }
    }
    buf_free(b);
    return code;
}

static int run(const struct command *c, int argc, char **argv)
{
    const struct backend *to = &backend_json;
    const char *output = NULL, *value;
    struct backend_options o = {0};
    struct buf b = {0};
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        if (k == OPT_TO && !(to = backend_find(value)))
            return cli_usage_error(c, "--to takes json or ios, not '%s'", value);
        if (k == OPT_OUTPUT)
            output = value;
        o.show_secrets |= k == OPT_SECRETS;
        o.no_places |= k == OPT_NO_PLACES;
        if (k == OPT_SCHEMA) {
            json_schema_print(&b);
            return finish(output, &b, false);
        }
    }
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    if (i + 1 != argc)
        return cli_usage_error(c, i == argc ? "no file given" : "one file at a time");
    struct compiled compiled;
    int code = cli_load(c, argv[i], &compiled);
    if (code != EXIT_CLEAN)
        return code;
    uint32_t errors = cli_complain(&compiled);
    to->print(&b, &compiled.units, &o);
    sem_free(&compiled);
    code = finish(output, &b, to->holds_secrets && o.show_secrets);
    return code != EXIT_CLEAN ? code : errors ? EXIT_FINDINGS : EXIT_CLEAN;
}

const struct command cmd_compile = {
    "compile",
    "--to json|ios [OPTION…] FILE",
    "Writes what a configuration means, as JSON or as canonical IOS text.",
    options,
    run,
};
