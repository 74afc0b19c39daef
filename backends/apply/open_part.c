/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/open_part.h"

#define BOXES_MAX 2048u /* of one question */

static bool is_of_line(const struct open_part *x, const struct flat_rule *r)
{
    return r->entry == x->line->entry && r->line == x->line->line && r->verdict == VERDICT_PROTECT;
}

/* The first rule that a packet meets. */
static const struct flat_rule *first_of(const struct egress_rules *list, const struct packet *p)
{
    PTRLIST_FOR (struct flat_rule, r, &list->rules) {
        if (box_contains(&r->box, p))
            return r;
    }
    return NULL;
}

bool open_part_has(const struct open_part *x, const struct packet *p, const struct egress *way,
                   const struct target_map **lets)
{
    const struct flat_rule *own = first_of(&x->own, p);
    *lets = NULL;
    if (!own || !is_of_line(x, own))
        return false;
    PTRLIST_FOR (struct egress_rules, o, &x->others) {
        if (!egress_has(way, o->map))
            continue;
        *lets = o->map;
        if (egress_closes(o, p))
            return false;
    }
    return true;
}

/* ---- a region ---- */

static void add_common(const struct open_part *x, struct boxes *to, const struct box *b, const struct box *within)
{
    struct box common;
    if (box_intersect(b, within, &common))
        boxes_add(x->arena, to, &common);
}

/* Rules of a list before number `n`; `verdict_drop_or_protect`: those alone that hold packets back. */
static void add_rules_before(const struct open_part *x, struct boxes *to, const struct egress_rules *list, uint32_t n,
                             bool holding_alone, const struct box *within)
{
    for (uint32_t i = 0; i < n && i < list->rules.n; i++) {
        const struct flat_rule *r = list->rules.v[i];
        if (!holding_alone || r->verdict != VERDICT_CLEAR)
            add_common(x, to, &r->box, within);
    }
}

/* A packet of `within` that none of the boxes holds, and that is open on the link. */
static enum open_found outside_of(const struct open_part *x, const struct boxes *held, const struct box *within,
                                  const struct egress *way, struct packet *p, const struct target_map **lets)
{
    for (uint32_t i = 0; i < held->n; i++)
        if (box_subset(within, &held->v[i])) /* as where two maps have one list */
            return OPEN_NOT;
    const int covered = boxes_cover(x->arena, held, within, BOXES_MAX, p);
    if (covered < 0)
        return OPEN_UNTOLD;
    return !covered && open_part_has(x, p, way, lets) ? OPEN_THERE : OPEN_NOT;
}

/* What the map lets go by no rule, and then what it does by each that lets go. */
static enum open_found under_map(const struct open_part *x, const struct boxes *taken, const struct egress_rules *map,
                                 const struct box *within, const struct egress *way, struct packet *p,
                                 const struct target_map **lets)
{
    struct boxes held = {0};
    for (uint32_t i = 0; i < taken->n; i++)
        boxes_add(x->arena, &held, &taken->v[i]);
    add_rules_before(x, &held, map, UINT32_MAX, true, within);
    enum open_found found = outside_of(x, &held, within, way, p, lets);
    for (uint32_t i = 0; found == OPEN_NOT && i < map->rules.n; i++) {
        const struct flat_rule *r = map->rules.v[i];
        struct box let;
        if (r->verdict != VERDICT_CLEAR || !box_intersect(&r->box, within, &let))
            continue;
        struct boxes before = {0};
        for (uint32_t k = 0; k < taken->n; k++)
            boxes_add(x->arena, &before, &taken->v[k]);
        add_rules_before(x, &before, map, i, true, within);
        found = outside_of(x, &before, &let, way, p, lets);
    }
    return found;
}

static enum open_found in_rule(const struct open_part *x, uint32_t at, const struct box *within,
                               const struct boxes *named, const struct egress *way, struct packet *p,
                               const struct target_map **lets)
{
    struct boxes taken = {0};
    bool has_map = false;
    enum open_found found = OPEN_NOT;
    add_rules_before(x, &taken, &x->own, at, false, within);
    for (uint32_t i = 0; named && i < named->n; i++) {
        const struct box of_protocol = {
            .family = within->family, .proto = named->v[i].proto, .sport = {0, 65535}, .dport = {0, 65535}};
        if (named->v[i].proto != PROTO_ANY)
            add_common(x, &taken, &of_protocol, within);
    }
    PTRLIST_FOR (struct egress_rules, o, &x->others) {
        if (!egress_has(way, o->map) || found != OPEN_NOT)
            continue;
        has_map = true;
        found = under_map(x, &taken, o, within, way, p, lets);
    }
    return has_map ? found : outside_of(x, &taken, within, way, p, lets);
}

enum open_found open_part_find(const struct open_part *x, const struct box *region, const struct boxes *named,
                               const struct egress *way, struct packet *p, const struct target_map **lets)
{
    for (uint32_t i = 0; i < x->own.rules.n; i++) {
        const struct flat_rule *r = x->own.rules.v[i];
        struct box within;
        if (!is_of_line(x, r) || !box_intersect(&r->box, region, &within))
            continue;
        const enum open_found found = in_rule(x, i, &within, named, way, p, lets);
        if (found != OPEN_NOT)
            return found;
    }
    return OPEN_NOT;
}
