/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts as one JSON object and back. docs/fleet.md shows one. */
#include <stdio.h>
#include <stdlib.h>

#include "compiler/fleet/facts.h"

/* ---- writing ---- */

static json_t *text(const char *z)
{
    json_t *j = json_string(z ? z : "");
    return j ? j : json_string("?"); /* names that are not UTF-8 */
}

static json_t *address(const struct ip_addr *a)
{
    char t[ADDR_TEXT_MAX];
    return json_string(a->family == FAMILY_NONE ? "" : addr_text(a, t));
}

static json_t *algorithms(const struct ptrlist *l)
{
    json_t *j = json_array();
    PTRLIST_FOR (struct fact_algorithm, f, l) {
        json_array_append_new(j, json_pack("[s,i]", algo_get(f->id)->name, (int)f->bits));
    }
    return j;
}

static json_t *proposals(const struct ptrlist *l)
{
    json_t *j = json_array();
    PTRLIST_FOR (struct fact_proposal, p, l) {
        json_array_append_new(
            j, json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:s, s:I}", "name", text(p->name), "line", (int)p->line,
                         "encryption", algorithms(&p->encr), "integrity", algorithms(&p->integ), "prf",
                         algorithms(&p->prf), "group", algorithms(&p->group), "authentication",
                         p->auth ? algo_get(p->auth)->name : "", "lifetime", (json_int_t)p->lifetime));
    }
    return j;
}

static json_t *bits(const struct addr_bits *a, uint8_t family)
{
    char z[72];
    int n = family == FAMILY_V4 ? 4 : 16, at = 0;
    for (int i = 0; i < n; i++)
        at += snprintf(z + at, sizeof z - (size_t)at, "%02x", a->value[i]);
    z[at++] = '/';
    for (int i = 0; i < n; i++)
        at += snprintf(z + at, sizeof z - (size_t)at, "%02x", a->care[i]);
    return json_string(z);
}

static json_t *lines(const struct ptrlist *l)
{
    json_t *j = json_array();
    PTRLIST_FOR (struct fact_line, f, l) {
        json_t *v = json_array();
        PTRLIST_FOR (struct box, b, &f->boxes) {
            json_array_append_new(v, json_pack("[o,o,i,[i,i],[i,i]]", bits(&b->src, b->family),
                                               bits(&b->dst, b->family), (int)b->proto, (int)b->sport.lo,
                                               (int)b->sport.hi, (int)b->dport.lo, (int)b->dport.hi));
        }
        json_array_append_new(j, json_pack("{s:i, s:o}", "line", (int)f->line, "boxes", v));
    }
    return j;
}

static json_t *sets(const struct ptrlist *l)
{
    json_t *j = json_array();
    PTRLIST_FOR (struct fact_set, s, l) {
        json_t *v = json_array();
        PTRLIST_FOR (struct fact_transform, t, &s->transforms) {
            json_array_append_new(v, json_pack("[s,i,i]", algo_get(t->id)->name, (int)t->bits, (int)t->proto));
        }
        json_array_append_new(j, json_pack("{s:o, s:i, s:b, s:o}", "name", text(s->name), "line", (int)s->line,
                                           "transport", (int)s->transport, "transforms", v));
    }
    return j;
}

static json_t *identity(const struct fact_identity *i)
{
    return json_pack("{s:o, s:o, s:i, s:o, s:o, s:b}", "kind", text(i->kind), "value", text(i->value), "line",
                     (int)i->line, "address", address(&i->address), "mask", address(&i->mask), "domain",
                     (int)i->domain);
}

static json_t *session_keys(const struct ptrlist *l)
{
    json_t *j = json_array();
    PTRLIST_FOR (struct fact_session_key, k, l) {
        json_array_append_new(j, json_pack("{s:b, s:i, s:I, s:i, s:s, s:s}", "outbound", (int)k->outbound, "protocol",
                                           (int)k->proto, "spi", (json_int_t)k->spi, "line", (int)k->line, "cipher",
                                           k->cipher, "authenticator", k->authenticator));
    }
    return j;
}

static json_t *tunnel(const struct fact_tunnel *t)
{
    static const char *const kinds[] = {"static", "dynamic", "tunnel"};
    json_t *local = json_array(), *peers = json_array(), *match = json_array();
    PTRLIST_FOR (struct ip_addr, a, &t->local) {
        json_array_append_new(local, address(a));
    }
    PTRLIST_FOR (struct fact_peer, p, &t->peers) {
        json_array_append_new(peers, json_pack("{s:o, s:i, s:i, s:b, s:s, s:s}", "address", address(&p->address),
                                               "line", (int)p->line, "keyLine", (int)p->key_line, "hasKey",
                                               (int)p->has_key, "localKey", p->local_key, "remoteKey", p->remote_key));
    }
    PTRLIST_FOR (struct fact_identity, i, &t->match) {
        json_array_append_new(match, identity(i));
    }
    json_t *j = json_pack("{s:s, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:b, s:s, s:i, s:I, s:I}", "kind", kinds[t->kind],
                          "name", text(t->name), "line", (int)t->line, "ike", (int)t->ike, "local", local, "peers",
                          peers, "sets", sets(&t->sets), "lines", lines(&t->lines), "anyTraffic", (int)t->any_traffic,
                          "pfs", t->pfs ? algo_get(t->pfs)->name : "", "pfsLine", (int)t->pfs_line, "seconds",
                          (json_int_t)t->lifetime_s, "kilobytes", (json_int_t)t->lifetime_kb);
    json_object_set_new(j, "authLocal", text(t->auth_local));
    json_object_set_new(j, "authRemote", text(t->auth_remote));
    json_object_set_new(j, "authLine", json_integer(t->auth_line));
    json_object_set_new(j, "identity", identity(&t->identity));
    json_object_set_new(j, "match", match);
    if (t->keys.n)
        json_object_set_new(j, "sessionKeys", session_keys(&t->keys));
    return j;
}

json_t *facts_json(const struct fact_device *d)
{
    json_t *addresses = json_array(), *tunnels = json_array();
    PTRLIST_FOR (struct fact_address, a, &d->addresses) {
        json_t *o = json_pack("{s:o, s:o}", "address", address(&a->address), "interface", text(a->interface));
        if (a->alias)
            json_object_set_new(o, "inside", address(&a->inside));
        json_array_append_new(addresses, o);
    }
    PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
        json_array_append_new(tunnels, tunnel(t));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", FACTS_SCHEMA, "file", text(d->file), "name",
                     text(d->name), "addresses", addresses, "policies", proposals(&d->policies), "proposals",
                     proposals(&d->proposals), "tunnels", tunnels);
}

/* ---- reading: whatever is missing or odd ends it ---- */

struct reader {
    struct arena *a;
    const char *why;
};

static const char *str_member(struct reader *r, const json_t *o, const char *key)
{
    const json_t *j = json_object_get(o, key);
    if (!json_is_string(j)) {
        r->why = key;
        return "";
    }
    return arena_strndup(r->a, json_string_value(j), json_string_length(j));
}

static uint64_t num(struct reader *r, const json_t *j, uint64_t max, const char *key)
{
    json_int_t v = json_integer_value(j);
    if (!json_is_integer(j) || v < 0 || (uint64_t)v > max) {
        r->why = key;
        return 0;
    }
    return (uint64_t)v;
}

static uint64_t num_member(struct reader *r, const json_t *o, const char *key, uint64_t max)
{
    return num(r, json_object_get(o, key), max, key);
}

static bool bool_member(struct reader *r, const json_t *o, const char *key)
{
    const json_t *j = json_object_get(o, key);
    if (!json_is_boolean(j))
        r->why = key;
    return json_is_true(j);
}

static const json_t *list_member(struct reader *r, const json_t *o, const char *key)
{
    const json_t *j = json_object_get(o, key);
    if (!json_is_array(j))
        r->why = key;
    return j;
}

static struct ip_addr addr_value(struct reader *r, const json_t *j, const char *key)
{
    struct ip_addr a = {0};
    const char *z = json_string_value(j);
    if (!z || (*z && !addr_parse(str_lit(z), &a)))
        r->why = key;
    return a;
}

static enum algo_id algorithm(struct reader *r, const json_t *j, bool may_be_empty)
{
    const char *z = json_string_value(j);
    for (int i = 1; z && i < ALGO_COUNT; i++)
        if (strcmp(algo_get((enum algo_id)i)->name, z) == 0)
            return (enum algo_id)i;
    if (!z || *z || !may_be_empty)
        r->why = "algorithm";
    return ALGO_NONE;
}

static void read_algorithms(struct reader *r, const json_t *o, const char *key, struct ptrlist *out)
{
    const json_t *l = list_member(r, o, key);
    size_t i;
    json_t *j;
    json_array_foreach(l, i, j)
    {
        struct fact_algorithm *f = ARENA_NEW(r->a, struct fact_algorithm);
        f->id = algorithm(r, json_array_get(j, 0), false);
        f->bits = (uint16_t)num(r, json_array_get(j, 1), 65535, key);
        ptrlist_add(r->a, out, f);
    }
}

static void read_proposals(struct reader *r, const json_t *o, const char *key, struct ptrlist *out)
{
    size_t i;
    json_t *j;
    json_array_foreach(list_member(r, o, key), i, j)
    {
        struct fact_proposal *p = ARENA_NEW(r->a, struct fact_proposal);
        p->name = str_member(r, j, "name");
        p->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
        read_algorithms(r, j, "encryption", &p->encr);
        read_algorithms(r, j, "integrity", &p->integ);
        read_algorithms(r, j, "prf", &p->prf);
        read_algorithms(r, j, "group", &p->group);
        p->auth = algorithm(r, json_object_get(j, "authentication"), true);
        p->lifetime = num_member(r, j, "lifetime", INT64_MAX);
        ptrlist_add(r->a, out, p);
    }
}

static bool hex(const char **p, uint8_t *out, int n)
{
    for (int i = 0; i < n; i++) {
        unsigned v = 0;
        for (int k = 0; k < 2; k++, ++*p) {
            char c = **p;
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
                return false;
            v = v * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)v;
    }
    return true;
}

static bool read_bits(const json_t *j, struct addr_bits *out, uint8_t *family)
{
    const char *z = json_string_value(j), *p = z;
    if (!z)
        return false;
    int n = strlen(z) == 17 ? 4 : strlen(z) == 65 ? 16 : 0;
    *family = n == 4 ? FAMILY_V4 : FAMILY_V6;
    if (!n || !hex(&p, out->value, n) || *p++ != '/' || !hex(&p, out->care, n))
        return false;
    for (int i = 0; i < n; i++)
        out->value[i] &= out->care[i];
    return true;
}

static void read_box(struct reader *r, const json_t *j, struct ptrlist *out)
{
    struct box *b = ARENA_NEW(r->a, struct box);
    uint8_t f2 = 0;
    if (!read_bits(json_array_get(j, 0), &b->src, &b->family) || !read_bits(json_array_get(j, 1), &b->dst, &f2) ||
        f2 != b->family)
        r->why = "boxes";
    b->proto = (uint16_t)num(r, json_array_get(j, 2), PROTO_ANY, "boxes");
    struct port_range *const ports[] = {&b->sport, &b->dport};
    for (int i = 0; i < 2; i++) {
        const json_t *p = json_array_get(j, (size_t)(3 + i));
        ports[i]->lo = (uint16_t)num(r, json_array_get(p, 0), 65535, "boxes");
        ports[i]->hi = (uint16_t)num(r, json_array_get(p, 1), 65535, "boxes");
        if (ports[i]->lo > ports[i]->hi)
            r->why = "boxes";
    }
    ptrlist_add(r->a, out, b);
}

static void read_lines(struct reader *r, const json_t *o, struct ptrlist *out)
{
    size_t i, k;
    json_t *j, *b;
    json_array_foreach(list_member(r, o, "lines"), i, j)
    {
        struct fact_line *f = ARENA_NEW(r->a, struct fact_line);
        f->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
        json_array_foreach(list_member(r, j, "boxes"), k, b) read_box(r, b, &f->boxes);
        ptrlist_add(r->a, out, f);
    }
}

static void read_sets(struct reader *r, const json_t *o, struct ptrlist *out)
{
    size_t i, k;
    json_t *j, *t;
    json_array_foreach(list_member(r, o, "sets"), i, j)
    {
        struct fact_set *s = ARENA_NEW(r->a, struct fact_set);
        s->name = str_member(r, j, "name");
        s->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
        s->transport = bool_member(r, j, "transport");
        json_array_foreach(list_member(r, j, "transforms"), k, t)
        {
            struct fact_transform *f = ARENA_NEW(r->a, struct fact_transform);
            f->id = algorithm(r, json_array_get(t, 0), false);
            f->bits = (uint16_t)num(r, json_array_get(t, 1), 65535, "transforms");
            f->proto = (uint8_t)num(r, json_array_get(t, 2), PROTO_COMP, "transforms");
            ptrlist_add(r->a, &s->transforms, f);
        }
        ptrlist_add(r->a, out, s);
    }
}

static struct fact_identity read_identity(struct reader *r, const json_t *j)
{
    struct fact_identity i = {str_member(r, j, "kind"),
                              str_member(r, j, "value"),
                              (uint32_t)num_member(r, j, "line", INT32_MAX),
                              addr_value(r, json_object_get(j, "address"), "address"),
                              addr_value(r, json_object_get(j, "mask"), "mask"),
                              bool_member(r, j, "domain")};
    return i;
}

static void read_peers(struct reader *r, const json_t *o, struct ptrlist *out)
{
    size_t i;
    json_t *j;
    json_array_foreach(list_member(r, o, "peers"), i, j)
    {
        struct fact_peer *p = ARENA_NEW(r->a, struct fact_peer);
        p->address = addr_value(r, json_object_get(j, "address"), "peers");
        p->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
        p->key_line = (uint32_t)num_member(r, j, "keyLine", INT32_MAX);
        p->has_key = bool_member(r, j, "hasKey");
        snprintf(p->local_key, KEY_DIGEST, "%s", str_member(r, j, "localKey"));
        snprintf(p->remote_key, KEY_DIGEST, "%s", str_member(r, j, "remoteKey"));
        ptrlist_add(r->a, out, p);
    }
}

/* Facts of earlier versions have none. */
static void read_session_keys(struct reader *r, const json_t *o, struct ptrlist *out)
{
    const json_t *l = json_object_get(o, "sessionKeys");
    size_t i;
    json_t *j;
    if (l && !json_is_array(l))
        r->why = "sessionKeys";
    json_array_foreach(l, i, j)
    {
        struct fact_session_key *k = ARENA_NEW(r->a, struct fact_session_key);
        k->outbound = bool_member(r, j, "outbound");
        k->proto = (uint8_t)num_member(r, j, "protocol", PROTO_ESP);
        k->spi = (uint32_t)num_member(r, j, "spi", UINT32_MAX);
        k->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
        snprintf(k->cipher, KEY_DIGEST, "%s", str_member(r, j, "cipher"));
        snprintf(k->authenticator, KEY_DIGEST, "%s", str_member(r, j, "authenticator"));
        ptrlist_add(r->a, out, k);
    }
}

static struct fact_tunnel *read_tunnel(struct reader *r, const json_t *j)
{
    struct fact_tunnel *t = ARENA_NEW(r->a, struct fact_tunnel);
    size_t i;
    json_t *v;
    const char *kind = str_member(r, j, "kind");
    t->kind = strcmp(kind, "dynamic") == 0 ? FACT_DYNAMIC : strcmp(kind, "tunnel") == 0 ? FACT_TUNNEL : FACT_STATIC;
    t->name = str_member(r, j, "name");
    t->line = (uint32_t)num_member(r, j, "line", INT32_MAX);
    t->ike = (uint8_t)num_member(r, j, "ike", 2);
    json_array_foreach(list_member(r, j, "local"), i, v)
    {
        struct ip_addr *a = ARENA_NEW(r->a, struct ip_addr);
        *a = addr_value(r, v, "local");
        ptrlist_add(r->a, &t->local, a);
    }
    read_peers(r, j, &t->peers);
    read_session_keys(r, j, &t->keys);
    read_sets(r, j, &t->sets);
    read_lines(r, j, &t->lines);
    t->any_traffic = bool_member(r, j, "anyTraffic");
    t->pfs = algorithm(r, json_object_get(j, "pfs"), true);
    t->pfs_line = (uint32_t)num_member(r, j, "pfsLine", INT32_MAX);
    t->lifetime_s = num_member(r, j, "seconds", INT64_MAX);
    t->lifetime_kb = num_member(r, j, "kilobytes", INT64_MAX);
    t->auth_local = str_member(r, j, "authLocal");
    t->auth_remote = str_member(r, j, "authRemote");
    t->auth_line = (uint32_t)num_member(r, j, "authLine", INT32_MAX);
    t->identity = read_identity(r, json_object_get(j, "identity"));
    if (!*t->identity.kind)
        t->identity.kind = NULL;
    json_array_foreach(list_member(r, j, "match"), i, v)
    {
        struct fact_identity *m = ARENA_NEW(r->a, struct fact_identity);
        *m = read_identity(r, v);
        ptrlist_add(r->a, &t->match, m);
    }
    return t;
}

struct fact_device *facts_read(struct arena *a, const json_t *j, const char **why)
{
    struct reader r = {a, NULL};
    struct fact_device *d = ARENA_NEW(a, struct fact_device);
    size_t i;
    json_t *v;
    const char *schema = str_member(&r, j, "schema");
    if (strcmp(schema, FACTS_SCHEMA) != 0) {
        *why = "schema";
        return NULL;
    }
    d->file = str_member(&r, j, "file");
    d->name = str_member(&r, j, "name");
    json_array_foreach(list_member(&r, j, "addresses"), i, v)
    {
        struct fact_address *f = ARENA_NEW(a, struct fact_address);
        f->address = addr_value(&r, json_object_get(v, "address"), "addresses");
        f->interface = str_member(&r, v, "interface");
        f->alias = json_object_get(v, "inside") != NULL;
        if (f->alias)
            f->inside = addr_value(&r, json_object_get(v, "inside"), "inside");
        ptrlist_add(a, &d->addresses, f);
    }
    read_proposals(&r, j, "policies", &d->policies);
    read_proposals(&r, j, "proposals", &d->proposals);
    json_array_foreach(list_member(&r, j, "tunnels"), i, v) ptrlist_add(a, &d->tunnels, read_tunnel(&r, v));
    *why = r.why;
    return r.why ? NULL : d;
}
