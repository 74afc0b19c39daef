/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/engine/states.h"

#include <stdlib.h>

#include "backends/ike/engine/engine.h"

/* The names are those of the RFCs and of `show`. */
const struct ike_state_row ike_states[IKE_STATES] = {
    [IKE_NEW] = {"NEW", "made, nothing sent yet", IKE_BEGINS | IKE_EMPTY, IKE_UNTIL_ANSWERED},
    [IKE_INIT_SENT] = {"INIT_SENT", "IKE_SA_INIT is on its way", IKE_BEGINS, IKE_UNTIL_GIVEN_UP},
    [IKE_INIT_DONE] = {"INIT_DONE", "IKE_SA_INIT is answered; half open", IKE_BEGINS, IKE_UNTIL_HALF_OPEN},
    [IKE_AUTH_SENT] = {"AUTH_SENT", "IKE_AUTH is on its way", IKE_BEGINS, IKE_UNTIL_GIVEN_UP},
    [IKE_MAIN_1] = {"MAIN_1", "main mode: SA payloads", IKE_BEGINS, IKE_UNTIL_HALF_OPEN},
    [IKE_MAIN_2] = {"MAIN_2", "main mode: public values", IKE_BEGINS, IKE_UNTIL_HALF_OPEN},
    [IKE_MAIN_3] = {"MAIN_3", "main mode: identities", IKE_BEGINS, IKE_UNTIL_HALF_OPEN},
    [IKE_AGGRESSIVE_1] = {"AGGRESSIVE_1", "aggressive mode: all but the last proof", IKE_BEGINS, IKE_UNTIL_HALF_OPEN},
    [IKE_ESTABLISHED] = {"ESTABLISHED", "the peer has proved itself", IKE_STANDS | IKE_SPEAKS | IKE_CARRIES,
                         IKE_UNTIL_LIFETIME},
    [IKE_REPLACED] = {"REPLACED", "another one has its place", IKE_SPEAKS | IKE_OUTDATED | IKE_CARRIES,
                      IKE_UNTIL_OUTDATED},
    [IKE_ORPHANED] = {"ORPHANED", "the ISAKMP SA has ended, its IPsec SAs have not", IKE_ORPHAN | IKE_CARRIES,
                      IKE_UNTIL_CHILDREN},
    [IKE_DELETING] = {"DELETING", "its delete is on its way", IKE_SPEAKS | IKE_ENDS, IKE_UNTIL_GIVEN_UP},
    [IKE_DEAD] = {"DEAD", "freed", IKE_ENDS, IKE_UNTIL_ANSWERED},
};

const char *ike_state_name(enum ike_state s)
{
    return ike_states[s].name;
}

const char *ike_state_waits(enum ike_state s)
{
    if (s == IKE_MAIN_3) /* it has answered twice, and what we send now only our key opens (RFC 2409 §5.4) */
        return "main mode: identities; its pre-shared key may be another one";
    return ike_states[s].says;
}

bool ike_is(const struct ike_sa *sa, unsigned traits)
{
    return (ike_states[sa->state].traits & traits) == traits;
}

const char *ike_task_name(enum ike_task_kind k)
{
    static const char *const names[TASK_KINDS] = {
        [TASK_NONE] = "",
        [TASK_CHILD] = "child",
        [TASK_REKEY_CHILD] = "rekey child",
        [TASK_DELETE_CHILD] = "delete child",
        [TASK_REKEY_IKE] = "rekey IKE SA",
        [TASK_DELETE_IKE] = "delete IKE SA",
        [TASK_DPD] = "dead peer detection",
    };
    return names[k];
}

/* ---- children ---- */

/* What holds in a child's state. */
enum child_trait { STANDS = 1, SERVES = 2, LEAVES = 4 };
static const uint8_t child_traits[CHILD_STATES] = {
    [CHILD_UP] = STANDS | SERVES, [CHILD_REKEYING] = SERVES, [CHILD_REPLACED] = LEAVES, [CHILD_DELETING] = LEAVES};

bool ike_child_stands(const struct ike_child *c)
{
    return child_traits[c->state] & STANDS;
}

bool ike_child_serves(const struct ike_child *c)
{
    return child_traits[c->state] & SERVES;
}

bool ike_child_leaves(const struct ike_child *c)
{
    return child_traits[c->state] & LEAVES;
}

bool ike_child_is(const struct ike_child *c, enum child_state s)
{
    return c->state == s;
}

/* ---- transitions ---- */

static bool row_fits(const struct ike_transition *r, const struct ike_sa *sa, const struct ike_occasion *o)
{
    return r->on == o->on && (!o->exchange || r->exchange == o->exchange) && r->initiator == o->initiator &&
           (r->in & IKE_IN(sa->state)) && (!r->parts || (r->parts & o->part)) &&
           (!r->tasks || (r->tasks & IKE_TASK(o->task)));
}

const struct ike_transition *ike_transition_for(const struct ike_transitions *t, const struct ike_sa *sa,
                                                const struct ike_occasion *o)
{
    for (size_t i = 0; i < t->n; i++)
        if (row_fits(&t->v[i], sa, o))
            return &t->v[i];
    return NULL;
}

const struct ike_transition *ike_transition_fitting(const struct ike_transitions *t, const struct ike_sa *sa,
                                                    const struct ike_occasion *o, const struct ike_message *m)
{
    for (size_t i = 0; i < t->n; i++)
        if (row_fits(&t->v[i], sa, o) && ike_transition_fits(&t->v[i], m))
            return &t->v[i];
    return NULL;
}

/* A row that leads elsewhere than it says is a fault of ours: tests end by it, a daemon says so and goes on. */
static void check(struct ike *ike, uint64_t spi, uint64_t id, const struct ike_transition *row)
{
    struct ike_sa *sa = ike_still(ike, spi, id);
    enum ike_state led_to = sa ? (enum ike_state)sa->state : IKE_DEAD;
    if (row->next & IKE_IN(led_to))
        return;
    ike_log(ike, EV_MESSAGE, IKE_ERROR, sa, NULL, "fault of the program: '%s' led to %s", row->says,
            ike_state_name(led_to));
#ifdef __SANITIZE_ADDRESS__
    abort();
#endif
}

static void note(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row)
{
    sa->row = row;
    if (ike->host.transition)
        ike->host.transition(ike->host.ctx, row);
}

void ike_transition_begin(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row)
{
    uint64_t spi = sa->own_spi, id = sa->id;
    note(ike, sa, row);
    row->begin(ike, sa);
    check(ike, spi, id, row);
}

void ike_transition_heard(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row,
                          const struct ike_message *m)
{
    uint64_t spi = sa->own_spi, id = sa->id;
    note(ike, sa, row);
    row->heard(ike, sa, m);
    check(ike, spi, id, row);
}

bool ike_transition_proves(struct ike *ike, struct ike_sa *sa, const struct ike_transition *row,
                           const struct ike_message *m)
{
    uint64_t spi = sa->own_spi, id = sa->id;
    note(ike, sa, row);
    bool proved = row->proves(ike, sa, m);
    check(ike, spi, id, row);
    return proved;
}

void ike_transition_went_on(struct ike *ike, uint64_t spi, uint64_t id, const struct ike_transition *row)
{
    if (row)
        check(ike, spi, id, row);
}

bool ike_transition_fits(const struct ike_transition *row, const struct ike_message *m)
{
    uint64_t there = 0;
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].type < 64)
            there |= IKE_PAYLOAD(m->v[i].type);
    uint64_t belongs = row->needs | row->may | IKE_PAYLOAD(PL1_VENDOR);
    return (there & row->needs) == row->needs && !(there & ~belongs);
}

/* ---- time ---- */

static bool due(const struct ike *ike, struct ike_sa *sa, const struct ike_transition *row)
{
    uint64_t *at = (uint64_t *)((char *)sa + row->deadline);
    if (!*at || *at > ike->now)
        return false;
    *at = 0;
    return true;
}

bool ike_times(struct ike *ike, struct ike_sa *sa, const struct ike_transitions *t)
{
    uint64_t spi = sa->own_spi, id = sa->id;
    for (size_t i = 0; i < t->n; i++) {
        const struct ike_transition *row = &t->v[i];
        if (row->on != IKE_ON_TIME || !(row->in & IKE_IN(sa->state)) || !due(ike, sa, row))
            continue;
        ike_transition_begin(ike, sa, row);
        if (!ike_still(ike, spi, id))
            return false;
    }
    for (size_t i = 0; i < t->n; i++) /* what no row of this state is about */
        if (t->v[i].on == IKE_ON_TIME)
            (void)!due(ike, sa, &t->v[i]);
    return true;
}
