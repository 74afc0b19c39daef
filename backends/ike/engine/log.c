/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened, in one line each. */
#include <stdarg.h>
#include <stdio.h>

#include "backends/ike/engine/engine.h"

void ike_log(struct ike *ike, enum ike_event e, enum ike_level l, const struct ike_sa *sa, const struct ike_child *c,
             const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ike->stats.refused += e == EV_REFUSED;
    if (ike->host.event)
        ike->host.event(ike->host.ctx, e, l, sa, c, text);
}

bool ike_may_say(const struct ike *ike, struct ike_quota *q, unsigned a_minute, uint32_t *unsaid)
{
    if (!q->said || ike->now >= q->from + 60000) {
        q->from = ike->now;
        q->said = 0;
    }
    if (q->said == a_minute) {
        q->unsaid++;
        return false;
    }
    *unsaid = q->unsaid;
    q->unsaid = 0;
    q->said++;
    return true;
}

const char *ike_choice_text(const struct ike_choice *c, char out[static 32])
{
    const struct algo *a = algo_get((enum algo_id)c->alg);
    const char *name = a->ios_ikev2 ? a->ios_ikev2 : a->name ? a->name : "none";
    if (a->kind == ALGO_DH)
        snprintf(out, 32, "group %s", name);
    else if (a->kind == ALGO_ENCR && a->keys[1])
        snprintf(out, 32, "%s-%u", name, c->bits ? c->bits : a->keys[0]);
    else
        snprintf(out, 32, "%s", name);
    return out;
}

const char *ike_suite_text(const struct ike_suite *s, char out[static 128])
{
    char e[32], i[32], p[32], d[32];
    const struct ike_choice encr = {(uint16_t)s->encr, s->encr_bits}, integ = {(uint16_t)s->integ, 0},
                            prf = {(uint16_t)s->prf, 0}, dh = {(uint16_t)s->dh, 0};
    if (s->integ == ALGO_NONE)
        snprintf(out, 128, "%s prf %s %s", ike_choice_text(&encr, e), ike_choice_text(&prf, p),
                 ike_choice_text(&dh, d));
    else
        snprintf(out, 128, "%s %s prf %s %s", ike_choice_text(&encr, e), ike_choice_text(&integ, i),
                 ike_choice_text(&prf, p), ike_choice_text(&dh, d));
    return out;
}

const char *ike_ts_text(const struct ike_ts *t, char out[static 128])
{
    char lo[ADDR_TEXT_MAX], hi[ADDR_TEXT_MAX], ports[32] = "";
    int plen = ike_ts_prefix(t);
    if (t->port_lo == t->port_hi)
        snprintf(ports, sizeof ports, "/%u", t->port_lo);
    else if (t->port_lo || t->port_hi != 65535)
        snprintf(ports, sizeof ports, "/%u-%u", t->port_lo, t->port_hi);
    int n = plen >= 0 ? snprintf(out, 128, "%s/%d", addr_text(&t->lo, lo), plen)
                      : snprintf(out, 128, "%s-%s", addr_text(&t->lo, lo), addr_text(&t->hi, hi));
    if (t->proto && n > 0)
        snprintf(out + n, 128 - (size_t)n, " proto %u%s", t->proto, ports);
    return out;
}

void ike_send_raw(struct ike *ike, const struct ike_sa *sa, const uint8_t *p, size_t n)
{
    ike->stats.datagrams_out++;
    ike->host.send(ike->host.ctx, &sa->local, &sa->remote, p, n);
}
