/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What flows through the SAs: it tells who lives and who is idle. */
#include "backends/ike/engine/engine.h"

static bool totals(struct ike *ike, const struct ike_sa *sa, uint64_t *in, uint64_t *out)
{
    *in = *out = 0;
    if (!ike->host.traffic)
        return false;
    for (const struct ike_child *c = sa->children; c; c = c->next) {
        uint64_t i, o;
        if (!c->installed)
            continue;
        if (!ike->host.traffic(ike->host.ctx, c, &i, &o))
            return false;
        *in += i;
        *out += o;
    }
    return true;
}

bool ike_must_ask(struct ike *ike, struct ike_sa *sa, uint64_t quiet_ms, uint64_t period_ms, bool periodic)
{
    uint64_t in, out;
    if (quiet_ms < period_ms)
        return false;
    if (!totals(ike, sa, &in, &out))
        return true;
    /* children come and go: another sum is traffic, or an exchange that `quiet_ms` knows of */
    bool came = in != sa->packets_in, went = out != sa->packets_out;
    sa->packets_in = in;
    sa->packets_out = out;
    return periodic ? !came : went && !came;
}

bool ike_peer_sends(struct ike *ike, const struct ike_child *c)
{
    uint64_t in, out;
    return ike->host.traffic && ike->host.traffic(ike->host.ctx, c, &in, &out) && in > 0;
}

/* A look at each eighth of the time: an idle child goes at most that much too late. */
static uint64_t step(const struct ike_child *c)
{
    uint64_t ms = 1000u * (uint64_t)c->entry->idle_s / 8;
    return ms < 1000 ? 1000 : ms;
}

void ike_idle_start(struct ike *ike, struct ike_child *c)
{
    if (!c->entry->idle_s || !ike->host.traffic)
        return;
    c->used_at = ike->now;
    c->idle_at = ike->now + step(c);
}

const char *ike_child_end(const struct ike_child *c, bool is_idle)
{
    if (c->is_lost)
        return "is gone from the kernel, where somebody has deleted it: traffic makes another";
    return is_idle ? "has carried nothing for its idle time" : "has reached its lifetime";
}

bool ike_idle(struct ike *ike, struct ike_child *c)
{
    uint64_t in, out;
    if (!c->idle_at || c->idle_at > ike->now)
        return false;
    c->idle_at = ike->now + step(c); /* always: a deadline that does not pass stops the SA */
    if (!ike_child_stands(c))
        return false;
    if (!ike->host.traffic(ike->host.ctx, c, &in, &out)) /* not known now */
        return false;
    if (in + out != c->packets) {
        c->packets = in + out;
        c->used_at = ike->now;
    }
    if (ike->now - c->used_at < 1000u * (uint64_t)c->entry->idle_s)
        return false;
    for (unsigned k = 0; c->entry->idle_default && k < c->entry->n_peers && k < 256; k++)
        if (c->entry->peers[k].is_default)
            ike->peer_of_entry[c->entry - ike->policy->entries] = (uint8_t)k;
    return true;
}

/* ---- what is sent, and nothing comes back ---- */

#define WATCH_MS 20000u
#define WATCH_MAX_MS 3600000u
#define WATCH_GROWS 4
#define UNHEARD_LOOKS 2 /* the first of them may have begun just before */

void ike_watch_start(struct ike *ike, struct ike_child *c)
{
    if (!ike->host.traffic)
        return;
    if (!c->watch_ms)
        c->watch_ms = WATCH_MS;
    c->watch_at = ike->now + ike_jitter(ike, c->watch_ms, 9);
}

void ike_watch_inherit(struct ike_child *c, const struct ike_child *old)
{
    if (old->watch_ms)
        c->watch_ms = old->watch_ms;
}

void ike_watch_rests(struct ike *ike, struct ike_child *c)
{
    c->is_unheard = false;
    c->watch_ms = WATCH_MAX_MS;
    c->watch_at = ike->now + c->watch_ms;
}

bool ike_sends_unheard(struct ike *ike, struct ike_child *c)
{
    uint64_t in, out;
    if (!c->watch_at || c->watch_at > ike->now)
        return false;
    c->watch_at = ike->now + c->watch_ms; /* always: a deadline that does not pass stops the SA */
    if (!ike_child_stands(c))
        return false;
    if (!ike->host.traffic(ike->host.ctx, c, &in, &out)) /* not known now */
        return false;
    bool has_heard = in != c->watched_in, has_sent = out != c->watched_out;
    c->watched_in = in;
    c->watched_out = out;
    if (has_heard) {
        c->watch_ms = WATCH_MS;
        c->is_unheard = c->is_doubtful = false;
    }
    if (has_heard || !has_sent) {
        c->unheard = 0;
        return false;
    }
    if (++c->unheard < UNHEARD_LOOKS)
        return false;
    c->unheard = 0;
    if (ike_is(c->sa, IKE_ORPHAN)) /* nobody has rekeyed it: it is no nearer to being one that only speaks */
        return true;
    c->watch_ms = c->watch_ms > WATCH_MAX_MS / WATCH_GROWS ? WATCH_MAX_MS : c->watch_ms * WATCH_GROWS;
    return true;
}
