/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/lint.h"

const struct lint_rule *const lint_families[] = {rules_algorithms, rules_references, rules_maps,
                                                 rules_manual_sa,  rules_transforms, NULL};

/* What a block lacks may stand in the line of it that was not understood, and that has been said: findings about the
 * block as a whole, which point at its first line, are held back. */
static void hold_back(const struct ir_config *c, struct diag_list *diags, uint32_t from)
{
    uint32_t kept = from;
    for (uint32_t i = from; i < diags->items.n; i++) {
        struct diag *d = diags->items.v[i];
        const struct span *block = symtab_get(&c->broken, STR_EMPTY, d->span.off);
        bool about_block =
            block && block->off == d->span.off && block->len == d->span.len && d->id != D_PROPOSAL_UNATTACHED;
        if (!about_block)
            diags->items.v[kept++] = d;
        else
            diags->per_id[d->id]--;
    }
    diags->items.n = kept;
}

void lint_run(const struct ir_config *c, struct diag_list *diags)
{
    struct lint_ctx x = {c, diags};
    uint32_t before = diags->items.n;
    for (const struct lint_rule *const *f = lint_families; *f; f++)
        for (const struct lint_rule *r = *f; r->check; r++)
            r->check(&x, r->id);
    if (c->broken.n)
        hold_back(c, diags, before);
}
