/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/account/account.h"

#include <stdlib.h>

#include "backends/account/reach.h"
#include "backends/target/walls.h"

/* ---- lines that are not about IPsec ---- */

/* `where` of account.def. */
enum {
    ROW_GLOBAL = IR_IN_GLOBAL,
    ROW_INTERFACE = IR_IN_INTERFACE,
    ROW_LIST = IR_IN_LIST,
    ROW_ROUTE_MAP = IR_IN_ROUTE_MAP
};
struct row {
    uint8_t place; /* enum ir_line_place */
    const char *words;
    enum line_fate fate;
    const char *why;
    unsigned has; /* HOST_HAS_…: the host may have it in another way; 0: nothing is said of that */
};
static const struct row rows[] = {
#define ROW(place, words, fate, why) {ROW_##place, words, FATE_##fate, why, 0},
#define ROW_OF_HOST(place, words, has, why) {ROW_##place, words, FATE_LEFT, why, HOST_HAS_##has},
#include "backends/account/account.def"
#undef ROW
#undef ROW_OF_HOST
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const struct row *best_row(uint8_t place, struct str line)
{
    const struct row *best = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned n = rows[i].place == place ? line_begins_with(line, rows[i].words) : 0;
        if (n > most) {
            most = n;
            best = &rows[i];
        }
    }
    return best;
}

/* Lines that were read, as IOS has them and rules look at them, and that change nothing here. */
static const struct row not_carried[] = {
    {0, "crypto isakmp invalid-spi-recovery", FATE_LEFT, "a peer that lost its SAs is found by DPD", 0},
    {0, "no crypto ipsec nat-transparency spi-matching", FATE_NOTHING, "as here", 0},
    {0, "no crypto ipsec nat-transparency", FATE_LEFT, "NAT traversal is always on", 0},
    {0, "crypto ipsec nat-transparency spi-matching", FATE_LEFT, "SAs behind NAT are told apart by UDP", 0},
    {0, "crypto isakmp disconnect-revoked-peers", FATE_LEFT, "certificates are looked at when the peer proves itself",
     0},
    {0, "crypto ikev2 disconnect-revoked-peers", FATE_LEFT, "certificates are looked at when the peer proves itself",
     0},
    {0, "crypto ikev2 http-url", FATE_LEFT, "certificates are sent whole", 0},
    {0, "crypto ikev2 certificate-cache", FATE_NOTHING, "certificates are not kept", 0},
    {0, "crypto ikev2 window", FATE_NOTHING, "one request at a time", 0},
    {0, "qos pre-classify", FATE_LEFT, "queues see the encrypted packet: tc", 0},
    {0, "set nat demux", FATE_LEFT, "clients behind one NAT are told apart by their addresses", 0},
    {0, "set reverse-route tag", FATE_LEFT, "routes of Linux have no tags", 0},
};

static const struct row *row_in(const struct row *v, size_t n, struct str line)
{
    for (size_t i = 0; i < n; i++)
        if (line_begins_with(line, v[i].words))
            return &v[i];
    return NULL;
}

static const struct row taken_back = {IR_IN_BLOCK, "no", FATE_NOTHING, "removes nothing that is carried", 0};
static const struct row not_known = {IR_IN_BLOCK, "", FATE_UNKNOWN,
                                     "not known to ioscc: check what it means for packets", 0};

static const struct row *row_of(uint8_t place, struct str line)
{
    const struct row *r = best_row(place, line);
    bool is_negated = line_begins_with(line, "no") || line_begins_with(line, "default");
    if (!r)
        r = is_negated ? &taken_back : &not_known;
    return r;
}

/* ---- lines that were read ---- */

struct kind_row {
    enum line_fate fate;
    const char *why; /* NULL: it is carried, if what it belongs to is */
};
static const struct kind_row kinds[] = {
    [IR_LINE_TEXT] = {FATE_NOTHING, "text"},
    [IR_LINE_LOG] = {FATE_NOTHING, "what is logged"},
    [IR_LINE_ENROLMENT] = {FATE_NOTHING, "enrolment: certificate and key are files here (--pki-dir)"},
    [IR_LINE_VRF] = {FATE_LEFT, "a routing table of its own: a VRF device of the host"},
    [IR_LINE_STANDBY] = {FATE_LEFT, "a virtual address of two routers (HSRP): keepalived"},
    [IR_LINE_NHRP] = {FATE_LEFT, "NHRP: FRR nhrpd"},
    [IR_LINE_ENCAPSULATION] = {FATE_LEFT, "encapsulation: the link is made on the host (VLAN, PPP)"},
    [IR_LINE_EZVPN] = {FATE_LEFT, "Easy VPN"},
    [IR_LINE_TUNNEL] = {FATE_LEFT, "the tunnel is not made"},
    [IR_LINE_VTEMPLATE] = {FATE_LEFT, "a virtual access interface for each peer"},
    [IR_LINE_ROUTE_MAP] = {FATE_LEFT, "what a route map sets or asks"},
    [IR_LINE_OTHER] = {FATE_LEFT, "a crypto command that is not carried"},
};

static const struct kind_row *kind_of(uint8_t kind)
{
    bool has_row = kind < sizeof kinds / sizeof *kinds && kinds[kind].why;
    return has_row ? &kinds[kind] : NULL;
}

/* ---- the whole ---- */

struct reader {
    struct arena *ar;
    const struct target *t;
    struct reach reach;
    struct symtab findings;   /* ("", place of a line) → the worst finding in it */
    struct symtab interfaces; /* ("", its place) → struct interface */
    struct symtab entries;    /* ("", its place) → struct crypto_map_entry */
    struct {
        enum line_fate fate;
        const char *why;
    } block; /* of the last global line: what nobody knows below it shares its fate */
};

static uint32_t line_start(const struct source *s, uint32_t off)
{
    while (off > 0 && s->text[off - 1] != '\n')
        off--;
    while (off < s->len && (is_blank(s->text[off]) || s->text[off] == '\r'))
        off++;
    return off;
}

/* What the host is like changes nothing of what becomes of a line. */
static bool is_about_host(enum diag_id id)
{
    static const enum diag_id ids[] = {D_LX_NO_SA,         D_LX_NO_ROUTE,       D_LX_HOST_SETTING,
                                       D_LX_FOREIGN_RULES, D_LX_FOREIGN_FILTER, D_LX_NAT_ADDRESS};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void note_findings(struct reader *r)
{
    PTRLIST_FOR (struct diag, d, &r->t->diags->items) {
        if (is_about_host((enum diag_id)d->id))
            continue;
        uint32_t at = line_start(r->t->c->source, d->span.off);
        const struct diag *before = symtab_get(&r->findings, STR_EMPTY, at);
        if (!before || before->severity < d->severity)
            symtab_put(r->ar, &r->findings, STR_EMPTY, at, d);
    }
}

static void set_fate(struct line_account *l, enum line_fate fate, const char *why)
{
    l->fate = fate;
    l->why = why;
}

static void index_places(struct reader *r)
{
    const struct ir_config *c = r->t->c;
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        symtab_put(r->ar, &r->interfaces, STR_EMPTY, i->span.off, i);
    }
    const struct ptrlist *const sets[] = {&c->crypto_maps, &c->dynamic_maps};
    for (size_t k = 0; k < 2; k++)
        PTRLIST_FOR (struct crypto_map, m, sets[k]) {
            PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
                symtab_put(r->ar, &r->entries, STR_EMPTY, e->span.off, e);
            }
        }
}

static const struct host_link *link_of(const struct reader *r, const struct interface *i)
{
    const char *name = if_map_find(r->t->ifs, i);
    return name ? if_map_link(r->t->ifs, name) : NULL;
}

static bool has_address(const struct host_link *link, const struct ptrlist *addresses, uint32_t off)
{
    PTRLIST_FOR (struct if_address, a, addresses) {
        PTRLIST_FOR (struct host_address, h, &link->addresses) {
            if (a->span.off == off && addr_eq(&h->addr, &a->address.a))
                return true;
        }
    }
    return false;
}

/* What a line sets that the host's link has by itself, or has not. NULL: it is no such line. */
static const char *lacks_of_link(const struct interface *i, const struct host_link *link, const struct ir_line *line)
{
    switch (line->kind) {
    case IR_LINE_MTU:
        return i->mtu.v == link->mtu ? "" : "the host's link has another MTU: ip link set mtu";
    case IR_LINE_IP_MTU:
        return i->ip_mtu.v == link->mtu ? "" : "the host's link has another MTU: ip link set mtu";
    case IR_LINE_ADDRESS:
        return has_address(link, &i->addresses, line->off) ? "" : "the host's link has no such address: ip address add";
    case IR_LINE_ADDRESS6:
        return has_address(link, &i->addresses6, line->off) ? ""
                                                            : "the host's link has no such address: ip address add";
    case IR_LINE_SHUTDOWN:
        if (!i->shutdown.v)
            return NULL; /* `no shutdown` */
        return link->is_up ? "the host's link is up, and its packets pass: ip link set down" : "";
    default:
        return NULL;
    }
}

static void judge_interface_line(const struct reader *r, const struct ir_line *line, struct line_account *l)
{
    const struct interface *i = symtab_get(&r->interfaces, STR_EMPTY, line->owner);
    const struct host_link *link = i ? link_of(r, i) : NULL;
    const char *lacks = link ? lacks_of_link(i, link, line) : NULL;
    if (i && !link)
        set_fate(l, FATE_LEFT, "the interface is none of this host's");
    else if (lacks)
        set_fate(l, FATE_LEFT, lacks);
    if (lacks && !*lacks)
        set_fate(l, FATE_CARRIED, "the host's link has it");
}

static const char not_referred_to[] = "nothing that is applied here refers to it";

/* `match interface` of a route map that NAT uses. */
static bool is_way_out(const struct ir_line *line, struct str text)
{
    return line->kind == IR_LINE_ROUTE_MAP && line_begins_with(text, "match interface");
}

static void judge_read(const struct reader *r, const struct ir_line *line, struct line_account *l)
{
    bool has_owner = line->owner != IR_LINE_NO_OWNER;
    bool is_unused = has_owner && !reach_has(&r->reach, line->owner);
    bool is_of_interface = line->kind == IR_LINE_INTERFACE || line->place == IR_IN_INTERFACE;
    const struct kind_row *k = kind_of(line->kind);
    const struct crypto_map_entry *e = has_owner ? symtab_get(&r->entries, STR_EMPTY, line->owner) : NULL;
    const struct unmet *u = e && !is_unused ? target_blocked(r->t, e) : NULL;
    const struct row *without = row_in(not_carried, sizeof not_carried / sizeof *not_carried, l->text);
    set_fate(l, FATE_CARRIED, NULL);
    if (without && !is_unused && !u)
        set_fate(l, without->fate, without->why);
    else if (is_way_out(line, l->text) && is_unused)
        set_fate(l, FATE_UNUSED, not_referred_to);
    else if (is_way_out(line, l->text))
        set_fate(l, FATE_CARRIED, NULL);
    else if (k)
        set_fate(l, k->fate, k->why);
    else if (u)
        set_fate(l, FATE_REFUSED, need_text(u->need));
    else if (is_unused && !is_of_interface)
        set_fate(l, FATE_UNUSED, not_referred_to);
    else if (is_of_interface)
        judge_interface_line(r, line, l);
}

/* What the host is said to have instead of such a line; NULL: nothing. */
static const char *option_of(const struct target *t, const struct row *row)
{
    if (row->has & t->ifs->host_has & HOST_HAS_FIREWALL)
        return "the host has rules of its own (--host-has firewall)";
    return row->has & t->ifs->host_has ? "the host has rules of its own (--host-has policy-routing)" : NULL;
}

static void judge_left(struct reader *r, const struct ir_line *line, struct line_account *l)
{
    const struct row *row = row_of(line->place, l->text);
    const char *option = option_of(r->t, row);
    const bool decides_who_comes =
        line_begins_with(l->text, "access-class") || line_begins_with(l->text, "ipv6 access-class");
    l->is_inside = line->place == IR_BELOW_LEFT && r->block.why;
    if (l->is_inside && decides_who_comes)
        set_fate(l, FATE_LEFT, "who may reach this host: nftables rules of your own");
    else if (option)
        set_fate(l, FATE_HOST, option);
    else if (l->is_inside)
        set_fate(l, r->block.fate, r->block.why);
    else
        set_fate(l, row->fate, row->why);
}

/* A finding of the plan says more than the line's own words. */
static void judge_finding(const struct reader *r, const struct ir_line *line, struct line_account *l)
{
    const struct diag *d = symtab_get(&r->findings, STR_EMPTY, line->off);
    if (!d)
        return;
    l->finding = diag_infos[d->id].id;
    set_fate(l, d->severity == SEV_ERROR ? FATE_REFUSED : FATE_DIFFERS, d->message);
}

static void judge(struct reader *r, const struct ir_line *line, struct line_account *l)
{
    switch ((enum ir_line_state)line->state) {
    case IR_LINE_READ:
        judge_read(r, line, l);
        break;
    case IR_LINE_LEFT:
        judge_left(r, line, l);
        break;
    case IR_LINE_BROKEN:
        set_fate(l, FATE_BROKEN, "not understood (ioscc check says why)");
        break;
    }
    if (line->place == IR_IN_GLOBAL) {
        r->block.fate = l->fate;
        r->block.why = l->why;
    }
    judge_finding(r, line, l);
}

static int by_place(const void *a, const void *b)
{
    const struct line_account *x = a, *y = b;
    return (x->off > y->off) - (x->off < y->off);
}

static void number_lines(struct account *a, const struct source *s)
{
    uint32_t number = 1, at = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        for (; at < a->v[i].off; at++)
            number += s->text[at] == '\n';
        a->v[i].number = number;
    }
}

void account_build(struct account *a, struct arena *ar, const struct target *t)
{
    const struct ir_config *c = t->c;
    struct reader r = {.ar = ar, .t = t};
    reach_build(&r.reach, ar, t);
    index_places(&r);
    note_findings(&r);
    *a = (struct account){.v = arena_alloc(ar, (c->lines_n + 1) * sizeof *a->v), .n = c->lines_n};
    for (uint32_t i = 0; i < c->lines_n; i++) {
        struct line_account *l = &a->v[i];
        *l = (struct line_account){.off = c->lines[i].off, .text = line_text_at(c->source, c->lines[i].off)};
        judge(&r, &c->lines[i], l);
        a->count[l->fate]++;
    }
    qsort(a->v, a->n, sizeof *a->v, by_place); /* a capture may go back to a router */
    number_lines(a, c->source);
}
