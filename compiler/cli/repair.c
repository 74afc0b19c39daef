/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/repair.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/apply/unprotected.h"
#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/watch.h"
#include "backends/ike/from_ir.h"
#include "backends/ike/handover.h"
#include "compiler/cli/hand_over.h"
#include "compiler/cli/harmless.h"
#include "compiler/cli/moved_names.h"
#include "compiler/cli/places.h"
#include "compiler/cli/run_inputs.h"

/* "3 policies set, 1 removed; nftables" */
static void describe(const struct apply *a, char *out, size_t room)
{
    const struct xfrm_diff *d = &a->xfrm_diff;
    uint32_t set = d->added + d->changed;
    size_t len = 0;
    out[0] = '\0';
    if (d->ops.n)
        len = (size_t)snprintf(out, room, "%u policies set, %u removed", set, d->removed);
    if (a->nft_diff.any && len < room)
        snprintf(out + len, room - len, "%snftables", len ? "; " : "");
}

/* FNV-1a */
static uint64_t sentence_hash(const char *text)
{
    uint64_t h = 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 1099511628211u;
    return h;
}

/* The same sentence once a minute at most, while looks follow one another. */
static void say_once(struct watch_said *told, enum ike_level level, const char *text)
{
    uint64_t hash = sentence_hash(text), now = watch_now_ms();
    if (told->hash == hash && now < told->at_ms + 60000)
        return;
    told->hash = hash;
    told->at_ms = now;
    daemon_log(level, "%s", text);
}

static void say(const struct watch_look *l, enum ike_level level, const char *text)
{
    say_once(&l->shared->said, level, text);
}

#define COUNT_FILE "watch.json"

/* For `ioscc metrics`. A full disk keeps nothing from being put right. */
static void keep_count(struct session *s, const struct watch_shared *w)
{
    json_t *o = json_pack("{s:I,s:I}", "repaired", (json_int_t)w->repaired, "failed", (json_int_t)w->failed);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    if (text)
        (void)!state_put(&s->state, COUNT_FILE, (struct str){text, (uint32_t)strlen(text)});
    free(text);
    json_decref(o);
}

struct repair_count repair_counted(struct state *s)
{
    json_t *o = state_read_json(s, COUNT_FILE);
    const struct repair_count n = {(unsigned long long)json_integer_value(json_object_get(o, "repaired")),
                                   (unsigned long long)json_integer_value(json_object_get(o, "failed"))};
    json_decref(o);
    return n;
}

/* What is applied stays what it is: the state need not be written, which a full disk could prevent. */
static int put_right(struct session *s, const struct watch_look *l)
{
    char what[128], text[768];
    describe(&s->apply, what, sizeof what);
    int r = apply_repair(&s->apply);
    unsigned long long ms = watch_now_ms() - l->since_ms;
    const char *cause = *l->after ? l->after : "something";
    bool is_news = !s->apply.xfrm_diff.ops.n && nft_diff_follows_links(&s->apply.nft_diff);
    bool is_of_names = s->has_moved_names && !*l->after; /* else the kernel has told of something as well */
    if (r < 0)
        l->shared->failed++;
    else if (!is_news && !is_of_names)
        l->shared->repaired++;
    keep_count(s, l->shared);
    if (r == 0 && is_of_names) {
        daemon_log(IKE_NOTICE, "peers known by name have other addresses: %s", what);
        return WATCH_REPAIRED;
    }
    if (r == 0 && is_news)
        daemon_log(IKE_INFO, "links or addresses have come or gone: they are taken in");
    if (r == 0 && is_news)
        return WATCH_IN_ORDER;
    if (r == 0) {
        daemon_log(IKE_NOTICE, "repaired in %llu ms, as %s had changed: %s", ms, cause, what);
        return WATCH_REPAIRED;
    }
    snprintf(text, sizeof text, "%s had changed, and is not put right whole: %s", cause, s->apply.error);
    say(l, IKE_ERROR, text);
    return WATCH_CANNOT;
}

/* ---- the tunnels ---- */

/* Those of dynamic entries' peers, and those that name the peer that has the SA. */
static bool has_peers_policies(const struct session *s)
{
    PTRLIST_FOR (struct target_map, m, &s->apply.target.maps) {
        if (m->has_dynamic)
            return true;
        PTRLIST_FOR (struct target_line, line, &m->lines) {
            if (line->entry->peers.n > 1)
                return true;
        }
    }
    return false;
}

/* The policy as the daemon had it, with this host's addresses of now. The state stays locked meanwhile, so that no
 * other configuration can overtake this one. */
static int hand_over_again(struct session *s, struct hand_over_told *told)
{
    struct run_inputs in = {.allow_partial = s->state.current.allow_partial};
    struct buf master = {0}, bytes = {0};
    int code = run_inputs_default(&s->state, NULL, &in) ? EXIT_CLEAN : EXIT_SYSTEM;
    if (code == EXIT_CLEAN)
        code = run_master(s->command, &in, &master);
    const struct ike_policy *p = code == EXIT_CLEAN ? run_policy(s, &in, &master, s->state.current.name, &code) : NULL;
    if (p && !ike_policy_write(&bytes, p))
        code = EXIT_SYSTEM;
    if (p && code == EXIT_CLEAN)
        code = hand_over(s->command, s->state.dir, &bytes, told);
    if (p)
        ike_pki_free(p);
    buf_free(&bytes); /* wipes it */
    buf_free(&master);
    return code;
}

static int tell_daemon(struct session *s, const char *why)
{
    struct hand_over_told told;
    if (hand_over_again(s, &told) != EXIT_CLEAN) {
        daemon_log(IKE_ERROR, "%s: the tunnels cannot follow", why);
        return WATCH_CANNOT;
    }
    int r = places_save(s);
    if (r < 0) {
        daemon_log(IKE_ERROR,
                   "%s: the tunnels follow, and that cannot be written into %s: %s: they are told again at each look",
                   why, s->state.dir, strerror(-r));
        return WATCH_CANNOT;
    }
    daemon_log(IKE_NOTICE, "%s: %lld IKE SAs with %lld child SAs stay, %lld and %lld are ended", why, told.sas_kept,
               told.children_kept, told.sas_ended, told.children_ended);
    return WATCH_REPAIRED;
}

/* A reload hands the policy over once the kernel has its part. One that was killed in between has left the daemon with
 * the peers of before. */
#define GIVES_MS 15000

static bool was_never_given(struct session *s, struct watch_shared *w)
{
    const uint64_t now = watch_now_ms();
    bool is_unlike = places_of_another(s);
    if (!is_unlike || !w->unlike_since_ms)
        w->unlike_since_ms = is_unlike ? now : 0;
    bool is_late = is_unlike && now >= w->unlike_since_ms + GIVES_MS;
    if (is_unlike && !is_late)
        w->again_at_ms = w->unlike_since_ms + GIVES_MS;
    return is_late;
}

static int give_late(struct session *s)
{
    int found = tell_daemon(s, "what stands had not come to the daemon, as a reload did not end");
    const char *name = s->state.current.name;
    if (found == WATCH_REPAIRED && name && state_daemon_rename(s->state.dir, name) < 0)
        return WATCH_CANNOT;
    return found;
}

/* Where they begin and end may have changed; and peers of dynamic entries have policies that the daemon makes. */
static int follow(struct session *s, int found, struct watch_shared *w)
{
    struct buf what = {0};
    bool moved = places_moved(s, &what);
    buf_putc(&what, '\0');
    if (was_never_given(s, w))
        found = give_late(s);
    else if (moved)
        found = tell_daemon(s, what.p);
    else if (found == WATCH_REPAIRED && s->apply.xfrm_diff.ops.n && has_peers_policies(s))
        found = tell_daemon(s, "policies that the peers decide are set again");
    buf_free(&what);
    return found;
}

/* What no repair of ours ends. NULL: nothing. */
static const char *what_is_in_the_way(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    if (d->conflicts.n)
        return d->conflicts.v[0];
    if (d->ahead.n)
        return "a policy of another program has a higher priority than ours";
    if (*s->apply.lacks)
        return s->apply.lacks;
    return s->fatal ? "an interface is missing" : NULL;
}

/* Who has read the complaint need not ask whether it still holds. */
static void say_over(struct watch_shared *told)
{
    if (told->said.hash)
        daemon_log(IKE_NOTICE, "what was complained of is over: all is as it was applied");
    told->said.hash = 0;
}

/* `found`: what the look has come to, `is_whole`: at all routes. What is in the way makes it another; a route is not
 * the watch's to put right. */
static int complain(const struct session *s, const struct watch_look *l, int found, bool is_whole)
{
    char text[768];
    const char *why = what_is_in_the_way(s);
    const char *open = session_not_in_force(s);
    if (why)
        snprintf(text, sizeof text, "what is applied cannot be put right whole: %s ('ioscc status' says more)", why);
    else if (open)
        snprintf(text, sizeof text, "what is applied is not all in force: %s ('ioscc status' says more)", open);
    if (why || open)
        say(l, IKE_WARNING, text);
    else if (found != WATCH_CANNOT && is_whole)
        say_over(l->shared);
    return why ? WATCH_CANNOT : found;
}

/* After what is put right, which is in a hurry. */
static int look_at_routes(struct session *s, const struct watch_look *l, int found)
{
    bool is_whole;
    if (unprotected_find(&s->apply.target, UNPROTECTED_SOON, &is_whole) == 0)
        return complain(s, l, found, is_whole);
    say(l, IKE_WARNING,
        "cannot read where this host's routes lead: whether what is protected leaves by another link is not "
        "known");
    return found;
}

/* A bridge is made, and gets its ports a moment later: a link is taken in when it has been there for a while. */
#define SETTLES_MS 3000

static void settle(struct watch_shared *w)
{
    if (w->newest && watch_now_ms() >= w->newest_at_ms + SETTLES_MS)
        w->settled = w->newest;
}

static void see_links(struct watch_shared *w, const struct if_map *ifs)
{
    const struct if_map all = {.links = ifs->links};
    const uint32_t newest = if_map_newest(&all);
    if (newest != w->newest)
        w->newest_at_ms = watch_now_ms();
    w->newest = newest;
    if (newest > w->settled)
        w->again_at_ms = w->newest_at_ms + SETTLES_MS;
}

/* Whoever was at work has ended in the middle, as the lock is free: the kernel has what he wanted now, and the daemon
 * has been given it. */
static void end_change(struct session *s)
{
    if (session_end_change(s) != EXIT_CLEAN)
        return; /* it has said why */
    daemon_log(IKE_NOTICE, "a change that was interrupted is carried out: %s stands",
               s->state.current.name ? s->state.current.name : "what was asked for");
}

static int look(struct session *s, const struct watch_look *l)
{
    settle(l->shared);
    s->settled_links = l->shared->settled;
    if (!s->state.current.file) {
        say(l, IKE_ERROR,
            s->state.is_taken_over
                ? "another state directory has taken over what is applied: nothing is watched by this daemon"
                : "the state directory has lost what is applied: nothing is watched until 'ioscc reload FILE' writes "
                  "it "
                  "again");
        return WATCH_CANNOT;
    }
    const char *path = state_path(&s->state, s->state.current.file);
    if (session_plan(s, path, &s->state.current) != EXIT_CLEAN)
        return WATCH_CANNOT;
    see_links(l->shared, &s->apply.ifs);
    l->shared->names_hold_s = s->names_hold_s;
    l->shared->has_sas = s->apply.xfrm.sas.n != 0;
    int found = apply_needed(&s->apply) ? put_right(s, l) : WATCH_IN_ORDER;
    if (found != WATCH_CANNOT)
        found = follow(s, found, l->shared);
    if (found != WATCH_CANNOT && s->state.applying && !places_of_another(s))
        end_change(s);
    return look_at_routes(s, l, found);
}

/* ---- names ---- */

/* The addresses of now, asked for while nobody holds the state's lock. False: that could not be done. */
static bool look_names_up(struct session *s, const struct repair *r)
{
    if (session_open(s, r->command, r->state_dir, -1, NAMES_ASKED) != EXIT_CLEAN)
        return false;
    const struct state_config *now = &s->state.current;
    s->is_repair = true;
    if (!now->file || session_load(s, state_path(&s->state, now->file), now) == EXIT_CLEAN)
        return true;
    session_close(s);
    return false;
}

/* Into the session that holds the lock. True: one has moved. */
static bool take_names(struct session *s, const struct watch_look *l, const struct session *asked)
{
    struct buf refused = {0};
    unsigned taken = moved_names_take(s, asked, &refused);
    buf_putc(&refused, '\0');
    if (refused.len > 1)
        say_once(&l->shared->said_of_names, IKE_WARNING, refused.p);
    buf_free(&refused);
    return taken != 0;
}

static int look_locked(const struct repair *r, const struct watch_look *l, const struct session *asked)
{
    struct session s;
    if (session_open(&s, r->command, r->state_dir, SESSION_QUIETLY, NAMES_KEPT) != EXIT_CLEAN)
        return s.is_busy ? WATCH_BUSY : WATCH_CANNOT;
    s.is_repair = true;
    bool moved = asked && take_names(&s, l, asked);
    s.has_moved_names = moved;
    int found = look(&s, l);
    if (moved && state_save(&s.state) < 0)
        found = WATCH_CANNOT;
    session_close(&s);
    return found;
}

int repair_host(void *arg, const struct watch_look *l)
{
    const struct repair *r = arg;
    harmless_never_wait(); /* another look waits for this one */
    if (l->reload) {       /* what was wrong with it has been said; what stands stays */
        bool done = r->reload(r->arg) == EXIT_CLEAN;
        daemon_log(done ? IKE_NOTICE : IKE_ERROR, "SIGHUP: %s", done ? "reloaded" : "not reloaded, all stays as it is");
        return WATCH_REPAIRED;
    }
    struct session asked;
    bool has_names = l->look_up && look_names_up(&asked, r);
    uint32_t hold_s = has_names ? asked.names_hold_s : 0;
    int found = look_locked(r, l, has_names ? &asked : NULL);
    if (has_names)
        session_close(&asked);
    if (l->look_up)
        l->shared->names_hold_s = hold_s;
    return found;
}
