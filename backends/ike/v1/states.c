/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv1 as transitions (RFC 2409 §5):
 *
 *   initiator                                          responder
 *   NEW     HDR, SA  -->                               NEW
 *   MAIN_1                  <--  HDR, SA               MAIN_1
 *           HDR, KE, Ni  -->
 *   MAIN_2                  <--  HDR, KE, Nr           MAIN_2
 *           HDR*, IDii, HASH_I or SIG_I  -->
 *   MAIN_3          <--  HDR*, IDir, HASH_R or SIG_R   ESTABLISHED
 *   ESTABLISHED
 *
 *   NEW     HDR, SA, KE, Ni, IDii  -->                 NEW
 *   AGGRESSIVE_1    <--  HDR, SA, KE, Nr, IDir, HASH_R AGGRESSIVE_1
 *           HDR*, HASH_I  -->
 *   ESTABLISHED                                        ESTABLISHED
 *
 * Quick modes are many in one SA; each has a state of its own (enum v1_quick_state).
 */
#include "backends/ike/v1/v1.h"

#define IN(s) IKE_IN(IKE_##s)
#define PART(s) IKE_IN(QUICK_##s)
#define TASK(k) IKE_TASK(TASK_##k)
#define P(payload) IKE_PAYLOAD(PL1_##payload)
#define MAIN (IN(MAIN_1) | IN(MAIN_2) | IN(MAIN_3))
#define SPEAKING (IN(ESTABLISHED) | IN(REPLACED))
#define GOES_ON (SPEAKING | IN(ORPHANED) | IN(DEAD))
#define CERTIFIED (P(CERT) | P(CERTREQ) | P(SIG) | P(HASH))
#define DUE(field) .on = IKE_ON_TIME, .deadline = offsetof(struct ike_sa, field)
#define WE .initiator = true
#define CLEAR .in_clear = true

static const struct ike_transition rows[] = {
    {X1_MAIN, IKE_ON_TASK, WE, .in = IN(NEW), .next = IN(MAIN_1) | IN(DEAD), .begin = v1_main_start,
     .says = "offers isakmp policies"},
    {X1_MAIN, IKE_ON_FIRST, CLEAR, .in = IN(NEW), .needs = P(SA), .may = P(NOTIFY) | P(CERTREQ),
     .next = IN(MAIN_1) | IN(DEAD), .heard = v1_main_1, .says = "chooses a policy"},
    {X1_MAIN, IKE_ON_RESPONSE, WE, CLEAR, .in = IN(MAIN_1), .needs = P(SA), .may = P(NOTIFY) | P(CERTREQ),
     .next = IN(MAIN_1) | IN(MAIN_2) | IN(DEAD), .heard = v1_main_2, .says = "makes a public value"},
    {X1_MAIN, IKE_ON_REQUEST, CLEAR, .in = IN(MAIN_1), .needs = P(KE) | P(NONCE),
     .may = P(NOTIFY) | P(CERTREQ) | P(CERT) | P(HASH) | P(NAT_D), .next = IN(MAIN_1) | IN(MAIN_2) | IN(DEAD),
     .heard = v1_main_3, .says = "makes the secret"},
    {X1_MAIN, IKE_ON_RESPONSE, WE, CLEAR, .in = IN(MAIN_2), .needs = P(KE) | P(NONCE),
     .may = P(NOTIFY) | P(CERTREQ) | P(CERT) | P(NAT_D), .next = IN(MAIN_2) | IN(MAIN_3) | IN(DEAD), .heard = v1_main_4,
     .says = "makes the secret, proves itself"},
    {X1_MAIN, IKE_ON_REQUEST, .in = IN(MAIN_2), .needs = P(ID), .may = P(NOTIFY) | P(DELETE) | CERTIFIED,
     .next = IN(MAIN_2) | IN(ESTABLISHED) | IN(DEAD), .proves = v1_main_5,
     .says = "finds profile and proof, proves itself"},
    {X1_MAIN, IKE_ON_RESPONSE, WE, .in = IN(MAIN_3), .needs = P(ID), .may = P(NOTIFY) | P(DELETE) | CERTIFIED,
     .next = IN(MAIN_3) | GOES_ON, .proves = v1_main_6, .says = "looks at identity and proof"},
    {X1_MAIN, IKE_ON_OTHER, WE, CLEAR, .in = IN(MAIN_2) | IN(MAIN_3), .needs = P(SA), .may = P(NOTIFY) | P(CERTREQ),
     .next = IN(MAIN_2) | IN(MAIN_3) | IN(DEAD), .heard = v1_other_2,
     .says = "another negotiation beside this one follows it"},
    {X1_MAIN, IKE_ON_OTHER, CLEAR, .in = IN(MAIN_2), .needs = P(KE) | P(NONCE),
     .may = P(NOTIFY) | P(CERTREQ) | P(CERT) | P(HASH) | P(NAT_D), .next = IN(MAIN_2) | IN(DEAD), .heard = v1_other_3,
     .says = "another negotiation beside this one follows it"},
    {X1_MAIN, IKE_ON_OTHER, WE, CLEAR, .in = IN(MAIN_3), .needs = P(KE) | P(NONCE),
     .may = P(NOTIFY) | P(CERTREQ) | P(CERT) | P(NAT_D), .next = IN(MAIN_3) | IN(DEAD), .heard = v1_other_4,
     .says = "another negotiation beside this one follows it"},

    {X1_AGGRESSIVE, IKE_ON_TASK, WE, .in = IN(NEW), .next = IN(NEW) | IN(AGGRESSIVE_1) | IN(DEAD),
     .begin = v1_aggressive_start, .says = "offers policies of one group, with its public value and identity"},
    {X1_AGGRESSIVE, IKE_ON_FIRST, CLEAR, .in = IN(NEW), .needs = P(SA) | P(KE) | P(NONCE) | P(ID),
     .may = P(NOTIFY) | P(CERTREQ), .next = IN(NEW) | IN(AGGRESSIVE_1) | IN(DEAD), .heard = v1_aggressive_1,
     .says = "chooses a policy, makes the secret, proves itself"},
    {X1_AGGRESSIVE, IKE_ON_RESPONSE, WE, CLEAR, .in = IN(AGGRESSIVE_1), .needs = P(SA) | P(KE) | P(NONCE) | P(ID),
     .may = P(NOTIFY) | P(NAT_D) | CERTIFIED, .next = IN(AGGRESSIVE_1) | GOES_ON, .heard = v1_aggressive_2,
     .says = "makes the secret, looks at identity and proof, proves itself"},
    {X1_AGGRESSIVE, IKE_ON_REQUEST, CLEAR, .in = IN(AGGRESSIVE_1), .may = P(NOTIFY) | P(NAT_D) | CERTIFIED,
     .next = IN(AGGRESSIVE_1) | IN(ESTABLISHED) | IN(DEAD), .proves = v1_aggressive_3,
     .says = "looks at identity and proof"},
    {X1_QUICK, IKE_ON_EARLY, .in = IN(AGGRESSIVE_1), .next = IN(AGGRESSIVE_1), .heard = v1_say_again,
     .says = "its message again: the initiator's last was lost"},
    {X1_INFO, IKE_ON_EARLY, .in = IN(AGGRESSIVE_1), .next = IN(AGGRESSIVE_1), .heard = v1_say_again,
     .says = "its message again: the initiator's last was lost"},

    {X1_QUICK, IKE_ON_TASK, WE, .in = SPEAKING, .tasks = TASK(CHILD) | TASK(REKEY_CHILD), .next = GOES_ON,
     .begin = v1_quick_start, .says = "offers transform sets for an access list line"},
    {X1_QUICK, IKE_ON_FIRST, .in = SPEAKING, .needs = P(HASH) | P(SA) | P(NONCE),
     .may = P(KE) | P(ID) | P(NOTIFY) | P(NAT_OA), .next = GOES_ON, .heard = v1_quick_1,
     .says = "chooses a transform set, makes inbound SAs"},
    {X1_QUICK, IKE_ON_RESPONSE, WE, .in = SPEAKING, .parts = PART(ASKED), .needs = P(HASH) | P(SA) | P(NONCE),
     .may = P(KE) | P(ID) | P(NOTIFY) | P(NAT_OA), .next = GOES_ON, .heard = v1_quick_2, .says = "makes the SAs"},
    {X1_QUICK, IKE_ON_REQUEST, .in = SPEAKING, .parts = PART(ANSWERED), .needs = P(HASH), .may = P(NOTIFY),
     .next = SPEAKING, .heard = v1_quick_3, .says = "makes outbound SAs"},

    {X1_INFO, IKE_ON_TASK, WE, .in = SPEAKING, .tasks = TASK(DELETE_IKE), .next = IN(DEAD), .begin = v1_task_delete_ike,
     .says = "says that it and its IPsec SAs are deleted"},
    {X1_INFO, IKE_ON_TASK, WE, .in = SPEAKING, .tasks = TASK(DELETE_CHILD), .next = SPEAKING,
     .begin = v1_task_delete_child, .says = "says that an IPsec SA is deleted"},
    {X1_INFO, IKE_ON_REQUEST, .in = SPEAKING, .needs = P(HASH), .may = P(NOTIFY) | P(DELETE) | P(NONCE),
     .next = GOES_ON, .heard = v1_informed, .says = "deletes what the peer deletes, answers R-U-THERE"},
    {X1_INFO, IKE_ON_OTHER, CLEAR, .in = MAIN | IN(AGGRESSIVE_1) | IN(NEW), .may = P(NOTIFY) | P(DELETE) | P(HASH),
     .next = MAIN | IN(AGGRESSIVE_1) | IN(NEW), .heard = v1_unproved, .says = "is said in the log: it proves nothing"},

    {DUE(retransmit_at), .in = MAIN | IN(AGGRESSIVE_1), .next = MAIN | IN(AGGRESSIVE_1) | IN(DEAD),
     .begin = v1_retransmit, .says = "its message again; at last the entry's next peer"},
    {DUE(half_open_until), .in = IN(NEW) | MAIN | IN(AGGRESSIVE_1), .next = IN(DEAD), .begin = v1_half_open_over,
     .says = "the peer never came back"},
    {DUE(expire_at), .in = IN(NEW) | MAIN | IN(AGGRESSIVE_1), .next = IN(DEAD), .begin = v1_overdue,
     .says = "whoever answers does not prove to be the peer: the entry's next one"},
    {DUE(rekey_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v1_phase1_again,
     .says = "begins another ISAKMP SA that takes the IPsec SAs over"},
    {DUE(expire_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED) | IN(ORPHANED) | IN(DEAD),
     .begin = v1_lifetime_over, .says = "deletes it; its IPsec SAs live on"},
    {DUE(expire_at), .in = IN(REPLACED), .next = IN(REPLACED) | IN(ORPHANED) | IN(DEAD), .begin = v1_outdated,
     .says = "deletes it"},
    {DUE(proof_ends_at), .in = MAIN | IN(AGGRESSIVE_1), .next = IN(DEAD), .begin = v1_proof_over_early,
     .says = "the certificate ended while it was looked at"},
    {DUE(proof_ends_at), .in = SPEAKING, .next = SPEAKING | IN(DEAD), .begin = v1_proof_over,
     .says = "deletes it with its IPsec SAs: the certificate that proved the peer has ended"},
    {DUE(proof_ends_at), .in = IN(ORPHANED), .next = IN(DEAD), .begin = v1_orphans_proof_over,
     .says = "its IPsec SAs end with the certificate that proved the peer"},
    {DUE(keepalive_at), .in = SPEAKING, .next = SPEAKING, .begin = v1_keepalive,
     .says = "keeps the NAT's mapping (RFC 3948 §2.3)"},
    {DUE(dpd_at), .in = SPEAKING, .next = SPEAKING | IN(ORPHANED) | IN(DEAD), .begin = v1_liveness,
     .says = "asks whether the peer lives, if nothing shows it (RFC 3706)"},
};

const struct ike_transitions ike1_transitions = {rows, sizeof rows / sizeof *rows};
