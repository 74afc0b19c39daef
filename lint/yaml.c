/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool yaml_bad(struct yaml_file *y, const yaml_node_t *at, const char *fmt, ...)
{
    char text[300], all[400];
    if (y->why)
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(all, sizeof all, "%s:%zu:%zu: %s", y->name, at ? at->start_mark.line + 1 : 1,
             at ? at->start_mark.column + 1 : 1, text);
    y->why = arena_strndup(y->arena, all, strlen(all));
    return false;
}

bool yaml_open(struct yaml_file *y, struct arena *a, const char *name, const char *text, size_t len)
{
    yaml_parser_t p;
    memset(y, 0, sizeof *y);
    y->arena = a;
    y->name = name;
    if (!yaml_parser_initialize(&p))
        return yaml_bad(y, NULL, "out of memory");
    yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
    if (!yaml_parser_load(&p, &y->doc)) {
        char all[400];
        snprintf(all, sizeof all, "%s:%zu:%zu: %s", name, p.problem_mark.line + 1, p.problem_mark.column + 1,
                 p.problem ? p.problem : "not YAML");
        y->why = arena_strndup(a, all, strlen(all));
        memset(&y->doc, 0, sizeof y->doc);
    }
    yaml_parser_delete(&p);
    const yaml_node_t *root = y->why ? NULL : yaml_root(y);
    if (root && root->type != YAML_MAPPING_NODE)
        yaml_bad(y, root, "a mapping is expected");
    return !y->why;
}

void yaml_close(struct yaml_file *y)
{
    yaml_document_delete(&y->doc);
}

const yaml_node_t *yaml_root(struct yaml_file *y)
{
    return yaml_document_get_root_node(&y->doc);
}

const char *yaml_scalar(struct yaml_file *y, const yaml_node_t *n)
{
    if (!n || n->type != YAML_SCALAR_NODE) {
        yaml_bad(y, n, "a single value is expected");
        return NULL;
    }
    return arena_strndup(y->arena, (const char *)n->data.scalar.value, n->data.scalar.length);
}

bool yaml_pair(struct yaml_file *y, const yaml_node_t *map, unsigned *i, const char **key, const yaml_node_t **value)
{
    if (!map || y->why)
        return false;
    if (map->type != YAML_MAPPING_NODE)
        return yaml_bad(y, map, "a mapping is expected");
    const yaml_node_pair_t *p = map->data.mapping.pairs.start + *i;
    if (p >= map->data.mapping.pairs.top)
        return false;
    ++*i;
    *key = yaml_scalar(y, yaml_document_get_node(&y->doc, p->key));
    *value = yaml_document_get_node(&y->doc, p->value);
    return *key != NULL;
}

bool yaml_item(struct yaml_file *y, const yaml_node_t *list, unsigned *i, const yaml_node_t **value)
{
    if (!list || y->why)
        return false;
    if (list->type == YAML_SCALAR_NODE) {
        *value = list;
        return (*i)++ == 0;
    }
    if (list->type != YAML_SEQUENCE_NODE)
        return yaml_bad(y, list, "a list is expected");
    const yaml_node_item_t *p = list->data.sequence.items.start + *i;
    if (p >= list->data.sequence.items.top)
        return false;
    ++*i;
    *value = yaml_document_get_node(&y->doc, *p);
    return true;
}
