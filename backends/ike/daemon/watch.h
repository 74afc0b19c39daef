/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that watches: what is applied stays applied. The kernel tells when links, addresses, policies or nftables
 * change; then somebody else is asked to look, and to put right what is no longer as it should be. It holds no secret
 * and no socket that anybody could send to; the one who looks is a child of its own for each look, as the loader is.
 */
#ifndef IOSCC_IKE_WATCH_H
#define IOSCC_IKE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/must.h"

/* What the look at the host came to: the exit code of the child. */
enum watch_found {
    WATCH_IN_ORDER = 0,
    WATCH_REPAIRED = 10,
    WATCH_CANNOT = 11, /* something is left: it is tried again, later and later */
    WATCH_BUSY = 12    /* a command is at work: soon */
};

/* In memory that the watch and the process that looks have both. */
struct watch_shared {
    bool has_sas;             /* out: SAs are applied too (manual keys); those of IKE are the daemon's */
    uint32_t names_hold_s;    /* out: when names want to be looked up again, in seconds; 0: there are none */
    uint32_t newest, settled; /* links: the highest number, and that of those which have been there for a while */
    uint64_t newest_at_ms;    /* when it was seen first, by watch_now_ms() */
    uint64_t again_at_ms;     /* out: another look is wanted then; 0: none */
    uint64_t unlike_since_ms; /* the daemon has another configuration than the one that stands; 0: it has not */
    struct watch_said {
        uint64_t hash, at_ms; /* of a sentence, and when it was said last; 0: nothing is complained of */
    } said, said_of_names;
    uint64_t repaired, failed; /* how often, since the daemon began */
};

/* One look. */
struct watch_look {
    const char *after; /* what has changed, in words ("policies, nftables", "": nothing that is known), for the log */
    uint64_t since_ms; /* when that was heard, by watch_now_ms() */
    bool look_up;      /* peers' names want to be looked up */
    bool reload;       /* the file is to be read again and handed over, as `ioscc reload` does it: SIGHUP */
    struct watch_shared *shared;
};
/* Compares the host with what is applied and repairs; it says what it has done. It runs in a process of its own. */
typedef int watch_repair_fn(void *arg, const struct watch_look *l);

/* What the main process may say by `channel`: a peer that is known by name is called, it may be elsewhere by now. */
#define WATCH_NAMES "names"
/* ... or SIGHUP has come. */
#define WATCH_RELOAD "reload"

/* The watch's clock: CLOCK_MONOTONIC in milliseconds. */
uint64_t watch_now_ms(void);

/* Until `channel` says that the others are gone. Does not return before that; an exit code. */
int watch_run(int channel, watch_repair_fn *repair, void *arg) MUST_CHECK;

#endif
