/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An XFRM plan as `ip -batch` input. */
#include "backends/xfrm/diff.h"

#include <netinet/in.h>

static const char *const dir_words[] = {"in", "out", "fwd"};

static const char *addr_or_any(const struct ip_addr *a, uint8_t family, char out[static ADDR_TEXT_MAX])
{
    if (a->family == FAMILY_NONE)
        return family == FAMILY_V6 ? "::" : "0.0.0.0";
    return addr_text(a, out);
}

/* False if a mask on the ports keeps `ip` from saying it. */
static bool selector(struct buf *b, const struct xfrm_sel *s)
{
    char t[ADDR_TEXT_MAX];
    struct ip_addr src = {.family = s->family}, dst = {.family = s->family};
    memcpy(src.b, s->src, 16);
    memcpy(dst.b, s->dst, 16);
    buf_printf(b, " src %s/%u", addr_text(&src, t), s->src_plen);
    buf_printf(b, " dst %s/%u", addr_text(&dst, t), s->dst_plen);
    bool exact = (s->sport_mask == 0 || s->sport_mask == 0xffff) && (s->dport_mask == 0 || s->dport_mask == 0xffff);
    bool icmp = s->proto == IPPROTO_ICMP || s->proto == IPPROTO_ICMPV6;
    if (s->proto)
        buf_printf(b, " proto %u", s->proto);
    const char *const words[] = {icmp ? "type" : "sport", icmp ? "code" : "dport"};
    const uint16_t v[] = {s->sport, s->dport}, mask[] = {s->sport_mask, s->dport_mask};
    for (int i = 0; i < 2; i++) {
        if (mask[i] == 0xffff)
            buf_printf(b, " %s %u", words[i], v[i]);
        else if (mask[i])
            buf_printf(b, " %s %u/0x%04x", words[i], v[i], mask[i]);
    }
    return exact;
}

static const char *proto_word(uint8_t p)
{
    return p == IPPROTO_AH ? "ah" : "esp";
}

static void templates(struct buf *b, const struct xfrm_pol *p)
{
    char t[ADDR_TEXT_MAX];
    for (int i = 0; i < p->ntmpl; i++) {
        const struct xfrm_tmpl *x = &p->tmpl[i];
        buf_puts(b, " tmpl");
        if (x->mode == XFRM_MODE_IS_TUNNEL) {
            uint8_t family = x->dst.family ? x->dst.family : x->src.family;
            buf_printf(b, " src %s", addr_or_any(&x->src, family, t));
            buf_printf(b, " dst %s", addr_or_any(&x->dst, family, t));
        }
        buf_printf(b, " proto %s reqid %u mode %s%s", proto_word(x->proto), x->reqid,
                   x->mode == XFRM_MODE_IS_TUNNEL ? "tunnel" : "transport", x->optional ? " level use" : "");
    }
}

void xfrm_policy_line(struct buf *out, const struct xfrm_pol *p)
{
    struct buf b = {0};
    bool exact = selector(&b, &p->sel);
    if (!exact)
        buf_puts(out, "# not for ip, which has no masked ports: ");
    buf_printf(out, "xfrm policy add");
    buf_str(out, (struct str){b.p, (uint32_t)b.len});
    if (p->dir == XFRM_DIR_OUT && p->link)
        buf_printf(out, " dev %s", p->link);
    buf_printf(out, " dir %s%s priority %u%s", dir_words[p->dir], p->is_sub ? " ptype sub" : "", p->priority,
               p->action == XFRM_DO_BLOCK ? " action block" : "");
    templates(out, p);
    buf_putc(out, '\n');
    buf_free(&b);
}

static void key(struct buf *b, const struct xfrm_alg_key *k, bool show)
{
    if (!show) {
        buf_puts(b, k->len ? " <key>" : " \"\"");
        return;
    }
    buf_puts(b, k->len ? " 0x" : " \"\"");
    for (uint16_t i = 0; i < k->len; i++)
        buf_printf(b, "%02x", k->key[i]);
}

void xfrm_sa_line(struct buf *b, const struct xfrm_sa *s, bool show)
{
    char t[ADDR_TEXT_MAX];
    buf_printf(b, "xfrm state add src %s", addr_text(&s->src, t));
    buf_printf(b, " dst %s proto %s spi 0x%08x reqid %u mode %s", addr_text(&s->dst, t), proto_word(s->proto), s->spi,
               s->reqid, s->mode == XFRM_MODE_IS_TUNNEL ? "tunnel" : "transport");
    buf_printf(b, " replay-window %u%s%s%s", s->replay_window, s->no_pmtu ? " flag nopmtudisc" : "",
               s->no_ecn ? " flag noecn" : "", xfrm_sa_align4(s) ? " flag align4" : "");
    if (s->auth.name) {
        buf_printf(b, " auth-trunc %s", s->auth.name);
        key(b, &s->auth, show);
        buf_printf(b, " %u", s->auth.icv);
    }
    if (s->crypt.name) {
        buf_printf(b, " enc %s", s->crypt.name);
        key(b, &s->crypt, show);
    }
    buf_puts(b, " sel");
    selector(b, &s->sel);
    buf_putc(b, '\n');
}

void xfrm_plan_text(struct buf *b, const struct xfrm_plan *p, const struct ir_config *c, bool show_secrets)
{
    const struct crypto_map_entry *last = NULL;
    buf_printf(b, "# XFRM plan of " STR_FMT " for: ip -batch FILE\n",
               STR_ARG(c->hostname.s.len ? c->hostname.s : str_lit("a router without a name")));
    PTRLIST_FOR (struct xfrm_sa, s, &p->sas) {
        if (s->entry != last)
            buf_printf(b, "# crypto map " STR_FMT " %llu, manual\n", STR_ARG(s->map->name.s),
                       (unsigned long long)s->entry->seq.v);
        last = s->entry;
        xfrm_sa_line(b, s, show_secrets);
    }
    static const enum xfrm_dir order[] = {XFRM_DIR_IN, XFRM_DIR_FWD, XFRM_DIR_OUT};
    for (int d = 0; d < XFRM_DIRS; d++) {
        last = NULL;
        PTRLIST_FOR (struct xfrm_pol, x, &p->policies[order[d]]) {
            if (x->entry && x->entry != last)
                buf_printf(b, "# %s: crypto map " STR_FMT " %llu\n", dir_words[order[d]], STR_ARG(x->map->name.s),
                           (unsigned long long)x->entry->seq.v);
            last = x->entry;
            xfrm_policy_line(b, x);
        }
    }
}
