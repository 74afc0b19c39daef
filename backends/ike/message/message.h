/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE messages: a header and a chain of payloads (RFC 7296 §3, RFC 2408 §3). Decoding makes plain structs that point
 * into the datagram; encoding is its mirror. Every length is checked before use.
 */
#ifndef IOSCC_IKE_MESSAGE_H
#define IOSCC_IKE_MESSAGE_H

#include "backends/ike/message/wire.h"
#include "compiler/base/addr.h"
#include "compiler/base/bytes.h"
#include "compiler/base/must.h"

struct ike_header {
    uint64_t spi_i, spi_r; /* IKEv1: the cookies */
    uint8_t next, version; /* 0x20: IKEv2, 0x10: IKEv1 */
    uint8_t exchange, flags;
    uint32_t id;
    uint32_t length;
};

struct ike_payload {
    uint8_t type;
    bool critical;
    const uint8_t *p; /* body, without the generic header */
    uint16_t n;
};

#define IKE_PAYLOADS_MAX 48
struct ike_message {
    struct ike_header h;
    unsigned n;
    struct ike_payload v[IKE_PAYLOADS_MAX];
    const uint8_t *whole; /* v1: the datagram it was read from, NULL where nobody needs it */
    size_t whole_len;
};

/* Header only; false if there are fewer than 28 bytes or its length is not that of the datagram. */
bool ike_header_read(struct rd *r, struct ike_header *h) MUST_CHECK;
/* Writes a header with length 0; ike_header_finish() sets the length to what has been written since `at`. */
void ike_header_write(struct wr *w, const struct ike_header *h);
void ike_header_finish(struct wr *w, size_t at);

/* The chain that starts with type `first`, appended to m. It ends with `next` 0, or with an encrypted payload (PL2_SK,
 * PL2_SKF), whose own `next` is then in *inner. False if a length does not fit, or there are too many payloads. */
bool ike_chain_read(struct rd *r, uint8_t first, struct ike_message *m, uint8_t *inner) MUST_CHECK;
/* First payload of a type from number `from` on; NULL. */
const struct ike_payload *ike_find(const struct ike_message *m, uint8_t type, unsigned from);
unsigned ike_count(const struct ike_message *m, uint8_t type);

/* A copy with all that it points to, as one piece that the caller frees; NULL: out of memory. */
struct ike_message *ike_message_keep(const struct ike_message *m) MUST_CHECK;

/* Writing a chain: payloads are announced by the byte before them. `next_at` is where the type of the next payload
 * goes. */
struct ike_chain {
    struct wr *w;
    size_t next_at;
};
/* Opens a payload and returns where it starts; close it with ike_pl_end(). */
size_t ike_pl_begin(struct ike_chain *c, uint8_t type);
void ike_pl_end(struct ike_chain *c, size_t at);
void ike_pl_bytes(struct ike_chain *c, uint8_t type, const void *p, size_t n);

/* ---- IKEv2 SA payload, RFC 7296 §3.3 ---- */

struct ike2_transform {
    uint8_t type;      /* TT_* */
    uint16_t id, bits; /* bits: key length attribute, 0 if there is none */
    bool unknown;      /* an attribute that is not understood: never chosen */
};
#define IKE2_TRANSFORMS_MAX 48
struct ike2_proposal {
    uint8_t number, protocol, spi_len;
    uint8_t spi[8];
    unsigned n;
    struct ike2_transform v[IKE2_TRANSFORMS_MAX];
};
/* Reads proposal after proposal: false at the end or on an error (then r->bad). */
bool ike2_proposal_read(struct rd *r, struct ike2_proposal *p) MUST_CHECK;
/* One proposal; `last`: none comes behind it. */
void ike2_proposal_write(struct wr *w, const struct ike2_proposal *p, bool last);

/* ---- the rest of IKEv2 ---- */

struct ike_notify {
    uint8_t protocol, spi_len;
    uint16_t type;
    const uint8_t *spi, *data;
    size_t n;
};
bool ike2_notify_read(const struct ike_payload *pl, struct ike_notify *out) MUST_CHECK;
void ike2_notify_write(struct ike_chain *c, uint8_t protocol, const void *spi, size_t spi_len, uint16_t type,
                       const void *data, size_t n);
/* The first notify of that type; false if there is none. */
bool ike2_notify_find(const struct ike_message *m, uint16_t type, struct ike_notify *out) MUST_CHECK;

/* Addresses lo to hi, ports lo to hi (ICMP: type and code in one number), RFC 7296 §3.13.1. proto 0: any. */
struct ike_ts {
    uint8_t family, proto;
    uint16_t port_lo, port_hi;
    struct ip_addr lo, hi;
};
#define IKE_TS_MAX 32
/* Selectors of other types than IPv4 and IPv6 ranges are left out. */
bool ike2_ts_read(const struct ike_payload *pl, struct ike_ts *out, unsigned *n) MUST_CHECK;
void ike2_ts_write(struct ike_chain *c, uint8_t type, const struct ike_ts *v, unsigned n);
/* What both have in common; false if nothing. */
bool ike_ts_intersect(const struct ike_ts *a, const struct ike_ts *b, struct ike_ts *out) MUST_CHECK;
bool ike_ts_equal(const struct ike_ts *a, const struct ike_ts *b) MUST_CHECK;
bool ike_ts_subset(const struct ike_ts *inner, const struct ike_ts *outer) MUST_CHECK;
/* A range as prefix; -1 if it is none. */
int ike_ts_prefix(const struct ike_ts *t) MUST_CHECK;

struct ike_delete {
    uint8_t protocol, spi_len;
    unsigned n;
    const uint8_t *spis;
};
bool ike2_delete_read(const struct ike_payload *pl, struct ike_delete *out) MUST_CHECK;
void ike2_delete_write(struct ike_chain *c, uint8_t protocol, const uint32_t *spis, unsigned n);

/* KE: group and public value. */
bool ike2_ke_read(const struct ike_payload *pl, uint16_t *group, const uint8_t **p, size_t *n) MUST_CHECK;
void ike2_ke_write(struct ike_chain *c, uint16_t group, const void *p, size_t n);

/* An identity; in `id` the type byte, then the value. */
struct ike_id {
    uint8_t type;
    uint16_t n;
    const uint8_t *p;
};
bool ike_id_read(const struct ike_payload *pl, struct ike_id *out) MUST_CHECK;
void ike2_id_write(struct ike_chain *c, uint8_t payload, const struct ike_id *id);
bool ike_id_equal(const struct ike_id *a, const struct ike_id *b) MUST_CHECK;
/* "198.51.100.1", "r1.example.com", a distinguished name by OpenSSL in RFC 2253 form. Cut to fit; returns `out`. */
#define IKE_ID_TEXT_MAX 160
const char *ike_id_text(const struct ike_id *id, char out[static IKE_ID_TEXT_MAX]);
const char *ike_id_kind(uint8_t type); /* "FQDN": two identities of other types may have one text */

/* ---- IKEv1: RFC 2407 §4.4 to §4.6, RFC 2408 §3, RFC 2409 appendix A ---- */

struct ike1_transform {
    uint8_t number, id;
    uint16_t encr, hash, auth, group, bits; /* attributes; 0: not there */
    uint16_t encap, auth_alg;               /* of phase 2 */
    uint32_t life_s, life_kb;
    bool unknown; /* an attribute that is not understood */
};
#define IKE1_TRANSFORMS_MAX 32
struct ike1_proposal {
    uint8_t number, protocol, spi_len;
    uint8_t spi[16];
    unsigned n;
    struct ike1_transform v[IKE1_TRANSFORMS_MAX];
};
/* Phase 1 protocol number; AH and ESP are IKE_PROTO_*. */
#define IKE1_PROTO_ISAKMP 1
/* The SA payload's body up to its first proposal: DOI and situation. False if they are not IPsec's. */
bool ike1_sa_begin(struct rd *r) MUST_CHECK;
bool ike1_proposal_read(struct rd *r, struct ike1_proposal *p, bool phase2) MUST_CHECK;
void ike1_sa_head(struct wr *w);
void ike1_proposal_write(struct wr *w, const struct ike1_proposal *p, bool last, bool phase2);

/* Phase 2 identity: one range with protocol and port (§4.6.2). */
bool ike1_id_ts(const struct ike_payload *pl, struct ike_ts *out) MUST_CHECK;
void ike1_id_ts_write(struct ike_chain *c, const struct ike_ts *t);
void ike1_id_write(struct ike_chain *c, const struct ike_id *id);
bool ike1_notify_read(const struct ike_payload *pl, struct ike_notify *out) MUST_CHECK;
void ike1_notify_write(struct ike_chain *c, uint8_t protocol, const void *spi, size_t spi_len, uint16_t type,
                       const void *data, size_t n);
bool ike1_delete_read(const struct ike_payload *pl, struct ike_delete *out) MUST_CHECK;
const char *ike1_notify_name(uint16_t type);

/* ---- what may stand where ---- */

/* NULL if the payloads of a decrypted message of this exchange are all there and none too often, else what is wrong.
 * A notify that carries an error may stand in place of what is missing in a response. */
const char *ike2_check(const struct ike_message *m);
/* What it checks: the payloads (bits by type) that a message of the exchange must and may have. */
void ike2_payloads(uint8_t exchange, bool response, uint64_t *needs, uint64_t *may);
const char *ike2_notify_name(uint16_t type);
const char *ike_exchange_name(uint8_t x);

#endif
