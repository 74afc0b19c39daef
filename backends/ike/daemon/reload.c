/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another configuration while tunnels stand. The command has applied it; here its IKE part takes over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/keys.h"
#include "backends/ike/daemon/pass.h"
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

static struct daemon_policy *taken_over(int file)
{
    struct buf b = {0};
    struct daemon_policy *h = calloc(1, sizeof *h);
    if (!h || !arena_init(&h->arena, SIZE_MAX)) {
        free(h);
        return NULL;
    }
    if (pass_read(file, POLICY_BYTES_MAX, &b))
        h->policy = ike_policy_read(&h->arena, (const uint8_t *)b.p, b.len);
    buf_free(&b);
    if (h->policy)
        return h;
    arena_free(&h->arena);
    free(h);
    return NULL;
}

bool daemon_first_policy(struct daemon *d, int file)
{
    d->handed = taken_over(file);
    d->policy = d->handed ? d->handed->policy : NULL;
    return d->policy != NULL;
}

static const struct ike_reload *take_place(struct daemon *d, int file, const char **why)
{
    static struct ike_reload r;
    struct ike_moves m;
    struct daemon_policy *h = taken_over(file);
    *why = "the configuration was not handed over whole";
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
    turn_all(d); /* policies may have been made anew, by a repair or another apply */
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

bool daemon_reload_answer(struct daemon *d, int file)
{
    char text[256];
    const char *why = "there is no policy in it";
    const struct ike_reload *r = file >= 0 && !d->ending ? take_place(d, file, &why) : NULL;
    if (r)
        snprintf(text, sizeof text,
                 "done {\"sas_kept\":%u,\"sas_ended\":%u,\"children_kept\":%u,\"children_ended\":%u}", r->sas_kept,
                 r->sas_ended, r->children_kept, r->children_ended);
    else
        snprintf(text, sizeof text, "failed {\"error\":\"%s\"}", d->ending ? "the daemon is ending" : why);
    return pass_send(d->ends.main, text, -1);
}
