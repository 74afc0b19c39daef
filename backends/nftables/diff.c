/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The batch that makes our table in the kernel into a plan, or two: generation.h says why. */
#include "backends/nftables/generation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <linux/netfilter.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* Attributes hold 64 KiB at most; so many elements with their comments always fit. */
#define ELEMENTS_PER_MESSAGE 150
#define MESSAGE_MAX (64 * 1024)

struct differ {
    struct netlink *n;
    struct nft_diff *d;
    struct netlink_batch *to; /* which of its batches messages are added to */
    struct nft_plan *p;
    const struct nft_held *h;
    struct arena *ar;
    bool failed, fresh; /* nothing of the old table stays */
    struct symtab held_chains, held_sets;
};

static struct nlmsghdr *begin(struct differ *x, uint16_t type, uint16_t flags, size_t max)
{
    void *body;
    struct nlmsghdr *h = netlink_begin(x->n, x->to, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
                                       (uint16_t)(NLM_F_REQUEST | flags), sizeof(struct nfgenmsg), max, &body);
    if (!h) {
        x->failed = true;
        return NULL;
    }
    ((struct nfgenmsg *)body)->nfgen_family = NFPROTO_INET;
    return h;
}

static void end(struct differ *x, struct nlmsghdr *h)
{
    netlink_end(x->to, h);
}

static void mark(struct differ *x, uint16_t type)
{
    void *body;
    struct nlmsghdr *h = netlink_begin(x->n, x->to, type, NLM_F_REQUEST, sizeof(struct nfgenmsg), 128, &body);
    if (!h) {
        x->failed = true;
        return;
    }
    ((struct nfgenmsg *)body)->res_id = htons(NFNL_SUBSYS_NFTABLES);
    end(x, h);
}

static void delete_table(struct differ *x)
{
    struct nlmsghdr *h = begin(x, NFT_MSG_DELTABLE, 0, 256);
    if (!h)
        return;
    mnl_attr_put_strz(h, NFTA_TABLE_NAME, NFT_TABLE);
    end(x, h);
}

static void make_table(struct differ *x)
{
    struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    struct nlmsghdr *h = begin(x, NFT_MSG_NEWTABLE, NLM_F_CREATE, 512);
    if (h && u && nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT, NFT_TABLE_MARK)) {
        mnl_attr_put_strz(h, NFTA_TABLE_NAME, NFT_TABLE);
        mnl_attr_put(h, NFTA_TABLE_USERDATA, nftnl_udata_buf_len(u), nftnl_udata_buf_data(u));
        end(x, h);
    } else {
        x->failed = true;
    }
    if (u)
        nftnl_udata_buf_free(u);
}

/* ---- rules ---- */

static void delete_rule(struct differ *x, const char *chain, const struct nft_held_rule *r)
{
    struct nlmsghdr *h = begin(x, NFT_MSG_DELRULE, 0, 512);
    if (!h)
        return;
    mnl_attr_put_strz(h, NFTA_RULE_TABLE, NFT_TABLE);
    mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
    mnl_attr_put_u64(h, NFTA_RULE_HANDLE, htobe64(r->handle));
    end(x, h);
    x->d->rules_removed++;
}

static void add_rule(struct differ *x, const struct nftnl_rule *r)
{
    struct nlmsghdr *h = begin(x, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, 8192);
    if (!h)
        return;
    nftnl_rule_nlmsg_build_payload(h, (struct nftnl_rule *)r);
    end(x, h);
    x->d->rules_added++;
}

/* A chain's wanted rules, built once; how many at its head the kernel has already. */
struct wanted_chain {
    const struct nft_chain *c;
    struct nftnl_rule **rules;
    uint32_t same;
};

static bool same_comment(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_element(const struct nft_held_element *held, const struct nft_element *want)
{
    return held && want && held->drop == want->drop && same_comment(held->comment, want->comment);
}

static void build_rules(struct differ *x, struct wanted_chain *w, const struct nft_held_chain *held)
{
    uint32_t n = w->c->rules.n;
    bool equal = held != NULL;
    w->rules = arena_array(x->ar, n + 1, sizeof *w->rules);
    for (uint32_t i = 0; i < n; i++) {
        const struct nft_rule *rule = w->c->rules.v[i];
        w->rules[i] = nft_build_rule(w->c, rule);
        if (!w->rules[i]) {
            x->failed = true;
            return;
        }
        const struct nft_held_rule *k = equal && i < held->rules.n ? held->rules.v[i] : NULL;
        equal = k && same_comment(k->comment, rule->comment) && str_eq(nft_rule_form(x->ar, w->rules[i]), k->form);
        w->same += equal;
    }
}

/* ---- sets ---- */

static void elements_message(struct differ *x, uint16_t type, const struct nft_set *s, struct nftnl_set *list)
{
    struct nlmsghdr *h = begin(x, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, MESSAGE_MAX);
    if (h) {
        nftnl_set_set_str(list, NFTNL_SET_TABLE, NFT_TABLE);
        nftnl_set_set_str(list, NFTNL_SET_NAME, s->name);
        nftnl_set_set_u32(list, NFTNL_SET_ID, s->id);
        nftnl_set_elems_nlmsg_build_payload(h, list);
        end(x, h);
    }
    nftnl_set_free(list);
}

struct filler {
    struct nftnl_set *list;
    uint32_t n;
};

static void fill(struct differ *x, struct filler *f, uint16_t type, const struct nft_set *s, struct nftnl_set_elem *e)
{
    if (!f->list)
        f->list = nftnl_set_alloc();
    if (!f->list || !e) {
        x->failed = true;
        if (e)
            nftnl_set_elem_free(e);
        return;
    }
    nftnl_set_elem_add(f->list, e);
    if (++f->n < ELEMENTS_PER_MESSAGE)
        return;
    elements_message(x, type, s, f->list);
    *f = (struct filler){0};
}

static void add_elements(struct differ *x, const struct nft_set *s, const struct nft_held_set *held)
{
    struct filler f = {0};
    for (uint32_t i = 0; i < s->elements.n; i++) {
        struct nftnl_set_elem *e = nft_build_element(s, s->elements.v[i]);
        const struct nft_held_element *k = e && held ? symtab_get(&held->by_key, nft_element_key(x->ar, e), 0) : NULL;
        if (same_element(k, s->elements.v[i])) {
            nftnl_set_elem_free(e);
            continue;
        }
        fill(x, &f, NFT_MSG_NEWSETELEM, s, e);
        x->d->elements_added++;
    }
    if (f.list)
        elements_message(x, NFT_MSG_NEWSETELEM, s, f.list);
}

static void remove_elements(struct differ *x, const struct nft_set *s, const struct nft_held_set *held)
{
    struct symtab wanted = {0};
    struct filler f = {0};
    for (uint32_t i = 0; i < s->elements.n; i++) {
        struct nftnl_set_elem *e = nft_build_element(s, s->elements.v[i]);
        if (!e)
            continue;
        symtab_put(x->ar, &wanted, nft_element_key(x->ar, e), 0, s->elements.v[i]);
        nftnl_set_elem_free(e);
    }
    PTRLIST_FOR (struct nft_held_element, k, &held->elements) {
        const struct nft_element *want = symtab_get(&wanted, k->key, 0);
        if (same_element(k, want))
            continue;
        struct nftnl_set_elem *e = nftnl_set_elem_alloc();
        uint32_t half = s->interval ? k->key.len / 2 : k->key.len;
        if (e) {
            nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, k->key.p, half);
            if (s->interval)
                nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY_END, k->key.p + half, half);
        }
        fill(x, &f, NFT_MSG_DELSETELEM, s, e);
        x->d->elements_removed++;
    }
    if (f.list)
        elements_message(x, NFT_MSG_DELSETELEM, s, f.list);
}

static void add_set(struct differ *x, const struct nft_set *s)
{
    struct nftnl_set *set = nft_build_set(s);
    struct nlmsghdr *h = set ? begin(x, NFT_MSG_NEWSET, NLM_F_CREATE, 4096) : NULL;
    if (h) {
        nftnl_set_nlmsg_build_payload(h, set);
        end(x, h);
    } else {
        x->failed = true;
    }
    if (set)
        nftnl_set_free(set);
    x->d->sets_added++;
}

static void named(struct differ *x, uint16_t type, uint16_t table_attr, uint16_t name_attr, const char *name)
{
    struct nlmsghdr *h = begin(x, type, 0, 512);
    if (!h)
        return;
    mnl_attr_put_strz(h, table_attr, NFT_TABLE);
    mnl_attr_put_strz(h, name_attr, name);
    end(x, h);
}

static void add_chain(struct differ *x, const struct nft_chain *c)
{
    struct nftnl_chain *chain = nft_build_chain(c);
    struct nlmsghdr *h = chain ? begin(x, NFT_MSG_NEWCHAIN, NLM_F_CREATE, 1024) : NULL;
    if (h) {
        nftnl_chain_nlmsg_build_payload(h, chain);
        end(x, h);
    } else {
        x->failed = true;
    }
    if (chain)
        nftnl_chain_free(chain);
    x->d->chains_added++;
}

/* ---- links that come and go ---- */

/* That a link has gone is no reason to change anything, nor is one known that came while one is missing. */
static void keep_known_links(struct nft_plan *p, const struct nft_chain *c, const struct nft_held_chain *k)
{
    const struct nft_held_rule *held = k->rules.n == 1 ? k->rules.v[0] : NULL;
    struct nft_rule *later = c->rules.v[0];
    uint32_t known;
    if (!held || !held->comment || sscanf(held->comment, NFT_KNOWN_LINKS, &known) != 1 || known < later->v[0].number)
        return;
    later->v[0].number = known;
    nft_say_known_links(p, later);
}

static void keep_idle(struct nft_plan *p, struct nft_chain *c, const struct nft_held_chain *k)
{
    PTRLIST_FOR (struct nft_held_rule, held, &k->rules) {
        const char *says = held->comment ? strstr(held->comment, NFT_IS_NUMBER) : NULL;
        uint32_t number;
        if (says && sscanf(says, NFT_IS_NUMBER "%u" NFT_IS_IDLE, &number) == 1 && !if_map_numbered(p->ifs, number))
            nft_add_idle(p, c, number, held->comment);
    }
}

static bool is_of_missing(const struct nft_rule *r)
{
    bool is_numbered = r->n > 1 && (r->v[0].kind == RULE_IN_NUMBER || r->v[0].kind == RULE_OUT_NUMBER);
    return is_numbered && r->v[0].number == NFT_NUMBER_UNKNOWN;
}

/* The number that the kernel's rule of the same link has. */
static void keep_number(struct nft_plan *p, struct nft_rule *r, const struct nft_held_chain *k)
{
    const char *name = r->v[1].name;
    size_t n = strlen(name);
    uint32_t number;
    PTRLIST_FOR (struct nft_held_rule, held, &k->rules) {
        const char *comment = held->comment;
        if (!comment || strncmp(comment, name, n) != 0 || sscanf(comment + n, NFT_IS_NUMBER "%u", &number) != 1)
            continue;
        r->v[0].number = number;
        nft_say_link_number(p, r);
    }
}

/* What the plan cannot know of the host, and the kernel's table says. */
static void take_over(struct differ *x)
{
    PTRLIST_FOR (struct nft_chain, c, &x->p->chains) {
        const struct nft_held_chain *k = symtab_get(&x->held_chains, str_lit(c->name), 0);
        if (!k)
            continue;
        if (c->idle.to)
            keep_idle(x->p, c, k);
        else if (c->keeps_known)
            keep_known_links(x->p, c, k);
        PTRLIST_FOR (struct nft_rule, r, &c->rules) {
            if (is_of_missing(r))
                keep_number(x->p, r, k);
        }
    }
}

bool nft_diff_follows_links(const struct nft_diff *d)
{
    bool adds = d->table_added || d->chains_added || d->sets_added;
    bool removes = d->table_removed || d->chains_removed || d->sets_removed;
    bool fills = d->sets_changed || d->elements_added || d->elements_removed;
    return d->any && !adds && !removes && !fills && d->chains_changed == d->chains_followed;
}

/* ---- a part of the table ---- */

static void *held_by_name(const struct differ *x, const struct symtab *t, const char *name)
{
    return x->fresh ? NULL : symtab_get(t, str_lit(name), 0);
}

/* A chain of the same name with another hook or priority: then the table is made anew, in the same transaction. */
static bool chain_differs(struct differ *x)
{
    PTRLIST_FOR (struct nft_chain, c, &x->p->chains) {
        const struct nft_held_chain *k = symtab_get(&x->held_chains, str_lit(c->name), 0);
        struct nftnl_chain *want = k ? nft_build_chain(c) : NULL;
        bool differs = want && !str_eq(nft_chain_form(x->ar, want), k->form);
        if (want)
            nftnl_chain_free(want);
        if (differs)
            return true;
    }
    return false;
}

/* A set of the same name with other fields: it cannot become the one that is wanted. */
static bool set_differs(struct differ *x)
{
    PTRLIST_FOR (struct nft_set, s, &x->p->sets) {
        const struct nft_held_set *k = symtab_get(&x->held_sets, str_lit(s->name), 0);
        struct nftnl_set *want = k ? nft_build_set(s) : NULL;
        bool differs = want && !str_eq(nft_set_form(x->ar, want), k->form);
        if (want)
            nftnl_set_free(want);
        if (differs)
            return true;
    }
    return false;
}

/* Chains of a part of the plan. */
enum part { PART_ALL, PART_BESIDE /* what nobody looks at yet: sets and inner chains */, PART_LIVE /* the rest */ };

static bool is_in(const struct nft_chain *c, enum part part)
{
    return part == PART_ALL || nft_has_generations(c) == (part == PART_BESIDE);
}

/* Inner chains of what was live stay until nobody looks at them any more. */
static bool is_held_in(const struct nft_held_chain *k, enum part part)
{
    return part == PART_ALL || k->form.len || strcmp(k->name, NFT_OWNER_CHAIN) == 0;
}

/* `part`: PART_ALL or PART_LIVE. */
static void removals(struct differ *x, const struct wanted_chain *w, enum part part)
{
    struct symtab chains = {0}, sets = {0};
    for (uint32_t i = 0; i < x->p->chains.n; i++) {
        const struct nft_held_chain *k = held_by_name(x, &x->held_chains, w[i].c->name);
        symtab_put(x->ar, &chains, str_lit(w[i].c->name), 0, (void *)w[i].c);
        bool changed = k && (w[i].same < k->rules.n || w[i].same < w[i].c->rules.n);
        x->d->chains_changed += changed;
        x->d->owner_changed |= changed && strcmp(k->name, NFT_OWNER_CHAIN) == 0;
        x->d->chains_followed += changed && w[i].c->follows_links;
        for (uint32_t r = w[i].same; k && r < k->rules.n; r++)
            delete_rule(x, k->name, k->rules.v[r]);
    }
    PTRLIST_FOR (struct nft_set, s, &x->p->sets) {
        symtab_put(x->ar, &sets, str_lit(s->name), 0, s);
    }
    PTRLIST_FOR (struct nft_held_chain, k, &x->h->chains) {
        const bool goes = is_held_in(k, part) && !symtab_get(&chains, str_lit(k->name), 0);
        for (uint32_t r = 0; goes && r < k->rules.n; r++)
            delete_rule(x, k->name, k->rules.v[r]);
    }
    PTRLIST_FOR (struct nft_held_chain, k, &x->h->chains) {
        if (!is_held_in(k, part) || symtab_get(&chains, str_lit(k->name), 0))
            continue;
        named(x, NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, k->name);
        x->d->chains_removed++;
    }
    PTRLIST_FOR (struct nft_held_set, k, &x->h->sets) {
        if (part == PART_LIVE || symtab_get(&sets, str_lit(k->name), 0))
            continue;
        named(x, NFT_MSG_DELSET, NFTA_SET_TABLE, NFTA_SET_NAME, k->name);
        x->d->sets_removed++;
    }
}

static void additions(struct differ *x, const struct wanted_chain *w, enum part part)
{
    PTRLIST_FOR (struct nft_set, s, &x->p->sets) {
        if (part != PART_LIVE && !held_by_name(x, &x->held_sets, s->name))
            add_set(x, s);
    }
    for (uint32_t i = 0; i < x->p->chains.n; i++)
        if (is_in(w[i].c, part) && !held_by_name(x, &x->held_chains, w[i].c->name))
            add_chain(x, w[i].c);
    for (uint32_t i = 0; i < x->p->chains.n; i++)
        for (uint32_t r = w[i].same; is_in(w[i].c, part) && r < w[i].c->rules.n; r++)
            if (w[i].rules[r])
                add_rule(x, w[i].rules[r]);
    /* last: a rule that binds a full map makes the kernel look through all of it */
    for (uint32_t i = 0; part != PART_LIVE && i < x->p->sets.n; i++) {
        const struct nft_set *s = x->p->sets.v[i];
        const struct nft_held_set *k = held_by_name(x, &x->held_sets, s->name);
        uint32_t before = x->d->elements_added + x->d->elements_removed;
        if (k)
            remove_elements(x, s, k);
        add_elements(x, s, k);
        x->d->sets_changed += k && x->d->elements_added + x->d->elements_removed != before;
    }
}

static struct wanted_chain *build_chains(struct differ *x)
{
    const uint32_t n = x->p->chains.n;
    struct wanted_chain *w = arena_array(x->ar, n + 1, sizeof *w);
    for (uint32_t i = 0; i < n && !x->failed; i++) {
        w[i].c = x->p->chains.v[i];
        const struct nft_held_chain *k = held_by_name(x, &x->held_chains, w[i].c->name);
        build_rules(x, &w[i], k);
    }
    return w;
}

static void free_rules(const struct differ *x, const struct wanted_chain *w)
{
    for (uint32_t i = 0; i < x->p->chains.n; i++)
        for (uint32_t r = 0; w[i].rules && r < w[i].c->rules.n; r++)
            if (w[i].rules[r])
                nftnl_rule_free(w[i].rules[r]);
}

static void in_one_batch(struct differ *x)
{
    struct wanted_chain *w = build_chains(x);
    if (!x->failed && !x->fresh)
        removals(x, w, PART_ALL);
    if (!x->failed)
        additions(x, w, PART_ALL);
    free_rules(x, w);
}

/* ---- in two ---- */

/* In one transaction, and yet one after another: what moves between sets, or rules that look into other sets. */
static bool is_seen_half(const struct nft_diff *d)
{
    const uint32_t sets = d->sets_added + d->sets_changed + d->sets_removed;
    const uint32_t owners = d->owner_changed;
    const bool has_other_rules = d->rules_added > owners || d->rules_removed > owners;
    return sets > 1 || (sets && has_other_rules);
}

/* Behind the rules of all chains, as they jump to one another. */
static void remove_beside(struct differ *x, const struct ptrlist *chains, const struct ptrlist *sets)
{
    PTRLIST_FOR (struct nft_held_chain, c, chains) {
        named(x, NFT_MSG_DELRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, c->name);
    }
    PTRLIST_FOR (struct nft_held_chain, c, chains) {
        named(x, NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, c->name);
    }
    PTRLIST_FOR (struct nft_held_set, s, sets) {
        named(x, NFT_MSG_DELSET, NFTA_SET_TABLE, NFTA_SET_NAME, s->name);
    }
}

/* Sets and inner chains that no base chain leads to any more. */
static void remove_generation(struct differ *x, const struct nft_held *both, bool is_second)
{
    const struct nft_held left = nft_generation_only(x->ar, both, is_second);
    struct ptrlist chains = {0};
    PTRLIST_FOR (struct nft_held_chain, c, &left.chains) {
        bool is_inner = !c->form.len && strcmp(c->name, NFT_OWNER_CHAIN) != 0;
        if (is_inner)
            ptrlist_add(x->ar, &chains, c);
    }
    remove_beside(x, &chains, &left.sets);
}

static void take_back(struct differ *x)
{
    struct ptrlist chains = {0}, sets = {0};
    PTRLIST_FOR (struct nft_chain, c, &x->p->chains) {
        struct nft_held_chain *k = ARENA_NEW(x->ar, struct nft_held_chain);
        k->name = c->name;
        if (nft_has_generations(c))
            ptrlist_add(x->ar, &chains, k);
    }
    PTRLIST_FOR (struct nft_set, s, &x->p->sets) {
        struct nft_held_set *k = ARENA_NEW(x->ar, struct nft_held_set);
        k->name = s->name;
        ptrlist_add(x->ar, &sets, k);
    }
    remove_beside(x, &chains, &sets);
}

static void begin_batch(struct differ *x, struct netlink_batch *b)
{
    x->to = b;
    mark(x, NFNL_MSG_BATCH_BEGIN);
}

static void end_batch(struct differ *x)
{
    mark(x, NFNL_MSG_BATCH_END);
    x->to->unanswered = 1;
}

static void look_up_held(struct differ *x, const struct nft_held *h)
{
    x->h = h;
    x->held_chains = x->held_sets = (struct symtab){0};
    PTRLIST_FOR (struct nft_held_chain, c, &h->chains) {
        symtab_put(x->ar, &x->held_chains, str_lit(c->name), 0, c);
    }
    PTRLIST_FOR (struct nft_held_set, s, &h->sets) {
        symtab_put(x->ar, &x->held_sets, str_lit(s->name), 0, s);
    }
}

/* All sets and inner chains under the names of the other generation; then the base chains turn to them. */
static void in_two_batches(struct differ *x)
{
    const bool is_second = !x->p->is_second;
    struct nft_held *rest = ARENA_NEW(x->ar, struct nft_held);
    *rest = nft_generation_only(x->ar, x->h, !is_second);
    nft_generation_count(x->p, x->h);
    nft_generation_name(x->p, is_second);
    begin_batch(x, &x->d->fill);
    const struct nft_held *both = x->h;
    remove_generation(x, both, is_second); /* somebody has ended an earlier change in the middle */
    look_up_held(x, rest);
    struct wanted_chain *w = build_chains(x);
    if (!x->failed)
        additions(x, w, PART_BESIDE);
    end_batch(x);
    begin_batch(x, &x->d->batch);
    if (!x->failed) {
        removals(x, w, PART_LIVE);
        additions(x, w, PART_LIVE);
    }
    end_batch(x);
    begin_batch(x, &x->d->unfill);
    take_back(x);
    end_batch(x);
    begin_batch(x, &x->d->sweep);
    remove_generation(x, both, !is_second);
    end_batch(x);
    free_rules(x, w);
}

/* What changes is said as it would be in one batch: what the second generation is for is nobody's question. */
static void beside(struct differ *x)
{
    struct nft_diff seen = *x->d;
    in_two_batches(x);
    seen.fill = x->d->fill;
    seen.batch = x->d->batch;
    seen.unfill = x->d->unfill;
    seen.sweep = x->d->sweep;
    *x->d = seen;
}

/* ---- the whole ---- */

int nft_diff_build(struct netlink *n, struct nft_diff *d, struct nft_plan *p, const struct nft_held *h)
{
    struct differ x = {.n = n, .d = d, .p = p, .ar = p->arena};
    *d = (struct nft_diff){.held = h};
    look_up_held(&x, h);
    const bool none = p->chains.n == 0;
    nft_generation_name(p, nft_generation_held(h));
    take_over(&x);
    x.fresh = !h->exists || h->is_dormant || none || chain_differs(&x);
    if (!x.fresh && set_differs(&x)) {
        in_two_batches(&x);
        d->any = true;
        return x.failed ? -ENOMEM : 0;
    }
    begin_batch(&x, &d->batch);
    if (h->exists && x.fresh) {
        nft_generation_count(p, h);
        delete_table(&x);
    }
    if (x.fresh && !none)
        make_table(&x);
    d->table_removed = h->exists && none;
    d->table_added = !h->exists && !none;
    if (!none)
        in_one_batch(&x);
    d->any = d->batch.n > 1;
    end_batch(&x);
    if (!x.failed && !x.fresh && is_seen_half(d)) {
        netlink_batch_free(&d->batch);
        d->batch = (struct netlink_batch){0};
        beside(&x);
    }
    return x.failed ? -ENOMEM : 0;
}

/* What chains and sets of ours somebody's rules lead to cannot be deleted one by one. */
static bool is_held_by_others(int error)
{
    return error == -EBUSY || error == -ENOENT || error == -EEXIST || error == -EMLINK;
}

/* Behind the turn, when all is in force: what is refused because somebody's rules lead there is made anew with the
 * rest; of anything else the first try was bad luck, and what stays the next change takes away (`is_left_over`). */
static int sweep(struct netlink *n, struct nft_diff *d)
{
    uint32_t failed;
    int r = netlink_send(n, &d->sweep, 0, NULL, NULL, &failed);
    const bool may_be_done = n->is_unheard;
    if (r < 0 && (may_be_done || !is_held_by_others(r)))
        r = netlink_send(n, &d->sweep, 0, NULL, NULL, &failed);
    if (may_be_done && r == -ENOENT) /* all of it went the first time: a batch is one step */
        r = 0;
    d->is_left_over = r < 0;
    return is_held_by_others(r) ? r : 0;
}

/* Fresh sets that nothing looks at; who finds them left over takes them away. What is told is why it came to this. */
static void take_away_filled(struct netlink *n, struct nft_diff *d)
{
    uint32_t failed;
    char words[sizeof n->extack];
    const bool is_unheard = n->is_unheard;
    memcpy(words, n->extack, sizeof words);
    if (d->unfill.n)
        (void)!netlink_send(n, &d->unfill, 0, NULL, NULL, &failed);
    memcpy(n->extack, words, sizeof words);
    n->is_unheard = is_unheard;
}

static int send_batches(struct netlink *n, struct nft_diff *d)
{
    uint32_t failed;
    int r = d->fill.n ? netlink_send(n, &d->fill, 0, NULL, NULL, &failed) : 0;
    if (r < 0) {
        if (n->is_unheard)
            take_away_filled(n, d);
        n->is_unheard = false; /* whatever became of them: the batch that looks at them was not sent */
        return r;
    }
    r = netlink_send(n, &d->batch, 0, NULL, NULL, &failed);
    if (r == 0 && d->sweep.n)
        return sweep(n, d);
    if (r < 0 && !n->is_unheard) /* else what was filled may be in force */
        take_away_filled(n, d);
    return r;
}

static int make_anew(struct netlink *n, struct nft_plan *p, const struct nft_held *held)
{
    struct nft_diff d = {0};
    const struct nft_held nothing = {.arena = p->arena};
    struct differ x = {.n = n, .d = &d, .p = p, .ar = p->arena, .fresh = true};
    uint32_t failed;
    look_up_held(&x, &nothing);
    nft_generation_count(p, held);
    begin_batch(&x, &d.batch);
    make_table(&x); /* so that there is one to delete */
    delete_table(&x);
    if (p->chains.n) {
        make_table(&x);
        in_one_batch(&x);
    }
    end_batch(&x);
    int r = x.failed ? -ENOMEM : netlink_send(n, &d.batch, 0, NULL, NULL, &failed);
    nft_diff_free(&d);
    return r;
}

int nft_diff_run(struct netlink *n, struct nft_diff *d, struct nft_plan *p)
{
    if (!d->any)
        return 0;
    int r = send_batches(n, d);
    if (!is_held_by_others(r))
        return r;
    bool has_turned = d->is_left_over; /* all is in force then, and only what stood before is too much */
    r = make_anew(n, p, d->held);
    d->is_left_over = has_turned && r < 0;
    return d->is_left_over ? 0 : r;
}

void nft_diff_free(struct nft_diff *d)
{
    netlink_batch_free(&d->fill);
    netlink_batch_free(&d->unfill);
    netlink_batch_free(&d->sweep);
    netlink_batch_free(&d->batch);
}
