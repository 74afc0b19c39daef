/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Terminal captures and pages that hold configurations: prompts, echoed commands, output of other commands, `--More--`,
 * Markdown fences. What a router's prompt introduces decides how the following lines are read.
 */
#include "grammar/reader.h"

bool capture_has_fences(const struct source *src)
{
    const char *p = memchr(src->text, '`', src->len), *end = src->text + src->len;
    unsigned n = 0;
    if (!p)
        return false;
    while (p < end && (p = memmem(p, (size_t)(end - p), "```", 3)) != NULL) {
        const char *q = p;
        while (q > src->text && (q[-1] == ' ' || q[-1] == '\t'))
            q--;
        if (q == src->text || q[-1] == '\n')
            n++;
        p += 3;
    }
    return n >= 2;
}

static struct str trim(struct str s)
{
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.len--;
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' || s.p[s.len - 1] == '\r'))
        s.len--;
    return s;
}

/* ` --More-- ` and the backspaces and blanks that wipe it, and ANSI sequences, at the start of a line. */
static struct str strip_pager(struct str l)
{
    struct str t = trim(l);
    if (t.len && t.p[0] == 27) {
        uint32_t i = 1;
        while (i < t.len && !((t.p[i] | 32) >= 'a' && (t.p[i] | 32) <= 'z'))
            i++;
        if (i < t.len)
            return strip_pager((struct str){t.p + i + 1, t.len - i - 1});
    }
    static const char *const pagers[] = {"--More--", "<--- More --->", "-- More --"};
    for (size_t k = 0; k < 3; k++) {
        size_t n = strlen(pagers[k]);
        if (t.len < n || memcmp(t.p, pagers[k], n) != 0)
            continue;
        uint32_t i = (uint32_t)n, last_bs = 0;
        for (; i < t.len && (t.p[i] == ' ' || t.p[i] == 8 || t.p[i] == '\r'); i++)
            if (t.p[i] == 8 || t.p[i] == '\r')
                last_bs = i + 1;
        if (last_bs)
            i = last_bs; /* blanks after the last backspace are indentation */
        return (struct str){t.p + i, t.len - i};
    }
    if (l.len && l.p[0] == 8) {
        uint32_t i = 0, last = 0;
        for (; i < l.len && (l.p[i] == 8 || l.p[i] == ' '); i++)
            if (l.p[i] == 8)
                last = i + 1;
        return (struct str){l.p + last, l.len - last};
    }
    return l;
}

struct prompt {
    struct str host, mode, command;
    bool config; /* `R1(config…)#` */
};

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/';
}

static uint32_t skip_blanks(struct str l, uint32_t i)
{
    while (i < l.len && l.p[i] == ' ')
        i++;
    return i;
}

/* `(config-if)#`, as print has it also `(config-if) #`. Returns the place behind, 0: it is none. */
static uint32_t read_mode(struct str l, uint32_t i, struct str *mode)
{
    static const char *const begins[] = {"con", "cfg", "ips", "ca-", "crypto", "gdo", "gkm", "cs-"};
    if (i >= l.len || l.p[i] != '(')
        return 0;
    const uint32_t open = ++i;
    while (i < l.len && l.p[i] != ')' && i - open < 48)
        i++;
    if (i >= l.len || l.p[i] != ')' || i - open < 3)
        return 0;
    *mode = (struct str){l.p + open, i - open};
    bool is_known = false;
    for (uint32_t k = 0; k < mode->len; k++)
        if (!host_char(mode->p[k]))
            return 0; /* a mode is one word */
    for (size_t k = 0; k < sizeof begins / sizeof *begins; k++) {
        const size_t n = strlen(begins[k]);
        is_known |= memcmp(mode->p, begins[k], n < mode->len ? n : mode->len) == 0;
    }
    i = skip_blanks(l, i + 1);
    return is_known && i < l.len && l.p[i] == '#' ? i + 1 : 0;
}

/* `description (config 7)#2` is no prompt of a router called so. */
static bool begins_text(struct str word)
{
    static const char *const words[] = {"description", "remark", "title", "banner"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word.len > 2 && str_prefix_of(word, words[i]))
            return true;
    return false;
}

/* `HOST#`, `HOST>`, `HOST(config-if)#` at the very start of a line; and as print has them, `HOST (config-if) #`,
 * `HOST# (config-if)#`. */
static bool read_prompt(struct str l, struct prompt *out)
{
    uint32_t i = 0;
    while (i < l.len && host_char(l.p[i]))
        i++;
    if (i == 0 || i > 64 || i == l.len)
        return false;
    out->host = (struct str){l.p, i};
    out->mode = (struct str){l.p, 0};
    bool is_exec = l.p[i] == '#' || l.p[i] == '>';
    if (l.p[i] == ' ' && begins_text(out->host))
        return false;
    const uint32_t behind = read_mode(l, skip_blanks(l, is_exec ? i + 1 : i), &out->mode);
    out->config = behind != 0;
    if (!out->config && !is_exec)
        return false;
    bool letter = false;
    for (uint32_t k = 0; k < out->host.len; k++)
        letter |= (out->host.p[k] | 32) >= 'a' && (out->host.p[k] | 32) <= 'z';
    if (!letter)
        return false;
    const uint32_t command = out->config ? behind : i + 1;
    out->command = trim((struct str){l.p + command, l.len - command});
    return true;
}

/* First and second word of an exec command, abbreviated as people type. */
static bool exec_is(struct str cmd, const char *w1, uint32_t min1, const char *w2, uint32_t min2)
{
    uint32_t i = 0;
    while (i < cmd.len && cmd.p[i] != ' ')
        i++;
    if (i < min1 || !str_prefix_of((struct str){cmd.p, i}, w1))
        return false;
    if (!w2)
        return true;
    while (i < cmd.len && cmd.p[i] == ' ')
        i++;
    uint32_t start = i;
    while (i < cmd.len && cmd.p[i] != ' ' && cmd.p[i] != '|')
        i++;
    return i - start >= min2 && str_prefix_of((struct str){cmd.p + start, i - start}, w2);
}

static bool shows_configuration(struct str cmd)
{
    return exec_is(cmd, "show", 2, "running-config", 2) || exec_is(cmd, "show", 2, "startup-config", 3) ||
           exec_is(cmd, "show", 2, "configuration", 4) || exec_is(cmd, "more", 2, NULL, 0) ||
           exec_is(cmd, "write", 2, "terminal", 1) || exec_is(cmd, "configure", 4, NULL, 0);
}

static void enter_host(struct ios_parser *p, struct str host)
{
    if (str_eq(host, p->host))
        return;
    p->host = host;
    p->depth = 1;
    p->saw_full_config = false;
    p->sink->new_unit(p->sink->ctx, host, span_of(p, host), false);
}

static struct str at_prompt(struct ios_parser *p, struct str line, const struct prompt *pr)
{
    const struct str nothing = {line.p, 0};
    enter_host(p, pr->host);
    bool help = pr->command.len && pr->command.p[pr->command.len - 1] == '?';
    if (help) {
        p->capture = CAP_OUTPUT; /* the list that `?` prints */
        return nothing;
    }
    if (pr->config) {
        p->is_prompted = true;
        p->capture = CAP_CONFIG;
        if (str_is(pr->mode, "config"))
            p->depth = 1;
        return exec_is(pr->command, "do", 2, NULL, 0) ? nothing : pr->command;
    }
    p->depth = 1;
    if (pr->command.len == 0 || shows_configuration(pr->command)) {
        p->capture = CAP_CONFIG;
        return nothing;
    }
    p->capture = CAP_OUTPUT;
    return nothing;
}

static bool is_fence(struct str t)
{
    return t.len >= 3 && memcmp(t.p, "```", 3) == 0;
}

struct str capture_strip(struct ios_parser *p, struct str line)
{
    struct str nothing = {line.p, 0};
    p->is_prompted = false;
    if (p->markdown) {
        struct str t = trim(line);
        if (is_fence(t)) {
            p->in_fence = !p->in_fence;
            p->depth = 1;
            p->capture = p->in_fence ? CAP_CONFIG : CAP_PROSE;
            return nothing;
        }
        if (!p->in_fence)
            return nothing;
    }
    line = strip_pager(line);
    struct prompt pr;
    /* cheap test first: a prompt has '#' or '>' and starts at the left edge */
    if (line.len && host_char(line.p[0]) &&
        (memchr(line.p, '#', line.len < 112 ? line.len : 112) ||
         memchr(line.p, '>', line.len < 112 ? line.len : 112)) &&
        read_prompt(line, &pr))
        return at_prompt(p, line, &pr);
    if (p->capture == CAP_OUTPUT)
        return nothing;
    bool message = p->after_message && line.len > 8 && memcmp(line.p, "        ", 8) == 0;
    p->after_message = message || (line.len > 1 && line.p[0] == '%' && line.p[1] == ' ');
    if (message)
        return nothing;
    /* messages, marks and rules of tables are not commands */
    if (line.len && strchr("%*^=|", line.p[0]))
        return nothing;
    struct str t = trim(line);
    if (t.len && (t.p[0] == '^' || (t.len > 22 && memcmp(t.p, "Current configuration ", 22) == 0))) {
        if (t.p[0] == 'C') { /* a second whole configuration of the same router starts here */
            if (p->saw_full_config) {
                p->depth = 1;
                p->sink->new_unit(p->sink->ctx, p->host, span_of(p, t), true);
            }
            p->saw_full_config = true;
        }
        return nothing;
    }
    return line;
}
