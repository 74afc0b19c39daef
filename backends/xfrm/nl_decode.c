/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel reports about its IPsec databases, as plain data. Lengths are checked before anything is read. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/xfrm.h>

#include "backends/xfrm/kernel.h"

static uint8_t family_from(uint16_t f)
{
    return f == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
}

static struct ip_addr get_addr(const xfrm_address_t *a, uint16_t family)
{
    struct ip_addr r = {.family = family_from(family)};
    memcpy(r.b, a, r.family == FAMILY_V6 ? 16 : 4);
    return r;
}

static void get_selector(const struct xfrm_selector *s, struct xfrm_sel *out)
{
    memset(out, 0, sizeof *out);
    out->family = family_from(s->family);
    size_t n = out->family == FAMILY_V6 ? 16 : 4;
    memcpy(out->src, &s->saddr, n);
    memcpy(out->dst, &s->daddr, n);
    out->src_plen = s->prefixlen_s;
    out->dst_plen = s->prefixlen_d;
    out->proto = s->proto;
    out->sport = ntohs(s->sport);
    out->sport_mask = ntohs(s->sport_mask);
    out->dport = ntohs(s->dport);
    out->dport_mask = ntohs(s->dport_mask);
    out->ifindex = (uint32_t)s->ifindex;
}

static bool is_any(const struct ip_addr *a)
{
    for (int i = 0; i < 16; i++)
        if (a->b[i])
            return false;
    return true;
}

/* An address that means "any" has no family, as in plans. */
static struct ip_addr end_of(const xfrm_address_t *a, uint16_t family)
{
    struct ip_addr r = get_addr(a, family);
    return is_any(&r) ? (struct ip_addr){0} : r;
}

static void get_templates(const struct nlattr *a, struct xfrm_pol *out)
{
    size_t n = mnl_attr_get_payload_len(a) / sizeof(struct xfrm_user_tmpl);
    for (size_t i = 0; i < n && i < 2; i++) {
        struct xfrm_user_tmpl t;
        memcpy(&t, (const char *)mnl_attr_get_payload(a) + i * sizeof t, sizeof t);
        out->tmpl[i] = (struct xfrm_tmpl){.src = end_of(&t.saddr, t.family),
                                          .dst = end_of(&t.id.daddr, t.family),
                                          .reqid = t.reqid,
                                          .proto = t.id.proto,
                                          .mode = t.mode,
                                          .optional = t.optional != 0};
    }
    out->ntmpl = (uint8_t)(n > 2 ? 3 : n); /* 3: more than we ever make, so it differs */
}

static void get_mark(const struct nlattr *a, struct xfrm_pol *out)
{
    struct xfrm_mark m;
    if (mnl_attr_get_payload_len(a) < sizeof m)
        return;
    memcpy(&m, mnl_attr_get_payload(a), sizeof m);
    out->mark = m.v;
    out->mark_mask = m.m;
}

static bool is_sub(const struct nlattr *a)
{
    if (mnl_attr_get_type(a) != XFRMA_POLICY_TYPE)
        return false;
    struct xfrm_userpolicy_type t;
    if (mnl_attr_get_payload_len(a) < sizeof t)
        return false;
    memcpy(&t, mnl_attr_get_payload(a), sizeof t);
    return t.type == XFRM_POLICY_TYPE_SUB;
}

/* With a mark, an interface or of the second type it is another policy than any of ours. Packets without a mark come to
 * it where its mark is zero. */
static void note_other(const struct nlattr *a, struct xfrm_pol *out)
{
    struct xfrm_mark m = {0, 0};
    if (mnl_attr_get_type(a) == XFRMA_MARK && mnl_attr_get_payload_len(a) >= sizeof m)
        memcpy(&m, mnl_attr_get_payload(a), sizeof m);
    out->is_sub |= is_sub(a);
    out->is_bound |= mnl_attr_get_type(a) == XFRMA_IF_ID || m.v;
}

/* One that ends by itself is no wall for long; `localok` and `icmp` say more than we ever do. */
static bool is_altered(const struct xfrm_userpolicy_info *i)
{
    const struct xfrm_lifetime_cfg *l = &i->lft;
    const uint64_t seconds = l->soft_add_expires_seconds | l->hard_add_expires_seconds | l->soft_use_expires_seconds |
                             l->hard_use_expires_seconds;
    const uint64_t amounts[] = {l->soft_byte_limit, l->hard_byte_limit, l->soft_packet_limit, l->hard_packet_limit};
    bool is_limited = seconds != 0;
    for (size_t k = 0; k < sizeof amounts / sizeof *amounts; k++)
        is_limited |= amounts[k] != XFRM_INF;
    return is_limited || i->flags;
}

bool xfrm_get_policy(const struct nlmsghdr *h, struct xfrm_pol *out)
{
    if (h->nlmsg_type != XFRM_MSG_NEWPOLICY || mnl_nlmsg_get_payload_len(h) < sizeof(struct xfrm_userpolicy_info))
        return false;
    struct xfrm_userpolicy_info info, *i = &info;
    memcpy(&info, mnl_nlmsg_get_payload(h), sizeof info); /* messages are aligned to four bytes only */
    *out = (struct xfrm_pol){.dir = i->dir, .priority = i->priority, .index = i->index};
    out->action = i->action == XFRM_POLICY_BLOCK ? XFRM_DO_BLOCK : XFRM_DO_ALLOW;
    out->is_altered = is_altered(i);
    get_selector(&i->sel, &out->sel);
    bool is_another = false;
    NETLINK_FOR_ATTRS (a, h, sizeof *i) {
        uint16_t type = mnl_attr_get_type(a);
        if (type == XFRMA_TMPL)
            get_templates(a, out);
        else if (type == XFRMA_MARK && (i->index & XFRM_INDEX_MASK) == XFRM_INDEX_PEERS)
            get_mark(a, out);
        else if (type == XFRMA_MARK || type == XFRMA_IF_ID || is_sub(a))
            note_other(a, out), is_another = true;
    }
    if (is_another)
        out->index = 0; /* not one of ours */
    return out->dir < XFRM_DIRS;
}

static void get_alg(const struct nlattr *a, size_t head, struct arena *ar, struct xfrm_alg_key *out)
{
    size_t len = mnl_attr_get_payload_len(a);
    const char *p = mnl_attr_get_payload(a);
    struct xfrm_algo_auth alg;
    if (len < head)
        return;
    memset(&alg, 0, sizeof alg);
    memcpy(&alg, p, head);
    alg.alg_name[sizeof alg.alg_name - 1] = '\0';
    size_t bytes = (alg.alg_key_len + 7) / 8;
    if (bytes > len - head || bytes > XFRM_KEY_MAX)
        bytes = 0; /* the kernel hides keys from those who may not see them */
    out->name = arena_strndup(ar, alg.alg_name, strlen(alg.alg_name));
    out->icv = head == sizeof alg ? (uint16_t)alg.alg_trunc_len : 0;
    out->len = (uint16_t)bytes;
    memcpy(out->key, p + head, bytes);
}

bool xfrm_get_sa(const struct nlmsghdr *h, struct arena *ar, struct xfrm_sa *out)
{
    if (h->nlmsg_type != XFRM_MSG_NEWSA || mnl_nlmsg_get_payload_len(h) < sizeof(struct xfrm_usersa_info))
        return false;
    struct xfrm_usersa_info info, *i = &info;
    memcpy(&info, mnl_nlmsg_get_payload(h), sizeof info);
    *out = (struct xfrm_sa){.spi = ntohl(i->id.spi), .proto = i->id.proto, .mode = i->mode, .reqid = i->reqid};
    out->src = get_addr(&i->saddr, i->family);
    out->dst = get_addr(&i->id.daddr, i->family);
    out->replay_window = i->replay_window;
    out->esn = (i->flags & XFRM_STATE_ESN) != 0;
    out->no_pmtu = (i->flags & XFRM_STATE_NOPMTUDISC) != 0;
    out->no_ecn = (i->flags & XFRM_STATE_NOECN) != 0;
    get_selector(&i->sel, &out->sel);
    out->count = (struct xfrm_counters){.bytes = i->curlft.bytes,
                                        .packets = i->curlft.packets,
                                        .added_s = i->curlft.add_time,
                                        .used_s = i->curlft.use_time,
                                        .replay_errors = i->stats.replay,
                                        .integrity_errors = i->stats.integrity_failed};
    NETLINK_FOR_ATTRS (a, h, sizeof *i) {
        switch (mnl_attr_get_type(a)) {
        case XFRMA_ALG_AUTH_TRUNC:
            get_alg(a, sizeof(struct xfrm_algo_auth), ar, &out->auth);
            break;
        case XFRMA_ALG_CRYPT:
            get_alg(a, sizeof(struct xfrm_algo), ar, &out->crypt);
            break;
        case XFRMA_ALG_AEAD:
            get_alg(a, sizeof(struct xfrm_algo_aead), ar, &out->aead);
            break;
        case XFRMA_REPLAY_ESN_VAL: {
            struct xfrm_replay_state_esn e;
            if (mnl_attr_get_payload_len(a) >= sizeof e) {
                memcpy(&e, mnl_attr_get_payload(a), sizeof e);
                out->replay_window = e.replay_window;
                out->count.out_seq = e.oseq;
            }
            break;
        }
        case XFRMA_REPLAY_VAL: {
            struct xfrm_replay_state r;
            if (mnl_attr_get_payload_len(a) >= sizeof r) {
                memcpy(&r, mnl_attr_get_payload(a), sizeof r);
                out->count.out_seq = r.oseq;
            }
            break;
        }
        }
    }
    return true;
}

/* ---- dumps ---- */

static int policy_row(const struct nlmsghdr *h, void *arg)
{
    struct xfrm_kernel *k = arg;
    struct xfrm_pol p, *kept;
    if (!xfrm_get_policy(h, &p))
        return 0;
    kept = ARENA_NEW(k->arena, struct xfrm_pol);
    *kept = p;
    ptrlist_add(k->arena, &k->policies, kept);
    return 0;
}

static void policies_again(void *arg)
{
    ((struct xfrm_kernel *)arg)->policies.n = 0;
}

static int sa_row(const struct nlmsghdr *h, void *arg)
{
    struct xfrm_kernel *k = arg;
    struct xfrm_sa s, *kept;
    if (!xfrm_get_sa(h, k->arena, &s))
        return 0;
    kept = ARENA_NEW(k->arena, struct xfrm_sa);
    *kept = s;
    ptrlist_add(k->arena, &k->sas, kept);
    return 0;
}

static void sas_again(void *arg)
{
    ((struct xfrm_kernel *)arg)->sas.n = 0;
}

static int read_thresholds(struct netlink *n, struct xfrm_kernel *k)
{
    struct netlink_batch b = {0};
    char answer[4096] __attribute__((aligned(8)));
    void *body;
    struct nlmsghdr *h = netlink_begin(n, &b, XFRM_MSG_GETSPDINFO, NLM_F_REQUEST, sizeof(uint32_t), 256, &body);
    if (!h)
        return -ENOMEM;
    memset(body, 0xff, sizeof(uint32_t));
    netlink_end(&b, h);
    ssize_t r = mnl_socket_sendto(n->socket, b.bytes.p, b.bytes.len);
    netlink_batch_free(&b);
    if (r < 0 || (r = mnl_socket_recvfrom(n->socket, answer, sizeof answer)) < 0)
        return -errno;
    const struct nlmsghdr *m = (void *)answer;
    if (!mnl_nlmsg_ok(m, (int)r) || m->nlmsg_type != XFRM_MSG_NEWSPDINFO)
        return 0; /* an old kernel: the thresholds stay as they are */
    NETLINK_FOR_ATTRS (a, m, sizeof(uint32_t)) {
        int v6 = mnl_attr_get_type(a) == XFRMA_SPD_IPV6_HTHRESH;
        if ((v6 || mnl_attr_get_type(a) == XFRMA_SPD_IPV4_HTHRESH) &&
            mnl_attr_get_payload_len(a) >= sizeof(struct xfrmu_spdhthresh)) {
            const struct xfrmu_spdhthresh *t = mnl_attr_get_payload(a);
            k->hash_threshold[v6][0] = t->lbits;
            k->hash_threshold[v6][1] = t->rbits;
        }
    }
    return 0;
}

int xfrm_kernel_read_sas(struct netlink *n, struct arena *ar, struct xfrm_kernel *k)
{
    const struct xfrm_usersa_id none = {0};
    *k = (struct xfrm_kernel){.arena = ar};
    return netlink_dump(n, XFRM_MSG_GETSA, sizeof none, &none, sa_row, k, sas_again);
}

void xfrm_kernel_index(struct xfrm_kernel *k)
{
    symtab_reserve(k->arena, &k->by_selector, k->policies.n);
    PTRLIST_FOR (struct xfrm_pol, p, &k->policies) {
        if (p->index && !p->mark_mask) /* with a mark: another policy whatever its selector */
            symtab_put(k->arena, &k->by_selector, xfrm_sel_key(&p->sel), p->dir, p);
    }
}

int xfrm_kernel_read(struct netlink *n, struct arena *ar, struct xfrm_kernel *k)
{
    const struct xfrm_userpolicy_id none = {0};
    int r = xfrm_kernel_read_sas(n, ar, k);
    if (r == 0)
        r = netlink_dump(n, XFRM_MSG_GETPOLICY, sizeof none, &none, policy_row, k, policies_again);
    if (r == 0)
        xfrm_kernel_index(k);
    return r ? r : read_thresholds(n, k);
}
