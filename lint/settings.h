/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a team has decided about findings: which profile, which rules, how severe. Comes from `.ioscc.yaml`, the nearest
 * one found upward from the file that is judged, and from options, which win. docs/settings.md describes the format.
 */
#ifndef IOSCC_LINT_SETTINGS_H
#define IOSCC_LINT_SETTINGS_H

#include <pthread.h>

#include "compiler/base/diag.h"
#include "compiler/base/hash.h"
#include "lint/profile.h"

enum rule_level { LEVEL_DEFAULT, LEVEL_OFF, LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

#define PROFILES_MAX 8
struct lint_settings {
    const struct profile *profiles[PROFILES_MAX];
    unsigned nprofiles;
    uint8_t level[DIAG_COUNT]; /* enum rule_level */
    int64_t now;               /* seconds since 1970, against which certificates are judged */
    uint32_t expiry_days;      /* a certificate that ends within so many days is reported */
    struct str master;         /* the routers' master key, for type 6 keys; empty: not known */
    uint32_t psk_length;       /* shorter pre-shared keys are reported, characters */
};

/* Reads a level word: off, note, warning, error, default. */
bool settings_level(const char *word, uint8_t *out);
/* A rule by id (IC3001) or slug (weak-encryption), -1 if there is none. */
int settings_rule(const char *word);

/* All settings of one run. Safe for several threads once the options are in. */
struct settings {
    struct arena arena;
    struct lint_settings base; /* defaults and options */
    bool profile_given, no_files;
    uint8_t option_level[DIAG_COUNT];
    pthread_mutex_t lock;
    struct symtab dirs;       /* absolute path → struct settings_dir */
    struct symtab as_written; /* directory as the user wrote it → struct settings_dir: files come by the thousand */
    const char *why;          /* the first settings file that cannot be used, with its place */
};
bool settings_init(struct settings *s);
void settings_free(struct settings *s);
/* `word`: a built-in name, `all`, or a file. False with ->why set. */
bool settings_profile(struct settings *s, const char *word);
/* Settings for the file at `path` ("-": those of the working directory). NULL with ->why set if its `.ioscc.yaml` is
 * not usable. Lives as long as `s`. */
const struct lint_settings *settings_for(struct settings *s, const char *path);

/* Drops findings that are off and gives the others their severity. */
void settings_filter(const struct lint_settings *s, struct diag_list *l);

#endif
