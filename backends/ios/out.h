/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Helpers for printing canonical IOS text. Internal to backends/ios. */
#ifndef IOSCC_BACKENDS_IOS_OUT_H
#define IOSCC_BACKENDS_IOS_OUT_H

#include "backends/backend.h"

struct ios_out {
    struct buf *b;
    const struct backend_options *o;
};

#define OUT(w, ...) buf_printf((w)->b, __VA_ARGS__)

/* `fmt` holds one %llu, resp. one STR_FMT: printed when the value was written in the text. */
#define OUT_NUM(w, f, fmt)                                                                                             \
    do {                                                                                                               \
        if (IR_WRITTEN(f))                                                                                             \
            OUT(w, fmt "\n", (unsigned long long)(f).v);                                                               \
    } while (0)
#define OUT_STR(w, f, fmt)                                                                                             \
    do {                                                                                                               \
        if (IR_WRITTEN(f))                                                                                             \
            OUT(w, fmt "\n", STR_ARG((f).s));                                                                          \
    } while (0)
#define OUT_REF(w, f, fmt)                                                                                             \
    do {                                                                                                               \
        if (IR_WRITTEN(f))                                                                                             \
            OUT(w, fmt "\n", STR_ARG((f).name));                                                                       \
    } while (0)
#define OUT_FLAG(w, f, text)                                                                                           \
    do {                                                                                                               \
        if (IR_WRITTEN(f) && (f).v)                                                                                    \
            OUT(w, text "\n");                                                                                         \
    } while (0)

void ios_secret(struct ios_out *w, const struct ir_secret *s); /* `6 TEXT`, `hex TEXT` or `TEXT`; <key> if hidden */
void ios_addr(struct ios_out *w, const struct ir_addr *a);     /* A or A/len */
void ios_host(struct ios_out *w, const struct ir_host *h);
void ios_text(struct ios_out *w, struct str s); /* a kept command; words that may be keys hidden */
void ios_texts(struct ios_out *w, const char *indent, const struct ptrlist *l);
void ios_local(struct ios_out *w, const char *prefix, const struct ptrlist *l);

void ios_print_isakmp(struct ios_out *w, const struct ir_config *c);
void ios_print_ikev2(struct ios_out *w, const struct ir_config *c);
void ios_print_ipsec(struct ios_out *w, const struct ir_config *c);
void ios_print_maps(struct ios_out *w, const struct ir_config *c);
void ios_print_acls(struct ios_out *w, const struct ir_config *c);
void ios_print_interfaces(struct ios_out *w, const struct ir_config *c);
void ios_print_nat(struct ios_out *w, const struct ir_config *c);
void ios_print_pki(struct ios_out *w, const struct ir_config *c);

#endif
