/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attacks on the IKE engine, one function each: they return NULL if it held, else what was broken. Engines talk over
 * the simulated network of tests/sim; routers are built here line by line as a configuration would make them. Every
 * attack is named after the finding it comes from.
 */
#ifndef IOSCC_TESTS_ATTACK_LAB_H
#define IOSCC_TESTS_ATTACK_LAB_H

#include "tests/sim/sim.h"

typedef const char *attack_fn(void);
struct attack {
    const char *name;
    attack_fn *run;
};
extern const struct attack attacks_identity[], attacks_answers[], attacks_floods[], attacks_changes[], attacks_state[],
    attacks_certificates[], attacks_revocation[], attacks_states[], attacks_collisions[], attacks_keys[],
    attacks_memory[], attacks_spis[], attacks_claims[], attacks_late[], attacks_dropped[], attacks_honest[],
    attacks_crowd[], attacks_endings[], attacks_renewals[], attacks_again[], attacks_heirs[], attacks_places[],
    attacks_forged[], attacks_crossing[], attacks_nearer[], attacks_namesakes[], attacks_at_once[], attacks_evil[],
    attacks_rivals[], attacks_afterwards[], attacks_another[], attacks_pinned[], attacks_copies[], attacks_pieces[],
    attacks_turned[], attacks_whereabouts[], attacks_replayed[], attacks_moved[], attacks_restarts[], attacks_doubts[],
    attacks_posing[], attacks_unheard[], attacks_doubted[], attacks_rows[], attacks_called[], attacks_taken[],
    attacks_renewed[], attacks_named[], attacks_queued[], attacks_under_way[];

/* A router's policy with room for what attacks need. Arrays do not move: pointers into them stay good. */
#define ROUTER_PROFILES 6
struct router {
    struct ike_policy p;
    struct ike_v2_policy v2[1];
    struct ike_proposal proposal[1];
    const struct ike_proposal *proposals[1];
    struct ike_v1_policy v1[1];
    struct ike_transform_set set[2];
    const struct ike_transform_set *sets[2];
    struct ike_profile profiles[ROUTER_PROFILES];
    struct ike_match matches[ROUTER_PROFILES][4];
    struct ike_psk profile_keys[ROUTER_PROFILES][8];
    struct ike_psk keys[8];
    struct ike_entry entries[8];
    struct ike_peer peers[8];
    struct ike_line lines[8][8];
    struct ike_aggressive_peer aggressive[1];
    unsigned n_keys_made;
};

struct ike_bytes bytes_of(const char *text);
/* `version`: of what it speaks; it gets one proposal of AES-128, SHA-256, group 19. */
void router_init(struct router *r, unsigned version);
/* A key of `addr`/`plen`, or of a name (`addr` NULL); in no profile yet. */
struct ike_psk *router_key(struct router *r, const char *addr, unsigned plen, const char *name, const char *secret);
/* `id` NULL: its own address; `match`: the FQDN it takes, NULL: none yet. */
struct ike_profile *router_profile(struct router *r, unsigned version, const char *name, const char *id,
                                   const char *match);
void profile_match(struct router *r, struct ike_profile *p, const char *fqdn, bool domain);
void profile_match_address(struct router *r, struct ike_profile *p, const char *addr, unsigned plen);
void profile_key(struct router *r, struct ike_profile *p, const struct ike_psk *k);
/* All keys that the router has. */
void add_keyring(struct router *r, struct ike_profile *p);
/* Two profiles with all keys of the hub, told apart by the address that the peer claims alone, BRANCH or `other`; the
 * second goes by `name` too, NULL: it does not. Each has an entry for anybody, CHILD(0) and CHILD(1). */
void profiles_of_two(struct router *hub, unsigned version, const char *other, const char *name);
/* `peer` NULL: of a dynamic map. */
struct ike_entry *router_entry(struct router *r, unsigned version, const char *local, const char *peer,
                               const struct ike_profile *p);
/* 10.a.0.0/16 to 10.b.0.0/16, or of one /24 each where a third byte is given (else -1). */
void entry_line(struct router *r, struct ike_entry *e, uint32_t reqid, int a, int a3, int b, int b3);

/* The same router once more, to be changed: what pointed into `of` points into `to`. */
void router_copy(struct router *to, const struct router *of);
/* The node goes on with another configuration; entry[i]: where entry i is there, UINT32_MAX: nowhere. Profiles and keys
 * are the same. False: out of memory. */
bool router_reload(struct sim *s, unsigned node, const struct router *from, const struct router *to,
                   const uint32_t *entry) MUST_CHECK;

struct ip_addr address(const char *text);
unsigned children_of(struct sim *s, unsigned node);
unsigned sas_of(struct sim *s, unsigned node, enum ike_state st);
struct ike_sa *first_sa(struct sim *s, unsigned node);
/* What the node is to do by that SA, at once if nothing else is open. */
void begin_task(struct sim *s, unsigned node, struct ike_sa *sa, struct ike_task t);
/* Has it an IKE SA that encrypts with keys of so many bits? */
bool has_suite(struct sim *s, unsigned node, unsigned bits);
struct ike_child *first_child(struct sim *s, unsigned node);
/* Keeps the sentence where the caller can return it. */
const char *broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the lab and returns `bad`, or what the network's model found. */
const char *over(struct sim *s, const char *bad);

/* Datagrams that attacks keep: the last ones that went from one node to another. */
struct tap {
    struct sim *s;
    unsigned from, to;
    unsigned n;
    struct packet_in_flight v[256];
    /* what to do with the next: NULL passes */
    bool (*also)(struct tap *t, struct packet_in_flight *f);
    unsigned seen;
};
void tap_open(struct tap *t, struct sim *s);
void tap_close(struct tap *t);
/* Sends datagram i of the tap once more, as it was. */
void tap_replay(struct tap *t, unsigned i);
void inject(struct sim *s, const struct ike_end *from, const struct ike_end *to, const uint8_t *p, size_t n);

/* An IKE header, without the marker of port 4500. */
const uint8_t *packet_header(const struct packet_in_flight *f);
bool is_from(const struct sim *s, const struct packet_in_flight *f, unsigned node);
/* As sim.meddle does it: the datagram arrives so much later than it would, once. True: it has been late already. */
bool comes_late(struct sim *s, struct packet_in_flight *f, uint64_t ms);
/* The node has lost power: nothing of it is left, and nobody is told. */
void power_off(struct sim *s, unsigned node);
/* The first entry gets `n` lines, of one host 10.a.0.i to 10.b.0.i each. */
void many_lines(struct router *r, struct ike_line *lines, unsigned n, unsigned a, unsigned b);

/* Two routers that mirror each other, with a key; the branch is 1. */
struct pair {
    struct sim s;
    struct router hub, branch;
    struct tap tap;
    bool point_known;
    uint8_t point[64]; /* a public value of group 19 */
};
/* `lines`: of the access list, each with a network of its own; they may be changed before pair_start(). */
void pair_open(struct pair *x, unsigned version, int lines);
void pair_start(struct pair *x);
/* The node reads another configuration as the daemon does: what is the same is found by what it says. NULL: done. */
const char *pair_reloads(struct pair *x, unsigned node, const struct router *from, const struct router *to);
const char *pair_over(struct pair *x, const char *bad);

/* So many calls of calloc() from now, there is no memory, once; 0: there is. */
extern unsigned calloc_fails_at;

/* As host.job: what is to be computed waits here until the attack does it, or for ever. */
struct job_queue {
    struct ike_job *v[30000];
    unsigned n;
};
extern struct job_queue queue;
void queue_job(void *ctx, struct ike_job *j);

/* As host.event: has the log a "fault of the program"? The attack sets it back. */
extern bool is_fault;
void look_for_fault(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                    const char *text);

#define HUB "203.0.113.1"
#define BRANCH "198.51.100.7"
#define CHILD(i) (0x5c000001u + (unsigned)(i))

#endif
