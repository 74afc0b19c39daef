/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int pass_write(int file, const struct buf *b)
{
    for (size_t done = 0; done < b->len;) {
        ssize_t n = write(file, b->p + done, b->len - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int pass_file(const struct buf *b)
{
    int fd = memfd_create("policy", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : pass_write(fd, b);
    if (r < 0 && fd >= 0)
        close(fd);
    return r < 0 ? r : fd;
}

bool pass_read(int file, size_t max, struct buf *out)
{
    char part[8192];
    off_t at = 0;
    ssize_t n = 0;
    while ((n = pread(file, part, sizeof part, at)) > 0 && out->len + (size_t)n <= max) {
        buf_add(out, part, (size_t)n);
        at += n;
    }
    explicit_bzero(part, sizeof part);
    return n == 0 && !out->failed;
}

bool pass_send(int fd, const char *text, int file)
{
    return pass_send_bytes(fd, text, strlen(text), file);
}

bool pass_send_bytes(int fd, const void *p, size_t n, int file)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec v = {(void *)(uintptr_t)p, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (file >= 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(c), &file, sizeof file);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n;
}

int pass_take(int fd, char *text, size_t room, int *file)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec v = {text, room - 1};
    struct msghdr m = {/* room for one: a second is never installed */
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = CMSG_LEN(sizeof *file)};
    ssize_t n;
    *file = -1;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof *file))
        memcpy(file, CMSG_DATA(c), sizeof *file);
    if (!(m.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
        return (int)n;
    if (*file >= 0)
        close(*file);
    *file = -1;
    return -EBADMSG;
}
