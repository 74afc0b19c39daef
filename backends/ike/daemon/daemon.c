/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop, the clock, the workers, the log. */
#include "backends/ike/daemon/daemon.h"

#include "backends/ike/daemon/sandbox.h"

#include <errno.h>
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

void daemon_log(enum ike_level l, const char *fmt, ...)
{
    static const char *const words[] = {"error", "warning", "notice", "info", "debug"};
    static const int priorities[] = {3, 4, 5, 6, 7}; /* sd-daemon(3) */
    char text[768];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (getenv("JOURNAL_STREAM"))
        fprintf(stderr, "<%d>%s\n", priorities[l], text);
    else
        fprintf(stderr, "%s: %s\n", words[l], text);
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
    if (e == EV_REFUSED && (!sa || sa->state < IKE_ESTABLISHED) && too_many(d))
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

/* sd_notify(3): one datagram to the socket that systemd names. */
static void notify(const char *what)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof a.sun_path)
        return;
    memcpy(a.sun_path, path, strlen(path));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)!sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&a, len);
        close(fd);
    }
}

static void stop(struct daemon *d)
{
    net_close(d);
    kernel_close(d);
    control_close(d);
    uv_timer_stop(&d->timer);
    uv_close((uv_handle_t *)&d->timer, NULL);
    uv_close((uv_handle_t *)&d->linger, NULL);
    uv_close((uv_handle_t *)&d->term, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
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

static void end(uv_signal_t *s, int number)
{
    struct daemon *d = s->data;
    (void)number;
    if (d->ending)
        return;
    d->ending = true;
    notify("STOPPING=1");
    daemon_log(IKE_INFO, "ending: %u IKE SAs are deleted", d->ike->n_sa);
    d->ike->ending = true;
    ike_clear(d->ike, daemon_now(d), NULL, 0, 0);
    daemon_arm(d);
    uv_timer_start(&d->linger, lingered, 50, 50);
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
                                  .policy_add = kernel_policy_add,
                                  .policy_delete = kernel_policy_delete,
                                  .policy_unused = daemon_policy_unused,
                                  .traffic = kernel_traffic,
                                  .route = kernel_route,
                                  .event = event,
                                  .job = job};
    d->timer.data = d->linger.data = d->term.data = d->interrupt.data = d;
    if (uv_loop_init(&d->loop) < 0)
        return false;
    uv_timer_init(&d->loop, &d->timer);
    uv_timer_init(&d->loop, &d->linger);
    uv_signal_init(&d->loop, &d->term);
    uv_signal_init(&d->loop, &d->interrupt);
    d->ike = ike_new(d->policy, &host, uv_now(&d->loop));
    return d->ike && uv_signal_start(&d->term, end, SIGTERM) == 0 && uv_signal_start(&d->interrupt, end, SIGINT) == 0 &&
           net_open(d) && (kernel_open(d) || d->options.discard_sas) && control_open(d);
}

/* The part that keeps CAP_NET_ADMIN goes its own way. */
static bool split(struct daemon *d)
{
    static char path[108];
    d->privileged.fd = -1;
    if (d->options.discard_sas)
        return true;
    control_path(d, path, sizeof path);
    int r = privileged_start(&d->privileged, path);
    if (r < 0)
        daemon_log(IKE_ERROR, "XFRM netlink cannot be opened: %s", strerror(-r));
    return r == 0;
}

int daemon_run(const struct ike_policy *p, const struct daemon_options *o, const char *config)
{
    static struct daemon d; /* one a process */
    d = (struct daemon){.policy = p, .options = *o, .config = config};
    prctl(PR_SET_DUMPABLE, 0); /* no core with keys in it */
    signal(SIGPIPE, SIG_IGN);
    int r = sandbox_no_io_uring();
    if (r < 0)
        daemon_log(IKE_WARNING, "io_uring cannot be refused: %s", strerror(-r));
    kernel_sweep(&d);
    if (!split(&d) || !begin(&d)) {
        daemon_log(IKE_ERROR, "the IKE daemon cannot start");
        privileged_stop(&d.privileged);
        return 3;
    }
    kernel_static_routes(&d, p, true);
    /* sockets are bound and files are read: what is left to be changed in the kernel is asked for */
    r = sandbox_enter(SANDBOX_NETWORK);
    if (r < 0)
        daemon_log(IKE_WARNING, "privileges cannot be dropped: %s", strerror(-r));
    daemon_log(IKE_INFO, "IKE for %s: %u crypto map entries, ports 500 and 4500", config, p->n_entries);
    notify("READY=1");
    uv_run(&d.loop, UV_RUN_DEFAULT);
    uv_loop_close(&d.loop);
    kernel_static_routes(&d, d.policy, false);
    daemon_policies_free(&d);
    privileged_stop(&d.privileged);
    free(d.routes);
    return 0;
}
