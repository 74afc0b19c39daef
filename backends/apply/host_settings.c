/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/host_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

#define BELOW "/proc/sys/"

const char *host_setting_name(const char *path, char name[static HOST_SETTING_NAME_MAX])
{
    bool is_below = strncmp(path, BELOW, strlen(BELOW)) == 0;
    snprintf(name, HOST_SETTING_NAME_MAX, "%s", is_below ? path + strlen(BELOW) : path);
    bool has_dots = strchr(name, '.') != NULL;
    for (char *p = name; *p && !has_dots; p++)
        if (*p == '/')
            *p = '.';
    return name;
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

static void note(struct target *t, const char *path, int is, int want)
{
    for (const char *p = path; *p; p++)
        if (*p & 0x80)
            return; /* a link's name that the state cannot keep: nobody would put it back */
    PTRLIST_FOR (struct host_setting, o, &t->settings) {
        if (strcmp(o->path, path) == 0)
            return;
    }
    struct host_setting *s = ARENA_NEW(t->arena, struct host_setting);
    *s = (struct host_setting){arena_strndup(t->arena, path, strlen(path)), is, want};
    ptrlist_add(t->arena, &t->settings, s);
}

bool host_setting_want(struct target *t, const char *path, int want)
{
    int is;
    bool is_other = access(path, F_OK) == 0 && host_setting_read(path, &is) == 0 && is != want;
    if (is_other)
        note(t, path, is, want);
    return t->ifs->sets_up_host;
}

void host_setting_along(struct target *t, const char *path, int want)
{
    int is;
    if (access(path, F_OK) == 0 && host_setting_read(path, &is) == 0)
        note(t, path, is, want);
}
