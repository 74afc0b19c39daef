/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SARIF 2.1.0 (OASIS): one run; every rule with its page as help; results with fingerprints and related places. */
#include "lint/embedded.h"
#include "lint/reporters/reporter.h"

#ifndef IOSCC_DOCS_URI
#define IOSCC_DOCS_URI "https://ioscc.example/rules/"
#endif
#ifndef IOSCC_VERSION
#define IOSCC_VERSION "0"
#endif

static const char *level(enum severity s)
{
    return severity_name(s); /* SARIF has the same three words */
}

/* Code scanning platforms sort by this number (0–10, as CVSS): 7 and above is "high". */
static const char *security_severity(const struct diag_info *i)
{
    int family = i->id[2] == '3' || i->id[2] == '5' ? (i->id[2] - '0') * 10 + (i->id[3] - '0') : 0;
    bool crypto = family == 30 || family == 33 || family == 34 || family == 37 || family == 38;
    if (i->severity == SEV_NOTE)
        return "2.0";
    return crypto ? "7.5" : i->severity == SEV_ERROR ? "5.5" : "4.5";
}

static json_t *rule(const struct diag_info *i)
{
    struct buf uri = {0};
    const char *page = embedded_find("rule", i->id);
    buf_printf(&uri, "%s%s", IOSCC_DOCS_URI, i->id);
    json_t *o = json_pack("{s:s, s:s, s:{s:s+}, s:s, s:{s:s}, s:{s:[s,s], s:s, s:s}}", "id", i->id, "name", i->slug,
                          "shortDescription", "text", i->title, ".", "helpUri", uri.p ? uri.p : IOSCC_DOCS_URI,
                          "defaultConfiguration", "level", level(i->severity), "properties", "tags", "security",
                          "network", "precision", "high", "security-severity", security_severity(i));
    if (page)
        json_object_set_new(o, "help", json_pack("{s:s, s:s}", "text", page, "markdown", page));
    buf_free(&uri);
    return o;
}

static void sarif_begin(struct buf *out)
{
    buf_puts(out, "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{"
                  "\"tool\":{\"driver\":{\"name\":\"ioscc\",\"semanticVersion\":\"" IOSCC_VERSION
                  "\",\"informationUri\":\"" IOSCC_DOCS_URI "\",\"rules\":[\n");
    for (int i = 0; i < DIAG_COUNT; i++) {
        buf_puts(out, i ? ",\n" : "");
        report_json(out, rule(&diag_infos[i]));
    }
    buf_puts(out, "]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[");
}

static json_t *location(struct source *src, struct span at, const char *message)
{
    struct buf uri = {0};
    struct place p = report_place(src, at);
    report_uri(&uri, src->name);
    json_t *o =
        json_pack("{s:{s:{s:s}, s:{s:i, s:i, s:i}}}", "physicalLocation", "artifactLocation", "uri", uri.p ? uri.p : "",
                  "region", "startLine", (int)p.line, "startColumn", (int)p.column, "endColumn", (int)p.end_column);
    if (message)
        json_object_set_new(o, "message", json_pack("{s:o}", "text", report_json_text(message)));
    buf_free(&uri);
    return o;
}

static void sarif_file(struct buf *out, const struct report *r)
{
    for (uint32_t i = 0; i < r->diags->items.n; i++) {
        const struct diag *d = r->diags->items.v[i];
        struct buf text = {0};
        buf_printf(&text, "%s%s%s.", d->message, d->hint ? ". Hint: " : "", d->hint ? d->hint : "");
        json_t *o = json_pack("{s:s, s:i, s:s, s:{s:o}, s:[o], s:{s:s}}", "ruleId", diag_infos[d->id].id, "ruleIndex",
                              (int)d->id, "level", level(d->severity), "message", "text",
                              report_json_text(text.p ? text.p : ""), "locations", location(r->src, d->span, NULL),
                              "partialFingerprints", "ioscc/v1", r->fingerprints[i]);
        buf_free(&text);
        if (d->nnotes) {
            json_t *a = json_array();
            for (uint8_t k = 0; k < d->nnotes; k++)
                json_array_append_new(a, location(r->src, d->notes[k].span, d->notes[k].message));
            json_object_set_new(o, "relatedLocations", a);
        }
        buf_puts(out, out->len ? ",\n" : "\n");
        report_json(out, o);
    }
}

static void sarif_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)files, (void)n, (void)colour;
    buf_puts(out, "\n]}]}\n");
}

const struct reporter reporter_sarif = {"sarif", ",", true, sarif_begin, sarif_file, sarif_end};
