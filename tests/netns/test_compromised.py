# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that reads the network is somebody else's: with its descriptors it asks the one with CAP_NET_ADMIN and the one
with the keys for what the policy does not call for. Each request is a line of the tables below (docs/security.md)."""
import contextlib, ctypes, hmac, os, random, re, signal, socket, struct, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns']
import lab, test_certs as certs, test_processes as processes, test_revocation as revocation

OURS, PEER = '198.51.100.2', '198.51.100.3'
# a static entry and a dynamic one, both with a list and reverse-route, on eth0; mgmt0 leads to 203.0.113.0/24
CONFIG = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key %s address 0.0.0.0 0.0.0.0
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
 mode tunnel
ip access-list extended DYNAMIC
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
ip access-list extended STATIC
 permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255
crypto dynamic-map D 10
 set transform-set T
 match address DYNAMIC
 reverse-route
crypto map M 5 ipsec-isakmp
 set peer %s
 set transform-set T
 match address STATIC
 reverse-route
crypto map M 10 ipsec-isakmp dynamic D
interface GigabitEthernet0/0
 ip address %s 255.255.255.0
 crypto map M
''' % (processes.PSK, PEER, OURS)

# linux/xfrm.h
NEWSA, DELSA, GETSA, NEWPOLICY, DELPOLICY, GETPOLICY, ALLOCSPI, ACQUIRE, EXPIRE, UPDPOLICY, UPDSA, POLEXPIRE, FLUSHSA, FLUSHPOLICY = range(0x10, 0x1e)
ALG_CRYPT, ENCAP, TMPL, SRCADDR, POLICY_TYPE, ALG_AUTH_TRUNC, MARK, OFFLOAD, IF_ID = 2, 4, 5, 13, 16, 20, 21, 28, 31
OUT, DYNAMIC, STATIC = 1, 0x5d000001, 0x5c000001


def ends_of(pid):
    """a process' ends of its channels, taken from it"""
    libc, out = ctypes.CDLL(None, use_errno=True), []
    process = os.pidfd_open(pid)
    for fd in sorted(int(x) for x in os.listdir('/proc/%d/fd' % pid)):
        if not os.readlink('/proc/%d/fd/%d' % (pid, fd)).startswith('socket:'):
            continue
        mine = libc.syscall(438, process, fd, 0)  # pidfd_getfd
        if mine < 0:
            raise processes.Unavailable('pidfd_getfd: %s' % os.strerror(ctypes.get_errno()))
        s = socket.socket(fileno=mine)
        if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET:
            s.settimeout(lab.BOUND)
            out.append(s)
    os.close(process)
    return out


class Taken(processes.Daemon):
    """the daemon, and the network process' ends of its channels; that process itself sleeps"""
    def write(self, more):
        open(self.dir + '/r.cfg', 'w').write(CONFIG + more)

    def __enter__(self):
        super().__enter__()
        other = self.lab.node('c')
        self.lab.link(self.node, 'mgmt0', other, 'mgmt0')
        self.node.ip('addr', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
        self.node.ip('route', 'add', '203.0.113.0/24', 'via', '192.0.2.9')
        os.kill(self.network, signal.SIGSTOP)
        try:
            self.main, self.keys_end, self.privileged, self.fetch_end = self.ends()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *a):
        try:
            os.kill(self.network, signal.SIGKILL)
        except ProcessLookupError:  # it has ended with the others
            pass
        super().__exit__(*a)

    def ends(self):
        out = ends_of(self.network)
        assert len(out) == 4, out
        return out

    def ask(self, verb, n=0, body=b'', route=bytes(60)):
        """the error, as the kernel or the main process has it"""
        self.privileged.send(struct.pack('=III', verb, n, 0) + bytes(20) + route + bytes(4) + struct.pack('=I', len(body)) + body)
        return struct.unpack('=i', self.privileged.recv(400)[:4])[0]

    def route(self, net, plen, peer=None, via=None, metric=0, add=1):
        return self.ask(3, route=address(net) + address(via) + address(peer) + b'\0' + struct.pack('=IBBBB', metric, plen, add, 0, 0))

    def send(self, *messages):
        return self.ask(1, len(messages), b''.join(messages))

    def routes(self):
        return self.node.run('ip', 'route', 'show').stdout


def address(a):
    if a is None:
        return bytes(17)
    family = socket.AF_INET6 if ':' in a else socket.AF_INET
    raw = socket.inet_pton(family, a)
    return bytes([6 if ':' in a else 4]) + raw + bytes(16 - len(raw))


def message(kind, body, attributes=b'', flags=5):
    return struct.pack('=IHHII', 16 + len(body) + len(attributes), kind, flags, 1, 0) + body + attributes


def attribute(kind, body):
    return struct.pack('=HH', 4 + len(body), kind) + body + bytes(-len(body) % 4)


def v4(a):
    return socket.inet_aton(a) + bytes(12)


MARKED = attribute(MARK, struct.pack('=II', 0, 0x80000000))
LIMITS = b'\xff' * 32 + bytes(32)
KEYS = attribute(ALG_CRYPT, b'cbc(aes)'.ljust(64, b'\0') + struct.pack('=I', 128) + bytes(16)) + attribute(ALG_AUTH_TRUNC, b'hmac(sha256)'.ljust(64, b'\0') + struct.pack('=II', 256, 128) + bytes(32))


def selector(net, plen, interface):
    return v4(net) + v4('10.1.0.0') + struct.pack('=HHHHHBBB3xiI', 0, 0, 0, 0, 2, plen, 16, 0, interface, 0)


def template(source=OURS, reqid=DYNAMIC, mode=1, proto=50, optional=0):
    return v4(PEER) + struct.pack('=IB3xH2x', 0, proto, 2) + v4(source) + struct.pack('=IBBBxIII', reqid, mode, 0, optional, 0xffffffff, 0xffffffff, 0xffffffff)


def policy(sel, index, priority, action=0, flags=0):
    return sel + LIMITS + bytes(32) + struct.pack('=IIBBBB4x', priority, index, OUT, action, flags, 0)


def policy_id(sel, index):
    return sel + struct.pack('=IB3x', index, OUT)


def sa(source, destination, reqid, spi=0x2001, proto=50, flags=0):
    return bytes(56) + v4(destination) + struct.pack('>I', spi) + bytes([proto, 0, 0, 0]) + v4(source) + LIMITS + bytes(32) + bytes(12) + struct.pack('=IIHBBB7x', 0, reqid, 2, 1, 0, flags)


def sa_id(spi, proto=50):
    return v4(PEER) + struct.pack('>I', spi) + struct.pack('=HBx', 2, proto)


REFUSED, NOT_WHOLE = -1, -74  # EPERM, EBADMSG


def privileged():
    """fifty requests to the process with CAP_NET_ADMIN: what is not of the policy is refused, what is of it is done"""
    with Taken() as d:
        eth0 = int(d.node.run('cat', '/sys/class/net/eth0/ifindex').stdout)
        inside = selector('10.2.7.0', 24, eth0)
        own = attribute(TMPL, template())
        index = 0x5d000000 | 1 << 6 | OUT
        before = d.node.run('ip', 'xfrm', 'policy').stdout
        # the priority of the dynamic entry's peers: just before what blocks its list
        blocks = [int(m) for m in re.findall(r'dst 10\.2\.0\.0/16[^\n]*\n\tdir out action block[^\n]*priority (\d+)', before)]
        assert len(blocks) == 1, before
        p = blocks[0] - 1
        new = lambda s=inside, i=index, priority=p, t=own, m=MARKED, kind=NEWPOLICY, **how: message(kind, policy(s, i, priority, **how), t + m)
        rows = [
            ('all traffic in the clear', REFUSED, new(selector('0.0.0.0', 0, eth0), t=b'')),
            ('the list in the clear', REFUSED, new(t=b'')),
            ('in the clear if need be', REFUSED, new(t=attribute(TMPL, template(optional=1)))),
            ('by an SA of a static entry', REFUSED, new(t=attribute(TMPL, template(reqid=STATIC)))),
            ('by nobody\'s SA', REFUSED, new(t=attribute(TMPL, template(reqid=7)))),
            ('compressed only', REFUSED, new(t=attribute(TMPL, template(proto=108)))),
            ('BEET', REFUSED, new(t=attribute(TMPL, template(mode=4)))),
            ('a tunnel inside a tunnel', REFUSED, new(t=attribute(TMPL, template() + template()))),
            ('from another address', REFUSED, new(t=attribute(TMPL, template('198.51.100.9')))),
            ('templates twice', REFUSED, new(t=own + own)),
            ('everything to us', REFUSED, new(selector('0.0.0.0', 0, eth0))),
            ('a network outside the list', REFUSED, new(selector('10.9.0.0', 24, eth0))),
            ('a wider network', REFUSED, new(selector('10.2.0.0', 15, eth0))),
            ('the static entry\'s network', REFUSED, new(selector('10.3.0.0', 16, eth0))),
            ('on another interface', REFUSED, new(selector('10.2.7.0', 24, 1))),
            ('on all interfaces', REFUSED, new(selector('10.2.7.0', 24, 0))),
            ('before all others', REFUSED, new(priority=1)),
            ('a block', REFUSED, new(action=1)),
            ('flags', REFUSED, new(flags=1)),
            ('without the mark', REFUSED, new(m=b'')),
            ('with another mark', REFUSED, new(m=attribute(MARK, struct.pack('=II', 1, 1)))),
            ('of an interface number', REFUSED, new(m=MARKED + attribute(IF_ID, bytes(4)))),
            ('of another type', REFUSED, new(m=MARKED + attribute(POLICY_TYPE, bytes(6)))),
            ('a number of apply\'s', REFUSED, new(i=STATIC)),
            ('no number', REFUSED, new(i=0)),
            ('something behind the attributes', REFUSED, new(m=MARKED + b'\4\0\0\0')),
            ('delete a policy of apply\'s', REFUSED, message(DELPOLICY, policy_id(inside, STATIC), MARKED)),
            ('delete by selector', REFUSED, message(DELPOLICY, policy_id(selector('10.3.0.0', 16, eth0), 0), MARKED)),
            ('flush policies', REFUSED, message(FLUSHPOLICY, b'')),
            ('flush SAs', REFUSED, message(FLUSHSA, bytes(4))),
            ('read an SA', REFUSED, message(GETSA, sa_id(0x1234))),
            ('read all SAs', REFUSED, message(GETSA, b'', flags=0x305)),
            ('read a policy', REFUSED, message(GETPOLICY, policy_id(inside, STATIC))),
            ('change an SA', REFUSED, message(UPDSA, sa(OURS, PEER, STATIC), KEYS)),
            ('an acquire', REFUSED, message(ACQUIRE, bytes(280))),
            ('an SA that does not end here', REFUSED, message(NEWSA, sa('198.51.100.8', '198.51.100.9', DYNAMIC), KEYS)),
            ('an SA of nobody\'s', REFUSED, message(NEWSA, sa(OURS, PEER, 7), KEYS)),
            ('an SA of no number', REFUSED, message(NEWSA, sa(OURS, PEER, 0), KEYS)),
            ('an SA for any address', REFUSED, message(NEWSA, sa(OURS, PEER, DYNAMIC, flags=8), KEYS)),
            ('an SA with a mark', REFUSED, message(NEWSA, sa(OURS, PEER, DYNAMIC), KEYS + MARKED)),
            ('an SA in hardware', REFUSED, message(NEWSA, sa(OURS, PEER, DYNAMIC), KEYS + attribute(OFFLOAD, bytes(8)))),
            ('an SA over TCP', REFUSED, message(NEWSA, sa(OURS, PEER, DYNAMIC), KEYS + attribute(ENCAP, struct.pack('=H', 7) + bytes(22)))),
            ('delete an SA by source', REFUSED, message(DELSA, sa_id(0x1234), attribute(SRCADDR, v4(OURS)))),
            ('delete a marked SA', REFUSED, message(DELSA, sa_id(0x1234), MARKED)),
            ('delete of any protocol', REFUSED, message(DELSA, sa_id(0x1234, 255))),
            ('delete without an SPI', REFUSED, message(DELSA, sa_id(0))),
            ('half a message', NOT_WHOLE, new()[:-2]),
        ]
        bad = ['%s: %d' % (name, got) for name, want, m in rows for got in (d.send(m),) if got != want]
        assert not bad, bad
        # one good among bad ones does nothing; two with one number are two policies that one delete does not find
        assert d.send(new(), message(FLUSHPOLICY, b'')) == REFUSED
        assert d.send(new(), new(selector('10.2.8.0', 24, eth0))) == REFUSED
        assert d.node.run('ip', 'xfrm', 'policy').stdout == before
        assert d.send(new()) == 0 and d.send(new(selector('10.2.8.0', 24, eth0))) == REFUSED
        assert d.send(new(selector('10.2.8.0', 24, eth0), kind=UPDPOLICY)) == REFUSED
        assert d.send(message(DELPOLICY, policy_id(inside, index), MARKED)) == 0
        assert d.node.run('ip', 'xfrm', 'policy').stdout == before

        rows = [('a default route', ('0.0.0.0', 0, PEER)), ('a network of no entry', ('172.16.0.0', 12, PEER)), ('a wider network', ('10.0.0.0', 8, PEER)),
                ('to a peer by another interface', ('10.3.0.0', 16, '203.0.113.77')), ('of the dynamic entry, the same', ('10.2.0.0', 16, '203.0.113.77')),
                ('to a peer that is none', ('10.3.0.0', 16, '198.51.100.77')), ('to ourselves', ('10.3.0.0', 16, '127.0.0.1')), ('to IPv6', ('10.3.0.0', 16, '::1')),
                ('to nobody', ('10.3.0.0', 16, None)), ('by a gateway', ('10.3.0.0', 16, PEER, '192.0.2.66')), ('of another metric', ('10.3.0.0', 16, PEER, None, 9)),
                ('of more bits', ('10.3.0.0', 33, PEER))]
        before = d.routes()
        bad = ['%s: %d' % (name, got) for name, row in rows for got in (d.route(*row),) if got != REFUSED]
        assert not bad and d.routes() == before, (bad, d.routes())
        assert d.route('10.3.0.0', 16, PEER, add=24) == 0 and '10.3.0.0/16' in d.routes() and d.route('10.3.0.0', 16, add=0) == 0 and d.routes() == before
        d.node.ip('route', 'add', '10.3.9.0/24', 'via', '192.0.2.9', 'metric', '1')
        before = d.routes()
        assert d.route('10.3.9.0', 24, PEER) == -17 and d.route('10.3.9.0', 24, add=0) == 0 and d.routes() == before, d.routes()
        assert d.alive(), d.said()


def malformed():
    """requests that do not say what they are (hypotheses 17 to 20, 25 to 27, 34, 44): the numbers, lengths, flags, types of
    messages; bytes at random on both channels, by a seed that is printed"""
    with Taken() as d:
        delete = message(DELSA, sa_id(0x2001))
        long_key = attribute(ALG_CRYPT, b'cbc(aes)'.ljust(64, b'\0') + struct.pack('=I', 2**32 - 1) + bytes(32))
        no_algorithm = attribute(ALG_CRYPT, b'none such'.ljust(64, b'\0') + struct.pack('=I', 256) + bytes(32))
        bitmap = attribute(23, struct.pack('=IIIIIII', 2**31, 0, 0, 0, 0, 0, 32))  # XFRMA_REPLAY_ESN_VAL
        odd = struct.pack('=IHHII', 41, *struct.unpack('=HHII', delete[4:16])) + delete[16:] + bytes(1)
        rows = [('more messages than are there', NOT_WHOLE, d.ask(1, 3, delete + delete)), ('fewer', NOT_WHOLE, d.ask(1, 1, delete + delete)), ('none', NOT_WHOLE, d.ask(1, 0, delete)),
                ('more than there can be', NOT_WHOLE, d.ask(1, 2**32 - 1, delete)), ('a verb that is none', -95, d.ask(9)), ('nothing', NOT_WHOLE, d.ask(1, 1))]
        bad = [(name, got) for name, want, got in rows if got != want]
        assert not bad, bad
        assert d.ask(1, 1, odd + message(FLUSHPOLICY, b'')) in (REFUSED, NOT_WHOLE)
        before = d.node.run('ip', 'xfrm', 'policy').stdout
        for flags in (0, 1, 5, 0x105, 0x301, 0x305, 0xffff):  # DUMP, REPLACE, APPEND
            d.send(message(FLUSHPOLICY, b'', flags=flags))
            d.send(message(GETPOLICY, b'', flags=flags))
        assert d.send(message(DELSA, sa_id(0x2001), attribute(0x8000 | MARK, struct.pack('=II', 0, 1)))) == REFUSED  # the nested bit
        for attributes in (long_key, no_algorithm, KEYS + bitmap):
            assert d.send(message(NEWSA, sa(OURS, PEER, DYNAMIC), attributes)) < 0
        d.privileged.send(struct.pack('=III', 2, 0, 0x1234) + address('203.0.113.5') + bytes(3 + 60) + bytes(1) + bytes(4))  # another's packets
        d.privileged.recv(400)
        many = [message(DELSA, sa_id(0x10000 + i)) for i in range(1600)]
        assert d.send(*many) == -3  # ESRCH: none of them is there
        seed = int.from_bytes(os.urandom(4), 'little')
        print('seed %d' % seed)
        chance = random.Random(seed)
        for _ in range(3000):
            q = bytearray(struct.pack('=III', chance.choice((1, 2, 3, 4, 0)), chance.randrange(3), 0) + chance.randbytes(20 + 60 + 4) + struct.pack('=I', 64) + chance.randbytes(64))
            if chance.random() < 0.5:
                q[-64:-48] = struct.pack('=IHHII', 64, chance.randrange(0x10, 0x26), chance.randrange(65536), 1, 0)
            d.privileged.send(q if chance.random() < 0.9 else q[:chance.randrange(1, len(q))])
            d.privileged.recv(400)
        for _ in range(3000):
            d.keys_end.send(chance.randbytes(chance.randrange(1, 400)))
            ok = d.keys_end.recv(8192)[0]
            assert not ok, 'the keys answer what is no question (seed %d)' % seed
        assert d.node.run('ip', 'xfrm', 'policy').stdout == before and d.alive(), d.said()


def foreign_socket():
    """the kernel's socket that root opened, in the hands of nobody (hypothesis 34): what it asks is refused"""
    with Taken() as d:
        code = """import os, socket, sys
s = socket.socket(fileno=int(sys.argv[1]))
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
s.send(bytes.fromhex(sys.argv[2])); print(int.from_bytes(s.recv(4096)[16:20], 'little', signed=True))"""
        with d.node.inside():
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 6)
            out = subprocess.run([sys.executable, '-c', code, str(s.fileno()), message(FLUSHPOLICY, b'').hex()], capture_output=True, text=True, pass_fds=[s.fileno()])
            s.close()
        assert out.stdout.strip() == '-1', (out.stdout, out.stderr)


def unread():
    """who never reads answers stops nobody"""
    for which in ('privileged', 'keys_end'):
        with Taken() as d:
            end = getattr(d, which)
            end.setblocking(False)
            for _ in range(20000):
                try:
                    end.send(b'?')
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    break
            if which == 'privileged':  # the main process ends: nobody can be told anything any more
                assert d.p.wait(lab.BOUND) == 3, d.said()
            else:  # without keys all ends, and the second word does not wait for the one that sleeps
                lab.wait_for('the keys are gone', lambda: 'keys is gone' in d.said(), alive=d.alive)
                d.p.terminate()
                assert d.p.wait(lab.BOUND) == 3, d.said()


def answers():
    """it cannot answer a client that has asked nothing"""
    with Taken() as d:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(1)
            s.connect(d.dir + '/reload.sock')
            d.main.send(b'done {"sas_kept":7}')
            try:
                got = s.recv(4096)
            except socket.timeout:
                got = None
            assert got is None, got
        assert d.alive(), d.said()


def question(chain=b'', url=b'', methods=(2,), number=7, weak=0, chain_len=None, n=None):
    """struct fetch_question, the URL, the chain"""
    return struct.pack('=QIIH3sBBB', number, 2**32 - 1, len(chain) if chain_len is None else chain_len, len(url), bytes(methods).ljust(3, b'\0')[:3],
                       len(methods) if n is None else n, 0, weak) + url + chain


def chain_of(ca, *names):
    der = [subprocess.run(['openssl', 'x509', '-in', ca.path(n, 'crt'), '-outform', 'DER'], check=True, capture_output=True).stdout for n in names]
    return b''.join(struct.pack('>I', len(x)) + x for x in der)


def told(s):
    answer = s.recv(4096)
    number, verdict = struct.unpack('=QI', answer[:12])
    return number, verdict, answer[24:].split(b'\0')[0].decode()


def fetched():
    """the process that fetches goes nowhere for certificates that no CA of ours has made, whatever is asked and how often"""
    with Taken() as d, tempfile.TemporaryDirectory() as there:
        web = revocation.Web(d.node, {})
        try:
            ca = certs.Authority(there, 'ca')
            ca.make('peer', 'rsa', 'CN=peer', revocation.LEAF % revocation.CRL, ca)
            chain = chain_of(ca, 'peer', 'ca')
            url = b'http://%s:8080/x' % OURS.encode()
            cases = [(question(chain), 'CA that the configuration does not have'), (question(chain, url, (3,)), 'CA that the configuration does not have'),
                     (question(chain, url, (3, 2, 1)), 'CA that the configuration does not have'), (question(chain[:-1]), 'CA that'), (question(b''), 'CA that'), (question(bytes(50000)), 'CA that'),
                     (question(chain, n=200), 'cannot be read'), (question(chain, chain_len=2**32 - 1), 'cannot be read'), (question(chain, bytes(1024)), 'cannot be read'),
                     (question(chain, weak=9), 'cannot be read'), (b'x', 'cannot be read'), (question(chain) + b'x', 'cannot be read'), (question(os.urandom(3000)), 'CA that')]
            for q, why in cases:
                d.fetch_end.send(q)
                number, verdict, said = told(d.fetch_end)
                assert verdict == 0 and why in said, (q[:24], verdict, said)
            most = 0
            for i in range(60 if lab.QUICK else 300):
                d.fetch_end.send(question(chain, number=i))
                most = max(most, len(open('/proc/%d/task/%d/children' % (d.fetch, d.fetch)).read().split()))
                if i >= 20:
                    assert told(d.fetch_end)[1] == 0
            assert most <= 8 and not web.asked and d.alive(), (most, web.asked)
        finally:
            web.close()


class WithTrustpoint(Taken):
    def write(self, more):
        super().write('crypto pki trustpoint TP\n enrollment terminal\n revocation-check crl\n')


def kept():
    """a child that fetches is somebody else's (hypothesis 58): what it gives to be kept is no longer than a list may be, not
    without end many, and does not change any more"""
    most, many = 8 << 20, 16  # FETCH_CRL_MAX, KEPT_MAX
    with tempfile.TemporaryDirectory() as there:
        ca = certs.Authority(there, 'ca')
        ca.make('peer', 'rsa', 'CN=peer', revocation.LEAF % revocation.CRL, ca)
        certs.place(ca.path('ca', 'crt'), there + '/own/TP.ca')
        with WithTrustpoint('--pki-dir', there + '/own') as d:
            web = revocation.Web(d.node, {})
            web.mode = 'hang'
            try:
                d.fetch_end.send(question(chain_of(ca, 'peer', 'ca')))
                lab.wait_for('the child asks', lambda: web.asked, alive=d.alive)
                child, = [int(x) for x in open('/proc/%d/task/%d/children' % (d.fetch, d.fetch)).read().split()]
                end, = ends_of(child)
                os.kill(child, signal.SIGSTOP)  # it says nothing itself any more

                def files():
                    out = []
                    for fd in os.listdir('/proc/%d/fd' % d.fetch):
                        path = '/proc/%d/fd/%s' % (d.fetch, fd)
                        with contextlib.suppress(FileNotFoundError):  # a list that has just made room
                            if 'memfd:' in os.readlink(path):
                                out.append((os.stat(path).st_size, os.stat(path).st_ino, path))
                    return out

                def keeps(name, size, text=b'x'):
                    fd = os.memfd_create('list', os.MFD_ALLOW_SEALING)
                    os.ftruncate(fd, size)
                    os.pwrite(fd, text, 0)
                    head = struct.pack('=1024sq', b'http://pki.example/' + name, 2**62)
                    socket.send_fds(end, [head], [fd])
                    return fd
                first = keeps(b'first', 100, b'before')
                lab.wait_for('it is kept', files, alive=d.alive)
                os.pwrite(first, b'after!', 0)
                (size, inode, path), = files()
                assert inode != os.fstat(first).st_ino and open(path, 'rb').read(6) == b'before', files()
                huge = keeps(b'huge', 4 * most)
                for i in range(3 * many):
                    os.close(keeps(b'%d' % i, 200 + i))
                last = 200 + 3 * many - 1
                lab.wait_for('the last is kept', lambda: last in [f[0] for f in files()], alive=d.alive)
                assert len(files()) <= many and max(f[0] for f in files()) <= most, files()
                os.close(first)
                os.close(huge)
                end.close()
                os.kill(child, signal.SIGKILL)
                number, verdict, said = told(d.fetch_end)
                assert (number, verdict) == (7, 0) and 'has failed' in said, (number, verdict, said)
                assert d.alive(), d.said()
            finally:
                web.close()


IKEV2 = """crypto ikev2 keyring KR
 peer P
  address %s
  pre-shared-key %s
crypto ikev2 profile PROF
 match identity remote address %s 255.255.255.255
 authentication remote pre-share
 authentication local pre-share
 keyring local KR
"""


class WithProfile(Taken):
    def write(self, more):
        super().write(IKEV2 % (PEER, processes.PSK, PEER))


def key_question(verb, prf, pieces, proof=b'', profile=b'PROF'):
    """struct question of daemon/keys.c, the profile, the pieces, the proof"""
    lengths = [len(p) for p in pieces] + [0] * (8 - len(pieces))
    head = struct.pack('=7I8I', verb, prf, 0, len(pieces), len(profile), 0, len(proof), *lengths) + address(PEER) + address(OURS)
    head += bytes([2, 0, 1, 0, 0])
    return head + bytes(-len(head) % 4) + profile + b''.join(pieces) + proof


def wrong_proofs():
    """a check that fails tells nothing but that (hypothesis 42): neither the name of the key nor the right proof"""
    check, init = 3, bytes(17) + b'\x20\x22' + bytes(8) + b'\x1c'
    pieces = [init, bytes(32), bytes(32)]
    inner = hmac.digest(processes.PSK.encode(), b'Key Pad for IKEv2', 'sha256')
    right = hmac.digest(inner, b''.join(pieces), 'sha256')
    with WithProfile() as d:
        def ask(prf, proof):
            d.keys_end.send(key_question(check, prf, pieces, proof))
            return d.keys_end.recv(8192)
        good = [prf for prf in range(64) if struct.unpack('=I', ask(prf, right)[:4])[0]]
        assert len(good) == 1, good
        assert any(ask(good[0], right)[4:])
        wrong = [bytes(32), right[:-1], right + b'x', b'', bytes([right[0] ^ 1]) + right[1:], right[:-1] + bytes([right[-1] ^ 1])]
        for proof in wrong:
            assert not any(ask(good[0], proof)), proof.hex()
        assert d.alive(), d.said()


def tests():
    yield 'netns: compromised: kept lists', kept
    yield 'netns: compromised: wrong proofs', wrong_proofs
    yield 'netns: compromised: fetched', fetched
    yield 'netns: compromised: malformed', malformed
    yield 'netns: compromised: a socket of the kernel', foreign_socket
    yield 'netns: compromised: fifty requests', privileged
    yield 'netns: compromised: answers unread', unread
    yield 'netns: compromised: answers unasked', answers
