/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/xfrm/diff.h"

struct differ {
    struct xfrm_diff *d;
    struct xfrm_plan *p;
    const struct xfrm_kernel *k;
    struct arena *ar;
    const struct xfrm_band *band[XFRM_DIRS]; /* in which our policies are now; NULL: there are none */
    struct symtab used[XFRM_DIRS];
    uint32_t next[XFRM_DIRS]; /* next index to try */
    struct ptrlist by_kind[OP_SA_DELETE + 1];
};

static bool is_ours(const struct xfrm_pol *p)
{
    return (p->index & XFRM_INDEX_MASK) == XFRM_INDEX_OURS;
}

static void op(struct differ *x, enum xfrm_op_kind kind, const struct xfrm_pol *pol, const struct xfrm_pol *old)
{
    struct xfrm_op *o = ARENA_NEW(x->ar, struct xfrm_op);
    *o = (struct xfrm_op){.kind = kind, .pol = pol, .old_pol = old};
    ptrlist_add(x->ar, &x->by_kind[kind], o);
}

static void conflict(struct differ *x, const char *fmt, const struct xfrm_pol *p, const struct xfrm_sa *s)
{
    struct buf b = {0};
    buf_puts(&b, fmt);
    if (p)
        xfrm_policy_line(&b, p);
    else
        xfrm_sa_line(&b, s, false);
    while (b.len && b.p[b.len - 1] == '\n')
        b.len--;
    ptrlist_add(x->ar, &x->d->conflicts, arena_strndup(x->ar, b.p, b.len));
    buf_free(&b);
}

/* ---- policies ---- */

static bool tmpl_equal(const struct xfrm_tmpl *a, const struct xfrm_tmpl *b)
{
    return addr_eq(&a->src, &b->src) && addr_eq(&a->dst, &b->dst) && a->reqid == b->reqid && a->proto == b->proto &&
           a->mode == b->mode && a->optional == b->optional;
}

static bool content_equal(const struct xfrm_pol *a, const struct xfrm_pol *b)
{
    if (a->action != b->action || a->ntmpl != b->ntmpl || a->is_altered != b->is_altered)
        return false;
    for (int i = 0; i < a->ntmpl && i < 2; i++)
        if (!tmpl_equal(&a->tmpl[i], &b->tmpl[i]))
            return false;
    return true;
}

static bool lets_clear(const struct xfrm_pol *p)
{
    return p->action == XFRM_DO_ALLOW && p->ntmpl == 0;
}

/* Marks the longest rising run of the kernel's priorities: those policies need not move. Patience sorting, O(n log n).
 */
static void longest_rising(struct arena *ar, const uint32_t *v, const bool *has, uint32_t n, bool *keep)
{
    uint32_t *tails = arena_array(ar, n + 1, sizeof *tails), *before = arena_array(ar, n + 1, sizeof *before), len = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!has[i])
            continue;
        uint32_t lo = 0, hi = len;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (v[tails[mid]] < v[i])
                lo = mid + 1;
            else
                hi = mid;
        }
        before[i] = lo ? tails[lo - 1] : UINT32_MAX;
        tails[lo] = i;
        if (lo == len)
            len++;
    }
    for (uint32_t i = len ? tails[len - 1] : UINT32_MAX; i != UINT32_MAX; i = before[i])
        keep[i] = true;
}

/* Numbers for the policies [from, to) between two that keep theirs. False if the gap is too narrow. */
static bool fill_gap(struct xfrm_pol **w, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi)
{
    uint32_t k = to - from, step = k ? (hi - lo) / (k + 1) : 0;
    if (k && step == 0)
        return false;
    for (uint32_t i = 0; i < k; i++)
        w[from + i]->priority = lo + (step > 16 ? 16 : step) * (i + 1);
    return true;
}

static uint32_t free_index(struct differ *x, int dir)
{
    struct symtab *used = &x->used[dir];
    if (used->cap == 0) { /* only a plan that adds something needs to know the numbers that are taken */
        symtab_reserve(x->ar, used, x->k->policies.n);
        PTRLIST_FOR (struct xfrm_pol, k, &x->k->policies) {
            if (k->dir == dir)
                symtab_put(x->ar, used, STR_EMPTY, k->index, k);
        }
    }
    for (;;) {
        uint32_t i = XFRM_INDEX_OURS | (x->next[dir]++ & 0x1fffff) << 3 | (uint32_t)dir;
        if (!symtab_get(used, STR_EMPTY, i))
            return i;
    }
}

/* A list lives in one band; false if the new policies do not fit between those that keep their numbers. */
static bool place(struct xfrm_pol **w, struct xfrm_pol **old, const bool *keep, uint32_t n)
{
    const struct xfrm_band *band = NULL;
    uint32_t lo = 0, from = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!keep[i])
            continue;
        if (!band) {
            band = xfrm_band_of(old[i]->priority);
            lo = band ? band->first - 1 : 0;
        }
        if (!band || old[i]->priority <= lo || old[i]->priority > band->last ||
            !fill_gap(w, from, i, lo, old[i]->priority))
            return false;
        lo = w[i]->priority = old[i]->priority;
        from = i + 1;
    }
    return band && fill_gap(w, from, n, lo, band->last + 1);
}

static struct xfrm_pol *changed(struct differ *x, const struct xfrm_pol *content, uint32_t priority)
{
    struct xfrm_pol *p = ARENA_NEW(x->ar, struct xfrm_pol);
    *p = *content;
    p->priority = priority;
    return p;
}

/* Of an entry with several peers the policy names the one that had the last SA (backends/ike/daemon/follow.h). */
static void keep_peer(struct xfrm_pol *w, const struct xfrm_pol *old)
{
    bool may = w->dir == XFRM_DIR_OUT && w->entry && w->entry->peers.n > 1 && w->ntmpl && old->ntmpl;
    for (uint32_t i = 0; may && i < w->entry->peers.n; i++) {
        const struct map_peer *p = w->entry->peers.v[i];
        if (addr_eq(&p->host.addr, &old->tmpl[0].dst))
            w->tmpl[0].dst = old->tmpl[0].dst;
    }
}

static void one_policy(struct differ *x, struct xfrm_pol *w, struct xfrm_pol *old)
{
    bool clear = lets_clear(w);
    if (!old) {
        w->index = free_index(x, w->dir);
        op(x, clear ? OP_CLEAR_ADD : OP_POLICY_ADD, w, NULL);
        x->d->added++;
        return;
    }
    w->index = old->index;
    keep_peer(w, old);
    if (w->priority == old->priority && content_equal(w, old)) {
        x->d->same++;
        return;
    }
    x->d->changed++;
    bool was_clear = lets_clear(old), back = w->priority > old->priority;
    if (was_clear && !clear) {
        struct xfrm_pol *here = changed(x, w, old->priority);
        op(x, OP_STRENGTHEN, here, old);
        if (w->priority == old->priority)
            return;
        old = here;
    }
    if (clear)
        op(x, was_clear && back ? OP_CLEAR_BACK : OP_CLEAR_UPDATE, w, old);
    else
        op(x, back ? OP_POLICY_BACK : OP_POLICY_UPDATE, w, old);
}

static void one_direction(struct differ *x, int dir)
{
    uint32_t n = x->p->policies[dir].n;
    struct xfrm_pol **w = (struct xfrm_pol **)x->p->policies[dir].v;
    struct xfrm_pol **old = arena_array(x->ar, n + 1, sizeof *old);
    uint32_t *number = arena_array(x->ar, n + 1, sizeof *number);
    bool *has = arena_array(x->ar, n + 1, 1), *keep = arena_array(x->ar, n + 1, 1);
    bool *theirs = arena_array(x->ar, n + 1, 1);
    for (uint32_t i = 0; i < n; i++) {
        struct xfrm_pol *k = symtab_get(&x->k->by_selector, xfrm_sel_key(&w[i]->sel), (uint32_t)dir);
        if (k && !is_ours(k)) {
            conflict(x, "somebody else has a policy with this selector: ", k, NULL);
            theirs[i] = true;
            continue;
        }
        old[i] = k;
        if (k)
            k->claimed = true;
        has[i] = k != NULL;
        number[i] = k ? k->priority : 0;
    }
    longest_rising(x->ar, number, has, n, keep);
    if (x->band[dir] && !place(w, old, keep, n))
        xfrm_number(x->p, (enum xfrm_dir)dir, x->band[dir]);
    for (uint32_t i = 0; i < n; i++)
        if (!theirs[i]) /* the kernel has one of each */
            one_policy(x, w[i], old[i]);
}

static bool plan_knows(const struct differ *x, uint32_t link)
{
    PTRLIST_FOR (struct xfrm_pol, w, &x->p->policies[XFRM_DIR_OUT]) {
        if (w->sel.ifindex == link)
            return true;
    }
    return false;
}

/* Is it on an interface that is there, under a name that nothing is planned for? */
static bool is_left_alone(const struct differ *x, const struct xfrm_pol *k)
{
    if (!x->p->links_there || !k->sel.ifindex || plan_knows(x, k->sel.ifindex))
        return false;
    PTRLIST_FOR (struct host_link, l, x->p->links_there) {
        if (l->index == k->sel.ifindex)
            return true;
    }
    return false;
}

static void policies(struct differ *x)
{
    PTRLIST_FOR (struct xfrm_pol, k, &x->k->policies) {
        if (is_ours(k) && !x->band[k->dir])
            x->band[k->dir] = xfrm_band_of(k->priority);
    }
    static const enum xfrm_dir order[] = {XFRM_DIR_IN, XFRM_DIR_FWD, XFRM_DIR_OUT};
    for (int d = 0; d < XFRM_DIRS; d++) {
        one_direction(x, order[d]);
    }
    PTRLIST_FOR (struct xfrm_pol, k, &x->k->policies) {
        if (!is_ours(k) || k->claimed || is_left_alone(x, k))
            continue;
        op(x, lets_clear(k) ? OP_CLEAR_DELETE : OP_POLICY_DELETE, NULL, k);
        x->d->removed++;
    }
}

/* ---- SAs ---- */

static bool alg_equal(const struct xfrm_alg_key *want, const struct xfrm_alg_key *is)
{
    if (!want->name || !is->name)
        return !want->name && !is->name;
    /* a kernel in lockdown does not tell keys */
    return strcmp(want->name, is->name) == 0 && (want->icv == is->icv || !want->icv) &&
           (is->len == 0 || (want->len == is->len && memcmp(want->key, is->key, want->len) == 0));
}

static bool sa_equal(const struct xfrm_sa *a, const struct xfrm_sa *b)
{
    return addr_eq(&a->src, &b->src) && a->mode == b->mode && a->reqid == b->reqid &&
           a->replay_window == b->replay_window && a->no_pmtu == b->no_pmtu && a->no_ecn == b->no_ecn &&
           a->esn == b->esn && memcmp(&a->sel, &b->sel, sizeof a->sel) == 0 && alg_equal(&a->auth, &b->auth) &&
           alg_equal(&a->crypt, &b->crypt) && alg_equal(&a->aead, &b->aead);
}

static bool same_id(const struct xfrm_sa *a, const struct ip_addr *dst, uint32_t spi, uint8_t proto)
{
    return a->spi == spi && a->proto == proto && addr_eq(&a->dst, dst);
}

static struct xfrm_sa *find_sa(const struct symtab *t, const struct ip_addr *dst, uint32_t spi, uint8_t proto)
{
    struct xfrm_sa *s = symtab_get(t, (struct str){(const char *)dst->b, 16}, spi ^ proto);
    return s && same_id(s, dst, spi, proto) ? s : NULL;
}

static void put_sa(struct arena *ar, struct symtab *t, struct xfrm_sa *s)
{
    symtab_put(ar, t, (struct str){(const char *)s->dst.b, 16}, s->spi ^ s->proto, s);
}

static bool is_owned(const struct ptrlist *owned, const struct xfrm_sa *s)
{
    PTRLIST_FOR (struct xfrm_sa_id, o, owned) {
        if (same_id(s, &o->dst, o->spi, o->proto))
            return true;
    }
    return false;
}

static void sa_op(struct differ *x, enum xfrm_op_kind kind, const struct xfrm_sa *sa, const struct xfrm_sa *old)
{
    struct xfrm_op *o = ARENA_NEW(x->ar, struct xfrm_op);
    *o = (struct xfrm_op){.kind = kind, .sa = sa, .old_sa = old};
    ptrlist_add(x->ar, &x->by_kind[kind], o);
}

static void sas(struct differ *x, const struct ptrlist *owned)
{
    struct symtab held = {0}, wanted = {0};
    PTRLIST_FOR (struct xfrm_sa, k, &x->k->sas) {
        put_sa(x->ar, &held, k);
    }
    PTRLIST_FOR (struct xfrm_sa, w, &x->p->sas) {
        struct xfrm_sa *k = find_sa(&held, &w->dst, w->spi, w->proto);
        put_sa(x->ar, &wanted, w);
        if (!k) {
            sa_op(x, OP_SA_ADD, w, NULL);
            x->d->sa_added++;
        } else if (!is_owned(owned, k)) {
            conflict(x, "somebody else has an SA with this address and SPI: ", NULL, k);
        } else if (sa_equal(w, k)) {
            x->d->sa_same++;
        } else {
            sa_op(x, OP_SA_DELETE_FIRST, NULL, k);
            sa_op(x, OP_SA_ADD, w, NULL);
            x->d->sa_changed++;
        }
    }
    PTRLIST_FOR (struct xfrm_sa_id, o, owned) {
        struct xfrm_sa *k = find_sa(&held, &o->dst, o->spi, o->proto);
        if (!k || find_sa(&wanted, &o->dst, o->spi, o->proto))
            continue;
        sa_op(x, OP_SA_DELETE, NULL, k);
        x->d->sa_removed++;
    }
}

void xfrm_thresholds_wanted(const struct xfrm_plan *p, const struct xfrm_kernel *k, uint8_t v4[2], uint8_t v6[2])
{
    uint8_t *const out[2] = {v4, v6};
    for (int f = 0; f < 2; f++)
        for (int side = 0; side < 2; side++) {
            uint8_t base = p->threshold_base[f][side], want = p->hash_threshold[f];
            uint8_t now = base ? base : k->hash_threshold[f][side];
            out[f][side] = want && want < now ? want : now;
        }
}

void xfrm_diff_build(struct xfrm_diff *d, struct xfrm_plan *p, const struct xfrm_kernel *k, const struct ptrlist *owned)
{
    struct differ x = {.d = d, .p = p, .k = k, .ar = p->arena};
    *d = (struct xfrm_diff){0};
    policies(&x);
    sas(&x, owned);
    xfrm_find_ahead(d, p, k);
    uint8_t want[2][2];
    xfrm_thresholds_wanted(p, k, want[0], want[1]);
    if (memcmp(want, k->hash_threshold, sizeof want) != 0) {
        d->threshold = true;
        op(&x, OP_THRESHOLD, NULL, NULL);
    }
    for (int kind = 0; kind <= OP_SA_DELETE; kind++)
        for (uint32_t i = 0; i < x.by_kind[kind].n; i++)
            ptrlist_add(x.ar, &d->ops, x.by_kind[kind].v[i]);
}
