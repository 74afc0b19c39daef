/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

/* What every process needs to go on and to end. */
static const int common[] = {SCMP_SYS(read),         SCMP_SYS(write),           SCMP_SYS(writev),
                             SCMP_SYS(close),        SCMP_SYS(recvfrom),        SCMP_SYS(recvmsg),
                             SCMP_SYS(sendto),       SCMP_SYS(sendmsg),         SCMP_SYS(brk),
                             SCMP_SYS(mmap),         SCMP_SYS(munmap),          SCMP_SYS(mremap),
                             SCMP_SYS(madvise),      SCMP_SYS(futex),           SCMP_SYS(exit),
                             SCMP_SYS(exit_group),   SCMP_SYS(rt_sigreturn),    SCMP_SYS(rt_sigprocmask),
                             SCMP_SYS(rt_sigaction), SCMP_SYS(clock_gettime),   SCMP_SYS(clock_nanosleep),
                             SCMP_SYS(nanosleep),    SCMP_SYS(getpid),          SCMP_SYS(gettid),
                             SCMP_SYS(time),         SCMP_SYS(restart_syscall), SCMP_SYS(gettimeofday)};
static const int privileged[] = {SCMP_SYS(unlink),     SCMP_SYS(unlinkat), SCMP_SYS(getsockname),  SCMP_SYS(setsockopt),
                                 SCMP_SYS(getsockopt), SCMP_SYS(poll),     SCMP_SYS(ppoll),        SCMP_SYS(accept4),
                                 SCMP_SYS(pread64),    SCMP_SYS(umask),    SCMP_SYS(memfd_create), SCMP_SYS(fstat),
                                 SCMP_SYS(newfstatat), SCMP_SYS(waitid)}; /* how its children have ended */
static const int keys[] = {SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64), SCMP_SYS(memfd_create),
                           SCMP_SYS(getrandom)};
static const int network[] = {SCMP_SYS(poll),
                              SCMP_SYS(ppoll),
                              SCMP_SYS(epoll_wait),
                              SCMP_SYS(epoll_pwait),
                              SCMP_SYS(epoll_ctl),
                              SCMP_SYS(accept4),
                              SCMP_SYS(shutdown),
                              SCMP_SYS(getsockname),
                              SCMP_SYS(getsockopt),
                              SCMP_SYS(getrandom),
                              SCMP_SYS(newfstatat),
                              SCMP_SYS(fstat),
                              SCMP_SYS(lseek),
                              SCMP_SYS(pread64),
                              SCMP_SYS(mprotect),
                              SCMP_SYS(rseq),
                              SCMP_SYS(set_robust_list),
                              SCMP_SYS(sigaltstack),
                              SCMP_SYS(sched_yield),
                              SCMP_SYS(sched_getaffinity),
                              SCMP_SYS(eventfd2),
                              SCMP_SYS(pipe2),
                              SCMP_SYS(timerfd_settime),
                              SCMP_SYS(set_tid_address),
                              SCMP_SYS(getuid),
                              SCMP_SYS(geteuid),
                              SCMP_SYS(getgid),
                              SCMP_SYS(getegid)};
/* Of a child that fetches; its template needs them too, for a filter holds for what is forked. */
static const int fetcher[] = {
    SCMP_SYS(poll),        SCMP_SYS(ppoll),       SCMP_SYS(connect),   SCMP_SYS(setsockopt),   SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(eventfd2),  SCMP_SYS(memfd_create), SCMP_SYS(pread64),
    SCMP_SYS(getrandom),   SCMP_SYS(fstat),       SCMP_SYS(newfstatat)};
/* Of the template, and of a child until it has read the resolver's configuration. */
static const int fetch[] = {SCMP_SYS(wait4),   SCMP_SYS(seccomp), SCMP_SYS(capget),  SCMP_SYS(capset),
                            SCMP_SYS(geteuid), SCMP_SYS(getuid),  SCMP_SYS(getegid), SCMP_SYS(getgid),
                            SCMP_SYS(lseek),   SCMP_SYS(uname),   SCMP_SYS(rseq),    SCMP_SYS(set_robust_list),
                            SCMP_SYS(statx)};
#ifndef __SANITIZE_ADDRESS__
#define MAY_DUMP 0
#else
#define MAY_DUMP 1 /* the leak check reads /proc/self */
/* the leak check at the end of sanitized builds */
static const int sanitizers[] = {SCMP_SYS(openat),
                                 SCMP_SYS(open),
                                 SCMP_SYS(readlink),
                                 SCMP_SYS(readlinkat),
                                 SCMP_SYS(getdents64),
                                 SCMP_SYS(getdents),
                                 SCMP_SYS(ptrace),
                                 SCMP_SYS(wait4),
                                 SCMP_SYS(waitid),
                                 SCMP_SYS(kill),
                                 SCMP_SYS(getppid),
                                 SCMP_SYS(clone),
                                 SCMP_SYS(prctl),
                                 SCMP_SYS(stat),
                                 SCMP_SYS(fstat),
                                 SCMP_SYS(newfstatat),
                                 SCMP_SYS(sigaltstack),
                                 SCMP_SYS(sched_yield),
                                 SCMP_SYS(process_vm_readv),
                                 SCMP_SYS(capget),
                                 SCMP_SYS(dup2),
                                 SCMP_SYS(mprotect),
                                 SCMP_SYS(prlimit64),
                                 SCMP_SYS(lseek),
                                 SCMP_SYS(ioctl),
                                 SCMP_SYS(fcntl),
                                 SCMP_SYS(socketpair)};
#endif

static int allow(scmp_filter_ctx c, const int *v, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, v[i], 0);
    return r;
}
#define ALLOW(c, v) allow(c, v, sizeof(v) / sizeof *(v))

struct allowed_value {
    int call;
    unsigned argument;
    uint64_t value;
};

static int allow_value(scmp_filter_ctx c, const struct allowed_value *v)
{
    const struct scmp_arg_cmp a = {.arg = v->argument, .op = SCMP_CMP_EQ, .datum_a = v->value};
    return seccomp_rule_add_array(c, SCMP_ACT_ALLOW, v->call, 1, &a);
}

static int allow_values(scmp_filter_ctx c, const struct allowed_value *v, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = allow_value(c, &v[i]);
    return r;
}
#define ALLOW_VALUES(c, v) allow_values(c, v, sizeof(v) / sizeof *(v))

#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/* One kind of socket: domain, type, protocol. */
static int allow_socket(scmp_filter_ctx c, int call, int domain, int type, int protocol)
{
    const struct scmp_arg_cmp a[] = {SCMP_A0(SCMP_CMP_EQ, (uint64_t)domain),
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, (uint64_t)(uint32_t)~TYPE_FLAGS, (uint64_t)type),
                                     SCMP_A2(SCMP_CMP_EQ, (uint64_t)protocol)};
    return seccomp_rule_add_array(c, SCMP_ACT_ALLOW, call, 3, a);
}

/* TCP and UDP to anywhere, and pairs that cannot be connected elsewhere: of joined streams, and in the template those
 * to its children. */
static int connections(scmp_filter_ctx c, bool is_template)
{
    static const struct allowed_value v[] = {{SCMP_SYS(ioctl), 1, FIONBIO},
                                             {SCMP_SYS(fcntl), 1, F_GETFL},
                                             {SCMP_SYS(fcntl), 1, F_SETFL},
                                             {SCMP_SYS(fcntl), 1, F_GETFD},
                                             {SCMP_SYS(fcntl), 1, F_SETFD}};
    static const struct {
        int domain, type, protocol;
    } kinds[] = {{AF_INET, SOCK_STREAM, 0},  {AF_INET, SOCK_STREAM, IPPROTO_TCP},
                 {AF_INET, SOCK_DGRAM, 0},   {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
                 {AF_INET6, SOCK_STREAM, 0}, {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
                 {AF_INET6, SOCK_DGRAM, 0},  {AF_INET6, SOCK_DGRAM, IPPROTO_UDP}};
    int r = ALLOW_VALUES(c, v);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds && r == 0; i++)
        r = allow_socket(c, SCMP_SYS(socket), kinds[i].domain, kinds[i].type, kinds[i].protocol);
    if (r == 0)
        r = allow_socket(c, SCMP_SYS(socketpair), AF_UNIX, SOCK_STREAM, 0);
    if (r == 0 && is_template)
        r = allow_socket(c, SCMP_SYS(socketpair), AF_UNIX, SOCK_SEQPACKET, 0);
    return r;
}

/* Signals to ourselves (abort), and to nobody else: others run as the same user. */
static int own_signals(scmp_filter_ctx c)
{
    return allow_value(c, &(struct allowed_value){SCMP_SYS(tgkill), 0, (uint64_t)getpid()});
}

#ifndef __SANITIZE_ADDRESS__
/* Calls that would reach beyond the process with other arguments: a terminal's input, another's limits, whom a
 * descriptor sends signals to. */
static int arguments(scmp_filter_ctx c)
{
    static const struct allowed_value v[] = {
        {SCMP_SYS(ioctl), 1, FIONBIO},        {SCMP_SYS(ioctl), 1, FIOCLEX}, {SCMP_SYS(ioctl), 1, FIONREAD},
        {SCMP_SYS(ioctl), 1, TCGETS},         {SCMP_SYS(fcntl), 1, F_GETFL}, {SCMP_SYS(fcntl), 1, F_SETFL},
        {SCMP_SYS(fcntl), 1, F_GETFD},        {SCMP_SYS(fcntl), 1, F_SETFD}, {SCMP_SYS(fcntl), 1, F_DUPFD_CLOEXEC},
        {SCMP_SYS(prlimit64), 0, 0 /* us */},
    };
    return ALLOW_VALUES(c, v);
}
#endif

/* The template forks, ends what it has forked, and lets it have a filter of its own; files are read, never written. */
static int children(scmp_filter_ctx c)
{
    static const struct allowed_value v[] = {{SCMP_SYS(prctl), 0, PR_SET_NO_NEW_PRIVS},
                                             {SCMP_SYS(prctl), 0, PR_SET_SECCOMP},
                                             {SCMP_SYS(prctl), 0, PR_SET_PDEATHSIG},
                                             {SCMP_SYS(prlimit64), 0, 0 /* us */},
                                             {SCMP_SYS(kill), 1, SIGKILL}};
    const struct scmp_arg_cmp reading = SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
    int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reading);
    return r ? r : ALLOW_VALUES(c, v);
}

/* Threads (else `forks`: processes), but no namespaces: their flags can be seen in clone() only, and where clone3() is
 * not there libc takes the other. Of prctl() only names are set, so that the process stays one that cannot be dumped.
 */
static int threads(scmp_filter_ctx c, bool forks)
{
    const uint64_t namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    const uint64_t wanted = forks ? 0 : CLONE_THREAD;
    int r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
#ifndef __SANITIZE_ADDRESS__
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces | CLONE_THREAD, wanted));
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
#else
    (void)namespaces, (void)wanted;
#endif
    return r;
}

/* Everything else is answered EPERM: a bug then is a line in the log and not the end of all tunnels. */
static int filter(enum sandbox s)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!c)
        return -ENOMEM;
    int r = ALLOW(c, common);
    if (r == 0 && s == SANDBOX_PRIVILEGED)
        r = ALLOW(c, privileged);
    if (r == 0 && s == SANDBOX_KEYS)
        r = ALLOW(c, keys);
    if (r == 0 && s == SANDBOX_NETWORK)
        r = ALLOW(c, network);
    if (r == 0 && (s == SANDBOX_NETWORK || s == SANDBOX_FETCH))
        r = threads(c, s == SANDBOX_FETCH);
    if (r == 0 && (s == SANDBOX_FETCH || s == SANDBOX_FETCHER))
        r = ALLOW(c, fetcher);
    if (r == 0 && (s == SANDBOX_FETCH || s == SANDBOX_FETCHER))
        r = connections(c, s == SANDBOX_FETCH);
    if (r == 0 && s == SANDBOX_FETCH)
        r = ALLOW(c, fetch);
    if (r == 0 && s == SANDBOX_FETCH)
        r = children(c);
#ifndef __SANITIZE_ADDRESS__
    if (r == 0 && s == SANDBOX_NETWORK)
        r = arguments(c);
#endif
    if (r == 0)
        r = own_signals(c);
#ifdef __SANITIZE_ADDRESS__
    if (r == 0)
        r = ALLOW(c, sanitizers);
#endif
    if (r == 0)
        r = seccomp_load(c);
    seccomp_release(c);
    return r;
}

int sandbox_no_io_uring(void)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    if (!c)
        return -ENOMEM;
    int r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
    if (r == 0)
        r = seccomp_load(c); /* with no_new_privs, so that it needs no CAP_SYS_ADMIN */
    seccomp_release(c);
    return r;
}

static int capabilities(unsigned keep)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct now[2] = {{0}}, less[2] = {{0}};
    if (syscall(SYS_capget, &h, now) < 0)
        return -errno;
    less[0].effective = less[0].permitted = now[0].permitted & keep;
    return syscall(SYS_capset, &h, less) < 0 ? -errno : 0;
}

/* Only root, or who may change users, can become nobody; a service manager may have made the process somebody else's
 * already. */
static int become_nobody(void)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return errno == EPERM ? 0 : -errno; /* root without CAP_SETUID: the capabilities go all the same */
    return 0;
}

int sandbox_enter(enum sandbox s)
{
    bool is_admin = s == SANDBOX_PRIVILEGED || s == SANDBOX_WATCH;
    int r = is_admin ? 0 : become_nobody();
    prctl(PR_SET_DUMPABLE, MAY_DUMP); /* no core with keys in it */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = r ? r : -errno;
    int c = capabilities(is_admin ? 1u << CAP_NET_ADMIN : 0);
    r = r ? r : c;
    return r || s == SANDBOX_WATCH ? r : filter(s); /* it reads files, as the loader does; nobody speaks to it */
}
