/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto session: what the IKE daemon has, and the peers of static entries that have nothing. */
#include <jansson.h>
#include <string.h>

#include "backends/show/show.h"

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long number(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

/* ---- what there is ---- */

static const char *status_of(const json_t *sa)
{
    bool is_up = strcmp(text(sa, "state"), "ESTABLISHED") == 0;
    if (!is_up)
        return "DOWN-NEGOTIATING";
    return json_array_size(json_object_get(sa, "children")) ? "UP-ACTIVE" : "UP-IDLE";
}

static bool has_gone(const json_t *sa)
{
    bool is_leaving = strcmp(text(sa, "state"), "REPLACED") == 0 || strcmp(text(sa, "state"), "DELETING") == 0;
    return is_leaving && json_array_size(json_object_get(sa, "children")) == 0;
}

static void flow(struct buf *b, const json_t *child, bool with_detail)
{
    buf_printf(b, "  IPSEC FLOW: permit ip %s %s \n        Active SAs: 2, origin: crypto map\n", text(child, "local"),
               text(child, "remote"));
    if (with_detail)
        buf_printf(b, "        map %s %lld, spi in 0x%llX out 0x%llX, up %lld s, rekeyed %lld times\n",
                   text(child, "map"), number(child, "entry"), (unsigned long long)number(child, "spi_in"),
                   (unsigned long long)number(child, "spi_out"), number(child, "age_s"), number(child, "rekeyed"));
}

static void session(struct buf *b, const json_t *sa, bool with_detail)
{
    size_t k;
    json_t *child;
    bool is_up = strcmp(text(sa, "state"), "ESTABLISHED") == 0;
    buf_puts(b, "\n");
    if (*text(sa, "profile"))
        buf_printf(b, "Profile: %s\n", text(sa, "profile"));
    buf_printf(b, "Session status: %s\nPeer: %s port %lld \n", status_of(sa), text(sa, "remote"),
               number(sa, "remote_port"));
    if (with_detail && *text(sa, "identity"))
        buf_printf(b, "      Phase1_id: %s\n", text(sa, "identity"));
    buf_printf(b, "  Session ID: %lld \n  IKEv%lld SA: local %s/%lld remote %s/%lld %s \n", number(sa, "id"),
               number(sa, "version"), text(sa, "local"), number(sa, "local_port"), text(sa, "remote"),
               number(sa, "remote_port"), is_up ? "Active" : "Inactive");
    json_array_foreach((json_t *)(uintptr_t)json_object_get(sa, "children"), k, child) flow(b, child, with_detail);
}

/* ---- what there is not ---- */

/* Is there a child SA of the entry, or an IKE SA with one of its peers? */
static bool has_session(const json_t *sas, const struct crypto_map *m, const struct crypto_map_entry *e)
{
    size_t i, k;
    json_t *sa, *child;
    json_array_foreach((json_t *)(uintptr_t)sas, i, sa)
    {
        json_array_foreach(json_object_get(sa, "children"), k, child)
        {
            if (str_is(m->name.s, text(child, "map")) && number(child, "entry") == (long long)e->seq.v)
                return true;
        }
        PTRLIST_FOR (struct map_peer, p, &e->peers) {
            char address[ADDR_TEXT_MAX];
            if (!has_gone(sa) && strcmp(addr_text(&p->host.addr, address), text(sa, "remote")) == 0)
                return true;
        }
    }
    return false;
}

static void network(struct buf *b, uint8_t family, const struct addr_bits *a)
{
    char address[ADDR_TEXT_MAX], mask[ADDR_TEXT_MAX];
    struct ip_addr value = {.family = family}, care = {.family = family};
    unsigned bits = 0;
    bool is_prefix = true;
    memcpy(value.b, a->value, sizeof value.b);
    memcpy(care.b, a->care, sizeof care.b);
    for (unsigned i = 0; i < 8 * sizeof a->care; i++) {
        bool is_set = a->care[i / 8] >> (7 - i % 8) & 1;
        is_prefix &= !is_set || bits == i;
        bits += is_set;
    }
    if (is_prefix)
        buf_printf(b, " %s/%u", addr_text(&value, address), bits);
    else
        buf_printf(b, " %s/%s", addr_text(&value, address), addr_text(&care, mask));
}

static void missing_flows(struct buf *b, const struct target_map *m, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct target_line, l, &m->lines) {
        if (l->entry != e || !l->boxes.n)
            continue;
        const struct box *first = &l->boxes.v[0];
        buf_puts(b, "  IPSEC FLOW: permit ");
        if (first->proto == PROTO_ANY)
            buf_puts(b, "ip");
        else
            buf_printf(b, "%u", first->proto);
        network(b, first->family, &first->src);
        network(b, first->family, &first->dst);
        buf_puts(b, " \n        Active SAs: 0, origin: crypto map\n");
    }
}

static void session_down(struct buf *b, const struct target_map *m, const struct crypto_map_entry *e)
{
    const struct interface *i = m->ifs.n ? m->ifs.v[0] : NULL;
    buf_puts(b, "\n");
    if (i)
        buf_printf(b, "Interface: " STR_FMT "\n", STR_ARG(i->name.s));
    buf_puts(b, "Session status: DOWN\n");
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        char address[ADDR_TEXT_MAX];
        bool has_address = p->host.addr.family != FAMILY_NONE;
        const char *name = has_address ? addr_text(&p->host.addr, address) : NULL;
        if (name)
            buf_printf(b, "Peer: %s port 500 \n", name);
        else
            buf_printf(b, "Peer: " STR_FMT " port 500 \n", STR_ARG(p->host.name));
    }
    missing_flows(b, m, e);
}

void show_session(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    size_t i;
    json_t *sa;
    (void)c;
    buf_puts(b, "Crypto session current status\n");
    json_array_foreach((json_t *)(uintptr_t)f->daemon, i, sa)
    {
        if (!has_gone(sa))
            session(b, sa, f->detail);
    }
    if (!f->live) /* nothing is applied: nobody knows what should be there */
        return;
    PTRLIST_FOR (struct target_map, m, &f->live->target->maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
            bool is_static = e->type.v == ENTRY_ISAKMP && e->complete.v;
            if (is_static && !has_session(f->daemon, m->map, e))
                session_down(b, m, e);
        }
    }
}
