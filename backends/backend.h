/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a configuration can be turned into. Backends read the IR and nothing else. */
#ifndef IOSCC_BACKENDS_BACKEND_H
#define IOSCC_BACKENDS_BACKEND_H

#include "compiler/ir/ir.h"

struct backend_options {
    bool show_secrets; /* print keys; else <key> stands for them */
    bool no_places;    /* JSON without places in the text: what two configurations mean, for comparison */
};

struct backend {
    const char *name;
    const char *summary;
    /* Writes all configurations of one source. */
    void (*print)(struct buf *out, const struct ptrlist *units, const struct backend_options *o);
    /* Does the output hold keys when they are shown? Then files are created with mode 0600. */
    bool holds_secrets;
};

extern const struct backend backend_json, backend_ios;
const struct backend *backend_find(const char *name);

/* Prints the JSON schema of backend_json's documents. */
void json_schema_print(struct buf *out);

#endif
