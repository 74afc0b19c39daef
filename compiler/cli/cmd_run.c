/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc run: apply, then IKE until it is told to end; ioscc initiate: asks the running daemon for SAs. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/pass.h"
#include "backends/ike/handover.h"
#include "compiler/cli/ask.h"
#include "compiler/cli/confirm.h"
#include "compiler/cli/consent.h"
#include "compiler/cli/hand_over.h"
#include "compiler/cli/harmless.h"
#include "compiler/cli/host_setup.h"
#include "compiler/cli/places.h"
#include "compiler/cli/reload.h"
#include "compiler/cli/repair.h"
#include "compiler/cli/run_inputs.h"
#include "compiler/cli/session.h"

enum {
    OPT_MAP,
    OPT_MAP_FILE,
    OPT_DEVICE,
    OPT_PARTIAL,
    OPT_LESS,
    OPT_STATE,
    OPT_MASTER,
    OPT_PKI,
    OPT_DISCARD,
    OPT_NO_APPLY,
    OPT_DEBUG,
    OPT_DEBUG_PEER,
    OPT_HOST_HAS,
    OPT_SET_UP,
    OPT_CONFIRM
};
#define RUN_OPTIONS                                                                                                    \
    [OPT_MAP] = {"interface-map", 'm', "MAP", "Gi0/0=eth0,…: host interfaces (else matched by address)"},              \
    [OPT_MAP_FILE] = {"interface-map-file", 'M', "FILE", "the same from a file, one pair a line, # comments"},         \
    [OPT_DEVICE] = {"device", 'd', "NAME", "which router, when a file holds several (the first)"},                     \
    [OPT_PARTIAL] = {"allow-partial", 0, NULL, "go on although some entries cannot be carried; they drop"},            \
    [OPT_LESS] = {"allow-less", 0, NULL, "go on although the file protects nothing, or much less than what stands"},   \
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state and the control socket are kept (/run/ioscc)"},             \
    [OPT_MASTER] = {"master-key-file", 0, "FILE", "the router's master key, for type 6 keys"},                         \
    [OPT_PKI] = {"pki-dir", 0, "DIR",                                                                                  \
                 "TRUSTPOINT.key, .crt and .ca (PEM): certificates for the trustpoints (/etc/ioscc/pki)"},             \
    [OPT_DISCARD] = {"discard-sas", 0, NULL,                                                                           \
                     "negotiate only: nothing is given to the kernel (for tests and measuring)"},                      \
    [OPT_NO_APPLY] = {"no-apply", 0, NULL, "the configuration is applied already: only IKE"},                          \
    [OPT_DEBUG] = {"debug", 0, NULL, "more lines in the log"},                                                         \
    [OPT_DEBUG_PEER] = {"debug-peer", 0, "ADDRESS", "the same for one peer"},                                          \
    [OPT_HOST_HAS] = {"host-has", 0, "firewall,policy-routing",                                                        \
                      "this host's own rules do it: such lines stop nothing"},                                         \
    [OPT_SET_UP] = {"set-up-host", 0, NULL, "set forwarding and the like too; 'ioscc remove' puts it back"}
static const struct cli_option run_options[] = {
    RUN_OPTIONS,
    {NULL, 0, NULL, NULL},
};
static const struct cli_option reload_options[] = {
    RUN_OPTIONS,
    [OPT_CONFIRM] = {"confirm", 0, "SECONDS", "go back by itself unless 'ioscc confirm' comes in time"},
    {NULL, 0, NULL, NULL},
};

struct request {
    struct state_config how;
    struct daemon_options daemon;
    struct run_inputs inputs; /* NULL: not given */
    struct buf map, master;
    bool no_apply, allow_less;
    bool says_plan;  /* on standard output, where somebody has asked for it */
    struct buf said; /* the same, written when the lock is let go: who does not read it holds up nobody */
    unsigned confirm_s;
    bool by_signal;      /* SIGHUP: nobody is there who could be told what it would take back */
    bool goes_back;      /* to what was before, and to how it was asked for then */
    bool leaves_pending; /* nobody has asked for another configuration: what waits to be confirmed still does */
    enum session_previous previous;
    int policy_file; /* where the daemon wants the policy */
};

static int one_option(const struct command *c, struct request *q, int k, const char *value)
{
    switch (k) {
    case OPT_MAP:
        return cli_map_add(c, str_lit(value), &q->map);
    case OPT_MAP_FILE:
        return cli_map_file(c, value, &q->map);
    case OPT_DEVICE:
        q->inputs.device = value;
        break;
    case OPT_PARTIAL:
        q->how.allow_partial = true;
        break;
    case OPT_HOST_HAS:
        q->inputs.host_has = value;
        return cli_host_has(c, value);
    case OPT_SET_UP:
        q->how.sets_up_host = true;
        break;
    case OPT_LESS:
        q->allow_less = true;
        break;
    case OPT_STATE:
        q->daemon.state_dir = value;
        break;
    case OPT_MASTER:
        q->inputs.master_key_file = value;
        break;
    case OPT_PKI:
        q->inputs.pki_dir = value;
        break;
    case OPT_DISCARD:
        q->daemon.discard_sas = true;
        break;
    case OPT_NO_APPLY:
        q->no_apply = true;
        break;
    case OPT_DEBUG:
        q->daemon.debug = true;
        break;
    case OPT_DEBUG_PEER:
        q->daemon.debug_peer = value;
        break;
    case OPT_CONFIRM:
        return confirm_option(c, value, &q->confirm_s);
    }
    return EXIT_CLEAN;
}

static int parse(const struct command *c, int argc, char **argv, struct request *q, const char **file)
{
    const char *value;
    int i = 1, k, code = EXIT_CLEAN;
    *file = NULL;
    while (code == EXIT_CLEAN && i < argc) {
        if ((k = cli_next(c, argc, argv, &i, &value)) >= 0)
            code = one_option(c, q, k, value);
        else if (k != CLI_END)
            return k == CLI_HELP ? -1 : EXIT_USAGE;
        else if (i < argc && !*file)
            *file = argv[i++];
        else if (i < argc)
            return cli_usage_error(c, "one file at a time");
    }
    if (code == EXIT_CLEAN && !*file)
        return cli_usage_error(c, "no file given");
    q->how.name = *file;
    bool mapped = q->map.len != 0;
    buf_putc(&q->map, '\0');
    q->inputs.interface_map = mapped ? q->map.p : NULL;
    return code == EXIT_CLEAN ? run_inputs_check(c, &q->inputs) : code;
}

/* What was not named: as at the last reload, or the start, where one is asked to load anew; else as the manual says. */
static int complete(struct session *s, struct request *q, bool anew)
{
    struct run_inputs *in = &q->inputs;
    if (anew && !run_inputs_default(&s->state, s->command->name, in))
        return EXIT_SYSTEM;
    if (!in->pki_dir)
        in->pki_dir = PKI_DIR_DEFAULT;
    if (!run_inputs_absolute(&s->arena, in)) {
        fprintf(stderr, "ioscc %s: --pki-dir and --master-key-file: the working directory is gone\n", s->command->name);
        return EXIT_SYSTEM;
    }
    q->how.device = in->device;
    q->how.host_has = in->host_has;
    q->how.pki_dir = in->pki_dir;
    q->how.master_key_file = in->master_key_file;
    q->how.interface_map = in->interface_map ? in->interface_map : "";
    return run_master(s->command, in, &q->master);
}

static int plan(struct session *s, const struct request *q, const char *file)
{
    s->says_notes = true;
    int code = session_plan(s, file, &q->how);
    if (code == EXIT_CLEAN && !s->fatal)
        code = consent_ask(s, file, q->allow_less);
    const uint32_t errors = consent_errors(s, q->allow_less);
    if (code != EXIT_CLEAN || !errors || (q->how.allow_partial && !s->fatal))
        return code;
    fprintf(stderr, "ioscc %s: %u thing%s cannot be carried to Linux: nothing is touched%s\n", s->command->name, errors,
            errors == 1 ? "" : "s", s->fatal ? "" : " (--allow-partial goes on without)");
    return EXIT_FINDINGS;
}

typedef int work_fn(const struct command *c, const struct buf *policy, struct request *q);

/* For the process with the keys, by way of the main one. */
static int as_daemon(const struct command *c, const struct buf *policy, struct request *q)
{
    int r = pass_write(q->policy_file, policy);
    if (r < 0)
        fprintf(stderr, "ioscc %s: the policy cannot be handed over: %s\n", c->name, strerror(-r));
    return r < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
}

/* The running daemon gets the policy; it has no rights to read the files itself. */
static int as_reload(const struct command *c, const struct buf *policy, struct request *q)
{
    struct hand_over_told told;
    int code = hand_over(c, q->daemon.state_dir, policy, &told);
    if (code == EXIT_CLEAN)
        buf_printf(&q->said, "%lld IKE SAs with %lld child SAs stay, %lld and %lld are ended.\n", told.sas_kept,
                   told.children_kept, told.sas_ended, told.children_ended);
    return code;
}

static void write_said(struct request *q)
{
    (void)!cli_write(stdout, &q->said); /* it is done, whoever reads along */
    buf_free(&q->said);
}

/* The daemon starts (again): with the file that waits to be confirmed, or with another one, as a unit names it? Then
 * nothing waits any more. */
static bool is_what_waits(const struct session *s)
{
    const struct state *st = &s->state;
    const struct str text = {s->compiled.source.text, s->compiled.source.len};
    if (!st->confirm_by)
        return false;
    return st->current.file && state_is_as_stored(st->current.file, text);
}

/* The kernel's part. What waits to be confirmed is still what it goes back from, whatever file comes meanwhile. */
static int carry_out(struct session *s, struct request *q)
{
    enum session_previous previous = q->previous;
    if (q->no_apply)
        return EXIT_CLEAN;
    if (s->state.confirm_by && previous == PREVIOUS_IS_CURRENT)
        previous = PREVIOUS_STAYS;
    const char *waited = s->state.confirm_by ? s->state.current.name : NULL;
    bool still_waits = q->leaves_pending && is_what_waits(s);
    time_t deadline = still_waits ? s->state.confirm_by : confirm_deadline(q->confirm_s);
    /* also where nothing of the kernel changes: what is shown is told from what is kept */
    int code = q->confirm_s ? confirm_reserve(s, deadline) : EXIT_CLEAN;
    if (code == EXIT_CLEAN && q->confirm_s)
        code = confirm_start(s, deadline);
    if (q->says_plan && apply_needed(&s->apply))
        apply_print(&q->said, &s->apply);
    bool goes_back = previous == PREVIOUS_FORGOTTEN;
    if (!goes_back)
        q->how.has_settings = s->state.settings.n != 0;
    if (code == EXIT_CLEAN)
        code = session_run(s, q->how, previous, deadline);
    if (code == EXIT_CLEAN)
        (void)!host_setup_do(s, &q->said); /* it has said what cannot be set: the tunnels are no worse for it */
    bool is_replaced = code == EXIT_CLEAN && waited && q->leaves_pending && !still_waits;
    if (is_replaced) {
        state_reserve_end(&s->state);
        fprintf(stderr, "ioscc %s: %s, which waited for 'ioscc confirm', is replaced: nothing waits any more\n",
                s->command->name, waited);
    }
    if (code == EXIT_CLEAN && q->confirm_s)
        confirm_say(&q->said, s, deadline, q->confirm_s);
    return code;
}

/* By its whole path: SIGHUP reads it again, in another working directory. */
static int renamed(struct session *s, const char *name)
{
    char *whole = realpath(name, NULL);
    int r = state_daemon_rename(s->state.dir, whole ? whole : name);
    free(whole);
    return r;
}

/* What the daemon is to be: by which file, and what that takes. */
static int keep_inputs(struct session *s, const struct request *q)
{
    return q->goes_back ? run_inputs_back(&s->state) : run_inputs_save(&s->state, &q->inputs);
}

static int give_says(const struct session *s, const struct request *q, int r, const char *why)
{
    if (r < 0)
        fprintf(stderr, "ioscc %s: %s: %s: %s\n", s->command->name, q->daemon.state_dir, why, strerror(-r));
    return r < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
}

static int write_and_work(const struct session *s, const struct ike_policy *p, struct request *q, work_fn *work)
{
    struct buf b = {0};
    bool is_whole = ike_policy_write(&b, p);
    if (!is_whole)
        fprintf(stderr, "ioscc %s: out of memory\n", s->command->name);
    int code = is_whole ? work(s->command, &b, q) : EXIT_SYSTEM;
    buf_free(&b); /* wipes it */
    return code;
}

static const char not_written[] = "cannot write into the state directory";

/* The file and its inputs are kept first, as what stands is by them already: who ends this in the middle leaves a
 * daemon to which what stands is handed again, not one that goes back at the next SIGHUP. Its places come last: they
 * say that it has it. No other apply may overtake it with what it hands over. */
static int give_to_daemon(struct session *s, const struct ike_policy *p, struct request *q)
{
    int r = keep_inputs(s, q);
    if (r == 0)
        r = renamed(s, q->how.name);
    bool is_alone = r == -ESRCH; /* no daemon: who hands over says so */
    int code = is_alone ? EXIT_CLEAN : give_says(s, q, r, not_written);
    if (code == EXIT_CLEAN)
        code = write_and_work(s, p, q, as_reload);
    if (code != EXIT_CLEAN)
        return code;
    r = places_save(s);
    session_unlock(s);
    return give_says(s, q, r, not_written);
}

/* The daemon lives on; another apply may come. */
static int give_to_process(struct session *s, const struct ike_policy *p, struct request *q, work_fn *work)
{
    const char *why = not_written;
    session_unlock(s);
    int code = write_and_work(s, p, q, work);
    if (code != EXIT_CLEAN)
        return code;
    int r = session_lock(s, 10, &why);
    if (r == 0)
        r = keep_inputs(s, q);
    if (r == 0)
        r = places_save(s);
    session_unlock(s);
    return give_says(s, q, r, why);
}

static int give(struct session *s, const struct ike_policy *p, struct request *q, work_fn *work)
{
    return work == as_reload ? give_to_daemon(s, p, q) : give_to_process(s, p, q, work);
}

/* Makes the policy, applies, and hands the policy to `work` as bytes. */
static int in_session(struct session *s, struct request *q, const char *file, bool anew, work_fn *work)
{
    if (q->by_signal && s->state.confirm_by) {
        fprintf(stderr, "ioscc %s: %s waits for 'ioscc confirm': nothing is read again meanwhile\n", s->command->name,
                s->state.current.name ? s->state.current.name : file);
        return EXIT_FINDINGS;
    }
    const bool is_start = q->policy_file >= 0; /* the daemon says itself that it runs */
    if (is_start)
        s->journal = JOURNAL_NOT;
    else if (q->by_signal)
        s->journal = JOURNAL_OF_DAEMON;
    int code = complete(s, q, anew);
    if (code == EXIT_CLEAN)
        code = plan(s, q, file);
    q->inputs.allow_partial = q->how.allow_partial;
    const struct ike_policy *p = code == EXIT_CLEAN ? run_policy(s, &q->inputs, &q->master, file, &code) : NULL;
    if (p) {
        code = carry_out(s, q);
        if (code == EXIT_CLEAN)
            code = give(s, p, q, work);
        ike_pki_free(p);
    }
    return code;
}

static int with_policy(const struct command *c, struct request *q, const char *file, bool anew, work_fn *work)
{
    struct session s;
    int code = session_open(&s, c, q->daemon.state_dir, 10, NAMES_ASKED);
    if (code != EXIT_CLEAN)
        return code;
    code = in_session(&s, q, file, anew, work);
    session_close(&s);
    return code;
}

static int parsed(const struct command *c, int argc, char **argv, struct request *q, const char **file)
{
    *q = (struct request){.daemon = {.state_dir = STATE_DIR_DEFAULT}, .policy_file = -1};
    return parse(c, argc, argv, q, file);
}

static int finished(struct request *q, int code)
{
    write_said(q);
    buf_free(&q->map);
    buf_free(&q->master); /* wipes it */
    return code < 0 ? EXIT_CLEAN : code;
}

struct loading {
    const struct command *command;
    struct request *request;
    const char *file;
};

static int load_for_daemon(void *arg, int policy_file)
{
    struct loading *l = arg;
    harmless_never_wait(); /* a daemon comes up, whoever reads its log */
    l->request->policy_file = policy_file;
    l->request->leaves_pending = true;
    return with_policy(l->command, l->request, l->file, false, as_daemon);
}

/* The file that it runs with, once more: the one it was started with, or that of the last reload. */
static int reload_again(void *arg)
{
    const struct loading *l = arg;
    struct state_daemon d;
    state_daemon_ask(l->request->daemon.state_dir, &d);
    bool is_first = strcmp(d.config, l->file) == 0;
    bool is_whole = d.config[0] == '/' && strlen(d.config) < sizeof d.config - 1;
    if (!is_first && !is_whole) {
        fprintf(stderr, "ioscc %s: what it runs with (%s) cannot be found from here: use 'ioscc reload FILE'\n",
                l->command->name, d.config);
        return EXIT_USAGE;
    }
    const char *file = is_first ? l->file : d.config;
    struct request q = {.daemon = {.state_dir = l->request->daemon.state_dir},
                        .how = {.name = file, .allow_partial = l->request->how.allow_partial},
                        .by_signal = true,
                        .leaves_pending = true,
                        .policy_file = -1};
    int code = with_policy(l->command, &q, file, true, as_reload);
    return finished(&q, code);
}

/* One a network namespace: with another state directory it would take away what the other one has applied. */
static int no_other(const struct command *c, const char *state_dir)
{
    int code = consent_no_other(c, state_dir);
    uint16_t port = code == EXIT_CLEAN ? daemon_port_taken() : 0;
    if (code != EXIT_CLEAN)
        return code;
    if (port)
        fprintf(stderr, "ioscc %s: UDP port %u is in use, another IKE daemon is running: nothing was changed\n",
                c->name, port);
    return port ? EXIT_SYSTEM : EXIT_CLEAN;
}

static bool is_of_another_namespace(long pid)
{
    char path[64];
    struct stat its, ours;
    snprintf(path, sizeof path, "/proc/%ld/ns/net", pid);
    bool is_known = stat(path, &its) == 0 && stat("/proc/self/ns/net", &ours) == 0;
    return is_known && (its.st_dev != ours.st_dev || its.st_ino != ours.st_ino);
}

/* That of one that was killed: who finds none knows that this one has not begun yet. */
static void forget_socket(const char *dir)
{
    char path[512];
    if (snprintf(path, sizeof path, "%s/" DAEMON_CONTROL_SOCKET, dir) < (int)sizeof path)
        (void)!unlink(path);
}

/* One a state directory; the lock goes with this process. */
static int only_daemon(const struct command *c, struct request *q, const char *file)
{
    struct state_daemon d;
    const char *why;
    int r = state_daemon_begin(q->daemon.state_dir, file, !q->no_apply, &why);
    if (r >= 0) {
        q->daemon.lock = r;
        forget_socket(q->daemon.state_dir);
        return no_other(c, q->daemon.state_dir);
    }
    if (r != -EWOULDBLOCK) {
        fprintf(stderr, "ioscc %s: %s: %s: %s%s\n", c->name, q->daemon.state_dir, why, strerror(-r), cli_as_root(r));
        return EXIT_SYSTEM;
    }
    state_daemon_ask(q->daemon.state_dir, &d);
    if (is_of_another_namespace(d.pid)) {
        fprintf(stderr,
                "ioscc %s: a daemon of another network namespace runs with state directory %s (process %ld): name "
                "another --state-dir here\n",
                c->name, q->daemon.state_dir, d.pid);
        return EXIT_FINDINGS;
    }
    fprintf(stderr,
            "ioscc %s: a daemon runs already with %s (process %ld): 'ioscc reload FILE' hands it another "
            "configuration\n",
            c->name, d.config, d.pid);
    return EXIT_FINDINGS;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct request q;
    const char *file;
    int code = parsed(c, argc, argv, &q, &file);
    struct loading l = {c, &q, file};
    struct repair repair = {c, q.daemon.state_dir, reload_again, &l};
    if (!q.no_apply) {
        q.daemon.repair = repair_host;
        q.daemon.repair_arg = &repair;
    }
    if (code == EXIT_CLEAN)
        code = only_daemon(c, &q, file);
    if (code == EXIT_CLEAN)
        code = daemon_run(&q.daemon, file, load_for_daemon, &l);
    else if (q.daemon.lock)
        state_daemon_not_begun(q.daemon.lock);
    return finished(&q, code);
}

/* Before anything is touched: is there who would take it? */
static int there_is_one(const struct command *c, struct request *q)
{
    struct state_daemon d;
    state_daemon_ask(q->daemon.state_dir, &d);
    q->no_apply |= d.is_running && !d.applies; /* as it was started */
    if (d.is_running)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: no daemon runs with state directory %s: nothing is touched%s\n", c->name,
            q->daemon.state_dir, geteuid() ? " (or you are not root)" : "");
    return EXIT_SYSTEM;
}

int reload_previous(struct session *s, bool has_map)
{
    const struct state_config *before = &s->state.previous;
    if (!before->file) {
        fprintf(stderr, "ioscc %s: before it nothing was applied: end the daemon, then 'ioscc remove'\n",
                s->command->name);
        return EXIT_USAGE;
    }
    struct request q = {.daemon = {.state_dir = s->state.dir},
                        .how = *before,
                        .inputs = {.pki_dir = before->pki_dir,
                                   .master_key_file = before->master_key_file,
                                   .interface_map = before->interface_map,
                                   .host_has = before->host_has,
                                   .device = before->device},
                        .allow_less = true,
                        .goes_back = !has_map, /* else the options are those of now */
                        .previous = PREVIOUS_FORGOTTEN,
                        .policy_file = -1};
    q.how.clears_rest = true; /* where only one half was applied then */
    int code = in_session(s, &q, state_path(&s->state, before->file), true, as_reload);
    if (code == EXIT_CLEAN)
        buf_printf(&q.said, "Back to %s.\n", q.how.name);
    return finished(&q, code);
}

static int reload(const struct command *c, int argc, char **argv)
{
    struct request q;
    const char *file;
    int code = parsed(c, argc, argv, &q, &file);
    q.says_plan = true;
    if (code == EXIT_CLEAN)
        code = there_is_one(c, &q);
    if (code == EXIT_CLEAN && q.confirm_s && q.no_apply)
        code = cli_usage_error(c, "--confirm: the daemon was started with --no-apply, there is nothing to go back to");
    if (code == EXIT_CLEAN)
        code = with_policy(c, &q, file, true, as_reload);
    return finished(&q, code);
}

const struct command cmd_reload = {
    "reload",
    "[OPTION…] FILE",
    "Applies a configuration and hands it to the running daemon: tunnels that are the same in it stay up.",
    reload_options,
    reload,
};

const struct command cmd_run = {
    "run",
    "[OPTION…] FILE",
    "Applies a configuration and keeps its tunnels up: the IKE daemon. Ends on SIGTERM.",
    run_options,
    run,
};

/* ---- the daemon's other end ---- */

enum { CTL_STATE };
static const struct cli_option control_options[] = {
    [CTL_STATE] = {"state-dir", 0, "DIR", "where the daemon keeps its control socket (/run/ioscc)"},
    {NULL, 0, NULL, NULL},
};

static int run_initiate(const struct command *c, int argc, char **argv)
{
    const char *dir = STATE_DIR_DEFAULT, *value, *words[4] = {0};
    int i = 1, k, n = 0;
    while (i < argc) {
        while ((k = cli_next(c, argc, argv, &i, &value)) >= 0)
            dir = value;
        if (k != CLI_END)
            return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
        if (i < argc && n == 4)
            return cli_usage_error(c, "too many words");
        if (i < argc)
            words[n++] = argv[i++];
    }
    json_t *q = json_pack("{s:s}", "do", "initiate");
    struct ip_addr a;
    if (n == 1 && addr_parse(str_lit(words[0]), &a)) {
        json_object_set_new(q, "peer", json_string(words[0]));
    } else if (n == 2) {
        json_object_set_new(q, "map", json_string(words[0]));
        json_object_set_new(q, "entry", json_integer(atoi(words[1])));
    } else if (n != 0) {
        json_decref(q);
        return cli_usage_error(c, "initiate what? nothing (all), PEER, or MAP ENTRY");
    }
    json_t *r = ask_daemon(c, dir, q);
    if (!r)
        return EXIT_SYSTEM;
    printf("%lld SAs asked for.\n", (long long)json_integer_value(json_object_get(r, "asked")));
    bool none = json_integer_value(json_object_get(r, "asked")) == 0;
    json_decref(r);
    return none ? EXIT_FINDINGS : EXIT_CLEAN;
}

const struct command cmd_initiate = {
    "initiate",
    "[OPTION…] [PEER | MAP ENTRY]",
    "Asks the running daemon for the SAs of all lines, of a peer's, or of a crypto map entry's.",
    control_options,
    run_initiate,
};
