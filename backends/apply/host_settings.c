/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/host_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int host_setting_read(const char *path, int *value)
{
    *value = 0;
    errno = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? 0 : -errno;
    bool was_read = fscanf(f, "%d", value) == 1;
    int r = errno ? -errno : -EIO;
    fclose(f);
    return was_read ? 0 : r;
}

const char *host_setting_path(struct arena *ar, const char *link, const char *name)
{
    char path[160];
    int n = snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/%s", link, name);
    return arena_strndup(ar, path, (size_t)n);
}

static int value_of(const char *link, const char *name)
{
    char path[160];
    int value = 0;
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/%s", link, name);
    return host_setting_read(path, &value) == 0 ? value : 0;
}

int host_setting_of_link(const char *link, const char *name)
{
    const int all = value_of("all", name), own = value_of(link, name);
    return all > own ? all : own;
}

int host_setting_write(const char *path, int value)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    errno = 0;
    bool is_written = fprintf(f, "%d\n", value) > 0;
    bool is_closed = fclose(f) == 0;
    int r = errno ? -errno : -EIO;
    return is_written && is_closed ? 0 : r;
}

bool host_setting_want(struct target *t, const char *path, int want)
{
    int is;
    bool is_other = host_setting_read(path, &is) == 0 && is != want;
    PTRLIST_FOR (struct host_setting, o, &t->settings) {
        is_other &= strcmp(o->path, path) != 0;
    }
    if (is_other) {
        struct host_setting *s = ARENA_NEW(t->arena, struct host_setting);
        *s = (struct host_setting){arena_strndup(t->arena, path, strlen(path)), is, want};
        ptrlist_add(t->arena, &t->settings, s);
    }
    return t->sets_up_host;
}
