/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/standby.h"

#include "compiler/base/addr.h"

#define GROUPS_MAX 4096 /* of HSRP version 2; version 1 has 256 */
#define NO_GROUP GROUPS_MAX

/* "standby [GROUP] WORD [VALUE]" */
struct standby_line {
    unsigned group;
    struct str word, value, rest;
};

static bool is_number(struct str s)
{
    return s.len && s.p[0] >= '0' && s.p[0] <= '9';
}

static unsigned group_of(struct str s)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < s.len; i++) {
        bool is_digit = s.p[i] >= '0' && s.p[i] <= '9';
        n = is_digit ? n * 10 + (unsigned)(s.p[i] - '0') : NO_GROUP;
        if (n >= GROUPS_MAX)
            return NO_GROUP;
    }
    return n;
}

static struct standby_line read_line(struct str text)
{
    struct standby_line l = {0};
    (void)str_take_word(&text); /* standby */
    l.word = str_take_word(&text);
    if (is_number(l.word)) {
        l.group = group_of(l.word);
        l.word = str_take_word(&text);
    }
    l.value = str_take_word(&text);
    l.rest = str_take_word(&text);
    return l;
}

static unsigned group_called(const struct interface *i, struct str name)
{
    unsigned group = NO_GROUP;
    PTRLIST_FOR (struct ir_text, t, &i->standby) {
        const struct standby_line l = read_line(t->text.s);
        if (!str_is(l.word, "name"))
            continue;
        if (str_eq(l.value, name))
            group = l.group;
        else if (l.group == group)
            group = NO_GROUP; /* it was called another name since */
    }
    return group;
}

bool standby_address(const struct interface *i, struct str name, struct ir_addr *out)
{
    const unsigned group = group_called(i, name);
    *out = (struct ir_addr){0};
    PTRLIST_FOR (struct ir_text, t, &i->standby) {
        const struct standby_line l = read_line(t->text.s);
        struct ip_addr a;
        bool is_first = str_is(l.word, "ip") && l.rest.len == 0;
        if (group != NO_GROUP && l.group == group && is_first && addr_parse4(l.value, &a))
            *out = (struct ir_addr){a, 255, t->text.m};
    }
    return out->a.family != FAMILY_NONE;
}
