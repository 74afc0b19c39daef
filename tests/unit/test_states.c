/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of states: every state can be reached and left, every row can happen, nothing hides behind another row;
 * and docs/ike-states.md says what they say (`--print` writes it). That each row does happen is looked at by the
 * attacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/ike/engine/engine.h"
#include "backends/ike/v1/v1.h"

static const struct ike_transitions *const tables[] = {NULL, &ike1_transitions, &ike2_transitions};

static const char *const on_words[IKE_ON_KINDS] = {[IKE_ON_TASK] = "we begin",
                                                   [IKE_ON_FIRST] = "first message",
                                                   [IKE_ON_REQUEST] = "message comes",
                                                   [IKE_ON_RESPONSE] = "answer comes",
                                                   [IKE_ON_OTHER] = "another comes",
                                                   [IKE_ON_EARLY] = "later one comes",
                                                   [IKE_ON_TIME] = "time"};
static const char *const limits[] = {[IKE_UNTIL_ANSWERED] = "",
                                     [IKE_UNTIL_GIVEN_UP] = "six tries, 64 s",
                                     [IKE_UNTIL_HALF_OPEN] = "initiator: six tries, 64 s; responder: 30 s",
                                     [IKE_UNTIL_LIFETIME] = "lifetime, dead peer detection",
                                     [IKE_UNTIL_OUTDATED] = "two minutes at most",
                                     [IKE_UNTIL_CHILDREN] = "its last child's lifetime"};

/* ---- printing ---- */

static const char *exchange_word(uint8_t x)
{
    static const struct {
        uint8_t x;
        const char *word;
    } words[] = {{X1_MAIN, "main mode"},
                 {X1_AGGRESSIVE, "aggressive mode"},
                 {X1_QUICK, "quick mode"},
                 {X1_INFO, "informational"},
                 {X2_SA_INIT, "IKE_SA_INIT"},
                 {X2_AUTH, "IKE_AUTH"},
                 {X2_CREATE_CHILD, "CREATE_CHILD_SA"},
                 {X2_INFORMATIONAL, "INFORMATIONAL"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].x == x)
            return words[i].word;
    return "";
}

static void put_states(struct buf *b, uint32_t states)
{
    const char *between = "";
    for (unsigned s = 0; s < IKE_STATES; s++)
        if (states >> s & 1) {
            buf_printf(b, "%s%s", between, ike_state_name((enum ike_state)s));
            between = ", ";
        }
}

static void put_tasks(struct buf *b, uint32_t tasks)
{
    const char *between = "";
    for (unsigned k = 1; k < TASK_KINDS; k++)
        if (tasks >> k & 1) {
            buf_printf(b, "%s%s", between, ike_task_name((enum ike_task_kind)k));
            between = ", ";
        }
}

static void put_payloads(struct buf *b, uint64_t payloads)
{
    static const char *const words[64] = {[PL1_SA] = "SA",     [PL1_KE] = "KE",           [PL1_ID] = "ID",
                                          [PL1_CERT] = "CERT", [PL1_CERTREQ] = "CERTREQ", [PL1_HASH] = "HASH",
                                          [PL1_SIG] = "SIG",   [PL1_NONCE] = "NONCE",     [PL1_NOTIFY] = "N",
                                          [PL1_DELETE] = "D",  [PL1_NAT_D] = "NAT-D",     [PL1_NAT_OA] = "NAT-OA",
                                          [PL2_SA] = "SA",     [PL2_KE] = "KE",           [PL2_IDI] = "IDi",
                                          [PL2_IDR] = "IDr",   [PL2_CERT] = "CERT",       [PL2_CERTREQ] = "CERTREQ",
                                          [PL2_AUTH] = "AUTH", [PL2_NONCE] = "NONCE",     [PL2_NOTIFY] = "N",
                                          [PL2_DELETE] = "D",  [PL2_TSI] = "TSi",         [PL2_TSR] = "TSr",
                                          [PL2_CP] = "CP"};
    const char *between = "";
    for (unsigned k = 0; k < 64; k++)
        if (payloads >> k & 1) {
            assert_non_null(words[k]);
            buf_printf(b, "%s%s", between, words[k]);
            between = " ";
        }
}

static void put_row(struct buf *b, const struct ike_transition *r)
{
    static const char *const parts[] = {"", "ASKED", "ANSWERED", "FINISHED"};
    uint64_t needs = r->needs, may = r->may;
    bool is_message = r->on != IKE_ON_TASK && r->on != IKE_ON_TIME;
    const char *role = r->initiator ? "initiator" : "responder";
    if (is_message && r->exchange >= X2_SA_INIT)
        ike2_payloads(r->exchange, r->on == IKE_ON_RESPONSE || r->on == IKE_ON_OTHER, &needs, &may);
    buf_printf(b, "| %s | %s | ", exchange_word(r->exchange), r->on == IKE_ON_TIME ? "" : role);
    put_states(b, r->in);
    for (unsigned k = 1; k < 4; k++)
        if (r->parts >> k & 1)
            buf_printf(b, ", quick mode %s", parts[k]);
    buf_printf(b, " | %s", on_words[r->on]);
    if (r->tasks) {
        buf_puts(b, ": ");
        put_tasks(b, r->tasks);
    }
    buf_puts(b, " | ");
    put_payloads(b, needs);
    buf_puts(b, " | ");
    put_payloads(b, may);
    buf_printf(b, " | %s | ", r->says);
    put_states(b, r->next);
    buf_puts(b, " |\n");
}

static void put_all(struct buf *b)
{
    buf_puts(
        b, "# States of an IKE SA\n\n"
           "Printed by `build/asan/tests/unit/test_states --print` from backends/ike/engine/states.c, v1/states.c and "
           "v2/states.c; the\ntest of that name holds it against them. What is in no row does not happen: a message "
           "is dropped and counted, a task is\ndropped, a deadline passes. Private payloads (from 128 on), vendor ids "
           "and, in IKEv2, notifies belong everywhere.\n\n"
           "| state | what it means | ends by itself after |\n|---|---|---|\n");
    for (unsigned s = 0; s < IKE_STATES; s++)
        buf_printf(b, "| %s | %s | %s |\n", ike_states[s].name, ike_states[s].says, limits[ike_states[s].limit]);
    for (unsigned v = 1; v < 3; v++) {
        buf_printf(b,
                   "\n## IKEv%u\n\n| exchange | we are | in | when | needs | may hold | what is done | leads to |\n"
                   "|---|---|---|---|---|---|---|---|\n",
                   v);
        for (size_t i = 0; i < tables[v]->n; i++)
            put_row(b, &tables[v]->v[i]);
    }
}

static void document(void **state)
{
    struct buf b = {0}, there = {0};
    char part[4096];
    size_t n;
    FILE *f = fopen("docs/ike-states.md", "r");
    (void)state;
    put_all(&b);
    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(&there, part, n);
    if (f)
        fclose(f);
    bool same = there.len == b.len && memcmp(there.p, b.p, b.len) == 0;
    buf_free(&b);
    buf_free(&there);
    if (!same)
        fail_msg("docs/ike-states.md is not what the tables say: test_states --print > docs/ike-states.md");
}

/* ---- what must hold ---- */

static uint32_t reachable(const struct ike_transitions *t)
{
    uint32_t found = IKE_IN(IKE_NEW), before = 0;
    while (found != before) {
        before = found;
        for (size_t i = 0; i < t->n; i++)
            if (t->v[i].in & found)
                found |= t->v[i].next;
    }
    return found;
}

static void reached(void **state)
{
    uint32_t any = 0;
    (void)state;
    for (unsigned v = 1; v < 3; v++) {
        uint32_t found = reachable(tables[v]);
        any |= found;
        for (size_t i = 0; i < tables[v]->n; i++)
            if (tables[v]->v[i].in & ~found)
                fail_msg("IKEv%u row %zu (%s) is of a state that nothing leads to", v, i, tables[v]->v[i].says);
    }
    for (unsigned s = 0; s < IKE_STATES; s++)
        if (!(any >> s & 1))
            fail_msg("nothing leads to %s", ike_state_name((enum ike_state)s));
}

static bool ends(const struct ike_transitions *t, unsigned s)
{
    for (size_t i = 0; i < t->n; i++)
        if ((t->v[i].in >> s & 1) && (t->v[i].next & ~IKE_IN(s)))
            return true;
    return false;
}

/* Each state that is reached is left by a row of time, or by what bounds it (ike_states), and not for ever. */
static void left(void **state)
{
    (void)state;
    for (unsigned v = 1; v < 3; v++)
        for (unsigned s = 0; s < IKE_DEAD; s++)
            if ((reachable(tables[v]) >> s & 1) && s != IKE_ORPHANED && !ends(tables[v], s))
                fail_msg("IKEv%u: nothing leads out of %s", v, ike_state_name((enum ike_state)s));
}

static bool timed(const struct ike_transitions *t, unsigned s, size_t deadline)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].on == IKE_ON_TIME && t->v[i].deadline == deadline && (t->v[i].in >> s & 1))
            return true;
    return false;
}

/* What `ends by itself` says is a row of time. */
static void bounded(void **state)
{
    static const struct {
        enum ike_limit limit;
        size_t deadline;
    } rows[] = {{IKE_UNTIL_GIVEN_UP, offsetof(struct ike_sa, retransmit_at)},
                {IKE_UNTIL_LIFETIME, offsetof(struct ike_sa, expire_at)},
                {IKE_UNTIL_OUTDATED, offsetof(struct ike_sa, expire_at)}};
    (void)state;
    for (unsigned v = 1; v < 3; v++)
        for (unsigned s = 0; s < IKE_STATES; s++)
            for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++)
                if ((reachable(tables[v]) >> s & 1) && ike_states[s].limit == rows[k].limit &&
                    !timed(tables[v], s, rows[k].deadline))
                    fail_msg("IKEv%u: nothing bounds %s", v, ike_state_name((enum ike_state)s));
    for (unsigned v = 1; v < 3; v++)
        for (unsigned s = 0; s < IKE_STATES; s++)
            if ((reachable(tables[v]) >> s & 1) && ike_states[s].limit == IKE_UNTIL_HALF_OPEN)
                assert_true(timed(tables[v], s, offsetof(struct ike_sa, half_open_until)));
}

static bool hides(const struct ike_transition *a, const struct ike_transition *b)
{
    bool same =
        a->on == b->on && a->exchange == b->exchange && a->initiator == b->initiator && a->deadline == b->deadline;
    /* what comes as another message is told by its payloads (ike_transition_fitting()) */
    bool by_payloads = a->on == IKE_ON_OTHER && (a->needs & ~(b->needs | b->may) || b->needs & ~(a->needs | a->may));
    return same && !by_payloads && !(b->in & ~a->in) && (!a->parts || (b->parts && !(b->parts & ~a->parts))) &&
           (!a->tasks || (b->tasks && !(b->tasks & ~a->tasks)));
}

static void well_formed(void **state)
{
    (void)state;
    for (unsigned v = 1; v < 3; v++)
        for (size_t i = 0; i < tables[v]->n; i++) {
            const struct ike_transition *r = &tables[v]->v[i];
            bool begins = r->on == IKE_ON_TASK || r->on == IKE_ON_TIME;
            assert_true(r->in && r->next && r->says);
            assert_int_equal(begins, r->begin != NULL);
            assert_int_equal(!begins, r->heard != NULL || r->proves != NULL);
            assert_false(r->needs & r->may);
            for (size_t k = 0; k < i; k++)
                if (hides(&tables[v]->v[k], r))
                    fail_msg("IKEv%u row %zu (%s) hides behind row %zu", v, i, r->says, k);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(well_formed), cmocka_unit_test(reached), cmocka_unit_test(left),
                                       cmocka_unit_test(bounded), cmocka_unit_test(document)};
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        struct buf b = {0};
        put_all(&b);
        fwrite(b.p, 1, b.len, stdout);
        buf_free(&b);
        return 0;
    }
    return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
