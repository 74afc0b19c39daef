/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For people: place, severity, message and id on one line, then the source line with carets under the exact words. */
#include "compiler/base/redact.h"
#include "lint/reporters/reporter.h"

static const char *paint(bool colour, const char *code)
{
    return colour ? code : "";
}

static const char *severity_colour(enum severity s)
{
    return s == SEV_ERROR ? "\033[1;31m" : s == SEV_WARNING ? "\033[1;35m" : "\033[1;36m";
}

/* Terminal columns, one for each character. */
static void blanks_for(struct buf *out, const char *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            buf_putc(out, ' ');
}

static void quote(struct buf *out, struct source *src, struct span at, const char *mark, const char *colour, bool on)
{
    struct location loc = source_locate(src, at.off);
    uint32_t start = (uint32_t)(loc.text.p - src->text);
    if (!loc.text.p || at.off < start)
        return;
    uint32_t caret = at.off - start, len = at.len;
    if (caret > loc.text.len)
        caret = loc.text.len;
    if (len > loc.text.len - caret)
        len = loc.text.len - caret;
    struct str line = loc.text;
    if (line.len > 400) { /* one screen is enough of a line that long */
        uint32_t from = caret > 200 ? caret - 200 : 0;
        uint32_t n = line.len - from < 400 ? line.len - from : 400;
        line = (struct str){line.p + from, n};
        caret -= from;
        if (len > n - caret)
            len = n - caret;
    }
    struct buf text = {0};
    redact_line(line, &text, &caret, &len);
    buf_printf(out, "%6u | ", loc.line);
    buf_add(out, text.p ? text.p : "", text.len);
    buf_puts(out, "\n       | ");
    blanks_for(out, text.p ? text.p : "", caret);
    buf_puts(out, paint(on, colour));
    buf_putc(out, *mark);
    for (uint32_t i = 1; i < len; i++)
        if (text.p && ((unsigned char)text.p[caret + i] & 0xc0) != 0x80)
            buf_putc(out, mark[1] ? mark[1] : *mark);
    buf_puts(out, paint(on, "\033[0m"));
    buf_putc(out, '\n');
    buf_free(&text);
}

static void left_out(void *ctx, const struct diag_info *i, uint32_t n)
{
    buf_printf(ctx, "%u more findings of %s %s are not shown\n", n, i->id, i->slug);
}

static void text_file(struct buf *out, const struct report *r)
{
    struct source *src = r->src;
    bool colour = r->colour;
    PTRLIST_FOR (struct diag, d, &r->diags->items) {
        struct location loc = source_locate(src, d->span.off);
        const struct diag_info *info = &diag_infos[d->id];
        buf_printf(out, "%s%s:%u:%u:%s %s%s:%s %s [%s %s]\n", paint(colour, "\033[1m"), src->name, loc.line, loc.column,
                   paint(colour, "\033[0m"), paint(colour, severity_colour(d->severity)), severity_name(d->severity),
                   paint(colour, "\033[0m"), d->message, info->id, info->slug);
        if (src->len)
            quote(out, src, d->span, "^~", severity_colour(d->severity), colour);
        for (uint8_t i = 0; i < d->nnotes; i++) {
            struct location n = source_locate(src, d->notes[i].span.off);
            buf_printf(out, "    %s:%u:%u: %s\n", src->name, n.line, n.column, d->notes[i].message);
            quote(out, src, d->notes[i].span, "-", "\033[1;34m", colour);
        }
        if (d->hint)
            buf_printf(out, "       %s=%s %s\n", paint(colour, "\033[1;32m"), paint(colour, "\033[0m"), d->hint);
    }
    report_left_out(r->diags, left_out, out);
}

static void text_end(struct buf *out, uint32_t files, const uint32_t n[3], bool colour)
{
    (void)colour;
    buf_printf(out, "%u file%s checked: %u error%s, %u warning%s, %u note%s\n", files, files == 1 ? "" : "s",
               n[SEV_ERROR], n[SEV_ERROR] == 1 ? "" : "s", n[SEV_WARNING], n[SEV_WARNING] == 1 ? "" : "s", n[SEV_NOTE],
               n[SEV_NOTE] == 1 ? "" : "s");
}

const struct reporter reporter_text = {"text", "", false, NULL, text_file, text_end};
