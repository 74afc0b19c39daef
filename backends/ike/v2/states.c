/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv2 as transitions (RFC 7296 §1.2 to §1.4):
 *
 *   initiator                                  responder
 *   NEW  IKE_SA_INIT  -->                      NEW
 *   INIT_SENT         <--  IKE_SA_INIT         INIT_DONE
 *   AUTH_SENT  IKE_AUTH  -->
 *   ESTABLISHED       <--  IKE_AUTH            ESTABLISHED
 *              CREATE_CHILD_SA, INFORMATIONAL either way
 */
#include "backends/ike/v2/v2.h"

#define IN(s) IKE_IN(IKE_##s)
#define TASK(k) IKE_TASK(TASK_##k)
#define SPEAKING (IN(ESTABLISHED) | IN(REPLACED) | IN(DELETING))
/* after what is heard, what waits is begun: a delete perhaps */
#define GOES_ON (SPEAKING | IN(DEAD))
#define CREATES (TASK(CHILD) | TASK(REKEY_CHILD) | TASK(REKEY_IKE))
#define INFORMS (TASK(DELETE_CHILD) | TASK(DELETE_IKE) | TASK(DPD))
#define DUE(field) .on = IKE_ON_TIME, .deadline = offsetof(struct ike_sa, field)
#define WE .initiator = true

static const struct ike_transition rows[] = {
    {X2_SA_INIT, IKE_ON_TASK, WE, .in = IN(NEW), .next = IN(NEW) | IN(INIT_SENT) | IN(DEAD), .begin = v2_start,
     .says = "asks for an IKE SA"},
    {X2_SA_INIT, IKE_ON_FIRST, .in = IN(NEW), .next = IN(INIT_DONE) | IN(DEAD), .heard = v2_init_first,
     .says = "chooses a proposal, makes the secret, answers"},
    {X2_SA_INIT, IKE_ON_REQUEST, .in = IN(INIT_DONE), .next = IN(INIT_DONE), .heard = v2_init_again,
     .says = "the same answer again"},
    {X2_SA_INIT, IKE_ON_RESPONSE, WE, .in = IN(INIT_SENT), .next = IN(INIT_SENT) | IN(AUTH_SENT) | IN(DEAD),
     .heard = v2_init_response, .says = "asks again as the peer wants it, or makes the secret and sends IKE_AUTH"},
    {X2_SA_INIT, IKE_ON_OTHER, WE, .in = IN(AUTH_SENT), .next = IN(AUTH_SENT) | IN(INIT_SENT), .heard = v2_init_other,
     .says = "keeps the answer: the one that is followed may be forged"},
    {X2_AUTH, IKE_ON_REQUEST, .in = IN(INIT_DONE), .next = IN(INIT_DONE) | IN(ESTABLISHED) | IN(DEAD),
     .heard = v2_auth_request, .says = "finds profile and proof, proves itself, makes the child"},
    {X2_AUTH, IKE_ON_RESPONSE, WE, .in = IN(AUTH_SENT), .next = IN(AUTH_SENT) | IN(INIT_SENT) | GOES_ON,
     .heard = v2_auth_response,
     .says = "looks at identity and proof, makes the child; who has proved nothing cannot refuse for others"},

    {X2_CREATE_CHILD, IKE_ON_TASK, WE, .in = IN(ESTABLISHED), .tasks = CREATES, .next = GOES_ON,
     .begin = v2_create_start, .says = "asks for a child, for another in its place, or for another IKE SA"},
    {X2_CREATE_CHILD, IKE_ON_REQUEST, .in = IN(ESTABLISHED), .next = GOES_ON, .heard = v2_create_request,
     .says = "decides, makes the secret, answers"},
    {X2_CREATE_CHILD, IKE_ON_REQUEST, .in = IN(REPLACED) | IN(DELETING), .next = IN(REPLACED) | IN(DELETING),
     .heard = v2_create_too_late, .says = "TEMPORARY_FAILURE (§2.25.2)"},
    {X2_CREATE_CHILD, IKE_ON_RESPONSE, WE, .in = SPEAKING, .tasks = CREATES, .next = GOES_ON,
     .heard = v2_create_response, .says = "makes what was chosen, settles collisions (§2.8)"},

    {X2_CREATE_CHILD, IKE_ON_RESPONSE, WE, .in = IN(DELETING), .tasks = TASK(NONE), .next = GOES_ON,
     .heard = v2_late_response, .says = "is heard, and nothing made of it: a reload has ended the IKE SA; its delete"},

    {X2_INFORMATIONAL, IKE_ON_TASK, WE, .in = SPEAKING, .tasks = INFORMS, .next = SPEAKING | IN(DEAD),
     .begin = v2_info_start, .says = "deletes, or asks whether the peer lives"},
    {X2_INFORMATIONAL, IKE_ON_REQUEST, .in = SPEAKING, .next = GOES_ON, .heard = v2_info_request,
     .says = "deletes what the peer deletes, answers"},
    {X2_INFORMATIONAL, IKE_ON_RESPONSE, WE, .in = SPEAKING, .tasks = INFORMS, .next = GOES_ON,
     .heard = v2_info_response, .says = "it is deleted, or the peer lives"},

    {X2_INFORMATIONAL, IKE_ON_RESPONSE, WE, .in = IN(DELETING), .tasks = TASK(NONE), .next = GOES_ON,
     .heard = v2_late_response, .says = "is heard: a reload has ended the IKE SA; its delete"},

    {DUE(retransmit_at), .in = IN(INIT_SENT), .next = IN(INIT_SENT) | IN(DEAD), .begin = v2_retransmit_init,
     .says = "IKE_SA_INIT again; at last the entry's next peer"},
    {DUE(retransmit_at), .in = IN(AUTH_SENT), .next = IN(AUTH_SENT) | IN(INIT_SENT) | IN(DEAD),
     .begin = v2_retransmit_auth, .says = "IKE_AUTH again, or by another answer; at last the entry's next peer"},
    {DUE(retransmit_at), .in = SPEAKING, .next = GOES_ON, .begin = v2_retransmit,
     .says = "the request again; at last the peer is dead"},
    {DUE(half_open_until), .in = IN(INIT_DONE), .next = IN(DEAD), .begin = v2_half_open_over,
     .says = "the peer never came back"},
    {DUE(half_open_until), .in = IN(AUTH_SENT), .next = IN(DEAD), .begin = v2_never_told,
     .says = "nobody tells whether the peer's certificate is revoked"},
    {DUE(expire_at), .in = IN(INIT_SENT) | IN(AUTH_SENT), .next = IN(DEAD), .begin = v2_overdue,
     .says = "whoever answers does not prove to be the peer: the entry's next one"},
    {DUE(expire_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v2_lifetime_over, .says = "deletes it"},
    {DUE(expire_at), .in = IN(REPLACED), .next = IN(REPLACED) | IN(DEAD), .begin = v2_outdated,
     .says = "gone without the peer's delete"},
    {DUE(proof_ends_at), .in = IN(INIT_DONE) | IN(AUTH_SENT), .next = IN(DEAD), .begin = v2_proof_over_early,
     .says = "the certificate ended while it was looked at"},
    {DUE(proof_ends_at), .in = SPEAKING, .next = SPEAKING, .begin = v2_proof_over,
     .says = "deletes it with its children: the certificate that proved the peer has ended"},
    {DUE(reauth_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v2_reauthenticate,
     .says = "begins another IKE SA, make before break (RFC 4478)"},
    {DUE(rekey_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v2_rekey, .says = "rekeys it"},
    {DUE(keepalive_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v2_keepalive,
     .says = "keeps the NAT's mapping (RFC 3948 §2.3)"},
    {DUE(dpd_at), .in = IN(ESTABLISHED), .next = IN(ESTABLISHED), .begin = v2_liveness,
     .says = "asks whether the peer lives, if nothing shows it"},
};

const struct ike_transitions ike2_transitions = {rows, sizeof rows / sizeof *rows};
