/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/nat_addresses.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_neighbour(const struct host_link *l, const struct ip_addr *a)
{
    PTRLIST_FOR (struct host_address, h, &l->addresses) {
        const struct addr_bits net = addr_bits_of(FAMILY_V4, h->addr.b, h->plen);
        bool is_in = h->addr.family == FAMILY_V4 && h->plen < 32;
        for (int i = 0; i < 4 && is_in; i++)
            is_in = (a->b[i] & net.care[i]) == net.value[i];
        if (is_in)
            return true;
    }
    return false;
}

/* The outside link on whose wire somebody asks for the address; NULL: on none. */
static const char *outside_of(const struct target *t, const struct ip_addr *a)
{
    PTRLIST_FOR (struct interface, i, &t->c->interfaces) {
        bool is_outside = str_is(i->nat.s, "outside") && !i->shutdown.v;
        const char *name = is_outside ? if_map_find(t->ifs, i) : NULL;
        const struct host_link *l = name ? if_map_link(t->ifs, name) : NULL;
        if (l && is_neighbour(l, a))
            return name;
    }
    return NULL;
}

/* True: it was said. */
static bool look_at(struct target *t, const struct nat_rule *r, const struct ip_addr *a)
{
    const char *link = host_links_have(&t->ifs->links, a->family, a->b) ? NULL : outside_of(t, a);
    char text[ADDR_TEXT_MAX];
    if (!link)
        return false;
    addr_text(a, text);
    struct diag *d = diag_add(t->diags, D_LX_NAT_ADDRESS, r->span,
                              "no interface of this host has %s: nobody answers ARP for it, and what comes back to it "
                              "does not arrive",
                              text);
    diag_hint(t->diags, d, "ip address add %s/32 dev %s", text, link);
    return true;
}

/* "static [tcp|udp] LOCAL [PORT] GLOBAL …": the second address; `static network` is of many. */
static bool global_of(struct str text, struct ip_addr *out)
{
    unsigned n = 0;
    for (struct str w = str_take_word(&text); w.len; w = str_take_word(&text)) {
        if (str_is(w, "network"))
            return false;
        if (addr_parse4(w, out) && ++n == 2)
            return true;
    }
    return false;
}

static const struct nat_pool *pool_of(const struct target *t, struct str name)
{
    PTRLIST_FOR (struct nat_pool, p, &t->c->nat_pools) {
        if (str_eq(p->name.s, name))
            return p;
    }
    return NULL;
}

static uint32_t number_of(const struct ip_addr *a)
{
    uint32_t n;
    memcpy(&n, a->b, sizeof n);
    return ntohl(n);
}

static void look_at_pool(struct target *t, const struct nat_rule *r, const struct nat_pool *p)
{
    const uint32_t first = number_of(&p->first.a), last = number_of(&p->last.a);
    for (uint32_t i = 0; i < NAT_POOL_LOOK && first + i <= last && first + i >= first; i++) {
        struct ip_addr a = {.family = FAMILY_V4};
        const uint32_t n = htonl(first + i);
        memcpy(a.b, &n, sizeof n);
        if (look_at(t, r, &a))
            return;
    }
}

int nat_addresses_find(struct target *t)
{
    PTRLIST_FOR (struct nat_rule, r, &t->c->nat_rules) {
        struct ip_addr global;
        const struct nat_pool *p = IR_IS_SET(r->pool) ? pool_of(t, r->pool.s) : NULL;
        if (p)
            look_at_pool(t, r, p);
        else if (str_is(r->kind.s, "static") && global_of(r->text.s, &global))
            (void)look_at(t, r, &global);
    }
    return 0;
}
