# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces for tests: nodes, veth links, sockets opened inside a node, packets made by hand.

Nothing here speaks to the host's own network: every packet stays on links that the lab made. Needs root.
"""
import contextlib, ctypes, ipaddress, itertools, os, select, shutil, socket, struct, subprocess, tempfile, time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # more than the host's rmem_max
BOUND = int(os.environ.get('IOSCC_BOUND', 120))  # seconds that only a hang takes
QUICK = bool(os.environ.get('IOSCC_QUICK'))  # make check: fewer rounds, rows and cases
XFRM_MSG_ACQUIRE, NETLINK_XFRM, XFRMNLGRP_ACQUIRE = 0x17, 6, 1


def wait_for(what, true, bound=BOUND, alive=lambda: True):
    """polls until `true()` is; its value. None if `alive` says that it cannot come any more. `what` for a hang"""
    end = time.monotonic() + bound
    while True:
        value = true()
        if value:
            return value
        if not alive():
            return None
        assert time.monotonic() < end, 'in %d seconds not there: %s' % (bound, what() if callable(what) else what)
        time.sleep(0.05)


@contextlib.contextmanager
def one_cpu():
    """this thread stays on its processor: what it sends on one link arrives in that order, also when softirqs lag behind"""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def usable():
    """why namespaces cannot be used here, None if they can"""
    if os.geteuid() != 0:
        return 'needs root'
    p = subprocess.run(['unshare', '-n', 'true'], capture_output=True)
    return None if p.returncode == 0 else 'network namespaces cannot be made here'


class Lab:
    count = itertools.count(1)  # tests run in threads

    def __init__(self):
        self.tag = 'ioscc%d-%d' % (os.getpid(), next(Lab.count))
        self.nodes, self.dirs = [], []

    def __enter__(self):
        return self

    def __exit__(self, *a):
        for n in self.nodes:
            subprocess.run(['ip', 'netns', 'del', n.name], capture_output=True)
        for d in self.dirs:
            subprocess.run(['pkill', '-KILL', '-f', 'rollback --state-dir ' + d])  # what waits for a time that nobody waits for
            shutil.rmtree(d, ignore_errors=True)

    def directory(self):
        """of this lab alone; goes with it"""
        self.dirs.append(tempfile.mkdtemp(prefix='ioscc-test-'))
        return self.dirs[-1]

    def node(self, name):
        n = Node('%s-%s' % (self.tag, name))
        self.nodes.append(n)
        return n

    def link(self, a, a_if, b, b_if):
        """a veth pair whose ends have fixed MAC addresses"""
        sh('ip', 'link', 'add', a_if, 'netns', a.name, 'address', mac(a, a_if), 'type', 'veth', 'peer', 'name', b_if, 'netns', b.name, 'address', mac(b, b_if))
        a.ip('link', 'set', a_if, 'up')
        b.ip('link', 'set', b_if, 'up')


def mac(node, link):
    import zlib
    return '02:%s' % ':'.join('%02x' % x for x in struct.pack('>IB', zlib.crc32((node.name + link).encode()), 7))


def sh(*args, ok=True, **kw):
    p = subprocess.run(args, capture_output=True, text=True, **kw)
    if ok and p.returncode:
        raise RuntimeError('%s: %s%s' % (' '.join(args), p.stdout, p.stderr))
    return p


class Node:
    def __init__(self, name):
        self.name = name
        sh('ip', 'netns', 'add', name)
        self.ip('link', 'set', 'lo', 'up')
        # no router solicitations, no duplicate address detection: links carry what the test sends
        self.sysctl('net/ipv6/conf/default/accept_dad', 0)
        self.sysctl('net/ipv6/conf/default/router_solicitations', 0)
        self.sysctl('net/ipv4/conf/all/rp_filter', 0)
        self.sysctl('net/ipv4/conf/default/rp_filter', 0)

    def run(self, *args, ok=True, **kw):
        return sh('ip', 'netns', 'exec', self.name, *args, ok=ok, **kw)

    def ip(self, *args):
        return sh('ip', '-n', self.name, *args).stdout

    def sysctl(self, name, value):
        self.run('sh', '-c', 'echo %s > /proc/sys/%s' % (value, name))

    @contextlib.contextmanager
    def inside(self):
        """this thread in the node's network namespace"""
        here, there = os.open('/proc/self/ns/net', os.O_RDONLY), os.open('/run/netns/' + self.name, os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')
            yield
        finally:
            libc.setns(here, CLONE_NEWNET)
            os.close(here)
            os.close(there)

    def wire(self, link):
        """a socket that sends and sees whole frames on a link"""
        with self.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            s.bind((link, 0))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        s.setblocking(False)
        return s

    def sa_flusher(self):
        """a function that removes all SAs: a larval one keeps the kernel from asking again for others of its kind"""
        with self.inside():
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
            s.bind((0, 0))
        message = struct.pack('=IHHIIB3x', 20, 0x1c, 1, 1, 0, 0)  # XFRM_MSG_FLUSHSA, all protocols
        return lambda: s.send(message)

    def acquires(self):
        with self.inside():
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
            s.bind((0, 1 << (XFRMNLGRP_ACQUIRE - 1)))
            s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        s.setblocking(False)
        return s


# ---- packets ----

def checksum(b):
    if len(b) % 2:
        b += b'\0'
    s = sum(struct.unpack('>%dH' % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def transport(src, dst, proto, sport, dport, flags=2):
    pseudo = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    if proto in (1, 58):
        body = struct.pack('>BBHHH', sport, dport, 0, 1, 1) + b'ioscc'
        head = pseudo + struct.pack('>II', len(body), 58) if proto == 58 else b''
        c = checksum(head + body)
        return body[:2] + struct.pack('>H', c) + body[4:]
    if proto == 17:
        body = struct.pack('>HHHH', sport, dport, 13, 0) + b'ioscc'
    elif proto == 6:
        body = struct.pack('>HHIIBBHHH', sport, dport, 1, 0, 0x60, flags, 1000, 0, 0) + b'\x02\x04\x05\xb4'
    else:
        return struct.pack('>HH', sport, dport) + b'ioscc'
    pseudo += struct.pack('>BBH', 0, proto, len(body)) if len(pseudo) == 8 else struct.pack('>II', len(body), proto)
    c = checksum(pseudo + body)
    at = 6 if proto == 17 else 16
    return body[:at] + struct.pack('>H', c) + body[at + 2:]


def ip_packet(src, dst, proto, sport=0, dport=0, ident=1, tos=0, flags=2, ttl=64):
    body = transport(src, dst, proto, sport, dport, flags)
    s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    if len(s) == 16:
        return struct.pack('>IHBB', 0x60000000 | tos << 20 | ident & 0xfffff, len(body), proto, ttl) + s + d + body
    h = struct.pack('>BBHHHBBH4s4s', 0x45, tos, 20 + len(body), ident & 0xffff, 0, ttl, proto, 0, s, d)
    return h[:10] + struct.pack('>H', checksum(h)) + h[12:] + body


def frame(dst_mac, src_mac, packet):
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
    return bytes.fromhex(dst_mac.replace(':', '')) + bytes.fromhex(src_mac.replace(':', '')) + struct.pack('>H', kind) + packet


def parse(f):
    """(src, dst, proto, sport, dport, ident) of a frame, None if it is not IP"""
    kind, p = struct.unpack('>H', f[12:14])[0], f[14:]
    if kind == 0x0800:
        ident, proto = struct.unpack('>H', p[4:6])[0], p[9]
        src, dst, body = socket.inet_ntoa(p[12:16]), socket.inet_ntoa(p[16:20]), p[(p[0] & 15) * 4:]
    elif kind == 0x86dd:
        ident, proto = struct.unpack('>I', p[:4])[0] & 0xfffff, p[6]
        src, dst, body = socket.inet_ntop(socket.AF_INET6, p[8:24]), socket.inet_ntop(socket.AF_INET6, p[24:40]), p[40:]
    else:
        return None
    sport = dport = 0
    if proto in (6, 17) and len(body) >= 4:
        sport, dport = struct.unpack('>HH', body[:4])
    elif proto in (1, 58) and len(body) >= 2:
        sport, dport = body[0], body[1]
    return src, dst, proto, sport, dport, ident


def drain(s):
    out = []
    while select.select([s], [], [], 0)[0]:
        out.append(s.recv(65536))
    return out


def wait_for_frame(s, match, seconds=BOUND):
    """all frames up to the one that matches"""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([s], [], [], 0.05)[0]:
            continue
        seen.append(s.recv(65536))
        if match(seen[-1]):
            return seen
    raise RuntimeError('an expected frame did not arrive')


def wait_for_packet(s, match):
    """the same for IP packets, as parse() gives them"""
    return wait_for_frame(s, lambda f: parse(f) and match(parse(f)))


def arp_request(src_mac, src, dst):
    hw = bytes.fromhex(src_mac.replace(':', ''))
    return b'\xff' * 6 + hw + b'\x08\x06' + struct.pack('>HHBBH', 1, 0x800, 6, 4, 1) + hw + socket.inet_aton(src) + b'\0' * 6 + socket.inet_aton(dst)


def parse_acquire(m):
    """(flow, reqid): the packet's five values and the template's request number"""
    kind = struct.unpack('=H', m[4:6])[0]
    if kind != XFRM_MSG_ACQUIRE:
        return None
    b = m[16:]
    # struct xfrm_user_acquire: id (24), saddr (16), sel (56), policy, algorithms, seq
    sel = b[40:96]
    daddr, saddr = sel[0:16], sel[16:32]
    dport, _, sport, _, family = struct.unpack('>HHHH', sel[32:40]) + struct.unpack('=H', sel[40:42])
    proto = sel[44]
    size = 16 if family == socket.AF_INET6 else 4
    flow = (socket.inet_ntop(family, saddr[:size]), socket.inet_ntop(family, daddr[:size]), proto, sport, dport)
    at, reqid = 280, None  # sizeof(struct xfrm_user_acquire)
    while at + 4 <= len(b):
        size, kind = struct.unpack('=HH', b[at:at + 4])
        if kind == 5:  # XFRMA_TMPL
            reqid = struct.unpack('=I', b[at + 4 + 44:at + 4 + 48])[0]
        at += max((size + 3) & ~3, 4)
    return flow, reqid
