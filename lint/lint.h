/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules over the IR. A rule is a function and a row: the row names the message (compiler/base/diag.def holds id,
 * severity and title) and the authority; the function walks the configuration and reports. Rules read the IR only.
 * docs/rules/ID.md is the rule's page, testdata/rules/ID its two examples.
 */
#ifndef IOSCC_LINT_LINT_H
#define IOSCC_LINT_LINT_H

#include "compiler/base/diag.h"
#include "compiler/ir/ir.h"
#include "compiler/sets/sets.h"
#include "lint/settings.h"

struct lint_ctx {
    const struct ir_config *c;
    struct diag_list *diags;
    const struct lint_settings *settings;
    struct arena *arena;  /* that of the findings; for what a rule needs while it works */
    struct symtab *lists; /* access lists as packet sets, worked out once: lint_list_of(), lint_permits() */
};

struct lint_rule {
    enum diag_id id;
    const char *authority; /* where the rule comes from */
    void (*check)(struct lint_ctx *x, enum diag_id id);
    unsigned flags; /* enum rule_flag */
};

enum rule_flag {
    RULE_OPT_IN = 1, /* only with `--rule ID=…`, a settings file, or --profile all: advice that not every team shares */
    RULE_TOGETHER = 2, /* rows that stand together and have one function: one call raises all of their findings */
};

/* Families end with a row whose check is NULL. */
extern const struct lint_rule rules_algorithms[], rules_references[], rules_maps[], rules_links[], rules_manual_sa[],
    rules_transforms[], rules_unused[], rules_lifetimes[], rules_lists[], rules_shadow[], rules_filters[], rules_keys[],
    rules_identities[], rules_profiles[], rules_certificates[];
extern const struct lint_rule *const lint_families[];

/* The row of a message, NULL if no rule raises it (the reader, the meaning and the kernel backends raise the others).
 */
const struct lint_rule *lint_rule_of(enum diag_id id);

/* Runs every rule that is on over one configuration. */
void lint_run(const struct ir_config *c, const struct lint_settings *s, struct diag_list *diags);

/* Says what of compiler/sem/needs.h no rule has said. unmet.c. */
void lint_say_unmet(struct lint_ctx *x);
/* The function of a rule whose findings come from that table alone: it does nothing itself. */
void lint_by_needs(struct lint_ctx *x, enum diag_id id);
/* A name in a template: <NAME>, {{ name }}, [NAME]. */
bool lint_is_placeholder(struct str name) MUST_CHECK;
/* Is the rule that raises this finding on? False for findings of the reader. */
bool lint_runs(const struct lint_ctx *x, enum diag_id id) MUST_CHECK;

/* ---- for rules ---- */

/* Every entry of static maps, then of dynamic ones. */
typedef void lint_entry_fn(struct lint_ctx *, enum diag_id, const struct crypto_map *, const struct crypto_map_entry *);
void lint_static_entries(struct lint_ctx *x, enum diag_id id, lint_entry_fn *f);
void lint_dynamic_entries(struct lint_ctx *x, enum diag_id id, lint_entry_fn *f);

/* Every access list that a crypto map entry names, once, with an entry that does. */
typedef void lint_list_fn(struct lint_ctx *, enum diag_id, const struct acl *, const struct crypto_map_entry *);
void lint_crypto_lists(struct lint_ctx *x, enum diag_id id, lint_list_fn *f);

/* A whole running configuration (it has a version line), not a part of one: what it lacks is really not there. */
static inline bool lint_is_whole(const struct ir_config *c)
{
    return IR_IS_SET(c->version);
}
/* A part of a configuration, such as a block in a manual: no version line, and nothing in it that names something else
 * in it. What a part lacks says nothing. */
bool lint_is_part(const struct ir_config *c);
#define LINT_BOXES_MAX 20000u
/* An access list as packet sets. */
struct lint_line {
    const struct ace *ace;
    struct boxes boxes;
    enum line_sets exact;
};
struct lint_list {
    struct lint_line *v;
    uint32_t n;
    bool unknown;          /* some line's packets cannot be told */
    struct boxes *permits; /* see lint_permits(); NULL: not asked for yet */
};
/* The same object each time, however many entries share the list. */
struct lint_list *lint_list_of(struct lint_ctx *x, const struct acl *a);
/* What the list's permit lines select once the denies before them are taken away: one item for each line, same order
 * as l->v; deny lines have none. A deny that cannot be told exactly takes nothing away. */
const struct boxes *lint_permits(struct lint_ctx *x, struct lint_list *l);

#endif
