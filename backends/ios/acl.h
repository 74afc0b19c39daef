/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One access list line as the router writes it; also used by the show backend. */
#ifndef IOSCC_BACKENDS_IOS_ACL_H
#define IOSCC_BACKENDS_IOS_ACL_H

#include "compiler/ir/ir.h"

/* Protocol, addresses, ports and options: everything after permit or deny. */
void ios_ace(struct buf *b, const struct ace *a, enum acl_kind kind);
/* `bare_host`: in the manner of `show access-lists` for standard lists. */
void ios_ace_end(struct buf *b, const struct ace_end *e, bool bare_host);
void ios_ports(struct buf *b, const struct ace_ports *p, unsigned proto);

#endif
