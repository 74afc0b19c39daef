/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/base/redact.h"

struct masked {
    uint32_t off, len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str next_word(struct str l, uint32_t *at)
{
    while (*at < l.len && is_blank(l.p[*at]))
        ++*at;
    struct str w = {l.p + *at, 0};
    while (*at < l.len && !is_blank(l.p[*at])) {
        ++*at;
        w.len++;
    }
    return w;
}

/* The same misprinted: `pre-shred-key`, `kye`. What stands behind is as secret as if it had been spelt right. */
static bool almost_announces_key(struct str w)
{
    static const char *const words[] = {"key",        "password",   "pre-shared-key",    "secret",
                                        "key-string", "passphrase", "authentication-key"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        unsigned far = strlen(words[i]) > 6 ? 2 : 1;
        if (w.len > 2 && !str_ieq(w, "keys") && str_distance(w, words[i], far) <= far)
            return true;
    }
    return false;
}

static bool begins_with(struct str w, const char *z)
{
    size_t n = strlen(z);
    return w.len >= n && str_ieq((struct str){w.p, (uint32_t)n}, z);
}

static bool ends_with(struct str w, const char *z)
{
    const uint32_t n = (uint32_t)strlen(z);
    return w.len >= n && str_ieq((struct str){w.p + w.len - n, n}, z);
}

/* `aggressive-mode-password`: a word that announces one, joined with the one before. */
static bool is_joined(struct str w)
{
    static const char *const ends[] = {"-password", "-secret", "-community", "-key"};
    static const char *const known[] = {"config-key", "session-key", "message-digest-key", "pubkey"};
    bool is_it = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        is_it |= ends_with(w, ends[i]);
    for (size_t i = 0; i < sizeof known / sizeof *known && is_it; i++)
        is_it = w.len < 8 || str_distance(w, known[i], 2) > 2;
    return is_it;
}

/* `key-0`, `key"`: the word, and what is glued to it. */
static bool is_glued_key(struct str w)
{
    static const char *const known[] = {"key-string", "key-id", "keyring", "keepalive", "keys", "keypair", "keysize"};
    bool is_glued = begins_with(w, "key") && w.len > 3 && !((w.p[3] | 32) >= 'a' && (w.p[3] | 32) <= 'z');
    for (size_t i = 0; i < sizeof known / sizeof *known && is_glued; i++)
        is_glued = !begins_with(w, known[i]);
    return is_glued;
}

/* `ky`, `ke`, `ey`. */
static bool is_short_of_key(struct str w)
{
    return w.len == 2 && (str_ieq(w, "ky") || str_ieq(w, "ke") || str_ieq(w, "ey"));
}

/* What comes behind a word. */
enum announced { NOTHING, ONE_WORD, TO_THE_END };

/* A key may hold blanks, and a word before it may be misprinted: behind those that announce nothing else, whatever is
 * not known to be none is one, up to the end of the line. */
static enum announced announced_by(struct str w)
{
    static const char *const one[] = {"cipher", "authenticator", "hex", "md5"};
    static const char *const all[] = {"key",
                                      "password",
                                      "pre-shared-key",
                                      "secret",
                                      "key-string",
                                      "passphrase",
                                      "ppk",
                                      "authentication-key",
                                      "pre-share",
                                      "password-encrypt",
                                      "wpa-psk",
                                      "pass",
                                      "/pass",
                                      "passwd",
                                      "pwd",
                                      "passcode",
                                      "token",
                                      "idtoken",
                                      "credential",
                                      "apikey",
                                      "api-key",
                                      "bearer",
                                      "pin",
                                      "cak",
                                      "_pw"};
    static const char *const begins[] = {"pre-sh", "pre-shr", "presh", "shared-", "psk"};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        if (str_ieq(w, one[i]))
            return ONE_WORD;
    bool is_of_protocol = memmem(w.p, w.len, "hmac-sha", 8) || (w.len > 8 && str_distance(w, "hmac-sha-256", 2) <= 2) ||
                          (w.len > 4 && str_distance(w, "idtoken", 2) <= 2) ||
                          (w.len > 4 && str_distance(w, "wpa-psk", 2) <= 2) || begins_with(w, "wpa-psk-") ||
                          ends_with(w, "-idtoken");
    bool is_variable = ends_with(w, "_password") || ends_with(w, "_pw");
    if ((w.len > 6 && str_distance(w, "community", 2) <= 2) || is_of_protocol || is_variable)
        return TO_THE_END;
    if (is_glued_key(w) || is_short_of_key(w) || is_joined(w))
        return TO_THE_END;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (str_ieq(w, all[i]))
            return TO_THE_END;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (begins_with(w, begins[i]))
            return TO_THE_END;
    bool is_short = w.len >= 5 && (str_prefix_of(w, "pre-shared-key") || str_prefix_of(w, "password"));
    return is_short || almost_announces_key(w) ? TO_THE_END : NOTHING;
}

/* How the lines of keys go on behind the key. */
static bool goes_on_with(struct str w)
{
    static const char *const words[] = {"address", "hostname", "ipv6", "no-xauth"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return w.len > 5 && (str_distance(w, "address", 2) <= 2 || str_distance(w, "hostname", 2) <= 2);
}

/* Of IPv6, with or without its length. */
static bool is_address6(struct str w)
{
    unsigned colons = 0;
    for (uint32_t i = 0; i < w.len; i++) {
        colons += w.p[i] == ':';
        if (!strchr("0123456789abcdefABCDEF:./", w.p[i]))
            return false;
    }
    return colons >= 2;
}

static bool is_address(struct str w)
{
    bool is_it = w.len >= 7;
    unsigned dots = 0;
    for (uint32_t i = 0; i < w.len; i++) {
        dots += w.p[i] == '.';
        is_it &= w.p[i] == '.' || (w.p[i] >= '0' && w.p[i] <= '9');
    }
    return is_it && dots == 3;
}

/* Words that may stand between the announcement and the secret. */
static bool is_connective(struct str w)
{
    static const char *const words[] = {"address", "local",  "remote", "hostname", "hex",        "0",    "5",
                                        "6",       "7",      "8",      "9",        "encryption", "ipv6", "key",
                                        "id",      "manual", "text",   "md5",      "key-string"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return false;
}

/* `crypto key generate …`, `key chain NAME`: here `key` announces nothing. */
static bool is_key_command(struct str w)
{
    static const char *const words[] = {"generate", "import",     "export",  "zeroize", "pubkey-chain", "chain",
                                        "storage",  "config-key", "encrypt", "decrypt", "lock",         "unlock",
                                        "move",     "param",      "rsa",     "ec"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return false;
}

/* `crypto key …`, `key chain …`; not `crypto isakmp key …`. */
static bool is_key_line(struct str l)
{
    uint32_t at = 0;
    struct str first = next_word(l, &at), second = next_word(l, &at);
    return str_ieq(first, "key") || (begins_with(second, "key") && first.len > 1 && str_prefix_of(first, "crypto"));
}

/* `crypto isakmp WORD …` with a word that no command begins with: it may have been `key`. */
static bool is_isakmp_misprint(struct str l)
{
    static const char *const known[] = {"policy",
                                        "key",
                                        "identity",
                                        "keepalive",
                                        "nat",
                                        "enable",
                                        "aggressive-mode",
                                        "invalid-spi-recovery",
                                        "fragmentation",
                                        "default",
                                        "disconnect-revoked-peers",
                                        "diagnose",
                                        "xauth",
                                        "peer",
                                        "profile",
                                        "client",
                                        "performance"};
    uint32_t at = 0;
    struct str first = next_word(l, &at), second = next_word(l, &at), third = next_word(l, &at);
    bool is_isakmp =
        first.len > 1 && str_prefix_of(first, "crypto") && second.len > 2 && str_prefix_of(second, "isakmp");
    for (size_t i = 0; i < sizeof known / sizeof *known && is_isakmp; i++)
        is_isakmp = third.len < 2 || !str_prefix_of(third, known[i]);
    return is_isakmp;
}

/* `set session-key inbound ah 300 KEY`, `session-key …`, misprinted. */
static bool is_session_key(struct str w1, struct str w2)
{
    return (w1.len > 6 && str_distance(w1, "session-key", 2) <= 2) ||
           (w2.len > 6 && str_distance(w2, "session-key", 2) <= 2);
}

/* Keys come or go: `import` or `export`, joined with the word before or not, and then a form. */
static bool is_transfer_of_keys(struct str l)
{
    uint32_t at = 0;
    bool is_transfer = false, has_form = false;
    for (struct str w = next_word(l, &at); w.len; w = next_word(l, &at)) {
        bool is_word = w.len > 4 && (str_distance(w, "import", 2) <= 2 || str_distance(w, "export", 2) <= 2);
        has_form |= is_transfer && (str_ieq(w, "pem") || (w.len > 4 && str_distance(w, "pkcs12", 1) <= 1) ||
                                    (w.len > 6 && str_distance(w, "terminal", 2) <= 2));
        is_transfer |= is_word || ends_with(w, "import") || ends_with(w, "export") || begins_with(w, "import") ||
                       begins_with(w, "export");
    }
    return has_form;
}

/* `crypto key export rsa NAME pem terminal 3des PASSWORD`, `crypto pki import NAME pem terminal PASSWORD`: there the
 * last word is the secret. */
static bool last_word_is_secret(struct str l)
{
    uint32_t at = 0;
    struct str w1 = next_word(l, &at), w2 = next_word(l, &at), w3 = next_word(l, &at);
    bool has_keys = w2.len > 1 && (str_prefix_of(w2, "key") || str_ieq(w2, "pki") || str_ieq(w2, "ca"));
    bool is_config_key = w2.len > 7 && str_distance(w2, "config-key", 2) <= 2;
    if (is_session_key(w1, w2) || is_transfer_of_keys(l) || is_config_key)
        return true;
    return w1.len > 1 && has_keys && w3.len > 2 && str_prefix_of(w1, "crypto") &&
           (str_distance(w3, "export", 2) <= 2 || str_distance(w3, "import", 2) <= 2 || str_prefix_of(w3, "export") ||
            str_prefix_of(w3, "import") || str_prefix_of(w3, "encrypt") || str_prefix_of(w3, "decrypt") ||
            str_prefix_of(w3, "lock") || str_prefix_of(w3, "unlock"));
}

/* Keys of `set session-key`, whatever that is misprinted as. */
static bool long_hex(struct str w)
{
    if (w.len < 16)
        return false;
    for (uint32_t i = 0; i < w.len; i++)
        if (!strchr("0123456789abcdefABCDEF", w.p[i]))
            return false;
    return true;
}

/* `http://user:SECRET@host/`, `user:SECRET@host`: from behind the slashes to the at sign. False: there is none. */
static bool user_of_url(struct str w, struct masked *m, uint32_t off)
{
    const char *slashes = NULL, *at = NULL;
    for (uint32_t i = 0; i + 2 < w.len && !slashes; i++)
        if (memcmp(w.p + i, "://", 3) == 0)
            slashes = w.p + i + 3;
    const char *const colon = memchr(w.p, ':', w.len);
    if (!slashes && colon && memchr(colon, '@', w.len - (size_t)(colon - w.p)))
        slashes = w.p;
    for (const char *p = slashes; p && p < w.p + w.len && *p != '/'; p++)
        if (*p == '@')
            at = p;
    if (!at || at == slashes)
        return false;
    *m = (struct masked){off + (uint32_t)(slashes - w.p), (uint32_t)(at - slashes)};
    return true;
}

/* `crypto isakmp SECRET address …`, `crypto isakmp keySECRET`: the word is forgotten, or glued to the key. */
static bool stands_for_key(struct str l, unsigned number, struct str w, uint32_t behind)
{
    struct str next = next_word(l, &behind);
    bool is_glued = begins_with(w, "key") && w.len > 5 && !begins_with(w, "keepalive") && !begins_with(w, "keyring");
    return number == 2 && is_isakmp_misprint(l) && (is_glued || str_ieq(next, "address") || str_ieq(next, "hostname"));
}

/* `set aggressive-mode password SECRET`, without `password`. */
static bool has_lost_password(struct str l, struct str w, uint32_t behind)
{
    uint32_t at = 0;
    bool is_set = str_ieq(next_word(l, &at), "set");
    struct str next = next_word(l, &behind);
    bool is_mode = w.len > 12 && str_distance(w, "aggressive-mode", 2) <= 2;
    bool is_password = next.len > 3 && str_distance(next, "password", 2) <= 2;
    return is_set && is_mode && !is_password && !begins_with(next, "client");
}

/* `ip nhrp authentication SECRET`, `standby 1 authentication SECRET`, joined or not; but for lines where it is a list
 * that follows. */
static bool announces_protocol_key(struct str l, struct str w, unsigned number)
{
    static const char *const others[] = {"aaa", "ppp", "client", "crypto", "authentication"};
    uint32_t at = 0;
    const struct str first = next_word(l, &at);
    bool is_it = w.len > 9 && str_distance(w, "authentication", 2) <= 2;
    for (size_t i = 0; i < sizeof others / sizeof *others && is_it; i++)
        is_it = !str_ieq(first, others[i]);
    return (is_it && number >= 1) || ends_with(w, "-authentication");
}

/* `ip ospf message-digest-key 1 md5 SECRET`: the word behind it is a number. */
static bool is_numbered_key(struct str w)
{
    return w.len > 14 && str_distance(w, "message-digest-key", 2) <= 2;
}

/* `password=SECRET`, `psk:SECRET`: where the secret begins; 0: it is none. */
static uint32_t behind_sign(struct str w)
{
    uint32_t i = 0;
    while (i < w.len && w.p[i] != '=' && w.p[i] != ':')
        i++;
    bool is_announced = i > 1 && i + 1 < w.len && announced_by((struct str){w.p, i}) != NOTHING;
    return is_announced ? i + 1 : 0;
}

/* ---- lines of SNMP ---- */

/* `snmp-server host ADDRESS [version 2c] COMMUNITY`, `snmp-server user NAME GROUP v3 auth sha SECRET priv aes 128
 * SECRET`: from which word on whatever is no word of the command is one. 0: it is another line. */
static unsigned snmp_secrets_from(struct str l)
{
    uint32_t at = 0;
    struct str w = next_word(l, &at);
    bool is_joined_there = begins_with(w, "snmp-server-");
    if (!is_joined_there && (w.len < 4 || (!str_prefix_of(w, "snmp-server") && str_distance(w, "snmp-server", 2) > 2)))
        return 0;
    if (is_joined_there)
        return 2;
    for (unsigned number = 1; (w = next_word(l, &at)).len; number++) {
        if (begins_with(w, "host-") || begins_with(w, "user-"))
            return number + 1 + begins_with(w, "user-");
        if (w.len > 2 && w.len < 6 && str_distance(w, "host", 2) <= 2)
            return number + 2;
        if (w.len > 2 && w.len < 6 && str_distance(w, "user", 2) <= 2)
            return number + 3;
    }
    return 0;
}

static bool is_word_of_snmp(struct str w)
{
    static const char *const words[] = {"version", "1",         "2c",       "3",     "v1",  "v2c",     "v3",
                                        "auth",    "noauth",    "priv",     "traps", "vrf", "informs", "md5",
                                        "sha",     "des",       "3des",     "aes",   "128", "192",     "256",
                                        "access",  "encrypted", "udp-port", "remote"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return false;
}

/* How far a line has been read. */
struct reading {
    enum announced armed;
    unsigned words; /* so many have been read */
    bool has_key;   /* one has been masked: what now goes on behind it is known */
    bool names;     /* the word before was `hostname`, `address` or the like, behind a key: this one is a name */
    bool is_behind; /* it was `key`: what it looks like does not matter */
    bool is_number; /* it announced a key with a number, which this is */
    bool is_place;  /* it was `address`, or an address behind that: an address here, or its mask, is none of a key */
};

/* Finds the next masked word at or after *at. */
static bool next_masked(struct str l, uint32_t *at, struct reading *r, struct masked *m)
{
    struct str w;
    while ((w = next_word(l, at)).len) {
        uint32_t off = (uint32_t)(w.p - l.p);
        if (r->armed && !r->has_key && is_key_command(w) && is_key_line(l))
            r->armed = NOTHING;
        bool is_name = r->names && memchr(w.p, '.', w.len); /* of a host: keys of one word have no dots, names have */
        bool is_place = r->is_place && (is_address(w) || is_address6(w) || str_ieq(w, "ipv6"));
        bool is_known = r->has_key && (is_name || goes_on_with(w) || is_address(w));
        bool goes_on = is_place || (is_known && !r->is_behind);
        r->is_behind = str_ieq(w, "key");
        r->is_place = is_place || str_ieq(w, "address");
        r->names = r->has_key && goes_on_with(w);
        bool is_glued = (begins_with(w, "pre-shared-key") && w.len > strlen("pre-shared-key")) || is_glued_key(w);
        bool hide = (r->armed && !is_connective(w) && !goes_on && !r->is_number) || long_hex(w) || is_glued;
        const unsigned snmp_from = snmp_secrets_from(l);
        hide |= snmp_from && r->words >= snmp_from && !is_word_of_snmp(w);
        const uint32_t sign = hide ? 0 : behind_sign(w);
        if (sign) {
            *m = (struct masked){off + sign, w.len - sign};
            r->armed = TO_THE_END;
            r->words++;
            return true;
        }
        r->is_number = is_numbered_key(w);
        hide |= stands_for_key(l, r->words, w, *at);
        if (!hide && user_of_url(w, m, off)) {
            r->words++;
            return true;
        }
        /* `key 6 ABC`: the digit is not the key, unless the line ends with it */
        if (r->armed && !r->has_key && is_connective(w) && w.len == 1) {
            uint32_t peek = *at;
            hide = next_word(l, &peek).len == 0;
        }
        uint32_t peek_end = *at;
        if (!hide && next_word(l, &peek_end).len == 0 && last_word_is_secret(l))
            hide = true;
        enum announced next = r->is_number ? TO_THE_END : announced_by(w);
        if (r->words == 1 && begins_with(w, "isakmp-") && !begins_with(w, "isakmp-p"))
            next = TO_THE_END; /* `crypto isakmp-key SECRET …` */
        if (r->words++ == 2 && is_isakmp_misprint(l))
            next = TO_THE_END;
        if (announces_protocol_key(l, w, r->words - 1))
            next = TO_THE_END;
        if (!next && has_lost_password(l, w, *at))
            next = TO_THE_END;
        if (hide) {
            if (is_glued)
                r->armed = TO_THE_END;
            if (r->armed == ONE_WORD)
                r->armed = NOTHING;
            r->has_key = true;
            *m = (struct masked){off, w.len};
            return true;
        }
        if (next > r->armed)
            r->armed = next;
        else if (r->armed == ONE_WORD && !is_connective(w))
            r->armed = NOTHING;
    }
    return false;
}

void redact_line(struct str line, struct buf *out, uint32_t *caret, uint32_t *caret_len)
{
    uint32_t at = 0, done = 0, pos = caret ? *caret : 0, end = caret && caret_len ? pos + *caret_len : pos;
    size_t base = out->len;
    uint32_t new_pos = UINT32_MAX, new_end = UINT32_MAX;
    struct reading r = {.armed = NOTHING};
    struct masked m;
    for (;;) {
        bool more = next_masked(line, &at, &r, &m);
        uint32_t upto = more ? m.off : line.len;
        for (; done < upto; done++) {
            if (done == pos)
                new_pos = (uint32_t)(out->len - base);
            if (done == end)
                new_end = (uint32_t)(out->len - base);
            unsigned char c = (unsigned char)line.p[done];
            buf_putc(out, c == '\t' ? ' ' : c < 32 || c == 127 ? '?' : (char)c);
        }
        if (!more)
            break;
        if (pos >= m.off && pos < m.off + m.len)
            new_pos = (uint32_t)(out->len - base);
        buf_puts(out, "<key>");
        done = m.off + m.len;
        if (end > m.off && end <= done)
            new_end = (uint32_t)(out->len - base);
    }
    uint32_t total = (uint32_t)(out->len - base);
    if (new_pos == UINT32_MAX)
        new_pos = total;
    if (new_end == UINT32_MAX)
        new_end = total;
    if (caret)
        *caret = new_pos;
    if (caret_len)
        *caret_len = new_end > new_pos ? new_end - new_pos : 0;
}

bool redact_touches(struct str line, uint32_t off, uint32_t len)
{
    uint32_t at = 0;
    struct reading r = {.armed = NOTHING};
    struct masked m;
    while (next_masked(line, &at, &r, &m)) {
        uint32_t end = m.off + m.len;
        while (end < line.len && is_blank(line.p[end]))
            end++;
        if (off < m.off + m.len && off + len > m.off)
            return true;
        if (off == end)
            return true;
    }
    return false;
}
