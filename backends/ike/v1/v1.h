/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv1, RFC 2409 with RFC 2407, 2408, 3706, 3947. Internal to this folder but for ike_v1. */
#ifndef IOSCC_IKE_V1_H
#define IOSCC_IKE_V1_H

#include "backends/ike/engine/proof.h"
#include "compiler/base/must.h"

extern const struct ike_version ike_v1;

#define NONCE1_LEN 20
#define NONCE1_MAX 256

enum v1_quick_state {
    QUICK_BEGUN,    /* nothing has been sent */
    QUICK_ASKED,    /* initiator: the offer is on its way */
    QUICK_ANSWERED, /* responder: waits for the third message */
    QUICK_FINISHED  /* initiator: has the answer; kept in case that the third message is lost */
};

/* A quick mode under way; several may be, each with its message id. */
struct v1_quick {
    struct v1_quick *next;
    uint32_t mid;
    bool initiator;
    uint8_t state;  /* enum v1_quick_state */
    uint8_t iv[16]; /* the next message's */
    uint8_t ni[NONCE1_MAX], nr[NONCE1_MAX];
    uint16_t ni_len, nr_len;
    struct ike_dh *dh;
    uint16_t group;
    uint8_t *shared; /* g(qm)^xy */
    size_t shared_len;
    bool computing;       /* it waits for the SA's job */
    uint64_t began_at;    /* ms: its first message went out, or came in */
    struct ike_task task; /* an initiator's */
    uint32_t spi_in, spi_out, ah_in, ah_out;
    const struct ike_entry *entry;
    const struct ike_line *line;
    const struct ike_transform_set *set;
    struct ike_ts local, remote;
    bool transport, announce_life;
    bool peer_sees_nat; /* it offers UDP encapsulation, on the port of NAT traversal */
    uint32_t life_s, life_kb;
    uint8_t chosen[256]; /* body of the SA payload that answers */
    uint16_t chosen_len;
    uint8_t *out; /* our last message */
    uint32_t out_len;
    struct ike_ends heard_from; /* where that came from; port 0: nothing has come yet */
    uint8_t in_digest[32];      /* of the last message that was worked off */
    unsigned tries;
    uint64_t again_at;
};

#define V1_INFO_MIDS 64
#define V1_GONE 8

/* What stays of phase 1. */
struct ike1 {
    uint8_t skeyid[IKE_HASH_MAX], d[IKE_HASH_MAX], a[IKE_HASH_MAX], e[IKE_HASH_MAX];
    uint8_t key[IKE_KEY_MAX]; /* of the cipher */
    uint8_t iv[16];           /* phase 1: the next; afterwards the last block of phase 1 */
    struct v1_quick *quicks;
    struct v1_quick *heard; /* that the message which is worked off is of */
    bool peer_dpd, peer_natt;
    uint32_t dpd_seq; /* of our R-U-THERE */
    unsigned dpd_missed;
    bool is_confirmed;                 /* something has come under it: the peer has it too */
    const struct ike_ends *heard_from; /* the informational message that is worked off */
    uint64_t heard_at;                 /* ms: the last informational message that shows that the peer hears us */
    bool was_dead;                     /* an orphan that waits for another one to be confirmed, and ends with it */
    bool is_extended;                  /* beyond its lifetime, for a successor; once */
    bool dpd_at_once;                  /* whatever is configured, and whatever has come */
    bool asks_in_doubt;         /* what is asked now is where it is, not whether it lives: no answer ends nothing */
    uint32_t dpd_seq_in;        /* the highest of the peer's; RFC 3706 §5.4: they rise */
    struct ike_ends asked_from; /* the last R-U-THERE that was answered: where it came from ... */
    uint64_t asked_at;          /* ... and when, ms */
    bool dpd_seq_in_known;
    /* Message ids are used once (RFC 2409 §5.5): those of quick modes for the SA's life, of informational ones the last
     */
    struct v1_mids {
        uint32_t *v; /* open addressing, 0: free */
        uint32_t n, cap;
    } mids;
    uint32_t info_mids[V1_INFO_MIDS];
    unsigned info_at;
    uint32_t gone[V1_GONE]; /* SPIs that the peer has deleted and we do not have: of an answer that is late perhaps */
    unsigned gone_at;
    uint32_t complaints; /* about what is not authentic: a few only */
    bool gave_hash;      /* aggressive mode: who has called was sent a hash by the key, and has shown nothing yet */
    /* phase 1 only; freed when it is over */
    uint8_t *sa_i; /* body of the initiator's SA payload */
    size_t sa_i_len;
    uint8_t *ke_i, *ke_r;
    uint8_t ni[NONCE1_MAX], nr[NONCE1_MAX];
    uint16_t ni_len, nr_len;
    struct ike_dh *dh;
    enum algo_id own_group; /* of dh, where we begin */
    uint8_t *id_i;          /* body of the initiator's ID payload (aggressive mode) */
    size_t id_i_len;
    uint8_t last_in[32];     /* digest of the last message that moved us on */
    uint8_t followed[2][32]; /* ... of main mode's clear ones: the peer's choice, its public value */
    bool is_spare;           /* candidates.c: it waits for a third message, whoever else has sent one */
    bool is_fresh; /* candidates.c: it was made for another message than what is followed, and has said nothing yet */
    struct v1_waiting *waiting; /* what came while a secret was computed */
    unsigned n_waiting;
    /* Initiator: our first message and our second; who has answered them may not have been the peer. */
    struct v1_said {
        uint8_t *p;
        size_t n;
    } said[2];
    uint8_t *out;
    uint32_t out_len;
    struct ike1_transform chosen;
    uint8_t proposal_number;
    /* aggressive mode, initiator */
    const struct ike_aggressive_peer *aggressive_peer; /* NULL: as for anybody */
    const struct ike_v1_policy *only_like;             /* the offer is of its group and method */
    uint8_t *answer;                                   /* the peer's message, until the secret is there */
    size_t answer_len;
    uint32_t key_id;                /* of the pre-shared key that SKEYID was made with, 0: signatures */
    struct v1_fragments *fragments; /* of a message that is still incomplete */
    uint8_t fragment_id;            /* of the last we have sent */
};

/* ---- protect.c ---- */

/* HASH payloads, §5.5 and §5.7: prf(SKEYID_a, pieces). */
bool v1_hash(struct ike *ike, const struct ike_sa *sa, const struct ike_iov *v, unsigned n, uint8_t *out) MUST_CHECK;
#ifdef IOSCC_FUZZ /* tests/fuzz/fuzz_ike.c damages what is about to be encrypted */
void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room);
#endif
/* Encrypts a chain that begins behind the header in w; `iv` becomes the last block. */
bool v1_encrypt(struct ike *ike, const struct ike_sa *sa, struct wr *w, uint8_t iv[static 16]) MUST_CHECK;
/* Decrypts into ike->plain; `iv` becomes the last block. Returns the length, 0 if it is not whole blocks. */
size_t v1_decrypt(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n, uint8_t iv[static 16]);
/* Is the first block of an encrypted message the head of a payload? Another key makes one of it once in some hundreds.
 * Asked before all of it is decrypted: what costs a forger one datagram may be for each of several that have begun. */
bool v1_may_be_ours(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n,
                    const uint8_t iv[static 16]) MUST_CHECK;
/* First IV of a message id. */
bool v1_iv(struct ike *ike, const struct ike_sa *sa, uint32_t mid, uint8_t iv[static 16]) MUST_CHECK;
size_t v1_block(const struct ike_sa *sa);
/* SKEYID and what comes of it, from a pre-shared key (§5.4); NULL: with signatures (§5.1). */
bool v1_keys(struct ike *ike, struct ike_sa *sa, const uint8_t *shared, const struct ike_key_owner *psk) MUST_CHECK;
bool v1_digest(struct ike *ike, const uint8_t *p, size_t n, uint8_t out[static 32]) MUST_CHECK;
/* By what a message of phase 1 is known again: its bytes; for who answers also where it comes from, as the same bytes
 * from elsewhere may be somebody else's copy, and an answer goes to one place. */
bool v1_heard_digest(struct ike *ike, bool by_place, const struct ike_end *local, const struct ike_end *remote,
                     struct ike_iov whole, uint8_t out[static 32]) MUST_CHECK;
/* A message id is new to the SA, and known from now on. False: it was used before, or there is no memory. */
bool v1_mid_take(struct ike_sa *sa, uint32_t mid) MUST_CHECK;
bool v1_info_mid_take(struct ike_sa *sa, uint32_t mid) MUST_CHECK;

/* ---- main.c ---- */
void v1_start(struct ike *ike, struct ike_sa *sa);
/* False: it is neither what is waited for nor anything that was heard before; another candidate may know it. */
bool v1_main(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
             const uint8_t *p, size_t n, struct ike_header h) MUST_CHECK;
void v1_main_start(struct ike *ike, struct ike_sa *sa);
void v1_main_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_main_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_main_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_main_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
bool v1_main_5(struct ike *ike, struct ike_sa *sa, const struct ike_message *m) MUST_CHECK;
bool v1_main_6(struct ike *ike, struct ike_sa *sa, const struct ike_message *m) MUST_CHECK;
/* Our last message once more. */
void v1_say_again(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);

/* ---- candidates.c ---- */

/* Negotiations, and SAs that stand, under one cookie of ours, the oldest first. By number: any of them may be freed
 * while another is at work. */
#define V1_CANDIDATES 16
struct v1_candidates {
    uint64_t spi, id[V1_CANDIDATES];
    unsigned n;
};
struct v1_candidates v1_candidates_of(const struct ike *ike, const struct ike_sa *sa);

/* A message of main mode with that cookie of ours, to each negotiation that it may be of; one that is of none begins
 * another beside them. */
void v1_main_to_all(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                    struct ike_iov whole, struct ike_header h);
/* Has the same proof been heard by another one, whose SA stands? */
bool v1_stands_already(struct ike *ike, const struct ike_sa *sa) MUST_CHECK;
/* Is there another negotiation under the same cookie of ours? */
bool v1_has_rival(const struct ike *ike, const struct ike_sa *sa) MUST_CHECK;
/* The SA has proved the peer. Who has begun is done: the others end, and what they were to do is left to it. Who
 * answers has heard one that may prove himself; those of other keys are somebody else's, and have their time. */
void v1_rivals_over(struct ike *ike, struct ike_sa *sa);
/* It is being freed: what it was to do is left to another, if there is one. */
void v1_candidate_gone(struct ike *ike, struct ike_sa *sa);
void v1_other_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_other_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_other_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* Aggressive mode: an answer that comes while a secret is computed for another waits until that is done. */
void v1_wait_or_drop(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     struct ike_iov whole);
/* Our half of an exchange with certificates: any other peer may prove himself first, so one negotiation without a third
 * message stays beside the one that has it. */
void v1_spare(struct ike *ike, struct ike_sa *sa);
/* What came while a secret was computed, now that it is. */
void v1_waiting_heard(struct ike *ike, uint64_t spi);
void v1_waiting_free(struct ike1 *v);

/* ---- phase1.c ---- */
void v1_phase1_free(struct ike_sa *sa);
void v1_give_up(struct ike *ike, struct ike_sa *sa);

/* What main and aggressive mode share. */
void v1_begin(struct ike *ike, const struct ike_sa *sa, struct wr *w, struct ike_chain *c, uint8_t exchange);
/* Closes, encrypts if asked to, keeps a copy for retransmission and sends. */
bool v1_finish(struct ike *ike, struct ike_sa *sa, struct wr *w, bool encrypted) MUST_CHECK;
/* The message that is in `out` is said, and followed by another one. */
void v1_said_keep(struct ike1 *v, unsigned which);
/* A copy in place of what *to was. */
bool v1_keep(uint8_t **to, size_t *len, const uint8_t *p, size_t n) MUST_CHECK;
void v1_vendor_ids(const struct ike *ike, struct ike_chain *c);
void v1_vendors_read(const struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_nat_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c);
void v1_nat_read(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* Does the peer say by NAT-D that it is there itself, with no NAT before it? */
bool v1_nat_says(struct ike *ike, const struct ike_sa *sa, const struct ike_message *m,
                 const struct ike_end *peer) MUST_CHECK;
bool v1_by_signature(const struct ike_sa *sa) MUST_CHECK;
void v1_certreq_write(struct ike *ike, const struct ike_sa *sa, struct ike_chain *c);
/* Our identity; returns where its body begins. */
size_t v1_id_write(const struct ike *ike, const struct ike_sa *sa, struct ike_chain *c);
/* HASH, or CERT and SIG, over the body of our ID payload. */
void v1_proof_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c, struct ike_iov id);
void v1_id_proof_write(struct ike *ike, struct ike_sa *sa, struct ike_chain *c);
/* Whom the key is for; `id`: the identity that the peer claims, NULL: none yet. It holds as long as `id` does. False:
 * the policy has no key for it. */
bool v1_key_owner(const struct ike *ike, const struct ike_sa *sa, const struct ike_id *id,
                  struct ike_key_owner *out) MUST_CHECK;
void v1_refuse(struct ike *ike, struct ike_sa *sa, const char *why);
/* Said a few times only, returns false. Nothing ends by it: the real message may still come. */
bool v1_not_proved(struct ike *ike, struct ike_sa *sa, const char *why) MUST_CHECK;
/* The same where it is known who it says to be; id->p NULL: it says nothing that can be read. */
bool v1_identity_refused(struct ike *ike, struct ike_sa *sa, const struct ike_id *id, const char *why) MUST_CHECK;
void v1_established(struct ike *ike, struct ike_sa *sa);
/* Something authentic has come under the ISAKMP SA: the peer has it too. IPsec SAs without one go over to it. */
void v1_confirmed(struct ike *ike, struct ike_sa *sa);
const char *v1_check_peer(struct ike *ike, struct ike_sa *sa, const struct ike_payload *idp, struct ike_id *id,
                          const struct ike_message *m);
/* There is no other SA with the peer: the caller knows. */
void v1_initial_contact_write(const struct ike_sa *sa, struct ike_chain *c);
/* An initiator's key, from the job that has made it, and nonce. */
bool v1_own_half(struct ike *ike, struct ike_sa *sa, struct ike_job *j) MUST_CHECK;
/* KE and nonce of the peer's. */
bool v1_take_ke(struct ike_sa *sa, const struct ike_message *m, bool initiators) MUST_CHECK;
bool v1_initial_contact(const struct ike_message *m) MUST_CHECK;

/* ---- aggressive.c ---- */
bool v1_aggressive_wanted(const struct ike *ike, struct ike_sa *sa) MUST_CHECK;
void v1_aggressive_start(struct ike *ike, struct ike_sa *sa);
void v1_aggressive_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_aggressive_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
bool v1_aggressive_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m) MUST_CHECK;

/* ---- fragment.c ---- */
/* As ike_send_raw(), in pieces where the peer takes them and the datagram is too long. */
void v1_send(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n);
void v1_fragments_free(struct v1_fragments *f);
/* Messages that a piece which has come makes whole: none, one, or where somebody forges pieces several, of which one
 * may be genuine. Free them with v1_wholes_free(). */
struct v1_wholes {
    struct ike_iov v[32];
    unsigned n;
};
void v1_fragment(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, struct v1_wholes *out);
void v1_wholes_free(struct v1_wholes *w);

/* ---- choose.c ---- */
/* Can that policy be negotiated by who has a key of that kind (IKE_KEY_OTHER: none) in his certificate? */
bool v1_policy_speakable(const struct ike_v1_policy *p, enum ike_key_kind own) MUST_CHECK;
/* The first of our policies that can be offered to that peer. */
const struct ike_v1_policy *v1_first_policy(const struct ike *ike, const struct ike_sa *sa);
void v1_offer(struct wr *w, const struct ike *ike, const struct ike_sa *sa);
/* The peer's offer against our policies, by number. False with `why` if none fits. */
bool v1_choose(const struct ike *ike, const struct ike_payload *pl, struct ike_sa *sa, struct ike1_transform *out,
               uint8_t *proposal, char why[static 256]) MUST_CHECK;
void v1_quick_offer(struct wr *w, const struct ike_sa *sa, const struct v1_quick *q);
/* Our entry's sets against an offer (`ours`: our own offer comes back). Sets q->set, spi_out, mode, lifetimes. */
bool v1_quick_choose(const struct ike_sa *sa, const struct ike_payload *pl, struct v1_quick *q, bool ours,
                     char why[static 256]) MUST_CHECK;

/* ---- child.c ---- */
/* The SAs of a quick mode: a responder's (`late`) receive as soon as it has chosen, and send when the third message has
 * come. NULL if the kernel refuses. */
struct ike_child *v1_child_make(struct ike *ike, struct ike_sa *sa, const struct v1_quick *q, bool late);
/* Now it sends, and takes the place of an older one. */
void v1_child_up(struct ike *ike, struct ike_sa *sa, struct ike_child *c);
/* The peer deletes `gone`, under `sa`. Where each end had begun one, and we had let the other one go, that one stays:
 * the two ends did not see them cross in the same order. `gone` is still there. */
void v1_child_keep(struct ike *ike, struct ike_sa *sa, const struct ike_child *gone);
/* The half SA of a responder whose third message has not come; NULL. */
struct ike_child *v1_child_half(struct ike_sa *sa, const struct v1_quick *q);

/* ---- quick.c ---- */
/* Has it asked, and is not answered yet? */
bool v1_quick_waits(const struct v1_quick *q) MUST_CHECK;
/* Is it done, and kept for its last message, which may be lost? */
bool v1_quick_is_kept(const struct v1_quick *q) MUST_CHECK;
/* The peer deletes `old`: perhaps it has the successor, whose quick mode waits for its third message, which was lost.
 * NULL: there is none. */
struct v1_quick *v1_quick_implied(struct ike_sa *sa, const struct ike_child *old);
void v1_next(struct ike *ike, struct ike_sa *sa);
/* `from`: where it came to and from. */
void v1_quick(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, struct ike_iov whole,
              struct ike_header h);
void v1_quick_start(struct ike *ike, struct ike_sa *sa);
void v1_quick_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_quick_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_quick_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_task_delete_ike(struct ike *ike, struct ike_sa *sa);
void v1_task_delete_child(struct ike *ike, struct ike_sa *sa);
void v1_quick_free(struct ike_sa *sa, struct v1_quick *q);

/* ---- quick_time.c ---- */
/* The earliest of all retransmissions. */
void v1_quick_arm(struct ike *ike, struct ike_sa *sa);
/* Our last message once more, at once. */
void v1_quick_urge(struct ike *ike, struct ike_sa *sa, struct v1_quick *q);
void v1_quick_tick(struct ike *ike, struct ike_sa *sa);

/* ---- liveness.c ---- */
/* All that stands is rekeyed within seconds. */
void v1_rekey_all(struct ike *ike, struct ike_sa *sa);
/* Is there another one with the same peer of which nothing shows as yet that the peer has it, and which could take over
 * what this one has? */
bool v1_has_unconfirmed(struct ike *ike, const struct ike_sa *sa) MUST_CHECK;
void v1_liveness(struct ike *ike, struct ike_sa *sa);
/* Whether it lives is asked at once. */
/* Asks whether it lives, of our own accord: it ends of that only where we can call its peer, or dead peer detection is
 * configured (RFC 3706 §5; SAs are simplex, RFC 4301 §4.1). */
void v1_wonder(struct ike *ike, struct ike_sa *sa);
bool v1_may_call(const struct ike_entry *e) MUST_CHECK;
/* The peer refuses another one in its place: it lives on to its lifetime. */
void v1_child_goes_on(struct ike *ike, struct ike_child *c);
void v1_ask(struct ike *ike, struct ike_sa *sa);
/* Where an authentic message came from: a peer that can be asked is asked where it is, another one is followed at once
 * (engine/whereabouts.c); `mid`: of that message. */
void v1_heard_from(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, uint32_t mid);
/* The same message once more. */
void v1_heard_again_from(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, uint32_t mid);

/* ---- info.c ---- */
/* To where the peer may be. */
void v1_notify_to(struct ike *ike, struct ike_sa *sa, const struct ike_ends *to, uint16_t type, const uint8_t *seq);
void v1_info(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, struct ike_iov whole,
             struct ike_header h);
void v1_informed(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
void v1_unproved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
/* What the rows of time do (states.c). */
void v1_retransmit(struct ike *ike, struct ike_sa *sa);
void v1_say_unproved(struct ike *ike, const struct ike_sa *sa);
void v1_half_open_over(struct ike *ike, struct ike_sa *sa);
void v1_overdue(struct ike *ike, struct ike_sa *sa);
void v1_phase1_again(struct ike *ike, struct ike_sa *sa);
void v1_lifetime_over(struct ike *ike, struct ike_sa *sa);
void v1_outdated(struct ike *ike, struct ike_sa *sa);
void v1_proof_over(struct ike *ike, struct ike_sa *sa);
void v1_orphans_proof_over(struct ike *ike, struct ike_sa *sa);
void v1_proof_over_early(struct ike *ike, struct ike_sa *sa);
void v1_keepalive(struct ike *ike, struct ike_sa *sa);
/* `spi`: of what it is about, of protocols other than ISAKMP. */
void v1_notify(struct ike *ike, struct ike_sa *sa, uint8_t protocol, uint32_t spi, uint16_t type, const void *data,
               size_t n);
void v1_delete(struct ike *ike, struct ike_sa *sa, uint8_t protocol, const void *spis, size_t spi_len, unsigned n);
/* The ISAKMP SA itself; nobody answers. */
void v1_delete_self(struct ike *ike, struct ike_sa *sa);
void v1_delete_child(struct ike *ike, struct ike_sa *sa, struct ike_child *c);
/* It and all of its IPsec SAs in one message, so that none is left where that comes alone, or before all others. */
void v1_delete_all(struct ike *ike, struct ike_sa *sa);
void v1_tick(struct ike *ike, struct ike_sa *sa);
/* Another SA with the same authenticated peer that lives on; NULL. */
struct ike_sa *v1_other(struct ike *ike, const struct ike_sa *sa);
/* The ISAKMP SA is gone; its IPsec SAs live on until their own end, or until the peer is back. Frees it if there are
 * none. */
void v1_orphan(struct ike *ike, struct ike_sa *sa);
/* IPsec SAs live on under another ISAKMP SA with the same peer; `to` NULL: nothing happens. */
void v1_hand_over(struct ike *ike, struct ike_sa *from, struct ike_sa *to);

#endif
