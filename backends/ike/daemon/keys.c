/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/keys.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/ike/daemon/pass.h"
#include "backends/ike/daemon/sandbox.h"
#include "backends/ike/from_ir.h"

/* ---- a question as bytes: head, profile, identity, pieces, proof ---- */

#define BYTES_MAX (192u << 10) /* two datagrams, and more */
struct question {
    uint32_t verb, prf, peer_hashes, n;
    uint32_t profile_len, id_len, proof_len, len[IKE_KEY_PIECES_MAX];
    struct ip_addr peer, own;
    uint8_t version, password, has_profile, has_id, id_type, is_called;
};
struct answer {
    uint32_t ok, n, key_len;
    uint8_t key[IKE_CONCEALED_MAX];
    uint8_t out[IKE_SIGNATURE_MAX];
};

/* A part of the question's bytes; false if they end before. */
static bool part(const uint8_t **p, size_t *left, size_t n, struct ike_iov *out)
{
    if (n > *left)
        return false;
    *out = (struct ike_iov){*p, n};
    *p += n;
    *left -= n;
    return true;
}

static bool read_question(const uint8_t *p, size_t n, struct ike_key_work *w, char profile[static 256])
{
    struct question q;
    struct ike_iov name, id;
    if (n < sizeof q)
        return false;
    memcpy(&q, p, sizeof q);
    p += sizeof q;
    n -= sizeof q;
    if (q.n > IKE_KEY_PIECES_MAX || q.profile_len >= 256 || q.id_len > UINT16_MAX || q.prf >= ALGO_COUNT ||
        !part(&p, &n, q.profile_len, &name) || !part(&p, &n, q.id_len, &id))
        return false;
    memcpy(profile, name.p, name.n);
    profile[name.n] = '\0';
    *w = (struct ike_key_work){.verb = (enum ike_key_verb)q.verb,
                               .prf = (enum algo_id)q.prf,
                               .peer_hashes = (uint16_t)q.peer_hashes,
                               .n = q.n};
    w->owner = (struct ike_key_owner){.version = q.version, .password = q.password != 0, .peer = q.peer, .own = q.own};
    if (q.has_profile)
        w->owner.profile = profile;
    if (q.has_id)
        w->owner.id = (struct ike_id){q.id_type, (uint16_t)id.n, id.p};
    w->owner.is_called = q.is_called != 0;
    for (unsigned i = 0; i < q.n; i++)
        if (!part(&p, &n, q.len[i], &w->v[i]))
            return false;
    return part(&p, &n, q.proof_len, &w->proof) && n == 0;
}

/* ---- the process ---- */

struct keys {
    struct arena arena;
    const struct ike_policy *policy;
    struct ike_crypto *crypto;
    uint8_t conceal[IKE_CONCEAL_LEN];
};

static bool answer_question(struct keys *k, int fd)
{
    static uint8_t bytes[BYTES_MAX];
    char profile[256];
    struct ike_key_work w;
    struct ike_key_result r = {0};
    struct answer a = {0};
    unsigned n_mac = 0;
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    a.ok = k->policy && read_question(bytes, (size_t)n, &w, profile) && ike_keys_do(k->crypto, k->policy, &w, &r);
    if (a.ok) {
        a.n = (uint32_t)r.n;
        memcpy(a.out, r.out, r.n);
        a.ok = ike_conceal(k->conceal, r.key, a.key, &n_mac);
        a.key_len = n_mac;
    }
    /* who does not read answers is as good as gone */
    bool sent = send(fd, &a, sizeof a, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof a;
    explicit_bzero(&a, sizeof a);
    explicit_bzero(&r, sizeof r);
    explicit_bzero(bytes, (size_t)n);
    return sent;
}

static void forget(struct keys *k)
{
    if (!k->policy)
        return;
    ike_pki_free(k->policy);
    arena_free(&k->arena); /* wipes it */
    k->policy = NULL;
}

/* Another policy: kept here, given back without what is secret. */
static bool take_policy(struct keys *k, int fd)
{
    char word[16];
    struct buf whole = {0}, rest = {0};
    struct arena arena;
    int file = -1, without = -1, n = pass_take(fd, word, sizeof word, &file);
    if (n <= 0)
        return n == -EINTR;
    const struct ike_policy *p = NULL;
    bool room = arena_init(&arena, SIZE_MAX);
    if (room && file >= 0 && pass_read(file, POLICY_BYTES_MAX, &whole))
        p = ike_policy_read(&arena, (const uint8_t *)whole.p, whole.len);
    if (p && ike_policy_write_concealed(&rest, p, k->conceal))
        without = pass_file(&rest);
    if (without >= 0) {
        forget(k);
        k->arena = arena;
        k->policy = p;
    } else if (room) {
        if (p)
            ike_pki_free(p);
        arena_free(&arena);
    }
    bool sent = pass_send(fd, without >= 0 ? "ok" : "refused", without);
    buf_free(&whole); /* wipes it */
    buf_free(&rest);
    if (without >= 0)
        close(without);
    if (file >= 0)
        close(file);
    return sent;
}

static bool fill(uint8_t *p, size_t n)
{
    return getrandom(p, n, 0) == (ssize_t)n;
}

void keys_run(int main_fd, int network_fd)
{
    struct keys k = {.crypto = ike_crypto_new()};
    struct pollfd v[2] = {{main_fd, POLLIN, 0}, {network_fd, POLLIN, 0}};
    signal(SIGTERM, SIG_IGN); /* it ends when the others do */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    bool ok = k.crypto && fill(k.conceal, sizeof k.conceal) && sandbox_enter(SANDBOX_KEYS) == 0;
    while (ok) {
        if (poll(v, 2, -1) < 0) {
            ok = errno == EINTR;
            continue;
        }
        if (v[0].revents)
            ok = take_policy(&k, main_fd);
        if (ok && v[1].revents)
            ok = answer_question(&k, network_fd);
    }
    forget(&k);
    ike_crypto_free(k.crypto);
    explicit_bzero(&k, sizeof k);
}

/* ---- the network's side ---- */

bool keys_ask(int fd, const struct ike_key_work *w, struct ike_key_result *r, struct keys_answer_key *key)
{
    struct question q = {.verb = w->verb,
                         .prf = w->prf,
                         .peer_hashes = w->peer_hashes,
                         .n = w->n,
                         .proof_len = (uint32_t)w->proof.n,
                         .peer = w->owner.peer,
                         .own = w->owner.own,
                         .version = w->owner.version,
                         .password = w->owner.password,
                         .is_called = w->owner.is_called,
                         .has_profile = w->owner.profile != NULL,
                         .has_id = w->owner.id.p != NULL,
                         .id_type = w->owner.id.type,
                         .id_len = w->owner.id.n};
    struct iovec v[4 + IKE_KEY_PIECES_MAX] = {{&q, sizeof q}};
    struct answer a;
    unsigned n = 1;
    if (w->owner.profile) {
        q.profile_len = (uint32_t)strlen(w->owner.profile);
        v[n++] = (struct iovec){(void *)(uintptr_t)w->owner.profile, q.profile_len};
    }
    if (w->owner.id.p)
        v[n++] = (struct iovec){(void *)(uintptr_t)w->owner.id.p, w->owner.id.n};
    else
        q.id_len = 0;
    for (unsigned i = 0; i < w->n; i++) {
        q.len[i] = (uint32_t)w->v[i].n;
        v[n++] = (struct iovec){(void *)(uintptr_t)w->v[i].p, w->v[i].n};
    }
    if (w->proof.n)
        v[n++] = (struct iovec){(void *)(uintptr_t)w->proof.p, w->proof.n};
    const struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
    ssize_t got;
    r->n = 0;
    r->key = (struct ike_bytes){0};
    if (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
        return false;
    do
        got = recv(fd, &a, sizeof a, 0);
    while (got < 0 && errno == EINTR);
    bool ok = got == (ssize_t)sizeof a && a.ok && a.n <= sizeof r->out && a.key_len <= sizeof key->bytes;
    if (ok) {
        r->n = a.n;
        memcpy(r->out, a.out, a.n);
        memcpy(key->bytes, a.key, a.key_len);
        r->key = (struct ike_bytes){key->bytes, a.key_len};
    }
    explicit_bzero(&a, sizeof a);
    return ok;
}
