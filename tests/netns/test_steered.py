# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that their sender, or a router beside ours on the host, steers past the walls: source routes, routing headers,
neighbour discovery from afar, multicast that the host forwards. Each comes through once the walls are taken away."""
import socket, struct, sys, time

sys.path[:0] = ['tests/netns']
import lab, test_closed as closed
from lab import wait_for

MULTICAST = closed.CONFIG.replace(' permit udp', ' permit ip 10.1.0.0 0.0.255.255 239.0.0.0 0.255.255.255\n permit udp')
FILTERED = closed.CONFIG.replace(' crypto map M\ninter', ' crypto map M\n ip access-group OUT out\ninter').replace('\nend\n', '\nip access-list extended OUT\n deny udp any 239.0.0.0 0.255.255.255\n permit ip any any\nend\n')
V6 = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key correct-horse-battery address ipv6 2001:db8:f::2/128
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ipv6 access-list L6
 permit ipv6 2001:db8:1::/64 any
crypto map ipv6 M6 10 ipsec-isakmp
 set peer 2001:db8:f::2
 set transform-set T
 match address L6
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 ipv6 address 2001:db8:f::1/64
 ipv6 crypto map M6
interface GigabitEthernet0/1
 ip address 10.1.0.1 255.255.0.0
 ipv6 address 2001:db8:1::1/64
end
'''
ADDRESSES6 = ('sysctl -qw net.ipv6.conf.all.forwarding=1; ip addr add 2001:db8:f::1/64 dev eth0 nodad; ip addr add 2001:db8:1::1/64 dev eth1 nodad; ip -6 route add default via 2001:db8:f::2; '
              'lan: ip addr add 2001:db8:1::9/64 dev lan0 nodad; ip -6 route add default via 2001:db8:1::1; isp: ip addr add 2001:db8:2::9/64 dev lo nodad; ip addr add 2001:db8:f::2/64 dev wan nodad; ip -6 route add 2001:db8:1::/64 via 2001:db8:f::1; r: true')
DOWN = 'nft delete table inet ioscc; ip xfrm policy flush'
MARK = b'steered-past-the-walls'
# linux/mroute.h
MRT_INIT, MRT_ADD_VIF, MRT_ADD_MFC, VIFF_USE_IFINDEX = 200, 202, 204, 8
LSRR = 131  # RFC 791


def frames_of(node):
    with node.inside():
        return closed.frames()


def seen(wire, send, seconds=0.5):
    """how many frames with our mark come in by that link while `send` is done"""
    while True:  # what was on its way
        try:
            wire.recvmsg(65535, 64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
    for _ in range(5):
        send()
        time.sleep(0.02)
    found, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            p, _, _, where = wire.recvmsg(65535, 64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            time.sleep(0.02)
            continue
        found += where[2] != 4 and where[0] != 'lo' and MARK in p
    return found


def both(w, wire, send, what):
    """not with the walls, whatever status is; and without them"""
    n = seen(wire, send)
    assert n == 0, '%s: %d come through\n%s' % (what, n, w.shell('nft list ruleset', ok=False)[:6000])
    w.shell(DOWN)
    wait_for(what + ': it comes through without the walls', lambda: seen(wire, send))


def multicast_router(w):
    """as pimd has it: what 10.1.0.9 sends to 239.1.1.1 goes out by eth0"""
    with w.r.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
        s.setsockopt(socket.IPPROTO_IP, MRT_INIT, 1)
        for number, link in ((0, 'eth1'), (1, 'eth0')):
            s.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, struct.pack('=HBBIi4x', number, VIFF_USE_IFINDEX, 1, 0, socket.if_nametoindex(link)))
        s.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, socket.inet_aton('10.1.0.9') + socket.inet_aton('239.1.1.1') + struct.pack('=H', 0) + bytes([255, 1] + [255] * 30) + bytes(2) + struct.pack('=IIIi', 0, 0, 0, 0))
    return s


def multicast(config):
    with lab.Lab() as l:
        w = closed.World(l, config)
        try:
            router, wire = multicast_router(w), frames_of(w.isp)
            w.shell('$IOSCC apply $OPTIONS $FILE')
            for port, to in ((500, 999), (4500, 999), (67, 68), (999, 999)):
                with w.lan.inside():
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(('10.1.0.9', port))
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.1.0.9'))
                n = seen(wire, lambda: s.sendto(MARK, ('239.1.1.1', to)))
                assert n == 0, 'from port %d %d leave in the clear\n%s' % (port, n, w.shell('nft list ruleset', ok=False)[:6000])
            w.shell(DOWN)
            wait_for('multicast leaves without the walls', lambda: seen(wire, lambda: s.sendto(MARK, ('239.1.1.1', to))))
            router.close()
        finally:
            w.end()


def source_route():
    """the destination is the router's own address until it is forwarded"""
    with lab.Lab() as l:
        w = closed.World(l, closed.CONFIG)
        try:
            w.shell('sysctl -qw net.ipv4.conf.all.accept_source_route=1; sysctl -qw net.ipv4.conf.eth0.accept_source_route=1; $IOSCC apply $OPTIONS $FILE')
            wire = frames_of(w.lan)
            with w.isp.inside():
                s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            body = struct.pack('>HHHH', 10, 1235, 8 + len(MARK), 0) + MARK
            option = bytes([LSRR, 7, 4]) + socket.inet_aton('10.1.0.9') + bytes(1)
            head = struct.pack('>BBHHHBBH4s4s', 0x47, 0, 28 + len(body), 77, 0, 64, 17, 0, socket.inet_aton('10.2.0.9'), socket.inet_aton('192.0.2.1')) + option
            head = head[:10] + struct.pack('>H', lab.checksum(head)) + head[12:]
            both(w, wire, lambda: s.sendto(head + body, ('192.0.2.1', 0)), 'a source routed packet')
        finally:
            w.end()


def neighbours():
    """what no router forwards, this host would: to inside hosts of a list that ends in any"""
    with lab.Lab() as l:
        w = closed.World(l, V6)
        try:
            w.shell(ADDRESSES6 + '; $IOSCC apply $OPTIONS $FILE')
            wire = frames_of(w.lan)
            with w.isp.inside():
                s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            s.bind(('2001:db8:2::9', 0))
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
            for kind in (133, 134, 135, 136, 137):
                n = seen(wire, lambda: s.sendto(bytes([kind, 0, 0, 0]) + MARK, ('2001:db8:1::9', 0)))
                assert n == 0, 'type %d: %d come in' % (kind, n)
            both(w, wire, lambda: s.sendto(bytes([135, 0, 0, 0]) + MARK, ('2001:db8:1::9', 0)), 'neighbour discovery from afar')
        finally:
            w.end()


def routing_header():
    with lab.Lab() as l:
        w = closed.World(l, V6)
        try:
            w.shell(ADDRESSES6 + '; sysctl -qw net.ipv6.conf.all.seg6_enabled=1; sysctl -qw net.ipv6.conf.eth0.seg6_enabled=1; $IOSCC apply $OPTIONS $FILE')
            wire = frames_of(w.lan)
            with w.isp.inside():
                s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
            src, inside, router = (socket.inet_pton(socket.AF_INET6, a) for a in ('2001:db8:2::9', '2001:db8:1::9', '2001:db8:f::1'))
            udp = struct.pack('>HHHH', 10, 1235, 8 + len(MARK), 0) + MARK
            body = struct.pack('>BBBBBBH', 17, 4, 4, 1, 1, 0, 0) + inside + router + udp  # RFC 8754 section 2
            packet = struct.pack('>IHBB', 0x60000000, len(body), 43, 64) + src + router + body
            both(w, wire, lambda: s.sendto(packet, ('2001:db8:f::1', 0)), 'a packet with a routing header')
        finally:
            w.end()


def packet6(src, dst, kind, body):
    a, b = (socket.inet_pton(socket.AF_INET6, x) for x in (src, dst))
    return struct.pack('>IHBB', 0x60000000, len(body), kind, 64) + a + b + body


def packet4(src, dst, kind, body):
    h = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 7, 0, 64, kind, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return h[:10] + struct.pack('>H', lab.checksum(h)) + h[12:] + body


def veiled(src, dst):
    """two packets, each an atomic fragment around a fragment; what they are of stands behind destination options of the second"""
    udp = struct.pack('>HHHH', 1500, 1500, 8 + len(MARK), 0) + MARK
    for offset, more, data in ((0, 1, bytes([60, 0, 1, 4, 0, 0, 0, 0])), (8, 0, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp)):
        inner = struct.pack('>BBHI', 60, 0, offset | more, 5) + data
        yield packet6(src, dst, 44, struct.pack('>BBHI', 44, 0, 0, 105 + offset) + inner)


def veiled_fragments():
    """lists with a protocol, which such a fragment does not show, both ways"""
    lan, far = '2001:db8:1::9', '2001:db8:2::9'
    for line in ('permit udp 2001:db8:1::/64 2001:db8:2::/64', 'permit udp 2001:db8:1::/64 2001:db8:2::/64 range 1000 2000'):
        for out in (True, False):
            with lab.Lab() as l:
                w = closed.World(l, V6.replace('permit ipv6 2001:db8:1::/64 any', line))
                try:
                    w.shell(ADDRESSES6 + '; $IOSCC apply $OPTIONS $FILE')
                    frm, at, link, to, wire = (w.lan, 'lan0', 'eth1', far, frames_of(w.isp)) if out else (w.isp, 'wan', 'eth0', lan, frames_of(w.lan))
                    frm.run('ping', '-c', '1', '-W', '1', '2001:db8:1::1' if out else '2001:db8:f::1', ok=False)  # neighbours know each other
                    raw = frm.wire(at)

                    def send():
                        for p in veiled(lan if out else far, to):
                            raw.send(lab.frame(lab.mac(w.r, link), lab.mac(frm, at), p))
                    both(w, wire, send, 'a veiled fragment, %s, %s' % (line, 'out' if out else 'in'))
                finally:
                    w.end()


def another_port():
    """a line with ports, and somebody's translation to another port: of the destination's address or not"""
    for to in ('10.99.0.9:9999', '10.70.0.9:9999'):
        with lab.Lab() as l:
            w = closed.World(l, closed.CONFIG)
            try:
                w.shell('$IOSCC apply $OPTIONS $FILE; nft add table ip d; nft add chain ip d pre "{ type nat hook prerouting priority -100; }"; '
                        'nft add rule ip d pre ip daddr 10.70.0.9 udp dport 1500 dnat to ' + to)
                wire = frames_of(w.isp)
                with w.lan.inside():
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                both(w, wire, lambda: s.sendto(MARK, ('10.70.0.9', 1500)), 'sent on to ' + to)
            finally:
                w.end()


def as_the_router():
    """an inside host sends ESP, or from port 4500, as if it were the router: IPv6 forwards that, and where policies let inside
    networks pass the guard is the one wall"""
    inside = V6.replace('\nend\n', '\ninterface GigabitEthernet0/2\n ip address 10.3.0.1 255.255.255.0\n ipv6 address 2001:db8:3::1/64\nend\n')
    for kind, port in ((50, 0), (17, 4500), (17, 4501)):
        with lab.Lab() as l:
            w = closed.World(l, inside)
            try:
                w.shell('ip link add eth2 type veth peer name far2; ip link set far2 up; ip link set eth2 up; ip addr add 2001:db8:3::1/64 dev eth2 nodad; ip addr add 10.3.0.1/24 dev eth2; ' + ADDRESSES6 +
                        '; $IOSCC apply --state-dir $STATE -m Gi0/0=eth0,Gi0/1=eth1,Gi0/2=eth2 $FILE; ip link set eth2 down')
                w.lan.run('ping', '-c', '1', '-W', '1', '2001:db8:1::1', ok=False)
                raw, wire = w.lan.wire('lan0'), frames_of(w.isp)
                body = struct.pack('>HHHH', port, 999, 8 + len(MARK), 0) + MARK if kind == 17 else struct.pack('>II', 0x1000, 1) + MARK
                packet = lab.frame(lab.mac(w.r, 'eth1'), lab.mac(w.lan, 'lan0'), packet6('2001:db8:1::1', '2001:db8:3::9', kind, body))
                both(w, wire, lambda: raw.send(packet), 'protocol %d port %d as the router' % (kind, port))
            finally:
                w.end()


def no_lease_yet():
    """`ip address dhcp`, applied before the lease comes: what comes in for IKE and IPsec is for this host, not for inside ones"""
    config = closed.CONFIG.replace(' ip address 192.0.2.1 255.255.255.0\n', ' ip address dhcp\n').replace(' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' permit ip 10.1.0.0 0.0.255.255 any')
    with lab.Lab() as l:
        w = closed.World(l, config)
        try:
            w.shell('ip addr flush dev eth0; $IOSCC apply $OPTIONS $FILE; ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.2')
            w.isp.run('ping', '-c', '1', '-W', '1', '192.0.2.1', ok=False)
            raw, wire = w.isp.wire('wan'), frames_of(w.lan)
            for kind, port in ((17, 4500), (17, 500), (50, 1), (51, 1), (17, 999)):
                body = struct.pack('>HHHH', 999, port, 8 + len(MARK), 0) + MARK
                packet = lab.frame(lab.mac(w.r, 'eth0'), lab.mac(w.isp, 'wan'), packet4('10.2.0.9', '10.1.0.9', kind, body))
                n = seen(wire, lambda: raw.send(packet))
                assert n == 0, 'protocol %d port %d: %d come in' % (kind, port, n)
            both(w, wire, lambda: raw.send(packet), 'what comes in before the lease')
        finally:
            w.end()


def tests():
    yield 'netns: steered: fragments that hide what they are of', veiled_fragments
    yield 'netns: steered: somebody sends it to another port', another_port
    yield 'netns: steered: an inside host as the router', as_the_router
    yield 'netns: steered: no lease yet', no_lease_yet
    yield 'netns: steered: multicast that the host forwards', lambda: multicast(MULTICAST)
    yield 'netns: steered: multicast and a filter outbound', lambda: multicast(FILTERED)
    yield 'netns: steered: a source route', source_route
    yield 'netns: steered: neighbour discovery from afar', neighbours
    yield 'netns: steered: a routing header', routing_header


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
