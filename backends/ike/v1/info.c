/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Informational exchanges (RFC 2409 §5.7), dead peer detection (RFC 3706), and what happens when time passes. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

/* Who answers does not know whether its last message was taken until something has come under it. */
struct ike_sa *v1_other(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *best = NULL;
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));)
        if (ike_is(o, IKE_STANDS) && addr_eq(&o->local.addr, &sa->local.addr) && !ike_may_be_another(sa, o) &&
            o->v1->is_confirmed && (!best || o->up_at > best->up_at))
            best = o;
    return best;
}

void v1_hand_over(struct ike *ike, struct ike_sa *from, struct ike_sa *to)
{
    if (!to)
        return;
    for (struct ike_child *c = from->children, *next; c; c = next) {
        next = c->next;
        if (!ike_child_is(c, CHILD_HALF)) /* its quick mode is still with the old one */
            ike_child_move(ike, c, to);
    }
    ike_tasks_follow(from, to);
    to->resume_at = ike->now; /* the next tick works them off */
    ike_timer_update(ike, to);
}

void v1_orphan(struct ike *ike, struct ike_sa *sa)
{
    struct ike1 *v = sa->v1;
    for (struct ike_child *c = sa->children, *next; c; c = next) {
        next = c->next;
        bool going = c->held_policy || ike_has_task(sa, TASK_DELETE_CHILD, c->spi_in);
        if (ike_child_is(c, CHILD_HALF) || going) /* its peer can be told no more */
            ike_child_free(ike, c, true);
    }
    if (!sa->children) {
        ike_sa_free(ike, sa);
        return;
    }
    while (v->quicks)
        v1_quick_free(sa, v->quicks);
    v1_phase1_free(sa);
    ike_wipe(v->skeyid, sizeof v->skeyid);
    ike_wipe(v->d, sizeof v->d);
    ike_wipe(v->a, sizeof v->a);
    ike_wipe(v->e, sizeof v->e);
    ike_wipe(v->key, sizeof v->key);
    free(v->out);
    v->out = NULL;
    v->out_len = 0;
    for (struct ike_task *t = sa->tasks, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    sa->tasks = NULL;
    sa->rekey_at = sa->expire_at = sa->dpd_at = sa->keepalive_at = sa->retransmit_at = sa->resume_at = 0;
    ike_state_set(ike, sa, IKE_ORPHANED);
    ike_timer_update(ike, sa);
}

static void info_begin(struct ike *ike, const struct ike_sa *sa, uint32_t *mid, struct wr *w, struct ike_chain *c,
                       bool encrypted)
{
    do
        ike->host.random(ike->host.ctx, mid, sizeof *mid);
    while (!*mid);
    const struct ike_header h = {sa->spi_i, sa->spi_r, 0, 0x10, X1_INFO, 0, *mid, 0};
    *w = wr_to(ike->out, sizeof ike->out);
    *c = (struct ike_chain){w, 16};
    ike_header_write(w, &h);
    if (!encrypted)
        return;
    size_t at = ike_pl_begin(c, PL1_HASH);
    wr_zero(w, ike_hash_len(sa->suite.prf));
    ike_pl_end(c, at);
}

static bool info_hash(struct ike *ike, const struct ike_sa *sa, uint32_t mid, const uint8_t *rest, size_t n,
                      uint8_t *out)
{
    uint8_t m[4];
    struct wr w = wr_to(m, 4);
    wr_u32(&w, mid);
    return v1_hash(ike, sa, (struct ike_iov[]){{m, 4}, {rest, n}}, 2, out);
}

static void info_send(struct ike *ike, struct ike_sa *sa, uint32_t mid, struct wr *w, bool encrypted)
{
    if (encrypted) {
        size_t len = ike_hash_len(sa->suite.prf), rest = IKE_HEADER_LEN + 4 + len;
        uint8_t h[IKE_HASH_MAX], iv[16];
        if (w->bad || !info_hash(ike, sa, mid, w->p + rest, w->n - rest, h))
            return;
        memcpy(w->p + IKE_HEADER_LEN + 4, h, len);
        if (!v1_iv(ike, sa, mid, iv) || !v1_encrypt(ike, sa, w, iv))
            return;
    }
    ike_header_finish(w, 0);
    if (!w->bad)
        v1_send(ike, sa, w->p, w->n);
}

#define CLEAR_INFOS_PER_SECOND 5

void v1_notify(struct ike *ike, struct ike_sa *sa, uint8_t protocol, uint32_t about, uint16_t type, const void *data,
               size_t n)
{
    uint8_t cookies[16], spi[4];
    uint32_t mid;
    struct wr w, s = wr_to(cookies, 16), a = wr_to(spi, 4);
    struct ike_chain c;
    bool encrypted = !ike_is(sa, IKE_BEGINS);
    if (ike_is(sa, IKE_ORPHAN))
        return;
    /* what answers strangers is bounded: it would be an amplifier */
    if (!encrypted && ike->clear_infos_second == ike->now / 1000 && ++ike->clear_infos > CLEAR_INFOS_PER_SECOND)
        return;
    if (!encrypted && ike->clear_infos_second != ike->now / 1000) {
        ike->clear_infos_second = ike->now / 1000;
        ike->clear_infos = 1;
    }
    wr_u64(&s, sa->spi_i);
    wr_u64(&s, sa->spi_r);
    wr_u32(&a, about);
    info_begin(ike, sa, &mid, &w, &c, encrypted);
    if (protocol == IKE1_PROTO_ISAKMP)
        ike1_notify_write(&c, protocol, cookies, 16, type, data, n);
    else
        ike1_notify_write(&c, protocol, spi, 4, type, data, n);
    info_send(ike, sa, mid, &w, encrypted);
}

/* A Delete payload without its SPIs (RFC 2408 §3.15); where it begins, for ike_pl_end(). */
static size_t delete_begin(struct wr *w, struct ike_chain *c, uint8_t protocol, size_t spi_len, unsigned n)
{
    size_t at = ike_pl_begin(c, PL1_DELETE);
    wr_u32(w, 1); /* DOI */
    wr_u8(w, protocol);
    wr_u8(w, (unsigned)spi_len);
    wr_u16(w, n);
    return at;
}

void v1_delete(struct ike *ike, struct ike_sa *sa, uint8_t protocol, const void *spis, size_t spi_len, unsigned n)
{
    uint32_t mid;
    struct wr w;
    struct ike_chain c;
    info_begin(ike, sa, &mid, &w, &c, true);
    size_t at = delete_begin(&w, &c, protocol, spi_len, n);
    wr_bytes(&w, spis, spi_len * n);
    ike_pl_end(&c, at);
    info_send(ike, sa, mid, &w, true);
}

/* Our SPI of a child for that protocol; 0: it has none. */
static uint32_t spi_of(const struct ike_child *c, uint8_t protocol)
{
    bool esp = c->set->encr.alg || c->set->integ.alg, ah = c->set->ah.alg;
    if (protocol == IKE_PROTO_ESP)
        return esp ? c->spi_in : 0;
    if (!ah)
        return 0;
    return esp ? c->ah_spi_in : c->spi_in;
}

static void delete_children_write(struct wr *w, struct ike_chain *c, const struct ike_sa *sa, uint8_t protocol)
{
    unsigned n = 0;
    for (const struct ike_child *x = sa->children; x; x = x->next)
        n += spi_of(x, protocol) != 0;
    if (!n)
        return;
    size_t at = delete_begin(w, c, protocol, 4, n);
    for (const struct ike_child *x = sa->children; x; x = x->next)
        if (spi_of(x, protocol))
            wr_u32(w, spi_of(x, protocol));
    ike_pl_end(c, at);
}

void v1_delete_all(struct ike *ike, struct ike_sa *sa)
{
    uint32_t mid;
    struct wr w;
    struct ike_chain c;
    info_begin(ike, sa, &mid, &w, &c, true);
    size_t at = delete_begin(&w, &c, IKE1_PROTO_ISAKMP, 16, 1); /* first: some look at one payload only */
    wr_u64(&w, sa->spi_i);
    wr_u64(&w, sa->spi_r);
    ike_pl_end(&c, at);
    delete_children_write(&w, &c, sa, IKE_PROTO_ESP);
    delete_children_write(&w, &c, sa, IKE_PROTO_AH);
    info_send(ike, sa, mid, &w, true);
}

/* Itself, or another ISAKMP SA with its peer. NULL: the peer can be told nothing. */
static struct ike_sa *who_speaks(struct ike *ike, struct ike_sa *sa)
{
    if (ike_is(sa, IKE_SPEAKS))
        return sa;
    struct ike_sa *other = v1_other(ike, sa); /* that has shown that the peer has it */
    for (struct ike_sa *o = NULL; !other && (o = ike_of_same_peer(ike, sa, o));)
        if (o->version == 1 && ike_is(o, IKE_SPEAKS) && !ike_may_be_another(sa, o))
            other = o;
    return other;
}

void v1_delete_child(struct ike *ike, struct ike_sa *sa, struct ike_child *c)
{
    static const uint8_t protocols[] = {IKE_PROTO_ESP, IKE_PROTO_AH};
    uint8_t spi[4];
    sa = who_speaks(ike, sa);
    if (!sa)
        return;
    for (size_t k = 0; k < sizeof protocols; k++) {
        struct wr s = wr_to(spi, 4);
        if (!spi_of(c, protocols[k]))
            continue;
        wr_u32(&s, spi_of(c, protocols[k]));
        v1_delete(ike, sa, protocols[k], spi, 4, 1);
    }
}

void v1_delete_self(struct ike *ike, struct ike_sa *sa)
{
    uint8_t spi[16];
    struct wr s = wr_to(spi, 16);
    wr_u64(&s, sa->spi_i);
    wr_u64(&s, sa->spi_r);
    v1_delete(ike, sa, IKE1_PROTO_ISAKMP, spi, 16, 1);
}

/* ---- what comes in ---- */

/* The peer's child that it sends to by that SPI, under this SA or another one with it; *at: under which. */
static struct ike_child *child_of_peer(struct ike *ike, struct ike_sa *sa, uint32_t spi, struct ike_sa **at)
{
    struct ike_child *c = ike_child_by_spi(sa, spi, false);
    *at = sa;
    for (struct ike_sa *o = NULL; !c && (o = ike_of_same_peer(ike, sa, o));) {
        if (ike_may_be_another(sa, o))
            continue;
        *at = o; /* it may hang on another SA with the same peer, not on one of its neighbours' */
        c = ike_child_by_spi(o, spi, false);
    }
    return c;
}

/* Does it delete a child whose place only now another one takes? Then it is heard a moment later
 * (ike_is_just_replaced()). */
static bool deletes_too_soon(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    bool any = false;
    for (unsigned i = 1; i < m->n; i++) {
        struct ike_delete d;
        if (m->v[i].type != PL1_DELETE || !ike1_delete_read(&m->v[i], &d) || d.protocol == IKE1_PROTO_ISAKMP)
            continue;
        struct rd r = rd_of(d.spis, (size_t)d.spi_len * d.n);
        for (unsigned k = 0; k < d.n; k++) {
            struct ike_sa *at;
            const struct ike_child *c = child_of_peer(ike, sa, rd_u32(&r), &at);
            any |= c && ike_is_just_replaced(ike, c);
        }
    }
    return any;
}

/* True if it is about what is there. */
static bool deleted(struct ike *ike, struct ike_sa *sa, const struct ike_delete *d, bool *gone)
{
    bool any = false;
    struct rd r = rd_of(d->spis, (size_t)d->spi_len * d->n);
    if (d->protocol == IKE1_PROTO_ISAKMP) {
        for (unsigned i = 0; i < d->n; i++) {
            uint64_t a = rd_u64(&r), b = rd_u64(&r);
            *gone |= a == sa->spi_i && b == sa->spi_r;
        }
        return *gone;
    }
    for (unsigned i = 0; i < d->n; i++) {
        uint32_t spi = rd_u32(&r);
        struct ike_sa *at;
        struct ike_child *c = child_of_peer(ike, sa, spi, &at);
        struct v1_quick *q = c ? v1_quick_implied(at, c) : NULL;
        if (!c) {
            sa->v1->gone[sa->v1->gone_at++ % V1_GONE] = spi;
            continue;
        }
        any = true;
        if (ike_child_stands(c))
            ike_log(ike, EV_CHILD_DOWN, IKE_INFO, at, c,
                    "map %s entry %u line %u: the peer deletes the IPsec SA, SPI 0x%08x in, 0x%08x out", c->entry->map,
                    c->entry->seq, c->line, c->spi_in, c->spi_out);
        v1_child_keep(ike, at, c);
        ike_child_free(ike, c, true);
        if (q)
            v1_quick_urge(ike, at, q);
        ike_timer_update(ike, at);
    }
    return any;
}

/* INVALID-SPI under the protection of an ISAKMP SA: the peer has lost an SA that we still send by. Traffic makes
 * another. */
static void lost(struct ike *ike, struct ike_sa *sa, const struct ike_notify *n)
{
    struct rd r = n->n >= 4 ? rd_of(n->data, n->n) : rd_of(n->spi, n->spi_len);
    uint32_t spi = rd_u32(&r);
    struct ike_child *c = r.bad ? NULL : ike_child_by_spi(sa, spi, false);
    if (!c || ike_child_is(c, CHILD_HALF))
        return;
    ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "map %s entry %u line %u: the peer does not know SPI 0x%08x any more",
            c->entry->map, c->entry->seq, c->line, spi);
    ike_child_free(ike, c, true);
}

/* RFC 3706 §5.4: the numbers of R-U-THERE rise; the same once more is a retransmission: it is answered, and shows no
 * life, as anybody may send it again. */
enum asked { ASKED_LONG_AGO, ASKED_AGAIN, ASKED_ANEW };
static enum asked asked(struct ike1 *v, uint32_t seq)
{
    if (v->dpd_seq_in_known && seq <= v->dpd_seq_in)
        return seq == v->dpd_seq_in ? ASKED_AGAIN : ASKED_LONG_AGO;
    v->dpd_seq_in_known = true;
    v->dpd_seq_in = seq;
    return ASKED_ANEW;
}

/* The quick mode that a refusal names by the SPI we offered; without one, none is meant: its own time ends it. */
static void quick_refused(struct ike *ike, struct ike_sa *sa, const struct ike_notify *n)
{
    struct rd r = rd_of(n->spi, n->spi_len);
    uint32_t spi = rd_u32(&r);
    if (r.bad || n->spi_len != 4 || !spi)
        return;
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next)
        if (v1_quick_waits(q) && (q->spi_in == spi || q->ah_in == spi)) {
            struct ike_child *old = q->task.kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, q->task.spi, true) : NULL;
            ike_next_peer(ike, q->entry, &sa->began_with);
            v1_quick_free(sa, q);
            if (old && old->is_doubtful) { /* it has not, and will not have it */
                v1_delete_child(ike, sa, old);
                ike_child_free(ike, old, true);
            } else if (old && old->is_unheard) {
                v1_child_goes_on(ike, old);
            }
            return;
        }
}

/* What a message shows: nothing, that the peer hears us (it may refuse what it hears), or that it lives. */
enum shown { SHOWS_NOTHING, SHOWS_HEARING, SHOWS_LIFE };

void v1_notify_to(struct ike *ike, struct ike_sa *sa, const struct ike_ends *to, uint16_t type, const uint8_t *seq)
{
    const struct ike_ends were = ike_ends_swap(sa, *to);
    v1_notify(ike, sa, IKE1_PROTO_ISAKMP, 0, type, seq, 4);
    sa->local = were.local;
    sa->remote = were.remote;
}

static enum shown notified(struct ike *ike, struct ike_sa *sa, const struct ike_notify *n, uint32_t mid)
{
    struct rd r = rd_of(n->data, n->n);
    uint32_t seq = rd_u32(&r);
    if (n->type == N1_R_U_THERE && !r.bad) {
        enum asked how = asked(sa->v1, seq);
        const struct ike_ends here = {sa->local, sa->remote}, *from = sa->v1->heard_from;
        ike->stats.replays += how == ASKED_LONG_AGO;
        if (how == ASKED_ANEW && from)
            v1_heard_from(ike, sa, from, mid);
        if (how == ASKED_AGAIN && from)
            v1_heard_again_from(ike, sa, from, mid);
        if (how != ASKED_LONG_AGO)
            v1_notify_to(ike, sa, from ? from : &here, N1_R_U_THERE_ACK, n->data);
        sa->v1->asked_from = from ? *from : here;
        sa->v1->asked_at = ike->now;
        return how == ASKED_ANEW ? SHOWS_LIFE : SHOWS_NOTHING;
    }
    if (n->type == N1_R_U_THERE_ACK && !r.bad) {
        bool was_asked = sa->v1->dpd_missed && seq == sa->v1->dpd_seq;
        if (was_asked) {
            const struct ike_ends *from = sa->v1->heard_from;
            sa->v1->dpd_missed = 0;
            sa->v1->asks_in_doubt = false;
            if (ike_place_answered(ike, sa, from ? &from->remote : &sa->remote))
                v1_ask(ike, sa);
        }
        return was_asked ? SHOWS_LIFE : SHOWS_NOTHING;
    }
    if (n->type == N1_INITIAL_CONTACT && ike_is(sa, IKE_STANDS)) {
        if (!v1_mid_take(sa, mid)) /* the ring of informational message ids forgets */
            return SHOWS_NOTHING;
        ike_peer_restarted(ike, sa);
        return SHOWS_LIFE;
    }
    if (n->type == N1_INVALID_SPI && ike_is(sa, IKE_STANDS)) {
        lost(ike, sa, n);
    } else if (n->type < 16384) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer answers %s%s", ike1_notify_name(n->type),
                n->type == N1_NO_PROPOSAL_CHOSEN ? ": none of the entry's transform sets suits it, or not its PFS group"
                : n->type == N1_INVALID_ID_INFORMATION
                    ? ": its access list has no such line, or its entry is for another profile (its log says which)"
                    : "");
        quick_refused(ike, sa, n);
        /* never seen, for the SA's life: the ring of informational message ids forgets */
        return v1_mid_take(sa, mid) ? SHOWS_HEARING : SHOWS_NOTHING;
    }
    return SHOWS_NOTHING;
}

/* Proves nothing, changes nothing; worth a line if we are waiting for an answer. */
void v1_unproved(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct ike_notify no;
    bool is_notify = m->n && m->v[0].type == PL1_NOTIFY && ike1_notify_read(&m->v[0], &no);
    if (is_notify && sa->v1->complaints++ < 3)
        ike_log(ike, EV_MESSAGE, IKE_WARNING, sa, NULL, "unauthenticated answer %s%s", ike1_notify_name(no.type),
                no.type == N1_NO_PROPOSAL_CHOSEN ? ": the peer has none of our isakmp policies" : "");
}

static void info_in_clear(struct ike *ike, struct ike_sa *sa, const uint8_t *p, size_t n, const struct ike_header *h)
{
    const struct ike_occasion o = {.exchange = X1_INFO, .on = IKE_ON_OTHER};
    const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
    struct ike_message m = {.h = *h};
    struct rd c = rd_of(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN);
    uint8_t inner;
    if (row && ike_chain_read(&c, h->next, &m, &inner) && ike_transition_fits(row, &m))
        ike_transition_heard(ike, sa, row, &m);
}

/* What is authentic, and is none of the last ones again. */
void v1_informed(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    bool gone = false;
    enum shown most = SHOWS_NOTHING;
    for (unsigned i = 1; i < m->n; i++) {
        struct ike_notify no;
        struct ike_delete d;
        enum shown shown = SHOWS_NOTHING;
        if (m->v[i].type == PL1_NOTIFY && ike1_notify_read(&m->v[i], &no))
            shown = notified(ike, sa, &no, m->h.id);
        else if (m->v[i].type == PL1_DELETE && ike1_delete_read(&m->v[i], &d) && deleted(ike, sa, &d, &gone))
            shown = SHOWS_HEARING;
        most = shown > most ? shown : most;
    }
    if (most == SHOWS_LIFE) {
        sa->last_in = ike->now;
        v1_confirmed(ike, sa);
    }
    if (most != SHOWS_NOTHING) {
        sa->v1->heard_at = ike->now;
        sa->is_silent = false;
    }
    if (!gone) {
        ike_timer_update(ike, sa);
        return;
    }
    struct ike_sa *heir = v1_other(ike, sa);
    if (!ike_is(sa, IKE_OUTDATED))
        ike_log(ike, EV_IKE_DOWN, IKE_INFO, sa, NULL, "the peer deletes the ISAKMP SA");
    v1_hand_over(ike, sa, heir);
    sa->v1->was_dead = !heir && v1_has_unconfirmed(ike, sa); /* it ends with that one */
    v1_orphan(ike, sa); /* IPsec SAs outlive it: `clear crypto isakmp` at the peer sends just that */
}

/* Bit for bit once more, and from where the peer was before the first one moved it: that was somebody's copy, and where
 * it asks whether we live this one is answered. */
static void heard_again(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, const struct ike_message *m)
{
    struct ike_notify no;
    ike->stats.replays++;
    if (m->n < 2 || m->v[1].type != PL1_NOTIFY || !ike1_notify_read(&m->v[1], &no) || no.type != N1_R_U_THERE)
        return;
    struct rd r = rd_of(no.data, no.n);
    uint32_t seq = rd_u32(&r);
    if (r.bad || !sa->v1->dpd_seq_in_known || seq != sa->v1->dpd_seq_in)
        return;
    v1_heard_again_from(ike, sa, from, m->h.id);
    bool is_elsewhere = !ike_is_at(&sa->v1->asked_from.remote, &from->remote);
    bool is_at_once = ike->now < sa->v1->asked_at + IKE_COPY_MS; /* one of the two may be somebody's copy */
    if (is_elsewhere && is_at_once && ike_may_answer_again(ike, sa, &from->remote))
        v1_notify_to(ike, sa, from, N1_R_U_THERE_ACK, no.data);
}

void v1_info(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, struct ike_iov whole, struct ike_header h)
{
    const struct ike_occasion o = {.exchange = X1_INFO, .on = IKE_ON_REQUEST};
    const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
    struct ike_message m = {.h = h};
    uint8_t iv[16], inner, want[IKE_HASH_MAX];
    size_t hash_len = ike_hash_len(sa->suite.prf);
    if (!(h.flags & IKE1_ENCRYPTED)) {
        info_in_clear(ike, sa, whole.p, whole.n, &h);
        return;
    }
    if (!row || !v1_iv(ike, sa, h.id, iv)) {
        ike->stats.dropped++;
        return;
    }
    size_t len = v1_decrypt(ike, sa, whole.p, whole.n, iv);
    struct rd r = rd_of(ike->plain, len);
    if (!len || !ike_chain_read(&r, h.next, &m, &inner) || m.n == 0 || m.v[0].type != PL1_HASH ||
        m.v[0].n != hash_len) {
        ike->stats.auth_failed++;
        return;
    }
    const uint8_t *rest = m.v[0].p + hash_len;
    if (!info_hash(ike, sa, h.id, rest, (size_t)(r.p - rest), want) || !ike_equal(want, m.v[0].p, hash_len)) {
        ike->stats.auth_failed++;
        return;
    }
    bool is_early = ike_transition_fits(row, &m) && deletes_too_soon(ike, sa, &m);
    if (is_early && ike_hear_later(ike, sa, from, whole, h))
        return;
    if (!v1_info_mid_take(sa, h.id)) {
        heard_again(ike, sa, from, &m);
        return;
    }
    const uint64_t id = sa->id, spi = sa->own_spi;
    sa->v1->heard_from = from;
    if (ike_transition_fits(row, &m))
        ike_transition_heard(ike, sa, row, &m);
    else
        ike->stats.malformed++;
    sa = ike_still(ike, spi, id);
    if (sa)
        sa->v1->heard_from = NULL;
}

/* ---- time ---- */

#define LAST_MINUTE_MS 70000 /* as long as a negotiation may take */

/* There is no ISAKMP SA to rekey it by, or the peer does not answer by it: a new one is begun, with the same selectors.
 */
static void call_again(struct ike *ike, const struct ike_child *c)
{
    struct ike_task t = {.kind = TASK_CHILD, .entry = c->entry, .narrow = true, .dh = c->dh};
    t.flow_src = c->ts_local;
    t.flow_dst = c->ts_remote;
    for (unsigned i = 0; i < c->entry->n_lines; i++)
        if (c->entry->lines[i].reqid == c->reqid)
            t.line = &c->entry->lines[i];
    if (!ike_start(ike, c->entry, t))
        ike_log(ike, EV_MESSAGE, IKE_NOTICE, c->sa, c,
                "map %s entry %u line %u: the IPsec SA ends with its lifetime: its peer must call", c->entry->map,
                c->entry->seq, c->line);
}

static void child_ends(struct ike *ike, struct ike_sa *sa, struct ike_child *c, const char *why)
{
    if (ike_child_stands(c))
        ike_log(ike, EV_CHILD_DOWN, IKE_INFO, sa, c, "map %s entry %u line %u: the IPsec SA %s", c->entry->map,
                c->entry->seq, c->line, why);
    v1_delete_child(ike, sa, c);
    ike_child_free(ike, c, true);
}

/* Whatever is said and lost in IKEv1, each end knows what comes: where nothing does, the peer may have no such SA. Dead
 * peer detection asks for the peer alone. A rekeying that is answered makes one that both have. False: it has gone. */
MUST_CHECK static bool unheard(struct ike *ike, struct ike_sa *sa, struct ike_child *c)
{
    bool is_orphan = ike_is(sa, IKE_ORPHAN);
    if (is_orphan &&
        !v1_may_call(c->entry)) /* only its peer can make another: it stays, and one-way traffic is legal */
        return true;
    if (is_orphan && c->is_unheard) {
        child_ends(ike, sa, c, "receives nothing and its peer does not answer: traffic makes another");
        return false;
    }
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, c,
            "map %s entry %u line %u: sends by SPI 0x%08x and receives nothing: it is rekeyed", c->entry->map,
            c->entry->seq, c->line, c->spi_out);
    c->is_unheard = true;
    c->rekey_at = ike->now;
    if (ike_is(sa, IKE_STANDS)) /* it may be dead itself: that is found meanwhile */
        v1_wonder(ike, sa);
    return true;
}

static void children_tick(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_child *c = sa->children, *next; c; c = next) {
        next = c->next;
        bool idle = ike_idle(ike, c);
        if (idle || (c->expire_at && c->expire_at <= ike->now)) {
            child_ends(ike, sa, c, ike_child_end(c, idle));
            continue;
        }
        if (ike_sends_unheard(ike, c) && !unheard(ike, sa, c))
            continue;
        if (c->rekey_at && c->rekey_at <= ike->now) {
            c->rekey_at = 0;
            bool ours =
                ike_child_stands(c) && (!c->entry->responder_only || c->moved || c->is_doubtful || c->is_unheard);
            bool is_alone = ike_is(sa, IKE_ORPHAN) || (sa->is_silent && v1_may_call(c->entry));
            if (ours && is_alone)
                call_again(ike, c);
            else if (ours && !ike_has_task(sa, TASK_REKEY_CHILD, c->spi_in))
                ike_task_add(sa, (struct ike_task){.kind = TASK_REKEY_CHILD, .spi = c->spi_in, .entry = c->entry});
        }
    }
}

/* Phase 1 anew, while the old one still stands; the children go over when it is done. */
void v1_phase1_again(struct ike *ike, struct ike_sa *sa)
{
    sa->rekey_at = 0;
    const struct ike_sa *heir = v1_other(ike, sa);
    bool outlived = heir && heir->expire_at > sa->expire_at + 30000;
    if (sa->replaced_by || outlived || (!sa->children && !sa->tasks))
        return;
    struct ike_end local = sa->local, remote = sa->remote;
    if (!sa->nat_local && !sa->nat_remote)
        local.port = remote.port = IKE_PORT;
    struct ike_sa *fresh = ike_sa_new(ike, 1, true, &local, &remote);
    if (!fresh)
        return;
    fresh->entry = sa->entry;
    fresh->profile = sa->profile;
    if (!ike_call_again(fresh, sa)) {
        ike_sa_free(ike, fresh);
        return;
    }
    fresh->replaces = sa;
    sa->replaced_by = fresh;
    ike_timer_update(ike, fresh);
    v1_start(ike, fresh);
}

#define SAY_ALL_AT_TRY 2

void v1_retransmit(struct ike *ike, struct ike_sa *sa)
{
    if (++sa->request_tries >= IKE_RETRANSMIT_TRIES) {
        if (!v1_has_rival(ike, sa))
            ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "the peer does not answer (%s)",
                    ike_state_name((enum ike_state)sa->state));
        v1_give_up(ike, sa);
        return;
    }
    ike_say_waiting(ike, sa);
    ike->stats.retransmits++;
    sa->retransmit_at = ike->now + ike_jitter(ike, (uint64_t)IKE_RETRANSMIT_MS << sa->request_tries, 2);
    v1_send(ike, sa, sa->v1->out, sa->v1->out_len);
    bool says_all = sa->request_tries >= SAY_ALL_AT_TRY;
    for (unsigned i = 0; i < 2; i++) /* who answered that may not have been the peer */
        if (sa->v1->said[i].p && says_all)
            v1_send(ike, sa, sa->v1->said[i].p, sa->v1->said[i].n);
}

void v1_overdue(struct ike *ike, struct ike_sa *sa)
{
    if (!v1_has_rival(ike, sa))
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "nobody has proved to be the peer in %u s, whoever answers",
                IKE_NEGOTIATION_MS / 1000);
    v1_give_up(ike, sa);
}

#define UNPROVED_A_MINUTE 5

/* Our second message has a hash by the key: who asks for it and goes has wrong words, or wants to guess ours. */
void v1_say_unproved(struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_payload body = {PL1_ID, false, sa->v1->id_i, (uint16_t)sa->v1->id_i_len};
    struct ike_id id;
    char text[IKE_ID_TEXT_MAX], more[40] = "";
    uint32_t unsaid;
    ike->stats.unproved++;
    if (!ike_id_read(&body, &id) || !ike_may_say(ike, &ike->says_unproved[sa->known], UNPROVED_A_MINUTE, &unsaid))
        return;
    if (unsaid)
        snprintf(more, sizeof more, " (and %u others)", unsaid);
    ike_log(
        ike, EV_REFUSED, IKE_WARNING, sa, NULL,
        "%s %s started aggressive mode and did not authenticate: wrong pre-shared key, or an attacker collects hashes "
        "for an offline dictionary attack%s",
        ike_id_kind(id.type), ike_id_text(&id, text), more);
}

void v1_half_open_over(struct ike *ike, struct ike_sa *sa)
{
    ike_sa_free(ike, sa);
}

void v1_keepalive(struct ike *ike, struct ike_sa *sa)
{
    static const uint8_t alive = 0xff;
    ike_send_raw(ike, sa, &alive, 1);
    sa->keepalive_at = ike->now + 1000u * (uint64_t)ike->policy->nat_keepalive_s;
}

/* With its certificate its IPsec SAs end too; else they outlive it. */
static void end_it(struct ike *ike, struct ike_sa *sa, bool proof_over)
{
    sa->expire_at = ike->now + (sa->busy ? 1000 : 60000);
    if (sa->busy && !proof_over) /* a quick mode that is computed belongs to what is handed over */
        return;
    v1_hand_over(ike, sa, v1_other(ike, sa));
    if (proof_over || !sa->children) {
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
        v1_next(ike, sa);
        return;
    }
    v1_delete_self(ike, sa);
    v1_orphan(ike, sa);
}

void v1_lifetime_over(struct ike *ike, struct ike_sa *sa)
{
    bool proof_over = sa->proof_ends_at && sa->proof_ends_at <= ike->now;
    bool has_heir = v1_other(ike, sa) || sa->replaced_by;
    if (sa->children && !has_heir && !proof_over && !sa->v1->is_extended) {
        /* it had nothing to carry when its time to be renewed came; now it has: a little longer, for a successor */
        sa->v1->is_extended = true;
        v1_phase1_again(ike, sa);
        sa->expire_at = ike->now + LAST_MINUTE_MS;
        if (sa->replaced_by)
            return;
    }
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, NULL, "%s",
            proof_over ? "the certificate that proved the peer has expired" : "the ISAKMP SA's lifetime is over");
    end_it(ike, sa, proof_over);
}

void v1_proof_over(struct ike *ike, struct ike_sa *sa)
{
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, NULL, "the certificate that proved the peer has expired");
    end_it(ike, sa, true);
}

void v1_orphans_proof_over(struct ike *ike, struct ike_sa *sa)
{
    ike_log(ike, EV_IKE_DOWN, IKE_INFO, sa, NULL,
            "the certificate that proved the peer has expired: its IPsec SAs end");
    ike_sa_free(ike, sa);
}

void v1_outdated(struct ike *ike, struct ike_sa *sa)
{
    end_it(ike, sa, sa->proof_ends_at && sa->proof_ends_at <= ike->now);
}

void v1_proof_over_early(struct ike *ike, struct ike_sa *sa)
{
    v1_refuse(ike, sa, "the peer's certificate has expired while it was looked at");
}

void v1_tick(struct ike *ike, struct ike_sa *sa)
{
    uint64_t id = sa->id, spi = sa->own_spi;
    if (!ike_times(ike, sa, &ike1_transitions))
        return;
    v1_waiting_heard(ike, spi);
    sa = ike_still(ike, spi, id);
    if (!sa)
        return;
    if (ike_is(sa, IKE_CARRIES))
        children_tick(ike, sa);
    if (ike_is(sa, IKE_ORPHAN) && !sa->children) {
        ike_sa_free(ike, sa);
        return;
    }
    if (ike_is(sa, IKE_SPEAKS)) {
        v1_next(ike, sa);
        sa = ike_still(ike, spi, id);
        if (!sa)
            return;
        v1_quick_tick(ike, sa);
        sa = ike_still(ike, spi, id);
    }
    if (sa)
        ike_timer_update(ike, sa);
}
