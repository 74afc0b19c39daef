/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/harmless.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ESC 0x1b
#define SEQUENCE_MAX 8

/* lint/reporters/text.c paints with these. */
static const char *const own[] = {"\033[0m",    "\033[1m",    "\033[1;31m", "\033[1;32m",
                                  "\033[1;34m", "\033[1;35m", "\033[1;36m"};

static bool never_waits;
static const char lost[] = "(here something is missing: nobody has read it)\n";

struct stream {
    int fd;
    uint8_t held[SEQUENCE_MAX]; /* the beginning of a sequence whose end has not come yet */
    unsigned n_held;
    char out[2048];
    size_t n_out;
    bool failed, has_lost;
};

/* Up to PIPE_BUF, which `out` is smaller than, a write to a pipe that has room does not wait. */
static bool has_room(const struct stream *s)
{
    struct pollfd v = {s->fd, POLLOUT, 0};
    return !never_waits || poll(&v, 1, 0) != 0;
}

static void flush_out(struct stream *s)
{
    if (!has_room(s)) {
        s->has_lost |= s->n_out != 0;
        s->n_out = 0;
        return;
    }
    if (s->has_lost)
        (void)!write(s->fd, lost, sizeof lost - 1);
    s->has_lost = false;
    for (size_t at = 0; at < s->n_out && !s->failed;) {
        ssize_t n = write(s->fd, s->out + at, s->n_out - at);
        s->failed = n < 0 && errno != EINTR;
        at += n > 0 ? (size_t)n : 0;
    }
    s->n_out = 0;
}

static void put(struct stream *s, const uint8_t *p, unsigned n)
{
    if (s->n_out + n > sizeof s->out)
        flush_out(s);
    memcpy(s->out + s->n_out, p, n);
    s->n_out += n;
}

/* Bytes of a UTF-8 sequence by its first one; 0: it is none. */
static unsigned length_of(uint8_t first)
{
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xc2 && first < 0xe0 ? 2 : 0;
}

static uint32_t code_point(const uint8_t *p, unsigned n)
{
    static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = p[0] & first[n];
    for (unsigned i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* Unicode: C1; LRM, RLM, ALM; embeddings, overrides and isolates (UAX #9). */
static bool is_forbidden(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

enum state { STATE_OPEN, STATE_FITS, STATE_NOT };

static enum state judge_escape(const struct stream *s)
{
    enum state state = STATE_NOT;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (s->n_held > strlen(own[i]) || memcmp(own[i], s->held, s->n_held) != 0)
            continue;
        if (strlen(own[i]) == s->n_held)
            return STATE_FITS;
        state = STATE_OPEN;
    }
    return state;
}

static enum state judge_utf8(const struct stream *s)
{
    const unsigned n = length_of(s->held[0]);
    for (unsigned i = 1; i < s->n_held; i++)
        if ((s->held[i] & 0xc0) != 0x80)
            return STATE_NOT;
    if (s->n_held < n)
        return STATE_OPEN;
    return is_forbidden(code_point(s->held, n)) ? STATE_NOT : STATE_FITS;
}

/* Bytes of other character sets go through, but for those that are controls there as well. */
static enum state judge(const struct stream *s)
{
    const uint8_t c = s->held[0];
    if (c == ESC)
        return judge_escape(s);
    if (length_of(c))
        return judge_utf8(s);
    bool is_control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || (c >= 0x80 && c < 0xa0);
    return is_control ? STATE_NOT : STATE_FITS;
}

static bool is_whole_utf8(const struct stream *s)
{
    unsigned n = length_of(s->held[0]);
    for (unsigned i = 1; i < n; i++)
        if (i >= s->n_held || (s->held[i] & 0xc0) != 0x80)
            return false;
    return n != 0;
}

/* The first byte, or the whole character, is not let through; what is behind it is looked at anew. */
static void take_away(struct stream *s)
{
    static const uint8_t mark = '?';
    const unsigned n = is_whole_utf8(s) ? length_of(s->held[0]) : 1;
    bool is_other_set = n == 1 && s->held[0] >= 0xa0;
    put(s, is_other_set ? s->held : &mark, 1);
    s->n_held -= n;
    memmove(s->held, s->held + n, s->n_held);
}

static void take(struct stream *s, uint8_t c)
{
    s->held[s->n_held++] = c;
    while (s->n_held) {
        const enum state state = judge(s);
        if (state == STATE_OPEN)
            return;
        if (state == STATE_FITS) {
            const unsigned n = length_of(s->held[0]) || s->held[0] == ESC ? s->n_held : 1;
            put(s, s->held, n);
            s->n_held -= n;
            memmove(s->held, s->held + n, s->n_held);
        } else {
            take_away(s);
        }
    }
}

static ssize_t write_harmless(void *cookie, const char *p, size_t n)
{
    struct stream *s = cookie;
    s->failed = false;
    for (size_t i = 0; i < n; i++)
        take(s, (uint8_t)p[i]);
    flush_out(s);
    return s->failed ? 0 : (ssize_t)n;
}

static FILE *open_harmless(struct stream *s, int fd)
{
    const cookie_io_functions_t io = {.write = write_harmless};
    *s = (struct stream){.fd = fd};
    return fopencookie(s, "w", io);
}

void harmless_never_wait(void)
{
    never_waits = true;
}

bool harmless_begin(void)
{
    static struct stream streams[2];
    FILE *out = open_harmless(&streams[0], STDOUT_FILENO), *err = open_harmless(&streams[1], STDERR_FILENO);
    if (!out || !err)
        return false;
    setvbuf(out, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    setvbuf(err, NULL, _IONBF, 0);
    stdout = out;
    stderr = err;
    return true;
}
