/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an apply would change, for people and for programs. */
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "backends/apply/apply.h"
#include "compiler/base/redact.h"

static const char *const dirs[] = {"in", "out", "fwd"};

static void end_text(struct buf *b, const uint8_t bytes[16], uint8_t plen, uint8_t family)
{
    char t[ADDR_TEXT_MAX];
    struct ip_addr a = {.family = family};
    memcpy(a.b, bytes, 16);
    if (plen == 0)
        buf_puts(b, "any");
    else
        buf_printf(b, plen == (family == FAMILY_V6 ? 128 : 32) ? "%s" : "%s/%u", addr_text(&a, t), plen);
}

static void port_text(struct buf *b, uint16_t port, uint16_t mask)
{
    if (mask == 0xffff)
        buf_printf(b, ":%u", port);
    else if (mask)
        buf_printf(b, ":%u-%u", port, (unsigned)port + (0xffffu & ~(unsigned)mask));
}

static void traffic(struct buf *b, const struct xfrm_sel *s)
{
    bool icmp = s->proto == IPPROTO_ICMP || s->proto == IPPROTO_ICMPV6;
    end_text(b, s->src, s->src_plen, s->family);
    port_text(b, s->sport, icmp ? 0 : s->sport_mask);
    buf_puts(b, " -> ");
    end_text(b, s->dst, s->dst_plen, s->family);
    port_text(b, s->dport, icmp ? 0 : s->dport_mask);
    if (s->proto)
        buf_printf(b, " protocol %u", s->proto);
    if (icmp && s->sport_mask)
        buf_printf(b, " type %u", s->sport);
    if (icmp && s->dport_mask)
        buf_printf(b, " code %u", s->dport);
}

static const char *proto_text(uint8_t p)
{
    return p == IPPROTO_AH ? "AH" : "ESP";
}

static void treatment(struct buf *b, const struct xfrm_pol *p)
{
    char t[ADDR_TEXT_MAX];
    if (p->action == XFRM_DO_BLOCK) {
        buf_puts(b, "drop");
    } else if (!p->ntmpl) {
        buf_puts(b, "in the clear");
    } else {
        for (int i = 0; i < p->ntmpl && i < 2; i++)
            buf_printf(b, "%s%s", i ? " in " : "", proto_text(p->tmpl[i].proto));
        const struct xfrm_tmpl *x = &p->tmpl[0];
        if (x->mode == XFRM_MODE_IS_TUNNEL) {
            buf_printf(b, " tunnel %s", x->src.family ? addr_text(&x->src, t) : "any");
            if (p->has_several_ends)
                buf_puts(b, " -> this host");
            else
                buf_printf(b, " -> %s", x->dst.family ? addr_text(&x->dst, t) : "any");
        } else {
            buf_puts(b, " transport");
        }
        if (x->optional)
            buf_puts(b, " or clear from the inside");
    }
}

static void policy(struct buf *b, char sign, const struct xfrm_pol *p)
{
    buf_printf(b, "  %c %-3s ", sign, dirs[p->dir]);
    traffic(b, &p->sel);
    if (p->link && p->dir == XFRM_DIR_OUT)
        buf_printf(b, " by %s", p->link);
    buf_puts(b, ": ");
    treatment(b, p);
    if (p->entry)
        buf_printf(b, "  (crypto map " STR_FMT " %llu)", STR_ARG(p->map->name.s), (unsigned long long)p->entry->seq.v);
    buf_putc(b, '\n');
}

static void sa(struct buf *b, char sign, const struct xfrm_sa *s)
{
    char t[ADDR_TEXT_MAX];
    buf_printf(b, "  %c sa  %s", sign, addr_text(&s->src, t));
    buf_printf(b, " -> %s %s spi 0x%08x", addr_text(&s->dst, t), proto_text(s->proto), s->spi);
    if (s->entry)
        buf_printf(b, "  (crypto map " STR_FMT " %llu)", STR_ARG(s->map->name.s), (unsigned long long)s->entry->seq.v);
    buf_putc(b, '\n');
}

/* A plan of thousands is read by its summary. */
#define LINES_MAX 200

static void op_line(struct buf *b, const struct xfrm_op *o)
{
    switch (o->kind) {
    case OP_SA_ADD:
        sa(b, '+', o->sa);
        break;
    case OP_SA_DELETE:
    case OP_SA_DELETE_FIRST:
        sa(b, '-', o->old_sa);
        break;
    case OP_POLICY_ADD:
    case OP_CLEAR_ADD:
        policy(b, '+', o->pol);
        break;
    case OP_CLEAR_BACK:
    case OP_POLICY_UPDATE:
    case OP_POLICY_BACK:
    case OP_CLEAR_UPDATE:
        policy(b, '~', o->pol);
        break;
    case OP_CLEAR_DELETE:
    case OP_POLICY_DELETE:
        policy(b, '-', o->old_pol);
        break;
    case OP_THRESHOLD:
        buf_puts(b, "  ~ hash thresholds of the policy database, for the whole network namespace\n");
        break;
    case OP_STRENGTHEN: /* its move, if it has one, is a step of its own */
        policy(b, '~', o->pol);
        break;
    }
}

static void counted(struct buf *b, const char *what, uint32_t add, uint32_t change, uint32_t remove)
{
    if (add + change + remove == 0)
        return;
    buf_printf(b, "  %c %s:", remove && !add && !change ? '-' : change || (add && remove) ? '~' : '+', what);
    if (add)
        buf_printf(b, " %u to add", add);
    if (change)
        buf_printf(b, "%s %u to change", add ? "," : "", change);
    if (remove)
        buf_printf(b, "%s %u to remove", add || change ? "," : "", remove);
    buf_putc(b, '\n');
}

void apply_print(struct buf *b, const struct apply *a)
{
    const struct xfrm_diff *d = &a->xfrm_diff;
    const struct nft_diff *f = &a->nft_diff;
    PTRLIST_FOR (char, c, &d->conflicts) {
        buf_printf(b, "conflict: %s\n", c);
    }
    PTRLIST_FOR (struct xfrm_pol, p, &d->ahead) {
        buf_puts(b, "warning: a policy of another program has a higher priority than ours:\n");
        policy(b, '!', p);
    }
    if (d->ops.n)
        buf_puts(b, "IPsec policies and SAs\n");
    for (uint32_t i = 0; i < d->ops.n && i < LINES_MAX; i++)
        op_line(b, d->ops.v[i]);
    if (d->ops.n > LINES_MAX)
        buf_printf(b, "  … and %u more\n", d->ops.n - LINES_MAX);
    if (f->any)
        buf_puts(b, "nftables, table inet " NFT_TABLE "\n");
    if (f->table_removed)
        buf_puts(b, "  - the table\n");
    if (nft_diff_follows_links(f))
        buf_puts(b, "  links or addresses have changed since: until that is taken in, nothing that is protected leaves "
                    "by new ones\n");
    if (f->owner_changed)
        buf_puts(b, "  applied by the state of another directory, or by one that is lost\n");
    counted(b, "chains", f->chains_added, f->chains_changed, f->chains_removed);
    counted(b, "rules", f->rules_added, 0, f->rules_removed);
    counted(b, "sets", f->sets_added, f->sets_changed, f->sets_removed);
    counted(b, "set elements", f->elements_added, 0, f->elements_removed);
    if (!apply_needed(a)) {
        buf_printf(b, "Nothing to change: %u policies and %u SAs are as they should be.\n", d->same, d->sa_same);
        if (a->is_another_file)
            buf_puts(b,
                     "But the file is another one than what is applied: keys, and what IKE negotiates by, may not be "
                     "the same.\n");
        return;
    }
    buf_printf(
        b,
        "Plan: %u policies to add, %u to change, %u to remove, %u stay; %u SAs to add, %u to change, %u to remove, "
        "%u stay; nftables %s.\n",
        d->added, d->changed, d->removed, d->same, d->sa_added, d->sa_changed, d->sa_removed, d->sa_same,
        !f->any            ? "unchanged"
        : f->table_added   ? "to add"
        : f->table_removed ? "to remove"
                           : "to change");
}

/* ---- JSON ---- */

static json_t *text_of(struct buf *b)
{
    json_t *s = json_stringn(b->p ? b->p : "", b->len);
    buf_free(b);
    return s;
}

static json_t *policy_json(const struct xfrm_pol *p)
{
    struct buf t = {0}, h = {0};
    traffic(&t, &p->sel);
    treatment(&h, p);
    json_t *o =
        json_pack("{s:s,s:o,s:o,s:i,s:I}", "direction", dirs[p->dir], "traffic", text_of(&t), "treatment", text_of(&h),
                  "priority", (int)p->priority, "reqid", (json_int_t)(p->ntmpl ? p->tmpl[0].reqid : 0));
    if (p->entry)
        json_object_set_new(o, "entry", json_integer((json_int_t)p->entry->seq.v));
    if (p->map)
        json_object_set_new(o, "crypto_map", json_stringn(p->map->name.s.p, p->map->name.s.len));
    if (p->link && p->dir == XFRM_DIR_OUT)
        json_object_set_new(o, "interface", json_string(p->link));
    return o;
}

static json_t *sa_json(const struct xfrm_sa *s)
{
    char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
    return json_pack("{s:s,s:s,s:s,s:I,s:I}", "source", addr_text(&s->src, src), "destination", addr_text(&s->dst, dst),
                     "protocol", proto_text(s->proto), "spi", (json_int_t)s->spi, "reqid", (json_int_t)s->reqid);
}

static json_t *op_json(const struct xfrm_op *o)
{
    bool adds = o->kind == OP_SA_ADD || o->kind == OP_POLICY_ADD || o->kind == OP_CLEAR_ADD;
    const char *word = adds ? "add" : o->pol || o->kind == OP_THRESHOLD ? "change" : "remove";
    const struct xfrm_pol *p = o->pol ? o->pol : o->old_pol;
    const struct xfrm_sa *s = o->sa ? o->sa : o->old_sa;
    json_t *x = json_pack("{s:s}", "action", word);
    if (p)
        json_object_set_new(x, "policy", policy_json(p));
    else if (s)
        json_object_set_new(x, "sa", sa_json(s));
    else
        json_object_set_new(x, "setting", json_string("hash thresholds"));
    return x;
}

static json_t *lines_json(const struct account *lines)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < lines->n; i++) {
        const struct line_account *l = &lines->v[i];
        struct buf text = {0};
        redact_line(l->text, &text, NULL, NULL);
        json_array_append_new(list, json_pack("{s:i,s:s%,s:s,s:s?,s:s?}", "line", (int)l->number, "text",
                                              text.p ? text.p : "", (size_t)text.len, "fate",
                                              account_fate_name(l->fate), "why", l->why, "finding", l->finding));
        buf_free(&text);
    }
    return list;
}

void apply_print_json(struct buf *b, const struct apply *a, const struct account *lines)
{
    const struct xfrm_diff *d = &a->xfrm_diff;
    const struct nft_diff *f = &a->nft_diff;
    json_t *steps = json_array(), *conflicts = json_array(), *ahead = json_array();
    PTRLIST_FOR (struct xfrm_op, o, &d->ops) {
        json_array_append_new(steps, op_json(o));
    }
    PTRLIST_FOR (char, c, &d->conflicts) {
        json_array_append_new(conflicts, json_string(c));
    }
    PTRLIST_FOR (struct xfrm_pol, p, &d->ahead) {
        json_array_append_new(ahead, policy_json(p));
    }
    json_t *o = json_pack("{s:i,s:b,s:o,s:o,s:o,s:{s:i,s:i,s:i,s:i},s:{s:i,s:i,s:i,s:i},s:{s:b,s:i,s:i,s:i,s:i}}",
                          "format", 1, "changes", apply_needed(a), "conflicts", conflicts, "others_before_ours", ahead,
                          "steps", steps, "policies", "add", (int)d->added, "change", (int)d->changed, "remove",
                          (int)d->removed, "unchanged", (int)d->same, "sas", "add", (int)d->sa_added, "change",
                          (int)d->sa_changed, "remove", (int)d->sa_removed, "unchanged", (int)d->sa_same, "nftables",
                          "changes", f->any, "rules_added", (int)f->rules_added, "rules_removed", (int)f->rules_removed,
                          "elements_added", (int)f->elements_added, "elements_removed", (int)f->elements_removed);
    if (o)
        json_object_set_new(o, "another_file", json_boolean(a->is_another_file));
    if (o && lines)
        json_object_set_new(o, "lines", lines_json(lines));
    char *s = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (s)
        buf_printf(b, "%s\n", s);
    else
        b->failed = true;
    free(s);
}
