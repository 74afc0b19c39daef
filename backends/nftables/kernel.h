/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's end of a ruleset: libnftnl objects from plain data (nl.c, expr.c), what the kernel holds of our table
 * (read.c), and the batch that makes one into the other (diff.c). One batch is one transaction: all of it or nothing.
 */
#ifndef IOSCC_BACKENDS_NFTABLES_KERNEL_H
#define IOSCC_BACKENDS_NFTABLES_KERNEL_H

#include <inttypes.h>

#include <stdio.h>

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include "backends/netlink/netlink.h"
#include "backends/nftables/plan.h"
#include "compiler/base/must.h"

/* A rule of our table in the kernel. */
struct nft_held_rule {
    uint64_t handle, packets, bytes;
    struct str form; /* its expressions as text, counters at zero: equal forms are equal rules */
    const char *comment;
};
struct nft_held_chain {
    const char *name;
    struct str form; /* type, hook, priority, policy */
    struct ptrlist rules;
};
struct nft_held_element {
    struct str key; /* key and end of range, as bytes */
    const char *comment;
    bool drop; /* of a verdict map */
    uint64_t packets, bytes;
};
struct nft_held_set {
    const char *name;
    struct str form;         /* key type and length, flags */
    struct ptrlist elements; /* struct nft_held_element */
    struct symtab by_key;
};
struct nft_held {
    struct arena *arena;
    bool exists, is_dormant; /* dormant: it is there, and none of its chains is asked */
    bool is_marked;          /* its comment says that it is ours */
    struct ptrlist chains, sets;
};

/* Reads our table. Returns 0 or a negative errno; no table is not an error. */
int nft_held_read(struct netlink *n, struct arena *ar, struct nft_held *h) MUST_CHECK;

/* Is that the error of a kernel without nftables, or of one that does not tell who asks? */
bool nft_has_no_tables(int error) MUST_CHECK;
/* The id of the state that our table was applied by (nft_plan_own()); 0: no table, or it says nothing. 0 or a negative
 * errno. */
int nft_owner_read(struct netlink *n, uint64_t *id) MUST_CHECK;

/* libnftnl objects; NULL when memory is out. The caller frees them. */
struct nftnl_rule *nft_build_rule(const struct nft_chain *c, const struct nft_rule *r);
struct nftnl_chain *nft_build_chain(const struct nft_chain *c);
struct nftnl_set *nft_build_set(const struct nft_set *s);
struct nftnl_set_elem *nft_build_element(const struct nft_set *s, const struct nft_element *e);

/* The forms by which plan and kernel are compared. */
struct str nft_rule_form(struct arena *ar, const struct nftnl_rule *r);
struct str nft_chain_form(struct arena *ar, const struct nftnl_chain *c);
struct str nft_set_form(struct arena *ar, const struct nftnl_set *s);
struct str nft_element_key(struct arena *ar, const struct nftnl_set_elem *e);

struct nft_diff {
    uint32_t chains_added, chains_removed, chains_changed, rules_added, rules_removed;
    uint32_t sets_added, sets_removed, sets_changed, elements_added, elements_removed;
    uint32_t chains_followed; /* of those changed: such as only say which links are known */
    bool table_added, table_removed;
    bool owner_changed; /* the table says that another state applied it */
    bool any;           /* something changes */
    bool is_left_over;  /* nft_diff_run(): what stood before is in force no more, and could not be taken away */
    const struct nft_held *held; /* that it was built against */
    /* What is made beside the rest before, where nobody looks (generation.h), the same taken back, and what nobody
     * looks at any more afterwards; n 0: not needed. */
    struct netlink_batch fill, unfill, sweep;
    struct netlink_batch batch;
};
/* Makes the batches. Rules before the first difference of a chain stay with their counters, and so do all elements that
 * are in both. What the kernel's table says of known links is taken over into the plan. Returns 0 or -ENOMEM. */
int nft_diff_build(struct netlink *n, struct nft_diff *d, struct nft_plan *p, const struct nft_held *h) MUST_CHECK;
/* Is all that changes that links have come which were not known? */
bool nft_diff_follows_links(const struct nft_diff *d) MUST_CHECK;
/* Sends them. 0, or a negative errno and the table is as it was. Where the kernel refuses as something in the table is
 * not what it seems (somebody has put rules of his own there that lead to ours), the table is deleted and made anew in
 * one transaction, whatever is in it. */
int nft_diff_run(struct netlink *n, struct nft_diff *d, struct nft_plan *p) MUST_CHECK;
void nft_diff_free(struct nft_diff *d);

#endif
