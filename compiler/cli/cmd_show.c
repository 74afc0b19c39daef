/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc show: what the router itself would print about a configuration. Keywords may be abbreviated as on the router.
 */
#include <string.h>

#include <jansson.h>

#include "backends/show/show.h"
#include "compiler/cli/ask.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/live.h"
#include "compiler/cli/load.h"

enum { OPT_CONFIG, OPT_DEVICE, OPT_STATE };
static const struct cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "the configuration; '-' for standard input (else what is applied)"},
    [OPT_DEVICE] = {"device", 'd', "NAME", "which router, when a capture holds several (the first)"},
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state of apply is kept (/run/ioscc)"},
    {NULL, 0, NULL, NULL},
};

static bool fits(const char *typed, const char *word)
{
    return str_prefix_of(str_lit(typed), word);
}

/* How many keywords of a command the typed words spell, 0 if they do not. */
static int spelled(const struct show_command *s, int n, char **words)
{
    int k = 0;
    for (; s->words[k]; k++)
        if (k == n || !fits(words[k], s->words[k]))
            return 0;
    return k;
}

/* An exactly written keyword beats longer ones that begin with it. */
static bool exact(const struct show_command *s, char **words)
{
    for (int k = 0; s->words[k]; k++)
        if (strcmp(words[k], s->words[k]) != 0)
            return false;
    return true;
}

static const struct show_command *find(int n, char **words, int *used, bool *ambiguous)
{
    const struct show_command *hit = NULL;
    *ambiguous = false;
    for (const struct show_command *s = show_commands; s->print; s++) {
        int k = spelled(s, n, words);
        if (!k)
            continue;
        if (hit && !exact(s, words)) {
            *ambiguous = true;
            continue;
        }
        hit = s;
        *used = k;
        if (exact(s, words)) {
            *ambiguous = false;
            break;
        }
    }
    return hit;
}

/* GigabitEthernet0/0 from gi0/0, against the interfaces of the configuration. */
static struct str interface_named(const struct ir_config *c, const char *typed)
{
    struct str t = str_lit(typed);
    uint32_t letters = 0;
    while (letters < t.len && ((t.p[letters] | 32) >= 'a' && (t.p[letters] | 32) <= 'z'))
        letters++;
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        struct str n = i->name.s;
        uint32_t num = 0;
        while (num < n.len && !(n.p[num] >= '0' && n.p[num] <= '9'))
            num++;
        struct str tail = {n.p + num, n.len - num}, typed_tail = {t.p + letters, t.len - letters};
        char full[64];
        if (num >= sizeof full)
            continue;
        memcpy(full, n.p, num);
        full[num] = '\0';
        if (str_eq(tail, typed_tail) && str_prefix_of((struct str){t.p, letters}, full))
            return n;
    }
    return t;
}

static int selectors(const struct command *c, const struct show_command *s, int n, char **words,
                     const struct ir_config *u, struct show_filter *f)
{
    if (n == 0)
        return EXIT_CLEAN;
    for (int k = 0; k < 5 && s->selector[k]; k++) {
        const char *sel = s->selector[k];
        if (n == 1 && strncmp(sel, "detail", 6) == 0 && fits(words[0], sel)) {
            f->detail = true;
            return EXIT_CLEAN;
        }
        if (*sel && n == 2 && fits(words[0], sel)) {
            if (strcmp(sel, "interface") == 0)
                f->interface = interface_named(u, words[1]);
            else if (strcmp(sel, "map") == 0)
                f->map = str_lit(words[1]);
            else if (strcmp(sel, "peer") == 0)
                f->peer = str_lit(words[1]);
            else
                f->name = str_lit(words[1]);
            return EXIT_CLEAN;
        }
        if (*sel && n == 3 && fits(words[0], sel) && strcmp(sel, "interface") == 0) { /* interface Gi 0/0 */
            static char joined[128];
            snprintf(joined, sizeof joined, "%s%s", words[1], words[2]);
            f->interface = interface_named(u, joined);
            return EXIT_CLEAN;
        }
        if (!*sel && n == 1) {
            f->name = str_lit(words[0]);
            return EXIT_CLEAN;
        }
    }
    return cli_usage_error(c, "'%s' does not fit: %s", words[0], s->summary);
}

static int print(const struct command *c, const struct show_command *s, int n, char **rest, const char *config,
                 const char *device)
{
    struct compiled compiled;
    int code = cli_load(c, config, &compiled);
    if (code != EXIT_CLEAN)
        return code;
    const struct ir_config *u = cli_router(&compiled, device);
    struct show_filter f = {0};
    if (!u)
        code = cli_usage_error(c, "%s holds no router named '%s'", config, device);
    if (code == EXIT_CLEAN)
        code = selectors(c, s, n, rest, u, &f);
    if (code == EXIT_CLEAN) {
        uint32_t errors = cli_complain(&compiled, false);
        struct buf b = {0};
        s->print(&b, u, &f);
        code = !cli_write(stdout, &b) ? EXIT_SYSTEM : errors ? EXIT_FINDINGS : EXIT_CLEAN;
        buf_free(&b);
    }
    sem_free(&compiled);
    return code;
}

/* The same for what is applied on this host, with what its kernel counts. */
static int print_live(const struct command *c, const struct show_command *s, int n, char **rest, const char *dir)
{
    struct live l;
    struct show_filter f = {0};
    int code = live_open(&l, c, dir, -1);
    if (code != EXIT_CLEAN)
        return code;
    f.live = &l.show;
    code = selectors(c, s, n, rest, l.session.router, &f);
    if (code == EXIT_CLEAN) {
        struct buf b = {0};
        s->print(&b, l.session.router, &f);
        code = cli_write(stdout, &b) ? EXIT_CLEAN : EXIT_SYSTEM;
        buf_free(&b);
    }
    session_close(&l.session);
    return code;
}

static bool is_applied(const struct command *c, const char *dir)
{
    struct session s;
    if (session_open(&s, c, dir, -1, NAMES_KEPT) != EXIT_CLEAN)
        return false;
    bool has_file = s.state.current.file != NULL;
    session_close(&s);
    return has_file;
}

/* What the IKE daemon has, beside what is applied where the command wants that. */
static int print_daemon(const struct command *c, const struct show_command *s, int n, char **rest, const char *dir)
{
    struct show_filter f = {0};
    struct buf b = {0};
    int code = selectors(c, s, n, rest, NULL, &f);
    json_t *r = code == EXIT_CLEAN ? ask_daemon(c, dir, json_pack("{s:s}", "do", "sas")) : NULL;
    if (!r)
        return code == EXIT_CLEAN ? EXIT_SYSTEM : code;
    struct live l;
    bool is_live = s->live_only && is_applied(c, dir);
    if (is_live && live_open(&l, c, dir, -1) != EXIT_CLEAN)
        is_live = false; /* why has been said */
    f.daemon = json_object_get(r, "sas");
    f.live = is_live ? &l.show : NULL;
    s->print(&b, NULL, &f);
    code = cli_write(stdout, &b) ? EXIT_CLEAN : EXIT_SYSTEM;
    buf_free(&b);
    json_decref(r);
    if (is_live)
        session_close(&l.session);
    return code;
}

static int run(const struct command *c, int argc, char **argv)
{
    const char *config = NULL, *device = NULL, *dir = STATE_DIR_DEFAULT, *value;
    char *words[16];
    int n = 0, i = 1, k;
    while (i < argc) { /* options may stand before and after the words */
        while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
            if (k == OPT_CONFIG)
                config = value;
            else if (k == OPT_STATE)
                dir = value;
            else
                device = value;
        }
        if (k != CLI_END)
            return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
        if (i < argc && n == 16)
            return cli_usage_error(c, "too many words");
        if (i < argc)
            words[n++] = argv[i++];
    }
    if (n == 0)
        return cli_usage_error(c, "show what? For example: ioscc show crypto map --config router.cfg");
    int used = 0;
    bool ambiguous;
    const struct show_command *s = find(n, words, &used, &ambiguous);
    if (!s || ambiguous) {
        cli_usage_error(c, s ? "'show %s …' is ambiguous" : "there is no 'show %s …'", words[0]);
        fprintf(stderr, "These are known:\n");
        for (s = show_commands; s->print; s++)
            fprintf(stderr, "  %s\n", s->summary);
        return EXIT_USAGE;
    }
    if (s->from_daemon)
        return config ? cli_usage_error(c, "'%s' asks the IKE daemon: leave --config out", s->summary)
                      : print_daemon(c, s, n - used, words + used, dir);
    if (!config)
        return print_live(c, s, n - used, words + used, dir);
    if (s->live_only)
        return cli_usage_error(c, "'%s' reads this host's kernel: leave --config out", s->summary);
    return print(c, s, n - used, words + used, config, device);
}

const struct command cmd_show = {
    "show",
    "WORDS… --config FILE",
    "Prints what the router's own 'show' command would print about this configuration.",
    options,
    run,
};
