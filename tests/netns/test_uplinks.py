# SPDX-License-Identifier: GPL-3.0-or-later
"""From which address, by which link and to whom the daemon negotiates while a router's uplinks come, go and change. The other
side only looks: what counts is the first datagram of a negotiation, where it comes from and where it goes."""
import os, subprocess, sys

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


class Uplinks:
    """a router with two uplinks and a network behind it; the provider has the peer's address"""
    def __init__(self, config, options=()):
        self.config, self.options = config, options

    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, self.isp, inside = (self.lab.node(n) for n in 'rpi')
        self.lab.link(self.node, 'wan1', self.isp, 'p1')
        self.lab.link(self.node, 'wan2', self.isp, 'p2')
        self.lab.link(self.node, 'lan0', inside, 'eth0')
        for node, link, address in ((self.node, 'wan1', '203.0.113.2/24'), (self.node, 'wan2', '198.51.100.2/24'), (self.node, 'lan0', '10.1.0.1/16'), (self.isp, 'p1', '203.0.113.1/24'), (self.isp, 'p2', '198.51.100.1/24'), (self.isp, 'lo', '192.0.2.1/32'), (self.isp, 'lo', '192.0.2.3/32')):
            node.ip('addr', 'add', address, 'dev', link)
        self.node.ip('route', 'add', 'default', 'via', '203.0.113.1')
        self.wires = {n: self.isp.wire(n) for n in ('p1', 'p2')}
        self.dir = self.lab.directory()
        self.log = open(self.dir + '/log', 'w')
        open(self.dir + '/r.cfg', 'w').write(self.config)
        self.start()
        return self

    def start(self):
        with self.node.inside():
            self.p = subprocess.Popen([IOSCC, 'run', '--state-dir', self.dir + '/state', '-m', 'Gi0/0=wan1,Gi0/1=wan2,Gi0/2=lan0', *self.options, self.dir + '/r.cfg'], stdout=self.log, stderr=subprocess.STDOUT)
        lab.wait_for(self.said, lambda: 'ports 500 and 4500' in self.said(), alive=lambda: self.p.poll() is None)
        assert self.p.poll() is None, self.said()

    def __exit__(self, *a):
        self.p.kill()
        self.p.wait(lab.BOUND)
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


def tests():
    for f in (other_uplink,):
        yield 'netns: uplinks: ' + f.__name__.replace('_', ' '), f
