/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/embedded.h"

#include <string.h>

const char *embedded_find(const char *kind, const char *name)
{
    for (const struct embedded *e = embedded_files; e->kind; e++)
        if (strcmp(e->kind, kind) == 0 && strcmp(e->name, name) == 0)
            return e->text;
    return 0;
}
