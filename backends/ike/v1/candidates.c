/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Main mode where several claim to be the peer. Nothing of its first four messages is authentic (RFC 2409 §5), and who
 * is nearer answers first; messages 5 and 6 tell who it was. So a second, third or fourth message that is another one
 * than what is followed gets a negotiation of its own beside the others, under the same cookie of ours; the first that
 * proves the peer is the one, the others are forgotten. Our half of the Diffie-Hellman exchange and our nonce are the
 * same in all that begin from one message: one answer of ours serves them all.
 */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define CANDIDATES_MAX (V1_CANDIDATES / 2) /* those that stand beside them have room */
#define WAITING_MAX 6
#define NO_MORE_AFTER_MS 60000 /* as long as a negotiation may take */

struct v1_waiting {
    struct ike_end local, remote;
    uint8_t *p;
    size_t n;
};

/* Where several have the same keys, as what differs is not part of them (vendor ids, NAT-D), the first is the one: what
 * comes behind it changes nothing. */
struct v1_candidates v1_candidates_of(const struct ike *ike, const struct ike_sa *sa)
{
    struct v1_candidates c = {.spi = sa->own_spi};
    for (struct ike_sa *o = NULL; (o = ike_with_spi(ike, sa->own_spi, o)) && c.n < V1_CANDIDATES; c.n++) {
        unsigned at = c.n;
        for (; at && c.id[at - 1] > o->id; at--)
            c.id[at] = c.id[at - 1];
        c.id[at] = o->id;
    }
    return c;
}

static struct ike_sa *another(const struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *o = ike_with_spi(ike, sa->own_spi, NULL);
    return o == sa ? ike_with_spi(ike, sa->own_spi, o) : o;
}

/* A spare one has heard nobody. */
bool v1_has_rival(const struct ike *ike, const struct ike_sa *sa)
{
    for (const struct ike_sa *o = NULL; (o = ike_with_spi(ike, sa->own_spi, o));)
        if (o != sa && !o->v1->is_spare)
            return true;
    return false;
}

/* What is to be done once there is an SA. */
static void take_over(struct ike_sa *heir, struct ike_sa *from)
{
    struct ike_task **end = &heir->tasks;
    while (*end)
        end = &(*end)->next;
    *end = from->tasks;
    from->tasks = NULL;
    if (heir->replaces || !from->replaces || from->replaces->replaced_by != from)
        return;
    heir->replaces = from->replaces;
    heir->replaces->replaced_by = heir;
    from->replaces = NULL;
}

void v1_candidate_gone(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa *heir = another(ike, sa);
    if (!heir)
        return;
    if (sa->initiator) /* who answers may have two peers under one cookie */
        take_over(heir, sa);
    if (!heir->v1->fragments) {
        heir->v1->fragments = sa->v1->fragments;
        sa->v1->fragments = NULL;
    }
    if (heir->v1->n_waiting)
        return;
    free(heir->v1->waiting);
    heir->v1->waiting = sa->v1->waiting;
    heir->v1->n_waiting = sa->v1->n_waiting;
    sa->v1->waiting = NULL;
    sa->v1->n_waiting = 0;
}

/* What differs is not part of the keys: the same peer, by the same proof. */
static bool is_same_one(const struct ike_sa *a, const struct ike_sa *b)
{
    size_t len = ike_hash_len(a->suite.prf);
    return a->suite.prf == b->suite.prf && ike_equal(a->v1->e, b->v1->e, len);
}

bool v1_stands_already(struct ike *ike, const struct ike_sa *sa)
{
    for (const struct ike_sa *o = NULL; (o = ike_with_spi(ike, sa->own_spi, o));)
        if (o != sa && ike_is(o, IKE_STANDS) && is_same_one(o, sa))
            return true;
    return false;
}

void v1_rivals_over(struct ike *ike, struct ike_sa *sa)
{
    const struct v1_candidates all = v1_candidates_of(ike, sa);
    for (unsigned i = 0; i < all.n; i++) {
        struct ike_sa *o = ike_still(ike, all.spi, all.id[i]);
        if (!o || o == sa || !(sa->initiator || is_same_one(o, sa)))
            continue;
        take_over(sa, o);
        ike_sa_free(ike, o);
    }
}

/* ---- a new one ---- */

static unsigned any_of(struct ike *ike, unsigned n)
{
    uint32_t number;
    ike->host.random(ike->host.ctx, &number, sizeof number);
    return number % n;
}

/* The new one stays, and whoever has proved himself; which of the others goes is left to chance, or a forger could
 * count on it. */
static void make_room(struct ike *ike, const struct ike_sa *fresh)
{
    struct ike_sa *v[CANDIDATES_MAX + 1];
    unsigned n = 0;
    for (struct ike_sa *o = NULL; (o = ike_with_spi(ike, fresh->own_spi, o)) && n <= CANDIDATES_MAX;)
        if (o != fresh && ike_is(o, IKE_BEGINS) && !o->v1->is_spare)
            v[n++] = o;
    if (n >= CANDIDATES_MAX)
        ike_sa_free(ike, v[any_of(ike, n)]);
}

/* Our half of the exchange: nonce and public value. */
struct half {
    uint8_t *nonce, **value;
    uint16_t *nonce_len;
};

static struct half half_of(struct ike1 *v, bool initiator)
{
    if (initiator)
        return (struct half){v->ni, &v->ke_i, &v->ni_len};
    return (struct half){v->nr, &v->ke_r, &v->nr_len};
}

/* Our half, if it is made, and what we have said. */
MUST_CHECK static bool take_half(struct ike_sa *o, const struct ike_sa *sa)
{
    const struct half to = half_of(o->v1, sa->initiator), from = half_of(sa->v1, sa->initiator);
    bool ok = true;
    for (unsigned i = 0; i < 2; i++) {
        const struct v1_said *said = &sa->v1->said[i];
        if (said->p)
            ok &= v1_keep(&o->v1->said[i].p, &o->v1->said[i].n, said->p, said->n);
    }
    if (!sa->v1->dh || !*from.value)
        return ok;
    o->v1->dh = ike_dh_share(sa->v1->dh);
    o->v1->own_group = sa->v1->own_group;
    memcpy(to.nonce, from.nonce, *from.nonce_len);
    *to.nonce_len = *from.nonce_len;
    return ok && v1_keep(to.value, NULL, *from.value, ike_dh_len(sa->suite.dh));
}

/* One that is as `sa` was in that state; NULL: out of memory. */
MUST_CHECK static struct ike_sa *another_of(struct ike *ike, struct ike_sa *sa, enum ike_state s)
{
    const struct ike1 *v = sa->v1;
    struct ike_sa *o = ike_sa_beside(ike, sa);
    if (!o)
        return NULL;
    o->v1 = calloc(1, sizeof *o->v1);
    bool is_made = o->v1 && v1_keep(&o->v1->sa_i, &o->v1->sa_i_len, v->sa_i, v->sa_i_len) && take_half(o, sa);
    if (!is_made) {
        ike_sa_free(ike, o);
        return NULL;
    }
    o->v1->is_fresh = true;
    o->v1->complaints = v->complaints;
    o->v1->aggressive_peer = v->aggressive_peer;
    ike_state_set(ike, o, s);
    return o;
}

MUST_CHECK static struct ike_sa *beside(struct ike *ike, struct ike_sa *sa, enum ike_state s)
{
    if (sa->v1->complaints++ < 3)
        ike_log(
            ike, EV_MESSAGE, IKE_WARNING, sa, NULL,
            "two different messages of main mode: one may be forged, or the peer has begun anew; both are followed");
    return another_of(ike, sa, s);
}

/* The policy that was chosen, and what its vendor ids say. */
static void take_choice(struct ike *ike, struct ike_sa *o, const struct ike_sa *sa)
{
    ike_peer_spi_known(ike, o, sa->initiator ? sa->spi_r : sa->spi_i);
    o->policy = sa->policy;
    o->suite = sa->suite;
    o->fragments = sa->fragments;
    o->v1->chosen = sa->v1->chosen;
    o->v1->proposal_number = sa->v1->proposal_number;
    o->v1->peer_dpd = sa->v1->peer_dpd;
    o->v1->peer_natt = sa->v1->peer_natt;
}

void v1_other_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    struct ike_sa *o = beside(ike, sa, IKE_MAIN_1);
    if (!o)
        return;
    free(o->v1->said[1].p); /* what was said to the one answer */
    o->v1->said[1] = (struct v1_said){NULL, 0};
    make_room(ike, o);
}

static void from_half(struct ike *ike, struct ike_sa *sa, enum ike_state s)
{
    struct ike_sa *o = sa->v1->dh ? beside(ike, sa, s) : NULL;
    if (!o)
        return;
    take_choice(ike, o, sa);
    ike_half_open_set(ike, o, sa->initiator ? IKE_HALF_NONE : IKE_HALF_EARLY);
    ike_timer_update(ike, o);
    make_room(ike, o);
}

static bool has_spare(const struct ike *ike, const struct ike_sa *sa)
{
    for (struct ike_sa *o = NULL; (o = ike_with_spi(ike, sa->own_spi, o));)
        if (o->v1->is_spare)
            return true;
    return false;
}

static unsigned standing(const struct ike *ike, const struct ike_sa *sa)
{
    unsigned n = 0;
    for (struct ike_sa *o = NULL; (o = ike_with_spi(ike, sa->own_spi, o));)
        n += !ike_is(o, IKE_BEGINS);
    return n;
}

void v1_spare(struct ike *ike, struct ike_sa *sa)
{
    const bool was_spare = sa->v1->is_spare;
    sa->v1->is_spare = false;
    if (was_spare)
        make_room(ike, sa);
    bool is_late = ike->now >= sa->begun_at + NO_MORE_AFTER_MS;
    if (!v1_by_signature(sa) || has_spare(ike, sa) || is_late || standing(ike, sa) >= CANDIDATES_MAX)
        return;
    struct ike_sa *o = another_of(ike, sa, IKE_MAIN_1);
    if (!o)
        return;
    take_choice(ike, o, sa);
    o->v1->is_fresh = false;
    o->v1->is_spare = true;
    /* that one again is no other: who was refused is not asked once more */
    memcpy(o->v1->followed[1], sa->v1->followed[1], sizeof o->v1->followed[1]);
    ike_half_open_set(ike, o, IKE_HALF_EARLY);
    ike_timer_update(ike, o);
}

void v1_other_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    from_half(ike, sa, IKE_MAIN_1);
}

void v1_other_4(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    from_half(ike, sa, IKE_MAIN_2);
}

/* ---- which of them a message is for ---- */

static bool is_to(const struct ike_sa *sa, const struct ike_header *h)
{
    return sa->spi_i == h->spi_i && (sa->spi_r == h->spi_r || (sa->initiator && !sa->spi_r));
}

struct hearing {
    bool is_taken; /* by one of them at least */
    struct ike_sa *busy;
};

static struct hearing tell_all(struct ike *ike, const struct v1_candidates *all, const struct ike_end *local,
                               const struct ike_end *remote, struct ike_iov whole, struct ike_header h)
{
    struct hearing r = {.busy = NULL};
    for (unsigned i = 0; i < all->n; i++) {
        struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        bool is_proof_taken = r.is_taken && h.flags & IKE1_ENCRYPTED;
        if (sa && is_to(sa, &h) && !is_proof_taken)
            r.is_taken |= v1_main(ike, sa, local, remote, whole.p, whole.n, h);
    }
    for (unsigned i = 0; i < all->n; i++) {
        struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        if (sa && sa->busy)
            r.busy = sa;
    }
    return r;
}

/* Has one of those before it the same half of ours? Then what begins from it begins from that one. */
static bool same_half_before(struct ike *ike, const struct v1_candidates *all, unsigned at, const struct ike_sa *sa)
{
    for (unsigned i = 0; i < at; i++) {
        const struct ike_sa *o = ike_still(ike, all->spi, all->id[i]);
        if (o && o->v1->dh && o->spi_r == sa->spi_r && o->v1->dh == sa->v1->dh)
            return true;
    }
    return false;
}

/* Who has proved himself ends the time in which others may begin. */
static bool one_stands(struct ike *ike, const struct v1_candidates *all)
{
    for (unsigned i = 0; i < all->n; i++) {
        const struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        if (sa && !ike_is(sa, IKE_BEGINS))
            return true;
    }
    return false;
}

/* False: it belongs nowhere. */
static bool begin_beside(struct ike *ike, const struct v1_candidates *all, struct ike_iov whole, struct ike_header h)
{
    struct ike_message m = {.h = h, .whole = whole.p, .whole_len = whole.n};
    struct rd r = rd_of(whole.p + IKE_HEADER_LEN, whole.n - IKE_HEADER_LEN);
    uint8_t inner;
    bool any = false;
    if (one_stands(ike, all) || !ike_chain_read(&r, h.next, &m, &inner))
        return false;
    bool is_choice = ike_find(&m, PL1_SA, 0) != NULL;
    for (unsigned i = 0; i < all->n; i++) {
        struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        struct ike_occasion o = {.exchange = X1_MAIN, .on = IKE_ON_OTHER};
        bool is_late = sa && ike->now >= sa->begun_at + NO_MORE_AFTER_MS;
        if (!sa || is_late || (is_choice && any))
            continue;
        if (!is_choice && (!is_to(sa, &h) || same_half_before(ike, all, i, sa)))
            continue;
        o.initiator = sa->initiator;
        const struct ike_transition *row = ike_transition_fitting(&ike1_transitions, sa, &o, &m);
        if (!row)
            continue;
        ike_transition_heard(ike, sa, row, &m);
        any = true;
    }
    return any;
}

/* Nobody can tell what it is before the secret is there. */
static void let_wait(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     struct ike_iov whole)
{
    struct ike1 *v = sa->v1;
    if (!v->waiting)
        v->waiting = calloc(WAITING_MAX, sizeof *v->waiting);
    uint8_t *copy = v->waiting ? malloc(whole.n) : NULL;
    if (!copy)
        return;
    memcpy(copy, whole.p, whole.n);
    unsigned at = v->n_waiting < WAITING_MAX ? v->n_waiting++ : any_of(ike, WAITING_MAX);
    free(v->waiting[at].p);
    v->waiting[at] = (struct v1_waiting){*local, *remote, copy, whole.n};
}

void v1_wait_or_drop(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                     struct ike_iov whole)
{
    if (sa->busy && sa->initiator && ike_is(sa, IKE_BEGINS))
        let_wait(ike, sa, local, remote, whole);
    else
        ike->stats.dropped++;
}

void v1_waiting_free(struct ike1 *v)
{
    for (unsigned i = 0; i < v->n_waiting; i++)
        free(v->waiting[i].p);
    free(v->waiting);
    v->waiting = NULL;
    v->n_waiting = 0;
}

/* Our identity and proof are on their way to the first who has answered; nobody else gets them before it is clear that
 * nothing comes back. */
MUST_CHECK static bool has_just_proved(const struct ike_sa *sa)
{
    return sa->initiator && sa->v1->said[1].p && sa->request_tries == 0 && ike_is(sa, IKE_BEGINS);
}

/* One that waits for nothing any more, with what has waited; NULL. */
static struct ike_sa *has_waited(const struct ike *ike, uint64_t spi)
{
    struct ike_sa *sa = NULL;
    while ((sa = ike_with_spi(ike, spi, sa)))
        if (sa->v1 && sa->v1->n_waiting && !sa->busy && !has_just_proved(sa))
            break;
    return sa;
}

void v1_waiting_heard(struct ike *ike, uint64_t spi)
{
    struct ike_sa *sa = has_waited(ike, spi);
    if (!sa)
        return;
    struct v1_waiting *w = sa->v1->waiting;
    unsigned n = sa->v1->n_waiting;
    sa->v1->waiting = NULL;
    sa->v1->n_waiting = 0;
    for (unsigned i = 0; i < n; i++) {
        struct rd r = rd_of(w[i].p, w[i].n);
        struct ike_header h;
        if (ike_header_read(&r, &h))
            ike_v1.input(ike, &w[i].local, &w[i].remote, w[i].p, w[i].n, h);
        free(w[i].p);
    }
    free(w);
}

/* New ones that could do nothing with what they were made for: nobody would end them. */
static void forget_idle(struct ike *ike, const struct v1_candidates *all)
{
    for (unsigned i = 0; i < all->n; i++) {
        struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        if (sa && sa->v1->is_fresh && !sa->busy)
            ike_sa_free(ike, sa);
    }
}

static struct ike_sa *just_proved_to(struct ike *ike, const struct v1_candidates *all, const struct ike_header *h)
{
    for (unsigned i = 0; i < all->n; i++) {
        struct ike_sa *sa = ike_still(ike, all->spi, all->id[i]);
        if (sa && is_to(sa, h) && has_just_proved(sa))
            return sa;
    }
    return NULL;
}

void v1_main_to_all(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                    struct ike_iov whole, struct ike_header h)
{
    struct v1_candidates all = v1_candidates_of(ike, sa);
    struct hearing r = tell_all(ike, &all, local, remote, whole, h);
    if (r.is_taken)
        return;
    if (r.busy) {
        let_wait(ike, r.busy, local, remote, whole);
        return;
    }
    bool is_clear = !(h.flags & IKE1_ENCRYPTED) && h.id == 0 && h.spi_r;
    struct ike_sa *proved = is_clear && h.next != PL1_SA ? just_proved_to(ike, &all, &h) : NULL;
    if (proved) {
        let_wait(ike, proved, local, remote, whole);
        return;
    }
    if (!is_clear || !begin_beside(ike, &all, whole, h)) {
        ike->stats.dropped++;
        return;
    }
    struct ike_sa *left = ike_by_spi(ike, all.spi);
    if (!left)
        return;
    all = v1_candidates_of(ike, left); /* the new ones take it */
    (void)tell_all(ike, &all, local, remote, whole, h);
    forget_idle(ike, &all);
    v1_waiting_heard(ike, all.spi);
}
