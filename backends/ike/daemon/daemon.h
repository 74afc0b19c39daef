/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * iosccd: the engine with what surrounds it. net.c owns the sockets, kernel.c what goes to the kernel and comes from
 * it, control.c the control socket; public-key work goes to libuv's threads. All else is on the loop's thread. This is
 * the part that reads the network: it has no privileges and no keys. parts.c is the process that has the privileges
 * (with privileged.c and permit.c), keys.c the one that has the keys.
 */
#ifndef IOSCC_IKE_DAEMON_H
#define IOSCC_IKE_DAEMON_H

#include <stdio.h>
#include <sys/un.h>
#include <uv.h>

#include "backends/ike/daemon/privileged.h"
#include "backends/ike/daemon/watch.h"
#include "backends/ike/from_ir.h"
#include "backends/ike/ike.h"
#include "backends/netlink/netlink.h"
#include "compiler/base/must.h"

/* In the state directory: anybody's questions go to the process that reads the network, a policy to the main one. */
#define DAEMON_CONTROL_SOCKET "control.sock"
#define DAEMON_RELOAD_SOCKET "reload.sock"

struct daemon_options {
    const char *state_dir; /* holds the sockets */
    bool discard_sas;      /* negotiates, but gives nothing to the kernel: for measuring and testing */
    bool debug;
    const char *debug_peer;  /* debug lines of this peer only */
    int lock;                /* state_daemon_begin()'s, of the main process alone; 0: none */
    watch_repair_fn *repair; /* puts right what has changed (watch.h); NULL: what is applied is not this daemon's */
    void *repair_arg;
};

#define DAEMON_SOCKETS_MAX 64
struct daemon_socket {
    uv_poll_t poll;
    int fd;
    uint16_t port;
    uint8_t family;
    struct daemon *d;
};

struct daemon_route {
    struct privileged_route r;
    unsigned users;
};

/* A policy that was handed over; freed when no SA points into it any more (host.policy_unused). */
struct daemon_policy {
    struct daemon_policy *next;
    struct arena arena;
    const struct ike_policy *policy;
};

/* Where the process that reads the network speaks to the others. */
struct network_ends {
    int main, keys, privileged, fetch;
};

/* A peer that could not be sent to, and what was said of it. */
struct unsent {
    struct ip_addr local, peer;
    int error;     /* errno; 0: it can be sent to */
    uint64_t said; /* when, of daemon_now() */
};

struct daemon {
    const struct ike_policy *policy; /* without secrets */
    struct network_ends ends;
    struct daemon_options options;
    struct daemon_policy *handed; /* the latest first */
    struct ike *ike;
    uv_loop_t loop;
    uv_timer_t timer, linger;
    uv_poll_t kernel_poll, sa_poll, main_poll;
    uv_pipe_t control;
    struct daemon_socket sockets[4]; /* IPv4 and IPv6, 500 and 4500 */
    unsigned n_sockets, clients;
    struct unsent unsent[1024];     /* by a hash of the peer's address (net.c) */
    struct privileged privileged; /* what is asked of the kernel goes there */
    struct mnl_socket *news;      /* ACQUIRE, EXPIRE */
    struct mnl_socket *sa_news;   /* SAs that are deleted; more than ACQUIRE should have to wait behind */
    bool ending, has_control;
    bool undirected;             /* the kernel does not take SAs with their direction (kernel.c) */
    struct daemon_route *routes; /* of reverse-route */
    unsigned n_routes, cap_routes;
    uint64_t sas_added, sas_deleted, sas_refused, acquires, expires;
    struct revocation *revocation;
};

/* ---- parts.c ---- */

/* Reads the files, applies, and writes the whole policy (ike_policy_write()) into `file`. It runs in a process of its
 * own, which ends with its exit code. */
typedef int daemon_load_fn(void *arg, int file);
/* Runs until SIGTERM or SIGINT, then deletes all SAs and says so to the peers. Call it before anything secret is read.
 * Returns an exit code: that of `load` if it is not 0. */
int daemon_run(const struct daemon_options *o, const char *config, daemon_load_fn *load, void *arg) MUST_CHECK;

/* ---- daemon.c ---- */

/* The process that reads the network: waits for its policy, then runs until the main process says so. Returns an exit
 * code. */
int network_run(const struct network_ends *ends, const struct daemon_options *o, const char *config) MUST_CHECK;

/* What systemd is told, sd_notify(3). */
struct daemon_notify {
    int fd;
    struct sockaddr_un to;
    socklen_t len;
};
void daemon_notify_open(struct daemon_notify *n);
void daemon_notify(const struct daemon_notify *n, const char *what);

uint64_t daemon_now(struct daemon *d);
/* The engine's next deadline may have changed. */
void daemon_arm(struct daemon *d);
/* One line, with the journal's priority prefix when standard error is no terminal. */
void daemon_log(enum ike_level l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- net.c ---- */
/* Does somebody speak IKE in this network namespace already? The first of the daemon's ports that it cannot have, 0:
 * none.
 */
uint16_t daemon_port_taken(void) MUST_CHECK;
bool net_open(struct daemon *d) MUST_CHECK;
void net_close(struct daemon *d);
void net_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n);

/* ---- kernel.c ---- */
bool kernel_open(struct daemon *d) MUST_CHECK;
void kernel_close(struct daemon *d);
bool kernel_sa_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which) MUST_CHECK;
void kernel_sa_delete(void *ctx, const struct ike_child *c);
/* Policies of a peer of a dynamic entry; their index begins with 0x5d, which apply leaves alone. */
/* The policies of its line name its peer: no other of the entry's peers has one any more. */
void kernel_follow(struct daemon *d, const struct ike_child *c);
bool kernel_policy_add(void *ctx, const struct ike_child *c, bool update) MUST_CHECK;
void kernel_policy_delete(void *ctx, const struct ike_child *c);
bool kernel_traffic(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out) MUST_CHECK;
/* reverse-route: a route to the peer's network, kept as long as one child needs it. */
void kernel_route(void *ctx, const struct ike_child *c, bool add);
/* `reverse-route static`: those of all lines, whether an SA stands or not. */
void kernel_static_routes(struct daemon *d, const struct ike_policy *p, bool add);
/* SAs with our request numbers, and peers' policies, that an earlier run left behind. */
/* turns.c: which of an entry's several peers a line's outbound policies name. */
void turn_back(void *ctx, const struct ike_child *gone);
void turn_all(struct daemon *d);
void kernel_sweep(const struct ike_policy *policy);

/* ---- revocation.c ---- */
bool revocation_open(struct daemon *d) MUST_CHECK;
void revocation_close(struct daemon *d);
enum ike_verdict revocation_ask(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX]);

/* ---- reload.c ---- */
/* The policies that the main process hands over. False: it is not whole. */
bool daemon_first_policy(struct daemon *d, int file) MUST_CHECK;
/* Takes the place of the policy that holds, and answers the main process with what became of the SAs. False: that is
 * gone. */
bool daemon_reload_answer(struct daemon *d, int file) MUST_CHECK;
void daemon_policies_free(struct daemon *d);
/* The engine is done with a replaced policy. */
void daemon_policy_unused(void *ctx, const struct ike_policy *p);

/* ---- control.c ---- */
void control_path(const struct daemon *d, char *out, size_t n);
bool control_open(struct daemon *d) MUST_CHECK;
void control_close(struct daemon *d);

#endif
