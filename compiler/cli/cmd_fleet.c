/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc fleet: the tunnels between many routers. ioscc facts: what the others need to know of one. */
#include <stdlib.h>
#include <unistd.h>

#include "compiler/cli/fleet_load.h"
#include "lint/embedded.h"

enum { OPT_TO, OPT_FACTS, OPT_OUTPUT, OPT_MASTER, OPT_JOBS };
#define MASTER_HELP "the routers' master key, to compare type 6 keys"
static const struct cli_option fleet_options[] = {
    [OPT_TO] = {"to", 't', "text|json|dot|html", "what to print (text)"},
    [OPT_FACTS] = {"facts", 0, NULL, "the files are facts, one JSON object a line, not configurations"},
    [OPT_OUTPUT] = {"output", 'o', "FILE", "write there instead of standard output"},
    [OPT_MASTER] = {"master-key-file", 0, "FILE", MASTER_HELP},
    [OPT_JOBS] = {"jobs", 'j', "N", "use N threads over the files (1; 0: one per processor)"},
    {NULL, 0, NULL, NULL},
};

/* What both commands begin with. */
struct start {
    struct arena arena;
    struct walk files;
    struct fact_secrets secrets;
    struct fleet fleet;
};

static int begin(struct start *s, const struct command *c, int argc, char **argv, int i, const char *master)
{
    memset(s, 0, sizeof *s);
    if (i == argc)
        return cli_usage_error(c, "no file or directory given");
    if (!arena_init(&s->arena, SIZE_MAX))
        return EXIT_SYSTEM;
    s->fleet.arena = &s->arena;
    for (; i < argc; i++)
        if (walk_add(&s->files, argv[i]) < 0)
            return EXIT_SYSTEM;
    return master ? cli_master_key(c, master, &s->arena, &s->secrets.master) : EXIT_CLEAN;
}

static void finish(struct start *s)
{
    walk_free(&s->files);
    arena_free(&s->arena);
}

static void print_text(struct buf *out, const struct fleet *f)
{
    uint32_t up = 0;
    PTRLIST_FOR (struct fleet_pair, p, &f->pairs) {
        const struct negotiation *n = p->calls[0] && p->forward.failed ? &p->forward : &p->backward;
        const char *state = fleet_state(p);
        up += strcmp(state, "up") == 0;
        buf_printf(out, "%-11s %s (%s) -- %s (%s)\n", state, p->a.device->name, p->a.tunnel->name, p->b.device->name,
                   p->b.tunnel->name);
        const struct negotiation *ok = p->forward.up ? &p->forward : &p->backward;
        if (ok->up)
            buf_printf(out, "            %s\n            %s\n", ok->ike, ok->ipsec);
        if (n->failed)
            buf_printf(out, "            %s %s\n", diag_infos[n->id].id, n->why);
    }
    PTRLIST_FOR (struct fleet_finding, x, &f->findings) {
        buf_printf(out, "%s:%u: %s: %s [%s %s]\n", x->device->file, x->line, severity_name(x->severity), x->message,
                   diag_infos[x->id].id, diag_infos[x->id].slug);
    }
    buf_printf(out, "%u routers, %u tunnels, %u of them up, %u peers outside\n", f->devices.n, f->pairs.n, up,
               f->outside);
}

static int print(const struct command *c, const struct fleet *f, const char *to, const char *path)
{
    struct buf out = {0};
    FILE *dest = path ? fopen(path, "we") : stdout;
    if (!dest) {
        fprintf(stderr, "ioscc %s: cannot write %s\n", c->name, path);
        return EXIT_SYSTEM;
    }
    if (strcmp(to, "json") == 0)
        fleet_print_json(&out, f);
    else if (strcmp(to, "dot") == 0)
        fleet_print_dot(&out, f);
    else if (strcmp(to, "html") == 0)
        fleet_print_html(&out, f, embedded_find("asset", "fleet.html"));
    else
        print_text(&out, f);
    bool ok = cli_write(dest, &out);
    if (path)
        ok &= fclose(dest) == 0;
    buf_free(&out);
    bool errors = false;
    PTRLIST_FOR (struct fleet_finding, x, &f->findings) {
        errors |= x->severity == SEV_ERROR;
    }
    return !ok ? EXIT_SYSTEM : errors ? EXIT_FINDINGS : EXIT_CLEAN;
}

static int fleet(const struct command *c, int argc, char **argv)
{
    const char *to = "text", *path = NULL, *master = NULL, *value;
    char *end;
    bool facts = false;
    long jobs = 1;
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        if (k == OPT_TO && strcmp(to = value, "text") != 0 && strcmp(to, "json") != 0 && strcmp(to, "dot") != 0 &&
            strcmp(to, "html") != 0)
            return cli_usage_error(c, "--to takes text, json, dot or html, not '%s'", value);
        if (k == OPT_OUTPUT)
            path = value;
        if (k == OPT_MASTER)
            master = value;
        if (k == OPT_JOBS && ((jobs = strtol(value, &end, 10)) < 0 || *end || jobs > 64 || end == value))
            return cli_usage_error(c, "--jobs takes a number from 0 to 64, not '%s'", value);
        facts |= k == OPT_FACTS;
    }
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    struct start s;
    int code = begin(&s, c, argc, argv, i, master);
    if (code == EXIT_CLEAN)
        code = fleet_salt(c, NULL, &s.arena, &s.secrets.salt);
    if (code == EXIT_CLEAN) {
        code = facts
                   ? fleet_load_facts(c, &s.fleet, &s.files)
                   : fleet_load_configs(c, &s.fleet, &s.files, jobs ? jobs : sysconf(_SC_NPROCESSORS_ONLN), &s.secrets);
        fleet_join(&s.fleet);
        int r = print(c, &s.fleet, to, path);
        code = r > code ? r : code;
    }
    finish(&s);
    return code;
}

const struct command cmd_fleet = {
    "fleet",
    "[OPTION…] PATH…",
    "Finds who peers with whom, plays their negotiations through, and says what fails.",
    fleet_options,
    fleet,
};

enum { OPT_SALT, OPT_FACTS_MASTER };
static const struct cli_option facts_options[] = {
    [OPT_SALT] =
        {"salt-file", 's', "FILE",
         "secret bytes, the same for all routers, under which digests of keys are made; without it keys are left out"},
    [OPT_FACTS_MASTER] = {"master-key-file", 0, "FILE", MASTER_HELP},
    {NULL, 0, NULL, NULL},
};

static int facts(const struct command *c, int argc, char **argv)
{
    const char *salt_path = NULL, *master = NULL, *value;
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0)
        *(k == OPT_SALT ? &salt_path : &master) = value;
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    struct start s;
    int code = begin(&s, c, argc, argv, i, master);
    if (code == EXIT_CLEAN && salt_path)
        code = fleet_salt(c, salt_path, &s.arena, &s.secrets.salt);
    if (code == EXIT_CLEAN)
        code = fleet_load_configs(c, &s.fleet, &s.files, 1, &s.secrets);
    PTRLIST_FOR (struct fact_device, d, &s.fleet.devices) {
        json_t *j = facts_json(d);
        if (!j || json_dumpf(j, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF)
            code = EXIT_SYSTEM;
        json_decref(j);
    }
    finish(&s);
    return code;
}

const struct command cmd_facts = {
    "facts",
    "[OPTION…] PATH…",
    "Prints what other routers need to know of each router, one JSON line each, for 'fleet --facts'.",
    facts_options,
    facts,
};
