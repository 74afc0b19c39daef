/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts of many files, for `fleet`, `facts` and `check --fleet`. Internal to compiler/cli. */
#ifndef IOSCC_CLI_FLEET_LOAD_H
#define IOSCC_CLI_FLEET_LOAD_H

#include "compiler/base/must.h"
#include "compiler/cli/cli.h"
#include "compiler/cli/walk.h"
#include "compiler/fleet/fleet.h"

/* Compiles configurations, `jobs` at a time, and adds their devices in the order of the files. Exit code. */
int fleet_load_configs(const struct command *c, struct fleet *f, const struct walk *files, long jobs,
                       const struct fact_secrets *secrets) MUST_CHECK;
/* Reads facts, one JSON object a line. Exit code. */
int fleet_load_facts(const struct command *c, struct fleet *f, const struct walk *files) MUST_CHECK;
/* The first line of a file with the master key of the routers. Exit code. */
int cli_master_key(const struct command *c, const char *path, struct arena *a, struct str *out) MUST_CHECK;
/* A salt of at least 16 bytes from a file, or random bytes for this run if path is NULL. Exit code. */
int fleet_salt(const struct command *c, const char *path, struct arena *a, struct str *out) MUST_CHECK;

#endif
