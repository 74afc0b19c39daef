/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/host_setup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/apply/host_settings.h"

#define SETTING_GONE (-1)

#define BELOW "/proc/sys/"

void host_setup_print(struct buf *b, const struct session *s)
{
    char name[HOST_SETTING_NAME_MAX];
    if (!s->apply.ifs.sets_up_host || s->apply.target.settings.n == 0)
        return;
    buf_puts(b, "Settings of this host\n");
    PTRLIST_FOR (struct host_setting, h, &s->apply.target.settings) {
        if (h->is != h->want)
            buf_printf(b, "  ~ %s = %d, was %d\n", host_setting_name(h->path, name), h->want, h->is);
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
    *o = (struct state_setting){
        .path = arena_strndup(st->arena, h->path, strlen(h->path)), .was = h->is, .set = h->want};
    ptrlist_add(st->arena, &st->settings, o);
}

int host_setup_do(struct session *s, struct buf *said)
{
    const struct ptrlist *wanted = &s->apply.target.settings;
    char name[HOST_SETTING_NAME_MAX];
    int code = EXIT_CLEAN;
    if (!s->apply.ifs.sets_up_host || wanted->n == 0)
        return EXIT_CLEAN;
    PTRLIST_FOR (struct host_setting, h, wanted) {
        keep_old(&s->state, h);
    }
    s->state.current.has_settings = true;
    int r = state_save(&s->state);
    if (r < 0) {
        fprintf(stderr, "ioscc %s: cannot write the state in %s: %s: no setting of this host was changed\n",
                s->command->name, s->state.dir, strerror(-r));
        return EXIT_SYSTEM;
    }
    PTRLIST_FOR (struct host_setting, h, wanted) {
        r = host_setting_write(h->path, h->want);
        if (r == 0 && h->is == h->want)
            continue;
        if (r == 0) {
            buf_printf(said, "%s is %d now, was %d.\n", host_setting_name(h->path, name), h->want, h->is);
            continue;
        }
        fprintf(stderr, "ioscc %s: %s cannot be set to %d: %s\n", s->command->name, host_setting_name(h->path, name),
                h->want, strerror(-r));
        code = EXIT_SYSTEM;
    }
    return code;
}

/* The state is root's, and yet: nothing but a setting of the network is written. */
static bool is_of_network(const char *path)
{
    return strncmp(path, BELOW "net/", strlen(BELOW "net/")) == 0 && !strstr(path, "/../");
}

/* Somebody has made the host forward since, by the setting that is for all links. */
static bool is_forwarding_of_all(const struct session *s, const struct state_setting *o)
{
    const size_t n = strlen(o->path);
    bool is_of_link = strstr(o->path, "/ipv4/conf/") && n > 11 && strcmp(o->path + n - 11, "/forwarding") == 0;
    PTRLIST_FOR (struct state_setting, all, &s->state.settings) {
        if (is_of_link && strcmp(all->path, HOST_SETTING_IP_FORWARD) == 0 && all->was == 0 && all->is == 1)
            return true;
    }
    return false;
}

/* One setting may set others (those of all links): which are as they were set is looked at before any is put back. */
void host_setup_undo(struct session *s)
{
    char name[HOST_SETTING_NAME_MAX];
    PTRLIST_FOR (struct state_setting, o, &s->state.settings) {
        o->is = SETTING_GONE;
        if (is_of_network(o->path) && access(o->path, F_OK) == 0 && host_setting_read(o->path, &o->is) < 0)
            o->is = SETTING_GONE;
    }
    PTRLIST_FOR (struct state_setting, o, &s->state.settings) {
        const char *what = host_setting_name(o->path, name);
        bool is_back = o->is == o->was && o->was != o->set;
        bool is_noted = o->was == o->set && o->is != o->set; /* that another one had */
        if (o->is == SETTING_GONE || is_back || is_noted || is_forwarding_of_all(s, o))
            continue; /* its link has gone, or whoever was ended in the middle has put it back */
        if (o->is != o->set)
            fprintf(stderr, "ioscc %s: %s is not what ioscc had set any more: it stays\n", s->command->name, what);
        else if (host_setting_write(o->path, o->was) < 0)
            fprintf(stderr, "ioscc %s: %s cannot be put back to %d\n", s->command->name, what, o->was);
        else if (o->was != o->set) /* else it is written as one of those before may have set it too */
            fprintf(stderr, "ioscc %s: %s is %d again\n", s->command->name, what, o->was);
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
