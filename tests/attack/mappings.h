/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch (node 1) whose NAT gives it other ports, and somebody elsewhere who has copies of what it sends: what both
 * can do, and how long the hub (node 0) is not where the branch is. */
#ifndef IOSCC_TESTS_ATTACK_MAPPINGS_H
#define IOSCC_TESTS_ATTACK_MAPPINGS_H

#include "tests/attack/main_mode.h"

/* A message of the branch, not a keepalive. */
bool is_of_branch(const struct sim *s, const struct packet_in_flight *f);
/* The hub gets that datagram now, from that port of the address it comes from. */
void copied(struct sim *s, const struct packet_in_flight *f, unsigned port);

/* The ports of who has copies: nobody is there. */
#define COPIER_PORT 777u
#define COPIER_PORTS 10u
bool is_to_copier(const struct packet_in_flight *f);

/* Hub and branch with one line between them, the branch behind NAT, and nothing sent yet. */
void mapped_open(struct pair *x, unsigned version);
/* Dead peer detection of both ends, by whichever version they speak; 0: none. */
void mapped_dpd(struct pair *x, uint32_t hub_s, uint32_t branch_s);
/* IKEv1 without NAT: a tunnel between ends that both ask; and the same for a pair that the caller has opened. */
bool plain_tunnel(struct pair *x) MUST_CHECK;
bool plain_begin(struct pair *x) MUST_CHECK;
/* From now on the NAT has NEW_PORT for the branch's port 500 and the next one for 4500. */
#define NEW_PORT 6000u
void begin_mapping(struct sim *s, unsigned port);
/* What the branch does of itself when it is time: another IKE SA for its standing one, another child, a question. */
void rekey_sa(struct sim *s, unsigned node);
void rekey_child(struct sim *s, unsigned node);
void ask_peer(struct sim *s, unsigned node);

/* In tenths of a second. */
struct watched {
    unsigned hub_without, branch_without;        /* no child at all */
    unsigned elsewhere, elsewhere_most;          /* the hub's SA is not where the branch is: in all, the longest time */
    unsigned useless, useless_now, useless_most; /* no child of both ends that sends to where the branch is */
    unsigned elsewhere_now;
};
/* The hub loses power and starts again. */
void restart_hub(struct pair *x);
/* NULL: in twenty minutes from now on the hub is without a child for so many seconds at most. */
const char *hub_left_without(struct sim *s, unsigned at_most_s);
/* Time passes; traffic of the branch asks for a child every five seconds if it has none. */
void watch(struct sim *s, struct watched *w, unsigned seconds);

/* ---- what ends send by ---- */

#define COUNTED_S 3000
#define FOUND_DEAD_S 60 /* five questions that are not answered, and a try to call */

/* IPsec SAs by which the node sends. */
struct tunnels {
    const struct ike_child *v[16];
    unsigned n;
};
struct tunnels tunnels_of(const struct sim *s, unsigned node);
/* Of that profile; NULL: of any. */
struct ike_sa *first_of(const struct sim *s, unsigned node, enum ike_trait trait, const struct ike_profile *profile);
bool has_line(const struct sim *s, unsigned node, uint32_t reqid);
/* The newest by which the node sends, of that line; 0: of any. NULL: there is none. */
const struct ike_child *newest_tunnel(const struct sim *s, unsigned node, uint32_t reqid);
/* Has the node the other half of that one of its peer? */
bool is_taken(const struct sim *s, unsigned node, const struct ike_child *of_peer);
/* Traffic asks for a tunnel of that line every five seconds if there is none. */
void traffic_pass(struct sim *s, unsigned second, unsigned node, uint32_t reqid);
/* The kernel's counters: from here on both engines may ask for them (also those of nodes that start later do, by
 * counts_again()). One packet of the node by its newest SA of that line; it counts at the peer if it gets there. */
void counts_begin(struct sim *s);
void counts_again(struct sim *s, unsigned node);
void packet_sent(struct sim *s, unsigned node, uint32_t reqid);
/* It sends to where the peer is, which has the SA. */
bool gets_there(const struct sim *s, unsigned node, uint32_t reqid);
/* The end of an attack: for how long the branch has what the hub has not; is_sending: and sends by it. `is_so`: what
 * was to go before has. */
const char *stays_alone(struct pair *x, bool is_sending, unsigned most_s, bool is_so);
/* The branch asks for that line: have both ends it? */
bool line_begins(struct sim *s, unsigned line);

/* ---- what is lost of IKEv1 ---- */

/* FIRST_OPENS: the next quick mode of the hub's is lost whenever it is sent; then it is FIRST_WAITS. DELETES_LOST,
 * QUICK_LOST: all of the hub's Informationals, all of its quick modes. BRANCH_INFO_LOST: the Informationals of the
 * branch; BRANCH_MAIN_ONLY: all that it sends but main mode. */
enum loss_stage { PASSES, FIRST_OPENS, FIRST_WAITS, DELETES_LOST, QUICK_LOST, BRANCH_INFO_LOST, BRANCH_MAIN_ONLY };
extern enum loss_stage stage;
/* As sim.meddle. */
bool loses_by_stage(struct sim *s, struct packet_in_flight *f);

/* ---- two routers that the attack configures ---- */

#define HUB_NAME "hub.example.com"
void routers_open(struct pair *x, unsigned version);
/* The branch's side of a caller, with that key for the hub. */
struct ike_profile *branch_profile(struct pair *x, unsigned version, const char *secret);
void line_between(struct pair *x, unsigned version, const struct ike_profile *p, const struct ike_profile *q);
/* It says that name, and no address. */
void says_name(struct ike_profile *q, const char *name);
/* CHILD(0) and CHILD(1) between the two, of an entry each; the second one's is for that host name, which DNS leads to
 * the branch. */
void two_between(struct pair *x, unsigned version, const struct ike_profile *p, const struct ike_profile *q,
                 const char *second);
/* The hub has that `crypto isakmp peer address` of the branch; the password is in no keyring. */
void hub_password(struct pair *x, const char *password);
/* Traffic of the node asks for that line, and time passes. */
void asks(struct pair *x, unsigned node, unsigned line, uint64_t ms);
/* The branch asks for the third network, which is another one's. */
void branch_calls(struct pair *x, unsigned version, const char *at, const struct ike_profile *q);
/* The end of an attack that claims what is another one's. In aggressive mode the hub has to say who it is first, and
 * may be refused by the caller. */
const char *gets_nothing(struct pair *x);
/* NULL: the tunnel stands that the node has asked for. */
const char *comes_up(struct pair *x, unsigned by);
/* NULL: what the hub calls is refused, by whichever end; else `what`. */
const char *stays_away(struct pair *x, const char *what);
/* Two entries for one peer whose key is by its host name alone: one IKE SA carries both. */
void two_entries(struct pair *x, unsigned version);
const char *both_come_up(struct pair *x);

#endif
