/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Quick mode, RFC 2409 §5.5:
 *
 *   HDR*, HASH(1), SA, Ni, [KE,] [IDci, IDcr]  -->
 *                                 <--  HDR*, HASH(2), SA, Nr, [KE,] [IDci, IDcr]
 *   HDR*, HASH(3)                              -->
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

void v1_quick_free(struct ike_sa *sa, struct v1_quick *q)
{
    struct v1_quick **p = &sa->v1->quicks;
    while (*p && *p != q)
        p = &(*p)->next;
    if (*p)
        *p = q->next;
    ike_dh_free(q->dh);
    if (q->shared)
        ike_wipe(q->shared, q->shared_len);
    free(q->shared);
    free(q->out);
    ike_wipe(q, sizeof *q);
    free(q);
}

static struct v1_quick *quick_new(struct ike *ike, struct ike_sa *sa, uint32_t mid, bool initiator)
{
    struct v1_quick *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->mid = mid;
    q->initiator = initiator;
    q->began_at = ike->now;
    q->next = sa->v1->quicks;
    sa->v1->quicks = q;
    if (v1_iv(ike, sa, mid, q->iv) && v1_mid_take(sa, mid))
        return q;
    v1_quick_free(sa, q);
    return NULL;
}

/* What holds in a quick mode's state. */
enum quick_trait { WAITS = 1 /* for the answer */, KEPT = 2 /* it is done */ };
static const uint8_t quick_traits[] = {[QUICK_ASKED] = WAITS, [QUICK_FINISHED] = KEPT};

bool v1_quick_waits(const struct v1_quick *q)
{
    return quick_traits[q->state] & WAITS;
}

bool v1_quick_is_kept(const struct v1_quick *q)
{
    return quick_traits[q->state] & KEPT;
}

/* ---- messages ---- */

struct message {
    struct wr w;
    struct ike_chain c;
    size_t hash_at;
};

static void begin(struct ike *ike, const struct ike_sa *sa, uint32_t mid, struct message *o)
{
    const struct ike_header h = {sa->spi_i, sa->spi_r, 0, 0x10, X1_QUICK, 0, mid, 0};
    o->w = wr_to(ike->out, sizeof ike->out);
    o->c = (struct ike_chain){&o->w, 16};
    ike_header_write(&o->w, &h);
    o->hash_at = ike_pl_begin(&o->c, PL1_HASH);
    wr_zero(&o->w, ike_hash_len(sa->suite.prf));
    ike_pl_end(&o->c, o->hash_at);
}

/* HASH(1) and HASH(2): over the message id, [Ni,] and all that follows the hash. */
static bool hash12(struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q, bool second, const uint8_t *rest,
                   size_t n, uint8_t *out)
{
    uint8_t mid[4];
    struct wr w = wr_to(mid, 4);
    wr_u32(&w, q->mid);
    return v1_hash(ike, sa, (struct ike_iov[]){{mid, 4}, {q->ni, second ? q->ni_len : 0u}, {rest, n}}, 3, out);
}

static bool hash3(struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q, uint8_t *out)
{
    uint8_t mid[5] = {0};
    struct wr w = wr_to(mid + 1, 4);
    wr_u32(&w, q->mid);
    return v1_hash(ike, sa, (struct ike_iov[]){{mid, 5}, {q->ni, q->ni_len}, {q->nr, q->nr_len}}, 3, out);
}

static bool send(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, struct message *o, int which)
{
    size_t len = ike_hash_len(sa->suite.prf), rest = o->hash_at + 4 + len;
#ifdef IOSCC_FUZZ
    size_t behind = o->w.n - rest;
    ike_fuzz_plain(o->w.p + rest, &behind, behind);
    o->w.n = rest + behind;
#endif
    uint8_t h[IKE_HASH_MAX];
    bool ok = !o->w.bad &&
              (which == 3 ? hash3(ike, sa, q, h) : hash12(ike, sa, q, which == 2, o->w.p + rest, o->w.n - rest, h));
    if (!ok)
        return false;
    memcpy(o->w.p + o->hash_at + 4, h, len);
    if (!v1_encrypt(ike, sa, &o->w, q->iv))
        return false;
    free(q->out);
    q->out = malloc(o->w.n);
    if (!q->out)
        return false;
    memcpy(q->out, o->w.p, o->w.n);
    q->out_len = (uint32_t)o->w.n;
    q->tries = 0;
    q->again_at = which == 3 ? 0 : ike->now + ike_jitter(ike, IKE_RETRANSMIT_MS, 2);
    v1_quick_arm(ike, sa);
    const struct ike_ends here = {sa->local, sa->remote};
    const struct ike_ends were = ike_ends_swap(sa, q->heard_from.remote.port ? q->heard_from : here);
    v1_send(ike, sa, q->out, q->out_len);
    sa->local = were.local;
    sa->remote = were.remote;
    return true;
}

static bool is_host(const struct ike_ts *t, const struct ip_addr *a)
{
    return t->family == a->family && memcmp(t->lo.b, a->b, 16) == 0 && memcmp(t->hi.b, a->b, 16) == 0;
}

static void write_rest(struct ike_sa *sa, const struct v1_quick *q, struct message *o, const uint8_t *public_value)
{
    if (q->initiator)
        ike_pl_bytes(&o->c, PL1_NONCE, q->ni, q->ni_len);
    else
        ike_pl_bytes(&o->c, PL1_NONCE, q->nr, q->nr_len);
    if (q->group)
        ike_pl_bytes(&o->c, PL1_KE, public_value, ike_dh_len((enum algo_id)q->group));
    ike1_id_ts_write(&o->c, q->initiator ? &q->local : &q->remote);
    ike1_id_ts_write(&o->c, q->initiator ? &q->remote : &q->local);
    if (!q->initiator && q->announce_life) { /* RFC 2407 §4.6.3.1 */
        uint8_t spi[4], data[24];
        struct wr s = wr_to(spi, 4), d = wr_to(data, sizeof data);
        wr_u32(&s, q->spi_in);
        for (unsigned k = 0; k < 2; k++)
            if (k ? q->life_kb : q->life_s) {
                wr_u32(&d, 0x80010000u | (k + 1));
                wr_u16(&d, 2);
                wr_u16(&d, 4);
                wr_u32(&d, k ? q->life_kb : q->life_s);
            }
        ike1_notify_write(&o->c, q->set->ah.alg && !q->set->encr.alg ? IKE_PROTO_AH : IKE_PROTO_ESP, spi, 4,
                          N1_RESPONDER_LIFETIME, data, d.n);
    }
    (void)sa;
}

static void new_spis(struct ike *ike, struct v1_quick *q)
{
    q->spi_in = ike_spi_new(ike);
    q->ah_in = 0;
    for (unsigned i = 0; i < q->entry->n_sets; i++)
        if (q->entry->sets[i]->ah.alg && (q->entry->sets[i]->encr.alg || q->entry->sets[i]->integ.alg))
            q->ah_in = ike_spi_new(ike);
}

/* ---- initiator ---- */

static struct v1_quick *by_mid(struct ike_sa *sa, uint32_t mid)
{
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next)
        if (q->mid == mid)
            return q;
    return NULL;
}

/* The quick mode that the SA's job was for: there is one at a time. */
static struct v1_quick *computed(struct ike_sa *sa)
{
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next)
        if (q->computing) {
            q->computing = false;
            return q;
        }
    return NULL;
}

static void send_first(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, const uint8_t *public_value)
{
    struct message o;
    begin(ike, sa, q->mid, &o);
    size_t at = ike_pl_begin(&o.c, PL1_SA);
    v1_quick_offer(&o.w, sa, q);
    ike_pl_end(&o.c, at);
    write_rest(sa, q, &o, public_value);
    q->state = QUICK_ASKED;
    if (!send(ike, sa, q, &o, 1))
        v1_quick_free(sa, q);
}

static void first_key(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v1_quick *q = computed(sa);
    if (!q)
        return;
    if (!j->ok) {
        v1_quick_free(sa, q);
        return;
    }
    q->dh = j->dh;
    j->dh = NULL;
    send_first(ike, sa, q, j->public_value);
    v1_next(ike, sa);
}

/* The same is being asked for: the peer may have been elsewhere when it was, or has rekeyed the child meanwhile. Two of
 * them, whose answers come in another order than they were begun, would be put in another order by each end. */
static struct v1_quick *same_rekeying(const struct ike_sa *sa, const struct ike_child *c)
{
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next) {
        bool is_same =
            q->entry == c->entry && ike_ts_equal(&q->local, &c->ts_local) && ike_ts_equal(&q->remote, &c->ts_remote);
        if (is_same && q->task.kind == TASK_REKEY_CHILD && v1_quick_waits(q))
            return q;
    }
    return NULL;
}

void v1_quick_start(struct ike *ike, struct ike_sa *sa)
{
    const struct ike_task *t = sa->current;
    const struct ike_child *c = t->kind == TASK_REKEY_CHILD ? ike_child_by_spi(sa, t->spi, true) : NULL;
    if (t->kind == TASK_REKEY_CHILD && (!c || !ike_child_stands(c)))
        return;
    struct v1_quick *begun = c ? same_rekeying(sa, c) : NULL;
    if (begun) {
        begun->task.spi = t->spi;
        v1_quick_urge(ike, sa, begun);
        return;
    }
    uint32_t mid;
    do
        ike->host.random(ike->host.ctx, &mid, sizeof mid);
    while (!mid);
    const struct ike_entry *e = c ? c->entry : t->entry;
    bool is_its = c ? ike_still_serves(ike, sa, e) : ike_entry_is_its(ike, sa, e);
    struct v1_quick *q = is_its ? quick_new(ike, sa, mid, true) : NULL;
    if (!q)
        return;
    q->task = *t;
    q->entry = c ? c->entry : t->entry;
    q->line = t->line;
    if (c) {
        q->local = c->ts_local;
        q->remote = c->ts_remote;
        for (unsigned i = 0; i < c->entry->n_lines && !q->line; i++)
            if (c->entry->lines[i].reqid == c->reqid)
                q->line = &c->entry->lines[i];
    } else if (t->narrow || !t->line) {
        q->local = t->flow_src;
        q->remote = t->flow_dst;
    } else {
        ike_line_ts(t->line, &q->local, &q->remote);
    }
    q->transport = is_host(&q->local, &sa->local.addr) && is_host(&q->remote, &sa->remote.addr);
    q->life_s = q->entry->lifetime_s;
    q->life_kb = q->entry->lifetime_kb;
    q->group = ike_pfs_group(q->entry, c ? c->dh : t->dh);
    q->ni_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, q->ni, q->ni_len);
    new_spis(ike, q);
    if (!q->group) {
        send_first(ike, sa, q, NULL);
        return;
    }
    q->computing = true;
    ike_job_start(ike, sa, (enum algo_id)q->group, NULL, NULL, 0, first_key);
}

/* Nobody answers: said, and over. */
void v1_task_delete_ike(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_child *c = sa->children; c; c = c->next)
        v1_delete_child(ike, sa, c);
    v1_delete_all(ike, sa);
    if (!ike_is(sa, IKE_OUTDATED))
        ike_log(ike, EV_IKE_DOWN, IKE_INFO, sa, NULL, "ISAKMP SA deleted");
    ike_sa_free(ike, sa);
}

void v1_task_delete_child(struct ike *ike, struct ike_sa *sa)
{
    struct ike_child *c = ike_child_by_spi(sa, sa->current->spi, true);
    if (!c)
        return;
    v1_delete_child(ike, sa, c);
    ike_child_free(ike, c, true);
}

void v1_next(struct ike *ike, struct ike_sa *sa)
{
    const uint64_t id = sa->id, spi = sa->own_spi;
    while (!sa->busy && sa->tasks && ike_is(sa, IKE_SPEAKS)) {
        struct ike_task *t = sa->tasks;
        const struct ike_occasion o = {.on = IKE_ON_TASK, .initiator = true, .task = t->kind};
        const struct ike_transition *row = ike_transition_for(&ike1_transitions, sa, &o);
        sa->tasks = t->next;
        sa->current = t;
        if (row && ike_task_is_its(ike, sa, t))
            ike_transition_begin(ike, sa, row);
        sa = ike_still(ike, spi, id);
        if (!sa)
            return;
        sa->current = NULL;
        free(t);
    }
    v1_quick_arm(ike, sa);
}

static bool is_deleted_already(const struct ike_sa *sa, const struct v1_quick *q)
{
    for (unsigned i = 0; i < V1_GONE; i++)
        if (sa->v1->gone[i] && (sa->v1->gone[i] == q->spi_out || sa->v1->gone[i] == q->ah_out))
            return true;
    return false;
}

static void third(struct ike *ike, struct ike_sa *sa, struct v1_quick *q)
{
    struct message o;
    if (is_deleted_already(sa, q)) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "no IPsec SA: the peer has deleted it before its answer came");
        v1_quick_free(sa, q);
        return;
    }
    struct ike_child *c = v1_child_make(ike, sa, q, false); /* before the peer hears that it may send */
    if (!c) {
        v1_quick_free(sa, q);
        return;
    }
    begin(ike, sa, q->mid, &o);
    if (!send(ike, sa, q, &o, 3)) {
        ike_child_free(ike, c, true);
        return;
    }
    v1_child_up(ike, sa, c);
    q->again_at = 0;
}

static void answer_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v1_quick *q = computed(sa);
    if (!q)
        return;
    q->shared_len = ike_dh_shared_len(j->group);
    q->shared = j->ok ? malloc(q->shared_len) : NULL;
    if (!q->shared) {
        v1_quick_free(sa, q);
        return;
    }
    memcpy(q->shared, j->shared, q->shared_len);
    third(ike, sa, q);
    v1_next(ike, sa);
}

/* With an SPI that we send by already the peer would name another SA. */
static bool spi_is_free(const struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q, char why[static 256])
{
    const struct ip_addr *to = &sa->remote.addr;
    bool taken = ike_spi_is_taken(ike, to, q->spi_out) || (q->ah_out && ike_spi_is_taken(ike, to, q->ah_out));
    if (taken)
        snprintf(why, 256, "the peer's SPI 0x%08x is that of an SA that stands", q->spi_out);
    return !taken;
}

static void answered(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, const struct ike_message *m)
{
    const struct ike_payload *sap = ike_find(m, PL1_SA, 0), *n = ike_find(m, PL1_NONCE, 0),
                             *ke = ike_find(m, PL1_KE, 0);
    const struct ike_payload *i = ike_find(m, PL1_ID, 0), *r = NULL;
    char why[256] = "a payload is missing";
    struct ike_ts l, d;
    for (unsigned k = 0; i && k < m->n; k++)
        if (&m->v[k] == i)
            r = ike_find(m, PL1_ID, k + 1);
    bool ok = sap && n && n->n >= 8 && n->n <= NONCE1_MAX && v1_quick_choose(sa, sap, q, true, why) &&
              spi_is_free(ike, sa, q, why);
    if (ok && q->group && (!ke || ke->n != ike_dh_len((enum algo_id)q->group))) {
        ok = false;
        snprintf(why, sizeof why, "the peer's answer lacks the Diffie-Hellman value");
    }
    if (ok && i && r &&
        (!ike1_id_ts(i, &l) || !ike1_id_ts(r, &d) || !ike_ts_equal(&l, &q->local) || !ike_ts_equal(&d, &q->remote))) {
        ok = false;
        snprintf(why, sizeof why, "the peer answers with other proxy identities");
    }
    if (ok && (q->spi_out == q->spi_in || (q->ah_in && q->ah_out == q->ah_in))) {
        ok = false; /* keys are made of SPIs: both directions would have one */
        snprintf(why, sizeof why, "the peer chose our own SPI");
    }
    if (!ok) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "map %s entry %u: no IPsec SA: %s", q->entry->map,
                q->entry->seq, why);
        v1_quick_free(sa, q);
        return;
    }
    for (unsigned k = 0; k < m->n; k++) { /* RESPONDER-LIFETIME */
        struct ike_notify no;
        if (m->v[k].type != PL1_NOTIFY || !ike1_notify_read(&m->v[k], &no) || no.type != N1_RESPONDER_LIFETIME)
            continue;
        struct rd a = rd_of(no.data, no.n);
        for (uint32_t type = 1; a.n && !a.bad;) {
            uint16_t t = rd_u16(&a), v = rd_u16(&a);
            uint32_t value = v;
            if (!(t & 0x8000)) {
                struct rd x = rd_sub(&a, v);
                value = rd_u32(&x);
            }
            if ((t & 0x7fff) == 1)
                type = value;
            else if ((t & 0x7fff) == 2 && value && type == 1 && (!q->life_s || value < q->life_s))
                q->life_s = value;
            else if ((t & 0x7fff) == 2 && value && type == 2 && (!q->life_kb || value < q->life_kb))
                q->life_kb = value;
        }
    }
    memcpy(q->nr, n->p, n->n);
    q->nr_len = n->n;
    q->state = QUICK_FINISHED;
    if (!q->group) {
        third(ike, sa, q);
        return;
    }
    q->again_at = 0;
    q->computing = true;
    struct ike_dh *dh = q->dh;
    q->dh = NULL;
    ike_job_start(ike, sa, (enum algo_id)q->group, dh, ke->p, ke->n, answer_secret);
}

/* ---- responder ---- */

/* FITS_ANY: a dynamic entry without a list takes whatever comes, if nothing before it takes that. */
enum fit { FITS_NOT, FITS_ANY, FITS_WITHIN, FITS };

/* The line of an entry whose packets are the offer's, mirrored. Quick mode does not narrow (RFC 2409 §5.5); the peer
 * may ask for less than the line, as IOS lets it (R-MAP-11). *line NULL where a dynamic entry has no list. */
static enum fit entry_fits(const struct ike_entry *e, const struct v1_quick *q, const struct ike_line **line)
{
    enum fit best = FITS_NOT;
    *line = NULL;
    for (unsigned i = 0; i < e->n_lines; i++) {
        struct ike_ts src, dst;
        ike_line_ts(&e->lines[i], &src, &dst);
        bool same = ike_ts_equal(&q->local, &src) && ike_ts_equal(&q->remote, &dst);
        bool is_within = ike_ts_subset(&q->local, &src) && ike_ts_subset(&q->remote, &dst);
        enum fit now = is_within ? FITS_WITHIN : FITS_NOT;
        now = same ? FITS : now;
        if (now > best) {
            best = now;
            *line = &e->lines[i];
        }
    }
    bool takes_any = e->dynamic && e->n_lines == 0 && q->local.family == q->remote.family;
    return takes_any ? FITS_ANY : best;
}

/* The entry and its line, the exact one first; *of_another: one that would fit, of another peer. */
static bool find_line(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, const struct ike_entry **of_another)
{
    enum fit best = FITS_NOT;
    *of_another = NULL;
    for (const struct ike_entry *e = NULL;
         best < FITS && (e = ike_entry_for(ike, &sa->local.addr, &sa->began_with, e));) {
        const struct ike_line *line;
        enum fit now = e->version == 1 ? entry_fits(e, q, &line) : FITS_NOT;
        if (now != FITS_NOT && !ike_entry_is_its(ike, sa, e)) {
            *of_another = e;
            continue;
        }
        if (now <= best)
            continue;
        best = now;
        q->entry = e;
        q->line = line;
        if (now == FITS_ANY)
            break;
    }
    return best != FITS_NOT;
}

static void say_no_line(const struct ike_sa *sa, const struct v1_quick *q, const struct ike_entry *of_another,
                        char why[static 256])
{
    char a[128], b[128];
    if (of_another)
        ike_say_of_another(sa, of_another, why);
    else
        snprintf(why, 256, "no access list line of an entry with this peer fits: the peer wants %s to %s",
                 ike_ts_text(&q->remote, a), ike_ts_text(&q->local, b));
}

static void send_second(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, const uint8_t *public_value)
{
    struct message o;
    begin(ike, sa, q->mid, &o);
    ike_pl_bytes(&o.c, PL1_SA, q->chosen, q->chosen_len);
    write_rest(sa, q, &o, public_value);
    struct ike_child *c = v1_child_make(ike, sa, q, true);
    q->state = QUICK_ANSWERED;
    if (c && send(ike, sa, q, &o, 2))
        return;
    if (c)
        ike_child_free(ike, c, true);
    v1_quick_free(sa, q);
}

static void request_secret(struct ike *ike, struct ike_sa *sa, struct ike_job *j)
{
    struct v1_quick *q = computed(sa);
    if (!q)
        return;
    q->shared_len = ike_dh_shared_len(j->group);
    q->shared = j->ok ? malloc(q->shared_len) : NULL;
    if (!q->shared) {
        v1_quick_free(sa, q);
        return;
    }
    memcpy(q->shared, j->shared, q->shared_len);
    send_second(ike, sa, q, j->public_value);
    v1_next(ike, sa);
}

static bool requested(struct ike *ike, struct ike_sa *sa, struct v1_quick *q, const struct ike_message *m,
                      char why[static 256], uint16_t *error)
{
    const struct ike_payload *sap = ike_find(m, PL1_SA, 0), *n = ike_find(m, PL1_NONCE, 0),
                             *ke = ike_find(m, PL1_KE, 0);
    const struct ike_payload *i = ike_find(m, PL1_ID, 0), *r = NULL;
    const struct ike_entry *of_another;
    *error = N1_PAYLOAD_MALFORMED;
    snprintf(why, 256, "a payload is missing");
    for (unsigned k = 0; i && k < m->n; k++)
        if (&m->v[k] == i)
            r = ike_find(m, PL1_ID, k + 1);
    if (!sap || !n || n->n < 8 || n->n > NONCE1_MAX)
        return false;
    if (i && r) {
        if (!ike1_id_ts(i, &q->remote) || !ike1_id_ts(r, &q->local))
            return false;
    } else { /* without identities: the peers themselves */
        q->local = (struct ike_ts){
            .family = sa->local.addr.family, .port_hi = 65535, .lo = sa->local.addr, .hi = sa->local.addr};
        q->remote = (struct ike_ts){
            .family = sa->remote.addr.family, .port_hi = 65535, .lo = sa->remote.addr, .hi = sa->remote.addr};
    }
    *error = N1_INVALID_ID_INFORMATION;
    if (!find_line(ike, sa, q, &of_another)) {
        say_no_line(sa, q, of_another, why);
        return false;
    }
    *error = N1_NO_PROPOSAL_CHOSEN;
    bool is_successor = ike_child_older(ike, sa, q->entry, &q->local, &q->remote) != NULL;
    if (ike_children_full(ike, sa, q->entry, is_successor)) {
        snprintf(why, 256, "the peer has %u IPsec SAs already", sa->n_children);
        return false;
    }
    q->transport = is_host(&q->local, &sa->local.addr) && is_host(&q->remote, &sa->remote.addr);
    q->life_s = q->entry->lifetime_s;
    q->life_kb = q->entry->lifetime_kb;
    q->group = q->entry->pfs;
    new_spis(ike, q);
    if (!v1_quick_choose(sa, sap, q, false, why) || !spi_is_free(ike, sa, q, why))
        return false;
    if (q->peer_sees_nat && !sa->nat_local)
        sa->nat_remote = true;
    if (q->group && (!ke || ke->n != ike_dh_len((enum algo_id)q->group))) {
        snprintf(why, 256, "the Diffie-Hellman value for PFS is missing");
        return false;
    }
    memcpy(q->ni, n->p, n->n);
    q->ni_len = n->n;
    q->nr_len = NONCE1_LEN;
    ike->host.random(ike->host.ctx, q->nr, q->nr_len);
    if (!q->group) {
        send_second(ike, sa, q, NULL);
        return true;
    }
    q->computing = true;
    ike_job_start(ike, sa, (enum algo_id)q->group, NULL, ke->p, ke->n, request_secret);
    return true;
}

/* What a refusal is about: the peer finds its quick mode by the SPI it offered. */
static uint32_t offered_spi(const struct ike_message *m, uint8_t *protocol)
{
    const struct ike_payload *pl = ike_find(m, PL1_SA, 0);
    struct rd r = rd_of(pl ? pl->p : NULL, pl ? pl->n : 0);
    struct ike1_proposal p;
    *protocol = IKE_PROTO_ESP;
    if (!pl || !ike1_sa_begin(&r) || !ike1_proposal_read(&r, &p, true) || p.spi_len != 4)
        return 0;
    *protocol = p.protocol;
    struct rd spi = rd_of(p.spi, 4);
    return rd_u32(&spi);
}

/* ---- which message this is ---- */

void v1_quick_1(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v1_quick *q = sa->v1->heard;
    char why[256];
    uint16_t error;
    uint8_t protocol;
    uint32_t refused_spi = offered_spi(m, &protocol);
    if (requested(ike, sa, q, m, why, &error))
        return;
    ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL, "quick mode refused (%s): %s", ike1_notify_name(error), why);
    v1_quick_free(sa, q);
    v1_notify(ike, sa, protocol, refused_spi, error, NULL, 0);
}

void v1_quick_2(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    answered(ike, sa, sa->v1->heard, m);
}

void v1_quick_3(struct ike *ike, struct ike_sa *sa, const struct ike_message *m)
{
    struct v1_quick *q = sa->v1->heard;
    struct ike_child *c = v1_child_half(sa, q);
    (void)m;
    if (c)
        v1_child_up(ike, sa, c);
    v1_quick_free(sa, q);
}

struct v1_quick *v1_quick_implied(struct ike_sa *sa, const struct ike_child *old)
{
    for (struct v1_quick *q = sa->v1->quicks; q; q = q->next) {
        const struct ike_child *c = q->initiator ? NULL : v1_child_half(sa, q);
        bool is_successor = c && c->entry == old->entry && ike_ts_equal(&c->ts_local, &old->ts_local) &&
                            ike_ts_equal(&c->ts_remote, &old->ts_remote);
        if (is_successor && !ike_child_is(old, CHILD_HALF))
            return q;
    }
    return NULL;
}

static const struct ike_transition *row_of(const struct ike_sa *sa, const struct v1_quick *q)
{
    struct ike_occasion o = {.exchange = X1_QUICK, .on = IKE_ON_FIRST};
    if (q) {
        o.on = q->initiator ? IKE_ON_RESPONSE : IKE_ON_REQUEST;
        o.initiator = q->initiator;
        o.part = IKE_IN(q->state);
    }
    return ike_transition_for(&ike1_transitions, sa, &o);
}

/* HASH(1) to HASH(3), whichever it must be. */
static bool hash_wanted(struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q,
                        const struct ike_transition *row, const uint8_t *rest, size_t n, uint8_t *want)
{
    if (row->on == IKE_ON_REQUEST)
        return hash3(ike, sa, q, want);
    return hash12(ike, sa, q, row->on == IKE_ON_RESPONSE, rest, n, want);
}

static void answer_again(struct ike *ike, struct ike_sa *sa, const struct v1_quick *q, const struct ike_ends *from)
{
    v1_heard_again_from(ike, sa, from, q->mid);
    const struct ike_ends were = ike_ends_swap(sa, *from);
    if (q->out)
        v1_send(ike, sa, q->out, q->out_len);
    sa->local = were.local;
    sa->remote = were.remote;
}

void v1_quick(struct ike *ike, struct ike_sa *sa, const struct ike_ends *from, struct ike_iov whole,
              struct ike_header h)
{
    struct v1_quick *q = by_mid(sa, h.id);
    const struct ike_transition *row = row_of(sa, q);
    uint8_t digest[32], iv[16], inner, want[IKE_HASH_MAX];
    size_t hash_len = ike_hash_len(sa->suite.prf);
    if (sa->busy || !ike_is(sa, IKE_SPEAKS) || !(h.flags & IKE1_ENCRYPTED) || h.id == 0 ||
        !v1_digest(ike, whole.p, whole.n, digest)) {
        ike->stats.dropped++;
        return;
    }
    if (q && ike_equal(q->in_digest, digest, 32)) {
        answer_again(ike, sa, q, from);
        return;
    }
    /* what has ended the exchange: no key is left to tell that it is the same, and who can send it could send that */
    bool was_heard = !q && h.id == sa->moved_by && ike_follow_back(ike, sa, &from->local, &from->remote, h.id);
    if (!row || was_heard) {
        ike->stats.dropped++;
        return;
    }
    if (q)
        memcpy(iv, q->iv, 16);
    else if (!v1_iv(ike, sa, h.id, iv))
        return;
    size_t len = v1_decrypt(ike, sa, whole.p, whole.n, iv);
    struct ike_message m = {.h = h};
    struct rd r = rd_of(ike->plain, len);
    if (!len || !ike_chain_read(&r, h.next, &m, &inner) || m.n == 0 || m.v[0].type != PL1_HASH ||
        m.v[0].n != hash_len) {
        ike->stats.auth_failed++;
        return;
    }
    const struct v1_quick probe = {.mid = h.id};
    const uint8_t *rest = m.v[0].p + hash_len;
    size_t rest_len = (size_t)(r.p - rest); /* up to where the chain ended; padding is not hashed */
    if (!hash_wanted(ike, sa, q ? q : &probe, row, rest, rest_len, want) || !ike_equal(want, m.v[0].p, hash_len)) {
        ike->stats.auth_failed++;
        return;
    }
    const uint64_t id = sa->id, spi = sa->own_spi;
    if (!q && !(q = quick_new(ike, sa, h.id, false))) { /* its id was used before */
        ike->stats.replays++;
        return;
    }
    v1_heard_from(ike, sa, from, q->mid);
    bool may_be_there = ike_is_at(&sa->remote, &from->remote) || ike_may_move(sa, &from->local);
    q->heard_from = may_be_there ? *from : (struct ike_ends){sa->local, sa->remote};
    sa->last_in = ike->now;
    v1_confirmed(ike, sa);
    sa->is_silent = false;
    memcpy(q->iv, iv, 16);
    memcpy(q->in_digest, digest, 32);
    sa->v1->heard = q;
    if (ike_transition_fits(row, &m)) {
        ike_transition_heard(ike, sa, row, &m);
    } else {
        ike->stats.malformed++;
        if (row->on == IKE_ON_FIRST) {
            v1_quick_free(sa, q);
            v1_notify(ike, sa, IKE_PROTO_ESP, 0, N1_PAYLOAD_MALFORMED, NULL, 0);
        }
    }
    sa = ike_still(ike, spi, id); /* what came next may have been its end */
    if (!sa)
        return;
    sa->v1->heard = NULL;
    v1_quick_arm(ike, sa);
}
