/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One diagnostic for a line that is not understood: what stands there, what was expected, what was meant. */
#include "grammar/reader.h"

#include "compiler/base/redact.h"

const char *mode_name(enum ios_mode mode)
{
    static const char *const names[MODE_COUNT] = {
        [MODE_GLOBAL] = "global configuration",
        [MODE_IGNORED] = "another block",
        [MODE_OTHER] = "a recognised block",
        [MODE_INTERFACE] = "interface configuration",
        [MODE_ACL_EXT] = "an extended access list",
        [MODE_ACL_STD] = "a standard access list",
        [MODE_ACL6] = "an IPv6 access list",
        [MODE_OG_NET] = "a network object group",
        [MODE_OG_SVC] = "a service object group",
        [MODE_ROUTE_MAP] = "a route map",
        [MODE_ISAKMP_POLICY] = "an isakmp policy",
        [MODE_ISAKMP_PEER] = "an isakmp peer",
        [MODE_KEYRING] = "a keyring",
        [MODE_ISAKMP_PROFILE] = "an isakmp profile",
        [MODE_TRANSFORM] = "a transform set",
        [MODE_IPSEC_PROFILE] = "an ipsec profile",
        [MODE_CMAP] = "a crypto map entry",
        [MODE_V2_PROPOSAL] = "an IKEv2 proposal",
        [MODE_V2_POLICY] = "an IKEv2 policy",
        [MODE_V2_KEYRING] = "an IKEv2 keyring",
        [MODE_V2_PEER] = "an IKEv2 keyring peer",
        [MODE_V2_PROFILE] = "an IKEv2 profile",
        [MODE_TRUSTPOINT] = "a trustpoint",
        [MODE_CERT_CHAIN] = "a certificate chain",
        [MODE_CERT_MAP] = "a certificate map",
        [MODE_IDENTITY] = "a crypto identity",
        [MODE_PUBKEY_CHAIN] = "a public key chain",
        [MODE_PUBKEY] = "a public key",
    };
    return names[mode];
}

/* Where any word will do, saying that it may also look like a number or an address says nothing. */
static void fold_shapes(struct expectation *e)
{
    bool name = false, key = false;
    for (uint32_t i = 0; i < e->nshape; i++) {
        name |= strcmp(e->shape[i], "a name") == 0;
        key |= strcmp(e->shape[i], "0 or 6") == 0;
    }
    if (!name)
        return;
    e->shape[0] = key ? "a key" : "a name";
    e->nshape = 1;
}

/* "policy, profile or key" — at most `max` of them. */
static const char *list_expected(struct ios_parser *p, uint32_t node, unsigned max)
{
    struct expectation *e = arena_alloc(p->diags->arena, sizeof *e);
    resolver_expected(p->resolver, node, e);
    fold_shapes(e);
    struct buf b = {0};
    unsigned total = e->nkw + e->nshape, shown = 0;
    if (e->end)
        total++;
    for (uint32_t i = 0; i < e->nshape && shown < max; i++, shown++)
        buf_printf(&b, "%s%s", shown == 0 ? "" : shown + 1 == total ? " or " : ", ", e->shape[i]);
    for (uint32_t i = 0; i < e->nkw && shown < max; i++, shown++)
        buf_printf(&b, "%s%s", shown == 0 ? "" : shown + 1 == total ? " or " : ", ", e->kw[i]);
    if (e->end && shown < max)
        buf_printf(&b, "%send of line", shown == 0 ? "" : " or ");
    else if (shown < total)
        buf_puts(&b, ", …");
    const char *s = arena_strndup(p->diags->arena, b.p ? b.p : "", b.len);
    buf_free(&b);
    return s;
}

/* The word as it may be quoted: keys and what follows them are not. */
static const char *quotable(struct ios_parser *p, struct str word)
{
    uint32_t off = (uint32_t)(word.p - p->words.text);
    struct str line = {p->words.text, p->words.len};
    if (redact_touches(line, off, word.len))
        return "another word";
    struct buf b = {0};
    buf_printf(&b, "'%.*s'%s", (int)(word.len > 60 ? 60 : word.len), word.p, word.len > 60 ? "…" : "");
    const char *s = arena_strndup(p->diags->arena, b.p ? b.p : "", b.len);
    buf_free(&b);
    return s;
}

static void unexpected(struct ios_parser *p, enum ios_mode mode, struct span at, struct str word)
{
    const struct resolution *r = &p->best;
    struct expectation *e = arena_alloc(p->diags->arena, sizeof *e);
    resolver_expected(p->resolver, r->node, e);
    if (e->end && e->nkw + e->nshape == 0) {
        diag_add(p->diags, D_TRAILING_TEXT, at, "%s after the end of the command", quotable(p, word));
        return;
    }
    bool value = e->nkw == 0;
    const char *want = list_expected(p, r->node, 8);
    struct diag *d = diag_add(p->diags, value ? D_BAD_VALUE : D_UNKNOWN_COMMAND, at, "expected %s, found %s in %s",
                              want, quotable(p, word), mode_name(mode));
    const char *near = resolver_nearest(p->resolver, r->node, word);
    if (near)
        diag_hint(p->diags, d, "did you mean '%s'?", near);
}

/* Commentary pasted among the commands: six words or more, two of them words that only sentences have, a full stop
 * behind a letter. No IOS command ends so but those with free text, which are never in error. */
static bool is_sentence(struct str line)
{
    static const char *const small[] = {"the", "and", "will", "is", "are", "be", "to", "of", "a", "with", "for", "this"};
    if (line.len < 2 || line.p[line.len - 1] != '.' || str_lower(line.p[line.len - 2]) < 'a')
        return false;
    unsigned words = 0, hits = 0;
    for (uint32_t i = 0, end; i < line.len; i = end + 1) {
        for (end = i; end < line.len && line.p[end] != ' ' && line.p[end] != '\t'; end++) {
        }
        words += end > i;
        for (size_t k = 0; k < sizeof small / sizeof *small; k++)
            hits += str_ieq((struct str){line.p + i, end - i}, small[k]);
    }
    return words >= 6 && hits >= 2;
}

/* The line from `off` on is no command and was never meant as one: said, but not as a mistake. */
static bool told_sentence(struct ios_parser *p, uint32_t off)
{
    struct str line = {p->src->text + off, 0};
    while (off + line.len < p->src->len && line.p[line.len] != '\n' && line.p[line.len] != '\r')
        line.len++;
    while (line.len && line.p[line.len - 1] == ' ')
        line.len--;
    if (!is_sentence(line))
        return false;
    diag_add(p->diags, D_SENTENCE, (struct span){off, line.len},
             "this line reads as a sentence, not as a command: it is left out");
    return true;
}

void syntax_report(struct ios_parser *p, enum ios_mode mode)
{
    if (told_sentence(p, p->words.off))
        return;
    const struct resolution *r = &p->best;
    const struct line_words *w = &p->words;
    uint32_t last = (w->n > LINE_WORDS_MAX ? LINE_WORDS_MAX : w->n) - 1;
    uint32_t i = r->at > last ? last : r->at;
    struct str word = {w->text + w->words[i].off, w->words[i].len};
    struct span at = {w->off + w->words[i].off, w->words[i].len};
    for (uint32_t k = i; k <= last && r->status != RES_INCOMPLETE; k++) {
        struct str wk = {w->text + w->words[k].off, w->words[k].len};
        if (!ios_is_placeholder(wk))
            continue;
        struct span hole = {w->off + w->words[k].off, w->words[k].len};
        diag_add(p->diags, D_TEMPLATE_PLACEHOLDER, hole, "template placeholder instead of %s: the line is left out",
                 list_expected(p, r->node, 3));
        return;
    }
    switch (r->status) {
    case RES_INCOMPLETE:
        diag_add(p->diags, D_INCOMPLETE_COMMAND, (struct span){at.off + at.len, 0},
                 "command ends too early: expected %s", list_expected(p, r->node, 8));
        return;
    case RES_AMBIGUOUS: {
        struct expectation *e = arena_alloc(p->diags->arena, sizeof *e);
        resolver_expected(p->resolver, r->node, e);
        struct buf b = {0};
        for (uint32_t k = 0; k < e->nkw; k++)
            if (str_prefix_of(word, e->kw[k]))
                buf_printf(&b, "%s%s", b.len ? ", " : "", e->kw[k]);
        diag_add(p->diags, D_AMBIGUOUS_COMMAND, at, "%s is short for several words: %s", quotable(p, word),
                 b.p ? b.p : "");
        buf_free(&b);
        return;
    }
    case RES_TOO_LONG:
        diag_add(p->diags, D_LINE_TOO_LONG, at, "line of more than %d words is left out", LINE_WORDS_MAX);
        return;
    case RES_UNKNOWN:
    case RES_OK:
        unexpected(p, mode, at, word);
        return;
    }
}

/* Commands that people look for in another place than they are in. */
static const struct {
    enum ios_mode mode;
    const char *word, *where;
} elsewhere[] = {
    {MODE_V2_PROPOSAL, "lifetime", "IKEv2 does not negotiate it: it stands in the profile, each end has its own"},
    {MODE_V2_PROPOSAL, "authentication", "IKEv2 does not negotiate it: it stands in the profile, for each direction"},
    {MODE_V2_PROPOSAL, "hash", "the word of IKEv2 is `integrity`"},
    {MODE_ISAKMP_POLICY, "integrity", "the word of IKEv1 is `hash`"},
};

static const char *belongs_where(enum ios_mode mode, struct str word)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (elsewhere[i].mode == mode && word.len >= 4 && str_prefix_of(word, elsewhere[i].word))
            return elsewhere[i].where;
    return NULL;
}

void syntax_unknown_word(struct ios_parser *p, enum ios_mode mode, struct span at, struct str word)
{
    if (told_sentence(p, at.off))
        return;
    if (ios_is_placeholder(word))
        return;
    bool secret = word.len > 40;
    struct diag *d =
        diag_add(p->diags, D_UNKNOWN_COMMAND, at, "%s%.*s%s is not a command of %s", secret ? "" : "'",
                 secret ? 9 : (int)word.len, secret ? "this word" : word.p, secret ? "" : "'", mode_name(mode));
    const char *near = resolver_nearest(p->resolver, (uint32_t)mode, word), *where = belongs_where(mode, word);
    if (where)
        diag_hint(p->diags, d, "%s", where);
    else if (near)
        diag_hint(p->diags, d, "did you mean '%s'?", near);
}
