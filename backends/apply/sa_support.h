/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does this kernel take the SAs that a configuration needs? It takes their policies without. */
#ifndef IOSCC_BACKENDS_APPLY_SA_SUPPORT_H
#define IOSCC_BACKENDS_APPLY_SA_SUPPORT_H

#include "backends/target/target.h"

/* A transform set of which the kernel takes no SA. */
struct sa_refused {
    const struct transform_set *set;
    int error;       /* negative errno */
    char words[160]; /* the kernel's own, "" none */
};

/* Tries an SA of each transform set in a network namespace made for it (backends/xfrm/probe.h): `refused` gets a struct
 * sa_refused for each that the kernel does not take, in the target's arena. What is the host's trouble and not the
 * kernel's (no memory, no rights, no namespace) refuses nothing. */
void sa_support_ask(struct target *t, struct ptrlist *refused);
/* Is a set that the entry names among them? */
bool sa_support_lacks(const struct ptrlist *refused, const struct crypto_map_entry *e) MUST_CHECK;

#endif
