/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/settings.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "compiler/base/source.h"
#include "lint/yaml.h"

#define SETTINGS_FILE ".ioscc.yaml"
#define OVERRIDES_MAX 32

/* One mapping of settings: the top of a file, or an item of its `paths`. */
struct override {
    const char *match; /* NULL: every file */
    const struct profile *profiles[PROFILES_MAX];
    unsigned nprofiles;
    uint8_t level[DIAG_COUNT];
    int64_t expiry_days, psk_length; /* -1: not said */
};

struct variant {
    struct variant *next;
    uint32_t mask; /* which overrides apply */
    struct lint_settings s;
};

struct settings_dir {
    const char *path;   /* absolute */
    const char *root;   /* where the settings file is; paths are matched relative to it */
    struct override *v; /* v[0] is the file itself */
    unsigned n;
    struct variant *variants;
    bool bad;
};

bool settings_level(const char *word, uint8_t *out)
{
    static const char *const words[] = {"default", "off", "note", "warning", "error"};
    for (uint8_t i = 0; i < 5; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

int settings_rule(const char *word)
{
    for (int i = 0; i < DIAG_COUNT; i++)
        if (strcmp(diag_infos[i].id, word) == 0 || strcmp(diag_infos[i].slug, word) == 0)
            return i;
    return -1;
}

bool settings_init(struct settings *s)
{
    memset(s, 0, sizeof *s);
    if (!arena_init(&s->arena, (size_t)64 << 20))
        return false;
    pthread_mutex_init(&s->lock, NULL);
    s->base.expiry_days = 30;
    s->base.psk_length = 16;
    const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* reproducible runs: reproducible-builds.org */
    s->base.now = epoch && *epoch ? strtoll(epoch, NULL, 10) : (int64_t)time(NULL);
    s->base.profiles[0] = profile_builtin(&s->arena, profile_names()[0]);
    s->base.nprofiles = 1;
    return s->base.profiles[0] != NULL;
}

void settings_free(struct settings *s)
{
    pthread_mutex_destroy(&s->lock);
    arena_free(&s->arena);
}

/* Adds what `word` stands for to a list of profiles. */
static const char *add_profile(struct settings *s, const char *dir, const char *word, const struct profile **v,
                               unsigned *n)
{
    char path[PATH_MAX];
    const char *why = NULL;
    if (strcmp(word, "all") == 0) {
        for (const char *const *z = profile_names(); *z && *n < PROFILES_MAX; z++)
            v[(*n)++] = profile_builtin(&s->arena, *z);
        return NULL;
    }
    if (*n == PROFILES_MAX)
        return "too many profiles";
    const struct profile *p = profile_builtin(&s->arena, word);
    if (!p) {
        struct source src;
        snprintf(path, sizeof path, "%s%s%s", *word == '/' ? "" : dir, *word == '/' ? "" : "/", word);
        int r = source_read(&src, path);
        if (r < 0) {
            snprintf(path, sizeof path, "no built-in profile is called '%.200s' and it cannot be read as a file: %s",
                     word, strerror(-r));
            return arena_strndup(&s->arena, path, strlen(path));
        }
        p = profile_parse(&s->arena, arena_strndup(&s->arena, word, strlen(word)), src.text, src.len, &why);
        source_free(&src);
    }
    if (p)
        v[(*n)++] = p;
    return why;
}

bool settings_profile(struct settings *s, const char *word)
{
    if (!s->profile_given)
        s->base.nprofiles = 0;
    s->profile_given = true;
    s->why = add_profile(s, ".", word, s->base.profiles, &s->base.nprofiles);
    return !s->why;
}

static bool read_number(struct yaml_file *y, const yaml_node_t *v, int64_t *out)
{
    const char *z = yaml_scalar(y, v);
    char *end;
    errno = 0;
    long long n = z ? strtoll(z, &end, 10) : 0;
    if (!z || *end || end == z || n < 0 || n > 36500)
        return yaml_bad(y, v, "a whole number from 0 to 36500 is expected");
    *out = n;
    return true;
}

static bool read_rules(struct yaml_file *y, const yaml_node_t *map, uint8_t *level)
{
    const char *key;
    const yaml_node_t *v;
    for (unsigned i = 0; yaml_pair(y, map, &i, &key, &v);) {
        int id = settings_rule(key);
        if (id < 0)
            return yaml_bad(y, v, "no rule is called '%s'", key);
        const char *word = yaml_scalar(y, v);
        if (!word || !settings_level(word, &level[id]))
            return yaml_bad(y, v, "a rule is off, note, warning, error or default");
    }
    return !y->why;
}

static bool read_override(struct settings *s, struct yaml_file *y, const yaml_node_t *map, struct settings_dir *d,
                          struct override *o, bool top);

static bool read_paths(struct settings *s, struct yaml_file *y, const yaml_node_t *list, struct settings_dir *d)
{
    const yaml_node_t *v;
    for (unsigned i = 0; yaml_item(y, list, &i, &v);) {
        if (d->n == OVERRIDES_MAX)
            return yaml_bad(y, v, "more than %d items under paths", OVERRIDES_MAX - 1);
        struct override *o = &d->v[d->n++];
        if (!read_override(s, y, v, d, o, false))
            return false;
        if (!o->match)
            return yaml_bad(y, v, "an item of paths needs 'match'");
    }
    return !y->why;
}

static bool read_override(struct settings *s, struct yaml_file *y, const yaml_node_t *map, struct settings_dir *d,
                          struct override *o, bool top)
{
    const char *key;
    const yaml_node_t *v, *item;
    o->expiry_days = o->psk_length = -1;
    for (unsigned i = 0; yaml_pair(y, map, &i, &key, &v);) {
        if (strcmp(key, "profile") == 0) {
            for (unsigned k = 0; yaml_item(y, v, &k, &item);) {
                const char *word = yaml_scalar(y, item);
                const char *why = word ? add_profile(s, d->root, word, o->profiles, &o->nprofiles) : NULL;
                if (why)
                    return yaml_bad(y, item, "%s", why);
            }
        } else if (strcmp(key, "rules") == 0) {
            read_rules(y, v, o->level);
        } else if (strcmp(key, "expiry-days") == 0) {
            read_number(y, v, &o->expiry_days);
        } else if (strcmp(key, "psk-length") == 0) {
            read_number(y, v, &o->psk_length);
        } else if (strcmp(key, "match") == 0 && !top) {
            o->match = yaml_scalar(y, v);
        } else if (strcmp(key, "paths") == 0 && top) {
            read_paths(s, y, v, d);
        } else {
            return yaml_bad(y, v, "unknown key '%s'", key);
        }
    }
    return !y->why;
}

static void read_file(struct settings *s, struct settings_dir *d, const char *path, struct source *src)
{
    struct yaml_file y;
    d->v = arena_array(&s->arena, OVERRIDES_MAX, sizeof *d->v);
    d->n = 1;
    if (yaml_open(&y, &s->arena, arena_strndup(&s->arena, path, strlen(path)), src->text, src->len) && yaml_root(&y))
        read_override(s, &y, yaml_root(&y), d, &d->v[0], true);
    else
        d->v[0].expiry_days = d->v[0].psk_length = -1;
    if (y.why) {
        d->bad = true;
        s->why = s->why ? s->why : y.why;
    }
    yaml_close(&y);
}

/* The settings of one directory: its own file, else those of the one above. */
static struct settings_dir *directory(struct settings *s, const char *path)
{
    struct settings_dir *d = symtab_get(&s->dirs, str_lit(path), 0);
    if (d)
        return d;
    d = ARENA_NEW(&s->arena, struct settings_dir);
    d->path = d->root = arena_strndup(&s->arena, path, strlen(path));
    char file[PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/" SETTINGS_FILE, strcmp(path, "/") == 0 ? "" : path);
    struct source src;
    if (*path && access(file, F_OK) == 0) {
        int r = source_read(&src, file);
        if (r < 0) {
            snprintf(file + strlen(file), 2, ":");
            d->bad = true;
            s->why = s->why ? s->why : arena_strndup(&s->arena, file, strlen(file));
        } else {
            read_file(s, d, file, &src);
            source_free(&src);
        }
    } else if (*path && strcmp(path, "/") != 0) {
        char up[PATH_MAX];
        snprintf(up, sizeof up, "%s", path);
        char *slash = strrchr(up, '/');
        slash[slash == up ? 1 : 0] = '\0';
        const struct settings_dir *above = directory(s, up);
        d->root = above->root;
        d->v = above->v;
        d->n = above->n;
        d->bad = above->bad;
    }
    symtab_put(&s->arena, &s->dirs, str_lit(d->path), 0, d);
    return d;
}

static void apply(struct lint_settings *to, const struct override *o, bool profile_given)
{
    if (o->nprofiles && !profile_given) {
        memcpy(to->profiles, o->profiles, sizeof to->profiles);
        to->nprofiles = o->nprofiles;
    }
    for (int i = 0; i < DIAG_COUNT; i++)
        if (o->level[i])
            to->level[i] = o->level[i];
    if (o->expiry_days >= 0)
        to->expiry_days = (uint32_t)o->expiry_days;
    if (o->psk_length >= 0)
        to->psk_length = (uint32_t)o->psk_length;
}

static const struct lint_settings *variant(struct settings *s, struct settings_dir *d, uint32_t mask)
{
    for (struct variant *v = d->variants; v; v = v->next)
        if (v->mask == mask)
            return &v->s;
    struct variant *v = ARENA_NEW(&s->arena, struct variant);
    v->mask = mask;
    v->s = s->base;
    for (unsigned i = 0; i < d->n; i++)
        if (mask >> i & 1)
            apply(&v->s, &d->v[i], s->profile_given);
    for (int i = 0; i < DIAG_COUNT; i++)
        if (s->option_level[i])
            v->s.level[i] = s->option_level[i];
    v->next = d->variants;
    d->variants = v;
    return &v->s;
}

const struct lint_settings *settings_for(struct settings *s, const char *path)
{
    char dir[PATH_MAX], whole[PATH_MAX * 2], *slash;
    snprintf(dir, sizeof dir, "%s", path);
    slash = strrchr(dir, '/');
    const char *base = slash ? path + (slash - dir) + 1 : path;
    if (slash)
        slash[slash == dir ? 1 : 0] = '\0';
    else
        strcpy(dir, ".");
    pthread_mutex_lock(&s->lock);
    const struct lint_settings *r = NULL;
    struct settings_dir *d = symtab_get(&s->as_written, str_lit(dir), 0);
    if (!d) {
        char absolute[PATH_MAX];
        /* a directory that cannot be found has no settings of its own; with no_files none has */
        if (s->no_files || !realpath(dir, absolute))
            absolute[0] = '\0';
        d = directory(s, absolute);
        symtab_put(&s->arena, &s->as_written, str_lit(arena_strndup(&s->arena, dir, strlen(dir))), 0, d);
    }
    if (!d->bad) {
        uint32_t mask = d->n ? 1 : 0;
        snprintf(whole, sizeof whole, "%s/%s", d->path, base);
        size_t skip = strlen(d->root) + (strcmp(d->root, "/") == 0 ? 0 : 1);
        for (unsigned i = 1; i < d->n; i++)
            if (fnmatch(d->v[i].match, whole + skip, 0) == 0)
                mask |= 1u << i;
        r = variant(s, d, mask);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

void settings_filter(const struct lint_settings *s, struct diag_list *l)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->items.n; i++) {
        struct diag *d = l->items.v[i];
        uint8_t level = s->level[d->id];
        if (level == LEVEL_OFF)
            continue;
        if (level != LEVEL_DEFAULT)
            d->severity = (enum severity)(level - LEVEL_NOTE);
        l->items.v[kept++] = d;
    }
    l->items.n = kept;
    for (int i = 0; i < DIAG_COUNT; i++)
        if (s->level[i] == LEVEL_OFF)
            l->per_id[i] = 0;
}
