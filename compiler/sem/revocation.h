/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a trustpoint wants the certificates of peers looked at beyond their signatures: `revocation-check` with what
 * belongs to it (`ocsp …`, `crl …`), `match certificate`, `chain-validation`, `authorization`. Read here once, for the
 * table of needs and for the daemon's policy.
 */
#ifndef IOSCC_SEM_REVOCATION_H
#define IOSCC_SEM_REVOCATION_H

#include "compiler/ir/ir.h"

enum revocation_method { REVOCATION_NONE = 1, REVOCATION_CRL, REVOCATION_OCSP };
#define REVOCATION_METHODS_MAX 3

struct revocation {
    uint8_t methods[REVOCATION_METHODS_MAX]; /* enum revocation_method, in their order; NONE is the last one */
    unsigned n;                              /* never 0: IOS' default is `crl` */
    bool no_nonce;                           /* ocsp disable-nonce */
    struct str ocsp_url;                     /* takes the place of the certificate's own; empty: none */
    uint32_t crl_keep_s;                     /* seconds; UINT32_MAX: until it ends, 0: it is not kept */
    bool is_supported;
    struct span unsupported; /* the line that is not, if one is not */
    struct str word;         /* ... the word of it that counts */
    const char *why;         /* ... what is wrong with it, as the end of a sentence that begins with the word */
    bool is_unknown;         /* ... the router does not know it either: a misprint */
};

void trustpoint_revocation(const struct trustpoint *t, struct revocation *out);

#endif
