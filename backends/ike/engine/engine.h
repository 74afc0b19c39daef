/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IKE engine: both versions' common ground. It does no I/O and reads no clock: datagrams, ticks, kernel events and
 * finished jobs come in by calls; what it wants done goes out by the calls of `struct ike_host`. Time is milliseconds
 * of any monotonic clock. One engine belongs to one thread.
 */
#ifndef IOSCC_IKE_ENGINE_H
#define IOSCC_IKE_ENGINE_H

#include <stdatomic.h>

#include "backends/ike/crypto/cert.h"
#include "backends/ike/crypto/crypto.h"
#include "backends/ike/engine/keys.h"
#include "backends/ike/engine/states.h"
#include "backends/ike/message/message.h"
#include "backends/ike/policy.h"
#include "compiler/base/must.h"

struct ike;
struct ike_sa;
struct ike_child;

struct ike_end {
    struct ip_addr addr;
    uint16_t port;
};

/* ---- what the engine asks of its surroundings ---- */

/* A pair of SAs as it goes to the kernel. Keys are only good during the call. */
struct ike_sa_keys {
    uint8_t encr_in[IKE_KEY_MAX + 4], encr_out[IKE_KEY_MAX + 4];
    uint8_t integ_in[IKE_HASH_MAX], integ_out[IKE_HASH_MAX];
    uint8_t ah_in[IKE_HASH_MAX], ah_out[IKE_HASH_MAX];
};

enum ike_level { IKE_ERROR, IKE_WARNING, IKE_NOTICE, IKE_INFO, IKE_DEBUG };
enum ike_event {
    EV_MESSAGE,
    EV_IKE_UP,
    EV_IKE_DOWN,
    EV_CHILD_UP,
    EV_CHILD_DOWN,
    EV_CHILD_REKEYED,
    EV_REFUSED, /* a negotiation did not come to an end; the text says which parameter of which line */
};

enum ike_direction { IKE_SA_IN = 1, IKE_SA_OUT = 2 };

/* Is a certificate chain still what its CAs stand for? What is left zero never counts as good. */
enum ike_verdict { IKE_CANNOT_TELL, IKE_NOT_REVOKED, IKE_REVOKED, IKE_TELLS_LATER };
struct ike_question {
    uint64_t sa_spi, sa_id;
    const struct ike_revocation *how; /* methods up to IKE_REVOCATION_NONE */
    const uint8_t *chain;             /* as of ike_cert_chain() */
    size_t chain_len;
    enum ike_weak_hash weak; /* what counts in the signatures of answers */
};
#define IKE_WHY_MAX 200

struct ike_job;
struct ike_host {
    void *ctx;
    void (*random)(void *ctx, void *p, size_t n);
    void (*send)(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n);
    /* One or both directions. False: the kernel would not have it; the negotiation is then taken back. */
    bool (*sa_add)(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which);
    void (*sa_delete)(void *ctx, const struct ike_child *c);
    /* The child has gone, whoever has deleted its SAs; others of its line may be left. NULL: nobody is told. */
    void (*child_gone)(void *ctx, const struct ike_child *c);
    /* Policies for a peer of a dynamic entry: they come and go with its SAs. `update`: the child's request number has
     * them already, and their tunnel is now that of this child. False: they cannot be had, nothing has changed. */
    bool (*policy_add)(void *ctx, const struct ike_child *c, bool update);
    void (*policy_delete)(void *ctx, const struct ike_child *c);
    /* Packets so far through a child's SAs, in and out; false, or NULL: not known, then traffic proves nothing. */
    bool (*traffic)(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out);
    /* reverse-route: the way to the child's remote network. NULL: there are no routes. */
    void (*route)(void *ctx, const struct ike_child *c, bool add);
    /* Seconds since 1970, for certificates; NULL: their times are not looked at. */
    int64_t (*wall_s)(void *ctx);
    void (*event)(void *ctx, enum ike_event e, enum ike_level level, const struct ike_sa *sa, const struct ike_child *c,
                  const char *text);
    /* Work for another thread: call ike_job_run() there, then ike_job_done() here. NULL: it is done at once. */
    void (*job)(void *ctx, struct ike_job *j);
    /* Does what needs a key, where the policy has none (keys.h); r->key is the policy's `local` of the key that was
     * taken, as the policy here has it. NULL: the policy has the keys. */
    bool (*keys)(void *ctx, const struct ike_key_work *w, struct ike_key_result *r);
    /* Asks CRLs or OCSP. IKE_TELLS_LATER: ike_revocation_done() is called some time, always; else it is known at once,
     * with `why` in words. NULL: it cannot be told. */
    enum ike_verdict (*revocation)(void *ctx, const struct ike_question *q, char why[static IKE_WHY_MAX]);
    /* A row of the tables of states is about to happen; for tests. NULL: nobody listens. */
    void (*transition)(void *ctx, const struct ike_transition *row);
    /* An IKE SA begins to a peer that is known by name: it may be elsewhere by now. NULL: nobody looks. */
    void (*names_wanted)(void *ctx);
    /* No SA points into that policy any more, which ike_reload() replaced. NULL: nobody waits for it. */
    void (*policy_unused)(void *ctx, const struct ike_policy *p);
};

/* ---- security associations ---- */

/* The ends of an SA as the kernel has it: it is deleted by these, wherever the peer is by then. */
struct ike_path {
    struct ike_end local, remote;
};

/* Policies of one peer of a dynamic entry, for all children that have their selectors one after the other. */
struct ike_peer_policies {
    uint32_t reqid;
    unsigned users;       /* children */
    bool installed;       /* in the kernel */
    struct ike_path path; /* the tunnel that they name */
};

struct ike_child {
    struct ike_child *next;
    struct ike_sa *sa;
    struct ike_path in, out;              /* where each of its SAs was made */
    struct ike_peer_policies *policies;   /* of a dynamic entry, else NULL */
    const struct ike_policy *held_policy; /* a replaced one that `entry` and `set` are of; NULL: the one in force */
    const struct ike_entry *entry;
    const struct ike_transform_set *set;
    uint64_t number;      /* the later it began to send, the higher */
    uint32_t reqid, line; /* line of the configuration */
    bool one_of_many;
    uint32_t spi_in, spi_out;       /* ESP, or AH where there is no ESP */
    uint32_t ah_spi_in, ah_spi_out; /* AH of a bundle (v1) */
    struct ike_ts ts_local, ts_remote;
    uint16_t dh; /* enum algo_id: PFS group of its exchange */
    uint8_t state;
    bool transport, initiator, installed, esn;
    bool sends;                          /* its outbound SA is in the kernel: ours to delete */
    bool is_lost;                        /* somebody else has deleted one of its SAs there */
    bool moved;                          /* the peer is elsewhere: it is rekeyed even by who only answers */
    bool is_doubtful;                    /* v1: nothing shows that the peer has it: as well */
    bool is_unheard;                     /* v1: nothing comes back by it, which may be so for ever: as well */
    uint64_t sends_since;                /* ms */
    uint64_t began_at;                   /* v1, ms: the first message of its exchange */
    uint64_t up_at, rekey_at, expire_at; /* ms; 0: never */
    uint64_t idle_at, used_at, packets;  /* when to look at its traffic; when it was seen to flow; so many then */
    uint64_t watch_at, watched_in,
        watched_out;                  /* v1: when to look whether anything comes back; packets at the last look */
    uint32_t watch_ms;                /* ... from look to look */
    uint8_t unheard;                  /* looks in a row at which something was sent and nothing came */
    uint32_t lifetime_s, lifetime_kb; /* what holds (v1 negotiates it) */
    uint32_t generation;              /* rekeys before it */
    /* while a rekeying is under way, for collisions (RFC 7296 §2.8.1) */
    uint8_t *low_nonce;             /* the lower nonce of the exchange that made it; 32 bytes, NULL later */
    struct ike_child *peers_child;  /* made by the peer's own rekeying of this one */
    struct ike_child *successor_of; /* it was made to take that one's place */
    /* Inbound only, as yet: the other end may not be able to receive. Its keys, until it sends; then NULL. */
    struct ike_sa_keys *waiting;
    uint64_t send_at; /* ms: it sends then at the latest; 0: it waits for a message */
};

struct ike_task {
    struct ike_task *next;
    uint8_t kind; /* enum ike_task_kind */
    uint8_t tries;
    uint64_t not_before; /* ms */
    uint32_t spi;        /* of the child, ours */
    const struct ike_entry *entry;
    const struct ike_line *line;
    uint8_t unmade; /* of a deletion: the protocol of a child that the peer has made, and we have not; 0: we have it */
    bool narrow;    /* per-host: only `flow` */
    uint16_t dh;    /* enum algo_id: of the child that it is to take the place of, ALGO_NONE: of none */
    struct ike_ts flow_src, flow_dst;
};

struct ike_ends {
    struct ike_end local, remote;
};

#define IKE_PLACES 8       /* of one peer, whose messages come from so many at most */
#define IKE_BEGUN_BY_LEN 8 /* of a SHA-256: to make another message of the same takes 2^64 tries */

struct ike_sa {
    uint64_t id; /* never used twice */
    uint64_t spi_i, spi_r, own_spi;
    struct ike_sa *hash_next, *peer_next, *addr_next, *origin_next, *identity_next;
    struct ike_sa *half_next, *half_prev; /* of its budget, oldest first */
    uint8_t half_open;                    /* enum ike_half_open */
    bool known;                           /* its address was a configured peer's, or one with an SA, when it came */
    struct ike_end local, remote;
    /* Where the peer was when the IKE SA began, and has shown that it is: which keys, profiles and entries are its own
     * is looked up by this. `remote` follows its authentic messages, whose source anybody can forge (RFC 7296 §2.23).
     * Set it with ike_began_with(). */
    struct ip_addr began_with;
    struct ike_ends came_from; /* where it was, or may have been, before (whereabouts.c); port 0: nowhere ... */
    uint64_t moved_at;         /* ... when, ms ... */
    uint32_t moved_by;         /* ... and by which message id, where it was followed at once; IKE_MOVED_BY_NONE */
    struct ike_ends other[IKE_PLACES]; /* where it may be instead: what it does not answer is asked there too; the first
                                        * that is named stays, any other one gives way; port 0: none */
    uint64_t doubted_at;               /* when it was asked last because of a message that came again, ms */
    bool is_asked_elsewhere;           /* what is asked now is, and not only where it is */
    uint8_t
        doubts; /* answers in a row to what was asked at several places: the next question waits longer before it is */
    struct ike_ends asked_from;        /* v2: where the request came from that is answered; port 0: no request yet */
    uint32_t again_second, n_again[2]; /* answers that were repeated in that second: where the peer is, elsewhere */
    uint8_t version, state;            /* enum ike_state */
    bool initiator;                    /* of this IKE SA (the original one, RFC 7296 §2.2) */
    bool nat_local, nat_remote, floated, busy;
    bool fragments;                /* both ends have announced them (RFC 7383 §2.3) */
    bool psk_auth;                 /* how the peer proved itself */
    uint32_t key_id;               /* ... and by which key, 0: by a certificate */
    bool leaves_suite;             /* v2: no proposal of a reload allows what it was made with: it ends soon */
    bool was_called;               /* ... when we had called it: who rekeys the IKE SA changes nothing about that */
    char *called;                  /* ... by that host name, whatever becomes of the entry; NULL: by none */
    uint8_t *anchor;               /* SHA-256 of the trust anchor of that certificate, NULL: by a key */
    const struct ike_entry *entry; /* what it was made for; NULL on a responder until known */
    const struct ike_profile *profile;
    const struct ike_proposal *proposal; /* v2 */
    const struct ike_v1_policy *policy;  /* v1 */
    struct ike_suite suite;
    struct ike_keys *keys;
    uint8_t *peer_id; /* identity: type byte, value */
    uint16_t peer_id_len;
    struct ike_child *children;
    uint32_t n_children, n_waiting; /* those that do not send yet */

    /* requests of ours (v2), message ids */
    uint32_t next_out, next_in;
    uint8_t *request, *response; /* last request until it is answered; last response for retransmissions */
    uint32_t request_len, response_len, response_id;
    uint8_t request_tries;
    struct ike_task *tasks, *current;
    void *exchange; /* what the exchange under way needs; freed by exchange_free */
    void (*exchange_free)(void *);
    struct ike_job *job;
    const struct ike_credential *trust; /* that the peer's chain ends in, while it is not proved */
    uint8_t *chain;                     /* the peer's, while its revocation is not known (ike_cert_chain()) */
    size_t chain_len;
    uint8_t *subject; /* of the peer's certificate, DER, while it is not proved */
    uint16_t subject_len;
    struct ike_unproved *unproved; /* what goes on when it is */
    struct v2_pending *pending;    /* v2: what was decided about a request of the peer's while its secret is computed */

    /* deadlines, ms; 0: none */
    uint64_t reauthenticated_by[2]; /* own_spi and id of the IKE SA that is to take its place; 0: none was begun */
    uint64_t retransmit_at, rekey_at, expire_at, dpd_at, keepalive_at, half_open_until, last_in, up_at, resume_at;
    uint64_t begun_at;      /* when its first message went or came */
    uint64_t reauth_at;     /* when the peer must be authenticated anew: its AUTH_LIFETIME, or our certificate's end */
    uint64_t proof_ends_at; /* when the certificate that proved the peer ends */
    uint64_t deadline;      /* the earliest, as in the heap */
    uint64_t packets_in, packets_out; /* through its children, when dead peer detection last looked */
    uint32_t heap_at;                 /* place in the heap + 1; 0: none */

    /* IKE rekeying: the old one, our new one, the one the peer made at the same time */
    struct ike_sa *replaces, *replaced_by, *peers_sa;
    uint64_t reauthenticates[2]; /* own SPI and id of the IKE SA whose peer it authenticates anew */
    bool is_dismissed;           /* it ends because we want it so */
    bool is_by_password;         /* v1: begun by the password of `crypto isakmp peer` */
    bool is_silent;              /* v1: the peer does not answer by it; nothing is begun by it until something comes */
    bool lacks_children;         /* ... and of its children the peer has refused some */
    struct ike_sa **held_by;     /* still only part of its predecessor's exchange, which points to it from here */
    uint8_t *low_nonce;
    unsigned cookie_len;
    uint8_t cookie[64];
    uint8_t begun_by[IKE_BEGUN_BY_LEN]; /* responder: of the message that began it, which may come again; else zeros */
    struct ike_later *later;            /* what of the peer's is heard a moment later; NULL: nothing */
    void *parts[2];                     /* v2: fragments of a request and of a response that are still incomplete */
    struct ike1 *v1;                    /* phase 1 state of IKEv1 */
    unsigned peer_at;                   /* which of the entry's peers this one is */
    const struct ike_transition *row;   /* what it is in the middle of, or did last */
    char why[160];                      /* room for a reason */
};

struct ike_stats {
    uint64_t datagrams_in, datagrams_out, dropped, malformed, auth_failed, cookies_sent, retransmits, replays,
        established, negotiations, refused, dh, evicted, unproved;
};

/* What strangers can have said as often as they like is said so many times a minute, and how often it was not. */
struct ike_quota {
    uint64_t from; /* ms: the minute began */
    uint32_t said, unsaid;
};

/* A version's handlers; given to the dispatcher by ike.c so that the services name no version. */
struct ike_moves;
struct ike_version {
    void (*input)(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                  size_t n, struct ike_header h);
    /* Starts an IKE SA whose tasks are filled in. */
    void (*start)(struct ike *ike, struct ike_sa *sa);
    /* Starts the next exchange, if none is under way and there is a task. */
    void (*next)(struct ike *ike, struct ike_sa *sa);
    void (*tick)(struct ike *ike, struct ike_sa *sa);
    void (*gone)(struct ike *ike, struct ike_sa *sa); /* frees what only it knows */
    /* Another policy: points what only it knows, and sa->current, to the same things there. What is open for an entry
     * that is gone comes to nothing. False: the SA cannot go on. */
    bool (*move)(struct ike *ike, struct ike_sa *sa, const struct ike_moves *m);
    /* What is under way for an entry that the policy in force does not give this peer comes to nothing. */
    void (*judge)(struct ike *ike, struct ike_sa *sa);
    /* Asks the peer at once whether it lives, whatever dead peer detection is configured; if it does not, the SA goes.
     */
    void (*ask)(struct ike *ike, struct ike_sa *sa);
    /* Tells the peer that a child ends whose own IKE SA cannot say so any more, by another one with it if there is one.
     * It ends nothing. NULL: children never outlive their IKE SA. */
    void (*tell_end)(struct ike *ike, struct ike_sa *sa, struct ike_child *c);
    /* A job of an SA with that SPI is done and what waited for it has gone on: what has come meanwhile is heard now.
     * NULL: nothing waits. */
    void (*computed)(struct ike *ike, uint64_t own_spi);
};

/* Which parts of a policy are the same in another one: for each of `from` its place in `to`, UINT32_MAX if there is
 * none. */
struct ike_moves {
    const struct ike_policy *from, *to;
    const uint32_t *entry, *profile, *v1;
    const uint32_t *key;  /* by number: the number of the same key there, 0: it is gone or another one */
    bool same_credential; /* the first trustpoint, which holds where no profile names one, is the same */
};
struct ike_reload {
    unsigned sas_kept, sas_ended, children_kept, children_ended;
};

struct ike_reqid {
    uint32_t reqid;
    const struct ike_entry *entry;
    const struct ike_line *line;
};

/* IKE SAs that a stranger began and nobody has proved yet. Those of `early` have not shown that they receive at the
 * address they claim; the others have (a cookie came back). */
enum ike_half_open { IKE_HALF_NONE, IKE_HALF_EARLY, IKE_HALF_PROVED, IKE_HALF_KINDS };
struct ike_half_list {
    struct ike_sa *first, *last; /* oldest first */
    uint32_t n;
};

/* A replaced policy, with how many children still point into it. */
struct ike_old_policy {
    struct ike_old_policy *next;
    const struct ike_policy *policy;
    uint32_t users;
};

struct ike_entry_peer {
    struct ip_addr addr; /* FAMILY_NONE: a dynamic entry without peers */
    uint32_t entry;      /* place in the policy */
};

struct ike {
    const struct ike_policy *policy;
    struct ike_host host;
    struct ike_crypto *crypto;
    const struct ike_version *version[3]; /* [1], [2] */
    uint64_t now, next_id, next_number;
    struct ike_end here;  /* where the datagram that is worked off came in */
    uint32_t next_reqid;  /* of dynamic entries */
    uint8_t *reqids_used; /* bits: numbers of dynamic entries' peers that are in use */
    /* hash tables of the same size: by own SPI, by the peer's SPI and address, by address alone, by the peer's
     * authenticated identity */
    struct ike_sa **by_spi, **by_peer, **by_addr, **by_origin, **by_identity;
    uint32_t hash_size, n_sa, n_children, n_established, n_jobs;
    struct ike_half_list half_open[3][IKE_HALF_KINDS]; /* [version][kind] */
    struct ike_old_policy *old_policies;
    struct ike_sa **heap;
    uint32_t heap_n, heap_cap;
    uint8_t cookie_secret[2][32];
    uint64_t cookie_turned_at;
    uint8_t hash_seed[16];
    uint64_t clear_infos_second; /* unauthenticated answers of IKEv1 in that second */
    unsigned clear_infos;
    uint8_t *peer_of_entry;   /* which of its peers an entry is at */
    struct ike_reqid *reqids; /* sorted */
    uint32_t n_reqids;
    struct ike_entry_peer *entry_peers; /* sorted by address, then entry; those for anybody come first */
    uint32_t n_entry_peers, n_for_anybody;
    struct ike_stats stats;
    struct ike_quota says_evicted, says_unproved[2]; /* of strangers, of known peers */
    bool ending, hears_late;                         /* hears_late: it hears what has waited (ike_hear_now()) */
    uint8_t out[IKE_DATAGRAM_MAX], plain[IKE_DATAGRAM_MAX], inner[IKE_DATAGRAM_MAX];
};

/* ---- table.c ---- */

struct ike_sa *ike_sa_new(struct ike *ike, uint8_t version, bool initiator, const struct ike_end *local,
                          const struct ike_end *remote);
/* Unlinks and frees; children that are still there are deleted from the kernel. */
void ike_sa_free(struct ike *ike, struct ike_sa *sa);
/* ... because we want it so: nothing is said about what the peer has not done. */
void ike_sa_dismiss(struct ike *ike, struct ike_sa *sa);
/* v1: another negotiation with the same peer, under the same SPI of ours, for the same entry: several claim to be the
 * peer (v1/candidates.c). When one has proved it, the others are freed. NULL: out of memory. */
struct ike_sa *ike_sa_beside(struct ike *ike, const struct ike_sa *sa);
struct ike_sa *ike_by_spi(struct ike *ike, uint64_t own_spi);
/* All of an SPI, one after another; `after` NULL: the first. */
struct ike_sa *ike_with_spi(const struct ike *ike, uint64_t own_spi, const struct ike_sa *after);
/* Is it still there? Looks where it was: `sa` may have been freed. */
struct ike_sa *ike_still(struct ike *ike, uint64_t own_spi, uint64_t id);
/* Half-open responders by the initiator's SPI and address, the peer's cookie for v1; one after the other, the one
 * behind `after`, NULL for the first. */
struct ike_sa *ike_by_peer(struct ike *ike, uint64_t peer_spi, const struct ip_addr *remote,
                           const struct ike_sa *after);
void ike_peer_spi_known(struct ike *ike, struct ike_sa *sa, uint64_t peer_spi);
/* The SAs with that address, one after the other: the one behind `after`, NULL for the first. */
struct ike_sa *ike_with_addr(const struct ike *ike, const struct ip_addr *remote, const struct ike_sa *after);
/* Those that began there, wherever their peer is now. */
struct ike_sa *ike_with_origin(const struct ike *ike, const struct ip_addr *began_with, const struct ike_sa *after);
/* It goes on for one that began there. */
void ike_began_with(struct ike *ike, struct ike_sa *sa, const struct ip_addr *where);
/* The peer is authenticated: from now on it is found by that identity. False: out of memory. */
bool ike_identity_set(struct ike *ike, struct ike_sa *sa, const struct ike_id *id) MUST_CHECK;
/* The other SAs of the same authenticated peer: version, identity, profile, and what proved it (the key, or the trust
 * anchor of its certificate: two keys may claim one name); one after the other, as above. What
 * ends, inherits or takes the place of something asks this and never the address: others may be behind the same one. */
struct ike_sa *ike_of_same_peer(const struct ike *ike, const struct ike_sa *sa, const struct ike_sa *after);
/* Is it the same authenticated peer, as far as can be told? Then one may have what the other leaves. */
bool ike_is_same_peer(const struct ike *ike, const struct ike_sa *a, const struct ike_sa *b) MUST_CHECK;
/* Of two of the same identity: one that others behind other NATs may have too, and they are not at one address. */
bool ike_may_be_another(const struct ike_sa *a, const struct ike_sa *b) MUST_CHECK;
/* The kernel refuses a child of a dynamic entry, perhaps because a peer of the same name by another proof (its
 * certificate was renewed under another CA, its key is another one) has its packets already: those are asked whether
 * they live. */
void ike_rivals_ask(struct ike *ike, const struct ike_child *c);
/* INITIAL_CONTACT: the peer has restarted, what it had before is gone at its end. The IKE SAs of the same two
 * identities are forgotten, wherever they were, but not those made since this negotiation began (of two that cross,
 * each end would drop the other's). Where its identity is an address that is not the one it comes from, others behind
 * other NATs may have the same one: then only those from where it is now. */
void ike_peer_restarted(struct ike *ike, struct ike_sa *sa);
/* Who has called us has proved who it is, and SAs of its own make room: all if it says INITIAL_CONTACT; of too many,
 * one that carries nothing, else the oldest; with a key of one address, twice as many whatever their names. False: the
 * configuration's limit of IKE SAs is reached, and the peer has none. */
#define IKE_SAS_PER_PEER 32
#define IKE_LIMIT_REACHED "as many IKE SAs stand as the configuration allows (call admission, limit max-sa)"
bool ike_peer_proved(struct ike *ike, struct ike_sa *sa, bool says_initial_contact) MUST_CHECK;
/* `sa` is about to be replaced by a rekeying of the peer's: of too many that it has replaced and never deleted, the
 * oldest goes. */
void ike_replaced_make_room(struct ike *ike, const struct ike_sa *sa);
/* May we say INITIAL_CONTACT? No other SA with that address stands. */
bool ike_is_first_contact(const struct ike *ike, const struct ike_sa *sa) MUST_CHECK;
/* The peer is elsewhere now. */
void ike_remote_set(struct ike *ike, struct ike_sa *sa, const struct ike_end *remote);
void ike_state_set(struct ike *ike, struct ike_sa *sa, enum ike_state s);
/* Established SA that began with that peer, and can carry a new child. */
struct ike_sa *ike_usable(struct ike *ike, const struct ike_entry *e, const struct ip_addr *remote);

struct ike_child *ike_child_new(struct ike_sa *sa);
void ike_child_free(struct ike *ike, struct ike_child *c, bool in_kernel);
struct ike_child *ike_child_by_spi(struct ike_sa *sa, uint32_t spi, bool inbound);
/* Gives it to the kernel: both directions, or inbound only at first (`late`), so that a rekeying loses no packet: who
 * answers may receive before it answers, and sends when the other end shows that it can receive. */
bool ike_child_install(struct ike *ike, struct ike_child *c, const struct ike_sa_keys *k, bool late) MUST_CHECK;
/* Those that are to take the place of `old` send from now on. True: one does so for less than IKE_OVERLAP_MS. `old`
 * should then stay a moment: a packet that the kernel is about to send by it is lost if it goes (XfrmOutStateInvalid).
 */
bool ike_is_just_replaced(struct ike *ike, const struct ike_child *old) MUST_CHECK;
#define IKE_OVERLAP_MS 20
/* Now it sends. Does nothing if it does already. False: the kernel refuses; the child is of no use then. */
bool ike_child_send(struct ike *ike, struct ike_child *c) MUST_CHECK;
/* The same; who cannot send is deleted, and the peer hears of it. */
void ike_child_send_or_end(struct ike *ike, struct ike_child *c);
#define IKE_SEND_LOOK_MS 250     /* so often we look whether the peer sends by it */
#define IKE_SEND_LATEST_MS 10000 /* ... and so long at most: the old one serves meanwhile */
/* RFC 4303 §2.1: SPIs of 0 to 255 are reserved; 0 is the non-ESP marker too (RFC 3948 §2.2). */
#define IKE_SPI_MIN 256u
uint32_t ike_spi_new(struct ike *ike);
/* Do we send by that SPI to that address already? With it the peer would name another SA, which may be another peer's
 * (RFC 4301 §4.4.2.1: destination and SPI name one SA). */
bool ike_spi_is_taken(const struct ike *ike, const struct ip_addr *to, uint32_t spi) MUST_CHECK;
/* To another IKE SA with the same peer, which may be elsewhere: the child is made anew there then. */
void ike_child_move(struct ike *ike, struct ike_child *c, struct ike_sa *to);
/* One that was being replaced or rekeyed is used again; the peer may be elsewhere meanwhile. */
void ike_child_stands_again(struct ike *ike, struct ike_child *c);
/* That of one IKE SA which serves such packets, in the kernel. */
struct ike_child *ike_child_of(struct ike_sa *sa, const struct ike_entry *e, const struct ike_ts *local,
                               const struct ike_ts *remote);
/* The same peer's child with the same selectors under whichever of its SAs, which a new one takes the place of. */
struct ike_child *ike_child_older(struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e,
                                  const struct ike_ts *local, const struct ike_ts *remote);
/* Sets the request number of a new child, whose entry is known: its line's, that of the one whose place it takes, or a
 * free one for a peer of a dynamic entry. False: there is none, or no memory. */
#define IKE_REQID_DYNAMIC 0x5d000000u
#define IKE_REQID_DYNAMIC_MAX 0x3ffffu /* 18 bits: they are part of the policies' index */
bool ike_child_number(struct ike *ike, struct ike_child *c, const struct ike_line *l,
                      const struct ike_child *old) MUST_CHECK;
/* A copy that may outlive the child, for who takes its place: it owns nothing of the child's but a share of the
 * policies of a dynamic entry, which stay as long as it does. `copy` is then as empty as one of zeros. */
void ike_child_copy(struct ike_child *to, const struct ike_child *c);
void ike_child_copy_end(struct ike *ike, struct ike_child *copy);
/* A policy that ike_reload() replaces stays until what points into it is gone: then host.policy_unused is told. False:
 * out of memory. */
bool ike_policy_hold(struct ike *ike, const struct ike_policy *p) MUST_CHECK;
void ike_policy_release(struct ike *ike, const struct ike_policy *p);
/* Of a dynamic entry's peer: its policies are set once more, for somebody may have flushed them. False: the kernel does
 * not take them. */
bool ike_child_policies_again(struct ike *ike, struct ike_child *c) MUST_CHECK;
/* The peer is elsewhere now (a NAT has changed its mapping): its children are made anew there. */
void ike_peer_moved(struct ike *ike, struct ike_sa *sa);
/* Children that a peer can make us keep under one IKE SA; under all of its IKE SAs twice as many. */
#define IKE_CHILDREN_MAX 256 /* and twice the lines of its entry */
bool ike_children_full(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e,
                       bool is_successor) MUST_CHECK;

void ike_task_add(struct ike_sa *sa, struct ike_task t);
/* Children have moved from one SA to the other: what is to be done about them goes with them. */
void ike_tasks_follow(struct ike_sa *from, struct ike_sa *to);
bool ike_has_task(const struct ike_sa *sa, enum ike_task_kind k, uint32_t spi) MUST_CHECK;
/* The request is answered; what the exchange has gathered stays. */
void ike_request_end(struct ike_sa *sa);
/* Nothing comes of the exchange any more; a request that is on its way is still sent until it is answered. */
void ike_exchange_drop(struct ike_sa *sa);
/* The exchange is over with all that belongs to it. */
void ike_exchange_end(struct ike_sa *sa);

/* ---- admission.c: what strangers may cost (RFC 7296 §2.6, RFC 8019 §4) ---- */

#define IKE_HALF_OPEN_MAX 1000     /* of one version and kind, where the configuration says nothing */
#define IKE_HALF_OPEN_PER_SOURCE 5 /* of one address and version, however little is free; else its share of that */
#define IKE_HALF_OPEN_SHARE 4      /* ... which is the fourth part */
#define IKE_STRANGERS_JOBS 64      /* Diffie-Hellman computations that wait for strangers' sake; for known peers: */
#define IKE_KNOWN_JOBS 512
/* May a peer from there begin (or go on, `proved`)? Makes room where it must: the oldest stranger goes. */
/* `crypto call admission limit ike sa`, `crypto ikev2 limit max-sa`: are there as many as may be? */
bool ike_sas_full(const struct ike *ike) MUST_CHECK;
bool ike_half_open_admit(struct ike *ike, uint8_t version, enum ike_half_open kind, const struct ip_addr *local,
                         const struct ip_addr *remote) MUST_CHECK;
/* Counts the SA there from now on, and nowhere else. */
void ike_half_open_set(struct ike *ike, struct ike_sa *sa, enum ike_half_open kind);
uint32_t ike_half_open_count(const struct ike *ike, uint8_t version);
/* Has it as many that have shown nothing yet as one source may have? Then it has to answer a cookie first. */
bool ike_source_crowded(const struct ike *ike, uint8_t version, const struct ip_addr *remote) MUST_CHECK;
/* Is it the address of a configured peer, or of one that has an SA? */
bool ike_address_known(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote) MUST_CHECK;

/* A request is sent again: said once, early enough that somebody who looks at the log sees what it waits for. */
void ike_say_waiting(struct ike *ike, const struct ike_sa *sa);
/* An entry's peer does not answer, or refuses: what is asked for next goes to the one behind it, and behind the last to
 * the first again. */
void ike_next_peer(struct ike *ike, const struct ike_entry *e, const struct ip_addr *after);
/* Starts an IKE SA with the peer the entry is at, or gives the task to one that stands. */
bool ike_start(struct ike *ike, const struct ike_entry *e, struct ike_task t) MUST_CHECK;

/* May the IKE SA carry what the task asks for? When it was queued nobody had proved anything, or another policy was in
 * force. If not it is asked for elsewhere. */
bool ike_task_is_its(struct ike *ike, const struct ike_sa *sa, const struct ike_task *t) MUST_CHECK;

/* `level per-host`: pairs of hosts that an entry has SAs for, or has asked for them, at one time. A scan of a network
 * would make one for each address else; what is beyond is held back and said. */
#define IKE_PER_HOST_MAX 1000

/* ---- timer.c ---- */

/* Puts the SA where its earliest deadline belongs. Call after changing any of them. */
void ike_timer_update(struct ike *ike, struct ike_sa *sa);
void ike_timer_remove(struct ike *ike, struct ike_sa *sa);
/* a*(1 - up to tenths/10), so that two ends do not act at once. */
uint64_t ike_jitter(struct ike *ike, uint64_t a, unsigned tenths);

/* ---- later.c ---- */

/* Hears a datagram of the SA's peer IKE_OVERLAP_MS from now, as if it came only then: it is copied. Nothing of it may
 * have been taken note of. False: one waits already, this one has waited, or no memory; then it is to be heard at once.
 */
bool ike_hear_later(struct ike *ike, struct ike_sa *sa, const struct ike_ends *ends, struct ike_iov whole,
                    struct ike_header h) MUST_CHECK;
/* When, in ms; 0: nothing waits. */
uint64_t ike_later_at(const struct ike_sa *sa);
/* Hears what waits. False: nothing did. The SA may be gone with it. */
bool ike_hear_now(struct ike *ike, struct ike_sa *sa) MUST_CHECK;
/* Another datagram has come for the SA: what waits is heard before it, so that their order stays. NULL: the SA is gone
 * with it, or this is the very datagram once more, from the same place, and is not to be heard. */
struct ike_sa *ike_in_order(struct ike *ike, struct ike_sa *sa, const struct ike_ends *ends,
                            struct ike_iov whole) MUST_CHECK;
void ike_later_drop(struct ike_sa *sa);

/* Retransmission: 1, 2, 4, 8, 16, 32 s, then given up after about 64 s (RFC 7296 §2.4 leaves it open; IOS sends five
 * more times). */
#define IKE_RETRANSMIT_MS 1000
#define IKE_RETRANSMIT_TRIES 6
#define IKE_HALF_OPEN_MS 30000
/* An initiator's, with one peer: both requests sent as often as can be. Nothing that is not authentic prolongs it. */
#define IKE_NEGOTIATION_MS 130000

/* ---- whereabouts.c ---- */

#define IKE_MOVED_BY_NONE UINT32_MAX
#define IKE_COPY_MS                                                                                                    \
    2000 /* a copy and the real message come one behind the other; later somebody may repeat it at will */
bool ike_is_at(const struct ike_end *a, const struct ike_end *b) MUST_CHECK;
/* May an authentic message that comes to that address of ours from somewhere else move the peer there? Only behind NAT.
 */
bool ike_may_move(const struct ike_sa *sa, const struct ike_end *local) MUST_CHECK;
void ike_move(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote);
/* A message of a peer that stands is authentic and was never heard before. True: it came from elsewhere, and the peer
 * is to be asked where it is. */
bool ike_is_elsewhere(struct ike *ike, struct ike_sa *sa, const struct ike_end *local,
                      const struct ike_end *remote) MUST_CHECK;
/* The same, of one that may be somebody's copy of an older one: true once a second at most. */
bool ike_may_be_elsewhere(struct ike *ike, struct ike_sa *sa, const struct ike_end *local,
                          const struct ike_end *remote) MUST_CHECK;
/* Where a question is sent as well that is not answered where the peer is: how many. */
unsigned ike_other_places(const struct ike_sa *sa, struct ike_ends out[static IKE_PLACES + 1]);
/* Is a question that was repeated so many times (1: once) sent there too? Where the last answers were in doubt, later.
 */
bool ike_asks_elsewhere(const struct ike_sa *sa, unsigned repeated) MUST_CHECK;
/* The answer to a question of ours has come, from there. True: it had been asked at several places, or the answer comes
 * from where it was not; it may be somebody's copy: the peer is to be asked once more. */
bool ike_place_answered(struct ike *ike, struct ike_sa *sa, const struct ike_end *remote) MUST_CHECK;
/* `to` takes the place of `from`: it is where that is, and may be where that may be. True: that is in doubt. */
bool ike_place_inherit(struct ike *ike, struct ike_sa *to, const struct ike_sa *from) MUST_CHECK;
/* An authentic request that was never heard before; `request`: its id. */
void ike_follow(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                uint32_t request);
/* The same, where the caller knows that the peer may be there. */
void ike_follow_to(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                   uint32_t request);
/* The same request once more. True: the peer is back where it was. */
bool ike_follow_back(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     uint32_t request) MUST_CHECK;
/* Whoever repeats a request from there is answered so often a second; counted. */
bool ike_may_answer_again(const struct ike *ike, struct ike_sa *sa, const struct ike_end *remote) MUST_CHECK;
/* For an answer to where the question came from (RFC 7296 §2.11): returns what the ends were, to be put back. */
struct ike_ends ike_ends_swap(struct ike_sa *sa, struct ike_ends with) MUST_CHECK;
/* By what a message is known again that is not authentic: its bytes, and where it came from and to: the same bytes from
 * elsewhere may be somebody's copy, and an answer goes to one place. */
bool ike_heard_digest(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, struct ike_iov whole,
                      uint8_t out[static 32]) MUST_CHECK;

/* ---- natt.c ---- */

/* SHA-1 of both SPIs, address and port (RFC 7296 §2.23), or with the phase 1 hash (RFC 3947 §3.2). */
bool ike_nat_hash(struct ike *ike, enum algo_id hash, uint64_t spi_i, uint64_t spi_r, const struct ike_end *e,
                  uint8_t *out) MUST_CHECK;
/* A NAT is between the two: from here on by port 4500 (RFC 3947 §4, RFC 7296 §2.23). One that began there stays where
 * the peer is known: its NAT may have given it any port. */
void ike_float(struct ike_sa *sa);
/* Stateless cookies, RFC 7296 §2.6. */
size_t ike_cookie_make(struct ike *ike, uint64_t spi_i, const struct ip_addr *from, struct ike_iov nonce,
                       uint8_t out[static 64]);
bool ike_cookie_good(struct ike *ike, uint64_t spi_i, const struct ip_addr *from, struct ike_iov nonce,
                     const uint8_t *p, size_t n) MUST_CHECK;

/* ---- job.c ---- */

typedef void ike_job_fn(struct ike *ike, struct ike_sa *sa, struct ike_job *j);
struct ike_job {
    uint64_t sa_id, sa_spi;
    enum algo_id group;
    struct ike_dh *dh; /* made if it is NULL */
    uint8_t peer[IKE_DH_MAX], public_value[IKE_DH_MAX], shared[IKE_DH_MAX];
    size_t peer_len;                  /* 0: only a key is made */
    const struct ike_transition *row; /* that it is a part of; others may happen meanwhile */
    bool ok;
    atomic_bool unwanted; /* its SA is gone: it need not be done any more */
    ike_job_fn *done;
};
/* On any thread; then, on the engine's own, ike_job_done(), which frees it. */
void ike_job_run(struct ike_job *j);
void ike_job_done(struct ike *ike, uint64_t now, struct ike_job *j);
/* What the SA's job is for is not wanted any more: the SA is busy no longer, and `done` is not called. */
void ike_job_drop(struct ike_sa *sa);
/* Hands a job out, or does it at once. The SA is busy until `done` has been called, which is always, with `ok` false
 * where it could not be done at all. Takes `dh`. */
void ike_job_start(struct ike *ike, struct ike_sa *sa, enum algo_id group, struct ike_dh *dh, const uint8_t *peer,
                   size_t peer_len, ike_job_fn *done);

/* ---- log.c ---- */

/* May it be said? *unsaid: how often it has not been since it was said last. */
bool ike_may_say(const struct ike *ike, struct ike_quota *q, unsigned a_minute, uint32_t *unsaid) MUST_CHECK;
void ike_log(struct ike *ike, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
             const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* "aes-cbc-256 sha256 prf sha256 group 14" */
const char *ike_suite_text(const struct ike_suite *s, char out[static 128]);
const char *ike_choice_text(const struct ike_choice *c, char out[static 32]);
/* "10.1.0.0/24 tcp/80" */
const char *ike_ts_text(const struct ike_ts *t, char out[static 128]);

/* ---- reload.c ---- */

const struct ike_entry *ike_move_entry(const struct ike_moves *m, const struct ike_entry *e);
const struct ike_profile *ike_move_profile(const struct ike_moves *m, const struct ike_profile *p);
const struct ike_line *ike_move_line(const struct ike_entry *from, const struct ike_entry *to,
                                     const struct ike_line *l);
const struct ike_transform_set *ike_move_set(const struct ike_entry *from, const struct ike_entry *to,
                                             const struct ike_transform_set *s);
bool ike_move_child(const struct ike_moves *m, struct ike_child *c) MUST_CHECK;
bool ike_move_task(const struct ike_moves *m, struct ike_task *t) MUST_CHECK;
/* All SAs that there are, by what ike_still() knows them; free `v`. False: out of memory. */
struct ike_sa_list {
    struct ike_sa_name {
        uint64_t own_spi, id;
    } * v;
    uint32_t n;
};
bool ike_sas_list(const struct ike *ike, struct ike_sa_list *out) MUST_CHECK;
/* All SAs from one policy to the other; what cannot live on is ended, the peers are told. */
void ike_sas_move(struct ike *ike, const struct ike_moves *m, const struct ike_sa_list *all, struct ike_reload *r);

/* ---- traffic.c ---- */

/* Is it time to ask whether the peer lives? `quiet_ms` since a message of IKE came. Traffic from the peer proves it
 * alive; on demand it is asked only if we have sent something since. */
bool ike_must_ask(struct ike *ike, struct ike_sa *sa, uint64_t quiet_ms, uint64_t period_ms, bool periodic) MUST_CHECK;
/* Has anything come in by that child? False too where the kernel cannot be asked. */
bool ike_peer_sends(struct ike *ike, const struct ike_child *c) MUST_CHECK;
/* Begins to watch a child whose entry has an idle time. */
void ike_idle_start(struct ike *ike, struct ike_child *c);
/* Why its time is over, in words behind "the child SA". */
const char *ike_child_end(const struct ike_child *c, bool is_idle);
/* The child begins to send: from time to time it is looked whether anything comes back. */
void ike_watch_start(struct ike *ike, struct ike_child *c);
/* Has it sent for one whole look and more, and nothing has come? That may be so for ever (one only speaks, the other
 * listens), then it is said ever more seldom. */
bool ike_sends_unheard(struct ike *ike, struct ike_child *c) MUST_CHECK;
/* The peer does not want another one in its place: that says nothing of this one, which is looked at seldom from now
 * on. */
void ike_watch_rests(struct ike *ike, struct ike_child *c);
/* `c` takes the place of `old`: what is known of its traffic stays known. */
void ike_watch_inherit(struct ike_child *c, const struct ike_child *old);
/* The PFS group (enum algo_id; ALGO_NONE: none) that is asked for. Where the entry has none, `before`, that of the
 * child whose place is taken: what its peer wanted when it made it, it will want again. */
uint16_t ike_pfs_group(const struct ike_entry *e, uint16_t before);
/* True when nothing has flowed for so long; c->idle_at is set for the next look else. */
bool ike_idle(struct ike *ike, struct ike_child *c) MUST_CHECK;

void ike_send_raw(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n);

#endif
