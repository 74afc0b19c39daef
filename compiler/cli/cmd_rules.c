/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc rules: what can be found. ioscc explain: the page of one rule, which is part of the program. */
#include <jansson.h>
#include <string.h>

#include "compiler/cli/cli.h"
#include "lint/embedded.h"
#include "lint/lint.h"

enum { OPT_FORMAT };
static const struct cli_option rules_options[] = {
    [OPT_FORMAT] = {"format", 'f', "text|json", "how to print the list (text)"},
    {NULL, 0, NULL, NULL},
};

static json_t *row(const struct diag_info *i, const struct lint_rule *r)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", i->id, "slug", i->slug, "severity", severity_name(i->severity),
                  "title", i->title, "optIn", r ? (int)(r->flags & RULE_OPT_IN) : 0);
    if (r)
        json_object_set_new(o, "authority", json_string(r->authority));
    return o;
}

static int rules(const struct command *c, int argc, char **argv)
{
    const char *value;
    bool json = false;
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        json = strcmp(value, "json") == 0;
        if (!json && strcmp(value, "text") != 0)
            return cli_usage_error(c, "--format takes text or json, not '%s'", value);
    }
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    if (i < argc)
        return cli_usage_error(c, "takes no words");
    json_t *all = json_array();
    for (int id = 0; id < DIAG_COUNT; id++) {
        const struct diag_info *d = &diag_infos[id];
        const struct lint_rule *r = lint_rule_of((enum diag_id)id);
        if (json)
            json_array_append_new(all, row(d, r));
        else
            printf("%s %-8s %-28s %s%s\n", d->id, severity_name(d->severity), d->slug, d->title,
                   r && (r->flags & RULE_OPT_IN) ? " (when asked for)" : "");
    }
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(all);
    return EXIT_CLEAN;
}

const struct command cmd_rules = {
    "rules", "[OPTION…]", "Lists everything that can be found, with id, severity and name.", rules_options, rules,
};

static const struct cli_option explain_options[] = {
    {NULL, 0, NULL, NULL},
};

static int explain_one(const char *word)
{
    int id = settings_rule(word), best = -1;
    const char *page = id < 0 ? NULL : embedded_find("rule", diag_infos[id].id);
    if (page) {
        fputs(page, stdout);
        return EXIT_CLEAN;
    }
    unsigned least = 4;
    for (int k = 0; k < DIAG_COUNT && id < 0; k++) {
        unsigned a = str_distance(str_lit(word), diag_infos[k].slug, least),
                 b = str_distance(str_lit(word), diag_infos[k].id, 1);
        if ((a < b ? a : b) < least) {
            least = a < b ? a : b;
            best = k;
        }
    }
    if (id >= 0)
        fprintf(stderr, "ioscc explain: %s is a rule of a newer version: there is no page\n", word);
    else if (best >= 0)
        fprintf(stderr, "ioscc explain: no rule is called '%s': did you mean %s %s?\n", word, diag_infos[best].id,
                diag_infos[best].slug);
    else
        fprintf(stderr, "ioscc explain: no rule is called '%s'; 'ioscc rules' lists them\n", word);
    return EXIT_USAGE;
}

static int explain(const struct command *c, int argc, char **argv)
{
    const char *value;
    int i = 1, k = cli_next(c, argc, argv, &i, &value), code = EXIT_CLEAN;
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    if (i == argc)
        return cli_usage_error(c, "no rule given: an id (IC3001) or a name (weak-encryption)");
    for (; i < argc; i++) {
        int r = explain_one(argv[i]);
        code = r > code ? r : code;
    }
    return code;
}

const struct command cmd_explain = {
    "explain",
    "RULE…",
    "Prints what a rule means, why it hurts, examples, how to mend it, and on whose authority.",
    explain_options,
    explain,
};
