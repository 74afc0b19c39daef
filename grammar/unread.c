/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grammar/unread.h"

#include <string.h>

static bool takes_words(struct str *rest, const char *words)
{
    struct str want = str_lit(words);
    for (struct str w = str_take_word(&want); w.len; w = str_take_word(&want))
        if (!str_eq(str_take_word(rest), w))
            return false;
    return true;
}

static bool puts_protection(struct str line)
{
    static const char *const heads[] = {"crypto map", "ipv6 crypto map", "tunnel protection ipsec profile"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct str rest = line;
        if (!takes_words(&rest, heads[i]) || !str_take_word(&rest).len)
            continue;
        const struct str more = str_take_word(&rest);
        return more.len == 0 || str_is(more, "redundancy") || str_is(more, "shared");
    }
    return false;
}

/* Blanks that are none of ASCII: U+00A0, U+2000 to U+200B, U+202F, U+3000, U+FEFF. Bytes; 0: it begins with none. */
static uint32_t odd_blank(struct str line)
{
    static const char *const blanks[] = {"\xc2\xa0", "\xe2\x80\xaf", "\xe3\x80\x80", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        const uint32_t n = (uint32_t)strlen(blanks[i]);
        if (line.len >= n && memcmp(line.p, blanks[i], n) == 0)
            return n;
    }
    bool is_wide = line.len >= 3 && memcmp(line.p, "\xe2\x80", 2) == 0 && (uint8_t)line.p[2] <= 0x8b;
    return is_wide ? 3 : 0;
}

/* Of tables, messages and diffs. Bytes; 0: it begins with none. */
static uint32_t mark_of(struct str line)
{
    bool is_sign = line.len && strchr("+-:<>%*^=|", line.p[0]) != NULL;
    return is_sign ? 1 : odd_blank(line);
}

static struct str without_marks(struct str line)
{
    for (uint32_t n; line.len; line = (struct str){line.p + n, line.len - n}) {
        bool is_blank = line.p[0] == ' ' || line.p[0] == '\t';
        n = is_blank ? 1 : mark_of(line);
        if (n == 0)
            break;
    }
    return line;
}

bool unread_protection(struct ios_parser *p, struct str line)
{
    line = without_marks(line);
    if (!puts_protection(line))
        return false;
    diag_add(p->diags, D_WRONG_PLACE, span_of(p, line), "what this line stands in is not read: no interface gets it");
    tell_broken(p, MODE_GLOBAL, span_of(p, line));
    return true;
}

static bool is_of_ours(enum ios_mode mode)
{
    return mode != MODE_GLOBAL && mode != MODE_IGNORED && mode != MODE_OTHER;
}

/* `+ permit ip any any` in a list. */
static bool is_of_open_block(struct ios_parser *p, struct str line)
{
    struct str rest = without_marks(line);
    const enum ios_mode mode = p->stack[p->depth - 1].mode;
    bool is_marked = mark_of(line) && is_of_ours(mode);
    const struct str word = str_take_word(&rest);
    bool is_plain = word.len && ((str_lower(word.p[0]) >= 'a' && str_lower(word.p[0]) <= 'z') ||
                                 (word.p[0] >= '0' && word.p[0] <= '9')); /* no template's `{for …}` */
    return is_marked && is_plain && resolver_starts(p->resolver, mode, word);
}

/* `+interface GigabitEthernet0/2`: what stands below would be taken for the block's before it. */
static bool opens_block(struct str line)
{
    static const char *const openers[] = {"interface",      "crypto",           "access-list", "object-group",
                                          "ip access-list", "ipv6 access-list", "route-map",   "ip nat"};
    const struct str rest = without_marks(line);
    const uint32_t mark = mark_of(line);
    bool is_ruled = mark && mark_of((struct str){line.p + mark, line.len - mark}); /* "===== crypto =====" */
    bool is_marked = mark && rest.len && !is_ruled;
    for (size_t i = 0; i < sizeof openers / sizeof *openers && is_marked; i++) {
        struct str words = rest;
        if (takes_words(&words, openers[i]) && str_take_word(&words).len)
            return true;
    }
    return false;
}

static bool refuse_marked(struct ios_parser *p, struct str line)
{
    if (opens_block(line)) {
        diag_add(p->diags, D_WRONG_PLACE, span_of(p, line),
                 "a mark stands before this command: it is left out, with what stands below it");
        tell_broken(p, MODE_GLOBAL, span_of(p, line));
        read_nothing_below(p, 0);
        return true;
    }
    if (!is_of_open_block(p, line))
        return false;
    diag_add(p->diags, D_WRONG_PLACE, span_of(p, line),
             "a mark stands before this command: the line is left out (of a diff, a table or a message?)");
    tell_broken(p, p->stack[p->depth - 1].mode, span_of(p, line));
    return true;
}

void unread_dropped(struct ios_parser *p, struct str line)
{
    bool is_prose = p->markdown && !p->in_fence, is_output = p->capture == CAP_OUTPUT;
    if (!is_prose && !unread_protection(p, line) && !is_output)
        (void)refuse_marked(p, line);
}

/* `<<<<<<< HEAD`, `>>>>>>> branch`: two versions of the lines in between, and nobody has decided. */
static bool is_merge_mark(struct str line)
{
    static const char *const marks[] = {"<<<<<<< ", ">>>>>>> "};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (line.len > strlen(marks[i]) && memcmp(line.p, marks[i], strlen(marks[i])) == 0)
            return true;
    return false;
}

bool unread_refuse(struct ios_parser *p, struct str line)
{
    if (memchr(line.p, '\r', line.len)) { /* an editor shows two lines */
        diag_add(p->diags, D_UNKNOWN_COMMAND, span_of(p, line), "a carriage return stands within this line");
        tell_broken(p, MODE_GLOBAL, span_of(p, line));
        return true;
    }
    if (is_merge_mark(line)) {
        diag_add(p->diags, D_UNKNOWN_COMMAND, span_of(p, line),
                 "a merge was not ended here: which of the two versions holds is not known");
        tell_broken(p, MODE_GLOBAL, span_of(p, line));
        return true;
    }
    return mark_of(line) && (unread_protection(p, line) || refuse_marked(p, line));
}
