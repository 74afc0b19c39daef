/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/diag.h"

#include <stdio.h>
#include <stdlib.h>

const struct diag_info diag_infos[DIAG_COUNT] = {
#define DIAG(name, id, sev, slug, title) [D_##name] = {id, slug, title, SEV_##sev},
#include "compiler/base/diag.def"
#undef DIAG
};

static const char *format(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return "?";
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    for (char *p = s; *p; p++) /* text of the user's file must not drive his terminal */
        if ((unsigned char)*p < 32 || *p == 127)
            *p = '?';
    return s;
}

struct diag *diag_add(struct diag_list *l, enum diag_id id, struct span at, const char *fmt, ...)
{
    struct diag *d = ARENA_NEW(l->arena, struct diag);
    d->id = id;
    d->severity = diag_infos[id].severity;
    d->span = at;
    l->errors += d->severity == SEV_ERROR;
    if (l->per_id[id]++ >= DIAG_CAP)
        return d;
    va_list ap;
    va_start(ap, fmt);
    d->message = format(l->arena, fmt, ap);
    va_end(ap);
    ptrlist_add(l->arena, &l->items, d);
    return d;
}

void diag_hint(struct diag_list *l, struct diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    d->hint = format(l->arena, fmt, ap);
    va_end(ap);
}

void diag_note(struct diag_list *l, struct diag *d, struct span at, const char *fmt, ...)
{
    if (d->nnotes == DIAG_NOTES_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    d->notes[d->nnotes].span = at;
    d->notes[d->nnotes++].message = format(l->arena, fmt, ap);
    va_end(ap);
}

void diag_fix(struct diag *d, struct span at, enum fix_kind kind, const char *text)
{
    d->fix.kind = (uint8_t)kind;
    d->fix.span = at;
    d->fix.text = text;
}

static int by_position(const void *a, const void *b)
{
    const struct diag *x = *(struct diag *const *)a, *y = *(struct diag *const *)b;
    if (x->span.off != y->span.off)
        return x->span.off < y->span.off ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return strcmp(x->message, y->message);
}

void diag_sort(struct diag_list *l)
{
    if (l->items.n == 0)
        return;
    qsort(l->items.v, l->items.n, sizeof *l->items.v, by_position);
    uint32_t n = 1;
    for (uint32_t i = 1; i < l->items.n; i++)
        if (by_position(&l->items.v[n - 1], &l->items.v[i]) != 0)
            l->items.v[n++] = l->items.v[i];
    l->items.n = n;
}

const char *severity_name(enum severity s)
{
    static const char *const names[] = {[SEV_NOTE] = "note", [SEV_WARNING] = "warning", [SEV_ERROR] = "error"};
    return names[s];
}
