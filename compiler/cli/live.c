/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/live.h"

static const struct xfrm_sa *base_of(const struct show_live *show, const struct xfrm_sa *s)
{
    const struct live *l = show->base_arg;
    PTRLIST_FOR (struct xfrm_sa, b, &l->session.state.bases) {
        if (b->spi == s->spi && b->proto == s->proto && addr_eq(&b->dst, &s->dst) &&
            b->count.added_s == s->count.added_s)
            return b;
    }
    return NULL;
}

int live_open(struct live *l, const struct command *c, const char *dir, int wait_s)
{
    int code = session_open(&l->session, c, dir, wait_s, NAMES_KEPT);
    if (code != EXIT_CLEAN)
        return code;
    struct session *s = &l->session;
    if (!s->state.current.file) {
        bool reads_files = strcmp(c->name, "show") == 0;
        fprintf(stderr, "ioscc %s: nothing is applied with state directory %s%s\n", c->name, dir,
                reads_files ? "; --config FILE reads a file" : "");
        session_close(s);
        return reads_files ? EXIT_USAGE : EXIT_FINDINGS;
    }
    struct state_config both = s->state.current;
    both.only_xfrm = both.only_nftables = false;
    code = session_plan(s, state_path(&s->state, both.file), &both);
    if (code != EXIT_CLEAN) {
        session_close(s);
        return code;
    }
    l->show = (struct show_live){.target = &s->apply.target,
                                 .sas = &s->apply.xfrm_held,
                                 .filter = &s->apply.nft_held,
                                 .base = base_of,
                                 .base_arg = l};
    return EXIT_CLEAN;
}
