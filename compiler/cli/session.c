/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/session.h"
#include "backends/apply/sa_support.h"
#include "compiler/cli/host_setup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "backends/apply/owner.h"
#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/lookup.h"
#include "compiler/cli/confirm.h"

#define LOOKS 50               /* at a host that somebody else changes meanwhile, a tenth of a second apart */
#define READS_AGAIN_TENTHS 100 /* ten seconds, while somebody changes what is read */
#define NAMES_AGAIN_S 10       /* those that have no address */

/* Which state's is what stands here? The kernel's table says so, or the file beside where it has been flushed. A kernel
 * without tables says nothing, nor one that does not tell who asks. 0 or a negative errno. */
static int read_owner(const struct state *st, uint64_t *owner)
{
    struct netlink kernel;
    *owner = 0;
    int r = netlink_open(&kernel, NETLINK_NETFILTER);
    if (r == 0)
        r = nft_owner_read(&kernel, owner);
    netlink_close(&kernel);
    if (r < 0 && !nft_has_no_tables(r))
        return r;
    return *owner ? 0 : owner_read(st->netns, owner);
}

/* What this state says to be applied may be taken over by another one meanwhile: it must not be looked after, confirmed
 * or taken away by this one, and is not, even when the other one has gone. 0 or a negative errno. */
static int forget_what_another_has(struct session *s, bool quietly)
{
    uint64_t owner = 0;
    struct state *st = &s->state;
    int r = read_owner(st, &owner);
    s->owner = owner;
    if (!st->id)
        return r;
    if (r < 0 || !owner || owner == st->id)
        return r;
    if (st->current.file && !quietly)
        fprintf(stderr, "ioscc %s: what %s had applied has been replaced with another state directory since\n",
                s->command->name, st->dir);
    state_forget(st);
    return s->wait_s >= 0 ? state_save(st) : 0; /* it holds the lock */
}

void session_unlock(struct session *s)
{
    state_unlock(&s->state);
    kept_errors_end(&s->errors_kept);
}

int session_lock(struct session *s, int wait_s, const char **why)
{
    int r = state_lock(&s->state, wait_s, why);
    if (r == 0)
        kept_errors_begin(&s->errors_kept);
    return r;
}

static void close_unused(struct session *s)
{
    state_close(&s->state);
    kept_errors_end(&s->errors_kept);
    arena_free(&s->arena);
    lookup_close(s->asker);
}

int session_open(struct session *s, const struct command *c, const char *dir, int wait_s, enum session_names names)
{
    const char *why = "cannot read the state";
    *s = (struct session){
        .command = c, .asker = -1, .wait_s = wait_s == SESSION_QUIETLY ? 0 : wait_s, .errors_kept = {-1, -1}};
    if (names == NAMES_ASKED)
        s->asker = lookup_open(); /* negative: then no name has an address */
    if (!arena_init(&s->arena, SIZE_MAX)) {
        fprintf(stderr, "ioscc %s: out of memory\n", c->name);
        lookup_close(s->asker);
        return EXIT_SYSTEM;
    }
    s->nothing.arena = &s->arena;
    bool quietly = wait_s == SESSION_QUIETLY;
    int r = state_open(&s->state, &s->arena, dir, quietly ? 0 : wait_s, &why);
    bool is_at_work = false;
    for (int tenths = 0; r == 0 && wait_s < 0 && tenths < READS_AGAIN_TENTHS; tenths++) {
        is_at_work = s->state.applying && state_is_locked(&s->state);
        if (!is_at_work)
            break;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        state_close(&s->state);
        r = state_open(&s->state, &s->arena, dir, wait_s, &why);
    }
    s->is_busy = r == -EWOULDBLOCK || is_at_work;
    if (r == 0 && wait_s >= 0 && !quietly)
        kept_errors_begin(&s->errors_kept);
    if (r == 0) {
        why = "cannot read whose the kernel's table is, nothing is touched";
        r = forget_what_another_has(s, quietly);
        if (r == -EPERM)
            why = OWNER_NOT_BELIEVED;
    }
    if (r == 0 && wait_s >= 0 && !quietly && s->state.owner_fd == -ENOENT)
        fprintf(stderr,
                "ioscc %s: " OWNER_DIR " cannot be made: an ioscc with another state directory is told apart by the "
                "nftables table alone\n",
                c->name);
    if (r == 0)
        return EXIT_CLEAN;
    if (!s->is_busy || !quietly)
        fprintf(stderr, "ioscc %s: %s: %s: %s%s\n", c->name, dir, why, strerror(-r), cli_as_root(r));
    close_unused(s);
    return EXIT_SYSTEM;
}

/* Counts what stops an apply, after target and plans have added theirs. */
static void count(struct session *s)
{
    for (uint32_t i = 0; i < s->compiled.diags.items.n; i++) {
        const struct diag *d = s->compiled.diags.items.v[i];
        s->fatal |= d->id == D_LX_INTERFACE || d->id == D_LX_TOO_MANY || d->id == D_LX_LIST || d->id == D_LX_GDOI ||
                    d->id == D_LX_DYNAMIC;
    }
    s->errors = s->is_repair || s->is_status || s->has_told ? 0 : cli_complain(&s->compiled, s->says_notes);
}

int session_look(struct session *s, const struct command *c, const char *dir, const struct session_look *how)
{
    for (int tries = 1;; tries++) {
        int code = session_open(s, c, dir, -1, NAMES_KEPT);
        if (code != EXIT_CLEAN)
            return code;
        s->is_status = true;
        s->is_repair = how->is_quiet;
        s->wants_routes = how->wants_routes;
        const char *path = s->state.current.file ? state_path(&s->state, s->state.current.file) : NULL;
        bool is_gone = path && how->needs_file && access(path, R_OK) != 0;
        if (is_gone && (tries >= LOOKS || state_is_current(&s->state)))
            return EXIT_CLEAN; /* said by who asks */
        code = is_gone ? EXIT_CLEAN : session_plan(s, path, &s->state.current);
        bool is_last =
            tries >= LOOKS || s->is_busy || state_is_current(&s->state); /* who changes the kernel says so first */
        if (is_last && code == EXIT_CLEAN && s->loaded && !s->is_repair)
            s->errors = cli_complain(&s->compiled, s->says_notes);
        if (is_last && code != EXIT_CLEAN)
            session_close(s);
        if (is_last)
            return code;
        session_close(s);
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
}

/* ---- peers known by name ---- */

static struct state_name *name_find(struct session *s, struct str name)
{
    if (!s->names_at.n) {
        PTRLIST_FOR (struct state_name, n, &s->state.names) {
            symtab_put(&s->arena, &s->names_at, str_lit(n->name), 0, n);
        }
    }
    return symtab_get(&s->names_at, name, 0);
}

static struct ip_addr name_kept(struct session *s, struct str name, uint8_t family)
{
    const struct state_name *n = name_find(s, name);
    return n && n->addr.family == family ? n->addr : (struct ip_addr){0};
}

bool session_name_keep(struct session *s, const char *name, const struct ip_addr *a)
{
    struct state_name *n = name_find(s, str_lit(name));
    bool is_new = !n || !addr_eq(&n->addr, a);
    if (!n) {
        n = ARENA_NEW(&s->arena, struct state_name);
        n->name = arena_strndup(&s->arena, name, strlen(name));
        ptrlist_add(&s->arena, &s->state.names, n);
        symtab_put(&s->arena, &s->names_at, str_lit(n->name), 0, n);
    }
    n->addr = *a;
    return is_new;
}

/* `family`: that of the peer's crypto map. */
typedef void named_peer_fn(struct session *s, struct map_peer *p, uint8_t family, void *arg);

static void each_named_peer(struct session *s, named_peer_fn *f, void *arg)
{
    PTRLIST_FOR (struct crypto_map, m, &s->router->crypto_maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->entries) {
            PTRLIST_FOR (struct map_peer, p, &e->peers) {
                if (p->host.addr.family == FAMILY_NONE && p->host.name.len)
                    f(s, p, m->ipv6.v ? FAMILY_V6 : FAMILY_V4, arg);
            }
        }
    }
}

struct names {
    struct symtab at; /* ("", name) -> its place in `v`, counted from one */
    struct lookup *v;
    uint8_t *families; /* of each, that of the first crypto map that names it */
    size_t n, room;
};

static void count_name(struct session *s, struct map_peer *p, uint8_t family, void *arg)
{
    struct names *names = arg;
    (void)s, (void)p, (void)family;
    names->room++;
}

static void collect_name(struct session *s, struct map_peer *p, uint8_t family, void *arg)
{
    struct names *names = arg;
    if (symtab_get(&names->at, p->host.name, 0))
        return;
    names->families[names->n] = family;
    struct lookup *l = &names->v[names->n++];
    l->name = arena_strndup(&s->arena, p->host.name.p, p->host.name.len);
    symtab_put(&s->arena, &names->at, p->host.name, 0, l);
}

/* One that has no address now keeps the one that it had; one that never had any stays a name: its traffic waits
 * (IC4012). */
static void take_answer(struct session *s, struct map_peer *p, uint8_t family, void *arg)
{
    const struct names *names = arg;
    const struct lookup *l = symtab_get(&names->at, p->host.name, 0);
    const struct ip_addr kept = name_kept(s, p->host.name, family);
    const struct ip_addr found = l ? lookup_choose(l, family, &kept) : (struct ip_addr){0};
    p->host.addr = found.family ? found : kept;
}

static void take_kept(struct session *s, struct map_peer *p, uint8_t family, void *arg)
{
    (void)arg;
    s->names_hold_s = NAMES_AGAIN_S;
    p->host.addr = name_kept(s, p->host.name, family);
}

static void keep_answers(struct session *s, const struct names *names)
{
    char t[ADDR_TEXT_MAX];
    for (size_t i = 0; i < names->n; i++) {
        const struct lookup *l = &names->v[i];
        const uint8_t family = names->families[i];
        const struct ip_addr kept = name_kept(s, str_lit(l->name), family), now = lookup_choose(l, family, &kept);
        uint32_t again_s = now.family ? l->ttl_s : NAMES_AGAIN_S;
        if (!s->names_hold_s || again_s < s->names_hold_s)
            s->names_hold_s = again_s;
        if (now.family)
            (void)!session_name_keep(s, l->name, &now);
        if (now.family && !s->is_repair)
            fprintf(stderr, "ioscc %s: peer %s is %s\n", s->command->name, l->name, addr_text(&now, t));
        else if (kept.family && !s->is_repair)
            fprintf(stderr, "ioscc %s: peer %s is not found now: it was %s\n", s->command->name, l->name,
                    addr_text(&kept, t));
        else if (!s->is_repair)
            fprintf(stderr, "ioscc %s: peer %s is not found\n", s->command->name, l->name);
    }
}

static bool is_own_address(const struct ptrlist *links, const struct ip_addr *a)
{
    PTRLIST_FOR (struct host_link, l, links) {
        PTRLIST_FOR (struct host_address, h, &l->addresses) {
            if (addr_eq(&h->addr, a))
                return true;
        }
    }
    return false;
}

/* An address of this host is no peer's. */
static void drop_own_addresses(struct session *s, struct names *names)
{
    struct ptrlist links = {0};
    if (host_links_read(&s->arena, &links) < 0)
        return; /* said by who plans */
    for (size_t i = 0; i < names->n; i++) {
        struct lookup *l = &names->v[i];
        unsigned kept = 0;
        for (unsigned k = 0; k < l->n; k++)
            if (!is_own_address(&links, &l->addr[k]))
                l->addr[kept++] = l->addr[k];
        l->n = kept;
    }
}

/* Whoever keeps the host in order needs the state's lock, and the DNS may take its time: it is not held meanwhile. */
static int ask_unlocked(struct session *s, struct names *names)
{
    const char *why = "cannot take the lock again";
    bool is_held = s->wait_s >= 0;
    if (is_held)
        session_unlock(s);
    int r = lookup_ask(s->asker, names->v, names->n);
    if (r < 0 && !s->is_repair)
        fprintf(stderr, "ioscc %s: peers known by name cannot be looked up: %s\n", s->command->name, strerror(-r));
    drop_own_addresses(s, names);
    s->has_asked = true;
    r = is_held ? state_lock_again(&s->state, s->wait_s, &why) : 0;
    if (r == 0 && is_held && !s->is_repair)
        kept_errors_begin(&s->errors_kept);
    uint64_t owner = s->owner;
    if (r == 0 && is_held)
        r = read_owner(&s->state, &owner);
    if (r == 0 && owner == s->owner)
        return EXIT_CLEAN;
    if (r == 0) {
        r = -ESTALE;
        why = "another ioscc has taken over what is applied meanwhile, try again";
    }
    fprintf(stderr, "ioscc %s: %s: %s: nothing is touched\n", s->command->name, s->state.dir, why);
    return EXIT_SYSTEM;
}

/* As on the router when the line is entered. */
static int find_peers(struct session *s)
{
    struct names names = {0};
    if (s->asker < 0) {
        each_named_peer(s, take_kept, NULL);
        return EXIT_CLEAN;
    }
    each_named_peer(s, count_name, &names);
    names.v = names.room ? arena_array(&s->arena, names.room, sizeof *names.v) : NULL;
    names.families = names.room ? arena_array(&s->arena, names.room, 1) : NULL;
    if (!names.v)
        return EXIT_CLEAN;
    each_named_peer(s, collect_name, &names);
    int code = ask_unlocked(s, &names);
    each_named_peer(s, take_answer, &names);
    keep_answers(s, &names);
    return code;
}

static int stored_has_changed(const struct session *s, const char *path)
{
    fprintf(stderr,
            "ioscc %s: %s has been changed, it is not what was applied: nothing is touched ('ioscc apply FILE', or "
            "'ioscc reload FILE' where a daemon runs, stores it again)\n",
            s->command->name, path);
    return EXIT_SYSTEM;
}

/* Is it a file that nobody has put something else in the place of, a pipe say? */
static bool is_plain(struct session *s, const char *file)
{
    FILE *f = state_read_file(&s->state, file);
    if (f)
        fclose(f);
    return f || errno == ENOENT; /* what is not there is said by who reads it */
}

int session_load(struct session *s, const char *path, const struct state_config *how)
{
    bool is_stored = how->file && strcmp(path, state_path(&s->state, how->file)) == 0;
    if (is_stored && !is_plain(s, how->file))
        return stored_has_changed(s, path);
    int code = cli_load(s->command, path, &s->compiled);
    if (code != EXIT_CLEAN)
        return code;
    s->loaded = true;
    const struct str text = {s->compiled.source.text, s->compiled.source.len};
    if (is_stored && !state_is_as_stored(how->file, text))
        return stored_has_changed(s, path);
    if (!is_stored && !how->device && cli_router_is_said(s->command, &s->compiled, path) != EXIT_CLEAN)
        return EXIT_USAGE;
    s->router = cli_router(&s->compiled, how->device);
    if (!s->router)
        return cli_usage_error(s->command, "%s holds no router named '%s'", path, how->device);
    return find_peers(s);
}

static void begin_reading(struct session *s, const struct state_config *how)
{
    apply_begin(&s->apply, how);
    s->apply.is_repair = s->is_repair || s->is_status;
    s->apply.looks_at_routes = !s->is_repair || s->wants_routes;
    s->apply.ifs.settled = s->settled_links;
    s->prepared = true;
}

/* Keys are in the file, and what the daemon negotiates by: the kernel tells nothing of them. */
static bool is_another_file(const struct session *s)
{
    const char *stored = s->state.current.file;
    const struct str text = {s->compiled.source.text, s->compiled.source.len};
    return s->loaded && stored && !apply_needed(&s->apply) && !state_is_as_stored(stored, text);
}

int session_plan(struct session *s, const char *path, const struct state_config *how)
{
    begin_reading(s, how);
    if (s->says_notes)
        state_take_id(&s->state);
    int code = path ? session_load(s, path, how) : EXIT_CLEAN;
    if (code != EXIT_CLEAN)
        return code;
    if (s->has_asked) {
        apply_end(&s->apply);
        begin_reading(s, how);
    }
    struct arena *ar = s->loaded ? &s->compiled.arena : &s->arena;
    int r = apply_prepare(&s->apply, ar, s->router, how, &s->state, s->loaded ? &s->compiled.diags : &s->nothing);
    if (s->loaded)
        count(s);
    if (r == 0 && s->apply.lacks[0] && !s->apply.is_repair)
        fprintf(stderr, "ioscc %s: %s: what leaves by it is closed until it comes\n", s->command->name, s->apply.lacks);
    s->apply.is_another_file = r == 0 && is_another_file(s);
    if (r == 0)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: %s\n", s->command->name, s->apply.error);
    if (r == -EEXIST) /* a table of our name: refused, whatever the file says */
        return EXIT_FINDINGS;
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

/* `so`: what is true of the host if it fails. */
static int save(struct session *s, const char *so)
{
    int r = state_save(&s->state);
    if (r < 0)
        fprintf(stderr, "ioscc %s: cannot write the state in %s: %s: %s\n", s->command->name, s->state.dir,
                strerror(-r), so);
    return r < 0 ? EXIT_SYSTEM : EXIT_CLEAN;
}

/* The same configuration in the same way: what was there before it is still what one goes back to. */
static bool is_the_same(const struct state_config *a, const struct state_config *b)
{
    return a->file && b->file && strcmp(a->file, b->file) == 0 && a->only_xfrm == b->only_xfrm &&
           a->only_nftables == b->only_nftables && strcmp(a->interface_map, b->interface_map) == 0 &&
           strcmp(a->host_has ? a->host_has : "", b->host_has ? b->host_has : "") == 0;
}

/* The state as it will be, marked as unfinished: from here on a crash leaves everything of ours named. */
static int write_ahead(struct session *s, struct state_config *how, enum session_previous previous, time_t confirm_by)
{
    struct state *st = &s->state;
    if (s->loaded) {
        const struct source *src = &s->compiled.source;
        int r = state_store(st, (struct str){src->text, src->len}, &how->file);
        if (r < 0) {
            fprintf(stderr, "ioscc %s: cannot store the configuration in %s: %s: nothing is touched\n",
                    s->command->name, st->dir, strerror(-r));
            return EXIT_SYSTEM;
        }
    }
    bool again = is_the_same(how, &st->current) && !confirm_by;
    if (previous == PREVIOUS_IS_CURRENT && !st->applying && !again) {
        st->previous = st->current;
        st->has_previous = true;
    }
    st->current = *how;
    st->applying = true;
    if (confirm_by) /* whatever becomes of this process, it is gone back from */
        confirm_note(st, confirm_by);
    if (s->apply.xfrm_diff.threshold && !st->thresholds[0][0])
        memcpy(st->thresholds, s->apply.xfrm_held.hash_threshold, sizeof st->thresholds);
    own_sas(s, true);
    return save(s, "nothing is touched");
}

static void note_sets_refused(struct session *s)
{
    s->state.sets_refused.n = 0;
    PTRLIST_FOR (struct sa_refused, r, &s->apply.sas_refused) {
        const struct str name = r->set->name.s;
        ptrlist_add(&s->arena, &s->state.sets_refused, (char *)(uintptr_t)arena_strndup(&s->arena, name.p, name.len));
    }
}

static int finish(struct session *s, const struct state_config *how, enum session_previous previous, time_t confirm_by)
{
    struct state *st = &s->state;
    st->applying = false;
    st->applied = time(NULL);
    confirm_note(st, confirm_by);
    st->went_back = 0;
    st->went_back_from = NULL;
    if (previous == PREVIOUS_FORGOTTEN)
        st->has_previous = false;
    if (s->apply.reader.want_xfrm) {
        own_sas(s, false);
        note_sets_refused(s);
    }
    int code = save(s, "the kernel has what was applied; when there is room, the same again ends it");
    if (!how->file) {
        state_own(st, true);
        st->names.n = 0; /* what the DNS has said is of what was applied */
    }
    state_sweep(st);
    return code;
}

int session_end_change(struct session *s)
{
    const struct state_config how = s->state.current;
    int code = finish(s, &how, PREVIOUS_STAYS, s->state.confirm_by);
    if (code == EXIT_CLEAN)
        state_own(&s->state, false);
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

/* Which host interface each one is, as it was found now: whoever looks again means the same, whatever addresses have
 * come and gone. NULL: out of memory. */
static const char *pairs_found(struct session *s)
{
    struct buf b = {0};
    for (uint32_t i = 0; s->router && i < s->router->interfaces.n; i++) {
        const struct interface *f = s->router->interfaces.v[i];
        const char *host = if_map_find(&s->apply.ifs, f);
        const char *shares = if_map_sharer(&s->apply.ifs, f) ? "+" : "";
        if (host)
            buf_printf(&b, "%s" STR_FMT "=%s\n", shares, STR_ARG(f->name.s), host);
    }
    buf_putc(&b, '\0');
    const char *text = b.failed ? NULL : arena_strndup(&s->arena, b.p, b.len - 1);
    buf_free(&b);
    return text;
}

/* With its whole path, for whoever asks in another directory; what is not there any more keeps the name it had. */
static const char *whole_name(struct session *s, const char *name)
{
    char *whole = name && *name != '/' ? realpath(name, NULL) : NULL;
    const char *out = whole ? arena_strndup(&s->arena, whole, strlen(whole)) : name;
    free(whole);
    return out;
}

/* For who reads the journal: a change that takes protection away leaves no other trace. */
static void note_change(const struct session *s, const struct state_config *how)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    char text[400];
    if (s->journal == JOURNAL_NOT || !apply_needed(&s->apply))
        return;
    snprintf(text, sizeof text, "%s: %.200s: %u policies added, %u changed, %u removed, %u stay; packet filter %s",
             s->command->name, how->name ? how->name : "nothing is applied", d->added, d->changed, d->removed, d->same,
             s->apply.nft_diff.any ? "changed" : "unchanged");
    if (s->journal == JOURNAL_OF_DAEMON)
        daemon_log(IKE_NOTICE, "%s", text);
    else
        syslog(LOG_DAEMON | LOG_NOTICE, "%s", text);
}

int session_run(struct session *s, struct state_config how, enum session_previous previous, time_t confirm_by)
{
    const struct state before = s->state;
    const char *pairs = pairs_found(s);
    how.interface_map = pairs ? pairs : how.interface_map;
    sigset_t quiet, old;
    sigemptyset(&quiet);
    sigaddset(&quiet, SIGINT);
    sigaddset(&quiet, SIGTERM);
    sigaddset(&quiet, SIGHUP);
    sigaddset(&quiet, SIGPIPE);
    how.hostname = router_name(s);
    how.name = whole_name(s, how.name);
    int code = write_ahead(s, &how, previous, confirm_by);
    if (code != EXIT_CLEAN)
        return code;
    sigprocmask(SIG_BLOCK, &quiet, &old); /* half-way is no place to stop */
    bool ends_settings = s->state.settings.n && !how.has_settings && !how.sets_up_host;
    if (ends_settings)
        host_setup_undo(s); /* while all of it is closed still */
    int r = apply_run(&s->apply);
    if (ends_settings && r < 0 && !s->apply.is_half_done)
        host_setup_redo(s);
    else if (ends_settings)
        s->state.settings.n = 0;
    if (r == 0 || s->apply.is_half_done) /* what stands is of this state now, and of no other before that */
        state_own(&s->state, false);
    if (r == 0) {
        code = finish(s, &how, previous, confirm_by);
        note_change(s, &how);
        if (s->apply.warning[0])
            fprintf(stderr, "ioscc %s: %s\n", s->command->name, s->apply.warning);
    } else {
        const char *end = s->apply.is_half_done ? "It is half done: 'ioscc status' says what is not as it should be."
                                                : "Nothing was changed.";
        fprintf(stderr, "ioscc %s: %s\n%s\n", s->command->name, s->apply.error, end);
        if (!s->apply.is_half_done) { /* else it stays marked as unfinished */
            s->state = before;
            (void)save(s, "it says still that an apply has not ended");
            state_sweep(&s->state);
        }
        code = EXIT_SYSTEM;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return code;
}

const char *session_not_in_force(const struct session *s)
{
    const struct diag_list *l = &s->compiled.diags;
    if (!s->loaded || l->per_id[D_LX_ROUTED] + l->per_id[D_LX_ADDRESS] == 0)
        return NULL;
    PTRLIST_FOR (struct diag, d, &l->items) {
        if (d->id == D_LX_ROUTED || d->id == D_LX_ADDRESS)
            return d->message;
    }
    return "more findings than are kept"; /* DIAG_CAP */
}

/* Crypto map entries on this host that need IKE. */
static unsigned negotiated(const struct session *s)
{
    const struct crypto_map_entry *last = NULL;
    unsigned n = 0;
    PTRLIST_FOR (struct target_map, m, &s->apply.target.maps) {
        PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) { /* its lines are nobody's until somebody calls */
            const struct crypto_map *dynamic = e->dynamic.target;
            n += dynamic ? dynamic->entries.n : 0;
        }
        PTRLIST_FOR (struct target_line, l, &m->lines) {
            bool is_next = l->entry != last && l->entry->type.v != ENTRY_MANUAL;
            n += is_next;
            last = l->entry;
        }
    }
    return n;
}

void session_say_needs_daemon(const struct session *s, struct buf *said)
{
    struct state_daemon d;
    state_daemon_ask(s->state.dir, &d);
    unsigned n = !d.is_running && !d.was_there ? negotiated(s) : 0;
    if (n)
        buf_printf(said, "No IKE daemon runs: %u crypto map %s it, what they protect waits ('ioscc run').\n", n,
                   n == 1 ? "entry needs" : "entries need");
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
    lookup_close(s->asker);
    session_unlock(s);
    if (s->prepared)
        apply_end(&s->apply);
    if (s->loaded)
        sem_free(&s->compiled);
    state_close(&s->state);
    arena_free(&s->arena);
}
