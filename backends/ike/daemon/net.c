/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP 500 and 4500. One socket a family and port; the address a datagram was sent to comes with it (IP_PKTINFO) and is
 * the one that answers. On 4500 the kernel takes the ESP for itself (UDP_ENCAP), we see what begins with four zero
 * bytes (RFC 3948 §2.2).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/ike/daemon/daemon.h"

#ifndef MSG_PROBE
#define MSG_PROBE 0x10 /* send(2) has it not, the kernel has: look the route up, send nothing */
#endif
#define BURST 64               /* datagrams before the loop may do something else */
#define UNSENT_AGAIN_MS 300000 /* before it is said again that a peer cannot be sent to */

static struct ike_end end_of(const struct sockaddr_storage *s)
{
    struct ike_end e = {.port = 0};
    if (s->ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)s;
        e.addr.family = FAMILY_V6;
        memcpy(e.addr.b, &x->sin6_addr, 16);
        e.port = ntohs(x->sin6_port);
    } else {
        const struct sockaddr_in *x = (const struct sockaddr_in *)s;
        e.addr.family = FAMILY_V4;
        memcpy(e.addr.b, &x->sin_addr, 4);
        e.port = ntohs(x->sin_port);
    }
    return e;
}

static socklen_t sockaddr_of(const struct ike_end *e, struct sockaddr_storage *s)
{
    memset(s, 0, sizeof *s);
    if (e->addr.family == FAMILY_V6) {
        struct sockaddr_in6 *x = (struct sockaddr_in6 *)s;
        x->sin6_family = AF_INET6;
        x->sin6_port = htons(e->port);
        memcpy(&x->sin6_addr, e->addr.b, 16);
        return sizeof *x;
    }
    struct sockaddr_in *x = (struct sockaddr_in *)s;
    x->sin_family = AF_INET;
    x->sin_port = htons(e->port);
    memcpy(&x->sin_addr, e->addr.b, 4);
    return sizeof *x;
}

static void local_of(struct msghdr *m, struct ike_end *local)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            local->addr.family = FAMILY_V4;
            memcpy(local->addr.b, &i.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo i;
            memcpy(&i, CMSG_DATA(c), sizeof i);
            local->addr.family = FAMILY_V6;
            memcpy(local->addr.b, &i.ipi6_addr, 16);
        }
    }
}

static bool receive(struct daemon_socket *s)
{
    static uint8_t buffer[IKE_DATAGRAM_MAX];
    struct sockaddr_storage from;
    uint8_t control[256] __attribute__((aligned(8)));
    struct iovec v = {buffer, sizeof buffer};
    struct msghdr m = {.msg_name = &from,
                       .msg_namelen = sizeof from,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return false;
    struct ike_end remote = end_of(&from), local = {.port = s->port};
    const uint8_t *p = buffer;
    local_of(&m, &local);
    if (local.addr.family == FAMILY_NONE)
        return true;
    if (s->port == IKE_PORT_NATT) {
        static const uint8_t marker[4];
        if (n < 4 || memcmp(p, marker, 4) != 0)
            return true; /* a keepalive, or ESP that no SA wants */
        p += 4;
        n -= 4;
    }
    ike_input(s->d->ike, daemon_now(s->d), &local, &remote, p, (size_t)n);
    return true;
}

static void readable(uv_poll_t *h, int status, int events)
{
    struct daemon_socket *s = h->data;
    if (status < 0 || !(events & UV_READABLE))
        return;
    for (int i = 0; i < BURST && receive(s); i++) {
    }
    daemon_arm(s->d);
}

static bool set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* IKE itself must never be encrypted by the policies: each socket has its own that lets it pass. */
static bool bypass(int fd, uint8_t family)
{
    for (int out = 0; out < 2; out++) {
        struct xfrm_userpolicy_info p = {.dir = out ? XFRM_POLICY_OUT : XFRM_POLICY_IN, .action = XFRM_POLICY_ALLOW};
        p.sel.family = family == FAMILY_V6 ? AF_INET6 : AF_INET;
        int level = family == FAMILY_V6 ? IPPROTO_IPV6 : IPPROTO_IP,
            name = family == FAMILY_V6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;
        if (setsockopt(fd, level, name, &p, sizeof p) < 0)
            return false;
    }
    return true;
}

static bool open_one(struct daemon *d, uint8_t family, uint16_t port)
{
    struct daemon_socket *s = &d->sockets[d->n_sockets];
    struct ike_end any = {.addr = {.family = family}, .port = port};
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_of(&any, &sa);
    bool v6 = family == FAMILY_V6;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return v6; /* a host without IPv6 */
    set(fd, SOL_SOCKET, SO_RCVBUF, 4 << 20);
    bool ok = (!v6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
              (v6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(fd, IPPROTO_IP, IP_PKTINFO, 1));
    if (!ok || bind(fd, (struct sockaddr *)&sa, len) < 0) {
        daemon_log(IKE_ERROR, "UDP port %u cannot be had: %s (is another IKE daemon running?)", port, strerror(errno));
        close(fd);
        return false;
    }
    if (!bypass(fd, family) && !d->options.discard_sas)
        daemon_log(IKE_WARNING, "UDP port %u has no bypass policy of its own: %s", port, strerror(errno));
    if (port == IKE_PORT_NATT && !set(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP) && !d->options.discard_sas)
        daemon_log(IKE_WARNING, "ESP in UDP cannot be received: %s", strerror(errno));
    *s = (struct daemon_socket){.fd = fd, .port = port, .family = family, .d = d};
    s->poll.data = s;
    d->n_sockets++;
    return uv_poll_init(&d->loop, &s->poll, fd) == 0 && uv_poll_start(&s->poll, UV_READABLE, readable) == 0;
}

static bool is_taken(uint8_t family, uint16_t port)
{
    const struct ike_end any = {.addr = {.family = family}, .port = port};
    struct sockaddr_storage sa;
    socklen_t len = sockaddr_of(&any, &sa);
    int fd = socket(family == FAMILY_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool only = family != FAMILY_V6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bool taken = only && bind(fd, (struct sockaddr *)&sa, len) < 0 && errno == EADDRINUSE;
    close(fd);
    return taken;
}

uint16_t daemon_port_taken(void)
{
    static const uint16_t ports[] = {IKE_PORT, IKE_PORT_NATT};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (is_taken(FAMILY_V4, ports[i]) || is_taken(FAMILY_V6, ports[i]))
            return ports[i];
    return 0;
}

bool net_open(struct daemon *d)
{
    return open_one(d, FAMILY_V4, IKE_PORT) && open_one(d, FAMILY_V4, IKE_PORT_NATT) &&
           open_one(d, FAMILY_V6, IKE_PORT) && open_one(d, FAMILY_V6, IKE_PORT_NATT);
}

static void closed(uv_handle_t *h)
{
    struct daemon_socket *s = h->data;
    close(s->fd);
}

void net_close(struct daemon *d)
{
    for (unsigned i = 0; i < d->n_sockets; i++) {
        uv_poll_stop(&d->sockets[i].poll);
        uv_close((uv_handle_t *)&d->sockets[i].poll, closed);
    }
}

/* The source address of what is sent; the length of the control message, 0: the kernel chooses. */
static size_t put_source(const struct ip_addr *local, struct cmsghdr *c)
{
    if (local->family == FAMILY_NONE)
        return 0;
    if (local->family == FAMILY_V6) {
        struct in6_pktinfo i = {.ipi6_ifindex = 0};
        memcpy(&i.ipi6_addr, local->b, 16);
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof i);
        memcpy(CMSG_DATA(c), &i, sizeof i);
        return CMSG_SPACE(sizeof i);
    }
    struct in_pktinfo i = {.ipi_ifindex = 0};
    memcpy(&i.ipi_spec_dst, local->b, 4);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof i);
    memcpy(CMSG_DATA(c), &i, sizeof i);
    return CMSG_SPACE(sizeof i);
}

static struct unsent *unsent_to(struct daemon *d, const struct ip_addr *peer)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < sizeof peer->b; i++)
        h = (h ^ peer->b[i]) * 16777619u;
    return &d->unsent[h % (sizeof d->unsent / sizeof *d->unsent)];
}

/* Each datagram that is sent again would say the same; so it is said again after a while only. */
static void say_unsent(struct daemon *d, const struct ip_addr *local, const struct ip_addr *peer, int error,
                       bool local_is_missing)
{
    struct unsent *u = unsent_to(d, peer);
    const uint64_t now = daemon_now(d);
    bool is_known = u->error == error && addr_eq(&u->peer, peer) && addr_eq(&u->local, local);
    if (is_known && now - u->said < UNSENT_AGAIN_MS)
        return;
    *u = (struct unsent){.local = *local, .peer = *peer, .error = error, .said = now};
    char to[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX];
    if (local_is_missing)
        daemon_log(IKE_WARNING, "peer %s: cannot send from %s: no interface of this host has that address",
                   addr_text(peer, to), addr_text(local, from));
    else
        daemon_log(IKE_WARNING, "peer %s: cannot send: %s", addr_text(peer, to), strerror(error));
}

/* Is there a way to the peer, from whatever address? Then it is the address that is missing: the kernel has one error
 * for both. Nothing is sent: the route is looked up alone (MSG_PROBE). */
static bool is_routed(const struct daemon_socket *s, const struct msghdr *failed)
{
    const struct msghdr probe = {.msg_name = failed->msg_name, .msg_namelen = failed->msg_namelen};
    return sendmsg(s->fd, &probe, MSG_CONFIRM | MSG_PROBE | MSG_DONTWAIT) == 0;
}

void net_send(void *ctx, const struct ike_end *local, const struct ike_end *remote, const uint8_t *p, size_t n)
{
    struct daemon *d = ctx;
    static uint8_t zero[4];
    struct sockaddr_storage to;
    uint8_t control[256] __attribute__((aligned(8))) = {0};
    bool keepalive = n == 1, marked = local->port == IKE_PORT_NATT && !keepalive;
    struct iovec v[2] = {{zero, marked ? 4 : 0}, {(void *)(uintptr_t)p, n}};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sockaddr_of(remote, &to), .msg_iov = v, .msg_iovlen = 2};
    struct daemon_socket *s = NULL;
    for (unsigned i = 0; i < d->n_sockets; i++)
        if (d->sockets[i].family == remote->addr.family && d->sockets[i].port == local->port)
            s = &d->sockets[i];
    if (!s)
        return;
    m.msg_controllen = put_source(&local->addr, (struct cmsghdr *)control);
    if (m.msg_controllen)
        m.msg_control = control;
    if (sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        struct unsent *u = unsent_to(d, &remote->addr);
        if (u->error && addr_eq(&u->peer, &remote->addr))
            u->error = 0;
        return;
    }
    const int error = errno;
    bool may_be_local = error == ENETUNREACH || (error == EINVAL && local->addr.family == FAMILY_V6);
    bool local_is_missing = may_be_local && m.msg_controllen && is_routed(s, &m);
    if (error != EAGAIN)
        say_unsent(d, &local->addr, &remote->addr, error, local_is_missing);
}
