/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine as a whole: joins services and versions. */
#include "backends/ike/ike.h"

#include <stdlib.h>

#include "backends/ike/v1/v1.h"
#include "backends/ike/v2/v2.h"

static int by_reqid(const void *a, const void *b)
{
    const struct ike_reqid *x = a, *y = b;
    return x->reqid < y->reqid ? -1 : x->reqid > y->reqid;
}

static bool index_lines(struct ike *ike)
{
    const struct ike_policy *p = ike->policy;
    uint32_t n = 0;
    for (unsigned i = 0; i < p->n_entries; i++)
        n += p->entries[i].n_lines;
    ike->n_reqids = 0;
    ike->reqids = calloc(n + 1, sizeof *ike->reqids);
    ike->peer_of_entry = calloc(p->n_entries + 1, 1);
    if (!ike->reqids || !ike->peer_of_entry)
        return false;
    for (unsigned i = 0; i < p->n_entries; i++) {
        const struct ike_entry *e = &p->entries[i];
        for (unsigned k = 0; k < e->n_lines && !e->dynamic; k++)
            ike->reqids[ike->n_reqids++] = (struct ike_reqid){e->lines[k].reqid, e, &e->lines[k]};
        for (unsigned k = 0; k < e->n_peers && k < 256; k++)
            if (e->peers[k].is_default)
                ike->peer_of_entry[i] = (uint8_t)k;
    }
    qsort(ike->reqids, ike->n_reqids, sizeof *ike->reqids, by_reqid);
    return ike_entries_index(ike);
}

static void fetch_cipher(struct ike *ike, enum algo_id encr, unsigned bits)
{
    if (!ike_crypto_cipher(ike->crypto, encr, bits))
        ike_log(ike, EV_MESSAGE, IKE_WARNING, NULL, NULL,
                "%s with %u bits is not available in libcrypto: proposals with it fail", algo_get(encr)->name, bits);
}

static void fetch_ciphers(struct ike *ike)
{
    const struct ike_policy *p = ike->policy;
    for (unsigned i = 0; i < p->n_v1; i++)
        fetch_cipher(ike, (enum algo_id)p->v1[i].encr.alg, p->v1[i].encr.bits);
    for (unsigned i = 0; i < p->n_v2; i++)
        for (unsigned k = 0; k < p->v2[i].n; k++)
            for (unsigned a = 0; a < p->v2[i].proposals[k]->encr.n; a++)
                fetch_cipher(ike, (enum algo_id)p->v2[i].proposals[k]->encr.v[a].alg,
                             p->v2[i].proposals[k]->encr.v[a].bits);
}

struct ike *ike_new(const struct ike_policy *policy, const struct ike_host *host, uint64_t now_ms)
{
    struct ike *ike = calloc(1, sizeof *ike);
    if (!ike)
        return NULL;
    ike->policy = policy;
    ike->host = *host;
    ike->now = now_ms;
    ike->hash_size = 64;
    ike->version[1] = &ike_v1;
    ike->version[2] = &ike_v2;
    ike->by_spi = calloc(ike->hash_size, sizeof *ike->by_spi);
    ike->by_peer = calloc(ike->hash_size, sizeof *ike->by_peer);
    ike->by_addr = calloc(ike->hash_size, sizeof *ike->by_addr);
    ike->by_origin = calloc(ike->hash_size, sizeof *ike->by_origin);
    ike->by_identity = calloc(ike->hash_size, sizeof *ike->by_identity);
    ike->crypto = ike_crypto_new();
    bool has_tables = ike->by_spi && ike->by_peer && ike->by_addr && ike->by_origin && ike->by_identity;
    if (has_tables && ike->crypto && index_lines(ike)) {
        host->random(host->ctx, ike->hash_seed, sizeof ike->hash_seed);
        host->random(host->ctx, ike->cookie_secret, sizeof ike->cookie_secret);
        fetch_ciphers(ike);
        return ike;
    }
    ike_free(ike);
    return NULL;
}

void ike_free(struct ike *ike)
{
    if (!ike)
        return;
    ike->ending = true;
    for (uint32_t i = 0; ike->by_spi && i < ike->hash_size; i++)
        while (ike->by_spi[i])
            ike_sa_free(ike, ike->by_spi[i]);
    ike_crypto_free(ike->crypto);
    free(ike->by_spi);
    free(ike->by_peer);
    free(ike->by_addr);
    free(ike->by_origin);
    free(ike->by_identity);
    free(ike->reqids_used);
    free(ike->entry_peers);
    free(ike->heap);
    free(ike->reqids);
    free(ike->peer_of_entry);
    ike_wipe(ike, sizeof *ike);
    free(ike);
}

static void at(struct ike *ike, uint64_t now)
{
    if (now > ike->now)
        ike->now = now;
}

void ike_input(struct ike *ike, uint64_t now, const struct ike_end *local, const struct ike_end *remote,
               const uint8_t *p, size_t n)
{
    struct ike_header h;
    struct rd r = rd_of(p, n);
    at(ike, now);
    ike->stats.datagrams_in++;
    if (n == 1 && p[0] == 0xff) /* NAT keepalive */
        return;
    if (!ike_header_read(&r, &h)) {
        ike->stats.malformed++;
        return;
    }
    const struct ike_version *v = h.version >> 4 <= 2 ? ike->version[h.version >> 4] : NULL;
    ike->here = *local;
    if (v)
        v->input(ike, local, remote, p, n, h);
    else
        ike->stats.dropped++;
}

uint64_t ike_deadline(const struct ike *ike)
{
    return ike->heap_n ? ike->heap[0]->deadline : UINT64_MAX;
}

void ike_tick(struct ike *ike, uint64_t now)
{
    const struct ike_sa *last = NULL;
    unsigned same = 0;
    at(ike, now);
    while (ike->heap_n && ike->heap[0]->deadline <= ike->now) {
        struct ike_sa *sa = ike->heap[0];
        uint64_t id = sa->id, before = sa->deadline;
        if (!ike_hear_now(ike, sa))
            ike->version[sa->version]->tick(ike, sa);
        if (ike->heap_n && ike->heap[0] == sa && sa->id == id && sa->deadline == before && ++same > 3) {
            /* our own mistake: better without this SA than for ever here */
            ike_log(ike, EV_IKE_DOWN, IKE_ERROR, sa, NULL,
                    "a deadline of this IKE SA does not pass (%s): it is dropped", ike_state_name(sa->state));
            ike_sa_free(ike, sa);
        } else if (sa != last) {
            same = 0;
        }
        last = sa;
    }
}

/* One map on two interfaces is two entries with the same numbers: each is at its own address. */
static bool is_at(const struct ike_entry *e, const struct ip_addr *local)
{
    return !local || local->family == FAMILY_NONE || e->local.family == FAMILY_NONE || addr_eq(&e->local, local);
}

static const struct ike_reqid *line_for(const struct ike *ike, uint32_t reqid, const struct ip_addr *local,
                                        const struct ike_ts *src, const struct ike_ts *dst)
{
    const struct ike_reqid key = {.reqid = reqid}, *first = NULL;
    struct ike_reqid *x = bsearch(&key, ike->reqids, ike->n_reqids, sizeof key, by_reqid),
                     *end = ike->reqids + ike->n_reqids;
    if (!x)
        return NULL;
    while (x > ike->reqids && x[-1].reqid == reqid)
        x--;
    for (; x < end && x->reqid == reqid; x++) {
        struct ike_ts s, d, common;
        if (!is_at(x->entry, local))
            continue;
        first = first ? first : x;
        ike_line_ts(x->line, &s, &d);
        if (!src || !dst || (ike_ts_intersect(src, &s, &common) && ike_ts_intersect(dst, &d, &common)))
            return x;
    }
    return first;
}

static bool is_for(const struct ike_task *t, const struct ike_line *l)
{
    return t->kind == TASK_CHILD && t->line == l;
}

/* Is one on its way? Then the kernel's request is an old one. */
static bool under_way(const struct ike *ike, const struct ike_reqid *x)
{
    for (unsigned i = 0; i < x->entry->n_peers && !x->entry->per_host; i++)
        for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, &x->entry->peers[i].addr, sa));) {
            if (sa->current && is_for(sa->current, x->line))
                return true;
            for (const struct ike_task *t = sa->tasks; t; t = t->next)
                if (is_for(t, x->line))
                    return true;
        }
    return false;
}

static unsigned pairs_of_hosts(const struct ike *ike, const struct ike_entry *e)
{
    unsigned n = 0;
    for (unsigned i = 0; i < e->n_peers; i++)
        for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, &e->peers[i].addr, sa));) {
            for (const struct ike_child *c = sa->children; c; c = c->next)
                n += c->entry == e && !ike_child_is(c, CHILD_REPLACED);
            for (const struct ike_task *t = sa->tasks; t; t = t->next)
                n += t->entry == e && t->kind == TASK_CHILD;
        }
    return n;
}

bool ike_acquire(struct ike *ike, uint64_t now, uint32_t reqid, const struct ip_addr *local, const struct ike_ts *src,
                 const struct ike_ts *dst)
{
    at(ike, now);
    const struct ike_reqid *x = line_for(ike, reqid, local, src, dst);
    if (!x || x->entry->responder_only || x->entry->dynamic || x->entry->n_peers == 0)
        return false;
    if (under_way(ike, x))
        return true;
    struct ike_task t = {.kind = TASK_CHILD, .entry = x->entry, .line = x->line};
    if (x->entry->per_host && pairs_of_hosts(ike, x->entry) >= IKE_PER_HOST_MAX) {
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL,
                "map %s entry %u: %u pairs of hosts have SAs, no more are made", x->entry->map, x->entry->seq,
                IKE_PER_HOST_MAX);
        return false;
    }
    if (x->entry->per_host && src && dst) {
        /* guide, set security-association level per-host: one SA for each pair of hosts, for all that the line permits
         * between them */
        t.narrow = true;
        ike_line_ts(x->line, &t.flow_src, &t.flow_dst);
        t.flow_src.lo = src->lo, t.flow_src.hi = src->hi;
        t.flow_dst.lo = dst->lo, t.flow_dst.hi = dst->hi;
    }
    return ike_start(ike, x->entry, t);
}

static struct ike_child *child_with(struct ike_sa *sa, const struct ip_addr *src, const struct ip_addr *dst,
                                    uint32_t spi)
{
    for (struct ike_child *c = sa->children; c; c = c->next) {
        bool is_in = (c->spi_in == spi || c->ah_spi_in == spi) && addr_eq(&c->in.remote.addr, src) &&
                     addr_eq(&c->in.local.addr, dst);
        bool is_out = (c->spi_out == spi || c->ah_spi_out == spi) && addr_eq(&c->out.local.addr, src) &&
                      addr_eq(&c->out.remote.addr, dst);
        if (spi && (is_in || is_out))
            return c;
    }
    return NULL;
}

/* By where the peer is now. */
static struct ike_child *child_near(const struct ike *ike, const struct ip_addr *src, const struct ip_addr *dst,
                                    uint32_t spi)
{
    struct ike_child *c = NULL;
    for (struct ike_sa *sa = NULL; !c && (sa = ike_with_addr(ike, src, sa));)
        c = child_with(sa, src, dst, spi);
    for (struct ike_sa *sa = NULL; !c && (sa = ike_with_addr(ike, dst, sa));)
        c = child_with(sa, src, dst, spi);
    return c;
}

/* RFC 4301 §4.4.2.1: SPI and destination name an SA, as it was made; its IKE SA may be elsewhere by now. */
static struct ike_child *child_of_kernel(const struct ike *ike, const struct ip_addr *src, const struct ip_addr *dst,
                                         uint32_t spi)
{
    struct ike_child *c = child_near(ike, src, dst, spi);
    for (uint32_t i = 0; !c && i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i]; !c && sa; sa = sa->hash_next)
            c = child_with(sa, src, dst, spi);
    return c;
}

void ike_expire(struct ike *ike, uint64_t now, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi,
                bool hard)
{
    at(ike, now);
    struct ike_child *c = child_of_kernel(ike, src, dst, spi);
    if (!c || (c->held_policy && !hard)) /* what a reload has dropped is not rekeyed */
        return;
    *(hard ? &c->expire_at : &c->rekey_at) = ike->now;
    ike_timer_update(ike, c->sa);
    ike_tick(ike, now);
}

bool ike_has_sa(const struct ike *ike, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi)
{
    const struct ike_child *c = child_near(ike, src, dst, spi);
    return c && c->installed && !ike_child_leaves(c);
}

void ike_sa_lost(struct ike *ike, uint64_t now, const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi)
{
    struct ike_child *c = child_near(ike, src, dst, spi);
    if (c)
        c->is_lost = true;
    ike_expire(ike, now, src, dst, spi, true);
}

/* Of a negotiation with several that claim to be the peer, all; 0: it stands, or there is none. */
static uint64_t spi_of_begun(const struct ike *ike, uint64_t id)
{
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->id == id && ike_is(sa, IKE_BEGINS))
                return sa->own_spi;
    return 0;
}

/* Its children go at once: another IKE SA with the peer may say so, its own cannot. */
static void orphan_child_ends(struct ike *ike, struct ike_sa *sa, struct ike_child *c)
{
    if (ike->version[sa->version]->tell_end)
        ike->version[sa->version]->tell_end(ike, sa, c);
    ike_child_free(ike, c, true);
}

static void orphans_clear(struct ike *ike, const struct ip_addr *peer, uint8_t version, uint64_t id)
{
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next) {
            bool is_it = ike_is(sa, IKE_ORPHAN) && (!version || sa->version == version) && (!id || sa->id == id) &&
                         (!peer || addr_eq(&sa->remote.addr, peer));
            for (struct ike_child *c = is_it ? sa->children : NULL, *next; c; c = next) {
                next = c->next;
                orphan_child_ends(ike, sa, c);
            }
        }
}

unsigned ike_clear(struct ike *ike, uint64_t now, const struct ip_addr *peer, uint8_t version, uint64_t id)
{
    unsigned n = 0;
    at(ike, now);
    const uint64_t spi = id ? spi_of_begun(ike, id) : 0;
    orphans_clear(ike, peer, version, id); /* first: what may speak for them is about to end too */
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i], *next; sa; sa = next) {
            next = sa->hash_next;
            bool is_it = !id || sa->id == id || (ike_is(sa, IKE_BEGINS) && sa->own_spi == spi);
            if (sa->held_by || (version && sa->version != version) || !is_it ||
                (peer && !addr_eq(&sa->remote.addr, peer)))
                continue;
            n++;
            if (ike_is(sa, IKE_BEGINS) || ike_is(sa, IKE_ORPHAN)) { /* there is nobody to tell */
                ike_sa_dismiss(ike, sa);
                continue;
            }
            if (!ike_has_task(sa, TASK_DELETE_IKE, 0))
                ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
            ike->version[sa->version]->next(ike, sa);
        }
    return n;
}

unsigned ike_clear_children(struct ike *ike, uint64_t now, const struct ip_addr *peer, const struct ike_entry *entry,
                            uint32_t spi)
{
    unsigned n = 0;
    at(ike, now);
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i], *next; sa; sa = next) {
            next = sa->hash_next;
            bool any = false;
            for (struct ike_child *c = sa->children, *later; c; c = later) {
                later = c->next;
                if ((peer && !addr_eq(&sa->remote.addr, peer)) || (entry && c->entry != entry) ||
                    (spi && c->spi_in != spi && c->spi_out != spi) || ike_has_task(sa, TASK_DELETE_CHILD, c->spi_in))
                    continue;
                n++;
                if (ike_is(sa, IKE_ORPHAN)) {
                    orphan_child_ends(ike, sa, c);
                    continue;
                }
                ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
                any = true;
            }
            if (any)
                ike->version[sa->version]->next(ike, sa);
        }
    return n;
}

bool ike_reload(struct ike *ike, uint64_t now, const struct ike_moves *m, struct ike_reload *out)
{
    struct ike_reqid *reqids = ike->reqids;
    uint8_t *peers = ike->peer_of_entry;
    uint32_t n = ike->n_reqids;
    struct ike_sa_list all;
    at(ike, now);
    *out = (struct ike_reload){0};
    if (!ike_sas_list(ike, &all)) /* before anything is another */
        return false;
    ike->policy = m->to;
    if (!index_lines(ike)) {
        free(ike->reqids);
        free(ike->peer_of_entry);
        ike->policy = m->from;
        ike->reqids = reqids;
        ike->peer_of_entry = peers;
        ike->n_reqids = n;
        free(all.v);
        return false;
    }
    for (unsigned i = 0; i < m->from->n_entries; i++)
        if (m->entry[i] != UINT32_MAX)
            ike->peer_of_entry[m->entry[i]] = peers[i];
    free(reqids);
    free(peers);
    fetch_ciphers(ike);
    ike_sas_move(ike, m, &all, out);
    free(all.v);
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (struct ike_sa *sa = ike->by_spi[i], *next; sa; sa = next) {
            next = sa->hash_next;
            if (sa->tasks && ike_is(sa, IKE_STANDS) && !sa->held_by)
                sa->resume_at = ike->now; /* the next tick works its deletes off */
            ike_timer_update(ike, sa);
        }
    return true;
}

bool ike_policy_in_use(const struct ike *ike, const struct ike_policy *p)
{
    const struct ike_old_policy *o = ike->old_policies;
    while (o && o->policy != p)
        o = o->next;
    return o != NULL;
}

void ike_each(struct ike *ike, void (*f)(void *ctx, const struct ike_sa *sa), void *ctx)
{
    for (uint32_t i = 0; i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            f(ctx, sa);
}
