/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the kernel has to what a plan wants: the steps, in an order that never lets traffic out in the clear that
 * is protected before and after. Nothing that is the same is touched.
 *
 * Priorities are an order, not numbers: policies that are in order already keep theirs, new ones go into the gaps, and
 * only if a gap is too narrow is the whole direction numbered anew (keeping the order at every step).
 */
#ifndef IOSCC_BACKENDS_XFRM_DIFF_H
#define IOSCC_BACKENDS_XFRM_DIFF_H

#include "backends/xfrm/kernel.h"

enum xfrm_op_kind {
    OP_SA_DELETE_FIRST, /* an SA whose key or form changes: it must go before its successor can come */
    OP_SA_ADD,
    OP_THRESHOLD,
    OP_RENUMBER,      /* priority only */
    OP_POLICY_ADD,    /* protecting or blocking */
    OP_POLICY_UPDATE, /* protecting or blocking */
    OP_CLEAR_ADD,     /* policies that let traffic out in the clear come after all that protect … */
    OP_CLEAR_UPDATE,
    OP_POLICY_DELETE, /* … and go, with the rest, when everything new stands */
    OP_SA_DELETE,
};

struct xfrm_op {
    enum xfrm_op_kind kind;
    const struct xfrm_pol *pol, *old_pol; /* what shall be, what is */
    const struct xfrm_sa *sa, *old_sa;
};

/* Identity of an SA that an earlier apply installed (from the state file). */
struct xfrm_sa_id {
    struct ip_addr dst;
    uint32_t spi;
    uint8_t proto;
};

struct xfrm_diff {
    struct ptrlist ops;       /* struct xfrm_op, in the order to run them */
    struct ptrlist conflicts; /* char *: why it cannot be done, in words */
    uint32_t added, changed, removed, same;
    uint32_t sa_added, sa_changed, sa_removed, sa_same;
    bool threshold; /* the kernel's hash thresholds change, for the whole namespace */
};

/* `owned`: struct xfrm_sa_id. The plan's policies get their final priorities and indexes. */
void xfrm_diff_build(struct xfrm_diff *d, struct xfrm_plan *p, const struct xfrm_kernel *k,
                     const struct ptrlist *owned);

/* Lowers what is wanted of a threshold to what is wanted by the plan; the kernel's value where the plan has none. */
void xfrm_thresholds_wanted(const struct xfrm_plan *p, const struct xfrm_kernel *k, uint8_t v4[2], uint8_t v6[2]);

/* Runs the steps. On failure the steps done are undone, the error is returned and *at is the step that failed. */
int xfrm_diff_run(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_plan *p, const struct xfrm_kernel *k,
                  uint32_t from, uint32_t to, uint32_t *at);
/* Undoes steps [from, to), last first. Returns the first error; goes on all the same. */
int xfrm_diff_undo(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_kernel *k, uint32_t from,
                   uint32_t to);
/* Index of the first deletion in the list: what stands before it only adds and changes. */
uint32_t xfrm_diff_first_delete(const struct xfrm_diff *d);

/* One line about a policy or SA, without keys. */
void xfrm_policy_line(struct buf *b, const struct xfrm_pol *p);
void xfrm_sa_line(struct buf *b, const struct xfrm_sa *s, bool show_secrets);

#endif
