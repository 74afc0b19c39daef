/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto ipsec sa: the kernel's SAs in the router's layout (ios-crypto-commands §8.9). */
#include <netinet/in.h>
#include <stdlib.h>

#include "backends/show/flows.h"

struct group {
    const struct xfrm_sa *esp, *ah;
    uint64_t packets;
    uint32_t errors;
};

/* What the SAs of one direction carried since the counters were cleared. */
static struct group group_of(const struct show_live *live, const struct show_sas *way)
{
    struct group g = {.esp = way->esp, .ah = way->ah};
    const struct xfrm_sa *s = g.esp ? g.esp : g.ah;
    if (!s)
        return g;
    g.packets = s->count.packets;
    g.errors = s->count.replay_errors + s->count.integrity_errors;
    const struct xfrm_sa *base = live->base ? live->base(live, s) : NULL;
    if (base && base->count.packets <= g.packets)
        g.packets -= base->count.packets;
    if (base && base->count.replay_errors <= g.errors)
        g.errors -= base->count.replay_errors;
    return g;
}

static void ident(struct buf *b, const char *which, const struct addr_bits *a, const struct box *x,
                  struct port_range port)
{
    char t[ADDR_TEXT_MAX], mask[ADDR_TEXT_MAX];
    struct ip_addr addr = {.family = x->family}, m = {.family = x->family};
    unsigned plen = 0;
    memcpy(addr.b, a->value, 16);
    memcpy(m.b, a->care, 16);
    for (int i = 0; i < 128; i++)
        plen += a->care[i / 8] >> (7 - i % 8) & 1;
    unsigned proto = x->proto == PROTO_ANY ? 0 : x->proto, p = port.lo == port.hi ? port.lo : 0;
    addr_text(&addr, t);
    if (x->family == FAMILY_V6)
        buf_printf(b, "   %s ident (addr/mask/prot/port): (%s/%u/%u/%u)\n", which, t, plen, proto, p);
    else
        buf_printf(b, "   %s ident (addr/mask/prot/port): (%s/%s/%u/%u)\n", which, t, addr_text(&m, mask), proto, p);
}

/* The words of a transform set for an SA: by the kernel's algorithm names, from the one table. */
static void transforms(struct buf *b, const struct xfrm_sa *s)
{
    bool ah = s->proto == IPPROTO_AH;
    const struct xfrm_alg_key *const parts[] = {&s->crypt, &s->aead, &s->auth};
    for (int i = 0; i < 3; i++)
        for (int id = 1; parts[i]->name && id < ALGO_COUNT; id++) {
            const struct algo *a = algo_get((enum algo_id)id);
            const char *word = ah ? a->ios_ah : a->ios_esp;
            if (!a->xfrm || !word || strcmp(a->xfrm, parts[i]->name) != 0)
                continue;
            unsigned bits = parts[i]->len * 8u - (a->is_aead ? a->salt : 0u);
            if (id == ALGO_ENCR_AES_CBC && bits != 128)
                buf_printf(b, "esp-%u-aes ", bits);
            else if (a->is_aead && bits != 128)
                buf_printf(b, "%s %u ", word, bits);
            else
                buf_printf(b, "%s ", word);
        }
    buf_puts(b, ",\n");
}

static unsigned iv_size(const struct xfrm_sa *s)
{
    for (int id = 1; id < ALGO_COUNT; id++) {
        const struct algo *a = algo_get((enum algo_id)id);
        const char *name = s->crypt.name ? s->crypt.name : s->aead.name;
        if (a->xfrm && name && strcmp(a->xfrm, name) == 0)
            return a->iv / 8u;
    }
    return 0;
}

static void one_sa(struct buf *b, const struct xfrm_sa *s, const struct target_map *m)
{
    if (!s)
        return;
    buf_printf(b, "      spi: 0x%X(%u)\n        transform: ", s->spi, s->spi);
    transforms(b, s);
    buf_printf(b, "        in use settings ={%s, }\n", s->mode == XFRM_MODE_IS_TUNNEL ? "Tunnel" : "Transport");
    buf_printf(b, "        conn id: %u, flow_id: Linux:%u, crypto map: " STR_FMT "\n", s->reqid & 0xffff, s->reqid,
               STR_ARG(m->map->name.s));
    buf_puts(b, "        no sa timing\n");
    if (s->proto == IPPROTO_ESP)
        buf_printf(b, "        IV size: %u bytes\n", iv_size(s));
    buf_printf(b, "        replay detection support: %c\n        Status: ACTIVE(ACTIVE)\n",
               s->replay_window ? 'Y' : 'N');
}

static void sas(struct buf *b, const struct group *g, const char *way, const struct target_map *m)
{
    buf_printf(b, "     %s esp sas:\n", way);
    one_sa(b, g->esp, m);
    buf_printf(b, "\n     %s ah sas:\n", way);
    one_sa(b, g->ah, m);
    buf_printf(b, "\n     %s pcp sas:\n\n", way);
}

/* What fits into one packet of the link (RFC 4303 §2): outer header, SPI and number, IV, padding to a block, ICV. */
static unsigned plaintext_mtu(unsigned mtu, const struct xfrm_sa *esp, uint8_t family)
{
    unsigned outer = family == FAMILY_V6 ? 40 : 20, block = 4;
    if (!esp)
        return mtu;
    unsigned iv = iv_size(esp), icv = (esp->auth.icv + esp->aead.icv) / 8u;
    if (iv > block)
        block = iv;
    unsigned room = mtu - (esp->mode == XFRM_MODE_IS_TUNNEL ? outer : 0) - 8 - iv - icv;
    return room > mtu ? 0 : room / block * block - 2;
}

static void errors(struct buf *b, const struct group *in, bool detail)
{
    if (!detail) {
        buf_printf(b, "    #send errors 0, #recv errors %u\n\n", in->errors);
        return;
    }
    uint32_t replay = in->esp ? in->esp->count.replay_errors : in->ah ? in->ah->count.replay_errors : 0;
    uint32_t verify = in->esp ? in->esp->count.integrity_errors : in->ah ? in->ah->count.integrity_errors : 0;
    buf_printf(b, "    #pkts verify failed: %u\n    ##pkts replay failed (rcv): %u\n\n", verify, replay);
}

/* What stands around one flow. */
struct place {
    const struct show_live *live;
    const struct target_map *map;
    const struct interface *interface;
    unsigned mtu;
    bool detail;
};

static struct box box_of(const struct xfrm_sel *s)
{
    const struct port_range any = {0, 65535};
    const uint8_t family = s->family ? s->family : FAMILY_V4;
    struct box b = {.family = family};
    b.proto = s->proto ? s->proto : PROTO_ANY;
    b.src = addr_bits_of(b.family, s->src, s->src_plen);
    b.dst = addr_bits_of(b.family, s->dst, s->dst_plen);
    b.sport = s->sport_mask == 0xffff ? (struct port_range){s->sport, s->sport} : any;
    b.dport = s->dport_mask == 0xffff ? (struct port_range){s->dport, s->dport} : any;
    return b;
}

/* `x`: its traffic, `remote`: where its SAs lead, in words; `pfs`: of its entry, NULL not known. */
static void one_flow(struct buf *b, const struct place *p, const struct box *x, const char *remote,
                     const struct show_flow *f, const struct ir_num *pfs)
{
    const struct group out = group_of(p->live, &f->out), in = group_of(p->live, &f->in);
    unsigned long long enc = (unsigned long long)out.packets, dec = (unsigned long long)in.packets;
    bool has_pfs = pfs && IR_IS_SET(*pfs);
    char local[ADDR_TEXT_MAX] = "0.0.0.0";
    if (p->map->local.family)
        addr_text(&p->map->local, local);
    buf_puts(b, "   protected vrf: (none)\n");
    ident(b, "local ", &x->src, x, x->sport);
    ident(b, "remote", &x->dst, x, x->dport);
    buf_printf(b, "   current_peer %s port 500\n     PERMIT, flags={origin_is_acl,}\n", remote);
    buf_printf(b, "    #pkts encaps: %llu, #pkts encrypt: %llu, #pkts digest: %llu\n", enc, out.esp ? enc : 0, enc);
    buf_printf(b, "    #pkts decaps: %llu, #pkts decrypt: %llu, #pkts verify: %llu\n", dec, in.esp ? dec : 0, dec);
    buf_puts(b, "    #pkts compressed: 0, #pkts decompressed: 0\n"
                "    #pkts not compressed: 0, #pkts compr. failed: 0\n"
                "    #pkts not decompressed: 0, #pkts decompress failed: 0\n");
    errors(b, &in, p->detail);
    buf_printf(b, "     local crypto endpt.: %s, remote crypto endpt.: %s\n", local, remote);
    buf_printf(b, "     plaintext mtu %u, path mtu %u, ip mtu %u, ip mtu idb " STR_FMT "\n",
               plaintext_mtu(p->mtu, out.esp, x->family), p->mtu, p->mtu, STR_ARG(p->interface->name.s));
    const struct xfrm_sa *s = out.esp ? out.esp : out.ah;
    buf_printf(b, "     current outbound spi: 0x%X(%u)\n", s ? s->spi : 0, s ? s->spi : 0);
    buf_printf(b, "     PFS (Y/N): %c, DH group: %s%s\n\n", has_pfs ? 'Y' : 'N', has_pfs ? "group" : "none",
               has_pfs ? algo_spelling((enum algo_id)pfs->v, ALGO_CTX_IKEV2) : "");
    sas(b, &in, "inbound", p->map);
    sas(b, &out, "outbound", p->map);
}

/* A line without SAs is shown too; with `level per-host` each of its pairs. */
static void line(struct buf *b, const struct place *p, struct arena *arena, const struct target_line *l)
{
    char t[ADDR_TEXT_MAX];
    struct ptrlist flows = {0};
    static const struct show_flow none;
    const struct map_peer *peer = l->entry->peers.v[0];
    const char *remote = peer->host.addr.family ? addr_text(&peer->host.addr, t) : "unresolved";
    show_flows(arena, p->live, p->map, l, &flows);
    bool is_whole = !l->entry->sa.per_host.v || flows.n == 0;
    if (is_whole)
        one_flow(b, p, &l->boxes.v[0], remote, flows.n ? flows.v[0] : &none, &l->entry->sa.pfs_group);
    PTRLIST_FOR (struct show_flow, f, &flows) {
        const struct box x = box_of(&f->sel);
        if (!is_whole)
            one_flow(b, p, &x, addr_text(&f->peer, t), f, &l->entry->sa.pfs_group);
    }
}

static void dynamic_flows(struct buf *b, const struct place *p, struct arena *arena, struct str peer)
{
    char t[ADDR_TEXT_MAX];
    struct ptrlist flows = {0};
    show_flows(arena, p->live, p->map, NULL, &flows);
    PTRLIST_FOR (struct show_flow, f, &flows) {
        const struct box x = box_of(&f->sel);
        const char *remote = addr_text(&f->peer, t);
        if (!peer.len || str_is(peer, remote))
            one_flow(b, p, &x, remote, f, NULL);
    }
}

static bool peer_is(const struct crypto_map_entry *e, struct str peer)
{
    char t[ADDR_TEXT_MAX];
    PTRLIST_FOR (struct map_peer, p, &e->peers) {
        if (p->host.addr.family ? str_is(peer, addr_text(&p->host.addr, t)) : str_eq(peer, p->host.name))
            return true;
    }
    return false;
}

void show_ipsec_sa(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    struct arena arena;
    (void)c;
    if (!arena_init(&arena, SIZE_MAX))
        abort(); /* as where an arena cannot grow */
    PTRLIST_FOR (struct target_map, m, &f->live->target->maps) {
        for (uint32_t k = 0; k < m->ifs.n; k++) {
            const struct interface *i = m->ifs.v[k];
            const struct host_link *link = if_map_link(f->live->target->ifs, m->links.v[k]);
            char local[ADDR_TEXT_MAX] = "0.0.0.0";
            if ((f->interface.len && !str_eq(f->interface, i->name.s)) ||
                (f->map.len && !str_eq(f->map, m->map->name.s)))
                continue;
            if (m->local.family)
                addr_text(&m->local, local);
            buf_printf(b, "\ninterface: " STR_FMT "\n    Crypto map tag: " STR_FMT ", local addr %s\n\n",
                       STR_ARG(i->name.s), STR_ARG(m->map->name.s), local);
            const struct place p = {f->live, m, i, link && link->mtu ? link->mtu : 1500, f->detail};
            PTRLIST_FOR (struct target_line, l, &m->lines) {
                bool is_static = !l->entry->in_dynamic; /* those of dynamic entries belong to their peers */
                if (is_static && (!f->peer.len || peer_is(l->entry, f->peer)))
                    line(b, &p, &arena, l);
            }
            dynamic_flows(b, &p, &arena, f->peer);
        }
    }
    arena_free(&arena);
}
