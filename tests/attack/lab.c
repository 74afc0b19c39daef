/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/attack/lab.h"

#include <stdlib.h>
#include <stdarg.h>
#include <string.h>

#include "backends/ike/handover.h"

void router_init(struct router *r, unsigned version)
{
    memset(r, 0, sizeof *r);
    r->proposal[0] = (struct ike_proposal){.name = "P",
                                           .line = 1,
                                           .encr = {{{ALGO_ENCR_AES_CBC, 128}}, 1},
                                           .prf = {{{ALGO_INTEG_SHA256, 0}}, 1},
                                           .integ = {{{ALGO_INTEG_SHA256, 0}}, 1},
                                           .dh = {{{ALGO_DH_256_ECP, 0}}, 1}};
    r->proposals[0] = r->proposal;
    r->v2[0] = (struct ike_v2_policy){.name = "POL", .proposals = r->proposals, .n = 1};
    r->v1[0] = (struct ike_v1_policy){.number = 10,
                                      .line = 1,
                                      .encr = {ALGO_ENCR_AES_CBC, 128},
                                      .hash = ALGO_INTEG_SHA256,
                                      .dh = ALGO_DH_256_ECP,
                                      .auth = ALGO_AUTH_PSK,
                                      .lifetime_s = 86400};
    r->set[0] = (struct ike_transform_set){
        .name = "T", .line = 2, .encr = {ALGO_ENCR_AES_CBC, 128}, .integ = {ALGO_INTEG_SHA256, 0}};
    r->sets[0] = r->set;
    r->p = (struct ike_policy){.v2 = r->v2,
                               .n_v2 = version == 2,
                               .v1 = r->v1,
                               .n_v1 = version == 1,
                               .profiles = r->profiles,
                               .keys = r->keys,
                               .entries = r->entries,
                               .hostname = ""};
    if (version == 3)
        r->p.n_v1 = r->p.n_v2 = 1;
}

#define REBASE(to, of, field)                                                                                          \
    do {                                                                                                               \
        const char *was = (const char *)(field), *first = (const char *)(of);                                          \
        if (was >= first && was < first + sizeof *(of))                                                                \
            (field) = (void *)((char *)(to) + (was - first));                                                          \
    } while (0)

void router_copy(struct router *to, const struct router *of)
{
    *to = *of;
    REBASE(to, of, to->p.v2);
    REBASE(to, of, to->p.v1);
    REBASE(to, of, to->p.profiles);
    REBASE(to, of, to->p.entries);
    REBASE(to, of, to->p.keys);
    REBASE(to, of, to->p.aggressive);
    REBASE(to, of, to->v2[0].proposals);
    REBASE(to, of, to->proposals[0]);
    for (unsigned i = 0; i < sizeof to->sets / sizeof *to->sets; i++)
        REBASE(to, of, to->sets[i]);
    for (unsigned i = 0; i < to->p.n_profiles; i++) {
        REBASE(to, of, to->profiles[i].remote);
        REBASE(to, of, to->profiles[i].keys);
    }
    for (unsigned i = 0; i < to->p.n_entries; i++) {
        struct ike_entry *e = &to->entries[i];
        REBASE(to, of, e->peers);
        REBASE(to, of, e->sets);
        REBASE(to, of, e->lines);
        REBASE(to, of, e->profile);
    }
}

bool router_reload(struct sim *s, unsigned node, const struct router *from, const struct router *to,
                   const uint32_t *entry)
{
    static uint32_t same[64];
    struct ike_reload r;
    for (uint32_t i = 0; i < sizeof same / sizeof *same; i++)
        same[i] = i;
    const struct ike_moves m = {&from->p, &to->p, entry, same, same, same, true};
    return ike_reload(s->nodes[node].ike, s->now, &m, &r);
}

struct ip_addr address(const char *text)
{
    struct ip_addr a = {.family = FAMILY_NONE};
    if (!addr_parse((struct str){text, (uint32_t)strlen(text)}, &a))
        abort();
    return a;
}

struct ike_bytes bytes_of(const char *text)
{
    return (struct ike_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

struct ike_psk *router_key(struct router *r, const char *addr, unsigned plen, const char *name, const char *secret)
{
    struct ike_psk *k = &r->keys[r->p.n_keys++];
    r->p.n_key_ids = ++r->n_keys_made;
    *k = (struct ike_psk){
        .id = r->n_keys_made, .line = 100 + r->n_keys_made, .local = bytes_of(secret), .remote = bytes_of(secret)};
    if (addr) {
        k->who.addr = address(addr);
        k->who.plen = (uint8_t)plen;
    } else {
        k->who.id_type = IKE_ID_FQDN;
        k->who.value = bytes_of(name);
    }
    return k;
}

struct ike_profile *router_profile(struct router *r, unsigned version, const char *name, const char *id,
                                   const char *match)
{
    struct ike_profile *p = &r->profiles[r->p.n_profiles++];
    *p = (struct ike_profile){.name = name,
                              .line = 200,
                              .version = (uint8_t)version,
                              .auth_local = IKE_MAY_PSK,
                              .auth_remote = IKE_MAY_PSK,
                              .lifetime_s = 86400};
    p->remote = r->matches[p - r->profiles];
    p->keys = r->profile_keys[p - r->profiles];
    if (id) {
        p->id_type = IKE_ID_FQDN;
        p->id = bytes_of(id);
    }
    if (match)
        profile_match(r, p, match, false);
    return p;
}

void profile_match(struct router *r, struct ike_profile *p, const char *fqdn, bool domain)
{
    r->matches[p - r->profiles][p->n_remote++] =
        (struct ike_match){.id_type = IKE_ID_FQDN, .domain = domain, .value = bytes_of(fqdn)};
}

void profile_match_address(struct router *r, struct ike_profile *p, const char *addr, unsigned plen)
{
    r->matches[p - r->profiles][p->n_remote++] = (struct ike_match){.addr = address(addr), .plen = (uint8_t)plen};
}

void profile_key(struct router *r, struct ike_profile *p, const struct ike_psk *k)
{
    r->profile_keys[p - r->profiles][p->n_keys++] = *k;
}

void add_keyring(struct router *r, struct ike_profile *p)
{
    for (unsigned i = 0; i < r->p.n_keys; i++)
        profile_key(r, p, &r->keys[i]);
}

void profiles_of_two(struct router *hub, unsigned version, const char *other, const char *name)
{
    struct ike_profile *first = router_profile(hub, version, "FIRST", NULL, NULL),
                       *second = router_profile(hub, version, "SECOND", NULL, name);
    profile_match_address(hub, first, BRANCH, 32);
    profile_match_address(hub, second, other, 32);
    add_keyring(hub, first);
    add_keyring(hub, second);
    entry_line(hub, router_entry(hub, version, HUB, NULL, first), CHILD(0), 1, -1, 2, -1);
    entry_line(hub, router_entry(hub, version, HUB, NULL, second), CHILD(1), 1, -1, 3, -1);
}

struct ike_entry *router_entry(struct router *r, unsigned version, const char *local, const char *peer,
                               const struct ike_profile *p)
{
    unsigned at = r->p.n_entries++;
    struct ike_entry *e = &r->entries[at];
    *e = (struct ike_entry){.map = "M",
                            .seq = 10 * (at + 1),
                            .line = 300 + at,
                            .dynamic = !peer,
                            .version = (uint8_t)version,
                            .local = address(local),
                            .peers = &r->peers[at],
                            .n_peers = peer != NULL,
                            .sets = r->sets,
                            .n_sets = 1,
                            .lines = r->lines[at],
                            .lifetime_s = 3600,
                            .replay_window = 64,
                            .profile = p};
    if (peer)
        r->peers[at].addr = address(peer);
    return e;
}

static void network(struct ip_addr *lo, struct ip_addr *hi, int second, int third)
{
    *lo = (struct ip_addr){FAMILY_V4, {10, (uint8_t)second, third < 0 ? 0 : (uint8_t)third, 0}};
    *hi = (struct ip_addr){FAMILY_V4, {10, (uint8_t)second, third < 0 ? 255 : (uint8_t)third, 255}};
}

void entry_line(struct router *r, struct ike_entry *e, uint32_t reqid, int a, int a3, int b, int b3)
{
    struct ike_line *l = &r->lines[e - r->entries][e->n_lines++];
    *l = (struct ike_line){
        .reqid = reqid, .line = 400 + e->n_lines, .sel = {.family = FAMILY_V4, .sport_hi = 65535, .dport_hi = 65535}};
    network(&l->sel.src_lo, &l->sel.src_hi, a, a3);
    network(&l->sel.dst_lo, &l->sel.dst_hi, b, b3);
}

/* ---- looking ---- */

unsigned children_of(struct sim *s, unsigned node)
{
    return s->nodes[node].ike->n_children;
}

unsigned sas_of(struct sim *s, unsigned node, enum ike_state st)
{
    return sim_count(&s->nodes[node], st);
}

void begin_task(struct sim *s, unsigned node, struct ike_sa *sa, struct ike_task t)
{
    struct ike *ike = s->nodes[node].ike;
    ike->now = s->now;
    ike_task_add(sa, t);
    ike->version[sa->version]->next(ike, sa);
}

struct ike_sa *first_sa(struct sim *s, unsigned node)
{
    struct ike *k = s->nodes[node].ike;
    struct ike_sa *best = NULL;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            if (!best || sa->id < best->id)
                best = sa;
    return best;
}

bool has_suite(struct sim *s, unsigned node, unsigned bits)
{
    struct ike *k = s->nodes[node].ike;
    bool found = false;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (const struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            found |= sa->state == IKE_ESTABLISHED && sa->suite.encr_bits == bits;
    return found;
}

struct ike_child *first_child(struct sim *s, unsigned node)
{
    struct ike *k = s->nodes[node].ike;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            if (sa->children)
                return sa->children;
    return NULL;
}

const char *broken(const char *fmt, ...)
{
    static char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return text;
}

const char *over(struct sim *s, const char *bad)
{
    sim_end(s);
    return bad ? bad : s->broken;
}

/* ---- on the wire ---- */

static int node_at(const struct sim *s, const struct ip_addr *a)
{
    for (unsigned i = 0; i < s->n_nodes; i++)
        if (addr_eq(&s->nodes[i].end.addr, a))
            return (int)i;
    return -1;
}

static bool listen_in(struct sim *s, struct packet_in_flight *f)
{
    struct tap *t = s->meddler;
    (void)node_at;
    t->seen++;
    if (t->n < sizeof t->v / sizeof *t->v) {
        struct packet_in_flight *k = &t->v[t->n++];
        *k = *f;
        k->p = malloc(f->n ? f->n : 1);
        memcpy(k->p, f->p, f->n);
    }
    return !t->also || t->also(t, f);
}

void tap_open(struct tap *t, struct sim *s)
{
    *t = (struct tap){.s = s};
    s->meddle = listen_in;
    s->meddler = t;
}

void tap_close(struct tap *t)
{
    for (unsigned i = 0; i < t->n; i++)
        free(t->v[i].p);
    t->n = 0;
    t->s->meddle = NULL;
}

void inject(struct sim *s, const struct ike_end *from, const struct ike_end *to, const uint8_t *p, size_t n)
{
    for (unsigned i = 0; i < s->n_nodes; i++)
        if (s->nodes[i].ike && addr_eq(&s->nodes[i].end.addr, &to->addr))
            ike_input(s->nodes[i].ike, s->now, to, from, p, n);
}

void tap_replay(struct tap *t, unsigned i)
{
    inject(t->s, &t->v[i].from, &t->v[i].to, t->v[i].p, t->v[i].n);
}

/* ---- a pair ---- */

void pair_open(struct pair *x, unsigned version, int lines)
{
    struct ike_profile *p = NULL, *q = NULL;
    x->point_known = false;
    sim_init(&x->s, 1, 2);
    x->s.delay_ms = 5;
    router_init(&x->hub, version);
    router_init(&x->branch, version);
    struct ike_psk *k = router_key(&x->hub, BRANCH, 32, NULL, "secret");
    struct ike_psk *l = router_key(&x->branch, HUB, 32, NULL, "secret");
    if (version == 2) {
        p = router_profile(&x->hub, 2, "P", NULL, NULL);
        profile_match_address(&x->hub, p, BRANCH, 32);
        profile_key(&x->hub, p, k);
        q = router_profile(&x->branch, 2, "Q", NULL, NULL);
        profile_match_address(&x->branch, q, HUB, 32);
        profile_key(&x->branch, q, l);
    }
    struct ike_entry *e = router_entry(&x->hub, version, HUB, BRANCH, p);
    struct ike_entry *f = router_entry(&x->branch, version, BRANCH, HUB, q);
    for (int i = 0; i < lines; i++) {
        entry_line(&x->hub, e, CHILD(i), 1, i, 2, i);
        entry_line(&x->branch, f, CHILD(i), 2, i, 1, i);
    }
}

void pair_start(struct pair *x)
{
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, BRANCH);
    tap_open(&x->tap, &x->s);
}

const char *pair_over(struct pair *x, const char *bad)
{
    tap_close(&x->tap);
    return over(&x->s, bad);
}

const char *pair_reloads(struct pair *x, unsigned node, const struct router *from, const struct router *to)
{
    struct arena a;
    struct ike_moves m;
    struct ike_reload r;
    if (!arena_init(&a, SIZE_MAX))
        return "out of memory";
    ike_policy_compare(&a, &from->p, &to->p, &m);
    bool done = ike_reload(x->s.nodes[node].ike, x->s.now, &m, &r);
    arena_free(&a);
    return done ? NULL : "out of memory";
}

/* ---- jobs ---- */

struct job_queue queue;

void queue_job(void *ctx, struct ike_job *j)
{
    (void)ctx;
    if (queue.n < sizeof queue.v / sizeof *queue.v)
        queue.v[queue.n++] = j;
}

bool is_fault;

void look_for_fault(void *ctx, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
                    const char *text)
{
    (void)ctx, (void)e, (void)l, (void)sa, (void)c;
    is_fault |= strstr(text, "fault of the program") != NULL;
}

const uint8_t *packet_header(const struct packet_in_flight *f)
{
    return f->p + (memcmp(f->p, "\0\0\0\0", 4) == 0 ? 4 : 0);
}

bool is_from(const struct sim *s, const struct packet_in_flight *f, unsigned node)
{
    return addr_eq(&f->from.addr, &s->nodes[node].end.addr);
}

bool comes_late(struct sim *s, struct packet_in_flight *f, uint64_t ms)
{
    if (f->is_late)
        return true;
    if (s->n_air == s->cap_air) {
        s->cap_air *= 2;
        s->air = realloc(s->air, s->cap_air * sizeof *s->air);
    }
    struct packet_in_flight again = *f;
    again.is_late = true;
    again.p = malloc(f->n);
    memcpy(again.p, f->p, f->n);
    again.at = s->now + ms;
    s->air[s->n_air++] = again;
    return false;
}

void power_off(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    ike_free(n->ike);
    n->ike = NULL;
    n->n = n->n_outs = n->n_policies = 0;
    s->broken = NULL; /* what its engine left in its kernel */
    for (unsigned i = 0; i < s->n_air; i++)
        free(s->air[i].p);
    s->n_air = 0;
}

void many_lines(struct router *r, struct ike_line *lines, unsigned n, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < n; i++) {
        lines[i] = (struct ike_line){.reqid = CHILD(i), .line = 400 + i};
        struct ike_selector *sel = &lines[i].sel;
        *sel = (struct ike_selector){.family = FAMILY_V4, .sport_hi = 65535, .dport_hi = 65535};
        sel->src_lo = sel->src_hi = (struct ip_addr){FAMILY_V4, {10, (uint8_t)a, 0, (uint8_t)i}};
        sel->dst_lo = sel->dst_hi = (struct ip_addr){FAMILY_V4, {10, (uint8_t)b, 0, (uint8_t)i}};
    }
    r->entries[0].lines = lines;
    r->entries[0].n_lines = n;
}
