/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The policies of crypto maps.
 *
 * Outbound, each rule of a map's flattened list becomes a policy bound to the interface the map is on. For IPv6 that is
 * not enough: the kernel looks up what the host itself sends before it knows the way out, and a bound policy would let
 * it go in the clear. IPv6 policies are therefore not bound; with several IPv6 maps bound ones stand before them.
 * Inbound, the kernel knows the interface of no packet (linux: `in` sees lo, `fwd` the way out), so one list of
 * mirrored policies serves all interfaces, and they are the second wall: the first, exact for each interface, is the
 * packet filter's (backends/nftables). Where a rule's remote networks contain its own local ones (`permit ip 10.1.0.0
 * 0.0.255.255 any`), mirrored packets may as well come from the inside; for just those the inbound template is
 * optional.
 */
#include "backends/xfrm/plan.h"

#include <netinet/in.h>

struct planner {
    struct xfrm_plan *p;
    struct target *t;
    struct symtab seen;   /* (selector bytes, direction) → struct xfrm_pol */
    struct symtab manual; /* (target_map, reqid) of manual lines that were looked at → whether they have SAs */
};

/* ---- templates ---- */

struct entry_sets {
    const struct transform_set *set; /* the first, which is what an initiator proposes first */
    const struct ir_transform *esp, *ah;
    const char *bad; /* why the kernel cannot do it */
    const struct ir_transform *bad_at;
};

static struct entry_sets sets_of(const struct crypto_map_entry *e)
{
    struct entry_sets s = {0};
    PTRLIST_FOR (struct ir_ref, r, &e->sa.transform_sets) {
        if (r->target) {
            s.set = r->target;
            break;
        }
    }
    if (!s.set)
        return s;
    PTRLIST_FOR (struct ir_transform, x, &s.set->transforms) {
        if (!algo_get(x->alg)->xfrm) {
            s.bad = algo_get(x->alg)->name;
            s.bad_at = x;
        }
        if (x->proto == PROTO_AH)
            s.ah = x;
        else if (x->proto == PROTO_ESP)
            s.esp = x;
    }
    return s;
}

static bool is_host(const struct addr_bits *a, const struct ip_addr *host)
{
    unsigned n = host->family == FAMILY_V4 ? 4 : 16;
    for (unsigned i = 0; i < n; i++)
        if (a->care[i] != 0xff)
            return false;
    return host->family != FAMILY_NONE && memcmp(a->value, host->b, n) == 0;
}

static const struct map_peer *first_peer(const struct crypto_map_entry *e)
{
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->is_default.v)
            return p;
    }
    return e->peers.n ? e->peers.v[0] : NULL;
}

/* Transport mode is for traffic between the peers themselves (guide, mode command; R-TS). */
static bool use_tunnel(const struct target_map *m, const struct target_line *l, const struct transform_set *ts)
{
    const struct map_peer *p = first_peer(l->entry);
    if (!str_is(ts->mode.s, "transport") || l->entry->peers.n != 1)
        return true;
    for (uint32_t i = 0; i < l->boxes.n; i++)
        if (!is_host(&l->boxes.v[i].src, &m->local) || !is_host(&l->boxes.v[i].dst, &p->host.addr))
            return true;
    return false;
}

/* Templates as the kernel applies them: ESP, then AH around it, which is then in transport mode (on the wire IP, AH,
 * ESP, as a router sends it). */
static void templates(struct xfrm_pol *pol, const struct target_map *m, const struct target_line *l,
                      const struct entry_sets *s, bool tunnel)
{
    const struct map_peer *peer = first_peer(l->entry);
    bool inbound = pol->dir != XFRM_DIR_OUT;
    struct ip_addr remote = peer->host.addr, local = m->local;
    if (inbound && l->entry->peers.n > 1)
        remote = (struct ip_addr){0}; /* any of the peers; the reqid says it is this entry's SA */
    const struct ir_transform *const parts[2] = {s->esp, s->ah};
    for (int i = 0; i < 2; i++) {
        if (!parts[i])
            continue;
        struct xfrm_tmpl *t = &pol->tmpl[pol->ntmpl];
        t->proto = i ? IPPROTO_AH : IPPROTO_ESP;
        t->mode = tunnel && pol->ntmpl == 0 ? XFRM_MODE_IS_TUNNEL : XFRM_MODE_IS_TRANSPORT;
        t->reqid = l->reqid;
        if (t->mode == XFRM_MODE_IS_TUNNEL) {
            t->src = inbound ? remote : local;
            t->dst = inbound ? local : remote;
        }
        pol->ntmpl++;
    }
}

/* ---- policies ---- */

static bool tmpl_like(const struct xfrm_pol *a, const struct xfrm_pol *b)
{
    if (a->ntmpl != b->ntmpl || a->action != b->action)
        return false;
    for (int i = 0; i < a->ntmpl; i++)
        if (a->tmpl[i].proto != b->tmpl[i].proto || a->tmpl[i].mode != b->tmpl[i].mode)
            return false;
    return true;
}

/* Two maps want the same inbound packets: what either of them accepts is accepted, cleartext by neither. */
static void share_inbound(struct planner *x, struct xfrm_pol *old, const struct xfrm_pol *pol)
{
    for (int i = 0; i < old->ntmpl && i < pol->ntmpl; i++)
        old->has_several_ends |= !addr_eq(&old->tmpl[i].dst, &pol->tmpl[i].dst);
    if (old->map == pol->map)
        return; /* the earlier rule of one map wins, as on the router */
    if (!old->ntmpl && pol->ntmpl) {
        memcpy(old->tmpl, pol->tmpl, sizeof old->tmpl);
        old->ntmpl = pol->ntmpl;
        old->action = XFRM_DO_ALLOW;
        return;
    }
    if (!pol->ntmpl || (tmpl_like(old, pol) && memcmp(old->tmpl, pol->tmpl, sizeof old->tmpl) == 0))
        return;
    struct diag *d = diag_add(x->t->diags, D_LX_SHARED_INBOUND, pol->line->span,
                              "this traffic is claimed inbound by entry %llu of crypto map " STR_FMT
                              " too: SAs of either are accepted",
                              (unsigned long long)old->entry->seq.v, STR_ARG(old->map->name.s));
    diag_note(x->t->diags, d, old->line->span, "the other line");
    if (!tmpl_like(old, pol)) {
        d->severity = SEV_ERROR;
        diag_hint(x->t->diags, d, "give both entries transform sets of the same protocols and mode");
        return;
    }
    for (int i = 0; i < old->ntmpl; i++) {
        old->tmpl[i].src = (struct ip_addr){0};
        if (old->tmpl[i].reqid != pol->tmpl[i].reqid)
            old->tmpl[i].reqid = 0;
    }
}

static void add(struct planner *x, const struct xfrm_pol *like, const struct xfrm_sel *sel)
{
    struct xfrm_pol *pol = ARENA_NEW(x->p->arena, struct xfrm_pol);
    *pol = *like;
    uint32_t ifindex = pol->sel.ifindex;
    pol->sel = *sel;
    pol->sel.ifindex = ifindex;
    /* a device that is not on this host still tells policies of different interfaces apart */
    struct str key = xfrm_sel_key(&pol->sel);
    uint32_t where = pol->dir;
    for (const char *c = ifindex ? "" : pol->link ? pol->link : ""; *c; c++)
        where = where * 31 + (unsigned char)*c;
    struct xfrm_pol *old = symtab_get(&x->seen, key, where);
    if (old) {
        if (pol->dir != XFRM_DIR_OUT)
            share_inbound(x, old, pol);
        return;
    }
    symtab_put(x->p->arena, &x->seen, key, where, pol);
    ptrlist_add(x->p->arena, &x->p->policies[pol->dir], pol);
}

/* What a rule is of: a line, an entry, or (what several of them leave clear) the map as a whole. */
static struct span origin(const struct crypto_map *m, const struct crypto_map_entry *e, const struct ace *l)
{
    if (l)
        return l->span;
    return e ? e->span : m->span;
}

static void too_many(struct planner *x, const struct target_map *m, const struct flat_rule *r)
{
    const char *what = r->line ? "this line needs" : "what the deny lines of this crypto map leave clear needs";
    struct diag *d = diag_add(x->t->diags, D_LX_TOO_MANY, origin(m->map, r->entry, r->line),
                              "%s more than %u selectors", what, TARGET_LINE_MAX);
    diag_hint(x->t->diags, d, "wildcards with holes and port ranges multiply: split the line or widen it");
}

/* Source addresses that lie on both sides: mirrored packets from there may be local ones. */
static bool both_sides(const struct box *mirrored, struct box *out)
{
    struct box only_dst = *mirrored;
    only_dst.src = mirrored->dst;
    return box_intersect(mirrored, &only_dst, out);
}

/* Do what it says is remote and an inside network have a source in common? */
static bool has_inside(const struct box *mirrored, const struct boxes *inside)
{
    struct box common;
    for (uint32_t i = 0; i < inside->n; i++)
        if (box_intersect(mirrored, &inside->v[i], &common))
            return true;
    return false;
}

enum binding { BOUND, UNBOUND };

struct rule {
    enum binding binding;
    const struct target_map *m;
    const struct flat_rule *r;
    const struct target_line *line;
    struct entry_sets sets;
    bool tunnel, block;
    const struct boxes *inside; /* networks that are not behind the map */
};

static struct xfrm_pol policy_of(const struct rule *u, enum xfrm_dir dir)
{
    struct xfrm_pol pol = {.dir = (uint8_t)dir, .map = u->m->map, .entry = u->r->entry, .line = u->r->line};
    pol.action = u->block ? XFRM_DO_BLOCK : XFRM_DO_ALLOW;
    if (!u->block && u->r->verdict == VERDICT_PROTECT)
        templates(&pol, u->m, u->line, &u->sets, u->tunnel);
    return pol;
}

static void bound(struct planner *x, const struct rule *u, struct xfrm_pol pol, const struct ptrlist *sels)
{
    if (u->binding == UNBOUND) {
        PTRLIST_FOR (struct xfrm_sel, s, sels) {
            add(x, &pol, s);
        }
        return;
    }
    for (uint32_t i = 0; i < u->m->links.n; i++) {
        const struct host_link *l = if_map_link(x->t->ifs, u->m->links.v[i]);
        if (!l && x->t->ifs->links.n) /* not there now: without it the policy would hold everywhere */
            continue;
        pol.link = u->m->links.v[i];
        pol.sel.ifindex = l ? l->index : 0;
        PTRLIST_FOR (struct xfrm_sel, s, sels) {
            add(x, &pol, s);
        }
    }
}

/* ICMP is another matter: its type 0 is the echo reply, which a block policy would stop (consent.c, needs_filter). */
static bool is_by_ports(const struct rule *u)
{
    const struct box *b = &u->r->box;
    bool has_ports = b->sport.lo || b->dport.lo || b->sport.hi != 65535 || b->dport.hi != 65535;
    bool is_icmp = b->proto == IPPROTO_ICMP || b->proto == IPPROTO_ICMPV6;
    return has_ports && !is_icmp;
}

/* `deny udp A B lt 1024`: the kernel would take fragments for such, and let them go. */
static bool lets_port_0_go(const struct rule *u)
{
    const struct box *b = &u->r->box;
    return u->r->verdict == VERDICT_CLEAR && !b->sport.lo && !b->dport.lo;
}

/* Fragments have no ports for the kernel's lookup: it takes 0 for them. Where ports decide, and nobody puts fragments
 * together before (conntrack does, while the packet filter stands), they go nowhere: they might be protected ones.
 * `like`: the rule's box, or its mirror. False: the rule says nothing of them, or has too many selectors, which is said
 * of the line itself. */
static bool fragments(struct planner *x, const struct rule *u, const struct box *like, struct ptrlist *sels)
{
    struct box b = *like;
    b.sport = b.dport = (struct port_range){0, 0};
    bool concerns = is_by_ports(u) && (u->r->verdict != VERDICT_CLEAR || lets_port_0_go(u));
    return concerns && xfrm_select(x->p->arena, &b, TARGET_LINE_MAX, sels);
}

static struct xfrm_pol block_of(const struct rule *u, enum xfrm_dir dir)
{
    return (struct xfrm_pol){
        .dir = (uint8_t)dir, .map = u->m->map, .entry = u->r->entry, .line = u->r->line, .action = XFRM_DO_BLOCK};
}

static void outbound(struct planner *x, const struct rule *u, const struct ptrlist *sels)
{
    struct ptrlist pieces = {0};
    bool has_pieces = fragments(x, u, &u->r->box, &pieces);
    if (has_pieces && lets_port_0_go(u))
        bound(x, u, block_of(u, XFRM_DIR_OUT), &pieces);
    bound(x, u, policy_of(u, XFRM_DIR_OUT), sels);
    if (has_pieces)
        bound(x, u, block_of(u, XFRM_DIR_OUT), &pieces);
}

/* What is for the host itself has been put together when it is judged: the forwarded ones alone. */
static void inbound_fragments(struct planner *x, const struct rule *u, const struct box *mirror)
{
    struct ptrlist sels = {0};
    if (!fragments(x, u, mirror, &sels))
        return;
    const struct xfrm_pol pol = block_of(u, XFRM_DIR_FWD);
    PTRLIST_FOR (struct xfrm_sel, s, &sels) {
        add(x, &pol, s);
    }
}

static void inbound(struct planner *x, const struct rule *u, const struct box *b, bool optional)
{
    struct ptrlist sels = {0};
    if (!xfrm_select(x->p->arena, b, TARGET_LINE_MAX, &sels)) {
        too_many(x, u->m, u->r);
        return;
    }
    static const enum xfrm_dir dirs[] = {XFRM_DIR_IN, XFRM_DIR_FWD};
    for (int d = 0; d < 2; d++) {
        struct xfrm_pol pol = policy_of(u, dirs[d]);
        if (optional && pol.action == XFRM_DO_BLOCK)
            pol.action = XFRM_DO_ALLOW;
        for (int i = 0; i < pol.ntmpl; i++)
            pol.tmpl[i].optional = optional;
        PTRLIST_FOR (struct xfrm_sel, s, &sels) {
            add(x, &pol, s);
        }
    }
}

static void mode_note(struct planner *x, const struct target_line *l, const struct transform_set *ts, bool tunnel)
{
    if (tunnel && str_is(ts->mode.s, "transport"))
        diag_add(x->t->diags, D_LX_TUNNEL_MODE, l->line->span,
                 "tunnel mode is used although transform set " STR_FMT
                 " says transport: this traffic is not between the two peers",
                 STR_ARG(ts->name.s));
}

/* Can this line be protected? If not its traffic is blocked, never let out in the clear. */
static bool protectable(struct planner *x, struct rule *u)
{
    const struct crypto_map_entry *e = u->r->entry;
    const struct map_peer *peer = first_peer(e);
    u->sets = sets_of(e);
    if (!u->sets.set || !e->complete.v || target_blocked(x->t, e))
        return false; /* said by the target: incomplete, or a need is unmet */
    if (u->sets.bad) {
        struct diag *d =
            diag_add(x->t->diags, D_LX_TRANSFORM, u->sets.bad_at->m.span,
                     "Linux has no %s: entry %llu cannot be protected", u->sets.bad, (unsigned long long)e->seq.v);
        diag_hint(x->t->diags, d, "use %s",
                  u->sets.bad_at->proto == PROTO_COMP ? "a set without compression"
                  : u->sets.bad_at->proto == PROTO_AH ? "ah-sha256-hmac"
                                                      : "esp-aes or esp-gcm");
        return false;
    }
    if (peer->host.addr.family == FAMILY_NONE)
        diag_add(x->t->diags, D_LX_PEER_NAME, peer->span,
                 "peer " STR_FMT " is known by name only: its traffic waits until the name can be looked up",
                 STR_ARG(peer->host.name));
    u->tunnel = use_tunnel(u->m, u->line, u->sets.set);
    mode_note(x, u->line, u->sets.set, u->tunnel);
    return true;
}

static void one_rule(struct planner *x, struct rule *u)
{
    struct ptrlist sels = {0};
    struct box mirror = box_mirror(&u->r->box), both;
    if (u->r->box.proto == 0) {
        diag_add(x->t->diags, D_LX_NOT_SELECTABLE, origin(u->m->map, u->r->entry, u->r->line),
                 "protocol 0 means any protocol to the kernel");
        return;
    }
    if (!xfrm_select(x->p->arena, &u->r->box, TARGET_LINE_MAX, &sels)) {
        too_many(x, u->m, u->r);
        return;
    }
    outbound(x, u, &sels);
    if (u->m->map->ipv6.v && u->binding == BOUND)
        return; /* the pass without binding makes the inbound ones */
    if (!u->r->line && u->r->verdict == VERDICT_DROP)
        return; /* a list without lines; what comes in the packet filter drops, which knows the interface */
    bool checks = u->block || u->r->verdict == VERDICT_PROTECT;
    if (checks && has_inside(&mirror, u->inside)) { /* the packet filter, which knows the interface, is the one wall */
        inbound(x, u, &mirror, true);
        return;
    }
    bool ambiguous = checks && both_sides(&mirror, &both);
    if (lets_port_0_go(u))
        inbound_fragments(x, u, &mirror);
    if (ambiguous)
        inbound(x, u, &both, true);
    if (!ambiguous || !box_equal(&both, &mirror))
        inbound(x, u, &mirror, false);
    if (!ambiguous)
        inbound_fragments(x, u, &mirror);
}

/* A line may make several rules; its SAs are made once. */
static bool keyed(struct planner *x, const struct rule *u)
{
    static const char yes, no;
    const struct str map = {(const char *)&u->m, sizeof u->m}; /* at another local address it has SAs of its own */
    const char *known = symtab_get(&x->manual, map, u->line->reqid);
    if (!known) {
        const struct target_map **kept = ARENA_NEW(x->p->arena, const struct target_map *);
        *kept = u->m;
        known = xfrm_manual_sas(x->p, x->t, u->m, u->line, u->tunnel) ? &yes : &no;
        symtab_put(x->p->arena, &x->manual, (struct str){(const char *)kept, sizeof *kept}, u->line->reqid,
                   (char *)known);
    }
    return known == &yes;
}

/* IPv6 policies hold on every interface: what goes to an inside network leaves by another one than the map's, and is
 * let go before the list is asked. On the map's own interface the packet filter's guard holds it. */
static void inside_goes_clear(struct planner *x, const struct target_map *m, const struct boxes *inside)
{
    for (uint32_t i = 0; i < inside->n; i++) {
        struct box to = inside->v[i];
        struct ptrlist sels = {0};
        const struct xfrm_pol pol = {.dir = XFRM_DIR_OUT, .map = m->map, .action = XFRM_DO_ALLOW};
        to.dst = to.src;
        memset(&to.src, 0, sizeof to.src);
        bool is_listed = false;
        for (uint32_t k = 0; k < m->flat.n && to.family == FAMILY_V6 && !is_listed; k++) {
            struct box common;
            is_listed = m->flat.v[k].verdict != VERDICT_CLEAR && box_intersect(&m->flat.v[k].box, &to, &common);
        }
        if (!is_listed || !xfrm_select(x->p->arena, &to, TARGET_LINE_MAX, &sels))
            continue;
        PTRLIST_FOR (struct xfrm_sel, s, &sels) {
            add(x, &pol, s);
        }
    }
}

static void one_map(struct planner *x, const struct target_map *m, enum binding binding)
{
    struct boxes inside = {0};
    struct rule u = {.m = m, .binding = binding, .inside = &inside};
    target_inside(x->t, m, &inside);
    if (binding == UNBOUND)
        inside_goes_clear(x, m, &inside);
    for (uint32_t i = 0; i < m->flat.n; i++) {
        u.r = &m->flat.v[i];
        u.line = target_line_of(m, u.r);
        u.block = u.r->verdict == VERDICT_DROP;
        if (u.line && (!protectable(x, &u) || (u.line->entry->type.v == ENTRY_MANUAL && !keyed(x, &u))))
            u.block = true;
        one_rule(x, &u);
    }
}

/* ---- the whole ---- */

/* Above this many policies the kernel's trees make changes slow (they are walked whole); lower prefix lengths for its
 * hash help. Shorter prefixes than these still work. */
#define LARGE_PLAN 6000

static void choose_thresholds(struct xfrm_plan *p)
{
    unsigned shortest[2] = {32, 128};
    uint32_t n = 0;
    for (int d = 0; d < XFRM_DIRS; d++)
        PTRLIST_FOR (struct xfrm_pol, pol, &p->policies[d]) {
            int v6 = pol->sel.family == FAMILY_V6;
            unsigned plen = pol->sel.src_plen < pol->sel.dst_plen ? pol->sel.src_plen : pol->sel.dst_plen;
            if (plen >= (v6 ? 32u : 16u) && plen < shortest[v6])
                shortest[v6] = plen;
            n++;
        }
    for (int v6 = 0; n >= LARGE_PLAN && v6 < 2; v6++)
        if (shortest[v6] != (v6 ? 128u : 32u))
            p->hash_threshold[v6] = (uint8_t)shortest[v6];
}

#define SLOW_PAIR 500

/* Policies between one and the same pair of networks are a list to the kernel: it walks it for every packet. */
static void look_for_slow_pairs(struct planner *x)
{
    struct symtab pairs = {0};
    PTRLIST_FOR (struct xfrm_pol, pol, &x->p->policies[XFRM_DIR_OUT]) {
        struct pair {
            struct xfrm_sel addresses; /* the selector without protocol and ports */
            uint32_t n;
        } probe = {.addresses = pol->sel}, *hit;
        probe.addresses.proto = 0;
        probe.addresses.sport = probe.addresses.sport_mask = probe.addresses.dport = probe.addresses.dport_mask = 0;
        hit = symtab_get(&pairs, xfrm_sel_key(&probe.addresses), 0);
        if (!hit) {
            hit = ARENA_NEW(x->p->arena, struct pair);
            *hit = probe;
            symtab_put(x->p->arena, &pairs, xfrm_sel_key(&hit->addresses), 0, hit);
        }
        if (++hit->n == SLOW_PAIR)
            diag_add(x->t->diags, D_LX_SLOW_PAIR, origin(pol->map, pol->entry, pol->line),
                     "this is the 500th policy between one pair of networks: the kernel searches such a list packet "
                     "by packet");
    }
}

const struct xfrm_band xfrm_bands[XFRM_BANDS] = {
    {1024, 79999}, {80000, 159999}, {1u << 20, (1u << 29) - 1}, {1u << 29, (1u << 30) - 1}};

const struct xfrm_band *xfrm_band_of(uint32_t priority)
{
    for (int i = 0; i < XFRM_BANDS; i++)
        if (priority >= xfrm_bands[i].first && priority <= xfrm_bands[i].last)
            return &xfrm_bands[i];
    return NULL;
}

void xfrm_number(struct xfrm_plan *p, enum xfrm_dir d, const struct xfrm_band *taken)
{
    uint32_t n = p->policies[d].n, step = 16;
    const struct xfrm_band *b = xfrm_bands;
    while (b < xfrm_bands + XFRM_BANDS - 1 && (b == taken || b->last - b->first < n))
        b++;
    while (step > 1 && (uint64_t)n * step > b->last - b->first)
        step /= 2;
    for (uint32_t i = 0; i < n; i++)
        ((struct xfrm_pol *)p->policies[d].v[i])->priority = b->first + i * step;
}

static void settings_note(struct target *t, const struct ir_num *n, const char *what)
{
    if (IR_WRITTEN(*n) && n->v)
        diag_add(t->diags, D_LX_SETTING, n->m.span, "%s", what);
}

/* The kernel copies the bit or clears it in the outer header; either way it answers a packet with it that is larger
 * than the tunnel's MTU (ICMP), and never fragments that one. Each line is said once, whichever entries it holds for.
 */
static void df_bit_note(struct target *t, const struct ir_str *df, struct symtab *said)
{
    if (!IR_WRITTEN(*df) || str_is(df->s, "copy") || symtab_get(said, STR_EMPTY, df->m.span.off))
        return;
    symtab_put(t->arena, said, STR_EMPTY, df->m.span.off, (void *)(uintptr_t)df->s.p);
    diag_add(t->diags, D_LX_SETTING, df->m.span,
             str_is(df->s, "set") ? "df-bit set: the kernel can copy the bit or clear it; copied"
                                  : "df-bit clear: the outer header has it clear; a packet that has it itself and is "
                                    "larger than the tunnel's MTU is answered (ICMP), and not fragmented as on the "
                                    "router");
}

static void dummy_note(struct target *t, const struct ir_num *pps, const struct ir_num *seconds)
{
    static const char what[] = "dummy packets: the kernel makes none on a tunnel";
    settings_note(t, pps, what);
    settings_note(t, seconds, what);
}

static void entry_settings(struct target *t, const struct target_map *m, const struct sa_settings *sa,
                           struct symtab *said)
{
    const struct ir_str df = target_df_bit(t, m, sa);
    df_bit_note(t, &df, said);
    dummy_note(t, &sa->dummy_pps, &sa->dummy_s);
    settings_note(t, &sa->mixed_mode, "mixed mode is not carried: all traffic of the entry is protected");
    if (IR_WRITTEN(sa->dscp))
        diag_add(t->diags, D_LX_SETTING, sa->dscp.m.span, "dscp: the kernel copies the DSCP of the inner packet");
}

static void fragmentation_note(struct target *t, const struct ir_str *f)
{
    if (IR_WRITTEN(*f) && str_is(f->s, "before-encryption"))
        diag_add(t->diags, D_LX_SETTING, f->m.span,
                 "fragmentation before-encryption: the kernel encrypts first, and the outer packet is fragmented");
}

static void all_settings(struct target *t)
{
    struct symtab said = {0}; /* ("", place) → df-bit that was said */
    settings_note(t, &t->c->ipsec.optional,
                  "crypto ipsec optional is not carried: without an SA traffic is dropped, not "
                  "sent in the clear");
    dummy_note(t, &t->c->ipsec.dummy_pps, &t->c->ipsec.dummy_s);
    settings_note(t, &t->c->ipsec.multi_sn, "multi-sn: the kernel numbers the packets of an SA in one row");
    fragmentation_note(t, &t->c->ipsec.fragmentation);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        PTRLIST_FOR (struct interface, i, &m->ifs) {
            fragmentation_note(t, &i->fragmentation);
        }
        PTRLIST_FOR (struct crypto_map_entry, e, &m->map->entries) {
            const struct crypto_map *dynamic = e->dynamic.target;
            entry_settings(t, m, &e->sa, &said);
            for (uint32_t i = 0; dynamic && i < dynamic->entries.n; i++)
                entry_settings(t, m, &((struct crypto_map_entry *)dynamic->entries.v[i])->sa, &said);
        }
    }
}

void xfrm_plan_build(struct xfrm_plan *p, struct target *t)
{
    *p = (struct xfrm_plan){.arena = t->arena};
    struct planner x = {.p = p, .t = t};
    all_settings(t);
    uint32_t ipv6 = 0, rules = 0;
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        rules += m->flat.n;
    }
    symtab_reserve(p->arena, &x.seen, rules * XFRM_DIRS);
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        ipv6 += m->map->ipv6.v != 0;
        if (m->map->ipv6.v)
            diag_add(t->diags, D_LX_ANY_INTERFACE, m->map->span,
                     "IPv6 crypto map " STR_FMT " holds on every interface: Linux cannot bind it for the host's own "
                     "packets",
                     STR_ARG(m->map->name.s));
    }
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        if (!m->map->ipv6.v || ipv6 > 1)
            one_map(&x, m, BOUND);
    }
    PTRLIST_FOR (struct target_map, m, &t->maps) {
        if (m->map->ipv6.v)
            one_map(&x, m, UNBOUND);
    }
    choose_thresholds(p);
    if (p->policies[XFRM_DIR_OUT].n >= SLOW_PAIR)
        look_for_slow_pairs(&x);
    for (int d = 0; d < XFRM_DIRS; d++)
        xfrm_number(p, (enum xfrm_dir)d, NULL);
}
