/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two or more engines in one process over a seeded network that loses, delays, reorders and doubles datagrams; time is
 * a number. Each engine has a model of a kernel behind it that remembers every key.
 */
#ifndef IOSCC_TESTS_SIM_H
#define IOSCC_TESTS_SIM_H

#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/ike.h"

struct sim;

/* An SA pair as the model of the kernel has it. */
struct sim_sa {
    uint32_t spi_in, spi_out;
    struct ip_addr to;       /* the peer's address it was made with */
    unsigned sends;          /* 0: it only receives; else the higher the later it was given to the kernel */
    uint8_t in[32], out[32]; /* digests of the keys */
};

/* Policies of a peer of a dynamic entry, as the model of the kernel has them. */
struct sim_peer_policy {
    uint32_t reqid;
    struct ike_ts local, remote;
    struct ip_addr to; /* the tunnel's other end */
};

struct sim_node {
    struct sim *sim;
    struct ike *ike;
    struct ike_end end;
    /* behind a NAT: how others see it; ports of its 500 and its 4500 */
    bool nat;
    struct ip_addr outside;
    uint16_t outside_port[2];
    struct sim_peer_policy *policies;
    unsigned n_policies, cap_policies;
    bool refuse_out; /* the kernel takes no outbound SA */
    bool refuse_all; /* nor any other */
    struct sim_sa *sas;
    unsigned n, cap;
    unsigned n_sends;
    struct sim_out { /* outbound SAs as the kernel knows them: by destination and SPI, whoever made them */
        struct ip_addr to;
        uint32_t spi;
    } * outs;
    unsigned n_outs, cap_outs;
    unsigned stale; /* SAs deleted by another address than they were made with */
    bool deaf;      /* gets nothing: the peer has died */
    unsigned ups, downs, child_ups, child_downs, rekeys, refused;
    char last[512]; /* last refusal */
};

struct packet_in_flight {
    uint64_t at;
    struct ike_end from, to;
    uint8_t *p;
    size_t n;
    bool is_late; /* it has been held back once */
};

struct sim {
    uint64_t now, rng;
    unsigned loss, dup, delay_ms; /* per mille, per mille, up to */
    struct sim_node *nodes;
    unsigned n_nodes;
    struct packet_in_flight *air;
    unsigned n_air, cap_air;
    bool verbose;
    struct sim_policy *reloaded; /* policies that took the place of others */
    unsigned char *seen;         /* digests of every key ever used */
    unsigned n_seen, cap_seen;
    const char *broken;
    /* NULL, or changes a datagram on its way; false: it is swallowed */
    bool (*meddle)(struct sim *s, struct packet_in_flight *f);
    void *meddler;
};

void sim_init(struct sim *s, uint64_t seed, unsigned nodes);
void sim_node_start(struct sim *s, unsigned i, const struct ike_policy *p, const char *addr);
void sim_node_stop(struct sim *s, unsigned i);
/* From now on others see it at `outside`, its 500 as `port`, its 4500 as `port` + 1. */
void sim_node_nat(struct sim *s, unsigned i, const char *outside, uint16_t port);
void sim_end(struct sim *s);
/* How many rows of the tables of states (engine/states.h) have not happened in this program. */
unsigned sim_rows_left(unsigned version, bool print);
uint32_t sim_random(struct sim *s, uint32_t below);
/* Runs until `ms` have passed. */
void sim_run(struct sim *s, uint64_t ms);
/* NULL if both ends agree about everything, else what they do not. */
const char *sim_agree(struct sim *s, unsigned a, unsigned b);
/* For ike_each(): prints an SA with its children. */
void sim_print(void *ctx, const struct ike_sa *sa);
unsigned sim_count(const struct sim_node *n, enum ike_state st);

/* Two routers' policies that mirror each other, out of random choices. */
struct sim_policy {
    struct ike_policy p;
    struct ike_v2_policy v2[1];
    struct ike_proposal proposals[3];
    const struct ike_proposal *proposal_list[3];
    struct ike_v1_policy v1[3];
    struct ike_transform_set sets[3];
    const struct ike_transform_set *set_list[3];
    struct ike_profile profile;
    struct ike_match match;
    struct ike_psk psk[1];
    struct ike_entry entry;
    struct ike_peer peer[1];
    struct ike_line lines[3];
    struct ike_aggressive_peer aggressive[1];
    struct sim_policy *next;
};
/* Another policy takes the place of the node's, which was made by sim_pair(): the same one, or with another lifetime
 * and thus an entry that is not the same. */
void sim_reload(struct sim *s, struct sim_node *n, bool same);
void sim_pair(struct sim *s, struct sim_policy *a, struct sim_policy *b, unsigned version);

#endif
