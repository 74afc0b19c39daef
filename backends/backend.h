/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a configuration can be turned into. Backends read the IR and nothing else. */
#ifndef IOSCC_BACKENDS_BACKEND_H
#define IOSCC_BACKENDS_BACKEND_H

#include "compiler/base/diag.h"
#include "compiler/ir/ir.h"

struct backend_options {
    bool show_secrets; /* print keys; else <key> stands for them */
    bool no_places;    /* JSON without places in the text: what two configurations mean, for comparison */
    /* for the kernel backends, which carry one router to one host */
    const struct ir_config *router;
    const char *interface_map; /* rows as if_map_parse() takes them, "" if none */
    const char *host_has;      /* words as host_has_parse() takes them, NULL: none */
    struct arena *arena;
    struct diag_list *diags; /* what cannot be carried */
    const char *error;       /* set by print(): why there is no output */
};

struct backend {
    const char *name;
    const char *summary;
    /* Writes all configurations of one source, or that of one router. */
    void (*print)(struct buf *out, const struct ptrlist *units, struct backend_options *o);
    /* Does the output hold keys when they are shown? Then files are created with mode 0600. */
    bool holds_secrets;
    bool one_router;  /* a kernel backend: see backend_options */
    const char *file; /* name of its file in an output directory */
};

extern const struct backend backend_json, backend_ios, backend_xfrm, backend_nftables;
const struct backend *backend_find(const char *name);

/* Prints the JSON schema of backend_json's documents. */
void json_schema_print(struct buf *out);

#endif
