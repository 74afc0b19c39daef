/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reference interpreter as a filter: decide FILE MAP; then for each line `SRC DST PROTO SPORT DPORT` on standard
 * input one line `protect SEQ`, `drop SEQ` or `clear`. With `decide FILE acl NAME`, what the list does as a filter:
 * `permit SEQ`, `deny SEQ` or, at its end, `deny 0`; with `decide FILE nat INTERFACES` what the NAT rules do to the
 * first packet of its flow: `ours`, `itself` or `not`. Tests hold the kernel against it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/nftables/plan.h"
#include "compiler/sem/sem.h"
#include "compiler/sets/sets.h"
#include "grammar/stmt.h"

/* The first line that has the packet, one after the other as the router does. */
static void filter(struct arena *ar, const struct acl *l, const struct packet *p)
{
    PTRLIST_FOR (struct ace, a, &l->aces) {
        struct boxes b = {0};
        if (a->remark || ace_boxes(ar, a, (enum acl_kind)l->kind.v, &b, 4096) != LINE_EXACT)
            continue;
        for (uint32_t i = 0; i < b.n; i++)
            if (box_contains(&b.v[i], p)) {
                printf("%s %u\n", a->permit ? "permit" : "deny", a->seq);
                return;
            }
    }
    puts("deny 0");
}

/* Of a flow that goes through the host. */
static void translation(struct nft_walk *w, const struct packet *p)
{
    static const char *const words[] = {"not", "ours", "itself"};
    static const struct nft_way way = {"eth1", "eth0"};
    puts(words[nft_walk_hook(w, HOOK_POSTROUTING, p, &way).what]);
}

static struct nft_walk *walk_of(struct compiled *c, const struct ir_config *u, const char *interfaces)
{
    static struct if_map ifs;
    static struct target t;
    static struct nft_plan plan;
    if (if_map_parse(&c->arena, &ifs, u, str_lit(interfaces)))
        return NULL;
    target_build(&t, &c->arena, u, &ifs, &c->diags);
    plan.arena = &c->arena;
    nft_plan_build(&plan, &t);
    return nft_walk_new(&plan);
}

int main(int argc, char **argv)
{
    struct source src;
    struct compiled c;
    char a[64], b[64];
    unsigned proto, sport, dport;
    symtab_seed_init();
    struct ios_parser *parser = ios_parser_new();
    bool as_filter = argc == 4 && strcmp(argv[2], "acl") == 0, as_nat = argc == 4 && strcmp(argv[2], "nat") == 0;
    if ((argc != 3 && !as_filter && !as_nat) || source_read(&src, argv[1]) || sem_compile(&c, parser, &src))
        return 2;
    const struct ir_config *u = c.units.v[0];
    argv += as_filter;
    struct nft_walk *walk = as_nat ? walk_of(&c, u, argv[3]) : NULL;
    const struct crypto_map *m = as_filter || as_nat ? NULL : ir_find(u, TAB_CRYPTO_MAP, str_lit(argv[2]));
    const struct acl *list = NULL;
    if (!m && !as_filter && !as_nat)
        m = ir_find(u, TAB_CRYPTO_MAP6, str_lit(argv[2]));
    for (uint32_t i = 0; as_filter && i < u->acls.n; i++)
        if (str_is(((struct acl *)u->acls.v[i])->name.s, argv[2]))
            list = u->acls.v[i];
    if (!list && !m && !walk)
        return 2;
    while (scanf("%63s %63s %u %u %u", a, b, &proto, &sport, &dport) == 5) {
        struct ip_addr x, y;
        if (!addr_parse(str_lit(a), &x) || !addr_parse(str_lit(b), &y))
            return 2;
        struct packet p = {
            .family = x.family, .proto = (uint8_t)proto, .sport = (uint16_t)sport, .dport = (uint16_t)dport};
        memcpy(p.src, x.b, 16);
        memcpy(p.dst, y.b, 16);
        if (walk) {
            translation(walk, &p);
            continue;
        }
        if (list) {
            filter(&c.arena, list, &p);
            continue;
        }
        struct decision d = map_decide(m, &p, DENY_JUMP);
        static const char *const words[] = {"clear", "protect", "drop"};
        if (d.entry)
            printf("%s %llu\n", words[d.verdict], (unsigned long long)d.entry->seq.v);
        else
            printf("%s\n", words[d.verdict]);
    }
    sem_free(&c);
    ios_parser_free(parser);
    return 0;
}
