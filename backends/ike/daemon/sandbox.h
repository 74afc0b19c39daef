/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each process of the daemon may still do, once it has opened what it needs. */
#ifndef IOSCC_IKE_SANDBOX_H
#define IOSCC_IKE_SANDBOX_H

#include "compiler/base/must.h"

enum sandbox {
    SANDBOX_PRIVILEGED, /* CAP_NET_ADMIN; netlink, its channels, root's connections, and to remove the sockets' files */
    SANDBOX_WATCH,      /* CAP_NET_ADMIN, and the state directory's files, by children that live as long as a look */
    SANDBOX_KEYS,       /* nobody, no capability; its two channels and files in memory that come over them */
    SANDBOX_FETCH,      /* nobody, no capability; its channels, to read files that anybody may, children */
    SANDBOX_FETCHER,    /* a child of that: no files either; connections, its channel, lists in memory */
    SANDBOX_NETWORK,    /* nobody, no capability; datagrams, its channels, the control socket's connections, threads */
};

/* Before the loop is made, and for children too: no io_uring. libuv 1.45 and later puts its epoll_ctl calls into a ring
 * that it makes in uv_loop_init, and aborts when the filter of sandbox_enter() refuses the ring later; without one it
 * calls epoll_ctl. Returns 0 or a negative errno. */
int sandbox_no_io_uring(void) MUST_CHECK;

/* For good: no_new_privs, capabilities, user, system calls. Returns 0 or a negative errno. Where the process has no
 * privileges to give up the rest is done all the same. */
int sandbox_enter(enum sandbox s) MUST_CHECK;

#endif
