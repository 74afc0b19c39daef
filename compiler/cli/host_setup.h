/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --set-up-host: the kernel's settings that what is applied needs (backends/apply/host_settings.h) are set, and they
 * are put back when it is removed, or gone back from.  Internal. */
#ifndef IOSCC_CLI_HOST_SETUP_H
#define IOSCC_CLI_HOST_SETUP_H

#include "compiler/cli/session.h"

/* What would be set, a line each. After session_plan() with how.sets_up_host; else nothing is said. */
void host_setup_print(struct buf *b, const struct session *s);
/* Sets them, when what is planned has been carried out: what they were is in the state before. EXIT_CLEAN, or
 * EXIT_SYSTEM when it has said which cannot be set. */
int host_setup_do(struct session *s, struct buf *said) MUST_CHECK;
/* Puts back what was set, but for what somebody has set otherwise since: before what it was set for goes, so that
 * nothing is forwarded that is not protected any more. By session_run(). */
void host_setup_undo(struct session *s);
/* It stands on: they are set again. */
void host_setup_redo(const struct session *s);

#endif
