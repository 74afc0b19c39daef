/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A peer chooses the SPI that we send by. With one that is in use already it would name another SA, its own or a
 * neighbour's: nothing that stands may end by it (RFC 4301 §4.4.2.1, RFC 7296 §2.9). */
#include <string.h>

#include "backends/ike/v2/v2.h"
#include "tests/attack/lab.h"

/* The peer's random numbers of four octets are SPIs. */
static uint32_t chosen;
static void (*honest_random)(void *ctx, void *p, size_t n);
static void chosen_random(void *ctx, void *p, size_t n)
{
    honest_random(ctx, p, n);
    if (n == 4 && chosen)
        memcpy(p, &chosen, 4);
}

static bool any_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    (void)ctx, (void)k, (void)c, (void)which;
    return true;
}
static void any_delete(void *ctx, const struct ike_child *c)
{
    (void)ctx, (void)c;
}

/* Its own kernel takes anything. */
static void corrupt(struct sim *s, unsigned node)
{
    struct ike *k = s->nodes[node].ike;
    chosen = 0;
    honest_random = k->host.random;
    k->host.random = chosen_random;
    k->host.sa_add = any_add;
    k->host.sa_delete = any_delete;
}

static void ask_child(struct sim *s, unsigned node, struct ike_sa *sa, const struct ike_entry *e)
{
    struct ike_task t = {.kind = TASK_CHILD, .entry = e, .line = &e->lines[0], .narrow = true};
    ike_line_ts(t.line, &t.flow_src, &t.flow_dst);
    begin_task(s, node, sa, t);
}

static bool sent_by(const struct sim *s, unsigned node, const struct ip_addr *to, uint32_t spi)
{
    for (unsigned i = 0; i < s->nodes[node].n_outs; i++)
        if (s->nodes[node].outs[i].spi == spi && addr_eq(&s->nodes[node].outs[i].to, to))
            return true;
    return false;
}

static struct ike_child *child_of(struct sim *s, unsigned node, const char *id)
{
    struct ike *k = s->nodes[node].ike;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->peer_id && memcmp(sa->peer_id + 1, id, strlen(id)) == 0 && sa->children)
                return sa->children;
    return NULL;
}

/* ---- a second child with the SPI of the first, then everything ends ---- */

static const char *heir_of_the_dying(void)
{
    struct pair x;
    pair_open(&x, 2, 1);
    pair_start(&x);
    corrupt(&x.s, 1);
    ike_acquire(x.s.nodes[1].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    if (children_of(&x.s, 0) != 1)
        return pair_over(&x, "the control: no tunnel");
    struct ike_sa *sa = first_sa(&x.s, 1);
    chosen = first_child(&x.s, 1)->spi_in;
    ask_child(&x.s, 1, sa, &x.branch.entries[0]);
    sim_run(&x.s, 500);
    chosen = 0;
    sa->rekey_at = x.s.now; /* the children change their order */
    ike_timer_update(x.s.nodes[1].ike, sa);
    sim_run(&x.s, 1000);
    for (sa = NULL; !sa || !sa->children;) {
        struct ike *k = x.s.nodes[1].ike;
        for (uint32_t i = 0; i < k->hash_size; i++)
            for (struct ike_sa *o = k->by_spi[i]; o; o = o->hash_next)
                if (o->children)
                    sa = o;
        if (!sa)
            return pair_over(&x, "the control: the peer has no child left");
    }
    begin_task(&x.s, 1, sa, (struct ike_task){.kind = TASK_DELETE_IKE});
    const struct ike *hub = x.s.nodes[0].ike;
    for (unsigned ms = 0; ms < 2000; ms++) {
        if (hub->heap_n > hub->n_sa)
            return "an SA that was freed is armed";
        sim_run(&x.s, 1);
    }
    sim_run(&x.s, 20000);
    bool left = children_of(&x.s, 0) || x.s.nodes[0].n_outs;
    return pair_over(&x, left ? "something is left over" : NULL);
}

/* ---- another peer's SPI ---- */

/* A hub with a dynamic entry, and two branches; each behind its NAT, or both behind one. */
struct neighbours {
    struct sim s;
    struct router hub, branch[2];
};
static const char *const names[] = {"x.example.com", "y.example.com"};

static void neighbours_start(struct neighbours *x, unsigned version, const char *attacker_at)
{
    static const char *const addr[] = {"10.99.0.1", "10.99.0.2"};
    sim_init(&x->s, 1, 3);
    router_init(&x->hub, version);
    struct ike_profile *p = router_profile(&x->hub, version, "P", NULL, NULL);
    profile_match(&x->hub, p, ".example.com", true);
    profile_key(&x->hub, p, router_key(&x->hub, "0.0.0.0", 0, NULL, "group"));
    router_entry(&x->hub, version, HUB, NULL, p);
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    for (unsigned i = 0; i < 2; i++) {
        struct router *r = &x->branch[i];
        router_init(r, version);
        struct ike_profile *own = router_profile(r, version, "OWN", names[i], NULL);
        profile_match_address(r, own, HUB, 32);
        profile_key(r, own, router_key(r, HUB, 32, NULL, "group"));
        struct ike_entry *e = router_entry(r, version, addr[i], HUB, own);
        entry_line(r, e, CHILD(0), 1, (int)(1 + i), 100, -1);
        sim_node_start(&x->s, 1 + i, &r->p, addr[i]);
        sim_node_nat(&x->s, 1 + i, i ? attacker_at : "198.51.100.99", (uint16_t)(4000 + 1000 * i));
    }
    corrupt(&x->s, 2);
}

/* The victim's tunnel, up; NULL: it is not. */
static const struct ike_child *victim(struct neighbours *x)
{
    ike_acquire(x->s.nodes[1].ike, x->s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x->s, 3000);
    return child_of(&x->s, 0, names[0]);
}

static const char *judged(struct neighbours *x, const struct ip_addr *at, uint32_t spi)
{
    const struct ike_child *a = child_of(&x->s, 0, names[0]);
    bool stands = a && a->spi_out == spi && ike_child_stands(a);
    bool sends = sent_by(&x->s, 0, at, spi);
    return over(&x->s, stands && sends ? NULL : "a peer has ended another peer's outbound SA");
}

static const char *behind_one_nat(void)
{
    static struct neighbours x;
    neighbours_start(&x, 2, "198.51.100.99");
    const struct ike_child *a = victim(&x);
    ike_acquire(x.s.nodes[2].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    if (!a || !child_of(&x.s, 0, names[1]))
        return over(&x.s, "the control: no tunnels");
    const uint32_t spi = a->spi_out;
    const struct ip_addr at = a->out.remote.addr;
    struct ike_sa *sa = first_sa(&x.s, 2);
    chosen = spi;
    ask_child(&x.s, 2, sa, &x.branch[1].entries[0]);
    sim_run(&x.s, 500);
    chosen = 0;
    begin_task(&x.s, 2, sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = spi});
    sim_run(&x.s, 20000);
    return judged(&x, &at, spi);
}

/* IKEv1: the third message of quick mode never comes, and the half of an SA is forgotten. */
static bool no_third(struct sim *s, struct packet_in_flight *f)
{
    (void)s;
    bool attackers = f->from.port == 5000 || f->from.port == 5001;
    return !(attackers && f->n > 28 && f->n < 120 && f->p[18] == 32);
}

static const char *half_quick_mode(void)
{
    static struct neighbours x;
    neighbours_start(&x, 1, "198.51.100.99");
    const struct ike_child *a = victim(&x);
    if (!a)
        return over(&x.s, "the control: no tunnel");
    const uint32_t spi = a->spi_out;
    const struct ip_addr at = a->out.remote.addr;
    chosen = spi;
    x.s.meddle = no_third;
    ike_acquire(x.s.nodes[2].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 4000);
    chosen = 0;
    x.s.nodes[2].deaf = true;
    sim_run(&x.s, 200000);
    return judged(&x, &at, spi);
}

/* It writes the victim's address into its own datagrams, which are genuine for the hub: its SA seems to have moved. */
static bool from_the_victims_address(struct sim *s, struct packet_in_flight *f)
{
    if (addr_eq(&f->from.addr, &s->nodes[2].outside)) {
        f->from.addr = s->nodes[1].outside;
        f->from.port = 7777;
    } else if (addr_eq(&f->to.addr, &s->nodes[1].outside) && f->to.port == 7777) {
        const uint8_t *h = f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
        if (!(h[19] & 0x20))
            return false;
        f->to.addr = s->nodes[2].outside; /* it could write on without the answer; its engine here wants it */
        f->to.port = 5001;
    }
    return true;
}

static const char *from_elsewhere(void)
{
    static struct neighbours x;
    neighbours_start(&x, 2, "192.0.2.66");
    const struct ike_child *a = victim(&x);
    ike_acquire(x.s.nodes[2].ike, x.s.now, CHILD(0), NULL, NULL, NULL);
    sim_run(&x.s, 3000);
    if (!a || !child_of(&x.s, 0, names[1]))
        return over(&x.s, "the control: no tunnels");
    const uint32_t spi = a->spi_out;
    const struct ip_addr at = a->out.remote.addr;
    x.s.meddle = from_the_victims_address;
    struct ike_sa *sa = first_sa(&x.s, 2);
    ask_child(&x.s, 2, sa, &x.branch[1].entries[0]);
    sim_run(&x.s, 300);
    chosen = spi;
    ask_child(&x.s, 2, sa, &x.branch[1].entries[0]);
    sim_run(&x.s, 300);
    chosen = 0;
    begin_task(&x.s, 2, sa, (struct ike_task){.kind = TASK_DELETE_CHILD, .spi = spi});
    sim_run(&x.s, 2000);
    return judged(&x, &at, spi);
}

const struct attack attacks_spis[] = {{"SPI in use: the heir of an SA that dies", heir_of_the_dying},
                                      {"SPI in use: of a neighbour behind one NAT", behind_one_nat},
                                      {"SPI in use: half a quick mode", half_quick_mode},
                                      {"SPI in use: from elsewhere", from_elsewhere},
                                      {NULL, NULL}};
