/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is applied on this host together with its kernel's counters, for show and clear. Internal. */
#ifndef IOSCC_CLI_LIVE_H
#define IOSCC_CLI_LIVE_H

#include "backends/show/show.h"
#include "compiler/base/must.h"
#include "compiler/cli/session.h"

struct live {
    struct session session;
    struct show_live show;
};

/* `wait_s` as session_open(). An exit code after a message; on EXIT_CLEAN close l->session. */
int live_open(struct live *l, const struct command *c, const char *dir, int wait_s) MUST_CHECK;

#endif
