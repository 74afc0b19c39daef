/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/moved_names.h"

#include "backends/ike/from_ir.h"
#include "compiler/cli/run_inputs.h"

struct moved {
    const char *name;
    struct ip_addr was, is;
    bool is_taken;
    bool is_in_blocked, is_keyless; /* as judge_plan() finds it */
};

/* What is applied, planned once more with some of the moved names at their new addresses. */
struct judgement {
    bool is_planned;
    struct symtab blocked; /* ("", where an entry begins in the text) that is not run for want of something this host
                              does not have */
};

static const struct ip_addr *kept_address(const struct session *s, const char *name)
{
    PTRLIST_FOR (struct state_name, n, &s->state.names) {
        if (strcmp(n->name, name) == 0)
            return &n->addr;
    }
    return NULL;
}

static struct moved *moved_of(struct moved *v, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(str_lit(v[i].name), name))
            return &v[i];
    return NULL;
}

/* Which entries are blocked, and which names are in one that was not before. */
static void note_blocked(struct session *s, const struct ike_omissions *o, const struct judgement *before,
                         struct moved *v, size_t n, struct judgement *out)
{
    PTRLIST_FOR (const struct crypto_map_entry, e, &o->blocked) {
        const uint32_t at = e->span.off; /* of the same text */
        symtab_put(&s->arena, &out->blocked, STR_EMPTY, at, s);
        if (!before || symtab_get(&before->blocked, STR_EMPTY, at))
            continue;
        PTRLIST_FOR (struct map_peer, p, &e->peers) {
            struct moved *m = moved_of(v, n, p->host.name);
            if (m)
                m->is_in_blocked = true;
        }
    }
    PTRLIST_FOR (const char, name, &o->keyless) {
        struct moved *m = moved_of(v, n, str_lit(name));
        if (m)
            m->is_keyless = true;
    }
}

static bool policy_of(struct session *s, struct session *then, const struct judgement *before, struct moved *v,
                      size_t n, struct judgement *out)
{
    struct run_inputs in = {0};
    struct buf master = {0};
    struct ike_omissions left_out = {0};
    if (!run_inputs_default(&then->state, NULL, &in) || run_master(s->command, &in, &master) != EXIT_CLEAN)
        return false;
    const struct str key = {master.p, (uint32_t)master.len};
    const struct ike_policy *p = ike_policy_build(&then->apply.target, &then->apply.xfrm, key, in.pki_dir, &left_out);
    if (p) {
        note_blocked(s, &left_out, before, v, n, out);
        ike_pki_free(p);
    }
    buf_free(&master); /* wipes it */
    return p != NULL;
}

/* With the names that are taken at their new addresses. */
static struct judgement judge_plan(struct session *s, const struct judgement *before, struct moved *v, size_t n)
{
    struct session then;
    struct judgement out = {0};
    if (session_open(&then, s->command, s->state.dir, -1, NAMES_KEPT) != EXIT_CLEAN)
        return out;
    then.is_repair = true;
    for (size_t i = 0; i < n; i++) {
        v[i].is_in_blocked = v[i].is_keyless = false;
        if (v[i].is_taken)
            (void)!session_name_keep(&then, v[i].name, &v[i].is);
    }
    const struct state_config *now = &then.state.current;
    if (now->file && session_plan(&then, state_path(&then.state, now->file), now) == EXIT_CLEAN)
        out.is_planned = policy_of(s, &then, before, v, n, &out);
    session_close(&then);
    return out;
}

/* All of them but those that an entry would be blocked by, or that there is no key for. What such a name's move has
 * taken others with it is not looked for: then none moves. */
static void judge(struct session *s, struct moved *v, size_t n)
{
    const struct judgement before = judge_plan(s, NULL, v, n);
    for (size_t i = 0; i < n; i++)
        v[i].is_taken = before.is_planned;
    const struct judgement all = judge_plan(s, &before, v, n);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        bool is_bad = !all.is_planned || v[i].is_in_blocked || v[i].is_keyless;
        v[i].is_taken &= !is_bad;
        any |= is_bad;
    }
    if (!any)
        return;
    const struct judgement good = judge_plan(s, &before, v, n);
    bool is_safe = good.is_planned;
    for (size_t i = 0; i < n; i++)
        is_safe &= !v[i].is_taken || (!v[i].is_in_blocked && !v[i].is_keyless);
    for (size_t i = 0; i < n; i++)
        v[i].is_taken &= is_safe;
}

static void say_refused(const struct moved *m, struct buf *refused)
{
    char is[ADDR_TEXT_MAX], was[ADDR_TEXT_MAX] = "unknown";
    if (m->was.family != FAMILY_NONE)
        (void)addr_text(&m->was, was);
    buf_printf(refused,
               "%s%s leads to %s now, and there is no key or profile to negotiate with that address: it stays %s",
               refused->len ? "; " : "", m->name, addr_text(&m->is, is), was);
}

unsigned moved_names_take(struct session *s, const struct session *asked, struct buf *refused)
{
    struct moved *v = arena_array(&s->arena, asked->state.names.n + 1, sizeof *v);
    size_t n = 0;
    unsigned taken = 0;
    PTRLIST_FOR (struct state_name, a, &asked->state.names) {
        const struct ip_addr *was = kept_address(s, a->name);
        if (!v || (was && addr_eq(was, &a->addr)))
            continue;
        v[n++] = (struct moved){.name = a->name, .was = was ? *was : (struct ip_addr){0}, .is = a->addr};
    }
    if (n)
        judge(s, v, n);
    for (size_t i = 0; i < n; i++) {
        if (!v[i].is_taken) {
            say_refused(&v[i], refused);
            continue;
        }
        (void)!session_name_keep(s, v[i].name, &v[i].is);
        taken++;
    }
    return taken;
}
