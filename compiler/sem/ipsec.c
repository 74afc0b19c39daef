/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transform sets, ipsec profiles, global `crypto ipsec`, and the SA settings that maps and profiles share (§4, §6.2).
 */
#include "compiler/sem/builder.h"

#define ARG(n) (&s->args[n])

static struct ir_transform *transform_word(struct builder *b, const struct ios_val *v)
{
    struct ir_transform *t = ARENA_NEW(b->a, struct ir_transform);
    t->alg = (enum algo_id)v->u.num;
    const struct algo *a = algo_get(t->alg);
    t->proto = a->kind == ALGO_COMP ? PROTO_COMP : v->plen ? PROTO_AH : PROTO_ESP;
    t->bits = v->bits ? v->bits : a->keys[0];
    t->bits_written = v->bits != 0;
    t->m = written(v->span);
    return t;
}

static void transforms_set(struct builder *b, const struct ios_stmt *s, struct transform_set *ts)
{
    ts->transforms.n = 0;
    struct ir_transform *last = NULL;
    for (uint32_t i = 0; i < s->nlist; i++) {
        const struct ios_val *v = &s->list[i];
        if (v->kind == IOS_V_ALGO) {
            last = transform_word(b, v);
            ptrlist_add(b->a, &ts->transforms, last);
            continue;
        }
        if (last && !last->bits_written && algo_get(last->alg)->keys[1] &&
            algo_key_legal(last->alg, (unsigned)v->u.num)) {
            last->bits = (uint16_t)v->u.num;
            last->bits_written = true;
            last->m.span.len = v->span.off + v->span.len - last->m.span.off;
        } else {
            diag_add(b->diags, D_BAD_VALUE, v->span,
                     "'" STR_FMT "' is not a key size here: 128, 192 or 256 may follow esp-aes, esp-gcm and esp-gmac",
                     STR_ARG(val_str(b, v)));
        }
    }
}

static void transform_set(struct builder *b, const struct ios_stmt *s)
{
    struct str name = val_str(b, ARG(0));
    if (!has(ARG(0))) { /* crypto ipsec default transform-set */
        b->c->ipsec.no_default_transform_set = s->negated ? num_of(1, s->span) : (struct ir_num){0};
        return;
    }
    if (undo(s)) {
        if (str_is(name, "default"))
            b->c->ipsec.no_default_transform_set = s->negated ? num_of(1, s->span) : (struct ir_num){0};
        object_remove(b, s, TAB_TRANSFORM_SET, &b->c->transform_sets, name, "transform set");
        return;
    }
    bool is_new;
    struct transform_set *ts =
        object_get(b, TAB_TRANSFORM_SET, &b->c->transform_sets, sizeof *ts, val_name(b, ARG(0)), s->span, &is_new);
    if (!is_new && ts->transforms.n && ts->span.off != s->span.off) {
        struct transform_set old = *ts;
        transforms_set(b, s, ts);
        bool same = old.transforms.n == ts->transforms.n;
        for (uint32_t i = 0; same && i < ts->transforms.n; i++) {
            const struct ir_transform *x = old.transforms.v[i], *y = ts->transforms.v[i];
            same = x->alg == y->alg && x->bits == y->bits && x->proto == y->proto;
        }
        if (!same) {
            struct diag *d =
                diag_add(b->diags, D_REDEFINED, s->span,
                         "transform set '" STR_FMT "' is defined again with other transforms", STR_ARG(name));
            diag_note(b->diags, d, old.span, "first defined here");
        }
    } else {
        transforms_set(b, s, ts);
    }
    b->c->ipsec.no_default_transform_set =
        str_is(name, "default") ? (struct ir_num){0} : b->c->ipsec.no_default_transform_set;
    b->cur[MODE_TRANSFORM] = ts;
}

static void transform_line(struct builder *b, const struct ios_stmt *s)
{
    struct transform_set *ts = b->cur[MODE_TRANSFORM];
    switch (s->kind) {
    case S_TS_MODE:
        ts->require = (struct ir_num){0};
        if (has(ARG(0)) || undo(s))
            set_str(b, s, &ts->mode, ARG(0));
        else
            ts->mode = (struct ir_str){0}; /* the default (guide, step 4: both words may be left out) */
        if (!undo(s) && has(ARG(1)))
            ts->require = num_of(1, ARG(1)->span);
        break;
    case S_TS_ESN:
        set_flag(b, s, &ts->esn);
        break;
    default:
        set_range(b, s, &ts->iv_size, ARG(0), 4, 8, "initialization vector size", "bytes");
        break;
    }
}

static void profile(struct builder *b, const struct ios_stmt *s)
{
    if (undo(s)) {
        object_remove(b, s, TAB_IPSEC_PROFILE, &b->c->ipsec_profiles, val_str(b, ARG(0)), "ipsec profile");
        return;
    }
    struct ipsec_profile *p =
        object_get(b, TAB_IPSEC_PROFILE, &b->c->ipsec_profiles, sizeof *p, val_name(b, ARG(0)), s->span, NULL);
    b->cur[MODE_IPSEC_PROFILE] = p;
    b->cur_sa = &p->sa;
}

/* The same words are legal globally and per entry; the fields stand in two structs of the same shape. */
struct sa_fields {
    struct ir_num *lifetime_s, *lifetime_kb, *kb_disabled, *window, *replay_disabled, *idle, *idle_default, *pps,
        *dummy_s;
    struct ir_str *ecn, *dfbit;
    uint64_t max_seconds;
};

static struct sa_fields fields_of(struct builder *b, const struct ios_stmt *s)
{
    struct ipsec_globals *g = &b->c->ipsec;
    struct sa_settings *e = b->cur_sa;
    if (s->mode == MODE_GLOBAL && !s->one_line)
        return (struct sa_fields){&g->lifetime_s,
                                  &g->lifetime_kb,
                                  &g->lifetime_kb_disabled,
                                  &g->replay_window,
                                  &g->replay_disabled,
                                  &g->idle_s,
                                  NULL,
                                  &g->dummy_pps,
                                  &g->dummy_s,
                                  &g->ecn,
                                  &g->df_bit,
                                  86400};
    return (struct sa_fields){&e->lifetime_s,    &e->lifetime_kb,     &e->lifetime_kb_disabled,
                              &e->replay_window, &e->replay_disabled, &e->idle_s,
                              &e->idle_default,  &e->dummy_pps,       &e->dummy_s,
                              &e->ecn,           &e->dfbit,           2592000};
}

static void set_lifetime_kb(struct builder *b, const struct ios_stmt *s, const struct sa_fields *f)
{
    if (val_is(ARG(0), "disable")) {
        set_flag(b, s, f->kb_disabled);
        *f->lifetime_kb = (struct ir_num){0};
        return;
    }
    if (set_range(b, s, f->lifetime_kb, ARG(0), 2560, 4294967295u, "volume lifetime", "kilobytes"))
        *f->kb_disabled = (struct ir_num){0};
}

static void set_replay(struct builder *b, const struct ios_stmt *s, const struct sa_fields *f)
{
    static const uint64_t sizes[] = {64, 128, 256, 512, 1024};
    if (!has(ARG(0)) || undo(s)) {
        *f->window = *f->replay_disabled = (struct ir_num){0};
        return;
    }
    if (val_is(ARG(0), "disable")) {
        *f->replay_disabled = num_of(1, s->span);
        *f->window = (struct ir_num){0};
        return;
    }
    for (size_t i = 0; i < 5; i++)
        if (sizes[i] == ARG(0)->u.num) {
            *f->window = num_of(sizes[i], ARG(0)->span);
            *f->replay_disabled = (struct ir_num){0};
            return;
        }
    diag_add(b->diags, D_OUT_OF_RANGE, ARG(0)->span,
             "replay window-size " STR_FMT " is not one of 64, 128, 256, 512, 1024", STR_ARG(val_str(b, ARG(0))));
}

/* `crypto ipsec` of the line that has them at `off`. */
static struct span first_two_words(const struct builder *b, uint32_t off)
{
    struct str rest = {b->src->text + off, b->src->len - off};
    (void)str_take_word(&rest);
    const struct str second = str_take_word(&rest);
    return (struct span){off, (uint32_t)(second.p + second.len - (b->src->text + off))};
}

static void sa_line(struct builder *b, const struct ios_stmt *s)
{
    struct sa_fields f = fields_of(b, s);
    bool global = f.idle_default == NULL;
    switch (s->kind) {
    case S_IPSEC_SA_LIFETIME_S:
        if (ARG(0)->kind == IOS_V_CUT)
            *f.lifetime_kb = *f.kb_disabled = (struct ir_num){0};
        set_range(b, s, f.lifetime_s, ARG(0), 120, f.max_seconds, "lifetime", "seconds");
        break;
    case S_IPSEC_SA_LIFETIME_DAYS:
        if (undo(s) || check_range(b, ARG(0), 1, 30, "lifetime", "days"))
            *f.lifetime_s = undo(s) ? (struct ir_num){0} : num_of(ARG(0)->u.num * 86400, ARG(0)->span);
        break;
    case S_IPSEC_SA_LIFETIME_KB:
        set_lifetime_kb(b, s, &f);
        break;
    case S_IPSEC_SA_REPLAY:
        set_replay(b, s, &f);
        break;
    case S_IPSEC_SA_IDLE:
        set_range(b, s, f.idle, ARG(0), 60, 86400, "idle-time", "seconds");
        if (!global)
            *f.idle_default = has(ARG(1)) && !undo(s) ? num_of(1, ARG(1)->span) : (struct ir_num){0};
        break;
    case S_IPSEC_SA_DUMMY:
        *f.pps = *f.dummy_s = (struct ir_num){0};
        if (!undo(s))
            val_is(ARG(0), "pps") ? set_range(b, s, f.pps, ARG(1), 0, 25, "dummy rate", "packets per second")
                                  : set_range(b, s, f.dummy_s, ARG(1), 1, 3600, "dummy interval", "seconds");
        break;
    case S_IPSEC_SA_ECN:
        set_str(b, s, f.ecn, ARG(0));
        break;
    case S_IPSEC_SA_DFBIT:
    case S_IPSEC_DF_BIT:
        set_str(b, s, f.dfbit, ARG(0));
        break;
    case S_IPSEC_SA_MULTI_SN:
        set_flag(b, s, &b->c->ipsec.multi_sn);
        break;
    case S_IPSEC_SA_DSCP:
        if (!global)
            set_text(b, s, &b->cur_sa->dscp, ARG(0));
        break;
    default: /* level per-host */
        if (global)
            diag_add(b->diags, D_WRONG_PLACE, s->span,
                     "level per-host belongs into a crypto map entry: here it has no effect");
        else
            set_flag(b, s, &b->cur_sa->per_host);
        break;
    }
    if (s->misprint)
        diag_fix(diag_add(b->diags, D_MISPRINT, s->misprint_at,
                          "the guide prints the global command here; a router takes 'set security-association dummy'"),
                 first_two_words(b, s->misprint_at.off), FIX_REPLACE, "set");
}

static void global_line(struct builder *b, const struct ios_stmt *s)
{
    struct ipsec_globals *g = &b->c->ipsec;
    switch (s->kind) {
    case S_IPSEC_PMTU_AGING:
        set_str(b, s, &g->pmtu_aging, ARG(0));
        break;
    case S_IPSEC_FRAGMENTATION:
        set_str(b, s, &g->fragmentation, ARG(0));
        break;
    case S_IPSEC_NAT_T:
        if (val_is(ARG(0), "spi-matching"))
            set_flag(b, s, &g->nat_spi_matching);
        else
            g->nat_udp_encapsulation = s->to_default ? (struct ir_num){0} : num_of(!s->negated, s->span);
        break;
    case S_IPSEC_OPTIONAL:
        if (!(undo(s) && has(ARG(0))))
            set_flag(b, s, &g->optional);
        g->optional_retry_s = (struct ir_num){0};
        if (has(ARG(0)))
            set_range(b, s, &g->optional_retry_s, ARG(0), 60, 86400, "retry interval", "seconds");
        break;
    case S_IPSEC_SA_STRENGTH:
        set_flag(b, s, &g->sa_strength);
        break;
    case S_IPSEC_IPV4_DENY:
        set_str(b, s, &g->ipv4_deny, ARG(0));
        break;
    default:
        text_list_edit(b, s, &g->exclude);
        break;
    }
}

const struct handler_row ipsec_handlers[] = {
    {S_TRANSFORM_SET, transform_set},
    {S_TS_MODE, transform_line},
    {S_TS_ESN, transform_line},
    {S_TS_IV_SIZE, transform_line},
    {S_IPSEC_PROFILE, profile},
    {S_IPSEC_SA_LIFETIME_S, sa_line},
    {S_IPSEC_SA_LIFETIME_DAYS, sa_line},
    {S_IPSEC_SA_LIFETIME_KB, sa_line},
    {S_IPSEC_SA_REPLAY, sa_line},
    {S_IPSEC_SA_IDLE, sa_line},
    {S_IPSEC_SA_DUMMY, sa_line},
    {S_IPSEC_SA_ECN, sa_line},
    {S_IPSEC_SA_MULTI_SN, sa_line},
    {S_IPSEC_SA_DFBIT, sa_line},
    {S_IPSEC_SA_DSCP, sa_line},
    {S_IPSEC_SA_PER_HOST, sa_line},
    {S_IPSEC_DF_BIT, sa_line},
    {S_IPSEC_PMTU_AGING, global_line},
    {S_IPSEC_FRAGMENTATION, global_line},
    {S_IPSEC_NAT_T, global_line},
    {S_IPSEC_OPTIONAL, global_line},
    {S_IPSEC_SA_STRENGTH, global_line},
    {S_IPSEC_IPV4_DENY, global_line},
    {S_IPSEC_EXCLUDE, global_line},
    {S_COUNT, NULL},
};
