/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/sem/revocation.h"

#include <string.h>
#include <strings.h>

#define CRL_KEEP_MAX_MIN 43200u /* `crl cache delete-after`: minutes */

static const struct {
    const char *word;
    enum revocation_method method;
} methods[] = {{"none", REVOCATION_NONE}, {"crl", REVOCATION_CRL}, {"ocsp", REVOCATION_OCSP}};

/* Keywords in any size of letters, as the parser takes them. */
static bool is(struct str word, const char *keyword)
{
    return word.len == strlen(keyword) && strncasecmp(word.p, keyword, word.len) == 0;
}

static enum revocation_method method_of(struct str word)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (is(word, methods[i].word))
            return methods[i].method;
    return 0;
}

/* The first line that cannot be done is named. */
static void unsupported(struct revocation *r, struct span at, struct str word, const char *why)
{
    if (!r->is_supported)
        return;
    r->is_supported = false;
    r->unsupported = at;
    r->word = word;
    r->why = why;
}

static void unknown(struct revocation *r, struct span at, struct str word, const char *why)
{
    r->is_unknown |= r->is_supported;
    unsupported(r, at, word, why);
}

static void add_method(struct revocation *r, enum revocation_method m)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->methods[i] == m)
            return;
    r->methods[r->n++] = (uint8_t)m;
}

/* `revocation-check crl ocsp none`: in that order; nothing that stands behind `none` is ever asked. */
static void read_methods(struct revocation *r, const struct ir_str *line)
{
    struct str rest = line->s, word;
    bool ended = false;
    while ((word = str_take_word(&rest)).len) {
        enum revocation_method m = method_of(word);
        if (!m)
            unknown(r, line->m.span, word, "is not a method: none, crl, ocsp");
        else if (!ended)
            add_method(r, m);
        ended |= m == REVOCATION_NONE;
    }
}

static void nothing_follows(struct revocation *r, struct span at, struct str rest)
{
    struct str word = str_take_word(&rest);
    if (word.len)
        unknown(r, at, word, "is not known at the end of this line");
}

static uint32_t minutes(struct str word)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < word.len; i++) {
        if (word.p[i] < '0' || word.p[i] > '9' || n > CRL_KEEP_MAX_MIN)
            return 0;
        n = n * 10 + (uint32_t)(word.p[i] - '0');
    }
    return n <= CRL_KEEP_MAX_MIN ? n : 0;
}

/* What stands behind the first word of a line. */
static void read_ocsp(struct revocation *r, const struct ir_text *line, struct str rest)
{
    struct str word = str_take_word(&rest), url = str_take_word(&rest);
    bool http = url.len > 7 && strncasecmp(url.p, "http://", 7) == 0;
    if (is(word, "disable-nonce")) {
        r->no_nonce = true;
        nothing_follows(r, line->span, url);
    } else if (is(word, "url") && http) {
        r->ocsp_url = url;
        nothing_follows(r, line->span, rest);
    } else if (is(word, "url")) {
        unsupported(r, line->span, url, "is not asked: OCSP is asked by http:// only");
    } else {
        unknown(r, line->span, word, "is not known behind ocsp: url, disable-nonce");
    }
}

/* `crl optional` and `crl best-effort` are what older releases had for `revocation-check crl none`. */
static void read_crl(struct revocation *r, const struct ir_text *line, struct str rest, const struct ir_text **optional)
{
    struct str word = str_take_word(&rest), what = str_take_word(&rest);
    uint32_t keep_min = is(what, "delete-after") ? minutes(str_take_word(&rest)) : 0;
    bool is_setting = is(word, "cache") && (is(what, "none") || keep_min);
    if (is_setting)
        nothing_follows(r, line->span, rest);
    if (is(word, "optional") || is(word, "best-effort"))
        *optional = line;
    else if (is(word, "cache") && is(what, "none"))
        r->crl_keep_s = 0;
    else if (is(word, "cache") && keep_min)
        r->crl_keep_s = 60 * keep_min;
    else if (is(word, "query"))
        unsupported(r, line->span, word, "asks a directory by LDAP, which is not supported");
    else if (is(word, "cache") && is(what, "extend"))
        unsupported(r, line->span, what, "would count a CRL that has ended, which is not supported");
    else if (is(word, "cache"))
        unknown(r, line->span, what.len ? what : word, "takes none, or delete-after 1 to 43200 (minutes)");
    else /* `crl configure` stands in files of other systems that call themselves routers */
        unsupported(r, line->span, word, "is not known behind crl: query, cache, optional, best-effort");
}

static void read_line(struct revocation *r, const struct ir_text *line, const struct ir_text **optional)
{
    struct str rest = line->text.s, word = str_take_word(&rest), behind = rest, first = str_take_word(&behind);
    if (is(word, "ocsp"))
        read_ocsp(r, line, rest);
    else if (is(word, "crl"))
        read_crl(r, line, rest, optional);
    else if (is(word, "match"))
        unsupported(r, line->span, word, "certificate: exceptions for some certificates are not supported");
    else if (is(word, "authorization"))
        unsupported(r, line->span, word, "of certificates by AAA is not supported");
    else if (is(word, "vrf"))
        unsupported(r, line->span, word, "is not supported: servers are asked by the host's own routes");
    else if (is(word, "chain-validation") && first.len && !is(first, "stop"))
        unsupported(r, line->span, first, "is not supported: chains are followed to the trustpoint's own CA");
}

void trustpoint_revocation(const struct trustpoint *t, struct revocation *out)
{
    const struct ir_text *optional = NULL;
    *out = (struct revocation){.crl_keep_s = UINT32_MAX, .is_supported = true};
    PTRLIST_FOR (struct ir_text, line, &t->other) {
        read_line(out, line, &optional);
    }
    read_methods(out, &t->revocation);
    if (out->n == 0)
        add_method(out, REVOCATION_CRL);
    /* two spellings of one setting: what stands later holds */
    if (optional && IR_IS_SET(t->revocation) && t->revocation.m.span.off > optional->span.off)
        optional = NULL;
    if (optional && out->methods[out->n - 1] != REVOCATION_NONE)
        add_method(out, REVOCATION_NONE);
}
