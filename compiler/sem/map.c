/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Crypto maps, dynamic maps and what may be said inside their entries and inside ipsec profiles (§6). */
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

static struct crypto_map *map_get(struct builder *b, const struct ios_stmt *s, bool make)
{
    enum ir_table t = s->is_dynamic_map ? TAB_DYNAMIC_MAP : s->is_v6 ? TAB_CRYPTO_MAP6 : TAB_CRYPTO_MAP;
    struct ptrlist *l = s->is_dynamic_map ? &b->c->dynamic_maps : &b->c->crypto_maps;
    struct ir_str name = val_name(b, &s->map_name);
    if (!make)
        return ir_find(b->c, t, name.s);
    bool is_new;
    struct crypto_map *m = object_get(b, t, l, sizeof *m, name, s->span, &is_new);
    if (is_new) {
        m->ipv6 = s->is_v6 ? num_of(1, s->span) : num_default(0);
        m->is_dynamic = num_of(s->is_dynamic_map, s->span);
    }
    return m;
}

/* Position of a sequence number, or where it would go. Entries mostly come in order. */
static uint32_t entry_place(const struct crypto_map *m, uint64_t seq, bool *found)
{
    uint32_t lo = 0, hi = m->entries.n;
    if (hi && ((struct crypto_map_entry *)m->entries.v[hi - 1])->seq.v < seq)
        lo = hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (((struct crypto_map_entry *)m->entries.v[mid])->seq.v < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < m->entries.n && ((struct crypto_map_entry *)m->entries.v[lo])->seq.v == seq;
    return lo;
}

static void entry_open(struct builder *b, struct crypto_map_entry *e)
{
    b->cur[MODE_CMAP] = e;
    b->cur_entry = e;
    b->cur_sa = &e->sa;
}

/* The entry a line names, made if need be. NULL only for `no` of one that is not there. */
static struct crypto_map_entry *entry_get(struct builder *b, const struct ios_stmt *s, bool make)
{
    struct crypto_map *m = map_get(b, s, make);
    bool found = false;
    uint32_t at = m ? entry_place(m, s->map_seq.u.num, &found) : 0;
    if (found)
        return m->entries.v[at];
    if (!make)
        return NULL;
    struct crypto_map_entry *e = ARENA_NEW(b->a, struct crypto_map_entry);
    e->span = s->span;
    e->seq = num_of(s->map_seq.u.num, s->map_seq.span);
    e->in_dynamic = s->is_dynamic_map;
    if (e->in_dynamic)
        e->type = num_default(ENTRY_ISAKMP);
    if (check_range(b, &s->map_seq, 1, 65535, "sequence number", ""))
        ptrlist_insert(b->a, &m->entries, at, e);
    return e;
}

static void remove_entry(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map *m = map_get(b, s, false);
    bool found = false;
    uint32_t at = m ? entry_place(m, s->map_seq.u.num, &found) : 0;
    if (found)
        ptrlist_remove(&m->entries, at);
    else
        diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "there is no such crypto map entry to remove");
}

static enum entry_type type_of(const struct ios_val *v)
{
    return val_is(v, "ipsec-manual")   ? ENTRY_MANUAL
           : val_is(v, "gdoi")         ? ENTRY_GDOI
           : val_is(v, "ipsec-isakmp") ? ENTRY_ISAKMP
                                       : ENTRY_UNTYPED;
}

static void crypto_map(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        remove_entry(b, s);
        return;
    }
    struct crypto_map_entry *e = entry_get(b, s, true);
    enum entry_type t = type_of(ARG(0));
    if (t == ENTRY_ISAKMP && has(ARG(1)))
        t = ENTRY_DYNAMIC;
    if (t != ENTRY_UNTYPED && e->type.v != ENTRY_UNTYPED && e->type.v != t) {
        struct diag *d = diag_add(b->diags, D_TYPE_CHANGED, ARG(0)->span,
                                  "entry %llu is %s already: the router refuses another type",
                                  (unsigned long long)e->seq.v, entry_type_word((enum entry_type)e->type.v));
        diag_note(b->diags, d, e->type.m.span, "its type was given here");
        diag_hint(b->diags, d, "remove the entry first: no crypto map " STR_FMT " %llu",
                  STR_ARG(val_str(b, &s->map_name)), (unsigned long long)e->seq.v);
    } else if (t != ENTRY_UNTYPED) {
        e->type = num_of(t, ARG(0)->span);
        if (has(ARG(1)))
            e->dynamic = (struct ir_ref){val_str(b, ARG(1)), written(ARG(1)->span), NULL};
        if (has(ARG(2)))
            e->discover = num_of(1, ARG(2)->span);
        if (has(ARG(3)))
            e->type_profile = (struct ir_ref){val_str(b, ARG(3)), written(ARG(3)->span), NULL};
    }
    entry_open(b, e);
}

static void dynamic_map(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s))
        remove_entry(b, s);
    else
        entry_open(b, entry_get(b, s, true));
}

static void remove_map(struct builder *b, const struct ios_stmt *s)
{
    enum ir_table t = s->is_dynamic_map ? TAB_DYNAMIC_MAP : s->is_v6 ? TAB_CRYPTO_MAP6 : TAB_CRYPTO_MAP;
    object_remove(b, s, t, s->is_dynamic_map ? &b->c->dynamic_maps : &b->c->crypto_maps, val_str(b, &s->map_name),
                  s->is_dynamic_map ? "dynamic map" : "crypto map");
}

static void map_setting(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map *m = map_get(b, s, true);
    if (s->kind == S_CM_LOCAL_ADDRESS) {
        set_ref(b, s, &m->local_address, ARG(0));
        m->local_address.name = interface_canonical(b, m->local_address.name);
        return;
    }
    text_list_edit(b, s, &m->options);
    if (s->kind == S_CM_GDOI_FAIL_CLOSE) {
        struct other_block *o = ARENA_NEW(b->a, struct other_block);
        o->span = s->span;
        b->cur_other = o; /* its lines go with the option; GETVPN has no counterpart */
    }
}

/* ---- inside an entry ---- */

static void set_peer(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map_entry *e = b->cur_entry;
    if (s->misprint || has(ARG(3)))
        diag_fix(diag_add(b->diags, D_MISPRINT, ARG(3)->span,
                          "'set-peer' is how the guide prints 'set peer'; a router takes two words"),
                 ARG(3)->span, FIX_REPLACE, "set peer");
    if (undo(s) && !has(ARG(0))) {
        e->peers.n = 0;
        return;
    }
    struct map_peer *p = ARENA_NEW(b->a, struct map_peer);
    p->span = s->span;
    p->host = val_host(b, ARG(0));
    if (has(ARG(1)))
        p->is_default = num_of(1, ARG(1)->span);
    if (has(ARG(2)))
        p->dynamic = num_of(1, ARG(2)->span);
    for (uint32_t i = 0; i < e->peers.n; i++) {
        struct map_peer *o = e->peers.v[i];
        if (!addr_eq(&o->host.addr, &p->host.addr) || !str_eq(o->host.name, p->host.name))
            continue;
        if (undo(s))
            ptrlist_remove(&e->peers, i);
        else
            e->peers.v[i] = p;
        return;
    }
    if (undo(s))
        diag_add(b->diags, D_NOTHING_TO_REMOVE, s->span, "this entry has no such peer to remove");
    else
        ptrlist_add(b->a, &e->peers, p);
}

/* A second line with other sets than the first. */
static void report_other_sets(struct builder *b, const struct ios_stmt *s, const struct ptrlist *before)
{
    bool is_same = before->n == s->nlist;
    for (uint32_t i = 0; i < before->n && is_same; i++) {
        const struct ir_ref *r = before->v[i];
        is_same = str_eq(r->name, source_slice(b->src, s->list[i].span));
    }
    const struct ir_ref *first = before->v[0];
    if (is_same)
        return;
    struct diag *d = diag_add(b->diags, D_REDEFINED, s->span,
                              "this replaces the transform sets that were set before: the later line counts");
    diag_note(b->diags, d, first->m.span, "first set here");
}

static void set_transform_sets(struct builder *b, const struct ios_stmt *s)
{
    struct ptrlist *l = &b->cur_sa->transform_sets;
    if (!undo(s) && l->n)
        report_other_sets(b, s, l);
    if (!undo(s))
        l->n = 0; /* the line names the whole list */
    for (uint32_t i = 0; i < s->nlist; i++)
        if (!undo(s) || s->list[i].kind == IOS_V_CUT)
            ref_list_edit(b, s, l, &s->list[i]);
    if (undo(s))
        l->n = 0;
}

/* A second line for the same direction and protocol, with another SPI or other keys. */
static void report_other_key(struct builder *b, const struct ios_stmt *s, const struct manual_key *before)
{
    const struct str first = source_slice(b->src, before->span), second = source_slice(b->src, s->span);
    if (str_eq(first, second))
        return;
    struct diag *d = diag_add(b->diags, D_REDEFINED, s->span,
                              "this replaces the session key that was set before: the later line counts");
    diag_note(b->diags, d, before->span, "first set here");
}

static void set_session_key(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map_entry *e = b->cur_entry;
    bool outbound = val_is(ARG(0), "outbound");
    enum ipsec_proto proto = val_is(ARG(1), "ah") ? PROTO_AH : PROTO_ESP;
    bool every = !val_is(ARG(1), "ah") && !val_is(ARG(1), "esp");
    for (uint32_t i = e->keys.n; i-- > 0;) {
        struct manual_key *k = e->keys.v[i];
        if (k->outbound.v != outbound || (!every && k->proto.v != proto))
            continue;
        ptrlist_remove(&e->keys, i);
        if (!undo(s))
            report_other_key(b, s, k);
    }
    if (undo(s))
        return;
    if (has(ARG(5))) {
        struct span word_and_blank = {ARG(5)->span.off, ARG(5)->span.len + 1};
        diag_fix(diag_add(b->diags, D_MISPRINT, ARG(5)->span, "'%s ah esp' is a misprint of the guide: '%s esp' is meant",
                          outbound ? "outbound" : "inbound", outbound ? "outbound" : "inbound"),
                 word_and_blank, FIX_REPLACE, "");
    }
    struct manual_key *k = ARENA_NEW(b->a, struct manual_key);
    k->span = s->span;
    k->outbound = num_of(outbound, ARG(0)->span);
    k->proto = num_of(proto, ARG(1)->span);
    k->spi = num_of(ARG(2)->u.num, ARG(2)->span);
    static const struct ios_val hex = {.kind = IOS_V_KEYWORD, .u.word = "hex"};
    set_secret(b, &k->cipher, &hex, ARG(3));
    set_secret(b, &k->authenticator, &hex, ARG(4));
    ptrlist_add(b->a, &e->keys, k);
}

static void set_pfs(struct builder *b, const struct ios_stmt *s)
{
    struct sa_settings *sa = b->cur_sa;
    sa->pfs_bare = (struct ir_num){0};
    if (undo(s)) {
        sa->pfs_group = (struct ir_num){0};
    } else if (has(ARG(0))) {
        set_alg(b, s, &sa->pfs_group, ARG(0));
    } else { /* bare: group1 by the guide; defaults.c fills it in */
        sa->pfs_group = (struct ir_num){0};
        sa->pfs_bare = num_of(1, s->span);
    }
}

static void set_reverse_route(struct builder *b, const struct ios_stmt *s)
{
    struct sa_settings *sa = b->cur_sa;
    if (s->kind == S_SET_REVERSE_ROUTE) {
        if (undo(s) && !has(ARG(0))) {
            sa->rr_distance = sa->rr_tag = (struct ir_num){0};
            sa->rr_gateway = (struct ir_addr){0};
        } else if (val_is(ARG(0), "distance")) {
            set_range(b, s, &sa->rr_distance, ARG(1), 1, 255, "distance", "");
        } else if (val_is(ARG(0), "tag")) {
            set_range(b, s, &sa->rr_tag, ARG(1), 1, 4294967295u, "tag", "");
        } else {
            set_addr(b, s, &sa->rr_gateway, ARG(1));
        }
        return;
    }
    set_flag(b, s, &sa->reverse_route);
    sa->rr_static = sa->rr_remote_gateway = (struct ir_num){0};
    sa->rr_remote_peer = (struct ir_addr){0};
    if (undo(s))
        return;
    if (has(ARG(0)))
        sa->rr_static = num_of(1, ARG(0)->span);
    if (ARG(1)->kind == IOS_V_ADDR)
        set_addr(b, s, &sa->rr_remote_peer, ARG(1));
    if (has(ARG(2)))
        sa->rr_remote_gateway = num_of(1, ARG(2)->span);
    if (has(ARG(3)))
        set_range(b, s, &sa->rr_tag, ARG(3), 1, 4294967295u, "tag", "");
}

static void set_access_group(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map_entry *e = b->cur_entry;
    if (!has(ARG(0)))
        e->access_in = e->access_out = (struct ir_ref){0};
    else
        set_ref(b, s, val_is(ARG(1), "in") ? &e->access_in : &e->access_out, ARG(0));
}

static void shared_line(struct builder *b, const struct ios_stmt *s)
{
    struct sa_settings *sa = b->cur_sa;
    switch (s->kind) {
    case S_SET_ISAKMP_PROFILE:
        set_ref(b, s, &sa->isakmp_profile, ARG(0));
        break;
    case S_SET_IKEV2_PROFILE:
        set_ref(b, s, &sa->ikev2_profile, ARG(0));
        break;
    case S_SET_IDENTITY:
        set_ref(b, s, &sa->identity, ARG(0));
        break;
    case S_SET_MIXED_MODE:
        set_flag(b, s, &sa->mixed_mode);
        break;
    case S_SET_SECURITY_POLICY_LIMIT:
        set_range(b, s, &sa->policy_limit, ARG(0), 0, 50000, "security-policy limit", "");
        break;
    case S_RESPONDER_ONLY:
        set_flag(b, s, &sa->responder_only);
        break;
    case S_REDUNDANCY:
        set_text(b, s, &sa->redundancy, ARG(0));
        break;
    default:
        text_list_edit(b, s, &sa->flags);
        break;
    }
}

static void entry_line(struct builder *b, const struct ios_stmt *s)
{
    struct crypto_map_entry *e = b->cur_entry;
    switch (s->kind) {
    case S_MATCH_ADDRESS:
        set_ref(b, s, &e->acl, ARG(0));
        break;
    case S_SET_GROUP:
        set_ref(b, s, &e->gdoi_group, ARG(0));
        break;
    case S_SET_NAT_DEMUX:
        set_flag(b, s, &e->nat_demux);
        break;
    default:
        set_flag(b, s, &e->disabled);
        break;
    }
}

/* One-line forms name their entry themselves. Called before any entry line. */
void map_select(struct builder *b, const struct ios_stmt *s)
{
    if (s->one_line) {
        struct crypto_map_entry *e = entry_get(b, s, !undo(s));
        if (!e) /* `no crypto map M 10 set peer …` of an entry that is not there: taken back from nothing */
            e = ARENA_NEW(b->a, struct crypto_map_entry);
        entry_open(b, e);
    } else if (s->mode == MODE_CMAP && b->cur[MODE_CMAP])
        entry_open(b, b->cur[MODE_CMAP]);
    else if (s->mode == MODE_IPSEC_PROFILE)
        b->cur_sa = &((struct ipsec_profile *)b->cur[MODE_IPSEC_PROFILE])->sa;
}

const struct handler_row map_handlers[] = {
    {S_CRYPTO_MAP, crypto_map},
    {S_DYNAMIC_MAP, dynamic_map},
    {S_CM_LOCAL_ADDRESS, map_setting},
    {S_CM_SET_OPTION, map_setting},
    {S_CM_GDOI_FAIL_CLOSE, map_setting},
    {S_CM_REMOVE, remove_map},
    {S_MATCH_ADDRESS, entry_line},
    {S_SET_PEER, set_peer},
    {S_SET_TRANSFORM_SET, set_transform_sets},
    {S_SET_PFS, set_pfs},
    {S_SET_SESSION_KEY, set_session_key},
    {S_SET_ISAKMP_PROFILE, shared_line},
    {S_SET_IKEV2_PROFILE, shared_line},
    {S_SET_IDENTITY, shared_line},
    {S_SET_GROUP, entry_line},
    {S_SET_ACCESS_GROUP, set_access_group},
    {S_SET_NAT_DEMUX, entry_line},
    {S_REVERSE_ROUTE, set_reverse_route},
    {S_SET_REVERSE_ROUTE, set_reverse_route},
    {S_SET_MIXED_MODE, shared_line},
    {S_SET_SECURITY_POLICY_LIMIT, shared_line},
    {S_RESPONDER_ONLY, shared_line},
    {S_REDUNDANCY, shared_line},
    {S_ENTRY_FLAG, shared_line},
    {S_ENTRY_DISABLE, entry_line},
    {S_COUNT, NULL},
};
