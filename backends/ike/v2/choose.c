/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proposals: offering, choosing, and saying what did not match (RFC 7296 §2.7, §3.3). */
#include <stdio.h>

#include "backends/ike/v2/v2.h"

enum algo_id v2_group(uint16_t number)
{
    for (enum algo_id i = ALGO_NONE; i < ALGO_COUNT; i++)
        if (algo_get(i)->kind == ALGO_DH && algo_get(i)->ikev2 == number)
            return i;
    return ALGO_NONE;
}

const struct ike_v2_policy *v2_policy_for(const struct ike *ike, const struct ip_addr *local)
{
    return v2_policy_of(ike->policy, local);
}

const struct ike_v2_policy *v2_policy_of(const struct ike_policy *policy, const struct ip_addr *local)
{
    const struct ike_v2_policy *any = NULL;
    for (unsigned i = 0; i < policy->n_v2; i++) {
        const struct ike_v2_policy *p = &policy->v2[i];
        for (unsigned k = 0; k < p->n_locals; k++)
            if (addr_eq(&p->locals[k], local))
                return p;
        if (p->n_locals == 0 && !any)
            any = p;
    }
    return any;
}

static bool has_choice(const struct ike_choices *l, enum algo_id alg, uint16_t bits)
{
    bool found = false;
    for (unsigned i = 0; i < l->n; i++) {
        const struct ike_choice *c = &l->v[i];
        bool is_as_long = !bits || (c->bits ? c->bits : algo_get((enum algo_id)c->alg)->keys[0]) == bits;
        found |= c->alg == alg && is_as_long;
    }
    return found;
}

bool v2_suite_holds(const struct ike_policy *policy, const struct ip_addr *local, const struct ike_suite *s)
{
    const struct ike_v2_policy *p = v2_policy_of(policy, local);
    bool holds = false;
    for (unsigned i = 0; p && i < p->n; i++) {
        const struct ike_proposal *x = p->proposals[i];
        bool has_integ = s->integ == ALGO_NONE || has_choice(&x->integ, s->integ, 0);
        holds |= has_choice(&x->encr, s->encr, s->encr_bits) && has_integ && has_choice(&x->prf, s->prf, 0) &&
                 has_choice(&x->dh, s->dh, 0);
    }
    return holds;
}

/* Ciphers of one key size only have no key length attribute. */
static uint16_t bits_attribute(const struct ike_choice *c)
{
    const struct algo *a = algo_get((enum algo_id)c->alg);
    return a->kind == ALGO_ENCR && a->keys[1] ? (c->bits ? c->bits : a->keys[0]) : 0;
}

static void add(struct ike2_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
    if (p->n < IKE2_TRANSFORMS_MAX)
        p->v[p->n++] = (struct ike2_transform){type, id, bits, false};
}

static void add_all(struct ike2_proposal *p, uint8_t type, const struct ike_choices *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct algo *a = algo_get((enum algo_id)c->v[i].alg);
        add(p, type, type == TT_PRF ? a->prf_v2 : a->ikev2, bits_attribute(&c->v[i]));
    }
}

static bool all_aead(const struct ike_choices *c, bool want)
{
    for (unsigned i = 0; i < c->n; i++)
        if (algo_get((enum algo_id)c->v[i].alg)->is_aead != want)
            return false;
    return true;
}

/* A proposal with both kinds of ciphers is offered as two: AEADs stand without integrity (RFC 5282 §8). */
static void offer(struct ike2_proposal *p, const struct ike_proposal *from, bool aead)
{
    struct ike_choices encr = {.n = 0};
    for (unsigned i = 0; i < from->encr.n; i++)
        if (algo_get((enum algo_id)from->encr.v[i].alg)->is_aead == aead)
            encr.v[encr.n++] = from->encr.v[i];
    add_all(p, TT_ENCR, &encr);
    add_all(p, TT_PRF, &from->prf);
    if (!aead)
        add_all(p, TT_INTEG, &from->integ);
    add_all(p, TT_DH, &from->dh);
}

void v2_ike_proposals(struct wr *w, const struct ike_v2_policy *p, uint64_t spi, unsigned spi_len)
{
    struct ike2_proposal out[2 * 16];
    unsigned n = 0;
    for (unsigned i = 0; i < p->n && n + 2 <= 32; i++)
        for (int aead = 0; aead < 2; aead++) {
            bool first_aead =
                p->proposals[i]->encr.n && algo_get((enum algo_id)p->proposals[i]->encr.v[0].alg)->is_aead;
            bool kind = first_aead ? !aead : aead; /* in the order of the configuration */
            if (all_aead(&p->proposals[i]->encr, !kind))
                continue;
            struct ike2_proposal *x = &out[n++];
            *x = (struct ike2_proposal){.number = (uint8_t)n, .protocol = IKE_PROTO_IKE, .spi_len = (uint8_t)spi_len};
            for (unsigned b = 0; b < spi_len; b++)
                x->spi[b] = (uint8_t)(spi >> (56 - 8 * b));
            offer(x, p->proposals[i], kind);
        }
    for (unsigned i = 0; i < n; i++)
        ike2_proposal_write(w, &out[i], i + 1 == n);
}

/* ---- choosing ---- */

static const struct ike2_transform *offered(const struct ike2_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].type == type && p->v[i].id == id && p->v[i].bits == bits && !p->v[i].unknown)
            return &p->v[i];
    return NULL;
}

/* Which types of transforms a protocol has (§3.3.3), as bits. */
static unsigned types_of(uint8_t protocol)
{
    switch (protocol) {
    case IKE_PROTO_IKE:
        return 1u << TT_ENCR | 1u << TT_PRF | 1u << TT_INTEG | 1u << TT_DH;
    case IKE_PROTO_ESP:
        return 1u << TT_ENCR | 1u << TT_INTEG | 1u << TT_DH | 1u << TT_ESN;
    case IKE_PROTO_AH:
        return 1u << TT_INTEG | 1u << TT_DH | 1u << TT_ESN;
    default:
        return 0;
    }
}

/* §3.3.6: a proposal with a type of transform that is not understood is unacceptable as a whole, unless that type may
 * be left out: an additional key exchange (RFC 9370, types 6 to 12) of which NONE is offered. */
#define TT_ADDKE1 6
#define TT_ADDKE7 12
static bool may_leave_out(const struct ike2_proposal *p, uint8_t type)
{
    if (type < TT_ADDKE1 || type > TT_ADDKE7)
        return false;
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].type == type && p->v[i].id == 0)
            return true;
    return false;
}

static bool understood(const struct ike2_proposal *p, char *why)
{
    unsigned known = types_of(p->protocol);
    for (unsigned i = 0; i < p->n; i++) {
        uint8_t type = p->v[i].type;
        if ((type < 32 && known >> type & 1) || may_leave_out(p, type))
            continue;
        snprintf(why, 256, "the peer insists on a transform of type %u, which is not supported%s", type,
                 type >= TT_ADDKE1 && type <= TT_ADDKE7 ? " (an additional key exchange, RFC 9370)" : "");
        return false;
    }
    return true;
}

static bool has_type(const struct ike2_proposal *p, uint8_t type)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].type == type && p->v[i].id != 0)
            return true;
    return false;
}

static const struct ike_choice *first_common(const struct ike_choices *own, const struct ike2_proposal *p, uint8_t type,
                                             bool (*fits)(const struct algo *))
{
    for (unsigned i = 0; i < own->n; i++) {
        const struct algo *a = algo_get((enum algo_id)own->v[i].alg);
        if ((!fits || fits(a)) && offered(p, type, type == TT_PRF ? a->prf_v2 : a->ikev2, bits_attribute(&own->v[i])))
            return &own->v[i];
    }
    return NULL;
}

static void list_offer(char *out, size_t n, const struct ike2_proposal *p, uint8_t type)
{
    static const enum algo_kind kinds[] = {
        [TT_ENCR] = ALGO_ENCR, [TT_PRF] = ALGO_INTEG, [TT_INTEG] = ALGO_INTEG, [TT_DH] = ALGO_DH};
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < p->n && at + 34 < n; i++) {
        if (p->v[i].type != type)
            continue;
        char t[32];
        snprintf(t, sizeof t, "no. %u", p->v[i].id);
        for (enum algo_id a = ALGO_NONE; a < ALGO_COUNT; a++) {
            const struct algo *x = algo_get(a);
            const struct ike_choice c = {(uint16_t)a, p->v[i].bits};
            if (x->kind == kinds[type] && (type == TT_PRF ? x->prf_v2 : x->ikev2) == p->v[i].id && p->v[i].id)
                ike_choice_text(&c, t);
        }
        at += (size_t)snprintf(out + at, n - at, "%s%s", at ? " " : "", t);
    }
    if (!at)
        snprintf(out, n, "none");
}

static void list_own(char *out, size_t n, const struct ike_choices *c)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < c->n && at + 34 < n; i++) {
        char t[32];
        at += (size_t)snprintf(out + at, n - at, "%s%s", at ? " " : "", ike_choice_text(&c->v[i], t));
    }
    if (!at)
        snprintf(out, n, "none");
}

static bool mismatch(char *why, const char *what, const char *name, uint32_t line, const struct ike_choices *own,
                     const struct ike2_proposal *theirs, uint8_t type)
{
    char here[96], there[96];
    list_own(here, sizeof here, own);
    list_offer(there, sizeof there, theirs, type);
    snprintf(why, 256, "%s: %s here (%s, line %u), %s there", what, here, name, line, there);
    return false;
}

static bool is_aead(const struct algo *a)
{
    return a->is_aead;
}
static bool is_not_aead(const struct algo *a)
{
    return !a->is_aead;
}

/* One of ours against one of theirs. An AEAD goes only without integrity transforms, anything else only with one. */
static bool ike_pair(const struct ike_proposal *own, const struct ike2_proposal *p, struct v2_choice *out)
{
    bool with_integ = has_type(p, TT_INTEG);
    const struct ike_choice *e = first_common(&own->encr, p, TT_ENCR, with_integ ? is_not_aead : is_aead);
    const struct ike_choice *f = first_common(&own->prf, p, TT_PRF, NULL);
    const struct ike_choice *i = with_integ ? first_common(&own->integ, p, TT_INTEG, NULL) : NULL;
    const struct ike_choice *d = first_common(&own->dh, p, TT_DH, NULL);
    if (!e)
        return mismatch(out->why, "encryption", own->name, own->line, &own->encr, p, TT_ENCR);
    if (with_integ && !i)
        return mismatch(out->why, "integrity", own->name, own->line, &own->integ, p, TT_INTEG);
    if (!f)
        return mismatch(out->why, "prf", own->name, own->line, &own->prf, p, TT_PRF);
    if (!d)
        return mismatch(out->why, "Diffie-Hellman", own->name, own->line, &own->dh, p, TT_DH);
    uint16_t bits = e->bits ? e->bits : algo_get((enum algo_id)e->alg)->keys[0];
    out->suite = (struct ike_suite){(enum algo_id)e->alg, i ? (enum algo_id)i->alg : ALGO_NONE, (enum algo_id)f->alg,
                                    (enum algo_id)d->alg, bits};
    out->chosen = (struct ike2_proposal){.number = p->number, .protocol = p->protocol, .spi_len = p->spi_len};
    memcpy(out->chosen.spi, p->spi, sizeof p->spi);
    add(&out->chosen, TT_ENCR, algo_get((enum algo_id)e->alg)->ikev2, bits_attribute(e));
    add(&out->chosen, TT_PRF, algo_get((enum algo_id)f->alg)->prf_v2, 0);
    if (i)
        add(&out->chosen, TT_INTEG, algo_get((enum algo_id)i->alg)->ikev2, 0);
    add(&out->chosen, TT_DH, algo_get((enum algo_id)d->alg)->ikev2, 0);
    return true;
}

void v2_choose_ike(const struct ike_v2_policy *p, const struct ike_payload *sa, unsigned spi_len, struct v2_choice *out)
{
    *out = (struct v2_choice){.why = "no IKEv2 policy holds for this address"};
    for (unsigned i = 0; p && i < p->n && !out->found; i++) {
        struct rd r = rd_of(sa->p, sa->n);
        struct ike2_proposal offer_;
        while (!out->found && ike2_proposal_read(&r, &offer_)) {
            if (offer_.protocol != IKE_PROTO_IKE || offer_.spi_len != spi_len || !understood(&offer_, out->why))
                continue;
            out->found = ike_pair(p->proposals[i], &offer_, out);
        }
        if (r.bad) {
            out->found = false;
            snprintf(out->why, sizeof out->why, "the proposals are malformed");
        }
        if (out->found)
            out->ours = p->proposals[i];
    }
}

/* ---- children ---- */

/* AH and ESP together cannot be said in IKEv2 (RFC 7296 §1.2 of changes: no bundles). */
static bool sayable(const struct ike_transform_set *s)
{
    return s->ah.alg == ALGO_NONE || (s->encr.alg == ALGO_NONE && s->integ.alg == ALGO_NONE);
}

static void child_proposal(struct ike2_proposal *p, const struct ike_transform_set *s, uint16_t dh)
{
    if (s->ah.alg != ALGO_NONE) {
        p->protocol = IKE_PROTO_AH;
        add(p, TT_INTEG, algo_get((enum algo_id)s->ah.alg)->ikev2, 0);
    } else {
        const struct ike_choice null = {ALGO_ENCR_NULL, 0}, *e = s->encr.alg != ALGO_NONE ? &s->encr : &null;
        p->protocol = IKE_PROTO_ESP;
        add(p, TT_ENCR, algo_get((enum algo_id)e->alg)->ikev2, bits_attribute(e));
        if (s->integ.alg != ALGO_NONE)
            add(p, TT_INTEG, algo_get((enum algo_id)s->integ.alg)->ikev2, 0);
    }
    if (dh != ALGO_NONE)
        add(p, TT_DH, algo_get((enum algo_id)dh)->ikev2, 0);
    add(p, TT_ESN, s->esn, 0);
}

void v2_child_proposals(struct wr *w, const struct ike_entry *e, uint32_t spi, uint16_t group)
{
    unsigned last = 0, number = 0;
    for (unsigned i = 0; i < e->n_sets; i++)
        if (sayable(e->sets[i]))
            last = i;
    for (unsigned i = 0; i < e->n_sets; i++) {
        if (!sayable(e->sets[i]))
            continue;
        struct ike2_proposal p = {.number = (uint8_t)++number, .spi_len = 4};
        struct wr s = wr_to(p.spi, 4);
        wr_u32(&s, spi);
        child_proposal(&p, e->sets[i], group);
        ike2_proposal_write(w, &p, i == last);
    }
}

static bool child_pair(const struct ike_transform_set *s, const struct ike_entry *e, bool pfs,
                       const struct ike2_proposal *p, struct v2_choice *out)
{
    struct ike2_proposal own = {.number = p->number, .spi_len = 4};
    uint16_t dh = pfs ? e->pfs : ALGO_NONE;
    for (unsigned i = 0; pfs && dh == ALGO_NONE && i < p->n; i++)
        if (p->v[i].type == TT_DH && p->v[i].id) /* R-PFS-1: who does not ask for PFS takes what the peer offers */
            dh = (uint16_t)v2_group(p->v[i].id);
    if (pfs && dh == ALGO_NONE && has_type(p, TT_DH) && !offered(p, TT_DH, 0, 0)) {
        /* without it the peer would believe in secrecy that it does not get (§2.7: one transform of each type) */
        char there[96];
        list_offer(there, sizeof there, p, TT_DH);
        snprintf(out->why, sizeof out->why, "PFS: the peer insists on %s, which is not supported", there);
        return false;
    }
    if (!sayable(s)) {
        snprintf(out->why, sizeof out->why, "transform set %s (line %u) has AH and ESP, which IKEv2 cannot negotiate",
                 s->name, s->line);
        return false;
    }
    child_proposal(&own, s, dh);
    if (own.protocol != p->protocol) {
        snprintf(out->why, sizeof out->why, "transform set %s (line %u) is %s, the peer offers %s", s->name, s->line,
                 own.protocol == IKE_PROTO_AH ? "AH" : "ESP", p->protocol == IKE_PROTO_AH ? "AH" : "ESP");
        return false;
    }
    for (unsigned i = 0; i < own.n; i++) {
        const struct ike2_transform *t = &own.v[i];
        /* a proposal that is silent about ESN means none (old peers) */
        if (offered(p, t->type, t->id, t->bits) || (t->type == TT_ESN && t->id == 0 && !has_type(p, TT_ESN)))
            continue;
        const struct ike_choices one = {.v = {t->type == TT_ENCR
                                                  ? (s->encr.alg ? s->encr : (struct ike_choice){ALGO_ENCR_NULL, 0})
                                              : t->type == TT_DH ? (struct ike_choice){dh, 0}
                                              : s->ah.alg        ? s->ah
                                                                 : s->integ},
                                        .n = 1};
        if (t->type == TT_ESN)
            snprintf(out->why, sizeof out->why, "extended sequence numbers: %s here (transform set %s, line %u)",
                     t->id ? "on" : "off", s->name, s->line);
        else
            mismatch(out->why,
                     t->type == TT_ENCR ? "ESP encryption"
                     : t->type == TT_DH ? "PFS"
                                        : "authentication",
                     t->type == TT_DH ? e->map : s->name, t->type == TT_DH ? e->line : s->line, &one, p, t->type);
        return false;
    }
    /* the peer insists on something that this set lacks */
    if (has_type(p, TT_INTEG) && s->integ.alg == ALGO_NONE && s->ah.alg == ALGO_NONE && !offered(p, TT_INTEG, 0, 0)) {
        snprintf(out->why, sizeof out->why, "authentication: none here (transform set %s, line %u)", s->name, s->line);
        return false;
    }
    out->set = s;
    out->esn = s->esn;
    out->dh = dh;
    own.spi_len = p->spi_len;
    memcpy(own.spi, p->spi, sizeof own.spi);
    out->chosen = own;
    return true;
}

void v2_choose_child(const struct ike_entry *e, const struct ike_payload *sa, bool pfs, struct v2_choice *out)
{
    *out = (struct v2_choice){.why = "the entry has no transform set"};
    for (unsigned i = 0; i < e->n_sets && !out->found; i++) {
        struct rd r = rd_of(sa->p, sa->n);
        struct ike2_proposal p;
        while (!out->found && ike2_proposal_read(&r, &p))
            if (p.spi_len == 4 && understood(&p, out->why))
                out->found = child_pair(e->sets[i], e, pfs, &p, out);
        if (r.bad) {
            out->found = false;
            snprintf(out->why, sizeof out->why, "the proposals are malformed");
        }
    }
}
