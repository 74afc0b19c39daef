# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's evening on a live host, hour by hour: what was found there (tests/findings.txt, E7 to E43) and is not looked at whole
by the tests of each part. Wrong namespaces, ports and files, a second daemon, a damaged state, policies of others: each command is
refused or says what is so, what stands stands, and the way out that is printed leads out."""
import contextlib, hashlib, json, os, re, signal, socket, subprocess, sys

sys.path[:0] = ['tests/netns']
import lab, test_closed as closed
from lab import wait_for
from test_apply import held, watchers, write

IOSCC, CONFIG = closed.IOSCC, closed.CONFIG
ENV = dict(os.environ, NO_COLOR='1')
NOBODY = ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups')
# another network more, so that something would change
MORE = CONFIG.replace('permit udp', 'permit ip 10.1.0.0 0.0.255.255 10.99.0.0 0.0.255.255\n permit udp', 1)
MOST = MORE.replace('permit udp', 'permit ip 10.1.0.0 0.0.255.255 10.98.0.0 0.0.255.255\n permit udp', 1)
TWO = CONFIG.replace('end\n', 'interface GigabitEthernet0/2\n ip address 198.51.100.2 255.255.255.0\n crypto map M\nend\n')
CUT = CONFIG[:CONFIG.index('interface')]
OTHER_NAMESPACE = 'it is the state of another network namespace'


class Host:
    """a router with eth0 192.0.2.1, eth1 10.1.0.1 and eth2 198.51.100.2, and what is at their other ends; nobody sends anything"""

    def __init__(self, l, config):
        self.node, self.isp = l.node('r'), l.node('isp')
        for link, far, address in (('eth0', 'wan', '192.0.2.1/24'), ('eth1', 'lan', '10.1.0.1/16'), ('eth2', 'wan2', '198.51.100.2/24')):
            l.link(self.node, link, self.isp, far)
            self.node.ip('addr', 'add', address, 'dev', link)
        self.isp.ip('addr', 'add', '192.0.2.2/24', 'dev', 'wan')
        self.node.ip('route', 'add', 'default', 'via', '192.0.2.2')
        self.node.sysctl('net/ipv4/ip_forward', 1)
        self.dir = l.directory()
        self.state, self.file, self.daemons = self.dir + '/state', write(self, 'r.cfg', config), []

    def ioscc(self, command, *words, node=None, state=None, before=()):
        return (node or self.node).run(*before, IOSCC, command, '--state-dir', state or self.state, *words, ok=False, env=ENV, timeout=lab.BOUND)

    def daemon_anyhow(self, good=lambda p: True):
        """one that runs, whether it is in order or not"""
        with self.node.inside(), open(self.dir + '/log', 'a') as log:
            p = subprocess.Popen([IOSCC, 'run', '--state-dir', self.state, self.file], stdout=log, stderr=subprocess.STDOUT, env=ENV)
        self.daemons.append(p)
        said = lambda: open(self.dir + '/log', errors='replace').read()
        wait_for(said, lambda: os.path.exists(self.state + '/control.sock') and good(p), alive=lambda: p.poll() is None)
        assert p.poll() is None, said()
        return p

    def daemon(self):
        """one that runs and is in order"""
        return self.daemon_anyhow(lambda p: self.ioscc('status').returncode == 0)

    def policies(self):
        return [p for p in held(self)[0] if p.strip()]

    def tables(self):
        return self.node.run('nft', 'list', 'tables').stdout

    @contextlib.contextmanager
    def untouched(self):
        before = held(self)
        yield
        assert held(self) == before, 'something was touched'

    def in_order(self, name='r.cfg'):
        meets(self.ioscc('status'), 0, self.dir + '/' + name + ', applied')


@contextlib.contextmanager
def host(config=CONFIG, applied=True):
    with lab.Lab() as l:
        h = Host(l, config)
        try:
            if applied:
                meets(h.ioscc('apply', h.file), 0)
            yield h
        finally:
            for p in h.daemons:
                p.kill()
                p.wait(lab.BOUND)


def told(p):
    return '%s: exit %d\n%s%s' % (' '.join(p.args[4:]), p.returncode, p.stdout, p.stderr)


def meets(p, code, *words):
    """its exit status, and what it says"""
    assert p.returncode == code, 'not %d: %s' % (code, told(p))
    for w in words:
        assert w in p.stdout + p.stderr, 'it does not say %r: %s' % (w, told(p))


def processes(h):
    return subprocess.run(['pgrep', '-f', h.dir], capture_output=True, text=True).stdout.split()


# ---- E7, E9, E41: daemons ----

def second_daemon():
    """E7: it ends at once, and the first one still answers"""
    with host() as h:
        first = h.daemon()
        meets(h.ioscc('run', h.file), 1, 'a daemon runs already with %s (process %d)' % (h.file, first.pid))
        p = h.ioscc('run', h.file, state=h.dir + '/other')
        meets(p, 1, 'a daemon runs here with another state directory: nothing is touched')
        meets(h.ioscc('show', 'crypto', 'session'), 0, 'Crypto session current status')
        meets(h.ioscc('status'), 0, 'The IKE daemon runs with %s, process %d.' % (h.file, first.pid))
        for port in (500, 4500):
            owners = h.node.run('ss', '-Hlunp4', 'sport = :%d' % port).stdout.splitlines()
            assert len(owners) == 1, 'port %d: %s' % (port, owners)


def port_is_taken(port, applied):
    """E9: the port of IKE is somebody else's: a daemon says so and ends, and nothing is changed"""
    with host(applied=applied) as h:
        with h.node.inside():
            foreign = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with foreign, h.untouched():
            foreign.bind(('0.0.0.0', port))
            p = h.ioscc('run', write(h, 'more.cfg', MORE))
            meets(p, 3)
            assert re.search(r'UDP port %d (is in use|cannot be had)' % port, p.stderr), told(p)
            wait_for('none of its processes is left', lambda: not processes(h))
        p = h.ioscc('status')
        meets(p, 0, 'r.cfg, applied' if applied else 'Nothing is applied.')
        assert 'has ended' not in p.stdout, told(p)


def killed_daemon():
    """E41: status says it, and is 1"""
    with host() as h:
        p = h.daemon()
        h.in_order()
        p.send_signal(signal.SIGKILL)
        p.wait(lab.BOUND)
        wait_for('its processes have ended', lambda: not processes(h))
        meets(h.ioscc('status'), 1, 'The IKE daemon has ended: nothing is negotiated')


# ---- E8: another namespace ----

def other_namespace(with_daemon):
    """each command there is refused, and what is applied here stays what it is, with its way back"""
    with host() as h:
        meets(h.ioscc('apply', write(h, 'more.cfg', MORE)), 0)
        if with_daemon:
            h.file = h.dir + '/more.cfg'
            h.daemon()
        digest = lambda: hashlib.sha256(open(h.state + '/state.json', 'rb').read()).hexdigest()
        before = digest()
        named = ['-m', 'Gi0/0=wan,Gi0/1=lo', h.file]
        of_daemon = 'a daemon of another network namespace runs' if with_daemon else OTHER_NAMESPACE
        rows = [(3, OTHER_NAMESPACE, *words) for words in (['plan', *named], ['apply', *named], ['remove'], ['rollback'], ['confirm'], ['status'], ['metrics'])]
        rows += [(3, OTHER_NAMESPACE if with_daemon else 'no daemon runs with state directory', 'reload', *named), (1 if with_daemon else 3, of_daemon, 'run', *named)]
        with h.untouched():
            for code, why, *words in rows:
                meets(h.ioscc(*words, node=h.isp), code, why)
                assert digest() == before, 'the state is another one after ' + words[0]
                assert not h.isp.ip('xfrm', 'policy').strip(), words[0]
                assert not h.isp.run('nft', 'list', 'ruleset').stdout.strip(), words[0]
            h.in_order('more.cfg')
        meets(h.ioscc('rollback'), 0, 'Back to %s/r.cfg' % h.dir)
        h.in_order()


def daemon_of_another_namespace():
    """to reload that one is no way out there"""
    with host() as h:
        h.daemon()
        p = h.ioscc('run', '-m', 'Gi0/0=wan,Gi0/1=lo', h.file, node=h.isp)
        assert p.returncode, told(p)
        assert 'namespace' in p.stderr, 'it does not say that the daemon is of another network namespace: ' + told(p)


# ---- E11: --confirm ----

def nested_confirm():
    """one --confirm over another goes back to what was confirmed last"""
    with host() as h:
        before = held(h)
        meets(h.ioscc('apply', '--confirm', '600', write(h, 'more.cfg', MORE)), 0)
        meets(h.ioscc('apply', '--confirm', '2', write(h, 'most.cfg', MOST)), 0)
        wait_for('it goes back', lambda: 'Went back by itself' in h.ioscc('status').stdout)
        assert held(h) == before, 'to something else than what was confirmed last'
        h.in_order()


def apply_while_one_waits():
    """a plain apply is no experiment: nothing waits any more, and nothing goes back"""
    with host() as h:
        meets(h.ioscc('apply', '--confirm', '5', write(h, 'more.cfg', MORE)), 0)
        meets(h.ioscc('apply', write(h, 'most.cfg', MOST)), 0)
        stands = held(h)
        assert 'Waits' not in h.ioscc('status').stdout, 'something waits'
        meets(h.ioscc('confirm'), 1)
        wait_for('the time is over', lambda: not watchers(h))
        assert held(h) == stands, 'it went back'
        h.in_order('most.cfg')


# ---- E13, E15: the state ----

def nobody_makes_a_state(mode):
    """who may not is told what to do, also where no state directory is there yet; none is made"""
    with host(applied=False) as h:
        os.mkdir(h.dir + '/files')
        os.chmod(h.dir, 0o755)
        path = write(h, 'files/r.cfg', CONFIG)
        os.mkdir(h.dir + '/run', mode)
        os.chmod(h.dir + '/run', mode)
        with h.untouched():
            for words in (['plan', path], ['status'], ['apply', path], ['remove'], ['rollback'], ['confirm'], ['run', path], ['clear', 'crypto', 'sa'], ['metrics'], ['reload', path]):
                p = h.ioscc(*words, state=h.dir + '/run/ioscc', before=NOBODY)
                meets(p, 3, 'or you are not root' if words[0] == 'reload' else 'run it as root')
                assert 'damaged' not in p.stderr, told(p)
                assert os.listdir(h.dir + '/run') == [], words


def lost_state():
    """E15: plan has nothing to add, and apply takes over what stands"""
    with host() as h:
        subprocess.run(['rm', '-r', h.state], check=True)
        with h.untouched():
            meets(h.ioscc('plan', h.file), 1, 'Plan: 0 policies to add, 0 to change, 0 to remove')
        meets(h.ioscc('apply', h.file), 0, 'Plan: 0 policies to add, 0 to change, 0 to remove')
        h.in_order()


def truncated_state(size):
    """E15: each command says the way out, and that one leads out"""
    with host() as h:
        os.truncate(h.state + '/state.json', size)
        with h.untouched():
            for words in (['plan', h.file], ['apply', h.file], ['status'], ['remove'], ['run', h.file], ['rollback'], ['confirm'], ['metrics'], ['show', 'crypto', 'map']):
                meets(h.ioscc(*words), 3, 'the state file is damaged', "remove state.json there: 'ioscc apply'")
        os.remove(h.state + '/state.json')
        with h.untouched():
            p = h.ioscc('apply', h.file)
        meets(p, 0, 'Plan: 0 policies to add, 0 to change, 0 to remove')
        h.in_order()


def truncated_state_beside_a_daemon():
    """the way out is by apply, and from there by reload"""
    with host() as h:
        h.daemon()
        os.truncate(h.state + '/state.json', 200)
        with h.untouched():
            meets(h.ioscc('reload', h.file), 3, 'the state file is damaged', "remove state.json there: 'ioscc apply'")
        os.remove(h.state + '/state.json')
        with h.untouched():
            meets(h.ioscc('apply', h.file), 1, "'ioscc reload FILE'")
        meets(h.ioscc('reload', h.file), 0)
        h.in_order()


# ---- E27, E30: objects of others ----

AHEAD = 'warning: a policy of another program has a higher priority than ours:\n  ! %-3s %s: '
# name, direction, selector, how that is shown, what else it has
AHEADS = [
    ('outbound', 'out', 'src 0.0.0.0/0 dst 0.0.0.0/0', 'any -> any', 'priority 1'),
    ('without a priority', 'out', 'src 0.0.0.0/0 dst 0.0.0.0/0', 'any -> any', ''),
    ('of a part of it', 'out', 'src 10.1.7.0/24 dst 10.2.0.0/16', '10.1.7.0/24 -> 10.2.0.0/16', 'priority 100'),
    ('of one link', 'out', 'src 0.0.0.0/0 dst 0.0.0.0/0 dev eth0', 'any -> any by eth0', 'priority 1'),
    ('inbound', 'in', 'src 0.0.0.0/0 dst 0.0.0.0/0', 'any -> any', 'priority 1'),
    ('forwarded', 'fwd', 'src 0.0.0.0/0 dst 0.0.0.0/0', 'any -> any', 'priority 1'),
]


def policy_ahead(direction, selector, shown, more):
    """of another program, asked before ours: plan, apply and status name it"""
    foreign = selector.split() + ['dir', direction]
    warning = AHEAD % (direction, shown)
    with host(applied=False) as h:
        h.node.ip('xfrm', 'policy', 'add', *foreign, *more.split())
        meets(h.ioscc('plan', h.file), 1, warning)
        meets(h.ioscc('apply', h.file), 0, warning)
        meets(h.ioscc('plan', h.file), 0, warning)
        meets(h.ioscc('apply', h.file), 0, warning)
        meets(h.ioscc('status'), 1, warning)
        h.node.ip('xfrm', 'policy', 'delete', *foreign)
        p = h.ioscc('plan', h.file)
        assert 'higher priority' not in p.stdout, told(p)
        h.in_order()


def same_selector_by_a_link():
    """E27: the conflict names the link that the other policy is bound to"""
    with host(applied=False) as h:
        h.node.ip('xfrm', 'policy', 'add', 'src', '10.1.0.0/16', 'dst', '10.2.0.0/16', 'dev', 'eth0', 'dir', 'out', 'priority', '7', 'tmpl', 'src', '9.9.9.9', 'dst', '192.0.2.1', 'proto', 'esp', 'mode', 'tunnel')
        with h.untouched():
            for command, code in (('plan', 2), ('apply', 1)):
                p = h.ioscc(command, h.file)
                meets(p, code, 'nothing is touched')
                line = next((x for x in p.stdout.splitlines() if x.startswith('conflict: ')), '')
                assert '10.1.0.0/16' in line and '10.2.0.0/16' in line, told(p)
                assert re.search(r'\b(dev|by) eth0\b', line), 'the link is not named: ' + told(p)


def half_that_fails(first):
    """E30: the table is another program's: the IPsec half is taken back whole"""
    with host(applied=not first) as h:
        if not first:
            h.node.run('nft', 'delete', 'table', 'inet', 'ioscc')
        with h.node.inside():
            owner = subprocess.Popen(['nft', '-i'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            owner.stdin.write('add table inet ioscc { flags owner; comment "made by ioscc"; }\n')
            owner.stdin.flush()
            wait_for('his table', lambda: 'table inet ioscc' in h.tables())
            with h.untouched():
                p = h.ioscc('apply', write(h, 'more.cfg', MORE))
            meets(p, 3, 'another program holds it for itself alone', '\nNothing was changed.')
            assert 'as root' not in p.stderr, told(p)
            assert bool(h.policies()) == (not first), h.policies()
        finally:
            owner.stdin.close()
            owner.wait(lab.BOUND)
        meets(h.ioscc('apply', h.dir + '/more.cfg'), 0)
        h.in_order('more.cfg')


# ---- E31, E36, E39: what is refused ----

def apply_beside_a_daemon():
    """E31: refused, whatever its options are; the way out is that of the message"""
    with host() as h:
        h.daemon()
        more = write(h, 'more.cfg', MORE)
        with h.untouched():
            for options in ([], ['--confirm', '600'], ['--allow-less']):
                meets(h.ioscc('apply', *options, more), 1, 'a daemon runs with %s (process %d): nothing is touched' % (h.file, h.daemons[0].pid), "'ioscc reload FILE'")
                assert not watchers(h), 'somebody waits to go back'
                h.in_order()
        meets(h.ioscc('reload', more), 0)  # the way out
        h.in_order('more.cfg')


# configuration, interface map, what is said
UPLINKS = (TWO, 'Gi0/0=eth2,Gi0/1=eth1,Gi0/2=eth0', 'GigabitEthernet0/0 is eth2 there, but eth0 has its address 192.0.2.1: nothing is touched')
SIDES = (CONFIG, 'Gi0/0=eth1,Gi0/1=eth0', 'GigabitEthernet0/0 is eth1 there, but eth0 has its address 192.0.2.1: nothing is touched')


def swapped(config, links, which, there):
    """E36: an interface map that names the wrong links"""
    with host(config, applied=there != 'nothing') as h:
        if there == 'daemon':
            h.daemon()
        with h.untouched():
            for command in ['plan', 'reload'] if there == 'daemon' else ['plan', 'apply', 'run']:
                meets(h.ioscc(command, '-m', links, h.file), 2, which)
        assert bool(h.policies()) == (there != 'nothing'), h.policies()


# name, the file, why it is refused
WRONG = [
    ('an empty file', '', 'is empty'),
    ('prose', 'Dear router, please protect everything.\n', 'applies no crypto map to an interface'),
    ('/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n', 'applies no crypto map to an interface'),
    ('a configuration of another system', 'ASA Version 9.8(2)\nhostname asa\nnames\ninterface GigabitEthernet1/1\n nameif outside\n security-level 0\n', 'is a configuration of another system'),
    ('a file cut off before its interfaces', CUT, 'applies no crypto map to an interface'),
]


def nothing_in_it(text, why):
    """E39: a file that would take all away"""
    with host() as h:
        with h.untouched():
            p = h.ioscc('apply', write(h, 'wrong.cfg', text))
        meets(p, 1, why + ': nothing is touched', "--allow-less, or 'ioscc remove'")
        h.in_order()


def consent_takes_all_away():
    """... and does, where that is said"""
    with host() as h:
        meets(h.ioscc('apply', '--allow-less', write(h, 'empty.cfg', '')), 0)
        assert not h.policies(), h.policies()
        assert 'inet ioscc' not in h.tables(), h.tables()
        meets(h.ioscc('status'), 0)


# name, the file, the line, what is not there
MISSPELT = [
    ('transform set', CONFIG.replace('set transform-set T', 'set transform-set U'), 'set transform-set U', 'U'),
    ('list', CONFIG.replace('match address L', 'match address K'), 'match address K', 'K'),
]


def misspelt(text, words, name, there):
    """E39: plan, apply and reload print the line, the finding and the name, and refuse; --allow-less is no consent to that"""
    with host(applied=there) as h:
        wrong = write(h, 'wrong.cfg', text)
        place = '%s:%d:' % (wrong, next(n for n, line in enumerate(text.splitlines(), 1) if words in line))

        def look(command, code, *options):
            with h.untouched():
                p = h.ioscc(command, *options, wrong)
            meets(p, code, 'nothing is touched')
            line = next((x for x in p.stderr.splitlines() if x.startswith(place)), '')
            assert 'error: ' in line, 'no error at %s %s' % (place, told(p))
            assert 'IC4022' in line, 'no finding: ' + told(p)
            assert '(%s)' % name in line, '%s is not named: %s' % (name, told(p))
        for options in ([], ['--allow-less']):
            look('plan', 2, *options)
            look('apply', 1, *options)
        if there:
            h.daemon()
            look('reload', 1)
            look('reload', 1, '--allow-less')
            h.in_order()


# ---- E38: connections from before ----

def connections_from_before():
    """our own NAT has translated a flow; a reload protects its network: that one begins anew, what stays clear goes on"""
    before = closed.NAT.replace(' deny ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n', '').replace(' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n', '')
    entries = lambda to: [x for x in w.r.run('cat', '/proc/net/nf_conntrack').stdout.splitlines() if re.search(r'^[^=]*src=10\.1\.0\.9 dst=%s ' % re.escape(to), x)]
    with lab.Lab() as l:
        w = closed.World(l, before)
        try:
            w.shell('$IOSCC apply $OPTIONS $FILE; ' + closed.RUN)
            wait_for('the flow is translated, in the clear', lambda: any('192.0.2.1 to 10.2.0.9' in x for x in w.leaks))
            wait_for('a clear flow', lambda: entries('9.9.9.9'))
            # marks tell entries of before from new ones
            w.shell('nft add table ip m; nft add chain ip m f "{ type filter hook forward priority 0; }"; nft add rule ip m f ip saddr 10.1.0.9 ct mark set 77')
            for to in ('10.2.0.9', '9.9.9.9'):
                wait_for('its mark', lambda: any('mark=77 ' in x for x in entries(to)))
            w.shell('nft delete table ip m')
            open(w.file + '.2', 'w').write(closed.NAT)
            said = w.shell('$IOSCC reload $OPTIONS $FILE.2')
            w.flows()  # behind what was on its way
            w.forget()
            clear = w.clear
            wait_for('what is clear goes on', lambda: w.clear > clear + 30)
            left = [x for x in entries('10.2.0.9') if 'dst=192.0.2.1' in x or 'mark=77' in x]
            assert not left, 'it goes on translated: %s\n%s' % (left, said)
            assert any('mark=77 ' in x for x in entries('9.9.9.9')), 'a clear flow has lost its entry: %s\n%s' % (entries('9.9.9.9'), said)
            w.flows()
            assert not w.leaks, w.leaks[0]
            assert not w.came, w.came[0]
        finally:
            w.end()


# ---- E43: many addresses ----

def many_addresses():
    """two thousand on the inside link: each interface is found by its own, and the plan is the same"""
    with host(applied=False) as h:
        few = h.ioscc('plan', h.file)
        meets(few, 1)
        batch = ''.join('addr add 10.1.%d.%d/32 dev eth1\n' % (i // 200 + 1, i % 200 + 1) for i in range(2000))
        sh = h.node.run('ip', '-batch', '-', input=batch)
        assert h.node.ip('-4', 'addr', 'show', 'dev', 'eth1').count('inet ') == 2001, sh.stderr
        many = h.ioscc('plan', h.file)
        meets(many, 1)
        ours = lambda p: [x for x in p.stdout.splitlines() if re.match(r'  [+~-] (in|fwd|out) |Plan: \d+ policies', x)]
        assert ours(few) == ours(many), told(many)
        assert 'by eth0' in many.stdout, told(many)
        meets(h.ioscc('apply', h.file), 0)
        meets(h.ioscc('plan', h.file), 0, 'Nothing to change')
        h.in_order()


def another_key():
    """policies and rules are the same, and the file is not: a pipeline that hands over what plan finds must hear of it"""
    with host() as h:
        meets(h.ioscc('plan', h.file), 0, 'Nothing to change')
        other = write(h, 'other.cfg', CONFIG.replace('correct-horse-battery', 'another-horse-battery'))
        meets(h.ioscc('plan', other), 1, 'Nothing to change', 'But the file is another one than what is applied: keys, and what IKE negotiates by, may not be the same.')
        for path, differs in ((other, True), (h.file, False)):
            said = json.loads(h.ioscc('plan', '--format', 'json', path).stdout)
            assert (said['changes'], said['another_file']) == (False, differs), said
        meets(h.ioscc('apply', other), 0, 'Applied.')
        meets(h.ioscc('plan', other), 0, 'Nothing to change')
        meets(h.ioscc('plan', h.file), 1, 'But the file is another one')
        p = h.ioscc('rollback')
        meets(p, 0, 'Back to ' + h.file)
        assert p.stderr.count('[IC4035') <= 1, 'a finding is said twice: ' + told(p)


def tests():
    rows = [
        ('second daemon', second_daemon),
        *(('port %d is taken%s' % (port, ', something stands' if applied else ''), lambda port=port, applied=applied: port_is_taken(port, applied)) for port in (500, 4500) for applied in (True, False)),
        ('daemon killed', killed_daemon),
        ('other namespace', lambda: other_namespace(False)),
        ('other namespace, a daemon runs here', lambda: other_namespace(True)),
        ('run, and the daemon is of another namespace', daemon_of_another_namespace),
        ('nested confirm', nested_confirm),
        ('plain apply while one waits', apply_while_one_waits),
        ('nobody, in a directory of root alone', lambda: nobody_makes_a_state(0o700)),
        ('nobody, in a directory that all may read', lambda: nobody_makes_a_state(0o755)),
        ('state lost', lost_state),
        *(('state truncated to %d bytes' % size, lambda size=size: truncated_state(size)) for size in (200, 0)),
        ('state truncated beside a daemon', truncated_state_beside_a_daemon),
        *(('policy of another program ahead, ' + name, lambda row=row: policy_ahead(*row)) for name, *row in AHEADS),
        ('policy of another program with our selector and a link', same_selector_by_a_link),
        ('failing half, nothing stood', lambda: half_that_fails(True)),
        ('failing half, something stands', lambda: half_that_fails(False)),
        ('apply beside a daemon', apply_beside_a_daemon),
        *(('%s swapped, %s there' % (name, there), lambda row=row, there=there: swapped(*row, there)) for name, row in (('sides', SIDES), ('uplinks', UPLINKS)) for there in ('nothing', 'something', 'daemon')),
        *(('wrong file, ' + name, lambda row=row: nothing_in_it(*row)) for name, *row in WRONG),
        ('empty file with consent', consent_takes_all_away),
        *(('%s misspelt, %s' % (name, 'something stands' if there else 'nothing stands'), lambda row=row, there=there: misspelt(*row, there)) for name, *row in MISSPELT for there in (True, False)),
        ('connections from before', connections_from_before),
        ('another key', another_key),
        ('two thousand addresses', many_addresses),
    ]
    for name, f in rows[::3] if lab.QUICK else rows:
        yield 'netns: evening: ' + name, f
