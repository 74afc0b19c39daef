# SPDX-License-Identifier: GPL-3.0-or-later
"""From which address, by which link and to whom the daemon negotiates while a router's uplinks come, go and change. The other
side only looks: what counts is the first datagram of a negotiation, where it comes from and where it goes."""
import os, re, select, socket, struct, subprocess, sys, threading

sys.path[:0] = ['tests/netns']
import lab

IOSCC = os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')
IKE = 500
HEAD = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key correct-horse-battery address 192.0.2.1
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set T
 match address L
'''
TWO = HEAD + '''interface GigabitEthernet0/0
 ip address 203.0.113.2 255.255.255.0
 crypto map M
interface GigabitEthernet0/1
 ip address 198.51.100.2 255.255.255.0
 crypto map M
interface GigabitEthernet0/2
 ip address 10.1.0.1 255.255.0.0
end
'''

LEASED = TWO.replace('ip address 203.0.113.2 255.255.255.0', 'ip address dhcp').replace('198.51.100.2 255.255.255.0\n crypto map M', '198.51.100.2 255.255.255.0')


class Dns:
    """a name server at 192.0.2.53, RFC 1035 as far as it is asked here: A and AAAA records with a TTL of one second"""
    def __init__(self, node, names):
        self.names, self.asked, self.over = names, [], False
        node.ip('addr', 'add', '192.0.2.53/32', 'dev', 'lo')
        with node.inside():
            self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.s.bind(('192.0.2.53', 53))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over:
            if not select.select([self.s], [], [], 0.1)[0]:
                continue
            q, who = self.s.recvfrom(4096)
            at, labels = 12, []
            while q[at]:
                labels.append(q[at + 1:at + 1 + q[at]].decode())
                at += 1 + q[at]
            question = q[12:at + 5]
            name, kind = '.'.join(labels), struct.unpack('>H', q[at + 1:at + 3])[0]
            self.asked.append(name)
            family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
            found = [socket.inet_pton(family, a) for a in self.names.get(name, ()) if (':' in a) == (kind == 28)] if family else []
            answers = b''.join(struct.pack('>HHHIH', 0xc00c, kind, 1, 1, len(a)) + a for a in found)
            self.s.sendto(q[:2] + struct.pack('>HHHHH', 0x8180 if name in self.names else 0x8183, 1, len(found), 0, 0) + question + answers, who)

    def end(self):
        self.over = True
        self.thread.join()
        self.s.close()


class Uplinks:
    """a router with two uplinks and a network behind it; the provider has the peer's address"""
    def __init__(self, config, options=(), before='true', names=None):
        """`names`: what the provider's DNS answers, {name: (address, …)}; None: there is none"""
        self.config, self.options, self.before, self.names = config, options, before, names

    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, self.isp, inside = (self.lab.node(n) for n in 'rpi')
        self.lab.link(self.node, 'wan1', self.isp, 'p1')
        self.lab.link(self.node, 'wan2', self.isp, 'p2')
        self.lab.link(self.node, 'lan0', inside, 'eth0')
        for node, link, address in ((self.node, 'wan1', '203.0.113.2/24'), (self.node, 'wan2', '198.51.100.2/24'), (self.node, 'lan0', '10.1.0.1/16'), (self.isp, 'p1', '203.0.113.1/24'), (self.isp, 'p2', '198.51.100.1/24'), (self.isp, 'lo', '192.0.2.1/32'), (self.isp, 'lo', '192.0.2.3/32')):
            node.ip('addr', 'add', address, 'dev', link)
        self.node.ip('route', 'add', 'default', 'via', '203.0.113.1')
        self.node.run('sh', '-c', self.before)
        self.dns = Dns(self.isp, self.names) if self.names is not None else None
        self.wires = {n: self.isp.wire(n) for n in ('p1', 'p2')}
        self.dir = self.lab.directory()
        self.log = open(self.dir + '/log', 'w')
        open(self.dir + '/r.cfg', 'w').write(self.config)
        self.start()
        return self

    def start(self):
        own_resolver = []
        if self.names is not None:
            open(self.dir + '/resolv.conf', 'w').write('nameserver 192.0.2.53\n')
            own_resolver = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.dir + '/resolv.conf']
        with self.node.inside():
            self.p = subprocess.Popen([*own_resolver, IOSCC, 'run', '--state-dir', self.dir + '/state', '-m', 'Gi0/0=wan1,Gi0/1=wan2,Gi0/2=lan0', *self.options, self.dir + '/r.cfg'], stdout=self.log, stderr=subprocess.STDOUT)
        lab.wait_for(self.said, lambda: 'ports 500 and 4500' in self.said(), alive=lambda: self.p.poll() is None)
        assert self.p.poll() is None, self.said()

    def __exit__(self, *a):
        self.p.kill()
        self.p.wait(lab.BOUND)
        if self.dns:
            self.dns.end()
        self.lab.__exit__(*a)

    def said(self):
        return open(self.dir + '/log').read()

    def ioscc(self, *args, ok=True):
        return self.node.run(IOSCC, args[0], '--state-dir', self.dir + '/state', *args[1:], ok=ok)

    def traffic(self):
        """a packet of the protected network, made by the router itself"""
        self.node.run('sh', '-c', 'ping -c 1 -W 1 -I 10.1.0.1 10.2.0.9 || true')

    def negotiates(self, link):
        """(from, to) of the next datagram to port 500 on a link, while traffic asks for it again and again"""
        found = []

        def seen():
            self.traffic()
            for f in lab.drain(self.wires[link]):
                p = lab.parse(f)
                if p and p[2] == 17 and p[4] == IKE:
                    found.append(p[:2])
            return found
        lab.wait_for(self.said, seen)
        return found[-1]


def forget(u):
    for s in u.wires.values():
        lab.drain(s)


def other_uplink():
    """E33: a map on two uplinks negotiates by each from its own address"""
    with Uplinks(TWO) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1')
        u.node.ip('link', 'set', 'wan1', 'down')
        u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
        forget(u)
        assert u.negotiates('p2') == ('198.51.100.2', '192.0.2.1'), u.said()


def new_lease():
    """E16: the outside address changes while the daemon runs: policies and tunnels go with it, and the log says so"""
    with Uplinks(LEASED) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1')
        u.isp.ip('addr', 'add', '203.0.114.1/24', 'dev', 'p1')
        u.node.run('sh', '-c', 'ip addr del 203.0.113.2/24 dev wan1; ip addr add 203.0.114.2/24 dev wan1; ip route add default via 203.0.114.1')
        lab.wait_for(u.said, lambda: 'M at wan1 was 203.0.113.2, is 203.0.114.2' in u.said())
        forget(u)
        lab.wait_for(u.said, lambda: u.negotiates('p1') == ('203.0.114.2', '192.0.2.1'))
        assert 'tmpl src 203.0.114.2' in u.node.ip('xfrm', 'policy') and '203.0.113.2' not in u.node.ip('xfrm', 'policy')


def lease_lost_for_a_moment():
    """the same address again: nothing is ended for that"""
    with Uplinks(LEASED) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1')
        u.node.ip('addr', 'del', '203.0.113.2/24', 'dev', 'wan1')
        lab.wait_for(u.said, lambda: 'repaired' in u.said())
        u.node.run('sh', '-c', 'ip addr add 203.0.113.2/24 dev wan1; ip route add default via 203.0.113.1')
        lab.wait_for(u.said, lambda: u.said().count('repaired') >= 2)
        forget(u)
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1')
        assert 'are ended' not in u.said(), u.said()


def first_lease():
    """no address when it starts, as at boot: it negotiates from the first one that comes"""
    with Uplinks(LEASED, before='ip addr del 203.0.113.2/24 dev wan1') as u:
        u.node.run('sh', '-c', 'ip addr add 203.0.113.2/24 dev wan1; ip route add default via 203.0.113.1')
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1')
        lab.wait_for(u.said, lambda: 'M at wan1 was not known, is 203.0.113.2' in u.said())


def address_absent():
    """E17: an address of the configuration that the host does not have is said, once, and no other one"""
    with Uplinks(TWO, before='ip addr del 198.51.100.2/24 dev wan2') as u:
        assert u.said().count('no interface of this host has 198.51.100.2') == 1 and u.said().count('IC4024') == 1, u.said()
    with Uplinks(TWO) as u:
        assert 'IC4024' not in u.said(), u.said()


ONE_KEY = TWO.replace('set peer 192.0.2.1', 'set peer hq.example.net dynamic')
NAMED = TWO.replace('set peer 192.0.2.1', 'set peer hq.example.net dynamic').replace('address 192.0.2.1\n', 'address 0.0.0.0\n')


OTHER_MAP = TWO.replace('crypto map M 10', """ip access-list extended L2
 permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255
crypto isakmp key other address 192.0.2.3
crypto map N 10 ipsec-isakmp
 set peer 192.0.2.3
 set transform-set T
 match address L2
crypto map M 10""").replace(' crypto map M\n', ' crypto map N\n', 1)


def routed_by_the_other_uplink():
    """a line has failed, and its route leads by an uplink that has another map: status, log and metrics say so, until it is over"""
    said = 'this host sends to 10.2.0.1 by wan1, whose crypto map N does not protect it: it is not encrypted there, as it would not be on the router'
    with Uplinks(OTHER_MAP, before='ip route add 10.2.0.0/16 via 198.51.100.1') as u:
        in_sync = lambda: re.search(r'(?m)^ioscc_in_sync (\d)', u.ioscc('metrics').stdout).group(1)
        u.ioscc('status')
        assert in_sync() == '1', u.said()
        u.node.ip('route', 'replace', '10.2.0.0/16', 'via', '203.0.113.1')
        lab.wait_for('the log says so', lambda: 'what is applied is not all in force: ' + said in u.said(), alive=lambda: u.p.poll() is None)
        p = u.ioscc('status', ok=False)
        assert p.returncode == 1 and said in p.stdout + p.stderr and in_sync() == '0', p.stdout + p.stderr
        u.node.ip('route', 'replace', '10.2.0.0/16', 'via', '198.51.100.1')
        lab.wait_for('it is over', lambda: 'what was complained of is over' in u.said(), alive=lambda: u.p.poll() is None)
        u.ioscc('status')
        assert in_sync() == '1', u.said()


def name_moves():
    """E25: the peer's name gets another address; it is asked for again by its TTL and when it is called"""
    with Uplinks(NAMED, names={'hq.example.net': ('192.0.2.1',)}) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()
        u.dns.names['hq.example.net'] = ('192.0.2.3',)
        lab.wait_for(u.said, lambda: 'hq.example.net was 192.0.2.1, is 192.0.2.3' in u.said())
        lab.wait_for(u.said, lambda: u.negotiates('p1') == ('203.0.113.2', '192.0.2.3'))
        assert 'dst 192.0.2.3' in u.node.ip('xfrm', 'policy') and 'dst 192.0.2.1' not in u.node.ip('xfrm', 'policy')
        u.dns.names['hq.example.net'] = ()  # no answer: the address that it had holds
        n = len(u.dns.asked)
        lab.wait_for(u.said, lambda: len(u.dns.asked) > n + 2)
        assert u.ioscc('status').returncode == 0


def name_not_found_at_boot():
    """nothing answers when it starts; what cannot be looked up is looked up again"""
    with Uplinks(NAMED, names={}) as u:
        u.traffic()
        u.dns.names['hq.example.net'] = ('192.0.2.3', '192.0.2.1')
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.3'), u.said()
        assert 'hq.example.net was not known, is 192.0.2.3' in u.said(), u.said()


def name_of_the_host_table():
    """E25: a line of the configuration says where the name leads; the DNS, which says otherwise, is not asked"""
    with Uplinks(NAMED.replace('hostname r1', 'hostname r1\nip host HQ.example.net 192.0.2.1', 1), names={'hq.example.net': ('192.0.2.3',)}) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()
        assert not u.dns.asked, u.dns.asked


def name_with_several_addresses():
    """answers come in any order, and as long as the one that is in use is among them nothing changes"""
    with Uplinks(NAMED, names={'hq.example.net': ('192.0.2.3', '192.0.2.1')}) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.3'), u.said()
        n = len(u.dns.asked)
        u.dns.names['hq.example.net'] = ('192.0.2.1', '192.0.2.3')
        lab.wait_for(u.said, lambda: len(u.dns.asked) > n + 2)
        assert 'was 192.0.2.3' not in u.said(), u.said()


def name_that_lies():
    """addresses that no peer can have are no addresses"""
    with Uplinks(NAMED, names={'hq.example.net': ('127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255')}) as u:
        n = len(u.dns.asked)
        lab.wait_for(u.said, lambda: len(u.dns.asked) > n)
        policies = u.node.ip('xfrm', 'policy')
        assert '127.0.0.1' not in policies and '224.0.0.1' not in policies and '255.255.255.255' not in policies, policies
    with Uplinks(NAMED, names={'hq.example.net': ('192.0.2.1',)}) as u:  # L11: the same as IPv6 writes it
        u.dns.names['hq.example.net'] = ('::ffff:127.0.0.1', '::ffff:224.0.0.1', '::127.0.0.1', '::')
        n = len(u.dns.asked)
        lab.wait_for(u.said, lambda: len(u.dns.asked) > n + 4)
        assert 'hq.example.net was' not in u.said(), u.said()


TWO_NAMES = ONE_KEY.replace('crypto map M 10', '''ip access-list extended L2
 permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255
crypto isakmp key other address 192.0.2.3
crypto isakmp key other address 192.0.2.4
crypto map M 20 ipsec-isakmp
 set peer branch.example.net dynamic
 set transform-set T
 match address L2
crypto map M 10''')


def name_with_an_ipv6_address_alone():
    """a peer of an IPv4 crypto map: an AAAA is no answer, at the start and later"""
    names = {'hq.example.net': ('2001:db8::1',)}
    with Uplinks(ONE_KEY, options=('--allow-partial',), names=dict(names)) as u:
        assert 'peer hq.example.net is not found' in u.said(), u.said()
        assert '2001:' not in u.node.ip('xfrm', 'policy'), u.node.ip('xfrm', 'policy')
        u.ioscc('status')
        asked = len(u.dns.asked)
        u.dns.names['hq.example.net'] = ('203.0.113.2', '198.51.100.2')  # this router itself
        lab.wait_for('it asks again', lambda: len(u.dns.asked) > asked + 4)
        assert 'dst 203.0.113.2' not in u.node.run('sh', '-c', 'ip xfrm policy | grep "tmpl src 203.0.113.2"', ok=False).stdout, u.node.ip('xfrm', 'policy')
        u.dns.names['hq.example.net'] = ('2001:db8::1', '192.0.2.1')
        lab.wait_for(u.said, lambda: '192.0.2.1' in u.node.ip('xfrm', 'policy'))
        u.dns.names['hq.example.net'] = ('2001:db8::1',)
        asked = len(u.dns.asked)
        lab.wait_for('it asks again', lambda: len(u.dns.asked) > asked + 4)
        assert '2001:' not in u.node.ip('xfrm', 'policy') and '192.0.2.1' in u.node.ip('xfrm', 'policy'), u.said()
        assert 'another program' not in u.said(), u.said()


def name_without_a_key():
    """h12u B1: the name leads to an address that there is no key for (a wrong or a forged answer): the tunnel stays where it is,
    another name's move is not held back by that, and when the answer is right again nothing has happened"""
    names = {'hq.example.net': ('192.0.2.1',), 'branch.example.net': ('192.0.2.3',)}
    with Uplinks(TWO_NAMES, names=dict(names)) as u:
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()
        u.dns.names.update({'hq.example.net': ('192.0.2.9',), 'branch.example.net': ('192.0.2.4',)})
        lab.wait_for(u.said, lambda: 'branch.example.net was 192.0.2.3, is 192.0.2.4' in u.said())
        lab.wait_for(u.said, lambda: 'hq.example.net leads to 192.0.2.9 now' in u.said() and 'it stays 192.0.2.1' in u.said())
        policies = u.node.ip('xfrm', 'policy')
        assert 'dst 192.0.2.9' not in policies and 'dst 192.0.2.1' in policies and 'dst 192.0.2.4' in policies, policies
        forget(u)
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()
        assert u.ioscc('status').returncode == 0
        u.dns.names.update(names)
        lab.wait_for(u.said, lambda: 'branch.example.net was 192.0.2.4, is 192.0.2.3' in u.said())
        assert 'hq.example.net was' not in u.said() and 'cannot follow' not in u.said(), u.said()


def name_without_a_key_from_the_start():
    """what the daemon does not run for want of a key is in status and metrics, as long as it is so"""
    names = {'hq.example.net': ('192.0.2.1',), 'branch.example.net': ('192.0.2.9',)}
    blocked = lambda u: re.search(r'entries{state="blocked"} (\d)', u.ioscc('metrics').stdout).group(1)
    with Uplinks(TWO_NAMES, options=('--allow-partial',), names=dict(names)) as u:
        assert re.search(r'The IKE daemon: map M entry 20 \(line \d+\) is blocked: ', u.ioscc('status').stdout), u.ioscc('status').stdout
        assert blocked(u) == '1', u.ioscc('metrics').stdout
        u.dns.names['branch.example.net'] = ('192.0.2.3',)
        lab.wait_for(u.said, lambda: 'branch.example.net was 192.0.2.9, is 192.0.2.3' in u.said())
        lab.wait_for('it is run', lambda: blocked(u) == '0' and 'is blocked' not in u.ioscc('status').stdout)


def names_judged_one_by_one():
    """D2: one name's move to the better does not pay for another one's to where there is no key"""
    with Uplinks(TWO_NAMES, options=('--allow-partial',), names={'hq.example.net': ('192.0.2.1',), 'branch.example.net': ('192.0.2.9',)}) as u:
        assert 'entry 20' in u.said() and 'is blocked' in u.said(), u.said()
        u.dns.names.update({'hq.example.net': ('192.0.2.8',), 'branch.example.net': ('192.0.2.3',)})
        lab.wait_for(u.said, lambda: 'branch.example.net was 192.0.2.9, is 192.0.2.3' in u.said())
        lab.wait_for(u.said, lambda: 'hq.example.net leads to 192.0.2.8 now' in u.said())
        policies = u.node.ip('xfrm', 'policy')
        assert 'dst 192.0.2.8' not in policies and 'dst 192.0.2.1' in policies and 'dst 192.0.2.3' in policies, policies
        forget(u)
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()


def name_first_found_where_no_key_is():
    """D3: a name that was nowhere and leads to an address without a key stays unknown, and holds no other one's move back"""
    with Uplinks(TWO_NAMES.replace('key other address 192.0.2.3', 'key correct-horse-battery address 192.0.2.3'), names={'hq.example.net': ('192.0.2.1',)}) as u:
        u.dns.names.update({'branch.example.net': ('192.0.2.9',)})
        lab.wait_for(u.said, lambda: 'branch.example.net leads to 192.0.2.9 now' in u.said() and 'it stays unknown' in u.said())
        u.dns.names.update({'hq.example.net': ('192.0.2.3',)})
        lab.wait_for(u.said, lambda: 'hq.example.net was 192.0.2.1, is 192.0.2.3' in u.said())
        forget(u)
        lab.wait_for(u.said, lambda: u.negotiates('p1') == ('203.0.113.2', '192.0.2.3'))
        assert 'cannot follow' not in u.said() and u.ioscc('status').returncode == 0, u.said()


def interface_that_comes_later():
    """an uplink that is not there when the daemon starts (PPP, a VLAN, a late driver): closed by its name until it comes, then taken in"""
    with Uplinks(TWO, options=('--allow-partial',), before='ip link set wan2 down; ip addr flush dev wan2; ip link set wan2 name later0') as u:
        assert "this host has no interface 'wan2': what leaves by it is closed until it comes" in u.said(), u.said()
        assert 'dev wan2' not in u.node.ip('xfrm', 'policy') and '"wan2"' in u.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout
        assert u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'), u.said()
        u.node.run('sh', '-c', 'ip link set later0 name wan2; ip addr add 198.51.100.2/24 dev wan2; ip link set wan2 up')
        lab.wait_for(u.said, lambda: 'dev wan2' in u.node.ip('xfrm', 'policy'))
        u.node.ip('link', 'set', 'wan1', 'down')
        u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
        forget(u)
        lab.wait_for(u.said, lambda: u.negotiates('p2') == ('198.51.100.2', '192.0.2.1'))
        lab.wait_for(u.said, lambda: u.ioscc('status', ok=False).returncode == 0)


def tests():
    waiting = () if lab.QUICK else (name_with_an_ipv6_address_alone, name_without_a_key_from_the_start, name_without_a_key, names_judged_one_by_one, name_first_found_where_no_key_is, name_moves, name_not_found_at_boot, name_with_several_addresses, name_that_lies)
    for f in (routed_by_the_other_uplink, interface_that_comes_later, *waiting, name_of_the_host_table, address_absent, other_uplink, new_lease, lease_lost_for_a_moment, first_lease):
        yield 'netns: uplinks: ' + f.__name__.replace('_', ' '), f
