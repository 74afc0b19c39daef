/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Negative: no such file, or one that somebody else could have made. */
static int open_file(uint64_t netns, int flags)
{
    char path[64];
    struct stat st;
    if ((flags & O_CREAT) && mkdir(OWNER_DIR, 0700) < 0 && errno != EEXIST)
        return -ENOENT;
    bool is_there = lstat(OWNER_DIR, &st) == 0 && S_ISDIR(st.st_mode);
    if (!is_there || st.st_uid != geteuid() || (st.st_mode & 022))
        return -ENOENT;
    snprintf(path, sizeof path, OWNER_DIR "/%" PRIu64, netns);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 ? -ENOENT : fd;
}

int owner_lock(uint64_t netns, int wait_s)
{
    int fd = netns ? open_file(netns, O_RDWR | O_CREAT) : -ENOENT;
    if (fd < 0)
        return fd;
    for (int tenths = wait_s * 10;; tenths--) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK || tenths <= 0)
            break;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    int error = errno == EWOULDBLOCK ? -EWOULDBLOCK : -ENOENT;
    close(fd);
    return error;
}

uint64_t owner_read(uint64_t netns)
{
    char text[32] = "";
    uint64_t id = 0;
    int fd = netns ? open_file(netns, O_RDONLY) : -ENOENT;
    if (fd < 0)
        return 0;
    if (pread(fd, text, sizeof text - 1, 0) <= 0 || sscanf(text, "%" SCNx64, &id) != 1)
        id = 0;
    close(fd);
    return id;
}

void owner_write(int fd, uint64_t id)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%016" PRIx64 "\n", id);
    if (id && pwrite(fd, text, (size_t)n, 0) == n)
        return;
    (void)!ftruncate(fd, 0); /* nobody's, or not to be said: then the table says it */
}
