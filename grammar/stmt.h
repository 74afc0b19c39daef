/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the grammar hands on: one statement per line that was understood, with the place of every value. The parser
 * owns statements and reuses them: a consumer copies what it keeps. Slices point into the source text.
 */
#ifndef IOSCC_GRAMMAR_STMT_H
#define IOSCC_GRAMMAR_STMT_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler/base/addr.h"
#include "compiler/base/diag.h"
#include "compiler/base/ipnames.h"
#include "compiler/base/source.h"
#include "compiler/base/str.h"

enum ios_stmt_kind {
#define STMT(kind, args) S_##kind,
#include "grammar/stmt.def"
#undef STMT
    S_COUNT
};

enum ios_value_kind {
    IOS_V_NONE,
    IOS_V_WORD,    /* any word; the text is the slice at `span` */
    IOS_V_KEYWORD, /* `word` is the full lower-case spelling, whatever abbreviation was typed */
    IOS_V_NUMBER,  /* num; IOS_NUM_HUGE if it does not fit 63 bits */
    IOS_V_ADDR,    /* addr, plen = 255 unless written as A/len */
    IOS_V_NAMED,   /* num: value of a port, protocol, ICMP … name */
    IOS_V_ALGO,    /* num: enum algo_id; plen unused; bits: key size that is part of the word, 0 if none */
    IOS_V_TEXT,    /* rest of the line */
    IOS_V_CUT,     /* a `no` line that ended before this value: all of them */
};
#define IOS_NUM_HUGE (UINT64_MAX >> 1)

struct ios_val {
    struct span span;
    uint8_t kind; /* enum ios_value_kind */
    uint8_t plen;
    uint16_t bits;
    uint32_t tok; /* parser's own token number */
    union {
        uint64_t num;
        const char *word;
        struct ip_addr addr;
    } u;
};

enum ios_mode {
    MODE_GLOBAL,
    MODE_IGNORED, /* inside a block that does not concern us */
    MODE_OTHER,   /* inside a recognised crypto block: lines are kept as text */
    MODE_INTERFACE,
    MODE_ACL_EXT,
    MODE_ACL_STD,
    MODE_ACL6,
    MODE_OG_NET,
    MODE_OG_SVC,
    MODE_ROUTE_MAP,
    MODE_ISAKMP_POLICY,
    MODE_ISAKMP_PEER,
    MODE_KEYRING,
    MODE_ISAKMP_PROFILE,
    MODE_TRANSFORM,
    MODE_IPSEC_PROFILE,
    MODE_CMAP,
    MODE_V2_PROPOSAL,
    MODE_V2_POLICY,
    MODE_V2_KEYRING,
    MODE_V2_PEER,
    MODE_V2_PROFILE,
    MODE_TRUSTPOINT,
    MODE_CERT_CHAIN,
    MODE_CERT_MAP,
    MODE_IDENTITY,
    MODE_PUBKEY_CHAIN,
    MODE_PUBKEY,
    MODE_COUNT
};

enum ios_port_op { PORT_NONE, PORT_EQ, PORT_NEQ, PORT_LT, PORT_GT, PORT_RANGE };
enum ios_addr_form { AF_ANY, AF_HOST, AF_HOSTNAME, AF_WILDCARD, AF_PREFIX, AF_GROUP, AF_RANGE, AF_MASK };

#define IOS_PORTS_MAX 10 /* values after one eq / neq, as on current images */

struct ios_ace_end {
    enum ios_addr_form form;
    struct ios_val addr, mask; /* AF_WILDCARD, AF_MASK: mask; AF_RANGE: last address; AF_GROUP, AF_HOSTNAME: name */
    enum ios_port_op op;
    uint8_t nports;
    struct ios_val ports[IOS_PORTS_MAX]; /* last: only the first nports are ever cleared or set */
};

struct ios_ace {
    bool permit;
    struct ios_val seq, action;
    struct ios_val proto; /* NAMED; or WORD: a service object group */
    bool proto_is_group;
    struct ios_ace_end src, dst;
    struct ios_val icmp_type, icmp_code;
    struct span opts; /* whatever followed the addresses and ports */
    bool has_log, has_log_input, established;
    uint32_t unselectable; /* options that no IPsec selector can express: ACE_OPT_* bits */
};
#define IOS_ARGS_MAX 8

struct ios_stmt {
    enum ios_stmt_kind kind;
    enum ios_mode mode; /* in which it was taken */
    bool negated;       /* `no …` */
    bool to_default;    /* `default …` */
    struct span span;   /* the command without indentation and line end */
    struct ios_val args[IOS_ARGS_MAX];
    struct ios_val *list; /* parser's memory */
    uint32_t nlist;
    struct ios_ace ace;
    /* S_CRYPTO_MAP … and one-line forms `crypto map NAME SEQ set …`: */
    bool one_line, is_v6, is_dynamic_map;
    bool misprint; /* a spelling that only occurs in printed guides; `misprint_at` says where */
    struct span misprint_at;
    struct ios_val map_name, map_seq;
    struct span blob; /* hexadecimal lines after S_CERTIFICATE and S_KEY_STRING */
    int opens;        /* enum ios_mode this line enters, or -1 */
};

struct ios_sink {
    /* One statement. */
    void (*statement)(void *ctx, const struct ios_stmt *s);
    /* A capture goes on with another configuration (of `host`, empty if unknown). Later statements belong to it.
     * `fresh`: a whole configuration begins, else an earlier one of that host goes on. */
    void (*new_unit)(void *ctx, struct str host, struct span at, bool fresh);
    /* A line inside a block of this mode was not understood: what the block seems to lack may stand in that line.
     * MODE_GLOBAL: it is in none, and what stands below it is not read. */
    void (*broken)(void *ctx, enum ios_mode mode, struct span line);
    /* A line that is nothing of ours, as far as the words go: MODE_GLOBAL, or of the mode that it stands in;
     * MODE_IGNORED: it stands in a block whose first line was such a one. Texts (banners, comments) and words that
     * leave a mode are not among them. */
    void (*left)(void *ctx, enum ios_mode mode, struct span line);
    /* The whole source turned out to belong to another operating system: forget what was handed on. */
    void (*abandon)(void *ctx, struct span at);
    void *ctx;
};

struct ios_parser;

/* A parser keeps what it learnt about the grammar, so one per thread should serve all its files. NULL: no memory. */
struct ios_parser *ios_parser_new(void);
void ios_parser_free(struct ios_parser *p);

/* Reads a whole source. Findings go to `diags`, whose arena's limit also stops the reading. */
void ios_parse(struct ios_parser *p, struct source *src, struct diag_list *diags, const struct ios_sink *sink);

/* Does a word look like a template hole (`${x}`, `<name>`, `{{ x }}`, `40.X.X.X`) and not like a value? */
bool ios_is_placeholder(struct str w);

#endif
