/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of ike_policy_build() share while a policy is made. Internal. */
#ifndef IOSCC_IKE_FROM_IR_MAKER_H
#define IOSCC_IKE_FROM_IR_MAKER_H

#include "backends/ike/from_ir.h"

/* What a profile cannot be without, and this host does not have. */
struct profile_lack {
    struct ptrlist lines; /* char *: sentences */
    bool said;            /* some entry has named them */
};

struct maker {
    struct target *t;
    struct arena *a;
    const struct ir_config *c;
    struct str master;
    const char *pki_dir;
    struct ike_omissions *out;
    const struct ike_policy *p;
    const struct xfrm_plan *plan;
    struct symtab sets, profiles; /* by place: built once */
    struct symtab key_lists;      /* lists of keys by place: the number before their first key's */
    uint32_t n_key_ids;
    struct symtab closed_keys;          /* lines of keys that cannot be opened, and were named */
    struct profile_lack *profile_lacks; /* by the profile's place in the policy */
};

/* The line of the configuration, 0: none. */
uint32_t maker_line(const struct maker *m, struct span at);
/* Text in the arena, ended by 0. */
const char *maker_keep(const struct maker *m, struct str s);
/* What the router calls itself: its hostname and, behind a dot, its domain name (`crypto isakmp identity hostname`: "the
 * host name concatenated to the domain name"). In the maker's arena. */
struct str maker_full_name(const struct maker *m);
struct ike_bytes maker_bytes(const struct maker *m, struct str s);
#define omit(m, ...) ike_omit((m)->a, (m)->out, __VA_ARGS__)

/* ---- profiles.c ---- */

/* The number of an identity's kind (RFC 7296 §3.5, as IKE_ID_...), 0: it has none. */
uint8_t maker_id_type(struct str kind);
/* A secret in the clear; empty if there is none, or the master key does not open it. */
struct ike_bytes maker_key(struct maker *m, const struct ir_secret *s);
/* Keys of IKEv1 of all lists; those that cannot be opened without their value. */
struct maker_key_list {
    const struct ptrlist *keys;    /* struct psk */
    const struct keyring *keyring; /* that they are of, NULL: `crypto isakmp key` */
};
void maker_v1_keys(struct maker *m, const struct maker_key_list *lists, unsigned n_lists, const struct ike_psk **out,
                   unsigned *n);
/* `match address local`, `local-address`: addresses. What this router does not have is there as no address at all, so
 * that nothing matches it. */
void maker_locals(struct maker *m, const struct ptrlist *from, const struct ip_addr **v, unsigned *n);
void maker_profiles(struct maker *m, struct ike_policy *p);

/* ---- needs.c ---- */

/* Says that the key of that line is needed and cannot be opened; once. */
void maker_key_is_closed(struct maker *m, uint32_t line);
/* Says what the host does not have of what the entry needs, each sentence once. False: nothing can be negotiated for
 * it at all. */
bool maker_host_has(struct maker *m, const struct ike_policy *p, const struct ike_entry *x) MUST_CHECK;

/* ---- lines.c ---- */

/* The proxy identities of a static entry's access list, and of a dynamic one's. */
void maker_lines(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e, struct ike_entry *x);
void maker_dynamic_lines(struct maker *m, const struct target_map *tm, const struct crypto_map_entry *e,
                         struct ike_entry *x);

#endif
