/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lint/reporters/reporter.h"

static const struct reporter *const reporters[] = {&reporter_text, &reporter_json};

const struct reporter *reporter_find(const char *name)
{
    for (size_t i = 0; i < sizeof reporters / sizeof *reporters; i++)
        if (strcmp(reporters[i]->name, name) == 0)
            return reporters[i];
    return NULL;
}
