/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ioscc metrics: what is applied and what stands, as OpenMetrics text (https://prometheus.io/docs/specs/om/). */
#include <jansson.h>

#include "backends/ike/engine/engine.h"
#include "backends/apply/idle_host.h"
#include "compiler/cli/ask.h"
#include "compiler/cli/places.h"
#include "compiler/cli/repair.h"
#include "compiler/cli/session.h"

enum { OPT_STATE };
static const struct cli_option options[] = {
    [OPT_STATE] = {"state-dir", 0, "DIR", "where the state is kept (/run/ioscc)"},
    {NULL, 0, NULL, NULL},
};

/* Entries of the maps on interfaces that IKE is to make SAs for. */
struct entries {
    unsigned configured, up, down, blocked;
    const json_t *given; /* what the daemon was given (places_read()), NULL: nothing, or there is none */
};

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# TYPE ioscc_%s %s\n# HELP ioscc_%s %s\n", name, type, name, help);
}

static void gauge(struct buf *b, const char *name, const char *help, unsigned long long value)
{
    family(b, name, "gauge", help);
    buf_printf(b, "ioscc_%s %llu\n", name, value);
}

static void counter(struct buf *b, const char *name, const char *help, unsigned long long value)
{
    family(b, name, "counter", help);
    buf_printf(b, "ioscc_%s_total %llu\n", name, value);
}

/* An entry as it is applied: of a dynamic map, by the entry that names that. */
struct applied_entry {
    const struct crypto_map *map;
    const struct crypto_map_entry *outer, *entry; /* the same where the map is not dynamic */
};

static bool is_of(const json_t *child, const struct applied_entry *a)
{
    const char *map = json_string_value(json_object_get(child, "map"));
    const uint32_t reqid = (uint32_t)json_integer_value(json_object_get(child, "reqid"));
    bool is_dynamic = reqid >> 24 == IKE_REQID_DYNAMIC >> 24;
    return map && str_eq(str_lit(map), a->map->name.s) && is_dynamic == (a->outer != a->entry) &&
           json_integer_value(json_object_get(child, "entry")) == (json_int_t)a->entry->seq.v;
}

/* Child SAs of an entry that stand. */
static unsigned children_of(const json_t *sas, const struct applied_entry *a)
{
    size_t i, k;
    json_t *sa, *child;
    unsigned n = 0;
    json_array_foreach((json_t *)(uintptr_t)sas, i, sa)
    {
        json_array_foreach(json_object_get(sa, "children"), k, child)
        {
            const char *state = json_string_value(json_object_get(child, "state"));
            bool stands = state && (strcmp(state, "up") == 0 || strcmp(state, "rekeying") == 0);
            n += stands && is_of(child, a);
        }
    }
    return n;
}

/* A label's value: what a configuration may hold, escaped. */
static void label(struct buf *b, struct str s)
{
    for (uint32_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_putc(b, '\\');
        buf_putc(b, s.p[i]);
    }
}

/* Peers are known by name alone, and no name has an address. */
static bool waits_for_name(const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family != FAMILY_NONE)
            return false;
    }
    return e->peers.n != 0;
}

static void one_entry(struct buf *b, const struct session *s, const json_t *sas, const struct applied_entry *a,
                      struct entries *n)
{
    const unsigned children = children_of(sas, a);
    n->configured++;
    bool is_blocked = target_blocked(&s->apply.target, a->entry) || places_is_blocked(n->given, a->entry);
    if (!is_blocked && children)
        n->up++;
    else if (is_blocked || waits_for_name(a->entry))
        n->blocked++;
    else
        n->down++;
    buf_puts(b, "ioscc_entry_child_sas{map=\"");
    label(b, a->map->name.s);
    buf_printf(b, "\",entry=\"%lld\"", (long long)a->outer->seq.v);
    if (a->outer != a->entry)
        buf_printf(b, ",dynamic_entry=\"%lld\"", (long long)a->entry->seq.v);
    buf_printf(b, "} %u\n", children);
}

static void map_entries(struct buf *b, const struct session *s, const json_t *sas, const struct crypto_map *m,
                        struct entries *n)
{
    PTRLIST_FOR (struct crypto_map_entry, outer, &m->entries) {
        const struct crypto_map *dynamic = outer->dynamic.target;
        bool is_negotiated = outer->type.v == ENTRY_ISAKMP || outer->type.v == ENTRY_DYNAMIC;
        if (!dynamic && is_negotiated)
            one_entry(b, s, sas, &(struct applied_entry){m, outer, outer}, n);
        if (!dynamic)
            continue;
        PTRLIST_FOR (struct crypto_map_entry, e, &dynamic->entries) {
            one_entry(b, s, sas, &(struct applied_entry){m, outer, e}, n);
        }
    }
}

/* `given`: places_read(). */
static void print_entries(struct buf *b, const struct session *s, const json_t *sas, const json_t *given)
{
    struct entries n = {.given = given};
    family(b, "entry_child_sas", "gauge", "child SAs of a crypto map entry that stand");
    for (uint32_t i = 0; s->router && i < s->router->crypto_maps.n; i++) {
        const struct crypto_map *m = s->router->crypto_maps.v[i];
        if (m->applied.n)
            map_entries(b, s, sas, m, &n);
    }
    family(b, "entries", "gauge", "crypto map entries on interfaces whose SAs IKE makes");
    buf_printf(b,
               "ioscc_entries{state=\"configured\"} %u\nioscc_entries{state=\"up\"} %u\n"
               "ioscc_entries{state=\"down\"} %u\nioscc_entries{state=\"blocked\"} %u\n",
               n.configured, n.up, n.down, n.blocked);
}

/* The daemon's own numbers are in the same form. */
static void print_daemon(struct buf *b, const struct command *c, const char *dir)
{
    json_t *a = ask_daemon(c, dir, json_pack("{s:s}", "do", "metrics"));
    const char *text = json_string_value(json_object_get(a, "metrics"));
    if (text)
        buf_puts(b, text);
    json_decref(a);
}

/* ... or that cannot be told. */
static bool is_early(void)
{
    bool stands = false;
    return idle_host_is_early(&stands) < 0 || stands;
}

static void print_metrics(struct buf *b, struct session *s)
{
    const struct state *st = &s->state;
    struct state_daemon d;
    struct repair_count repairs = repair_counted(&s->state);
    state_daemon_ask(st->dir, &d);
    bool answers = d.is_running && ask_is_answered(st->dir);
    json_t *given = d.is_running ? places_read(s) : NULL;
    json_t *a = answers ? ask_daemon(s->command, st->dir, json_pack("{s:s}", "do", "sas")) : NULL;
    bool drifts = apply_needed(&s->apply) || apply_is_disturbed(&s->apply) || *s->apply.lacks || st->applying ||
                  session_not_in_force(s) || is_early();
    gauge(b, "applied", "1: a configuration is applied", st->current.file != NULL);
    gauge(b, "in_sync", "1: the kernel is as the configuration says, and no route leads what it protects past it",
          !drifts);
    gauge(b, "daemon_running", "1: the IKE daemon runs", d.is_running);
    gauge(b, "daemon_answers", "1: it answers; 0: it may be stopped, nothing is known of its SAs", answers);
    gauge(b, "daemon_stopped", "1: one of its processes is stopped (SIGSTOP, a debugger)",
          d.is_running && ask_stopped(d.pid) != 0);
    gauge(b, "confirm_pending", "1: it goes back unless it is confirmed", st->confirm_by != 0);
    gauge(b, "applied_timestamp_seconds", "when the configuration was applied", (unsigned long long)st->applied);
    counter(b, "repairs", "what had changed was put right", repairs.done);
    counter(b, "repairs_failed", "what had changed was not put right whole", repairs.failed);
    if (answers || !d.is_running) /* else it is not known what is up */
        print_entries(b, s, json_object_get(a, "sas"), given);
    if (answers)
        print_daemon(b, s->command, st->dir);
    buf_puts(b, "# EOF\n");
    json_decref(given);
    json_decref(a);
}

static int run(const struct command *c, int argc, char **argv)
{
    const char *dir = STATE_DIR_DEFAULT, *value;
    struct session s;
    struct buf b = {0};
    int i = 1, k;
    while ((k = cli_next(c, argc, argv, &i, &value)) >= 0)
        dir = value;
    if (k != CLI_END)
        return k == CLI_HELP ? EXIT_CLEAN : EXIT_USAGE;
    if (i < argc)
        return cli_usage_error(c, "unexpected '%s'", argv[i]);
    const struct session_look how = {.is_quiet = true, .wants_routes = true}; /* findings are for status */
    int code = session_look(&s, c, dir, &how);
    if (code != EXIT_CLEAN)
        return code;
    print_metrics(&b, &s);
    code = cli_write(stdout, &b) ? EXIT_CLEAN : EXIT_SYSTEM;
    buf_free(&b);
    session_close(&s);
    return code;
}

const struct command cmd_metrics = {
    "metrics", "[OPTION…]", "Prints what is applied and what stands as OpenMetrics text.", options, run,
};
