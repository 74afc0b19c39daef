/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/places.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "places.json"
#define FORMAT 1

/* "M at eth0": what IOS calls the local crypto endpoint. */
static void local_places(const struct session *s, json_t *to)
{
    char key[512], t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct target_map, m, &s->apply.target.maps) {
        for (uint32_t i = 0; i < m->links.n; i++) {
            snprintf(key, sizeof key, STR_FMT " at %s", STR_ARG(m->map->name.s), (const char *)m->links.v[i]);
            json_object_set_new(to, key, json_string(m->local.family ? addr_text(&m->local, t) : ""));
        }
    }
}

static void peer_places(const struct crypto_map *m, json_t *to)
{
    char key[512], t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
        PTRLIST_FOR (struct map_peer, p, &e->peers) {
            if (!p->host.name.len)
                continue;
            snprintf(key, sizeof key, STR_FMT, STR_ARG(p->host.name));
            json_object_set_new(to, key, json_string(p->host.addr.family ? addr_text(&p->host.addr, t) : ""));
        }
    }
}

/* By their places in the text, which is stored beside. */
static json_t *blocked_entries(const struct session *s)
{
    json_t *out = json_array();
    PTRLIST_FOR (struct crypto_map_entry, e, &s->left_out.blocked) {
        json_array_append_new(out, json_integer(e->span.off));
    }
    return out;
}

static json_t *lacking_lines(const struct session *s)
{
    json_t *out = json_array();
    PTRLIST_FOR (char, line, &s->left_out.lines) {
        json_array_append_new(out, json_string(line));
    }
    return out;
}

/* {"local": {"M at eth0": "192.0.2.1"}, "peers": {"hq.example.net": "192.0.2.2"}}; an address that is not known is ""
 */
static json_t *places_now(const struct session *s)
{
    json_t *local = json_object(), *peers = json_object();
    local_places(s, local);
    for (uint32_t i = 0; s->router && i < s->router->crypto_maps.n; i++)
        peer_places(s->router->crypto_maps.v[i], peers);
    return json_pack("{s:i,s:s?,s:o,s:o,s:o,s:o}", "format", FORMAT, "configuration", s->state.current.file, "local",
                     local, "peers", peers, "blocked", blocked_entries(s), "lacks", lacking_lines(s));
}

int places_save(struct session *s)
{
    json_t *o = places_now(s);
    char *p = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!p)
        return -ENOMEM;
    int r = state_put(&s->state, FILE_NAME, (struct str){p, (uint32_t)strlen(p)});
    free(p);
    return r;
}

void places_forget(struct session *s)
{
    (void)!unlink(state_path(&s->state, FILE_NAME));
}

/* "M at eth0 was 192.0.2.1, is 192.0.2.7" for each that has moved. */
static void table_moved(const json_t *was, const json_t *is, struct buf *what)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)is, key, v)
    {
        const char *old = json_string_value(json_object_get(was, key)), *now = json_string_value(v);
        if (!*now || (old && strcmp(old, now) == 0))
            continue;
        const char *before = old && *old ? old : "not known";
        buf_printf(what, "%s%s was %s, is %s", what->len ? "; " : "", key, before, now);
    }
}

json_t *places_read(struct session *s)
{
    json_t *kept = state_read_json(&s->state, FILE_NAME);
    const char *file = json_string_value(json_object_get(kept, "configuration")), *now = s->state.current.file;
    bool is_of_now = file && now && strcmp(file, now) == 0;
    if (is_of_now)
        return kept;
    json_decref(kept);
    return NULL;
}

bool places_is_blocked(const json_t *kept, const struct crypto_map_entry *e)
{
    size_t i;
    json_t *at;
    json_array_foreach(json_object_get(kept, "blocked"), i, at)
    {
        if (json_integer_value(at) == (json_int_t)e->span.off)
            return true;
    }
    return false;
}

void places_say_blocked(struct buf *b, const json_t *kept)
{
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(kept, "lacks"), i, line)
    {
        const char *text = json_string_value(line);
        if (text)
            buf_printf(b, "The IKE daemon: %s.\n", text);
    }
}

bool places_of_another(struct session *s)
{
    json_t *was = state_read_json(&s->state, FILE_NAME);
    const char *file = json_string_value(json_object_get(was, "configuration")), *now = s->state.current.file;
    bool is_another = file && now && strcmp(file, now) != 0;
    json_decref(was);
    return is_another;
}

bool places_moved(struct session *s, struct buf *what)
{
    json_t *was = state_read_json(&s->state, FILE_NAME), *is = places_now(s);
    if (is && json_integer_value(json_object_get(was, "format")) == FORMAT) {
        table_moved(json_object_get(was, "local"), json_object_get(is, "local"), what);
        table_moved(json_object_get(was, "peers"), json_object_get(is, "peers"), what);
    }
    json_decref(was);
    json_decref(is);
    return what->len != 0;
}
