/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XFRM: what the kernel asks (ACQUIRE), tells (EXPIRE) and is given (SAs). Policies belong to apply. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "backends/ike/daemon/daemon.h"
#include "backends/xfrm/kernel.h"

static struct ip_addr addr_from(const xfrm_address_t *a, uint16_t af)
{
    struct ip_addr x = {.family = af == AF_INET6 ? FAMILY_V6 : FAMILY_V4};
    memcpy(x.b, a, af == AF_INET6 ? 16 : 4);
    return x;
}

/* ---- what it asks and tells ---- */

static struct ike_ts flow_end(const struct xfrm_selector *s, bool src)
{
    struct ike_ts t = {.family = s->family == AF_INET6 ? FAMILY_V6 : FAMILY_V4, .proto = s->proto, .port_hi = 65535};
    unsigned plen = src ? s->prefixlen_s : s->prefixlen_d, bytes = t.family == FAMILY_V6 ? 16 : 4;
    t.lo = t.hi = addr_from(src ? &s->saddr : &s->daddr, s->family);
    for (unsigned i = plen; i < bytes * 8; i++) {
        t.lo.b[i / 8] = (uint8_t)(t.lo.b[i / 8] & ~(0x80 >> i % 8));
        t.hi.b[i / 8] = (uint8_t)(t.hi.b[i / 8] | 0x80 >> i % 8);
    }
    uint16_t port = ntohs(src ? s->sport : s->dport);
    bool icmp = s->proto == 1 || s->proto == 58;
    if (icmp && (s->sport_mask || s->dport_mask))
        t.port_lo = t.port_hi = (uint16_t)(ntohs(s->sport) << 8 | (ntohs(s->dport) & 255));
    else if (!icmp && (src ? s->sport_mask : s->dport_mask))
        t.port_lo = t.port_hi = port;
    return t;
}

static void acquire(struct daemon *d, const struct nlmsghdr *h)
{
    struct xfrm_user_acquire a;
    struct ip_addr local = {0};
    uint32_t reqid = 0;
    if (mnl_nlmsg_get_payload_len(h) < sizeof a)
        return;
    memcpy(&a, mnl_nlmsg_get_payload(h), sizeof a);
    NETLINK_FOR_ATTRS (at, h, sizeof a) {
        struct xfrm_user_tmpl t;
        if (mnl_attr_get_type(at) == XFRMA_TMPL && mnl_attr_get_payload_len(at) >= sizeof t) {
            memcpy(&t, mnl_attr_get_payload(at), sizeof t);
            reqid = t.reqid;
            local = addr_from(&a.saddr, t.family); /* as the kernel has chosen it where the template leaves it open */
        }
    }
    if ((reqid & XFRM_INDEX_MASK) != XFRM_INDEX_OURS)
        return;
    const struct ike_ts src = flow_end(&a.sel, true), dst = flow_end(&a.sel, false);
    char s[128], t[128];
    d->acquires++;
    if (d->options.debug)
        daemon_log(IKE_DEBUG, "traffic waits for an SA: %s to %s", ike_ts_text(&src, s), ike_ts_text(&dst, t));
    if (!ike_acquire(d->ike, daemon_now(d), reqid, &local, &src, &dst))
        daemon_log(IKE_NOTICE, "traffic waits for an SA that nobody may ask for: %s to %s", ike_ts_text(&src, s),
                   ike_ts_text(&dst, t));
}

static void expire(struct daemon *d, const struct nlmsghdr *h)
{
    struct xfrm_user_expire e;
    if (mnl_nlmsg_get_payload_len(h) < sizeof e)
        return;
    memcpy(&e, mnl_nlmsg_get_payload(h), sizeof e);
    uint32_t whose = e.state.reqid & XFRM_INDEX_MASK;
    if ((whose != XFRM_INDEX_OURS && whose != IKE_REQID_DYNAMIC) || !e.state.id.spi)
        return;
    d->expires++;
    const struct ip_addr src = addr_from(&e.state.saddr, e.state.family),
                         dst = addr_from(&e.state.id.daddr, e.state.family);
    ike_expire(d->ike, daemon_now(d), &src, &dst, ntohl(e.state.id.spi), e.hard);
}

/* ---- SAs that somebody else has deleted ---- */

struct sa_name {
    struct ip_addr src, dst;
    uint32_t spi;
    uint8_t proto;
};

/* Of an SA that moves to another port the deletion is told too: what the kernel has again has not gone. */
static void look_for_sa(struct daemon *d, const struct sa_name *n)
{
    uint64_t packets;
    if (!ike_has_sa(d->ike, &n->src, &n->dst, n->spi))
        return;
    if (privileged_packets(&d->privileged, &n->dst, n->proto, n->spi, &packets) == -ESRCH)
        ike_sa_lost(d->ike, daemon_now(d), &n->src, &n->dst, n->spi);
}

static void sa_deleted(struct daemon *d, const struct nlmsghdr *h)
{
    struct xfrm_usersa_info x;
    NETLINK_FOR_ATTRS (at, h, sizeof(struct xfrm_usersa_id)) {
        if (mnl_attr_get_type(at) != XFRMA_SA || mnl_attr_get_payload_len(at) < sizeof x)
            continue;
        memcpy(&x, mnl_attr_get_payload(at), sizeof x);
        uint32_t whose = x.reqid & XFRM_INDEX_MASK;
        if (whose != XFRM_INDEX_OURS && whose != IKE_REQID_DYNAMIC)
            return;
        const struct sa_name n = {addr_from(&x.saddr, x.family), addr_from(&x.id.daddr, x.family), ntohl(x.id.spi),
                                  x.id.proto};
        look_for_sa(d, &n);
    }
}

struct sa_names {
    struct sa_name *v;
    size_t n, room;
};

static void name_sas(void *ctx, const struct ike_sa *sa)
{
    struct sa_names *names = ctx;
    for (const struct ike_child *c = sa->children; c; c = c->next) {
        const uint8_t proto = c->set->ah.alg && !c->set->encr.alg && !c->set->integ.alg ? IPPROTO_AH : IPPROTO_ESP;
        if (names->room - names->n < 2)
            return;
        names->v[names->n++] = (struct sa_name){c->in.remote.addr, c->in.local.addr, c->spi_in, proto};
        if (c->sends)
            names->v[names->n++] = (struct sa_name){c->out.local.addr, c->out.remote.addr, c->spi_out, proto};
    }
}

static void all_deleted(struct daemon *d)
{
    struct sa_names names = {.room = 2u * (d->ike->n_children + 1)};
    names.v = calloc(names.room, sizeof *names.v);
    if (!names.v)
        return;
    ike_each(d->ike, name_sas, &names);
    for (size_t i = 0; i < names.n; i++)
        look_for_sa(d, &names.v[i]);
    free(names.v);
}

static int one_sa(const struct nlmsghdr *h, void *arg)
{
    struct daemon *d = arg;
    if (h->nlmsg_type == XFRM_MSG_DELSA)
        sa_deleted(d, h);
    else if (h->nlmsg_type == XFRM_MSG_FLUSHSA)
        all_deleted(d);
    return MNL_CB_OK;
}

static void sa_readable(uv_poll_t *p, int status, int events)
{
    struct daemon *d = p->data;
    static uint8_t buffer[65536] __attribute__((aligned(8)));
    (void)events;
    for (int i = 0; status >= 0 && i < 64 && d->ike; i++) {
        ssize_t n = mnl_socket_recvfrom(d->sa_news, buffer, sizeof buffer);
        if (n < 0 && errno == ENOBUFS) /* more than is kept: any may be gone */
            all_deleted(d);
        if (n <= 0)
            break;
        mnl_cb_run(buffer, (size_t)n, 0, 0, one_sa, d);
    }
    if (d->ike)
        daemon_arm(d);
}

static int one(const struct nlmsghdr *h, void *arg)
{
    struct daemon *d = arg;
    if (h->nlmsg_type == XFRM_MSG_ACQUIRE)
        acquire(d, h);
    else if (h->nlmsg_type == XFRM_MSG_EXPIRE)
        expire(d, h);
    return MNL_CB_OK;
}

static void readable(uv_poll_t *p, int status, int events)
{
    struct daemon *d = p->data;
    static uint8_t buffer[65536] __attribute__((aligned(8)));
    (void)events;
    for (int i = 0; status >= 0 && i < 64; i++) {
        ssize_t n = mnl_socket_recvfrom(d->news, buffer, sizeof buffer);
        if (n < 0 && errno == ENOBUFS)
            daemon_log(IKE_WARNING, "the kernel's requests come faster than they are read: some are lost, traffic will "
                                    "ask again");
        if (n <= 0)
            break;
        mnl_cb_run(buffer, (size_t)n, 0, 0, one, d);
    }
    daemon_arm(d);
}

/* Hears those groups. False after a message. */
static bool hear(struct daemon *d, struct mnl_socket **news, unsigned groups, uv_poll_t *poll, uv_poll_cb readable_cb)
{
    int size = 8 << 20;
    *news = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!*news || mnl_socket_bind(*news, groups, MNL_SOCKET_AUTOPID) < 0) {
        daemon_log(IKE_ERROR, "the kernel's requests cannot be heard: %s", strerror(errno));
        return false;
    }
    setsockopt(mnl_socket_get_fd(*news), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    poll->data = d;
    return uv_poll_init(&d->loop, poll, mnl_socket_get_fd(*news)) == 0 &&
           uv_poll_start(poll, UV_READABLE, readable_cb) == 0;
}

bool kernel_open(struct daemon *d)
{
    const unsigned asks = 1u << (XFRMNLGRP_ACQUIRE - 1) | 1u << (XFRMNLGRP_EXPIRE - 1), sas = 1u << (XFRMNLGRP_SA - 1);
    return hear(d, &d->news, asks, &d->kernel_poll, readable) && hear(d, &d->sa_news, sas, &d->sa_poll, sa_readable);
}

static void closed(uv_handle_t *h)
{
    struct daemon *d = h->data;
    struct mnl_socket **news = h == (uv_handle_t *)&d->sa_poll ? &d->sa_news : &d->news;
    mnl_socket_close(*news);
    *news = NULL;
}

static void stop_hearing(const struct mnl_socket *news, uv_poll_t *poll)
{
    if (!news || !poll->data)
        return;
    uv_poll_stop(poll);
    uv_close((uv_handle_t *)poll, closed);
}

void kernel_close(struct daemon *d)
{
    stop_hearing(d->news, &d->kernel_poll);
    stop_hearing(d->sa_news, &d->sa_poll);
}

/* ---- what it is given ---- */

static void key(struct xfrm_alg_key *k, enum algo_id alg, const uint8_t *bytes, size_t n, uint16_t icv)
{
    k->name = algo_get(alg)->xfrm;
    k->icv = icv;
    k->len = (uint16_t)n;
    memcpy(k->key, bytes, n);
}

/* The kernel's selector of one line among many, or of one pair of hosts. */
static void selector(struct xfrm_sa *s, const struct ike_child *c, bool out)
{
    const struct ike_ts *src = out ? &c->ts_local : &c->ts_remote, *dst = out ? &c->ts_remote : &c->ts_local;
    int sp = ike_ts_prefix(src), dp = ike_ts_prefix(dst);
    s->sel.family = c->ts_local.family;
    if (!c->one_of_many || sp < 0 || dp < 0)
        return;
    s->sel.src_plen = (uint8_t)sp;
    s->sel.dst_plen = (uint8_t)dp;
    s->sel.proto = src->proto;
    memcpy(s->sel.src, src->lo.b, 16);
    memcpy(s->sel.dst, dst->lo.b, 16);
}

/* What may still flow while the rekeying goes on: a tenth, and of small limits more, as 64 MB or three tenths. */
static uint64_t volume_margin(uint64_t bytes)
{
    const uint64_t small = 64u << 20;
    uint64_t most = bytes / 10 * 3;
    most = most < small ? most : small;
    return bytes / 10 > most ? bytes / 10 : most;
}

static void sa_of(struct xfrm_sa *s, const struct ike_child *c, const struct ike_sa_keys *k, bool out, bool ah)
{
    const struct ike_transform_set *t = c->set;
    bool bundle = t->ah.alg && (t->encr.alg || t->integ.alg);
    *s = (struct xfrm_sa){.reqid = c->reqid,
                          .replay_window = c->entry->replay_window,
                          .esn = c->esn,
                          .no_pmtu = c->entry->clears_df,
                          .no_ecn = c->entry->drops_ecn,
                          .outbound = out};
    const struct ike_path *path = out ? &c->out : &c->in; /* where it was made, wherever the peer is now */
    s->src = out ? path->local.addr : path->remote.addr;
    s->dst = out ? path->remote.addr : path->local.addr;
    s->proto = ah ? IPPROTO_AH : IPPROTO_ESP;
    s->spi = ah && bundle ? (out ? c->ah_spi_out : c->ah_spi_in) : out ? c->spi_out : c->spi_in;
    /* of a bundle in tunnel mode ESP makes the tunnel, AH stands around it (docs/mapping.md) */
    s->mode = c->transport || (ah && bundle) ? XFRM_MODE_IS_TRANSPORT : XFRM_MODE_IS_TUNNEL;
    if (s->esn && !s->replay_window)
        s->replay_window = 1; /* the kernel has no extended numbers without a window */
    selector(s, c, out);
    if (c->lifetime_kb) {
        uint64_t bytes = (uint64_t)c->lifetime_kb * 1024;
        s->hard_bytes = bytes;
        s->soft_bytes = bytes - volume_margin(bytes);
    }
    s->hard_s = c->lifetime_s ? c->lifetime_s + 60 : 0; /* should the daemon not live to do it */
    if (c->sa->floated && (c->sa->nat_local || c->sa->nat_remote) && !ah) {
        s->encap_sport = out ? path->local.port : path->remote.port;
        s->encap_dport = out ? path->remote.port : path->local.port;
    }
    if (!k)
        return;
    const struct algo *e = algo_get((enum algo_id)t->encr.alg),
                      *a = algo_get((enum algo_id)(ah ? t->ah.alg : t->integ.alg));
    if (ah || t->integ.alg)
        key(&s->auth, (enum algo_id)(ah ? t->ah.alg : t->integ.alg),
            ah && bundle ? (out ? k->ah_out : k->ah_in)
            : ah         ? (out ? k->ah_out : k->ah_in)
                         : (out ? k->integ_out : k->integ_in),
            a->keys[0] / 8u, a->icv);
    if (ah)
        return;
    size_t n = t->encr.alg ? ike_cipher_key_len((enum algo_id)t->encr.alg, t->encr.bits) : 0;
    if (e->is_aead)
        key(&s->aead, (enum algo_id)t->encr.alg, out ? k->encr_out : k->encr_in, n, e->icv);
    else
        key(&s->crypt, t->encr.alg ? (enum algo_id)t->encr.alg : ALGO_ENCR_NULL, out ? k->encr_out : k->encr_in, n, 0);
}

/* The SAs of a child: inbound ones first, so that nothing comes back before it can be read. */
static unsigned all_of(struct xfrm_sa v[static 4], const struct ike_child *c, const struct ike_sa_keys *k,
                       unsigned which)
{
    bool esp = c->set->encr.alg || c->set->integ.alg, ah = c->set->ah.alg;
    unsigned n = 0;
    for (int out = 0; out < 2; out++) {
        if (!(which & (out ? IKE_SA_OUT : IKE_SA_IN)))
            continue;
        if (esp)
            sa_of(&v[n++], c, k, out, false);
        if (ah)
            sa_of(&v[n++], c, k, out, true);
    }
    return n;
}

/* All of them, or none: *failed is the first that the kernel would not have. */
static int add_all(struct daemon *d, struct xfrm_sa *v, unsigned n, bool directed, uint32_t *failed)
{
    struct netlink_batch b = {0};
    bool ok = true;
    *failed = 0;
    for (unsigned i = 0; i < n && ok; i++) {
        v[i].directed = directed;
        ok = xfrm_put_sa(&d->privileged.n, &b, &v[i]);
    }
    int r = ok ? privileged_send(&d->privileged, &b, false, failed) : -ENOMEM;
    for (unsigned i = 0; r < 0 && i < *failed && i < n; i++) {
        struct netlink_batch undo = {0};
        uint32_t x;
        int gone = -ENOMEM;
        if (xfrm_put_sa_delete(&d->privileged.n, &undo, &v[i]))
            gone = privileged_send(&d->privileged, &undo, true, &x);
        if (gone < 0)
            daemon_log(IKE_ERROR, "SA 0x%08x cannot be taken back: %s", v[i].spi, strerror(-gone));
        netlink_batch_free(&undo);
    }
    if (b.bytes.p)
        explicit_bzero(b.bytes.p, b.bytes.len);
    netlink_batch_free(&b);
    return r;
}

/* Kernels before 6.10 do not know directions and want a window for extended numbers of both; later ones want none
 * outbound. */
static int add_directed(struct daemon *d, struct xfrm_sa *v, unsigned n, uint32_t *failed)
{
    int r = add_all(d, v, n, !d->undirected, failed);
    if (r != -EINVAL || d->undirected)
        return r;
    r = add_all(d, v, n, false, failed);
    d->undirected = r == 0;
    return r;
}

bool kernel_sa_add(void *ctx, const struct ike_child *c, const struct ike_sa_keys *k, unsigned which)
{
    struct daemon *d = ctx;
    struct xfrm_sa v[4];
    uint32_t failed = 0;
    d->sas_added += which & IKE_SA_IN;
    if (d->options.discard_sas)
        return true;
    unsigned n = all_of(v, c, k, which);
    int r = add_directed(d, v, n, &failed);
    if (r < 0) {
        d->sas_refused++;
        daemon_log(IKE_ERROR, "the kernel refuses SA 0x%08x: %s %s%s", failed < n ? v[failed].spi : 0, strerror(-r),
                   d->privileged.extack,
                   r == -EPROTONOSUPPORT || r == -ENOENT || r == -ENOSYS
                       ? " (does it have CONFIG_INET_ESP, CONFIG_INET_AH and the algorithms?)"
                       : "");
    }
    explicit_bzero(v, sizeof v);
    return r == 0;
}

void kernel_sa_delete(void *ctx, const struct ike_child *c)
{
    struct daemon *d = ctx;
    struct xfrm_sa v[4];
    struct netlink_batch b = {0};
    uint32_t failed;
    bool ok = true;
    d->sas_deleted++;
    if (d->options.discard_sas)
        return;
    /* the peer chose the outbound one's SPI: what is not ours may be another peer's */
    unsigned n = all_of(v, c, NULL, c->sends ? IKE_SA_IN | IKE_SA_OUT : IKE_SA_IN);
    for (unsigned i = 0; i < n && ok; i++)
        ok = xfrm_put_sa_delete(&d->privileged.n, &b, &v[i]);
    int r = ok ? privileged_send(&d->privileged, &b, true, &failed) : -ENOMEM;
    if (r < 0)
        daemon_log(IKE_WARNING, "SA 0x%08x cannot be deleted: %s", c->spi_in, strerror(-r));
    netlink_batch_free(&b);
}

void kernel_follow(struct daemon *d, const struct ike_child *c)
{
    struct xfrm_sa v[4];
    if (d->options.discard_sas)
        return;
    unsigned n = all_of(v, c, NULL, IKE_SA_OUT);
    int r = n ? privileged_follow(&d->privileged, &v[0].dst, v[0].proto, v[0].spi) : 0;
    if (r < 0 && r != -ESRCH) /* it has gone meanwhile: its own end turns them */
        daemon_log(IKE_WARNING, "the policies of SA 0x%08x do not follow to its peer: %s", c->spi_out, strerror(-r));
}

/* ---- policies of dynamic entries ---- */

/* What drops a list's packets while nobody is there may have the very same selector, and the kernel takes two of those
 * only with different marks: PEERS_MARK_MASK asks that the highest bit of a packet's mark is not set. */

static bool selector_end(const struct ike_ts *t, uint8_t out[16], uint8_t *plen, uint16_t *port, uint16_t *mask)
{
    int n = ike_ts_prefix(t);
    bool any = t->port_lo == 0 && t->port_hi == 65535;
    if (n < 0 || (!any && t->port_lo != t->port_hi))
        return false;
    memcpy(out, t->lo.b, 16);
    *plen = (uint8_t)n;
    *port = any ? 0 : t->port_lo;
    *mask = any ? 0 : 65535;
    return true;
}

static bool policy_of(struct xfrm_pol *p, const struct ike_child *c, enum xfrm_dir dir)
{
    bool out = dir == XFRM_DIR_OUT;
    const struct ike_ts *src = out ? &c->ts_local : &c->ts_remote, *dst = out ? &c->ts_remote : &c->ts_local;
    const struct ike_transform_set *set = c->set;
    *p = (struct xfrm_pol){.dir = (uint8_t)dir,
                           .action = XFRM_DO_ALLOW,
                           .priority = c->entry->priority[dir],
                           .mark_mask = PEERS_MARK_MASK};
    p->sel.family = src->family;
    p->sel.proto = src->proto;
    if (!selector_end(src, p->sel.src, &p->sel.src_plen, &p->sel.sport, &p->sel.sport_mask) ||
        !selector_end(dst, p->sel.dst, &p->sel.dst_plen, &p->sel.dport, &p->sel.dport_mask))
        return false;
    for (int ah = 0; ah < 2; ah++) { /* ESP, then AH around it, as backends/xfrm/plan.c has them */
        if (ah ? !set->ah.alg : !set->encr.alg && !set->integ.alg)
            continue;
        struct xfrm_tmpl *t = &p->tmpl[p->ntmpl];
        t->proto = ah ? IPPROTO_AH : IPPROTO_ESP;
        t->reqid = c->reqid;
        t->mode = c->transport || p->ntmpl ? XFRM_MODE_IS_TRANSPORT : XFRM_MODE_IS_TUNNEL;
        if (t->mode == XFRM_MODE_IS_TUNNEL) {
            t->src = out ? c->in.local.addr : c->in.remote.addr;
            t->dst = out ? c->in.remote.addr : c->in.local.addr;
        }
        p->ntmpl++;
    }
    return true;
}

enum policies_do { POLICIES_ADD, POLICIES_UPDATE, POLICIES_REMOVE };

/* All policies of a child, outbound one for each interface of the map. */
static int policies(struct daemon *d, const struct ike_child *c, enum policies_do what)
{
    bool remove = what == POLICIES_REMOVE;
    struct netlink_batch b = {0};
    struct xfrm_pol p;
    uint32_t failed;
    bool ok = true;
    for (int dir = 0; dir < XFRM_DIRS && ok; dir++) {
        unsigned n = dir == XFRM_DIR_OUT && c->ts_local.family == FAMILY_V4 ? c->entry->n_ifindex : 1;
        ok = policy_of(&p, c, (enum xfrm_dir)dir);
        for (unsigned i = 0; i < n && ok; i++) {
            p.sel.ifindex = dir == XFRM_DIR_OUT && n == c->entry->n_ifindex ? c->entry->ifindex[i] : 0;
            /* by number: the number of the peer, then that of the interface */
            p.index = XFRM_INDEX_PEERS | (c->reqid & 0x3ffff) << 6 | i << 3 | (uint32_t)dir;
            ok = remove ? xfrm_put_policy_delete(&d->privileged.n, &b, &p)
                        : xfrm_put_policy(&d->privileged.n, &b, &p, what == POLICIES_UPDATE);
        }
    }
    int r = ok ? privileged_send(&d->privileged, &b, remove, &failed) : -ERANGE;
    netlink_batch_free(&b);
    return r;
}

bool kernel_policy_add(void *ctx, const struct ike_child *c, bool update)
{
    struct daemon *d = ctx;
    char a[128], e[128];
    const enum policies_do what = update ? POLICIES_UPDATE : POLICIES_ADD;
    int r = d->options.discard_sas ? 0 : policies(d, c, what);
    if (r == 0)
        return true;
    if (r != -ERANGE && r != -EEXIST && !update)
        (void)!policies(d, c, POLICIES_REMOVE); /* what was added of them; the rest is not there */
    daemon_log(IKE_ERROR, "no policies for %s to %s: %s", ike_ts_text(&c->ts_local, a), ike_ts_text(&c->ts_remote, e),
               r == -ERANGE   ? "the kernel takes prefixes and single ports only"
               : r == -EEXIST ? "another peer has the same networks"
                              : strerror(-r));
    return false;
}

void kernel_policy_delete(void *ctx, const struct ike_child *c)
{
    struct daemon *d = ctx;
    int r = d->options.discard_sas ? 0 : policies(d, c, POLICIES_REMOVE);
    if (r < 0)
        daemon_log(IKE_WARNING, "the policies of SA 0x%08x cannot be removed: %s", c->spi_in, strerror(-r));
}

/* ---- traffic ---- */

/* One SA of each direction tells: of a bundle the outer one. */
bool kernel_traffic(void *ctx, const struct ike_child *c, uint64_t *in, uint64_t *out)
{
    struct daemon *d = ctx;
    struct xfrm_sa v[4];
    *in = *out = 0;
    if (d->options.discard_sas)
        return false;
    unsigned n = all_of(v, c, NULL, c->sends ? IKE_SA_IN | IKE_SA_OUT : IKE_SA_IN);
    for (unsigned i = 0; i < n; i++) {
        uint64_t packets;
        if (privileged_packets(&d->privileged, &v[i].dst, v[i].proto, v[i].spi, &packets) < 0)
            return false;
        *(v[i].outbound ? out : in) += packets;
    }
    return true;
}

/* ---- routes ---- */

static struct daemon_route *route_find(struct daemon *d, const struct privileged_route *r)
{
    for (unsigned i = 0; i < d->n_routes; i++)
        if (addr_eq(&d->routes[i].r.net, &r->net) && d->routes[i].r.plen == r->plen)
            return &d->routes[i];
    return NULL;
}

static struct daemon_route *route_new(struct daemon *d, const struct privileged_route *r)
{
    if (d->n_routes == d->cap_routes) {
        unsigned cap = d->cap_routes ? 2 * d->cap_routes : 16;
        struct daemon_route *v = realloc(d->routes, cap * sizeof *v);
        if (!v)
            return NULL;
        d->routes = v;
        d->cap_routes = cap;
    }
    d->routes[d->n_routes] = (struct daemon_route){.r = *r};
    return &d->routes[d->n_routes++];
}

static void route_set(struct daemon *d, const struct privileged_route *r, const struct ike_entry *e)
{
    char t[ADDR_TEXT_MAX];
    int error = d->options.discard_sas ? 0 : privileged_route(&d->privileged, r);
    daemon_log(error < 0 ? IKE_WARNING : IKE_INFO, "map %s entry %u: route to %s/%u %s%s%s", e->map, e->seq,
               addr_text(&r->net, t), r->plen, r->add ? "set" : "removed", error < 0 ? " is refused: " : "",
               error < 0 ? strerror(-error) : "");
}

static void route_change(struct daemon *d, const struct ike_entry *e, const struct ike_ts *to,
                         const struct ip_addr *peer, bool add)
{
    int plen = ike_ts_prefix(to);
    char t[128];
    if (plen < 0) {
        daemon_log(IKE_WARNING, "map %s entry %u: no route to %s: it is no prefix", e->map, e->seq, ike_ts_text(to, t));
        return;
    }
    struct privileged_route r = {.net = to->lo,
                                 .plen = (uint8_t)plen,
                                 .peer = *peer,
                                 .via = e->route.via,
                                 .metric = e->route.distance,
                                 .add = add};
    struct daemon_route *x = route_find(d, &r);
    if (!x && (!add || !(x = route_new(d, &r))))
        return;
    if (add ? x->users++ == 0 : --x->users == 0)
        route_set(d, &r, e);
    if (x->users == 0)
        *x = d->routes[--d->n_routes];
}

void kernel_route(void *ctx, const struct ike_child *c, bool add)
{
    route_change(ctx, c->entry, &c->ts_remote, &c->in.remote.addr, add);
}

void kernel_static_routes(struct daemon *d, const struct ike_policy *p, bool add)
{
    for (unsigned i = 0; i < p->n_entries; i++) {
        const struct ike_entry *e = &p->entries[i];
        for (unsigned k = 0; e->route.is_static && k < e->n_lines && e->n_peers; k++) {
            struct ike_ts src, dst;
            ike_line_ts(&e->lines[k], &src, &dst);
            route_change(d, e, &dst, &e->peers[0].addr, add);
        }
    }
}

/* ---- what a crash left ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Request numbers of lines that are negotiated: manual SAs have ours too, and stay. */
static uint32_t *negotiated_numbers(const struct ike_policy *p, size_t *n)
{
    uint32_t *v = NULL;
    *n = 0;
    for (unsigned i = 0; i < p->n_entries; i++)
        *n += p->entries[i].n_lines;
    v = malloc((*n + 1) * sizeof *v);
    *n = 0;
    for (unsigned i = 0; v && i < p->n_entries; i++)
        for (unsigned l = 0; l < p->entries[i].n_lines && !p->entries[i].dynamic; l++)
            v[(*n)++] = p->entries[i].lines[l].reqid;
    if (v)
        qsort(v, *n, sizeof *v, by_number);
    return v;
}

void kernel_sweep(const struct ike_policy *policy)
{
    struct arena ar;
    struct xfrm_kernel k = {0};
    struct netlink x;
    struct netlink_batch b = {0};
    uint32_t failed;
    int r = 0;
    unsigned n = 0, peers = 0;
    size_t count;
    if (netlink_open(&x, NETLINK_XFRM) < 0)
        return;
    if (!arena_init(&ar, SIZE_MAX)) {
        netlink_close(&x);
        return;
    }
    uint32_t *numbers = negotiated_numbers(policy, &count);
    if (numbers && xfrm_kernel_read(&x, &ar, &k) == 0) {
        PTRLIST_FOR (struct xfrm_sa, s, &k.sas) {
            bool ours = (s->reqid & XFRM_INDEX_MASK) == IKE_REQID_DYNAMIC ||
                        bsearch(&s->reqid, numbers, count, sizeof *numbers, by_number);
            n += ours && s->spi && xfrm_put_sa_delete(&x, &b, s);
        }
        PTRLIST_FOR (struct xfrm_pol, p, &k.policies) {
            bool ours = (p->index & XFRM_INDEX_MASK) == XFRM_INDEX_PEERS;
            peers += ours && xfrm_put_policy_delete(&x, &b, p);
        }
        if (n + peers)
            r = netlink_send(&x, &b, 0, netlink_gone_already, NULL, &failed);
    }
    if (r < 0)
        daemon_log(IKE_ERROR, "what an earlier run left in the kernel cannot be cleared: %s", strerror(-r));
    else if (n + peers)
        daemon_log(IKE_NOTICE, "%u SAs and %u policies of an earlier run are cleared", n, peers);
    netlink_batch_free(&b);
    free(numbers);
    arena_free(&ar);
    netlink_close(&x);
}
