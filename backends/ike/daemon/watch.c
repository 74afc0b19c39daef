/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/pass.h"
#include "backends/ike/daemon/sandbox.h"

#define QUIET_MS 20         /* several changes belong together: one look when nothing has come for so long ... */
#define LATEST_MS 100       /* ... or so long after the first */
#define LOOK_SHARE 2        /* a look may take half of the time: where it takes long, there are fewer */
#define REPAIRS_A_MINUTE 30 /* more: somebody changes it again and again, and this is no race that can be won */
#define PATIENCE_MS 5000
#define ROUTES_MS 5000
#define NAMES_EVERY_MS 5000 /* not more often, whoever calls */
#define NAMES_SHARE 4       /* and where it takes long, four times as long apart */
#define AGAIN_MS 1000
#define AGAIN_MOST_MS 60000
#define BUSY_LONG_MS 5000   /* before it is said that another ioscc keeps it from looking */
#define BUSY_AGAIN_MS 60000 /* and said again */
#define EVERY_MS 60000      /* where nothing is heard: not everything is told of */
#define LOOK_MOST_MS 120000 /* for any host; then it hangs */

enum news { LINKS, POLICIES, NFTABLES, SAS, ROUTES, SOURCES };

static const struct {
    const char *words;
    int protocol;
    unsigned groups[4]; /* RTNLGRP_*, XFRMNLGRP_*, NFNLGRP_*; 0: no more */
} sources[SOURCES] = {
    [LINKS] = {"links and addresses", NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0}},
    [POLICIES] = {"policies", NETLINK_XFRM, {XFRMNLGRP_POLICY, 0, 0, 0}},
    [NFTABLES] = {"nftables", NETLINK_NETFILTER, {NFNLGRP_NFTABLES, 0, 0, 0}},
    [SAS] = {"SAs", NETLINK_XFRM, {XFRMNLGRP_SA, 0, 0, 0}},
    [ROUTES] = {"routes",
                NETLINK_ROUTE,
                {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE}},
};

struct watch {
    int channel;
    struct mnl_socket *news[SOURCES];
    bool changed[SOURCES], reload_wanted;
    uint64_t first_at, last_at; /* ms: of the changes that nobody has looked at; 0: none */
    uint64_t not_before;        /* ms: of the next look */
    uint64_t minute;            /* that `repairs` are of */
    unsigned repairs;
    uint64_t again_at, again_ms;       /* ms: when to look once more where nothing could be put right; 0: not */
    uint64_t names_at, names_asked_at; /* ms: when names are to be looked up, 0: not; when they were */
    uint64_t busy_since, busy_said;    /* ms: another ioscc has the lock; 0: not */
    struct watch_shared *shared;
    watch_repair_fn *repair;
    void *arg;
};

uint64_t watch_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool open_news(struct watch *w)
{
    for (int i = 0; i < SOURCES; i++) {
        struct mnl_socket *s = mnl_socket_open2(sources[i].protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
        w->news[i] = s;
        if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
            return false;
        for (unsigned g = 0; g < 4 && sources[i].groups[g]; g++) {
            int group = (int)sources[i].groups[g];
            if (mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
                return false;
        }
    }
    return true;
}

/* What they say does not matter, only that they say something; more than fits (ENOBUFS) is something too. */
static bool drain(struct mnl_socket *s)
{
    char b[8192];
    bool any = false;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(s, b, sizeof b);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return any;
        any = true;
        if (n < 0 && errno != ENOBUFS && errno != EINTR && errno != ENOSPC)
            return any;
    }
}

static void say_changed(const struct watch *w, char *out, size_t room)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < SOURCES; i++)
        if (w->changed[i] && len < room)
            len += (size_t)snprintf(out + len, room - len, "%s%s", len ? ", " : "", sources[i].words);
}

/* Until it has ended by itself; one that hangs is ended, and what it has left half done the next look finds. */
static bool wait_for_look(pid_t child, int *status)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    uint64_t until = watch_now_ms() + LOOK_MOST_MS;
    for (;;) {
        pid_t r = waitpid(child, status, WNOHANG);
        if (r == child || (r < 0 && errno != EINTR))
            return r == child;
        if (watch_now_ms() >= until)
            break;
        nanosleep(&pause, NULL);
    }
    daemon_log(IKE_ERROR, "a look at the host does not end: it is stopped");
    kill(child, SIGKILL);
    while (waitpid(child, status, 0) < 0 && errno == EINTR) {
    }
    return false;
}

/* In a child: what it reads goes with it. It is let finish, whatever ends meanwhile: half a repair would be none. */
static enum watch_found look(struct watch *w, const struct watch_look *l)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        daemon_log(IKE_ERROR, "the host cannot be looked at: %s", strerror(errno));
    if (child < 0)
        return WATCH_CANNOT;
    if (child == 0) {
        close(w->channel);
        exit(w->repair(w->arg, l));
    }
    if (!wait_for_look(child, &status))
        return WATCH_CANNOT;
    if (!WIFEXITED(status))
        daemon_log(IKE_ERROR, "a look at the host was ended by signal %d", WTERMSIG(status));
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : WATCH_CANNOT;
    bool is_known = code == WATCH_IN_ORDER || code == WATCH_REPAIRED || code == WATCH_BUSY;
    return is_known ? (enum watch_found)code : WATCH_CANNOT;
}

/* Later and later, but not because events follow one another: only what was tried by time counts. */
static void look_again_by(struct watch *w, uint64_t at)
{
    if (!w->again_at || at < w->again_at)
        w->again_at = at;
}

static void again_later(struct watch *w, bool by_time)
{
    if (!w->again_ms)
        w->again_ms = AGAIN_MS;
    else if (by_time)
        w->again_ms *= 2;
    w->again_ms = w->again_ms < AGAIN_MOST_MS ? w->again_ms : AGAIN_MOST_MS;
    w->again_at = watch_now_ms() + w->again_ms;
}

/* An apply is done in a moment: one that is not has been stopped, or waits for something. */
static void say_busy(struct watch *w, uint64_t now)
{
    if (!w->busy_since)
        w->busy_since = now;
    bool is_news = !w->busy_said || now >= w->busy_said + BUSY_AGAIN_MS;
    if (now < w->busy_since + BUSY_LONG_MS || !is_news)
        return;
    w->busy_said = now;
    daemon_log(IKE_WARNING,
               "another ioscc has been changing this host for %llu s: nothing is put right until it ends (is it "
               "stopped?)",
               (unsigned long long)(now - w->busy_since) / 1000);
}

static void looked(struct watch *w, enum watch_found found, uint64_t took_ms, bool by_time)
{
    uint64_t now = watch_now_ms();
    w->not_before = now + took_ms * (LOOK_SHARE - 1);
    if (found == WATCH_BUSY) {
        w->again_at = now + AGAIN_MS;
        say_busy(w, now);
        return;
    }
    w->busy_since = w->busy_said = 0;
    if (found == WATCH_CANNOT) { /* it has said why; perhaps later, and sooner when something changes */
        again_later(w, by_time);
        return;
    }
    w->again_ms = 0;
    w->again_at = now + EVERY_MS; /* what nobody tells of */
    if (found != WATCH_REPAIRED)
        return;
    if (w->minute != now / 60000)
        w->repairs = 0;
    w->minute = now / 60000;
    if (++w->repairs == REPAIRS_A_MINUTE)
        daemon_log(IKE_WARNING, "another program keeps changing what is applied: repairs are %u s apart from now on",
                   PATIENCE_MS / 1000);
    if (w->repairs >= REPAIRS_A_MINUTE)
        w->not_before = now + PATIENCE_MS;
}

/* When the next look is wanted, ms; 0: there is nothing to look at. */
static uint64_t due_at(const struct watch *w)
{
    uint64_t at = w->last_at + QUIET_MS;
    if (w->first_at && at > w->first_at + LATEST_MS)
        at = w->first_at + LATEST_MS;
    if (!w->first_at)
        at = w->again_at;
    if (w->names_at && (!at || w->names_at < at))
        at = w->names_at;
    if (at && at < w->not_before)
        at = w->not_before;
    return w->reload_wanted ? 1 : at;
}

/* ms until then, 0: now; -1: never. */
static int due_in(const struct watch *w)
{
    uint64_t now = watch_now_ms(), at = due_at(w);
    if (!at)
        return -1;
    return at > now ? (int)(at - now) : 0;
}

/* A look without them says too whether there are any: a reload may have brought the first ones. */
static void names_again(struct watch *w, const struct watch_look *l, uint64_t begun, uint64_t took_ms)
{
    uint64_t hold_ms = (uint64_t)w->shared->names_hold_s * 1000;
    if (l->look_up)
        w->names_asked_at = begun;
    if (hold_ms < NAMES_SHARE * took_ms)
        hold_ms = NAMES_SHARE * took_ms;
    if (w->shared->names_hold_s == 0)
        w->names_at = 0;
    else if (l->look_up || !w->names_at)
        w->names_at = begun + hold_ms;
}

static void look_now(struct watch *w)
{
    char after[128];
    uint64_t begun = watch_now_ms();
    say_changed(w, after, sizeof after);
    memset(w->changed, 0, sizeof w->changed);
    const struct watch_look l = {.after = after,
                                 .since_ms = w->first_at ? w->first_at : begun,
                                 .look_up = w->names_at && w->names_at <= begun,
                                 .reload = w->reload_wanted,
                                 .shared = w->shared};
    w->reload_wanted = false;
    w->first_at = 0;
    w->shared->names_hold_s = 0;
    w->shared->again_at_ms = 0;
    enum watch_found found = look(w, &l);
    uint64_t took_ms = watch_now_ms() - begun;
    bool by_time = w->again_at && w->again_at <= begun;
    if (found != WATCH_CANNOT || l.look_up)
        names_again(w, &l, begun, took_ms);
    looked(w, found, l.look_up ? 0 : took_ms, by_time);
    if (w->shared->again_at_ms)
        look_again_by(w, w->shared->again_at_ms);
}

/* False: the others are gone. */
static bool heard_main(struct watch *w)
{
    char word[16];
    int file, n = pass_take(w->channel, word, sizeof word, &file);
    if (file >= 0)
        close(file);
    if (n <= 0)
        return n == -EINTR || n == -EAGAIN;
    w->reload_wanted |= strcmp(word, WATCH_RELOAD) == 0;
    uint64_t now = watch_now_ms(), soon = w->names_asked_at + NAMES_EVERY_MS;
    uint64_t at = soon > now ? soon : now;
    if (strcmp(word, WATCH_NAMES) == 0 && w->names_at && at < w->names_at)
        w->names_at = at;
    return true;
}

/* Routes undo nothing of what is applied, and a routing protocol changes them all the time: whether they lead elsewhere
 * what is protected is asked a while later. */
static void heard(struct watch *w, const struct pollfd *v)
{
    for (int i = 0; i < SOURCES; i++) {
        bool is_told = v[i].revents && drain(w->news[i]);
        if (!is_told || (i == SAS && !w->shared->has_sas))
            continue;
        if (i == ROUTES) {
            look_again_by(w, watch_now_ms() + ROUTES_MS);
            continue;
        }
        w->changed[i] = true;
        w->last_at = watch_now_ms();
        w->first_at = w->first_at ? w->first_at : w->last_at;
    }
}

/* Those that are there when the watch begins were there, or nearly, when it was applied. */
static uint32_t newest_link(void)
{
    struct if_nameindex *all = if_nameindex();
    uint32_t newest = 0;
    for (const struct if_nameindex *i = all; i && i->if_index; i++)
        newest = i->if_index > newest ? i->if_index : newest;
    if (all)
        if_freenameindex(all);
    return newest;
}

int watch_run(int channel, watch_repair_fn *repair, void *arg)
{
    struct watch w = {.channel = channel, .repair = repair, .arg = arg};
    signal(SIGTERM, SIG_IGN); /* it ends when the others do */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* it is told by the main process */
    if (!open_news(&w)) {
        daemon_log(IKE_ERROR, "what changes in the kernel cannot be watched: %s", strerror(errno));
        return 1;
    }
    const uint32_t newest = newest_link();
    int r = sandbox_enter(SANDBOX_WATCH);
    if (r < 0) {
        daemon_log(IKE_ERROR, "privileges cannot be dropped: %s", strerror(-r));
        return 1;
    }
    w.shared = mmap(NULL, sizeof *w.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w.shared == MAP_FAILED) {
        daemon_log(IKE_ERROR, "out of memory");
        return 1;
    }
    w.shared->newest = w.shared->settled = newest;
    w.first_at = w.last_at = w.names_at = watch_now_ms(); /* what has changed since it was applied */
    for (;;) {
        struct pollfd v[SOURCES + 1];
        for (int i = 0; i < SOURCES; i++)
            v[i] = (struct pollfd){mnl_socket_get_fd(w.news[i]), POLLIN, 0};
        v[SOURCES] = (struct pollfd){channel, POLLIN, 0};
        int n = poll(v, SOURCES + 1, due_in(&w));
        if (n > 0 && v[SOURCES].revents && !heard_main(&w))
            return 0;
        if (n > 0)
            heard(&w, v);
        if (due_in(&w) == 0)
            look_now(&w);
    }
}
