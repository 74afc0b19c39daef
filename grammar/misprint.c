/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "grammar/misprint.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The word with that number, from 0 on; empty: there is none. */
static struct str word_at(struct str line, unsigned number)
{
    const char *p = line.p, *end = line.p + line.len;
    for (;;) {
        while (p < end && is_blank(*p))
            p++;
        const char *from = p;
        while (p < end && !is_blank(*p))
            p++;
        if (from == end || number-- == 0)
            return (struct str){from, (uint32_t)(p - from)};
    }
}

bool misprint_near(struct str w, const char *z)
{
    size_t n = strlen(z);
    if (w.len < 4 || (w.p[0] != z[0] && w.p[1] != z[1] && w.p[0] != z[1]))
        return false;
    if (w.len + 2 < n || n + 2 < w.len || w.p[w.len - 1] == ':')
        return false;
    return !str_ieq(w, z) && str_distance(w, z, 2) <= (w.len > 5 ? 2u : 1u);
}

static bool is_near_miss(struct str w, const char *z)
{
    return misprint_near(w, z) && !str_prefix_of(w, z);
}

/* ---- lines without what stands between their letters ---- */

#define SKELETON_MAX 40
struct skeleton {
    char p[SKELETON_MAX + 1];
    uint32_t n;
};

static bool is_letter_or_digit(char small)
{
    return (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
}

static bool has_letter(struct str w)
{
    for (uint32_t i = 0; i < w.len; i++)
        if (is_letter_or_digit(str_lower(w.p[i])))
            return true;
    return false;
}

/* Letters and digits of the first words, in small letters. */
static struct skeleton skeleton_of(struct str line, unsigned words)
{
    struct skeleton s;
    s.n = 0;
    for (unsigned k = 0; k < words && s.n < SKELETON_MAX; k++) {
        struct str w = str_take_word(&line);
        for (uint32_t i = 0; i < w.len && s.n < SKELETON_MAX; i++) {
            const char c = str_lower(w.p[i]);
            if (is_letter_or_digit(c))
                s.p[s.n++] = c;
        }
    }
    s.p[s.n] = '\0';
    return s;
}

/* Which letters and digits stand in it: a bit for each. */
static uint64_t signs_in(const char *p, uint32_t n)
{
    uint64_t signs = 0;
    for (uint32_t i = 0; i < n; i++) {
        unsigned bit = p[i] <= '9' ? (unsigned)(p[i] - '0') : 10u + (unsigned)(p[i] - 'a');
        signs |= UINT64_C(1) << (bit & 63);
    }
    return signs;
}

#define FAR 2 /* letters that may be otherwise */

/* Each letter of one that the other has nowhere is a letter otherwise. */
static bool is_too_far(const struct skeleton *s, const char *header, uint32_t n)
{
    const uint32_t reach = s->n < n + FAR ? s->n : n + FAR;
    return __builtin_popcountll(signs_in(header, n) & ~signs_in(s->p, reach)) > FAR;
}

/* Does it begin with that, or with something a letter or two away? Short ones must be exact. */
static bool begins_as(const struct skeleton *s, const char *header, bool exactly)
{
    uint32_t n = (uint32_t)strlen(header);
    if (s->n >= n && memcmp(s->p, header, n) == 0)
        return true;
    if (s->n + FAR < n)
        return false;
    if (exactly || n < 9 || is_too_far(s, header, n))
        return false;
    for (uint32_t k = n - FAR; k <= n + FAR && k <= s->n; k++)
        if (str_distance((struct str){s->p, k}, header, FAR) <= FAR)
            return true;
    return false;
}

static bool begins_as_one_of(struct str line, const char *const *headers, bool exactly)
{
    if (!has_letter(word_at(line, 0))) /* a sign before prose */
        return false;
    const struct skeleton s = skeleton_of(line, 3);
    for (; *headers; headers++)
        if (begins_as(&s, *headers, exactly))
            return true;
    return false;
}

static const char *const openers[] = {"ipaccesslist",  "ipv6accesslist", "accesslist",  "cryptomap",
                                      "cryptoisakmp",  "cryptoikev2",    "cryptoipsec", "cryptodynamicmap",
                                      "cryptokeyring", "cryptopki",      "objectgroup", NULL};
static const char *const of_interfaces[] = {"ipaccessgroup", "accessgroup", "cryptomap", "ipv6trafficfilter", NULL};

bool misprint_opens_ours(struct str line)
{
    struct str word = word_at(line, 0);
    bool is_of_output = word.len && word.p[word.len - 1] == ':' && word_at(line, 2).len; /* "Interface: Tunnel0, …" */
    bool is_joined = !is_of_output && ((word.len > 9 && str_ieq((struct str){word.p, 9}, "interface")) ||
                                       (word.len > 4 && str_ieq((struct str){word.p, 4}, "int-")));
    if (is_joined || misprint_near(word, "crypto") || misprint_near(word, "access-list") ||
        misprint_near(word, "interface") || misprint_near(word, "object-group"))
        return true;
    return !str_ieq(word, "ipx") && begins_as_one_of(line, openers, false);
}

bool misprint_of_interface(struct str line)
{
    struct str word = word_at(line, 0);
    return misprint_near(word, "crypto") || misprint_near(word, "tunnel") ||
           begins_as_one_of(line, of_interfaces, false);
}

/* ---- commands that begin with a word of many ---- */

static bool is_direction(struct str w)
{
    return str_ieq(w, "in") || str_ieq(w, "out");
}

/* The word with the next one at its end. */
static bool is_glued(struct str w, const char *z)
{
    uint32_t n = (uint32_t)strlen(z);
    return w.len > n && str_ieq((struct str){w.p, n}, z);
}

/* `ip acl F in`, `ip access-list F in`, `ip access-group: F in`. */
static bool is_access_group(struct str second, struct str line)
{
    bool applies = second.len >= 2 && str_prefix_of((struct str){second.p, 2}, "ac") && is_direction(word_at(line, 3));
    bool is_known = second.len > 6 && (str_prefix_of(second, "access-group") || str_prefix_of(second, "accounting"));
    return (applies && !is_known) || is_glued(second, "access-group") || is_near_miss(second, "access-group") ||
           is_near_miss(second, "traffic-filter");
}

struct str misprint_of_ours(struct str line, bool in_interface)
{
    struct str first = word_at(line, 0);
    bool is_ip = str_ieq(first, "ip") || str_ieq(first, "ipv6"), is_group = str_ieq(first, "object-group");
    if (!is_ip && !is_group)
        return (struct str){NULL, 0};
    struct str second = word_at(line, 1), third = word_at(line, 2);
    bool is_side = str_ieq(third, "inside") || str_ieq(third, "outside");
    bool is_nat = second.len >= 2 && second.len <= 4 && !str_ieq(second, "nat") && str_distance(second, "nat", 1) <= 1;
    bool hit = is_ip && is_nat && is_side;
    if (in_interface)
        hit |= is_ip && is_access_group(second, line);
    else
        hit |= (is_ip && (is_near_miss(second, "access-list") || is_glued(second, "access-list"))) ||
               (is_group && (is_near_miss(second, "network") || is_near_miss(second, "service")));
    return hit ? second : (struct str){NULL, 0};
}

/* ---- characters that look like others ---- */

/* UTF-8, and how each is read. A byte of 0xa0 alone is the no-break space of Latin-1. */
static const struct {
    const char *bytes;
    char as; /* '\0': nothing is to be seen */
} lookalikes[] = {
    {"\xc2\xa0", ' '},      {"\xe2\x80\xaf", ' '},  {"\xe2\x80\x80", ' '},  {"\xe2\x80\x81", ' '},
    {"\xe2\x80\x82", ' '},  {"\xe2\x80\x83", ' '},  {"\xe2\x80\x84", ' '},  {"\xe2\x80\x85", ' '},
    {"\xe2\x80\x86", ' '},  {"\xe2\x80\x87", ' '},  {"\xe2\x80\x88", ' '},  {"\xe2\x80\x89", ' '},
    {"\xe2\x80\x8a", ' '},  {"\xe3\x80\x80", ' '},  {"\xe2\x80\x8b", '\0'}, {"\xe2\x80\x8c", '\0'},
    {"\xe2\x80\x8d", '\0'}, {"\xe2\x80\x8e", '\0'}, {"\xe2\x80\x8f", '\0'}, {"\xe2\x81\xa0", '\0'},
    {"\xef\xbb\xbf", '\0'}, {"\xc2\xad", '\0'},     {"\xe2\x80\x90", '-'},  {"\xe2\x80\x91", '-'},
    {"\xe2\x80\x92", '-'},  {"\xe2\x80\x93", '-'},  {"\xe2\x80\x94", '-'},  {"\xe2\x80\x95", '-'},
    {"\xe2\x88\x92", '-'},  {"\xef\xbc\x8d", '-'},  {"\xa0", ' '},
};

/* Its length in bytes at `p`, 0: none is there. */
static uint32_t lookalike_at(const char *p, const char *end, char *as)
{
    for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++) {
        size_t n = strlen(lookalikes[i].bytes);
        if ((size_t)(end - p) >= n && memcmp(p, lookalikes[i].bytes, n) == 0) {
            *as = lookalikes[i].as;
            return (uint32_t)n;
        }
    }
    return 0;
}

/* Bytes of one character of UTF-8 that is none of them; a byte that begins none counts alone. */
static uint32_t character_len(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    uint32_t n = 1;
    if (c >= 0xf0)
        n = 4;
    else if (c >= 0xe0)
        n = 3;
    else if (c >= 0xc0)
        n = 2;
    return (size_t)(end - p) < n ? (uint32_t)(end - p) : n;
}

/* Eight bytes at a time: nearly every line is. */
static bool is_ascii(struct str line)
{
    uint64_t all = 0, eight;
    uint32_t i = 0;
    for (; i + sizeof eight <= line.len; i += sizeof eight) {
        memcpy(&eight, line.p + i, sizeof eight);
        all |= eight;
    }
    for (; i < line.len; i++)
        all |= (uint8_t)line.p[i];
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

struct str misprint_lookalike(struct str line)
{
    const char *end = line.p + line.len;
    char as;
    if (is_ascii(line))
        return (struct str){NULL, 0};
    for (const char *p = line.p; p < end; p += character_len(p, end)) {
        if ((unsigned char)*p < 0x80)
            continue;
        uint32_t n = lookalike_at(p, end, &as);
        if (n)
            return (struct str){p, n};
    }
    return (struct str){NULL, 0};
}

/* The line as it looks, up to `room` bytes. */
static struct str as_it_looks(struct str line, char *text, uint32_t room)
{
    uint32_t n = 0;
    const char *end = line.p + line.len;
    for (const char *p = line.p; p < end && n < room;) {
        char as = *p;
        uint32_t len = lookalike_at(p, end, &as);
        if (!len || as)
            text[n++] = as;
        p += len ? len : 1;
    }
    return (struct str){text, n};
}

bool misprint_looks_like_ours(struct str line)
{
    char text[128];
    struct str read = as_it_looks(line, text, sizeof text);
    return begins_as_one_of(read, openers, true) || begins_as_one_of(read, of_interfaces, true);
}

/* Is the first word one of those that the words of a line are told by? */
static bool has_its_words(struct str line)
{
    struct str first = word_at(line, 0), second = word_at(line, 1);
    bool is_list = str_ieq(first, "access-list") || str_ieq(second, "access-list");
    is_list |= first.len && (first.p[0] | 32) == 'a' && misprint_near(first, "access-list");
    bool is_crypto = (str_ieq(first, "crypto") || misprint_near(first, "crypto")) && second.len > 2;
    return is_list || is_crypto || str_ieq(first, "no");
}

enum misprint_meant misprint_meant(struct str line)
{
    static const char *const lists[] = {"ipaccesslist", "ipv6accesslist", "accesslist", NULL};
    static const char *const maps[] = {"cryptomap", "cryptodynamicmap", NULL};
    static const char *const others[] = {"cryptoisakmp",  "cryptoikev2", "cryptoipsec",
                                         "cryptokeyring", "cryptopki",   NULL};
    char text[128];
    struct str read = as_it_looks(line, text, sizeof text);
    if (!misprint_lookalike(line).len && has_its_words(line))
        return MEANT_WORDS;
    if (begins_as_one_of(read, lists, false))
        return MEANT_LIST;
    if (begins_as_one_of(read, maps, false))
        return MEANT_MAP;
    return begins_as_one_of(read, others, false) ? MEANT_CRYPTO : MEANT_WORDS;
}
