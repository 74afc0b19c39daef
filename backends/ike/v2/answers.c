/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers to our IKE_SA_INIT (RFC 7296 §2.4): anybody may send one, and only IKE_AUTH tells which was the peer's. Each
 * is looked at when it comes. One is followed; the others wait with all that was made of them, so that who goes back to
 * one repeats its IKE_AUTH bit for bit (§2.1), and hears its answer whenever it comes.
 */
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

static void made_free(struct v2_made *d)
{
    if (d->keys) {
        ike_wipe(d->keys, sizeof *d->keys);
        free(d->keys);
    }
    free(d->request);
    v2_parts_drop(&d->parts);
    *d = (struct v2_made){0};
}

void v2_answer_free(struct v2_answer *a)
{
    free(a->p);
    made_free(&a->made);
    *a = (struct v2_answer){0};
}

/* The one that is followed, with what was made of it; of one that refuses the bytes alone, so that it is known. */
static struct v2_answer put_away(struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    struct v2_answer a = {.p = x->r_msg, .n = x->r_len, .to = sa->local.addr, .is_refused = x->is_refused};
    a.made = (struct v2_made){.spi_r = sa->spi_r,
                              .keys = sa->keys,
                              .suite = sa->suite,
                              .choice = x->choice,
                              .nr_len = x->nr_len,
                              .peer_hashes = x->peer_hashes,
                              .nat_local = sa->nat_local,
                              .nat_remote = sa->nat_remote,
                              .floated = sa->floated,
                              .fragments = sa->fragments,
                              .local_port = sa->local.port,
                              .remote_port = sa->remote.port,
                              .child_spi = sa->current ? sa->current->spi : 0,
                              .request = sa->request,
                              .request_len = sa->request_len,
                              .parts = sa->parts[1]};
    memcpy(a.made.nr, x->nr, x->nr_len);
    x->r_msg = NULL;
    x->r_len = 0;
    sa->keys = NULL;
    sa->request = NULL;
    sa->request_len = 0;
    sa->parts[1] = NULL;
    if (a.is_refused)
        made_free(&a.made);
    return a;
}

/* Goes on with one as it was left. */
static void take_up(struct ike *ike, struct ike_sa *sa, struct v2_answer *a)
{
    struct v2_initial *x = sa->exchange;
    const struct v2_made *d = &a->made;
    x->r_msg = a->p;
    x->r_len = a->n;
    sa->local.addr = a->to;
    x->choice = d->choice;
    x->nr_len = d->nr_len;
    memcpy(x->nr, d->nr, d->nr_len);
    x->peer_hashes = d->peer_hashes;
    x->is_refused = false;
    ike_peer_spi_known(ike, sa, d->spi_r);
    sa->keys = d->keys;
    sa->suite = d->suite;
    sa->proposal = d->choice.ours;
    sa->nat_local = d->nat_local;
    sa->nat_remote = d->nat_remote;
    sa->floated = d->floated;
    sa->fragments = d->fragments;
    sa->local.port = d->local_port;
    sa->remote.port = d->remote_port;
    if (sa->current)
        sa->current->spi = d->child_spi;
    sa->request = d->request;
    sa->request_len = d->request_len;
    sa->parts[1] = d->parts;
    sa->next_out = 1;
    ike_state_set(ike, sa, IKE_AUTH_SENT);
    *a = (struct v2_answer){0};
}

void v2_initial_move(struct ike_sa *sa, const struct ike_policy *from)
{
    struct v2_initial *x = sa->exchange;
    if (!x)
        return;
    if (sa->initiator && !x->offered && ike_policy_hold(x->ike, from)) /* out of memory: judged by the one in force */
        x->offered = from;
    x->choice.ours = NULL; /* nobody asks for it once it is chosen */
    x->choice.set = NULL;
    for (unsigned i = 0; i < x->n_others; i++) {
        x->others[i].made.choice.ours = NULL;
        x->others[i].made.choice.set = NULL;
    }
}

static struct v2_answer take_out(struct v2_initial *x, unsigned i)
{
    const struct v2_answer a = x->others[i];
    memmove(x->others + i, x->others + i + 1, sizeof *x->others * (x->n_others - i - 1));
    x->n_others--;
    return a;
}

static bool may_switch(const struct ike_sa *sa)
{
    const struct v2_initial *x = sa->exchange;
    return x && !sa->busy && x->dh && x->r_msg;
}

static bool same_bytes(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    return a && an == bn && memcmp(a, b, an) == 0;
}

/* Which one makes room when there is none: one that is refused, else the one that has been tried before the others. Its
 * peer sends it again when it hears IKE_SA_INIT again. */
static bool make_room(struct v2_initial *x)
{
    unsigned refused = x->n_others, tried = x->n_others;
    for (unsigned i = x->n_others; i-- > 0;) {
        if (x->others[i].is_refused)
            refused = i;
        if (x->others[i].made.keys)
            tried = i;
    }
    unsigned at = refused < x->n_others ? refused : tried;
    if (at == x->n_others)
        return false;
    struct v2_answer a = take_out(x, at);
    v2_answer_free(&a);
    return true;
}

void v2_answer_keep(const struct ike_sa *sa, const uint8_t *p, size_t n, const struct ip_addr *to)
{
    struct v2_initial *x = sa->exchange;
    bool known = same_bytes(x->r_msg, x->r_len, p, n) && addr_eq(&sa->local.addr, to);
    for (unsigned i = 0; i < x->n_others; i++)
        known |= same_bytes(x->others[i].p, x->others[i].n, p, n) && addr_eq(&x->others[i].to, to);
    if (known)
        return;
    if (!x->others) /* who answers, and who hears one answer, needs none */
        x->others = calloc(V2_ANSWERS_MAX + 1, sizeof *x->others);
    bool has_room = x->others && (x->n_others < V2_ANSWERS_MAX || make_room(x));
    uint8_t *copy = has_room ? malloc(n) : NULL;
    if (!copy)
        return;
    memcpy(copy, p, n);
    x->others[x->n_others++] = (struct v2_answer){.p = copy, .n = n, .to = *to};
}

bool v2_answered_by(struct ike *ike, struct ike_sa *sa, uint64_t spi_r)
{
    struct v2_initial *x = sa->exchange;
    for (unsigned i = 0; may_switch(sa) && i < x->n_others; i++) {
        if (!x->others[i].made.keys || x->others[i].made.spi_r != spi_r)
            continue;
        struct v2_answer a = take_out(x, i);
        x->others[x->n_others++] = put_away(sa);
        take_up(ike, sa, &a);
        return true;
    }
    return false;
}

bool v2_answer_exchange(struct v2_initial *x, unsigned i)
{
    struct v2_answer *a = &x->others[i];
    const uint8_t *p = x->r_msg;
    const size_t n = x->r_len, spi_r_at = 8;
    if (n < IKE_HEADER_LEN || a->n < IKE_HEADER_LEN || memcmp(a->p + spi_r_at, p + spi_r_at, 8) != 0)
        return false;
    x->r_msg = a->p;
    x->r_len = a->n;
    a->p = (uint8_t *)(uintptr_t)p;
    a->n = n;
    return true;
}

/* The request that was made for it, once more. */
static void repeat_request(struct ike *ike, struct ike_sa *sa)
{
    const uint64_t wait = (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries;
    sa->retransmit_at = ike->now + ike_jitter(ike, wait, 2);
    v2_resend(ike, sa, sa->request, sa->request_len);
    ike_timer_update(ike, sa);
}

/* Out of memory for the one that was to be followed: as it was before. */
static void put_back(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    struct v2_answer a = take_out(x, x->n_others - 1);
    if (a.made.keys) {
        take_up(ike, sa, &a);
        return;
    }
    x->r_msg = a.p;
    x->r_len = a.n;
    sa->local.addr = a.to;
    x->is_refused = a.is_refused;
    ike_state_set(ike, sa, IKE_AUTH_SENT);
}

/* So many secrets are made for one negotiation, whoever answers: a forger's answers cost him less than us. */
#define SECRETS_MAX 64

/* False: it cannot be followed any more, as the group or the proposals are others by now, or there is no memory. Then
 * the one before is followed on. */
static bool go_on_with(struct ike *ike, struct ike_sa *sa, struct v2_answer *a)
{
    struct v2_initial *x = sa->exchange;
    bool is_new = !a->made.keys;
    if (is_new && (x->n_secrets >= SECRETS_MAX || !v2_init_fits(ike, sa, a->p, a->n)))
        return false;
    x->n_secrets += is_new;
    x->tries_spent = is_new ? 0 : sa->request_tries;
    x->others[x->n_others++] = put_away(sa);
    sa->half_open_until = 0;
    if (a->made.keys) {
        take_up(ike, sa, a);
        repeat_request(ike, sa);
        return true;
    }
    sa->local.addr = a->to;
    sa->local.port = x->local_port; /* its NAT may be another */
    sa->remote.port = x->remote_port;
    sa->floated = false;
    x->is_refused = false;
    ike_state_set(ike, sa, IKE_INIT_SENT);
    bool is_followed = v2_init_follow(ike, sa, a->p, a->n);
    if (!is_followed)
        put_back(ike, sa);
    return is_followed;
}

bool v2_has_untried(const struct v2_initial *x)
{
    for (unsigned i = 0; i < x->n_others; i++)
        if (!x->others[i].is_refused && !x->others[i].made.keys)
            return true;
    return false;
}

/* One of those that are not refused, of those that have not been tried first, each as likely as another: there is no
 * place in the row that a forger could take. Their number: there is none. */
static unsigned any_of(struct ike *ike, const struct v2_initial *x)
{
    const bool untried = v2_has_untried(x);
    unsigned at = x->n_others, seen = 0;
    for (unsigned i = 0; i < x->n_others; i++) {
        const struct v2_answer *a = &x->others[i];
        uint32_t number;
        if (a->is_refused || (untried && a->made.keys))
            continue;
        ike->host.random(ike->host.ctx, &number, sizeof number);
        if (number % ++seen == 0)
            at = i;
    }
    return at;
}

bool v2_other_answer(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    for (unsigned at; may_switch(sa) && (at = any_of(ike, x)) < x->n_others;) {
        struct v2_answer a = take_out(x, at);
        bool goes_on = go_on_with(ike, sa, &a);
        v2_answer_free(&a);
        if (goes_on)
            return true;
    }
    return false;
}

/* So long the true answer may be on its way when a forged one has been refused: a satellite, a hub under load. */
#define OTHER_ANSWER_MS 4000

void v2_wait_for_another(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    x->is_refused = true;
    if (v2_other_answer(ike, sa))
        return;
    ike_state_set(ike, sa, IKE_AUTH_SENT);
    sa->retransmit_at = ike->now + OTHER_ANSWER_MS;
    ike_timer_update(ike, sa);
}
