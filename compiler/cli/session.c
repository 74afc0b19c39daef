/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/session.h"

#include <netdb.h>
#include <netinet/in.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int session_open(struct session *s, const struct command *c, const char *dir, int wait_s)
{
    const char *why = "cannot read the state";
    *s = (struct session){.command = c};
    if (!arena_init(&s->arena, SIZE_MAX)) {
        fprintf(stderr, "ioscc %s: out of memory\n", c->name);
        return EXIT_SYSTEM;
    }
    s->nothing.arena = &s->arena;
    int r = state_open(&s->state, &s->arena, dir, wait_s, &why);
    if (r == 0)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: %s: %s: %s\n", c->name, dir, why, strerror(-r));
    arena_free(&s->arena);
    return EXIT_SYSTEM;
}

/* Counts what stops an apply, after target and plans have added theirs. */
static void count(struct session *s)
{
    for (uint32_t i = 0; i < s->compiled.diags.items.n; i++) {
        const struct diag *d = s->compiled.diags.items.v[i];
        s->fatal |= d->id == D_LX_INTERFACE || d->id == D_LX_TOO_MANY || d->id == D_LX_LIST;
    }
    s->errors = s->is_repair ? 0 : cli_complain(&s->compiled);
}

/* What is looked up is kept, for who looks at the host without asking anybody. */
static void name_keep(struct session *s, const char *name, const struct ip_addr *a)
{
    struct state_name *n = ARENA_NEW(&s->arena, struct state_name);
    *n = (struct state_name){name, *a};
    for (uint32_t i = s->state.names.n; i-- > 0;)
        if (strcmp(((const struct state_name *)s->state.names.v[i])->name, name) == 0)
            ptrlist_remove(&s->state.names, i);
    ptrlist_add(&s->arena, &s->state.names, n);
}

/* Peers known by name get their address here, as on the router when the line is entered. One that cannot be looked up
 * stays a name: its traffic waits (IC4012). */
static void resolve(struct session *s, struct map_peer *p)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *v = NULL;
    char t[ADDR_TEXT_MAX];
    const char *name = arena_strndup(&s->arena, p->host.name.p, p->host.name.len);
    if (p->host.addr.family != FAMILY_NONE || !name || !*name || getaddrinfo(name, NULL, &hints, &v) != 0)
        return;
    for (const struct addrinfo *a = v; a && p->host.addr.family == FAMILY_NONE; a = a->ai_next) {
        if (a->ai_family == AF_INET) {
            p->host.addr.family = FAMILY_V4;
            memcpy(p->host.addr.b, &((const struct sockaddr_in *)a->ai_addr)->sin_addr, 4);
        } else if (a->ai_family == AF_INET6) {
            p->host.addr.family = FAMILY_V6;
            memcpy(p->host.addr.b, &((const struct sockaddr_in6 *)a->ai_addr)->sin6_addr, 16);
        }
    }
    freeaddrinfo(v);
    if (p->host.addr.family != FAMILY_NONE)
        name_keep(s, name, &p->host.addr);
    if (p->host.addr.family != FAMILY_NONE)
        fprintf(stderr, "ioscc %s: peer %s is %s\n", s->command->name, name, addr_text(&p->host.addr, t));
}

/* The address that a name had when it was applied. */
static void take_kept(struct session *s, struct map_peer *p)
{
    PTRLIST_FOR (struct state_name, n, &s->state.names) {
        if (p->host.addr.family == FAMILY_NONE && str_is(p->host.name, n->name))
            p->host.addr = n->addr;
    }
}

static void each_peer(struct session *s, void (*f)(struct session *s, struct map_peer *p))
{
    PTRLIST_FOR (struct crypto_map, m, &s->router->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                f(s, p);
            }
        }
    }
}

int session_plan(struct session *s, const char *path, const struct state_config *how)
{
    apply_begin(&s->apply, how);
    s->prepared = true;
    if (path) {
        int code = cli_load(s->command, path, &s->compiled);
        if (code != EXIT_CLEAN)
            return code;
        s->loaded = true;
        s->router = cli_router(&s->compiled, how->device);
        if (!s->router)
            return cli_usage_error(s->command, "%s holds no router named '%s'", path, how->device);
        each_peer(s, s->is_repair ? take_kept : resolve);
    }
    struct arena *ar = s->loaded ? &s->compiled.arena : &s->arena;
    int r = apply_prepare(&s->apply, ar, s->router, how, &s->state, s->loaded ? &s->compiled.diags : &s->nothing);
    if (s->loaded)
        count(s);
    if (r == 0)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: %s\n", s->command->name, s->apply.error);
    return r == -EINVAL || r == -ENODEV ? EXIT_USAGE : EXIT_SYSTEM;
}

static void own_sas(struct session *s, bool with_old)
{
    if (!with_old)
        s->state.sas.n = 0;
    PTRLIST_FOR (struct xfrm_sa, sa, &s->apply.xfrm.sas) {
        struct xfrm_sa_id *id = ARENA_NEW(&s->arena, struct xfrm_sa_id);
        *id = (struct xfrm_sa_id){sa->dst, sa->spi, sa->proto};
        ptrlist_add(&s->arena, &s->state.sas, id);
    }
}

static int save(struct session *s)
{
    int r = state_save(&s->state);
    if (r < 0)
        fprintf(stderr, "ioscc %s: cannot write the state: %s\n", s->command->name, strerror(-r));
    return r < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
}

/* The state as it will be, marked as unfinished: from here on a crash leaves everything of ours named. */
static int write_ahead(struct session *s, struct state_config *how, enum session_previous previous, time_t confirm_by)
{
    struct state *st = &s->state;
    if (s->loaded) {
        const struct source *src = &s->compiled.source;
        int r = state_store(st, (struct str){src->text, src->len}, &how->file);
        if (r < 0) {
            fprintf(stderr, "ioscc %s: cannot store the configuration: %s\n", s->command->name, strerror(-r));
            return EXIT_SYSTEM;
        }
    }
    bool again = how->file && st->current.file && strcmp(how->file, st->current.file) == 0 && !confirm_by;
    if (previous == PREVIOUS_IS_CURRENT && !st->applying && !again) {
        st->previous = st->current;
        st->has_previous = true;
    }
    st->current = *how;
    st->applying = true;
    if (s->apply.xfrm_diff.threshold && !st->thresholds[0][0])
        memcpy(st->thresholds, s->apply.xfrm_held.hash_threshold, sizeof st->thresholds);
    own_sas(s, true);
    return save(s);
}

static int finish(struct session *s, const struct state_config *how, enum session_previous previous, time_t confirm_by)
{
    struct state *st = &s->state;
    st->applying = false;
    st->applied = time(NULL);
    st->confirm_by = confirm_by;
    if (previous == PREVIOUS_FORGOTTEN)
        st->has_previous = false;
    if (!how->only_nftables)
        own_sas(s, false);
    int code = save(s);
    state_sweep(st);
    return code;
}

static const char *router_name(struct session *s)
{
    const struct str name = s->router ? s->router->hostname.s : (struct str){NULL, 0};
    for (uint32_t i = 0; i < name.len; i++)
        if (name.p[i] < '!' || name.p[i] > '~')
            return NULL;
    return name.len ? arena_strndup(&s->arena, name.p, name.len) : NULL;
}

int session_run(struct session *s, struct state_config how, enum session_previous previous, time_t confirm_by)
{
    const struct state before = s->state;
    sigset_t quiet, old;
    sigemptyset(&quiet);
    sigaddset(&quiet, SIGINT);
    sigaddset(&quiet, SIGTERM);
    sigaddset(&quiet, SIGHUP);
    sigaddset(&quiet, SIGPIPE);
    how.hostname = router_name(s);
    int code = write_ahead(s, &how, previous, confirm_by);
    if (code != EXIT_CLEAN)
        return code;
    sigprocmask(SIG_BLOCK, &quiet, &old); /* half-way is no place to stop */
    int r = apply_run(&s->apply);
    if (r == 0) {
        code = finish(s, &how, previous, confirm_by);
        if (s->apply.warning[0])
            fprintf(stderr, "ioscc %s: %s\n", s->command->name, s->apply.warning);
    } else {
        const char *end = s->apply.is_half_done ? "It is half done: 'ioscc status' says what is not as it should be."
                                                : "Nothing was changed.";
        fprintf(stderr, "ioscc %s: %s\n%s\n", s->command->name, s->apply.error, end);
        if (!s->apply.is_half_done) { /* else it stays marked as unfinished */
            s->state = before;
            save(s);
            state_sweep(&s->state);
        }
        code = EXIT_SYSTEM;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return code;
}

int session_no_daemon(const struct session *s, const char *advice)
{
    struct state_daemon d;
    state_daemon_ask(s->state.dir, &d);
    if (!d.is_running || !d.applies)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: a daemon runs with %s (process %ld): nothing is touched. %s\n", s->command->name,
            d.config, d.pid, advice);
    return EXIT_FINDINGS;
}

void session_close(struct session *s)
{
    if (s->prepared)
        apply_end(&s->apply);
    if (s->loaded)
        sem_free(&s->compiled);
    state_close(&s->state);
    arena_free(&s->arena);
}
