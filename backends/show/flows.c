/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "backends/show/flows.h"

#include <netinet/in.h>
#include <string.h>

#define REQID_DYNAMIC 0x5d000000u /* of peers of dynamic entries (backends/ike/engine/engine.h) */
#define REQID_KIND 0xff000000u

static bool is_dynamic(uint32_t reqid)
{
    return (reqid & REQID_KIND) == REQID_DYNAMIC;
}

static bool is_outbound(const struct target_map *m, const struct xfrm_sa *s)
{
    return m->local.family ? addr_eq(&s->src, &m->local) : s->outbound;
}

bool show_is_dynamic(const struct target_map *m, const struct xfrm_sa *s)
{
    bool is_here = !m->local.family || addr_eq(&s->src, &m->local) || addr_eq(&s->dst, &m->local);
    return m->has_dynamic && is_dynamic(s->reqid) && is_here;
}

static struct xfrm_sel turned(const struct xfrm_sel *s)
{
    struct xfrm_sel t = *s;
    t.src_plen = s->dst_plen;
    t.dst_plen = s->src_plen;
    memcpy(t.src, s->dst, sizeof t.src);
    memcpy(t.dst, s->src, sizeof t.dst);
    t.sport = s->dport;
    t.sport_mask = s->dport_mask;
    t.dport = s->sport;
    t.dport_mask = s->sport_mask;
    return t;
}

/* The kernel's policy for what leaves under a request number; NULL: there is none, or several. */
static const struct xfrm_pol *policy_of(const struct show_live *live, uint32_t reqid)
{
    const struct xfrm_pol *hit = NULL;
    PTRLIST_FOR (struct xfrm_pol, p, &live->sas->policies) {
        bool is_its = p->dir == XFRM_DIR_OUT && p->ntmpl && p->tmpl[0].reqid == reqid;
        if (is_its && hit)
            return NULL;
        if (is_its)
            hit = p;
    }
    return hit;
}

/* As packets leave. An SA that is alone under its number has no selector of its own: its policy has it. */
static struct xfrm_sel selector_of(const struct show_live *live, const struct xfrm_sa *s, bool is_out)
{
    bool has_own = s->sel.src_plen || s->sel.dst_plen || s->sel.proto;
    const struct xfrm_pol *p = has_own ? NULL : policy_of(live, s->reqid);
    struct xfrm_sel sel = is_out ? s->sel : turned(&s->sel);
    if (p)
        sel = p->sel;
    sel.ifindex = 0;
    return sel;
}

static struct show_flow *flow_of(struct arena *arena, struct ptrlist *flows, const struct xfrm_sel *sel,
                                 const struct ip_addr *peer)
{
    PTRLIST_FOR (struct show_flow, f, flows) {
        if (memcmp(&f->sel, sel, sizeof *sel) == 0 && addr_eq(&f->peer, peer))
            return f;
    }
    struct show_flow *f = ARENA_NEW(arena, struct show_flow);
    f->sel = *sel;
    f->peer = *peer;
    ptrlist_add(arena, flows, f);
    return f;
}

void show_flows(struct arena *arena, const struct show_live *live, const struct target_map *m,
                const struct target_line *l, struct ptrlist *out)
{
    const bool is_one = l && !l->entry->sa.per_host.v;
    PTRLIST_FOR (struct xfrm_sa, s, &live->sas->sas) {
        bool is_its = l ? s->reqid == l->reqid : show_is_dynamic(m, s);
        if (!is_its || s->spi == 0) /* 0: the kernel waits for one */
            continue;
        const bool is_out = is_outbound(m, s);
        const struct ip_addr *peer = is_out ? &s->dst : &s->src;
        struct xfrm_sel sel = {0};
        if (!is_one)
            sel = selector_of(live, s, is_out);
        static const struct ip_addr any = {0};
        struct show_flow *f = flow_of(arena, out, &sel, is_one ? &any : peer);
        struct show_sas *way = is_out ? &f->out : &f->in;
        f->peer = is_one ? any : *peer;
        if (s->proto == IPPROTO_AH)
            way->ah = s;
        else if (s->proto == IPPROTO_ESP)
            way->esp = s;
    }
}
