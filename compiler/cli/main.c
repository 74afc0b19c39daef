/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc: one program with subcommands. */
#include "compiler/cli/cli.h"
#include "compiler/cli/harmless.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/base/hash.h"

#ifndef IOSCC_VERSION
#define IOSCC_VERSION "0"
#endif

static const struct command *const commands[] = {&cmd_check,  &cmd_compile,  &cmd_show,    &cmd_plan,     &cmd_apply,
                                                 &cmd_status, &cmd_remove,   &cmd_confirm, &cmd_rollback, &cmd_clear,
                                                 &cmd_rules,  &cmd_explain,  &cmd_fleet,   &cmd_facts,    &cmd_run,
                                                 &cmd_reload, &cmd_initiate, &cmd_metrics};
#define NCOMMANDS (sizeof commands / sizeof *commands)

static void general_help(FILE *to)
{
    fprintf(to,
            "Usage: ioscc COMMAND [OPTION…] [FILE…]\n\n"
            "Reads Cisco IOS and IOS XE configurations, says what their IPsec part means and what is wrong with it,\n"
            "and makes a Linux host do it.\n\n"
            "Commands:\n");
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\n'ioscc COMMAND --help' explains a command, 'ioscc --version' prints the version.\n"
                "Exit status: 0 clean, 1 findings, 2 bad input or usage, 3 system failure.\n");
}

void cli_help(const struct command *c, FILE *to)
{
    fprintf(to, "Usage: ioscc %s %s\n\n%s\n\nOptions:\n", c->name, c->synopsis, c->summary);
    for (const struct cli_option *o = c->options; o->name; o++) {
        char left[48];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? "," : " ", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(to, "  %-34s %s\n", left, o->help);
    }
    fprintf(to, "      --help                         print this and exit\n");
}

int cli_usage_error(const struct command *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "ioscc %s: ", c->name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nTry 'ioscc %s --help'.\n", c->name);
    va_end(ap);
    return EXIT_USAGE;
}

static int option_index(const struct command *c, const char *word, size_t len, char letter)
{
    for (int k = 0; c->options[k].name; k++)
        if (letter ? c->options[k].letter == letter
                   : strlen(c->options[k].name) == len && memcmp(c->options[k].name, word, len) == 0)
            return k;
    return -1;
}

int cli_next(const struct command *c, int argc, char **argv, int *i, const char **value)
{
    if (*i >= argc || argv[*i][0] != '-' || argv[*i][1] == '\0')
        return CLI_END;
    const char *a = argv[(*i)++];
    if (strcmp(a, "--") == 0)
        return CLI_END;
    if (strcmp(a, "--help") == 0) {
        cli_help(c, stdout);
        return CLI_HELP;
    }
    const char *eq = a[1] == '-' ? strchr(a, '=') : NULL;
    const char *word = a + 2;
    int k = a[1] == '-' ? option_index(c, word, eq ? (size_t)(eq - word) : strlen(word), 0)
                        : option_index(c, NULL, 0, a[1]);
    bool attached = a[1] != '-' && a[2]; /* -j4 */
    if (attached && k >= 0 && !c->options[k].arg)
        k = -1;
    if (k < 0) {
        cli_usage_error(c, "unknown option '%s'", a);
        return CLI_BAD;
    }
    *value = NULL;
    if (!c->options[k].arg) {
        if (eq) {
            cli_usage_error(c, "option '--%s' takes no value", c->options[k].name);
            return CLI_BAD;
        }
        return k;
    }
    *value = attached ? a + 2 : eq ? eq + 1 : *i < argc ? argv[(*i)++] : NULL;
    if (!*value) {
        cli_usage_error(c, "option '--%s' needs a value", c->options[k].name);
        return CLI_BAD;
    }
    return k;
}

bool cli_can_be_kept(const struct command *c, const char *option, const char *value)
{
    json_t *o = value ? json_string(value) : NULL;
    bool kept = !value || o;
    json_decref(o);
    if (!kept)
        fprintf(stderr, "ioscc %s: --%s: '%s' is not UTF-8\n", c->name, option, value);
    return kept;
}

const char *cli_as_root(int error)
{
    bool is_forbidden = error == -EACCES || error == -EPERM;
    return is_forbidden && geteuid() != 0 ? " (run it as root)" : "";
}

bool cli_write(FILE *to, const struct buf *b)
{
    if (b->failed) {
        fprintf(stderr, "ioscc: out of memory while formatting the output\n");
        return false;
    }
    if (b->len && fwrite(b->p, 1, b->len, to) != b->len) {
        perror("ioscc: cannot write the output");
        return false;
    }
    return true;
}

/* What is opened must not become standard input, output or error of who is started: whoever starts us may have closed
 * them. */
static bool open_standard(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard() || !harmless_begin())
        return EXIT_SYSTEM;
    /* Files come and go by the thousand: keep their memory instead of giving it back to the kernel after each, which
     * costs page faults and makes threads wait for one another. */
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
    signal(SIGXFSZ, SIG_IGN); /* a file that gets too large is an error, and is said */
    symtab_seed_init();
    if (argc < 2) {
        general_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ioscc %s\n", IOSCC_VERSION);
        return EXIT_CLEAN;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        general_help(stdout);
        return EXIT_CLEAN;
    }
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0) {
            int r = commands[i]->run(commands[i], argc - 1, argv + 1);
            if (fflush(stdout) != 0 || ferror(stdout)) {
                perror("ioscc: cannot write the output");
                return EXIT_SYSTEM;
            }
            return r;
        }
    fprintf(stderr, "ioscc: unknown command '%s'\nTry 'ioscc --help'.\n", argv[1]);
    return EXIT_USAGE;
}
