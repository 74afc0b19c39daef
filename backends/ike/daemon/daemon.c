/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop, the clock, the workers, the log. */
#include "backends/ike/daemon/daemon.h"

#include "backends/ike/daemon/keys.h"
#include "backends/ike/daemon/pass.h"
#include "backends/ike/daemon/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINGER_MS 2000 /* for the peers' answers to our deletes */

/* ---- log ---- */

/* Room for a whole line: up to PIPE_BUF a write to a pipe is all or nothing. */
static bool log_has_room(void)
{
    struct pollfd v = {STDERR_FILENO, POLLOUT, 0};
    return poll(&v, 1, 0) != 0;
}

/* One line, whatever names are in it. By stderr and not by its number: what a terminal would obey is taken out there
 * (compiler/cli/harmless.h). */
static void write_line(const char *prefix, const char *text)
{
    char line[1024];
    int n = snprintf(line, sizeof line - 1, "%s%s", prefix, text);
    size_t len = n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2;
    for (size_t i = 0; i < len; i++)
        if (line[i] == '\n')
            line[i] = '?';
    line[len] = '\n';
    (void)!fwrite(line, 1, len + 1, stderr);
}

/* Who reads the log may have stopped: nothing here waits for that. */
void daemon_log(enum ike_level l, const char *fmt, ...)
{
    static const char *const words[] = {"error: ", "warning: ", "notice: ", "info: ", "debug: "};
    static const char *const priorities[] = {"<3>", "<4>", "<5>", "<6>", "<7>"}; /* sd-daemon(3) */
    static unsigned lost;
    char text[768], missing[64];
    const char *const *prefix = getenv("JOURNAL_STREAM") ? priorities : words;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!log_has_room()) {
        lost++;
        return;
    }
    if (lost) {
        snprintf(missing, sizeof missing, "%u lines are missing here: nobody has read the log", lost);
        write_line(prefix[IKE_WARNING], missing);
    }
    lost = 0;
    write_line(prefix[l], text);
}

/* What strangers can provoke is said so many times a second at most. */
#define STRANGERS_PER_SECOND 20

static bool too_many(struct daemon *d)
{
    static uint64_t second;
    static unsigned n, left_out;
    uint64_t now = daemon_now(d) / 1000;
    if (now != second) {
        if (left_out)
            daemon_log(IKE_WARNING, "%u lines about unknown peers left out", left_out);
        second = now;
        n = left_out = 0;
    }
    if (++n <= STRANGERS_PER_SECOND)
        return false;
    left_out++;
    return true;
}

static void event(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                  const char *text)
{
    struct daemon *d = ctx;
    char t[ADDR_TEXT_MAX];
    (void)c;
    bool wanted = d->options.debug ||
                  (sa && d->options.debug_peer && strcmp(addr_text(&sa->remote.addr, t), d->options.debug_peer) == 0);
    if (l == IKE_DEBUG && !wanted)
        return;
    if (e == EV_REFUSED && (!sa || ike_is(sa, IKE_BEGINS)) && too_many(d))
        return;
    if (sa)
        daemon_log(l, "peer %s: %s", addr_text(&sa->remote.addr, t), text);
    else
        daemon_log(l, "%s", text);
}

/* ---- clock, chance, workers ---- */

uint64_t daemon_now(struct daemon *d)
{
    uv_update_time(&d->loop);
    return uv_now(&d->loop);
}

static void random_bytes(void *ctx, void *p, size_t n)
{
    (void)ctx;
    for (size_t done = 0; done < n;) {
        ssize_t r = getrandom((uint8_t *)p + done, n - done, 0);
        if (r < 0 && errno != EINTR)
            abort(); /* without chance there is no security */
        done += r > 0 ? (size_t)r : 0;
    }
}

static void tick(uv_timer_t *t)
{
    struct daemon *d = t->data;
    ike_tick(d->ike, daemon_now(d));
    daemon_arm(d);
}

void daemon_arm(struct daemon *d)
{
    uint64_t at = ike_deadline(d->ike), now = daemon_now(d);
    if (at == UINT64_MAX)
        uv_timer_stop(&d->timer);
    else
        uv_timer_start(&d->timer, tick, at > now ? at - now : 0, 0);
}

struct work {
    uv_work_t w;
    struct ike_job *j;
    struct daemon *d;
};

static void work(uv_work_t *w)
{
    ike_job_run(((struct work *)w->data)->j);
}

static void worked(uv_work_t *w, int status)
{
    struct work *x = w->data;
    (void)status;
    ike_job_done(x->d->ike, daemon_now(x->d), x->j);
    daemon_arm(x->d);
    free(x);
}

static void job(void *ctx, struct ike_job *j)
{
    struct work *x = malloc(sizeof *x);
    if (!x)
        abort();
    *x = (struct work){.j = j, .d = ctx};
    x->w.data = x;
    uv_queue_work(&x->d->loop, &x->w, work, worked);
}

/* ---- beginning and end ---- */

/* sd_notify(3): datagrams to the socket that systemd names. */
void daemon_notify_open(struct daemon_notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *n = (struct daemon_notify){.fd = -1, .to = {.sun_family = AF_UNIX}};
    if (!path || strlen(path) >= sizeof n->to.sun_path)
        return;
    memcpy(n->to.sun_path, path, strlen(path));
    n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (n->to.sun_path[0] == '@')
        n->to.sun_path[0] = '\0';
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void daemon_notify(const struct daemon_notify *n, const char *what)
{
    if (n->fd >= 0)
        (void)!sendto(n->fd, what, strlen(what), MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->len);
}

static void stop(struct daemon *d)
{
    net_close(d);
    kernel_close(d);
    control_close(d);
    uv_timer_stop(&d->timer);
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->linger, NULL);
    uv_poll_stop(&d->main_poll);
    uv_close((uv_handle_t *)&d->main_poll, NULL);
    revocation_close(d);
}

static void lingered(uv_timer_t *t)
{
    struct daemon *d = t->data;
    static uint64_t waited;
    waited += 50;
    if (d->ike->n_sa && waited < LINGER_MS)
        return;
    uv_timer_stop(t);
    ike_free(d->ike);
    d->ike = NULL;
    stop(d);
}

static void end(struct daemon *d)
{
    if (d->ending)
        return;
    d->ending = true;
    daemon_log(IKE_INFO, "ending: %u IKE SAs are deleted", d->ike->n_sa);
    d->ike->ending = true;
    ike_clear(d->ike, daemon_now(d), NULL, 0, 0);
    daemon_arm(d);
    uv_timer_start(&d->linger, lingered, 50, 50);
}

/* The main process says what is to be done; without it nothing can be done any more. */
static void heard_main(uv_poll_t *poll, int status, int events)
{
    struct daemon *d = poll->data;
    char word[16];
    int file, n = status < 0 ? 0 : pass_take(d->ends.main, word, sizeof word, &file);
    (void)events;
    if (n == -EINTR || n == -EAGAIN)
        return;
    if (n <= 0) {
        daemon_log(IKE_ERROR, "the main process is gone: all ends");
        _exit(3);
    }
    if (strcmp(word, "end") == 0)
        end(d);
    else if (strcmp(word, "reload") == 0 && d->ike && !daemon_reload_answer(d, file))
        _exit(3);
    if (file >= 0)
        close(file);
}

static bool with_key(void *ctx, const struct ike_key_work *w, struct ike_key_result *r)
{
    static struct keys_answer_key key;
    struct daemon *d = ctx;
    return keys_ask(d->ends.keys, w, r, &key);
}

/* Who watches the host looks it up; the main process passes it on. A word that is lost is said again. */
static void names_wanted(void *ctx)
{
    const struct daemon *d = ctx;
    (void)!send(d->ends.main, WATCH_NAMES, sizeof WATCH_NAMES - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int64_t wall_s(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static bool begin(struct daemon *d)
{
    const struct ike_host host = {.ctx = d,
                                  .random = random_bytes,
                                  .send = net_send,
                                  .wall_s = wall_s,
                                  .sa_add = kernel_sa_add,
                                  .sa_delete = kernel_sa_delete,
                                  .child_gone = turn_back,
                                  .policy_add = kernel_policy_add,
                                  .policy_delete = kernel_policy_delete,
                                  .names_wanted = names_wanted,
                                  .policy_unused = daemon_policy_unused,
                                  .traffic = kernel_traffic,
                                  .route = kernel_route,
                                  .event = event,
                                  .keys = with_key,
                                  .revocation = revocation_ask,
                                  .job = job};
    d->timer.data = d->linger.data = d->main_poll.data = d;
    if (uv_loop_init(&d->loop) < 0)
        return false;
    uv_timer_init(&d->loop, &d->timer);
    uv_timer_init(&d->loop, &d->linger);
    d->ike = ike_new(d->policy, &host, uv_now(&d->loop));
    return d->ike && uv_poll_init(&d->loop, &d->main_poll, d->ends.main) == 0 &&
           uv_poll_start(&d->main_poll, UV_READABLE, heard_main) == 0 && revocation_open(d) && net_open(d) &&
           (kernel_open(d) || d->options.discard_sas) && control_open(d);
}

/* Waits for the policy. False: there is none, nothing was begun. */
static bool started(struct daemon *d)
{
    char word[16];
    int file, n;
    do
        n = pass_take(d->ends.main, word, sizeof word, &file);
    while (n == -EINTR);
    bool ok = n > 0 && file >= 0 && daemon_first_policy(d, file);
    if (file >= 0)
        close(file);
    return ok;
}

int network_run(const struct network_ends *ends, const struct daemon_options *o, const char *config)
{
    static struct daemon d; /* one a process */
    d = (struct daemon){.options = *o, .ends = *ends};
    signal(SIGTERM, SIG_IGN); /* the main process says when it ends */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    int r = sandbox_no_io_uring();
    if (r < 0)
        daemon_log(IKE_WARNING, "io_uring cannot be refused: %s", strerror(-r));
    privileged_open(&d.privileged, ends->privileged);
    if (!started(&d))
        return 0;
    if (!begin(&d)) {
        daemon_log(IKE_ERROR, "the IKE daemon cannot start");
        return 3;
    }
    /* sockets are bound: what is left to be changed in the kernel is asked for */
    r = sandbox_enter(SANDBOX_NETWORK);
    if (r < 0) {
        daemon_log(IKE_ERROR, "privileges cannot be dropped: %s", strerror(-r));
        return 3;
    }
    kernel_static_routes(&d, d.policy, true);
    daemon_log(IKE_INFO, "IKE for %s: %u crypto map entries, ports 500 and 4500", config, d.policy->n_entries);
    if (!pass_send(ends->main, "ready", -1))
        return 3;
    uv_run(&d.loop, UV_RUN_DEFAULT);
    uv_loop_close(&d.loop);
    kernel_static_routes(&d, d.policy, false);
    daemon_policies_free(&d);
    privileged_stop(&d.privileged);
    free(d.routes);
    return 0;
}
