/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The router's own host table, which it asks before the DNS:
 *     ip host NAME [tcp-port] ADDRESS [ADDRESS …]
 *     ip host NAME additional ADDRESS [ADDRESS …]
 * Lines of a VRF or a view, and records of other types (mx, ns, srv) name nobody that a crypto map could call.
 */
#include "compiler/sem/builder.h"

#define HOST_NAME_MAX_LEN 253 /* RFC 1035 §2.3.4, without the dot at the end */

/* Where a word of the line stands. */
static struct ir_mark mark_of(const struct ir_str *line, struct str word)
{
    return written((struct span){line->m.span.off + (uint32_t)(word.p - line->s.p), word.len});
}

/* Names are compared without case (RFC 1035 §2.3.3). */
static struct str lower(struct builder *b, struct str s)
{
    char *p = arena_strndup(b->a, s.p, s.len);
    for (uint32_t i = 0; i < s.len; i++)
        p[i] = str_lower(p[i]);
    return (struct str){p, s.len};
}

static bool is_number(struct str w)
{
    for (uint32_t i = 0; i < w.len; i++)
        if (w.p[i] < '0' || w.p[i] > '9')
            return false;
    return w.len > 0;
}

static void add_address(struct builder *b, struct host_entry *h, struct host_entry_address *a)
{
    PTRLIST_FOR (struct host_entry_address, o, &h->addresses) {
        if (addr_eq(&o->address.a, &a->address.a))
            return;
    }
    ptrlist_add(b->a, &h->addresses, a);
}

/* All words of `text`, a part of `line`, into `out`; false if one is no address. */
static bool read_addresses(struct builder *b, const struct ir_str *line, struct str text, struct ptrlist *out)
{
    for (struct str w = str_take_word(&text); w.len; w = str_take_word(&text)) {
        struct host_entry_address *a = ARENA_NEW(b->a, struct host_entry_address);
        a->address = (struct ir_addr){.plen = 255, .m = mark_of(line, w)};
        a->span = a->address.m.span;
        if (!addr_parse(w, &a->address.a))
            return false;
        ptrlist_add(b->a, out, a);
    }
    return true;
}

static void host_line(struct builder *b, const struct ios_stmt *s)
{
    const struct ir_str line = val_name(b, &s->args[0]);
    struct str text = line.s, word = str_take_word(&text);
    if (str_is(word, "vrf") || str_is(word, "view") || word.len > HOST_NAME_MAX_LEN)
        return;
    const struct ir_str name = {lower(b, word), mark_of(&line, word)};
    if (undo(s)) {
        object_remove(b, s, TAB_HOST, &b->c->hosts, name.s, "host");
        return;
    }
    struct str rest = text, next = str_take_word(&rest);
    bool is_more = str_is(next, "additional");
    if (is_more || is_number(next))
        text = rest;
    struct ptrlist addresses = {0};
    if (!read_addresses(b, &line, text, &addresses) || !addresses.n)
        return;
    struct host_entry *h = object_get(b, TAB_HOST, &b->c->hosts, sizeof *h, name, s->span, NULL);
    if (!is_more)
        h->addresses.n = 0;
    PTRLIST_FOR (struct host_entry_address, a, &addresses) {
        add_address(b, h, a);
    }
}

static void find_peers(struct builder *b, struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family != FAMILY_NONE || !p->host.name.len)
            continue;
        const struct host_entry *h = ir_find(b->c, TAB_HOST, lower(b, p->host.name));
        if (h)
            p->host.addr = ((const struct host_entry_address *)h->addresses.v[0])->address.a;
    }
}

void hosts_find_peers(struct builder *b)
{
    if (!b->c->hosts.n)
        return;
    PTRLIST_FOR (struct crypto_map, m, &b->c->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            find_peers(b, e);
        }
    }
}

const struct handler_row host_handlers[] = {
    {S_IP_HOST, host_line},
    {S_COUNT, NULL},
};
