/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/backend.h"

static const struct backend *const backends[] = {&backend_json, &backend_ios, &backend_xfrm, &backend_nftables};

const struct backend *backend_find(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}
