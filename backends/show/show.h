/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the router itself would print for `show …` about its configuration. Layouts follow captured output: the classic
 * one (IOS 12.4 to 15.x: eight blanks) and that of current IOS XE (tabs, more lines); the `version` line decides.
 */
#ifndef IOSCC_BACKENDS_SHOW_SHOW_H
#define IOSCC_BACKENDS_SHOW_SHOW_H

#include "backends/nftables/kernel.h"
#include "backends/xfrm/kernel.h"
#include "compiler/ir/ir.h"

/* The host the configuration is applied to, for what the text alone does not say. */
struct show_live {
    const struct target *target;
    const struct xfrm_kernel *sas;
    const struct nft_held *filter;
    /* An SA's counters when they were cleared, or NULL. */
    const struct xfrm_sa *(*base)(const struct show_live *l, const struct xfrm_sa *s);
    const void *base_arg;
};

/* Restricts what is printed; NULL or empty: everything. */
struct show_filter {
    struct str name;      /* tag, list, proposal … */
    struct str interface; /* canonical name */
    struct str map, peer;
    bool detail;
    const struct show_live *live; /* NULL: from the text alone */
    const void *daemon;           /* json_t: the IKE daemon's SAs; for commands with from_daemon */
};

struct show_command {
    const char *words[4];    /* keywords, NULL-terminated; abbreviations are resolved among all commands */
    const char *selector[5]; /* keywords that may follow, each with a value: "tag", "interface"; "" = a bare value */
    void (*print)(struct buf *out, const struct ir_config *c, const struct show_filter *f);
    const char *summary;
    bool live_only;   /* needs the host; with from_daemon: it looks at what is applied too, if anything is */
    bool from_daemon; /* needs the IKE daemon, and no configuration */
};
extern const struct show_command show_commands[]; /* ends with print NULL */

void show_crypto_map(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_dynamic_map(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_transform_sets(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_ikev2_proposals(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_isakmp_policies(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_access_lists(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_ipsec_sa(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_isakmp_sa(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_ikev2_sa(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_session(struct buf *out, const struct ir_config *c, const struct show_filter *f);
void show_sa_lifetime(struct buf *out, const struct ir_config *c, const struct show_filter *f);

#endif
