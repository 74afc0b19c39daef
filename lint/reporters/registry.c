/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/reporters/reporter.h"

static const struct reporter *const reporters[] = {&reporter_text,   &reporter_json,       &reporter_sarif,
                                                   &reporter_junit,  &reporter_checkstyle, &reporter_github,
                                                   &reporter_gitlab, &reporter_rdjsonl,    &reporter_gcc};

const struct reporter *reporter_find(const char *name)
{
    for (size_t i = 0; i < sizeof reporters / sizeof *reporters; i++)
        if (strcmp(reporters[i]->name, name) == 0)
            return reporters[i];
    return NULL;
}

struct place report_place(struct source *src, struct span at)
{
    struct location from = source_locate(src, at.off), to = source_locate(src, at.off + at.len);
    return (struct place){from.line, from.column,
                          to.line == from.line && to.column > from.column ? to.column : from.column + 1};
}

/* Length of the UTF-8 sequence at p, 0 if it is none (RFC 3629). */
static unsigned utf8(const char *z)
{
    const unsigned char *p = (const unsigned char *)z;
    if (*p < 0x80)
        return 1;
    unsigned n = *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static void clean(struct buf *b, const char *z)
{
    while (*z) {
        unsigned n = utf8(z);
        if (n)
            buf_add(b, z, n);
        else
            buf_puts(b, "\xef\xbf\xbd");
        z += n ? n : 1;
    }
}

json_t *report_json_text(const char *z)
{
    json_t *j = json_string(z);
    if (j)
        return j;
    struct buf b = {0};
    clean(&b, z);
    j = json_string(b.p ? b.p : "");
    buf_free(&b);
    return j;
}

void report_json(struct buf *out, json_t *o)
{
    char *z = json_dumps(o, JSON_COMPACT);
    if (z)
        buf_puts(out, z);
    else
        out->failed = true;
    free(z);
    json_decref(o);
}

void report_xml_text(struct buf *out, const char *z)
{
    struct buf b = {0};
    clean(&b, z);
    for (const char *p = b.p; p && *p; p++) {
        const char *e = *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '&' ? "&amp;" : *p == '"' ? "&quot;" : NULL;
        if (e)
            buf_puts(out, e);
        else
            buf_putc(out, (unsigned char)*p < 32 ? ' ' : *p);
    }
    buf_free(&b);
}

void report_uri(struct buf *out, const char *path)
{
    if (path[0] == '.' && path[1] == '/')
        path += 2;
    if (*path == '/')
        buf_puts(out, "file://");
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        bool plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~/", *p);
        if (plain)
            buf_putc(out, (char)*p);
        else
            buf_printf(out, "%%%02X", *p);
    }
}

void report_left_out(const struct diag_list *l, void (*f)(void *, const struct diag_info *, uint32_t), void *ctx)
{
    for (int id = 0; id < DIAG_COUNT; id++)
        if (l->per_id[id] > DIAG_CAP)
            f(ctx, &diag_infos[id], l->per_id[id] - DIAG_CAP);
}
