/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/lookup.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/ike/daemon/sandbox.h"

#define SERVER_MS 1000
#define SERVER_TRIES 2
#define AT_ONCE 64 /* questions that wait for their answer */
#define CPU_S 10
#define ASK_MS (LOOKUP_MS - 3000) /* then what is known is answered */

#define NAMES_BYTES (16u << 20) /* more names than any configuration has */

/* What the child answers for each name, in their order. */
struct found {
    uint32_t n, ttl_s;
    struct ip_addr addr[LOOKUP_ADDRESSES];
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the child ---- */

struct asker {
    ares_channel channel;
    char **names;
    struct found *found;
    size_t n, next;
    unsigned waiting;
};

/* c-ares gives one pointer back: which name it was for. */
struct question {
    struct asker *a;
    size_t at;
    bool is_free, v6;
};
static struct question questions[AT_ONCE];

static void add(struct found *f, int family, const void *p, int ttl_s)
{
    if (f->n == LOOKUP_ADDRESSES)
        return;
    struct ip_addr *x = &f->addr[f->n++];
    *x = (struct ip_addr){.family = family == AF_INET ? FAMILY_V4 : FAMILY_V6};
    memcpy(x->b, p, family == AF_INET ? 4 : 16);
    uint32_t ttl = ttl_s > 0 ? (uint32_t)ttl_s : 0;
    if (f->n == 1 || ttl < f->ttl_s)
        f->ttl_s = ttl;
}

/* Before the sandbox: a file of this host's own. */
static void ask_hosts(struct asker *a, size_t at)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (unsigned i = 0; i < 2 && !a->found[at].n; i++) {
        struct hostent *h = NULL;
        if (ares_gethostbyname_file(a->channel, a->names[at], families[i], &h) != ARES_SUCCESS)
            continue;
        for (char **p = h->h_addr_list; *p; p++)
            add(&a->found[at], families[i], *p, LOOKUP_TTL_MAX_S);
        ares_free_hostent(h);
    }
}

static void ask_dns(struct question *q, bool v6);

static void heard(void *arg, int status, int timeouts, struct ares_addrinfo *r)
{
    struct question *q = arg;
    struct found *f = &q->a->found[q->at];
    (void)timeouts;
    for (const struct ares_addrinfo_node *i = status == ARES_SUCCESS ? r->nodes : NULL; i; i = i->ai_next)
        if (i->ai_family == AF_INET)
            add(f, AF_INET, &((const struct sockaddr_in *)i->ai_addr)->sin_addr, i->ai_ttl);
        else if (i->ai_family == AF_INET6)
            add(f, AF_INET6, &((const struct sockaddr_in6 *)i->ai_addr)->sin6_addr, i->ai_ttl);
    if (r)
        ares_freeaddrinfo(r);
    bool over = f->n || q->v6 || status == ARES_EDESTRUCTION;
    if (!over) {
        ask_dns(q, true);
        return;
    }
    q->is_free = true;
    q->a->waiting--;
}

static void ask_dns(struct question *q, bool v6)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = v6 ? AF_INET6 : AF_INET, .ai_socktype = SOCK_DGRAM};
    q->v6 = v6;
    ares_getaddrinfo(q->a->channel, q->a->names[q->at], NULL, &hints, heard, q);
}

static void ask_more(struct asker *a)
{
    for (unsigned i = 0; i < AT_ONCE && a->next < a->n; i++) {
        while (a->next < a->n && a->found[a->next].n)
            a->next++;
        if (a->next == a->n || !questions[i].is_free)
            continue;
        questions[i] = (struct question){.a = a, .at = a->next++};
        a->waiting++;
        ask_dns(&questions[i], false);
    }
}

static void serve(struct asker *a)
{
    ares_socket_t fd[ARES_GETSOCK_MAXNUM];
    struct pollfd v[ARES_GETSOCK_MAXNUM];
    struct timeval most = {.tv_sec = 1}, at;
    unsigned bits = (unsigned)ares_getsock(a->channel, fd, ARES_GETSOCK_MAXNUM);
    int n = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short in = bits >> i & 1 ? POLLIN : 0;
        short out = bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0;
        if (in || out)
            v[n++] = (struct pollfd){.fd = fd[i], .events = (short)(in | out)};
    }
    const struct timeval *t = ares_timeout(a->channel, &most, &at);
    (void)!poll(v, (nfds_t)n, (int)(t->tv_sec * 1000 + t->tv_usec / 1000 + 1));
    ares_process_fd(a->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; i < n; i++) {
        ares_socket_t in = v[i].revents & (POLLIN | POLLERR | POLLHUP) ? v[i].fd : ARES_SOCKET_BAD;
        ares_socket_t out = v[i].revents & POLLOUT ? v[i].fd : ARES_SOCKET_BAD;
        if (v[i].revents)
            ares_process_fd(a->channel, in, out);
    }
}

static bool open_channel(struct asker *a)
{
    char dns_only[] = "b";
    struct ares_options o = {.timeout = SERVER_MS, .tries = SERVER_TRIES, .lookups = dns_only};
    const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
    return ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS &&
           ares_init_options(&a->channel, &o, mask) == ARES_SUCCESS;
}

/* All that comes until the other side has no more to say: names with a zero behind each. */
static char *read_all(int fd, size_t *len)
{
    char *p = malloc(NAMES_BYTES);
    *len = 0;
    for (ssize_t n = 1; p && n > 0 && *len<NAMES_BYTES; *len += n> 0 ? (size_t)n : 0)
        n = read(fd, p + *len, NAMES_BYTES - *len);
    return p;
}

static void take_names(struct asker *a, char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        a->n += text[i] == '\0';
    a->names = calloc(a->n + 1, sizeof *a->names);
    a->found = calloc(a->n + 1, sizeof *a->found);
    if (!a->names || !a->found)
        _exit(1);
    for (size_t i = 0; i < a->n; i++) {
        a->names[i] = text;
        text += strlen(text) + 1;
    }
}

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = send(fd, (const char *)p + done, n - done, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        done += (size_t)k;
    }
    return true;
}

static void child_run(int fd)
{
    struct asker a = {0};
    const struct rlimit cpu = {CPU_S, CPU_S};
    size_t len;
    setrlimit(RLIMIT_CPU, &cpu);
    char *text = read_all(fd, &len);
    if (!text || !len || text[len - 1] || !open_channel(&a)) /* reads resolv.conf */
        _exit(0);
    take_names(&a, text, len);
    for (size_t i = 0; i < a.n; i++)
        ask_hosts(&a, i);
    for (unsigned i = 0; i < AT_ONCE; i++)
        questions[i].is_free = true;
    uint64_t until = now_ms() + ASK_MS;
    alarm(LOOKUP_MS / 1000); /* whoever asked has gone on then */
    if (sandbox_enter(SANDBOX_FETCHER) < 0)
        _exit(1);
    for (ask_more(&a); a.waiting && now_ms() < until; ask_more(&a))
        serve(&a);
    _exit(write_all(fd, a.found, a.n * sizeof *a.found) ? 0 : 1);
}

/* ---- the parent ---- */

/* Not this network, loopback, multicast and what is above it; nor an IPv4 address in the form of an IPv6 one, which is
 * on no wire (RFC 4291 §2.5.5). */
static bool peer_can_have(const struct ip_addr *a)
{
    static const uint8_t zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (a->family == FAMILY_V4)
        return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
    bool holds_v4 = memcmp(a->b, zero, 12) == 0 || memcmp(a->b, mapped, 12) == 0;
    return a->family == FAMILY_V6 && !holds_v4 && a->b[0] != 0xff;
}

static void take(struct lookup *l, const struct found *f)
{
    l->n = 0;
    for (unsigned i = 0; i < f->n && i < LOOKUP_ADDRESSES; i++)
        if (peer_can_have(&f->addr[i]))
            l->addr[l->n++] = f->addr[i];
    l->ttl_s = f->ttl_s < LOOKUP_TTL_MIN_S ? LOOKUP_TTL_MIN_S : f->ttl_s;
    if (l->ttl_s > LOOKUP_TTL_MAX_S)
        l->ttl_s = LOOKUP_TTL_MAX_S;
}

int lookup_open(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    fflush(NULL);
    pid_t child = fork();
    int error = errno;
    if (child == 0) {
        dup2(pair[1], STDIN_FILENO);
        close_range(STDERR_FILENO + 1, ~0u, 0); /* whatever this process has open is not for it */
        if (fork() == 0)                        /* nobody's child: nobody has to wait for it */
            child_run(STDIN_FILENO);
        _exit(0);
    }
    close(pair[1]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (child > 0)
        return pair[0];
    close(pair[0]);
    return -error;
}

static bool read_until(int fd, void *p, size_t n, uint64_t until_ms)
{
    for (size_t done = 0; done < n;) {
        struct pollfd v = {fd, POLLIN, 0};
        uint64_t now = now_ms();
        if (now >= until_ms || poll(&v, 1, (int)(until_ms - now)) < 0)
            return false;
        ssize_t k = v.revents ? recv(fd, (char *)p + done, n - done, MSG_DONTWAIT) : -1;
        if (k == 0 || (k < 0 && v.revents))
            return false;
        done += k > 0 ? (size_t)k : 0;
    }
    return true;
}

int lookup_ask(int asker, struct lookup *v, size_t n)
{
    struct found *found = calloc(n + 1, sizeof *found);
    bool ok = found != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = write_all(asker, v[i].name, strlen(v[i].name) + 1);
    shutdown(asker, SHUT_WR);
    ok = ok && read_until(asker, found, n * sizeof *found, now_ms() + LOOKUP_MS);
    for (size_t i = 0; i < n; i++)
        v[i].n = 0;
    for (size_t i = 0; ok && i < n; i++)
        take(&v[i], &found[i]);
    free(found);
    return ok ? 0 : -ETIMEDOUT;
}

void lookup_close(int asker)
{
    if (asker >= 0)
        close(asker); /* who has nothing to look up ends by that */
}

struct ip_addr lookup_choose(const struct lookup *l, uint8_t family, const struct ip_addr *kept)
{
    struct ip_addr first = {0};
    for (unsigned i = 0; i < l->n; i++) {
        const struct ip_addr *a = &l->addr[i];
        if (a->family != family)
            continue;
        if (addr_eq(a, kept))
            return *kept;
        if (!first.family)
            first = *a;
    }
    return first;
}
