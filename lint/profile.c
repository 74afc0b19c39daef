/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/profile.h"

#include <stdio.h>
#include <stdlib.h>

#include "lint/embedded.h"
#include "lint/yaml.h"

static const char *const use_names[USE_COUNT] = {"ike-encryption", "ike-hash", "esp-encryption",
                                                 "esp-hash",       "dh-group", "protocol"};
static const enum algo_kind use_kinds[USE_COUNT] = {ALGO_ENCR, ALGO_INTEG, ALGO_ENCR, ALGO_INTEG, ALGO_DH};
static const char *const level_names[] = {"ok", "note", "avoid", "forbidden"};

const char *const *profile_names(void)
{
    static const char *const names[] = {"cisco-nge", "rfc8247", "nist-800-77r1", "cnsa", "bsi-tr-02102-3", NULL};
    return names;
}

const char *profile_word(enum algo_id id, unsigned key, char out[static 48])
{
    const struct algo *a = algo_get(id);
    size_t n = 0;
    for (const char *p = a->name; *p && n < 40; p++) {
        char c = str_lower(*p);
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (word)
            out[n++] = c;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (a->kind == ALGO_ENCR && a->keys[1]) /* several key sizes: the size is part of the word */
        snprintf(out + n, 48 - n, "-%u", a->keys[key]);
    return out;
}

static bool parse_level(const char *z, uint8_t *out)
{
    for (uint8_t i = 0; i <= VERDICT_FORBIDDEN; i++)
        if (strcmp(z, level_names[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

/* `ok`, or {verdict: avoid, authority: "RFC …"} */
static bool read_verdict(struct yaml_file *y, const yaml_node_t *n, const char *authority, struct profile_verdict *out)
{
    const char *key, *word = NULL;
    const yaml_node_t *v, *at = n;
    out->authority = authority;
    if (n && n->type == YAML_SCALAR_NODE)
        word = yaml_scalar(y, n);
    unsigned i = 0;
    while (!word && yaml_pair(y, n, &i, &key, &v)) {
        if (strcmp(key, "authority") == 0) {
            if (!(out->authority = yaml_scalar(y, v)))
                return false;
        } else if (strcmp(key, "verdict") != 0) {
            return yaml_bad(y, v, "unknown key '%s': verdict and authority are known", key);
        } else {
            at = v;
            struct yaml_file *same = y;
            const char *z = yaml_scalar(same, v);
            if (!z || !parse_level(z, &out->level))
                return yaml_bad(y, v, "a verdict is ok, note, avoid or forbidden");
        }
    }
    if (word && !parse_level(word, &out->level))
        return yaml_bad(y, at, "a verdict is ok, note, avoid or forbidden, not '%s'", word);
    return !y->why;
}

static bool find_word(enum algo_kind kind, const char *word, enum algo_id *id, int *key)
{
    char z[48];
    for (int k = 1; k < ALGO_COUNT; k++) {
        const struct algo *a = algo_get((enum algo_id)k);
        if (a->kind != kind)
            continue;
        for (unsigned i = 0; i < 3 && (i == 0 || a->keys[i]); i++) {
            profile_word((enum algo_id)k, i, z);
            if (strcmp(z, word) == 0) {
                *id = (enum algo_id)k;
                *key = (int)i;
                return true;
            }
        }
        char *dash; /* "aes-cbc" alone means every size */
        profile_word((enum algo_id)k, 0, z);
        if (a->kind == ALGO_ENCR && a->keys[1] && (dash = strrchr(z, '-'))) {
            *dash = '\0';
            if (strcmp(z, word) == 0) {
                *id = (enum algo_id)k;
                *key = -1;
                return true;
            }
        }
    }
    return false;
}

static bool read_use(struct yaml_file *y, struct profile *p, enum profile_use use, const yaml_node_t *map)
{
    const char *key, *authority = NULL;
    const yaml_node_t *v;
    for (unsigned i = 0; yaml_pair(y, map, &i, &key, &v);)
        if (strcmp(key, "authority") == 0 && !(authority = yaml_scalar(y, v)))
            return false;
    for (unsigned i = 0; yaml_pair(y, map, &i, &key, &v);) {
        enum algo_id id = ALGO_NONE;
        int at = -1;
        struct profile_verdict r = {0};
        if (strcmp(key, "authority") == 0)
            continue;
        if (use == USE_PROTOCOL ? strcmp(key, "ikev1") != 0 : !find_word(use_kinds[use], key, &id, &at))
            return yaml_bad(y, v, "'%s' is not known under %s", key, use_names[use]);
        if (!read_verdict(y, v, authority, &r))
            return false;
        if (use == USE_PROTOCOL)
            p->protocol = r;
        for (int k = 0; use != USE_PROTOCOL && k < 3; k++)
            if (at < 0 || at == k)
                p->v[use][id][k] = r;
    }
    return !y->why;
}

const struct profile *profile_parse(struct arena *a, const char *name, const char *text, size_t len, const char **why)
{
    struct yaml_file y;
    struct profile *p = ARENA_NEW(a, struct profile);
    p->name = name;
    p->title = "";
    if (yaml_open(&y, a, name, text, len)) {
        const char *key;
        const yaml_node_t *v, *root = yaml_root(&y);
        for (unsigned i = 0; yaml_pair(&y, root, &i, &key, &v);)
            if (strcmp(key, "extends") == 0) { /* first, wherever it stands */
                const char *base = yaml_scalar(&y, v);
                const struct profile *b = base ? profile_builtin(a, base) : NULL;
                if (!b)
                    yaml_bad(&y, v, "no built-in profile is called '%s'", base ? base : "");
                else
                    *p = *b;
            }
        p->name = name;
        for (unsigned i = 0; yaml_pair(&y, root, &i, &key, &v);) {
            const char **text_of = strcmp(key, "profile") == 0 ? &p->name
                                   : strcmp(key, "title") == 0 ? &p->title
                                                               : NULL;
            int use = 0;
            while (use < USE_COUNT && strcmp(key, use_names[use]) != 0)
                use++;
            if (text_of)
                *text_of = yaml_scalar(&y, v);
            else if (use < USE_COUNT)
                read_use(&y, p, (enum profile_use)use, v);
            else if (strcmp(key, "extends") != 0)
                yaml_bad(&y, v, "unknown key '%s'", key);
        }
    }
    *why = y.why;
    yaml_close(&y);
    return *why ? NULL : p;
}

const struct profile *profile_builtin(struct arena *a, const char *name)
{
    const char *why, *text = embedded_find("profile", name);
    return text ? profile_parse(a, name, text, strlen(text), &why) : NULL;
}

struct profile_verdict profile_judge(const struct profile *p, enum profile_use use, enum algo_id id, unsigned bits)
{
    const struct algo *a = algo_get(id);
    unsigned k = 0;
    for (unsigned i = 0; i < 3; i++)
        if (bits && a->keys[i] == bits)
            k = i;
    return p->v[use][id][k];
}
