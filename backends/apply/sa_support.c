/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/apply/sa_support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/xfrm/probe.h"

/* In the child, whose memory is a copy: the set's place is the parent's too. */
static void tell(void *ctx, const struct transform_set *set, int error, const char *words)
{
    struct sa_refused r = {.set = set, .error = error};
    const bool is_of_host = error == -ENOMEM || error == -ENOBUFS || error == -EPERM;
    snprintf(r.words, sizeof r.words, "%s", words);
    if (!is_of_host)
        (void)!write(*(const int *)ctx, &r, sizeof r); /* shorter than PIPE_BUF: whole or not at all */
}

static void try_in_child(const struct target *t, int to)
{
    struct netlink n;
    bool is_alone = unshare(CLONE_NEWNET) == 0;
    if (is_alone && netlink_open(&n, NETLINK_XFRM) == 0)
        xfrm_probe(&n, t, tell, &to);
    _exit(0);
}

void sa_support_ask(struct target *t, struct ptrlist *refused)
{
    int pipes[2];
    struct sa_refused r;
    ssize_t n;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return;
    pid_t child = fork();
    if (child == 0)
        try_in_child(t, pipes[1]);
    close(pipes[1]);
    while ((n = read(pipes[0], &r, sizeof r)) == (ssize_t)sizeof r || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        struct sa_refused *kept = ARENA_NEW(t->arena, struct sa_refused);
        *kept = r;
        ptrlist_add(t->arena, refused, kept);
    }
    close(pipes[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

bool sa_support_lacks(const struct ptrlist *refused, const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct sa_refused, r, refused) {
        PTRLIST_FOR (struct ir_ref, set, &e->sa.transform_sets) {
            if (set->target == r->set)
                return true;
        }
    }
    return false;
}
