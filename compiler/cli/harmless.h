/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is printed may hold what a configuration, a file name or a peer has brought: bytes that a terminal obeys. Standard
 * output and standard error pass through here; each such character becomes `?`. Files that are written are not touched.
 * Internal.
 */
#ifndef IOSCC_CLI_HARMLESS_H
#define IOSCC_CLI_HARMLESS_H

#include <stdbool.h>

#include "compiler/base/must.h"

/* From here on stdout and stderr let through: text in UTF-8 without control characters (C0 but newline and tab, DEL, C1)
 * and without those that turn the direction of writing (Unicode's bidirectional controls), and the colours that ioscc
 * itself makes. False: no memory. */
bool harmless_begin(void) MUST_CHECK;
/* From here on nothing waits for who reads: what does not go out at once is lost, and the next that goes out says so.
 * For processes that have a host to watch. */
void harmless_never_wait(void);

#endif
