# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses and names that come late, go or change, as the operator of a live host met them (tests/findings.txt): what
ioscc says then, whether tunnels follow, and that nothing protected leaves in the clear meanwhile. The other side of a tunnel is
strongSwan's charon where one has to come up; no SA gets into the kernel (--discard-sas), which has no ESP here."""
import os, random, re, select, signal, socket, struct, sys, threading, time

sys.path[:0] = ['tests/netns', 'tests/lint']
import lab, test_boot as boot, test_closed as closed, test_metrics as metrics, test_strongswan as swan, test_uplinks as uplinks, test_watch as watch

IOSCC = uplinks.IOSCC
MAP = ('-m', 'Gi0/0=wan1,Gi0/1=wan2,Gi0/2=lan0')
ANY_ADDRESS = metrics.PEER.replace('remote_addrs = 203.0.113.2', 'remote_addrs = %any').replace('id = 203.0.113.2', 'id = %any')
MAP_LINES = [n for n, line in enumerate(uplinks.TWO.split('\n'), 1) if line == ' crypto map M']  # of the two interfaces
OTHER_ADDRESS = 'ip addr del 198.51.100.2/24 dev wan2; ip addr add 198.51.100.77/24 dev wan2'
FORWARDS = 'echo 1 > /proc/sys/net/ipv4/ip_forward'
NO_WAN2 = 'ip link set wan2 down; ip addr flush dev wan2; ip link set wan2 name later0'
WAN2_COMES = 'ip link set later0 name wan2; ip addr add 198.51.100.2/24 dev wan2; ip link set wan2 up'
LAN_UP = 'ip addr add 10.1.0.1/16 dev eth1; ' + FORWARDS
LINK_COMES = closed.ANEW.replace('ip link del eth0; ', '')
FILTERED = closed.NAT.replace(' ip nat outside\n', ' ip nat outside\n ip access-group IN in\n').replace('\nend\n', '\nip access-list extended IN\n deny udp any any eq 7777\n permit ip any any\nend\n')
UNITS = ('ioscc-apply.service', 'ioscc-ike.service')
ABSENT = 'no interface of this host has 198.51.100.2'


def udp(node):
    with node.inside():
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Host:
    """a router with the links of uplinks.TWO, without a daemon"""
    def __init__(self, config=uplinks.TWO, links=('wan1', 'wan2', 'lan0'), server=None):
        """`server`: the address of its name server, of its own"""
        self.config, self.links, self.server = config, links, server

    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, far = self.lab.node('r'), self.lab.node('p')
        for link, address in (('wan1', '203.0.113.2/24'), ('wan2', '198.51.100.2/24'), ('lan0', '10.1.0.1/16')):
            if link in self.links:
                self.lab.link(self.node, link, far, 'p' + link)
                self.node.ip('addr', 'add', address, 'dev', link)
        self.node.ip('route', 'add', 'default', 'via', '203.0.113.1')
        self.node.sysctl('net/ipv4/ip_forward', 1)
        self.dir = self.lab.directory()
        for name, text in (('r.cfg', self.config), ('resolv.conf', 'nameserver %s\n' % self.server)):
            with open(self.dir + '/' + name, 'w') as f:
                f.write(text)
        return self

    def __exit__(self, *a):
        self.lab.__exit__(*a)

    def ioscc(self, command, *options):
        """its exit status, and all that it says"""
        own_resolver = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.dir + '/resolv.conf'] if self.server else []
        file = () if command == 'status' else (*MAP, self.dir + '/r.cfg')
        p = self.node.run(*own_resolver, IOSCC, command, '--state-dir', self.dir + '/state', *options, *file, ok=False, timeout=lab.BOUND)
        return p.returncode, p.stdout + p.stderr


class Tunnel(uplinks.Uplinks):
    """... with a daemon, and charon at 192.0.2.1, which takes any address of ours"""
    def __init__(self, config):
        super().__init__(config, options=('--discard-sas',))

    def __enter__(self):
        super().__enter__()
        try:
            self.peer = swan.Daemon(self.isp, self.dir, 'p', tries=2 * lab.BOUND)
            self.peer.load(ANY_ADDRESS)
        except BaseException:
            super().__exit__()
            raise
        return self

    def __exit__(self, *a):
        self.peer.stop()
        super().__exit__(*a)

    def sessions(self):
        """{local address: status} of `show crypto session`"""
        text = self.ioscc('show', 'crypto', 'session').stdout
        return {local: s for s, part in re.findall(r'Session status: (\S+)((?:\n(?!Session).*)*)', text) for local in re.findall(r'SA: local ([\d.]+)/', part)}

    def up_from(self, address):
        """traffic makes a tunnel from there"""
        def up():
            self.traffic()
            return self.sessions().get(address) == 'UP-ACTIVE'
        lab.wait_for(lambda: '%s\n%s' % (self.said(), self.sessions()), up)

    def new_address(self):
        """of wan1, as a lease gives it"""
        self.isp.ip('addr', 'add', '203.0.114.1/24', 'dev', 'p1')
        self.node.run('sh', '-c', 'ip addr del 203.0.113.2/24 dev wan1; ip addr add 203.0.114.2/24 dev wan1; ip route add default via 203.0.114.1')


class Sending(uplinks.Uplinks):
    """... where a host behind the router sends to a protected network all the time, and each frame of both uplinks is looked at"""
    def start(self):
        inside = self.lab.nodes[2]
        inside.ip('addr', 'add', '10.1.0.9/16', 'dev', 'eth0')
        inside.ip('route', 'add', 'default', 'via', '10.1.0.1')
        self.sender = udp(inside)
        self.looked = {n: self.isp.wire(n) for n in ('p1', 'p2')}  # those of uplinks are emptied by negotiates()
        self.leaks, self.over, self.clear = [], threading.Event(), 0
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.send, self.look)]
        for t in self.threads:
            t.start()
        try:
            lab.wait_for('the control: it leaks without the walls', lambda: self.leaks)
            super().start()
        except BaseException:
            self.end()
            raise
        self.quiet()
        self.leaks.clear()

    def send(self):
        while not self.over.wait(0.01):
            for to in ('10.2.0.9', '192.0.2.3'):
                try:
                    self.sender.sendto(b'protected, and clear', (to, 9))
                except OSError:
                    pass  # its link is down

    def look(self):
        while not self.over.is_set():
            for s in select.select(list(self.looked.values()), [], [], 0.1)[0]:
                p = lab.parse(s.recv(65536))
                self.clear += bool(p) and p[1] == '192.0.2.3'
                if p and p[1].startswith('10.2.') and p[2] not in (closed.ESP, closed.AH):
                    self.leaks.append('%s to %s, protocol %d' % p[:3])

    def quiet(self):
        """what is clear flows, thirty more; of what is protected as many have been sent"""
        n = self.clear
        lab.wait_for('what is clear flows', lambda: self.clear > n + 30)

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()
        for s in (self.sender, *self.looked.values()):
            s.close()

    def __exit__(self, *a):
        self.end()
        super().__exit__(*a)


def comes_in(w, port):
    """does a datagram from the other side come to that port of the router?"""
    with udp(w.r) as s:
        s.bind(('192.0.2.1', port))
        s.settimeout(0.5)
        for _ in range(3):
            w.outside.sendto(b'from outside', ('192.0.2.1', port))
        try:
            return s.recv(99) == b'from outside'
        except socket.timeout:
            return False


def leaves_from(w, port):
    """the source of a new flow of the inside host, as the other side sees it"""
    with udp(w.isp) as far, udp(w.lan) as near:
        far.bind(('9.9.9.9', port))
        far.settimeout(lab.BOUND)
        near.sendto(b'clear', ('9.9.9.9', port))
        return far.recvfrom(99)[1][0]


def flushed_ruleset():
    """E6: NAT and the inbound list come back with the guard, and do what they did"""
    with lab.Lab() as l:
        w = closed.World(l, FILTERED)
        try:
            w.flows()
            assert leaves_from(w, 4000) == '10.1.0.9' and comes_in(w, 7777), 'the control: neither NAT nor list'
            w.shell(closed.RUN)
            said = lambda: open(w.file + '.log').read()
            assert leaves_from(w, 4001) == '192.0.2.1', said()
            assert comes_in(w, 7778) and not comes_in(w, 7777), said()
            w.forget()
            w.shell('nft flush ruleset')
            lab.wait_for(said, lambda: re.search('repaired in .*nftables', said()))
            table = w.shell('nft list table inet ioscc')
            assert 'masquerade' in table or 'snat ' in table, table
            assert re.search(r'chain (b_)?acl_IN ', table), table
            assert leaves_from(w, 4002) == '192.0.2.1', said()
            assert comes_in(w, 7778), said()
            assert not comes_in(w, 7777), said()
            assert not w.leaks, '%d in the clear, the first: %s' % (len(w.leaks), w.leaks[0])
        finally:
            w.end()


def tunnel_of_a_lost_address():
    """E16: the log says that it is ended, it comes up again from the new address, and none is left with the old one"""
    with Tunnel(uplinks.LEASED) as u:
        u.up_from('203.0.113.2')
        u.new_address()
        lab.wait_for(u.said, lambda: re.search(r'M at wan1 was 203\.0\.113\.2, is 203\.0\.114\.2: 0 IKE SAs with 0 child SAs stay, 1 and 1 are ended', u.said()))
        u.up_from('203.0.114.2')
        assert '203.0.113.2' not in u.sessions(), u.sessions()
        assert '203.0.113.2' not in u.ioscc('show', 'crypto', 'isakmp', 'sa').stdout


def tunnel_of_a_lost_address_at_a_reload():
    """E16: the same where the watch sees nothing, and a reload is what finds the new address"""
    with Tunnel(uplinks.LEASED) as u:
        u.up_from('203.0.113.2')
        watching = int(watch.watch_of(u))
        os.kill(watching, signal.SIGSTOP)
        try:
            u.new_address()
            said = u.ioscc('reload', u.dir + '/r.cfg').stdout
            assert '0 IKE SAs with 0 child SAs stay, 1 and 1 are ended' in said, said
            u.up_from('203.0.114.2')
            assert '203.0.113.2' not in u.sessions(), u.sessions()
            assert '203.0.113.2' not in u.ioscc('show', 'crypto', 'isakmp', 'sa').stdout
        finally:
            os.kill(watching, signal.SIGCONT)


def log_of_a_lost_address():
    """E17: what could not be sent from the address that has gone is not said to be a matter of the network"""
    with Tunnel(uplinks.LEASED) as u:
        u.up_from('203.0.113.2')
        u.new_address()
        u.up_from('203.0.114.2')
        assert 'Network is unreachable' not in u.said(), u.said()


def absent_address_in_each_command():
    """E17: plan, apply and status say it, with the line of the interface's crypto map"""
    with Host() as h:
        h.node.run('sh', '-c', OTHER_ADDRESS)
        for command in ('plan', 'apply', 'status'):
            _, said = h.ioscc(command)
            assert re.search(r'cfg:%d:\d+: warning: %s: .*\[IC4024 ' % (MAP_LINES[1], re.escape(ABSENT)), said), '%s: %s' % (command, said)
            assert said.count('IC4024') == 1, '%s: %s' % (command, said)
        h.node.ip('addr', 'add', '198.51.100.2/24', 'dev', 'wan2')
        for command in ('plan', 'apply', 'status'):
            _, said = h.ioscc(command)
            assert 'IC4024' not in said, '%s: %s' % (command, said)


def unanswered_from_an_absent_address(u):
    """what the log says from there on, where it has started, to when a negotiation by wan2 has had no answer"""
    u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
    u.started, pings = len(u.said()), [0]

    def tried():
        u.traffic()
        pings[0] += 1  # each takes a second
        said = u.said()[u.started:]
        return 'no answer from the peer yet' in said or said.count('cannot send') >= 3 or pings[0] > 15
    lab.wait_for(u.said, tried)
    return u.said()[u.started:]


def absent_address_in_the_log():
    """E17: what is not sent for want of the local address is said by its name, once, and not with the kernel's words"""
    with uplinks.Uplinks(uplinks.TWO, before=FORWARDS + ';' + OTHER_ADDRESS) as u:
        said = unanswered_from_an_absent_address(u)
        assert 'Network is unreachable' not in said, said
        lab.wait_for(u.said, lambda: '198.51.100.2' in u.said()[u.started:])


def absent_address_is_not_said_for_each_packet():
    """E17: three datagrams of one negotiation are one line"""
    with uplinks.Uplinks(uplinks.TWO, before=FORWARDS + ';' + OTHER_ADDRESS) as u:
        said = unanswered_from_an_absent_address(u)
        assert len(re.findall(r'(?m)^.*\bsen[dt]\b.*$', said)) <= 1, said


def address_that_goes():
    """E17: one that goes while the daemon runs is named by the log, once, and so is that it is back"""
    with uplinks.Uplinks(uplinks.TWO, before=FORWARDS) as u:
        u.node.run('sh', '-c', OTHER_ADDRESS)
        lab.wait_for(u.said, lambda: 'what is applied is not all in force: ' + ABSENT in u.said())
        u.node.ip('addr', 'add', '198.51.100.2/24', 'dev', 'wan2')
        lab.wait_for(u.said, lambda: 'what was complained of is over' in u.said())
        assert u.said().count(ABSENT) == 1, u.said()


def inbound_policies_of_two_uplinks():
    """E18: plan's line of what holds for both uplinks does not name one's address alone"""
    with Host() as h:
        code, said = h.ioscc('plan')
        assert code == 1, said
        assert re.search(r'(?m)^  \+ out .* by wan1: .* 203\.0\.113\.2 -> ', said) and re.search(r'(?m)^  \+ out .* by wan2: .* 198\.51\.100\.2 -> ', said), said
        lines = re.findall(r'(?m)^  \+ (?:in|fwd) .*', said)
        assert lines, said
        for line in lines:
            assert ('203.0.113.2' in line) == ('198.51.100.2' in line), line


class Mapped(closed.World):
    """its units' environment has what the comment of the unit names, in place of -m"""
    def shell(self, text, ok=True):
        option = re.search(r'IOSCC_OPTIONS=(--interface-map-file) /etc/ioscc/interfaces', open(boot.UNITS + 'ioscc-apply.service').read())[1]
        return super().shell('OPTIONS="--state-dir $STATE %s $FILE.map"; %s' % (option, text), ok)


def map_file_in(unit):
    """E24: the unit starts, nothing leaks, and status finds all in order; ExecReload takes the option too"""
    with lab.Lab() as l:
        w = Mapped(l, closed.CONFIG)
        try:
            with open(w.file + '.map', 'w') as f:
                f.write('Gi0/0=eth0\n# inside\nGi0/1=eth1\n')
            w.flows()
            lab.wait_for('the control: it leaks without walls', lambda: w.leaks)
            w.shell(boot.POWER_ON)
            assert boot.start(w, 'ioscc-early.service')
            w.forget()
            boot.start(w, 'network')
            assert boot.start(w, unit), w.shell('cat $FILE.log', ok=False)
            w.flows()
            said = w.shell(boot.command(boot.unit(unit)['Service']['ExecReload']) + '; echo reloaded $?')
            assert 'reloaded 0' in said, said
            said = w.shell('$IOSCC status --state-dir $STATE; echo status $?')
            assert 'Nothing to change' in said, said
            w.flows()
            assert '"eth0"' in w.shell('nft list chain inet ioscc guard')
            assert not w.leaks, '%d in the clear, the first: %s' % (len(w.leaks), w.leaks[0])
        finally:
            w.end()


def name_without_a_server():
    """E25: plan and apply say which name is not found, and what becomes of its traffic"""
    with Host(uplinks.NAMED, server='10.1.0.1') as h:  # its own address: nobody has the port
        for command in ('plan', 'apply'):
            code, said = h.ioscc(command)
            assert 'peer hq.example.net is not found' in said, '%s: %s' % (command, said)
            assert 'its traffic waits until the name can be looked up' in said, '%s: %s' % (command, said)
            assert code == (1 if command == 'plan' else 0), '%s: %d %s' % (command, code, said)


def name_of_a_silent_server():
    """E25: ... and end, where the server takes the question and never answers"""
    with Host(uplinks.NAMED, server='10.1.0.1') as h:
        with udp(h.node) as s:
            s.bind(('10.1.0.1', 53))
            for command in ('plan', 'apply'):
                code, said = h.ioscc(command)  # it raises TimeoutExpired
                assert 'peer hq.example.net is not found' in said, '%s: %s' % (command, said)
                assert code == (1 if command == 'plan' else 0), '%s: %d %s' % (command, code, said)
                assert lab.drain(s), command + ' has not asked'


def absent_uplink_at_apply():
    """E26: without --allow-partial nothing is touched; with it the rest is applied, and the absent one is closed by its name"""
    with Host(links=('wan1', 'lan0')) as h:
        code, said = h.ioscc('apply')
        assert code == 2 and "no interface 'wan2': nothing is touched" in said and not h.node.ip('xfrm', 'policy'), said
        code, said = h.ioscc('apply', '--allow-partial')
        assert code == 0, said
        assert "this host has no interface 'wan2': what leaves by it is closed until it comes" in said, said
        guard = h.node.run('nft', 'list', 'chain', 'inet', 'ioscc', 'guard').stdout
        assert 'oifname "wan2"' in guard, guard
        policies = h.node.ip('xfrm', 'policy')
        assert 'dev wan1' in policies, policies


def absent_link_at_boot(unit, last):
    """E26: the outside link is not there at power-on and comes before or behind the unit; nothing protected leaves in the clear at
    any moment, what is clear flows in the end, and a daemon has it all in order then"""
    with lab.Lab() as l:
        w = closed.World(l, closed.CONFIG)
        try:
            w.flows()
            lab.wait_for('the control: it leaks without walls', lambda: w.leaks)
            w.shell(boot.POWER_ON + '; ip link del eth0')
            assert boot.start(w, 'ioscc-early.service')
            w.forget()
            steps = {'lan': lambda: w.shell(LAN_UP), 'link': lambda: w.shell(LINK_COMES), 'unit': lambda: boot.start(w, unit)}
            for step in [s for s in ('lan', 'unit', 'link') if s != last] + [last]:
                assert steps[step]() is not False, w.shell('cat $FILE.log', ok=False)
                time.sleep(closed.QUIET_S / 10)  # a boot is slower; packets have to have a chance
            w.flows()
            status = lambda: w.shell('$IOSCC status --state-dir $STATE; echo status $?', ok=False)
            if unit == 'ioscc-ike.service':
                lab.wait_for(lambda: status() + w.shell('cat $FILE.log', ok=False), lambda: 'status 0' in status())
            w.flows()
            assert not w.leaks, '%d in the clear, the first: %s' % (len(w.leaks), w.leaks[0])
            w.shell('[ ! -e $FILE.pid ] || kill -9 $(cat $FILE.pid)', ok=False)  # it would put them up again
            w.forget()

            def leaks():
                w.shell('nft delete table inet ioscc; ip xfrm policy flush', ok=False)
                return w.leaks
            lab.wait_for('it leaks without the walls', leaks)
        finally:
            w.end()


def absent_uplink_and_traffic():
    """E26: an uplink is absent at the start and comes later, and traffic goes on: by neither leaves a frame in the clear, before it
    comes, between and after, where the route is by the one and where it is by the other"""
    with Sending(uplinks.TWO, options=('--allow-partial',), before=FORWARDS + ';' + NO_WAN2) as u:
        u.quiet()
        assert not u.leaks, 'before: %s' % u.leaks[0]
        u.node.run('sh', '-c', WAN2_COMES)
        u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
        u.quiet()
        assert not u.leaks, 'as it comes: %s' % u.leaks[0]
        lab.wait_for(u.said, lambda: 'dev wan2' in u.node.ip('xfrm', 'policy'))
        u.quiet()
        u.node.ip('route', 'replace', '10.2.0.0/16', 'via', '203.0.113.1')
        u.quiet()
        u.node.ip('link', 'set', 'wan1', 'down')
        u.quiet()
        lab.wait_for(u.said, lambda: u.negotiates('p2') == ('198.51.100.2', '192.0.2.1'))
        assert not u.leaks, 'after: %s' % u.leaks[0]
        u.p.kill()
        u.p.wait(lab.BOUND)
        u.node.run('sh', '-c', 'nft delete table inet ioscc; ip xfrm policy flush', ok=False)
        lab.wait_for('it leaks without the walls', lambda: u.leaks)


def tunnel_by_the_second_uplink():
    """E33: wan1 goes down, the default route is by wan2: the session comes up from wan2's address"""
    with Tunnel(uplinks.TWO) as u:
        u.up_from('203.0.113.2')
        u.node.ip('link', 'set', 'wan1', 'down')
        u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
        u.up_from('198.51.100.2')


def silence(u):
    """what the log says, after wan1 has gone down, until it says that nobody answers"""
    u.negotiates('p1')
    u.node.ip('link', 'set', 'wan1', 'down')
    u.node.ip('route', 'replace', 'default', 'via', '198.51.100.1')
    before = len(u.said())
    assert u.negotiates('p2') == ('198.51.100.2', '192.0.2.1'), u.said()

    def said_of():
        u.traffic()
        return [line for line in u.said()[before:].splitlines() if 'no answer' in line]
    return lab.wait_for(u.said, lambda: len(said_of()) >= 2 and said_of())  # one of each uplink's negotiation


def silence_by_the_second_uplink():
    """E33: the negotiation by the second uplink gets no answer, and the log says so of it beside the first one's"""
    with uplinks.Uplinks(uplinks.TWO) as u:
        silence(u)


def name_of_the_silent_uplink():
    """E33: ... and by which uplink it is, as both have the same peer"""
    with uplinks.Uplinks(uplinks.TWO) as u:
        lines = silence(u)
        assert any('198.51.100.2' in line or 'wan2' in line for line in lines), lines


def stray_datagrams():
    """E43: four hundred to each port, of the peer's address, which the filter lets in, and as many of a stranger's: the log does not
    grow with them, and the daemon answers and negotiates"""
    with uplinks.Uplinks(uplinks.TWO, before=FORWARDS) as u:
        before, chance = len(u.said().splitlines()), random.Random(43)
        for source in ('192.0.2.1', '192.0.2.3'):
            for port in (500, 4500):
                with udp(u.isp) as s:
                    s.bind((source, port))
                    for n in range(400):
                        size = chance.randrange(1, 300)  # behind each second one's head of an IKE message, with which it is read further
                        head = struct.pack('>8s8s4BII', chance.randbytes(8), bytes(8) if n % 4 else chance.randbytes(8), 1, 0x10 if n % 3 else 0x20, 2 if n % 3 else 34, chance.choice((0, 1, 8)), 0, 28 + size)
                        s.sendto((bytes(4) if port == 4500 else b'') + (head if n % 2 else b'') + chance.randbytes(size), ('203.0.113.2', port))

        def taken():
            text = u.node.run('nft', 'list', 'chain', 'inet', 'ioscc', 'input').stdout
            return sum(int(n) for n in re.findall(r'"wan1" udp dport \d+ .*packets (\d+) .*"from peers"', text)) >= 800
        lab.wait_for('they come', taken)
        p = u.ioscc('show', 'crypto', 'session', ok=False)
        assert p.returncode == 0 and 'Crypto session current status' in p.stdout, p.stdout + p.stderr
        uplinks.forget(u)
        lab.wait_for(u.said, lambda: u.negotiates('p1') == ('203.0.113.2', '192.0.2.1'))
        assert len(u.said().splitlines()) < before + 20, u.said()
        assert u.p.poll() is None, u.said()


def tests():
    waiting = () if lab.QUICK else (name_of_a_silent_server, silence_by_the_second_uplink, name_of_the_silent_uplink)
    for f in (flushed_ruleset, tunnel_of_a_lost_address, tunnel_of_a_lost_address_at_a_reload, log_of_a_lost_address,
              absent_address_in_each_command, absent_address_in_the_log, absent_address_is_not_said_for_each_packet, address_that_goes,
              inbound_policies_of_two_uplinks, name_without_a_server, absent_uplink_at_apply,
              absent_uplink_and_traffic, tunnel_by_the_second_uplink, stray_datagrams, *waiting):
        yield 'netns: links: ' + f.__name__.replace('_', ' '), f
    for unit in UNITS:
        yield 'netns: links: map file in ' + unit, lambda unit=unit: map_file_in(unit)
        for last in ('link',) if lab.QUICK else ('link', 'lan', 'unit'):
            yield 'netns: links: absent link at boot, %s, the %s is last' % (unit, last), lambda unit=unit, last=last: absent_link_at_boot(unit, last)
