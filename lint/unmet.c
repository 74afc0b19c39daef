/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the planner and the daemon block, said by check (compiler/sem/needs.h): every unmet need of an entry in force
 * that the router would not do either has the finding of a rule. Most of them the rule has raised itself, at the same
 * line; what it does not see comes from the table.
 */
#include <stdio.h>
#include <string.h>

#include "compiler/sem/needs.h"
#include "lint/lint.h"

struct said {
    struct lint_ctx *x;
    struct symtab places; /* (finding, where it is) → a finding of it */
    struct symtab lines;  /* (finding, where the line begins) → one of any rule: of the first `noted` findings */
    uint32_t noted;
};

static struct str key_of(enum diag_id id)
{
    const char *name = diag_infos[id].id;
    return (struct str){name, (uint32_t)strlen(name)};
}

/* Where the line begins. */
static uint32_t line_of(const struct said *s, struct span at)
{
    uint32_t off = at.off;
    while (off && s->x->c->source->text[off - 1] != '\n')
        off--;
    return off;
}

/* Has a rule said the same of the line? It may point at a word of it. */
static bool is_said_by_rule(struct said *s, enum diag_id id, struct span line)
{
    for (; s->noted < s->x->diags->items.n; s->noted++) {
        const struct diag *d = s->x->diags->items.v[s->noted];
        symtab_put(s->x->arena, &s->lines, key_of((enum diag_id)d->id), line_of(s, d->span), s);
    }
    return symtab_get(&s->lines, key_of(id), line_of(s, line)) != NULL;
}

static bool is_first(struct said *s, enum diag_id id, struct span line)
{
    if (symtab_get(&s->places, key_of(id), line.off))
        return false;
    symtab_put(s->x->arena, &s->places, key_of(id), line.off, s);
    return true;
}

static bool is_new(struct said *s, enum diag_id id, const struct unmet *u)
{
    bool counts = id != DIAG_COUNT && lint_runs(s->x, id) && !lint_is_placeholder(u->name);
    return counts && is_first(s, id, u->at) && !(s->x->diags->per_id[id] && is_said_by_rule(s, id, u->at));
}

static void say_unmet(void *ctx, const struct unmet *u)
{
    struct said *s = ctx;
    enum diag_id id = need_finding(u->need);
    if (!is_new(s, id, u))
        return;
    char name[80] = "";
    if (u->name.len)
        snprintf(name, sizeof name, " (" STR_FMT ")", STR_ARG(u->name));
    struct diag *d = diag_add(s->x->diags, id, u->at, "entry %llu: %s%s", (unsigned long long)u->entry->seq.v,
                              need_text(u->need), name);
    if (u->at.off != u->entry->span.off)
        diag_note(s->x->diags, d, u->entry->span, "the entry is here");
}

void lint_say_unmet(struct lint_ctx *x)
{
    struct said s = {.x = x};
    needs_in_force(x->arena, x->c, say_unmet, &s);
}

void lint_by_needs(struct lint_ctx *x, enum diag_id id)
{
    (void)x;
    (void)id;
}
