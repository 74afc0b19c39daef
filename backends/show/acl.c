/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show access-lists, and the table of show commands. */
#include "backends/ios/acl.h"
#include "backends/nftables/generation.h"
#include "backends/show/show.h"

/* Matches are counted by rules and set elements whose comment names the line: comment → how many. */
struct counts {
    struct arena *ar;
    struct symtab by_comment;
};

static void add_count(struct counts *c, const char *comment, uint64_t n)
{
    if (!comment || !n)
        return;
    uint64_t *at = symtab_get(&c->by_comment, str_lit(comment), 0);
    if (!at) {
        at = ARENA_NEW(c->ar, uint64_t);
        symtab_put(c->ar, &c->by_comment, str_lit(comment), 0, at);
    }
    *at += n;
}

static struct counts counts_of(const struct show_filter *f)
{
    const struct nft_held *h = f->live ? f->live->filter : NULL;
    struct counts x = {.ar = h ? h->arena : NULL};
    if (!h)
        return x;
    /* while a change is made there are two generations, and what is made beside begins with the same counts */
    const struct nft_held live = nft_generation_only(h->arena, h, nft_generation_held(h));
    PTRLIST_FOR (struct nft_held_chain, c, &live.chains) {
        PTRLIST_FOR (struct nft_held_rule, r, &c->rules) {
            add_count(&x, r->comment, r->packets);
        }
    }
    PTRLIST_FOR (struct nft_held_set, s, &live.sets) {
        PTRLIST_FOR (struct nft_held_element, e, &s->elements) {
            add_count(&x, e->comment, e->packets);
        }
    }
    return x;
}

static void matches(struct buf *b, const struct counts *counts, const struct acl *l, const struct ace *a)
{
    struct buf comment = {0};
    if (counts->by_comment.n == 0)
        return;
    buf_printf(&comment, "acl " STR_FMT " %u", STR_ARG(l->name.s), a->seq);
    const uint64_t *n =
        comment.failed ? NULL : symtab_get(&counts->by_comment, (struct str){comment.p, (uint32_t)comment.len}, 0);
    if (n)
        buf_printf(b, " (%llu match%s)", (unsigned long long)*n, *n == 1 ? "" : "es");
    buf_free(&comment);
}

static void standard_line(struct buf *b, const struct ace *a)
{
    buf_printf(b, "    %u %s ", a->seq, a->permit ? "permit" : "deny  ");
    ios_ace_end(b, &a->src, true);
    if (a->log)
        buf_puts(b, " log");
}

static void one_list(struct buf *b, const struct acl *l, const struct counts *counts)
{
    static const char *const heads[] = {
        [ACL_EXTENDED] = "Extended IP", [ACL_STANDARD] = "Standard IP", [ACL_IPV6] = "IPv6"};
    enum acl_kind kind = (enum acl_kind)l->kind.v;
    buf_printf(b, "%s access list " STR_FMT "\n", heads[kind], STR_ARG(l->name.s));
    PTRLIST_FOR (struct ace, a, &l->aces) {
        if (a->remark)
            continue;
        if (kind == ACL_STANDARD) {
            standard_line(b, a);
            matches(b, counts, l, a);
            buf_putc(b, '\n');
            continue;
        }
        if (kind == ACL_IPV6)
            buf_printf(b, "    %s ", a->permit ? "permit" : "deny");
        else
            buf_printf(b, "    %u %s ", a->seq, a->permit ? "permit" : "deny");
        ios_ace(b, a, kind);
        matches(b, counts, l, a);
        if (kind == ACL_IPV6)
            buf_printf(b, " sequence %u", a->seq);
        buf_putc(b, '\n');
    }
}

void show_access_lists(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    static const enum acl_kind order[] = {ACL_STANDARD, ACL_EXTENDED, ACL_IPV6};
    const struct counts counts = counts_of(f);
    for (size_t k = 0; k < 3; k++)
        PTRLIST_FOR (struct acl, l, &c->acls) {
            if (l->kind.v == order[k] && (!f->name.len || str_eq(l->name.s, f->name)))
                one_list(b, l, &counts);
        }
}

const struct show_command show_commands[] = {
    {{"crypto", "map"},
     {"interface", "tag"},
     show_crypto_map,
     "show crypto map [interface IF | tag NAME]",
     false,
     false},
    {{"crypto", "dynamic-map"}, {"tag"}, show_dynamic_map, "show crypto dynamic-map [tag NAME]", false, false},
    {{"crypto", "ipsec", "transform-set"},
     {"tag", ""},
     show_transform_sets,
     "show crypto ipsec transform-set [tag NAME]",
     false,
     false},
    {{"crypto", "ipsec", "sa"},
     {"interface", "map", "peer", "detail"},
     show_ipsec_sa,
     "show crypto ipsec sa [interface IF | map NAME | peer A | detail]",
     true,
     false},
    {{"crypto", "ipsec", "security-association"},
     {NULL},
     show_sa_lifetime,
     "show crypto ipsec security-association",
     false,
     false},
    {{"crypto", "ikev2", "proposal"}, {""}, show_ikev2_proposals, "show crypto ikev2 proposal [NAME]", false, false},
    {{"crypto", "isakmp", "policy"}, {NULL}, show_isakmp_policies, "show crypto isakmp policy", false, false},
    {{"crypto", "isakmp", "sa"}, {"detail"}, show_isakmp_sa, "show crypto isakmp sa [detail]", false, true},
    {{"crypto", "ikev2", "sa"}, {"detailed"}, show_ikev2_sa, "show crypto ikev2 sa [detailed]", false, true},
    {{"crypto", "session"}, {"detail"}, show_session, "show crypto session [detail]", true, true},
    {{"access-lists"}, {""}, show_access_lists, "show access-lists [NAME]", false, false},
    {{NULL}, {NULL}, NULL, NULL, false, false},
};
