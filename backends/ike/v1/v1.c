/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a datagram of IKEv1 goes. */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

/* The SA that was made by this very message; NULL: by the cookie alone it may be another's. */
static struct ike_sa *made_by(struct ike *ike, const struct ike_end *remote, uint64_t cookie,
                              const uint8_t digest[static IKE_BEGUN_BY_LEN])
{
    struct ike_sa *sa = NULL;
    while ((sa = ike_by_peer(ike, cookie, &remote->addr, sa)))
        if (sa->version == 1 && !sa->initiator && memcmp(sa->begun_by, digest, IKE_BEGUN_BY_LEN) == 0)
            return sa;
    return NULL;
}

static void first(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                  size_t n, struct ike_header h)
{
    uint8_t digest[32];
    if (!v1_heard_digest(ike, true, local, remote, (struct ike_iov){p, n}, digest))
        return;
    struct ike_sa *sa = made_by(ike, remote, h.spi_i, digest);
    if (sa) {
        /* RFC 2408 §2.5.3: only the first message may lack our cookie, and only that one again is answered */
        if (ike_is(sa, IKE_BEGINS) && sa->v1 && ike_equal(digest, sa->v1->last_in, 32))
            (void)!v1_main(ike, sa, local, remote, p, n, h);
        else
            ike->stats.dropped++;
        return;
    }
    bool aggressive = h.exchange == X1_AGGRESSIVE;
    char t[ADDR_TEXT_MAX];
    if (aggressive && ike->policy->aggressive_disabled && ike->policy->n_v1) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL,
                "peer %s: aggressive mode refused: it is disabled (crypto isakmp aggressive-mode disable)",
                addr_text(&remote->addr, t));
        ike->stats.dropped++;
        return;
    }
    if (ike->policy->n_v1 == 0 && h.spi_i && (aggressive || h.exchange == X1_MAIN)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL,
                "peer %s calls by IKEv1, and the configuration has no isakmp policy", addr_text(&remote->addr, t));
        ike->stats.dropped++;
        return;
    }
    if (!h.spi_i || h.id || (h.flags & IKE1_ENCRYPTED) || (!aggressive && h.exchange != X1_MAIN) ||
        !ike_half_open_admit(ike, 1, IKE_HALF_EARLY, &local->addr, &remote->addr)) {
        ike->stats.dropped++;
        return;
    }
    sa = ike_sa_new(ike, 1, false, local, remote);
    if (!sa)
        return;
    sa->v1 = calloc(1, sizeof *sa->v1);
    if (!sa->v1) {
        ike_sa_free(ike, sa);
        return;
    }
    ike->stats.negotiations++;
    memcpy(sa->begun_by, digest, sizeof sa->begun_by);
    ike_peer_spi_known(ike, sa, h.spi_i);
    sa->known = ike_address_known(ike, &local->addr, &remote->addr);
    ike_half_open_set(ike, sa, IKE_HALF_EARLY);
    sa->half_open_until = ike->now + IKE_HALF_OPEN_MS;
    ike_timer_update(ike, sa);
    uint64_t id = sa->id, spi = sa->own_spi;
    if (!v1_main(ike, sa, local, remote, p, n, h))
        ike->stats.malformed++;
    sa = ike_still(ike, spi, id);
    if (sa && ike_is(sa, IKE_EMPTY) && !sa->busy)
        ike_sa_free(ike, sa);
}

/* The negotiation or SA with these two cookies; the responder's first answer is how its own becomes known. */
static struct ike_sa *with_cookies(const struct ike *ike, uint64_t own, const struct ike_header *h)
{
    for (struct ike_sa *sa = NULL; (sa = ike_with_spi(ike, own, sa));) {
        bool both = sa->spi_i == h->spi_i && sa->spi_r == h->spi_r;
        bool first_answer = sa->initiator && sa->spi_i == h->spi_i && !sa->spi_r && ike_is(sa, IKE_BEGINS);
        if (sa->version == 1 && (both || first_answer))
            return sa;
    }
    return NULL;
}

/* An answer to main mode with another cookie than that of the answer that is followed. */
static struct ike_sa *otherwise_answered(struct ike *ike, const struct ike_header *h)
{
    struct ike_sa *sa = ike_by_spi(ike, h->spi_i);
    bool is_one = sa && sa->version == 1 && sa->initiator && ike_is(sa, IKE_BEGINS) && h->exchange == X1_MAIN &&
                  !(h->flags & IKE1_ENCRYPTED) && h->next == PL1_SA;
    return is_one ? sa : NULL;
}

/* What is encrypted behind phase 1: who has proved himself under these cookies may not be the only one (RFC 2409 does
 * not say which of two peers a cookie is for). */
static void hear_encrypted(struct ike *ike, const struct ike_sa *first, const struct ike_ends *from,
                           struct ike_iov whole, struct ike_header h)
{
    const struct v1_candidates all = v1_candidates_of(ike, first);
    for (unsigned i = 0; i < all.n; i++) {
        struct ike_sa *sa = ike_still(ike, all.spi, all.id[i]);
        if (!sa || sa->spi_i != h.spi_i || sa->spi_r != h.spi_r)
            continue;
        if (h.exchange == X1_QUICK)
            v1_quick(ike, sa, from, whole, h);
        else
            v1_info(ike, sa, from, whole, h);
    }
}

/* A whole message with the cookies of that SA, or an answer to it with another one. */
static void hear(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                 struct ike_iov whole, struct ike_header h)
{
    const struct ike_ends from = {*local, *remote};
    /* The initiator goes on, so its last message of aggressive mode was lost: it sends that again when it gets ours
     * again. Nobody who has not got our cookie can ask for this. */
    const struct ike_occasion o = {.exchange = h.exchange, .on = IKE_ON_EARLY, .initiator = sa->initiator};
    bool may_be = !sa->busy && sa->v1->out && (h.flags & IKE1_ENCRYPTED);
    const struct ike_transition *early = may_be ? ike_transition_for(&ike1_transitions, sa, &o) : NULL;
    if (early) {
        ike_transition_heard(ike, sa, early, &(struct ike_message){.h = h});
        return;
    }
    switch (h.exchange) {
    case X1_MAIN:
        v1_main_to_all(ike, sa, local, remote, whole, h);
        break;
    case X1_AGGRESSIVE:
        if (!v1_main(ike, sa, local, remote, whole.p, whole.n, h))
            v1_wait_or_drop(ike, sa, local, remote, whole);
        break;
    case X1_QUICK:
    case X1_INFO:
        if (h.flags & IKE1_ENCRYPTED)
            hear_encrypted(ike, sa, &from, whole, h);
        else if (h.exchange == X1_INFO)
            v1_info(ike, sa, &from, whole, h);
        else
            ike->stats.dropped++;
        break;
    default: /* transaction exchanges (XAUTH, mode config) are not spoken */
        ike->stats.dropped++;
    }
}

/* A message that was put together, to whichever of those under the cookie `own` it is for. False: it is for none. */
MUST_CHECK static bool hear_whole(struct ike *ike, uint64_t own, const struct ike_ends *from, struct ike_iov whole)
{
    struct rd r = rd_of(whole.p, whole.n);
    struct ike_header h;
    bool is_one = ike_header_read(&r, &h) && h.next != PL1_FRAGMENT && h.version >> 4 == 1;
    struct ike_sa *sa = is_one ? with_cookies(ike, own, &h) : NULL;
    if (is_one && !sa && h.spi_i == own)
        sa = otherwise_answered(ike, &h);
    if (!sa)
        return false;
    hear(ike, sa, &from->local, &from->remote, whole, h);
    return true;
}

/* Pieces are kept with the oldest of those that are negotiated under one cookie: which of them a message is for only
 * the whole tells. */
static void hear_piece(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                       const uint8_t *p, size_t n)
{
    const struct v1_candidates all = v1_candidates_of(ike, sa);
    const struct ike_ends from = {*local, *remote};
    struct ike_sa *oldest = ike_still(ike, all.spi, all.id[0]);
    struct v1_wholes w;
    v1_fragment(ike, oldest, p, n, &w);
    for (unsigned i = 0; i < w.n; i++)
        if (!hear_whole(ike, all.spi, &from, w.v[i]))
            ike->stats.malformed++;
    v1_wholes_free(&w);
}

static void input(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                  size_t n, struct ike_header h)
{
    if (h.spi_r == 0 && h.exchange != X1_INFO) {
        first(ike, local, remote, p, n, h);
        return;
    }
    struct ike_sa *sa = with_cookies(ike, h.spi_r, &h);
    if (!sa)
        sa = with_cookies(ike, h.spi_i, &h);
    if (!sa)
        sa = otherwise_answered(ike, &h);
    if (!sa || !addr_eq(&sa->remote.addr, &remote->addr)) {
        ike->stats.dropped++;
        return;
    }
    const struct ike_ends from = {*local, *remote};
    sa = ike_in_order(ike, sa, &from, (struct ike_iov){p, n});
    if (!sa)
        return;
    if (h.next == PL1_FRAGMENT)
        hear_piece(ike, sa, local, remote, p, n);
    else
        hear(ike, sa, local, remote, (struct ike_iov){p, n}, h);
}

static void gone(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->v1)
        return;
    bool was_given = sa->v1->gave_hash && sa->v1->id_i; /* phase 1 has let it go where it is over */
    if (was_given && !ike->ending && !sa->is_dismissed)
        v1_say_unproved(ike, sa);
    while (sa->v1->quicks)
        v1_quick_free(sa, sa->v1->quicks);
    v1_candidate_gone(ike, sa);
    v1_phase1_free(sa);
    v1_fragments_free(sa->v1->fragments);
    free(sa->v1->out);
    free(sa->v1->mids.v);
    ike_wipe(sa->v1, sizeof *sa->v1);
    free(sa->v1);
    sa->v1 = NULL;
}

static bool move(struct ike *ike, struct ike_sa *sa, const struct ike_moves *m)
{
    (void)ike;
    struct ike1 *v = sa->v1;
    v->aggressive_peer = NULL;
    v->only_like = NULL;
    for (struct v1_quick *q = v->quicks, *next; q; q = next) {
        next = q->next;
        const struct ike_entry *to = ike_move_entry(m, q->entry);
        bool ok = ike_move_task(m, &q->task) && (to || !q->entry);
        if (ok && q->entry) {
            q->line = ike_move_line(q->entry, to, q->line);
            q->set = ike_move_set(q->entry, to, q->set);
            q->entry = to;
        }
        if (!ok)
            v1_quick_free(sa, q);
    }
    return true;
}

static void judge(struct ike *ike, struct ike_sa *sa)
{
    for (struct v1_quick *q = sa->v1->quicks, *next; q; q = next) {
        next = q->next;
        if (q->entry && !ike_still_serves(ike, sa, q->entry))
            v1_quick_free(sa, q);
    }
}

const struct ike_version ike_v1 = {.input = input,
                                   .start = v1_start,
                                   .next = v1_next,
                                   .tick = v1_tick,
                                   .gone = gone,
                                   .move = move,
                                   .judge = judge,
                                   .tell_end = v1_delete_child,
                                   .ask = v1_ask,
                                   .computed = v1_waiting_heard};
