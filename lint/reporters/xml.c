/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JUnit (a file is a suite, a finding a case; errors and warnings fail it, notes do not) and Checkstyle. */
#include "lint/reporters/reporter.h"

static void attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=\"", name);
    report_xml_text(out, value);
    buf_putc(out, '"');
}

static void junit_begin(struct buf *out)
{
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ioscc\">\n");
}

static void junit_case(struct buf *out, struct source *src, const struct diag *d)
{
    struct place p = report_place(src, d->span);
    const struct diag_info *i = &diag_infos[d->id];
    struct buf name = {0};
    buf_printf(&name, "%s %s, line %u", i->id, i->slug, p.line);
    buf_puts(out, "    <testcase");
    attribute(out, "classname", src->name);
    attribute(out, "name", name.p ? name.p : "");
    buf_puts(out, " time=\"0\">\n");
    buf_puts(out, d->severity == SEV_NOTE ? "      <system-out>" : "      <failure");
    if (d->severity != SEV_NOTE) {
        attribute(out, "type", severity_name(d->severity));
        attribute(out, "message", d->message);
        buf_puts(out, ">");
    }
    report_xml_text(out, src->name);
    buf_printf(out, ":%u:%u: %s: ", p.line, p.column, severity_name(d->severity));
    report_xml_text(out, d->message);
    if (d->hint) {
        buf_puts(out, "\nhint: ");
        report_xml_text(out, d->hint);
    }
    buf_puts(out, d->severity == SEV_NOTE ? "</system-out>\n    </testcase>\n" : "</failure>\n    </testcase>\n");
    buf_free(&name);
}

static void junit_file(struct buf *out, const struct report *r)
{
    uint32_t failures = 0;
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        failures += d->severity != SEV_NOTE;
    }
    buf_puts(out, "  <testsuite");
    attribute(out, "name", r->src->name);
    buf_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"0\" time=\"0\">\n",
               r->diags->items.n ? r->diags->items.n : 1, failures);
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        junit_case(out, r->src, d);
    }
    if (!r->diags->items.n) {
        buf_puts(out, "    <testcase");
        attribute(out, "classname", r->src->name);
        buf_puts(out, " name=\"no findings\" time=\"0\"/>\n");
    }
    buf_puts(out, "  </testsuite>\n");
}

static void junit_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)files, (void)n, (void)colour;
    buf_puts(out, "</testsuites>\n");
}

static void checkstyle_begin(struct buf *out)
{
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"8.0\">\n");
}

static void checkstyle_file(struct buf *out, const struct report *r)
{
    buf_puts(out, "  <file");
    attribute(out, "name", r->src->name);
    buf_puts(out, ">\n");
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        struct place p = report_place(r->src, d->span);
        buf_printf(out, "    <error line=\"%u\" column=\"%u\" severity=\"%s\"", p.line, p.column,
                   d->severity == SEV_NOTE ? "info" : severity_name(d->severity));
        attribute(out, "message", d->message);
        buf_printf(out, " source=\"ioscc.%s\"/>\n", diag_infos[d->id].id);
    }
    buf_puts(out, "  </file>\n");
}

static void checkstyle_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)files, (void)n, (void)colour;
    buf_puts(out, "</checkstyle>\n");
}

const struct reporter reporter_junit = {"junit", "", false, junit_begin, junit_file, junit_end};
const struct reporter reporter_checkstyle = {"checkstyle",  "", false, checkstyle_begin, checkstyle_file,
                                             checkstyle_end};
