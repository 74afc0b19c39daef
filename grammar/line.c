/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the grammar's actions call: small edits of the statement under construction. */
#include "grammar/parse.h"

void line_reset(struct ios_line *p, struct ios_stmt *st)
{
    memset(p, 0, offsetof(struct ios_line, list));
    /* a statement is large because of its port lists: these are left alone, nports says what counts */
    memset(st, 0, offsetof(struct ios_stmt, ace));
    memset(&st->ace, 0, offsetof(struct ios_ace, src));
    memset(&st->ace.src, 0, offsetof(struct ios_ace_end, ports));
    memset(&st->ace.dst, 0, offsetof(struct ios_ace_end, ports));
    memset(&st->ace.icmp_type, 0, sizeof st->ace - offsetof(struct ios_ace, icmp_type));
    memset((char *)st + offsetof(struct ios_stmt, one_line), 0, sizeof *st - offsetof(struct ios_stmt, one_line));
    p->st = st;
    st->list = p->list;
    st->opens = -1;
    p->end = &st->ace.src;
}

void line_statement(struct ios_line *p, enum ios_stmt_kind kind, const struct ios_val *args, size_t n)
{
    p->st->kind = kind;
    for (size_t i = 0; i < n && i < IOS_ARGS_MAX; i++)
        p->st->args[i] = args[i];
}

void line_list(struct ios_line *p, struct ios_val v)
{
    if (p->st->nlist < LINE_WORDS_MAX)
        p->list[p->st->nlist++] = v;
}

void line_host(struct ios_line *p, struct ios_val v)
{
    p->end->form = v.kind == IOS_V_ADDR ? AF_HOST : AF_HOSTNAME;
    p->end->addr = v;
}

void line_port(struct ios_line *p, struct ios_val v)
{
    if (p->end->nports < IOS_PORTS_MAX)
        p->end->ports[p->end->nports] = v;
    if (p->end->nports <= IOS_PORTS_MAX)
        p->end->nports++; /* one beyond the limit tells the consumer that there were too many */
}

/* The options of an access list line, from the first to the last word. */
void line_opt(struct ios_line *p, struct ios_val v)
{
    struct span *o = &p->st->ace.opts;
    if (v.kind == IOS_V_NONE)
        return;
    if (o->len == 0) {
        *o = v.span;
        return;
    }
    /* the words of one option are reported after its arguments */
    uint32_t start = v.span.off < o->off ? v.span.off : o->off;
    uint32_t end = v.span.off + v.span.len > o->off + o->len ? v.span.off + v.span.len : o->off + o->len;
    *o = (struct span){start, end - start};
}

void line_misprint(struct ios_line *p, struct ios_val v)
{
    p->st->misprint = true;
    p->st->misprint_at = v.span;
}

void line_mode(struct ios_line *p, const char *canonical)
{
    p->mode = (struct ios_val){.kind = IOS_V_KEYWORD, .u.word = canonical};
}
