/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules over the IR. A rule is a function and a row: the row names the message (compiler/base/diag.def holds id,
 * severity and title) and the authority; the function walks the configuration and reports. Rules read the IR only.
 */
#ifndef IOSCC_LINT_LINT_H
#define IOSCC_LINT_LINT_H

#include "compiler/base/diag.h"
#include "compiler/ir/ir.h"

struct lint_ctx {
    const struct ir_config *c;
    struct diag_list *diags;
};

struct lint_rule {
    enum diag_id id;
    const char *authority; /* where the rule comes from */
    void (*check)(struct lint_ctx *x, enum diag_id id);
};

/* Families end with a row whose check is NULL. */
extern const struct lint_rule rules_algorithms[], rules_references[], rules_maps[], rules_manual_sa[],
    rules_transforms[];
extern const struct lint_rule *const lint_families[];

/* Runs every rule over one configuration. */
void lint_run(const struct ir_config *c, struct diag_list *diags);

#endif
