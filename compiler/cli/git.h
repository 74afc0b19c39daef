/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IOSCC_CLI_GIT_H
#define IOSCC_CLI_GIT_H

#include "compiler/base/must.h"
#include "compiler/base/source.h"

/* Reads `path` as it was in commit `ref`, through the git program. 0; -ENOENT if there was no such file; -EINVAL if
 * `ref` is none or the file is in no repository; -errno. */
int git_read(struct source *out, const char *ref, const char *path) MUST_CHECK;

#endif
