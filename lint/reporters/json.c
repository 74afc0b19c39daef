/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For programs: one document {"schema", "findings": […], "summary"}. A finding has file, line, column, endColumn (from
 * 1, end exclusive), severity, id, rule, message, and where there are any: hint, notes. Text of the file itself is not
 * included: it may hold keys.
 */
#include <jansson.h>

#include "lint/reporters/reporter.h"

/* Bytes that are not UTF-8 (Latin-1 files) become U+FFFD, so that the document is valid whatever the input was. */
static json_t *text(const char *z)
{
    json_t *j = json_string(z);
    if (j)
        return j;
    struct buf b = {0};
    for (const char *p = z; *p; p++) {
        if ((unsigned char)*p < 0x80)
            buf_putc(&b, *p);
        else
            buf_puts(&b, "\xef\xbf\xbd");
    }
    j = json_string(b.p ? b.p : "");
    buf_free(&b);
    return j;
}

static void place(json_t *o, struct source *src, struct span at)
{
    struct location loc = source_locate(src, at.off);
    json_object_set_new(o, "line", json_integer(loc.line));
    json_object_set_new(o, "column", json_integer(loc.column));
    struct location end = source_locate(src, at.off + at.len);
    json_object_set_new(o, "endColumn", json_integer(end.line == loc.line ? end.column : loc.column + 1));
}

static void emit(struct buf *out, json_t *o, bool first)
{
    char *z = json_dumps(o, JSON_COMPACT);
    buf_puts(out, first ? "\n  " : ",\n  ");
    if (z)
        buf_puts(out, z);
    else
        out->failed = true;
    free(z);
    json_decref(o);
}

static bool json_file(struct buf *out, struct source *src, const struct diag_list *l, bool colour, bool first)
{
    (void)colour;
    bool any = false;
    PTRLIST_FOR (struct diag, d, &l->items) {
        json_t *o = json_object();
        json_object_set_new(o, "file", text(src->name));
        place(o, src, d->span);
        json_object_set_new(o, "severity", json_string(severity_name(d->severity)));
        json_object_set_new(o, "id", json_string(diag_infos[d->id].id));
        json_object_set_new(o, "rule", json_string(diag_infos[d->id].slug));
        json_object_set_new(o, "message", text(d->message));
        if (d->hint)
            json_object_set_new(o, "hint", text(d->hint));
        if (d->nnotes) {
            json_t *notes = json_array();
            for (uint8_t i = 0; i < d->nnotes; i++) {
                json_t *n = json_object();
                place(n, src, d->notes[i].span);
                json_object_set_new(n, "message", text(d->notes[i].message));
                json_array_append_new(notes, n);
            }
            json_object_set_new(o, "notes", notes);
        }
        emit(out, o, first && !any);
        any = true;
    }
    for (int id = 0; id < DIAG_COUNT; id++)
        if (l->per_id[id] > DIAG_CAP) {
            json_t *o = json_pack("{s:o,s:s,s:s,s:i}", "file", text(src->name), "id", diag_infos[id].id, "rule",
                                  diag_infos[id].slug, "notShown", (int)(l->per_id[id] - DIAG_CAP));
            emit(out, o, first && !any);
            any = true;
        }
    return any;
}

static bool json_unreadable(struct buf *out, const char *path, const char *why, bool colour, bool first)
{
    (void)colour;
    json_t *o = json_object();
    json_object_set_new(o, "file", text(path));
    json_object_set_new(o, "severity", json_string("error"));
    json_object_set_new(o, "id", json_string("IC0001"));
    json_object_set_new(o, "rule", json_string("unreadable"));
    json_object_set_new(o, "message", text(why));
    emit(out, o, first);
    return true;
}

static void json_begin(struct buf *out)
{
    buf_puts(out, "{\"schema\": \"ioscc-findings/1\", \"findings\": [");
}

static void json_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)colour;
    buf_printf(out, "\n], \"summary\": {\"files\": %u, \"errors\": %u, \"warnings\": %u, \"notes\": %u}}\n", files,
               n[SEV_ERROR], n[SEV_WARNING], n[SEV_NOTE]);
}

const struct reporter reporter_json = {"json", json_begin, json_file, json_unreadable, json_end};
