/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The states of an IKE SA and of a child, and what leads from one to another. Each version has its rows in its own
 * folder (v1/states.c, v2/states.c); what is in no row does not happen: a message is dropped and counted, a task is
 * dropped, a deadline passes. docs/ike-states.md is printed from them by tests/unit/test_states.c, which fails on a
 * state or a row that cannot be reached; the simulator fails on a row that leads elsewhere than it says.
 */
#ifndef IOSCC_IKE_STATES_H
#define IOSCC_IKE_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/ike/message/message.h"
#include "compiler/base/must.h"

struct ike;
struct ike_sa;
struct ike_end;

/* ---- of an IKE SA ---- */

enum ike_state {
    IKE_NEW,
    IKE_INIT_SENT, /* v2: IKE_SA_INIT on its way */
    IKE_INIT_DONE, /* v2, responder: waiting for IKE_AUTH (half open) */
    IKE_AUTH_SENT, /* v2 */
    IKE_MAIN_1,    /* v1: SA sent resp. received */
    IKE_MAIN_2,    /* v1: KE */
    IKE_MAIN_3,    /* v1: identities */
    IKE_AGGRESSIVE_1,
    IKE_ESTABLISHED,
    IKE_REPLACED, /* rekeyed: the old one, until it is deleted */
    IKE_ORPHANED, /* v1: the ISAKMP SA is gone, its IPsec SAs live on (RFC 2409 §5.5: phase 2 outlives phase 1) */
    IKE_DELETING,
    IKE_DEAD, /* freed */
    IKE_STATES
};
#define IKE_IN(state) (1u << (state))

/* What holds in a state. */
enum ike_trait {
    IKE_BEGINS = 1,   /* phase 1 or the initial exchanges: the peer is not proved */
    IKE_STANDS = 2,   /* all of it may be used */
    IKE_SPEAKS = 4,   /* exchanges are begun and answered */
    IKE_OUTDATED = 8, /* another one has its place: it ends without a word to the user */
    IKE_CARRIES = 16, /* its children live over a reload */
    IKE_ORPHAN = 32,  /* only its children are left: nobody can be told anything */
    IKE_ENDS = 64,    /* its delete is on its way, or it is freed */
    IKE_EMPTY = 128   /* nothing has come of it yet */
};
/* What ends a state when nothing comes any more. */
enum ike_limit {
    IKE_UNTIL_ANSWERED,  /* a job or a question is under way, which is always answered */
    IKE_UNTIL_GIVEN_UP,  /* the request is sent again IKE_RETRANSMIT_TRIES times */
    IKE_UNTIL_HALF_OPEN, /* IKE_HALF_OPEN_MS of a responder; an initiator gives up as above */
    IKE_UNTIL_LIFETIME,  /* its lifetime, dead peer detection */
    IKE_UNTIL_OUTDATED,  /* a minute or two after its successor came */
    IKE_UNTIL_CHILDREN   /* the last child's lifetime */
};
struct ike_state_row {
    const char *name, *says;
    uint8_t traits; /* bits of enum ike_trait */
    uint8_t limit;  /* enum ike_limit */
};
extern const struct ike_state_row ike_states[IKE_STATES];
const char *ike_state_name(enum ike_state s);
/* What a peer has not answered that is silent in that state, in words, and what that may mean. */
const char *ike_state_waits(enum ike_state s);
/* Has the SA all of these traits? */
bool ike_is(const struct ike_sa *sa, unsigned traits) MUST_CHECK;

/* ---- of a child ---- */

enum child_state {
    CHILD_UP,
    CHILD_REKEYING, /* our request is on its way */
    CHILD_REPLACED,
    CHILD_DELETING,
    CHILD_HALF, /* v1, responder: receives already, the third message is still missing */
    CHILD_STATES
};
struct ike_child;
/* Nothing is under way about it: it may be rekeyed, deleted, renewed. */
bool ike_child_stands(const struct ike_child *c) MUST_CHECK;
/* It is what traffic uses: up, or up until its successor is. */
bool ike_child_serves(const struct ike_child *c) MUST_CHECK;
/* On its way out, by rekeying or by a delete. */
bool ike_child_leaves(const struct ike_child *c) MUST_CHECK;
bool ike_child_is(const struct ike_child *c, enum child_state s) MUST_CHECK;

/* ---- transitions ---- */

/* What is to be done next by us, one exchange each. */
enum ike_task_kind {
    TASK_NONE,
    TASK_CHILD,
    TASK_REKEY_CHILD,
    TASK_DELETE_CHILD,
    TASK_REKEY_IKE,
    TASK_DELETE_IKE,
    TASK_DPD,
    TASK_KINDS
};
#define IKE_TASK(kind) (1u << (kind))
const char *ike_task_name(enum ike_task_kind k);

/* What makes it happen. */
enum ike_on {
    IKE_ON_TASK,     /* we begin */
    IKE_ON_FIRST,    /* the request that makes an SA, or a quick mode */
    IKE_ON_REQUEST,  /* of the peer's */
    IKE_ON_RESPONSE, /* to ours */
    IKE_ON_OTHER,    /* a second answer to what was answered: one of the two is forged (RFC 7296 §2.4) */
    IKE_ON_EARLY,    /* a message of what comes later: ours was lost */
    IKE_ON_TIME,
    IKE_ON_KINDS
};

/* A row. `exchange` 0: none, it is of time. `needs` and `may`: bits (IKE_PAYLOAD) of payloads of IKEv1; those of IKEv2
 * are RFC 7296's appendix C in message/v2.c. */
#define IKE_PAYLOAD(type) ((uint64_t)1 << (type))
struct ike_transition {
    uint8_t exchange; /* enum ike_exchange */
    uint8_t on;       /* enum ike_on */
    bool initiator;   /* our role in the exchange */
    bool in_clear;    /* v1: not encrypted */
    uint32_t in;      /* IKE_IN of states it happens in */
    uint32_t parts;   /* v1: bits of enum v1_quick_state; 0: it is of no quick mode */
    uint32_t tasks;   /* IKE_TASK of what is begun or answered; 0: whatever it is */
    uint64_t needs, may;
    uint32_t next;   /* IKE_IN of where it may lead, with a job or a question in between */
    size_t deadline; /* of time: offset in struct ike_sa of the milliseconds that are due */
    void (*begin)(struct ike *ike, struct ike_sa *sa);                              /* on task, on time */
    void (*heard)(struct ike *ike, struct ike_sa *sa, const struct ike_message *m); /* on a message */
    /* v1: the message that proves the peer; false: it does not, and is taken as if it had not come */
    bool (*proves)(struct ike *ike, struct ike_sa *sa, const struct ike_message *m);
    const char *says;
};
struct ike_transitions {
    const struct ike_transition *v;
    size_t n;
};
extern const struct ike_transitions ike1_transitions, ike2_transitions;

/* What is looked for. */
struct ike_occasion {
    uint8_t exchange; /* 0: any */
    uint8_t on;
    bool initiator;
    uint32_t part;           /* bit of the quick mode's state, or 0 */
    enum ike_task_kind task; /* that begins or is under way; TASK_NONE: none */
};
/* The row; NULL: there is none, nothing is to happen. */
const struct ike_transition *ike_transition_for(const struct ike_transitions *t, const struct ike_sa *sa,
                                                const struct ike_occasion *o);
/* As before, the first that the message has what it needs for, and nothing that does not belong there. */
const struct ike_transition *ike_transition_fitting(const struct ike_transitions *t, const struct ike_sa *sa,
                                                    const struct ike_occasion *o, const struct ike_message *m);
/* Does what the row says, and holds the state that it leads to against its `next`. */
void ike_transition_begin(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row);
void ike_transition_heard(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row,
                          const struct ike_message *m);
bool ike_transition_proves(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row,
                           const struct ike_message *m) MUST_CHECK;
/* The same after a job or a question that `row` (sa->row then) was waiting for. */
void ike_transition_went_on(struct ike *ike, uint64_t spi, uint64_t id, const struct ike_transition *row);
/* Does what is due, row by row; a deadline that no row of the SA's state is about passes. False: the SA is gone. */
bool ike_times(struct ike *ike, struct ike_sa *sa, const struct ike_transitions *t) MUST_CHECK;
/* Of IKEv1: does the message have all that the row needs, and nothing that does not belong there? Private payloads
 * (from 128 on) and vendor ids belong everywhere. */
bool ike_transition_fits(const struct ike_transition *row, const struct ike_message *m) MUST_CHECK;

#endif
