/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diffie-Hellman as work that may be done elsewhere. */
#include <stdlib.h>

#include "backends/ike/engine/engine.h"

void ike_job_run(struct ike_job *j)
{
    j->ok = !atomic_load(&j->unwanted);
    if (j->ok && !j->dh) {
        j->dh = ike_dh_new(j->group);
        j->ok = j->dh && ike_dh_public(j->dh, j->public_value);
    }
    if (j->ok && j->peer_len)
        j->ok = ike_dh_shared(j->dh, j->peer, j->peer_len, j->shared);
}

static void job_free(struct ike_job *j)
{
    ike_dh_free(j->dh);
    ike_wipe(j->shared, sizeof j->shared);
    free(j);
}

void ike_job_done(struct ike *ike, uint64_t now, struct ike_job *j)
{
    if (now > ike->now)
        ike->now = now;
    ike->n_jobs--;
    struct ike_sa *sa = ike_still(ike, j->sa_spi, j->sa_id);
    if (sa && sa->job == j) {
        const struct ike_version *version = ike->version[sa->version];
        sa->row = j->row;
        sa->job = NULL;
        sa->busy = false;
        j->done(ike, sa, j);
        ike_transition_went_on(ike, j->sa_spi, j->sa_id, j->row);
        if (version->computed)
            version->computed(ike, j->sa_spi);
    }
    job_free(j);
}

void ike_job_drop(struct ike_sa *sa)
{
    if (!sa->job)
        return;
    atomic_store(&sa->job->unwanted, true);
    sa->job = NULL;
    sa->busy = false;
}

void ike_job_start(struct ike *ike, struct ike_sa *sa, enum algo_id group, struct ike_dh *dh, const uint8_t *peer,
                   size_t peer_len, ike_job_fn *done)
{
    struct ike_job *j = calloc(1, sizeof *j);
    if (!j || peer_len > sizeof j->peer) { /* no group has values that long: the caller hears that it is refused */
        struct ike_job none = {.group = group};
        ike_dh_free(dh);
        free(j);
        done(ike, sa, &none);
        return;
    }
    j->sa_id = sa->id;
    j->sa_spi = sa->own_spi;
    j->group = group;
    j->row = sa->row;
    j->dh = dh;
    j->peer_len = peer_len;
    j->done = done;
    if (peer_len)
        memcpy(j->peer, peer, peer_len);
    ike->stats.dh++;
    if (ike->host.job) {
        sa->busy = true;
        sa->job = j;
        ike->n_jobs++;
        ike->host.job(ike->host.ctx, j);
        return;
    }
    ike_job_run(j);
    done(ike, sa, j);
    job_free(j);
}
