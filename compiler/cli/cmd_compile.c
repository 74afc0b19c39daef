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

enum { OPT_TO, OPT_OUTPUT, OPT_MAP, OPT_MAP_FILE, OPT_DEVICE, OPT_SECRETS, OPT_NO_PLACES, OPT_HOST_HAS, OPT_SCHEMA };
static const struct cli_option options[] = {
    [OPT_TO] = {"to", 't', "FORMAT", "what to make: json (default), ios, xfrm, nftables"},
    [OPT_OUTPUT] = {"output", 'o', "FILE", "write to FILE, or into it if it is a directory; 0600 when it holds keys"},
    [OPT_MAP] = {"interface-map", 'm', "MAP", "Gi0/0=eth0,…: host interfaces, for xfrm and nftables"},
    [OPT_MAP_FILE] = {"interface-map-file", 'M', "FILE", "the same from a file, one pair a line, # comments"},
    [OPT_DEVICE] = {"device", 'd', "NAME", "which router, for xfrm and nftables (the first)"},
    [OPT_SECRETS] = {"show-secrets", 0, NULL, "print keys and passwords instead of <key>"},
    [OPT_NO_PLACES] = {"no-places", 0, NULL, "JSON without lines and columns: the meaning alone, for comparison"},
    [OPT_HOST_HAS] = {"host-has", 0, "firewall,policy-routing", "the host's own rules do it: such lines stop nothing"},
    [OPT_SCHEMA] = {"schema", 0, NULL, "print the schema of the JSON form and exit"},
    {NULL, 0, NULL, NULL},
};

static int write_all(int fd, const struct buf *b)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t k = write(fd, b->p + done, b->len - done);
        if (k < 0 && errno != EINTR)
            return -errno;
        done += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

/* A device or pipe is written to as it is: it must not be replaced by a file. */
static int write_into(const char *path, const struct buf *b)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, b);
    if (close(fd) < 0 && !r)
        r = -errno;
    return r;
}

/* Through a temporary name beside the target, so that a reader never sees half a file. */
static int write_file(const char *path, const struct buf *b, bool holds_keys)
{
    struct stat st;
    size_t n = strlen(path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return write_into(path, b);
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
    int r = write_all(fd, b);
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

/* Runs a backend; kernel backends get the router they are for. Returns an exit code. */
static int make(const struct command *c, const struct backend *to, struct compiled *compiled, struct buf *b,
                struct backend_options *o, const char *device, uint32_t *errors)
{
    o->arena = &compiled->arena;
    o->diags = &compiled->diags;
    if (to->one_router && !(o->router = cli_router(compiled, device)))
        return cli_usage_error(c, "there is no router named '%s'", device);
    if (to->one_router)
        to->print(b, &compiled->units, o); /* its findings are reported with those about the text */
    *errors = cli_complain(compiled, true);
    if (!to->one_router)
        to->print(b, &compiled->units, o);
    return o->error ? cli_usage_error(c, "--interface-map: %s", o->error) : EXIT_CLEAN;
}

/* Without an interface, or with a line that needs too many selectors, what came out is not what the router does: who
 * pipes it on gets nothing. */
static bool is_useless(const struct compiled *c)
{
    return c->diags.per_id[D_LX_INTERFACE] || c->diags.per_id[D_LX_TOO_MANY] || c->diags.per_id[D_LX_DYNAMIC];
}

/* FILE, or the backend's own name inside a directory. */
static const char *target_file(struct arena *a, const char *output, const struct backend *to)
{
    struct stat st;
    if (!output || stat(output, &st) < 0 || !S_ISDIR(st.st_mode))
        return output;
    size_t n = strlen(output), m = strlen(to->file);
    char *p = arena_array(a, n + m + 2, 1);
    memcpy(p, output, n);
    p[n] = '/';
    memcpy(p + n + 1, to->file, m + 1);
    return p;
}

static int run(const struct command *c, int argc, char **argv)
{
    const struct backend *to = &backend_json;
    const char *output = NULL, *device = NULL, *value;
    struct backend_options o = {.interface_map = ""};
    struct buf b = {0}, map = {0};
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        if (k == OPT_TO && !(to = backend_find(value)))
            return cli_usage_error(c, "--to takes json, ios, xfrm or nftables, not '%s'", value);
        if (k == OPT_OUTPUT)
            output = value;
        if (k == OPT_MAP && cli_map_add(c, str_lit(value), &map) != EXIT_CLEAN)
            return EXIT_USAGE;
        if (k == OPT_MAP_FILE && cli_map_file(c, value, &map) != EXIT_CLEAN)
            return EXIT_USAGE;
        if (k == OPT_DEVICE)
            device = value;
        if (k == OPT_HOST_HAS && cli_host_has(c, value) != EXIT_CLEAN)
            return EXIT_USAGE;
        if (k == OPT_HOST_HAS)
            o.host_has = value;
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
    uint32_t errors = 0;
    buf_putc(&map, '\0');
    o.interface_map = map.p;
    code = make(c, to, &compiled, &b, &o, device, &errors);
    buf_free(&map);
    if (code == EXIT_CLEAN && to->one_router && is_useless(&compiled)) {
        buf_free(&b);
        code = EXIT_FINDINGS;
    } else if (code == EXIT_CLEAN) {
        code = finish(target_file(&compiled.arena, output, to), &b, to->holds_secrets && o.show_secrets);
    } else {
        buf_free(&b);
    }
    sem_free(&compiled);
    return code != EXIT_CLEAN ? code : errors ? EXIT_FINDINGS : EXIT_CLEAN;
}

const struct command cmd_compile = {
    "compile",
    "--to json|ios|xfrm|nftables [OPTION…] FILE",
    "Writes what a configuration means: as JSON, as canonical IOS text, or for a Linux kernel.",
    options,
    run,
};
