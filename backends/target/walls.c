/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/target/walls.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str take_word(struct str *s)
{
    while (s->len && is_blank(s->p[0]))
        *s = (struct str){s->p + 1, s->len - 1};
    struct str w = {s->p, 0};
    while (w.len < s->len && !is_blank(s->p[w.len]))
        w.len++;
    *s = (struct str){s->p + w.len, s->len - w.len};
    return w;
}

static bool is_same(struct str a, struct str b)
{
    for (uint32_t i = 0; i < a.len && i < b.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return a.len == b.len;
}

#define CUT_MIN 3 /* letters that a word may be cut down to */

unsigned line_begins_with(struct str line, const char *words)
{
    unsigned n = 0;
    struct str want = {words, (uint32_t)strlen(words)};
    for (struct str w = take_word(&want); w.len; w = take_word(&want)) {
        struct str word = take_word(&line);
        bool is_whole = is_same(word, w);
        bool is_cut = word.len >= CUT_MIN && word.len < w.len && is_same(word, (struct str){w.p, word.len});
        if (!is_whole && !is_cut)
            return 0;
        n++;
    }
    return n;
}

static const struct {
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
    (void)take_word(&line);
    (void)take_word(&line);
    return take_word(&line);
}

static void look_at_line(struct target *t, const struct interface *i, const char *link, uint32_t off)
{
    const struct str line = line_text_at(t->c->source, off);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (!line_begins_with(line, rows[k].words) || (t->ifs->host_has & rows[k].has))
            continue;
        struct target_wall *w = ARENA_NEW(t->arena, struct target_wall);
        *w = (struct target_wall){.kind = rows[k].kind, .link = link, .interface = i};
        if (w->kind == WALL_ZONE)
            w->zone = zone_of(line);
        ptrlist_add(t->arena, &t->walls, w);
        struct diag *d = diag_add(t->diags, D_LX_WALL, (struct span){off, line.len}, STR_FMT " %s", STR_ARG(i->name.s),
                                  rows[k].means);
        diag_hint(t->diags, d, "where the host does it by rules of its own: --host-has %s", rows[k].option);
        return;
    }
}

void target_find_walls(struct target *t)
{
    struct symtab at = {0}; /* ("", its place) → struct interface */
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        symtab_put(t->arena, &at, STR_EMPTY, i->span.off, i);
    }
    for (uint32_t k = 0; k < t->c->lines_n; k++) {
        const struct ir_line *l = &t->c->lines[k];
        bool is_of_interface = l->state == IR_LINE_LEFT && l->place == IR_IN_INTERFACE;
        const struct interface *i = is_of_interface ? symtab_get(&at, STR_EMPTY, l->owner) : NULL;
        const char *link = i && !i->shutdown.v ? if_map_find(t->ifs, i) : NULL;
        if (link)
            look_at_line(t, i, link, l->off);
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
        v[i] = take_word(&line);
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
