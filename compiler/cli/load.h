/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One file from its name to its IR, for the commands that work on a single configuration. Internal. */
#ifndef IOSCC_CLI_LOAD_H
#define IOSCC_CLI_LOAD_H

#include "compiler/base/must.h"
#include "compiler/cli/cli.h"
#include "compiler/sem/sem.h"

/* Returns an exit code; on EXIT_CLEAN the caller owns *out (sem_free). Prints why not. */
int cli_load(const struct command *c, const char *path, struct compiled *out) MUST_CHECK;

/* Prints errors about lines that were not understood to standard error: what follows does not contain them. Returns how
 * many. Rules are not run. `says_notes`: also what will differ on the host. */
uint32_t cli_complain(struct compiled *c, bool says_notes);

/* The router of that name, the first if `device` is NULL; NULL if there is none. */
const struct ir_config *cli_router(const struct compiled *c, const char *device);
/* Where no router is named: do several units of the file apply crypto maps, so that nobody knows which one is meant?
 * EXIT_CLEAN, or EXIT_USAGE when it has said so. */
int cli_router_is_said(const struct command *c, const struct compiled *all, const char *path) MUST_CHECK;

/* Is it what --host-has takes? EXIT_USAGE after a message. */
int cli_host_has(const struct command *c, const char *words) MUST_CHECK;
/* Adds what -m says; EXIT_USAGE after a message where it is no map. */
int cli_map_add(const struct command *c, struct str text, struct buf *map) MUST_CHECK;
/* --interface-map-file: its text behind what `map` holds, rows as if_map_parse() takes them. An exit code. */
int cli_map_file(const struct command *c, const char *path, struct buf *map) MUST_CHECK;

#endif
