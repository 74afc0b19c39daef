/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check --fix: is the mended text about the same packets, and the same in all else? */
#ifndef IOSCC_CLI_FIX_PROOF_H
#define IOSCC_CLI_FIX_PROOF_H

#include "compiler/sem/sem.h"

#define FIX_WHY_MAX 256

/* Reads the mended text and compares: each access list must permit the same packets, keep its lines with `log` and its
 * remarks, and not become empty (an empty list is another thing than one that permits nothing); all else must mean what
 * it meant. False: it does not, or that cannot be told, and `why` says it. */
bool fix_is_harmless(const struct compiled *before, struct ios_parser *parser, struct str mended,
                     char why[static FIX_WHY_MAX]) MUST_CHECK;

#endif
