/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles: what somebody's advice says of each algorithm, for each use. A profile is a YAML file (docs/profiles.md);
 * the built-in ones are files of lint/profiles in the program, and a team's own file is read by the same reader.
 */
#ifndef IOSCC_LINT_PROFILE_H
#define IOSCC_LINT_PROFILE_H

#include "compiler/algo/algo.h"
#include "compiler/base/arena.h"

/* From harmless to worst; a finding's severity is note, warning, error. */
enum verdict_level { VERDICT_OK, VERDICT_NOTE, VERDICT_AVOID, VERDICT_FORBIDDEN };

enum profile_use { USE_IKE_ENCR, USE_IKE_HASH, USE_ESP_ENCR, USE_ESP_HASH, USE_DH, USE_PROTOCOL, USE_COUNT };
enum profile_protocol { PROTOCOL_IKEV1 };

struct profile_verdict {
    uint8_t level;         /* enum verdict_level */
    const char *authority; /* section of the document */
};

struct profile {
    const char *name, *title;
    struct profile_verdict v[USE_COUNT][ALGO_COUNT][3]; /* third index: position in algo.keys[] */
    struct profile_verdict protocol;                    /* IKEv1 itself */
};

/* A word in a profile: "aes-cbc-256", "sha-1", "group-14". `key` is a position in algo.keys[]. */
const char *profile_word(enum algo_id id, unsigned key, char out[static 48]);

/* Reads a profile. Returns NULL and a message with its place in *why (in the arena) if it is not one. */
const struct profile *profile_parse(struct arena *a, const char *name, const char *text, size_t len, const char **why);

/* A built-in one by name, NULL if there is none. */
const struct profile *profile_builtin(struct arena *a, const char *name);
/* Names of the built-in ones, default first, NULL at the end. */
const char *const *profile_names(void);

/* Verdict on an algorithm with a key of that many bits (0: its default). */
struct profile_verdict profile_judge(const struct profile *p, enum profile_use use, enum algo_id id, unsigned bits);

#endif
