/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Router interfaces and host interfaces. */
#include "backends/target/target.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct str trim(struct str s)
{
    while (s.len && is_blank(s.p[0]))
        s = (struct str){s.p + 1, s.len - 1};
    while (s.len && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

/* `Gi0/0` fits GigabitEthernet0/0: the letters abbreviate, the numbers are the same. */
static bool names(struct str typed, struct str full)
{
    uint32_t a = 0, b = 0;
    while (a < typed.len && !(typed.p[a] >= '0' && typed.p[a] <= '9'))
        a++;
    while (b < full.len && !(full.p[b] >= '0' && full.p[b] <= '9'))
        b++;
    struct str tail = {typed.p + a, typed.len - a}, full_tail = {full.p + b, full.len - b};
    struct str head = trim((struct str){typed.p, a});
    if (!str_eq(tail, full_tail) || head.len > b || head.len == 0)
        return false;
    for (uint32_t i = 0; i < head.len; i++)
        if (str_lower(head.p[i]) != str_lower(full.p[i]))
            return false;
    return true;
}

static const char *text(struct arena *ar, const char *what, struct str s)
{
    struct buf b = {0};
    buf_printf(&b, "%s '" STR_FMT "'", what, STR_ARG(s));
    const char *r = arena_strndup(ar, b.p, b.len);
    buf_free(&b);
    return r;
}

const struct interface *if_map_interface(const struct ir_config *c, struct str typed)
{
    const struct interface *hit = NULL;
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        if (!names(typed, i->name.s))
            continue;
        if (hit)
            return NULL;
        hit = i;
    }
    return hit;
}

/* What stands before a pair that ioscc has written itself: in any number and order. */
#define YIELDS '?' /* to another row for either name: one of before */
#define SHARES '+' /* the link is another interface's too: both were found by their addresses */

static const char *row(struct arena *ar, struct if_map *m, const struct ir_config *c, struct str ios, struct str host,
                       bool yields, bool shares)
{
    const struct interface *hit = NULL;
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        if (!names(ios, i->name.s))
            continue;
        if (hit)
            return text(ar, "several interfaces of the router fit", ios);
        hit = i;
    }
    if (!hit)
        return text(ar, "the router has no interface", ios);
    if (host.len == 0 || host.len > IF_NAME_MAX || memchr(host.p, '/', host.len) || memchr(host.p, '"', host.len))
        return text(ar, "not the name of a Linux interface:", host);
    PTRLIST_FOR (struct if_map_row, r, &m->rows) {
        if (str_eq(r->ios, hit->name.s))
            return text(ar, "mapped twice:", ios);
        bool may_share = shares && (!yields || r->yields);
        if (str_is(host, r->host) && !may_share)
            return text(ar, "two interfaces of the router are mapped to", host);
    }
    struct if_map_row *r = ARENA_NEW(ar, struct if_map_row);
    r->ios = hit->name.s;
    r->yields = yields;
    memcpy(r->host, host.p, host.len);
    ptrlist_add(ar, &m->rows, r);
    return NULL;
}

const char *if_map_parse(struct arena *ar, struct if_map *m, const struct ir_config *c, struct str s)
{
    m->c = c;
    while (s.len) {
        uint32_t n = 0, sep;
        while (n < s.len && s.p[n] != ',' && s.p[n] != '\n')
            n++;
        struct str item = {s.p, n};
        s = n < s.len ? (struct str){s.p + n + 1, s.len - n - 1} : STR_EMPTY;
        for (uint32_t i = 0; i < item.len; i++)
            if (item.p[i] == '#')
                item.len = i;
        item = trim(item);
        if (!item.len)
            continue;
        for (sep = item.len; sep > 0 && item.p[sep - 1] != '=' && !is_blank(item.p[sep - 1]);)
            sep--;
        struct str ios = trim((struct str){item.p, sep ? sep - 1 : 0});
        if (ios.len && ios.p[ios.len - 1] == '=')
            ios = trim((struct str){ios.p, ios.len - 1});
        if (!ios.len)
            return text(ar, "not ROUTER-INTERFACE=HOST-INTERFACE:", item);
        bool yields = false, shares = false;
        for (; ios.len && (ios.p[0] == YIELDS || ios.p[0] == SHARES); ios = (struct str){ios.p + 1, ios.len - 1}) {
            yields |= ios.p[0] == YIELDS;
            shares |= ios.p[0] == SHARES;
        }
        const char *bad = row(ar, m, c, ios, (struct str){item.p + sep, item.len - sep}, yields, shares);
        if (bad && !yields)
            return bad;
    }
    return NULL;
}

static bool holds(const struct host_link *l, const struct ptrlist *addresses)
{
    PTRLIST_FOR (struct if_address, a, addresses) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (addr_eq(&a->address.a, &h->addr))
                return true;
        }
    }
    return false;
}

/* Of one family: the link that holds one of them while `here` holds none. */
static const struct host_link *held_elsewhere(const struct if_map *m, const struct host_link *here,
                                              const struct ptrlist *addresses)
{
    if (here && holds(here, addresses))
        return NULL;
    PTRLIST_FOR (struct host_link, l, &m->links) {
        if (holds(l, addresses))
            return l;
    }
    return NULL;
}

const struct host_link *if_map_elsewhere(const struct if_map *m, const struct interface *i)
{
    const char *name = if_map_find(m, i);
    if (!name)
        return NULL;
    const struct host_link *here = if_map_link(m, name), *l = held_elsewhere(m, here, &i->addresses);
    return l ? l : held_elsewhere(m, here, &i->addresses6);
}

const struct ip_addr *if_map_address_on(const struct interface *i, const struct host_link *l)
{
    const struct ptrlist *const lists[] = {&i->addresses, &i->addresses6};
    for (unsigned k = 0; k < 2; k++)
        PTRLIST_FOR (struct if_address, a, lists[k]) {
            PTRLIST_FOR (struct host_address, h, &l->addresses) {
                if (addr_eq(&h->addr, &a->address.a))
                    return &h->addr;
            }
        }
    return NULL;
}

bool if_map_is_itself(const struct interface *i, const struct host_link *l)
{
    bool has_none = !i->addresses.n && !i->addresses6.n;
    return has_none || holds(l, &i->addresses) || holds(l, &i->addresses6);
}

static bool has_family(const struct host_link *l, uint8_t family)
{
    PTRLIST_FOR (struct host_address, h, &l->addresses) {
        if (h->addr.family == family)
            return true;
    }
    return false;
}

const char *if_map_lost_address(const struct interface *i, const struct host_link *l)
{
    bool wants4 = i->addresses.n || i->dynamic_address.s.len;
    if (wants4 && !has_family(l, FAMILY_V4))
        return "IPv4";
    return i->addresses6.n && !has_family(l, FAMILY_V6) ? "IPv6" : NULL;
}

const struct host_link *if_map_either(const struct if_map *m, const struct interface *i)
{
    const char *name = if_map_find(m, i);
    PTRLIST_FOR (struct if_map_row, r, &m->rows) {
        if (str_eq(r->ios, i->name.s))
            return NULL;
    }
    PTRLIST_FOR (struct host_link, l, &m->links) {
        bool is_another = name && strcmp(l->name, name) != 0;
        if (is_another && (holds(l, &i->addresses) || holds(l, &i->addresses6)))
            return l;
    }
    return NULL;
}

static bool have_common(const struct ptrlist *some, const struct ptrlist *others)
{
    PTRLIST_FOR (struct if_address, a, some) {
        PTRLIST_FOR (struct if_address, b, others) {
            if (addr_eq(&a->address.a, &b->address.a))
                return true;
        }
    }
    return false;
}

/* It is shut, and its address is another's that is not: an old port, which the link is not for. */
static bool has_left_its_address(const struct if_map *m, const struct interface *i)
{
    for (uint32_t k = 0; i->shutdown.v && m->c && k < m->c->interfaces.n; k++) {
        const struct interface *o = m->c->interfaces.v[k];
        bool has_it = have_common(&i->addresses, &o->addresses) || have_common(&i->addresses6, &o->addresses6);
        if (o != i && !o->shutdown.v && has_it)
            return true;
    }
    return false;
}

const char *if_map_find(const struct if_map *m, const struct interface *i)
{
    PTRLIST_FOR (struct if_map_row, r, &m->rows) {
        if (str_eq(r->ios, i->name.s))
            return r->host;
    }
    if (has_left_its_address(m, i))
        return NULL;
    PTRLIST_FOR (struct host_link, l, &m->links) {
        if (holds(l, &i->addresses) || holds(l, &i->addresses6))
            return l->name;
    }
    return NULL;
}

const struct interface *if_map_sharer(const struct if_map *m, const struct interface *i)
{
    const char *name = if_map_find(m, i);
    for (uint32_t k = 0; name && m->c && k < m->c->interfaces.n; k++) {
        const struct interface *o = m->c->interfaces.v[k];
        const char *other = o == i ? NULL : if_map_find(m, o);
        if (o == i)
            return NULL;
        if (other && strcmp(name, other) == 0)
            return o;
    }
    return NULL;
}

const struct host_link *if_map_link(const struct if_map *m, const char *host_name)
{
    PTRLIST_FOR (struct host_link, l, &m->links) {
        if (strcmp(l->name, host_name) == 0)
            return l;
    }
    return NULL;
}

const struct host_link *if_map_numbered(const struct if_map *m, uint32_t index)
{
    PTRLIST_FOR (struct host_link, l, &m->links) {
        if (l->index == index)
            return l;
    }
    return NULL;
}

uint32_t if_map_newest(const struct if_map *m)
{
    uint32_t newest = 0;
    PTRLIST_FOR (struct host_link, l, &m->links) {
        bool has_settled = !m->settled || l->index <= m->settled;
        if (has_settled && l->index > newest)
            newest = l->index;
    }
    return newest;
}

bool host_links_have(const struct ptrlist *links, uint8_t family, const uint8_t *a)
{
    const size_t size = family == FAMILY_V6 ? 16 : 4;
    PTRLIST_FOR (struct host_link, l, links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (h->addr.family == family && memcmp(h->addr.b, a, size) == 0)
                return true;
        }
    }
    return false;
}

bool if_map_is_idle(const struct if_map *m, const struct host_link *l)
{
    if (!l->is_carrier)
        return false;
    PTRLIST_FOR (struct host_address, h, &l->addresses) {
        if (!addr_is_link_local(&h->addr))
            return false;
    }
    PTRLIST_FOR (struct host_link, port, &m->links) {
        if (port->carrier == l->index)
            return false;
    }
    return true;
}

/* Is it an interface of the router's, by its name or its address? */
static bool is_named(const struct if_map *m, const struct ir_config *c, const struct host_link *l)
{
    PTRLIST_FOR (struct interface, i, &c->interfaces) {
        const char *name = if_map_find(m, i);
        if (name && strcmp(name, l->name) == 0)
            return true;
    }
    return false;
}

static unsigned add_above(const struct if_map *m, const struct ir_config *c, const struct host_link *own,
                          const struct host_link **out, unsigned n, unsigned room)
{
    PTRLIST_FOR (struct host_link, l, &m->links) {
        bool is_above = own->index && l->below == own->index;
        if (is_above && n < room && !is_named(m, c, l))
            out[n++] = l;
    }
    return n;
}

unsigned if_map_places(const struct if_map *m, const struct ir_config *c, const struct interface *i,
                       const struct host_link **out, unsigned room)
{
    unsigned n = 0;
    const char *name = if_map_find(m, i);
    const struct host_link *l = name ? if_map_link(m, name) : NULL;
    while (l && l->carrier && n < room) { /* `room` also ends a circle, which no kernel makes */
        l = if_map_numbered(m, l->carrier);
        if (l)
            out[n++] = l;
    }
    const struct host_link *elsewhere = if_map_elsewhere(m, i), *own = name ? if_map_link(m, name) : NULL;
    if (elsewhere && n < room)
        out[n++] = elsewhere;
    return own ? add_above(m, c, own, out, n, room) : n;
}

bool host_has_parse(struct str words, unsigned *has)
{
    if (str_is(words, "none")) /* what was said before holds no more */
        return true;
    for (bool has_more = true; has_more;) {
        uint32_t n = 0;
        while (n < words.len && words.p[n] != ',')
            n++;
        const struct str word = trim((struct str){words.p, n});
        has_more = n < words.len;
        words = has_more ? (struct str){words.p + n + 1, words.len - n - 1} : STR_EMPTY;
        if (str_is(word, "firewall"))
            *has |= HOST_HAS_FIREWALL;
        else if (str_is(word, "policy-routing"))
            *has |= HOST_HAS_POLICY_ROUTING;
        else
            return false;
    }
    return true;
}
