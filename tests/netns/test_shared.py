# SPDX-License-Identifier: GPL-3.0-or-later
"""What the third evening on a live host found. `shared`: two interfaces of the router are one link of the host (two Loopbacks on lo,
a second address, an old port that is shut): every command works as with two links, and so do the watch and the ways back. `said`:
what status, metrics, log and units say and do is so."""
import contextlib, os, re, select, signal, subprocess, sys, threading

sys.path[:0] = ['tests/netns']
import lab, test_boot as boot, test_closed as closed, test_links as links, test_uplinks as uplinks
from lab import wait_for
from test_evening import Host

RELEASE = os.path.abspath(uplinks.IOSCC)
HEAD = closed.CONFIG[:closed.CONFIG.index('ip access-list')]
LINE = ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n'
LINKS = closed.CONFIG[closed.CONFIG.index('interface GigabitEthernet0/0'):]
MAP = 'crypto map %s 10 ipsec-isakmp\n set peer %s\n set transform-set T\n match address %s\n'
# two networks are protected; of the second it is seen which file stands
BASE = HEAD + 'ip access-list extended L\n' + LINE + ' permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n' + MAP % ('M', '192.0.2.2', 'L') + LINKS
LOOPBACK = 'interface Loopback%d\n ip address 172.16.255.%d 255.255.255.255\n'
LOOPBACKS = LOOPBACK % (0, 1) + LOOPBACK % (1, 2)
ON_LO = 'ip addr add 172.16.255.1/32 dev lo; ip addr add 172.16.255.2/32 dev lo'
SECOND = 'interface GigabitEthernet0/2\n ip address 172.16.5.1 255.255.255.0\n'
IN = 'ip access-list extended IN\n deny udp any any eq 7777\n permit ip any any\n'
# of the old port: none of it may hold where its address is now
OLD = 'ip access-list extended OLD\n permit ip any 10.77.0.0 0.0.255.255\ncrypto isakmp key old-horse-battery address 192.0.2.77\n' + MAP % ('OLD', '192.0.2.77', 'OLD')
SHUT = OLD + 'interface GigabitEthernet0/2\n ip address %s\n ip access-group OLD in\n crypto map OLD\n shutdown\n'
MAPPED = '-m Gi0/0=eth0,Gi0/1=eth1'

# name, on the host, in the configuration, options of plan, apply and run, the two that are said to be one link
SHARED = (
    ('two loopbacks on lo', ON_LO, LOOPBACKS, '', None),
    ("a loopback's address on the outside link", 'ip addr add 172.16.255.1/32 dev eth0', LOOPBACK % (0, 1), '', ('Loopback0', 'GigabitEthernet0/0', 'eth0')),
    ('two inside addresses', 'ip addr add 172.16.5.1/24 dev eth1', SECOND, '', None),
    ('two inside addresses, one with a list', 'ip addr add 172.16.5.1/24 dev eth1', IN + SECOND + ' ip access-group IN in\n', '', ('GigabitEthernet0/2', 'GigabitEthernet0/1', 'eth1')),
    ('a shut port with the outside address', 'true', SHUT % '192.0.2.1 255.255.255.0', '', None),
    ('a shut port with the inside address', 'true', SHUT % '10.1.0.1 255.255.0.0', '', None),
    ("a loopback's address on the inside link", 'ip addr add 172.16.255.1/32 dev eth1', LOOPBACK % (0, 1), '', None),
    ('two loopbacks on lo, one is named', ON_LO, LOOPBACKS, '-m Loopback1=lo', None),
    ('a shut port with the outside address, the real ones are named', 'true', SHUT % '192.0.2.1 255.255.255.0', MAPPED, None),
)


@contextlib.contextmanager
def host(config, before='true', forwards=True):
    """a router; what it has started ends with it"""
    with lab.Lab() as l:
        h = Host(l, config)
        h.node.run('sh', '-c', before)
        try:
            yield h
        finally:
            for p in h.daemons:
                p.kill()
                p.wait(lab.BOUND)


def write(h, name, text):
    with open(h.dir + '/' + name, 'w') as f:
        f.write(text)
    return h.dir + '/' + name


def does(h, status, command, *words):
    """what it says; its exit status is that"""
    p = h.ioscc(*command.split(), *words)
    assert p.returncode == status, 'ioscc %s %s: exit %d, not %d\n%s%s' % (command, ' '.join(words), p.returncode, status, p.stdout, p.stderr)
    return p.stdout + p.stderr


def metric(text, name):
    found = re.search(r'(?m)^%s (\S+)' % re.escape(name), text)
    return found and found.group(1)


def in_order(h):
    does(h, 0, 'status')
    assert metric(does(h, 0, 'metrics'), 'ioscc_in_sync') == '1'
    does(h, 0, 'show crypto map')


def protects(h, network):
    return 'dst %s/16' % network in h.node.ip('xfrm', 'policy')


def says_shared(text, of):
    """the two, and the link, that a warning names; none else"""
    found = re.findall(r'warning: (\S+) and (\S+) have their addresses on one interface of this host, (\S+): .* \[IC4028', text)
    assert found == ([of] if of else []), '%s, not %s:\n%s' % (found, of, text)


def of_the_old_port(h):
    """what stands of its map and of its list"""
    return [x for x in (h.node.ip('xfrm', 'policy') + h.node.run('nft', 'list', 'ruleset').stdout).splitlines() if '10.77.' in x or '192.0.2.77' in x or 'OLD' in x]


def shared(before, extra, options, of):
    """plan, apply, status, metrics, show, and the ways back"""
    with host(BASE.replace('interface', extra + 'interface', 1), before) as h:
        options = options.split()
        other = write(h, 'other.cfg', open(h.file).read().replace('10.3.0.0', '10.8.0.0'))
        says_shared(does(h, 1, 'plan', *options, h.file), of)
        says_shared(does(h, 0, 'apply', *options, h.file), of)
        assert not of_the_old_port(h), of_the_old_port(h)
        in_order(h)
        does(h, 0, 'plan', *options, h.file)
        does(h, 0, 'apply', *options, other)
        assert protects(h, '10.8.0.0') and not protects(h, '10.3.0.0'), 'the control: the other file stands'
        does(h, 0, 'rollback')
        assert protects(h, '10.3.0.0') and not protects(h, '10.8.0.0'), 'it has not gone back'
        in_order(h)
        does(h, 0, 'apply', '--confirm', '2', *options, other)
        wait_for('it goes back by itself', lambda: protects(h, '10.3.0.0'))
        wait_for('status says that it went back', lambda: 'Went back by itself' in h.ioscc('status').stdout)
        in_order(h)
        does(h, 0, 'remove')


def watched(before, extra, options, of):
    """the daemon's watch, reload with and without a map, --confirm; no mark of a pair that ioscc has found is shown"""
    with host(BASE.replace('interface', extra + 'interface', 1), before) as h:
        other = write(h, 'other.cfg', open(h.file).read().replace('10.3.0.0', '10.8.0.0'))
        log = lambda: open(h.dir + '/log').read()
        with h.node.inside(), open(h.dir + '/log', 'a') as f:
            h.daemons.append(subprocess.Popen([closed.IOSCC, 'run', '--state-dir', h.state, *options.split(), h.file], stdout=f, stderr=subprocess.STDOUT, env=dict(os.environ, NO_COLOR='1')))
        wait_for(log, lambda: os.path.exists(h.state + '/control.sock'), alive=lambda: h.daemons[0].poll() is None)
        wait_for(lambda: log() + does(h, 0, 'status'), lambda: h.ioscc('status').returncode == 0)
        in_order(h)
        h.node.run('sh', '-c', 'ip xfrm policy flush; nft flush ruleset')
        wait_for(lambda: 'nothing comes back: ' + log(), lambda: protects(h, '10.3.0.0') and 'table inet ioscc' in h.tables())
        wait_for(log, lambda: h.ioscc('status').returncode == 0)
        says = ''
        for words in ((h.file,), (*MAPPED.split(), h.file), (h.file,), (other,)):
            says += does(h, 0, 'reload', *words)
            in_order(h)
        assert not re.search(r'interface-map \W', says + log()), says + log()
        assert not of_the_old_port(h), of_the_old_port(h)
        does(h, 0, 'clear crypto sa')
        does(h, 0, 'rollback')
        assert protects(h, '10.3.0.0') and not protects(h, '10.8.0.0'), 'it has not gone back'
        does(h, 0, 'reload', '--confirm', '2', other)
        wait_for(lambda: 'it does not go back: ' + log(), lambda: protects(h, '10.3.0.0'))
        wait_for(log, lambda: h.ioscc('status').returncode == 0)
        in_order(h)


def named_twice():
    """who names a link names it once: for each command that takes a map, also where both are found there by their addresses"""
    with host(BASE.replace('interface', LOOPBACKS + 'interface', 1), ON_LO) as h:
        does(h, 0, 'apply', h.file)
        in_order(h)
        stood = h.policies()
        for pairs in ('Loopback0=lo,Loopback1=lo', 'Gi0/0=eth0,Gi0/1=eth0', 'Loopback1=lo,Loopback0=lo,Gi0/0=eth0,Gi0/1=eth1'):
            for command in ('plan', 'apply', 'run'):
                said = does(h, 2, command, '-m', pairs, h.file)
                assert 'two interfaces of the router are mapped to' in said, said
        assert h.policies() == stood


# ---- A3 ----

N_KEY = 'crypto isakmp key other-horse-battery address 198.51.100.9\n'
HALF = ' permit ip 10.1.0.0 0.0.255.255 10.2.%s.0 0.0.127.255\n'
PART = ' %s ip 10.1.0.0 0.0.255.255 10.2.7.0 0.0.0.255\n'
# name, a list of the other uplink's map that lets a part of the line go, one that does not
PARTS = (
    ('a narrower destination', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.0.255\n', LINE),
    ('a narrower source', ' permit ip 10.1.0.0 0.0.0.255 10.2.0.0 0.0.255.255\n', ' permit ip 10.0.0.0 0.255.255.255 10.2.0.0 0.0.255.255\n'),
    ('TCP alone', LINE.replace('permit ip', 'permit tcp'), ''.join(LINE.replace('permit ip', 'permit ' + p) for p in ('tcp', 'udp', 'ip'))),
    ('a half', HALF % 0, HALF % 0 + HALF % 128),
    ('what a deny leaves', PART % 'deny' + LINE, PART % 'permit' + PART % 'deny' + LINE),
    ('what a deny of UDP leaves', ' deny udp any any\n' + LINE, LINE + ' deny udp any any\n'),
)
SAYS = r'warning: this host sends(?: what comes from (\S+))? to (\S+)(?: \(([^()]+)\))? by eth2, whose crypto map N does not protect it: .* \[IC4026'
PROTOCOLS = {'tcp': 6, 'udp': 17, 'icmp': 1}
ALL = [(s, d, proto) for s in ('10.1.0.9', '10.1.5.9', '10.1.255.250') for d in ('10.2.0.9', '10.2.7.9', '10.2.127.9', '10.2.200.9') for proto in (6, 17, 1)]


def said_packet(text):
    """(source, destination, protocol, port) that the warning names"""
    found = re.search(SAYS, text)
    if not found:
        return None
    kind, _, port = (found.group(3) or 'udp/9').partition('/')
    number = re.search(r'^(?:protocol )?(\d+)$', kind)
    assert number or kind in PROTOCOLS, 'that is no protocol: %s' % found.group(0)
    return found.group(1) or '10.1.0.9', found.group(2), int(number.group(1)) if number else PROTOCOLS[kind], int(port or 9)


def in_the_clear(h, inside, outside, packets):
    """which of these are seen behind eth2; the last one of all is protected by nobody"""
    lab.drain(outside)
    with lab.one_cpu():
        for n, (src, dst, proto, *port) in enumerate([*packets, ('10.1.0.9', '9.9.9.9', 17, 9)]):
            ports = (8, 0) if proto == 1 else (4000, port[0] if port else 9)
            inside.send(lab.frame(lab.mac(h.node, 'eth1'), lab.mac(h.isp, 'lan'), lab.ip_packet(src, dst, proto, *ports, ident=n + 1)))
        seen = [lab.parse(f) for f in lab.wait_for_packet(outside, lambda p: p[1] == '9.9.9.9')]
    return {p[:3] for p in seen if p and p[1].startswith('10.2.') and p[2] not in (closed.ESP, closed.AH)}


def part_of_a_line(a_part, all_of_it):
    """the other uplink's map lets a part go: plan and status name a packet that is in the clear there; else they say nothing"""
    config = lambda of_n: HEAD + N_KEY + 'ip access-list extended L\n' + LINE + 'ip access-list extended LN\n' + of_n + MAP % ('M', '192.0.2.2', 'L') + MAP % ('N', '198.51.100.9', 'LN') \
        + LINKS.replace('end\n', 'interface GigabitEthernet0/2\n ip address 198.51.100.2 255.255.255.0\n crypto map N\nend\n')
    with host(config(a_part)) as h:
        h.node.run('sh', '-c', 'ip neigh add 198.51.100.9 lladdr %s dev eth2; ip route add 10.2.0.0/16 via 198.51.100.9; ip route add 9.9.9.9 via 198.51.100.9' % lab.mac(h.isp, 'wan2'))
        whole = write(h, 'whole.cfg', config(all_of_it))
        with h.isp.wire('lan') as inside, h.isp.wire('wan2') as outside:
            assert in_the_clear(h, inside, outside, ALL) == set(ALL), 'the control: it leaves without walls'
            for file, is_open in ((h.file, True), (whole, False)):
                planned = does(h, 1, 'plan', file)
                does(h, 0, 'apply', file)
                status = h.ioscc('status')
                leaves = in_the_clear(h, inside, outside, ALL)
                assert bool(leaves) == is_open, 'the control: %s leave' % leaves
                for text in (planned, status.stdout + status.stderr):
                    packet = said_packet(text)
                    assert bool(packet) == is_open, '%s is said, %d leave: %s' % (packet, len(leaves), text)
                    assert not packet or in_the_clear(h, inside, outside, [packet]) == {packet[:3]}, '%s is said, it does not leave' % (packet,)
                assert status.returncode == is_open, status.stdout
                assert metric(does(h, 0, 'metrics'), 'ioscc_in_sync') == str(int(not is_open))


# ---- names ----

def starts_anew(how):
    """B1: something stands, and a name server that does not answer is asked: it starts, and nobody says that it does not answer"""
    with uplinks.Uplinks(uplinks.NAMED, names={'hq.example.net': ('192.0.2.1',)}) as u:
        u.p.send_signal(how)
        u.p.wait(lab.BOUND)
        u.dns.end()
        with links.udp(u.isp) as silent:
            silent.bind(('192.0.2.53', 53))
            ready = u.said().count('ports 500 and 4500')
            u.start()  # the log of before has what it waits for
            wait_for(u.said, lambda: select.select([silent], [], [], 0)[0], alive=lambda: u.p.poll() is None)
            said = []
            while u.said().count('ports 500 and 4500') == ready:
                p = u.ioscc('status', ok=False)
                said.append(p.stdout + p.stderr)
                assert u.p.poll() is None and len(said) < 5000, u.said()
            assert 'The IKE daemon starts with ' in said[0], said[0]
            assert not any('does not answer' in s for s in said), said
            wait_for(u.said, lambda: u.ioscc('status', ok=False).returncode == 0)


def name_that_moves():
    """B3: nobody has changed anything: it is no repair, and the log says what it is"""
    with uplinks.Uplinks(uplinks.NAMED, names={'hq.example.net': ('192.0.2.1',)}) as u:
        repairs = lambda: metric(u.ioscc('metrics').stdout, 'ioscc_repairs_total')
        assert repairs() == '0'
        u.dns.names['hq.example.net'] = ('192.0.2.3',)
        wait_for(u.said, lambda: 'hq.example.net was 192.0.2.1, is 192.0.2.3' in u.said())
        assert 'peers known by name have other addresses' in u.said(), u.said()
        assert 'repaired in' not in u.said(), u.said()
        assert repairs() == '0', u.said()
        u.node.ip('xfrm', 'policy', 'flush')
        wait_for('what somebody has taken away is a repair', lambda: repairs() == '1')


def name_found_at_last():
    """B3: ... nor is that"""
    with uplinks.Uplinks(uplinks.NAMED, names={}) as u:
        u.dns.names['hq.example.net'] = ('192.0.2.3',)
        wait_for(u.said, lambda: 'hq.example.net was not known, is 192.0.2.3' in u.said())
        assert metric(u.ioscc('metrics').stdout, 'ioscc_repairs_total') == '0', u.said()
        assert 'repaired in' not in u.said(), u.said()


def name_that_is_not_found():
    """B4: an entry that has no other peer is not run: metrics count it, until the name is found"""
    blocked = lambda u: metric(u.ioscc('metrics').stdout, 'ioscc_entries{state="blocked"}')
    with uplinks.Uplinks(uplinks.TWO_NAMES, options=('--allow-partial',), names={'hq.example.net': ('192.0.2.1',)}) as u:
        assert 'entry 20' in u.ioscc('status').stdout, u.ioscc('status').stdout
        assert blocked(u) == '1', u.ioscc('metrics').stdout
        assert metric(u.ioscc('metrics').stdout, 'ioscc_entries{state="down"}') == '1', u.ioscc('metrics').stdout
        u.dns.names['branch.example.net'] = ('192.0.2.3',)
        wait_for(u.said, lambda: 'branch.example.net was not known, is 192.0.2.3' in u.said())
        wait_for('it is run', lambda: blocked(u) == '0')
    with uplinks.Uplinks(uplinks.TWO_NAMES.replace(' set peer branch', ' set peer 192.0.2.3\n set peer branch'), options=('--allow-partial',), names={'hq.example.net': ('192.0.2.1',)}) as u:
        assert blocked(u) == '0', u.ioscc('metrics').stdout


# ---- the rest ----

def looked_at_during_reloads():
    """B6: who looks while somebody changes what is applied sees no interruption"""
    lines = ''.join(' permit ip 10.1.0.0 0.0.255.255 10.64.%d.0 0.0.0.255\n' % n for n in range(100))
    with uplinks.Uplinks(uplinks.TWO, before=links.FORWARDS) as u:
        files = [write(u, name, uplinks.TWO.replace('crypto map M 10', text + 'crypto map M 10', 1)) for name, text in (('a.cfg', lines), ('b.cfg', lines.replace('10.64.', '10.65.')))]
        ended, over = [], threading.Event()

        def reload():
            try:
                for n in range(6 if lab.QUICK else 20):
                    ended.append(u.ioscc('reload', '--allow-less', files[n % 2], ok=False).returncode)
            finally:
                over.set()
        worker = threading.Thread(target=reload)
        worker.start()
        seen = []
        while not over.is_set():
            seen += [(command, u.ioscc(command, ok=False)) for command in ('status', 'metrics')]
        worker.join()
        assert set(ended) == {0}, ended
        for command, p in seen:
            assert 'interrupted' not in p.stdout + p.stderr, p.stdout
            assert command == 'status' or metric(p.stdout, 'ioscc_in_sync') == '1', p.stdout
        red = [p.stdout + p.stderr for _, p in seen if p.returncode]
        assert not red, '%d of %d are not 0, the first:\n%s' % (len(red), len(seen), red[0])


def nat_by_a_list_without_lines():
    """B8: a route map's list is there and has no lines: what NAT would do is not known, and that is said"""
    nat = 'ip access-list extended N\n%sroute-map R permit 10\n match ip address N\nip nat inside source route-map R interface GigabitEthernet0/0 overload\n'
    config = lambda line: BASE.replace('interface', nat % line + 'interface', 1).replace(' crypto map M\n', ' crypto map M\n ip nat outside\n').replace('end\n', ' ip nat inside\nend\n')
    with host(config('')) as h:
        for status, command in ((2, 'plan'), (1, 'apply')):
            said = does(h, status, command, h.file)
            assert re.search(r'error: .*access list that has no lines.* \[IC4016', said), said
        assert not h.policies() and 'inet ioscc' not in h.tables(), 'something was applied'
        said = does(h, 1, 'plan', write(h, 'line.cfg', config(' permit ip 10.1.0.0 0.0.255.255 any\n')))
        assert 'IC4016' not in said, said


# what somebody does to what stands; is it whole then?
TAKEN = (
    ('true', True),
    ("nft 'add table inet ioscc { flags dormant; }'", False),
    ('nft flush chain inet ioscc packet0', False),
    ('ip xfrm policy flush', False),
    ('nft delete table inet ioscc', False),
    ('nft flush ruleset; ip xfrm policy flush', False),
)


def failed_unit(name):
    """B9: a start that has failed closes the host again, unless all that is applied stands; the daemon's end is not asked for"""
    stop = boot.command(boot.unit(name)['Service']['ExecStopPost'])
    with host(BASE) as h:
        def shell(text, result='exit-code'):
            env = dict(os.environ, IOSCC=closed.IOSCC, STATE=h.state, FILE=h.file, SERVICE_RESULT=result)
            return h.node.run('sh', '-c', text, ok=False, env=env)

        def closes(result='exit-code'):
            shell(stop, result)
            is_closed = 'ioscc_early' in h.tables()
            shell('nft delete table inet ioscc_early')
            return is_closed
        assert closes(), 'nothing is applied, and it is open'
        does(h, 1, 'status', '--kernel')
        for text, is_whole in TAKEN:
            does(h, 0, 'apply', h.file)
            shell(text)
            does(h, 0 if is_whole else 1, 'status', '--kernel')
            assert closes() != is_whole, text
            assert not closes('success'), 'it was ended, and closes: ' + text
        does(h, 0, 'apply', h.file)
        p = h.daemon()
        p.kill()
        p.wait(lab.BOUND)
        wait_for('status says that the daemon has ended', lambda: h.ioscc('status').returncode == 1)
        does(h, 0, 'status', '--kernel')
        assert not closes(), 'the daemon was killed, all stands, and it closes'


def tests():
    for name, *row in SHARED[::3] if lab.QUICK else SHARED:
        yield 'netns: shared: ' + name, lambda row=row: shared(*row)
        yield 'netns: shared: %s, with a daemon' % name, lambda row=row: watched(*row)
    yield 'netns: shared: a link that is named twice', named_twice
    for name, *row in PARTS[::5] if lab.QUICK else PARTS:
        yield "netns: said: the other uplink's list protects %s" % name, lambda row=row: part_of_a_line(*row)
    for how, signal_of in () if lab.QUICK else (('was ended', signal.SIGTERM), ('was killed', signal.SIGKILL)):
        yield 'netns: said: it starts anew with a silent name server, it ' + how, lambda s=signal_of: starts_anew(s)
    yield 'netns: said: a name that moves is no repair', name_that_moves
    yield 'netns: said: a name that is found at last is no repair', name_found_at_last
    yield 'netns: said: an entry whose name is not found is blocked', name_that_is_not_found
    yield 'netns: said: status and metrics during reloads', looked_at_during_reloads
    yield 'netns: said: NAT by a route map whose list has no lines', nat_by_a_list_without_lines
    for name in links.UNITS:
        yield 'netns: said: a start that fails, ' + name, lambda name=name: failed_unit(name)


if __name__ == '__main__':
    import time
    bad = 0
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            start = time.monotonic()
            try:
                f()
                print('ok   %5.1f s %s' % (time.monotonic() - start, name), flush=True)
            except (AssertionError, RuntimeError, subprocess.TimeoutExpired) as e:
                bad += 1
                print('FAIL %5.1f s %s\n%s' % (time.monotonic() - start, name, str(e)[:3000]), flush=True)
    sys.exit(bad != 0)
