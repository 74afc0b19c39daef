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
    static const char *const words[] = {"key", "password", "pre-shared-key", "secret", "key-string", "passphrase"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        unsigned far = strlen(words[i]) > 6 ? 2 : 1;
        if (w.len > 2 && !str_ieq(w, "keys") && str_distance(w, words[i], far) <= far)
            return true;
    }
    return false;
}

/* Words after which a secret comes. */
static bool announces_key(struct str w)
{
    static const char *const words[] = {"key",           "password", "pre-shared-key",     "secret",    "cipher",
                                        "authenticator", "hex",      "key-string",         "community", "passphrase",
                                        "ppk",           "md5",      "authentication-key", "pre-share"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_ieq(w, words[i]))
            return true;
    return (w.len >= 5 && (str_prefix_of(w, "pre-shared-key") || str_prefix_of(w, "password"))) ||
           almost_announces_key(w);
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

/* `crypto key export rsa NAME pem terminal 3des PASSWORD`: there the last word is the secret. */
static bool last_word_is_secret(struct str l)
{
    uint32_t at = 0;
    struct str w1 = next_word(l, &at), w2 = next_word(l, &at), w3 = next_word(l, &at);
    return w1.len > 1 && w2.len > 1 && w3.len > 2 && str_prefix_of(w1, "crypto") && str_prefix_of(w2, "key") &&
           (str_prefix_of(w3, "export") || str_prefix_of(w3, "import") || str_prefix_of(w3, "encrypt") ||
            str_prefix_of(w3, "decrypt") || str_prefix_of(w3, "lock") || str_prefix_of(w3, "unlock"));
}

static bool long_hex(struct str w)
{
    if (w.len < 8)
        return false;
    for (uint32_t i = 0; i < w.len; i++)
        if (!strchr("0123456789abcdefABCDEF", w.p[i]))
            return false;
    return true;
}

/* Finds the next masked word at or after *at. */
static bool next_masked(struct str l, uint32_t *at, bool *armed, bool *session, struct masked *m)
{
    struct str w;
    bool protocol = false; /* `ip nhrp authentication X`, `standby 1 authentication X` */
    while ((w = next_word(l, at)).len) {
        uint32_t off = (uint32_t)(w.p - l.p);
        if (*armed && is_key_command(w))
            *armed = false;
        bool hide = (*armed && !is_connective(w)) || (*session && long_hex(w));
        /* `key 6 ABC`: the digit is not the key, unless the line ends with it */
        if (*armed && is_connective(w) && w.len == 1) {
            uint32_t peek = *at;
            hide = next_word(l, &peek).len == 0;
        }
        uint32_t peek_end = *at;
        if (!hide && next_word(l, &peek_end).len == 0 && last_word_is_secret(l))
            hide = true;
        if (str_prefix_of(w, "session-key") && w.len > 7)
            *session = true;
        bool again = announces_key(w) || (protocol && str_ieq(w, "authentication"));
        protocol |= str_ieq(w, "nhrp") || str_ieq(w, "standby") || str_ieq(w, "vrrp");
        if (hide) {
            *armed = false;
            *m = (struct masked){off, w.len};
            return true;
        }
        if (again)
            *armed = true;
        else if (*armed && !is_connective(w))
            *armed = false;
    }
    return false;
}

void redact_line(struct str line, struct buf *out, uint32_t *caret, uint32_t *caret_len)
{
    uint32_t at = 0, done = 0, pos = caret ? *caret : 0, end = caret && caret_len ? pos + *caret_len : pos;
    size_t base = out->len;
    uint32_t new_pos = UINT32_MAX, new_end = UINT32_MAX;
    bool armed = false, session = false;
    struct masked m;
    for (;;) {
        bool more = next_masked(line, &at, &armed, &session, &m);
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
    bool armed = false, session = false;
    struct masked m;
    while (next_masked(line, &at, &armed, &session, &m)) {
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
