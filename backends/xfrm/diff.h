/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the kernel has to what a plan wants: the steps, in an order that never lets traffic out in the clear that
 * is protected before and after. Nothing that is the same is touched.
 *
 * Priorities are an order, not numbers: policies that are in order already keep theirs, new ones go into the gaps. When
 * a gap is too narrow the whole direction gets numbers in another band, all above or all below the old ones.
 *
 * Why no packet that is protected before and after is ever in the clear on the way. Let P0 protect it before and P
 * after. Clear policies that go, or move back, do so first, and those that become protection become it where they
 * stand. From then on every clear policy in the kernel stands where it will stand or behind that, so behind P's place.
 * New protection and what moves forward comes next, while P0 still stands or has moved forward itself; only then does
 * protection move back, when P is in place (or is what moves back, and stays before every clear policy). Clear policies
 * that come or move forward follow, and what is no longer wanted goes last. tests/property/prop_diff holds the steps to
 * that.
 */
#ifndef IOSCC_BACKENDS_XFRM_DIFF_H
#define IOSCC_BACKENDS_XFRM_DIFF_H

#include "backends/xfrm/kernel.h"
#include "compiler/base/must.h"

/* In the order they are carried out. "Protecting" includes blocking. */
enum xfrm_op_kind {
    OP_SA_DELETE_FIRST, /* an SA whose key or form changes: it must go before its successor can come */
    OP_SA_ADD,
    OP_THRESHOLD,
    OP_STRENGTHEN, /* a clear policy becomes a protecting one, in its place */
    OP_CLEAR_DELETE,
    OP_CLEAR_BACK, /* a clear policy moves back in the order */
    OP_POLICY_ADD,
    OP_POLICY_UPDATE, /* a protecting policy changes, or moves forward */
    OP_POLICY_BACK,
    OP_CLEAR_ADD,
    OP_CLEAR_UPDATE, /* a clear policy moves forward, or a protecting one becomes clear */
    OP_POLICY_DELETE,
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
    struct ptrlist ahead;     /* struct xfrm_pol of others, before one of ours and for some of its packets */
    uint32_t added, changed, removed, same;
    uint32_t sa_added, sa_changed, sa_removed, sa_same;
    bool threshold; /* the kernel's hash thresholds change, for the whole namespace */
};

/* `owned`: struct xfrm_sa_id. The plan's policies get their final priorities and indexes. */
void xfrm_diff_build(struct xfrm_diff *d, struct xfrm_plan *p, const struct xfrm_kernel *k,
                     const struct ptrlist *owned);

/* Fills d->ahead. The plan's policies have their final priorities. ahead.c. */
void xfrm_find_ahead(struct xfrm_diff *d, const struct xfrm_plan *p, const struct xfrm_kernel *k);

/* Outbound policies of ours that protect (or block). By addresses, ports and protocols, not by number: ten lines may
 * become one that says the same, and one wildcard in place of another leaves a network outside. */
struct xfrm_kept {
    uint32_t standing; /* in the kernel; those that close a whole interface are not counted */
    uint32_t lost;     /* of them: less than half of their packets stay protected by the plan */
    uint32_t fresh;    /* of the plan: less than half of their packets are protected now; 0 where nothing is lost */
};
/* O(policies), see box_index. The boxes are made in `ar`. kept.c. */
struct xfrm_kept xfrm_kept(struct arena *ar, const struct xfrm_plan *p, const struct xfrm_kernel *k) MUST_CHECK;

/* Lowers what is wanted of a threshold to what is wanted by the plan; the kernel's value where the plan has none. */
void xfrm_thresholds_wanted(const struct xfrm_plan *p, const struct xfrm_kernel *k, uint8_t v4[2], uint8_t v6[2]);

/* Runs the steps. On failure the steps done are undone, the error is returned and *at is the step that failed; *back is
 * 0, or why not all could be undone. */
int xfrm_diff_run(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_plan *p, const struct xfrm_kernel *k,
                  uint32_t from, uint32_t to, uint32_t *at, int *back) MUST_CHECK;
/* Undoes steps [from, to), last first. Returns the first error; goes on all the same. */
int xfrm_diff_undo(struct netlink *n, const struct xfrm_diff *d, const struct xfrm_kernel *k, uint32_t from,
                   uint32_t to) MUST_CHECK;
/* One line about a policy or SA, without keys. */
void xfrm_policy_line(struct buf *b, const struct xfrm_pol *p);
void xfrm_sa_line(struct buf *b, const struct xfrm_sa *s, bool show_secrets);

#endif
