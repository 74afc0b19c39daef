/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Routers looked at together: who peers with whom, what they would negotiate, and what keeps them apart.
 */
#ifndef IOSCC_FLEET_FLEET_H
#define IOSCC_FLEET_FLEET_H

#include "compiler/base/diag.h"
#include "compiler/fleet/facts.h"

/* One end of a tunnel. */
struct fleet_end {
    const struct fact_device *device;
    const struct fact_tunnel *tunnel;
    const struct fact_peer *peer; /* how it knows the other end; NULL for a dynamic entry */
};

/* What a negotiation comes to, one role. */
struct negotiation {
    bool up;
    const char *ike, *ipsec; /* what is chosen, in words; NULL as far as it did not come */
    bool failed;             /* `id`, `why` and the lines say what went wrong first */
    enum diag_id id;
    const char *why;
    uint32_t initiator_line, responder_line; /* 0: none */
    uint32_t lines, accepted;                /* of the initiator's list: how many the responder takes */
    const char *refused;                     /* a packet that it does not */
    uint32_t refused_line;
    bool rekey_fails; /* IKEv2: comes up, but the first rekey asks for a PFS group that is refused */
};

/* R-IKE1-2, R-MAP-11, R-PFS-1, RFC 7296 section 2.7: the responder's own order decides. */
struct negotiation negotiate(struct arena *a, const struct fleet_end *initiator, const struct fleet_end *responder);

/* How likely two tunnels are the ends of one: whose lists mirror, who speak the same IKE, who are called the same. What
 * may be wrong with them otherwise plays no part, so that a mistake does not tear a pair apart. */
unsigned fleet_affinity(struct arena *a, const struct fleet_end *x, const struct fleet_end *y);

struct fleet_pair {
    struct fleet_end a, b;
    struct negotiation forward, backward; /* a calls, b calls */
    bool calls[2];                        /* can a, can b initiate? */
};

struct fleet_finding {
    enum diag_id id;
    enum severity severity;
    const struct fact_device *device, *other; /* other: NULL */
    uint32_t line, other_line;
    const char *message;
};

struct fleet {
    struct arena *arena;
    struct ptrlist devices;  /* struct fact_device, in the order they were given */
    struct ptrlist pairs;    /* struct fleet_pair */
    struct ptrlist findings; /* struct fleet_finding */
    uint32_t outside;        /* peers that no router of the fleet is */
};

/* Finds pairs and judges them. Near-linear in devices, tunnels and lines. */
void fleet_join(struct fleet *f);

/* "up", "one way", "rekey fails", "partly", "down" */
const char *fleet_state(const struct fleet_pair *p);

void fleet_print_json(struct buf *out, const struct fleet *f);
void fleet_print_dot(struct buf *out, const struct fleet *f);
/* One file that needs no other. */
void fleet_print_html(struct buf *out, const struct fleet *f, const char *page);

#endif
