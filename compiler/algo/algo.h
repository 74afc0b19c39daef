/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups in the table of algorithms (algo.def). */
#ifndef IOSCC_ALGO_ALGO_H
#define IOSCC_ALGO_ALGO_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/str.h"

enum algo_kind { ALGO_NO_KIND, ALGO_ENCR, ALGO_INTEG, ALGO_COMP, ALGO_DH, ALGO_AUTH };

enum algo_id {
    ALGO_NONE,
#define ALGO(ID, ...) ALGO_##ID,
#include "compiler/algo/algo.def"
#include "compiler/base/must.h"
#undef ALGO
    ALGO_COUNT
};

struct algo {
    enum algo_kind kind;
    const char *name; /* for messages */
    const char *ios_isakmp, *ios_esp, *ios_ah, *ios_ikev2;
    const char *show_isakmp, *show_ikev2, *show_prf;
    uint16_t ike_v1, esp_v1, ah_v1, ikev2, prf_v2;
    uint16_t keys[3];              /* bits, default first, 0-terminated (NULL: none) */
    uint16_t block, iv, salt, icv; /* bits */
    bool is_aead, no_secrecy;
    const char *xfrm; /* kernel crypto name; NULL: the kernel has no counterpart */
};

/* id must be below ALGO_COUNT; ALGO_NONE has a row of zeros. */
const struct algo *algo_get(enum algo_id id);

enum algo_context { ALGO_CTX_ISAKMP, ALGO_CTX_ESP, ALGO_CTX_AH, ALGO_CTX_IKEV2 };

/* Exact spelling (case blind) of an algorithm of `kind` in a context, ALGO_NONE if there is none. For ALGO_CTX_IKEV2
 * ciphers the word carries the key size (`aes-cbc-256`): it is split off into *bits (0: none written). */
enum algo_id algo_find(enum algo_kind kind, enum algo_context ctx, struct str word, unsigned *bits);
const char *algo_spelling(enum algo_id id, enum algo_context ctx);
bool algo_key_legal(enum algo_id id, unsigned bits) MUST_CHECK;

/* Walks the table for contradictions; NULL if it is sound, else what is wrong. Run by the unit tests. */
const char *algo_self_check(void);

#endif
