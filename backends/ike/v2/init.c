/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE_SA_INIT, RFC 7296 §1.2:
 *
 *   HDR, SAi1, KEi, Ni  -->
 *                       <--  HDR, SAr1, KEr, Nr, [CERTREQ]
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

static void initial_free(void *p)
{
    struct v2_initial *x = p;
    if (x->offered)
        ike_policy_release(x->ike, x->offered);
    ike_dh_free(x->dh);
    free(x->i_msg);
    free(x->r_msg);
    for (unsigned i = 0; i < x->n_others; i++)
        v2_answer_free(&x->others[i]);
    free(x->others);
    ike_wipe(x, sizeof *x);
    free(x);
}

static struct v2_initial *initial_of(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange ? sa->exchange : calloc(1, sizeof *x);
    if (x && !sa->exchange) {
        x->ike = ike;
        sa->exchange = x;
        sa->exchange_free = initial_free;
    }
    return x;
}

/* By what our request was made. NULL: there is no such policy. */
static const struct ike_v2_policy *offered_by(const struct ike *ike, const struct ike_sa *sa)
{
    const struct v2_initial *x = sa->exchange;
    return v2_policy_of(x->offered ? x->offered : ike->policy, &sa->local.addr);
}

static bool keep_message(uint8_t **to, size_t *len, const uint8_t *p, size_t n)
{
    free(*to);
    *to = malloc(n);
    *len = n;
    if (*to)
        memcpy(*to, p, n);
    return *to != NULL;
}

static void nat_payloads(struct ike *ike, struct ike_sa *sa, struct ike_chain *c)
{
    uint8_t h[IKE_HASH_MAX];
    if (ike_nat_hash(ike, ALGO_INTEG_SHA1, sa->spi_i, sa->spi_r, &sa->local, h))
        ike2_notify_write(c, 0, NULL, 0, N2_NAT_DETECTION_SOURCE_IP, h, 20);
    if (ike_nat_hash(ike, ALGO_INTEG_SHA1, sa->spi_i, sa->spi_r, &sa->remote, h))
        ike2_notify_write(c, 0, NULL, 0, N2_NAT_DETECTION_DESTINATION_IP, h, 20);
}

/* Which ends are translated (§2.23). */
static void nat_look(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    uint8_t src[IKE_HASH_MAX], dst[IKE_HASH_MAX];
    bool any_src = false, src_fits = false, any_dst = false, dst_fits = false;
    if (!ike_nat_hash(ike, ALGO_INTEG_SHA1, m->h.spi_i, m->h.spi_r, &sa->remote, src) ||
        !ike_nat_hash(ike, ALGO_INTEG_SHA1, m->h.spi_i, m->h.spi_r, &sa->local, dst))
        return;
    for (unsigned i = 0; i < m->n; i++) {
        struct ike_notify n;
        if (m->v[i].type != PL2_NOTIFY || !ike2_notify_read(&m->v[i], &n) || n.n != 20)
            continue;
        if (n.type == N2_NAT_DETECTION_SOURCE_IP) {
            any_src = true;
            src_fits |= ike_equal(n.data, src, 20);
        } else if (n.type == N2_NAT_DETECTION_DESTINATION_IP) {
            any_dst = true;
            dst_fits |= ike_equal(n.data, dst, 20);
        }
    }
    sa->nat_remote = any_src && !src_fits;
    sa->nat_local = any_dst && !dst_fits;
}

static void look_at_notifies(const struct ike *ike, struct ike_sa *sa, const struct ike_message *m,
                             struct v2_initial *x)
{
    struct ike_notify n;
    sa->fragments = ike->policy->v2_fragmentation && ike2_notify_find(m, N2_IKEV2_FRAGMENTATION_SUPPORTED, &n);
    x->peer_hashes = 0;
    if (!ike2_notify_find(m, N2_SIGNATURE_HASH_ALGORITHMS, &n))
        return;
    struct rd r = rd_of(n.data, n.n);
    while (r.n >= 2) {
        uint16_t hash = rd_u16(&r);
        if (hash < 16)
            x->peer_hashes = (uint16_t)(x->peer_hashes | 1u << hash);
    }
}

/* What both sides say of themselves. Hash algorithms: SHA2-256, 384, 512 (RFC 7427 §4). */
static void own_notifies(struct ike *ike, struct ike_sa *sa, struct ike_chain *c)
{
    static const uint8_t hashes[] = {0, 2, 0, 3, 0, 4};
    nat_payloads(ike, sa, c);
    if (ike->policy->v2_fragmentation)
        ike2_notify_write(c, 0, NULL, 0, N2_IKEV2_FRAGMENTATION_SUPPORTED, NULL, 0);
    ike2_notify_write(c, 0, NULL, 0, N2_SIGNATURE_HASH_ALGORITHMS, hashes, sizeof hashes);
}

void v2_fail(struct ike *ike, struct ike_sa *sa, const char *fmt, ...)
{
    char why[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "%s", why);
    v2_give_up(ike, sa, why);
}

/* ---- initiator ---- */

#define NO_POLICY "no IKEv2 policy holds for this address"

static void send_init(struct ike *ike, struct ike_sa *sa, struct v2_initial *x, const uint8_t *public_value)
{
    struct wr w = wr_to(ike->out, sizeof ike->out);
    struct ike_chain c = {&w, 16};
    struct ike_header h = {sa->spi_i, 0, 0, 0x20, X2_SA_INIT, IKE2_INITIATOR, 0, 0};
    if (x->offered) /* what is offered now is of the policy in force */
        ike_policy_release(ike, x->offered);
    x->offered = NULL;
    const struct ike_v2_policy *p = offered_by(ike, sa);
    if (!p) {
        v2_fail(ike, sa, NO_POLICY);
        return;
    }
    ike_header_write(&w, &h);
    if (sa->cookie_len)
        ike2_notify_write(&c, 0, NULL, 0, N2_COOKIE, sa->cookie, sa->cookie_len);
    size_t at = ike_pl_begin(&c, PL2_SA);
    v2_ike_proposals(&w, p, 0, 0);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, algo_get((enum algo_id)x->group)->ikev2, public_value, ike_dh_len((enum algo_id)x->group));
    ike_pl_bytes(&c, PL2_NONCE, x->ni, x->ni_len);
    own_notifies(ike, sa, &c);
    ike_header_finish(&w, 0);
    if (w.bad || !keep_message(&x->i_msg, &x->i_len, w.p, w.n) || !v2_keep(&sa->request, &sa->request_len, w.p, w.n)) {
        v2_fail(ike, sa, "IKE_SA_INIT cannot be made: too many proposals, or out of memory");
        return;
    }
    sa->request_tries = 0;
    sa->retransmit_at = ike->now + ike_jitter(ike, IKE_RETRANSMIT_MS, 2);
    ike_state_set(ike, sa, IKE_INIT_SENT);
    ike_timer_update(ike, sa);
    v2_resend(ike, sa, sa->request, sa->request_len);
}

static void key_made(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v2_initial *x = sa->exchange;
    if (!j->ok) {
        v2_fail(ike, sa, "no Diffie-Hellman key of group %s can be made", algo_get(j->group)->name);
        return;
    }
    x->dh = j->dh;
    j->dh = NULL;
    send_init(ike, sa, x, j->public_value);
}

void v2_start(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = initial_of(ike, sa);
    const struct ike_v2_policy *p = v2_policy_for(ike, &sa->local.addr);
    if (!x || !p || p->n == 0 || p->proposals[0]->dh.n == 0) {
        v2_fail(ike, sa, NO_POLICY);
        return;
    }
    ike->stats.negotiations++;
    sa->expire_at = ike->now + IKE_NEGOTIATION_MS;
    x->local_port = sa->local.port;
    x->remote_port = sa->remote.port;
    x->ni_len = NONCE_LEN;
    ike->host.random(ike->host.ctx, x->ni, x->ni_len);
    x->group = p->proposals[0]->dh.v[0].alg;
    ike_job_start(ike, sa, (enum algo_id)x->group, NULL, NULL, 0, key_made);
}

static bool offered_group(const struct ike_v2_policy *p, enum algo_id g)
{
    for (unsigned i = 0; p && i < p->n; i++)
        for (unsigned k = 0; k < p->proposals[i]->dh.n; k++)
            if (p->proposals[i]->dh.v[k].alg == g)
                return true;
    return false;
}

/* Answers that mean: once more, differently. They are not authenticated, so they are followed a few times only, and
 * only to a group that we offered (downgrade, §2.6, §1.2). True if the message has been dealt with. */
static bool once_more(struct ike *ike, struct ike_sa *sa, struct v2_initial *x, const struct ike_message *m)
{
    struct ike_notify n;
    if (ike2_notify_find(m, N2_COOKIE, &n) && !ike_find(m, PL2_SA, 0)) {
        if (n.n == 0 || n.n > sizeof sa->cookie || ++x->tries > 4)
            return true;
        memcpy(sa->cookie, n.data, n.n);
        sa->cookie_len = (unsigned)n.n;
        uint8_t own[IKE_DH_MAX];
        if (x->dh && ike_dh_public(x->dh, own))
            send_init(ike, sa, x, own);
        return true;
    }
    if (ike2_notify_find(m, N2_INVALID_KE_PAYLOAD, &n)) {
        enum algo_id g = n.n == 2 ? v2_group((uint16_t)(n.data[0] << 8 | n.data[1])) : ALGO_NONE;
        if (g == ALGO_NONE || g == (enum algo_id)x->group || ++x->tries > 4 ||
            !offered_group(v2_policy_for(ike, &sa->local.addr), g)) /* it is asked again by the policy in force */
            return true;
        sa->retransmit_at = 0;
        ike_dh_free(x->dh);
        x->dh = NULL;
        x->group = (uint16_t)g;
        ike_job_start(ike, sa, g, NULL, NULL, 0, key_made);
        return true;
    }
    return false;
}

static bool make_keys(struct ike *ike, struct ike_sa *sa, struct v2_initial *x, const uint8_t *shared)
{
    if (!sa->keys)
        sa->keys = calloc(1, sizeof *sa->keys);
    return sa->keys && ike2_keys(ike->crypto, &sa->suite, shared, ike_dh_shared_len(sa->suite.dh),
                                 (struct ike_iov){x->ni, x->ni_len}, (struct ike_iov){x->nr, x->nr_len}, sa->spi_i,
                                 sa->spi_r, NULL, ALGO_NONE, sa->keys);
}

/* The answer was not the peer's, or of no use: on with the request as if it had not come. */
static void answer_was_nothing(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    x->is_refused = false;
    if (!v2_keep(&sa->request, &sa->request_len, x->i_msg, x->i_len)) {
        v2_give_up(ike, sa, "out of memory");
        return;
    }
    ike_peer_spi_known(ike, sa, 0);
    ike_state_set(ike, sa, IKE_INIT_SENT);
    sa->next_out = 0;
    sa->nat_local = sa->nat_remote = sa->floated = false;
    sa->local.port = x->local_port;
    sa->remote.port = x->remote_port;
    uint64_t wait = (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries;
    sa->retransmit_at = ike->now + ike_jitter(ike, wait, 2);
    ike_timer_update(ike, sa);
}

static void initiator_has_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v2_initial *x = sa->exchange;
    x->dh = j->dh; /* another answer may have to be followed */
    j->dh = NULL;
    if (!j->ok || !make_keys(ike, sa, x, j->shared)) {
        ike->stats.malformed++;
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL,
                "a Diffie-Hellman value is refused (RFC 6989): the answer to IKE_SA_INIT is ignored");
        x->is_refused = true;
        if (!v2_other_answer(ike, sa))
            answer_was_nothing(ike, sa);
        return;
    }
    if (sa->nat_local || sa->nat_remote)
        ike_float(sa);
    v2_auth_start(ike, sa);
}

/* Can an answer be followed? NULL, or why not. */
static const char *judge_answer(struct ike *ike, const struct ike_sa *sa, const struct ike_message *m,
                                struct v2_choice *choice)
{
    const struct v2_initial *x = sa->exchange;
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *ke = ike_find(m, PL2_KE, 0),
                             *nonce = ike_find(m, PL2_NONCE, 0);
    const enum algo_id own = (enum algo_id)x->group;
    uint16_t group;
    const uint8_t *value;
    size_t value_len;
    if (!sap || !ke || !nonce || !m->h.spi_r || nonce->n < 16 || nonce->n > NONCE_MAX ||
        !ike2_ke_read(ke, &group, &value, &value_len))
        return "it lacks something";
    v2_choose_ike(offered_by(ike, sa), sap, 0, choice);
    if (!choice->found)
        return choice->why;
    if (choice->suite.dh != own || group != algo_get(own)->ikev2 || value_len != ike_dh_len(own))
        return "another group";
    return NULL;
}

/* An answer that has been looked at is followed until the peer proves itself, or does not. False: out of memory. */
static bool follow_answer(struct ike *ike, struct ike_sa *sa, const struct ike_message *m,
                          const struct v2_choice *choice)
{
    struct v2_initial *x = sa->exchange;
    const struct ike_payload *nonce = ike_find(m, PL2_NONCE, 0);
    const uint8_t *value = v2_public_value_of(m, (enum algo_id)x->group);
    if (!value || !keep_message(&x->r_msg, &x->r_len, m->whole, m->whole_len))
        return false;
    x->choice = *choice;
    sa->retransmit_at = 0; /* the request is kept until the peer has proved itself */
    ike_peer_spi_known(ike, sa, m->h.spi_r);
    sa->suite = x->choice.suite;
    sa->proposal = x->choice.ours;
    memcpy(x->nr, nonce->p, nonce->n);
    x->nr_len = nonce->n;
    nat_look(ike, sa, m);
    sa->nat_local |= x->local_unknown;
    look_at_notifies(ike, sa, m, x);
    sa->next_out = 1;
    ike_timer_update(ike, sa);
    struct ike_dh *dh = x->dh;
    x->dh = NULL;
    ike_job_start(ike, sa, (enum algo_id)x->group, dh, value, ike_dh_len((enum algo_id)x->group), initiator_has_secret);
    return true;
}

void v2_init_look_again(struct ike *ike, struct ike_sa *sa)
{
    struct v2_initial *x = sa->exchange;
    struct ike_message m = {.whole = x->r_msg, .whole_len = x->r_len};
    struct rd r = rd_of(x->r_msg, x->r_len);
    uint8_t inner;
    if (!ike_header_read(&r, &m.h) || !ike_chain_read(&r, m.h.next, &m, &inner))
        return;
    nat_look(ike, sa, &m);
    sa->nat_local |= x->local_unknown;
    look_at_notifies(ike, sa, &m, x);
    if (!sa->floated && (sa->nat_local || sa->nat_remote))
        ike_float(sa);
}

/* What was kept, read once more. NULL: it can be followed; or why not. */
static const char *judge_kept(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n,
                              struct ike_message *m, struct v2_choice *choice)
{
    *m = (struct ike_message){.whole = p, .whole_len = n};
    struct rd r = rd_of(p, n);
    uint8_t inner;
    bool good = ike_header_read(&r, &m->h) && ike_chain_read(&r, m->h.next, m, &inner) && !inner;
    return good ? judge_answer(ike, sa, m, choice) : "it is malformed";
}

bool v2_init_fits(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n)
{
    struct ike_message m;
    struct v2_choice choice;
    return !judge_kept(ike, sa, p, n, &m, &choice);
}

bool v2_init_follow(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n)
{
    struct ike_message m;
    struct v2_choice choice;
    return !judge_kept(ike, sa, p, n, &m, &choice) && follow_answer(ike, sa, &m, &choice);
}

void v2_init_ask_again(struct ike *ike, const struct ike_sa *sa)
{
    const struct v2_initial *x = sa->exchange;
    const struct ike_end local = {sa->local.addr, x->local_port}, remote = {sa->remote.addr, x->remote_port};
    ike->stats.datagrams_out++;
    ike->host.send(ike->host.ctx, &local, &remote, x->i_msg, x->i_len);
}

/* While another one is followed: it is kept if it could be followed too. */
void v2_init_other(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_initial *x = sa->exchange;
    struct v2_choice choice;
    if (!x || ike2_check(m) || judge_answer(ike, sa, m, &choice))
        return;
    v2_answer_keep(sa, m->whole, m->whole_len, &ike->here.addr);
    if (x->is_refused && v2_other_answer(ike, sa))
        return;
}

bool v2_has_no_address(const struct ike_sa *sa)
{
    const struct v2_initial *x = sa->exchange;
    return sa->local.addr.family == FAMILY_NONE || (x && x->local_unknown);
}

void v2_init_response(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_initial *x = sa->exchange;
    struct ike_notify no;
    if (!x || sa->busy || !x->dh) { /* one is being followed */
        v2_init_other(ike, sa, m);
        return;
    }
    if (once_more(ike, sa, x, m))
        return;
    if (ike2_notify_find(m, N2_NO_PROPOSAL_CHOSEN, &no)) {
        /* anyone could have sent it: it ends nothing before the retransmissions do, but it is worth saying */
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL,
                "the peer answers NO_PROPOSAL_CHOSEN: it has none of our IKEv2 proposals");
        return;
    }
    if (sa->local.addr.family == FAMILY_NONE) {
        sa->local.addr = ike->here.addr;
        x->local_unknown = true;
    }
    struct v2_choice choice;
    const char *bad = judge_answer(ike, sa, m, &choice);
    if (bad) /* it might as well not have come */
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "the peer chose what was not offered: %s", bad);
    else
        (void)!follow_answer(ike, sa, m, &choice);
}

/* ---- responder ---- */

/* An answer outside any SA, which nothing is kept for. */
void v2_refuse(struct ike *ike, const struct ike_end *local, const struct ike_end *remote, const struct ike_header *q,
               uint16_t type, const void *data, size_t n)
{
    uint8_t b[256];
    struct wr w = wr_to(b, sizeof b);
    struct ike_chain c = {&w, 16};
    struct ike_header h = {q->spi_i, 0, 0, 0x20, X2_SA_INIT, IKE2_RESPONSE, q->id, 0};
    ike_header_write(&w, &h);
    ike2_notify_write(&c, 0, NULL, 0, type, data, n);
    ike_header_finish(&w, 0);
    if (w.bad)
        return;
    ike->stats.datagrams_out++;
    ike->host.send(ike->host.ctx, local, remote, b, w.n);
}

static void responder_has_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v2_initial *x = sa->exchange;
    if (!j->ok) {
        v2_fail(ike, sa, "the peer's Diffie-Hellman value is refused (RFC 6989)");
        return;
    }
    struct wr w = wr_to(ike->out, sizeof ike->out);
    struct ike_chain c = {&w, 16};
    struct ike_header h = {sa->spi_i, sa->spi_r, 0, 0x20, X2_SA_INIT, IKE2_RESPONSE, 0, 0};
    ike_header_write(&w, &h);
    size_t at = ike_pl_begin(&c, PL2_SA);
    ike2_proposal_write(&w, &x->choice.chosen, true);
    ike_pl_end(&c, at);
    ike2_ke_write(&c, algo_get(sa->suite.dh)->ikev2, j->public_value, ike_dh_len(sa->suite.dh));
    ike_pl_bytes(&c, PL2_NONCE, x->nr, x->nr_len);
    v2_cert_requests(ike, &c);
    own_notifies(ike, sa, &c);
    ike2_notify_write(&c, 0, NULL, 0, N2_CHILDLESS_IKEV2_SUPPORTED, NULL, 0);
    ike_header_finish(&w, 0);
    if (w.bad || !make_keys(ike, sa, x, j->shared) || !keep_message(&x->r_msg, &x->r_len, w.p, w.n) ||
        !v2_keep(&sa->response, &sa->response_len, w.p, w.n)) {
        v2_fail(ike, sa, "IKE_SA_INIT cannot be answered: out of memory");
        return;
    }
    sa->response_id = 0;
    sa->next_in = 1;
    v2_resend(ike, sa, sa->response, sa->response_len);
}

static unsigned cookie_threshold(const struct ike *ike)
{
    return ike->policy->cookie_threshold ? ike->policy->cookie_threshold : 100;
}

void v2_init_again(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    (void)m;
    if (sa->response)
        v2_resend(ike, sa, sa->response, sa->response_len);
}

/* Made when somebody asks for it: what is answered by a cookie is in a flood, and few of them are like any before. */
struct heard {
    const struct ike_end *local, *remote;
    const struct ike_message *m;
    bool is_made;
    uint8_t digest[32];
};

/* False: out of memory. */
MUST_CHECK static bool heard_digest(struct ike *ike, struct heard *h)
{
    const struct ike_iov whole = {h->m->whole, h->m->whole_len};
    if (!h->is_made)
        h->is_made = ike_heard_digest(ike, h->local, h->remote, whole, h->digest);
    return h->is_made;
}

/* A request is known by the whole of it (§2.1): by its SPI anybody may have come before, or made the peer ask again
 * otherwise (a forged COOKIE). True: it has been dealt with. */
static bool is_sent_again(struct ike *ike, struct heard *h)
{
    const struct ike_message *m = h->m;
    const struct ike_occasion o = {.exchange = X2_SA_INIT, .on = IKE_ON_REQUEST};
    for (struct ike_sa *sa = NULL; (sa = ike_by_peer(ike, m->h.spi_i, &h->remote->addr, sa));) {
        if (sa->initiator || sa->version != 2)
            continue;
        if (!heard_digest(ike, h))
            return true;
        if (memcmp(sa->begun_by, h->digest, IKE_BEGUN_BY_LEN) != 0)
            continue; /* by its SPI alone it may be another's, or one of a rekeying, which its peer chose as it liked */
        const struct ike_transition *again = ike_transition_for(&ike2_transitions, sa, &o);
        if (again)
            ike_transition_heard(ike, sa, again, m);
        return true;
    }
    return false;
}

/* What was chosen is in the exchange; the secret is the rest. */
void v2_init_first(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v2_initial *x = sa->exchange;
    const struct ike_payload *ke = ike_find(m, PL2_KE, 0), *nonce = ike_find(m, PL2_NONCE, 0);
    uint16_t group;
    const uint8_t *value;
    size_t value_len;
    if (!ike2_ke_read(ke, &group, &value, &value_len))
        return;
    ike_state_set(ike, sa, IKE_INIT_DONE);
    sa->suite = x->choice.suite;
    sa->proposal = x->choice.ours;
    sa->floated = sa->local.port == IKE_PORT_NATT;
    memcpy(x->ni, nonce->p, nonce->n);
    x->ni_len = nonce->n;
    x->nr_len = NONCE_LEN;
    ike->host.random(ike->host.ctx, x->nr, x->nr_len);
    nat_look(ike, sa, m);
    look_at_notifies(ike, sa, m, x);
    sa->half_open_until = ike->now + IKE_HALF_OPEN_MS;
    ike_timer_update(ike, sa);
    ike_job_start(ike, sa, sa->suite.dh, NULL, value, value_len, responder_has_secret);
}

void v2_init_request(struct ike *ike, const struct ike_end *local, const struct ike_end *remote,
                     const struct ike_message *m)
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *ke = ike_find(m, PL2_KE, 0),
                             *nonce = ike_find(m, PL2_NONCE, 0);
    uint16_t group;
    const uint8_t *value;
    size_t value_len;
    struct ike_notify no;
    if (!m->h.spi_i || m->h.id != 0 || ike2_check(m) || nonce->n < 16 || nonce->n > NONCE_MAX ||
        !ike2_ke_read(ke, &group, &value, &value_len)) {
        ike->stats.malformed++;
        return;
    }
    struct heard heard = {.local = local, .remote = remote, .m = m};
    if (is_sent_again(ike, &heard))
        return;
    const struct ike_iov nonce_v = {nonce->p, nonce->n};
    if (ike->policy->n_v2 == 0) {
        char t[ADDR_TEXT_MAX];
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL,
                "peer %s calls by IKEv2, and the configuration has no IKEv2 profile for it",
                addr_text(&remote->addr, t));
        ike->stats.dropped++;
        return;
    }
    enum ike_half_open kind = IKE_HALF_EARLY;
    if (ike2_notify_find(m, N2_COOKIE, &no) && ike_cookie_good(ike, m->h.spi_i, &remote->addr, nonce_v, no.data, no.n))
        kind = IKE_HALF_PROVED;
    bool crowded = ike_half_open_count(ike, 2) >= cookie_threshold(ike) || ike_source_crowded(ike, 2, &remote->addr);
    if (crowded && kind == IKE_HALF_EARLY) {
        uint8_t cookie[64];
        size_t len = ike_cookie_make(ike, m->h.spi_i, &remote->addr, nonce_v, cookie);
        ike->stats.cookies_sent++;
        v2_refuse(ike, local, remote, &m->h, N2_COOKIE, cookie, len);
        return;
    }
    struct v2_choice choice;
    v2_choose_ike(v2_policy_for(ike, &local->addr), sap, 0, &choice);
    if (!choice.found) {
        char t[ADDR_TEXT_MAX];
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL, "peer %s: IKE_SA_INIT refused: %s",
                addr_text(&remote->addr, t), choice.why);
        v2_refuse(ike, local, remote, &m->h, N2_NO_PROPOSAL_CHOSEN, NULL, 0);
        return;
    }
    if (group != algo_get(choice.suite.dh)->ikev2) {
        const uint8_t want[2] = {0, (uint8_t)algo_get(choice.suite.dh)->ikev2};
        v2_refuse(ike, local, remote, &m->h, N2_INVALID_KE_PAYLOAD, want, 2);
        return;
    }
    if (value_len != ike_dh_len(choice.suite.dh)) {
        ike->stats.malformed++;
        return;
    }
    if (!ike_half_open_admit(ike, 2, kind, &local->addr, &remote->addr)) {
        ike->stats.dropped++;
        return;
    }
    struct ike_sa *sa = heard_digest(ike, &heard) ? ike_sa_new(ike, 2, false, local, remote) : NULL;
    struct v2_initial *x = sa ? initial_of(ike, sa) : NULL;
    const struct ike_occasion o = {.exchange = X2_SA_INIT, .on = IKE_ON_FIRST};
    const struct ike_transition *row = sa ? ike_transition_for(&ike2_transitions, sa, &o) : NULL;
    if (!x || !row || !keep_message(&x->i_msg, &x->i_len, m->whole, m->whole_len)) {
        if (sa)
            ike_sa_free(ike, sa);
        return;
    }
    ike->stats.negotiations++;
    memcpy(sa->begun_by, heard.digest, sizeof sa->begun_by);
    ike_peer_spi_known(ike, sa, m->h.spi_i);
    sa->known = ike_address_known(ike, &local->addr, &remote->addr);
    ike_half_open_set(ike, sa, kind);
    x->choice = choice;
    ike_transition_heard(ike, sa, row, m);
}
