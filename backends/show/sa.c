/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show crypto ipsec sa: the kernel's SAs in the router's layout (ios-crypto-commands §8.9). */
#include <netinet/in.h>

#include "backends/show/show.h"

struct group {
    const struct xfrm_sa *esp, *ah;
    uint64_t packets;
    uint32_t errors;
};

/* One direction of a line: its SAs and what they carried since the counters were cleared. */
static struct group group_of(const struct show_live *live, const struct target_map *m, const struct target_line *l,
                             bool outbound)
{
    struct group g = {0};
    PTRLIST_FOR (struct xfrm_sa, s, &live->sas->sas) {
        bool out = m->local.family ? addr_eq(&s->src, &m->local) : s->outbound;
        if (s->reqid != l->reqid || out != outbound || s->spi == 0)
            continue;
        if (s->proto == IPPROTO_AH)
            g.ah = s;
        else if (s->proto == IPPROTO_ESP)
            g.esp = s;
    }
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

static void line(struct buf *b, const struct show_live *live, const struct target_map *m, const struct target_line *l,
                 const struct interface *i, unsigned mtu, bool detail)
{
    char t[ADDR_TEXT_MAX];
    struct group out = group_of(live, m, l, true), in = group_of(live, m, l, false);
    const struct map_peer *peer = l->entry->peers.v[0];
    const struct box *x = &l->boxes.v[0];
    const char *remote = peer->host.addr.family ? addr_text(&peer->host.addr, t) : "unresolved";
    unsigned long long enc = (unsigned long long)out.packets, dec = (unsigned long long)in.packets;
    const struct ir_num *pfs = &l->entry->sa.pfs_group;
    char local[ADDR_TEXT_MAX] = "0.0.0.0";
    if (m->local.family)
        addr_text(&m->local, local);
    buf_puts(b, "   protected vrf: (none)\n");
    ident(b, "local ", &x->src, x, x->sport);
    ident(b, "remote", &x->dst, x, x->dport);
    buf_printf(b, "   current_peer %s port 500\n     PERMIT, flags={origin_is_acl,}\n", remote);
    buf_printf(b, "    #pkts encaps: %llu, #pkts encrypt: %llu, #pkts digest: %llu\n", enc, out.esp ? enc : 0, enc);
    buf_printf(b, "    #pkts decaps: %llu, #pkts decrypt: %llu, #pkts verify: %llu\n", dec, in.esp ? dec : 0, dec);
    buf_puts(b, "    #pkts compressed: 0, #pkts decompressed: 0\n"
                "    #pkts not compressed: 0, #pkts compr. failed: 0\n"
                "    #pkts not decompressed: 0, #pkts decompress failed: 0\n");
    errors(b, &in, detail);
    buf_printf(b, "     local crypto endpt.: %s, remote crypto endpt.: %s\n", local, remote);
    buf_printf(b, "     plaintext mtu %u, path mtu %u, ip mtu %u, ip mtu idb " STR_FMT "\n",
               plaintext_mtu(mtu, out.esp, x->family), mtu, mtu, STR_ARG(i->name.s));
    const struct xfrm_sa *s = out.esp ? out.esp : out.ah;
    buf_printf(b, "     current outbound spi: 0x%X(%u)\n", s ? s->spi : 0, s ? s->spi : 0);
    buf_printf(b, "     PFS (Y/N): %c, DH group: %s%s\n\n", IR_IS_SET(*pfs) ? 'Y' : 'N',
               IR_IS_SET(*pfs) ? "group" : "none",
               IR_IS_SET(*pfs) ? algo_spelling((enum algo_id)pfs->v, ALGO_CTX_IKEV2) : "");
    sas(b, &in, "inbound", m);
    sas(b, &out, "outbound", m);
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
    (void)c;
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
            PTRLIST_FOR (struct target_line, l, &m->lines) {
                if (!f->peer.len || peer_is(l->entry, f->peer))
                    line(b, f->live, m, l, i, link && link->mtu ? link->mtu : 1500, f->detail);
            }
        }
    }
}
