/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Child SAs: offering, accepting, keys (RFC 7296 §2.9, §2.17, §1.3.1). */
#include <stdio.h>
#include <stdlib.h>

#include "backends/ike/v2/v2.h"

static bool is_host(const struct ike_ts *t, const struct ip_addr *a)
{
    return t->family == a->family && memcmp(t->lo.b, t->hi.b, 16) == 0 && memcmp(t->lo.b, a->b, 16) == 0;
}

bool v2_may_transport(const struct ike_sa *sa, const struct ike_ts *local, const struct ike_ts *remote)
{
    /* R-MAP: transport mode holds for traffic between the peers themselves; behind NAT addresses differ (§2.23.1) */
    return is_host(local, &sa->local.addr) && is_host(remote, &sa->remote.addr) && !sa->nat_local && !sa->nat_remote;
}

static void selectors(const struct ike_task *t, struct ike_ts *src, struct ike_ts *dst)
{
    if (t->narrow || !t->line) {
        *src = t->flow_src;
        *dst = t->flow_dst;
    } else {
        ike_line_ts(t->line, src, dst);
    }
}

void v2_child_offer(struct ike *ike, struct ike_sa *sa, struct v2_out *o, const struct ike_task *t, uint32_t spi,
                    uint16_t group)
{
    struct ike_ts src, dst;
    (void)ike;
    selectors(t, &src, &dst);
    if (t->entry->n_sets && t->entry->sets[0]->transport && v2_may_transport(sa, &src, &dst))
        ike2_notify_write(&o->c, 0, NULL, 0, N2_USE_TRANSPORT_MODE, NULL, 0);
    size_t at = ike_pl_begin(&o->c, PL2_SA);
    v2_child_proposals(&o->w, t->entry, spi, group);
    ike_pl_end(&o->c, at);
    ike2_ts_write(&o->c, PL2_TSI, &src, 1);
    ike2_ts_write(&o->c, PL2_TSR, &dst, 1);
}

void v2_child_ts_write(struct v2_out *o, const struct v2_child_try *t)
{
    struct ike2_proposal p = t->choice.chosen;
    struct wr s = wr_to(p.spi, 4);
    wr_u32(&s, t->spi_in);
    if (t->transport)
        ike2_notify_write(&o->c, 0, NULL, 0, N2_USE_TRANSPORT_MODE, NULL, 0);
    size_t at = ike_pl_begin(&o->c, PL2_SA);
    ike2_proposal_write(&o->w, &p, true);
    ike_pl_end(&o->c, at);
    /* a responder writes: the initiator's selector is our remote one */
    ike2_ts_write(&o->c, PL2_TSI, t->initiator ? &t->local : &t->remote, 1);
    ike2_ts_write(&o->c, PL2_TSR, t->initiator ? &t->remote : &t->local, 1);
    if (t->more)
        ike2_notify_write(&o->c, 0, NULL, 0, N2_ADDITIONAL_TS_POSSIBLE, NULL, 0);
}

/* RFC 4303 §2.1, and no SA that stands: with it the peer would name another one. */
static bool spi_refused(const struct ike *ike, const struct ike_sa *sa, const struct v2_child_try *t,
                        char why[static 256])
{
    bool reserved = t->spi_out < IKE_SPI_MIN || t->spi_out == t->spi_in;
    bool taken = !reserved && ike_spi_is_taken(ike, &sa->remote.addr, t->spi_out);
    if (reserved)
        snprintf(why, 256, "the peer's SPI %u is reserved (RFC 4303 section 2.1), or our own", t->spi_out);
    if (taken)
        snprintf(why, 256, "the peer's SPI 0x%08x is that of an SA that stands", t->spi_out);
    return reserved || taken;
}

static uint32_t spi_of(const struct ike2_proposal *p)
{
    struct rd r = rd_of(p->spi, 4);
    return rd_u32(&r);
}

/* ---- responder ---- */

struct offer {
    struct ike_ts i[IKE_TS_MAX], r[IKE_TS_MAX];
    unsigned ni, nr;
};

/* How well a line fits what is offered: 0 not at all, PART only a part of the line's packets would go through the
 * narrowed SA, WHOLE the line as a whole is within the offer; and so much more as there are offered pairs that it
 * shares something with (the first may be the packet, of which some peers do not tell the ICMP type, the others the
 * peer's own line). The result is what both have in common. */
#define PART 100u
#define WHOLE 200u
#define EXACT 300u
static unsigned fit(const struct offer *o, const struct ike_ts *src, const struct ike_ts *dst, struct ike_ts *local,
                    struct ike_ts *remote)
{
    unsigned best = 0, hits = 0;
    for (unsigned i = 0; i < o->ni; i++)
        for (unsigned r = 0; r < o->nr; r++) {
            struct ike_ts l, d;
            if (!ike_ts_intersect(&o->r[r], src, &l) || !ike_ts_intersect(&o->i[i], dst, &d))
                continue;
            unsigned now = ike_ts_equal(&l, src) && ike_ts_equal(&d, dst) ? WHOLE : PART;
            hits += hits < 99;
            if (now > best) {
                best = now;
                *local = l;
                *remote = d;
            }
        }
    return best ? best + hits : 0;
}

static bool exact(const struct offer *o, const struct ike_ts *src, const struct ike_ts *dst)
{
    for (unsigned i = 0; i < o->ni; i++)
        for (unsigned r = 0; r < o->nr; r++)
            if (ike_ts_equal(&o->r[r], src) && ike_ts_equal(&o->i[i], dst))
                return true;
    return false;
}

/* Without a list it is what the peer proposes: its first pair, of one family, for the kernel knows no other. */
static unsigned as_proposed(const struct offer *o, struct v2_child_try *out)
{
    for (unsigned i = 0; i < o->ni; i++)
        for (unsigned r = 0; r < o->nr; r++) {
            if (o->i[i].family != o->r[r].family)
                continue;
            out->line = NULL;
            out->local = o->r[r];
            out->remote = o->i[i];
            out->more = o->ni > 1 || o->nr > 1;
            return EXACT;
        }
    return 0;
}

static unsigned best_line(const struct ike_entry *e, const struct offer *o, struct v2_child_try *out)
{
    unsigned best = 0, fitting = 0;
    for (unsigned k = 0; k < e->n_lines && best < EXACT; k++) {
        struct ike_ts src, dst, l, r;
        ike_line_ts(&e->lines[k], &src, &dst);
        unsigned now = fit(o, &src, &dst, &l, &r);
        if (now >= WHOLE && exact(o, &src, &dst))
            now = EXACT;
        fitting += now > 0;
        if (now > best) {
            best = now;
            out->line = &e->lines[k];
            out->local = l;
            out->remote = r;
        }
    }
    out->more = best && best < EXACT && fitting > 1;
    if (e->n_lines == 0 && e->dynamic)
        best = as_proposed(o, out);
    return best;
}

/* A successor has the selectors of what it takes the place of (RFC 7296 §2.9.2): its request number means its line. */
static bool as_before(const struct offer *o, const struct ike_child *old, struct v2_child_try *out)
{
    for (unsigned i = 0; i < o->ni; i++)
        for (unsigned r = 0; r < o->nr; r++) {
            if (!ike_ts_subset(&old->ts_local, &o->r[r]) || !ike_ts_subset(&old->ts_remote, &o->i[i]))
                continue;
            out->entry = old->entry;
            out->line = NULL;
            out->local = old->ts_local;
            out->remote = old->ts_remote;
            return true;
        }
    return false;
}

static bool find_entry(struct ike *ike, const struct ike_sa *sa, const struct offer *o, struct v2_child_try *out,
                       const struct ike_entry **of_another)
{
    unsigned best = 0;
    *of_another = NULL;
    for (const struct ike_entry *e = NULL;
         best < EXACT && (e = ike_entry_for(ike, &sa->local.addr, &sa->began_with, e));) {
        struct v2_child_try try = {.initiator = false};
        if (e->version != 2)
            continue; /* an entry without an IKEv2 profile is for IKEv1 only */
        unsigned now = best_line(e, o, &try);
        if (now && !ike_entry_is_its(ike, sa, e)) {
            *of_another = e;
            continue;
        }
        if (now > best) {
            best = now;
            *out = try;
            out->entry = e;
        }
    }
    return best != 0;
}

uint16_t v2_child_accept(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, bool pfs,
                         const struct ike_child *rekeyed, struct v2_child_try *out, char why[static 256])
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *tsi = ike_find(m, PL2_TSI, 0),
                             *tsr = ike_find(m, PL2_TSR, 0);
    struct offer o;
    char a[128], b[128];
    *out = (struct v2_child_try){.initiator = false};
    if (!sap || !tsi || !tsr || !ike2_ts_read(tsi, o.i, &o.ni) || !ike2_ts_read(tsr, o.r, &o.nr)) {
        snprintf(why, 256, "the request lacks traffic selectors, or they are malformed");
        return N2_INVALID_SYNTAX;
    }
    const struct ike_entry *of_another = NULL;
    bool found = rekeyed ? as_before(&o, rekeyed, out) : find_entry(ike, sa, &o, out, &of_another);
    if (!found && of_another) {
        ike_say_of_another(sa, of_another, why);
        return N2_TS_UNACCEPTABLE;
    }
    if (!found) {
        const char *what = "no access list line of an entry with this peer fits";
        if (rekeyed)
            what = "a rekeyed SA keeps its selectors";
        snprintf(why, 256, "%s: the peer wants %s to %s", what, o.ni ? ike_ts_text(&o.i[0], a) : "nothing",
                 o.nr ? ike_ts_text(&o.r[0], b) : "nothing");
        return N2_TS_UNACCEPTABLE;
    }
    if (ike_children_full(ike, sa, out->entry, rekeyed != NULL)) {
        snprintf(why, 256, "the peer has %u child SAs already", sa->n_children);
        return N2_NO_ADDITIONAL_SAS;
    }
    v2_choose_child(out->entry, sap, pfs, &out->choice);
    if (!out->choice.found) {
        snprintf(why, 256, "%.250s", out->choice.why);
        return N2_NO_PROPOSAL_CHOSEN;
    }
    struct ike_notify n;
    out->transport = ike2_notify_find(m, N2_USE_TRANSPORT_MODE, &n) && out->choice.set->transport &&
                     v2_may_transport(sa, &out->local, &out->remote);
    if (out->choice.set->require && out->choice.set->transport && !out->transport) {
        snprintf(why, 256, "transform set %s (line %u) requires transport mode", out->choice.set->name,
                 out->choice.set->line);
        return N2_NO_PROPOSAL_CHOSEN;
    }
    out->spi_in = ike_spi_new(ike);
    out->spi_out = spi_of(&out->choice.chosen);
    return spi_refused(ike, sa, out, why) ? N2_NO_PROPOSAL_CHOSEN : 0;
}

/* ---- initiator ---- */

void v2_child_take_back(struct ike_sa *sa, const struct ike_message *m, uint32_t spi)
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0);
    struct rd r = sap ? rd_of(sap->p, sap->n) : rd_of(NULL, 0);
    struct ike2_proposal p;
    bool is_made = sap && ike2_proposal_read(&r, &p) && (p.protocol == IKE_PROTO_ESP || p.protocol == IKE_PROTO_AH);
    if (is_made)
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = spi, .unmade = p.protocol});
}

uint16_t v2_child_answer(struct ike *ike, struct ike_sa *sa, const struct ike_message *m, const struct ike_task *t,
                         bool pfs, struct v2_child_try *out, char why[static 256])
{
    const struct ike_payload *sap = ike_find(m, PL2_SA, 0), *tsi = ike_find(m, PL2_TSI, 0),
                             *tsr = ike_find(m, PL2_TSR, 0);
    struct ike_ts i[IKE_TS_MAX], r[IKE_TS_MAX], src, dst;
    unsigned ni, nr;
    struct ike_notify n;
    *out = (struct v2_child_try){.entry = t->entry, .line = t->line, .initiator = true, .spi_in = t->spi};
    if (!ike_still_serves(ike, sa, t->entry)) { /* a reload has come meanwhile */
        ike_say_of_another(sa, t->entry, why);
        return N2_TS_UNACCEPTABLE;
    }
    if (!sap) {
        uint16_t type = N2_NO_PROPOSAL_CHOSEN;
        for (unsigned k = 0; k < m->n; k++)
            if (m->v[k].type == PL2_NOTIFY && ike2_notify_read(&m->v[k], &n) && n.type < 16384 && n.type)
                type = n.type; /* 0 is reserved: it must not look like success */
        snprintf(why, 256, "the peer answers %s%s", ike2_notify_name(type),
                 type == N2_TS_UNACCEPTABLE
                     ? ": its access list has no such line, or its entry is for another profile (its log says which)"
                 : type == N2_NO_PROPOSAL_CHOSEN ? ": none of the entry's transform sets suits it, or not its PFS group"
                                                 : "");
        return type;
    }
    v2_choose_child(t->entry, sap, pfs, &out->choice);
    if (!out->choice.found) {
        snprintf(why, 256, "the peer chose what was not offered: %.200s", out->choice.why);
        return N2_NO_PROPOSAL_CHOSEN;
    }
    selectors(t, &src, &dst);
    if (!tsi || !tsr || !ike2_ts_read(tsi, i, &ni) || !ike2_ts_read(tsr, r, &nr) || ni == 0 || nr == 0 ||
        !ike_ts_subset(&i[0], &src) || !ike_ts_subset(&r[0], &dst)) {
        snprintf(why, 256, "the peer's selectors are not within ours");
        return N2_TS_UNACCEPTABLE;
    }
    out->local = i[0];
    out->remote = r[0];
    out->transport = ike2_notify_find(m, N2_USE_TRANSPORT_MODE, &n);
    if (out->transport && !(t->entry->sets[0]->transport && v2_may_transport(sa, &out->local, &out->remote))) {
        snprintf(why, 256, "the peer chose transport mode, which was not offered");
        return N2_NO_PROPOSAL_CHOSEN;
    }
    if (out->choice.set->require && out->choice.set->transport && !out->transport) {
        snprintf(why, 256, "transform set %s (line %u) requires transport mode", out->choice.set->name,
                 out->choice.set->line);
        return N2_NO_PROPOSAL_CHOSEN;
    }
    out->spi_out = spi_of(&out->choice.chosen);
    if (spi_refused(ike, sa, out, why))
        return N2_NO_PROPOSAL_CHOSEN;
    return 0;
}

/* ---- keys ---- */

static const uint8_t *take(uint8_t *to, const uint8_t *from, size_t n)
{
    memcpy(to, from, n);
    return from + n;
}

/* KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr); what carries the initiator's data first, encryption before integrity. */
static bool derive(struct ike *ike, const struct ike_sa *sa, const struct v2_child_try *t, struct ike_iov ni,
                   struct ike_iov nr, struct ike_iov shared, struct ike_sa_keys *k)
{
    const struct ike_transform_set *s = t->choice.set;
    size_t e = s->ah.alg == ALGO_NONE && s->encr.alg != ALGO_NONE
                   ? ike_cipher_key_len((enum algo_id)s->encr.alg, s->encr.bits)
                   : 0;
    size_t a = s->ah.alg      ? ike_hash_len((enum algo_id)s->ah.alg)
               : s->integ.alg ? ike_hash_len((enum algo_id)s->integ.alg)
                              : 0;
    uint8_t all[2 * (IKE_KEY_MAX + 4 + IKE_HASH_MAX)];
    bool ok = ike_prf_plus(ike->crypto, sa->suite.prf, sa->keys->d, ike_hash_len(sa->suite.prf),
                           (struct ike_iov[]){shared, ni, nr}, 3, all, 2 * (e + a));
    uint8_t *first_e = t->initiator ? k->encr_out : k->encr_in, *second_e = t->initiator ? k->encr_in : k->encr_out;
    uint8_t *out_a = s->ah.alg ? k->ah_out : k->integ_out, *in_a = s->ah.alg ? k->ah_in : k->integ_in;
    const uint8_t *at = all;
    if (ok) {
        at = take(first_e, at, e);
        at = take(t->initiator ? out_a : in_a, at, a);
        at = take(second_e, at, e);
        take(t->initiator ? in_a : out_a, at, a);
    }
    ike_wipe(all, sizeof all);
    return ok;
}

uint8_t *v2_low_nonce(struct ike_iov a, struct ike_iov b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = memcmp(a.p, b.p, n);
    const struct ike_iov *low = d > 0 || (d == 0 && b.n < a.n) ? &b : &a;
    uint8_t *out = calloc(1, NONCE_MAX);
    if (out)
        memcpy(out, low->p, low->n < NONCE_MAX ? low->n : NONCE_MAX);
    return out;
}

struct ike_child *v2_child_install(struct ike *ike, struct ike_sa *sa, const struct v2_child_try *t, struct ike_iov ni,
                                   struct ike_iov nr, struct ike_iov shared)
{
    struct ike_child *c = ike_child_new(sa);
    struct ike_sa_keys k = {0};
    if (!c)
        return NULL;
    const struct ike_entry *e = t->entry;
    c->entry = e;
    c->set = t->choice.set;
    /* where a peer asks anew for what it has (it authenticates itself anew, or has lost its state) the newer child
     * takes over: both share their policies, which for a dynamic entry are the peer's own */
    const struct ike_child *before = t->old;
    if (!before)
        before = ike_child_older(ike, sa, e, &t->local, &t->remote);
    const struct ike_child *shares = t->old || e->dynamic ? before : NULL;
    bool numbered = ike_child_number(ike, c, t->line, shares);
    c->line = t->line ? t->line->line : e->line;
    c->one_of_many = e->per_host || (t->line && t->line->one_of_many);
    if (t->old) { /* line and request number stay */
        c->line = t->old->line;
        c->one_of_many = t->old->one_of_many;
        c->generation = t->old->generation + 1;
        c->successor_of = t->old;
    }
    c->spi_in = t->spi_in;
    c->spi_out = t->spi_out;
    c->ts_local = t->local;
    c->ts_remote = t->remote;
    c->dh = t->choice.dh;
    c->transport = t->transport;
    c->initiator = t->initiator;
    c->esn = t->choice.esn;
    c->lifetime_s = e->lifetime_s;
    c->lifetime_kb = e->lifetime_kb;
    c->up_at = ike->now;
    if (e->lifetime_s) {
        uint64_t life = 1000u * (uint64_t)e->lifetime_s;
        c->rekey_at = ike->now + ike_jitter(ike, life / 10 * 9, 1);
        c->expire_at = ike->now + life;
    }
    c->low_nonce = v2_low_nonce(ni, nr);
    bool late = before && !t->initiator; /* RFC 7296 §2.8: the old one carries until the peer shows that it has it */
    bool ok = numbered && derive(ike, sa, t, ni, nr, shared, &k) && ike_child_install(ike, c, &k, late);
    c->send_at = c->waiting ? ike->now + IKE_SEND_LOOK_MS : 0;
    ike_wipe(&k, sizeof k);
    if (!ok) {
        ike_log(ike, EV_REFUSED, IKE_ERROR, sa, c, "the kernel rejected the SAs");
        ike_child_free(ike, c, false);
        return NULL;
    }
    ike_timer_update(ike, sa);
    return c;
}

void v2_child_up(struct ike *ike, struct ike_child *c, bool rekeyed)
{
    char a[128], b[128];
    ike_log(ike, rekeyed ? EV_CHILD_REKEYED : EV_CHILD_UP, IKE_INFO, c->sa, c,
            "map %s entry %u line %u: child SA %s, SPI 0x%08x in, 0x%08x out, %s to %s, transform set %s",
            c->entry->map, c->entry->seq, c->line, rekeyed ? "rekeyed" : "up", c->spi_in, c->spi_out,
            ike_ts_text(&c->ts_local, a), ike_ts_text(&c->ts_remote, b), c->set->name);
    if (!rekeyed) { /* only who takes another one's place can collide */
        free(c->low_nonce);
        c->low_nonce = NULL;
    }
}
