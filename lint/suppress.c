/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/judge.h"

#define MARK "ioscc:"

struct ignore {
    struct span span;    /* the comment */
    struct span covered; /* bytes of the file */
    uint8_t ids[DIAG_COUNT];
    bool used;
};

static struct str line_at(const struct source *s, uint32_t off)
{
    uint32_t end = off;
    while (end < s->len && s->text[end] != '\n')
        end++;
    uint32_t len = end - off;
    while (len && s->text[off + len - 1] == '\r')
        len--;
    return (struct str){s->text + off, len};
}

static uint32_t next_line(const struct source *s, uint32_t off)
{
    while (off < s->len && s->text[off] != '\n')
        off++;
    return off < s->len ? off + 1 : off;
}

static uint32_t indent(struct str l)
{
    uint32_t n = 0;
    while (n < l.len && (l.p[n] == ' ' || l.p[n] == '\t'))
        n++;
    return n;
}

static bool is_comment(struct str l)
{
    uint32_t n = indent(l);
    return n == l.len || l.p[n] == '!';
}

/* The next line that is no comment, and its block: the lines below that are indented deeper. */
static struct span covered_by(const struct source *s, uint32_t comment)
{
    uint32_t at = next_line(s, comment);
    while (at < s->len && is_comment(line_at(s, at)))
        at = next_line(s, at);
    uint32_t depth = indent(line_at(s, at)), end = next_line(s, at);
    while (end < s->len && !is_comment(line_at(s, end)) && indent(line_at(s, end)) > depth)
        end = next_line(s, end);
    return (struct span){at, end - at};
}

static struct str word(struct str *rest, char until)
{
    uint32_t n = 0;
    while (n < rest->len && rest->p[n] != until && rest->p[n] != ' ')
        n++;
    struct str w = {rest->p, n};
    *rest = (struct str){rest->p + n, rest->len - n};
    return w;
}

static bool parse(struct ignore *g, const struct source *s, struct str text, struct diag_list *l)
{
    uint32_t blanks = indent(text);
    text = (struct str){text.p + blanks, text.len - blanks};
    bool file = text.len >= 12 && memcmp(text.p, "ignore-file=", 12) == 0;
    if (!file && !(text.len >= 7 && memcmp(text.p, "ignore=", 7) == 0)) {
        diag_hint(l, diag_add(l, D_BAD_IGNORE, g->span, "this comment is addressed to ioscc but says nothing it knows"),
                  "! ioscc: ignore=IC3001 why");
        return false;
    }
    text = (struct str){text.p + (file ? 12 : 7), text.len - (file ? 12 : 7)};
    for (bool more = true; more;) {
        char z[64];
        struct str w = word(&text, ',');
        if (w.len >= sizeof z)
            w.len = sizeof z - 1;
        memcpy(z, w.p, w.len);
        z[w.len] = '\0';
        int id = settings_rule(z);
        if (id < 0) {
            diag_add(l, D_BAD_IGNORE, g->span, "no rule is called '%s'", z);
            return false;
        }
        g->ids[id] = 1;
        more = text.len && text.p[0] == ',';
        if (more)
            text = (struct str){text.p + 1, text.len - 1};
    }
    if (indent(text) == text.len) {
        diag_hint(
            l, diag_add(l, D_BAD_IGNORE, g->span, "an ignore comment needs a reason: it ignores nothing without one"),
            "! ioscc: ignore=IC3001 why");
        return false;
    }
    g->covered = file ? (struct span){0, s->len + 1} : covered_by(s, g->span.off);
    return true;
}

static struct ptrlist find(struct source *s, struct diag_list *l)
{
    struct ptrlist out = {0};
    const char *p = s->text, *end = s->text + s->len;
    while (p && p < end && (p = memmem(p, (size_t)(end - p), MARK, sizeof MARK - 1))) {
        uint32_t at = (uint32_t)(p - s->text), start = at;
        while (start > 0 && s->text[start - 1] != '\n')
            start--;
        struct str line = line_at(s, start);
        uint32_t k = indent(line), bang = k + 1;
        while (bang < line.len && line.p[bang] == ' ')
            bang++;
        p += sizeof MARK - 1;
        if (k >= line.len || line.p[k] != '!' || start + bang != at)
            continue; /* words of somebody's banner */
        struct ignore *g = ARENA_NEW(l->arena, struct ignore);
        g->span = (struct span){start + k, line.len - k};
        struct str rest = {line.p + bang + sizeof MARK - 1, line.len - bang - (uint32_t)sizeof MARK + 1};
        if (parse(g, s, rest, l))
            ptrlist_add(l->arena, &out, g);
    }
    return out;
}

void lint_suppress(struct source *src, const struct lint_settings *s, struct diag_list *l)
{
    if (src->len == 0)
        return;
    struct ptrlist ignores = find(src, l);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->items.n && ignores.n; i++) {
        struct diag *d = l->items.v[i];
        bool gone = false;
        PTRLIST_FOR (struct ignore, g, &ignores) {
            bool inside = d->span.off >= g->covered.off && d->span.off < g->covered.off + g->covered.len;
            if (g->ids[d->id] && inside && d->id != D_BAD_IGNORE)
                gone = g->used = true;
        }
        if (!gone)
            l->items.v[kept++] = d;
        else if (l->per_id[d->id])
            l->per_id[d->id]--;
    }
    if (ignores.n)
        l->items.n = kept;
    PTRLIST_FOR (struct ignore, g, &ignores) {
        bool off = true; /* a rule that is off, or needs other routers to be seen, cannot be found wanting */
        for (int i = 0; i < DIAG_COUNT; i++)
            off &= !g->ids[i] || s->level[i] == LEVEL_OFF || diag_infos[i].id[2] == '5';
        if (!g->used && !off) {
            struct diag *d = diag_add(l, D_UNUSED_IGNORE, g->span, "nothing here needs this comment any more");
            diag_fix(d, g->span, FIX_DELETE_LINE, NULL);
        }
    }
}
