/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a running daemon was started with beside its configuration: kept in the state directory (run.json), so that a
 * reload which does not name it means the same files. Internal. */
#ifndef IOSCC_CLI_RUN_INPUTS_H
#define IOSCC_CLI_RUN_INPUTS_H

#include "backends/ike/policy.h"
#include "compiler/cli/session.h"

#define PKI_DIR_DEFAULT "/etc/ioscc/pki"

struct run_inputs {
    const char *pki_dir;         /* --pki-dir */
    const char *master_key_file; /* --master-key-file, NULL: none */
    const char *interface_map;   /* all --interface-map, one pair a line; "" none */
    const char *host_has;        /* --host-has, NULL: nothing */
    const char *device;          /* --device, NULL: the first router */
    bool allow_partial;          /* not kept */
};

/* Can they be kept? EXIT_CLEAN, or EXIT_USAGE when it has said which cannot. */
int run_inputs_check(const struct command *c, const struct run_inputs *in) MUST_CHECK;
/* Makes paths absolute, in the arena; not resolved: who turns a symbolic link means what it then leads to. False: out
 * of memory, or the working directory is gone. */
bool run_inputs_absolute(struct arena *a, struct run_inputs *in) MUST_CHECK;
/* Keeps them. A negative errno if that fails. */
int run_inputs_save(struct state *s, const struct run_inputs *in) MUST_CHECK;
/* The configuration goes back to the one before: so do they, as far as they are known. */
int run_inputs_back(struct state *s) MUST_CHECK;
/* Fills in what is NULL in `in` from what was kept, and says so on stderr as options of `command`
 * (NULL: nobody reads that). Strings are in the state's arena.
 * Nothing is kept: nothing happens. False: what is kept cannot be read. */
bool run_inputs_default(struct state *s, const char *command, struct run_inputs *in) MUST_CHECK;

/* The master key into `out` (wiped when freed), if a file is named. For processes that read files, and no others. */
int run_master(const struct command *c, const struct run_inputs *in, struct buf *out) MUST_CHECK;
/* The policy of what is planned, with what this host has: keys that the master key opens, trustpoints' files. What it
 * lacks is said; then, unless partly is allowed, or without memory, NULL with *code. ike_pki_free() in the end. */
const struct ike_policy *run_policy(struct session *s, const struct run_inputs *in, const struct buf *master,
                                    const char *file, int *code) MUST_CHECK;

#endif
