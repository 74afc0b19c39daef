/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files a command works on: files, `-`, and directories walked recursively in byte order. Internal. */
#ifndef IOSCC_CLI_WALK_H
#define IOSCC_CLI_WALK_H

#include <stddef.h>

#include "compiler/base/must.h"

struct walk_item {
    char *path;
    int error; /* negative errno if it cannot be read; then there is nothing to open */
};
struct walk {
    struct walk_item *v;
    size_t n, cap;
};

/* Adds a path. Symbolic links to directories are not followed when they lead into a directory that is being walked
 * (-ELOOP is noted). Returns 0 or -ENOMEM. */
int walk_add(struct walk *w, const char *path) MUST_CHECK;
void walk_free(struct walk *w);

#endif
