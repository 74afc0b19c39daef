/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a difference, sent to the kernel; and back again when one fails. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "backends/xfrm/diff.h"

#define SEND_EVERY 250u /* steps */
/* The kernel's policy index is enlarged by a worker that a busy loader keeps from running: short pauses between two
 * sends make a large load several times faster; a small one only waits. */
#define PAUSE_FROM 6000u
static const struct timespec PAUSE = {0, 30 * 1000};

static bool put(struct netlink *n, struct netlink_batch *b, const struct xfrm_op *o, const uint8_t thresholds[2][2])
{
    switch (o->kind) {
    case OP_SA_ADD:
        return xfrm_put_sa(n, b, o->sa);
    case OP_SA_DELETE:
    case OP_SA_DELETE_FIRST:
        return xfrm_put_sa_delete(n, b, o->old_sa);
    case OP_THRESHOLD:
        return xfrm_put_thresholds(n, b, thresholds[0], thresholds[1]);
    case OP_POLICY_ADD:
    case OP_CLEAR_ADD:
        return xfrm_put_policy(n, b, o->pol, false);
    case OP_STRENGTHEN:
    case OP_CLEAR_BACK:
    case OP_POLICY_UPDATE:
    case OP_POLICY_BACK:
    case OP_CLEAR_UPDATE:
        return xfrm_put_policy(n, b, o->pol, true);
    case OP_CLEAR_DELETE:
    case OP_POLICY_DELETE:
        return xfrm_put_policy_delete(n, b, o->old_pol);
    }
    return false;
}

static bool put_back(struct netlink *n, struct netlink_batch *b, const struct xfrm_op *o, const struct xfrm_kernel *k)
{
    switch (o->kind) {
    case OP_SA_ADD:
        return xfrm_put_sa_delete(n, b, o->sa);
    case OP_SA_DELETE:
    case OP_SA_DELETE_FIRST:
        return xfrm_put_sa(n, b, o->old_sa);
    case OP_THRESHOLD:
        return xfrm_put_thresholds(n, b, k->hash_threshold[0], k->hash_threshold[1]);
    case OP_POLICY_ADD:
    case OP_CLEAR_ADD:
        return xfrm_put_policy_delete(n, b, o->pol);
    case OP_STRENGTHEN:
    case OP_CLEAR_BACK:
    case OP_POLICY_UPDATE:
    case OP_POLICY_BACK:
    case OP_CLEAR_UPDATE:
        return xfrm_put_policy(n, b, o->old_pol, true);
    case OP_CLEAR_DELETE:
    case OP_POLICY_DELETE:
        return xfrm_put_policy(n, b, o->old_pol, false);
    }
    return false;
}

/* What is gone already need not be removed: somebody was quicker. `arg`: the first step of the batch. */
static bool harmless(uint32_t i, int error, const void *arg)
{
    const struct xfrm_op *o = ((void *const *)arg)[i];
    bool removes = o->kind == OP_POLICY_DELETE || o->kind == OP_CLEAR_DELETE || o->kind == OP_SA_DELETE ||
                   o->kind == OP_SA_DELETE_FIRST;
    return removes && (error == -ENOENT || error == -ESRCH);
}

static int undo(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_kernel *k, uint32_t from, uint32_t to,
                netlink_tolerate_fn *tolerate)
{
    int first = 0;
    for (uint32_t i = to; i-- > from;) { /* one by one: each counts, whatever becomes of the others */
        struct netlink_batch b = {0};
        uint32_t failed;
        int r = put_back(n, &b, d->ops.v[i], k) ? netlink_send(n, &b, 1, tolerate, NULL, &failed) : -ENOMEM;
        netlink_batch_free(&b);
        if (r < 0 && !first)
            first = r;
    }
    return first;
}

int xfrm_diff_undo(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_kernel *k, uint32_t from,
                   uint32_t to)
{
    return undo(n, d, k, from, to, NULL);
}

/* What was never done is not there to be taken back, or is still there. */
static bool was_never_done(uint32_t i, int error, const void *arg)
{
    (void)i;
    (void)arg;
    return error == -ENOENT || error == -ESRCH || error == -EEXIST;
}

/* Steps from `from` to before `to` in one send; `b` is used for it. *at: the one that failed. */
static int run_some(struct netlink *n, struct netlink_batch *b, const struct xfrm_diff *d,
                    const uint8_t thresholds[2][2], uint32_t from, uint32_t to, uint32_t *at)
{
    uint32_t failed = 0;
    int r = 0;
    netlink_batch_clear(b);
    for (uint32_t i = from; i < to && r == 0; i++)
        r = put(n, b, d->ops.v[i], thresholds) ? 0 : -ENOMEM;
    if (r == 0)
        r = netlink_send(n, b, 0, harmless, d->ops.v + from, &failed);
    *at = from + failed;
    return r;
}

int xfrm_diff_run(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_plan *p, const struct xfrm_kernel *k,
                  uint32_t from, uint32_t to, uint32_t *at, int *back)
{
    uint8_t thresholds[2][2];
    struct netlink_batch b = {0};
    const bool has_pauses = to - from >= PAUSE_FROM;
    uint32_t next = from;
    int r = 0;
    *back = 0;
    xfrm_thresholds_wanted(p, k, thresholds[0], thresholds[1]);
    for (uint32_t i = from; i < to && r == 0; i = next) {
        next = to - i > SEND_EVERY ? i + SEND_EVERY : to;
        r = run_some(n, &b, d, thresholds, i, next, at);
        if (has_pauses && r == 0 && next < to)
            nanosleep(&PAUSE, NULL);
    }
    netlink_batch_free(&b);
    if (r == 0)
        return 0;
    /* Of the send that failed, the messages behind the bad one were tried too, and the bad one itself where the answer
     * is lost: undoing what was never done is harmless, leaving what was done is not. */
    char words[sizeof n->extack];
    const bool is_unheard = n->is_unheard;
    memcpy(words, n->extack, sizeof words);
    int behind = undo(n, d, k, is_unheard ? *at : *at + 1, next, was_never_done);
    int before = xfrm_diff_undo(n, d, k, from, *at);
    memcpy(n->extack, words, sizeof words); /* those of what failed, not of the undoing */
    n->is_unheard = is_unheard;
    *back = before < 0 ? before : behind;
    return r;
}
