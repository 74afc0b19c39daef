/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show access-lists, and the table of show commands. */
#include "backends/ios/acl.h"
#include "backends/show/show.h"

static void standard_line(struct buf *b, const struct ace *a)
{
    buf_printf(b, "    %u %s ", a->seq, a->permit ? "permit" : "deny  ");
    ios_ace_end(b, &a->src, true);
    if (a->log)
        buf_puts(b, " log");
    buf_putc(b, '\n');
}

static void one_list(struct buf *b, const struct acl *l)
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
            continue;
        }
        if (kind == ACL_IPV6)
            buf_printf(b, "    %s ", a->permit ? "permit" : "deny");
        else
            buf_printf(b, "    %u %s ", a->seq, a->permit ? "permit" : "deny");
        ios_ace(b, a, kind);
        if (kind == ACL_IPV6)
            buf_printf(b, " sequence %u", a->seq);
        buf_putc(b, '\n');
    }
}

void show_access_lists(struct buf *b, const struct ir_config *c, const struct show_filter *f)
{
    static const enum acl_kind order[] = {ACL_STANDARD, ACL_EXTENDED, ACL_IPV6};
    for (size_t k = 0; k < 3; k++)
        PTRLIST_FOR (struct acl, l, &c->acls) {
            if (l->kind.v == order[k] && (!f->name.len || str_eq(l->name.s, f->name)))
                one_list(b, l);
        }
}

const struct show_command show_commands[] = {
    {{"crypto", "map"}, {"interface", "tag"}, show_crypto_map, "show crypto map [interface IF | tag NAME]"},
    {{"crypto", "dynamic-map"}, {"tag"}, show_dynamic_map, "show crypto dynamic-map [tag NAME]"},
    {{"crypto", "ipsec", "transform-set"},
     {"tag", ""},
     show_transform_sets,
     "show crypto ipsec transform-set [tag NAME]"},
    {{"crypto", "ipsec", "security-association"}, {NULL}, show_sa_lifetime, "show crypto ipsec security-association"},
    {{"crypto", "ikev2", "proposal"}, {""}, show_ikev2_proposals, "show crypto ikev2 proposal [NAME]"},
    {{"crypto", "isakmp", "policy"}, {NULL}, show_isakmp_policies, "show crypto isakmp policy"},
    {{"access-lists"}, {""}, show_access_lists, "show access-lists [NAME]"},
    {{NULL}, {NULL}, NULL, NULL},
};
