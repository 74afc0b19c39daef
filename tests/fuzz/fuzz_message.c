/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer target: both versions' codecs on raw bytes; what is read is written and read again. */
#include <stdlib.h>
#include <string.h>

#include "backends/ike/message/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* the engine is linked, but not run here */
void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room);
void ike_fuzz_plain(uint8_t *p, size_t *n, size_t room)
{
    (void)p, (void)n, (void)room;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void v2_sa(const struct ike_payload *pl)
{
    struct rd r = rd_of(pl->p, pl->n);
    struct ike2_proposal p, q;
    uint8_t out[4096];
    while (ike2_proposal_read(&r, &p)) {
        bool known = true;
        for (unsigned i = 0; i < p.n; i++)
            known &= !p.v[i].unknown;
        struct wr w = wr_to(out, sizeof out);
        ike2_proposal_write(&w, &p, true);
        struct rd again = rd_of(out, w.n);
        if (!w.bad && known)
            must(ike2_proposal_read(&again, &q) && q.n == p.n && q.spi_len == p.spi_len &&
                 memcmp(q.spi, p.spi, p.spi_len) == 0);
    }
}

static void v1_sa(const struct ike_payload *pl)
{
    for (int phase2 = 0; phase2 < 2; phase2++) {
        struct rd r = rd_of(pl->p, pl->n);
        struct ike1_proposal p;
        uint8_t out[8192];
        if (!ike1_sa_begin(&r))
            return;
        while (ike1_proposal_read(&r, &p, phase2)) {
            struct wr w = wr_to(out, sizeof out);
            ike1_proposal_write(&w, &p, true, phase2);
        }
    }
}

static void payload(const struct ike_payload *pl)
{
    struct ike_ts ts[IKE_TS_MAX], one;
    struct ike_notify n;
    struct ike_delete d;
    struct ike_id id;
    char text[IKE_ID_TEXT_MAX];
    unsigned count;
    uint16_t group;
    const uint8_t *p;
    size_t len;
    v2_sa(pl);
    v1_sa(pl);
    if (ike2_ts_read(pl, ts, &count))
        for (unsigned i = 0; i < count; i++) {
            ike_ts_prefix(&ts[i]);
            ike_ts_intersect(&ts[i], &ts[0], &one);
        }
    ike2_notify_read(pl, &n);
    ike1_notify_read(pl, &n);
    if (ike2_delete_read(pl, &d) && d.n)
        must(d.spis >= pl->p && d.spis + (size_t)d.n * d.spi_len <= pl->p + pl->n);
    if (ike1_delete_read(pl, &d) && d.n)
        must(d.spis >= pl->p && d.spis + (size_t)d.n * d.spi_len <= pl->p + pl->n);
    if (ike_id_read(pl, &id))
        ike_id_text(&id, text);
    ike1_id_ts(pl, &one);
    if (ike2_ke_read(pl, &group, &p, &len))
        must(p >= pl->p && p + len <= pl->p + pl->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ike_message m = {.n = 0};
    struct rd r = rd_of(data, size);
    uint8_t inner;
    if (size && ike_header_read(&r, &m.h) && ike_chain_read(&r, m.h.next, &m, &inner)) {
        ike2_check(&m);
        for (unsigned i = 0; i < m.n; i++) {
            must(m.v[i].p >= data && m.v[i].p + m.v[i].n <= data + size);
            payload(&m.v[i]);
        }
    }
    const struct ike_payload all = {0, false, data, (uint16_t)(size < 65535 ? size : 65535)};
    payload(&all); /* whatever the header says */
    return 0;
}
