/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IR as JSON (docs/ir.schema.json). Written straight into a buffer: a configuration may have 200 000 lines, and a
 * tree of them in memory would cost many times the text. Fields come from compiler/ir/desc.c.
 *
 * A value is {"value": v, "origin": "written"|"default"|"inherited", "line", "column", "length"}; the place is left out
 * where nothing is written. Bytes that are not UTF-8 are read as Latin-1.
 */
#include "backends/backend.h"
#include "compiler/base/ipnames.h"
#include "compiler/base/redact.h"
#include "compiler/ir/desc.h"

struct writer {
    struct buf *out;
    struct source *src;
    const struct backend_options *o;
    bool first; /* no comma yet in the current object or array */
    unsigned depth;
};

static unsigned utf8_length(const unsigned char *p, uint32_t left)
{
    unsigned n = *p < 0x80                           ? 1
                 : (*p & 0xe0) == 0xc0 && *p >= 0xc2 ? 2
                 : (*p & 0xf0) == 0xe0               ? 3
                 : (*p & 0xf8) == 0xf0 && *p < 0xf5  ? 4
                                                     : 0;
    if (n == 0 || n > left)
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((n == 3 && *p == 0xe0 && p[1] < 0xa0) || (n == 3 && *p == 0xed && p[1] > 0x9f) ||
        (n == 4 && *p == 0xf0 && p[1] < 0x90) || (n == 4 && *p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static void string(struct writer *w, struct str s)
{
    buf_putc(w->out, '"');
    for (uint32_t i = 0; i < s.len;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        unsigned n = utf8_length(p, s.len - i);
        if (n == 0) { /* Latin-1 */
            buf_putc(w->out, (char)(0xc0 | *p >> 6));
            buf_putc(w->out, (char)(0x80 | (*p & 0x3f)));
            i++;
        } else if (n == 1 && (*p == '"' || *p == '\\')) {
            buf_printf(w->out, "\\%c", *p);
            i++;
        } else if (n == 1 && (*p < 32 || *p == 127)) {
            buf_printf(w->out, "\\u%04x", *p);
            i++;
        } else {
            buf_add(w->out, (const char *)p, n);
            i += n;
        }
    }
    buf_putc(w->out, '"');
}

static void newline(struct writer *w)
{
    buf_putc(w->out, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        buf_putc(w->out, ' ');
}

static void key(struct writer *w, const char *name)
{
    if (!w->first)
        buf_putc(w->out, ',');
    w->first = false;
    newline(w);
    buf_printf(w->out, "\"%s\": ", name);
}

static void item(struct writer *w)
{
    if (!w->first)
        buf_putc(w->out, ',');
    w->first = false;
    newline(w);
}

static void open(struct writer *w, char c)
{
    buf_putc(w->out, c);
    w->first = true;
    w->depth++;
}

static void shut(struct writer *w, char c)
{
    w->depth--;
    if (!w->first)
        newline(w);
    buf_putc(w->out, c);
    w->first = false;
}

static void place(struct writer *w, struct span at, bool comma)
{
    if (w->o->no_places)
        return;
    struct location l = source_locate(w->src, at.off);
    buf_printf(w->out, "%s\"line\": %u, \"column\": %u, \"length\": %u", comma ? ", " : "", l.line, l.column, at.len);
}

static void mark_end(struct writer *w, const struct ir_mark *m)
{
    static const char *const names[] = {[ORIGIN_UNSET] = "unset",
                                        [ORIGIN_WRITTEN] = "written",
                                        [ORIGIN_DEFAULT] = "default",
                                        [ORIGIN_INHERITED] = "inherited"};
    buf_printf(w->out, ", \"origin\": \"%s\"", names[m->origin]);
    if (m->origin == ORIGIN_WRITTEN || (m->origin == ORIGIN_INHERITED && m->span.len))
        place(w, m->span, true);
    buf_putc(w->out, '}');
}

static void value_begin(struct writer *w, const char *name)
{
    key(w, name);
    buf_puts(w->out, "{\"value\": ");
}

static void secret(struct writer *w, const char *name, const struct ir_secret *s)
{
    static const char *const forms[] = {[SECRET_NONE] = "none",
                                        [SECRET_PLAIN] = "plain",
                                        [SECRET_TYPE6] = "type6",
                                        [SECRET_TYPE7] = "type7",
                                        [SECRET_HEX] = "hex"};
    value_begin(w, name);
    if (w->o->show_secrets)
        string(w, secret_reveal(&s->s));
    else
        buf_puts(w->out, "\"<key>\"");
    buf_printf(w->out, ", \"form\": \"%s\"", forms[s->s.form]);
    mark_end(w, &s->m);
}

static void address_text(struct writer *w, const struct ip_addr *a, unsigned plen)
{
    char t[ADDR_TEXT_MAX];
    buf_printf(w->out, plen == 255 ? "\"%s\"" : "\"%s/%u\"", addr_text(a, t), plen);
}

static void reference(struct writer *w, const struct ir_ref *r)
{
    buf_puts(w->out, "{\"value\": ");
    string(w, r->name);
    buf_printf(w->out, ", \"defined\": %s", r->target ? "true" : "false");
    mark_end(w, &r->m);
}

static void algorithms(struct writer *w, const struct ptrlist *l)
{
    open(w, '[');
    PTRLIST_FOR (struct ir_alg, a, l) {
        item(w);
        buf_printf(w->out, "{\"value\": \"%s\", \"bits\": %u", algo_get(a->id)->name, a->bits);
        mark_end(w, &a->m);
    }
    shut(w, ']');
}

static void transforms(struct writer *w, const struct ptrlist *l)
{
    static const char *const protos[] = {[PROTO_AH] = "ah", [PROTO_ESP] = "esp", [PROTO_COMP] = "comp"};
    open(w, '[');
    PTRLIST_FOR (struct ir_transform, t, l) {
        item(w);
        buf_printf(w->out, "{\"value\": \"%s\", \"protocol\": \"%s\", \"bits\": %u", algo_get(t->alg)->name,
                   protos[t->proto], t->bits);
        mark_end(w, &t->m);
    }
    shut(w, ']');
}

static void ports(struct writer *w, const char *name, const struct ace_ports *p)
{
    static const char *const ops[] = {[ACE_NO_PORT] = "", [ACE_EQ] = "eq", [ACE_NEQ] = "neq",
                                      [ACE_LT] = "lt",    [ACE_GT] = "gt", [ACE_PORT_RANGE] = "range"};
    if (p->op == ACE_NO_PORT)
        return;
    buf_printf(w->out, ", \"%s\": {\"op\": \"%s\", \"ports\": [", name, ops[p->op]);
    for (uint8_t i = 0; i < p->n; i++)
        buf_printf(w->out, "%s%u", i ? ", " : "", p->port[i]);
    buf_puts(w->out, "]}");
}

static void end_text(struct writer *w, const char *name, const struct ace_end *e)
{
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
    buf_printf(w->out, ", \"%s\": ", name);
    switch ((enum ace_addr_form)e->form) {
    case ACE_ANY:
        buf_puts(w->out, "\"any\"");
        break;
    case ACE_HOST:
        buf_printf(w->out, "\"%s\"", addr_text(&e->addr, a));
        break;
    case ACE_PREFIX:
        buf_printf(w->out, "\"%s/%u\"", addr_text(&e->addr, a), e->plen);
        break;
    case ACE_WILDCARD: {
        int inv = mask4_len(~addr_v4(&e->wild));
        if (inv >= 0)
            buf_printf(w->out, "\"%s/%d\"", addr_text(&e->addr, a), inv);
        else
            buf_printf(w->out, "{\"address\": \"%s\", \"wildcard\": \"%s\"}", addr_text(&e->addr, a),
                       addr_text(&e->wild, b));
        break;
    }
    case ACE_RANGE:
        buf_printf(w->out, "{\"first\": \"%s\", \"last\": \"%s\"}", addr_text(&e->addr, a), addr_text(&e->wild, b));
        break;
    case ACE_HOSTNAME:
        buf_puts(w->out, "{\"hostname\": ");
        string(w, e->name);
        buf_putc(w->out, '}');
        break;
    case ACE_GROUP:
        buf_puts(w->out, "{\"group\": ");
        string(w, e->name);
        buf_printf(w->out, ", \"defined\": %s}", e->group ? "true" : "false");
        break;
    }
}

static void protocol(struct writer *w, unsigned proto)
{
    if (proto == PROTO_ANY)
        buf_puts(w->out, ", \"protocol\": \"any\"");
    else if (proto == PROTO_TCP_UDP)
        buf_puts(w->out, ", \"protocol\": \"tcp-udp\"");
    else
        buf_printf(w->out, ", \"protocol\": %u", proto);
}

static void ace_body(struct writer *w, const struct ace *a, bool standard)
{
    buf_printf(w->out, "\"action\": \"%s\"", a->permit ? "permit" : "deny");
    if (a->service_group.len) {
        buf_puts(w->out, ", \"service_group\": ");
        string(w, a->service_group);
    } else if (!standard) {
        protocol(w, a->proto);
    }
    end_text(w, "source", &a->src);
    ports(w, "source_ports", &a->src.ports);
    if (!standard) {
        end_text(w, "destination", &a->dst);
        ports(w, "destination_ports", &a->dst.ports);
    }
    if (a->icmp_type_set)
        buf_printf(w->out, ", \"icmp_type\": %u", a->icmp_type);
    if (a->icmp_code_set)
        buf_printf(w->out, ", \"icmp_code\": %u", a->icmp_code);
    if (a->opts.len) {
        buf_puts(w->out, ", \"options\": ");
        string(w, a->opts);
    }
    if (a->unselectable)
        buf_puts(w->out, ", \"selectable\": false");
}

static void aces(struct writer *w, const struct ptrlist *l, bool standard)
{
    open(w, '[');
    PTRLIST_FOR (struct ace, a, l) {
        item(w);
        if (a->remark) {
            buf_puts(w->out, "{\"remark\": ");
            string(w, a->text);
        } else {
            buf_printf(w->out, "{\"sequence\": %u, ", a->seq);
            ace_body(w, a, standard);
        }
        place(w, a->span, true);
        buf_putc(w->out, '}');
    }
    shut(w, ']');
}

static void object_items(struct writer *w, const struct ptrlist *l, bool service)
{
    open(w, '[');
    PTRLIST_FOR (struct object_item, it, l) {
        item(w);
        buf_puts(w->out, "{\"kind\": \"item\"");
        if (it->is_group) {
            buf_puts(w->out, ", \"group\": ");
            string(w, it->group_name);
        } else if (service) {
            protocol(w, it->proto);
            ports(w, "source_ports", &it->src_ports);
            ports(w, "destination_ports", &it->end.ports);
            if (it->icmp_set)
                buf_printf(w->out, ", \"icmp_type\": %u", it->icmp_type);
        } else {
            end_text(w, "address", &it->end);
        }
        place(w, it->span, true);
        buf_putc(w->out, '}');
    }
    shut(w, ']');
}

static void object(struct writer *w, const struct ir_desc *d, const void *o);

static void list(struct writer *w, const struct ir_field *f, const struct ptrlist *l)
{
    open(w, '[');
    for (uint32_t i = 0; i < l->n; i++) {
        item(w);
        object(w, f->sub, l->v[i]);
    }
    shut(w, ']');
}

static void scalar(struct writer *w, const struct ir_field *f, const void *p)
{
    const struct ir_num *n = p;
    if (!IR_IS_SET(*n))
        return;
    value_begin(w, f->name);
    if (f->type == IR_NUM)
        buf_printf(w->out, "%llu", (unsigned long long)n->v);
    else if (f->type == IR_FLAG)
        buf_puts(w->out, n->v ? "true" : "false");
    else
        buf_printf(w->out, "\"%s\"", f->type == IR_ALGO ? algo_get((enum algo_id)n->v)->name : f->words[n->v]);
    mark_end(w, &n->m);
}

/* Whole commands that are kept as text may hold keys. */
static void text(struct writer *w, const struct ir_field *f, struct str s)
{
    bool may_hold =
        strcmp(f->name, "text") == 0 || strcmp(f->name, "command") == 0 || memchr(s.p ? s.p : "", '@', s.len);
    if (w->o->show_secrets || !may_hold) { /* an at sign: a URL may name a user with a password */
        string(w, s);
        return;
    }
    struct buf b = {0};
    redact_line(s, &b, NULL, NULL);
    string(w, (struct str){b.p, (uint32_t)b.len});
    buf_free(&b);
}

static void place_value(struct writer *w, const struct ir_field *f, const void *p)
{
    if (f->type == IR_STR) {
        const struct ir_str *s = p;
        if (!IR_IS_SET(*s))
            return;
        value_begin(w, f->name);
        text(w, f, s->s);
        mark_end(w, &s->m);
    } else if (f->type == IR_ADDR) {
        const struct ir_addr *a = p;
        if (!IR_IS_SET(*a))
            return;
        value_begin(w, f->name);
        address_text(w, &a->a, a->plen);
        mark_end(w, &a->m);
    } else {
        const struct ir_host *h = p;
        if (!IR_IS_SET(*h))
            return;
        value_begin(w, f->name);
        if (h->name.len)
            string(w, h->name);
        else
            address_text(w, &h->addr, 255);
        mark_end(w, &h->m);
    }
}

static void references(struct writer *w, const struct ptrlist *l)
{
    open(w, '[');
    PTRLIST_FOR (struct ir_ref, r, l) {
        item(w);
        reference(w, r);
    }
    shut(w, ']');
}

static void interface_names(struct writer *w, const struct ptrlist *l)
{
    open(w, '[');
    PTRLIST_FOR (struct interface, i, l) {
        item(w);
        string(w, i->name.s);
    }
    shut(w, ']');
}

static void field(struct writer *w, const struct ir_field *f, const void *o)
{
    const void *p = (const char *)o + f->off;
    switch (f->type) {
    case IR_NUM:
    case IR_FLAG:
    case IR_ALGO:
    case IR_ENUM:
        scalar(w, f, p);
        return;
    case IR_STR:
    case IR_ADDR:
    case IR_HOST:
        place_value(w, f, p);
        return;
    case IR_SECRET:
        if (IR_IS_SET(*(const struct ir_secret *)p))
            secret(w, f->name, p);
        return;
    case IR_REF:
        if (IR_IS_SET(*(const struct ir_ref *)p)) {
            key(w, f->name);
            reference(w, p);
        }
        return;
    case IR_OBJECT:
        key(w, f->name);
        object(w, f->sub, p);
        return;
    case IR_LIST:
    case IR_REFS:
    case IR_NAMES:
    case IR_ALGS:
    case IR_XFORMS:
    case IR_ACES:
    case IR_ITEMS:
        break;
    }
    const struct ptrlist *l = p;
    if (l->n == 0)
        return;
    key(w, f->name);
    if (f->type == IR_LIST)
        list(w, f, l);
    else if (f->type == IR_REFS)
        references(w, l);
    else if (f->type == IR_NAMES)
        interface_names(w, l);
    else if (f->type == IR_ALGS)
        algorithms(w, l);
    else if (f->type == IR_XFORMS)
        transforms(w, l);
    else if (f->type == IR_ACES)
        aces(w, l, ((const struct acl *)o)->kind.v == ACL_STANDARD);
    else
        object_items(w, l, ((const struct object_group *)o)->is_service.v);
}

static void object(struct writer *w, const struct ir_desc *d, const void *o)
{
    open(w, '{');
    if (d->has_span && !w->o->no_places && ((const struct span *)o)->len) {
        key(w, "at");
        buf_putc(w->out, '{');
        place(w, *(const struct span *)o, false);
        buf_putc(w->out, '}');
    }
    for (const struct ir_field *f = d->fields; f->name; f++)
        field(w, f, o);
    shut(w, '}');
}

static void print(struct buf *out, const struct ptrlist *units, struct backend_options *o)
{
    struct writer w = {.out = out, .o = o};
    open(&w, '{');
    key(&w, "schema");
    buf_puts(out, "\"ioscc-ir/1\"");
    key(&w, "configurations");
    open(&w, '[');
    PTRLIST_FOR (struct ir_config, c, units) {
        w.src = c->source;
        item(&w);
        object(&w, &ir_desc_config, c);
    }
    shut(&w, ']');
    shut(&w, '}');
    buf_putc(out, '\n');
}

const struct backend backend_json = {"json", "the IR, by docs/ir.schema.json", print, true, false, "ir.json"};
