/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "backends/ike/fetch/fetch.h"

#define NAMES_MS 1000 /* for a server to answer */
#define NAMES_TRIES 2

static ares_channel channel;
static bool is_open;

struct question {
    struct names_answer *out;
    unsigned pending;
    int status; /* of the last that failed */
};

bool names_open(void)
{
    char dns_only[] = "b"; /* no /etc/hosts: the sandbox has no files */
    struct ares_options o = {.flags = ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH,
                             .timeout = NAMES_MS,
                             .tries = NAMES_TRIES,
                             .lookups = dns_only,
                             .ndomains = 0};
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS;
    is_open =
        ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS && ares_init_options(&channel, &o, mask) == ARES_SUCCESS;
    return is_open;
}

void names_close(void)
{
    if (is_open)
        ares_destroy(channel);
    ares_library_cleanup();
    is_open = false;
}

static void add(struct names_answer *out, uint8_t family, const void *p, size_t n, int ttl)
{
    if (out->n == NAMES_MAX)
        return;
    struct ip_addr *a = &out->addr[out->n++];
    *a = (struct ip_addr){.family = family};
    memcpy(a->b, p, n);
    if (ttl >= 0 && (uint32_t)ttl < out->ttl_s)
        out->ttl_s = (uint32_t)ttl;
}

static void heard_4(void *arg, int status, int timeouts, unsigned char *p, int n)
{
    struct question *q = arg;
    struct ares_addrttl v[NAMES_MAX];
    int found = NAMES_MAX;
    (void)timeouts;
    q->pending--;
    if (status == ARES_SUCCESS)
        status = ares_parse_a_reply(p, n, NULL, v, &found);
    if (status != ARES_SUCCESS)
        q->status = status;
    for (int i = 0; status == ARES_SUCCESS && i < found; i++)
        add(q->out, FAMILY_V4, &v[i].ipaddr, 4, v[i].ttl);
}

static void heard_6(void *arg, int status, int timeouts, unsigned char *p, int n)
{
    struct question *q = arg;
    struct ares_addr6ttl v[NAMES_MAX];
    int found = NAMES_MAX;
    (void)timeouts;
    q->pending--;
    if (status == ARES_SUCCESS)
        status = ares_parse_aaaa_reply(p, n, NULL, v, &found);
    if (status != ARES_SUCCESS)
        q->status = status;
    for (int i = 0; status == ARES_SUCCESS && i < found; i++)
        add(q->out, FAMILY_V6, &v[i].ip6addr, 16, v[i].ttl);
}

/* One round: what is ready, or a time-out of the library's. */
static void serve(void)
{
    ares_socket_t fd[ARES_GETSOCK_MAXNUM];
    struct pollfd v[ARES_GETSOCK_MAXNUM];
    struct timeval limit = {.tv_sec = 1}, at, *t;
    int n = 0;
    unsigned bits = (unsigned)ares_getsock(channel, fd, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* ARES_GETSOCK_WRITABLE shifts into the sign */
        short in = bits >> i & 1 ? POLLIN : 0;
        short out = bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0;
        if (in || out)
            v[n++] = (struct pollfd){.fd = fd[i], .events = (short)(in | out)};
    }
    t = ares_timeout(channel, &limit, &at);
    (void)!poll(v, (nfds_t)n, (int)(t->tv_sec * 1000 + t->tv_usec / 1000 + 1));
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; i < n; i++) {
        ares_socket_t in = v[i].revents & (POLLIN | POLLERR | POLLHUP) ? v[i].fd : ARES_SOCKET_BAD;
        ares_socket_t out = v[i].revents & POLLOUT ? v[i].fd : ARES_SOCKET_BAD;
        if (v[i].revents)
            ares_process_fd(channel, in, out);
    }
}

static void ask(struct question *q, const char *name, int type, ares_callback heard)
{
    q->pending++;
    ares_query(channel, name, ns_c_in, type, heard, q);
    while (q->pending)
        serve();
}

bool names_lookup(const char *name, struct names_answer *out, char why[static FETCH_WHY_MAX])
{
    struct question q = {.out = out};
    uint8_t b[16];
    *out = (struct names_answer){.ttl_s = UINT32_MAX};
    if (inet_pton(AF_INET, name, b) == 1)
        add(out, FAMILY_V4, b, 4, -1);
    else if (inet_pton(AF_INET6, name, b) == 1)
        add(out, FAMILY_V6, b, 16, -1);
    if (out->n)
        return true;
    snprintf(why, FETCH_WHY_MAX, "the name %.80s cannot be looked up", name);
    if (!is_open)
        return false;
    ask(&q, name, ns_t_a, heard_4);
    if (!out->n)
        ask(&q, name, ns_t_aaaa, heard_6);
    if (out->n)
        return true;
    snprintf(why, FETCH_WHY_MAX, "the name %.80s: %s", name, ares_strerror(q.status));
    return false;
}
