/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/lint.h"

const struct lint_rule *const lint_families[] = {rules_algorithms, rules_references, rules_maps,
                                                 rules_manual_sa,  rules_transforms, NULL};

void lint_run(const struct ir_config *c, struct diag_list *diags)
{
    struct lint_ctx x = {c, diags};
    for (const struct lint_rule *const *f = lint_families; *f; f++)
        for (const struct lint_rule *r = *f; r->check; r++)
            r->check(&x, r->id);
}
