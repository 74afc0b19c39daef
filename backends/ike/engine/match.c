/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is who: identities, keys, entries. */
#include "backends/ike/engine/engine.h"

bool ike_addr_in(const struct ip_addr *a, const struct ip_addr *net, unsigned plen)
{
    if (a->family != net->family)
        return false;
    for (unsigned i = 0; i < plen; i++)
        if ((a->b[i / 8] ^ net->b[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

static bool same_text(const struct ike_bytes *want, const uint8_t *p, size_t n, bool domain)
{
    if (domain ? n < want->n : n != want->n)
        return false;
    p += n - want->n;
    for (uint32_t i = 0; i < want->n; i++)
        if (str_lower((char)want->p[i]) != str_lower((char)p[i]))
            return false;
    return true;
}

bool ike_match(const struct ike_match *m, const struct ip_addr *addr, const struct ike_id *id)
{
    if (m->any)
        return true;
    if (m->addr.family != FAMILY_NONE) {
        struct ip_addr a = {0};
        if (id && (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6)) {
            a.family = id->n == 4 ? FAMILY_V4 : FAMILY_V6;
            if (id->n == 4 || id->n == 16)
                memcpy(a.b, id->p, id->n);
            return ike_addr_in(&a, &m->addr, m->plen);
        }
        return !id && addr && ike_addr_in(addr, &m->addr, m->plen);
    }
    if (!id || (m->id_type && m->id_type != id->type) || id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6)
        return false;
    return same_text(&m->value, id->p, id->n, m->domain);
}

const struct ike_psk *ike_psk_find(const struct ike_psk *v, unsigned n, const struct ip_addr *addr,
                                   const struct ike_id *id)
{
    const struct ike_psk *best = NULL;
    for (unsigned i = 0; i < n; i++) { /* an identity says more than an address */
        if (id && v[i].who.addr.family == FAMILY_NONE && !v[i].who.any && ike_match(&v[i].who, addr, id))
            return &v[i];
    }
    for (unsigned i = 0; i < n; i++) {
        const struct ike_match *m = &v[i].who;
        if (m->addr.family == FAMILY_NONE || !addr || !ike_addr_in(addr, &m->addr, m->plen))
            continue;
        if (!best || m->plen > best->who.plen)
            best = &v[i];
    }
    for (unsigned i = 0; i < n && !best; i++)
        if (v[i].who.any)
            best = &v[i];
    return best;
}

static bool has_peer(const struct ike_entry *e, const struct ip_addr *remote)
{
    if (e->dynamic && e->n_peers == 0)
        return true;
    for (unsigned i = 0; i < e->n_peers; i++)
        if (addr_eq(&e->peers[i].addr, remote))
            return true;
    return false;
}

const struct ike_entry *ike_entry_for(const struct ike *ike, const struct ip_addr *local, const struct ip_addr *remote,
                                      const struct ike_entry *from)
{
    const struct ike_entry *v = ike->policy->entries;
    for (unsigned i = from ? (unsigned)(from - v) + 1 : 0; i < ike->policy->n_entries; i++)
        if ((v[i].local.family == FAMILY_NONE || addr_eq(&v[i].local, local)) && has_peer(&v[i], remote))
            return &v[i];
    return NULL;
}

void ike_line_ts(const struct ike_line *l, struct ike_ts *src, struct ike_ts *dst)
{
    const struct ike_selector *s = &l->sel;
    *src = (struct ike_ts){s->family, s->proto, s->sport_lo, s->sport_hi, s->src_lo, s->src_hi};
    *dst = (struct ike_ts){s->family, s->proto, s->dport_lo, s->dport_hi, s->dst_lo, s->dst_hi};
}
