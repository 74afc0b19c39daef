/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another policy takes the place of the one that holds: what is the same in both lives on with its SAs. */
#include <stdlib.h>

#include "backends/ike/engine/proof.h"

/* Place in an array. What is about to be deleted may still be of a policy before: it is in none of them. */
static size_t place(const void *p, const void *first, size_t size, size_t n)
{
    uintptr_t at = (uintptr_t)p - (uintptr_t)first;
    return p && (uintptr_t)p >= (uintptr_t)first && at / size < n ? at / size : SIZE_MAX;
}

const struct ike_entry *ike_move_entry(const struct ike_moves *m, const struct ike_entry *e)
{
    size_t was = place(e, m->from->entries, sizeof *e, m->from->n_entries);
    uint32_t at = was == SIZE_MAX ? UINT32_MAX : m->entry[was];
    return at == UINT32_MAX ? NULL : &m->to->entries[at];
}

const struct ike_profile *ike_move_profile(const struct ike_moves *m, const struct ike_profile *p)
{
    size_t was = place(p, m->from->profiles, sizeof *p, m->from->n_profiles);
    uint32_t at = was == SIZE_MAX ? UINT32_MAX : m->profile[was];
    return at == UINT32_MAX ? NULL : &m->to->profiles[at];
}

const struct ike_line *ike_move_line(const struct ike_entry *from, const struct ike_entry *to, const struct ike_line *l)
{
    return l ? &to->lines[l - from->lines] : NULL;
}

const struct ike_transform_set *ike_move_set(const struct ike_entry *from, const struct ike_entry *to,
                                             const struct ike_transform_set *s)
{
    for (unsigned i = 0; i < from->n_sets; i++)
        if (from->sets[i] == s)
            return to->sets[i];
    return NULL;
}

bool ike_move_child(const struct ike_moves *m, struct ike_child *c)
{
    const struct ike_entry *to = ike_move_entry(m, c->entry);
    if (!to)
        return false;
    c->set = ike_move_set(c->entry, to, c->set);
    c->entry = to;
    return c->set != NULL;
}

bool ike_move_task(const struct ike_moves *m, struct ike_task *t)
{
    const struct ike_entry *to = ike_move_entry(m, t->entry);
    if (!t->entry)
        return true;
    if (!to)
        return false;
    t->line = ike_move_line(t->entry, to, t->line);
    t->entry = to;
    return true;
}

static void move_tasks(const struct ike_moves *m, struct ike_sa *sa)
{
    for (struct ike_task **p = &sa->tasks, *t; (t = *p);) {
        if (ike_move_task(m, t)) {
            p = &t->next;
            continue;
        }
        *p = t->next;
        free(t);
    }
}

/* A negotiation of ours goes on where its entry is the same: in IKEv2 the peer may have the child already. Not while it
 * is asked whether a certificate is revoked: that is of the trustpoints of before. */
static bool goes_on(const struct ike_moves *m, const struct ike_sa *sa)
{
    return sa->version == 2 && sa->initiator && ike_is(sa, IKE_BEGINS) && !sa->unproved && ike_move_entry(m, sa->entry);
}

/* Does the IKE SA itself live on? How the peer was authenticated must be the same. */
static bool lives(struct ike *ike, const struct ike_moves *m, struct ike_sa *sa)
{
    const struct ike_profile *profile = ike_move_profile(m, sa->profile);
    if (!ike_is(sa, IKE_CARRIES) && !goes_on(m, sa))
        return false;
    if (sa->profile && !profile)
        return false;
    if (!ike_proof_holds(m, sa, profile))
        return false;
    size_t v1 = place(sa->policy, m->from->v1, sizeof *sa->policy, m->from->n_v1);
    if (sa->policy && (v1 == SIZE_MAX || m->v1[v1] == UINT32_MAX))
        return false;
    if (!ike->version[sa->version]->move(ike, sa, m))
        return false;
    sa->profile = profile;
    sa->policy = sa->policy ? &m->to->v1[m->v1[v1]] : NULL;
    sa->proposal = NULL; /* nobody asks for it once it is chosen */
    sa->trust = NULL;
    sa->entry = ike_move_entry(m, sa->entry);
    return true;
}

bool ike_policy_hold(struct ike *ike, const struct ike_policy *p)
{
    struct ike_old_policy *o = ike->old_policies;
    while (o && o->policy != p)
        o = o->next;
    if (!o) {
        o = calloc(1, sizeof *o);
        if (!o)
            return false;
        o->policy = p;
        o->next = ike->old_policies;
        ike->old_policies = o;
    }
    o->users++;
    return true;
}

void ike_policy_release(struct ike *ike, const struct ike_policy *p)
{
    struct ike_old_policy **at = &ike->old_policies;
    while (*at && (*at)->policy != p)
        at = &(*at)->next;
    struct ike_old_policy *o = *at;
    if (!o || --o->users)
        return;
    *at = o->next;
    free(o);
    if (ike->host.policy_unused)
        ike->host.policy_unused(ike->host.ctx, p);
}

/* False: out of memory. */
static bool hold_old(struct ike *ike, const struct ike_policy *p, struct ike_child *c)
{
    if (c->held_policy) /* it was dropped by an earlier reload already */
        return true;
    if (!ike_policy_hold(ike, p))
        return false;
    c->held_policy = p;
    return true;
}

/* Children of entries that are gone or different are deleted, and those whose peers' policies cannot be set; with the
 * last of them the IKE SA, which nothing needs. Where there is nobody to tell, or no memory to remember it by, they go
 * at once. */
static void children(struct ike *ike, const struct ike_moves *m, struct ike_sa *sa, struct ike_reload *r)
{
    unsigned kept = 0, ended = 0;
    for (struct ike_child *c = sa->children, *next; c; c = next) {
        next = c->next;
        bool is_same = !c->held_policy && ike_move_child(m, c);
        bool lives_on = is_same && ike_still_serves(ike, sa, c->entry); /* as when it is asked for */
        const struct ike_policy *its_policy = is_same ? m->to : m->from;
        if (lives_on && ike_child_policies_again(ike, c)) {
            kept++;
            continue;
        }
        ended++;
        if (ike_is(sa, IKE_ORPHAN) && ike->version[sa->version]->tell_end)
            ike->version[sa->version]->tell_end(ike, sa, c);
        if (ike_is(sa, IKE_ORPHAN) || !hold_old(ike, its_policy, c)) {
            ike_child_free(ike, c, true);
            continue;
        }
        c->state = CHILD_DELETING; /* whatever waits before its delete: nothing takes its place meanwhile */
        c->rekey_at = c->expire_at = c->idle_at = c->watch_at = 0;
        if (!ike_has_task(sa, TASK_DELETE_CHILD, c->spi_in))
            ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = c->spi_in});
    }
    r->children_kept += kept;
    r->children_ended += ended;
    bool ends = ended && !kept;
    *(ends ? &r->sas_ended : &r->sas_kept) += 1;
    if (ends)
        ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
}

/* What is open ends: nothing comes of it, but its answer is waited for. A rekeying of the IKE SA goes on, as the peer
 * may have the successor already: it is deleted when we have it too. */
static void end_what_is_open(struct ike *ike, const struct ike_moves *m, struct ike_sa *sa)
{
    bool rekeys = sa->current && sa->current->kind == TASK_REKEY_IKE;
    if (rekeys && ike->version[sa->version]->move(ike, sa, m))
        return;
    ike_job_drop(sa);
    ike_exchange_drop(sa);
    if (sa->request)
        ike_state_set(ike, sa, IKE_DELETING); /* its delete follows */
}

/* It ends with a delete to the peer, and its children at once. */
static void end(struct ike *ike, const struct ike_moves *m, struct ike_sa *sa, struct ike_reload *r)
{
    r->sas_ended++;
    for (const struct ike_child *c = sa->children; c; c = c->next)
        r->children_ended++;
    for (struct ike_child *c = sa->children; c && ike_is(sa, IKE_ORPHAN); c = c->next)
        if (ike->version[sa->version]->tell_end)
            ike->version[sa->version]->tell_end(ike, sa, c);
    if (!ike_is(sa, IKE_STANDS)) { /* orphans cannot tell it themselves */
        ike_sa_dismiss(ike, sa);
        return;
    }
    end_what_is_open(ike, m, sa);
    for (struct ike_task *t; (t = sa->tasks);) {
        sa->tasks = t->next;
        free(t);
    }
    ike_task_add(sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    uint64_t id = sa->id, spi = sa->own_spi;
    ike->version[sa->version]->next(ike, sa);
    sa = ike_still(ike, spi, id);
    if (!sa)
        return;
    while (sa->children)
        ike_child_free(ike, sa->children, true);
    sa->entry = NULL;
    sa->profile = NULL;
    sa->policy = NULL;
    sa->proposal = NULL;
    sa->key_id = 0; /* a number of the policy before */
    ike_timer_update(ike, sa);
}

bool ike_sas_list(const struct ike *ike, struct ike_sa_list *out)
{
    *out = (struct ike_sa_list){.v = calloc(ike->n_sa + 1u, sizeof *out->v)};
    for (uint32_t i = 0; out->v && i < ike->hash_size; i++)
        for (const struct ike_sa *sa = ike->by_spi[i]; sa; sa = sa->hash_next)
            out->v[out->n++] = (struct ike_sa_name){sa->own_spi, sa->id};
    return out->v;
}

void ike_sas_move(struct ike *ike, const struct ike_moves *m, const struct ike_sa_list *all, struct ike_reload *r)
{
    const uint32_t n = all->n;
    for (uint32_t i = 0; i < 2 * n; i++) { /* orphans first: what may speak for them may end too */
        struct ike_sa *sa = ike_still(ike, all->v[i % n].own_spi, all->v[i % n].id);
        if (!sa || ike_is(sa, IKE_ORPHAN) != (i < n))
            continue;
        if (ike_is(sa, IKE_ENDS)) { /* its delete is on the way: what it carried need not wait for the answer */
            while (sa->children)
                ike_child_free(ike, sa->children, true);
            sa->entry = NULL;
            sa->profile = NULL;
            sa->policy = NULL;
            continue;
        }
        if (sa->held_by) /* the successor that a rekeying is making: its predecessor looks after it */
            continue;
        if (!lives(ike, m, sa)) {
            end(ike, m, sa, r);
            continue;
        }
        move_tasks(m, sa);
        ike->version[sa->version]->judge(ike, sa);
        children(ike, m, sa, r);
    }
}
