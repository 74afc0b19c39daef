/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both sides of CREATE_CHILD_SA share: create.c asks, created.c answers. Internal to v2/. */
#ifndef IOSCC_IKE_V2_CREATE_H
#define IOSCC_IKE_V2_CREATE_H

#include "backends/ike/v2/v2.h"

/* A request of ours. */
struct create {
    uint8_t nonce[NONCE_LEN];
    struct ike_dh *dh;
    uint16_t group; /* ALGO_NONE: without KE */
    unsigned tries;
    struct ike_sa *fresh;             /* the IKE SA's successor */
    const struct ike_policy *offered; /* held: what was offered is of a policy that a reload has replaced; NULL: not */
    uint32_t fresh_spi;               /* of the new child */
    uint32_t gone[8]; /* SPIs of children that we do not have, and the peer has deleted: ours may be among them */
    unsigned n_gone;
    bool is_dropped;     /* a reload has ended the entry: what the peer makes is taken back */
    uint8_t protocol;    /* of the new child, where it is dropped */
    bool lost;           /* the peer has deleted what we rekey, and has another in its place: ours is one too many */
    struct ike_child as; /* what it takes the place of, as it was: the peer may have deleted it meanwhile */
    /* what the answer chose, while the shared secret is computed */
    struct v2_child_try child;
    struct v2_choice ike_choice;
    uint8_t nr[NONCE_MAX];
    uint16_t nr_len;
    struct ike *ike;
};

/* RFC 7296 §2.10: 16 to 256 bytes. */
bool v2_nonce_fits(const struct ike_payload *nonce) MUST_CHECK;
uint8_t v2_set_protocol(const struct ike_transform_set *s);
/* Is a child being made by us, whose answer is still on its way? NULL: none is. */
struct create *v2_making_child(const struct ike_sa *sa);
/* Everything that lives on goes over to the successor. */
void v2_inherit(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh);
/* False: out of memory; the successor is then of nobody. */
bool v2_successor_of(struct ike *ike, struct ike_sa *old, struct ike_sa *fresh) MUST_CHECK;
uint64_t v2_spi64(const struct ike2_proposal *p);

#endif
