/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(struct source *s, int fd, size_t hint)
{
    size_t cap = hint + 4096, len = 0;
    char *p = malloc(cap + 2);
    if (!p)
        return -ENOMEM;
    for (;;) {
        if (len == cap) {
            cap *= 2;
            char *q = cap <= SOURCE_MAX * 2 ? realloc(p, cap + 2) : NULL;
            if (!q) {
                free(p);
                return -ENOMEM;
            }
            p = q;
        }
        ssize_t n = read(fd, p + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = -errno;
            free(p);
            return e;
        }
        if (n == 0)
            break;
        len += (size_t)n;
        if (len >= SOURCE_MAX) {
            free(p);
            return -EFBIG;
        }
    }
    p[len] = p[len + 1] = '\0';
    s->text = p;
    s->len = (uint32_t)len;
    return 0;
}

/* UTF-16 with a byte order mark becomes UTF-8: some editors of Windows save configurations so. Offsets are then those
 * of the UTF-8 text. */
static int from_utf16(struct source *s)
{
    const unsigned char *in = (const unsigned char *)s->text;
    if (s->len < 4 || !((in[0] == 0xff && in[1] == 0xfe) || (in[0] == 0xfe && in[1] == 0xff)))
        return 0;
    bool little = in[0] == 0xff;
    unsigned char *out = malloc((size_t)s->len * 2 + 2), *o = out; /* at most 3 bytes for 2 */
    if (!out)
        return -ENOMEM;
    for (uint32_t i = 2; i + 1 < s->len; i += 2) {
        uint32_t c = little ? (uint32_t)in[i] | (uint32_t)in[i + 1] << 8 : (uint32_t)in[i] << 8 | in[i + 1];
        if (c >= 0xd800 && c < 0xe000)
            c = 0xfffd; /* surrogates: nothing of IOS lies beyond the basic plane */
        if (c < 0x80) {
            *o++ = (unsigned char)c;
        } else if (c < 0x800) {
            *o++ = (unsigned char)(0xc0 | c >> 6);
            *o++ = (unsigned char)(0x80 | (c & 0x3f));
        } else {
            *o++ = (unsigned char)(0xe0 | c >> 12);
            *o++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
            *o++ = (unsigned char)(0x80 | (c & 0x3f));
        }
    }
    o[0] = o[1] = 0;
    explicit_bzero(s->text, s->len);
    free(s->text);
    s->text = (char *)out;
    s->len = (uint32_t)(o - out);
    return 0;
}

int source_read(struct source *s, const char *path)
{
    memset(s, 0, sizeof *s);
    s->name = path;
    if (strcmp(path, "-") == 0) {
        int e = read_all(s, STDIN_FILENO, 0);
        return e ? e : from_utf16(s);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (!r && S_ISDIR(st.st_mode))
        r = -EISDIR;
    else if (!r && !S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        r = -EINVAL;
    else if (!r && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= SOURCE_MAX)
        r = -EFBIG;
    if (!r)
        r = read_all(s, fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0);
    close(fd);
    return r ? r : from_utf16(s);
}

int source_from_memory(struct source *s, const char *name, const char *text, size_t len)
{
    memset(s, 0, sizeof *s);
    s->name = name;
    if (len >= SOURCE_MAX || !(s->text = malloc(len + 2)))
        return -ENOMEM;
    if (len)
        memcpy(s->text, text, len);
    s->text[len] = s->text[len + 1] = '\0';
    s->len = (uint32_t)len;
    return 0;
}

static void build_lines(struct source *s)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < s->len; i++)
        n += s->text[i] == '\n';
    s->line_starts = malloc(n * sizeof *s->line_starts);
    if (!s->line_starts)
        return;
    s->line_starts[0] = 0;
    s->nlines = 1;
    for (uint32_t i = 0; i < s->len; i++)
        if (s->text[i] == '\n')
            s->line_starts[s->nlines++] = i + 1;
}

struct location source_locate(struct source *s, uint32_t off)
{
    if (!s->line_starts)
        build_lines(s);
    if (!s->line_starts) /* out of memory: the offset is still better than nothing */
        return (struct location){.line = 1, .column = off + 1};
    if (off > s->len)
        off = s->len;
    uint32_t lo = 0, hi = s->nlines;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->line_starts[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    uint32_t start = s->line_starts[lo];
    uint32_t end = lo + 1 < s->nlines ? s->line_starts[lo + 1] - 1 : s->len;
    if (end > start && s->text[end - 1] == '\r')
        end--;
    if (lo == 0 && s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
        start = end < 3 ? end : 3;
    uint32_t col = 1;
    for (uint32_t i = start; i < off && i < end; i++)
        col += ((unsigned char)s->text[i] & 0xc0) != 0x80;
    return (struct location){lo + 1, col, {s->text + start, end - start}};
}

bool source_is_text(const struct source *s)
{
    uint32_t n = s->len < 65536 ? s->len : 65536, odd = 0;
    if (memchr(s->text, 0, n))
        return false;
    n = n < 8192 ? n : 8192;
    for (uint32_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s->text[i];
        /* ^C closes banners, BS and ESC come from terminals, CR LF TAB FF are ordinary */
        odd += c < 32 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 3 && c != 8 && c != 27;
    }
    return odd * 20 <= n;
}

void source_free(struct source *s)
{
    if (s->text)
        explicit_bzero(s->text, s->len);
    free(s->text);
    free(s->line_starts);
    memset(s, 0, sizeof *s);
}
