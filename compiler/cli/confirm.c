/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_S 86400
#define LOG_NAME "rollback.log"
#define ROOM_FOR_STATE 32768 /* bytes: state.json, and what goes back writes of itself */

int confirm_option(const struct command *c, const char *value, unsigned *seconds)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(value, &end, 10);
    bool is_number = !errno && !*end && end != value && *value != '-';
    if (!is_number || v == 0 || v > LONGEST_S)
        return cli_usage_error(c, "--confirm takes 1 to %u seconds, not '%s'", LONGEST_S, value);
    *seconds = (unsigned)v;
    return EXIT_CLEAN;
}

static time_t boot_now(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_BOOTTIME, &t) == 0 ? t.tv_sec : 0;
}

/* Another one after each start of the host; 0: it cannot be read. */
static uint64_t boot_id(void)
{
    uint64_t id = 0;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re"); /* "3b8e2f6c-…": half of it tells them apart */
    unsigned first = 0, second = 0, third = 0;
    if (f && fscanf(f, "%8x-%4x-%4x", &first, &second, &third) == 3)
        id = (uint64_t)(first & 0x7fffffff) << 32 | second << 16 | third; /* JSON's integers have a sign */
    if (f)
        fclose(f);
    return id;
}

static time_t on_boot_clock(time_t deadline)
{
    return deadline ? boot_now() + (deadline - time(NULL)) : 0;
}

void confirm_note(struct state *st, time_t deadline)
{
    bool is_noted = deadline && deadline == st->confirm_by && st->confirm_boot;
    st->confirm_by = deadline;
    if (!is_noted) {
        st->confirm_boot = on_boot_clock(deadline);
        st->boot = deadline ? boot_id() : 0;
    }
}

void confirm_say_why(struct state *st)
{
    struct source log;
    if (source_read(&log, state_path(st, LOG_NAME)) < 0)
        return;
    if (log.len)
        printf("It is tried again every few seconds, and says:\n%.*s", (int)(log.len < 2000 ? log.len : 2000),
               log.text);
    source_free(&log);
}

void confirm_log_anew(void)
{
    struct stat st;
    bool is_file = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    fflush(NULL);
    if (is_file && ftruncate(STDOUT_FILENO, 0) == 0)
        lseek(STDOUT_FILENO, 0, SEEK_SET);
}

bool confirm_is_late(const struct state *st)
{
    if (!st->confirm_by || !st->confirm_boot)
        return st->confirm_by && st->confirm_by < time(NULL);
    const uint64_t now = boot_id();
    bool has_restarted = now && st->boot && st->boot != now; /* the host: the clock is another one */
    return has_restarted || st->confirm_boot < boot_now();
}

void confirm_wait(time_t deadline, time_t deadline_boot)
{
    const time_t until = deadline_boot ? deadline_boot : on_boot_clock(deadline);
    for (time_t now; (now = boot_now()) < until;) {
        const struct timespec rest = {.tv_sec = until - now};
        int r = clock_nanosleep(CLOCK_BOOTTIME, 0, &rest, NULL); /* a host that sleeps counts on */
        if (r != 0 && r != EINTR)
            sleep(1);
    }
}

time_t confirm_deadline(unsigned seconds)
{
    return seconds ? time(NULL) + (time_t)seconds : 0;
}

/* The process that goes back, in its own words. Returns only where it cannot begin: with errno. */
static void become_watchdog(const struct state *st, const char *log, time_t deadline)
{
    char at[32], at_boot[32];
    snprintf(at, sizeof at, "%lld", (long long)deadline);
    snprintf(at_boot, sizeof at_boot, "%lld", (long long)on_boot_clock(deadline));
    umask(077);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    bool is_open = in >= 0 && out >= 0;
    if (!is_open || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
        return;
    if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0) /* whatever is open is not for it */
        return;
    execl("/proc/self/exe", "ioscc", "rollback", "--state-dir", st->dir, "--at", at, "--at-boot", at_boot,
          (char *)NULL);
}

/* What it has to say is in rollback.log beside the state. It runs when it has begun, not when it was forked: the pipe
 * ends without a word then. 0 or a negative errno. */
static int start(struct state *st, time_t deadline)
{
    const char *log = state_path(st, LOG_NAME);
    int told[2], why = 0;
    if (pipe2(told, O_CLOEXEC) < 0)
        return -errno;
    fflush(NULL); /* else both would print it */
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() > 0)
            _exit(0);
        become_watchdog(st, log, deadline);
        why = errno;
        (void)!write(told[1], &why, sizeof why);
        _exit(3);
    }
    why = child < 0 ? errno : 0;
    close(told[1]);
    ssize_t n;
    while ((n = read(told[0], &why, sizeof why)) < 0 && errno == EINTR)
        ;
    close(told[0]);
    return n < 0 ? -EIO : -why;
}

/* What stands is ours, and the state that says what it is has been lost: to go back to what the state says would be to
 * take it away. */
static bool has_nothing_to_go_back_to(const struct session *s)
{
    const struct xfrm_diff *d = &s->apply.xfrm_diff;
    return !s->state.current.file && !s->state.applying && d->same + d->changed + d->removed;
}

int confirm_reserve(struct session *s, time_t deadline)
{
    if (deadline && has_nothing_to_go_back_to(s)) {
        fprintf(
            stderr,
            "ioscc %s: %s does not know what stands here, so that there is nothing to go back to: nothing is touched\n"
            "First the same without --confirm, of the configuration that stands.\n",
            s->command->name, s->state.dir);
        return EXIT_FINDINGS;
    }
    int r = deadline ? state_reserve(&s->state, 2 * (s->compiled.source.len + ROOM_FOR_STATE)) : 0;
    if (r == 0)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: no room in %s for going back: %s: nothing is touched\n", s->command->name, s->state.dir,
            strerror(-r));
    return EXIT_SYSTEM;
}

int confirm_start(struct session *s, time_t deadline)
{
    int r = deadline ? start(&s->state, deadline) : 0;
    if (r == 0)
        return EXIT_CLEAN;
    fprintf(stderr, "ioscc %s: cannot start the process that would go back, which writes %s: %s: nothing is touched\n",
            s->command->name, state_path(&s->state, LOG_NAME), strerror(-r));
    return EXIT_SYSTEM;
}

void confirm_say(struct buf *b, const struct session *s, time_t deadline, unsigned seconds)
{
    if (!deadline)
        return;
    buf_printf(b, "Goes back in %u seconds unless 'ioscc confirm' comes.\n", seconds);
    if (!s->state.previous.file)
        buf_puts(b, "Before it nothing was applied: then nothing is protected here.\n");
}
