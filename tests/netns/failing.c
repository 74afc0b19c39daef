/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * To be preloaded: the sendto() with this number (IOSCC_FAIL_SEND, from 1) fails with this errno (IOSCC_FAIL_ERRNO), as
 * it does in a kernel that is out of memory, which no test can bring about. With IOSCC_FAIL_TYPE only netlink messages
 * of this type count: threads send in whatever order.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool counts(int fd)
{
    const char *wanted = getenv("IOSCC_FAIL_PROTOCOL");
    int protocol = -1;
    socklen_t n = sizeof protocol;
    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n);
    return !wanted || protocol == atoi(wanted);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
    static int count;
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
        (ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");
    const char *at = getenv("IOSCC_FAIL_SEND"), *error = getenv("IOSCC_FAIL_ERRNO");
    if (at && error && n > 0 && counts(fd) && __sync_add_and_fetch(&count, 1) == atoi(at)) {
        errno = atoi(error);
        return -1;
    }
    return real(fd, p, n, flags, to, len);
}
