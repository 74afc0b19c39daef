/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One configuration against one host: both plans, what the kernel holds, the steps between the two, and carrying them
 * out as a whole. Used the same way for plan, apply, status (plan of what is applied), remove (plan of nothing) and
 * rollback (plan of what was applied before).
 */
#ifndef IOSCC_BACKENDS_APPLY_APPLY_H
#define IOSCC_BACKENDS_APPLY_APPLY_H

#include <pthread.h>

#include "backends/apply/state.h"
#include "backends/account/account.h"
#include "backends/nftables/kernel.h"
#include "compiler/base/must.h"

/* The kernel's objects are read by a thread of its own while the configuration is read. */
struct kernel_reader {
    pthread_t thread;
    struct arena arena; /* holds what was read */
    bool want_xfrm, want_nft, running, has_arena;
    int error;                       /* negative errno */
    const char *what;                /* that could not be done */
    const struct netlink *failed_on; /* whose words the kernel's are, NULL: it was not asked */
};

struct apply {
    struct kernel_reader reader;
    struct arena *arena;
    struct if_map ifs;
    struct target target;
    struct netlink xfrm_link, nft_link;
    struct xfrm_plan xfrm;
    struct xfrm_kernel xfrm_held;
    struct xfrm_diff xfrm_diff;
    struct nft_plan nft;
    struct nft_held nft_held;
    struct nft_diff nft_diff;
    struct ptrlist sas_refused; /* struct sa_refused: transform sets of which the kernel takes no SA */
    uint32_t flows_anew;        /* connections from before whose translation was another: they begin anew */
    char error[512];            /* what went wrong, as a sentence with what to do */
    char warning[256];          /* applied, but: a sentence; "" if there is nothing to say */
    bool is_repair; /* set after apply_begin(): what is missing on the host keeps nothing else from being put right, or
                     * from being compared */
    bool looks_at_routes; /* set after apply_begin(): findings about where this host's routes lead are asked for */
    char lacks[256];      /* of a repair, or where partly is allowed: what is missing or in the way; "" if nothing is */
    bool is_half_done;    /* it failed, and what had been done could not be taken back */
    bool is_another_file; /* set by who knows: nothing is to change, and what is applied is not this file: keys, and what
                           * IKE negotiates by, may be others */
};

/* The host's interfaces and addresses. Returns 0 or a negative errno. */
int host_links_read(struct arena *ar, struct ptrlist *links) MUST_CHECK;

/* Opens the kernel's interfaces and begins to read what `how` is about. Always succeeds: errors are told by
 * apply_prepare(). `a` must not move afterwards. */
void apply_begin(struct apply *a, const struct state_config *how);

/*
 * After apply_begin(). Plans `c` (NULL: nothing) for this host as `how` says, reads the kernel, works out the steps.
 * `s` tells which SAs are ours. Findings go to `diags`. Returns 0, or a negative errno with a->error set.
 */
int apply_prepare(struct apply *a, struct arena *ar, const struct ir_config *c, const struct state_config *how,
                  const struct state *s, struct diag_list *diags) MUST_CHECK;
/* Is there anything to do? */
bool apply_needed(const struct apply *a) MUST_CHECK;
/* Does something of somebody else keep what is planned from holding? Policies of theirs at a place of ours, or before
 * ours for some of its packets: no step of ours ends that. */
bool apply_is_disturbed(const struct apply *a) MUST_CHECK;
/* With --only: does something of ours stand in the half that is left alone? 0 or a negative errno. */
int apply_other_half(struct apply *a, bool *stands) MUST_CHECK;
/* Carries the steps out. On failure everything is put back and a->error says what happened; if that failed too, the
 * sentence says so. */
int apply_run(struct apply *a) MUST_CHECK;
/* The same for a repair: policies and nftables each as far as the kernel takes them, and nothing is put back. 0, or the
 * first error with a->error. */
int apply_repair(struct apply *a) MUST_CHECK;
/* The same in a network namespace made for it and thrown away, from nothing; and an SA of each transform set is tried.
 * 0, a negative errno, or REHEARSED_WITHOUT_SAS: the kernel takes all but SAs. a->error says why. */
#define REHEARSED_WITHOUT_SAS 1
int apply_rehearse(struct apply *a) MUST_CHECK;
void apply_end(struct apply *a);

/* What would change, line by line, and a summary line. */
void apply_print(struct buf *b, const struct apply *a);
/* The plan as JSON, without keys. */
/* `lines`: of account_build(), printed too; NULL: not asked for. */
void apply_print_json(struct buf *b, const struct apply *a, const struct account *lines);

#endif
