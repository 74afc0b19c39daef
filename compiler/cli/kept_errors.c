/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/kept_errors.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void close_both(struct kept_errors *k)
{
    if (k->real >= 0)
        close(k->real);
    if (k->memory >= 0)
        close(k->memory);
    k->real = k->memory = -1;
}

void kept_errors_begin(struct kept_errors *k)
{
    fflush(stderr);
    k->memory = memfd_create("ioscc-stderr", MFD_CLOEXEC);
    k->real = k->memory < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (k->real < 0 || dup2(k->memory, STDERR_FILENO) < 0)
        close_both(k);
}

void kept_errors_end(struct kept_errors *k)
{
    char text[4096];
    ssize_t n;
    if (k->real < 0)
        return;
    fflush(stderr);
    (void)!dup2(k->real, STDERR_FILENO);
    for (off_t at = 0; (n = pread(k->memory, text, sizeof text, at)) > 0; at += n)
        fwrite(text, 1, (size_t)n, stderr);
    close_both(k);
}
