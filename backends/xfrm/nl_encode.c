/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XFRM netlink messages from plain data (linux/xfrm.h). The only place that makes them. */
#include <arpa/inet.h>
#include <linux/udp.h>
#include <linux/xfrm.h>

#include "backends/xfrm/kernel.h"

static uint16_t family_of(uint8_t f)
{
    return f == FAMILY_V6 ? AF_INET6 : AF_INET;
}

static void put_addr(xfrm_address_t *out, const struct ip_addr *a)
{
    memset(out, 0, sizeof *out);
    memcpy(out, a->b, a->family == FAMILY_V6 ? 16 : 4);
}

static void put_selector(struct xfrm_selector *out, const struct xfrm_sel *s)
{
    size_t n = s->family == FAMILY_V6 ? 16 : 4;
    memset(out, 0, sizeof *out);
    memcpy(&out->saddr, s->src, n);
    memcpy(&out->daddr, s->dst, n);
    out->prefixlen_s = s->src_plen;
    out->prefixlen_d = s->dst_plen;
    out->family = family_of(s->family);
    out->proto = s->proto;
    out->sport = htons(s->sport);
    out->sport_mask = htons(s->sport_mask);
    out->dport = htons(s->dport);
    out->dport_mask = htons(s->dport_mask);
    out->ifindex = (int)s->ifindex;
}

static void no_limits(struct xfrm_lifetime_cfg *l)
{
    l->soft_byte_limit = l->hard_byte_limit = l->soft_packet_limit = l->hard_packet_limit = XFRM_INF;
}

static void put_template(struct xfrm_user_tmpl *out, const struct xfrm_tmpl *t, uint8_t family)
{
    put_addr(&out->id.daddr, &t->dst);
    put_addr(&out->saddr, &t->src);
    out->id.proto = t->proto;
    out->family = family_of(t->dst.family ? t->dst.family : t->src.family ? t->src.family : family);
    out->reqid = t->reqid;
    out->mode = t->mode;
    out->optional = t->optional;
    out->aalgos = out->ealgos = out->calgos = ~0u;
}

static void put_mark(struct nlmsghdr *h, const struct xfrm_pol *p)
{
    const struct xfrm_mark m = {p->mark, p->mark_mask};
    if (p->mark_mask)
        mnl_attr_put(h, XFRMA_MARK, sizeof m, &m);
}

bool xfrm_put_policy(struct netlink *n, struct netlink_batch *b, const struct xfrm_pol *p, bool update)
{
    void *body;
    struct nlmsghdr *h = netlink_begin(n, b, update ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY, NLM_F_REQUEST,
                                       sizeof(struct xfrm_userpolicy_info), XFRM_MESSAGE_MAX, &body);
    if (!h)
        return false;
    struct xfrm_userpolicy_info i = {.priority = p->priority, .index = p->index, .dir = p->dir};
    put_selector(&i.sel, &p->sel);
    no_limits(&i.lft);
    i.action = p->action == XFRM_DO_BLOCK ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
    memcpy(body, &i, sizeof i); /* messages are aligned to four bytes only */
    struct xfrm_user_tmpl t[2] = {0};
    for (int k = 0; k < p->ntmpl; k++)
        put_template(&t[k], &p->tmpl[k], p->sel.family);
    if (p->ntmpl)
        mnl_attr_put(h, XFRMA_TMPL, p->ntmpl * sizeof *t, t);
    put_mark(h, p);
    netlink_end(b, h);
    return true;
}

bool xfrm_put_policy_delete(struct netlink *n, struct netlink_batch *b, const struct xfrm_pol *p)
{
    void *body;
    struct nlmsghdr *h = netlink_begin(n, b, XFRM_MSG_DELPOLICY, NLM_F_REQUEST, sizeof(struct xfrm_userpolicy_id),
                                       XFRM_MESSAGE_MAX, &body);
    if (!h)
        return false;
    /* by number: whatever the selector has become */
    const struct xfrm_userpolicy_id i = {.index = p->index, .dir = p->dir};
    memcpy(body, &i, sizeof i);
    put_mark(h, p);
    netlink_end(b, h);
    return true;
}

static void put_alg(struct nlmsghdr *h, uint16_t type, const struct xfrm_alg_key *a)
{
    union {
        struct xfrm_algo plain;
        struct xfrm_algo_auth auth;
        struct xfrm_algo_aead aead;
        uint8_t room[sizeof(struct xfrm_algo_auth) + XFRM_KEY_MAX];
    } u;
    memset(&u, 0, sizeof u);
    size_t head;
    strncpy(u.plain.alg_name, a->name, sizeof u.plain.alg_name - 1);
    u.plain.alg_key_len = a->len * 8u;
    if (type == XFRMA_ALG_CRYPT) {
        head = sizeof u.plain;
    } else { /* both have the same shape: name, key length, ICV length, key */
        u.auth.alg_trunc_len = a->icv;
        head = sizeof u.auth;
    }
    memcpy(u.room + head, a->key, a->len);
    mnl_attr_put(h, type, head + a->len, &u);
    explicit_bzero(&u, sizeof u);
}

/* From Linux 6.10 on; earlier kernels ignore it. Not in the headers of Debian 12. */
#define SA_DIR_ATTRIBUTE 33
enum sa_dir { SA_DIR_IN = 1, SA_DIR_OUT = 2 };

static void put_direction(struct nlmsghdr *h, const struct xfrm_sa *s)
{
    mnl_attr_put_u8(h, SA_DIR_ATTRIBUTE, s->outbound ? SA_DIR_OUT : SA_DIR_IN);
}

/* "Replay window should be 0 for output SA", says a kernel that knows the direction. */
static uint32_t window_of(const struct xfrm_sa *s)
{
    return s->directed && s->outbound ? 0 : s->replay_window;
}

/* Windows above 32 packets need the long form; it does not by itself mean extended numbers. */
static void put_replay(struct nlmsghdr *h, const struct xfrm_sa *s)
{
    uint32_t words = (window_of(s) + 31) / 32;
    union {
        struct xfrm_replay_state_esn esn;
        uint8_t room[sizeof(struct xfrm_replay_state_esn) + 4096 / 8];
    } u;
    memset(&u, 0, sizeof u);
    u.esn.bmp_len = words;
    u.esn.replay_window = window_of(s);
    mnl_attr_put(h, XFRMA_REPLAY_ESN_VAL, sizeof u.esn + words * 4u, &u);
}

bool xfrm_put_sa(struct netlink *n, struct netlink_batch *b, const struct xfrm_sa *s)
{
    void *body;
    if (s->replay_window > 4096)
        return false;
    struct nlmsghdr *h =
        netlink_begin(n, b, XFRM_MSG_NEWSA, NLM_F_REQUEST, sizeof(struct xfrm_usersa_info), XFRM_MESSAGE_MAX, &body);
    if (!h)
        return false;
    struct xfrm_usersa_info i = {0};
    put_selector(&i.sel, &s->sel);
    put_addr(&i.id.daddr, &s->dst);
    put_addr(&i.saddr, &s->src);
    i.id.spi = htonl(s->spi);
    i.id.proto = s->proto;
    i.family = family_of(s->dst.family);
    i.mode = s->mode;
    i.reqid = s->reqid;
    i.flags = (uint8_t)((s->esn ? XFRM_STATE_ESN : 0) | (s->no_pmtu ? XFRM_STATE_NOPMTUDISC : 0) |
                        (s->no_ecn ? XFRM_STATE_NOECN : 0) | (xfrm_sa_align4(s) ? XFRM_STATE_ALIGN4 : 0));
    no_limits(&i.lft);
    if (s->soft_bytes)
        i.lft.soft_byte_limit = s->soft_bytes;
    if (s->hard_bytes)
        i.lft.hard_byte_limit = s->hard_bytes;
    i.lft.hard_add_expires_seconds = s->hard_s;
    bool long_form = window_of(s) > 32 || s->esn;
    i.replay_window = long_form ? 0 : (uint8_t)window_of(s);
    memcpy(body, &i, sizeof i);
    if (long_form)
        put_replay(h, s);
    if (s->directed)
        put_direction(h, s);
    if (s->auth.name)
        put_alg(h, XFRMA_ALG_AUTH_TRUNC, &s->auth);
    if (s->crypt.name)
        put_alg(h, XFRMA_ALG_CRYPT, &s->crypt);
    if (s->aead.name)
        put_alg(h, XFRMA_ALG_AEAD, &s->aead);
    if (s->encap_sport) {
        const struct xfrm_encap_tmpl e = {.encap_type = UDP_ENCAP_ESPINUDP,
                                          .encap_sport = htons(s->encap_sport),
                                          .encap_dport = htons(s->encap_dport)};
        mnl_attr_put(h, XFRMA_ENCAP, sizeof e, &e);
    }
    netlink_end(b, h);
    return true;
}

bool xfrm_put_sa_delete(struct netlink *n, struct netlink_batch *b, const struct xfrm_sa *s)
{
    void *body;
    struct nlmsghdr *h =
        netlink_begin(n, b, XFRM_MSG_DELSA, NLM_F_REQUEST, sizeof(struct xfrm_usersa_id), XFRM_MESSAGE_MAX, &body);
    if (!h)
        return false;
    struct xfrm_usersa_id i = {.spi = htonl(s->spi), .family = family_of(s->dst.family), .proto = s->proto};
    put_addr(&i.daddr, &s->dst);
    memcpy(body, &i, sizeof i);
    netlink_end(b, h);
    return true;
}

bool xfrm_put_thresholds(struct netlink *n, struct netlink_batch *b, const uint8_t v4[2], const uint8_t v6[2])
{
    void *body;
    struct nlmsghdr *h =
        netlink_begin(n, b, XFRM_MSG_NEWSPDINFO, NLM_F_REQUEST, sizeof(uint32_t), XFRM_MESSAGE_MAX, &body);
    if (!h)
        return false;
    const struct xfrmu_spdhthresh t4 = {v4[0], v4[1]}, t6 = {v6[0], v6[1]};
    mnl_attr_put(h, XFRMA_SPD_IPV4_HTHRESH, sizeof t4, &t4);
    mnl_attr_put(h, XFRMA_SPD_IPV6_HTHRESH, sizeof t6, &t6);
    netlink_end(b, h);
    return true;
}
