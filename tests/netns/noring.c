/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For LD_PRELOAD: a libuv that insists on what newer ones need. No io_uring may be had once uv_loop_init() is reached,
 * or the sandbox refuses it later and libuv aborts. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int loop_init_fn(void *loop);

int uv_loop_init(void *loop)
{
    char params[120] = {0};
    union {
        void *p;
        loop_init_fn *f;
    } real = {.p = dlsym(RTLD_NEXT, "uv_loop_init")};
    if (syscall(SYS_io_uring_setup, 8, params) >= 0 || errno != ENOSYS || !real.p) {
        fputs("noring: io_uring_setup is not refused before uv_loop_init\n", stderr);
        abort();
    }
    return real.f(loop);
}
