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

/* -ENOENT: no such file, nor a place for one (no /run, or one that nobody may write to); -EPERM: what is there somebody
 * else could have made. */
static int open_file(uint64_t netns, const char *kind, int flags)
{
    char path[80];
    struct stat st;
    if ((flags & O_CREAT) && mkdir(OWNER_DIR, 0700) < 0 && errno != EEXIST)
        return -ENOENT;
    if (lstat(OWNER_DIR, &st) < 0)
        return -ENOENT;
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return geteuid() == 0 ? -EPERM : -ENOENT; /* root's is none of another user's */
    snprintf(path, sizeof path, OWNER_DIR "/%" PRIu64 "%s", netns, kind);
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    bool is_another = errno == ELOOP || errno == EISDIR || errno == ENXIO || errno == EACCES;
    if (fd < 0)
        return is_another ? -EPERM : -ENOENT;
    bool is_plain = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
    if (is_plain)
        return fd;
    close(fd);
    return -EPERM;
}

int owner_lock(uint64_t netns, int wait_s)
{
    int fd = netns ? open_file(netns, "", O_RDWR | O_CREAT) : -ENOENT;
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

int owner_read(uint64_t netns, uint64_t *owner)
{
    char text[32] = "";
    uint64_t id = 0;
    int fd = netns ? open_file(netns, "", O_RDONLY) : -ENOENT;
    *owner = 0;
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (pread(fd, text, sizeof text - 1, 0) > 0 && sscanf(text, "%" SCNx64, &id) == 1)
        *owner = id;
    close(fd);
    return 0;
}

void owner_write(int fd, uint64_t id)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%016" PRIx64 "\n", id);
    if (id && pwrite(fd, text, (size_t)n, 0) == n)
        return;
    (void)!ftruncate(fd, 0); /* nobody's, or not to be said: then the table says it */
}

#define SETTINGS ".settings"

json_t *owner_settings_read(uint64_t netns)
{
    int fd = netns ? open_file(netns, SETTINGS, O_RDONLY) : -ENOENT;
    json_t *list = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
    if (fd >= 0)
        close(fd);
    return list;
}

void owner_settings_write(uint64_t netns, const json_t *list)
{
    bool is_known = json_array_size(list) != 0;
    int fd = netns ? open_file(netns, SETTINGS, O_RDWR | (is_known ? O_CREAT : 0)) : -ENOENT;
    if (fd < 0)
        return;
    (void)!ftruncate(fd, 0);
    (void)!json_dumpfd(list, fd, JSON_COMPACT);
    close(fd);
}
