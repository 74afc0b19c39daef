/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another configuration while tunnels stand. The command has applied it; here its IKE part takes over. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/handover.h"

static void forget(struct daemon_policy *h)
{
    ike_pki_free(h->policy);
    arena_free(&h->arena);
    free(h);
}

void daemon_policy_unused(void *ctx, const struct ike_policy *p)
{
    struct daemon *d = ctx;
    struct daemon_policy **at = &d->handed;
    while (*at && (*at)->policy != p)
        at = &(*at)->next;
    struct daemon_policy *h = *at;
    if (!h || p == d->policy)
        return;
    *at = h->next;
    forget(h);
}

void daemon_policies_free(struct daemon *d)
{
    for (struct daemon_policy *h = d->handed, *next; h; h = next) {
        next = h->next;
        forget(h);
    }
    d->handed = NULL;
}

static struct daemon_policy *taken_over(const uint8_t *p, size_t n)
{
    struct daemon_policy *h = calloc(1, sizeof *h);
    if (!h || !arena_init(&h->arena, SIZE_MAX)) {
        free(h);
        return NULL;
    }
    h->policy = ike_policy_read(&h->arena, p, n);
    if (h->policy)
        return h;
    arena_free(&h->arena);
    free(h);
    return NULL;
}

const struct ike_reload *daemon_reload(struct daemon *d, const uint8_t *p, size_t n, const char **why)
{
    static struct ike_reload r;
    struct ike_moves m;
    struct daemon_policy *h = taken_over(p, n);
    *why = "the configuration was not handed over whole: is the daemon of the same version as the command?";
    if (!h)
        return NULL;
    ike_policy_compare(&h->arena, d->policy, h->policy, &m);
    *why = "out of memory";
    if (arena_exhausted(&h->arena) || !ike_reload(d->ike, daemon_now(d), &m, &r)) {
        forget(h);
        return NULL;
    }
    kernel_static_routes(d, h->policy, true); /* first, so that a route that stays is never away */
    kernel_static_routes(d, d->policy, false);
    const struct ike_policy *before = d->policy;
    h->next = d->handed;
    d->handed = h;
    d->policy = h->policy;
    if (!ike_policy_in_use(d->ike, before))
        daemon_policy_unused(d, before);
    daemon_log(IKE_INFO, "reloaded: %u IKE SAs with %u child SAs stay, %u and %u are ended", r.sas_kept,
               r.children_kept, r.sas_ended, r.children_ended);
    daemon_arm(d);
    return &r;
}
