/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/ike/daemon/permit.h"

#include <arpa/inet.h>
#include <linux/udp.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/engine/engine.h"
#include "backends/ike/from_ir.h"
#include "backends/xfrm/kernel.h"

/* ---- request numbers ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

bool permit_set(struct permit *p, const struct ike_policy *policy)
{
    size_t n = p->n_reqids;
    for (unsigned i = 0; i < policy->n_entries; i++)
        n += policy->entries[i].n_lines;
    uint32_t *v = malloc((n + 1) * sizeof *v);
    if (!v)
        return false;
    size_t at = p->n_reqids;
    if (at)
        memcpy(v, p->reqids, at * sizeof *v);
    for (unsigned i = 0; i < policy->n_entries; i++) {
        const struct ike_entry *e = &policy->entries[i];
        p->had_dynamic |= e->dynamic;
        for (unsigned k = 0; k < e->n_lines && !e->dynamic; k++)
            v[at++] = e->lines[k].reqid;
    }
    qsort(v, at, sizeof *v, by_number);
    size_t kept = 0;
    for (size_t i = 0; i < at; i++)
        if (!kept || v[kept - 1] != v[i])
            v[kept++] = v[i];
    free(p->reqids);
    p->reqids = v;
    p->n_reqids = kept;
    p->policy = policy;
    return true;
}

void permit_free(struct permit *p)
{
    free(p->reqids);
    *p = (struct permit){0};
}

bool permit_is_ours(const struct permit *p, uint32_t reqid)
{
    if ((reqid & XFRM_INDEX_MASK) == IKE_REQID_DYNAMIC)
        return p->had_dynamic;
    return p->n_reqids && bsearch(&reqid, p->reqids, p->n_reqids, sizeof reqid, by_number);
}

/* ---- attributes: what is not known is not passed on (a mark, an interface number or an offload changes which SA is
 * meant) ---- */

struct allowed {
    uint16_t type;
    uint16_t min, max; /* bytes */
};

static bool attributes_are(const struct nlmsghdr *h, size_t fixed, const struct allowed *v, size_t n)
{
    unsigned seen[64] = {0};
    const char *end = mnl_nlmsg_get_payload_tail(h), *at = (const char *)mnl_nlmsg_get_payload(h) + ((fixed + 3) & ~3u);
    NETLINK_FOR_ATTRS (a, h, fixed) {
        size_t i = 0, len = mnl_attr_get_payload_len(a);
        while (i < n && v[i].type != mnl_attr_get_type(a))
            i++;
        if (i == n || len < v[i].min || len > v[i].max || seen[i]++)
            return false;
        at = (const char *)a + ((a->nla_len + 3u) & ~3u);
    }
    return at >= end; /* nothing behind that is no attribute */
}
#define ATTRIBUTES_ARE(h, fixed, v) attributes_are(h, fixed, v, sizeof(v) / sizeof *(v))

static const void *attribute(const struct nlmsghdr *h, size_t fixed, uint16_t type, size_t *len)
{
    NETLINK_FOR_ATTRS (a, h, fixed) {
        if (mnl_attr_get_type(a) != type)
            continue;
        *len = mnl_attr_get_payload_len(a);
        return mnl_attr_get_payload(a);
    }
    *len = 0;
    return NULL;
}

static struct ip_addr address_of(const xfrm_address_t *a, uint16_t af)
{
    struct ip_addr x = {.family = af == AF_INET6 ? FAMILY_V6 : FAMILY_V4};
    memcpy(x.b, a, af == AF_INET6 ? 16 : 4);
    return x;
}

/* ---- SAs ---- */

#define SA_DIR_ATTRIBUTE 33 /* XFRMA_SA_DIR, not in the headers of Debian 12 */
#define KEY_BYTES 256       /* more than any algorithm of ours has */
static const struct allowed of_new_sa[] = {
    {XFRMA_ALG_AUTH_TRUNC, sizeof(struct xfrm_algo_auth), sizeof(struct xfrm_algo_auth) + KEY_BYTES},
    {XFRMA_ALG_CRYPT, sizeof(struct xfrm_algo), sizeof(struct xfrm_algo) + KEY_BYTES},
    {XFRMA_ALG_AEAD, sizeof(struct xfrm_algo_aead), sizeof(struct xfrm_algo_aead) + KEY_BYTES},
    {XFRMA_ENCAP, sizeof(struct xfrm_encap_tmpl), sizeof(struct xfrm_encap_tmpl)},
    {XFRMA_REPLAY_ESN_VAL, sizeof(struct xfrm_replay_state_esn), sizeof(struct xfrm_replay_state_esn) + 512},
    {SA_DIR_ATTRIBUTE, 1, 1},
};

/* The entry whose line has that number, or any dynamic one: does the SA end at its own address? */
static bool ends_here(const struct permit *p, const struct xfrm_usersa_info *sa)
{
    const struct ip_addr src = address_of(&sa->saddr, sa->family), dst = address_of(&sa->id.daddr, sa->family);
    bool dynamic = (sa->reqid & XFRM_INDEX_MASK) == IKE_REQID_DYNAMIC;
    for (unsigned i = 0; i < p->policy->n_entries; i++) {
        const struct ike_entry *e = &p->policy->entries[i];
        bool whose = dynamic && e->dynamic;
        for (unsigned k = 0; k < e->n_lines && !whose && !dynamic && !e->dynamic; k++)
            whose = e->lines[k].reqid == sa->reqid;
        if (whose && (e->local.family == FAMILY_NONE || addr_eq(&e->local, &src) || addr_eq(&e->local, &dst)))
            return true;
    }
    return false;
}

/* Only what RFC 3948 has. */
static bool encapsulation_is(const struct nlmsghdr *h)
{
    struct xfrm_encap_tmpl e;
    size_t len;
    const void *at = attribute(h, sizeof(struct xfrm_usersa_info), XFRMA_ENCAP, &len);
    if (!at)
        return true;
    memcpy(&e, at, sizeof e);
    return e.encap_type == UDP_ENCAP_ESPINUDP && e.encap_sport && e.encap_dport;
}

static enum permit_verdict new_sa(const struct permit *p, const struct nlmsghdr *h)
{
    const uint8_t ours = XFRM_STATE_ESN | XFRM_STATE_NOPMTUDISC | XFRM_STATE_NOECN | XFRM_STATE_ALIGN4;
    struct xfrm_usersa_info sa;
    if (mnl_nlmsg_get_payload_len(h) < sizeof sa || !ATTRIBUTES_ARE(h, sizeof sa, of_new_sa))
        return PERMIT_NO;
    memcpy(&sa, mnl_nlmsg_get_payload(h), sizeof sa);
    bool shape = (sa.id.proto == IPPROTO_ESP || sa.id.proto == IPPROTO_AH) &&
                 (sa.mode == XFRM_MODE_TUNNEL || sa.mode == XFRM_MODE_TRANSPORT) && !(sa.flags & ~ours) &&
                 (sa.family == AF_INET || sa.family == AF_INET6) && sa.id.spi;
    return shape && encapsulation_is(h) && ends_here(p, &sa) ? PERMIT_YES : PERMIT_NO;
}

static enum permit_verdict delete_sa(const struct nlmsghdr *h)
{
    struct xfrm_usersa_id id;
    if (mnl_nlmsg_get_payload_len(h) != sizeof id)
        return PERMIT_NO; /* no attribute: a mark would name another SA than the one that is looked at */
    memcpy(&id, mnl_nlmsg_get_payload(h), sizeof id);
    bool shape = (id.proto == IPPROTO_ESP || id.proto == IPPROTO_AH) && id.spi &&
                 (id.family == AF_INET || id.family == AF_INET6);
    return shape ? PERMIT_IF_OURS : PERMIT_NO;
}

/* ---- policies of dynamic entries' peers ---- */

static const struct allowed of_policy[] = {
    {XFRMA_TMPL, sizeof(struct xfrm_user_tmpl), 2 * sizeof(struct xfrm_user_tmpl)},
    {XFRMA_MARK, sizeof(struct xfrm_mark), sizeof(struct xfrm_mark)},
};
static const struct allowed of_policy_delete[] = {{XFRMA_MARK, sizeof(struct xfrm_mark), sizeof(struct xfrm_mark)}};

static bool mark_is(const struct nlmsghdr *h, size_t fixed)
{
    struct xfrm_mark m;
    size_t len;
    const void *at = attribute(h, fixed, XFRMA_MARK, &len);
    if (!at || len != sizeof m)
        return false;
    memcpy(&m, at, sizeof m);
    return m.v == 0 && m.m == PEERS_MARK_MASK;
}

static bool prefix_in(const struct ip_addr *a, unsigned plen, const struct ip_addr *lo, const struct ip_addr *hi)
{
    struct ip_addr first = *a, last = *a;
    unsigned bytes = a->family == FAMILY_V6 ? 16 : 4;
    if (a->family != lo->family || plen > bytes * 8)
        return false;
    for (unsigned i = plen; i < bytes * 8; i++) {
        first.b[i / 8] = (uint8_t)(first.b[i / 8] & ~(0x80 >> i % 8));
        last.b[i / 8] = (uint8_t)(last.b[i / 8] | 0x80 >> i % 8);
    }
    return memcmp(lo->b, first.b, bytes) <= 0 && memcmp(last.b, hi->b, bytes) <= 0;
}

static bool port_in(uint16_t port, uint16_t mask, uint16_t lo, uint16_t hi)
{
    if (lo == 0 && hi == 65535)
        return true;
    return mask == 65535 && ntohs(port) >= lo && ntohs(port) <= hi;
}

static bool in_line(const struct xfrm_selector *s, const struct ike_selector *l, bool out)
{
    const struct ip_addr src = address_of(&s->saddr, s->family), dst = address_of(&s->daddr, s->family);
    const struct ip_addr *here = out ? &src : &dst;
    const struct ip_addr *there = out ? &dst : &src;
    unsigned here_plen = out ? s->prefixlen_s : s->prefixlen_d;
    unsigned there_plen = out ? s->prefixlen_d : s->prefixlen_s;
    bool ports = (out ? port_in(s->sport, s->sport_mask, l->sport_lo, l->sport_hi) &&
                            port_in(s->dport, s->dport_mask, l->dport_lo, l->dport_hi)
                      : port_in(s->dport, s->dport_mask, l->sport_lo, l->sport_hi) &&
                            port_in(s->sport, s->sport_mask, l->dport_lo, l->dport_hi));
    return (!l->proto || l->proto == s->proto) && ports && prefix_in(here, here_plen, &l->src_lo, &l->src_hi) &&
           prefix_in(there, there_plen, &l->dst_lo, &l->dst_hi);
}

static bool in_list(const struct xfrm_selector *s, const struct ike_entry *e, bool out)
{
    for (unsigned i = 0; i < e->n_lines; i++)
        if (in_line(s, &e->lines[i].sel, out))
            return true;
    return e->n_lines == 0; /* no list: what the peer proposes */
}

static bool on_interface(const struct xfrm_selector *s, const struct ike_entry *e, bool out)
{
    if (!out || s->family == AF_INET6 || e->n_ifindex == 0)
        return s->ifindex == 0;
    for (unsigned i = 0; i < e->n_ifindex; i++)
        if (s->ifindex == (int)e->ifindex[i])
            return true;
    return false;
}

static bool templates_are(const struct nlmsghdr *h, const struct ike_entry *e, bool out)
{
    size_t len;
    const char *at = attribute(h, sizeof(struct xfrm_userpolicy_info), XFRMA_TMPL, &len);
    size_t n = at ? len / sizeof(struct xfrm_user_tmpl) : 0;
    for (size_t i = 0; i < n; i++) {
        struct xfrm_user_tmpl t;
        memcpy(&t, at + i * sizeof t, sizeof t);
        const struct ip_addr src = address_of(&t.saddr, t.family), dst = address_of(&t.id.daddr, t.family);
        const struct ip_addr *own = out ? &src : &dst;
        bool tunnel = t.mode == XFRM_MODE_TUNNEL;
        if ((t.reqid & XFRM_INDEX_MASK) != IKE_REQID_DYNAMIC || t.optional || t.id.spi ||
            (t.id.proto != IPPROTO_ESP && t.id.proto != IPPROTO_AH) || (!tunnel && t.mode != XFRM_MODE_TRANSPORT))
            return false;
        if (tunnel && i > 0) /* of several only the innermost makes the tunnel (policy_of() in kernel.c) */
            return false;
        if (tunnel && e->local.family != FAMILY_NONE && !addr_eq(own, &e->local))
            return false;
    }
    return n && n * sizeof(struct xfrm_user_tmpl) == len;
}

static enum permit_verdict new_policy(const struct permit *p, const struct nlmsghdr *h)
{
    struct xfrm_userpolicy_info i;
    if (mnl_nlmsg_get_payload_len(h) < sizeof i || !ATTRIBUTES_ARE(h, sizeof i, of_policy))
        return PERMIT_NO;
    memcpy(&i, mnl_nlmsg_get_payload(h), sizeof i);
    if (i.dir >= XFRM_DIRS || i.action != XFRM_POLICY_ALLOW || i.flags || (i.index & 7) != i.dir ||
        (i.index & XFRM_INDEX_MASK) != XFRM_INDEX_PEERS || !mark_is(h, sizeof i))
        return PERMIT_NO;
    bool out = i.dir == XFRM_POLICY_OUT;
    for (unsigned k = 0; k < p->policy->n_entries; k++) {
        const struct ike_entry *e = &p->policy->entries[k];
        if (e->dynamic && i.priority == e->priority[i.dir] && on_interface(&i.sel, e, out) && in_list(&i.sel, e, out) &&
            templates_are(h, e, out))
            return PERMIT_YES;
    }
    return PERMIT_NO;
}

static enum permit_verdict delete_policy(const struct permit *p, const struct nlmsghdr *h)
{
    struct xfrm_userpolicy_id id;
    if (mnl_nlmsg_get_payload_len(h) < sizeof id || !ATTRIBUTES_ARE(h, sizeof id, of_policy_delete))
        return PERMIT_NO;
    memcpy(&id, mnl_nlmsg_get_payload(h), sizeof id);
    bool ours = p->had_dynamic && (id.index & XFRM_INDEX_MASK) == XFRM_INDEX_PEERS && (id.index & 7) == id.dir;
    return ours && mark_is(h, sizeof id) ? PERMIT_YES : PERMIT_NO;
}

enum permit_verdict permit_message(const struct permit *p, const struct nlmsghdr *h)
{
    if (!p->policy)
        return PERMIT_NO;
    switch (h->nlmsg_type) {
    case XFRM_MSG_NEWSA:
        return new_sa(p, h);
    case XFRM_MSG_DELSA:
        return delete_sa(h);
    case XFRM_MSG_NEWPOLICY:
    case XFRM_MSG_UPDPOLICY:
        return new_policy(p, h);
    case XFRM_MSG_DELPOLICY:
        return delete_policy(p, h);
    default:
        return PERMIT_NO;
    }
}

/* ---- routes ---- */

static bool route_of(const struct ike_entry *e, const struct privileged_route *r)
{
    if (!e->route.on || r->metric != e->route.distance ||
        (r->via.family || e->route.via.family ? !addr_eq(&r->via, &e->route.via) : false))
        return false;
    for (unsigned i = 0; i < e->n_lines; i++)
        if (prefix_in(&r->net, r->plen, &e->lines[i].sel.dst_lo, &e->lines[i].sel.dst_hi))
            return true;
    return e->dynamic && e->n_lines == 0;
}

static bool leaves_by(const struct ike_entry *e, uint32_t oif)
{
    for (unsigned i = 0; i < e->n_ifindex; i++)
        if (e->ifindex[i] == oif)
            return true;
    return false;
}

/* Of a static entry the peers are known, unless they are names. */
static bool is_peer(const struct ike_entry *e, const struct ip_addr *a)
{
    bool named = false;
    for (unsigned i = 0; i < e->n_peers; i++) {
        if (addr_eq(&e->peers[i].addr, a))
            return true;
        named |= e->peers[i].host && *e->peers[i].host;
    }
    return named;
}

bool permit_route_by(const struct permit *p, const struct privileged_route *r, uint32_t oif)
{
    for (unsigned i = 0; p->policy && i < p->policy->n_entries; i++) {
        const struct ike_entry *e = &p->policy->entries[i];
        bool to_peer = e->dynamic || r->via.family || is_peer(e, &r->peer);
        if (route_of(e, r) && to_peer && leaves_by(e, oif))
            return true;
    }
    return false;
}

bool permit_route(const struct permit *p, const struct privileged_route *r)
{
    unsigned bits = r->net.family == FAMILY_V6 ? 128 : 32;
    if (!p->policy || (r->net.family != FAMILY_V4 && r->net.family != FAMILY_V6) || r->plen == 0 || r->plen > bits)
        return false;
    if (!r->add)
        return true;
    if ((r->via.family ? r->via.family : r->peer.family) != r->net.family)
        return false;
    for (unsigned i = 0; i < p->policy->n_entries; i++)
        if (route_of(&p->policy->entries[i], r))
            return true;
    return false;
}
