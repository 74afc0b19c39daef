/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/host_setup.h"

#include <stdio.h>
#include <string.h>

#include "backends/apply/host_settings.h"

#define BELOW "/proc/sys/"

/* "net.ipv4.ip_forward": as sysctl(8) takes it; a link with dots in its name has a slash there. */
static const char *name_of(const char *path, char name[static 128])
{
    snprintf(name, 128, "%s", strncmp(path, BELOW, strlen(BELOW)) == 0 ? path + strlen(BELOW) : path);
    bool has_dots = strchr(name, '.') != NULL;
    for (char *p = name; *p && !has_dots; p++)
        if (*p == '/')
            *p = '.';
    return name;
}

void host_setup_print(struct buf *b, const struct session *s)
{
    char name[128];
    if (!s->apply.target.sets_up_host || s->apply.target.settings.n == 0)
        return;
    buf_puts(b, "Settings of this host\n");
    PTRLIST_FOR (struct host_setting, h, &s->apply.target.settings) {
        buf_printf(b, "  ~ %s = %d, was %d\n", name_of(h->path, name), h->want, h->is);
    }
}

/* What it was before the first time stays. */
static void keep_old(struct state *st, const struct host_setting *h)
{
    PTRLIST_FOR (struct state_setting, o, &st->settings) {
        if (strcmp(o->path, h->path) != 0)
            continue;
        o->set = h->want;
        return;
    }
    struct state_setting *o = ARENA_NEW(st->arena, struct state_setting);
    *o = (struct state_setting){arena_strndup(st->arena, h->path, strlen(h->path)), h->is, h->want};
    ptrlist_add(st->arena, &st->settings, o);
}

int host_setup_do(struct session *s, struct buf *said)
{
    const struct ptrlist *wanted = &s->apply.target.settings;
    char name[128];
    int code = EXIT_CLEAN;
    if (!s->apply.target.sets_up_host || wanted->n == 0)
        return EXIT_CLEAN;
    PTRLIST_FOR (struct host_setting, h, wanted) {
        keep_old(&s->state, h);
    }
    int r = state_save(&s->state);
    if (r < 0) {
        fprintf(stderr, "ioscc %s: cannot write the state in %s: %s: no setting of this host was changed\n",
                s->command->name, s->state.dir, strerror(-r));
        return EXIT_SYSTEM;
    }
    PTRLIST_FOR (struct host_setting, h, wanted) {
        r = host_setting_write(h->path, h->want);
        if (r == 0) {
            buf_printf(said, "%s is %d now, was %d.\n", name_of(h->path, name), h->want, h->is);
            continue;
        }
        fprintf(stderr, "ioscc %s: %s cannot be set to %d: %s\n", s->command->name, name_of(h->path, name), h->want,
                strerror(-r));
        code = EXIT_SYSTEM;
    }
    return code;
}

/* The state is root's, and yet: nothing but a setting of the network is written. */
static bool is_of_network(const char *path)
{
    return strncmp(path, BELOW "net/", strlen(BELOW "net/")) == 0 && !strstr(path, "..");
}

void host_setup_undo(const struct session *s, struct buf *said)
{
    char name[128];
    PTRLIST_FOR (struct state_setting, o, &s->state.settings) {
        int is;
        bool is_ours = is_of_network(o->path) && host_setting_read(o->path, &is) == 0 && is == o->set;
        if (!is_ours)
            buf_printf(said, "%s is not what ioscc had set any more: it stays.\n", name_of(o->path, name));
        else if (host_setting_write(o->path, o->was) == 0)
            buf_printf(said, "%s is %d again.\n", name_of(o->path, name), o->was);
        else
            buf_printf(said, "%s cannot be put back to %d.\n", name_of(o->path, name), o->was);
    }
}

void host_setup_redo(const struct session *s)
{
    PTRLIST_FOR (struct state_setting, o, &s->state.settings) {
        int is;
        bool is_put_back = is_of_network(o->path) && host_setting_read(o->path, &is) == 0 && is == o->was;
        if (is_put_back && host_setting_write(o->path, o->set) < 0)
            fprintf(stderr, "ioscc %s: %s cannot be set to %d again\n", s->command->name, o->path, o->set);
    }
}

void host_setup_forget(struct session *s)
{
    s->state.settings.n = 0;
}
