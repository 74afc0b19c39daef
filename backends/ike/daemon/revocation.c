/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The network's side of revocation: questions go to the process that fetches, a few at a time; what it has told is
 * remembered until it says that it holds no longer. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/fetch.h"

#define QUEUE_MAX 512
#define ASKERS_MAX 64  /* of one question */
#define NOT_TOLD_S 10  /* what could not be told is not asked again so soon */
#define KNOWN_MAX 4096 /* places; another certificate in the same one takes it */
#define DIGEST_LEN 32

/* Who waits for the same answer. */
struct asker {
    struct asker *next;
    uint64_t sa_spi, sa_id;
};

struct waiting {
    struct waiting *next;
    uint64_t id;
    struct asker *askers;
    unsigned n_askers;
    uint8_t digest[DIGEST_LEN];
    bool is_sent;
    size_t n;
    uint8_t bytes[];
};

struct known {
    uint8_t digest[DIGEST_LEN];
    int64_t until_s;
    uint8_t verdict; /* enum ike_verdict */
    char why[96];
};

struct revocation {
    struct daemon *d;
    uv_poll_t poll;
    struct waiting *first;
    unsigned n_waiting, n_sent;
    uint64_t next_id;
    struct known known[KNOWN_MAX];
};

static enum ike_verdict verdict_of(enum fetch_verdict v)
{
    switch (v) {
    case FETCH_GOOD:
        return IKE_NOT_REVOKED;
    case FETCH_REVOKED:
        return IKE_REVOKED;
    default:
        return IKE_CANNOT_TELL;
    }
}

static struct known *place_of(struct revocation *r, const uint8_t digest[static DIGEST_LEN])
{
    uint32_t at;
    memcpy(&at, digest, sizeof at);
    return &r->known[at % KNOWN_MAX];
}

static void remember(struct revocation *r, const uint8_t digest[static DIGEST_LEN], const struct fetch_answer *a)
{
    struct known *k = place_of(r, digest);
    int64_t now_s = (int64_t)time(NULL), until_s = a->holds_until_s;
    if (a->verdict == FETCH_CANNOT_TELL)
        until_s = now_s + NOT_TOLD_S;
    if (until_s <= now_s)
        return;
    *k = (struct known){.until_s = until_s, .verdict = (uint8_t)verdict_of(a->verdict)};
    memcpy(k->digest, digest, DIGEST_LEN);
    snprintf(k->why, sizeof k->why, "%.95s", a->why);
}

static void waiting_free(struct waiting *w)
{
    for (struct asker *a = w->askers, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    free(w);
}

static bool anybody_there(struct revocation *r, const struct waiting *w)
{
    for (const struct asker *a = w->askers; a; a = a->next)
        if (ike_still(r->d->ike, a->sa_spi, a->sa_id))
            return true;
    return false;
}

/* Questions of SAs that are gone are not asked. */
static void drop_unwanted(struct revocation *r)
{
    for (struct waiting **at = &r->first, *w; (w = *at);) {
        if (w->is_sent || anybody_there(r, w)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        r->n_waiting--;
        waiting_free(w);
    }
}

static void send_some(struct revocation *r)
{
    if (r->d->ike)
        drop_unwanted(r);
    for (struct waiting *w = r->first; w && r->n_sent < FETCH_CHILDREN_MAX; w = w->next) {
        if (w->is_sent)
            continue;
        if (send(r->d->ends.fetch, w->bytes, w->n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)w->n)
            return; /* room comes with the next answer */
        w->is_sent = true;
        r->n_sent++;
    }
}

static struct waiting *take(struct revocation *r, uint64_t id)
{
    struct waiting **at = &r->first;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct waiting *w = *at;
    if (!w)
        return NULL;
    *at = w->next;
    r->n_waiting--;
    r->n_sent -= w->is_sent;
    return w;
}

static void heard(uv_poll_t *poll, int status, int events)
{
    struct revocation *r = poll->data;
    struct daemon *d = r->d;
    struct fetch_told told;
    ssize_t n = status < 0 ? 0 : recv(d->ends.fetch, &told, sizeof told, MSG_DONTWAIT);
    (void)events;
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) { /* the main process ends all */
        uv_poll_stop(poll);
        return;
    }
    struct waiting *w = n == (ssize_t)sizeof told ? take(r, told.id) : NULL;
    if (!w)
        return;
    told.answer.why[sizeof told.answer.why - 1] = '\0';
    remember(r, w->digest, &told.answer);
    for (const struct asker *a = w->askers; a && d->ike; a = a->next)
        ike_revocation_done(d->ike, daemon_now(d), a->sa_spi, a->sa_id, verdict_of(told.answer.verdict),
                            told.answer.why);
    waiting_free(w);
    send_some(r);
    daemon_arm(d);
}

bool revocation_open(struct daemon *d)
{
    int size = 1 << 20;
    struct revocation *r = calloc(1, sizeof *r);
    if (!r)
        return false;
    r->d = d;
    r->poll.data = r;
    d->revocation = r;
    setsockopt(d->ends.fetch, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return uv_poll_init(&d->loop, &r->poll, d->ends.fetch) == 0 && uv_poll_start(&r->poll, UV_READABLE, heard) == 0;
}

static void closed(uv_handle_t *h)
{
    struct revocation *r = h->data;
    for (struct waiting *w; (w = r->first);) {
        r->first = w->next;
        waiting_free(w);
    }
    free(r);
}

void revocation_close(struct daemon *d)
{
    struct revocation *r = d->revocation;
    d->revocation = NULL;
    if (!r)
        return;
    uv_poll_stop(&r->poll);
    uv_close((uv_handle_t *)&r->poll, closed);
}

/* The question as bytes; its digest names what is asked, whoever asks. */
static struct waiting *question_make(struct revocation *r, const struct ike_question *q)
{
    const struct ike_revocation *how = q->how;
    size_t url_len = strlen(how->ocsp_url);
    struct fetch_question head = {.crl_keep_s = how->crl_keep_s,
                                  .chain_len = (uint32_t)q->chain_len,
                                  .url_len = (uint16_t)url_len,
                                  .n_methods = how->n,
                                  .no_nonce = how->no_nonce,
                                  .weak = (uint8_t)q->weak};
    unsigned len = DIGEST_LEN;
    if (url_len >= FETCH_URL_MAX || q->chain_len > IKE_CHAIN_BYTES_MAX)
        return NULL;
    struct waiting *w = calloc(1, sizeof *w + sizeof head + url_len + q->chain_len);
    if (!w)
        return NULL;
    memcpy(head.methods, how->methods, sizeof head.methods);
    w->n = sizeof head + url_len + q->chain_len;
    memcpy(w->bytes, &head, sizeof head);
    memcpy(w->bytes + sizeof head, how->ocsp_url, url_len);
    memcpy(w->bytes + sizeof head + url_len, q->chain, q->chain_len);
    if (EVP_Digest(w->bytes, w->n, w->digest, &len, EVP_sha256(), NULL) != 1) {
        free(w);
        return NULL;
    }
    head.id = w->id = ++r->next_id;
    memcpy(w->bytes, &head, sizeof head);
    return w;
}

/* False: so many wait already. */
MUST_CHECK static bool join(struct waiting *w, const struct ike_question *q)
{
    struct asker *a = w->n_askers < ASKERS_MAX ? malloc(sizeof *a) : NULL;
    if (!a)
        return false;
    *a = (struct asker){w->askers, q->sa_spi, q->sa_id};
    w->askers = a;
    w->n_askers++;
    return true;
}

/* The end of the queue, or the place of the same question. */
static struct waiting **place_in_queue(struct revocation *r, const uint8_t digest[static DIGEST_LEN])
{
    struct waiting **at = &r->first;
    while (*at && memcmp((*at)->digest, digest, DIGEST_LEN) != 0)
        at = &(*at)->next;
    return at;
}

enum ike_verdict revocation_ask(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX])
{
    struct daemon *d = ctx;
    struct revocation *r = d->revocation;
    snprintf(why, IKE_WHY_MAX, "too many questions wait already");
    struct waiting *w = r ? question_make(r, q) : NULL;
    if (!w)
        return IKE_CANNOT_TELL;
    const struct known *k = place_of(r, w->digest);
    if (k->until_s > (int64_t)time(NULL) && memcmp(k->digest, w->digest, DIGEST_LEN) == 0) {
        snprintf(why, IKE_WHY_MAX, "%s", k->why);
        waiting_free(w);
        return (enum ike_verdict)k->verdict;
    }
    struct waiting **at = place_in_queue(r, w->digest);
    bool is_new = !*at, taken = join(is_new ? w : *at, q);
    if (!is_new || !taken || r->n_waiting >= QUEUE_MAX) {
        waiting_free(w);
        return !is_new && taken ? IKE_TELLS_LATER : IKE_CANNOT_TELL;
    }
    *at = w;
    r->n_waiting++;
    send_some(r);
    return IKE_TELLS_LATER;
}
