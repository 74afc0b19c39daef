/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access lists, object groups and route maps (§2). */
#include <stdlib.h>

#include "compiler/base/ipnames.h"
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

static struct acl *acl_get(struct builder *b, struct ir_str name, enum acl_kind kind, struct span span, bool *is_new)
{
    bool fresh;
    struct acl *a = object_get(b, TAB_ACL, &b->c->acls, sizeof *a, name, span, &fresh);
    if (fresh)
        a->kind = num_of(kind, name.m.span);
    if (is_new)
        *is_new = fresh;
    return a;
}

static void acl_open(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    if (undo(s)) {
        object_remove(b, s, TAB_ACL, &b->c->acls, name, "access list");
        return;
    }
    enum acl_kind kind = val_is(ARG(1), "extended")   ? ACL_EXTENDED
                         : val_is(ARG(1), "standard") ? ACL_STANDARD
                                                      : ACL_IPV6;
    b->cur_acl = acl_get(b, val_name(b, ARG(0)), kind, s->span, NULL);
    if (b->cur_acl->kind.v != kind) {
        struct diag *d = diag_add(b->diags, D_NOT_EXTENDED_ACL, ARG(0)->span,
                                  "access list '" STR_FMT "' is of another kind already", STR_ARG(name));
        diag_note(b->diags, d, b->cur_acl->span, "first defined here");
    }
    if (ARG(0)->kind == IOS_V_NUMBER)
        b->cur_acl->numbered = num_of(1, ARG(0)->span);
}

/* The list a line belongs to: named by the line (`access-list 101 …`) or the one that is open. */
static struct acl *acl_of(struct builder *b, const struct ios_stmt *s, const struct ios_val *number,
                          enum acl_kind *kind)
{
    if (number->kind != IOS_V_NUMBER) {
        *kind = (enum acl_kind)b->cur_acl->kind.v;
        return b->cur_acl;
    }
    uint64_t n = number->u.num;
    if ((n >= 1 && n <= 99) || (n >= 1300 && n <= 1999))
        *kind = ACL_STANDARD;
    else if ((n >= 100 && n <= 199) || (n >= 2000 && n <= 2699))
        *kind = ACL_EXTENDED;
    else
        return NULL; /* 200–1299: other protocols of old (protocol type codes, MAC, IPX …) */
    struct acl *a = acl_get(b, val_name(b, number), *kind, s->span, NULL);
    a->numbered = num_of(1, number->span);
    b->cur_acl = a;
    return a;
}

static bool port_value(struct builder *b, const struct ios_val *v, uint16_t *out)
{
    if (v->u.num > 65535) {
        diag_add(b->diags, D_OUT_OF_RANGE, v->span, "port " STR_FMT " is outside 0 to 65535", STR_ARG(val_str(b, v)));
        return false;
    }
    if (v->kind == IOS_V_NAMED && ipname_is_foreign(IPN_TCP, val_str(b, v)))
        diag_add(b->diags, D_FOREIGN_NAME, v->span, "'" STR_FMT "' is not a port name of IOS: it is read as %llu",
                 STR_ARG(val_str(b, v)), (unsigned long long)v->u.num);
    *out = (uint16_t)v->u.num;
    return true;
}

static bool ports(struct builder *b, const struct ios_ace_end *in, struct ace_ports *out)
{
    static const uint8_t ops[] = {[PORT_NONE] = ACE_NO_PORT, [PORT_EQ] = ACE_EQ, [PORT_NEQ] = ACE_NEQ,
                                  [PORT_LT] = ACE_LT,        [PORT_GT] = ACE_GT, [PORT_RANGE] = ACE_PORT_RANGE};
    out->op = ops[in->op];
    if (in->nports > IOS_PORTS_MAX) {
        diag_add(b->diags, D_OUT_OF_RANGE, in->ports[0].span, "more than %d ports in one line", IOS_PORTS_MAX);
        return false;
    }
    out->n = in->nports;
    for (uint8_t i = 0; i < in->nports; i++)
        if (!port_value(b, &in->ports[i], &out->port[i]))
            return false;
    if (out->op == ACE_PORT_RANGE && out->port[0] > out->port[1]) { /* IOS turns it round */
        uint16_t t = out->port[0];
        out->port[0] = out->port[1];
        out->port[1] = t;
    }
    return true;
}

static void wildcard(struct builder *b, const struct ios_ace_end *in, struct ace_end *out)
{
    uint32_t addr = addr_v4(&in->addr.u.addr), wild = addr_v4(&in->mask.u.addr);
    int plen = mask4_len(wild);
    if (plen > 0 && plen < 32 && (addr & wild) != 0) {
        struct ip_addr inverse = addr_from_v4(~wild);
        char t[ADDR_TEXT_MAX];
        struct diag *d =
            diag_add(b->diags, D_BAD_WILDCARD, in->mask.span,
                     "wildcard " STR_FMT " looks like a subnet mask: it ignores the first %d bits of the address",
                     STR_ARG(val_str(b, &in->mask)), plen);
        diag_hint(b->diags, d, "a wildcard has ones where bits do not matter; for this network write %s",
                  addr_text(&inverse, t));
    }
    if (wild == 0xffffffffu) {
        out->form = ACE_ANY;
    } else if (wild == 0) {
        out->form = ACE_HOST;
        out->addr = in->addr.u.addr;
    } else {
        out->form = ACE_WILDCARD;
        out->addr = addr_from_v4(addr & ~wild); /* as IOS stores it */
        out->wild = in->mask.u.addr;
    }
}

static void clear_host_bits(struct ip_addr *a, unsigned plen)
{
    unsigned bytes = a->family == FAMILY_V4 ? 4 : 16;
    for (unsigned i = 0; i < bytes; i++) {
        unsigned keep = plen >= (i + 1) * 8 ? 8 : plen > i * 8 ? plen - i * 8 : 0;
        a->b[i] = (uint8_t)(a->b[i] & (keep ? 0xff00u >> keep : 0));
    }
}

static void address(struct builder *b, const struct ios_ace_end *in, struct ace_end *out)
{
    out->span = in->addr.span;
    switch (in->form) {
    case AF_ANY:
        out->form = ACE_ANY;
        break;
    case AF_HOST:
        out->form = ACE_HOST;
        out->addr = in->addr.u.addr;
        break;
    case AF_HOSTNAME:
        out->form = ACE_HOSTNAME;
        out->name = val_str(b, &in->addr);
        break;
    case AF_GROUP:
        out->form = ACE_GROUP;
        out->name = val_str(b, &in->addr);
        break;
    case AF_WILDCARD:
        wildcard(b, in, out);
        break;
    case AF_PREFIX:
        out->form = in->addr.plen == 0 ? ACE_ANY : ACE_PREFIX;
        out->addr = in->addr.u.addr;
        out->plen = in->addr.plen;
        clear_host_bits(&out->addr, out->plen);
        if (out->plen == (out->addr.family == FAMILY_V4 ? 32 : 128))
            out->form = ACE_HOST;
        break;
    case AF_MASK: {
        int plen = mask4_len(addr_v4(&in->mask.u.addr));
        if (plen < 0)
            diag_add(b->diags, D_BAD_MASK, in->mask.span,
                     "'" STR_FMT "' is not a subnet mask: object groups take masks, not wildcards",
                     STR_ARG(val_str(b, &in->mask)));
        out->form = plen == 0 ? ACE_ANY : plen == 32 ? ACE_HOST : ACE_PREFIX;
        out->plen =
            (uint8_t)(plen < 0 ? 32 : plen); /* in doubt the smaller set of a broken line; it is an error anyway */
        out->addr = in->addr.u.addr;
        clear_host_bits(&out->addr, out->plen);
        break;
    }
    case AF_RANGE:
        out->form = ACE_RANGE;
        out->addr = in->addr.u.addr;
        out->wild = in->mask.u.addr;
        break;
    }
}

static bool icmp(struct builder *b, const struct ios_stmt *s, struct ace *a, bool v6)
{
    const struct ios_val *t = &s->ace.icmp_type, *c = &s->ace.icmp_code;
    if (!has(t))
        return true;
    if (a->proto != (v6 ? 58 : 1)) {
        diag_add(b->diags, D_BAD_VALUE, t->span, "'" STR_FMT "' can only follow on icmp", STR_ARG(val_str(b, t)));
        return false;
    }
    a->icmp_type_set = true;
    if (t->kind == IOS_V_NAMED) {
        a->icmp_type = (uint8_t)(t->u.num >> 8);
        a->icmp_code_set = !(t->u.num & ICMP_ANY_CODE);
        a->icmp_code = (uint8_t)(t->u.num & 0xff);
        if (!a->icmp_code_set)
            a->icmp_type = (uint8_t)((t->u.num & 0xffff) >> 8);
        return true;
    }
    if (!check_range(b, t, 0, 255, "ICMP type", "") || (has(c) && !check_range(b, c, 0, 255, "ICMP code", "")))
        return false;
    a->icmp_type = (uint8_t)t->u.num;
    a->icmp_code_set = has(c);
    a->icmp_code = (uint8_t)(has(c) ? c->u.num : 0);
    return true;
}

static bool ace_fill(struct builder *b, const struct ios_stmt *s, struct ace *a, enum acl_kind kind)
{
    const struct ios_ace *in = &s->ace;
    a->permit = in->permit;
    a->log = in->has_log;
    a->log_input = in->has_log_input;
    a->unselectable = (uint16_t)in->unselectable;
    if (in->opts.len)
        a->opts = source_slice(b->src, in->opts);
    a->proto = PROTO_ANY;
    address(b, &in->src, &a->src);
    if (kind == ACL_STANDARD)
        return true;
    address(b, &in->dst, &a->dst);
    if (in->proto_is_group) {
        a->service_group = val_str(b, &in->proto);
        a->service_span = in->proto.span;
        return true;
    }
    if (in->proto.kind == IOS_V_NUMBER && !check_range(b, &in->proto, 0, 255, "protocol", ""))
        return false;
    a->proto = (uint16_t)in->proto.u.num;
    if (in->proto.kind == IOS_V_NUMBER && a->proto == 0)
        a->proto = PROTO_ANY; /* 0 is how `ip` was once written */
    if (!ports(b, &in->src, &a->src.ports) || !ports(b, &in->dst, &a->dst.ports))
        return false;
    bool with_ports = in->src.op != PORT_NONE || in->dst.op != PORT_NONE;
    if (with_ports && a->proto != 6 && a->proto != 17 && a->proto != 132) {
        diag_add(b->diags, D_PORT_WITHOUT_PROTO,
                 in->src.op != PORT_NONE ? in->src.ports[0].span : in->dst.ports[0].span,
                 "ports need tcp, udp or sctp: this line is about '" STR_FMT "'", STR_ARG(val_str(b, &in->proto)));
        return false;
    }
    return icmp(b, s, a, kind == ACL_IPV6);
}

static struct str ace_text(struct builder *b, const struct ios_stmt *s)
{
    uint32_t from = s->ace.action.span.off;
    struct str t = {b->src->text + from, s->span.off + s->span.len - from};
    return t;
}

static void ace_remove(struct builder *b, const struct ios_stmt *s, struct acl *a, struct str text)
{
    for (uint32_t i = 0; i < a->aces.n; i++) {
        struct ace *x = a->aces.v[i];
        struct str t = {b->src->text + x->span.off, x->span.len};
        if (t.len < text.len || memcmp(t.p + t.len - text.len, text.p, text.len) != 0)
            continue;
        ptrlist_remove(&a->aces, i);
        symtab_del(&b->c->names, text, (1u << 26) + a->span.off);
        return;
    }
    diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "the access list has no such line to remove");
}

static void ace_append(struct builder *b, struct acl *a, struct ace *x, const struct ios_val *seq)
{
    x->seq_written = has(seq);
    x->seq = x->seq_written ? (uint32_t)seq->u.num : a->last_seq + 10;
    if (x->remark && !x->seq_written)
        x->seq = a->last_seq + 1; /* stays in front of the line that follows; takes no number of its own */
    if (a->aces.n && x->seq < ((struct ace *)a->aces.v[a->aces.n - 1])->seq)
        a->unsorted = true;
    if (x->seq > a->last_seq && !x->remark)
        a->last_seq = x->seq;
    ptrlist_add(b->a, &a->aces, x);
}

static void ace(struct builder *b, const struct ios_stmt *s)
{
    enum acl_kind kind;
    struct acl *a = acl_of(b, s, ARG(0), &kind);
    if (!a)
        return;
    if (ARG(1)->kind == IOS_V_CUT) { /* no access-list 101 */
        object_remove(b, s, TAB_ACL, &b->c->acls, a->name.s, "access list");
        return;
    }
    if (has(&s->ace.seq) && !check_range(b, &s->ace.seq, 1, 2147483647, "sequence number", ""))
        return;
    bool is_std_form = s->ace.proto.kind == IOS_V_NONE && !s->ace.proto_is_group;
    if (is_std_form != (kind == ACL_STANDARD)) {
        diag_add(b->diags, D_NOT_EXTENDED_ACL, s->ace.action.span, "access list " STR_FMT " is %s: it takes %s",
                 STR_ARG(a->name.s), kind == ACL_STANDARD ? "a standard list" : "an extended list",
                 kind == ACL_STANDARD ? "a source address only" : "protocol, source and destination");
        return;
    }
    struct str text = ace_text(b, s);
    if (undo(s)) {
        if (s->negated &&
            ARG(0)->kind == IOS_V_NUMBER) { /* no access-list 101 permit …: the whole list goes, as on the router */
            object_remove(b, s, TAB_ACL, &b->c->acls, a->name.s, "access list");
            return;
        }
        ace_remove(b, s, a, text);
        return;
    }
    uint32_t space = (1u << 26) + a->span.off;
    struct ace *same = symtab_get(&b->c->names, text, space);
    if (same && !has(&s->ace.seq))
        return; /* entering a line again changes nothing */
    struct ace *x = ARENA_NEW(b->a, struct ace);
    x->span = s->span;
    if (!ace_fill(b, s, x, kind))
        return;
    ace_append(b, a, x, &s->ace.seq);
    symtab_put(b->a, &b->c->names, text, space, x);
}

static void ace_remark(struct builder *b, const struct ios_stmt *s)
{
    enum acl_kind kind;
    struct acl *a = acl_of(b, s, ARG(0), &kind);
    if (!a || undo(s))
        return;
    struct ace *x = ARENA_NEW(b->a, struct ace);
    x->span = s->span;
    x->remark = true;
    x->text = val_str(b, ARG(2));
    ace_append(b, a, x, ARG(1));
}

static void ace_delete(struct builder *b, const struct ios_stmt *s)
{
    struct acl *a = b->cur_acl;
    for (uint32_t i = 0; i < a->aces.n; i++) {
        struct ace *x = a->aces.v[i];
        if (x->seq == ARG(0)->u.num && !x->remark) {
            ptrlist_remove(&a->aces, i);
            return;
        }
    }
    diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "the access list has no line " STR_FMT " to remove",
             STR_ARG(val_str(b, ARG(0))));
}

static int by_seq(const void *x, const void *y)
{
    const struct ace *a = *(struct ace *const *)x, *b = *(struct ace *const *)y;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return a->span.off < b->span.off ? -1 : a->span.off > b->span.off;
}

/* By sequence number; a number that is used twice keeps its first line. */
void acl_finish(struct builder *b, struct acl *a)
{
    if (a->unsorted)
        qsort(a->aces.v, a->aces.n, sizeof *a->aces.v, by_seq);
    a->unsorted = false;
    for (uint32_t i = 1; i < a->aces.n; i++) {
        struct ace *x = a->aces.v[i], *prev = a->aces.v[i - 1];
        if (x->seq != prev->seq || x->remark || prev->remark)
            continue;
        struct diag *d = diag_add(b->diags, D_DUPLICATE_SEQUENCE, x->span,
                                  "sequence number %u is taken: the router refuses this line", x->seq);
        diag_note(b->diags, d, prev->span, "first used here");
        ptrlist_remove(&a->aces, i--);
    }
}

static void resequence(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    struct acl *a = ir_find(b->c, TAB_ACL, name);
    if (!a) {
        diag_add(b->diags, D_UNDEFINED_ACL, ARG(0)->span, "access list '" STR_FMT "' is not defined", STR_ARG(name));
        return;
    }
    if (!check_range(b, ARG(1), 1, 2147483647, "sequence number", "") ||
        !check_range(b, ARG(2), 1, 2147483647, "step", ""))
        return;
    acl_finish(b, a);
    uint64_t n = ARG(1)->u.num;
    for (uint32_t i = 0; i < a->aces.n; i++) {
        struct ace *x = a->aces.v[i];
        x->seq = (uint32_t)(n > UINT32_MAX ? UINT32_MAX : n);
        if (x->remark)
            continue;
        a->last_seq = x->seq;
        n += ARG(2)->u.num;
    }
}

/* ---- object groups ---- */

static void object_group(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    if (undo(s)) {
        object_remove(b, s, TAB_OBJECT_GROUP, &b->c->object_groups, name, "object group");
        return;
    }
    struct object_group *g =
        object_get(b, TAB_OBJECT_GROUP, &b->c->object_groups, sizeof *g, val_name(b, ARG(0)), s->span, NULL);
    g->is_service = num_of(val_is(ARG(1), "service"), ARG(1)->span);
    b->cur[MODE_OG_NET] = b->cur[MODE_OG_SVC] = g;
}

static void object_item(struct builder *b, const struct ios_stmt *s)
{
    struct object_group *g = b->cur[MODE_OG_NET];
    struct object_item *it = ARENA_NEW(b->a, struct object_item);
    it->span = s->span;
    struct str text = source_slice(b->src, s->span);
    if (undo(s)) {
        text.p += 3, text.len -= text.len > 3 ? 3 : text.len;
        for (uint32_t i = 0; i < g->items.n; i++) {
            struct object_item *o = g->items.v[i];
            if (str_eq(source_slice(b->src, o->span), text)) {
                ptrlist_remove(&g->items, i);
                return;
            }
        }
        diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "the object group has no such line to remove");
        return;
    }
    const struct ios_ace *in = &s->ace;
    if (!g->is_service.v) {
        address(b, &in->src, &it->end);
        it->is_group = in->src.form == AF_GROUP;
        it->group_name = it->end.name;
    } else if (in->proto_is_group) {
        it->is_group = true;
        it->group_name = val_str(b, &in->proto);
    } else {
        it->proto = val_is(&in->proto, "tcp-udp") ? PROTO_TCP_UDP : (uint16_t)in->proto.u.num;
        struct ace tmp = {.proto = it->proto};
        if (!ports(b, &in->src, &it->src_ports) || !ports(b, &in->dst, &it->end.ports) || !icmp(b, s, &tmp, false))
            return;
        it->icmp_set = tmp.icmp_type_set;
        it->icmp_type = tmp.icmp_type;
        it->icmp_code = tmp.icmp_code;
        it->icmp_code_set = tmp.icmp_code_set;
    }
    ptrlist_add(b->a, &g->items, it);
}

static void object_description(struct builder *b, const struct ios_stmt *s)
{
    struct object_group *g = b->cur[MODE_OG_NET];
    set_text(b, s, &g->description, ARG(0));
}

/* ---- route maps, as far as NAT needs them ---- */

static void route_map(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    uint64_t seq = has(ARG(2)) ? ARG(2)->u.num : 10;
    uint32_t space = (1u << 27) + (uint32_t)(seq & 0xffff);
    struct route_map *r = symtab_get(&b->c->names, name, space);
    if (undo(s)) {
        for (uint32_t i = b->c->route_maps.n; i-- > 0;) {
            struct route_map *o = b->c->route_maps.v[i];
            if (str_eq(o->name.s, name) && (!has(ARG(2)) || o == r)) {
                symtab_del(&b->c->names, name, (1u << 27) + (uint32_t)(o->seq.v & 0xffff));
                ptrlist_remove(&b->c->route_maps, i);
            }
        }
        return;
    }
    if (!r) {
        r = ARENA_NEW(b->a, struct route_map);
        r->span = s->span;
        r->name = val_name(b, ARG(0));
        r->permit = num_of(!val_is(ARG(1), "deny"), has(ARG(1)) ? ARG(1)->span : s->span);
        r->seq = num_of(seq, has(ARG(2)) ? ARG(2)->span : s->span);
        ptrlist_add(b->a, &b->c->route_maps, r);
        symtab_put(b->a, &b->c->names, name, space, r);
        if (!ir_find(b->c, TAB_ROUTE_MAP, name))
            symtab_put(b->a, &b->c->names, name, TAB_ROUTE_MAP, r);
    }
    b->cur[MODE_ROUTE_MAP] = r;
}

static void route_map_line(struct builder *b, const struct ios_stmt *s)
{
    struct route_map *r = b->cur[MODE_ROUTE_MAP];
    if (s->kind == S_RM_OTHER) {
        text_list_edit(b, s, &r->other);
        return;
    }
    for (uint32_t i = 0; i < s->nlist; i++)
        ref_list_edit(b, s, &r->acls, &s->list[i]);
}

const struct handler_row acl_handlers[] = {
    {S_ACL, acl_open},
    {S_ACE, ace},
    {S_ACE_REMARK, ace_remark},
    {S_ACE_DELETE, ace_delete},
    {S_ACL_RESEQUENCE, resequence},
    {S_OBJECT_GROUP, object_group},
    {S_OG_ITEM, object_item},
    {S_OG_DESCRIPTION, object_description},
    {S_ROUTE_MAP, route_map},
    {S_RM_MATCH, route_map_line},
    {S_RM_OTHER, route_map_line},
    {S_COUNT, NULL},
};
