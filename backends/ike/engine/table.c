/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKE SAs and their children: making, finding, freeing. */
#include <stdlib.h>

#include "backends/ike/engine/proof.h"

static uint32_t slot_of_spi(const struct ike *ike, uint64_t spi)
{
    /* our own SPIs are random already */
    return (uint32_t)(spi ^ spi >> 32) & (ike->hash_size - 1);
}

/* A peer chooses its SPI and may forge its address, so the table is keyed. FNV over seed, SPI and address; an attacker
 * who fills one slot must know the seed. */
static uint32_t slot_of_peer(const struct ike *ike, uint64_t spi, const struct ip_addr *a)
{
    uint64_t h = 14695981039346656037u;
    for (unsigned i = 0; i < 16; i++)
        h = (h ^ ike->hash_seed[i]) * 1099511628211u;
    for (unsigned i = 0; i < 8; i++)
        h = (h ^ (spi >> (8 * i) & 255)) * 1099511628211u;
    for (unsigned i = 0; i < 16; i++)
        h = (h ^ a->b[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32) & (ike->hash_size - 1);
}

static uint32_t slot_of_identity(const struct ike *ike, uint8_t version, const uint8_t *id, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (unsigned i = 0; i < 16; i++)
        h = (h ^ ike->hash_seed[i]) * 1099511628211u;
    h = (h ^ version) * 1099511628211u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (i ? ike_letter(id[0], id[i]) : id[0])) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32) & (ike->hash_size - 1);
}

static uint64_t peer_spi_of(const struct ike_sa *sa)
{
    return sa->initiator ? sa->spi_r : sa->spi_i;
}

static void link_identity(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->peer_id)
        return;
    struct ike_sa **s = &ike->by_identity[slot_of_identity(ike, sa->version, sa->peer_id, sa->peer_id_len)];
    sa->identity_next = *s;
    *s = sa;
}

static void unlink_identity(struct ike *ike, struct ike_sa *sa)
{
    if (!sa->peer_id)
        return;
    struct ike_sa **s = &ike->by_identity[slot_of_identity(ike, sa->version, sa->peer_id, sa->peer_id_len)];
    while (*s && *s != sa)
        s = &(*s)->identity_next;
    if (*s)
        *s = sa->identity_next;
}

static void link_in(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa **s = &ike->by_spi[slot_of_spi(ike, sa->own_spi)];
    sa->hash_next = *s;
    *s = sa;
    s = &ike->by_peer[slot_of_peer(ike, peer_spi_of(sa), &sa->remote.addr)];
    sa->peer_next = *s;
    *s = sa;
    s = &ike->by_addr[slot_of_peer(ike, 0, &sa->remote.addr)];
    sa->addr_next = *s;
    *s = sa;
    s = &ike->by_origin[slot_of_peer(ike, 0, &sa->began_with)];
    sa->origin_next = *s;
    *s = sa;
    link_identity(ike, sa);
}

static void unlink_origin(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa **s = &ike->by_origin[slot_of_peer(ike, 0, &sa->began_with)];
    while (*s && *s != sa)
        s = &(*s)->origin_next;
    if (*s)
        *s = sa->origin_next;
}

static void unlink_addr(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa **s = &ike->by_addr[slot_of_peer(ike, 0, &sa->remote.addr)];
    while (*s && *s != sa)
        s = &(*s)->addr_next;
    if (*s)
        *s = sa->addr_next;
}

static void unlink_peer(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa **s = &ike->by_peer[slot_of_peer(ike, peer_spi_of(sa), &sa->remote.addr)];
    while (*s && *s != sa)
        s = &(*s)->peer_next;
    if (*s)
        *s = sa->peer_next;
}

static void unlink_both(struct ike *ike, struct ike_sa *sa)
{
    struct ike_sa **s = &ike->by_spi[slot_of_spi(ike, sa->own_spi)];
    while (*s && *s != sa)
        s = &(*s)->hash_next;
    if (*s)
        *s = sa->hash_next;
    unlink_peer(ike, sa);
    unlink_addr(ike, sa);
    unlink_origin(ike, sa);
    unlink_identity(ike, sa);
}

static void grow(struct ike *ike)
{
    uint32_t old = ike->hash_size;
    struct ike_sa **a = calloc(2u * old, sizeof *a), **b = calloc(2u * old, sizeof *b),
                  **c = calloc(2u * old, sizeof *c), **d = calloc(2u * old, sizeof *d),
                  **e = calloc(2u * old, sizeof *e), **was = ike->by_spi;
    if (!a || !b || !c || !d || !e) { /* it works on with longer chains */
        free(a);
        free(b);
        free(c);
        free(d);
        free(e);
        return;
    }
    free(ike->by_peer);
    free(ike->by_addr);
    free(ike->by_origin);
    free(ike->by_identity);
    ike->by_origin = e;
    ike->by_identity = d;
    ike->by_spi = a;
    ike->by_peer = b;
    ike->by_addr = c;
    ike->hash_size = 2 * old;
    for (uint32_t i = 0; i < old; i++)
        for (struct ike_sa *sa = was[i], *next; sa; sa = next) {
            next = sa->hash_next;
            link_in(ike, sa);
        }
    free(was);
}

/* `own_spi` 0: one that nobody has. */
static struct ike_sa *make(struct ike *ike, uint8_t version, bool initiator, const struct ike_end *local,
                           const struct ike_end *remote, uint64_t own_spi)
{
    struct ike_sa *sa = calloc(1, sizeof *sa);
    if (sa)
        sa->moved_by = IKE_MOVED_BY_NONE;
    if (!sa)
        return NULL;
    sa->own_spi = own_spi;
    sa->id = ++ike->next_id;
    sa->version = version;
    sa->initiator = initiator;
    sa->local = *local;
    sa->remote = *remote;
    sa->began_with = remote->addr;
    sa->response_id = UINT32_MAX;
    sa->begun_at = ike->now;
    while (!sa->own_spi || (!own_spi && ike_by_spi(ike, sa->own_spi)))
        ike->host.random(ike->host.ctx, &sa->own_spi, sizeof sa->own_spi);
    *(initiator ? &sa->spi_i : &sa->spi_r) = sa->own_spi;
    if (ike->n_sa >= ike->hash_size)
        grow(ike);
    ike->n_sa++;
    link_in(ike, sa);
    return sa;
}

struct ike_sa *ike_sa_new(struct ike *ike, uint8_t version, bool initiator, const struct ike_end *local,
                          const struct ike_end *remote)
{
    return make(ike, version, initiator, local, remote, 0);
}

struct ike_sa *ike_sa_beside(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *o = make(ike, sa->version, sa->initiator, &sa->local, &sa->remote, sa->own_spi);
    if (!o)
        return NULL;
    ike_began_with(ike, o, &sa->began_with);
    o->known = sa->known;
    o->entry = sa->entry;
    o->profile = sa->profile;
    o->peer_at = sa->peer_at;
    o->is_by_password = sa->is_by_password;
    o->begun_at = sa->begun_at;
    o->half_open_until = sa->half_open_until;
    o->expire_at = sa->expire_at; /* of the negotiation: one of those that stand begins nothing */
    memcpy(o->begun_by, sa->begun_by, sizeof o->begun_by);
    return o;
}

void ike_state_set(struct ike *ike, struct ike_sa *sa, enum ike_state s)
{
    ike->n_established -= ike_is(sa, IKE_STANDS);
    sa->state = (uint8_t)s;
    ike->n_established += ike_is(sa, IKE_STANDS);
    if (!ike_is(sa, IKE_BEGINS))
        ike_half_open_set(ike, sa, IKE_HALF_NONE);
}

void ike_request_end(struct ike_sa *sa)
{
    free(sa->request);
    sa->request = NULL;
    sa->request_len = 0;
    sa->request_tries = 0;
    sa->retransmit_at = 0;
}

void ike_exchange_drop(struct ike_sa *sa)
{
    if (sa->exchange && sa->exchange_free)
        sa->exchange_free(sa->exchange);
    sa->exchange = NULL;
    free(sa->current);
    sa->current = NULL;
}

void ike_exchange_end(struct ike_sa *sa)
{
    ike_exchange_drop(sa);
    ike_request_end(sa);
}

void ike_sa_dismiss(struct ike *ike, struct ike_sa *sa)
{
    sa->is_dismissed = true;
    ike_sa_free(ike, sa);
}

void ike_sa_free(struct ike *ike, struct ike_sa *sa)
{
    ike_state_set(ike, sa, IKE_DEAD);
    ike_job_drop(sa);
    unlink_both(ike, sa);
    if (sa->held_by)
        *sa->held_by = NULL;
    while (sa->children)
        ike_child_free(ike, sa->children, true);
    ike_timer_remove(ike, sa); /* nothing arms it behind this */
    ike_unproved_free(sa);
    if (ike->version[sa->version] && ike->version[sa->version]->gone)
        ike->version[sa->version]->gone(ike, sa);
    ike_exchange_end(sa);
    for (struct ike_task *t = sa->tasks, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    if (sa->keys) {
        ike_wipe(sa->keys, sizeof *sa->keys);
        free(sa->keys);
    }
    if (sa->replaces && sa->replaces->peers_sa == sa)
        sa->replaces->peers_sa = NULL;
    if (sa->replaced_by && sa->replaced_by->replaces == sa)
        sa->replaced_by->replaces = NULL;
    if (sa->peers_sa && sa->peers_sa->replaces == sa)
        sa->peers_sa->replaces = NULL;
    if (sa->replaces && sa->replaces->replaced_by == sa)
        sa->replaces->replaced_by = NULL;
    ike_later_drop(sa);
    free(sa->low_nonce);
    free(sa->response);
    free(sa->anchor);
    free(sa->called);
    free(sa->subject);
    free(sa->peer_id);
    ike->n_sa--;
    free(sa);
}

struct ike_sa *ike_with_spi(const struct ike *ike, uint64_t own_spi, const struct ike_sa *after)
{
    struct ike_sa *sa = after ? after->hash_next : ike->by_spi[slot_of_spi(ike, own_spi)];
    while (sa && sa->own_spi != own_spi)
        sa = sa->hash_next;
    return sa;
}

struct ike_sa *ike_by_spi(struct ike *ike, uint64_t own_spi)
{
    return ike_with_spi(ike, own_spi, NULL);
}

struct ike_sa *ike_still(struct ike *ike, uint64_t own_spi, uint64_t id)
{
    struct ike_sa *sa = ike_by_spi(ike, own_spi);
    while (sa && sa->id != id)
        sa = ike_with_spi(ike, own_spi, sa);
    return sa;
}

struct ike_sa *ike_by_peer(struct ike *ike, uint64_t peer_spi, const struct ip_addr *remote, const struct ike_sa *after)
{
    struct ike_sa *first = after ? after->peer_next : ike->by_peer[slot_of_peer(ike, peer_spi, remote)];
    for (struct ike_sa *sa = first; sa; sa = sa->peer_next)
        if (peer_spi_of(sa) == peer_spi && addr_eq(&sa->remote.addr, remote))
            return sa;
    return NULL;
}

void ike_peer_spi_known(struct ike *ike, struct ike_sa *sa, uint64_t peer_spi)
{
    unlink_peer(ike, sa);
    *(sa->initiator ? &sa->spi_r : &sa->spi_i) = peer_spi;
    struct ike_sa **s = &ike->by_peer[slot_of_peer(ike, peer_spi, &sa->remote.addr)];
    sa->peer_next = *s;
    *s = sa;
}

struct ike_sa *ike_with_addr(const struct ike *ike, const struct ip_addr *remote, const struct ike_sa *after)
{
    struct ike_sa *sa = after ? after->addr_next : ike->by_addr[slot_of_peer(ike, 0, remote)];
    while (sa && !addr_eq(&sa->remote.addr, remote))
        sa = sa->addr_next;
    return sa;
}

struct ike_sa *ike_with_origin(const struct ike *ike, const struct ip_addr *began_with, const struct ike_sa *after)
{
    struct ike_sa *sa = after ? after->origin_next : ike->by_origin[slot_of_peer(ike, 0, began_with)];
    while (sa && !addr_eq(&sa->began_with, began_with))
        sa = sa->origin_next;
    return sa;
}

void ike_began_with(struct ike *ike, struct ike_sa *sa, const struct ip_addr *where)
{
    unlink_origin(ike, sa);
    sa->began_with = *where;
    struct ike_sa **s = &ike->by_origin[slot_of_peer(ike, 0, where)];
    sa->origin_next = *s;
    *s = sa;
}

bool ike_identity_set(struct ike *ike, struct ike_sa *sa, const struct ike_id *id)
{
    uint8_t *b = malloc(id->n + 1u);
    if (!b)
        return false;
    unlink_identity(ike, sa);
    free(sa->peer_id);
    b[0] = id->type;
    memcpy(b + 1, id->p, id->n);
    sa->peer_id = b;
    sa->peer_id_len = (uint16_t)(id->n + 1);
    link_identity(ike, sa);
    return true;
}

/* By the same secret, whichever line of whichever keyring has it, or by a certificate under the same trust anchor: a
 * name that two secrets may claim is two peers. Who has lost its proof is nobody's like. */
static bool same_proof(const struct ike *ike, const struct ike_sa *a, const struct ike_sa *b)
{
    if (a->anchor && b->anchor)
        return memcmp(a->anchor, b->anchor, IKE_ANCHOR_LEN) == 0;
    return !a->anchor && !b->anchor && ike_same_secret(ike->policy, a->key_id, b->key_id);
}

static bool same_name(const struct ike_sa *a, const struct ike_sa *b)
{
    bool same = a->version == b->version && a->peer_id && b->peer_id && a->peer_id_len == b->peer_id_len &&
                a->peer_id[0] == b->peer_id[0];
    for (size_t i = 1; same && i < a->peer_id_len; i++)
        same = ike_letter(a->peer_id[0], a->peer_id[i]) == ike_letter(b->peer_id[0], b->peer_id[i]);
    return same;
}

/* The profile does not tell peers apart: in IKEv1 who begins takes that of its entry, who answers that of the identity.
 */
static bool same_peer(const struct ike *ike, const struct ike_sa *a, const struct ike_sa *b)
{
    return same_name(a, b) && same_proof(ike, a, b);
}

static struct ike_sa *first_of_name(const struct ike *ike, const struct ike_sa *sa)
{
    return sa->peer_id ? ike->by_identity[slot_of_identity(ike, sa->version, sa->peer_id, sa->peer_id_len)] : NULL;
}

void ike_rivals_ask(struct ike *ike, const struct ike_child *c)
{
    for (struct ike_sa *o = first_of_name(ike, c->sa), *next; o; o = next) {
        next = o->identity_next;
        bool may_be_it = o != c->sa && same_name(o, c->sa) && o->anchor && c->sa->anchor;
        bool is_rival = may_be_it && ike_is(o, IKE_STANDS) && ike_child_of(o, c->entry, &c->ts_local, &c->ts_remote);
        if (is_rival)
            ike->version[o->version]->ask(ike, o);
    }
}

struct ike_sa *ike_of_same_peer(const struct ike *ike, const struct ike_sa *sa, const struct ike_sa *after)
{
    struct ike_sa *o = after ? after->identity_next : first_of_name(ike, sa);
    while (o && (o == sa || ike_is(o, IKE_BEGINS) || !same_peer(ike, o, sa)))
        o = o->identity_next;
    return o;
}

/* An address of its own behind a NAT: others behind other NATs may have the same, and the same secret. */
static bool may_be_shared(const struct ike_sa *sa)
{
    const size_t n = sa->began_with.family == FAMILY_V6 ? 16 : 4;
    bool is_address = sa->peer_id[0] == IKE_ID_IPV4 || sa->peer_id[0] == IKE_ID_IPV6;
    return is_address && (sa->peer_id_len != n + 1 || memcmp(sa->peer_id + 1, sa->began_with.b, n) != 0);
}

bool ike_may_be_another(const struct ike_sa *a, const struct ike_sa *b)
{
    return may_be_shared(a) && !addr_eq(&a->remote.addr, &b->remote.addr);
}

bool ike_is_same_peer(const struct ike *ike, const struct ike_sa *a, const struct ike_sa *b)
{
    return same_peer(ike, a, b) && !ike_may_be_another(a, b);
}

/* Who answers says it of the name that it was told and of itself: those that we have with it by another profile (with
 * another identity of ours), or at another address that has the same name, are none of it. */
static bool is_meant(const struct ike_sa *sa, const struct ike_sa *o)
{
    bool is_told = sa->version == 1 && sa->initiator;
    return !is_told || (o->profile == sa->profile && addr_eq(&o->began_with, &sa->began_with));
}

void ike_peer_restarted(struct ike *ike, struct ike_sa *sa)
{
    for (struct ike_sa *o = ike_of_same_peer(ike, sa, NULL), *next; o; o = next) {
        next = ike_of_same_peer(ike, sa, o);
        if (o->held_by || o->up_at >= sa->begun_at || !addr_eq(&o->local.addr, &sa->local.addr))
            continue;
        if (ike_may_be_another(sa, o) || !is_meant(sa, o))
            continue;
        ike_log(ike, EV_IKE_DOWN, IKE_INFO, o, NULL, "peer restarted (INITIAL_CONTACT), deleting its old SAs");
        ike_sa_free(ike, o);
        next = ike_of_same_peer(ike, sa, NULL); /* others may have gone with it */
    }
    for (struct ike_child *c = sa->children, *next; c; c = next) { /* that had gone over to this one */
        next = c->next;
        if (c->up_at && c->up_at < sa->begun_at)
            ike_child_free(ike, c, true);
    }
}

/* Those that carry nothing before those that do, the oldest before the others. */
static bool goes_before(const struct ike_sa *a, const struct ike_sa *b)
{
    bool differ = (a->n_children == 0) != (b->n_children == 0);
    return differ ? a->n_children == 0 : a->id < b->id;
}

/* Room is made for another: an honest peer has two or three while one takes another's place. */
static void make_room(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *first = NULL;
    unsigned n = 0;
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o)); n++)
        if (!o->held_by && (!first || goes_before(o, first)))
            first = o;
    if (n < IKE_SAS_PER_PEER || !first)
        return;
    ike_log(ike, EV_IKE_DOWN, IKE_WARNING, first, NULL, "the peer has %u IKE SAs: one of them ends", n);
    ike_sa_free(ike, first);
}

void ike_replaced_make_room(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *first = NULL;
    unsigned n = 0;
    for (struct ike_sa *o = NULL; (o = ike_of_same_peer(ike, sa, o));) {
        if (!ike_is(o, IKE_OUTDATED) || o->held_by)
            continue;
        n++;
        if (!first || o->id < first->id)
            first = o;
    }
    if (n >= IKE_SAS_PER_PEER && first)
        ike_sa_free(ike, first);
}

/* A key of one address, and other names each time: names are the peer's choice, as is where it says that it is now, and
 * no limit counts by what a peer chooses. Where the key is for many addresses, many routers behind one NAT may have it.
 */
static void make_room_of_key(struct ike *ike, const struct ike_sa *sa)
{
    struct ike_sa *first = NULL;
    unsigned n = 0;
    if (!ike_key_is_of_one(ike->policy, sa->key_id))
        return;
    for (struct ike_sa *o = NULL; (o = ike_with_origin(ike, &sa->began_with, o));) {
        if (o == sa || o->held_by || ike_is(o, IKE_BEGINS) || o->version != sa->version || !same_proof(ike, o, sa))
            continue;
        n++;
        if (!first || goes_before(o, first))
            first = o;
    }
    if (n < 2 * IKE_SAS_PER_PEER || !first)
        return;
    ike_log(ike, EV_IKE_DOWN, IKE_WARNING, first, NULL,
            "a peer has %u IKE SAs by one key under several names: one ends", n);
    ike_sa_free(ike, first);
}

bool ike_peer_proved(struct ike *ike, struct ike_sa *sa, bool says_initial_contact)
{
    bool had_one = ike_of_same_peer(ike, sa, NULL) != NULL;
    if (says_initial_contact)
        ike_peer_restarted(ike, sa);
    make_room(ike, sa);
    make_room_of_key(ike, sa);
    /* limits hold when somebody has proved himself: many may have begun at one time. One more of who has one is a
     * renewal, or has restarted. */
    return had_one || !ike_sas_full(ike);
}

bool ike_is_first_contact(const struct ike *ike, const struct ike_sa *sa)
{
    for (const struct ike_sa *o = NULL; (o = ike_with_addr(ike, &sa->remote.addr, o));)
        if (o != sa && o->version == sa->version && !ike_is(o, IKE_BEGINS))
            return false;
    return true;
}

void ike_remote_set(struct ike *ike, struct ike_sa *sa, const struct ike_end *remote)
{
    unlink_both(ike, sa);
    sa->remote = *remote;
    link_in(ike, sa);
}

static bool is_of_entry(const struct ike_sa *sa, const struct ike_entry *e)
{
    bool is_from_here = e->local.family == FAMILY_NONE || addr_eq(&sa->local.addr, &e->local);
    return sa->version == e->version && is_from_here && (!e->profile || sa->profile == e->profile);
}

static bool takes_tasks(const struct ike_sa *sa)
{
    bool is_up = (ike_is(sa, IKE_BEGINS) && sa->initiator) || ike_is(sa, IKE_STANDS);
    return is_up && !sa->held_by && !sa->reauthenticates[0] && !sa->is_silent && !ike_has_task(sa, TASK_DELETE_IKE, 0);
}

struct ike_sa *ike_usable(struct ike *ike, const struct ike_entry *e, const struct ip_addr *remote)
{
    for (struct ike_sa *sa = NULL; (sa = ike_with_addr(ike, remote, sa));) {
        bool leads_there = addr_eq(&sa->began_with, remote);
        if (leads_there && is_of_entry(sa, e) && takes_tasks(sa) && ike_proof_serves(ike, sa, e))
            return sa;
    }
    return NULL;
}

/* ---- tasks ---- */

/* The end of an IKE SA waits for nothing that was to be done by it. */
void ike_task_add(struct ike_sa *sa, struct ike_task t)
{
    struct ike_task *n = malloc(sizeof *n), **p = &sa->tasks;
    if (!n)
        return;
    while (*p && t.kind != TASK_DELETE_IKE)
        p = &(*p)->next;
    *n = t;
    n->next = *p;
    *p = n;
}

bool ike_task_is_its(struct ike *ike, const struct ike_sa *sa, const struct ike_task *t)
{
    if (t->kind != TASK_CHILD || ike_entry_is_its(ike, sa, t->entry))
        return true;
    if (t->entry == sa->entry) { /* another one for it would be no better */
        ike_log(ike, EV_REFUSED, IKE_WARNING, sa, NULL,
                "map %s entry %u: its peer has proved itself by another key than its", t->entry->map, t->entry->seq);
        return false;
    }
    ike_log(ike, EV_MESSAGE, IKE_INFO, sa, NULL,
            "map %s entry %u: what this IKE SA proves is not for it, another is begun", t->entry->map, t->entry->seq);
    if (!ike->ending && !ike_start(ike, t->entry, *t))
        ike_log(ike, EV_REFUSED, IKE_WARNING, NULL, NULL, "map %s entry %u: it cannot be begun", t->entry->map,
                t->entry->seq);
    return false;
}

void ike_tasks_follow(struct ike_sa *from, struct ike_sa *to)
{
    for (struct ike_task **p = &from->tasks, *t; (t = *p);) {
        if (!t->spi || (!t->unmade && !ike_child_by_spi(to, t->spi, true))) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        ike_task_add(to, *t);
        free(t);
    }
}

bool ike_has_task(const struct ike_sa *sa, enum ike_task_kind k, uint32_t spi)
{
    if (sa->current && sa->current->kind == k && sa->current->spi == spi)
        return true;
    for (const struct ike_task *t = sa->tasks; t; t = t->next)
        if (t->kind == k && t->spi == spi)
            return true;
    return false;
}

/* ---- starting ---- */

static bool start_peer(const struct ike *ike, const struct ike_entry *e, unsigned *at)
{
    unsigned first = ike->peer_of_entry[e - ike->policy->entries];
    for (unsigned i = 0; i < e->n_peers; i++) {
        *at = (first + i) % e->n_peers;
        if (e->peers[*at].addr.family != FAMILY_NONE)
            return true;
    }
    return false;
}

#define SAY_AT_TRY 3 /* 7 s, of the 63 s until it is given up */

void ike_say_waiting(struct ike *ike, const struct ike_sa *sa)
{
    char from[ADDR_TEXT_MAX] = "this host";
    if (sa->request_tries != SAY_AT_TRY)
        return;
    if (sa->local.addr.family != FAMILY_NONE)
        (void)addr_text(&sa->local.addr, from);
    ike_log(ike, EV_MESSAGE, IKE_NOTICE, sa, NULL, "no answer from the peer yet (%s; from %s)",
            ike_state_waits((enum ike_state)sa->state), from);
}

/* The next one that is at that address, or at another, from `first` on and round; n_peers: there is none. */
static unsigned peer_place(const struct ike_entry *e, unsigned first, const struct ip_addr *addr, bool is_there)
{
    for (unsigned i = 0; i < e->n_peers; i++) {
        unsigned at = (first + i) % e->n_peers;
        if (addr_eq(&e->peers[at].addr, addr) == is_there)
            return at;
    }
    return e->n_peers;
}

void ike_next_peer(struct ike *ike, const struct ike_entry *e, const struct ip_addr *after)
{
    uint8_t *peer = &ike->peer_of_entry[e - ike->policy->entries];
    unsigned at = peer_place(e, *peer, after, true);
    unsigned next = at < e->n_peers ? peer_place(e, at, after, false) : at;
    if (next < e->n_peers)
        *peer = (uint8_t)next;
}

bool ike_call_again(struct ike_sa *fresh, const struct ike_sa *before)
{
    const struct ike_entry *e = fresh->entry;
    free(fresh->called);
    fresh->called = before->called ? strdup(before->called) : NULL;
    fresh->peer_at = before->peer_at;
    for (unsigned i = 0; e && i < e->n_peers; i++) {
        const char *host = e->peers[i].host;
        bool is_named_so = !before->called || (host && strcmp(host, before->called) == 0);
        if (addr_eq(&e->peers[i].addr, &before->began_with) && is_named_so)
            fresh->peer_at = i;
    }
    return !before->called || fresh->called;
}

bool ike_start(struct ike *ike, const struct ike_entry *e, struct ike_task t)
{
    unsigned at;
    if (!start_peer(ike, e, &at))
        return false;
    const struct ip_addr *peer = &e->peers[at].addr;
    struct ike_sa *sa = ike_usable(ike, e, peer);
    if (sa) {
        ike_task_add(sa, t);
        ike->version[sa->version]->next(ike, sa);
        return true;
    }
    if (e->peers[at].host && ike->host.names_wanted)
        ike->host.names_wanted(ike->host.ctx);
    const struct ike_end local = {e->local, IKE_PORT}, remote = {*peer, IKE_PORT};
    sa = ike_sa_new(ike, e->version, true, &local, &remote);
    if (!sa)
        return false;
    sa->entry = e;
    sa->profile = e->profile;
    sa->peer_at = at;
    ike_task_add(sa, t);
    ike_timer_update(ike, sa);
    ike->version[sa->version]->start(ike, sa);
    return true;
}
