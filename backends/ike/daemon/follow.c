/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/xfrm/kernel.h"

void follow_forget(struct follow *f)
{
    free(f->v);
    *f = (struct follow){0};
}

static int by_reqid(const void *a, const void *b)
{
    const struct follow_place *x = a, *y = b;
    return (x->reqid > y->reqid) - (x->reqid < y->reqid);
}

static bool has_line(const struct ike_entry *e, uint32_t reqid)
{
    for (unsigned k = 0; k < e->n_lines; k++)
        if (e->lines[k].reqid == reqid)
            return true;
    return false;
}

/* Is it a line of an entry with several peers, one of which that is? */
MUST_CHECK static bool may_turn(const struct ike_policy *p, uint32_t reqid, const struct ip_addr *peer)
{
    for (unsigned i = 0; i < p->n_entries; i++) {
        const struct ike_entry *e = &p->entries[i];
        bool knows = false;
        for (unsigned k = 0; k < e->n_peers; k++)
            knows |= addr_eq(&e->peers[k].addr, peer);
        if (e->n_peers > 1 && !e->dynamic && knows && has_line(e, reqid))
            return true;
    }
    return false;
}

static bool is_to_turn(const struct xfrm_pol *p, uint32_t reqid)
{
    bool is_ours = (p->index & XFRM_INDEX_MASK) == XFRM_INDEX_OURS && p->dir == XFRM_DIR_OUT;
    return is_ours && p->ntmpl && p->tmpl[0].mode == XFRM_MODE_IS_TUNNEL && (!reqid || p->tmpl[0].reqid == reqid);
}

static int place_row(const struct nlmsghdr *h, void *arg)
{
    struct follow *f = arg;
    struct xfrm_pol p;
    if (!xfrm_get_policy(h, &p) || !is_to_turn(&p, 0))
        return 0;
    if ((f->n & (f->n - 1)) == 0) { /* as long as a power of two */
        struct follow_place *v = realloc(f->v, (f->n ? f->n * 2 : 1) * sizeof *v);
        if (!v)
            return -ENOMEM;
        f->v = v;
    }
    f->v[f->n++] = (struct follow_place){p.tmpl[0].reqid, p.index};
    return 0;
}

static void from_the_beginning(void *arg)
{
    ((struct follow *)arg)->n = 0;
}

static int read_places(struct follow *f, struct netlink *xfrm)
{
    static const struct xfrm_userpolicy_id all = {0};
    follow_forget(f);
    int r = netlink_dump(xfrm, XFRM_MSG_GETPOLICY, sizeof all, &all, place_row, f, from_the_beginning);
    if (r < 0) {
        follow_forget(f);
        return r;
    }
    if (f->n)
        qsort(f->v, f->n, sizeof *f->v, by_reqid);
    f->is_read = true;
    return 0;
}

static int keep_one(const struct nlmsghdr *h, void *arg)
{
    return xfrm_get_policy(h, arg) ? 0 : -EBADMSG;
}

/* The policies of one line in `b`, turned to that peer. -ENOENT: the kernel has others by now. */
static int turn_line(struct follow *f, struct netlink *xfrm, struct netlink_batch *b, uint32_t reqid,
                     const struct ip_addr *peer)
{
    const struct follow_place key = {reqid, 0};
    const struct follow_place *at = f->n ? bsearch(&key, f->v, f->n, sizeof *f->v, by_reqid) : NULL;
    while (at && at > f->v && at[-1].reqid == reqid)
        at--;
    for (; at && at < f->v + f->n && at->reqid == reqid; at++) {
        const struct xfrm_userpolicy_id id = {.index = at->index, .dir = XFRM_POLICY_OUT};
        struct xfrm_pol p;
        int r = netlink_get(xfrm, XFRM_MSG_GETPOLICY, sizeof id, &id, keep_one, &p);
        if (r < 0)
            return r;
        if (!is_to_turn(&p, reqid))
            return -ENOENT;
        if (addr_eq(&p.tmpl[0].dst, peer))
            continue;
        p.tmpl[0].dst = *peer;
        if (!xfrm_put_policy(xfrm, b, &p, true))
            return -ENOMEM;
    }
    return 0;
}

static int turn(struct follow *f, struct netlink *xfrm, uint32_t reqid, const struct ip_addr *peer)
{
    struct netlink_batch b = {0};
    uint32_t failed;
    int r = turn_line(f, xfrm, &b, reqid, peer);
    if (r == 0 && b.n && !netlink_renumber(xfrm, &b)) /* asking has used numbers up */
        r = -EBADMSG;
    if (r == 0 && b.n)
        r = netlink_send(xfrm, &b, 0, NULL, NULL, &failed);
    netlink_batch_free(&b);
    return r;
}

int follow_sa(struct follow *f, struct netlink *xfrm, const struct ike_policy *policy,
              const struct xfrm_usersa_info *sa)
{
    struct ip_addr peer = {.family = sa->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4};
    memcpy(peer.b, &sa->id.daddr, sa->family == AF_INET6 ? 16 : 4);
    if (!policy || !may_turn(policy, sa->reqid, &peer))
        return 0;
    int r = f->is_read ? 0 : read_places(f, xfrm);
    if (r == 0)
        r = turn(f, xfrm, sa->reqid, &peer);
    if (r != -ENOENT)
        return r;
    r = read_places(f, xfrm); /* a repair, or another apply, has made them anew */
    return r < 0 ? r : turn(f, xfrm, sa->reqid, &peer);
}
