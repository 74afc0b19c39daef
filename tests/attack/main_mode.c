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
