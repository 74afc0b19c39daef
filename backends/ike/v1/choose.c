/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proposals of both phases. */
#include <stdio.h>

#include "backends/ike/v1/v1.h"

static uint16_t key_bits(const struct ike_choice *c)
{
    const struct algo *a = algo_get((enum algo_id)c->alg);
    return a->keys[1] ? (c->bits ? c->bits : a->keys[0]) : 0;
}

/* ---- phase 1 ---- */

static enum ike_key_kind own_key(const struct ike *ike, const struct ike_sa *sa)
{
    const struct ike_credential *c = ike_credential_for(ike, sa->profile);
    return c && c->n_chain && c->key ? ike_key_kind(c->key) : IKE_KEY_OTHER;
}

/* RFC 2409 appendix A; RFC 4754 §5: ECDSA has a number for each curve. */
static uint16_t auth_number(const struct ike *ike, const struct ike_sa *sa, const struct ike_v1_policy *p)
{
    if (p->auth == ALGO_AUTH_ECDSA_SIG)
        return (uint16_t)(9 + (own_key(ike, sa) - IKE_KEY_ECDSA_256));
    return algo_get((enum algo_id)p->auth)->ike_v1;
}

static struct ike1_transform of_policy(const struct ike *ike, const struct ike_sa *sa, const struct ike_v1_policy *p,
                                       unsigned number)
{
    return (struct ike1_transform){.number = (uint8_t)number,
                                   .id = 1, /* KEY_IKE */
                                   .encr = algo_get((enum algo_id)p->encr.alg)->ike_v1,
                                   .bits = key_bits(&p->encr),
                                   .hash = algo_get((enum algo_id)p->hash)->ike_v1,
                                   .auth = auth_number(ike, sa, p),
                                   .group = algo_get((enum algo_id)p->dh)->ike_v1,
                                   .life_s = p->lifetime_s};
}

bool v1_policy_speakable(const struct ike_v1_policy *p, enum ike_key_kind own)
{
    bool provable = p->auth == ALGO_AUTH_PSK || (p->auth == ALGO_AUTH_RSA_SIG && own == IKE_KEY_RSA) ||
                    (p->auth == ALGO_AUTH_ECDSA_SIG && own >= IKE_KEY_ECDSA_256);
    return provable && algo_get((enum algo_id)p->encr.alg)->ike_v1 && ike_dh_len((enum algo_id)p->dh);
}

static bool speakable(const struct ike *ike, const struct ike_sa *sa, const struct ike_v1_policy *p)
{
    const struct ike_v1_policy *like = sa->v1 ? sa->v1->only_like : NULL; /* aggressive mode */
    return v1_policy_speakable(p, own_key(ike, sa)) && (!like || (like->dh == p->dh && like->auth == p->auth));
}

const struct ike_v1_policy *v1_first_policy(const struct ike *ike, const struct ike_sa *sa)
{
    for (unsigned i = 0; i < ike->policy->n_v1; i++)
        if (speakable(ike, sa, &ike->policy->v1[i]))
            return &ike->policy->v1[i];
    return NULL;
}

void v1_offer(struct wr *w, const struct ike *ike, const struct ike_sa *sa)
{
    struct ike1_proposal p = {.number = 1, .protocol = IKE1_PROTO_ISAKMP};
    for (unsigned i = 0; i < ike->policy->n_v1 && p.n < IKE1_TRANSFORMS_MAX; i++)
        if (speakable(ike, sa, &ike->policy->v1[i])) {
            p.v[p.n] = of_policy(ike, sa, &ike->policy->v1[i], p.n + 1);
            p.n++;
        }
    ike1_sa_head(w);
    ike1_proposal_write(w, &p, true, false);
}

static const char *named(enum algo_kind kind, uint16_t number, uint16_t bits, char out[static 32])
{
    snprintf(out, 32, "no. %u", number);
    for (enum algo_id a = ALGO_NONE; a < ALGO_COUNT; a++)
        if (number && algo_get(a)->kind == kind && algo_get(a)->ike_v1 == number) {
            const struct ike_choice c = {(uint16_t)a, bits};
            ike_choice_text(&c, out);
        }
    return out;
}

/* NULL if they agree, else which parameter does not. */
static const char *differs(const struct ike1_transform *own, const struct ike1_transform *theirs, uint16_t *a,
                           uint16_t *b, enum algo_kind *kind)
{
    const struct {
        const char *what;
        enum algo_kind kind;
        uint16_t own, theirs;
    } rows[] = {{"encryption", ALGO_ENCR, own->encr, theirs->encr},
                {"encryption", ALGO_ENCR, own->bits, theirs->bits ? theirs->bits : own->bits},
                {"hash", ALGO_INTEG, own->hash, theirs->hash},
                {"authentication", ALGO_AUTH, own->auth, theirs->auth},
                {"Diffie-Hellman", ALGO_DH, own->group, theirs->group}};
    for (unsigned i = 0; i < 5; i++)
        if (rows[i].own != rows[i].theirs) {
            *a = i == 1 ? own->encr : rows[i].own;
            *b = i == 1 ? theirs->encr : rows[i].theirs;
            *kind = rows[i].kind;
            return rows[i].what;
        }
    return NULL;
}

bool v1_choose(const struct ike *ike, const struct ike_payload *pl, struct ike_sa *sa, struct ike1_transform *out,
               uint8_t *proposal, char why[static 256])
{
    snprintf(why, 256,
             "there is no usable isakmp policy (rsa-sig and ecdsa-sig need a trustpoint with certificate and key, "
             "rsa-encr is not supported)");
    for (unsigned i = 0; i < ike->policy->n_v1; i++) {
        const struct ike_v1_policy *pol = &ike->policy->v1[i];
        const struct ike1_transform own = of_policy(ike, sa, pol, 1);
        struct rd r = rd_of(pl->p, pl->n);
        struct ike1_proposal p;
        if (!speakable(ike, sa, pol) || !ike1_sa_begin(&r))
            continue;
        while (ike1_proposal_read(&r, &p, false))
            for (unsigned k = 0; k < p.n && p.protocol == IKE1_PROTO_ISAKMP; k++) {
                uint16_t a = 0, b = 0;
                enum algo_kind kind = ALGO_NO_KIND;
                const char *what = p.v[k].unknown ? "an unknown attribute" : differs(&own, &p.v[k], &a, &b, &kind);
                if (what) {
                    char here[32], there[32];
                    snprintf(why, 256, "%s: %s here (policy %u, line %u), %s there", what,
                             named(kind, a, own.bits, here), pol->number, pol->line,
                             named(kind, b, p.v[k].bits, there));
                    continue;
                }
                *out = p.v[k];
                *proposal = p.number;
                sa->policy = pol;
                sa->suite = (struct ike_suite){
                    (enum algo_id)pol->encr.alg, ALGO_NONE, (enum algo_id)pol->hash, (enum algo_id)pol->dh,
                    pol->encr.bits ? pol->encr.bits : algo_get((enum algo_id)pol->encr.alg)->keys[0]};
                return true;
            }
        if (r.bad) {
            snprintf(why, 256, "the proposals are malformed");
            return false;
        }
    }
    return false;
}

/* ---- phase 2 ---- */

static uint16_t encap_of(const struct ike_sa *sa, bool transport)
{
    bool udp = sa->floated && (sa->nat_local || sa->nat_remote); /* RFC 3947 §5.1 */
    return (uint16_t)((transport ? 2 : 1) + (udp ? 2 : 0));
}

/* The parts of a set: up to an AH and an ESP proposal of one number. */
static unsigned parts_of(const struct ike_sa *sa, const struct v1_quick *q, const struct ike_transform_set *s,
                         struct ike1_proposal out[static 2], unsigned number)
{
    unsigned n = 0;
    bool transport = s->transport && q->transport;
    struct ike1_transform t = {.number = 1,
                               .encap = encap_of(sa, transport),
                               .life_s = q->life_s,
                               .life_kb = q->life_kb,
                               .group = q->group ? algo_get((enum algo_id)q->group)->ike_v1 : 0};
    if (s->ah.alg) {
        const struct algo *a = algo_get((enum algo_id)s->ah.alg);
        out[n] = (struct ike1_proposal){.number = (uint8_t)number, .protocol = IKE_PROTO_AH, .spi_len = 4, .n = 1};
        out[n].v[0] = t;
        out[n].v[0].id = (uint8_t)a->ah_v1;
        out[n].v[0].auth_alg = a->esp_v1;
        struct wr w = wr_to(out[n++].spi, 4);
        wr_u32(&w, s->encr.alg || s->integ.alg ? q->ah_in : q->spi_in);
    }
    if (s->encr.alg || s->integ.alg) {
        const struct ike_choice null = {ALGO_ENCR_NULL, 0}, *e = s->encr.alg ? &s->encr : &null;
        out[n] = (struct ike1_proposal){.number = (uint8_t)number, .protocol = IKE_PROTO_ESP, .spi_len = 4, .n = 1};
        out[n].v[0] = t;
        out[n].v[0].id = (uint8_t)algo_get((enum algo_id)e->alg)->esp_v1;
        out[n].v[0].bits = key_bits(e);
        out[n].v[0].auth_alg = s->integ.alg ? algo_get((enum algo_id)s->integ.alg)->esp_v1 : 0;
        struct wr w = wr_to(out[n++].spi, 4);
        wr_u32(&w, q->spi_in);
    }
    return n;
}

void v1_quick_offer(struct wr *w, const struct ike_sa *sa, const struct v1_quick *q)
{
    struct ike1_proposal p[2];
    ike1_sa_head(w);
    for (unsigned i = 0; i < q->entry->n_sets; i++) {
        unsigned n = parts_of(sa, q, q->entry->sets[i], p, i + 1);
        for (unsigned k = 0; k < n; k++)
            ike1_proposal_write(w, &p[k], i + 1 == q->entry->n_sets && k + 1 == n, true);
    }
}

static const char *esp_name(enum algo_kind kind, uint8_t protocol, uint16_t number, uint16_t bits, char out[static 32])
{
    snprintf(out, 32, number ? "no. %u" : "none", number);
    for (enum algo_id a = ALGO_NONE; a < ALGO_COUNT; a++) {
        const struct algo *x = algo_get(a);
        if (number && x->kind == kind && (protocol == IKE_PROTO_AH ? x->ah_v1 : x->esp_v1) == number) {
            const struct ike_choice c = {(uint16_t)a, bits};
            ike_choice_text(&c, out);
        }
    }
    return out;
}

static const char *group_text(uint16_t number, char out[static 32])
{
    snprintf(out, 32, number ? "group %u" : "none", number);
    return out;
}

/* One part against one offered proposal: the transform that fits, NULL with `why`. */
static const struct ike1_transform *part_fits(const struct ike1_proposal *own, const struct ike1_proposal *theirs,
                                              const struct ike_transform_set *s, const struct ike_entry *e,
                                              bool pfs_free, bool sees_nat, char *why)
{
    const struct ike1_transform *w = &own->v[0];
    for (unsigned i = 0; i < theirs->n; i++) {
        const struct ike1_transform *t = &theirs->v[i];
        char here[32], there[32];
        uint8_t proto = own->protocol;
        if (t->id != w->id || (t->bits ? t->bits : w->bits) != w->bits) {
            enum algo_kind k = proto == IKE_PROTO_AH ? ALGO_INTEG : ALGO_ENCR;
            snprintf(why, 256, "%s: %s here (%s, line %u), %s there",
                     proto == IKE_PROTO_AH ? "AH authentication" : "ESP encryption",
                     esp_name(k, proto, w->id, w->bits, here), s->name, s->line,
                     esp_name(k, proto, t->id, t->bits, there));
        } else if (t->auth_alg != w->auth_alg) {
            snprintf(why, 256, "authentication: %s here (%s, line %u), %s there",
                     esp_name(ALGO_INTEG, IKE_PROTO_ESP, w->auth_alg, 0, here), s->name, s->line,
                     esp_name(ALGO_INTEG, IKE_PROTO_ESP, t->auth_alg, 0, there));
        } else if (t->group != w->group && !pfs_free) {
            snprintf(why, 256, "PFS: %s here (map %s entry %u, line %u), %s there", group_text(w->group, here), e->map,
                     e->seq, e->line, group_text(t->group, there));
        } else if (t->encap != w->encap && !(s->transport && !s->require && t->encap == (w->encap == 2 ? 1 : 3)) &&
                   !(w->encap > 2 && t->encap == w->encap - 2) && /* older peers name the plain mode behind NAT too */
                   !(sees_nat && t->encap == w->encap + 2)) {
            snprintf(why, 256, "mode: %s here (%s, line %u), %s there", w->encap % 2 ? "tunnel" : "transport", s->name,
                     s->line, t->encap % 2 ? "tunnel" : "transport");
        } else if (t->unknown) {
            snprintf(why, 256, "an attribute that is not understood");
        } else {
            return t;
        }
    }
    return NULL;
}

static uint32_t spi_of(const struct ike1_proposal *p)
{
    struct rd r = rd_of(p->spi, 4);
    return rd_u32(&r);
}

/* Shorter lifetimes win (guide, lifetimes: "the smaller of the two"). */
static void lifetimes(struct v1_quick *q, const struct ike1_transform *t, bool ours)
{
    q->announce_life = !ours && ((t->life_s && q->life_s && t->life_s > q->life_s) ||
                                 (q->life_kb && (!t->life_kb || t->life_kb > q->life_kb)));
    if (t->life_s && (!q->life_s || t->life_s < q->life_s))
        q->life_s = t->life_s;
    if (t->life_kb && (!q->life_kb || t->life_kb < q->life_kb))
        q->life_kb = t->life_kb;
}

static enum algo_id group_of(uint16_t number)
{
    for (enum algo_id a = ALGO_NONE; a < ALGO_COUNT; a++)
        if (algo_get(a)->kind == ALGO_DH && algo_get(a)->ike_v1 == number && ike_dh_len(a))
            return a;
    return ALGO_NONE;
}

static bool set_fits(const struct ike_sa *sa, const struct ike_payload *pl, struct v1_quick *q,
                     const struct ike_transform_set *s, bool ours, char *why)
{
    struct ike1_proposal own[2], p;
    unsigned n = parts_of(sa, q, s, own, 1);
    /* NAT-D is not authentic, its offer is: who begins decides (RFC 3947 §5.1) */
    bool sees_nat = !ours && sa->floated && own[n - 1].v[0].encap <= 2;
    struct rd r = rd_of(pl->p, pl->n);
    struct ike1_proposal group[4];
    unsigned in_group = 0;
    if (!ike1_sa_begin(&r))
        return false;
    for (bool more = true; more;) {
        more = ike1_proposal_read(&r, &p, true);
        if (more && in_group && p.number == group[0].number && in_group < 4) {
            group[in_group++] = p;
            continue;
        }
        if (in_group == n) { /* all protocols of one number belong together (RFC 2408 §4.2) */
            const struct ike1_transform *t[2] = {NULL, NULL};
            const struct ike1_proposal *from[2] = {NULL, NULL};
            for (unsigned i = 0; i < n; i++)
                for (unsigned k = 0; k < in_group; k++)
                    if (group[k].protocol == own[i].protocol && group[k].spi_len == 4) {
                        from[i] = &group[k];
                        t[i] = part_fits(&own[i], from[i], s, q->entry, !ours && !q->entry->pfs, sees_nat, why);
                    }
            enum algo_id dh = !ours && t[0] ? group_of(t[0]->group) : ALGO_NONE;
            bool unknown_group = !ours && t[0] && t[0]->group && !dh;
            if (unknown_group) /* echoed without a value the peer would believe in PFS that there is not */
                snprintf(why, 256, "PFS: group %u, which the peer insists on, is not supported", t[0]->group);
            if (t[0] && (n == 1 || t[1]) && !unknown_group) {
                bool bundle = n == 2;
                q->set = s;
                q->transport = t[0]->encap % 2 == 0;
                q->peer_sees_nat = !ours && t[0]->encap > 2;
                q->spi_out = spi_of(from[bundle ? 1 : 0]);
                q->ah_out = bundle ? spi_of(from[0]) : 0;
                if (!ours && dh)
                    q->group = (uint16_t)dh;
                if (q->spi_out < IKE_SPI_MIN || (bundle && q->ah_out < IKE_SPI_MIN)) {
                    snprintf(why, 256, "the peer's SPI is reserved (RFC 4303 section 2.1)");
                    return false;
                }
                lifetimes(q, t[n - 1], ours);
                if (!ours) { /* the answer repeats what was chosen, with our SPIs */
                    struct wr w = wr_to(q->chosen, sizeof q->chosen);
                    ike1_sa_head(&w);
                    for (unsigned i = 0; i < n; i++) {
                        struct ike1_proposal x = {.number = from[i]->number,
                                                  .protocol = from[i]->protocol,
                                                  .spi_len = 4,
                                                  .n = 1,
                                                  .v = {*t[i]}};
                        memcpy(x.spi, own[i].spi, 4);
                        ike1_proposal_write(&w, &x, i + 1 == n, true);
                    }
                    q->chosen_len = (uint16_t)w.n;
                    return !w.bad;
                }
                return true;
            }
        } else if (in_group) {
            snprintf(why, 256, "%s here (%s, line %u), %s there", n == 2 ? "AH and ESP" : "one protocol", s->name,
                     s->line, in_group == 1 ? "one protocol" : "several together");
        }
        in_group = 0;
        if (more)
            group[in_group++] = p;
    }
    if (r.bad)
        snprintf(why, 256, "the proposals are malformed");
    return false;
}

bool v1_quick_choose(const struct ike_sa *sa, const struct ike_payload *pl, struct v1_quick *q, bool ours,
                     char why[static 256])
{
    snprintf(why, 256, "the entry has no transform set");
    for (unsigned i = 0; i < q->entry->n_sets; i++)
        if (set_fits(sa, pl, q, q->entry->sets[i], ours, why))
            return true;
    return false;
}
