/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings of the kernel (sysctl) that decide whether what is applied works. */
#ifndef IOSCC_BACKENDS_APPLY_HOST_SETTINGS_H
#define IOSCC_BACKENDS_APPLY_HOST_SETTINGS_H

#include "backends/target/target.h"

#define HOST_SETTING_IP_FORWARD "/proc/sys/net/ipv4/ip_forward"

/* One that should have another value. */
struct host_setting {
    const char *path; /* /proc/sys/net/… */
    int is, want;
};

/* 0 and its value; 0 also where the kernel has no such setting (value 0). A negative errno: it cannot be told. */
int host_setting_read(const char *path, int *value) MUST_CHECK;
/* One of IPv4 that holds for a link: the higher one of `all` and the link's own. 0 where it cannot be read. */
int host_setting_of_link(const char *link, const char *name) MUST_CHECK;
/* Sets it. 0 or a negative errno. */
int host_setting_write(const char *path, int value) MUST_CHECK;
/* Path of a setting of IPv4 for a link (`all` is one), in the arena. */
const char *host_setting_path(struct arena *ar, const char *link, const char *name);
/* As sysctl(8) takes it: "net.ipv4.ip_forward"; with slashes where a link's name has dots. In `name`, which is
 * returned. */
#define HOST_SETTING_NAME_MAX 128
const char *host_setting_name(const char *path, char name[static HOST_SETTING_NAME_MAX]);
/* It should have that value: noted in t->settings where it has not. True: who applies sets it (--set-up-host), so that
 * it is no finding. */
bool host_setting_want(struct target *t, const char *path, int want) MUST_CHECK;
/* The same of one that another one sets along with itself: noted too where it has that value already, so that it can be
 * put back. */
void host_setting_along(struct target *t, const char *path, int want);

#endif
