/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/baseline.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "lint/reporters/reporter.h"

struct baseline_item {
    const char *file, *fingerprint, *text;
};

bool baseline_init(struct baseline *b)
{
    memset(b, 0, sizeof *b);
    return arena_init(&b->arena, SIZE_MAX);
}

void baseline_free(struct baseline *b)
{
    arena_free(&b->arena);
}

/* Paths are compared without a leading "./". */
static struct str key(struct buf *out, const char *file, const char *fingerprint)
{
    while (file[0] == '.' && file[1] == '/')
        file += 2;
    out->len = 0;
    buf_printf(out, "%s\n%s", file, fingerprint);
    return (struct str){out->p ? out->p : "", (uint32_t)out->len};
}

int baseline_read(struct baseline *b, const char *path, const char **why)
{
    json_error_t e;
    struct buf k = {0};
    const char *file, *print;
    json_t *list, *text;
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    json_t *doc = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
    fclose(f);
    const char *schema = json_string_value(json_object_get(doc, "schema"));
    if (!doc || !schema || strcmp(schema, "ioscc-baseline/1") != 0) {
        struct buf m = {0};
        buf_printf(&m, "%s is not a baseline%s%s", path, doc ? "" : ": ", doc ? "" : e.text);
        *why = arena_strndup(&b->arena, m.p ? m.p : "", m.len);
        buf_free(&m);
        json_decref(doc);
        return -EPROTO;
    }
    json_object_foreach(json_object_get(doc, "files"), file, list) json_object_foreach(list, print, text)
    {
        struct str s = key(&k, file, print);
        symtab_put(&b->arena, &b->known, (struct str){arena_strndup(&b->arena, s.p, s.len), s.len}, 0, b);
    }
    buf_free(&k);
    json_decref(doc);
    return 0;
}

bool baseline_knows(const struct baseline *b, const char *file, const char *fingerprint)
{
    struct buf k = {0};
    bool known = symtab_get(&b->known, key(&k, file, fingerprint), 0) != NULL;
    buf_free(&k);
    return known;
}

void baseline_add(struct baseline *b, const char *file, const char *fingerprint, const struct diag *d)
{
    struct baseline_item *i = ARENA_NEW(&b->arena, struct baseline_item);
    struct buf t = {0};
    while (file[0] == '.' && file[1] == '/')
        file += 2;
    buf_printf(&t, "%s %s", diag_infos[d->id].id, d->message);
    i->file = arena_strndup(&b->arena, file, strlen(file));
    i->fingerprint = arena_strndup(&b->arena, fingerprint, strlen(fingerprint));
    i->text = arena_strndup(&b->arena, t.p ? t.p : "", t.len);
    buf_free(&t);
    ptrlist_add(&b->arena, &b->added, i);
}

int baseline_write(const struct baseline *b, const char *path)
{
    json_t *files = json_object();
    PTRLIST_FOR (struct baseline_item, i, &b->added) {
        json_t *name = report_json_text(i->file), *one = json_object_get(files, json_string_value(name));
        if (!one) {
            one = json_object();
            json_object_set_new(files, json_string_value(name), one);
        }
        json_object_set_new(one, i->fingerprint, report_json_text(i->text));
        json_decref(name);
    }
    json_t *doc = json_pack("{s:s, s:o}", "schema", "ioscc-baseline/1", "files", files);
    int r = doc && json_dump_file(doc, path, JSON_INDENT(1) | JSON_SORT_KEYS) == 0 ? 0 : errno ? -errno : -EIO;
    json_decref(doc);
    return r;
}
