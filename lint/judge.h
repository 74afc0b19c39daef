/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a compiled file to the findings a team wants to see: rules, ignore comments, severities, order. */
#ifndef IOSCC_LINT_JUDGE_H
#define IOSCC_LINT_JUDGE_H

#include "compiler/sem/sem.h"
#include "lint/lint.h"

/* Runs the rules over every configuration of the file, takes away what comments in it ignore and what is off, and sorts
 * what is left. */
void lint_judge(struct compiled *c, const struct lint_settings *s);

/* `! ioscc: ignore=ID[,ID] reason` covers the next line that is no comment and, if that line begins a block, the block;
 * `! ioscc: ignore-file=ID[,ID] reason` covers the file. IDs or slugs. Removes what is covered; reports comments that
 * cover nothing, name no rule, or give no reason. */
void lint_suppress(struct source *src, const struct lint_settings *s, struct diag_list *l);

/* A name for a finding that survives edits elsewhere in the file: made of the rule, the text of the line (keys masked),
 * the first line of its block, and a count among equal ones. 16 bytes as 32 hexadecimal digits, in *out[i] for item i
 * of the list, in the list's arena. The file's name is not part of it. */
void lint_fingerprints(struct source *src, const struct diag_list *l, const char **out);

#endif
