/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fleet as JSON, as a graph for Graphviz, and as one HTML page around the JSON. */
#include <jansson.h>
#include <stdlib.h>

#include "compiler/fleet/fleet.h"

static json_t *text(const char *z)
{
    json_t *j = z ? json_string(z) : json_null();
    return j ? j : json_string("?");
}

static json_t *address(const struct ip_addr *a)
{
    char t[ADDR_TEXT_MAX];
    return json_string(addr_text(a, t));
}

static json_t *end(const struct fleet_end *e)
{
    json_t *local = json_array();
    PTRLIST_FOR (struct ip_addr, a, &e->tunnel->local) {
        json_array_append_new(local, address(a));
    }
    return json_pack("{s:o, s:o, s:o, s:i, s:o}", "device", text(e->device->name), "file", text(e->device->file),
                     "tunnel", text(e->tunnel->name), "line", (int)e->tunnel->line, "addresses", local);
}

static json_t *outcome(const struct negotiation *n, bool calls)
{
    if (!calls)
        return json_pack("{s:b, s:s}", "calls", 0, "why", "a dynamic entry never calls");
    json_t *o = json_pack("{s:b, s:b, s:o, s:o, s:i, s:i}", "calls", 1, "up", (int)n->up, "ike", text(n->ike), "ipsec",
                          text(n->up ? n->ipsec : NULL), "lines", (int)n->lines, "accepted", (int)n->accepted);
    if (n->failed) {
        json_object_set_new(o, "rule", json_string(diag_infos[n->id].id));
        json_object_set_new(o, "why", text(n->why));
    }
    if (n->refused)
        json_object_set_new(o, "refused", text(n->refused));
    return o;
}

static void dump(struct buf *out, json_t *j)
{
    char *z = json_dumps(j, JSON_COMPACT);
    for (const char *p = z; p && *p; p++) { /* "</script>" must not end the page's script */
        if (*p == '<')
            buf_puts(out, "\\u003c");
        else
            buf_putc(out, *p);
    }
    out->failed |= z == NULL;
    free(z);
    json_decref(j);
}

void fleet_print_json(struct buf *out, const struct fleet *f)
{
    const char *sep = "";
    buf_puts(out, "{\"schema\": \"ioscc-fleet/1\", \"devices\": [");
    PTRLIST_FOR (struct fact_device, d, &f->devices) {
        buf_printf(out, "%s\n  ", sep);
        dump(out,
             json_pack("{s:o, s:o, s:i}", "name", text(d->name), "file", text(d->file), "tunnels", (int)d->tunnels.n));
        sep = ",";
    }
    buf_puts(out, "\n], \"tunnels\": [");
    sep = "";
    PTRLIST_FOR (struct fleet_pair, p, &f->pairs) {
        buf_printf(out, "%s\n  ", sep);
        dump(out, json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", fleet_state(p), "a", end(&p->a), "b", end(&p->b),
                            "aCalls", outcome(&p->forward, p->calls[0]), "bCalls", outcome(&p->backward, p->calls[1])));
        sep = ",";
    }
    buf_puts(out, "\n], \"findings\": [");
    sep = "";
    PTRLIST_FOR (struct fleet_finding, x, &f->findings) {
        buf_printf(out, "%s\n  ", sep);
        dump(out, json_pack("{s:s, s:s, s:s, s:o, s:i, s:o}", "id", diag_infos[x->id].id, "rule",
                            diag_infos[x->id].slug, "severity", severity_name(x->severity), "file",
                            text(x->device->file), "line", (int)x->line, "message", text(x->message)));
        sep = ",";
    }
    buf_printf(out, "\n], \"outside\": %u}\n", f->outside);
}

static void quoted(struct buf *out, const char *z)
{
    buf_putc(out, '"');
    for (; *z; z++) {
        if (*z == '"' || *z == '\\')
            buf_putc(out, '\\');
        buf_putc(out, (unsigned char)*z < 32 ? ' ' : *z);
    }
    buf_putc(out, '"');
}

void fleet_print_dot(struct buf *out, const struct fleet *f)
{
    buf_puts(out, "graph fleet {\n  node [shape=box];\n");
    PTRLIST_FOR (struct fact_device, d, &f->devices) {
        buf_puts(out, "  ");
        quoted(out, d->name);
        buf_puts(out, ";\n");
    }
    PTRLIST_FOR (struct fleet_pair, p, &f->pairs) {
        const char *state = fleet_state(p);
        bool up = strcmp(state, "up") == 0, down = strcmp(state, "down") == 0;
        buf_puts(out, "  ");
        quoted(out, p->a.device->name);
        buf_puts(out, " -- ");
        quoted(out, p->b.device->name);
        buf_printf(out, " [color=%s, style=%s, label=",
                   up     ? "darkgreen"
                   : down ? "red3"
                          : "orange3",
                   down ? "dashed" : "solid");
        quoted(out, state);
        buf_puts(out, "];\n");
    }
    buf_puts(out, "}\n");
}

void fleet_print_html(struct buf *out, const struct fleet *f, const char *page)
{
    static const char mark[] = "@DATA@";
    const char *at = strstr(page, mark);
    buf_add(out, page, at ? (size_t)(at - page) : strlen(page));
    if (!at)
        return;
    fleet_print_json(out, f);
    buf_puts(out, at + sizeof mark - 1);
}
