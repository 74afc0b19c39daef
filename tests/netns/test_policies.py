# SPDX-License-Identifier: GPL-3.0-or-later
"""What apply makes, judged by packets: a router node between an inside host and the outside, in namespaces."""
import json, os, random, re, socket, subprocess, time

import lab
from lab import Lab, drain, frame, ip_packet, mac, one_cpu, parse, sh, wait_for, wait_for_packet

IOSCC = os.environ.get('IOSCC', 'build/asan/ioscc')
DECIDE = os.environ.get('IOSCC_DECIDE', 'build/asan/tests/netns/decide')
WIDE = 'testdata/linux/wide.cfg'


def need(ok, text):
    if not ok:
        raise AssertionError(text() if callable(text) else text)


class Router:
    """inside host h -- eth1 router eth0 -- outside w; h and w have no addresses: frames are made and seen by the test"""

    def __init__(self, l, wan='198.51.100.2/24', lan='10.2.0.1/16', gateway='198.51.100.1'):
        self.node, self.h, self.w = l.node('r'), l.node('h'), l.node('w')
        r = self.node
        l.link(r, 'eth0', self.w, 'wan')
        l.link(r, 'eth1', self.h, 'lan')
        for n in (self.h, self.w):
            n.sysctl('net/ipv6/conf/all/disable_ipv6', 1)
        self.gateway, self.wan, self.lan = gateway, wan.split('/')[0], lan.split('/')[0]
        self.lan_host = '.'.join(self.lan.split('.')[:3] + ['253'])
        r.ip('addr', 'add', wan, 'dev', 'eth0')
        r.ip('addr', 'add', lan, 'dev', 'eth1')
        r.ip('route', 'add', 'default', 'via', gateway)
        r.ip('neigh', 'add', gateway, 'lladdr', mac(self.w, 'wan'), 'dev', 'eth0')
        r.sysctl('net/ipv4/ip_forward', 1)
        r.sysctl('net/ipv4/conf/all/accept_redirects', 0)
        self.inside, self.outside = self.h.wire('lan'), self.w.wire('wan')
        self.acq, self.flush = r.acquires(), r.sa_flusher()
        self.dir = l.directory()
        self.neighbours = set()

    def ioscc(self, *args, ok=(0,), env=None):
        p = self.node.run(IOSCC, args[0], '--state-dir', os.path.join(self.dir, 'state'), *args[1:], ok=False,
                          env=dict(os.environ, NO_COLOR='1', **(env or {})))
        need(p.returncode in ok, lambda: 'ioscc %s: exit %d\n%s%s' % (' '.join(args), p.returncode, p.stdout[-2000:], p.stderr[-2000:]))
        return p

    def knows(self, host):
        if host not in self.neighbours:
            self.node.ip('neigh', 'replace', host, 'lladdr', mac(self.h, 'lan'), 'dev', 'eth1')
            self.neighbours.add(host)

    def from_inside(self, *packets):
        for p in packets:
            self.inside.send(frame(mac(self.node, 'eth1'), mac(self.h, 'lan'), p))

    def from_outside(self, *packets):
        for p in packets:
            self.outside.send(frame(mac(self.node, 'eth0'), mac(self.w, 'wan'), p))

    def settle(self, inwards):
        """asks for the router's hardware address on the side the packets went in by: when it answers, all before the
        question was worked off"""
        wire, link, here = (self.outside, 'eth0', mac(self.w, 'wan')) if inwards else (self.inside, 'eth1', mac(self.h, 'lan'))
        drain(wire)
        wire.send(lab.arp_request(here, self.gateway if inwards else self.lan_host, self.wan if inwards else self.lan))
        lab.wait_for_frame(wire, lambda f: f[12:14] == b'\x08\x06' and f[20:22] == b'\0\x02')

    def outcome(self, packets, inwards=False):
        """for each (src, dst, proto, sport, dport): 'clear', ('protect', reqid) or 'drop'"""
        out = self.outcome_once(packets, inwards)
        for i, p in enumerate(packets):
            if out[i] == 'drop':  # alone, with no larval SA in the way
                self.flush()
                out[i] = self.outcome_once([p], inwards)[0]
        return out

    def outcome_once(self, packets, inwards):
        send, see = (self.from_outside, self.inside) if inwards else (self.from_inside, self.outside)
        drain(see), drain(self.acq)
        with one_cpu():
            for i, p in enumerate(packets):
                send(ip_packet(*p, ident=i + 1))
                self.flush()
            self.settle(inwards)
        seen = {parse(f)[5]: parse(f) for f in drain(see) if parse(f)}
        asked = dict(a for a in map(lab.parse_acquire, drain(self.acq)) if a)
        out = []
        for i, p in enumerate(packets):
            if i + 1 in seen and seen[i + 1][2] == p[2]:
                out.append('clear')
            elif tuple(p) in asked:
                out.append(('protect', asked[tuple(p)]))
            else:
                out.append('drop')
        return out


def decide(cfg, name, packets):
    text = ''.join('%s %s %d %d %d\n' % tuple(p) for p in packets)
    out = subprocess.run([DECIDE, cfg, *name.split()], input=text, capture_output=True, text=True, check=True).stdout.split('\n')
    return [x.split() for x in out[:len(packets)]]


def same_ruleset(r, cfg, *options):
    """our netlink messages against nft's own reading of our text, and ip's of our policies"""
    text = sh(IOSCC, 'compile', '--to', 'nftables', *options, cfg, ok=False).stdout
    mine = r.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout
    with Lab() as l:
        other = l.node('x')
        p = os.path.join(r.dir, 'x.nft')
        open(p, 'w').write(text)
        other.run('nft', '-c', '-f', p)
        other.run('nft', '-f', p)
        theirs = other.run('nft', 'list', 'ruleset').stdout

    def normal(t):
        # text is for any host, and says nothing of the numbers of this one's links (elsewhere.c), nor of which state it is
        t = re.sub(r'\bb_', '', t)
        t = re.sub(r'^\t\t(?:[io]if (?:\d+|").*|jump (?:later|idle)_\S+)\n', '', t, flags=re.M)
        t = re.sub(r'^\tchain (?:elsewhere|later|young|idle|late_elsewhere|owner)\S* \{.*?^\t\}\n', '', t, flags=re.S | re.M)
        t = re.sub(r'counter packets \d+ bytes \d+', 'counter', t)
        chains = re.findall(r'^\t(chain \S+ \{.*?^\t\})', t, re.S | re.M)
        sets = re.findall(r'^\t((?:set|map) \S+ \{.*?^\t\})', t, re.S | re.M)
        sets = [re.sub(r'elements = \{(.*?)\}', lambda m: 'elements = ' + ' '.join(sorted(x.strip() for x in m[1].split(','))), s, flags=re.S) for s in sets]
        return sorted(chains) + sorted(sets)
    a, b = normal(mine), normal(theirs)
    need(a == b, lambda: 'netlink and text differ:\n%s\n--- text:\n%s' % ('\n'.join(x for x in a if x not in b), '\n'.join(x for x in b if x not in a)))
    return mine


def wide():
    """every kind of rule: text and netlink agree, a second apply changes nothing, foreign objects survive remove"""
    with Lab() as l:
        r = Router(l)
        r.node.run('nft', 'add table ip other; add chain ip other c { type filter hook input priority 5; }; add rule ip other c counter')
        r.node.ip('xfrm', 'policy', 'add', 'src', '172.16.0.0/16', 'dst', '172.17.0.0/16', 'dir', 'out', 'priority', '400000', 'tmpl', 'src', '1.1.1.1', 'dst', '2.2.2.2', 'proto', 'esp', 'mode', 'tunnel')
        before = r.node.run('nft', 'list', 'ruleset').stdout, r.node.ip('xfrm', 'policy')
        r.ioscc('apply', '--allow-partial', WIDE)
        listed = same_ruleset(r, WIDE, '-m', 'Gi0/0=eth0,Gi0/1=eth1')
        need('masquerade' in listed and 'maxseg' in listed and 'dnat' in listed, 'rules are missing')
        p = r.ioscc('apply', '--allow-partial', WIDE)
        need('Nothing to change' in p.stdout, lambda: 'the second apply changes something:\n' + p.stdout + p.stderr)
        need('in sync' not in r.ioscc('status').stdout, 'status')
        r.ioscc('plan', '--allow-partial', WIDE)
        r.ioscc('remove')
        after = r.node.run('nft', 'list', 'ruleset').stdout, r.node.ip('xfrm', 'policy')
        need(before == after, lambda: 'not as before: %s' % (after,))


def verdict_maps():
    """lines of one shape in maps: text and netlink agree; an edit changes elements, a list that outgrows its map moves"""
    cfg = open('testdata/linux/filters.cfg').read()
    with Lab() as l:
        r = Router(l)
        path = os.path.join(r.dir, 'filters.cfg')

        def applied(text, *words):
            open(path, 'w').write(text)
            out = r.ioscc('apply', path).stdout
            listed = same_ruleset(r, path, '-m', 'Gi0/0=eth0')
            need(listed.count(' vmap @') == 3, listed)
            for w in words:
                need(w in out, lambda: '%s is not said:\n%s' % (w, out))
            need('Nothing to change' in r.ioscc('apply', path).stdout, 'the second apply changes something')
            return listed
        listed = applied(cfg)
        need(re.search(r'10\.2\.3\.0 \. 203\.0\.113\.13 \. tcp \. 83 counter packets 0 bytes 0 comment "acl WAN-IN 70" : drop', listed), listed)
        applied(cfg.replace('deny   tcp 10.2.3.0', 'permit tcp 10.2.3.0'), 'set elements: 1 to add, 1 to remove')
        many = ''.join(' permit udp 10.2.%d.%d 0.0.0.160 eq domain any\n' % (i // 32 + 1, i % 32) for i in range(90))
        listed = applied(cfg.replace(' deny   tcp any any range', many + ' deny   tcp any any range'))
        need('_128 {' in listed, listed)
        r.ioscc('remove')
        need('ioscc' not in r.node.run('nft', 'list', 'ruleset').stdout, 'something is left')


def masked_ports():
    """the kernel holds what `ip` cannot say: a port range is masked blocks"""
    with Lab() as l:
        r = Router(l)
        r.ioscc('apply', '--allow-partial', WIDE)
        listed = r.node.ip('xfrm', 'policy')
        need(listed.count('dport 443') >= 2 and 'sport' in listed, listed)
        for port, want in ((1023, 'clear'), (1024, 'protect'), (40000, 'protect'), (65535, 'protect')):
            r.knows('10.2.9.9')
            got = r.outcome([('10.2.9.9', '203.0.113.5', 6, port, 443)])[0]
            need((got if isinstance(got, str) else got[0]) == want, '%d: %s' % (port, got))


PAIR = 'testdata/pairs/branch-hq/branch.cfg'


def one_pair():
    """protected traffic leaves no cleartext, the rest is translated or routed, cleartext from outside is dropped and counted"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        r.knows('10.2.0.9')
        got = r.outcome([('10.2.0.9', '10.1.5.5', 17, 1000, 53), ('10.2.0.9', '10.1.255.255', 1, 8, 0)])
        need(all(g[0] == 'protect' for g in got), got)
        need(r.outcome([('10.1.5.5', '10.2.0.9', 17, 53, 1000), ('10.3.5.5', '10.2.0.9', 17, 53, 1000)], inwards=True) == ['drop', 'clear'], 'inbound')
        need(re.search('counter packets [1-9]', r.node.run('nft', 'list', 'set', 'inet', 'ioscc', 'in0_protect1').stdout), 'not counted')
        r.from_inside(ip_packet('10.2.0.9', '203.0.113.7', 17, 1000, 53, ident=77))  # not for the tunnel: NAT
        seen = [parse(f) for f in wait_for_packet(r.outside, lambda p: p[5] == 77)]
        need(seen[-1][0] == '198.51.100.2', seen[-1])
        r.ioscc('remove')
        need(r.outcome([('10.2.0.9', '10.1.5.5', 17, 1000, 53)]) == ['clear'], 'after remove')


def ipsec_input():
    """IKE, ESP and AH reach the host from the peer and from nobody else"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        for src in ('192.0.2.1', '192.0.2.66'):
            for proto, port in ((50, 0), (51, 0), (17, 500), (17, 4500)):
                r.from_outside(ip_packet(src, '198.51.100.2', proto, port, port))
        rules = ''

        def all_counted():
            nonlocal rules
            rules = r.node.run('nft', 'list', 'chain', 'inet', 'ioscc', 'input').stdout
            return sum(int(n) for n in re.findall(r'counter packets (\d+) bytes \d+ (?:accept comment "from peers"|drop comment "from strangers")', rules)) >= 8
        wait_for(lambda: rules, all_counted)
        need(len(re.findall(r'counter packets 1 bytes \d+ accept comment "from peers"', rules)) == 4, rules)
        need(len(re.findall(r'counter packets 1 bytes \d+ drop comment "from strangers"', rules)) == 4, rules)


def live_show():
    """show without --config: what is applied, with the kernel's counters"""
    with Lab() as l:
        r = Router(l)
        need('nothing is applied' in r.ioscc('show', 'access-lists', ok=(2,)).stderr, 'before')
        r.ioscc('apply', WIDE)
        r.knows('10.2.0.9')
        with one_cpu():
            r.from_outside(*[ip_packet('203.0.113.77', '10.2.0.9', 6, 999, 22, ident=1, flags=0)] * 3)
            r.settle(True)
        text = r.ioscc('show', 'access-lists').stdout
        need(' deny tcp any any eq 22 telnet (3 matches)' in text, text)
        need('Crypto Map IPv4 "WIDE" 10 ipsec-isakmp' in r.ioscc('show', 'crypto', 'map').stdout, 'map')
        text = r.ioscc('show', 'cry', 'ipsec', 'sa', 'interface', 'gi0/0').stdout
        need('current outbound spi: 0x0(0)' in text and 'remote crypto endpt.: 192.0.2.77' in text, text)
        need('no such' not in r.ioscc('clear', 'crypto', 'sa', 'peer', '192.0.2.1', ok=(1,)).stdout, 'clear')


def full_tunnel():
    """`permit ip LAN any`: hosts inside still reach the router and one another; from outside nothing comes in clear"""
    cfg = open(PAIR).read().replace(' permit ip 10.2.0.0 0.0.0.255 10.1.0.0 0.0.255.255\n!\nroute-map', ' permit ip 10.2.0.0 0.0.0.255 any\n!\nroute-map')
    cfg = re.sub(r' ip nat (in|out)side\n', '', cfg)
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        path = os.path.join(r.dir, 'full.cfg')
        open(path, 'w').write(cfg)
        r.ioscc('apply', path)
        r.knows('10.2.0.9')
        drain(r.inside)
        r.from_inside(ip_packet('10.2.0.9', '10.2.0.1', 1, 8, 0, ident=5))
        seen = wait_for_packet(r.inside, lambda p: p[0] == '10.2.0.1' and p[2] == 1)
        need(parse(seen[-1])[3] == 0, 'no echo reply')
        need(r.outcome([('10.2.0.9', '203.0.113.1', 17, 1, 2)])[0][0] == 'protect', 'out')
        need(r.outcome([('203.0.113.1', '10.2.0.9', 17, 1, 2), ('10.2.0.77', '10.2.0.9', 17, 1, 2)], inwards=True) == ['drop', 'drop'], 'in')


def interface_binding():
    """the map holds on its own interface only"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        other = l.node('o')
        l.link(r.node, 'eth2', other, 'wan2')
        r.node.ip('addr', 'add', '172.30.0.1/24', 'dev', 'eth2')
        r.node.ip('route', 'add', '10.1.9.0/24', 'via', '172.30.0.2')
        r.node.ip('neigh', 'add', '172.30.0.2', 'lladdr', mac(other, 'wan2'), 'dev', 'eth2')
        r.ioscc('apply', PAIR)
        wire = other.wire('wan2')
        r.from_inside(ip_packet('10.2.0.9', '10.1.9.9', 17, 1, 2, ident=9))
        wait_for_packet(wire, lambda p: p[5] == 9)
        r.knows('10.2.0.9')
        need(r.outcome([('10.2.0.9', '10.1.8.8', 17, 1, 2)])[0][0] == 'protect', 'the bound interface')


def empty_list():
    """a list without lines, or none of that name, is refused; with --allow-partial nothing passes in either direction but
    IKE, ESP and AH (the guide's "drops all packets")"""
    cfg = open(PAIR).read().replace(' permit ip 10.2.0.0 0.0.0.255 10.1.0.0 0.0.255.255\n!\nroute-map', '!\nroute-map')
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        path = os.path.join(r.dir, 'empty.cfg')
        open(path, 'w').write(cfg)
        p = r.ioscc('apply', path, ok=(1,))
        need('its access list has no lines' in p.stderr, p.stderr)
        none = os.path.join(r.dir, 'none.cfg')
        open(none, 'w').write(cfg.replace('match address TO-HQ', 'match address TO-NOBODY'))
        p = r.ioscc('apply', none, ok=(1,))
        need('its access list does not exist' in p.stderr and 'TO-NOBODY' in p.stderr, p.stderr)
        need('priority' not in r.node.ip('xfrm', 'policy'), 'something was made')
        r.knows('10.2.0.9')
        with r.node.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(('198.51.100.2', 500))
        s.settimeout(lab.BOUND)
        for each in (path, none):
            r.ioscc('apply', '--allow-partial', each)
            with one_cpu():
                r.from_inside(ip_packet('10.2.0.9', '203.0.113.7', 17, 1, 2, ident=3))
                r.from_outside(ip_packet('203.0.113.7', '10.2.0.9', 17, 1, 2, ident=4))
                r.from_outside(ip_packet('203.0.113.7', '198.51.100.2', 1, 8, 0, ident=5))
                r.from_outside(ip_packet('192.0.2.1', '198.51.100.2', 17, 500, 500, ident=6))
            s.recv(2000)  # IKE of the peer comes in, behind what must not
            need(not [f for f in drain(r.outside) if parse(f) and parse(f)[5] in (3, 5)], 'went out')
            need(not [f for f in drain(r.inside) if parse(f) and parse(f)[5] == 4], 'came in')
        s.close()


def deny_before_dynamic():
    """a deny that leads on to peers of a dynamic entry is refused: their policies would come behind what it lets go, or before a
    static entry in between; one that leads on to nobody is not"""
    text = open(PAIR).read().replace('interface GigabitEthernet0/0', 'crypto dynamic-map DYN 10\n set transform-set %s\n%%scrypto map VPN 65000 ipsec-isakmp dynamic DYN\ninterface GigabitEthernet0/0' % re.search(r'set transform-set (\S+)', open(PAIR).read())[1], 1)
    deny, listed = ' deny ip host 10.2.0.9 10.1.0.0 0.0.255.255\n permit ip 10.2.0.0 0.0.0.255 10.1.0.0', 'ip access-list extended ALL\n permit ip 10.2.0.0 0.0.0.255 any\n'
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        for name, cfg, refused in (('plain', text % '', False), ('open', text.replace(' permit ip 10.2.0.0 0.0.0.255 10.1.0.0', deny, 1) % '', True), ('listed', (text.replace(' permit ip 10.2.0.0 0.0.0.255 10.1.0.0', deny, 1) % ' match address ALL\n').replace('end\n', listed + 'end\n'), True),
                                   ('elsewhere', (text.replace(' permit ip 10.2.0.0 0.0.0.255 10.1.0.0', deny, 1) % ' match address ALL\n').replace('end\n', listed.replace('any', '10.77.0.0 0.0.255.255') + 'end\n'), False)):
            path = os.path.join(r.dir, name + '.cfg')
            open(path, 'w').write(cfg)
            for more in ((), ('--allow-partial',)):
                p = r.ioscc('plan', *more, path, ok=(1, 2))
                need((p.returncode == 2) == refused and ('IC4025' in p.stderr) == refused, lambda: '%s %s: %d\n%s%s' % (name, more, p.returncode, p.stdout, p.stderr))


SIX = """hostname six
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
 mode tunnel
crypto map ipv6 M 10 ipsec-isakmp
 set peer 2001:db8:ffff::2
 set transform-set T
 match address L
interface GigabitEthernet0/0
 ipv6 address 2001:db8:ffff::1/64
 ipv6 crypto map M
ipv6 access-list L
 permit tcp 2001:db8:1::/64 2001:db8:2::/64 range 80 89
 permit ipv6 host 2001:db8:ffff::1 2001:db8:3::/64
end
"""


def ipv6():
    """forwarded traffic and the host's own: the kernel looks up the latter before it knows the interface"""
    with Lab() as l:
        r = Router(l)
        n = r.node
        n.ip('addr', 'add', '2001:db8:ffff::1/64', 'dev', 'eth0')
        n.ip('addr', 'add', '2001:db8:1::1/64', 'dev', 'eth1')
        n.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:ffff::99', 'dev', 'eth0')
        n.ip('neigh', 'add', '2001:db8:ffff::99', 'lladdr', mac(r.w, 'wan'), 'dev', 'eth0')
        n.ip('neigh', 'add', '2001:db8:1::9', 'lladdr', mac(r.h, 'lan'), 'dev', 'eth1')
        n.sysctl('net/ipv6/conf/all/forwarding', 1)
        path = os.path.join(r.dir, 'six.cfg')
        open(path, 'w').write(SIX)
        r.ioscc('apply', '-m', 'Gi0/0=eth0', path)
        kinds = lambda got: [g if isinstance(g, str) else g[0] for g in got]
        got = kinds(r.outcome([('2001:db8:1::9', '2001:db8:2::5', 6, 1000, p) for p in (79, 80, 89, 90)]))
        need(got == ['clear', 'protect', 'protect', 'clear'], got)
        drain(r.acq), drain(r.outside)
        n.run('ping', '-6', '-c', '1', '-W', '1', '2001:db8:3::7', ok=False)
        asked = [a for a in map(lab.parse_acquire, drain(r.acq)) if a]
        need(asked and asked[0][0][1] == '2001:db8:3::7', 'the host\'s own packet is not protected')
        need(not [f for f in drain(r.outside) if parse(f) and parse(f)[1] == '2001:db8:3::7'], 'in the clear')
        got = r.outcome([('2001:db8:2::5', '2001:db8:1::9', 6, 80, 1000), ('2001:db8:2::5', '2001:db8:1::9', 6, 79, 1000)], inwards=True)
        need(got == ['drop', 'clear'], got)


# ---- the kernel against the interpreter ----

def random_config(rng):
    def addr(base):
        k = rng.randrange(6)
        return ['any', 'host 10.%d.0.%d' % (base, rng.randrange(8)), '10.%d.0.%d 0.0.0.3' % (base, rng.randrange(2) * 4),
                '10.%d.0.0 0.0.0.5' % base, '10.%d.0.0 0.0.0.255' % base, '10.%d.0.0 0.0.255.255' % base][k]

    def ports():
        k = rng.randrange(7)
        return ['', '', ' eq %d' % rng.randrange(1, 6), ' range %d %d' % (rng.randrange(1, 4), rng.randrange(4, 9)),
                ' gt %d' % rng.randrange(1, 6), ' lt %d' % rng.randrange(2, 6), ' neq %d' % rng.randrange(1, 6)][k]

    def line():
        act = 'permit' if rng.randrange(3) else 'deny  '
        proto = rng.choice(['ip', 'ip', 'udp', 'tcp', 'icmp'])
        src, dst = addr(2), addr(1)
        if proto in ('udp', 'tcp'):
            return ' %s %s %s%s %s%s' % (act, proto, src, ports(), dst, ports())
        return ' %s %s %s %s%s' % (act, proto, src, dst, rng.choice(['', ' echo', ' 3 1']) if proto == 'icmp' else '')
    out = ['hostname rnd', 'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac', ' mode tunnel']
    n = rng.randrange(1, 5)
    for e in range(1, n + 1):
        odd = rng.randrange(12)
        out.append('crypto map M %d ipsec-isakmp' % (e * 10))
        if odd:
            out.append(' set peer 192.0.2.%d' % e)
        out += [' set transform-set T', ' match address A%d' % e]
    out += ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' crypto map M']
    for e in range(1, n + 1):
        out.append('ip access-list extended A%d' % e)
        out += [line() for _ in range(rng.randrange(1, 6))]
    return '\n'.join(out) + '\nend\n'


def random_packet(rng):
    src = '10.2.0.%d' % rng.randrange(10) if rng.randrange(8) else '10.2.7.%d' % rng.randrange(3)
    dst = '10.1.0.%d' % rng.randrange(10) if rng.randrange(8) else '10.1.7.%d' % rng.randrange(3)
    proto = rng.choice([6, 17, 17, 1, 47])
    if proto == 1:
        return (src, dst, 1) + rng.choice([(8, 0), (3, 1), (8, 0), (13, 0)])
    return (src, dst, proto) + ((rng.randrange(1, 10), rng.randrange(1, 10)) if proto != 47 else (0, 0))


def kernel_agrees(rounds=15 if lab.QUICK else 60):
    """random map sets and packets: the kernel's verdict is the interpreter's, in both directions"""
    seed = int(os.environ.get('IOSCC_SEED', time.time_ns() & 0xffffffff))
    rng = random.Random(seed)
    counts = {}
    with Lab() as l:
        r = Router(l, lan='10.2.100.1/8')  # so that 10.2.0.0 is a host like any other
        r.node.ip('route', 'add', '10.1.0.0/16', 'via', r.gateway)
        for h in range(10):
            r.knows('10.2.0.%d' % h)
        for h in range(3):
            r.knows('10.2.7.%d' % h)
        path = os.path.join(r.dir, 'random.cfg')
        for n in range(rounds):
            text = random_config(rng)
            open(path, 'w').write(text)
            r.ioscc('apply', '--allow-partial', '--allow-less', path)  # one round's policies have nothing to do with the next one's
            packets = list({random_packet(rng) for _ in range(60)})
            want = decide(path, 'M', packets)
            got = r.outcome(packets)
            names = {}
            for p, w, g in zip(packets, want, got):
                kind = g if isinstance(g, str) else g[0]
                counts[kind] = counts.get(kind, 0) + 1
                need(kind == w[0], lambda: 'seed %d round %d: %s: kernel %s, router %s\n%s' % (seed, n, p, g, w, text))
                if kind == 'protect':  # one request number belongs to one entry
                    need(names.setdefault(g[1], w[1]) == w[1], lambda: 'seed %d round %d: %s: entry %s\n%s' % (seed, n, p, w, text))
            # what the router would protect on its way out is dropped on its way in when it comes in the clear
            back = r.outcome([(p[1], p[0], p[2]) + ((p[3], p[4]) if p[2] == 1 else (p[4], p[3])) for p in packets], inwards=True)
            for p, w, g in zip(packets, want, back):
                need((g == 'clear') == (w[0] == 'clear'), lambda: 'seed %d round %d: inbound mirror of %s: kernel %s, router %s\n%s' % (seed, n, p, g, w, text))
    need(lab.QUICK or min(counts.get(k, 0) for k in ('clear', 'protect', 'drop')) > 10, 'seed %d: %s' % (seed, counts))


SUPERNET = """hostname hub
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key correct-horse-battery address 192.0.2.2
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.10.0 0.0.0.255 REMOTE
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.2
 set transform-set T
 match address L
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
interface GigabitEthernet0/1
 ip address 10.1.10.1 255.255.255.0
interface GigabitEthernet0/2
 ip address 10.1.20.1 255.255.255.0
end
"""


def inside_networks():
    """remote networks that hold another inside network: the two inside speak to each other and to the router, and what
    comes from outside in the clear is dropped all the same (E19)"""
    for remote in ('10.0.0.0 0.255.255.255', 'any', '10.2.0.0 0.0.255.255'):
        with Lab() as l:
            r, out, a, b = l.node('r'), l.node('out'), l.node('a'), l.node('b')
            for node, link, far, own, addr in ((out, 'eth0', 'wan', '192.0.2.1/24', '192.0.2.2/24'), (a, 'eth1', 'lan', '10.1.10.1/24', '10.1.10.2/24'), (b, 'eth2', 'lan', '10.1.20.1/24', '10.1.20.2/24')):
                l.link(r, link, node, far)
                r.ip('addr', 'add', own, 'dev', link)
                node.ip('addr', 'add', addr, 'dev', far)
                node.ip('route', 'add', 'default', 'via', own.split('/')[0])
            r.ip('route', 'add', 'default', 'via', '192.0.2.2')
            out.ip('addr', 'add', '10.1.20.77/32', 'dev', 'lo')  # who says that it is of the other inside network
            r.sysctl('net/ipv4/ip_forward', 1)
            r.sysctl('net/ipv4/conf/all/rp_filter', 0)
            r.sysctl('net/ipv4/conf/eth0/rp_filter', 0)
            path = os.path.join(l.directory(), 'hub.cfg')
            open(path, 'w').write(SUPERNET.replace('REMOTE', remote))

            def ping(node, to, *how):
                return node.run('ping', '-c1', '-W1', '-q', *how, to, ok=False).returncode == 0
            pairs = [(a, '10.1.20.2'), (b, '10.1.10.2'), (b, '10.1.10.1'), (a, '10.1.10.1'), (a, '10.1.20.1')]
            for node, to in pairs:
                need(ping(node, to), 'before: %s' % to)
            r.run(IOSCC, 'apply', '--state-dir', path + '.d', '-m', 'Gi0/0=eth0,Gi0/1=eth1,Gi0/2=eth2', path)
            for node, to in pairs:
                need(ping(node, to), 'remote %s: %s is not reached any more\n%s' % (remote, to, r.ip('xfrm', 'policy')))
            capture = a.wire('lan')
            drain(capture)
            ping(out, '10.1.10.2', '-I', '10.1.20.77')
            seen = [f for f in drain(capture) if f[12:14] == b'\x08\x00' and f[23] == 1]
            need(not seen or '10.2' in remote, 'remote %s: cleartext from outside comes in' % remote)


def inside_networks_6():
    """the same for IPv6, whose outbound policies know no interface either, and neighbours are found (E23)"""
    for line in ('2001:db8:10::/64 any', '2001:db8:10::/64 2001:db8::/32', 'any any'):
        with Lab() as l:
            r, out, a, b = l.node('r'), l.node('out'), l.node('a'), l.node('b')
            for node, link, far, net in ((out, 'eth0', 'wan', '2001:db8:ffff'), (a, 'eth1', 'lan', '2001:db8:10'), (b, 'eth2', 'lan', '2001:db8:20')):
                l.link(r, link, node, far)
                r.ip('addr', 'add', net + '::1/64', 'dev', link, 'nodad')
                node.ip('addr', 'add', net + '::2/64', 'dev', far, 'nodad')
                node.ip('-6', 'route', 'add', 'default', 'via', net + '::1')
            r.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:ffff::2')
            out.ip('addr', 'add', '2001:db8:99::9/128', 'dev', 'lo')
            r.sysctl('net/ipv6/conf/all/forwarding', 1)
            path = os.path.join(l.directory(), 'six.cfg')
            text = SIX[:SIX.index('ipv6 access-list')] + 'interface GigabitEthernet0/1\n ipv6 address 2001:db8:10::1/64\ninterface GigabitEthernet0/2\n ipv6 address 2001:db8:20::1/64\nipv6 access-list L\n permit ipv6 %s\nend\n' % line
            open(path, 'w').write(text)

            def ping(node, to):
                return node.run('ping', '-6', '-c1', '-W2', '-q', to, ok=False).returncode == 0
            pairs = [(a, '2001:db8:20::2'), (b, '2001:db8:10::2'), (b, '2001:db8:10::1'), (a, '2001:db8:10::1'), (r, '2001:db8:10::2')]
            for node, to in pairs + [(a, '2001:db8:99::9')]:
                need(ping(node, to), 'before: %s' % to)
            r.run(IOSCC, 'apply', '--allow-partial', '--state-dir', path + '.d', '-m', 'Gi0/0=eth0,Gi0/1=eth1,Gi0/2=eth2', path)
            for link in ('eth0', 'eth1', 'eth2'):
                r.ip('-6', 'neigh', 'flush', 'dev', link)
            for node, to in pairs:
                need(ping(node, to), 'list %s: %s is not reached any more\n%s' % (line, to, r.ip('xfrm', 'policy')))
            wire = out.wire('wan')
            drain(wire)
            need(not ping(a, '2001:db8:99::9'), 'list %s: in the clear' % line)
            leaks = [f for f in drain(wire) if f[12:14] == b'\x86\xdd' and parse(f) and parse(f)[1] == '2001:db8:99::9']
            need(not leaks, 'list %s: in the clear' % line)
            out.ip('-6', 'neigh', 'flush', 'dev', 'wan')
            ping(out, '2001:db8:ffff::1')  # whose solicitation tells the router where it is
            state = r.ip('-6', 'neigh', 'show', 'dev', 'eth0')
            need('2001:db8:ffff::2 lladdr' in state, 'list %s: the next hop is not found: %s' % (line, state))


def random_nat(rng):
    """lists for protection and for translation over the same few hosts; sometimes what is protected is what NAT makes of it"""
    def lines(n):
        for _ in range(n):
            src, dst = ('%s.%d %s' % (net, *rng.choice([(0, '0.0.0.7'), (rng.randrange(10), '0.0.0.0'), (0, '0.0.255.255')])) for net in ('10.2.0', '10.1.0'))
            yield ' %s %s' % (rng.choice(['permit', 'deny  ']), rng.choice(['ip %s %s' % (src, dst), 'udp %s %s range 2 6' % (src, dst), 'icmp %s %s echo' % (src, dst), 'udp %s eq %d %s' % (src, rng.randrange(1, 9), dst)]))
    crypto = list(lines(rng.randrange(1, 5))) + [' permit ip host 10.9.0.1 host 10.9.0.2'] + [' permit ip host 198.51.100.2 10.1.0.0 0.0.0.3'] * rng.randrange(2)
    return """hostname rnd
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set T
 match address A
interface GigabitEthernet0/0
 ip address 198.51.100.2 255.255.255.0
 ip nat outside
 crypto map M
interface GigabitEthernet0/1
 ip address 10.2.100.1 255.255.0.0
 ip nat inside
ip nat inside source list N interface GigabitEthernet0/0 overload
ip access-list extended A
%s
ip access-list extended N
%s
end
""" % ('\n'.join(crypto), '\n'.join(lines(rng.choice([rng.randrange(1, 6), rng.randrange(10, 60)]))))


def first_match(text, name, flow):
    """does the list permit it, line by line as the router goes? For the lines of random_nat()"""
    def inside(address, net, wild):
        a, n, w = (int.from_bytes(socket.inet_aton(x), 'big') for x in (address, net, wild))
        return (a ^ n) & ~w == 0
    src, dst, proto, sport, dport = flow
    for line in re.search(r'^ip access-list extended %s\n((?: .*\n)*)' % name, text, re.M)[1].splitlines():
        act, kind, *rest = re.sub(r'host (\S+)', r'\1 0.0.0.0', line).split()
        eq = int(rest[3]) if rest[2] == 'eq' else None
        rest = rest[:2] + rest[4:] if eq is not None else rest
        hit = inside(src, *rest[:2]) and inside(dst, *rest[2:4]) and kind in ('ip', {1: 'icmp', 17: 'udp'}[proto])
        hit = hit and (eq is None or sport == eq) and (rest[4:5] != ['range'] or int(rest[5]) <= dport <= int(rest[6])) and (rest[4:5] != ['echo'] or sport == 8)
        if hit:
            return act == 'permit'
    return False


def nat_sets():
    """a NAT list of ten thousand lines has as many rules as one of ten: its boxes are elements of sets; one line more is one
    element more"""
    def text(n):
        deny = ' deny ip 10.2.%d.%d 0.0.0.0 10.1.%d.%d 0.0.0.0'
        lines = [deny % (i >> 8, i & 255, i >> 8, i & 255) for i in range(n)] + [' permit ip 10.2.0.0 0.0.255.255 any']
        return random_nat(random.Random(1)).split('ip access-list extended N')[0] + 'ip access-list extended N\n' + '\n'.join(lines) + '\nend\n'

    def rules(r):
        return len(re.findall(r'^\t\t\S', re.search(r'chain (b_)?nat0 {\n([^}]*)', r.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout).group(), re.M))
    with Lab() as l:
        r = Router(l, lan='10.2.100.1/16')
        path = os.path.join(r.dir, 'nat.cfg')
        seen = []
        for n in (10, 10000, 10001):
            open(path, 'w').write(text(n))
            p = r.ioscc('apply', '--allow-less', path)
            seen.append(rules(r))
            need('Nothing to change' in r.ioscc('plan', path).stdout, p.stdout)
        need(seen[0] == seen[1] == seen[2] == 2, seen)
        need('+ set elements: 1 to add' in p.stdout, p.stdout)


def translation_agrees(rounds=6 if lab.QUICK else 40):
    """random lists for NAT, one over the other while the same flows go on: the kernel translates what the rules as data say
    (backends/nftables/walk.c), and no flow keeps what an earlier configuration made of it (backends/apply/flows.c)"""
    seed = int(os.environ.get('IOSCC_SEED', time.time_ns() & 0xffffffff))
    rng = random.Random(seed)
    counts, listed = {}, 0
    flows = [('10.2.0.%d' % rng.randrange(10), '10.1.0.%d' % rng.randrange(10)) + rng.choice([(1, 8, 0), (17, rng.randrange(1, 9), rng.randrange(1, 9))]) for _ in range(80)]
    flows = list(dict.fromkeys(flows))
    with Lab() as l:
        r = Router(l, lan='10.2.100.1/16')
        r.node.ip('route', 'add', '10.1.0.0/16', 'via', r.gateway)
        for h in range(10):
            r.knows('10.2.0.%d' % h)
        path = os.path.join(r.dir, 'random.cfg')
        for n in range(rounds):
            text = random_nat(rng)
            open(path, 'w').write(text)
            r.ioscc('apply', '--allow-less', path)
            want = decide(path, 'nat GigabitEthernet0/0=eth0,GigabitEthernet0/1=eth1', flows)
            drain(r.outside)
            with one_cpu():
                for i, p in enumerate(flows):
                    r.from_inside(ip_packet(*p, ident=i + 1))
                r.settle(False)
            seen = {parse(f)[5]: parse(f)[0] for f in drain(r.outside) if parse(f)}
            for i, p in enumerate(flows):
                if i + 1 not in seen:
                    continue  # protected: nothing is to be seen of it
                got = 'ours' if seen[i + 1] == '198.51.100.2' else 'not'
                need(got == 'ours' or seen[i + 1] == p[0], lambda: 'seed %d round %d: %s leaves from %s' % (seed, n, p, seen[i + 1]))
                counts[got] = counts.get(got, 0) + 1
                back = (p[1], p[0], p[2], p[4], p[3])
                if p[2] == 17 and not first_match(text, 'A', p) and not first_match(text, 'A', back):
                    listed += 1
                    need((got == 'ours') == first_match(text, 'N', p), lambda: 'seed %d round %d: %s: kernel %s, the list as it is written says otherwise\n%s' % (seed, n, p, got, text))
                need((got == 'ours') == (want[i][0] == 'ours'), lambda: 'seed %d round %d: %s: kernel %s, rules %s\n%s' % (seed, n, p, got, want[i], text))
    need(min(counts.get(k, 0) for k in ('ours', 'not')) > rounds and listed > rounds, 'seed %d: %s, %d' % (seed, counts, listed))


def random_filter(rng):
    """a list with lines of few shapes, so that maps are made of them, between lines of other kinds"""
    shapes = [(rng.choice(['tcp', 'udp']), rng.choice(['host 10.1.0.%d', '10.1.0.%d 0.0.0.5', '10.1.0.%d 0.0.0.1']),
               rng.choice(['host 10.2.0.%d', '10.2.0.%d 0.0.0.2']), rng.choice([' eq %d', ''])) for _ in range(2)]

    def line():
        act = rng.choice(['permit', 'deny  '])
        if rng.randrange(8):
            proto, src, dst, port = rng.choice(shapes)
            return ' %s %s %s %s%s' % (act, proto, src % rng.randrange(10), dst % rng.randrange(10), port % rng.randrange(1, 9) if port else '')
        src = rng.choice(['10.1.0.%d 0.0.0.0' % rng.randrange(10), '10.1.0.%d 0.0.0.5' % rng.choice([0, 2, 8]), 'any'])
        dst = rng.choice(['host 10.2.0.%d' % rng.randrange(10), '10.2.0.%d 0.0.0.3' % (rng.randrange(3) * 4), 'any'])
        kind = rng.randrange(10)
        if kind < 5:
            return ' %s %s %s %s eq %d' % (act, rng.choice(['tcp', 'udp']), src, dst, rng.randrange(1, 9))
        if kind < 7:
            return ' %s udp %s eq %d %s' % (act, src, rng.randrange(1, 9), dst)
        return ' %s %s' % (act, rng.choice(['ip %s %s' % (src, dst), 'icmp %s %s echo' % (src, dst), 'udp %s %s range 2 5' % (src, dst), 'icmp %s %s' % (src, dst), '47 %s %s' % (src, dst)]))
    lines = [line() for _ in range(rng.randrange(20, 90))] + rng.choice([[' permit ip any any'], []])
    return """hostname rnd
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set T
 match address A
interface GigabitEthernet0/0
 ip address 198.51.100.2 255.255.255.0
 ip access-group IN in
 crypto map M
ip access-list extended A
 permit ip host 10.9.0.1 host 10.9.0.2
ip access-list extended IN
%s
end
""" % '\n'.join(lines)


def filter_agrees(rounds=8 if lab.QUICK else 40):
    """random interface filters, applied one over the other: the kernel passes, drops and counts what the router does"""
    seed = int(os.environ.get('IOSCC_SEED', time.time_ns() & 0xffffffff))
    rng = random.Random(seed)
    maps = passed = dropped = 0
    with Lab() as l:
        r = Router(l, lan='10.2.100.1/16')
        r.node.ip('route', 'add', '10.1.0.0/16', 'via', r.gateway)
        for h in range(10):
            r.knows('10.2.0.%d' % h), r.knows('10.2.7.%d' % h)
        path = os.path.join(r.dir, 'random.cfg')
        for n in range(rounds):
            text = random_filter(rng)
            open(path, 'w').write(text)
            r.ioscc('apply', path)
            same = r.ioscc('apply', path).stdout
            need('Nothing to change' in same, lambda: 'seed %d round %d: the second apply changes something\n%s' % (seed, n, same))
            maps += re.search(r'chain (b_)?acl_IN {[^}]*', r.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout).group().count('vmap')
            packets = list({(p[1], p[0]) + p[2:] for p in (random_packet(rng) for _ in range(60))})
            want = decide(path, 'acl IN', packets)
            got = r.outcome_once(packets, True)
            for p, w, g in zip(packets, want, got):
                passed += g == 'clear'
                dropped += g == 'drop'
                need((g == 'clear') == (w[0] == 'permit'), lambda: 'seed %d round %d: %s: kernel %s, router %s\n%s' % (seed, n, p, g, w, text))
        # every line has counted its packets: those of this round are at least what is shown
        shown = r.ioscc('show', 'access-lists', 'IN').stdout
        for w in want:
            need(w[1] == '0' or re.search(r'^    %s .* match(es)?\)$' % w[1], shown, re.M), lambda: 'seed %d: line %s did not count\n%s' % (seed, w[1], shown))
    need(maps > rounds and passed > 100 and dropped > 100, 'seed %d: %d maps, %d passed, %d dropped' % (seed, maps, passed, dropped))


def tests():
    for f in (wide, verdict_maps, masked_ports, one_pair, ipsec_input, live_show, full_tunnel, interface_binding, empty_list, deny_before_dynamic, ipv6, inside_networks, inside_networks_6, kernel_agrees, nat_sets, translation_agrees, filter_agrees):
        yield 'netns: ' + f.__name__.replace('_', ' '), f


if __name__ == '__main__':
    import sys
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            f()
            print('ok', name)
