/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/fetch.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/ike/daemon/pass.h"
#include "backends/ike/daemon/sandbox.h"

#define KEPT_MAX 16
#define KEPT_MAX_S (400 * 86400LL) /* whatever a list says */
#define CHILD_CPU_S 10
#define CHILD_MEMORY (1u << 30) /* bytes; a list of FETCH_CRL_MAX becomes some 200 MB */

/* A list that a child has fetched, as a file without a name. */
struct kept_list {
    char url[FETCH_URL_MAX];
    int file;
    int64_t fetched_s, until_s; /* since 1970 */
    uint64_t used;              /* when it was kept, by count: the oldest makes room */
};

struct fetcher {
    pid_t pid; /* 0: none */
    int fd;
    uint64_t id;
    int64_t until_ms;
};

struct template
{
    int main_fd, network_fd;
    uint8_t(*anchors)[IKE_ANCHOR_LEN];
    size_t n_anchors;
    struct kept_list kept[KEPT_MAX];
    uint64_t used;
    struct fetcher children[FETCH_CHILDREN_MAX];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- a child: one question ---- */

struct to_keep {
    char url[FETCH_URL_MAX];
    int64_t until_s;
};

struct child {
    const struct template *t;
    int fd;
};

static bool kept(void *ctx, const char *url, struct buf *body, int64_t *fetched_s)
{
    const struct child *c = ctx;
    int64_t now_s = (int64_t)time(NULL);
    for (unsigned i = 0; i < KEPT_MAX; i++) {
        const struct kept_list *k = &c->t->kept[i];
        if (k->file < 0 || k->until_s <= now_s || strcmp(k->url, url) != 0)
            continue;
        *fetched_s = k->fetched_s;
        return pass_read(k->file, FETCH_CRL_MAX, body);
    }
    return false;
}

static void keep(void *ctx, const char *url, const struct buf *body, int64_t until_s)
{
    const struct child *c = ctx;
    struct to_keep k = {.until_s = until_s};
    int file = pass_file(body);
    if (file < 0 || strlen(url) >= sizeof k.url)
        return;
    memcpy(k.url, url, strlen(url));
    (void)!pass_send_bytes(c->fd, &k, sizeof k, file); /* it is fetched again then */
    close(file);
}

static bool anchor_is_ours(const struct template *t, const uint8_t *chain, size_t n)
{
    uint8_t digest[IKE_ANCHOR_LEN];
    if (!fetch_anchor(chain, n, digest))
        return false;
    for (size_t i = 0; i < t->n_anchors; i++)
        if (memcmp(t->anchors[i], digest, sizeof digest) == 0)
            return true;
    return false;
}

static void answer(struct child *c, const struct fetch_question *q, const char *url, const uint8_t *chain)
{
    struct fetch_told told = {.id = q->id, .answer = {.verdict = FETCH_CANNOT_TELL}};
    struct ike_revocation how = {
        .n = q->n_methods, .no_nonce = q->no_nonce, .ocsp_url = url, .crl_keep_s = q->crl_keep_s};
    const struct fetch_tools tools = {.ctx = c,
                                      .now_s = (int64_t)time(NULL),
                                      .weak = q->weak,
                                      .http = http_get,
                                      .method = http_method,
                                      .kept = kept,
                                      .keep = keep};
    memcpy(how.methods, q->methods, sizeof how.methods);
    if (anchor_is_ours(c->t, chain, q->chain_len))
        fetch_revocation(&how, chain, q->chain_len, &tools, &told.answer);
    else
        (void)fetch_cannot(&told.answer, "the certificate is of a CA that the configuration does not have");
    (void)!pass_send_bytes(c->fd, &told, sizeof told, -1);
}

static bool question_is_whole(const struct fetch_question *q, size_t rest)
{
    return q->n_methods <= IKE_REVOCATION_METHODS_MAX && q->url_len < FETCH_URL_MAX &&
           q->chain_len <= IKE_CHAIN_BYTES_MAX && rest == (size_t)q->url_len + q->chain_len && q->weak <= IKE_WEAK_MD5;
}

/* It ends with the template, and costs so much at most. */
static void bind_life(void)
{
    const struct rlimit cpu = {CHILD_CPU_S, CHILD_CPU_S}, file = {FETCH_CRL_MAX, FETCH_CRL_MAX};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_FSIZE, &file);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any limit */
    const struct rlimit memory = {CHILD_MEMORY, CHILD_MEMORY};
    setrlimit(RLIMIT_AS, &memory);
#endif
}

static void child_run(const struct template *t, int fd, const uint8_t *p, size_t n)
{
    struct fetch_question q;
    char url[FETCH_URL_MAX] = "";
    struct child c = {t, fd};
    close(t->main_fd);
    close(t->network_fd);
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++)
        if (t->children[i].pid)
            close(t->children[i].fd);
    memcpy(&q, p, sizeof q);
    memcpy(url, p + sizeof q, q.url_len);
    bind_life();
    /* the resolver's configuration is read now: it may have changed since the daemon began */
    if (http_open() && sandbox_enter(SANDBOX_FETCHER) == 0)
        answer(&c, &q, url, p + sizeof q + q.url_len);
    _exit(0);
    (void)n;
}

/* ---- the template ---- */

static void tell(const struct template *t, const struct fetch_told *told)
{
    /* who does not read answers is not waited for; that it is gone the loop notices */
    (void)!send(t->network_fd, told, sizeof *told, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void tell_nothing(const struct template *t, uint64_t id, const char *why)
{
    struct fetch_told told = {.id = id};
    (void)fetch_cannot(&told.answer, "%s", why);
    tell(t, &told);
}

static struct fetcher *free_place(struct template *t)
{
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++)
        if (!t->children[i].pid)
            return &t->children[i];
    return NULL;
}

/* False: the network's process is gone. */
static bool take_question(struct template *t)
{
    static uint8_t bytes[FETCH_QUESTION_MAX];
    struct fetch_question q;
    struct fetcher *f = free_place(t);
    int pair[2];
    ssize_t n = recv(t->network_fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return false;
    memset(&q, 0, sizeof q);
    memcpy(&q, bytes, (size_t)n < sizeof q ? (size_t)n : sizeof q);
    if (!f || (size_t)n < sizeof q || !question_is_whole(&q, (size_t)n - sizeof q)) {
        tell_nothing(t, q.id, "the question cannot be read");
        return true;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        tell_nothing(t, q.id, strerror(errno));
        return true;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        child_run(t, pair[1], bytes, (size_t)n);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        tell_nothing(t, q.id, strerror(errno));
        return true;
    }
    *f = (struct fetcher){.pid = pid, .fd = pair[0], .id = q.id, .until_ms = now_ms() + FETCH_CHILD_MS};
    return true;
}

static void end_child(struct fetcher *f)
{
    kill(f->pid, SIGKILL);
    close(f->fd);
    while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *f = (struct fetcher){0};
}

/* A copy: what the child has of it cannot change it any more, and it is no longer than a list may be. -1: it is none.
 */
static int own_copy(int file)
{
    struct buf b = {0};
    int copy = pass_read(file, FETCH_CRL_MAX, &b) ? pass_file(&b) : -1;
    buf_free(&b);
    return copy < 0 ? -1 : copy;
}

static void keep_list(struct template *t, const struct to_keep *k, int theirs)
{
    int64_t now_s = (int64_t)time(NULL);
    int file = own_copy(theirs);
    if (file < 0)
        return;
    struct kept_list *at = &t->kept[0];
    for (unsigned i = 0; i < KEPT_MAX; i++) {
        struct kept_list *x = &t->kept[i];
        bool same = x->file >= 0 && strcmp(x->url, k->url) == 0;
        if (same || x->used < at->used)
            at = x;
        if (same)
            break;
    }
    if (at->file >= 0)
        close(at->file);
    *at = (struct kept_list){.file = file, .fetched_s = now_s, .until_s = k->until_s, .used = ++t->used};
    if (at->until_s > now_s + KEPT_MAX_S)
        at->until_s = now_s + KEPT_MAX_S;
    memcpy(at->url, k->url, sizeof at->url);
    at->url[sizeof at->url - 1] = '\0';
}

/* What a child says is not believed further than it goes: a list is looked at again, an answer is of its question. */
static void hear_child(struct template *t, struct fetcher *f)
{
    union {
        struct to_keep keep;
        struct fetch_told told;
        char room[sizeof(struct to_keep) + sizeof(struct fetch_told) + 1];
    } m;
    int file, n = pass_take(f->fd, m.room, sizeof m.room, &file);
    if (n == -EINTR || n == -EAGAIN)
        return;
    if (n == (int)sizeof m.keep && file >= 0) {
        keep_list(t, &m.keep, file);
        close(file);
        return;
    }
    if (file >= 0)
        close(file);
    if (n == (int)sizeof m.told) {
        m.told.id = f->id;
        m.told.answer.why[sizeof m.told.answer.why - 1] = '\0';
        tell(t, &m.told);
    } else {
        tell_nothing(t, f->id, "the process that asks has failed");
    }
    end_child(f);
}

static void read_anchors(struct template *t, int file)
{
    struct buf b = {0};
    if (pass_read(file, FETCH_ANCHORS_MAX * IKE_ANCHOR_LEN, &b) && b.len % IKE_ANCHOR_LEN == 0) {
        void *copy = malloc(b.len + 1);
        if (copy) {
            memcpy(copy, b.p ? b.p : "", b.len);
            free(t->anchors);
            t->anchors = copy;
            t->n_anchors = b.len / IKE_ANCHOR_LEN;
        }
    }
    buf_free(&b);
}

/* False: the main process is gone. */
static bool hear_main(struct template *t)
{
    char word[16];
    int file, n = pass_take(t->main_fd, word, sizeof word, &file);
    if (n == -EINTR || n == -EAGAIN)
        return true;
    if (n > 0 && file >= 0)
        read_anchors(t, file);
    if (file >= 0)
        close(file);
    return n > 0;
}

static void late_children(struct template *t)
{
    int64_t now = now_ms();
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++) {
        struct fetcher *f = &t->children[i];
        if (!f->pid || f->until_ms > now)
            continue;
        tell_nothing(t, f->id, "it takes too long");
        end_child(f);
    }
}

static int wait_ms(const struct template *t)
{
    int64_t now = now_ms(), soonest = -1;
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++) {
        const struct fetcher *f = &t->children[i];
        int64_t left = f->until_ms > now ? f->until_ms - now : 0;
        if (f->pid && (soonest < 0 || left < soonest))
            soonest = left;
    }
    return (int)soonest;
}

static bool serve(struct template *t)
{
    struct pollfd v[2 + FETCH_CHILDREN_MAX] = {{t->main_fd, POLLIN, 0},
                                               {free_place(t) ? t->network_fd : -1, POLLIN, 0}};
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++)
        v[2 + i] = (struct pollfd){t->children[i].pid ? t->children[i].fd : -1, POLLIN, 0};
    if (poll(v, 2 + FETCH_CHILDREN_MAX, wait_ms(t)) < 0)
        return errno == EINTR;
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++)
        if (v[2 + i].revents)
            hear_child(t, &t->children[i]);
    late_children(t);
    if (v[0].revents && !hear_main(t))
        return false;
    return !v[1].revents || take_question(t);
}

void fetch_run(int main_fd, int network_fd)
{
    static struct template t; /* one a process */
    t = (struct template){.main_fd = main_fd, .network_fd = network_fd};
    for (unsigned i = 0; i < KEPT_MAX; i++)
        t.kept[i].file = -1;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    tzset(); /* children have no files; OpenSSL reads the zone and its own configuration where it has not yet */
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    (void)!http_load(); /* without it every question is answered so */
    if (sandbox_enter(SANDBOX_FETCH) < 0)
        return;
    while (serve(&t))
        ;
    for (unsigned i = 0; i < FETCH_CHILDREN_MAX; i++)
        if (t.children[i].pid)
            end_child(&t.children[i]);
    free(t.anchors);
}
