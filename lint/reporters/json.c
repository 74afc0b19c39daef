/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For programs: one document {"schema", "findings": […], "summary"}. A finding has file, line, column, endColumn (from
 * 1, end exclusive), severity, id, rule, message, fingerprint, and where there are any: hint, notes. Text of the file
 * itself is not included: it may hold keys.
 */
#include "lint/reporters/reporter.h"

static void set_place(json_t *o, struct source *src, struct span at)
{
    struct place p = report_place(src, at);
    json_object_set_new(o, "line", json_integer(p.line));
    json_object_set_new(o, "column", json_integer(p.column));
    json_object_set_new(o, "endColumn", json_integer(p.end_column));
}

static json_t *notes(struct source *src, const struct diag *d)
{
    json_t *a = json_array();
    for (uint8_t i = 0; i < d->nnotes; i++) {
        json_t *n = json_object();
        set_place(n, src, d->notes[i].span);
        json_object_set_new(n, "message", report_json_text(d->notes[i].message));
        json_array_append_new(a, n);
    }
    return a;
}

struct left {
    struct buf *out;
    const char *file;
};
static void left_out(void *ctx, const struct diag_info *i, uint32_t n)
{
    struct left *l = ctx;
    buf_puts(l->out, l->out->len ? ",\n  " : "\n  ");
    report_json(l->out, json_pack("{s:o,s:s,s:s,s:i}", "file", report_json_text(l->file), "id", i->id, "rule", i->slug,
                                  "notShown", (int)n));
}

static void json_file(struct buf *out, const struct report *r)
{
    for (uint32_t i = 0; i < r->diags->items.n; i++) {
        const struct diag *d = r->diags->items.v[i];
        json_t *o = json_object();
        json_object_set_new(o, "file", report_json_text(r->src->name));
        set_place(o, r->src, d->span);
        json_object_set_new(o, "severity", json_string(severity_name(d->severity)));
        json_object_set_new(o, "id", json_string(diag_infos[d->id].id));
        json_object_set_new(o, "rule", json_string(diag_infos[d->id].slug));
        json_object_set_new(o, "message", report_json_text(d->message));
        json_object_set_new(o, "fingerprint", json_string(r->fingerprints[i]));
        if (d->hint)
            json_object_set_new(o, "hint", report_json_text(d->hint));
        if (d->nnotes)
            json_object_set_new(o, "notes", notes(r->src, d));
        buf_puts(out, out->len ? ",\n  " : "\n  ");
        report_json(out, o);
    }
    struct left l = {out, r->src->name};
    report_left_out(r->diags, left_out, &l);
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

const struct reporter reporter_json = {"json", ",", true, json_begin, json_file, json_end};
