/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libFuzzer target: the engine as a whole. Two engines talk over the simulated network; the input says what they are
 * told to do, and damages what they say: datagrams in the air, and payloads before they are encrypted (ike_fuzz_plain),
 * so that damage gets behind the integrity check too. Raw datagrams from a stranger come in between.
 */
#include <string.h>

#include "tests/sim/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room);

struct input {
    const uint8_t *p;
    size_t n;
};
static struct input *current;

static uint8_t byte(struct input *in)
{
    if (!in->n)
        return 0;
    in->n--;
    return *in->p++;
}

/* Change, cut, lengthen or leave alone. */
static void damage(struct input *in, uint8_t *p, size_t *n, size_t room)
{
    uint8_t what = byte(in);
    if (!in->n || what & 0x80 || !*n)
        return;
    size_t at = (size_t)(byte(in) | byte(in) << 8) % *n;
    switch (what & 7) {
    case 0:
        *n = at;
        break;
    case 1:
        for (unsigned k = byte(in) & 15; k && *n < room; k--)
            p[(*n)++] = byte(in);
        break;
    case 2:
        p[at] = (uint8_t)(p[at] + 1);
        break;
    case 3:
        for (unsigned k = 0; k < 4 && at + k < *n; k++)
            p[at + k] = byte(in);
        break;
    default:
        p[at] = byte(in);
    }
}

void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room)
{
    if (current && current->n && byte(current) & 1)
        damage(current, p, n, room);
}

static bool meddle(struct sim *s, struct packet_in_flight *f)
{
    struct input *in = s->meddler;
    if (!in->n || byte(in) & 3)
        return true;
    uint8_t *bigger = malloc(f->n + 16);
    memcpy(bigger, f->p, f->n);
    free(f->p);
    f->p = bigger;
    damage(in, f->p, &f->n, f->n + 16);
    return true;
}

static void stranger(struct sim *s, struct input *in)
{
    struct ike_end from = s->nodes[1].end;
    uint8_t raw[600];
    size_t n = 0, want = (size_t)byte(in) * 2;
    from.addr.b[3] = (uint8_t)(9 + (byte(in) & 1) * 100);
    while (in->n && n < want)
        raw[n++] = byte(in);
    if (n >= IKE_HEADER_LEN) { /* a length that fits gets further */
        raw[24] = raw[25] = 0;
        raw[26] = (uint8_t)(n >> 8);
        raw[27] = (uint8_t)n;
    }
    ike_input(s->nodes[0].ike, s->now, &s->nodes[0].end, &from, raw, n);
}

static void act(struct sim *s, struct sim_node *n, struct input *in)
{
    uint8_t what = byte(in);
    struct ike_sa *sa = n->ike->heap_n ? n->ike->heap[byte(in) % n->ike->heap_n] : NULL;
    switch (what % 8) {
    case 0:
    case 1:
        ike_acquire(n->ike, s->now, 0x5c000001u + what / 8 % 3, NULL, NULL, NULL);
        break;
    case 2:
        if (sa && sa->children)
            ike_expire(n->ike, s->now, &sa->remote.addr, &sa->local.addr, sa->children->spi_in, what & 8);
        break;
    case 3:
        if (sa && sa->state == IKE_ESTABLISHED) {
            sa->rekey_at = s->now;
            ike_timer_update(n->ike, sa);
        }
        break;
    case 4:
        ike_clear_children(n->ike, s->now, NULL, NULL, 0);
        break;
    case 5:
        if (what & 0x40)
            ike_clear(n->ike, s->now, NULL, 0, 0);
        break;
    default:
        stranger(s, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct sim s;
    struct sim_policy a, b;
    uint8_t how = byte(&in);
    current = &in;
    sim_init(&s, how >> 1 & 15, 2);
    sim_pair(&s, &a, &b, 1 + (how & 1));
    sim_node_start(&s, 0, &a.p, "192.0.2.1");
    sim_node_start(&s, 1, &b.p, "192.0.2.2");
    s.meddle = meddle;
    s.meddler = &in;
    ike_acquire(s.nodes[0].ike, s.now, 0x5c000001, NULL, NULL, NULL);
    for (int i = 0; i < 24 && in.n; i++) {
        sim_run(&s, 10u << (byte(&in) & 12));
        act(&s, &s.nodes[i & 1], &in);
    }
    sim_run(&s, 5000);
    current = NULL;
    sim_end(&s);
    return 0;
}
