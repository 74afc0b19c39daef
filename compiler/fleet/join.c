/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who peers with whom, found by address; then each pair is judged. */
#include <stdio.h>

#include "compiler/fleet/fleet.h"

struct place_of {
    const struct fact_device *device;
    uint32_t index;
};

struct joiner {
    struct fleet *f;
    struct symtab owners; /* address → struct ptrlist of struct place_of */
    struct symtab inside; /* address that static NAT leads on → struct ip_addr behind it */
    struct symtab seen;   /* pairs, both ways */
    struct symtab taken;  /* tunnels that have a pair */
};

static struct str address_key(const struct ip_addr *a)
{
    return (struct str){(const char *)a->b, sizeof a->b};
}

static void own(struct joiner *j, const struct ip_addr *a, const struct fact_device *d, uint32_t index)
{
    struct arena *ar = j->f->arena;
    struct ptrlist *l = symtab_get(&j->owners, address_key(a), a->family);
    if (!l) {
        l = ARENA_NEW(ar, struct ptrlist);
        symtab_put(ar, &j->owners, address_key(a), a->family, l);
    }
    if (l->n && ((const struct place_of *)l->v[l->n - 1])->index == index)
        return;
    struct place_of *p = ARENA_NEW(ar, struct place_of);
    *p = (struct place_of){d, index};
    ptrlist_add(ar, l, p);
}

static const struct ptrlist *owners(struct joiner *j, const struct ip_addr *a)
{
    return symtab_get(&j->owners, address_key(a), a->family);
}

static void finding(struct joiner *j, enum diag_id id, enum severity s, const struct fact_device *d, uint32_t line,
                    const struct fact_device *other, uint32_t other_line, const char *fmt, ...)
    __attribute__((format(printf, 8, 9)));
static void finding(struct joiner *j, enum diag_id id, enum severity s, const struct fact_device *d, uint32_t line,
                    const struct fact_device *other, uint32_t other_line, const char *fmt, ...)
{
    struct arena *ar = j->f->arena;
    struct fleet_finding *f = ARENA_NEW(ar, struct fleet_finding);
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (other && other_line)
        buf_printf(&b, " (%s:%u)", other->file, other_line);
    *f = (struct fleet_finding){id, s, d, other, line, other_line, arena_strndup(ar, b.p ? b.p : "", b.len)};
    buf_free(&b);
    ptrlist_add(ar, &j->f->findings, f);
}

static bool is_local(const struct fact_tunnel *t, const struct ip_addr *a)
{
    PTRLIST_FOR (struct ip_addr, l, &t->local) {
        if (addr_eq(l, a))
            return true;
    }
    return false;
}

/* How `t` of another device knows one of the addresses of `other`: itself, or through static NAT. */
static const struct fact_peer *peer_of(struct joiner *j, const struct fact_tunnel *t, const struct fact_tunnel *other)
{
    PTRLIST_FOR (struct fact_peer, p, &t->peers) {
        const struct ip_addr *behind = symtab_get(&j->inside, address_key(&p->address), p->address.family);
        if (is_local(other, &p->address) || (behind && is_local(other, behind)))
            return p;
    }
    return NULL;
}

static struct str tunnel_key(const struct fact_tunnel *const *t)
{
    return (struct str){(const char *)t, sizeof *t};
}

/* A tunnel that another one is the other end of already comes last. */
static unsigned affinity(struct joiner *j, const struct fleet_end *a, const struct fleet_end *b)
{
    bool taken = symtab_get(&j->taken, tunnel_key(&b->tunnel), 0) != NULL;
    return fleet_affinity(j->f->arena, a, b) + (taken ? 0 : 10000000u);
}

static bool find_static(struct joiner *j, const struct fleet_end *a, const struct fact_device *d,
                        const struct ip_addr *at, struct fleet_end *out)
{
    unsigned best = 0;
    struct fleet_end only = {0};
    uint32_t n = 0;
    PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
        const struct fact_peer *p =
            t->kind != FACT_DYNAMIC && t != a->tunnel && is_local(t, at) ? peer_of(j, t, a->tunnel) : NULL;
        if (!p)
            continue;
        struct fleet_end b = {d, t, p};
        if (n++ == 0) { /* most have one candidate: it need not be weighed */
            only = *out = b;
            continue;
        }
        if (n == 2)
            best = affinity(j, a, &only);
        unsigned s = affinity(j, a, &b);
        if (s > best) {
            best = s;
            *out = b;
        }
    }
    return n > 0;
}

static bool find_dynamic(struct joiner *j, const struct fleet_end *a, const struct fact_device *d,
                         const struct ip_addr *at, struct fleet_end *out)
{
    bool any = false;
    PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
        if (t->kind != FACT_DYNAMIC || !is_local(t, at))
            continue;
        struct fleet_end b = {d, t, NULL};
        struct negotiation n = negotiate(j->f->arena, a, &b);
        if (!any || n.up)
            *out = b;
        any = true;
        if (n.up)
            return true;
    }
    return any;
}

/* ---- one pair ---- */

static void judge_way(struct joiner *j, const struct fleet_pair *p, const struct negotiation *n, bool forward,
                      bool both)
{
    const struct fact_device *i = forward ? p->a.device : p->b.device, *r = forward ? p->b.device : p->a.device;
    uint32_t line = n->initiator_line ? n->initiator_line : (forward ? p->a : p->b).tunnel->line;
    enum severity s = diag_infos[n->id].severity;
    if (n->id == D_FL_MIRROR)
        s = both ? SEV_ERROR : SEV_WARNING;
    else if (!both || n->rekey_fails)
        s = SEV_WARNING;
    else if (n->id == D_FL_MODE)
        s = SEV_ERROR;
    finding(j, n->id, s, i, line, r, n->responder_line ? n->responder_line : (forward ? p->b : p->a).tunnel->line,
            "%s: %s%s",
            n->rekey_fails ? "the tunnel comes up and fails at its first rekey"
            : both         ? "the tunnel cannot come up"
                           : "the tunnel does not come up when this side calls",
            n->why, "");
}

static void judge_lists(struct joiner *j, const struct fleet_pair *p, const struct negotiation *n, bool forward)
{
    const struct fleet_end *i = forward ? &p->a : &p->b, *r = forward ? &p->b : &p->a;
    if (!n->up || n->accepted == n->lines)
        return;
    finding(j, D_FL_MIRROR, SEV_WARNING, i->device, n->refused_line, r->device,
            r->tunnel->lines.n ? ((struct fact_line *)r->tunnel->lines.v[0])->line : r->tunnel->line,
            "%u of %u lines have no mirror on %s: it refuses %s", n->lines - n->accepted, n->lines, r->device->name,
            n->refused);
}

static void judge(struct joiner *j, struct fleet_pair *p)
{
    struct arena *ar = j->f->arena;
    p->calls[0] = p->a.tunnel->kind != FACT_DYNAMIC;
    p->calls[1] = p->b.tunnel->kind != FACT_DYNAMIC;
    if (p->calls[0])
        p->forward = negotiate(ar, &p->a, &p->b);
    if (p->calls[1])
        p->backward = negotiate(ar, &p->b, &p->a);
    bool down0 = p->calls[0] && p->forward.failed, down1 = p->calls[1] && p->backward.failed;
    bool both = (down0 || !p->calls[0]) && (down1 || !p->calls[1]);
    if (down0)
        judge_way(j, p, &p->forward, true, both);
    if (down1 && !(down0 && p->forward.id == p->backward.id)) /* the same cause is said once */
        judge_way(j, p, &p->backward, false, both);
    judge_lists(j, p, &p->forward, true);
    judge_lists(j, p, &p->backward, false);
    const struct fact_tunnel *a = p->a.tunnel, *b = p->b.tunnel;
    if ((p->forward.up || p->backward.up) && (a->lifetime_s != b->lifetime_s || a->lifetime_kb != b->lifetime_kb))
        finding(j, D_FL_LIFETIME, SEV_NOTE, p->a.device, a->line, p->b.device, b->line,
                "lifetimes differ from those of %s (%llu s and %llu kB here, %llu s and %llu kB there): the shorter "
                "ones are used",
                p->b.device->name, (unsigned long long)a->lifetime_s, (unsigned long long)a->lifetime_kb,
                (unsigned long long)b->lifetime_s, (unsigned long long)b->lifetime_kb);
    ptrlist_add(ar, &j->f->pairs, p);
}

static bool new_pair(struct joiner *j, const struct fact_tunnel *a, const struct fact_tunnel *b)
{
    const void *const two[2] = {a < b ? a : b, a < b ? b : a};
    struct str probe = {(const char *)two, sizeof two};
    if (symtab_get(&j->seen, probe, 0))
        return false;
    symtab_put(j->f->arena, &j->seen, (struct str){arena_strndup(j->f->arena, probe.p, probe.len), probe.len}, 0, j);
    return true;
}

/* ---- all of them ---- */

/* The router behind an address: through static NAT if need be. */
static const struct ptrlist *behind(struct joiner *j, const struct ip_addr *a, struct ip_addr *at)
{
    const struct ip_addr *inside = symtab_get(&j->inside, address_key(a), a->family);
    *at = inside && owners(j, inside) ? *inside : *a;
    return owners(j, at);
}

static void one_peer(struct joiner *j, const struct fleet_end *a)
{
    struct ip_addr at;
    struct fleet_end b = {0};
    if (symtab_get(&j->taken, tunnel_key(&a->tunnel), 0) && a->tunnel->peers.n == 1)
        return; /* it is the other end of a pair already */
    const struct ptrlist *l = behind(j, &a->peer->address, &at);
    const struct fact_device *stranger = NULL;
    bool found = false;
    for (uint32_t i = 0; l && i < l->n && !found; i++) {
        const struct fact_device *d = ((const struct place_of *)l->v[i])->device;
        if (d == a->device)
            continue;
        found = find_static(j, a, d, &at, &b) || find_dynamic(j, a, d, &at, &b);
        stranger = d;
    }
    if (found && new_pair(j, a->tunnel, b.tunnel)) {
        struct fleet_pair *p = ARENA_NEW(j->f->arena, struct fleet_pair);
        p->a = *a;
        p->b = b;
        for (int k = 0; k < 2; k++) {
            const struct fact_tunnel *t = k ? b.tunnel : a->tunnel;
            struct str key = tunnel_key(&t);
            if (t->kind != FACT_DYNAMIC && !symtab_get(&j->taken, key, 0))
                symtab_put(j->f->arena, &j->taken, (struct str){arena_strndup(j->f->arena, key.p, key.len), key.len}, 0,
                           p);
        }
        judge(j, p);
    } else if (!found && stranger) {
        char t[ADDR_TEXT_MAX];
        finding(j, D_FL_ONE_SIDED, SEV_ERROR, a->device, a->peer->line, stranger, 0,
                "%s (%s) has no working crypto map entry or tunnel with this router as its peer", stranger->name,
                addr_text(&a->peer->address, t));
    } else if (!found) {
        j->f->outside++;
    }
}

/* Tunnel addresses that two routers have: which one a peer reaches is anybody's guess. */
static void twice(struct joiner *j, const struct fact_device *d)
{
    struct symtab said = {0};
    PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
        PTRLIST_FOR (struct ip_addr, a, &t->local) {
            const struct ptrlist *l = owners(j, a);
            if (!l || l->n < 2 || ((const struct place_of *)l->v[0])->device != d ||
                symtab_get(&said, address_key(a), 0))
                continue;
            char z[ADDR_TEXT_MAX];
            const struct fact_device *other = ((const struct place_of *)l->v[1])->device;
            symtab_put(j->f->arena, &said, address_key(a), 0, j);
            if (strcmp(other->name, d->name) != 0) /* the same router in two files is no conflict */
                finding(j, D_FL_TWICE, SEV_WARNING, d, t->line, other, 0, "%s is an address of %s (%s) as well",
                        addr_text(a, z), other->name, other->file);
        }
    }
}

/* Keys for one another, and yet both only wait: neither has an entry that calls. */
static void both_wait(struct joiner *j, const struct fact_device *d, uint32_t at)
{
    const struct fact_tunnel *wait = NULL;
    PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
        if (t->kind == FACT_DYNAMIC)
            wait = wait ? wait : t;
    }
    if (!wait)
        return;
    PTRLIST_FOR (struct fact_peer, p, &wait->peers) {
        const struct ptrlist *l = owners(j, &p->address);
        for (uint32_t i = 0; l && i < l->n; i++) {
            const struct place_of *w = l->v[i];
            const struct fact_device *o = w->device;
            PTRLIST_FOR (struct fact_tunnel, t, &o->tunnels) {
                if (t->kind == FACT_DYNAMIC && w->index > at && is_local(t, &p->address) && peer_of(j, t, wait)) {
                    finding(j, D_FL_BOTH_WAIT, SEV_ERROR, d, wait->line, o, t->line,
                            "this entry waits for %s to call, and %s waits too: a dynamic entry never calls", o->name,
                            o->name);
                    return;
                }
            }
        }
    }
}

void fleet_join(struct fleet *f)
{
    struct joiner j = {.f = f};
    for (uint32_t i = 0; i < f->devices.n; i++) {
        const struct fact_device *d = f->devices.v[i];
        PTRLIST_FOR (struct fact_address, a, &d->addresses) {
            own(&j, &a->address, d, i);
            if (a->alias)
                symtab_put(f->arena, &j.inside, address_key(&a->address), a->address.family, &a->inside);
        }
    }
    PTRLIST_FOR (struct fact_device, d, &f->devices) {
        twice(&j, d);
        both_wait(&j, d, d_i);
        PTRLIST_FOR (struct fact_tunnel, t, &d->tunnels) {
            for (uint32_t i = 0; i < t->peers.n && t->kind != FACT_DYNAMIC; i++) {
                const struct fleet_end a = {d, t, t->peers.v[i]};
                one_peer(&j, &a);
            }
        }
    }
}

const char *fleet_state(const struct fleet_pair *p)
{
    const struct negotiation *f = &p->forward, *b = &p->backward;
    bool up0 = f->up, up1 = b->up;
    if (!up0 && !up1)
        return "down";
    if ((p->calls[0] && !up0) || (p->calls[1] && !up1))
        return "one way";
    if (f->rekey_fails || b->rekey_fails)
        return "rekey fails";
    return f->accepted < f->lines || b->accepted < b->lines ? "partly" : "up";
}
