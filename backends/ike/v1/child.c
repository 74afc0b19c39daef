/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a quick mode makes: keys (RFC 2409 §5.5) and IPsec SAs. */
#include <stdlib.h>

#include "backends/ike/v1/v1.h"

#define OVERLAP_MS 30000 /* an old SA lives on beside its successor so long */

/* KEYMAT = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni | Nr), and so on with what came out (§5.5). */
static bool keymat(struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q, uint8_t protocol, uint32_t spi,
                   uint8_t *a, size_t na, uint8_t *b, size_t nb)
{
    uint8_t head[5] = {protocol}, all[2 * (IKE_KEY_MAX + IKE_HASH_MAX)], k[IKE_HASH_MAX];
    size_t len = ike_hash_len(sa->suite.prf), need = na + nb;
    struct wr w = wr_to(head + 1, 4);
    wr_u32(&w, spi);
    bool ok = need <= sizeof all;
    for (size_t done = 0; ok && done < need; done += len) {
        size_t take = need - done < len ? need - done : len;
        ok = ike_prf(
            ike->crypto, sa->suite.prf, sa->v1->d, len,
            (struct ike_iov[]){
                {k, done ? len : 0}, {q->shared, q->shared_len}, {head, 5}, {q->ni, q->ni_len}, {q->nr, q->nr_len}},
            5, k);
        memcpy(all + done, k, take);
    }
    if (ok) {
        memcpy(a, all, na);
        memcpy(b, all + na, nb);
    }
    ike_wipe(all, sizeof all);
    ike_wipe(k, sizeof k);
    return ok;
}

static bool keys(struct ike *ike, const struct ike_sa *sa, const struct v1_quick *q, struct ike_sa_keys *k)
{
    const struct ike_transform_set *s = q->set;
    bool esp = s->encr.alg || s->integ.alg, bundle = esp && s->ah.alg;
    size_t e = s->encr.alg ? ike_cipher_key_len((enum algo_id)s->encr.alg, s->encr.bits) : 0;
    size_t a = s->integ.alg ? ike_hash_len((enum algo_id)s->integ.alg) : 0;
    size_t h = s->ah.alg ? ike_hash_len((enum algo_id)s->ah.alg) : 0;
    uint8_t none[1];
    bool ok = !esp || (keymat(ike, sa, q, IKE_PROTO_ESP, q->spi_in, k->encr_in, e, k->integ_in, a) &&
                       keymat(ike, sa, q, IKE_PROTO_ESP, q->spi_out, k->encr_out, e, k->integ_out, a));
    return ok && (!h || (keymat(ike, sa, q, IKE_PROTO_AH, bundle ? q->ah_in : q->spi_in, k->ah_in, h, none, 0) &&
                         keymat(ike, sa, q, IKE_PROTO_AH, bundle ? q->ah_out : q->spi_out, k->ah_out, h, none, 0)));
}

/* The one it takes the place of: by the same selectors, whoever began it, under whichever ISAKMP SA of the same
 * authenticated peer; of others behind its address never. */
static struct ike_child *older(struct ike *ike, const struct ike_sa *sa, const struct ike_child *c)
{
    return ike_child_older(ike, sa, c->entry, &c->ts_local, &c->ts_remote);
}

struct ike_child *v1_child_make(struct ike *ike, struct ike_sa *sa, const struct v1_quick *q, bool late)
{
    struct ike_child *c = ike_child_new(sa);
    struct ike_sa_keys k = {0};
    if (!c)
        return NULL;
    c->state = CHILD_HALF;
    c->entry = q->entry;
    c->set = q->set;
    c->line = q->line ? q->line->line : q->entry->line;
    c->one_of_many = q->entry->per_host || (q->line && q->line->one_of_many);
    c->spi_in = q->spi_in;
    c->spi_out = q->spi_out;
    c->ah_spi_in = q->ah_in;
    c->ah_spi_out = q->ah_out;
    c->ts_local = q->local;
    c->ts_remote = q->remote;
    c->dh = q->group;
    bool numbered = ike_child_number(ike, c, q->line, older(ike, sa, c));
    c->transport = q->transport;
    c->initiator = q->initiator;
    c->began_at = q->began_at;
    c->lifetime_s = q->life_s;
    /* `lifetime kilobytes disable`: whatever the peer's limit is, this end asks for no new SA by volume (guide, dynamic
     * maps, step 7, Note) */
    c->lifetime_kb = q->entry->lifetime_kb ? q->life_kb : 0;
    bool ok = numbered && keys(ike, sa, q, &k) && ike_child_install(ike, c, &k, late);
    ike_wipe(&k, sizeof k);
    if (ok)
        return c;
    ike_log(ike, EV_REFUSED, IKE_ERROR, sa, c, "the kernel rejected the SAs");
    ike_child_free(ike, c, false);
    return NULL;
}

static uint32_t lower_spi(const struct ike_child *c)
{
    return c->spi_in < c->spi_out ? c->spi_in : c->spi_out;
}

/* Each end had begun one before it knew of the other's: of the two both must let the same one go, and both see the same
 * SPIs. Else each would delete the other's (IKEv1 has no rule). Of two by one end, whose last messages have overtaken
 * each other, the one that it began later stays. */
static bool gives_way(const struct ike_child *c, const struct ike_child *old)
{
    if (c->initiator == old->initiator)
        return c->began_at < old->began_at;
    bool crossed = c->initiator != old->initiator && c->began_at <= old->up_at;
    return crossed && lower_spi(c) < lower_spi(old);
}

static void set_lifetime(struct ike *ike, struct ike_child *c)
{
    if (!c->lifetime_s)
        return;
    uint64_t life = 1000u * (uint64_t)c->lifetime_s;
    /* both ends may begin; who began it does so first */
    c->rekey_at = c->up_at + ike_jitter(ike, life / 100 * (c->initiator ? 88 : 95), 1);
    c->expire_at = c->up_at + life;
}

#define SOON_MS 60000

void v1_child_goes_on(struct ike *ike, struct ike_child *c)
{
    uint64_t expire_at = c->expire_at;
    ike_watch_rests(ike, c);
    set_lifetime(ike, c);
    c->expire_at = expire_at;
    if (c->rekey_at < ike->now + SOON_MS) /* that was to be refused as well */
        c->rekey_at = 0;
    ike_timer_update(ike, c->sa);
}

/* Its time is what it was; where the peer is elsewhere it is rekeyed at once, whatever was tried before. */
static void use_again(struct ike *ike, struct ike_child *c)
{
    c->moved = false;
    set_lifetime(ike, c);
    ike_child_stands_again(ike, c);
}

static bool may_have_crossed(const struct ike_child *a, const struct ike_child *b)
{
    uint64_t apart = a->up_at > b->up_at ? a->up_at - b->up_at : b->up_at - a->up_at;
    return apart < OVERLAP_MS;
}

/* One takes the place of the other; both live on for a while. If the ends should not agree which one goes, the end
 * whose choice is that of the SPIs deletes first, and the other one hears of it in time (v1_child_keep). */
static void replace(struct ike *ike, struct ike_child *c, struct ike_child *old)
{
    struct ike_child *out = gives_way(c, old) ? c : old;
    const struct ike_child *stays = out == c ? old : c;
    bool soon = out == c || c->initiator;
    if (c->initiator != old->initiator && may_have_crossed(c, old))
        soon = lower_spi(out) < lower_spi(stays);
    c->generation = old->generation + 1;
    ike_watch_inherit(c, old);
    out->state = CHILD_REPLACED;
    out->rekey_at = 0;
    if (out == c && !old->rekey_at) /* whose rekeying this was */
        use_again(ike, old);
    out->expire_at = ike->now + (soon ? OVERLAP_MS / 10 : OVERLAP_MS);
    ike_timer_update(ike, out->sa);
}

static struct ike_child *other_of_two(struct ike_sa *sa, const struct ike_child *c)
{
    for (struct ike_child *o = sa->children; o; o = o->next)
        if (ike_child_is(o, CHILD_REPLACED) && o->entry == c->entry && ike_ts_equal(&o->ts_local, &c->ts_local) &&
            ike_ts_equal(&o->ts_remote, &c->ts_remote) && may_have_crossed(o, c))
            return o;
    return NULL;
}

void v1_child_keep(struct ike *ike, struct ike_sa *sa, const struct ike_child *gone)
{
    if (!ike_child_stands(gone))
        return;
    struct ike_child *o = other_of_two(sa, gone);
    for (struct ike_sa *s = NULL; !o && (s = ike_of_same_peer(ike, sa, s));)
        o = other_of_two(s, gone);
    if (!o)
        return;
    o->expire_at = 0;
    use_again(ike, o);
    ike_log(ike, EV_MESSAGE, IKE_INFO, o->sa, o, "map %s entry %u line %u: SPI 0x%08x in, which crossed it, stays",
            o->entry->map, o->entry->seq, o->line, o->spi_in);
    ike_timer_update(ike, o->sa);
}

void v1_child_up(struct ike *ike, struct ike_sa *sa, struct ike_child *c)
{
    char a[128], b[128];
    struct ike_child *old = older(ike, sa, c);
    if (!ike_child_send(ike, c)) { /* it could only receive: the peer is told, and the old one stays */
        v1_delete_child(ike, sa, c);
        ike_child_free(ike, c, true);
        return;
    }
    c->state = CHILD_UP;
    c->up_at = ike->now;
    set_lifetime(ike, c);
    if (old)
        replace(ike, c, old);
    ike_log(ike, old ? EV_CHILD_REKEYED : EV_CHILD_UP, IKE_INFO, sa, c,
            "map %s entry %u line %u: IPsec SA %s, SPI 0x%08x in, 0x%08x out, %s to %s, transform set %s",
            c->entry->map, c->entry->seq, c->line, old ? "rekeyed" : "up", c->spi_in, c->spi_out,
            ike_ts_text(&c->ts_local, a), ike_ts_text(&c->ts_remote, b), c->set->name);
    ike_timer_update(ike, sa);
}

struct ike_child *v1_child_half(struct ike_sa *sa, const struct v1_quick *q)
{
    struct ike_child *c = ike_child_by_spi(sa, q->spi_in, true);
    return c && ike_child_is(c, CHILD_HALF) ? c : NULL;
}
