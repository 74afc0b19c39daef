/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of two peers a line's policies name after a reload (daemon/turns.c; finding S13): the one whose SA came last.
 */
#include <string.h>

#include "backends/ike/daemon/daemon.h"
#include "tests/attack/main_mode.h"
#include "tests/attack/slow.h"

static struct ip_addr named; /* as the kernel's policy of the line names it */

/* In the place of daemon/kernel.c: the policies of the SA's line are turned to where it goes. */
void kernel_follow(struct daemon *d, const struct ike_child *c)
{
    (void)d;
    named = c->out.remote.addr;
}

static void open_three(struct sim *s, struct router *r, unsigned version, unsigned seed)
{
    static const char *const at[] = {HUB, BRANCH, SECOND};
    sim_init(s, seed + 1, 3);
    s->delay_ms = 2;
    for (unsigned i = 0; i < 3; i++) {
        fails_over(&r[i], version, i, at[i], "secret");
        sim_node_start(s, i, &r[i].p, at[i]);
    }
}

/* The first peer dies unnoticed, the second calls. */
static const char *turned(unsigned version)
{
    static struct sim s;
    static struct router r[3];
    unsigned wrong = 0, n = 0;
    for (unsigned seed = 0; seed < 20; seed++) {
        open_three(&s, r, version, seed);
        ike_acquire(s.nodes[1].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 2000);
        s.nodes[0].deaf = true;
        sim_run(&s, 1000);
        ike_acquire(s.nodes[2].ike, s.now, CHILD(0), NULL, NULL, NULL);
        sim_run(&s, 2000);
        struct daemon d = {.ike = s.nodes[1].ike};
        const struct ip_addr dead = address(HUB);
        turn_all(&d);
        bool has_both = children_of(&s, 1) == 2;
        n += has_both;
        wrong += has_both && addr_eq(&named, &dead);
        const char *bad = over(&s, NULL);
        if (bad)
            return bad;
    }
    if (!n)
        return "no attack";
    return wrong ? broken("in %u of %u reloads they are turned back to the dead peer", wrong, n) : NULL;
}

static const char *turned_1(void)
{
    return turned(1);
}

static const char *turned_2(void)
{
    return turned(2);
}

const struct attack attacks_turned[] = {
    {"S13 policies of two peers after a reload, IKEv1", turned_1},
    {"S13 policies of two peers after a reload, IKEv2", turned_2},
    {NULL, NULL},
};
