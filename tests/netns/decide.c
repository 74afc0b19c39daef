/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reference interpreter as a filter: decide FILE MAP; then for each line `SRC DST PROTO SPORT DPORT` on standard
 * input one line `protect SEQ`, `drop SEQ` or `clear`. Tests hold the kernel against it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "compiler/sem/sem.h"
#include "compiler/sets/sets.h"
#include "grammar/stmt.h"

int main(int argc, char **argv)
{
    struct source src;
    struct compiled c;
    char a[64], b[64];
    unsigned proto, sport, dport;
    symtab_seed_init();
    struct ios_parser *parser = ios_parser_new();
    if (argc != 3 || source_read(&src, argv[1]) || sem_compile(&c, parser, &src))
        return 2;
    const struct ir_config *u = c.units.v[0];
    const struct crypto_map *m = ir_find(u, TAB_CRYPTO_MAP, str_lit(argv[2]));
    if (!m)
        m = ir_find(u, TAB_CRYPTO_MAP6, str_lit(argv[2]));
    if (!m)
        return 2;
    while (scanf("%63s %63s %u %u %u", a, b, &proto, &sport, &dport) == 5) {
        struct ip_addr x, y;
        if (!addr_parse(str_lit(a), &x) || !addr_parse(str_lit(b), &y))
            return 2;
        struct packet p = {
            .family = x.family, .proto = (uint8_t)proto, .sport = (uint16_t)sport, .dport = (uint16_t)dport};
        memcpy(p.src, x.b, 16);
        memcpy(p.dst, y.b, 16);
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
