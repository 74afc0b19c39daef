/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files and short messages between the daemon's processes, over SOCK_SEQPACKET pairs. Policies go as files without a
 * name: whoever passes one on need not read it. */
#ifndef IOSCC_IKE_PASS_H
#define IOSCC_IKE_PASS_H

#include "compiler/base/must.h"
#include "compiler/base/str.h"

/* A file in memory with those bytes; the caller closes it. A negative errno if there is none. */
int pass_file(const struct buf *b) MUST_CHECK;
/* The same into a file that is there. 0 or a negative errno. */
int pass_write(int file, const struct buf *b) MUST_CHECK;
/* All of a file, up to `max` bytes; wiped when the buffer is freed. False: it cannot be read or is larger. */
bool pass_read(int file, size_t max, struct buf *out) MUST_CHECK;

/* One message with a file (-1: none). False: the other side is gone. */
bool pass_send_bytes(int fd, const void *p, size_t n, int file) MUST_CHECK;
/* The same with a word. */
bool pass_send(int fd, const char *text, int file) MUST_CHECK;
/* Takes one: `text` ends with a zero; *file is the caller's, -1: none came. Returns its length, 0: the other side is
 * gone, or a negative errno. */
int pass_take(int fd, char *text, size_t room, int *file) MUST_CHECK;

#endif
