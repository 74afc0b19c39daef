/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a command says on standard error while it holds locks that others wait for: kept in memory and written when they
 * are let go. Who does not read it (a pipe, a terminal that is stopped) holds up nobody. Internal.
 */
#ifndef IOSCC_CLI_KEPT_ERRORS_H
#define IOSCC_CLI_KEPT_ERRORS_H

struct kept_errors {
    int real, memory; /* descriptors; -1: nothing is kept */
};

/* From here on. Where that cannot be done nothing is kept: then it is written at once. */
void kept_errors_begin(struct kept_errors *k);
/* Writes what was kept, and keeps no more. */
void kept_errors_end(struct kept_errors *k);

#endif
