/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "compiler/cli/moved_names.h"

#include "backends/ike/from_ir.h"
#include "compiler/cli/run_inputs.h"

#define CANNOT_TELL UINT_MAX

struct moved {
    const char *name;
    struct ip_addr was, is;
    bool is_taken;
};

static const struct ip_addr *kept_address(const struct session *s, const char *name)
{
    PTRLIST_FOR (struct state_name, n, &s->state.names) {
        if (strcmp(n->name, name) == 0)
            return &n->addr;
    }
    return NULL;
}

static unsigned lacks_of_plan(struct session *s)
{
    struct run_inputs in = {0};
    struct buf master = {0};
    struct ike_omissions left_out = {0};
    if (!run_inputs_default(&s->state, NULL, &in) || run_master(s->command, &in, &master) != EXIT_CLEAN)
        return CANNOT_TELL;
    const struct str key = {master.p, (uint32_t)master.len};
    const struct ike_policy *p = ike_policy_build(&s->apply.target, &s->apply.xfrm, key, in.pki_dir, &left_out);
    unsigned lacks = p ? left_out.lacks : CANNOT_TELL;
    if (p)
        ike_pki_free(p);
    buf_free(&master); /* wipes it */
    return lacks;
}

/* So many things are lacking for what is applied, with the moved names that are marked at their new addresses. */
static unsigned lacks_with(const struct session *s, const struct moved *v, size_t n)
{
    struct session then;
    unsigned lacks = CANNOT_TELL;
    if (session_open(&then, s->command, s->state.dir, -1, NAMES_KEPT) != EXIT_CLEAN)
        return CANNOT_TELL;
    then.is_repair = true;
    for (size_t i = 0; i < n; i++)
        if (v[i].is_taken)
            (void)!session_name_keep(&then, v[i].name, &v[i].is);
    const struct state_config *now = &then.state.current;
    if (now->file && session_plan(&then, state_path(&then.state, now->file), now) == EXIT_CLEAN)
        lacks = lacks_of_plan(&then);
    session_close(&then);
    return lacks;
}

/* All of them if nothing speaks against it, else one after the other. */
static void judge(const struct session *s, struct moved *v, size_t n)
{
    const unsigned before = lacks_with(s, v, n);
    for (size_t i = 0; i < n; i++)
        v[i].is_taken = true;
    if (lacks_with(s, v, n) <= before)
        return;
    for (size_t i = 0; i < n; i++)
        v[i].is_taken = false;
    for (size_t i = 0; i < n; i++) {
        v[i].is_taken = true;
        v[i].is_taken = lacks_with(s, v, n) <= before;
    }
}

static void say_refused(const struct moved *m, struct buf *refused)
{
    char is[ADDR_TEXT_MAX], was[ADDR_TEXT_MAX];
    buf_printf(refused,
               "%s%s leads to %s now, and there is no key or profile to negotiate with that address: it stays %s",
               refused->len ? "; " : "", m->name, addr_text(&m->is, is), addr_text(&m->was, was));
}

unsigned moved_names_take(struct session *s, const struct session *asked, struct buf *refused)
{
    struct moved *v = arena_array(&s->arena, asked->state.names.n + 1, sizeof *v);
    size_t n = 0, n_judged = 0;
    unsigned taken = 0;
    PTRLIST_FOR (struct state_name, a, &asked->state.names) {
        const struct ip_addr *was = kept_address(s, a->name);
        if (!v || (was && addr_eq(was, &a->addr)))
            continue;
        v[n++] = (struct moved){.name = a->name, .was = was ? *was : (struct ip_addr){0}, .is = a->addr};
        n_judged += was && was->family != FAMILY_NONE;
    }
    for (size_t i = 0; i < n; i++) /* what was nowhere has nothing to lose */
        v[i].is_taken = !n_judged;
    if (n_judged)
        judge(s, v, n);
    for (size_t i = 0; i < n; i++) {
        if (!v[i].is_taken && v[i].was.family != FAMILY_NONE) {
            say_refused(&v[i], refused);
            continue;
        }
        (void)!session_name_keep(s, v[i].name, &v[i].is);
        taken++;
    }
    return taken;
}
