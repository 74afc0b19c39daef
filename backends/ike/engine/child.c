/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children: making, finding, giving to the kernel and taking back; the policies of peers of dynamic entries. */
#include <stdlib.h>

#include "backends/ike/engine/engine.h"

struct ike_child *ike_child_new(struct ike_sa *sa)
{
    struct ike_child *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->sa = sa;
    c->next = sa->children;
    sa->children = c;
    sa->n_children++;
    return c;
}

static void unlink_child(struct ike_child *c)
{
    struct ike_child **p = &c->sa->children;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    c->sa->n_children--;
}

static void child_forget(struct ike_child *c)
{
    unlink_child(c);
    for (struct ike_child *o = c->sa->children; o; o = o->next) {
        if (o->peers_child == c)
            o->peers_child = NULL;
        if (o->successor_of == c) {
            o->successor_of = NULL;
            free(o->low_nonce);
            o->low_nonce = NULL;
        }
    }
}

/* RFC 7296 §2.23: the SAs are made anew where the peer is now; the policies follow with them. */
#define MOVED_MS 3000 /* it may be somebody's copy that has moved it: then it is back by then */

static void follow_peer(struct ike *ike, struct ike_child *c)
{
    const struct ike_sa *sa = c->sa;
    bool is_address = addr_eq(&c->out.remote.addr, &sa->remote.addr);
    bool is_there = is_address && (!sa->nat_remote || c->out.remote.port == sa->remote.port);
    if (!ike_child_stands(c) || (is_there && !c->moved))
        return;
    uint64_t rekey_at = ike->now + MOVED_MS;
    if (is_there) /* back again: as if nothing had been */
        rekey_at = c->expire_at > ike->now ? ike->now + (c->expire_at - ike->now) / 10 * 9 : 0;
    c->rekey_at = rekey_at;
    c->moved = !is_there;
}

void ike_peer_moved(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_child *c = sa->children; c; c = c->next)
        follow_peer(ike, c);
    ike_log(ike, EV_MESSAGE, IKE_NOTICE, sa, NULL, "the peer's NAT mapping has changed, port %u now: rekeying",
            sa->remote.port);
    ike_timer_update(ike, sa);
}

void ike_child_move(struct ike *ike, struct ike_child *c, struct ike_sa *to)
{
    unlink_child(c);
    c->sa->n_waiting -= c->waiting != NULL;
    to->n_waiting += c->waiting != NULL;
    c->sa = to;
    c->next = to->children;
    to->children = c;
    to->n_children++;
    follow_peer(ike, c);
    ike_timer_update(ike, to);
}

void ike_child_stands_again(struct ike *ike, struct ike_child *c)
{
    bool is_told = c->moved && c->rekey_at; /* when it is to be tried again: its rekeying was refused */
    c->state = CHILD_UP;
    if (!is_told)
        follow_peer(ike, c);
    ike_timer_update(ike, c->sa);
}

struct ike_child *ike_child_by_spi(struct ike_sa *sa, uint32_t spi, bool inbound)
{
    for (struct ike_child *c = sa->children; c; c = c->next) {
        uint32_t esp = inbound ? c->spi_in : c->spi_out;
        uint32_t ah = inbound ? c->ah_spi_in : c->ah_spi_out;
        if (spi && (esp == spi || ah == spi)) /* 0: that SA is not there */
            return c;
    }
    return NULL;
}

struct ike_child *ike_child_of(struct ike_sa *sa, const struct ike_entry *e, const struct ike_ts *local,
                               const struct ike_ts *remote)
{
    for (struct ike_child *c = sa->children; c; c = c->next)
        if (c->installed && c->entry == e && ike_child_serves(c) && ike_ts_equal(&c->ts_local, local) &&
            ike_ts_equal(&c->ts_remote, remote))
            return c;
    return NULL;
}

struct ike_child *ike_child_older(struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e,
                                  const struct ike_ts *local, const struct ike_ts *remote)
{
    struct ike_child *c = ike_child_of((struct ike_sa *)(uintptr_t)sa, e, local, remote);
    for (struct ike_sa *o = NULL; !c && (o = ike_of_same_peer(ike, sa, o));)
        c = ike_child_of(o, e, local, remote);
    return c;
}

/* RFC 4303 §2.1. Two of one host never meet within 2^32 in practice; the kernel refuses the second, and the negotiation
 * is then taken back. */
uint32_t ike_spi_new(struct ike *ike)
{
    uint32_t v;
    do
        ike->host.random(ike->host.ctx, &v, sizeof v);
    while (v < IKE_SPI_MIN);
    return v;
}

bool ike_spi_is_taken(const struct ike *ike, const struct ip_addr *to, uint32_t spi)
{
    for (const struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, to, sa));)
        for (const struct ike_child *c = sa->children; c; c = c->next)
            if (c->installed && addr_eq(&c->out.remote.addr, to) && (c->spi_out == spi || c->ah_spi_out == spi))
                return true;
    return false;
}

/* What an entry can have at one time, its successors and what is being deleted with it; twice under all of a peer's IKE
 * SAs, as it may be authenticating itself anew, make before break. */
bool ike_children_full(const struct ike *ike, const struct ike_sa *sa, const struct ike_entry *e, bool is_successor)
{
    uint32_t n = sa->n_children;
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));)
        n += o->n_children;
    uint32_t room = IKE_CHILDREN_MAX + 2 * e->n_lines;
    if (e->per_host)
        room += 2 * IKE_PER_HOST_MAX;
    room *= is_successor ? 2 : 1; /* what it takes the place of goes */
    return sa->n_children >= room || n >= 2 * room;
}

/* ---- request numbers of dynamic entries' peers ---- */

#define NUMBERS (IKE_REQID_DYNAMIC_MAX + 1u)

static uint32_t number_take(struct ike *ike)
{
    if (!ike->reqids_used && !(ike->reqids_used = calloc(NUMBERS / 8, 1)))
        return 0;
    for (uint32_t tries = 0; tries < NUMBERS; tries++) {
        uint32_t n = ike->next_reqid = (ike->next_reqid + 1) % NUMBERS;
        if (n == 0 || ike->reqids_used[n / 8] >> n % 8 & 1)
            continue;
        ike->reqids_used[n / 8] |= (uint8_t)(1u << n % 8);
        return IKE_REQID_DYNAMIC | n;
    }
    return 0;
}

static void number_give_back(struct ike *ike, uint32_t reqid)
{
    uint32_t n = reqid & IKE_REQID_DYNAMIC_MAX;
    ike->reqids_used[n / 8] &= (uint8_t) ~(1u << n % 8);
}

static struct ike_peer_policies *policies_new(struct ike *ike)
{
    struct ike_peer_policies *p = calloc(1, sizeof *p);
    if (p && (p->reqid = number_take(ike)))
        return p;
    free(p);
    return NULL;
}

bool ike_child_number(struct ike *ike, struct ike_child *c, const struct ike_line *l, const struct ike_child *old)
{
    if (!c->entry->dynamic) {
        if (!old && !l)
            return false;
        c->reqid = old ? old->reqid : l->reqid;
        return true;
    }
    c->policies = old && old->policies ? old->policies : policies_new(ike);
    if (!c->policies)
        return false;
    c->policies->users++;
    c->reqid = c->policies->reqid;
    return true;
}

/* `c` is still whole: the kernel's policies are named by it. */
static void policies_leave(struct ike *ike, struct ike_child *c, bool in_kernel)
{
    struct ike_peer_policies *p = c->policies;
    c->policies = NULL;
    if (!p || --p->users)
        return;
    if (p->installed && in_kernel && ike->host.policy_delete)
        ike->host.policy_delete(ike->host.ctx, c);
    number_give_back(ike, p->reqid);
    free(p);
}

void ike_child_copy(struct ike_child *to, const struct ike_child *c)
{
    *to = *c;
    to->next = to->peers_child = to->successor_of = NULL;
    to->low_nonce = NULL;
    to->waiting = NULL;
    to->held_policy = NULL;
    to->installed = to->sends = false;
    if (to->policies)
        to->policies->users++;
}

void ike_child_copy_end(struct ike *ike, struct ike_child *copy)
{
    policies_leave(ike, copy, true);
}

static bool same_path(const struct ike_path *a, const struct ike_path *b)
{
    return addr_eq(&a->local.addr, &b->local.addr) && addr_eq(&a->remote.addr, &b->remote.addr);
}

/* The policies are there, and name the tunnel that this child makes. */
static bool policies_ready(struct ike *ike, struct ike_child *c)
{
    struct ike_peer_policies *p = c->policies;
    if (!p || !ike->host.policy_add || (p->installed && same_path(&p->path, &c->in)))
        return true;
    if (!ike->host.policy_add(ike->host.ctx, c, p->installed))
        return false;
    p->installed = true;
    p->path = c->in;
    return true;
}

bool ike_child_policies_again(struct ike *ike, struct ike_child *c)
{
    const struct ike_peer_policies *p = c->policies;
    bool are_its = p && p->installed && same_path(&p->path, &c->in);
    return !are_its || !ike->host.policy_add || ike->host.policy_add(ike->host.ctx, c, true);
}

/* ---- the kernel ---- */

bool ike_child_install(struct ike *ike, struct ike_child *c, const struct ike_sa_keys *k, bool late)
{
    c->in = c->out = (struct ike_path){c->sa->local, c->sa->remote};
    /* where the peer is elsewhere now the old SA leads nowhere: there is nothing to wait for */
    if (c->policies && c->policies->installed && !same_path(&c->policies->path, &c->in))
        late = false;
    if (late && (c->waiting = malloc(sizeof *c->waiting))) {
        *c->waiting = *k;
        c->sa->n_waiting++;
    }
    unsigned which = c->waiting ? IKE_SA_IN : IKE_SA_IN | IKE_SA_OUT;
    if (!ike->host.sa_add(ike->host.ctx, c, k, which))
        return false;
    c->sends = !c->waiting;
    c->sends_since = ike->now;
    c->number = ++ike->next_number;
    if (!policies_ready(ike, c)) {
        ike_rivals_ask(ike, c);
        ike->host.sa_delete(ike->host.ctx, c);
        return false;
    }
    c->installed = true;
    ike->n_children++;
    if (c->entry->route.on && !c->entry->route.is_static && ike->host.route)
        ike->host.route(ike->host.ctx, c, true);
    ike_idle_start(ike, c);
    if (c->sa->version == 1)
        ike_watch_start(ike, c);
    return true;
}

static void forget_keys(struct ike_child *c)
{
    if (c->waiting) {
        ike_wipe(c->waiting, sizeof *c->waiting);
        c->sa->n_waiting--;
    }
    free(c->waiting);
    c->waiting = NULL;
    c->send_at = 0;
}

bool ike_child_send(struct ike *ike, struct ike_child *c)
{
    if (!c->waiting)
        return true;
    c->out = (struct ike_path){c->sa->local, c->sa->remote};
    bool ok = ike->host.sa_add(ike->host.ctx, c, c->waiting, IKE_SA_OUT);
    c->sends = ok;
    c->sends_since = ike->now;
    c->number = ++ike->next_number;
    forget_keys(c);
    if (!ok)
        ike_log(ike, EV_CHILD_DOWN, IKE_ERROR, c->sa, c,
                "map %s entry %u line %u: the kernel rejected the outbound SA 0x%08x: the pair is deleted",
                c->entry->map, c->entry->seq, c->line, c->spi_out);
    return ok;
}

void ike_child_send_or_end(struct ike *ike, struct ike_child *c)
{
    c->send_at = 0;
    if (ike_child_send(ike, c))
        return;
    c->rekey_at = 0;
    c->state = CHILD_DELETING;
    if (!ike_has_task(c->sa, TASK_DELETE_CHILD, c->spi_in))
        ike_task_add(c->sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
    c->send_at = ike->now; /* the timer then begins the task */
    ike_timer_update(ike, c->sa);
}

static bool takes_place_of(const struct ike_child *c, const struct ike_child *old)
{
    bool same = c->entry == old->entry && ike_ts_equal(&c->ts_local, &old->ts_local) &&
                ike_ts_equal(&c->ts_remote, &old->ts_remote);
    return c != old && (c->successor_of == old || same);
}

/* The old one goes: those that were to take over do so first, so that no packet finds nothing. Those of an SA that ends
 * itself go with it. */
static void heirs_send(struct ike *ike, const struct ike_child *old)
{
    struct ike_sa *sa = old->sa;
    for (struct ike_sa *next = sa, *after = NULL; next; next = after = ike_of_same_peer(ike, sa, after))
        for (struct ike_child *c = next->children; c && next->n_waiting && !ike_is(next, IKE_ENDS); c = c->next)
            if (c->send_at && takes_place_of(c, old))
                ike_child_send_or_end(ike, c);
}

bool ike_is_just_replaced(struct ike *ike, const struct ike_child *old)
{
    struct ike_sa *sa = old->sa;
    heirs_send(ike, old);
    for (struct ike_sa *next = sa, *after = NULL; next; next = after = ike_of_same_peer(ike, sa, after))
        for (const struct ike_child *c = next->children; c; c = c->next) {
            bool is_new = c->sends && ike->now < c->sends_since + IKE_OVERLAP_MS;
            if (is_new && takes_place_of(c, old))
                return true;
        }
    return false;
}

void ike_child_free(struct ike *ike, struct ike_child *c, bool in_kernel)
{
    if (in_kernel && c->installed)
        heirs_send(ike, c);
    child_forget(c);
    policies_leave(ike, c, in_kernel);
    if (c->installed) {
        ike->n_children--;
        if (c->entry->route.on && !c->entry->route.is_static && ike->host.route)
            ike->host.route(ike->host.ctx, c, false);
        if (in_kernel)
            ike->host.sa_delete(ike->host.ctx, c);
        if (ike->host.child_gone)
            ike->host.child_gone(ike->host.ctx, c);
    }
    if (c->held_policy)
        ike_policy_release(ike, c->held_policy);
    forget_keys(c);
    struct ike_sa *sa = c->sa;
    free(c->low_nonce);
    free(c);
    if (ike_is(sa, IKE_ORPHAN) && !sa->children) { /* nothing holds it any more: the next tick ends it */
        sa->resume_at = ike->now;
        ike_timer_update(ike, sa);
    }
}

uint16_t ike_pfs_group(const struct ike_entry *e, uint16_t before)
{
    return e->pfs ? e->pfs : before;
}
