/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Setters and object look-ups shared by all statements. */
#include "compiler/sem/builder.h"

#include "compiler/base/redact.h"

struct str val_str(const struct builder *b, const struct ios_val *v)
{
    if (v->kind == IOS_V_KEYWORD)
        return str_lit(v->u.word);
    if (v->kind == IOS_V_NONE || v->kind == IOS_V_CUT)
        return (struct str){"", 0};
    return source_slice(b->src, v->span);
}

struct ir_str val_name(const struct builder *b, const struct ios_val *v)
{
    return (struct ir_str){val_str(b, v), written(v->span)};
}

bool val_is(const struct ios_val *v, const char *keyword)
{
    return v->kind == IOS_V_KEYWORD && strcmp(v->u.word, keyword) == 0;
}

static void report_second(struct builder *b, const struct ios_stmt *s, struct span first)
{
    struct str old = source_slice(b->src, first);
    struct diag *d = diag_add(b->diags, D_REDEFINED, s->span,
                              "this replaces '" STR_FMT "', which was set before: the later line counts", STR_ARG(old));
    diag_note(b->diags, d, first, "first set here");
}

void set_str(struct builder *b, const struct ios_stmt *s, struct ir_str *f, const struct ios_val *v)
{
    if (undo(s)) {
        *f = (struct ir_str){0};
        return;
    }
    struct ir_str n = val_name(b, v);
    if (IR_WRITTEN(*f) && !str_eq(f->s, n.s))
        report_second(b, s, f->m.span);
    *f = n;
}

void set_ref(struct builder *b, const struct ios_stmt *s, struct ir_ref *f, const struct ios_val *v)
{
    if (undo(s)) {
        *f = (struct ir_ref){0};
        return;
    }
    struct str n = val_str(b, v);
    if (IR_WRITTEN(*f) && !str_eq(f->name, n))
        report_second(b, s, f->m.span);
    *f = (struct ir_ref){n, written(v->span), NULL};
}

void set_flag(struct builder *b, const struct ios_stmt *s, struct ir_num *f)
{
    (void)b;
    *f = undo(s) ? (struct ir_num){0} : num_of(1, s->span);
}

void set_alg(struct builder *b, const struct ios_stmt *s, struct ir_num *f, const struct ios_val *v)
{
    if (undo(s)) {
        *f = (struct ir_num){0};
        return;
    }
    if (IR_WRITTEN(*f) && f->v != v->u.num)
        report_second(b, s, f->m.span);
    *f = num_of(v->u.num, v->span);
}

bool check_range(struct builder *b, const struct ios_val *v, uint64_t min, uint64_t max, const char *what,
                 const char *unit)
{
    if (v->u.num >= min && v->u.num <= max)
        return true;
    diag_add(b->diags, D_OUT_OF_RANGE, v->span, "%s " STR_FMT " is outside %llu to %llu%s%s", what,
             STR_ARG(val_str(b, v)), (unsigned long long)min, (unsigned long long)max, *unit ? " " : "", unit);
    return false;
}

bool set_range(struct builder *b, const struct ios_stmt *s, struct ir_num *f, const struct ios_val *v, uint64_t min,
               uint64_t max, const char *what, const char *unit)
{
    if (undo(s)) {
        *f = (struct ir_num){0};
        return true;
    }
    if (!check_range(b, v, min, max, what, unit))
        return false;
    if (IR_WRITTEN(*f) && f->v != v->u.num)
        report_second(b, s, f->m.span);
    *f = num_of(v->u.num, v->span);
    return true;
}

void set_addr(struct builder *b, const struct ios_stmt *s, struct ir_addr *f, const struct ios_val *v)
{
    (void)b;
    if (undo(s) || v->kind != IOS_V_ADDR) {
        *f = (struct ir_addr){0};
        return;
    }
    *f = (struct ir_addr){v->u.addr, v->plen, written(v->span)};
}

void check_host(struct builder *b, const struct ios_val *v)
{
    struct str w = val_str(b, v);
    bool has_digit = false, has_dot = false, has_other = v->kind == IOS_V_ADDR;
    for (uint32_t i = 0; i < w.len; i++) {
        bool is_digit = w.p[i] >= '0' && w.p[i] <= '9', is_mark = w.p[i] == '.' || w.p[i] == ',' || w.p[i] == ';';
        has_digit |= is_digit;
        has_dot |= is_mark;
        has_other |= !is_digit && !is_mark;
    }
    if (has_digit && has_dot && !has_other)
        diag_add(b->diags, D_BAD_VALUE, v->span, "'" STR_FMT "' is no address", STR_ARG(w));
}

struct ir_host val_host(struct builder *b, const struct ios_val *v)
{
    struct ir_host h = {.m = written(v->span)};
    check_host(b, v);
    if (v->kind == IOS_V_ADDR)
        h.addr = v->u.addr;
    else
        h.name = val_str(b, v);
    return h;
}

void set_host(struct builder *b, const struct ios_stmt *s, struct ir_host *f, const struct ios_val *v)
{
    if (undo(s)) {
        *f = (struct ir_host){0};
        return;
    }
    *f = val_host(b, v);
}

void set_secret(struct builder *b, struct ir_secret *f, const struct ios_val *type, const struct ios_val *v)
{
    if (!has(v)) {
        *f = (struct ir_secret){0};
        return;
    }
    f->m = written(v->span);
    f->s.inner.hidden = val_str(b, v);
    f->s.form = SECRET_PLAIN;
    if (type->kind == IOS_V_NUMBER)
        f->s.form = type->u.num == 6 ? SECRET_TYPE6 : type->u.num == 7 ? SECRET_TYPE7 : SECRET_PLAIN;
    else if (val_is(type, "hex"))
        f->s.form = SECRET_HEX;
}

void set_text(struct builder *b, const struct ios_stmt *s, struct ir_str *f, const struct ios_val *v)
{
    set_str(b, s, f, v);
}

struct named_object {
    struct span span;
    struct ir_str name;
};

void *object_get(struct builder *b, enum ir_table t, struct ptrlist *list, size_t size, struct ir_str name,
                 struct span span, bool *is_new)
{
    struct named_object *o = ir_find(b->c, t, name.s);
    if (is_new)
        *is_new = o == NULL;
    if (o)
        return o;
    o = arena_alloc(b->a, size);
    o->span = span;
    o->name = name;
    ptrlist_add(b->a, list, o);
    symtab_put(b->a, &b->c->names, name.s, (uint32_t)t, o);
    return o;
}

void object_remove(struct builder *b, const struct ios_stmt *s, enum ir_table t, struct ptrlist *list, struct str name,
                   const char *what)
{
    void *o = ir_find(b->c, t, name);
    if (!o) {
        if (!str_is(name, "default"))
            diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "there is no %s '" STR_FMT "' to remove", what,
                     STR_ARG(name));
        return;
    }
    symtab_del(&b->c->names, name, (uint32_t)t);
    for (uint32_t i = 0; i < list->n; i++)
        if (list->v[i] == o) {
            ptrlist_remove(list, i);
            break;
        }
}

void ref_list_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l, const struct ios_val *v)
{
    struct str n = val_str(b, v);
    if (undo(s) && !has(v)) {
        l->n = 0;
        return;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        struct ir_ref *r = l->v[i];
        if (!str_eq(r->name, n))
            continue;
        if (undo(s))
            ptrlist_remove(l, i);
        return;
    }
    if (undo(s))
        return;
    struct ir_ref *r = ARENA_NEW(b->a, struct ir_ref);
    *r = (struct ir_ref){n, written(v->span), NULL};
    ptrlist_add(b->a, l, r);
}

struct ir_text *text_line(struct builder *b, const struct ios_stmt *s)
{
    struct ir_text *t = ARENA_NEW(b->a, struct ir_text);
    t->span = s->span;
    struct str whole = source_slice(b->src, s->span);
    if (undo(s)) { /* the text is the command without its `no` */
        while (whole.len && whole.p[0] != ' ')
            whole.p++, whole.len--;
        while (whole.len && whole.p[0] == ' ')
            whole.p++, whole.len--;
    }
    t->text = (struct ir_str){whole, written(s->span)};
    if (s->kind == S_BLOCK_SECRET && has(&s->args[2])) {
        set_secret(b, &t->key, &s->args[1], &s->args[2]);
        uint32_t end = has(&s->args[1]) ? s->args[1].span.off : s->args[2].span.off;
        whole.len = (uint32_t)(b->src->text + end - whole.p);
        while (whole.len && whole.p[whole.len - 1] == ' ')
            whole.len--;
        t->text.s = whole;
    }
    return t;
}

void text_list_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l)
{
    struct ir_text *t = text_line(b, s);
    for (uint32_t i = 0; i < l->n; i++) {
        struct ir_text *o = l->v[i];
        /* `no X` takes back X and everything that goes on from X */
        bool same = undo(s) ? o->text.s.len >= t->text.s.len && memcmp(o->text.s.p, t->text.s.p, t->text.s.len) == 0
                            : str_eq(o->text.s, t->text.s);
        if (!same)
            continue;
        if (!undo(s))
            return;
        ptrlist_remove(l, i--);
    }
    if (!undo(s))
        ptrlist_add(b->a, l, t);
}

void local_address_edit(struct builder *b, const struct ios_stmt *s, struct ptrlist *l, const struct ios_val *v,
                        const struct ios_val *vrf)
{
    if (undo(s)) {
        l->n = 0;
        return;
    }
    struct local_address *a = ARENA_NEW(b->a, struct local_address);
    a->span = s->span;
    if (v->kind == IOS_V_ADDR)
        set_host(b, s, &a->address, v);
    else
        a->interface = (struct ir_ref){interface_canonical(b, val_str(b, v)), written(v->span), NULL};
    if (vrf && has(vrf))
        a->vrf = val_name(b, vrf);
    ptrlist_add(b->a, l, a);
}
