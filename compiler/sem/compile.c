/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statements in, configurations out: the sink that the grammar feeds. */
#include <errno.h>

#include "compiler/sem/builder.h"

static handler *handlers[S_COUNT];

/* Filled before main() hands out threads; the tables are constant afterwards. */
__attribute__((constructor)) static void handlers_fill(void)
{
    const struct handler_row *const tables[] = {isakmp_handlers, ikev2_handlers, ipsec_handlers, map_handlers,
                                                acl_handlers,    iface_handlers, pki_handlers,   host_handlers};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct handler_row *r = tables[t]; r->run; r++)
            handlers[r->kind] = r->run;
}

static void unit_begin(struct builder *b, struct str host, struct span at)
{
    struct ir_config *c = ARENA_NEW(b->a, struct ir_config);
    c->arena = b->a;
    c->source = b->src;
    c->unit = at;
    if (host.len)
        c->hostname = (struct ir_str){host, written(at)};
    memset(b->cur, 0, sizeof b->cur);
    b->cur_sa = NULL;
    b->cur_entry = NULL;
    b->cur_other = NULL;
    b->cur_acl = NULL;
    b->c = c;
    ptrlist_add(b->a, &b->out->units, c);
}

static void new_unit(void *ctx, struct str host, struct span at, bool fresh)
{
    struct builder *b = ctx;
    if (b->c->crypto_statements == 0 && b->c->interfaces.n == 0 &&
        b->c->acls.n == 0) { /* nothing yet: the prompt names it */
        if (host.len)
            b->c->hostname = (struct ir_str){host, written(at)};
        b->c->unit = at;
        return;
    }
    /* a prompt that was seen before goes on with that router */
    for (uint32_t i = b->out->units.n; i-- > 0 && !fresh && host.len;) {
        struct ir_config *c = b->out->units.v[i];
        if (str_eq(c->hostname.s, host)) {
            b->c = c;
            return;
        }
    }
    unit_begin(b, host, at);
}

static void left(void *ctx, enum ios_mode mode, struct span line)
{
    lines_left(ctx, mode, line);
}

/* Every object of the IR begins with its span. */
static void broken(void *ctx, enum ios_mode mode, struct span line)
{
    struct builder *b = ctx;
    struct span *object = builder_object(b, mode);
    struct broken_line *l = ARENA_NEW(b->a, struct broken_line);
    l->span = line;
    l->text = (struct str){b->src->text + line.off, line.len};
    lines_broken(b, mode, line, object);
    if (mode == MODE_GLOBAL)
        ptrlist_add(b->a, &b->c->broken_globals, l);
    if (!object)
        return;
    symtab_put(b->a, &b->c->broken, STR_EMPTY, object->off, object);
    if (!symtab_get(&b->c->broken_at, STR_EMPTY, object->off))
        symtab_put(b->a, &b->c->broken_at, STR_EMPTY, object->off, l);
}

static void abandon(void *ctx, struct span at)
{
    struct builder *b = ctx;
    b->out->units.n = 0;
    unit_begin(b, STR_EMPTY, at);
}

static void hostname(struct builder *b, const struct ios_stmt *s)
{
    struct ir_str name = val_name(b, &s->args[0]);
    if (undo(s)) {
        b->c->hostname = (struct ir_str){0};
        return;
    }
    /* another name after there was one: the file goes on with another router */
    if (IR_IS_SET(b->c->hostname) && !str_eq(b->c->hostname.s, name.s) &&
        (b->c->crypto_statements > 0 || b->c->interfaces.n > 0 || b->c->acls.n > 0)) {
        unit_begin(b, name.s, s->args[0].span);
        return;
    }
    b->c->hostname = name;
}

/* Sub-mode lines whose opening line was refused or removed have nothing to apply to. */
static bool has_target(struct builder *b, const struct ios_stmt *s)
{
    if (s->mode == MODE_GLOBAL || s->mode == MODE_OTHER || s->mode == MODE_PUBKEY_CHAIN)
        return true;
    return builder_object(b, s->mode) != NULL;
}

static bool is_crypto(enum ios_stmt_kind k)
{
    return k >= S_ISAKMP_ENABLE || k == S_IF_CRYPTO_MAP || k == S_IF_CRYPTO_MAP6 || k == S_TUN_PROTECTION ||
           k == S_OTHER;
}

/* From the first word to the end of the line. */
static struct span line_of(const struct builder *b, struct span at)
{
    const char *text = b->src->text;
    uint32_t from = at.off, to = at.off;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    while (text[from] == ' ' || text[from] == '\t')
        from++;
    while (to < b->src->len && text[to] != '\n' && text[to] != '\r')
        to++;
    return (struct span){from, to > from ? to - from : 0};
}

static void statement(void *ctx, const struct ios_stmt *s)
{
    struct builder *b = ctx;
    if (s->kind == S_HOSTNAME) {
        hostname(b, s);
        lines_read(b, s);
        return;
    }
    if (!has_target(b, s) || !handlers[s->kind]) {
        lines_read(b, s);
        return;
    }
    if (is_crypto(s->kind))
        b->c->crypto_statements++;
    if (s->one_line || s->mode == MODE_CMAP || s->mode == MODE_IPSEC_PROFILE)
        map_select(b, s);
    uint32_t before = b->diags->errors;
    handlers[s->kind](b, s);
    if (b->diags->errors != before && !undo(s))
        broken(b, s->mode, line_of(b, s->span)); /* by its meaning: the router does not take it either */
    else
        lines_read(b, s);
}

size_t sem_memory_limit(size_t source_len)
{
    size_t limit = ((size_t)64 << 20) + source_len * 24; /* a crypto map entry takes about fourteen times its text */
    return limit < SEM_MEMORY_MAX ? limit : SEM_MEMORY_MAX;
}

static void drop_empty_units(struct compiled *c)
{
    for (uint32_t i = 0; i < c->units.n && c->units.n > 1;) {
        struct ir_config *u = c->units.v[i];
        if (u->crypto_statements == 0 && u->interfaces.n == 0 && u->acls.n == 0)
            ptrlist_remove(&c->units, i);
        else
            i++;
    }
}

int sem_compile(struct compiled *c, struct ios_parser *parser, struct source *src)
{
    memset(c, 0, sizeof *c);
    c->source = *src;
    memset(src, 0, sizeof *src);
    if (!arena_init(&c->arena, sem_memory_limit(c->source.len))) {
        source_free(&c->source);
        return -ENOMEM;
    }
    c->diags.arena = &c->arena;
    struct builder b = {.out = c, .a = &c->arena, .diags = &c->diags, .src = &c->source};
    unit_begin(&b, STR_EMPTY, (struct span){0, 0});
    if (c->source.len == 0) {
        diag_add(&c->diags, D_EMPTY_FILE, (struct span){0, 0}, "the file is empty");
    } else if (!source_is_text(&c->source)) {
        diag_add(&c->diags, D_NOT_TEXT, (struct span){0, 0}, "this is not a text file");
    } else {
        const struct ios_sink sink = {statement, new_unit, broken, left, abandon, &b};
        ios_parse(parser, &c->source, &c->diags, &sink);
    }
    drop_empty_units(c);
    for (uint32_t i = 0; i < c->units.n; i++) {
        b.c = c->units.v[i];
        defaults_apply(&b);
        references_resolve(&b);
        trustpoints_check(&b);
    }
    return 0;
}

void sem_free(struct compiled *c)
{
    arena_free(&c->arena);
    source_free(&c->source);
}
