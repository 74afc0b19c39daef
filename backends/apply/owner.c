/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
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

/* The number of a network namespace's file is given away again, its cookie is not. 0: this kernel has none. */
static uint64_t cookie_here(void)
{
    uint64_t cookie = 0;
    socklen_t n = sizeof cookie;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &n) < 0)
        cookie = 0;
    if (fd >= 0)
        close(fd);
    return cookie;
}

json_t *owner_settings_read(uint64_t netns)
{
    int fd = netns ? open_file(netns, SETTINGS, O_RDONLY) : -ENOENT;
    json_t *kept = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
    if (fd >= 0)
        close(fd);
    bool is_of_here = (uint64_t)json_integer_value(json_object_get(kept, "namespace_cookie")) == cookie_here();
    json_t *list = is_of_here ? json_incref(json_object_get(kept, "settings")) : NULL;
    json_decref(kept);
    return list;
}

void owner_settings_write(uint64_t netns, json_t *list)
{
    bool is_known = json_array_size(list) != 0;
    int fd = netns ? open_file(netns, SETTINGS, O_RDWR | (is_known ? O_CREAT : 0)) : -ENOENT;
    if (fd < 0)
        return;
    json_t *kept = json_pack("{s:I,s:O}", "namespace_cookie", (json_int_t)cookie_here(), "settings", list);
    (void)!ftruncate(fd, 0);
    if (kept)
        (void)!json_dumpfd(kept, fd, JSON_COMPACT);
    json_decref(kept);
    close(fd);
}
