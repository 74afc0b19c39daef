/* SPDX-License-Identifier: GPL-3.0-or-later */
/* First words of commands that are not about IPsec, and marks of other operating systems. Internal to grammar/. */
#ifndef IOSCC_GRAMMAR_FOREIGN_H
#define IOSCC_GRAMMAR_FOREIGN_H

#include <stdbool.h>

#include "compiler/base/str.h"

/* Does this line start like some global IOS command outside IPsec (`router`, `line`, `ntp`, …), its first word whole or
 * cut to at least four letters? It then ends whatever sub-mode was open. */
bool foreign_is_global(struct str line);

/* `access-list 700 …` and the like: lists of protocols other than IP (200 to 1299), `access-list compiled`,
 * `access-list dynamic-extended`, `access-list rate-limit …`. */
bool foreign_is_list(struct str line);

/* Commands that exist both globally and under an interface: in a file without indentation they do not end the
 * interface. */
bool foreign_is_interface_too(struct str word);

enum foreign_os { OS_IOS, OS_ASA, OS_NXOS, OS_XR, OS_COUNT };
/* Which other system would write this line? OS_IOS: nothing speaks against IOS. */
enum foreign_os foreign_os_of(struct str line);
const char *foreign_os_name(enum foreign_os os);

#endif
