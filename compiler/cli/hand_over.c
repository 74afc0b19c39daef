/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/hand_over.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/ike/daemon/pass.h"
#include "compiler/cli/ask.h"

static json_t *ask(const struct command *c, const char *state_dir, int file)
{
    char text[4096];
    int fd = ask_connect(c, state_dir, DAEMON_RELOAD_SOCKET, SOCK_SEQPACKET), none = -1;
    if (fd < 0)
        return NULL;
    bool has_answer = pass_send(fd, "reload", file) && pass_take(fd, text, sizeof text, &none) > 0;
    int error = has_answer ? 0 : errno;
    json_t *out = has_answer ? json_loads(text, 0, NULL) : NULL;
    if (!out)
        ask_failed(c, state_dir, error);
    if (none >= 0)
        close(none);
    close(fd);
    return out;
}

static long long number(const json_t *a, const char *key)
{
    return (long long)json_integer_value(json_object_get(a, key));
}

int hand_over(const struct command *c, const char *state_dir, const struct buf *policy, struct hand_over_told *out)
{
    int file = pass_file(policy);
    if (file < 0) {
        fprintf(stderr, "ioscc %s: %s\n", c->name, strerror(-file));
        return EXIT_SYSTEM;
    }
    json_t *a = ask(c, state_dir, file);
    close(file);
    if (!a)
        return EXIT_SYSTEM;
    const char *bad = json_string_value(json_object_get(a, "error"));
    if (bad)
        fprintf(stderr, "ioscc %s: %s\n", c->name, bad);
    *out = (struct hand_over_told){number(a, "sas_kept"), number(a, "sas_ended"), number(a, "children_kept"),
                                   number(a, "children_ended")};
    int code = bad ? EXIT_SYSTEM : EXIT_CLEAN;
    json_decref(a);
    return code;
}
