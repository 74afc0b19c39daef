/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line reader: decides for each line whether it can matter, in which mode it is to be understood, and hands what
 * was understood to the sink. A line that is not about IPsec costs one look at its first word.
 *
 * Modes. IOS takes a line in the current sub-mode if it is legal there, else leaves the sub-mode and tries one level
 * up. Here it is the same, except that we do not know every command of IOS: in a block that does not concern us
 * indentation, or the list of other global commands (foreign.c), tells where it ends.
 */
#include <stdlib.h>

#include "grammar/misprint.h"
#include "grammar/reader.h"
#include "grammar/unread.h"

struct ios_parser *ios_parser_new(void)
{
    struct ios_parser *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->resolver = resolver_new();
    p->lexer = lexer_new();
    p->linebuf = malloc(LINE_BYTES_MAX + 2);
    if (!p->resolver || !p->lexer || !p->linebuf) {
        ios_parser_free(p);
        return NULL;
    }
    return p;
}

void ios_parser_free(struct ios_parser *p)
{
    if (!p)
        return;
    resolver_free(p->resolver);
    lexer_free(p->lexer);
    if (p->linebuf)
        explicit_bzero(p->linebuf, LINE_BYTES_MAX + 2);
    free(p->linebuf);
    explicit_bzero(p, sizeof *p);
    free(p);
}

static struct str next_line(struct ios_parser *p)
{
    const char *start = p->src->text + p->pos;
    uint32_t left = p->src->len - p->pos;
    const char *nl = memchr(start, '\n', left);
    uint32_t len = nl ? (uint32_t)(nl - start) : left;
    p->pos += len + (nl != NULL);
    return (struct str){start, len};
}

static struct str peek_line(const struct ios_parser *p, uint32_t pos)
{
    const char *nl = memchr(p->src->text + pos, '\n', p->src->len - pos);
    return (struct str){p->src->text + pos, nl ? (uint32_t)(nl - p->src->text) - pos : p->src->len - pos};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == 8;
}

static struct str rstrip(struct str s)
{
    while (s.len && is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

static struct str lstrip(struct str s)
{
    while (s.len && is_space(s.p[0]))
        s.p++, s.len--;
    return s;
}

static struct str first_word(struct str s)
{
    uint32_t i = 0;
    while (i < s.len && !is_space(s.p[i]))
        i++;
    return (struct str){s.p, i};
}

/* ---- blocks of opaque text ---- */

/* `banner TYPE D … D`: everything up to the next D is text. */
static void skip_banner(struct ios_parser *p, struct str line)
{
    static const char *const types[] = {"motd",           "login",    "exec",       "incoming",
                                        "prompt-timeout", "slip-ppp", "config-save"};
    struct str rest = lstrip((struct str){line.p + first_word(line).len, line.len - first_word(line).len});
    struct str type = first_word(rest);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (type.len > 1 && str_prefix_of(type, types[i])) {
            rest = lstrip((struct str){rest.p + type.len, rest.len - type.len});
            break;
        }
    if (rest.len == 0)
        return;
    uint32_t dlen = rest.p[0] == '^' && rest.len > 1 && rest.p[1] == 'C' ? 2 : 1;
    const char *d = rest.p, *after = d + dlen, *end = p->src->text + p->src->len;
    const char *close = memmem(after, (size_t)(end - after), d, dlen);
    if (!close) {
        diag_add(p->diags, D_UNTERMINATED_BLOCK, span_of(p, line), "banner without its closing delimiter");
        return;
    }
    struct str tail = peek_line(p, (uint32_t)(close - p->src->text));
    p->pos = (uint32_t)(tail.p + tail.len - p->src->text);
    p->pos += p->pos < p->src->len;
}

static bool blob_line(struct str l)
{
    l = rstrip(lstrip(l));
    for (uint32_t i = 0; i < l.len; i++)
        if (!strchr("0123456789abcdefABCDEF ", l.p[i]))
            return false;
    return l.len > 0;
}

/* `macro name N` … `@`: somebody's command lines, to be run later. */
static bool skip_macro(struct ios_parser *p, struct str word, struct str line)
{
    struct str rest = lstrip((struct str){line.p + word.len, line.len - word.len});
    if (!str_ieq(word, "macro") || !str_ieq(first_word(rest), "name"))
        return false;
    uint32_t start = p->pos;
    while (p->pos < p->src->len) {
        struct str t = rstrip(lstrip(next_line(p)));
        if (str_is(t, "@"))
            return true;
    }
    p->pos = start; /* no end: better read what follows than lose it */
    diag_add(p->diags, D_UNTERMINATED_BLOCK, span_of(p, line), "macro without its closing @");
    return true;
}

/* `menu NAME title D … D` holds text like a banner. */
static bool is_menu_title(struct str word, struct str line)
{
    if (!str_ieq(word, "menu"))
        return false;
    struct str rest = lstrip((struct str){line.p + word.len, line.len - word.len});
    rest = lstrip((struct str){rest.p + first_word(rest).len, rest.len - first_word(rest).len});
    return str_ieq(first_word(rest), "title");
}

/* Hexadecimal lines up to `quit`. The span of the lines goes into the statement. */
static void read_blob(struct ios_parser *p, struct ios_stmt *st)
{
    uint32_t start = p->pos, end = start;
    while (p->pos < p->src->len) {
        uint32_t before = p->pos;
        struct str l = next_line(p);
        struct str t = rstrip(lstrip(l));
        if (str_ieq(t, "quit")) {
            st->blob = (struct span){start, end - start};
            return;
        }
        if (!blob_line(l)) {
            p->pos = before;
            if (end > start || st->kind == S_KEY_STRING)
                diag_add(p->diags, D_UNTERMINATED_BLOCK, st->span, "%s without its closing quit",
                         st->kind == S_CERTIFICATE ? "certificate" : "key string");
            st->blob = (struct span){start, end - start};
            return;
        }
        end = (uint32_t)(l.p + l.len - p->src->text);
    }
    st->blob = (struct span){start, end - start};
    if (end > start)
        diag_add(p->diags, D_UNTERMINATED_BLOCK, st->span, "%s without its closing quit",
                 st->kind == S_CERTIFICATE ? "certificate" : "key string");
}

static void skip_pem(struct ios_parser *p, struct str line)
{
    while (p->pos < p->src->len) {
        uint32_t before = p->pos;
        struct str t = rstrip(lstrip(next_line(p)));
        if (t.len > 8 && memcmp(t.p, "-----END", 8) == 0)
            return;
        if (t.len > 80 || memchr(t.p, ' ', t.len)) { /* base64 has no blanks: the end is missing */
            p->pos = before;
            break;
        }
    }
    diag_add(p->diags, D_UNTERMINATED_BLOCK, span_of(p, line), "PEM block without its END line");
}

/* ---- what became of the line ---- */

void tell_broken(struct ios_parser *p, enum ios_mode mode, struct span line)
{
    p->fate = LINE_BROKEN;
    p->sink->broken(p->sink->ctx, mode, line);
}

/* ---- modes ---- */

static void pop_to(struct ios_parser *p, uint32_t depth)
{
    p->depth = depth;
}

static void push_mode(struct ios_parser *p, enum ios_mode mode, uint32_t indent)
{
    if (p->depth == DEPTH_MAX)
        p->depth--;
    p->has_opened = true;
    p->stack[p->depth++] = (struct mode_level){.mode = mode, .indent = indent};
}

void read_nothing_below(struct ios_parser *p, uint32_t indent)
{
    pop_to(p, 1);
    push_mode(p, MODE_IGNORED, indent);
}

static bool is_open_world(enum ios_mode m)
{
    return m == MODE_GLOBAL || m == MODE_INTERFACE || m == MODE_ROUTE_MAP || m == MODE_IGNORED || m == MODE_OTHER;
}

/* `<xsl:value-of select="…"/>`, `{{ peer }}`: a placeholder may hold blanks. Its words become one. */
static void join_placeholders(struct line_words *w, const char *open, const char *close)
{
    size_t ol = strlen(open), cl = strlen(close);
    uint32_t n = w->n > LINE_WORDS_MAX ? LINE_WORDS_MAX : w->n;
    for (uint32_t i = 0; i < n; i++) {
        const char *word = w->text + w->words[i].off, *end = word + w->words[i].len;
        const char *at = memmem(word, w->words[i].len, open, ol);
        if (!at || memmem(at, (size_t)(end - at), close, cl) || (ol == 1 && at + 1 == end))
            continue;
        uint32_t j = i + 1;
        while (j < n && !memmem(w->text + w->words[j].off, w->words[j].len, close, cl))
            j++;
        if (j == n)
            return;
        w->words[i].len = w->words[j].off + w->words[j].len - w->words[i].off;
        w->words[i].shape = SHAPE_WORD;
        memmove(w->words + i + 1, w->words + j + 1, (n - j - 1) * sizeof *w->words);
        n -= j - i;
        w->n -= j - i;
    }
}

/* Splits into words and notes a leading `no` or `default`. */
static bool split_words(struct ios_parser *p, struct str line)
{
    struct line_words *w = &p->words;
    memcpy(p->linebuf, line.p, line.len);
    w->text = p->linebuf;
    w->len = line.len;
    w->off = span_of(p, line).off;
    w->n = lexer_split(p->lexer, p->linebuf, line.len, w->words, LINE_WORDS_MAX);
    w->first = 0;
    w->negated = false;
    if (memchr(line.p, '<', line.len))
        join_placeholders(w, "<", ">");
    if (memchr(line.p, '{', line.len)) /* hardly a line has one */
        join_placeholders(w, "{{", "}}");
    return w->n > 0;
}

/* Commands that no other system has: one of them and the file is IOS, whatever else it holds. */
static bool is_ios_only(enum ios_stmt_kind k)
{
    return k == S_ISAKMP_KEY || k == S_KEYRING || k == S_ISAKMP_PROFILE || k == S_V2_PROPOSAL || k == S_V2_KEYRING ||
           k == S_IPSEC_PROFILE || k == S_TUN_PROTECTION || k == S_IF_CRYPTO_MAP || k == S_NAT_LIST ||
           k == S_NAT_STATIC || (k == S_ACL);
}

/* A mark of another operating system. */
static void note_foreign(struct ios_parser *p, enum foreign_os os, uint32_t off)
{
    if (p->foreign[os]++ == 0)
        p->foreign_first[os] = off;
}

/* Said once a file: names that are holes of a template. */
static void note_placeholder(struct ios_parser *p, const struct resolution *res)
{
    for (uint32_t i = 1; i < res->ntok && !p->told_placeholder; i++) {
        if (res->val[i].kind != IOS_V_WORD)
            continue;
        struct str s = source_slice(p->src, res->val[i].span);
        if (!ios_is_placeholder(s))
            continue;
        diag_add(p->diags, D_TEMPLATE_PLACEHOLDER, res->val[i].span,
                 "template placeholder: it is taken as a name, here and below");
        p->told_placeholder = true;
    }
}

static bool execute(struct ios_parser *p, const struct resolution *res, enum ios_mode mode, uint32_t indent)
{
    line_reset(&p->line, &p->stmt);
    p->stmt.mode = mode;
    p->stmt.span = (struct span){p->words.off, p->words.len};
    resolver_run(p->resolver, res, &p->line);
    if (p->line.failed)
        return false;
    struct ios_stmt *st = &p->stmt;
    struct str head = first_word((struct str){p->words.text, p->words.len});
    st->negated = p->words.negated && str_ieq(head, "no");
    st->to_default = p->words.negated && !st->negated;
    if ((st->kind == S_CERTIFICATE && !st->negated) || st->kind == S_KEY_STRING)
        read_blob(p, st);
    if (st->kind == S_ASA)
        note_foreign(p, OS_ASA, st->span.off);
    p->ios_marks += is_ios_only(st->kind);
    if (st->kind != S_IGNORED)
        note_placeholder(p, res);
    if (st->kind != S_IGNORED) {
        p->fate = LINE_READ;
        p->sink->statement(p->sink->ctx, st);
    }
    if (st->opens >= 0 && !st->negated && !st->to_default)
        push_mode(p, (enum ios_mode)st->opens, indent);
    return true;
}

/* A sub-mode took the line only by its catch-all (`ip …` in an interface). If an outer mode knows the words better
 * (`ip access-list extended X`), or knows them as well and the line stands outside the block, it is the outer one's. */
static bool outer_is_better(struct ios_parser *p, uint32_t d, uint32_t indent)
{
    uint32_t keywords = p->trial.nkeywords;
    bool outside = indent <= p->stack[d].indent && !p->stack[d].flat;
    for (uint32_t k = d; k-- > 0;) {
        if (p->stack[k].mode == MODE_IGNORED || p->stack[k].mode == MODE_OTHER)
            continue;
        resolver_try(p->resolver, p->stack[k].mode, &p->words, &p->trial);
        if (p->trial.status == RES_OK && (p->trial.nkeywords > keywords || (outside && p->trial.nkeywords == keywords)))
            return true;
    }
    return false;
}

/* Tries the line in the modes from the innermost outwards. True if it was taken. */
/* In a file with indentation a line that stands as far left as the line that opened a block is none of that block,
 * where it is a command outside as well: `crypto ipsec df-bit` is one of interfaces and one of the router. */
static bool is_of_outer(struct ios_parser *p, uint32_t d, uint32_t indent)
{
    const struct mode_level *l = &p->stack[d];
    bool says_where = !p->flat_file && !p->is_prompted;
    if (d == 0 || !says_where || l->flat || indent > l->indent)
        return false;
    for (uint32_t k = d; k-- > 0;) {
        if (p->stack[k].mode == MODE_IGNORED || p->stack[k].mode == MODE_OTHER)
            continue;
        resolver_try(p->resolver, p->stack[k].mode, &p->words, &p->trial);
        if (p->trial.status == RES_OK && !p->trial.catch_all)
            return true;
    }
    return false;
}

static bool try_modes(struct ios_parser *p, uint32_t indent, enum ios_mode *failed_in, uint32_t *failed_depth)
{
    p->best.ntok = 0;
    for (uint32_t d = p->depth; d-- > 0;) {
        enum ios_mode m = p->stack[d].mode;
        if (m == MODE_IGNORED || (m == MODE_OTHER && indent <= p->stack[d].indent))
            continue;
        resolver_try(p->resolver, m, &p->words, &p->trial);
        bool is_taken = p->trial.status == RES_OK && d > 0;
        if (is_taken) {
            bool is_outer = (p->trial.catch_all && outer_is_better(p, d, indent)) || is_of_outer(p, d, indent);
            if (is_outer)
                continue;
            resolver_try(p->resolver, m, &p->words, &p->trial);
        }
        /* `ip address 10.0.0.1 garbage` is a bad line of the interface, not some other global `ip …` */
        if (p->trial.status == RES_OK && p->trial.catch_all && p->best.ntok && p->best.nkeywords > p->trial.nkeywords)
            return false;
        if (p->trial.status == RES_OK) {
            if (d == p->depth - 1 && d > 0 && indent <= p->stack[d].indent)
                p->stack[d].flat = true;
            pop_to(p, d + 1);
            return execute(p, &p->trial, m, indent);
        }
        if (p->best.ntok == 0 || p->trial.ntok > p->best.ntok) {
            memcpy(&p->best, &p->trial, offsetof(struct resolution, tok));
            *failed_in = m;
            *failed_depth = d;
        }
    }
    return false;
}

/* `set peer …` with no crypto map entry open: a line of a sub-mode that was never entered. Only a line that would be
 * legal from end to end is meant; prose is not. */
static bool belongs_elsewhere(struct ios_parser *p, struct str word, struct str line)
{
    static const char *const words[] = {"set",    "match",  "pre-shared-key", "encr",    "encryption", "authentication",
                                        "tunnel", "permit", "deny",           "keyring", "proposal"};
    static const enum ios_mode modes[] = {MODE_CMAP,           MODE_IPSEC_PROFILE, MODE_ISAKMP_POLICY, MODE_KEYRING,
                                          MODE_ISAKMP_PROFILE, MODE_V2_PROFILE,    MODE_V2_PEER,       MODE_V2_PROPOSAL,
                                          MODE_V2_POLICY,      MODE_ACL_EXT,       MODE_INTERFACE};
    bool hit = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        hit |= str_ieq(word, words[i]);
    if (!hit || line.len > LINE_BYTES_MAX || !split_words(p, line))
        return false;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        resolver_try(p->resolver, modes[i], &p->words, &p->trial);
        if (p->trial.status != RES_OK || p->trial.catch_all)
            continue;
        diag_add(p->diags, D_WRONG_PLACE, span_of(p, word),
                 "this is a command of %s, but none is open here: the line is left out", mode_name(modes[i]));
        return true;
    }
    return false;
}

/* What stands below it belongs to nothing. */
static void global_not_understood(struct ios_parser *p, uint32_t indent, struct str word, struct str line)
{
    syntax_unknown_word(p, MODE_GLOBAL, span_of(p, word), word);
    tell_broken(p, MODE_GLOBAL, span_of(p, line));
    pop_to(p, 1);
    push_mode(p, MODE_IGNORED, indent);
}

/* No mode knows the first word. */
static void unknown_first_word(struct ios_parser *p, uint32_t indent, struct str word, struct str line)
{
    struct mode_level *top = &p->stack[p->depth - 1];
    bool outside = p->depth == 1 || indent <= top->indent;
    struct span at = span_of(p, word);
    bool dual = p->flat_file && top->mode == MODE_INTERFACE && foreign_is_interface_too(word);
    if (dual)
        return;
    if (top->mode == MODE_OTHER && !(outside && foreign_is_global(line))) {
        resolver_try(p->resolver, MODE_OTHER, &p->words, &p->trial);
        if (p->trial.status == RES_OK)
            execute(p, &p->trial, MODE_OTHER, indent);
        return;
    }
    if (!is_open_world(top->mode)) {
        if (!outside) {
            tell_broken(p, top->mode, span_of(p, line));
            syntax_unknown_word(p, top->mode, at, word);
            return;
        }
        if (!foreign_is_global(line)) {
            bool belongs_here = top->flat || resolver_nearest(p->resolver, (uint32_t)top->mode, word);
            if (belongs_here) {
                tell_broken(p, top->mode, span_of(p, line));
                syntax_unknown_word(p, top->mode, at, word);
                return;
            }
            if (misprint_opens_ours(line)) {
                global_not_understood(p, indent, word, line);
                return;
            }
            /* a block that nobody here knows: what stands below it is not of the one before */
        }
    } else if (!outside && top->mode != MODE_GLOBAL) {
        bool is_ours = top->mode == MODE_INTERFACE && misprint_of_interface(line);
        if (is_ours) {
            tell_broken(p, top->mode, span_of(p, line));
            syntax_unknown_word(p, top->mode, at, word);
        }
        return;
    } else if (!foreign_is_global(line)) {
        if (misprint_opens_ours(line)) {
            global_not_understood(p, indent, word, line);
            return;
        }
        if (top->mode == MODE_INTERFACE || top->mode == MODE_IGNORED)
            return; /* e.g. `description` in a file without indentation */
    }
    pop_to(p, 1);
    push_mode(p, MODE_IGNORED, indent);
}

static void count_foreign(struct ios_parser *p, struct str line)
{
    enum foreign_os os = foreign_os_of(line);
    if (os != OS_IOS)
        note_foreign(p, os, span_of(p, line).off);
}

/* `exit`, `end`, `do …` and the like. True if the line is dealt with. */
static bool leaving(struct ios_parser *p, struct str word)
{
    if (!strchr("eqdc^", word.p[0] | 32) && word.p[0] != '^') /* every line comes through here */
        return false;
    if (str_ieq(word, "exit") || str_ieq(word, "quit")) {
        if (p->depth > 1)
            pop_to(p, p->depth - 1);
        return true;
    }
    /* exec commands that people paste around a configuration open no block */
    bool exec = str_ieq(word, "enable") || (word.len >= 4 && str_prefix_of(word, "configure"));
    if (str_ieq(word, "end") || str_is(word, "^Z") || exec) {
        pop_to(p, 1);
        return true;
    }
    return str_ieq(word, "do");
}

/* `Crypto map tag: Tunnel0-head-0, …`, `Access-List SS dynamic: False`: output that was pasted without its prompt. It
 * begins with a capital; commands do not. */
static bool is_program_output(const struct line_words *w)
{
    uint32_t n = w->n > 6 ? 6 : w->n;
    char first = w->n ? w->text[w->words[0].off] : '\0';
    if (first < 'A' || first > 'Z')
        return false;
    for (uint32_t i = 1; i < n; i++) {
        const struct word *x = &w->words[i];
        if (x->len > 1 && x->shape == SHAPE_WORD && w->text[x->off + x->len - 1] == ':')
            return true;
    }
    return false;
}

/* Fewer than one line in fifty is indented. */
static bool is_flat_file(const struct source *src)
{
    uint32_t lines = 0, indented = 0, end = src->len < 16384 ? src->len : 16384;
    for (uint32_t i = 0; i + 1 < end;) {
        char c = src->text[i];
        lines += c != '!' && c != '\r' && c != '\n';
        indented += (c == ' ' || c == '\t') && src->text[i + 1] != '!';
        const char *nl = memchr(src->text + i, '\n', end - i);
        if (!nl)
            break;
        i = (uint32_t)(nl - src->text) + 1;
    }
    return indented * 50 <= lines;
}

/* A global command that is none of ours, standing as far left as the line that opened the block: it ends the block,
 * even if the sub-mode has a command of that name (`aaa`, `redundancy`). In a file without indentation only what cannot
 * be a line of the block counts. */
static bool ends_block(struct ios_parser *p, uint32_t indent, struct str word, struct str line)
{
    struct mode_level *top = &p->stack[p->depth - 1];
    if (p->depth == 1 || indent > top->indent || top->mode == MODE_IGNORED || top->mode == MODE_OTHER ||
        !foreign_is_global(line))
        return false;
    if (!p->flat_file && !top->flat)
        return true;
    return !(top->mode == MODE_INTERFACE && foreign_is_interface_too(word)) &&
           !resolver_starts(p->resolver, top->mode, word);
}

/* As far left as the interface that it failed in, in a file whose lines of interfaces stand further in. */
static bool stands_outside(const struct ios_parser *p, uint32_t failed_depth, uint32_t indent)
{
    const struct mode_level *l = &p->stack[failed_depth];
    return !p->flat_file && failed_depth > 0 && l->mode == MODE_INTERFACE && !l->flat && indent <= l->indent;
}

/* True if the line was one of ours but for a character that looks like a blank or a hyphen. */
static bool looks_alike(struct ios_parser *p, uint32_t indent, struct str word, struct str line)
{
    const struct mode_level *top = &p->stack[p->depth - 1];
    bool is_text = str_ieq(word, "remark") || str_ieq(word, "description") || str_ieq(word, "hostname");
    struct str found = misprint_lookalike(line);
    bool inside = indent > top->indent && !is_open_world(top->mode);
    if (!found.len || is_text || !(inside || misprint_looks_like_ours(line)))
        return false;
    bool is_global = !inside && !(top->mode == MODE_INTERFACE && indent > top->indent);
    struct diag *d = diag_add(p->diags, D_UNKNOWN_COMMAND, span_of(p, found),
                              "a character that looks like a blank or a hyphen, and is none: no router takes the line");
    diag_hint(p->diags, d, "it comes from a text program; type the blank or hyphen anew");
    tell_broken(p, is_global ? MODE_GLOBAL : top->mode, span_of(p, line));
    if (is_global) {
        pop_to(p, 1);
        push_mode(p, MODE_IGNORED, indent);
    }
    return true;
}

/* Text that is no line of configuration, whatever its words are. True if the line began one, which is skipped. */
static bool skip_text(struct ios_parser *p, struct str word, struct str body)
{
    if (word.len >= 3 && str_prefix_of(word, "banner")) {
        skip_banner(p, body);
        return true;
    }
    bool m = (word.p[0] | 32) == 'm';
    if (m && is_menu_title(word, body)) { /* behind the menu's name it reads like `banner D … D` */
        struct str rest = lstrip((struct str){body.p + word.len, body.len - word.len});
        uint32_t name = first_word(rest).len;
        skip_banner(p, lstrip((struct str){rest.p + name, rest.len - name}));
        return true;
    }
    if (m && skip_macro(p, word, body))
        return true;
    if (body.len > 10 && memcmp(body.p, "-----BEGIN", 10) == 0) {
        skip_pem(p, body);
        return true;
    }
    return false;
}

static void understand_line(struct ios_parser *p, uint32_t indent, struct str body)
{
    struct mode_level *top = &p->stack[p->depth - 1];
    struct str word = first_word(body);
    if (top->mode == MODE_IGNORED && indent > top->indent) {
        (void)unread_protection(p, body);
        return;
    }
    if (leaving(p, word)) {
        p->fate = LINE_TEXT;
        return;
    }
    if (looks_alike(p, indent, word, body))
        return;
    if (foreign_is_list(body)) {
        pop_to(p, 1);
        return;
    }
    if (skip_text(p, word, body)) {
        p->fate = LINE_TEXT;
        return;
    }
    if (ends_block(p, indent, word, body)) {
        count_foreign(p, body);
        pop_to(p, 1);
        push_mode(p, MODE_IGNORED, indent);
        return;
    }
    /* first-word filter */
    bool negated = strchr("nNdD", word.p[0]) && (str_ieq(word, "no") || str_ieq(word, "default"));
    struct str key = word;
    if (negated) {
        key = first_word(lstrip((struct str){body.p + word.len, body.len - word.len}));
        negated = key.len > 0;
    }
    bool known = false;
    for (uint32_t d = p->depth; d-- > 0 && !known;)
        known = p->stack[d].mode != MODE_IGNORED && p->stack[d].mode != MODE_OTHER &&
                resolver_starts(p->resolver, p->stack[d].mode, key.len ? key : word);
    if (!known && p->depth == 1 && (belongs_elsewhere(p, word, body) || indent > 0))
        return;
    if (!known && is_open_world(top->mode) && top->mode != MODE_OTHER) {
        count_foreign(p, body);
        unknown_first_word(p, indent, negated ? key : word, body);
        return;
    }
    if (body.len > LINE_BYTES_MAX) {
        diag_add(p->diags, D_LINE_TOO_LONG, (struct span){span_of(p, body).off, word.len},
                 "line of %u characters is left out: a router takes 254", body.len);
        tell_broken(p, top->mode, span_of(p, body));
        return;
    }
    if (!split_words(p, body))
        return;
    p->words.first = negated;
    p->words.negated = negated;
    bool in_interface = top->mode == MODE_INTERFACE && (indent > top->indent || top->flat);
    struct str misprint = misprint_of_ours(body, in_interface);
    if (misprint.len && in_interface) {
        syntax_unknown_word(p, MODE_INTERFACE, span_of(p, misprint), misprint);
        tell_broken(p, MODE_INTERFACE, span_of(p, body));
        return;
    }
    if (misprint.len && (p->depth == 1 || indent <= top->indent)) {
        global_not_understood(p, indent, misprint, body);
        return;
    }
    enum ios_mode failed_in = MODE_GLOBAL;
    uint32_t failed_depth = 0;
    if (try_modes(p, indent, &failed_in, &failed_depth))
        return;
    if (stands_outside(p, failed_depth,
                       indent)) { /* `ip nat outside source …` is no `ip nat outside` of an interface */
        pop_to(p, 1);
        failed_in = MODE_GLOBAL;
        failed_depth = 0;
        if (try_modes(p, indent, &failed_in, &failed_depth))
            return;
    }
    count_foreign(p, body);
    if (!known || p->best.ntok <= 1) { /* not even the first word was taken: ntok counts the mode itself */
        if (p->best.ntok <= 1 && p->best.status == RES_AMBIGUOUS)
            return; /* a cut word such as `s` that may be anything */
        unknown_first_word(p, indent, negated ? key : word, body);
        return;
    }
    if (failed_in == MODE_GLOBAL && is_program_output(&p->words))
        return;
    syntax_report(p, failed_in);
    tell_broken(p, failed_in, span_of(p, body));
    if (failed_in == MODE_GLOBAL) { /* what follows may belong to the line that was not understood */
        pop_to(p, 1);
        push_mode(p, MODE_IGNORED, indent);
    } else {
        pop_to(p, failed_depth + 1);
    }
}

static void read_line(struct ios_parser *p, struct str raw)
{
    struct str line = rstrip(raw);
    struct str body = lstrip(line);
    uint32_t indent = line.len - body.len;
    if (body.len == 0 || body.p[0] == '!' || body.p[0] == '#') { /* '#': comments of scripts around IOS commands */
        if (body.len && indent == 0)
            count_foreign(p, body);
        return;
    }
    p->fate = LINE_LEFT;
    p->has_opened = false;
    if (unread_refuse(p, body))
        return;
    understand_line(p, indent, body);
    if (p->fate != LINE_LEFT)
        return;
    enum ios_mode mode = p->has_opened ? MODE_GLOBAL : p->stack[p->depth - 1].mode;
    p->sink->left(p->sink->ctx, mode, span_of(p, body));
}

static void report_foreign(struct ios_parser *p, uint32_t before[DIAG_COUNT], uint32_t kept)
{
    enum foreign_os os = OS_IOS;
    for (enum foreign_os i = OS_ASA; i < OS_COUNT; i++)
        if (p->foreign[i] > p->foreign[os] || (os == OS_IOS && p->foreign[i] >= 2))
            os = i;
    if (os == OS_IOS || p->foreign[os] < 2 || p->ios_marks > 0)
        return;
    p->diags->items.n = kept;
    memcpy(p->diags->per_id, before, sizeof p->diags->per_id);
    struct str l = peek_line(p, p->foreign_first[os]);
    l = rstrip(lstrip(l));
    struct diag *d = diag_add(p->diags, D_NOT_IOS, span_of(p, l),
                              "this looks like a %s configuration, not IOS: it is not analysed", foreign_os_name(os));
    diag_hint(p->diags, d, "only Cisco IOS and IOS XE are read");
    p->sink->abandon(p->sink->ctx, span_of(p, l));
}

void ios_parse(struct ios_parser *p, struct source *src, struct diag_list *diags, const struct ios_sink *sink)
{
    p->src = src;
    p->diags = diags;
    p->sink = sink;
    p->depth = 1;
    p->stack[0] = (struct mode_level){.mode = MODE_GLOBAL};
    p->host = (struct str){NULL, 0};
    p->saw_full_config = false;
    p->markdown = capture_has_fences(src);
    p->in_fence = false;
    p->capture = p->markdown ? CAP_PROSE : CAP_CONFIG;
    memset(p->foreign, 0, sizeof p->foreign);
    p->ios_marks = 0;
    p->flat_file = is_flat_file(src);
    p->told_placeholder = p->after_message = false;
    p->pos = src->len >= 3 && memcmp(src->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    uint32_t before[DIAG_COUNT], kept = diags->items.n;
    memcpy(before, diags->per_id, sizeof before);
    while (p->pos < src->len) {
        const struct str raw = next_line(p);
        struct str line = capture_strip(p, raw);
        if (line.len)
            read_line(p, line);
        else
            unread_dropped(p, rstrip(raw));
        if (arena_exhausted(diags->arena)) {
            diag_add(diags, D_TOO_LARGE, (struct span){p->pos < src->len ? p->pos : 0, 0},
                     "configuration needs more memory than is allowed: reading stops here");
            break;
        }
    }
    report_foreign(p, before, kept);
}
