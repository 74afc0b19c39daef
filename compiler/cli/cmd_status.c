/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc status, remove, confirm, rollback: what is applied. */
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "backends/apply/idle_host.h"
#include "backends/ike/daemon/daemon.h"
#include "compiler/cli/ask.h"
#include "compiler/cli/confirm.h"
#include "compiler/cli/consent.h"
#include "compiler/cli/places.h"
#include "compiler/cli/reload.h"
#include "compiler/cli/session.h"

enum { OPT_STATE, OPT_WAIT, OPT_LESS, OPT_AT, OPT_AT_BOOT, OPT_MAP, OPT_MAP_FILE };
#define LESS_WORDS "also where what stands is not of this state directory, or all of it would go"
static const struct cli_option options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    {NULL, 0, NULL, NULL},
};
enum { STATUS_KERNEL = OPT_WAIT + 1 };
static const struct cli_option status_options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    [STATUS_KERNEL] = {"kernel", 0, NULL, "only whether policies and rules stand as they were applied"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option remove_options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    [OPT_LESS] = {"allow-less", 0, NULL, LESS_WORDS},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option rollback_options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},
    [OPT_WAIT] = {"wait", 0, "SECONDS", "how long to wait for another ioscc (10)"},
    [OPT_LESS] = {"allow-less", 0, NULL, LESS_WORDS},
    [OPT_AT] = {"at", 0, "TIME", "wait until then (seconds since 1970), and only if that was not confirmed"},
    [OPT_AT_BOOT] = {"at-boot", 0, "SECONDS", "with --at: the same moment by the clock since boot, which nobody sets"},
    [OPT_MAP] = {"interface-map", 'm', "MAP",
                 "Gi0/0=eth0,…: where links have other names now (else as it was applied)"},
    [OPT_MAP_FILE] = {"interface-map-file", 'M', "FILE", "the same from a file, one pair a line, # comments"},
    {NULL, 0, NULL, NULL},
};

struct request {
    const char *dir;
    int wait_s;
    bool allow_less, kernel_only;
    time_t at, at_boot; /* the same moment by two clocks; 0: at once, resp. not known */
    struct buf map;     /* interface maps, a pair a line; empty: as it was applied */
};

/* -1: help was printed. */
static int parse(const struct command *c, int argc, char **argv, struct request *q)
{
    const char *value;
    int i = 1, k;
    *q = (struct request){.dir = STATE_DIR_DEFAULT, .wait_s = 10};
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0) {
        if (k == STATUS_KERNEL && c->options == status_options) {
            q->kernel_only = true;
            continue;
        }
        if (k == OPT_STATE)
            q->dir = value;
        if (k == OPT_LESS)
            q->allow_less = true;
        int code = k == OPT_MAP ? cli_map_add(c, str_lit(value), &q->map) : EXIT_CLEAN;
        if (k == OPT_MAP_FILE)
            code = cli_map_file(c, value, &q->map);
        if (code != EXIT_CLEAN)
            return code;
        if (k == OPT_STATE || k == OPT_LESS || k == OPT_MAP || k == OPT_MAP_FILE)
            continue;
        char *end;
        errno = 0;
        long long v = strtoll(value, &end, 10);
        if (errno || *end || end == value || v < 0 || (k == OPT_WAIT && v > 3600))
            return cli_usage_error(c, "--%s takes a number of seconds, not '%s'", c->options[k].name, value);
        if (k == OPT_WAIT)
            q->wait_s = (int)v;
        else if (k == OPT_AT_BOOT)
            q->at_boot = (time_t)v;
        else
            q->at = (time_t)v;
    }
    if (k != CLI_END)
        return k == CLI_HELP ? -1 : EXIT_USAGE;
    return i == argc ? EXIT_CLEAN : cli_usage_error(c, "unexpected '%s'", argv[i]);
}

static const char *current_path(struct session *s)
{
    return s->state.current.file ? state_path(&s->state, s->state.current.file) : NULL;
}

static void when(const char *before, time_t t)
{
    char text[64];
    struct tm tm;
    if (localtime_r(&t, &tm) && strftime(text, sizeof text, "%F %T", &tm))
        printf("%s%s", before, text);
}

/* It reads its configuration, or asks the DNS for the peers that are known by name. One that begins takes away what one
 * before it has left (only_daemon()). */
static bool is_starting(struct state *st, const struct state_daemon *d)
{
    return d->is_running && access(state_path(st, DAEMON_CONTROL_SOCKET), F_OK) != 0;
}

#define STARTS_S 60     /* names and certificates have been asked for by then */
#define HANDED_OVER_S 5 /* a reload that goes on has done so by then */

/* What it runs is not what stands, as a reload has been ended in between; the watch hands it over. */
static bool has_another(struct session *s, const struct state_daemon *d)
{
    const time_t since = time(NULL) - s->state.applied;
    bool is_at_it = since >= 0 && since < HANDED_OVER_S && !s->state.applying;
    return d->is_running && d->applies && s->state.current.file && !is_at_it && places_of_another(s);
}

/* Entries that it does not run. */
static void say_not_run(struct session *s, const struct state_daemon *d)
{
    struct buf b = {0};
    json_t *given = d->is_running ? places_read(s) : NULL;
    places_say_blocked(&b, given);
    (void)!cli_write(stdout, &b);
    buf_free(&b);
    json_decref(given);
}

/* Is what negotiates there? False: it was, and is not. */
static bool print_daemon(struct session *s)
{
    struct state_daemon d;
    state_daemon_ask(s->state.dir, &d);
    if (is_starting(&s->state, &d) && ask_age_s(d.pid) > STARTS_S) {
        printf(
            "The control socket of the IKE daemon (process %ld) has been removed: it negotiates, and cannot be asked "
            "or handed anything. Start it again.\n",
            d.pid);
        return false;
    }
    if (is_starting(&s->state, &d)) {
        printf("The IKE daemon starts with %s, process %ld.\n", d.config, d.pid);
        return false;
    }
    if (d.is_running)
        printf("The IKE daemon runs with %s, process %ld.\n", d.config, d.pid);
    else if (d.was_there && s->state.current.file)
        printf("The IKE daemon has ended: nothing is negotiated, what needs an SA waits ('ioscc run' starts it).\n");
    bool is_silent = d.is_running && !ask_is_answered(s->state.dir);
    if (is_silent)
        printf("The IKE daemon does not answer, it may be stopped: nothing is negotiated.\n");
    const bool is_behind = has_another(s, &d);
    if (is_behind)
        printf("A reload has not ended: the daemon negotiates by what was applied before. What stands is handed to it "
               "within two minutes; if not, 'ioscc reload FILE' does it.\n");
    say_not_run(s, &d);
    const long stopped = d.is_running ? ask_stopped(d.pid) : 0;
    if (stopped)
        printf("Process %ld of the daemon is stopped, what it does is not done: 'kill -CONT %ld' lets it go on.\n",
               stopped, stopped);
    bool is_lost = d.is_running && d.applies && !s->state.current.file;
    if (is_lost && s->state.is_taken_over)
        printf("Another state directory has taken over what is applied: this daemon watches nothing.\n");
    else if (is_lost)
        printf("The state directory has lost what it applies: 'ioscc reload %s' writes it again.\n", d.config);
    return !is_lost && !is_silent && !is_behind && !stopped && (d.is_running || !d.was_there || !s->state.current.file);
}

/* Everybody edits the file in place; what stands, or has been gone back to, is what it was at that time. */
static void say_file_differs(struct session *s)
{
    const char *name = s->state.current.name;
    struct source then, now;
    if (!s->state.current.file || !name || *name != '/' || source_read(&then, current_path(s)) < 0)
        return;
    if (source_read(&now, name) == 0) {
        bool is_same = now.len == then.len && memcmp(now.text, then.text, now.len) == 0;
        if (!is_same)
            printf("%s has been changed since: what stands is what it was; 'ioscc plan' shows what it would change.\n",
                   name);
        source_free(&now);
    }
    source_free(&then);
}

/* Ours stands, and this state directory knows nothing of it: to list it as what is in the way would be to ask for its
 * removal. */
static int print_stranger(struct session *s)
{
    printf(
        "Nothing is applied with state directory %s, and what ioscc has made stands on this host.\n"
        "Name the state directory that it is of (--state-dir); if that is lost, 'ioscc apply FILE' writes it again.\n",
        s->state.dir);
    (void)!print_daemon(s);
    return EXIT_FINDINGS;
}

/* Nothing is forwarded, whatever is applied. True: that is so, or cannot be told. */
static bool say_early(void)
{
    bool is_early = false;
    if (idle_host_is_early(&is_early) < 0) {
        printf("Whether the table of early boot (inet ioscc_early) stands cannot be read.\n");
        return true;
    }
    if (is_early)
        printf(
            "The table of early boot (inet ioscc_early) stands: nothing is forwarded. The units take it away when they "
            "have applied a configuration ('systemctl restart ioscc-ike'); by hand: nft delete table inet "
            "ioscc_early\n");
    return is_early;
}

static void say_unfinished(const struct session *s)
{
    const struct state *st = &s->state;
    if (!st->applying)
        return;
    if (s->is_busy)
        printf("Another ioscc is changing what is applied.\n");
    else if (st->previous.file)
        printf("The last change was interrupted: the same again, or 'ioscc rollback', ends it.\n");
    else
        printf("The last change was interrupted: the same again ends it.\n");
}

static int print_status(struct session *s)
{
    struct state *st = &s->state;
    struct buf b = {0};
    if (!st->current.file && (s->apply.xfrm_diff.removed || s->apply.nft_diff.table_removed))
        return print_stranger(s);
    if (st->current.file) {
        printf("%s", st->current.name ? st->current.name : "a configuration");
        when(", applied ", st->applied);
        printf("%s\n", st->current.only_xfrm ? ", IPsec only" : st->current.only_nftables ? ", nftables only" : "");
    } else {
        printf("Nothing is applied.\n");
    }
    bool is_early = say_early();
    say_unfinished(s);
    if (st->went_back) {
        when("Went back by itself ", st->went_back);
        printf(", as %s was not confirmed: 'ioscc reload' (without a daemon 'ioscc apply') of that file applies it "
               "again.\n",
               st->went_back_from ? st->went_back_from : "the change");
    }
    if (st->confirm_by) {
        when(confirm_is_late(st) ? "Not confirmed in time, should have gone back at "
                                 : "Waits for 'ioscc confirm' until ",
             st->confirm_by);
        printf("\n");
    }
    bool late = confirm_is_late(st);
    if (late)
        confirm_say_why(st);
    bool complete = print_daemon(s);
    struct buf needs = {0};
    if (s->state.current.file)
        session_say_needs_daemon(s, &needs);
    (void)!cli_write(stdout, &needs);
    buf_free(&needs);
    say_file_differs(s);
    bool drift = apply_needed(&s->apply) || apply_is_disturbed(&s->apply);
    if (*s->apply.lacks)
        printf("Not in order on this host: %s.\n", s->apply.lacks);
    if (*s->apply.lacks && apply_needed(&s->apply))
        printf("Until that is put right, what is protected may leave by another link in the clear.\n");
    if (apply_needed(&s->apply) && st->current.file)
        printf("Not in sync. To put it right:\n");
    else if (drift)
        printf("In the way of what is applied:\n");
    if (drift || st->current.file)
        apply_print(&b, &s->apply);
    bool written = cli_write(stdout, &b);
    buf_free(&b);
    if (!written)
        return EXIT_SYSTEM;
    bool is_in_force = !session_not_in_force(s);
    bool is_whole = !is_early && is_in_force && !drift && !st->applying && !late && complete && !*s->apply.lacks;
    return is_whole ? EXIT_CLEAN : EXIT_FINDINGS;
}

/* For who starts and ends it: is the host protected as it was, whatever has become of the daemon? */
static int print_kernel(const struct session *s)
{
    bool stands = s->state.current.file && !apply_needed(&s->apply);
    printf(stands ? "The kernel has what is applied.\n"
                  : "The kernel has not all of what is applied, or nothing is: 'ioscc status' says what.\n");
    return stands ? EXIT_CLEAN : EXIT_FINDINGS;
}

static int run_status(const struct command *c, int argc, char **argv)
{
    struct request q;
    struct session s;
    int code = parse(c, argc, argv, &q);
    const struct session_look how = {.is_quiet = q.kernel_only, .needs_file = true};
    if (code == EXIT_CLEAN)
        code = session_look(&s, c, q.dir, &how);
    if (code != EXIT_CLEAN)
        return code < 0 ? EXIT_CLEAN : code;
    if (!s.prepared) {
        fprintf(stderr,
                "ioscc status: %s is gone, what stands cannot be compared: 'ioscc apply FILE' (with a daemon 'ioscc "
                "reload FILE') writes it again\n",
                current_path(&s));
        code = EXIT_SYSTEM;
    } else {
        code = q.kernel_only ? print_kernel(&s) : print_status(&s);
    }
    session_close(&s);
    return code;
}

static int locked(const struct command *c, int argc, char **argv, struct request *q, struct session *s)
{
    int code = parse(c, argc, argv, q);
    return code == EXIT_CLEAN ? session_open(s, c, q->dir, q->wait_s, NAMES_KEPT) : code;
}

/* What stands was made with another state directory, or this one has lost its state. */
static int nothing_of_ours(const struct session *s, const struct request *q)
{
    bool stands = s->apply.xfrm_diff.removed || s->apply.nft_diff.table_removed;
    if (s->state.current.file || !stands || q->allow_less)
        return EXIT_CLEAN;
    fprintf(stderr,
            "ioscc %s: nothing is applied with state directory %s, and %u policies stand here: nothing is touched\n"
            "Name the state directory that they are of, or take them away all the same: --allow-less\n",
            s->command->name, s->state.dir, s->apply.xfrm_diff.removed);
    return EXIT_FINDINGS;
}

static int run_remove(const struct command *c, int argc, char **argv)
{
    struct request q;
    struct session s;
    int code = locked(c, argc, argv, &q, &s);
    if (code != EXIT_CLEAN)
        return code < 0 ? EXIT_CLEAN : code;
    const struct state_config nothing = {.interface_map = ""};
    code = session_no_daemon(&s, "End it first.");
    if (code == EXIT_CLEAN)
        code = session_plan(&s, NULL, &nothing);
    if (code == EXIT_CLEAN)
        code = consent_alone(&s);
    if (code == EXIT_CLEAN)
        code = nothing_of_ours(&s, &q);
    if (code == EXIT_CLEAN) {
        struct buf b = {0};
        apply_print(&b, &s.apply);
        (void)!cli_write(stdout, &b); /* what is removed goes, whoever reads along */
        buf_free(&b);
        code = session_run(&s, nothing, PREVIOUS_FORGOTTEN, 0);
    }
    if (code == EXIT_CLEAN) {
        state_daemon_forget(s.state.dir);
        places_forget(&s);
        memset(s.state.thresholds, 0, sizeof s.state.thresholds);
        code = state_save(&s.state) < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
        printf("Removed.\n");
    }
    session_close(&s);
    return code;
}

static int run_confirm(const struct command *c, int argc, char **argv)
{
    struct request q;
    struct session s;
    int code = locked(c, argc, argv, &q, &s);
    if (code != EXIT_CLEAN)
        return code < 0 ? EXIT_CLEAN : code;
    if (!s.state.confirm_by) {
        printf("Nothing waits to be confirmed.\n");
        code = EXIT_FINDINGS;
    } else {
        const time_t deadline = s.state.confirm_by;
        bool is_late = confirm_is_late(&s.state);
        confirm_note(&s.state, 0);
        state_reserve_end(&s.state); /* a full disk has room for this with it */
        int r = state_save(&s.state);
        code = r < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
        if (r < 0) {
            fprintf(stderr, "ioscc confirm: cannot write the state in %s: %s\n", s.state.dir, strerror(-r));
            when("Not confirmed: goes back at ", deadline);
            printf(" all the same.\n");
        } else if (is_late) {
            when("Confirmed, after its time: what waited to go back at ", deadline);
            printf(" had not. What stands, stays.\n");
        } else {
            printf("Confirmed.\n");
        }
    }
    session_close(&s);
    return code;
}

/* What was applied before, as it was asked for then; afterwards the kernel is looked at again. */
static int go_back(struct session *s)
{
    struct state_config how = s->state.previous;
    const char *path = how.file ? state_path(&s->state, how.file) : NULL;
    how.clears_rest = true; /* where only one half was applied then */
    int code = session_plan(s, path, &how);
    if (code == EXIT_CLEAN)
        code = session_run(s, how, PREVIOUS_FORGOTTEN, 0);
    if (code != EXIT_CLEAN)
        return code;
    struct session again;
    code = session_open(&again, s->command, s->state.dir, -1, NAMES_KEPT);
    if (code != EXIT_CLEAN)
        return code;
    again.has_told = true;
    code = session_plan(&again, current_path(&again), &again.state.current);
    if (code == EXIT_CLEAN && apply_needed(&again.apply)) {
        fprintf(stderr, "ioscc rollback: went back, but the kernel differs: see 'ioscc status'\n");
        code = EXIT_FINDINGS;
    }
    session_close(&again);
    if (code == EXIT_CLEAN)
        printf("Back to %s.\n", how.file ? how.name : "nothing applied");
    return code;
}

/* With a daemon that applies, by that one. */
static int go_back_with_daemon(struct session *s, bool has_map)
{
    struct state_daemon d;
    state_daemon_ask(s->state.dir, &d);
    return d.is_running && d.applies ? reload_previous(s, has_map) : go_back(s);
}

/* Who goes back by itself waits for a command that hangs: the host may be out of reach. */
#define GOES_BACK_WAIT_S 86400

/* For `ioscc status`, and for who reads the journal: the file that the unit names is still the other one. */
static void note_that_it_went_back(const struct command *c, const struct request *q, const char *from)
{
    struct session s;
    syslog(LOG_DAEMON | LOG_WARNING, "went back by itself, as %s was not confirmed", from ? from : "a change");
    if (session_open(&s, c, q->dir, q->wait_s, NAMES_KEPT) != EXIT_CLEAN)
        return;
    s.state.went_back = time(NULL);
    s.state.went_back_from = from;
    (void)!state_save(&s.state);
    session_close(&s);
}

/* The links that are named now; those of then hold for the other interfaces (if_map_parse(): `?`). */
static void put_map_before(struct session *s, const struct buf *given)
{
    struct buf both = {0};
    buf_add(&both, given->p, given->len);
    for (const char *line = s->state.previous.interface_map; *line;) {
        size_t n = strcspn(line, "\n");
        if (n)
            buf_printf(&both, "?%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    if (!both.failed)
        s->state.previous.interface_map = arena_strndup(s->state.arena, both.p, both.len);
    buf_free(&both);
}

struct attempt {
    char *from; /* what it went back from, by name; the caller's */
    bool went_back;
};

static int go_back_once(const struct command *c, const struct request *q, struct attempt *a)
{
    struct session s;
    int code = session_open(&s, c, q->dir, q->at ? GOES_BACK_WAIT_S : q->wait_s, NAMES_ASKED);
    if (code != EXIT_CLEAN)
        return code;
    if (q->at && s.state.confirm_by != q->at) {
        code = EXIT_CLEAN; /* confirmed, or another apply came */
    } else if (!s.state.has_previous) {
        fprintf(stderr, "ioscc rollback: there is nothing to go back to\n");
        code = EXIT_USAGE;
    } else if (!s.state.previous.file && !q->at && !q->allow_less) {
        fprintf(stderr, "ioscc rollback: before it nothing was applied, all protection would go: nothing is touched\n"
                        "If that is what you want: 'ioscc remove', or --allow-less\n");
        code = EXIT_FINDINGS;
    } else {
        if (!a->from) /* half of a try that failed may stand: the first one knows the name */
            a->from = strdup(s.state.current.name ? s.state.current.name : "the change");
        state_reserve_end(&s.state);
        bool has_map = q->map.len != 0;
        if (has_map)
            put_map_before(&s, &q->map);
        code = go_back_with_daemon(&s, has_map);
        a->went_back = q->at && s.state.confirm_by != q->at; /* perhaps without the daemon: then that is what it says */
    }
    session_close(&s);
    return code;
}

#define AGAIN_S 5       /* a link may be there again by then */
#define AGAIN_MAX 17280 /* a day */

static int run_rollback(const struct command *c, int argc, char **argv)
{
    struct request q;
    struct attempt a = {0};
    int code = parse(c, argc, argv, &q);
    if (code != EXIT_CLEAN) {
        buf_free(&q.map);
        return code < 0 ? EXIT_CLEAN : code;
    }
    if (q.at)
        confirm_wait(q.at, q.at_boot);
    code = go_back_once(c, &q, &a);
    for (unsigned i = 0; i < AGAIN_MAX && q.at && code != EXIT_CLEAN && !a.went_back; i++) {
        sleep(AGAIN_S);
        confirm_log_anew();
        code = go_back_once(c, &q, &a);
    }
    if (a.went_back)
        note_that_it_went_back(c, &q, a.from);
    free(a.from);
    buf_free(&q.map);
    return code;
}

const struct command cmd_status = {
    "status",
    "[OPTION…]",
    "Says what is applied and whether the kernel still agrees. Exit status 0: in sync, 1: not.",
    status_options,
    run_status,
};
const struct command cmd_remove = {
    "remove",       "[OPTION…]", "Takes away everything that apply made on this host, and nothing else.",
    remove_options, run_remove,
};
const struct command cmd_confirm = {
    "confirm", "[OPTION…]", "Keeps what 'apply --confirm' or 'reload --confirm' made.", options, run_confirm,
};
const struct command cmd_rollback = {
    "rollback", "[OPTION…]", "Goes back to what was applied before.", rollback_options, run_rollback,
};
