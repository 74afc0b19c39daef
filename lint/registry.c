/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/lint.h"

const struct lint_rule *const lint_families[] = {
    rules_algorithms, rules_references, rules_maps,         rules_links,  rules_manual_sa, rules_transforms,
    rules_unused,     rules_lifetimes,  rules_lists,        rules_shadow, rules_filters,   rules_keys,
    rules_identities, rules_profiles,   rules_certificates, NULL};

const struct lint_rule *lint_rule_of(enum diag_id id)
{
    for (const struct lint_rule *const *f = lint_families; *f; f++)
        for (const struct lint_rule *r = *f; r->check; r++)
            if (r->id == id)
                return r;
    return NULL;
}

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

static bool runs(const struct lint_rule *r, const struct lint_settings *s)
{
    uint8_t level = s->level[r->id];
    bool all = s->nprofiles > 4; /* --profile all */
    return level == LEVEL_OFF ? false : level != LEVEL_DEFAULT || all || !(r->flags & RULE_OPT_IN);
}

bool lint_runs(const struct lint_ctx *x, enum diag_id id)
{
    const struct lint_rule *r = lint_rule_of(id);
    return r && runs(r, x->settings);
}

void lint_run(const struct ir_config *c, const struct lint_settings *s, struct diag_list *diags)
{
    struct symtab lists = {0};
    struct lint_ctx x = {c, diags, s, diags->arena, &lists};
    uint32_t before = diags->items.n;
    for (const struct lint_rule *const *f = lint_families; *f; f++)
        for (const struct lint_rule *r = *f, *ran = NULL; r->check; r++) {
            bool again = ran && ran->check == r->check && (r->flags & RULE_TOGETHER);
            if (!again && runs(r, s)) {
                r->check(&x, r->id);
                ran = r;
            }
        }
    lint_say_unmet(&x);
    if (c->broken.n)
        hold_back(c, diags, before);
}
