/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a datagram of IKEv2 goes. */
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

/* RFC 7296 §2.5: what is marked critical and not understood is refused; the rest of it is left out. */
static uint8_t unknown_critical(const struct ike_message *m)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->v[i].critical && (m->v[i].type < PL2_SA || m->v[i].type > PL2_EAP))
            return m->v[i].type;
    return 0;
}

/* Who asks for an IKE SA goes from port 500 to 4500, and from no other unless there is a NAT before him. */
static bool may_float(const struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    bool is_there = addr_eq(&sa->local.addr, &local->addr) && addr_eq(&sa->remote.addr, &remote->addr);
    bool begins = ike_is(sa, IKE_BEGINS) && !sa->initiator && !ike_is_at(&sa->remote, remote);
    bool is_natt = remote->port == IKE_PORT_NATT && local->port == IKE_PORT_NATT;
    return is_there && begins && (sa->nat_remote || is_natt);
}

static void heard_from(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                       uint32_t request)
{
    if (may_float(sa, local, remote))
        ike_follow_to(ike, sa, local, remote, request);
    else if (ike_is(sa, IKE_BEGINS))
        ike_follow(ike, sa, local, remote, request);
    else if (ike_is_elsewhere(ike, sa, local, remote))
        v2_ask_anew(ike, sa);
}

static void heard_again_from(struct ike *ike, struct ike_sa *sa, const struct ike_end *local,
                             const struct ike_end *remote, uint32_t request)
{
    if (ike_follow_back(ike, sa, local, remote, request) || ike_is(sa, IKE_BEGINS))
        return;
    if (ike_may_be_elsewhere(ike, sa, local, remote))
        v2_ask(ike, sa);
}

/* The one who is followed may be somebody with a copy of it. */
static void answer_again(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote)
{
    bool may_be_there = addr_eq(&sa->remote.addr, &remote->addr) || ike_may_move(sa, local);
    if (!may_be_there || !ike_may_answer_again(ike, sa, remote))
        return;
    const struct ike_ends were = ike_ends_swap(sa, (struct ike_ends){*local, *remote});
    v2_resend(ike, sa, sa->response, sa->response_len);
    sa->local = were.local;
    sa->remote = were.remote;
}

/* Of a fragmented request only the first fragment is answered again (RFC 7383 §2.6.1). */
static bool first_fragment(const uint8_t *p, size_t n)
{
    return n > IKE_HEADER_LEN + 6 && p[16] == PL2_SKF && p[IKE_HEADER_LEN + 4] == 0 && p[IKE_HEADER_LEN + 5] == 1;
}

/* False: it is not authentic, or none that is waited for. */
MUST_CHECK static bool protected_message(struct ike *ike, struct ike_sa *sa, const struct ike_end *local,
                                         const struct ike_end *remote, const uint8_t *p, size_t n, struct ike_header h)
{
    bool response = h.flags & IKE2_RESPONSE;
    uint8_t first, inner, spi_flag = sa->initiator ? 0 : IKE2_INITIATOR;
    if (!sa->keys || sa->busy || (h.flags & IKE2_INITIATOR) != spi_flag) {
        ike->stats.dropped++; /* also what is reflected back to us */
        return false;
    }
    bool old = !response && h.id == sa->response_id,
         wanted = response ? sa->request && h.id == sa->next_out : h.id == sa->next_in;
    if (!old && !wanted) {
        ike->stats.replays++;
        return false;
    }
    size_t len;
    enum v2_opened opened = v2_open(ike, sa, p, n, old, &first, &len);
    if (opened == V2_NOT_AUTHENTIC) {
        ike->stats.auth_failed++;
        return false;
    }
    if (old) { /* whole or a fragment (RFC 7383 §2.6.1) */
        heard_again_from(ike, sa, local, remote, h.id);
        if (opened == V2_WHOLE || first_fragment(p, n))
            answer_again(ike, sa, local, remote);
        return true;
    }
    if (opened == V2_INCOMPLETE)
        return true;
    struct ike_message m = {.h = h};
    struct rd r = rd_of(ike->plain, len);
    bool good = opened == V2_WHOLE && (len != 0 || first == PL_NONE) && ike_chain_read(&r, first, &m, &inner);
    sa->last_in = ike->now;
    bool is_in_doubt = false;
    if (response) {
        is_in_doubt = ike_place_answered(ike, sa, remote);
    } else {
        heard_from(ike, sa, local, remote, h.id);
        bool may_be_there = ike_is_at(&sa->remote, remote) || ike_may_move(sa, local);
        sa->asked_from = may_be_there ? (struct ike_ends){*local, *remote} : (struct ike_ends){sa->local, sa->remote};
    }
    if (is_in_doubt)
        v2_ask_behind(ike, sa);
    const struct ike_occasion o = {.exchange = h.exchange,
                                   .on = response ? IKE_ON_RESPONSE : IKE_ON_REQUEST,
                                   .initiator = response,
                                   .task = response && sa->current ? sa->current->kind : TASK_NONE};
    const struct ike_transition *row = ike_transition_for(&ike2_transitions, sa, &o);
    if (!row) {
        ike->stats.dropped++;
        return true;
    }
    uint8_t critical = good ? unknown_critical(&m) : 0;
    const char *bad = good ? ike2_check(&m) : "it is malformed";
    if (!response && critical) {
        v2_respond_notify(ike, sa, h.exchange, h.id, N2_UNSUPPORTED_CRITICAL_PAYLOAD, &critical, 1);
        return true;
    }
    if (bad || critical) { /* §2.21.3: authenticated, so it is answered */
        ike->stats.malformed++;
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "%s %s is not understood: %s", ike_exchange_name(h.exchange),
                response ? "response" : "request", bad ? bad : "an unknown payload is marked critical");
        if (!response)
            v2_respond_notify(ike, sa, h.exchange, h.id, N2_INVALID_SYNTAX, NULL, 0);
        if (ike_is(sa, IKE_BEGINS) && response)
            v2_wait_for_another(ike, sa);
        else if (ike_is(sa, IKE_BEGINS))
            v2_give_up(ike, sa, "it is not understood");
        return true;
    }
    const struct ike_ends from = {*local, *remote};
    bool is_early = !response && opened == V2_WHOLE && v2_deletes_too_soon(ike, sa, &m);
    if (!is_early || !ike_hear_later(ike, sa, &from, (struct ike_iov){p, n}, h))
        ike_transition_heard(ike, sa, row, &m);
    return true;
}

/* An answer to IKE_SA_INIT: to the request that waits for one, or a second one. */
static void init_answered(struct ike *ike, const struct ike_end *remote, const struct ike_message *m)
{
    struct ike_sa *sa = ike_by_spi(ike, m->h.spi_i);
    bool is_its = sa && sa->version == 2 && sa->initiator && !(m->h.flags & IKE2_INITIATOR) && m->h.id == 0;
    bool is_to_us = is_its && (v2_has_no_address(sa) || addr_eq(&sa->local.addr, &ike->here.addr));
    bool fits = is_to_us && addr_eq(&sa->remote.addr, &remote->addr);
    struct ike_occasion o = {.exchange = X2_SA_INIT, .on = IKE_ON_RESPONSE, .initiator = true};
    const struct ike_transition *row = fits ? ike_transition_for(&ike2_transitions, sa, &o) : NULL;
    o.on = IKE_ON_OTHER;
    if (fits && !row)
        row = ike_transition_for(&ike2_transitions, sa, &o);
    if (row)
        ike_transition_heard(ike, sa, row, m);
    else
        ike->stats.dropped++;
}

static void init_input(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                       size_t n, struct ike_header h)
{
    bool response = h.flags & IKE2_RESPONSE;
    struct ike_message m = {.h = h, .whole = p, .whole_len = n};
    struct rd r = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    uint8_t inner;
    bool good = ike_chain_read(&r, h.next, &m, &inner) && !inner;
    uint8_t critical = good ? unknown_critical(&m) : 0;
    bool is_first = !response && (h.flags & IKE2_INITIATOR) && h.spi_r == 0;
    if (!good || critical) {
        ike->stats.malformed++;
        /* §2.5; in clear and shorter than what it answers */
        if (critical && is_first && ike->policy->n_v2)
            v2_refuse(ike, local, remote, &h, N2_UNSUPPORTED_CRITICAL_PAYLOAD, &critical, 1);
    } else if (response) {
        init_answered(ike, remote, &m);
    } else if (is_first) {
        v2_init_request(ike, local, remote, &m);
    } else {
        ike->stats.dropped++;
    }
}

/* By the SPI of an answer that waits: that one is followed if the message is authentic by its keys, else it was
 * nobody's. */
static void other_answers(struct ike *ike, struct ike_sa *sa, const struct ike_end *local, const struct ike_end *remote,
                          struct ike_iov whole, struct ike_header h)
{
    const uint64_t id = sa->id, spi = sa->own_spi, was_followed = sa->spi_r;
    if (!v2_answered_by(ike, sa, h.spi_r)) {
        ike->stats.dropped++;
        return;
    }
    bool is_authentic = protected_message(ike, sa, local, remote, whole.p, whole.n, h);
    sa = ike_still(ike, spi, id);
    if (sa && !is_authentic) /* it may be gone from among those that wait: then this one is followed */
        (void)!v2_answered_by(ike, sa, was_followed);
}

static void input(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p,
                  size_t n, struct ike_header h)
{
    if (h.exchange == X2_SA_INIT) {
        init_input(ike, local, remote, p, n, h);
        return;
    }
    struct ike_sa *sa = ike_by_spi(ike, h.flags & IKE2_INITIATOR ? h.spi_r : h.spi_i);
    bool is_its = sa && sa->version == 2 && sa->spi_i == h.spi_i;
    if (is_its && sa->spi_r != h.spi_r && ike_is(sa, IKE_BEGINS) && sa->initiator) {
        other_answers(ike, sa, local, remote, (struct ike_iov){p, n}, h);
        return;
    }
    if (!is_its || sa->spi_r != h.spi_r) {
        ike->stats.dropped++;
        return;
    }
    const struct ike_ends from = {*local, *remote};
    sa = ike_in_order(ike, sa, &from, (struct ike_iov){p, n});
    if (sa)
        (void)!protected_message(ike, sa, local, remote, p, n, h);
}

static void gone(struct ike *ike, struct ike_sa *sa)
{
    (void)ike;
    v2_parts_free(sa);
    if (sa->pending)
        ike_wipe(sa->pending, sizeof *sa->pending);
    free(sa->pending);
    sa->pending = NULL;
}

static void start(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_occasion o = {.exchange = X2_SA_INIT, .on = IKE_ON_TASK, .initiator = true};
    const struct ike_transition *row = ike_transition_for(&ike2_transitions, sa, &o);
    if (row)
        ike_transition_begin(ike, sa, row);
}

const struct ike_version ike_v2 = {.input = input,
                                   .start = start,
                                   .next = v2_next,
                                   .tick = v2_tick,
                                   .gone = gone,
                                   .move = v2_create_move,
                                   .judge = v2_create_judge,
                                   .ask = v2_ask};
