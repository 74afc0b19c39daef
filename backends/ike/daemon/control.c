/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket, STATE/control.sock (0600): one JSON object in, one out, docs/control.md. Commands: sas, stats,
 * metrics, initiate, rekey, clear, reload.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"

#define REQUEST_MAX 4096
#define CLIENTS_MAX 32

struct client {
    uv_pipe_t pipe;
    uv_write_t write;
    struct daemon *d;
    char *answer;
    size_t n;
    char request[REQUEST_MAX];
};

/* ---- what stands ---- */

static json_t *address(const struct ip_addr *a)
{
    char t[ADDR_TEXT_MAX];
    return a->family == FAMILY_NONE ? json_null() : json_string(addr_text(a, t));
}

static json_t *selector(const struct ike_ts *t)
{
    char text[128];
    return json_string(ike_ts_text(t, text));
}

static json_t *child_json(struct daemon *d, const struct ike_child *c)
{
    static const char *const states[] = {"up", "rekeying", "replaced", "deleting", "half"};
    json_t *o = json_object();
    json_object_set_new(o, "map", json_string(c->entry->map));
    json_object_set_new(o, "entry", json_integer(c->entry->seq));
    json_object_set_new(o, "line", json_integer(c->line));
    json_object_set_new(o, "reqid", json_integer(c->reqid));
    json_object_set_new(o, "state", json_string(states[c->state]));
    json_object_set_new(o, "spi_in", json_integer(c->spi_in));
    json_object_set_new(o, "spi_out", json_integer(c->spi_out));
    json_object_set_new(o, "local", selector(&c->ts_local));
    json_object_set_new(o, "remote", selector(&c->ts_remote));
    json_object_set_new(o, "transform_set", json_string(c->set->name));
    json_object_set_new(o, "mode", json_string(c->transport ? "transport" : "tunnel"));
    json_object_set_new(o, "pfs", c->dh ? json_string(algo_get((enum algo_id)c->dh)->name) : json_null());
    json_object_set_new(o, "esn", json_boolean(c->esn));
    json_object_set_new(o, "lifetime_s", json_integer(c->lifetime_s));
    json_object_set_new(o, "lifetime_kb", json_integer(c->lifetime_kb));
    json_object_set_new(o, "age_s", json_integer((json_int_t)((daemon_now(d) - c->up_at) / 1000)));
    json_object_set_new(o, "rekeyed", json_integer(c->generation));
    return o;
}

struct listing {
    struct daemon *d;
    json_t *v;
};

static void sa_json(void *ctx, const struct ike_sa *sa)
{
    struct listing *l = ctx;
    json_t *o = json_object(), *kids = json_array();
    char text[192];
    json_object_set_new(o, "version", json_integer(sa->version));
    json_object_set_new(o, "state", json_string(ike_state_name(sa->state)));
    json_object_set_new(o, "role", json_string(sa->initiator ? "initiator" : "responder"));
    json_object_set_new(o, "local", address(&sa->local.addr));
    json_object_set_new(o, "remote", address(&sa->remote.addr));
    json_object_set_new(o, "local_port", json_integer(sa->local.port));
    json_object_set_new(o, "remote_port", json_integer(sa->remote.port));
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sa->spi_i);
    json_object_set_new(o, "spi_i", json_string(text));
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sa->spi_r);
    json_object_set_new(o, "spi_r", json_string(text));
    if (sa->peer_id) {
        const struct ike_id id = {sa->peer_id[0], (uint16_t)(sa->peer_id_len - 1), sa->peer_id + 1};
        json_object_set_new(o, "identity", json_string(ike_id_text(&id, text)));
    }
    if (sa->suite.prf)
        json_object_set_new(o, "suite", json_string(ike_suite_text(&sa->suite, text)));
    if (sa->suite.prf) {
        const struct algo *e = algo_get(sa->suite.encr), *h = algo_get(sa->suite.integ), *p = algo_get(sa->suite.prf);
        json_object_set_new(o, "encryption", json_string(e->name));
        json_object_set_new(o, "bits", json_integer(sa->suite.encr_bits));
        json_object_set_new(o, "integrity", sa->suite.integ ? json_string(h->name) : json_null());
        json_object_set_new(o, "prf", json_string(p->name));
        json_object_set_new(o, "group", json_integer(algo_get(sa->suite.dh)->ikev2));
        json_object_set_new(o, "authentication", json_string(sa->psk_auth ? "pre-share" : "signature"));
    }
    json_object_set_new(o, "id", json_integer((json_int_t)sa->id));
    json_object_set_new(
        o, "lifetime_s",
        json_integer(sa->expire_at && sa->up_at ? (json_int_t)((sa->expire_at - sa->up_at) / 1000) : 0));
    json_object_set_new(o, "next_out", json_integer(sa->next_out));
    json_object_set_new(o, "next_in", json_integer(sa->next_in));
    json_object_set_new(o, "dpd_s", json_integer(sa->profile ? sa->profile->dpd_s : 0));
    json_object_set_new(o, "fragmentation", json_boolean(sa->fragments));
    json_object_set_new(o, "profile", sa->profile ? json_string(sa->profile->name) : json_null());
    json_object_set_new(o, "nat",
                        json_string(sa->nat_local && sa->nat_remote ? "both"
                                    : sa->nat_local                 ? "local"
                                    : sa->nat_remote                ? "remote"
                                                                    : "none"));
    json_object_set_new(o, "age_s", json_integer(sa->up_at ? (json_int_t)((daemon_now(l->d) - sa->up_at) / 1000) : 0));
    for (const struct ike_child *c = sa->children; c; c = c->next)
        json_array_append_new(kids, child_json(l->d, c));
    json_object_set_new(o, "children", kids);
    json_array_append_new(l->v, o);
}

static json_t *list(struct daemon *d)
{
    struct listing l = {d, json_array()};
    ike_each(d->ike, sa_json, &l);
    return l.v;
}

/* ---- numbers ---- */

static const struct {
    const char *name, *help;
    size_t at;
    bool gauge;
} counters[] = {
#define COUNTER(field, help)                                                                                           \
    {                                                                                                                  \
#field, help, offsetof(struct ike_stats, field), false                                                         \
    }
    COUNTER(datagrams_in, "IKE datagrams received"),
    COUNTER(datagrams_out, "IKE datagrams sent"),
    COUNTER(dropped, "datagrams that belong to no SA or may not come now"),
    COUNTER(malformed, "datagrams that are not IKE"),
    COUNTER(auth_failed, "messages or peers that are not authentic"),
    COUNTER(replays, "messages outside the window"),
    COUNTER(cookies_sent, "cookie requests sent"),
    COUNTER(retransmits, "requests sent again"),
    COUNTER(negotiations, "negotiations begun"),
    COUNTER(established, "IKE SAs established"),
    COUNTER(refused, "negotiations that failed"),
    COUNTER(evicted, "half-open IKE SAs that made room for others"),
    COUNTER(unproved, "aggressive mode negotiations that did not authenticate"),
    COUNTER(dh, "Diffie-Hellman operations begun"),
#undef COUNTER
};

static char *metrics(struct daemon *d)
{
    struct buf b = {0};
    const uint8_t *s = (const uint8_t *)&d->ike->stats;
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        uint64_t v;
        memcpy(&v, s + counters[i].at, sizeof v);
        buf_printf(&b, "# TYPE ioscc_ike_%s counter\n# HELP ioscc_ike_%s %s\nioscc_ike_%s_total %llu\n",
                   counters[i].name, counters[i].name, counters[i].help, counters[i].name, (unsigned long long)v);
    }
    const struct {
        const char *name, *help;
        uint64_t v;
    } gauges[] = {{"sas", "IKE SAs in any state", d->ike->n_sa},
                  {"half_open", "half-open IKE SAs", ike_half_open_count(d->ike, 1) + ike_half_open_count(d->ike, 2)},
                  {"child_sas", "child SAs", d->ike->n_children}};
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        buf_printf(&b, "# HELP ioscc_ike_%s %s\n# TYPE ioscc_ike_%s gauge\nioscc_ike_%s %llu\n", gauges[i].name,
                   gauges[i].help, gauges[i].name, gauges[i].name, (unsigned long long)gauges[i].v);
    buf_putc(&b, '\0');
    return b.p;
}

/* ---- commands ---- */

static bool peer_of(const json_t *q, struct ip_addr *out)
{
    const char *s = json_string_value(json_object_get(q, "peer"));
    return s && addr_parse((struct str){s, (uint32_t)strlen(s)}, out);
}

/* Asks for every line's SA of the entries with that peer, or of a map entry; all of them if neither is named. */
static json_t *initiate(struct daemon *d, const json_t *q)
{
    struct ip_addr peer = {0};
    bool has_peer = peer_of(q, &peer);
    const char *map = json_string_value(json_object_get(q, "map"));
    json_int_t seq = json_integer_value(json_object_get(q, "entry")), n = 0;
    for (unsigned i = 0; i < d->policy->n_entries; i++) {
        const struct ike_entry *e = &d->policy->entries[i];
        bool fits = !has_peer;
        for (unsigned k = 0; k < e->n_peers; k++)
            fits |= has_peer && addr_eq(&e->peers[k].addr, &peer);
        if (!fits || e->dynamic || (map && strcmp(map, e->map) != 0) || (seq && (uint64_t)seq != e->seq))
            continue;
        for (unsigned k = 0; k < e->n_lines; k++)
            n += ike_acquire(d->ike, daemon_now(d), e->lines[k].reqid, &e->local, NULL, NULL);
    }
    return json_integer(n);
}

static json_t *clear(struct daemon *d, const json_t *q)
{
    struct ip_addr peer = {0};
    bool has_peer = peer_of(q, &peer);
    const char *what = json_string_value(json_object_get(q, "what"));
    json_int_t version = json_integer_value(json_object_get(q, "version"));
    if (what && strcmp(what, "children") == 0)
        return json_integer(ike_clear_children(d->ike, daemon_now(d), has_peer ? &peer : NULL, NULL,
                                               (uint32_t)json_integer_value(json_object_get(q, "spi"))));
    return json_integer(ike_clear(d->ike, daemon_now(d), has_peer ? &peer : NULL,
                                  version >= 1 && version <= 2 ? (uint8_t)version : 0,
                                  (uint64_t)json_integer_value(json_object_get(q, "id"))));
}

/* Rekeys all IKE SAs (what: ike) or all children, without waiting for their lifetime. */
static void rekey_one(void *ctx, const struct ike_sa *constant)
{
    struct listing *l = ctx;
    struct ike_sa *sa = (struct ike_sa *)(uintptr_t)constant;
    uint64_t now = daemon_now(l->d);
    if (!ike_is(sa, IKE_STANDS))
        return;
    if (!l->v)
        sa->rekey_at = now;
    for (struct ike_child *c = sa->children; l->v && c; c = c->next)
        c->rekey_at = now;
    ike_timer_update(l->d->ike, sa);
}

static json_t *rekey(struct daemon *d, const json_t *q)
{
    const char *what = json_string_value(json_object_get(q, "what"));
    json_t *mark = json_true();
    struct listing l = {d, what && strcmp(what, "ike") == 0 ? NULL : mark};
    ike_each(d->ike, rekey_one, &l);
    return json_integer(d->ike->n_sa);
}

static json_t *answer(struct client *c)
{
    struct daemon *d = c->d;
    json_error_t e;
    json_t *q = json_loads(c->request, JSON_REJECT_DUPLICATES, &e), *a = json_object();
    const char *what = json_string_value(json_object_get(q, "do"));
    if (!what) {
        json_object_set_new(a, "error", json_string("one JSON object with a \"do\" is wanted"));
    } else if (strcmp(what, "alive") == 0) {
        json_object_set_new(a, "alive", json_true());
    } else if (strcmp(what, "sas") == 0) {
        json_object_set_new(a, "sas", list(d));
    } else if (strcmp(what, "stats") == 0 || strcmp(what, "metrics") == 0) {
        char *m = metrics(d);
        json_object_set_new(a, "metrics", json_string(m ? m : ""));
        free(m);
    } else if (strcmp(what, "initiate") == 0) {
        json_object_set_new(a, "asked", initiate(d, q));
    } else if (strcmp(what, "rekey") == 0) {
        json_object_set_new(a, "rekeyed", rekey(d, q));
    } else if (strcmp(what, "clear") == 0) {
        json_object_set_new(a, "cleared", clear(d, q));
    } else {
        json_object_set_new(a, "error", json_string("no such command"));
    }
    json_decref(q);
    daemon_arm(d);
    return a;
}

/* ---- connections ---- */

static void closed(uv_handle_t *h)
{
    struct client *c = h->data;
    c->d->clients--;
    free(c->answer);
    free(c);
}

static void written(uv_write_t *w, int status)
{
    struct client *c = w->data;
    (void)status;
    uv_close((uv_handle_t *)&c->pipe, closed);
}

static void room(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct client *c = h->data;
    (void)suggested;
    *b = uv_buf_init(c->request + c->n, (unsigned)(sizeof c->request - 1 - c->n));
}

static void got(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct client *c = s->data;
    (void)b;
    if (n > 0)
        c->n += (size_t)n;
    bool whole = memchr(c->request, '\n', c->n) != NULL;
    if (!whole && n >= 0 && c->n < sizeof c->request - 1)
        return;
    uv_read_stop(s);
    if (!whole && n < 0 && c->n == 0) {
        uv_close((uv_handle_t *)s, closed);
        return;
    }
    c->request[c->n] = '\0';
    json_t *a = answer(c);
    c->answer = json_dumps(a, JSON_COMPACT);
    json_decref(a);
    size_t len = c->answer ? strlen(c->answer) : 0;
    if (c->answer)
        c->answer[len] = '\n'; /* in place of its end */
    uv_buf_t out = uv_buf_init(c->answer, (unsigned)(len + 1));
    c->write.data = c;
    if (!c->answer || uv_write(&c->write, s, &out, 1, written) < 0)
        uv_close((uv_handle_t *)s, closed);
}

static void connected(uv_stream_t *server, int status)
{
    struct daemon *d = server->data;
    struct client *c = status < 0 || d->clients >= CLIENTS_MAX ? NULL : calloc(1, sizeof *c);
    uv_pipe_t *drop;
    if (!c) { /* taken and closed, or the loop would be told of it again and again */
        if (status >= 0 && (drop = malloc(sizeof *drop))) {
            uv_pipe_init(&d->loop, drop, 0);
            uv_accept(server, (uv_stream_t *)drop);
            uv_close((uv_handle_t *)drop, (uv_close_cb)(void (*)(void))free);
        }
        return;
    }
    c->d = d;
    c->pipe.data = c;
    d->clients++;
    uv_pipe_init(&d->loop, &c->pipe, 0);
    if (uv_accept(server, (uv_stream_t *)&c->pipe) < 0 || uv_read_start((uv_stream_t *)&c->pipe, room, got) < 0)
        uv_close((uv_handle_t *)&c->pipe, closed);
}

void control_path(const struct daemon *d, char *out, size_t n)
{
    snprintf(out, n, "%s/%s", d->options.state_dir, DAEMON_CONTROL_SOCKET);
}

bool control_open(struct daemon *d)
{
    char path[108], early[112];
    control_path(d, path, sizeof path);
    snprintf(early, sizeof early, "%s.new", path);
    unlink(early);
    uv_pipe_init(&d->loop, &d->control, 0);
    d->control.data = d;
    d->has_control = true;
    mode_t old = umask(0177);
    int r = uv_pipe_bind(&d->control, early);
    umask(old);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&d->control, 16, connected);
    if (r == 0 && rename(early, path) < 0) /* who sees it can connect */
        r = -errno;
    if (r < 0) {
        daemon_log(IKE_ERROR, "%s: %s", path, uv_strerror(r));
        return false;
    }
    return true;
}

void control_close(struct daemon *d)
{
    char path[108];
    if (!d->has_control)
        return;
    control_path(d, path, sizeof path);
    unlink(path);
    uv_close((uv_handle_t *)&d->control, NULL);
}
