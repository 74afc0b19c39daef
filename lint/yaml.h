/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The little of YAML that profiles and settings need, over libyaml: mappings of scalars, with places for messages. */
#ifndef IOSCC_LINT_YAML_H
#define IOSCC_LINT_YAML_H

#include <stdbool.h>
#include <yaml.h>

#include "compiler/base/arena.h"

struct yaml_file {
    yaml_document_t doc;
    struct arena *arena; /* strings are copied here */
    const char *name;
    const char *why; /* the first thing wrong, with its place; NULL */
};

/* Opens a document that must be a mapping (an empty file is an empty one). False with ->why set. Close it in any case.
 */
bool yaml_open(struct yaml_file *y, struct arena *a, const char *name, const char *text, size_t len);
void yaml_close(struct yaml_file *y);

const yaml_node_t *yaml_root(struct yaml_file *y);
/* Walks the pairs of a mapping: false at the end. *i starts at 0. */
bool yaml_pair(struct yaml_file *y, const yaml_node_t *map, unsigned *i, const char **key, const yaml_node_t **value);
/* Items of a sequence; a scalar counts as a sequence of one. */
bool yaml_item(struct yaml_file *y, const yaml_node_t *list, unsigned *i, const yaml_node_t **value);
/* NULL (and ->why) if it is not a scalar. */
const char *yaml_scalar(struct yaml_file *y, const yaml_node_t *n);
/* Remembers the first mistake. Always false. */
bool yaml_bad(struct yaml_file *y, const yaml_node_t *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
