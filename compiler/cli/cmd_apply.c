/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc plan and ioscc apply: a configuration to this host. */
#include <errno.h>
#include <stdlib.h>

#include "backends/account/account.h"
#include "backends/ike/from_ir.h"
#include "compiler/cli/confirm.h"
#include "compiler/cli/consent.h"
#include "compiler/cli/host_setup.h"
#include "compiler/cli/run_inputs.h"

enum {
    OPT_MAP,
    OPT_MAP_FILE,
    OPT_DEVICE,
    OPT_ONLY,
    OPT_PARTIAL,
    OPT_LESS,
    OPT_STATE,
    OPT_PKI,
    OPT_MASTER,
    OPT_HOST_HAS,
    OPT_SET_UP,
    OPT_FORMAT,
    OPT_LINES,
    OPT_CONFIRM,
    OPT_DRY,
    OPT_WAIT
};
#define PLAN_OPTIONS                                                                                                   \
    [OPT_MAP] = {"interface-map", 'm', "MAP", "Gi0/0=eth0,…: host interfaces (else matched by address)"},              \
    [OPT_MAP_FILE] = {"interface-map-file", 'M', "FILE", "the same from a file, one pair a line, # comments"},         \
    [OPT_DEVICE] = {"device", 'd', "NAME", "which router, when a file holds several (the first)"},                     \
    [OPT_ONLY] = {"only", 0, "xfrm|nftables", "leave the other half alone"},                                           \
    [OPT_PARTIAL] = {"allow-partial", 0, NULL, "go on although some entries cannot be carried; they drop"},            \
    [OPT_LESS] = {"allow-less", 0, NULL, "go on although the file protects nothing, or much less than what stands"},   \
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},                                     \
    [OPT_PKI] = {"pki-dir", 0, "DIR", "refuse what run could not negotiate with the trustpoints' files in DIR"},       \
    [OPT_MASTER] = {"master-key-file", 0, "FILE", "... and with the keys that this master key opens"},                 \
    [OPT_HOST_HAS] = {"host-has", 0, "firewall,policy-routing",                                                        \
                      "this host's own rules do it: such lines stop nothing"},                                         \
    [OPT_SET_UP] = {"set-up-host", 0, NULL, "set forwarding and the like too; 'ioscc remove' puts it back"}

static const struct cli_option plan_options[] = {
    PLAN_OPTIONS,
    [OPT_FORMAT] = {"format", 'f', "text|json", "how to print the plan (text)"},
    [OPT_LINES] = {"lines", 'l', NULL, "what becomes of every line of the file"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option apply_options[] = {
    PLAN_OPTIONS,
    [OPT_FORMAT] = {"format", 'f', "text|json", "how to print the plan (text)"},
    [OPT_LINES] = {"lines", 'l', NULL, "what becomes of every line of the file"},
    [OPT_CONFIRM] = {"confirm", 0, "SECONDS", "go back by itself unless 'ioscc confirm' comes in time"},
    [OPT_DRY] = {"dry-run", 'n', NULL, "load everything into a throw-away network namespace only"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    {NULL, 0, NULL, NULL},
};

struct request {
    struct state_config how;
    struct run_inputs inputs; /* NULL: what run would need is not looked at */
    const char *dir;
    struct buf map; /* all interface maps, a pair a line */
    unsigned confirm_s;
    int wait_s;
    bool json, dry_run, allow_less, all_lines;
};

static bool number(const char *s, unsigned max, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(s, &end, 10);
    if (errno || *end || end == s || *s == '-' || v > max)
        return false;
    *out = (unsigned)v;
    return true;
}

static int one_option(const struct command *c, struct request *q, int k, const char *value)
{
    unsigned n = 0;
    switch (k) {
    case OPT_MAP:
        return cli_map_add(c, str_lit(value), &q->map);
    case OPT_MAP_FILE:
        return cli_map_file(c, value, &q->map);
    case OPT_DEVICE:
        q->how.device = value;
        break;
    case OPT_ONLY:
        q->how.only_xfrm = strcmp(value, "xfrm") == 0;
        q->how.only_nftables = strcmp(value, "nftables") == 0;
        if (!q->how.only_xfrm && !q->how.only_nftables)
            return cli_usage_error(c, "--only takes xfrm or nftables, not '%s'", value);
        break;
    case OPT_PARTIAL:
        q->how.allow_partial = true;
        break;
    case OPT_HOST_HAS:
        q->how.host_has = value;
        return cli_host_has(c, value);
    case OPT_SET_UP:
        q->how.sets_up_host = true;
        break;
    case OPT_LESS:
        q->allow_less = true;
        break;
    case OPT_STATE:
        q->dir = value;
        break;
    case OPT_PKI:
        q->inputs.pki_dir = value;
        break;
    case OPT_MASTER:
        q->inputs.master_key_file = value;
        break;
    case OPT_FORMAT:
        q->json = strcmp(value, "json") == 0;
        if (!q->json && strcmp(value, "text") != 0)
            return cli_usage_error(c, "--format takes text or json, not '%s'", value);
        break;
    case OPT_LINES:
        q->all_lines = true;
        break;
    case OPT_CONFIRM:
        return confirm_option(c, value, &q->confirm_s);
    case OPT_DRY:
        q->dry_run = true;
        break;
    case OPT_WAIT:
        if (!number(value, 3600, &n))
            return cli_usage_error(c, "--wait takes 0 to 3600 seconds, not '%s'", value);
        q->wait_s = (int)n;
        break;
    }
    return EXIT_CLEAN;
}

/* Options and the one file. On EXIT_CLEAN *file is set. */
static int parse(const struct command *c, int argc, char **argv, struct request *q, const char **file)
{
    const char *value;
    int i = 1, k = CLI_END, code = EXIT_CLEAN;
    *file = NULL;
    while (code == EXIT_CLEAN && i < argc) { /* options may stand before and behind the file */
        if ((k = cli_next(c, argc, argv, &i, &value)) >= 0)
            code = one_option(c, q, k, value);
        else if (k != CLI_END)
            return k == CLI_HELP ? -1 : EXIT_USAGE;
        else if (i < argc && !*file)
            *file = argv[i++];
        else if (i < argc)
            return cli_usage_error(c, "one file at a time");
    }
    if (code != EXIT_CLEAN)
        return code;
    if (!*file)
        return cli_usage_error(c, "no file given");
    q->how.name = *file;
    buf_putc(&q->map, '\0');
    q->how.interface_map = q->map.p ? q->map.p : "";
    bool kept =
        cli_can_be_kept(c, "interface-map", q->how.interface_map) && cli_can_be_kept(c, "device", q->how.device);
    return kept ? EXIT_CLEAN : EXIT_USAGE;
}

#define LEFT_MAX 60 /* lines that plan names; with --lines all */

/* What becomes of the file's lines; apply only says how many stay behind, plan which. */
static void print_account(struct buf *b, struct session *s, const struct request *q)
{
    struct account a;
    bool is_plan = s->command == &cmd_plan;
    account_build(&a, &s->arena, &s->apply.target);
    if (q->all_lines)
        account_print_all(b, &a);
    else if (is_plan)
        account_print_left(b, &a, LEFT_MAX);
    uint32_t left = a.count[FATE_LEFT] + a.count[FATE_UNKNOWN];
    if (is_plan)
        account_print_sum(b, &a);
    else if (left)
        buf_printf(b,
                   "%u lines of the file stay behind that may mean something for packets ('ioscc plan' names them).\n",
                   left);
}

static void describe_plan(struct buf *b, struct session *s, const struct request *q)
{
    if (q->json) {
        struct account a = {0};
        if (q->all_lines)
            account_build(&a, &s->arena, &s->apply.target);
        apply_print_json(b, &s->apply, q->all_lines ? &a : NULL);
        return;
    }
    apply_print(b, &s->apply);
    host_setup_print(b, s);
    print_account(b, s, q);
}

static bool print_plan(struct session *s, const struct request *q)
{
    struct buf b = {0};
    describe_plan(&b, s, q);
    if (!q->json)
        session_say_needs_daemon(s, &b);
    bool written = cli_write(stdout, &b) && fflush(stdout) == 0;
    buf_free(&b);
    return written;
}

/* Where there is no plan, as something of it is not known: what becomes of the lines is known all the same. */
static bool print_lines(struct session *s)
{
    struct buf b = {0};
    struct account a;
    account_build(&a, &s->arena, &s->apply.target);
    account_print_all(&b, &a);
    bool written = cli_write(stdout, &b) && fflush(stdout) == 0;
    buf_free(&b);
    return written;
}

/* May this plan be carried out? */
static int refused(struct session *s, const struct request *q)
{
    const char *name = s->command->name;
    int code = consent_alone(s);
    if (code == EXIT_CLEAN)
        code = consent_ask(s, q->how.name, q->allow_less);
    if (code != EXIT_CLEAN)
        return code;
    const struct state_config *now = &s->state.current;
    bool leaves_half =
        now->file && ((q->how.only_xfrm && !now->only_xfrm) || (q->how.only_nftables && !now->only_nftables));
    if (leaves_half) {
        fprintf(stderr,
                "ioscc %s: the other half of what is applied would stay, and nobody would look after it: nothing is "
                "touched (without --only, or after 'ioscc remove')\n",
                name);
        return EXIT_FINDINGS;
    }
    bool is_half = q->how.only_xfrm || q->how.only_nftables, stands = false;
    if (is_half && !now->file && !s->state.applying && apply_other_half(&s->apply, &stands) < 0) {
        fprintf(stderr, "ioscc %s: cannot read whether the other half stands: nothing is touched\n", name);
        return EXIT_SYSTEM;
    }
    if (stands) {
        fprintf(stderr,
                "ioscc %s: what stands was made with another state directory, or %s has lost its state: its other half "
                "would stay, and nobody would look after it: nothing is touched (without --only it is taken over)\n",
                name, s->state.dir);
        return EXIT_FINDINGS;
    }
    if (s->apply.xfrm_diff.conflicts.n) {
        fprintf(
            stderr,
            "ioscc %s: policies or SAs of another program are in the way: nothing is touched\n"
            "'ip xfrm policy' and 'ip xfrm state' show them. If you have loaded the output of 'ioscc compile', remove "
            "it first.\n",
            name);
        return EXIT_FINDINGS;
    }
    const uint32_t errors = consent_errors(s, q->allow_less);
    if (errors && (!q->how.allow_partial || s->fatal)) {
        fprintf(stderr, "ioscc %s: %u thing%s cannot be carried to Linux: nothing is touched%s\n", name, errors,
                errors == 1 ? "" : "s", s->fatal ? "" : " (--allow-partial goes on without)");
        return EXIT_FINDINGS;
    }
    return EXIT_CLEAN;
}

/* What `run` would need of this host, where it was asked for. */
static int lacks(struct session *s, const struct request *q, const char *file)
{
    struct run_inputs in = q->inputs;
    struct buf master = {0};
    if (!in.pki_dir && !in.master_key_file)
        return EXIT_CLEAN;
    if (!in.pki_dir)
        in.pki_dir = PKI_DIR_DEFAULT;
    in.allow_partial = q->how.allow_partial;
    int code = run_master(s->command, &in, &master);
    if (code == EXIT_CLEAN) {
        const struct ike_policy *p = run_policy(s, &in, &master, file, &code);
        if (p)
            ike_pki_free(p);
    }
    buf_free(&master); /* wipes it */
    return code;
}

/* Beside a daemon 'ioscc reload' would carry it out, which knows the interfaces that were named before. */
static int as_the_daemon(struct session *s, struct request *q)
{
    struct state_daemon d;
    struct run_inputs in = {.interface_map = *q->how.interface_map ? q->how.interface_map : NULL,
                            .device = q->how.device,
                            .host_has = q->how.host_has,
                            .pki_dir = PKI_DIR_DEFAULT,
                            .master_key_file = ""};
    state_daemon_ask(s->state.dir, &d);
    if (!d.is_running || !d.applies)
        return EXIT_CLEAN;
    if (!run_inputs_default(&s->state, s->command->name, &in))
        return EXIT_SYSTEM;
    if (in.interface_map)
        q->how.interface_map = in.interface_map;
    q->how.device = in.device;
    q->how.host_has = in.host_has;
    return EXIT_CLEAN;
}

static int run_plan(const struct command *c, int argc, char **argv)
{
    struct request q = {.dir = STATE_DIR_DEFAULT};
    struct session s;
    const char *file;
    int code = parse(c, argc, argv, &q, &file);
    if (code == EXIT_CLEAN)
        code = session_open(&s, c, q.dir, -1, NAMES_ASKED);
    if (code != EXIT_CLEAN) {
        buf_free(&q.map);
        return code < 0 ? EXIT_CLEAN : code;
    }
    s.says_notes = true;
    code = as_the_daemon(&s, &q);
    if (code == EXIT_CLEAN)
        code = session_plan(&s, file, &q.how);
    if (code == EXIT_FINDINGS) /* it is refused as it is */
        code = EXIT_USAGE;
    if (code == EXIT_CLEAN) {
        bool lines_alone = s.fatal && q.all_lines && !q.json;
        bool written = s.fatal || print_plan(&s, &q);
        if (lines_alone)
            written = print_lines(&s);
        bool wanted = apply_needed(&s.apply) || s.apply.is_another_file;
        code = wanted ? EXIT_FINDINGS : EXIT_CLEAN;
        if (refused(&s, &q) != EXIT_CLEAN || lacks(&s, &q, file) != EXIT_CLEAN)
            code = EXIT_USAGE;
        if (!written)
            code = EXIT_SYSTEM;
    }
    session_close(&s);
    buf_free(&q.map);
    return code;
}

/* Of ours, and this state directory knows nothing of it. */
static void say_taken_over(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    uint32_t stands = d->same + d->changed + d->removed;
    if (!s->state.current.file && !s->state.applying && stands)
        fprintf(stderr,
                "ioscc %s: %u policies that stand here were made with another state directory, or %s has lost its "
                "state: they are taken over\n",
                s->command->name, stands, s->state.dir);
}

static int carry_out(struct session *s, const struct request *q, struct buf *said)
{
    bool pending = s->state.confirm_by != 0;
    time_t deadline = confirm_deadline(q->confirm_s);
    int code = confirm_reserve(s, deadline);
    if (code == EXIT_CLEAN)
        code = confirm_start(s, deadline);
    struct state_config how = q->how;
    how.has_settings = s->state.settings.n != 0; /* they stay as they are until all goes, or it is gone back */
    if (code == EXIT_CLEAN)
        code = session_run(s, how, pending ? PREVIOUS_STAYS : PREVIOUS_IS_CURRENT, deadline);
    if (code != EXIT_CLEAN)
        return code;
    code = host_setup_do(s, said);
    if (code != EXIT_CLEAN) {
        buf_puts(said, "The rest is applied.\n");
        confirm_say(said, s, deadline, q->confirm_s);
        return code;
    }
    buf_puts(said, "Applied.\n");
    if (s->apply.flows_anew)
        buf_printf(said, "%u connections from before had another translation: they begin anew.\n", s->apply.flows_anew);
    confirm_say(said, s, deadline, q->confirm_s);
    session_say_needs_daemon(s, said);
    return EXIT_CLEAN;
}

/* `said`: for standard output, to be written when the locks are let go: who does not read it holds up nobody. */
static int do_apply(struct session *s, const struct request *q, const char *file, struct buf *said)
{
    s->says_notes = true;
    struct state_config how = q->how;
    how.clears_rest = s->state.applying; /* what was interrupted may have been about both halves */
    int code = session_plan(s, file, &how);
    if (code != EXIT_CLEAN)
        return code;
    if (!s->fatal)
        describe_plan(said, s, q);
    code = refused(s, q);
    if (code == EXIT_CLEAN)
        code = lacks(s, q, file);
    if (code != EXIT_CLEAN)
        return code;
    say_taken_over(s);
    if (q->dry_run) {
        int r = apply_rehearse(&s->apply);
        if (r == 0)
            buf_puts(said, "Dry run: this kernel takes all of it.\n");
        else if (r == REHEARSED_WITHOUT_SAS)
            buf_printf(
                said, "Dry run: this kernel takes the policies and rules. What they protect would wait for ever: %s.\n",
                s->apply.error);
        else
            fprintf(stderr, "ioscc apply: dry run: %s\n", s->apply.error);
        if (r < 0)
            return EXIT_SYSTEM;
        return r == 0 ? EXIT_CLEAN : EXIT_FINDINGS;
    }
    code = session_no_daemon(s, "'ioscc reload FILE' hands it another configuration.");
    return code == EXIT_CLEAN ? carry_out(s, q, said) : code;
}

static int run_apply(const struct command *c, int argc, char **argv)
{
    struct request q = {.dir = STATE_DIR_DEFAULT, .wait_s = 10};
    struct session s;
    const char *file;
    int code = parse(c, argc, argv, &q, &file);
    if (q.dry_run) /* who reads its output, or stops it, holds up nobody: a watch would wait */
        q.wait_s = -1;
    if (code == EXIT_CLEAN)
        code = session_open(&s, c, q.dir, q.wait_s, NAMES_ASKED);
    if (code != EXIT_CLEAN) {
        buf_free(&q.map);
        return code < 0 ? EXIT_CLEAN : code;
    }
    struct buf said = {0};
    code = do_apply(&s, &q, file, &said);
    session_close(&s);
    (void)!cli_write(stdout, &said); /* it is done, whoever reads along */
    buf_free(&said);
    buf_free(&q.map);
    return code;
}

const struct command cmd_plan = {
    "plan",
    "[OPTION…] FILE",
    "Says what apply would change on this host. Exit status 0: nothing, 1: changes, or another file, 2: it cannot be "
    "applied.",
    plan_options,
    run_plan,
};
const struct command cmd_apply = {
    "apply",
    "[OPTION…] FILE",
    "Makes this host do what a configuration says: IPsec policies, manual SAs, packet filter and NAT.",
    apply_options,
    run_apply,
};
