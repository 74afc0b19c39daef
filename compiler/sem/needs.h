/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a crypto map entry in force cannot be without: whatever decides who may come in, or how strongly its traffic is
 * protected. One table, asked by lint, by the planners and by the daemon: an entry with an unmet need is blocked, never
 * run weaker than it is written. Independent of profiles of lint, of severities and of settings.
 *
 * Not here: what makes an entry do nothing (`complete` in the IR: the router disables it too), what only the host can
 * tell (keys that the master key does not open, files of trustpoints: backends/ike/from_ir), and words without such
 * meaning (accounting, DPD, descriptions).
 */
#ifndef IOSCC_SEM_NEEDS_H
#define IOSCC_SEM_NEEDS_H

#include "compiler/base/diag.h"
#include "compiler/ir/ir.h"

/* NEED(name, finding of `check` that says the same, what is wrong) */
#define NEEDS(NEED)                                                                                                    \
    NEED(ISAKMP_PROFILE, D_UNDEFINED_ISAKMP_PROFILE, "its isakmp profile is not defined: any peer would do")           \
    NEED(IKEV2_PROFILE, D_UNDEFINED_IKEV2_PROFILE, "its IKEv2 profile is not defined")                                 \
    NEED(PROFILE_COMPLETE, D_PROFILE_INCOMPLETE, "its IKEv2 profile is incomplete or shut down")                       \
    NEED(MATCH, D_PROFILE_NOBODY, "its profile has no 'match' line that a peer could fit")                             \
    NEED(AUTHENTICATION, DIAG_COUNT, "its profile's authentication method is not supported")                           \
    NEED(KEYRING, D_UNDEFINED_KEYRING, "its profile's keyring is not defined")                                         \
    NEED(KEYRING_NAMED, D_UNDEFINED_KEYRING, "its profile is for pre-shared keys and names no keyring")                \
    NEED(KEYRING_KIND, DIAG_COUNT, "its profile's keys come from AAA, which is not supported")                         \
    NEED(KEY, D_PEER_NO_KEY, "no pre-shared key of the configuration may be its peer's")                                           \
    NEED(PPK, DIAG_COUNT, "post-quantum pre-shared keys (RFC 8784) are not supported")                                 \
    NEED(PQC, DIAG_COUNT, "additional key exchanges (RFC 9370) are not supported")                                     \
    NEED(TRUSTPOINT, D_UNDEFINED_TRUSTPOINT, "its profile's trustpoint is not defined")                                \
    NEED(VERIFY, DIAG_COUNT, "its profile names trustpoints to sign with, and none to verify peers with")              \
    NEED(REVOCATION, DIAG_COUNT, "its trustpoint looks at peers' certificates in a way that is not supported")         \
    NEED(PROPOSAL, D_UNDEFINED_PROPOSAL, "the IKEv2 policy names a proposal that is not defined")                      \
    NEED(PROPOSAL_COMPLETE, D_PROPOSAL_INCOMPLETE, "the IKEv2 policy names a proposal that is incomplete")             \
    NEED(TRANSFORM_SET, D_UNDEFINED_TRANSFORM_SET, "one of its transform sets is not defined")                         \
    NEED(TRANSFORMS, D_TRANSFORM_RULES, "one of its transform sets is one that no router accepts")                     \
    NEED(CRYPTO_IDENTITY, DIAG_COUNT, "restricting peers by a crypto identity is not supported")                       \
    NEED(XAUTH, DIAG_COUNT, "extended authentication (XAUTH) is not supported")                                        \
    NEED(AAA, DIAG_COUNT, "authorization of peers by AAA is not supported")                                            \
    NEED(VRF, DIAG_COUNT, "it is for peers or packets of a VRF, which is not supported")                               \
    NEED(MAP_PROFILE, DIAG_COUNT,                                                                                      \
         "an isakmp profile of a whole crypto map is not supported (write 'set isakmp-profile' into its entries)")     \
    NEED(IKE_OFF, DIAG_COUNT, "IKE is switched off")                                                                   \
    NEED(GLOBAL, D_UNKNOWN_COMMAND, "a line that may be about it is not understood")                                   \
    NEED(LIST, D_UNKNOWN_COMMAND, "a line of its access list is not understood: what it protects is not known")        \
    NEED(LIST_MISSING, D_UNDEFINED_ACL,                                                                                \
         "its access list does not exist: all IPv4 (of an IPv6 map: IPv6) packets of the interface are dropped")       \
    NEED(LIST_EMPTY, D_ACL_EMPTY,                                                                                      \
         "its access list has no lines: all IPv4 (of an IPv6 map: IPv6) packets of the interface are dropped")         \
    NEED(DYNAMIC_MAP, D_UNDEFINED_DYNAMIC_MAP, "its dynamic map is not defined")                                       \
    NEED(UNDERSTOOD, D_UNKNOWN_COMMAND, "it holds a line that is not understood")

enum need {
#define NEED(name, finding, text) NEED_##name,
    NEEDS(NEED)
#undef NEED
        NEED_COUNT
};

struct unmet {
    enum need need;
    const struct crypto_map_entry *entry;
    struct span at;  /* the line that is wrong */
    struct str name; /* of the object it is about; empty: the entry itself */
    struct str word; /* that cannot be done; empty: the whole line */
    const char *why; /* ... as the end of a sentence that begins with it; NULL: nothing more is known */
};
typedef void unmet_fn(void *ctx, const struct unmet *u);

const char *need_text(enum need n);
/* A line of an access list that was not understood, or of an object group that it names; NULL: there is none. */
const struct broken_line *acl_broken(const struct ir_config *c, const struct acl *a);
/* May a line of an interface that was not understood be one that applies a crypto map? */
bool may_bind_map(const struct broken_line *l) MUST_CHECK;
/* The same of any line of an interface that is not carried, understood or not: `crypto-map M`, `map M`. */
bool line_may_bind_map(const struct ir_config *c, struct str line) MUST_CHECK;
/* A line of a crypto map that is applied, or of a dynamic map, that was not understood: an entry may be missing. NULL:
 * there is none. */
const struct broken_line *map_line_broken(const struct ir_config *c);
/* The finding of `check` about the same; DIAG_COUNT: it is an error for Linux only. */
enum diag_id need_finding(enum need n);
/* Every unmet need of the entries of all crypto maps that are applied to an interface which is not shut, and of the
 * dynamic maps that they name, in the order of the table. Returns how many there are; `f` may be NULL. `ar`: for what
 * is found out on the way. */
unsigned needs_in_force(struct arena *ar, const struct ir_config *c, unmet_fn *f, void *ctx);

#endif
