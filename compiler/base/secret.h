/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A key or password. It is a type of its own so that no printf conversion fits it: handing one to "%s" does not
 * compile. The bytes lie in the source text or the arena, both of which are wiped when freed.
 */
#ifndef IOSCC_BASE_SECRET_H
#define IOSCC_BASE_SECRET_H

#include "compiler/base/must.h"
#include "compiler/base/str.h"

enum secret_form {
    SECRET_NONE,  /* there is none */
    SECRET_PLAIN, /* type 0 or no digit: the text is the key */
    SECRET_TYPE6, /* encrypted under the router's master key */
    SECRET_TYPE7, /* the reversible Vigenère form */
    SECRET_HEX,   /* hexadecimal digits */
};

struct secret {
    struct {
        struct str hidden; /* only secret_reveal() and the --show-secrets printers may look here */
    } inner;
    enum secret_form form;
};

/* For the few places that must see the characters. */
static inline struct str secret_reveal(const struct secret *s)
{
    return s->inner.hidden;
}

/* Constant in the position of the first difference, not in the length. */
static inline bool secret_equal(const struct secret *a, const struct secret *b)
{
    struct str x = a->inner.hidden, y = b->inner.hidden;
    if (a->form != b->form || x.len != y.len)
        return false;
    unsigned char d = 0;
    for (uint32_t i = 0; i < x.len; i++)
        d |= (unsigned char)(x.p[i] ^ y.p[i]);
    return d == 0;
}

/* The longest key that secret_clear() gives, bytes. */
#define SECRET_CLEAR_MAX 256

/* The key itself: clear text as it stands, type 7 turned back, type 6 decrypted under the router's master key (`master`
 * empty: not known). Writes at most SECRET_CLEAR_MAX bytes to `out` and their number to *len; the caller wipes them.
 * False if it cannot be had: no master key, not the right one, hexadecimal keys, malformed text. Type 6 is base 41 of
 * salt (8 bytes), text under AES in counter mode, and the first 4 bytes of HMAC-SHA-1; both keys come from AES under
 * the MD5 of the master key (CiscoDevNet, Type-6-Password-Encode). */
bool secret_clear(const struct secret *s, struct str master, char out[static SECRET_CLEAR_MAX], size_t *len) MUST_CHECK;

#endif
