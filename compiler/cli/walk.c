/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>

#define WALK_DEPTH_MAX 128

struct trail { /* directories above, to notice loops of links */
    const struct trail *up;
    dev_t dev;
    ino_t ino;
    unsigned depth;
};

static int add_item(struct walk *w, char *path, int error)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct walk_item *v = realloc(w->v, cap * sizeof *v);
        if (!v) {
            free(path);
            return -ENOMEM;
        }
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n++] = (struct walk_item){path, error};
    return 0;
}

static int visit(struct walk *w, char *path, const struct trail *up, unsigned char type);

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.'; /* .git and the like hold no configurations */
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visit_directory(struct walk *w, char *path, const struct stat *st, const struct trail *up)
{
    struct trail here = {up, st->st_dev, st->st_ino, up ? up->depth + 1 : 0};
    for (const struct trail *t = up; t; t = t->up)
        if (t->dev == here.dev && t->ino == here.ino)
            return add_item(w, path, -ELOOP);
    if (here.depth > WALK_DEPTH_MAX)
        return add_item(w, path, -ELOOP);
    struct dirent **names;
    int n = scandir(path, &names, visible, by_name);
    if (n < 0)
        return add_item(w, path, -errno);
    int r = 0;
    for (int i = 0; i < n; i++) {
        char *child = NULL;
        if (!r && asprintf(&child, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names[i]->d_name) < 0)
            r = -ENOMEM;
        if (!r)
            r = visit(w, child, &here, names[i]->d_type);
        free(names[i]);
    }
    free(names);
    free(path);
    return r;
}

/* Takes over `path`. */
static int visit(struct walk *w, char *path, const struct trail *up, unsigned char type)
{
    if (type == DT_REG) /* the directory says so: no need to ask again, thousands of times */
        return add_item(w, path, 0);
    struct stat st;
    if (strcmp(path, "-") != 0 && stat(path, &st) < 0)
        return add_item(w, path, -errno);
    if (strcmp(path, "-") != 0 && S_ISDIR(st.st_mode))
        return visit_directory(w, path, &st, up);
    return add_item(w, path, 0);
}

int walk_add(struct walk *w, const char *path)
{
    char *copy = strdup(path);
    return copy ? visit(w, copy, NULL, DT_UNKNOWN) : -ENOMEM;
}

void walk_free(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i].path);
    free(w->v);
    memset(w, 0, sizeof *w);
}
