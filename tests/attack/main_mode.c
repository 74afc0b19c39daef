/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/attack/main_mode.h"

#include "backends/ike/v1/v1.h"

unsigned main_mode_kind(const struct sim *s, const struct packet_in_flight *f)
{
    const uint8_t *h = packet_header(f);
    bool is_main = h[18] == X1_MAIN && !(h[19] & IKE1_ENCRYPTED);
    if (!is_main)
        return 0;
    if (h[16] == PL1_SA)
        return is_from(s, f, 0) ? 2 : 0;
    return is_from(s, f, 0) ? 4 : 3;
}

size_t payload_body(const uint8_t *b, size_t n, uint8_t type)
{
    uint8_t next = b[16];
    for (size_t at = IKE_HEADER_LEN, len = 4; next && at + 4 <= n && len >= 4; at += len) {
        if (next == type)
            return at + 4;
        next = b[at];
        len = (size_t)b[at + 2] << 8 | b[at + 3]; /* what is encrypted may have any */
    }
    return 0;
}

size_t cut_behind_first(uint8_t *b)
{
    size_t n = IKE_HEADER_LEN + ((size_t)b[IKE_HEADER_LEN + 2] << 8 | b[IKE_HEADER_LEN + 3]);
    b[IKE_HEADER_LEN] = 0;
    b[26] = (uint8_t)(n >> 8);
    b[27] = (uint8_t)n;
    return n;
}

void hit(struct sim *s, unsigned node, const struct ike_end *from, const struct packet_in_flight *f, const uint8_t *p,
         size_t n)
{
    const struct sim_node *to_node = &s->nodes[node];
    struct ike_end to = f->to;
    if (to_node->nat) {
        bool is_natt = f->to.port == to_node->outside_port[1];
        to = (struct ike_end){to_node->end.addr, is_natt ? IKE_PORT_NATT : IKE_PORT};
    }
    ike_input(to_node->ike, s->now, &to, from, p, n);
}

struct ike_sa *standing_sa(struct sim *s, unsigned node)
{
    struct ike *k = s->nodes[node].ike;
    for (uint32_t i = 0; i < k->hash_size; i++)
        for (struct ike_sa *sa = k->by_spi[i]; sa; sa = sa->hash_next)
            if (ike_is(sa, IKE_STANDS))
                return sa;
    return NULL;
}

unsigned seconds_to_tunnel(struct sim *s, unsigned at_most)
{
    unsigned t = 0;
    for (; t < at_most && !(children_of(s, 0) && children_of(s, 1)); t++) {
        if (t % 5 == 0)
            ike_acquire(s->nodes[1].ike, s->now, CHILD(0), NULL, NULL, NULL);
        pass(s, 1000);
    }
    return t;
}

void speaks_aggressively(struct pair *x)
{
    static struct ike_aggressive_peer to_hub;
    static const uint8_t name[] = "branch.example.com";
    to_hub = (struct ike_aggressive_peer){.peer = address(HUB), .id_type = IKE_ID_FQDN, .id = {name, sizeof name - 1}};
    to_hub.key = x->branch.keys[0];
    to_hub.key.id = x->branch.p.n_key_ids = 2;
    x->branch.p.n_keys = 0;
    x->branch.p.aggressive = &to_hub;
    x->branch.p.n_aggressive = 1;
    router_key(&x->hub, NULL, 0, (const char *)name, "secret");
}

void behind_nat(struct pair *x)
{
    x->branch.entries[0].local = address("10.99.0.1");
    if (x->hub.profiles[0].version == 2) { /* the address behind the NAT is who the branch says it is */
        x->hub.p.n_keys = 0;
        memset(x->hub.keys, 0, sizeof x->hub.keys);
        profile_match_address(&x->hub, &x->hub.profiles[0], "10.99.0.0", 24);
    }
    sim_node_start(&x->s, 0, &x->hub.p, HUB);
    sim_node_start(&x->s, 1, &x->branch.p, "10.99.0.1");
    sim_node_nat(&x->s, 1, BRANCH, 4529);
}

void fails_over(struct router *r, unsigned version, unsigned i, const char *at, const char *secret)
{
    const bool is_branch = i == 1;
    const char *peer = is_branch ? "203.0.113.0" : BRANCH;
    const unsigned plen = is_branch ? 24 : 32;
    router_init(r, version);
    struct ike_profile *p = router_profile(r, version, "P", NULL, NULL);
    profile_match_address(r, p, peer, plen);
    profile_key(r, p, router_key(r, peer, plen, NULL, secret));
    struct ike_entry *e = router_entry(r, version, at, is_branch ? HUB : BRANCH, p);
    const int net = is_branch ? 2 : 1;
    entry_line(r, e, CHILD(0), net, -1, 3 - net, -1);
    if (!is_branch)
        return;
    e->peers[1] = (struct ike_peer){.addr = address(SECOND)};
    e->n_peers = 2;
}
