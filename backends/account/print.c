/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/account/account.h"
#include "compiler/base/redact.h"

static const char *const names[FATE_COUNT] = {
    [FATE_CARRIED] = "carried",       [FATE_DIFFERS] = "differs",   [FATE_REFUSED] = "refused",
    [FATE_BROKEN] = "not understood", [FATE_UNUSED] = "unused",     [FATE_LEFT] = "left behind",
    [FATE_HOST] = "host service",     [FATE_NOTHING] = "no effect", [FATE_UNKNOWN] = "unknown",
};

const char *account_fate_name(enum line_fate fate)
{
    return names[fate];
}

void account_print_sum(struct buf *b, const struct account *a)
{
    buf_printf(b, "Of %u lines: ", a->n);
    const char *comma = "";
    for (int f = 0; f < FATE_COUNT; f++) {
        if (a->count[f])
            buf_printf(b, "%s%u %s", comma, a->count[f], names[f]);
        comma = a->count[f] ? ", " : comma;
    }
    buf_puts(b, ".\n");
}

static void print_line(struct buf *b, const struct line_account *l, const char *fate)
{
    buf_printf(b, "%6u  %-14s ", l->number, fate);
    redact_line(l->text, b, NULL, NULL);
    if (l->finding)
        buf_printf(b, " [%s]", l->finding);
    if (l->why && !l->is_inside)
        buf_printf(b, "\n%24s%s", "", l->why);
    buf_putc(b, '\n');
}

static bool is_to_be_named(const struct line_account *l)
{
    bool may_matter = l->fate == FATE_LEFT || l->fate == FATE_UNKNOWN;
    return may_matter && !l->is_inside;
}

void account_print_left(struct buf *b, const struct account *a, uint32_t max)
{
    uint32_t printed = 0, more = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct line_account *l = &a->v[i];
        if (!is_to_be_named(l))
            continue;
        if (printed == max) {
            more++;
            continue;
        }
        print_line(b, l, names[l->fate]);
        printed++;
    }
    if (more)
        buf_printf(b, "        … and %u more\n", more);
}

void account_print_all(struct buf *b, const struct account *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        print_line(b, &a->v[i], names[a->v[i].fate]);
}
