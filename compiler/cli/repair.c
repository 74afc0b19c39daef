/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/repair.h"

#include <stdio.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/watch.h"

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

static int put_right(struct session *s, const char *after, uint64_t since_ms)
{
    char what[128];
    describe(&s->apply, what, sizeof what);
    int code = session_run(s, s->state.current, PREVIOUS_STAYS, s->state.confirm_by);
    if (code != EXIT_CLEAN)
        return WATCH_CANNOT; /* it has said why */
    unsigned long long ms = watch_now_ms() - since_ms;
    const char *cause = *after ? after : "something";
    daemon_log(IKE_NOTICE, "repaired in %llu ms, as %s had changed: %s", ms, cause, what);
    return WATCH_REPAIRED;
}

static int look(struct session *s, const char *after, uint64_t since_ms)
{
    if (!s->state.current.file)
        return WATCH_IN_ORDER; /* nothing is applied */
    const char *path = state_path(&s->state, s->state.current.file);
    s->is_repair = true;
    if (session_plan(s, path, &s->state.current) != EXIT_CLEAN)
        return WATCH_CANNOT;
    if (s->fatal || s->apply.xfrm_diff.conflicts.n) {
        daemon_log(IKE_WARNING, "what is applied cannot be put right (%s changed): 'ioscc status' says why",
                   *after ? after : "something");
        return WATCH_CANNOT;
    }
    return apply_needed(&s->apply) ? put_right(s, after, since_ms) : WATCH_IN_ORDER;
}

int repair_host(void *arg, const char *after, uint64_t since_ms)
{
    const struct repair *r = arg;
    struct session s;
    if (session_open(&s, r->command, r->state_dir, 1) != EXIT_CLEAN)
        return WATCH_CANNOT;
    int found = look(&s, after, since_ms);
    session_close(&s);
    return found;
}
