/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/attack/slow.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    struct ike_job *j;
    unsigned node;
    uint64_t at;
} slow[1000];
static unsigned n_slow;
static struct sim *slow_sim;

void slow_job(void *ctx, struct ike_job *j)
{
    const struct sim_node *n = ctx;
    struct sim *s = slow_sim;
    slow[n_slow].j = j;
    slow[n_slow].node = (unsigned)(n - s->nodes);
    slow[n_slow++].at = s->now + (sim_random(s, 3) ? sim_random(s, 10) : sim_random(s, 400));
}

void pass(struct sim *s, uint64_t ms)
{
    for (uint64_t end = s->now + ms; s->now < end;) {
        sim_run(s, end - s->now < 5 ? end - s->now : 5);
        for (unsigned i = 0; i < n_slow;) {
            if (slow[i].at > s->now) {
                i++;
                continue;
            }
            struct ike_job *j = slow[i].j;
            unsigned node = slow[i].node;
            slow[i] = slow[--n_slow];
            ike_job_run(j);
            ike_job_done(s->nodes[node].ike, s->now, j);
        }
    }
}

void slow_begin(struct sim *s)
{
    slow_sim = s;
    n_slow = 0;
}

void slow_end(void)
{
    for (unsigned i = 0; i < n_slow; i++) {
        ike_job_run(slow[i].j);
        ike_job_done(slow_sim->nodes[slow[i].node].ike, slow_sim->now, slow[i].j);
    }
    n_slow = 0;
}

static unsigned number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

const char *by_seeds(const char *(*f)(unsigned seed), unsigned runs)
{
    const unsigned first = number("IOSCC_SEED", 0), n = number("IOSCC_RUNS", runs);
    for (unsigned seed = first; seed < first + n; seed++) {
        const char *bad = f(seed);
        if (bad)
            return bad;
    }
    return NULL;
}
