/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What apply remembers under its state directory (/run/ioscc, mode 0700): which configuration is applied, with which
 * options, which SAs are ours, what to put back. One JSON file that is replaced as a whole; configurations lie beside
 * it under the names it gives. Written before the kernel is touched ("applying") and after ("applied"), so that
 * whatever happens between the two, the next command knows what belongs to us.
 */
#ifndef IOSCC_BACKENDS_APPLY_STATE_H
#define IOSCC_BACKENDS_APPLY_STATE_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "backends/xfrm/diff.h"
#include "compiler/base/must.h"

#define STATE_DIR_DEFAULT "/run/ioscc"

/* A configuration and how it is to be applied. */
struct state_config {
    const char *file;          /* inside the state directory; NULL: nothing is applied */
    const char *name;          /* as the user named it */
    const char *device;        /* which router of the file, NULL: the first */
    const char *interface_map; /* rows as text, "" if none */
    const char *host_has;      /* words of host_has_parse(), NULL: none */
    const char *hostname;      /* of the router, NULL: it has none, or not in ASCII */
    /* What a daemon goes by beside it, absolute paths; NULL: none, or no daemon has applied it. */
    const char *pki_dir, *master_key_file;
    bool only_xfrm, only_nftables, allow_partial;
    bool sets_up_host; /* the host's settings are to be set too; not stored */
    bool has_settings; /* they have been, for it or before it */
    bool clears_rest;  /* with only_…: the other half is taken away; not stored */
};

/* A setting of the host (/proc/sys/net/…) that was set, and what it was before. */
struct state_setting {
    const char *path;
    int was, set;
    int is; /* while it is put back; not stored */
};

struct state_name {
    const char *name;
    struct ip_addr addr;
};

struct state {
    struct arena *arena;
    uint64_t netns; /* the network namespace that it is about: inode of /proc/self/ns/net */
    uint64_t id;    /* of this state among all: our nftables table says by which one it was applied. 0: none yet */
    const char *dir;
    int lock_fd;
    int owner_fd;       /* the lock of the network namespace (owner.h), held together with the other; -1: not */
    bool is_taken_over; /* by another state directory: state_forget() */
    uint64_t written;   /* which save of the state file was read, or made: each has another number. 0: there was none */
    bool applying;      /* the last apply did not come to its end */
    struct state_config current, previous;
    bool has_previous;           /* previous may be put back (its file NULL: nothing was applied before) */
    struct ptrlist sas;          /* struct xfrm_sa_id */
    struct ptrlist names;        /* struct state_name: peers known by name, as they were looked up */
    struct ptrlist sets_refused; /* char *: transform sets of which the kernel took no SA when this was applied */
    struct ptrlist settings;     /* struct state_setting: put back when what is applied is removed */
    struct ptrlist bases;        /* struct xfrm_sa: counters of SAs when they were cleared */
    uint8_t thresholds[2][2];    /* the kernel's before we lowered them; 0: not ours */
    time_t applied, confirm_by;  /* 0: none */
    time_t confirm_boot;         /* the same moment by CLOCK_BOOTTIME, which nobody sets; 0: not known */
    uint64_t boot;               /* which start of the host that clock counts from (confirm.c); 0: not known */
    /* It went back by itself, as that configuration was not confirmed; until the next change. 0 and NULL: it did not.
     */
    time_t went_back;
    const char *went_back_from;
};

/* Makes the directory, closed to others. 0, or a negative errno with the reason. */
int state_make_dir(const char *dir, const char **why) MUST_CHECK;

/* ---- one daemon a state directory ---- */

/* Who runs: `ioscc run` holds DIR/daemon.lock as long as it lives. */
struct state_daemon {
    bool is_running;
    bool was_there; /* one has run since the host's start (the state directory is of that time) */
    bool applies;   /* it has applied its configuration too, and does so at a reload */
    bool had_run;   /* one had run before the one that runs now */
    long pid;
    char config[256]; /* as it was named */
};
/* Takes it for this process and what it forks; never given back by hand. A descriptor, or a negative errno with *why
 * (-EWOULDBLOCK: another one runs). */
int state_daemon_begin(const char *dir, const char *config, bool applies, const char **why) MUST_CHECK;
/* It has not come to run: nobody is told that one has, unless one had before. By who has begun it. */
void state_daemon_not_begun(int lock);
/* That one has run is not of interest any more. Call it under the state's lock. */
void state_daemon_forget(const char *dir);
void state_daemon_ask(const char *dir, struct state_daemon *out);
/* It has another configuration now. 0, or a negative errno (-ESRCH: none runs). Call it under the state's lock. */
int state_daemon_rename(const char *dir, const char *config) MUST_CHECK;

/* Before a configuration is planned that is to be carried out: the state has an id from now on, which state_save()
 * stores. */
void state_take_id(struct state *s);
/* What stands in this network namespace is of this state from now on, or (`is_gone`) nobody's. Under the lock. */
void state_own(struct state *s, bool is_gone);
/* Another state directory has taken over what this one had applied: then nothing of it is applied, to be confirmed or
 * to be gone back to. SAs with manual keys and the kernel's thresholds are known to nobody else: they stay. */
void state_forget(struct state *s);

/* Takes the lock, waiting up to `wait_s` seconds (-EWOULDBLOCK then), and reads the state; an empty one if there is
 * none. Makes the directory. `wait_s` < 0: reads without the lock and makes nothing. */
int state_open(struct state *s, struct arena *ar, const char *dir, int wait_s, const char **why) MUST_CHECK;
/* Replaces the state file. */
int state_save(struct state *s) MUST_CHECK;
/* Is that still what was stored under that name? Somebody may have changed it, or a disk. */
bool state_is_as_stored(const char *file, struct str text) MUST_CHECK;
/* Stores a copy of a configuration, 0600, and sets *name to its file's name. */
int state_store(struct state *s, struct str text, const char **name) MUST_CHECK;
/* Keeps that many bytes of the directory's disk for the way back, whoever fills it meanwhile; what is kept already is
 * given up before. 0, or a negative errno. */
int state_reserve(struct state *s, size_t bytes) MUST_CHECK;
/* What was kept is there to be used. */
void state_reserve_end(struct state *s);
/* Replaces another file beside the state, 0600. */
int state_put(struct state *s, const char *file, struct str text) MUST_CHECK;
/* Path of a stored configuration, in the arena. */
const char *state_path(struct state *s, const char *file);
/* Opens a file beside the state for reading: a plain one only, as whoever looks must not wait at a pipe, and one that
 * nobody else could have written. NULL and errno (ELOOP: a link, EINVAL: no such file); the caller closes it. */
FILE *state_read_file(struct state *s, const char *file) MUST_CHECK;
/* ... whole, as JSON; NULL: it cannot be read, or is none. */
json_t *state_read_json(struct state *s, const char *file) MUST_CHECK;
/* Removes stored configurations that the state does not name. */
void state_sweep(struct state *s);
/* Lets others in; what was read stays. */
void state_unlock(struct state *s);
/* Takes the lock again, within `wait_s` seconds: whoever writes holds it. 0 or a negative errno with *why. */
int state_lock(struct state *s, int wait_s, const char **why) MUST_CHECK;
/* Does somebody hold it, as who changes what is applied? Of who may not look: false. */
bool state_is_locked(struct state *s) MUST_CHECK;
/* Is what was read what stands in the file now? */
bool state_is_current(struct state *s) MUST_CHECK;
/* The same by who has let others in, and goes by what it had read before: -ESTALE where one of them has written. */
int state_lock_again(struct state *s, int wait_s, const char **why) MUST_CHECK;
void state_close(struct state *s);

#endif
