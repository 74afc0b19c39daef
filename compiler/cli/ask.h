/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the other commands ask the running daemon: by a socket of its state directory, and not for ever. */
#ifndef IOSCC_CLI_ASK_H
#define IOSCC_CLI_ASK_H

#include <jansson.h>

#include "compiler/cli/cli.h"

/* Connects to the socket `name` (of SOCK_STREAM or SOCK_SEQPACKET) in `dir`. Sending and receiving fail with EAGAIN
 * after half a minute. -1 after a message. */
int ask_connect(const struct command *c, const char *dir, const char *name, int type) MUST_CHECK;
/* Says why there was no answer, or that it was none; `error`: errno of what failed, 0: it has come. */
void ask_failed(const struct command *c, const char *dir, int error);
/* Asks by the control socket (docs/control.md); takes the request over. NULL after a message. */
json_t *ask_daemon(const struct command *c, const char *dir, json_t *request);
/* A process of the daemon whose main one is `pid` that is stopped (SIGSTOP, a debugger), that one included; 0: none, or
 * it cannot be seen. */
long ask_stopped(long pid) MUST_CHECK;
/* Seconds since a process began; 0 also where that cannot be seen. */
long ask_age_s(long pid) MUST_CHECK;
/* Does the daemon answer? Waits for ten seconds at most, and says nothing. */
bool ask_is_answered(const char *dir) MUST_CHECK;

#endif
