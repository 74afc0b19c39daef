/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enters the sandbox that is named and tries what would lead out of it; prints the names of what is not refused. Of the
 * release build: sanitized ones are allowed more. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/ike/daemon/sandbox.h"

static pid_t parent;

static bool kind_of_socket(int domain, int type, int protocol)
{
    int fd = socket(domain, type, protocol);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool pair_of(int type)
{
    int fd[2];
    if (socketpair(AF_UNIX, type, 0, fd) < 0)
        return false;
    close(fd[0]);
    close(fd[1]);
    return true;
}

/* Who listens at an abstract address, which no permission of a file keeps from. */
static struct sockaddr_un listener = {.sun_family = AF_UNIX, .sun_path = "\0ioscc-sandbox"};

static void listen_there(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(listener.sun_path + 1, sizeof listener.sun_path - 1, "ioscc-sandbox-%d", getpid());
    if (fd < 0 || bind(fd, (struct sockaddr *)&listener, sizeof listener) < 0 || listen(fd, 1) < 0)
        exit(3);
}

/* A pair of streams that is to be connected elsewhere. */
static bool pair_elsewhere(void)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
        return false;
    bool ok = connect(fd[0], (struct sockaddr *)&listener, sizeof listener) == 0;
    close(fd[0]);
    close(fd[1]);
    return ok;
}

static bool opened(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool listening(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && listen(fd, 1) == 0;
}

static bool bound(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
}

/* Refused by the filter is EPERM; another error means that the call was made. */
static bool made(long r)
{
    return r >= 0 || errno != EPERM;
}

static bool forked(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return pid >= 0;
}

static bool limited(void)
{
    const struct rlimit l = {1, 1};
    return made(syscall(SYS_prlimit64, parent, RLIMIT_CORE, &l, NULL));
}

static bool read_other(void)
{
    char c;
    struct iovec here = {&c, 1}, there = {&c, 1};
    return made(process_vm_readv(parent, &here, 1, &there, 1, 0));
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [SANDBOX_PRIVILEGED] = "privileged", [SANDBOX_WATCH] = "watch",     [SANDBOX_KEYS] = "keys",
        [SANDBOX_FETCH] = "fetch",           [SANDBOX_FETCHER] = "fetcher", [SANDBOX_NETWORK] = "network"};
    const char *const nothing[] = {NULL};
    unsigned which = 0;
    while (which < sizeof names / sizeof *names && argc == 2 && strcmp(names[which], argv[1]) != 0)
        which++;
    if (argc != 2 || which == sizeof names / sizeof *names)
        return 2;
    parent = getppid();
    listen_there();
    int r = sandbox_enter((enum sandbox)which);
    if (r < 0) {
        printf("%s\n", strerror(-r));
        return 3;
    }
    errno = 0;
#define TRY(name, what) (what) ? (void)puts(name) : (void)0
    TRY("read a file", opened("/etc/passwd", O_RDONLY));
    TRY("write a file", opened("/tmp/ioscc-sandbox", O_WRONLY | O_CREAT));
    TRY("make a file without a name", opened("/tmp", O_WRONLY | O_TMPFILE));
    TRY("tcp", kind_of_socket(AF_INET, SOCK_STREAM, 0));
    TRY("udp", kind_of_socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
    TRY("raw", kind_of_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    TRY("mptcp", kind_of_socket(AF_INET, SOCK_STREAM, 262));
    TRY("udplite", kind_of_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
    TRY("packet", kind_of_socket(AF_PACKET, SOCK_DGRAM, 0));
    TRY("netlink", kind_of_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    TRY("unix stream", kind_of_socket(AF_UNIX, SOCK_STREAM, 0));
    TRY("unix datagram", kind_of_socket(AF_UNIX, SOCK_DGRAM, 0));
    TRY("vsock", kind_of_socket(AF_VSOCK, SOCK_STREAM, 0));
    TRY("pair of streams", pair_of(SOCK_STREAM));
    TRY("pair of packets", pair_of(SOCK_SEQPACKET));
    TRY("pair of datagrams", pair_of(SOCK_DGRAM));
    TRY("pair connected elsewhere", pair_elsewhere());
    TRY("listen", listening());
    TRY("bind", bound());
    TRY("fork", forked());
    TRY("execve", made(execve("/bin/true", (char *const *)(uintptr_t)nothing, (char *const *)(uintptr_t)nothing)));
    TRY("terminate another", made(kill(parent, SIGTERM + 1000)));
    TRY("signal another's thread", made(syscall(SYS_tgkill, parent, parent, 0)));
    TRY("ptrace", made(ptrace(PTRACE_ATTACH, parent, NULL, NULL)));
    TRY("read another's memory", read_other());
    TRY("limit another", limited());
    TRY("type into a terminal", made(ioctl(0, TIOCSTI, "x")));
    TRY("become dumpable", made(prctl(PR_SET_DUMPABLE, 1)));
    TRY("unshare", made(syscall(SYS_unshare, 0)));
    TRY("clone into a namespace", made(syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0)));
    TRY("mount", made(mount("x", "/x", "tmpfs", 0, NULL)));
    TRY("io_uring", made(syscall(SYS_io_uring_setup, 1, NULL)));
    TRY("bpf", made(syscall(SYS_bpf, 0, NULL, 0)));
    TRY("keyctl", made(syscall(SYS_keyctl, 0)));
    TRY("setuid", made(syscall(SYS_setresuid, 0, 0, 0)));
    return 0;
}
