/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daemon's processes. The main one keeps CAP_NET_ADMIN; it forks the others before anything is read, so that none
 * of them ever had what is not meant for it: one reads the files, applies, makes the policy, and ends; one has the
 * keys; one fetches CRLs; one reads the network. The main one deals policies out: the whole goes to the keys' process
 * unread, what comes back without secrets is what the network's process and itself go by. When one of them is gone the
 * others end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/apply/state.h"
#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/fetch.h"
#include "backends/ike/daemon/keys.h"
#include "backends/ike/daemon/pass.h"
#include "backends/ike/daemon/sandbox.h"
#include "backends/ike/handover.h"

#define EXIT_BROKEN 3
#define KEYS_MS 20000 /* for a policy of any size; then it hangs */
#define STATE_MS 5000 /* so often: is the state directory there? */
#define END_MS 15000  /* from the word to end on; the network's process needs two seconds for the peers */

/* Who speaks to whom: [0] is the first one's end. */
enum pair { MAIN_KEYS, MAIN_NETWORK, MAIN_FETCH, MAIN_WATCH, NETWORK_KEYS, NETWORK_PRIVILEGED, NETWORK_FETCH, PAIRS };

/* The main process' children, each for as long as the daemon runs. */
enum part { PART_NETWORK, PART_KEYS, PART_FETCH, PART_WATCH, PARTS };
static const char *const part_names[PARTS] = {
    [PART_NETWORK] = "the process that reads the network",
    [PART_KEYS] = "the process with the keys",
    [PART_FETCH] = "the process that fetches",
    [PART_WATCH] = "the process that watches",
};

struct parts {
    int pair[PAIRS][2];
    pid_t child[PARTS]; /* 0: it was never started */
    const struct daemon_options *options;
    const char *config;
    struct privileged_side *side; /* NULL: nothing is given to the kernel */
    struct arena arena;           /* of `policy`; without secrets */
    const struct ike_policy *policy;
    int signals, listener, client; /* -1: none */
    bool ready, ending, at_once;
    bool pending; /* the network's process has a reload to answer, and `client` waits for that */
    int exit_code;
    struct daemon_notify notify;
    char control[108], reload[108];
};

static bool open_pairs(struct parts *p)
{
    for (unsigned i = 0; i < PAIRS; i++)
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->pair[i]) < 0)
            return false;
    return true;
}

static void close_end(struct parts *p, enum pair which, unsigned end)
{
    close(p->pair[which][end]);
    p->pair[which][end] = -1;
}

/* Everything but the ends that are named, so that a process that ends is noticed. */
static void keep_ends(struct parts *p, const int *keep, unsigned n)
{
    if (p->options->lock)
        close(p->options->lock);
    for (unsigned i = 0; i < 2 * PAIRS; i++) {
        int *fd = &p->pair[i / 2][i % 2];
        bool kept = false;
        for (unsigned k = 0; k < n; k++)
            kept |= keep[k] == *fd;
        if (!kept && *fd >= 0) {
            close(*fd);
            *fd = -1;
        }
    }
}

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

#define KEPT_MAX (2 * PAIRS + 2)

/* Whoever starts this may have had anything open: it is for none of the processes. Standard streams stay; -1 in `keep`
 * is none. */
static void close_all_but(const int *keep, unsigned n)
{
    int sorted[KEPT_MAX];
    unsigned from = STDERR_FILENO + 1;
    memcpy(sorted, keep, n * sizeof *keep);
    qsort(sorted, n, sizeof *sorted, by_number);
    for (unsigned i = 0; i < n; i++) {
        if (sorted[i] < (int)from)
            continue;
        if (sorted[i] > (int)from)
            close_range(from, (unsigned)sorted[i] - 1, 0);
        from = (unsigned)sorted[i] + 1;
    }
    close_range(from, ~0u, 0);
}

/* Of a process of its own that has nothing but these. */
static void keep_only(struct parts *p, const int *keep, unsigned n)
{
    keep_ends(p, keep, n);
    close_all_but(keep, n);
}

/* The configuration has been read: it may have been named by a descriptor. */
static void close_inherited(const struct parts *p, int whole)
{
    int keep[KEPT_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        keep[n++] = p->pair[i / 2][i % 2];
    keep[n++] = p->options->lock;
    keep[n++] = whole;
    close_all_but(keep, n);
}

/* A terminal is not for the others: what has it for its input could type there. */
static void no_input(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
        _exit(EXIT_BROKEN);
    close(fd);
}

static bool start_keys(struct parts *p)
{
    const int keep[] = {p->pair[MAIN_KEYS][1], p->pair[NETWORK_KEYS][1]};
    pid_t child = fork();
    p->child[PART_KEYS] = child;
    if (child != 0)
        return child > 0;
    no_input();
    keep_only(p, keep, 2);
    keys_run(keep[0], keep[1]);
    exit(0);
}

static bool start_fetch(struct parts *p)
{
    const int keep[] = {p->pair[MAIN_FETCH][1], p->pair[NETWORK_FETCH][1]};
    pid_t child = fork();
    p->child[PART_FETCH] = child;
    if (child != 0)
        return child > 0;
    no_input();
    keep_only(p, keep, 2);
    fetch_run(keep[0], keep[1]);
    exit(0);
}

static bool start_network(struct parts *p)
{
    const int keep[] = {p->pair[MAIN_NETWORK][1], p->pair[NETWORK_KEYS][0], p->pair[NETWORK_PRIVILEGED][0],
                        p->pair[NETWORK_FETCH][0]};
    pid_t child = fork();
    p->child[PART_NETWORK] = child;
    if (child != 0)
        return child > 0;
    no_input();
    keep_only(p, keep, 4);
    const struct network_ends ends = {.main = keep[0], .keys = keep[1], .privileged = keep[2], .fetch = keep[3]};
    exit(network_run(&ends, p->options, p->config));
}

/* Once something is applied. */
static bool start_watch(struct parts *p)
{
    const int keep[] = {p->pair[MAIN_WATCH][1]};
    if (!p->options->repair)
        return true;
    pid_t child = fork();
    p->child[PART_WATCH] = child;
    if (child > 0)
        close_end(p, MAIN_WATCH, 1);
    if (child != 0)
        return child > 0;
    no_input();
    keep_only(p, keep, 1);
    exit(watch_run(keep[0], p->options->repair, p->options->repair_arg));
}

/* The files are read by a process that ends when that is done. Returns its exit code; *file is the whole policy. */
static int load_policy(struct parts *p, daemon_load_fn *load, void *arg, int *file)
{
    int status = 0;
    *file = memfd_create("policy", MFD_CLOEXEC);
    pid_t child = *file < 0 ? -1 : fork();
    if (child < 0)
        return EXIT_BROKEN;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        keep_ends(p, NULL, 0);
        exit(load(arg, *file));
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_BROKEN;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BROKEN;
}

/* ---- policies ---- */

/* The whole goes to the keys' process; *without is the same without secrets. NULL, or why not. */
static const char *give_keys(struct parts *p, int whole, int *without)
{
    char word[16];
    int n = 0;
    struct pollfd v[2] = {{p->pair[MAIN_KEYS][0], POLLIN, 0}, {p->signals, POLLIN, 0}};
    *without = -1;
    if (!pass_send(p->pair[MAIN_KEYS][0], "policy", whole))
        return "the keys' process is gone";
    do
        n = poll(v, 2, KEYS_MS);
    while (n < 0 && errno == EINTR);
    if (!v[0].revents)
        return v[1].revents ? "it was told to end" : "the keys' process does not answer";
    do
        n = pass_take(p->pair[MAIN_KEYS][0], word, sizeof word, without);
    while (n == -EINTR);
    if (n <= 0)
        return "the keys' process is gone";
    if (*without < 0)
        return "the configuration was not handed over whole: is the daemon of the same version as the command?";
    return NULL;
}

/* From now on the main process allows what that policy calls for. */
static const char *take_policy(struct parts *p, int without)
{
    struct buf b = {0};
    struct arena arena;
    const struct ike_policy *policy = NULL;
    if (!arena_init(&arena, SIZE_MAX))
        return "out of memory";
    if (pass_read(without, POLICY_BYTES_MAX, &b))
        policy = ike_policy_read(&arena, (const uint8_t *)b.p, b.len);
    buf_free(&b);
    bool taken = policy && (!p->side || privileged_allow(p->side, policy));
    if (!taken) {
        if (policy)
            ike_pki_free(policy);
        arena_free(&arena);
        return "out of memory";
    }
    if (p->policy) {
        ike_pki_free(p->policy);
        arena_free(&p->arena);
    }
    p->arena = arena;
    p->policy = policy;
    return NULL;
}

/* Nothing is fetched but for certificates of these CAs. */
static const char *give_anchors(struct parts *p)
{
    struct buf b = {0};
    uint8_t digests[IKE_CAS_MAX * IKE_ANCHOR_LEN];
    for (unsigned i = 0; i < p->policy->n_credentials; i++) {
        size_t n = ike_store_anchors(p->policy->credentials[i].store, digests, IKE_CAS_MAX);
        buf_add(&b, (const char *)digests, n * IKE_ANCHOR_LEN);
    }
    int file = b.failed ? -1 : pass_file(&b);
    buf_free(&b);
    if (file < 0)
        return "out of memory";
    bool sent = pass_send(p->pair[MAIN_FETCH][0], "anchors", file);
    close(file);
    return sent ? NULL : "the process that fetches is gone";
}

/* `word` with the policy to the network's process. NULL, or why not. */
static const char *deal_policy(struct parts *p, int whole, const char *word)
{
    int without;
    const char *bad = give_keys(p, whole, &without);
    if (!bad)
        bad = take_policy(p, without);
    if (!bad)
        bad = give_anchors(p);
    if (!bad && !p->ready && p->side)
        kernel_sweep(p->policy); /* before the first SA */
    if (!bad && !pass_send(p->pair[MAIN_NETWORK][0], word, without))
        bad = "the network's process is gone";
    if (without >= 0)
        close(without);
    return bad;
}

/* ---- reload: root's socket ---- */

static int open_listener(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char early[sizeof a.sun_path];
    int n = snprintf(early, sizeof early, "%s.new", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || n < 0 || (size_t)n >= sizeof early)
        return -1;
    memcpy(a.sun_path, early, (size_t)n + 1);
    unlink(early);
    mode_t old = umask(0177);
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    umask(old);
    ok = ok && listen(fd, 4) == 0 && rename(early, path) == 0; /* who sees it can connect */
    if (ok)
        return fd;
    close(fd);
    return -1;
}

static void answer_client(struct parts *p, const char *text)
{
    if (p->client < 0)
        return;
    (void)!pass_send(p->client, text, -1);
    close(p->client);
    p->client = -1;
}

static void refuse_client(struct parts *p, const char *why)
{
    char text[256];
    snprintf(text, sizeof text, "{\"error\":\"%s\"}", why);
    answer_client(p, text);
}

/* The file is not read here: it goes to the keys' process as it came. */
static void reload(struct parts *p, int fd)
{
    char word[16];
    int file, n = pass_take(fd, word, sizeof word, &file);
    if (n == -EAGAIN || n == -EINTR)
        return;
    const char *bad = NULL;
    if (n <= 0 || file < 0)
        bad = "a policy is wanted";
    else if (p->ending || !p->ready)
        bad = "the daemon is not running";
    else
        bad = deal_policy(p, file, "reload");
    if (file >= 0)
        close(file);
    p->pending = !bad;
    if (bad)
        refuse_client(p, bad);
}

static void connected(struct parts *p)
{
    struct ucred who = {.uid = (uid_t)-1};
    socklen_t len = sizeof who;
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        daemon_log(IKE_ERROR, "%s: %s: no reload any more", p->reload, strerror(errno));
        close(p->listener);
        p->listener = -1;
    }
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || (who.uid != 0 && who.uid != getuid())) {
        close(fd);
        return;
    }
    p->client = fd;
}

/* ---- the loop ---- */

static void end_all(struct parts *p, int code)
{
    if (p->ending)
        return;
    p->ending = true;
    p->exit_code = code;
    daemon_notify(&p->notify, "STOPPING=1");
    if (!pass_send(p->pair[MAIN_NETWORK][0], "end", -1))
        p->exit_code = EXIT_BROKEN;
}

/* True: the network's process goes on. */
static bool heard_network(struct parts *p)
{
    char text[4096];
    int file, n = pass_take(p->pair[MAIN_NETWORK][0], text, sizeof text, &file);
    if (file >= 0)
        close(file);
    if (n == -EINTR)
        return true;
    if (n <= 0)
        return false;
    if (strcmp(text, "ready") == 0) {
        p->ready = true;
        daemon_notify(&p->notify, "READY=1");
        return true;
    }
    if (strcmp(text, WATCH_NAMES) == 0) { /* it asks often, and need not be heard each time */
        (void)!send(p->pair[MAIN_WATCH][0], WATCH_NAMES, sizeof WATCH_NAMES - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        return true;
    }
    const char *what = strchr(text, ' ');
    if (p->pending && what)
        answer_client(p, what + 1);
    p->pending = false;
    if (strncmp(text, "failed ", 7) == 0) /* what is allowed here is no longer what it goes by there */
        end_all(p, EXIT_BROKEN);
    return true;
}

static void heard_signal(struct parts *p)
{
    struct signalfd_siginfo s;
    if (read(p->signals, &s, sizeof s) != (ssize_t)sizeof s)
        return;
    if (s.ssi_signo == SIGHUP) {
        bool is_heard = p->options->repair && pass_send(p->pair[MAIN_WATCH][0], WATCH_RELOAD, -1);
        if (!is_heard)
            daemon_log(IKE_WARNING, "SIGHUP: what is applied is not this daemon's: use 'ioscc reload FILE'");
        return;
    }
    p->at_once = p->ending; /* said twice */
    end_all(p, 0);
}

/* Without its state directory nothing can be repaired, nobody finds this daemon, and whoever looks for one begins
 * beside it: better that it is started again. What is applied stays. */
static void look_for_state(struct parts *p)
{
    struct stat st;
    bool is_gone = p->options->lock && fstat(p->options->lock, &st) == 0 && st.st_nlink == 0;
    if (!is_gone)
        return;
    daemon_log(IKE_ERROR,
               "the state directory has been removed: the daemon ends, what is applied stays; start it again");
    end_all(p, EXIT_BROKEN);
}

#define CAUSE_MS 200 /* an end is heard of before it can be asked for */

static bool was_killed(pid_t child)
{
    siginfo_t how = {0};
    bool is_over = child > 0 && waitid(P_PID, (id_t)child, &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid;
    return is_over && (how.si_code == CLD_KILLED || how.si_code == CLD_DUMPED);
}

/* Who is heard of first may have ended only as another one did, which was killed. */
static enum part cause_of(const struct parts *p, enum part heard)
{
    for (int ms = 0; ms < CAUSE_MS; ms += 10) {
        for (unsigned i = 0; i < PARTS; i++)
            if (was_killed(p->child[i]))
                return (enum part)i;
        usleep(10000);
    }
    return heard;
}

static void say_gone(struct parts *p, enum part heard)
{
    daemon_log(IKE_ERROR, "%s is gone: all ends", part_names[cause_of(p, heard)]);
}

/* Somebody stops one (SIGSTOP, a debugger): what it does is not done until it goes on. */
static void look_for_stopped(const struct parts *p)
{
    for (unsigned i = 0; i < PARTS; i++) {
        siginfo_t how = {0};
        const pid_t child = p->child[i];
        bool is_news =
            child > 0 && waitid(P_PID, (id_t)child, &how, WSTOPPED | WCONTINUED | WNOHANG) == 0 && how.si_pid;
        if (is_news && how.si_code == CLD_CONTINUED)
            daemon_log(IKE_NOTICE, "%s goes on", part_names[i]);
        else if (is_news)
            daemon_log(IKE_ERROR, "%s is stopped (signal %d): 'kill -CONT %ld' lets it go on", part_names[i],
                       how.si_status, (long)child);
    }
}

/* Said once: the others follow. */
static void is_gone(struct parts *p, enum part heard)
{
    if (!p->ending)
        say_gone(p, heard);
    end_all(p, EXIT_BROKEN);
}

enum watched { W_SIGNALS, W_NETWORK, W_PRIVILEGED, W_KEYS, W_FETCH, W_WATCH, W_RELOAD, WATCHED };

static void serve_all(struct parts *p)
{
    bool keys_there = true, fetch_there = true, watch_there = p->options->repair != NULL;
    while (!p->at_once) {
        bool may_ask = !p->pending && p->client < 0;
        struct pollfd v[WATCHED] = {[W_SIGNALS] = {p->signals, POLLIN, 0},
                                    [W_NETWORK] = {p->pair[MAIN_NETWORK][0], POLLIN, 0},
                                    [W_PRIVILEGED] = {p->side ? p->pair[NETWORK_PRIVILEGED][1] : -1, POLLIN, 0},
                                    [W_KEYS] = {keys_there ? p->pair[MAIN_KEYS][0] : -1, POLLIN, 0},
                                    [W_FETCH] = {fetch_there ? p->pair[MAIN_FETCH][0] : -1, POLLIN, 0},
                                    [W_WATCH] = {watch_there ? p->pair[MAIN_WATCH][0] : -1, POLLIN, 0},
                                    [W_RELOAD] = {may_ask ? p->listener : p->client, POLLIN, 0}};
        if (p->pending) /* one at a time; who has asked has nothing more to say */
            v[W_RELOAD].fd = -1;
        int n = poll(v, WATCHED, p->ending ? END_MS : STATE_MS);
        if (n < 0)
            continue;
        look_for_stopped(p);
        if (!p->ending)
            look_for_state(p);
        else if (n == 0) {
            daemon_log(IKE_ERROR, "the process that reads the network does not end");
            p->exit_code = EXIT_BROKEN;
            return;
        }
        if (v[W_SIGNALS].revents)
            heard_signal(p);
        if (v[W_PRIVILEGED].revents && !privileged_serve(p->side, p->pair[NETWORK_PRIVILEGED][1]))
            break;
        if (v[W_NETWORK].revents && !heard_network(p))
            break;
        if (v[W_KEYS].revents) { /* it says nothing unasked: it is gone */
            keys_there = false;
            is_gone(p, PART_KEYS);
        }
        if (v[W_FETCH].revents) {
            fetch_there = false;
            is_gone(p, PART_FETCH);
        }
        if (v[W_WATCH].revents) {
            watch_there = false;
            is_gone(p, PART_WATCH);
        }
        if (v[W_RELOAD].revents && p->client >= 0)
            reload(p, p->client);
        else if (v[W_RELOAD].revents)
            connected(p);
    }
    if (!p->ending) {
        say_gone(p, PART_NETWORK);
        p->exit_code = EXIT_BROKEN;
    }
}

static bool open_main(struct parts *p)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int error = 0;
    p->signals = signalfd(-1, &ends, SFD_CLOEXEC);
    if (!p->options->discard_sas)
        p->side = privileged_side_new(&error);
    if (error < 0) {
        daemon_log(IKE_ERROR, "XFRM netlink cannot be opened: %s", strerror(-error));
        return false;
    }
    p->listener = open_listener(p->reload);
    if (p->listener < 0)
        daemon_log(IKE_ERROR, "%s: %s", p->reload, strerror(errno));
    return p->signals >= 0 && p->listener >= 0;
}

static int run_main(struct parts *p, int whole)
{
    daemon_notify_open(&p->notify); /* nobody else has it */
    if (!open_main(p))
        return EXIT_BROKEN;
    const char *bad = deal_policy(p, whole, "start");
    close(whole);
    if (bad) {
        daemon_log(IKE_ERROR, "the IKE daemon cannot start: %s", bad);
        return EXIT_BROKEN;
    }
    int r = sandbox_enter(SANDBOX_PRIVILEGED);
    if (r < 0) {
        daemon_log(IKE_ERROR, "privileges cannot be dropped: %s", strerror(-r));
        return EXIT_BROKEN;
    }
    serve_all(p);
    unlink(p->control);
    unlink(p->reload);
    return p->exit_code;
}

static void free_parts(struct parts *p)
{
    keep_ends(p, NULL, 0);
    privileged_side_free(p->side);
    if (p->policy) {
        ike_pki_free(p->policy);
        arena_free(&p->arena);
    }
}

int daemon_run(const struct daemon_options *o, const char *config, daemon_load_fn *load, void *arg)
{
    static struct parts p; /* one a process */
    const struct rlimit none = {0, 0};
    int whole = -1;
    p = (struct parts){
        .options = o, .config = config, .signals = -1, .listener = -1, .client = -1, .notify = {.fd = -1}};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0); /* no core with keys in it */
    signal(SIGPIPE, SIG_IGN);
    fflush(NULL);
    snprintf(p.reload, sizeof p.reload, "%s/%s", o->state_dir, DAEMON_RELOAD_SOCKET);
    snprintf(p.control, sizeof p.control, "%s/%s", o->state_dir, DAEMON_CONTROL_SOCKET);
    if (!open_pairs(&p) || !start_keys(&p) || !start_fetch(&p) || !start_network(&p)) {
        daemon_log(IKE_ERROR, "the IKE daemon cannot start: %s", strerror(errno));
        free_parts(&p);
        return EXIT_BROKEN;
    }
    close_end(&p, MAIN_KEYS, 1);
    close_end(&p, MAIN_NETWORK, 1);
    close_end(&p, MAIN_FETCH, 1);
    close_end(&p, NETWORK_KEYS, 0);
    close_end(&p, NETWORK_KEYS, 1);
    close_end(&p, NETWORK_PRIVILEGED, 0);
    close_end(&p, NETWORK_FETCH, 0);
    close_end(&p, NETWORK_FETCH, 1);
    int code = load_policy(&p, load, arg, &whole);
    if (code != 0 && o->lock)
        state_daemon_not_begun(o->lock);
    close_inherited(&p, whole);
    if (code == 0 && !start_watch(&p)) {
        daemon_log(IKE_ERROR, "the IKE daemon cannot start: %s", strerror(errno));
        code = EXIT_BROKEN;
    }
    if (code == 0)
        code = run_main(&p, whole);
    free_parts(&p);
    return code;
}
