/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line for each finding: compilers (gcc), GitHub workflow commands, reviewdog (rdjsonl), GitLab Code Quality. */
#include "lint/reporters/reporter.h"

static void gcc_file(struct buf *out, const struct report *r)
{
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        struct place p = report_place(r->src, d->span);
        buf_printf(out, "%s:%u:%u: %s: %s [%s]\n", r->src->name, p.line, p.column, severity_name(d->severity),
                   d->message, diag_infos[d->id].id);
    }
}

/* "%", CR and LF always; ":" and "," in properties too. */
static void github_text(struct buf *out, const char *z, bool property)
{
    for (; *z; z++) {
        bool special = *z == '%' || *z == '\r' || *z == '\n' || (property && (*z == ':' || *z == ','));
        if (special)
            buf_printf(out, "%%%02X", (unsigned char)*z);
        else
            buf_putc(out, *z);
    }
}

static void github_file(struct buf *out, const struct report *r)
{
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        struct place p = report_place(r->src, d->span);
        buf_printf(out, "::%s file=", d->severity == SEV_NOTE ? "notice" : severity_name(d->severity));
        github_text(out, r->src->name, true);
        buf_printf(out, ",line=%u,col=%u,endColumn=%u,title=%s %s::", p.line, p.column, p.end_column,
                   diag_infos[d->id].id, diag_infos[d->id].slug);
        github_text(out, d->message, false);
        if (d->hint) {
            buf_puts(out, "%0A");
            github_text(out, d->hint, false);
        }
        buf_putc(out, '\n');
    }
}

static void rdjsonl_file(struct buf *out, const struct report *r)
{
    static const char *const words[] = {[SEV_NOTE] = "INFO", [SEV_WARNING] = "WARNING", [SEV_ERROR] = "ERROR"};
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        struct place p = report_place(r->src, d->span);
        json_t *o = json_pack("{s:o, s:{s:o, s:{s:{s:i,s:i}, s:{s:i,s:i}}}, s:s, s:{s:s}, s:{s:s}}", "message",
                              report_json_text(d->message), "location", "path", report_json_text(r->src->name), "range",
                              "start", "line", (int)p.line, "column", (int)p.column, "end", "line", (int)p.line,
                              "column", (int)p.end_column, "severity", words[d->severity], "source", "name", "ioscc",
                              "code", "value", diag_infos[d->id].id);
        report_json(out, o);
        buf_putc(out, '\n');
    }
}

static void gitlab_begin(struct buf *out)
{
    buf_puts(out, "[");
}

static void gitlab_file(struct buf *out, const struct report *r)
{
    static const char *const words[] = {[SEV_NOTE] = "info", [SEV_WARNING] = "minor", [SEV_ERROR] = "major"};
    for (uint32_t i = 0; i < r->diags->items.n; i++) {
        const struct diag *d = r->diags->items.v[i];
        const char *path = r->src->name;
        if (path[0] == '.' && path[1] == '/')
            path += 2;
        struct buf print = {0}; /* GitLab wants it unique in the report: the path is part of it */
        buf_printf(&print, "%s:%s", r->fingerprints[i], path);
        json_t *o =
            json_pack("{s:o, s:s, s:o, s:s, s:{s:o, s:{s:i}}}", "description", report_json_text(d->message),
                      "check_name", diag_infos[d->id].id, "fingerprint", report_json_text(print.p ? print.p : ""),
                      "severity", words[d->severity], "location", "path", report_json_text(path), "lines", "begin",
                      (int)report_place(r->src, d->span).line);
        buf_free(&print);
        buf_puts(out, out->len ? ",\n" : "\n");
        report_json(out, o);
    }
}

static void gitlab_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)files, (void)n, (void)colour;
    buf_puts(out, "\n]\n");
}

const struct reporter reporter_gcc = {"gcc", "", false, NULL, gcc_file, NULL};
const struct reporter reporter_github = {"github", "", false, NULL, github_file, NULL};
const struct reporter reporter_rdjsonl = {"rdjsonl", "", false, NULL, rdjsonl_file, NULL};
const struct reporter reporter_gitlab = {"gitlab", ",", true, gitlab_begin, gitlab_file, gitlab_end};
