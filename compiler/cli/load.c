/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/load.h"

#include "backends/target/target.h"

#include "grammar/stmt.h"
#include "lint/reporters/reporter.h"

int cli_load(const struct command *c, const char *path, struct compiled *out)
{
    struct source src;
    if (strchr(path, '\n')) /* it would write lines of its own into what is said of it */
        return cli_usage_error(c, "the name of the file holds a line feed");
    int r = source_read(&src, path);
    if (r < 0) {
        fprintf(stderr, "ioscc %s: cannot read %s: %s\n", c->name, path, strerror(-r));
        return EXIT_USAGE;
    }
    struct ios_parser *p = ios_parser_new();
    if (!p || sem_compile(out, p, &src) < 0) {
        fprintf(stderr, "ioscc %s: out of memory\n", c->name);
        source_free(&src);
        ios_parser_free(p);
        return EXIT_SYSTEM;
    }
    ios_parser_free(p);
    if (strcmp(path, "-") == 0)
        out->source.name = "<stdin>";
    if (out->diags.per_id[D_NOT_TEXT]) {
        fprintf(stderr, "ioscc %s: %s is not a text file\n", c->name, path);
        sem_free(out);
        return EXIT_USAGE;
    }
    if (out->diags.per_id[D_TOO_LARGE]) {
        fprintf(stderr,
                "ioscc %s: %s needs more memory than is allowed: it was not read to its end, so nothing is done\n",
                c->name, path);
        sem_free(out);
        return EXIT_USAGE;
    }
    return EXIT_CLEAN;
}

#define PLAN_FAMILY "IC4"

uint32_t cli_complain(struct compiled *c, bool says_notes)
{
    uint32_t n = 0, kept = 0;
    diag_sort(&c->diags);
    for (uint32_t i = 0; i < c->diags.items.n; i++) {
        struct diag *d = c->diags.items.v[i];
        n += d->severity == SEV_ERROR;
        bool is_of_plan = says_notes && strncmp(diag_infos[d->id].id, PLAN_FAMILY, strlen(PLAN_FAMILY)) == 0;
        if (d->severity >= SEV_WARNING || is_of_plan) /* what will differ on the host is said */
            c->diags.items.v[kept++] = d;
    }
    c->diags.items.n = kept;
    struct buf b = {0};
    reporter_text.file(&b, &(struct report){&c->source, &c->diags, NULL, false});
    (void)!cli_write(stderr, &b); /* there is nowhere else to say it */
    buf_free(&b);
    return n;
}

const struct ir_config *cli_router(const struct compiled *c, const char *device)
{
    PTRLIST_FOR (struct ir_config, u, &c->units) {
        if (!device || str_eq(u->hostname.s, str_lit(device)))
            return u;
    }
    return NULL;
}

static bool applies_map(const struct ir_config *u)
{
    PTRLIST_FOR (struct interface, i, &u->interfaces) {
        if (IR_IS_SET(i->crypto_map) || IR_IS_SET(i->crypto_map6))
            return true;
    }
    return false;
}

int cli_router_is_said(const struct command *c, const struct compiled *all, const char *path)
{
    const struct ir_config *first = NULL;
    PTRLIST_FOR (struct ir_config, u, &all->units) {
        if (!applies_map(u))
            continue;
        if (first)
            return cli_usage_error(c,
                                   "%s has several configurations with crypto maps on interfaces (" STR_FMT ", " STR_FMT
                                   "): name the router (--device), or keep one of them in the file",
                                   path, STR_ARG(first->hostname.s), STR_ARG(u->hostname.s));
        first = u;
    }
    return EXIT_CLEAN;
}

int cli_host_has(const struct command *c, const char *words)
{
    unsigned has = 0;
    if (host_has_parse(str_lit(words), &has))
        return EXIT_CLEAN;
    return cli_usage_error(c, "--host-has takes firewall, policy-routing, both with a comma, or none, not '%s'", words);
}

/* Marks that ioscc puts before pairs in its state (if_map_parse()) are none of who types a map. */
static bool has_mark(struct str text)
{
    bool is_start = true;
    for (uint32_t i = 0; i < text.len; i++) {
        const char at = text.p[i];
        if (is_start && (at == '?' || at == '+'))
            return true;
        is_start = at == ',' || at == '\n' || (is_start && (at == ' ' || at == '\t'));
    }
    return false;
}

int cli_map_add(const struct command *c, struct str text, struct buf *map)
{
    if (has_mark(text))
        return cli_usage_error(c, "interface map: not ROUTER-INTERFACE=HOST-INTERFACE: '" STR_FMT "'", STR_ARG(text));
    buf_add(map, text.p, text.len);
    buf_putc(map, '\n');
    return EXIT_CLEAN;
}

int cli_map_file(const struct command *c, const char *path, struct buf *map)
{
    struct source src;
    int r = source_read(&src, path);
    if (r < 0) {
        fprintf(stderr, "ioscc %s: cannot read %s: %s\n", c->name, path, strerror(-r));
        return EXIT_USAGE;
    }
    int code = cli_map_add(c, (struct str){src.text, src.len}, map);
    source_free(&src);
    return code;
}
