/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel's IPsec databases (RFC 4301 §4.4) shall hold, as plain data: the Security Policy Database and, for
 * manual entries, the Security Association Database. Built from a target, printed as text and JSON, compared with what
 * the kernel has, encoded as netlink; the IKE daemon fills in the same structs.
 *
 * Numbers are in host order unless a name ends in _be. Addresses are in network order.
 */
#ifndef IOSCC_BACKENDS_XFRM_PLAN_H
#define IOSCC_BACKENDS_XFRM_PLAN_H

#include "backends/target/target.h"
#include "compiler/base/must.h"

/* As in linux/xfrm.h; note that IN is 0. */
enum xfrm_dir { XFRM_DIR_IN = 0, XFRM_DIR_OUT = 1, XFRM_DIR_FWD = 2, XFRM_DIRS = 3 };
enum xfrm_action { XFRM_DO_ALLOW = 0, XFRM_DO_BLOCK = 1 };
enum xfrm_mode { XFRM_MODE_IS_TRANSPORT = 0, XFRM_MODE_IS_TUNNEL = 1 };

/* No padding: two are equal if their bytes are. Ports with masks: a packet's port & mask must equal the port. For ICMP
 * sport is the type and dport the code. */
struct xfrm_sel {
    uint8_t family, src_plen, dst_plen, proto; /* FAMILY_*; proto 0: any */
    uint8_t src[16], dst[16];
    uint16_t sport, sport_mask, dport, dport_mask;
    uint32_t ifindex; /* 0: any; `out` matches the interface a packet leaves by */
};

struct xfrm_tmpl {
    struct ip_addr src, dst; /* tunnel ends; src FAMILY_NONE or all zero: any */
    uint32_t reqid;
    uint8_t proto; /* IPPROTO_ESP, IPPROTO_AH */
    uint8_t mode;  /* enum xfrm_mode */
    bool optional; /* cleartext is let through */
};

/* A selector as a key of tables: its bytes. */
static inline struct str xfrm_sel_key(const struct xfrm_sel *s)
{
    return (struct str){(const char *)s, sizeof *s};
}
struct xfrm_pol {
    struct xfrm_sel sel;
    uint8_t dir, action, ntmpl; /* enum xfrm_dir, enum xfrm_action */
    uint32_t priority;          /* lower wins */
    uint32_t index;             /* marks our policies: 0x5c……, low three bits the direction */
    struct xfrm_tmpl tmpl[2];   /* in the order of application: ESP before AH */
    bool claimed;               /* the kernel's: a policy of the plan is this one */
    uint32_t mark, mark_mask;   /* part of a policy's identity; 0, 0: none */
    bool is_bound;              /* the kernel's, and somebody else's: to a mark or an XFRM interface */
    bool is_sub;                /* the kernel's, and somebody else's: of the second type, which is asked before all */
    bool is_altered;            /* the kernel's: it has a lifetime, or flags, which none of ours ever has */
    bool has_several_ends; /* what comes in: it holds for several addresses of this host, not the template's alone */
    const char *link;      /* name of sel.ifindex, NULL: any interface */
    const struct crypto_map *map;
    const struct crypto_map_entry *entry; /* where it comes from, NULL for what the kernel reported */
    const struct ace *line;
};

/* Ours are the policies whose index has this first byte: the kernel counts its own from small numbers up. */
#define XFRM_INDEX_OURS 0x5c000000u
#define XFRM_INDEX_MASK 0xff000000u
/* Policies for peers of dynamic entries, made while they are connected by who negotiates; never part of a plan. */
#define XFRM_INDEX_PEERS 0x5d000000u
/* Our priorities are in one of these bands. The first two lie below strongSwan's (it begins at about 167 000), so that
 * ours win; lists that are too long for them use the other two. There are two of each so that a list can be numbered
 * anew beside the old one. */
struct xfrm_band {
    uint32_t first, last;
};
#define XFRM_BANDS 4
extern const struct xfrm_band xfrm_bands[XFRM_BANDS];
/* The band a number is in, NULL if none. */
const struct xfrm_band *xfrm_band_of(uint32_t priority);

#define XFRM_KEY_MAX 68
struct xfrm_alg_key {
    const char *name; /* kernel crypto name, NULL: none */
    uint16_t icv;     /* truncation resp. ICV length in bits */
    uint16_t len;     /* bytes in key; an AEAD's salt is at its end */
    uint8_t key[XFRM_KEY_MAX];
};

struct xfrm_counters {
    uint64_t bytes, packets;
    uint64_t added_s, used_s; /* seconds since 1970; 0: never */
    uint32_t replay_errors, integrity_errors;
    uint32_t out_seq;
};

struct xfrm_sa {
    struct ip_addr src, dst;
    uint32_t spi;
    uint8_t proto, mode;
    uint32_t reqid;
    uint32_t replay_window;    /* packets; 0: replays are not looked for */
    bool esn, no_pmtu, no_ecn; /* extended numbers; DF of the outer header clear; ECN not copied */
    struct xfrm_alg_key auth, crypt, aead;
    struct xfrm_sel sel; /* family of the traffic; addresses /0 unless the SA is bound to one line */
    /* of an SA that IKE made; 0: no limit. Bytes count what the SA carries. */
    uint64_t soft_bytes, hard_bytes, hard_s;
    uint16_t encap_sport, encap_dport; /* ESP in UDP (RFC 3948); 0: not */
    struct xfrm_counters count;        /* as the kernel reported */
    bool outbound;
    bool directed; /* the kernel is told which direction it is for (XFRMA_SA_DIR); outbound it then has no window */
    const struct crypto_map *map;
    const struct crypto_map_entry *entry;
};
/* RFC 4302 §3.3.3.2.1: with IPv4 an AH header is padded to four bytes. The kernel pads to eight unless it is told so,
 * and every other implementation then sees a damaged packet (SHA-256 and longer: 28, 36 and 44 bytes). */
static inline bool xfrm_sa_align4(const struct xfrm_sa *s)
{
    return s->proto == 51 && s->dst.family == FAMILY_V4;
}

struct xfrm_plan {
    const struct ptrlist *links_there; /* struct host_link: policies of ours on one of these that the plan does not know
                                          stay; NULL: none does */
    struct arena *arena;
    struct ptrlist policies[XFRM_DIRS]; /* struct xfrm_pol in order of matching: first match wins */
    struct ptrlist sas;                 /* struct xfrm_sa */
    uint8_t hash_threshold[2];          /* prefix lengths for the kernel's policy hash, IPv4 and IPv6; 0: leave */
    uint8_t threshold_base[2][2];       /* the kernel's own before any apply (local, remote); 0: as they are now */
};

/* The plan of a target. Everything is in the target's arena; findings go to its list. */
void xfrm_plan_build(struct xfrm_plan *p, struct target *t);

/* The selectors of a box, appended: non-contiguous wildcards become prefixes, port ranges masked blocks. False if more
 * than `limit` would be needed. */
bool xfrm_select(struct arena *ar, const struct box *b, uint32_t limit, struct ptrlist *out) MUST_CHECK;

/* The SAs of a manual entry (guide, Creating Crypto Map Entries to Establish Manual SAs); a finding and false if they
 * cannot be made. `tunnel`: the mode in force. */
bool xfrm_manual_sas(struct xfrm_plan *p, struct target *t, const struct target_map *m, const struct target_line *l,
                     bool tunnel) MUST_CHECK;

/* `ip -batch` text, for review and for those who load it by hand. What `ip` cannot say (masked ports) is a comment with
 * the reason. Keys are shown only if asked for. */
void xfrm_plan_text(struct buf *out, const struct xfrm_plan *p, const struct ir_config *c, bool show_secrets);

/* Numbers the policies of one direction as in a fresh plan: evenly, in order, in the first band that is large enough
 * and is not `taken` (NULL: none is). */
void xfrm_number(struct xfrm_plan *p, enum xfrm_dir d, const struct xfrm_band *taken);

#endif
