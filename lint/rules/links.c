/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an interface is that a crypto map is applied to: not over every kind of link IPsec works. */
#include "lint/lint.h"

#define G "guide, Supported Encapsulation"

static bool is_one_of(struct str word, const char *const *words)
{
    for (; *words; words++)
        if (word.len >= 2 && str_prefix_of(word, *words))
            return true;
    return false;
}

/* The crypto map of it, NULL: it has none, or is shut. */
static const struct ir_ref *map_on(const struct interface *i)
{
    if (i->shutdown.v)
        return NULL;
    if (IR_IS_SET(i->crypto_map))
        return &i->crypto_map;
    return IR_IS_SET(i->crypto_map6) ? &i->crypto_map6 : NULL;
}

static void multipoint(struct lint_ctx *x, enum diag_id id)
{
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        const struct ir_ref *map = map_on(i);
        bool is_multipoint =
            str_is(i->tunnel_mode.s, "gre multipoint") || str_is(i->tunnel_mode.s, "gre multipoint ipv6");
        if (!map || !is_multipoint)
            continue;
        struct diag *d =
            diag_add(x->diags, id, map->m.span,
                     "crypto map '" STR_FMT "' on a multipoint tunnel: that is not supported", STR_ARG(map->name));
        diag_note(x->diags, d, i->tunnel_mode.m.span, "the mode is set here");
        diag_hint(x->diags, d, "protect it by an IPsec profile: tunnel protection ipsec profile NAME");
    }
}

/* A line of an interface with a crypto map, whose first word is none of those that IPsec is known to work with. */
static void say_unlisted(struct lint_ctx *x, enum diag_id id, const struct interface *i, const struct ir_str *line,
                         const char *const *known, const char *what, const char *works)
{
    const struct ir_ref *map = map_on(i);
    struct str rest = line->s;
    const struct str word = str_take_word(&rest);
    if (!map || !word.len || is_one_of(word, known) || lint_is_placeholder(word))
        return;
    struct diag *d =
        diag_add(x->diags, id, line->m.span, "%s " STR_FMT " under a crypto map: %s", what, STR_ARG(word), works);
    diag_note(x->diags, d, map->m.span, "the crypto map is applied here");
}

static void encapsulation(struct lint_ctx *x, enum diag_id id)
{
    /* of serial lines those of the guide; of Ethernet and ATM what only marks the frame */
    static const char *const known[] = {
        "frame-relay",     "hdlc",     "ppp",      "dot1q",   "isl",          "dot1ad", "default",
        "priority-tagged", "untagged", "aal5snap", "aal5mux", "aal5ciscoppp", NULL};
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        say_unlisted(x, id, i, &i->encapsulation, known, "encapsulation",
                     "on serial lines IPsec works with Frame Relay, HDLC and PPP");
    }
}

static void tunnel_mode(struct lint_ctx *x, enum diag_id id)
{
    static const char *const known[] = {"gre", "ipip", "ipsec", NULL};
    PTRLIST_FOR (struct interface, i, &x->c->interfaces) {
        say_unlisted(x, id, i, &i->tunnel_mode, known, "tunnel mode", "IPsec is known to work with GRE and IP in IP");
    }
}

const struct lint_rule rules_links[] = {
    {D_MAP_ON_MULTIPOINT, G, multipoint, 0},
    {D_ENCAPSULATION_UNLISTED, G, encapsulation, 0},
    {D_TUNNEL_MODE_UNLISTED, G, tunnel_mode, 0},
    {0, NULL, NULL, 0},
};
