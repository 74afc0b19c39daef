/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each process of the daemon may still do, once it has opened what it needs. */
#ifndef IOSCC_IKE_SANDBOX_H
#define IOSCC_IKE_SANDBOX_H

enum sandbox {
    SANDBOX_PRIVILEGED, /* CAP_NET_ADMIN; netlink, its channel, and to remove the control socket's file at the end */
    SANDBOX_NETWORK,    /* nobody, no capability; datagrams, its channels, the control socket's connections, threads */
};

/* For good: no_new_privs, capabilities, user, system calls. Returns 0 or a negative errno. Where the process has no
 * privileges to give up the rest is done all the same. */
int sandbox_enter(enum sandbox s);

#endif
