/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv2, RFC 7296. Internal to this folder but for ike_v2, which ike.c gives to the dispatcher. */
#ifndef IOSCC_IKE_V2_H
#define IOSCC_IKE_V2_H

#include "backends/ike/engine/proof.h"
#include "compiler/base/must.h"

extern const struct ike_version ike_v2;

#define NONCE_LEN 32 /* at least half the PRF's key (§2.10): SHA-512 */
#define NONCE_MAX 256

/* ---- protect.c: encrypted payloads ---- */

/* A chain of payloads that is to be sent, in ike->inner: its first byte is the type of the first payload. */
struct v2_out {
    struct wr w;
    struct ike_chain c;
};
void v2_begin(struct ike *ike, struct v2_out *o);
#ifdef IOSCC_FUZZ /* tests/fuzz/fuzz_ike.c damages what is about to be encrypted */
void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room);
#endif
/* Encrypts (in fragments where the peer takes them and it is long), keeps it for retransmission, sends. False if it
 * does not fit. */
bool v2_request(struct ike *ike, struct ike_sa *sa, uint8_t exchange, struct v2_out *o) MUST_CHECK;
bool v2_respond(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint32_t id, struct v2_out *o) MUST_CHECK;
/* A response of one notify. */
void v2_respond_notify(struct ike *ike, struct ike_sa *sa, uint8_t exchange, uint32_t id, uint16_t type,
                       const void *data, size_t n);
void v2_resend(struct ike *ike, struct ike_sa *sa, const uint8_t *kept, uint32_t n);
/* ... and where the peer may be as well (ike_sa.other), if it may. */
void v2_resend_elsewhere(struct ike *ike, struct ike_sa *sa, const uint8_t *kept, uint32_t n);
/* One datagram of it: header, SK or SKF header, IV, ciphertext, ICV. `next`: the type of the first payload inside;
 * `frag` 0: not fragmented. False if there is no room. */
bool v2_seal(struct ike *ike, const struct ike_sa *sa, struct wr *w, struct ike_header *h, uint8_t next,
             const uint8_t *in, size_t n, unsigned frag, unsigned total) MUST_CHECK;
void v2_parts_free(struct ike_sa *sa);
void v2_parts_drop(void **parts);
/* How much of incomplete messages is kept. */
size_t v2_parts_bytes(const struct ike_sa *sa);
bool v2_keep(uint8_t **kept, uint32_t *kept_len, const uint8_t *p, size_t n) MUST_CHECK;
/* Checks and decrypts. V2_WHOLE: the chain is in ike->plain, *len bytes (0: an empty message), *first the type of its
 * first payload. V2_INCOMPLETE: an authentic fragment, others are missing. V2_MALFORMED: authentic, but not IKE.
 * `again`: a request that has been answered; its fragments are not put together. */
enum v2_opened { V2_NOT_AUTHENTIC, V2_INCOMPLETE, V2_MALFORMED, V2_WHOLE };
enum v2_opened v2_open(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, bool again, uint8_t *first,
                       size_t *len) MUST_CHECK;

/* ---- choose.c: proposals ---- */

void v2_ike_proposals(struct wr *w, const struct ike_v2_policy *p, uint64_t spi, unsigned spi_len);
const struct ike_v2_policy *v2_policy_for(const struct ike *ike, const struct ip_addr *local);
const struct ike_v2_policy *v2_policy_of(const struct ike_policy *policy, const struct ip_addr *local);
/* After a reload, or a rekeying that began before one. */
void v2_suite_leave(struct ike *ike, struct ike_sa *sa, const struct ike_policy *policy);
/* Would a proposal that holds for that address of ours take the suite? */
bool v2_suite_holds(const struct ike_policy *policy, const struct ip_addr *local, const struct ike_suite *s) MUST_CHECK;
struct v2_choice {
    bool found;
    struct ike_suite suite; /* of an IKE SA */
    const struct ike_proposal *ours;
    const struct ike_transform_set *set; /* of a child */
    uint16_t dh;                         /* of a child: PFS group, ALGO_NONE */
    bool esn;
    struct ike2_proposal chosen; /* to be sent back, or as it was */
    char why[256];               /* which parameter did not match */
};
/* The responder's choice of an IKE SA: our proposals in their order, the first that the peer offers too. */
void v2_choose_ike(const struct ike_v2_policy *p, const struct ike_payload *sa, unsigned spi_len,
                   struct v2_choice *out);
/* Proposals for a child, with that group (enum algo_id; ALGO_NONE: without). */
void v2_child_proposals(struct wr *w, const struct ike_entry *e, uint32_t spi, uint16_t group);
void v2_choose_child(const struct ike_entry *e, const struct ike_payload *sa, bool pfs, struct v2_choice *out);
enum algo_id v2_group(uint16_t number);
/* A public value of that group and of its length, NULL: there is none. */
const uint8_t *v2_public_value_of(const struct ike_message *m, enum algo_id group);

/* ---- init.c, auth.c: the initial exchanges ---- */

/* What was made of an answer to IKE_SA_INIT. */
struct v2_made {
    uint64_t spi_r;
    struct ike_keys *keys; /* NULL: it has not been followed */
    struct ike_suite suite;
    struct v2_choice choice;
    uint8_t nr[NONCE_MAX];
    uint16_t nr_len, peer_hashes, local_port, remote_port;
    bool nat_local, nat_remote, floated, fragments;
    uint32_t child_spi; /* in the request */
    uint8_t *request;   /* IKE_AUTH, as it was sent */
    uint32_t request_len;
    void *parts; /* fragments of what answers it */
};
/* One that is not followed now. */
struct v2_answer {
    uint8_t *p; /* as it came */
    size_t n;
    struct ip_addr to; /* our address that it came to: where ours was not known, another one each time perhaps */
    bool is_refused;   /* by one that has proved nothing, or we have refused it: not again */
    struct v2_made made;
};

#define V2_ANSWERS_MAX 6
struct v2_initial {
    uint8_t *i_msg, *r_msg; /* the two messages of IKE_SA_INIT, as sent */
    size_t i_len, r_len;
    uint8_t ni[NONCE_MAX], nr[NONCE_MAX];
    uint16_t ni_len, nr_len;
    struct ike_dh *dh;
    uint16_t group;
    unsigned tries; /* INVALID_KE_PAYLOAD and COOKIE answers since the request was sent by itself */
    struct ike *ike;
    const struct ike_policy *offered; /* the one that the request was made by, held; NULL: the one in force */
    struct v2_choice choice;
    uint16_t peer_hashes;     /* RFC 7427: bit n: the peer takes hash n of SIGNATURE_HASH_ALGORITHMS in signatures */
    struct v2_answer *others; /* answers.c: room for V2_ANSWERS_MAX and one more, while two change places; NULL: none */
    unsigned n_others;
    unsigned n_secrets;  /* made for answers, beyond the first */
    uint32_t child_spi;  /* the same with every answer: some of them have the same keys, and the peer takes the first */
    bool is_refused;     /* as in an answer, of the one that is followed */
    uint8_t tries_spent; /* of IKE_AUTH, with other answers */
    uint16_t local_port, remote_port; /* where the request was sent */
    bool local_unknown; /* our own address was not known when the request went: as if we were behind NAT (§2.23) */
};
void v2_start(struct ike *ike, struct ike_sa *sa);
/* Answers a request with a notify and keeps nothing. */
void v2_refuse(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const struct ike_header *q,
               uint16_t type, const void *data, size_t n);
/* A request outside any SA: refused, asked for a cookie, or the beginning of one. */
void v2_init_request(struct ike *ike, const struct ike_end *local, const struct ike_end *remote,
                     const struct ike_message *m);
void v2_init_first(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_init_again(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_init_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* Was our own address unknown when the request went? Then it is the one that the answer comes to. */
bool v2_has_no_address(const struct ike_sa *sa) MUST_CHECK;
void v2_init_other(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* Can an answer that is whole be followed, by the group and the proposals of now? */
bool v2_init_fits(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n) MUST_CHECK;
/* The request once more, while IKE_AUTH is not answered: whoever answered may not have been the peer. */
void v2_init_ask_again(struct ike *ike, const struct ike_sa *sa);
/* What the answer that is followed says of NAT, fragments and hashes, as it is another one than before. */
void v2_init_look_again(struct ike *ike, struct ike_sa *sa);
/* Follows an answer that is whole and has been looked at. False: out of memory. */
bool v2_init_follow(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n) MUST_CHECK;

/* ---- answers.c ---- */

/* Another policy than `from`: nothing points into that any more; what was offered by it holds on (§2.7). */
void v2_initial_move(struct ike_sa *sa, const struct ike_policy *from);
/* Keeps one more answer, while another one is followed. */
void v2_answer_keep(const struct ike_sa *sa, const uint8_t *p, size_t n, const struct ip_addr *to);
void v2_answer_free(struct v2_answer *a);
/* The bytes of the one that is followed and of that other one change places, if both have one SPI; for checking a
 * proof. False: they have not. */
bool v2_answer_exchange(struct v2_initial *x, unsigned i) MUST_CHECK;
/* Nobody authentic answers IKE_AUTH: another answer is followed, or taken up again. False: there is none. */
bool v2_other_answer(struct ike *ike, struct ike_sa *sa) MUST_CHECK;
/* Is there an answer that nobody has followed yet? */
bool v2_has_untried(const struct v2_initial *x) MUST_CHECK;
/* Something comes by the SPI of one that waits: that one is taken up. False: it is of none. */
bool v2_answered_by(struct ike *ike, struct ike_sa *sa, uint64_t spi_r) MUST_CHECK;
/* The one that is followed refuses, is refused, or says what nothing can be done with: it has proved nothing, and ends
 * nothing. Another one is followed, or waited for a moment. */
void v2_wait_for_another(struct ike *ike, struct ike_sa *sa);

/* ---- auth.c ---- */

void v2_auth_start(struct ike *ike, struct ike_sa *sa);
void v2_auth_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_auth_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_established(struct ike *ike, struct ike_sa *sa);
/* CERTREQ payloads for all trustpoints. */
void v2_cert_requests(const struct ike *ike, struct ike_chain *c);
/* The negotiation has failed: says so, forgets the SA. `e` EV_REFUSED. */
void v2_fail(struct ike *ike, struct ike_sa *sa, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The entry's next peer, or the first one again later. */
void v2_give_up(struct ike *ike, struct ike_sa *sa, const char *why);

/* ---- child.c ---- */

/* What one end brings into the making of a child. */
struct v2_child_try {
    const struct ike_entry *entry;
    const struct ike_line *line;
    struct v2_choice choice;
    uint32_t spi_in, spi_out;
    bool transport, initiator;
    struct ike_ts local, remote;
    struct ike_child *old; /* whose place it takes */
    bool more;             /* the peer may ask for other selectors in a child of their own */
};

/* A request of the peer's that waits for a shared secret. What was decided is kept, not the message: policies may be
 * replaced meanwhile, and the child it is about may go. */
struct v2_pending {
    uint32_t id;
    bool is_ike;      /* of the IKE SA, else of a child */
    bool is_dropped;  /* another policy has no place for it */
    uint32_t old_spi; /* of the child that it rekeys, the peer's; 0: it is a new one */
    struct v2_child_try child;
    struct v2_choice ike;
    uint8_t ni[NONCE_MAX];
    uint16_t ni_len;
};
/* Writes SA, [KE,] TSi and TSr of a request; the notify for transport mode comes first. */
void v2_child_offer(struct ike *ike, struct ike_sa *sa, struct v2_out *o, const struct ike_task *t, uint32_t spi,
                    uint16_t group);
void v2_child_ts_write(struct v2_out *o, const struct v2_child_try *t);
/* A responder finds the entry and line that the selectors fit. Returns 0 or the error notify to send; `why` in words.
 */
uint16_t v2_child_accept(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, bool pfs,
                         const struct ike_child *rekeyed, struct v2_child_try *out, char why[static 256]);
/* The initiator looks at what it got. */
uint16_t v2_child_answer(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_task *t,
                         bool pfs, struct v2_child_try *out, char why[static 256]);
/* Derives keys (§2.17) and installs. NULL if the kernel refuses. */
struct ike_child *v2_child_install(struct ike *ike, struct ike_sa *sa, const struct v2_child_try *t, struct ike_iov ni,
                                   struct ike_iov nr, struct ike_iov shared);
void v2_child_up(struct ike *ike, struct ike_child *c, bool rekeyed);
/* The child that is being made comes to nothing; what the peer makes of it is taken back. */
void v2_create_drop(struct ike *ike, struct ike_sa *sa);
/* Both have rekeyed the IKE SA, and the peer's successor is to have what is left, whatever becomes of ours: children,
 * tasks, its part in an authentication anew. */
void v2_leave_to_peers(struct ike *ike, struct ike_sa *sa);
/* The peer goes by its successor `sa` before it deletes the one that it has replaced: it has decided for it. */
void v2_peers_is_used(struct ike *ike, const struct ike_sa *sa);
/* What is under way for an entry that the policy in force does not give this peer comes to nothing. */
void v2_create_judge(struct ike *ike, struct ike_sa *sa);
/* Of an exchange under way: what it is about, in another policy. */
bool v2_create_move(struct ike *ike, struct ike_sa *sa, const struct ike_moves *m) MUST_CHECK;
bool v2_may_transport(const struct ike_sa *sa, const struct ike_ts *local, const struct ike_ts *remote) MUST_CHECK;

/* ---- create.c ---- */

void v2_create_start(struct ike *ike, struct ike_sa *sa);
void v2_create_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* The peer deletes a child that we do not have (its SPI): it may be one that we are making, whose answer is late. */
void v2_create_deleted(struct ike_sa *sa, uint32_t spi);
/* The peer deletes the child that we rekey, having rekeyed it itself: its own holds. */
void v2_create_overtaken(struct ike_sa *sa, const struct ike_child *c);
/* RFC 7296 §1.3.1: an answer that is refused leaves a child at the peer, which is deleted by the SPI that we offered.
 * Without one in the answer nothing happens. */
void v2_child_take_back(struct ike_sa *sa, const struct ike_message *m, uint32_t spi);
void v2_create_too_late(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_create_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);

/* The lower of two nonces, in room of NONCE_MAX bytes that is malloced (§2.8.1). */
uint8_t *v2_low_nonce(struct ike_iov a, struct ike_iov b);

/* ---- info.c ---- */

void v2_info_start(struct ike *ike, struct ike_sa *sa);
/* Does it delete a child whose place only now another one takes? Then it is heard a moment later
 * (ike_is_just_replaced()). */
bool v2_deletes_too_soon(struct ike *ike, struct ike_sa *sa, const struct ike_message *m) MUST_CHECK;
void v2_info_request(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v2_info_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* The answer to a request that nobody waits for any more: what waits behind it, begins. */
void v2_late_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* Another IKE SA takes this one's place, its peer authenticated anew; both stand meanwhile. */
void v2_reauthenticate(struct ike *ike, struct ike_sa *sa);
/* What the rows of time do (states.c). */
void v2_retransmit_init(struct ike *ike, struct ike_sa *sa);
void v2_retransmit_auth(struct ike *ike, struct ike_sa *sa);
void v2_retransmit(struct ike *ike, struct ike_sa *sa);
void v2_half_open_over(struct ike *ike, struct ike_sa *sa);
void v2_overdue(struct ike *ike, struct ike_sa *sa);
void v2_never_told(struct ike *ike, struct ike_sa *sa);
void v2_lifetime_over(struct ike *ike, struct ike_sa *sa);
void v2_outdated(struct ike *ike, struct ike_sa *sa);
void v2_proof_over(struct ike *ike, struct ike_sa *sa);
void v2_proof_over_early(struct ike *ike, struct ike_sa *sa);
void v2_rekey(struct ike *ike, struct ike_sa *sa);
void v2_keepalive(struct ike *ike, struct ike_sa *sa);
void v2_ask(struct ike *ike, struct ike_sa *sa);
/* The same, where something new has come from elsewhere: an open request is repeated there, and its tries begin anew.
 */
void v2_ask_anew(struct ike *ike, struct ike_sa *sa);
/* The same, behind the request whose answer has just come. */
void v2_ask_behind(struct ike *ike, struct ike_sa *sa);
void v2_liveness(struct ike *ike, struct ike_sa *sa);
void v2_tick(struct ike *ike, struct ike_sa *sa);
void v2_next(struct ike *ike, struct ike_sa *sa);

#endif
