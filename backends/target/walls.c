/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/target/walls.h"

#include <stdio.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_same(struct str a, struct str b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return a.len == b.len;
}

#define CUT_MIN 3  /* letters that a word may be cut down to */
#define CUT_LESS 2 /* ... where it does not matter that another one may be meant */

/* A word that is cut down has its first letter: that is enough to tell most lines from most words. */
static bool has_first_letter(struct str line, const char *words)
{
    uint32_t at = 0;
    while (at < line.len && is_blank(line.p[at]))
        at++;
    return at < line.len && str_lower(line.p[at]) == str_lower(words[0]);
}

static unsigned begins_with(struct str line, const char *words, unsigned cut_min)
{
    unsigned n = 0;
    if (!has_first_letter(line, words))
        return 0;
    struct str want = {words, (uint32_t)strlen(words)};
    for (struct str w = str_take_word(&want); w.len; w = str_take_word(&want)) {
        struct str word = str_take_word(&line);
        bool is_whole = is_same(word, w);
        bool is_cut = word.len >= cut_min && word.len < w.len && is_same(word, (struct str){w.p, word.len});
        if (!is_whole && !is_cut)
            return 0;
        n++;
    }
    return n;
}

unsigned line_begins_with(struct str line, const char *words)
{
    return begins_with(line, words, CUT_MIN);
}

/* `zone_member`, `ip inspct`: with a letter or two otherwise. */
static bool is_nearly(struct str line, const char *words)
{
    struct str want = {words, (uint32_t)strlen(words)};
    for (struct str w = str_take_word(&want); w.len; w = str_take_word(&want)) {
        char text[32];
        struct str word = str_take_word(&line);
        snprintf(text, sizeof text, STR_FMT, STR_ARG(w));
        unsigned far = w.len > 5 ? 2 : 0;
        bool is_joined = word.len > w.len && is_same((struct str){word.p, w.len}, w) && word.p[w.len] == '-';
        if (!is_joined && str_distance(word, text, far) > far)
            return false;
    }
    return true;
}

static const struct wall_row {
    const char *words;
    enum wall_kind kind;
    unsigned has; /* HOST_HAS_… that stands for it */
    const char *means, *option;
} rows[] = {
    {"zone-member", WALL_ZONE, HOST_HAS_FIREWALL,
     "is in a zone of a zone firewall: what its zone pairs drop would pass this host", "firewall"},
    {"ip inspect", WALL_INSPECT, HOST_HAS_FIREWALL,
     "inspects connections: their answers would meet its access list here, which drops them", "firewall"},
    {"ipv6 inspect", WALL_INSPECT, HOST_HAS_FIREWALL,
     "inspects connections: their answers would meet its access list here, which drops them", "firewall"},
    {"ip policy", WALL_POLICY_ROUTING, HOST_HAS_POLICY_ROUTING,
     "leads packets by a route map: they would go by this host's routes, to another interface and past its crypto map, "
     "or under it",
     "policy-routing"},
    {"ipv6 policy", WALL_POLICY_ROUTING, HOST_HAS_POLICY_ROUTING,
     "leads packets by a route map: they would go by this host's routes, to another interface and past its crypto map, "
     "or under it",
     "policy-routing"},
    {"ip ips", WALL_FILTER, HOST_HAS_FIREWALL, "drops what its intrusion prevention finds: here it would pass",
     "firewall"},
    {"ip admission", WALL_FILTER, HOST_HAS_FIREWALL, "lets pass who has named himself: here everybody would pass",
     "firewall"},
    {"ip auth-proxy", WALL_FILTER, HOST_HAS_FIREWALL, "lets pass who has named himself: here everybody would pass",
     "firewall"},
    {"ip urlfilter", WALL_FILTER, HOST_HAS_FIREWALL, "drops what its URL filter finds: here it would pass", "firewall"},
    {"mac access-group", WALL_FILTER, HOST_HAS_FIREWALL, "filters by MAC addresses: here all of them would pass",
     "firewall"},
};

struct str line_text_at(const struct source *s, uint32_t off)
{
    uint32_t end = off;
    while (end < s->len && s->text[end] != '\n' && s->text[end] != '\r')
        end++;
    while (end > off && is_blank(s->text[end - 1]))
        end--;
    return (struct str){s->text + off, end - off};
}

/* "zone-member security INSIDE" */
static struct str zone_of(struct str line)
{
    (void)str_take_word(&line);
    (void)str_take_word(&line);
    return str_take_word(&line);
}

static const struct wall_row *row_of(struct str line)
{
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (begins_with(line, rows[k].words, CUT_LESS) || is_nearly(line, rows[k].words))
            return &rows[k];
    return NULL;
}

bool target_is_wall(struct str line)
{
    return row_of(line) != NULL;
}

bool line_seems_to_begin_with(struct str line, const char *words)
{
    return begins_with(line, words, CUT_LESS) || is_nearly(line, words);
}

/* The interfaces of the host, and up to where a line of theirs has been taken back. */
struct reader {
    struct symtab at;   /* ("", place of an interface) → struct interface */
    struct symtab gone; /* (words of a row, place of an interface) → struct ir_line: the last `no` of it */
};

static const struct interface *interface_of(const struct target *t, const struct reader *r, const struct ir_line *l)
{
    bool is_of_interface = l->state != IR_LINE_READ && l->place == IR_IN_INTERFACE;
    const struct interface *i = is_of_interface ? symtab_get(&r->at, STR_EMPTY, l->owner) : NULL;
    return i && !i->shutdown.v && if_map_find(t->ifs, i) ? i : NULL;
}

static struct str key_of(const struct wall_row *row)
{
    return str_lit(row->words);
}

/* `no` and the words of the row, whole: a router takes no other ones. */
static void note_taken_back(const struct target *t, struct reader *r, const struct ir_line *l)
{
    struct str line = line_text_at(t->c->source, l->off);
    bool is_no = str_is(str_take_word(&line), "no");
    const struct wall_row *row = is_no ? row_of(line) : NULL;
    if (row && line_begins_with(line, row->words))
        symtab_put(t->arena, &r->gone, key_of(row), l->owner, (void *)(uintptr_t)l);
}

/* `no ip ips A in` takes back that one, `no ip ips` all. */
static bool takes_back(const struct target *t, const struct ir_line *no, struct str line)
{
    struct str back = line_text_at(t->c->source, no->off);
    str_take_word(&back);
    for (struct str w = str_take_word(&back); w.len; w = str_take_word(&back))
        if (!is_same(w, str_take_word(&line)))
            return false;
    return true;
}

static void look_at_line(struct target *t, const struct reader *r, const struct interface *i, const struct ir_line *l)
{
    const struct str line = line_text_at(t->c->source, l->off);
    const struct wall_row *row = row_of(line);
    const struct ir_line *back = row ? symtab_get(&r->gone, key_of(row), l->owner) : NULL;
    if (!row || (t->ifs->host_has & row->has) || (back && back->off > l->off && takes_back(t, back, line)))
        return;
    struct target_wall *w = ARENA_NEW(t->arena, struct target_wall);
    *w = (struct target_wall){.kind = row->kind, .link = if_map_find(t->ifs, i), .interface = i};
    if (w->kind == WALL_ZONE)
        w->zone = zone_of(line);
    ptrlist_add(t->arena, &t->walls, w);
    struct diag *d =
        diag_add(t->diags, D_LX_WALL, (struct span){l->off, line.len}, STR_FMT " %s", STR_ARG(i->name.s), row->means);
    diag_hint(t->diags, d, "where the host does it by rules of its own: --host-has %s", row->option);
}

void target_find_walls(struct target *t)
{
    struct reader r = {.at = {0}};
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        symtab_put(t->arena, &r.at, STR_EMPTY, i->span.off, i);
    }
    for (uint32_t k = 0; k < t->c->lines_n; k++)
        if (interface_of(t, &r, &t->c->lines[k]))
            note_taken_back(t, &r, &t->c->lines[k]);
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct interface *i = interface_of(t, &r, &t->c->lines[k]);
        if (i)
            look_at_line(t, &r, i, &t->c->lines[k]);
    }
}

/* The last one holds. */
struct str target_zone_of(const struct target *t, const char *link)
{
    struct str zone = {NULL, 0};
    PTRLIST_FOR (struct target_wall, w, &t->walls) {
        if (w->kind == WALL_ZONE && strcmp(w->link, link) == 0)
            zone = w->zone;
    }
    return zone;
}

/* "zone-pair security NAME source A destination B" */
static bool is_pair_within(struct str line, struct str zone)
{
    struct str v[7] = {{NULL, 0}};
    if (!line_begins_with(line, "zone-pair"))
        return false;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        v[i] = str_take_word(&line);
    return str_eq(v[4], zone) && str_eq(v[6], zone);
}

bool target_zone_judges_itself(const struct target *t, struct str zone)
{
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct ir_line *l = &t->c->lines[k];
        if (l->place == IR_IN_GLOBAL && l->state == IR_LINE_LEFT &&
            is_pair_within(line_text_at(t->c->source, l->off), zone))
            return true;
    }
    return false;
}
