/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "backends/apply/state.h"

#define CONTROL_SOCKET "control.sock"
#define ANSWERS_S 30 /* a reload of 10 000 tunnels takes a second or two */
#define ALIVE_S 10

/* A daemon that is stopped takes connections and bytes as long as its queues have room: only a time ends that. */
static int connected(const char *path, int type, time_t wait_s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const struct timeval wait = {.tv_sec = wait_s};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    bool ok = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
              connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (ok)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

void ask_failed(const struct command *c, const char *dir, int error)
{
    struct state_daemon d;
    if (error != EAGAIN && error != EINPROGRESS) {
        fprintf(stderr, "ioscc %s: the daemon's answer is not understood\n", c->name);
        return;
    }
    state_daemon_ask(dir, &d);
    fprintf(stderr,
            "ioscc %s: the daemon (process %ld) has not answered for %d seconds, it may be stopped: whether it does "
            "what it "
            "was asked for is not known\n",
            c->name, d.pid, ANSWERS_S);
}

int ask_connect(const struct command *c, const char *dir, const char *name, int type)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = n < (int)sizeof path ? connected(path, type, ANSWERS_S) : -1;
    if (fd >= 0)
        return fd;
    const int error = errno;
    struct state_daemon d;
    if (error != EAGAIN)
        state_daemon_ask(dir, &d);
    if (error == EAGAIN)
        ask_failed(c, dir, error);
    else if (error == EACCES)
        fprintf(stderr, "ioscc %s: %s: %s%s\n", c->name, path, strerror(error), cli_as_root(-error));
    else if (d.is_running && error == ENOENT)
        fprintf(stderr,
                "ioscc %s: %s is not there: the daemon (process %ld) has not made it yet, or it has been removed; then "
                "start it again\n",
                c->name, path, d.pid);
    else
        fprintf(stderr, "ioscc %s: no daemon answers at %s: is 'ioscc run' running?\n", c->name, path);
    return -1;
}

MUST_CHECK static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* The answer ends with the connection. NULL, and *error is errno, or 0 where what has come is none. */
static json_t *exchange(int fd, const char *request, int *error)
{
    struct buf b = {0};
    char part[4096];
    json_error_t e;
    bool sent = send_all(fd, request, strlen(request)) && send_all(fd, "\n", 1);
    ssize_t n = sent ? 1 : -1;
    while (sent && (n = read(fd, part, sizeof part)) > 0)
        buf_add(&b, part, (size_t)n);
    *error = n < 0 ? errno : 0;
    json_t *out = n == 0 && b.p ? json_loadb(b.p, b.len, 0, &e) : NULL;
    buf_free(&b);
    return out;
}

json_t *ask_daemon(const struct command *c, const char *dir, json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    int fd = ask_connect(c, dir, CONTROL_SOCKET, SOCK_STREAM), error = ENOMEM;
    json_t *out = fd >= 0 && text ? exchange(fd, text, &error) : NULL;
    if (fd >= 0 && !out)
        ask_failed(c, dir, error);
    if (fd >= 0)
        close(fd);
    json_decref(request);
    free(text);
    return out;
}

bool ask_is_answered(const char *dir)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    int n = snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, dir), error;
    int fd = n < (int)sizeof path ? connected(path, SOCK_STREAM, ALIVE_S) : -1;
    json_t *a = fd >= 0 ? exchange(fd, "{\"do\":\"alive\"}", &error) : NULL;
    bool is_alive = json_is_true(json_object_get(a, "alive"));
    json_decref(a);
    if (fd >= 0)
        close(fd);
    return is_alive;
}

static bool is_stopped(long pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "re");
    bool is_read = f && fgets(line, sizeof line, f);
    if (f)
        fclose(f);
    const char *name_end = is_read ? strrchr(line, ')') : NULL; /* "PID (NAME) STATE …", and a name may hold any sign */
    char state = name_end && strlen(name_end) > 2 ? name_end[2] : '?';
    return state == 'T' || state == 't';
}

long ask_age_s(long pid)
{
    char path[64], text[1024];
    unsigned long long started = 0;
    struct timespec now;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *fields = strrchr(text, ')'); /* the name may hold anything */
    for (int k = 0; fields && k < 20; k++)
        fields = strchr(fields + 1, ' ');
    bool is_read = fields && sscanf(fields, "%llu", &started) == 1 && clock_gettime(CLOCK_BOOTTIME, &now) == 0;
    return is_read ? (long)(now.tv_sec - (time_t)(started / (unsigned long long)sysconf(_SC_CLK_TCK))) : 0;
}

long ask_stopped(long pid)
{
    char path[64];
    long child, found = is_stopped(pid) ? pid : 0;
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", pid, pid);
    FILE *f = fopen(path, "re");
    while (f && !found && fscanf(f, "%ld", &child) == 1)
        found = is_stopped(child) ? child : 0;
    if (f)
        fclose(f);
    return found;
}
